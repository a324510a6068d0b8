"""The audit trail: who did what to what, from where. Written in the transaction of the deed; never changed.

Every tag is listed here, `source:subject:action`, so that whoever reads the trail has one page of what may be in it.
The source says through which door it came: web, admin (the admin interface), cli, api, system.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from django.http import HttpRequest

from hearthline.lib.logs import redacted
from hearthline.people.models import AuditEntry, User


class Tag(StrEnum):
    # people
    WEB_ACCOUNT_CREATED = "web:account:created"
    WEB_ACCOUNT_CHANGED = "web:account:changed"
    WEB_ACCOUNT_SIGNED_IN = "web:account:signed_in"
    WEB_ACCOUNT_SIGN_IN_FAILED = "web:account:sign_in_failed"
    WEB_ACCOUNT_PASSWORD_CHANGED = "web:account:password_changed"  # noqa: S105 - a tag, not a password
    WEB_ACCOUNT_SECOND_FACTOR_ADDED = "web:account:second_factor_added"
    WEB_ACCOUNT_SECOND_FACTOR_REMOVED = "web:account:second_factor_removed"
    WEB_ORGANISATION_CREATED = "web:organisation:created"
    WEB_ORGANISATION_CHANGED = "web:organisation:changed"
    WEB_MEMBERSHIP_CREATED = "web:membership:created"
    WEB_MEMBERSHIP_REMOVED = "web:membership:removed"
    WEB_INVITATION_ISSUED = "web:invitation:issued"
    WEB_INVITATION_WITHDRAWN = "web:invitation:withdrawn"
    ADMIN_INVITATION_ISSUED = "admin:invitation:issued"
    ADMIN_INVITATION_WITHDRAWN = "admin:invitation:withdrawn"
    ADMIN_ACCOUNT_CHANGED = "admin:account:changed"
    ADMIN_ACCOUNT_SECOND_FACTOR_REMOVED = "admin:account:second_factor_removed"
    ADMIN_ORGANISATION_CREATED = "admin:organisation:created"
    ADMIN_ORGANISATION_CHANGED = "admin:organisation:changed"
    ADMIN_MEMBERSHIP_CHANGED = "admin:membership:changed"
    CLI_INVITATION_ISSUED = "cli:invitation:issued"
    CLI_ACCOUNT_CREATED = "cli:account:created"
    # money
    ADMIN_BALANCE_TOPPED_UP = "admin:balance:topped_up"
    WEB_BALANCE_TOPPED_UP = "web:balance:topped_up"
    SYSTEM_BONUS_GIVEN = "system:bonus:given"
    ADMIN_PAYOUT_MADE = "admin:payout:made"
    WEB_PAYOUT_DETAILS_CHANGED = "web:payout_details:changed"
    WEB_PAYOUT_REQUESTED = "web:payout:requested"
    WEB_PAYOUT_WITHDRAWN = "web:payout:withdrawn"
    WEB_PAYOUT_APPROVED = "web:payout:approved"
    WEB_PAYOUT_REFUSED = "web:payout:refused"
    WEB_PAYOUT_MADE = "web:payout:made"
    ADMIN_TARIFF_CHANGED = "admin:tariff:changed"
    ADMIN_TARIFF_IMPORTED = "admin:tariff:imported"
    CLI_TARIFF_IMPORTED = "cli:tariff:imported"
    # campaigns
    WEB_CAMPAIGN_CREATED = "web:campaign:created"
    WEB_CAMPAIGN_CHANGED = "web:campaign:changed"
    WEB_CAMPAIGN_STARTED = "web:campaign:started"
    WEB_CAMPAIGN_PAUSED = "web:campaign:paused"
    WEB_CAMPAIGN_FINISHED = "web:campaign:finished"
    SYSTEM_CAMPAIGN_PAUSED = "system:campaign:paused"
    WEB_CONTACTS_IMPORTED = "web:contacts:imported"
    WEB_CONTACT_ADDED = "web:contact:added"
    WEB_RESULTS_EXPORTED = "web:results:exported"
    WEB_DO_NOT_CALL_ADDED = "web:do_not_call:added"
    ADMIN_DO_NOT_CALL_ADDED = "admin:do_not_call:added"
    ADMIN_DO_NOT_CALL_REMOVED = "admin:do_not_call:removed"
    # quality
    WEB_TEST_DECIDED = "web:test:decided"
    WEB_TEST_ALLOWED = "web:test:allowed"
    WEB_SCENARIO_CHANGED = "web:scenario:changed"
    WEB_SCENARIO_REMOVED = "web:scenario:removed"
    WEB_SCENARIO_SWITCHED = "web:scenario:switched"
    WEB_SCENARIO_RECORDING_KEPT = "web:scenario_recording:kept"
    WEB_SCENARIO_RECORDING_REMOVED = "web:scenario_recording:removed"
    CLI_SCENARIOS_TAKEN_IN = "cli:scenarios:taken_in"
    WEB_LEVEL_CHANGED = "web:level:changed"
    WEB_LEVEL_DECLINED = "web:level:declined"
    SYSTEM_LEVEL_GIVEN = "system:level:given"
    # calls
    WEB_RECORDING_PLAYED = "web:recording:played"
    WEB_RECORDING_DELETED = "web:recording:deleted"
    CLI_RECORDING_DELETED = "cli:recording:deleted"
    WEB_RECORDING_LINK_MADE = "web:recording_link:made"
    WEB_RECORDING_LINK_OPENED = "web:recording_link:opened"
    WEB_CALL_LISTENED = "web:call:listened"
    WEB_LINE_CHOSEN = "web:line:chosen"
    WEB_SIP_ACCOUNT_ISSUED = "web:sip_account:issued"
    WEB_SIP_ACCOUNT_WITHDRAWN = "web:sip_account:withdrawn"
    SYSTEM_PHONE_CONFIRMED = "system:phone:confirmed"
    SYSTEM_PHONE_REFUSED = "system:phone:refused"  # somebody answered who did not know the code
    # quality
    WEB_CAMPAIGN_APPROVED = "web:campaign:approved"
    WEB_CAMPAIGN_REFUSED = "web:campaign:refused"
    WEB_CALL_REVIEWED = "web:call:reviewed"
    WEB_CALL_RATED = "web:call:rated"
    WEB_CALL_REJECTED = "web:call:rejected"
    SYSTEM_REJECTION_SETTLED = "system:rejection:settled"
    WEB_DISPUTE_OPENED = "web:dispute:opened"
    WEB_DISPUTE_DECIDED = "web:dispute:decided"
    WEB_REPORT_OPENED = "web:report:opened"
    WEB_REPORT_CLOSED = "web:report:closed"
    WEB_OPERATOR_SUSPENDED = "web:operator:suspended"
    WEB_CONTACT_REFUSED = "web:contact:refused"  # entered twice
    WEB_DECOY_ADDED = "web:decoy:added"
    WEB_DECOY_CHANGED = "web:decoy:changed"
    SYSTEM_DECOY_CALLED = "system:decoy:called"
    # trunks and nodes
    ADMIN_TRUNK_CHANGED = "admin:trunk:changed"
    CLI_TRUNK_CHANGED = "cli:trunk:changed"
    WEB_TRUNK_CHANGED = "web:trunk:changed"
    ADMIN_NODE_CHANGED = "admin:node:changed"


def record(
    tag: Tag | str,
    actor: User | None,
    subject_id: object = "",
    details: Mapping[str, Any] | None = None,
    request: HttpRequest | None = None,
) -> AuditEntry:
    """Write it down, in the caller's transaction.

    `details` is JSON; whatever looks like a phone number in it is masked. Raises ValueError for a tag not listed above:
    a programmer's mistake.
    """
    try:
        known = Tag(tag)
    except ValueError:
        raise ValueError(f"{tag!r} is not in the list of audit tags") from None
    return AuditEntry.objects.create(
        actor=actor,
        tag=known.value,
        subject_id=str(subject_id),
        details={key: _plain(value) for key, value in (details or {}).items()},
        address=_address(request),
    )


def _plain(value: Any) -> Any:
    if isinstance(value, uuid.UUID):
        return str(value)
    return redacted(value)


def _address(request: HttpRequest | None) -> str | None:
    """Of the peer as the server saw it (behind a proxy, uvicorn has put the client's here); None for a Unix socket."""
    return (request.META.get("REMOTE_ADDR") or None) if request is not None else None
