"""The `transformers serve` engine: Hugging Face's own server, for CPUs and single GPUs; the embedded default.

What was learnt from transformers 5.23 (`transformers/cli/serving`), and tested in tests/contract/test_engine.py:

- The model that is named on the command line is loaded before the port opens, so `/health` means loaded. Of the time
  from start to health, some 5 seconds here, all but a third of a second are imports. Its command line asks PyPI for
  updates at each start in a fresh home, unless HF_HUB_DISABLE_UPDATE_CHECK is set.
- A temperature alone does not make it sample: a model whose generation_config.json does not say `do_sample` stays
  greedy. Only the request's `generation_config` reaches that, and top-k, min-p and the like.
- It accepts `n`, `logprobs`, `response_format`, `tool_choice` and more, and ignores them; `frequency_penalty` becomes
  another kind of penalty. So these are not among its features.
- Texts end with the stop string that ended them. Parts of a message are joined by blanks.
- Tools reach the chat template. Calls are read for the Qwen family only; what other models say comes as it is, and is
  read in serving/tool_calls.py. Of a message that calls tools the text is lost, and of any message its reasoning.
- A finish reason of `length` is also given when the last token allowed was the end of the text.
- Requests are answered one at a time. Continuous batching would answer several, but all with the sampling parameters
  of the first, so it is not used.
- A whole reply is generated to its end though its client has left, and all other requests wait for it; a stream ends
  with its client. Of an encoder-decoder model a whole reply lacks as many tokens as the prompt has, since the server
  cuts the prompt off a text that never held it; a stream is complete. So whole replies are asked for as streams.
- Images are opened by Pillow, where it is installed. Mllama needs no more; the processors of Qwen's vision models need
  torchvision besides, and without it such a model is not loaded at all. Of a model that does not see, images would be
  passed over in silence; such requests are refused before (api/generate.py).
- On a CPU that others use too, torch's threads wait for each other by spinning, and a reply of 28 tokens took 5.5 s in
  place of 0.1 s (two cores, load 4). OMP_WAIT_POLICY=passive lets them sleep; an operator's own setting goes before it.
- On a CPU the weights are not copied: the model goes on living in the memory files, after they were closed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from outcrop.adapters.engine_architectures import TRANSFORMERS
from outcrop.adapters.engine_profile import EngineProfile, has_module, torch_caches
from outcrop.serving.capabilities import Capabilities, Feature, SamplingDialect

CAPABILITIES = Capabilities(
    engine="transformers serve",
    features=frozenset(
        {
            Feature.TOP_K,
            Feature.MIN_P,
            Feature.REPETITION_PENALTY,
            Feature.SEED,
            Feature.TOOLS,
            Feature.TEMPLATE_ARGUMENTS,
        }
    ),
    sampling=SamplingDialect.GENERATION_CONFIG,
    keeps_stop_text=True,
    takes_content_parts=False,
    takes_text_beside_tool_calls=False,
)
"""Images come on top, where the environment of the program can open them."""


def transformers_profile(command: str | None, *, device: str = "auto") -> EngineProfile:
    """Returns the profile of `transformers serve`.

    Args:
        command: path of the `transformers` program; None when it was not found.
        device: `auto`, `cpu`, `cuda:0` and the like.
    """

    def arguments(folder: str, port: int) -> Sequence[str]:
        return ("serve", folder, "--host", "127.0.0.1", "--port", str(port), "--device", device)

    sees = frozenset({Feature.IMAGES}) if has_module(command, "PIL") else frozenset()
    return EngineProfile(
        capabilities=replace(CAPABILITIES, features=CAPABILITIES.features | sees),
        command=command,
        install="pip install 'outcrop[transformers]'",
        distribution="transformers",
        registry=TRANSFORMERS,
        arguments=arguments,
        environment={"HF_HUB_DISABLE_UPDATE_CHECK": "1", "OMP_WAIT_POLICY": "passive"},
        cache_environment=torch_caches,
        is_asked_by_stream=True,
    )
