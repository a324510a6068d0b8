"""A node of an exchange in one process: call control on a fake switch, a real bus, a real database; people who press keys."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable
from typing import Any, TypeVar

from hearthline.callcontrol.conductor import Conductor
from hearthline.callcontrol.node_life import announce
from hearthline.callcontrol.orders import Orders
from hearthline.callcontrol.reconciler import Reconciler
from hearthline.callcontrol.recovery import recover
from hearthline.calls import commands as cmd
from hearthline.calls import services
from hearthline.calls.models import Attempt, HandOver, Line, Trunk, TrunkCall
from hearthline.calls.outcomes import Outcome
from hearthline.campaigns.models import Campaign, CampaignManager, DispositionKind
from hearthline.dialing import services as dialing
from hearthline.dialing.models import Assignment
from hearthline.people.models import Role, User
from hearthline.realtime.bus import Event
from hearthline.realtime.configured import bus
from tests.callcontrol.fake_switch import FakeSwitch, VirtualMoments
from tests.campaigns.worlds import a_running_campaign, an_operator

T = TypeVar("T")
NODE = "test"
PATIENCE_S = 20.0


class Exchange:
    """Made by `exchange()` below, in the running event loop. Everything that touches the database is awaited through
    `db`, which uses call control's own threads."""

    def __init__(self, node: str = NODE) -> None:
        self.node = node
        self.moments = VirtualMoments()
        self.switch = FakeSwitch(self.moments)
        self.first_event = 0
        self._tasks: list[asyncio.Task[Any]] = []
        self.conductor: Conductor
        self.orders: Orders
        self.campaign: Campaign
        self.operator: User
        self.manager: CampaignManager
        self.manager_user: User
        self.assignment: Assignment
        self.line = ""
        self.attempt = ""

    # --- the process --------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        self.conductor = Conductor(self.switch, bus(), self.node, moments=self.moments)
        self.orders = Orders(self.conductor)
        listening = asyncio.Event()
        self._tasks = [
            asyncio.create_task(self.conductor.listen(listening)),
            asyncio.create_task(self.conductor.line_desk.run()),
        ]
        await listening.wait()
        self.conductor.term = await self.db(announce, self.node, "fake", {})
        await self.conductor.trunk_desk.load()
        await recover(self.conductor, at=self.moments.now())
        await self.settled()

    async def stop(self) -> None:
        """As when the process is killed: nothing is told to anybody, and what is running stays at the switch. Again: nothing."""
        tasks, self._tasks = self._tasks, []
        if not tasks:
            return
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.conductor.close()

    async def db(self, work: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        return await self.conductor.database.run(work, *args, **kwargs)

    async def settled(self) -> None:
        """Until everything that has happened is carried out."""
        async with asyncio.timeout(PATIENCE_S):
            calm = 0
            while calm < 3:
                await asyncio.sleep(0)
                busy = not self.conductor.idle or self.switch._events.qsize()
                calm = 0 if busy else calm + 1
                if busy:
                    await asyncio.sleep(0.001)  # threads of the database need a moment

    async def advance(self, seconds: float) -> None:
        await self.settled()
        until = self.moments.now() + seconds
        while self.moments.next_due(until):
            await self.settled()
        await self.settled()

    async def advance_clock(self, seconds: float) -> None:
        """Time passes while no call control is there."""
        self.moments.next_due(self.moments.now())
        self.moments._now += seconds

    async def look(self, times: int = 1) -> None:
        """What the reconciler does every few seconds."""
        reconciler = Reconciler(self.conductor)
        for _ in range(times):
            await reconciler.look()
            await self.settled()

    # --- people -------------------------------------------------------------------------------------------------------

    async def command(self, command: cmd.Command) -> dict[str, Any]:
        reply = await self.orders.handle(cmd.to_message(command))
        await self.settled()
        return reply

    async def open_line(self, user: User | None = None, *, line: str = "", handover: str = "") -> str:
        who = "" if handover and user is None else str((user or self.operator).pk)
        reply = await self.command(
            cmd.OpenLine(key=uuid.uuid4().hex, user=who, offer="v=0 offer", line=line, handover=handover)
        )
        assert "error" not in reply, reply
        leg = uuid.UUID(reply["line"]).hex
        if self.switch.leg(leg).offers == 1:
            self.switch.answers(leg)
        await self.settled()
        return str(reply["line"])

    async def next_contact(self) -> None:
        assignment = await self.db(dialing.claim_next, self.operator, self.campaign)
        assert assignment is not None
        self.assignment = assignment

    async def dial(self, *, key: str = "") -> dict[str, Any]:
        reply = await self.command(
            cmd.Dial(
                key=key or uuid.uuid4().hex,
                user=str(self.operator.pk),
                assignment=str(self.assignment.pk),
                fence=self.assignment.fence,
            )
        )
        self.attempt = reply.get("attempt", self.attempt)
        return reply

    async def press(self, kind: type[cmd.CallCommand], **fields: Any) -> dict[str, Any]:
        """The operator's key."""
        return await self.command(
            kind(key=uuid.uuid4().hex, user=str(self.operator.pk), attempt=self.attempt, **fields)
        )

    async def talk(self, seconds: float = 30) -> None:
        """Dial, have it answered, talk."""
        assert "error" not in await self.dial()
        self.switch.rings(self.contact)
        await self.settled()
        self.switch.answers(self.contact)
        await self.settled()
        await self.advance(seconds)

    async def brief(self) -> str:
        """Transfer to the manager with an open line, who answers. Returns the hand-over."""
        line = await self.open_line(self.manager_user)
        reply = await self.press(cmd.Transfer)
        assert "error" not in reply, reply
        answered = await self.command(
            cmd.AnswerHandOver(
                key=uuid.uuid4().hex, user=str(self.manager_user.pk), handover=reply["handover"], line=line
            )
        )
        assert "error" not in answered, answered
        self.manager_leg = uuid.UUID(line).hex
        return str(reply["handover"])

    @property
    def contact(self) -> str:
        """The leg to the contact; of the present try, while the call lasts."""
        actor = self.conductor.actors.get(self.attempt)
        return actor.state.contact if actor is not None else uuid.UUID(self.attempt).hex

    @property
    def operator_leg(self) -> str:
        return uuid.UUID(self.line).hex

    # --- what is written and told -----------------------------------------------------------------------------------------

    async def row(self) -> Attempt:
        return await self.db(Attempt.objects.select_related("assignment", "contact", "shift").get, pk=self.attempt)

    async def channels(self) -> int:
        """Trunk channels in use."""
        return await self.db(TrunkCall.objects.filter(ended_at=None).count)

    async def handover(self, id: str) -> HandOver:
        return await self.db(HandOver.objects.get, pk=id)

    async def line_row(self, id: str) -> Line:
        return await self.db(Line.objects.get, pk=id)

    async def wrap_up(self, kind: str = DispositionKind.SUCCESS, **changes: Any) -> Outcome:
        def work() -> Outcome:
            disposition = self.campaign.dispositions.filter(kind=kind)[0]
            values: dict[str, Any] = {
                "attempt": self.attempt, "operator": self.operator, "fence": self.assignment.fence,
                "disposition": disposition.pk, "fields": answers(self.campaign), "notes": "will come on Saturday",
            }  # fmt: skip
            return services.wrap_up(**(values | changes))

        outcome = await self.db(work)
        await self.settled()
        return outcome

    def events(self, *prefixes: str) -> list[Event]:
        audiences = {f"user:{self.operator.pk}", f"user:{self.manager_user.pk}", "exchange"}
        found = bus().replay(audiences, after=self.first_event) or []
        return [e for e in found if not prefixes or e.name.startswith(prefixes)]

    def told(self, *prefixes: str) -> list[str]:
        return [e.name for e in self.events(*prefixes) if e.name not in ("line.measured", "node.measured")]


def answers(campaign: Campaign) -> dict[str, str]:
    """Something that fits each field of the form."""
    by_kind = {"number": "3", "date": "2026-12-01", "yes_no": "yes", "text": "fine"}
    return {f.key: f.choices[0] if f.kind == "choice" else by_kind[f.kind] for f in campaign.fields.all()}


def prepare(world: Exchange, **campaign: Any) -> None:
    """A running campaign, a trunk, a manager with an account, an operator on shift with a contact. Synchronous."""
    world.campaign = a_running_campaign(3, max_duration_s=600, min_talk_s=6, **campaign)
    world.operator = an_operator()
    world.manager_user = User.objects.create(
        email=f"manager{uuid.uuid4().hex[:8]}@example.org", name="Maria Manager", role=Role.CUSTOMER
    )
    world.manager = CampaignManager.objects.create(
        campaign=world.campaign, name="Maria", user=world.manager_user, position=1
    )
    Trunk.objects.create(name="provider", host="127.0.0.1", port=5060, caller_id="+74951234567", max_channels=2)
    services.begin_shift(operator=world.operator, campaign=world.campaign)
    assignment = dialing.claim_next(world.operator, world.campaign)
    assert assignment is not None
    world.assignment = assignment
    world.first_event = bus().latest_id()
