"""Where a request would go and why, asked without sending it.

Everything is decided by the code that serves requests: the dialect's parser, routing, selection, the board, the
wire format. Nothing is called and nothing is written: no session gets a place, no key has its turn, no probe is taken.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from providers.errors import FailureKind, UpstreamFailure
from providers.outbound.formats import OUTBOUND
from providers.targets import SIGN_IN_HEADERS, Target, UpstreamRequest
from providers.wire.messages import MessagesRequest, Operation
from providers.wire.spans import MalformedJson, loads
from providers.wire.tokens import estimate_tokens
from proxy import snapshot
from proxy.call import MAX_WHY, Call
from proxy.config import ConfigSnapshot
from proxy.drill import now
from proxy.errors import ApiError
from proxy.health import BOARD, CoolingBoard
from proxy.health_words import TO_BE_TRIED, failure_told
from proxy.inbound.base import Inbound
from proxy.inbound.dialects import BY_NAME, dialect_of_members
from proxy.inbound.json_body import read_members
from proxy.models import ConfigRevision
from proxy.record import RequestRecord
from proxy.routing import RoutingError, decide
from proxy.selection import SELECTOR, Selector
from proxy.session import affinity_of, session_of

MASK = "[secret removed]"
MAX_SHOWN = 200_000
"""Characters of an outgoing body that are shown."""
DETECT, COUNT = "", "count"
REQUEST_ID = "req_preview"


@dataclass(frozen=True, slots=True)
class Question:
    """A request that nobody sends. `dialect`: an inbound format's name, COUNT, or DETECT.

    `headers` has lower-case names.
    """

    body: bytes
    dialect: str = DETECT
    headers: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Outgoing:
    """The call that would be made, without its secrets."""

    method: str
    url: str
    headers: tuple[tuple[str, str], ...]
    body: str
    cut: bool
    """True when the body goes on after what is shown."""


@dataclass(frozen=True, slots=True)
class Step:
    """One target in its place, and what there is to say of it. `mark`: ok, cooling, key refused, probe or skipped."""

    target: Target
    mark: str
    notes: tuple[str, ...]
    outgoing: Outgoing | None = None


@dataclass(frozen=True, slots=True)
class Preview:
    """The answer: what was decided, and the targets in the order to try."""

    dialect: str
    operation: Operation
    requested_model: str
    streams: bool
    tokens: int
    """The estimate that rules about sizes ask for."""
    session: str
    reason: str
    logical_model: str
    why: str
    steps: tuple[Step, ...]

    @property
    def shown(self) -> Step | None:
        """The first target that would be called."""
        return next((step for step in self.steps if step.outgoing is not None), None)


@dataclass(frozen=True, slots=True)
class Refusal:
    """The request would be refused: status and body as its client would get them."""

    dialect: str
    status: int
    message: str
    body: str


class _Look(Call):
    """A call that is never run; what would be repaired for a target stays apart from the line of reasons."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.repairs: list[str] = []

    def told(self) -> str:
        """The line of reasons as the history has it, but with the letters that a header cannot carry."""
        return "; ".join(self._why)[:MAX_WHY]

    def repaired(self, target: Target, notes: Sequence[str]) -> None:
        """Note what of the request would be left out or rewritten for a target."""
        self.repairs.extend(notes)


def configuration() -> ConfigSnapshot:
    """The configuration as it is saved, which is what the next request but a second will be served by."""
    known = snapshot.loaded()
    return known if known is not None and known.revision == ConfigRevision.current() else snapshot.load()


def ask(
    question: Question, config: ConfigSnapshot, *, selector: Selector = SELECTOR, board: CoolingBoard = BOARD
) -> Preview | Refusal:
    """What would become of a request. Pure but for reading the selector and the board."""
    inbound, operation = _dialect(question)
    headers = dict(question.headers or {})
    try:
        request = inbound.parse(question.body, headers, operation, False)
        call = _routed(request, headers, inbound, config, selector, board)
    except RoutingError as error:
        return _refused(ApiError(error.status, error.error_type, str(error)), inbound)
    except ApiError as error:
        return _refused(error, inbound)
    tokens = estimate_tokens(request)
    steps = _steps(call, tokens, board)
    decision = call.decision
    return Preview(
        inbound.name, operation, request.model, request.stream, tokens, session_of(request, headers)[0],
        decision.reason.value, decision.model, call.told(), steps,
    )  # fmt: skip


def _dialect(question: Question) -> tuple[Inbound, Operation]:
    if question.dialect == COUNT:
        return BY_NAME["anthropic_messages"], "count_tokens"
    if question.dialect in BY_NAME:
        return BY_NAME[question.dialect], "messages"
    try:
        return dialect_of_members(read_members(question.body)), "messages"
    except ApiError:
        return BY_NAME["anthropic_messages"], "messages"  # its parser says what is wrong


