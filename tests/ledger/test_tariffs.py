"""What a telephone second costs."""

from __future__ import annotations

from contextlib import suppress
from fractions import Fraction

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import strategies as st

from hearthline.ledger import tariffs
from hearthline.ledger.models import Tariff, TariffRow
from hearthline.ledger.tariff_import import TariffFileError, import_rows, read_rows
from hearthline.ledger.tariffs import Rate, Rates, UnpricedDestinationError
from hearthline.lib.money import minor_digits


@pytest.fixture
def tariff(db: None) -> Tariff:
    return Tariff.objects.create(name="Provider", currency="RUB")


def price(tariff: Tariff, prefix: str, per_minute: int, connection: int = 0) -> None:
    TariffRow.objects.create(
        tariff=tariff, prefix=prefix, per_minute_micro=per_minute * 1_000_000, connection_micro=connection * 1_000_000
    )


def test_the_longest_prefix_counts(tariff: Tariff) -> None:
    price(tariff, "7", 9)
    price(tariff, "79", 2)
    price(tariff, "7916", 1)
    assert tariffs.telephone_cost("+79161234567", 60).minor == 100
    assert tariffs.telephone_cost("+79261234567", 60).minor == 200
    assert tariffs.telephone_cost("+74951234567", 60).minor == 900


def test_a_destination_without_a_price_is_blocked(tariff: Tariff) -> None:
    price(tariff, "79", 2)
    assert not tariffs.is_priced("+447911123456")
    with pytest.raises(UnpricedDestinationError):
        tariffs.telephone_cost("+447911123456", 60)


def test_tariffs_out_of_use_and_of_other_currencies_do_not_count(tariff: Tariff) -> None:
    old = Tariff.objects.create(name="Old", currency="RUB", active=False)
    euro = Tariff.objects.create(name="Euro", currency="EUR")
    price(old, "79", 1)
    price(euro, "79", 1)
    assert not tariffs.is_priced("+79161234567")
    assert tariffs.is_priced("+79161234567", "EUR")


def test_of_two_prices_for_one_prefix_the_dearer_counts(tariff: Tariff) -> None:
    price(tariff, "79", 2)
    price(Tariff.objects.create(name="Other", currency="RUB"), "79", 3)
    assert tariffs.telephone_cost("+79161234567", 60).minor == 300
    assert tariffs.all_rates().rate_of("+79161234567") == tariffs.rate_of("+79161234567")


def test_one_number_is_one_query_by_index_and_a_million_are_one_too(tariff: Tariff) -> None:
    price(tariff, "79", 2)
    with CaptureQueriesContext(connection) as queries:
        tariffs.is_priced("+79161234567")
    assert len(queries) == 1
    with connection.cursor() as cursor:
        cursor.execute("EXPLAIN QUERY PLAN " + queries[0]["sql"])
        plan = " ".join(str(row) for row in cursor.fetchall())
    assert "SCAN" not in plan.replace("SCAN ledger_tariff ", "")
    with CaptureQueriesContext(connection) as queries:
        rates = tariffs.all_rates()
        assert all(rates.is_priced(f"+7916123{n:04}") for n in range(1000))
    assert len(queries) == 1


def test_per_second_with_a_connection_fee_rounded_up_once() -> None:
    rate = Rate("79", per_minute_micro=1_500_000, connection_micro=250_000, currency="RUB")
    assert rate.cost(0).minor == 0  # not answered
    assert rate.cost(1).minor == 28  # 0.25 + 0.025 roubles
    assert rate.cost(60).minor == 175
    assert Rate("81", 1_500_000, 0, "JPY").cost(60).minor == 2  # no smaller coin than the yen


@given(
    st.integers(0, 10**9), st.integers(0, 10**9), st.integers(1, 100_000), st.sampled_from(["RUB", "EUR", "JPY", "KWD"])
)
def test_a_cost_is_never_understated_and_never_a_coin_too_much(
    per_minute: int, connection_fee: int, talk_s: int, currency: str
) -> None:
    exact = Fraction(connection_fee * 60 + per_minute * talk_s, 60 * 1_000_000) * 10 ** minor_digits(currency)
    cost = Rate("7", per_minute, connection_fee, currency).cost(talk_s)
    assert exact <= cost.minor < exact + 1


@given(
    st.sets(st.text("0123456789", min_size=1, max_size=6), max_size=30), st.text("0123456789", min_size=7, max_size=15)
)
def test_the_table_finds_what_a_search_of_all_rows_finds(prefixes: set[str], digits: str) -> None:
    found = Rates(Rate(p, 1, 0, "RUB") for p in prefixes).rate_of("+" + digits)
    longest = max((p for p in prefixes if digits.startswith(p)), key=len, default=None)
    assert (found.prefix if found else None) == longest


@pytest.mark.parametrize(
    "file",
    [
        "prefix,per_minute,connection,description\n7916,1.25,0.5,Moscow\n7,2,,Russia\n",
        "\ufeffPrefix;Per minute;Connection;Description\r\n+7916;1,25;0,5;Москва\r\n\r\n7;2\r\n",
        "description\tprefix\tper_minute\tconnection\nx\t7916\t1.25\t0.5\ny\t7\t2\t0\n",
    ],
)
def test_a_price_list_is_read_as_people_save_it(tariff: Tariff, file: str) -> None:
    price(tariff, "1", 1)
    assert import_rows(tariff=tariff, file=file.encode()) == 2
    rows = TariffRow.objects.order_by("prefix").values_list("prefix", "per_minute_micro", "connection_micro")
    assert list(rows) == [("7", 2_000_000, 0), ("7916", 1_250_000, 500_000)]


def test_a_price_list_in_an_old_encoding_is_read(tariff: Tariff) -> None:
    import_rows(tariff=tariff, file="prefix;per_minute;connection;description\n7;1;0;Россия\n".encode("cp1251"))
    assert TariffRow.objects.get().description == "Россия"


@pytest.mark.parametrize(
    ("file", "words"),
    [
        ("", "name the columns"),
        ("a;b\n1;2\n", "name the columns"),
        ("prefix;per_minute\n", "no price"),
        ("prefix;per_minute\n7;1\n7a;1\n", "Row 3"),
        ("prefix;per_minute\n07;1\n", "1 to 15 digits"),
        ("prefix;per_minute\n1234567890123456;1\n", "1 to 15 digits"),
        ("prefix;per_minute\n7;-1\n", "from 0 to"),
        ("prefix;per_minute\n7;NaN\n", "from 0 to"),
        ("prefix;per_minute\n7;1e9\n", "from 0 to"),
        ("prefix;per_minute\n7;0.0000001\n", "six digits"),
        ("prefix;per_minute\n7;\n", "must be a number"),
        ("prefix;per_minute\n7;1\n+7;2\n", "twice"),
    ],
)
def test_a_wrong_price_list_changes_nothing_and_names_the_row(tariff: Tariff, file: str, words: str) -> None:
    price(tariff, "79", 2)
    with pytest.raises(TariffFileError) as raised:
        import_rows(tariff=tariff, file=file.encode())
    assert words in " ".join(str(f) for f in raised.value.faults)
    assert tariffs.telephone_cost("+79161234567", 60).minor == 200


@given(st.binary(max_size=300))
def test_no_file_breaks_the_reader(file: bytes) -> None:
    for written in (file, b"prefix;per_minute\n" + file):
        with suppress(TariffFileError):
            assert read_rows(Tariff(name="x"), written)
