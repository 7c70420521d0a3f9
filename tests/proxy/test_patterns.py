"""Users' patterns: RE2, linear, and clear about what is wrong."""

import time

import pytest

from proxy.patterns import MAX_HAYSTACK, MAX_NAME, MAX_PATTERN, BadPattern, compile_pattern, matches


@pytest.mark.parametrize(
    ("pattern", "text", "found"),
    [
        ("^claude-", "claude-opus-4", True),
        ("^claude-", "my-claude-opus", False),
        ("(?i)claude.*haiku", "CLAUDE-3-HAIKU", True),
        ("opus", "claude-opus-4", True),
        ("", "anything", True),
        ("é+", "caféé", True),
        ("^a$", "a\n", False),
        (r"\d{3}", "ab123", True),
        ("a", "\ud800a", True),
        ("b", "\udfff", False),
    ],
)
def test_search_is_unanchored(pattern, text, found):
    """A pattern is searched anywhere in the text, half surrogate pairs in it notwithstanding."""
    assert matches(compile_pattern(pattern), text) is found


def test_no_pattern_matches_nothing():
    """Without a pattern there is no match."""
    assert matches(None, "anything") is False


@pytest.mark.parametrize(
    "bad", ["(", "[a", "a**", "(?=x)", r"(a)\1", "(?<=x)y", "*", "a{2,1}", "a{5000}", "\ud800", "(?P<n"]
)
def test_bad_pattern_is_named(bad):
    """A pattern RE2 does not know is refused with the pattern and the reason."""
    with pytest.raises(BadPattern) as caught:
        compile_pattern(bad)
    assert repr(bad) in str(caught.value)
    assert len(str(caught.value)) > len(repr(bad)) + 20


def test_long_pattern_is_refused():
    """A pattern longer than the limit is refused, one at the limit is not."""
    compile_pattern("a" * MAX_PATTERN)
    with pytest.raises(BadPattern, match=str(MAX_PATTERN)):
        compile_pattern("a" * (MAX_PATTERN + 1))


@pytest.mark.parametrize("evil", ["(a+)+$", "(a|aa)+$", "(.*a){20}$", "(x+x+)+y"])
def test_evil_patterns_take_linear_time(evil):
    """Patterns that blow up in backtracking engines answer at once."""
    pattern = compile_pattern(evil)
    started = time.perf_counter()
    matches(pattern, "a" * MAX_HAYSTACK + "!")
    matches(pattern, "x" * MAX_HAYSTACK)
    assert time.perf_counter() - started < 2


def test_only_the_first_part_is_searched():
    """A text is searched up to the limit."""
    pattern = compile_pattern("needle")
    assert matches(pattern, "x" * (MAX_HAYSTACK - 6) + "needle")
    assert not matches(pattern, "x" * MAX_HAYSTACK + "needle")


def test_nothing_is_printed(capfd):
    """A bad pattern writes nothing to the console of the server."""
    with pytest.raises(BadPattern):
        compile_pattern("(")
    assert capfd.readouterr() == ("", "")


def test_a_name_is_searched_once():
    """The answer for a short text is remembered, that for a long one is not."""

    class Counting:
        searches = 0

        def search(self, text):
            self.searches += 1
            return text

    pattern = Counting()
    assert [matches(pattern, "n" * MAX_NAME) for _ in range(3)] == [True] * 3
    assert pattern.searches == 1
    assert [matches(pattern, "n" * (MAX_NAME + 1)) for _ in range(3)] == [True] * 3
    assert pattern.searches == 4
