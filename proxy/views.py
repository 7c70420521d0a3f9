"""What clients can call: a few lines each. Authenticate, parse, decide, hand over to the engine."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

from django.db import Error
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse, StreamingHttpResponse

from providers.wire.messages import MessagesRequest, Operation
from providers.wire.tokens import estimate_tokens
from proxy import auth, engine, exposition, memory, models_list, readiness, snapshot, statusline
from proxy.body import StreamBody
from proxy.call import Call
from proxy.config import ConfigSnapshot
from proxy.errors import ApiError, bad_request
from proxy.health import BOARD
from proxy.inbound.anthropic_messages import ANTHROPIC
from proxy.inbound.base import Inbound
from proxy.inbound.dialects import dialect_of
from proxy.inbound.openai_chat import CHAT
from proxy.inbound.openai_responses import RESPONSES
from proxy.logbook import LOGBOOK
from proxy.pipe import Pipe
from proxy.record import RequestRecord
from proxy.request_id import new_request_id
from proxy.routing import RoutingError, decide
from proxy.selection import SELECTOR
from proxy.session import affinity_of, session_of

JSON = "application/json"
TEXT = "text/plain; charset=utf-8"
MAX_QUERY = 2000
View = Callable[..., Coroutine[Any, Any, HttpResponseBase]]
_running: set[asyncio.Task[None]] = set()
"""Streams in progress: the event loop itself keeps only weak references to tasks."""


async def messages(request: HttpRequest) -> HttpResponseBase:
    """POST /v1/messages."""
    return await _answer(request, ANTHROPIC, "messages")


async def chat_completions(request: HttpRequest) -> HttpResponseBase:
    """POST /v1/chat/completions."""
    return await _answer(request, CHAT, "messages")


async def responses(request: HttpRequest) -> HttpResponseBase:
    """POST /v1/responses."""
    return await _answer(request, RESPONSES, "messages")


async def count_tokens(request: HttpRequest) -> HttpResponseBase:
    """POST /v1/messages/count_tokens."""
    return await _answer(request, ANTHROPIC, "count_tokens")


async def models(request: HttpRequest, model_id: str = "") -> HttpResponseBase:
    """GET /v1/models and /v1/models/{id}: the logical models, in a shape both SDKs parse."""
    request_id = new_request_id()
    try:
        _require_method(request, "GET", "HEAD")
        config = await snapshot.current()
        auth.check(_headers(request), _client_host(request), config)
        found = models_list.one(config, model_id) if model_id else models_list.page(config, request.GET)
    except ApiError as error:
        return error_response(error, ANTHROPIC, request_id)
    return JsonResponse(found, headers={"request-id": request_id})


async def probe(request: HttpRequest) -> HttpResponseBase:
    """HEAD /api/hello, GET /health: here, at once."""
    return JsonResponse({"status": "ok", "service": "ccm"})


async def ready(request: HttpRequest) -> HttpResponseBase:
    """GET /readyz: 200 when everything a request needs is there, else 503 with the reasons."""
    reasons = await asyncio.to_thread(readiness.reasons)
    return JsonResponse({"ready": not reasons, "reasons": reasons}, status=503 if reasons else 200)


async def metrics(request: HttpRequest) -> HttpResponseBase:
    """GET /metrics: this process's numbers, for Prometheus."""
    try:
        _require_method(request, "GET", "HEAD")
        auth.check_scraper(_headers(request), _client_host(request))
    except ApiError as error:
        return error_response(error, ANTHROPIC, new_request_id())
    return HttpResponse(exposition.exposition(), content_type=exposition.CONTENT_TYPE)


async def status_line(request: HttpRequest) -> HttpResponseBase:
    """GET /api/statusline?session=ID, or POST with what Claude Code gives its status line: a line of text."""
    try:
        _require_method(request, "GET", "POST")
        config = await snapshot.current()
        key = auth.check(_headers(request), _client_host(request), config)
        status = await asyncio.to_thread(statusline.read_in_thread, _session_asked(request), key)
    except ApiError as error:
        return error_response(error, ANTHROPIC, new_request_id())
    except Error:
        return HttpResponse("ccm: its database does not answer\n", content_type=TEXT)
    return HttpResponse(f"{statusline.told(status)}\n", content_type=TEXT, headers={"cache-control": "no-store"})


def _session_asked(request: HttpRequest) -> str:
    """The session a status line is for. Raises ApiError (400)."""
    if request.method != "POST":
        return request.GET.get("session", "").replace("\0", "")
    try:
        return statusline.session_in(request.body)
    except ValueError as error:
        raise bad_request(str(error)) from error


async def not_found(request: HttpRequest, path: str = "") -> HttpResponseBase:
    """Any other path under /v1: 404 in the dialect of the paths beside it."""
    error = ApiError(404, "not_found_error", f"there is nothing at {request.path}")
    return error_response(error, dialect_of(request.path), new_request_id())


async def _answer(request: HttpRequest, inbound: Inbound, operation: Operation) -> HttpResponseBase:
    request_id = new_request_id()
    record = RequestRecord(request_id, inbound.name, operation)
    try:
        _require_method(request, "POST")
        config = await snapshot.current()
        headers = _headers(request)
        record.client_key = auth.check(headers, _client_host(request), config)
        memory.admit()
        call = begin(request.body, headers, inbound, operation, config, record, request.GET.get("beta") == "true")
    except ApiError as error:
        return error_response(error, inbound, request_id)
    if operation == "count_tokens":
        return await _counted(call)
    return await (_streamed(call) if call.request.stream else _whole(call))


