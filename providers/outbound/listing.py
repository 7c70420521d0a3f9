"""A vendor's list of its models: asking for it and reading it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from providers.errors import Failure, FailureKind, UpstreamFailure, plain_words
from providers.targets import Target, UpstreamRequest
from providers.wire.spans import MalformedJson, loads

MAX_NAMES = 2000
MAX_NAME = 200
"""Characters of a model's name; as many as a mapping takes."""


def list_request(target: Target, url: str, **headers: str) -> UpstreamRequest:
    """The call that asks for the list at `url`, signed in as every other call to this target."""
    own = {"accept": "application/json", "accept-encoding": "identity", "user-agent": "ccm", **headers}
    return UpstreamRequest("GET", url, own | target.own_headers(), b"")


def listed_objects(body: bytes, key: str) -> Iterator[dict[str, Any]]:
    """The objects listed under `key`, or in a bare list as some servers give it. Raises UpstreamFailure (garbled)."""
    try:
        whole = loads(body)
    except MalformedJson as error:
        words = plain_words(body.decode("utf-8", "replace"), 200) if body.strip() else "the answer was empty"
        raise UpstreamFailure(Failure(FailureKind.GARBLED, words, 200)) from error
    items = whole.get(key) if isinstance(whole, dict) else whole
    if not isinstance(items, list):
        raise UpstreamFailure(Failure(FailureKind.GARBLED, "the answer is no list of models", 200))
    return (item for item in items if isinstance(item, dict))


def listed_names(body: bytes, key: str = "data", name: str = "id") -> list[str]:
    """The model names in a list as OpenAI and Anthropic give it. Raises UpstreamFailure (garbled)."""
    return usable_names(item.get(name) for item in listed_objects(body, key))


def usable_names(names: Iterable[Any]) -> list[str]:
    """The names that a mapping can hold, each once, in the vendor's order."""
    usable = (n for n in names if isinstance(n, str) and n and n == n.strip() and n.isprintable())
    return list(dict.fromkeys(n for n in usable if len(n) <= MAX_NAME))[:MAX_NAMES]
