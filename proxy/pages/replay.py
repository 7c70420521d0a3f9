"""A request of the history sent again to another target, both answers side by side."""

from __future__ import annotations

import zlib
from typing import Any

from asgiref.sync import async_to_sync
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404

from providers.errors import in_words
from proxy import replay, snapshot
from proxy.admin.history_export import body_text
from proxy.admin.request_view import TONES, shown_cost
from proxy.figures import seconds
from proxy.models import RequestLog
from proxy.pages.base import Page
from proxy.replay import Answer, NotReplayable


class ReplayPage(Page):
    """Choose a target, send, compare. Nothing is sent before somebody asks for it."""

    title = "Replay"
    template_name = "admin/pages/replay.html"
    permission = "proxy.use_console"

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """The page, for who may also see requests and their text. Raises PermissionDenied."""
        if not request.user.has_perms(("proxy.view_bodies", "proxy.view_requestlog")):
            raise PermissionDenied
        return super().dispatch(request, *args, **kwargs)

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The form, or why this request cannot be sent again; both answers are asked for until somebody unticks it."""
        return self._shown(request, get_object_or_404(RequestLog, pk=pk), again=True)

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Send it to the chosen target, and to the first one again when asked to; the answers come with the page."""
        row = get_object_or_404(RequestLog, pk=pk)
        config = snapshot.start()
        problem = _problem(row)
        if config is None or problem:
            return self._shown(request, row, status=409)
        known = replay.targets_of(config)
        chosen = request.POST.get("target", "")
        if chosen not in known:
            return self._shown(request, row, status=400, notice="Choose a target that is configured.")
        names = [chosen]
        if request.POST.get("again") and _first(row) in known and _first(row) != chosen:
            names.insert(0, _first(row))
        body = replay.request_of(body_text(row.body) or "", row.inbound_format)
        # On the server's own loop, where the upstream connections are; this thread waits.
        answers = async_to_sync(replay.replayed)(body, [known[name] for name in names], config, row.request_id)
        return self._shown(request, row, chosen=chosen, again=bool(request.POST.get("again")), answers=answers)

    def _shown(
        self, request: HttpRequest, row: RequestLog, *, status: int = 200, chosen: str = "", again: bool = False,
        answers: list[Answer] | None = None, notice: str = "",
    ) -> HttpResponse:  # fmt: skip
        config = snapshot.start()
        known = list(replay.targets_of(config)) if config else []
        cards = [_told(answer) for answer in answers or ()]
        if len(cards) == 1:
            cards.insert(0, _original(row))
        return self.shown(
            request, status=status, row=row, targets=known, chosen=chosen, again=again, notice=notice, cards=cards,
            problem=_problem(row), first=_first(row) if _first(row) in known else "",
        )  # fmt: skip


def _first(row: RequestLog) -> str:
    return f"{row.provider}/{row.actual_model}"


def _problem(row: RequestLog) -> str:
    """Why a request cannot be sent again, and what to do; empty when it can."""
    if row.operation != "messages":
        return "A count of tokens has no answer to compare."
    if snapshot.start() is None:
        return f"The configuration cannot be read: {snapshot.trouble()}"
    try:
        text = body_text(row.body)
    except zlib.error:
        return "The captured text is damaged and cannot be sent."
    if text is None:
        return (
            "The text of this request was not captured, so there is nothing to send. "
            "Have request bodies captured (router settings, History): it holds for later requests."
        )
    try:
        replay.request_of(text, row.inbound_format)
    except NotReplayable as error:
        return str(error)
    return ""


def _original(row: RequestLog) -> dict[str, Any]:
    return {
        "title": f"The first time: {_first(row)}",
        "outcome": row.get_outcome_display(),
        "tone": TONES.get(row.outcome, "bad"),
        "figures": _figures(row, row.input_tokens + row.cache_read_tokens + row.cache_write_tokens, row.output_tokens),
        "text": "",
        "note": "Its answer was not kept: the history keeps no answers. Ask the first target again to see both.",
        "request_id": row.request_id,
        "problem": row.error,
    }


def _told(answer: Answer) -> dict[str, Any]:
    record, usage = answer.record, answer.record.usage
    return {
        "title": answer.target,
        "outcome": in_words(record.outcome),
        "tone": TONES.get(record.outcome, "bad"),
        "figures": _figures(record, usage.input + usage.cache_read + usage.cache_write, usage.output),
        "text": answer.text,
        "note": "" if answer.text else "There is no text in this answer.",
        "request_id": record.request_id,
        "problem": answer.problem,
    }


def _figures(one: Any, tokens_in: int, tokens_out: int) -> list[tuple[str, str]]:
    return [
        ("First content", seconds(one.first_content_ms)),
        ("Took", seconds(one.duration_ms)),
        ("Tokens in / out", f"{tokens_in:,} / {tokens_out:,}"),
        ("Cost", shown_cost(one.cost_usd, one.outcome)),
        ("Stop reason", one.stop_reason or "-"),
    ]
