"""How long an upstream asks us to wait."""

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.outbound.retry_after import retry_after_seconds

DATE = "Wed, 21 Oct 2026 07:28:00 GMT"
LATER = "Wed, 21 Oct 2026 07:28:30 GMT"

UNIFIED = {"anthropic-ratelimit-unified-reset": "1792567700"}
"""Twenty seconds after DATE, as a Unix time."""


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
        ({"anthropic-ratelimit-tokens-reset": "2026-10-21T07:28:40Z", "date": DATE}, 40.0),
        ({"anthropic-ratelimit-tokens-reset": "2026-10-21T07:28:40Z"}, None),
        ({"anthropic-ratelimit-tokens-reset": "2026-10-21T07:27:00Z", "date": DATE}, 1.0),
        ({"anthropic-ratelimit-tokens-reset": "2026-10-22T07:28:00Z", "date": DATE}, 3600.0),
        ({"anthropic-ratelimit-tokens-reset": "2026-10-21T09:28:40+02:00", "date": DATE}, 40.0),
        (
            {
                "date": DATE,
                "anthropic-ratelimit-requests-remaining": "49",
                "anthropic-ratelimit-requests-reset": "2026-10-21T07:48:00Z",
                "anthropic-ratelimit-input-tokens-remaining": "0",
                "anthropic-ratelimit-input-tokens-reset": "2026-10-21T07:28:09Z",
            },
            9.0,
        ),
        ({"date": DATE, **UNIFIED, "anthropic-ratelimit-unified-status": "rejected"}, 20.0),
        ({"date": DATE, **UNIFIED, "anthropic-ratelimit-unified-status": "allowed"}, None),
        ({"date": DATE, **UNIFIED, "retry-after": "3", "anthropic-ratelimit-unified-status": "rejected"}, 3.0),
    ],
)
def test_the_wait_that_is_asked_for(headers, expected):
    """Milliseconds beat seconds, seconds beat resets; dates count from the answer's own; all between 1 s and 1 h."""
    assert retry_after_seconds(headers) == expected


@pytest.mark.parametrize(("status", "expected"), [(429, 60.0), (500, None), (529, None)])
def test_resets_count_for_a_used_up_limit_only(status, expected):
    """Reset headers come with every answer: an overload does not last until a limit is full again."""
    assert retry_after_seconds({"x-ratelimit-reset-requests": "1m"}, status) == expected
    assert retry_after_seconds({"retry-after": "7", "x-ratelimit-reset-requests": "1m"}, status) == 7


names = st.sampled_from(
    [
        "retry-after", "retry-after-ms", "date", "x-ratelimit-reset-tokens", "anthropic-ratelimit-tokens-reset",
        "anthropic-ratelimit-unified-reset",
    ]
)  # fmt: skip
dates = st.from_regex(
    r"[A-Z][a-z]{2}, \d{1,12} (Jan|Oct) \d{1,12} \d{1,3}:\d{1,3}:\d{1,3} (GMT|[+-]\d{1,20})", fullmatch=True
)


@given(st.dictionaries(names, st.text() | dates | st.floats().map(str) | st.datetimes().map(datetime.isoformat)))
def test_no_header_breaks_the_wait(headers):
    """Whatever the headers say, the wait is nothing or between a second and an hour."""
    wait = retry_after_seconds({**headers, "anthropic-ratelimit-unified-status": "rejected"})
    assert wait is None or 1 <= wait <= 3600
