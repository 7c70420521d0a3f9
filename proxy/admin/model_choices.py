"""The names offered where a mapping's actual model is typed: what providers list, offer, or are known for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from providers.models import Provider


@dataclass(frozen=True, slots=True)
class ModelChoices:
    """One `<datalist>`: its id, and each name with the provider it belongs to."""

    id: str
    options: tuple[tuple[str, str], ...]


def choices_id(provider_id: int | None) -> str:
    """The id of the list for a mapping to that provider; of the whole list for one that has none yet."""
    return f"models-of-{provider_id or 'all'}"


def model_choices() -> list[ModelChoices]:
    """A list for each provider, and one of all."""
    lists = [
        ModelChoices(choices_id(row.pk), tuple((name, row.name) for name in _names(row)))
        for row in Provider.objects.all()
    ]
    everything = tuple(_each_option(lists))
    return [*lists, ModelChoices(choices_id(None), everything)]


def _each_option(lists: Iterable[ModelChoices]) -> Iterator[tuple[str, str]]:
    for choices in lists:
        yield from choices.options


def _names(row: Provider) -> list[str]:
    suggested = row.preset_row.suggested_model if row.preset_row else ""
    names = [suggested] if suggested else []
    return list(dict.fromkeys([*names, *row.models_offered, *row.models_listed]))
