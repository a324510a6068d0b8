"""Who is here: users, their roles, organisations, invitations, the audit trail."""

from __future__ import annotations

import uuid
from typing import Any, ClassVar

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, PermissionsMixin
from django.db import models
from django.db.models.functions import Lower
from django.utils.translation import gettext_lazy as _

from hearthline.lib import clock
from hearthline.lib.ids import new_token


class Role(models.TextChoices):
    """What a person does on the exchange. Members of a customer are owners or managers by their `Membership`."""

    OPERATOR = "operator", _("operator")
    CUSTOMER = "customer", _("customer")
    MODERATOR = "moderator", _("moderator")
    ADMIN = "admin", _("admin")


class UserManager(BaseUserManager["User"]):
    def create_user(self, email: str, password: str | None = None, **fields: object) -> User:
        user = self.model(email=self.normalize_email(email), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: object) -> User:
        return self.create_user(email, password, role=Role.ADMIN, **fields)


class User(AbstractBaseUser, PermissionsMixin):
    """A person. Signs in by e-mail; has exactly one role; an admin is also Django staff."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    email = models.EmailField(_("e-mail"), unique=True)
    name = models.CharField(_("name"), max_length=120)
    role = models.CharField(_("role"), max_length=16, choices=Role.choices, default=Role.OPERATOR)
    language = models.CharField(_("language"), max_length=8, choices=settings.LANGUAGES, default="en")
    timezone = models.CharField(_("time zone"), max_length=64, default="Europe/Moscow")
    spoken_languages = models.JSONField(_("languages spoken"), default=list, blank=True)  # BCP 47: ["ru", "en"]
    level = models.PositiveSmallIntegerField(_("level"), default=1)
    shortcuts = models.JSONField(
        _("keyboard shortcuts"), default=dict, blank=True
    )  # {"hang_up": "KeyH"} or {"off": true}
    invited_by = models.ForeignKey("self", null=True, blank=True, on_delete=models.SET_NULL, related_name="invitees")
    is_active = models.BooleanField(_("may sign in"), default=True)
    is_staff = models.BooleanField(_("may use the admin interface"), default=False)
    is_robot = models.BooleanField(_("is a robot"), default=False, editable=False)
    date_joined = models.DateTimeField(default=clock.now, editable=False)

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = ["name"]
    objects = UserManager()

    class Meta:
        verbose_name = _("person")
        verbose_name_plural = _("people")
        constraints = [models.UniqueConstraint(Lower("email"), name="one_account_per_email")]

    def __str__(self) -> str:
        return self.name or self.email

    def save(self, *args: Any, **kwargs: Any) -> None:
        """The admin interface is for the role admin, whoever made or changed the person."""
        self.is_staff = self.is_superuser = self.role == Role.ADMIN
        if (fields := kwargs.get("update_fields")) is not None and "role" in fields:
            kwargs["update_fields"] = {*fields, "is_staff", "is_superuser"}
        super().save(*args, **kwargs)


class Organisation(models.Model):
    """A customer: the organisation that orders calls."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(_("name"), max_length=200)
    country = models.CharField(_("country"), max_length=2, default="RU")  # ISO 3166 alpha-2
    timezone = models.CharField(_("time zone"), max_length=64, default="Europe/Moscow")
    currency = models.CharField(_("currency"), max_length=3, default=settings.HEARTHLINE.currency_code)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("customer")
        verbose_name_plural = _("customers")

    def __str__(self) -> str:
        return self.name


class MembershipLevel(models.TextChoices):
    OWNER = "owner", _("owner")  # money and campaigns; an owner may also take handed-over calls
    MANAGER = "manager", _("manager")  # takes handed-over calls


class Membership(models.Model):
    organisation = models.ForeignKey(Organisation, on_delete=models.CASCADE, related_name="memberships")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships")
    level = models.CharField(max_length=16, choices=MembershipLevel.choices)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["organisation", "user"], name="one_membership_per_person")]

    def __str__(self) -> str:
        return f"{self.user} · {self.organisation} · {self.level}"


class Invitation(models.Model):
    """The only way in. Usable `uses_left` times until `expires_at`."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    token = models.CharField(max_length=64, unique=True, default=new_token, editable=False)
    role = models.CharField(max_length=16, choices=Role.choices)
    organisation = models.ForeignKey(Organisation, null=True, blank=True, on_delete=models.CASCADE)
    membership_level = models.CharField(max_length=16, choices=MembershipLevel.choices, blank=True)
    email = models.EmailField(blank=True)  # empty: whoever has the link
    issued_by = models.ForeignKey(
        User, null=True, blank=True, on_delete=models.SET_NULL, related_name="invitations_issued"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    uses_left = models.PositiveIntegerField(default=1)

    class Meta:
        verbose_name = _("invitation")
        verbose_name_plural = _("invitations")

    def __str__(self) -> str:
        return f"{self.role} · {self.uses_left}"


class KnownDevice(models.Model):
    """A browser that a person has signed in with: see `people.devices`. `digest`: SHA-256 of its mark, hexadecimal."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="devices")
    digest = models.CharField(max_length=64)
    seen_at = models.DateTimeField(default=clock.now, db_index=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["digest", "user"], name="one_row_per_device")]

    def __str__(self) -> str:
        return f"{self.user} · {self.seen_at:%Y-%m-%d}"


class AuditChangeError(TypeError):
    """The audit trail is only ever added to."""


class AuditTrail(models.QuerySet["AuditEntry"]):
    """To read and to add to. (Django itself, forgetting a deleted person, clears `actor` past these methods.)"""

    def update(self, **changes: Any) -> int:
        raise AuditChangeError("an audit entry is never changed")

    def delete(self) -> tuple[int, dict[str, int]]:
        raise AuditChangeError("an audit entry is never deleted")


class AuditEntry(models.Model):
    """Who did what to what. `tag` is `source:subject:action` ("web:campaign:started"). Never updated, never deleted."""

    id = models.BigAutoField(primary_key=True)
    at = models.DateTimeField(default=clock.now, db_index=True)
    actor = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    tag = models.CharField(max_length=80, db_index=True)
    subject_id = models.CharField(max_length=64, db_index=True)
    details = models.JSONField(default=dict)  # no phone numbers, no names of contacts
    address = models.GenericIPAddressField(null=True)

    objects = AuditTrail.as_manager()

    class Meta:
        verbose_name = _("audit entry")
        verbose_name_plural = _("audit trail")

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M} {self.tag}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._state.adding:
            raise AuditChangeError("an audit entry is never changed")
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        raise AuditChangeError("an audit entry is never deleted")
