"""The command line of an exchange: `hearthline COMMAND` (in a clone: `.venv/bin/hearthline` or `python -m hearthline`)."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from hearthline.configuration import Configuration

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "hearthline.settings")


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name=None, version="0.1.0", prog_name="hearthline")
@click.option("--data", type=click.Path(file_okay=False), help="The data folder (HEARTHLINE_DATA).")
def main(data: str | None) -> None:
    """Run a Hearthline exchange. Settings: HEARTHLINE_... in the environment or hearthline.env in the data folder."""
    if data:
        os.environ["HEARTHLINE_DATA"] = os.path.abspath(data)


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
def worker() -> None:
    """Do background work: imports, exports, recordings, maturing of pay."""
    _django()
    from django.core.management import call_command

    call_command("db_worker", queue_name="*", interval=0.5, reload=False, startup_delay=False, verbosity=1)


@main.command()
def migrate() -> None:
    """Bring the database to this version's form."""
    _django()
    _migrate()


def _migrate(verbosity: int = 1) -> None:
    from django.core.management import call_command
    from django.db import connections

    call_command("migrate", interactive=False, verbosity=verbosity)
    connections.close_all()


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
