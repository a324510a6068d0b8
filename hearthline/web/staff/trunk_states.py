"""How the trunks stand, for the admin's list: registrations, what was set aside, channels in use. Three queries."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Count, Prefetch, Q

from hearthline.calls.models import Trunk, TrunkStanding
from hearthline.lib import clock

MAX_TRUNKS = 200


@dataclass(frozen=True, slots=True)
class TrunkView:
    trunk: Trunk
    in_use: int  # channels
    registrations: tuple[TrunkStanding, ...]  # at nodes that know
    aside: tuple[TrunkStanding, ...]  # at nodes that avoid it now


def read_trunks() -> list[TrunkView]:
    now = clock.now()
    standings = Prefetch("standings", TrunkStanding.objects.order_by("node"), to_attr="at_nodes")
    busy = Count("calls", filter=Q(calls__ended_at=None))
    rows = Trunk.objects.annotate(busy=busy).prefetch_related(standings).order_by("-priority", "name")[:MAX_TRUNKS]
    views = []
    for row in rows:
        at_nodes: list[TrunkStanding] = row.at_nodes
        kept = row.active and row.register
        views.append(
            TrunkView(
                trunk=row,
                in_use=row.busy,
                registrations=tuple(s for s in at_nodes if kept and s.registered is not None),
                aside=tuple(s for s in at_nodes if s.aside_until is not None and s.aside_until > now),
            )
        )
    return views
