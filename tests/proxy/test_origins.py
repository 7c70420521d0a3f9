from proxy.origins import Origins


def test_a_signature_is_known_by_who_gave_it():
    """Signatures look alike; their makers are remembered, and unknown ones are said to be unknown."""
    origins = Origins()
    origins.note("sig-a", "anthropic")
    origins.note("sig-z", "zai")
    assert (origins.maker("sig-a"), origins.maker("sig-z"), origins.maker("sig-x")) == ("anthropic", "zai", None)
    assert origins.maker("\ud800") is None


def test_one_maker_alone_needs_no_second_look():
    """While one provider has made all signatures, its requests need not be searched for others'."""
    origins = Origins()
    assert not origins.others_than("anthropic")
    origins.note("sig-a", "anthropic")
    assert not origins.others_than("anthropic")
    assert origins.others_than("zai")


def test_the_memory_is_bounded():
    """The oldest signatures are forgotten first."""
    origins = Origins(limit=2)
    for name in ("a", "b", "c"):
        origins.note(name, "p")
    assert [origins.maker(name) for name in "abc"] == [None, "p", "p"]
