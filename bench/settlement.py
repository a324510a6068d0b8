"""Settlements a second on PostgreSQL, beside the same statements sent by pgbench, on a server that keeps its promises
(fsync on). Both take turns, so that a machine that is busy with something else is so for both. As many clients on each
side; each settles its own holds, all of them meet on the exchange's own accounts.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.figure import Figure
from tests import postgresql

CLIENTS = 8
EACH, ROUNDS = 240, 4
CUSTOMERS, OPERATORS = 50, 200
PRICE, COMMISSION, TELEPHONE = 1200, 240, 17

_BARE = """
\\set n :n + 1
\\set number :client_id * {each} + :n
BEGIN;
SELECT d.*, c.*, t.* FROM ledger_transfer t JOIN ledger_account d ON d.id = t.debit_id JOIN ledger_account c ON c.id = t.credit_id
  WHERE t.id = lpad(to_hex(:number), 32, '0')::uuid \\gset hold_
UPDATE ledger_transfer SET state = 'posted', posted_minor = {pay}, settled_at = now(), matures_at = now() + interval '3 days'
  WHERE id = ':hold_id' AND state = 'pending';
INSERT INTO ledger_transfer (id, debit_id, credit_id, amount_minor, posted_minor, state, reference, code, created_at, settled_at)
  VALUES (gen_random_uuid(), ':hold_debit_id', ':revenue', {commission}, {commission}, 'posted', 'a', 'commission', now(), now()),
         (gen_random_uuid(), ':telephony', ':provider', {telephone}, {telephone}, 'posted', 'a', 'telephone', now(), now());
UPDATE ledger_account SET debits_pending = debits_pending - {price}, debits_posted = debits_posted + {price}
  WHERE id = ':hold_debit_id';
UPDATE ledger_account SET credits_pending = credits_pending - {price}, credits_posted = credits_posted + {pay}
  WHERE id = ':hold_credit_id';
