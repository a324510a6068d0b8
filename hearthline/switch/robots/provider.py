"""The built-in telephone provider: real SIP with digest, and robots behind its numbers."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import lru_cache

from hearthline.switch.embedded.pcm import TICK_S
from hearthline.switch.embedded.sip.digest import DigestServer
from hearthline.switch.embedded.sip.events import Answered, CallEvent, Ended
from hearthline.switch.embedded.sip.incoming import IncomingCall
from hearthline.switch.embedded.sip.useragent import UserAgent, UserAgentConfig
from hearthline.switch.robots.characters import VOICES, Character, Plan
from hearthline.switch.robots.config import ProviderConfig
from hearthline.switch.robots.contact import Contact, Sound
from hearthline.switch.robots.phrases import every_line
from hearthline.switch.robots.speech import SpeechFolder, read_wav
from hearthline.switch.robots.turns import Turn

log = logging.getLogger(__name__)

REPORT_TICKS = 250  # five seconds between RTCP reports
MOST_BEHIND = 10  # ticks; further behind the clock is set anew

_EARLY_REFUSALS = {Character.BUSY: 486, Character.ABSENT: 404}


@dataclass(frozen=True, slots=True)
class Part:
    """What a robot plays in one call. `ended` is told the robot, its log complete, or None when it never answered."""

    plan: Plan
    sound: Callable[[Turn], Sound]
    ended: Callable[[Contact | None], None] = lambda _contact: None


Casting = Callable[[str, str], Awaitable[Part | None]]  # (called number, caller's account); None: there is nobody there


class RobotCall:
    """One call at the provider, from INVITE to the end."""

    def __init__(self, provider: Provider, call: IncomingCall) -> None:
        self._provider = provider
        self._call = call
        self._part: Part | None = None
        self._contact: Contact | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._ticks = 0
        self._talking = False
        self._over = False
        call.on_event = self._told

    async def start(self, casting: Casting) -> None:
        try:
            part = await casting(self._call.called, self._call.account)
        except Exception:
            self._call.reject(480)
            raise
        if self._over:
            return  # the caller gave up meanwhile
        if part is None:
            self._call.reject(404)
            return
        self._part = part
        refusal = _EARLY_REFUSALS.get(part.plan.character)
        self._later(part.plan.rings_after, self._ring if refusal is None else lambda: self._call.reject(refusal))

    def _later(self, seconds: float, work: Callable[[], None]) -> None:
        self._timer = asyncio.get_running_loop().call_later(seconds, work)

    @property
    def _character(self) -> Character | None:
        return self._part.plan.character if self._part is not None else None

    def _ring(self) -> None:
        assert self._part is not None
        if self._character is Character.UNREACHABLE:
            self._call.early()
            self._begin(self._part)
            return
        self._call.ring()
        if self._character is not Character.NO_ANSWER:
            self._later(self._part.plan.answers_after, self._call.answer)

    def _begin(self, part: Part) -> None:
        self._contact = Contact(part.plan, part.sound)
        self._talking = True

    def _told(self, event: CallEvent) -> None:
        if isinstance(event, Answered) and self._part is not None:
            self._begin(self._part)
        elif isinstance(event, Ended):
            self._over = True
            self._talking = False
            if self._timer is not None:
                self._timer.cancel()
            self._provider.ended(self)
            if self._contact is not None:
                self._contact.end()
            if self._part is not None:
                self._part.ended(self._contact)

    def tick(self, now: float) -> None:
        """20 ms of listening and speaking."""
        contact = self._contact
        if contact is None or not self._talking:
            return
        audio = self._call.audio
        audio.pull(now)
        frame = contact.tick(audio.level)
        if frame is None:
            audio.send(None, 0)
        else:
            audio.send(frame.pcm, frame.level, frame.pcma if audio.codec == "PCMA" else frame.pcmu)
        self._ticks += 1
        if self._ticks % REPORT_TICKS == 0:
            audio.send_report(now)
        if contact.finished or self._announced(contact):
            self._talking = False
            self._leave()

    def _announced(self, contact: Contact) -> bool:
        return self._character is Character.UNREACHABLE and contact.idle

    def _leave(self) -> None:
        if self._character is Character.UNREACHABLE:
            self._call.reject(480)
        else:
            self._call.hang_up()


class Provider:
    """Make it with `start`: the configured numbers, or whoever `casting` names."""

    def __init__(self, config: ProviderConfig, agent: UserAgent, speech: SpeechFolder, casting: Casting | None) -> None:
        self.config = config
        self._agent = agent
        self._speech = speech
        self._calls: set[RobotCall] = set()
        self._beginning: set[asyncio.Task[None]] = set()
        self._ticker = asyncio.get_running_loop().create_task(self._run())
        self._casting = casting or self._configured
        self.sound = lru_cache(maxsize=1000)(self._sound)
        self.late_ticks = 0
        self.most_calls = 0
        agent.on_incoming(self._incoming)

    @classmethod
    async def start(cls, config: ProviderConfig, casting: Casting | None = None) -> Provider:
        """Render what is not rendered yet, then listen. Raises OSError when the port is taken."""
        speech = await asyncio.to_thread(_prepare if casting is None else _speech, config)
        agent = await UserAgent.start(
            UserAgentConfig(
                bind=config.bind,
                port=config.port,
                rtp_ports=config.rtp_ports,
                product="Hearthline robots",
                admission=DigestServer(config.realm, config.accounts),
            )
        )
        return cls(config, agent, speech, casting)

    @property
    def port(self) -> int:
        return self._agent.port

    @property
    def apology(self) -> str:
        """Why robots speak in tones; "" when they speak in words."""
        return self._speech.apology

    async def close(self) -> None:
        await self._agent.close()
        for task in (self._ticker, *self._beginning):
            task.cancel()
        await asyncio.gather(self._ticker, *self._beginning, return_exceptions=True)

    async def _configured(self, called: str, _account: str) -> Part:
        plan, language = self.config.plan(called), self.config.language_of(called)
        return Part(plan, lambda turn: self.sound(turn.line, language, turn.voice))

    def _sound(self, line: str, language: str, voice: str) -> Sound:
        return Sound(read_wav(self._speech.line(line, language, voice)))

    def _incoming(self, call: IncomingCall) -> None:
        allowed = self.config.caller_ids
        if allowed and call.caller.lstrip("+") not in allowed:
            call.reject(403)
        elif len(self._calls) >= self.config.max_calls:
            call.reject(503)
        else:
            robot = RobotCall(self, call)
            self._calls.add(robot)
            self.most_calls = max(self.most_calls, len(self._calls))
            task = asyncio.get_running_loop().create_task(robot.start(self._casting), name="robots: casting")
            self._beginning.add(task)
            task.add_done_callback(self._began)

    def _began(self, task: asyncio.Task[None]) -> None:
        self._beginning.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("robots: nobody could be found for a number", exc_info=error)

    def ended(self, call: RobotCall) -> None:
        self._calls.discard(call)

    async def _run(self) -> None:
        """The one clock of all calls."""
        due = time.monotonic()
        while True:
            due += TICK_S
            wait = due - time.monotonic()
            if wait < -MOST_BEHIND * TICK_S:
                due = time.monotonic()
            self.late_ticks += wait < -TICK_S / 2
            await asyncio.sleep(max(0.0, wait))
            now = time.monotonic()
            for call in list(self._calls):
                try:
                    call.tick(now)
                except Exception:
                    log.exception("robots: one call failed and is let go")
                    self._calls.discard(call)


def _speech(config: ProviderConfig) -> SpeechFolder:
    return SpeechFolder(config.sounds)


def _prepare(config: ProviderConfig) -> SpeechFolder:
    speech = _speech(config)
    for language in config.spoken:
        for line in every_line(language):
            for voice in VOICES:
                speech.line(line, language, voice)
    return speech
