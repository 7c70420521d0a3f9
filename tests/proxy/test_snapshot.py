import asyncio
import time
from types import SimpleNamespace

import pytest
from django.db import OperationalError

from providers.models import Credential, Provider
from proxy import snapshot
from proxy.config import ConfigSnapshot, StreamConfig
from proxy.errors import ApiError
from proxy.models import ClientKey, ConfigRevision, LogicalModel, ModelMapping, RouterSettings, RoutingRule

pytestmark = pytest.mark.django_db


@pytest.fixture
def provider():
    row = Provider.objects.create(name="main", preset="openai", headers={"X-Title": "t"})
    credential = Credential(provider=row)
    credential.set_secret("sk-canary-0123456789")
    credential.save()
    return row


def test_a_snapshot_is_the_whole_configuration(provider):
    """Models with their targets in order, routes, rules, keys and unsealed secrets are in memory."""
    model = LogicalModel.objects.create(name="Smart")
    ModelMapping.objects.create(logical_model=model, priority=2, provider=provider, actual_model="second")
    ModelMapping.objects.create(logical_model=model, priority=1, provider=provider, actual_model="first")
    RouterSettings.objects.create(default=model, idle_timeout_s=33, scale_counts=True, mid_stream_failure="cut")
    RoutingRule.objects.create(name="r", model_regex="^x", logical_model=model)
    key = ClientKey(name="laptop")
    shown = key.issue()
    key.save()
    config = snapshot.load()
    targets = config.models["Smart"].targets
    assert [target.actual_model for target in targets] == ["first", "second"]
    assert targets[0].secret.reveal() == "sk-canary-0123456789"
    assert targets[0].base_url == "https://api.openai.com/v1"
    assert targets[0].timeouts.idle == 33
    assert config.model("smart") is config.models["Smart"]
    assert (config.router.default, config.router.scale_counts) == ("Smart", True)
    assert config.streams == StreamConfig(True, "cut")
    assert config.rules[0].name == "r"
    assert [k.name for k in config.keys.values()] == ["laptop"]
    assert shown not in repr(config)
    assert "sk-canary" not in repr(config)


def test_a_change_while_the_configuration_is_read_is_noticed(provider, monkeypatch):
    """What another process commits after its table was read makes the snapshot an old one: it is loaded again."""
    read_models = snapshot._models

    def read_and_change(providers):
        found = list(read_models(providers))
        provider.save()
        return found

    monkeypatch.setattr(snapshot, "_models", read_and_change)
    assert snapshot.load().revision < ConfigRevision.current()


@pytest.mark.parametrize(
    ("preset", "on_provider", "on_mapping", "expected"),
    [
        ("openai", {}, {}, (11, 121, 181)),
        ("ollama", {}, {}, (11, 600, 181)),
        ("ollama", {"first_content_timeout_s": 90}, {}, (11, 90, 181)),
        ("openai", {"connect_timeout_s": 2.5, "idle_timeout_s": 60}, {}, (2.5, 121, 60)),
        ("ollama", {}, {"first_content_timeout_s": 900, "idle_timeout_s": 0.5}, (11, 900, 0.5)),
        ("openai", {"first_content_timeout_s": 90, "idle_timeout_s": 60}, {"idle_timeout_s": 70}, (11, 90, 70)),
    ],
)
def test_the_most_particular_wait_wins(preset, on_provider, on_mapping, expected):
    """Each wait is the mapping's, else the provider's, else the vendor's usual one, else the router's."""
    RouterSettings.objects.create(
        connect_timeout_s=11, first_content_timeout_s=121, idle_timeout_s=181, total_timeout_s=3601
    )
    row = Provider.objects.create(name="p", preset=preset, **on_provider)
    model = LogicalModel.objects.create(name="m")
    ModelMapping.objects.create(logical_model=model, provider=row, actual_model="a", **on_mapping)
    waits = snapshot.load().models["m"].targets[0].timeouts
    assert (waits.connect, waits.first_content, waits.idle) == expected
    assert waits.total == 3601


def test_one_mappings_waits_are_no_others(provider):
    """What one mapping overrides holds neither for the provider's other mappings nor for its direct models."""
    model = LogicalModel.objects.create(name="m")
    ModelMapping.objects.create(logical_model=model, provider=provider, actual_model="a", idle_timeout_s=5)
    ModelMapping.objects.create(
        logical_model=model, provider=provider, actual_model="b", connect_timeout_s=8, total_timeout_s=9
    )
    config = snapshot.load()
    assert [target.timeouts.idle for target in config.models["m"].targets] == [5, 180]
    assert [target.timeouts.total for target in config.models["m"].targets] == [3600, 9]
    assert [target.timeouts.connect for target in config.models["m"].targets] == [10, 8]
    assert config.providers["main"].template.timeouts.idle == 180


def test_what_is_disabled_is_not_there(provider):
    """Disabled providers, models, mappings, rules and keys do not exist for requests."""
    off = Provider.objects.create(name="off", preset="openai", enabled=False)
    model = LogicalModel.objects.create(name="m")
    ModelMapping.objects.create(logical_model=model, priority=1, provider=off, actual_model="x")
    ModelMapping.objects.create(logical_model=model, priority=2, provider=provider, actual_model="x", enabled=False)
    LogicalModel.objects.create(name="gone", enabled=False)
    config = snapshot.load()
    assert config.models["m"].targets == ()
    assert "gone" not in config.models
    assert set(config.providers) == {"main"}


