"""An answer of Responses comes back in the next request as the items it was made of."""

import json
from dataclasses import replace

import pytest

from providers.outbound.openai_responses import OPENAI_RESPONSES
from tests.cast import request
from tests.providers.outbound.responses_replay import OMITTED, SHOWN, TARGET, recording

ASKED = [{"role": "user", "content": "hi"}]
READ = {"type": "function_call", "call_id": "call_a", "name": "Read", "arguments": '{"path":"a"}'}
GREP = {"type": "function_call", "call_id": "call_b", "name": "Grep", "arguments": '{"q":"x"}'}


def thought(number, *summary):
    parts = [{"type": "summary_text", "text": text} for text in summary]
    return {"type": "reasoning", "id": f"rs_{number}", "summary": parts, "encrypted_content": f"blob-{number}"}


def items(body, messages, to=TARGET):
    sent = OPENAI_RESPONSES.request(request({**body, "messages": messages}), to)
    return json.loads(sent.body)["input"]


def next_turn(name, body):
    """The messages after an answer and the results of its calls."""
    reply = OPENAI_RESPONSES.reply(recording(name), request({**body, "messages": ASKED}), TARGET)
    content = json.loads(reply.body)["content"]
    results = [
        {"type": "tool_result", "tool_use_id": block["id"], "content": "ok"}
        for block in content
        if block["type"] == "tool_use"
    ]
    said = results or [{"type": "text", "text": "go on"}]
    return [*ASKED, {"role": "assistant", "content": content}, {"role": "user", "content": said}]


@pytest.mark.parametrize(
    ("name", "body", "expected"),
    [
        ("reasoning_no_summary", SHOWN, [thought(0), READ]),
        ("reasoning_no_summary", {}, [thought(0), READ]),
        ("reasoning_tool_reasoning", SHOWN, [thought(0, "First."), READ]),
        ("reasoning_tool_reasoning", OMITTED, [thought(0), READ]),
        ("reasoning_tool_reasoning", {}, [thought(0), READ]),
        ("tools_interleaved", SHOWN, [READ, GREP]),
        ("reasoning_then_text", SHOWN, [thought(0, "Let me think.\n\nNow I know.")]),
    ],
)
def test_reasoning_and_calls_come_back_as_they_were(name, body, expected):
    """The next request begins with this turn's items and brings back each blob, its id and each call's own id."""
    later = items(body, next_turn(name, body))
    asked = items(body, ASKED)
    assert later[: len(asked)] == asked
    assert later[len(asked) : len(asked) + len(expected)] == expected


def test_a_blob_never_goes_to_another_model():
    """After a switch the calls go along, the reasoning stays behind."""
    later = items(SHOWN, next_turn("reasoning_tool_reasoning", SHOWN), replace(TARGET, actual_model="other"))
    assert READ in later
    assert "reasoning" not in {item["type"] for item in later}
    assert "blob" not in json.dumps(later)
