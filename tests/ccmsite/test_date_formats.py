"""How Django writes dates and times."""

from datetime import datetime

from django.utils import formats


def test_dates_are_written_as_on_our_own_pages():
    """By the day, with 24 hours; what is typed in is understood as ever."""
    moment = datetime(2026, 3, 7, 20, 5)
    assert formats.localize(moment) == "7 Mar 2026 20:05"
    assert formats.localize(moment.date()) == "7 Mar 2026"
    assert formats.localize(moment.time()) == "20:05"
    assert "%Y-%m-%d" in formats.get_format("DATE_INPUT_FORMATS")
