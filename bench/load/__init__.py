"""Load: how many calls one node carries while a probe call among them stays as it should be, what a thousand calls at once
cost pages, call control and database, and what follows for the machines. `make bench ARGS=load`; some four minutes, five where there is
FreeSWITCH.
"""

from __future__ import annotations

from collections.abc import Iterator

from bench.figure import Figure
from bench.load import audio, control, sizing


def figures() -> Iterator[Figure]:
    carried = []
    for name in audio.engines():
        for one in audio.carried(name):
            carried.append(one)
            yield from audio.figures_of(one)
    measured = control.measure(control.SIZE)
    yield from control.figures_of(measured)
    print(sizing.table(carried, measured), flush=True)
