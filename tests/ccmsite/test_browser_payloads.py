"""Sixty texts that want to run, sent as prompts, models, tools, results, headers, answers and errors: none does."""

import contextlib
import json
import urllib.parse

import httpx
import pytest

from tests.ccmsite.browsing import CHROMIUM, FLAGS, served, watched_page
from tests.payloads import MARK, PAYLOADS
from tests.upstream import ScriptedUpstream
from tests.upstream_answers import Anthropic

pytestmark = [pytest.mark.browser, pytest.mark.server]
ROWS = """
from providers.models import Provider
from proxy.models import LogicalModel, ModelMapping, RouterSettings
provider = Provider.objects.create(name="up", preset="anthropic-compatible", base_url={url!r})
model = LogicalModel.objects.create(name="any")
ModelMapping.objects.create(logical_model=model, priority=1, provider=provider, actual_model="m")
RouterSettings.objects.update(default=model, capture_bodies="all")
"""
STRANGE = """
mark => [...document.querySelectorAll(`.${mark}, [onerror], [onload], [onfocus], iframe, [href^='javascript:']`)]
  .map((element) => element.outerHTML.slice(0, 200))
"""


def message(text):
    """An answer that says it."""
    usage = {"input_tokens": 1, "output_tokens": 1}
    content = [{"type": "text", "text": text}]
    whole = {"id": "msg_1", "type": "message", "role": "assistant", "model": text, "content": content}
    return json.dumps({**whole, "stop_reason": "end_turn", "stop_sequence": None, "usage": usage}).encode()


def refusal(text):
    """An error that says it."""
    return json.dumps({"type": "error", "error": {"type": text, "message": text}}).encode()


def body(*texts):
    """A request with each text as a prompt, as a tool call's name and input, and as its result."""
    messages = []
    for number, text in enumerate(texts):
        call = {"type": "tool_use", "id": f"toolu_{number}", "name": f"t{number}", "input": {text: text}}
        result = {"type": "tool_result", "tool_use_id": call["id"], "content": text, "is_error": True}
        messages += [
            {"role": "user", "content": text}, {"role": "assistant", "content": [call]},
            {"role": "user", "content": [result]},
        ]  # fmt: skip
    tools = [
        {"name": f"t{number}", "description": text, "input_schema": {"type": "object", "description": text}}
        for number, text in enumerate(texts)
    ]
    return {
        "model": texts[0], "max_tokens": 20, "system": "\n".join(texts), "messages": messages, "tools": tools,
        "metadata": {"user_id": texts[0]},
    }  # fmt: skip


def send(site, asked, text):
    """Post it, with the text in the headers that are kept, too."""
    names = ("x-claude-code-session-id", "x-claude-code-agent-id", "user-agent", "x-request-id")
    headers = {name: text.replace("\t", " ") for name in names}
    with httpx.Client(trust_env=False, timeout=20) as client:
        return client.post(f"{site}/v1/messages", json=asked, headers=headers)


def opened(page, url, strange):
    """The page, after its scripts; what it holds that nobody of ours wrote is noted."""
    page.goto(url)
    look(page, strange)


def look(page, strange):
    strange.extend(f"{page.url}: {found}" for found in page.evaluate(STRANGE, MARK))


def test_each_text_runs_where_nobody_guards():
    """Written into an open page as HTML, nearly each runs by itself: the other tests here look for something real."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="needs playwright: pip install -e '.[dev]'")
    if CHROMIUM is None:
        pytest.skip("needs Chromium: apt-get install chromium (or: make services)")
    ran, now = [], []
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_page()
        page.on("dialog", lambda dialog: ran.append(now[0]) or dialog.dismiss())
        for text in PAYLOADS:
            now[:] = [text]
            page.set_content(f'<html><body><p title="{text}">{text}</p></body></html>', wait_until="domcontentloaded")
            page.wait_for_timeout(50)
        browser.close()
    assert len(PAYLOADS) == len(set(PAYLOADS)) == 60
    assert len(set(ran)) >= 45, sorted(set(PAYLOADS) - set(ran))


def test_nothing_that_came_with_a_request_runs(tmp_path):
    """History, each request's page, live, dashboard, health, preview, console, replay: text stays text."""
    strange = []
    with contextlib.ExitStack() as stack:
        up = stack.enter_context(ScriptedUpstream())
        site = stack.enter_context(served(tmp_path, ROWS.format(url=f"{up.url}/play")))
        page = stack.enter_context(watched_page(site))
        requests_seen_live(site, page.context.new_page(), up, strange)
        everything_at_once(site, up)
        newest = history_opened(site, page, strange)
        for path in ("", "proxy/healthstate/", "providers/provider/", "proxy/logicalmodel/", "?range=7d"):
            opened(page, f"{site}/admin/{path}", strange)
        sent_again(site, page, up, newest, strange)
        asked_for_in_addresses(site, page, strange)
    assert strange == []


