"""Memory that the C library keeps instead of giving it back after every array.

A training step frees tens of megabytes at once; glibc returns them to the system and the next
step takes a page fault for each 4 KB. On the article's model that is half of an eager step.
"""

import ctypes
import os
import sys

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
KEEP = 1 << 30


def keep_freed_memory():
    """Raise glibc's thresholds; does nothing elsewhere or if MINIKERAS_MALLOC=system."""
    if not sys.platform.startswith("linux") or os.environ.get("MINIKERAS_MALLOC") == "system":
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):  # musl
        return False
    return bool(mallopt(M_MMAP_THRESHOLD, KEEP) and mallopt(M_TRIM_THRESHOLD, KEEP))
