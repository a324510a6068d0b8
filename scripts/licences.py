"""Write docs/third-party.md: every package that an exchange runs on, with its version and licence, from what is installed.

`python scripts/licences.py --check` writes nothing and fails when the page is out of date.
"""

from __future__ import annotations

import json
import re
import sys
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "third-party.md"
_PIN = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==([^\s;\\]+)([^\\\n]*)", re.M)

# where a package's own metadata says nothing that can be shown
KNOWN = {
    "qrcode": "BSD-3-Clause",
    "fido2": "BSD-2-Clause",
    "espeakng-loader": "MIT (the loader), GPL-3.0-or-later (eSpeak NG, a library and data loaded at run time)",
}

HEAD = """# Third-party software

What a running exchange is made of. Written by `make licences` from the installed packages; tools that only build or test
are not listed. The pages' icons are our own drawings, and no font is shipped.

"""


def licence_of(name: str) -> str:
    if name in KNOWN:
        return KNOWN[name]
    about = metadata.metadata(name)
    if expression := about.get_all("License-Expression"):
        return str(expression[0])
    classifiers = [c.rpartition(" :: ")[2] for c in about.get_all("Classifier") or () if c.startswith("License ::")]
    named = [c for c in classifiers if c != "OSI Approved"]
    text = "".join(about.get_all("License") or []).strip().splitlines()
    return "; ".join(named) or (text[0][:80] if text else "see the package")


def python_packages() -> list[tuple[str, str, str]]:
    text = (ROOT / "requirements" / "base.txt").read_text()
    found = []
    for name, version, marker in _PIN.findall(text):
        try:
            licence = licence_of(name)
        except metadata.PackageNotFoundError:
            condition = marker.strip(" ;")
            licence = f"only where {condition}" if condition else "not installed here"
        found.append((name, version, licence))
    return sorted(found, key=lambda row: row[0].lower())


def browser_packages() -> list[tuple[str, str, str]]:
    lock = json.loads((ROOT / "frontend" / "package-lock.json").read_text())["packages"]
    wanted = list(lock[""]["dependencies"])
    found: dict[str, tuple[str, str, str]] = {}
    while wanted:
        name = wanted.pop()
        entry = lock.get(f"node_modules/{name}")
        if name in found or entry is None:
            continue
        found[name] = (name, entry["version"], entry.get("license", "see the package"))
        wanted += list(entry.get("dependencies", {}))
    return sorted(found.values())


def page() -> str:
    parts = [HEAD]
    for title, rows in (("Python", python_packages()), ("In the browser", browser_packages())):
        parts.append(f"## {title}\n\n| package | version | licence |\n|---|---|---|\n")
        parts += [f"| {name} | {version} | {licence} |\n" for name, version, licence in rows]
        parts.append("\n")
    return "".join(parts).rstrip() + "\n"


def main() -> int:
    text = page()
    if "--check" in sys.argv:
        if PAGE.read_text() != text:
            print("docs/third-party.md is out of date. Run: make licences")
            return 1
        return 0
    PAGE.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
