"""One streamed answer, over as many attempts as it takes.

Until the first event with real content (the commit point) nothing has been promised and every
failure moves on unseen; after it another target can only go on with what was sent.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace

from providers import client
from providers.errors import Failure, FailureKind, UpstreamFailure
from providers.outbound.base import Translator
from providers.outbound.formats import OUTBOUND
from providers.targets import Target, Timeouts
from providers.wire.messages import MessagesRequest, Usage
from providers.wire.spans import MalformedJson
from providers.wire.sse import EventTooLarge, SseDecoder
from providers.wire.unfold import unfold
from proxy import drill
from proxy.attempts import Attempt
from proxy.call import Call
from proxy.continuation import MAX_CONTINUATIONS, Seam, Transcript, continued
from proxy.health import BOARD
from proxy.pace import PACE, Kind, kind_of
from proxy.part import Part
from proxy.pipe import Pipe
from proxy.progress import Progress
from proxy.record import AttemptRecord
from proxy.upstream import MAX_REPLY, callable_target, checked

MAX_HELD_BACK = 128 * 1024
"""Bytes of thinking that are kept back at most, where it is kept back at all."""


class StreamRun:
    """One streamed answer, over as many attempts as it takes."""

    def __init__(self, call: Call, pipe: Pipe) -> None:
        self._call = call
        self._pipe = pipe
        self.committed = False
        """True once real content is on its way to the client: whoever comes next can only go on with it."""
        self._sent = Transcript()
        self._continuations = 0
        self._begun = self._called = self._ends = 0.0
        self._late: float | None = None
        """Seconds that this attempt may take to its first content by the target's own recent times."""
        self._letting_go: asyncio.TimerHandle | None = None

    def may_go_on(self) -> bool:
        """True when another target can take over after content: the setting, what was sent and the limit allow it."""
        wanted = self._call.config.streams.goes_on and self._continuations < MAX_CONTINUATIONS
        return self.committed and wanted and self._sent.may_go_on

    def close(self) -> None:
        """Say in the record what an answer was that ended too early after its first content: what was sent is paid for.

        One that failed is interrupted; a client that left stays one that left.
        """
        record = self._call.record
        if self.committed and record.outcome in ("error", "client_gone"):
            record.usage = self._sent_usage()
            record.outcome = "interrupted" if record.outcome == "error" else record.outcome

    def _sent_usage(self) -> Usage:
        # As far as the tokens were told; the text's are counted here.
        told = self._call.record.usage
        return replace(told, output=max(told.output, self._sent.usage.output))

    async def attempt(self, current: Attempt, entry: AttemptRecord) -> None:
        """Call one target and forward its stream. Raises UpstreamFailure (interrupted after the commit point)."""
        target, self._begun, self._called = current.target, BOARD.now(), PACE.now()
        callable_target(target)
        outbound = OUTBOUND[target.preset.wire_format]
        local = outbound.local(self._call.request)
        if local is not None:
            self._commit(entry, target)
            await self._pipe.put(b"".join(map(self._call.fresh_renderer().render, local)))
            return
        request = self._request(target)
        outgoing = outbound.request(request, target)
        self._call.repaired(target, outgoing.repaired)
        sending = drill.send(self._call.drilled, outgoing, target.timeouts)
        del outgoing  # its body is large, and the answer may take an hour
        timeouts = target.timeouts
        self._late = self._usual_limit(current)
        first_content = min(self._late or timeouts.first_content, timeouts.total)
        self._ends = time.monotonic() + timeouts.total
        part = self._part(drill.translator(self._call.drilled, outbound.translator(request, target)))
        try:
            async with asyncio.timeout(first_content) as limit, sending as response:
                await checked(entry, target, response)
                if "event-stream" not in response.headers.get("content-type", "event-stream").lower():
                    # Some servers have whole answers only. What is none, or is an error, fails here.
                    reply = outbound.reply(await response.read(MAX_REPLY), request, target)
                    entry.usage = reply.usage
                    part.whole(unfold(reply))
                    self._end(part, current, entry)
                else:
                    await self._forward(response, part, current, entry, limit)
        except UpstreamFailure as error:
            raise self._placed(error.failure) from error
        except (MalformedJson, EventTooLarge) as error:
            raise self._placed(Failure(FailureKind.GARBLED, f"{error}", 200)) from error
        except TimeoutError as error:
            if not self._begins(part):
                self._paced(target)
            raise self._placed(self._too_slow(timeouts, part)) from error

    def _usual_limit(self, current: Attempt) -> float | None:
        # Nobody is gained by giving up the last target early, and a rest is no request of the usual kind.
        if not self._call.config.streams.adaptive_first_content or current.last or self.committed:
            return None
        return PACE.limit(self._kind(current.target), current.target.timeouts.first_content)

    def _kind(self, target: Target) -> Kind:
        thinking = self._call.request.members.get("thinking", b"null")
        thinks = thinking != b"null" and b'"disabled"' not in thinking
        return kind_of(target, thinks, len(self._call.request.body))

    def _paced(self, target: Target) -> None:
        if not self.committed:
            PACE.note(self._kind(target), PACE.now() - self._called)

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
                self._pipe.put_nowait(part.taken())
            raise
        finally:
            entry.usage = part.usage
            self._stop_holding()

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
                    self._arrived(entry, target)
                    if not self._holds_back(part, entry, target):
                        self._commit(entry, target)
                # Events without content are a model that thinks unseen: they never shorten the wait for the first.
                # Where its own times are the limit, they are for these silences too: some begin at once and then stall.
                begins, now = self._begins(part), time.monotonic()
                silence_ends = now + (target.timeouts.idle if begins or self._late is None else self._late)
                patient_until = silence_ends if begins else max(limit.when() or 0.0, silence_ends)
                limit.reschedule(min(patient_until, self._ends))
            if self.committed:
                await self._pass_on(part, limit)
            if part.ended:
                break
        for sse in decoder.finish():
            part.feed(sse)
        part.finish()
        self._end(part, current, entry)

    def _end(self, part: Part, current: Attempt, entry: AttemptRecord) -> None:
        self._note(part.progress, current.target)
        if not part.may_be_empty and not current.last:
            raise UpstreamFailure(Failure(FailureKind.GARBLED, "the answer holds no content", 200))
        self._commit(entry, current.target)
        self._pipe.put_nowait(part.taken())  # nothing more comes: the upstream need not wait for the client

    async def _pass_on(self, part: Part, limit: asyncio.Timeout) -> None:
        """Hand over what there is. While the client has no room the upstream is not read: its time stands still."""
        self._pipe.put_nowait(part.taken())
        if part.ended or not self._pipe.is_full:
            return
        full_since, patient_until = time.monotonic(), limit.when() or 0.0
        limit.reschedule(None)
        await self._pipe.room()
        waited = time.monotonic() - full_since
        self._ends += waited
        limit.reschedule(patient_until + waited)

    def _note(self, progress: Progress, target: Target) -> None:
        while progress.signatures:
            self._call.signed(progress.signatures.pop(), target)
        if progress.usage != Usage():
            self._call.record.usage = progress.usage
        self._call.record.stop_reason = progress.stop_reason or ""

    def _begins(self, part: Part) -> bool:
        """True once content is here, be it passed on yet or not: from now on only silence is too slow."""
        return self.committed or part.progress.has_content

    def _arrived(self, entry: AttemptRecord, target: Target) -> None:
        if entry.first_content_ms is None:
            self._call.arrived(entry)
            if entry.status == 200:
                self._paced(target)
                BOARD.succeeded(target, self._begun)  # now, not after minutes of text: others wait for this probe

    def _holds_back(self, part: Part, entry: AttemptRecord, target: Target) -> bool:
        """True while all there is is thinking that the settings keep back: nobody has seen it, so it may still fail."""
        patience_s = self._call.config.streams.hold_thinking_s
        if not patience_s or self.committed or not part.progress.only_thinks or part.held > MAX_HELD_BACK:
            return False
        if self._letting_go is None:
            # A timer, because an upstream that thinks in silence does not come by here.
            loop = asyncio.get_running_loop()
            self._letting_go = loop.call_later(patience_s, self._let_go, part, entry, target)
        return True

    def _let_go(self, part: Part, entry: AttemptRecord, target: Target) -> None:
        self._commit(entry, target)
        self._pipe.put_nowait(part.taken())

    def _stop_holding(self) -> None:
        if self._letting_go is not None:
            self._letting_go.cancel()
            self._letting_go = None

    def _commit(self, entry: AttemptRecord, target: Target) -> None:
        self._arrived(entry, target)
        self._stop_holding()
        self.committed = True
        self._call.content(entry, target)

    def _placed(self, failure: Failure) -> UpstreamFailure:
        """The failure as what it means at this point of the stream, ready to raise."""
        if self.committed:
            failure = Failure(FailureKind.INTERRUPTED, failure.message, 0, failure.retry_after_s, failure.error_type)
        return UpstreamFailure(failure)

    def _too_slow(self, timeouts: Timeouts, part: Part) -> Failure:
        if time.monotonic() >= self._ends:
            return Failure(FailureKind.TIMED_OUT, f"the answer was not over within {timeouts.total:g} s")
        if self._begins(part):
            return Failure(FailureKind.TIMED_OUT, f"the upstream fell silent for {timeouts.idle:g} s")
        if self._late is not None:
            return Failure(FailureKind.TIMED_OUT, f"no content within {self._late:g} s (adaptive)")
        return Failure(FailureKind.TIMED_OUT, f"no content within {timeouts.first_content:g} s")
