"""TURN relays for people whose network lets no UDP through: told to a page that may open a line, with a password for one shift.

The password follows draft-uberti-behave-turn-rest-00 §2.2, which coturn calls `use-auth-secret`: the user name is the moment
of its end and a word, the password the base64 of HMAC-SHA1 of that name with the secret that exchange and relay share. The word tells
the relay nothing of the person.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets

from django.conf import settings
from django.http import HttpRequest, JsonResponse
from django.urls import path
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from hearthline.lib import clock
from hearthline.people.gates import require_role
from hearthline.people.models import Role
from hearthline.realtime.audiences import guest_scope
from hearthline.web.commands import person_of


def relays_for_line() -> list[dict[str, object]]:
    """`RTCConfiguration.iceServers`; empty where no relay is set up."""
    configuration = settings.HEARTHLINE
    secret = configuration.turn_secret()
    if not configuration.turn_urls or not secret:
        return []
    name = f"{int(clock.now().timestamp()) + configuration.turn_password_s}:{secrets.token_hex(8)}"
    password = base64.b64encode(hmac.digest(secret.encode(), name.encode(), hashlib.sha1)).decode()
    return [{"urls": configuration.turn_urls, "username": name, "credential": password}]


@require_GET
@never_cache
def relays(request: HttpRequest) -> JsonResponse:
    """For those who may open a line: operators, customers' people, the guest of a signed link."""
    if guest_scope(request.session) is None:
        require_role(person_of(request), Role.OPERATOR, Role.CUSTOMER)
    return JsonResponse({"servers": relays_for_line()})


urlpatterns = [path("line/relays/", relays, name="relays")]
