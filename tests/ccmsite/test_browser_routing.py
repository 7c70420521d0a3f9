"""Logical models, patterns and the preview in a real browser."""

import json

import pytest

pytestmark = [pytest.mark.browser, pytest.mark.server]
BODY = {"model": "claude-x", "max_tokens": 5, "messages": [{"role": "user", "content": "<b>hello</b>"}]}


def verdict(page, place):
    return page.locator(".ccm-trial-said").nth(place).locator(".ccm-badge:visible")


def the_chain_is_whole_when_narrow(site, page):
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"{site}/admin/proxy/logicalmodel/")
    cut = "cells => cells.filter((cell) => cell.scrollHeight > cell.clientHeight + 1).length"
    assert page.locator("#result_list td").evaluate_all(cut) == 0
    page.set_viewport_size({"width": 1440, "height": 900})


def keys_lead_to_a_tab(page, first, second):
    """The theme's tabs are opened without a mouse, and say which one is open."""
    tab = page.get_by_role("button", name=second)
    page.get_by_role("button", name=first).focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_function("tab => tab.getAttribute('aria-pressed') === 'true'", arg=tab.element_handle())


def test_a_person_sees_where_requests_go(site, page):
    """Rare fields are folded until they are filled, patterns answer as one types, the preview tells the way."""
    page.goto(f"{site}/admin/proxy/logicalmodel/")
    page.get_by_role("link", name="smart").click()
    page.get_by_text("main/a → main/b → main/c").wait_for()
    price = page.locator("#id_mappings-1-price")
    assert not price.is_visible()
    page.locator("#mappings-group summary").nth(1).click()
    price.fill("3 / 15")
    page.get_by_role("link", name="Add another Mapping").click()
    added = page.locator("input[name=mappings-3-actual_model]")
    assert added.get_attribute("list") == "models-of-all"
    page.select_option("select[name=mappings-3-provider]", label="main")
    number = page.locator("select[name=mappings-3-provider]").input_value()
    assert added.get_attribute("list") == f"models-of-{number}"
    added.fill("d")
    page.get_by_role("button", name="Save and continue editing").click()
    page.get_by_text("main/a → main/b → main/c → main/d").wait_for()
    page.wait_for_load_state("networkidle")
    assert [price.is_visible(), page.locator("#id_mappings-0-price").is_visible()] == [True, False]
    page.get_by_role("link", name="Preview a request").click()
    page.wait_for_url("**/admin/preview/?model=smart")
    assert '"model": "smart"' in page.locator("#preview-body").input_value()

    the_chain_is_whole_when_narrow(site, page)

    page.goto(f"{site}/admin/proxy/routersettings/1/change/")
    keys_lead_to_a_tab(page, "Routes", "Detection")
    box = page.get_by_label("Try the pattern on").first
    box.fill("claude-opus-4-6")
    verdict(page, 0).get_by_text("match", exact=True).wait_for()
    page.fill("#id_auto_map_regex", "^gpt-")
    verdict(page, 0).get_by_text("no match").wait_for()
    page.fill("#id_auto_map_regex", "(open")
    verdict(page, 0).get_by_text("not a pattern").wait_for()
    page.fill("#id_auto_map_regex", "^claude-")
    box.press("Enter")  # asks at once, and does not send the form
    verdict(page, 0).get_by_text("match", exact=True).wait_for()
    page.get_by_role("button", name="Save and continue editing").click()
    page.get_by_text("changed successfully").wait_for()
    box.wait_for()  # the tab is still the same
    assert not page.locator("#id_default").is_visible()
    page.get_by_text("Routes", exact=True).click()
    page.select_option("#id_default", label="smart")
    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_text("changed successfully").wait_for()

    page.goto(f"{site}/admin/preview/")
    page.get_by_text("Nothing asked yet").wait_for()
    page.fill("#preview-body", json.dumps(BODY))
    page.get_by_role("button", name="Preview", exact=True).click()
    page.get_by_text("is auto-mapped to the default route").wait_for()
    cells = page.locator("#preview-steps tbody td:nth-child(2)").all_inner_texts()
    assert [cell.splitlines()[0].strip() for cell in cells] == [f"main/{name}" for name in "abcd"]
    assert "<b>hello</b>" in page.locator("#preview-outgoing pre").last.inner_text()
    page.fill("#preview-body", "{")
    page.get_by_role("button", name="Preview", exact=True).click()
    page.get_by_text("Refused before any provider is asked").wait_for()
