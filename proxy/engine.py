"""The attempt loop: the one place where targets are tried, for streams, whole answers and counts alike.

The loop itself is the generator in `attempts`; this module does its I/O. A stream runs in a
task of its own that writes to a pipe, so that the client can be kept alive while the loop
still looks for a target that answers. Until the first event with real content (the commit
point) nothing has been promised and every failure moves on unseen; after it a failure ends
the stream with an error event.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable

from providers import client
from providers.errors import Failure, FailureKind, UpstreamFailure
from providers.targets import Target, Timeouts
from providers.wire.fold import fold
from providers.wire.messages import MessagesReply
from providers.wire.spans import MalformedJson
from providers.wire.sse import EventTooLarge, SseDecoder
from proxy import attempts
from proxy.attempts import Attempt
from proxy.call import OUTBOUND, Call
from proxy.errors import ApiError
from proxy.health import BOARD
from proxy.logbook import LOGBOOK
from proxy.origins import ORIGINS
from proxy.pipe import Pipe
from proxy.progress import Progress, signatures_in
from proxy.record import AttemptRecord

log = logging.getLogger("proxy.engine")

MAX_REPLY = 64 * 1024 * 1024
MAX_ERROR_BODY = 64 * 1024
PING_EVERY_S = 10.0
WHOLE_ANSWER_FACTOR = 5
"""An answer that is not streamed gets this many times the first-content limit: it comes all at once."""

Runner = Callable[[Attempt, AttemptRecord], Awaitable[None]]


async def run_stream(call: Call, pipe: Pipe) -> None:
    """Answer a streaming request into `pipe`; hands the record to the logbook exactly once."""
    stream = StreamRun(call, pipe)
    error = await _guarded(call, stream.attempt)
    if error is not None and stream.committed:
        call.record.outcome = "interrupted"
    pipe.end(error)


async def run_whole(call: Call) -> MessagesReply:
    """Answer a request that is not streamed. Raises ApiError; hands the record over exactly once."""
    replies: list[MessagesReply] = []

    async def attempt(current: Attempt, entry: AttemptRecord) -> None:
        replies.append(await _whole(call, current, entry))

    error = await _guarded(call, attempt)
    if error is not None:
        raise error
    return replies[-1]


async def run_count(call: Call, estimate: Callable[[], int]) -> int:
    """Count the tokens of a request: by the first target's own counter, else by `estimate`."""
    counts: list[int] = []

    async def attempt(current: Attempt, entry: AttemptRecord) -> None:
        counts.append(await _count(call, current, entry, estimate))

    error = await _guarded(call, attempt)
    if error is not None:
        raise error
    return counts[-1]


async def _guarded(call: Call, runner: Runner) -> ApiError | None:
    """Run the loop inside the request's deadline; the error to tell, if any. The record is always handed over."""
    try:
        async with asyncio.timeout(call.config.timeouts.total):
            await _loop(call, runner)
    except ApiError as error:
        call.refused(error)
        return error
    except TimeoutError:
        gone = ApiError(504, "timeout_error", f"no answer within {call.config.timeouts.total:g} s")
        call.refused(gone)
        return gone
    except asyncio.CancelledError:
        call.refused(ApiError(499, "api_error", "the client left"), "client_gone")
        raise
    except Exception:
        log.exception("request %s failed inside the proxy", call.record.request_id)
        broken = ApiError(500, "api_error", "the proxy failed on this request; its log says why")
        call.refused(broken)
        return broken
    finally:
        LOGBOOK.put_nowait(call.finish())
    return None


