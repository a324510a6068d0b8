"""The switch port: what the exchange asks of whatever carries audio and signalling.

The port is declarative. A switch is asked for an arrangement of legs ("these three hear each other"), never for a
sequence of PBX tricks, so that the embedded engine and FreeSWITCH can both serve it and one contract suite proves both.

Identity. Every leg has a `LegId` chosen by the caller before the leg exists (a UUID4 in hex). A request may therefore be
repeated after a lost reply: asking again for a leg that exists returns the same leg and places no second call.

Time. `at` on events is the switch's `time.time()` in seconds (UTC). Durations are integers of milliseconds.

Errors. Every method raises `SwitchError` (a code of `SwitchErrorCode` and a sentence) and nothing else.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

LegId = str
PHONES_BOUND = 5_000  # telephones that one switch lets register
WATCHED_BOUND = 500  # numbers that one switch watches
WATCHED_RINGS_S = 25  # a call to a watched number rings for so long; nobody answers

SILENT_PROVIDER_S = 6  # a provider that sends no response at all to an INVITE (not even 100) is given up after this


class SwitchErrorCode(StrEnum):
    """Why a switch refused a request."""

    NO_SUCH_LEG = "no_such_leg"
    NO_SUCH_TRUNK = "no_such_trunk"
    BAD_OFFER = "bad_offer"  # the browser's SDP has nothing the switch can use
    BAD_REQUEST = "bad_request"
    OVERLOADED = "overloaded"  # admission refused: audio would suffer
    NOT_REGISTERED = "not_registered"  # no telephone of this name is registered now
    UNREACHABLE = "unreachable"  # the switch itself cannot be reached; the fate of the request is unknown
    FAILED = "failed"


class SwitchError(Exception):
    """A request that the switch refused, with a code and a sentence for the log."""

    def __init__(self, code: SwitchErrorCode, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class LegKind(StrEnum):
    BROWSER = "browser"
    PHONE = "phone"  # reached through a trunk: a contact, or a manager at a telephone or SIP URI


class LegState(StrEnum):
    NEW = "new"  # asked for; nothing heard yet
    RINGING = "ringing"
    EARLY = "early"  # early media flows (183 with SDP)
    UP = "up"  # answered, or the browser's DTLS is complete
    GONE = "gone"


class Party(StrEnum):
    """Who ended a leg."""

    LOCAL = "local"  # we asked for it by `hang_up`
    REMOTE = "remote"  # the far end, or its network
    SWITCH = "switch"  # a timer, lost consent, an error


class ParkSound(StrEnum):
    SILENCE = "silence"
    MUSIC = "music"


class ListenMode(StrEnum):
    SILENT = "silent"  # hears the target and whom it hears; nobody hears the listener
    WHISPER = "whisper"  # the target hears the listener; the others do not
    BARGE = "barge"  # everybody hears everybody


class Transport(StrEnum):
    UDP = "udp"
    TCP = "tcp"
    TLS = "tls"


@dataclass(frozen=True, slots=True)
class Trunk:
    """A SIP account at a telephone provider. It travels with each request: a trunk is data, not configuration."""

    name: str
    host: str  # host name or address; default port by transport when `port` is None (RFC 3261 §19.1.2)
    port: int | None = None
    transport: Transport = Transport.UDP
    username: str = ""
    password: str = field(default="", repr=False)
    from_domain: str = ""  # domain of From; empty: the provider's host
    register: bool = False
    number_format: str = "+{e164}"  # the user part of the Request-URI; `{e164}` is the number without its plus
    max_channels: int = 0  # 0: no limit here
    max_calls_per_s: int = 0  # 0: no limit here; the embedded engine leaves it to call control, which shares its fate
    tls_verify: bool = True


@dataclass(frozen=True, slots=True)
class Destination:
    """Where a phone leg goes: a number (E.164 with its plus) through a trunk, a SIP URI, or a registered telephone."""

    number: str = ""
    sip_uri: str = ""
    phone: str = ""  # a `PhoneAccount.name`

    def __post_init__(self) -> None:
        if [bool(self.number), bool(self.sip_uri), bool(self.phone)].count(True) != 1:
            raise ValueError("a destination is a number, a SIP URI or a registered telephone")


@dataclass(frozen=True, slots=True)
class PhoneAccount:
    """A telephone that may register (RFC 3261 §10) to be rung as somebody's line. It can dial nothing."""

    name: str  # user part of its address, and the digest's user name: 1 to 32 of a-z, 0-9, - and _
    realm: str  # of the digest; all accounts of a switch share it
    ha1: str = field(repr=False)  # MD5 of name:realm:password in lower-case hex (RFC 2617 §3.2.2.2)


