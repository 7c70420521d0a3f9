"""What Gemini's token counter answers."""

from __future__ import annotations

from providers.wire.spans import MalformedJson, loads


def counted(body: bytes) -> int | None:
    """The tokens in an answer of `countTokens`, wrapped by Code Assist or not; None when it holds no count."""
    try:
        answer = loads(body)
    except MalformedJson:
        return None
    for holder in (answer, answer.get("response") if isinstance(answer, dict) else None):
        total = holder.get("totalTokens") if isinstance(holder, dict) else None
        if isinstance(total, int) and not isinstance(total, bool) and total >= 0:
            return total
    return None
