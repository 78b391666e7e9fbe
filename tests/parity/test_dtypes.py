"""The dtype lattice and the result dtypes of every op against Keras's."""

import pytest

from tests.golden import dtype_calls, dtypes, store
from tests.golden.package import NAME, keras

GOLDEN = store.load_json("dtypes")
KEYS = [key.removeprefix("op ") for key in GOLDEN if key.startswith("op ")]


def stored(key):
    """A key's entries, row by row."""
    return [GOLDEN["rows"][str(number)].split(" ") for number in GOLDEN[f"op {key}"]]


def test_result_type_of_one():
    assert {a: dtypes.lattice(a) for a in dtypes.LATTICE} == GOLDEN["singles"]


@pytest.mark.parametrize("a", dtypes.LATTICE)
def test_result_type_of_two(a):
    got = {b: dtypes.lattice(a, b) for b in dtypes.LATTICE}
    assert got == dict(zip(dtypes.LATTICE, GOLDEN["pairs"][a]))


def test_result_type_of_three():
    wrong = [(*names, want, dtypes.lattice(*names)) for *names, want in GOLDEN["triples"]
             if dtypes.lattice(*names) != want]
    assert not wrong


def test_every_name_of_ops_is_in_the_table():
    public = {name for name in dir(keras.ops) if callable(getattr(keras.ops, name))}
    public = {name for name in public if not name.startswith("_")}
    held = {key.split(":")[0] for key in KEYS if "." not in key}
    assert public - held == set(dtype_calls.WITHOUT)
    assert set(KEYS) == set(dtype_calls.CALLS)


def differences(key, got):
    """What differs from Keras, in words."""
    return [f"{names}: {g}, not {w}"
            for ours, theirs, operands in zip(got, stored(key), dtypes.rows(key), strict=True)
            for g, w, names in zip(ours, theirs, operands, strict=True)
            if not dtypes.matches(g, w) and not dtypes.ours(key, names)]


@pytest.mark.filterwarnings("ignore:Casting complex values to real")
@pytest.mark.parametrize("key", KEYS)
def test_result_dtype(key):
    symbolic = dtypes.table(key, dtypes.symbolic)
    assert not differences(key, symbolic)
    if NAME == "keras":  # symbolic and eager calls of Keras differ: both are stored
        return
    eager = dtypes.table(key, dtypes.eager)
    assert not differences(key, eager)
    differ = [(names, s, e) for a, b, operands in zip(symbolic, eager, dtypes.rows(key))
              for s, e, names in zip(a, b, operands) if s != e and "-" not in (s, e)]
    assert not differ