@dataclass(frozen=True, slots=True)
class WatchedNumber:
    """A number of ours whose calls nobody takes: whoever calls it is noticed."""

    number: str  # E.164
    trunk: str  # our name for the account that it comes in on
    hosts: tuple[str, ...]  # whence that provider's calls come: names, addresses, networks ("192.0.2.0/24")


@dataclass(frozen=True, slots=True)
class MediaStats:
    """What was seen of one leg's audio; cumulative since the leg began. Evidence for settlement."""

    packets_in: int = 0
    packets_out: int = 0
    lost_in: int = 0  # packets that never came, by sequence numbers (RFC 3550 §6.4.1)
    jitter_ms: float = 0.0  # interarrival jitter of what we receive (RFC 3550 §6.4.1)
    round_trip_ms: float | None = None  # from RTCP, when the far end reports
    far_loss_percent: float | None = None  # what the far end says it misses of ours, by RTCP
    voice_in_ms: int = 0  # how long the party's own audio was above the voice threshold
    voice_out_ms: int = 0  # the same of what was played to the party
    codec: str = ""  # "PCMU", "PCMA", "opus"
    level_dbfs: float | None = None  # recent level of the party's microphone; None when nothing came lately


@dataclass(frozen=True, slots=True)
class LegSnapshot:
    """What exists now, for recovery."""

    leg: LegId
    kind: LegKind
    state: LegState
    connected_with: tuple[LegId, ...] = ()  # empty: parked
    started_at: float = 0.0
    answered_at: float | None = None
    recording: str | None = None
    stats: MediaStats = MediaStats()
    tags: dict[str, str] = field(default_factory=dict)


# --- events ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class LegRinging:
    leg: LegId
    at: float


@dataclass(frozen=True, slots=True)
class LegEarlyMedia:
    leg: LegId
    at: float


@dataclass(frozen=True, slots=True)
class LegAnswered:
    """A phone answered (2xx acknowledged), or a browser leg's media is up (DTLS complete)."""

    leg: LegId
    at: float


@dataclass(frozen=True, slots=True)
class LegMediaStalled:
    """Nothing has come from this leg for `silent_ms` (a browser in a lift, a cable). It may come back."""

    leg: LegId
    at: float
    silent_ms: int


@dataclass(frozen=True, slots=True)
class LegMediaResumed:
    leg: LegId
    at: float


@dataclass(frozen=True, slots=True)
class LegHungUp:
    """The leg is gone. `cause` is a Q.850 cause (16 normal, 17 busy, 19 no answer, 1 unallocated, 21 rejected, 38
    network out of order, 41 temporary failure, 102 timer expiry); `sip_status` the final response when there was one.
    A provider that stayed silent for SILENT_PROVIDER_S: cause 102, by the switch, no `sip_status`."""

    leg: LegId
    at: float
    cause: int
    by: Party
    sip_status: int | None = None
    stats: MediaStats = MediaStats()


@dataclass(frozen=True, slots=True)
class LegDigit:
    """The party pressed a key (RFC 4733)."""

    leg: LegId
    at: float
    digit: str


@dataclass(frozen=True, slots=True)
class LegStats:
    """Media statistics of a leg that is up; every five seconds."""

    leg: LegId
    at: float
    stats: MediaStats


