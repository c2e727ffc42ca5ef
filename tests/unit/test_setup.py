"""`scripts/setup` on machines that lack some of what the tests need, with stand-ins for the programs that install."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SYSTEM = ("bash", "cat", "cksum", "dirname", "env", "tail", "touch", "tr")
LISTED = ("chromium", "redis-server", "cc")
"""What every machine that these tests run on finds by its path alone."""

APT = """#!/bin/bash
echo "apt-get $*" >>"$LOG"
case $1 in
update) echo "E: no network" >&2; exit 100 ;;
*) [ -z "${BROKEN:-}" ] || { echo "E: Unable to locate package $BROKEN" >&2; exit 100; } ;;
esac
"""


class Machine:
    """A clone of the project, and a path with nothing in it but what was put there."""

    def __init__(self, folder: Path) -> None:
        self.clone, self.bin, self.log = folder / "clone", folder / "bin", folder / "log"
        for name in ("scripts/setup", "pyproject.toml", "package.json", "benchmarks/package.json"):
            (self.clone / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, self.clone / name)
        self.bin.mkdir()
        for name in SYSTEM:
            found = shutil.which(name)
            assert found
            (self.bin / name).symlink_to(found)
        for name in ("python3", "node"):
            self.have(name)
        self.have("npm", "mkdir node_modules")
        (self.bin / "mkdir").symlink_to(shutil.which("mkdir") or "")
        (self.clone / ".venv/bin").mkdir(parents=True)
        self.have(".venv/bin/python", folder=self.clone)
        self.be(0)

    def have(self, name: str, script: str = "", folder: Path | None = None) -> None:
        program = (folder or self.bin) / name
        program.write_text(script if script.startswith("#!") else f"#!/bin/bash\n{script}\n")
        program.chmod(0o755)

    def be(self, user: int) -> None:
        self.have("id", f"echo {user}")

    def set_up(self, target: str = "test", **env: str) -> tuple[int, str]:
        """The status, and what is said to the user."""
        done = subprocess.run(
            [str(self.clone / "scripts/setup"), target],
            env={"PATH": str(self.bin), "LOG": str(self.log), **env},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=30,
        )
        return done.returncode, done.stdout

    @property
    def commands(self) -> list[str]:
        """What was run to install."""
        return self.log.read_text().splitlines() if self.log.exists() else []


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def packages(command: str) -> set[str]:
    return set(command.split(" install -y -qq ")[1].split())


def test_all_that_is_missing_is_installed_at_once(machine: Machine) -> None:
    """By root without sudo; package lists that cannot be renewed are no reason to give up."""
    machine.have("apt-get", APT)
    status, said = machine.set_up()
    assert status == 0, said
    update, install = machine.commands
    assert update == "apt-get update -qq"
    assert {"chromium", "redis-server", "build-essential"} <= packages(install)
    assert "E:" not in said
    assert "python3-venv" not in install


def test_what_is_there_is_not_installed(machine: Machine) -> None:
    for name in (*LISTED, "nginx", "postgres"):
        machine.have(name)
    status, said = machine.set_up()
    assert status == 0, said
    assert machine.commands == []


def test_the_demo_needs_no_programs(machine: Machine) -> None:
    status, said = machine.set_up("demo")
    assert (status, machine.commands) == (0, []), said


def test_a_user_installs_by_sudo(machine: Machine) -> None:
    machine.be(1000)
    machine.have("apt-get", APT)
    machine.have("sudo", 'echo "sudo $1" >>"$LOG"; "$@"')
    status, said = machine.set_up()
    assert status == 0, said
    assert [each for each in machine.commands if each.startswith("sudo")] == ["sudo apt-get", "sudo env"]


def test_a_python_without_pip_is_given_its_package(machine: Machine) -> None:
    """Debian's has neither pip nor what makes it."""
    machine.have("apt-get", APT)
    machine.have("python3", f'[ "$2" != "import ensurepip" ] || exit 1\n[ "$2" != venv ] || touch {machine.log}.venv')
    machine.have(".venv/bin/python", f"[ -e {machine.log}.venv ]", machine.clone)
    status, said = machine.set_up("demo")
    assert status == 0, said
    assert packages(machine.commands[1]) == {"python3-venv"}


def test_what_cannot_be_installed_is_named_with_the_reason(machine: Machine) -> None:
    machine.have("apt-get", APT)
    status, said = machine.set_up(BROKEN="chromium")
    assert status == 1
    assert "setup: these packages of Debian's are missing: chromium" in said
    assert "redis-server" in said
    assert said.endswith("E: Unable to locate package chromium\n")


@pytest.mark.parametrize(("apt", "advice"), [(True, "as root, run: apt-get install "), (False, "no apt-get here")])
def test_who_cannot_install_is_told_what_is_missing(machine: Machine, apt: bool, advice: str) -> None:
    machine.be(1000)
    if apt:
        machine.have("apt-get", APT)
    status, said = machine.set_up()
    assert status == 1
    assert advice in said
    assert "missing: chromium" in said
    assert machine.commands == []


def test_why_npm_failed_is_said(machine: Machine) -> None:
    machine.have("npm", '[[ " $* " == *" --silent "* ]] || echo "npm error 404" >&2; exit 1')
    status, said = machine.set_up("demo")
    assert status == 1
    assert "npm error 404\nsetup: the packages of ./package.json could not be installed\n" in said


def test_an_unknown_target_is_refused(machine: Machine) -> None:
    assert machine.set_up("tests") == (1, "setup: unknown target 'tests'\n")
