"""Pages: what owners and operators open all day, on a campaign of a million contacts with two hundred thousand results.

PostgreSQL started by the bench; each page is asked for through Django's whole stack (middleware, gate, queries, template),
without the network. The bar: at most ten queries each, and 95 of 100 within 50 ms.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from bench.figure import Figure
from tests import postgresql

CONTACTS = int(os.environ.get("BENCH_CONTACTS", "1_000_000"))
RESULTS = CONTACTS // 5
CAMPAIGNS = 40  # that run beside it, each with three days of experience
OWN_CALLS = 2_000  # of the operator
TIMES = 60
MOST_QUERIES = 10
SLOWEST_MS = 50.0


def figures() -> Iterator[Figure]:
    with postgresql.running() as server:
        server_url = f"postgresql://hearthline@127.0.0.1:{server.port}/postgres"
        environment = {
            **os.environ,
            "HEARTHLINE_DATABASE_URL": server_url,
            "HEARTHLINE_DATA": tempfile.mkdtemp(prefix="hearthline-bench-"),
            "DJANGO_SETTINGS_MODULE": "hearthline.settings",
        }
        done = subprocess.run(
            [sys.executable, "-m", "bench.pages"], env=environment, stdout=subprocess.PIPE, check=True
        )
    for page in json.loads(done.stdout.decode().strip().splitlines()[-1]):
        fast = page["p95_ms"] <= SLOWEST_MS and page["queries"] <= MOST_QUERIES
        yield Figure(
            f"{page['name']}, a million contacts, p95",
            f"{page['p95_ms']:.1f} ms",
            f"{SLOWEST_MS:.0f} ms, {MOST_QUERIES} queries",
            fast,
            f"{page['queries']} queries; median {page['median_ms']:.1f} ms",
        )


def _measure() -> list[dict[str, Any]]:
    import django

    django.setup()
    from django.core.management import call_command
    from django.test import Client

    call_command("migrate", verbosity=0)
    campaign, owner, operator = _seed()
    asks = [
        ("the owner's list of campaigns", owner, "/campaigns/"),
        ("the campaign's page", owner, f"/campaigns/{campaign}/"),
        ("its results by outcome", owner, f"/campaigns/{campaign}/results?reached=yes"),
        ("why is nothing dialling", owner, f"/campaigns/{campaign}/why"),
        ("the owner's balance", owner, "/balance/"),
        (f"the operator's choice of work, {CAMPAIGNS} campaigns", operator, "/work/"),
        ("the operator's calls", operator, "/work/history/"),
        ("the operator's earnings", operator, "/work/earnings/"),
        ("the operator's console", operator, "/work/shift/"),
    ]
    measured = []
    for name, person, address in asks:
        client = Client(
            HTTP_HOST="localhost"
        )  # without the test environment, which looks into every template as it is rendered
        client.force_login(person, backend="django.contrib.auth.backends.ModelBackend")
        measured.append({"name": name, **_asked(client, address)})
    return measured


def _asked(client: Any, address: str) -> dict[str, float]:
    from django.db import connection

    for _ in range(3):  # templates compiled, pages of the database in memory
        reply = client.get(address)
        assert reply.status_code == 200, (address, reply.status_code)
    asked: list[str] = []
    with connection.execute_wrapper(lambda run, sql, *rest: (asked.append(sql), run(sql, *rest))[1]):
        client.get(address)
    took = []
    for _ in range(TIMES):
        began = time.perf_counter()
        client.get(address).getvalue()
        took.append((time.perf_counter() - began) * 1000)
    took.sort()
    return {
        "queries": sum(not sql.startswith(("SAVEPOINT", "RELEASE")) for sql in asked),
        "median_ms": took[TIMES // 2],
        "p95_ms": took[int(TIMES * 0.95)],
    }


def _seed() -> tuple[str, Any, Any]:
    from django.db import connection

    from hearthline.calls.services import begin_shift
    from hearthline.campaigns.models import CampaignState
    from hearthline.people.models import Membership, MembershipLevel, Role, User
    from hearthline.quality import house
    from tests.campaigns.worlds import a_campaign, an_organisation

    organisation = an_organisation(balance=10**9)
    campaign = a_campaign(organisation)
    type(campaign).objects.filter(pk=campaign.pk).update(state=CampaignState.RUNNING)
    agreed = campaign.dispositions.order_by("key").first()
    owner = User.objects.create_user("owner@bench.example", name="Olga", role=Role.CUSTOMER)
    Membership.objects.create(organisation=organisation, user=owner, level=MembershipLevel.OWNER)
    operator = User.objects.create_user(
        "operator@bench.example", name="Anna", role=Role.OPERATOR, spoken_languages=["ru", "en"]
    )
    with connection.cursor() as cursor:
        cursor.execute(
            f"""INSERT INTO campaigns_contact (id, campaign_id, phone, name, data, timezone, state, block_reason, attempts,
                  next_attempt_at, row_number, priority, fence, created_at, outcome, result, notes, talk_ms,
                  disposition_id, disposed_at)
                SELECT gen_random_uuid(), %s, '+7916' || lpad(n::text, 7, '0'), 'Contact ' || n, '{{"age": "54"}}',
                  'Europe/Moscow', CASE WHEN n <= {RESULTS} THEN 'done' ELSE 'fresh' END, '', 0,
                  now() - interval '1 hour' + n * interval '1 microsecond', n, 0, 0, now(), '', '{{}}',
                  CASE WHEN n <= {RESULTS} THEN 'asked about the price' ELSE '' END,
                  CASE WHEN n <= {RESULTS} THEN 60000 ELSE 0 END,
                  CASE WHEN n <= {RESULTS} THEN %s END,
                  CASE WHEN n <= {RESULTS} THEN now() - n * interval '1 second' END
                FROM generate_series(1, {CONTACTS}) n""",
            [campaign.pk, agreed.pk if agreed else None],
        )
    house.install()
    campaign.refresh_from_db()
    shift = begin_shift(operator=operator, campaign=campaign)
    _seed_others(organisation, campaign)
    _seed_calls(shift)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    return str(campaign.pk), owner, operator


def _seed_others(organisation: Any, campaign: Any) -> None:
    """Other campaigns that run, of 3,000 contacts in three time zones, and how their last three days went."""
    from django.db import connection

    from hearthline.calls.models import CampaignHour
    from hearthline.campaigns.models import CampaignState
    from hearthline.lib import clock
    from tests.campaigns.worlds import a_campaign

    hour = clock.now().replace(minute=0, second=0, microsecond=0)
    others = [a_campaign(organisation, name=f"Campaign {n}") for n in range(CAMPAIGNS)]
    type(campaign).objects.filter(pk__in=[other.pk for other in others]).update(state=CampaignState.RUNNING)
    with connection.cursor() as cursor:
        for other in others:
            cursor.execute(
                """INSERT INTO campaigns_contact (id, campaign_id, phone, name, data, timezone, state, block_reason, attempts,
                     next_attempt_at, row_number, priority, fence, created_at, outcome, result, notes, talk_ms)
                   SELECT gen_random_uuid(), %s, '+7917' || lpad(n::text, 7, '0'), 'Contact ' || n, '{}',
                     (ARRAY['Europe/Moscow', 'Asia/Omsk', 'Asia/Vladivostok'])[1 + n %% 3], 'fresh', '', 0,
                     now() - interval '1 hour', n, 0, 0, now(), '', '{}', '', 0
                   FROM generate_series(1, 3000) n""",
                [other.pk],
            )
    CampaignHour.objects.bulk_create(
        CampaignHour(
            campaign=one, hour=hour - timedelta(hours=n), attempts=40, conversations=10, worked_ms=2_800_000,
            talk_ms=800_000, unpaid_ring_ms=600_000,
        )
        for one in (campaign, *others)
        for n in range(72)
    )  # fmt: skip


def _seed_calls(shift: Any) -> None:
    """Calls of one operator over a few weeks, a third of them paid and in review."""
    from hearthline.calls.models import Attempt, Line, LineState, Node, Recording
    from hearthline.campaigns.models import Contact
    from hearthline.dialing.models import Assignment, AssignmentState
    from hearthline.ledger.models import AccountKey, AccountKind, Transfer, TransferState
    from hearthline.ledger.services import account_of
    from hearthline.lib import clock
    from hearthline.lib.ids import new_id

    operator, campaign = shift.operator, shift.campaign
    node = Node.objects.create(name="bench", engine="embedded")
    line = Line.objects.create(user=operator, node=node, state=LineState.OPEN)
    customer = AccountKey(AccountKind.CUSTOMER, campaign.organisation_id, campaign.currency).id
    review = account_of(AccountKind.OPERATOR_MATURING, operator.pk, campaign.currency).pk
    now = clock.now()
    assignments, attempts, transfers, recordings = [], [], [], []
    for n, contact in enumerate(Contact.objects.filter(campaign=campaign, disposed_at__isnull=False)[:OWN_CALLS]):
        at, paid = now - timedelta(minutes=10 * n), n % 3 == 0
        held = Assignment(
            contact=contact, campaign=campaign, operator=operator, phone=contact.phone, state=AssignmentState.CLOSED,
            fence=1, lease_expires_at=at, hold=new_id() if paid else None, dialled=True,
        )  # fmt: skip
        call = Attempt(
            assignment=held, contact=contact, campaign=campaign, operator=operator, shift=shift, line=line, node=node,
            phase="closed", dialled_at=at, answered_at=at, operator_left_at=at, ended_at=at, talk_ms=40_000,
            payable=paid, earned_minor=960 if paid else 0, not_payable_reason="" if paid else "too_short", wrapped_up_at=at,
        )  # fmt: skip
        assignments.append(held)
        attempts.append(call)
        recordings.append(Recording(attempt=call, path="none.wav", started_at=at, duration_ms=40_000))
        if paid:
            transfers.append(
                Transfer(
                    id=held.hold,
                    debit_id=customer,
                    credit_id=review,
                    amount_minor=1200,
                    posted_minor=960,
                    state=TransferState.POSTED,
                    reference=f"assignment:{held.pk}",
                    code="conversation_pay",
                    created_at=at,
                    settled_at=at,
                    matures_at=at + timedelta(hours=72),
                )
            )
    for model, rows in ((Assignment, assignments), (Attempt, attempts), (Recording, recordings), (Transfer, transfers)):
        model.objects.bulk_create(rows)  # type: ignore[arg-type]  # each with its own rows


if __name__ == "__main__":
    print(json.dumps(_measure()))
