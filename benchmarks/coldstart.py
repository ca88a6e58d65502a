"""Cold start: from a request to a model that is not loaded, to its first token, beside the engine started by hand.

Outcrop unseals the model into memory, starts `transformers serve` on it, and answers InvokeModel for one token. By
hand, the same program is started with the same options on the plaintext folder, and asked once it is healthy.
Both in rounds that alternate, with the files in the page cache: the example model, and one of 100 million parameters.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from statistics import median

from tests.e2e.servers import EXAMPLE, RunningServer, running_server

from benchmarks.machine import machine
from outcrop.adapters.engine_openai import OFFLINE
from outcrop.adapters.engine_transformers import transformers_profile
from outcrop.settings import engine_environment, find_program

END_S = 300.0
POLL_S = 0.02
PROMPT = "What is granite?"
MODELS = {"example": "example_ratio", "m100": "m100_ratio"}


def main() -> None:
    """Runs everything; the last line of what it prints is one JSON object."""
    parser = argparse.ArgumentParser(prog="scripts/bench coldstart", description=__doc__)
    parser.add_argument("--rounds", type=int, default=7, help="cold starts of each model on each side; default: 7")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="outcrop-bench-") as folder:
        root = Path(folder)
        bucket = root / "buckets" / "models"
        bucket.mkdir(parents=True)
        shutil.copytree(EXAMPLE / "model", bucket / "example")
        _make_m100(bucket / "m100")
        flags = ("--buckets", str(bucket.parent), "--idle-s", "1", "--hold-s", str(END_S))
        with running_server(root / "data", *flags) as server:
            taken = {name: _measure(server, bucket / name, rounds=options.rounds) for name in MODELS}
    print(f"machine: {machine()}")
    for name, (ours, by_hand) in taken.items():
        print(f"{name}: Outcrop {_shown(ours)}; by hand {_shown(by_hand)}")
    print(
        json.dumps({MODELS[name]: round(median(ours) / median(by_hand), 3) for name, (ours, by_hand) in taken.items()})
    )


def _measure(server: RunningServer, model: Path, *, rounds: int) -> tuple[list[float], list[float]]:
    ended = server.ended(server.create_import(model.name, f"s3://models/{model.name}/"))
    if ended["status"] != "Completed":
        raise SystemExit(f"bench: {model.name} was not imported: {ended.get('failureMessage')}")
    ours, by_hand = [], []
    for _ in range(rounds):
        _await_cold(server)
        ours.append(_ours_s(server, ended["importedModelArn"]))
        _await_cold(server)
        by_hand.append(_by_hand_s(model))
    return ours, by_hand


def _ours_s(server: RunningServer, model_arn: str) -> float:
    runtime = server.client("bedrock-runtime")
    body = json.dumps({"messages": [{"role": "user", "content": PROMPT}], "max_tokens": 1, "temperature": 0})
    began = time.perf_counter()
    runtime.invoke_model(modelId=model_arn, body=body)["body"].read()
    return time.perf_counter() - began


def _by_hand_s(model: Path) -> float:
    profile = transformers_profile(find_program("transformers"))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    url = f"http://127.0.0.1:{port}"
    with tempfile.TemporaryDirectory() as home:
        environment = {**profile.environment, **engine_environment(), **OFFLINE, "HOME": home}
        began = time.perf_counter()
        process = subprocess.Popen(
            [profile.program(), *profile.arguments(str(model), port)],
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            _await_health(url, process)
            body = {"messages": [{"role": "user", "content": PROMPT}], "max_tokens": 1, "model": str(model)}
            _post(f"{url}/v1/chat/completions", body)
            return time.perf_counter() - began
        finally:
            process.terminate()
            process.wait(60)


def _await_health(url: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + END_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(f"{url}/health", timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(POLL_S)
    raise SystemExit("bench: the engine did not start")


def _post(url: str, body: Mapping[str, object]) -> None:
    request = urllib.request.Request(url, json.dumps(body).encode(), {"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=END_S) as answer:
        answer.read()


def _await_cold(server: RunningServer) -> None:
    """Waits until the server has no engine."""
    deadline = time.monotonic() + END_S
    children = Path(f"/proc/{server.process.pid}/task")
    while time.monotonic() < deadline:
        if not any((task / "children").read_text().strip() for task in children.iterdir()):
            return
        time.sleep(0.1)
    raise SystemExit("bench: the model was not unloaded")


def _make_m100(folder: Path) -> None:
    """Makes a Llama of 100 million random weights in bfloat16, with the example's tokenizer, in its own process."""
    subprocess.run([sys.executable, "-c", _M100, EXAMPLE / "model", folder], check=True, env=os.environ)


_M100 = """
import shutil, sys, torch
from pathlib import Path
from transformers import AutoConfig, LlamaForCausalLM
example, folder = Path(sys.argv[1]), Path(sys.argv[2])
config = AutoConfig.from_pretrained(example)
config.hidden_size, config.intermediate_size, config.num_hidden_layers = 768, 2560, 12
config.num_attention_heads, config.num_key_value_heads, config.head_dim = 12, 12, 64
torch.manual_seed(0)
model = LlamaForCausalLM(config).to(torch.bfloat16)
model.save_pretrained(folder)
for path in example.iterdir():
    if not (folder / path.name).exists() and path.suffix != ".safetensors":
        shutil.copy(path, folder / path.name)
print("bench: m100 has", sum(each.numel() for each in model.parameters()), "parameters", file=sys.stderr)
"""


def _shown(seconds: list[float]) -> str:
    return f"median {median(seconds):.2f} s of {', '.join(f'{each:.2f}' for each in seconds)}"


if __name__ == "__main__":
    main()
