"""Bodies shaped like those that Claude Code sends: the same blocks, fields and kinds of tools, in other words."""

import json

SESSION = "7d0f2c1e-0000-4000-8000-000000000001"
USER_ID = json.dumps({"device_id": "0" * 64, "account_uuid": "", "session_id": SESSION})
BILLING = "x-anthropic-billing-header: cc_version=2.1.330.abc; cc_entrypoint=cli;"
CACHED = {"cache_control": {"type": "ephemeral"}}
REMINDER = "<system-reminder>\nfacts of the project\n</system-reminder>"
INSTRUCTIONS = "The available agents are: one, two."
PNG, PDF_DATA = "iVBORw0KGgo=", "JVBERi0xLjQ="


def text(words, **fields):
    return {"type": "text", "text": words, **fields}


def use(id_, name="Read", **given):
    return {"type": "tool_use", "id": id_, "name": name, "input": given}


def result(id_, content="ok", **fields):
    return {"tool_use_id": id_, "type": "tool_result", "content": content, **fields}


def user(*blocks):
    return {"role": "user", "content": list(blocks)}


def assistant(*blocks):
    return {"role": "assistant", "content": list(blocks)}


def aside(content, **fields):
    return {"role": "system", "content": content, **fields}


def thought(words="hm", signature="EqQBCkYIBRgCKkDgenuine"):
    return {"type": "thinking", "thinking": words, "signature": signature}


IMAGE = {"type": "image", "source": {"type": "base64", "data": PNG, "media_type": "image/png"}}
PDF = {"type": "document", "source": {"type": "base64", "data": PDF_DATA, "media_type": "application/pdf"}}
SYSTEM = [text(BILLING), text("You are a coding agent.", **CACHED), text("Be brief.", **CACHED)]
OPENING = [
    user(text(REMINDER), text("read the files")),
    aside([text(INSTRUCTIONS, **CACHED)], output_config={"effort": "medium"}),
]


def _schema(required=(), **properties):
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object", "properties": properties,
        "required": list(required), "additionalProperties": False,
    }  # fmt: skip


def tool(name, required=(), **properties):
    return {"name": name, "description": f"{name} does it.", "input_schema": _schema(required, **properties)}


_WORDS = {"description": "some text", "type": "string"}
_BIG = 9007199254740991
TOOLS = [
    tool("Bash", ["command"], command=_WORDS, timeout={"type": "number"}, run_in_background={"type": "boolean"}),
    tool("Edit", ["file_path"], file_path=_WORDS, replace_all={"default": False, "type": "boolean"}),
    tool(
        "Read", ["file_path"], file_path=_WORDS, offset={"type": "integer", "minimum": 0, "maximum": _BIG},
        limit={"type": "integer", "exclusiveMinimum": 0, "maximum": _BIG},
    ),
    tool(
        "ReportFindings", ["findings"],
        level={"type": "string", "enum": ["low", "high"]},
        findings={"type": "array", "maxItems": 32, "items": {
            "type": "object", "required": ["file"], "additionalProperties": False,
            "properties": {"file": {**_WORDS, "maxLength": 200, "minLength": 1}, "line": {"type": "integer"}}}},
    ),
    tool(
        "SendMessage", ["to"], to={"type": "string", "allOf": [{"pattern": "^[^\\n]*$"}, {"pattern": "^.{0,300}$"}]},
        meta={"type": "object", "propertyNames": {"type": "string"}, "additionalProperties": {"type": "string"}},
    ),
    tool("ToolSearch", ["query"], query=_WORDS, max_results={"type": "number", "default": 5}),
    {**tool("WebFetch", ["url"], url={**_WORDS, "format": "uri"}), "defer_loading": True},
    {**tool("DeferredToolPlaceholder"), "defer_loading": True},
    tool("Write", ["file_path"], file_path=_WORDS, content=_WORDS),
]  # fmt: skip
OFFERED = [one["name"] for one in TOOLS if one["name"] != "DeferredToolPlaceholder"]


def agent(*turns, **fields):
    """A turn of the main agent: all tools, adaptive thinking, the session in its metadata."""
    return {
        "model": "claude-opus-5-5", "messages": [*OPENING, *turns], "system": SYSTEM, "tools": TOOLS,
        "metadata": {"user_id": USER_ID}, "max_tokens": 128000, "thinking": {"type": "adaptive", "display": "updates"},
        "context_management": {"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]},
        "output_config": {"effort": "medium"}, "stream": True, **fields,
    }  # fmt: skip


def side(*turns, **fields):
    """A request beside the conversation: no thinking, no tools but those given."""
    return {
        "model": "claude-opus-5-5", "messages": list(turns), "system": SYSTEM, "metadata": {"user_id": USER_ID},
        "max_tokens": 128000, "stream": True, **fields,
    }  # fmt: skip


TITLE_SCHEMA = _schema(["title"], title={"type": "string"})
TITLE_SCHEMA.pop("$schema")
TITLE = side(
    user(text("what this session is about")), tools=[],
    output_config={"effort": "medium", "format": {"type": "json_schema", "schema": TITLE_SCHEMA}},
)  # fmt: skip
WEB_SEARCH = side(
    user(text("search the web for: cats")), output_config={"effort": "medium"}, tool_choice={"type": "auto"},
    tools=[{"type": "web_search_20250305", "name": "web_search", "max_uses": 8}],
)  # fmt: skip
SAFEGUARDS = [{"type": "dangerous_tool_use", "classifier_context": {"v": 1, "permission_mode": "auto"}}]
COUNT = {"model": "claude-opus-5-5", "messages": [{"role": "user", "content": "foo"}]}

_FIRST = assistant(text("I look."), use("toolu_01", "Bash", command="ls"))
_LOADED = [
    assistant(use("toolu_03", "ToolSearch", query="fetch", max_results=5)),
    user(result("toolu_03", [{"type": "tool_reference", "tool_name": "WebFetch"}]), text("Tool loaded.", **CACHED)),
]
EVERY_SHAPE = {
    "first turn": agent(),
    "tool loop": agent(_FIRST, user(result("toolu_01", "a.txt", is_error=False)), assistant(use("toolu_02")),
                       user(result("toolu_02", "1\tx", **CACHED))),
    "parallel tools": agent(assistant(use("toolu_01"), use("toolu_02", "Bash")),
                            user(result("toolu_01"), result("toolu_02", "no", is_error=True, **CACHED))),
    "image": agent(assistant(use("toolu_01")), user(result("toolu_01", [IMAGE], **CACHED))),
    "pdf": agent(assistant(use("toolu_01")), user(result("toolu_01", [text("PDF file read"), PDF]))),
    "thinking": agent(assistant(thought(), text("t"), use("toolu_01", "Bash")), user(result("toolu_01", "X"))),
    "tool search": agent(*_LOADED),
    "compaction": agent(assistant(text("done", **CACHED)), {"role": "user", "content": "summarize all of it"}),
    "resumed": agent(assistant(text("first answer")), user(text("second message", **CACHED))),
    "no betas": {**agent(), "messages": [OPENING[0], aside(INSTRUCTIONS)]},
    "older model": agent(model="claude-sonnet-4-5", thinking={"type": "enabled", "budget_tokens": 31999}),
    "subagent": agent(thinking={"type": "adaptive", "display": "omitted"}),
    "auto mode": agent(safeguards=SAFEGUARDS),
    "title": TITLE,
    "web search": WEB_SEARCH,
    "counted": COUNT,
}  # fmt: skip
