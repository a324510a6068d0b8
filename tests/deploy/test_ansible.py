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


def test_each_node_has_robots_where_web_and_call_control_look_for_them() -> None:
    tasks = yaml.safe_load((ANSIBLE / "roles/node/tasks/main.yml").read_text())
    by_name = {task["name"]: task for task in tasks}
    assert (
        "hearthline-robots.service"
        in by_name["Name the units of a node"]["ansible.builtin.set_fact"]["hearthline_node_units"]
    )
    for name in ("Install the units", "Start them now and with the host"):
        assert "hearthline_node_units" in by_name[name]["loop"]
    handlers = {task["name"] for task in yaml.safe_load((ANSIBLE / "roles/node/handlers/main.yml").read_text())}
    assert "Restart the robots" in handlers & set(by_name["Install the units"]["notify"])
    assert by_name["Look whether the robots run with what is here now"]["vars"]["hearthline_restart"] in handlers
    port = yaml.safe_load((ANSIBLE / "roles/settings/defaults/main.yml").read_text())["hearthline_robots_port"]
    assert 1024 < port < 30_000  # below the ports of calls
    settings = (ANSIBLE / "roles/code/templates/hearthline.env.j2").read_text()
    assert "HEARTHLINE_ROBOTS_PORT='{{ hearthline_robots_port }}'" in settings  # of every host: web asks for it, too


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
