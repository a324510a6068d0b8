"""The rules of claiming once more on PostgreSQL, whose statement is another one."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.dialing import test_claims, test_outcomes


@pytest.mark.postgres
@pytest.mark.parametrize(
    "case",
    [
        test_claims.test_claims_the_oldest_and_holds_its_price,
        test_claims.test_a_number_on_the_line_elsewhere_is_stepped_over,
        test_claims.test_the_do_not_call_list_holds_even_for_contacts_in_the_queue,
        test_claims.test_a_destination_that_lost_its_price_leaves_the_queue,
        test_claims.test_not_what_the_operator_or_their_invitee_entered,
        test_claims.test_each_contact_in_its_own_zone,
        test_claims.test_a_promise_goes_to_who_made_it_then_to_anyone,
        test_claims.test_without_money_the_campaign_stands_still_and_nothing_is_given_out,
        test_claims.test_a_paused_campaign_gives_nothing_out_even_to_an_old_page,
        test_outcomes.test_agreed_is_done_and_counted,
        test_outcomes.test_do_not_call_is_listed_for_the_customer_and_leaves_their_other_queues,
    ],
)
def test_the_same_on_postgresql(postgres: str, case: Callable[[], None]) -> None:
    case()
