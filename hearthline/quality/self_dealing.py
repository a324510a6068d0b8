"""Rules about who belongs together: operator and contact, operator and customer, one person with two accounts.

What shows it: a telephone of theirs, who entered the contact, the browser and the network address with which they sign in. A family
shares browsers and addresses too: so what two operators share is no matter, and every finding is for a person to judge.
"""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from hearthline.calls.models import Attempt, OwnPhone
from hearthline.people import audit
from hearthline.people.models import AuditEntry, KnownDevice, Membership, MembershipLevel, Role
from hearthline.quality.models_moderation import ReportKind
from hearthline.quality.reports import Finding

MONTH = timedelta(days=30)
MOST = 2000  # of each rule, in one look
MOST_SIGNS = 20_000  # rows that show who signs in from where
CALLS = 10  # in the evidence
SHARED_BY_MOST = 20  # people behind one sign: a household or an office; more are a provider, or our own proxy


def of_self_dealing(now: datetime) -> Iterator[Finding]:
    yield from _own_telephones(now)
    yield from _entered_by_invitees(now)
    yield from _same_browser(now)
    yield from _same_address(now)


def of_returned(now: datetime) -> Iterator[Finding]:
    """An operator whose browser was a suspended operator's until the suspension, and who has signed in since."""
    entries = AuditEntry.objects.filter(tag=audit.Tag.WEB_OPERATOR_SUSPENDED).order_by("-at")
    suspended: dict[str, datetime] = {}
    for subject, at in entries.values_list("subject_id", "at")[:MOST]:
        suspended.setdefault(subject, at)
    theirs = KnownDevice.objects.filter(user__in=list(suspended), user__is_active=False).values_list("digest", "user")
    browsers = dict(theirs[:MOST_SIGNS])
    others = KnownDevice.objects.filter(
        digest__in=list(browsers), user__role=Role.OPERATOR, user__is_active=True, seen_at__gt=now - MONTH
    )
    for digest, operator, seen_at in others.values_list("digest", "user", "seen_at")[:MOST]:
        former = browsers[digest]
        at = suspended[str(former)]
        if seen_at > at:
            key = f"returned:{operator}:{former}"
            figures = {"suspended": f"{at:%Y-%m-%d}", "operator": str(former)}
            yield Finding(ReportKind.RETURNED, key, figures, operator=operator)


def _own_telephones(now: datetime) -> Iterator[Finding]:
    phones = dict(OwnPhone.objects.exclude(number="").values_list("number", "user_id")[:MOST])
    calls = Attempt.objects.filter(payable=True, dialled_at__gt=now - MONTH, contact__phone__in=list(phones))
    for id, operator, phone in calls.values_list("pk", "operator_id", "contact__phone")[:MOST]:
        whose = "own" if phones[phone] == operator else "another_operators"
        yield Finding(
            ReportKind.SELF_DEALING, f"self_dealing:telephone:{id}", {"telephone": whose}, [id], operator=operator,
            attempt=id,
        )  # fmt: skip


def _entered_by_invitees(now: datetime) -> Iterator[Finding]:
    """Contacts entered by somebody whom the operator invited, or who invited them."""
    calls = Attempt.objects.filter(payable=True, dialled_at__gt=now - MONTH, contact__entered_by__isnull=False)
    for id, operator, inviter, entered, entered_inviter in calls.values_list(
        "pk", "operator_id", "operator__invited_by_id", "contact__entered_by_id", "contact__entered_by__invited_by_id"
    )[:MOST]:
        if entered != operator and (entered == inviter or entered_inviter == operator):
            key = f"self_dealing:invited:{operator}:{entered}"
            yield Finding(ReportKind.SELF_DEALING, key, {"entered_by": "invited"}, [id], operator=operator)


def _same_browser(now: datetime) -> Iterator[Finding]:
    """An owner and an operator who has paid calls in their campaigns sign in with one browser."""
    seen = KnownDevice.objects.filter(seen_at__gt=now - MONTH)
    yield from _owners_beside_operators(seen.values_list("digest", "user")[:MOST_SIGNS], "device", now)


def _same_address(now: datetime) -> Iterator[Finding]:
    """The same, from one network address."""
    signed_in = AuditEntry.objects.filter(
        tag=audit.Tag.WEB_ACCOUNT_SIGNED_IN, at__gt=now - MONTH, address__isnull=False, actor__isnull=False
    ).exclude(address__in=("127.0.0.1", "::1"))
    pairs = signed_in.values_list("address", "actor").distinct()[:MOST_SIGNS]
    yield from _owners_beside_operators(pairs, "address", now)


def _owners_beside_operators(
    pairs: Iterable[tuple[str | None, uuid.UUID | None]], what: str, now: datetime
) -> Iterator[Finding]:
    """`pairs`: the sign and the person who showed it."""
    people: dict[str, set[uuid.UUID]] = defaultdict(set)
    for sign, person in pairs:
        if sign is not None and person is not None:
            people[sign].add(person)
    shared = [ids for ids in people.values() if 1 < len(ids) <= SHARED_BY_MOST]
    owners: dict[uuid.UUID, list[uuid.UUID]] = defaultdict(list)
    owned = Membership.objects.filter(user__in=set().union(*shared), level=MembershipLevel.OWNER)
    for user, organisation in owned.values_list("user_id", "organisation_id"):
        owners[user].append(organisation)
    for ids in shared:
        for owner in ids & owners.keys():
            for operator in ids - {owner}:
                yield from _paid_between(operator, owners[owner], what, now)


def _paid_between(operator: uuid.UUID, organisations: list[uuid.UUID], what: str, now: datetime) -> Iterator[Finding]:
    for organisation in organisations:
        calls = list(
            Attempt.objects.filter(
                operator=operator,
                payable=True,
                dialled_at__gt=now - MONTH,
                campaign__organisation=organisation,
                contact__scenario="",
            )
            .order_by("-dialled_at")
            .values_list("pk", flat=True)[:CALLS]
        )
        if calls:
            key = f"self_dealing:{what}:{operator}:{organisation}"
            yield Finding(
                ReportKind.SELF_DEALING, key, {what: "shared"}, calls, operator=operator, organisation=organisation
            )
