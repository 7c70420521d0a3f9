"""Signs of life, and what becomes of requests whose process gives none."""

import uuid
from datetime import timedelta

import pytest
from django.utils import timezone

from proxy import log_rows, presence
from proxy.models import AttemptLog, Instance, RequestLog
from proxy.record import AttemptRecord, RequestRecord, unfinished

pytestmark = pytest.mark.django_db(transaction=True)
HERE, THERE, NOBODY = uuid.uuid4(), uuid.uuid4(), uuid.uuid4()


def running(number):
    attempts = [AttemptRecord(1, "main", "glm", "overloaded"), AttemptRecord(2, "spare", "glm")]
    return unfinished(RequestRecord(f"req_{number}", "anthropic_messages", "messages", attempts=attempts))


def silent_for(instance, seconds):
    Instance.objects.filter(pk=instance).update(seen=timezone.now() - timedelta(seconds=seconds))


def test_a_sign_of_life_is_one_row_a_process():
    """The first makes it, the next ones keep it fresh and tell what was dropped."""
    presence.beat(HERE)
    silent_for(HERE, 50)
    presence.beat(HERE, 3, 4)
    row = Instance.objects.get()
    assert timezone.now() - row.seen < timedelta(seconds=20)
    assert (row.pk, row.rows_dropped, row.bodies_dropped) == (HERE, 3, 4)


def test_who_takes_leave_is_not_counted_any_more():
    """At once, with what was dropped still told; one that nobody knew is not made by it, and the dead stay as dead."""
    presence.beat(HERE, 3, 4)
    presence.beat(THERE)
    presence.leave(HERE)
    presence.leave(NOBODY)
    assert presence.living() == 1
    assert list(Instance.objects.order_by("rows_dropped").values_list("pk", "rows_dropped")) == [(THERE, 0), (HERE, 3)]
    silent_for(HERE, 7200)
    presence.leave(HERE)
    assert timezone.now() - Instance.objects.get(pk=HERE).seen > timedelta(hours=1)
    presence.beat(HERE)
    assert presence.living() == 2


def test_requests_of_a_silent_process_are_lost():
    """Those of one that lives run on; those of one that nobody knows are lost too; an end stays what it is."""
    presence.beat(HERE)
    presence.beat(THERE)
    silent_for(THERE, 61)
    log_rows.write([running(1)], HERE, known=True)
    log_rows.write([running(2)], THERE, known=True)
    log_rows.write([running(3)], NOBODY, known=True)
    log_rows.write([RequestRecord("req_4", "anthropic_messages", "messages", outcome="ok")])
    assert presence.sweep() == 2
    assert dict(RequestLog.objects.values_list("request_id", "outcome")) == {
        "req_1": "open", "req_2": "lost", "req_3": "lost", "req_4": "ok",
    }  # fmt: skip
    assert "ended without a word" in RequestLog.objects.get(request_id="req_2").error
    told = AttemptLog.objects.filter(request__request_id="req_2").values_list("outcome", flat=True)
    assert list(told) == ["overloaded", "lost"]
    assert presence.sweep() == 0


def test_a_process_that_was_late_keeps_its_requests():
    """Somebody who is heard again in time loses nothing."""
    presence.beat(THERE)
    silent_for(THERE, 59 - 20)
    log_rows.write([running(1)], THERE, known=True)
    assert presence.sweep() == 0


def test_an_end_that_comes_after_all_replaces_lost():
    """A process that only could not reach the database tells how it ended, once it can."""
    log_rows.write([running(1)], THERE, known=True)
    assert presence.sweep() == 1
    log_rows.write([RequestRecord("req_1", "anthropic_messages", "messages", outcome="ok", status=200)], known=True)
    row = RequestLog.objects.get()
    assert (row.outcome, row.error, row.attempt_rows.count()) == ("ok", "", 0)


def test_processes_of_long_ago_are_forgotten():
    """The table does not grow with every restart."""
    presence.beat(HERE)
    presence.beat(THERE)
    silent_for(THERE, 90_000)
    presence.sweep()
    assert list(Instance.objects.values_list("pk", flat=True)) == [HERE]
