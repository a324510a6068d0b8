"""Scripts: what they show, what they refuse, and that data is never markup."""

from __future__ import annotations

import re

import pytest
import time_machine
from django.utils.html import escape
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hearthline.campaigns.models import Campaign, Contact
from hearthline.campaigns.script_kinds import ScriptKind, template_of
from hearthline.campaigns.scripts import check_script, render_text
from hearthline.people.models import Organisation, User

OPERATOR = User(name="Анна Петрова")


def a_draft(*columns: tuple[str, str], show_name: bool = True) -> Campaign:
    rows = [{"key": key, "title": title} for key, title in columns]
    return Campaign(organisation=Organisation(name="Zarya & Co"), columns=rows, show_name=show_name)


def a_contact(name: str = "Irina", zone: str = "Asia/Vladivostok", **data: str) -> Contact:
    return Contact(name=name, timezone=zone, data=data)


def shown(text: str, contact: Contact | None = None, campaign: Campaign | None = None) -> str:
    return str(render_text(campaign or a_draft(("age", "Age")), text, contact or a_contact(age="54"), OPERATOR))


def words(html: str) -> str:
    return re.sub(r"<[^>]*>", "", html).strip()


def test_variables_are_filled_in() -> None:
    with time_machine.travel("2026-03-25T04:05:00Z", tick=False):
        html = shown("{{name}}, {{ age }}; {{Operator}} of {{customer}}, {{local_time}}")
    assert words(html) == "Irina, 54; Анна of Zarya &amp; Co, 14:05"


def test_a_column_by_its_title_in_any_alphabet() -> None:
    campaign = a_draft(("дата_визита", "Дата визита"))
    contact = a_contact(дата_визита="12.05")
    assert words(shown("{{Дата визита}} {{дата_визита}}", contact, campaign)) == "12.05 12.05"


@pytest.mark.parametrize(
    "value",
    [
        "<img src=x onerror=alert(1)>",
        "**bold**",
        "[x](javascript:alert(1))",
        "{{age}}",
        "# head",
        "`code`",
        "a_b_c",
        "&lt;",
    ],
)
def test_values_are_never_markup(value: str) -> None:
    html = shown("Hello {{name}}!", a_contact(name=value))
    assert re.sub(r"<span[^>]*>|</span>", "", html).strip() == f"<p>Hello {escape(value)}!</p>".replace("&quot;", '"')


@given(st.text(max_size=60), st.text(max_size=200))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_no_script_and_no_value_makes_active_markup(value: str, text: str) -> None:
    html = shown(text + "\n\n{{name}}", a_contact(name=value))
    tags = set(re.findall(r"<\s*([a-zA-Z0-9]+)", html))
    assert tags <= {
        "p", "br", "hr", "strong", "em", "s", "ul", "ol", "li", "h1", "h2", "h3", "h4", "h5", "h6", "blockquote", "code",
        "pre", "details", "summary", "div", "span", "a", "table", "thead", "tbody", "tr", "th", "td",
    }  # fmt: skip
    assert not re.search(r"<[^>]*\bon\w+\s*=", html)
    assert "javascript:" not in "".join(re.findall(r'href="([^"]*)"', html)).lower()


def test_raw_html_is_text_and_pictures_are_not_fetched() -> None:
    html = shown('<script>alert(1)</script> <b onclick="x">b</b> ![x](https://example.org/a.png)')
    assert "<script" not in html
    assert "<b" not in html.replace("<br", "")
    assert "<img" not in html


def test_links_open_elsewhere() -> None:
    html = shown("[price](https://example.org/p) [bad](javascript:x)")
    assert 'href="https://example.org/p"' in html
    assert 'target="_blank"' in html
    assert "noopener" in html
    assert "javascript" not in "".join(re.findall(r'href="([^"]*)"', html))


def test_branches_fold() -> None:
    html = shown('> [!if] "I have no time"\n> Offer **Saturday**, {{name}}.\n>\n> - five minutes\n\nAfter.')
    assert html.count("<details") == html.count("</details>") == 1
    assert re.search(r"<summary>.*I have no time.*</summary>", html)
    assert "<strong>Saturday</strong>" in html
    assert "[!if]" not in html
    assert html.index("</details>") < html.index("After.")


def test_branches_in_branches_and_ordinary_quotations() -> None:
    html = shown("> [!if] A\n> > [!if] B\n> > b\n>\n> a\n\n> quoted\n\n> [!если] В\n> в")
    assert html.count("<details") == html.count("</details>") == 3
    assert html.count("<blockquote>") == 1


def test_a_hidden_name_and_an_empty_value_show_what_is_missing() -> None:
    campaign = a_draft(("age", "Age"), show_name=False)
    html = shown("{{name}} {{age}}", a_contact(), campaign)
    assert "Irina" not in html
    assert html.count("is-empty") == 2


def test_a_preview_without_a_contact_shows_the_names_of_variables() -> None:
    html = str(render_text(a_draft(("age", "Age")), "{{age}}", None, None))
    assert words(html) == "Age"


def test_an_unknown_variable_is_named_with_its_line_and_a_suggestion() -> None:
    problems = check_script(a_draft(("last_visit", "Last visit")), "Hello {{name}}\n\nLast {{last_vist}} {{zzz}}")
    assert [(p.line, p.column, p.variable, p.suggestion) for p in problems] == [
        (3, 6, "last_vist", "last_visit"), (3, 20, "zzz", ""),
    ]  # fmt: skip
    assert "Line 3" in problems[0].sentence
    assert "{{last_visit}}" in problems[0].sentence
    assert "last_visit, customer" in problems[1].sentence


def test_an_unclosed_variable_is_found() -> None:
    problems = check_script(a_draft(), "ok {{name}}\n{{name")
    assert [(p.line, p.column) for p in problems] == [(2, 1)]


def test_scripts_are_bounded() -> None:
    assert check_script(a_draft(), "x" * 40_001)[0].line == 1
    deep = shown(">" * 5000 + " x")
    assert len(deep) < 100_000


@pytest.mark.parametrize("kind", ScriptKind.values)
@pytest.mark.parametrize("language", ["en", "ru"])
def test_every_template_passes_its_own_check(kind: str, language: str) -> None:
    template = template_of(kind, language)
    assert check_script(a_draft(), template.script) == []
    assert any(payable for _title, _kind, payable, _retry in template.outcomes)
    html = shown(template.script)
    assert html.count("<details") == template.script.count("[!if]")
