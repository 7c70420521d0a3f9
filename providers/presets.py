"""The vendors: who speaks which wire format, where, and how it is signed in to.

A vendor is a row. To add one, add a row; nothing else in the tree knows vendors by name.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

WireFormat = Literal["anthropic_messages", "openai_chat", "openai_responses", "gemini"]
AuthStyle = Literal["x-api-key", "x-goog-api-key", "api-key", "bearer", "none"]
Addressing = Literal["", "vertex", "code_assist", "codex", "azure"]
SystemRole = Literal["system", "developer", "user"]
Group = Literal["Vendors", "Aggregators", "Clouds", "On your machine", "Bring your own", "Built in"]
"""How forms and the set-up sort presets, in this order. Aggregators serve the models of many vendors."""


@dataclass(frozen=True, slots=True)
class Quirks:
    """Where a server departs from its wire format's reference.

    `max_tokens_key`: the name it takes the output limit under. `stream_usage`: takes
    `stream_options.include_usage`. `inline_system`: the role a mid-conversation system
    message gets ("user" wraps it in a `<system-reminder>`). `reasoning_replay`: wants
    `reasoning_content` of earlier assistant turns back; `reasoning_details`: gives and wants
    back OpenRouter's list of that name, unchanged. `prefill`: goes on from an unfinished
    assistant turn at the end. `stop`: how many stop sequences it takes
    (0: none). `sampling`: takes temperature and top_p. `reasoning_effort`,
    `parallel_tool_calls`, `top_k`, `json_schema`, `images`, `pdf`: takes that parameter or
    block. `counts_tokens`: has its format's token counter. `short_ids`: takes only tool ids
    of nine letters and digits. `phase`: wants assistant messages
    told apart as commentary and final answer. `cache_key`: a Chat server that takes
    `prompt_cache_key`, `safety_identifier` and `service_tier`. `efforts`: the reasoning efforts its models
    take; empty when they do not reason. `effort_or_tools`: a regular expression for the models
    that refuse to reason where functions are offered. `cache_marks`: one for the models that
    keep a prompt only up to Anthropic's `cache_control`.
    """

    max_tokens_key: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    stream_usage: bool = True
    inline_system: SystemRole = "user"
    reasoning_replay: bool = False
    reasoning_details: bool = False
    prefill: bool = False
    reasoning_effort: bool = False
    stop: int = 4
    sampling: bool = True
    parallel_tool_calls: bool = True
    top_k: bool = False
    json_schema: bool = True
    images: bool = True
    pdf: bool = False
    counts_tokens: bool = False
    short_ids: bool = False
    phase: bool = False
    cache_key: bool = False
    efforts: tuple[str, ...] = ("low", "medium", "high")
    effort_or_tools: str = ""
    cache_marks: str = ""


@dataclass(frozen=True, slots=True)
class Preset:
    """One vendor. `base_url` ends before the format's own path and has no trailing slash."""

    name: str
    label: str
    wire_format: WireFormat
    base_url: str
    auth: AuthStyle
    env_key: str = ""
    """The environment variable that by custom holds this vendor's API key."""
    headers: tuple[tuple[str, str], ...] = ()
    quirks: Quirks = Quirks()
    suggested_model: str = ""
    """A model name to show as an example in forms."""
    group: Group = "Vendors"
    elsewhere: str = ""
    """The preset that is meant when a file names this one together with another address."""
    needs_key: bool = True
    """False for servers that usually run without any key, and where an empty one means the machine's own sign-in."""
    first_content_s: float | None = None
    """Seconds to wait for the first content, where the vendor needs longer than others."""
    account_header: str = ""
    """The header that names the account somebody signed in with, where the vendor wants to be told."""
    sign_in_beta: str = ""
    """What `anthropic-beta` must hold beside the client's own when the target is signed in to by OAuth."""
    addressing: Addressing = ""
    """Where the model and project go, when not where the wire format's own API puts them."""

    @property
    def by_account_only(self) -> bool:
        """True when only an account that somebody signs in with opens it: there are no keys."""
        return self.addressing in ("codex", "code_assist")


