"""Links that open the recording of one call without an account: signed, for one call, for a while, in the name of who made it.

They are here, below the calls they speak of, because exports write them. What a link opens is decided when it is used
(`web.shared_recordings`): who made it must still be allowed to hear that recording then.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.core import signing
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from hearthline.lib import clock
from hearthline.lib.errors import NotFoundError

_SALT = "hearthline.recording-link"
LONGEST_TOKEN = 400  # characters


@dataclass(frozen=True, slots=True)
class RecordingLink:
    attempt: uuid.UUID
    maker: uuid.UUID  # a user
    ends_at: datetime


def make_link(attempt: uuid.UUID, maker: uuid.UUID, now: datetime) -> str:
    """The whole address, which opens the recording of this call for `recording_link_hours` from now."""
    ends = now + timedelta(hours=settings.HEARTHLINE.recording_link_hours)
    token = signing.dumps([attempt.hex, maker.hex, int(ends.timestamp())], salt=_SALT)
    return f"{settings.HEARTHLINE.public_url.rstrip('/')}{reverse('shared_recordings:page', args=[token])}"


def read_link(token: str) -> RecordingLink:
    """Raises NotFoundError for one that has ended, was changed, or was never made here."""
    try:
        if len(token) > LONGEST_TOKEN:
            raise signing.BadSignature("too long")
        attempt, maker, ends = signing.loads(token, salt=_SALT)
        link = RecordingLink(uuid.UUID(attempt), uuid.UUID(maker), clock.from_timestamp(ends))
    except (signing.BadSignature, ValueError, TypeError) as error:
        raise _useless() from error
    if link.ends_at <= clock.now():
        raise _useless()
    return link


def _useless() -> NotFoundError:
    return NotFoundError(_("This link has ended, or a part of it is missing. Ask whoever sent it for a new one."))
