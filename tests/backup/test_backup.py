"""A backup is only what can be restored: made while the exchange runs, restored for real, compared row by row."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import tarfile
import threading
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from django.apps import apps
from django.conf import settings
from django.db import connection, connections

from hearthline.backup import restoring
from hearthline.backup.making import backups_in
from hearthline.calls.models import Node
from hearthline.cli import main
from hearthline.ledger import check
from hearthline.ledger.services import top_up
from hearthline.lib import clock
from hearthline.lib.ids import new_id
from hearthline.lib.money import Money
from hearthline.people.models import Organisation, User
from tests.backup.conftest import SOUND


def hearthline(*words: str | Path) -> Result:
    return CliRunner().invoke(main, [str(word) for word in words])


def done(*words: str | Path) -> str:
    result = hearthline(*words)
    assert result.exit_code == 0, (result.output, result.exception)
    return result.output


def refused(*words: str | Path) -> str:
    result = hearthline(*words)
    assert result.exit_code == 1, result.output
    assert "Traceback" not in result.output
    assert isinstance(result.exception, SystemExit), result.exception
    return result.output


def everything() -> dict[str, list[Any]]:
    """Every row of every table, in order."""
    found = {m._meta.label: list(m._base_manager.order_by("pk").values_list()) for m in apps.get_models()}
    connections.close_all()
    return found


def files_of(data: Path) -> dict[str, str]:
    paths = [p for name in ("files", "recordings") for p in (data / name).rglob("*") if p.is_file()]
    return {str(p.relative_to(data)): hashlib.sha256(p.read_bytes()).hexdigest() for p in [*paths, data / "secret.key"]}


def ruin(data: Path) -> None:
    """What a bad day does."""
    User.objects.update(name="nobody")
    Organisation.objects.create(name="of another time")
    shutil.rmtree(data / "recordings")
    (data / "secret.key").write_text("another")
    (data / "bus.sqlite3").write_text("events of another time")
    connections.close_all()


@pytest.mark.parametrize("name", ["backups", "backup.tar", "backup.tar.gz"])
def test_what_was_backed_up_comes_back(exchange: str, data: Path, tmp_path: Path, name: str) -> None:
    rows, files = everything(), files_of(data)
    assert rows["calls.Attempt"]
    told = done("backup", tmp_path / name)
    assert f"{connection.vendor}, 5 files" in told

    ruin(data)
    assert "There is an exchange in" in refused("restore", tmp_path / name)
    assert files_of(data) != files  # a refusal changes nothing
    told = done("restore", tmp_path / name, "--force")

    assert everything() == rows
    assert files_of(data) == files
    assert "sound" in told
    assert "What was there before is kept" in told
    assert (data / "hearthline.env.restored").read_text() == (data / "hearthline.env").read_text()
    assert not (data / "bus.sqlite3").exists()
    assert not list(data.glob("restoring-*"))
    done("backup", tmp_path / "again.tar")  # what was kept aside in the database is no part of the next one
    done("restore", tmp_path / "again.tar", "--force")
    assert everything() == rows


def test_an_empty_exchange_needs_no_force_and_keeps_nothing_aside(exchange: str, data: Path, tmp_path: Path) -> None:
    rows, files = everything(), files_of(data)
    done("backup", tmp_path / "b.tar")
    with connection.cursor() as cursor:
        tables = [connection.ops.quote_name(name) for name in connection.introspection.table_names(cursor)]
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(f"DROP TABLE {', '.join(tables)} CASCADE")
    connections.close_all()
    shutil.rmtree(data)
    data.mkdir()
    if connection.vendor == "sqlite":
        Path(connection.settings_dict["NAME"]).unlink()
    told = done("restore", tmp_path / "b.tar")
    assert "kept" not in told
    assert everything() == rows
    assert files_of(data) == files
    assert not list(data.glob("before-restore-*"))


def test_a_backup_is_for_its_owner_only(exchange: str, tmp_path: Path) -> None:
    done("backup", tmp_path / "backups")
    done("backup", tmp_path / "backup.tar")
    (made,) = backups_in(tmp_path / "backups")
    assert made.stat().st_mode & 0o077 == 0
    assert (made / "secret.key").stat().st_mode & 0o077 == 0
    assert (tmp_path / "backup.tar").stat().st_mode & 0o077 == 0


def test_what_has_not_changed_takes_no_room_and_old_ones_go(
    exchange: str, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    began = clock.now()
    sound = next((data / "recordings").rglob("*.wav"))
    for number in range(3):
        monkeypatch.setattr(clock, "now", lambda n=number: began.replace(year=2027, second=n, microsecond=0))
        (sound.parent / f"new-{number}.wav").write_bytes(SOUND)
        told = done("backup", tmp_path / "backups", "--keep", "2")
    assert "unchanged since the last one; 1 older ones removed" in told
    first, second = backups_in(tmp_path / "backups")
    name = sound.relative_to(data)
    assert (first / name).stat().st_ino == (second / name).stat().st_ino
    assert not (first / name.parent / "new-2.wav").exists()
    sound.write_bytes(b"changed")  # never the copies
    assert (second / name).read_bytes() == SOUND
    done("restore", tmp_path / "backups", "--verify")
    done("restore", first, "--force")
    assert not (sound.parent / "new-2.wav").exists()
    assert sound.read_bytes() == SOUND


def test_money_moves_meanwhile_and_the_copy_is_of_one_moment(exchange: str, tmp_path: Path) -> None:
    """The books in the copy are sound, whatever was being written."""
    organisation = Organisation.objects.first()
    assert organisation is not None
    over, moved, failed = threading.Event(), [0], []

    def keep_paying() -> None:
        try:
            while not over.is_set():
                top_up(organisation=organisation.pk, amount=Money(100, "RUB"), id=new_id())
                moved[0] += 1
        except Exception as error:
            failed.append(error)
            raise
        finally:
            connections.close_all()

    payer = threading.Thread(target=keep_paying)
    payer.start()
    try:
        for number in range(4):
            done("backup", tmp_path / f"{number}.tar")
    finally:
        over.set()
        payer.join(30)
    assert moved[0] > 4
    assert not failed
    connections.close_all()
    for number in (0, 3):
        assert "sound" in done("restore", tmp_path / f"{number}.tar", "--force")
        assert check.prove().sound
        connections.close_all()


def _change_a_sound(backup: Path) -> None:
    path = next(backup.rglob("*.wav"))
    path.write_bytes(b"\1" + path.read_bytes()[1:])


def _lose_a_file(backup: Path) -> None:
    next(backup.rglob("*.xlsx")).unlink()


def _change_the_index(backup: Path) -> None:
    lines = (backup / "index.jsonl").read_bytes().splitlines(keepends=True)
    (backup / "index.jsonl").write_bytes(b"".join(lines[:-1]))


def _lie_about_rows(backup: Path) -> None:
    manifest = json.loads((backup / "manifest.json").read_text())
    manifest["database"]["rows"]["people_user"] += 1
    (backup / "manifest.json").write_text(json.dumps(manifest))


def _come_from_the_future(backup: Path) -> None:
    manifest = json.loads((backup / "manifest.json").read_text())
    manifest["database"]["migrations"].append("calls.9999_of_tomorrow")
    (backup / "manifest.json").write_text(json.dumps(manifest))


@pytest.mark.parametrize(
    ("harm", "sentence"),
    [
        (_change_a_sound, "is damaged in it"),
        (_lose_a_file, "is missing in it"),
        (_change_the_index, "index is not what its manifest vouches for"),
        (_lie_about_rows, "rows where the manifest says"),
        (_come_from_the_future, "made by a newer version"),
        (lambda backup: (backup / "manifest.json").write_text("{"), "cannot be read"),
        (lambda backup: (backup / "manifest.json").unlink(), "There is no whole backup"),
    ],
)
def test_a_backup_that_is_not_whole_changes_nothing(
    exchange: str, data: Path, tmp_path: Path, harm: Any, sentence: str
) -> None:
    done("backup", tmp_path / "backups")
    ruin(data)
    rows, files = everything(), files_of(data)
    harm(backups_in(tmp_path / "backups")[0])
    assert sentence in refused("restore", tmp_path / "backups", "--force")
    assert everything() == rows
    assert files_of(data) == files
    assert not list(data.glob("restoring-*"))
    assert not list(data.glob("before-restore-*"))


@pytest.mark.parametrize(
    "name", ["../outside", "/etc/passwd", "recordings/../../outside", "surprise.txt", "recordings//x"]
)
def test_nothing_is_written_outside(exchange: str, data: Path, tmp_path: Path, name: str) -> None:
    with tarfile.open(tmp_path / "evil.tar", "w") as tar:
        about = tarfile.TarInfo(name)
        about.size = 4
        tar.addfile(about, io.BytesIO(b"evil"))
    rows = everything()
    assert "no backup of Hearthline has" in refused("restore", tmp_path / "evil.tar", "--force")
    assert everything() == rows
    assert not (tmp_path / "outside").exists()
    assert not (data / "surprise.txt").exists()


def test_a_backup_cut_short_is_no_backup(exchange: str, tmp_path: Path) -> None:
    done("backup", tmp_path / "whole.tar.gz")
    cut = (tmp_path / "whole.tar.gz").read_bytes()
    (tmp_path / "cut.tar.gz").write_bytes(cut[: len(cut) // 2])
    assert "is no whole backup" in refused("restore", tmp_path / "cut.tar.gz", "--verify")


def test_an_exchange_at_work_is_left_alone(exchange: str, data: Path, tmp_path: Path) -> None:
    done("backup", tmp_path / "b.tar")
    rows = everything()
    Node.objects.update(heartbeat_at=clock.now())
    connections.close_all()
    assert "has told of itself a moment ago" in refused("restore", tmp_path / "b.tar", "--force")
    Node.objects.update(heartbeat_at=None)
    connections.close_all()
    with restoring.check_folder(settings.HEARTHLINE):
        assert "already runs on this data folder" in refused("restore", tmp_path / "b.tar", "--force")
    assert everything() == rows


def test_a_process_that_has_the_database_is_seen(exchange: str, tmp_path: Path) -> None:
    done("backup", tmp_path / "b.tar")
    held, over = threading.Event(), threading.Event()

    def hold() -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
            held.set()
            over.wait(30)
        connections.close_all()

    if exchange == "postgres":
        worker = threading.Thread(target=hold)
        worker.start()
        assert held.wait(30)
        try:
            told = refused("restore", tmp_path / "b.tar", "--force")
        finally:
            over.set()
            worker.join(30)
    else:
        child = os.fork()
        if not child:  # another process with the file open, until it is killed
            with open(connection.settings_dict["NAME"], "rb"):
                threading.Event().wait(60)
            os._exit(0)
        try:
            told = refused("restore", tmp_path / "b.tar", "--force")
        finally:
            os.kill(child, 9)
            os.waitpid(child, 0)
    assert "database" in told
    assert "End web, callcontrol and worker" in told
