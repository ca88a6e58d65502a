"""A client of a running server: boto3 for AWS's operations, signed GETs for the progress of an import."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse
from typing import Any
from urllib.parse import quote

import boto3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.client import BaseClient
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from outcrop.adapters.event_source import ServerSentEvent, read_events
from outcrop.errors import RequestError, UnavailableError
from outcrop.records import Principal

READ_TIMEOUT_S = 300
PROGRESS_TIMEOUT_S = 10
SILENCE_TIMEOUT_S = 45
"""Three times as long as the server is ever silent in a stream of events."""
SERVER_ERROR = 500


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
        with self._opened(job, timeout_s=PROGRESS_TIMEOUT_S) as response:
            found: dict[str, Any] = json.load(response)
            return found

    def events(self, job: str, *, last_id: str = "") -> Iterator[ServerSentEvent]:
        """Yields how far an import is whenever that changes; ends when the server says so, or closes the connection.

        Args:
            job: name or ARN.
            last_id: the id of the last event that was read, of an earlier connection.

        Raises:
            RequestError: the server refused, with its words.
            UnavailableError: the server does not answer, or the connection broke.
        """
        headers = {"Last-Event-ID": last_id} if last_id else {}
        with self._opened(job, "/events", headers=headers, timeout_s=SILENCE_TIMEOUT_S) as response:
            yield from read_events(response, last_id=last_id)

    @contextmanager
    def _opened(
        self, job: str, below: str = "", *, headers: Mapping[str, str] | None = None, timeout_s: float
    ) -> Iterator[HTTPResponse]:
        url = f"{self.url}/outcrop/import-jobs/{quote(job, safe='')}{below}"
        request = AWSRequest(method="GET", url=url, headers=dict(headers or {}))
        SigV4Auth(self._session().get_credentials(), "bedrock", self.region).add_auth(request)
        prepared = request.prepare()
        signed = urllib.request.Request(prepared.url, headers=dict(prepared.headers))  # noqa: S310  # our server's URL
        try:
            with urllib.request.urlopen(signed, timeout=timeout_s) as response:  # noqa: S310  # as above
                yield response
        except urllib.error.HTTPError as error:
            with error:
                told = _message_of(error)
            if error.code >= SERVER_ERROR:
                raise UnavailableError(f"the server at {self.url}", told) from error
            raise RequestError(told) from error
        except (OSError, HTTPException) as error:
            raise UnavailableError(f"the server at {self.url}", str(error) or type(error).__name__) from error

    def _session(self) -> boto3.Session:
        return boto3.Session(
            aws_access_key_id=self.principal.access_key_id,
            aws_secret_access_key=self.principal.secret_access_key,
            region_name=self.region,
        )


def _message_of(error: urllib.error.HTTPError) -> str:
    try:
        return str(json.load(error)["message"])
    except (ValueError, KeyError, TypeError):
        return f"it answered {error.code}"


@contextmanager
def _translated(url: str) -> Iterator[None]:
    try:
        yield
    except ClientError as error:
        told = error.response["Error"]
        raise RequestError(f"{told['Code']}: {told['Message']}") from error
    except BotoCoreError as error:
        raise UnavailableError(f"the server at {url}", str(error)) from error
