import subprocess
import sys
import threading
from pathlib import Path

from ml_platform.file_lock import file_lock, file_lock_if_free

HOLDER = """
import sys, time
from pathlib import Path
from ml_platform.file_lock import file_lock
with file_lock(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""
WITHIN_S = 30


def test_threads_wait_for_each_other(tmp_path: Path) -> None:
    entered = threading.Event()

    def enter() -> None:
        with file_lock(tmp_path / "lock"):
            entered.set()

    second = threading.Thread(target=enter)
    with file_lock(tmp_path / "lock"):
        second.start()
        assert not entered.wait(0.2)
    assert entered.wait(WITHIN_S)
    second.join()


def test_the_death_of_its_holder_lets_go(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(lock)], stdout=subprocess.PIPE, text=True
    )
    with holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        holder.kill()
        with file_lock(lock):
            pass


def test_who_does_not_wait_is_told_that_the_lock_is_taken(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    with file_lock_if_free(lock) as got:
        assert got
        with file_lock_if_free(lock) as got_too:
            assert not got_too
    with file_lock_if_free(lock) as got:
        assert got


def test_the_folder_of_a_lock_need_not_exist(tmp_path: Path) -> None:
    with (
        file_lock(tmp_path / "new" / "lock"),
        file_lock_if_free(tmp_path / "newer" / "lock") as got,
    ):
        assert got
