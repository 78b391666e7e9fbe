"""Losses and metrics of a compiled model, matched to its outputs."""

import numpy as np

from minikeras import losses, metrics, ops, tree
from minikeras.core.operation import to_snake_case
from minikeras.core.tensor import to_tensor
from minikeras.losses.loss import LossFunctionWrapper
from minikeras.metrics.metric import Metric

ACCURACY = ("accuracy", "acc")
CROSSENTROPY = ("crossentropy", "ce")


def is_function_like(x):
    """Whether x names or is one loss or metric."""
    return x is None or callable(x) or isinstance(x, str) or (
        isinstance(x, dict) and "class_name" in x and "config" in x
    )


def _short_name(fn):
    """A name for a loss or metric given as a function or class."""
    name = getattr(fn, "name", None)
    return name or to_snake_case(getattr(fn, "__name__", type(fn).__name__))


# ---------------------------------------------------------------- by shape
def _kind(y_true, y_pred):
    """'binary', 'categorical' or 'sparse', from the shapes of targets and outputs."""
    shape_true, shape_pred = tuple(y_true.shape), tuple(y_pred.shape)
    if not shape_pred or shape_pred[-1] == 1:
        return "binary"
    same = len(shape_true) == len(shape_pred) and shape_true[-1] == shape_pred[-1]
    if same and len(shape_pred) >= 2:
        return "categorical"
    if len(shape_true) == 1 and len(shape_pred) == 1:
        return "binary"
    return "sparse"


def get_metric(identifier, y_true, y_pred):
    """A Metric from a name, function or object; "accuracy" and "crossentropy" go by the shapes."""
    if identifier is None or isinstance(identifier, Metric):
        return identifier
    if isinstance(identifier, str) and identifier.lower() in ACCURACY + CROSSENTROPY:
        kind = _kind(y_true, y_pred)
        family = "Accuracy" if identifier.lower() in ACCURACY else "Crossentropy"
        prefix = {"binary": "Binary", "categorical": "Categorical", "sparse": "SparseCategorical"}
        return getattr(metrics, prefix[kind] + family)(name=str(identifier))
    found = metrics.get(identifier)
    if isinstance(identifier, str):
        name = identifier
    else:
        name = _short_name(found)
    if not isinstance(found, Metric):
        found = metrics.MeanMetricWrapper(found, name=name)
    elif isinstance(identifier, str):
        found.name = identifier  # logs say "mae" where the user said "mae"
    return found


def get_loss(identifier):
    """A Loss from a name, function or object."""
    if identifier is None:
        return None
    found = losses.get(identifier)
    if not isinstance(found, losses.Loss):
        name = identifier if isinstance(identifier, str) else _short_name(found)
        found = LossFunctionWrapper(found, name=name)
    return found


# ---------------------------------------------------------------- matching outputs
def flat_names(y_pred, output_names):
    """A name for each flat output."""
    if isinstance(y_pred, dict):
        flat = [(k, tree.is_nested(y_pred[k])) for k in sorted(y_pred)
                for _ in tree.flatten(y_pred[k])]
        if len(output_names or ()) != len(flat):
            return [k for k, _ in flat]
        return [f"{k}/{n}" if nested else k for (k, nested), n in zip(flat, output_names)]
    flat = tree.flatten(y_pred)
    if output_names and len(output_names) == len(flat):
        return list(output_names)
    return [f"output_{i}" for i in range(len(flat))]


def _key(name, keys):
    """The key of a dict of outputs that the name of an output belongs to."""
    return name if name in keys else name.split("/", 1)[0]


def _are_named(y_pred, output_names):
    """Whether outputs have names, that logs use."""
    return isinstance(y_pred, dict) or len(output_names or ()) == len(tree.flatten(y_pred))


def _untaken(name, taken):
    """The name, or the first of name_1, name_2, ... that is not taken; it is now."""
    found, number = name, 0
    while found in taken:
        number += 1
        found = f"{name}_{number}"
    taken.add(found)
    return found


