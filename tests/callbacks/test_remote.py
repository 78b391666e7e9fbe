"""RemoteMonitor, against a server in this process. What is sent is what Keras sends."""

import http.server
import json
import threading
import urllib.parse

import numpy as np
import pytest

from minikeras.callbacks import RemoteMonitor
from tests.callbacks.driving import X, Y, compiled


@pytest.fixture
def server():
    """(address, list of the requests)."""
    got = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            got.append((self.path, dict(self.headers), body))
            self.send_response(200 if self.path != "/broken" else 500)
            self.end_headers()

        def log_message(self, *args):
            pass

    running = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=running.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{running.server_port}", got
    running.shutdown()
    thread.join()
    running.server_close()


def test_as_a_form(server):
    root, got = server
    RemoteMonitor(root).on_epoch_end(2, {"loss": 1.5, "acc": np.float32(2)})
    path, _, body = got[0]
    assert path == "/publish/epoch/end/"
    (data,) = urllib.parse.parse_qs(body)["data"]
    assert json.loads(data) == {"epoch": 2, "loss": 1.5, "acc": 2.0}


def test_as_json(server):
    root, got = server
    callback = RemoteMonitor(root, "/p", headers={"X-Token": "t"}, send_as_json=True)
    callback.on_epoch_end(0, {"values": np.array([1, 2])})
    path, headers, body = got[0]
    assert path == "/p" and json.loads(body) == {"epoch": 0, "values": [1, 2]}
    assert headers["Content-Type"] == "application/json" and headers["X-Token"] == "t"


def test_in_fit(server):
    root, got = server
    compiled().fit(X, Y, epochs=2, verbose=0, callbacks=[RemoteMonitor(root, field="f")])
    events = [json.loads(urllib.parse.parse_qs(body)["f"][0]) for _, _, body in got]
    assert [e["epoch"] for e in events] == [0, 1] and sorted(events[0]) == ["epoch", "loss"]


def test_a_server_that_is_not_there_or_fails(server):
    with pytest.warns(UserWarning, match="Could not reach RemoteMonitor root server at"):
        RemoteMonitor("http://127.0.0.1:1").on_epoch_end(0)
    with pytest.warns(UserWarning, match="Could not reach"):
        RemoteMonitor(server[0], "/broken").on_epoch_end(0, {})


def test_other_schemes():
    with pytest.raises(ValueError, match="http or https"):
        RemoteMonitor("file:///etc")
