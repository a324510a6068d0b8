"""A telephone for tests: a baresip of its own that plays a tone, or a file, and records what it hears."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

from tests.testbed.programs import Program, free_port, needs, wait_until
from tests.testbed.provider import Provider
from tests.testbed.sounds import seconds_of, write_tone

MODULES = Path("/usr/lib/baresip/modules")


@dataclass(frozen=True)
class Registrar:
    """Where an `OwnPhone` registers."""

    port: int
    host: str = "127.0.0.1"


@dataclass
class Phone:
    """Answers by itself after `answer_after` seconds (None: rings for ever), and hangs up `hang_up_after` seconds
    after the answer (0: never). One phone takes one call at a time; `heard()` is its latest."""

    folder: Path
    number: str  # digits
    provider: Provider | Registrar
    tone_hz: int = 659
    voice: Path | None = None  # 8 kHz 16-bit mono, played from the answer on instead of the tone
    answer_after: float | None = 0.0
    hang_up_after: float = 0.0
    codecs: str = "PCMA,PCMU"
    events: list[str] = field(default_factory=list)  # baresip's: CALL_INCOMING, CALL_ESTABLISHED, CALL_CLOSED...

    def __post_init__(self) -> None:
        needs("baresip")
        self.port = free_port(together=2)  # baresip takes the next one for TLS
        self._control_port = free_port()
        self._rtp_port = free_port(together=10)
        self._folder = self.folder / f"phone-{self.number}-{self.port}"
        self._recordings = self._folder / "heard"
        self._recordings.mkdir(parents=True)
        self._program: Program | None = None
        self._control: socket.socket | None = None
        self._timers: list[threading.Timer] = []
        self._changed = threading.Condition()

    def __enter__(self) -> Phone:
        sound = self.voice or write_tone(self._folder / "tone.wav", self.tone_hz)
        (self._folder / "config").write_text(self._config(sound))
        # always answered through the control connection: "auto" would leave no time to ring
        account = f"{self._account()};answermode=manual;audio_codecs={self.codecs}\n"
        (self._folder / "accounts").write_text(account)
        (self._folder / "contacts").write_text("")
        self._program = Program(["baresip", "-f", str(self._folder)], self._folder / "log", self._folder)
        self._program.wait_output("baresip is ready")
        self._control = socket.create_connection(("127.0.0.1", self._control_port), 5)
        self._control.settimeout(None)
        threading.Thread(target=self._follow, args=(self._control,), daemon=True).start()
        self._connect()
        return self

    def _account(self) -> str:
        return f"<sip:{self.number}@{self.provider.host}:{self.provider.port}>;regint=0"

    def _connect(self) -> None:
        """Tell the network where this number is."""
        assert isinstance(self.provider, Provider)
        self.provider.connect_number(self.number, self.port)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for timer in self._timers:
            timer.cancel()
        if self._control is not None:
            with contextlib.suppress(OSError):
                self._control.shutdown(socket.SHUT_RDWR)
            self._control.close()
        if self._program is not None:
            self._program.stop()

    # what a person would do with it

    def dial(self, number: str) -> None:
        self._command("dial", f"sip:{number}@{self.provider.host}:{self.provider.port}")

    def answer(self) -> None:
        self._command("accept")

    def hang_up(self) -> None:
        self._command("hangup")

    def press(self, key: str) -> None:
        """Send one DTMF key."""
        self._command("sndcode", key)

    def hold(self) -> None:
        self._command("hold")

    def resume(self) -> None:
        self._command("resume")

    # what it saw and heard

    def wait_for(self, event: str, count: int = 1, seconds: float = 15.0) -> None:
        """Wait until it has told `event` so many times since its start."""
        with self._changed:
            met = self._changed.wait_for(lambda: self.events.count(event) >= count, seconds)
        assert met, f"phone {self.number}: {event} did not come within {seconds:g} s; it saw {self.events}"

    def wait_answered(self, count: int = 1) -> None:
        self.wait_for("CALL_ESTABLISHED", count)

    def wait_closed(self, count: int = 1) -> None:
        self.wait_for("CALL_CLOSED", count)

    def heard(self) -> Path:
        """What it heard in its latest call, complete only after the call."""
        return self._latest("dec")

    def said(self) -> Path:
        return self._latest("enc")

    def wait_heard(self, seconds: float) -> None:
        """Wait until it has recorded so much, during a call."""
        wait_until(
            lambda: any(self._recordings.glob("*-dec.wav")) and seconds_of(self.heard()) >= seconds,
            f"{seconds:g} s of sound at phone {self.number}",
            seconds + 10,
        )

    def _latest(self, kind: str) -> Path:
        files = sorted(self._recordings.glob(f"*-{kind}.wav"), key=lambda path: path.stat().st_mtime_ns)
        assert files, f"phone {self.number} has recorded nothing; it saw {self.events}"
        return files[-1]

    # baresip's control connection: JSON in netstrings

    def _command(self, name: str, parameters: str = "") -> None:
        assert self._control is not None
        data = json.dumps({"command": name, "params": parameters, "token": ""}).encode()
        self._control.sendall(b"%d:%b," % (len(data), data))

    def _follow(self, control: socket.socket) -> None:
        buffer = b""
        while True:
            try:
                data = control.recv(65536)
            except OSError:
                return
            if not data:
                return
            buffer += data
            while (colon := buffer.find(b":")) > 0 and len(buffer) >= colon + 2 + int(buffer[:colon]):
                length = int(buffer[:colon])
                message = json.loads(buffer[colon + 1 : colon + 1 + length])
                buffer = buffer[colon + 2 + length :]
                if message.get("event"):
                    self._saw(str(message.get("type")))

    def _saw(self, event: str) -> None:
        if event == "CALL_INCOMING" and self.answer_after is not None:
            self._later(self.answer_after, self.answer)
        elif event == "CALL_ESTABLISHED" and self.hang_up_after:
            self._later(self.hang_up_after, self.hang_up)
        with self._changed:
            self.events.append(event)
            self._changed.notify_all()

    def _later(self, seconds: float, work: object) -> None:
        timer = threading.Timer(seconds, work)  # type: ignore[arg-type]
        timer.daemon = True
        self._timers.append(timer)
        timer.start()

    def _config(self, sound: Path) -> str:
        modules = "".join(f"module {name}.so\n" for name in ("g711", "aufile", "aubridge", "sndfile"))
        return (
            "poll_method epoll\n"
            f"sip_listen 127.0.0.1:{self.port}\n"
            "net_interface 127.0.0.1\n"
            "call_local_timeout 120\n"
            "call_max_calls 2\n"
            f"audio_source aufile,{sound}\n"
            "audio_player aubridge,nowhere\n"
            "audio_alert aubridge,nowhere\n"
            "ausrc_srate 8000\nauplay_srate 8000\nausrc_channels 1\nauplay_channels 1\n"
            "audio_buffer 20-160\n"
            f"rtp_ports {self._rtp_port}-{self._rtp_port + 8}\n"
            f"module_path {MODULES}\n{modules}"
            "module_tmp uuid.so\nmodule_tmp account.so\n"
            "module_app menu.so\nmodule_app ctrl_tcp.so\n"
            f"ctrl_tcp_listen 127.0.0.1:{self._control_port}\n"
            f"snd_path {self._recordings}\n"
            "statmode_default off\n"
        )


@dataclass
class OwnPhone(Phone):
    """Somebody's own SIP phone: `number` is its user name, `provider` the exchange's switch, at which it registers."""

    password: str = ""
    every_s: int = 60
    transport: str = "udp"  # or tcp

    def __enter__(self) -> OwnPhone:
        super().__enter__()
        return self

    def _account(self) -> str:
        address = f"<sip:{self.number}@{self.provider.host}:{self.provider.port};transport={self.transport}>"
        return f"{address};auth_pass={self.password};regint={self.every_s}"

    def _connect(self) -> None:
        """It does so itself, by REGISTER."""

    def wait_refused(self, status: int) -> None:
        """By what it prints: it registers before anybody can listen to its events."""
        assert self._program is not None
        self._program.wait_output(f"{self.provider.host}:{self.provider.port}: {status} ", 15)
