"""The jitter buffer: packets as the network brings them in, one 20 ms payload out at every tick.

Playout is counted in slots of 20 ms. The slot of a packet follows from its timestamp, so order, duplicates and gaps
need no thought, and packets of any length (10, 30, 60 ms) are cut and joined to slots. The delay adapts: it grows when
the buffer runs dry (by exactly the lateness of what was missing) and shrinks when the buffer never does.
"""

from __future__ import annotations

MAX_SLOTS = 25  # half a second; beyond it the oldest audio is dropped
_MARGIN_S = 0.008  # a first packet that came closer before the tick than this waits for the next one: 8 to 28 ms in all
_DRY_TICKS = 25  # after half a second without anything the next packet begins anew
_WINDOW = 50  # ticks over which the lowest filling is watched
_MAX_JUMP = 1500  # slots (30 s); a timestamp further off begins anew


class JitterBuffer:
    """One stream's buffer; a payload is whatever bytes a slot holds."""

    __slots__ = (
        "_began",
        "_dry",
        "_hold",
        "_low",
        "_next",
        "_origin",
        "_origin_slot",
        "_partial",
        "_slot_units",
        "_slots",
        "_ticks",
        "dropped",
        "late",
        "target",
    )

    def __init__(self, slot_units: int) -> None:
        """`slot_units`: units of the RTP clock in 20 ms."""
        self._slot_units = slot_units
        self._slots: dict[int, bytes] = {}
        self._partial: dict[int, int] = {}  # slots that are not full yet: bytes they have
        self._next: int | None = None  # the slot to be played next; None: waiting for a first packet
        self._origin = 0  # a timestamp and ...
        self._origin_slot = 0  # ... the slot that begins with it
        self._began: float | None = None  # when the first packet came; None once playout has begun
        self._hold = 0  # ticks to wait before playout begins
        self._dry = 0
        self._low = MAX_SLOTS
        self._ticks = 0
        self.target = 1  # slots that should be left after a pull
        self.late = 0  # packets that came after their turn
        self.dropped = 0  # slots given up to bring the delay down

    def __len__(self) -> int:
        return len(self._slots)

    def _place(self, timestamp: int, arrival: float) -> tuple[int, int]:
        """Slot and offset (in units) of a timestamp; begins anew when the buffer is empty or the jump absurd."""
        delta = ((timestamp - self._origin + 0x80000000) & 0xFFFFFFFF) - 0x80000000
        slot, offset = divmod(delta, self._slot_units)
        slot += self._origin_slot
        following = self._next
        if following is None or abs(slot - following) > _MAX_JUMP:
            self.reset()
            self._origin, self._origin_slot = timestamp, 0
            self._next, self._hold, self._dry = 0, self.target - 1, 0
            self._began = arrival
            return 0, 0
        if not self._slots and self._dry and slot >= following:
            # It ran dry and goes on: what is missing in between was never sent or is too late by now.
            self._origin, self._origin_slot = timestamp, slot
            self._next = slot
            return slot, 0
        return slot, offset

    def push(self, timestamp: int, payload: bytes, arrival: float) -> None:
        """Take a payload that fills one slot exactly; `arrival` in monotonic seconds."""
        slot, offset = self._place(timestamp, arrival)
        if offset:  # the sender's phase has changed (after a pause, after digits): one packet is one slot all the same
            if slot in self._slots:
                slot += 1
            self._origin, self._origin_slot = timestamp, slot
        self._put(slot, payload)

    def push_part(self, timestamp: int, samples: bytes, arrival: float, unit_bytes: int, filler: bytes) -> None:
        """Take samples of any length (`unit_bytes` bytes per unit of the clock), cut to slots; holes are `filler`."""
        slot, offset = self._place(timestamp, arrival)
        size = self._slot_units * unit_bytes
        at, offset = 0, offset * unit_bytes
        while at < len(samples):
            piece = samples[at : at + size - offset]
            if len(piece) < size:
                whole = self._slots.get(slot) or filler * size
                filled = self._partial.pop(slot, 0) + len(piece)
                piece = whole[:offset] + piece + whole[offset + len(piece) :]
                if filled < size and self._next is not None and slot >= self._next:
                    self._partial[slot] = filled
            self._put(slot, piece)
            at += size - offset
            offset = 0
            slot += 1

    def _put(self, slot: int, payload: bytes) -> None:
        following = self._next
        assert following is not None
        if slot < following:
            self.late += 1
            return
        self._slots[slot] = payload
        if len(self._slots) > MAX_SLOTS or slot - following > 4 * MAX_SLOTS:
            keep = slot - self.target
            for old in [s for s in self._slots if s < keep]:
                del self._slots[old]
                self._partial.pop(old, None)
                self.dropped += 1
            self._next = keep

    def pull(self, now: float) -> bytes | None:
        """This tick's payload. None: nothing is here (`waiting` tells a loss from a pause)."""
        following = self._next
        if following is None:
            return None
        if self._began is not None:
            if self._hold or now - self._began < _MARGIN_S:
                self._hold = max(0, self._hold - 1)
                return None
            self._began = None
        payload: bytes | None = None
        if following in self._partial and len(self._slots) == 1:
            dry = True  # the rest of this slot is still to come
        else:
            payload = self._slots.pop(following, None)
            self._partial.pop(following, None)
            dry = payload is None and not self._slots
        if dry:
            self._dry += 1
            self._low = MAX_SLOTS
            if self._dry > _DRY_TICKS:
                self.reset()
            return None
        self._dry = 0
        self._next = following + 1
        left = len(self._slots)
        if left < self._low:
            self._low = left
        self._ticks += 1
        if self._ticks >= _WINDOW:
            self._shrink()
        return payload

    def _shrink(self) -> None:
        """Once a second: when more was always left than is needed, give up a slot (or the excess, when it is large)."""
        excess = self._low - self.target
        self._ticks = 0
        self._low = MAX_SLOTS
        if excess <= 0 or self._next is None:
            return
        for _ in range(excess if excess > 3 else 1):
            self._partial.pop(self._next, None)
            if self._slots.pop(self._next, None) is not None:
                self.dropped += 1
            self._next += 1

    def peek(self) -> bytes | None:
        """The payload after the one that `pull` just found missing (for forward error correction)."""
        return self._slots.get(self._next) if self._next is not None else None

    @property
    def waiting(self) -> bool:
        """Whether there is nothing to conceal: no packet yet, the first delay, or a pause of the sender."""
        return self._next is None or self._began is not None

    def reset(self) -> None:
        """Forget everything: another stream begins."""
        self._slots.clear()
        self._partial.clear()
        self._next = None
        self._dry = 0
