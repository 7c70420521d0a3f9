"""A copy of a provider under another name."""

from __future__ import annotations

from providers.models import Provider

_OWN = {"id", "name", "enabled", "created_at", "updated_at"}
"""What a copy has of its own."""
MAX_NAME = 100


def clone(row: Provider) -> Provider:
    """Store a copy of `row` with its address, headers, waits and limits. It has no key, so it is switched off."""
    copied = {
        field.attname: getattr(row, field.attname) for field in row._meta.concrete_fields if field.name not in _OWN
    }
    made = Provider(name=_free_name(row.name), enabled=False, **copied)
    made.save()
    return made


def _free_name(name: str) -> str:
    taken = set(Provider.objects.values_list("name", flat=True))
    for number in range(1, len(taken) + 2):
        ending = " copy" if number == 1 else f" copy {number}"
        found = name[: MAX_NAME - len(ending)] + ending
        if found not in taken:
            return found
    raise AssertionError("among more names than there are providers one is free")
