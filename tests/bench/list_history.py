"""What the pages of a long request history take: the list, each filter, far pages, searches, one request, an export.

Asks the SQLite file that `seed_history.py` has made, through Django's own test client, so that everything but the
network is in it; migrates the file first. Times are the best of some runs, by the clock and of this process's CPU.
"""

import argparse
import asyncio
import pathlib
import sys
import time

from seed_history import prepared

LIST = "/admin/proxy/requestlog/"


def asked():
    """Label and address of what is asked for, from what the file holds."""
    from datetime import timedelta

    from proxy.models import RequestLog

    newest = RequestLog.objects.order_by("-time").first()
    middle = newest.time - timedelta(days=15)
    span = f"from={middle:%Y-%m-%dT%H:%M}&to={middle + timedelta(days=1):%Y-%m-%dT%H:%M}"
    return (
        ("first page", ""),
        ("page 1000", "?p=1000"),
        ("a day, two weeks ago", f"?{span}"),
        ("outcome: error", "?outcome__exact=error"),
        ("outcome: interrupted, page 100", "?outcome__exact=interrupted&p=100"),
        ("HTTP status 529 (none)", "?status=529"),
        ("failed over", "?failed_over=yes"),
        ("provider", f"?provider={newest.provider}"),
        ("logical model", f"?logical_model={newest.logical_model}"),
        ("route", f"?route={newest.route}"),
        ("client key (none)", "?client_key=nobody"),
        ("took 60 s or more", "?slower=60"),
        ("took 10 min or more (hardly any)", "?slower=600"),
        ("cost $1 or more (none)", "?cost=1"),
        ("a provider's errors of that day", f"?provider={newest.provider}&outcome__exact=error&{span}"),
        ("search: a request id", f"?q={newest.request_id}"),
        ("search: a session", f"?q={newest.session_id}"),
        ("the page of a request", f"{newest.pk}/change/"),
    )


def timed(function, times):
    """The best of some runs in milliseconds: clock, CPU."""
    best = (float("inf"), float("inf"))
    for _ in range(times):
        clock, cpu = time.perf_counter(), time.process_time()
        function()
        best = min(best[0], time.perf_counter() - clock), min(best[1], time.process_time() - cpu)
    return best[0] * 1000, best[1] * 1000


def exported(client, query):
    """Bytes of an export that is read to its end."""

    async def whole():
        answer = await client.get(f"{LIST}export.csv{query}")
        return sum([len(piece) async for piece in answer.streaming_content])

    return asyncio.run(whole())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=pathlib.Path, help="the SQLite file that seed_history.py has made")
    parser.add_argument("--times", type=int, default=5, help="runs of each (default: %(default)s)")
    parser.add_argument("--export", action="store_true", help="also export everything as CSV, once")
    options = parser.parse_args()
    if not options.file.exists():
        parser.error(f"there is no {options.file}; make it with tests/bench/seed_history.py")
    prepared(options.file.resolve())
    from django.conf import settings
    from django.contrib.auth.models import User
    from django.test import AsyncClient, Client

    settings.ALLOWED_HOSTS = ["*"]
    user = User.objects.filter(username="bench").first() or User.objects.create_superuser("bench")
    client = Client()
    client.force_login(user)
    print("| page | clock | CPU |\n|---|---:|---:|")
    for label, query in asked():
        address = LIST + query
        answer = client.get(address)
        assert answer.status_code == 200, (address, answer.status_code)
        clock, cpu = timed(lambda address=address: client.get(address), options.times)
        print(f"| {label} | {clock:,.0f} ms | {cpu:,.0f} ms |", flush=True)
    if options.export:
        client = AsyncClient()
        client.force_login(user)
        begun = time.perf_counter()
        size = exported(client, "")
        print(f"export as CSV: {size / 1e6:,.0f} MB in {time.perf_counter() - begun:,.0f} s")


if __name__ == "__main__":
    sys.exit(main())
