import subprocess
import sys

import pytest

RAISE = """
import resource, sys
from outcrop.app.descriptors import allow_descriptors

soft, hard, wanted = map(int, sys.argv[1:])
resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
print(allow_descriptors(wanted), *resource.getrlimit(resource.RLIMIT_NOFILE))
"""


@pytest.mark.parametrize(
    ("soft", "hard", "wanted", "then"),
    [(128, 512, 256, 256), (128, 512, 4096, 512), (400, 512, 256, 400)],
    ids=["as wanted", "as allowed", "never down"],
)
def test_as_many_descriptors_as_wanted_and_allowed(soft: int, hard: int, wanted: int, then: int) -> None:
    """The hard limit is kept, and what was there already is not taken away."""
    limits = [str(each) for each in (soft, hard, wanted)]
    done = subprocess.run([sys.executable, "-c", RAISE, *limits], check=True, capture_output=True, text=True)

    assert done.stdout.split() == [str(then), str(then), str(hard)]
