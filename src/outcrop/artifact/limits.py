"""What AWS documents as the largest model it imports (SPEC 4.3); Outcrop's engine has no such limits. Pure."""

from collections.abc import Iterator

from outcrop.artifact.architectures.family import Modality
from outcrop.artifact.config import CONFIG
from outcrop.artifact.finding import Finding, Kind, Severity
from outcrop.artifact.wording import size

WEIGHTS = Kind("limit.weights", Severity.NOTE, Severity.ERROR)
"""The weights are larger than AWS imports (SPEC 4.3.1). Do: save them in bfloat16, if they are in 32 bits."""
CONTEXT = Kind("limit.context", Severity.NOTE, Severity.ERROR)
"""The context is longer than AWS imports (SPEC 4.3.2). Do: set max_position_embeddings lower, if that is enough."""

LARGEST_WEIGHTS = {Modality.TEXT: 200 * 10**9, Modality.MULTIMODAL: 100 * 10**9}
LONGEST_CONTEXT = 131_072
"""AWS says less than 128K; models of exactly 131,072 positions import (SPEC 4.3.2)."""


def judge_limits(*, weight_bytes: int, modality: Modality, context: int) -> Iterator[Finding]:
    """Judges size and context length."""
    most = LARGEST_WEIGHTS[modality]
    if weight_bytes >= most:
        yield WEIGHTS.found(
            "",
            f"The weights have {size(weight_bytes)}; AWS imports {modality.value} models below {most // 10**9} GB.",
            cure="Save the weights in bfloat16 if they are in 32 bits; a larger model is not imported by AWS.",
            expected=f"less than {most} bytes",
            actual=f"{weight_bytes} bytes",
        )
    if context > LONGEST_CONTEXT:
        yield CONTEXT.found(
            CONFIG,
            f"gives a context of {context:,} positions; AWS imports up to {LONGEST_CONTEXT:,}.",
            cure=f'Set "max_position_embeddings": {LONGEST_CONTEXT} if the model may be used with that much.',
            expected=f"at most {LONGEST_CONTEXT}",
            actual=str(context),
        )
