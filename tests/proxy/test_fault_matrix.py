"""The catalogue of upstream failures, rows 1 to 44, against the real proxy and a real upstream that misbehaves.

Each row meets every outbound format, streamed and whole, on the first target (somebody comes after) and on
the last (nobody does). The row number opens the test's id.
"""

import ast
import json
import socket
import threading
import time
from pathlib import Path

import httpx
import pytest

from providers.errors import MAX_MESSAGE, RULES, FailureKind
from providers.targets import Timeouts
from proxy import budget, engine, health, selection, views
from tests import cast
from tests.live import config_of, events_of, running
from tests.providers.test_client import self_signed
from tests.proxy.fault_places import ODD, hanging_names, place
from tests.proxy.fault_rows import BOTH, FAULTS, FORMATS, PROVEN_ELSEWHERE, SERVICE
from tests.upstream import ScriptedUpstream
from tests.upstream_faults import FAULTS as SCRIPTED

ROOT = Path(__file__).parents[2]
BODY = {"model": "smart", "max_tokens": 50, "messages": [{"role": "user", "content": "hi"}]}
AMPLE = Timeouts(5, 5, 5, 30)
SHORT = Timeouts(0.25, 0.25, 0.25, 30)
BLANKS = 12_000_000


@pytest.fixture(scope="module")
def stage(tmp_path_factory):
    """One proxy, one upstream and one client for all: (live, upstream, client, the TLS context nobody trusts)."""
    from ccmsite.asgi import application

    context = self_signed(tmp_path_factory.mktemp("tls"))
    with (
        ScriptedUpstream() as upstream,
        running(application) as live,
        httpx.Client(trust_env=False, timeout=20) as client,
    ):
        yield live, upstream, client, context


@pytest.fixture(autouse=True)
def fresh(stage, monkeypatch):
    """Nothing is remembered, nobody pauses before a repeat, and a whole answer gets no more time than a stream."""
    live = stage[0]
    live.records.clear()
    live.illegal.clear()
    health.BOARD.clear()
    budget.BUDGET.clear()
    selection.SELECTOR.forget()
    monkeypatch.setattr(engine.random, "random", lambda: 0.0)
    monkeypatch.setattr(engine, "WHOLE_ANSWER_FACTOR", 1)
    yield
    live.wait_for(lambda: not views._running)
    assert not views._running
    assert not live.illegal


def ask(stage, mode, blank=False):
    live, _, client, _ = stage
    body = {**BODY, "stream": mode == "stream"}
    if blank:
        body["messages"] = [{"role": "user", "content": "x" * BLANKS}]
    answer = client.post(live.url + "/v1/messages", json=body)
    record = live.record()
    told = answer.text + str(dict(answer.headers)) + repr(record)
    assert cast.KEY not in told
    assert "set-cookie" not in answer.headers
    return answer, record


def targets(stage, url, fault, preset, alone):
    limits = SHORT if "timed_out" in (fault.kind, fault.whole) else AMPLE
    bad = cast.target("bad", preset=preset, base_url=url, timeouts=limits)
    good = cast.target(
        "good", preset=preset, base_url=f"{stage[1].url}/ok", timeouts=AMPLE, context_window=1_000_000
    )  # fmt: skip
    return [bad] if alone else [bad, good]


def calls(kind):
    """How often a target is called that fails so."""
    return 1 if kind == "ok" else 1 + RULES[FailureKind(kind)].again


def words_of(answer):
    """The text of an answer, and how a stream ended: its events have passed the grammar."""
    if not answer.headers["content-type"].startswith("text/event-stream"):
        content = json.loads(answer.text)["content"]  # the bytes may be no UTF-8 where nothing is translated
        return "".join(block["text"] for block in content if block["type"] == "text"), "message_stop"
    events = events_of(answer.content)
    assert [event.type for event in events].count("message_start") == 1
    deltas = [event.payload()["delta"] for event in events if event.type == "content_block_delta"]
    return "".join(delta.get("text", "") for delta in deltas), events[-1].type


def is_clean(answer, record, text):
    """The client reads one complete answer, and the log says that all went well."""
    assert answer.status_code == 200, answer.text
    assert words_of(answer) == (text, "message_stop")
    assert (record.outcome, record.status) == ("ok", 200)


