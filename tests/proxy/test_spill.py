"""The file of records that no database takes at the moment."""

import errno
import os
import stat
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from providers.wire.messages import Usage
from proxy import spill as module
from proxy.record import AttemptRecord, RequestRecord
from proxy.spill import Spill, decoded, encoded, left_behind

MB = 1024 * 1024


def record(number=1, **fields):
    attempts = [
        AttemptRecord(1, "main", "glm", "overloaded", 529, "up_1", "busy", 3, None, 70, cost_usd=Decimal("0.00000123"))
    ]
    fields = {
        "outcome": "ok",
        "status": 200,
        "usage": Usage(1, 2, 3, 4),
        "attempts": attempts,
        "cost_usd": Decimal("1.5"),
        **fields,
    }
    return RequestRecord(f"req_{number}", "anthropic_messages", "messages", **fields)


@pytest.fixture
def spill(tmp_path):
    found = Spill.create(tmp_path / "run" / "log-1.spill", 10 * MB)
    yield found
    found.close()


def drain(spill):
    found = []
    while spill.left:
        found += spill.next()
        spill.done()
    return found


def test_a_record_comes_back_as_it_was():
    """Times, tokens, attempts and the body survive the way to the disk and back."""
    sent = record(time=datetime(2030, 1, 2, 3, 4, 5, 678901, tzinfo=UTC), body=b"\0\xff", why="ä", first_content_ms=7)
    assert decoded(encoded(sent)) == sent
    assert encoded(sent).isascii()


def test_a_record_that_is_no_text_is_kept_as_far_as_it_can():
    """Half surrogates and numbers without end become harmless; a field of a wrong kind leaves the id and the reason."""
    found = decoded(encoded(record(error="a\0\ud83d", usage=Usage(10**5000))))
    assert (found.error, found.usage.input) == ("a␀\ufffd", 2**63 - 1)
    broken = decoded(encoded(record(time="yesterday")))
    assert (broken.request_id, broken.outcome) == ("req_1", "ok")
    assert "AttributeError" in broken.error


@pytest.mark.parametrize("line", [b"", b"{}\n", b"[1]\n", b'{"time": 5}\n', b"\xff\n", b"[" * 100_000 + b"\n"])
def test_a_line_that_is_no_record_is_none(line):
    """Whatever a disk may hold, reading it raises nothing."""
    assert decoded(line) is None


def test_a_line_of_another_version_is_read():
    """A field that this version does not know is left out."""
    line = encoded(record()).replace(b'{"request_id"', b'{"new": 1, "request_id"')
    assert decoded(line).request_id == "req_1"


def test_records_come_back_in_order_and_the_file_is_emptied(spill):
    """Several batches, more put in between; at the end nothing stays on the disk."""
    spill.append(record(number) for number in range(1200))
    first = spill.next()
    spill.done()
    spill.append([record(1200)])
    assert spill.rows == 1201 - len(first)
    assert [one.request_id for one in first + drain(spill)] == [f"req_{n}" for n in range(1201)]
    assert (spill.rows, spill.left, spill.path.stat().st_size) == (0, False, 0)


def test_what_is_not_said_to_be_done_comes_again(spill):
    """A batch that could not be written is not forgotten."""
    spill.append([record(1), record(2)])
    assert [one.request_id for one in spill.next()] == ["req_1", "req_2"]
    assert [one.request_id for one in spill.next()] == ["req_1", "req_2"]


