"""Claims: sixteen claimants on one campaign of a million contacts, on PostgreSQL that keeps its promises (fsync).

The bare thing is the same work with no program around it: pgbench claims with one statement and holds the price
with three more, in one transaction, from sixteen connections. Every claimed contact is another
operator's; at the end it is counted that nobody and nothing was claimed twice.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.figure import Figure
from tests import postgresql

CONTACTS = int(os.environ.get("BENCH_CONTACTS", "1_000_000"))
OPERATORS = 60_000
CLAIMANTS = 16
PROCESSES = 4  # web processes, each with CLAIMANTS / PROCESSES claimants
SECONDS = 12
BAR = 0.5
ZONES = (
    "Europe/Moscow", "Europe/Moscow", "Europe/Moscow", "Asia/Yekaterinburg", "Asia/Novosibirsk", "Europe/Samara",
    "Asia/Vladivostok", "Asia/Irkutsk", "Asia/Krasnoyarsk", "Europe/Kaliningrad", "Asia/Omsk",
)  # fmt: skip


def figures() -> Iterator[Figure]:
    with postgresql.running(durable=True) as server:
        _psql(server, "postgres", "CREATE DATABASE bench")
        environment = {
            **os.environ,
            "HEARTHLINE_DATABASE_URL": f"postgresql://hearthline@127.0.0.1:{server.port}/bench",
            "HEARTHLINE_DATA": tempfile.mkdtemp(prefix="hearthline-bench-"),
            "DJANGO_SETTINGS_MODULE": "hearthline.settings",
        }
        world = json.loads(_python(environment, "seed"))
        _psql(server, "bench", "VACUUM ANALYZE")
        bare = _pgbench(server, world, with_hold=True)
        statement = _pgbench(server, world, with_hold=False)
        _psql(server, "bench", "VACUUM ANALYZE")
        ours = json.loads(_python(environment, "claim", json.dumps(world)))
        double = ours["doubles"]
    yield Figure(
        "claims a second, 16 claimants, a million contacts",
        f"{ours['rate']:,.0f}",
        f"at least {BAR:.0%} of bare SQL",
        ours["rate"] >= BAR * bare,
        f"bare SQL: {bare:,.0f} ({ours['rate'] / bare:.0%}); its claim alone, without money: {statement:,.0f}",
    )
    yield Figure("claims, the slowest of a hundred", f"{ours['p99_ms']:.1f} ms")
    yield Figure("contacts, numbers or operators claimed twice", str(double), "none", double == 0)


def _python(environment: dict[str, str], *arguments: str) -> str:
    """This module in a process of its own, whose settings are of the measured database."""
    done = subprocess.run(
        [sys.executable, "-m", "bench.claims", *arguments], env=environment, stdout=subprocess.PIPE, check=True
    )
    return done.stdout.decode().strip().splitlines()[-1]


def _psql(server: postgresql.Server, database: str, statement: str) -> None:
    command = [
        server.programs / "psql",
        "-h",
        "127.0.0.1",
        "-p",
        str(server.port),
        "-U",
        "hearthline",
        "-q",
        "-c",
        statement,
    ]
    subprocess.run([*command, database], check=True, stdout=subprocess.DEVNULL)


# --- bare SQL ---------------------------------------------------------------------------------------------------------


def _pgbench(server: postgresql.Server, world: dict[str, Any], *, with_hold: bool) -> float:
    """Transactions a second of the bare statements."""
    hold = """
INSERT INTO ledger_transfer (id, debit_id, credit_id, amount_minor, posted_minor, state, reference, code, created_at)
  SELECT hold, :debit, :credit, 1200, 0, 'pending', 'assignment:' || id, 'conversation_pay', now()
  FROM dialing_assignment WHERE operator_id = :operator AND state = 'active';
UPDATE ledger_account SET debits_pending = debits_pending + 1200
  WHERE id = :debit AND credits_posted >= debits_posted + debits_pending + 1200;
