"""What the worker does for people."""

from __future__ import annotations

from datetime import timedelta

import structlog
from django.core.mail import send_mail
from django_tasks import task

from hearthline.lib import clock
from hearthline.people.models import User

TRIES = 4
AGAIN_AFTER = timedelta(minutes=10)
_log = structlog.get_logger(__name__)


@task()
def deliver(user_id: str, subject: str, text: str, tries: int = 1) -> bool:
    """Send a letter. False: the server would not take it; it is tried again every ten minutes, `TRIES` times in all."""
    person = User.objects.filter(pk=user_id).first()
    if person is None:
        return False
    try:
        send_mail(subject=subject, message=text, from_email=None, recipient_list=[person.email])
    except OSError:
        _log.warning("a letter could not be sent", user=user_id, tries=tries, exc_info=True)
        if tries < TRIES:
            deliver.using(run_after=clock.now() + AGAIN_AFTER).enqueue(user_id, subject, text, tries + 1)
        return False
    return True
