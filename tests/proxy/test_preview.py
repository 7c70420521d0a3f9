"""Where a request would go: the same answer as a real one gets, and no trace of the question."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from providers.presets import PRESETS
from providers.targets import Secret, SpareKey, UpstreamRequest
from proxy import logbook, preview, snapshot
from proxy.config import DrillConfig, RouterConfig
from proxy.health import BOARD, CoolingBoard
from proxy.models import ConfigRevision, LogicalModel
from proxy.preview import COUNT, MASK, Preview, Question, Refusal, masked
from proxy.selection import SELECTOR, Selector
from tests import cast
from tests.clock import Clock
from tests.live import config_of

ONE, TWO = cast.target("one", "glm", credential_id=1), cast.target("two", "gpt-5", "openai", credential_id=2)
BODY = {"model": "smart", "max_tokens": 50, "messages": [{"role": "user", "content": "hi"}]}
PDF = {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "AAAA"}}


@pytest.fixture
def board():
    return CoolingBoard(now=Clock(), jitter=lambda: 0.0)


def asked(config, body=None, dialect="", board=None, selector=None, **headers):
    text = body if isinstance(body, bytes) else json.dumps({**BODY, **(body or {})}).encode()
    question = Question(text, dialect, {name.replace("_", "-"): value for name, value in headers.items()})
    return preview.ask(question, config, board=board or CoolingBoard(), selector=selector or Selector())


def test_the_decision_the_order_and_the_outgoing_call(board):
    """The route, the line of reasons, all targets in order, and what the first one would be sent."""
    found = asked(config_of({"smart": [ONE, TWO]}), {"stream": True}, x_claude_code_session_id="s-1")
    assert isinstance(found, Preview)
    assert (found.reason, found.logical_model, found.why) == ("default", "smart", "asked for by name")
    assert (found.dialect, found.streams, found.session) == ("anthropic_messages", True, "s-1")
    assert [str(step.target) for step in found.steps] == ["one/glm", "two/gpt-5"]
    assert [step.mark for step in found.steps] == ["healthy", "healthy"]
    assert found.shown is found.steps[0]
    assert found.steps[1].outgoing is None
    sent = found.shown.outgoing
    assert (sent.method, sent.url) == ("POST", "http://127.0.0.1:9/v1/messages")
    assert json.loads(sent.body)["model"] == "glm"


def test_it_says_what_a_real_request_is_told(live, upstream):
    """The reasons of the preview are those in `x-ccm-why` of the request itself."""
    targets = [replace(ONE, base_url=f"{upstream.url}/ok"), replace(TWO, base_url=f"{upstream.url}/ok")]
    config = config_of({"smart": targets}, router=RouterConfig(default="smart"))
    live.configure(config)
    body = {**BODY, "model": "claude-something"}
    found = asked(config, body)
    told = httpx.post(f"{live.url}/v1/messages", json=body, trust_env=False).headers
    assert (told["x-ccm-why"], told["x-ccm-route"], told["x-ccm-model"]) == (
        found.why.replace("“", '"').replace("”", '"'), found.reason, found.logical_model,
    )  # fmt: skip
    assert f"{told['x-ccm-provider']}/{told['x-ccm-actual-model']}" == str(found.steps[0].target)


@pytest.mark.parametrize(
    ("dialect", "body", "status", "words"),
    [
        ("anthropic_messages", b"{", 400, "error"), ("", b"", 400, "empty"),
        ("openai_chat", b'{"model": "smart"}', 400, "messages"), ("openai_responses", b"[]", 400, "object"),
        ("", b'{"model": "nobody", "messages": []}', 404, "known models: smart"),
        (COUNT, b'{"model": "", "messages": []}', 400, "model"),
    ],
)  # fmt: skip
def test_a_refusal_is_shown_as_the_client_would_see_it(dialect, body, status, words):
    """The status and the body of the dialect's own error."""
    found = asked(config_of({"smart": [ONE]}), body, dialect)
    assert isinstance(found, Refusal)
    assert found.status == status
    assert words in found.body
    shape = json.loads(found.body)
    assert ("type" in shape) == (found.dialect == "anthropic_messages")


def test_a_wrong_forced_provider_is_refused():
    """X-Provider is obeyed, or refused in the router's words."""
    config = config_of({"smart": [ONE, TWO]})
    assert [str(step.target) for step in asked(config, x_provider="two").steps] == ["two/gpt-5"]
    assert asked(config, x_provider="three").status == 400


@pytest.mark.parametrize(
    ("kind", "later", "mark", "words"),
    [
        ("overloaded", 0, "cooling", "cools for 5 s more and is tried last (overloaded: too busy)"),
        ("refused_key", 0, "key refused", "its key was refused: tried last for 300 s"),
        ("overloaded", 60, "to be tried", "the next request finds out"),
    ],
)
def test_what_is_held_against_a_target_is_told(board, kind, later, mark, words):
    """A cooling target stands last with its reason; one whose cooldown is over in its place."""
    board.failed(ONE, cast.failure(kind, "too busy"))
    board.now.now += later
    found = asked(config_of({"smart": [ONE, TWO]}), board=board)
    step = next(step for step in found.steps if step.target.provider == "one")
    assert step.mark == mark
    assert words in step.notes[0]
    assert (found.steps[-1] is step) == (mark != "to be tried")
    assert ("cooling: one/glm" in found.why) == (mark != "to be tried")


def test_a_probe_under_way_is_told(board):
    """While another request probes a target it is tried last."""
    board.failed(ONE, cast.failure("overloaded"))
    board.now.now += 60
    board.begin(ONE)
    found = asked(config_of({"smart": [ONE, TWO]}), board=board)
    assert "is being probed by another request" in found.steps[-1].notes[0]


