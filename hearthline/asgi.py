"""The web process: pages, API and event streams by Django; `/healthz`, `/readyz`, `/metrics`; and, where it is configured to live in this
process, call control for as long as the process lives."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "hearthline.settings")
Scope = dict[str, Any]
Receive = Callable[[], Awaitable[Mapping[str, Any]]]
Send = Callable[[Mapping[str, Any]], Awaitable[None]]

django.setup(set_prefix=False)

from django.conf import settings  # noqa: E402 (Django must be set up first)
from prometheus_client import Gauge  # noqa: E402

from hearthline.lib import measures  # noqa: E402
from hearthline.observe import answers  # noqa: E402
from hearthline.realtime.stream import streams, with_streams  # noqa: E402
from hearthline.web.body_limit import with_body_limit  # noqa: E402
from hearthline.web.handler import PagesHandler  # noqa: E402

READY_WITHIN_S = 8.0

logger = logging.getLogger("hearthline.web")
_pages = with_body_limit(with_streams(PagesHandler()), settings.HEARTHLINE.max_upload_bytes)
_callcontrol: asyncio.Task[None] | None = None
Gauge("hearthline_event_streams", "Event streams open at this process", registry=measures.REGISTRY).set_function(
    lambda: len(streams)
)


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    """The ASGI 3 application."""
    if scope["type"] == "lifespan":
        await _live(receive, send)
    elif scope["type"] == "http" and scope["path"] == "/healthz":
        await _tell_health(send)
    elif scope["type"] == "http" and scope["path"] == answers.READY:
        await _tell(send, await asyncio.to_thread(answers.ready))
    elif scope["type"] == "http" and scope["path"] == answers.METRICS:
        client, headers = (
            (scope.get("client") or ("",))[0],
            [(k.decode("latin-1"), v.decode("latin-1")) for k, v in scope["headers"]],
        )
        await _tell(send, await asyncio.to_thread(answers.metrics, client, headers))
    else:
        await _pages(scope, receive, send)


async def _live(receive: Receive, send: Send) -> None:
    """The lifespan protocol: call control begins before the first request is taken and ends after the last."""
    global _callcontrol
    await receive()
    if settings.HEARTHLINE.callcontrol == "in_web":
        from hearthline.callcontrol.run import run_call_control

        ready = asyncio.Event()
        _callcontrol = asyncio.create_task(run_call_control(ready=ready), name="call control")
        _callcontrol.add_done_callback(_leave_if_it_failed)
        await _soon(ready)
    await send({"type": "lifespan.startup.complete"})
    await receive()
    if _callcontrol:
        _callcontrol.remove_done_callback(_leave_if_it_failed)
        _callcontrol.cancel()
        await asyncio.gather(_callcontrol, return_exceptions=True)
    await send({"type": "lifespan.shutdown.complete"})


async def _soon(ready: asyncio.Event) -> None:
    """Commands are usually served from the first request on; without a switch the pages come up all the same."""
    try:
        async with asyncio.timeout(READY_WITHIN_S):
            await ready.wait()
    except TimeoutError:
        logger.warning("call control still waits for the switch; pages are served meanwhile")


def _leave_if_it_failed(task: asyncio.Task[None]) -> None:
    """Without call control the process is of no use to the exchange: end, and be started again with a clean state."""
    error = None if task.cancelled() else task.exception()
    logger.critical("call control ended by itself; this process ends too", exc_info=error)
    os.kill(os.getpid(), signal.SIGTERM)


async def _tell_health(send: Send) -> None:
    """200 while this process does its work, 503 when its call control is gone."""
    well = _callcontrol is None or not _callcontrol.done()
    word = "none" if _callcontrol is None else "running" if well else "gone"
    body = json.dumps({"ok": well, "callcontrol": word}).encode()
    await _tell(send, answers.Answer(200 if well else 503, "application/json", body))


async def _tell(send: Send, answer: answers.Answer) -> None:
    headers = [
        (b"content-type", answer.content_type.encode()),
        (b"content-length", str(len(answer.body)).encode()),
        (b"cache-control", b"no-store"),
    ]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})
