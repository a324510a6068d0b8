"""Which browsers a person signs in with: what tells one person with two accounts, or two who share a table.

A browser keeps a random mark that the exchange gave it (a cookie); it says nothing of its person and is read by nobody else. The
exchange keeps a digest of it with the account, and forgets it half a year after it was last seen.
"""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime, timedelta

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase

from hearthline.lib import clock
from hearthline.people.models import KnownDevice, User

COOKIE = "device"
COOKIE_AGE_S = 365 * 24 * 3600
LONGEST = 40
_BYTES = 16
MOST = 20  # of one person; the oldest goes
KEPT = timedelta(days=180)


def mark_of(request: HttpRequest) -> str:
    """The mark of this browser; empty: it was never here."""
    return request.COOKIES.get(COOKIE, "")[:LONGEST]


def new_mark() -> str:
    return secrets.token_urlsafe(_BYTES)


def put(response: HttpResponseBase, mark: str) -> None:
    """The browser keeps its mark for another year."""
    response.set_cookie(
        COOKIE, mark, max_age=COOKIE_AGE_S, httponly=True, samesite="Lax", secure=settings.SESSION_COOKIE_SECURE
    )


def seen(user: User, mark: str) -> None:
    """`user` has signed in with the browser that has this mark."""
    digest = hashlib.sha256(mark.encode()).hexdigest()
    KnownDevice.objects.update_or_create(user=user, digest=digest, defaults={"seen_at": clock.now()})
    kept = KnownDevice.objects.filter(user=user).order_by("-seen_at").values_list("pk", flat=True)[:MOST]
    KnownDevice.objects.filter(user=user).exclude(pk__in=list(kept)).delete()


def forget_old(now: datetime) -> int:
    """Remove what has not been seen for half a year. Returns how many."""
    removed, _ = KnownDevice.objects.filter(seen_at__lt=now - KEPT).delete()
    return removed
