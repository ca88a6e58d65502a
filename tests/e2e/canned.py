"""Models for the canned engine, in buckets of a test: what it does with each stands in that one's configuration."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from tests.e2e.servers import EXAMPLE


def make_canned(root: Path, *told: str) -> Path:
    """Makes a bucket `models` with the example model as `good/`, and under each name a model that tells it so."""
    models = root / "models"
    shutil.copytree(EXAMPLE / "model", models / "good")
    for name in told:
        config = Path(shutil.copytree(EXAMPLE / "model", models / name)) / "config.json"
        config.write_text(json.dumps({**json.loads(config.read_text()), "canned_engine": name}))
    return root
