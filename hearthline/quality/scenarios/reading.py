"""A scenario's YAML, checked: every fault with its line and with what to do about it."""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass
from typing import TypeVar

import yaml
from django.utils.translation import gettext as _

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
from hearthline.quality.scenarios.uses import why_unfit

MAX_BYTES = 100_000
MAX_TURNS = 40
MAX_LINE = 400  # characters of what is said at once
LANGUAGES = ("ru", "en")
VOICES = ("woman", "man", "young_woman", "old_man")
MONOLOGUE_S = (3.0, 14.0)  # longer talk without a pause is taken for music
RECORDING_NAME = re.compile(r"[a-z0-9_-]{1,60}\.wav")
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


def read_scenario(slug: str, text: str, recordings: Container[str] | None = None) -> Scenario:
    """`slug` is "language/name"; `recordings`: the names of those that there are (None: they are not looked at). Raises
    ScenarioError, its sentences in the language that is active."""
    if len(text.encode()) > MAX_BYTES:
        raise ScenarioError(slug, [Fault(1, _("The text is too long: at most %(most)s bytes.") % {"most": MAX_BYTES})])
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        sentence = _("This is not YAML: %(problem)s.") % {"problem": error.problem}
        raise ScenarioError(slug, [Fault(line, sentence)]) from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise ScenarioError(
            slug, [Fault(line, _("There is a character in this line that YAML does not know."))]
        ) from None
    except RecursionError:
        raise ScenarioError(slug, [Fault(1, _("This goes deeper than any scenario."))]) from None
    faults: list[Fault] = []
    if not isinstance(root, yaml.MappingNode):
        sentence = _("A scenario begins with names and values, such as title: A wrong number")
        raise ScenarioError(slug, [Fault(1, sentence)])
    scenario = _scenario(slug, _Part(root, faults, _("the scenario")), recordings)
    if faults:
        raise ScenarioError(slug, faults)
    return scenario


def _scenario(slug: str, part: _Part, recordings: Container[str] | None) -> Scenario:
    language = slug.partition("/")[0]
    if language not in LANGUAGES:
        known = _(" or ").join(LANGUAGES)
        part.fault(part.line, _("Put the file into a folder named by its language: %(known)s.") % {"known": known})
    uses = frozenset(_word(part, word, Use, "uses") for word in part.texts("uses", needed=True))
    turns = _turns(part, recordings)
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
    for use in scenario.uses:
        if sentence := why_unfit(scenario, use):
            part.fault(part.line_of("uses"), sentence)
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


def _turns(root: _Part, recordings: Container[str] | None) -> tuple[ScenarioTurn, ...]:
    parts = root.parts("turns", needed=True)
    if len(parts) > MAX_TURNS:
        root.fault(root.line, _("At most %(most)s turns; this has %(n)s.") % {"most": MAX_TURNS, "n": len(parts)})
    turns = [_turn(part, n, recordings) for n, part in enumerate(parts[:MAX_TURNS], start=1)]
    seen: set[str] = set()
    for part, turn in zip(parts, turns, strict=False):
        if turn.id in seen:
            part.fault(part.line, _("Two turns have the id %(id)s; give each its own.") % {"id": turn.id})
        seen.add(turn.id)
    return tuple(turns)


def _turn(part: _Part, number: int, recordings: Container[str] | None) -> ScenarioTurn:
    waits = Waits(part.choice("wait", tuple(Waits), Waits.ANSWER))
    recording = part.text("recording", 64)
    says = part.text("say", MAX_LINE, needed=True)
    if recording and not RECORDING_NAME.fullmatch(recording):
        part.fault(part.line_of("recording"), _("Name the recording by small letters, digits, - and _: hello.wav"))
    elif recording and recordings is not None and recording not in recordings:
        sentence = _("There is no recording %(name)s. Upload it first, or leave recording out.") % {"name": recording}
        part.fault(part.line_of("recording"), sentence)
    low, high = MONOLOGUE_S if waits is Waits.MONOLOGUE else (0.2, 60.0)
    seconds = 0.0
    if waits is Waits.ANSWER:
        if part.has("seconds"):
            part.fault(part.line_of("seconds"), _("An answer is waited for as long as it takes; leave seconds out."))
            part.number("seconds", 0, 1e6, 0.0)
    else:
        if not part.has("seconds"):
            part.fault(part.line, _("Say for how many seconds: wait: %(wait)s needs seconds: 5") % {"wait": waits})
        seconds = part.number("seconds", low, high, low)
    if number == 1 and waits is not Waits.ANSWER:
        part.fault(part.line_of("wait"), _("The first turn is the greeting, which waits for nothing; leave wait out."))
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
            words = {"kind": kind, "known": ", ".join(kinds)}
            part.fault(part.line_of("outcome"), _("%(kind)s is no kind of outcome. There are: %(known)s") % words)
    fields = part.lists("fields")
    means = Means(outcome=tuple(outcome), fields=fields, why=part.text("why", 600))
    part.finish()
    return means


