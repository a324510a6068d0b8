"""A campaign's life, and who may see it."""

from __future__ import annotations

from datetime import time

import pytest

from hearthline.campaigns import contacts, gates, services
from hearthline.campaigns.models import (
    Campaign,
    CampaignState,
    Contact,
    Disposition,
    DispositionKind,
    PauseReason,
    ResultField,
)
from hearthline.lib.errors import ConflictError, InvalidInputError, NotAllowedError, NotFoundError
from hearthline.people.models import AuditEntry, Membership, MembershipLevel, Role, User
from tests.campaigns.worlds import (
    a_campaign,
    a_number,
    a_running_campaign,
    add_numbers,
    an_operator,
    an_organisation,
    an_owner,
)

pytestmark = pytest.mark.django_db


def what_is_missing(campaign: Campaign) -> set[str]:
    with pytest.raises(services.NotReadyError) as refused:
        services.start(campaign=campaign, actor=None)
    assert all(item.sentence.endswith((".", "?")) for item in refused.value.missing)
    assert Campaign.objects.get(pk=campaign.pk).state == CampaignState.DRAFT
    assert not AuditEntry.objects.filter(tag="web:campaign:started").exists()
    return {item.code for item in refused.value.missing}


def test_everything_that_a_start_asks_for() -> None:
    campaign = services.create_campaign(organisation=an_organisation(balance=0), created_by=None, name="Empty")
    assert what_is_missing(campaign) == {"no_contacts", "no_script", "no_dispositions", "price_too_low"}
    services.change_campaign(campaign=campaign, actor=None, script="{{nmae}}", price_minor=1000)
    Disposition.objects.create(campaign=campaign, key=1, title="No", kind=DispositionKind.REFUSAL)
    assert what_is_missing(campaign) == {"no_contacts", "script_problem", "nothing_payable", "balance_too_low"}


def test_start_pause_finish() -> None:
    organisation = an_organisation()
    owner = an_owner(organisation)
    campaign = a_campaign(organisation)
    add_numbers(campaign, 1)
    campaign = services.start(campaign=campaign, actor=owner)
    assert campaign.started_at is not None
    with pytest.raises(ConflictError):
        services.start(campaign=campaign, actor=owner)
    campaign = services.pause(campaign=campaign, actor=owner)
    assert (campaign.state, campaign.pause_reason) == (CampaignState.PAUSED, PauseReason.BY_OWNER)
    campaign = services.start(campaign=campaign, actor=owner)
    assert Campaign.objects.get().pause_reason == ""
    services.finish(campaign=campaign, actor=owner)
    with pytest.raises(ConflictError):
        services.finish(campaign=campaign, actor=owner)
    with pytest.raises(ConflictError):
        services.change_campaign(campaign=campaign, actor=owner, name="x")
    tags = list(AuditEntry.objects.filter(actor=owner).order_by("id").values_list("tag", flat=True))
    assert tags == [f"web:campaign:{verb}" for verb in ("started", "paused", "started", "finished")]


def test_what_a_moderator_paused_only_a_moderator_starts() -> None:
    organisation = an_organisation()
    owner, campaign = an_owner(organisation), a_running_campaign(1, organisation)
    moderator = User.objects.create(email="m@example.org", name="Mo", role=Role.MODERATOR)
    services.pause(campaign=campaign, actor=moderator, reason=PauseReason.BY_MODERATOR)
    with pytest.raises(NotAllowedError):
        services.start(campaign=campaign, actor=owner)
    assert Campaign.objects.get().state == CampaignState.PAUSED
    assert services.start(campaign=campaign, actor=moderator).state == CampaignState.RUNNING


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"window_start": time(20), "window_end": time(9)}, "window_end"),
        ({"window_days": [0]}, "window_days"),
        ({"window_days": "12"}, "window_days"),
        ({"timezone": "Moscow"}, "timezone"),
        ({"max_attempts": 0}, "max_attempts"),
        ({"max_duration_s": 5}, "max_duration_s"),
        ({"name": ""}, "name"),
    ],
)
def test_changes_are_checked(fields: dict[str, object], named: str) -> None:
    campaign = a_campaign()
    with pytest.raises(InvalidInputError) as refused:
        services.change_campaign(campaign=campaign, actor=None, **fields)
    assert named in refused.value.details["fields"]  # type: ignore[operator]


