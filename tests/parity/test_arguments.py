"""Every constructor argument of every layer is in some row that is held against Keras."""

import inspect
from pathlib import Path

import pytest

import minikeras as keras
from tests.golden import (
    layer_cases,
    layer_cases_more,
    layer_cases_options,
    sequence_cases,
    sequence_cases_options,
)

BASE = {"self", "name", "dtype", "trainable", "kwargs", "args"}
STATES = "layers/test_recurrent.py::test_stateful_batches_continue_each_other"
LOOPS = "layers/test_recurrent.py::test_stateful_loops_over_any_cell_continue"
QUANTIZED = "layers/test_dense.py::test_quantization_is_refused"
# Not in a row: the test that has the argument. Keras's `weights` are set over by the rows', its
# `stateful` needs two calls, `synchronized` replicas; quantization is not part of minikeras.
ELSEWHERE = {
    "BatchNormalization": {
        "synchronized": "layers/test_normalization.py::test_synchronized_is_over_one_replica"},
    "Bidirectional": {"weights": "layers/test_recurrent.py::test_bidirectional_initial_weights"},
    "Dense": {"quantization_config": QUANTIZED},
    "EinsumDense": {"quantization_config": QUANTIZED, "gptq_unpacked_column_size":
                    "layers/test_dense.py::test_columns_of_quantized_kernels_are_refused"},
    "Embedding": {"quantization_config": QUANTIZED,
                  "weights": "ops/test_out_of_range.py::test_embedding"},
    "GRU": {"stateful": STATES},
    "LSTM": {"stateful": STATES},
    "SimpleRNN": {"stateful": STATES},
    "RNN": {"stateful": LOOPS},
    "ConvLSTM1D": {"stateful": LOOPS},
    "ConvLSTM2D": {"stateful": LOOPS},
    "ConvLSTM3D": {"stateful": LOOPS},
}
TESTS = Path(__file__).parents[1]


def layers_here():
    """The layers of these tables' concern, by their names in `layers`."""
    known = {case.layer for case in CASES} | {name for name, _ in recorded()}
    return sorted(known - {"Input"})


CASES = [case for table in (layer_cases, layer_cases_more, layer_cases_options)
         for case in table.CASES.values()]
SEQUENCES = sequence_cases.CASES | sequence_cases_options.CASES


class Recorder:
    """`layers`, noting what is made with which arguments."""

    def __init__(self):
        self.made = []

    def __getattr__(self, name):
        cls = getattr(keras.layers, name)

        def make(*args, **kwargs):
            bound = inspect.signature(cls.__init__).bind(None, *args, **kwargs)
            self.made.append((name, {**bound.arguments, **kwargs}))
            return cls(*args, **kwargs)

        return make


def recorded():
    recorder = Recorder()
    for case in SEQUENCES.values():
        case.make(recorder)
    return recorder.made


def parts(layer, arguments):
    """(layer, arguments) of a case and of the layers among its arguments."""
    yield layer, arguments
    for value in arguments.values():
        for part in value if isinstance(value, (list, tuple)) else [value]:
            if isinstance(part, layer_cases.Part):
                yield from parts(part.layer, part.arguments)


def used():
    """{layer: names of the arguments that some row sets}"""
    found = {}
    rows = [p for case in CASES for p in parts(case.layer, case.arguments)]
    for layer, arguments in [*rows, *recorded()]:
        found.setdefault(layer, set()).update(arguments)
    return found


USED = used()


@pytest.mark.parametrize("name", layers_here())
def test_every_argument_is_in_a_row(name):
    parameters = inspect.signature(getattr(keras.layers, name).__init__).parameters
    missing = set(parameters) - BASE - USED.get(name, set())
    assert missing == set(ELSEWHERE.get(name, ()))


@pytest.mark.parametrize("place", sorted({
    p for found in ELSEWHERE.values() for p in found.values()}))
def test_the_other_tests_are_there(place):
    path, name = place.split("::")
    assert f"def {name}(" in (TESTS / path).read_text(encoding="utf-8")
