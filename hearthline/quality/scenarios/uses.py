"""What a scenario must be like for a use of it."""

from __future__ import annotations

from django.utils.translation import gettext as _

from hearthline.quality.scenarios.scenario import Scenario, Use

SWITCHED = (
    Use.TRAINING,
    Use.TEST,
    Use.GOLDEN,
)  # can be switched on and off beside the text; the tutorial is one scenario


def why_unfit(scenario: Scenario, use: Use) -> str:
    """Why the scenario cannot be used so, and what to do about it; "" when it can."""
    if use is not Use.GOLDEN:
        return ""
    if scenario.means.fields:
        return _("Other campaigns ask other questions: a golden scenario has no fields below means.")
    if "success" in scenario.means.outcome:
        return _("Each campaign offers something else: a golden scenario does not agree to it.")
    if not scenario.persona.name:
        return _("A golden scenario needs persona: name: somebody who stands among the contacts of a campaign.")
    return ""
