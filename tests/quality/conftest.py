"""The bus of these tests keeps its events in a folder of their own."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.conf import settings


@pytest.fixture(autouse=True)
def data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(settings.HEARTHLINE, "data", tmp_path)
    return tmp_path
