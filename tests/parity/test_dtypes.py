"""The dtype lattice and result dtypes of common ops against Keras's."""

import pytest

from tests.golden import dtypes, store
from tests.golden.package import NAME

GOLDEN = store.load_json("dtypes")
# Ops that are missing, or whose result dtype is not Keras's yet; the lists only shrink.
NOT_YET = {
    "binary": set("""\
append-eager arctan2-eager arctan2-symbolic bitwise_and-eager bitwise_and-symbolic
bitwise_or-eager bitwise_or-symbolic bitwise_xor-eager bitwise_xor-symbolic
clip_tensor-eager clip_tensor-symbolic cross-eager dot-eager dot-symbolic einsum-eager
einsum-symbolic floor_divide-eager floor_divide-symbolic gcd-eager gcd-symbolic hypot-eager
hypot-symbolic inner-eager inner-symbolic left_shift-eager left_shift-symbolic matmul-eager
matmul-symbolic power-eager power-symbolic right_shift-eager right_shift-symbolic
subtract-eager tensordot-eager tensordot-symbolic vdot-eager vdot-symbolic""".split()),
    "unary": set("""\
average_pool-eager average_pool-symbolic celu-eager celu-symbolic clip-eager clip-symbolic
clip_float-eager clip_float-symbolic conj-eager copy-eager copy-symbolic diff-eager
diff-symbolic elu-eager elu-symbolic erf-eager erf-symbolic erfinv-eager erfinv-symbolic
gelu-eager gelu-symbolic glu-eager glu-symbolic hard_sigmoid-eager hard_sigmoid-symbolic
hard_silu-eager hard_silu-symbolic hard_tanh-eager hard_tanh-symbolic leaky_relu-eager
leaky_relu-symbolic log_sigmoid-eager log_sigmoid-symbolic log_softmax-eager
log_softmax-symbolic moments-eager moments-symbolic negative-eager relu6-eager
relu6-symbolic rsqrt-eager rsqrt-symbolic selu-eager selu-symbolic sigmoid-eager
sigmoid-symbolic sign-eager silu-eager silu-symbolic softmax-eager softmax-symbolic
softplus-eager softplus-symbolic softsign-eager softsign-symbolic square-eager
square-symbolic squareplus-eager squareplus-symbolic tanh_shrink-eager tanh_shrink-symbolic
threshold-eager threshold-symbolic""".split()),
    "creation": set("""\
linspace_float linspace_int""".split()),
}
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
    wrong = WRONG[kind](op, operand)
    if label(call) in NOT_YET[kind] and NAME != "keras":
        assert wrong, "right by now: take it off NOT_YET"
    else:
        assert not wrong
