"""The console's form and its limits."""

import json

import pytest

from providers.models import Provider
from proxy.console.draft import Draft
from proxy.console.form import ConsoleForm

pytestmark = pytest.mark.django_db
LEAST = {"model": "smart", "prompt": "hi"}


def errors(**given):
    form = ConsoleForm(LEAST | given)
    return {} if form.is_valid() else {name: " ".join(words) for name, words in form.errors.items()}


def draft(**given):
    form = ConsoleForm(LEAST | given)
    assert form.is_valid(), form.errors
    return form.draft()


def test_what_is_left_empty_is_the_usual():
    """A model and a prompt are enough; the boxes that are not ticked are off."""
    assert draft() == Draft("smart", "hi", stream=False)
    assert draft(max_tokens="", budget="", thinking="", effort="") == Draft("smart", "hi", stream=False)


def test_every_field_arrives():
    """Each field of the form is one of the draft; line ends are as they were typed."""
    Provider.objects.create(name="main", preset="echo")
    given = {
        "prompt": "a\r\nb ", "system": " s\r\n", "max_tokens": "9000", "stream": "on", "tools": "on",
        "thinking": "enabled", "budget": "4000", "effort": "low", "provider": "main",
    }  # fmt: skip
    assert draft(**given) == Draft(
        "smart", "a\nb ", system=" s\n", max_tokens=9000, tools=True, thinking="enabled", budget=4000, effort="low",
        provider="main",
    )  # fmt: skip


def test_what_would_go_wrong_is_said_first():
    """Each mistake is told at its field, in words that say what to do."""
    assert "required" in errors(model="")["model"]
    assert "write a prompt" in errors(prompt=" \n")["prompt"]
    assert "at most 200 kB" in errors(prompt="ü" * 100_001)["prompt"]
    assert "at most 200 kB" in errors(system="x" * 200_001)["system"]
    assert "at most 2000 kB" in errors(body="x" * 2_000_001)["body"]
    assert errors(prompt="x" * 200_000) == {}
    assert set(errors(max_tokens="0", budget="1023")) == {"max_tokens", "budget"}
    assert set(errors(thinking="hard", effort="none", provider="nobody")) == {"thinking", "effort", "provider"}


def test_a_budget_must_leave_room_for_the_answer():
    """The thinking's tokens are part of the limit: the error names the field to raise."""
    assert "2048" in errors(thinking="enabled")["max_tokens"]
    assert errors(thinking="enabled", max_tokens="2049") == {}
    assert errors(thinking="adaptive", effort="max") == {}


def test_a_whole_body_needs_no_prompt_but_must_be_one():
    """What stands there is read before it is sent; blanks are none."""
    body = json.dumps({"messages": []})
    assert draft(prompt="", body=body).body == body
    assert "not JSON" in errors(body="{")["body"]
    assert '"messages"' in errors(body="[]")["body"]
    assert "write a prompt" in errors(prompt="", body=" \n")["prompt"]


def test_only_enabled_providers_are_offered():
    """One that is switched off cannot be asked for."""
    Provider.objects.create(name="main", preset="echo")
    Provider.objects.create(name="off", preset="echo", enabled=False)
    assert [name for name, _ in ConsoleForm().fields["provider"].choices] == ["", "main"]
