"""A campaign with recorded calls, and the folder that their recordings lie in."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.core.cache import cache
from django.test import Client
from django.utils import translation

from hearthline.calls.models import Attempt, Recording
from hearthline.lib import clock
from hearthline.people.models import User
from tests.quality import s3_server
from tests.quality.sounds import in_turns, write_wav
from tests.web.world import World, a_world


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(settings.HEARTHLINE, "data", tmp_path)
    return tmp_path / "recordings"


@pytest.fixture(autouse=True)
def _in_english() -> Iterator[None]:
    cache.clear()
    with translation.override("en"):
        yield


@pytest.fixture
def world(db: None) -> World:
    found = a_world(contacts=6, calls=3)
    Recording.objects.all().delete()
    return found


@pytest.fixture
def record(world: World, folder: Path) -> Callable[..., Recording]:
    """A recording that the switch has just finished: its WAV and its row."""

    def recorded(*, seconds: float = 2.0, days_ago: float = 0, name: str = "2026/11/25/talk") -> Recording:
        attempt = Attempt.objects.filter(campaign=world.campaign, answered_at__isnull=False).order_by("pk")[0]
        path = write_wav(folder / f"{name}.wav", *in_turns(seconds))
        at = clock.now() - timedelta(days=days_ago)
        return Recording.objects.create(
            attempt=attempt,
            path=f"{name}.wav",
            started_at=at,
            duration_ms=round(seconds * 1000),
            size=path.stat().st_size,
        )

    return recorded


@pytest.fixture(scope="session")
def _s3() -> Iterator[s3_server.S3Server]:
    with s3_server.running() as server:
        yield server


@pytest.fixture
def s3(_s3: s3_server.S3Server, monkeypatch: pytest.MonkeyPatch) -> s3_server.S3Server:
    """The exchange keeps its recordings in this server's bucket, which is empty."""
    for name, value in {
        "recordings_store": "s3", "s3_endpoint": _s3.endpoint, "s3_region": s3_server.REGION, "s3_bucket": _s3.bucket,
        "s3_access_key": _s3.access_key, "s3_secret_key": _s3.secret_key,
    }.items():  # fmt: skip
        monkeypatch.setattr(settings.HEARTHLINE, name, value)
    _s3.seen_by_the_sdk().objects.all().delete()
    return _s3


@pytest.fixture
def as_person() -> Callable[[User], Client]:
    def signed_in(user: User) -> Client:
        client = Client()
        client.force_login(user)
        return client

    return signed_in
