"""What a Chat upstream is not sent is told, and what it would refuse together is not sent together."""

import json

import pytest

from providers.model_facts import for_model
from providers.outbound.openai_chat import OPENAI_CHAT
from providers.wire.signatures import tag
from tests.cast import request, target

TOOL = {"name": "Read", "input_schema": {"type": "object", "properties": {}}}
CALL = {"type": "tool_use", "id": "c", "name": "Read", "input": {}}
RESULT = {"type": "tool_result", "tool_use_id": "c", "content": "x"}
USER = {"role": "user", "content": "hi"}


def outgoing(body, preset="openai-compatible", model="m"):
    return OPENAI_CHAT.request(request(body), for_model(target(preset=preset), model))


def thinking(signature):
    return {"type": "thinking", "thinking": "hm", "signature": signature}


def after(*blocks, answer=USER):
    return {"messages": [USER, {"role": "assistant", "content": [*blocks, {"type": "text", "text": "a"}]}, answer]}


OWN = tag(for_model(target(preset="openai-compatible"), "m").origin, None)
NOTED = {
    "foreign thinking": (after(thinking("sig")), ("foreign thinking dropped",)),
    "thinking that nobody wants back": (after(thinking(OWN)), ()),
    "hidden thinking": (after({"type": "redacted_thinking", "data": "d"}), ("redacted thinking dropped",)),
    "unknown blocks": (after({"type": "strange"}, {"type": "odd"}), ("blocks without a place dropped",)),
    "a user's unknown block": (after(answer={"role": "user", "content": [{"type": "container_upload"}]}),
                               ("blocks without a place dropped",)),
    "a result twice": (after(CALL, answer={"role": "user", "content": [RESULT, RESULT]}),
                       ("second results of a call dropped",)),
    "a result of no call": (after(answer={"role": "user", "content": [RESULT]}),
                            ("results without a call told as text",)),
    "no result": (after(CALL), ("missing tool results filled in",)),
    "sampling": ({"temperature": 0.5, "top_k": 5}, ("sampling settings dropped",)),
    "sampling that is taken": ({"temperature": 0.5}, ()),
    "effort": ({"output_config": {"effort": "high"}}, ("effort high dropped",)),
    "nothing": ({}, ()),
}  # fmt: skip


@pytest.mark.parametrize("name", NOTED)
def test_what_does_not_arrive_is_told(name):
    """Thinking, blocks, settings and results that go another way are named in the request's why line."""
    body, notes = NOTED[name]
    assert outgoing(body).repaired == notes


def test_thinking_that_goes_back_is_not_told():
    """A vendor that wants reasoning back loses none of it."""
    assert outgoing(after(thinking("sig")), "deepseek").repaired == ()


def test_an_effort_between_two_of_the_models_is_told():
    """The effort asked for and the one sent instead are both named."""
    assert outgoing({"output_config": {"effort": "max"}}, "openai-chat", "o3").repaired == ("effort max sent as high",)


def test_a_server_that_cannot_call_one_at_a_time_is_told():
    """Where the key is refused, the wish for one call at a time is left out and said to be."""
    choice = {"tools": [TOOL], "tool_choice": {"type": "auto", "disable_parallel_tool_use": True}}
    assert outgoing(choice, "deepseek").repaired == ("disable_parallel_tool_use dropped",)
    assert outgoing(choice).repaired == ()


@pytest.mark.parametrize(
    ("preset", "model", "tools", "effort"),
    [
        ("openai-chat", "gpt-5.4", [TOOL], "none"), ("openai-chat", "gpt-5.10-mini", [TOOL], "none"),
        ("openai-chat", "gpt-5.4", [], "high"), ("openai-chat", "gpt-5.2", [TOOL], "high"),
        ("openrouter", "openai/gpt-5.4", [TOOL], "high"),
    ],
)  # fmt: skip
def test_a_model_that_refuses_to_reason_beside_tools_is_not_asked_to(preset, model, tools, effort):
    """OpenAI takes functions of its newer models on Chat only without reasoning, which is on unless it is named."""
    for config in ({"output_config": {"effort": "high"}}, {}):
        sent = outgoing({"tools": tools, **config}, preset, model)
        wanted = effort if config or effort == "none" else None
        assert json.loads(sent.body).get("reasoning_effort") == wanted
        assert sent.repaired == (("effort high sent as none",) if config and effort == "none" else ())
