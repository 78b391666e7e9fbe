"""Learning-rate schedules: the learning rate as a function of the step, counted from 0."""

import math

from minikeras import ops
from minikeras.api.registry import public
from minikeras.core.serialization import (
    deserialize_keras_object,
    serialize_keras_object,
)


@public("optimizers.schedules.LearningRateSchedule")
class LearningRateSchedule:
    """Base of schedules: define `__call__(step)` with ops, and `get_config`.

    >>> class Halving(LearningRateSchedule):
    ...     def __call__(self, step):
    ...         return 0.5 ** (ops.cast(step, "float32") + 1)
    >>> float(Halving()(1))
    0.25
    """

    def __call__(self, step):
        """The learning rate at a step, a 0-d tensor or number."""
        raise NotImplementedError(f"{type(self).__name__} must define `__call__(step)`.")

    def get_config(self):
        """Constructor arguments that make the same schedule again."""
        raise NotImplementedError(f"{type(self).__name__} must define `get_config()`.")

    @classmethod
    def from_config(cls, config):
        """A schedule from what `get_config` gave."""
        return cls(**config)


class _Schedule(LearningRateSchedule):
    """Schedules whose arguments are attributes of the same names."""

    ARGUMENTS = ()

    def _set(self, **arguments):
        for name, value in arguments.items():
            if name in ("decay_steps", "first_decay_steps") and value <= 0:
                raise ValueError(f"Argument `{name}` must be > 0. Received: {name}={value}")
            setattr(self, name, value)
        self.ARGUMENTS = tuple(arguments)

    def get_config(self):
        return {name: getattr(self, name) for name in self.ARGUMENTS}


def _float(step):
    return ops.cast(step, "float32")


@public("optimizers.schedules.ExponentialDecay")
class ExponentialDecay(_Schedule):
    """initial_learning_rate decay_rate**(step / decay_steps).

    Args:
        initial_learning_rate: the learning rate at step 0.
        decay_steps: steps in which it shrinks by the factor decay_rate.
        decay_rate: the factor.
        staircase: whether step / decay_steps is rounded down.
        name: kept in the config.

    >>> round(float(ExponentialDecay(0.5, 10, 0.5)(20)), 4)
    0.125
    """

    def __init__(
        self, initial_learning_rate, decay_steps, decay_rate, staircase=False,
        name="ExponentialDecay",
    ):
        self._set(
            initial_learning_rate=initial_learning_rate, decay_steps=decay_steps,
            decay_rate=decay_rate, staircase=staircase, name=name,
        )

    def __call__(self, step):
        periods = _float(step) / self.decay_steps
        periods = ops.floor(periods) if self.staircase else periods
        return self.initial_learning_rate * self.decay_rate**periods


@public("optimizers.schedules.InverseTimeDecay")
class InverseTimeDecay(_Schedule):
    """initial_learning_rate / (1 + decay_rate step / decay_steps).

    Args:
        initial_learning_rate: the learning rate at step 0.
        decay_steps: the unit of time.
        decay_rate: how fast it shrinks.
        staircase: whether step / decay_steps is rounded down.
        name: kept in the config.

    >>> round(float(InverseTimeDecay(0.5, 10, 1.0)(10)), 4)
    0.25
    """

    def __init__(
        self, initial_learning_rate, decay_steps, decay_rate, staircase=False,
        name="InverseTimeDecay",
    ):
        self._set(
            initial_learning_rate=initial_learning_rate, decay_steps=decay_steps,
            decay_rate=decay_rate, staircase=staircase, name=name,
        )

    def __call__(self, step):
        periods = _float(step) / self.decay_steps
        periods = ops.floor(periods) if self.staircase else periods
        return self.initial_learning_rate / (1 + self.decay_rate * periods)


@public("optimizers.schedules.PiecewiseConstantDecay")
class PiecewiseConstantDecay(_Schedule):
    """values[0] up to and including step boundaries[0], then values[1], and so on.

    Args:
        boundaries: increasing steps.
        values: learning rates, one more than boundaries.
        name: kept in the config.

    >>> [round(float(PiecewiseConstantDecay([3], [0.5, 0.25])(i)), 2) for i in (3, 4)]
    [0.5, 0.25]
    """

    def __init__(self, boundaries, values, name="PiecewiseConstant"):
        if len(boundaries) != len(values) - 1:
            raise ValueError(
                "The length of `boundaries` must be one less than that of `values`. "
                f"Received: boundaries={boundaries}, values={values}"
            )
        self._set(boundaries=boundaries, values=values, name=name)

    def __call__(self, step):
        step = _float(step)
        rate = ops.convert_to_tensor(self.values[-1], dtype="float32")
        for boundary, value in zip(self.boundaries[::-1], self.values[-2::-1]):
            rate = ops.where(step <= float(boundary), value, rate)
        return rate