def per_output(given, y_pred, names, what, single=is_function_like):
    """One entry of `given` (a loss, a list of metrics, a weight) for each flat output."""
    flat = tree.flatten(y_pred)
    if given is None:
        return [None] * len(flat)
    if single(given):
        return [given] * len(flat)
    if isinstance(given, dict):
        keys = sorted(y_pred) if isinstance(y_pred, dict) else names
        unknown = [k for k in given if k not in keys and k not in names]
        if unknown:
            raise ValueError(
                f"In the dict argument `{what}`, key '{unknown[0]}' does not correspond to any "
                f"model output. Received: {what}={given}. The outputs are {keys}."
            )
        if isinstance(y_pred, dict):
            return _by_key(given, y_pred, names, what, single)
        return [given.get(n) for n in names]
    if len(given) != len(flat):
        raise ValueError(
            f"The argument `{what}` has {len(given)} entries for {len(flat)} model output(s). "
            f"It should have one for each output. Received: {what}={given}"
        )
    return list(given)


def _by_key(given, y_pred, names, what, single):
    """`per_output` of a dict for a dict of outputs, which may be nested."""
    entries = []
    for k in sorted(y_pred):
        at, part = len(entries), y_pred[k]
        if tree.is_nested(part):
            own = names[at : at + len(tree.flatten(part))]
            entries += per_output(given.get(k), part, own, what, single)
        else:
            entries.append(given.get(k))
    return entries


def flat_targets(values, y_pred, names, what):
    """Targets or weights as a flat list, one for each output (None where there is none)."""
    count = len(tree.flatten(y_pred))
    if values is None:
        return [None] * count
    if isinstance(values, dict):
        if isinstance(y_pred, dict):
            parts = (flat_targets(values.get(k), y_pred[k], names, what) for k in sorted(y_pred))
            return [v for part in parts for v in part]
        if not any(k in values for k in names):
            raise ValueError(
                f"The keys of `{what}` {sorted(values)} are not names of outputs: {names}."
            )
        return [values.get(n) for n in names]
    if isinstance(values, (list, tuple)):
        flat = []
        for v in values:
            flat += [v] if v is None else tree.flatten(v)
    else:
        flat = [values]
    if len(flat) == 1 and count > 1 and what == "sample_weight":
        return flat * count
    if len(flat) != count:
        raise ValueError(
            f"`{what}` has {len(flat)} array(s) for {count} model output(s). "
            f"Received: {[getattr(v, 'shape', v) for v in flat]}"
        )
    return flat


