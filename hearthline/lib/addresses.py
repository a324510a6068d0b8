"""Network addresses: which of them never leave this machine."""

from __future__ import annotations

import ipaddress


def is_loopback(host: str) -> bool:
    """For "localhost" and the addresses of RFC 1122 §3.2.1.3 and RFC 4291 §2.5.3; any other name is asked of nobody: False."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
