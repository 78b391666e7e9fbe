"""RemoteMonitor: sends the logs of each epoch to a server."""

import json
import urllib.error
import urllib.parse
import urllib.request
import warnings

from minikeras.api.registry import public
from minikeras.callbacks.callback import Callback


@public("callbacks.RemoteMonitor")
class RemoteMonitor(Callback):
    """Posts {"epoch": ..., and the logs} to `root + path` after each epoch.

    A server that cannot be reached is a warning; training goes on.

    Args:
        root: URL of the server, "http://..." or "https://...".
        path: of the page that takes the events.
        field: name of the form field that holds them as JSON, without `send_as_json`.
        headers: dict of HTTP headers.
        send_as_json: whether the body itself is JSON ("application/json").
    """

    def __init__(self, root="http://localhost:9000", path="/publish/epoch/end/", field="data",
                 headers=None, send_as_json=False):
        super().__init__()
        if urllib.parse.urlsplit(root).scheme not in ("http", "https"):
            raise ValueError(f"`root` must be a http or https address. Received: root={root}")
        self.root, self.path, self.field = root, path, field
        self.headers, self.send_as_json = headers, send_as_json

    def on_epoch_end(self, epoch, logs=None):
        event = {"epoch": epoch}
        event.update((name, _plain(value)) for name, value in (logs or {}).items())
        body = json.dumps(event)
        headers = {"Content-Type": "application/json"} if self.send_as_json else {}
        if not self.send_as_json:
            body = urllib.parse.urlencode({self.field: body})
        request = urllib.request.Request(
            self.root + self.path, body.encode(), {**headers, **(self.headers or {})})
        try:
            urllib.request.urlopen(request, timeout=10).close()
        except (OSError, urllib.error.URLError):
            warnings.warn(
                f"Could not reach RemoteMonitor root server at {self.root}", stacklevel=2)


def _plain(value):
    return value.tolist() if hasattr(value, "tolist") else value
