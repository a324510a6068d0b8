"""What an authenticator application on the phone does (RFC 6238)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import time


def code_of(secret: str) -> str:
    """SHA-1, 30 s, six digits."""
    key = base64.b32decode(secret + "=" * (-len(secret) % 8))
    mac = hmac.new(key, int(time.time() // 30).to_bytes(8, "big"), hashlib.sha1).digest()
    place = mac[-1] & 15
    return f"{(int.from_bytes(mac[place : place + 4], 'big') & 0x7FFFFFFF) % 1_000_000:06}"
