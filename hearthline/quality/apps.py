from django.apps import AppConfig


class QualityConfig(AppConfig):
    name = "hearthline.quality"
