"""The vault: sealed secrets open only with their key, in their place."""

import pytest

from providers.vault import VaultError, new_binding, new_key, seal, unseal

PLACE, SECRET = "credential:secret:1:abc", "sk-very-secret-value"


@pytest.fixture(autouse=True)
def keys(settings):
    settings.CCM_FIELD_KEYS = [new_key()]
    return settings


@pytest.mark.parametrize("secret", [SECRET, "", "a|b|c", "é漢😀", "x" * 10_000, "line\nbreak"])
def test_round_trip(secret):
    """What is sealed is unsealed in the same place, and the sealed text does not show it."""
    sealed = seal(secret, PLACE)
    assert unseal(sealed, PLACE) == secret
    assert not secret or secret not in sealed
    assert seal(secret, PLACE) != sealed


@pytest.mark.parametrize("place", ["credential:secret:2:abc", "credential:secret:1:abd", "", "credential"])
def test_other_place_is_refused(place):
    """A sealed text copied to another row, field or provider does not open."""
    with pytest.raises(VaultError, match="another row"):
        unseal(seal(SECRET, PLACE), place)


def test_place_and_secret_cannot_be_confused():
    """A place that could swallow the start of a secret is refused."""
    assert unseal(seal("b|c", "a"), "a") == "b|c"
    with pytest.raises(VaultError):
        seal("c", "a|b")


@pytest.mark.parametrize("sealed", ["", "nonsense", "é", "\ud800", "gAAAAA" + "A" * 100])
def test_nonsense_is_refused(sealed):
    """What was never sealed raises VaultError, whatever its characters."""
    with pytest.raises(VaultError):
        unseal(sealed, PLACE)


def test_tampering_is_refused():
    """Changing any one character of the sealed text is noticed."""
    sealed = seal(SECRET, PLACE)
    for at in range(10, len(sealed) - 2, 7):
        changed = sealed[:at] + ("A" if sealed[at] != "A" else "B") + sealed[at + 1 :]
        with pytest.raises(VaultError):
            unseal(changed, PLACE)


def test_keys_rotate(keys):
    """The first key seals and every key unseals; a secret whose key is gone says what to do."""
    old = keys.CCM_FIELD_KEYS[0]
    sealed = seal(SECRET, PLACE)
    keys.CCM_FIELD_KEYS = [new_key(), old]
    assert unseal(sealed, PLACE) == SECRET
    fresh = seal(SECRET, PLACE)
    keys.CCM_FIELD_KEYS = [old]
    with pytest.raises(VaultError, match="restore the old key or enter it again"):
        unseal(fresh, PLACE)


@pytest.mark.parametrize("bad", [[], ["short"], ["é" * 44], [""]])
def test_bad_field_keys_are_explained(keys, bad):
    """Missing or malformed field keys raise VaultError naming the setting."""
    keys.CCM_FIELD_KEYS = bad
    with pytest.raises(VaultError, match="CCM_FIELD_KEYS"):
        seal(SECRET, PLACE)


def test_errors_never_hold_the_secret():
    """A secret that cannot be stored is refused without being quoted, in no exception of the chain."""
    with pytest.raises(VaultError) as caught:
        seal("sk-\ud800-rest", PLACE)
    assert "rest" not in str(caught.value)
    assert caught.value.__suppress_context__
    assert caught.value.__cause__ is None


def test_bindings_differ():
    """Two rows never share a binding."""
    assert len({new_binding() for _ in range(1000)}) == 1000
    assert "|" not in new_binding()
