"""What an administrator can set: read from the environment (`HEARTHLINE_...`), from `hearthline.env` in the data folder,
and from files in the folder that HEARTHLINE_SECRETS names.

`settings.py` turns it into Django's settings; everything else reads `django.conf.settings.HEARTHLINE`.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from pathlib import Path
from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from hearthline.realtime.sockets import address

ROOT = Path(__file__).resolve().parent.parent


def _data_folder() -> Path:
    return Path(os.environ.get("HEARTHLINE_DATA", ROOT / "var")).resolve()


def _secrets() -> str | None:
    """A folder with a file for each secret setting, named like the variable in small letters: `hearthline_database_url`."""
    return os.environ.get("HEARTHLINE_SECRETS") or None


class Configuration(BaseSettings):
    """Every field is an environment variable with the prefix HEARTHLINE_, or a file of HEARTHLINE_SECRETS; units are in the names."""

    model_config = SettingsConfigDict(
        env_prefix="HEARTHLINE_", env_file=_data_folder() / "hearthline.env", secrets_dir=_secrets(), extra="ignore"
    )

    data: Path = Field(default_factory=_data_folder)
    debug: bool = False
    demonstration: bool = False  # one-click entry; refused on any address but loopback
    name: str = "Hearthline"
    public_url: str = "http://127.0.0.1:8000"
    listen_host: str = "127.0.0.1"
    listen_port: int = 8000
    allowed_hosts: list[str] = ["127.0.0.1", "localhost", "[::1]"]
    secret_key: str = ""  # empty: made at first start and kept in the data folder
    database_url: str = ""  # empty: SQLite in the data folder; "postgresql://user@host:5432/name"
    redis_url: str = (
        ""  # empty: everything runs on this machine; "redis://:password@host:6379/0" or "rediss://..." (TLS)
    )
    currency_code: str = "RUB"

    # media and signalling of the embedded engine
    node: str = "local"
    callcontrol: Literal["in_web", "apart"] = "apart"  # in_web: the web process drives the switch too; `up` sets it
    media_bind: list[str] = ["127.0.0.1"]  # addresses the browsers' UDP port is bound on
    media_advertise: list[str] = []  # addresses told to browsers; empty: the bound ones
    media_port: int = 7078
    sip_bind: str = "127.0.0.1"
    sip_advertise: str = ""
    sip_port: int = 0  # 0: any free one
    rtp_ports: tuple[int, int] = (30000, 31999)
    browser_codecs: list[str] = ["PCMU", "PCMA", "opus"]
    turn_urls: list[
        str
    ] = []  # ["turn:turn.example.org:3478", "turns:turn.example.org:443?transport=tcp"]; empty: no relays
    turn_secret_file: Path | None = None  # what the relay knows as static-auth-secret
    turn_password_s: int = 43_200  # a shift: after this a page's password opens the relay no more

    # FreeSWITCH instead of the embedded engine; `hearthline freeswitch-config` writes its configuration from these
    switch: Literal["embedded", "freeswitch"] = "embedded"
    freeswitch_host: str = "127.0.0.1"  # where its event socket and its port for lines are: this machine, usually
    freeswitch_event_port: int = 8021
    freeswitch_lines_port: int = 5066
    freeswitch_sip_port: int = 5080  # where `sip_port` leaves it open
    freeswitch_tls_port: int = 0  # 0: no TLS to trunks
    freeswitch_tls_verify: bool = (
        True  # of all trunks: whether their certificates are checked; off only in a laboratory
    )
    freeswitch_gateways: Path | None = None  # the folder `gateways` beside its configuration: for trunks that register
    freeswitch_phones: Path | None = None  # the folder `phones` beside its configuration: for people's SIP phones
    freeswitch_incoming: Path | None = None  # the folder `incoming` beside its configuration: for decoy numbers
    freeswitch_phones_port: int = 5060  # where they register, with `phones_server`
    freeswitch_event_password: str = ""  # empty: from the file, or else made once and kept in the data folder
    freeswitch_event_password_file: Path | None = None
    freeswitch_lines_key: str = ""
    freeswitch_lines_key_file: Path | None = None
    freeswitch_max_sessions: int = 1000  # legs at once, and beginning in one second
    freeswitch_sessions_per_second: int = 50

    # dialling
    lease_s: int = 120  # an assignment that is neither dialled nor renewed is released after this
    wrap_up_lease_s: int = 900
    ring_timeout_s: int = 40
    manager_ring_timeout_s: int = 30
    reconcile_every_s: int = 5
    node_silent_s: int = 15  # a node that has not been heard of for so long gets no new lines
    node_lost_after_s: int = 45  # ... and after this another node closes its calls and lines
    node_most_legs: int = 250  # a node with so many legs takes no new lines
    node_few_legs: int = 20  # one with fewer takes them whatever it measures: it is not they who keep the machine busy
    node_full_late_percent: float = 10.0  # nor one of whose 20 ms ticks so many begin late
    node_full_cpu_percent: float = 90.0  # nor one whose engine uses so much of a core
    line_grace_s: int = 20  # a stalled browser may come back for this long before the contact is released

    readiness_check: Literal["off", "offered", "required"] = (
        "offered"  # of microphone and line, once a day on each device
    )

    promise_grace_min: int = 15  # for so long a promised callback waits for who promised it; then anybody may call
    campaign_offer_every_min: int = 60  # how often an operator is told of campaigns that pay better; 0: never

    # telephones as operators' and managers' lines
    callback_countries: list[str] = []  # ISO 3166 codes, ["RU"]; empty: the exchange calls nobody's telephone back
    callback_limit_minor: int = 30_000  # what the exchange pays at most for one person's telephone within 24 hours
    phone_ring_timeout_s: int = 40
    phone_confirm_s: int = 45  # from the answer to the key that says a person is there
    phone_line_longest_s: int = 43_200  # one call to a telephone; it can be opened again at once
    phone_line_idle_s: int = 1800  # a called-back telephone with nobody at work is hung up after this
    phones_server: str = ""  # "sip.example.org:5060", where SIP phones register; empty: none may
    phones_realm: str = "hearthline"  # a change makes every SIP phone's password useless

    # recordings
    recordings_bits_per_s: int = Field(
        default=8000, ge=6000, le=64_000
    )  # of each of the two people, once a call is packed
    recordings_days: int = Field(default=90, ge=1)  # kept for so long where a campaign says nothing
    recordings_most_days: int = Field(default=365, ge=1)  # ... and no longer, whatever it says
    recordings_store: Literal["folder", "s3"] = "folder"  # where packed recordings are kept
    recording_pause_longest_s: int = Field(default=180, ge=10, le=900)  # then a paused recording goes on by itself
    recording_link_hours: int = Field(default=24, ge=1, le=24 * 14)  # for how long a link to one recording opens it
    s3_endpoint: str = ""  # "https://storage.example.org"; the bucket follows as the first part of the path
    s3_region: str = "us-east-1"
    s3_bucket: str = ""
    s3_prefix: str = "recordings/"
    s3_access_key: str = ""
    s3_access_key_file: Path | None = None
    s3_secret_key: str = ""
    s3_secret_key_file: Path | None = None

    # robots to practise with, and what proves the quality
    robots_port: int = (
        0  # of SIP on 127.0.0.1, beside each node; 0: `up` takes a free one, call control alone has no robots
    )
    robots_most_calls: int = 100  # at once; more are refused
    fitness_test: bool = True  # whoever is invited to call has to pass a test call before real campaigns
    fitness_tries: int = 3  # test calls until a moderator allows another one
    fitness_retry_hours: int = 24  # between two of them
    fitness_pass_percent: int = 70  # of a test's points, for a proposal to pass; a moderator decides
    golden_percent: float = 0.0  # of the contacts of real campaigns that are robots, paid by the exchange
    golden_told_days: int = Field(default=30, ge=1)  # after so long the operator reads what came of such a call
    decoy_percent: float = 0.0  # ... that are robots with a decoy number, while one is free to be lent
    decoy_lent_days: int = Field(default=30, ge=1, le=365)  # a decoy number belongs to one operator for so long
    decoy_rest_days: int = Field(default=60, ge=0, le=730)  # ... and to nobody for so long afterwards
    decoy_calls_days: int = Field(default=90, ge=1, le=365)  # then the number of whoever called one is forgotten

    # levels above 1, beside what moderators give by hand (docs/scenarios.md)
    levels: Literal["by_hand", "proposed", "given"] = "given"  # what happens to whoever has all that a level asks for
    level2_conversations: int = Field(default=100, ge=1)  # paid ones, since the beginning or since a level was lost
    level2_score: int = Field(default=75, ge=0, le=100)  # mean of what was scored in 90 days
    level3_conversations: int = Field(default=500, ge=1)
    level3_score: int = Field(default=85, ge=0, le=100)
    level_least_scored: int = Field(default=5, ge=1)  # calls that must be in that mean
    level_clean_days: int = Field(default=30, ge=0)  # for so long no review that one answer made 0

    # money
    commission_basis_points: int = 2000
    review_window_hours: int = 72
    registration_bonus_minor: int = 10_000  # given to a new customer
    minimum_price_minor: int = 100
    payout_minimum_minor: int = 50_000  # less is not paid out
    payout_daily_limit_minor: int = 5_000_000  # what one operator may ask for within 24 hours
    payouts_a_day: int = 3  # requests of one operator within 24 hours

    # moderation
    campaign_approval: Literal["none", "risky", "all"] = (
        "risky"  # which campaigns wait for a moderator before they start
    )
    appeal_hours: int = 48  # for an operator to appeal against a rejection; then the money goes back
    rejections_free_a_day: int = 3  # a customer may always reject so many conversations within 24 hours
    rejections_percent_a_day: int = 10  # ... and so many of a hundred paid ones
    tell_of_listening: bool = True  # an operator sees that a moderator listens live
    # what the exchange reports to moderators by itself, once an hour (docs/moderation.md)
    report_window_days: int = 7  # looked back upon
    report_least_calls: int = 5  # of one kind by one operator, before a habit is reported
    report_long_percent: int = 30  # of the answered calls that run into the limit
    report_short_percent: int = 40  # of the paid conversations that are hardly longer than ...
    report_short_margin_s: int = 5  # ... so much over the least that is paid for
    report_unfounded_percent: int = 30  # of the answered calls with a paid result that their evidence does not bear out
    report_habit_percent: int = 30  # of the answered calls in which an operator interrupts, is silent, noisy, ...
    report_share_calls: int = 20  # answered calls before an operator's share of paid ones is compared
    report_duplicates: int = 3  # contacts entered twice by one operator
    report_same_number_campaigns: int = 3  # in which one operator was paid for one number
    report_rejections: int = 5  # in a month, before a customer's habits are looked at
    report_rejected_percent: int = 15  # of a customer's conversations
    # the analysis of recordings: from which value on a call is shown to a moderator (docs/analysis.md)
    analyse_recordings: bool = True
    suspicion_machine_percent: int = 60  # likelihood of an answering machine, where a conversation was claimed
    suspicion_interruptions_per_minute: float = 2.0  # of the contact by the operator
    suspicion_snr_db: float = 12.0  # the operator's voice above the noise of their microphone is less than this
    suspicion_clipped_percent: float = 3.0  # of the operator's speech is cut off
    suspicion_contact_speech_ms: int = 1500  # the contact said less than this in a conversation that was paid
    suspicion_silence_percent: float = 50.0  # of a call in which nobody speaks

    # words of recorded calls: none unless a recogniser is named (docs/analysis.md)
    transcriber: str = ""  # "hearthline.quality.analysis.transcription.command.Command", or one of your own
    transcriber_command: list[str] = []  # ["whisper-cli", "-m", "/models/ggml-base.bin", "-l", "{language}", "{file}"]
    transcriber_timeout_s: int = 1800  # for one side of one call

    max_upload_bytes: int = 50_000_000
    max_import_rows: int = 1_000_000
    email_url: str = ""  # "smtp://user:password@host:587"; empty: messages are written to the data folder
    email_from: str = "Hearthline <hearthline@localhost>"

    # what the processes tell of themselves
    log_format: Literal["text", "json"] = "text"
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    metrics_listen: str = ""  # "127.0.0.1:9101": /metrics, /healthz, /readyz of worker and callcontrol; empty: none
    metrics_allow: list[str] = ["127.0.0.0/8", "::1/128"]  # networks that may read /metrics directly
    metrics_token_file: Path | None = None  # whoever sends "Authorization: Bearer TOKEN" may read from anywhere

    @property
    def run_folder(self) -> Path:
        """Sockets and process files of this installation."""
        return self.data / "run"

    @property
    def engine_socket(self) -> Path:
        """Where the embedded engine serves the switch port."""
        return Path(address(self.run_folder, "engine.sock"))

    @property
    def phones_register(self) -> bool:
        """Whether people's SIP phones may register here."""
        return bool(self.phones_server)

    @property
    def recordings_folder(self) -> Path:
        return self.data / "recordings"

    def s3_keys(self) -> tuple[str, str]:
        """Access key and secret key of the object storage, as configured or from their files."""
        access, secret = self.s3_access_key_file, self.s3_secret_key_file
        return (
            access.read_text().strip() if access is not None else self.s3_access_key,
            secret.read_text().strip() if secret is not None else self.s3_secret_key,
        )

    def turn_secret(self) -> str:
        """What exchange and relay share; empty when none is set up."""
        return self.turn_secret_file.read_text().strip() if self.turn_secret_file else ""

    def metrics_token(self) -> str:
        """The token that opens /metrics; empty when none is set up. Read anew, so that it can be changed at any time."""
        return self.metrics_token_file.read_text().strip() if self.metrics_token_file else ""

    def kept_secret(self) -> str:
        """The secret key: the configured one, or one made once and kept readable by the owner only."""
        return self.secret_key or _kept(self.data / "secret.key", 64)

    def robots_password(self) -> str:
        """What call control and the robots share: derived, so that nobody has to set it."""
        return hmac.new(self.kept_secret().encode(), b"hearthline robots", hashlib.sha256).hexdigest()

    def freeswitch_secret(self, name: Literal["event_password", "lines_key"]) -> str:
        """A secret that call control and FreeSWITCH share: as configured, from its file, or made once and kept."""
        value, file = {
            "event_password": (self.freeswitch_event_password, self.freeswitch_event_password_file),
            "lines_key": (self.freeswitch_lines_key, self.freeswitch_lines_key_file),
        }[name]
        if not value and file is not None:
            return file.read_text().strip()
        return value or _kept(self.data / "freeswitch" / name, 32)


def _kept(path: Path, size: int) -> str:
    """A random word that is made once and kept in a file that only the owner can read."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            return path.read_text().strip()
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_urlsafe(size))
    return path.read_text().strip()
