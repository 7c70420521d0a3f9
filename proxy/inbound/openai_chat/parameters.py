"""The parameters that only Chat has, in the words of Messages."""

from __future__ import annotations

from typing import Any

from proxy.errors import bad_request


def single_choice(source: dict[str, Any]) -> None:
    """Raises ApiError (400) when more than one answer is asked for."""
    wanted = source.get("n")
    if wanted is not None and (wanted != 1 or isinstance(wanted, bool)):
        raise bad_request("n: only 1 is possible here; send the request several times instead")


def stop_sequences(source: dict[str, Any]) -> dict[str, Any]:
    """`stop` as a list; Anthropic refuses blank ones."""
    stop = source.get("stop")
    stops = [stop] if isinstance(stop, str) else stop if isinstance(stop, list) else []
    kept = [text for text in stops if isinstance(text, str) and text.strip()]
    return {"stop_sequences": kept} if kept else {}
