"""Which worker runs which file, when pytest-xdist runs the suite in several.

Half of the suite's time is waiting: for a telephone to ring, for a lease to end, for a browser to start. So there is one worker
more than there are processors. But sound must flow in real time: at most so many files that drive browsers and telephones run
at once as there are processors. The last worker begins at the other end of the queue, with those that only reckon, so that long
and short ones meet in the middle and all workers end together.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

import pytest
from xdist.scheduler import LoadFileScheduling
from xdist.workermanage import WorkerController

EXPECTED_S = {"slow": 20.0, "browser": 8.0, "sip": 1.0, "postgres": 0.5}  # a test with this mark, roughly
ANY_S = 0.2


class LongestFirst(LoadFileScheduling):
    """A file is run by one worker, as with `--dist loadfile`, but in the order of `demanding_first`."""

    def _assign_work_unit(self, node: WorkerController) -> None:
        if self.nodes.index(node) >= (os.cpu_count() or 1):
            self.workqueue.move_to_end(next(reversed(self.workqueue)), last=False)
        super()._assign_work_unit(node)


def demanding_first(items: list[pytest.Item]) -> None:
    """Files with the longest tests first; within a file nothing changes. The same order in every worker."""
    files: dict[str, list[pytest.Item]] = {}
    for item in items:
        files.setdefault(item.nodeid.split("::")[0], []).append(item)
    items[:] = [item for _file, its in sorted(files.items(), key=lambda pair: -_expected_s(pair[1])) for item in its]


def _expected_s(items: Sequence[pytest.Item]) -> float:
    return sum(max([ANY_S, *(EXPECTED_S.get(mark.name, 0) for mark in item.iter_markers())]) for item in items)
