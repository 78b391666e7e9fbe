"""Values: NumPy's where CuPy agrees with NumPy, CuPy's where it differs."""

import copy
import pickle

import numpy as np
import pytest

from tests.helpers.fakecupy import special
from tests.helpers.fakecupy.tests.data import DATA, PARITY, bfloat16, same


@pytest.mark.parametrize("name", PARITY)
def test_values_are_numpys(cupy, x, name):
    """Functions that are right in NumPy: same values, shapes and dtypes, C order, no warnings."""
    with np.errstate(all="ignore"):
        wanted = PARITY[name](np, DATA)
    same(PARITY[name](cupy, x), wanted, rtol=1e-6)


def test_python_scalars_are_weak(cupy, x):
    for dtype in ("?", "i1", "u1", "i4", "i8", "f2", "f4", "f8", "F"):
        host, device = np.ones(2, dtype), cupy.ones(2, dtype)
        for scalar in (2, 2.5, 2j, True, np.float32(2), np.int8(2), np.float64(2)):
            assert (device * scalar).dtype == (host * scalar).dtype
            assert (device + scalar).dtype == (host + scalar).dtype
    assert (cupy.ones(2, bfloat16) * 2).dtype == bfloat16
    assert (cupy.ones(2,
                      bfloat16) * 2.5).dtype == np.float32  # ml_dtypes' promotion, which CuPy asks
    assert (cupy.ones(2, bfloat16) * cupy.ones(2, np.float32)).dtype == np.float32
    assert (x + cupy.asarray(1.0)).dtype == np.float64  # a 0-d array is not weak


