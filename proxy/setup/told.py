"""How the last test of a provider went, kept in the visitor's session: its page can be left and come back to."""

from __future__ import annotations

from collections.abc import MutableMapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from django.utils import timezone

from providers.checking import CheckResult
from providers.errors import in_words
from providers.models import Provider

_KEY = "setup_test"


@dataclass(frozen=True, slots=True)
class Told:
    """A test and when it was. `asked`: the model that was typed; `kind`: its outcome in words; `listed`: models."""

    result: CheckResult
    asked: str
    kind: str
    listed: int
    time: datetime


def remember(session: MutableMapping[str, Any], row: Provider, result: CheckResult, asked: str = "") -> None:
    """Keep a result, in place of the one before. It holds no secret: `CheckResult` is scrubbed."""
    kept = asdict(result) | {"models": []}
    session[_KEY] = [row.pk, _connection(row), timezone.now().isoformat(), asked, len(result.models), kept]


def last(session: MutableMapping[str, Any], row: Provider) -> Told | None:
    """The last test if it was this provider's as it is now; None when it was another's, or it leads elsewhere since."""
    match session.get(_KEY):
        case [row.pk, version, time, asked, listed, dict(kept)] if version == _connection(row):
            result = CheckResult(**kept | {"models": ()})
            return Told(result, asked, in_words(result.outcome), listed, datetime.fromisoformat(time))
    return None


def _connection(row: Provider) -> list[str]:
    return [row.preset, row.base_url, row.project_id, row.location]
