"""Whether this process can do its work for somebody: the database, the bus, and a node that takes calls."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as LateError
from datetime import timedelta

from django.db import connection, connections

from hearthline.calls.models import Node
from hearthline.lib import clock
from hearthline.realtime.configured import bus

WITHIN_S = 3.0
NODE_SILENT = timedelta(seconds=30)

_threads = ThreadPoolExecutor(6, thread_name_prefix="readiness")
_asked: dict[str, Future[str]] = {}


def readiness() -> dict[str, str]:
    """Part → "ok", or what is wrong with it, in at most `WITHIN_S` seconds. A part that still ponders the last question is not
    asked again, so that a hung database does not gather threads."""
    answers = {}
    for name, look in _PARTS.items():
        if name not in _asked or _asked[name].done():
            _asked[name] = _threads.submit(_safely, look)
    deadline = time.monotonic() + WITHIN_S
    for name in _PARTS:
        try:
            answers[name] = _asked[name].result(max(0.0, deadline - time.monotonic()))
        except LateError:
            answers[name] = "does not answer"
    return answers


def _safely(look: Callable[[], str]) -> str:
    try:
        return look()
    except Exception as error:  # noqa: BLE001 (whatever it is, the part is not ready; the text may hold secrets)
        return f"fails ({type(error).__name__})"
    finally:
        connections.close_all()


def _database() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return "ok"


def _bus() -> str:
    bus().latest_id()
    return "ok"


def _callcontrol() -> str:
    """A node whose call control has compared itself with its switch a moment ago."""
    alive = Node.objects.filter(heartbeat_at__gt=clock.now() - NODE_SILENT)
    return "ok" if alive.exists() else "no node has told of itself"


_PARTS: dict[str, Callable[[], str]] = {"database": _database, "bus": _bus, "callcontrol": _callcontrol}
