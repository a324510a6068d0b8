"""The engine as a process of its own: `python -m hearthline.switch.embedded --socket PATH [--config FILE]`."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import logging
import os
import signal
from pathlib import Path

from hearthline.lib import logs
from hearthline.switch.embedded.config import ConfigError, EngineConfig
from hearthline.switch.embedded.engine import EmbeddedSwitch
from hearthline.switch.embedded.server import EngineServer

log = logging.getLogger("hearthline.switch.embedded")

_NICE = -5  # audio before pages, where the system lets us


async def _serve(config: EngineConfig, path: Path) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    engine = EmbeddedSwitch(config)
    await engine.start()
    server = EngineServer(engine, path)
    try:
        await server.start()
        # What exists now lives as long as the process; later collections need not look at it.
        gc.collect()
        gc.freeze()
        gc.set_threshold(20_000, 20, 50)
        log.info("engine: ready; browsers on UDP port %s, SIP on port %s", engine.media_port, engine.sip_port)
        await stop.wait()
        log.info("engine: ending all calls")
    finally:
        await engine.close()
        await server.close()


def main() -> int:
    parser = argparse.ArgumentParser(prog="hearthline.switch.embedded", description="The embedded switch engine.")
    parser.add_argument("--socket", type=Path, required=True, help="Unix socket to serve the switch port on")
    parser.add_argument("--config", type=Path, help="JSON file with the fields of EngineConfig")
    arguments = parser.parse_args()
    logs.configure()
    try:
        config = EngineConfig.from_json(arguments.config.read_text()) if arguments.config else EngineConfig()
    except (OSError, ConfigError) as error:
        log.error("engine: the configuration cannot be used: %s", error)
        return 2
    with contextlib.suppress(OSError):
        os.nice(_NICE)
    try:
        import uvloop
    except ImportError:
        run = asyncio.run
    else:
        run = uvloop.run
    try:
        run(_serve(config, arguments.socket))
    except OSError as error:
        log.error("engine: it cannot start: %s", error)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
