"""What every process counts for Prometheus: one registry a process, which its own `/metrics` shows.

Labels take values from short lists of ours (views, phases, causes, verdicts, nodes, trunks by number), never a person's. Each process
is a target of its own; what is counted is summed over them. `hearthline_exchange_...` (in `observe/facts.py`) is the exception: facts
of the database, the same wherever they are asked for; take the max over processes.
"""

from __future__ import annotations

from prometheus_client import (
    CollectorRegistry,
    Counter,
    GCCollector,
    Histogram,
    Info,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
)

from hearthline import VERSION

# it would be a second series for each first one, which nobody reads
disable_created_metrics()  # type: ignore[no-untyped-call]  # the library gives it no types
REGISTRY = CollectorRegistry()
ProcessCollector(registry=REGISTRY)
PlatformCollector(registry=REGISTRY)
GCCollector(registry=REGISTRY)
BUILD = Info("hearthline_build", "The version of Hearthline that this process runs", registry=REGISTRY)
BUILD.info({"version": VERSION})

_HTTP = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
_KEY = (0.002, 0.005, 0.01, 0.015, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0)  # the design's bars are 15 ms and 50 ms
_ANSWER = (1.0, 2.0, 4.0, 6.0, 8.0, 12.0, 16.0, 20.0, 30.0, 40.0, 60.0)

HTTP_SECONDS = Histogram(
    "hearthline_http_seconds",
    "From a request's arrival to its response, by the name of the view",
    ("view",),
    buckets=_HTTP,
    registry=REGISTRY,
)
HTTP_RESPONSES = Counter(
    "hearthline_http_responses", "Responses by view and class of status", ("view", "status"), registry=REGISTRY
)
KEY_TO_INVITE = Histogram(
    "hearthline_key_to_invite_seconds",
    "From an operator's key at the web process to call control's word that the INVITE is on the wire",
    buckets=_KEY,
    registry=REGISTRY,
)
BUS_LAG = Histogram(
    "hearthline_bus_lag_seconds",
    "From an event's publication to a reading browser's stream",
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0),
    registry=REGISTRY,
)
RING_TO_ANSWER = Histogram(
    "hearthline_ring_to_answer_seconds", "From the INVITE to a contact's answer", buckets=_ANSWER, registry=REGISTRY
)
CALLS_ENDED = Counter(
    "hearthline_calls_ended", "Calls whose contact's leg is gone", ("answered", "by"), registry=REGISTRY
)
TRUNK_REFUSALS = Counter(
    "hearthline_trunk_refusals",
    "Calls that ended without an answer, by trunk, Q.850 cause and SIP status",
    ("trunk", "cause", "sip_status"),
    registry=REGISTRY,
)
SETTLEMENTS = Counter(
    "hearthline_settlements",
    "Attempts settled, by verdict: paid, or why not (calls.settlement.NOT_PAYABLE)",
    ("verdict",),
    registry=REGISTRY,
)
