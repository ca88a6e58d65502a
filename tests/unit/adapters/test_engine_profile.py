"""The kinds of engines: how each is started, and how one that is missing is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from outcrop.adapters.engine_profile import EngineProfile, installed_version
from outcrop.adapters.engine_transformers import transformers_profile
from outcrop.adapters.engine_vllm import vllm_profile
from outcrop.errors import EngineError


def test_transformers_is_started_offline_on_loopback() -> None:
    """The command line of `transformers serve`; remote code is not trusted by default and is never asked for."""
    profile = transformers_profile("/bin/transformers")

    assert profile.arguments("./model", 1234) == (
        *("serve", "./model", "--host", "127.0.0.1", "--port", "1234", "--device", "auto"),
    )
    assert profile.environment == {"HF_HUB_DISABLE_UPDATE_CHECK": "1", "OMP_WAIT_POLICY": "passive"}


def test_vllm_is_started_on_loopback_under_a_name() -> None:
    """The command line of `vllm serve`, with an operator's options at its end."""
    profile = vllm_profile("/bin/vllm", options=("--dtype", "float32"))

    assert profile.arguments("./model", 1234) == (
        *("serve", "./model", "--host", "127.0.0.1", "--port", "1234"),
        *("--served-model-name", "outcrop", "--disable-uvicorn-access-log", "--dtype", "float32"),
    )
    assert profile.body == {"model": "outcrop"}


@pytest.mark.parametrize(
    ("profile", "message"),
    [
        (
            transformers_profile(None),
            "the engine (transformers serve) is not installed; install it with: pip install 'outcrop[transformers]'",
        ),
        (vllm_profile("/none/vllm"), "/none/vllm is not installed; install it with: pip install vllm"),
    ],
)
def test_a_missing_engine_says_how_to_install_it(profile: EngineProfile, message: str) -> None:
    """The operator is told what to type."""
    with pytest.raises(EngineError) as caught:
        profile.program()

    assert str(caught.value) == message


def test_the_version_is_that_of_the_program_s_own_environment(tmp_path: Path) -> None:
    """The engine may live in another virtual environment than Outcrop; asking it would take seconds."""
    (tmp_path / "lib/python3.11/site-packages/vllm-0.32.0+cpu.dist-info").mkdir(parents=True)

    assert installed_version(str(tmp_path / "bin/vllm"), "vllm") == "0.32.0+cpu"
    assert installed_version(str(tmp_path / "bin/vllm"), "transformers") == "(unknown version)"
    assert installed_version(None, "vllm") == "(not installed)"