def test_files_are_for_their_owner_alone(spill):
    """They may hold what the history holds."""
    assert stat.S_IMODE(spill.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(spill.path.parent.stat().st_mode) == 0o700


def test_bodies_are_dropped_before_rows_and_both_are_counted(tmp_path):
    """Bodies get half the file at most; the cap is never passed."""
    spill = Spill.create(tmp_path / "log-1.spill", 40_000)
    spill.append(record(number, body=os.urandom(3000)) for number in range(200))
    assert spill.path.stat().st_size <= 40_000
    found = drain(spill)
    with_body = [one for one in found if one.body]
    assert 0 < len(with_body) < len(found) < 200
    assert found[: len(with_body)] == with_body
    assert spill.rows_dropped == 200 - len(found)
    assert spill.bodies_dropped == 200 - len(with_body)
    spill.close()
    assert not spill.path.exists()


def test_a_disk_that_is_full_half_way_leaves_whole_lines(spill, monkeypatch):
    """What was begun is taken back, so that the next record starts on a line of its own."""
    spill.append([record(1)])
    real = os.write
    room = [100]

    def write(file, data):
        if room[0] <= 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        room[0] -= 100
        return real(file, data[:100])

    monkeypatch.setattr(module.os, "write", write)
    with pytest.raises(OSError, match="No space"):
        spill.append([record(2)])
    monkeypatch.setattr(module.os, "write", real)
    spill.append([record(3)])
    assert [one.request_id for one in drain(spill)] == ["req_1", "req_3"]


def test_a_file_is_adopted_only_when_its_owner_is_gone(spill):
    """While it is locked nobody gets it; then one does, and only that one."""
    spill.append([record(1), record(2)])
    path = spill.path
    assert Spill.adopt(path) is None
    module.fcntl.flock(spill._file, module.fcntl.LOCK_UN)  # what the system does when the process ends
    heir = Spill.adopt(path)
    assert heir.rows == 2
    assert Spill.adopt(path) is None
    assert len(drain(heir)) == 2
    heir.close()
    assert left_behind(path.parent, []) == []


def test_a_file_that_was_taken_away_meanwhile_is_nobodys(tmp_path, monkeypatch):
    """Its rows are in the database already: who opened it before that does not write them again."""
    path = tmp_path / "log-1.spill"
    path.write_bytes(encoded(record()))
    real = module.fcntl.flock

    def late(file, kind):
        path.unlink()
        real(file, kind)

    monkeypatch.setattr(module.fcntl, "flock", late)
    assert Spill.adopt(path) is None


def test_a_half_line_at_the_end_is_skipped_and_counted(tmp_path):
    """That is what a process leaves that was killed while it wrote."""
    path = tmp_path / "log-1.spill"
    path.write_bytes(encoded(record(1)) + encoded(record(2)) + encoded(record(3))[:50])
    heir = Spill.adopt(path)
    assert [one.request_id for one in drain(heir)] == ["req_1", "req_2"]
    assert (heir.damaged, heir.rows) == (1, 0)
    heir.close()
    assert not path.exists()


def test_a_file_of_nothing_but_damage_comes_to_an_end(tmp_path):
    """Every line is counted, none is read twice."""
    path = tmp_path / "log-1.spill"
    path.write_bytes(b"x\n" * 1000 + b"half")
    heir = Spill.adopt(path)
    assert drain(heir) == []
    assert heir.damaged == 1001
    heir.close()


def test_a_closed_file_touches_no_other(spill, tmp_path):
    """A thread that comes late gets an error, not the file that has the number now."""
    spill.append([record()])
    other = Spill.create(tmp_path / "log-2.spill", MB)
    other.append([record()])
    other.next()
    other.close()
    with (tmp_path / "innocent").open("w+b") as innocent:
        innocent.write(b"x" * 100)
        innocent.flush()
        with pytest.raises(OSError, match="Bad file"):
            other.done()
        assert os.fstat(innocent.fileno()).st_size == 100


def test_files_left_behind_come_oldest_first(tmp_path):
    """Only ours to look at: not this process's own, and nothing else that lies there."""
    for age, name in ((3, "log-1.spill"), (9, "log-2.spill"), (1, "log-3.spill"), (5, "ccm.log")):
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (1000 - age, 1000 - age))
    found = left_behind(tmp_path, [tmp_path / "log-3.spill"])
    assert [path.name for path in found] == ["log-2.spill", "log-1.spill"]
