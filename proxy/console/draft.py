"""What somebody wants to send from the console: as form values, as a Messages body, as a curl command. Pure."""

from __future__ import annotations

import json
import shlex
from dataclasses import asdict, dataclass
from typing import Any

MAX_PROMPT_BYTES = 200_000
MAX_BODY_BYTES = 2_000_000
MAX_TOKENS = 1024
BUDGET = 2048
OFF, ENABLED, ADAPTIVE = "off", "enabled", "adaptive"
SAMPLE_TOOL: dict[str, Any] = {
    "name": "get_weather",
    "description": "The weather of a place at this moment.",
    "input_schema": {
        "type": "object",
        "properties": {"place": {"type": "string", "description": "Town and country"}},
        "required": ["place"],
    },
}
"""Offered so that a tool call can be seen. Nothing answers it."""
_END_OF_BODY = "END_OF_BODY"


@dataclass(frozen=True, slots=True)
class Draft:
    """One request of the console. With `body`, a whole Messages body as JSON, only model, stream and provider count."""

    model: str
    prompt: str = ""
    system: str = ""
    max_tokens: int = MAX_TOKENS
    stream: bool = True
    tools: bool = False
    thinking: str = OFF
    budget: int = BUDGET
    effort: str = "high"
    provider: str = ""
    """Only this provider's targets are tried, as with the X-Provider header; "" for all."""
    body: str = ""

    def messages_body(self) -> dict[str, Any]:
        """The Messages request. Raises ValueError when `body` is no JSON object."""
        if self.body:
            given = parsed(self.body)
            return {**given, "max_tokens": given.get("max_tokens", MAX_TOKENS), **self._leading()}
        made: dict[str, Any] = {**self._leading(), "max_tokens": self.max_tokens}
        if self.system:
            made["system"] = self.system
        made["messages"] = [{"role": "user", "content": self.prompt}]
        if self.tools:
            made["tools"] = [SAMPLE_TOOL]
        if self.thinking == ENABLED:
            made["thinking"] = {"type": ENABLED, "budget_tokens": self.budget}
        elif self.thinking == ADAPTIVE:
            made["thinking"] = {"type": ADAPTIVE, "display": "summarized"}
            made["output_config"] = {"effort": self.effort}
        return made

    def encoded(self) -> bytes:
        """The body as it is sent. Raises ValueError as above."""
        return json.dumps(self.messages_body(), separators=(",", ":")).encode()

    def headers(self) -> dict[str, str]:
        """The request's headers, lower-case names; no key among them."""
        forced = {"x-provider": self.provider} if self.provider else {}
        return {"anthropic-version": "2023-06-01", "content-type": "application/json", **forced}

    def curl(self, url: str) -> str:
        """The same request as a shell command, the key left to a variable of the shell."""
        lines = [f"curl -sS{'N' if self.stream else ''} {shlex.quote(url)}"]
        lines.append('-H "authorization: Bearer $ANTHROPIC_AUTH_TOKEN"')
        lines += [f"-H {shlex.quote(f'{name}: {value}')}" for name, value in self.headers().items()]
        # From its standard input: one argument of a command may not be long. JSON has no line of its own making in it.
        lines.append(f"--data-binary @- <<'{_END_OF_BODY}'")
        body = json.dumps(self.messages_body(), indent=2, ensure_ascii=False)
        return " \\\n  ".join(lines) + f"\n{body}\n{_END_OF_BODY}\n"

    def values(self) -> dict[str, Any]:
        """The form's values."""
        return asdict(self)

    def _leading(self) -> dict[str, Any]:
        return {"model": self.model, "stream": self.stream}


def parsed(text: str) -> dict[str, Any]:
    """A Messages body. Raises ValueError, whose words name the fix."""
    try:
        body = json.loads(text)
        json.dumps(body, indent=2, allow_nan=False)  # what no upstream could be sent is not taken
    except (ValueError, RecursionError) as error:
        raise ValueError(f"this is not JSON: {error}") from error
    if not isinstance(body, dict) or not isinstance(body.get("messages"), list):
        raise ValueError('write a JSON object with a list of "messages"')
    return body


def drafted(text: str) -> Draft | None:
    """A captured Messages body as a draft; None when it cannot be read, as when only its beginning was kept.

    What the form has fields for goes into the fields, everything else stays a whole body. The client's metadata is
    left out: a repeated request is not part of anybody's session.
    """
    try:
        body = parsed(text)
    except ValueError:
        return None
    body.pop("metadata", None)
    model = body.get("model")
    common: dict[str, Any] = {"model": model if isinstance(model, str) else "", "stream": body.get("stream") is True}
    simple = _simple(body)
    if simple is not None:
        return Draft(**common, **simple)
    rest = {name: value for name, value in body.items() if name not in ("model", "stream")}
    return Draft(**common, body=json.dumps(rest, indent=2, ensure_ascii=False))


def _simple(body: dict[str, Any]) -> dict[str, Any] | None:
    """The fields of a body that is one text from the user and holds nothing the form does not know; else None."""
    system, messages, tokens = body.get("system", ""), body["messages"], body.get("max_tokens", MAX_TOKENS)
    whole = set(body) <= {"model", "stream", "max_tokens", "system", "messages"}
    alone = len(messages) == 1 and isinstance(messages[0], dict) and set(messages[0]) == {"role", "content"}
    if not whole or not alone or messages[0]["role"] != "user":
        return None
    texts = (system, messages[0]["content"])
    if not all(isinstance(text, str) for text in texts) or not isinstance(tokens, int) or tokens < 1:
        return None
    if any(len(text.encode("utf-8", "replace")) > MAX_PROMPT_BYTES for text in texts):
        return None  # the fields would refuse it; as a whole body it may be longer
    return {"system": system, "prompt": messages[0]["content"], "max_tokens": tokens}
