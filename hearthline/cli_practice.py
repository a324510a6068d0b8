"""`hearthline robots` and `hearthline scenarios ...`: robots to practise with."""

from __future__ import annotations

import sys
from pathlib import Path

import click


@click.command()
def robots() -> None:
    """Answer as robots on 127.0.0.1 (HEARTHLINE_ROBOTS_PORT) for training, test calls and golden contacts, until SIGTERM."""
    import django

    django.setup()
    from django.conf import settings

    from hearthline.lib import logs
    from hearthline.practice.serving import serve

    if not settings.HEARTHLINE.robots_port:
        raise click.ClickException(
            "Say on which port: HEARTHLINE_ROBOTS_PORT=5070, the same for robots, web and call control of this node."
        )
    logs.configure(level=settings.HEARTHLINE.log_level, json=settings.HEARTHLINE.log_format == "json")
    sys.exit(serve())


@click.group()
def scenarios() -> None:
    """What robots say and mean."""


@scenarios.command("check")
@click.argument("folder", required=False, type=click.Path(exists=True, file_okay=False, path_type=Path))
def check(folder: Path | None) -> None:
    """Read every scenario below FOLDER (this exchange's own, by default) and say what is wrong, by line. Status 1 if so."""
    import django

    django.setup()
    from hearthline.quality.scenarios import library

    right, wrong = library.check(folder or library.own_folder())
    for error in wrong:
        click.echo(str(error))
    click.echo(f"{right} right, {len(wrong)} wrong")
    sys.exit(1 if wrong else 0)


@scenarios.command("take-in")
@click.argument("folder", required=False, type=click.Path(exists=True, file_okay=False, path_type=Path))
def take_in(folder: Path | None) -> None:
    """Copy the scenarios and recordings of FOLDER (this host's own, by default) into the database, where every host has them and
    moderators change them. What is there already stays. Status 1 when some are wrong."""
    import django

    django.setup()
    from hearthline.quality.scenarios import library, writing

    taken, wrong = writing.take_in(folder or library.own_folder())
    for name in taken:
        click.echo(name)
    for error in wrong:
        click.echo(str(error))
    click.echo(f"{len(taken)} taken in, {len(wrong)} wrong")
    sys.exit(1 if wrong else 0)


@scenarios.command("list")
def list_all() -> None:
    """Every scenario that can be played here, with what it is used for."""
    import django

    django.setup()
    from hearthline.quality.scenarios import library

    for slug, scenario in sorted(library.all_scenarios().items()):
        click.echo(f"{slug:32} {' '.join(sorted(scenario.uses)):28} {scenario.title}")