async def _loop(call: Call, runner: Runner) -> None:
    plan = attempts.plan(call.targets, random.random)
    current = next(plan)
    while True:
        if current.pause_s:
            await asyncio.sleep(current.pause_s)
        entry = call.begin(current)
        try:
            await runner(current, entry)
        except UpstreamFailure as error:
            failure = error.failure.scrubbed(*call.config.secrets)
        except asyncio.CancelledError:
            entry.outcome, entry.duration_ms = FailureKind.CLIENT_GONE.value, call.elapsed_ms() - entry.started_ms
            raise
        else:
            BOARD.succeeded(current.target)
            call.succeeded(entry, current.target)
            return
        call.failed(entry, failure)
        BOARD.failed(current.target, failure)
        if failure.kind is FailureKind.INTERRUPTED:
            raise ApiError(502, failure.error_type or "api_error", failure.message)
        try:
            current = plan.send(failure)
        except StopIteration as ended:
            raise call.exhausted(ended.value.failure, ended.value.target) from None


def _callable_target(target: Target) -> None:
    if target.problem:
        raise UpstreamFailure(Failure(FailureKind.REFUSED_KEY, f"{target.provider}: {target.problem}"))


async def _checked(
    call: Call, entry: AttemptRecord, target: Target, response: client.UpstreamResponse
) -> client.UpstreamResponse:
    entry.status = response.status
    entry.upstream_request_id = response.headers.get("request-id") or response.headers.get("x-request-id") or ""
    if response.status == 200:
        return response
    body = await response.read(MAX_ERROR_BODY)
    raise UpstreamFailure(OUTBOUND[target.preset.wire_format].failure(response.status, response.headers, body))


async def _whole(call: Call, current: Attempt, entry: AttemptRecord) -> MessagesReply:
    target = current.target
    _callable_target(target)
    outbound = OUTBOUND[target.preset.wire_format]
    local = outbound.local(call.request)
    if local is not None:
        return fold(local)
    outgoing = outbound.request(call.request_for(target), target)
    call.repaired(target, outgoing.repaired)
    limit = target.timeouts.first_content * WHOLE_ANSWER_FACTOR
    try:
        async with asyncio.timeout(limit), client.send(outgoing, target.timeouts) as response:
            body = await (await _checked(call, entry, target, response)).read(MAX_REPLY)
    except TimeoutError as error:
        raise UpstreamFailure(Failure(FailureKind.TIMED_OUT, f"no answer within {limit:g} s")) from error
    reply = outbound.reply(body, call.request, target)
    if not reply.has_content and reply.stop_reason == "end_turn" and not current.last:
        raise UpstreamFailure(Failure(FailureKind.GARBLED, "the answer holds no content", 200))
    for signature in signatures_in(reply.body):
        ORIGINS.note(signature, target.provider)
    call.record.usage, call.record.stop_reason = reply.usage, reply.stop_reason or ""
    return reply


async def _count(call: Call, current: Attempt, entry: AttemptRecord, estimate: Callable[[], int]) -> int:
    target = current.target
    outbound = OUTBOUND[target.preset.wire_format]
    outgoing = None if target.problem else outbound.count_request(call.request_for(target), target)
    if outgoing is None:
        return estimate()
    try:
        async with asyncio.timeout(target.timeouts.connect + 20), client.send(outgoing, target.timeouts) as response:
            body = await (await _checked(call, entry, target, response)).read(MAX_ERROR_BODY)
    except (TimeoutError, UpstreamFailure) as error:
        # A count is a hint: an estimate now is worth more than a failover.
        log.info("token count of %s fell back to the estimate: %s", target, error)
        return estimate()
    return outbound.counted(body) or estimate()