def begin(
    body: bytes, headers: dict[str, str], inbound: Inbound, operation: Operation, config: ConfigSnapshot,
    record: RequestRecord, beta: bool = False,
) -> Call:  # fmt: skip
    """The call, routed; `headers` has lower-case names. Raises ApiError, and then the refusal is in the log."""
    try:
        if headers.get("content-encoding", "identity") != "identity":
            raise ApiError(415, "invalid_request_error", "compressed request bodies are not taken; send it plain")
        parsed = inbound.parse(body, headers, operation, beta)
        record.requested_model, record.stream = parsed.model, parsed.stream
        record.session_id, agent = session_of(parsed, headers)
        record.agent_id = record.agent_id or agent
        decision = decide(
            parsed, config, headers=headers, forced_provider=headers.get("x-provider", "").strip(),
            estimate=partial(estimate_tokens, parsed),
        )  # fmt: skip
    except RoutingError as error:
        raise _refused(record, ApiError(error.status, error.error_type, str(error))) from error
    except ApiError as error:
        raise _refused(record, error) from error
    record.route, record.logical_model = decision.reason.value, decision.model
    choice = SELECTOR.choose(decision.targets, decision.model, affinity_of(parsed, headers), BOARD.order)
    return Call(
        inbound,
        parsed.without_subagent_tag(),
        decision,
        choice.targets,
        choice.cooling,
        config,
        record,
        choice=choice,
    )


def _refused(record: RequestRecord, error: ApiError) -> ApiError:
    record.outcome, record.status, record.error = "error", error.status, error.message
    LOGBOOK.put_nowait(record)
    return error


async def _whole(call: Call) -> HttpResponseBase:
    try:
        reply = await engine.run_whole(call)
    except ApiError as error:
        return error_response(error, call.inbound, call.record.request_id, call.headers())
    return HttpResponse(call.inbound.render_reply(reply, call.request), content_type=JSON, headers=call.headers())


async def _counted(call: Call) -> HttpResponseBase:
    request: MessagesRequest = call.request
    try:
        tokens = await engine.run_count(call, partial(estimate_tokens, request))
    except ApiError as error:
        return error_response(error, call.inbound, call.record.request_id, call.headers())
    return HttpResponse(call.inbound.render_count(tokens), content_type=JSON, headers=call.headers())


def start_stream(call: Call) -> tuple[Pipe, asyncio.Task[None]]:
    """Have the engine answer a call in a task of its own: what the client is to get comes out of the pipe."""
    pipe = Pipe()
    task = asyncio.create_task(engine.run_stream(call, pipe))
    _running.add(task)
    task.add_done_callback(_running.discard)
    return pipe, task


async def _streamed(call: Call) -> HttpResponseBase:
    pipe, task = start_stream(call)
    try:
        first = await pipe.get(engine.PING_EVERY_S)
    except ApiError as error:
        return error_response(error, call.inbound, call.record.request_id, call.headers())
    except asyncio.CancelledError:
        task.cancel()
        raise
    body = StreamBody(first, pipe, task, call, engine.PING_EVERY_S)
    headers = {"cache-control": "no-cache", "x-accel-buffering": "no", **call.headers()}
    return StreamingHttpResponse(body, content_type="text/event-stream; charset=utf-8", headers=headers)


def error_response(
    error: ApiError, inbound: Inbound, request_id: str, told: dict[str, str] | None = None
) -> HttpResponse:
    """An error in the client's dialect."""
    headers = {**(told or {}), "request-id": request_id, **error.headers}
    return HttpResponse(
        inbound.render_error(error, request_id), content_type=JSON, status=error.status, headers=headers
    )


def _scope(request: HttpRequest) -> dict[str, Any]:
    # Every server of ours speaks ASGI; only Django's own test client may not.
    scope: dict[str, Any] = getattr(request, "scope", {})
    return scope


def _headers(request: HttpRequest) -> dict[str, str]:
    scope = _scope(request)
    if scope:
        return auth.header_map(scope["headers"])
    return {name.lower(): value for name, value in request.headers.items()}


def _client_host(request: HttpRequest) -> str:
    scope = _scope(request)
    return str((scope.get("client") or ("",))[0] if scope else request.META.get("REMOTE_ADDR") or "")


def _require_method(request: HttpRequest, *methods: str) -> None:
    if request.method not in methods:
        raise ApiError(405, "invalid_request_error", f"use {methods[0]} here, not {request.method}")
    if "key" in request.GET or "api_key" in request.GET:
        raise bad_request("send the key in a header, never in the address, where logs would keep it")
    if len(_scope(request).get("query_string", b"")) > MAX_QUERY:
        raise bad_request("the query string is too long")


def for_any_method(view: View) -> View:
    """Mark a view as one that answers its own method errors and needs no CSRF token: it never reads cookies."""
    view.csrf_exempt = True  # type: ignore[attr-defined]
    return view


for _view in (
    messages, chat_completions, responses, count_tokens, models, probe, ready, metrics, status_line, not_found,
):  # fmt: skip
    for_any_method(_view)
