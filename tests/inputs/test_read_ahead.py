"""What is read of a stream ahead of its use: bounded, in order."""

import threading

import pytest

from visioncli.errors import InputError
from visioncli.inputs.read_ahead import Piece, ReadAhead


def again() -> bytes:
    return b"again"


def test_a_piece_that_was_asked_for_is_held_until_it_is_let_go() -> None:
    piece = Piece(3, ReadAhead(10), again)
    piece.ask()
    piece.fill(lambda: b"one")
    assert [piece.content(), piece.content()] == [b"one", b"one"]
    piece.done()
    piece.done()
    assert piece.content() == b"again"


def test_a_piece_that_nobody_wants_is_not_read() -> None:
    for end in (lambda piece: None, lambda piece: (piece.ask(), piece.done())):
        piece = Piece(3, ReadAhead(10), again)
        end(piece)
        piece.fill(lambda: pytest.fail("it was read"))
        assert piece.content() == b"again"


def test_who_wants_a_piece_waits_until_the_stream_has_come_to_it() -> None:
    piece, found = Piece(3, ReadAhead(10), again), []
    piece.ask()
    waiting = threading.Thread(target=lambda: found.append(piece.content()))
    waiting.start()
    piece.fill(lambda: b"one")
    waiting.join(10)
    assert found == [b"one"]


def test_the_stream_waits_for_room() -> None:
    ahead = ReadAhead(5)
    first, second = (Piece(3, ahead, again) for _ in range(2))
    first.ask()
    second.ask()
    first.fill(lambda: b"one")
    feeder = threading.Thread(target=lambda: second.fill(lambda: b"two"))
    feeder.start()
    feeder.join(0.05)
    assert feeder.is_alive()
    first.done()
    feeder.join(10)
    assert not feeder.is_alive()
    assert second.content() == b"two"


def test_a_piece_larger_than_the_room_is_let_in_alone() -> None:
    piece = Piece(100, ReadAhead(5), again)
    piece.ask()
    piece.fill(lambda: b"large")
    assert piece.content() == b"large"


@pytest.mark.parametrize("problem", [InputError("too_large", "No."), EOFError("cut off")])
def test_a_piece_that_cannot_be_read_takes_no_room(problem: Exception) -> None:
    ahead = ReadAhead(5)
    piece, other = Piece(4, ahead, again), Piece(4, ahead, again)

    def read() -> bytes:
        raise problem

    piece.ask()
    if isinstance(problem, InputError):
        piece.fill(read)
    else:
        with pytest.raises(EOFError):  # the stream's own affair: nothing follows
            piece.fill(read)
    with pytest.raises(InputError):
        piece.content()
    piece.done()
    other.ask()
    other.fill(lambda: b"next")
    assert other.content() == b"next"
