"""`hearthline trunk ...`: accounts at telephone providers."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])
PRESETS = ("generic", "zadarma", "telphin")  # the keys of `calls.trunk_presets`, which needs Django


def _fields(command: F) -> F:
    """The options that `add` and `change` share. One that is not given is None."""
    for option in reversed(
        (
            click.option("--host", help="The provider's SIP server: sip.provider.example"),
            click.option("--port", type=int, help="Default by transport: 5060, TLS 5061."),
            click.option("--transport", type=click.Choice(["udp", "tcp", "tls"]), help="Default: udp."),
            click.option("--username", help="The account; empty where the provider knows you by address."),
            click.option("--from-domain", help="Domain of the caller's address, where it is not the host."),
            click.option("--register/--no-register", default=None, help="Keep the account registered."),
            click.option("--number-format", help="How numbers are written: {e164} has no plus. Default: +{e164}"),
            click.option("--caller-id", help="One of your numbers at the provider: +74951234567"),
            click.option("--prefixes", help='Destinations it takes, as first digits: "7 44 7916". Default: all.'),
            click.option("--calls-from", help='Whence its calls reach you: "192.0.2.0/24 sip2.provider.example"'),
            click.option("--channels", "max_channels", type=click.IntRange(0), help="Calls at once; 0: no limit."),
            click.option(
                "--calls-per-second", "max_calls_per_s", type=click.IntRange(0), help="New calls; 0: no limit."
            ),
            click.option("--priority", type=int, help="The highest is used first."),
            click.option("--in-use/--not-in-use", "active", default=None, help="Whether new calls go over it."),
            click.option("--password-stdin", is_flag=True, help="Read the password from standard input."),
        )
    ):
        command = option(command)
    return command


@click.group()
def trunk() -> None:
    """Accounts at telephone providers."""


@trunk.command("add")
@click.argument("name")
@click.option("--preset", type=click.Choice(PRESETS), help="Start from what is usual at this provider.")
@_fields
def trunk_add(name: str, preset: str | None, password_stdin: bool, **fields: Any) -> None:
    """Add a trunk; in force for the next call. `hearthline trunk test NAME` tries it."""
    _django()
    from hearthline.calls.models import Trunk
    from hearthline.calls.trunk_presets import preset as preset_of

    begun = preset_of(preset) if preset else None
    given = {key: value for key, value in fields.items() if value is not None}
    row = Trunk(**{"name": name, **(begun.fields if begun else {}), **given})
    if not row.host:
        raise click.UsageError("Missing option '--host' (or start from a preset that knows it).")
    row.password = _password(password_stdin, ask=bool(row.username))
    _save(row)
    for note in begun.notes if begun else ():
        click.echo(f"- {note}")
    click.echo(f"Added. Try it: hearthline trunk test {name}")


@trunk.command("change")
@click.argument("name")
@_fields
def trunk_change(name: str, password_stdin: bool, **fields: Any) -> None:
    """Change what is given; in force for the next call, a registration within seconds."""
    _django()
    row = _find(name)
    for key, value in fields.items():
        if value is not None:
            setattr(row, key, value)
    if password_stdin:
        row.password = _password(True, ask=False)
    _save(row)
    click.echo("Changed.")


@trunk.command("list")
def trunk_list() -> None:
    """The trunks, the first to be used on top, and how they stand."""
    _django()
    from hearthline.web.staff.trunk_states import TrunkView, read_trunks

    def stands(view: TrunkView) -> str:
        words = ["in use" if view.trunk.active else "off"]
        words += [f"registered at {s.node_id}" for s in view.registrations if s.registered]
        words += [f"NOT registered at {s.node_id}: {s.said}" for s in view.registrations if not s.registered]
        words += [f"keeps failing at {s.node_id}" for s in view.aside]
        return ", ".join(words)

    rows = [
        (
            v.trunk.name,
            f"{v.trunk.host}:{v.trunk.port or ''}".rstrip(":"),
            v.trunk.transport,
            v.trunk.prefixes or "all",
            v.trunk.caller_id or "-",
            stands(v),
        )
        for v in read_trunks()
    ]
    if not rows:
        click.echo("There is none. Add one: hearthline trunk add NAME --host sip.provider.example --username ...")
    widths = [max(len(row[i]) for row in rows) for i in range(6)] if rows else []
    for row in rows:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


@trunk.command("test")
@click.argument("name")
def trunk_test(name: str) -> None:
    """Ask the provider whether it takes the account. Status 1 if not."""
    _django()
    from django.conf import settings

    from hearthline.doctor.visit import try_trunk

    worked, sentence = try_trunk(settings.HEARTHLINE, _find(name))
    click.echo(sentence)
    sys.exit(0 if worked else 1)


def _find(name: str) -> Any:
    from hearthline.calls.models import Trunk

    row = Trunk.objects.filter(name=name).first()
    if row is None:
        raise click.ClickException(f"There is no trunk named {name}. See: hearthline trunk list")
    return row


def _password(from_stdin: bool, *, ask: bool) -> str:
    if from_stdin:
        return sys.stdin.readline().rstrip("\n")
    if ask:
        return str(click.prompt("Password at the provider", hide_input=True, default="", show_default=False))
    return ""


def _save(row: Any) -> None:
    from django.core.exceptions import ValidationError

    from hearthline.people import audit

    try:
        row.full_clean()
    except ValidationError as error:
        raise click.ClickException(" ".join(f"{k}: {' '.join(v)}" for k, v in error.message_dict.items())) from None
    row.save()
    audit.record(audit.Tag.CLI_TRUNK_CHANGED, None, row.pk)


def _django() -> None:
    import django

    django.setup()