class CompileLoss:
    """The sum of the outputs' losses, weighted; a running mean for each output if several."""

    def __init__(self, loss, loss_weights=None, output_names=None):
        if loss_weights is not None and not isinstance(loss_weights, (list, tuple, dict, float,
                                                                      int)):
            raise TypeError(
                "`loss_weights` must be a number, a list or a dict. "
                f"Received: loss_weights={loss_weights}"
            )
        self.user_loss, self.user_weights = loss, loss_weights
        self.output_names = output_names
        self.built, self.structure = False, None
        self.rows = []  # [output, loss, its factor, its running mean if there are several]
        self.labels = []  # (output, loss, classes, ignored label) of sparse crossentropies
        for entry in _entries(loss):
            get_loss(entry)  # names are checked when the model is compiled

    def build(self, y_pred):
        """Match the losses to the outputs."""
        names = flat_names(y_pred, self.output_names)
        given = per_output(self.user_loss, y_pred, names, "loss")
        weights = per_output(
            self.user_weights, y_pred, names, "loss_weights",
            lambda x: isinstance(x, (int, float)),
        )
        self.names, self.structure = names, tree.map_structure(lambda _: 0, y_pred)
        self.rows = [
            [i, get_loss(loss), weight, None]
            for i, (entry, weight) in enumerate(zip(given, weights))
            for loss in _listed(entry) if loss is not None
        ]
        flat = tree.flatten(y_pred)
        self.labels = [
            (i, loss.name, *found) for i, loss, _, _ in self.rows
            if (found := _classes(loss, flat[i])) is not None
        ]
        if len(self.rows) > 1:
            self._make_trackers(y_pred)
        self.built = True

    def _make_trackers(self, y_pred):
        """A running mean for each loss, named after its output, or itself where that has none."""
        named, taken = _are_named(y_pred, self.output_names), set()
        for row in self.rows:
            name = _untaken(f"{self.names[row[0]] if named else row[1].name}_loss", taken)
            row[3] = metrics.Mean(name=name)

    @property
    def metrics(self):
        """The running means of the outputs' losses."""
        trackers = {}  # as the model's outputs are written: a dict is flattened in sorted order
        for i, _, _, tracker in self.rows:
            if tracker is not None:
                trackers.setdefault(self.names[i], []).append(tracker)
        if isinstance(self.structure, dict) and self.output_names:
            order = list(self.structure)
            trackers = dict(sorted(trackers.items(), key=lambda t: order.index(_key(t[0], order))))
        return [t for found in trackers.values() for t in found]

    def check_labels(self, y):
        """ValueError if labels of a sparse crossentropy are not numbers of classes.

        Only arrays on the host are looked at: on a GPU the look would cost a wait.
        """
        if not self.labels or y is None:
            return
        flat = flat_targets(y, self.structure, self.names, "y")
        for i, loss, classes, ignored in self.labels:
            labels = getattr(flat[i], "_value", flat[i])
            if not isinstance(labels, np.ndarray) or not labels.size:
                continue
            if labels.min() >= 0 and labels.max() < classes:
                continue
            wrong = labels[~((labels >= 0) & (labels < classes) | (labels == ignored))]
            if wrong.size:
                raise ValueError(
                    f"The targets of output '{self.names[i]}' must be class numbers from 0 to "
                    f"{classes - 1} for the loss '{loss}', since the output has "
                    f"{classes} classes. Received: {np.unique(wrong)[:5].tolist()} among the "
                    "labels. Renumber the labels from 0, or give the last layer more units (the "
                    "largest label + 1); labels that shall not count go into `ignore_class`."
                )

    def __call__(self, y_true, y_pred, sample_weight=None):
        if not self.built:
            self.build(y_pred)
            self.check_labels(y_true)
        flat_pred = tree.flatten(y_pred)
        flat_true = flat_targets(y_true, y_pred, self.names, "y")
        flat_weight = flat_targets(sample_weight, y_pred, self.names, "sample_weight")
        total = None
        for i, loss, scale, tracker in self.rows:
            true, pred = flat_true[i], flat_pred[i]
            if true is None:
                continue
            try:
                value = loss(true, pred, flat_weight[i])
            except ValueError as e:
                raise _explained(e, "loss", loss.name, self.names[i], true, pred) from e
            value = ops.cast(value, "float32" if _half(pred) else pred.dtype)
            if tracker is not None:
                tracker.update_state(
                    ops.stop_gradient(value), sample_weight=pred.shape[0] if pred.shape else 1)
            if scale is not None:
                value = value * scale
            total = value if total is None else total + value
        return total


def _explained(error, what, name, output, true, pred):
    """The error of a loss or metric, with the names and the shapes that the user knows."""
    return ValueError(
        f"The {what} '{name}' of output '{output}' failed on targets of shape "
        f"{tuple(true.shape)} and an output of shape {tuple(pred.shape)}: {error}"
    )


def _classes(loss, pred):
    """(number of classes, ignored label) if the loss takes class numbers as targets."""
    if getattr(loss, "fn", None) is not losses.sparse_categorical_crossentropy:
        return None
    options = loss._fn_kwargs
    classes = pred.shape[options.get("axis", -1)] if pred.shape else None
    return None if classes is None else (classes, options.get("ignore_class"))


def _half(x):
    return str(getattr(x.dtype, "name", x.dtype)) in ("float16", "bfloat16")


def _entries(loss):
    if is_function_like(loss):
        return [] if loss is None else [loss]
    values = loss.values() if isinstance(loss, dict) else loss
    return [e for v in values for e in _entries(v)]


