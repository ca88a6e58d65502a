"""The real vLLM, where it is installed: scripts/vllm-cpu makes an environment with it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

_MADE = Path(__file__).parents[1] / ".venv-vllm" / "bin" / "vllm"

VLLM = os.environ.get("OUTCROP_TEST_VLLM") or (str(_MADE) if _MADE.is_file() else None)
"""Path of a `vllm` program; None where there is none."""

OPTIONS = ("--dtype", "float32", "--enforce-eager", "--max-model-len", "256")
"""For CPUs: bfloat16 needs instructions that virtual machines announce and do not have."""

ENVIRONMENT = {"VLLM_CPU_KVCACHE_SPACE": "1"}

needs_vllm = pytest.mark.skipif(VLLM is None, reason="vLLM is not installed: scripts/vllm-cpu, or OUTCROP_TEST_VLLM")
