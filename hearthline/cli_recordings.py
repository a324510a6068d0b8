"""`hearthline recordings ...`: how they stand, and what an administrator can do about those that do not go on by themselves."""

from __future__ import annotations

import uuid

import click


@click.group()
def recordings() -> None:
    """Recordings: where they are, whether they are whole, what is stuck."""
    import django

    django.setup()


@recordings.command("status")
def status() -> None:
    """How many there are, by how far they have come and where they lie."""
    from django.db.models import Count, Max, Sum

    from hearthline.calls.models import Recording

    here = Recording.objects.filter(deleted_at=None)
    rows = here.values("stage", "place").annotate(number=Count("pk"), size=Sum("size"), tries=Max("tries"))
    click.echo(f"{'STAGE':10}{'PLACE':10}{'NUMBER':>10}{'MB':>12}{'MOST TRIES':>12}")
    for row in rows.order_by("stage", "place"):
        megabytes = (row["size"] or 0) / 1e6
        click.echo(f"{row['stage']:10}{row['place']:10}{row['number']:>10}{megabytes:>12,.1f}{row['tries']:>12}")
    waiting = Recording.objects.filter(deleted_at__isnull=False, purged_at=None).count()
    click.echo(f"deleted, copies still to be removed: {waiting}")


@recordings.command("check-storage")
def check_storage() -> None:
    """Write an object to the bucket, read it back and delete it. Status 1 when the storage does not do that."""
    from hearthline.quality.recordings.object_storage import StorageError, required_bucket, try_out

    try:
        try_out(required_bucket())
    except (StorageError, OSError) as error:
        raise click.ClickException(f"The storage does not do what it should: {error}") from error
    click.echo("The storage takes, gives back and deletes.")


@recordings.command("verify")
@click.option("--days", type=click.IntRange(1), default=None, help="Only those of the last so many days.")
def verify(days: int | None) -> None:
    """Read every kept recording and compare its checksum. Status 1 when one is missing or has changed."""
    from datetime import timedelta

    from hearthline.calls.models import Recording, RecordingStage
    from hearthline.lib import clock
    from hearthline.quality.recordings.keeping import is_whole

    rows = Recording.objects.filter(stage=RecordingStage.KEPT, deleted_at=None)
    if days is not None:
        rows = rows.filter(started_at__gt=clock.now() - timedelta(days=days))
    good = bad = 0
    for recording in rows.order_by("started_at").iterator(chunk_size=500):
        if is_whole(recording):
            good += 1
        else:
            bad += 1
            click.echo(f"missing or changed: {recording.pk} ({recording.place}, {recording.path})")
    click.echo(f"{good} recordings are whole, {bad} are not.")
    if bad:
        raise SystemExit(1)


@recordings.command("retry")
def retry() -> None:
    """Try again those that were given up, now that what was wrong is put right."""
    from hearthline.calls.models import Recording, RecordingStage
    from hearthline.lib import clock

    given_up = Recording.objects.filter(stage__in=(RecordingStage.STUCK, RecordingStage.LOST), deleted_at=None)
    click.echo(f"{given_up.update(stage=RecordingStage.RAW, tries=0, due_at=clock.now())} recordings are tried again.")


@recordings.command("upload")
def upload() -> None:
    """Bring recordings that are kept in the folder into the bucket, after HEARTHLINE_RECORDINGS_STORE was set to s3."""
    from django.conf import settings

    from hearthline.calls.models import Recording, RecordingPlace, RecordingStage
    from hearthline.lib import clock

    if settings.HEARTHLINE.recordings_store != "s3":
        raise click.ClickException("Set HEARTHLINE_RECORDINGS_STORE=s3 first; then the worker uploads.")
    kept = Recording.objects.filter(stage=RecordingStage.KEPT, place=RecordingPlace.FOLDER, deleted_at=None)
    number = kept.update(stage=RecordingStage.PACKED, tries=0, due_at=clock.now())
    click.echo(
        f"{number} recordings are uploaded by the worker now; `hearthline recordings status` shows how far it is."
    )


@recordings.command("delete")
@click.argument("id", type=click.UUID)
@click.confirmation_option(prompt="The recording cannot be brought back. Delete it?")
def delete(id: uuid.UUID) -> None:
    """Delete one recording for good, by its id."""
    from hearthline.calls.models import Deletion, Recording
    from hearthline.lib.errors import ConflictError
    from hearthline.people.audit import Tag
    from hearthline.quality.recordings.retention import delete_recording

    recording = Recording.objects.filter(pk=id).first()
    if recording is None:
        raise click.ClickException("There is no recording of this id.")
    try:
        delete_recording(recording=recording, actor=None, why=Deletion.STAFF, source=Tag.CLI_RECORDING_DELETED)
    except ConflictError as refusal:
        raise click.ClickException(str(refusal.sentence)) from refusal
    click.echo("Deleted. The worker removes every copy.")
