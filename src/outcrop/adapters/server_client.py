"""A client of a running server: boto3 for AWS's operations, a signed GET for the progress of an import."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import boto3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.client import BaseClient
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from outcrop.errors import RequestError, UnavailableError
from outcrop.records import Principal

READ_TIMEOUT_S = 300
PROGRESS_TIMEOUT_S = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A server that the commands talk to, as one principal."""

    url: str
    region: str
    principal: Principal

    def call(self, service: str, operation: str, **params: Any) -> Mapping[str, Any]:
        """Calls an operation of `bedrock` or `bedrock-runtime`.

        Raises:
            RequestError: the server refused, with its words.
            UnavailableError: the server does not answer.
        """
        with _translated(self.url):
            answer: Mapping[str, Any] = getattr(self._client(service), operation)(**params)
            return answer

    def chunks(self, model: str, body: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
        """Yields the chunks of a reply to InvokeModelWithResponseStream as they come. Raises as `call` does."""
        with _translated(self.url):
            reply = self._client("bedrock-runtime").invoke_model_with_response_stream(
                modelId=model, body=json.dumps(body)
            )
            with closing(reply["body"]) as events:
                for event in events:
                    yield json.loads(event["chunk"]["bytes"])

    def pages(self, operation: str) -> Iterator[Mapping[str, Any]]:
        """Yields every page of a list operation of `bedrock`. Raises as `call` does."""
        with _translated(self.url):
            yield from self._client("bedrock").get_paginator(operation).paginate()

    def _client(self, service: str) -> BaseClient:
        return self._session().client(
            service,
            endpoint_url=self.url,
            # A cold model takes as long as it takes: the standard three attempts would give up in a second.
            config=Config(read_timeout=READ_TIMEOUT_S, retries={"mode": "standard", "total_max_attempts": 10}),
        )

    def progress(self, job: str) -> Mapping[str, Any]:
        """Returns how far an import is. Raises as `call` does."""
        request = AWSRequest(method="GET", url=f"{self.url}/outcrop/import-jobs/{quote(job, safe='')}")
        SigV4Auth(self._session().get_credentials(), "bedrock", self.region).add_auth(request)
        prepared = request.prepare()
        signed = urllib.request.Request(prepared.url, headers=dict(prepared.headers))  # noqa: S310  # our server's URL
        try:
            with urllib.request.urlopen(signed, timeout=PROGRESS_TIMEOUT_S) as response:  # noqa: S310  # as above
                found: dict[str, Any] = json.load(response)
                return found
        except urllib.error.HTTPError as error:
            with error:
                raise RequestError(json.load(error)["message"]) from error
        except OSError as error:
            raise UnavailableError(f"the server at {self.url}", str(error)) from error

    def _session(self) -> boto3.Session:
        return boto3.Session(
            aws_access_key_id=self.principal.access_key_id,
            aws_secret_access_key=self.principal.secret_access_key,
            region_name=self.region,
        )


@contextmanager
def _translated(url: str) -> Iterator[None]:
    try:
        yield
    except ClientError as error:
        told = error.response["Error"]
        raise RequestError(f"{told['Code']}: {told['Message']}") from error
    except BotoCoreError as error:
        raise UnavailableError(f"the server at {url}", str(error)) from error
