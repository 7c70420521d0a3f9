"""The statistics of a dashboard: the same figures as one by one, from two queries."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from proxy import stats
from proxy.models import HourlyRollup
from proxy.stats import Latency, Totals
from tests.demo_traffic import live_through

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 5, 6, 15, 20, tzinfo=UTC)
SINCE = NOW - timedelta(hours=40)


def without_duration(totals):
    return replace(totals, duration=Latency())


def without_times(totals):
    return replace(totals, duration=Latency(), first_content=Latency())


@pytest.fixture
def traffic(db):
    live_through(NOW, days=3, per_hour=12)


@pytest.mark.parametrize("step", ["hour", "day"])
def test_an_overview_is_what_the_single_questions_say(traffic, step):
    """Totals and points with their times to first content, by provider and by model: the same as asked one by one."""
    with timezone.override("Asia/Kolkata"):
        seen = stats.overview(SINCE, NOW, step=step)
        points = stats.series(SINCE, NOW, step=step, latency=True)
        assert seen.totals == without_duration(stats.totals(SINCE, NOW))
        assert seen.totals.requests > 50
        assert seen.points == [replace(point, totals=without_duration(point.totals)) for point in points]
        assert seen.providers == stats.grouped_series("provider", SINCE, NOW, step=step)
        groups = [
            replace(group, totals=without_times(group.totals)) for group in stats.grouped("actual_model", SINCE, NOW)
        ]
        assert seen.models == groups
        assert len(groups) == 3


def test_an_overview_takes_two_queries(traffic, django_assert_num_queries):
    """However long the span and however many providers."""
    with django_assert_num_queries(2):
        stats.overview(SINCE, NOW)


def test_an_overview_of_nothing_has_its_points(db):
    """No requests: no provider, no model, and all points with nothing in them."""
    seen = stats.overview(SINCE, NOW)
    assert not HourlyRollup.objects.exists()
    assert (seen.totals, seen.providers, seen.models) == (Totals(), {}, [])
    assert [point.totals for point in seen.points] == [Totals()] * 41
