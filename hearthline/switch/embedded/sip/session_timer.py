"""Session timers (RFC 4028): a call whose far end has vanished without a BYE ends by itself.

Pure: parsing and deciding. The call owns the clock.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from hearthline.switch.embedded.sip.message import Message, Request, Response

SHORTEST = 90  # seconds (§4)
PREFERRED = 1800

_VALUE = re.compile(r"\s*(\d{1,7})\s*(?:;(.*))?", re.DOTALL)
_REFRESHER = re.compile(r"(?:^|;)\s*refresher\s*=\s*(uac|uas)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class SessionTimer:
    """What was agreed. `we_refresh`: it is on us to send the refresh at half time (§10)."""

    interval: int  # seconds
    we_refresh: bool

    @property
    def next_action(self) -> float:
        """Seconds until we refresh, or until a silent peer is given up: a third or 32 s, whichever is less, before
        the end (§10)."""
        return self.interval / 2 if self.we_refresh else self.interval - min(32, self.interval / 3)


def read(message: Message) -> tuple[int, str] | None:
    """(interval, "uac" | "uas" | "") of a Session-Expires header, None without a readable one."""
    match = _VALUE.fullmatch(message.headers.get("Session-Expires") or "")
    if not match:
        return None
    refresher = _REFRESHER.search(match[2] or "")
    return int(match[1]), refresher[1].lower() if refresher else ""


def request_headers(interval: int, minimum: int, *, refresher: str = "") -> list[tuple[str, str]]:
    """What an INVITE or UPDATE of ours carries (§7.1). `refresher` once it was agreed who."""
    return [
        ("Session-Expires", f"{interval}" + (f";refresher={refresher}" if refresher else "")),
        ("Min-SE", str(minimum)),
    ]


def from_response(response: Response) -> SessionTimer | None:
    """What a 2xx to our request settled (§7.2): without the header there is no session timer."""
    value = read(response)
    if value is None:
        return None
    interval, refresher = value
    return SessionTimer(max(interval, SHORTEST), we_refresh=refresher != "uas")


def too_small(request: Request) -> bool:
    """Whether a request must be refused with 422 and `Min-SE: 90` (§9)."""
    value = read(request)
    return value is not None and value[0] < SHORTEST and "timer" in request.headers.tokens("Supported")


def for_request(request: Request) -> tuple[SessionTimer, list[tuple[str, str]]] | None:
    """Our side of a peer's INVITE or UPDATE (§9): the timer, and the headers of the 2xx. None: it asked for none.

    The peer refreshes when it can (it said Supported: timer) and did not name us."""
    value = read(request)
    if value is None:
        return None
    interval = max(value[0], SHORTEST)
    supports = "timer" in request.headers.tokens("Supported")
    refresher = value[1] or ("uac" if supports else "uas")
    headers = [("Session-Expires", f"{interval};refresher={refresher}")]
    if supports and refresher == "uac":
        headers.append(("Require", "timer"))
    return SessionTimer(interval, we_refresh=refresher == "uas"), headers
