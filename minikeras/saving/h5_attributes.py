"""A check of the strings in attributes of HDF5 files, before the HDF5 library reads them.

Such a string is (length, address of a heap, number there). The library believes the length: one
flipped bit makes it take four gigabytes for each. So the headers of objects are read here too.

Reference: The HDF Group, HDF5 File Format Specification, version 3.0, sections IV.A and III.E.
"""

import math
import struct

from minikeras.errors import FileError

HEAP = b"GCOL\x01"
CONTINUATION, ATTRIBUTE, ATTRIBUTES_APART = 0x10, 0x0C, 0x15
NUMBER, FLOAT, STRING, ENUMERATION, VARIABLE = 0, 1, 3, 8, 9  # classes of data types
REFERENCE = struct.Struct("<IQI")  # length, address, number
SPACE = 1 << 20  # bytes that strings may have in all beyond those of the file
BLOCKS = 1000
BASE = {0: 24, 1: 28, 2: 12, 3: 12}  # where the superblock has the address that others count from


def check_attributes(data, address, name):
    """FileError if a string in an attribute of an object is longer than what is stored of it.

    Args:
        data: bytes of the file.
        address: where the object's header begins.
        name: of the file, for messages.
    """
    try:
        base = BASE[data[8]]
        if any(data[base:base + 8]):
            raise FileError(f"{name} does not begin with HDF5 data; it is not read.")
        total = sum(_length(data, body) for body in _attributes(data, address))
    except (struct.error, IndexError, KeyError, _Odd) as e:
        raise FileError(
            f"{name} is damaged: the attributes at byte {address} are no strings or numbers ({e})."
        ) from e
    if total > len(data) + SPACE:
        raise FileError(f"{name} has strings of {total} bytes in all, more than the file.")


class _Odd(Exception):
    """Something that no file of Keras has."""


# ---------------------------------------------------------------- headers of objects
def _attributes(data, address):
    """The bodies of an object's attribute messages."""
    second = data[address:address + 4] == b"OHDR"
    blocks = [_first_block_2(data, address) if second else _first_block_1(data, address)]
    for block in blocks:  # grows
        for kind, flags, body in (_messages_2 if second else _messages_1)(data, *block):
            if kind == CONTINUATION:
                start, size = struct.unpack_from("<QQ", body)
                blocks.append((start + 4, size - 8, block[2]) if second else (start, size, None))
            elif kind == ATTRIBUTES_APART and any(b != 255 for b in body[-8:]):
                raise _Odd("attributes kept apart")
            elif kind == ATTRIBUTE:
                if flags & 2:
                    raise _Odd("a shared attribute")
                yield body
        if len(blocks) > BLOCKS:
            raise _Odd("too many blocks")


def _first_block_1(data, address):
    version, size = data[address], struct.unpack_from("<I", data, address + 8)[0]
    if version != 1:
        raise _Odd("no header")
    return address + 16, size, None


def _messages_1(data, start, size, _):
    end = min(start + size, len(data))
    while start + 8 <= end:
        kind, length, flags = struct.unpack_from("<HHB", data, start)
        yield kind, flags, data[start + 8:start + 8 + length]
        start += 8 + length


def _first_block_2(data, address):
    flags = data[address + 5]
    start = address + 6 + (16 if flags & 0x20 else 0) + (4 if flags & 0x10 else 0)
    width = 1 << (flags & 3)
    return start + width, int.from_bytes(data[start:start + width], "little"), flags & 4


def _messages_2(data, start, size, ordered):
    end, head = min(start + size, len(data)), 6 if ordered else 4
    while start + head <= end:
        kind, length, flags = struct.unpack_from("<BHB", data, start)
        yield kind, flags, data[start + head:start + head + length]
        start += head + length


# ---------------------------------------------------------------- attributes
def _length(data, body):
    """Bytes of the strings in an attribute; an error if the file does not have them."""
    version, flags, *sizes = struct.unpack_from("<BBHHH", body)
    at = 9 if version == 3 else 8
    if version not in (1, 2, 3) or (version > 1 and flags):
        raise _Odd("an attribute of an unknown kind")
    if version == 1:
        sizes = [(size + 7) // 8 * 8 for size in sizes]
    name, kind, space = sizes
    kind, space = body[at + name:at + name + kind], at + name + kind
    if kind[0] & 15 != VARIABLE:
        if kind[0] & 15 not in (NUMBER, FLOAT, STRING, ENUMERATION):
            raise _Odd("values of an unknown kind")
        return 0
    if struct.unpack_from("<I", kind, 4)[0] != REFERENCE.size or kind[8] & 15 not in (
            NUMBER, STRING):
        raise _Odd("sequences of an unknown kind")
    count = _elements(body[space:])
    values = space + sizes[2]
    if values + count * REFERENCE.size > len(body):
        raise _Odd("fewer values than it says")
    return sum(_stored(data, *REFERENCE.unpack_from(body, values + i * REFERENCE.size))
               for i in range(count))


def _elements(space):
    """The number of elements of a dataspace message."""
    version, rank, _, kind = struct.unpack_from("<BBBB", space)
    if version not in (1, 2):
        raise _Odd("an array of an unknown kind")
    if version == 2 and kind == 2:
        return 0
    return math.prod(struct.unpack_from(f"<{rank}Q", space, 8 if version == 1 else 4))


def _stored(data, length, address, number):
    """The length of a string, if the heap at an address has so much under that number."""
    if length == 0:
        return 0
    if data[address:address + 5] != HEAP:
        raise _Odd("a string that is not in the file")
    at, end = address + 16, address + struct.unpack_from("<Q", data, address + 8)[0]
    while at + 16 <= min(end, len(data)):
        index, size = struct.unpack_from("<H6xQ", data, at)
        if index == number and index:
            if length > size or at + 16 + size > len(data):
                break
            return length
        if not index:
            break
        at += 16 + (size + 7) // 8 * 8
    raise _Odd("a string that is longer than what is stored of it")
