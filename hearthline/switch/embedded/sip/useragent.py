"""The user agent: what the engine talks to. It owns sockets, transactions, calls and registrations.

agent = await UserAgent.start(UserAgentConfig(bind="0.0.0.0", port=5060, rtp_ports=(20000, 20998)))
call = await agent.invite(Destination(number="+79161234567"), trunk=trunk, caller_id="+74957770001",
                          timeout_s=30, on_event=print)
call.hang_up()
await agent.close()
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from hearthline.switch.embedded.sip import trunk_check
from hearthline.switch.embedded.sip.addresses import SipUri, sip_uri
from hearthline.switch.embedded.sip.call import OnEvent, PhoneCall
from hearthline.switch.embedded.sip.core import ALLOW, METHODS_KNOWN, Core
from hearthline.switch.embedded.sip.dialog import new_tag
from hearthline.switch.embedded.sip.digest import DigestClient, DigestServer
from hearthline.switch.embedded.sip.errors import BadMessageError
from hearthline.switch.embedded.sip.incoming import IncomingCall
from hearthline.switch.embedded.sip.media import NoPortLeftError, RtpPorts
from hearthline.switch.embedded.sip.message import Request, Response, parse
from hearthline.switch.embedded.sip.outgoing import Invitation, OutgoingCall
from hearthline.switch.embedded.sip.phones import Phones
from hearthline.switch.embedded.sip.registration import Outcome, Registration
from hearthline.switch.embedded.sip.resolver import Resolver, UnknownHostError
from hearthline.switch.embedded.sip.transaction import ServerTransaction, Timers, TransactionLayer
from hearthline.switch.embedded.sip.transport import Hop, Source, Transports
from hearthline.switch.embedded.sip.watched import WatchedNumbers
from hearthline.switch.port import Destination, SwitchError, SwitchErrorCode, Transport, Trunk

log = logging.getLogger(__name__)

OnIncoming = Callable[[IncomingCall], None]

CLOSE_SECONDS = 2.0  # for BYEs to be answered when the agent stops


@dataclass(frozen=True, slots=True)
class UserAgentConfig:
    """Where and how to listen. `advertised` is the address told to peers that are not on loopback; "" means the one
    the route to each peer goes out by."""

    bind: str = "0.0.0.0"  # noqa: S104 - telephony is for the network; the engine's settings narrow it
    port: int = 0  # UDP and TCP; 0: any
    advertised: str = ""
    listen_tcp: bool = True
    tls: ssl.SSLContext | None = None  # a server's context, to listen for TLS
    tls_port: int = 0
    rtp_ports: tuple[int, int] = (0, 0)  # inclusive; (0, 0): any
    product: str = "Hearthline"
    timers: Timers = field(default_factory=Timers)
    admission: DigestServer | None = None  # callers must authenticate against it (the built-in provider)


class UserAgent:
    """Make it with `start`."""

    def __init__(self, config: UserAgentConfig) -> None:
        self.config = config
        self._transports = Transports(
            bind=config.bind, port=config.port, advertised=config.advertised, on_message=self._receive
        )
        self._layer = TransactionLayer(
            self._transports, config.timers, self._on_request, self._on_ack, self._on_stray_response
        )
        self._core = Core(self._transports, self._layer, Resolver(ipv6=":" in config.bind), config.product)
        self._ports = RtpPorts(config.bind, *config.rtp_ports)
        self._registrations: dict[str, Registration] = {}
        self._ending: set[asyncio.Task[None]] = set()  # registrations that are being taken back
        self._sources: dict[str, tuple[Trunk, frozenset[str]]] = {}  # trunks that may call us, and their addresses
        self._on_incoming: OnIncoming | None = None
        self.phones = Phones(self._core)  # people's own, which register with us
        self.watched = WatchedNumbers(self._core)  # ours, which ring and are not answered
        self.dropped = 0  # messages that could not be used

    @classmethod
    async def start(cls, config: UserAgentConfig) -> UserAgent:
        """Bind and listen. Raises OSError when a port is taken."""
        agent = cls(config)
        await agent._transports.start(listen_tcp=config.listen_tcp, tls=config.tls, tls_port=config.tls_port)
        return agent

    @property
    def port(self) -> int:
        """The SIP port, UDP and TCP."""
        return self._transports.port

    @property
    def tls_port(self) -> int:
        return self._transports.tls_port

    @property
    def calls(self) -> list[PhoneCall]:
        """Calls that are not over."""
        return [call for call in self._core.calls.values() if not call.over]

    async def close(self) -> None:
        """Hang up, unregister, close the sockets. Waits at most a few seconds for the far ends."""
        ending = self.calls
        for call in ending:
            call.hang_up()
        await asyncio.gather(*(registration.stop() for registration in self._registrations.values()), *self._ending)
        self._registrations.clear()
        self.phones.close()
        self.watched.close()
        if ending:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(CLOSE_SECONDS):
                    await self._layer.quiet()
        await self._core.close()
        self._layer.close()
        await self._transports.close()

    # calling

    async def invite(
        self,
        destination: Destination,
        *,
        trunk: Trunk | None,
        caller_id: str,
        timeout_s: float,
        on_event: OnEvent,
    ) -> OutgoingCall:
        """Place a call; returns when the INVITE is on its way. Raises SwitchError."""
        if trunk is not None and trunk.max_channels:
            busy = sum(1 for call in self.calls if call.trunk_name == trunk.name)
            if busy >= trunk.max_channels:
                raise SwitchError(SwitchErrorCode.OVERLOADED, "All channels of the trunk are in use.")
        uri, hops = await self._target(destination, trunk)
        host = self._transports.local_host(hops[0].host)
        user = _caller_user(caller_id, trunk)
        if trunk is not None:
            domain, port = trunk.from_domain or trunk.host, trunk.port if not trunk.from_domain else None
        else:
            domain, port = host, self.port
        invitation = Invitation(
            uri=uri,
            from_uri=sip_uri(user, domain, port),
            contact_user=trunk.username if trunk is not None and trunk.username else user,
            hops=hops,
            timeout_s=timeout_s,
            stays=bool(destination.phone),
        )
        digest = DigestClient(trunk.username, trunk.password) if trunk is not None else DigestClient("", "")
        try:
            media = self._ports.open(host)
        except NoPortLeftError as error:
            raise SwitchError(SwitchErrorCode.OVERLOADED, str(error)) from None
        call = OutgoingCall(
            self._core, media, digest, invitation, on_event=on_event, trunk_name=trunk.name if trunk else ""
        )
        call.start()
        return call

    async def _target(self, destination: Destination, trunk: Trunk | None) -> tuple[str, list[Hop]]:
        """Request-URI and hops. Raises SwitchError."""
        if destination.phone:
            place = self.phones.place_of(destination.phone)
            return place.uri, [place.hop]
        try:
            if destination.number:
                if trunk is None:
                    raise SwitchError(SwitchErrorCode.NO_SUCH_TRUNK, "A telephone number needs a trunk.")
                user = trunk.number_format.replace("{e164}", destination.number.lstrip("+"))
                transport = "" if trunk.transport is Transport.UDP else str(trunk.transport)
                return sip_uri(user, trunk.host, trunk.port, transport=transport), await self._hops(trunk)
            uri = SipUri.parse(destination.sip_uri)
            if not uri.host:
                raise SwitchError(SwitchErrorCode.BAD_REQUEST, "The destination is not a SIP URI.")
            hops = await (self._hops(trunk) if trunk is not None else self._core.resolver.uri_hops(uri))
            return uri.text, hops
        except BadMessageError:
            raise SwitchError(SwitchErrorCode.BAD_REQUEST, "The destination is not a SIP URI.") from None
        except UnknownHostError as error:
            raise SwitchError(SwitchErrorCode.FAILED, str(error)) from None

    async def _hops(self, trunk: Trunk) -> list[Hop]:
        return await self._core.resolver.trunk_hops(trunk)

    # trunks

    def on_incoming(self, handler: OnIncoming | None) -> None:
        """Who takes calls from trunks that were `admit`ted; without a handler they are refused with 480."""
        self._on_incoming = handler

    async def admit(self, trunk: Trunk) -> None:
        """Take calls from a trunk's addresses; registers first where the trunk asks for it. Again: replaces it.
        Raises SwitchError when its host cannot be resolved."""
        try:
            hops = await self._hops(trunk)
        except UnknownHostError as error:
            raise SwitchError(SwitchErrorCode.FAILED, str(error)) from None
        known = self._sources.get(trunk.name)
        self._sources[trunk.name] = (trunk, frozenset(hop.host for hop in hops))
        registration = self._registrations.get(trunk.name)
        if known is not None and known[0] == trunk and (registration is not None or not trunk.register):
            return
        if registration is not None:
            await self._registrations.pop(trunk.name).stop()
        if trunk.register:
            self._registrations[trunk.name] = Registration(self._core, trunk)

    async def dismiss(self, trunk_name: str) -> None:
        """Take no more calls from a trunk, and end its registration."""
        self._sources.pop(trunk_name, None)
        registration = self._registrations.pop(trunk_name, None)
        if registration is not None:
            await registration.stop()

    def keep_registered(self, trunks: Mapping[str, Trunk], told: Callable[[str, Outcome], None]) -> None:
        """Keep exactly these trunks registered, by name. `told` hears how each stands: what is known already at once, the rest
        when it is. Others are unregistered; a new REGISTER waits for that, since both may be of one account."""
        for name in [n for n, kept in self._registrations.items() if not _same_account(kept.trunk, trunks.get(n))]:
            kept = self._registrations.pop(name)
            kept.on_outcome = None
            self._sources.pop(name, None)
            ending = asyncio.get_running_loop().create_task(kept.stop())
            self._ending.add(ending)
            ending.add_done_callback(self._ending.discard)
        for name, trunk in trunks.items():
            known = self._registrations.get(name)
            if known is None:
                known = self._registrations[name] = Registration(self._core, trunk, after=self._ending)
            known.on_outcome = functools.partial(told, name)
            if known.outcome is not None:
                told(name, known.outcome)

    def registration(self, trunk_name: str) -> Registration | None:
        return self._registrations.get(trunk_name)

    async def check_trunk(self, trunk: Trunk, *, timeout_s: float = 8.0) -> str:
        """Ask the provider whether it knows us; one sentence on what it said. Raises SwitchError(FAILED)."""
        return await trunk_check.check(self._core, trunk, timeout_s)

    # what comes in

    def _receive(self, data: bytes, source: Source) -> None:
        """Every message enters here; whatever it is, nothing is raised and no other call suffers."""
        try:
            message = parse(data)
            self._layer.receive(message, source)
        except BadMessageError as error:
            self.dropped += 1
            log.debug("sip: a message is dropped: %s", error)
        except Exception:  # the last fence between a stranger's packet and everybody's calls
            self.dropped += 1
            log.exception("sip: a message could not be handled")

    def _on_request(self, transaction: ServerTransaction) -> None:
        request = transaction.request
        try:
            if request.to.tag:
                call = self._core.calls.get((request.call_id, request.to.tag))
                if call is None:
                    transaction.reply(481)
                else:
                    call.on_request(transaction)
            elif request.method == "INVITE":
                self._invited(transaction)
            elif request.method == "REGISTER" and self.phones.register(transaction):
                return
            elif request.method == "OPTIONS":
                transaction.reply(200, to_tag=new_tag(), headers=(("Allow", ALLOW), ("Accept", "application/sdp")))
            else:
                known = request.method in METHODS_KNOWN or request.method in {"BYE", "INFO", "UPDATE"}
                status = 481 if request.method == "BYE" else (405 if known else 501)
                self._layer.drop(transaction, status)
        except BadMessageError:
            transaction.reply(400, to_tag=new_tag())
        except Exception:
            transaction.reply(500, to_tag=new_tag())  # `_receive` logs it; the caller need not wait for a timer
            raise

    def _invited(self, transaction: ServerTransaction) -> None:
        source = transaction.source
        admission = self.config.admission
        if admission is not None:
            account, stale = admission.verify(transaction.request)
            if not account:
                challenge = ("Proxy-Authenticate", admission.challenge(stale=stale))
                transaction.reply(407, to_tag=new_tag(), headers=(challenge,))
                return
            self._offer_call(transaction, Trunk(name=account, host=source.host), account)
            return
        if self.watched.take(transaction):
            return
        trunk = next((trunk for trunk, hosts in self._sources.values() if source.host in hosts), None)
        if trunk is None and self.phones.is_here(source):
            transaction.reply(403, "Nothing To Dial Here", to_tag=new_tag())  # this telephone is rung, it calls nobody
        elif trunk is None:
            self._layer.drop(transaction, 404)  # a stranger: one answer, no retransmissions
        else:
            self._offer_call(transaction, trunk, "")

    def _offer_call(self, transaction: ServerTransaction, trunk: Trunk, account: str) -> None:
        request, source = transaction.request, transaction.source
        required = request.headers.tokens("Require") - {"timer"}
        if required:
            transaction.reply(420, to_tag=new_tag(), headers=(("Unsupported", ", ".join(sorted(required))),))
            return
        if self._on_incoming is None:
            transaction.reply(480, to_tag=new_tag())
            return
        call_id = request.call_id
        if any(known == call_id for known, _ in self._core.calls):
            transaction.reply(482, to_tag=new_tag())  # our own call come back, or merged by forking (§8.2.2.2)
            return
        transaction.reply(100)
        hop = self._transports.hop_back(source)
        try:
            media = self._ports.open(self._transports.local_host(source.host))
        except NoPortLeftError:
            transaction.reply(503, to_tag=new_tag())
            return
        digest = DigestClient(trunk.username, trunk.password)
        try:
            call = IncomingCall(self._core, media, digest, transaction, hop, trunk_name=trunk.name, account=account)
        except BadMessageError:
            media.close()
            raise
        if call.usable:
            self._on_incoming(call)
        else:
            call.reject(488)

    def _on_ack(self, ack: Request, source: Source) -> None:
        call = self._core.calls.get((ack.call_id, ack.to.tag))
        if call is not None:
            call.on_ack(ack)

    def _on_stray_response(self, response: Response) -> None:
        log.debug("sip: a response to no request of ours")


def _same_account(one: Trunk, other: Trunk | None) -> bool:
    """Whether their REGISTERs would be the same."""
    return other is not None and all(
        getattr(one, name) == getattr(other, name)
        for name in ("host", "port", "transport", "username", "password", "from_domain", "tls_verify")
    )


def _caller_user(caller_id: str, trunk: Trunk | None) -> str:
    """User part of From. A provider that takes numbers without their plus gets the caller ID in that form too."""
    if trunk is not None and not caller_id:
        return trunk.username or "anonymous"
    if trunk is not None and trunk.number_format == "{e164}":
        return caller_id.lstrip("+")
    return caller_id or "anonymous"
