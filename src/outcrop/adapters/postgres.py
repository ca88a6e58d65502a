"""What every connection of ours to PostgreSQL has in common."""

from __future__ import annotations

import sqlalchemy as sa

APPLICATION = "outcrop"
CONNECT_S = 10
STUCK_MS = 15_000
"""How long a transaction of ours may lie idle: nothing in one waits for anything but PostgreSQL."""

_SESSION = {
    "application_name": APPLICATION,
    "connect_timeout": CONNECT_S,
    # A machine that vanishes sends no farewell: both ends find out within half a minute.
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 25_000,
    "options": "-c tcp_keepalives_idle=10 -c tcp_keepalives_interval=5 -c tcp_keepalives_count=3 "
    # A process that freezes in the middle of a transaction holds its rows, and everybody who wants them, for good.
    f"-c idle_in_transaction_session_timeout={STUCK_MS}",
}


def engine_of(url: str) -> sa.Engine:
    """Returns an engine for a `postgresql://` URL; it connects when it is used."""
    return sa.create_engine(
        sa.engine.make_url(url).set(drivername="postgresql+psycopg"),
        connect_args=_SESSION,
        # A connection that died while it lay idle is replaced, not used.
        pool_pre_ping=True,
    )
