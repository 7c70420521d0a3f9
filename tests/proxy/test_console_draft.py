"""What the console sends, and what it makes of what was captured."""

import json
import shlex
import shutil
import subprocess

import pytest

from proxy.console.draft import SAMPLE_TOOL, Draft, drafted


def test_the_fields_become_a_messages_request():
    """Each field has its place, and what is off leaves no trace."""
    assert Draft("smart", "hi").messages_body() == {
        "model": "smart", "stream": True, "max_tokens": 1024, "messages": [{"role": "user", "content": "hi"}],
    }  # fmt: skip
    body = Draft("smart", "hi", system="Be brief.", max_tokens=9, stream=False, tools=True).messages_body()
    assert (body["system"], body["max_tokens"], body["stream"]) == ("Be brief.", 9, False)
    assert body["tools"] == [SAMPLE_TOOL]


@pytest.mark.parametrize(
    ("thinking", "expected"),
    [
        ("off", {}),
        ("enabled", {"thinking": {"type": "enabled", "budget_tokens": 4000}}),
        (
            "adaptive",
            {"thinking": {"type": "adaptive", "display": "summarized"}, "output_config": {"effort": "low"}},
        ),
    ],
)
def test_thinking_is_off_or_has_a_budget_or_an_effort(thinking, expected):
    """Each kind of thinking brings its own members and no other's."""
    body = Draft("smart", "hi", thinking=thinking, budget=4000, effort="low").messages_body()
    assert {name: value for name, value in body.items() if name in ("thinking", "output_config")} == expected


def test_a_whole_body_goes_before_the_fields():
    """Of the fields only model and stream count; tokens out get their usual limit where the body has none."""
    given = {"model": "other", "messages": [{"role": "user", "content": "a"}], "temperature": 0.5}
    body = Draft("smart", "unseen", system="unseen", stream=False, body=json.dumps(given)).messages_body()
    assert body == {**given, "model": "smart", "stream": False, "max_tokens": 1024}
    assert Draft("smart", body=json.dumps({**given, "max_tokens": 7})).messages_body()["max_tokens"] == 7


def test_a_forced_provider_is_a_header():
    """The header is there when a provider was chosen, and never a key."""
    assert Draft("smart", provider="main").headers()["x-provider"] == "main"
    assert set(Draft("smart").headers()) == {"anthropic-version", "content-type"}


@pytest.mark.skipif(shutil.which("sh") is None, reason="needs a shell")
@pytest.mark.parametrize("prompt", ['it\'s "so" $HOME `id` \\ \n END_OF_BODY\nEND_OF_BODY\n', "x" * 190_000])
def test_the_curl_command_is_the_same_request(prompt, tmp_path):
    """A shell makes of the command the URL, the headers and the body, whatever the prompt; the key is a variable."""
    draft = Draft("smart", prompt, provider="it's $HOME")
    command = draft.curl("http://127.0.0.1:1/v1/messages")
    fake = tmp_path / "curl"
    fake.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" > {shlex.quote(str(tmp_path))}/said\ncat > "{tmp_path}/body"\n')
    fake.chmod(0o755)
    env = {"PATH": f"{tmp_path}:/usr/bin:/bin", "ANTHROPIC_AUTH_TOKEN": "ccm_canary"}
    subprocess.run(["sh"], input=command, text=True, env=env, check=True, timeout=20)
    said = (tmp_path / "said").read_text().splitlines()
    assert said[:4] == ["-sSN", "http://127.0.0.1:1/v1/messages", "-H", "authorization: Bearer ccm_canary"]
    assert "x-provider: it's $HOME" in said
    assert json.loads((tmp_path / "body").read_text()) == draft.messages_body()
    assert "ccm_canary" not in command


def test_a_simple_request_comes_back_into_the_fields():
    """What a draft sent is that draft again; without a system prompt too."""
    for draft in (Draft("smart", "hi"), Draft("smart", "hi", system="Be brief.", max_tokens=9, stream=False)):
        assert drafted(draft.encoded().decode()) == draft


@pytest.mark.parametrize(
    "more",
    [
        {"temperature": 0.5}, {"tools": [SAMPLE_TOOL]}, {"system": [{"type": "text", "text": "s"}]},
        {"max_tokens": "many"}, {"messages": [{"role": "user", "content": [{"type": "text", "text": "hi"}]}]},
        {"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}, {"messages": [7]},
        {"messages": [{"role": "assistant", "content": "hi"}]},
    ],
)  # fmt: skip
def test_what_the_fields_cannot_say_stays_a_whole_body(more):
    """Nothing of a captured request is lost but the client's session."""
    captured = {"model": "smart", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}], **more}
    draft = drafted(json.dumps({**captured, "stream": True, "metadata": {"user_id": "u"}}))
    assert (draft.model, draft.prompt, draft.stream) == ("smart", "", True)
    assert draft.messages_body() == {**captured, "stream": True}


@pytest.mark.parametrize(
    "text",
    ['{"model": "smart", "mess', "[]", "{}", '{"messages": 7}', '{"messages": [], "top_p": NaN}', "[" * 100_000, ""],
)
def test_what_is_no_request_is_no_draft(text):
    """A captured body that was cut, or never was one, gives nothing; whoever writes one is told what is wrong."""
    assert drafted(text) is None
    if text:
        with pytest.raises(ValueError, match=r"not JSON|JSON object"):
            Draft("smart", body=text).messages_body()
