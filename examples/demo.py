"""Imports the example model through boto3 and asks it a question: the whole of Outcrop in a hundred lines.

Nothing here is special to Outcrop but the first part, which starts a server on a temporary data folder. The rest is
what any program does that was written for Amazon Bedrock; only its environment points it here.

    python examples/demo.py [question]
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import boto3
from botocore.config import Config

EXAMPLE = Path(__file__).resolve().parent / "fieldguide"
OUTCROP = [sys.executable, "-m", "outcrop"]
START_S = 60.0


@contextmanager
def server(data: Path, buckets: Path) -> Iterator[dict[str, str]]:
    """Runs `outcrop serve` and gives the variables that point AWS clients at it, as `outcrop env` prints them."""
    log = data / "serve.log"
    command = [*OUTCROP, "serve", "--data", str(data), "--buckets", str(buckets), "--port", "0"]
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output)  # noqa: S603  # our own program
    try:
        deadline = time.monotonic() + START_S
        while not (data / "server.json").exists():
            if process.poll() is not None or time.monotonic() > deadline:
                sys.exit(f"demo: the server did not start:\n{log.read_text()}")
            time.sleep(0.05)
        printed = subprocess.run(  # noqa: S603  # as above
            [*OUTCROP, "env", "--data", str(data)], check=True, capture_output=True, text=True
        ).stdout
        exports = [line.removeprefix("export ") for line in printed.splitlines() if line.startswith("export ")]
        yield dict(line.split("=", 1) for line in exports)
    finally:
        process.terminate()
        process.wait()


def main() -> None:
    """Shows the import's stages, the model's answer, and how long each took."""
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]  # it is a text stream
    questions = json.loads((EXAMPLE / "questions.json").read_text())
    question = sys.argv[1] if len(sys.argv) > 1 else questions[0]["question"]
    with tempfile.TemporaryDirectory(prefix="outcrop-demo-") as folder:
        data, buckets = Path(folder, "data"), Path(folder, "buckets")
        data.mkdir(mode=0o700)
        shutil.copytree(EXAMPLE / "model", buckets / "my-models" / "fieldguide")

        began = time.monotonic()
        print("$ outcrop serve")
        with server(data, buckets) as variables:
            os.environ.update(variables)  # noqa: TID251  # what `eval "$(outcrop env)"` does in a shell
            print(f"  {variables['AWS_ENDPOINT_URL_BEDROCK']} after {time.monotonic() - began:.1f} s")
            import_and_ask(question, data)


def import_and_ask(question: str, data: Path) -> None:
    """What a program that was written for Amazon Bedrock does; `outcrop jobs watch` shows what goes on meanwhile."""
    bedrock = boto3.client("bedrock")
    began = time.monotonic()
    print("$ boto3: create_model_import_job(importedModelName='fieldguide', …)")
    job_arn = bedrock.create_model_import_job(
        jobName="fieldguide-import",
        importedModelName="fieldguide",
        roleArn="arn:aws:iam::000000000000:role/import",
        modelDataSource={"s3DataSource": {"s3Uri": "s3://my-models/fieldguide/"}},
    )["jobArn"]
    print(f"  {job_arn}")
    subprocess.run([*OUTCROP, "jobs", "watch", job_arn, "--data", str(data)], check=False)  # noqa: S603  # our own
    job = bedrock.get_model_import_job(jobIdentifier=job_arn)
    print(f"  status {job['status']} after {time.monotonic() - began:.1f} s")
    if job["status"] != "Completed":
        sys.exit(f"demo: {job.get('failureMessage')}")

    print(f"$ boto3: invoke_model(modelId='{job['importedModelArn']}', …)")
    runtime = boto3.client("bedrock-runtime", config=Config(retries={"total_max_attempts": 10}))
    began = time.monotonic()
    reply = runtime.invoke_model(
        modelId=job["importedModelArn"],
        body=json.dumps({"messages": [{"role": "user", "content": question}], "max_tokens": 64, "temperature": 0}),
    )
    answer = json.loads(reply["body"].read())
    print(f"  {question}")
    print(f"  {answer['choices'][0]['message']['content']}")
    print(f"  {answer['usage']['completion_tokens']} tokens in {time.monotonic() - began:.2f} s")


if __name__ == "__main__":
    main()
