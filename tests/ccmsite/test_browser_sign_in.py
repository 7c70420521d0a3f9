"""Signing in with accounts: a real browser, a real authorization server, real requests through several workers."""

import contextlib
import os
import socket
import time

import httpx
import pytest

from tests.authorization_grants import EMAIL
from tests.authorization_server import AuthorizationServer
from tests.ccmsite.browsing import CHROMIUM, FLAGS, log_in, served
from tests.ccmsite.sign_in_names import CLIENT
from tests.upstream import ScriptedUpstream

browsers = pytest.importorskip("playwright.sync_api", reason="needs playwright: pip install -e '.[dev]'")
pytestmark = [pytest.mark.browser, pytest.mark.server]
ROWS = """
from providers.models import Provider
from proxy.models import LogicalModel, ModelMapping
for preset, model, path in (
    ("anthropic", "claude-x", "claude_account"), ("codex", "gpt-5.3-codex", "codex"),
    ("code-assist", "gemini-3-pro-preview", "code_assist"),
):
    provider = Provider.objects.create(name=f"my {{preset}}", preset=preset, base_url=f"{upstream}/{{path}}")
    row = LogicalModel.objects.create(name=preset)
    ModelMapping.objects.create(logical_model=row, priority=1, provider=provider, actual_model=model)
"""


class Auth(AuthorizationServer):
    """Also knows every secret that it has seen or given."""

    def __init__(self):
        super().__init__()
        self.verifiers = []

    def validate_code(self, client_id, code, client, request, *args, **kwargs):
        self.verifiers.append(request.code_verifier)
        return super().validate_code(client_id, code, client, request, *args, **kwargs)

    @property
    def secrets(self):
        return [*self.codes, *self.accesses, *self.refreshes, *self.verifiers]

    def revoke(self):
        for family, _ in self.accesses.values():
            family.revoked = True


