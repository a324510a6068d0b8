"""The same calls where eight threads write at once, with real row locks."""

from __future__ import annotations

import pytest

from tests.callcontrol.test_calls import (  # noqa: F401 - collected here once more
    test_a_briefing_and_a_hand_over,
    test_a_conversation_is_dialled_talked_and_settled,
    test_busy_is_disposed_by_itself_and_costs_nothing,
    test_the_same_key_twice_places_one_call,
)

pytestmark = pytest.mark.postgres
