"""DTLS-SRTP of one leg (RFC 5764): handshake on memory, keys for SRTP, the end of the association.

No thread and no socket of its own: datagrams go in by `receive`, come out by `send`. The certificate is self-signed as
in every browser; what proves the far end is the fingerprint that came with the (authenticated) SDP.
"""

from __future__ import annotations

import asyncio
import datetime
import hmac
import secrets
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from OpenSSL import SSL
from pylibsrtp import Error as SrtpError
from pylibsrtp import Policy, Session

from hearthline.switch.embedded.browser_sdp import Fingerprint

_MTU = 1200  # bytes of a datagram with handshake records: passes every path that carries calls
_MAX_DATAGRAM = 1500
_DTLS_1_2 = 0xFEFD
_CIPHERS = b"ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-ECDSA-AES256-GCM-SHA384"
_HASHES: dict[str, Callable[[], hashes.HashAlgorithm]] = {
    "sha-256": hashes.SHA256,
    "sha-384": hashes.SHA384,
    "sha-512": hashes.SHA512,
}
_SRTP_WINDOW = 1024
_SRTP_LIMIT = 1300  # bytes of a packet to protect; ours are far smaller

# name, libsrtp's number, key and salt bytes (RFC 7714 §12, RFC 5764 §4.1.2); best first
_PROFILES = (
    (b"SRTP_AEAD_AES_128_GCM", Policy.SRTP_PROFILE_AEAD_AES_128_GCM, 16, 12),
    (b"SRTP_AES128_CM_SHA1_80", Policy.SRTP_PROFILE_AES128_CM_SHA1_80, 16, 14),
)


class Role(StrEnum):
    SERVER = "server"  # setup:passive
    CLIENT = "client"  # setup:active


@dataclass(frozen=True, slots=True)
class Identity:
    """This process's certificate and the TLS settings of all its legs."""

    context: SSL.Context
    fingerprint: str  # SHA-256, "AB:CD:..."


