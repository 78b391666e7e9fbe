"""The rows of the table, a family a file."""

from tests.ops.rows import (  # noqa: F401
    activation,
    contraction,
    creation,
    cumulative,
    elementwise,
    indexing,
    nn,
    reduction,
    shaping,
)
