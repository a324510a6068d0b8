"""Statements that are run often enough that planning them each time would cost more than running them.

On PostgreSQL they are prepared once in each connection (psycopg's `prepare_threshold`, set in `settings.py`); on SQLite they
are run as any other. Parameters are bound by the server, so each needs a type that it can tell: ids and moments have
one, texts take that of what they are compared with or put into.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import connection


def rows_of(statement: str, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    """All rows that the statement returns, read to the end. Errors are Django's (`IntegrityError`, ...)."""
    if connection.vendor != "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(statement, values)
            return list(cursor.fetchall())
    from psycopg import Cursor  # here: there may be no PostgreSQL, nor its library

    connection.ensure_connection()
    with connection.wrap_database_errors, Cursor(connection.connection) as cursor:
        cursor.execute(statement, values)
        return list(cursor.fetchall())
