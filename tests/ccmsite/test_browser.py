"""The admin in a real browser, against a real server."""

import os
import pathlib
import shutil
import socket
import subprocess
import sys

import pytest

pytestmark = [pytest.mark.browser, pytest.mark.server]
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
for number, name in enumerate(("images", "long")):
    RoutingRule.objects.create(name=name, order=number, has_image=True, logical_model=model)
"""


@pytest.fixture
def site(tmp_path):
    """The address of a server of its own, with a chain a → b → c, and its user's password."""
    if CHROMIUM is None:
        pytest.skip("needs Chromium: apt-get install chromium (or: make services)")
    pytest.importorskip("playwright.sync_api", reason="needs playwright: pip install -e '.[dev]'")
    env = dict(os.environ) | {
        "CCM_ENV_FILE": str(tmp_path / ".env"), "DATABASE_URL": f"sqlite:///{tmp_path}/db.sqlite3",
        "CCM_RUN_DIR": str(tmp_path / "run"), "CCM_LOG_LEVEL": "warning", "DJANGO_SETTINGS_MODULE": "ccmsite.settings",
        "DJANGO_SUPERUSER_USERNAME": "admin", "DJANGO_SUPERUSER_PASSWORD": "a long pass phrase",
    }  # fmt: skip
    with socket.create_server(("127.0.0.1", 0)) as probe:
        address = f"127.0.0.1:{probe.getsockname()[1]}"

    def manage(*arguments):
        command = [sys.executable, "manage.py", *arguments]
        done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=90)
        assert done.returncode == 0, done.stdout + done.stderr

    manage("quickstart")
    manage("shell", "-c", CHAIN)
    manage("serve", address, "--detach")
    yield f"http://{address}"
    manage("stop")


@pytest.fixture
def page(site):
    """A signed-in page; afterwards it must have asked no other host and have met no script error."""
    from playwright.sync_api import sync_playwright

    asked, wrong = [], []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        page.on("request", lambda request: asked.append(request.url))
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.goto(f"{site}/admin/")
        page.fill("#id_username", "admin")
        page.fill("#id_password", "a long pass phrase")
        page.click("#login-form button")
        yield page
        browser.close()
    assert [url for url in asked if not url.startswith((site, "data:", "blob:"))] == []
    assert wrong == []


def drag_last_to_top(page, handles, first, places):
    """Drag the last row by its handle until `first` shows the page holds it first; let go; await the numbering."""
    page.wait_for_load_state("networkidle")
    assert handles.count() > 1
    handles.last.scroll_into_view_if_needed()
    start, goal = handles.last.bounding_box(), handles.first.bounding_box()
    before = first()
    page.mouse.move(start["x"] + 15, start["y"] + 15)
    page.mouse.down()
    for step in range(60):
        way = min(step / 20, 1) * (start["y"] - goal["y"] + 10)
        page.mouse.move(start["x"] + 15 + step % 2, start["y"] + 15 - way)
        if step > 20 and first() != before:
            break
    assert first() != before
    page.mouse.up()
    numbers = f"Array.from(document.querySelectorAll({places!r}), input => Number(input.value))"
    page.wait_for_function(f"{numbers}.every((number, place) => number === place)")


def test_a_person_sets_up_a_chain_and_a_key(site, page):
    """Dragging the last mapping to the top makes it the first; a stored key never returns; a client key is shown."""
    page.goto(f"{site}/admin/proxy/logicalmodel/")
    page.get_by_role("link", name="smart").click()
    first = page.locator(".form-group.original input[name$=-actual_model]").first
    handles = page.locator("[x-sort\\:handle]:visible")
    drag_last_to_top(page, handles, first.input_value, ".form-group.original input[name$=-priority]")
    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_text("main/c → main/a → main/b").wait_for()

    page.goto(f"{site}/admin/providers/provider/add/")
    page.fill("#id_name", "vendor")
    page.select_option("#id_preset", "openai")
    page.get_by_role("link", name="Add another Credential").click()
    page.fill("#id_credentials-0-secret", "sk-canary-0123456789")
    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_text("…6789").wait_for()
    page.locator("#result_list").get_by_role("link", name="vendor", exact=True).click()
    page.get_by_text("…6789", exact=True).wait_for()
    assert "sk-canary" not in page.content()

    page.goto(f"{site}/admin/proxy/clientkey/add/")
    page.fill("#id_name", "laptop")
    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_text("export ANTHROPIC_AUTH_TOKEN=ccm_").wait_for()
    page.reload()
    assert "ANTHROPIC_AUTH_TOKEN" not in page.content()


def test_rules_are_dragged_into_order(site, page):
    """Dragging the last rule to the top of the list makes it the first to be asked."""
    page.goto(f"{site}/admin/proxy/routingrule/")
    names = page.locator("#result_list .field-name a")
    assert names.all_inner_texts() == ["images", "long"]
    handles = page.locator("#result_list tbody [x-sort\\:handle]:visible")
    drag_last_to_top(page, handles, lambda: names.first.inner_text(), "#result_list input[name$=-order]")
    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_text("changed successfully").wait_for()
    assert names.all_inner_texts() == ["long", "images"]
