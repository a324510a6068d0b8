"""The command line of an exchange: `hearthline COMMAND` (in a clone: `.venv/bin/hearthline` or `python -m hearthline`)."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hearthline import VERSION
from hearthline.backup.command import backup, restore
from hearthline.cli_nodes import node
from hearthline.cli_practice import robots, scenarios
from hearthline.cli_recordings import recordings
from hearthline.cli_trunks import trunk

if TYPE_CHECKING:
    from hearthline.configuration import Configuration

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "hearthline.settings")


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name=None, version=VERSION, prog_name="hearthline")
@click.option("--data", type=click.Path(file_okay=False), help="The data folder (HEARTHLINE_DATA).")
def main(data: str | None) -> None:
    """Run a Hearthline exchange. Settings: HEARTHLINE_... in the environment or hearthline.env in the data folder."""
    if data:
        os.environ["HEARTHLINE_DATA"] = os.path.abspath(data)


main.add_command(backup)
main.add_command(restore)


@main.command()
@click.option("--host", help="Address to listen on (HEARTHLINE_LISTEN_HOST).")
@click.option("--port", type=int, help="Port to listen on (HEARTHLINE_LISTEN_PORT).")
@click.option(
    "--demo", is_flag=True, help="With a demonstration world: robots to call, one-click entry, this machine only."
)
@click.option(
    "--first-shift-only", is_flag=True, help="With --demo: end after the robots' first shift; 0 when all went well."
)
def up(host: str | None, port: int | None, demo: bool, first_shift_only: bool) -> None:
    """Start the whole exchange on this machine and keep it running until Ctrl-C."""
    if first_shift_only and not demo:
        raise click.UsageError("--first-shift-only goes with --demo")
    _set_environment(host, port, demo=demo)
    from hearthline.supervisor.exchange import CannotRunError
    from hearthline.supervisor.up import run_exchange
    from hearthline.supervisor.watch import StartError

    try:
        status = run_exchange(_configuration(), demonstration=demo, first_shift_only=first_shift_only, migrate=_migrate)
    except (CannotRunError, StartError) as error:
        click.echo(str(error), err=True)
        sys.exit(1)
    sys.exit(status)


@main.command()
@click.option("--host", help="Address to listen on (HEARTHLINE_LISTEN_HOST).")
@click.option("--port", type=int, help="Port to listen on (HEARTHLINE_LISTEN_PORT).")
def web(host: str | None, port: int | None) -> None:
    """Serve pages, API and event streams (and call control, where HEARTHLINE_CALLCONTROL is in_web)."""
    _set_environment(host, port, demo=False)
    configuration = _configuration()
    from hearthline.supervisor.web import serve

    serve(configuration.listen_host, configuration.listen_port)


@main.command()
def callcontrol() -> None:
    """Drive this node's calls (HEARTHLINE_NODE) at the switch beside it, until SIGTERM; the switch carries them on meanwhile."""
    _django()
    from hearthline.supervisor.callcontrol import drive

    sys.exit(drive())


@main.command()
def engine() -> None:
    """Run the embedded switch for the call control of this data folder."""
    configuration = _configuration()
    from hearthline.supervisor.exchange import CannotRunError, become_engine

    try:
        become_engine(configuration)
    except CannotRunError as error:
        raise click.ClickException(str(error)) from None


@main.command()
def worker() -> None:
    """Do background work: imports, exports, recordings, maturing of pay."""
    _django()
    from hearthline.supervisor.worker import work

    work()


main.add_command(node)
main.add_command(recordings)
main.add_command(robots)
main.add_command(scenarios)


@main.command()
def migrate() -> None:
    """Bring the database to this version's form."""
    _django()
    _migrate()


@main.command()
@click.argument("role", type=click.Choice(["operator", "customer", "moderator", "admin"]))
@click.option("--organisation", help="A customer's name, for its second and later people.")
@click.option("--manager", is_flag=True, help="Of a customer: takes hand-overs, sees no money.")
@click.option("--email", default="", help="Only for this address.")
@click.option("--days", default=14, show_default=True, help="How long it lasts.")
@click.option("--uses", default=1, show_default=True, help="How many people may use it.")
def invite(role: str, organisation: str | None, manager: bool, email: str, days: int, uses: int) -> None:
    """Print a link with which somebody can sign up. It is a secret: whoever has it can use it."""
    _django()
    from hearthline.people import services
    from hearthline.people.models import MembershipLevel, Organisation

    customer = None
    if organisation:
        customer = Organisation.objects.filter(name=organisation).first()
        if customer is None:
            known = ", ".join(Organisation.objects.order_by("name").values_list("name", flat=True)[:20]) or "none yet"
            raise click.ClickException(f"There is no customer named {organisation}. There are: {known}")
    with _sentences():
        invitation = services.invite(
            role=role,
            organisation=customer,
            membership_level=MembershipLevel.MANAGER if manager else "",
            email=email,
            days=days,
            uses=uses,
        )
    click.echo(services.link_of(invitation))


