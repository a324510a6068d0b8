"""ICE-lite (RFC 8445 §2.5) for every browser leg on one UDP port, and the sorting of what comes there (RFC 7983).

A browser finds us; we only answer its checks. A check that carries the right user name and integrity proves its sender,
and only addresses proved so may bring DTLS or SRTP. The browser's nomination (USE-CANDIDATE), or authentic media
from a proved address, moves the leg to that address: that is how a laptop changes from Wi-Fi to cable mid-sentence.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from aioice import stun

from hearthline.switch.embedded.udp import Address, UdpSocket

_MAX_STUN = 600  # bytes; a check of a browser has about 100
_BINDING_REQUEST = b"\x00\x01"  # RFC 8489 §5
_COOKIE = b"\x21\x12\xa4\x42"
_MAX_PATHS = 12  # addresses proved at the same time by one leg
_NOMINATION_KEPT_S = 2.0  # a nominated address of higher priority that was confirmed so recently is not left


class Listener(Protocol):
    """A leg, as the port sees it."""

    def on_path(self, path: Path) -> None:
        """The leg's packets go to `path` from now on."""
        ...

    def on_dtls(self, data: bytes, path: Path) -> None: ...

    def on_media(self, data: bytes, path: Path) -> None: ...


@dataclass(slots=True)
class Path:
    """One address of a browser that has proved itself, and the socket it reached us on."""

    session: IceSession
    address: Address
    socket: UdpSocket
    priority: int = 0
    checked_at: float = 0.0
    nominated_at: float = 0.0  # 0: never

    def send(self, data: bytes) -> None:
        self.socket.send(data, self.address)


@dataclass(frozen=True, slots=True)
class Credentials:
    """One generation of a session's ICE names and passwords (they change with an ICE restart)."""

    ufrag: str
    pwd: str
    remote_ufrag: str


class IceSession:
    """The ICE state of one leg."""

    def __init__(self, port: MediaPort, listener: Listener, remote_ufrag: str) -> None:
        self._port = port
        self.listener = listener
        self.paths: dict[Address, Path] = {}
        self.selected: Path | None = None
        self.consent_at = time.monotonic()  # of the last authentic check (RFC 7675)
        self.generations: list[Credentials] = []  # newest last; the one before stays until the newest is used
        self.restart(remote_ufrag)

    @property
    def local(self) -> Credentials:
        return self.generations[-1]

    def restart(self, remote_ufrag: str) -> None:
        """Begin a new generation (RFC 8839 §4.4.1.1.1). Addresses of the former stay in use until it has proved one."""
        fresh = Credentials(secrets.token_hex(4), secrets.token_hex(12), remote_ufrag)
        while len(self.generations) > 1:
            self._port.forget_name(self.generations.pop(0).ufrag)
        self.generations.append(fresh)
        self._port.know_name(fresh.ufrag, self)

    def credentials(self, ufrag: str) -> Credentials | None:
        return next((one for one in self.generations if one.ufrag == ufrag), None)

    def proved(self, used: Credentials, address: Address, socket: UdpSocket, priority: int, nominated: bool) -> None:
        """An authentic check came from `address`."""
        now = time.monotonic()
        self.consent_at = now
        if used is self.local and len(self.generations) > 1:
            self._port.forget_name(self.generations.pop(0).ufrag)
        path = self.paths.get(address)
        if path is None or path.socket is not socket:
            path = self._port.know_path(Path(self, address, socket))
        path.priority = priority
        path.checked_at = now
        if nominated:
            path.nominated_at = now
        if self._should_move(path, nominated, now):
            self.select(path)

    def _should_move(self, path: Path, nominated: bool, now: float) -> bool:
        selected = self.selected
        if selected is None:
            return True
        if selected is path or not nominated:
            return False
        # Some browsers nominate every pair that works; then the best one counts (RFC 8445 §8.1.1).
        return path.priority >= selected.priority or now - selected.nominated_at > _NOMINATION_KEPT_S

    def select(self, path: Path) -> None:
        self.selected = path
        self.listener.on_path(path)

    def make_room(self) -> None:
        """Forget the address checked longest ago when there are too many."""
        if len(self.paths) >= _MAX_PATHS:
            oldest = min((p for p in self.paths.values() if p is not self.selected), key=lambda p: p.checked_at)
            self._port.forget_path(oldest)

    def close(self) -> None:
        for credentials in self.generations:
            self._port.forget_name(credentials.ufrag)
        for path in list(self.paths.values()):
            self._port.forget_path(path)
        self.selected = None


