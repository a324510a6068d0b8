"""The web process: uvicorn with the settings that an exchange needs."""

from __future__ import annotations

import warnings

import uvicorn
from django.conf import settings

from hearthline.lib import logs

LONGEST_GOODBYE_S = 2  # event streams never end by themselves; browsers come back with their last id


def serve(host: str, port: int) -> None:
    """Serve until SIGTERM or SIGINT. Raises SystemExit when the address is taken."""
    logs.configure(level=settings.HEARTHLINE.log_level, json=settings.HEARTHLINE.log_format == "json")
    # WhiteNoise reads files in plain iterators; Django then reads them in a thread, which is what is wanted
    warnings.filterwarnings("ignore", "StreamingHttpResponse must consume synchronous iterators", Warning)
    uvicorn.run(
        "hearthline.asgi:application",
        host=host,
        port=port,
        lifespan="on",
        access_log=False,  # addresses carry ids; what matters is logged where it happens
        log_config=None,
        log_level="warning",
        server_header=False,
        timeout_graceful_shutdown=LONGEST_GOODBYE_S,
        timeout_keep_alive=30,
        h11_max_incomplete_event_size=64 * 1024,
        ws="none",
        proxy_headers=False,
    )
