"""What a campaign still needs before it can start: one sentence for each thing."""

from __future__ import annotations

from dataclasses import dataclass

from django.conf import settings
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from hearthline.campaigns import tally
from hearthline.campaigns.models import Campaign, Contact, ContactState
from hearthline.campaigns.scripts import check_script
from hearthline.ledger.models import AccountKind
from hearthline.ledger.services import account_of
from hearthline.lib.money import Money


@dataclass(frozen=True, slots=True)
class Missing:
    """`step` is where on the page it is put right: "contacts", "script", "form", "price", "window" or "balance"."""

    code: str
    step: str
    sentence: str


def missing(campaign: Campaign) -> list[Missing]:
    """Everything that keeps the campaign from starting; empty: it can start. A flat number of queries."""
    found = [*_contacts(campaign), *_script(campaign), *_dispositions(campaign), *_window(campaign), *_price(campaign)]
    if not any(item.step == "price" for item in found):
        found += _balance(campaign)
    return found


def _contacts(campaign: Campaign) -> list[Missing]:
    waiting = Contact.objects.filter(campaign=campaign, state__in=(ContactState.FRESH, ContactState.RETRY))
    if waiting.exists():
        return []
    totals = tally.of(campaign.pk)
    if not totals.contacts:
        return [Missing("no_contacts", "contacts", _("There are no contacts yet. Upload a spreadsheet."))]
    if totals.blocked == totals.contacts:
        sentence = _("None of the contacts may be called: they are on the do-not-call list or have no price.")
        return [Missing("all_blocked", "contacts", sentence)]
    return [Missing("all_done", "contacts", _("All contacts have been called. Upload more."))]


def _script(campaign: Campaign) -> list[Missing]:
    if not campaign.script.strip():
        return [Missing("no_script", "script", _("There is no script. Write what the operators shall say."))]
    return [Missing("script_problem", "script", problem.sentence) for problem in check_script(campaign)[:5]]


def _dispositions(campaign: Campaign) -> list[Missing]:
    payable = list(campaign.dispositions.values_list("payable", flat=True))
    if not payable:
        return [Missing("no_dispositions", "form", _("Say how a conversation can end: add at least one outcome."))]
    if not any(payable):
        sentence = _("No outcome is paid for. Mark at least one as a conversation that you pay for.")
        return [Missing("nothing_payable", "form", sentence)]
    return []


def _window(campaign: Campaign) -> list[Missing]:
    if campaign.window_start < campaign.window_end:
        return []
    return [Missing("empty_window", "window", _("Calls end before they begin. Set the hours of calling again."))]


def _price(campaign: Campaign) -> list[Missing]:
    least = Money(settings.HEARTHLINE.minimum_price_minor, campaign.currency)
    if campaign.price_minor >= least.minor:
        return []
    amount = least.format(get_language() or "en")
    return [Missing("price_too_low", "price", _("A conversation costs at least %(amount)s.") % {"amount": amount})]


def _balance(campaign: Campaign) -> list[Missing]:
    account = account_of(AccountKind.CUSTOMER, campaign.organisation_id, campaign.currency)
    if account.available >= campaign.price_minor:
        return []
    locale = get_language() or "en"
    words = {
        "available": Money(account.available, campaign.currency).format(locale),
        "price": Money(campaign.price_minor, campaign.currency).format(locale),
    }
    sentence = _("The balance of %(available)s does not cover one conversation (%(price)s). Top it up.") % words
    return [Missing("balance_too_low", "balance", sentence)]
