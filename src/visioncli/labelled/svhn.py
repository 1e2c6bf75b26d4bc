"""SVHN, cropped digits (ufldl.stanford.edu/housenumbers): `train_32x32.mat` and `test_32x32.mat`, by torchvision.

Torchvision checks the MD5 of each file and reads it with scipy.
"""

from typing import Any

from visioncli.errors import missing_extra
from visioncli.labelled.arrays import array_examples
from visioncli.labelled.as_files import in_folder
from visioncli.labelled.idx import DIGITS
from visioncli.labelled.interface import TEST, TRAIN, Example, PictureSet, SetError
from visioncli.labelled.trees import Tree

FILES = {"train_32x32.mat": TRAIN, "test_32x32.mat": TEST}
EXTRA = "extra_32x32.mat"


def files_in(tree: Tree) -> dict[str, str]:
    """The set's files in a tree by their last names."""
    return {last: name for name in tree.files if (last := name.rpartition("/")[2]) in FILES}


def check_reader() -> None:
    """Raises ModelUnavailable without scipy, which torchvision reads the files with."""
    try:
        import scipy.io  # noqa: F401
    except ImportError:
        raise missing_extra("scipy", "datasets") from None


def read(tree: Tree) -> PictureSet:
    """The set whose files lie in a tree. Raises SetError where one is not as published, ModelUnavailable without
    scipy."""
    check_reader()
    from torchvision import datasets

    kind: Any = datasets.SVHN
    found = files_in(tree)
    examples: list[Example] = []
    for last, split in FILES.items():
        if last not in found:
            continue
        with in_folder(tree, [found[last]]) as root:
            try:
                part = kind(str(root), split=split)
            except RuntimeError:
                raise SetError(
                    f"{tree.path(found[last])}: this is not the published file: its MD5 is not "
                    f"{kind.split_list[split][2]}. Copy or download it again."
                ) from None
        examples += array_examples(tree.path(found[last]), part.data.transpose(0, 2, 3, 1), part.labels, split)
    warnings = [f"{name} is missing." for name in FILES if name not in found]
    if any(name.rpartition("/")[2] == EXTRA for name in tree.files):
        warnings.append(f"{EXTRA} is left out: its pictures are easier than the others, and half a million.")
    return PictureSet(
        tree.source, "svhn", DIGITS, tuple(examples), warnings=(*tree.warnings, *warnings), published=True
    )
