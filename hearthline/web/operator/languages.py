"""Which languages an operator speaks, by their own word: what opens campaigns in these languages."""

from __future__ import annotations

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from hearthline.dialing.services import level_of
from hearthline.lib.languages import language_name
from hearthline.people import audit
from hearthline.people.gates import for_roles
from hearthline.people.models import Role, User
from hearthline.web.customer.forms import LANGUAGES


def language_choices(operator: User) -> list[tuple[str, str, bool]]:
    """(tag, name, whether it is spoken); languages that campaigns cannot have are kept when the person has them."""
    spoken = [tag.split("-")[0].lower() for tag in operator.spoken_languages or [operator.language]]
    known = [(tag, str(title)) for tag, title in LANGUAGES]
    known += [(tag, language_name(tag)) for tag in dict.fromkeys(spoken) if tag not in dict(known)]
    return [(tag, title, tag in spoken) for tag, title in known]


@for_roles(Role.OPERATOR)
@require_POST
def languages(request: HttpRequest) -> HttpResponse:
    assert isinstance(request.user, User)
    operator = request.user
    offered = [tag for tag, _title, _spoken in language_choices(operator)]
    chosen = [tag for tag in offered if tag in request.POST.getlist("languages")]
    if not chosen:
        messages.error(request, _("Choose at least one language, or no campaign is open to you."))
        return redirect("operator:choose")
    with transaction.atomic():
        User.objects.filter(pk=operator.pk).update(spoken_languages=chosen)
        audit.record(audit.Tag.WEB_ACCOUNT_CHANGED, operator, operator.pk, {"spoken_languages": chosen}, request)
    newcomer = level_of(operator) == 0
    messages.success(request, _("Saved.") if newcomer else _("Saved. Campaigns in these languages are open to you."))
    return redirect("operator:choose")
