"""The hub format: requests keep the client's bytes, events keep their JSON, usage is read with care."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from providers.wire.messages import PING, MessagesEvent, MessagesRequest, Usage
from providers.wire.spans import MalformedJson, scan_object

TAG = "<CCM-SUBAGENT-MODEL>glm-4.6</CCM-SUBAGENT-MODEL>"

TEXT = {"type": "text", "text": "a"}


def request_of(body) -> MessagesRequest:
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    return MessagesRequest(text, scan_object(text), "m", False)


def test_with_model_changes_only_the_model():
    """Another model is asked for and every other byte stays, odd spacing and escapes included."""
    text = b'{ "x" : 1.0e0,\n"model"\t:"m" , "messages":[{"role":"user","content":"\\u00e9\\ud800"}], "new": [ ] }'
    request = request_of(text).with_model('a"b\u00e9')
    assert request.body == text.replace(b'"m"', b'"a\\"b\xc3\xa9"')
    assert request.model == 'a"b\u00e9'
    assert request.members["model"] == b'"a\\"b\xc3\xa9"'
    assert request.members["new"] == b"[ ]"


def test_with_the_model_it_has_nothing_changes():
    """A target that has the name the client asked for gets the client's own bytes."""
    text = b'{ "model" : "m", "x":1 }'
    assert request_of(text).with_model("m").body is text


def test_with_model_where_it_is_repeated_or_absent():
    """A repeated or missing `model` still leaves exactly one, the new one."""
    for text in (b'{"model":"m","model":"n","a":1}', b'{"a":1}'):
        request = request_of(text).with_model("z")
        pairs = json.loads(request.body, object_pairs_hook=list)
        assert sorted(pairs) == [("a", 1), ("model", "z")]


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({"system": f"You. {TAG} Work."}, "glm-4.6"),
        ({"system": [TEXT, TEXT, {"type": "text", "text": TAG}]}, "glm-4.6"),
        ({"messages": [{"role": "system", "content": f"x {TAG}"}]}, "glm-4.6"),
        ({"messages": [{"role": "system", "content": [{"type": "text", "text": TAG}]}]}, "glm-4.6"),
        ({"system": TAG.replace("glm-4.6", " p,x/y:free ")}, "p,x/y:free"),
        (json.dumps({"system": TAG}).replace("<", "\\u003c").replace(">", "\\u003E").encode(), "glm-4.6"),
        (json.dumps({"system": TAG}).replace("</", "<\\/").encode(), "glm-4.6"),
        ({"system": TAG + TAG.replace("glm-4.6", "second")}, "glm-4.6"),
        ({"system": "<CCM-SUBAGENT-MODEL>never closed"}, None),
        ({"system": TAG.replace("glm-4.6", "  ")}, None),
        ({"messages": [{"role": "user", "content": TAG}]}, None),
        ({"messages": [{"role": "assistant", "content": TAG}, {"role": "user", "content": "hi"}]}, None),
        ({"tools": [{"name": "t", "description": TAG}]}, None),
        ({"messages": TAG}, None),
        ({"messages": [TAG, None, 1, [TAG]]}, None),
        ({}, None),
    ],
)  # fmt: skip
def test_subagent_model(body, named):
    """The tag is read from system texts only, however its characters are escaped."""
    assert request_of(body).subagent_model == named


def test_tag_is_removed_everywhere_in_system_texts():
    """Every tag goes from the system, a user's own words stay, and no other byte changes."""
    text = (
        '{ "messages" : [ {"content":"' + TAG + '" , "role":"user"},{"role":"system","content":"a' + TAG + 'b"} ],\n'
        '"system":[{"type":"text","text":"x' + TAG + '"}, {"type":"text","text":"' + TAG + 'y"}],"n":1e2}'
    ).encode()
    request = request_of(text).without_subagent_tag()
    kept, tag = request.body, TAG.encode()
    assert kept.count(tag) == 1
    assert kept == text.replace(b"a" + tag + b"b", b"ab").replace(b"x" + tag, b"x").replace(tag + b"y", b"y")
    assert request.members["system"] == scan_object(kept)["system"]
    assert request.subagent_model is None


@pytest.mark.parametrize(
    ("system", "left"),
    [
        ([{"type": "text", "text": TAG}, {"type": "text", "text": "You."}], [{"type": "text", "text": "You."}]),
        ([{"type": "text", "text": "You."}, {"type": "text", "text": f" {TAG}\n"}], [{"type": "text", "text": "You."}]),
        ([{"type": "text", "text": TAG, "cache_control": {"type": "ephemeral"}}], []),
        ([{"type": "text", "text": f"You.{TAG}"}], [{"type": "text", "text": "You."}]),
        ([{"type": "text", "text": ""}, TAG], [{"type": "text", "text": ""}, ""]),
    ],
)
def test_a_block_that_held_only_the_tag_goes_with_it(system, left):
    """Anthropic refuses empty text, so no empty block is left behind; other blocks are the client's business."""
    body = {"system": system, "messages": [{"role": "user", "content": "x"}, {"role": "system", "content": system}]}
    cleaned = json.loads(request_of(body).without_subagent_tag().body)
    assert cleaned["system"] == cleaned["messages"][1]["content"] == left


