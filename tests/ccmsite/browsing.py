"""A server of its own and a signed-in page in a real browser."""

import atexit
import contextlib
import functools
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import tempfile

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
CHAIN = """
from providers.models import Provider
from proxy.models import LogicalModel, ModelMapping, RoutingRule
provider = Provider.objects.create(name="main", preset="echo")
model = LogicalModel.objects.create(name="smart")
for number, name in enumerate("abc", start=1):
    ModelMapping.objects.create(logical_model=model, priority=number, provider=provider, actual_model=name)
for name, fault in (("shaky", "status:529"), ("stuck", "hang")):
    broken = LogicalModel.objects.create(name=name)
    ModelMapping.objects.create(logical_model=broken, priority=1, provider=provider, actual_model=name, drill=fault)
    ModelMapping.objects.create(logical_model=broken, priority=2, provider=provider, actual_model="spare")
for number, name in enumerate(("images", "long")):
    RoutingRule.objects.create(name=name, order=number, has_image=True, logical_model=model)
"""


@pytest.fixture
def site(tmp_path):
    """The address of a server of its own, with a chain and two that fail on purpose, and its user's password."""
    with served(tmp_path, CHAIN) as address:
        yield address


@contextlib.contextmanager
def served(tmp_path, rows, *options, **extra):
    """Serve with `rows` made, `options` for serve and `extra` in the environment: the address."""
    if CHROMIUM is None:
        pytest.skip("needs Chromium: apt-get install chromium (or: make services)")
    pytest.importorskip("playwright.sync_api", reason="needs playwright: pip install -e '.[dev]'")
    shutil.copytree(_first_run(), tmp_path, dirs_exist_ok=True)
    env = _environment(tmp_path) | extra
    with socket.create_server(("127.0.0.1", 0)) as probe:
        address = f"127.0.0.1:{probe.getsockname()[1]}"

    _manage(env, "shell", "-c", rows)
    _manage(env, "serve", address, "--detach", *options)
    try:
        yield f"http://{address}"
    finally:
        _manage(env, "stop")


def _environment(place):
    return dict(os.environ) | {
        "CCM_ENV_FILE": str(place / ".env"), "DATABASE_URL": f"sqlite:///{place}/db.sqlite3",
        "CCM_RUN_DIR": str(place / "run"), "CCM_LOG_LEVEL": "warning", "DJANGO_SETTINGS_MODULE": "ccmsite.settings",
        "DJANGO_SUPERUSER_USERNAME": "admin", "DJANGO_SUPERUSER_PASSWORD": "a long pass phrase",
    }  # fmt: skip


def _manage(env, *arguments):
    command = [sys.executable, "manage.py", *arguments]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=90)
    assert done.returncode == 0, done.stdout + done.stderr


@functools.cache
def _first_run():
    """What quickstart makes, once for all: the migrations take seconds."""
    place = pathlib.Path(tempfile.mkdtemp(prefix="ccm-first-run-"))
    atexit.register(shutil.rmtree, place, ignore_errors=True)
    _manage(_environment(place), "quickstart")
    return place


@pytest.fixture
def page(site):
    """A signed-in page that is watched."""
    with watched_page(site) as page:
        yield page


@contextlib.contextmanager
def watched_page(site):
    """A signed-in page; afterwards it must have asked no other host and have met no error, no CSP report, no dialog."""
    from playwright.sync_api import sync_playwright

    asked, wrong = [], []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        context = browser.new_context(viewport={"width": 1440, "height": 900})
        context.on("request", lambda request: asked.append(request.url))
        context.on("weberror", lambda met: wrong.append(f"{met.page.url}: {met.error}"))
        context.on("console", lambda said: _complains(said) and wrong.append(f"{said.page.url}: {said.text}"))
        context.on("dialog", lambda shown: wrong.append(f"{shown.page.url}: dialog {shown.message}") or shown.dismiss())
        page = context.new_page()
        log_in(page, site)
        yield page
        browser.close()
    wrong += [f"asked {url}" for url in asked if not url.startswith((site, "data:", "blob:"))]
    assert not wrong, wrong


def _complains(said):
    """An error in the console, a CSP report for one; that a page itself is no 200 is for its test to say."""
    return said.type == "error" and said.location.get("url") != said.page.url


def log_in(page, site):
    """Sign in to the admin."""
    page.goto(f"{site}/admin/")
    page.fill("#id_username", "admin")
    page.fill("#id_password", "a long pass phrase")
    page.click("#login-form button")
