"""The operator's script: Markdown with variables and branches, checked before a campaign starts, filled per contact.

Variables are `{{column}}`: a column of the campaign by its key or title, or one of

    {{name}}        the contact's name              {{operator}}    the operator's own first name
    {{customer}}    the organisation that calls     {{local_time}}  the time where the contact is, "14:05"

Branches are quotations that begin with `[!if]`; each is folded until the operator opens it:

    > [!if] "I have no time"
    > Offer Saturday. It takes *five minutes*.

What must be said as it stands is marked `==like this==` (key_phrases.py).

Values are put in after Markdown is understood and are escaped, so that a contact's data is never markup. Raw HTML in a
script is shown as text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any
from zoneinfo import ZoneInfo

import nh3
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.rules_core import StateCore
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token

from hearthline.campaigns.columns import RESERVED, key_of
from hearthline.campaigns.key_phrases import phrase_rule
from hearthline.campaigns.models import Campaign, Contact
from hearthline.lib import clock
from hearthline.people.models import User

MAX_SCRIPT = 40_000  # characters
MAX_VALUE = 500  # characters of a value that are shown

_VARIABLE = re.compile(r"\{\{[ \t]*([^{}\n]{1,120}?)[ \t]*\}\}")
_UNCLOSED = re.compile(r"\{\{(?![^{}\n]{1,120}\}\})")
_BRANCH = re.compile(r"^\[!(?:if|если)\][ \t]*", re.IGNORECASE)

_TAGS = {
    "p", "br", "hr", "strong", "em", "s", "ul", "ol", "li", "h1", "h2", "h3", "h4", "h5", "h6", "blockquote", "code", "mark",
    "pre", "details", "summary", "div", "span", "a", "table", "thead", "tbody", "tr", "th", "td",
}  # fmt: skip
_ATTRIBUTES = {
    "a": {"href", "title", "target"},
    "span": {"class"},
    "details": {"class"},
    "div": {"class"},
    "ol": {"start"},
}

Value = Callable[[str], str | None]


@dataclass(frozen=True, slots=True)
class ScriptProblem:
    """What is wrong with a script, where (lines and columns from 1), and what the writer may have meant."""

    line: int
    column: int
    variable: str
    sentence: str
    suggestion: str = ""


def variables_of(campaign: Campaign) -> dict[str, str]:
    """What a script of this campaign may name: {key: title}, the fixed ones first."""
    fixed = {
        "name": _("the contact's name"),
        "operator": _("the operator's name"),
        "customer": _("who is calling"),
        "local_time": _("the time where the contact is"),
    }
    return fixed | {column["key"]: column["title"] for column in campaign.columns}


def check_script(campaign: Campaign, text: str | None = None) -> list[ScriptProblem]:
    """Everything wrong with the script (`text`, or the campaign's own), in the order of its lines; empty: it is fine."""
    text = campaign.script if text is None else text
    if len(text) > MAX_SCRIPT:
        sentence = _("The script is longer than %(limit)s characters. Shorten it.") % {"limit": MAX_SCRIPT}
        return [ScriptProblem(1, 1, "", sentence)]
    known = set(variables_of(campaign))
    problems: list[ScriptProblem] = []
    for number, line in enumerate(text.splitlines(), 1):
        named = list(_VARIABLE.finditer(line))
        problems.extend(_unknown(m[1], number, m.start() + 1, known) for m in named if key_of(m[1]) not in known)
        for match in _UNCLOSED.finditer(line):
            if not any(m.start() <= match.start() < m.end() for m in named):
                sentence = _("Line %(line)s: a variable begins with {{ and must end with }}.") % {"line": number}
                problems.append(ScriptProblem(number, match.start() + 1, "", sentence))
    return sorted(problems, key=lambda problem: (problem.line, problem.column))


def render_script(campaign: Campaign, contact: Contact | None, operator: User | None) -> SafeString:
    """The script as safe HTML, filled for this contact and operator. `contact` None: a preview with the variables' names.

    Variables become `<span class="script-value">`, empty ones `<span class="script-value is-empty">`.
    """
    return render_text(campaign, campaign.script, contact, operator)


def render_text(campaign: Campaign, text: str, contact: Contact | None, operator: User | None) -> SafeString:
    """As `render_script`, of a text that is not saved yet."""
    values = values_for(campaign, contact, operator)
    html = _MARKDOWN.render(text[:MAX_SCRIPT], {"values": values, "titles": variables_of(campaign)})
    clean = nh3.clean(
        html, tags=_TAGS, attributes=_ATTRIBUTES, url_schemes={"http", "https"}, link_rel="noopener noreferrer nofollow"
    )
    return mark_safe(clean)  # noqa: S308 - cleaned by nh3 just now; values were escaped before that


def values_for(campaign: Campaign, contact: Contact | None, operator: User | None) -> dict[str, str | None]:
    """{variable: value}; None: nothing to fill in with yet, its title is shown."""
    columns: Sequence[Mapping[str, str]] = campaign.columns
    if contact is None:
        return dict.fromkeys(variables_of(campaign))
    name = contact.name if campaign.show_name else ""
    data: Mapping[str, Any] = contact.data
    here = clock.now().astimezone(ZoneInfo(contact.timezone))
    fixed: dict[str, str | None] = {
        "name": name,
        "operator": public_name(operator) if operator else None,
        "customer": campaign.organisation.name,
        "local_time": f"{here:%H:%M}",
    }
    return {column["key"]: str(data.get(column["key"], "")) for column in columns} | fixed


def public_name(user: User | None) -> str:
    """What others are told of an operator: the first name."""
    return user.name.split()[0][:40] if user and user.name.strip() else ""


def _unknown(written: str, line: int, column: int, known: set[str]) -> ScriptProblem:
    near = get_close_matches(key_of(written), sorted(known), n=1, cutoff=0.6)
    suggestion = near[0] if near else ""
    where = {
        "line": line,
        "variable": written,
        "suggestion": suggestion,
        "known": ", ".join(sorted(known, key=_fixed_last)),
    }
    if suggestion:
        sentence = _("Line %(line)s: there is no column “%(variable)s”. Did you mean {{%(suggestion)s}}?") % where
    else:
        sentence = _("Line %(line)s: there is no column “%(variable)s”. You can use: %(known)s.") % where
    return ScriptProblem(line, column, written, sentence, suggestion)


def _fixed_last(key: str) -> tuple[bool, str]:
    return key in RESERVED, key


def _variable_rule(state: StateInline, silent: bool) -> bool:
    """markdown-it inline rule: `{{key}}` becomes one token, so that nothing in it is read as Markdown."""
    if not state.src.startswith("{{", state.pos):
        return False
    match = _VARIABLE.match(state.src, state.pos)
    if match is None or match.end() > state.posMax:
        return False
    if not silent:
        token = state.push("variable", "", 0)
        token.content = match[1]
    state.pos = match.end()
    return True


def _branch_rule(state: StateCore) -> None:
    """markdown-it core rule, before inline text is parsed: quotations that begin with `[!if]` become <details>."""
    tokens = state.tokens
    result: list[Token] = []
    folded: list[bool] = []  # for each open quotation: is it a branch
    index = 0
    while index < len(tokens):
        token = tokens[index]
        if token.type == "blockquote_open":
            inline = (
                tokens[index + 2] if index + 2 < len(tokens) and tokens[index + 1].type == "paragraph_open" else None
            )
            match = _BRANCH.match(inline.content) if inline is not None and inline.type == "inline" else None
            folded.append(match is not None)
            if match is not None and inline is not None:
                summary, _newline, rest = inline.content[match.end() :].partition("\n")
                result.extend(_details_open(summary, token.level))
                inline.content = rest
                # an emptied paragraph is left out with its opening and closing
                index += 1 if rest.strip() else 4
                continue
        elif token.type == "blockquote_close" and folded.pop():
            result.append(Token("details_close", "details", -1, block=True))
            index += 1
            continue
        result.append(token)
        index += 1
    state.tokens = result


def _details_open(summary: str, level: int) -> list[Token]:
    text = Token("inline", "", 0, content=summary.strip() or "…", children=[], level=level + 2, block=True)
    return [
        Token("details_open", "details", 1, attrs={"class": "script-branch"}, block=True, level=level),
        Token("summary_open", "summary", 1, block=True, level=level + 1),
        text,
        Token("summary_close", "summary", -1, block=True, level=level + 1),
    ]


def _render_variable(
    self: RendererHTML, tokens: Sequence[Token], index: int, options: Any, env: MutableMapping[str, Any]
) -> str:
    key = key_of(tokens[index].content)
    values: Mapping[str, str | None] = env["values"]
    if key not in values:
        return f'<span class="script-value is-unknown">{escape(tokens[index].content)}</span>'
    value = values[key]
    if value is None:
        return f'<span class="script-value is-open">{escape(env["titles"][key])}</span>'
    shown = " ".join(value.split())[:MAX_VALUE]
    if not shown:
        return f'<span class="script-value is-empty">{escape(env["titles"][key])}</span>'
    return f'<span class="script-value">{escape(shown)}</span>'


def _render_link(
    self: RendererHTML, tokens: Sequence[Token], index: int, options: Any, env: MutableMapping[str, Any]
) -> str:
    tokens[index].attrSet("target", "_blank")  # the console must not be left in the middle of a call
    return self.renderToken(tokens, index, options, env)


def _markdown() -> MarkdownIt:
    markdown = MarkdownIt("commonmark", {"html": False, "breaks": True, "maxNesting": 20}).enable(
        ["table", "strikethrough"]
    )
    markdown.disable("image")  # nothing is fetched from elsewhere
    markdown.inline.ruler.before("emphasis", "variable", _variable_rule)
    markdown.inline.ruler.before("emphasis", "key_phrase", phrase_rule)
    markdown.core.ruler.before("inline", "branch", _branch_rule)
    markdown.add_render_rule("variable", _render_variable)
    markdown.add_render_rule("link_open", _render_link)
    return markdown


_MARKDOWN = _markdown()


def unfolded(script: SafeString) -> SafeString:
    """A rendered script with its branches open: for whoever has to read all of it."""
    return SafeString(script.replace('<details class="script-branch"', '<details class="script-branch" open'))
