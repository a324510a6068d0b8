"""The trail: typed tags, no numbers, never changed."""

from __future__ import annotations

import re

import pytest
from django.test import RequestFactory

from hearthline.people import audit
from hearthline.people.audit import Tag
from hearthline.people.models import AuditChangeError, AuditEntry, Role
from tests.people.conftest import a_person

pytestmark = pytest.mark.django_db


def test_an_entry_says_who_did_what_to_what_from_where() -> None:
    person = a_person(Role.CUSTOMER)
    request = RequestFactory().post("/", REMOTE_ADDR="192.0.2.7")
    audit.record(Tag.WEB_CAMPAIGN_STARTED, person, "c1", {"contacts": 12}, request)
    entry = AuditEntry.objects.get()
    assert (entry.tag, entry.actor, entry.subject_id) == ("web:campaign:started", person, "c1")
    assert (entry.details, entry.address) == ({"contacts": 12}, "192.0.2.7")


@pytest.mark.parametrize("tag", ["web:campaign:exploded", "", "started", "web:campaign:started "])
def test_a_tag_that_is_not_listed_is_refused(tag: str) -> None:
    with pytest.raises(ValueError, match="not in the list"):
        audit.record(tag, None)
    assert AuditEntry.objects.count() == 0


def test_every_listed_tag_is_source_subject_action_and_fits() -> None:
    for tag in Tag:
        assert re.fullmatch(r"(web|admin|cli|api|system):[a-z_]+:[a-z_]+", tag.value), tag
        assert len(tag.value) <= 80
        assert tag.name == tag.value.upper().replace(":", "_")


def test_a_number_that_slips_into_the_details_is_masked() -> None:
    audit.record(Tag.WEB_CONTACT_ADDED, None, "c1", {"note": "call +7 916 123-45-67", "deep": [{"to": "89161234567"}]})
    assert "916" not in str(AuditEntry.objects.get().details)


def test_what_is_written_stays_written() -> None:
    entry = audit.record(Tag.WEB_CAMPAIGN_STARTED, None, "c1")
    entry.tag = "web:campaign:paused"
    for change in (
        entry.save,
        entry.delete,
        AuditEntry.objects.all().delete,
        lambda: AuditEntry.objects.filter(pk=entry.pk).update(tag="web:campaign:paused"),
    ):
        with pytest.raises(AuditChangeError):
            change()
    assert AuditEntry.objects.get().tag == "web:campaign:started"


def test_a_forgotten_person_leaves_their_deeds_behind() -> None:
    person = a_person(Role.OPERATOR)
    audit.record(Tag.WEB_ACCOUNT_SIGNED_IN, person, person.pk)
    person.delete()
    entry = AuditEntry.objects.get()
    assert entry.actor is None
    assert entry.subject_id
