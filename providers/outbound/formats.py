"""Every wire format that upstreams are spoken to in, by its name."""

from __future__ import annotations

from collections.abc import Mapping

from providers.outbound.anthropic_messages import ANTHROPIC_MESSAGES
from providers.outbound.base import Outbound
from providers.outbound.gemini import GEMINI
from providers.outbound.openai_chat import OPENAI_CHAT
from providers.outbound.openai_responses import OPENAI_RESPONSES
from providers.presets import WireFormat

OUTBOUND: Mapping[WireFormat, Outbound] = {
    "anthropic_messages": ANTHROPIC_MESSAGES,
    "openai_chat": OPENAI_CHAT,
    "openai_responses": OPENAI_RESPONSES,
    "gemini": GEMINI,
}