@dataclass(frozen=True, slots=True)
class RecordingStopped:
    """A recording file is complete on disk: header written, file closed."""

    leg: LegId
    at: float
    path: str
    duration_ms: int


@dataclass(frozen=True, slots=True)
class SoundFinished:
    leg: LegId
    at: float
    sound: str


@dataclass(frozen=True, slots=True)
class RegistrationChanged:
    """How a trunk of `keep_registered` stands at its registrar. Told when it is first known after each `keep_registered`,
    and whenever it changes. `said` is the provider's refusal, or why there was no answer, as one clause; empty when registered.
    """

    trunk: str  # Trunk.name
    at: float
    registered: bool
    said: str = ""


@dataclass(frozen=True, slots=True)
class PhoneRegistered:
    """A telephone can be rung now: its first binding was made (RFC 3261 §10.3)."""

    phone: str  # `PhoneAccount.name`
    at: float


@dataclass(frozen=True, slots=True)
class PhoneUnregistered:
    """A telephone's last binding was taken back or ran out, or its account was."""

    phone: str
    at: float


@dataclass(frozen=True, slots=True)
class NumberCalled:
    """Somebody called a watched number; told when they gave up, or when it had rung for WATCHED_RINGS_S. Nothing was answered,
    heard or recorded."""

    number: str  # WatchedNumber.number
    trunk: str
    caller: str = field(repr=False)  # as the provider gave it, at most 20 of +0-9*#; empty: withheld
    at: float  # when it began
    rang_ms: int  # 0: too many were ringing


@dataclass(frozen=True, slots=True)
class NodeLost:
    """The switch cannot be reached. Legs may live or not; `legs()` tells after `NodeBack`."""

    at: float
    reason: str


@dataclass(frozen=True, slots=True)
class NodeBack:
    """The switch answers again. `same_process` is False when it restarted: every former leg is gone."""

    at: float
    same_process: bool


SwitchEvent = (
    LegRinging
    | LegEarlyMedia
    | LegAnswered
    | LegMediaStalled
    | LegMediaResumed
    | LegHungUp
    | LegDigit
    | LegStats
    | RecordingStopped
    | SoundFinished
    | RegistrationChanged
    | PhoneRegistered
    | PhoneUnregistered
    | NumberCalled
    | NodeLost
    | NodeBack
)


@dataclass(frozen=True, slots=True)
class NodeLoad:
    """A node's load, for admission. `late_tick_percent` is the share of 20 ms ticks of the last 5 s that began late."""

    legs: int
    connected: int
    cpu_percent: float
    late_tick_percent: float