@pytest.fixture
def world(tmp_path):
    """A server of two workers with three providers, the vendor that signs in to them, and their upstream."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    with Auth() as auth, ScriptedUpstream() as upstream:
        extra = {
            "DJANGO_SETTINGS_MODULE": "tests.ccmsite.sign_in_settings", "CCM_TEST_AUTH": auth.url,
            "CCM_TEST_PORT": str(port), "GOOGLE_OAUTH_CLIENT_SECRET": "secret-canary-0123",
        }  # fmt: skip
        rows = ROWS.format(upstream=upstream.url)
        with served(tmp_path, rows, "--workers", "2", **extra) as site:
            account = {"email_address": EMAIL, "uuid": "acct-0123"}
            auth.register(f"{CLIENT}-anthropic", f"{auth.url}/callback", encoding="json", account=account)
            auth.register(f"{CLIENT}-openai", f"http://localhost:{port}/auth/callback")
            back = f"{site}/admin/sign-in/back/"
            auth.register(f"{CLIENT}-google", back, secret="secret-canary-0123")
            yield World(site, auth, upstream, port)


class World:
    def __init__(self, site, auth, upstream, port):
        self.site, self.auth, self.upstream, self.port = site, auth, upstream, port
        self.seen = []
        """Every page of ours that was looked at."""

    def at(self, page, words):
        """Wait for words on the page, and keep it."""
        try:
            page.get_by_text(words).first.wait_for(timeout=15_000)
        except browsers.TimeoutError as error:
            raise AssertionError(f"{words!r} is not on {page.url}: {page.inner_text('body')}") from error
        self.seen.append(page.content())

    def to(self, page, name):
        """Go to the page of a provider."""
        page.goto(f"{self.site}/admin/providers/provider/")
        page.locator("#result_list").get_by_role("link", name=f"my {name}", exact=True).click()
        self.at(page, "Accounts")

    def ask(self, model, until=200, seconds=20.0):
        """Ask until the answer has that status: the answer, and the token that the upstream was shown last."""
        body = {"model": model, "max_tokens": 20, "messages": [{"role": "user", "content": "hello"}]}
        with httpx.Client(trust_env=False, timeout=20) as client:
            ends = time.monotonic() + seconds
            while (answer := client.post(f"{self.site}/v1/messages", json=body)).status_code != until:
                assert time.monotonic() < ends, answer.text
                time.sleep(0.2)
        shown = [r.headers.get("authorization", "") for r in self.upstream.requests]
        return answer, shown[-1].removeprefix("Bearer ") if shown else ""

    def allow(self, page, decision="allow"):
        """Follow the link to the vendor in its new tab and decide there; the tab."""
        with page.expect_popup() as opened:
            page.click("#vendor")
        tab = opened.value
        tab.click(f"#{decision}")
        return tab

    def paste(self, page, text):
        page.fill("#code", text)
        page.get_by_role("button", name="Complete the sign-in").click()

    def is_open(self):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 2):
            return True
        return False

    def closes(self):
        """Whether the port of the redirect is closed within some seconds."""
        ends = time.monotonic() + 10
        while self.is_open() and time.monotonic() < ends:
            time.sleep(0.1)
        return not self.is_open()


@pytest.fixture
def browser(world):
    with browsers.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


def shots(page, name):
    """Pictures of a page in both themes and two widths, where somebody wants them."""
    where = os.environ.get("CCM_TEST_SHOTS")
    for dark in (False, True) if where else ():
        page.evaluate("dark => document.documentElement.classList.toggle('dark', dark)", dark)
        for width in (1280, 390):
            page.set_viewport_size({"width": width, "height": 900})
            page.screenshot(path=f"{where}/{name}-{'dark' if dark else 'light'}-{width}.png", full_page=True)


def found_in(tmp_path, secrets):
    """Which secrets stand in any file below a directory: the database with its journal, logs, everything."""
    files = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert any(path.name == "db.sqlite3" for path in files) and any(path.suffix == ".log" for path in files)
    return [(path.name, secret[:12]) for path, data in files.items() for secret in secrets if secret.encode() in data]


def test_an_account_is_signed_in_used_renewed_revoked_and_signed_in_again(world, browser, tmp_path):
    """By pasting: from the button to a request with the account's token, through its renewals, to a new sign-in."""
    auth, page = world.auth, browser.new_context(viewport={"width": 1280, "height": 900}).new_page()
    log_in(page, world.site)
    world.to(page, "anthropic")
    world.at(page, "Nobody has signed in")
    shots(page, "provider-empty")
    page.get_by_role("button", name="Sign in with Claude Pro or Max").click()
    world.at(page, "with the part after")
    shots(page, "paste")
    world.paste(page, "only-half-a-code")
    world.at(page, "paste the whole code")
    shots(page, "paste-error")
    tab = world.allow(page)
    auth.expires_in = 8
    world.paste(page, tab.inner_text("#code"))
    world.at(page, f"{EMAIL} is signed in.")
    shots(page, "account")
    page.get_by_role("button", name="Test connection").click()
    world.at(page, "claude-x answered")
    _, first = world.ask("anthropic")
    assert first in auth.accesses and auth.accepts(first)

    ends = time.monotonic() + 20  # renewed before its end by one of the workers, and rotated
    while (token := world.ask("anthropic")[1]) == first and time.monotonic() < ends:
        time.sleep(0.3)
    assert auth.accepts(token) and auth.rotated == auth.refresh_calls >= 1 and not auth.reused
    world.to(page, "anthropic")
    page.get_by_role("button", name="Refresh now").click()
    world.at(page, "was renewed and lasts 8 s")
    shots(page, "provider-active")

    page.get_by_role("button", name="Sign in with Claude Pro or Max").click()
    world.at(page, "with the part after")
    other = page.context.new_page()  # completed in one tab, the other goes on by itself
    other.goto(page.url)
    world.paste(page, world.allow(page).inner_text("#code"))
    world.at(page, f"{EMAIL} is signed in.")
    other.wait_for_url("**/admin/providers/provider/*/change/")
    world.to(page, "anthropic")

    auth.revoke()
    answer, _ = world.ask("anthropic", until=502)  # the vendor renews it no more, and then it is over
    assert "sign in again" in answer.text and EMAIL not in answer.text
    page.reload()
    world.at(page, "invalid_grant")
    world.at(page, "needs sign-in")
    shots(page, "provider-needs-sign-in")
    page.get_by_role("button", name="Sign in again").click()
    auth.expires_in = 3600
    world.paste(page, world.allow(page).inner_text("#code"))
    world.at(page, f"{EMAIL} is signed in.")
    _, token = world.ask("anthropic")
    assert auth.accepts(token)
    world.to(page, "anthropic")
    assert page.locator("#accounts tbody tr").count() == 1
    world.at(page, "active")
    quiet(world, tmp_path)


