"""A client that never reads costs the machine at most a megabyte, wherever the bytes wait."""

import pytest

from tests.soak.stalled import measured

pytestmark = pytest.mark.server


def test_a_client_that_never_reads_holds_a_megabyte_at_most(tmp_path):
    """An upstream that sends without end, translated: process and kernel buffers on both sides hold 1 MB a client."""
    held = measured(tmp_path, clients=15, kind="openai-compatible")
    assert 0 < held.total <= 1024, held
