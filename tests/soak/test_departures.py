"""Clients that leave take their upstream call along, in each phase; how soon is for the script to measure."""

import pytest

from tests.soak.departures import PHASES, measured

pytestmark = pytest.mark.server


def test_an_upstream_is_let_go_in_every_phase(tmp_path):
    """By FIN and by RST, before the headers, before the content, in the stream and in a silence."""
    found = measured(tmp_path, 2)
    assert found.keys() == PHASES.keys()
    assert all(seconds is not None for times in found.values() for seconds in times), found
