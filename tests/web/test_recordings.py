"""Recordings: the gate, byte ranges (RFC 9110 §14), the outline, the trail."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.conf import settings
from django.test import AsyncClient, Client
from django.urls import reverse

from hearthline.calls.models import Recording
from hearthline.people.models import AuditEntry, User
from hearthline.web.recordings import byte_range
from tests.campaigns.worlds import an_operator
from tests.web.world import World

pytestmark = pytest.mark.django_db(transaction=True)


async def heard(client: AsyncClient, url: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
    response = await client.get(url, headers=headers)
    streamed = getattr(response, "streaming_content", None)
    body = b"".join([chunk async for chunk in streamed]) if streamed is not None else response.content
    return response.status_code, dict(response.headers), body


def audio_url(world: World) -> str:
    return reverse("recordings:audio", args=[world.recording().pk])


@pytest.fixture
def whole(world: World) -> bytes:
    return (settings.HEARTHLINE.recordings_folder / "conversation.wav").read_bytes()


def entries() -> int:
    return AuditEntry.objects.filter(tag="web:recording:played").count()


async def test_all_of_it_and_parts_of_it(world: World, whole: bytes, async_owner: AsyncClient) -> None:
    from asgiref.sync import sync_to_async

    url = await sync_to_async(audio_url)(world)
    status, headers, body = await heard(async_owner, url)
    assert (status, body, headers["Accept-Ranges"]) == (200, whole, "bytes")
    status, headers, body = await heard(async_owner, url, range="bytes=44-143")
    assert (status, body) == (206, whole[44:144])
    assert headers["Content-Range"] == f"bytes 44-143/{len(whole)}"
    assert (await heard(async_owner, url, range="bytes=-10"))[2] == whole[-10:]
    status, headers, _body = await heard(async_owner, url, range=f"bytes={len(whole)}-")
    assert (status, headers["Content-Range"]) == (416, f"bytes */{len(whole)}")
    status, _headers, body = await heard(async_owner, url, **{"range": "bytes=0-9", "if-range": '"another"'})
    assert (status, body) == (200, whole)
    assert await sync_to_async(entries)() == 1  # one listening, however many ranges


def test_a_stranger_hears_nothing_and_leaves_no_trail(
    world: World, stranger: Client, as_person: Callable[[User], Client]
) -> None:
    for name in ("audio", "outline"):
        url = reverse(f"recordings:{name}", args=[world.recording().pk])
        assert stranger.get(url).status_code == 404
        assert as_person(an_operator()).get(url).status_code == 404  # its own operator may hear it
        assert Client().get(url).status_code == 302
    assert entries() == 0


def test_a_path_that_leads_out_of_the_folder_is_not_served(world: World, owner: Client) -> None:
    outside = settings.HEARTHLINE.data / "secret.key"
    outside.write_text("secret")
    recording = world.recording()
    Recording.objects.filter(pk=recording.pk).update(path="../secret.key")
    response = owner.get(reverse("recordings:audio", args=[recording.pk]))
    assert response.status_code == 404
    assert entries() == 0


def test_the_outline_shows_who_spoke_when(world: World, owner: Client) -> None:
    outline = owner.get(reverse("recordings:outline", args=[world.recording().pk])).json()
    contact, operator = outline["channels"]
    assert len(operator) == len(contact) <= 600
    half = len(operator) // 2
    assert max(contact[: half - 1]) > 0.5 > max(contact[half + 1 :])
    assert max(operator[half + 1 :]) > 0.5 > max(operator[: half - 1])


@pytest.mark.parametrize(
    ("header", "wanted"),
    [
        ("", (0, 99)),
        ("bytes=0-0", (0, 0)),
        ("bytes=90-", (90, 99)),
        ("bytes=90-500", (90, 99)),
        ("bytes=-500", (0, 99)),
        ("bytes=-0", None),
        ("bytes=100-", None),
        ("bytes=9-3", None),
        ("bytes=0-1,5-6", (0, 99)),
        ("lines=0-1", (0, 99)),
        ("bytes=-", (0, 99)),
    ],
)
def test_ranges_are_understood(header: str, wanted: tuple[int, int] | None) -> None:
    assert byte_range(header, 100) == wanted
