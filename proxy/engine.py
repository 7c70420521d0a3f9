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
from dataclasses import replace

from providers import client
from providers.errors import Failure, FailureKind, UpstreamFailure
from providers.outbound.base import Translator
from providers.outbound.formats import OUTBOUND
from providers.outbound.streamed import streamed_reply
from providers.targets import Target, Timeouts
from providers.wire.fold import fold
from providers.wire.messages import MessagesReply, MessagesRequest, Usage
from providers.wire.spans import MalformedJson
from providers.wire.sse import EventTooLarge, SseDecoder
from proxy import attempts, slots
from proxy.attempts import Attempt
from proxy.budget import BUDGET
from proxy.call import Call
from proxy.continuation import MAX_CONTINUATIONS, Seam, Transcript, continued
from proxy.errors import ApiError
from proxy.health import BOARD, CoolingBoard
from proxy.logbook import LOGBOOK
from proxy.origins import ORIGINS
from proxy.part import Part
from proxy.pipe import Pipe
from proxy.progress import Progress, signatures_in
from proxy.record import AttemptRecord
from proxy.selection import SELECTOR

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
    error = await _guarded(call, _in_slot(stream.attempt), stream.may_go_on)
    if error is not None and stream.committed:
        call.record.outcome = "interrupted"
        call.record.usage = stream.sent_usage()
    pipe.end(error)


async def run_whole(call: Call) -> MessagesReply:
    """Answer a request that is not streamed. Raises ApiError; hands the record over exactly once."""
    replies: list[MessagesReply] = []

    async def attempt(current: Attempt, entry: AttemptRecord) -> None:
        replies.append(await _whole(call, current, entry))

    error = await _guarded(call, _in_slot(attempt))
    if error is not None:
        raise error
    return replies[-1]


async def run_count(call: Call, estimate: Callable[[], int]) -> int:
    """Count the tokens of a request: by the first target's own counter, else by `estimate`."""
    counts: list[int] = []

    async def attempt(current: Attempt, entry: AttemptRecord) -> None:
        tokens = await _count(call, current, entry, estimate)
        counts.append(call.told_count(tokens, current.target))

    error = await _guarded(call, attempt)
    if error is not None:
        raise error
    return counts[-1]


def _in_slot(runner: Runner) -> Runner:
    async def attempt(current: Attempt, entry: AttemptRecord) -> None:
        async with slots.of(current.target):
            await runner(current, entry)

    return attempt


async def _guarded(call: Call, runner: Runner, may_go_on: Callable[[], bool] = lambda: False) -> ApiError | None:
    """Run the loop inside the request's deadline; the error to tell, if any. The record is always handed over."""
    LOGBOOK.begin(call.record)
    try:
        async with asyncio.timeout(call.config.timeouts.total):
            await _loop(call, runner, may_go_on)
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


