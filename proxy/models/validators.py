"""What the proxy's forms may hold."""

from __future__ import annotations

import re

from django.core.exceptions import ValidationError

from proxy.patterns import BadPattern, compile_pattern
from proxy.pricing import parse_price

_DRILL = re.compile(r"(?:status:[45][0-9]{2}|hang|cut:[0-9]{1,6})")


def validate_pattern(value: str) -> None:
    """A regex that RE2 compiles."""
    try:
        compile_pattern(value)
    except BadPattern as error:
        raise ValidationError(f"{str(error)[:1].upper()}{str(error)[1:]}.") from error


def validate_drill(value: str) -> None:
    """A drill of the echo provider."""
    if not _DRILL.fullmatch(value):
        raise ValidationError("A drill is status:529 (any 4xx or 5xx), hang, or cut:40 (characters).")


def validate_price(value: str) -> None:
    """A price as people write it: `3 / 15 / 0.3 / 3.75`."""
    try:
        parse_price(value)
    except ValueError as error:
        raise ValidationError(str(error)) from error
