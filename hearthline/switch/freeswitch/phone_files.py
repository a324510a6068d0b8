"""What FreeSWITCH reads about people's telephones: two files beside its configuration, read again at a word.

`accounts.xml` is its directory: a name and HA1 for each account, and the access list that its credentials are taken by.
`guessers.xml` has those lists: who has guessed too often is denied. No password stands in either.
"""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from xml.sax.saxutils import quoteattr

from hearthline.switch.embedded.sip.guessers import Ban
from hearthline.switch.port import PhoneAccount

ACCOUNTS, GUESSERS = "accounts.xml", "guessers.xml"
EVERYBODY = "phones"  # the access list of accounts that nobody in particular guesses at

_KEPT = re.compile(r'<user id="([a-z0-9_-]{1,32})"><params><param name="a1-hash" value="([0-9a-f]{32})"/>')


def denials(accounts: Iterable[str], bans: Sequence[Ban], at_home: Mapping[str, str]) -> dict[str, list[str]]:
    """Access lists by name, each the hosts that it denies. `at_home`: names of registered telephones and their hosts; what
    knows the password is not kept out, whoever else sends wrong ones from there or in its name."""
    hosts = {ban.host for ban in bans if not ban.name}
    lists = {EVERYBODY: sorted(hosts)}
    known = set(accounts)
    named = {ban.name for ban in bans if ban.name in known}
    for name in named | {name for name, host in at_home.items() if host in hosts and name in known}:
        denied = hosts | {ban.host for ban in bans if ban.name == name}
        lists[own_list(name)] = sorted(denied - {at_home.get(name, "")})
    return lists


def own_list(name: str) -> str:
    return f"{EVERYBODY}-{name}"


def accounts_xml(realm: str, accounts: Sequence[PhoneAccount], lists: Mapping[str, Sequence[str]]) -> str:
    lines = [f"<domain name={quoteattr(realm)}><users>"]
    for account in accounts:
        acl = own_list(account.name) if own_list(account.name) in lists else EVERYBODY
        lines.append(
            f'<user id="{account.name}"><params><param name="a1-hash" value="{account.ha1}"/>'
            f'<param name="auth-acl" value="{acl}"/></params></user>'
        )
    return "\n".join([*lines, "</users></domain>", ""])


def guessers_xml(lists: Mapping[str, Sequence[str]]) -> str:
    lines: list[str] = []
    for name, hosts in lists.items():
        nodes = "".join(f'<node type="deny" cidr="{_network(host)}"/>' for host in hosts)
        lines.append(f'<list name="{name}" default="allow">{nodes}</list>')
    return "\n".join([*lines, ""])


def _network(host: str) -> str:
    address = ipaddress.ip_address(host)
    return f"{address}/{address.max_prefixlen}"


def read_kept(folder: Path) -> dict[str, str]:
    """Name → HA1 of the accounts that FreeSWITCH has now."""
    path = folder / ACCOUNTS
    return dict(_KEPT.findall(path.read_text())) if path.exists() else {}


def write_if_new(path: Path, text: str) -> bool:
    """Whether it was another text before. The file is never seen half written; its group may read it."""
    if path.exists() and path.read_text() == text:
        return False
    part = path.with_suffix(".part")
    part.unlink(missing_ok=True)
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o640), "w") as file:
        file.write(text)
    part.replace(path)
    return True