UPDATE ledger_account SET debits_posted = debits_posted + {telephone} WHERE id = ':telephony';
UPDATE ledger_account SET credits_posted = credits_posted + {telephone} WHERE id = ':provider';
UPDATE ledger_account SET credits_posted = credits_posted + {commission} WHERE id = ':revenue';
SELECT * FROM ledger_transfer WHERE id = ':hold_id';
COMMIT;
"""


def figures() -> Iterator[Figure]:
    with postgresql.running(durable=True) as server:
        _as_django(server, "postgres", "create", "ours")
        accounts = _as_django(server, "ours", "prepare").split()
        _as_django(server, "postgres", "copy", "ours", "bare")
        bare_s = ours_s = 0.0
        with _workers(server) as workers:
            for turn in range(ROUNDS):
                bare_s += _bare(server, accounts, turn)
                ours_s += _ours(workers)
        bare, ours = CLIENTS * EACH / bare_s, CLIENTS * EACH / ours_s
        faults = _as_django(server, "ours", "prove").strip()
    yield Figure(
        f"settlements a second, {CLIENTS} clients, PostgreSQL",
        f"{ours:,.0f}",
        "at least 50 % of bare SQL",
        ours >= bare / 2,
        f"the same statements by pgbench: {bare:,.0f} a second ({ours / bare:.0%})",
    )
    yield Figure("sum of all accounts after them", "0" if faults == "sound" else faults, "0", faults == "sound")


def _bare(server: postgresql.Server, accounts: list[str], turn: int) -> float:
    """Seconds of a turn of pgbench, by the simple protocol, which is also psycopg's as Django uses it."""
    revenue, telephony, provider = accounts
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "settle.sql"
        script.write_text(
            _BARE.format(
                each=EACH, price=PRICE, pay=PRICE - COMMISSION, commission=COMMISSION, telephone=TELEPHONE
            ).replace("\n  ", " ").replace("\n         ", " ")
        )  # fmt: skip
        variables = {
            "n": str(turn * EACH // ROUNDS), "revenue": revenue, "telephony": telephony, "provider": provider,
        }  # fmt: skip
        told = subprocess.run(
            [
                server.programs / "pgbench", "-n", "-h", "127.0.0.1", "-p", str(server.port), "-U", "hearthline",
                "-c", str(CLIENTS), "-j", "2", "-t", str(EACH // ROUNDS), "-M", "simple", "-f", script,
                *(part for name, value in variables.items() for part in ("-D", f"{name}={value}")), "bare",
            ],
            capture_output=True, text=True, check=False, timeout=300,
        )  # fmt: skip
    rates = [line.split()[2] for line in told.stdout.splitlines() if line.startswith("tps = ")]
    if told.returncode or not rates or "number of failed transactions: 0" not in told.stdout:
        raise RuntimeError(told.stdout + told.stderr)
    return CLIENTS * EACH / ROUNDS / float(rates[0])


Worker = subprocess.Popen[str]


@contextmanager
def _workers(server: postgresql.Server) -> Iterator[list[Worker]]:
    """As many processes as clients, each connected and waiting for its turn."""
    workers = [
        subprocess.Popen(
            [sys.executable, "-m", "bench.settlement", "settle", str(number)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=_environment(server, "ours"),
        )
        for number in range(CLIENTS)
    ]
    try:
        for worker in workers:
            _hear(worker, "ready")
        yield workers
    finally:
        for worker in workers:
            worker.kill()
            worker.communicate()


def _ours(workers: list[Worker]) -> float:
    """Seconds of a turn, from the start of all to the end of the last."""
    begun = time.perf_counter()
    for worker in workers:
        assert worker.stdin is not None
        worker.stdin.write("go\n")
        worker.stdin.flush()
    for worker in workers:
        _hear(worker, "done")
    return time.perf_counter() - begun


def _hear(worker: Worker, word: str) -> None:
    assert worker.stdout is not None
    if worker.stdout.readline() != f"{word}\n":
        raise RuntimeError("a settling process ended early; what it said is above")


def _environment(server: postgresql.Server, database: str) -> dict[str, str]:
    url = f"postgresql://hearthline@127.0.0.1:{server.port}/{database}"
    return {**os.environ, "HEARTHLINE_DATABASE_URL": url, "DJANGO_SETTINGS_MODULE": "hearthline.settings"}


def _as_django(server: postgresql.Server, database: str, *words: str) -> str:
    """Do one thing in a process of its own, whose Django is that of the database."""
    done = subprocess.run(
        [sys.executable, "-m", "bench.settlement", *words],
        env=_environment(server, database), capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(done.stderr)
    return done.stdout


def _prepare() -> None:
    """Accounts, and for each client its pending holds: hold number n has the id n."""
    from django.core.management import call_command
    from django.db import connection

    from hearthline.ledger.models import Account, AccountKind
    from hearthline.ledger.services import account_of, top_up
    from hearthline.lib.ids import derived_id
    from hearthline.lib.money import Money

    call_command("migrate", verbosity=0)
    space = uuid.UUID(int=1)
    customers = [derived_id(space, f"customer {n}") for n in range(CUSTOMERS)]
    for customer in customers:
        top_up(organisation=customer, amount=Money(10**9, "RUB"), id=uuid.uuid4())
    debits = [account_of(AccountKind.CUSTOMER, owner, "RUB").pk for owner in customers]
    credits = [
        account_of(AccountKind.OPERATOR_MATURING, derived_id(space, f"operator {n}"), "RUB").pk
        for n in range(OPERATORS)
    ]
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO ledger_transfer (id, debit_id, credit_id, amount_minor, posted_minor, state, reference, code, created_at)"
            " SELECT lpad(to_hex(n), 32, '0')::uuid, (%s::uuid[])[1 + n %% %s], (%s::uuid[])[1 + n %% %s], %s, 0, 'pending',"
            " 'assignment:' || n, 'conversation_pay', now() FROM generate_series(1, %s) n",
            [debits, CUSTOMERS, credits, OPERATORS, PRICE, CLIENTS * EACH],
        )
        for side in ("debit", "credit"):
            cursor.execute(
                f"UPDATE ledger_account a SET {side}s_pending = (SELECT coalesce(sum(amount_minor), 0) FROM ledger_transfer t"
                f" WHERE t.{side}_id = a.id AND t.state = 'pending')"
            )
        cursor.execute("VACUUM ANALYZE")
    own = (AccountKind.EXCHANGE_REVENUE, AccountKind.TELEPHONY_COST, AccountKind.PROVIDER_PAYABLE)
    found: list[Account] = [account_of(kind, None, "RUB") for kind in own]
    print(*(account.pk for account in found))


def _settle(client: int) -> None:
    from django.db import connection

    from hearthline.ledger.services import TelephoneCost, settle_conversation
    from hearthline.lib.money import Money

    commission, telephone = Money(COMMISSION, "RUB"), Money(TELEPHONE, "RUB")
    connection.ensure_connection()
    print("ready", flush=True)
    for turn in range(ROUNDS):
        sys.stdin.readline()
        for n in range(EACH // ROUNDS):
            hold = uuid.UUID(int=client * EACH + turn * EACH // ROUNDS + n + 1)
            settle_conversation(hold=hold, commission=commission, telephone=TelephoneCost(uuid.uuid4(), telephone))
        print("done", flush=True)


def _prove() -> None:
    from hearthline.ledger.check import prove

    report = prove()
    print("sound" if report.sound else report.faults[0])


def _statement(sql: str) -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(sql)


def _act(words: list[str]) -> None:
    import django

    django.setup()
    match words:
        case ["create", name]:
            _statement(f"CREATE DATABASE {name}")
        case ["copy", old, new]:
            _statement(f"CREATE DATABASE {new} TEMPLATE {old}")
        case ["prepare"]:
            _prepare()
        case ["settle", client]:
            _settle(int(client))
        case ["prove"]:
            _prove()
        case _:
            raise SystemExit(f"unknown: {words}")


if __name__ == "__main__":
    _act(sys.argv[1:])
