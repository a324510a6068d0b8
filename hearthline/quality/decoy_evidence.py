"""How much a call to a decoy says about the operator who was shown the number. Pure: facts in, a word and reasons out.

A figure is a reason to listen and to ask, never a verdict: people dial wrong numbers, and a caller's number can be forged.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from hearthline.quality.models_decoys import Whose

SEVERAL_CALLS = 3
NOISY = 3  # calls of strangers while nobody had been shown the number


class Confidence(StrEnum):
    WEAK = "weak"
    FAIR = "fair"
    STRONG = "strong"


@dataclass(frozen=True, slots=True)
class Facts:
    """Of one lending, up to now."""

    whose: frozenset[Whose]  # of all its calls
    calls: int
    callers: int  # different numbers; those that were withheld count as one
    shown: bool = True  # False: the robot never came to say the number
    known_before: bool = False  # every one of these callers had called before the operator was shown the number
    noise: int = 0  # calls of strangers while nobody had been shown it
    other_decoys: int = 0  # of the same operator's that were called, too
    lent_before: int = 0  # to how many others, earlier
    entered: str = ""  # the number is a contact somewhere: entered by "operator", or by "others"


@dataclass(frozen=True, slots=True)
class Judgement:
    confidence: Confidence
    reasons: tuple[str, ...]  # codes, the weightiest first; the pages have the sentences


def judge(facts: Facts) -> Judgement:
    against = _against(facts)
    if "not_shown" in against or "known_before" in against:
        return Judgement(Confidence.WEAK, tuple(against))
    strong = [code for whose, code in _TELLING.items() if whose in facts.whose]
    if facts.entered == "operator":
        strong.append("entered_by_operator")
    if facts.other_decoys:
        strong.append("other_decoys")
    if strong:
        return Judgement(Confidence.STRONG, (*strong, *against))
    fair = []
    if facts.callers > 1:
        fair.append("several_callers")
    if facts.calls >= SEVERAL_CALLS:
        fair.append("several_calls")
    if facts.entered or Whose.EXCHANGE in facts.whose:
        fair.append("through_exchange")
    if fair and "noisy" not in against:
        return Judgement(Confidence.FAIR, (*fair, *against))
    return Judgement(Confidence.WEAK, (*(fair or ["one_stranger"]), *against))


def _against(facts: Facts) -> list[str]:
    found = []
    if not facts.shown:
        found.append("not_shown")
    if facts.known_before:
        found.append("known_before")
    if facts.noise >= NOISY:
        found.append("noisy")
    if facts.lent_before:
        found.append("lent_before")
    return found


_TELLING = {Whose.OWN: "own", Whose.PERSON: "person", Whose.CUSTOMER: "customer"}
