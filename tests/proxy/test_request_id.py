"""Request ids: unique, in the order of their making, and with the time in them."""

import re

from proxy import request_id
from proxy.request_id import new_request_id


def test_an_id_is_a_prefix_and_24_hexadecimal_digits():
    """The shape that clients and the history rely on."""
    assert re.fullmatch(r"req_[0-9a-f]{24}", new_request_id())


def test_an_id_tells_when_it_was_made(monkeypatch):
    """The first eleven digits are the milliseconds since 1970."""
    monkeypatch.setattr(request_id.time, "time_ns", lambda: 1_700_000_000_123_999_999)
    assert int(new_request_id()[4:15], 16) == 1_700_000_000_123


def test_ids_sort_by_time(monkeypatch):
    """What was made a millisecond later sorts later, also where a digit more would be needed without padding."""
    made = []
    for ms in (0, 15, 16, 0xFFFFFFFFFF, 0x10000000000):
        monkeypatch.setattr(request_id.time, "time_ns", lambda ms=ms: ms * 1_000_000)
        made.append(new_request_id())
    assert made == sorted(made)
    assert {len(each) for each in made} == {28}


def test_ids_of_one_millisecond_differ(monkeypatch):
    """A burst of requests has no two ids alike."""
    monkeypatch.setattr(request_id.time, "time_ns", lambda: 1_700_000_000_000_000_000)
    assert len({new_request_id() for _ in range(5000)}) == 5000