def is_broken_off(answer, record):
    """The client was told, in the stream, that it ends here; the row says the same."""
    assert answer.status_code == 200
    text, last = words_of(answer)
    assert last == "error" and "Hello".startswith(text)
    error = events_of(answer.content)[-1].payload()["error"]
    assert error["type"] in ("api_error", "overloaded_error") and error["message"]
    assert (record.outcome, record.status) == ("interrupted", 502)
    assert text == "" or record.usage.output > 0


def is_refused(answer, record, kind):
    """The status and the type are those of the table, as JSON, whatever was asked for."""
    rule = RULES[FailureKind(kind)]
    assert answer.status_code == rule.status, answer.text
    assert answer.json()["error"]["type"] == rule.type
    message = answer.json()["error"]["message"]
    assert 0 < len(message) <= MAX_MESSAGE and "<" not in message
    assert answer.json()["request_id"] == answer.headers["request-id"] == record.request_id
    assert (record.outcome, record.status) == ("error", rule.status)
    assert (answer.headers.get("x-should-retry") == "false") == (not rule.client_may_retry)
    if kind == "rate_limited":
        assert answer.headers["retry-after"] == "7"


CASES = [
    pytest.param(fault, mode, preset, id=f"{fault.row:02d}-{fault.path}-{mode}-{name}")
    for fault in FAULTS
    for mode in fault.modes
    for name, preset in FORMATS.items()
    if name in fault.formats
]


@pytest.mark.filterwarnings("ignore:Sending a large body:ResourceWarning")
@pytest.mark.parametrize(("fault", "mode", "preset"), CASES)
@pytest.mark.parametrize("alone", [False, True], ids=["first", "last"])
def test_row(stage, fault, mode, preset, alone):
    """On the first target nobody notices; on the last the client is told what the table says; the log tells all."""
    _, upstream, _, context = stage
    at = place(fault.path, context) if fault.path.startswith("!") else None
    if at is None:
        answer, record = meets(stage, f"{upstream.url}/{fault.path}", fault, mode, preset, alone)
    else:
        with at as url:
            answer, record = meets(stage, url, fault, mode, preset, alone)
    kind = fault.ends(mode)
    served = kind == "ok" or (not alone and (kind != "interrupted" or fault.goes_on))
    entries = [(entry.provider, entry.outcome) for entry in record.attempts]
    if fault.path == "stale" and entries[0] == ("bad", "unreachable"):
        del entries[0]  # the end of the kept connection was still on its way: that costs a try, which nobody sees
    assert entries == [("bad", kind)] * calls(kind) + [("good", "ok")] * (served and kind != "ok")
    if served:
        is_clean(answer, record, fault.text if kind == "ok" else "Hello")
        assert record.provider == ("bad" if kind == "ok" else "good")
    elif kind == "interrupted":
        is_broken_off(answer, record)
    else:
        is_refused(answer, record, kind)


def meets(stage, url, fault, mode, preset, alone):
    stage[0].configure(config_of({"smart": targets(stage, url, fault, preset, alone)}))
    return ask(stage, mode, fault.blank)


def test_no_row_is_missing():
    """Each of the rows 1 to 44 and 79 to 95 has an entry or names tests that exist; every fault named exists too."""
    rows = {fault.row for fault in FAULTS} | set(PROVEN_ELSEWHERE)
    assert rows == set(range(1, 45))
    assert set(SERVICE) == set(range(79, 96))
    for name in (name for names in (PROVEN_ELSEWHERE | SERVICE).values() for name in names):
        file, _, test = name.partition("::")
        tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
        assert test in {node.name for node in ast.walk(tree) if hasattr(node, "name")}, name
    scripted = {fault.path.split("/")[0] for fault in FAULTS if not fault.path.startswith("!")}
    assert scripted <= set(SCRIPTED)
    assert set(ODD) <= {fault.path for fault in FAULTS}


@pytest.mark.parametrize("mode", BOTH)
def test_02_a_name_server_that_hangs_holds_up_nobody_else(stage, mode):
    """While twenty requests wait for a name, a provider whose name resolves answers at once."""
    live, upstream, client, _ = stage
    near = upstream.url.replace("127.0.0.1", "localhost")
    with hanging_names() as url:
        dead = cast.target("dead", base_url=url, timeouts=Timeouts(1.5, 1.5, 1.5, 30))
        live.configure(config_of({"stuck": [dead], "smart": [cast.target("near", base_url=f"{near}/ok")]}))
        asked = {**BODY, "model": "stuck", "stream": mode == "stream"}
        waiting = [
            threading.Thread(target=client.post, args=(live.url + "/v1/messages",), kwargs={"json": asked})
            for _ in range(20)
        ]  # fmt: skip
        for thread in waiting:
            thread.start()
        live.wait_for(lambda: mode == "whole" or len(views._running) == 20, 1)
        began = time.monotonic()
        answer = client.post(live.url + "/v1/messages", json={**BODY, "stream": mode == "stream"})
        assert answer.status_code == 200 and time.monotonic() - began < 1
        for thread in waiting:
            thread.join(20)
    assert sorted(record.outcome for record in live.records) == ["error"] * 20 + ["ok"]


