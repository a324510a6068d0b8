"""How calls go, counted for Prometheus."""

from __future__ import annotations

from hearthline.calls.call_state import CallState
from hearthline.lib import measures


def note_transition(before: CallState, after: CallState, trunk: int | None) -> None:
    """Count what this step of a call settled: an answer, an end."""
    if before.answered_at is None and after.answered_at is not None:
        measures.RING_TO_ANSWER.observe(max(0.0, after.answered_at - after.dialled_at))
    if before.ended_at is None and after.ended_at is not None:
        answered = after.answered_at is not None
        measures.CALLS_ENDED.labels("yes" if answered else "no", after.ended_by or "unknown").inc()
        if not answered:
            measures.TRUNK_REFUSALS.labels(str(trunk or ""), str(after.cause or ""), str(after.sip_status or "")).inc()
