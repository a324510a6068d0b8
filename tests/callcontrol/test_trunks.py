"""Trunks in call control: which one a call takes, limits, the next one when one fails, registrations."""

from __future__ import annotations

import asyncio
import time
import uuid
from itertools import pairwise
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from hearthline.callcontrol import records
from hearthline.callcontrol.trunk_desk import ASIDE_S, FAILURES_IN_A_ROW
from hearthline.callcontrol.trunks import (
    TURN_WAIT_S,
    ChosenTrunk,
    LegTakenError,
    NoTrunkError,
    Wanted,
    note_try,
    prefix_length,
    take_trunk,
)
from hearthline.calls import commands as cmd
from hearthline.calls.models import Attempt, Line, LineState, Node, Trunk, TrunkCall, TrunkStanding
from hearthline.ledger import check
from hearthline.switch.port import Destination, SwitchErrorCode
from tests.callcontrol.exchange import NODE, Exchange
from tests.races import failures, together

NUMBER = "+79161234567"


def a_trunk(name: str, **fields: Any) -> Trunk:
    return Trunk.objects.create(name=name, **{"host": "127.0.0.1", "caller_id": "+74951234567", **fields})


def take(number: str = NUMBER, **changes: Any) -> ChosenTrunk:
    fields = {"leg": uuid.uuid4(), "node": NODE, "at": time.time(), "aside": {}, **changes}
    with transaction.atomic():
        return take_trunk(Wanted(number, **fields))


def a_node(name: str = NODE) -> None:
    Node.objects.create(name=name, engine="embedded")


async def a_second_trunk(exchange: Exchange, **fields: Any) -> None:
    await exchange.db(a_trunk, "second", **{"priority": -1, **fields})


async def tries(exchange: Exchange) -> list[tuple[str, int | None, int | None]]:
    """The evidence: trunk, cause, status of each try, in order."""
    rows = TrunkCall.objects.filter(attempt=exchange.attempt).order_by("begun_at", "ended_at")
    return await exchange.db(lambda: list(rows.values_list("trunk__name", "cause", "sip_status")))


# --- choosing ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("prefixes", "length"), [("", 0), ("7", 1), ("7 7916", 4), ("7495 44", None), ("79161234567", 11), ("916", None)]
)
def test_the_longest_prefix_counts(prefixes: str, length: int | None) -> None:
    assert prefix_length(prefixes, NUMBER) == length


@pytest.mark.django_db
def test_the_most_particular_trunk_is_taken_then_the_highest_priority() -> None:
    a_node()
    a_trunk("anywhere", priority=9)
    a_trunk("russia", prefixes="7", priority=1)
    a_trunk("russia too", prefixes="7", priority=2)
    a_trunk("mobile", prefixes="79 78", priority=-5)
    assert take().trunk.name == "mobile"
    assert take("+74951234567").trunk.name == "russia too"
    assert take("+12025550101").trunk.name == "anywhere"
    assert take(aside={Trunk.objects.get(name="mobile").pk: time.time() + 60}).trunk.name == "russia too"


@pytest.mark.django_db
def test_a_destination_that_nobody_takes_is_refused_in_words() -> None:
    a_node()
    a_trunk("russia", prefixes="7")
    with pytest.raises(NoTrunkError, match="destination"):
        take("+12025550101")
    assert not TrunkCall.objects.exists()


@pytest.mark.django_db
def test_a_trunk_that_keeps_failing_is_taken_when_there_is_no_other() -> None:
    a_node()
    only = a_trunk("only")
    assert take(aside={only.pk: time.time() + 60}).trunk.name == "only"


@pytest.mark.django_db
def test_a_full_trunk_leaves_the_call_to_the_next_one() -> None:
    a_node()
    a_trunk("first", priority=1, max_channels=2)
    a_trunk("second", max_channels=1)
    leg = uuid.uuid4()
    assert [take(leg=leg).trunk.name, take().trunk.name, take().trunk.name] == ["first", "first", "second"]
    with pytest.raises(NoTrunkError, match="channels"):
        take()
    note_try(leg, at=time.time(), cause=16, sip_status=None)
    assert take().trunk.name == "first"
    assert TrunkCall.objects.filter(ended_at=None).count() == 3


