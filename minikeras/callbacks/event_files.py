"""Event files for TensorBoard, through the package `tensorboard`."""

import importlib.util
import struct
import time
import zlib

import numpy as np


def require_tensorboard():
    """ImportError where the package is missing."""
    if importlib.util.find_spec("tensorboard") is None:
        raise ImportError(
            "The TensorBoard callback writes its files with the package `tensorboard`: "
            "`pip install tensorboard`."
        )


class EventFile:
    """The event file of one folder; it is made with the first event."""

    def __init__(self, folder):
        self.folder, self._writer = folder, None

    def _add(self, summary, step):
        from tensorboard.compat.proto import event_pb2
        from tensorboard.summary.writer import event_file_writer

        if self._writer is None:
            self._writer = event_file_writer.EventFileWriter(
                str(self.folder), filename_suffix=".v2")
        event = event_pb2.Event(summary=summary, step=int(step), wall_time=time.time())
        self._writer.add_event(event)

    def scalar(self, tag, value, step):
        """A number at a step."""
        from tensorboard.plugins.scalar import summary_v2

        self._add(summary_v2.scalar_pb(tag, float(np.mean(value))), step)

    def histogram(self, tag, values, step):
        """How the finite values are distributed."""
        from tensorboard.plugins.histogram import summary_v2

        values = np.asarray(values, "float64")
        self._add(summary_v2.histogram_pb(tag, values[np.isfinite(values)]), step)

    def images(self, tag, images, step):
        """The first three of (count, height, width, channels) images with values in [0, 1]."""
        from tensorboard.plugins.image import metadata

        height, width = images.shape[1:3]
        content = [str(width).encode(), str(height).encode(), *map(png, images[:3])]
        about = metadata.create_summary_metadata(display_name=None, description=None)
        self._tensor(tag, np.array(content, object), about, step)

    def graph(self, text, step=0):
        """A Keras model's configuration as JSON."""
        from tensorboard.compat.proto import summary_pb2

        about = summary_pb2.SummaryMetadata(plugin_data=summary_pb2.SummaryMetadata.PluginData(
            plugin_name="graph_keras_model", content=b"1"))
        self._tensor("keras", np.array([text.encode()], object), about, step)

    def _tensor(self, tag, array, about, step):
        from tensorboard.compat.proto import summary_pb2, types_pb2
        from tensorboard.util import tensor_util

        summary = summary_pb2.Summary()
        summary.value.add(
            tag=tag, metadata=about,
            tensor=tensor_util.make_tensor_proto(array, dtype=types_pb2.DT_STRING))
        self._add(summary, step)

    def flush(self):
        """Write what waits."""
        if self._writer is not None:
            self._writer.flush()

    def close(self):
        """Write what waits and close the file."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None


def png(image):
    """A (height, width, 1, 3 or 4) image with values in [0, 1] as the bytes of a PNG file."""
    height, width, channels = image.shape
    pixels = np.rint(np.clip(np.nan_to_num(image), 0, 1) * 255).astype("uint8")
    rows = b"".join(b"\0" + row.tobytes() for row in pixels)  # each row without a filter
    kind = {1: 0, 3: 2, 4: 6}[channels]
    header = struct.pack(">IIBBBBB", width, height, 8, kind, 0, 0, 0)

    def chunk(name, data):
        checked = name + data
        return struct.pack(">I", len(data)) + checked + struct.pack(">I", zlib.crc32(checked))

    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows))
            + chunk(b"IEND", b""))
