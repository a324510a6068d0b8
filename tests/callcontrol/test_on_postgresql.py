"""The same calls where eight threads write at once, with real row locks."""

from __future__ import annotations

import pytest

from tests.callcontrol.test_calls import (  # noqa: F401 - collected here once more
    test_a_briefing_and_a_hand_over,
    test_a_conversation_is_dialled_talked_and_settled,
    test_busy_is_disposed_by_itself_and_costs_nothing,
    test_the_same_key_twice_places_one_call,
)
from tests.callcontrol.test_phone_lines import (  # noqa: F401 - the same, with the fixtures that they need
    allowed,
    started,
    test_a_new_telephone_must_be_told_the_code_of_the_page,
    test_a_telephone_is_a_line_for_a_whole_call,
    test_a_telephone_lost_in_mid_call_is_rung_once_more,
    test_the_cost_is_posted_also_when_call_control_was_away,
    test_what_is_registered_is_known_after_a_restart,
)

pytestmark = pytest.mark.postgres
