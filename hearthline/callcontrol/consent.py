"""What a campaign says of the recording, as a sound: the file that its owner uploaded, or the text spoken by eSpeak NG, here and
offline, once for each text."""

from __future__ import annotations

import hashlib
import wave
from pathlib import Path

from hearthline.campaigns.models import Campaign
from hearthline.switch.port import SwitchError, SwitchErrorCode
from hearthline.switch.robots.speech import SpeechUnavailableError, espeak

RATE = 8000  # Hz, 16-bit mono
_VOICE = "operator"


def consent_sound(campaign: Campaign, folder: Path) -> str:
    """The path of the sound; `folder` keeps what was spoken. Raises SwitchError(FAILED) when there is nothing to play: the
    operator is then asked to read it."""
    if campaign.consent_sound:
        path = Path(campaign.consent_sound.path)
        if path.is_file():
            return str(path)
    if not campaign.consent_text.strip():
        raise SwitchError(SwitchErrorCode.FAILED, "the campaign has no announcement")
    name = hashlib.sha256(f"{campaign.language}\n{_VOICE}\n{campaign.consent_text}".encode()).hexdigest()[:32]
    path = folder / f"consent-{name}.wav"
    if not path.exists():
        try:
            audio = espeak().say(campaign.consent_text, campaign.language, _VOICE)
        except SpeechUnavailableError as error:
            raise SwitchError(SwitchErrorCode.FAILED, str(error)) from error
        part = path.with_suffix(".part")
        with wave.open(str(part), "wb") as file:
            file.setparams((1, 2, RATE, 0, "NONE", ""))
            file.writeframes(audio)
        part.replace(path)
    return str(path)
