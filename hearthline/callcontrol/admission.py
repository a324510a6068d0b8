"""Whether this node takes new lines: by what it measures, not by what it was promised.

On overload a switch delays audio before it fails a call, so the share of late 20 ms ticks decides first. It closes at one
look and opens again only after some calm, so that a crowd does not come and go with every heartbeat. A node that carries
next to nothing is open whatever it measures: turning people away would not make its machine less busy.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from django.conf import settings

from hearthline.switch import port

CALM_LOOKS = 3  # so many looks in a row without a reason before it opens again
CALM_LATE, CALM_CPU = 0.5, 0.9  # calm is this share of what closes it


class Admission:
    def __init__(self) -> None:
        self.full = ""
        self._calm = 0

    def judged(self, load: port.NodeLoad) -> dict[str, Any]:
        """The load as it is announced: {"legs", "connected", "cpu_percent", "late_tick_percent", "most_legs", "full"}."""
        reason = _reason(load)
        if reason:
            self.full, self._calm = reason, 0
        elif self.full:
            self._calm = self._calm + 1 if not _reason(load, late_share=CALM_LATE, cpu_share=CALM_CPU) else 0
            if self._calm >= CALM_LOOKS or self.full in ("legs", "switch"):
                self.full = ""
        return {**asdict(load), "most_legs": settings.HEARTHLINE.node_most_legs, "full": self.full}

    def without_switch(self) -> dict[str, Any]:
        """The same when the switch cannot be asked."""
        self.full = "switch"
        return {"most_legs": settings.HEARTHLINE.node_most_legs, "full": self.full}


def _reason(load: port.NodeLoad, *, late_share: float = 1.0, cpu_share: float = 1.0) -> str:
    exchange = settings.HEARTHLINE
    if load.legs < min(exchange.node_few_legs, exchange.node_most_legs):
        return ""
    if load.late_tick_percent > exchange.node_full_late_percent * late_share:
        return "late"
    if load.cpu_percent > exchange.node_full_cpu_percent * cpu_share:
        return "cpu"
    return "legs" if load.legs >= exchange.node_most_legs else ""
