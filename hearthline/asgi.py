"""The web process: pages, API and event streams."""

from __future__ import annotations

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "hearthline.settings")
_django = get_asgi_application()

from hearthline.realtime.stream import with_streams  # noqa: E402 (Django must be set up first)

application = with_streams(_django)
