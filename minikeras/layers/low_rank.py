"""Low-rank adaptation of a layer's weight (LoRA)."""

from minikeras import initializers, ops
from minikeras.layers.building import lock
from minikeras.layers.weights import Unbuilt


class Adapted(Unbuilt):
    """Stands in a class for the weight that can be adapted; with LoRA it reads as the sum."""

    def __get__(self, layer, owner=None):
        if layer is None or "_adapted_weight" not in layer.__dict__:
            return super().__get__(layer, owner)
        return layer._sum_of_weight()


class LowRank:
    """Mixin: W + (alpha / rank) A B in place of the weight W, which is frozen.

    A has W's shape but for its last axis, which is `rank` long, and B is (rank, last axis).
    Reference: E. J. Hu et al. 2021, arXiv:2106.09685.
    """

    adapted = "kernel"
    lora_rank = lora_alpha = None
    lora_enabled = False

    def __init__(self, *, lora_rank=None, lora_alpha=None, **kwargs):
        super().__init__(**kwargs)
        self.lora_rank = lora_rank
        self.lora_alpha = lora_rank if lora_alpha is None else lora_alpha

    def _adapt(self):
        """To be called at the end of `build`: LoRA, if the constructor asked for it."""
        if self.lora_rank:
            self._enable(self.lora_rank, self.lora_alpha, "he_uniform", "zeros")

    def enable_lora(
        self, rank, lora_alpha=None, a_initializer="he_uniform", b_initializer="zeros",
    ):
        """Freeze the weight and train a product of two matrices that is added to it.

        Args:
            rank: columns of the first matrix, rows of the second.
            lora_alpha: the product is multiplied by lora_alpha / rank; `rank` by default.
            a_initializer, b_initializer: of the two matrices.
        """
        if not self.built:
            raise ValueError("Cannot enable lora on a layer that isn't yet built.")
        if self.lora_enabled:
            raise ValueError("lora is already enabled. This can only be done once per layer.")
        self.__dict__["_locked"] = False  # a layer that is built takes no other weights
        try:
            self._enable(rank, lora_alpha, a_initializer, b_initializer)
        finally:
            lock(self)

    def _enable(self, rank, alpha, a_initializer, b_initializer):
        name = self.adapted
        if getattr(self, f"{name}_constraint", None) is not None:
            raise ValueError(
                "Lora is incompatible with kernel constraints. In order to enable lora on this "
                f"layer, remove the `{name}_constraint` argument."
            )
        whole = self.__dict__[name]
        a, b = (
            self.add_weight(
                name=f"lora_{name}_{letter}", shape=shape,
                initializer=initializers.get(initializer),
                regularizer=getattr(self, f"{name}_regularizer", None))
            for letter, shape, initializer in (
                ("a", (*whole.shape[:-1], rank), a_initializer),
                ("b", (rank, whole.shape[-1]), b_initializer))
        )
        setattr(self, f"lora_{name}_a", a)
        setattr(self, f"lora_{name}_b", b)
        whole.trainable = False
        self.__dict__["_adapted_weight"] = self.__dict__.pop(name)  # stays first of the weights
        self.lora_enabled, self.lora_rank = True, rank
        self.lora_alpha = rank if alpha is None else alpha

    def _sum_of_weight(self):
        a, b = (getattr(self, f"lora_{self.adapted}_{x}") for x in "ab")
        return self._adapted_weight + (self.lora_alpha / self.lora_rank) * ops.matmul(a, b)

    def get_config(self):
        """The configuration, with LoRA's arguments only where it is asked for or enabled."""
        config = super().get_config()
        for name in ("lora_rank", "lora_alpha"):
            config.pop(name, None)
            if self.lora_rank:
                config[name] = getattr(self, name)
        return config

    def save_own_variables(self, store):
        """As of a layer without LoRA: the sum in place of the weight."""
        super().save_own_variables(store)
        if self.lora_enabled:
            place = next(i for i, v in enumerate(self._saved_variables())
                         if v is self._adapted_weight)
            store[str(place)] = self._sum_of_weight().numpy()

    def load_own_variables(self, store):
        """As of a layer without LoRA; what is added to the weight becomes zero."""
        super().load_own_variables(store)
        if self.lora_enabled:
            b = getattr(self, f"lora_{self.adapted}_b")
            b.assign(ops.zeros(b.shape, b.dtype))

    def _saved_variables(self):
        """The weights without LoRA's."""
        own = [getattr(self, f"lora_{self.adapted}_{x}") for x in "ab"] if self.lora_enabled else []
        return [v for v in self._variables_here() if not any(v is o for o in own)]
