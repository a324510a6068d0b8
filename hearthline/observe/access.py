"""Who may read `/metrics`: whoever has the token, and whoever connects from an allowed network without a proxy between.

A proxy on this machine connects from loopback too, whoever is behind it; what it adds to a request gives it away.
"""

from __future__ import annotations

import hmac
import ipaddress
from collections.abc import Iterable

from hearthline.configuration import Configuration

_FROM_A_PROXY = frozenset({"forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip"})


def may_read(configuration: Configuration, client: str, headers: Iterable[tuple[str, str]]) -> bool:
    """`client` is the address of the connection's other end; the headers' names are in small letters."""
    known = dict(headers)
    token = configuration.metrics_token()
    scheme, _, given = known.get("authorization", "").partition(" ")
    if token and scheme.lower() == "bearer" and hmac.compare_digest(given.strip().encode(), token.encode()):
        return True
    return not _FROM_A_PROXY & known.keys() and _is_within(client, configuration.metrics_allow)


def _is_within(client: str, networks: list[str]) -> bool:
    try:
        address = ipaddress.ip_address(client)
    except ValueError:  # a Unix socket has none
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return any((mapped or address) in ipaddress.ip_network(network, strict=False) for network in networks)
