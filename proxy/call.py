"""One proxied request on its way: what came in, what was decided, and the record of how it goes."""

from __future__ import annotations

import re
import time
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal

from providers.errors import Failure, FailureKind
from providers.targets import Target
from providers.wire.messages import MessagesRequest
from providers.wire.signatures import blobs_in
from proxy import drill, memory
from proxy.attempts import Attempt
from proxy.config import ConfigSnapshot
from proxy.errors import ApiError, from_failure
from proxy.inbound.base import Inbound, Renderer
from proxy.native_repair import without_foreign
from proxy.origins import ORIGINS
from proxy.pricing import micro_dollars, total
from proxy.record import AttemptRecord, RequestRecord
from proxy.repair import repaired
from proxy.routing import RouteDecision
from proxy.selection import Choice
from proxy.tail import TAIL
from proxy.window import scaled

MAX_WHY = 1000
_UNPRINTABLE = re.compile(r"[^\x20-\x7e]")
_PLAIN_QUOTES = str.maketrans({"“": '"', "”": '"', "’": "'", "…": "..."})
"""Signs of our own sentences, as a header can carry them."""


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

    @property
    def deadline_s(self) -> float:
        """Seconds for the whole request: the router's, or more where a target may take more."""
        return max(self.config.timeouts.total, *(target.timeouts.total for target in self.targets), 0.0)

    def elapsed_ms(self) -> int:
        """Milliseconds since the request began."""
        return int((time.monotonic() - self.started) * 1000)

    def begin(self, attempt: Attempt) -> AttemptRecord:
        """Note that an upstream call starts."""
        target = attempt.target
        entry = AttemptRecord(
            attempt.number, target.provider, target.actual_model, started_ms=self.elapsed_ms(), key=target.key_told
        )  # fmt: skip
        self.record.attempts.append(entry)
        self.drilled = drill.of(self.config, self.record, target, entry)
        return entry

    def fresh_renderer(self) -> Renderer:
        """A renderer for the stream of a new attempt: what an earlier one rendered was never sent."""
        self.renderer = self.inbound.renderer(self.request)
        return self.renderer

    def request_for(self, target: Target) -> MessagesRequest:
        """The request as this target may see it: repaired when other vendors took part in the conversation."""
        source = self.request.source if self.is_native(target) else None
        if source is None:
            self.repaired(target, self.request.left_out)
        if source is None and target.preset.wire_format != "anthropic_messages":
            return self.request
        elsewhere = target.provider != self.choice.home(target.preset.wire_format)

        def foreign(signature: str) -> bool:
            maker = ORIGINS.maker(signature)
            return maker != target.provider if maker else elsewhere

        # With one maker alone nobody else's signatures can be there, and the body need not be searched.
        look = elsewhere or ORIGINS.others_than(target.provider)
        if source is not None:
            cleaned, notes = without_foreign(source, foreign) if look else (source, ())
            self.repaired(target, notes)
            return replace(self.request, source=cleaned) if notes else self.request
        request, notes = repaired(self.request, foreign, look)
        self.repaired(target, notes)
        return request

    def signed(self, signature: str, target: Target) -> None:
        """Remember that a target made a signature, and the blobs under our mark that a native client gets bare."""
        for made in (signature, *(blobs_in(signature) if self.is_native(target) else ())):
            ORIGINS.note(made, target.provider)

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
        # Without a status these are our own words: which of the limits it was.
        words = f", {failure.message}" if failure.kind is FailureKind.TIMED_OUT and not failure.status else ""
        on_purpose = " (drill)" if entry.drill is not None else ""
        self._why.append(f"{entry.provider}/{entry.actual_model}: {failure.kind.value}{status}{words}{on_purpose}")
        TAIL.failed(self.record, entry)

    def broke_off(self, entry: AttemptRecord, kind: FailureKind) -> None:
        """Note that an upstream call ended without an answer of the upstream's."""
        entry.outcome, entry.duration_ms = kind.value, self.elapsed_ms() - entry.started_ms

    def cut_short(self, kind: FailureKind, words: str) -> None:
        """Note what cut the call under way short: it was no client's doing."""
        for entry in self.record.attempts[-1:]:
            if entry.outcome == FailureKind.CLIENT_GONE:
                entry.outcome, entry.message = kind.value, words

    def arrived(self, entry: AttemptRecord) -> None:
        """Note that real content has come, be it told to the client yet or not."""
        if entry.first_content_ms is None:
            entry.first_content_ms = self.elapsed_ms()

    def content(self, entry: AttemptRecord, target: Target) -> None:
        """Note that real content goes to the client: this target serves the request."""
        self.arrived(entry)
        if self.record.first_content_ms is None:
            self.record.first_content_ms = self.elapsed_ms()
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
        return _UNPRINTABLE.sub("?", "; ".join(self._why).translate(_PLAIN_QUOTES))[:MAX_WHY]

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
        record.cost_usd = self._cost()
        capture = self.config.capture
        wanted = capture.bodies == "all" or (capture.bodies == "errors" and record.outcome != "ok")
        if wanted and not memory.is_tight():
            source = self.request.source
            sent = source.body if source else self.request.body  # what the client said, not what became of it
            record.body = zlib.compress(_without_secrets(sent, capture.max_bytes, self.config.secrets))
        return record

    def _cost(self) -> Decimal | None:
        """What all attempts cost together, each at its own target's price, in USD; None when a part is unknown."""
        record, costs = self.record, []
        for entry in record.attempts:
            if entry.usage is not None:
                tariff = self.config.prices.tariff(record.logical_model, entry.provider, entry.actual_model)
                entry.cost_usd = _dollars(micro_dollars(entry.usage, tariff))
                costs.append(entry.cost_usd)
        if not costs and record.outcome == "ok":
            return Decimal(0)  # a count, or answered here
        return total(costs)


def _dollars(micros: Decimal | None) -> Decimal | None:
    return None if micros is None else (micros / 1_000_000).quantize(Decimal("1e-8"))


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
