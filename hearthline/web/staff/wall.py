"""The exchange in numbers, for the wall: who is on line, what the calls do, where the money is. Eight queries."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Count, F, Q, Sum

from hearthline.calls.models import Attempt, HandOver, HandOverState, Line, LineState, Node, Shift, TrunkStanding
from hearthline.campaigns.models import Campaign, CampaignKind, CampaignState
from hearthline.ledger.models import Account, AccountKind
from hearthline.lib import clock
from hearthline.people.models import Role

RATE_MINUTES = 5
SHARE_MINUTES = 60
NODE_SILENT = timedelta(seconds=30)
MAX_NODES = 50
MAX_CAMPAIGNS = 12


@dataclass(frozen=True, slots=True)
class NodeView:
    """The load as the node last told it (`switch.port.NodeLoad`); None: not told."""

    node: Node
    alive: bool
    legs: int | None
    cpu_percent: float | None
    late_percent: float | None


@dataclass(frozen=True, slots=True)
class Wall:
    """Counts of now; `calls_a_minute` over the last RATE_MINUTES, shares over the last SHARE_MINUTES; money in minor units."""

    at: datetime
    on_line: int
    talking: int
    waiting: int
    on_break: int
    managers_on_line: int
    briefings: int
    calls_a_minute: float
    attempts: int
    answered: int
    conversations: int
    currency: str
    money_in: int
    balances: int
    held: int
    earned: int
    revenue: int
    troubled_trunks: tuple[TrunkStanding, ...]  # not registered, or set aside because they keep failing
    nodes: tuple[NodeView, ...]
    campaigns: tuple[Campaign, ...]


def read_wall() -> Wall:
    now = clock.now()
    on_line, managers = _lines()
    live = Attempt.objects.filter(operator_left_at=None, dialled_at__gt=now - timedelta(hours=6))
    busy = live.aggregate(all=Count("pk"), talking=Count("pk", filter=Q(answered_at__isnull=False)))
    to_people = Attempt.objects.filter(contact__scenario="")  # robots' calls would stand in the shares as people's
    recent = to_people.filter(dialled_at__gt=now - timedelta(minutes=SHARE_MINUTES)).aggregate(
        attempts=Count("pk"),
        answered=Count("pk", filter=Q(answered_at__isnull=False)),
        conversations=Count("pk", filter=Q(payable=True)),
        lately=Count("pk", filter=Q(dialled_at__gt=now - timedelta(minutes=RATE_MINUTES))),
    )
    on_break = Shift.objects.filter(ended_at=None, on_break=True).count()
    currency = settings.HEARTHLINE.currency_code
    money = _money(currency)
    return Wall(
        at=now,
        on_line=on_line,
        talking=busy["talking"],
        waiting=max(0, on_line - busy["all"] - on_break),
        on_break=on_break,
        managers_on_line=managers,
        briefings=HandOver.objects.filter(state__in=[HandOverState.RINGING, HandOverState.BRIEFING]).count(),
        calls_a_minute=round(recent["lately"] / RATE_MINUTES, 1),
        attempts=recent["attempts"],
        answered=recent["answered"],
        conversations=recent["conversations"],
        currency=currency,
        money_in=money["money_in"],
        balances=money["balances"],
        held=money["held"],
        earned=money["earned"],
        revenue=money["revenue"],
        troubled_trunks=tuple(
            TrunkStanding.objects.filter(Q(registered=False) | Q(aside_until__gt=now), trunk__active=True)
            .select_related("trunk")
            .order_by("trunk__name", "node")[:MAX_NODES]
        ),
        nodes=tuple(_node(node, now) for node in Node.objects.order_by("name")[:MAX_NODES]),
        campaigns=tuple(
            Campaign.objects.filter(state=CampaignState.RUNNING, kind=CampaignKind.REAL)
            .select_related("organisation")
            .order_by("-started_at")[:MAX_CAMPAIGNS]
        ),
    )


def _lines() -> tuple[int, int]:
    open_lines = Line.objects.filter(state__in=[LineState.OPEN, LineState.STALLED])
    counts = open_lines.aggregate(
        operators=Count("pk", filter=Q(user__role=Role.OPERATOR)),
        managers=Count("pk", filter=Q(user__role=Role.CUSTOMER) | Q(user=None)),
    )
    return counts["operators"], counts["managers"]


def _money(currency: str) -> dict[str, int]:
    balance = F("credits_posted") - F("debits_posted")
    customer = Q(kind=AccountKind.CUSTOMER)
    operators = Q(kind__in=[AccountKind.OPERATOR_MATURING, AccountKind.OPERATOR_AVAILABLE])
    sums = Account.objects.filter(currency=currency).aggregate(
        money_in=Sum("debits_posted", filter=Q(kind=AccountKind.EXCHANGE_CASH)),
        balances=Sum(balance, filter=customer),
        held=Sum("debits_pending", filter=customer),
        earned=Sum(balance, filter=operators),
        revenue=Sum(balance, filter=Q(kind=AccountKind.EXCHANGE_REVENUE)),
    )
    return {name: value or 0 for name, value in sums.items()}


def _node(node: Node, now: datetime) -> NodeView:
    alive = node.heartbeat_at is not None and now - node.heartbeat_at < NODE_SILENT
    load = node.load if isinstance(node.load, dict) else {}
    return NodeView(node, alive, load.get("legs"), load.get("cpu_percent"), load.get("late_tick_percent"))
