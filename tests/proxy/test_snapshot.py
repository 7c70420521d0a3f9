import pytest

from providers.models import Credential, Provider
from proxy import snapshot
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
    RouterSettings.objects.create(default=model, idle_timeout_s=33)
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
    assert config.router.default == "Smart"
    assert config.rules[0].name == "r"
    assert [k.name for k in config.keys.values()] == ["laptop"]
    assert shown not in repr(config)
    assert "sk-canary" not in repr(config)


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