async def _loop(call: Call, runner: Runner, may_go_on: Callable[[], bool]) -> None:
    # A count neither benches nor forgives: its board is its own.
    board = BOARD if call.record.operation != "count_tokens" else CoolingBoard()
    BUDGET.requested()
    plan = attempts.plan(call.targets, random.random, BUDGET.may_repeat, board.begin)
    current = next(plan)
    while True:
        if current.pause_s:
            await asyncio.sleep(current.pause_s)
        entry, begun = call.begin(current), board.now()
        try:
            await runner(current, entry)
        except UpstreamFailure as error:
            failure = error.failure.scrubbed(*call.config.secrets)
        except asyncio.CancelledError:
            board.released(current.target, begun)
            entry.outcome, entry.duration_ms = FailureKind.CLIENT_GONE.value, call.elapsed_ms() - entry.started_ms
            raise
        else:
            # What was answered here without a call says nothing about the upstream.
            (board.succeeded if entry.status == 200 else board.released)(current.target, begun)
            call.succeeded(entry, current.target)
            if call.request.operation == "messages":
                SELECTOR.served(call.choice.seat, current.target)
            return
        call.failed(entry, failure)
        for target in attempts.concerned(current.target, failure, call.targets):
            board.failed(target, failure, begun)
        broken = ApiError(502, failure.error_type or "api_error", failure.message)
        interrupted = failure.kind is FailureKind.INTERRUPTED
        if interrupted and not may_go_on():
            raise broken
        try:
            current = plan.send(failure)
        except StopIteration as ended:
            verdict = ended.value
            raise (broken if interrupted else call.exhausted(verdict.failure, verdict.target)) from None


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
    if "event-stream" in response.headers.get("content-type", "") and not call.is_native(target):
        reply = streamed_reply(body, outbound.translator(call.request, target))
    else:
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
        async with (
            slots.of(target),
            asyncio.timeout(target.timeouts.connect + 20),
            client.send(outgoing, target.timeouts) as response,
        ):
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
        """True once real content is on its way to the client: whoever comes next can only go on with it."""
        self._sent = Transcript()
        self._continuations = 0
        self._begun = 0.0

    def may_go_on(self) -> bool:
        """True when another target can take over after content: the setting, what was sent and the limit allow it."""
        wanted = self._call.config.streams.goes_on and self._continuations < MAX_CONTINUATIONS
        return self.committed and wanted and self._sent.may_go_on

    def sent_usage(self) -> Usage:
        """The tokens of what was sent, as far as they were told; the text's are counted here."""
        told = self._call.record.usage
        return replace(told, output=max(told.output, self._sent.usage.output))

    async def attempt(self, current: Attempt, entry: AttemptRecord) -> None:
        """Call one target and forward its stream. Raises UpstreamFailure (interrupted after the commit point)."""
        target, self._begun = current.target, BOARD.now()
        _callable_target(target)
        outbound = OUTBOUND[target.preset.wire_format]
        local = outbound.local(self._call.request)
        if local is not None:
            self._commit(entry, target)
            await self._pipe.put(b"".join(map(self._call.fresh_renderer().render, local)))
            return
        request = self._request(target)
        outgoing = outbound.request(request, target)
        self._call.repaired(target, outgoing.repaired)
        sending = client.send(outgoing, target.timeouts)
        del outgoing  # its body is large, and the answer may take an hour
        timeouts = target.timeouts
        part = self._part(outbound.translator(request, target))
        try:
            async with asyncio.timeout(timeouts.first_content) as limit, sending as response:
                await _checked(self._call, entry, target, response)
                if "event-stream" not in response.headers.get("content-type", "event-stream"):
                    outbound.reply(await response.read(MAX_REPLY), request, target)
                    raise UpstreamFailure(Failure(FailureKind.GARBLED, "not the stream that was asked for", 200))
                await self._forward(response, part, current, entry, limit)
        except UpstreamFailure as error:
            raise self._placed(error.failure) from error
        except (MalformedJson, EventTooLarge) as error:
            raise self._placed(Failure(FailureKind.GARBLED, f"{error}", 200)) from error
        except TimeoutError as error:
            raise self._placed(self._too_slow(timeouts)) from error

    def _request(self, target: Target) -> MessagesRequest:
        request = self._call.request_for(target)
        if not self.committed:
            return request
        self._continuations += 1
        self._call.goes_on(target, len(self._sent.text))
        return continued(request, self._sent.text, target)

    def _part(self, translator: Translator) -> Part:
        if self.committed:
            return Part(translator, self._call.renderer, self._sent, Seam(self._sent))
        self._sent = Transcript()  # what an earlier attempt held was never sent
        return Part(translator, self._call.fresh_renderer(), self._sent)

    async def _forward(
        self, response: client.UpstreamResponse, part: Part, current: Attempt, entry: AttemptRecord,
        limit: asyncio.Timeout,
    ) -> None:  # fmt: skip
        try:
            await self._read(response, part, current, entry, limit)
        except (UpstreamFailure, MalformedJson, EventTooLarge):
            # Nobody has seen these events before the commit point; after it they came before the fault.
            if self.committed:
                await self._pipe.put(part.taken())
            raise

    async def _read(
        self, response: client.UpstreamResponse, part: Part, current: Attempt, entry: AttemptRecord,
        limit: asyncio.Timeout,
    ) -> None:  # fmt: skip
        target, decoder = current.target, SseDecoder()
        async for chunk in response.chunks():
            alive = False
            for sse in decoder.feed(chunk):
                alive = alive or not (sse.is_comment or sse.name == "ping")
                part.feed(sse)
            self._note(part.progress, target)
            if alive:
                if part.progress.has_content:
                    self._commit(entry, target)
                # Events without content are a model that thinks unseen: they never shorten the wait for the first.
                silence_ends = time.monotonic() + target.timeouts.idle
                limit.reschedule(silence_ends if self.committed else max(limit.when() or 0.0, silence_ends))
            if self.committed:
                await self._pipe.put(part.taken())
            if part.ended:
                break
        for sse in decoder.finish():
            part.feed(sse)
        part.finish()
        self._note(part.progress, target)
        if not part.may_be_empty and not current.last:
            raise UpstreamFailure(Failure(FailureKind.GARBLED, "the answer holds no content", 200))
        self._commit(entry, target)
        await self._pipe.put(part.taken())

    def _note(self, progress: Progress, target: Target) -> None:
        while progress.signatures:
            ORIGINS.note(progress.signatures.pop(), target.provider)
        if progress.usage != Usage():
            self._call.record.usage = progress.usage
        self._call.record.stop_reason = progress.stop_reason or ""

    def _commit(self, entry: AttemptRecord, target: Target) -> None:
        self.committed = True
        if entry.first_content_ms is None:
            self._call.content(entry, target)
            if entry.status == 200:
                BOARD.succeeded(target, self._begun)  # now, not after minutes of text: others wait for this probe

    def _placed(self, failure: Failure) -> UpstreamFailure:
        """The failure as what it means at this point of the stream, ready to raise."""
        if self.committed:
            failure = Failure(FailureKind.INTERRUPTED, failure.message, 0, failure.retry_after_s, failure.error_type)
        return UpstreamFailure(failure)

    def _too_slow(self, timeouts: Timeouts) -> Failure:
        if self.committed:
            return Failure(FailureKind.TIMED_OUT, f"the upstream fell silent for {timeouts.idle:g} s")
        return Failure(FailureKind.TIMED_OUT, f"no content within {timeouts.first_content:g} s")
