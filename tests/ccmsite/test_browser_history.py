"""The request history in a real browser: filtered, opened, exported, and a request sent again."""

import json

import httpx
import pytest

pytestmark = [pytest.mark.browser, pytest.mark.server]


def ask(site, model):
    body = {"model": model, "max_tokens": 20, "messages": [{"role": "user", "content": "<img src=x> hello"}]}
    with httpx.Client(trust_env=False, timeout=20) as client:
        return client.post(f"{site}/v1/messages", json=body)


def test_a_request_is_found_read_and_sent_again(site, page):
    """From the filters to the attempts, the text, the files and both answers side by side."""
    page.goto(f"{site}/admin/proxy/routersettings/1/change/")
    page.locator("[x-on\\:click*='history']").first.click()
    page.locator("#id_capture_bodies").select_option("all")
    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_text("changed successfully").wait_for()
    for _ in range(50):  # servers know within a second
        assert ask(site, "smart").status_code == 200
        page.goto(f"{site}/admin/proxy/requestlog/")
        if page.locator("#result_list tbody tr").count():
            page.locator("#result_list .field-when a").first.click()
            if page.locator("#request-body").count():
                break
        page.wait_for_timeout(200)
    page.locator("#request-body summary").click()
    page.locator("#request-body .json-name", has_text="messages").wait_for()
    assert '"content": "<img src=x> hello"' in page.locator("#request-body pre").inner_text()
    assert page.locator(".ccm-span.ok").count() == 1 and page.locator(".ccm-commit").count() == 1
    with page.expect_download() as download:
        page.get_by_role("link", name="Download all of it").click()
    assert download.value.suggested_filename.startswith("req_")

    page.get_by_role("link", name="Replay", exact=True).click()
    page.locator("select[name=target]").select_option("main/b")
    page.get_by_label("and to main/a again").check()
    page.get_by_role("button", name="Send").click()
    page.locator("h2", has_text="main/b").wait_for()
    assert page.locator(".ccm-cards.broad .ccm-badge.ok").count() == 2
    assert page.locator(".ccm-cards.broad pre").count() == 2

    page.goto(f"{site}/admin/proxy/requestlog/")
    page.locator("#history-filters summary").click()
    page.get_by_label("Route").select_option("direct")
    page.get_by_role("button", name="Apply").click()
    page.locator("#history-filters[open]").wait_for()
    assert page.locator("#result_list tbody tr").count() == 2
    address = page.get_by_role("link", name="JSON lines", exact=True).get_attribute("href")
    lines = page.request.get(f"{site}{address}").text().splitlines()
    assert {json.loads(line)["agent_id"] for line in lines} == {"replay"} and len(lines) == 2
    assert page.request.get(f"{site}{address}".replace(".jsonl", ".csv")).text().startswith("time,request_id,")
