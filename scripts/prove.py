"""The whole proof, as CI runs it: the checks, the front end's tests, pytest. Exit status 1 when anything failed.

`python scripts/prove.py [argument of pytest ...]`: with arguments only pytest is run, with these. pytest's output is
shown as it comes and kept in test-results/pytest.log.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from check import check_all
from setup import FRONTEND, node_environment
from steps import ROOT, Progress, StepError, run

RESULTS = ROOT / "test-results"
LONGEST_S = 20 * 60


def pytest(arguments: list[str]) -> str:
    """Returns pytest's last line, "412 passed in 300.12s".

    Workers, browsers and telephones share a few cores: audio that must flow in real time may starve. So what failed is
    tried once more, alone on the machine; only what fails again has failed. Both logs are kept, and it is said aloud.
    """
    RESULTS.mkdir(exist_ok=True)
    status, last = _run_pytest(["--cache-clear", *arguments], RESULTS / "pytest.log")
    if status == 1:  # tests failed; anything else (a broken collection, an interrupt) is not tried again
        print(f"pytest: {last}; the failed ones once more, one at a time", flush=True)
        status, again = _run_pytest(
            ["--last-failed", "--last-failed-no-failures=none", "-q"], RESULTS / "pytest-again.log"
        )
        last = f"{last}; tried again alone: {again}"
    if status:
        raise StepError(f"{last} (the whole of it: {RESULTS.relative_to(ROOT)}/pytest*.log)")
    return last


def _run_pytest(arguments: list[str], log: Path) -> tuple[int, str]:
    """Exit status and last line; the output is shown and kept in `log`."""
    # a short place: the paths of Unix sockets have 107 bytes, baresip's recordings not many more
    place = Path(tempfile.mkdtemp(prefix="hl-"))
    report = log.with_suffix(".xml")
    command = [sys.executable, "-m", "pytest", f"--junitxml={report}", f"--basetemp={place}", *arguments]
    last = ""
    with log.open("w") as kept:
        process = subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, stdin=subprocess.DEVNULL
        )
        assert process.stdout
        for line in process.stdout:
            sys.stdout.write(line)
            sys.stdout.flush()
            kept.write(line)
            if " passed" in line or " failed" in line or " error" in line:
                last = line.strip(" =\n")
        status = process.wait(timeout=LONGEST_S)
    shutil.rmtree(place, ignore_errors=True)
    return status, last


def databases() -> str:
    """Migrated now, beside the checks, that no worker waits for it."""
    env = {"DJANGO_SETTINGS_MODULE": "hearthline.settings"}
    return run([sys.executable, "-m", "tests.migrated"], log="databases", env=env, timeout_s=600).strip()


def _workers() -> int:
    """One more than processors, for much of the time is waiting: see tests/scheduling.py. Each wants some 400 MB."""
    return min((os.cpu_count() or 1) + 1, 5)


def frontend_tests() -> str:
    npm, env = node_environment(Path(sys.prefix))
    text = run([*npm, "test", "--silent"], log="frontend-tests", cwd=FRONTEND, env=env, timeout_s=300)
    counts = [line.removeprefix("# ").removeprefix("ℹ ") for line in text.splitlines()]
    return ", ".join(line for line in counts if line.startswith(("pass ", "fail ")))


def main() -> int:
    os.chdir(ROOT)
    arguments = sys.argv[1:]
    progress = Progress("Proof", keep_going=True)
    if not arguments:
        print("Checks")
        check_all(progress, [], {"front-end tests": frontend_tests, "tests' databases": databases})
    print("pytest", flush=True)
    progress.step("pytest", lambda: pytest(arguments or ["-n", str(_workers()), "--dist", "loadfile", "-q"]))
    progress.summary()
    return 1 if progress.failed else 0


if __name__ == "__main__":
    sys.exit(main())
