"""Nodes as pages and commands see them: which are alive, which takes a new line, which is being emptied.

Heartbeats are written and judged by the database's clock, so that hosts need not agree on the time.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.db.models import Count, F, Q, QuerySet
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from hearthline.calls.call_state import LIVE
from hearthline.calls.models import Attempt, HandOver, Line, LineState, LineWait, Node
from hearthline.lib import clock
from hearthline.lib.errors import UnavailableError
from hearthline.people.models import User

MOST_NODES = 1_000
WAIT_KEPT = timedelta(seconds=20)  # for so long the place in line of a page that does not ask is kept
AT_ONCE_AFTER_WAITING = 3  # lines on one node, of those who waited
_LIVE_PHASES = frozenset(phase.value for phase in LIVE)


NO_QUEUE = "queue"  # what a node is full of that has lost the bus: nobody can command it


class NoNodeError(UnavailableError):
    """No node is alive that takes new lines."""

    code = "no_node"


class NodesFullError(UnavailableError):
    """Every node that takes new lines has as much as it can carry well."""

    code = "nodes_full"


@dataclass(frozen=True, slots=True)
class NodeView:
    name: str
    engine: str
    alive: bool
    draining: bool
    full: str  # why it takes no new lines: "legs", "late", "cpu", "switch", "queue" (no commands reach it); empty: it does
    calls: int
    lines: int
    legs: int | None
    cpu_percent: float | None
    late_tick_percent: float | None


def fresh() -> Q:
    """Nodes heard of within `node_silent_s`."""
    return Q(heartbeat_at__gt=Now() - timedelta(seconds=settings.HEARTHLINE.node_silent_s))


def reachable() -> Q:
    """Those of them to which commands get through."""
    return fresh() & (Q(load__full__isnull=True) | ~Q(load__full=NO_QUEUE))


def node_for_line(user: User) -> str:
    """Where this person's line is opened, or renewed. Raises NoNodeError and NodesFullError."""
    current = Line.objects.filter(user=user).exclude(state=LineState.CLOSED).values_list("node_id", flat=True).first()
    if current is not None and _stays(current, user):
        return current
    return node_for_new_line()


def _stays(node: str, user: User) -> bool:
    row = Node.objects.filter(fresh(), pk=node).values_list("draining", "load__full").first()
    elsewhere = Node.objects.filter(reachable(), draining=False).exclude(pk=node).exists()
    if row is None:  # silent: the line is opened elsewhere, if there is an elsewhere
        return not elsewhere
    draining, full = row
    return not (draining or full == NO_QUEUE) or in_a_call(user) or not elsewhere


def in_a_call(user: User) -> bool:
    """As its operator, or as the manager who took it."""
    return (
        Attempt.objects.filter(operator=user, operator_left_at=None).exists()
        or HandOver.objects.filter(manager__user=user, ended_at=None, answered_at__isnull=False).exists()
    )


def node_for_new_line() -> str:
    """The node with the fewest legs of those that take new lines. Raises NoNodeError and NodesFullError."""
    nodes = list(Node.objects.filter(fresh(), draining=False)[:MOST_NODES])
    if not nodes:
        if not Node.objects.exists():
            return str(settings.HEARTHLINE.node)  # the first start: call control is about to announce itself
        raise NoNodeError(_("The exchange's telephone part does not answer. Wait a few seconds and try again."))
    room = _room(nodes)
    if not room:
        raise NodesFullError(_("The exchange is full at the moment. Try again in a minute."))
    return min(room, key=lambda name: (-room[name], name))


def operators_turn(operator: User) -> str:
    """As `node_for_line`; but while the nodes are full, or others have waited longer, the operator stands in line, and the
    error says where: {"position": 1 for the next}. Asking again keeps the place for `WAIT_KEPT`."""
    if Line.objects.filter(user=operator).exclude(state=LineState.CLOSED).exists() or in_a_call(operator):
        return node_for_line(operator)
    nodes = list(Node.objects.filter(fresh(), draining=False)[:MOST_NODES])
    if not nodes:
        return node_for_new_line()
    now = clock.now()
    LineWait.objects.filter(seen_at__lt=now - WAIT_KEPT).delete()
    own = LineWait.objects.filter(user=operator).values_list("since", flat=True).first()
    ahead = LineWait.objects.filter(since__lt=own or now).exclude(user=operator).count()
    room = _room(nodes)
    if not ahead and own is None and room:
        return min(room, key=lambda name: (-room[name], name))
    # a node that has just found some calm is filled again by and by, not by everybody at once
    if ahead < sum(min(places, AT_ONCE_AFTER_WAITING) for places in room.values()):
        LineWait.objects.filter(user=operator).delete()
        return min(room, key=lambda name: (-room[name], name))
    LineWait.objects.update_or_create(
        user=operator, defaults={"seen_at": now}, create_defaults={"seen_at": now, "since": now}
    )
    raise NodesFullError(
        _("The exchange is full at the moment. You are number %(position)s in line; your line opens by itself.")
        % {"position": ahead + 1},
        position=ahead + 1,
    )


def _room(nodes: list[Node]) -> dict[str, int]:
    """How many more legs each of the nodes takes; those that take none are left out."""
    free = [node for node in nodes if not node.load.get("full")]
    # lines that were opened since the last heartbeat are not in its count of legs yet
    opened = Counter(
        Line.objects.filter(node__in=free, opened_at__gt=F("node__heartbeat_at"))
        .exclude(state=LineState.CLOSED)
        .values_list("node_id", flat=True)
    )
    room = {
        node.name: node.load.get("most_legs", settings.HEARTHLINE.node_most_legs)
        - node.load.get("legs", 0)
        - opened[node.name]
        for node in free
    }
    return {name: places for name, places in room.items() if places > 0}


def all_nodes() -> list[NodeView]:
    """In the order of their names."""
    nodes = Node.objects.order_by("name").annotate(
        alive=Count("pk", filter=fresh()),
        open_lines=Count("lines", filter=~Q(lines__state=LineState.CLOSED), distinct=True),
    )
    calls = Counter(_live_calls().values_list("node_id", flat=True))
    return [
        NodeView(
            name=node.name,
            engine=node.engine,
            alive=bool(node.alive),
            draining=node.draining,
            full=str(node.load.get("full", "")),
            calls=calls[node.name],
            lines=node.open_lines,
            legs=node.load.get("legs"),
            cpu_percent=node.load.get("cpu_percent"),
            late_tick_percent=node.load.get("late_tick_percent"),
        )
        for node in nodes[:MOST_NODES]
    ]


def set_draining(name: str, *, draining: bool) -> bool:
    """False when there is no such node."""
    return Node.objects.filter(pk=name).update(draining=draining) == 1


def what_is_left(name: str) -> tuple[int, int]:
    """(calls, lines) on this node."""
    lines = Line.objects.filter(node=name).exclude(state=LineState.CLOSED)
    return _live_calls().filter(node=name).count(), lines.count()


def _live_calls() -> QuerySet[Attempt]:
    """Calls with audio: a wrap-up needs no switch."""
    return Attempt.objects.filter(phase__in=_LIVE_PHASES)
