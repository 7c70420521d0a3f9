"""checkproviders, against a server that answers and misbehaves on a real socket."""

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from providers.models import Credential, Provider
from proxy.models import LogicalModel, ModelMapping

pytestmark = pytest.mark.django_db
SECRET = "sk-canary-0123456789"


def run(*args):
    """What the command printed, and what it complained of."""
    out = StringIO()
    try:
        call_command("checkproviders", *args, stdout=out)
    except CommandError as error:
        return out.getvalue(), str(error)
    return out.getvalue(), ""


def provider(name, base_url, model="", **fields):
    row = Provider.objects.create(name=name, preset="anthropic-compatible", base_url=base_url, **fields)
    credential = Credential(provider=row)
    credential.set_secret(SECRET)
    credential.save()
    if model:
        logical, _ = LogicalModel.objects.get_or_create(name="smart")
        ModelMapping.objects.create(logical_model=logical, priority=1, provider=row, actual_model=model)
    return row


def test_every_enabled_provider_is_called(upstream):
    """A line for each with status, time and model; what fails has its words and a hint, and is named at the end."""
    provider("bad", f"{upstream.url}/echo-key", "glm")
    provider("good", upstream.url, "opus")
    provider("off", upstream.url, enabled=False)
    said, complaint = run()
    bad, words, hint, good = said.splitlines()
    assert bad.split()[:3] == ["bad", "401", "refused_key"] and bad.split()[-1] == "glm"
    assert "Incorrect API key" in words and "API key" in hint
    assert good.split()[:3] == ["good", "200", "ok"] and good.endswith("opus  1 listed")
    assert complaint == "1 of 2 providers failed: bad"
    assert SECRET not in said
    assert {request.json["model"] for request in upstream.requests if request.body} == {"glm", "opus"}


def test_json_is_for_scripts(upstream):
    """The same as values, with the listed models; a success complains of nothing."""
    provider("good", upstream.url, "opus")
    said, complaint = run("--json")
    (result,) = json.loads(said)
    latency = result.pop("latency_ms")
    assert 0 <= latency < 20_000
    assert result == {
        "provider": "good", "model": "opus", "ok": True, "outcome": "ok", "status": 200, "message": "", "hint": "",
        "models": ["m"],
    }  # fmt: skip
    assert complaint == ""


def test_names_and_a_model_narrow_it(upstream):
    """Named providers are called in that order, disabled ones too, with the model that is asked for."""
    provider("one", upstream.url)
    provider("two", upstream.url, enabled=False)
    provider("three", f"{upstream.url}/status/500")
    said, complaint = run("two", "one", "two", "--model", "special", "--json")
    assert [(result["provider"], result["model"]) for result in json.loads(said)] == [
        ("two", "special"), ("one", "special"),
    ]  # fmt: skip
    assert complaint == ""


def test_a_provider_without_a_key_is_called_only_where_none_is_needed(upstream):
    """A local server and echo are asked without a key; elsewhere its lack is the result."""
    Provider.objects.create(name="local", preset="ollama", base_url=f"{upstream.url}/v1")
    Provider.objects.create(name="built-in", preset="echo")
    Provider.objects.create(name="keyless", preset="openai", base_url=upstream.url)
    Provider.objects.create(name="old", preset="gone", base_url=upstream.url)
    results = {result["provider"]: result for result in json.loads(run("--json")[0])}
    assert {name for name, result in results.items() if result["ok"]} == {"local", "built-in"}
    assert "no API key" in results["keyless"]["message"]
    assert "gone" in results["old"]["message"] and "preset" in results["old"]["hint"]
    assert all("authorization" not in request.headers for request in upstream.requests)


def test_a_provider_that_hangs_ends_with_the_timeout(upstream):
    """The given seconds are the limit, and the line says so."""
    provider("slow", f"{upstream.url}/hang", "m")
    said, complaint = run("--timeout", "0.2")
    assert "timed_out" in said and "no answer within 0.2 s" in said and "--timeout" in said
    assert complaint.startswith("1 of 1")


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("nobody",), "there are: main"),
        (("--timeout", "0"), "more than 0"),
        (("--timeout", "nan"), "more than 0"),
        (("--timeout", "soon"), "seconds"),
    ],
)
def test_what_cannot_be_done_is_said(args, words):
    """A name that nobody has and a limit that is none are refused before any call."""
    Provider.objects.create(name="main", preset="echo")
    assert words in run(*args)[1]


def test_without_providers_there_is_nothing_to_fail():
    """An empty configuration is told, not complained of."""
    said, complaint = run()
    assert "no provider is enabled" in said and complaint == ""
    assert json.loads(run("--json")[0]) == []


def test_what_an_upstream_says_cannot_drive_the_terminal(upstream):
    """A provider's words and names are printed without control characters."""
    provider("odd\x1b[31m", f"{upstream.url}/status/401", "m")
    assert "\x1b" not in run()[0]
