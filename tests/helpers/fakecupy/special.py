"""`cupyx.scipy.special`: SciPy's functions; without SciPy the few that layers need."""

import math
import statistics

import numpy as np

from tests.helpers.fakecupy.core import register
from tests.helpers.fakecupy.generic import register_twins, twin_of
from tests.helpers.fakecupy.surface import ufunc_types
from tests.helpers.fakecupy.ufuncs import ufunc


def by_element(function):
    """A function of one real number, applied to each element."""
    return np.vectorize(function, otypes=[float])


def scaled_bessel(order):
    """exp(-|x|) I_n(x): the mean of exp(|x|(cos t - 1)) cos(n t) over a period, sign for odd n."""
    angles = 2 * np.pi * np.arange(512) / 512

    def value(x):
        kernel = np.exp(np.abs(x)[..., None] * (np.cos(angles) - 1)) * np.cos(order * angles)
        return np.sign(x) ** order * kernel.mean(-1)

    return lambda x: value(np.asarray(x, float))


def digamma(x):
    """psi(x) = psi(x + n) - sum 1/(x + k), and the asymptotic series for large x."""
    if x <= 0:
        if x == math.floor(x):
            return math.nan
        return digamma(1 - x) - math.pi / math.tan(math.pi * x)
    shift = 0.0
    while x < 10:
        shift, x = shift - 1 / x, x + 1
    y = 1 / (x * x)
    series = y * (1 / 12 - y * (1 / 120 - y * (1 / 252 - y * (1 / 240 - y / 132))))
    return shift + math.log(x) - 0.5 / x - series


def normal_quantile(p):
    if not 0 < p < 1:
        return -math.inf if p == 0 else math.inf if p == 1 else math.nan
    z = statistics.NormalDist().inv_cdf(p)
    density = math.exp(-z * z / 2) / math.sqrt(2 * math.pi)
    return z - (0.5 * math.erfc(-z / math.sqrt(2)) - p) / density


FORMULAS = {
    "erf": by_element(math.erf),
    "erfc": by_element(math.erfc),
    "erfinv": by_element(lambda x: normal_quantile((x + 1) / 2) / math.sqrt(2)),
    "gamma": by_element(math.gamma),
    "gammaln": by_element(math.lgamma),
    "digamma": by_element(digamma),
    "psi": by_element(digamma),
    "ndtr": by_element(lambda x: 0.5 * math.erfc(-x / math.sqrt(2))),
    "ndtri": by_element(normal_quantile),
    "expit": lambda x: 1 / (1 + np.exp(-x)),
    "logit": lambda x: np.log(x / (1 - x)),
    "i0e": scaled_bessel(0),
    "i1e": scaled_bessel(1),
    "i0": lambda x: np.exp(np.abs(x)) * scaled_bessel(0)(x),
    "i1": lambda x: np.exp(np.abs(x)) * scaled_bessel(1)(x),
    "xlogy": lambda x, y: np.where(x == 0, 0, x * np.log(y)),
    "cbrt": np.cbrt, "exp2": np.exp2, "expm1": np.expm1, "log1p": np.log1p, "sinc": np.sinc,
}
MODULE = "cupyx.scipy.special"

for _name, _types in ufunc_types(MODULE).items():
    _twin = twin_of(MODULE, _name) or FORMULAS.get(_name)
    if _twin is not None:
        register(f"{MODULE}.{_name}", ufunc(f"{MODULE}.{_name}", _types, _twin))
register_twins(MODULE)
