"""What the manager page's script says: the page carries these sentences, translated, as JSON."""

from __future__ import annotations

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from hearthline.web.operator.texts import LINE_TEXTS

TEXTS: dict[str, str | Promise] = {
    **LINE_TEXTS,
    "mode_off": _("Not available"),
    "mode_opening": _("Opening the line"),
    "mode_waiting": _("Available"),
    "mode_ringing": _("A hand-over rings"),
    "mode_briefing": _("Briefing"),
    "mode_talking": _("Talking"),
    "mode_over": _("Over"),
    "mode_entering": _("Opening the hand-over"),
    "hint_off": _("Open your line, and people whom an operator hands over ring here."),
    "hint_off_callback": _(
        "Open your line: your telephone {phone} rings, and people whom an operator hands over come there."
    ),
    "hint_off_sip_phone": _("Open your line: your SIP phone rings, and people whom an operator hands over come there."),
    "hint_off_guest": _("Answer, and allow the microphone when the browser asks."),
    "hint_opening": _("The browser may ask to use the microphone. Allow it."),
    "hint_waiting": _("Leave this page open. It rings and tells you who it is before you answer."),
    "hint_ringing": _("Operator {operator} briefs you first; the contact hears music meanwhile."),
    "hint_briefing": _("You and operator {operator} hear each other. The contact hears music."),
    "hint_talking": _("You are talking with {contact}. The operator has left."),
    "hint_entering": _("One moment."),
    "primary_off": _("Be available"),
    "primary_opening": _("Opening"),
    "primary_waiting": _("Stop being available"),
    "primary_ringing": _("Answer"),
    "primary_briefing": _("Give back"),
    "primary_talking": _("Hang up"),
    "primary_over": _("Go on"),
    "primary_entering": _("Opening"),
    "the_contact": _("the contact"),
    "over_unanswered": _("Nobody answered in time; the operator took the contact back."),
    "over_cancelled": _("The operator took the contact back."),
    "over_declined": _("You declined; the operator took the contact back."),
    "over_contact_gone": _("The contact hung up before the hand-over. Nobody is on the line."),
    "over_failed": _("The hand-over did not come about; the operator took the contact back."),
    "over_ended": _("The conversation has ended. Your notes are kept."),
    "over_guest": _("You can close this page."),
    "title_rings": _("☎ Hand-over"),
    "notification": _("A hand-over rings"),
    "notes_saved": _("Notes saved."),
    "yes": _("yes"),
    "no": _("no"),
    "local_time": _("{time} there"),
}
