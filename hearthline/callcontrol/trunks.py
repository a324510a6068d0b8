"""Which trunk a call takes, and taking it: a channel of its limit, a turn of its calls a second.

Of the trunks in use that take the destination: the longest prefix first, then the highest priority. One that keeps failing is
taken only when no other can. Read anew for each call, so that a change in the admin interface is in force at once.

Channels and turns are rows with a unique constraint. Whoever is second writes nothing and looks again, so the limits hold
across threads and nodes without a lock that every call would wait for.
"""

from __future__ import annotations

import random
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import connection
from django.db.models.constants import OnConflict
from django.db.models.sql import InsertQuery
from django.utils.translation import gettext_lazy as _

from hearthline.calls import models
from hearthline.lib import clock
from hearthline.lib.addresses import is_loopback
from hearthline.lib.errors import UnavailableError
from hearthline.lib.robot_numbers import ROBOT_ACCOUNT, is_robot_number
from hearthline.switch import port

MAX_TRUNKS = 200
ROBOTS = 0  # in place of a trunk's id
TURN_WAIT_S = 2.0  # a call waits so long for its turn before another trunk is preferred
TURNS_LOOK_BACK_S = 5.0  # beyond the longest wait; a limit that was changed is in force after this
RACE_TRIES = 40  # others may be quicker so often; each of those times one of them has got what it wanted


@dataclass(frozen=True, slots=True)
class ChosenTrunk:
    id: int  # ROBOTS: the way to the robots, which no admin has written down
    trunk: port.Trunk
    caller_id: str  # the trunk's own
    due: float = 0.0  # seconds since the epoch: not to be rung before

    @property
    def row(self) -> int | None:
        """As a foreign key to `Trunk`."""
        return self.id or None


@dataclass(frozen=True, slots=True)
class Wanted:
    """A call that needs a trunk. `aside`: trunk ids that keep failing, and until when (seconds since the epoch)."""

    number: str  # E.164
    leg: uuid.UUID
    node: str
    at: float
    aside: Mapping[int, float]
    attempt: uuid.UUID | None = None
    handover: str | None = None
    another: bool = False  # none that this attempt went over before


class NoTrunkError(UnavailableError):
    code = "no_trunk"


class LegTakenError(Exception):
    """This leg has a trunk already: the same request came twice."""


def take_trunk(wanted: Wanted) -> ChosenTrunk:
    """Choose and write the `TrunkCall`: two statements when nobody else wants the same channel or turn at this moment.

    A robot's number has one way, to the robots beside this node, and no other number has it (ADR 17). A demonstration's
    contacts are make-believe, their numbers may be somebody's: it never calls past this machine. Raises NoTrunkError with a
    sentence for the operator, LegTakenError.
    """
    choose = _to_robots if is_robot_number(wanted.number) else _choose
    for _try in range(RACE_TRIES):
        chosen, row = choose(wanted)
        if _written(row):
            return chosen
        if models.TrunkCall.objects.filter(pk=wanted.leg).exists():
            raise LegTakenError
    raise _full()


def _choose(wanted: Wanted) -> tuple[ChosenTrunk, models.TrunkCall]:
    rows = _trunks_in_use(wanted)
    if not rows and not wanted.another:
        raise NoTrunkError(_("No telephone provider is set up yet. An admin can add one under Trunks."))
    fitting = [(row, length) for row in rows if (length := prefix_length(row.prefixes, wanted.number)) is not None]
    if not fitting:
        raise NoTrunkError(_("No telephone provider takes calls to this destination. An admin can add its prefix."))
    fitting.sort(key=lambda f: (wanted.aside.get(f[0].pk, 0.0) > wanted.at, -f[1], -f[0].priority, f[0].name))
    for row, _length in fitting:
        free, channel = _free_channel(row)
        turn, due = _next_turn(row, wanted.at)
        if free and due - wanted.at <= TURN_WAIT_S:
            call = models.TrunkCall(
                id=wanted.leg, trunk_id=row.pk, node_id=wanted.node, attempt_id=wanted.attempt,
                handover_id=wanted.handover, channel=channel, turn=turn, begun_at=clock.from_timestamp(wanted.at),
            )  # fmt: skip
            return ChosenTrunk(row.pk, as_port(row), row.caller_id, due), call
    raise _full()


def _to_robots(wanted: Wanted) -> tuple[ChosenTrunk, models.TrunkCall]:
    """Not a row of `Trunk`: nobody can edit it, set it aside, or point it at a provider."""
    configuration = settings.HEARTHLINE
    if not configuration.robots_port:
        raise NoTrunkError(_("The robots do not run here now. Tell the admin; this call does not count."))
    if wanted.another:
        raise NoTrunkError(_("The robots do not answer just now. Try again in a minute; this call does not count."))
    trunk = port.Trunk(
        name="robots", host="127.0.0.1", port=configuration.robots_port, username=ROBOT_ACCOUNT,
        password=configuration.robots_password(), number_format="{e164}",
    )  # fmt: skip
    call = models.TrunkCall(
        id=wanted.leg, node_id=wanted.node, attempt_id=wanted.attempt, handover_id=wanted.handover,
        begun_at=clock.from_timestamp(wanted.at),
    )  # fmt: skip
    return ChosenTrunk(ROBOTS, trunk, ""), call


def _full() -> NoTrunkError:
    return NoTrunkError(_("All telephone channels are in use. Try again in a minute; the contact stays with you."))


