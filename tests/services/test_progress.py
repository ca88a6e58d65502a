"""Progress as it is watched, through the death of the server: it never runs backwards, and tells the end."""

from __future__ import annotations

import json
import os
import pty
import signal
import struct
import subprocess
import threading
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from outcrop.app.connect import running_server as found_server
from outcrop.records import Stage
from outcrop.settings import Settings
from outcrop.terminal.watching import states_of
from tests.contract.conftest import make_llama
from tests.e2e.servers import OUTCROP, running_server
from tests.services.breakable import breakable
from tests.services.faulty_s3 import faulty_s3
from tests.services.outage_world import KEYS, WAIT_S, address_of, await_that, running_engine

MIB = 1 << 20
HIDDEN, INNER, LAYERS = 1024, 2048, 2
ORDER = list(Stage)


@pytest.fixture(scope="module")
def engine() -> Iterator[str]:
    """An engine of canned words."""
    with running_engine() as url:
        yield url


@pytest.fixture
def model(tmp_path: Path) -> Mapping[str, bytes]:
    """A Llama of 40 MB of zeros: three parts of a copy."""
    folder = make_llama(tmp_path / "llama")
    config = json.loads((folder / "config.json").read_text())
    config |= {
        "torch_dtype": "bfloat16",
        "hidden_size": HIDDEN,
        "intermediate_size": INNER,
        "num_hidden_layers": LAYERS,
        "num_attention_heads": 16,
        "num_key_value_heads": 16,
    }
    files = {path.name: path.read_bytes() for path in folder.iterdir()}
    return files | {
        "config.json": json.dumps(config).encode(),
        "model.safetensors": weights(int(config["vocab_size"])),
    }


def weights(vocabulary: int) -> bytes:
    """A safetensors file of zeros."""
    shapes = {"model.embed_tokens.weight": (vocabulary, HIDDEN), "lm_head.weight": (vocabulary, HIDDEN)}
    for layer in range(LAYERS):
        name = f"model.layers.{layer}"
        shapes |= {f"{name}.self_attn.{part}_proj.weight": (HIDDEN, HIDDEN) for part in "qkvo"}
        shapes |= {f"{name}.mlp.{part}_proj.weight": (INNER, HIDDEN) for part in ("gate", "up")}
        shapes |= {f"{name}.mlp.down_proj.weight": (HIDDEN, INNER)}
        shapes |= {f"{name}.{part}_layernorm.weight": (HIDDEN,) for part in ("input", "post_attention")}  # type: ignore[dict-item]
    shapes |= {"model.norm.weight": (HIDDEN,)}  # type: ignore[dict-item]
    header, place = {}, 0
    for name, shape in shapes.items():
        size = 2 * shape[0] * (shape[1] if len(shape) > 1 else 1)
        header[name] = {"dtype": "BF16", "shape": shape, "data_offsets": (place, place + size)}
        place += size
    encoded = json.dumps(header).encode()
    return struct.pack("<Q", len(encoded)) + encoded + bytes(place)


def test_what_is_watched_never_runs_backwards(model: Mapping[str, bytes], tmp_path: Path, engine: str) -> None:
    """The server is killed in the middle of the copy; whoever watches sees the next one go on, and the end."""
    data = tmp_path / "data"
    with ExitStack() as stack:
        bucket = stack.enter_context(faulty_s3(["models"]))
        for name, content in model.items():
            bucket.put("models", f"m/{name}", content)
        store = stack.enter_context(breakable(address_of(bucket.url)))
        environment = {**KEYS, "AWS_ENDPOINT_URL_S3": store.url}
        seen: list[Mapping[str, Any]] = []
        with running_server(data, "--engine", engine, environment=environment, is_killed=True) as server:
            store.hold_after(len(model["model.safetensors"]) - MIB)
            job = server.create_import("m", "s3://models/m/")
            states = states_of(job, lambda: found_server(Settings(data=data)))
            watching = threading.Thread(target=lambda: seen.extend(states), daemon=True)
            watching.start()
            command = [*OUTCROP, "jobs", "watch", "m-job", "--data", str(data)]
            watch = stack.enter_context(subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT))
            stack.callback(watch.kill)
            await_that(lambda: any(state["bytesDone"] for state in seen), lambda: f"{seen}\n{server.log()}")
            await_that(lambda: metric(server.variables, "outcrop_event_streams") >= 2, lambda: "nobody watches")
        store.let_go()
        with running_server(data, "--engine", engine, environment=environment) as server:
            ended = server.ended(job)
            watching.join(WAIT_S)
            printed, _ = watch.communicate(timeout=WAIT_S)
            await_that(lambda: metric(server.variables, "outcrop_event_streams") == 0, lambda: "somebody watches still")

    assert ended["status"] == "Completed", ended
    assert not watching.is_alive()
    for earlier, later in pairwise(seen):
        assert ORDER.index(earlier["stage"]) <= ORDER.index(later["stage"])
        assert earlier["stage"] != later["stage"] or earlier["bytesDone"] <= later["bytesDone"]
        assert earlier["attempts"] <= later["attempts"] or earlier["stage"] != later["stage"]
    assert seen[-1]["status"] == "Completed"
    assert any(state["stage"] == "Copy" and 0 < state["bytesDone"] < state["bytesTotal"] for state in seen)
    assert (watch.returncode, "Completed in" in printed.decode()) == (0, True), printed


def metric(variables: Mapping[str, str], name: str) -> float:
    """The value of a metric without labels."""
    with urllib.request.urlopen(f"{variables['AWS_ENDPOINT_URL_BEDROCK']}/metrics", timeout=WAIT_S) as answer:
        lines = answer.read().decode().splitlines()
    return next(float(line.split()[-1]) for line in lines if line.startswith(f"{name} "))


def test_a_watch_ends_with_the_import_or_with_its_watcher(tmp_path: Path, engine: str) -> None:
    """Failed is exit status 1; Ctrl-C leaves the terminal as it was, without a trace, and the import goes on."""
    data = tmp_path / "data"
    with faulty_s3(["models"]) as bucket, breakable(address_of(bucket.url)) as store:
        bucket.put("models", "m/config.json", b"{}")
        environment = {**KEYS, "AWS_ENDPOINT_URL_S3": store.url}
        with running_server(data, "--engine", engine, environment=environment) as server:
            store.hold_after(0)
            job = server.create_import("m", "s3://models/m/")
            command = [*OUTCROP, "jobs", "watch", job, "--data", str(data)]
            ours, theirs = pty.openpty()
            watch = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=theirs, stderr=theirs)
            os.close(theirs)
            await_that(lambda: metric(server.variables, "outcrop_event_streams") == 1, server.log)
            watch.send_signal(signal.SIGINT)
            assert watch.wait(WAIT_S) == 130
            printed = read_all(ours)
            store.let_go()
            ended = server.ended(job)
            again = subprocess.run(command, capture_output=True, text=True, check=False)

    assert "Traceback" not in printed
    assert "\x1b[?25h" in printed  # the cursor is shown again
    assert (ended["status"], again.returncode) == ("Failed", 1)
    assert "Failed after" in again.stdout


def read_all(descriptor: int) -> str:
    """Everything that a process wrote, which has ended."""
    found = b""
    while True:
        try:
            data = os.read(descriptor, 65536)
        except OSError:  # what a pseudo terminal says at its end
            data = b""
        if not data:
            os.close(descriptor)
            return found.decode()
        found += data
