"""What the pages are told of campaigns: events on the bus, after the transaction commits."""

from __future__ import annotations

from hearthline.campaigns.models import Campaign, ContactImport, ResultExport
from hearthline.realtime.bus import Audience
from hearthline.realtime.configured import bus


def audiences_of(campaign: Campaign) -> tuple[Audience, ...]:
    return (f"organisation:{campaign.organisation_id}", f"campaign:{campaign.pk}", "exchange")


def campaign_changed(campaign: Campaign, name: str = "campaign.changed") -> None:
    payload = {"campaign": str(campaign.pk), "state": str(campaign.state), "reason": str(campaign.pause_reason)}
    bus().publish(name, payload, audiences=audiences_of(campaign))


def import_progressed(upload: ContactImport) -> None:
    payload = {
        "id": str(upload.pk),
        "campaign": str(upload.campaign_id),
        "state": str(upload.state),
        "rows": upload.rows_read,
        "total": upload.rows_total,
        "added": upload.added,
        "duplicates": upload.duplicates,
        "rejected": upload.rejected,
        "error": upload.error,
    }
    bus().publish("import.progressed", payload, audiences=(f"organisation:{upload.campaign.organisation_id}",))


def export_progressed(export: ResultExport, total: int) -> None:
    payload = {
        "id": str(export.pk),
        "campaign": str(export.campaign_id),
        "state": str(export.state),
        "rows": export.rows_written,
        "total": total,
        "error": export.error,
    }
    bus().publish("export.progressed", payload, audiences=(f"organisation:{export.campaign.organisation_id}",))
