"""`$NAME` and `${NAME}` in a value stand for variables of the environment; `$$` is a dollar."""

from __future__ import annotations

import re
from collections.abc import Mapping

_INSTEAD = "write the value itself, set it in the admin, or import the file with manage.py importconfig"
_DOLLAR = re.compile(r"\$(?:\$|\{([A-Za-z_][A-Za-z0-9_]*)\}|([A-Za-z_][A-Za-z0-9_]*))?")


KEPT = "…"
"""How a secret begins where it is shown masked: whoever sends it back wants it kept."""


class UnsetVariable(ValueError):
    """A value cannot be expanded; the message says which variable is missing, and shows no value."""


def expand(text: str, environ: Mapping[str, str] | None) -> str:
    """`text` with its variables replaced; only variables it names are read. Raises UnsetVariable.

    `environ` None: the text is from somebody who may read no variable, and naming one is what is wrong with it.
    """
    if environ is None and text.startswith(KEPT):
        raise UnsetVariable(f"is masked; {_INSTEAD}")

    def replacement(match: re.Match[str]) -> str:
        name = match[1] or match[2]
        if match[0] == "$$":
            return "$"
        if not name:
            raise UnsetVariable("a $ must be followed by a variable's name; write $$ for a literal dollar")
        if environ is None:
            raise UnsetVariable(f"{match[0]} is not expanded in an upload; {_INSTEAD} ($$ is a literal dollar)")
        if not environ.get(name):
            raise UnsetVariable(f"the environment variable {name} is not set (write $$ for a literal dollar)")
        return environ[name]

    return _DOLLAR.sub(replacement, text)


def escape(text: str) -> str:
    """`text` written so that `expand` gives it back."""
    return text.replace("$", "$$")
