"""allauth tells of changed passwords and second factors by signals only; they go into the audit trail here."""

from __future__ import annotations

from typing import Any

from allauth.account.signals import password_changed, password_reset, password_set
from allauth.mfa.models import Authenticator
from allauth.mfa.signals import authenticator_added, authenticator_removed
from django.http import HttpRequest

from hearthline.people import audit
from hearthline.people.audit import Tag
from hearthline.people.models import User


def _password(request: HttpRequest, user: User, **_: Any) -> None:
    audit.record(Tag.WEB_ACCOUNT_PASSWORD_CHANGED, user, user.pk, request=request)


def _added(request: HttpRequest, user: User, authenticator: Authenticator, **_: Any) -> None:
    details = {"type": str(authenticator.type)}
    audit.record(Tag.WEB_ACCOUNT_SECOND_FACTOR_ADDED, user, user.pk, details, request)


def _removed(request: HttpRequest, user: User, authenticator: Authenticator, **_: Any) -> None:
    details = {"type": str(authenticator.type)}
    audit.record(Tag.WEB_ACCOUNT_SECOND_FACTOR_REMOVED, user, user.pk, details, request)


def listen() -> None:
    """Called once, when the application is ready."""
    for signal in (password_changed, password_reset, password_set):
        signal.connect(_password, dispatch_uid="audit_password")
    authenticator_added.connect(_added, dispatch_uid="audit_second_factor")
    authenticator_removed.connect(_removed, dispatch_uid="audit_second_factor")
