"""What the worker does for campaigns."""

from __future__ import annotations

from django_tasks import task

from hearthline.campaigns import destinations
from hearthline.campaigns.imports import running
from hearthline.campaigns.models import Campaign


@task
def review_destinations(campaign_id: str) -> tuple[int, int]:
    """See `destinations.review`."""
    campaign = Campaign.objects.filter(pk=campaign_id).first()
    return destinations.review(campaign) if campaign is not None else (0, 0)


@task
def run_import(import_id: str) -> None:
    """See `imports.running.run`."""
    running.run(import_id)
