"""A telephone call as FreeSWITCH's `originate` command: the trunk travels as variables of the channel."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping

from hearthline.switch.embedded.sip.addresses import SipUri, sip_uri
from hearthline.switch.embedded.sip.errors import BadMessageError
from hearthline.switch.freeswitch.frames import Event
from hearthline.switch.freeswitch.line_port import pack_tags
from hearthline.switch.port import Destination, LegId, LegKind, SwitchError, SwitchErrorCode, Transport, Trunk

PROFILE = "external"
GUEST = "guest"  # kind of a guest's channels
NO_CHANNEL, TOO_SOON = "NORMAL_CIRCUIT_CONGESTION", "SWITCH_CONGESTION"  # of a trunk's limits, kept by FreeSWITCH

_DIAL = re.compile(r"[A-Za-z0-9@:;=.+_~%*#!-]{1,512}")  # nothing that parts or decorates a dial string
_LITERAL = re.compile(r"[A-Za-z0-9@:;=.+_~*#!/-]*")
_UNSAYABLE = re.compile(r"[\x00-\x1f\x7f'\\,{}\[\]<>^|]")


def _bad(message: str) -> SwitchError:
    return SwitchError(SwitchErrorCode.BAD_REQUEST, message)


def target_of(destination: Destination, trunk: Trunk | None) -> str:
    """The Request-URI of a number or a SIP URI. SwitchError: NO_SUCH_TRUNK, BAD_REQUEST."""
    if destination.number:
        if trunk is None:
            raise SwitchError(SwitchErrorCode.NO_SUCH_TRUNK, "A telephone number needs a trunk.")
        user = trunk.number_format.replace("{e164}", destination.number.lstrip("+"))
        transport = "" if trunk.transport is Transport.UDP else str(trunk.transport)
        uri = sip_uri(user, trunk.host, trunk.port, transport=transport)
    else:
        uri = destination.sip_uri
        try:
            if not SipUri.parse(uri).host:
                raise _bad("The destination is not a SIP URI.")
        except BadMessageError:
            raise _bad("The destination is not a SIP URI.") from None
    if not _DIAL.fullmatch(uri):
        raise _bad("The destination has characters that FreeSWITCH cannot dial.")
    return uri


def from_uri(caller_id: str, trunk: Trunk | None, host: str, port: int) -> str:
    """What From says: the caller ID at the provider's domain, in the form that the provider takes."""
    if trunk is None:
        return sip_uri(caller_id or "anonymous", host, port)
    user = caller_id or trunk.username or "anonymous"
    if trunk.number_format == "{e164}":
        user = user.lstrip("+")
    return sip_uri(user, trunk.from_domain or trunk.host, None if trunk.from_domain else trunk.port)


def limit_id(trunk: Trunk) -> str:
    """What FreeSWITCH counts a trunk's calls by."""
    return "trunk-" + hashlib.sha256(trunk.name.encode()).hexdigest()[:16]


def _limits(trunk: Trunk) -> dict[str, str]:
    """Applications that run before the INVITE goes out: FreeSWITCH counts by itself, and ends a call that is one too many."""
    values: dict[str, str] = {}
    if trunk.max_channels:
        values["execute_on_originate_1"] = f"limit hash trunks {limit_id(trunk)} {trunk.max_channels} !{NO_CHANNEL}"
    if trunk.max_calls_per_s:
        values["execute_on_originate_2"] = f"limit hash rates {limit_id(trunk)} {trunk.max_calls_per_s}/1 !{TOO_SOON}"
    # else a channel that is moved (to a bridge, to music) would be counted no more
    return {**values, "limit_ignore_transfer": "true"} if values else values


def is_too_soon(event: Event) -> bool:
    """Of a channel's end: its trunk has begun as many calls in this second as it may, and no INVITE went out."""
    return event.get("Hangup-Cause") == TOO_SOON and not event.get("variable_sip_network_ip")


def variables(values: Mapping[str, str]) -> str:
    """Channel variables in braces. BAD_REQUEST for a value that cannot be passed so."""
    parts = []
    for name, value in values.items():
        if _UNSAYABLE.search(value):
            raise _bad(
                f"The trunk's {name.rpartition('_')[2]} has a character that FreeSWITCH cannot be given (' \\ , and brackets)."
            )
        parts.append(f"{name}={value}" if _LITERAL.fullmatch(value) else f"{name}='{value}'")
    return "{" + ",".join(parts) + "}"


def check_account(trunk: Trunk) -> None:
    """BAD_REQUEST for a user name or password that FreeSWITCH's SIP library cannot sign with, or would trim."""
    for word in (trunk.username, trunk.password):
        if ":" in word or "$$" in word or word != word.strip():
            raise _bad(
                "With FreeSWITCH a trunk's user name and password cannot have a colon, $$, or blanks at their ends."
            )


def check_tls(trunk: Trunk, *, spoken: bool, verified: bool) -> None:
    """BAD_REQUEST for a TLS trunk that this FreeSWITCH would not treat as the trunk says: it verifies all of them or none."""
    if trunk.transport is not Transport.TLS:
        return
    if not spoken:
        raise _bad(
            "FreeSWITCH speaks no TLS here: set HEARTHLINE_FREESWITCH_TLS_PORT and write its configuration again."
        )
    if trunk.tls_verify and not verified:
        raise _bad(
            "The trunk's certificate is to be verified, and FreeSWITCH is set up not to (HEARTHLINE_FREESWITCH_TLS_VERIFY)."
        )
    if verified and not trunk.tls_verify:
        raise _bad("FreeSWITCH verifies the certificate of every TLS trunk: let this one be verified too.")


def originate(
    leg: LegId,
    dialled: str,
    sender: str,
    *,
    trunk: Trunk | None,
    timeout_s: int,
    guard_s: int,
    longest_s: int,
    tags: Mapping[str, str],
    kind: str = LegKind.PHONE,
) -> str:
    """The whole command. `dialled`: profile and URI, `sofia/external/sip:...`.

    `kind`: what another call control takes the channel for; one that it does not know it leaves alone.
    `guard_s`: how long after the answer FreeSWITCH itself ends the call, unless it is put off.
    """
    values = {
        "origination_uuid": leg,
        "hl_kind": kind,
        "hl_longest": str(longest_s),
        "hl_tags": pack_tags(tags),
        "originate_timeout": str(timeout_s + 5),  # call control is exact; this is for when it is dead
        "ignore_early_media": "false",
        "park_after_bridge": "true",
        "park_after_early_bridge": "true",
        "hangup_after_bridge": "false",
        "send_silence_when_idle": "-1",
        "sip_from_uri": sender,
        "sip_cid_type": "none",
        "origination_caller_id_number": SipUri.parse(sender).user,
        "origination_caller_id_name": "",
        "rtcp_audio_interval_msec": "3000",
        "fire_rtcp_events": "true",
        "api_on_media": f"sched_hangup +{timeout_s + 5} {leg} no_answer",
        "api_on_answer_1": f"sched_del {leg}",
        "api_on_answer_2": f"sched_hangup +{guard_s} {leg} allotted_timeout",
    }
    if trunk is not None:
        values |= _limits(trunk)
    if trunk is not None and trunk.username:
        check_account(trunk)
        values |= {
            "sip_auth_username": trunk.username,
            "sip_auth_password": trunk.password,
            "sip_contact_user": trunk.username,
        }
    return f"originate {variables(values)}{dialled} &park()"
