"""Cache marks at a Chat upstream whose models ask for them: Claude at OpenRouter."""

import pytest

from tests.acceptance.transcript import sent

CLAUDE, MARK, HOUR = "anthropic/claude-sonnet-5", {"type": "ephemeral"}, {"type": "ephemeral", "ttl": "1h"}
PNG = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}}


def text(words, **fields):
    return {"type": "text", "text": words, **fields}


def user(*blocks):
    return {"role": "user", "content": list(blocks)}


def called(*blocks):
    call = {"type": "tool_use", "id": "call_1", "name": "Read", "input": {}}
    result = {"type": "tool_result", "tool_use_id": "call_1", "content": "x", "cache_control": MARK}
    return [user(text("go")), {"role": "assistant", "content": [call]}, user(result, *blocks)]


def marks(body, model=CLAUDE, preset="openrouter"):
    """Role, last part and its mark of every message that bears one, and how many marks there are."""
    messages = sent(preset, body, model=model)["messages"]
    parts = [(m["role"], part) for m in messages if isinstance(m["content"], list) for part in m["content"]]
    return [(role, part["type"], part["cache_control"]) for role, part in parts if "cache_control" in part]


SYSTEM = [text("one"), text("two", cache_control=HOUR)]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"system": SYSTEM, "messages": [user(text("hi", cache_control={**MARK, "scope": "s"}))]},
         [("system", "text", HOUR), ("user", "text", MARK)]),
        ({"system": SYSTEM, "messages": called()}, [("system", "text", HOUR), ("tool", "text", MARK)]),
        ({"messages": called(text("and"), PNG)}, [("user", "image_url", MARK)]),
        ({"system": "s", "cache_control": MARK, "messages": [user(text("hi"))]}, [("user", "text", MARK)]),
        ({"system": SYSTEM, "messages": [user(text("hi"))]}, [("system", "text", HOUR)]),
        ({"messages": [user(text("hi")), {"role": "assistant", "content": [text("so", cache_control=MARK)]}]},
         [("user", "text", MARK)]),
        ({"system": "s", "messages": [user(text("hi"))]}, []),
    ],
)  # fmt: skip
def test_the_marks_go_along(body, expected):
    """What the client marked is kept: the system prompt, and all up to the last turn that is not the model's."""
    assert marks(body) == expected


@pytest.mark.parametrize(
    ("preset", "model"), [("openrouter", "z-ai/glm-4.6"), ("groq", CLAUDE), ("openai-chat", CLAUDE)]
)
def test_nobody_else_gets_them(preset, model):
    """Models that keep prompts by themselves, and servers that know no marks, get none."""
    assert marks({"system": SYSTEM, "messages": called()}, model, preset) == []
