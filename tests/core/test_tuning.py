import pytest

from core.errors import UnknownName
from core.tuning import MEMORY_VARIABLE, PRECISION_VARIABLE, VAE_VARIABLE, Tuning, tuning


def test_nothing_said_is_everything_on_the_device_in_full_precision_where_it_matters():
    assert tuning() == Tuning("high", "", "automatic", "float32")


@pytest.mark.parametrize("variable", [MEMORY_VARIABLE, PRECISION_VARIABLE, VAE_VARIABLE])
def test_an_unknown_word_is_told_with_where_it_stands(variable, monkeypatch):
    monkeypatch.setenv(variable, "hihg")
    with pytest.raises(UnknownName, match=rf"{variable}: no .* named 'hihg'"):
        tuning()
