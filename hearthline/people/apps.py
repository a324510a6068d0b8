from django.apps import AppConfig


class PeopleConfig(AppConfig):
    name = "hearthline.people"

    def ready(self) -> None:
        from hearthline.people import trail

        trail.listen()
