"""Python operators, once, for Tensor, KerasTensor and Variable."""

import importlib

from minikeras.api import namespaces


class _Ops(dict):
    """Ops by name. The module of one that is not loaded yet is found through the public index;
    internal ops have no public name, so their families are loaded until they turn up."""

    def __missing__(self, name):
        if f"ops.{name}" in namespaces.INDEX:
            found = namespaces.lookup(f"ops.{name}")
            return self.setdefault(name, found)
        families = {m for p, m in namespaces.INDEX.items() if p.startswith(("ops.", "random."))}
        for module in sorted(families):
            importlib.import_module(module)
            if name in self:
                return self[name]
        raise KeyError(name)


OPS = _Ops()


def _binary(name):
    function = None

    def method(self, other):
        nonlocal function
        if other is None or isinstance(other, (str, bytes)):
            return NotImplemented
        if function is None:
            function = getattr(OPS[name], "function", OPS[name])
        return function(self, other)

    return method


def _reflected(name):
    function = None

    def method(self, other):
        nonlocal function
        if other is None or isinstance(other, (str, bytes)):
            return NotImplemented
        if function is None:
            function = getattr(OPS[name], "function", OPS[name])
        return function(other, self)

    return method


class Operators:
    """Arithmetic, comparison (by element) and indexing of everything that stands for a tensor."""

    __slots__ = ()
    __array_priority__ = 100  # NumPy arrays leave `array * tensor` to the tensor
    __hash__ = object.__hash__

    def __neg__(self):
        return OPS["negative"](self)

    def __pos__(self):
        return self

    def __abs__(self):
        return OPS["absolute"](self)

    def __invert__(self):
        return OPS["logical_not" if _is_bool(self) else "bitwise_not"](self)

    def __getitem__(self, key):
        return OPS["get_item"](self, key)

    def __round__(self, ndigits=None):
        return OPS["round"](self, decimals=ndigits or 0)

    def __eq__(self, other):
        return False if other is None or isinstance(other, str) else OPS["equal"](self, other)

    def __ne__(self, other):
        return True if other is None or isinstance(other, str) else OPS["not_equal"](self, other)

    def __bitwise(self, other, name):
        kind = "logical" if _is_bool(self) and _is_bool(other) else "bitwise"
        return OPS[f"{kind}_{name}"](self, other)

    def __and__(self, other):
        return self.__bitwise(other, "and")

    def __or__(self, other):
        return self.__bitwise(other, "or")

    def __xor__(self, other):
        return self.__bitwise(other, "xor")

    __rand__, __ror__, __rxor__ = __and__, __or__, __xor__


def _is_bool(x):
    return isinstance(x, bool) or str(getattr(x, "dtype", "")) == "bool"


for _python, _name in {
    "add": "add",
    "sub": "subtract",
    "mul": "multiply",
    "truediv": "divide",
    "floordiv": "floor_divide",
    "mod": "mod",
    "pow": "power",
    "matmul": "matmul",
}.items():
    setattr(Operators, f"__{_python}__", _binary(_name))
    setattr(Operators, f"__r{_python}__", _reflected(_name))
for _python, _name in {
    "lt": "less",
    "le": "less_equal",
    "gt": "greater",
    "ge": "greater_equal",
    "lshift": "left_shift",
    "rshift": "right_shift",
}.items():
    setattr(Operators, f"__{_python}__", _binary(_name))
