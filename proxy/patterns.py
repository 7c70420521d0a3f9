"""Regexes from users: RE2, linear in time whatever the pattern; compiled once, when saved or loaded."""

from __future__ import annotations

from functools import lru_cache
from typing import Protocol, cast

import re2

MAX_PATTERN = 512
MAX_HAYSTACK = 20_000
"""Characters of a text that a pattern is searched in."""

MAX_NAME = 100
"""Characters of a text that is short enough, such as a model name, to remember the answer for it."""


class BadPattern(ValueError):
    """A pattern that RE2 cannot compile; the message names it and says why."""


class Pattern(Protocol):
    """What a compiled pattern can do."""

    def search(self, text: str) -> object | None:
        """A match anywhere in `text`, or None."""
        ...

    def __hash__(self) -> int: ...


def _quiet_options() -> re2.Options:
    options = re2.Options()
    options.log_errors = False
    return options


_OPTIONS = _quiet_options()


def compile_pattern(text: str) -> Pattern:
    """Compile a user's regex. Raises BadPattern."""
    if len(text) > MAX_PATTERN:
        raise BadPattern(f"the pattern is longer than {MAX_PATTERN} characters")
    if _encodable(text) != text:
        raise BadPattern(f"{text!r} is not a valid pattern: it holds half a surrogate pair")
    try:
        return cast(Pattern, re2.compile(text, _OPTIONS))
    except re2.error as error:
        reason = error.args[0] if error.args else error
        words = reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)
        raise BadPattern(f"{text!r} is not a valid pattern (RE2): {words}") from error


def matches(pattern: Pattern | None, text: str) -> bool:
    """True when there is a pattern and it is found in the first part of `text`."""
    if pattern is None:
        return False
    return _matches_name(pattern, text) if len(text) <= MAX_NAME else _matches(pattern, text)


def _matches(pattern: Pattern, text: str) -> bool:
    return pattern.search(_encodable(text[:MAX_HAYSTACK])) is not None


_matches_name = lru_cache(maxsize=1024)(_matches)


def _encodable(text: str) -> str:
    """The text with each lone surrogate, legal in JSON but not in UTF-8, made a question mark."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()