class StreamRun:
    """One streamed answer, over as many attempts as it takes."""

    def __init__(self, call: Call, pipe: Pipe) -> None:
        self._call = call
        self._pipe = pipe
        self.committed = False
        """True once real content is on its way to the client; from then on nobody else can take over."""

    async def attempt(self, current: Attempt, entry: AttemptRecord) -> None:
        """Call one target and forward its stream. Raises UpstreamFailure (interrupted after the commit point)."""
        target = current.target
        _callable_target(target)
        outbound = OUTBOUND[target.preset.wire_format]
        local = outbound.local(self._call.request)
        if local is not None:
            self._commit(entry, target)
            await self._pipe.put(b"".join(map(self._call.fresh_renderer().render, local)))
            return
        outgoing = outbound.request(self._call.request_for(target), target)
        self._call.repaired(target, outgoing.repaired)
        timeouts = target.timeouts
        try:
            async with asyncio.timeout(timeouts.first_content) as limit, client.send(outgoing, timeouts) as response:
                await self._forward(await _checked(self._call, entry, target, response), current, entry, limit)
        except UpstreamFailure as error:
            raise self._placed(error.failure) from error
        except (MalformedJson, EventTooLarge) as error:
            raise self._placed(Failure(FailureKind.GARBLED, f"{error}", 200)) from error
        except TimeoutError as error:
            raise self._placed(self._too_slow(timeouts)) from error

    async def _forward(
        self, response: client.UpstreamResponse, current: Attempt, entry: AttemptRecord, limit: asyncio.Timeout
    ) -> None:
        target = current.target
        outbound = OUTBOUND[target.preset.wire_format]
        if "event-stream" not in response.headers.get("content-type", "event-stream"):
            outbound.reply(await response.read(MAX_REPLY), self._call.request, target)
            raise UpstreamFailure(Failure(FailureKind.GARBLED, "a stream was asked for, something else came", 200))
        translator = outbound.translator(self._call.request, target)
        decoder, progress, render = SseDecoder(), Progress(), self._call.fresh_renderer().render
        held: list[bytes] = []
        async for chunk in response.chunks():
            alive = False
            try:
                for sse in decoder.feed(chunk):
                    alive = alive or not (sse.is_comment or sse.name == "ping")
                    for event in translator.feed(sse):
                        progress.note(event)
                        held.append(render(event))
            except (UpstreamFailure, MalformedJson):
                # Nobody has seen these events before the commit point; after it they came before the fault.
                if self.committed:
                    await self._pipe.put(b"".join(held))
                raise
            self._note(progress, target)
            if alive and progress.has_content:
                self._commit(entry, target)
            if alive:
                # Events without content are a model that thinks unseen: they never shorten the wait for the first.
                silence_ends = time.monotonic() + target.timeouts.idle
                limit.reschedule(silence_ends if self.committed else max(limit.when() or 0.0, silence_ends))
            if self.committed and held:
                await self._pipe.put(b"".join(held))
                held.clear()
            if translator.ended:
                break
        for event in [e for sse in decoder.finish() for e in translator.feed(sse)] + list(translator.finish()):
            progress.note(event)
            held.append(render(event))
        self._note(progress, target)
        self._refuse_empty(progress, current)
        self._commit(entry, target)
        await self._pipe.put(b"".join(held))

    def _note(self, progress: Progress, target: Target) -> None:
        while progress.signatures:
            ORIGINS.note(progress.signatures.pop(), target.provider)
        self._call.record.usage = progress.usage
        self._call.record.stop_reason = progress.stop_reason or ""

    def _refuse_empty(self, progress: Progress, current: Attempt) -> None:
        if not progress.has_content and not progress.may_be_empty and not current.last:
            raise UpstreamFailure(Failure(FailureKind.GARBLED, "the answer holds no content", 200))

    def _commit(self, entry: AttemptRecord, target: Target) -> None:
        if not self.committed:
            self.committed = True
            self._call.content(entry, target)

    def _placed(self, failure: Failure) -> UpstreamFailure:
        """The failure as what it means at this point of the stream, ready to raise."""
        if self.committed:
            failure = Failure(FailureKind.INTERRUPTED, failure.message, 0, failure.retry_after_s, failure.error_type)
        return UpstreamFailure(failure)

    def _too_slow(self, timeouts: Timeouts) -> Failure:
        if self.committed:
            return Failure(FailureKind.TIMED_OUT, f"the upstream fell silent for {timeouts.idle:g} s")
        return Failure(FailureKind.TIMED_OUT, f"no content within {timeouts.first_content:g} s")
