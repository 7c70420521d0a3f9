"""How long an upstream asks us to wait."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.outbound.retry_after import retry_after_seconds

DATE = "Wed, 21 Oct 2026 07:28:00 GMT"
LATER = "Wed, 21 Oct 2026 07:28:30 GMT"


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, None),
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "1.5"}, 1.5),
        ({"retry-after": " 7 "}, 7.0),
        ({"retry-after": "0"}, 1.0),
        ({"retry-after": "-5"}, 1.0),
        ({"retry-after": "86400"}, 3600.0),
        ({"retry-after": "inf"}, 3600.0),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": ""}, None),
        ({"retry-after": LATER, "date": DATE}, 30.0),
        ({"retry-after": DATE, "date": LATER}, 1.0),
        ({"retry-after": LATER}, None),
        ({"retry-after": LATER, "date": "yesterday"}, None),
        ({"retry-after": "Wed, 21 Oct 99999999999 07:28:00 GMT", "date": DATE}, None),
        ({"retry-after": "Wed, 21 Oct 2026 07:28:00 +99999999999999", "date": DATE}, None),
        ({"retry-after-ms": "2500", "retry-after": "9"}, 2.5),
        ({"retry-after-ms": "x", "retry-after": "9"}, 9.0),
        ({"x-ratelimit-reset-requests": "6m0s"}, 360.0),
        ({"x-ratelimit-reset-requests": "1h2m3.5s"}, 3600.0),
        ({"x-ratelimit-reset-requests": "20ms"}, 1.0),
        ({"x-ratelimit-reset-requests": "2s", "x-ratelimit-reset-tokens": "1m"}, 60.0),
        ({"x-ratelimit-reset-tokens": "never"}, None),
        (
            {
                "x-ratelimit-reset-requests": "24h",
                "x-ratelimit-remaining-requests": "90",
                "x-ratelimit-reset-tokens": "6s",
                "x-ratelimit-remaining-tokens": "0",
            },
            6.0,
        ),
        ({"retry-after": "soon", "x-ratelimit-reset-tokens": "5s"}, 5.0),
    ],
)
def test_the_wait_that_is_asked_for(headers, expected):
    """Milliseconds beat seconds, seconds beat resets; dates count from the answer's own; all between 1 s and 1 h."""
    assert retry_after_seconds(headers) == expected


names = st.sampled_from(["retry-after", "retry-after-ms", "date", "x-ratelimit-reset-tokens"])
dates = st.from_regex(
    r"[A-Z][a-z]{2}, \d{1,12} (Jan|Oct) \d{1,12} \d{1,3}:\d{1,3}:\d{1,3} (GMT|[+-]\d{1,20})", fullmatch=True
)


@given(st.dictionaries(names, st.text() | dates))
def test_no_header_breaks_the_wait(headers):
    """Whatever the headers say, the wait is nothing or between a second and an hour."""
    wait = retry_after_seconds(headers)
    assert wait is None or 1 <= wait <= 3600
