"""`hearthline node ...`: the nodes of an exchange, and emptying one before its host is worked on."""

from __future__ import annotations

import sys
import time

import click

LOOK_EVERY_S = 1.0


@click.group()
def node() -> None:
    """Nodes: a switch with its call control, one or many."""
    import django

    django.setup()


@node.command("list")
def node_list() -> None:
    """What each node does, and whether it takes new lines."""
    from hearthline.calls.nodes import all_nodes

    rows: list[tuple[str, ...]] = [("NODE", "ENGINE", "STATE", "CALLS", "LINES", "LEGS", "CPU %", "LATE %")]
    for one in all_nodes():
        state = (
            "silent" if not one.alive else "draining" if one.draining else f"full ({one.full})" if one.full else "ready"
        )
        figures = (one.calls, one.lines, one.legs, one.cpu_percent, one.late_tick_percent)
        rows.append((one.name, one.engine, state, *("-" if figure is None else str(figure) for figure in figures)))
    if len(rows) == 1:
        click.echo(
            "There is none yet. Start one: hearthline callcontrol (or hearthline up, for everything on one machine)"
        )
        return
    widths = [max(len(row[n]) for row in rows) for n in range(len(rows[0]))]
    for row in rows:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


@node.command("drain")
@click.argument("name")
@click.option(
    "--timeout", "timeout_s", type=click.IntRange(0), default=3600, show_default=True, help="Seconds to wait."
)
def drain(name: str, timeout_s: int) -> None:
    """Give the node no new lines, move idle ones elsewhere, and wait for its calls to end. Status 1 when something is left."""
    from hearthline.calls.nodes import set_draining, what_is_left

    if not set_draining(name, draining=True):
        raise click.ClickException(f"There is no node named {name}. See: hearthline node list")
    end = time.monotonic() + timeout_s
    told: tuple[int, int] | None = None
    while (left := what_is_left(name)) != (0, 0):
        if left != told:
            told = left
            click.echo(f"{name}: {left[0]} calls, {left[1]} open lines")
        if time.monotonic() >= end:
            click.echo(f"{name} still has them after {timeout_s} s. It stays closed for new lines; take it back with: ")
            click.echo(f"  hearthline node undrain {name}")
            sys.exit(1)
        time.sleep(LOOK_EVERY_S)
    click.echo(f"{name} is empty: it can be stopped. Afterwards: hearthline node undrain {name}")


@node.command("undrain")
@click.argument("name")
def undrain(name: str) -> None:
    """Let the node take new lines again."""
    from hearthline.calls.nodes import set_draining

    if not set_draining(name, draining=False):
        raise click.ClickException(f"There is no node named {name}. See: hearthline node list")
    click.echo(f"{name} takes new lines again.")
