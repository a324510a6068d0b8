"""A node among others: it announces itself, says how it does, notices that it was replaced, and takes over what a lost one left.

A call control that was away for `node_lost_after_s` (killed, hung, cut off) no longer owns its calls: any other node moves
them to itself, with a new `version`, and closes its lines. Should it come back, its term is over: it ends without
writing anything, and starts again as a node without calls.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q
from django.db.models.functions import Now

from hearthline.callcontrol import lines, phone_lines
from hearthline.calls.call_state import Phase
from hearthline.calls.models import Attempt, HandOver, Line, LineKind, LineState, Node
from hearthline.calls.nodes import reachable
from hearthline.lib import clock

logger = logging.getLogger(__name__)

TAKEN_AT_ONCE = 5_000  # calls and lines of one lost node


@dataclass(slots=True)
class Taken:
    """What a lost node left."""

    calls: list[str] = field(default_factory=list)  # ids of attempts; nobody drives them yet
    telephones: list[Line] = field(default_factory=list)  # lines that were open by a called-back telephone; closed now


class NodeReplacedError(RuntimeError):
    """Another process drives this node now, or its calls were taken over: this one has nothing to say any more."""


def announce(node: str, engine: str, load: dict[str, Any]) -> int:
    """Begin to drive a node. Returns the term: whoever drove it before has been replaced."""
    with transaction.atomic():
        row, _made = Node.objects.select_for_update().get_or_create(name=node, defaults={"engine": engine})
        Node.objects.filter(pk=node).update(engine=engine, load=load, heartbeat_at=Now(), term=row.term + 1)
    return row.term + 1


def beat(node: str, term: int, load: dict[str, Any]) -> bool:
    """Say that this node is alive. Returns whether it is being emptied. Raises NodeReplacedError when its term is over."""
    if Node.objects.filter(pk=node, term=term).update(load=load, heartbeat_at=Now()) != 1:
        raise NodeReplacedError(f"the node {node} is driven by somebody else now, or was taken over")
    return Node.objects.filter(pk=node, draining=True).exists()


def still_there(node: str, term: int) -> None:
    """A heartbeat without a load. Raises NodeReplacedError."""
    if Node.objects.filter(pk=node, term=term).update(heartbeat_at=Now()) != 1:
        raise NodeReplacedError(f"the node {node} was taken over")


def ask_lines_to_leave(node: str) -> list[Line]:
    """Tell the pages of people who are in no call, and are not being rung, to open their line elsewhere. Returns the telephones
    that were closed to be called back from another node."""
    if not Node.objects.filter(reachable(), draining=False).exists():
        return []
    idle = Line.objects.filter(node=node, state=LineState.OPEN, kind=LineKind.BROWSER, user__isnull=False).exclude(
        Q(user__in=Attempt.objects.filter(operator_left_at=None).values("operator"))
        | Q(user__in=HandOver.objects.filter(ended_at=None, manager__user__isnull=False).values("manager__user"))
    )
    for line in idle[:TAKEN_AT_ONCE]:
        lines.tell_line("line.leaving", line)
    return phone_lines.close_idle(node)


def others_are_reached(node: str) -> bool:
    """Whether some other node has the bus, so that this one, which has not, is cut off alone."""
    return Node.objects.filter(reachable()).exclude(pk=node).exists()


def lost_nodes(node: str) -> list[str]:
    """Nodes that have left calls or lines and were not heard of for `node_lost_after_s`."""
    left = Q(attempts__in=Attempt.objects.exclude(phase=Phase.CLOSED.value)) | Q(
        lines__in=Line.objects.exclude(state=LineState.CLOSED)
    )
    rows = Node.objects.filter(_unheard(), left).exclude(pk=node).distinct()
    return list(rows.values_list("pk", flat=True)[:10])


def _unheard() -> Q:
    bound = timedelta(seconds=settings.HEARTHLINE.node_lost_after_s)
    return Q(heartbeat_at=None) | Q(heartbeat_at__lt=Now() - bound)


def take_over(lost: str, node: str) -> Taken:
    """Move the calls of a lost node to `node` and close its lines. Nothing, when the lost one was heard of meanwhile."""
    taken = Taken()
    with transaction.atomic():
        # whoever drives it writes its heartbeat under its term: after this, no more
        if Node.objects.filter(_unheard(), pk=lost).update(term=F("term") + 1, heartbeat_at=None) != 1:
            return taken
        calls = list(
            Attempt.objects.select_for_update()
            .filter(node=lost)
            .exclude(phase=Phase.CLOSED.value)
            .values_list("pk", flat=True)[:TAKEN_AT_ONCE]
        )
        Attempt.objects.filter(pk__in=calls).update(node=node, version=F("version") + 1)
        for line in Line.objects.filter(node=lost).exclude(state=LineState.CLOSED)[:TAKEN_AT_ONCE]:
            if line.kind == LineKind.BROWSER:
                lines.line_is_gone(line.pk, "node_lost")
                continue
            phone_lines.went_unseen(line.pk, clock.now().timestamp())  # its cost is posted by whoever misses it
            if line.kind == LineKind.CALLBACK and line.state != LineState.OPENING and line.user_id is not None:
                taken.telephones.append(line)
    logger.warning("node %s is lost; %s of its calls are closed here", lost, len(calls))
    taken.calls = [str(pk) for pk in calls]
    return taken
