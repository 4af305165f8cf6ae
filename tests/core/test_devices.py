import threading

import torch

from core.devices import in_one_thread


def test_one_thread_is_for_the_block_and_for_whoever_opened_it():
    usual = torch.get_num_threads()
    try:
        torch.set_num_threads(3)
        other = []
        inside, left = threading.Event(), threading.Event()

        def look():
            other.append(torch.get_num_threads())
            inside.set()
            left.wait(30)
            other.append(torch.get_num_threads())

        thread = threading.Thread(target=look)
        thread.start()
        inside.wait(30)
        with in_one_thread():
            assert torch.get_num_threads() == 1
            left.set()
            thread.join()
        assert other == [3, 3] and torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(usual)
