"""Items 7 to 14 of the acceptance list, and 23, 26 and 28: what upstreams answer, as streams and whole."""

import json
from itertools import pairwise
from pathlib import Path

import pytest

from providers.errors import FailureKind, UpstreamFailure
from providers.outbound.formats import OUTBOUND
from tests.acceptance.answers import COUNTS, both, events, spoken, streamed, whole, written
from tests.acceptance.bodies import WEB_SEARCH, assistant, result, text, tool, use, user
from tests.acceptance.transcript import TRANSLATED, call, sent, upstream

RECORDINGS = Path(__file__).parents[1] / "recordings"
FOLDERS = {"openai-chat": "openai_chat", "openai": "openai_responses", "gemini": "gemini"}
EVERY = ["anthropic", *TRANSLATED]
THOUGHT, TEXT, READ = ("thinking", "hm", "QkxPQg=="), ("text", "Hello"), ("call", "call_1", "Read", '{"path":"a"}')
GREP = ("call", "call_2", "Grep", '{"q":"x"}')

every_format = pytest.mark.parametrize("preset", EVERY)
translated = pytest.mark.parametrize("preset", TRANSLATED)


def recorded(preset, name):
    return [(RECORDINGS / FOLDERS[preset] / f"{name}.sse").read_bytes()]


def calls(message):
    return [(b["id"], b["name"], b["input"]) for b in message["content"] if b["type"] == "tool_use"]


def kinds(message):
    return [block["type"] for block in message["content"]]


TOOL_STREAMS = [
    ("openai-chat", "tools_parallel", 2), ("openai-chat", "tools_interleaved", 2), ("openai-chat", "tools_packed", 2),
    ("openai-chat", "tool_late_name", 1), ("openai-chat", "tools_index_zero", 2), ("openai-chat", "tool_no_id", 1),
    ("openai-chat", "tool_object_arguments", 1), ("openai-chat", "tool_no_arguments", 1),
    ("openai", "tools_parallel", 2), ("openai", "tools_interleaved", 2), ("openai", "tool_arguments_in_done", 1),
    ("openai", "tool_item_done_only", 1), ("openai", "tool_no_arguments", 1), ("openai", "changing_ids", 1),
    ("gemini", "calls_parallel", 2), ("gemini", "call_no_id", 1), ("gemini", "call_no_arguments", 1),
]  # fmt: skip


@pytest.mark.parametrize(("preset", "name", "number"), TOOL_STREAMS)
def test_07_tool_deltas_of_every_kind(preset, name, number):
    """Interleaved, packed, late, nameless and empty calls all become whole calls with an id, a name and an object."""
    message = streamed(preset, recorded(preset, name))
    found = calls(message)
    assert len(found) == number
    assert len({id_ for id_, *_ in found}) == number
    assert all(id_ and tool_name and isinstance(given, dict) for id_, tool_name, given in found)
    assert all(given for *_, given in found) is ("no_arguments" not in name)
    assert message["stop_reason"] == "tool_use"


def test_07_an_empty_name_that_comes_first():
    """A call whose name is empty in its first piece is kept until the name has come."""
    pieces = [
        {"index": 0, "id": "call_1", "function": {"name": "", "arguments": ""}},
        {"index": 0, "function": {"name": "Read", "arguments": '{"a"'}},
        {"index": 0, "function": {"arguments": ":1}"}},
    ]
    chunks = [{"choices": [{"delta": {"tool_calls": [piece]}}]} for piece in pieces]
    last = {"choices": [{"delta": {"content": ""}, "finish_reason": "tool_calls"}]}
    frames = [b"data: %s\n\n" % json.dumps(chunk).encode() for chunk in (*chunks, last)]
    message = streamed("openai-chat", frames)
    assert calls(message) == [("call_1", "Read", {"a": 1})]
    assert kinds(message) == ["tool_use"]


@every_format
def test_07_text_and_calls_in_their_order(preset):
    """The block that a call opens loses nothing of the text before it, and no empty text comes first."""
    for message in both(preset, TEXT, READ, GREP):
        assert kinds(message) == ["text", "tool_use", "tool_use"]
        assert message["content"][0]["text"] == "Hello"
        assert calls(message) == [("call_1", "Read", {"path": "a"}), ("call_2", "Grep", {"q": "x"})]
        assert message["stop_reason"] == "tool_use"


@every_format
def test_08_reasoning_tool_reasoning(preset):
    """Reasoning after a call is a new thinking block, and neither swallows the other."""
    message = streamed(
        preset, spoken(preset, ("thinking", "First.", "b25l"), READ, ("thinking", "Second.", "dHdv"), GREP)
    )
    # What Gemini thought and what it signed are told apart: a signature belongs to one part.
    said = [b for b in message["content"] if b["type"] == "tool_use" or b["thinking"]]
    assert [b.get("thinking") or b["name"] for b in said] == ["First.", "Read", "Second.", "Grep"]
    assert all(b["signature"] for b in message["content"] if b["type"] == "thinking")


