"""From models of a provider to a logical model that clients can ask for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db import transaction

from providers.addresses import model_problem
from providers.models import Provider
from providers.presets import PRESETS
from proxy.models import LogicalModel, ModelMapping, RouterSettings

NEW, EXISTING = "new", "existing"
FRONT, END = "front", "end"
_BUILT_IN = [preset.name for preset in PRESETS.values() if preset.group == "Built in"]


def offered(provider: Provider) -> list[str]:
    """The names to choose from: those the vendor lists, else those it offers or is known for."""
    suggested = [provider.preset_row.suggested_model] if provider.preset_row else []
    names = [*provider.models_listed, *provider.models_offered] or suggested
    return list(dict.fromkeys(name for name in names if name))


def bare(name: str) -> str:
    """A model's name without what stands before its last slash, as a name for clients."""
    return name.rstrip("/").rpartition("/")[2].replace(",", " ").strip() or name


class ChainForm(forms.Form):
    """Which models of the provider serve which logical model, and whether it becomes the default route."""

    models = forms.MultipleChoiceField(required=False, label="Models")
    other = forms.CharField(required=False, max_length=200, label="Another model", strip=True)
    where = forms.ChoiceField(choices=((NEW, "new"), (EXISTING, "existing")), initial=NEW, label="Logical model")
    name = forms.CharField(required=False, max_length=200, label="Name of the logical model")
    into = forms.ModelChoiceField(LogicalModel.objects.all(), required=False, label="Logical model")
    place = forms.ChoiceField(choices=((END, "at the end"), (FRONT, "in front")), required=False, initial=END)
    default = forms.BooleanField(required=False, label="Make it the default route")

    def __init__(self, provider: Provider, *args: Any, may_route: bool = True, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.provider = provider
        names: Any = self.fields["models"]
        names.choices = [(name, name) for name in offered(provider)]
        self.default_now: LogicalModel | None = RouterSettings.load().default
        self.suggests_default = self.default_now is None or only_repeats(self.default_now)
        if not may_route:
            del self.fields["default"]

    def chosen(self) -> list[str]:
        """The models that are ticked or typed, each once; of a form that is not posted yet: none."""
        if not self.is_bound:
            return []
        typed = str(self.data.get("other", "")).strip()
        ticked = self.data.getlist("models") if hasattr(self.data, "getlist") else self.data.get("models", [])
        return list(dict.fromkeys([*ticked, *([typed] if typed else [])]))

    def clean(self) -> dict[str, Any]:
        """At least one model that can be asked for, and a logical model to put it in."""
        cleaned: dict[str, Any] = super().clean() or {}
        models = list(dict.fromkeys([*cleaned.get("models", []), *filter(None, [cleaned.get("other")])]))
        for model in models:
            if problem := model_problem(self.provider.preset_row, model):
                self.add_error("other" if model == cleaned.get("other") else "models", f"“{model}”: {problem}")
        if not models and not self.has_error("models"):
            self.add_error("models", "Choose a model, or type its name.")
        if cleaned.get("where") == EXISTING:
            self._clean_into(cleaned, models)
        elif models:
            self._clean_name(cleaned, models)
        cleaned["all_models"] = models
        return cleaned

    def _clean_into(self, cleaned: dict[str, Any], models: Sequence[str]) -> None:
        into = cleaned.get("into")
        if into is None:
            if not self.has_error("into"):
                self.add_error("into", "Choose the logical model to extend.")
            return
        there = set(into.mappings.filter(provider=self.provider).values_list("actual_model", flat=True))
        for model in models:
            if model in there:
                self.add_error("models", f"“{into}” has {self.provider}/{model} already.")

    def _clean_name(self, cleaned: dict[str, Any], models: Sequence[str]) -> None:
        cleaned["name"] = cleaned.get("name") or bare(models[0])
        try:
            LogicalModel(name=cleaned["name"]).full_clean()
        except ValidationError as error:
            self.add_error("name", error.message_dict.get("name", error.messages))

    def save(self) -> LogicalModel:
        """Store all of it and switch the provider on; or nothing, when something goes wrong."""
        with transaction.atomic():
            if self.cleaned_data["where"] == EXISTING:
                model: LogicalModel = self.cleaned_data["into"]
            else:
                model = LogicalModel.objects.create(name=self.cleaned_data["name"])
            place(model, self.provider, self.cleaned_data["all_models"], self.cleaned_data["place"] == FRONT)
            switch_on(self.provider)
            if self.cleaned_data.get("default"):
                settings = RouterSettings.load()
                settings.default = model
                settings.save()
        return model


def only_repeats(model: LogicalModel) -> bool:
    """True when no vendor answers for it: it has the built-in provider's mappings at most, as after the first run."""
    return not model.mappings.exclude(provider__preset__in=_BUILT_IN).exists()


def place(model: LogicalModel, provider: Provider, names: Sequence[str], front: bool) -> None:
    """Add a mapping for each name to a chain, in their order: before all others, or after them."""
    chain = list(model.mappings.all())
    first = 1 if front or not chain else chain[-1].priority + 1
    if front and chain:
        # The others keep their distances: those that share a place go on sharing it.
        shift = len(names) + 1 - chain[0].priority
        for row in chain if shift > 0 else ():
            row.priority += shift
            row.save()
    for number, name in enumerate(names, start=first):
        ModelMapping.objects.create(logical_model=model, priority=number, provider=provider, actual_model=name)


def switch_on(provider: Provider) -> None:
    """Enable it, if it is not."""
    if not provider.enabled:
        provider.enabled = True
        provider.save()