def test_a_running_campaign_stays_sound() -> None:
    campaign = a_running_campaign(1)
    for change in ({"script": "{{unknown}}"}, {"price_minor": 1}):
        with pytest.raises(services.NotReadyError):
            services.change_campaign(campaign=campaign, actor=None, **change)
    with pytest.raises(services.NotReadyError):
        services.set_dispositions(campaign=campaign, actor=None, dispositions=[])
    kept = Campaign.objects.get()
    assert (kept.script, kept.price_minor) == (campaign.script, campaign.price_minor)
    assert kept.dispositions.exists()


def test_form_and_dispositions_are_replaced_and_keep_their_rows() -> None:
    campaign = a_campaign()
    one, two, *_rest = campaign.dispositions.all()
    services.set_dispositions(
        campaign=campaign,
        actor=None,
        dispositions=[
            {"id": one.pk, "key": two.key},
            {"id": two.pk, "key": one.key},
            {"key": 9, "title": "New", "kind": "refusal", "payable": True},
        ],
    )
    assert dict(campaign.dispositions.values_list("pk", "key"))[one.pk] == two.key
    assert campaign.dispositions.count() == 3
    services.set_fields(campaign=campaign, actor=None, fields=[{"key": "a", "title": "A", "kind": "number"}])
    assert list(ResultField.objects.values_list("key", "kind", "position")) == [("a", "number", 0)]
    with pytest.raises(InvalidInputError):
        services.set_dispositions(
            campaign=campaign, actor=None, dispositions=[{"id": one.pk, "key": 1}, {"id": two.pk, "key": 1}]
        )
    assert campaign.dispositions.count() == 3


def test_contacts_are_added_once_and_removed() -> None:
    campaign = a_campaign()
    contact = contacts.add_contact(campaign=campaign, phone="8 (916) 100-00-01", name="  Ann   B ", data={"x": "1"})
    assert (contact.phone, contact.name, contact.data) == ("+79161000001", "Ann B", {})
    with pytest.raises(contacts.DuplicateContactError):
        contacts.add_contact(campaign=campaign, phone="+79161000001")
    with pytest.raises(InvalidInputError, match="too short"):
        contacts.add_contact(campaign=campaign, phone="123")
    assert Contact.objects.count() == 1
    assert contacts.remove_contact(contact).state == "blocked"
    with pytest.raises(ConflictError):
        contacts.remove_contact(contact)


def test_gates() -> None:
    mine, theirs = an_organisation(), an_organisation()
    owner, stranger, operator = an_owner(mine), an_owner(theirs), an_operator()
    manager = User.objects.create(email="manager@example.org", name="Max", role=Role.CUSTOMER)
    Membership.objects.create(organisation=mine, user=manager, level=MembershipLevel.MANAGER)
    campaign = a_running_campaign(1, mine)
    assert gates.campaign_for_owner(owner, campaign.pk) == campaign
    assert gates.campaign_for_manager(manager, str(campaign.pk)) == campaign
    assert gates.campaign_for_operator(operator, campaign.pk) == campaign
    for gate, person in (
        (gates.campaign_for_owner, stranger), (gates.campaign_for_owner, manager), (gates.campaign_for_owner, operator),
        (gates.campaign_for_manager, stranger), (gates.campaign_for_manager, operator),
        (gates.campaign_for_operator, owner), (gates.campaign_for_moderator, owner),
    ):  # fmt: skip
        with pytest.raises(NotFoundError):
            gate(person, campaign.pk)
    with pytest.raises(NotFoundError):
        gates.campaign_for_owner(owner, "no-id")
    contact = Contact.objects.get(phone=a_number(0))
    assert gates.contact_for_owner(owner, contact.pk) == contact
    with pytest.raises(NotFoundError):
        gates.contact_for_owner(stranger, contact.pk)
    services.pause(campaign=campaign, actor=owner)
    with pytest.raises(NotFoundError):
        gates.campaign_for_operator(operator, campaign.pk)
    User.objects.filter(pk=owner.pk).update(is_active=False)
    with pytest.raises(NotFoundError):
        gates.campaign_for_owner(User.objects.get(pk=owner.pk), campaign.pk)
