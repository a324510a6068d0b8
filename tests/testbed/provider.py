"""Kamailio as a telephone provider: registrar, trunk with digest, caller ID and channel limits, numbers that misbehave."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

from hearthline.switch.port import Transport, Trunk
from tests.testbed.programs import Program, free_port, needs, wait_until

TEMPLATE = Path(__file__).with_name("kamailio.cfg.in")
RINGS_FOR_EVER = "ring"


@dataclass(frozen=True)
class Account:
    password: str
    caller_ids: frozenset[str] | set[str] = frozenset()  # digits only; empty: any
    numbers: tuple[str, ...] = ()  # whose incoming calls go to where the account registered


@dataclass
class Provider:
    """Numbers nobody gave a meaning are answered with 404. `behaviour` maps numbers (digits) to a status to refuse
    with, or `RINGS_FOR_EVER`."""

    folder: Path
    accounts: Mapping[str, Account]
    behaviour: Mapping[str, int | str] = field(default_factory=dict)
    algorithm: str = "MD5"  # or "SHA-256"
    challenge: int = 407  # or 401
    shortest_registration: int = 20

    def __post_init__(self) -> None:
        needs("kamailio", "kamcmd")
        self.port = free_port()
        self.host = "127.0.0.1"
        self._folder = self.folder / f"provider-{self.port}"
        self._folder.mkdir(parents=True)
        self._run = tempfile.TemporaryDirectory(prefix="hl-")  # a socket's path has at most 107 characters
        self._control = Path(self._run.name) / "ctl"
        self._program: Program | None = None

    def __enter__(self) -> Provider:
        config = self._folder / "kamailio.cfg"
        config.write_text(self._config())
        self._program = Program(
            ["kamailio", "-f", str(config), "-DD", "-E", "-m", "32", "-M", "8", "-Y", self._run.name],
            self._folder / "log",
            self._folder,
        )
        try:
            wait_until(self._ready, "Kamailio's control socket")
        except AssertionError as error:
            self.__exit__(None, None, None)
            raise AssertionError(f"{error}:\n{self._program.output()[-3000:]}") from None
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._program is not None:
            self._program.stop()
        self._run.cleanup()

    def trunk(self, account: str, *, transport: Transport = Transport.UDP, **changes: object) -> Trunk:
        """The account as the exchange would have it."""
        settings: dict[str, object] = {
            "name": f"{account} at the test provider",
            "host": self.host,
            "port": self.port,
            "transport": transport,
            "username": account,
            "password": self.accounts[account].password,
        }
        return Trunk(**{**settings, **changes})  # type: ignore[arg-type]

    def connect_number(self, number: str, port: int) -> None:
        """Calls to this number go to a phone at this port of loopback; calls from that port come from the network."""
        digits = "s:" + number.lstrip("+")  # "s:" keeps kamcmd from taking it for a number
        self._rpc("htable.sets", "phones", digits, f"127.0.0.1:{port}")
        self._rpc("htable.sets", "ports", f"s:{port}", digits)

    def registered(self, account: str) -> bool:
        return f"AoR: {account}" in self._rpc("ul.dump")

    @property
    def log(self) -> str:
        assert self._program is not None
        return self._program.output()

    def _ready(self) -> bool:
        assert self._program is not None
        if self._program.process.poll() is not None:
            raise AssertionError(f"Kamailio did not start:\n{self._program.output()[-3000:]}")
        return self._control.exists() and "kamailio" in self._rpc("core.version")

    def _rpc(self, *command: str) -> str:
        run = subprocess.run(
            ["kamcmd", "-s", f"unix:{self._control}", *command], capture_output=True, text=True, timeout=10, check=False
        )
        return run.stdout

    def _config(self) -> str:
        entries = [f'    $sht(passwords=>{user}) = "{account.password}";' for user, account in self.accounts.items()]
        for user, account in self.accounts.items():
            entries += [f"    $sht(callers=>{user}:{number}) = 1;" for number in sorted(account.caller_ids)]
            entries += [f"    $sht(callers=>{user}) = 1;"] if account.caller_ids else []
            entries += [f'    $sht(owners=>{number}) = "{user}";' for number in account.numbers]
        entries += [f'    $sht(behaviour=>{number}) = "{what}";' for number, what in self.behaviour.items()]
        values = {
            "PORT": str(self.port),
            "CONTROL": str(self._control),
            "ALGORITHM": self.algorithm,
            "CHALLENGE": "www_challenge" if self.challenge == 401 else "proxy_challenge",
            "AUTHENTICATE": "pv_www_authenticate" if self.challenge == 401 else "pv_proxy_authenticate",
            "SHORTEST": str(self.shortest_registration),
            "ENTRIES": "\n".join(entries),
        }
        text = TEMPLATE.read_text()
        for name, value in values.items():
            text = text.replace(f"@{name}@", value)
        return text
