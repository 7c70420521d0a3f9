"""One proxied request on its way: what came in, what was decided, and the record of how it goes."""

from __future__ import annotations

import re
import time
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field

from providers.errors import Failure
from providers.targets import Target
from providers.wire.messages import MessagesRequest
from proxy import drill, memory
from proxy.attempts import Attempt
from proxy.config import ConfigSnapshot
from proxy.errors import ApiError, from_failure
from proxy.inbound.base import Inbound, Renderer
from proxy.origins import ORIGINS
from proxy.record import AttemptRecord, RequestRecord
from proxy.repair import repaired
from proxy.routing import RouteDecision
from proxy.selection import Choice
from proxy.tail import TAIL
from proxy.window import scaled

MAX_WHY = 1000
_UNPRINTABLE = re.compile(r"[^\x20-\x7e]")


@dataclass
class Call:
    """A request with its decision. `finish` closes the record; everything before only adds to it."""

    inbound: Inbound
    request: MessagesRequest
    decision: RouteDecision
    targets: tuple[Target, ...]
    cooling: tuple[Target, ...]
    config: ConfigSnapshot
    record: RequestRecord
    started: float = field(default_factory=time.monotonic)
    choice: Choice = Choice(())
    drilled: drill.Drilled | None = None
    """What a drill does to the attempt that runs."""

    def __post_init__(self) -> None:
        self._why = [self.decision.why]
        if self.choice.why:
            self._why.append(self.choice.why)
        self.renderer: Renderer = self.inbound.renderer(self.request)
        if self.cooling:
            self._why.append("cooling: " + ", ".join(str(target) for target in self.cooling))

    def elapsed_ms(self) -> int:
        """Milliseconds since the request began."""
        return int((time.monotonic() - self.started) * 1000)

    def begin(self, attempt: Attempt) -> AttemptRecord:
        """Note that an upstream call starts."""
        target = attempt.target
        entry = AttemptRecord(attempt.number, target.provider, target.actual_model, started_ms=self.elapsed_ms())
        self.record.attempts.append(entry)
        self.drilled = drill.of(self.config, self.record, target, entry)
        return entry

    def fresh_renderer(self) -> Renderer:
        """A renderer for the stream of a new attempt: what an earlier one rendered was never sent."""
        self.renderer = self.inbound.renderer(self.request)
        return self.renderer

    def request_for(self, target: Target) -> MessagesRequest:
        """The request as this target may see it: repaired when other vendors took part in the conversation."""
        if target.preset.wire_format != "anthropic_messages":
            return self.request
        switched = target.provider != self.decision.targets[0].provider

        def foreign(signature: str) -> bool:
            maker = ORIGINS.maker(signature)
            return maker != target.provider if maker else switched

        # With one maker alone nobody else's signatures can be there, and the body need not be searched.
        look = switched or ORIGINS.others_than(target.provider)
        request, notes = repaired(self.request, foreign, look)
        self.repaired(target, notes)
        return request

    def is_native(self, target: Target) -> bool:
        """True when a client that does not speak Messages speaks what this target speaks."""
        source = self.request.source
        return source is not None and source.wire_format == target.preset.wire_format

    def repaired(self, target: Target, notes: Sequence[str]) -> None:
        """Note what of the request was left out or rewritten for a target."""
        if notes:
            self._why.append(f"{target}: {', '.join(notes)}")

    def goes_on(self, target: Target, characters: int) -> None:
        """Note that a broken stream goes on at another target, after so many characters of text."""
        self._why.append(f"goes on at {target} after {characters} characters")

    def told_count(self, tokens: int, target: Target) -> int:
        """This target's count as the client is told it: in the measure of its window if the settings say so."""
        if not self.config.router.scale_counts:
            return tokens
        told = scaled(tokens, self.request, target.context_window)
        if told != tokens:
            self._why.append(f"{target}: {tokens} tokens told as {told}, its window being {target.context_window}")
        return told

    def failed(self, entry: AttemptRecord, failure: Failure) -> None:
        """Note how an upstream call failed."""
        entry.outcome, entry.message = failure.kind.value, failure.message
        entry.status = failure.status or entry.status
        entry.duration_ms = self.elapsed_ms() - entry.started_ms
        status = f" {failure.status}" if failure.status else ""
        on_purpose = " (drill)" if entry.drill is not None else ""
        self._why.append(f"{entry.provider}/{entry.actual_model}: {failure.kind.value}{status}{on_purpose}")
        TAIL.failed(self.record, entry)

    def content(self, entry: AttemptRecord, target: Target) -> None:
        """Note that real content has come: this target serves the request."""
        if entry.first_content_ms is None:
            entry.first_content_ms = self.elapsed_ms()
            if self.record.first_content_ms is None:
                self.record.first_content_ms = entry.first_content_ms
        self.record.provider, self.record.actual_model = target.provider, target.actual_model

    def succeeded(self, entry: AttemptRecord, target: Target) -> None:
        """Note that the answer is complete."""
        self.content(entry, target)
        entry.outcome, entry.status = "ok", entry.status or 200
        entry.duration_ms = self.elapsed_ms() - entry.started_ms
        self.record.outcome, self.record.status = "ok", 200

    def refused(self, error: ApiError, outcome: str = "error") -> None:
        """Note that the client is told of a failure."""
        self.record.outcome, self.record.status, self.record.error = outcome, error.status, error.message

    def exhausted(self, failure: Failure, target: Target) -> ApiError:
        """The error of a request whose targets all failed."""
        self.record.provider, self.record.actual_model = target.provider, target.actual_model
        return from_failure(failure)

    def why(self) -> str:
        """The decision and everything that happened since, as one printable line."""
        return _UNPRINTABLE.sub("?", "; ".join(self._why))[:MAX_WHY]

    def headers(self) -> dict[str, str]:
        """What every proxied answer tells about itself."""
        record = self.record
        told = {
            "request-id": record.request_id,
            "x-ccm-route": record.route,
            "x-ccm-model": record.logical_model,
            "x-ccm-provider": record.provider,
            "x-ccm-actual-model": record.actual_model,
            "x-ccm-attempts": str(len(record.attempts)),
            "x-ccm-why": self.why(),
        }
        return {name: _UNPRINTABLE.sub("?", value) for name, value in told.items()}

    def finish(self) -> RequestRecord:
        """The record, complete."""
        record = self.record
        record.duration_ms = self.elapsed_ms()
        record.why = self.why()
        capture = self.config.capture
        wanted = capture.bodies == "all" or (capture.bodies == "errors" and record.outcome != "ok")
        if wanted and not memory.is_tight():
            record.body = zlib.compress(_without_secrets(self.request.body, capture.max_bytes, self.config.secrets))
        return record


def _without_secrets(body: bytes, limit: int, secrets: Sequence[str]) -> bytes:
    """The first `limit` bytes of the body, without any secret in it or the first part of one at its end."""
    hidden = sorted((secret.encode() for secret in secrets), key=len, reverse=True)
    margin = len(hidden[0]) if hidden else 0
    text = body[: limit + margin]
    for secret in hidden:
        text = text.replace(secret, b"[secret removed]")
    if len(body) > limit + margin:
        # What is cut in two at this end was not found above; taking secrets out may have moved it below the limit.
        text = text[: len(text) - margin]
    return text[:limit]
