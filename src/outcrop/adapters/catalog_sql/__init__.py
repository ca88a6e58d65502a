"""The catalog on SQLAlchemy Core: one subset of SQL for SQLite and Postgres, migrated by Alembic.

database.py     the connection: pragmas, threads, translation of errors, migrations
tables.py       the tables, as the newest migration leaves them
jobs.py         JobCatalog
claims.py       JobClaims
models.py       ModelCatalog
artifacts.py    ArtifactCatalog
journal.py      CopyJournal
deliveries.py   DeliveryCatalog
networks.py     NetworkCatalog
tags.py         TagCatalog
users.py        UserCatalog
migrations/     one file for each change of the schema
"""

from outcrop.adapters.catalog_sql.artifacts import SqlArtifactCatalog
from outcrop.adapters.catalog_sql.claims import SqlJobClaims
from outcrop.adapters.catalog_sql.database import Database
from outcrop.adapters.catalog_sql.deliveries import SqlDeliveryCatalog
from outcrop.adapters.catalog_sql.jobs import SqlJobCatalog
from outcrop.adapters.catalog_sql.journal import SqlCopyJournal
from outcrop.adapters.catalog_sql.models import SqlModelCatalog
from outcrop.adapters.catalog_sql.networks import SqlNetworkCatalog
from outcrop.adapters.catalog_sql.tags import SqlTagCatalog
from outcrop.adapters.catalog_sql.users import SqlUserCatalog

__all__ = [
    "Database",
    "SqlArtifactCatalog",
    "SqlCopyJournal",
    "SqlDeliveryCatalog",
    "SqlJobCatalog",
    "SqlJobClaims",
    "SqlModelCatalog",
    "SqlNetworkCatalog",
    "SqlTagCatalog",
    "SqlUserCatalog",
]
