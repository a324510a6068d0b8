"""The page of a recording: deleting it for good, links for people without an account, the trail, retention's rules."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.http import HttpResponse, StreamingHttpResponse
from django.test import AsyncClient, Client
from django.urls import reverse

from hearthline.calls.models import Recording
from hearthline.campaigns import exports
from hearthline.campaigns.models import Campaign, Contact
from hearthline.lib import clock
from hearthline.people.models import AuditEntry, Membership, Role, User
from hearthline.quality.recordings import keeping, retention
from tests.campaigns.worlds import an_organisation, an_owner
from tests.people.conftest import a_person
from tests.quality.s3_server import S3Server
from tests.web.world import World

pytestmark = pytest.mark.django_db(transaction=True)
Recorder = Callable[..., Recording]
SignIn = Callable[[User], Client]


def tags() -> list[str]:
    return list(AuditEntry.objects.filter(tag__contains=":recording").order_by("pk").values_list("tag", flat=True))


def link_in(page: Any) -> str:
    """The path of the link that the page shows."""
    text = page.content.decode()
    begin = text.index("/listen/")
    return str(text[begin : text.index('"', begin)])


async def bytes_of(response: Any) -> bytes:
    assert isinstance(response, StreamingHttpResponse)
    return b"".join([bytes(piece) async for piece in response])  # type: ignore[union-attr]


def test_an_owner_deletes_a_recording_for_good(world: World, record: Recorder, folder: Path, as_person: SignIn) -> None:
    recording = record()
    assert keeping.due(clock.now()) == [str(recording.pk)]
    keeping.go_on(str(recording.pk))
    owner = as_person(world.owner)
    page = owner.get(reverse("recording_page:page", args=[recording.pk])).content.decode()
    assert reverse("recording_page:delete", args=[recording.pk]) in page
    response = owner.post(reverse("recording_page:delete", args=[recording.pk]), follow=True)
    assert response.status_code == 200
    assert owner.get(reverse("recordings:audio", args=[recording.pk])).status_code == 404  # at once
    assert owner.get(reverse("recordings:outline", args=[recording.pk])).status_code == 404
    assert keeping.due(clock.now()) == [str(recording.pk)]  # without waiting for anything
    keeping.go_on(str(recording.pk))
    assert not list(folder.rglob("talk*"))
    recording.refresh_from_db()
    assert (recording.deletion, recording.deleted_by, recording.outline) == ("owner", world.owner, None)
    assert recording.purged_at is not None
    contact = owner.get(reverse("customer:contact", args=[recording.attempt.contact_id])).content.decode()
    assert "recording deleted on" in contact
    assert "deleted by the customer" in contact
    assert tags() == ["web:recording:deleted"]
    assert owner.post(reverse("recording_page:delete", args=[recording.pk])).status_code == 409
    assert tags() == ["web:recording:deleted"]


def test_nobody_else_deletes_or_shares(world: World, record: Recorder, folder: Path, as_person: SignIn) -> None:
    recording = record()
    assert recording.attempt.operator == world.operator  # may hear it, and no more
    strangers = {as_person(world.operator): 404, as_person(an_owner(an_organisation())): 404, Client(): 302}
    for client, status in strangers.items():
        for name in ("delete", "link"):
            assert client.post(reverse(f"recording_page:{name}", args=[recording.pk])).status_code == status
        assert client.get(reverse("recording_page:page", args=[recording.pk])).status_code == status
    recording.refresh_from_db()
    assert recording.deleted_at is None
    assert tags() == []
    assert (folder / recording.path).is_file()


def test_what_is_older_than_its_campaign_keeps_is_deleted(world: World, record: Recorder, settings: Any) -> None:
    fresh, old = record(name="talk-fresh", days_ago=29), record(name="talk-old", days_ago=31)
    assert retention.delete_aged(clock.now()) == 0  # as usual here: 90 days
    Campaign.objects.filter(pk=world.campaign.pk).update(recording_days=30)
    assert retention.delete_aged(clock.now()) == 1
    old.refresh_from_db()
    fresh.refresh_from_db()
    assert (old.deletion, fresh.deleted_at) == ("age", None)
    Campaign.objects.filter(pk=world.campaign.pk).update(recording_days=3650)  # more than is allowed
    ancient = record(name="talk-ancient", days_ago=366)
    assert retention.delete_aged(clock.now()) == 1
    ancient.refresh_from_db()
    assert ancient.deletion == "age"


async def test_a_link_opens_one_recording_for_a_while(world: World, record: Recorder) -> None:
    from asgiref.sync import sync_to_async

    recording = await sync_to_async(record)()
    await sync_to_async(keeping.go_on)(str(recording.pk))
    owner, anybody = AsyncClient(), AsyncClient()
    await sync_to_async(owner.force_login)(world.owner)
    path = link_in(await owner.post(reverse("recording_page:link", args=[recording.pk])))
    page = await anybody.get(path)
    assert page.status_code == 200
    assert page["Referrer-Policy"] == "no-referrer"
    assert world.campaign.name not in page.content.decode()
    audio = await anybody.get(f"{path}audio", headers={"range": "bytes=0-99"})
    assert (audio.status_code, audio["Content-Type"]) == (206, "audio/ogg; codecs=opus")
    assert (await bytes_of(audio))[:4] == b"OggS"
    assert (await anybody.get(f"{path}outline")).json()["duration_ms"] == 2000
    assert await sync_to_async(tags)() == [
        "web:recording_link:made", "web:recording_link:opened", "web:recording:played",
    ]  # fmt: skip
    spoilt = path[:-2] + ("A" if path[-2] != "A" else "B") + "/"
    assert (await anybody.get(spoilt)).status_code == 404
    with time_machine.travel(clock.now() + timedelta(hours=25)):
        for name in ("", "audio", "outline"):
            assert (await anybody.get(f"{path}{name}")).status_code == 404


def test_a_link_is_worth_no_more_than_who_made_it(world: World, record: Recorder, as_person: SignIn) -> None:
    recording = record()
    path = link_in(as_person(world.owner).post(reverse("recording_page:link", args=[recording.pk])))
    assert Client().get(path).status_code == 200
    Membership.objects.filter(user=world.owner).delete()
    assert Client().get(path).status_code == 404
    moderator = a_person(Role.MODERATOR)
    path = link_in(as_person(moderator).post(reverse("recording_page:link", args=[recording.pk])))
    assert Client().get(path).status_code == 200
    User.objects.filter(pk=moderator.pk).update(is_active=False)
    assert Client().get(path).status_code == 404


def test_an_export_has_links_when_they_are_wanted(world: World, record: Recorder, as_person: SignIn) -> None:
    recording = record()
    Contact.objects.filter(pk=recording.attempt.contact_id).update(last_attempt=recording.attempt_id)
    for wanted in (False, True):
        export = exports.request_export(
            campaign=world.campaign, format="csv", actor=world.owner, recording_links=wanted
        )
        written = exports.write(export.pk)
        if written is None:  # the tasks run at once here
            export.refresh_from_db()
            written = export
        text = written.file.open("rb").read().decode("utf-8-sig")
        assert ("/listen/" in text) is wanted
    begin = text.index("/listen/")
    path = text[begin:].split(",")[0].split(";")[0].split('"')[0].split()[0]
    assert Client().get(path).status_code in (200, 404)
    paths = [
        part.split(",")[0].split(";")[0].split('"')[0].split()[0] for part in text.split("http://127.0.0.1:8000")[1:]
    ]
    assert 200 in {Client().get(one).status_code for one in paths}


async def test_ranges_come_from_the_bucket_and_an_outage_is_said(
    s3: S3Server, world: World, record: Recorder, settings: Any, monkeypatch: Any
) -> None:
    from asgiref.sync import sync_to_async

    recording = await sync_to_async(record)()
    await sync_to_async(keeping.go_on)(str(recording.pk))
    await sync_to_async(recording.refresh_from_db)()
    assert recording.place == "bucket"
    owner = AsyncClient()
    await sync_to_async(owner.force_login)(world.owner)
    url = reverse("recordings:audio", args=[recording.pk])
    whole = await bytes_of(await owner.get(url))
    assert len(whole) == recording.size
    part = await owner.get(url, headers={"range": "bytes=100-199"})
    assert (part.status_code, part["Content-Range"]) == (206, f"bytes 100-199/{len(whole)}")
    assert await bytes_of(part) == whole[100:200]
    assert await bytes_of(await owner.get(url, headers={"range": "bytes=-7"})) == whole[-7:]
    assert (await owner.get(url, headers={"range": f"bytes={len(whole)}-"})).status_code == 416
    monkeypatch.setattr(settings.HEARTHLINE, "s3_endpoint", "http://127.0.0.1:1")
    away = await owner.get(url)
    assert isinstance(away, HttpResponse)
    assert away.status_code == 503
    assert "storage of the recordings does not answer" in away.content.decode()
