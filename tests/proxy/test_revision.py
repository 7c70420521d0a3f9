"""The revision moves with every change of configuration, in the change's own transaction, and with nothing else."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import transaction

from providers.models import Credential, Provider
from proxy import revision
from proxy.models import (
    ClientKey,
    ConfigRevision,
    Drill,
    LogicalModel,
    ModelMapping,
    ModelPrice,
    RequestLog,
    RouterSettings,
    RoutingRule,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def rows():
    """One row of each configuration table."""
    provider = Provider.objects.create(name="main", preset="openai")
    credential = Credential(provider=provider)
    credential.set_secret("sk-canary-0123456789")
    credential.save()
    model = LogicalModel.objects.create(name="smart")
    mapping = ModelMapping.objects.create(logical_model=model, priority=1, provider=provider, actual_model="m")
    price = ModelPrice.objects.create(preset="openai", model="m", input=1, output=2)
    rule = RoutingRule.objects.create(name="r", has_image=True, logical_model=model)
    key = ClientKey(name="laptop")
    key.issue()
    key.save()
    drill = Drill(provider=provider, client_key=key)
    drill.run_for(timedelta(minutes=1))
    drill.save()
    found = (provider, credential, model, mapping, price, RouterSettings.load(), rule, key, drill)
    return {type(row): row for row in found}


def test_the_tables_are_those_that_a_snapshot_is_made_of(rows):
    """No configuration table is left out, and the history is none."""
    assert set(revision.configuration_models()) == set(rows)


@pytest.mark.parametrize("name", [model.__name__ for model in revision.configuration_models()])
def test_a_save_and_a_delete_of_any_row_are_noticed(rows, name):
    """Each of the two moves the number on."""
    row = next(row for row in rows.values() if type(row).__name__ == name)
    before = ConfigRevision.current()
    row.save()
    saved = ConfigRevision.current()
    assert saved > before
    if name in ("Provider", "LogicalModel"):  # protected by what needs them
        RoutingRule.objects.all().delete()
        ModelMapping.objects.all().delete()
        saved = ConfigRevision.current()
    row.delete()
    assert ConfigRevision.current() > saved


def test_one_save_is_one_step(rows):
    """A change is counted once, however often the app was told to listen."""
    revision.connect()
    before = ConfigRevision.current()
    rows[LogicalModel].save()
    assert ConfigRevision.current() == before + 1


def test_the_number_goes_back_with_the_change(rows):
    """A change that is rolled back was never counted: no process reads a state that does not exist."""
    before = ConfigRevision.current()
    with pytest.raises(LookupError), transaction.atomic():
        rows[Provider].save()
        assert ConfigRevision.current() == before + 1
        raise LookupError
    assert ConfigRevision.current() == before


def test_the_history_moves_nothing(rows):
    """A served request is no change of configuration."""
    before = ConfigRevision.current()
    RequestLog.objects.create(
        time=datetime.now(UTC), request_id="req_1", inbound_format="anthropic_messages", outcome="ok"
    )
    assert ConfigRevision.current() == before
