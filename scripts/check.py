"""Everything that reads the code without running it. `python scripts/check.py [name ...]`; no name: all of it."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from types import MappingProxyType

from setup import FRONTEND, node_environment
from steps import ROOT, Progress, StepError, run

PYTHON_CODE = ["hearthline", "scripts", "bench", "tests"]


def checks() -> dict[str, tuple[list[str | Path], Path]]:
    """Name → the command and the folder it runs in; the longest first."""
    tools = Path(sys.executable).parent
    npm, _ = node_environment(Path(sys.prefix))
    folders = [name for name in PYTHON_CODE if any((ROOT / name).rglob("*.py"))]
    templates = ["templates"]
    return {
        "mypy": ([tools / "mypy", "hearthline"], ROOT),
        "ruff": ([tools / "ruff", "check", *folders], ROOT),
        "ruff-format": ([tools / "ruff", "format", "--check", *folders], ROOT),
        "mypy-scripts": ([tools / "mypy", "scripts"], ROOT),
        "imports": ([tools / "lint-imports"], ROOT),
        "migrations": ([sys.executable, "-m", "django", "makemigrations", "--check", "--dry-run"], ROOT),
        "templates": ([tools / "djlint", "--lint", "--quiet", *templates], ROOT),
        "frontend": ([*npm, "run", "--silent", "check"], FRONTEND),
        "house-rules": ([sys.executable, ROOT / "scripts" / "house_rules.py"], ROOT),
    }


def check_all(
    progress: Progress, names: list[str], beside: Mapping[str, Callable[[], str | None]] = MappingProxyType({})
) -> None:
    """`beside`: other work that is done at the same time."""
    known = checks()
    if unknown := [n for n in names if n not in known]:
        raise SystemExit(f"No such check: {', '.join(unknown)}. There are: {', '.join(known)}")
    env = {
        "DJANGO_SETTINGS_MODULE": "hearthline.settings",
        "MYPYPATH": "scripts",
        **node_environment(Path(sys.prefix))[1],
    }
    steps = {
        name: partial(_run, command, folder, name, env)
        for name, (command, folder) in known.items()
        if not names or name in names
    }
    progress.together("checks", {**steps, **beside})


def _run(command: list[str | Path], folder: Path, name: str, env: dict[str, str]) -> None:
    try:
        run(command, log=f"check-{name}", cwd=folder, env=env, timeout_s=600)
    except StepError:
        raise
    except OSError as error:
        raise StepError(f"    {command[0]}: {error.strerror}. `make test` sets the tools up.") from error


def main() -> int:
    os.chdir(ROOT)
    print("Check")
    progress = Progress("Check", keep_going=True)
    check_all(progress, sys.argv[1:])
    progress.summary()
    return 1 if progress.failed else 0


if __name__ == "__main__":
    sys.exit(main())
