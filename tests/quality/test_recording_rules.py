"""What an owner says about recordings on the rules page: for how long, how contacts learn of them, in whose voice."""

from __future__ import annotations

import io
import math
import wave
from array import array
from collections.abc import Callable
from typing import Any

import pytest
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from hearthline.campaigns.announcement_sounds import telephone_sound
from hearthline.lib.errors import InvalidInputError
from hearthline.people.models import User
from hearthline.web.customer.forms import RulesForm
from tests.web.world import World

pytestmark = pytest.mark.django_db(transaction=True)


def a_wav(*, rate: int = 44_100, channels: int = 2, seconds: float = 1.0, tone: int = 500, width: int = 2) -> bytes:
    samples = array("h")
    for n in range(int(rate * seconds)):
        samples.extend([int(12_000 * math.sin(2 * math.pi * tone * n / rate))] * channels)
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setparams((channels, width, rate, 0, "NONE", ""))
        sound.writeframes(samples.tobytes())
    return file.getvalue()


@pytest.fixture(autouse=True)
def _own_files(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from django.core.files.storage import default_storage

    monkeypatch.setattr(default_storage, "_location", str(tmp_path / "files"), raising=False)
    for name in ("base_location", "location"):
        default_storage.__dict__.pop(name, None)


def filled_in(world: World, **changes: Any) -> dict[str, Any]:
    world.campaign.refresh_from_db()
    values = RulesForm(campaign=world.campaign).initial | changes
    return {name: value for name, value in values.items() if value is not None and value is not False}


@pytest.fixture
def save(world: World, as_person: Callable[[User], Client]) -> Callable[..., Any]:
    client = as_person(world.owner)

    def saved(**changes: Any) -> Any:
        url = reverse("customer:rules", args=[world.campaign.pk])
        response = client.post(url, filled_in(world, **changes))
        world.campaign.refresh_from_db()
        return response

    return saved


def test_the_rules_are_kept_and_bounded(world: World, save: Callable[..., Any]) -> None:
    assert save(consent="played", consent_text="We record.", recording_days=30).status_code == 302
    assert (world.campaign.consent, world.campaign.recording_days) == ("played", 30)
    refused = save(
        consent="played", consent_text="We record.", recording_days=settings.HEARTHLINE.recordings_most_days + 1
    )
    assert refused.status_code == 422
    assert "between 1 and 365 days" in refused.content.decode()
    refused = save(consent="read", consent_text=" ")
    assert refused.status_code == 422
    assert "Write what contacts are told" in refused.content.decode()
    assert (world.campaign.consent, world.campaign.recording_days) == ("played", 30)


def test_an_uploaded_voice_becomes_what_telephones_play(world: World, save: Callable[..., Any]) -> None:
    upload = SimpleUploadedFile("voice.wav", a_wav(), "audio/wav")
    assert save(consent="played", consent_text="We record.", consent_upload=upload).status_code == 302
    with wave.open(world.campaign.consent_sound.path, "rb") as sound:
        assert (sound.getnchannels(), sound.getsampwidth(), sound.getframerate()) == (1, 2, 8000)
        assert abs(sound.getnframes() - 8000) < 10
    first = world.campaign.consent_sound.path
    assert save(consent_upload=SimpleUploadedFile("other.wav", a_wav(tone=700), "audio/wav")).status_code == 302
    with pytest.raises(FileNotFoundError):
        open(first, "rb")  # noqa: SIM115 - it must not be there
    assert save(consent_spoken="on").status_code == 302
    assert not world.campaign.consent_sound


@pytest.mark.parametrize(
    "upload",
    [b"", b"RIFF", a_wav(width=1), a_wav(seconds=0.2), a_wav(rate=4000), a_wav(rate=8000, channels=1, seconds=61)],
)
def test_what_is_no_announcement_is_refused_in_words(upload: bytes) -> None:
    with pytest.raises(InvalidInputError):
        telephone_sound(io.BytesIO(upload))


def test_a_tone_stays_itself_and_what_telephones_cannot_carry_is_gone() -> None:
    def level(tone: int) -> float:
        with wave.open(io.BytesIO(telephone_sound(io.BytesIO(a_wav(tone=tone))))) as sound:
            samples = array("h", sound.readframes(9000))
        return math.sqrt(sum(s * s for s in samples) / len(samples))

    assert level(500) > 8000
    assert level(15_000) < level(500) / 5