class Switch(Protocol):
    """One node's switch, as call control sees it."""

    async def open_browser_leg(self, leg: LegId, offer: str, *, tags: dict[str, str] | None = None) -> str:
        """Take a browser's SDP offer and return the SDP answer (RFC 8829). For a leg that exists this is a
        re-offer (ICE restart, RFC 8839): same leg, same arrangement, a new answer. Parked in silence at first."""
        ...

    async def ring(
        self,
        leg: LegId,
        destination: Destination,
        *,
        caller_id: str,
        timeout_s: int,
        trunk: Trunk | None,
        max_duration_s: int = 0,
        tags: dict[str, str] | None = None,
    ) -> None:
        """Call a telephone, a SIP URI, or a registered telephone (the binding made last; NOT_REGISTERED when it has none).
        Returns when the INVITE is on its way; the rest comes as events. After `timeout_s` seconds
        without an answer the leg is cancelled and hung up with cause 19. `max_duration_s` is the switch's own
        guard after the answer (0: none). A SIP URI and a registered telephone need no trunk. A trunk that is not kept
        registered is called without."""
        ...

    async def hang_up(self, leg: LegId, cause: int = 16) -> None:
        """End a leg (CANCEL, BYE or closing of the browser leg). A leg that is gone already is no error."""
        ...

    async def connect(self, legs: Sequence[LegId], *, park: ParkSound = ParkSound.SILENCE) -> None:
        """From the next tick these legs hear each other and nobody else: two are a conversation, three a
        conference. Whoever was with them before is parked with `park`. Connecting a leg that is in early media lets the others hear it.
        A leg that hangs up leaves the arrangement; the rest stay together (one alone is parked in silence)."""
        ...

    async def park(self, leg: LegId, sound: ParkSound = ParkSound.SILENCE) -> None:
        """Take a leg out of its arrangement; it hears silence or music."""
        ...

    async def listen(self, leg: LegId, target: LegId, mode: ListenMode) -> None:
        """`leg` listens to `target`'s conversation. Ends by `park(leg)` or with either leg."""
        ...

    async def play(self, leg: LegId, sound: str, *, loop: bool = False) -> None:
        """Play a WAV file (16-bit mono 8 kHz; a path the switch may read) to this leg over what it hears."""
        ...

    async def stop_playing(self, leg: LegId) -> None: ...

    async def mute(self, leg: LegId, on: bool) -> None:
        """From the next tick on nobody hears what this leg says, in whatever arrangement it is, until it is unmuted. What it hears
        and the keys it presses are not touched; its silence is no voice in `MediaStats`. Asked for again: no change."""
        ...

    async def send_digits(self, leg: LegId, digits: str) -> None:
        """Send DTMF (RFC 4733) towards this leg's far end: 0-9 * # A-D, at most 32."""
        ...

    async def record(self, leg: LegId, path: str) -> None:
        """Record to a 16-bit stereo 8 kHz WAV: left what this leg says, right what it hears. Stops with the leg."""
        ...

    async def stop_recording(self, leg: LegId) -> None: ...

    async def pause_recording(self, leg: LegId, on: bool) -> None:
        """While on, silence is recorded of both sides instead of what is said, so that times stay true. A leg that is not
        recorded is no error; a new recording of a leg begins without a pause."""
        ...

    async def legs(self) -> list[LegSnapshot]:
        """What exists right now."""
        ...

    async def load(self) -> NodeLoad: ...

    async def test_trunk(self, trunk: Trunk, *, timeout_s: int = 8) -> str:
        """Register once (or OPTIONS where the trunk does not register) and return one sentence on what the provider said.
        Raises SwitchError(FAILED) with the reason when it refused or stayed silent."""
        ...

    async def keep_registered(self, trunks: Sequence[Trunk]) -> None:
        """From now on exactly these trunks are kept registered with their providers (RFC 3261 §10), those with `register`
        at least; others are unregistered. A trunk that changed registers anew, one that did not is left alone. Returns when it
        is under way: what providers say comes as `RegistrationChanged`. Names must differ (BAD_REQUEST)."""
        ...

    async def accept_phones(self, accounts: Sequence[PhoneAccount]) -> None:
        """From now on exactly these accounts may register; at most `PHONES_BOUND`. Bindings of an account that is not
        among them, or whose `ha1` has changed, are forgotten; calls that are up go on. A registered telephone is rung by
        `ring` and can call nobody. With FreeSWITCH: its directory, `a1-hash`, and an access list that admits no call."""
        ...

    async def registered_phones(self) -> list[str]:
        """Names of the accounts that can be rung now, for recovery."""
        ...

    async def watch_numbers(self, numbers: Sequence[WatchedNumber]) -> None:
        """From now on calls to exactly these numbers, from the hosts of their trunks, ring (180) and are not answered (480 after
        WATCHED_RINGS_S; 486 while too many ring): no audio, no leg. Each is told as `NumberCalled`. All other calls that
        come in are refused as before. Bounded by source and caller: what is over the bound is refused and not told. Host
        names are looked up now; asked for again, they are looked up again. At most WATCHED_BOUND numbers, each once
        (BAD_REQUEST)."""
        ...

    def events(self) -> AsyncIterator[SwitchEvent]:
        """Events from now on, in order, for one reader. What happened during a lost connection comes first after it is
        back. Never ends by itself; never raises (`NodeLost` instead)."""
        ...