def _rubric(root: _Part, turns: Sequence[ScenarioTurn]) -> tuple[RubricItem, ...]:
    items = []
    for part in root.parts("rubric"):
        manner = part.choice("item", tuple(Manner), "")
        if not manner:
            words = {"example": Manner.LETS_SPEAK, "known": ", ".join(Manner)}
            part.fault(part.line, _("Say which item: item: %(example)s. There are: %(known)s") % words)
            continue
        kind = Manner(manner)
        limit_name = "times" if kind is Manner.LETS_SPEAK else "seconds"
        if kind in _NEEDS_LIMIT and not part.has(limit_name):
            part.fault(part.line, _("%(kind)s needs %(limit)s: a number.") % {"kind": kind, "limit": limit_name})
        limit = part.number(limit_name, 0, 120, 0.0) if part.has(limit_name) else 0.0
        turn = part.name("turn")
        if kind in _NEEDS_TURN and not any(one.id == turn for one in turns):
            words = {"kind": kind, "known": ", ".join(one.id for one in turns)}
            sentence = _("%(kind)s needs turn: the id of one of the turns (%(known)s).") % words
            part.fault(part.line_of("turn"), sentence)
        said = part.texts("words")
        if kind is Manner.MENTIONS and not said:
            part.fault(part.line, _("mentions needs words: a list of which one has to be said."))
        items.append(RubricItem(kind, limit, turn, tuple(said), int(part.number("weight", 1, 10, 1))))
        part.finish()
    return tuple(items)


def _word(part: _Part, text: str, kind: Callable[[str], T], key: str) -> T | None:
    try:
        return kind(text)
    except ValueError:
        words = {"text": text, "known": ", ".join(Use)}
        part.fault(part.line_of(key), _("%(text)s is not one of: %(known)s") % words)
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
                self.fault(line, _("%(name)s is there twice in %(what)s; keep one.") % {"name": name, "what": what})
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
                words = {"key": key, "what": self._what, "known": ", ".join(sorted(self._asked))}
                self.fault(self._lines[key], _("%(key)s means nothing in %(what)s. There are: %(known)s") % words)

    def _get(self, key: str, *, needed: bool = False) -> yaml.Node | None:
        self._asked.add(key)
        node = self._nodes.get(key)
        if node is None and needed:
            self.fault(self.line, _("%(key)s is missing in %(what)s.") % {"key": key, "what": self._what})
        return node

    def _scalar(self, key: str, *, needed: bool = False) -> str | None:
        node = self._get(key, needed=needed)
        if node is None:
            return None
        if not isinstance(node, yaml.ScalarNode):
            self.fault(self._lines[key], _("%(key)s is one value, not a list.") % {"key": key})
            return None
        return str(node.value).strip()

    def text(self, key: str, longest: int, *, needed: bool = False) -> str:
        value = self._scalar(key, needed=needed)
        if value is None:
            return ""
        if needed and not value:
            self.fault(self._lines[key], _("%(key)s is empty.") % {"key": key})
        if len(value) > longest:
            words = {"key": key, "most": longest}
            self.fault(self._lines[key], _("%(key)s is too long: at most %(most)s characters.") % words)
        return value

    def name(self, key: str) -> str:
        value = self.text(key, 40)
        if value and not _WORD.fullmatch(value):
            self.fault(
                self._lines[key], _("%(key)s is a word of small letters, digits and _: asks_price") % {"key": key}
            )
        return value

    def choice(self, key: str, allowed: Sequence[str], default: str) -> str:
        value = self._scalar(key)
        if value is None:
            return default
        if value not in allowed:
            words = {"value": value, "key": key, "known": ", ".join(str(one) for one in allowed)}
            self.fault(self._lines[key], _("%(value)s is no %(key)s. There are: %(known)s") % words)
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
            words = {"key": key, "low": f"{low:g}", "high": f"{high:g}"}
            self.fault(self._lines[key], _("%(key)s is a number from %(low)s to %(high)s.") % words)
            return default
        return number

    def flag(self, key: str, *, default: bool) -> bool:
        value = self._scalar(key)
        if value is None:
            return default
        if value not in ("yes", "no", "true", "false"):
            self.fault(self._lines[key], _("%(key)s is yes or no.") % {"key": key})
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
        self.fault(node.start_mark.line + 1, _("%(key)s is a value or a list of values: [a, b]") % {"key": key})
        return []

    def part(self, key: str, *, needed: bool = False) -> _Part | None:
        node = self._get(key, needed=needed)
        if node is None:
            return None
        if not isinstance(node, yaml.MappingNode):
            self.fault(self._lines[key], _("%(key)s has names and values below it, indented.") % {"key": key})
            return None
        return _Part(node, self._faults, key)

    def parts(self, key: str, *, needed: bool = False) -> list[_Part]:
        node = self._get(key, needed=needed)
        if node is None:
            return []
        if not isinstance(node, yaml.SequenceNode) or (needed and not node.value):
            self.fault(self._lines[key], _("%(key)s is a list: each begins with a dash.") % {"key": key})
            return []
        found = []
        for one in node.value:
            if isinstance(one, yaml.MappingNode):
                found.append(_Part(one, self._faults, _("one of %(key)s") % {"key": key}))
            else:
                sentence = _("Each of %(key)s has names and values: - say: Hello?") % {"key": key}
                self.fault(one.start_mark.line + 1, sentence)
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
