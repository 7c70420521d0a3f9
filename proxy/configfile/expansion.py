"""`$NAME` and `${NAME}` in a value stand for variables of the environment; `$$` is a dollar."""

from __future__ import annotations

import re
from collections.abc import Mapping

_DOLLAR = re.compile(r"\$(?:\$|\{([A-Za-z_][A-Za-z0-9_]*)\}|([A-Za-z_][A-Za-z0-9_]*))?")


class UnsetVariable(ValueError):
    """A value cannot be expanded; the message says which variable is missing, and shows no value."""


def expand(text: str, environ: Mapping[str, str]) -> str:
    """`text` with its variables replaced; only variables it names are read. Raises UnsetVariable."""

    def replacement(match: re.Match[str]) -> str:
        name = match[1] or match[2]
        if match[0] == "$$":
            return "$"
        if not name:
            raise UnsetVariable("a $ must be followed by a variable's name; write $$ for a literal dollar")
        if not environ.get(name):
            raise UnsetVariable(f"the environment variable {name} is not set (write $$ for a literal dollar)")
        return environ[name]

    return _DOLLAR.sub(replacement, text)


def escape(text: str) -> str:
    """`text` written so that `expand` gives it back."""
    return text.replace("$", "$$")
