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
    first, second = viewer.next_batch(), viewer.next_batch()
    assert (first["events"], first["dropped"], first["away"]) == (events(MAX_BATCH), 0, False)
    assert second["events"] == events(5, MAX_BATCH)
    assert viewer.next_batch() is None


def test_an_empty_batch_on_request():
    """When nothing waits a batch without events can be had, to tell of what was dropped; it counts as any other."""
    viewer = Viewer(away=True)
    batch = viewer.next_batch(even_empty=True)
    assert (batch["events"], batch["away"]) == ([], True)
    sent = [viewer.next_batch(even_empty=True) for _ in range(MAX_UNREAD)]
    assert sent[-1] is None
    assert viewer.read(batch["token"])
    assert viewer.next_batch(even_empty=True) is not None


def test_who_does_not_read_is_sent_no_more():
    """After a few unread batches nothing is sent; what waits is bounded, and the oldest is dropped and counted."""
    viewer = Viewer()
    sent = []
    for number in range(1, 1001):
        viewer.feed("a", number, events(1, number))
        if number <= MAX_UNREAD:
            sent.append(viewer.next_batch())
    assert viewer.next_batch() is None
    assert viewer.read(sent[0]["token"])
    batch = viewer.next_batch()
    assert batch["events"][0] == {"n": 1000 - MAX_WAITING + 1}
    assert batch["dropped"] == 1000 - MAX_UNREAD - MAX_WAITING


def test_lost_batches_are_told_to_the_event():
    """A gap in one process's numbers counts as dropped; another process has numbers of its own."""
    viewer = Viewer()
    viewer.feed("a", 7, events(3))
    viewer.feed("b", 1, events(1))
    viewer.feed("a", 52, events(1))
    assert viewer.next_batch()["dropped"] == 42


def test_saying_without_reading_gives_no_credit():
    """Only a token that was sent, and once, is taken for a batch that was read."""
    viewer = Viewer()
    viewer.feed("a", 1, events(1))
    token = viewer.next_batch()["token"]
    assert not any(viewer.read(word) for word in ("", "read", token + "0", "0" * len(token)))
    assert viewer.read(token)
    assert not viewer.read(token)


@given(st.lists(st.one_of(st.integers(0, 300), st.just("read"), st.just("send"))))
def test_nothing_is_lost_without_being_counted(moves):
    """Whatever happens, in whatever order: sent + waiting + dropped is what came, and no more than the limit waits."""
    viewer, came, sent, unread = Viewer(), 0, 0, []
    for move in moves:
        if move == "read":
            assert not unread or viewer.read(unread.pop())
        elif move == "send":
            batch = viewer.next_batch()
            sent += len(batch["events"]) if batch else 0
            unread += [batch["token"]] if batch else []
        else:
            viewer.feed("a", came + 1, events(move))
            came += move
        assert len(viewer._waiting) <= MAX_WAITING
        assert len(unread) <= MAX_UNREAD
        assert sent + len(viewer._waiting) + viewer.dropped == came
