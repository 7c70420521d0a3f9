import re

from providers.oauth import pkce


def test_the_challenge_is_the_one_of_the_specification():
    """The challenge of RFC 7636, appendix B, comes out for its verifier."""
    verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
    assert pkce.challenge(verifier) == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


def test_verifier_and_state_are_fresh_and_long_enough():
    """A verifier has the 43 characters of 32 bytes, a state as many, and none comes twice."""
    made = [make() for make in (pkce.new_verifier, pkce.new_state) for _ in range(100)]
    assert len(set(made)) == 200
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{43}", value) for value in made)
