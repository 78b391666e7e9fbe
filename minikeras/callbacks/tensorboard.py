"""TensorBoard: metrics and weights in event files."""

import os
import pathlib
import time
import warnings

import numpy as np

from minikeras.api.registry import public
from minikeras.callbacks.callback import Callback
from minikeras.callbacks.event_files import EventFile, require_tensorboard


@public("callbacks.TensorBoard")
class TensorBoard(Callback):
    """Writes what TensorBoard shows: `tensorboard --logdir logs`. Needs the package `tensorboard`.

    Metrics of training go to `log_dir/train`, those of validation to `log_dir/validation`.

    Args:
        log_dir: folder; a new one for each run keeps the runs apart.
        histogram_freq: epochs between histograms of the weights; 0 for none.
        write_graph: whether the model's structure is written.
        write_images: whether weights are also written as images, with the histograms.
        write_steps_per_second: whether the speed is written.
        update_freq: "epoch", "batch", or a number of batches between metrics of batches.
        profile_batch: not supported; 0.
        embeddings_freq: epochs between copies of the embedding layers' tables; 0 for none.
        embeddings_metadata: path of a file with a name for each row, or a dict from layers' names
            to such paths.

    >>> callback = TensorBoard("logs", histogram_freq=1)  # doctest: +SKIP
    """

    def __init__(self, log_dir="logs", histogram_freq=0, write_graph=True, write_images=False,
                 write_steps_per_second=False, update_freq="epoch", profile_batch=0,
                 embeddings_freq=0, embeddings_metadata=None):
        super().__init__()
        require_tensorboard()
        if update_freq not in ("epoch", "batch") and not (
                isinstance(update_freq, int) and update_freq >= 1):
            raise ValueError(
                "`update_freq` must be 'epoch', 'batch' or a number of batches. "
                f"Received: update_freq={update_freq!r}"
            )
        if profile_batch:
            warnings.warn(
                "TensorBoard: profiling is not supported; `profile_batch` has no effect.",
                stacklevel=2,
            )
        self.log_dir, self.histogram_freq = os.fspath(log_dir), histogram_freq
        self.write_graph, self.write_images = write_graph, write_images
        self.write_steps_per_second = write_steps_per_second
        self.update_freq = 1 if update_freq == "batch" else update_freq
        self.embeddings_freq, self.embeddings_metadata = embeddings_freq, embeddings_metadata
        folder = pathlib.Path(self.log_dir)
        self._train = EventFile(folder / "train")
        self._validation = EventFile(folder / "validation")
        self._in_fit, self._last_batch = False, -1

    @property
    def summary(self):
        """The package's module for summaries of one's own."""
        from tensorboard import summary

        return summary

    # ------------------------------------------------------------ training
    def on_train_begin(self, logs=None):
        self._in_fit, self._seen, self._written = True, 0, 0
        self._batch_time = time.time()
        if self.write_graph:
            self._write_graph()
        if self.embeddings_freq:
            self._configure_embeddings()

    def on_epoch_begin(self, epoch, logs=None):
        self._epoch_time, self._epoch_start, self._last_batch = time.time(), self._seen, -1

    def on_train_batch_end(self, batch, logs=None):
        self._seen += batch - self._last_batch
        self._last_batch = batch
        if self.update_freq == "epoch" or self._seen - self._written < self.update_freq:
            return
        if self.write_steps_per_second:
            self._train.scalar("batch_steps_per_second", _rate(
                self._seen - self._written, self._batch_time), self._seen)
        for name, value in (logs or {}).items():
            self._train.scalar(f"batch_{name}", value, self._seen)
        self._written, self._batch_time = self._seen, time.time()

    def on_epoch_end(self, epoch, logs=None):
        for name, value in (logs or {}).items():
            if name == "learning_rate":
                continue
            name_of_metric = name.removeprefix("val_")
            file = self._validation if name != name_of_metric else self._train
            file.scalar(f"epoch_{name_of_metric}", value, epoch)
        rate = getattr(self.model.optimizer, "learning_rate", None)
        if rate is not None:
            self._train.scalar("epoch_learning_rate", float(rate), epoch)
        if self.write_steps_per_second:
            steps = self._seen - self._epoch_start
            self._train.scalar("epoch_steps_per_second", _rate(steps, self._epoch_time), epoch)
        if self.histogram_freq and epoch % self.histogram_freq == 0:
            self._write_weights(epoch)
        if self.embeddings_freq and epoch % self.embeddings_freq == 0:
            self._write_embeddings()
        self._train.flush()
        self._validation.flush()

    def on_train_end(self, logs=None):
        self._in_fit = False
        self._close()

    # ------------------------------------------------------------ evaluation
    def on_test_end(self, logs=None):
        step = int(getattr(self.model.optimizer, "iterations", 0))
        for name, value in (logs or {}).items():
            self._validation.scalar(f"evaluation_{name}_vs_iterations", value, step)
        if not self._in_fit:
            self._close()

    def _close(self):
        self._train.close()
        self._validation.close()

    # ------------------------------------------------------------ the model
    def _write_graph(self):
        try:
            text = self.model.to_json()
        except (NotImplementedError, TypeError) as e:
            warnings.warn(f"The model's graph is not written to TensorBoard: {e}", stacklevel=2)
            return
        self._train.graph(text)

    def _write_weights(self, epoch):
        for layer in self.model.layers:
            for weight in layer.weights:
                value = weight.numpy()
                self._train.histogram(f"{weight.path}/histogram", value, epoch)
                images = _as_images(value) if self.write_images else None
                if images is not None:
                    self._train.images(f"{weight.path}/image", images, epoch)

    def _embeddings(self):
        return [x for x in self.model._flatten_layers() if hasattr(type(x), "embeddings")]

    def _configure_embeddings(self):
        from tensorboard.plugins.projector import projector_config_pb2

        config = projector_config_pb2.ProjectorConfig()
        names = self.embeddings_metadata
        for layer in self._embeddings():
            found = names.get(layer.name) if isinstance(names, dict) else names
            config.embeddings.add(
                tensor_name=layer.name, tensor_path=f"{layer.name}.tsv",
                metadata_path=os.path.abspath(found) if found else None)
        unknown = set(names) - {x.name for x in self._embeddings()} if isinstance(
            names, dict) else ()
        if unknown:
            raise ValueError(
                "Unrecognized `Embedding` layer names passed to `keras.callbacks.TensorBoard` "
                f"`embeddings_metadata` argument: {sorted(unknown)}"
            )
        folder = pathlib.Path(self.log_dir)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "projector_config.pbtxt").write_text(str(config), encoding="utf-8")

    def _write_embeddings(self):
        for layer in self._embeddings():
            np.savetxt(pathlib.Path(self.log_dir) / f"{layer.name}.tsv",
                       layer.embeddings.numpy().astype("float64"), fmt="%.7g", delimiter="\t")


def _rate(steps, since):
    return steps / max(time.time() - since, 1e-9)


def _as_images(weight):
    """A weight as images (count, height, width, channels); None where it cannot be one."""
    w = np.squeeze(weight)
    if w.ndim == 1:
        return w.reshape(1, -1, 1, 1)
    if w.ndim == 2:
        w = w.T if w.shape[0] > w.shape[1] else w
        return w[None, :, :, None]
    if w.ndim == 3:  # the last axis counts the images
        return np.moveaxis(w, -1, 0)[..., None]
    return w if w.ndim == 4 and w.shape[-1] in (1, 3, 4) else None
