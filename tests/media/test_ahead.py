"""Work that runs ahead of whoever uses its results."""

import threading

import pytest

from media.ahead import MADE, ahead


def test_every_item_comes_once_in_order():
    assert list(ahead(iter(range(20)))) == list(range(20))
    assert list(ahead(iter([]))) == []


def test_the_next_item_is_made_while_one_is_used():
    made = threading.Event()

    def items():
        yield 0
        made.set()
        yield 1

    for item in ahead(items()):
        assert item or made.wait(10)


def test_no_more_than_a_few_items_are_made_ahead():
    made = []
    items = ahead(made.append(n) or n for n in range(20))
    for used in range(1, 21):
        next(items)
        assert len(made) <= used + MADE


def test_a_fault_comes_in_its_place():
    def items():
        yield 1
        raise ValueError("no more")

    made = ahead(items())
    assert next(made) == 1
    with pytest.raises(ValueError, match="no more"):
        next(made)


def test_whoever_stops_early_leaves_no_thread_behind():
    before = threading.active_count()
    items = ahead(iter(range(100)))
    next(items)
    items.close()
    assert threading.active_count() == before
