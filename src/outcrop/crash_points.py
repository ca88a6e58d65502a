"""Where a kill is tried: named points after each commit, each sync and each recorded step. They do nothing.

`reached` calls a watcher, if there is one, and only `outcrop.testing.crashes` sets one, in processes that a test has
started by a program of its own. No setting and no variable of the environment does, so that no production server can be
made to trip. A test holds the list against the source: each point is reached at its place, once, and nowhere else; and
the crash suite kills a process at each of them (docs/decisions/0037-crash-points.md).
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum


class CrashPoint(Enum):
    """Each point: where it is, and what is true when it is reached."""

    # --- the catalog ---
    CATALOG_MIGRATED = ("adapters/catalog_sql/database.py:Database.migrate", "The schema is the newest one.")
    JOB_CREATED = (
        "adapters/catalog_sql/jobs.py:SqlJobCatalog.create",
        "The job is accepted; no workflow runs, and the caller was not told.",
    )
    JOB_MOVED = ("adapters/catalog_sql/jobs.py:SqlJobCatalog.move", "The job is in another stage, or has failed.")
    JOB_NOTED = (
        "adapters/catalog_sql/jobs.py:SqlJobCatalog.record",
        "The job has its report, its wrapped key, or bytes that were counted.",
    )
    JOB_CLAIMED = (
        "adapters/catalog_sql/claims.py:SqlJobClaims.claim",
        "The job is this run's, and has one attempt more; nothing was done.",
    )
    JOB_LET_GO = (
        "adapters/catalog_sql/claims.py:SqlJobClaims.let_go",
        "A worker that was told to stop has given the job back; it still runs.",
    )
    ARTIFACT_SHARED = (
        "adapters/catalog_sql/artifacts.py:SqlArtifactCatalog.share",
        "The job holds an artifact of its content, or nobody has one; it has no wrapped key yet.",
    )
    ARTIFACT_RELEASED = (
        "adapters/catalog_sql/artifacts.py:SqlArtifactCatalog.release",
        "A failing job has no key and no artifact any more; its bytes are still there.",
    )
    KEY_REWRAPPED = (
        "adapters/catalog_sql/artifacts.py:SqlArtifactCatalog.rewrap",
        "One model's copy of its key is wrapped by the new material, others are not yet.",
    )
    PUBLISH_WRITTEN = (
        "adapters/catalog_sql/models.py:SqlModelCatalog.publish.work",
        "Model, artifact and job are written, in a transaction that has not been committed.",
    )
    MODEL_PUBLISHED = (
        "adapters/catalog_sql/models.py:SqlModelCatalog.publish",
        "The model is visible and its job Completed; the step was not recorded.",
    )
    MODEL_DELETED = (
        "adapters/catalog_sql/models.py:SqlModelCatalog.delete",
        "The model and its key are gone; its copies and its bytes are not.",
    )
    DELIVERY_CLAIMED = (
        "adapters/catalog_sql/deliveries.py:SqlDeliveryCatalog.claim",
        "The telling of a job's end is this process's for some seconds; nothing was sent.",
    )
    DELIVERY_NOTED = (
        "adapters/catalog_sql/deliveries.py:SqlDeliveryCatalog._change",
        "The receiver took the news, or it did not; that is recorded.",
    )
    NAME_PINNED = (
        "adapters/catalog_sql/networks.py:SqlNetworkCatalog.pin",
        "Where the name leads is kept for this import; no connection to it was begun.",
    )
    TAGS_PUT = ("adapters/catalog_sql/tags.py:SqlTagCatalog.put", "The resource has the tags.")
    TAGS_REMOVED = ("adapters/catalog_sql/tags.py:SqlTagCatalog.remove", "The resource no longer has the tags.")
    USER_CREATED = ("adapters/catalog_sql/users.py:SqlUserCatalog.create", "The user is there.")
    USER_CHANGED = ("adapters/catalog_sql/users.py:SqlUserCatalog.change", "The user has a key or policy more or less.")
    USER_DELETED = ("adapters/catalog_sql/users.py:SqlUserCatalog.delete", "The user and the keys are gone.")

    # --- the copy's journal ---
    COPY_BEGUN = (
        "adapters/catalog_sql/journal.py:SqlCopyJournal.begin",
        "The upload of a file and its header are recorded, none of its parts.",
    )
    PARTS_RECORDED = (
        "adapters/catalog_sql/journal.py:SqlCopyJournal.add",
        "Parts that are in the vault are recorded; they are not read again.",
    )
    COPIES_FORGOTTEN = (
        "adapters/catalog_sql/journal.py:SqlCopyJournal.forget",
        "Nothing is recorded of the artifact's files any more: it is permanent, or on its way out.",
    )

    # --- a vault that is a folder ---
    UPLOAD_MADE = (
        "adapters/vault_local.py:LocalVault.begin",
        "The file lies under its temporary name, in its full size; nobody has recorded that.",
    )
    UPLOAD_SYNCED = ("adapters/vault_local.py:LocalVault.sync", "Finished parts are on the disk, and not recorded.")
    UPLOAD_WHOLE = (
        "adapters/vault_local.py:LocalVault.finish.keep",
        "All of the file is on the disk, under its temporary name.",
    )
    FILE_SYNCED = ("adapters/vault_local.py:_keep", "A small file is on the disk, under its temporary name.")
    FILE_NAMED = ("adapters/local_files.py:take_name", "The file has its name, which may not be on the disk.")
    FILE_KEPT = (
        "adapters/local_files.py:take_name",
        "The file and its name are on the disk; its step was not recorded.",
    )
    ARTIFACT_RENAMED = (
        "adapters/vault_local.py:LocalVault._publish",
        "The artifact is permanent, which may not be on the disk.",
    )
    ARTIFACT_KEPT = (
        "adapters/vault_local.py:LocalVault._publish",
        "The artifact is permanent, and nobody's: its model is not visible.",
    )
    DOOMED_RENAMED = ("adapters/vault_local.py:LocalVault._delete", "The artifact's bytes have a name that dooms them.")
    DOOMED_SYNCED = ("adapters/vault_local.py:LocalVault._delete", "So they have on the disk; they are not removed.")
    DOOMED_REMOVED = ("adapters/vault_local.py:LocalVault._delete", "The artifact's bytes are gone.")

    # --- a vault that is a bucket ---
    UPLOAD_CREATED = ("adapters/vault_s3.py:S3Vault.begin", "The store has an upload that nobody has recorded.")
    PART_UPLOADED = ("adapters/vault_s3.py:S3Vault.put_part", "The store has a part that nobody has recorded.")
    UPLOAD_COMPLETED = ("adapters/vault_s3.py:S3Vault.finish", "The file is there; its step was not recorded.")
    OBJECT_PUT = ("adapters/vault_s3.py:S3Vault.create", "A small file is there; its step was not recorded.")
    MARKER_PUT = ("adapters/vault_s3.py:S3Vault.publish", "The artifact is permanent, and nobody's.")
    MARKER_DELETED = ("adapters/vault_s3.py:S3Vault.delete", "The artifact is doomed; all of its files are there.")
    UPLOADS_ABORTED = ("adapters/vault_s3.py:S3Vault.delete", "The doomed artifact's unfinished uploads are gone.")
    OBJECTS_DELETED = ("adapters/vault_s3.py:S3Vault.delete", "The doomed artifact's files are gone.")

    # --- the job engine ---
    WORKFLOW_STARTED = ("adapters/jobs_dbos.py:DbosJobEngine.start", "The job's workflow is in the queue.")
    STEP_DONE = ("adapters/jobs_dbos.py:_run_step.step", "A step's work is done, and its outcome is not recorded.")
    STEP_RECORDED = ("adapters/jobs_dbos.py:_run_step", "A step's outcome is recorded; the next one has not begun.")
    WORKFLOW_DONE = ("adapters/jobs_dbos.py:DbosJobEngine._tracked", "The job has ended, its workflow has not.")

    # --- engines, and plaintext in memory ---
    WEIGHTS_IN_MEMORY = ("adapters/fleet_local.py:LocalHost.start", "The model lies in memory; there is no engine.")
    ENGINE_STARTED = (
        "adapters/engine_openai.py:ProcessEngine.start",
        "The engine's process runs, and loads the model.",
    )
    ENGINE_READY = ("serving/proof.py:prove_model", "The engine has the model, and has not generated.")
    MODEL_PROVEN = ("serving/proof.py:prove_model", "The model has generated; the evidence is not recorded.")
    COPIES_RETIRED = ("serving/fleet.py:Fleet.retire", "No copy of the model is loaded, nor can be.")

    # --- secrets in files ---
    SECRET_WRITTEN = (
        "adapters/secret_file.py:_written",
        "A new file of secrets is on the disk, under a temporary name.",
    )
    SECRET_MADE = ("adapters/secret_file.py:create_once", "The first file of secrets has its name.")
    SECRET_REPLACED = (
        "adapters/secret_file.py:changing.write",
        "The file of secrets is the new one: a key was rotated.",
    )

    def __init__(self, place: str, state: str) -> None:
        self.place = place
        """Module in the package, and function."""
        self.state = state
        """What is true there."""

    @property
    def label(self) -> str:
        """The name in command lines and the names of tests."""
        return self.name.lower().replace("_", "-")


Watcher = Callable[[CrashPoint, str], None]

_watcher: Watcher | None = None


def reached(point: CrashPoint, detail: str = "") -> None:
    """Does nothing; in a process of the crash suite, it may be the last thing that happens.

    Args:
        point: which one.
        detail: which of several occasions, such as a step's name: each is tried.
    """
    if _watcher is not None:
        _watcher(point, detail)


def watch(watcher: Watcher | None) -> None:
    """Lets a test see the points as they are reached, in this process; for `outcrop.testing` alone."""
    global _watcher  # noqa: PLW0603  # one a process, as there is one kill
    _watcher = watcher
