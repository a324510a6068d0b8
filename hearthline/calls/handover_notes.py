"""What a manager writes about a conversation that was handed over."""

from __future__ import annotations

from hearthline.calls.models import HandOver

LONGEST_NOTES = 4_000


def save_manager_notes(*, handover: HandOver, notes: str) -> None:
    """Keep the manager's notes with the hand-over; the last writing wins. Longer text is cut at `LONGEST_NOTES`."""
    HandOver.objects.filter(pk=handover.pk).update(manager_notes=notes[:LONGEST_NOTES])
