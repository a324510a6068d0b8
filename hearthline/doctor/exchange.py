"""The exchange's own data: database, people, tariffs, trunks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from django.db import connection
from django.db.utils import Error as DatabaseError

from hearthline.callcontrol.trunks import as_port
from hearthline.calls.models import Trunk
from hearthline.configuration import Configuration
from hearthline.doctor.finding import Finding, State
from hearthline.ledger.models import TariffRow
from hearthline.lib.addresses import is_loopback
from hearthline.migrating import missing_migrations
from hearthline.people.models import Role, User
from hearthline.quality.recordings.object_storage import StorageError, required_bucket, try_out
from hearthline.switch.port import Switch, SwitchError


def look_at_database() -> Finding:
    """Reachable, and in this version's form; the others make sense only after it."""
    try:
        missing = missing_migrations()
    except DatabaseError as error:
        return Finding("database", State.MISSING, f"It cannot be reached: {error}", "Check HEARTHLINE_DATABASE_URL.")
    if missing:
        return Finding("database", State.MISSING, f"{missing} migrations are not applied.", "Run: hearthline migrate")
    return Finding("database", State.GOOD, f"{connection.vendor}, in this version's form.")


def look_at_data(configuration: Configuration) -> Iterator[Finding]:
    if User.objects.filter(role=Role.ADMIN, is_active=True).exists():
        yield Finding("admin", State.GOOD, "There is somebody who runs the exchange.")
    else:
        yield Finding("admin", State.MISSING, "Nobody runs the exchange yet.", "Run: hearthline createadmin")
    rows = TariffRow.objects.filter(tariff__active=True).count()
    if rows:
        yield Finding("tariff", State.GOOD, f"{rows} destinations have a price.")
    else:
        yield Finding(
            "tariff",
            State.MISSING,
            "No destination has a price, so every number is blocked.",
            "Add a tariff with your provider's prices under Data, or: hearthline tariff load prices.csv",
        )
    if not configuration.email_url:
        yield Finding(
            "e-mail",
            State.NOTE,
            "Messages (invitations, links for managers) are written to the data folder, not sent.",
            'Set HEARTHLINE_EMAIL_URL="smtp://user:password@host:587"',
        )


def look_at_storage(configuration: Configuration) -> Iterator[Finding]:
    """The bucket for recordings, when one is to be used: an object is written, read and deleted."""
    if configuration.recordings_store != "s3":
        return
    try:
        try_out(required_bucket())
    except (StorageError, OSError) as error:
        remedy = "Recordings wait in the data folder. Look at the HEARTHLINE_S3_ settings, then: hearthline recordings check-storage"
        yield Finding("recordings", State.MISSING, f"The bucket does not do what it should: {error}", remedy)
    else:
        yield Finding("recordings", State.GOOD, "The bucket takes, gives back and deletes.")


async def look_at_trunks(configuration: Configuration, switch: Switch, rows: Sequence[Trunk]) -> list[Finding]:
    """Each trunk in use is asked whether it takes our password."""
    if not rows:
        remedy = (
            "Run: hearthline trunk add NAME --host sip.provider.example --username … (or under Trunks in the pages)"
        )
        return [Finding("trunk", State.MISSING, "No telephone provider is set up.", remedy)]
    found = []
    for row in rows:
        subject = f"trunk {row.name}"[:15]
        if is_loopback(configuration.sip_bind) and not is_loopback(row.host):
            found.append(
                Finding(
                    subject,
                    State.MISSING,
                    f"{row.host} cannot be reached from {configuration.sip_bind}.",
                    "Set HEARTHLINE_SIP_BIND to an address of this machine.",
                )
            )
            continue
        try:
            found.append(Finding(subject, State.GOOD, await switch.test_trunk(as_port(row))))
        except SwitchError as error:
            found.append(
                Finding(
                    subject,
                    State.MISSING,
                    error.message,
                    "Compare host, port, user name and password with the provider's letter.",
                )
            )
        if not row.caller_id:
            found.append(
                Finding(
                    subject,
                    State.NOTE,
                    "It has no caller ID.",
                    "Most providers refuse calls without one of the numbers they gave you.",
                )
            )
    return found
