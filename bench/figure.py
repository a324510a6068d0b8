"""One measured figure, its bar, and the raw thing it is compared with."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Figure:
    """`met` is None where the design sets no bar. A module of this package yields these from `figures()`."""

    what: str  # "key pressed to INVITE, median"
    value: str  # "4.1 ms"
    bar: str = ""  # "at most 15 ms"
    met: bool | None = None
    compared_with: str = ""  # "bare SQL: 2,100 a second"

    def line(self) -> str:
        verdict = {True: "met", False: "MISSED", None: ""}[self.met]
        return f"{self.what:<58} {self.value:>16}   {self.bar:<26} {verdict:<7} {self.compared_with}".rstrip()
