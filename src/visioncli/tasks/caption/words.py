"""The words of captions: tokenisation, vocabulary, and which nouns name which object class."""

import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import cache
from importlib import resources
from typing import NamedTuple

PERSON = 1
"""COCO category id of a person."""

FUNCTION_WORDS = frozenset(
    {
        *(
            "a",
            "an",
            "the",
            "of",
            "in",
            "on",
            "at",
            "and",
            "with",
            "to",
            "is",
            "are",
            "by",
            "for",
            "from",
            "as",
        ),
        *("it", "its", "that", "two"),
    }
)
"""Words that a sentence may use more than once."""

OPEN_WORDS = FUNCTION_WORDS | {
    *("their", "his", "her", "three", "four", "next", "along", "very", "several", "some", "while"),
    *("other", "another", "into", "onto", "near", "under", "behind", "beside", "over", "through", "between"),
}
"""Words that cannot close a sentence: something has to follow."""

UNSEEN = frozenset(
    {
        *(
            "black",
            "white",
            "red",
            "blue",
            "green",
            "yellow",
            "brown",
            "purple",
            "pink",
            "gray",
            "grey",
            "silver",
        ),
        *(
            "gold",
            "golden",
            "tan",
            "blonde",
            "dark",
            "bright",
            "colored",
            "colorful",
            "colors",
            "polar",
            "grizzly",
        ),
    }
)
"""Words about colours and breeds: boxes cannot show them, so a caption from boxes does not claim them."""

COUNTED = frozenset({1, *range(16, 26)})
"""Classes whose number a caption must not exceed: people and animals, which are boxed one by one."""

_IRREGULAR = frozenset(
    {
        *(
            "people",
            "men",
            "women",
            "children",
            "kids",
            "babies",
            "policemen",
            "fishermen",
            "businessmen",
            "gentlemen",
        ),
        *(
            "family",
            "families",
            "crowd",
            "crowds",
            "team",
            "teams",
            "parents",
            "audience",
            "geese",
            "calves",
            "cattle",
        ),
        *("puppies", "ladies", "oxen", "persons"),
    }
)


def tokenise(caption: str) -> list[str]:
    """Lower-case words of `caption` without punctuation; hyphens part words, apostrophes stay inside."""
    text = caption.casefold().replace("’", "'").replace("-", " ")
    return re.findall(r"[a-z0-9]+(?:'[a-z]+)?", text)


def stem(word: str) -> str:
    """`word` without a plural ending, so that "dog" and "dogs" count as the same word."""
    if len(word) > 4 and word.endswith("ies"):
        return word[:-3] + "y"
    if len(word) > 4 and word.endswith(("ches", "shes", "sses", "xes")):
        return word[:-2]
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word


def is_plural(noun: str) -> bool:
    """Whether `noun`, one that names an object class, speaks of several; "sheep" may be one."""
    return noun in _IRREGULAR or stem(noun) != noun


def begins_with_vowel(word: str) -> bool:
    """Whether `word` takes "an": by its letters, with the few captions' words whose sound differs."""
    if word.startswith(("uni", "use", "usu", "util", "one", "once", "ute")):
        return False
    return word[0] in "aeiou" or word.startswith(("hour", "honest"))


class Vocabulary:
    """Words by number; the first four are marks: padding, start, end, and any word not listed."""

    MARKS = ("<pad>", "<start>", "<end>", "<unknown>")
    PAD, START, END, UNKNOWN = range(4)

    def __init__(self, words: Sequence[str]) -> None:
        if tuple(words[: len(self.MARKS)]) != self.MARKS:
            raise ValueError(f"a vocabulary begins with {' '.join(self.MARKS)}")
        self.words = tuple(words)
        self._number = {word: number for number, word in enumerate(self.words)}

    def __len__(self) -> int:
        return len(self.words)

    @classmethod
    def of(cls, captions: Iterable[Sequence[str]], least: int) -> "Vocabulary":
        """Every word that occurs at least `least` times in tokenised `captions`, the most frequent first."""
        counts = Counter(word for caption in captions for word in caption)
        kept = sorted((w for w, n in counts.items() if n >= least), key=lambda w: (-counts[w], w))
        return cls([*cls.MARKS, *kept])

    def number(self, word: str) -> int:
        """The number of `word`, or that of the unknown word."""
        return self._number.get(word, self.UNKNOWN)

    def encode(self, words: Sequence[str]) -> list[int]:
        """Numbers of `words` between the start and the end mark."""
        return [self.START, *(self.number(word) for word in words), self.END]


class ObjectClass(NamedTuple):
    """A COCO class as captions speak of it."""

    label: str
    plural: str


class Named(NamedTuple):
    """The words `start:end` of a sentence name an object that is of one of `label_ids`."""

    start: int
    end: int
    label_ids: frozenset[int]


class ObjectNouns:
    """Which words and phrases name which object classes (COCO category ids)."""

    def __init__(self, classes: Mapping[int, ObjectClass], nouns: Mapping[tuple[str, ...], frozenset[int]]) -> None:
        self.classes = dict(classes)
        self.nouns = dict(nouns)
        self._longest = max((len(phrase) for phrase in self.nouns), default=1)

    def naming(self, words: Sequence[str]) -> Named | None:
        """What the longest noun phrase that ends with the last of `words` names: "hot dog" is no dog."""
        for length in range(min(self._longest, len(words)), 0, -1):
            found = self.nouns.get(tuple(words[-length:]))
            if found is not None:
                return Named(len(words) - length, len(words), found)
        return None

    def named(self, words: Sequence[str]) -> list[Named]:
        """Every object that a sentence names, in order; a phrase inside a longer one does not count."""
        found: list[Named] = []
        for end in range(1, len(words) + 1):
            name = self.naming(words[:end])
            if name is None:
                continue
            while found and found[-1].start >= name.start:
                found.pop()
            found.append(name)
        return found

    def absent(self, words: Sequence[str], present: Collection[int]) -> list[str]:
        """The phrases of a sentence that name a class of which none is `present`."""
        seen = frozenset(present)
        return [" ".join(words[n.start : n.end]) for n in self.named(words) if not n.label_ids & seen]


@cache
def witnesses() -> dict[str, frozenset[int]]:
    """Words that say more than a class's name, with the COCO category ids of which one has to be there for them; read
    from the package's `caption_witnesses.txt`."""
    text = resources.files("visioncli.models").joinpath("labels/caption_witnesses.txt").read_text("utf-8")
    numbers = {one.label: number for number, one in object_nouns().classes.items()}
    found: dict[str, frozenset[int]] = {}
    for line in text.splitlines():
        if not line or line.startswith("#"):
            continue
        words, names = (field.split(",") for field in line.split("|"))
        ids = frozenset(numbers[name.strip()] for name in names)
        found |= {word.strip(): ids for word in words}
    return found


@cache
def object_nouns() -> ObjectNouns:
    """The nouns of the 80 COCO classes, read from the package's `caption_nouns.txt`."""
    text = resources.files("visioncli.models").joinpath("labels/caption_nouns.txt").read_text("utf-8")
    classes: dict[int, ObjectClass] = {}
    nouns: dict[tuple[str, ...], set[int]] = {}
    for line in text.splitlines():
        if not line or line.startswith("#"):
            continue
        number, label, plural, phrases = (field.strip() for field in line.split("|"))
        classes[int(number)] = ObjectClass(label, plural)
        for phrase in (label, *phrases.split(",")):
            nouns.setdefault(tuple(tokenise(phrase)), set()).add(int(number))
    return ObjectNouns(classes, {phrase: frozenset(ids) for phrase, ids in nouns.items()})
