"""What is counted of calls as they go."""

from __future__ import annotations

from hearthline.callcontrol.measured import measure
from hearthline.calls import commands as cmd
from hearthline.lib.measures import REGISTRY
from tests.callcontrol.exchange import Exchange


def value(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


async def test_a_conversation_counts_once_in_each_place(exchange: Exchange) -> None:
    forget = measure(exchange.conductor)
    ended = value("hearthline_calls_ended_total", answered="yes", by="operator")
    answers = value("hearthline_ring_to_answer_seconds_count")
    paid = value("hearthline_settlements_total", verdict="paid")
    await exchange.dial()
    assert value("hearthline_calls", phase="dialling") == 1
    assert value("hearthline_trunk_channels") == 1
    assert value("hearthline_lines") == 1
    exchange.switch.answers(exchange.contact)
    await exchange.settled()
    assert value("hearthline_calls", phase="talking") == 1
    await exchange.advance(42)
    await exchange.press(cmd.HangUp)
    await exchange.wrap_up()
    assert value("hearthline_calls_ended_total", answered="yes", by="operator") == ended + 1
    assert value("hearthline_ring_to_answer_seconds_count") == answers + 1
    assert value("hearthline_settlements_total", verdict="paid") == paid + 1
    forget()
    assert REGISTRY.get_sample_value("hearthline_lines") is None


async def test_a_refusal_is_counted_by_trunk_and_cause(exchange: Exchange) -> None:
    row_before = value("hearthline_settlements_total", verdict="not_answered")
    await exchange.dial()
    trunk = str((await exchange.row()).trunk_id)
    labels = {"trunk": trunk, "cause": "21", "sip_status": "403"}
    before = value("hearthline_trunk_refusals_total", **labels)
    exchange.switch.hangs_up(exchange.contact, 21, sip_status=403)
    await exchange.settled()
    assert value("hearthline_trunk_refusals_total", **labels) == before + 1
    assert value("hearthline_settlements_total", verdict="not_answered") == row_before + 1
