import os
import sys
import threading

import pytest

from core.background import GIVES_WAY, background


def level() -> int:
    return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a process has one level")
def test_a_thread_in_the_background_gives_way_and_others_do_not():
    before = level()
    with background("test") as pool:
        assert pool.submit(level).result() == min(before + GIVES_WAY, 19)
        assert level() == before


def test_tasks_in_the_background_come_one_after_the_other():
    done = []
    with background("test") as pool:
        names = {
            pool.submit(lambda n=n: (done.append(n), threading.current_thread().name)[1]).result() for n in range(9)
        }
    assert done == list(range(9)) and len(names) == 1
