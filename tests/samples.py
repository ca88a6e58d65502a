"""Values that several tests begin from."""

from concurrent.futures import ThreadPoolExecutor

from outcrop.arn import Tenant
from outcrop.records import (
    ArtifactRef,
    ImportedModel,
    ImportJob,
    ImportRequest,
    ModelFacts,
    Network,
    Progress,
    Stage,
    StageEntry,
    Tag,
)
from outcrop.serving.unsealing import Reading
from outcrop.testing.clock import BEGIN
from outcrop.testing.keys import SERVICE_KEY, FakeKeyService
from outcrop.testing.vault import FakeVault

THREADS = ThreadPoolExecutor(2, thread_name_prefix="unseal")
TENANT = Tenant(account="000000000000", region="us-east-1")


def sample_job(number: int = 1, *, source_uri: str = "s3://models/m/") -> ImportJob:
    """A job that has just been created; every number gives another one."""
    return ImportJob(
        id=f"job{number:09}",
        tenant=TENANT,
        request=ImportRequest(
            job_name=f"job-{number}",
            imported_model_name=f"model-{number}",
            role_arn="arn:aws:iam::000000000000:role/import",
            source_uri=source_uri,
            network=Network(subnet_ids=("subnet-1",), security_group_ids=("sg-1", "sg-2")),
            job_tags=(Tag(key="a", value="b"),),
            model_tags=(Tag(key="team", value="rocks"),),
        ),
        model_id=f"model{number:07}",
        key_arn=SERVICE_KEY,
        stage=Stage.QUEUED,
        created_at=BEGIN,
        modified_at=BEGIN,
        progress=Progress(entries=(StageEntry(stage=Stage.QUEUED, at=BEGIN),)),
    )


def sample_reading(vault: FakeVault, keys: FakeKeyService, *, is_local: bool = True) -> Reading:
    """What artifacts are read with, from a vault that is a folder of this machine, or from one that is elsewhere."""
    return Reading(vault=vault, keys=keys, threads=THREADS, thread_count=2, local=vault if is_local else None)


def sample_model(number: int = 1) -> ImportedModel:
    """A model that was published; every number gives another one."""
    return ImportedModel(
        id=f"model{number:07}",
        tenant=TENANT,
        name=f"model-{number}",
        job_id=f"job{number:09}",
        job_name=f"job-{number}",
        source_uri="s3://models/m/",
        created_at=BEGIN,
        facts=ModelFacts(
            architecture="llama",
            is_instruct=True,
            parameters=1,
            weight_bytes=2,
            context_length=4096,
            custom_model_units=1,
        ),
        artifact=ArtifactRef(
            artifact_id=f"job{number:09}", manifest_sha256="0" * 64, key_arn=SERVICE_KEY, wrapped_key=b"wrapped"
        ),
        is_customer_key=False,
        evidence={},
    )
