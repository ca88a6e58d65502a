"""RoleBroker on AWS STS, or on anything that speaks its API: AssumeRole with the server's own credentials.

Found the AWS way: `AWS_ENDPOINT_URL_STS` and the default credential chain. What a session is given beside the role (a
name and an external id that hold the job, a policy that narrows it to the source) is in docs/decisions/0045-roles.md.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import boto3
import structlog
from botocore.client import BaseClient
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    NoCredentialsError,
    ParamValidationError,
    PartialCredentialsError,
)
from botocore.parsers import ResponseParserError

from outcrop.adapters.cut_answers import whole_answers
from outcrop.adapters.outbound import DEFAULT, Outbound
from outcrop.adapters.s3_errors import FALLBACK_REGION, reason_of
from outcrop.adapters.session_policy import session_policies
from outcrop.errors import OutcropError, RoleRefusedError, UnavailableError
from outcrop.ports import Clock
from outcrop.records import ImportJob, RoleCredentials, SourceLocation

log = structlog.get_logger()

OURS = frozenset(
    {
        "AuthFailure",
        "ExpiredToken",
        "ExpiredTokenException",
        "IncompleteSignature",
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "MissingAuthenticationToken",
        "MissingAuthenticationTokenException",
        "RequestExpired",
        "RequestTimeTooSkewed",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    }
)
"""About the server's own credentials or clock, not about the role: an operator mends them."""

AWAY = frozenset(
    {
        "LimitExceeded",
        "RegionDisabledException",
        "RequestLimitExceeded",
        "RequestTimeout",
        "ServiceUnavailable",
        "SlowDown",
        "Throttling",
        "ThrottlingException",
    }
)
"""Answers that may be another one later."""

NO_STS = frozenset({"InvalidAction", "MethodNotAllowed", "NotImplemented", "UnknownOperationException"})
"""What stores answer that have no STS."""

POLICY_REFUSED = frozenset({"MalformedPolicyDocument", "PackedPolicyTooLarge"})

_STRANGE = (ResponseParserError, LookupError, ValueError, TypeError, AttributeError)
"""What botocore raises for XML that it did not expect: a page of a proxy, another service."""
_OURS_FROM_STATUS, _TOO_MANY, _NOT_IMPLEMENTED, _NO_METHOD = 500, 429, 501, 405


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionRules:
    """What sessions are asked for with. Texts may hold `{account}`, `{region}`, `{job_id}` and `{job_arn}`."""

    duration_s: int
    external_id: str = ""
    """Empty: none is sent."""
    source_identity: str = ""
    """Empty: none is sent. A trust policy must allow sts:SetSourceIdentity."""
    is_narrowed: bool = True
    """Whether sessions may read the job's source alone, whatever else the role may do."""


