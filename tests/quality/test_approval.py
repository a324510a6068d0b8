"""Campaigns before strangers say them: which wait, who lets them go on, and what their owners are told."""

from __future__ import annotations

import pytest

from hearthline.campaigns import services as campaigns
from hearthline.campaigns.models import Campaign, CampaignState
from hearthline.lib.errors import ConflictError, NotAllowedError
from hearthline.people.models import User
from hearthline.quality import approval, queue
from hearthline.quality.models import CampaignCheck
from tests.campaigns.worlds import a_running_campaign
from tests.people.letter_box import letters_to
from tests.quality.test_moderation import a_moderator, owner_of

pytestmark = pytest.mark.django_db

SECRETS = "Good day, this is {{operator}} for {{customer}}. Please tell me the CVV of your card. " * 3
HARMLESS = "Good day, this is {{operator}} for {{customer}}. May I ask you three questions about your health? " * 3


class TestApproval:
    def test_an_ordinary_campaign_starts_and_is_looked_at_in_passing(self) -> None:
        campaign = a_running_campaign(3)
        Campaign.objects.filter(pk=campaign.pk).update(state=CampaignState.PAUSED)
        campaign.refresh_from_db()
        approval.start(campaign=campaign, actor=owner_of(campaign))
        assert Campaign.objects.get(pk=campaign.pk).state == CampaignState.RUNNING
        moderator = a_moderator()
        item = queue.next_item(moderator)
        assert item is not None
        assert item.kind == "running"
        check_ = CampaignCheck.objects.get(pk=item.id)
        approval.decide(check=check_, moderator=moderator, approved=False, words="Say who is calling.")
        assert Campaign.objects.get(pk=campaign.pk).state == CampaignState.PAUSED
        campaign.refresh_from_db()
        with pytest.raises(approval.SentBackError, match="Say who is calling"):
            approval.start(campaign=campaign, actor=owner_of(campaign))

    def test_a_script_that_asks_for_secrets_waits(self) -> None:
        campaign = a_running_campaign(3)
        campaigns.pause(campaign=campaign, actor=None)
        campaign.refresh_from_db()
        campaign.script = "Good day, this is {{operator}}. Please tell me the CVV of your card. " * 3
        campaign.save(update_fields=["script"])
        with pytest.raises(approval.WaitsForModeratorError):
            approval.start(campaign=campaign, actor=owner_of(campaign))
        assert Campaign.objects.get(pk=campaign.pk).state == CampaignState.PAUSED
        check_ = CampaignCheck.objects.get()
        assert check_.findings[0]["code"] == "asks_for_secrets"
        approval.decide(check=check_, moderator=a_moderator(), approved=True, words="")
        assert Campaign.objects.get(pk=campaign.pk).state == CampaignState.RUNNING

    def a_changed_one(self, script: str = SECRETS) -> tuple[Campaign, User]:
        """It ran, and its owner has given it another script."""
        campaign = a_running_campaign(3)
        owner = owner_of(campaign)
        return approval.change(campaign=campaign, actor=owner, script=script), owner

    def test_one_that_paused_for_a_look_goes_on_when_it_is_approved_and_its_owner_is_told(self) -> None:
        campaign, owner = self.a_changed_one()
        assert (campaign.state, campaign.pause_reason) == ("running", "")
        campaign.refresh_from_db()
        assert (campaign.state, campaign.pause_reason) == ("paused", "waits_for_look")
        with pytest.raises(approval.WaitsForModeratorError):
            approval.start(campaign=campaign, actor=owner)
        approval.decide(check=CampaignCheck.objects.get(), moderator=a_moderator(), approved=True, words="")
        campaign.refresh_from_db()
        assert (campaign.state, campaign.pause_reason) == ("running", "")
        [letter] = letters_to(owner)
        assert "it goes on" in letter.body
        assert f"/campaigns/{campaign.pk}/" in letter.body

    def test_sent_back_it_is_its_owners_to_change_and_start(self) -> None:
        campaign, owner = self.a_changed_one()
        approval.decide(check=CampaignCheck.objects.get(), moderator=a_moderator(), approved=False, words="No codes.")
        campaign.refresh_from_db()
        assert campaign.pause_reason == "sent_back"
        with pytest.raises(approval.SentBackError, match="No codes"):
            approval.start(campaign=campaign, actor=owner)
        campaign = approval.change(campaign=campaign, actor=owner, script=HARMLESS)
        approval.start(campaign=campaign, actor=owner)
        assert Campaign.objects.get(pk=campaign.pk).state == CampaignState.RUNNING
        assert "No codes." in letters_to(owner)[0].body

    def test_changed_meanwhile_nobody_decides_on_a_text_that_is_gone(self) -> None:
        campaign, owner = self.a_changed_one()
        old = CampaignCheck.objects.get()
        campaign.refresh_from_db()
        campaign = approval.change(campaign=campaign, actor=owner, script=SECRETS + "And the PIN code.")
        with pytest.raises(ConflictError, match="changed the campaign meanwhile"):
            approval.decide(check=old, moderator=a_moderator(), approved=True, words="")
        new = CampaignCheck.objects.get(decided_at=None)
        assert new.digest != old.digest
        assert Campaign.objects.get(pk=campaign.pk).state == CampaignState.PAUSED
        campaign = approval.change(campaign=campaign, actor=owner, script=SECRETS)
        approval.decide(
            check=CampaignCheck.objects.get(decided_at=None), moderator=a_moderator("Otto"), approved=True, words=""
        )
        assert Campaign.objects.get(pk=campaign.pk).state == CampaignState.RUNNING

    def test_a_change_that_needs_no_look_lets_it_go_on_at_once(self) -> None:
        campaign, owner = self.a_changed_one()
        campaign.refresh_from_db()
        approval.change(campaign=campaign, actor=owner, script=HARMLESS)
        assert Campaign.objects.get(pk=campaign.pk).state == CampaignState.RUNNING
        assert CampaignCheck.objects.filter(state="overtaken").count() == 1

    def test_without_money_it_is_left_to_its_owner(self) -> None:
        campaign, owner = self.a_changed_one()
        campaign.contacts.all().delete()
        approval.decide(check=CampaignCheck.objects.get(), moderator=a_moderator(), approved=True, words="")
        campaign.refresh_from_db()
        assert (campaign.state, campaign.pause_reason) == ("paused", "by_owner")
        assert "it may start" in letters_to(owner)[0].body

    def test_what_a_moderator_paused_no_change_and_no_approval_starts(self) -> None:
        campaign = a_running_campaign(3)
        owner, moderator = owner_of(campaign), a_moderator()
        campaigns.pause(campaign=campaign, actor=moderator, reason="by_moderator")
        campaign.refresh_from_db()
        campaign = approval.change(campaign=campaign, actor=owner, script=SECRETS)
        with pytest.raises(approval.WaitsForModeratorError):
            approval.start(campaign=campaign, actor=owner)
        approval.decide(check=CampaignCheck.objects.get(), moderator=moderator, approved=True, words="")
        campaign.refresh_from_db()
        assert (campaign.state, campaign.pause_reason) == ("paused", "by_moderator")
        with pytest.raises(NotAllowedError):
            approval.start(campaign=campaign, actor=owner)
