"""Writer: the `k` of kernels that writes their effects down instead of carrying them out."""

import math
from functools import partial


class Writer:
    """Collects the calls of one thread, and lends the scratch memory that they use.

    A kernel's scratch dies with its call, so kernel after kernel uses the same slabs.
    """

    def __init__(self, library):
        self.xp, self.calls, self._slabs, self._used = library, [], {}, 0
        self.lasting, self.share = library.lasting, None  # share: takes pieces to the threads

    def __call__(self, fn, *args, **kwargs):
        fn, args, kwargs = self.lasting(fn, args, kwargs)
        self.calls.append(partial(fn, *args, **kwargs))

    def side_by_side(self, pieces):
        """Functions of a writer, whose calls may run on several threads."""
        if self.share is not None and len(pieces) > 1:
            self.share(pieces)
        else:
            for piece in pieces:
                piece(self)

    def begin(self):
        """A kernel starts: all scratch is free."""
        self._used = 0

    def scratch(self, shape, dtype):
        """Memory with anything in it."""
        dtype = self.xp.dtype(dtype)
        need = math.prod(shape) * dtype.itemsize
        key = self._used, 1 << max(need - 1, 1).bit_length()
        self._used += 1
        if key not in self._slabs:
            self._slabs[key] = self.xp.empty(key[1], "uint8")
        return self._slabs[key][:need].view(dtype).reshape(shape)

    def view(self, a, shape):
        """`a` in another shape, over the same memory."""
        made = a.reshape(shape)
        if made.size and not self.xp.may_share_memory(made, a):
            raise AssertionError(f"a view of {a.shape} as {shape} would copy")
        return made

    def take(self):
        """The calls so far; the next ones go into a new list."""
        calls, self.calls = self.calls, []
        return calls

    @property
    def nbytes(self):
        """Scratch memory in all."""
        return sum(size for _, size in self._slabs)
