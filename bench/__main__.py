"""`make bench`: the figures of the design, each printed beside its bar. Modules of this package that define `figures`
are run in the order of their names; `python -m bench NAME ...` runs only these.
"""

from __future__ import annotations

import importlib
import pkgutil
import sys
from collections.abc import Callable, Iterator

import bench
from bench.figure import Figure


def main(names: list[str]) -> int:
    found = sorted(m.name for m in pkgutil.iter_modules(bench.__path__) if m.name not in {"__main__", "figure"})
    if unknown := [n for n in names if n not in found]:
        print(f"No such measurement: {', '.join(unknown)}. There are: {', '.join(found) or 'none'}")
        return 2
    missed = 0
    for name in names or found:
        measure: Callable[[], Iterator[Figure]] = importlib.import_module(f"bench.{name}").figures
        for figure in measure():
            print(figure.line(), flush=True)
            missed += figure.met is False
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
