"""Identifiers: made by whoever needs them, before the thing exists, so that a repeated request is the same request."""

from __future__ import annotations

import secrets
import uuid


def new_id() -> uuid.UUID:
    """A random UUID (RFC 9562 version 4) for a row, a leg or a transfer."""
    return uuid.uuid4()


def derived_id(namespace: uuid.UUID, name: str) -> uuid.UUID:
    """The same id for the same cause (RFC 9562 version 5): what makes a retried transfer the same transfer."""
    return uuid.uuid5(namespace, name)


def new_token() -> str:
    """An unguessable URL-safe token of 256 bits."""
    return secrets.token_urlsafe(32)
