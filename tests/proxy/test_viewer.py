"""What one viewer of the live tail is sent."""

from hypothesis import given
from hypothesis import strategies as st

from proxy.viewer import MAX_BATCH, MAX_UNREAD, MAX_WAITING, Viewer


def events(count, first=0):
    return [{"n": number} for number in range(first, first + count)]


def test_what_comes_is_sent_in_order():
    """Events go out as they came, in batches of a hundred at most."""
    viewer = Viewer()
    viewer.feed("a", 1, events(MAX_BATCH + 5))
    assert viewer.next_batch() == {"events": events(MAX_BATCH), "dropped": 0}
    assert viewer.next_batch() == {"events": events(5, MAX_BATCH), "dropped": 0}
    assert viewer.next_batch() is None


def test_who_does_not_read_is_sent_no_more():
    """After a few unread batches nothing is sent; what waits is bounded, and the oldest is dropped and counted."""
    viewer = Viewer()
    for number in range(1, 1001):
        viewer.feed("a", number, events(1, number))
        if number <= MAX_UNREAD:
            assert viewer.next_batch() is not None
    assert viewer.next_batch() is None
    viewer.read()
    batch = viewer.next_batch()
    assert batch["events"][0] == {"n": 1000 - MAX_WAITING + 1}
    assert batch["dropped"] == 1000 - MAX_UNREAD - MAX_WAITING


def test_a_lost_batch_is_told():
    """A gap in one process's numbers counts as dropped; another process has numbers of its own."""
    viewer = Viewer()
    viewer.feed("a", 7, events(1))
    viewer.feed("b", 1, events(1))
    viewer.feed("a", 10, events(1))
    assert viewer.next_batch()["dropped"] == 2


def test_reading_more_than_was_sent_gives_no_credit():
    """Nobody earns a larger window by saying "read" often."""
    viewer = Viewer()
    for _ in range(50):
        viewer.read()
    sent = 0
    for number in range(1, 50):
        viewer.feed("a", number, events(1))
        sent += viewer.next_batch() is not None
    assert sent == MAX_UNREAD


@given(st.lists(st.one_of(st.integers(0, 300), st.just("read"), st.just("send"))))
def test_nothing_is_lost_without_being_counted(moves):
    """Whatever happens, in whatever order: sent + waiting + dropped is what came, and no more than the limit waits."""
    viewer, came, sent, number = Viewer(), 0, 0, 0
    for move in moves:
        if move == "read":
            viewer.read()
        elif move == "send":
            batch = viewer.next_batch()
            sent += len(batch["events"]) if batch else 0
        else:
            number += 1
            came += move
            viewer.feed("a", number, events(move))
        assert len(viewer._waiting) <= MAX_WAITING
        assert sent + len(viewer._waiting) + viewer.dropped == came
