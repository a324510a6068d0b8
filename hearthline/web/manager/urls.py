from __future__ import annotations

from django.urls import URLPattern, path

from hearthline.web.manager import commands, pages

app_name = "manager"


def _addresses(prefix: str, name: str) -> list[URLPattern]:
    """The same addresses for an account and, with the hand-over's id in the path, for a guest."""
    return [
        path(f"{prefix}state/", pages.state, name=f"{name}state"),
        path(f"{prefix}line/open/", commands.open_line, name=f"{name}open_line"),
        path(f"{prefix}line/ring/", commands.open_phone_line, name=f"{name}open_phone_line"),
        path(f"{prefix}line/close/", commands.close_line, name=f"{name}close_line"),
        path(f"{prefix}line/mute/", commands.mute, name=f"{name}mute_line"),
        path(f"{prefix}answer/", commands.answer, name=f"{name}answer"),
        path(f"{prefix}decline/", commands.decline, name=f"{name}decline"),
        path(f"{prefix}hang-up/", commands.hang_up, name=f"{name}hang_up"),
        path(f"{prefix}notes/", commands.notes, name=f"{name}notes"),
    ]


urlpatterns = [
    path("manage/", pages.manage, name="home"),
    *_addresses("manage/", ""),
    path("handover/<uuid:guest>/", pages.guest_page, name="guest"),
    path("handover/<uuid:guest>/enter/", pages.enter, name="guest_enter"),
    *_addresses("handover/<uuid:guest>/", "guest_"),
]
