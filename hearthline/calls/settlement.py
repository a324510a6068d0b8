"""Whether a conversation is paid, from evidence only, and the movement of the money: exactly once, whatever crashes when.

The operator's word (the disposition) is necessary and never enough: the call must have been answered, must have lasted,
and voice must have been heard in both directions. Where the exchange's own switch failed and took the evidence with it, the
customer pays nothing and the exchange pays the operator (ADR 22). Every movement has an id derived from the attempt or is the
hold itself, so that repeating a settlement is the same settlement.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.conf import settings

from hearthline.calls.call_state import EndReason
from hearthline.calls.models import Attempt
from hearthline.ledger import reversals, ringing, tariffs
from hearthline.ledger import services as ledger
from hearthline.ledger.models import Transfer
from hearthline.lib.ids import derived_id
from hearthline.lib.money import Money
from hearthline.lib.robot_numbers import is_robot_number

VOICE_MIN_MS = 700  # of each party, above the switch's voice threshold: one short sentence


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was seen of a call, without anybody's word."""

    answered: bool
    talk_ms: int
    contact_voice_ms: int | None  # None: the switch told nothing
    operator_voice_ms: int | None
    ended_by: str
    end_reason: str


@dataclass(frozen=True, slots=True)
class Verdict:
    payable: bool
    reason: str = ""  # a code of NOT_PAYABLE when it is not


NOT_PAYABLE = (
    "not_answered", "not_wrapped_up", "disposition_not_payable", "too_short", "operator_vanished", "no_evidence",
    "contact_not_heard", "operator_not_heard", "rejected", "reversed", "practice", "exchange_fault",
)  # fmt: skip


def evidence_of(attempt: Attempt) -> Evidence:
    stats: dict[str, Any] = attempt.contact_stats
    reason = str(attempt.machine.get("end_reason", ""))
    talk_ms = attempt.talk_ms
    if reason == EndReason.NODE_LOST and attempt.machine.get("node_lost_at") is None:
        talk_ms = max(0, talk_ms - _longest_unwatched_ms())
    return Evidence(
        answered=attempt.answered_at is not None,
        talk_ms=talk_ms,
        contact_voice_ms=stats.get("voice_in_ms"),
        operator_voice_ms=stats.get("voice_out_ms"),
        ended_by=attempt.ended_by,
        end_reason=reason,
    )


def _longest_unwatched_ms() -> int:
    """Call control was lost, too, and nobody knows when the talk broke off: so much of its clock may have run on."""
    configuration = settings.HEARTHLINE
    return (configuration.node_lost_after_s + configuration.reconcile_every_s) * 1000


def judge(evidence: Evidence, *, disposition_payable: bool | None, min_talk_s: int) -> Verdict:
    """`disposition_payable` is None when the operator never wrapped the call up."""
    if not evidence.answered:
        return Verdict(False, "not_answered")
    if disposition_payable is None:
        return Verdict(False, "not_wrapped_up")
    if not disposition_payable:
        return Verdict(False, "disposition_not_payable")
    if evidence.talk_ms < min_talk_s * 1000:
        return Verdict(False, "too_short")
    if evidence.end_reason == EndReason.OPERATOR_VANISHED:
        return Verdict(False, "operator_vanished")
    measured = evidence.contact_voice_ms is not None and evidence.operator_voice_ms is not None
    if evidence.end_reason == EndReason.NODE_LOST and not measured:
        return Verdict(False, "exchange_fault")
    if evidence.contact_voice_ms is None or evidence.operator_voice_ms is None:
        return Verdict(False, "no_evidence")
    if evidence.contact_voice_ms < VOICE_MIN_MS:
        return Verdict(False, "contact_not_heard")
    if evidence.operator_voice_ms < VOICE_MIN_MS:
        return Verdict(False, "operator_not_heard")
    return Verdict(True)


@dataclass(frozen=True, slots=True)
class Settled:
    charged: Money  # to the customer
    earned: Money  # by the operator


# Ringing is not paid when the operator ended it, when the switch never rang, or when the operator did not do their part.
_NO_RINGING = frozenset({"cancelled", "network", "not_wrapped_up", "operator_vanished", "operator_not_heard"})


