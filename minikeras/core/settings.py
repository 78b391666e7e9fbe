"""Config: a dictionary of settings with attribute access, which can be frozen."""

import json

from minikeras.api.registry import public


@public("utils.Config")
class Config:
    """Settings: read and set as attributes or items, listed, written as JSON, frozen.

    Args:
        **kwargs: the first settings.

    >>> config = Config(rate=0.1)
    >>> config.units = 32
    >>> config.as_dict()
    {'rate': 0.1, 'units': 32}
    >>> config.freeze()
    """

    def __init__(self, **kwargs):
        self.__dict__["_settings"] = dict(kwargs)
        self.__dict__["_frozen"] = False

    @property
    def frozen(self):
        """Whether changes are refused."""
        return self._frozen

    def freeze(self):
        """Refuse changes from now on."""
        self.__dict__["_frozen"] = True

    def unfreeze(self):
        """Allow changes again."""
        self.__dict__["_frozen"] = False

    def _changing(self):
        if self._frozen:
            raise ValueError(
                "Cannot mutate attribute(s) because the config is frozen; call `unfreeze()`.")
        return self._settings

    def __getattr__(self, name):
        if name.startswith("__") or name not in self.__dict__.get("_settings", ()):
            raise AttributeError(f"Unknown attribute: '{name}'.")
        return self._settings[name]

    def __setattr__(self, name, value):
        if isinstance(getattr(type(self), name, None), property):
            raise AttributeError(f"`{name}` of a Config cannot be set.")
        self._changing()[name] = value

    def __delattr__(self, name):
        settings = self._changing()
        if name not in settings:
            raise AttributeError(f"Unknown attribute: '{name}'.")
        del settings[name]

    def __getitem__(self, key):
        return self._settings[key]

    def __setitem__(self, key, value):
        self._changing()[key] = value

    def __delitem__(self, key):
        del self._changing()[key]

    def __contains__(self, key):
        return key in self._settings

    def __iter__(self):
        return iter(self._settings)

    def __len__(self):
        return len(self._settings)

    def __repr__(self):
        return f"<Config {self._settings}>"

    def keys(self):
        """The names."""
        return self._settings.keys()

    def values(self):
        """The values."""
        return self._settings.values()

    def items(self):
        """Pairs of names and values."""
        return self._settings.items()

    def get(self, key, default=None):
        """The value of a name, or `default`."""
        return self._settings.get(key, default)

    def pop(self, *args):
        """Take a name out and give its value, or the second argument if there is none."""
        return self._changing().pop(*args)

    def update(self, *args, **kwargs):
        """Take over settings from dictionaries, other Configs and keywords."""
        settings = self._changing()
        for other in args:
            settings.update(other.as_dict() if isinstance(other, Config) else other)
        settings.update(kwargs)

    def as_dict(self):
        """The settings as a dictionary of its own."""
        return dict(self._settings)

    def to_json(self):
        """The settings as JSON."""
        return json.dumps(self._settings)
