"""Who asks: what an upstream is told of the user and the session."""

import hashlib
import json

import pytest

from providers.outbound.identity import cache_key, safety_identifier
from providers.outbound.openai_chat import OPENAI_CHAT
from tests.cast import request, target


def sent(body, preset="openai-compatible"):
    return json.loads(OPENAI_CHAT.request(request(body), target(preset=preset)).body)


def hashed(words):
    return hashlib.sha256(words.encode()).hexdigest()[:32]


@pytest.mark.parametrize(
    ("user_id", "identifier", "key"),
    [
        ('{"device_id":"d","account_uuid":"","session_id":"s-1"}', hashed("d"), "s-1"),
        ("user_ab_account__session_0123abcd", hashed("user_ab_account_"), "0123abcd"),
        ("opaque", hashed("opaque"), None),
        ('{"session_id":7}', hashed('{"session_id":7}'), None),
        ("{broken", hashed("{broken"), None),
        (json.dumps({"device_id": "d", "session_id": "s" * 65}), hashed("d"), hashed("s" * 65)),
        ("", None, None), (None, None, None), ({}, None, None),
    ],
)  # fmt: skip
def test_the_user_is_a_hash_and_the_session_keys_the_cache(user_id, identifier, key):
    """The identifier is the same in all sessions of a user, never what the client sent; the key is the session."""
    asked = {"metadata": {"user_id": user_id}}
    assert (safety_identifier(request(asked)), cache_key(request(asked))) == (identifier, key)
    header = {"x-claude-code-session-id": "from-header"}
    assert cache_key(request(asked, headers=header)) == (key or "from-header")
    assert cache_key(request({"metadata": 7})) is None


def test_the_session_keys_the_cache_where_the_server_takes_a_key():
    """OpenAI gets the session as its cache key and the user as a hash; a compatible server might refuse either."""
    body = {"metadata": {"user_id": '{"device_id":"d","session_id":"s-1"}'}}
    assert (sent(body, "openai-chat")["prompt_cache_key"], len(sent(body, "openai-chat")["safety_identifier"])) == (
        "s-1", 32)  # fmt: skip
    assert not {"prompt_cache_key", "safety_identifier"} & {*sent(body), *sent({}, "openai-chat")}
