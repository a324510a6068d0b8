"""What call control tells Prometheus of its node: what it drives and uses just now."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from hearthline.callcontrol.conductor import Conductor
from hearthline.calls.call_state import Phase
from hearthline.lib import measures


class _Node(Collector):
    def __init__(self, conductor: Conductor) -> None:
        self._conductor = conductor

    def collect(self) -> Iterator[Metric]:
        conductor = self._conductor
        calls = GaugeMetricFamily("hearthline_calls", "Calls that this node drives, by phase", labels=["phase"])
        counts = Counter(actor.state.phase for actor in list(conductor.actors.values()))
        for phase in Phase:
            if phase is not Phase.CLOSED:
                calls.add_metric([phase.value], counts[phase])
        yield calls
        yield GaugeMetricFamily(
            "hearthline_lines", "Lines that this node carries", value=len(conductor.line_desk.legs())
        )
        yield GaugeMetricFamily(
            "hearthline_switch_up", "1 while call control reaches its switch", value=int(conductor.node_here)
        )
        yield GaugeMetricFamily(
            "hearthline_trunk_channels",
            "Telephone channels that this node uses",
            value=conductor.trunk_desk.channels,
        )


def measure(conductor: Conductor) -> Callable[[], None]:
    """From now on the process's metrics include the node's, until the returned function is called."""
    collector = _Node(conductor)
    measures.REGISTRY.register(collector)
    return lambda: measures.REGISTRY.unregister(collector)