@main.command()
@click.option("--email", prompt="E-mail")
@click.option("--name", prompt="Name")
@click.password_option(help="At least 10 characters.")
def createadmin(email: str, name: str, password: str) -> None:
    """Make the first person: an admin. (Everybody else comes in by invitation.)"""
    _django()
    from django.contrib.auth.password_validation import validate_password
    from django.core.exceptions import ValidationError
    from django.core.validators import validate_email

    from hearthline.people import audit
    from hearthline.people.models import User

    try:
        validate_email(email)
        validate_password(password, User(email=email, name=name))
    except ValidationError as error:
        raise click.ClickException(" ".join(str(m) for m in error.messages)) from None
    if User.objects.filter(email__iexact=email).exists():
        raise click.ClickException("There is already an account with this e-mail address.")
    user = User.objects.create_superuser(email.lower(), password, name=name)
    audit.record(audit.Tag.CLI_ACCOUNT_CREATED, None, user.pk, {"role": user.role})
    click.echo("Done. Sign in and set up the second step at once: an admin's pages ask for it.")


@main.group()
def ledger() -> None:
    """The books."""


@ledger.command("check")
def ledger_check() -> None:
    """Prove that every account is what its transfers add up to and that all together are zero. Status 1 if not."""
    _django()
    from hearthline.ledger.check import prove

    report = prove()
    for fault in report.faults:
        click.echo(fault)
    if report.fault_count > len(report.faults):
        click.echo(f"... and {report.fault_count - len(report.faults)} more")
    sums = ", ".join(f"{currency} {total}" for currency, total in report.sums.items()) or "nothing booked yet"
    click.echo(f"ledger check: {report.accounts} accounts, sum {sums}: {'sound' if report.sound else 'NOT SOUND'}")
    sys.exit(0 if report.sound else 1)


@main.command()
@click.option(
    "--call",
    default="",
    metavar="NUMBER",
    help="Really call this number: it rings, a melody plays, it is told what happened.",
)
@click.option("--trunk", "trunk_name", default="", help="With --call: through this trunk (default: the first in use).")
@click.option("--country", default="RU", show_default=True, help="With --call: whose national notation is meant.")
def doctor(call: str, trunk_name: str, country: str) -> None:
    """Say what is missing before this exchange can make real calls, each with its remedy. Status 1 when something is."""
    configuration = _configuration()
    from hearthline.doctor.visit import examine

    sound = examine(configuration, call=call, trunk=trunk_name, country=country, say=click.echo)
    sys.exit(0 if sound else 1)


main.add_command(trunk)


@main.command("freeswitch-config")
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
def freeswitch_config(folder: Path) -> None:
    """Write FreeSWITCH's configuration below FOLDER from the settings, and print how to start it."""
    configuration = _configuration()
    from hearthline.supervisor.freeswitch import node_config
    from hearthline.switch.freeswitch.rendering import RenderError, arguments, render

    try:
        render(node_config(configuration), folder)
    except (RenderError, OSError) as error:
        raise click.ClickException(str(error)) from None
    click.echo(f"freeswitch {' '.join(arguments(folder))}")


@main.group()
def tariff() -> None:
    """What telephone calls cost the exchange."""


@tariff.command("load")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--name", default="provider", show_default=True, help="The price list's name; its rows are replaced.")
def tariff_load(file: Path, name: str) -> None:
    """Read prices from a CSV file with the columns prefix, per_minute, connection, description."""
    configuration = _configuration()
    from hearthline.ledger.models import Tariff
    from hearthline.ledger.tariff_import import MAX_BYTES, import_rows
    from hearthline.people import audit

    with file.open("rb") as opened:
        content = opened.read(MAX_BYTES + 1)
    tariff, _ = Tariff.objects.get_or_create(name=name, defaults={"currency": configuration.currency_code})
    with _sentences():
        rows = import_rows(tariff=tariff, file=content)
    audit.record(audit.Tag.CLI_TARIFF_IMPORTED, None, tariff.pk, {"rows": rows})
    click.echo(f"{rows} destinations have a price now.")


@contextmanager
def _sentences() -> Iterator[None]:
    """Refusals of the exchange as the command's own error."""
    from hearthline.lib.errors import ExchangeError

    try:
        yield
    except ExchangeError as error:
        more = error.details.get("faults")
        sentences = [str(fault) for fault in more] if isinstance(more, list) else [str(error.sentence)]
        raise click.ClickException("\n".join(sentences)) from None


def _migrate(verbosity: int = 1) -> None:
    from hearthline.migrating import bring_up_to_date

    bring_up_to_date(verbosity)


def _set_environment(host: str | None, port: int | None, *, demo: bool) -> None:
    """What was said on the command line, for this process and for its children. A demonstration has a data folder of its own."""
    if host:
        os.environ["HEARTHLINE_LISTEN_HOST"] = host
    if port is not None:
        os.environ["HEARTHLINE_LISTEN_PORT"] = str(port)
    if demo:
        from hearthline.configuration import ROOT

        os.environ["HEARTHLINE_DEMONSTRATION"] = "true"
        os.environ.setdefault("HEARTHLINE_DATA", str(ROOT / "var" / "demonstration"))
    if port is not None or host:
        shown = host or "127.0.0.1"
        where = f"[{shown}]" if ":" in shown else shown
        os.environ.setdefault("HEARTHLINE_PUBLIC_URL", f"http://{where}:{port or 8000}")


def _configuration() -> Configuration:
    _django()
    from django.conf import settings

    configuration: Configuration = settings.HEARTHLINE
    return configuration


def _django() -> None:
    import django

    django.setup()
