"""The dashboard in a real browser: the steps before it, then charts of real requests."""

import httpx
import pytest

pytestmark = [pytest.mark.browser, pytest.mark.server]
CHART = "Chart.getChart(document.querySelector(`canvas[data-chart=${id}]`))"
SUM = "one.data.reduce((sum, value) => sum + (value || 0), 0)"
DATASETS = f"id => {CHART}.data.datasets.map(one => [one.label, {SUM}, one.backgroundColor])"
SHADE = f"([id, shade, same]) => ({CHART}.data.datasets[0].backgroundColor === shade) === same"


def ask(site, count):
    with httpx.Client(trust_env=False, timeout=20) as client:
        for _ in range(count):
            body = {"model": "smart", "max_tokens": 20, "messages": [{"role": "user", "content": "hello"}]}
            assert client.post(f"{site}/v1/messages", json=body).status_code == 200


def until_counted(page, url, count):
    """The page once it counts so many requests: rows are written a moment after the answers."""
    for _ in range(100):
        page.goto(url)
        card = page.locator(".ccm-figure", has_text="Requests")
        if card.count() and card.locator(".value").inner_text() == str(count):
            return
        page.wait_for_timeout(100)
    raise AssertionError(f"the dashboard does not count {count} requests")


def test_from_the_first_steps_to_charts_in_both_themes(site, page):
    """Steps while nothing has happened; then charts, in colours that follow the theme, and their figures as a table."""
    page.goto(f"{site}/admin/")
    page.get_by_text("Three steps to the first request").wait_for()
    assert page.locator("canvas").count() == 0

    ask(site, 3)
    until_counted(page, f"{site}/admin/?range=24h", 3)
    [(label, total, shade), *others] = page.evaluate(DATASETS, "requests")
    assert (label, total) == ("ok", 3)
    assert [other[1] for other in others] == [0, 0]
    tokens = page.evaluate(DATASETS, "tokens")
    assert sum(total for _, total, _ in tokens) > 0

    dark = page.evaluate("document.documentElement.classList.contains('dark')")
    page.evaluate("document.documentElement.classList.toggle('dark')")
    page.wait_for_function(SHADE, arg=["requests", shade, False])
    page.evaluate("document.documentElement.classList.toggle('dark')")
    page.wait_for_function(SHADE, arg=["requests", shade, True])
    assert page.evaluate("document.documentElement.classList.contains('dark')") == dark

    page.get_by_text("The figures of all charts as a table").click()
    answered = page.locator("details .ccm-table tbody td:nth-child(2)").all_inner_texts()
    assert len(answered) == 24
    assert sum(map(int, answered)) == 3

    page.get_by_role("link", name="30 d").click()
    page.get_by_text("Requests per day").wait_for()
    assert page.locator(".ccm-strip > span").count() == 48  # two providers
    page.locator(".ccm-figure", has_text="Requests").click()
    page.wait_for_url("**/requestlog/?since=30d")
    assert page.locator("#result_list tbody tr").count() == 3
