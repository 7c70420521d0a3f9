"""Log lines: structlog over the standard library, for people (`console`) or programs (`json`).

Control characters are escaped, so that no model name or header can forge a line. Of a request's address the
query is left out.
"""

from __future__ import annotations

import re
from typing import Any

import structlog
from structlog.typing import EventDict, WrappedLogger

_CONTROL = {code: f"\\x{code:02x}" for code in (*range(0x20), *range(0x7F, 0xA0)) if code != 0x0A}
_CONTROL |= {code: f"\\u{code:04x}" for code in (*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x2028, 0x2029)}


def escape_control(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """A processor: C0, C1 and bidirectional control characters become visible escapes."""
    return {key: _escaped(value) if key != "exception" else value for key, value in event.items()}


def _escaped(value: Any) -> Any:
    return value.translate(_CONTROL).replace("\n", "\\n") if isinstance(value, str) else value


_ACCESS_LOGS = ("django.server", "django.channels.server")
_QUERY = re.compile(r"\?\S*")


def without_query(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """A processor: of a request its method and path are told; the query can hold a code that signs somebody in."""
    request, line = event.get("request"), event.get("event")
    if request is not None and hasattr(request, "get_full_path"):
        event["request"] = f"{request.method} {request.path}"
    if event.get("logger") in _ACCESS_LOGS and isinstance(line, str):
        event["event"] = _QUERY.sub("?…", line)
    return event


def logging_config(level: str, style: str) -> dict[str, Any]:
    """The LOGGING setting for a level name and a style (`console` or `json`)."""
    renderer: Any = (
        structlog.processors.JSONRenderer() if style == "json" else structlog.dev.ConsoleRenderer(colors=False)
    )
    shared: list[Any] = [
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        without_query,
        escape_control,
    ]
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "lines": {
                "()": structlog.stdlib.ProcessorFormatter,
                "foreign_pre_chain": shared,
                "processors": [structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
            }
        },
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "lines"}},
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {
            "django": {"level": level},
            "django.server": {"handlers": ["stderr"], "level": level, "propagate": False},
            "daphne": {"level": "WARNING"},
            "httpx": {"level": "WARNING"},
            "aiohttp": {"level": "WARNING"},
            # A traceback each second while Redis is away, of each process; proxy.tail says when it goes and comes.
            "channels_redis.pubsub": {"level": "CRITICAL"},
        },
    }
