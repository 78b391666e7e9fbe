"""Files are written beside their target and moved into its place when they are whole."""

import contextlib
import errno
import os
import stat
import tempfile

FULL = (errno.ENOSPC, errno.EDQUOT)


def write_atomically(filepath, write):
    """Let `write(path)` write a temporary file beside the target, then put it in its place.

    If anything fails, the target is as it was and the temporary file is gone.
    """
    target = os.path.realpath(filepath)  # a link stays a link
    with explained(filepath), temporary_beside(target) as temporary:
        write(temporary)
        replace(temporary, target)


def replace(temporary, filepath):
    """Put a finished file in the target's place, once its bytes are on the disk."""
    target = os.path.realpath(filepath)
    with open(temporary, "r+b") as file:
        os.fsync(file.fileno())
    os.chmod(temporary, _mode(target))
    os.replace(temporary, target)


@contextlib.contextmanager
def temporary_beside(target):
    """The path of an empty file in the target's folder, which is removed at the end."""
    handle, temporary = tempfile.mkstemp(dir=os.path.dirname(target), prefix=".saving-")
    os.close(handle)
    try:
        yield temporary
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.remove(temporary)


@contextlib.contextmanager
def explained(filepath):
    """Errors of the system with what they mean for the file that was to be written."""
    try:
        yield
    except OSError as e:
        # h5py raises plain OSErrors whose number is only in their text
        code = e.errno or (errno.ENOSPC if "No space left" in str(e) else None)
        if code is None:
            raise
        raise type(e)(
            code, f"Cannot save to {filepath}: {_reason(code, e)}. An older file of this name is "
            "as it was"
        ) from e


def _reason(code, error):
    if code in FULL:
        return "the disk is full"
    if code in (errno.EACCES, errno.EPERM, errno.EROFS):
        return "the folder may not be written to"
    if code == errno.ENOENT:
        return "the folder does not exist; make it first"
    if code == errno.ENAMETOOLONG:
        return "the name is too long for this file system"
    return error.strerror or str(error)


def _mode(target):
    """Permissions of the file that is replaced, else those of a new file."""
    try:
        return stat.S_IMODE(os.stat(target).st_mode)
    except FileNotFoundError:
        mask = os.umask(0)
        os.umask(mask)
        return 0o666 & ~mask
