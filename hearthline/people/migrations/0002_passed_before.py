"""Who called before there was a test call has passed it."""

from typing import Any

from django.db import migrations


def _grant(apps: Any, _editor: Any) -> None:
    apps.get_model("people", "User").objects.filter(role="operator", level=0).update(level=1)


class Migration(migrations.Migration):
    dependencies = [("people", "0001_initial")]

    operations = [migrations.RunPython(_grant, migrations.RunPython.noop)]