@pytest.mark.django_db
def test_a_lowered_limit_counts_the_calls_that_began_before_it() -> None:
    a_node()
    trunk = a_trunk("first")
    for _ in range(3):
        take()
    trunk.max_channels = 2
    trunk.save()
    with pytest.raises(NoTrunkError):
        take()


@pytest.mark.django_db
def test_the_same_leg_is_given_a_trunk_once() -> None:
    a_node()
    a_trunk("first")
    leg = uuid.uuid4()
    take(leg=leg)
    with pytest.raises(LegTakenError):
        take(leg=leg)
    assert TrunkCall.objects.count() == 1


@pytest.mark.django_db
def test_calls_a_second_wait_for_their_turn_and_then_go_elsewhere() -> None:
    a_node()
    trunk = a_trunk("slow", priority=1, max_calls_per_s=2)
    a_trunk("second")
    at = time.time()
    chosen = [take(at=at) for _ in range(6)]
    slow = [c.due for c in chosen if c.id == trunk.pk]
    assert len(slow) == 5  # one at once, the others within the two seconds that a call may wait
    assert slow[0] <= at
    gaps = [later - sooner for sooner, later in pairwise(slow[1:])]
    assert all(gap == pytest.approx(0.5) for gap in gaps)
    assert slow[-1] - at <= TURN_WAIT_S
    assert chosen[-1].trunk.name == "second"
    assert take(at=at + 10).id == trunk.pk


# --- limits when many ask at once ---------------------------------------------------------------------------------------


def test_no_channel_is_given_out_twice(database: str) -> None:
    a_node("one")
    a_node("two")
    a_trunk("provider", max_channels=10)
    got = together(16, lambda n: take(node=("one", "two")[n % 2]))
    refused = failures(got)
    assert len(refused) == 6
    assert all(isinstance(error, NoTrunkError) for error in refused), refused
    assert sorted(TrunkCall.objects.values_list("channel", flat=True)) == list(range(1, 11))  # type: ignore[type-var]  # each has one


def test_no_turn_is_given_out_twice(database: str) -> None:
    a_node()
    a_trunk("provider", max_calls_per_s=10)
    at = time.time()
    got = together(16, lambda _n: take(at=at))
    assert failures(got) == []
    due = sorted(c.due for c in got if isinstance(c, ChosenTrunk))
    assert len({round(moment, 3) for moment in due}) == 16
    assert due[-1] - at <= 1.6


# --- the next trunk -----------------------------------------------------------------------------------------------------


async def test_the_same_attempt_goes_on_over_the_second_trunk(exchange: Exchange) -> None:
    await a_second_trunk(exchange)
    await exchange.dial()
    first = exchange.contact
    exchange.switch.hangs_up(first, 41, sip_status=503)
    await exchange.settled()

    assert exchange.contact != first
    leg = exchange.switch.leg(exchange.contact)
    assert leg.trunk is not None
    assert leg.trunk.name == "second"
    assert leg.caller_id == "+74951234567"
    assert exchange.told("call.") == ["call.dialling"]  # nothing new to the operator
    exchange.switch.rings(exchange.contact)
    exchange.switch.answers(exchange.contact)
    await exchange.advance(30)
    await exchange.press(cmd.HangUp)
    await exchange.settled()
    row = await exchange.row()
    assert (row.phase, row.ended_by) == ("wrap_up", "operator")
    assert (await exchange.db(lambda: Trunk.objects.get(pk=row.trunk_id))).name == "second"
    assert await tries(exchange) == [("provider", 41, 503), ("second", 16, None)]
    assert await exchange.channels() == 0
    assert (await exchange.wrap_up()).payable
    assert (await exchange.db(check.prove)).faults == []


