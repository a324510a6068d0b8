"""`python -m hearthline.switch.robots --config FILE`: run the built-in provider until SIGTERM or SIGINT.

Prints one line of JSON when it is ready: {"ready": true, "port": 40001, "apology": ""}. With `--until-stdin-closes` it
also ends when its standard input does, so that it cannot outlive whoever started it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import signal
import sys
from pathlib import Path

from hearthline.switch.robots.config import ConfigError, ProviderConfig, read_config
from hearthline.switch.robots.provider import Provider


def main() -> int:
    parser = argparse.ArgumentParser(prog="hearthline.switch.robots", description=__doc__)
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--until-stdin-closes", action="store_true")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(message)s")
    try:
        config = read_config(arguments.config)
        asyncio.run(_serve(config, until_stdin_closes=arguments.until_stdin_closes))
    except ConfigError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    except OSError as error:
        sys.stderr.write(f"The built-in provider cannot listen: {error.strerror}.\n")
        return 1
    return 0


async def _serve(config: ProviderConfig, *, until_stdin_closes: bool) -> None:
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    provider = await Provider.start(config)
    if provider.apology:
        sys.stderr.write(provider.apology + "\n")
    sys.stdout.write(json.dumps({"ready": True, "port": provider.port, "apology": provider.apology}) + "\n")
    sys.stdout.flush()
    reader: asyncio.Task[None] | None = None
    if until_stdin_closes:
        reader = loop.create_task(_until_closed(stop))
    await stop.wait()
    if reader is not None:
        reader.cancel()
    await provider.close()


async def _until_closed(stop: asyncio.Event) -> None:
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while await reader.read(4096):
        pass
    stop.set()


if __name__ == "__main__":
    sys.exit(main())