@public("optimizers.schedules.PolynomialDecay")
class PolynomialDecay(_Schedule):
    """(initial - end) (1 - step / decay_steps)**power + end, then end for ever.

    Args:
        initial_learning_rate: the learning rate at step 0.
        decay_steps: steps until the end.
        end_learning_rate: the last learning rate.
        power: 1 for a straight line.
        cycle: start anew, with decay_steps extended to the next multiple, instead of staying.
        name: kept in the config.

    >>> round(float(PolynomialDecay(0.5, 10, 0.25)(5)), 4)
    0.375
    """

    def __init__(
        self, initial_learning_rate, decay_steps, end_learning_rate=0.0001, power=1.0, cycle=False,
        name="PolynomialDecay",
    ):
        self._set(
            initial_learning_rate=initial_learning_rate, decay_steps=decay_steps,
            end_learning_rate=end_learning_rate, power=power, cycle=cycle, name=name,
        )

    def __call__(self, step):
        step = _float(step)
        if self.cycle:
            done = step / (self.decay_steps * ops.maximum(ops.ceil(step / self.decay_steps), 1.0))
        else:
            done = ops.minimum(step / self.decay_steps, 1.0)
        span = self.initial_learning_rate - self.end_learning_rate
        return span * (1 - done) ** self.power + self.end_learning_rate


def _cosine(done):
    """From 1 to 0 along half a wave, for done in [0, 1]."""
    return 0.5 * (1 + ops.cos(math.pi * done))


@public("optimizers.schedules.CosineDecay")
class CosineDecay(_Schedule):
    """From the initial learning rate to alpha times it along half a cosine wave.

    With `warmup_target` the rate first grows linearly from the initial rate to the target, in
    `warmup_steps`; then it decays from the target.

    Args:
        initial_learning_rate: the learning rate at step 0.
        decay_steps: steps of the decay, after the warmup.
        alpha: share of the rate that is left at the end.
        name: kept in the config.
        warmup_target: learning rate after the warmup; None: no warmup.
        warmup_steps: steps of the warmup.

    Reference: I. Loshchilov, F. Hutter (2016), SGDR, arXiv:1608.03983.

    >>> round(float(CosineDecay(0.5, 10)(5)), 4)
    0.25
    """

    def __init__(
        self, initial_learning_rate, decay_steps, alpha=0.0, name="CosineDecay",
        warmup_target=None, warmup_steps=0,
    ):
        self._set(
            initial_learning_rate=initial_learning_rate, decay_steps=decay_steps, alpha=alpha,
            name=name, warmup_target=warmup_target, warmup_steps=warmup_steps,
        )

    def __call__(self, step):
        step = _float(step)
        if self.warmup_target is None:
            return self._decayed(step, self.initial_learning_rate)
        step = ops.minimum(step, float(self.decay_steps + self.warmup_steps))
        start, target = self.initial_learning_rate, self.warmup_target
        rising = start + (target - start) * step / max(self.warmup_steps, 1)
        falling = self._decayed(step - self.warmup_steps, target)
        return ops.where(step < self.warmup_steps, rising, falling)

    def _decayed(self, step, start):
        done = ops.minimum(step / self.decay_steps, 1.0)
        return start * ((1 - self.alpha) * _cosine(done) + self.alpha)


@public("optimizers.schedules.CosineDecayRestarts")
class CosineDecayRestarts(_Schedule):
    """Cosine decay that starts again and again, each period t_mul times as long as the last.

    Args:
        initial_learning_rate: the learning rate at step 0.
        first_decay_steps: steps of the first period.
        t_mul: factor between the lengths of periods.
        m_mul: factor between the learning rates that periods start with.
        alpha: share of the initial rate that is the least.
        name: kept in the config.

    Reference: I. Loshchilov, F. Hutter (2016), SGDR, arXiv:1608.03983.

    >>> [round(float(CosineDecayRestarts(0.5, 10)(i)), 4) for i in (5, 10, 20)]
    [0.25, 0.5, 0.25]
    """

    def __init__(
        self, initial_learning_rate, first_decay_steps, t_mul=2.0, m_mul=1.0, alpha=0.0,
        name="SGDRDecay",
    ):
        self._set(
            initial_learning_rate=initial_learning_rate, first_decay_steps=first_decay_steps,
            t_mul=t_mul, m_mul=m_mul, alpha=alpha, name=name,
        )

    def __call__(self, step):
        time = _float(step) / self.first_decay_steps  # in first periods
        if self.t_mul == 1.0:
            period = ops.floor(time)
            done = time - period
        else:
            # Period i starts at (t_mul**i - 1) / (t_mul - 1) and is t_mul**i long.
            period = ops.log(1 - time * (1 - self.t_mul)) / math.log(self.t_mul)
            period = ops.floor(period)
            length = self.t_mul**period
            done = (time - (length - 1) / (self.t_mul - 1)) / length
        start = self.m_mul**period
        decayed = (1 - self.alpha) * start * _cosine(done) + self.alpha
        return self.initial_learning_rate * decayed


# ---------------------------------------------------------------- by name
@public("optimizers.schedules.serialize")
def serialize(learning_rate_schedule):
    """The configuration of a schedule.

    >>> serialize(ExponentialDecay(0.5, 10, 0.9))["class_name"]
    'ExponentialDecay'
    """
    return serialize_keras_object(learning_rate_schedule)


@public("optimizers.schedules.deserialize")
def deserialize(config, custom_objects=None):
    """The schedule of a configuration.

    >>> deserialize(serialize(ExponentialDecay(0.5, 10, 0.9))).decay_rate
    0.9
    """
    if isinstance(config, dict) and not config.get("module"):
        config = {**config, "module": "keras.optimizers.schedules"}
    return deserialize_keras_object(config, custom_objects)
