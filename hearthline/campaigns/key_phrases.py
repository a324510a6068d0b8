"""Key phrases: what an operator must say as it stands, marked `==like this==` in the script.

They are shown highlighted, and looked for in what was said where the exchange has a recogniser of speech.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from markdown_it.rules_inline import StateInline

from hearthline.campaigns.columns import key_of

MOST_PHRASES = 20  # of a script that are looked for
MOST_CHARACTERS = 300  # of a phrase

_PHRASE = re.compile(r"==(?=[^\s=])([^\n]{1,298}?)(?<=[^\s=])==(?!=)")
_VARIABLE = re.compile(r"\{\{[ \t]*([^{}\n]{1,120}?)[ \t]*\}\}")
_MARKUP = re.compile(r"[*_`~\\]+")


def phrase_rule(state: StateInline, silent: bool) -> bool:
    """markdown-it inline rule: `==text==` becomes <mark>, with whatever Markdown and variables are in it."""
    if not state.src.startswith("==", state.pos):
        return False
    match = _PHRASE.match(state.src, state.pos)
    if match is None or match.end() > state.posMax:
        return False
    if not silent:
        end = state.posMax
        state.push("mark_open", "mark", 1)
        state.pos, state.posMax = match.start(1), match.end(1)
        state.md.inline.tokenize(state)
        state.push("mark_close", "mark", -1)
        state.posMax = end
    state.pos = match.end()
    return True


def phrases_of(script: str) -> list[str]:
    """As they are written, each once, in the order of the script."""
    found = (_MARKUP.sub("", match[1]).strip() for match in _PHRASE.finditer(script))
    return list(dict.fromkeys(phrase for phrase in found if phrase))[:MOST_PHRASES]


def spoken(phrase: str, values: Mapping[str, str | None]) -> str:
    """The phrase as it should sound; what nothing is known of is left out. `values`: of `scripts.values_for`."""
    return _VARIABLE.sub(lambda match: values.get(key_of(match[1])) or "", phrase)[:MOST_CHARACTERS]
