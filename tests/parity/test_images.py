"""`ops.image` against stored results of Keras."""

import numpy as np
import pytest

from tests.golden import images, store
from tests.golden.package import array

GOLDEN = store.load_arrays("images")


def test_every_case_is_stored():
    assert set(GOLDEN) == set(images.CASES)


@pytest.mark.parametrize("name", images.CASES)
def test_image(name):
    got, want = array(images.CASES[name]()), GOLDEN[name]
    assert got.dtype == want.dtype
    assert got.shape == want.shape
    if want.dtype.kind == "f":
        np.testing.assert_allclose(got, want, rtol=2e-5, atol=3e-6)
    else:
        np.testing.assert_array_equal(got, want)
