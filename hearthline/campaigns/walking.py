"""Walking over all contacts of a campaign, however many."""

from __future__ import annotations

from collections.abc import Iterator

from django.db.models import Q, QuerySet

from hearthline.campaigns.models import Contact


def in_file_order(contacts: QuerySet[Contact], size: int = 1000) -> Iterator[list[Contact]]:
    """All contacts of one campaign, in batches, in the order of their rows; those added by hand come last. Each batch is
    one query by key: memory is flat and no cursor stays open. `contacts` is filtered to one campaign, not ordered."""
    for by_hand in (False, True):
        rows = contacts.filter(row_number__isnull=by_hand).order_by("row_number", "id")
        last: Contact | None = None
        while True:
            following = rows
            if last is not None and by_hand:
                following = rows.filter(id__gt=last.pk)
            elif last is not None:
                beyond = Q(row_number__gt=last.row_number) | Q(row_number=last.row_number, id__gt=last.pk)
                following = rows.filter(beyond, row_number__gte=last.row_number)
            batch = list(following[:size])
            if batch:
                yield batch
            if len(batch) < size:
                break
            last = batch[-1]
