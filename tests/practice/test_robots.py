"""A robot as a contact, on the wire: call control, the embedded engine, SIP to the robots, their account of the call."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from django.conf import settings

from hearthline.calls import commands as cmd
from hearthline.calls import services
from hearthline.calls.models import Attempt, HandOver, TrunkCall
from hearthline.calls.outcomes import Outcome
from hearthline.campaigns.models import Campaign, CampaignKind, ContactState
from hearthline.dialing import services as dialing
from hearthline.dialing.robots import Robot, assign_robot
from hearthline.ledger.models import Transfer
from hearthline.lib import clock
from hearthline.practice.serving import Robots
from hearthline.quality import house
from hearthline.quality.models import OwnScenario, RobotCall, ScenarioRecording
from hearthline.quality.scenarios.library import recordings_of, scenario_of
from hearthline.quality.scoring import settle_robot_call
from hearthline.supervisor.exchange import free_port
from hearthline.switch.embedded.pcm import FRAME_BYTES, rms
from hearthline.switch.robots.browser_peer import BrowserPeer
from tests.callcontrol.engines import EmbeddedEngine
from tests.callcontrol.exchange import Exchange
from tests.callcontrol.test_real_engine import Node, sounds  # noqa: F401 - a fixture

LOUD = b"\x00\x20" * (FRAME_BYTES // 4) + b"\x00\xe0" * (FRAME_BYTES // 4)


@pytest_asyncio.fixture
async def node(
    prepared: Exchange, data_folder: Path, sounds: Path, monkeypatch: pytest.MonkeyPatch  # noqa: F811 - the fixture
) -> AsyncIterator[Node]:  # fmt: skip
    monkeypatch.setattr(settings.HEARTHLINE, "robots_port", free_port())
    node = Node(prepared, data_folder, sounds, EmbeddedEngine(data_folder))
    await node.start()
    robots = await Robots.start(settings.HEARTHLINE)
    try:
        yield node
    finally:
        await robots.close()
        await node.stop()


class Talker:
    """An operator who answers whenever the other side has finished: for a second and a half, `turns` times."""

    def __init__(self, turns: int = 10) -> None:
        self._turns = turns
        self._heard = False
        self._quiet = 0
        self._left = 0

    def hear(self, frame: bytes | None) -> None:
        loud = frame is not None and rms(frame, 2) > 500
        self._heard |= loud
        self._quiet = 0 if loud else self._quiet + 1
        if self._heard and self._quiet == 40 and self._turns:
            self._heard, self._left = False, 75
            self._turns -= 1

    def __call__(self) -> bytes:
        self._left -= 1
        return LOUD if self._left >= 0 else bytes(FRAME_BYTES)


def wrap_up(world: Exchange, kind: str) -> Outcome:
    disposition = world.campaign.dispositions.get(kind=kind)
    return services.wrap_up(
        attempt=world.attempt, operator=world.operator, fence=world.assignment.fence, disposition=disposition.pk, fields={},
        notes="",
    )  # fmt: skip


async def at_practice(node: Node, kind: CampaignKind, scenario: str) -> BrowserPeer:
    """The operator on shift in one of the exchange's own campaigns, the line open, a robot in hand."""
    world = node.world

    def work() -> None:
        dialing.release(world.assignment, "withdrawn")
        campaign = Campaign.objects.get(pk=house.house_id(kind, "ru"))
        services.begin_shift(operator=world.operator, campaign=campaign)
        robot = Robot(scenario, "Robot", "Europe/Moscow")
        made = assign_robot(operator=world.operator, campaign=campaign, home=campaign, robot=robot)
        assert made is not None
        world.assignment, world.campaign = made, campaign

    await node.db(work)
    talker = Talker()
    peer = BrowserPeer(node.clock, talker, talker.hear)
    reply = await node.command(cmd.OpenLine(key=uuid.uuid4().hex, user=str(world.operator.pk), offer=peer.offer()))
    peer.accept(reply["answer"])
    await peer.up()
    return peer


async def test_a_conversation_with_a_robot_is_logged_scored_and_paid_by_nobody(node: Node) -> None:
    world = node.world
    peer = await at_practice(node, CampaignKind.TRAINING, "ru/refuses")
    before = await node.db(Transfer.objects.count)
    await node.dial()
    await node.told("call.answered")
    ended = await node.told("call.ended")
    assert ended.payload["by"] == "contact"
    call = await node.db(lambda: RobotCall.objects.get(pk=world.attempt))
    assert [one["by"] for one in call.spoken][:5] == ["robot", "operator", "robot", "operator", "robot"]
    assert [one["turn"] for one in call.spoken if one["by"] == "robot"] == ["turn1", "refuses", "turn3"]
    assert call.answered
    assert call.all_said
    assert call.scored_at is None

    outcome = await node.db(wrap_up, world, "refusal")
    assert (outcome.payable, outcome.not_payable_reason) == (False, "practice")
    await node.db(lambda: settle_robot_call(uuid.UUID(world.attempt)))
    call = await node.db(lambda: RobotCall.objects.get(pk=world.attempt))
    assert call.outcome_right
    assert call.score is not None
    assert call.score > 80, call.items
    row = await node.db(lambda: Attempt.objects.select_related("contact").get(pk=world.attempt))
    assert row.trunk_id is None
    assert row.contact.state == ContactState.DONE
    assert await node.db(lambda: TrunkCall.objects.get(attempt=row).trunk_id) is None
    assert await node.db(Transfer.objects.count) == before
    peer.vanish()


async def test_a_robot_manager_takes_a_hand_over(node: Node) -> None:
    peer = await at_practice(node, CampaignKind.TUTORIAL, "ru/first_call")
    await node.dial()
    await node.told("call.answered")
    await node.press(cmd.Transfer)
    await node.told("handover.answered")
    await node.press(cmd.CompleteTransfer)
    await node.told("handover.completed")
    assert await node.db(lambda: HandOver.objects.get().manager.phone) in house.MANAGERS
    peer.vanish()


async def test_a_scenarios_recording_is_played_as_it_was_uploaded_and_spoken_when_it_is_gone(node: Node) -> None:
    """The robots answer for the number at hand with what the database says now, without a restart."""
    world = node.world

    def written(recorded: bool) -> None:
        ScenarioRecording.objects.all().delete()
        if recorded:
            sound = LOUD * 50
            ScenarioRecording.objects.create(name="yes.wav", sound=sound, duration_ms=1000, uploaded_at=clock.now())
        text = "title: Yes\nuses: []\nturns:\n  - {say: Да., recording: yes.wav, hangs_up: yes}\nmeans: {outcome: refusal}\n"
        OwnScenario.objects.update_or_create(slug="ru/yes", defaults={"text": text, "changed_at": clock.now()})

    await node.db(written, True)
    peer = await at_practice(node, CampaignKind.TRAINING, "ru/yes")
    await node.dial()
    await node.told("call.answered")
    await node.told("call.ended")
    call = await node.db(lambda: RobotCall.objects.get(pk=world.attempt))
    (line,) = [one for one in call.spoken if one["by"] == "robot"]
    assert line["end_ms"] - line["begin_ms"] == pytest.approx(1000, abs=60)  # as long as the recording, not as the word
    assert await node.db(lambda: recordings_of(scenario_of("ru/yes"))) == {"yes.wav": LOUD * 50}  # type: ignore[arg-type]
    await node.db(written, False)
    assert await node.db(lambda: recordings_of(scenario_of("ru/yes"))) == {}  # type: ignore[arg-type]
    peer.vanish()
