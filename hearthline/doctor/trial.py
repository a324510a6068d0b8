"""`hearthline doctor --call NUMBER`: one real call through the trunk, told as it goes."""

from __future__ import annotations

import asyncio
import math
import struct
import wave
from collections.abc import Callable
from pathlib import Path

from hearthline.lib.ids import new_id
from hearthline.switch.port import (
    Destination,
    LegAnswered,
    LegEarlyMedia,
    LegHungUp,
    LegRinging,
    Switch,
    SwitchError,
    SwitchEvent,
    Trunk,
)

RING_S = 40
TALK_S = 8
_RATE = 8000
CAUSES = {
    1: "the number does not exist",
    16: "a normal end",
    17: "busy",
    19: "nobody answered",
    21: "the provider or the person refused it (often: the caller ID is not one of yours)",
    28: "the number is written in a way the provider does not take (see the trunk's number format)",
    34: "the provider has no channel free",
    38: "the provider could not be reached",
    41: "a temporary failure at the provider",
    57: "the provider does not allow this call (permission, credit or destination)",
}


async def trial_call(
    switch: Switch, trunk: Trunk, number: str, caller_id: str, sound: Path, say: Callable[[str], None]
) -> bool:
    """Ring, play a melody for some seconds, hang up; True when it was answered and audio came back."""
    write_melody(sound)
    leg = new_id().hex
    events = switch.events()
    try:
        await switch.ring(
            leg, Destination(number=number), caller_id=caller_id, timeout_s=RING_S, trunk=trunk, max_duration_s=60
        )
    except SwitchError as error:
        say(f"The call could not be placed: {error.message}")
        return False
    say("The INVITE is on its way.")
    answered = False
    async with asyncio.timeout(RING_S + TALK_S + 20):
        async for event in events:
            if getattr(event, "leg", None) != leg:
                continue
            if isinstance(event, LegAnswered):
                answered = True
                say("Answered. A short melody is playing; then say something into the phone.")
                await switch.play(leg, str(sound))
                asyncio.get_running_loop().call_later(TALK_S, lambda: asyncio.ensure_future(switch.hang_up(leg)))
            elif isinstance(event, LegHungUp):
                return _tell_end(event, answered, say)
            else:
                _tell(event, say)
    return False


def _tell(event: SwitchEvent, say: Callable[[str], None]) -> None:
    if isinstance(event, LegRinging):
        say("It rings.")
    elif isinstance(event, LegEarlyMedia):
        say("The network sends sound before the answer (a ringing tone or an announcement).")


def _tell_end(event: LegHungUp, answered: bool, say: Callable[[str], None]) -> bool:
    why = CAUSES.get(event.cause, "")
    if event.sip_status in (401, 407):
        why = "the provider does not take this user name and password"
    status = f", SIP {event.sip_status}" if event.sip_status else ""
    say(f"Ended: cause {event.cause}{f' ({why})' if why else ''}{status}.")
    if not answered:
        return False
    stats = event.stats
    say(
        f"Audio: {stats.packets_in} packets in, {stats.packets_out} out, {stats.lost_in} lost, jitter {stats.jitter_ms:.1f} ms, "
        f"{stats.voice_in_ms / 1000:.1f} s of voice heard, {stats.codec}."
    )
    if not stats.packets_in:
        say(
            "No audio came back: the provider sends it to an address that does not lead here. Set HEARTHLINE_SIP_ADVERTISE."
        )
    return stats.packets_in > 0


def write_melody(path: Path) -> None:
    """Two seconds of a rising chord, 16-bit mono 8 kHz."""
    path.parent.mkdir(parents=True, exist_ok=True)
    samples = []
    for hertz in (392.0, 523.3, 659.3, 784.0):
        length = _RATE // 2
        samples += [
            int(7000 * math.sin(math.pi * n / length) * math.sin(2 * math.pi * hertz * n / _RATE))
            for n in range(length)
        ]
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(_RATE)
        file.writeframes(struct.pack(f"<{len(samples)}h", *samples))
