"""A dialog (RFC 3261 §12): the identifiers, sequence numbers, route and target that two user agents share."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field

from hearthline.switch.embedded.sip.addresses import NameAddr, SipUri
from hearthline.switch.embedded.sip.message import Headers, Request, Response
from hearthline.switch.embedded.sip.transport import Hop

DialogKey = tuple[str, str, str]  # Call-ID, our tag, their tag


def new_tag() -> str:
    return secrets.token_hex(6)


@dataclass(slots=True)
class Dialog:
    """`local` and `remote` are From and To values as text, each with its tag once there is one."""

    call_id: str
    local: str
    remote: str
    local_tag: str
    remote_tag: str
    target: SipUri  # the far end's Contact
    hop: Hop  # where requests go next
    contact: str  # our Contact value
    local_cseq: int = 0
    remote_cseq: int = -1
    routes: list[str] = field(default_factory=list)

    @property
    def key(self) -> DialogKey:
        return (self.call_id, self.local_tag, self.remote_tag)

    @classmethod
    def of_response(cls, request: Request, response: Response, hop: Hop, contact: str) -> Dialog:
        """The client's side, from a response with a To tag to its INVITE (§12.1.2). Raises BadMessageError."""
        to = response.to
        target = response.contact
        return cls(
            call_id=response.call_id,
            local=request.from_.text,
            remote=to.text,
            local_tag=request.from_.tag,
            remote_tag=to.tag,
            target=target.uri if target is not None and target.uri.host else SipUri.parse(request.uri),
            hop=hop,
            contact=contact,
            local_cseq=request.cseq[0],
            routes=list(reversed(response.headers.all("Record-Route"))),
        )

    @classmethod
    def of_request(cls, request: Request, local_tag: str, hop: Hop, contact: str) -> Dialog:
        """The server's side, from an INVITE (§12.1.1). Raises BadMessageError."""
        remote = request.from_
        target = request.contact
        return cls(
            call_id=request.call_id,
            local=f"{request.to.text};tag={local_tag}",
            remote=remote.text,
            local_tag=local_tag,
            remote_tag=remote.tag,
            target=target.uri if target is not None and target.uri.host else remote.uri,
            hop=hop,
            contact=contact,
            local_cseq=secrets.randbelow(10_000),
            remote_cseq=request.cseq[0],
            routes=request.headers.all("Record-Route"),
        )

    def next_uri(self) -> SipUri:
        """The URI whose host gets the next request: the first route, else the target (§12.2.1.1)."""
        return NameAddr.parse(self.routes[0]).uri if self.routes else self.target

    def request(self, method: str, via: str, *, cseq: int | None = None) -> Request:
        """A request within the dialog. ACK and CANCEL name the sequence number they belong to; others take the next."""
        if cseq is None:
            self.local_cseq += 1
            cseq = self.local_cseq
        uri, routes = self.target.text, self.routes
        if routes and "lr" not in NameAddr.parse(routes[0]).uri.params:  # strict router (§12.2.1.1)
            uri, routes = NameAddr.parse(routes[0]).uri.text, [*routes[1:], f"<{self.target.text}>"]
        headers = Headers([("Via", via), ("Max-Forwards", "70")])
        for route in routes:
            headers.add("Route", route)
        headers.add("From", self.local)
        headers.add("To", self.remote)
        headers.add("Call-ID", self.call_id)
        headers.add("CSeq", f"{cseq} {method}")
        if method not in {"BYE", "CANCEL", "ACK"}:
            headers.add("Contact", self.contact)
        return Request(method, uri, headers)

    def retarget(self, contact: NameAddr | None) -> None:
        """A re-INVITE, an UPDATE or their 2xx may move the far end (§12.2)."""
        if contact is not None and contact.uri.host:
            self.target = contact.uri
