"""Homes of variables: memory of their own that programs write to in place.

A variable that no program writes is an immutable array, which an assignment replaces. One that a
program writes has a home, a stretch of memory that stays; reading it outside of programs gives a
snapshot, so that what was read does not change (see Variable).
"""

from minikeras.arrays import library_of


def settle(variable):
    """Give a variable a home, unless it has one."""
    if variable._home is None:
        array = variable._array
        home = library_of(array).empty(array.shape, array.dtype)
        home[...] = array
        variable._settle(home)
    return variable._array


def side_by_side(variables):
    """Give variables of one dtype homes one after the other in one buffer, which is returned."""
    first = variables[0]._home
    if first is not None and first.base is not None and _in_a_row(variables, first.base):
        return first.base
    library = library_of(variables[0]._array)
    buffer = library.empty(sum(v.size for v in variables), variables[0]._array.dtype)
    at = 0
    for v in variables:
        home = buffer[at : at + v.size].reshape(v.shape)
        home[...] = v._array
        v._settle(home)
        at += v.size
    return buffer


def _in_a_row(variables, buffer):
    """Whether the variables' homes fill the buffer in this order."""
    if buffer.dtype != variables[0]._array.dtype or buffer.ndim != 1:
        return False
    at = 0
    for v in variables:
        home = v._home
        if home is None or home.base is not buffer or v._array is not home:
            return False
        if _offset(home, buffer) != at:
            return False
        at += home.nbytes
    return at == buffer.nbytes


def _offset(view, buffer):
    return view.__array_interface__["data"][0] - buffer.__array_interface__["data"][0]
