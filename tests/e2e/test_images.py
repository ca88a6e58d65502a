"""Images: a tiny vision model is imported, and what it says depends on what it is shown."""

from __future__ import annotations

import io
import json
import shutil
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.e2e.servers import EXAMPLE, RunningServer

pytestmark = [
    pytest.mark.engine,
    pytest.mark.oracle,
    pytest.mark.skipif(
        find_spec("PIL") is None, reason="Pillow is not installed (it comes with outcrop[transformers])"
    ),
]

IMAGE_TOKEN = 1024
TEMPLATE = (
    "{%- for message in messages -%}{{- '<|' + message['role'] + '|>' -}}"
    "{%- if message['content'] is string -%}{{- message['content'] -}}{%- else -%}"
    "{%- for part in message['content'] -%}"
    "{%- if part['type'] == 'image' -%}{{- '<|image|>' -}}{%- else -%}{{- part['text'] -}}{%- endif -%}"
    "{%- endfor -%}{%- endif -%}{{- '<|end|>' -}}{%- endfor -%}"
    "{%- if add_generation_prompt -%}{{- '<|assistant|>' -}}{%- endif -%}"
)


def save_mllama(folder: Path) -> None:
    """A tiny Llama 3.2 Vision with random weights, as transformers writes it, and the example's tokenizer."""
    import torch
    import transformers

    torch.manual_seed(0)
    text = {
        "vocab_size": IMAGE_TOKEN,
        "hidden_size": 64,
        "intermediate_size": 96,
        "num_hidden_layers": 3,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 1024,
        "cross_attention_layers": [1],
        "bos_token_id": 1,
        "eos_token_id": 2,
        "pad_token_id": 0,
    }
    vision = {
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_global_layers": 1,
        "attention_heads": 4,
        "image_size": 28,
        "patch_size": 14,
        "vision_output_dim": 64,
        "intermediate_layers_indices": [1],
    }
    config = transformers.MllamaConfig(vision_config=vision, text_config=text, image_token_index=IMAGE_TOKEN)
    model = transformers.MllamaForConditionalGeneration(config)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith(("_gate", ".gate")):
                parameter.fill_(2.0)  # random models are born with their eyes shut
    model.save_pretrained(folder)
    tokenizer = json.loads((EXAMPLE / "model" / "tokenizer.json").read_text())
    mark = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    tokenizer["added_tokens"].append({"id": IMAGE_TOKEN, "content": "<|image|>", **mark})
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer))
    shutil.copy(EXAMPLE / "model" / "tokenizer_config.json", folder)
    (folder / "chat_template.jinja").write_text(TEMPLATE)
    processor = {
        "image_processor_type": "MllamaImageProcessor",
        "processor_class": "MllamaProcessor",
        "image_mean": [0.5, 0.5, 0.5],
        "image_std": [0.5, 0.5, 0.5],
        "max_image_tiles": 4,
        "size": {"height": 28, "width": 28},
    }
    (folder / "preprocessor_config.json").write_text(json.dumps(processor))


@pytest.fixture(scope="module")
def seeing(server: RunningServer, buckets: Path) -> str:
    """The vision model, imported; its ARN."""
    save_mllama(buckets / "models" / "mllama")
    job = server.ended(server.create_import("mllama", "s3://models/mllama/"))
    assert (job["status"], job.get("failureMessage")) == ("Completed", None)
    return str(job["importedModelArn"])


def picture(color: str, kind: str = "PNG") -> bytes:
    """An image of one color."""
    from PIL import Image

    file = io.BytesIO()
    Image.new("RGB", (40, 28), color).save(file, kind)
    return file.getvalue()


def told(server: RunningServer, model: str, *images: bytes, kind: str = "png") -> tuple[str, str]:
    """What Converse and ConverseStream say of images."""
    shown = [{"image": {"format": kind, "source": {"bytes": image}}} for image in images]
    asked: dict[str, Any] = {
        "modelId": model,
        "messages": [{"role": "user", "content": [*shown, {"text": "What is this?"}]}],
        "inferenceConfig": {"maxTokens": 12, "temperature": 0},
    }
    runtime = server.client("bedrock-runtime")
    whole = runtime.converse(**asked)["output"]["message"]["content"][0]["text"]
    events = list(runtime.converse_stream(**asked)["stream"])
    deltas = [event["contentBlockDelta"]["delta"]["text"] for event in events if "contentBlockDelta" in event]
    return whole, "".join(deltas)


def test_what_is_said_depends_on_the_image(server: RunningServer, seeing: str) -> None:
    """Through Converse, whole and streamed: the same for the same image, and another for another."""
    red, again, blue = (told(server, seeing, picture(color)) for color in ("red", "red", "blue"))

    assert red == again
    assert red[0] == red[1]
    assert red != blue
    assert told(server, seeing, picture("red", "JPEG"), kind="jpeg")[0]
    assert told(server, seeing)[0]


def test_chat_bodies_show_images_as_data_urls(server: RunningServer, seeing: str) -> None:
    """SPEC 10.3.3: the same image through InvokeModel is answered as through Converse; remote ones are refused."""
    import base64

    runtime = server.client("bedrock-runtime")

    def ask(url: str) -> str:
        parts = [{"type": "image_url", "image_url": {"url": url}}, {"type": "text", "text": "What is this?"}]
        body = {"messages": [{"role": "user", "content": parts}], "max_tokens": 12, "temperature": 0}
        reply = runtime.invoke_model(modelId=seeing, body=json.dumps(body))
        return str(json.loads(reply["body"].read())["choices"][0]["message"]["content"])

    encoded = base64.b64encode(picture("red")).decode()

    assert ask(f"data:image/png;base64,{encoded}") == told(server, seeing, picture("red"))[0]
    with pytest.raises(ClientError, match="nothing is fetched"):
        ask("https://example.com/rock.png")


def test_a_model_without_eyes_refuses_images(server: RunningServer, guide: str) -> None:
    """They would be passed over in silence otherwise."""
    with pytest.raises(ClientError, match=r"messages\[0\]\.content\[0\]\.image: this model takes no images"):
        told(server, guide, picture("red"))