@pytest.mark.parametrize(
    ("cause", "status", "outcome"),
    [(17, 486, "busy"), (1, 404, "absent"), (18, 480, "no_answer"), (21, 603, "rejected")],
)
async def test_what_the_network_says_of_a_person_ends_the_attempt(
    exchange: Exchange, cause: int, status: int, outcome: str
) -> None:
    await a_second_trunk(exchange)
    await exchange.dial()
    exchange.switch.hangs_up(exchange.contact, cause, sip_status=status)
    await exchange.settled()
    assert (await exchange.row()).auto_outcome == outcome
    assert await tries(exchange) == [("provider", cause, status)]
    assert len([r for r in exchange.switch.requests if r[0] == "ring"]) == 1


async def test_without_a_second_trunk_the_refusal_is_what_became_of_it(exchange: Exchange) -> None:
    await exchange.dial()
    exchange.switch.hangs_up(exchange.contact, 21, sip_status=403)
    await exchange.settled()
    row = await exchange.row()
    assert (row.phase, row.auto_outcome, row.cause, row.sip_status) == ("closed", "network", 21, 403)
    assert exchange.told("call.") == ["call.dialling", "call.ended", "call.wrapped_up", "call.closed"]
    assert await exchange.channels() == 0


async def test_three_trunks_at_most_are_tried(exchange: Exchange) -> None:
    for n in range(4):
        await exchange.db(a_trunk, f"number {n}", priority=-n - 1)
    await exchange.dial()
    for _ in range(3):
        exchange.switch.hangs_up(exchange.contact, 34, sip_status=503)
        await exchange.settled()
    assert (await exchange.row()).phase == "closed"
    assert [name for name, *_ in await tries(exchange)] == ["provider", "number 0", "number 1"]


async def test_a_trunk_that_the_switch_cannot_reach_gives_way_to_the_next(exchange: Exchange) -> None:
    await a_second_trunk(exchange)
    exchange.switch.refuse["ring"] = SwitchErrorCode.FAILED
    assert "error" not in await exchange.dial()  # it went on, and ended like any call that fails
    assert "call.ended" in exchange.told("call.")
    rows = await exchange.db(lambda: list(TrunkCall.objects.values_list("trunk__name", "ended_at")))
    assert {name for name, _ in rows} == {"provider", "second"}  # both were asked for
    assert all(ended for _, ended in rows)
    assert (await exchange.db(Attempt.objects.get)).auto_outcome == "network"


async def test_the_operator_hangs_up_while_the_next_trunk_is_asked(exchange: Exchange) -> None:
    await a_second_trunk(exchange)
    await exchange.dial()
    exchange.switch.hangs_up(exchange.contact, 41, sip_status=503)
    reply = await exchange.press(cmd.HangUp)  # both at once: nothing was carried out in between
    assert "error" not in reply
    await exchange.advance(5)
    row = await exchange.row()
    assert (row.phase, row.auto_outcome) == ("closed", "cancelled")
    assert [leg.id for leg in exchange.switch._legs.values()] == [exchange.operator_leg]
    assert await exchange.channels() == 0


async def test_a_hang_up_while_the_call_waits_for_its_turn_places_no_call(exchange: Exchange) -> None:
    await exchange.db(lambda: Trunk.objects.update(max_calls_per_s=1))
    at = exchange.moments.now()
    await exchange.db(take_trunk, Wanted(NUMBER, uuid.uuid4(), NODE, at, {}))
    dial = cmd.Dial(
        key="d", user=str(exchange.operator.pk), assignment=str(exchange.assignment.pk), fence=exchange.assignment.fence
    )
    dialling = asyncio.create_task(exchange.orders.handle(cmd.to_message(dial)))
    async with asyncio.timeout(10):
        while not exchange.conductor.actors:
            await exchange.db(lambda: None)
    exchange.attempt = next(iter(exchange.conductor.actors))
    hang_up = cmd.HangUp(key="h", user=str(exchange.operator.pk), attempt=exchange.attempt)
    assert "error" not in await exchange.orders.handle(cmd.to_message(hang_up))
    while not dialling.done():
        exchange.moments.next_due(at + 5)
        await exchange.db(lambda: None)
    assert "error" not in dialling.result()
    await exchange.settled()
    assert [r for r in exchange.switch.requests if r[0] == "ring"] == []
    row = await exchange.row()
    assert (row.phase, row.auto_outcome) == ("closed", "cancelled")


