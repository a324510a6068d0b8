"""What may be wrong with what comes from the network. Caught where packets enter; never seen by the engine."""

from __future__ import annotations


class BadMessageError(ValueError):
    """A SIP message, header or SDP body that cannot be used. The text never contains what the peer sent."""
