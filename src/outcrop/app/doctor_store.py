"""`outcrop doctor s3://…`: the layers between here and a model, one after the other, up to the first that is broken."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence

import boto3
from botocore.exceptions import BotoCoreError

from outcrop.adapters.s3_probe import BrokenLayerError, Listed, S3Probe
from outcrop.doctor import causes
from outcrop.doctor.causes import Cause, Layer
from outcrop.doctor.machine import judge_clock, judge_objects
from outcrop.doctor.outcomes import Outcome, State, of_cause, ok, skipped, unknown, wrong
from outcrop.ports import Clock
from outcrop.records import SourceLocation

OpenSession = Callable[[], boto3.Session]
"""Makes the session whose credentials are examined; raises BotoCoreError, for a profile that is not there."""

Step = Callable[["_Examination", S3Probe], Outcome]

_LATER = (Layer.REGION, Layer.BUCKET, Layer.PERMISSION)
"""Layers that a signed request is refused for once its signature was accepted, in order."""


async def examine_store(
    location: SourceLocation,
    *,
    endpoint_url: str | None,
    open_session: OpenSession,
    environment: Mapping[str, str],
    clock: Clock,
) -> list[Outcome]:
    """Returns the outcome of each check, in order; what comes after a broken one is skipped.

    Args:
        location: the bucket and prefix.
        endpoint_url: where the store is; None: as the AWS variables and profile say.
        open_session: makes the session to examine.
        environment: the AWS variables of the process.
        clock: tells this machine's time.
    """
    examination = _Examination(location, endpoint_url, open_session, environment, clock)
    return await asyncio.to_thread(examination.run)


class _Examination:
    """One run through the layers. Blocks."""

    def __init__(
        self,
        location: SourceLocation,
        endpoint_url: str | None,
        open_session: OpenSession,
        environment: Mapping[str, str],
        clock: Clock,
    ) -> None:
        self._location = location
        self._endpoint_url = endpoint_url
        self._open_session = open_session
        self._environment = environment
        self._clock = clock
        self._skew_s: float | None = None
        self._refusal: Cause | None = None
        self._listed: Sequence[Listed] = ()

    def run(self) -> list[Outcome]:
        try:
            probe = self._probe()
        except BrokenLayerError as error:
            found = of_cause(error.cause)
            return [found, *_not_looked_at([name for name, _ in _STEPS if name != found.name], found)]
        outcomes: list[Outcome] = []
        try:
            for place, (name, step) in enumerate(_STEPS):
                outcome = self._named(name, step, probe)
                outcomes.append(outcome)
                if outcome.state is State.WRONG:
                    return [*outcomes, *_not_looked_at([later for later, _ in _STEPS[place + 1 :]], outcome)]
        finally:
            probe.close()
        return outcomes

    def _probe(self) -> S3Probe:
        try:
            session = self._open_session()
        except BotoCoreError as error:
            raise BrokenLayerError(
                Cause(
                    layer=Layer.CREDENTIALS,
                    what=f"The AWS settings cannot be used: {error}.",
                    cure="Correct AWS_PROFILE, or the profile in ~/.aws/config.",
                )
            ) from error
        return S3Probe(session, self._environment, endpoint_url=self._endpoint_url, bucket=self._location.bucket)

    def _named(self, name: str, step: Step, probe: S3Probe) -> Outcome:
        """Runs a step. What it finds broken may be an earlier layer than its own: a signed request knows more."""
        try:
            return step(self, probe)
        except BrokenLayerError as error:
            cause = error.cause
            return wrong(name, cause.what, cause.cure) if name in _OF_OBJECTS else of_cause(cause)
        except OSError as error:
            return unknown(name, f"It could not be told: {error}.", "Run the command again.")

    def endpoint(self, probe: S3Probe) -> Outcome:
        cause = causes.of_endpoint(probe.endpoint, self._location.bucket)
        way = f", through the proxy {probe.place}" if probe.proxy is not None else ""
        return of_cause(cause) if cause is not None else ok("endpoint", f"S3 is at {probe.endpoint}{way}.")

    def name(self, probe: S3Probe) -> Outcome:
        return ok("name", f"{probe.host} is {', '.join(probe.resolve())}.")

    def connection(self, probe: S3Probe) -> Outcome:
        probe.connect()
        return ok("connection", f"{probe.place} takes connections.")

    def certificate(self, probe: S3Probe) -> Outcome:
        if not probe.is_tls:
            return skipped("certificate", "The endpoint is http://, and has none: what is read crosses in the clear.")
        if probe.proxy is not None:
            return skipped("certificate", "Behind a proxy, it is checked with the signed request.")
        expires = probe.trust()
        until = f", until {expires:%Y-%m-%d}" if expires is not None else ""
        return ok("certificate", f"The certificate of {probe.host} is trusted{until}.")

    def protocol(self, probe: S3Probe) -> Outcome:
        if probe.proxy is not None:
            return skipped("protocol", "Behind a proxy, it is checked with the signed request.")
        reply = probe.greet()
        if reply.date is not None:
            self._skew_s = (self._clock.now() - reply.date).total_seconds()
        by = f" ({reply.server})" if reply.server else ""
        if reply.is_s3:
            return ok("protocol", f"{probe.endpoint} answers as S3 does{by}.")
        return of_cause(causes.not_s3(probe.endpoint, f"it does not answer as S3 does{by}"))

    def clock(self, _probe: S3Probe) -> Outcome:
        return judge_clock(self._skew_s) or ok("clock", "This machine's clock and the store's agree.")

    def credentials(self, probe: S3Probe) -> Outcome:
        return ok("credentials", f"Credentials were found: {probe.credentials()}.")

    def signature(self, probe: S3Probe) -> Outcome:
        try:
            self._listed = probe.list(self._location.prefix)
        except BrokenLayerError as error:
            if error.cause.layer not in _LATER:
                raise
            self._refusal = error.cause
        return ok("signature", "The store accepts the key and its signature.")

    def region(self, probe: S3Probe) -> Outcome:
        return self._refused(Layer.REGION) or ok("region", f"Requests are signed for {probe.region}.")

    def addressing(self, probe: S3Probe) -> Outcome:
        style = {"path": "in the path", "virtual": "in the host's name"}[probe.addressing]
        return ok("addressing", f"The bucket is named {style} (`addressing_style` in ~/.aws/config).")

    def bucket(self, _probe: S3Probe) -> Outcome:
        return self._refused(Layer.BUCKET) or ok("bucket", f"The bucket {self._location.bucket} is there.")

    def permission(self, _probe: S3Probe) -> Outcome:
        return self._refused(Layer.PERMISSION) or ok("permission", f"{self._location} may be listed (s3:ListBucket).")

    def objects(self, _probe: S3Probe) -> Outcome:
        return judge_objects(str(self._location), [item.key for item in self._listed], self._location.prefix)

    def reading(self, probe: S3Probe) -> Outcome:
        item = self._sample()
        if item is None:
            return skipped("reading", "There is no object that holds a byte.")
        if probe.read(item):
            return ok("reading", f"{item.key} can be read by ranges with If-Match (s3:GetObject).")
        return ok(
            "reading", f"{item.key} can be read by ranges; the store overlooks If-Match, so ETags are compared here."
        )

    def checksum(self, probe: S3Probe) -> Outcome:
        item = self._sample()
        if item is None:
            return skipped("checksum", "There is no object that holds a byte.")
        algorithm = probe.checksum(item)
        if algorithm is None:
            return ok("checksum", f"The store keeps no checksum of {item.key}: what is read is not compared with one.")
        return ok("checksum", f"The store keeps a {algorithm} of {item.key}, which imports compare.")

    def _sample(self) -> Listed | None:
        return min((item for item in self._listed if item.size_bytes), key=lambda item: item.size_bytes, default=None)

    def _refused(self, layer: Layer) -> Outcome | None:
        return of_cause(self._refusal) if self._refusal is not None and self._refusal.layer is layer else None


_OF_OBJECTS = ("reading", "checksum")

_STEPS: Sequence[tuple[str, Step]] = (
    ("endpoint", _Examination.endpoint),
    ("name", _Examination.name),
    ("connection", _Examination.connection),
    ("certificate", _Examination.certificate),
    ("protocol", _Examination.protocol),
    ("clock", _Examination.clock),
    ("credentials", _Examination.credentials),
    ("signature", _Examination.signature),
    ("region", _Examination.region),
    ("addressing", _Examination.addressing),
    ("bucket", _Examination.bucket),
    ("permission", _Examination.permission),
    ("objects", _Examination.objects),
    ("reading", _Examination.reading),
    ("checksum", _Examination.checksum),
)


def not_looked_at(broken: Outcome) -> list[Outcome]:
    """Returns every check of a store as skipped, for something that is wrong before any of them."""
    return _not_looked_at([name for name, _ in _STEPS], broken)


def _not_looked_at(names: Sequence[str], broken: Outcome) -> list[Outcome]:
    return [skipped(name, f"Not looked at: {broken.name} is wrong first.") for name in names]
