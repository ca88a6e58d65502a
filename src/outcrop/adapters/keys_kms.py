"""KeyService on AWS KMS, or on anything that speaks its API: DescribeKey, GenerateDataKey and Decrypt through boto3.

Found the AWS way: `AWS_ENDPOINT_URL_KMS` and the default credential chain. Each key is asked for in its own region.
The encryption context names the model, so key policies can tell models apart (`kms:EncryptionContext:…`) and CloudTrail
does. What KMS may answer is in botocore's model of it; a test holds the two tables below against that.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Mapping
from typing import Any

import boto3
from botocore.client import BaseClient
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError

from outcrop.adapters.cut_answers import whole_answers
from outcrop.adapters.outbound import DEFAULT, Outbound
from outcrop.adapters.s3_errors import reason_of
from outcrop.arn import Tenant
from outcrop.errors import KeyDeniedError, KeyUnavailableError, OutcropError, UnavailableError
from outcrop.key_ids import full_arn, is_of, region_of
from outcrop.records import DataKey

KEY_SPEC = "AES_256"

UNUSABLE: Mapping[str, str] = {
    "NotFoundException": "does not exist",
    "DisabledException": "is disabled",
    "KMSInvalidStateException": "is in a state in which it cannot be used",
    "InvalidKeyUsageException": "is not for encrypting and decrypting",
    "InvalidGrantTokenException": "cannot be used with this grant",
    "InvalidArnException": "is not named as KMS names keys",
    "IncorrectKeyException": "did not wrap this data key",
    "InvalidCiphertextException": "did not wrap this data key for this model",
    "DryRunOperationException": "was only asked whether it could be used",
}
"""Answers that stay the same until the key's owner does something, and what each says of the key."""

DENIED = frozenset({"AccessDeniedException", "AccessDenied"})

AWAY = frozenset(
    {
        "DependencyTimeoutException",
        "KeyUnavailableException",
        "KMSInternalException",
        "LimitExceededException",
        "ThrottlingException",
        "Throttling",
        # About the server's credentials, not about the key: they are refreshed, or an operator mends them.
        "ExpiredTokenException",
        "IncompleteSignature",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "MissingAuthenticationTokenException",
        "RequestExpired",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    }
)
"""Answers that may be another one later."""

_OURS_FROM_STATUS = 500


class KmsKeys:
    """Keys of KMS, used with the server's credentials."""

    def __init__(
        self,
        session: boto3.Session,
        *,
        service_key: str,
        own: Tenant,
        outbound: Outbound = DEFAULT,
        timeout_s: float = 10.0,
    ) -> None:
        """Keeps how KMS is asked.

        Args:
            session: whose credentials and endpoint are used.
            service_key: the key that wraps where a caller names none; in any of the four forms, of any account.
            own: account and region in which `service_key` is meant, where it is not an ARN.
            outbound: the way that KMS is reached.
            timeout_s: longest time to connect and to wait for an answer, in seconds, at each of three attempts.
        """
        self._session = whole_answers(session)
        self._outbound = outbound
        self._service_key = full_arn(service_key, own)
        self._config = Config(
            connect_timeout=timeout_s, read_timeout=timeout_s, retries={"mode": "standard", "total_max_attempts": 3}
        )
        self._clients: dict[str, BaseClient] = {}
        self._making = threading.Lock()

    async def resolve(self, key_id: str | None, tenant: Tenant) -> str:
        """Returns the ARN of the enabled, symmetric key that an ARN, id or alias means; None: the service's own key.

        Raises:
            KeyUnavailableError: it is unknown, disabled, not for encryption, or another account's: the server's
                credentials may reach further than the caller's account does.
            KeyDeniedError: the server may not describe it.
            UnavailableError: KMS is away.
        """
        named = self._service_key if key_id is None else full_arn(key_id, tenant)
        if key_id is not None and not is_of(named, tenant):
            raise KeyUnavailableError(f"The key {key_id} is not one of account {tenant.account} in {tenant.region}.")
        answer = await self._call("describe_key", named, lambda client: client.describe_key(KeyId=named))
        described = answer["KeyMetadata"]
        arn = str(described["Arn"])
        if described["KeyUsage"] != "ENCRYPT_DECRYPT" or described.get("KeySpec") != "SYMMETRIC_DEFAULT":
            raise KeyUnavailableError(f"The key {arn} is not a symmetric key for encrypting and decrypting.")
        if described["KeyState"] != "Enabled":
            raise KeyUnavailableError(f"The key {arn} is in the state {described['KeyState']}, not Enabled.")
        return arn

    async def generate_data_key(self, key_arn: str, context: Mapping[str, str]) -> DataKey:
        """Makes a 256-bit data key, wrapped by the key under an encryption context. Raises as `resolve` does."""
        made = await self._call(
            "generate_data_key",
            key_arn,
            lambda client: client.generate_data_key(KeyId=key_arn, KeySpec=KEY_SPEC, EncryptionContext=dict(context)),
        )
        return DataKey(plaintext=made["Plaintext"], wrapped=made["CiphertextBlob"])

    async def unwrap(self, key_arn: str, wrapped: bytes, context: Mapping[str, str]) -> bytes:
        """Returns the data key; the context must be the one that it was wrapped under. Raises as `resolve` does."""
        opened = await self._call(
            "decrypt",
            key_arn,
            # Naming the key keeps a blob from choosing another one.
            lambda client: client.decrypt(KeyId=key_arn, CiphertextBlob=wrapped, EncryptionContext=dict(context)),
        )
        return bytes(opened["Plaintext"])

    async def _call(self, operation: str, key: str, ask: Callable[[BaseClient], Any]) -> Any:
        region = region_of(key)
        try:
            return await asyncio.to_thread(lambda: ask(self._client(region)))
        except ClientError as error:
            raise _translated(error, operation, key) from error
        except ParamValidationError as error:
            raise KeyUnavailableError(f"The key {key} cannot be asked for this: {error}") from error
        except BotoCoreError as error:
            raise UnavailableError(f"AWS KMS in {region}", reason_of(error)) from error

    def _client(self, region: str) -> BaseClient:
        # Clients may be shared by threads, but a session makes only one at a time.
        with self._making:
            if region not in self._clients:
                self._clients[region] = self._outbound.client(
                    self._session, "kms", region_name=region, config=self._config
                )
            return self._clients[region]


def _translated(error: ClientError, operation: str, key: str) -> OutcropError:
    code = str(error.response.get("Error", {}).get("Code", ""))
    status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    if code in DENIED:
        action = "kms:" + "".join(word.capitalize() for word in operation.split("_"))
        return KeyDeniedError(f"The server may not call {action} on {key}: the key's policy or grants do not allow it.")
    if code in UNUSABLE:
        return KeyUnavailableError(f"The key {key} {UNUSABLE[code]}.")
    if code in AWAY or status >= _OURS_FROM_STATUS:
        return UnavailableError(f"AWS KMS in {region_of(key)}", f"{status} {code}")
    return KeyUnavailableError(f"The key {key} cannot be used: {status} {code}.")
