"""What the stand-in refuses, as CuPy does."""

import operator

import numpy as np
import pytest

from tests.helpers.fakecupy.tests.data import DATA, bfloat16, same


@pytest.mark.parametrize("convert", [
    np.asarray, np.array, lambda x: np.array([x, x]), lambda x: np.asarray(x, dtype=float),
    memoryview, lambda x: np.concatenate([DATA, x]), np.histogram_bin_edges, np.spacing,
])
def test_no_implicit_conversion(x, convert):
    with pytest.raises((TypeError, DeprecationWarning)):  # NumPy 2 warns before it calls __array__
        convert(x)


@pytest.mark.parametrize("combine", [
    operator.add, operator.sub, operator.mul, operator.truediv, operator.pow, operator.matmul,
    operator.iadd, operator.lt, operator.eq, np.add, np.maximum,
])
def test_host_arrays_are_refused_on_either_side(x, combine):
    host = np.ones((2, 3), np.float32)
    for pair in ((x, host), (host, x), (x, host.tolist()), (host.tolist(), x)):
        with pytest.raises(TypeError):
            combine(*pair)


def test_host_arrays_are_refused_by_functions(cupy, x):
    for call in (lambda: cupy.sum(DATA), lambda: cupy.reshape(DATA, (3, 2)),
                 lambda: cupy.concatenate([DATA]), lambda: cupy.concatenate([x, DATA]),
                 lambda: cupy.stack([1.0, 2.0]), lambda: cupy.where(x > 1, DATA, x),
                 lambda: cupy.linalg.norm(DATA), lambda: cupy.matmul(x, DATA.T),
                 lambda: cupy.einsum("ij,kj->ik", x, DATA), lambda: cupy.exp([1.0]),
                 lambda: cupy.clip(x, DATA, None), lambda: cupy.copyto(x, DATA),
                 lambda: cupy.add(x, x, out=DATA), lambda: cupy.sum(x, out=DATA),
                 lambda: cupy.fft.fft(DATA), lambda: cupy.dot(x, 2.0),
                 lambda: cupy.full((2, 3), DATA), lambda: cupy.random.normal(DATA)):
        with pytest.raises(TypeError):
            call()
    for call in (lambda: cupy.searchsorted(np.arange(3), x), lambda: cupy.searchsorted(x[0], [1])):
        with pytest.raises(NotImplementedError):
            call()


def test_a_device_number_is_no_host_number(cupy, x):
    n = cupy.asarray(2)
    for use in (lambda: range(n), lambda: [1, 2, 3][n], lambda: x.reshape(n, 3),
                lambda: cupy.zeros(n), lambda: cupy.empty((n, 2)), lambda: cupy.arange(n),
                lambda: x.sum(axis=n), lambda: cupy.tile(x, n), lambda: cupy.ones((3, n))):
        with pytest.raises(TypeError):
            use()


@pytest.mark.parametrize("call, name", [
    (lambda c, x: c.sum(x, where=x > 1), "where"), (lambda c, x: c.max(x, initial=0), "initial"),
    (lambda c, x: x.mean(where=x > 1), "where"),
    (lambda c, x: c.var(x, correction=1), "correction"),
    (lambda c, x: c.take(x, 0, mode="clip"), "mode"), (lambda c, x: x.take(0, mode="clip"), "mode"),
    (lambda c, x: c.zeros(3, device="gpu"), "device"), (lambda c, x: c.asarray(1, like=x), "like"),
    (lambda c, x: c.argsort(x, stable=True), "stable"), (lambda c, x: x.sort(order=None), "order"),
    (lambda c, x: c.einsum("ij->i", x, out=x), "out"),
    (lambda c, x: c.isin(x, x, kind=None), "kind"),
    (lambda c, x: c.reshape(x, shape=(3, 2)), "shape"), (lambda c, x: c.flip(m=x), "m"),
    (lambda c, x: c.concatenate([x], arrays=[x]), "arrays"),
    (lambda c, x: c.clip(x, min=0, max=1), "min"),
    (lambda c, x: c.fft.fft(x, out=x), "out"),
    (lambda c, x: c.linalg.svd(x, hermitian=True), "herm"),
    (lambda c, x: c.random.default_rng().standard_normal(3, loc=1), "loc"),
    (lambda c, x: c.unique(x, sorted=True), "sorted"),
    (lambda c, x: x.reshape((3, 2), foo=1), "foo"),
])
def test_parameters_numpy_has_and_cupy_lacks(cupy, x, call, name):
    with pytest.raises(TypeError, match=name):
        call(cupy, x)


