"""Syncing prices: what the source says is written, what people edited stays."""

import json
from decimal import Decimal
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from providers.models import Provider
from proxy import price_source, price_sync
from proxy.models import ConfigRevision, ModelPrice
from proxy.price_source import SourceMissing, Told

pytestmark = pytest.mark.django_db


def told(model, dollars, above=0, **fields):
    prices = dict.fromkeys(("cache_read", "cache_write", "cache_write_1h", "searches"))
    return Told(model, above, {"input": dollars, "output": dollars, **prices, **fields})


@pytest.fixture
def source(monkeypatch):
    """What the source says, to be changed by the test: only of x-ai, whose prices one vendor has."""
    rows = {"x-ai": [told("grok", "1"), told("grok", "2", 200), told("grok-mini*", "0.5", cache_read="0.1")]}
    monkeypatch.setattr(price_source, "lists", lambda names, now: {name: rows[name] for name in names if name in rows})
    return rows


def rows():
    return {(row.model, row.from_tokens): (row.input, row.source) for row in ModelPrice.objects.all()}


def run(*args):
    out = StringIO()
    call_command("syncprices", *args, stdout=out)
    return out.getvalue()


def test_the_first_sync_writes_all_the_second_nothing(source):
    """Rows, sources and the revision; a second time nothing moves."""
    before = ConfigRevision.current()
    done = price_sync.sync()
    assert (done.added, done.changed, done.deleted, done.same) == (3, 0, 0, 0)
    assert rows() == {
        ("grok", 0): (1, "synced"), ("grok", 200): (2, "synced"), ("grok-mini*", 0): (Decimal("0.5"), "synced"),
    }  # fmt: skip
    row = ModelPrice.objects.get(model="grok-mini*")
    assert (row.preset, row.cache_read, row.cache_write) == ("xai", Decimal("0.1"), None)
    assert ConfigRevision.current() == before + 1
    again = price_sync.sync()
    assert (again.added, again.changed, again.deleted, again.same) == (0, 0, 0, 3)
    assert ConfigRevision.current() == before + 1


def test_a_sync_changes_adds_and_deletes(source):
    """New prices replace the old ones, and a row that is gone at the source is gone here."""
    price_sync.sync()
    source["x-ai"] = [told("grok", "9"), told("new", "3")]
    done = price_sync.sync()
    assert (done.added, done.changed, done.deleted, done.same) == (1, 1, 2, 0)
    assert rows() == {("grok", 0): (9, "synced"), ("new", 0): (3, "synced")}


def test_what_people_edited_or_added_stays(source):
    """Its prices are theirs; what the sync says is kept beside, and nothing of theirs is deleted."""
    price_sync.sync()
    ModelPrice.objects.filter(model="grok", from_tokens=0).update(input=77, source="edited")
    ModelPrice.objects.filter(model="grok-mini*").update(input=78, source="edited")
    ModelPrice.objects.create(preset="xai", model="mine", input=5, output=5)
    source["x-ai"] = [told("grok", "9")]
    done = price_sync.sync()
    assert done.edited == 3
    assert rows() == {
        ("grok", 0): (77, "edited"), ("grok-mini*", 0): (78, "edited"), ("mine", 0): (5, "edited"),
    }  # fmt: skip
    assert ModelPrice.objects.get(model="grok").synced["input"] == "9"
    assert ModelPrice.objects.get(model="grok-mini*").synced is None


def test_a_vendor_that_the_source_lost_keeps_its_prices(source):
    """An odd release of the package empties no list."""
    price_sync.sync()
    del source["x-ai"]
    assert price_sync.sync().deleted == 0
    assert len(rows()) == 3


def test_a_dry_run_counts_and_writes_nothing(source):
    """The same numbers as the real run, in words that say so."""
    assert "3 would be added" in run("--dry-run")
    assert rows() == {}
    shown = json.loads(run("--dry-run", "--json"))
    assert (shown["added"], shown["dry_run"]) == (3, True)
    assert json.loads(run("--json"))["added"] == 3
    assert "3 as before" in run()


def missing(names, now):
    raise SourceMissing("pip install 'ccm-django[prices]'")


def test_without_the_package_the_command_fails_with_the_fix(monkeypatch):
    """And nothing is written."""
    monkeypatch.setattr(price_source, "lists", missing)
    with pytest.raises(CommandError, match=r"ccm-django\[prices\]"):
        run()
    Provider.objects.create(name="main", preset="xai")
    assert price_sync.seed() == 0


def test_an_empty_table_is_seeded_once(source):
    """If there is anybody to price; where there are prices already, a first run adds none."""
    assert price_sync.seed() == 0
    Provider.objects.create(name="main", preset="xai")
    assert price_sync.seed() == 3
    ModelPrice.objects.exclude(model="grok-mini*").delete()
    assert price_sync.seed() == 0


def test_the_real_package_is_written_whole():
    """Every row of it fits the columns, and every row passes for one that a person could save."""
    done = price_sync.sync()
    assert done.added > 1000
    for row in ModelPrice.objects.filter(preset__in=("anthropic", "openai", "gemini")):
        row.clean_fields()
        row.clean()
    assert price_sync.sync().same == done.added
