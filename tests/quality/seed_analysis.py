"""Run in a process of its own on a data folder of its own: a call that a machine took and an operator claimed; its moderator and operator."""

from __future__ import annotations

import json

import django

django.setup()

from django.conf import settings  # noqa: E402
from django.contrib.auth import login  # noqa: E402
from django.contrib.sessions.backends.db import SessionStore  # noqa: E402
from django.http import HttpRequest  # noqa: E402

from hearthline.people.models import Role, User  # noqa: E402
from tests.people.conftest import a_person  # noqa: E402
from tests.quality import calls  # noqa: E402
from tests.quality.test_analysis_work import a_recorded_call  # noqa: E402


def session_of(user: User) -> str:
    request = HttpRequest()
    request.session = SessionStore()
    login(request, user, backend="django.contrib.auth.backends.ModelBackend")
    request.session.save()
    return str(request.session.session_key)


settings.HEARTHLINE.recordings_folder.mkdir(parents=True, exist_ok=True)
recording = a_recorded_call(calls.voicemail(1), noise="white", snr_db=10.0)
print(
    json.dumps(
        {
            "moderator": session_of(a_person(Role.MODERATOR)),
            "operator": session_of(recording.attempt.operator),
            "recording": str(recording.pk),
        }
    )
)