async def test_call_control_dies_between_two_trunks_and_goes_on(
    exchange: Exchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    await a_second_trunk(exchange)
    await exchange.dial()
    monkeypatch.setattr(exchange.conductor, "ring_next", lambda actor, leg: None)  # it dies before it comes to that
    exchange.switch.hangs_up(exchange.contact, 41, sip_status=503)
    await exchange.settled()
    await exchange.stop()
    assert [leg.id for leg in exchange.switch._legs.values()] == [exchange.operator_leg]

    await exchange.start()
    leg = exchange.switch.leg(exchange.contact)
    assert leg.trunk is not None
    assert leg.trunk.name == "second"
    exchange.switch.answers(exchange.contact)
    await exchange.settled()
    assert (await exchange.row()).phase == "talking"


async def test_a_second_leg_that_was_lost_is_not_called_again(exchange: Exchange) -> None:
    await a_second_trunk(exchange)
    await exchange.db(a_trunk, "third", priority=-2)
    await exchange.dial()
    exchange.switch.hangs_up(exchange.contact, 41, sip_status=503)
    await exchange.settled()
    await exchange.stop()
    exchange.switch.dies()
    exchange.switch.reachable = True
    await exchange.advance_clock(15)
    await exchange.start()
    await exchange.settled()
    assert (await exchange.row()).auto_outcome == "network"
    assert len([r for r in exchange.switch.requests if r[0] == "ring"]) == 2
    assert await exchange.channels() == 0


async def test_channels_of_legs_that_are_gone_are_free_again(exchange: Exchange) -> None:
    await exchange.db(take_trunk, Wanted(NUMBER, uuid.uuid4(), NODE, exchange.moments.now(), {}))
    await exchange.look()
    assert await exchange.channels() == 1  # young: it may be on its way
    await exchange.advance(15)
    await exchange.look()
    assert await exchange.channels() == 0


# --- trunks that keep failing ---------------------------------------------------------------------------------------------


async def refused_calls(exchange: Exchange, count: int, *, cause: int = 41, status: int = 503) -> None:
    for _ in range(count):
        leg = uuid.uuid4().hex
        chosen = await exchange.db(take_trunk, exchange.conductor.wanted(leg, NUMBER))
        exchange.conductor.trunk_desk.begun(leg, chosen.id)
        await exchange.switch.ring(leg, Destination(number=NUMBER), caller_id="", timeout_s=40, trunk=chosen.trunk)
        exchange.switch.hangs_up(leg, cause, sip_status=status)
        await exchange.settled()


async def test_a_trunk_that_keeps_failing_is_set_aside_and_the_admin_is_told(exchange: Exchange) -> None:
    provider = await exchange.db(Trunk.objects.get)
    await refused_calls(exchange, FAILURES_IN_A_ROW - 1)
    assert exchange.conductor.trunk_desk.aside == {}
    await refused_calls(exchange, 1)

    until = exchange.conductor.trunk_desk.aside[provider.pk]
    assert until == pytest.approx(exchange.moments.now() + ASIDE_S)
    (told,) = exchange.events("trunk.changed")
    assert (told.payload["trunk"], told.payload["state"], told.payload["node"]) == (provider.pk, "set_aside", NODE)
    standing = await exchange.db(TrunkStanding.objects.get)
    assert standing.aside_until is not None
    assert (standing.aside_cause, standing.aside_status) == (41, 503)

    await a_second_trunk(exchange)
    await exchange.dial()
    trunk = exchange.switch.leg(exchange.contact).trunk
    assert trunk is not None
    assert trunk.name == "second"  # although its priority is lower

    await exchange.stop()  # a restart does not forget it
    await exchange.start()
    assert exchange.conductor.trunk_desk.aside == {provider.pk: pytest.approx(until)}


async def test_a_trunk_that_works_again_is_told_so(exchange: Exchange) -> None:
    await refused_calls(exchange, FAILURES_IN_A_ROW)
    await refused_calls(exchange, 1, cause=17, status=486)  # busy: the trunk did its work
    assert exchange.conductor.trunk_desk.aside == {}
    assert [e.payload["state"] for e in exchange.events("trunk.changed")] == ["set_aside", "working"]
    assert (await exchange.db(TrunkStanding.objects.get)).aside_until is None


async def test_busy_people_are_no_failures_of_the_trunk(exchange: Exchange) -> None:
    await refused_calls(exchange, 10, cause=17, status=486)
    assert exchange.conductor.trunk_desk.aside == {}
    assert exchange.events("trunk.changed") == []


# --- registrations ------------------------------------------------------------------------------------------------------


async def test_registrations_follow_what_the_admin_has(exchange: Exchange) -> None:
    assert exchange.switch.kept == {}
    await exchange.db(lambda: Trunk.objects.update(register=True, username="line"))
    await exchange.look()
    assert [t.username for t in exchange.switch.kept.values()] == ["line"]
    standing = await exchange.db(TrunkStanding.objects.get)
    assert (standing.node_id, standing.registered) == (NODE, True)
    assert [e.payload["state"] for e in exchange.events("trunk.changed")] == ["registered"]

    asked = len([r for r in exchange.switch.requests if r[0] == "keep_registered"])
    await exchange.look(3)
    assert len([r for r in exchange.switch.requests if r[0] == "keep_registered"]) == asked  # nothing has changed

    await exchange.db(lambda: Trunk.objects.update(username="other"))
    await exchange.look()
    assert [t.username for t in exchange.switch.kept.values()] == ["other"]

    await exchange.db(lambda: Trunk.objects.update(active=False))
    await exchange.look()
    assert exchange.switch.kept == {}
    assert (await exchange.db(TrunkStanding.objects.get)).registered is None


async def test_a_deleted_trunk_is_not_kept_registered(exchange: Exchange) -> None:
    await exchange.db(lambda: Trunk.objects.update(register=True))
    await exchange.look()
    assert exchange.switch.kept
    await exchange.db(lambda: Trunk.objects.all().delete())
    await exchange.look()
    assert exchange.switch.kept == {}


async def test_a_switch_that_restarted_is_told_again(exchange: Exchange) -> None:
    await exchange.db(lambda: Trunk.objects.update(register=True))
    await exchange.look()
    exchange.switch.dies()
    exchange.switch.kept = {}
    await exchange.settled()
    exchange.switch.is_back(same_process=False)
    await exchange.settled()
    assert list(exchange.switch.kept) == ["provider"]


# --- between key and INVITE -----------------------------------------------------------------------------------------------


def test_six_statements_stand_between_key_and_invite(prepared: Exchange) -> None:
    a_node()
    Line.objects.create(user=prepared.operator, node_id=NODE, state=LineState.OPEN)
    command = cmd.Dial(
        key="k", user=str(prepared.operator.pk), assignment=str(prepared.assignment.pk), fence=prepared.assignment.fence
    )
    with CaptureQueriesContext(connection) as queries:
        started = records.start_attempt(command, node=NODE, aside={}, at=time.time())
    assert started.trunk is not None
    statements = [q["sql"] for q in queries if not q["sql"].startswith(("BEGIN", "COMMIT", "SAVEPOINT", "RELEASE"))]
    assert len(statements) == 6, statements
