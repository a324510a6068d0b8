"""The rules of this house that no linter knows (CONTRIBUTING.md, "House style"). Prints each breach; exit status 1 if any."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MOST_LINES = 500
MOST_FUNCTION_LINES = 70
MOST_TEST_LINES = 100  # a story is told in one go
SOURCES = {".py", ".ts", ".mjs", ".scss", ".html", ".cfg", ".sh"}
SAYS_NOTHING = {"utils", "util", "helpers", "helper", "common", "base", "manager", "misc"}
INLINE = re.compile(
    r"<style\b|\sstyle=|\son[a-z]+=[\"']|javascript:|<script(?![^>]*\bsrc=)(?![^>]*application/(?:ld\+)?json)", re.I
)
FROM_ELSEWHERE = re.compile(r"""(?:src|href)=["'](?:https?:)?//(?!(?:www\.)?(?:apache\.org|github\.com)\b)""", re.I)
THIS_MACHINE = re.compile(r"(?<![\w.])/(?:root/\w|home/\w+/\w|work/(?:main|wt|venv|shared|brief)\b)")
REGISTRY = re.compile(
    r"--(?:extra-)?index-url|--find-links|\"resolved\":\s*\"http|registry\.npmjs\.org|pypi\.org/simple|files\.pythonhosted\.org"
)
SWALLOWED = re.compile(r"except[^\n]*:\s*\n\s*pass\b")


def tracked() -> list[Path]:
    """What git knows or would add: nothing ignored."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    return [ROOT / name for name in names if (ROOT / name).is_file()]


def breaches(path: Path) -> Iterator[str]:
    where = path.relative_to(ROOT)
    if (
        path.suffix in {".png", ".jpg", ".wav", ".ico", ".woff2", ".xlsx", ".ods", ".gz", ".mo"}
        or where.name == "LICENSE"
    ):
        return
    text = path.read_text(encoding="utf-8", errors="replace")
    own = where == Path("scripts/house_rules.py")
    lines = text.count("\n") + 1
    if path.suffix in SOURCES and lines > MOST_LINES and "migrations" not in where.parts:
        yield f"{where}: {lines} lines; split it before it passes {MOST_LINES}"
    if path.suffix in {".py", ".ts", ".mjs"} and path.stem in SAYS_NOTHING:
        yield f"{where}: a name that says what is in it, please"
    if path.suffix == ".html":
        yield from (f"{where}:{_line(text, m)}: inline script or style: {m[0]!r}" for m in INLINE.finditer(text))
        yield from (f"{where}:{_line(text, m)}: a third-party address: {m[0]!r}" for m in FROM_ELSEWHERE.finditer(text))
    if not own:
        yield from (f"{where}:{_line(text, m)}: a path of one machine: {m[0]!r}" for m in THIS_MACHINE.finditer(text))
        yield from (f"{where}:{_line(text, m)}: a registry's address: {m[0]!r}" for m in REGISTRY.finditer(text))
    if path.suffix == ".py" and "migrations" not in where.parts:
        yield from (f"{where}:{_line(text, m)}: an error swallowed without a word" for m in SWALLOWED.finditer(text))
        yield from _long_functions(where, text)


def _long_functions(where: Path, text: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno:
            lines = node.end_lineno - node.lineno + 1
            most = MOST_TEST_LINES if where.parts[0] == "tests" else MOST_FUNCTION_LINES
            if lines > most:
                yield f"{where}:{node.lineno}: {node.name} has {lines} lines; more than {most}"


def _line(text: str, match: re.Match[str]) -> int:
    return text.count("\n", 0, match.start()) + 1


def main() -> int:
    found = [breach for path in tracked() for breach in breaches(path)]
    print("\n".join(found))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