def test_a_secret_that_does_not_unseal_is_a_problem_of_its_target_only(provider, settings):
    """With a lost key the snapshot still loads, and the target says what to do."""
    from providers.vault import new_key

    settings.CCM_FIELD_KEYS = [new_key()]
    template = snapshot.load().providers["main"].template
    assert "CCM_FIELD_KEYS" in template.problem
    assert not template.secret


def test_every_change_moves_the_revision(provider):
    """A save or a delete of any configuration row is noticed."""
    before = ConfigRevision.current()
    model = LogicalModel.objects.create(name="m")
    assert ConfigRevision.current() > before
    before = ConfigRevision.current()
    model.delete()
    assert ConfigRevision.current() > before


@pytest.fixture
def database_away(monkeypatch):
    """The configuration cannot be read, and no watcher is running."""

    def fail():
        raise OperationalError("connection to 10.1.2.3, user ccm, failed")

    monkeypatch.setattr(snapshot, "load", fail)
    monkeypatch.setattr(snapshot, "_current", None)
    monkeypatch.setattr(snapshot, "_trouble", "")
    # The watcher gives up its own connection; here that would be the test's, in the middle of its transaction.
    monkeypatch.setattr(snapshot, "connection", SimpleNamespace(close=lambda: None))


def test_a_database_that_is_away_leaves_the_last_snapshot_in_force(database_away, monkeypatch, caplog):
    """An outage is logged once, its end too; what was loaded stays, and nothing of the driver's words is told."""
    good = ConfigSnapshot(revision=-1)
    monkeypatch.setattr(snapshot, "_current", good)
    snapshot._look()
    snapshot._look()
    assert snapshot.loaded() is good
    assert "OperationalError" in snapshot.trouble() and "10.1.2.3" not in snapshot.trouble()
    monkeypatch.setattr(snapshot, "load", lambda: ConfigSnapshot(revision=7))
    snapshot._look()
    assert snapshot.loaded().revision == 7 and not snapshot.trouble()
    assert [record.message.partition(";")[0] for record in caplog.records] == [
        "the configuration could not be read",
        "the configuration can be read again",
    ]


def test_a_failure_that_is_not_the_databases_points_at_the_log(database_away, monkeypatch):
    """The advice about DATABASE_URL is for errors of the database alone."""
    monkeypatch.setattr(snapshot, "load", lambda: {}["missing"])
    snapshot._look()
    assert "DATABASE_URL" not in snapshot.trouble() and "the log says why" in snapshot.trouble()


@pytest.mark.django_db(transaction=True)
async def test_without_a_snapshot_a_request_is_told_why(database_away):
    """The first request waits for the first look only; all get 503 with the reason and a time to come back."""
    try:
        for _ in range(2):
            with pytest.raises(ApiError) as refused:
                await snapshot.current()
            assert (refused.value.status, refused.value.headers["retry-after"]) == (503, "1")
            assert "DATABASE_URL" in refused.value.message
    finally:
        await asyncio.to_thread(snapshot.stop)


def test_every_enabled_key_is_in_memory_and_a_broken_one_is_left_out(provider, caplog):
    """A target knows all its provider's keys, its weight and limit; all are scrubbed; a lost one is absent."""
    for label, secret, enabled in (("b", "sk-canary-second-key", True), ("off", "sk-canary-disabled", False)):
        credential = Credential(provider=provider, label=label, enabled=enabled)
        credential.set_secret(secret)
        credential.save()
    Credential.objects.create(provider=provider, label="lost", sealed="broken")
    Provider.objects.filter(pk=provider.pk).update(max_concurrency=3)
    model = LogicalModel.objects.create(name="m")
    ModelMapping.objects.create(logical_model=model, priority=4, provider=provider, actual_model="x", weight=7)
    config = snapshot.load()
    (target,) = config.models["m"].targets
    secrets = [one.secret.reveal() for one in target.with_each_key()]
    assert secrets == ["sk-canary-0123456789", "sk-canary-second-key"]
    assert set(config.secrets) == set(secrets)
    assert (target.priority, target.weight, target.max_concurrency, target.problem) == (4, 7, 3, "")
    assert "provider main: its key lost is left out" in caplog.text


@pytest.fixture
def watched(database_away, monkeypatch, settings):
    """A snapshot that the database confirmed so many seconds ago, while it is watched."""

    def since(seconds):
        monkeypatch.setattr(snapshot, "_current", ConfigSnapshot(revision=1))
        monkeypatch.setattr(snapshot, "_watcher", SimpleNamespace())
        monkeypatch.setattr(snapshot, "_confirmed", time.monotonic() - seconds)

    settings.CCM_STALE_CONFIG_S = 900
    return since


@pytest.mark.parametrize(("seconds", "doubt", "there"), [(1, False, True), (60, True, True), (901, True, False)])
async def test_a_snapshot_that_nobody_confirms_gets_old(watched, seconds, doubt, there):
    """After seconds it is in doubt, after the setting's time nobody is served by it, and the words name the setting."""
    watched(seconds)
    assert snapshot.in_doubt() is doubt
    assert (snapshot.loaded() is not None) is there
    if there:
        assert (await snapshot.current()).revision == 1
        return
    with pytest.raises(ApiError, match="CCM_STALE_CONFIG_MINUTES") as refused:
        await snapshot.current()
    assert refused.value.status == 503


def test_a_snapshot_that_is_confirmed_is_young_again(watched, monkeypatch):
    """One look at a database that answers is enough."""
    watched(901)
    monkeypatch.setattr(snapshot.ConfigRevision, "current", lambda: 1)
    snapshot._look()
    assert snapshot.loaded() is not None and not snapshot.in_doubt()
