"""One thing that was looked at, and how it stands."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    GOOD = "ok"
    NOTE = "note"  # works, but somebody should know
    MISSING = "MISSING"  # real calls do not work without it
    UNCHECKED = "?"  # could not be found out from here


@dataclass(frozen=True, slots=True)
class Finding:
    subject: str  # "trunk"
    state: State
    sentence: str
    remedy: str = ""

    def lines(self) -> list[str]:
        first = f"{self.state.value:<8}{self.subject:<16}{self.sentence}"
        return [first, f"{'':<24}→ {self.remedy}"] if self.remedy else [first]