class CompileMetrics(Metric):
    """The metrics of all outputs, with the names that logs use."""

    def __init__(self, metrics, weighted_metrics, name="compile_metrics", output_names=None):
        super().__init__(name=name)
        for what, value in (("metrics", metrics), ("weighted_metrics", weighted_metrics)):
            if value is not None and not isinstance(value, (list, tuple, dict)):
                raise ValueError(
                    f"Expected `{what}` argument to be a list, tuple, or dict. "
                    f"Received instead: {what}={value} of type {type(value)}"
                )
        self.user_metrics, self.user_weighted = metrics, weighted_metrics
        self.output_names, self.built = output_names, False
        self._rows = []  # (metric, log name, flat output, weighted)

    def build(self, y_true, y_pred):
        """Match the metrics to the outputs."""
        names = flat_names(y_pred, self.output_names)
        flat_pred = tree.flatten(y_pred)
        flat_true = flat_targets(y_true, y_pred, names, "y")
        self.names, self._rows = names, []
        for given, what, weighted in (
            (self.user_metrics, "metrics", False),
            (self.user_weighted, "weighted_metrics", True),
        ):
            for i, entries in enumerate(self._per_output(given, y_pred, names, what)):
                for entry in entries:
                    if entry is None or flat_true[i] is None:
                        continue
                    metric = get_metric(entry, flat_true[i], flat_pred[i])
                    self._rows.append([metric, None, i, weighted])
        self._name_rows(len(flat_pred) > 1 and _are_named(y_pred, self.output_names))
        self.built = True

    def _per_output(self, given, y_pred, names, what):
        """A list of metrics for each flat output."""
        if given is None:
            return [[] for _ in names]
        if isinstance(given, dict):
            entries = per_output(given, y_pred, names, what)
        elif len(names) == 1:
            return [_listed(given[0]) if len(given) == 1 else list(given)]
        elif all(is_function_like(g) for g in given) and len(given) != len(names):
            entries = [list(given)] * len(names)
        else:
            entries = per_output(given, y_pred, names, what, single=lambda x: False)
        return [_listed(e) for e in entries]

    def _name_rows(self, prefixed):
        """Log names: of the metric, after the output's name where several have names."""
        taken = set()
        for row in self._rows:
            prefix = f"{self.names[row[2]]}_" if prefixed else ""
            weighted = f"{prefix}weighted_{row[0].name}"
            name = prefix + row[0].name
            if row[3] and name in taken and weighted not in taken:
                name = weighted
            row[1] = _untaken(name, taken)

    @property
    def metrics(self):
        """The metrics, those of all outputs in a row."""
        return [row[0] for row in self._rows]

    @property
    def variables(self):
        """State of all the metrics."""
        return [v for m in self.metrics for v in m.variables]

    def update_state(self, y_true, y_pred, sample_weight=None):
        """Take a batch into account."""
        if not self.built:
            self.build(y_true, y_pred)
        if not self._rows:
            return
        flat_pred = tree.flatten(y_pred)
        flat_true = flat_targets(y_true, y_pred, self.names, "y")
        flat_weight = flat_targets(sample_weight, y_pred, self.names, "sample_weight")
        for metric, name, i, weighted in self._rows:
            given = {}
            if weighted and flat_weight[i] is not None:
                given["sample_weight"] = flat_weight[i]
            try:
                metric.update_state(flat_true[i], flat_pred[i], **given)
            except ValueError as e:
                raise _explained(
                    e, "metric", name, self.names[i], flat_true[i], flat_pred[i]) from e

    def reset_state(self):
        """Begin anew."""
        for metric in self.metrics:
            metric.reset_state()

    def result(self):
        """{log name: value}."""
        results = {}
        for metric, name, _, _ in self._rows:
            value = metric.result()
            if isinstance(value, dict):
                results.update(value)
            else:
                results[name] = value
        return results

    def get_config(self):
        raise NotImplementedError("CompileMetrics is saved with its model.")

    @classmethod
    def from_config(cls, config):
        raise NotImplementedError("CompileMetrics is loaded with its model.")


def _listed(entry):
    if entry is None:
        return []
    return list(entry) if isinstance(entry, (list, tuple)) else [entry]


def as_tensors(structure):
    """Arrays of a batch as Tensors; what is no array (strings) as it is."""

    def convert(x):
        if x is None or getattr(getattr(x, "dtype", None), "kind", "f") in "OUST":
            return x
        return to_tensor(x)

    return tree.map_structure(convert, structure)
