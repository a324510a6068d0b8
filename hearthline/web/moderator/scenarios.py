"""Scenarios by page: what there is and where it is used, their text, checked while it is written, and trying one at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from hearthline.calls import services
from hearthline.campaigns.models import CampaignKind
from hearthline.lib.errors import ConflictError, ExchangeError, InvalidInputError, NotFoundError
from hearthline.lib.languages import language_name
from hearthline.people.gates import for_roles
from hearthline.people.models import Role, User
from hearthline.quality import house
from hearthline.quality.models import OwnScenario, ScenarioRecording
from hearthline.quality.scenarios import library, writing
from hearthline.quality.scenarios.library import Entry, Origin
from hearthline.quality.scenarios.reading import LANGUAGES, Fault
from hearthline.quality.scenarios.scenario import Scenario, Use
from hearthline.quality.scenarios.uses import SWITCHED, why_unfit
from hearthline.web import trials
from hearthline.web.practice_words import ACTS, manner_words, outcome_word

USES: dict[Use, str | Promise] = {
    Use.TRAINING: gettext_lazy("Training"),
    Use.TEST: gettext_lazy("Test call"),
    Use.GOLDEN: gettext_lazy("Golden contact"),
    Use.TUTORIAL: gettext_lazy("Tutorial"),
}
ORIGINS: dict[Origin, str | Promise] = {
    Origin.BUILT_IN: gettext_lazy("comes with the exchange"),
    Origin.FOLDER: gettext_lazy("a file of this host"),
    Origin.OWN: gettext_lazy("written here"),
}
EXAMPLE = "en/refuses"


@dataclass(frozen=True, slots=True)
class Switch:
    use: Use
    label: str | Promise
    on: bool
    unfit: str  # why it cannot be switched on


@dataclass(frozen=True, slots=True)
class Row:
    slug: str
    title: str
    origin: str | Promise
    hides: bool
    draft: bool  # a newer text waits to be put right
    playable: bool
    tutorial: bool
    switches: Sequence[Switch]

    @property
    def language(self) -> str:
        return self.slug.partition("/")[0]

    @property
    def name(self) -> str:
        return self.slug.partition("/")[2]


@for_roles(Role.MODERATOR, Role.ADMIN)
@require_safe
def overview(request: HttpRequest) -> HttpResponse:
    return render(request, "moderator/scenarios.html", overview_context())


def overview_context() -> dict[str, Any]:
    found = library.entries()
    drafts = set(OwnScenario.objects.exclude(draft="").values_list("pk", flat=True))
    rows = [_row(slug, found.get(slug), slug in drafts) for slug in sorted(found.keys() | drafts)]
    recordings = list(ScenarioRecording.objects.defer("sound").select_related("uploaded_by").order_by("name"))
    players: dict[str, list[str]] = {}
    for slug, entry in found.items():
        for name in {turn.recording for turn in entry.scenario.turns if turn.recording}:
            players.setdefault(name, []).append(slug)
    return {
        "languages": [
            (language_name(code), [row for row in rows if row.language == code]) for code in reversed(LANGUAGES)
        ],
        "missing": _missing([entry.scenario for entry in found.values()]),
        "recordings": [(row, sorted(players.get(row.name, []))) for row in recordings],
        "recording_name": "",
        "refused": "",
    }


def _row(slug: str, entry: Entry | None, draft: bool) -> Row:
    if entry is None:
        return Row(slug, slug.partition("/")[2], ORIGINS[Origin.OWN], False, draft, False, False, ())
    scenario = entry.scenario
    tutorial = Use.TUTORIAL in scenario.uses
    return Row(
        slug, scenario.title, ORIGINS[entry.origin], entry.hides, draft, True, tutorial, _switches(scenario)
    )  # fmt: skip


def _switches(scenario: Scenario) -> list[Switch]:
    return [Switch(use, USES[use], use in scenario.uses, why_unfit(scenario, use)) for use in SWITCHED]


def _missing(scenarios: Sequence[Scenario]) -> list[str]:
    """What nobody can do in a language because no scenario is left for it."""
    sentences = []
    for code in LANGUAGES:
        for use, label in USES.items():
            if not any(one.language == code and use in one.uses for one in scenarios):
                words = {"language": language_name(code), "use": label}
                sentences.append(_("%(language)s: there is no scenario left for “%(use)s”.") % words)
    return sentences


@for_roles(Role.MODERATOR, Role.ADMIN)
@require_http_methods(["GET", "HEAD", "POST"])
def new(request: HttpRequest) -> HttpResponse:
    """A scenario under a name of its own, begun from another one."""
    if request.method != "POST":
        begun = request.GET.get("from", EXAMPLE)
        entry = library.entries().get(begun)
        text = library.text_of(begun, entry.origin) if entry is not None else None
        language = begun.partition("/")[0] if entry is not None else ""
        return _editor(request, "", text or "", 0, begun=begun if text else "", language=language)
    language, name = request.POST.get("language", ""), request.POST.get("name", "").strip()
    slug = f"{language}/{name}"
    if slug in library.entries() or OwnScenario.objects.filter(pk=slug).exists():
        refusal: ExchangeError = ConflictError(_("There is a scenario of this name already. Choose another name."))
        return _refused(request, "", refusal, language=language, name=name)
    return _save(request, slug, language=language, name=name)


@for_roles(Role.MODERATOR, Role.ADMIN)
@require_http_methods(["GET", "HEAD", "POST"])
def scenario(request: HttpRequest, language: str, name: str) -> HttpResponse:
    """The text that is played, or the newer draft; POST saves."""
    slug = f"{language}/{name}"
    row = OwnScenario.objects.filter(pk=slug).first()
    entry = library.entries().get(slug)
    if row is None and entry is None:
        raise NotFoundError(_("There is no such scenario."))
    if request.method == "POST":
        return _save(request, slug)
    if row is not None:
        return _editor(request, slug, row.draft or row.text, row.version)
    assert entry is not None
    return _editor(request, slug, library.text_of(slug, entry.origin) or "", 0)


def _save(request: HttpRequest, slug: str, **given: str) -> HttpResponse:
    try:
        saved = writing.save(
            slug=slug,
            text=request.POST.get("text", ""),
            version=_whole(request.POST.get("version", "")),
            by=_person(request),
            request=request,
        )
    except ExchangeError as refusal:
        return _refused(request, slug if not given else "", refusal, **given)
    if saved.faults:
        messages.warning(request, _("Kept as a draft. It is played when the faults below are gone."))
    else:
        messages.success(request, _("Saved. It is played from now on, wherever it is switched on."))
    return redirect("moderator:scenario", *slug.split("/"))


def _refused(request: HttpRequest, slug: str, refusal: ExchangeError, **given: str) -> HttpResponse:
    """The page again with what was written; nothing is lost."""
    text = request.POST.get("text", "").replace("\r\n", "\n")
    row = OwnScenario.objects.filter(pk=slug).first()
    theirs = (row.draft or row.text) if row is not None and isinstance(refusal, writing.ChangedMeanwhileError) else ""
    version = row.version if row is not None else 0
    return _editor(
        request, slug, text, version, refused=str(refusal.sentence), theirs=theirs, status=refusal.status, **given
    )


def _editor(
    request: HttpRequest, slug: str, text: str, version: int, *, status: int = 200, **more: str
) -> HttpResponse:
    entry = library.entries().get(slug)
    row = OwnScenario.objects.filter(pk=slug).first() if slug else None
    language, _slash, name = slug.partition("/")
    context = {
        "slug": slug,
        "language": language,
        "name": name,
        "text": text,
        "version": version,
        "entry": entry,
        "own": row,
        "origin": ORIGINS[entry.origin] if entry is not None else "",
        "switches": _switches(entry.scenario) if entry is not None else (),
        "languages": [(code, language_name(code)) for code in reversed(LANGUAGES)],
        "recordings": sorted(library.recording_names()),
        "acts": [(str(act), label) for act, label in ACTS.items() if label],
        **understood(slug or f"{more.get('language') or 'en'}/new", text),
        **more,
    }
    return render(request, "moderator/scenario.html", context, status=status)


@for_roles(Role.MODERATOR, Role.ADMIN)
@require_POST
def check(request: HttpRequest) -> HttpResponse:
    """What the text would be, or what is wrong with it: a part of the page, while somebody writes."""
    language = request.POST.get("language", "")
    slug = f"{language}/new" if language in LANGUAGES else "en/new"
    return render(request, "moderator/_scenario.html", understood(slug, request.POST.get("text", "")))


def understood(slug: str, text: str) -> dict[str, Any]:
    """{"faults", "scenario", ...}: what the exchange makes of a text."""
    scenario, faults = writing.faults_of(slug, text.replace("\r\n", "\n"))
    context: dict[str, Any] = {"faults": faults, "understood": scenario, "lines": _lines(faults, text)}
    if scenario is not None:
        context |= {
            "turns": [(turn, ACTS.get(turn.act, "")) for turn in scenario.turns],
            "outcomes": ", ".join(outcome_word(kind) for kind in scenario.means.outcome),
            "fields": [(key, _(" or ").join(values)) for key, values in scenario.means.fields.items()],
            "rubric": [(manner_words(item), item.weight) for item in scenario.rubric],
            "uses": [USES[use] for use in USES if use in scenario.uses],
        }
    return context


def _lines(faults: Sequence[Fault], text: str) -> list[tuple[Fault, str]]:
    """Each fault with the line as it stands."""
    lines = text.splitlines()
    return [(fault, lines[fault.line - 1].strip() if 0 < fault.line <= len(lines) else "") for fault in faults]


@for_roles(Role.MODERATOR, Role.ADMIN)
@require_POST
def switch(request: HttpRequest, language: str, name: str) -> HttpResponse:
    try:
        use = Use(request.POST.get("use", ""))
    except ValueError:
        raise InvalidInputError(_("The page sent something that is not understood. Reload it.")) from None
    on = request.POST.get("on") == "1"
    try:
        writing.switch(slug=f"{language}/{name}", use=use, on=on, by=_person(request), request=request)
    except ConflictError as refusal:
        messages.error(request, str(refusal.sentence))
    else:
        words = {"use": USES[use], "name": name}
        done = _("“%(name)s” is used for: %(use)s.") if on else _("“%(name)s” is no longer used for: %(use)s.")
        messages.success(request, done % words)
    if request.POST.get("back") == "list":
        return redirect("moderator:scenarios")
    return redirect("moderator:scenario", language, name)


@for_roles(Role.MODERATOR, Role.ADMIN)
@require_POST
def try_it(request: HttpRequest, language: str, name: str) -> HttpResponse:
    """Into the console, where this scenario answers."""
    slug = f"{language}/{name}"
    if library.scenario_of(slug) is None:
        raise NotFoundError(_("There is no such scenario."))
    campaign = house.house_campaign(CampaignKind.TRAINING, language)
    if campaign is None:
        messages.error(request, _("The robots do not run here now. Start them, then try again."))
        return redirect("moderator:scenario", language, name)
    try:
        services.begin_shift(operator=_person(request), campaign=campaign)
    except ExchangeError as refusal:
        messages.error(request, str(refusal.sentence))
        return redirect("moderator:scenario", language, name)
    trials.begin(request, slug)
    return redirect("operator:shift")


@for_roles(Role.MODERATOR, Role.ADMIN)
@require_POST
def remove(request: HttpRequest, language: str, name: str) -> HttpResponse:
    slug = f"{language}/{name}"
    writing.remove(slug=slug, by=_person(request), request=request)
    if library.scenario_of(slug) is not None:
        messages.success(request, _("Removed. The one that it hid is played again."))
        return redirect("moderator:scenario", language, name)
    messages.success(request, _("Removed."))
    return redirect("moderator:scenarios")


def _person(request: HttpRequest) -> User:
    assert isinstance(request.user, User)
    return request.user


def _whole(text: str) -> int:
    return int(text) if text.isdecimal() and len(text) < 10 else 0
