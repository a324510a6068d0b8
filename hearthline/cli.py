"""The command line of an exchange: `hearthline COMMAND` (in a clone: `.venv/bin/hearthline` or `python -m hearthline`)."""

from __future__ import annotations

import os

import click

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "hearthline.settings")


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name=None, version="0.1.0", prog_name="hearthline")
def main() -> None:
    """Run a Hearthline exchange. Settings: HEARTHLINE_... in the environment or hearthline.env in the data folder."""


@main.command()
def migrate() -> None:
    """Bring the database to this version's form."""
    _django()
    from django.core.management import call_command

    call_command("migrate", interactive=False, verbosity=1)


@main.command()
@click.option("--host", default=None, help="Address to listen on (HEARTHLINE_LISTEN_HOST).")
@click.option("--port", type=int, default=None, help="Port to listen on (HEARTHLINE_LISTEN_PORT).")
def web(host: str | None, port: int | None) -> None:
    """Serve pages, API and event streams (and call control, where HEARTHLINE_CALLCONTROL is in_web)."""
    _django()
    from django.conf import settings

    from hearthline.supervisor.web import serve

    serve(host or settings.HEARTHLINE.listen_host, settings.HEARTHLINE.listen_port if port is None else port)


@main.command()
def worker() -> None:
    """Do background work: imports, exports, recordings, maturing of pay."""
    _django()
    from django.core.management import call_command

    call_command("db_worker", queue_name="*", verbosity=1)


def _django() -> None:
    import django

    django.setup()