class MediaPort:
    """The one UDP port of all browser legs, on each of the bound addresses."""

    def __init__(self, bind: Sequence[str], port: int, advertise: Sequence[str]) -> None:
        """`bind`: literal addresses, each bound to `port` (0: the first one chooses for all). `advertise`: what answers
        name, best first; empty: the bound ones. OSError when an address or the port cannot be had."""
        if not bind:
            raise ValueError("the media port needs at least one address to bind")
        self._sockets: list[UdpSocket] = []
        self._names: dict[str, IceSession] = {}
        self._paths: dict[Address, Path] = {}
        self.refused = 0  # checks with a wrong name or integrity, and packets from unproved addresses
        try:
            for host in bind:
                self._sockets.append(UdpSocket(host, port, self._datagram))
                port = self._sockets[0].port
        except OSError:
            self.close()
            raise
        self.port = port
        self.addresses = tuple((host, port) for host in (advertise or bind))

    def start(self) -> None:
        for socket in self._sockets:
            socket.start()

    def close(self) -> None:
        for socket in self._sockets:
            socket.close()

    # --- the table of names and addresses -----------------------------------------------------------------------------

    @property
    def known_addresses(self) -> int:
        """Addresses that have proved themselves, of all legs."""
        return len(self._paths)

    def know_name(self, ufrag: str, session: IceSession) -> None:
        self._names[ufrag] = session

    def forget_name(self, ufrag: str) -> None:
        self._names.pop(ufrag, None)

    def know_path(self, path: Path) -> Path:
        former = self._paths.get(path.address)
        if former is not None:
            self.forget_path(former)
        path.session.make_room()
        self._paths[path.address] = path
        path.session.paths[path.address] = path
        return path

    def forget_path(self, path: Path) -> None:
        path.session.paths.pop(path.address, None)
        if self._paths.get(path.address) is path:
            del self._paths[path.address]
        if path.session.selected is path:
            path.session.selected = None

    # --- datagrams ----------------------------------------------------------------------------------------------------

    def _datagram(self, data: bytes, address: Address, socket: UdpSocket) -> None:
        if not data:
            return
        first = data[0]  # RFC 7983 §7
        if first < 4:
            self._check(data, address, socket)
            return
        path = self._paths.get(address)
        if path is None:
            self.refused += 1
        elif 128 <= first < 192:
            path.session.listener.on_media(data, path)
        elif 20 <= first < 64:
            path.session.listener.on_dtls(data, path)

    def _check(self, data: bytes, address: Address, socket: UdpSocket) -> None:
        """Answer one connectivity check (RFC 8445 §7.3). Anything else that looks like STUN is dropped."""
        if not 20 <= len(data) <= _MAX_STUN or data[:2] != _BINDING_REQUEST or data[4:8] != _COOKIE:
            return
        try:
            request = stun.parse_message(data)
        except Exception:  # noqa: BLE001 - the codec meets a stranger's bytes: whatever it trips over, they are dropped
            self.refused += 1
            return
        ours, _, theirs = str(request.attributes.get("USERNAME", "")).partition(":")
        session = self._names.get(ours)
        used = session.credentials(ours) if session is not None else None
        if session is None or used is None or theirs != used.remote_ufrag:
            self.refused += 1
            return
        key = used.pwd.encode()
        if "MESSAGE-INTEGRITY" not in request.attributes or not request.check_message_integrity(key):
            self.refused += 1
            return
        reply = stun.Message(stun.Method.BINDING, stun.Class.RESPONSE, transaction_id=request.transaction_id)
        if "ICE-CONTROLLED" in request.attributes:
            # We are lite, so the browser controls (§6.1.1); 487 makes it change its role (§7.3.1.1).
            reply = stun.Message(stun.Method.BINDING, stun.Class.ERROR, transaction_id=request.transaction_id)
            reply.attributes["ERROR-CODE"] = (487, "Role Conflict")
        else:
            reply.attributes["XOR-MAPPED-ADDRESS"] = address
        reply.add_message_integrity(key)
        socket.send(bytes(reply), address)
        if "ICE-CONTROLLED" not in request.attributes:
            priority = int(request.attributes.get("PRIORITY", 0))
            session.proved(used, address, socket, priority, "USE-CANDIDATE" in request.attributes)
