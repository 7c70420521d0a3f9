"""The console's form: what may be sent, within limits that keep a slip of the finger cheap."""

from __future__ import annotations

from typing import Any

from django import forms

from providers.models import Provider
from proxy.config import EFFORT_ORDER
from proxy.console.draft import ADAPTIVE, BUDGET, ENABLED, MAX_BODY_BYTES, MAX_PROMPT_BYTES, MAX_TOKENS, OFF, Draft
from proxy.console.draft import parsed as parsed_body

_THINKING = ((OFF, "Off"), (ENABLED, "With a budget"), (ADAPTIVE, "Adaptive, with an effort"))
_EFFORTS = tuple((effort, effort) for effort in EFFORT_ORDER)


def _text(rows: int, **attrs: str) -> forms.Textarea:
    return forms.Textarea(attrs={"class": "ccm-input", "rows": rows, **attrs})


def _number(least: int, most: int, initial: int) -> forms.IntegerField:
    widget = forms.NumberInput(attrs={"class": "ccm-input"})
    return forms.IntegerField(min_value=least, max_value=most, initial=initial, required=False, widget=widget)


def _choice(choices: tuple[tuple[str, str], ...], initial: str) -> forms.ChoiceField:
    widget = forms.Select(attrs={"class": "ccm-input"})
    return forms.ChoiceField(choices=choices, initial=initial, required=False, widget=widget)


class ConsoleForm(forms.Form):
    """A request of the console. `draft` is what it says, once it is valid."""

    model = forms.CharField(
        max_length=200,
        widget=forms.TextInput(attrs={"class": "ccm-input", "list": "console-models", "autocomplete": "off"}),
    )
    provider = _choice((), "")
    system = forms.CharField(required=False, strip=False, widget=_text(2))
    prompt = forms.CharField(required=False, strip=False, widget=_text(6, placeholder="Say something"))
    max_tokens = _number(1, 200_000, MAX_TOKENS)
    stream = forms.BooleanField(required=False, initial=True)
    tools = forms.BooleanField(required=False)
    thinking = _choice(_THINKING, OFF)
    budget = _number(1024, 200_000, BUDGET)
    effort = _choice(_EFFORTS, "high")
    body = forms.CharField(required=False, strip=False, widget=_text(10, spellcheck="false"))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{"auto_id": "console-%s", **kwargs})
        names = Provider.objects.filter(enabled=True).values_list("name", flat=True)
        provider = self.fields["provider"]
        assert isinstance(provider, forms.ChoiceField)
        provider.choices = [("", "As routed"), *((name, name) for name in names)]

    def clean_system(self) -> str:
        """The system prompt, of a size that was meant."""
        return _bounded(self.cleaned_data["system"], MAX_PROMPT_BYTES)

    def clean_prompt(self) -> str:
        """The prompt, of a size that was meant."""
        return _bounded(self.cleaned_data["prompt"], MAX_PROMPT_BYTES)

    def clean_body(self) -> str:
        """A Messages body, or nothing."""
        text = _bounded(self.cleaned_data["body"], MAX_BODY_BYTES)
        if not text.strip():
            return ""
        try:
            parsed_body(text)
        except ValueError as error:
            raise forms.ValidationError(str(error)) from error
        return text

    def clean(self) -> dict[str, Any]:
        """What only the fields together can say."""
        values = self.cleaned_data
        if "body" in values and not values["body"]:
            if "prompt" in values and not values["prompt"].strip():
                self.add_error("prompt", "write a prompt, or a whole request body")
            budget, most = values.get("budget") or BUDGET, values.get("max_tokens") or MAX_TOKENS
            if values.get("thinking") == ENABLED and budget >= most:
                self.add_error("max_tokens", f"the thinking counts too: allow more tokens than its budget of {budget}")
        return values

    def draft(self) -> Draft:
        """What is to be sent; a number or a choice that was left empty is the usual one."""
        usual = Draft("").values()
        given = {name: value for name, value in self.cleaned_data.items() if value not in (None, "")}
        return Draft(**usual | given)


def _bounded(text: str, limit: int) -> str:
    text = text.replace("\r\n", "\n")  # browsers send line ends so
    if len(text.encode()) > limit:
        raise forms.ValidationError(f"at most {limit // 1000} kB; this is {len(text.encode()) // 1000} kB")
    return text
