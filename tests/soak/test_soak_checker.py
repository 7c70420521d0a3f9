"""The checker catches what it is there for: a sound history has no violation, and each way to spoil it has its name."""

from dataclasses import replace

import pytest

from tests.soak.checker import INVARIANTS, violations
from tests.soak.history import TOOL_TEXT, Call, History, Incident, Operation, Row, Survivor, expected

MODELS = {"m": ("ann", "ben")}
TEXT = expected("n1", 5)


def operation(nonce="n1", end="whole", **fields):
    told = {"status": 200, "text": expected(nonce, 5) if end == "whole" else "", **fields}
    return Operation(
        nonce, told.pop("server", "one"), "messages", True, "m", 5, 10.0, told.pop("ended", 12.0), end, **told
    )


def call(provider="ann", good=True, nonce="n1", began=10.1, ended=11.9, end="told", script=""):
    return Call(nonce, provider, script or ("ok" if good else "status/529"), good, began, ended, end)


def row(outcome="ok", status=200, nonce="n1", provider="ann", attempts=(("ann", "ok"),)):
    return Row(nonce, outcome, status, provider, tuple(attempts))


def history(operations=None, calls=None, rows=None, *incidents, **fields):
    return History(
        MODELS, 5.0, (operation(),) if operations is None else operations, (call(),) if calls is None else calls,
        (row(),) if rows is None else rows, incidents, (Survivor("one", True, True),), **fields,
    )  # fmt: skip


def kill(began=11.0, ended=13.0):
    return Incident("kill", "one", began, ended)


def term(began=11.0, ended=13.0, code=0):
    return Incident("term", "one", began, ended, code)


FAILED_OVER = history(
    (operation(),),
    (call("ann", False, began=10.1, ended=10.2), call("ben", began=10.3)),
    (row(provider="ben", attempts=(("ann", "overloaded"), ("ben", "ok"))),),
)
REFUSED = history(
    (operation(end="error", status=529),),
    (call("ann", False, ended=10.2), call("ben", False, began=10.3)),
    (row("error", 529, attempts=(("ann", "overloaded"), ("ben", "overloaded"))),),
)
GONE = history(
    (operation(end="left", phase="in the stream", text=TEXT[:9]),),
    (call(end="left", ended=12.01),),
    (row("client_gone", 499, attempts=(("ann", "client_gone"),)),),
)
KILLED = history((operation(end="broken", text=TEXT[:9]),), (call(end="left"),), (), kill())
DRAINED = history(
    (operation(end="broken", text=TEXT[:9], ended=16.1),),
    (call(end="left", ended=16.0),),
    (row("client_gone", 499, attempts=(("ann", "client_gone"),)),),
    term(ended=17.0),
)
SENT_AWAY = history((operation(end="error", status=503),), (), (), term())
SOUND = {
    "whole": history(),
    "failed over": FAILED_OVER,
    "refused": REFUSED,
    "gone": GONE,
    "gone before it was read": history((operation(end="left", status=0),), (), ()),
    "killed": KILLED,
    "killed, row lost": replace(KILLED, rows=(row("lost", 0, attempts=(("ann", "lost"),)),)),
    "killed before the row was written": history(None, None, (), kill(began=12.4)),
    "killed while the database was away": history(
        None, None, (), Incident("database", "", 11.5, 14.0), kill(began=15.0, ended=17.0)
    ),
    "drained": DRAINED,
    "sent away": SENT_AWAY,
    "no server": history((operation(end="refused", status=0),), (), (), kill()),
    "fast end": history((operation(end="broken", status=0),), (), (), term()),
    "one refusal for good": history(
        (operation(end="error", status=400),), (call("ann", False, script="status/400"),),
        (row("error", 400, attempts=(("ann", "rejected"),)),),
    ),
    "frozen": replace(
        REFUSED, calls=(call("ann", False, ended=10.2),), rows=(row("error", 529, attempts=(("ann", "overloaded"),)),),
        incidents=(Incident("pause", "one", 11.0, 11.5),),
    ),
    "tool": history((operation(tool=True, text=TOOL_TEXT),)),
}  # fmt: skip


def spoiled(sound, **fields):
    """The history with its one operation changed."""
    return replace(sound, operations=(replace(sound.operations[0], **fields),))


