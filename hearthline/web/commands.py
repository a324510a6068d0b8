"""What pages ask of call control: JSON in, a command over the bus, its reply or refusal as JSON."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec

from asgiref.sync import async_to_sync
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from hearthline.calls.commands import CloseLine, Command, queue_of, to_message
from hearthline.calls.models import Line, LineState
from hearthline.lib.errors import ConflictError, ExchangeError, InvalidInputError, NotAllowedError
from hearthline.people.gates import require_role
from hearthline.people.models import Role, User
from hearthline.realtime.configured import bus

LARGEST_BODY = 200_000  # bytes; an SDP offer has about ten thousand
LONGEST_KEY = 64
COMMAND_TIMEOUT_S = 10.0

P = ParamSpec("P")
JsonView = Callable[Concatenate[HttpRequest, dict[str, Any], P], dict[str, Any]]


class SignedOutError(ExchangeError):
    code = "signed_out"
    status = 401

    def __init__(self) -> None:
        super().__init__(_("You have been signed out. Sign in again in another tab, then go on here."))


def json_command(view: JsonView[P]) -> Callable[..., HttpResponse]:
    """A view that takes a JSON object by POST and gives one back. Refusals are turned into JSON by the middleware."""

    @require_POST
    @wraps(view)
    def answered(request: HttpRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        reply = view(request, body_of(request), *args, **kwargs)
        status = 200 if "error" not in reply else 409
        return JsonResponse(reply, status=status)

    return answered


def body_of(request: HttpRequest) -> dict[str, Any]:
    """Raises InvalidInputError when the body is no JSON object or too large."""
    if request.content_type != "application/json" or len(request.body) > LARGEST_BODY:
        raise InvalidInputError(_("The page sent something that is not understood. Reload it."))
    try:
        body = json.loads(request.body)
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise InvalidInputError(_("The page sent something that is not understood. Reload it."))
    return body


def key_of(body: dict[str, Any]) -> str:
    """The idempotency key, made by the page."""
    key = body.get("key")
    if not isinstance(key, str) or not 8 <= len(key) <= LONGEST_KEY:
        raise InvalidInputError(_("The page sent a command without a key. Reload it."))
    return key


def text_of(body: dict[str, Any], name: str, longest: int = 4_000) -> str:
    value = body.get(name, "")
    if not isinstance(value, str) or len(value) > longest:
        raise InvalidInputError(_("One of the answers is too long."))
    return value.replace("\x00", "")


def whole_of(body: dict[str, Any], name: str) -> int:
    value = body.get(name)
    if not isinstance(value, int) or isinstance(value, bool):
        raise InvalidInputError(_("The page sent something that is not understood. Reload it."))
    return value


def operator_of(request: HttpRequest) -> User:
    """The operator who asks, for JSON views: a sentence instead of a way to the sign-in page. Moderators and admins are let through:
    they have a shift only where they try a scenario, and no other call of their own."""
    if not request.user.is_authenticated:
        raise SignedOutError
    return require_role(request.user, Role.OPERATOR, Role.MODERATOR, Role.ADMIN)


def person_of(request: HttpRequest) -> User:
    if not isinstance(request.user, User):
        raise SignedOutError
    if not request.user.is_active:
        raise NotAllowedError(_("This account may not sign in."))
    return request.user


def send(node: str, command: Command) -> dict[str, Any]:
    """The reply of the node's call control, which may be {"error": ...}. Raises UnavailableError."""
    return async_to_sync(bus().request)(queue_of(node), to_message(command), timeout_s=COMMAND_TIMEOUT_S)


def send_close(line: Line, *, user: str, key: str) -> dict[str, Any]:
    """The person closes this line of theirs. One that is closed already needs nobody, least of all a node that may be lost."""
    id = str(line.pk)
    if line.state == LineState.CLOSED:
        return {"line": id}
    return send(line.node_id, CloseLine(key=key, user=user, line=id))


def send_to_call(node: str | None, command: Command) -> dict[str, Any]:
    if node is None:
        raise ConflictError(_("Your line is closed. Open it first."))
    return send(node, command)
