"""What FreeSWITCH is given of a browser's offer, and what the browser is given of FreeSWITCH's answer.

Both are written anew from what was read, so that nothing unread passes either way. FreeSWITCH is made ICE-lite, as the
embedded engine is: it then answers checks from any address that knows the leg's ICE name, and needs no candidate of the
browser. It insists on one all the same; it is given a placeholder from a network that does not exist (RFC 5737), so that
a browser cannot make the switch send anything anywhere. And it is made the DTLS client: as the server it would ask for no
certificate and compare no fingerprint (RFC 5763 §5).
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence

from hearthline.switch.embedded.audio import AudioFormat
from hearthline.switch.embedded.browser_sdp import LocalSide, Offer, OfferError, build_answer, parse_offer
from hearthline.switch.embedded.codecs import OPUS, PCMA, PCMU

PLACEHOLDER = "198.51.100.1"  # the only address that the profile's candidate list allows

_NAMES = {PCMU: "PCMU/8000", PCMA: "PCMA/8000", OPUS: "opus/48000/2"}
_CANDIDATE = re.compile(r"a=candidate:\S+ 1 udp \d+ (\S+) (\d{1,5}) typ \S+.*", re.IGNORECASE)

__all__ = ["PLACEHOLDER", "OfferError", "answer_for_browser", "offer_for_switch", "read_offer"]


def read_offer(text: str, preferred: Sequence[str]) -> tuple[Offer, AudioFormat]:
    """The browser's offer and the codec to use. OfferError with a sentence."""
    offer = parse_offer(text)
    return offer, offer.agree(preferred)


def offer_for_switch(offer: Offer, agreed: AudioFormat) -> str:
    """The offer as FreeSWITCH gets it: one audio section, one codec and its telephone events."""
    types = [agreed.payload_type] + ([agreed.telephone_event] if agreed.telephone_event is not None else [])
    fingerprint = offer.fingerprints[0]
    port = 1024 + secrets.randbelow(
        64_000
    )  # another one each time: FreeSWITCH looks at the certificate of a changed address only
    lines = [
        "v=0",
        f"o=- {secrets.randbits(40)} 1 IN IP4 {PLACEHOLDER}",
        "s=-",
        f"c=IN IP4 {PLACEHOLDER}",
        "t=0 0",
        f"m=audio {port} UDP/TLS/RTP/SAVPF {' '.join(map(str, types))}",
        f"a=rtpmap:{agreed.payload_type} {_NAMES[agreed.codec]}",
        *([f"a=fmtp:{agreed.payload_type} useinbandfec=1;maxplaybackrate=8000"] if agreed.codec == OPUS else []),
    ]
    if agreed.telephone_event is not None:
        lines.append(f"a=rtpmap:{agreed.telephone_event} telephone-event/{agreed.event_clock}")
        lines.append(f"a=fmtp:{agreed.telephone_event} 0-15")
    lines += [
        f"a=ice-ufrag:{offer.ufrag}",
        f"a=ice-pwd:{offer.pwd}",
        f"a=fingerprint:{fingerprint.algorithm} {fingerprint.digest.hex(':').upper()}",
        "a=setup:passive",
        "a=rtcp-mux",
        "a=ptime:20",
        "a=sendrecv",
        f"a=candidate:1 1 udp 2130706431 {PLACEHOLDER} {port} typ host",
    ]
    return "\r\n".join(lines) + "\r\n"


def answer_for_browser(offer: Offer, agreed: AudioFormat, answer: str) -> str:
    """FreeSWITCH's answer in the form that every browser takes. OfferError when it lacks something."""
    lines = answer.replace("\r\n", "\n").split("\n")
    addresses = tuple((match[1], int(match[2])) for line in lines if (match := _CANDIDATE.fullmatch(line)))
    one = {name: _attribute(lines, name) for name in ("ice-ufrag", "ice-pwd", "fingerprint", "rtpmap")}
    algorithm, _, fingerprint = one["fingerprint"].partition(" ")
    if not addresses or algorithm.lower() != "sha-256":
        raise OfferError("FreeSWITCH's answer has no address or no fingerprint.")
    if int(one["rtpmap"].split(" ")[0]) != agreed.payload_type:
        raise OfferError("FreeSWITCH chose a codec that it was not offered.")
    version = next((line.split(" ")[2] for line in lines if line.startswith("o=") and len(line.split(" ")) > 2), "1")
    side = LocalSide(
        session_id=1,
        version=int(version) if version.isdigit() else 1,
        ufrag=one["ice-ufrag"],
        pwd=one["ice-pwd"],
        fingerprint=fingerprint.strip(),
        ssrc=int(_attribute(lines, "ssrc").split(" ")[0]),
        addresses=tuple(dict.fromkeys(addresses)),
    )
    return build_answer(offer, agreed, side).replace("a=setup:passive", "a=setup:active")


def _attribute(lines: Sequence[str], name: str) -> str:
    start = f"a={name}:"
    found = next((line[len(start) :].strip() for line in lines if line.startswith(start)), "")
    if not found:
        raise OfferError(f"FreeSWITCH's answer has no {name}.")
    return found
