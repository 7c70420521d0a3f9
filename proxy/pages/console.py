"""The console: try a request, watch what becomes of it."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

from django.db import close_old_connections
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse, StreamingHttpResponse

from proxy.console.draft import MAX_BODY_BYTES, Draft, drafted
from proxy.console.form import ConsoleForm
from proxy.console.run import run
from proxy.errors import ApiError
from proxy.inbound.anthropic_messages import ANTHROPIC
from proxy.inbound.dialects import in_messages
from proxy.models import LogicalModel, RequestLog
from proxy.pages.base import Page


@dataclass(frozen=True, slots=True)
class _Opening:
    """What the form begins with, and what there is to say about it."""

    draft: Draft | None = None
    notice: str = ""


class ConsolePage(Page):
    """A form; what is sent with it comes back as server-sent events. `?model=NAME` and `?request=ID` fill it in."""

    title = "Console"
    template_name = "admin/pages/console.html"
    permission = "proxy.use_console"

    def get(self, request: HttpRequest) -> HttpResponse:
        """The form."""
        opening = _opening(request)
        models = list(LogicalModel.objects.filter(enabled=True).values_list("name", flat=True))
        initial = opening.draft.values() if opening.draft else {"model": models[0] if models else ""}
        return self.shown(request, form=ConsoleForm(initial=initial), models=models, notice=opening.notice)

    def post(self, request: HttpRequest) -> HttpResponseBase:
        """Send what the form says, or with `action=curl` only tell the command that would."""
        form = ConsoleForm(request.POST)
        if not form.is_valid():
            return JsonResponse({"errors": form.errors}, status=400)
        draft = form.draft()
        if request.POST.get("action") == "curl":
            return JsonResponse({"command": draft.curl(request.build_absolute_uri("/v1/messages"))})
        close_old_connections()  # an answer may take long, and whoever waits for it needs no database
        headers = {"x-accel-buffering": "no"}
        return StreamingHttpResponse(run(draft), content_type="text/event-stream; charset=utf-8", headers=headers)


def _opening(request: HttpRequest) -> _Opening:
    request_id, model = request.GET.get("request", ""), request.GET.get("model", "")
    if request_id and request.user.has_perm("proxy.view_requestlog"):
        return _repeated(request, request_id)
    return _Opening(Draft(model)) if model else _Opening()


def _captured(row: RequestLog) -> Draft | None:
    """What was captured, in Messages whatever the client spoke; None for what is damaged or was not kept to its end."""
    try:
        said = zlib.decompress(bytes(row.body or b""))
        if row.inbound_format != ANTHROPIC.name:
            said = in_messages(said, row.inbound_format).body
    except (zlib.error, ApiError):
        return None
    return drafted(said.decode("utf-8", "replace"))


def _repeated(request: HttpRequest, request_id: str) -> _Opening:
    """A request of the history, as far as it was captured and may be read."""
    row = None if "\0" in request_id else RequestLog.objects.filter(request_id=request_id).first()
    if row is None:
        return _Opening(notice="There is no such request in the history (any more).")
    only_model = Draft(row.requested_model, stream=row.stream)
    if not request.user.has_perm("proxy.view_bodies"):
        return _Opening(only_model, "Only the model is filled in: you may not read what people wrote.")
    if not row.body:
        why = "Only the model is filled in: the text of this request was not captured (router settings, History)."
        return _Opening(only_model, why)
    draft = _captured(row)
    if draft is None:
        return _Opening(only_model, "Only the model is filled in: of the captured text only a part was kept.")
    if (size := len(draft.body.encode("utf-8", "replace"))) > MAX_BODY_BYTES:
        too_long = f"Only the model is filled in: {size / 1e6:.1f} MB of text are too much for the console"
        return _Opening(only_model, f"{too_long}. “Replay” on the page of the request sends it.")
    return _Opening(draft)
