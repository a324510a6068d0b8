"""SIP status codes and Q.850 causes, both ways (RFC 3398 §7.2.4.1 and §8.2.6.1, RFC 3326)."""

from __future__ import annotations

import re

from hearthline.switch.embedded.sip.message import Message

NORMAL = 16
BUSY = 17
NO_ANSWER = 19
REJECTED = 21
NETWORK_OUT_OF_ORDER = 38
TEMPORARY_FAILURE = 41
INCOMPATIBLE = 88
TIMER_EXPIRY = 102
INTERWORKING = 127

_FROM_STATUS = {
    400: 41,
    401: 21,
    402: 21,
    403: 21,
    404: 1,
    405: 63,
    406: 79,
    407: 21,
    408: 102,
    410: 22,
    413: 127,
    414: 127,
    415: 79,
    416: 127,
    420: 127,
    421: 127,
    423: 127,
    480: 18,
    481: 41,
    482: 25,
    483: 25,
    484: 28,
    485: 1,
    486: 17,
    487: 16,
    488: 88,
    500: 41,
    501: 79,
    502: 38,
    503: 41,
    504: 102,
    505: 127,
    513: 127,
    580: 47,
    600: 17,
    603: 21,
    604: 1,
    606: 88,
    607: 21,  # Unwanted (RFC 8197)
    608: 21,  # Rejected (RFC 8688)
}

_TO_STATUS = {
    1: 404,
    2: 404,
    3: 404,
    17: 486,
    18: 480,
    19: 480,
    20: 480,
    21: 603,
    22: 410,
    27: 502,
    28: 484,
    31: 480,
    34: 503,
    38: 503,
    41: 503,
    42: 503,
    47: 503,
    55: 403,
    57: 403,
    58: 503,
    65: 488,
    79: 501,
    88: 488,
    102: 504,
    127: 500,
}

_REASON = re.compile(r"Q\.850\b(?P<rest>.*)", re.IGNORECASE | re.DOTALL)
_CAUSE = re.compile(r";\s*cause\s*=\s*\"?(\d{1,3})\"?", re.IGNORECASE)


def cause_of_status(status: int) -> int:
    """Q.850 cause for a final response."""
    if 300 <= status < 400:
        return 23  # redirection: never followed, the far end does not choose whom we pay for
    if status in _FROM_STATUS:
        return _FROM_STATUS[status]
    if status < 500:
        return 31
    return TEMPORARY_FAILURE if status < 600 else REJECTED


def status_of_cause(cause: int) -> int:
    """Final response for refusing a call with a Q.850 cause."""
    return _TO_STATUS.get(cause, 480)


def stated_cause(message: Message) -> int | None:
    """The Q.850 cause that a Reason header states (RFC 3326), which knows better than the status code; else None."""
    for value in message.headers.all("Reason"):
        reason = _REASON.match(value)
        cause = _CAUSE.search(reason["rest"]) if reason else None
        if cause and 0 < int(cause[1]) <= 127:
            return int(cause[1])
    return None


def reason_header(cause: int) -> str:
    """Value of a Reason header."""
    return f"Q.850;cause={cause}"
