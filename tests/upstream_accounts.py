"""What the scripted upstream takes where accounts sign in: each of these backends refuses what its real one refuses."""

from tests.upstream_answers import dumps
from tests.upstream_faults import fault, ok

CODEX_REFUSES = {
    "max_output_tokens", "temperature", "top_p", "metadata", "user", "safety_identifier", "previous_response_id",
    "prompt_cache_retention", "truncation", "stream_options",
}  # fmt: skip


def lacking(headers, **wanted):
    """What a request's headers lack, in words; empty when nothing."""
    missing = [name for name, text in wanted.items() if text not in headers.get(name.replace("_", "-"), "")]
    if "x-api-key" in headers or "x-goog-api-key" in headers:
        missing.append("a token is no API key")
    return ", ".join(missing)


def refused_by_codex(headers, body):
    """Why the Codex backend would refuse a request; empty when it would not."""
    if missing := lacking(headers, authorization="Bearer ", chatgpt_account_id="acct", originator="", user_agent=""):
        return missing
    if unknown := CODEX_REFUSES & set(body):
        return f"Unsupported parameter: {min(unknown)}"
    if not isinstance(body.get("instructions"), str):
        return "Instructions are required"
    if body.get("store") is not False:
        return "Store must be set to false"
    if body.get("stream") is not True:
        return "Stream must be set to true"
    if not isinstance(body.get("input"), list):
        return "Input must be a list"
    if any(item.get("role") == "system" for item in body["input"]):
        return "System messages are not allowed"
    return ""


@fault
async def codex(ex):
    """The Codex backend: an answer to what it takes, its own kind of 400 to the rest."""
    if why := refused_by_codex(ex.request.headers, ex.asked):
        await ex.json(400, {"detail": why})
    else:
        await ok(ex)


@fault
async def claude_account(ex):
    """Anthropic for a token of an account: without the beta it is refused."""
    if why := lacking(ex.request.headers, authorization="Bearer ", anthropic_beta="oauth-2025-04-20"):
        await ex.error(401, f"OAuth authentication is currently not supported: {why}.")
    else:
        await ok(ex)


@fault
async def code_assist(ex):
    """Code Assist: the request must be wrapped and name a project, and so is the answer."""
    missing = lacking(ex.request.headers, authorization="Bearer ")
    if missing or not isinstance(ex.asked.get("request"), dict):
        await ex.error(400, missing or "Request contains an invalid argument.")
    elif ex.counts:
        await ex.json(200, ex.dialect.counted)
    elif not ex.asked.get("project"):
        await ex.error(403, "Permission denied on resource project.")
    elif ex.stream:
        await ex.head()
        for frame in (*ex.dialect.content(), *ex.dialect.end()):
            await ex.chunk(b'data: {"response":%s,"traceId":"t"}\r\n\r\n' % frame.removeprefix(b"data: ").strip())
        await ex.finish()
    else:
        await ex.whole(200, "application/json", b'{"response":%s,"traceId":"t"}' % dumps(ex.dialect.body()))