UPDATE ledger_account SET credits_pending = credits_pending + 1200 WHERE id = :credit;
"""
    script = f"""
SELECT quote_literal(id) AS operator, quote_literal(account) AS credit FROM bench_operator
  WHERE n = (SELECT nextval('bench_operators')) \\gset
BEGIN;
WITH picked AS (
  SELECT c.id FROM campaigns_contact c
  WHERE c.campaign_id = :campaign AND c.state IN ('fresh', 'retry') AND c.timezone = 'Europe/Moscow' AND c.priority = 0
    AND c.next_attempt_at <= now() AND c.attempts < 5
    AND NOT EXISTS (SELECT 1 FROM dialing_assignment a WHERE a.phone = c.phone AND a.state = 'active')
    AND NOT EXISTS (SELECT 1 FROM campaigns_donotcall d WHERE d.phone = c.phone)
  ORDER BY c.next_attempt_at LIMIT 1 FOR UPDATE OF c SKIP LOCKED),
claimed AS (UPDATE campaigns_contact t SET state = 'assigned', fence = t.fence + 1 FROM picked WHERE t.id = picked.id
            RETURNING t.id, t.phone, t.fence)
INSERT INTO dialing_assignment (id, contact_id, campaign_id, operator_id, phone, state, fence, lease_expires_at, hold,
                                created_at, release_reason, dialled)
