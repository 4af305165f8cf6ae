import numpy as np

from training import film


def test_a_cache_has_as_many_triplets_as_are_asked_for_whatever_was_asked_before(tmp_path):
    found = {count: film.triplets(film.FilmPlan(tmp_path, 1, count, painted=32)) for count in (1, 3, 2)}
    assert {count: len(kept) for count, kept in found.items()} == {count: count for count in found}
    for kept in found.values():
        for one, other in zip(kept, found[3], strict=False):
            assert np.array_equal(one.first, other.first) and np.array_equal(one.to_last, other.to_last)