def ring_s(attempt: Attempt) -> float:
    """Seconds from the dialling to the answer, or to the end where nobody answered."""
    until = attempt.answered_at or attempt.ended_at or attempt.operator_left_at
    return max(0.0, (until - attempt.dialled_at).total_seconds()) if until is not None else 0.0


def ringing_of(attempt: Attempt, verdict: Verdict, outcome: str, held: Money) -> Money:
    """What the campaign's floor pays for an unpaid call: by the second, of at most `ring_timeout_s`, never more than is held.

    Only from the network's own word that it was ringing: a 180, a final status, or an answer.
    """
    nothing = Money(0, held.currency)
    rate = attempt.campaign.ring_pay_minor
    if not rate or verdict.payable or outcome in _NO_RINGING or verdict.reason in _NO_RINGING:
        return nothing
    if attempt.ringing_at is None and attempt.answered_at is None and not attempt.sip_status:
        return nothing
    milliseconds = min(int(ring_s(attempt) * 1000), settings.HEARTHLINE.ring_timeout_s * 1000)
    return Money(min(rate * milliseconds // 60_000, held.minor), held.currency)


def settle(attempt: Attempt, verdict: Verdict, outcome: str = "") -> Settled:
    """Post or void the money held for this attempt's assignment, or pay its ringing from it; safe to repeat.

    `outcome` as `Attempt.auto_outcome`. Call it inside the transaction that marks the attempt as wrapped up.
    """
    campaign, hold = attempt.campaign, attempt.assignment.hold
    nothing = Money(0, campaign.currency)
    if hold is None:
        return Settled(nothing, nothing)
    if verdict.reason == "exchange_fault":
        return _compensated(attempt)
    if not verdict.payable and not campaign.ring_pay_minor:
        ledger.void(hold)
        return Settled(nothing, nothing)
    # the price of the moment when the contact was assigned: what is held is what was agreed
    held = Money(Transfer.objects.values_list("amount_minor", flat=True).get(pk=hold), campaign.currency)
    robot = bool(
        attempt.contact.scenario
    )  # the exchange pays: what is held is the operator's share, without a commission
    if not verdict.payable:
        amount = ringing_of(attempt, verdict, outcome, held)
        if amount.minor:
            ringing.pay_ringing(hold=hold, amount=amount)
        else:
            ledger.void(hold)
        return Settled(nothing if robot else amount, amount)
    if robot:
        own = ledger.settle_conversation(hold=hold, commission=nothing)
        return Settled(nothing, Money(own.posted_minor, campaign.currency))
    transfer = ledger.settle_conversation(hold=hold, commission=commission_of(held))
    return Settled(Money(transfer.amount_minor, campaign.currency), Money(transfer.posted_minor, campaign.currency))


def _compensated(attempt: Attempt) -> Settled:
    """The customer is charged nothing; the operator gets from the exchange what the conversation would have brought."""
    hold = attempt.assignment.hold
    assert hold is not None
    held = Money(Transfer.objects.values_list("amount_minor", flat=True).get(pk=hold), attempt.campaign.currency)
    pay = held if attempt.contact.scenario else held - commission_of(held)
    ledger.void(hold)
    reversals.compensate(
        id=derived_id(hold, "compensation"), operator=attempt.operator_id, amount=pay, reference=f"attempt:{attempt.pk}"
    )
    return Settled(Money(0, held.currency), pay)


def commission_of(price: Money) -> Money:
    """The exchange's share; it always leaves the operator something."""
    share = price.share(settings.HEARTHLINE.commission_basis_points)
    return Money(max(0, min(share.minor, price.minor - 1)), price.currency)


def record_telephone(attempt: Attempt) -> None:
    """The cost of the contact's leg from answer to end: the exchange's own. Safe to repeat."""
    if attempt.answered_at is None or attempt.ended_at is None or is_robot_number(attempt.assignment.phone):
        return
    seconds = max(0, -(-int((attempt.ended_at - attempt.answered_at).total_seconds() * 1000) // 1000))
    rate = tariffs.rate_of(attempt.assignment.phone, attempt.campaign.currency)
    if rate is None:  # the price list was withdrawn during the call; there is no amount to write down
        return
    cost = ledger.TelephoneCost(id=derived_id(attempt.pk, "telephone"), amount=rate.cost(seconds))
    ledger.record_telephone_cost(cost, reference=f"attempt:{attempt.pk}")