SELECT gen_random_uuid(), id, :campaign, :operator, phone, 'active', fence, now() + interval '2 minutes',
       gen_random_uuid(), now(), '', false FROM claimed;
{hold if with_hold else ""}
COMMIT;
"""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "claim.sql"
        path.write_text(script)
        os.chmod(folder, 0o755)
        command = [
            server.programs / "pgbench", "-h", "127.0.0.1", "-p", str(server.port), "-U", "hearthline", "-n",
            "-c", str(CLAIMANTS), "-j", "2", "-T", str(SECONDS), "-f", path,
            "-D", f"campaign='{world['campaign']}'", "-D", f"debit='{world['customer']}'", "bench",
        ]  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    found = re.search(r"tps = ([\d.]+) \(without", done.stdout)
    assert found is not None, done.stdout + done.stderr
    return float(found[1])


# --- ours: run in processes with the settings of the measured database --------------------------------------------------


def _seed() -> dict[str, str]:
    import django

    django.setup()
    from django.core.management import call_command
    from django.db import connection

    from hearthline.campaigns.models import CampaignState
    from hearthline.ledger.models import AccountKind
    from hearthline.ledger.services import account_of
    from tests.campaigns.worlds import a_campaign, an_organisation

    call_command("migrate", verbosity=0)
    organisation = an_organisation(balance=10**12)
    campaign = a_campaign(organisation)
    type(campaign).objects.filter(pk=campaign.pk).update(state=CampaignState.RUNNING)
    zones = "ARRAY[{}]".format(", ".join(f"'{zone}'" for zone in ZONES))
    with connection.cursor() as cursor:
        cursor.execute(
            f"""INSERT INTO campaigns_contact (id, campaign_id, phone, name, data, timezone, state, block_reason, attempts,
                  next_attempt_at, row_number, priority, fence, created_at, outcome, result, notes, talk_ms)
                SELECT gen_random_uuid(), %s, '+7916' || lpad(n::text, 7, '0'), 'Contact ' || n, '{{"age": "54"}}',
                  ({zones})[1 + n %% {len(ZONES)}], 'fresh', '', 0, now() - interval '1 hour' + n * interval '1 microsecond',
                  n, 0, 0, now(), '', '{{}}', '', 0 FROM generate_series(1, {CONTACTS}) n""",
            [campaign.pk],
        )
        cursor.execute(
            f"""INSERT INTO people_user (id, password, is_superuser, email, name, role, language, timezone, spoken_languages,
                  level, shortcuts, is_active, is_staff, is_robot, date_joined)
                SELECT gen_random_uuid(), '', false, 'o' || n || '@example.org', 'Anna', 'operator', 'ru', 'Europe/Moscow',
                  '["ru"]', 1, '{{}}', true, false, true, now() FROM generate_series(1, {OPERATORS}) n"""
        )
        cursor.execute("CREATE TABLE bench_operator (n integer PRIMARY KEY, id uuid, account uuid)")
        cursor.execute("CREATE SEQUENCE bench_operators")
        cursor.execute("SELECT id FROM people_user WHERE is_robot")
        operators = [row[0] for row in cursor.fetchall()]
        accounts = _accounts(operators)
        rows = [(n, operator, accounts[operator]) for n, operator in enumerate(operators, 1)]
        cursor.executemany("INSERT INTO bench_operator VALUES (%s, %s, %s)", rows)
    customer = account_of(AccountKind.CUSTOMER, organisation.pk, "RUB")
    return {"campaign": str(campaign.pk), "customer": str(customer.pk)}


def _accounts(operators: list[uuid.UUID]) -> dict[uuid.UUID, uuid.UUID]:
    """The operators have worked before: their accounts exist."""
    from hearthline.ledger.models import Account, AccountKey, AccountKind

    keys = {operator: AccountKey(AccountKind.OPERATOR_MATURING, operator, "RUB") for operator in operators}
    Account.objects.bulk_create(
        [Account(id=key.id, kind=key.kind, owner=key.owner, currency=key.currency) for key in keys.values()],
        batch_size=5000,
    )
    return {operator: key.id for operator, key in keys.items()}


def _claim(world: dict[str, str]) -> dict[str, float]:
    context = multiprocessing.get_context("spawn")
    queue: multiprocessing.Queue[list[float]] = context.Queue()
    gate = context.Barrier(PROCESSES)
    processes = [context.Process(target=_claimants, args=(world, number, gate, queue)) for number in range(PROCESSES)]
    for process in processes:
        process.start()
    took = [s for _process in processes for s in queue.get(timeout=SECONDS * 10)]
    for process in processes:
        process.join(60)
    took.sort()
    return {"rate": len(took) / SECONDS, "p99_ms": took[int(len(took) * 0.99)] * 1000, "doubles": _doubles()}


def _claimants(world: dict[str, str], number: int, gate: Any, queue: Any) -> None:
    import django

    django.setup()
    from django.db import connection, connections

    from hearthline.campaigns.models import Campaign
    from hearthline.dialing.services import claim_next
    from hearthline.people.models import User

    campaign = Campaign.objects.select_related("organisation").get(pk=world["campaign"])
    with connection.cursor() as cursor:
        cursor.execute("SELECT last_value FROM bench_operators")
        used = cursor.fetchone()[0]
        cursor.execute("SELECT id FROM bench_operator WHERE n > %s AND n %% %s = %s", [used + 100, PROCESSES, number])
        operators = list(User.objects.filter(pk__in=[row[0] for row in cursor.fetchall()]))
    lock, took = threading.Lock(), []
    gate.wait(300)
    until = time.perf_counter() + SECONDS

    def work() -> None:
        while True:
            with lock:
                operator = operators.pop()
            begun = time.perf_counter()
            if begun >= until:
                break
            assert claim_next(operator, campaign) is not None
            took.append(time.perf_counter() - begun)
        connections.close_all()

    threads = [threading.Thread(target=work) for _ in range(CLAIMANTS // PROCESSES)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    queue.put(took)


def _doubles() -> int:
    import django

    django.setup()
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT sum(n - m) FROM (SELECT count(*) n, count(DISTINCT contact_id) m FROM dialing_assignment UNION ALL "
            "SELECT count(*), count(DISTINCT phone) FROM dialing_assignment UNION ALL "
            "SELECT count(*), count(DISTINCT operator_id) FROM dialing_assignment) counts"
        )
        return int(cursor.fetchone()[0])


if __name__ == "__main__":
    result = _seed() if sys.argv[1] == "seed" else _claim(json.loads(sys.argv[2]))
    print(json.dumps(result))
