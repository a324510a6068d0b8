"""What a trunk may look like, in sentences for whoever fills it in. The admin's pages and the command line go by the same."""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING

from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from hearthline.calls.models import Trunk

MAX_PREFIXES = 60
MAX_ORIGINS = 20
WIDEST_ORIGIN = {4: 16, 6: 32}  # a network of fewer fixed bits is half the internet
MAX_CHANNELS = 2000
MAX_CALLS_PER_S = 100

_HOST = re.compile(r"(?=.{1,200}$)[A-Za-z0-9]([A-Za-z0-9-]{0,62})(\.[A-Za-z0-9]([A-Za-z0-9-]{0,62}))*\.?")
_FORMAT = re.compile(r"[+0-9*#]{0,10}\{e164\}[0-9*#]{0,10}")
_CALLER_ID = re.compile(r"\+?[0-9]{3,15}")
_PREFIX = re.compile(r"[1-9][0-9]{0,14}")


def check_trunk(trunk: Trunk) -> None:
    """Bring the fields into their one form and check them together. Raises ValidationError with a sentence by field."""
    faults: dict[str, list[object]] = {}

    def fault(field: str, sentence: object) -> None:
        faults.setdefault(field, []).append(sentence)

    for field in ("host", "from_domain", "username", "caller_id", "number_format", "prefixes", "calls_from"):
        setattr(trunk, field, getattr(trunk, field).strip())
    trunk.caller_id = re.sub(r"[\s()-]", "", trunk.caller_id)
    for field in ("host", "from_domain"):
        if sentence := _host_fault(getattr(trunk, field)):
            fault(field, sentence)
    if trunk.port is not None and not 1 <= trunk.port <= 65535:
        fault("port", _("A port is a number from 1 to 65535."))
    if not _FORMAT.fullmatch(trunk.number_format):
        fault(
            "number_format", _("Put {e164} once where the number goes, with digits or + before it: +{e164}, 00{e164}.")
        )
    if trunk.caller_id and not _CALLER_ID.fullmatch(trunk.caller_id):
        fault("caller_id", _("A caller ID is a telephone number with its country code: +74951234567."))
    try:
        trunk.prefixes = " ".join(parse_prefixes(trunk.prefixes))
    except ValidationError as error:
        fault("prefixes", error.message)
    try:
        trunk.calls_from = " ".join(parse_origins(trunk.calls_from))
    except ValidationError as error:
        fault("calls_from", error.message)
    if trunk.max_channels > MAX_CHANNELS:
        fault("max_channels", _("At most 2000 channels; 0 for no limit here."))
    if trunk.max_calls_per_s > MAX_CALLS_PER_S:
        fault("max_calls_per_s", _("At most 100 calls a second; 0 for no limit here."))
    if trunk.register and not trunk.username:
        fault("username", _("To register, the account's user name is needed."))
    if faults:
        raise ValidationError({field: [str(s) for s in sentences] for field, sentences in faults.items()})


def _host_fault(host: str) -> object | None:
    if not host:
        return None  # whether it may be empty is the field's own rule
    if host.lower().startswith(("sip:", "sips:")) or "/" in host or "@" in host:
        return _("Only the server's name or address, without sip: and without a user: sip.provider.example")
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        if re.fullmatch(r"[^:]+:\d+", host):
            return _("The port has a box of its own; leave it out here.")
        return None if _HOST.fullmatch(host) else _("This is no name of a server: sip.provider.example or 192.0.2.10")
    return None


def parse_prefixes(text: str) -> list[str]:
    """ "+7 495, 44" means two: 7495 is written without a space. Digits without plus, sorted, each once.

    Raises ValidationError naming the first that is none.
    """
    found: set[str] = set()
    for word in re.split(r"[\s,;]+", text.strip()):
        digits = word.removeprefix("+")
        if not word:
            continue
        if not _PREFIX.fullmatch(digits):
            raise ValidationError(
                _("%(word)s is no prefix. Write country codes and more digits, with spaces between: 7 44 7916")
                % {"word": word[:20]}
            )
        found.add(digits)
    if len(found) > MAX_PREFIXES:
        raise ValidationError(_("At most 60 prefixes. Shorter ones cover more."))
    return sorted(found)


def parse_origins(text: str) -> list[str]:
    """Names, addresses and networks that a provider calls from, sorted, each once. Raises ValidationError naming the first that
    is none."""
    found: set[str] = set()
    for word in re.split(r"[\s,;]+", text.strip()):
        if not word:
            continue
        try:
            network = ipaddress.ip_network(word, strict=False)
        except ValueError:
            if "/" in word or re.fullmatch(r"[0-9.]+", word) or not _HOST.fullmatch(word):
                raise ValidationError(
                    _(
                        "%(word)s is no address, network or name of a server: 192.0.2.10 192.0.2.0/24 sip2.provider.example"
                    )
                    % {"word": word[:60]}
                ) from None
            found.add(word)
            continue
        if network.prefixlen < WIDEST_ORIGIN[network.version]:
            raise ValidationError(_("%(word)s is too wide. Name the provider's own networks.") % {"word": word[:60]})
        found.add(str(network.network_address) if network.num_addresses == 1 else str(network))
    if len(found) > MAX_ORIGINS:
        raise ValidationError(_("At most 20 addresses. Networks cover more."))
    return sorted(found)


FIELD_HELP = {
    "name": _("For you and for reports; nobody outside sees it."),
    "host": _("The provider's SIP server, a name or an address. With several addresses the next one is tried."),
    "port": _("Empty: the usual one of the transport, 5060 or 5061 for TLS."),
    "transport": _("UDP works everywhere. TLS hides who calls whom, where the provider offers it."),
    "tls_verify": _("Off only in a laboratory: anybody in between could then pretend to be the provider."),
    "username": _("As in the contract. Empty where the provider knows you by your address."),
    "from_domain": _("Empty: the host. Only if the provider tells you another one."),
    "register": _(
        "Keep telling the provider where you are. Needed for incoming calls and by providers that refuse calls from "
        "accounts that are not registered; how it went stands in the list of trunks."
    ),
    "number_format": _("How the provider wants numbers; {e164} is the number without plus: {e164}, +{e164}, 00{e164}."),
    "caller_id": _(
        "The number that contacts see, as +79161234567. Most providers refuse any that they did not issue to you. A campaign "
        "may have its own; empty: the user name."
    ),
    "calls_from": _(
        "Whence the provider's calls reach you, beside its host: 192.0.2.0/24 sip2.provider.example. Only calls to decoy "
        "numbers are noticed, and only from there."
    ),
    "prefixes": _(
        "Which destinations this trunk takes, as first digits with the country code: 7 44 7916. Empty: all. The trunk with "
        "the longest fitting prefix is used, then the one with the highest priority."
    ),
    "max_channels": _(
        "Calls at the same time, as the contract says; the next one goes over another trunk. 0: no limit."
    ),
    "max_calls_per_s": _("New calls in a second; one more waits for its turn or goes over another trunk. 0: no limit."),
    "priority": _("Among trunks that take a destination equally well, the highest is used first."),
    "active": _("Off: no new calls, and its registration ends; calls under way go on."),
}
