"""The console in a real browser, on a real server."""

import pytest

pytestmark = [pytest.mark.browser, pytest.mark.server]


def send(page, prompt):
    page.fill("#console-prompt", prompt)
    page.click("#console-send")


def state(page, words):
    page.locator("#console-state", has_text=words).wait_for()
    return page.locator("#console-attempts li").all_inner_texts()


def command(page):
    page.click("#console-curl")
    page.get_by_text("$ANTHROPIC_AUTH_TOKEN").first.wait_for()
    return page.locator("#console-command-text").inner_text()


def listed(page, address):
    """The first row of a list of the history, which is written a moment after the end."""
    row = page.locator("#result_list tbody tr").first
    for _ in range(50):
        page.goto(address)
        if row.count():
            break
        page.wait_for_timeout(100)
    return row


def tabs(page):
    """The answer, its raw events, both side by side."""
    page.click("#console-tab-raw")
    assert "message_stop" in page.locator("#console-raw").inner_text()
    assert page.locator("#console-answer").is_hidden()
    page.keyboard.press("ArrowRight")
    assert page.locator("#console-answer").is_visible() and page.locator("#console-raw").is_visible()
    answer, raw = (page.locator(f"#console-{name}").bounding_box() for name in ("answer", "raw"))
    assert answer["x"] + answer["width"] <= raw["x"] and answer["y"] == raw["y"]
    page.keyboard.press("ArrowRight")
    assert page.locator("#console-answer").is_visible() and page.locator("#console-raw").is_hidden()


def test_a_request_is_sent_and_watched(site, page):
    """Sent, stopped, repeated, failed over, copied: the page shows each step, and markup in an answer stays text."""
    page.goto(f"{site}/admin/console/?model=smart")
    page.get_by_text("Nothing sent yet").wait_for()
    page.click("#console-send")
    page.get_by_text("write a prompt").wait_for()

    said = "<b>hi</b> <img src=x onerror=alert(1)>\nsecond line"
    send(page, said)
    assert state(page, "ok")[0].startswith("ok main/a")
    assert page.locator("#console-answer .ccm-said").inner_text() == f"echo: {said}"
    assert "asked for by name" in page.locator("#console-decision").inner_text()
    assert "main/b" in page.locator("#console-decision").inner_text()
    assert "end_turn" in page.locator("#console-figures").inner_text()
    tabs(page)

    page.uncheck("#console-stream")
    page.check("#console-tools")
    send(page, "call get_weather")
    page.get_by_text("Calls get_weather").wait_for()
    assert page.locator("#console-answer").inner_text().count("echo") == 0

    page.select_option("#console-thinking", "enabled")
    page.fill("#console-budget", "5")
    page.click("#console-send")
    page.locator("[data-error=budget]", has_text="1024").wait_for()
    page.select_option("#console-thinking", "off")

    assert "/v1/messages" in command(page)

    page.goto(f"{site}/admin/proxy/logicalmodel/")
    page.get_by_role("link", name="shaky").click()
    page.get_by_role("link", name="Try in the console").click()
    send(page, "hello")
    attempts = state(page, "failed over")
    assert "overloaded 529" in attempts[0]
    assert attempts[-1].startswith("ok main/spare")
    page.click("#console-repeat")
    page.locator("#console-decision", has_text="cooling").wait_for()
    state(page, "ok")
    assert page.locator("#console-answer .ccm-said").inner_text() == "echo: hello"
    page.get_by_role("link", name="In the history").click()
    page.get_by_role("link", name="…").first.click()
    page.get_by_text("console", exact=True).first.wait_for()
    page.get_by_role("link", name="Open in console").click()
    page.get_by_text("was not captured").wait_for()

    page.goto(f"{site}/admin/console/?model=stuck")
    send(page, "hello")
    page.locator("#console-attempts li").first.wait_for()
    page.click("#console-stop")
    page.get_by_text("You stopped it").wait_for()
    assert page.locator("#console-attempts li").inner_text().startswith("cut main/stuck")
    assert page.locator("#console-answer a", has_text="In the history").count() == 1
    assert page.locator("#console-send").is_enabled()
    first = listed(page, f"{site}/admin/proxy/requestlog/?outcome__exact=client_gone")
    assert "client" in first.inner_text().lower()
