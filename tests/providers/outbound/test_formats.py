"""The table of wire formats."""

from providers.outbound.formats import OUTBOUND
from providers.presets import PRESETS


def test_every_wire_format_of_a_preset_can_be_called():
    """No preset names a format that the table lacks."""
    assert {preset.wire_format for preset in PRESETS.values()} == set(OUTBOUND)
