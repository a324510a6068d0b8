"""Codes of the exchange in words for a person."""

from __future__ import annotations

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

# calls.Attempt.auto_outcome: how a call ended when no operator said so
OUTCOMES: dict[str, str | Promise] = {
    "busy": _("busy"),
    "no_answer": _("no answer"),
    "absent": _("number not in service"),
    "rejected": _("declined"),
    "network": _("network failure"),
    "cancelled": _("cancelled by the operator"),
    "not_wrapped_up": _("outcome not written down"),
}

# calls.settlement.NOT_PAYABLE: why a conversation is not paid for
NOT_PAYABLE: dict[str, str | Promise] = {
    "not_answered": _("nobody answered"),
    "not_wrapped_up": _("the operator wrote no outcome"),
    "disposition_not_payable": _("this outcome is not paid for"),
    "too_short": _("too short"),
    "operator_vanished": _("the operator's line was lost"),
    "no_evidence": _("nothing proves the conversation"),
    "contact_not_heard": _("the contact was not heard"),
    "operator_not_heard": _("the operator was not heard"),
    "rejected": _("the customer rejected it"),
    "reversed": _("taken back by a moderator"),
    "exchange_fault": _("the exchange's own fault; the exchange pays the operator"),
}

# calls.call_state.Phase, of a call that goes on
PHASES: dict[str, str | Promise] = {
    "dialling": _("dialling"),
    "ringing": _("ringing"),
    "early": _("the network's announcement"),
    "talking": _("talking"),
    "on_hold": _("on hold"),
    "briefing": _("briefing"),
    "handed_over": _("handed over"),
}

# quality.reviews.ANSWERS
ANSWERS: dict[str, str | Promise] = {
    "yes": _("yes"),
    "partly": _("partly"),
    "no": _("no"),
    "na": _("does not apply"),
}


# The same for the operator's own eyes
OWN_UNPAID: dict[str, str | Promise] = {
    **NOT_PAYABLE,
    "not_wrapped_up": _("it was not wrapped up in time"),
    "disposition_not_payable": _("this result is not a paid one"),
    "too_short": _("the conversation was too short"),
    "operator_vanished": _("your line was lost during the call"),
    "no_evidence": _("nothing was measured of its sound"),
    "operator_not_heard": _("you were not heard"),
    "exchange_fault": _("a fault of the exchange ended it, so the exchange pays you and not the customer"),
}


def own_unpaid_words(code: str) -> str:
    return str(OWN_UNPAID.get(code, code.replace("_", " ")))


def outcome_words(code: str) -> str:
    return str(OUTCOMES.get(code, code.replace("_", " ")))


def not_payable_words(code: str) -> str:
    return str(NOT_PAYABLE.get(code, code.replace("_", " ")))