def requests_seen_live(site, page, up, strange):
    """Each text served and each refused, while somebody watches."""
    page.goto(f"{site}/admin/live/")
    page.locator("#live-state", has_text="live").wait_for()
    for text in PAYLOADS:
        for answer, status in ((message(text), 200), (refusal(text), 400)):
            up.plays.clear()
            up.play(answer, status, "application/json")
            got = send(site, body(text), text).status_code
            assert got == (404 if "," in text else status), text  # PROVIDER,MODEL asks for a provider, which is not
    page.locator("#live-rows tr").nth(2 * len(PAYLOADS) - 1).wait_for()
    look(page, strange)
    page.close()


def everything_at_once(site, up):
    """One request of all the texts, which the provider cannot serve now, with all the texts."""
    up.plays.clear()
    for _ in range(5):
        up.play(refusal("".join(PAYLOADS)), 529, "application/json")
    assert send(site, body(*PAYLOADS), PAYLOADS[0]).status_code == 529


def history_opened(site, page, strange):
    """The lists and every request's page; the id of the newest request, which has all the texts."""
    found = []
    for _ in range(50):
        page.goto(f"{site}/admin/proxy/requestlog/")
        if page.locator("#result_list tbody tr").first.locator(".field-shown_outcome", has_text="529").count():
            break
        page.wait_for_timeout(100)
    for number in (1, 2, 3):
        opened(page, f"{site}/admin/proxy/requestlog/?p={number}", strange)
        links = page.locator("#result_list .field-when a")
        found += [link.get_attribute("href").partition("?")[0] for link in links.all()]
    assert len(found) == len(set(found)) == 2 * len(PAYLOADS) + 1
    for address in found:
        page.goto(f"{site}{address}")
        page.locator("#request-body summary, h2:text('Request body')").click()
        look(page, strange)
    page.goto(f"{site}{found[0]}")
    page.locator("#request-body summary").click()
    assert PAYLOADS[-1] in page.locator("#request-body pre").inner_text()
    return found[0], page.locator("code.ccm-id").inner_text()


def sent_again(site, page, up, newest, strange):
    """The request with all the texts, from the preview, the console and the page of replays; each answers with all."""
    address, request_id = newest
    opened(page, f"{site}/admin/preview/?request={request_id}", strange)
    page.get_by_role("button", name="Preview", exact=True).click()
    page.locator("#preview-decision").wait_for()
    look(page, strange)

    opened(page, f"{site}/admin/console/?request={request_id}", strange)
    up.plays.clear()
    up.play(list(spoken(PAYLOADS)), 200, "text/event-stream")
    page.check("#console-stream")
    page.click("#console-send")
    page.locator("#console-state", has_text="ok").wait_for()
    said = page.locator("#console-answer .ccm-said").inner_text()
    assert PAYLOADS[0] in said and PAYLOADS[-1] in said
    page.click("#console-tab-raw")
    look(page, strange)
    up.play(refusal("".join(PAYLOADS)), 400, "application/json")
    page.click("#console-send")
    page.locator("#console-state", has_text="failed").wait_for()
    look(page, strange)

    number = address.split("/")[-3]
    opened(page, f"{site}/admin/history/{number}/replay/", strange)
    page.select_option("select[name=target]", label="up/m")
    up.play(list(spoken(PAYLOADS)), 200, "text/event-stream")
    page.get_by_role("button", name="Send").click()
    page.locator(".ccm-cards.broad pre").first.wait_for()
    look(page, strange)


def spoken(texts):
    """A streamed answer of the texts."""
    said = Anthropic({"model": "m"})
    yield from (*said.start(), *said.content(texts), *said.end())


def asked_for_in_addresses(site, page, strange):
    """The texts as what is searched, filtered, filled in or uploaded come back as text, too."""
    for first in range(0, len(PAYLOADS), 4):
        asked = urllib.parse.quote(" ".join(PAYLOADS[first : first + 4]))
        opened(page, f"{site}/admin/proxy/requestlog/?q={asked}&requested_model={asked}&route={asked}", strange)
    everything = urllib.parse.quote("".join(PAYLOADS))
    for path in ("console/?model=", "preview/?model=", "providers/setup/?q=", "providers/setup/?preset=", "?range=",
                 "proxy/modelprice/?q=", "login/?next=", "live/?q=", "console/?request="):  # fmt: skip
        opened(page, f"{site}/admin/{path}{everything}", strange)
    page.goto(f"{site}/admin/config/")
    name = json.dumps("".join(PAYLOADS[:3]))
    file = f"[[models]]\nname = {name}\n{name} = 1\n[[models.mappings]]\nprovider = {name}"
    upload = {"name": "ccm.toml", "mimeType": "text/plain", "buffer": file.encode()}
    page.set_input_files("#config-file", upload)
    page.get_by_role("button", name="Show what would change").click()
    page.get_by_text("in the file").first.wait_for()
    look(page, strange)
