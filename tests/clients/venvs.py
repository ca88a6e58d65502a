"""Python clients that pin other versions than ours: each in an environment of its own at the repository's root."""

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
SCRIPTS = Path(__file__).parent / "python"
INSTALL_S = 600.0
CALL_S = 300.0
REQUIREMENTS = (
    "import importlib.metadata as m; print(*(r for r in m.requires({name!r}) if 'extra ==' not in r), sep='\\n')"
)


@dataclass(frozen=True, kw_only=True)
class PythonClient:
    """A script of tests/clients/python, run by the Python of an environment."""

    python: Path
    script: Path
    environment: Mapping[str, str]

    def ask(self, *asks: dict[str, Any]) -> list[dict[str, Any]]:
        """Asks one after the other; returns what came of each: `error`, or what the script tells."""
        done = subprocess.run(
            [self.python, self.script],
            env=dict(self.environment),
            input=json.dumps(asks),
            capture_output=True,
            text=True,
            timeout=CALL_S,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        answers: list[dict[str, Any]] = json.loads(done.stdout.splitlines()[-1])
        return answers


def installed(requirement: str, *, lagging: tuple[str, ...] = ()) -> Path:
    """Returns the Python of the environment of a pinned package; installs it once, and again when the pin changes.

    Args:
        requirement: `name==version`.
        lagging: packages of which an older version does as well, where the index has not yet the one that is wanted.
    """
    name = requirement.partition("==")[0]
    folder = ROOT / f".venv-{name}"
    python, stamp = folder / "bin" / "python", folder / "version"
    if stamp.exists() and stamp.read_text() == requirement:
        return python
    subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True, timeout=INSTALL_S)
    (folder / ".gitignore").write_text("*\n")
    done = _pip(python, requirement)
    if done.returncode and lagging:
        done = _pip(python, "--no-deps", requirement)
        if not done.returncode:
            command = [python, "-c", REQUIREMENTS.format(name=name)]
            wanted = subprocess.run(command, capture_output=True, text=True, check=True, timeout=INSTALL_S).stdout
            lines = [line for line in wanted.splitlines() if not line.startswith(lagging)]
            done = _pip(python, *lines, *lagging)
    if done.returncode:
        pytest.skip(f"{requirement} cannot be installed here: {done.stderr.strip().splitlines()[-1]}")
    stamp.write_text(requirement)
    return python


def _pip(python: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [python, "-m", "pip", "--quiet", "--disable-pip-version-check", "install", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=INSTALL_S, check=False)
