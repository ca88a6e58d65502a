"""The `vllm serve` engine: continuous batching on GPUs and CPUs, for production.

Tried with vLLM 0.32 for CPUs. It opens its port once the model is loaded; takes 40 to 50 seconds to start there;
is three processes or more; ends within half a second of SIGTERM; and ends itself when its core dies. On CPUs give
`--dtype float32 --enforce-eager`, and the size of its cache as VLLM_CPU_KVCACHE_SPACE.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from outcrop.adapters.engine_architectures import VLLM
from outcrop.adapters.engine_profile import EngineProfile, torch_caches
from outcrop.serving.capabilities import Capabilities, Feature

MODEL = "outcrop"
CAPABILITIES = Capabilities(
    engine="vllm serve",
    features=frozenset(
        {
            Feature.LOGPROBS,
            Feature.LOGPROBS_BY_ID,
            Feature.PROMPT_LOGPROBS,
            Feature.RESPONSE_FORMAT,
            Feature.STRUCTURED_OUTPUTS,
            Feature.SEVERAL_CHOICES,
            Feature.ECHO,
            Feature.PENALTIES,
            Feature.REPETITION_PENALTY,
            Feature.LOGIT_BIAS,
            Feature.TOP_K,
            Feature.MIN_P,
            Feature.SEED,
            Feature.TOOLS,
            Feature.TOOL_CHOICE,
            Feature.REASONING,
            Feature.TEMPLATE_ARGUMENTS,
            Feature.IMAGES,
        }
    ),
    # Without a parser of its own (--tool-call-parser) it takes tools only so; the template is told of them all the
    # same. The marks of a call are special tokens in some families.
    is_held_to_calls=True,
    tool_members={"tool_choice": "none", "skip_special_tokens": False},
)


def vllm_profile(command: str | None, *, options: Sequence[str] = ()) -> EngineProfile:
    """Returns the profile of `vllm serve`.

    Args:
        command: path of the `vllm` program; None when it was not found.
        options: more options of its command line, such as `--dtype float32`.
    """

    def arguments(folder: str, port: int) -> Sequence[str]:
        where = ("--host", "127.0.0.1", "--port", str(port))
        return ("serve", folder, *where, "--served-model-name", MODEL, "--disable-uvicorn-access-log", *options)

    return EngineProfile(
        capabilities=CAPABILITIES,
        command=command,
        install="pip install vllm",
        distribution="vllm",
        registry=VLLM,
        arguments=arguments,
        # Its sockets lie in its own folder and go with it; a relative path is never too long for a socket.
        environment={"VLLM_NO_USAGE_STATS": "1", "VLLM_RPC_BASE_PATH": "."},
        cache_environment=_caches,
        body={"model": MODEL},
    )


def _caches(folder: Path) -> Mapping[str, str]:
    return {
        **torch_caches(folder),
        "VLLM_CACHE_ROOT": str(folder / "vllm"),
        "FLASHINFER_WORKSPACE_BASE": str(folder / "flashinfer"),
    }
