from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("calls", "0003_trunk_routing")]

    operations = [
        migrations.AddField(model_name="node", name="term", field=models.PositiveIntegerField(default=0)),
    ]
