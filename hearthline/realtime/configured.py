"""The bus of this installation: on Redis where `HEARTHLINE_REDIS_URL` names one, else that of one machine."""

from __future__ import annotations

import threading
from pathlib import Path

from django.conf import settings

from hearthline.realtime.bus import Bus
from hearthline.realtime.local import LocalBus

_buses: dict[tuple[Path, str], Bus] = {}
_lock = threading.Lock()


def bus() -> Bus:
    """The configured bus; one object for each installation in a process."""
    configuration = settings.HEARTHLINE
    key = (configuration.data, configuration.redis_url)
    with _lock:
        found = _buses.get(key)
        if found is None:
            found = _buses[key] = _made(*key)
        return found


def _made(data: Path, redis_url: str) -> Bus:
    run_folder = settings.HEARTHLINE.run_folder
    if not redis_url:
        return LocalBus(data, run_folder)
    from hearthline.realtime.redis_bus.bus import RedisBus  # a tenth of every process's start, for whoever has no Redis

    return RedisBus(redis_url, run_folder)
