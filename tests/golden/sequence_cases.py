"""The table of cases of recurrent and attention layers: what is called with what, no values."""

from dataclasses import dataclass
from itertools import product


@dataclass
class Case:
    """One call of a layer.

    Args:
        make: function of `keras.layers` that gives the layer.
        args: arguments of the call, the first one given by position. A tuple is the shape of a
            float tensor, a `Mask` that of a boolean one; lists of them are lists of tensors.
    """

    make: object
    args: dict


@dataclass
class Mask:
    """A boolean tensor, two thirds True; `first` is the value at the first place of each row."""

    shape: tuple
    first: bool = None


CASES = {}
X = (2, 5, 3)
RECURRENT = ("SimpleRNN", "GRU", "LSTM")


def add(name, make, **args):
    assert name not in CASES, name
    CASES[name] = Case(make, args)


def text(arguments):
    return " ".join(f"{k}={v}" for k, v in arguments.items())


def states(layer, units=4, batch=2):
    return [(batch, units)] * (2 if layer == "LSTM" else 1)


def recurrent():
    for name in RECURRENT:
        def case(title, args, layer=name, **arguments):
            add(f"{layer} {text(arguments)} {title}",
                lambda L: getattr(L, layer)(4, **arguments), **args)

        for sequences, state, backwards in product((False, True), repeat=3):
            case("", {"sequences": X}, return_sequences=sequences, return_state=state,
                 go_backwards=backwards)
        for sequences in (False, True):
            case("states", {"sequences": X, "initial_state": states(name)},
                 return_sequences=sequences, return_state=True)
            for first in (None, False):
                case(f"mask {first}", {"sequences": X, "mask": Mask((2, 5), first)},
                     return_sequences=sequences, return_state=True)
            case("masked states", {"sequences": X, "initial_state": states(name),
                                   "mask": Mask((2, 5), False)},
                 return_sequences=sequences, return_state=True, go_backwards=True)
            case("mask zero", {"sequences": X, "mask": Mask((2, 5))},
                 return_sequences=sequences, zero_output_for_mask=True)
        case("", {"sequences": X}, unroll=True, return_sequences=True)
        case("", {"sequences": X}, use_bias=False, return_sequences=True, return_state=True)
        case("mask", {"sequences": X, "mask": Mask((2, 5), False)}, activation="relu",
             return_sequences=True, return_state=True)
        case("mask zero", {"sequences": X, "mask": Mask((2, 5), False)}, activation="softsign",
             return_sequences=True, zero_output_for_mask=True)
        case("one step", {"sequences": (3, 1, 2)}, return_sequences=True)
        case("one sample", {"sequences": (1, 6, 2)}, return_state=True)
        cell = f"{name}Cell"
        add(f"{cell} one step", lambda L, cell=cell: getattr(L, cell)(4), inputs=(2, 3),
            states=states(name))
        add(f"RNN {cell} mask", lambda L, cell=cell: L.RNN(
            getattr(L, cell)(4), return_sequences=True, return_state=True), sequences=X,
            mask=Mask((2, 5), False))
    for arguments in ({"reset_after": False}, {"reset_after": False, "use_bias": False}):
        add(f"GRU {text(arguments)}", lambda L, a=arguments: L.GRU(
            4, return_sequences=True, return_state=True, **a), sequences=X, mask=Mask((2, 5)),
            initial_state=states("GRU"))
    add("LSTM hard_sigmoid", lambda L: L.LSTM(
        4, recurrent_activation="hard_sigmoid", return_sequences=True), sequences=X)
    for masked in (False, True):
        more = {"mask": Mask((2, 5), False)} if masked else {}
        add(f"RNN stack {masked}", lambda L: L.RNN(
            [L.LSTMCell(4), L.GRUCell(3), L.SimpleRNNCell(2)], return_sequences=True,
            return_state=True), sequences=X, **more)
    add("RNN stack states", lambda L: L.RNN([L.LSTMCell(4), L.GRUCell(3)], return_state=True),
        sequences=X, initial_state=[[(2, 4), (2, 4)], [(2, 3)]])


def wrappers():
    for mode, sequences, state in product(("concat", "sum", "mul", "ave", None), (False, True),
                                          (False, True)):
        add(f"Bidirectional {mode} {sequences} {state}", lambda L, m=mode, a=sequences, b=state:
            L.Bidirectional(L.LSTM(3, return_sequences=a, return_state=b), merge_mode=m),
            sequences=X)
    for sequences in (False, True):
        add(f"Bidirectional mask states {sequences}", lambda L, a=sequences: L.Bidirectional(
            L.GRU(3, return_sequences=a, return_state=True)), sequences=X,
            initial_state=[(2, 3), (2, 3)], mask=Mask((2, 5), False))
    add("Bidirectional backward_layer", lambda L: L.Bidirectional(
        L.LSTM(3, return_sequences=True),
        backward_layer=L.GRU(4, go_backwards=True, return_sequences=True)), sequences=X)
    add("Bidirectional RNN", lambda L: L.Bidirectional(
        L.RNN([L.LSTMCell(3), L.GRUCell(2)], return_sequences=True)), sequences=X)
    add("TimeDistributed Dense", lambda L: L.TimeDistributed(L.Dense(4, activation="tanh")),
        inputs=X)
    add("TimeDistributed Dense mask", lambda L: L.TimeDistributed(L.Dense(4)), inputs=X,
        mask=Mask((2, 5)))
    add("TimeDistributed Conv2D", lambda L: L.TimeDistributed(L.Conv2D(2, 2)),
        inputs=(2, 3, 4, 5, 2))
    add("TimeDistributed LSTM", lambda L: L.TimeDistributed(L.LSTM(3)), inputs=(2, 3, 4, 2))


