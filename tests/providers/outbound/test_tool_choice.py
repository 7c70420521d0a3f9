import pytest

from providers.outbound.tool_choice import shared_tool_choice
from providers.presets import Quirks


@pytest.mark.parametrize(
    ("choice", "found"),
    [
        ({"type": "auto"}, {"tool_choice": "auto"}), ({"type": "any"}, {"tool_choice": "required"}),
        ({"type": "tool", "name": "T"}, {"tool_choice": "T!"}), ({"type": "tool"}, {}), (None, {}),
        ({"type": "none", "disable_parallel_tool_use": True}, {"tool_choice": "none", "parallel_tool_calls": False}),
    ],
)  # fmt: skip
def test_a_tool_choice(choice, found):
    """One tool is named in the format's own words, the rest is the same in both."""
    assert shared_tool_choice(choice, Quirks(), lambda name: {"tool_choice": f"{name}!"}) == found
