"""The pictures of the documents: `python -m tests.screenshots` makes docs/images anew, from made-up traffic.

A server of its own, an upstream that plays its answers, a browser at 1280 pixels.
"""

import pathlib
import tempfile

from tests.ccmsite.browsing import served, watched_page
from tests.upstream import ScriptedUpstream
from tests.upstream_answers import Anthropic, OpenAI

IMAGES = pathlib.Path(__file__).resolve().parent.parent / "docs" / "images"
ROWS = """
from django.utils import timezone
from providers.models import Provider
from proxy.models import ClientKey, LogicalModel, ModelMapping, RouterSettings, RoutingRule
from tests import demo_traffic
now = timezone.now()
demo_traffic.configure()
smart = LogicalModel.objects.get(name="smart")
fast = LogicalModel.objects.create(name="fast")
workshop = Provider.objects.get(name="workshop")
ModelMapping.objects.create(logical_model=fast, priority=1, provider=workshop, actual_model="qwen3-coder:30b")
thorough = LogicalModel.objects.create(name="thorough")
for priority, (name, actual) in enumerate((("anthropic", "claude-opus-5-5"), ("openrouter", "z-ai/glm-4.6")), start=1):
    provider = Provider.objects.get(name=name)
    ModelMapping.objects.create(logical_model=thorough, priority=priority, provider=provider, actual_model=actual)
RouterSettings.objects.update(default=smart, background=fast, think=thorough, capture_bodies="off")
RoutingRule.objects.create(name="pictures", has_image=True, logical_model=smart)
LogicalModel.objects.exclude(name__in=("smart", "fast", "thorough")).delete()
Provider.objects.filter(name="echo").delete()
demo_traffic.live_through(now, days=3, per_hour=60)
demo_traffic.break_off(now)
"""
ACCOUNTS = """
from datetime import timedelta
from providers.models import OAuthToken
from providers.oauth.flows import FLOWS
from providers.oauth.sign_in import store
from providers.oauth.tokens import Tokens
from providers.targets import Secret
from proxy.models import HealthState
claude = Provider.objects.create(name="claude", preset="anthropic")
def account(name, hours, **trouble):
    scopes = ("user:profile", "user:inference")
    tokens = Tokens(Secret("a" + name), Secret("r" + name), hours * 3600, scopes, name, name)
    credential = store(claude, FLOWS["anthropic"], tokens)
    OAuthToken.objects.filter(credential=credential).update(**trouble)
    return credential
account("team@example.com", 8)
ops = account("ops@example.com", 5)
account("ci@example.com", 1, state="needs_sign_in", expires_at=now - timedelta(hours=2),
        last_error="400 invalid_grant: Refresh token not found or invalid")
HealthState.objects.create(provider="claude", credential_id=ops.pk, kind="rate_limited", since=now, failed_at=now,
                           stamp=1, until=now + timedelta(minutes=50))
"""
SCRIPTED = """
Provider.objects.update(base_url="{url}/play")
ModelMapping.objects.filter(provider__name="openrouter").update(price="0.5 / 1.75")
"""
FILE = """
[[providers]]
name = "anthropic"
provider_type = "anthropic"
api_key = "${ANTHROPIC_API_KEY}"

[[providers]]
name = "gemini"
provider_type = "gemini"
api_key = "a-key-that-is-not-shown"

[[models]]
name = "smart"
[[models.mappings]]
provider = "anthropic"
actual_model = "claude-sonnet-5-5"
priority = 1
[[models.mappings]]
provider = "gemini"
actual_model = "gemini-3-pro"
priority = 2
"""
ANSWER = (
    "A retry storm begins when many clients repeat failed calls at the same moment. ",
    "The server, already slow, gets more work for each answer it could not give in time.\n\n",
    "Three habits prevent it:\n\n", "1. Wait a random time before each repeat.\n",
    "2. Repeat at most a tenth of the calls.\n", "3. Send the rest to another server.",
)  # fmt: skip
OVERLOADED = b'{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}'
PROMPT = "What is a retry storm, and what prevents it?"


def picture(page, name, height=900):
    """The page as it is, `height` pixels of it."""
    page.set_viewport_size({"width": 1280, "height": height})
    page.wait_for_timeout(400)
    page.screenshot(path=IMAGES / f"{name}.png")


def shown(page, site, path, name, height=900):
    page.set_viewport_size({"width": 1280, "height": height})
    page.goto(f"{site}/admin/{path}")
    page.wait_for_load_state("networkidle")
    picture(page, name, height)