def test_a_redirect_brings_the_code_without_any_script(world, browser, tmp_path):
    """By a port of this machine and by the service's own; refusals and busy ports; without JavaScript throughout."""
    auth, page = world.auth, browser.new_context(java_script_enabled=False).new_page()
    page.set_viewport_size({"width": 1280, "height": 900})
    log_in(page, world.site)
    world.to(page, "codex")
    assert not world.is_open()
    page.get_by_role("button", name="Sign in with ChatGPT").click()
    world.at(page, "It comes back by itself")
    assert world.is_open()
    shots(page, "loopback-nojs")
    for where in ("", "?code=c&state=wrong", "?code=c", "?state=", "?state=%00"):
        answer = httpx.get(f"http://localhost:{world.port}/auth/callback{where}", trust_env=False)
        assert answer.status_code == 400 and "start it again" in answer.text
    tab = world.allow(page, "deny")
    world.at(tab, "The vendor refused: access_denied")
    shots(tab, "refused-nojs")
    assert tab.url.startswith(f"{world.site}/admin/sign-in/back/")
    landed = auth.allow(page.get_attribute("#vendor", "href"))
    page.goto(f"{world.site}/admin/sign-in/back/?{landed.partition('?')[2].partition('&')[0]}&state=wrong")
    world.at(page, "The sign-in was not completed")
    page.go_back()
    tab = world.allow(page)
    world.at(tab, f"{EMAIL} is signed in.")
    assert world.closes()
    _, token = world.ask("codex")
    assert auth.accepts(token)
    again(world, page)

    page.goto(f"{world.site}/admin/providers/provider/")
    world.to(page, "code-assist")
    page.get_by_role("button", name="Sign in with Google").click()
    world.at(page, "It comes back by itself")
    tab = world.allow(page)
    world.at(tab, "Google account (Gemini Code Assist) is signed in.")
    world.at(tab, "its project could not be looked up")
    shots(tab, "account-trouble-nojs")
    tab.get_by_role("link", name="Sign out").click()
    world.at(tab, "Its tokens are deleted here")
    shots(tab, "sign-out-nojs")
    tab.get_by_role("button", name="Sign out").click()
    world.at(tab, "is signed out")
    world.at(tab, "Nobody has signed in")
    quiet(world, tmp_path)


def again(world, page):
    """A port that another program has: said on the page, and the address of the page that failed is pasted."""
    world.to(page, "codex")
    with socket.create_server(("127.0.0.1", world.port)) as other:
        page.get_by_role("button", name="Sign in again").click()
        world.at(page, "Another program on this machine uses the port")
        shots(page, "busy-nojs")
        landed = world.auth.allow(page.get_attribute("#vendor", "href"))
        other.settimeout(0.1)
        world.paste(page, landed)
        world.at(page, f"{EMAIL} is signed in.")
    page.go_back()
    world.to(page, "codex")
    page.get_by_role("button", name="Sign in with ChatGPT").click()
    world.at(page, "It comes back by itself")
    world.paste(page, landed)
    world.at(page, "completed already; start it again")
    page.get_by_role("button", name="Give up").click()
    world.at(page, "Accounts")
    assert world.closes()


def quiet(world, tmp_path):
    """No secret that was seen or given stands in a file or on a page; the sealed ones are there."""
    secrets = world.auth.secrets
    assert len(secrets) > 6 and len(world.seen) > 8
    assert found_in(tmp_path, secrets) == []
    assert [secret[:12] for secret in secrets for page in world.seen if secret in page] == []
    assert b"gAAAA" in (tmp_path / "db.sqlite3").read_bytes() + (tmp_path / "db.sqlite3-wal").read_bytes()
