"""Cases of cells and attention that set, at once, all options of the weights; the rarer ones."""

from tests.golden.layer_cases_options import options
from tests.golden.sequence_cases import RECURRENT, Case, Mask, X, states

CASES = {}
GATES = {"SimpleRNN": {}, "LSTM": {"unit_forget_bias": False}, "GRU": {"reset_after": False}}


def add(name, layer, *position, **arguments):
    """Enters a layer's case, whose call's arguments are `inputs`."""
    inputs = arguments.pop("inputs")
    CASES[name] = Case(lambda L: getattr(L, layer)(*position, **arguments), inputs)


def cells():
    weights = options("kernel", "recurrent", "bias", activity=False)
    for name in RECURRENT:
        gates = {} if name == "SimpleRNN" else {"recurrent_activation": "hard_sigmoid"}
        inputs = {"inputs": (2, 3), "states": states(name)}
        add(f"{name}Cell options", f"{name}Cell", 4, inputs=inputs, activation="softsign",
            dropout=0.3, recurrent_dropout=0.2, seed=1, **gates, **GATES[name], **weights)
        add(f"{name}Cell no bias", f"{name}Cell", 4, inputs=inputs, use_bias=False)


def loops():
    for name, arguments in (("unroll", {"unroll": True}), ("backwards", {"go_backwards": True}),
                            ("zero output", {"zero_output_for_mask": True})):
        CASES[f"RNN {name}"] = Case(
            lambda L, a=arguments: L.RNN(L.GRUCell(4), return_sequences=True, **a),
            {"sequences": X, "mask": Mask((2, 5), False)})


def attention():
    pair = {"inputs": [(2, 3, 4), (2, 5, 4)]}
    add("Attention dropout", "Attention", inputs=pair, dropout=0.3, seed=1)
    add("AdditiveAttention dropout", "AdditiveAttention", inputs=pair, dropout=0.3)
    weights = options("kernel", "bias")
    for name, sizes, own in (("MultiHeadAttention", (2, 3), {}),
                             ("GroupQueryAttention", (3, 4, 2), {"flash_attention": False})):
        add(f"{name} options", name, *sizes, inputs={"query": (2, 3, 6), "value": (2, 5, 6)},
            dropout=0.3, seed=1, **own, **weights)


for family in (cells, loops, attention):
    family()
