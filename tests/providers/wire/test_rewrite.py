import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.wire.rewrite import change_content, change_items, type_of


@pytest.mark.parametrize(
    ("array", "left"),
    [
        (b'[ 1 ,  "x", {"a": 1} ]', b'[ 1 ,  "x", {"a": 1} ]'),
        (b"[0, 1,\n2]", b"[1,\n2]"),
        (b"[1, 0,2]", b"[1,2]"),
        (b"[1 ,0]", b"[1]"),
        (b"[0,0]", b"[]"),
        (b"[]", b"[]"),
        (b'"[0]"', b'"[0]"'),
        (b"", b""),
    ],
)
def test_items_go_and_separators_stay(array, left):
    """An item taken away takes its own separator along and changes nothing else."""
    assert change_items(array, lambda item: None if item == b"0" else item) == left


@given(st.lists(st.none() | st.booleans() | st.text() | st.lists(st.integers(), max_size=2)), st.data())
def test_what_is_left_is_the_array_without_the_items(items, data):
    """Whatever the items are, the rest parses as the array without those taken away."""
    kept = [data.draw(st.booleans()) for _ in items]
    answers = iter(kept)
    text = json.dumps(items).encode()
    changed = change_items(text, lambda item: item if next(answers) else None)
    assert json.loads(changed) == [item for item, keep in zip(items, kept, strict=True) if keep]


def test_a_message_without_content_left_is_no_message():
    """Blocks are changed in place; when none is left the message is gone; strings are left alone."""

    def without_thinking(block):
        return None if type_of(block) == b'"thinking"' else block

    both = b'{"role":"assistant", "content":[{"type":"thinking"}, {"type":"text","text":"a"}]}'
    assert change_content(both, without_thinking) == b'{"role":"assistant", "content":[{"type":"text","text":"a"}]}'
    assert change_content(b'{"content":[ {"type":"thinking"} ]}', without_thinking) is None
    for other in (b'{"content":"thinking"}', b'{"content":[]}', b"{}", b"[1]", b'{"content":[7,"thinking"]}'):
        assert change_content(other, without_thinking) == other
