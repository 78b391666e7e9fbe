"""The dtype lattice and result dtypes of common ops against Keras's."""

import pytest

from tests.golden import dtypes, store
from tests.golden.package import NAME

GOLDEN = store.load_json("dtypes")
OPERANDS = [dtypes.symbolic] if NAME == "keras" else [dtypes.symbolic, dtypes.eager]


def named(prefix):
    """The ops stored under a prefix; `size` is a Python int here."""
    found = [key.removeprefix(prefix) for key in GOLDEN if key.startswith(prefix)]
    return [op for op in found if op != "size"]


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


def wrong_binary(op, operand):
    got, want = dtypes.pairs(op, operand), GOLDEN[f"binary {op}"]
    names = [*dtypes.operands(op), *dtypes.scalars(op)]
    wrong = [f"{a} with {b}: {g}, not {w}" for a in want
             for b, g, w in zip(names, got[a], want[a], strict=False)
             if not dtypes.matches(g, w)]
    return wrong


def wrong_unary(op, operand):
    got, want = dtypes.singles(op, operand), GOLDEN[f"unary {op}"]
    wrong = [f"{a}: {g}, not {w}" for a, g, w in zip(dtypes.operands(op), got, want, strict=True)
             if not dtypes.matches(g, w)]
    return wrong


def wrong_creation(op, operand=None):
    got, want = dtypes.creation(op), GOLDEN[f"creation {op}"]
    return [g for g, w in zip(got, want, strict=True) if not dtypes.matches(g, w)]


WRONG = {"binary": wrong_binary, "unary": wrong_unary, "creation": wrong_creation}
CALLS = [(kind, op, operand) for kind in ("binary", "unary") for op in named(f"{kind} ")
         for operand in OPERANDS] + [("creation", op, None) for op in named("creation ")]


def label(call):
    kind, op, operand = call
    return op if operand is None else f"{op}-{operand.__name__}"


@pytest.mark.parametrize("call", CALLS, ids=label)
def test_result_dtype(call):
    kind, op, operand = call
    assert not WRONG[kind](op, operand)
