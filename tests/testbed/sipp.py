"""SIPp running a scenario in the background."""

from __future__ import annotations

from pathlib import Path

from tests.testbed.programs import Program, free_port, needs


class Sipp:
    """`finished()` waits for it and fails with its error log unless every call of the scenario succeeded."""

    def __init__(self, folder: Path, scenario: Path, *arguments: str, calls: int = 1) -> None:
        """`arguments` go to sipp as they are, the remote address among them when it calls."""
        needs("sipp")
        self.port = free_port()
        self._errors = folder / f"sipp-{self.port}-errors.log"
        self._program = Program(
            [
                *("sipp", "-sf", str(scenario), "-i", "127.0.0.1", "-p", str(self.port)),
                *("-mi", "127.0.0.1", "-mp", str(free_port(together=4)), "-m", str(calls), "-nostdin"),
                *("-trace_err", "-error_file", str(self._errors), "-timeout", "60", "-max_retrans", "20"),
                *arguments,
            ],
            folder / f"sipp-{self.port}.log",
            folder,
        )

    def finished(self, seconds: float = 60) -> None:
        try:
            status = self._program.process.wait(seconds)
            errors = self._errors.read_text()[-2000:] if self._errors.exists() else ""
            assert status == 0, f"sipp ended with {status}:\n{errors}\n{self._program.output()[-1500:]}"
        finally:
            self._program.stop()