def accounts(page, site):
    """A provider that accounts open."""
    page.goto(f"{site}/admin/providers/provider/")
    page.locator("#result_list").get_by_role("link", name="claude", exact=True).click()
    page.get_by_text("Accounts").first.wait_for()
    picture(page, "accounts", 620)


def of_chat(up):
    """An answer of those who speak Chat Completions, for the next call."""
    said = OpenAI({"model": "z-ai/glm-4.6", "stream_options": {"include_usage": True}})
    said.usage = {"prompt_tokens": 1321, "completion_tokens": 143, "total_tokens": 1464}
    up.play(
        [*said.start(), *(said.frame({"content": piece}) for piece in ANSWER), *said.end()], 200, "text/event-stream"
    )


def of_messages(up):
    """An answer of who speaks Messages, for the next call."""
    said = Anthropic({"model": "claude-sonnet-5-5"})
    up.play([*said.start(), *said.content(ANSWER), *said.end()], 200, "text/event-stream")


def overloaded(up):
    """What the first target says, twice, and then the answer of the second."""
    for _ in range(2):
        up.play(OVERLOADED, 529, "application/json")
    of_chat(up)


def console(page, site, up):
    """A request that fails over."""
    overloaded(up)
    page.goto(f"{site}/admin/console/?model=thorough")
    page.fill("#console-prompt", PROMPT)
    page.click("#console-send")
    page.locator("#console-state", has_text="failed over").wait_for()
    picture(page, "console", 1080)


def live(page, site, up):
    """A few requests while somebody watches."""
    page.goto(f"{site}/admin/live/")
    page.locator("#live-state", has_text="live").wait_for()
    for model, play in (
        ("claude-sonnet-5-5", of_messages), ("claude-haiku-4-5", of_chat), ("claude-sonnet-5-5", of_messages),
        ("claude-sonnet-5-5", overloaded), ("claude-haiku-4-5", of_chat),
    ):  # fmt: skip
        play(up)
        body = {"model": model, "max_tokens": 500, "stream": True, "messages": [{"role": "user", "content": PROMPT}]}
        page.context.request.post(f"{site}/v1/messages", data=body)
    page.wait_for_timeout(600)
    picture(page, "live", 620)


def configuration(page, site):
    """A file and what it would change."""
    page.goto(f"{site}/admin/config/")
    upload = {"name": "ccm.toml", "mimeType": "text/plain", "buffer": FILE.encode()}
    page.set_input_files("#config-file", upload)
    page.get_by_role("button", name="Show what would change").click()
    page.wait_for_load_state("networkidle")
    picture(page, "config")


def client_key(page, site):
    """A new one."""
    page.goto(f"{site}/admin/proxy/clientkey/add/")
    page.fill("#id_name", "laptop")
    page.locator("[name=_save]").click()
    page.get_by_text("This key is shown once").wait_for()
    picture(page, "client-key", 620)


def of_rows(page, site):
    """What the past and the configuration show."""
    shown(page, site, "", "dashboard", 1580)
    shown(page, site, "proxy/requestlog/", "history")
    page.locator("#result_list .field-when a").first.click()
    page.wait_for_load_state("networkidle")
    picture(page, "request")
    shown(page, site, "providers/setup/", "wizard")
    page.goto(f"{site}/admin/providers/provider/")
    page.locator("#result_list").get_by_role("link", name="openrouter").click()
    page.wait_for_load_state("networkidle")
    picture(page, "provider")
    page.goto(f"{site}/admin/proxy/logicalmodel/")
    page.locator("#result_list").get_by_role("link", name="smart", exact=True).click()
    page.wait_for_load_state("networkidle")
    picture(page, "logical-model", 1000)
    shown(page, site, "proxy/routersettings/1/change/", "router-settings", 640)
    page.goto(f"{site}/admin/preview/?model=claude-sonnet-5-5")
    page.get_by_role("button", name="Preview", exact=True).click()
    page.locator("#preview-decision").wait_for()
    picture(page, "preview", 860)


def main():
    with tempfile.TemporaryDirectory() as home, served(pathlib.Path(home), ROWS) as site, watched_page(site) as page:
        of_rows(page, site)
        configuration(page, site)
        client_key(page, site)
    with tempfile.TemporaryDirectory() as home, ScriptedUpstream() as up:
        rows = ROWS + SCRIPTED.replace("{url}", up.url) + ACCOUNTS
        with served(pathlib.Path(home), rows) as site, watched_page(site) as page:
            accounts(page, site)
            live(page, site, up)
            console(page, site, up)


if __name__ == "__main__":
    main()
