"""What the seed and the tests agree on, importable without Django."""

from __future__ import annotations

from datetime import UTC, datetime

PASSWORD = "long enough to sign in"
SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"  # of the moderators' authenticator; base 32


def zone_at_noon() -> str:
    """A zone in which it is about noon, so that no test depends on the hour at which it runs."""
    ahead = (12 - datetime.now(UTC).hour + 12) % 24 - 12
    return f"Etc/GMT{-ahead:+d}" if ahead else "Etc/GMT"
