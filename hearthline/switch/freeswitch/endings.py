"""How a channel ended: from FreeSWITCH's cause and variables to the port's cause, party and SIP status."""

from __future__ import annotations

from hearthline.switch.embedded.sip.causes import (
    NETWORK_OUT_OF_ORDER,
    NO_ANSWER,
    REJECTED,
    TIMER_EXPIRY,
    cause_of_status,
)
from hearthline.switch.freeswitch.frames import Event
from hearthline.switch.port import Party

_NO_CHALLENGE_MET = "904"  # of the SIP library: asked for the password again (by a 401 or a 407), there is no other

# FreeSWITCH's own causes, beyond Q.850
_OWN = {
    "ALLOTTED_TIMEOUT": TIMER_EXPIRY,
    "RECOVERY_ON_TIMER_EXPIRE": TIMER_EXPIRY,
    "PROGRESS_TIMEOUT": NO_ANSWER,
    "MEDIA_TIMEOUT": NETWORK_OUT_OF_ORDER,
    "ORIGINATOR_CANCEL": 16,
    "USER_NOT_REGISTERED": 20,
    "SUBSCRIBER_ABSENT": 20,
    "GATEWAY_DOWN": 27,
    "LOSE_RACE": 26,
    "MANAGER_REQUEST": 16,
    "SYSTEM_SHUTDOWN": 41,
    "CRASH": 41,
}
_BY_US = ("ALLOTTED_TIMEOUT", "RECOVERY_ON_TIMER_EXPIRE", "MEDIA_TIMEOUT", "NO_ANSWER", "SYSTEM_SHUTDOWN", "CRASH")


def ending_of(event: Event) -> tuple[int, Party, int | None]:
    """Cause (Q.850), who ended it, and the final response where one came, from a CHANNEL_HANGUP_COMPLETE."""
    name = event.get("Hangup-Cause", "")
    if event.get("variable_sip_term_status") == _NO_CHALLENGE_MET:
        return REJECTED, Party.REMOTE, 401
    # a status that FreeSWITCH made up itself (nobody answered, no route) came from no address
    status = _status(event) if event.get("variable_sip_network_ip") else None
    disposition = event.get("variable_sip_hangup_disposition", "") if event.get("variable_sip_network_ip") else ""
    refused = status is not None and status >= 300 and not disposition.startswith("send_")
    remote = disposition.startswith("recv_") or refused
    q850 = event.get("variable_hangup_cause_q850", "")
    cause = int(q850) if q850.isdigit() else 0
    if name in _OWN:
        cause = _OWN[name]
    elif not 1 <= cause <= 127:
        cause = cause_of_status(status) if status is not None and status >= 300 else 41
    if name in _BY_US and not refused:
        return cause, Party.SWITCH, None
    if remote:
        return cause, Party.REMOTE, status if refused else None
    return cause, Party.SWITCH, None


def _status(event: Event) -> int | None:
    for name in ("variable_sip_invite_failure_status", "variable_sip_term_status"):
        text = event.get(name, "")
        if text.isascii() and text.isdigit() and len(text) == 3:
            return int(text)
    return None