def test_missing_and_surplus_arguments(cupy, x):
    for call in (lambda: cupy.sum(), lambda: cupy.sum(x, 0, None, None, False, 1),
                 lambda: cupy.expand_dims(x), lambda: x.sum(0, None, None, False, 1)):
        with pytest.raises(TypeError, match=r"\(\)"):
            call()


@pytest.mark.parametrize("name",
                         ["block", "insert", "geomspace", "vecdot", "errstate", "frompyfunc",
                                  "nanpercentile", "ndenumerate", "einsum_path", "datetime64"])
def test_names_numpy_has_and_cupy_lacks(cupy, name):
    with pytest.raises(AttributeError):
        getattr(cupy, name)


@pytest.mark.parametrize("name", ["multi_dot", "vector_norm", "svdvals", "tensordot", "trace"])
def test_names_numpy_linalg_has_and_cupy_lacks(cupy, name):
    with pytest.raises(AttributeError):
        getattr(cupy.linalg, name)


@pytest.mark.parametrize("name", ["normal", "permutation", "shuffle", "choice", "spawn", "bytes"])
def test_the_new_generator_lacks_them(cupy, name):
    with pytest.raises(AttributeError):
        getattr(cupy.random.default_rng(0), name)


@pytest.mark.parametrize("name", ["resize", "to_device", "ctypes", "setflags"])
def test_array_methods_cupy_lacks(x, name):
    with pytest.raises(AttributeError):
        getattr(x, name)


def test_members_without_a_body_say_so(cupy, x):
    for use in (lambda: x.flat, lambda: x.cstruct, lambda: x.toDlpack(), lambda: x.dumps(),
                lambda: cupy.cuda.Device().pci_bus_id, lambda: cupy.cuda.Stream().from_external(1),
                lambda: cupy.r_, lambda: cupy.mgrid, lambda: cupy.cuda.nccl.NCCL_SUM):
        with pytest.raises(NotImplementedError, match="fakecupy"):
            use()


@pytest.mark.parametrize("keyword", ["where", "order", "subok", "signature"])
def test_ufuncs_take_out_dtype_and_casting_only(cupy, x, keyword):
    with pytest.raises(TypeError, match="Wrong arguments"):
        cupy.add(x, x, **{keyword: None})


def test_ufunc_arguments(cupy, x):
    out = cupy.empty((2, 3), np.float32)
    assert cupy.add(x, x, out) is out and cupy.add(x, x, out=out) is out
    assert cupy.add(x, x, out=(out,)) is out
    same(out, DATA + DATA)
    with pytest.raises(ValueError, match="positional and keyword"):
        cupy.add(x, x, out, out=out)
    with pytest.raises(ValueError, match="Out shape is mismatched"):
        cupy.add(x, x, cupy.empty((3, 2), np.float32))
    with pytest.raises(TypeError, match="could not be coerced"):
        cupy.add(x, x, cupy.empty((2, 3), np.int32))
    same(cupy.add(x, 1.5, cupy.empty((2, 3), np.int32), casting="unsafe"),
         (DATA + 1.5).astype("i4"))
    with pytest.raises(TypeError, match="Wrong number of arguments"):
        cupy.add(x)
    with pytest.raises(TypeError, match="Wrong type"):
        cupy.bitwise_and(x, x)
    with pytest.raises(TypeError, match="Wrong type"):
        cupy.exp(x, dtype=np.int32)
    with pytest.raises(OverflowError):
        cupy.zeros(3, np.uint8) + 300
    assert cupy.exp(x, dtype=np.float64).dtype == np.float64


def test_ufunc_methods(cupy, x):
    same(cupy.add.reduce(x, axis=1), np.add.reduce(DATA, axis=1))
    same(cupy.multiply.accumulate(x, axis=1), np.multiply.accumulate(DATA, axis=1))
    same(cupy.add.reduceat(x, cupy.asarray([0, 1]), axis=1), np.add.reduceat(DATA, [0, 1], axis=1))
    same(cupy.subtract.outer(x, x[0]), np.subtract.outer(DATA, DATA[0]))
    for call in (lambda: cupy.maximum.reduce(x), lambda: cupy.subtract.accumulate(x),
                 lambda: cupy.multiply.reduceat(x, cupy.asarray([0])),
                 lambda: cupy.multiply.at(x, cupy.asarray([0]), 1.0)):
        with pytest.raises(NotImplementedError, match="not supported"):
            call()


@pytest.mark.parametrize("dtype", ["int8", "int16", "uint8", "bool", "complex64", bfloat16])
def test_add_at_dtypes(cupy, dtype):
    with pytest.raises(TypeError, match="cupy.add.at only supports"):
        cupy.add.at(cupy.zeros(3, dtype), cupy.asarray([0]), 1)


