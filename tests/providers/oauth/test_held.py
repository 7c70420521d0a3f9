from datetime import UTC, datetime, timedelta

import pytest

from providers.models import Credential, OAuthToken
from providers.oauth.held import EARLY_S, Memory

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)


class Clocks:
    """A wall clock that can jump, and a monotonic one that can stand still."""

    def __init__(self):
        self.wall, self.mono = NOW.timestamp(), 1000.0

    def pass_(self, seconds):
        self.wall += seconds
        self.mono += seconds


@pytest.fixture
def clocks():
    return Clocks()


@pytest.fixture
def memory(clocks):
    return Memory(lambda: clocks.wall, lambda: clocks.mono)


def row(version=1, lifetime_s=3600.0, left_s=None, access="access-1", **fields):
    credential = Credential(pk=5, provider_id=1, kind="oauth", binding=fields.pop("binding", "b"))
    made = OAuthToken(
        pk=9, credential=credential, flow="anthropic", state="active", version=version, lifetime_s=lifetime_s,
        expires_at=NOW + timedelta(seconds=lifetime_s if left_s is None else left_s), **fields,
    )  # fmt: skip
    for name, text in made.sealed(access, "refresh-1").items():
        setattr(made, name, text)
    return made


def test_a_token_is_due_five_minutes_early_and_over_at_its_end(memory, clocks):
    """An hour's token is renewed after 55 minutes and used until its last second."""
    held = memory.adopt(row())
    for passed, due, over in ((0, False, False), (3299, False, False), (2, True, False), (298, True, False)):
        clocks.pass_(passed)
        assert (bool(memory.due()), memory.is_over(held)) == (due, over)
    clocks.pass_(1)
    assert memory.is_over(held)


def test_a_short_lived_token_is_not_due_from_the_start(memory, clocks):
    """A token of a minute is renewed in its last quarter, not at once and for ever."""
    memory.adopt(row(lifetime_s=60.0))
    clocks.pass_(44)
    assert memory.due() == []
    clocks.pass_(1)
    assert len(memory.due()) == 1


@pytest.mark.parametrize("jump", [86_400, -86_400])
def test_a_jump_of_the_clock_ends_no_good_token_and_costs_one_renewal_at_most(memory, clocks, jump):
    """After a jump of a day the token stays usable, and the one that renews it is not due before its time."""
    held = memory.adopt(row())
    clocks.pass_(600)
    clocks.wall += jump
    assert not memory.is_over(held)
    assert len(memory.due()) == (1 if jump > 0 else 0)
    renewed = row(version=2)
    renewed.expires_at += timedelta(seconds=600 + jump)
    memory.adopt(renewed)
    assert memory.due() == []
    clocks.wall -= jump  # the clock is put right again
    assert len(memory.due()) == (1 if jump < 0 else 0)
    clocks.pass_(3600 - EARLY_S)
    assert len(memory.due()) == 1


def test_a_process_that_begins_after_the_clock_was_set_back_trusts_no_token_for_longer_than_it_lives(memory, clocks):
    """A row that seems to end in a day is due within its own lifetime."""
    memory.adopt(row(left_s=86_400 + 3600))
    clocks.mono += 3600 - EARLY_S
    assert len(memory.due()) == 1


def test_a_machine_that_slept_renews_at_once(memory, clocks):
    """Monotonic time stands still in a sleep; the wall clock says that the token is due."""
    held = memory.adopt(row())
    clocks.wall += 7200
    assert memory.due() == [held]


def test_newer_tokens_win_whatever_the_order(memory):
    """A row that was read before a renewal does not bring the old token back; another row of that number does."""
    memory.adopt(row(version=3, access="new"))
    assert memory.adopt(row(version=2, access="old")).access.reveal() == "new"
    assert memory.get(5).version == 3
    assert memory.adopt(row(version=1, access="other", binding="of another row")).access.reveal() == "other"


def test_the_same_version_keeps_its_clocks_and_learns_its_state(memory, clocks):
    """Loading the same row again changes no times; that it cannot be renewed any more is noticed."""
    first = memory.adopt(row())
    clocks.wall += 3400
    again = memory.adopt(row())
    assert (again.due, again.access) == (first.due, first.access)
    assert len(memory.due()) == 1
    memory.adopt(row())
    lost = row()
    lost.state = OAuthToken.NEEDS_SIGN_IN
    assert not memory.adopt(lost).can_renew
    assert memory.due() == [] and not memory.is_over(memory.get(5))


def test_what_is_configured_no_more_is_forgotten(memory):
    """Only the accounts of the snapshot stay in memory; both tokens are known to the scrubber meanwhile."""
    memory.adopt(row())
    assert memory.secrets() == ["access-1", "refresh-1"]
    memory.keep_only({5})
    assert memory
    memory.keep_only({6})
    assert not memory and memory.get(5) is None and memory.get(None) is None


def test_no_token_is_in_the_words_for_what_is_held(memory):
    """Printing what is held shows no secret."""
    assert "access-1" not in repr(memory.adopt(row())) and "refresh-1" not in repr(memory.get(5))
