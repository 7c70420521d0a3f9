"""The admin in a real browser, against a real server."""

import pytest

pytestmark = [pytest.mark.browser, pytest.mark.server]


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
    page.get_by_role("link", name="Add another API key").click()
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