SPOILED = [
    ("answered", "hangs", history((operation(end="hung"),))),
    ("answered", "is cut by nobody", replace(KILLED, incidents=())),
    ("answered", "another server was killed", replace(KILLED, incidents=(replace(kill(), server="two"),))),
    ("answered", "was killed later", replace(KILLED, incidents=(kill(began=12.1),))),
    ("answered", "cut before the drain was over", spoiled(DRAINED, ended=15.0)),
    ("answered", "cut at SIGTERM after a call", replace(SOUND["fast end"], calls=(call(),), rows=(row(),))),
    ("answered", "no connection to a server that is up", replace(SOUND["no server"], incidents=())),
    ("intact", "a gap", history((operation(text=TEXT.replace(" n1.2", "")),))),
    ("intact", "a repetition", history((operation(text=TEXT + " n1.4"),))),
    ("intact", "too short", history((operation(text=TEXT[:-1]),))),
    ("intact", "another's text", history((operation(text=expected("n2", 5)),))),
    ("intact", "a wrong beginning of a broken one", spoiled(KILLED, text="x")),
    ("intact", "illegal", history((operation(complaint="illegal: two starts"),))),
    ("intact", "half a tool call", history((operation(tool=True, text=TOOL_TEXT[:-1]),))),
    ("earned", "one target was spared", replace(REFUSED, calls=(call("ann", False),))),
    ("earned", "nobody had failed", spoiled(replace(REFUSED, calls=(call(),)), text=TEXT[:9], status=200)),
    ("earned", "sent away by a healthy server", replace(SENT_AWAY, incidents=())),
    ("earned", "500 without a call", spoiled(SENT_AWAY, status=500)),
    ("steady", "a good answer given up", replace(FAILED_OVER, calls=(call(end="left"), call("ben", began=12.0)))),
    ("steady", "two at a time", history(None, (call(good=False), call("ben", began=11.0)))),
    ("steady", "asked again after an answer", history(None, (call(), call("ben", began=12.0)))),
    ("steady", "asked again and again", history(None, [call(good=False, began=n, ended=n) for n in range(4)])),
    ("steady", "called for nobody", history(None, (call(), call(nonce="n9")))),
    ("followed", "the call goes on", replace(GONE, calls=(call(end="told", ended=15.0),))),
    ("followed", "the call is open", replace(GONE, calls=(call(end="", ended=0.0),))),
    ("logged", "no row", history(None, None, ())),
    ("logged", "two rows", history(None, None, (row(), row()))),
    ("logged", "a row for nobody", history(None, None, (row(), row(nonce="n9")))),
    ("logged", "a row lost long before the kill", history(None, None, (), kill(began=20.0))),
    ("logged", "a row lost by SIGTERM", history(None, None, (), term())),
    ("logged", "lost though the database was back for long",
     history(None, None, (), Incident("database", "", 11.5, 14.0), kill(began=25.0, ended=26.0))),
    ("truthful", "a failure called ok", replace(REFUSED, rows=(row(),))),
    ("truthful", "an answer called an error", history(None, None, (row("error", 529),))),
    ("truthful", "another status", replace(REFUSED, rows=(replace(REFUSED.rows[0], status=502),))),
    ("truthful", "a departure called ok", replace(GONE, rows=(row(),))),
    ("truthful", "served by another", history(None, None, (row(provider="ben"),))),
    ("truthful", "a call without its attempt", replace(FAILED_OVER, rows=(row(),))),
    ("truthful", "lost, and nobody was killed", history(None, None, (row("lost", 0),))),
    ("truthful", "still open", replace(KILLED, rows=(row("open", 0),))),
    ("secret", "a key in the log", history(leaks=("the key of ann is in one.log",))),
    ("recovered", "not ready", replace(history(), survivors=(Survivor("one", False, True),))),
    ("recovered", "serves nobody", replace(history(), survivors=(Survivor("one", True, False),))),
    ("recovered", "many threads", replace(history(), survivors=(Survivor("one", True, True, threads=99),))),
    ("recovered", "many files", replace(history(), survivors=(Survivor("one", True, True, files=999),))),
    ("recovered", "much memory", replace(history(), survivors=(Survivor("one", True, True, rss_mb=999),))),
    ("recovered", "a spill file", history(spills=("log-1.spill",))),
    ("recovered", "an exit code", replace(SENT_AWAY, incidents=(term(code=1),))),
    ("recovered", "an open call", replace(KILLED, calls=(call(end=""),))),
]  # fmt: skip


@pytest.mark.parametrize("name", SOUND)
def test_a_sound_history_passes(name):
    """What may happen in a run, with and without a nemesis, breaks no invariant."""
    assert violations(SOUND[name]) == []


@pytest.mark.parametrize(("rule", "what", "spoiled"), SPOILED, ids=[f"{rule}: {what}" for rule, what, _ in SPOILED])
def test_a_spoiled_history_is_caught(rule, what, spoiled):
    """Each violation is found by its own invariant."""
    assert rule in {broken for broken, _ in violations(spoiled)}


def test_every_invariant_has_a_history_that_breaks_it():
    """There are nine, and none of them is there for show."""
    assert {rule for rule, _, _ in SPOILED} == {rule.__name__ for rule in INVARIANTS}
    assert len(INVARIANTS) == 9
