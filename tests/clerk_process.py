"""An administrator at the exchange's own command line: one process that has loaded everything runs command after command.

In, a line of JSON each: {"arguments": ["node", "list"]} for `hearthline node list`, or {"code": "..."} for Python inside the
exchange. Out, a line of JSON each: {"status": 0, "output": "..."}.
"""

from __future__ import annotations

import contextlib
import io
import json
import sys
import traceback
from typing import Any

import django
from click.testing import CliRunner

django.setup()

from django.db import close_old_connections  # noqa: E402 (Django must be set up first)

from hearthline.cli import main  # noqa: E402


def carry_out(wanted: dict[str, Any]) -> dict[str, Any]:
    close_old_connections()
    if "arguments" in wanted:
        done = CliRunner().invoke(main, wanted["arguments"])
        broken = done.exception is not None and not isinstance(done.exception, SystemExit)
        return {"status": done.exit_code, "output": done.output + (_trace(done.exception) if broken else "")}
    said = io.StringIO()
    try:
        with contextlib.redirect_stdout(said):
            exec(wanted["code"], {})
    except Exception as error:  # noqa: BLE001 (it is told to whoever asked, and the next command is waited for)
        return {"status": 1, "output": said.getvalue() + _trace(error)}
    return {"status": 0, "output": said.getvalue()}


def _trace(error: BaseException | None) -> str:
    return "".join(traceback.format_exception(error))


if __name__ == "__main__":
    for line in sys.stdin:
        sys.stdout.write(json.dumps(carry_out(json.loads(line))) + "\n")
        sys.stdout.flush()