def again(preset, *steps, **fields):
    """The body of the turn after these answers, every call of theirs answered."""
    turns = [user(text("go"))]
    for message in steps:
        turns.append({"role": "assistant", "content": message["content"]})
        turns.append(user(*(result(id_) for id_, *_ in calls(message))))
    return sent(preset, {"messages": turns}, **fields)


def blobs(body):
    """Where reasoning blobs stand in a body: `(blob, what it is on or before)`."""
    if "contents" in body:
        parts = [part for content in body["contents"] for part in content["parts"]]
        return [(p.get("thoughtSignature"), p["functionCall"]["name"]) for p in parts if "functionCall" in p]
    items, found = body["input"], []
    for before, item in pairwise(items):
        if item["type"] == "function_call":
            found.append((before.get("encrypted_content"), item["name"]))
    return found


@pytest.mark.parametrize("preset", ["openai", "gemini"])
def test_09_signature_round_trip(preset):
    """What a model signed comes back to it in the same place: parallel calls, steps in sequence, streamed or whole."""
    first, second = ("thinking", "One.", "b25l"), ("thinking", "", "dHdv")
    for one, two in zip(both(preset, first, READ, GREP), both(preset, second, READ), strict=True):
        found = blobs(again(preset, one, two))
        assert found == [("b25l", "Read"), (None, "Grep"), ("dHdv", "Read")]


@pytest.mark.parametrize("preset", ["openai", "gemini"])
def test_09_signatures_of_foreign_history(preset):
    """Another model's signatures go to nobody; Gemini's stand-in marks the first call of each step."""
    step = streamed(preset, spoken(preset, THOUGHT, READ, GREP))
    genuine = {"content": [{"type": "thinking", "thinking": "hm", "signature": "EqQBgenuine"}, *step["content"][-2:]]}
    stand_in = "skip_thought_signature_validator" if preset == "gemini" else None
    foreign_model = "gemini-3.8-flash" if preset == "gemini" else "other"
    for body in (again(preset, step, model=foreign_model), again(preset, genuine)):
        assert blobs(body) == [(stand_in, "Read"), (None, "Grep")]
        assert "hm" not in json.dumps(body)
    assert "QkxPQg" not in json.dumps(again("openai-chat", step))


CORRUPTED = {
    "gemini": {"error": {"code": 400, "status": "INVALID_ARGUMENT", "message": "Corrupted thought signature."}},
    "openai": {"error": {"code": "invalid_encrypted_content", "type": "invalid_request_error", "param": None,
                         "message": "The encrypted content gAAA... could not be verified."}},
}  # fmt: skip


@pytest.mark.parametrize("preset", CORRUPTED)
def test_09_corrupted_signature_retry(preset):
    """A blob that its maker no longer takes is told in the words on which the client sends the turn without it."""
    at = upstream(preset)
    failure = OUTBOUND[at.preset.wire_format].failure(400, {}, json.dumps(CORRUPTED[preset]).encode())
    assert failure.kind is FailureKind.INCAPABLE
    assert failure.message == "capability_rejected: thinking_signature"
    step = streamed(preset, spoken(preset, THOUGHT, READ))
    without = {**step, "content": [block for block in step["content"] if block["type"] != "thinking"]}
    assert "QkxPQg" not in json.dumps(again(preset, without))


def test_09_reasoning_details_round_trip():
    """OpenRouter's list of reasoning details goes back as it came."""
    message = streamed("openrouter", recorded("openai-chat", "reasoning_openrouter"))
    turns = [user(text("a")), {"role": "assistant", "content": message["content"]}, user(text("b"))]
    details = sent("openrouter", {"messages": turns})["messages"][1]["reasoning_details"]
    assert [one["type"] for one in details] == ["reasoning.text", "reasoning.summary"]
    assert details[0]["text"] + details[1]["summary"] == message["content"][0]["thinking"] == "Hm. So."


def test_10_redacted_thinking_in_an_answer():
    """Redacted thinking passes through from Anthropic, with its data in the start of its block."""
    frames = spoken("anthropic", ("text", "a"))
    redacted = [f.replace(b'{"type": "text", "text": ""}', b'{"type": "redacted_thinking", "data": "cmVk"}')
                for f in frames if b"text_delta" not in f]  # fmt: skip
    assert streamed("anthropic", redacted)["content"] == [{"type": "redacted_thinking", "data": "cmVk"}]


CUT = ("call", "call_1", "Write", '{"path":"a","text":"lo')


@pytest.mark.parametrize("preset", ["openai-chat", "openai"])
def test_11_truncated_tool_json(preset):
    """A call that the output limit cut ends the message with max_tokens, its input an object and never a string."""
    for message in both(preset, TEXT, CUT, finish="length"):
        assert message["stop_reason"] == "max_tokens"
        assert all(isinstance(given, dict) for *_, given in calls(message))
    stream = events(preset, spoken(preset, TEXT, CUT, finish="length"))
    assert [e.type for e in stream][-2:] == ["message_delta", "message_stop"]