def test_tag_is_removed_beside_repeated_keys_and_half_surrogates():
    """Repeated keys and half surrogate pairs do not save a tag from removal."""
    for text in (
        b'{"system":"old","system":"a' + TAG.encode() + b'"}',
        b'{"system":"\\ud800' + TAG.encode() + b'"}',
        b'{"messages":[{"role":"user","content":"\\udfff"},{"role":"system","content":"' + TAG.encode() + b'"}]}',
    ):
        assert b"SUBAGENT" not in request_of(text).without_subagent_tag().body


def test_untagged_request_is_the_same_object():
    """Without a tag nothing is copied."""
    request = request_of({"system": "plain"})
    assert request.without_subagent_tag() is request


@settings(deadline=None)
@given(st.recursive(st.none() | st.sampled_from([TAG, "system", "user", "x"]), lambda inner: st.lists(inner, max_size=3)
       | st.dictionaries(st.sampled_from(["role", "content", "text"]), inner, max_size=3)), st.booleans())  # fmt: skip
def test_no_shape_of_messages_raises(messages, spaced):
    """Whatever `messages` holds, the tag is looked for and removed without an error."""
    body = {"system": TAG, "messages": messages, "model": "m"}
    request = request_of(json.dumps(body, indent=1 if spaced else None).encode())
    assert request.subagent_model == "glm-4.6"
    cleaned = request.without_subagent_tag()
    assert json.loads(cleaned.body)["system"] == ""
    assert request.has_image is False


@pytest.mark.parametrize(
    ("content", "found"),
    [
        ([{"type": "image", "source": {}}], True),
        ([{"type": "tool_result", "tool_use_id": "t", "content": [{"type": "image", "source": {}}]}], True),
        ([{"type": "text", "text": '{"type":"image"}'}], False),
        ('"type": "image"', False),
        ([{"type": "document", "source": {}}], False),
    ],
)
def test_has_image(content, found):
    """An image block counts wherever it stands; a text that talks of one does not."""
    assert request_of({"messages": [{"role": "user", "content": content}]}).has_image is found


def test_value_and_parsed():
    """A member, or the whole, is parsed on demand."""
    request = request_of(b'{"a":{"b":[1]},"c":"\\ud800"}')
    assert request.value("a") == {"b": [1]}
    assert request.value("none") is None
    assert request.parsed == {"a": {"b": [1]}, "c": "\ud800"}


def test_event_frames():
    """An event of our own making has its JSON and its frame, and reads back."""
    event = MessagesEvent.of({"type": "message_stop", "text": "a\nb\u2028"})
    assert event.type == "message_stop"
    assert event.frame == b"event: message_stop\ndata: " + event.json + b"\n\n"
    assert event.frame.count(b"\n") == 3
    assert event.payload() == {"type": "message_stop", "text": "a\nb\u2028"}
    assert PING.frame == b'event: ping\ndata: {"type":"ping"}\n\n'


@pytest.mark.parametrize("text", [b"[]", b"null", b"{", b""])
def test_event_payload_must_be_an_object(text):
    """An event whose data is no JSON object raises MalformedJson."""
    with pytest.raises(MalformedJson):
        MessagesEvent.from_json("x", text).payload()


def test_usage_overwrites_only_what_is_there():
    """A later usage replaces the fields it has; what is absent, null, negative or no integer keeps its value."""
    first = Usage.from_payload({"input_tokens": 5, "cache_read_input_tokens": 7, "cache_creation_input_tokens": 9})
    odd = {"input_tokens": None, "cache_read_input_tokens": -1, "cache_creation_input_tokens": True, "output_tokens": 3}
    assert Usage.from_payload(odd, first) == Usage(5, 3, 7, 9)
    assert Usage.from_payload("none", first) == first
    assert Usage.from_payload(None) == Usage()
    assert Usage.from_payload(first.as_payload()) == first
    full = Usage(5, 6, 7, 9, 3, 2)
    assert Usage.from_payload(full.as_payload()) == full
    assert Usage.from_payload({"output_tokens_details": [], "server_tool_use": None}, full) == full


def test_what_the_cache_keeps_for_an_hour_is_told_apart():
    """It is a part of what was written, and is read and written as Anthropic has it."""
    told = {"cache_creation_input_tokens": 9, "cache_creation": {"ephemeral_5m_input_tokens": 5,
                                                                 "ephemeral_1h_input_tokens": 4}}  # fmt: skip
    usage = Usage.from_payload(told)
    assert (usage.cache_write, usage.cache_write_1h) == (9, 4)
    assert usage.as_payload()["cache_creation"] == told["cache_creation"]
    assert "cache_creation" not in Usage(1, 2, 3, 4).as_payload()
