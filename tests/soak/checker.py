"""Judges the history of a soak run: nine invariants, each a function that yields what breaks it. Pure.

answered   every request comes to an end; broken off only by a kill, or by a drain that was over
intact     a complete answer is the right text, once, in order and legal; what was shown of an incomplete one begins it
earned     an error is told only when every target of the model has failed, or one has refused for good
steady     no good upstream call is given up, none runs beside another of its request, none follows a success
followed   a client that leaves takes its upstream call along
logged     one row for each request, none for others; rows are lost by a kill alone
truthful   the row says what the client and the upstreams saw
secret     no provider's key is in an answer, a row or a log line
recovered  afterwards every process is well: ready, serving, small, with nothing left over
"""

from collections import Counter
from itertools import pairwise

UNWRITTEN_S = 1.0
"""Rows of a process that is killed may be lost when they are younger than this: they are written in batches."""
SETTLED_S = 4.0
"""The log catches up within this time once its database is back."""
FOLLOWED_S = 2.0
"""On a busy machine; the measured figures are in docs/reliability.md."""
SEEN_S = 0.5
"""How much later than the proxy an upstream may know that its call is over."""
STOPPERS = ("status/400", "toolong")
MAX_THREADS, MAX_FILES, MAX_RSS_MB = 40, 120, 400


def violations(history):
    """[(invariant, what breaks it)] of a whole history."""
    return [(rule.__name__, told) for rule in INVARIANTS for told in rule(history)]


def _during(history, kinds, server, began, ended):
    """The incidents of some kinds that touch a server, or all of them, in a span of time."""
    return [
        one
        for one in history.incidents
        if one.kind in kinds and one.server in ("", server) and one.began <= ended and one.ended >= began
    ]


def _while_asked(history, kinds, operation, slack=0.0):
    return _during(history, kinds, operation.server, operation.began - slack, operation.ended + slack)


def _killed(history, operation):
    return bool(_while_asked(history, ("kill",), operation))


def _drained(history, operation):
    """The server was told to end and the request outlasted the drain."""
    ends = _while_asked(history, ("term",), operation)
    return any(operation.ended >= one.began + history.drain_s for one in ends)


def answered(history):
    for operation in history.operations:
        told = f"{operation.nonce} at {operation.server}: {operation.end}, status {operation.status}"
        if operation.end == "hung":
            yield told
        elif operation.end == "refused" and not _while_asked(history, ("kill", "term"), operation, 0.1):
            yield f"{told}, while the server was up"
        elif operation.end == "broken" and not _killed(history, operation) and not _drained(history, operation):
            untouched = not operation.status and not history.calls_of.get(operation.nonce)
            if not (untouched and _while_asked(history, ("term",), operation)):
                yield f"{told}, and nobody killed the server"


def intact(history):
    for operation in history.operations:
        right = operation.right_answer
        if operation.complaint:
            yield f"{operation.nonce}: {operation.complaint}"
        elif operation.end == "whole" and operation.text != right:
            yield f"{operation.nonce}: {_difference(operation.text, right)}"
        elif not right.startswith(operation.text):
            yield f"{operation.nonce} ({operation.end}): {_difference(operation.text, right)}"


def _difference(text, right):
    at = next((n for n in range(len(right)) if text[n : n + 1] != right[n]), len(right))
    return f"after {at} of {len(right)} characters the answer has {text[at : at + 40]!r}, not {right[at : at + 40]!r}"


def earned(history):
    for operation in history.operations:
        if operation.end != "error":
            continue
        calls = history.calls_of.get(operation.nonce, [])
        if operation.status == 503 and not calls:
            if not _while_asked(history, ("kill", "term", "database"), operation, SETTLED_S):
                yield f"{operation.nonce}: 503 from a server in good order"
        elif not _while_asked(history, ("pause",), operation) and not _drained(history, operation):
            failed = {call.provider for call in calls if not call.good}
            stopped = any(call.script.startswith(STOPPERS) for call in calls)
            spared = set(history.models[operation.model]) - failed
            if not failed or (not operation.text and spared and not stopped):
                yield f"{operation.nonce}: told of an error ({operation.status}) while {sorted(spared)} had not failed"


def steady(history):
    operations = {operation.nonce: operation for operation in history.operations}
    for nonce, calls in history.calls_of.items():
        operation = operations.get(nonce)
        if operation is None:
            yield f"{nonce}: an upstream was called for nobody"
            continue
        calls = sorted(calls, key=lambda call: call.began)
        excused = operation.end == "left" or _while_asked(history, ("kill", "pause"), operation)
        for call in calls:
            if call.good and call.end == "left" and not excused and not _drained(history, operation):
                yield f"{nonce}: a good answer of {call.provider} was given up"
        for first, second in pairwise(calls):
            if second.began < first.ended - SEEN_S:
                yield f"{nonce}: {first.provider} and {second.provider} were called at the same time"
            if first.good and first.end == "told" and not excused:
                yield f"{nonce}: {second.provider} was called after {first.provider} had answered"
        if len(calls) > len(history.models[operation.model]) + 1:
            yield f"{nonce}: {len(calls)} calls"


