"""Several real processes and one account with refresh tokens that are good once."""

import contextlib
import json
import os
import sqlite3
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection

from providers.models import OAuthToken
from tests.providers.oauth import accounts

pytestmark = pytest.mark.django_db(transaction=True)
PROCESSES, TASKS = 4, 15


@pytest.fixture
def credential(auth, flow, tmp_path):
    """An account whose access token is over, and the name of a database with it that other processes can open."""
    found = _expired(auth, flow)
    if connection.vendor != "sqlite":
        return found, connection.settings_dict["NAME"]
    path = tmp_path / "shared.sqlite3"  # the test database is in memory
    with contextlib.closing(sqlite3.connect(path)) as copy:
        connection.connection.backup(copy)
    return found, str(path)


def _expired(auth, flow):
    found = accounts.signed_in(auth, flow)
    OAuthToken.objects.update(expires_at=datetime.now(UTC) - timedelta(seconds=1))
    return found


@pytest.fixture
def begin(auth, credential):
    """Starts a process that says when it is ready; all are ended with the test."""
    found, database = credential
    started = []

    def start():
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.providers.oauth.renewing_process", str(found.pk), f"{auth.url}/token",
             str(TASKS)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env={**os.environ, "CCM_TEST_DATABASE": database},
        )  # fmt: skip
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def go(processes):
    """Let them begin at the same moment; what each was served with."""
    for process in processes:
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    return [json.loads(process.stdout.readline()) for process in processes]


def test_four_processes_of_fifteen_tasks_make_one_renewal(auth, begin):
    """60 requests of 4 processes at the end of a token: one call, no spent token used again, everybody served."""
    auth.fault("slow")  # long enough for the others to come while it lasts
    served = [token for tokens in go([begin() for _ in range(PROCESSES)]) for token in tokens]
    assert len(served) == PROCESSES * TASKS
    assert len(set(served)) == 1 and auth.accepts(served[0])
    assert (auth.refresh_calls, auth.reused, auth.rotated) == (1, 0, 1)


def test_a_holder_that_is_killed_before_the_call_is_answered_is_followed_by_another(auth, begin):
    """After `kill -9` between call and save the lease runs out, and another renews with the same token."""
    auth.grace_s = 60
    auth.fault("held")
    victim, heir = begin(), begin()
    for process in (victim, heir):
        assert process.stdout.readline() == "ready\n"
    victim.stdin.write("go\n")
    victim.stdin.flush()
    assert auth.holding.wait(10)
    victim.kill()
    auth.released.set()
    heir.stdin.write("go\n")
    heir.stdin.flush()
    served = set(json.loads(heir.stdout.readline()))
    assert len(served) == 1 and auth.accepts(served.pop())
    assert auth.counted("refresh_token", 200) >= 1 and auth.refresh_calls == 2
