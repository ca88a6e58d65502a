"""How many files and connections this process may have open."""

from __future__ import annotations

import resource


def allow_descriptors(wanted: int) -> int:
    """Raises this process's limit of open descriptors as far as it is wanted and allowed; returns what it is then.

    Many systems give a process 1,024 and let it take more, for the sake of programs that use select(2).
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return soft
    allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    return allowed
