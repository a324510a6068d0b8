"""Several workers at once: each recording is queued once and analysed once, on SQLite and on PostgreSQL."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.conf import settings

from hearthline.quality.analysis import services
from hearthline.quality.analysis.tasks import queue_analyses
from hearthline.quality.models import AnalysisState, CallAnalysis
from tests.quality.test_analysis_work import a_recorded_call
from tests.races import failures, together


@pytest.fixture(autouse=True)
def data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings.HEARTHLINE, "data", tmp_path)
    settings.HEARTHLINE.recordings_folder.mkdir(parents=True)


def test_each_recording_is_queued_once_and_analysed_once(database: str) -> None:
    recordings = [a_recorded_call() for _number in range(2)]
    queued = together(4, lambda _number: queue_analyses())
    assert failures(queued) == []
    assert CallAnalysis.objects.filter(state=AnalysisState.QUEUED).count() == len(recordings)
    for recording in recordings:
        done = together(4, lambda _number, id=recording.pk: services.analyse_recording(id))
        assert sorted(done) == [False, False, False, True]
    assert set(CallAnalysis.objects.values_list("state", "tries")) == {(AnalysisState.DONE, 1)}
