"""How the switch port travels over a Unix socket: frames of length and JSON, and the port's types as JSON.

    frame     := 4 bytes length (big-endian, at most MAX_FRAME) + that many bytes of UTF-8 JSON, one object
    request   := {"id": int, "method": str, "params": {...}}            client to engine
    reply     := {"id": int, "result": ...} | {"id": int, "error": {"code": str, "message": str}}
    event     := {"seq": int, "event": {"type": str, ...}}              engine to client, after `hello`
    hello     := a request; params {"boot": str, "after": int}: what the client knows ("" and 0: nothing);
                 result {"boot": str, "after": int}: the engine's process, and where its events go on

Parameters and results are read by the type hints of `port.Switch` itself, so there is nothing to keep in step.
"""

from __future__ import annotations

import asyncio
import dataclasses
import functools
import inspect
import json
import types
import typing
from collections.abc import Sequence
from enum import StrEnum
from typing import Any, Union

from hearthline.switch import port

MAX_FRAME = 1 << 20  # bytes
_MAX_ITEMS = 10_000  # of one list

EVENTS: dict[str, type[Any]] = {event.__name__: event for event in typing.get_args(port.SwitchEvent)}
METHODS = (
    "open_browser_leg",
    "ring",
    "hang_up",
    "connect",
    "park",
    "listen",
    "play",
    "stop_playing",
    "mute",
    "send_digits",
    "record",
    "stop_recording",
    "pause_recording",
    "legs",
    "load",
    "test_trunk",
    "keep_registered",
    "accept_phones",
    "registered_phones",
    "watch_numbers",
)


class WireError(Exception):
    """A frame or a value that is not what the port says; the sentence names the place."""


def frame(message: dict[str, Any]) -> bytes:
    """One message as bytes. WireError when it is too long."""
    body = json.dumps(message, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()
    if len(body) > MAX_FRAME:
        raise WireError("The message is too long.")
    return len(body).to_bytes(4, "big") + body


def parse_body(body: bytes) -> dict[str, Any]:
    """The object of one frame. WireError for anything else."""
    try:
        message = json.loads(body)
    except (ValueError, RecursionError):
        raise WireError("A frame is not JSON.") from None
    if not isinstance(message, dict):
        raise WireError("A frame is not a JSON object.")
    return message


async def read_frame(reader: asyncio.StreamReader) -> dict[str, Any]:
    """The next message. WireError for nonsense; IncompleteReadError or OSError at the end."""
    length = int.from_bytes(await reader.readexactly(4), "big")
    if not 2 <= length <= MAX_FRAME:
        raise WireError("A frame is empty or too long.")
    return parse_body(await reader.readexactly(length))


def dump(value: Any) -> Any:
    """A value of the port as JSON."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: dump(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, StrEnum):
        return str(value)
    if isinstance(value, dict):
        return {key: dump(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [dump(item) for item in value]
    return value


@functools.cache
def _hints(kind: type[Any]) -> dict[str, Any]:
    return typing.get_type_hints(kind)


def load(hint: Any, raw: Any, place: str = "value") -> Any:
    """JSON as a value of the type `hint`. WireError names the place that does not fit."""
    origin = typing.get_origin(hint)
    if origin in (Union, types.UnionType):
        return _load_optional(hint, raw, place)
    if origin in (list, tuple, Sequence):
        if not isinstance(raw, list) or len(raw) > _MAX_ITEMS:
            raise WireError(f"{place} must be a list.")
        item = typing.get_args(hint)[0]
        values = [load(item, one, f"{place}[{index}]") for index, one in enumerate(raw)]
        return tuple(values) if origin is tuple else values
    if origin is dict:
        if not isinstance(raw, dict) or not all(isinstance(one, str) for pair in raw.items() for one in pair):
            raise WireError(f"{place} must map strings to strings.")
        return dict(raw)
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return _load_enum(hint, raw, place)
    if dataclasses.is_dataclass(hint):
        return _load_dataclass(hint, raw, place)
    return _load_plain(hint, raw, place)


def _load_plain(hint: Any, raw: Any, place: str) -> Any:
    if hint is float and isinstance(raw, int | float) and not isinstance(raw, bool):
        return float(raw)
    if type(raw) is not hint:
        raise WireError(f"{place} must be of type {getattr(hint, '__name__', hint)}.")
    return raw


def _load_enum(hint: type[StrEnum], raw: Any, place: str) -> StrEnum:
    try:
        return hint(raw)
    except ValueError:
        raise WireError(f"{place} must be one of {', '.join(hint)}.") from None


def _load_optional(hint: Any, raw: Any, place: str) -> Any:
    kinds = typing.get_args(hint)
    if raw is None and type(None) in kinds:
        return None
    rest = [kind for kind in kinds if kind is not type(None)]
    if len(rest) != 1:
        raise WireError(f"{place} has a type that does not travel.")
    return load(rest[0], raw, place)


def _load_dataclass(hint: Any, raw: Any, place: str) -> Any:
    if not isinstance(raw, dict):
        raise WireError(f"{place} must be an object.")
    hints = _hints(hint)
    unknown = raw.keys() - hints.keys()
    if unknown:
        raise WireError(f"{place} has unknown fields.")
    values = {name: load(hints[name], value, f"{place}.{name}") for name, value in raw.items()}
    try:
        return hint(**values)
    except (TypeError, ValueError) as error:
        raise WireError(f"{place}: {error}.") from None


def dump_event(event: port.SwitchEvent) -> dict[str, Any]:
    return {"type": type(event).__name__, **dump(event)}


def load_event(raw: Any) -> port.SwitchEvent:
    """WireError for an event that this version does not know."""
    if not isinstance(raw, dict) or raw.get("type") not in EVENTS:
        raise WireError("The event is of an unknown type.")
    fields = {name: value for name, value in raw.items() if name != "type"}
    event: port.SwitchEvent = load(EVENTS[raw["type"]], fields, raw["type"])
    return event


@functools.cache
def _signature(method: str) -> tuple[dict[str, Any], frozenset[str], Any]:
    """Hints by parameter, which of them must be there, and the hint of the result."""
    function = getattr(port.Switch, method)
    hints = typing.get_type_hints(function)
    parameters = [one for one in inspect.signature(function).parameters.values() if one.name != "self"]
    needed = frozenset(one.name for one in parameters if one.default is inspect.Parameter.empty)
    return {one.name: hints[one.name] for one in parameters}, needed, hints["return"]


def load_params(method: str, raw: Any) -> dict[str, Any]:
    """Keyword arguments for a method of the port. WireError when they do not fit its signature."""
    hints, needed, _ = _signature(method)
    if not isinstance(raw, dict) or not needed <= raw.keys() <= hints.keys():
        raise WireError(f"{method} was not given the parameters it takes.")
    return {name: load(hints[name], value, name) for name, value in raw.items()}


def load_result(method: str, raw: Any) -> Any:
    """The result of a method of the port. WireError when it does not fit."""
    return load(_signature(method)[2], raw, "result")
