"""Standard sets of pictures: what they are, and where their published files come from and lie."""

from dataclasses import dataclass
from pathlib import Path

from visioncli.errors import ModelUnavailable, UsageError
from visioncli.names import did_you_mean
from visioncli.weights.downloads import Access, SetFile, by_hand, fetch, place_of, verified


@dataclass(frozen=True, slots=True)
class StandardSet:
    """One set. `pictures` are those of the parts train and test; `terms` are as its authors published them."""

    name: str
    title: str
    about: str
    files: tuple[SetFile, ...]
    pictures: tuple[int, int]
    classes: tuple[str, ...] | int
    size: int
    terms: str
    paper: str
    extra: str = ""

    @property
    def bytes(self) -> int:
        """Of all files."""
        return sum(file.size for file in self.files)

    @property
    def class_count(self) -> int:
        """How many classes there are."""
        return self.classes if isinstance(self.classes, int) else len(self.classes)

    @property
    def folder(self) -> Path:
        """Where its files lie, or belong."""
        return place_of(self.files[0]).parent


_DIGITS = tuple("0123456789")


def _idx(folder: str, base: str, hashes: tuple[tuple[str, int], ...]) -> tuple[SetFile, ...]:
    names = ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1")
    return tuple(
        SetFile(f"{base}{name}-ubyte.gz", folder, md5, size) for name, (md5, size) in zip(names, hashes, strict=True)
    )


# Hashes and addresses as torchvision knows them.
_ROWS = (
    StandardSet(
        name="mnist",
        title="MNIST",
        about="handwritten digits, grey",
        files=_idx(
            "mnist",
            "https://ossci-datasets.s3.amazonaws.com/mnist/",
            (
                ("f68b3c2dcbeaaa9fbdd348bbdeb94873", 9_912_422),
                ("d53e105ee54ea40749a09fcbcd1e9432", 28_881),
                ("9fb629c4189551a2d022fa330f9573f3", 1_648_877),
                ("ec29112dd5afa0611ce80d1b7f02629c", 4_542),
            ),
        ),
        pictures=(60_000, 10_000),
        classes=_DIGITS,
        size=28,
        terms="CC BY-SA 3.0",
        paper="LeCun et al. 1998, doi:10.1109/5.726791",
    ),
    StandardSet(
        name="fashion_mnist",
        title="Fashion-MNIST",
        about="articles of clothing, grey",
        files=_idx(
            "fashion_mnist",
            "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
            (
                ("8d4fb7e6c68d591d4c3dfef9ec88bf0d", 26_421_880),
                ("25c81989df183df01b3e8a0aad5dffbe", 29_515),
                ("bef4ecab320f06d8554ea6380940ec79", 4_422_102),
                ("bb300cfdad3c16e7a12a480ee83cd310", 5_148),
            ),
        ),
        pictures=(60_000, 10_000),
        classes=(
            "T-shirt/top",
            "Trouser",
            "Pullover",
            "Dress",
            "Coat",
            "Sandal",
            "Shirt",
            "Sneaker",
            "Bag",
            "Ankle boot",
        ),
        size=28,
        terms="MIT",
        paper="arXiv:1708.07747",
    ),
    StandardSet(
        name="cifar10",
        title="CIFAR-10",
        about="animals and vehicles, colour",
        files=(
            SetFile(
                "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",
                "cifar10",
                "c58f30108f718f92721af3b95e74349a",
                170_498_071,
            ),
        ),
        pictures=(50_000, 10_000),
        classes=("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"),
        size=32,
        terms="none stated; its authors ask to be cited",
        paper="Krizhevsky 2009, Learning Multiple Layers of Features from Tiny Images",
    ),
    StandardSet(
        name="cifar100",
        title="CIFAR-100",
        about="a hundred kinds of things, colour",
        files=(
            SetFile(
                "https://www.cs.toronto.edu/~kriz/cifar-100-python.tar.gz",
                "cifar100",
                "eb9058c3a382ffc7106e4002c42a8d85",
                169_001_437,
            ),
        ),
        pictures=(50_000, 10_000),
        classes=100,
        size=32,
        terms="none stated; its authors ask to be cited",
        paper="Krizhevsky 2009, Learning Multiple Layers of Features from Tiny Images",
    ),
    StandardSet(
        name="svhn",
        title="SVHN, cropped digits",
        about="digits of house numbers, colour",
        files=(
            SetFile(
                "http://ufldl.stanford.edu/housenumbers/train_32x32.mat",
                "svhn",
                "e26dedcc434d2e4c54c9b2d4a06d8373",
                182_040_794,
            ),
            SetFile(
                "http://ufldl.stanford.edu/housenumbers/test_32x32.mat",
                "svhn",
                "eb5a983be6a315427106f1b164d9cef3",
                64_275_384,
            ),
        ),
        pictures=(73_257, 26_032),
        classes=_DIGITS,
        size=32,
        terms="non-commercial use only",
        paper="Netzer et al. 2011, Reading Digits in Natural Images with Unsupervised Feature Learning",
        extra="datasets",
    ),
)
SETS = {row.name: row for row in _ROWS}
_ALIASES = {"fashionmnist": "fashion_mnist", "cifar_10": "cifar10", "cifar_100": "cifar100"}


def lookup(name: str) -> StandardSet | None:
    """The set that is called so, whatever the case and with `-` or `_`; None where none is."""
    plain = name.casefold().replace("-", "_")
    return SETS.get(_ALIASES.get(plain, plain))


def find(name: str) -> StandardSet:
    """The set that is called so. Raises UsageError that lists near matches."""
    found = lookup(name)
    if found is None:
        near = did_you_mean(name, SETS)
        raise UsageError(f"There is no standard set {name!r}.{near} There are {', '.join(SETS)}.")
    return found


def is_here(row: StandardSet) -> bool:
    """Whether all files of the set are in the cache, by their names and sizes."""
    return all(_size(place_of(file)) == file.size for file in row.files)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return -1


def fetch_set(row: StandardSet, access: Access, *, thoroughly: bool = False) -> Path:
    """The folder of the set's verified files, fetched where they are not in the cache, read whole if `thoroughly`.

    Raises ModelUnavailable, which says which file belongs where, where one is neither here nor within reach.
    """
    if access.offline:
        missing = [file for file in row.files if not place_of(file).exists()]
        if missing:
            sizes = [file.size / 2**20 for file in missing]
            raise ModelUnavailable(by_hand(row.name, list(missing), access, sizes, "this is offline mode"))
    for file in row.files:
        fetch(row.name, file, access, file.size / 2**20, thoroughly=thoroughly)
    return row.folder


def check(row: StandardSet) -> Path:
    """The folder of the set, every byte of which was read and is as published. Raises ModelUnavailable."""
    for file in row.files:
        if verified(file, thoroughly=True) is None:
            path = place_of(file)
            reason = "is not the file that was published" if path.is_file() else "is not there"
            raise ModelUnavailable(f"{path} {reason}: vision datasets pull {row.name}")
    return row.folder
