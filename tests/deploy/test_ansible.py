"""The playbook: what can be said of it without a host, and its syntax by ansible itself where that is installed."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from hearthline.configuration import Configuration
from tests.e2e.exchange import ROOT

ANSIBLE = ROOT / "deploy" / "ansible"
TASKS = sorted(ANSIBLE.glob("roles/*/tasks/*.yml"))
FAMILIES = ("Debian", "RedHat", "Archlinux")


def test_each_play_has_its_roles() -> None:
    plays = yaml.safe_load((ANSIBLE / "site.yml").read_text())
    named = {role for play in plays for role in play.get("roles", ())}
    assert named == {path.name for path in (ANSIBLE / "roles").iterdir()} - {"settings", "common"}
    for role in (*named, "common"):
        assert yaml.safe_load((ANSIBLE / "roles" / role / "meta" / "main.yml").read_text())["dependencies"]


@pytest.mark.parametrize("tasks", TASKS, ids=lambda path: f"{path.parent.parent.name}-{path.stem}")
def test_each_file_that_is_copied_is_there(tasks: Path) -> None:
    text = tasks.read_text()
    for name in re.findall(r"playbook_dir(?: \}\}| ~ ')/\.\./([\w./-]+)", text):
        assert (ROOT / "deploy" / name).exists() or name.endswith(("hearthline.", "hearthline-", "systemd/")), name
    for name in re.findall(r"src: ([\w.-]+\.j2)", text):
        assert (tasks.parents[1] / "templates" / name).exists()
    for name in re.findall(r"hearthline-[a-z]+\.(?:service|timer)", text):
        assert (ROOT / "deploy" / "systemd" / name).exists(), name


def test_each_family_of_systems_gives_every_name() -> None:
    given = {
        family: set(yaml.safe_load((ANSIBLE / "roles/common/vars" / f"{family}.yml").read_text()))
        for family in FAMILIES
    }
    assert given["Debian"] == given["RedHat"] == given["Archlinux"]
    defaults = set(yaml.safe_load((ANSIBLE / "roles/settings/defaults/main.yml").read_text()))
    everything = "".join(path.read_text() for path in (*TASKS, *ANSIBLE.glob("roles/*/templates/*"))) + "".join(
        str(yaml.safe_load((ANSIBLE / "roles/settings/defaults/main.yml").read_text()).values())
    )
    used = set(re.findall(r"\bhearthline_[a-z_]+\b", everything))
    made = set(re.findall(r"(?:register: |set_fact:\n    |vars:\n    |^    )(hearthline_[a-z_]+)", everything, re.M))
    secrets = {"hearthline_database_url", "hearthline_redis_url"}
    optional = {"hearthline_postgres_connections"}
    assert used - defaults - given["Debian"] - made - secrets - optional == set()


def test_every_setting_is_one() -> None:
    written = re.findall(
        r"^HEARTHLINE_([A-Z_]+)=", (ANSIBLE / "roles/code/templates/hearthline.env.j2").read_text(), re.M
    )
    assert len(written) > 10
    assert {name.lower() for name in written} <= set(Configuration.model_fields)


@pytest.mark.parametrize("name", ["one", "dozen"])
def test_every_group_has_a_host(name: str) -> None:
    inventory: dict[str, Any] = yaml.safe_load((ANSIBLE / "inventories" / f"{name}.yml").read_text())["all"]
    groups = {group: set(value["hosts"]) for group, value in inventory["children"].items()}
    assert set(groups) == {"postgres", "redis", "web", "worker", "node", "proxy", "turn"}
    assert all(groups.values())
    assert len(set().union(*groups.values())) == {"one": 1, "dozen": 12}[name]


@pytest.mark.skipif(
    not shutil.which("ansible-playbook"), reason="ansible-playbook is not here (pip install ansible-core)"
)
@pytest.mark.parametrize("name", ["one", "dozen"])
def test_ansible_takes_it(name: str) -> None:
    done = subprocess.run(
        ["ansible-playbook", "-i", f"inventories/{name}.yml", "--syntax-check", "site.yml"],
        cwd=ANSIBLE, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
