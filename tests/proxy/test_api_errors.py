import pytest

from providers.errors import Failure, FailureKind
from proxy.errors import from_failure


@pytest.mark.parametrize(("status", "told"), [(400, 400), (422, 422), (200, 400), (0, 400)])
def test_a_rejection_has_the_upstreams_status(status, told):
    """A rejection told inside a 200 is a 400 to the client, never a success."""
    assert from_failure(Failure(FailureKind.REJECTED, "no", status)).status == told


@pytest.mark.parametrize(
    ("kind", "wait", "header"),
    [
        (FailureKind.RATE_LIMITED, 6.2, "7"), (FailureKind.RATE_LIMITED, None, "10"),
        (FailureKind.OVERLOADED, 0.1, "1"), (FailureKind.OVERLOADED, None, None), (FailureKind.UNREACHABLE, 5.0, None),
    ],
)  # fmt: skip
def test_waits_are_whole_seconds(kind, wait, header):
    """Clients get an integer, rounded up, and only where waiting helps."""
    assert from_failure(Failure(kind, "x", 0, wait)).headers.get("retry-after") == header


def test_what_no_retry_cures_says_so():
    """A used-up quota is not worth asking for again at once, nor is a request that was refused (with a 409, say)."""
    assert from_failure(Failure(FailureKind.REJECTED, "x", 409)).headers["x-should-retry"] == "false"
    assert from_failure(Failure(FailureKind.QUOTA, "x")).headers["x-should-retry"] == "false"
    assert "x-should-retry" not in from_failure(Failure(FailureKind.OVERLOADED, "x")).headers
