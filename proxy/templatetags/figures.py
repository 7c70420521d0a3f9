"""Figures in templates, as the pages tell them everywhere."""

from __future__ import annotations

from django import template

from proxy.figures import compact, money, seconds

register = template.Library()
register.filter("compact", compact)
register.filter("money", money)
register.filter("duration", seconds)


@register.filter
def grouped(number: int) -> str:
    """A whole number with its thousands apart: 12,345."""
    return f"{number:,}"
