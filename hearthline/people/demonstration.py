"""Who is excused from a second factor in demonstration mode, and nowhere else.

`hearthline demo` lets anybody on the same machine enter as one of its people by one click; a second factor would only be
in the way. The demonstration runs on loopback only, and its people have addresses in a domain that can never exist.
"""

from __future__ import annotations

from django.conf import settings

from hearthline.people.models import User

DEMONSTRATION_DOMAIN = "demo.example"  # RFC 2606, section 3: never registered


def is_demonstration_person(user: User) -> bool:
    return bool(settings.HEARTHLINE.demonstration) and user.email.endswith("@" + DEMONSTRATION_DOMAIN)
