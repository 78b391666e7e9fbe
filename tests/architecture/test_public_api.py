"""The generated index, the names in it, and `minikeras.keras`."""

import importlib
import sys

import pytest

import minikeras
import minikeras.keras
from minikeras.api import generate, namespaces, registry


def test_the_index_is_what_the_code_declares():
    expected = generate.text()
    assert generate.TARGET.read_text(encoding="utf-8") == expected, (
        "minikeras/api/index.py is out of date: run `python -m minikeras.api.generate`."
    )


def test_every_name_leads_to_its_object():
    wrong = []
    for path in namespaces.INDEX:
        obj = minikeras
        for name in path.split("."):
            obj = getattr(obj, name, None)
        if obj is None or obj is not registry.OBJECTS[path]:
            wrong.append(path)
    assert namespaces.INDEX and not wrong


def test_namespaces_list_their_names():
    for namespace, names in namespaces.TREE.items():
        module = importlib.import_module(f"minikeras.{namespace}" if namespace else "minikeras")
        assert names <= set(dir(module)), namespace


def test_keras_is_the_package_itself():
    assert sys.modules["minikeras.keras"] is minikeras
    assert minikeras.keras is minikeras
    for namespace in namespaces.TREE:
        if namespace:
            ours = importlib.import_module(f"minikeras.{namespace}")
            assert importlib.import_module(f"minikeras.keras.{namespace}") is ours


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'Nonsense'"):
        minikeras.Nonsense
    with pytest.raises(ImportError):
        importlib.import_module("minikeras.keras.nonsense")
