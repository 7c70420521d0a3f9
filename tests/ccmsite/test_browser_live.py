"""The live page in a real browser, fed by real requests through a real server."""

import http.client
import json
import re

import httpx
import pytest

pytestmark = [pytest.mark.browser, pytest.mark.server]


def ask(site, *models):
    with httpx.Client(trust_env=False, timeout=20) as client:
        for model in models:
            body = {"model": model, "max_tokens": 20, "messages": [{"role": "user", "content": "hello"}]}
            assert client.post(f"{site}/v1/messages", json=body).status_code == 200


def test_requests_appear_as_they_happen(site, page):
    """An empty page says so; requests appear; the filter, the pause and the limit of 200 rows do as they say."""
    page.goto(f"{site}/admin/live/")
    page.get_by_text("Nothing yet").wait_for()
    page.locator("#live-state", has_text="live").wait_for()
    ask(site, "smart")
    row = page.locator("#live-rows tr")
    row.get_by_text("ok", exact=True).wait_for()
    assert "main/a" in row.inner_text()

    page.fill("#live-filter", "nothing like it")
    row.wait_for(state="hidden")
    page.fill("#live-filter", "SMART")
    row.wait_for(state="visible")

    page.click("#live-pause")
    ask(site, "smart")
    page.get_by_text("waiting").wait_for()
    assert row.count() == 1
    page.click("#live-pause")
    page.wait_for_function("document.querySelectorAll('#live-rows tr').length === 2")

    page.fill("#live-filter", "")
    ask(site, "<img src=x onerror=alert(1)>", *(f"m{number}" for number in range(205)))
    page.get_by_text("m204 →").wait_for()
    assert row.count() == 200
    page.click("#live-clear")
    page.get_by_text("Nothing yet").wait_for()


def waiting_for(site, model):
    """A client that has asked and waits, until it is closed."""
    connection = http.client.HTTPConnection(site.removeprefix("http://"), timeout=20)
    body = {"model": model, "max_tokens": 20, "messages": [{"role": "user", "content": "hello"}]}
    connection.request("POST", "/v1/messages", json.dumps(body), {"content-type": "application/json"})
    return connection


def test_a_demanding_person_watches(site, page):
    """Keys lead to the filter and the pause; each word must be there; what runs shows its age and outlives the rest."""
    page.goto(f"{site}/admin/live/")
    page.locator("#live-state", has_text="live").wait_for()
    rows, client = page.locator("#live-rows tr"), waiting_for(site, "stuck")
    stuck = page.locator("#live-rows tr", has_text="stuck")
    stuck.get_by_text("running").wait_for()
    stuck.locator("td", has_text=re.compile(r"^[1-9]\d* s$")).wait_for()
    ask(site, "shaky", *(f"m{number}" for number in range(205)))
    page.get_by_text("m204 →").wait_for()
    assert rows.count() == 200
    assert stuck.count() == 1

    page.keyboard.press("/")
    page.keyboard.type("Demo  M17")
    page.locator("#live-count", has_text="11 of 200 shown").wait_for()
    page.keyboard.press("Escape")
    page.locator("#live-count", has_text=re.compile("^200 shown")).wait_for()
    page.keyboard.press("p")
    ask(site, "p")
    page.locator("#live-count", has_text="1 waiting").wait_for()
    page.keyboard.press("p")
    page.locator("#live-rows td", has_text=re.compile("^p →")).wait_for()
    client.close()
    stuck.get_by_text("client left 499").wait_for()