def test_a_target_that_would_not_be_called_says_why():
    """One without a usable key and one that cannot take the request are passed over; the next is shown."""
    broken = cast.target("broken", problem="its key does not unseal")
    unable = cast.target("unable", "chat", "openai-compatible")
    found = asked(config_of({"smart": [broken, unable, ONE]}), {"messages": [{"role": "user", "content": [PDF]}]})
    assert [step.mark for step in found.steps] == ["skipped", "skipped", "healthy"]
    assert "its key does not unseal" in found.steps[0].notes[0]
    assert "the next one is tried" in found.steps[1].notes[0]
    assert found.shown is found.steps[2]


def test_a_prompt_larger_than_the_window_is_told():
    """The estimate beside a smaller window is a warning."""
    small = replace(ONE, context_window=10)
    found = asked(config_of({"smart": [small]}), {"messages": [{"role": "user", "content": "many words " * 50}]})
    assert "smaller than the estimate" in found.steps[0].notes[0]


def test_a_running_drill_is_told():
    """Whose requests fail on purpose at a target stands beside it."""
    until = datetime.now(UTC) + timedelta(minutes=1)
    drills = (DrillConfig(1, "one", "laptop", "529", 0, until), DrillConfig(2, "one", "", "529", 0, until))
    notes = asked(replace(config_of({"smart": [ONE]}), drills=drills)).steps[0].notes
    assert notes == ("a drill makes it fail for the key laptop", "a drill makes it fail for requests without a key")


def test_repairs_stand_at_their_target_and_not_in_the_reasons():
    """What would be left out for a target is told there; a real request tells it only when that target is called."""
    body = {"messages": [{"role": "user", "content": [{"type": "tool_result", "tool_use_id": "a.b", "content": "x"}]}]}
    found = asked(config_of({"smart": [ONE, replace(ONE, provider="three")]}), body)
    assert [step.notes for step in found.steps] == [("for this target: tool ids spelled anew",)] * 2
    assert "spelled" not in found.why


def test_a_count_shows_the_counter_or_that_none_is_called():
    """A token count goes to the first target's counter, where it has one."""
    counting = replace(ONE, preset=PRESETS["anthropic"])
    found = asked(config_of({"smart": [counting]}), dialect=COUNT)
    assert found.operation == "count_tokens"
    assert found.shown.outgoing.url.endswith("/count_tokens")
    found = asked(config_of({"smart": [ONE]}), dialect=COUNT)
    assert found.shown is None
    assert "without a call" in found.steps[0].notes[-1]


def test_a_body_s_dialect_is_detected():
    """A Chat body without a word about it is read as Chat."""
    body = {"max_completion_tokens": 5, "max_tokens": None}
    assert asked(config_of({"smart": [ONE]}), body).dialect == "openai_chat"


def test_no_secret_is_shown():
    """Keys are masked in headers, address and body, whatever header they stand in."""
    spare = SpareKey(Secret("sk-spare-0123456789"), 3, account="acct-0123")
    target = replace(ONE, extra_headers=(("X-Own", f"k={cast.KEY}"),), spare_keys=(spare,), account="acct-9876")
    outgoing = UpstreamRequest(
        "POST", f"http://127.0.0.1:9/?key={cast.KEY}", {**target.own_headers(), "x-account": "acct-9876"},
        json.dumps({"text": f"my {cast.KEY} and sk-spare-0123456789"}).encode(),
    )  # fmt: skip
    shown = repr(masked(outgoing, target, ("sk-other-secret",)))
    assert shown.count(MASK) >= 5
    for secret in (cast.KEY, "sk-spare-0123456789", "acct-9876"):
        assert secret not in shown
    config = config_of({"smart": [target]})
    assert cast.KEY not in repr(asked(config, {"system": cast.KEY}))


def test_a_long_body_is_cut(monkeypatch):
    """Only the beginning of a long body is shown, and it is said."""
    monkeypatch.setattr(preview, "MAX_SHOWN", 40)
    sent = asked(config_of({"smart": [ONE]})).shown.outgoing
    assert (len(sent.body), sent.cut) == (40, True)


def test_the_question_leaves_no_trace(monkeypatch):
    """This process's selector and board are as before, and the log has no row of it."""
    rows = []
    monkeypatch.setattr(logbook.LOGBOOK, "put_nowait", rows.append)
    monkeypatch.setattr(logbook.LOGBOOK, "begin", rows.append)
    pair = [replace(ONE, spare_keys=(SpareKey(Secret("sk-spare-0123456789"), 3),)), TWO]
    before = (dict(SELECTOR._stays), dict(SELECTOR._turns), BOARD.snapshot(), BOARD.changes())
    for session in ("", "s-1"):
        text = json.dumps(BODY).encode()
        preview.ask(Question(text, "", {"x-claude-code-session-id": session}), config_of({"smart": pair}))
    assert (dict(SELECTOR._stays), dict(SELECTOR._turns), BOARD.snapshot(), BOARD.changes()) == before
    assert rows == []


@pytest.mark.django_db
def test_the_configuration_is_the_saved_one(monkeypatch):
    """What has just been saved counts at once; an unchanged snapshot is used as it is."""
    LogicalModel.objects.create(name="fresh")
    monkeypatch.setattr(snapshot, "_current", None)
    assert "fresh" in preview.configuration().models
    kept = config_of({}, revision=ConfigRevision.current())
    monkeypatch.setattr(snapshot, "_current", kept)
    assert preview.configuration() is kept
    LogicalModel.objects.create(name="fresher")
    assert "fresher" in preview.configuration().models
    assert snapshot.loaded() is kept
