from importlib import import_module

from django.apps import AppConfig


class RealtimeConfig(AppConfig):
    name = "hearthline.realtime"

    def ready(self) -> None:
        import_module("hearthline.realtime.stream")  # connects the signal of signing out, in every process
