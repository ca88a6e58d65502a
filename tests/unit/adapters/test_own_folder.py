"""Folders of processes that run, and of those that were killed."""

import signal
import subprocess
import sys
from pathlib import Path

from outcrop.adapters.own_folder import own_folder

HOLDS = (
    "import sys, pathlib\nfrom outcrop.adapters.own_folder import own_folder\n"
    "with own_folder(pathlib.Path(sys.argv[1])) as folder:\n"
    "    (folder / 'engine-1').mkdir()\n"
    "    print(folder, flush=True)\n"
    "    sys.stdin.read()\n"
)


def test_a_folder_goes_with_its_process(tmp_path: Path) -> None:
    """And everything in it; nobody else can look into it meanwhile."""
    with own_folder(tmp_path / "run") as folder:
        (folder / "model-1").mkdir()
        assert folder.stat().st_mode & 0o777 == 0o700

    assert list((tmp_path / "run").iterdir()) == []


def test_what_a_kill_leaves_is_swept_and_what_lives_is_not(tmp_path: Path) -> None:
    """By whichever process starts next."""
    command = [sys.executable, "-c", HOLDS, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        theirs = Path(other.stdout.readline().strip())
        with own_folder(tmp_path):
            was_kept = (theirs / "engine-1").is_dir()
        other.send_signal(signal.SIGKILL)
        other.wait()
    was_left = theirs.is_dir()

    with own_folder(tmp_path) as mine:
        found = [path for path in tmp_path.iterdir() if path.is_dir()]

    assert (was_kept, was_left, found) == (True, True, [mine])


def test_a_lock_without_a_folder_is_swept(tmp_path: Path) -> None:
    """Its process was killed between the two."""
    (tmp_path / "0123.lock").touch()

    with own_folder(tmp_path) as folder:
        names = {path.name for path in tmp_path.iterdir()}

    assert names == {folder.name, f"{folder.name}.lock"}