def test_integer_division_by_zero_is_zero(cupy):
    a, zero = cupy.asarray([5, -5]), cupy.zeros(2, int)
    for result in (a // zero, a % zero, *divmod(a, zero), a // 0, cupy.reciprocal(zero)):
        assert result.get().tolist() == [0, 0]


def test_negative_integer_powers(cupy):
    a = cupy.asarray([2, 1, -1, -1])
    assert (a ** cupy.asarray([-1, -3, -2, -3])).get().tolist() == [0, 1, 1, -1]


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int32", "uint32", "int64"])
def test_float_to_integer_casts_saturate(cupy, dtype):
    info = np.iinfo(dtype)
    a = cupy.asarray([np.inf, -np.inf, np.nan, 1e30, -1e30, 2.7])
    for source in (a, a.astype(np.float32), a.astype(bfloat16)):
        got = source.astype(dtype).get().tolist()
        assert got == [info.max, info.min, 0, info.max, info.min, 2]


def test_no_floating_point_warnings(cupy, x):
    results = [x / 0, cupy.log(-x), cupy.exp(x * 1000), cupy.mean(cupy.zeros(0)), cupy.sqrt(-x)]
    assert all(isinstance(result, cupy.ndarray) for result in results)
    with pytest.raises(np.exceptions.ComplexWarning):  # this one CuPy gives as well
        (x + 1j).astype(float)


def test_failed_decompositions_give_nan(cupy):
    singular, bad = cupy.ones((2, 2)), cupy.asarray([[1.0, 2.0], [2.0, 1.0]])
    assert np.isnan(cupy.linalg.inv(singular).get()).all()
    assert np.isnan(cupy.linalg.solve(singular, cupy.ones(2)).get()).all()
    assert np.isnan(cupy.linalg.cholesky(bad).get()).all()
    batch = cupy.stack([singular, cupy.eye(2)])
    got = cupy.linalg.inv(batch).get()
    assert np.isnan(got[0]).all() and (got[1] == np.eye(2)).all()
    values, vectors = cupy.linalg.eigh(cupy.full((2, 2), cupy.nan))
    assert np.isnan(values.get()).all() and vectors.shape == (2, 2)
    for call in (lambda: cupy.linalg.inv(cupy.ones((2, 3))), lambda: cupy.linalg.det(cupy.ones(3))):
        with pytest.raises(np.linalg.LinAlgError):
            call()


def test_linear_algebra(cupy):
    host = np.array([[4.0, 1.0], [1.0, 3.0]])
    a = cupy.asarray(host)
    for name in ("inv", "cholesky", "det", "pinv", "eigvalsh", "norm", "matrix_rank"):
        same(getattr(cupy.linalg, name)(a), getattr(np.linalg, name)(host), 1e-12)
    for name in ("qr", "svd", "eigh", "slogdet"):
        result = getattr(cupy.linalg, name)(a)
        assert type(result) is tuple
        same(result, getattr(np.linalg, name)(host), 1e-12)
    same(cupy.linalg.solve(a, a), np.eye(2), 1e-12)
    same(cupy.linalg.lstsq(a, a[0], rcond=None)[0], np.linalg.lstsq(host, host[0])[0], 1e-12)


def test_half_precision_accumulates_in_float32(cupy):
    for dtype in (np.float16, bfloat16):
        ones = np.full(4096, 1 + 2**-7, dtype)
        exact = ones.astype(np.float64).sum()
        for result in (cupy.asarray(ones).sum(), cupy.asarray(ones).mean() * 4096,
                       cupy.dot(cupy.asarray(ones), cupy.ones(4096, dtype))):
            assert result.dtype == dtype and float(result) == float(dtype.type(exact)
                                                                    if hasattr(dtype, "type")
                                                                    else dtype(exact))
    batch = cupy.ones((2, 2, 4096), np.float16) * np.float16(1 + 2**-7)
    product = batch @ batch.transpose(0, 2, 1)
    assert product.dtype == np.float16
    assert float(product[0, 0, 0]) == float(np.float16(4096 * (1 + 2**-7) ** 2))
    assert cupy.asarray(ones).sum(dtype=np.float32).dtype == np.float32


def test_bfloat16_goes_through_functions(cupy):
    a = cupy.asarray(np.array([[1, 2, 3], [0, -1, 5]], bfloat16))
    for result in (cupy.exp(a), a + 1, a.max(1), a.mean(), cupy.maximum(a, 0),
                   cupy.where(a > 0, a, a),
                   cupy.concatenate([a, a]), a[0], cupy.tanh(a), a.T, a.reshape(6), a @ a.T):
        assert result.dtype == bfloat16
    with pytest.raises(TypeError, match="bfloat16"):
        cupy.round(a)
    assert divmod(a, a)[0].dtype == np.float32  # no bfloat16 loop is listed


def test_results_are_in_c_order(cupy, x):
    f = cupy.asarray(np.asfortranarray(DATA))
    assert f.flags.f_contiguous and not f.flags.c_contiguous
    for result in (f + f, cupy.exp(f), cupy.concatenate([f, f], axis=1), f @ f.T, f.copy(), f * 2,
                   cupy.where(f > 1, f, f), cupy.moveaxis(cupy.exp(f), 0, 1).copy()):
        assert result.flags.c_contiguous
    for result in (f.astype(np.float64), f.copy("K"), cupy.empty_like(f), cupy.copy(f)):
        assert result.flags.f_contiguous
    assert cupy.ascontiguousarray(f).flags.c_contiguous
    assert cupy.asfortranarray(x).flags.f_contiguous and cupy.asfortranarray(f) is f


def test_uninitialised_memory_shows(cupy):
    assert np.isnan(cupy.empty(3).get()).all() and np.isnan(cupy.empty(2, np.complex64).get()).all()
    assert cupy.empty(1, np.uint32).item() == 0xCDCDCDCD
    assert np.isnan(cupy.empty_like(cupy.ones(2, bfloat16)).get().astype(float)).all()
    assert np.isnan(cupy.ndarray((2, 2), np.float32).get()).all()


def test_writing_in_place(cupy, x):
    cupy.copyto(x, 1.0, where=x > 3)
    cupy.putmask(x, x == 0, x + 9)
    cupy.fill_diagonal(x, 5.0)
    cupy.put_along_axis(x, cupy.asarray([[2]]), 7.0, axis=1)
    assert x.get().tolist() == [[5, 1, 7], [3, 5, 7]]
    x.diagonal()[:] = 0.0
    assert x[0, 0].item() == 0
    with pytest.raises(TypeError, match="Cannot cast"):
        cupy.copyto(cupy.zeros(2, int), 1.5)
    view = x.T[1]
    view *= 2
    assert x.get().tolist() == [[0, 2, 7], [3, 0, 7]]
    z = cupy.zeros(2, complex)
    z.real, z.imag = 1.0, cupy.asarray([2.0, 3.0])
    assert z.get().tolist() == [1 + 2j, 1 + 3j]


def test_array_and_asarray(cupy, x):
    assert cupy.asarray(x) is x and cupy.array(x) is not x and cupy.array(x, copy=False) is x
    assert cupy.asarray(x, np.float64).dtype == np.float64
    assert cupy.asarray(x, order="F").flags.f_contiguous
    assert cupy.array([1, 2], ndmin=2).shape == (1, 2)
    same(cupy.array([x, x]), np.array([DATA, DATA]))
    with pytest.raises(ValueError, match="avoid copy"):
        cupy.asarray(DATA, copy=False)
    host = DATA.copy()
    y = cupy.asarray(host)
    host[:] = 0
    same(y, DATA)
    same(pickle.loads(pickle.dumps(x)), DATA)
    clone = copy.deepcopy(x)
    clone[:] = 0
    same(x, DATA)
    assert cupy.get_array_module(x) is cupy and cupy.get_array_module(DATA) is np
    assert cupy.asnumpy(DATA) is DATA


def test_the_other_operand_may_take_over(cupy, x):
    class Wins:
        __array_priority__ = 200

        def __radd__(self, other):
            return "won"

    class Loses:
        def __radd__(self, other):
            return "won"

    class OptsOut:
        __array_ufunc__ = None

        def __rmul__(self, other):
            return "opted out"

    assert x + Wins() == "won" and x * OptsOut() == "opted out"
    with pytest.raises(TypeError, match="Unsupported type"):
        x + Loses()


def test_random_draws(cupy):
    cupy.random.seed(1)
    first = cupy.random.normal(0, 1, (3,), dtype=np.float32)
    cupy.random.seed(1)
    second = cupy.random.normal(0, 1, (3,), dtype=np.float32)
    assert first.dtype == np.float32 and (first == second).all()
    generator = cupy.random.default_rng(3)
    out = cupy.empty(4, np.float32)
    assert generator.standard_normal(out=out, size=4, dtype=np.float32) is out
    assert not np.isnan(out.get()).any()
    draws = generator.integers(0, 4, 100).get()
    assert draws.min() == 0 and draws.max() == 3
    assert cupy.random.rand(2, 3).shape == (2, 3) and cupy.random.random().dtype == np.float64
    assert sorted(cupy.random.permutation(5).get()) == [0, 1, 2, 3, 4]
    a = cupy.arange(5)
    cupy.random.shuffle(a)
    assert sorted(a.get()) == [0, 1, 2, 3, 4]
    for dtype in (np.float16, bfloat16):
        with pytest.raises(TypeError, match="does not draw"):
            cupy.random.normal(size=3, dtype=dtype)


def test_special_functions(cupy):
    scipy_special = pytest.importorskip("scipy.special")
    from cupyx.scipy import special as device_special

    host = np.array([0.1, 0.5, 0.9])
    for name in ("erf", "erfinv", "gammaln", "digamma", "i0", "i0e", "i1", "i1e", "ndtri", "expit"):
        same(getattr(device_special, name)(cupy.asarray(host)), getattr(scipy_special, name)(host))
    assert device_special.erf(cupy.ones(2, np.float16)).dtype == np.float64  # listed as e->d
    with pytest.raises(TypeError, match="Wrong type"):
        device_special.erf(cupy.ones(2, complex))
    same(device_special.logsumexp(cupy.asarray(host)), scipy_special.logsumexp(host))


@pytest.mark.parametrize("name", special.FORMULAS)
def test_formulas_used_without_scipy(name):
    function = getattr(pytest.importorskip("scipy.special"), name)
    values = {"erfinv": [-0.99, -0.3, 0.2, 0.9], "ndtri": [1e-6, 0.3, 0.9], "logit": [0.1, 0.7],
              "digamma": [-1.5, 0.1, 1.0, 20.0], "psi": [0.5, 3.0], "expit": [-3.0, 4.0],
              "gammaln": [-1.5, 0.1, 30.0], "gamma": [-1.5, 0.3, 4.0]}.get(name,
                                                                           [-3.0, 0.0, 0.4, 9.0])
    if name == "log1p":
        values = [-0.4, 0.0, 3.0]
    values = np.array(values)
    arguments = (values, np.array([2.0, 3.0, 4.0, 5.0])) if name == "xlogy" else (values,)
    ours = np.sinc(values) if name == "sinc" else special.FORMULAS[name](*arguments)
    np.testing.assert_allclose(ours, function(*arguments), rtol=1e-9, atol=1e-15)


def test_image_and_linear_functions_of_scipy(cupy):
    ndimage = pytest.importorskip("scipy.ndimage")
    from cupyx.scipy import linalg as device_linalg
    from cupyx.scipy import ndimage as device_ndimage

    host = np.arange(16.0).reshape(4, 4)
    points = np.array([[0.5, 1.5], [2.0, 2.5]])
    got = device_ndimage.map_coordinates(cupy.asarray(host), cupy.asarray(points), order=1)
    same(got, ndimage.map_coordinates(host, points, order=1), 1e-12)
    a = cupy.asarray(host + 9 * np.eye(4))
    factor, pivots = device_linalg.lu_factor(a)
    same(device_linalg.lu_solve((factor, pivots), a), np.eye(4), 1e-12)
