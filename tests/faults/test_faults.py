"""What dies, hangs or is cut off in mid-call. Afterwards: the call that could survive did, the operator goes on within the
documented bound, and the books are sound (the `hosts` fixture looks after each test)."""

from __future__ import annotations

import asyncio
import time

import pytest

from hearthline.demo.session import RefusedError
from tests.faults.people import Operator
from tests.faults.processes import LOST_S, Hosts, wait_for

pytestmark = [pytest.mark.postgres, pytest.mark.slow, pytest.mark.timeout(180)]

UNTIL_TAKEN_OVER_S = LOST_S + 6  # lost, found lost at the next look, and one look more


def node_of(hosts: Hosts, attempt: str) -> str:
    return str(hosts.attempt(attempt)["node_id"])


async def test_call_control_is_killed(hosts: Hosts, operator: Operator) -> None:
    call = await operator.talk()
    part = hosts[f"callcontrol-{node_of(hosts, call)}"]
    part.kill()
    await operator.hears_the_contact()
    part.start()
    await operator.hang_up()
    assert hosts.attempt(call)["ended_by"] == "operator"
    await operator.wrap_up()


async def test_web_is_killed(hosts: Hosts, operator: Operator) -> None:
    call = await operator.talk()
    hosts["web"].kill()
    await operator.hears_the_contact()
    hosts["web"].start()
    await operator.hang_up()
    assert hosts.attempt(call)["ended_by"] == "operator"
    await operator.wrap_up()


async def test_the_worker_is_killed(hosts: Hosts, operator: Operator) -> None:
    await operator.talk()
    hosts["worker"].kill()
    await operator.hang_up()
    await operator.wrap_up()
    hosts.manage("from hearthline.ledger.tasks import mature_pay; mature_pay.enqueue()")
    waiting = "SELECT 1 FROM django_tasks_database_dbtaskresult WHERE status IN ('READY', 'RUNNING')"
    assert hosts.rows(waiting)
    hosts["worker"].start()
    await asyncio.to_thread(wait_for, lambda: not hosts.rows(waiting), "the task that waited")


async def test_redis_is_killed(hosts: Hosts, operator: Operator) -> None:
    call = await operator.talk()
    hosts.redis.kill()
    await operator.hears_the_contact()
    began = time.monotonic()
    state = await operator.session.get_json("/work/shift/state/")
    assert state["call"]["phase"] == "talking"
    assert time.monotonic() - began < 5, "a page waits for Redis"
    await asyncio.to_thread(hosts.redis.start)
    await operator.hang_up()
    assert hosts.attempt(call)["ended_by"] == "operator"
    await operator.wrap_up()


async def test_the_network_between_web_and_redis_is_cut(hosts: Hosts, operator: Operator) -> None:
    call = await operator.talk()
    hosts.cable.cut()
    try:
        began = time.monotonic()
        await operator.session.get_json("/work/shift/state/")
        with pytest.raises(RefusedError) as refused:
            await operator.session.command("/work/call/hold/", attempt=call, on=True)
        assert refused.value.code == "unavailable"
        assert time.monotonic() - began < 15
        await operator.hears_the_contact()
    finally:
        hosts.cable.mend()
    operator.heard.clear()
    await operator.hang_up()
    assert (await operator.told("call.ended", call))["by"] == "operator"
    await operator.wrap_up()


async def test_postgresql_is_killed(hosts: Hosts, operator: Operator) -> None:
    call = await operator.talk()
    hosts.database.kill()
    await asyncio.sleep(LOST_S + 1)  # for longer than a node may be silent: but nobody else has the database either
    await operator.hears_the_contact()
    await asyncio.to_thread(hosts.database.start)
    await operator.hang_up()
    assert hosts.attempt(call)["ended_by"] == "operator"
    await operator.wrap_up()


async def test_a_node_is_emptied_and_nobody_notices(hosts: Hosts, operator: Operator) -> None:
    call = await operator.talk()
    drained = node_of(hosts, call)
    said = await asyncio.to_thread(hosts.run, "node", "drain", drained, "--timeout", "1", status=1)
    assert f"{drained}: 1 calls" in said
    try:
        await operator.hears_the_contact()
        await operator.hang_up()
        await operator.told("line.leaving")
        await operator.open_line()
        assert hosts.row("SELECT node_id FROM calls_line WHERE id = %s", operator.line)["node_id"] != drained
        assert "is empty" in await asyncio.to_thread(hosts.run, "node", "drain", drained, "--timeout", "10")
        await operator.wrap_up()
        again = await operator.talk()
        assert node_of(hosts, again) != drained
        await operator.hang_up()
        await operator.wrap_up()
    finally:
        await asyncio.to_thread(hosts.run, "node", "undrain", drained)
    assert "ready" in await asyncio.to_thread(hosts.run, "node", "list")


async def test_an_engine_is_killed(hosts: Hosts, operator: Operator) -> None:
    call = await operator.talk()
    node = node_of(hosts, call)
    hosts.kill_engine(node)
    hosts[f"engine-{node}"].start()
    await operator.until_phase("wrap_up")
    row = hosts.attempt(call)
    assert (row["ended_by"], row["cause"]) == ("switch", 41)
    await operator.wrap_up()
    await operator.open_line()
    await operator.talk()
    await operator.hang_up()
    await operator.wrap_up()


async def test_a_node_never_comes_back_and_another_takes_over(hosts: Hosts, operator: Operator) -> None:
    call = await operator.talk()
    lost = node_of(hosts, call)
    hosts[f"callcontrol-{lost}"].kill()
    hosts.kill_engine(lost)
    await operator.until_phase("wrap_up", within_s=UNTIL_TAKEN_OVER_S)
    row = hosts.attempt(call)
    assert (row["node_id"] != lost, row["ended_by"], row["cause"]) == (True, "switch", 41)
    assert not hosts.rows("SELECT 1 FROM calls_line WHERE node_id = %s AND state <> 'closed'", lost)
    await operator.wrap_up()
    await operator.open_line()
    again = await operator.talk()
    assert node_of(hosts, again) != lost
    await operator.hang_up()
    await operator.wrap_up()


async def test_a_node_hangs_is_replaced_and_settles_nothing_when_it_wakes_up(hosts: Hosts, operator: Operator) -> None:
    call = await operator.talk()
    hung = node_of(hosts, call)
    part = hosts[f"callcontrol-{hung}"]
    part.freeze()
    await operator.until_phase("wrap_up", within_s=UNTIL_TAKEN_OVER_S)
    await operator.wrap_up()
    before = hosts.attempt(call)
    part.thaw()
    assert await asyncio.to_thread(part.ends, 20) == 1
    assert hosts.attempt(call) == before
    part.start()
    await asyncio.to_thread(wait_for, lambda: hosts.ready(hung), "the node to be back")
    await operator.open_line()
    await operator.talk()
    await operator.hang_up()
    await operator.wrap_up()
