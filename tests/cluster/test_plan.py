from pathlib import Path

import pytest

from visioncli.cluster.plan import LARGEST, Piece, PieceListing, Plan
from visioncli.inputs.item import Item
from visioncli.inputs.shards import Listing, Shard


def items(count: int) -> list[Item]:
    return [Item(f"photos/{n}\udcff.jpg", f"{n}\udcff.jpg", "photos") for n in range(count)]


def planned(folder: Path, count: int, done: set[int] = frozenset()) -> Plan:  # type: ignore[assignment]
    plan = Plan(folder / "listing")
    plan.list(items(count), lambda item: [item], lambda at, _: at in done, lambda: None)
    return plan


@pytest.mark.parametrize(("count", "actors"), [(1, 1), (7, 2), (100, 3), (5000, 2)])
def test_pieces_hold_every_input_once_and_in_order(count: int, actors: int, tmp_path: Path) -> None:
    pieces = list(planned(tmp_path, count).pieces(actors))
    assert [entry for piece in pieces for entry in piece.items] == list(enumerate(items(count)))
    assert all(piece.begin == piece.items[0][0] for piece in pieces)
    assert max(len(piece.items) for piece in pieces) <= LARGEST
    assert len(pieces) >= min(count, 8 * actors) * 0.8


def test_what_is_done_is_in_no_piece_and_the_others_keep_their_places(tmp_path: Path) -> None:
    plan = planned(tmp_path, 6, {0, 3})
    assert (plan.listed, plan.to_do) == (6, 4)
    assert [at for piece in plan.pieces(1) for at, _ in piece.items] == [1, 2, 4, 5]


def test_the_listing_is_told_by_the_same_number_as_that_of_shards(tmp_path: Path) -> None:
    listing = Listing(Shard(1, 1))
    assert len(list(listing.of(items(9)))) == 9
    assert planned(tmp_path, 9).digest == listing.digest


def test_a_piece_knows_the_places_of_its_inputs_in_the_whole(tmp_path: Path) -> None:
    plan = planned(tmp_path, 20)
    piece = list(plan.pieces(1))[2]
    listing = PieceListing.of_piece(piece, plan.listed, plan.digest)
    assert [listing.next_place().at for _ in piece.items] == [at for at, _ in piece.items]
    assert (listing.listed, listing.digest) == (20, plan.digest)


def test_a_piece_that_is_cut_loses_nothing_and_its_folders_have_names_of_their_own() -> None:
    piece = Piece(5, tuple(enumerate(items(19), 5)), lost=2, tries=3)
    parts = piece.cut()
    assert [entry for part in parts for entry in part.items] == list(piece.items)
    assert len({part.folder for part in (piece, *parts)}) == len(parts) + 1
    assert all(part.lost == 0 for part in parts)
    assert [len(part.items) for part in Piece(0, tuple(enumerate(items(3)))).cut()] == [1, 1, 1]
