"""The set-up of a provider in a real browser: from the vendor to a request through the new logical model."""

import time

import httpx
import pytest

from tests.upstream import ScriptedUpstream

pytestmark = [pytest.mark.browser, pytest.mark.server]


@pytest.fixture
def upstream():
    with ScriptedUpstream() as server:
        yield server


def test_from_the_choice_of_a_vendor_to_the_first_request(site, page, upstream):
    """Search, connect with a wrong address, correct it, choose a model, finish; a client's request is then served."""
    page.goto(f"{site}/admin/")
    page.get_by_role("link", name="Set up a provider", exact=True).click()  # the dashboard's first step
    page.fill("#setup-search", "nothing like it")
    page.get_by_text("No vendor of that name").wait_for()
    assert page.locator(".ccm-choice:visible").count() == 0
    page.fill("#setup-search", "any OPENAI")
    page.get_by_text("No vendor of that name").wait_for(state="hidden")
    assert page.locator(".ccm-choice:visible").count() == 1
    page.get_by_role("link", name="Any OpenAI-compatible server").click()

    page.fill("#id_name", "lab")
    page.fill("#id_base_url", f"{upstream.url}/status/401")
    page.fill("#id_secret", "sk-canary-0123456789")
    page.get_by_role("button", name="Save and test").evaluate("(button) => { button.click(); button.click(); }")
    page.locator("#setup-result", has_text="refused key").wait_for()
    assert "HTTP 401" in page.inner_text("#setup-result")
    page.fill("#id_base_url", f"{upstream.url}/ok")
    page.locator("#setup-correct button").click()
    page.locator("#setup-result", has_text="works").wait_for()
    assert "sk-canary" not in page.content()

    page.get_by_role("link", name="Next: choose models").click()
    page.go_back()
    page.locator("#setup-result", has_text="works").wait_for()
    page.get_by_role("link", name="Next: choose models").click()
    listed = page.locator("#setup-models input[name=models]").first
    listed.check()
    assert page.input_value("#id_name") == listed.get_attribute("value")
    page.fill("#id_name", "lab-fast")
    page.get_by_role("button", name="Finish").click()
    page.get_by_text("lab-fast is ready").wait_for()
    assert f"export ANTHROPIC_BASE_URL={site}" in page.inner_text("#setup-lines")

    body = {"model": "lab-fast", "max_tokens": 20, "messages": [{"role": "user", "content": "hello"}]}
    deadline = time.monotonic() + 10
    with httpx.Client(trust_env=False, timeout=20) as client:
        answer = client.post(f"{site}/v1/messages", json=body)
        while answer.headers["x-ccm-provider"] != "lab" and time.monotonic() < deadline:  # a second, by contract
            time.sleep(0.1)
            answer = client.post(f"{site}/v1/messages", json=body)
    assert (answer.status_code, answer.headers["x-ccm-provider"]) == (200, "lab")

    page.get_by_role("link", name="lab", exact=True).click()
    page.locator("#status", has_text="lab-fast").wait_for()
