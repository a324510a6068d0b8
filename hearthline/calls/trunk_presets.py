"""Settings to start a trunk from, by provider. What is known of each, and how surely, is in docs/telephony.md."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


@dataclass(frozen=True, slots=True)
class Preset:
    key: str
    name: str | Promise
    fields: Mapping[str, Any]  # of `Trunk`
    notes: tuple[str | Promise, ...]  # what to know and what to take from the contract


# neither provider was called for its preset
_CHECK = _(
    "This was put together from public pages, not from a contract: check each field with the provider, then try the trunk and call "
    "yourself."
)

PRESETS = (
    Preset(
        "generic",
        _("Another provider"),
        {"transport": "udp", "register": False, "number_format": "+{e164}"},
        (
            _("Take host, user name and password from the contract, then try the trunk."),
            _("When calls are refused with 403, ask which caller IDs are yours and whether you must register."),
        ),
    ),
    Preset(
        "zadarma",
        "Zadarma",
        {
            "host": "sip.zadarma.com", "transport": "udp", "register": True, "number_format": "{e164}",
        },
        (
            _("The user name is the SIP number of the account (digits), the password that of the SIP number."),
            _("The caller ID must be a number connected or confirmed in your Zadarma account."),
            _(
                "Zadarma's own “SIP trunk” knows you by a static address instead: then leave user name and password empty and "
                "do not register."
            ),
            _CHECK,
        ),
    ),
    Preset(
        "telphin",
        "Telphin",
        {
            "host": "sipproxy.telphin.ru", "port": 5068, "transport": "udp", "register": True,
            "number_format": "{e164}",
        },
        (
            _("The user name is the full extension with its asterisk, such as 0000*101."),
            _("What contacts see is set for the extension in Telphin's cabinet; leave the caller ID empty at first."),
            _("If calls are refused, ask for the server, port and number format of your contract: they differ by product."),
            _CHECK,
        ),
    ),
)  # fmt: skip


def preset(key: str) -> Preset | None:
    return next((one for one in PRESETS if one.key == key), None)
