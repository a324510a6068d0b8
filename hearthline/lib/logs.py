"""Logs: one line an event, and no phone number, e-mail address or row of a table in any of them, whoever wrote it.

`configure()` sets up structlog and routes the standard library's loggers (Django's, uvicorn's) through the same
processors, so that a number in somebody else's message is masked too.
"""

from __future__ import annotations

import logging
import os
import re
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any

import structlog

MASK = "[number]"

# A plus and 7-15 digits (E.164), or 10-15 digits; people's separators between them. Not inside a longer token: ids,
# decimal fractions and dates are left alone.
_SEPARATED = r"(?:[ \u00a0().\-]{0,3}\d)"
_NUMBER = re.compile(rf"(?<![\w.+-])(?:\+\d{_SEPARATED}{{6,14}}|(?:\(\d{{3,5}}\)|\d){_SEPARATED}{{9,14}})(?![\w-])")
_SIP_NUMBER = re.compile(r"(?<=sip:)\+?\d{5,15}(?=@)|(?<=sips:)\+?\d{5,15}(?=@)|(?<=tel:)\+?[\d\-.()]{5,20}")
# An e-mail address; not the user part of a SIP address, which names an account or is a number.
_EMAIL = re.compile(r"(?<!sip:)(?<!sips:)(?<![\w.+%-])[\w.+%-]+@[\w-]+(?:\.[\w-]+)+")
# What PostgreSQL quotes of the data in its errors: whole rows, and the values of keys.
_ROW = re.compile(
    r"(?<=Failing row contains )\(.*\)|(?<=\)=)\(.*?\)(?= (?:already exists|is not present|is still referenced))", re.S
)
_MOMENT = re.compile(r"^\d{4}-\d{2}-\d{2}(?:[ T]\d{2}(?::?\d{2}){0,2})?$")
_DEEPEST = 6


def redacted(value: Any, depth: int = 0) -> Any:
    """`value` with everything in it that looks like a phone number replaced; containers are copied."""
    if isinstance(value, str):
        return _redacted_text(value)
    if isinstance(value, bytes):
        return _redacted_text(value.decode("utf-8", "replace"))
    if value is None or isinstance(value, bool | int | float):
        return value
    if depth >= _DEEPEST:
        return "…"
    if isinstance(value, Mapping):
        return {_redacted_text(str(k)): redacted(v, depth + 1) for k, v in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [redacted(v, depth + 1) for v in value]
    return _redacted_text(str(value))


def _redacted_text(text: str) -> str:
    text = _EMAIL.sub("[address]", _ROW.sub("([values])", text))
    text = _SIP_NUMBER.sub(MASK, text)
    return _NUMBER.sub(lambda found: found[0] if _MOMENT.match(found[0]) else MASK, text)


def redact_numbers(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """A structlog processor, the last before rendering: exceptions are text by then."""
    for key, value in event.items():
        if not key.startswith("_"):
            event[key] = redacted(value)
    return event


def configure(*, level: str = "", json: bool | None = None, stream: Any = None) -> None:
    """Log to `stream` (standard error): coloured lines for a person, JSON lines for a machine. Call once a process.

    Without arguments the environment decides (HEARTHLINE_LOG_LEVEL, HEARTHLINE_LOG_FORMAT): the switch knows no other settings.
    """
    if json is None:
        json = os.environ.get("HEARTHLINE_LOG_FORMAT") == "json"
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
        redact_numbers,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    stream = stream or sys.stderr
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer(default=str)
        if json
        else structlog.dev.ConsoleRenderer(colors=bool(getattr(stream, "isatty", bool)()))
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, redact_numbers, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level or os.environ.get("HEARTHLINE_LOG_LEVEL") or "INFO")
