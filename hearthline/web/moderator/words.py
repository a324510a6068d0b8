"""What a moderator reads of a report and of a campaign's findings: a sentence for each figure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from django.utils.formats import date_format
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from hearthline.lib.money import Money
from hearthline.quality.analysis.words import suspicion
from hearthline.quality.approval import FINDINGS
from hearthline.quality.models import CampaignCheck, Report
from hearthline.quality.models_moderation import ReportKind
from hearthline.web.moderator.decoy_words import decoy_sentence


def report_sentence(report: Report) -> str:
    """The evidence in words."""
    figures: Mapping[str, Any] = report.evidence.get("figures", {})
    match report.kind:
        case ReportKind.DUPLICATE_CONTACTS:
            return _("%(times)s contacts entered within a week were in the campaign already.") % figures
        case ReportKind.LONG_CALLS:
            return (
                _("%(long)s of %(answered)s answered calls within a week ran into the limit of %(limit_s)s seconds.")
                % figures
            )
        case ReportKind.PAYABLE_SHARE:
            return (
                _(
                    "%(own_percent)s %% of %(answered)s answered calls were paid; with the others it is %(others_percent)s %%."
                )
                % figures
            )
        case ReportKind.SHORT_CONVERSATIONS:
            return (
                _(
                    "%(short)s of %(paid)s paid conversations lasted hardly longer than the %(least_s)s seconds that are paid for."
                )
                % figures
            )
        case ReportKind.UNFOUNDED_RESULTS:
            return (
                _(
                    "%(unfounded)s of %(answered)s answered calls within a week were said to be conversations; their logs show hardly any."
                )
                % figures
            )
        case ReportKind.SAME_NUMBER:
            return _("One number was reached and paid for in %(campaigns)s campaigns, by the same operator.") % figures
        case ReportKind.SELF_DEALING:
            return _self_dealing(figures)
        case ReportKind.RETURNED:
            suspended = date_format(date.fromisoformat(str(figures.get("suspended"))))
            return _("This operator signs in with the browser of an operator who was suspended on %(suspended)s.") % {
                "suspended": suspended
            }
        case ReportKind.CUSTOMER_REJECTS:
            return (
                _(
                    "%(rejected)s of %(conversations)s conversations rejected within a month; %(overturned)s did not stand."
                )
                % figures
            )
        case ReportKind.SUSPICIOUS_CALL:
            found = suspicion(str(figures.get("code", "")), {})
            if "calls" not in figures:
                more = int(figures.get("found", 1))
                if more < 2:
                    return found
                return _("In %(calls)s paid calls: %(what)s") % {"calls": more, "what": found}
            return _("In %(calls)s of %(answered)s answered calls within a week: %(what)s") % {**figures, "what": found}
        case ReportKind.DECOY_CALLED:
            return decoy_sentence(figures)
    return report.words


def _self_dealing(figures: Mapping[str, Any]) -> str:
    if figures.get("telephone") == "own":
        return _("The number of the contact is the operator's own telephone.")
    if figures.get("telephone"):
        return _("The number of the contact is another operator's telephone.")
    if figures.get("device"):
        return _("The operator and the customer's owner sign in with the same browser.")
    if figures.get("address"):
        return _("The operator and the customer's owner sign in from the same network address.")
    return _("The contact was entered by somebody who invited the operator, or whom the operator invited.")


def finding_sentences(check: CampaignCheck, currency: str) -> list[str]:
    """What the exchange found by itself, each in words."""
    sentences = []
    for finding in check.findings:
        sentence = str(FINDINGS.get(finding["code"], finding["code"]))
        if "words" in finding:
            sentence = f"{sentence}: “{finding['words']}”"
        if "others_minor" in finding:
            locale = get_language() or "en"
            own, others = (Money(finding[key], currency).format(locale) for key in ("price_minor", "others_minor"))
            sentence = f"{sentence}: {own}, {others}"
        sentences.append(sentence)
    return sentences
