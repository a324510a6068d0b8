"""Which trunk a call takes: the active one with the highest priority that has a channel free. Read anew for each call, so
that a change in the admin interface is in force at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from django.conf import settings
from django.utils.translation import gettext_lazy as _

from hearthline.calls import models
from hearthline.lib.addresses import is_loopback
from hearthline.lib.errors import UnavailableError
from hearthline.switch import port


@dataclass(frozen=True, slots=True)
class ChosenTrunk:
    id: int
    trunk: port.Trunk
    caller_id: str  # the trunk's own


class NoTrunkError(UnavailableError):
    code = "no_trunk"


def choose_trunk(channels: Mapping[int, int]) -> ChosenTrunk:
    """`channels`: how many are in use, by trunk id. Raises NoTrunkError with a sentence for the operator.

    A demonstration's contacts are make-believe, their numbers may be somebody's: it never calls past this machine.
    """
    rows = list(models.Trunk.objects.filter(active=True).order_by("-priority", "name"))
    if settings.HEARTHLINE.demonstration:
        rows = [row for row in rows if is_loopback(row.host)]
    if not rows:
        raise NoTrunkError(_("No telephone provider is set up yet. An admin can add one under Trunks."))
    for row in rows:
        if not row.max_channels or channels.get(row.pk, 0) < row.max_channels:
            return ChosenTrunk(row.pk, as_port(row), row.caller_id)
    raise NoTrunkError(_("All telephone channels are in use. Try again in a minute; the contact stays with you."))


def as_port(row: models.Trunk) -> port.Trunk:
    return port.Trunk(
        name=row.name,
        host=row.host,
        port=row.port,
        transport=port.Transport(row.transport),
        username=row.username,
        password=row.password,
        from_domain=row.from_domain,
        register=row.register,
        number_format=row.number_format,
        max_channels=row.max_channels,
        tls_verify=row.tls_verify,
    )
