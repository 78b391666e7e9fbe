"""Puts the root on the path and chooses Keras; imported first by every script here."""

import os
import sys
from pathlib import Path

os.environ["MINIKERAS_TEST_PACKAGE"] = "keras"
sys.path.insert(0, str(Path(__file__).resolve().parents[3]))