@pytest.mark.parametrize("preset", ["openai-chat", "openai"])
def test_11_truncated_tool_json_that_claims_to_be_whole(preset):
    """Half a call that the upstream calls complete is no answer but a failure, so that another target is tried."""
    with pytest.raises(UpstreamFailure) as broken:
        streamed(preset, spoken(preset, CUT))
    assert broken.value.failure.kind is FailureKind.GARBLED


def test_11_a_malformed_call_of_gemini():
    """Gemini says itself that its call was malformed: a failure of the model's, which may do better the next time."""
    with pytest.raises(UpstreamFailure) as broken:
        streamed("gemini", recorded("gemini", "malformed_call"))
    assert broken.value.failure.kind is FailureKind.MISCALLED
    assert broken.value.failure.rule.again == 1
    assert streamed("gemini", spoken("gemini", TEXT, READ, finish="length"))["stop_reason"] == "max_tokens"


@translated
def test_12_finish_stop_with_tool_calls(preset):
    """The presence of a call decides, whatever word the upstream ends with; truncation and refusal beat it."""
    for message in both(preset, READ, finish="end"):
        assert message["stop_reason"] == "tool_use"
    for message in both(preset, TEXT, finish="end"):
        assert message["stop_reason"] == "end_turn"
    for message in both(preset, TEXT, finish="filter"):
        assert message["stop_reason"] == "refusal"


@translated
def test_13_usage_with_cache(preset):
    """Input excludes what the cache read and wrote, thinking is told beside the output, in streams and whole."""
    counts = {**COUNTS, "write": 0 if preset == "gemini" else 30}
    for message in both(preset, TEXT, usage=counts):
        assert message["usage"] == {
            "input_tokens": 100 - 60 - counts["write"], "cache_read_input_tokens": 60,
            "cache_creation_input_tokens": counts["write"], "output_tokens": 20,
            "output_tokens_details": {"thinking_tokens": 5},
        }  # fmt: skip


@translated
def test_13_usage_where_cached_exceeds_the_prompt(preset):
    """An upstream that counts cached tokens apart has nothing taken off twice."""
    for message in both(preset, TEXT, usage={**COUNTS, "read": 900}):
        assert (message["usage"]["input_tokens"], message["usage"]["cache_read_input_tokens"]) == (100, 900)


@translated
def test_14_usage_missing(preset):
    """Without usage the counts are estimates: integers, and none of them nothing."""
    for message in both(preset, TEXT, usage=None):
        usage = message["usage"]
        assert usage["input_tokens"] > 0
        assert usage["output_tokens"] > 0
        assert (usage["cache_read_input_tokens"], usage["cache_creation_input_tokens"]) == (0, 0)
    for event in events(preset, spoken(preset, TEXT, usage=None)):
        if event.type == "message_start":
            assert event.payload()["message"]["usage"]["input_tokens"] > 0


@pytest.mark.parametrize(("preset", "name"), [("openai", "web_search_sources"), ("gemini", "google_search")])
def test_23_web_search_results(preset, name):
    """What a search found comes as Anthropic's own blocks, each result with something opaque, and is counted."""
    message = streamed(preset, recorded(preset, name), WEB_SEARCH)
    called = [b for b in message["content"] if b["type"] == "server_tool_use"]
    found = [b for b in message["content"] if b["type"] == "web_search_tool_result"]
    assert [b["name"] for b in called] == ["web_search"] * len(called)
    assert [b["tool_use_id"] for b in found] == [b["id"] for b in called]
    assert all(hit["url"] and hit["title"] and hit["encrypted_content"] for b in found for hit in b["content"])
    assert any(b["content"] for b in found)
    assert message["usage"]["server_tool_use"]["web_search_requests"] >= len(called) > 0
    assert message["stop_reason"] == "end_turn"
    turns = [user(text("a")), {"role": "assistant", "content": message["content"]}, user(text("b"))]
    assert call("openai-chat", {"messages": turns}).body


@translated
def test_26_long_names_come_back(preset):
    """A call of a tool whose name was shortened reaches the client under the client's own name."""
    name = "mcp__server__" + "x" * 80
    asked = {"tools": [tool(name)], "messages": [user(text("a"))]}
    made = sent(preset, {"tools": [tool(name)], "messages": [user(text("a")), assistant(use("t", name))]})
    short = next(part for part in json.dumps(made).split('"') if part.startswith("mcp__server__x"))
    assert short != name
    for message in both(preset, ("call", "call_1", short, "{}"), body=asked):
        assert calls(message) == [("call_1", name, {})]


def test_28_disable_parallel_where_there_is_no_switch():
    """Gemini cannot be told to call one tool at a time: the client gets the first call."""
    one = {"tool_choice": {"type": "auto", "disable_parallel_tool_use": True}}
    for message in both("gemini", READ, GREP, body=one):
        assert [name for _, name, _ in calls(message)] == ["Read"]
    assert len(calls(whole("gemini", written("gemini", READ, GREP)))) == 2
