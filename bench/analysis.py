"""The analysis of recordings: CPU for an hour of recording beside its bar, and how far each figure errs in noise.

Calls are synthesised by `tests.quality.ground_truth`, so the truth is known. CPU is measured on one recording of an hour, read
from its file as the worker reads it.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from bench.figure import Figure

HOUR_S = 3600
MOST_CPU_S = 10.0


def figures() -> Iterator[Figure]:
    import os

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "hearthline.settings")
    import django

    django.setup()
    yield _an_hour()
    from tests.quality.ground_truth import measured

    rows = list(measured())
    columns = [row.name for row in rows]
    print(f"\n{'mean absolute error':<28}" + "".join(f"{name:>14}" for name in columns))
    for figure in rows[3].errors:
        cells = [f"{row.error(figure):.3g}" if row.errors[figure] else "" for row in rows]
        print(f"{figure:<28}" + "".join(f"{cell:>14}" for cell in cells))
    print(f"\n{'told for what they are':<28}" + "".join(f"{name:>14}" for name in columns))
    for kind in rows[0].found:
        cells = [f"{sum(row.found[kind])} of {len(row.found[kind])}" for row in rows]
        print(f"{kind:<28}" + "".join(f"{cell:>14}" for cell in cells))
    print(flush=True)
    quiet, loud = rows[0], rows[5]
    yield Figure("answer latency, median, error without noise", f"{quiet.error('answer latency, median, ms'):.0f} ms")
    yield Figure("answer latency, median, error at 5 dB of hiss", f"{loud.error('answer latency, median, ms'):.0f} ms")


def _an_hour() -> Figure:
    from hearthline.quality.analysis.analysis import analyse
    from hearthline.quality.analysis.reading import as_numbers
    from hearthline.quality.recordings.samples import read_wav
    from tests.quality.synthesis import conversation, write_stereo

    contact, operator = conversation(1, turns=12).channels(noise="white", snr_db=25.0)
    times = -(-HOUR_S * 8000 // len(contact))
    with tempfile.TemporaryDirectory(prefix="hearthline-bench-") as folder:
        path = Path(folder) / "hour.wav"
        write_stereo(path, np.tile(contact, times)[: HOUR_S * 8000], np.tile(operator, times)[: HOUR_S * 8000])
        with path.open("rb") as file:
            began = time.process_time()
            found = analyse(as_numbers(read_wav(file)))
            took = time.process_time() - began
    assert found.duration_ms >= (HOUR_S - 1) * 1000
    return Figure(
        "analysis of an hour of recording, CPU",
        f"{took:.1f} s",
        f"at most {MOST_CPU_S:.0f} s",
        took <= MOST_CPU_S,
    )
