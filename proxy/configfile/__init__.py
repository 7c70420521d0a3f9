"""The configuration file: TOML text ⇄ values ⇄ rows.

`parse` (text → values) and `plan` (values against values → changes) are pure; `rows` reads the
tables, `validation` lets the tables' own validators judge, `apply` writes, `importing` is the
way through all of them, `export` is the way back.
"""
