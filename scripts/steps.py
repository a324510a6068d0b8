"""Named steps of the set-up and of the proof: each runs, shows that it runs, and says how long it took.

A step that has a `stamp` is left out while its inputs (files, and words such as a version) are what they were when it
last succeeded. What a step's programs print goes to a log; it is shown when the step fails. Standard library only: this
runs before anything is installed.
"""

from __future__ import annotations

import hashlib
import os
import shlex
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOGS = ROOT / "var" / "setup"
SHOWN_OF_A_FAILURE = 60  # lines


class StepError(Exception):
    """A step failed; the message tells what to do when that is known."""


@dataclass
class Outcome:
    title: str
    state: str  # "done", "unchanged", "failed"
    seconds: float
    detail: str = ""


@dataclass
class Progress:
    """Runs steps one after the other and remembers how each went."""

    title: str
    keep_going: bool = False  # a proof goes on after a failure to show all of them
    outcomes: list[Outcome] = field(default_factory=list)
    begun: float = field(default_factory=time.monotonic)

    def step(self, title: str, work: Callable[[], str | None], *, stamp: Stamp | None = None) -> bool:
        """Run `work`; it returns a word for the line ("58 packages") or None. False when it failed and we go on."""
        if stamp and stamp.holds():
            self._finish(Outcome(title, "unchanged", 0.0))
            return True
        with _Ticker(title):
            outcome = _outcome(title, work)
        if outcome.state == "done" and stamp:
            stamp.keep()
        self._finish(outcome)
        if outcome.state == "failed" and not self.keep_going:
            raise SystemExit(1)
        return outcome.state != "failed"

    def together(self, title: str, steps: Mapping[str, Callable[[], str | None]]) -> None:
        """Run these, as many at once as there are processors; those that last longest are best named first."""
        with _Ticker(title), ThreadPoolExecutor(os.cpu_count() or 1) as pool:
            running = [pool.submit(_outcome, name, work) for name, work in steps.items()]
            outcomes = [one.result() for one in running]
        for outcome in outcomes:
            self._finish(outcome)
        if self.failed and not self.keep_going:
            raise SystemExit(1)

    @property
    def failed(self) -> list[Outcome]:
        return [o for o in self.outcomes if o.state == "failed"]

    def summary(self) -> None:
        """All steps once more, aligned; for the end of a long run."""
        width = max((len(o.title) for o in self.outcomes), default=0)
        total = time.monotonic() - self.begun
        print(f"\n{self.title}: {'FAILED' if self.failed else 'all passed'} in {_duration(total)}")
        for o in self.outcomes:
            mark = {"done": "ok", "unchanged": "ok", "failed": "FAILED"}[o.state]
            line = o.detail.splitlines()[-1].strip() if o.detail else ""
            print(f"  {o.title.ljust(width)}  {mark:<6}  {_duration(o.seconds):>7}  {line}".rstrip())
        sys.stdout.flush()

    def _finish(self, outcome: Outcome) -> None:
        self.outcomes.append(outcome)
        if outcome.state == "failed":
            print(f"  {outcome.title:<34} FAILED after {_duration(outcome.seconds)}\n{outcome.detail}")
        elif outcome.state == "unchanged":
            print(f"  {outcome.title:<34} as it was")
        else:
            print(f"  {outcome.title:<34} {_duration(outcome.seconds):>7}  {outcome.detail}".rstrip())
        sys.stdout.flush()


def _outcome(title: str, work: Callable[[], str | None]) -> Outcome:
    begun = time.monotonic()
    try:
        detail, state = work() or "", "done"
    except StepError as error:
        detail, state = str(error), "failed"
    return Outcome(title, state, time.monotonic() - begun, detail)


@dataclass
class Stamp:
    """Remembers the digest of a step's inputs in a file beside what the step made."""

    file: Path
    inputs: Sequence[Path]
    words: Sequence[str] = ()
    made: Sequence[Path] = ()  # what must still be there

    def holds(self) -> bool:
        return all(p.exists() for p in self.made) and self.file.is_file() and self.file.read_text() == self._digest()

    def keep(self) -> None:
        self.file.parent.mkdir(parents=True, exist_ok=True)
        self.file.write_text(self._digest())

    def _digest(self) -> str:
        digest = hashlib.sha256("\0".join(self.words).encode())
        for path in sorted(_files(self.inputs)):
            digest.update(str(path.relative_to(ROOT)).encode() + b"\0")
            digest.update(path.read_bytes())
        return digest.hexdigest()


def _files(paths: Iterable[Path]) -> Iterable[Path]:
    for path in paths:
        if path.is_dir():
            yield from (p for p in path.rglob("*") if p.is_file() and "node_modules" not in p.parts)
        elif path.is_file():
            yield path


def run(
    command: Sequence[str | Path],
    *,
    log: str,
    cwd: Path = ROOT,
    env: Mapping[str, str] | None = None,
    remedy: str = "",
    timeout_s: float = 900,
) -> str:
    """Run a program with its output in a log of that name and return the output. Raises StepError when it fails or lasts
    longer than `timeout_s`."""
    LOGS.mkdir(parents=True, exist_ok=True)
    path = LOGS / f"{log}.log"
    words = [str(c) for c in command]
    with path.open("w") as file:
        try:
            result = subprocess.run(
                words,
                cwd=cwd,
                env={**os.environ, **(env or {})},
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                timeout=timeout_s,
                check=False,
            )
        except FileNotFoundError as error:
            raise StepError(_sentences(f"    {words[0]} is not here.", remedy)) from error
        except subprocess.TimeoutExpired as error:
            raise StepError(
                _sentences(f"    {shlex.join(words)}\n    took longer than {timeout_s:.0f} s.", remedy)
            ) from error
    text = path.read_text(errors="replace")
    if result.returncode:
        lines = text.splitlines()
        shown = "\n".join("    " + line for line in lines[-SHOWN_OF_A_FAILURE:])
        more = f"    (the whole of it: {path.relative_to(ROOT)})\n" if len(lines) > SHOWN_OF_A_FAILURE else ""
        raise StepError(_sentences(f"{shown}\n{more}    `{shlex.join(words)}` ended with {result.returncode}.", remedy))
    return text


def _sentences(what: str, remedy: str) -> str:
    return f"{what}\n    {remedy}" if remedy else what


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.1f} s"
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d} min"


class _Ticker:
    """Shows on a terminal that a step is still running and for how long."""

    def __init__(self, title: str) -> None:
        self._title = title
        self._over = threading.Event()
        self._thread: threading.Thread | None = None

    def __enter__(self) -> None:
        if sys.stdout.isatty():
            self._thread = threading.Thread(target=self._tick, daemon=True)
            self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._over.set()
        if self._thread:
            self._thread.join()
            print("\r\033[K", end="", flush=True)

    def _tick(self) -> None:
        begun = time.monotonic()
        while not self._over.wait(0.2):
            print(f"\r\033[K  {self._title:<34} {time.monotonic() - begun:5.0f} s", end="", flush=True)