def convolutional():
    sizes = {1: (2, 3, 6, 2), 2: (2, 3, 5, 6, 2), 3: (1, 2, 4, 3, 4, 2)}
    first = {1: (2, 3, 2, 6), 2: (2, 3, 2, 5, 6), 3: (1, 2, 2, 4, 3, 4)}
    for rank in (1, 2, 3):
        def case(shape, mask=None, layer=f"ConvLSTM{rank}D", **arguments):
            more = {} if mask is None else {"mask": mask}
            add(f"{layer} {text(arguments)} {shape} {mask is not None}",
                lambda L: getattr(L, layer)(2, **{"kernel_size": 2, **arguments}),
                sequences=shape, **more)

        case(sizes[rank])
        case(sizes[rank], return_sequences=True, return_state=True, padding="same")
        case(first[rank], data_format="channels_first", return_sequences=True)
    case(sizes[2], layer="ConvLSTM2D", strides=2, padding="same")
    case(sizes[2], layer="ConvLSTM2D", dilation_rate=2, kernel_size=(2, 3))
    case(sizes[2], layer="ConvLSTM2D", go_backwards=True, use_bias=False, return_sequences=True)
    case(sizes[2], layer="ConvLSTM2D", mask=Mask((2, 3)), return_sequences=True,
         unit_forget_bias=False)
    case(sizes[2], layer="ConvLSTM2D", activation="relu", recurrent_activation="hard_sigmoid")


def attention():
    q, v, k = (2, 3, 4), (2, 5, 4), (2, 5, 4)
    for layer, arguments in (
        ("Attention", {}), ("Attention", {"use_scale": True}),
        ("Attention", {"score_mode": "concat"}),
        ("Attention", {"score_mode": "concat", "use_scale": True}),
        ("AdditiveAttention", {}), ("AdditiveAttention", {"use_scale": False}),
    ):
        def case(title, layer=layer, arguments=arguments, **args):
            add(f"{layer} {text(arguments)} {title}", lambda L: getattr(L, layer)(**arguments),
                **args)

        case("two", inputs=[q, v])
        case("three scores", inputs=[q, (2, 5, 6), k], return_attention_scores=True)
        case("causal", inputs=[q, v], use_causal_mask=True)
        case("masks", inputs=[q, v], mask=[Mask((2, 3)), Mask((2, 5))],
             return_attention_scores=True)
        case("value mask causal", inputs=[q, v, k], mask=[None, Mask((2, 5), True), None],
             use_causal_mask=True)


def multi_head():
    q, v = (2, 3, 6), (2, 5, 4)
    for title, arguments in (
        ("", {}), ("no bias", {"use_bias": False}), ("value_dim", {"value_dim": 5}),
        ("output_shape", {"output_shape": 7}), ("gate", {"use_gate": True}),
        ("gate value_dim", {"use_gate": True, "value_dim": 5, "use_bias": False}),
        ("window", {"sliding_window": 1}), ("no flash", {"flash_attention": False}),
        ("output shape of two", {"output_shape": (2, 3)}),
    ):
        def case(what, arguments=arguments, title=title, **args):
            add(f"MultiHeadAttention {title} {what}",
                lambda L: L.MultiHeadAttention(2, 3, **arguments), **args)

        case("cross", query=q, value=v)
        case("scores", query=q, value=q, return_attention_scores=True)
        if title in ("", "window", "no flash", "gate"):
            case("key", query=q, value=v, key=(2, 5, 3))
            case("causal", query=q, value=v, use_causal_mask=True)
            case("masks", query=q, value=v, query_mask=Mask((2, 3)), value_mask=Mask((2, 5), True),
                 key_mask=Mask((2, 5), True))
            case("masks scores", query=q, value=v, query_mask=Mask((2, 3)),
                 value_mask=Mask((2, 5)), return_attention_scores=True)
            case("attention_mask", query=q, value=v, attention_mask=Mask((2, 3, 5)))
            case("all masks", query=q, value=v, attention_mask=Mask((2, 3, 5)),
                 use_causal_mask=True, value_mask=Mask((2, 5), True),
                 return_attention_scores=True)
    for axes in (None, (1,), (2,), (1, 2)):
        add(f"MultiHeadAttention axes {axes}", lambda L, axes=axes: L.MultiHeadAttention(
            2, 3, attention_axes=axes), query=(2, 3, 4, 5), value=(2, 3, 4, 5))
    w = (2, 5, 6)  # Keras wants one number of features of all three
    for heads, arguments in (((4, 2), {}), ((4, 1), {}), ((2, 2), {"use_gate": True}),
                             ((4, 2), {"use_bias": False, "sliding_window": 1})):
        def case(what, heads=heads, arguments=arguments, **args):
            add(f"GroupQueryAttention {heads} {text(arguments)} {what}",
                lambda L: L.GroupQueryAttention(3, *heads, **arguments), **args)

        case("cross", query=q, value=w)
        case("causal", query=q, value=q, use_causal_mask=True)
        case("masks", query=q, value=w, query_mask=Mask((2, 3)), value_mask=Mask((2, 5), True))
        case("all", query=q, value=w, key=w, attention_mask=Mask((2, 3, 5)),
             return_attention_scores=True)


for family in (recurrent, wrappers, convolutional, attention, multi_head):
    family()