def make_identity(profiles: Sequence[bytes] = (), now: datetime.datetime | None = None) -> Identity:
    """A fresh P-256 key and self-signed certificate; nothing in it says who or where we are."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, secrets.token_hex(8))])
    today = now or datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(today - datetime.timedelta(days=1))
        .not_valid_after(today + datetime.timedelta(days=3650))  # longer than any process lives
        .sign(key, hashes.SHA256())
    )
    context = SSL.Context(SSL.DTLS_METHOD)
    context.set_options(SSL.OP_NO_TICKET | SSL.OP_NO_QUERY_MTU)
    context.set_min_proto_version(_DTLS_1_2)
    # Any certificate passes here; `_Handshake` compares its fingerprint before a key is used.
    context.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, lambda *_: True)
    context.use_certificate(certificate)
    context.use_privatekey(key)
    context.set_cipher_list(_CIPHERS)
    context.set_tlsext_use_srtp(b":".join(profiles or [profile[0] for profile in _PROFILES]))
    return Identity(context, certificate.fingerprint(hashes.SHA256()).hex(":").upper())


class DtlsState(StrEnum):
    HANDSHAKE = "handshake"
    READY = "ready"
    CLOSED = "closed"  # by the far end's close_notify, or by us
    FAILED = "failed"


def _datagrams(records: bytes) -> Iterator[bytes]:
    """Group whole DTLS records (13 bytes of header, length last: RFC 6347 §4.1) into datagrams of at most the MTU."""
    start = at = 0
    while at + 13 <= len(records):
        end = at + 13 + int.from_bytes(records[at + 11 : at + 13], "big")
        if end - start > _MTU and at > start:
            yield records[start:at]
            start = at
        at = end
    if start < len(records):
        yield records[start:]


class DtlsSrtp:
    """One association. `on_state(state)` is called once for READY and once for CLOSED or FAILED."""

    def __init__(
        self,
        identity: Identity,
        role: Role,
        expected: Sequence[Fingerprint],
        send: Callable[[bytes], None],
        on_state: Callable[[DtlsState], None],
    ) -> None:
        self._expected = tuple(expected)
        self._role = role
        self._send = send
        self._on_state = on_state
        self.state = DtlsState.HANDSHAKE
        self.profile = b""
        self._timer: asyncio.TimerHandle | None = None
        self._inbound: Session | None = None
        self._outbound: Session | None = None
        self._ssl = SSL.Connection(identity.context)
        self._ssl.set_ciphertext_mtu(_MTU)
        if role is Role.SERVER:
            self._ssl.set_accept_state()
        else:
            self._ssl.set_connect_state()

    def begin(self) -> None:
        """As the client: send the first flight."""
        self._handshake()

    def receive(self, datagram: bytes) -> None:
        """Take a DTLS datagram. Nonsense is dropped, as RFC 6347 §4.1.2.7 asks."""
        if self.state in (DtlsState.CLOSED, DtlsState.FAILED) or not 0 < len(datagram) <= _MAX_DATAGRAM:
            return
        self._ssl.bio_write(datagram)
        if self.state is DtlsState.HANDSHAKE:
            self._handshake()
        else:
            self._drain()

    def _drain(self) -> None:
        """After the handshake: a repeated Finished is answered by OpenSSL, data are ignored, close_notify ends it."""
        try:
            while True:
                self._ssl.recv(_MAX_DATAGRAM)
        except SSL.WantReadError:
            self._flush()
        except SSL.ZeroReturnError:
            self._flush()
            self._finish(DtlsState.CLOSED)
        except SSL.Error:
            self._flush()
            self._finish(DtlsState.FAILED)

    def _handshake(self) -> None:
        try:
            self._ssl.do_handshake()
        except SSL.WantReadError:
            self._flush()
            self._arm()
            return
        except SSL.Error:
            self._flush()  # the alert
            self._finish(DtlsState.FAILED)
            return
        self._flush()
        self._cancel_timer()
        if self._certificate_matches() and self._take_keys():
            self.state = DtlsState.READY
            self._on_state(DtlsState.READY)
        else:
            self._finish(DtlsState.FAILED)

    def _flush(self) -> None:
        pieces: list[bytes] = []
        while True:
            try:
                pieces.append(self._ssl.bio_read(65536))
            except SSL.Error:  # WantReadError: nothing is left
                break
        for datagram in _datagrams(b"".join(pieces)):
            self._send(datagram)

    def _arm(self) -> None:
        self._cancel_timer()
        delay = self._ssl.DTLSv1_get_timeout()
        if delay is not None:
            self._timer = asyncio.get_running_loop().call_later(max(delay, 0.01), self._retransmit)

    def _retransmit(self) -> None:
        if self.state is not DtlsState.HANDSHAKE:
            return
        try:
            self._ssl.DTLSv1_handle_timeout()
        except SSL.Error:  # it has tried often enough
            self._finish(DtlsState.FAILED)
            return
        self._flush()
        self._arm()

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _certificate_matches(self) -> bool:
        certificate = self._ssl.get_peer_certificate(as_cryptography=True)
        if certificate is None:
            return False
        return any(
            hmac.compare_digest(certificate.fingerprint(_HASHES[wanted.algorithm]()), wanted.digest)
            for wanted in self._expected
        )

    def _take_keys(self) -> bool:
        """RFC 5764 §4.2: client key, server key, client salt, server salt."""
        self.profile = self._ssl.get_selected_srtp_profile()
        chosen = next((profile for profile in _PROFILES if profile[0] == self.profile), None)
        if chosen is None:
            return False
        _, number, key, salt = chosen
        material = self._ssl.export_keying_material(b"EXTRACTOR-dtls_srtp", 2 * (key + salt))
        client = material[:key] + material[2 * key : 2 * key + salt]
        server = material[key : 2 * key] + material[2 * key + salt :]
        ours, theirs = (server, client) if self._role is Role.SERVER else (client, server)
        self._inbound = _session(theirs, Policy.SSRC_ANY_INBOUND, number)
        self._outbound = _session(ours, Policy.SSRC_ANY_OUTBOUND, number)
        return True

    def unprotect_rtp(self, data: bytes) -> bytes | None:
        """A plain packet, or None for one that is not authentic, repeated or too early."""
        if self._inbound is None:
            return None
        try:
            return self._inbound.unprotect(data)
        except (SrtpError, ValueError):
            return None

    def unprotect_rtcp(self, data: bytes) -> bytes | None:
        if self._inbound is None:
            return None
        try:
            return self._inbound.unprotect_rtcp(data)
        except (SrtpError, ValueError):
            return None

    def protect_rtp(self, packet: bytes) -> bytes | None:
        """A protected packet; None before the keys are there."""
        if self._outbound is None or len(packet) > _SRTP_LIMIT:
            return None
        try:
            return self._outbound.protect(packet)
        except SrtpError:
            return None

    def protect_rtcp(self, packet: bytes) -> bytes | None:
        if self._outbound is None or len(packet) > _SRTP_LIMIT:
            return None
        try:
            return self._outbound.protect_rtcp(packet)
        except SrtpError:
            return None

    def close(self) -> None:
        """Say close_notify and forget the keys. `on_state` is not called."""
        self._cancel_timer()
        if self.state is DtlsState.READY:
            try:
                self._ssl.shutdown()
            except SSL.Error:
                self.state = DtlsState.FAILED
            self._flush()
        self.state = DtlsState.CLOSED
        self._inbound = self._outbound = None

    def _finish(self, state: DtlsState) -> None:
        self._cancel_timer()
        self.state = state
        self._inbound = self._outbound = None
        self._on_state(state)


def _session(key_and_salt: bytes, direction: int, profile: int) -> Session:
    policy = Policy(key=key_and_salt, ssrc_type=direction, srtp_profile=profile)
    policy.window_size = _SRTP_WINDOW
    policy.allow_repeat_tx = True  # the end of a digit goes out three times
    return Session(policy)