def _routed(
    request: MessagesRequest, headers: dict[str, str], inbound: Inbound, config: ConfigSnapshot, selector: Selector,
    board: CoolingBoard,
) -> _Look:  # fmt: skip
    """The call as the views would make it, never to be run. Raises RoutingError."""
    decision = decide(
        request, config, headers=headers, forced_provider=headers.get("x-provider", "").strip(),
        estimate=partial(estimate_tokens, request),
    )  # fmt: skip
    record = RequestRecord(REQUEST_ID, inbound.name, request.operation)
    choice = selector.choose(decision.targets, decision.model, affinity_of(request, headers), board.order, trace=False)
    return _Look(
        inbound, request.without_subagent_tag(), decision, choice.targets, choice.cooling, config, record,
        choice=choice,
    )  # fmt: skip


def _refused(error: ApiError, inbound: Inbound) -> Refusal:
    return Refusal(inbound.name, error.status, error.message, _pretty(inbound.render_error(error, REQUEST_ID)))


def _steps(call: _Look, tokens: int, board: CoolingBoard) -> tuple[Step, ...]:
    found: list[Step] = []
    for target in call.targets:
        step = _step(call, target, tokens, board)
        if any(earlier.outgoing is not None for earlier in found):
            step = replace(step, outgoing=None)
        found.append(step)
    return tuple(found)


def _step(call: _Look, target: Target, tokens: int, board: CoolingBoard) -> Step:
    mark, notes = _health(target, board)
    notes += _drills(call.config, target)
    if target.context_window is not None and tokens > target.context_window:
        notes.append(
            f"its window of {target.context_window:,} tokens is smaller than the estimate of {tokens:,}: "
            "it will probably refuse, and the next larger one is tried"
        )
    if target.problem:
        return Step(target, "skipped", (*notes, f"not called: {target.problem}"))
    call.repairs.clear()
    try:
        outgoing = _outgoing(call, target)
    except UpstreamFailure as error:
        failure = error.failure.scrubbed(*call.config.secrets)
        after = "the next one is tried" if failure.rule.next_target else "nobody else is tried"
        return Step(target, "skipped", (*notes, f"not called, {after}: {failure.message}"))
    except MalformedJson as error:
        return Step(target, "skipped", (*notes, f"not called: {error}"))
    if outgoing is None:
        return Step(target, mark, (*notes, "answered by the proxy itself, without a call"))
    notes += [f"for this target: {words}" for words in call.repairs]
    return Step(target, mark, tuple(notes), outgoing)


def _health(target: Target, board: CoolingBoard) -> tuple[str, list[str]]:
    """How a target is by the board, and what is held against it."""
    clock, held = board.now(), board.held_against(target)
    if not held:
        return "healthy", []
    worst = max(held, key=lambda one: one.ready_at)
    said = failure_told(worst.kind, worst.words)
    if worst.kind is FailureKind.REFUSED_KEY and worst.until > clock:
        return "key refused", [f"its key was refused: tried last for {worst.until - clock:.0f} s more ({said})"]
    if worst.until > clock:
        return "cooling", [f"cools for {worst.until - clock:.0f} s more and is tried last ({said})"]
    if worst.probe_until > clock:
        return "cooling", [f"is being probed by another request and is tried last ({said})"]
    return TO_BE_TRIED, [f"its cooldown is over: the next request finds out whether it is well ({said})"]


def _drills(config: ConfigSnapshot, target: Target) -> list[str]:
    keys = [
        f"the key {drill.client_key}" if drill.client_key else "requests without a key"
        for drill in config.drills
        if drill.provider == target.provider and drill.ends_at > now()
    ]
    return [f"a drill makes it fail for {key}" for key in keys]


def _outgoing(call: _Look, target: Target) -> Outgoing | None:
    """What would be sent; None when no call is needed. Raises UpstreamFailure and MalformedJson."""
    outbound = OUTBOUND[target.preset.wire_format]
    if call.request.operation == "count_tokens":
        counting = outbound.count_request(call.request_for(target), target)
        return None if counting is None else masked(counting, target, call.config.secrets)
    if outbound.local(call.request) is not None:
        return None
    outgoing = outbound.request(call.request_for(target), target)
    call.repaired(target, outgoing.repaired)
    return masked(outgoing, target, call.config.secrets)


def masked(request: UpstreamRequest, target: Target, secrets: Sequence[str]) -> Outgoing:
    """A call as it may be shown: without any secret, whatever header it stands in."""
    hidden = sorted({*secrets, *target.secrets, *filter(None, [target.account])}, key=len, reverse=True)
    names = {*SIGN_IN_HEADERS, target.preset.auth, target.preset.account_header.lower()}

    def clean(text: str) -> str:
        for secret in hidden:
            text = text.replace(secret, MASK)
        return text

    headers = tuple(
        (name, MASK if name.lower() in names else clean(value)) for name, value in sorted(request.headers.items())
    )
    body = clean(_pretty(request.body))
    return Outgoing(request.method, clean(request.url), headers, body[:MAX_SHOWN], len(body) > MAX_SHOWN)


def _pretty(body: bytes) -> str:
    """JSON as people read it, anything else as it is."""
    try:
        return json.dumps(loads(body), indent=2, ensure_ascii=False).encode("utf-8", "replace").decode()
    except MalformedJson:
        return body.decode("utf-8", "replace")
