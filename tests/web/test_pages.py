"""Each page: who gets it, how many queries it takes, and that these do not grow with the campaign."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from hearthline.campaigns.contacts import add_contact
from hearthline.campaigns.models import Campaign, CampaignState, Contact
from hearthline.people.models import Invitation, Role, User
from tests.campaigns.worlds import a_number, a_running_campaign
from tests.people.conftest import a_person
from tests.web.world import World, called

MOST_QUERIES = 10

OWNER_PAGES: dict[str, Callable[[World], str]] = {
    "campaigns": lambda w: reverse("customer:campaigns"),
    "new": lambda w: reverse("customer:new"),
    "campaign": lambda w: reverse("customer:campaign", args=[w.campaign.pk]),
    "figures": lambda w: reverse("customer:figures", args=[w.campaign.pk]),
    "hours": lambda w: reverse("customer:by_hour", args=[w.campaign.pk]),
    "results": lambda w: reverse("customer:results", args=[w.campaign.pk]),
    "exports": lambda w: reverse("customer:exports", args=[w.campaign.pk]),
    "contact": lambda w: reverse("customer:contact", args=[w.contact().pk]),
    "recording": lambda w: reverse("recording_page:page", args=[w.recording().pk]),
    "setup": lambda w: reverse("customer:setup", args=[w.draft.pk]),
    "script": lambda w: reverse("customer:script", args=[w.campaign.pk]),
    "contacts": lambda w: reverse("customer:contacts", args=[w.campaign.pk]),
    "rules": lambda w: reverse("customer:rules", args=[w.campaign.pk]),
    "questions": lambda w: reverse("customer:questions", args=[w.campaign.pk]),
    "outcomes": lambda w: reverse("customer:outcomes", args=[w.campaign.pk]),
    "managers": lambda w: reverse("customer:managers", args=[w.campaign.pk]),
    "balance": lambda w: reverse("customer:balance"),
}


def queries_of(client: Client, url: str) -> int:
    with CaptureQueriesContext(
        connection,
    ) as seen:
        response = client.get(url)
    assert response.status_code == 200, response
    return len(seen)


def test_an_owners_pages_take_few_queries_however_large_the_campaign(world: World, owner: Client) -> None:
    urls = {name: url(world) for name, url in OWNER_PAGES.items()}
    owner.get(urls["balance"])  # what is read once per session
    before = {name: queries_of(owner, url) for name, url in urls.items()}
    for n in range(40):
        add_contact(campaign=world.campaign, phone=a_number(500 + n), first=False)
    called(world, 30)
    after = {name: queries_of(owner, url) for name, url in urls.items()}
    assert after == before
    assert {name: count for name, count in before.items() if count > MOST_QUERIES} == {}


def test_a_stranger_and_a_visitor_get_nothing(world: World, stranger: Client) -> None:
    for name, url in OWNER_PAGES.items():
        if name not in ("campaigns", "new", "balance"):
            assert stranger.get(url(world)).status_code == 404, name
            assert Client().get(url(world)).status_code == 302, name


def test_nobody_else_moves_a_campaign(world: World, stranger: Client, as_person: Callable[[User], Client]) -> None:
    for action in ("start", "pause", "finish"):
        url = reverse(f"customer:{action}", args=[world.campaign.pk])
        for client in (stranger, as_person(world.operator), Client()):
            assert client.post(url).status_code in (302, 404)
    assert Campaign.objects.get(pk=world.campaign.pk).state == CampaignState.RUNNING


def test_a_campaign_is_paused_started_and_finished(world: World, owner: Client) -> None:
    for action, state in (("pause", "paused"), ("start", "running"), ("finish", "finished")):
        owner.post(reverse(f"customer:{action}", args=[world.campaign.pk]))
        assert Campaign.objects.get(pk=world.campaign.pk).state == state


def test_a_campaign_without_any_result_says_that_they_will_come(world: World, owner: Client) -> None:
    fresh = a_running_campaign(2, world.organisation, name="Fresh")
    page = owner.get(reverse("customer:campaign", args=[fresh.pk]))
    assert page.status_code == 200
    assert "No results yet" in page.content.decode()


def test_a_draft_that_is_not_ready_says_what_is_missing(world: World, owner: Client) -> None:
    response = owner.post(reverse("customer:start", args=[world.draft.pk]), follow=True)
    assert "There are no contacts yet" in response.content.decode()
    assert Campaign.objects.get(pk=world.draft.pk).state == CampaignState.DRAFT


def test_numbers_are_masked_in_lists_and_whole_on_the_contacts_own_page(world: World, owner: Client) -> None:
    contact = world.contact()
    listed = owner.get(reverse("customer:campaign", args=[world.campaign.pk])).content.decode()
    digits = contact.phone[-7:]
    assert digits not in listed.replace("-", "").replace(" ", "")
    own = owner.get(reverse("customer:contact", args=[contact.pk])).content.decode()
    assert digits in own.replace("-", "").replace(" ", "")


def test_the_filters_of_the_results_are_obeyed(world: World, owner: Client) -> None:
    url = reverse("customer:results", args=[world.campaign.pk])
    everything = owner.get(url).content.decode()
    assert everything.count("<tr id=") == 8
    agreed = world.campaign.dispositions.get(key=1)
    some = owner.get(url, {"disposition": agreed.pk}).content.decode()
    assert some.count("<tr id=") == Contact.objects.filter(disposition=agreed).count() > 0
    nobody = owner.get(url, {"answered": "no"}).content.decode()
    assert nobody.count("<tr id=") == Contact.objects.filter(outcome="no_answer").count() > 0
    assert "Nothing fits" in owner.get(url, {"text": "no such words"}).content.decode()
    assert "Nothing fits" in owner.get(url, {"until": "2020-01-01"}).content.decode()


def test_an_unknown_variable_is_named_with_its_line_and_the_draft_keeps_the_text(world: World, owner: Client) -> None:
    text = "Hello {{name}}\nhow old are you, {{agee}}?"
    response = owner.post(
        reverse("customer:preview", args=[world.draft.pk]), {"script": text}, headers={"hx-request": "true"}
    )
    said = response.content.decode()
    assert "Line 2" in said
    assert 'data-line="2"' in said
    assert Campaign.objects.get(pk=world.draft.pk).script == text


def test_a_running_campaigns_script_is_not_changed_by_looking(world: World, owner: Client) -> None:
    before = world.campaign.script
    owner.post(reverse("customer:preview", args=[world.campaign.pk]), {"script": "Hello {{name}}"})
    assert Campaign.objects.get(pk=world.campaign.pk).script == before
    refused = owner.post(reverse("customer:script", args=[world.campaign.pk]), {"script": "Hello {{nobody}}"})
    assert refused.status_code == 422
    assert Campaign.objects.get(pk=world.campaign.pk).script == before


def test_the_preview_shows_a_contacts_data_as_text_only(world: World, owner: Client) -> None:
    Contact.objects.filter(campaign=world.campaign).update(name="<script>alert(1)</script>")
    url = reverse("customer:preview", args=[world.campaign.pk])
    said = owner.post(url, {"script": "Hello {{name}} <img src=x onerror=alert(1)>"}).content.decode()
    assert "<script>alert" not in said
    assert "<img" not in said


PRICE_FORM = {
    "price": "15.50",
    "window_start": "10:00",
    "window_end": "18:30",
    "window_days": ["1", "2"],
    "max_attempts": "3",
}


def test_price_and_limits_are_saved_as_typed_and_refused_with_a_sentence(world: World, owner: Client) -> None:
    url = reverse("customer:price", args=[world.draft.pk])
    assert owner.post(url, PRICE_FORM, headers={"hx-request": "true"}).status_code == 200
    kept = Campaign.objects.get(pk=world.draft.pk)
    assert (kept.price_minor, kept.window_days, kept.max_attempts) == (1550, [1, 2], 3)
    wrong = owner.post(url, {**PRICE_FORM, "window_end": "08:00"}, headers={"hx-request": "true"}).content.decode()
    assert "later in the day" in wrong
    assert Campaign.objects.get(pk=world.draft.pk).window_end.hour == 18


def test_questions_are_added_moved_and_removed(world: World, owner: Client) -> None:
    have = list(world.draft.fields.all())
    form: dict[str, object] = {"rows-TOTAL_FORMS": len(have) + 1, "rows-INITIAL_FORMS": len(have)}
    for n, field in enumerate(have):
        form |= {
            f"rows-{n}-id": field.pk,
            f"rows-{n}-title": field.title,
            f"rows-{n}-kind": field.kind,
            f"rows-{n}-ORDER": n + 2,
        }
    form["rows-1-DELETE"] = "on"
    last = len(have)
    form |= {
        f"rows-{last}-title": "Удобный день",
        f"rows-{last}-kind": "choice",
        f"rows-{last}-choices": "Пн, Вт",
        f"rows-{last}-ORDER": 1,
    }
    response = owner.post(reverse("customer:questions", args=[world.draft.pk]), form)
    assert response.status_code == 302, response.content.decode()
    titles = [field.title for field in world.draft.fields.all()]
    assert titles == ["Удобный день", *(f.title for f in have if f != have[1])]
    assert world.draft.fields.first().choices == ["Пн", "Вт"]  # type: ignore[union-attr]


def test_two_outcomes_cannot_share_a_key(world: World, owner: Client) -> None:
    have = list(world.draft.dispositions.all())
    form: dict[str, object] = {"rows-TOTAL_FORMS": len(have), "rows-INITIAL_FORMS": len(have)}
    for n, row in enumerate(have):
        form |= {f"rows-{n}-id": row.pk, f"rows-{n}-key": 1, f"rows-{n}-title": row.title, f"rows-{n}-kind": row.kind}
    response = owner.post(reverse("customer:outcomes", args=[world.draft.pk]), form)
    assert response.status_code == 422
    assert "Two outcomes have the same key" in response.content.decode()
    assert [d.key for d in world.draft.dispositions.all()] == [d.key for d in have]


def test_a_manager_by_phone_is_kept_as_e164(world: World, owner: Client) -> None:
    form = {
        "rows-TOTAL_FORMS": 1,
        "rows-INITIAL_FORMS": 0,
        "rows-0-name": "Marina",
        "rows-0-phone": "8 (916) 123-45-67",
    }
    assert owner.post(reverse("customer:managers", args=[world.draft.pk]), form).status_code == 302
    assert world.draft.managers.get().phone == "+79161234567"
    nowhere = {**form, "rows-0-phone": ""}
    assert (
        "how this manager is reached"
        in owner.post(reverse("customer:managers", args=[world.draft.pk]), nowhere).content.decode()
    )


def test_the_balance_tells_a_conversation_with_its_commission_in_one_row(world: World, owner: Client) -> None:
    page = owner.get(reverse("customer:balance")).content.decode()
    assert "−12.00" in page
    assert "commission" not in page.lower()
    assert "Autumn check-up" in page


STAFF_PAGES = (
    "staff:wall",
    "staff:people",
    "staff:invitations",
    "staff:trunks",
    "staff:new_trunk",
    "staff:decoys",
    "moderator:calls",
)


def test_the_staffs_pages_are_for_the_staff(world: World, admin: Client, owner: Client) -> None:
    for url in map(reverse, STAFF_PAGES):
        assert queries_of(admin, url) <= MOST_QUERIES + 3, url  # the gate of the second factor; the wall's own
        assert owner.get(url).status_code == 403, url
        assert Client().get(url).status_code == 302, url


def test_an_admin_without_a_second_factor_is_led_to_setting_one_up(
    world: World, as_person: Callable[[User], Client]
) -> None:
    client = as_person(a_person(Role.ADMIN, "new@hearth.example"))
    response = client.post(reverse("staff:invitations"), {"role": "operator", "days": 3, "uses": 1})
    assert response.status_code == 302
    assert response.headers["Location"] == reverse("mfa_index")
    assert not Invitation.objects.exists()


def test_an_invitation_is_issued_shown_and_withdrawn(admin: Client) -> None:
    admin.post(reverse("staff:invitations"), {"role": "operator", "days": 3, "uses": 2})
    invitation = Invitation.objects.get()
    assert invitation.token in admin.get(reverse("staff:invitations")).content.decode()
    admin.post(reverse("staff:withdraw", args=[invitation.pk]))
    assert Invitation.objects.get().uses_left == 0
    assert invitation.token not in admin.get(reverse("staff:invitations")).content.decode()


def test_a_moderator_pauses_and_the_owner_cannot_start_again(
    world: World, owner: Client, as_person: Callable[[User], Client]
) -> None:
    moderator = as_person(a_person(Role.MODERATOR))
    moderator.post(reverse("moderator:pause", args=[world.campaign.pk]))
    assert Campaign.objects.get(pk=world.campaign.pk).pause_reason == "by_moderator"
    assert owner.post(reverse("customer:start", args=[world.campaign.pk])).status_code == 403
    assert Campaign.objects.get(pk=world.campaign.pk).state == CampaignState.PAUSED


def test_the_language_and_the_colours_follow_the_person(world: World, owner: Client) -> None:
    response = owner.post(reverse("account:preferences"), {"language": "ru", "theme": "dark", "next": "/campaigns/"})
    assert response.headers["Location"] == "/campaigns/"
    page = owner.get(reverse("customer:campaigns")).content.decode()
    assert '<html lang="ru" data-bs-theme="dark">' in page
    elsewhere = owner.post(reverse("account:preferences"), {"theme": "light", "next": "https://evil.example/"})
    assert elsewhere.headers["Location"] == "/"


def test_a_refusal_is_json_for_a_script_and_a_page_for_a_person(world: World, stranger: Client) -> None:
    url = reverse("customer:figures", args=[world.campaign.pk])
    page = stranger.get(url)
    assert (page.status_code, "text/html" in page.headers["Content-Type"]) == (404, True)
    answer = stranger.get(url, headers={"accept": "application/json"})
    assert answer.json()["error"]["code"] == "not_found"


@pytest.mark.parametrize("name", ["home", "account_login", "public:accessibility", "public:attributions"])
def test_a_visitor_can_read_the_public_pages(name: str, db: None) -> None:
    response = Client().get(reverse(name))
    assert response.status_code == 200
    policy = response.headers["Content-Security-Policy"]
    assert "unsafe-inline" not in policy
    assert "unsafe-eval" not in policy
