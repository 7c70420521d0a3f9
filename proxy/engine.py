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
from collections.abc import Awaitable, Callable
from functools import partial

from providers import client
from providers.errors import Failure, FailureKind, UpstreamFailure
from providers.outbound.formats import OUTBOUND
from providers.outbound.streamed import streamed_reply
from providers.targets import Target
from providers.wire.fold import fold
from providers.wire.messages import MessagesReply
from proxy import attempts, drill, slots
from proxy.accounts import opened
from proxy.attempts import Attempt
from proxy.budget import BUDGET
from proxy.call import Call
from proxy.errors import ApiError, server_ends
from proxy.health import BOARD, CoolingBoard
from proxy.logbook import LOGBOOK
from proxy.pipe import Pipe
from proxy.progress import signatures_in
from proxy.record import AttemptRecord
from proxy.selection import SELECTOR
from proxy.stream_run import StreamRun
from proxy.upstream import MAX_ERROR_BODY, MAX_REPLY, callable_target, checked

log = logging.getLogger("proxy.engine")

PING_EVERY_S = 10.0
WHOLE_ANSWER_FACTOR = 5
"""An answer that is not streamed gets this many times the first-content limit: it comes all at once."""

Runner = Callable[[Attempt, AttemptRecord], Awaitable[None]]
_ENDED = 0.0
"""A deadline that no request has by itself: of those that were told of the server's end."""
_deadlines: set[asyncio.Timeout] = set()


def end_all() -> None:
    """End every request that still runs, in the loop's thread: its client is told, in its dialect, to send it again."""
    for deadline in list(_deadlines):
        if not deadline.expired():
            deadline.reschedule(_ENDED)


async def run_stream(call: Call, pipe: Pipe) -> None:
    """Answer a streaming request into `pipe`; hands the record to the logbook exactly once."""
    stream = StreamRun(call, pipe)
    pipe.end(await _guarded(call, opened(call, _in_slot(call, stream.attempt)), stream))


async def run_whole(call: Call) -> MessagesReply:
    """Answer a request that is not streamed. Raises ApiError; hands the record over exactly once."""
    replies: list[MessagesReply] = []

    async def attempt(current: Attempt, entry: AttemptRecord) -> None:
        replies.append(await _whole(call, current, entry))

    error = await _guarded(call, opened(call, _in_slot(call, attempt)))
    if error is not None:
        raise error
    return replies[-1]


async def run_count(call: Call, estimate: Callable[[], int]) -> int:
    """Count the tokens of a request: by the first target's own counter, else by `estimate`."""
    counts: list[int] = []

    async def attempt(current: Attempt, entry: AttemptRecord) -> None:
        tokens = await _count(call, current, entry, estimate)
        counts.append(call.told_count(tokens, current.target))

    error = await _guarded(call, opened(call, attempt))
    if error is not None:
        raise error
    return counts[-1]


def _in_slot(call: Call, runner: Runner) -> Runner:
    async def attempt(current: Attempt, entry: AttemptRecord) -> None:
        if drill.keeps_away(call.drilled):
            await runner(current, entry)
            return
        async with slots.of(current.target):
            await runner(current, entry)

    return attempt


async def _guarded(call: Call, runner: Runner, stream: StreamRun | None = None) -> ApiError | None:
    """Run the loop inside the request's deadline; the error to tell, if any. The record is always handed over."""
    LOGBOOK.begin(call.record)
    deadline = asyncio.timeout(call.deadline_s)
    try:
        async with deadline:
            _deadlines.add(deadline)
            await _loop(call, runner, stream.may_go_on if stream is not None else lambda: False)
    except ApiError as error:
        call.refused(error)
        return error
    except TimeoutError:
        gone = _too_late(call, ended=deadline.when() == _ENDED)
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
        _deadlines.discard(deadline)
        if stream is not None:
            stream.close()
        LOGBOOK.put_nowait(call.finish())
    return None


def _too_late(call: Call, *, ended: bool) -> ApiError:
    if ended:
        call.cut_short(FailureKind.INTERRUPTED, "the server ended")
        return server_ends()
    call.cut_short(FailureKind.TIMED_OUT, "the request's time was over")
    return ApiError(504, "timeout_error", f"no answer within {call.deadline_s:g} s")


