"""Calls to decoys from outside: written down, told apart, and brought to a moderator when somebody had been shown the number."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import F, QuerySet, Sum
from django.db.models.functions import Greatest

from hearthline.calls.models import OwnPhone, Trunk
from hearthline.campaigns.models import Campaign, CampaignManager, Contact
from hearthline.lib import clock
from hearthline.lib.phone import parse_phone
from hearthline.lib.phone_forms import caller_of, spoken
from hearthline.people import audit
from hearthline.quality.decoy_evidence import Confidence, Facts, judge
from hearthline.quality.decoys import lent_at
from hearthline.quality.models import DecoyCall, DecoyLending, DecoyNumber, Report, RobotCall
from hearthline.quality.models_decoys import Whose
from hearthline.quality.models_moderation import ReportKind
from hearthline.quality.reports import Finding, open_found

TOGETHER = timedelta(minutes=10)  # calls of one caller so close to each other are one row
SAME = timedelta(seconds=5)  # ... and so close the same call, which the provider sent to several nodes
ROWS_A_DAY = 100  # of one number; further calls are counted into the latest
SHOWN = 50
FORGOTTEN_AT_ONCE = 2000


@dataclass(frozen=True, slots=True)
class Incoming:
    """As the switch told it. `caller`: as the provider gave it; "": withheld."""

    phone: str  # E.164, of the decoy
    caller: str
    at: datetime
    rang_ms: int


def note(call: Incoming) -> DecoyCall | None:
    """Write it down; open or renew the report of who was shown the number. None: the number is no decoy any more."""
    number = DecoyNumber.objects.select_related("trunk").filter(phone=call.phone, active=True).first()
    if number is None:
        return None
    caller = caller_of(call.caller, parse_phone(number.phone, "ZZ").region)
    lending = lent_at(number, call.at)
    with transaction.atomic():
        DecoyNumber.objects.select_for_update().get(pk=number.pk)  # one call after another
        row, is_new = _kept(number, lending, caller, call)
        if is_new:
            details = {"number": number.pk, "whose": row.whose, "lending": lending.pk if lending else ""}
            audit.record(audit.Tag.SYSTEM_DECOY_CALLED, None, row.pk, details)
        if lending is not None:
            report_on(lending)
    return row


def _kept(
    number: DecoyNumber, lending: DecoyLending | None, caller: str, call: Incoming
) -> tuple[DecoyCall, bool]:  # fmt: skip
    """The row, and whether it is a new one."""
    rows = number.calls.order_by("-last_at")
    latest = rows.filter(caller=caller, lending=lending, forgotten_at=None, last_at__gt=call.at - TOGETHER).first()
    if latest is None and rows.filter(first_at__gt=call.at - timedelta(days=1)).count() >= ROWS_A_DAY:
        latest = rows.filter(lending=lending).first()
    if latest is None:
        made = DecoyCall.objects.create(
            number=number, lending=lending, trunk=number.trunk, caller=caller, whose=whose(caller, lending),
            first_at=call.at, last_at=call.at, rang_ms=max(0, call.rang_ms),
        )  # fmt: skip
        return made, True
    again = int(abs(call.at - latest.last_at) > SAME)
    DecoyCall.objects.filter(pk=latest.pk).update(
        times=F("times") + again,
        last_at=max(latest.last_at, call.at),
        rang_ms=Greatest(F("rang_ms"), max(0, call.rang_ms)),
    )
    latest.refresh_from_db()
    return latest, False


def whose(caller: str, lending: DecoyLending | None) -> Whose:
    """What the exchange knows of this number."""
    if not caller:
        return Whose.WITHHELD
    owner = OwnPhone.objects.filter(number=caller).values_list("user", flat=True).first()
    if owner is not None:
        return Whose.OWN if lending is not None and owner == lending.operator_id else Whose.PERSON
    if CampaignManager.objects.filter(phone=caller).exists():
        return Whose.CUSTOMER
    ours = {caller, caller.removeprefix("+")}
    if Trunk.objects.filter(caller_id__in=ours).exists() or Campaign.objects.filter(caller_id__in=ours).exists():
        return Whose.EXCHANGE
    return Whose.UNKNOWN


def facts_of(lending: DecoyLending) -> Facts:
    calls = list(lending.calls.order_by("-last_at")[:ROWS_A_DAY])
    before = lending.number.calls.filter(first_at__lt=lending.begun_at, caller__gt="")
    callers = {row.caller for row in calls}
    known = set(before.filter(caller__in=callers).values_list("caller", flat=True))
    noise = lending.number.calls.filter(lending=None).aggregate(n=Sum("times"))["n"] or 0
    others = DecoyLending.objects.filter(operator=lending.operator, calls__isnull=False).exclude(pk=lending.pk)
    entered = Contact.objects.filter(phone=lending.number.phone).values_list("entered_by", flat=True)[:SHOWN]
    entered_by = set(entered)
    return Facts(
        whose=frozenset(Whose(row.whose) for row in calls),
        calls=sum(row.times for row in calls),
        callers=len(callers),
        shown=was_shown(lending),
        known_before=bool(callers) and callers <= known,
        noise=noise,
        other_decoys=others.values("number").distinct().count(),
        lent_before=lending.number.lendings.filter(begun_at__lt=lending.begun_at).count(),
        entered="operator" if lending.operator_id in entered_by else "others" if entered_by else "",
    )


def was_shown(lending: DecoyLending) -> bool:
    """In a column: with the assignment. Spoken: when the robot came to say it."""
    if not lending.spoken:
        return True
    said = spoken(lending.number.phone)
    call = RobotCall.objects.filter(attempt__assignment=lending.assignment_id).first()
    return call is not None and any(one.get("by") == "robot" and said in one.get("line", "") for one in call.spoken)


def report_on(lending: DecoyLending) -> Report | None:
    """None: a moderator has closed this lately."""
    facts = facts_of(lending)
    judgement = judge(facts)
    first = lending.calls.order_by("first_at").values_list("first_at", flat=True).first()
    after = (first - lending.begun_at) if first is not None else timedelta(0)
    attempts = lending.assignment.attempts.order_by("-dialled_at").values_list("pk", flat=True)
    figures: dict[str, int | float | str] = {
        "lending": str(lending.pk),
        "confidence": judgement.confidence.value,
        "reasons": ",".join(judgement.reasons),
        "calls": facts.calls,
        "callers": facts.callers,
        "hours": int(after.total_seconds() // 3600),
    }
    return open_found(
        Finding(
            ReportKind.DECOY_CALLED, _key(lending, judgement.confidence), figures, list(attempts[:1]),
            operator=lending.operator_id, campaign=lending.campaign_id,
        )
    )  # fmt: skip


def _key(lending: DecoyLending, confidence: Confidence) -> str:
    """What was closed as weak is a matter again when it has become more than that."""
    base = f"decoy_called:{lending.pk}"
    closed = Report.objects.filter(key__startswith=base, closed_at__isnull=False).order_by("-closed_at").first()
    before = closed.evidence.get("figures", {}).get("confidence") if closed is not None else confidence
    order = list(Confidence)
    return base if before not in order or order.index(confidence) <= order.index(before) else f"{base}:{confidence}"


def lending_of(report: Report) -> DecoyLending | None:
    try:
        id = uuid.UUID(str(report.evidence.get("figures", {}).get("lending", "")))
    except ValueError:
        return None
    return DecoyLending.objects.select_related("number", "operator", "campaign").filter(pk=id).first()


def calls_of(lending: DecoyLending) -> QuerySet[DecoyCall]:
    return lending.calls.select_related("trunk").order_by("-last_at")[:SHOWN]


def latest_calls() -> QuerySet[DecoyCall]:
    """Of all decoys, with number, trunk, and who had been shown it."""
    rows = DecoyCall.objects.select_related("number", "trunk", "lending__operator", "lending__campaign")
    return rows.order_by("-last_at")[:SHOWN]


def forget_callers(now: datetime | None = None) -> int:
    """The numbers of whoever called so long ago. Returns how many; safe to repeat."""
    now = now or clock.now()
    old = now - timedelta(days=settings.HEARTHLINE.decoy_calls_days)
    ids = list(
        DecoyCall.objects.filter(forgotten_at=None, last_at__lt=old).values_list("pk", flat=True)[:FORGOTTEN_AT_ONCE]
    )
    return DecoyCall.objects.filter(pk__in=ids).update(caller="", forgotten_at=now)
