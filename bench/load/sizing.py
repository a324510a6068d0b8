"""What to buy for how many operators, from what was just measured."""

from __future__ import annotations

from bench.load.audio import FIELD_MANUAL, Carried
from bench.load.climb import cores
from bench.load.control import Measured

WAV_BYTES_S = 2 * 2 * 8000  # a recording: 16-bit stereo at 8 kHz
SHARE = 0.7  # of what was measured is planned with: a node takes no new lines at 90 % CPU, and evenings differ
CALLS_AN_HOUR = 30  # of one operator who dials by hand without a pause, unanswered ones included
_WIDE = 46


def table(carried: list[Carried], control: Measured) -> str:
    """Lines of text. An operator is counted as one call all the time, which is more than any has."""
    rows = [("", "a core", "in bounds here")]
    for one in carried:
        name = f"operators, {one.engine}{f', {one.work}' if one.work else ''}"
        rows.append((name, f"{_a_core(one)}", f"{one.here}" if one.climb.steps else "-"))
    rows.append(("the field's published bar, a server", f"{FIELD_MANUAL} manual", "25 predictive"))
    lines = [f"{what:<{_WIDE}} {core:>12} {here:>16}" for what, core, here in rows]
    lines += [f"{what:<{_WIDE}} {value:>12}" for what, value in _rest(control)]
    title = f"Sizing, by {SHARE:.0%} of what was measured here ({cores()} cores, shared with the robots)"
    return "\n".join(["", title, "-" * len(title), *lines])


def _a_core(one: Carried) -> int:
    """Processor time is not all: where audio was late before the processor was used up, that decides."""
    return int(SHARE * (one.a_core if one.limited_by_machine else min(one.a_core, one.here)))


def _rest(control: Measured) -> list[tuple[str, str]]:
    each_s = CALLS_AN_HOUR / 3600
    used_ms = {name: control.line_ms(name) + each_s * control.call_ms(name) for name in control.busy.cpu_s}
    rows = [(f"operators a core of {name}", f"{SHARE * 1000 / ms:,.0f}") for name, ms in used_ms.items() if ms > 0]
    memory = sum(control.memory.values())
    rows += [
        ("memory for each call, pages and call control", f"{memory / 1024:.0f} KiB"),
        ("disk for each hour of conversation", f"{3600 * WAV_BYTES_S / 1e6:.0f} MB"),
    ]
    statements = control.of_call(control.idle.statements, control.busy.statements)
    if statements is not None:
        rows.append(("database statements for each call", f"{statements:.0f}"))
    return rows
