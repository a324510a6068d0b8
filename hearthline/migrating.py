"""The database in this version's form."""

from __future__ import annotations

from django.core.management import call_command
from django.db import connection, connections
from django.db.migrations.executor import MigrationExecutor


def missing_migrations() -> int:
    """How many are not applied. Raises `django.db.Error` when the database cannot be reached."""
    executor = MigrationExecutor(connection)
    return len(executor.migration_plan(executor.loader.graph.leaf_nodes()))


def bring_up_to_date(verbosity: int = 0) -> None:
    """Nothing is done to a database that is up to date: Django would look at all models first, for more than a second."""
    if verbosity or missing_migrations():
        call_command("migrate", interactive=False, verbosity=verbosity)
    connections.close_all()
