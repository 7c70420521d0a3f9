"""Two people at one page of configuration: whoever saves last is told what he would overwrite."""

from __future__ import annotations

from typing import Any

from django.db.models import Model
from django.utils import timezone

FIELD = "_seen"
"""The hidden field that says which version a page was made from."""


def version_of(row: Model) -> str:
    """The number of the row's newest version in its history; empty when it has none."""
    newest = _history(row).first()
    return str(newest.history_id) if newest else ""


def newer_change(row: Model, seen: str) -> str:
    """Who changed the row after the version `seen`, and what to do about it; empty when nobody did."""
    newest = _history(row).select_related("history_user").first()
    if newest is None or str(newest.history_id) == seen:
        return ""
    who = f" by {newest.history_user}" if newest.history_user else ""
    when = timezone.localtime(newest.history_date).strftime("%H:%M:%S")
    return (
        f"“{row}” was changed{who} at {when}, after you opened this page. Save again to put what you see here in its "
        "place, or open the page anew to see that change."
    )


def _history(row: Any) -> Any:
    return row.history.order_by("-history_id")
