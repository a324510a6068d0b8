"""What a telephone call tells its owner, in order, ending with exactly one `Ended`."""

from __future__ import annotations

from dataclasses import dataclass

from hearthline.switch.port import Party


@dataclass(frozen=True, slots=True)
class Ringing:
    """180, or a 18x without a session description."""


@dataclass(frozen=True, slots=True)
class EarlyMedia:
    """The network sends audio before the answer (183 with SDP): announcements that must be heard."""


@dataclass(frozen=True, slots=True)
class Answered:
    """A 2xx came and was acknowledged, or ours was."""


@dataclass(frozen=True, slots=True)
class Digit:
    """A key press signalled by INFO (RFC 6086 packages apart); those in RTP are the audio path's to see."""

    digit: str


@dataclass(frozen=True, slots=True)
class Held:
    """The far end put us on hold, or took us back."""

    held: bool


@dataclass(frozen=True, slots=True)
class Ended:
    """The call is over. `cause` is Q.850; `sip_status` the final response when there was one."""

    cause: int
    by: Party
    sip_status: int | None = None


CallEvent = Ringing | EarlyMedia | Answered | Digit | Held | Ended
