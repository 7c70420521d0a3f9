"""The words of one part of Gemini's content."""

from __future__ import annotations

from typing import Any


def words_of(part: dict[str, Any]) -> str:
    """What a part says: its text, or code and what it put out as text; a file is named, not shown."""
    text = part.get("text")
    if isinstance(text, str):
        return text
    code, result, file = (part.get(key) for key in ("executableCode", "codeExecutionResult", "inlineData"))
    if isinstance(code, dict) and isinstance(code.get("code"), str):
        language = code.get("language")
        return _fenced(code["code"], language.lower() if isinstance(language, str) else "")
    if isinstance(result, dict) and isinstance(result.get("output"), str):
        return _fenced(result["output"], "")
    if isinstance(file, dict):
        kind = file.get("mimeType")
        return f"\n[{kind if isinstance(kind, str) else 'file'} left out]\n"
    return ""


def signature_of(part: dict[str, Any]) -> str:
    """A part's thought signature, or nothing."""
    signature = part.get("thoughtSignature")
    return signature if isinstance(signature, str) else ""


def parts_of(candidate: dict[str, Any]) -> list[dict[str, Any]]:
    """The parts of a candidate's content."""
    content = candidate.get("content")
    parts = content.get("parts") if isinstance(content, dict) else None
    return [part for part in parts if isinstance(part, dict)] if isinstance(parts, list) else []


def first_candidate(chunk: dict[str, Any]) -> dict[str, Any] | None:
    """Candidate 0 of a chunk; the others are other answers to the same question."""
    candidates = chunk.get("candidates")
    for candidate in candidates if isinstance(candidates, list) else ():
        if isinstance(candidate, dict) and candidate.get("index") in (None, 0):
            return candidate
    return None


def _fenced(text: str, language: str) -> str:
    return f"\n```{language}\n{text.rstrip()}\n```\n"