def followed(history):
    for operation in history.operations:
        if operation.end != "left":
            continue
        incidents = _during(history, ("pause", "kill"), operation.server, operation.began, operation.ended + FOLLOWED_S)
        limit = max([operation.ended, *(one.ended for one in incidents)]) + FOLLOWED_S
        for call in history.calls_of.get(operation.nonce, []):
            if not call.end or call.ended > limit:
                late = f"{call.ended - operation.ended:.1f} s after its client left" if call.end else "never let go"
                yield f"{operation.nonce} ({operation.phase}): the call of {call.provider} ended {late}"


def _may_be_unlogged(history, operation):
    """True when the server was killed before it can have written the row."""
    obstacles = [one for one in history.incidents if one.kind in ("database", "pause")]
    for kill in history.incidents:
        if kill.kind != "kill" or kill.server != operation.server or kill.ended < operation.began:
            continue
        if kill.began <= operation.ended + UNWRITTEN_S:
            return True
        held = any(o.began <= kill.began and o.ended + SETTLED_S >= operation.ended for o in obstacles)
        if held and _catching_up(obstacles, operation.ended, kill.began):
            return True
    return False


def _catching_up(obstacles, since, until):
    """True when the log had no quiet time to be written between two moments."""
    quiet_from = since
    for one in sorted(obstacles, key=lambda one: one.began):
        if one.ended < quiet_from or one.began > until:
            continue
        if one.began - quiet_from > SETTLED_S:
            return False
        quiet_from = max(quiet_from, one.ended)
    return until - quiet_from <= SETTLED_S


def logged(history):
    counts = Counter(row.nonce for row in history.rows)
    for operation in history.operations:
        count = counts.pop(operation.nonce, 0)
        called = bool(history.calls_of.get(operation.nonce))
        if count > 1:
            yield f"{operation.nonce}: {count} rows"
        # Who was sent away, or left before the request was read, was never proxied.
        proxied = called or (operation.end in ("whole", "error") and operation.status != 503)
        if proxied and not count and not _may_be_unlogged(history, operation):
            yield f"{operation.nonce} at {operation.server} ({operation.end}): no row"
    for nonce in counts:
        yield f"{nonce!r}: a row for nobody"


def truthful(history):
    operations = {operation.nonce: operation for operation in history.operations}
    for row in history.rows:
        operation = operations.get(row.nonce)
        if operation is None:
            continue
        unlogged = _may_be_unlogged(history, operation)
        if row.outcome in ("open", "lost"):
            if not unlogged or (row.outcome == "open" and history.swept):
                yield f"{row.nonce}: the row is {row.outcome!r} and the client saw {operation.end!r}"
            continue
        calls = history.calls_of.get(row.nonce, [])
        if told := _contradiction(row, operation, calls, killed=unlogged):
            yield f"{row.nonce}: {told} (row {row.outcome} {row.status}, client {operation.end} {operation.status})"


def _contradiction(row, operation, calls, killed):
    """What is wrong about a row, or ""."""
    attempted = Counter(provider for provider, _ in row.attempts)
    called = Counter(call.provider for call in calls)
    if not called <= attempted:
        return f"calls of {dict(called)}, attempts {dict(attempted)}"
    if row.outcome == "ok" and (not row.attempts or row.attempts[-1] != (row.provider, "ok")):
        return f"served by {row.provider}, attempts {row.attempts}"
    failed = row.outcome in ("error", "interrupted")
    fits = {
        "whole": row.outcome == "ok" and row.status == 200,
        "error": failed and operation.status in (200, row.status),
        "left": row.outcome == "client_gone" or not calls or calls[-1].end == "told" or not calls[-1].good,
        "broken": row.outcome != "ok" or killed,
    }
    return "" if fits.get(operation.end, True) else "the row tells another story"


def secret(history):
    yield from history.leaks


def recovered(history):
    for one in history.survivors:
        if not one.ready or not one.served:
            yield f"{one.server}: ready {one.ready}, serves {one.served}"
        if one.threads > MAX_THREADS or one.files > MAX_FILES or one.rss_mb > MAX_RSS_MB:
            yield f"{one.server}: {one.threads} threads, {one.files} open files, {one.rss_mb:.0f} MB"
    for name in history.spills:
        yield f"{name} was left"
    for incident in history.incidents:
        if incident.kind == "term" and incident.code:
            yield f"{incident.server}: exit code {incident.code} after SIGTERM"
    for call in history.calls:
        if not call.end:
            yield f"{call.nonce}: the call of {call.provider} is still open"


INVARIANTS = (answered, intact, earned, steady, followed, logged, truthful, secret, recovered)
