"""A process that freezes in the middle of a transaction, on a real PostgreSQL."""

import signal
import subprocess
import sys

import sqlalchemy as sa

from outcrop.adapters.postgres import engine_of

HOLDER = """
import sys, time
import sqlalchemy as sa
from outcrop.adapters.postgres import engine_of

connection = engine_of(sys.argv[1]).connect()
connection.execute(sa.text("UPDATE held SET taken = 1"))
print("holds", flush=True)
time.sleep(3600)
"""


def test_a_frozen_process_keeps_no_row_locked(postgres_url: str) -> None:
    """Its transaction is ended by the database: who wants the same row gets it, unchanged."""
    engine = engine_of(postgres_url)
    with engine.begin() as connection:
        connection.execute(sa.text("CREATE TABLE held AS SELECT 0 AS taken"))
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, postgres_url], stdout=subprocess.PIPE)
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"holds\n"
        holder.send_signal(signal.SIGSTOP)
        with engine.begin() as connection:
            # Long enough for any machine; without the end of the other transaction, this is what fails.
            connection.execute(sa.text("SET LOCAL lock_timeout = '120s'"))
            row = connection.execute(sa.text("UPDATE held SET taken = taken + 10 RETURNING taken")).scalar_one()
    finally:
        holder.kill()
        holder.communicate()
        engine.dispose()

    assert row == 10