async def _loop(call: Call, runner: Runner, may_go_on: Callable[[], bool]) -> None:
    # A count neither benches nor forgives: its board is its own.
    shared = BOARD if call.record.operation != "count_tokens" else CoolingBoard()
    BUDGET.requested()
    plan = attempts.plan(call.targets, random.random, partial(_may_repeat, call), partial(_begin, call, shared))
    current = next(plan)
    while True:
        if current.pause_s:
            await asyncio.sleep(current.pause_s)
        failure = await _tried(call, runner, shared, current)
        if failure is None:
            return
        broken = ApiError(502, failure.error_type or "api_error", failure.message)
        interrupted = failure.kind is FailureKind.INTERRUPTED
        if interrupted and not may_go_on():
            raise broken
        try:
            current = plan.send(failure)
        except StopIteration as ended:
            verdict = ended.value
            raise (broken if interrupted else call.exhausted(verdict.failure, verdict.target)) from None


async def _tried(call: Call, runner: Runner, shared: CoolingBoard, current: Attempt) -> Failure | None:
    """One attempt: how it failed, or None. Whatever ends it, its record says how, and no probe is left running."""
    begun, entry = shared.now(), call.begin(current)
    board = CoolingBoard() if drill.keeps_away(call.drilled) else shared
    try:
        await runner(current, entry)
    except UpstreamFailure as error:
        failure = drill.told(entry, error.failure.scrubbed(*call.config.secrets))
        call.failed(entry, failure)
        if entry.drill is None:
            for target in attempts.concerned(current.target, failure, call.targets):
                board.failed(target, failure, begun, called=target is current.target)
        else:
            board.released(current.target, begun)
        return failure
    except asyncio.CancelledError:
        call.broke_off(entry, FailureKind.CLIENT_GONE)
        raise
    else:
        # What was answered here without a call says nothing about the upstream.
        (board.succeeded if entry.status == 200 else board.released)(current.target, begun)
        call.succeeded(entry, current.target)
        if call.request.operation == "messages" and not drill.was_drilled(call.record):
            SELECTOR.served(call.choice.seat, current.target)
        return None
    finally:
        if not entry.outcome:
            call.broke_off(entry, FailureKind.INTERNAL)
        if entry.outcome in (FailureKind.CLIENT_GONE, FailureKind.INTERNAL):
            board.released(current.target, begun)


def _may_repeat(call: Call) -> bool:
    # What fails on purpose must not use up what others may need.
    return call.record.attempts[-1].drill is not None or BUDGET.may_repeat()


def _begin(call: Call, board: CoolingBoard, target: Target) -> bool:
    return drill.spares(call.config, call.record, target) or board.begin(target)


async def _whole(call: Call, current: Attempt, entry: AttemptRecord) -> MessagesReply:
    target = current.target
    callable_target(target)
    outbound = OUTBOUND[target.preset.wire_format]
    local = outbound.local(call.request)
    if local is not None:
        return fold(local)
    outgoing = outbound.request(call.request_for(target), target)
    call.repaired(target, outgoing.repaired)
    limit = min(target.timeouts.first_content * WHOLE_ANSWER_FACTOR, target.timeouts.total)
    try:
        async with asyncio.timeout(limit), drill.send(call.drilled, outgoing, target.timeouts) as response:
            body = await (await checked(entry, target, response)).read(MAX_REPLY)
    except TimeoutError as error:
        raise UpstreamFailure(Failure(FailureKind.TIMED_OUT, f"no answer within {limit:g} s")) from error
    if "event-stream" in response.headers.get("content-type", "").lower() and not call.is_native(target):
        reply = streamed_reply(body, outbound.translator(call.request, target))
    else:
        reply = outbound.reply(body, call.request, target)
    entry.usage = reply.usage  # it is paid for, whatever comes of it
    if not reply.has_content and reply.stop_reason == "end_turn" and not current.last:
        raise UpstreamFailure(Failure(FailureKind.GARBLED, "the answer holds no content", 200))
    if call.drilled is not None:
        call.drilled.cut_whole(reply)
    for signature in signatures_in(reply.body):
        call.signed(signature, target)
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
            body = await (await checked(entry, target, response)).read(MAX_ERROR_BODY)
    except (TimeoutError, UpstreamFailure) as error:
        # A count is a hint: an estimate now is worth more than a failover.
        log.info("token count of %s fell back to the estimate: %s", target, error)
        return estimate()
    return outbound.counted(body) or estimate()
