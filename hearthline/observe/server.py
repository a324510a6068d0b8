"""`/metrics`, `/healthz` and `/readyz` of a process that serves no pages: worker, call control. In a thread of its own."""

from __future__ import annotations

import logging
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from django.conf import settings

from hearthline.observe import answers

logger = logging.getLogger(__name__)

SLOWEST_REQUEST_S = 10


class _Handler(BaseHTTPRequestHandler):
    timeout = SLOWEST_REQUEST_S
    server_version, sys_version = "hearthline", ""

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if path == answers.METRICS:
            headers = [(name.lower(), value) for name, value in self.headers.items()]
            answer = answers.metrics(self.client_address[0], headers)
        elif path == answers.READY:
            answer = answers.ready()
        elif path == answers.HEALTH:
            answer = answers.alive()
        else:
            answer = answers.Answer(404, "text/plain", HTTPStatus.NOT_FOUND.phrase.encode())
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.content_type)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        self.wfile.write(answer.body)

    def log_message(self, format: str, *args: Any) -> None:
        logger.debug(format, *args)


def serve_beside() -> int:
    """Serve at HEARTHLINE_METRICS_LISTEN ("host:port") until the process ends; nothing when it is empty. Returns the port, 0
    for none. Raises OSError when the address cannot be had."""
    place = settings.HEARTHLINE.metrics_listen
    if not place:
        return 0
    host, _, port = place.rpartition(":")
    server = ThreadingHTTPServer((host.strip("[]") or "127.0.0.1", int(port)), _Handler)
    threading.Thread(target=server.serve_forever, name="metrics", daemon=True).start()
    return int(server.server_address[1])