ECHO_URL = "echo://local"

_OPENAI = Quirks(
    max_tokens_key="max_completion_tokens", inline_system="developer", reasoning_effort=True, pdf=True, stop=0,
    sampling=False, counts_tokens=True, efforts=("low", "medium", "high"),
)  # fmt: skip
_NATIVE = Quirks()
_THINKS = Quirks(reasoning_replay=True, images=False)
_LOCAL = Quirks(top_k=True)
_CODEX = replace(_OPENAI, counts_tokens=False, phase=True)
_GOOGLE = Quirks(pdf=True, counts_tokens=True, top_k=True)
_SLOW_START_S = 600.0
"""A model on one's own machine may read a long prompt for minutes before its first word."""

_ROWS = (
    Preset(
        "anthropic", "Anthropic", "anthropic_messages", "https://api.anthropic.com", "x-api-key",
        "ANTHROPIC_API_KEY", quirks=Quirks(counts_tokens=True), suggested_model="claude-sonnet-5-5",
        elsewhere="anthropic-compatible", sign_in_beta="oauth-2025-04-20",
    ),
    Preset(
        "openai", "OpenAI", "openai_responses", "https://api.openai.com/v1", "bearer",
        "OPENAI_API_KEY", quirks=_OPENAI, suggested_model="gpt-5.2", elsewhere="openai-compatible",
    ),
    Preset(
        "openai-chat", "OpenAI (Chat Completions)", "openai_chat", "https://api.openai.com/v1", "bearer",
        quirks=replace(
            _OPENAI, counts_tokens=False, cache_key=True, effort_or_tools=r"gpt-5\.([4-9]|\d\d).*"
        ), suggested_model="gpt-4.1",
    ),
    Preset(
        "codex", "ChatGPT account (Codex)", "openai_responses", "https://chatgpt.com/backend-api/codex", "bearer",
        headers=(("originator", "ccm"),), quirks=_CODEX, suggested_model="gpt-5.3-codex", addressing="codex",
        account_header="chatgpt-account-id",
    ),
    Preset(
        "gemini", "Google Gemini (AI Studio)", "gemini", "https://generativelanguage.googleapis.com",
        "x-goog-api-key", "GEMINI_API_KEY", quirks=_GOOGLE, suggested_model="gemini-3-pro-preview",
    ),
    Preset(
        "code-assist", "Google account (Gemini Code Assist)", "gemini", "https://cloudcode-pa.googleapis.com", "bearer",
        quirks=_GOOGLE, suggested_model="gemini-3-pro-preview", addressing="code_assist",
    ),
    Preset(
        "vertex-ai", "Google Vertex AI (Gemini)", "gemini", "https://aiplatform.googleapis.com", "bearer",
        quirks=_GOOGLE, suggested_model="gemini-3-pro-preview", addressing="vertex",
        needs_key=False, group="Clouds",
    ),
    Preset(
        "vertex-claude", "Google Vertex AI (Claude)", "anthropic_messages", "https://aiplatform.googleapis.com",
        "bearer", quirks=Quirks(counts_tokens=True), suggested_model="claude-sonnet-4-5@20250929", addressing="vertex",
        needs_key=False, group="Clouds",
    ),
    Preset(
        "azure-openai", "Azure OpenAI", "openai_responses", "", "api-key", "AZURE_OPENAI_API_KEY",
        quirks=replace(_OPENAI, counts_tokens=False), suggested_model="gpt-5.2", group="Clouds",
    ),
    Preset(
        "z.ai", "Z.ai (GLM)", "anthropic_messages", "https://api.z.ai/api/anthropic", "x-api-key",
        "ZAI_API_KEY", quirks=_NATIVE, suggested_model="glm-4.6",
    ),
    Preset(
        "minimax", "MiniMax", "anthropic_messages", "https://api.minimax.io/anthropic", "x-api-key",
        "MINIMAX_API_KEY", quirks=_NATIVE, suggested_model="MiniMax-M2",
    ),
    Preset(
        "zenmux", "ZenMux", "anthropic_messages", "https://zenmux.ai/api/anthropic", "x-api-key", "ZENMUX_API_KEY",
        group="Aggregators",
    ),
    Preset(
        "kimi-coding", "Kimi for Coding", "anthropic_messages", "https://api.kimi.com/coding", "x-api-key",
        "KIMI_API_KEY", quirks=_NATIVE, suggested_model="kimi-for-coding",
    ),
    Preset(
        "openrouter", "OpenRouter", "openai_chat", "https://openrouter.ai/api/v1", "bearer",
        "OPENROUTER_API_KEY",
        quirks=Quirks(pdf=True, reasoning_details=True, reasoning_effort=True, cache_marks=r"~?anthropic/.*"),
        suggested_model="z-ai/glm-4.6", group="Aggregators",
    ),
    Preset(
        "deepseek", "DeepSeek", "openai_chat", "https://api.deepseek.com/v1", "bearer", "DEEPSEEK_API_KEY",
        quirks=replace(_THINKS, json_schema=False, parallel_tool_calls=False), suggested_model="deepseek-chat",
    ),
    Preset(
        "moonshot", "Moonshot AI", "openai_chat", "https://api.moonshot.cn/v1", "bearer",
        "MOONSHOT_API_KEY", quirks=Quirks(reasoning_replay=True), suggested_model="kimi-k2-thinking",
    ),
    Preset(
        "qwen", "Qwen (DashScope)", "openai_chat", "https://dashscope-intl.aliyuncs.com/compatible-mode/v1", "bearer",
        "DASHSCOPE_API_KEY", quirks=Quirks(top_k=True), suggested_model="qwen3-coder-plus",
    ),
    Preset(
        "xai", "xAI", "openai_chat", "https://api.x.ai/v1", "bearer", "XAI_API_KEY",
        quirks=Quirks(stop=0), suggested_model="grok-4",
    ),
    Preset(
        "mistral", "Mistral AI", "openai_chat", "https://api.mistral.ai/v1", "bearer", "MISTRAL_API_KEY",
        quirks=Quirks(stream_usage=False, short_ids=True), suggested_model="devstral-medium-latest",
    ),
    Preset(
        "groq", "Groq", "openai_chat", "https://api.groq.com/openai/v1", "bearer", "GROQ_API_KEY", group="Aggregators",
    ),
    Preset(
        "together", "Together AI", "openai_chat", "https://api.together.xyz/v1", "bearer", "TOGETHER_API_KEY",
        group="Aggregators",
    ),
    Preset(
        "fireworks", "Fireworks AI", "openai_chat", "https://api.fireworks.ai/inference/v1", "bearer",
        "FIREWORKS_API_KEY", quirks=Quirks(top_k=True), group="Aggregators",
    ),
    Preset(
        "deepinfra", "DeepInfra", "openai_chat", "https://api.deepinfra.com/v1/openai", "bearer",
        "DEEPINFRA_API_KEY", group="Aggregators",
    ),
    Preset(
        "cerebras", "Cerebras", "openai_chat", "https://api.cerebras.ai/v1", "bearer", "CEREBRAS_API_KEY",
        group="Aggregators",
    ),
    Preset(
        "nebius", "Nebius", "openai_chat", "https://api.studio.nebius.ai/v1", "bearer", "NEBIUS_API_KEY",
        group="Aggregators",
    ),
    Preset(
        "novita", "Novita AI", "openai_chat", "https://api.novita.ai/v3/openai", "bearer", "NOVITA_API_KEY",
        group="Aggregators",
    ),
    Preset(
        "baseten", "Baseten", "openai_chat", "https://inference.baseten.co/v1", "bearer", "BASETEN_API_KEY",
        group="Aggregators",
    ),
    Preset(
        "siliconflow", "SiliconFlow", "openai_chat", "https://api.siliconflow.com/v1", "bearer",
        "SILICONFLOW_API_KEY", quirks=Quirks(top_k=True), group="Aggregators",
    ),
    Preset(
        "github-models", "GitHub Models", "openai_chat", "https://models.github.ai/inference", "bearer",
        headers=(("x-github-api-version", "2022-11-28"),), suggested_model="openai/gpt-4.1", group="Aggregators",
    ),
    Preset(
        "ollama", "Ollama", "openai_chat", "http://127.0.0.1:11434/v1", "bearer", quirks=Quirks(),
        group="On your machine", needs_key=False, first_content_s=_SLOW_START_S,
    ),
    Preset(
        "lm-studio", "LM Studio", "openai_chat", "http://127.0.0.1:1234/v1", "bearer", quirks=_LOCAL,
        group="On your machine", needs_key=False, first_content_s=_SLOW_START_S,
    ),
    Preset(
        "vllm", "vLLM", "openai_chat", "http://127.0.0.1:8000/v1", "bearer", quirks=_LOCAL,
        group="On your machine", needs_key=False, first_content_s=_SLOW_START_S,
    ),
    Preset(
        "llama.cpp", "llama.cpp server", "openai_chat", "http://127.0.0.1:8080/v1", "bearer", quirks=_LOCAL,
        group="On your machine", needs_key=False, first_content_s=_SLOW_START_S,
    ),
    Preset(
        "anthropic-compatible", "Any Anthropic-compatible server", "anthropic_messages", "", "x-api-key",
        group="Bring your own", needs_key=False,
    ),
    Preset(
        "openai-compatible", "Any OpenAI-compatible server", "openai_chat", "", "bearer",
        group="Bring your own", needs_key=False,
    ),
    Preset(
        "echo", "Echo (answers locally, no account)", "anthropic_messages", ECHO_URL, "none",
        quirks=Quirks(counts_tokens=True), suggested_model="echo", group="Built in", needs_key=False,
    ),
)  # fmt: skip

