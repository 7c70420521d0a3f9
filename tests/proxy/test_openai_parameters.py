"""The parameters that both of OpenAI's dialects have."""

import pytest

from proxy.errors import ApiError
from proxy.inbound.openai_parameters import (
    DEFAULT_MAX_TOKENS,
    hashed,
    mark_for_cache,
    max_tokens,
    output_format,
    sampling,
    thinking,
    user_name,
)


def test_the_first_limit_counts():
    """Of several names of the limit the first that is there counts; one that is no count is refused by name."""
    assert max_tokens({"b": 2, "a": 1}, "a", "b") == 1
    assert max_tokens({"b": 2, "a": None}, "a", "b") == 2
    assert max_tokens({}, "a") == DEFAULT_MAX_TOKENS
    for wrong in (0, -1, True, "9", 1.5):
        with pytest.raises(ApiError, match="a: must be a whole number from 1"):
            max_tokens({"a": wrong}, "a")


def test_thinking_is_asked_for_by_effort():
    """None switches it off, efforts ask for as much, what is unknown says nothing."""
    assert thinking("none") == ({"type": "disabled"}, None)
    assert thinking("minimal") == ({"type": "adaptive"}, "low")
    assert thinking("future") == thinking(["high"]) == thinking(None) == (None, None)


def test_one_of_the_sampling_settings():
    """Both together are refused by some models."""
    assert sampling({"temperature": 3, "top_p": 0.5}) == {"temperature": 1}
    assert sampling({"temperature": True, "top_p": -1}) == {"top_p": 0}


def test_a_format_without_a_schema_is_told_in_words():
    """A schema is handed on, any other wish for JSON is put in words."""
    assert output_format({"type": "json_schema"}, {"schema": {}}) == ({"type": "json_schema", "schema": {}}, "")
    assert output_format({"type": "json_schema"}, {"schema": 7})[1].startswith("Answer with one JSON object")
    assert output_format({"type": "text"}, None) == output_format(None, None) == (None, "")


def test_long_user_names_are_hashed():
    """The safety identifier comes first; a name over 256 characters becomes its hash."""
    assert user_name({"user": "u", "safety_identifier": "s"}) == "s"
    assert user_name({"user": "u" * 257}) == hashed("u" * 257)
    assert user_name({"user": 7}) == ""


def test_marks_of_the_client_stay_alone():
    """Where the client marks anything for the cache, nothing else is marked."""
    mark = {"type": "ephemeral"}
    turns = [{"role": "user", "content": [{"type": "text"}]}, {"role": "assistant", "content": [{"type": "text"}]}]
    system = [{"type": "text", "cache_control": mark}]
    mark_for_cache(system, turns)
    assert "cache_control" not in turns[0]["content"][0]
    del system[0]["cache_control"]
    mark_for_cache(system, turns)
    assert [block["cache_control"] for block in (system[0], turns[0]["content"][0])] == [mark, mark]
    assert "cache_control" not in turns[1]["content"][0]
