"""Public names: the registry they are declared in, the generated index, the modules users see."""
