"""Web searches that the upstream made, told in the blocks of Anthropic's own search tool.

What a search found is told either with its call or only by the citations of the text that
follows; a search without sources of its own therefore waits for them.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

from providers.outbound.openai_responses.items import parts_of
from providers.wire import signatures
from providers.wire.blocks import BlockWriter
from providers.wire.messages import MessagesEvent


@dataclass(frozen=True, slots=True)
class _Search:
    query: str
    failed: bool
    sources: tuple[dict[str, Any], ...]


class Searches:
    """The searches of one answer. `origin` marks what they found as this upstream's."""

    def __init__(self, origin: str) -> None:
        self._origin = origin
        self._waiting: list[_Search] = []
        self._cited: dict[str, str] = {}
        """Titles by address, in the order they were cited."""
        self.count = 0
        """How many searches were made."""

    def called(self, entry: dict[str, Any]) -> None:
        """A `web_search_call` item, whole. Opening a page it found is no search of its own."""
        action = entry.get("action")
        action = action if isinstance(action, dict) else {}
        if action.get("type", "search") != "search":
            return
        queries = action.get("queries")
        told = [action.get("query"), *(queries if isinstance(queries, list) else ())]
        query = next((text for text in told if isinstance(text, str) and text), "")
        sources = tuple(part for part in parts_of(action, "sources") if isinstance(part.get("url"), str))
        self._waiting.append(_Search(query, entry.get("status") == "failed", sources))
        self.count += 1

    def cite(self, annotation: Any) -> None:
        """An annotation of a text; those that cite no address say nothing."""
        if not isinstance(annotation, dict) or annotation.get("type") != "url_citation":
            return
        url, title = annotation.get("url"), annotation.get("title")
        if isinstance(url, str) and url:
            self._cited[url] = self._cited.get(url) or (title if isinstance(title, str) else "")

    def told(self, writer: BlockWriter, own_id: str) -> list[MessagesEvent]:
        """The searches whose results are known by now."""
        known = bool(self._cited) or all(search.sources or search.failed for search in self._waiting)
        return self.rest(writer, own_id) if known else []

    def rest(self, writer: BlockWriter, own_id: str) -> list[MessagesEvent]:
        """Every search that waits; what was cited counts as found by the last of them that names no sources."""
        waiting, self._waiting = self._waiting, []
        silent = [search for search in waiting if not search.sources and not search.failed]
        events: list[MessagesEvent] = []
        for number, search in enumerate(waiting, self.count - len(waiting)):
            found = [(part["url"], _title(part)) for part in search.sources]
            if silent and search is silent[-1]:
                found, self._cited = list(self._cited.items()), {}
            tool_id = "srvtoolu_" + hashlib.sha256(f"{own_id} {number}".encode()).hexdigest()[:24]
            call = {"type": "server_tool_use", "id": tool_id, "name": "web_search", "input": {"query": search.query}}
            result = {"type": "web_search_tool_result", "tool_use_id": tool_id, "content": self._content(search, found)}
            events += writer.whole(call) + writer.whole(result)
        return events

    def _content(self, search: _Search, found: list[tuple[str, str]]) -> Any:
        if search.failed:
            return {"type": "web_search_tool_result_error", "error_code": "unavailable"}
        return [
            {
                "type": "web_search_result", "url": url, "title": title or self._cited.get(url) or url,
                "encrypted_content": signatures.tag(self._origin, {"url": url}), "page_age": None,
            }
            for url, title in found
        ]  # fmt: skip


def _title(source: dict[str, Any]) -> str:
    title = source.get("title")
    return title if isinstance(title, str) else ""
