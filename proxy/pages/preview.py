"""The preview: where a request would go and why, without sending it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest, HttpResponse

from providers.models import Provider
from providers.wire.spans import dumps
from proxy import presence, preview
from proxy.models import RequestLog
from proxy.pages.base import Page
from proxy.preview import COUNT, DETECT, Preview, Question, Refusal
from proxy.preview_source import recalled

CHOICES = (
    (DETECT, "detect"),
    ("anthropic_messages", "Messages"),
    ("openai_chat", "Chat Completions"),
    ("openai_responses", "Responses"),
    (COUNT, "Messages, token count"),
)
FIELDS = {"session": "x-claude-code-session-id", "provider": "x-provider", "agent": "user-agent"}
"""The headers that have a field of their own, by its name."""
LATEST = 10
"""So many requests of the history are offered."""
EXAMPLE = """{
  "model": "claude-sonnet-4-6",
  "max_tokens": 1024,
  "messages": [{"role": "user", "content": "Explain this function."}]
}"""
_HEADER = re.compile(r"\s*([!#$%&'*+.^_`|~0-9A-Za-z-]+)\s*:(.*)")


class PreviewPage(Page):
    """Asks nobody and changes nothing: who may look at the routes may ask where they lead."""

    title = "Preview"
    template_name = "admin/pages/preview.html"
    permission = "proxy.view_logicalmodel"

    def get(self, request: HttpRequest) -> HttpResponse:
        """The form; with `?request=` filled from the history and answered, with `?model=` for that model."""
        wanted = request.GET.get("request", "")
        if not wanted:
            model = request.GET.get("model", "")
            text = EXAMPLE.replace('"claude-sonnet-4-6"', _quoted(model)) if model else EXAMPLE
            return self._form({"body": text})
        row = None
        if request.user.has_perm("proxy.view_requestlog") and "\0" not in wanted:
            row = RequestLog.objects.filter(request_id=wanted).first()
        if row is None:
            return self._form({"body": EXAMPLE}, lost=wanted, status=404)
        found = recalled(row, request.user.has_perm("proxy.view_bodies"))
        headers = dict(found.question.headers or {})
        session = headers.pop(FIELDS["session"], "")
        form = {
            "body": found.question.body.decode("utf-8", "replace"),
            "dialect": found.question.dialect,
            "session": session,
            "headers": "\n".join(f"{name}: {value}" for name, value in headers.items()),
        }
        return self._form(form, _answer(found.question), row=row, missing=found.missing)

    def post(self, request: HttpRequest) -> HttpResponse:
        """The form with its answer."""
        form = {name: request.POST.get(name, "") for name in ("body", "dialect", "headers", *FIELDS)}
        headers, wrong = read_headers(form)
        if wrong:
            return self._form(form, wrong=wrong, status=400)
        return self._form(form, _answer(Question(form["body"].encode("utf-8", "replace"), form["dialect"], headers)))

    def _form(
        self, form: Mapping[str, str], answer: Preview | Refusal | None = None, *, status: int = 200, **more: Any
    ) -> HttpResponse:
        found = answer if isinstance(answer, Preview) else None
        ids = dict(Provider.objects.values_list("name", "pk")) if found else {}
        return self.shown(
            self.request, status=status, form=form, choices=CHOICES, found=found,
            refusal=answer if isinstance(answer, Refusal) else None,
            steps=[(step, ids.get(step.target.provider)) for step in found.steps] if found else (),
            dialect=dict(CHOICES).get(answer.dialect, "") if answer else "",
            processes=presence.living() if found and found.session else 0, latest=self._latest(), **more,
        )  # fmt: skip

    def _latest(self) -> list[RequestLog]:
        """The newest requests of the history, for who may see it."""
        if not self.request.user.has_perm("proxy.view_requestlog"):
            return []
        return list(RequestLog.objects.defer("body").order_by("-id")[:LATEST])


def read_headers(form: Mapping[str, str]) -> tuple[dict[str, str], str]:
    """The headers of a form, lower-case names, and the line that is none (empty: all are)."""
    found: dict[str, str] = {}
    for line in form.get("headers", "").splitlines():
        if not line.strip():
            continue
        parts = _HEADER.fullmatch(line)
        if parts is None:
            return {}, line.strip()[:100]
        found[parts[1].lower()] = parts[2].strip()
    for field, name in FIELDS.items():
        if value := form.get(field, "").strip():
            found[name] = value
    return found, ""


def _answer(question: Question) -> Preview | Refusal:
    return preview.ask(question, preview.configuration())


def _quoted(name: str) -> str:
    return dumps(name).decode()
