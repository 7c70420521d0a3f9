"""The rows that make a fresh database answer its first request. Each step does nothing the second time."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass

from django.contrib.auth import get_user_model

from providers.models import Credential, Provider
from providers.presets import PRESETS, Preset
from providers.vault import VaultError
from proxy import price_sync
from proxy.models import ClientKey, LogicalModel, ModelMapping, RouterSettings

KEY_NAME = "quickstart"
ECHO = "echo"
DEMO_MODEL = "demo"
DEFAULT_MODEL = "default"


@dataclass(frozen=True)
class FirstRun:
    """What a run has made, or would make; what was there already is empty."""

    admin: str
    password: str
    """Only if it was made up; it can never be told again."""
    client_key: str
    providers: list[str]
    refused: list[str]
    """Variables of the environment that hold no usable key."""
    model: str
    unreadable: int
    """Stored secrets that the present CCM_FIELD_KEYS do not open."""
    prices: int = 0


def ensure_rows(environ: Mapping[str, str]) -> FirstRun:
    """All the steps, in their order. Raises VaultError."""
    admin, password = ensure_admin(environ)
    key = ensure_client_key()
    providers, refused = ensure_providers(environ)
    model = ensure_models(providers)
    return FirstRun(admin, password, key, providers, refused, model, unreadable_credentials(), price_sync.seed())


def ensure_admin(environ: Mapping[str, str]) -> tuple[str, str]:
    """The admin's name and, if made up just now, the password; ("", "") when there are users already."""
    users = get_user_model()
    if users.objects.exists():
        return "", ""
    name = environ.get("DJANGO_SUPERUSER_USERNAME") or "admin"
    given = environ.get("DJANGO_SUPERUSER_PASSWORD", "")
    password = given or secrets.token_urlsafe(12)
    users.objects.create_superuser(username=name, email=environ.get("DJANGO_SUPERUSER_EMAIL", ""), password=password)
    return name, "" if given else password


def ensure_client_key() -> str:
    """A client key, if there is none at all yet: the key itself, else ""."""
    if ClientKey.objects.exists():
        return ""
    row = ClientKey(name=KEY_NAME)
    key = row.issue()
    row.save()
    return key


def ensure_providers(environ: Mapping[str, str]) -> tuple[list[str], list[str]]:
    """A provider for each well-known key in the environment: the names added, and the variables that hold no key."""
    added, refused = [], []
    for preset in PRESETS.values():
        secret = environ.get(preset.env_key, "").strip() if preset.env_key else ""
        if not secret or _known_once(preset.name):
            continue
        if not (secret.isascii() and secret.isprintable()) or " " in secret:
            refused.append(preset.env_key)
            continue
        provider = Provider.objects.create(name=preset.name, preset=preset.name)
        credential = Credential(provider=provider)
        credential.set_secret(secret)
        credential.save()
        added.append(preset.name)
    return added, refused


def _known_once(name: str) -> bool:
    """Whether there is or ever was such a provider: one that was deleted or renamed is not brought back."""
    return Provider.objects.filter(name=name).exists() or Provider.history.filter(name=name).exists()


def ensure_models(added: list[str]) -> str:
    """Where no logical model exists, one that answers: the real thing if there is a provider, else the demo.

    The demo gives way to the real thing when providers were `added` just now. Returns the
    name of the model that was made, or "".
    """
    names = set(LogicalModel.objects.values_list("name", flat=True))
    untouched = not names and not LogicalModel.history.exists()
    if not untouched and not (added and names == {DEMO_MODEL} and not _model_known_once(DEFAULT_MODEL)):
        return ""
    if not Provider.objects.exists():
        if _known_once(ECHO):
            return ""
        echo = Provider.objects.create(name=ECHO, preset=ECHO)
        return _make_model(DEMO_MODEL, [(echo, PRESETS[ECHO])])
    rows = Provider.objects.filter(enabled=True).exclude(preset=ECHO)
    return _make_model(DEFAULT_MODEL, [(row, preset) for row in rows if (preset := row.preset_row)])


def _model_known_once(name: str) -> bool:
    return bool(LogicalModel.history.filter(name=name).exists())


def _make_model(name: str, providers: list[tuple[Provider, Preset]]) -> str:
    order = list(PRESETS)
    usable = sorted(
        ((row, preset) for row, preset in providers if preset.suggested_model),
        key=lambda pair: order.index(pair[1].name),
    )
    if not usable:
        return ""
    model = LogicalModel.objects.create(name=name)
    for priority, (row, preset) in enumerate(usable, 1):
        ModelMapping.objects.create(
            logical_model=model, provider=row, actual_model=preset.suggested_model, priority=priority
        )
    router = RouterSettings.load()
    if router.default is None or router.default.name == DEMO_MODEL:
        router.default = model
        router.save()
    return name


def unreadable_credentials() -> int:
    """How many stored secrets the present CCM_FIELD_KEYS do not open."""
    count = 0
    for credential in Credential.objects.all():
        try:
            credential.reveal()
        except VaultError:
            count += 1
    return count
