"""Reuters: newswires by topic."""

from minikeras.api.registry import public
from minikeras.datasets import loading

SHA256 = "d6586e694ee56d7a4e65172e12b3e987c03096cb01eab99753921ef915959916"
WORDS_MD5 = "4d44cc38712099c9e383dc6e5f11a921"
TOPICS = """
cocoa grain veg-oil earn acq wheat copper housing money-supply coffee sugar trade reserves ship
cotton carcass crude nat-gas cpi money-fx interest gnp meal-feed alum oilseed gold tin
strategic-metal livestock retail ipi iron-steel rubber heat jobs lei bop zinc orange pet-chem dlr
gas silver wpi hog lead
""".split()


@public("datasets.reuters.load_data")
def load_data(
    path="reuters.npz",
    num_words=None,
    skip_top=0,
    maxlen=None,
    test_split=0.2,
    seed=113,
    start_char=1,
    oov_char=2,
    index_from=3,
):
    """Reuters: 11,228 newswires in 46 topics, as lists of word numbers.

    A word's number is its rank by frequency, plus `index_from`.

    Args:
        path: Name of the file in the cache.
        num_words: Words with this number or a higher one count as unknown; None for no limit.
        skip_top: Words with a lower number count as unknown.
        maxlen: Newswires of this length or longer, `start_char` included, are left out.
        test_split: Part of the samples for testing, 0 to 1.
        seed: Of the order.
        start_char: Number put before each newswire; None for none.
        oov_char: Number that stands for an unknown word; None to drop such words.
        index_from: What is added to the ranks.

    Returns:
        `(x_train, y_train), (x_test, y_test)`: lists of int, object (n,); labels, int64 (n,),
        whose names are in `get_label_names()`.
    """
    file = loading.fetch("reuters.npz", SHA256, path)
    parts = loading.shuffled(seed, loading.read_lists(file, "x", "y"))
    ((x, y),) = loading.word_lists(
        parts, num_words, skip_top, maxlen, start_char, oov_char, index_from
    )
    return loading.split(x, y, test_split)


@public("datasets.reuters.get_word_index")
def get_word_index(path="reuters_word_index.json"):
    """The rank of each word, from 1; `load_data` adds `index_from` to it.

    Args:
        path: Name of the file in the cache.

    Returns:
        A dictionary from str to int.
    """
    return loading.read_json(loading.fetch("reuters_word_index.json", WORDS_MD5, path))


@public("datasets.reuters.get_label_names")
def get_label_names():
    """Names of the 46 topics, in the order of the labels.

    >>> get_label_names()[3]
    'earn'
    """
    return tuple(TOPICS)
