"""The dtype lattice and result dtypes of common ops against Keras's."""

import pytest
from tests.golden import dtypes, store
from tests.golden.package import NAME

GOLDEN = store.load_json("dtypes")
OPERANDS = [dtypes.symbolic] if NAME == "keras" else [dtypes.symbolic, dtypes.eager]


def named(prefix):
    """The ops stored under a prefix."""
    return [key.removeprefix(prefix) for key in GOLDEN if key.startswith(prefix)]


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


@pytest.mark.parametrize("operand", OPERANDS)
@pytest.mark.parametrize("op", named("binary "))
def test_binary(op, operand):
    got, want = dtypes.pairs(op, operand), GOLDEN[f"binary {op}"]
    names = [*dtypes.operands(op), *dtypes.scalars(op)]
    wrong = [f"{a} with {b}: {g}, not {w}" for a in want
             for b, g, w in zip(names, got[a], want[a], strict=False)
             if not dtypes.matches(g, w)]
    assert not wrong


@pytest.mark.parametrize("operand", OPERANDS)
@pytest.mark.parametrize("op", named("unary "))
def test_unary(op, operand):
    got, want = dtypes.singles(op, operand), GOLDEN[f"unary {op}"]
    wrong = [f"{a}: {g}, not {w}" for a, g, w in zip(dtypes.operands(op), got, want, strict=True)
             if not dtypes.matches(g, w)]
    assert not wrong


@pytest.mark.parametrize("op", named("creation "))
def test_creation(op):
    got, want = dtypes.creation(op), GOLDEN[f"creation {op}"]
    assert [g for g, w in zip(got, want, strict=True) if not dtypes.matches(g, w)] == []
