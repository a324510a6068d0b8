"""An admin makes, changes and understands trunks in the pages."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.test import Client
from django.urls import reverse

from hearthline.calls.models import Node, Trunk, TrunkStanding
from hearthline.calls.trunk_presets import PRESETS
from hearthline.calls.trunk_rules import parse_prefixes
from hearthline.cli_trunks import PRESETS as COMMAND_PRESETS
from hearthline.lib import clock
from hearthline.people.models import AuditEntry
from tests.web.world import World

FORM = {
    "name": "main", "host": "sip.provider.example", "transport": "udp", "username": "100500", "password": "s3cret-word",
    "number_format": "+{e164}", "caller_id": "+7 (495) 123-45-67", "prefixes": "+7, 44;7916", "max_channels": "10",
    "max_calls_per_s": "3", "priority": "1", "active": "on", "tls_verify": "on",
}  # fmt: skip


def text(response: Any) -> str:
    return str(response.content.decode())


def test_a_trunk_is_made_in_its_one_form(admin: Client) -> None:
    assert admin.post(reverse("staff:new_trunk"), FORM).status_code == 302
    trunk = Trunk.objects.get()
    assert (trunk.prefixes, trunk.caller_id, trunk.max_calls_per_s) == ("44 7 7916", "+74951234567", 3)
    assert AuditEntry.objects.filter(tag="web:trunk:changed").exists()
    page = text(admin.get(reverse("staff:trunks")))
    assert "to 44 7 7916" in page
    assert "3 calls a second" in page
    assert "s3cret" not in page + text(admin.get(reverse("staff:trunk", args=[trunk.pk])))


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"host": "sip:sip.provider.example"}, "without sip:"),
        ({"host": "sip.provider.example:5060"}, "port has a box of its own"),
        ({"host": "not a host"}, "no name of a server"),
        ({"number_format": "8"}, "Put {e164} once"),
        ({"number_format": "{e164}{e164}"}, "Put {e164} once"),
        ({"caller_id": "my firm"}, "with its country code"),
        ({"prefixes": "7 8a"}, "8a is no prefix"),
        ({"prefixes": "007"}, "007 is no prefix"),
        ({"port": "70000"}, "from 1 to 65535"),
        ({"max_channels": "9999"}, "At most 2000"),
        ({"max_calls_per_s": "500"}, "At most 100"),
        ({"register": "on", "username": ""}, "user name is needed"),
    ],
)
def test_what_cannot_work_is_refused_in_a_sentence(admin: Client, changes: dict[str, str], sentence: str) -> None:
    response = admin.post(reverse("staff:new_trunk"), {**FORM, **changes})
    assert response.status_code == 422
    assert sentence in text(response)
    assert not Trunk.objects.exists()


def test_prefixes_are_read_in_any_usual_writing() -> None:
    assert parse_prefixes("") == []
    assert parse_prefixes("+7495,+7495  1;44\n7") == ["1", "44", "7", "7495"]
    with pytest.raises(ValidationError):
        parse_prefixes(" ".join(str(n) for n in range(1, 100)))


def test_a_trunk_is_started_from_a_preset(admin: Client) -> None:
    page = text(admin.get(reverse("staff:new_trunk") + "?preset=zadarma"))
    assert 'value="sip.zadarma.com"' in page
    assert "connected or confirmed in your Zadarma account" in page
    assert "sip.zadarma.com" not in text(admin.get(reverse("staff:new_trunk") + "?preset=nobody"))
    for preset in PRESETS:
        Trunk(name=preset.key, **{"host": "h.example", "username": "u", **preset.fields}).full_clean()
    assert tuple(preset.key for preset in PRESETS) == COMMAND_PRESETS


def test_how_a_trunk_stands_is_told_in_words(admin: Client) -> None:
    node = Node.objects.create(name="north", engine="embedded")
    fields = {"host": "h.example", "username": "u", "register": True}
    good, bad = Trunk.objects.create(name="good", **fields), Trunk.objects.create(name="bad", **fields)
    off = Trunk.objects.create(name="off", active=False, **fields)
    now = clock.now()
    TrunkStanding.objects.create(trunk=good, node=node, registered=True, told_at=now)
    TrunkStanding.objects.create(
        trunk=bad, node=node, registered=False, said="the provider answered 403 Forbidden", told_at=now,
        aside_until=now + timedelta(seconds=60), aside_cause=41, aside_status=503,
    )  # fmt: skip
    TrunkStanding.objects.create(trunk=off, node=node, registered=True, told_at=now)
    states = text(admin.get(reverse("staff:trunks"), headers={"hx-request": "true"}))
    assert states.count("hx-swap-oob") == 3
    assert states.count("registered (north)") == 2
    assert "not registered (north): the provider answered 403 Forbidden" in states
    assert "keeps failing (cause 41, SIP 503)" in states
    wall = text(admin.get(reverse("staff:wall")))
    assert "The trunk bad is not registered at north" in wall
    assert "The trunk good" not in wall
    assert "The trunk off" not in wall


def test_trunks_are_the_admins(world: World, owner: Client) -> None:
    assert owner.post(reverse("staff:new_trunk"), FORM).status_code == 403
    assert not Trunk.objects.exists()
