"""IMDB: film reviews, liked or not."""

from minikeras.api.registry import public
from minikeras.datasets import loading

SHA256 = "69664113be75683a8fe16e3ed0ab59fda8886cb3cd7ada244f7d9544e4676b9f"
WORDS_MD5 = "bfafd718b763782e994055a2d397834f"


@public("datasets.imdb.load_data")
def load_data(
    path="imdb.npz",
    num_words=None,
    skip_top=0,
    maxlen=None,
    seed=113,
    start_char=1,
    oov_char=2,
    index_from=3,
    **kwargs,
):
    """IMDB: 25,000 film reviews for training and 25,000 for testing, as lists of word numbers.

    A word's number is its rank by frequency, plus `index_from`.

    Args:
        path: Name of the file in the cache.
        num_words: Words with this number or a higher one count as unknown; None for no limit.
        skip_top: Words with a lower number count as unknown.
        maxlen: Reviews of this length or longer, `start_char` included, are left out.
        seed: Of the order.
        start_char: Number put before each review; None for none.
        oov_char: Number that stands for an unknown word; None to drop such words.
        index_from: What is added to the ranks.

    Returns:
        `(x_train, y_train), (x_test, y_test)`: lists of int, object (n,); labels, int64 (n,),
        1 if the review is favourable, else 0.

    Reference: Maas et al. 2011, "Learning word vectors for sentiment analysis".
    """
    if kwargs:
        hint = " Use `num_words` for `nb_words`." if "nb_words" in kwargs else ""
        raise TypeError(f"`imdb.load_data` has no such arguments.{hint} Received: {kwargs}")
    file = loading.fetch("imdb.npz", SHA256, path)
    x_train, y_train, x_test, y_test = loading.read_lists(
        file, "x_train", "y_train", "x_test", "y_test"
    )
    parts = loading.shuffled(seed, (x_train, y_train), (x_test, y_test))
    return tuple(
        loading.word_lists(parts, num_words, skip_top, maxlen, start_char, oov_char, index_from)
    )


@public("datasets.imdb.get_word_index")
def get_word_index(path="imdb_word_index.json"):
    """The rank of each word, from 1; `load_data` adds `index_from` to it.

    Args:
        path: Name of the file in the cache.

    Returns:
        A dictionary from str to int.
    """
    return loading.read_json(loading.fetch("imdb_word_index.json", WORDS_MD5, path))
