"""Takes text.json (KERAS_BACKEND=jax)."""

import _path  # noqa: F401

from tests.golden import store, text

store.save_json("text", text.every())