class StsRoles:
    """Roles that are assumed at an STS, with the server's credentials."""

    def __init__(
        self,
        session: boto3.Session,
        rules: SessionRules,
        clock: Clock,
        *,
        outbound: Outbound = DEFAULT,
        timeout_s: float = 10.0,
        attempts: int = 3,
    ) -> None:
        """Keeps how STS is asked.

        Args:
            session: whose credentials and endpoint are used.
            rules: what sessions are asked for with.
            clock: holds what STS says of a session's end against the time here.
            outbound: the way there.
            timeout_s: longest time to connect and to wait for an answer, in seconds, at each attempt.
            attempts: how often STS is asked before it counts as away.
        """
        self._rules = rules
        self._clock = clock
        self._refused_policies = 0
        """How many of a source's policies this STS does not take, broadest demands first."""
        self._client: BaseClient = outbound.client(
            whole_answers(session),
            "sts",
            region_name=session.region_name or FALLBACK_REGION,
            config=Config(
                connect_timeout=timeout_s,
                read_timeout=timeout_s,
                retries={"mode": "standard", "total_max_attempts": attempts},
            ),
        )

    @property
    def endpoint(self) -> str:
        """Where STS is."""
        return str(self._client.meta.endpoint_url)

    async def assume(self, job: ImportJob) -> RoleCredentials:
        """Assumes the job's role in the job's name.

        Raises:
            RoleRefusedError: STS knows no such role, or does not let this server assume it.
            UnavailableError: STS is away, or the server's own credentials are refused, or there is no STS.
        """
        asked = self._parameters(job)
        answer = await self._narrowed(job, asked, _policies(job) if self._rules.is_narrowed else ())
        made = self._credentials(answer)
        log.info(
            "role_assumed",
            role_arn=job.request.role_arn,
            job_arn=job.arn,
            session_name=asked["RoleSessionName"],
            expires_at=made.expires_at.isoformat(),
        )
        return made

    def _parameters(self, job: ImportJob) -> dict[str, Any]:
        facts = {"account": job.tenant.account, "region": job.tenant.region, "job_id": job.id, "job_arn": job.arn}
        asked = {
            "RoleArn": job.request.role_arn,
            "RoleSessionName": f"outcrop-{job.id}",
            "DurationSeconds": self._rules.duration_s,
            "ExternalId": self._rules.external_id.format_map(facts),
            "SourceIdentity": self._rules.source_identity.format_map(facts),
        }
        return {name: value for name, value in asked.items() if value != ""}

    async def _narrowed(self, job: ImportJob, asked: Mapping[str, Any], policies: tuple[str, ...]) -> Mapping[str, Any]:
        """Asks with the narrowest policy that this STS takes: stores differ in the actions that they know."""
        for number, policy in enumerate(policies):
            if number < self._refused_policies:
                continue
            try:
                return await self._ask(job, {**asked, "Policy": policy})
            except ClientError as error:
                if code_of(error) not in POLICY_REFUSED:
                    raise self._translated(error, job) from error
                self._refused_policies = number + 1
                log.warning(
                    "session_policy_refused", sts=self.endpoint, code=code_of(error), is_last=policy == policies[-1]
                )
        try:
            return await self._ask(job, asked)
        except ClientError as error:
            raise self._translated(error, job) from error

    async def _ask(self, job: ImportJob, asked: Mapping[str, Any]) -> Mapping[str, Any]:
        """Calls AssumeRole; a refusal is raised as the ClientError that it is."""
        try:
            answer: Mapping[str, Any] = await asyncio.to_thread(lambda: self._client.assume_role(**asked))
        except ParamValidationError as error:
            raise self._refused(job, "ValidationError", str(error)) from error
        except (NoCredentialsError, PartialCredentialsError) as error:
            raise self._away("the server has no AWS credentials to assume roles with") from error
        except BotoCoreError as error:
            raise self._away(reason_of(error)) from error
        except _STRANGE as error:
            raise self._away("what it answered is no answer of STS") from error
        return answer

    def _credentials(self, answer: Mapping[str, Any]) -> RoleCredentials:
        found = answer.get("Credentials", {})
        texts = [found.get(name) for name in ("AccessKeyId", "SecretAccessKey", "SessionToken")]
        expires_at = found.get("Expiration")
        if not all(isinstance(text, str) and text for text in texts) or not isinstance(expires_at, datetime):
            raise self._away("its answer holds no credentials")
        if expires_at <= self._clock.now():
            raise self._away("the credentials that it gave have expired already: compare its clock with this machine's")
        access_key_id, secret_access_key, session_token = texts
        return RoleCredentials(
            access_key_id=access_key_id,
            secret_access_key=secret_access_key,
            session_token=session_token,
            expires_at=expires_at,
        )

    def _translated(self, error: ClientError, job: ImportJob) -> OutcropError:
        code, status = code_of(error), int(error.response["ResponseMetadata"]["HTTPStatusCode"])
        if code in NO_STS or status in (_NOT_IMPLEMENTED, _NO_METHOD):
            return self._away(f"it answers AssumeRole with {status} {code}: where there is no STS, use --roles ambient")
        if code in OURS:
            return self._away(f"the server's own credentials are refused: {status} {code}")
        if code in AWAY or status == _TOO_MANY or status >= _OURS_FROM_STATUS:
            return self._away(f"{status} {code}")
        return self._refused(job, f"{status} {code}".rstrip(), str(error.response.get("Error", {}).get("Message", "")))

    def _refused(self, job: ImportJob, code: str, reason: str) -> RoleRefusedError:
        # STS's sentence names the server's principal, which is the operator's to know.
        log.warning(
            "role_refused", role_arn=job.request.role_arn, job_arn=job.arn, sts=self.endpoint, code=code, reason=reason
        )
        return RoleRefusedError(job.request.role_arn, code)

    def _away(self, reason: str) -> UnavailableError:
        log.warning("sts_away", sts=self.endpoint, reason=reason)
        return UnavailableError(f"STS at {self.endpoint}", reason)


def _policies(job: ImportJob) -> tuple[str, ...]:
    partition = job.request.role_arn.split(":")[1]
    return session_policies(SourceLocation.parse(job.request.source_uri), partition=partition)


def code_of(error: ClientError) -> str:
    """Returns STS's code of an error; Ceph leaves out the element that AWS puts it in."""
    found = error.response.get("Error", error.response)
    return str(found.get("Code", ""))
