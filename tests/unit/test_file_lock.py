import subprocess
import sys
import threading
from pathlib import Path

from ml_platform.file_lock import file_lock

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