def test_07_connections_that_were_closed_in_silence_cost_nothing(stage):
    """A hundred requests, each to a server that has closed the kept connection meanwhile: no error, no lost answer."""
    live, upstream, client, _ = stage
    live.configure(config_of({"smart": [cast.target("bad", base_url=f"{upstream.url}/stale")]}))
    for number in range(100):
        answer = client.post(live.url + "/v1/messages", json={**BODY, "stream": number % 2 == 0})
        assert answer.status_code == 200, answer.text
    live.wait_for(lambda: len(live.records) == 100)
    assert {record.outcome for record in live.records} == {"ok"}


@pytest.mark.parametrize("preset", FORMATS.values(), ids=FORMATS)
def test_11_nobody_follows_a_redirect(stage, preset):
    """The place that a redirect names is never called: the key would travel there."""
    live, upstream, *_ = stage
    live.configure(config_of({"smart": [cast.target("bad", preset=preset, base_url=f"{upstream.url}/redirect")]}))
    seen = len(upstream.requests)
    assert ask(stage, "whole")[0].status_code == 502
    assert ["elsewhere" in request.path for request in upstream.requests[seen:]] == [False]


def test_34_an_event_of_an_unknown_kind_passes_the_native_path(stage):
    """The frame is the client's to judge: it goes out as it came, and the answer is complete."""
    live, upstream, *_ = stage
    live.configure(config_of({"smart": [cast.target("bad", base_url=f"{upstream.url}/oddevent")]}))
    answer, record = ask(stage, "stream")
    assert b'event: novelty\ndata: {"type":"novelty","x":[1]}\n\n' in answer.content
    assert b"event: nothing" not in answer.content
    assert answer.content.rstrip().endswith(b'{"type":"message_stop"}') and record.outcome == "ok"
    live.wait_for(lambda: live.illegal)
    assert live.illegal.pop() == "unknown event novelty"


def test_37_a_client_that_does_not_read_stops_the_upstream(stage):
    """However much an upstream has to say, it is read no faster than the client reads."""
    live, upstream, *_ = stage
    live.configure(config_of({"smart": [cast.target("bad", base_url=f"{upstream.url}/flood", timeouts=AMPLE)]}))
    before = upstream.sent
    body = json.dumps({**BODY, "stream": True}).encode()
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        client.connect(("127.0.0.1", live.port))
        client.sendall(b"POST /v1/messages HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % len(body))
        client.sendall(body)
        sent, seen = -1, 0
        while seen != sent:
            sent, seen = seen, _after(live, upstream)
    assert 0 < upstream.sent - before < 24_000_000
    assert live.record().outcome == "client_gone"


def _after(live, upstream):
    """What the upstream has sent, half a second on."""
    at = upstream.sent
    live.wait_for(lambda: upstream.sent > at + 50_000_000, 0.5)
    return upstream.sent


def test_40_an_upstream_that_goes_on_holds_nobody(stage):
    """An upstream that neither hears of our end nor stops: the request is over at once all the same."""
    live = stage[0]
    stop = threading.Event()

    def generate():
        connection, _ = listener.accept()
        frames = b"".join(list(cast.anthropic_stream(text="Hello"))[:5])
        connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n" + frames)
        while not stop.wait(0.005):
            try:
                connection.sendall(frames[:0] + b": more\n\n")
            except OSError:
                continue
        connection.close()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=generate, daemon=True)
        thread.start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        live.configure(config_of({"smart": [cast.target("bad", base_url=url, timeouts=AMPLE)]}))
        with httpx.stream("POST", live.url + "/v1/messages", json={**BODY, "stream": True}, trust_env=False) as answer:
            next(answer.iter_bytes())
        left = time.monotonic()
        record = live.record()
        assert record.outcome == "client_gone" and time.monotonic() - left < 1
        stop.set()
        thread.join(5)
