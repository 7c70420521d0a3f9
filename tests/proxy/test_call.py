"""A call on its way: what the record, the answer's headers and the line of reasons say afterwards."""

import json
import re
import zlib
from dataclasses import replace

import pytest

from proxy import call as call_module
from proxy.attempts import Attempt
from proxy.call import MAX_WHY, Call
from proxy.config import CaptureConfig
from proxy.errors import ApiError
from proxy.inbound.anthropic_messages import ANTHROPIC
from proxy.inbound.dialects import dialect_of
from proxy.record import RequestRecord
from proxy.routing import RouteDecision, RouteReason
from tests import cast
from tests.live import config_of

ONE, TWO = cast.target("one", "glm"), cast.target("two", "opus")


class Clock:
    """A clock that moves when it is told to."""

    def __init__(self):
        self.now = 1000.0

    def monotonic(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    found = Clock()
    monkeypatch.setattr(call_module, "time", found)
    return found


def call_of(*, why="it is the default", cooling=(), body=None, capture="off", max_bytes=1000, started=1000.0):
    config = replace(config_of({"smart": [ONE, TWO]}), capture=CaptureConfig(capture, max_bytes))
    record = RequestRecord("req_1", "anthropic_messages", "messages", route="default", logical_model="smart")
    decision = RouteDecision(RouteReason.DEFAULT, "smart", why, (ONE, TWO))
    return Call(ANTHROPIC, cast.request(body), decision, (ONE, TWO), cooling, config, record, started)


def test_a_first_success_is_told_whole(clock):
    """Times count from the request's start, and the target that served is in record and headers."""
    call = call_of()
    clock.now += 0.125
    entry = call.begin(Attempt(ONE, 1, 0.0, False))
    clock.now += 0.25
    call.content(entry, ONE)
    clock.now += 0.5
    call.content(entry, ONE)
    call.succeeded(entry, ONE)
    record = call.finish()
    assert (entry.started_ms, entry.first_content_ms, entry.duration_ms) == (125, 375, 750)
    assert (entry.number, entry.outcome, entry.status) == (1, "ok", 200)
    assert (record.outcome, record.status, record.first_content_ms, record.duration_ms) == ("ok", 200, 375, 875)
    assert (record.provider, record.actual_model, record.why) == ("one", "glm", "it is the default")


def test_a_failure_and_its_successor_are_both_told(clock):
    """Each attempt has a row of its own; the line of reasons names the failed one with its kind and status."""
    call = call_of()
    first = call.begin(Attempt(ONE, 1, 0.0, False))
    clock.now += 0.5
    call.failed(first, cast.failure("rate_limited", "slow down", 429))
    second = call.begin(Attempt(TWO, 2, 0.0, True))
    call.succeeded(second, TWO)
    record = call.finish()
    assert record.attempts == [first, second]
    assert (first.outcome, first.status, first.message, first.duration_ms) == ("rate_limited", 429, "slow down", 500)
    assert (record.provider, record.actual_model) == ("two", "opus")
    assert record.why == "it is the default; one/glm: rate_limited 429"


def test_the_key_that_was_used_is_told_by_its_number():
    """With several keys an attempt says which one it was, and nothing of the key itself."""
    entry = call_of().begin(Attempt(replace(ONE, key_told="key 2 of 3"), 1, 0.0, False))
    assert entry.key == "key 2 of 3" and cast.KEY not in repr(entry)
    assert call_of().begin(Attempt(ONE, 1, 0.0, False)).key == ""


def test_a_failure_without_a_status_keeps_the_one_that_was_seen():
    """A 200 that broke off stays a 200 in its row, and no status is invented in the line of reasons."""
    call = call_of()
    entry = call.begin(Attempt(ONE, 1, 0.0, True))
    entry.status = 200
    call.failed(entry, cast.failure("interrupted"))
    assert entry.status == 200
    assert call.why().endswith("; one/glm: interrupted")


def test_a_status_that_came_with_the_answer_stays():
    """A success that the upstream called 201 is noted as such; the client's own status is 200."""
    call = call_of()
    entry = call.begin(Attempt(ONE, 1, 0.0, True))
    entry.status = 201
    call.succeeded(entry, ONE)
    assert (entry.status, call.record.status) == (201, 200)


def test_when_all_failed_the_worst_news_is_told_with_its_target():
    """The client's error is the verdict's, and record and headers name whose it was."""
    call = call_of()
    error = call.exhausted(cast.failure("overloaded", "busy", 503), TWO)
    call.refused(error)
    assert (error.status, error.type, error.message) == (529, "overloaded_error", "busy")
    assert (call.record.outcome, call.record.status, call.record.error) == ("error", 529, "busy")
    assert call.headers()["x-ccm-provider"] == "two"


def test_a_request_may_take_as_long_as_its_most_patient_target():
    """The router's total holds, unless a mapping's own is longer."""
    call = call_of()
    assert call.deadline_s == call.config.timeouts.total == 3600
    call.targets = (ONE, replace(TWO, timeouts=replace(TWO.timeouts, total=7200)))
    assert call.deadline_s == 7200


def test_another_outcome_than_error_can_be_told():
    """A client that left is no error of anybody."""
    call = call_of()
    call.refused(ApiError(499, "api_error", "the client hung up"), "client_gone")
    assert (call.record.outcome, call.record.status) == ("client_gone", 499)


def test_cooling_targets_are_named_before_anything_is_tried():
    """Whoever reads the line sees why a target was passed over."""
    assert call_of(cooling=(ONE, TWO)).why() == "it is the default; cooling: one/glm, two/opus"


def test_headers_tell_the_route_and_are_always_printable():
    """All seven are there; a name with a line break or an umlaut cannot break the answer's head."""
    call = call_of(why="naïve\r\nset-cookie: x")
    call.record.logical_model = "größe\n"
    call.begin(Attempt(ONE, 1, 0.0, False))
    headers = call.headers()
    assert headers == {
        "request-id": "req_1", "x-ccm-route": "default", "x-ccm-model": "gr??e?", "x-ccm-provider": "",
        "x-ccm-actual-model": "", "x-ccm-attempts": "1", "x-ccm-why": "na?ve??set-cookie: x",
    }  # fmt: skip
    assert all(re.fullmatch(r"[\x20-\x7e]*", value) for value in headers.values())


def test_the_line_of_reasons_has_an_end():
    """However many targets failed, it fits its column and a header."""
    call = call_of(why="w" * 5000)
    assert len(call.why()) == len(call.finish().why) == MAX_WHY


@pytest.mark.parametrize(
    ("capture", "outcome", "kept"),
    [
        ("off", "ok", False), ("off", "error", False), ("errors", "ok", False), ("errors", "error", True),
        ("errors", "client_gone", True), ("all", "ok", True), ("all", "error", True),
    ],
)  # fmt: skip
def test_a_body_is_kept_only_as_the_settings_say(capture, outcome, kept):
    """Off keeps none, errors those of requests that did not end well, all every one."""
    call = call_of(capture=capture)
    call.record.outcome = outcome
    body = call.finish().body
    assert (body is not None) is kept
    if kept:
        assert zlib.decompress(body) == call.request.body


def test_a_kept_body_is_cut_and_holds_no_secret():
    """Beyond the cap nothing is kept, and a provider's key that a client pasted is taken out."""
    call = call_of(capture="all", body={"model": cast.KEY, "system": "x" * 500}, max_bytes=200)
    text = zlib.decompress(call.finish().body)
    assert len(text) <= 200
    assert cast.KEY.encode() not in text
    assert b"[secret removed]" in text


@pytest.mark.parametrize("cut", range(len(cast.KEY) + 2))
def test_a_cap_within_a_secret_leaves_none_of_it(cut):
    """Wherever the cap falls, not even the first half of a key is kept."""
    call = call_of(capture="all", body={"model": f"{cast.KEY} {cast.KEY}"})
    end = call.request.body.rindex(cast.KEY.encode()) + cut
    call.config = replace(call.config, capture=CaptureConfig("all", end))
    text = zlib.decompress(call.finish().body)
    assert len(text) <= end
    assert cast.KEY[:6].encode() not in text


def test_a_secret_within_another_leaves_none_of_it():
    """The longer of two keys is taken out first: no rest of it stays behind."""
    call = call_of(capture="all", body={"model": cast.KEY})
    call.config = replace(call.config, secrets=(cast.KEY[:10], cast.KEY))
    assert cast.KEY[10:].encode() not in zlib.decompress(call.finish().body)


def test_the_client_gets_its_body_whole_though_the_record_is_cut():
    """Redaction and cap are the record's only: the request that goes out is untouched."""
    call = call_of(capture="all", body={"model": cast.KEY}, max_bytes=10)
    before = call.request.body
    call.finish()
    assert call.request.body == before


@pytest.mark.parametrize(("path", "said"), [
    ("/v1/chat/completions", '"messages": [ {"role":"user","content":"hi"} ]'), ("/v1/responses", '"input": "hi"'),
])  # fmt: skip
def test_a_body_in_another_dialect_is_kept_as_the_client_sent_it(path, said):
    """What is kept of a Chat or Responses request is the client's own bytes, cut at the limit and without secrets."""
    inbound = dialect_of(path)
    body = f'{{"model": "gpt-x",  "user": "{cast.KEY}", {said}}}'.encode()
    call = call_of(capture="all")
    call.request = inbound.parse(body, {}, "messages", False)
    assert zlib.decompress(call.finish().body) == body.replace(cast.KEY.encode(), b"[secret removed]")
    call.config = replace(call.config, capture=CaptureConfig("all", 30))
    kept = zlib.decompress(call.finish().body)
    assert kept
    assert body[:30].startswith(kept)


@pytest.mark.parametrize(("preset", "told"), [("openai", False), ("gemini", True), ("anthropic", True)])
def test_what_the_translation_left_out_is_told(preset, told):
    """A target that gets the client's own words misses nothing; at any other the reasons name what is missing."""
    to = cast.target("one", "m", preset)
    call = call_of()
    body = json.dumps({"model": "m", "input": "hi", "tools": [{"type": "mcp"}]}).encode()
    call.request = dialect_of("/v1/responses").parse(body, {}, "messages", False)
    call.request_for(to)
    assert ("one/m: tools dropped: mcp" in call.why()) is told


def test_names_in_the_reasons_keep_their_quotes():
    """A header carries no curly quotes: the straight ones stand in for them, not question marks."""
    assert call_of(why="X-Provider asks for “one”").why() == 'X-Provider asks for "one"'
