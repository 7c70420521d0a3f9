"""Which target next? A generator that yields attempts and receives failures: no I/O, no clock.

plan = attempts.plan(targets, jitter)
attempt = next(plan)
attempt = plan.send(failure)      # until it stops; StopIteration.value is the Verdict
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass

from providers.errors import Failure, FailureKind
from providers.targets import Target


@dataclass(frozen=True, slots=True)
class Attempt:
    """One call to make: whom, after which pause in seconds, and whether nobody comes after."""

    target: Target
    number: int
    pause_s: float
    last: bool


@dataclass(frozen=True, slots=True)
class Verdict:
    """All targets failed: the failure worth telling the client, and whose it was."""

    failure: Failure
    target: Target


def plan(
    targets: Sequence[Target], jitter: Callable[[], float], may_repeat: Callable[[], bool] = lambda: True,
    begin: Callable[[Target], bool] = lambda _: True,
) -> Generator[Attempt, Failure, Verdict]:  # fmt: skip
    """Targets in the order given; `jitter` returns 0..1 and shortens the pauses.

    `may_repeat` is asked before the same target is called again. `begin` is told whose turn it is; where it
    answers False, the target is put behind the others, once. A request is worth at most one attempt more than
    it has targets.
    """
    most = len(targets) + 1
    failed: list[tuple[Target, Failure]] = []
    window_needed: int | None = None
    rest, postponed = deque(targets), set[int]()
    while rest:
        target = rest.popleft()
        if window_needed is not None and (target.context_window or 0) <= window_needed:
            continue
        if _pointless(target, failed):
            continue
        if not begin(target) and rest and id(target) not in postponed:
            postponed.add(id(target))
            rest.append(target)
            continue
        # The same target's other keys are for a refusal of this one: they do not make it less the last.
        last = all(other.is_twin_of(target) for other in rest)
        pause, again = 0.0, 0
        while True:
            number = len(failed) + 1
            failure = yield Attempt(target, number, pause, last)
            failed.append((target, failure))
            rule = failure.rule
            if again >= rule.again or most - number <= len(rest) or not may_repeat():
                break
            again += 1
            pause = rule.pause_s * jitter()
        if failure.kind is FailureKind.TOO_LONG:
            window_needed = max(window_needed or 0, target.context_window or _UNKNOWN_WINDOW)
        if not rule.next_target:
            break
    return _verdict(failed)


_OF_THE_KEY = (FailureKind.RATE_LIMITED, FailureKind.QUOTA, FailureKind.REFUSED_KEY)
"""What another key of the same provider may well not meet."""


def concerned(target: Target, failure: Failure, targets: Sequence[Target]) -> tuple[Target, ...]:
    """Whose failure it is: the target's alone when its key is to blame, else also that of its other keys."""
    if failure.kind in _OF_THE_KEY:
        return (target,)
    return (target, *(other for other in targets if other.is_twin_of(target)))


def _pointless(target: Target, failed: Sequence[tuple[Target, Failure]]) -> bool:
    """True when what went wrong before would go wrong here too."""
    return any(
        target.provider == gone.provider if failure.kind is FailureKind.BUSY
        else target.is_twin_of(gone) and failure.kind not in _OF_THE_KEY
        for gone, failure in failed
    )  # fmt: skip


_UNKNOWN_WINDOW = 200_000
"""The window assumed for a target that refused a prompt as too long and whose mapping names none."""


def _verdict(failed: Sequence[tuple[Target, Failure]]) -> Verdict:
    target, failure = max(failed, key=lambda item: item[1].rule.rank)
    return Verdict(failure, target)
