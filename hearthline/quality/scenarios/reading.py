"""A scenario's YAML, checked: every fault with its line and with what to do about it."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import yaml

from hearthline.campaigns.models import DispositionKind
from hearthline.quality.scenarios.scenario import (
    NUMBER,
    Act,
    Manner,
    Means,
    Persona,
    RubricItem,
    Scenario,
    ScenarioTurn,
    Use,
    Waits,
)

MAX_BYTES = 100_000
MAX_TURNS = 40
MAX_LINE = 400  # characters of what is said at once
LANGUAGES = ("ru", "en")
VOICES = ("woman", "man", "young_woman", "old_man")
MONOLOGUE_S = (3.0, 14.0)  # longer talk without a pause is taken for music
_RECORDING = re.compile(r"[a-z0-9_-]{1,60}\.wav")
_WORD = re.compile(r"[a-z][a-z0-9_]{0,39}")
_NEEDS_LIMIT = {
    Manner.SPEAKS_SOON, Manner.LETS_SPEAK, Manner.LONGEST_SILENCE, Manner.GIVES_WAY, Manner.LONGEST_MONOLOGUE,
}  # fmt: skip
_NEEDS_TURN = {Manner.GIVES_WAY, Manner.STAYS}

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Fault:
    line: int
    sentence: str


class ScenarioError(Exception):
    """A file that is no scenario; `faults` says why, each by its line."""

    def __init__(self, slug: str, faults: Sequence[Fault]) -> None:
        self.slug = slug
        self.faults = sorted(faults, key=lambda fault: fault.line)
        super().__init__("\n".join(f"{slug}, line {fault.line}: {fault.sentence}" for fault in self.faults))


def read_scenario(slug: str, text: str) -> Scenario:
    """`slug` is "language/name". Raises ScenarioError."""
    if len(text.encode()) > MAX_BYTES:
        raise ScenarioError(slug, [Fault(1, f"The file is too large: at most {MAX_BYTES} bytes.")])
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ScenarioError(slug, [Fault(line, f"This is not YAML: {error.problem}.")]) from None
    faults: list[Fault] = []
    if not isinstance(root, yaml.MappingNode):
        raise ScenarioError(slug, [Fault(1, "A scenario begins with names and values, such as title: A wrong number")])
    scenario = _scenario(slug, _Part(root, faults, "the scenario"))
    if faults:
        raise ScenarioError(slug, faults)
    return scenario


def _scenario(slug: str, part: _Part) -> Scenario:
    language = slug.partition("/")[0]
    if language not in LANGUAGES:
        part.fault(part.line, f"Put the file into a folder named by its language: {' or '.join(LANGUAGES)}.")
    uses = frozenset(_word(part, word, Use, "uses") for word in part.texts("uses", needed=True))
    turns = _turns(part)
    scenario = Scenario(
        slug=slug,
        language=language,
        title=part.text("title", 120, needed=True),
        about=part.text("about", 600),
        uses=frozenset(use for use in uses if use is not None),
        persona=_persona(part),
        turns=turns,
        means=_means(part),
        rubric=_rubric(part, turns),
    )
    _check_number(part, scenario)
    part.finish()
    return scenario


def _check_number(part: _Part, scenario: Scenario) -> None:
    """A decoy's robot says the number, in its own words and not in a recording's; others have none to say."""
    saying = [turn for turn in scenario.turns if NUMBER in turn.says]
    if Use.DECOY not in scenario.uses:
        if saying:
            part.fault(part.line_of("turns"), f"{NUMBER} stands for a decoy's number: only uses: [decoy] has one.")
        return
    if scenario.uses != {Use.DECOY}:
        part.fault(part.line_of("uses"), "A scenario for decoys is for nothing else: uses: [decoy]")
    if not saying or any(turn.recording for turn in saying):
        part.fault(part.line_of("turns"), f"A decoy says its number: write {NUMBER} into a turn without a recording.")


def _persona(root: _Part) -> Persona:
    part = root.part("persona")
    if part is None:
        return Persona()
    persona = Persona(
        name=part.text("name", 120),
        voice=part.choice("voice", VOICES, "woman"),
        patience_s=part.number("patience", 2, 60, 7.0),
        thinks_s=part.number("thinks", 0, 10, 0.5),
        answers_after_s=part.number("answers_after", 0.5, 30, 2.0),
        interruptible=part.flag("interruptible", default=True),
        machine=part.flag("machine", default=False),
        data=part.values("data"),
    )
    part.finish()
    return persona


def _turns(root: _Part) -> tuple[ScenarioTurn, ...]:
    parts = root.parts("turns", needed=True)
    if len(parts) > MAX_TURNS:
        root.fault(root.line, f"At most {MAX_TURNS} turns; this has {len(parts)}.")
    turns = [_turn(part, n) for n, part in enumerate(parts[:MAX_TURNS], start=1)]
    seen: set[str] = set()
    for part, turn in zip(parts, turns, strict=False):
        if turn.id in seen:
            part.fault(part.line, f"Two turns have the id {turn.id}; give each its own.")
        seen.add(turn.id)
    return tuple(turns)


def _turn(part: _Part, number: int) -> ScenarioTurn:
    waits = Waits(part.choice("wait", tuple(Waits), Waits.ANSWER))
    recording = part.text("recording", 64)
    says = part.text("say", MAX_LINE, needed=True)
    if recording and not _RECORDING.fullmatch(recording):
        part.fault(part.line_of("recording"), "Name the recording by small letters, digits, - and _: hello.wav")
    low, high = MONOLOGUE_S if waits is Waits.MONOLOGUE else (0.2, 60.0)
    seconds = 0.0
    if waits is Waits.ANSWER:
        if part.has("seconds"):
            part.fault(part.line_of("seconds"), "An answer is waited for as long as it takes; leave seconds out.")
            part.number("seconds", 0, 1e6, 0.0)
    else:
        if not part.has("seconds"):
            part.fault(part.line, f"Say for how many seconds: wait: {waits} needs seconds: 5")
        seconds = part.number("seconds", low, high, low)
    if number == 1 and waits is not Waits.ANSWER:
        part.fault(part.line_of("wait"), "The first turn is the greeting, which waits for nothing; leave wait out.")
    turn = ScenarioTurn(
        id=part.name("id") or f"turn{number}",
        says=says,
        act=Act(part.choice("act", tuple(Act), Act.GREETS if number == 1 else Act.TELLS)),
        waits=waits,
        seconds=seconds,
        voice=part.choice("voice", VOICES, "") if part.has("voice") else "",
        recording=recording,
        hangs_up=part.flag("hangs_up", default=False),
    )
    part.finish()
    return turn


def _means(root: _Part) -> Means:
    part = root.part("means", needed=True)
    if part is None:
        return Means(())
    kinds = tuple(DispositionKind.values)
    outcome = part.texts("outcome", needed=True)
    for kind in outcome:
        if kind not in kinds:
            part.fault(part.line_of("outcome"), f"{kind} is no kind of outcome. There are: {', '.join(kinds)}")
    fields = part.lists("fields")
    means = Means(outcome=tuple(outcome), fields=fields, why=part.text("why", 600))
    part.finish()
    return means


def _rubric(root: _Part, turns: Sequence[ScenarioTurn]) -> tuple[RubricItem, ...]:
    items = []
    for part in root.parts("rubric"):
        manner = part.choice("item", tuple(Manner), "")
        if not manner:
            part.fault(part.line, f"Say which item: item: {Manner.LETS_SPEAK}. There are: {', '.join(Manner)}")
            continue
        kind = Manner(manner)
        limit_name = "times" if kind is Manner.LETS_SPEAK else "seconds"
        if kind in _NEEDS_LIMIT and not part.has(limit_name):
            part.fault(part.line, f"{kind} needs {limit_name}: a number.")
        limit = part.number(limit_name, 0, 120, 0.0) if part.has(limit_name) else 0.0
        turn = part.name("turn")
        if kind in _NEEDS_TURN and not any(one.id == turn for one in turns):
            known = ", ".join(one.id for one in turns)
            part.fault(part.line_of("turn"), f"{kind} needs turn: the id of one of the turns ({known}).")
        words = part.texts("words")
        if kind is Manner.MENTIONS and not words:
            part.fault(part.line, "mentions needs words: a list of which one has to be said.")
        items.append(RubricItem(kind, limit, turn, tuple(words), int(part.number("weight", 1, 10, 1))))
        part.finish()
    return tuple(items)


def _word(part: _Part, text: str, kind: Callable[[str], T], key: str) -> T | None:
    try:
        return kind(text)
    except ValueError:
        known = ", ".join(Use)
        part.fault(part.line_of(key), f"{text} is not one of: {known}")
        return None


class _Part:
    """One mapping of the file: values are asked for by name, and what nobody has asked for is a fault."""

    def __init__(self, node: yaml.MappingNode, faults: list[Fault], what: str) -> None:
        self._faults = faults
        self._what = what
        self.line = node.start_mark.line + 1
        self._nodes: dict[str, yaml.Node] = {}
        self._lines: dict[str, int] = {}
        self._asked: set[str] = set()
        for key, value in node.value:
            name = str(key.value)
            line = key.start_mark.line + 1
            if name in self._nodes:
                self.fault(line, f"{name} is there twice in {what}; keep one.")
            self._nodes[name], self._lines[name] = value, line

    def fault(self, line: int, sentence: str) -> None:
        self._faults.append(Fault(line, sentence))

    def has(self, key: str) -> bool:
        return key in self._nodes

    def line_of(self, key: str) -> int:
        return self._lines.get(key, self.line)

    def finish(self) -> None:
        for key in self._nodes:
            if key not in self._asked:
                known = ", ".join(sorted(self._asked))
                self.fault(self._lines[key], f"{key} means nothing in {self._what}. There are: {known}")

    def _get(self, key: str, *, needed: bool = False) -> yaml.Node | None:
        self._asked.add(key)
        node = self._nodes.get(key)
        if node is None and needed:
            self.fault(self.line, f"{key} is missing in {self._what}.")
        return node

    def _scalar(self, key: str, *, needed: bool = False) -> str | None:
        node = self._get(key, needed=needed)
        if node is None:
            return None
        if not isinstance(node, yaml.ScalarNode):
            self.fault(self._lines[key], f"{key} is one value, not a list.")
            return None
        return str(node.value).strip()

    def text(self, key: str, longest: int, *, needed: bool = False) -> str:
        value = self._scalar(key, needed=needed)
        if value is None:
            return ""
        if needed and not value:
            self.fault(self._lines[key], f"{key} is empty.")
        if len(value) > longest:
            self.fault(self._lines[key], f"{key} is too long: at most {longest} characters.")
        return value

    def name(self, key: str) -> str:
        value = self.text(key, 40)
        if value and not _WORD.fullmatch(value):
            self.fault(self._lines[key], f"{key} is a word of small letters, digits and _: asks_price")
        return value

    def choice(self, key: str, allowed: Sequence[str], default: str) -> str:
        value = self._scalar(key)
        if value is None:
            return default
        if value not in allowed:
            self.fault(self._lines[key], f"{value} is no {key}. There are: {', '.join(str(one) for one in allowed)}")
            return default
        return value

    def number(self, key: str, low: float, high: float, default: float) -> float:
        value = self._scalar(key)
        if value is None:
            return default
        try:
            number = float(value)
        except ValueError:
            number = float("nan")
        if not low <= number <= high:
            self.fault(self._lines[key], f"{key} is a number from {low:g} to {high:g}.")
            return default
        return number

    def flag(self, key: str, *, default: bool) -> bool:
        value = self._scalar(key)
        if value is None:
            return default
        if value not in ("yes", "no", "true", "false"):
            self.fault(self._lines[key], f"{key} is yes or no.")
        return value in ("yes", "true")

    def texts(self, key: str, *, needed: bool = False) -> list[str]:
        """A list of texts; one text is a list of one."""
        node = self._get(key, needed=needed)
        return self._texts_of(node, key) if node is not None else []

    def _texts_of(self, node: yaml.Node, key: str) -> list[str]:
        if isinstance(node, yaml.ScalarNode):
            return [str(node.value).strip()]
        if isinstance(node, yaml.SequenceNode) and all(isinstance(one, yaml.ScalarNode) for one in node.value):
            return [str(one.value).strip() for one in node.value]
        self.fault(node.start_mark.line + 1, f"{key} is a value or a list of values: [a, b]")
        return []

    def part(self, key: str, *, needed: bool = False) -> _Part | None:
        node = self._get(key, needed=needed)
        if node is None:
            return None
        if not isinstance(node, yaml.MappingNode):
            self.fault(self._lines[key], f"{key} has names and values below it, indented.")
            return None
        return _Part(node, self._faults, key)

    def parts(self, key: str, *, needed: bool = False) -> list[_Part]:
        node = self._get(key, needed=needed)
        if node is None:
            return []
        if not isinstance(node, yaml.SequenceNode) or (needed and not node.value):
            self.fault(self._lines[key], f"{key} is a list: each begins with a dash.")
            return []
        found = []
        for one in node.value:
            if isinstance(one, yaml.MappingNode):
                found.append(_Part(one, self._faults, f"one of {key}"))
            else:
                self.fault(one.start_mark.line + 1, f"Each of {key} has names and values: - say: Hello?")
        return found

    def values(self, key: str) -> dict[str, str]:
        part = self.part(key)
        if part is None:
            return {}
        return {name: part.text(name, 400) for name in part._nodes}

    def lists(self, key: str) -> dict[str, tuple[str, ...]]:
        part = self.part(key)
        if part is None:
            return {}
        return {name: tuple(part.texts(name)) for name in part._nodes}
