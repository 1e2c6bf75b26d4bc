import hashlib
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from visioncli.errors import UsageError
from visioncli.inputs.shards import FOLDER, Listing, Shard, shard_of
from visioncli.inputs.sources import Item

NAMES = st.text(st.characters(blacklist_categories=["Cs"]), min_size=1)


@pytest.mark.parametrize(
    "text", ["", "2", "a/b", "1/0", "0/8", "9/8", "-1/8", "1/100000", "1.5/2", "1/2/3", "/8", "١/٢"]
)
def test_what_is_no_shard_is_wrong_usage_with_a_sentence(text: str) -> None:
    with pytest.raises(UsageError, match="--shard"):
        Shard.parse(text)


def test_shards_count_from_one_and_have_folders_that_sort() -> None:
    assert Shard.parse("2/8") == Shard.parse(" 2 / 08 ") == Shard(2, 8)
    with pytest.raises(UsageError, match="these are 1/8 to 8/8"):
        Shard.parse("0/8")
    assert Shard(2, 8).folder == "shard-00002-of-00008"
    assert FOLDER.fullmatch(Shard(99_999, 99_999).folder)


def test_the_shard_of_a_name_is_what_is_documented() -> None:
    for name, hashed in (
        ("a/Cat.JPG", b"a/cat"),
        ("größe.png", "größe".encode()),
        (".hidden", b".hidden"),
        ("x", b"x"),
    ):
        expected = int(hashlib.sha256(hashed).hexdigest()[:16], 16) % 7 + 1
        assert shard_of(name, 7) == expected
    # Written down, so that a new version splits as this one does.
    assert [shard_of(f"{n:03d}.jpg", 8) for n in range(12)] == [3, 8, 4, 8, 2, 3, 2, 5, 7, 8, 4, 6]


@given(NAMES, st.integers(1, 50))
def test_each_input_falls_on_exactly_one_shard(name: str, count: int) -> None:
    item = Item("anywhere/" + name, name)
    assert sum(Shard(n, count).holds(item) for n in range(1, count + 1)) == 1


def test_where_the_folder_lies_does_not_matter() -> None:
    one, other = Item("/mnt/a/photos/x/1.jpg", "x/1.jpg", "photos"), Item("data/x/1.jpg", "x/1.jpg", "data")
    assert all(Shard(n, 16).holds(one) == Shard(n, 16).holds(other) for n in range(1, 17))


def test_inputs_whose_results_could_collide_meet() -> None:
    for n in range(100):
        assert len({shard_of(f"a/{n}{ending}", 1000) for ending in (".jpg", ".png", ".JPG", "")}) == 1


def test_shards_are_about_equally_large() -> None:
    sizes = Counter(shard_of(f"frame.{n:06d}.png", 8) for n in range(16_000))
    assert len(sizes) == 8
    assert all(1800 < size < 2200 for size in sizes.values())


def test_a_listing_knows_the_place_of_its_inputs_and_all_names() -> None:
    items = [Item(f"photos/{n}.jpg", f"{n}.jpg", "photos") for n in range(40)]
    listings = [Listing(Shard(n, 3)) for n in (1, 2, 3)]
    given_on = [list(listing.of(items)) for listing in listings]
    assert sorted(item.path for part in given_on for item in part) == sorted(item.path for item in items)
    assert {listing.digest for listing in listings} == {
        hashlib.sha256(b"".join(b"%d.jpg\0" % n for n in range(40))).hexdigest()
    }
    for listing, part in zip(listings, given_on, strict=True):
        assert listing.listed == 40
        places = [listing.next_place() for _ in part]
        assert [(items[p.at].relative, "photos") for p in places] == [(p.relative, p.root) for p in places]
        assert [items[p.at] for p in places] == part


def test_places_that_nobody_asks_for_are_not_kept() -> None:
    listing = Listing(Shard(1, 1), placed=False)
    assert len(list(listing.of(Item(str(n), str(n)) for n in range(5)))) == 5
    assert not listing.places
