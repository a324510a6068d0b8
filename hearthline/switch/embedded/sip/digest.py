"""Digest access authentication for SIP (RFC 3261 §22, RFC 8760: MD5, SHA-256, SHA-512-256 and their -sess forms).

Challenges are parsed here, tolerantly: commas and equals signs inside quotes, unknown parameters, several challenges.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from hearthline.switch.embedded.sip.addresses import split_unquoted, unquote
from hearthline.switch.embedded.sip.message import Request, Response

_HASHES: dict[str, Callable[[bytes], str]] = {
    "MD5": lambda data: hashlib.md5(data, usedforsecurity=False).hexdigest(),
    "SHA-256": lambda data: hashlib.sha256(data).hexdigest(),
    "SHA-512-256": lambda data: hashlib.new("sha512_256", data).hexdigest(),
}
_STRENGTH = {"MD5": 0, "SHA-256": 1, "SHA-512-256": 2}

_SCHEME = re.compile(r"\s*([A-Za-z][A-Za-z0-9-]*)\s+(.*)", re.DOTALL)
_PAIR = re.compile(r"([A-Za-z][A-Za-z0-9_-]*)\s*=\s*(.*)", re.DOTALL)

# which header answers which
_ANSWERS = {"WWW-Authenticate": "Authorization", "Proxy-Authenticate": "Proxy-Authorization"}


@dataclass(frozen=True, slots=True)
class Challenge:
    """One Digest challenge. `algorithm` is upper case without -SESS; `qop` is "", "auth" or "auth-int"."""

    realm: str
    nonce: str
    algorithm: str = "MD5"
    session: bool = False
    qop: str = ""
    opaque: str | None = None
    stale: bool = False
    spelled: str = ""  # the algorithm as the peer wrote it


def parse_fields(value: str) -> tuple[str, dict[str, str]]:
    """`Digest a="1", b=2` -> ("digest", {"a": "1", "b": "2"}); ("", {}) when it has no scheme. Never raises."""
    match = _SCHEME.fullmatch(value)
    if not match:
        return "", {}
    fields: dict[str, str] = {}
    for part in split_unquoted(match[2], ","):
        pair = _PAIR.fullmatch(part)
        if pair:
            fields.setdefault(pair[1].lower(), unquote(pair[2].strip()))
    return match[1].lower(), fields


def parse_challenge(value: str) -> Challenge | None:
    """None for a scheme, algorithm or protection that is not supported."""
    scheme, fields = parse_fields(value)
    if scheme != "digest" or "nonce" not in fields:
        return None
    spelled = fields.get("algorithm", "")
    algorithm = spelled.upper() or "MD5"
    session = algorithm.endswith("-SESS")
    algorithm = algorithm.removesuffix("-SESS")
    if algorithm not in _HASHES:
        return None
    offered = {choice.strip().lower() for choice in fields.get("qop", "").split(",") if choice.strip()}
    if offered and not offered & {"auth", "auth-int"}:
        return None
    qop = "auth" if "auth" in offered else ("auth-int" if offered else "")
    return Challenge(
        realm=fields.get("realm", ""),
        nonce=fields["nonce"],
        algorithm=algorithm,
        session=session,
        qop=qop,
        opaque=fields.get("opaque"),
        stale=fields.get("stale", "").lower() == "true",
        spelled=spelled,
    )


def digest_response(
    challenge: Challenge,
    *,
    username: str,
    password: str,
    method: str,
    uri: str,
    cnonce: str,
    count: str,
    body: bytes = b"",
) -> str:
    """The `response` value (RFC 7616 §3.4.1). `count` is the eight hex digits of nc."""
    secret = _hash(challenge, username, challenge.realm, password)
    return response_of_secret(challenge, secret, method=method, uri=uri, cnonce=cnonce, count=count, body=body)


def _hash(challenge: Challenge, *parts: str) -> str:
    return _HASHES[challenge.algorithm](":".join(parts).encode("utf-8", "surrogateescape"))


def response_of_secret(
    challenge: Challenge, secret: str, *, method: str, uri: str, cnonce: str, count: str, body: bytes = b""
) -> str:
    """The `response` value from H(username:realm:password), which is called HA1."""
    hashed = _HASHES[challenge.algorithm]

    def h(*parts: str) -> str:
        return _hash(challenge, *parts)

    if challenge.session:
        secret = h(secret, challenge.nonce, cnonce)
    subject = h(method, uri, hashed(body)) if challenge.qop == "auth-int" else h(method, uri)
    if not challenge.qop:
        return h(secret, challenge.nonce, subject)
    return h(secret, challenge.nonce, count, cnonce, challenge.qop, subject)


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


@dataclass(slots=True)
class DigestClient:
    """One account's answers to challenges, within a dialog or registration; counts each nonce's uses."""

    username: str
    password: str = field(repr=False)
    _challenges: dict[str, Challenge] = field(default_factory=dict)  # answering header -> the challenge in force
    _counts: dict[str, int] = field(default_factory=dict)

    def take(self, response: Response) -> bool:
        """Learn from a 401 or 407. False when answering is pointless: nothing to answer with, no challenge we can
        meet, or the same password was refused already (the nonce was ours and not stale)."""
        if not self.username:
            return False
        found = False
        for name, answer in _ANSWERS.items():
            known = [c for c in map(parse_challenge, _challenge_values(response, name)) if c is not None]
            if not known:
                continue
            best = max(known, key=lambda challenge: _STRENGTH[challenge.algorithm])
            before = self._challenges.get(answer)
            if before is not None and before.realm == best.realm and not best.stale and self._counts.get(before.nonce):
                # a server that only renews its nonce says so by `stale`; some forget to, so a *new* nonce gets one try
                if before.nonce == best.nonce or self._counts.get("retried:" + best.realm, 0) >= 1:
                    continue
                self._counts["retried:" + best.realm] = 1
            self._challenges[answer] = best
            found = True
        return found

    def sign(self, request: Request) -> None:
        """Put the credentials into a request, replacing older ones."""
        for answer, challenge in self._challenges.items():
            count = self._counts.get(challenge.nonce, 0) + 1
            self._counts[challenge.nonce] = count
            request.headers.set(answer, self._credentials(challenge, request, f"{count:08x}"))

    def accepted(self) -> None:
        """The far end was content: a later renewal of its nonce may be answered again."""
        for key in [key for key in self._counts if key.startswith("retried:")]:
            del self._counts[key]

    def _credentials(self, challenge: Challenge, request: Request, count: str) -> str:
        cnonce = secrets.token_hex(8)
        value = digest_response(
            challenge,
            username=self.username,
            password=self.password,
            method=request.method,
            uri=request.uri,
            cnonce=cnonce,
            count=count,
            body=request.body,
        )
        parts = [
            f"username={_quoted(self.username)}",
            f"realm={_quoted(challenge.realm)}",
            f"nonce={_quoted(challenge.nonce)}",
            f"uri={_quoted(request.uri)}",
            f'response="{value}"',
        ]
        if challenge.spelled:
            parts.append(f"algorithm={challenge.spelled}")
        if challenge.qop or challenge.session:
            parts.append(f'cnonce="{cnonce}"')
        if challenge.qop:
            parts += [f"qop={challenge.qop}", f"nc={count}"]
        if challenge.opaque is not None:
            parts.append(f"opaque={_quoted(challenge.opaque)}")
        return "Digest " + ", ".join(parts)


def _challenge_values(response: Response, name: str) -> list[str]:
    """Values of a challenge header; several challenges on one line are told apart by their scheme word."""
    values: list[str] = []
    for line in response.headers.all(name):
        for part in split_unquoted(line, ","):
            if re.match(r"[A-Za-z][A-Za-z0-9-]*\s+[A-Za-z]", part) or not values:
                values.append(part)
            else:
                values[-1] += ", " + part
    return values


@dataclass(slots=True)
class DigestServer:
    """The other side: whom we let in. `accounts` maps user names to passwords."""

    realm: str
    accounts: Mapping[str, str] = field(repr=False)
    nonce_seconds: int = 300
    _key: bytes = field(default_factory=lambda: secrets.token_bytes(16), repr=False)

    def challenge(self, *, stale: bool = False) -> str:
        issued = f"{int(time.time()):x}"
        nonce = f"{issued}.{self._seal(issued)}"
        return f'Digest realm={_quoted(self.realm)}, nonce="{nonce}", algorithm=MD5, qop="auth"' + (
            ", stale=true" if stale else ""
        )

    def verify(self, request: Request, header: str = "Proxy-Authorization") -> tuple[str, bool]:
        """(user name, False) when the credentials hold; ("", stale) otherwise."""
        for value in request.headers.all(header):
            scheme, fields = parse_fields(value)
            if scheme != "digest" or fields.get("realm") != self.realm:
                continue
            return self._verify_fields(fields, request)
        return "", False

    def _verify_fields(self, fields: dict[str, str], request: Request) -> tuple[str, bool]:
        issued, _, seal = fields.get("nonce", "").partition(".")
        if not hmac.compare_digest(seal.encode(), self._seal(issued).encode()):
            return "", False
        challenge = Challenge(realm=self.realm, nonce=fields["nonce"], qop=fields.get("qop", ""))
        password = self.accounts.get(fields.get("username", ""))
        if challenge.qop not in {"", "auth"} or password is None:
            return "", False
        wanted = digest_response(
            challenge,
            username=fields["username"],
            password=password,
            method=request.method,
            uri=fields.get("uri", ""),
            cnonce=fields.get("cnonce", ""),
            count=fields.get("nc", ""),
        )
        if not hmac.compare_digest(wanted.encode(), fields.get("response", "").encode()):
            return "", False
        if int(issued, 16) + self.nonce_seconds < time.time():
            return "", True
        return fields["username"], False

    def _seal(self, issued: str) -> str:
        return hmac.new(self._key, issued.encode("utf-8", "surrogateescape"), hashlib.sha256).hexdigest()[:32]
