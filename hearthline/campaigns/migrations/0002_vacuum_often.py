"""The head of a campaign's queue moves through an index and leaves dead entries behind, which every claim steps over until
they are vacuumed. By PostgreSQL's own rule that is after a fifth of the table; here it is after a hundredth."""

from django.db import migrations


def vacuum_often(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(
            "ALTER TABLE campaigns_contact SET (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 500)"
        )


class Migration(migrations.Migration):
    dependencies = [("campaigns", "0001_initial")]
    operations = [migrations.RunPython(vacuum_often, migrations.RunPython.noop)]
