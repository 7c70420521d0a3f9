"""The live page in a real browser, fed by real requests through a real server."""

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
