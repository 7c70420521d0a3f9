"""The many ways upstreams say that a prompt is too long, rewritten in the words Claude Code acts on.

Claude Code compacts the conversation when it reads `prompt is too long: N tokens > M maximum`, and lowers
`max_tokens` on the other wording. Source: observed behaviour of Claude Code 2.1.
"""

from __future__ import annotations

import re

NO_NUMBERS = "capability_rejected: prompt_too_long"

_SPLITS = (
    re.compile(r"maximum context length (?:is|of) (?P<limit>\d+).{0,200}?(?P<prompt>\d+) (?:tokens )?(?:in|from) the"
               r" (?:messages|prompt|input).{0,90}?(?P<output>\d+) (?:tokens )?(?:in|for|of) the (?:completion|output)",
               re.IGNORECASE | re.DOTALL),
    re.compile(r"is too large: (?P<output>\d+)\..{0,40}?maximum context length is (?P<limit>\d+) tokens and your"
               r" request has (?P<prompt>\d+) input tokens", re.IGNORECASE | re.DOTALL),
    re.compile(r"max_new_tokens\W{0,3}must be <= (?P<limit>\d+)\. Given: (?P<prompt>\d+) \W?inputs\W? tokens and"
               r" (?P<output>\d+)", re.IGNORECASE),
)  # fmt: skip
_LIMIT_FIRST = (
    re.compile(r"maximum context length (?:is|of) (\d+).{0,200}?(?:resulted in|requested|has|contains?|got)"
               r" (?:about )?(\d+)", re.IGNORECASE | re.DOTALL),
    re.compile(r"exceeded model token limit: (\d+) \(requested: (\d+)", re.IGNORECASE),
    re.compile(r"context (?:window|size|length)\D{0,40}(\d+).{0,120}?(?:prompt|input|request)\D{0,60}(\d+)",
               re.IGNORECASE | re.DOTALL),
)  # fmt: skip
_COUNT_FIRST = (
    re.compile(r"prompt is too long: (\d+) tokens > (\d+)", re.IGNORECASE),
    re.compile(r"input length \(?(\d+)\)? exceeds.{0,60}?(\d+)", re.IGNORECASE | re.DOTALL),
    re.compile(r"prompt contains (\d+) tokens.{0,60}?too large for model with (\d+)", re.IGNORECASE | re.DOTALL),
    re.compile(r"input token count \(?(\d+)\)? exceeds the maximum.{0,60}?\(?(\d+)\)?", re.IGNORECASE | re.DOTALL),
    re.compile(r"(?:prompt|input|request)\D{0,40}\(?(\d+)\D{0,20}tokens?\)?.{0,60}?(?:exceeds?|larger|longer|greater|>)"
               r".{0,80}?(\d+)", re.IGNORECASE | re.DOTALL),
)  # fmt: skip
_SEPARATOR = re.compile(r"(?<=\d)[,_](?=\d{3}(?!\d))")
_ENDLESS = re.compile(r"\d{16,}")  # no count of tokens
_RECOGNISED = re.compile(
    r"context_length_exceeded|context length|context window|maximum context|prompt is too long|prompt too long"
    r"|input is too long|too many tokens|exceeds? the (?:available |model'?s? )?context|reduce the length"
    r"|token limit exceeded|exceeds the maximum number of tokens|context size|max(?:imum)? input (?:length|tokens)"
    r"|model token limit|maximum allowed token size|range of input length|max_new_tokens\W{0,3}must be <=",
    re.IGNORECASE,
)


def too_long_message(text: str) -> str | None:
    """The wording to hand on when `text` says that a prompt exceeds the context window, else None."""
    if text.startswith("input length and `max_tokens` exceed context limit"):
        return text
    if not _RECOGNISED.search(text):
        return None
    text = _ENDLESS.sub("", _SEPARATOR.sub("", text))
    for pattern in _SPLITS:
        split = pattern.search(text)
        if split and int(split["prompt"]) <= int(split["limit"]):
            limit, prompt, output = (int(split[name]) for name in ("limit", "prompt", "output"))
            return (
                f"input length and `max_tokens` exceed context limit: {prompt} + {output} > {limit}, "
                "decrease input length or `max_tokens` and try again"
            )
    for pattern in _COUNT_FIRST:
        if found := pattern.search(text):
            return _native(int(found[1]), int(found[2]))
    for pattern in _LIMIT_FIRST:
        if found := pattern.search(text):
            return _native(int(found[2]), int(found[1]))
    return NO_NUMBERS


def _native(tokens: int, limit: int) -> str:
    return f"prompt is too long: {tokens} tokens > {limit} maximum" if tokens > limit else NO_NUMBERS
