"""The families that AWS documents as importable (SPEC 4.1), found by the class name in config.json."""

from collections.abc import Mapping

from outcrop.artifact.architectures.family import Family
from outcrop.artifact.architectures.gpt_bigcode import GPT_BIGCODE
from outcrop.artifact.architectures.gpt_oss import GPT_OSS
from outcrop.artifact.architectures.llama import LLAMA
from outcrop.artifact.architectures.mistral import MISTRAL
from outcrop.artifact.architectures.mixtral import MIXTRAL
from outcrop.artifact.architectures.mllama import MLLAMA
from outcrop.artifact.architectures.qwen2 import QWEN2
from outcrop.artifact.architectures.qwen2_5_vl import QWEN2_5_VL
from outcrop.artifact.architectures.qwen2_vl import QWEN2_VL
from outcrop.artifact.architectures.qwen3 import QWEN3
from outcrop.artifact.architectures.qwen3_moe import QWEN3_MOE
from outcrop.artifact.architectures.t5 import T5

FAMILIES: tuple[Family, ...] = (
    LLAMA,
    MISTRAL,
    MIXTRAL,
    QWEN2,
    QWEN3,
    QWEN3_MOE,
    GPT_BIGCODE,
    T5,
    GPT_OSS,
    MLLAMA,
    QWEN2_VL,
    QWEN2_5_VL,
)

BY_ARCHITECTURE: Mapping[str, Family] = {name: family for family in FAMILIES for name in family.architectures}
"""Class name, as `architectures` in config.json has it → family."""
