"""Google Search's part in an answer, as the web search blocks an Anthropic client knows."""

from __future__ import annotations

from typing import Any

from providers.wire.signatures import tag


class Searches:
    """What an answer was grounded on, as far as its chunks have told."""

    def __init__(self, origin: str) -> None:
        self._origin = origin
        self._queries: dict[str, None] = {}
        self._pages: dict[str, str] = {}

    @property
    def count(self) -> int:
        """How many web searches were made."""
        return len(self._queries)

    def note(self, metadata: Any) -> None:
        """Take a `groundingMetadata` into account; later ones repeat or complete earlier ones."""
        if not isinstance(metadata, dict):
            return
        queries, chunks = metadata.get("webSearchQueries"), metadata.get("groundingChunks")
        for query in queries if isinstance(queries, list) else ():
            if isinstance(query, str) and query:
                self._queries[query] = None
        for chunk in chunks if isinstance(chunks, list) else ():
            page = chunk.get("web") if isinstance(chunk, dict) else None
            if isinstance(page, dict) and isinstance(page.get("uri"), str) and page["uri"]:
                title = page.get("title")
                self._pages[page["uri"]] = title if isinstance(title, str) else page["uri"]

    def blocks(self, own_id: str) -> list[dict[str, Any]]:
        """A search and its results; none when nothing was searched. Gemini does not tell which query found what."""
        if not self._queries and not self._pages:
            return []
        tool_id = f"srvtoolu_{own_id.removeprefix('msg_')}"
        query = ", ".join(self._queries)
        call = {"type": "server_tool_use", "id": tool_id, "name": "web_search", "input": {"query": query}}
        results = [self._result(url, title) for url, title in self._pages.items()]
        return [call, {"type": "web_search_tool_result", "tool_use_id": tool_id, "content": results}]

    def _result(self, url: str, title: str) -> dict[str, Any]:
        # A client hands the content back unread, but an empty one it refuses.
        opaque = tag(self._origin, {"url": url})
        return {"type": "web_search_result", "url": url, "title": title, "encrypted_content": opaque, "page_age": None}
