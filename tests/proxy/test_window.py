"""The window a client believes in, and how counts are told in its measure."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.window import LONG_WINDOW, WINDOW, believed_window, scaled
from tests import cast


@pytest.mark.parametrize(
    ("model", "betas", "window"),
    [
        ("claude-opus-4-8", "", WINDOW),
        ("claude-opus-4-8[1m]", "", LONG_WINDOW),
        ("CLAUDE-OPUS-4-8[1M]", "", LONG_WINDOW),
        ("claude[1m]-opus", "", WINDOW),
        ("claude-opus-4-8", "effort-2025-11-24, context-1m-2025-08-07", LONG_WINDOW),
        ("claude-opus-4-8", "context-management-2025-06-27", WINDOW),
    ],
)
def test_the_client_says_which_window_it_believes_in(model, betas, window):
    """The name's ending or a beta header makes it a million, anything else 200,000."""
    assert believed_window(cast.request({"model": model}, headers={"anthropic-beta": betas})) == window
    if not betas:
        assert believed_window(cast.request({"model": model})) == window


@pytest.mark.parametrize(
    ("tokens", "window", "told"),
    [(1000, 100_000, 2000), (1, 128_000, 2), (0, 1000, 0), (7, 200_000, 7), (7, 1_000_000, 7), (7, None, 7), (7, 0, 7)],
)
def test_a_count_grows_by_as_much_as_the_window_is_smaller(tokens, window, told):
    """Counts for a smaller window are larger, rounded up; others and those of unknown windows stay."""
    assert scaled(tokens, cast.request(), window) == told


@given(st.integers(1, 10**6), st.integers(1, 10**6))
def test_a_full_target_is_a_full_client(tokens, window):
    """The share of the client's window that is told is never less than the share of the target's that is used."""
    told = scaled(tokens, cast.request(), window)
    assert told >= tokens
    assert told * min(window, WINDOW) >= tokens * WINDOW
