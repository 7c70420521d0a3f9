"""The live page with several server processes: with Redis, while Redis is away, and without."""

import contextlib
import json
import os
import pathlib
import signal
import sqlite3

import pytest
from browsing import CHAIN, served
from test_browser_live import ask
from test_redis import redis_url
from test_server_commands import children, eventually

from tests.soak.cluster import Redis

pytestmark = [pytest.mark.browser, pytest.mark.server]
__all__ = ["redis_url"]


class Workers:
    """Two processes on one address."""

    def __init__(self, place, address):
        self.address, self._database = address, place / "db.sqlite3"
        self.pid = json.loads((place / "run" / "ccm.pid").read_text())["pid"]
        assert eventually(lambda: self._serving() == 2, 30)

    def _serving(self):
        """How many processes have said that they live."""
        with contextlib.closing(sqlite3.connect(self._database, timeout=20)) as rows:
            return rows.execute("SELECT count(*) FROM proxy_instance").fetchone()[0]

    def end(self):
        """End both as `restart` does: others take their places."""
        for pid in children(self.pid):
            os.kill(pid, signal.SIGTERM)

    def each_asked(self, name):
        """A request to each process, the other one frozen so that nobody else can serve it: the two models' names."""
        pids = children(self.pid)
        assert len(pids) == 2
        for number, other in enumerate(reversed(pids)):
            with frozen(other):
                ask(self.address, f"{name}-{number}")
        return [f"{name}-{number}" for number in range(2)]


@contextlib.contextmanager
def frozen(pid):
    """A process that stands still: it answers nobody, and takes nobody in."""
    os.kill(pid, signal.SIGSTOP)
    try:
        assert eventually(lambda: pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T")
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


@pytest.fixture
def own_redis(tmp_path):
    """A Redis that may be ended and started again."""
    if not Redis.is_there():
        pytest.skip("needs Redis: apt-get install redis-server")
    redis = Redis(tmp_path)
    yield redis
    redis.close()


@pytest.fixture
def own_url(own_redis):
    return own_redis.url


@pytest.fixture
def site(request, tmp_path):
    """Two processes; the parameter names the fixture that knows the REDIS_URL."""
    url = request.getfixturevalue(request.param) if request.param else ""
    with served(tmp_path, CHAIN, "--workers", "2", REDIS_URL=url) as address:
        yield address


def watching(page, site):
    page.goto(f"{site}/admin/live/")
    page.locator("#live-state", has_text="live").wait_for()


def shown(page, name):
    """The row of a request, once it has ended."""
    row = page.locator("#live-rows tr", has_text=f"{name} →")
    row.get_by_text("ok", exact=True).wait_for()
    return row


@pytest.mark.parametrize("site", ["redis_url"], indirect=True)
def test_requests_of_either_process_appear(site, page, tmp_path):
    """With REDIS_URL one page shows what each process serves, outlives both, and leads to a request's page."""
    workers = Workers(tmp_path, site)
    watching(page, site)
    assert page.get_by_text("server processes").count() == 0
    names = workers.each_asked("either")
    for name in names:
        shown(page, name)

    workers.end()
    page.get_by_text("the server is restarting, trying again").wait_for()
    page.locator("#live-state", has_text="live").wait_for()
    page.locator("#live-count", has_text="2 shown, nothing seen").wait_for()
    assert eventually(lambda: len(children(workers.pid)) == 2, 20)
    ask(site, "afterwards")
    shown(page, "afterwards").get_by_role("link").click()
    page.wait_for_url("**/admin/proxy/requestlog/*/change/")
    page.get_by_text("afterwards").first.wait_for()


@pytest.mark.parametrize("site", [""], indirect=True)
def test_without_redis_the_page_says_how_little_it_sees(site, page, tmp_path):
    """Two processes and no REDIS_URL: the page names the setting, shows the one's requests and not the other's."""
    workers = Workers(tmp_path, site)
    watching(page, site)
    page.get_by_text("sees the requests of one of 2 server processes").wait_for()
    workers.each_asked("half")
    page.locator("#live-rows tr", has_text="half-").get_by_text("ok", exact=True).wait_for()
    assert page.locator("#live-rows tr").count() == 1


@pytest.mark.parametrize("site", ["own_url"], indirect=True)
def test_redis_goes_and_comes_back(site, page, own_redis, tmp_path):
    """While it is gone requests are served and the page says why it shows none; afterwards it shows them again."""
    workers = Workers(tmp_path, site)
    watching(page, site)
    for number in range(2):
        own_redis.close()
        page.get_by_text("Redis does not answer: requests are served but not shown").wait_for()
        workers.each_asked(f"unseen-{number}")
        own_redis.start()
        page.locator("#live-state", has_text="live").wait_for()
        for name in workers.each_asked(f"back-{number}"):
            shown(page, name)
        page.locator("#live-count", has_text="nothing seen").wait_for()

    own_redis.close()
    page.reload()
    page.get_by_text("Redis or the database does not answer, trying again").wait_for()
    ask(site, "meanwhile")
    own_redis.start()
    page.locator("#live-state", has_text="live").wait_for()
    for name in workers.each_asked("again"):
        shown(page, name)
