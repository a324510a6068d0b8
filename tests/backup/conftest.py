"""An exchange with people, money, a settled conversation, a recording and an uploaded file, in a data folder of its own."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.conf import settings

from hearthline.calls.models import Node, Recording
from hearthline.lib import clock
from hearthline.lib.ids import new_id
from tests.calls.worlds import a_conversation

SOUND = bytes(range(256)) * 2000


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    monkeypatch.setattr(settings.HEARTHLINE, "data", folder)
    return folder


@pytest.fixture
def exchange(database: str, data: Path) -> str:
    """On either database; the kind."""
    conversation = a_conversation()
    conversation.wrap_up()
    Node.objects.update(heartbeat_at=None)
    path = data / "recordings" / "2026" / "11" / "25" / f"{new_id()}.wav"
    path.parent.mkdir(parents=True)
    path.write_bytes(SOUND)
    Recording.objects.create(
        attempt=conversation.attempt, path=str(path.relative_to(data / "recordings")), started_at=clock.now(),
        duration_ms=1000, size=len(SOUND),
    )  # fmt: skip
    (data / "files" / "uploads").mkdir(parents=True)
    (data / "files" / "uploads" / "Список клиентов.xlsx").write_bytes(b"a spreadsheet")
    (data / "secret.key").write_text("a-secret-of-this-exchange")
    (data / "hearthline.env").write_text("HEARTHLINE_NAME=Zarya\n")
    return database
