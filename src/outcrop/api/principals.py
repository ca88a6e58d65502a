"""Who may call: the root principal and the catalog's users, kept at hand, and what each may do."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import structlog

from outcrop.access import policy
from outcrop.access.policy import Policy
from outcrop.api.remembering import KEPT_S
from outcrop.errors import UnavailableError, ValidationError
from outcrop.ports import Clock, UserCatalog
from outcrop.records import ApiKey, Principal, User

log = structlog.get_logger()

FRESH_S = 1.0
"""A key or a policy that was taken away works for so long at most; for `KEPT_S` while the catalog is away."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """The users as they were at one version of the catalog."""

    by_access_key: Mapping[str, Principal] = field(default_factory=dict)
    by_api_key: Mapping[str, tuple[Principal, ApiKey]] = field(default_factory=dict)
    policies: Mapping[str, tuple[Policy, ...]] = field(default_factory=dict)


class Principals:
    """Answers at once from memory; `refresh` looks whether the catalog knows something newer."""

    def __init__(self, users: UserCatalog, clock: Clock, *, root: Principal) -> None:
        self._users = users
        self._clock = clock
        self._root = root
        self._known = _Known(by_access_key={root.access_key_id: root})
        self._version: int | None = None
        self._looked_at = -FRESH_S
        self._confirmed_at = -KEPT_S

    async def refresh(self, *, older_than_s: float = FRESH_S) -> bool:
        """Reads the users when what is known is older than this and has changed; says whether it had.

        Raises:
            UnavailableError: the catalog is away, and what is known is older than `KEPT_S`.
        """
        now = self._clock.monotonic()
        if now - self._looked_at < older_than_s:
            return False
        # Before the question, so that of many requests at once only one asks; the others go on with what is known.
        self._looked_at, before = now, self._looked_at
        try:
            version = await self._users.version()
            if version == self._version:
                self._confirmed_at = now
                return False
            self._known = self._read(await self._users.all())
        except UnavailableError:
            if now - self._confirmed_at < KEPT_S:
                return False
            self._looked_at = before
            raise
        except BaseException:
            self._looked_at = before
            raise
        self._version, self._confirmed_at = version, now
        return True

    def find(self, access_key_id: str) -> Principal | None:
        """Returns the holder of an access key."""
        return self._known.by_access_key.get(access_key_id)

    def find_api_key(self, token: str) -> Principal | None:
        """Returns the holder of a long-term Bedrock API key."""
        # The digest is the look-up: how long that takes says nothing about a key that somebody guesses.
        found = self._known.by_api_key.get(hashlib.sha256(token.encode("utf-8", "replace")).hexdigest())
        if found is None:
            return None
        principal, key = found
        return None if key.expires_at is not None and key.expires_at <= self._clock.now() else principal

    def policies_of(self, principal_arn: str) -> tuple[Policy, ...] | None:
        """Returns the policies of a principal; None for the root principal, which may do everything."""
        if principal_arn == self._root.arn:
            return None
        return self._known.policies.get(principal_arn, ())

    def _read(self, users: Iterable[User]) -> _Known:
        by_access_key = {self._root.access_key_id: self._root}
        by_api_key: dict[str, tuple[Principal, ApiKey]] = {}
        policies: dict[str, tuple[Policy, ...]] = {}
        for user in users:
            policies[user.arn] = _policies_of(user)
            for key in user.access_keys:
                by_access_key[key.id] = Principal(
                    arn=user.arn, account=user.account, access_key_id=key.id, secret_access_key=key.secret
                )
            for api_key in user.api_keys:
                holder = Principal(arn=user.arn, account=user.account, access_key_id=api_key.id, secret_access_key="")
                by_api_key[api_key.sha256] = (holder, api_key)
        return _Known(by_access_key=by_access_key, by_api_key=by_api_key, policies=policies)


def _policies_of(user: User) -> tuple[Policy, ...]:
    if user.policy is None:
        return ()
    try:
        return (policy.read(user.policy),)
    except ValidationError as error:
        # Written by a newer version, say: what cannot be understood in full allows nothing, and denies the rest too.
        log.error("policy_not_understood", user=user.arn, reason=error.message)  # noqa: TRY400  # no trace is wanted
        return ()
