"""Failures made on purpose: every wire format reads them as what they stand for, and their words say what they are."""

import pytest

from providers import faults
from providers.outbound.formats import OUTBOUND


@pytest.mark.parametrize("name", sorted(OUTBOUND))
@pytest.mark.parametrize(("status", "kind"), [(429, "rate_limited"), (529, "overloaded")])
async def test_every_format_reads_a_refusal(name, status, kind):
    """A status is the kind of failure that it is from a real upstream, with words that tell the drill."""
    response = faults.refusal(status)
    failure = OUTBOUND[name].failure(response.status, response.headers, await response.read(10_000))
    assert (failure.kind.value, failure.status) == (kind, status)
    assert failure.message == f"drill: status {status}"
    assert response.headers["request-id"] == ""


@pytest.mark.parametrize("error", [faults.broken_off(40), faults.refused(), faults.dropped()])
def test_a_broken_network_is_an_unreachable_upstream(error):
    """Whatever the network does, the target could not be reached, and the words tell the drill."""
    assert error.failure.kind.value == "unreachable"
    assert error.failure.message.startswith(faults.MARK)
