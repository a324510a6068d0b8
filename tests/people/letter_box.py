"""What people find in their letter-boxes."""

from __future__ import annotations

from django.core import mail
from django.core.mail import EmailMessage
from django_tasks_db.models import DBTaskResult

from hearthline.people.models import User
from hearthline.people.tasks import deliver


def letters_to(person: User) -> list[EmailMessage]:
    """What is queued for them, sent as the worker sends it; the oldest first."""
    for row in DBTaskResult.objects.filter(task_path="hearthline.people.tasks.deliver").order_by("enqueued_at"):
        if row.args_kwargs["args"][0] == str(person.pk):
            deliver.func(*row.args_kwargs["args"])
            row.delete()
    return [letter for letter in mail.outbox if letter.to == [person.email]]