_IN_USE = """
SELECT t.*,
  (SELECT {listed} FROM {call} c WHERE c.trunk_id = t.id AND c.ended_at IS NULL) AS taken,
  (SELECT max(c.turn) FROM {call} c WHERE c.trunk_id = t.id AND c.begun_at > %(since)s) AS last_turn
FROM {trunk} t
WHERE t.active AND NOT (
  %(another)s AND EXISTS (SELECT 1 FROM {call} c WHERE c.trunk_id = t.id AND c.attempt_id = %(attempt)s)
)
ORDER BY t.priority DESC, t.name LIMIT %(most)s
"""
_LISTED = {
    "postgresql": "string_agg(coalesce(c.channel, 0)::text, ',')",
    "sqlite": "group_concat(coalesce(c.channel, 0))",
}


def _trunks_in_use(wanted: Wanted) -> list[Any]:
    """Trunks with `taken` ("1,7,0": channels in use, 0 for a call without one) and `last_turn`. One statement, written out:
    it stands between a key and the INVITE, and building it anew would cost more than running it."""
    statement = _IN_USE.format(
        listed=_LISTED[connection.vendor], call=models.TrunkCall._meta.db_table, trunk=models.Trunk._meta.db_table
    )
    since = clock.from_timestamp(wanted.at) - timedelta(seconds=TURNS_LOOK_BACK_S)
    values = {
        "since": connection.ops.adapt_datetimefield_value(since),
        "another": wanted.another,
        "attempt": models.TrunkCall._meta.get_field("attempt_id").get_db_prep_value(wanted.attempt, connection),
        "most": MAX_TRUNKS,
    }
    found = list(models.Trunk.objects.raw(statement, values))
    return [row for row in found if is_loopback(row.host)] if settings.HEARTHLINE.demonstration else found


def prefix_length(prefixes: str, number: str) -> int | None:
    """How many digits of the number the longest of a trunk's prefixes has; None when it does not take this number. A trunk
    without prefixes takes every number, as the least particular one."""
    digits = number.lstrip("+")
    if is_robot_number(number):
        return None
    lengths = [len(prefix) for prefix in prefixes.split() if digits.startswith(prefix)]
    return max(lengths, default=None if prefixes.split() else 0)


def _free_channel(row: Any) -> tuple[bool, int | None]:
    """Whether there is one, and which. One of them at random: who chooses at the same time rarely chooses the same."""
    if not row.max_channels:
        return True, None
    taken = [int(channel) for channel in (row.taken or "").split(",") if channel]
    if len(taken) >= row.max_channels:
        return False, None
    free = sorted(set(range(1, row.max_channels + 1)) - set(taken))
    return True, random.choice(free)  # noqa: S311 - no secret


def _next_turn(row: Any, at: float) -> tuple[int | None, float]:
    """The first turn that nobody has, and when it is. A second is divided into as many turns as calls may begin in it."""
    if not row.max_calls_per_s:
        return None, at
    turn = max(int(at * row.max_calls_per_s), (row.last_turn or 0) + 1)
    return turn, max(at, turn / row.max_calls_per_s)


def _written(row: models.TrunkCall) -> bool:
    """Insert it, unless somebody has the channel, the turn or the leg. One statement; an error would end the transaction."""
    query = InsertQuery(models.TrunkCall, on_conflict=OnConflict.IGNORE)
    query.insert_values(models.TrunkCall._meta.concrete_fields, [row])
    ((sql, parameters),) = query.get_compiler(connection=connection).as_sql()
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return bool(cursor.rowcount == 1)


def as_port(row: models.Trunk) -> port.Trunk:
    return port.Trunk(
        name=row.name,
        host=row.host,
        port=row.port,
        transport=port.Transport(row.transport),
        username=row.username,
        password=row.password,
        from_domain=row.from_domain,
        register=row.register,
        number_format=row.number_format,
        max_channels=row.max_channels,
        max_calls_per_s=row.max_calls_per_s,
        tls_verify=row.tls_verify,
    )


def kept_registered() -> list[models.Trunk]:
    """Trunks whose providers want to be kept registered, as the admin has them now."""
    rows = models.Trunk.objects.filter(active=True, register=True).order_by("pk")[:MAX_TRUNKS]
    return [row for row in rows if is_loopback(row.host)] if settings.HEARTHLINE.demonstration else list(rows)


# --- giving back ----------------------------------------------------------------------------------------------------

YOUNG_S = 10  # a leg this young may be on its way to the switch
SILENT_NODE_S = 60  # what a node that has not been heard of for so long holds, is free


def note_try(leg: uuid.UUID, *, at: float, cause: int | None, sip_status: int | None) -> None:
    """A leg through a trunk has ended. Safe to repeat."""
    models.TrunkCall.objects.filter(pk=leg, ended_at=None).update(
        ended_at=clock.from_timestamp(at), cause=cause, sip_status=sip_status
    )


def was_taken(leg: uuid.UUID) -> bool:
    """Whether a trunk was ever chosen for this leg."""
    return models.TrunkCall.objects.filter(pk=leg).exists()


def free_lost_channels(node: str, legs: set[uuid.UUID], *, at: float) -> int:
    """Give back what this node holds for legs that its switch (which has `legs`) does not know. Returns how many."""
    now = clock.from_timestamp(at)
    held = models.TrunkCall.objects.filter(node=node, ended_at=None, begun_at__lt=now - timedelta(seconds=YOUNG_S))
    lost = set(held.values_list("pk", flat=True)) - legs
    return models.TrunkCall.objects.filter(pk__in=lost, ended_at=None).update(ended_at=now) if lost else 0


def free_channels_of_silent_nodes() -> None:
    now = clock.now()
    silent = models.Node.objects.filter(heartbeat_at__lt=now - timedelta(seconds=SILENT_NODE_S))
    models.TrunkCall.objects.filter(node__in=silent, ended_at=None).update(ended_at=now)