@pytest.mark.parametrize("dtype", ["int32", "int64", "uint32", "float16", "float32", "float64"])
def test_add_at_adds_duplicates_and_wraps(cupy, dtype):
    a = cupy.zeros(3, dtype)
    cupy.add.at(a, cupy.asarray([0, 0, 2, 4]), cupy.asarray(np.array([1, 2, 3, 4], dtype)))
    assert a.get().tolist() == [3, 4, 3]
    with pytest.raises(TypeError, match="cupy.subtract.at only supports"):
        cupy.subtract.at(cupy.zeros(3), cupy.asarray([0]), 1.0)


def test_unsupported_dtypes(cupy, x):
    for make in (lambda: cupy.asarray(np.array(["a"])), lambda: cupy.zeros(3, object),
                 lambda: cupy.array([1, "a"]), lambda: x.astype("datetime64[s]"),
                 lambda: cupy.empty(2, np.longdouble), lambda: cupy.full(2, None)):
        with pytest.raises((ValueError, TypeError)):
            make()


def test_sorting(cupy, x):
    ties = cupy.asarray(np.array([2, 1, 2, 1, 0], np.float32))
    assert cupy.argsort(ties).get().tolist() == [4, 1, 3, 0, 2]
    assert cupy.argpartition(ties, 1).get().tolist() == [4, 1, 3, 0, 2]
    assert cupy.partition(ties, 4).get().tolist() == [0, 1, 1, 2, 2]
    for call in (lambda: cupy.sort(x, kind="quicksort"), lambda: x.sort(kind="heapsort"),
                 lambda: x.argsort(kind="mergesort")):
        with pytest.raises(ValueError, match="stable"):
            call()
    with pytest.raises(NotImplementedError, match="non-contiguous"):
        x.T.sort()
    x.sort(axis=0)
    same(x, np.sort(DATA, 0))
    with pytest.raises(NotImplementedError):
        cupy.lexsort(cupy.zeros((2, 2, 2)))


def test_linear_algebra_refuses_half_precision(cupy):
    for dtype in (np.float16, bfloat16):
        a = cupy.eye(2).astype(dtype)
        for name in ("inv", "det", "cholesky", "svd", "qr", "eigh"):
            with pytest.raises(TypeError, match="unsupported"):
                getattr(cupy.linalg, name)(a)


def test_batched_bfloat16_products_raise_and_two_dimensions_work(cupy):
    a = cupy.ones((2, 3, 3), bfloat16)
    for call in (lambda: a @ a, lambda: cupy.einsum("bij,bjk->bik", a, a),
                 lambda: cupy.einsum("...ij,...jk", a, a)):
        with pytest.raises(TypeError, match="bfloat16"):
            call()
    for product in (a[0] @ a[1], cupy.einsum("ij,jk->ik", a[0], a[1]), cupy.dot(a[0], a[1]),
                    cupy.tensordot(a[0], a[1], 1)):
        assert product.dtype == bfloat16 and (product.get() == 3).all()


def test_matmul_options_that_cupy_barely_has(cupy, x):
    with pytest.raises(NotImplementedError):
        cupy.matmul(x, x.T, axes=[(0, 1), (0, 1), (0, 1)])
    with pytest.raises(ValueError, match="matmul"):
        x @ x


def test_array_get_and_set_are_strict(cupy, x):
    with pytest.raises(TypeError, match="Only numpy.ndarray"):
        x.set([1, 2])
    with pytest.raises(TypeError, match="cannot be set"):
        x.set(DATA.astype(float))
    with pytest.raises(ValueError, match="Shape mismatch"):
        x.set(DATA.T)
    with pytest.raises(RuntimeError, match="non-contiguous"):
        x[:, ::2].set(DATA[:, ::2])
    with pytest.raises(TypeError, match="Only numpy.ndarray"):
        x.get(out=[1])
    with pytest.raises(ValueError, match="out has shape"):
        x.get(out=np.empty((3, 2), np.float32))
    out = np.empty_like(DATA)
    assert x.get(out=out) is out and (out == DATA).all()
    x.set(DATA + 1)
    same(x, DATA + 1)


def test_scalars_of_arrays(cupy, x):
    with pytest.raises(ValueError, match="ambiguous"):
        bool(x)
    for convert in (int, float, complex, lambda v: v.item()):
        with pytest.raises(ValueError, match="size 1"):
            convert(x)
    with pytest.raises(TypeError, match="unhashable"):
        hash(x)
    with pytest.raises(TypeError, match="unsized"):
        len(x.sum())
    with pytest.raises(TypeError, match="0-d"):
        iter(x.sum())
    assert not hasattr(x, "__array_interface__") and not hasattr(x, "__index__")
