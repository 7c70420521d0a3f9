"""Every page in a real browser: full and empty, wide and narrow, light and dark, for every eye and in silence."""

import json

import pytest

from tests.ccmsite.accessibility import axe, grave_faults
from tests.ccmsite.browsing import served, watched_page

pytestmark = [pytest.mark.browser, pytest.mark.server]
FULL = """
from django.utils import timezone
from tests import demo_traffic
from tests.every_page import make_rows, page_addresses
import json, pathlib
now = timezone.now()
demo_traffic.configure()
demo_traffic.live_through(now, days=2, per_hour=20)
demo_traffic.fall_ill(now)
pathlib.Path({where!r}).write_text(json.dumps(page_addresses(make_rows())))
"""
EMPTY = """
from providers.models import Provider
from proxy.models import ClientKey, LogicalModel, RouterSettings
RouterSettings.objects.update(default=None)
LogicalModel.objects.all().delete()
Provider.objects.all().delete()
ClientKey.objects.all().delete()
"""
LISTS = (
    "", "providers/provider/", "providers/setup/", "proxy/logicalmodel/", "proxy/routersettings/1/change/",
    "proxy/routingrule/", "proxy/requestlog/", "proxy/modelprice/", "proxy/healthstate/", "proxy/drill/",
    "proxy/clientkey/", "providers/oauthclient/", "live/", "console/", "preview/", "config/",
)  # fmt: skip
FORMS = (
    "providers/provider/add/", "proxy/logicalmodel/add/", "proxy/routingrule/add/", "proxy/modelprice/add/",
    "proxy/drill/add/", "proxy/clientkey/add/", "providers/oauthclient/add/", "auth/user/add/",
)  # fmt: skip
DRESS = """
dark => {
  document.documentElement.classList.toggle("dark", dark);
  document.getAnimations().forEach((change) => { change.finish(); });
}
"""


def look_at(page, url, wrong):
    """Note what is wrong with a page at 1280 in light and at 390 pixels in dark."""
    page.set_viewport_size({"width": 1280, "height": 900})
    answer = page.goto(url)
    if answer.status >= 500:
        wrong.append(f"{url} answers {answer.status}")
    note_faults(page, url, wrong)


def note_faults(page, url, wrong):
    for width, dark in ((1280, False), (390, True)):
        page.set_viewport_size({"width": width, "height": 900})
        page.evaluate(DRESS, dark)
        view = f"{url} at {width}{' dark' if dark else ''}"
        wide = page.evaluate("document.documentElement.scrollWidth")
        if wide > width:
            wrong.append(f"{view} is {wide} wide")
        wrong.extend(f"{view}: {fault}" for fault in grave_faults(page))


def test_every_page_is_sound(tmp_path):
    """No page has a grave fault of accessibility, runs over its width, or asks or complains about anything."""
    axe()
    where, wrong = tmp_path / "addresses.json", []
    with served(tmp_path, FULL.format(where=str(where))) as site, watched_page(site) as page:
        for address in json.loads(where.read_text()).values():
            look_at(page, f"{site}{address}", wrong)
        for form in FORMS:
            page.goto(f"{site}/admin/{form}")
            page.evaluate("document.querySelectorAll('form').forEach(form => { form.noValidate = true; })")
            page.get_by_role("button", name="Save", exact=True).click()
            page.get_by_text("Please correct").first.wait_for()
            note_faults(page, f"{form} with errors", wrong)
    assert wrong == []


def test_every_empty_page_is_sound(tmp_path):
    """So it is when there is nothing yet, and for who is not signed in or has lost the way."""
    axe()
    wrong = []
    with served(tmp_path, EMPTY) as site, watched_page(site) as page:
        for path in LISTS:
            look_at(page, f"{site}/admin/{path}", wrong)
        page.context.clear_cookies()
        look_at(page, f"{site}/admin/login/", wrong)
        look_at(page, f"{site}/nowhere/", wrong)
    assert wrong == []
