"""Web searches of the upstream, told in the blocks of Anthropic's search tool."""

import json

import pytest

from providers.wire import signatures
from tests.providers.outbound.responses_replay import added, completed, done, message, recording, replay, sse


@pytest.mark.parametrize("name", ["web_search_citations", "web_search_sources"])
def test_searches_are_counted_and_their_results_are_opaque(name):
    """A search counts once, opening a page not at all; each result belongs to its call and carries an opaque text."""
    events = replay(recording(name))[0]
    assert message(events)[2]["server_tool_use"] == {"web_search_requests": 1, "web_fetch_requests": 0}
    starts = [json.loads(text) for text in events if b"content_block_start" in text]
    call, result = (e["content_block"] for e in starts if e["content_block"]["type"] != "text")
    assert call["id"] == result["tool_use_id"]
    assert call["id"].startswith("srvtoolu_")
    assert all(signatures.is_tagged(hit["encrypted_content"]) for hit in result["content"])


def test_a_failed_search_says_so():
    """A search that failed has an error as its result."""
    action = {"type": "search", "query": "q"}
    events, _ = replay(*sse(done("web_search_call", status="failed", action=action), completed()))
    results = [json.loads(text)["content_block"] for text in events if b"web_search_tool_result_error" in text]
    assert [result["content"]["error_code"] for result in results] == ["unavailable"]


def search(query="q", kind="search", **fields):
    return done("web_search_call", id=query, status="completed", action={"type": kind, "query": query, **fields})


def text(words, *urls, title=""):
    cited = [{"type": "url_citation", "url": url, "title": title} for url in urls]
    return done("message", id=words, content=[{"type": "output_text", "text": words, "annotations": cited}])


def test_of_several_silent_searches_the_last_found_what_was_cited():
    """Searches without sources are told together after the text; each is answered, the last with the citations."""
    events, _ = replay(*sse(search("one"), search("two"), text("a", "u", "v", "u"), completed()))
    assert message(events)[1] == [
        ("text", "a"), ("searched", "one"), ("found", []), ("searched", "two"), ("found", [("u", "u"), ("v", "v")]),
    ]  # fmt: skip


def test_a_search_nobody_cites_is_told_at_the_end():
    """A search that found nothing to cite is still a call with a result, and its ids are the same every time."""
    parts = sse(search(), text("a"), completed())
    first, second = (replay(*parts) for _ in range(2))
    assert first == second
    assert message(first[0])[1] == [("text", "a"), ("searched", "q"), ("found", [])]


def test_a_second_search_does_not_find_what_the_first_was_cited_for():
    """What the text between two searches cites belongs to the first of them."""
    events, _ = replay(*sse(search("one"), text("a", "u"), search("two"), text("b", "v"), completed()))
    found = [block for block in message(events)[1] if block[0] == "found"]
    assert found == [("found", [("u", "u")]), ("found", [("v", "v")])]


@pytest.mark.parametrize("kind", ["open_page", "find_in_page"])
def test_reading_a_page_is_no_search(kind):
    """What the upstream does with the pages it found makes no blocks and is not counted."""
    events, _ = replay(*sse(search(kind=kind), text("a"), completed()))
    assert message(events)[1] == [("text", "a")]
    assert "server_tool_use" not in message(events)[2]


def test_a_search_after_the_last_text_found_nothing_that_was_cited_before():
    """What one search was cited for is not told again for another at the end."""
    events, _ = replay(*sse(search("one"), text("a", "u"), search("two"), completed()))
    found = [block for block in message(events)[1] if block[0] == "found"]
    assert found == [("found", [("u", "u")]), ("found", [])]


def test_a_search_that_never_ends_holds_nothing_up():
    """A search that only began makes no block and nothing waits for it."""
    events, _ = replay(*sse(added("web_search_call", id="w"), text("a"), completed()))
    assert message(events)[1] == [("text", "a")]


def test_titles_come_from_wherever_they_are_told():
    """A title once cited is kept, and names a source that was told without one."""
    named, bare = text("a", "u", title="U"), text("b", "u")
    events, _ = replay(*sse(named, bare, search(sources=[{"url": "u"}, {"url": "v"}]), completed()))
    assert ("found", [("u", "U"), ("v", "v")]) in message(events)[1]
