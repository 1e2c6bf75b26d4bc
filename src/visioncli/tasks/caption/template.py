"""Captions without learning: what was detected, counted and named. The baseline of the learned captioner."""

from collections.abc import Iterable

from visioncli.tasks.caption.words import ObjectNouns, begins_with_vowel, object_nouns, tokenise

NOTHING = "Nothing was recognised."

COUNTS = ("no", "one", "two", "three", "four", "five")
MOST_CLASSES = 4


def counted(count: int, label: str, plural: str) -> str:
    """`count` objects in words: "a dog", "an elephant", "two people", "several books"."""
    if count == 1:
        if plural.startswith("pairs of "):
            return f"a {plural.replace('pairs', 'pair', 1)}"
        if plural.startswith("heads of "):
            return label
        return f"{article(label)} {label}"
    return f"{COUNTS[count] if count < len(COUNTS) else 'several'} {plural}"


def template(label_ids: Iterable[int], nouns: ObjectNouns | None = None) -> str:
    """One sentence that counts and names at most four classes, in the order in which they first come.

    `label_ids` are COCO category ids, one an object, the surest first. Nothing gives an empty string.
    """
    counts: dict[int, int] = {}
    for label in label_ids:
        counts[label] = counts.get(label, 0) + 1
    classes = (nouns or object_nouns()).classes
    parts = [counted(n, *classes[label]) for label, n in counts.items() if label in classes][:MOST_CLASSES]
    if not parts:
        return ""
    text = parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
    return f"{text[0].upper()}{text[1:]}."


def article(noun: str) -> str:
    """ "a" or "an", as `noun` needs it."""
    return "an" if begins_with_vowel(noun.casefold()) else "a"


def without_objects(classes: Iterable[tuple[str, float]], least_score: float = 0.3) -> str:
    """A plain sentence for a picture without detected objects, from its classification.

    `classes` are labels with scores, the highest first. A label that names a COCO class is passed over: the
    detector would have found that object. Without a label of at least `least_score` nothing was recognised.
    """
    for label, score in classes:
        if score >= least_score and not object_nouns().named(tokenise(label)):
            return f"This may be {article(label)} {label}."
    return NOTHING
