"""Which telephones may register: digest with HA1 (RFC 2617 §3.2.2.2, RFC 3261 §22), and patience that ends for guessers.

A nonce is sealed for the host that asked for it, so only who really receives our answers there can use it, or be punished for
using it wrongly: a forged source address neither replays another's credentials nor gets its owner banned.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from collections import OrderedDict
from collections.abc import Mapping
from enum import Enum

from hearthline.switch.embedded.sip.digest import Challenge, parse_fields, response_of_secret
from hearthline.switch.embedded.sip.guessers import Guessers
from hearthline.switch.embedded.sip.message import Request
from hearthline.switch.port import PhoneAccount

NONCE_SECONDS = 300
COUNTS_KEPT = 20_000  # nonces in use; a forgotten one is stale
_NOBODY = "0" * 32  # HA1 of names that do not exist: they take as long as those that do


class Verdict(Enum):
    UNKNOWN = "unknown"  # no credentials for this realm, or a nonce that is not ours: ask for them
    STALE = "stale"  # good credentials with a nonce that is too old or used up
    WRONG = "wrong"
    KNOWN = "known"


class PhoneGate:
    """`accounts` by name; all share `realm`."""

    def __init__(self, accounts: Mapping[str, PhoneAccount], realm: str) -> None:
        self.realm = realm
        self.accounts = accounts
        self._key = secrets.token_bytes(16)
        self._counts: OrderedDict[str, int] = OrderedDict()  # nonce -> the highest nonce-count seen
        self.guessers = Guessers()

    def challenge(self, host: str, *, stale: bool = False) -> str:
        issued = f"{int(time.time()):x}-{secrets.token_hex(4)}"
        nonce = f"{issued}.{self._seal(issued, host)}"
        return f'Digest realm="{self.realm}", nonce="{nonce}", algorithm=MD5, qop="auth"' + (
            ", stale=true" if stale else ""
        )

    def verify(self, request: Request, host: str) -> tuple[Verdict, str]:
        """The verdict, and the name that was claimed with a nonce of ours ("" for others)."""
        for value in request.headers.all("Authorization"):
            scheme, fields = parse_fields(value)
            if scheme == "digest" and fields.get("realm") == self.realm:
                return self._verify(fields, request, host)
        return Verdict.UNKNOWN, ""

    def _verify(self, fields: dict[str, str], request: Request, host: str) -> tuple[Verdict, str]:
        nonce = fields.get("nonce", "")
        issued, _, seal = nonce.partition(".")
        if not _same(seal, self._seal(issued, host)):
            return Verdict.UNKNOWN, ""
        name = fields.get("username", "")
        qop = fields.get("qop", "").lower()
        account = self.accounts.get(name)
        wanted = response_of_secret(
            Challenge(realm=self.realm, nonce=nonce, qop=qop),
            account.ha1 if account is not None else _NOBODY,
            method=request.method,
            uri=fields.get("uri", ""),
            cnonce=fields.get("cnonce", ""),
            count=fields.get("nc", ""),
        )
        good = _same(wanted, fields.get("response", "")) and qop in {"", "auth"} and account is not None
        if not good:
            return Verdict.WRONG, name
        if int(issued.partition("-")[0], 16) + NONCE_SECONDS < time.time() or not self._first_use(nonce, qop, fields):
            return Verdict.STALE, name
        return Verdict.KNOWN, name

    def _first_use(self, nonce: str, qop: str, fields: dict[str, str]) -> bool:
        """Nonce-counts only grow (RFC 2617 §3.2.2); without `qop` there is none, and the nonce is good for one request."""
        try:
            count = int(fields.get("nc", ""), 16) if qop else 1
        except ValueError:
            return False
        if count <= self._counts.get(nonce, 0):
            return False
        self._counts[nonce] = count if qop else 1 << 32
        self._counts.move_to_end(nonce)
        if len(self._counts) > COUNTS_KEPT:
            self._counts.popitem(last=False)
        return True

    def _seal(self, issued: str, host: str) -> str:
        text = f"{issued}|{host}".encode("utf-8", "surrogateescape")
        return hmac.new(self._key, text, hashlib.sha256).hexdigest()[:32]


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode("utf-8", "surrogateescape"), other.encode("utf-8", "surrogateescape"))
