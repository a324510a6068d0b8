"""Where a line is opened, and who stands in line when every node is full."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db.models.functions import Now

from hearthline.calls import nodes
from hearthline.calls.models import Line, LineState, LineWait, Node
from hearthline.lib import clock
from hearthline.people.models import User
from tests.campaigns.worlds import an_operator

pytestmark = pytest.mark.django_db


def a_node(name: str, *, legs: int = 0, full: str = "", silent_s: int = 0, draining: bool = False) -> Node:
    load: dict[str, Any] = {"legs": legs, "most_legs": 10, "full": full}
    Node.objects.update_or_create(
        name=name,
        defaults={"load": load, "draining": draining, "heartbeat_at": Now() - timedelta(seconds=silent_s)},
    )
    return Node.objects.get(name=name)


def place_of(operator: User) -> int:
    with pytest.raises(nodes.NodesFullError) as refused:
        nodes.operators_turn(operator)
    return int(str(refused.value.details["position"]))


def test_the_node_with_most_room_of_those_that_are_alive_and_stay() -> None:
    a_node("silent", silent_s=20)
    a_node("draining", draining=True)
    a_node("full", full="late")
    a_node("busy", legs=6)
    a_node("calm", legs=4)
    assert nodes.node_for_new_line() == "calm"
    for _ in range(3):  # opened since the last heartbeat: nobody has counted them yet
        Line.objects.create(user=an_operator(), node_id="calm", state=LineState.OPENING)
    assert nodes.node_for_new_line() == "busy"


def test_no_node_is_another_thing_than_full_nodes() -> None:
    a_node("silent", silent_s=20)
    with pytest.raises(nodes.NoNodeError):
        nodes.node_for_new_line()
    a_node("full", legs=10)
    with pytest.raises(nodes.NodesFullError):
        nodes.node_for_new_line()


def test_a_line_stays_where_it_is_until_its_node_is_emptied_or_lost() -> None:
    operator = an_operator()
    a_node("home", legs=9, full="late")
    a_node("other")
    Line.objects.create(user=operator, node_id="home", state=LineState.OPEN)
    assert nodes.operators_turn(operator) == "home", "whoever has a line is served, however full it is"
    a_node("home", draining=True)
    assert nodes.operators_turn(operator) == "other"
    a_node("home", silent_s=20)
    assert nodes.operators_turn(operator) == "other"
    a_node("home", full=nodes.NO_QUEUE)
    assert nodes.operators_turn(operator) == "other", "no command reaches it"
    a_node("other", full=nodes.NO_QUEUE)
    assert nodes.operators_turn(operator) == "home", "nor the other one"
    a_node("other")
    Node.objects.filter(name="other").delete()
    assert nodes.operators_turn(operator) == "home", "there is no elsewhere"


def test_operators_stand_in_line_and_come_in_their_order() -> None:
    first, second, third = (an_operator() for _ in range(3))
    a_node("one", full="late")
    assert [place_of(o) for o in (first, second, third)] == [1, 2, 3]
    assert place_of(second) == 2, "asking again keeps the place"
    a_node("one", legs=9)
    assert place_of(third) == 3
    assert place_of(second) == 2
    assert nodes.operators_turn(first) == "one"
    Line.objects.create(user=first, node_id="one", state=LineState.OPENING)
    assert [place_of(o) for o in (third, second)] == [2, 1]
    newcomer = an_operator()
    a_node("one", legs=8)
    assert place_of(newcomer) == 3, "nobody overtakes those who wait"
    assert nodes.operators_turn(second) == "one"


def test_a_node_that_found_calm_is_filled_by_and_by() -> None:
    waiting = [an_operator() for _ in range(5)]
    a_node("one", full="late")
    for operator in waiting:
        place_of(operator)
    a_node("one")
    assert place_of(waiting[4]) == 5
    assert place_of(waiting[3]) == 4
    assert nodes.operators_turn(waiting[2]) == "one"


def test_who_asks_no_more_has_left_the_line() -> None:
    gone, stays = an_operator(), an_operator()
    a_node("one", full="cpu")
    assert [place_of(o) for o in (gone, stays)] == [1, 2]
    LineWait.objects.filter(user=gone).update(seen_at=clock.now() - nodes.WAIT_KEPT - timedelta(seconds=1))
    assert place_of(stays) == 1
    assert not LineWait.objects.filter(user=gone).exists()
