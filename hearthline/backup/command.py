"""`hearthline backup` and `hearthline restore`."""

from __future__ import annotations

import sys
from pathlib import Path

import click


@click.command()
@click.argument("target", type=click.Path(path_type=Path))
@click.option("--keep", type=click.IntRange(0, 10_000), default=0, help="In a folder: how many backups stay; 0: all.")
def backup(target: Path, keep: int) -> None:
    """Copy database, recordings, files and keys to TARGET while the exchange runs.

    TARGET is a folder of backups (what has not changed since the last one takes no room), or a new file that ends in .tar or
    .tar.gz. Whoever can read a backup can read everything: keep it like the exchange itself.
    """
    _django()
    from hearthline.backup.layout import BackupError
    from hearthline.backup.making import make_backup

    try:
        made = make_backup(target.absolute(), keep=keep)
    except BackupError as error:
        raise click.ClickException(str(error)) from None
    click.echo(
        f"{made.path}: {made.database}, {made.files} files, {made.size / 1e6:.1f} MB"
        + (f", {made.linked} of them unchanged since the last one" if made.linked else "")
        + (f"; {made.removed} older ones removed" if made.removed else "")
    )


@click.command()
@click.argument("source", type=click.Path(path_type=Path))
@click.option("--force", is_flag=True, help="Replace the exchange that is there; it is kept aside.")
@click.option("--verify", is_flag=True, help="Only read all of it and compare the sums.")
def restore(source: Path, force: bool, verify: bool) -> None:
    """Put the exchange into the state of a backup: a folder of them (the newest), one of them, or a file.

    End web, callcontrol and worker first. Status 1 when the books are not sound afterwards.
    """
    _django()
    from hearthline.backup.layout import BackupError
    from hearthline.backup.restoring import restore_backup, verify_backup

    try:
        if verify:
            manifest = verify_backup(source.absolute())
            click.echo(f"whole: {manifest.files} files, {manifest.size / 1e6:.1f} MB, made {manifest.made_at}")
            return
        restored = restore_backup(source.absolute(), force=force, migrate=_migrate)
    except BackupError as error:
        raise click.ClickException(str(error)) from None
    rows = sum(restored.manifest.database.rows.values())
    click.echo(f"Restored the backup of {restored.manifest.made_at}: {rows} rows, {restored.manifest.files} files.")
    if restored.former:
        click.echo(f"What was there before is kept: {restored.former}. Delete it when you are sure.")
    for fault in restored.books.faults:
        click.echo(fault)
    click.echo(f"ledger check: {restored.books.accounts} accounts: {'sound' if restored.books.sound else 'NOT SOUND'}")
    sys.exit(0 if restored.books.sound else 1)


def _django() -> None:
    import django

    django.setup()


def _migrate() -> None:
    from hearthline.migrating import bring_up_to_date

    bring_up_to_date()
