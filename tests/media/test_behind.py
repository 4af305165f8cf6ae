"""Work that follows behind whoever makes the pictures."""

import threading

import numpy as np
import pytest

from core.errors import MediaError
from media.behind import WAITING, Abandoned, behind

PICTURES = [np.full((1, 1, 3), n, np.uint8) for n in range(3 * WAITING)]


def test_every_picture_arrives_once_in_order():
    seen = []
    with behind(seen.extend) as write:
        for picture in PICTURES:
            write(picture)
    assert [id(picture) for picture in seen] == [id(picture) for picture in PICTURES]


def test_the_consumer_works_while_more_is_made():
    arrived = threading.Event()

    def consume(images):
        for _ in images:
            arrived.set()

    with behind(consume) as write:
        write(PICTURES[0])
        assert arrived.wait(10)


def test_only_so_many_pictures_wait():
    let_go, handed = threading.Event(), []

    def consume(images):
        let_go.wait(10)
        for _ in images:
            pass

    def produce():
        with behind(consume) as write:
            for picture in PICTURES:
                write(picture)
                handed.append(picture)

    producer = threading.Thread(target=produce)
    producer.start()
    producer.join(0.3)
    assert len(handed) <= WAITING
    let_go.set()
    producer.join(10)
    assert len(handed) == len(PICTURES)


@pytest.mark.parametrize("fatal", [0, len(PICTURES) - 1])
def test_what_the_consumer_raises_reaches_the_producer(fatal):
    def consume(images):
        for n, _ in enumerate(images):
            if n == fatal:
                raise OSError("no room")

    with pytest.raises(OSError, match="no room"), behind(consume) as write:
        for picture in PICTURES:
            write(picture)


def test_a_producer_that_stops_unwinds_the_consumer():
    ends = []

    def consume(images):
        try:
            list(images)
        except Abandoned:
            ends.append("abandoned")
            raise

    with pytest.raises(KeyboardInterrupt), behind(consume) as write:
        for picture in PICTURES[:3]:
            write(picture)
        raise KeyboardInterrupt
    assert ends == ["abandoned"]


def test_a_picture_after_the_end_is_refused():
    with behind(list) as write:
        write(PICTURES[0])
    with pytest.raises(MediaError, match="finished"):
        write(PICTURES[1])