PRESETS: dict[str, Preset] = {row.name: row for row in _ROWS}

PRICE_LISTS: dict[str, str] = {
    "anthropic": "anthropic", "openai": "openai", "openai-chat": "openai", "gemini": "google", "vertex-ai": "google",
    "vertex-claude": "google", "azure-openai": "azure", "z.ai": "zai", "minimax": "minimax",
    "openrouter": "openrouter", "deepseek": "deepseek", "moonshot": "moonshotai", "xai": "x-ai", "mistral": "mistral",
    "groq": "groq", "together": "together", "fireworks": "fireworks", "cerebras": "cerebras", "novita": "novita",
    "baseten": "baseten",
}  # fmt: skip
"""The name of each vendor's list of prices in genai-prices, where `manage.py syncprices` looks it up."""

KEY_PAGES: dict[str, str] = {
    "anthropic": "https://console.anthropic.com/settings/keys",
    "openai": "https://platform.openai.com/api-keys",
    "openai-chat": "https://platform.openai.com/api-keys",
    "gemini": "https://aistudio.google.com/apikey",
    "openrouter": "https://openrouter.ai/settings/keys",
    "deepseek": "https://platform.deepseek.com/api_keys",
    "groq": "https://console.groq.com/keys",
    "mistral": "https://console.mistral.ai/api-keys",
    "together": "https://api.together.ai/settings/api-keys",
    "xai": "https://console.x.ai",
    "cerebras": "https://cloud.cerebras.ai",
    "github-models": "https://github.com/settings/tokens",
    "ollama": "https://ollama.com",
    "lm-studio": "https://lmstudio.ai",
    "vllm": "https://docs.vllm.ai",
}
"""Where somebody gets a vendor's key, or reads about a server of their own."""
