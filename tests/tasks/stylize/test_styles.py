from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from visioncli.errors import UsageError
from visioncli.models.styles import DEFAULT, STYLES
from visioncli.tasks.stylize.styles import Mixture, Share, parse_style

KNOWN = dict(STYLES)


def test_there_are_26_names_each_once_by_number() -> None:
    assert [number for number, _ in STYLES] == list(range(26))
    assert len(set(KNOWN.values())) == 26
    assert DEFAULT in KNOWN.values()


def test_a_name_is_the_whole_style() -> None:
    assert parse_style("mosaic", KNOWN) == Mixture((Share("mosaic", 1.0),), False)
    assert str(parse_style("mosaic", KNOWN)) == "mosaic"


def test_a_number_is_the_style_of_that_number() -> None:
    assert parse_style("9", KNOWN) == parse_style("mosaic", KNOWN)


def test_shares_of_a_mixture_are_kept() -> None:
    mixture = parse_style("mosaic:0.7, candy:0.3", KNOWN)
    assert mixture.shares == (Share("mosaic", 0.7), Share("candy", 0.3))
    assert mixture.own == pytest.approx(0)
    assert str(mixture) == "mosaic:0.7,candy:0.3"


def test_shares_above_1_are_proportions() -> None:
    mixture = parse_style("mosaic:3,candy", KNOWN)
    assert [share.weight for share in mixture.shares] == pytest.approx([0.75, 0.25])
    assert parse_style("mosaic,candy", KNOWN).shares[0].weight == 0.5


def test_what_shares_leave_is_the_pictures_own() -> None:
    assert parse_style("mosaic:0.5,candy:0.2", KNOWN).own == pytest.approx(0.3)


def test_a_style_that_is_named_twice_is_one() -> None:
    assert parse_style("mosaic:0.2,mosaic:0.3", KNOWN).shares == (Share("mosaic", 0.5),)


@given(st.lists(st.tuples(st.sampled_from(sorted(KNOWN.values())), st.floats(0.001, 1000)), min_size=1))
def test_shares_never_add_up_to_more_than_1(parts: list[tuple[str, float]]) -> None:
    mixture = parse_style(",".join(f"{name}:{share!r}" for name, share in parts), KNOWN)
    assert sum(share.weight for share in mixture.shares) <= 1 + 1e-9
    assert 0 <= mixture.own < 1


def test_a_path_that_exists_is_a_painting(tmp_path: Path) -> None:
    path = tmp_path / "a,b:0.5.jpg"
    path.touch()
    assert parse_style(str(path), KNOWN) == Mixture((Share(str(path), 1.0),), True)
    other = tmp_path / "c.jpg"
    other.touch()
    mixture = parse_style(f"{other}:0.25", KNOWN)
    assert (mixture.shares, mixture.own, mixture.paintings) == ((Share(str(other), 0.25),), 0.75, True)


def test_a_name_is_a_style_also_where_there_is_a_file_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mosaic").touch()
    assert not parse_style("mosaic", KNOWN).paintings
    assert parse_style("./mosaic", KNOWN).paintings


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("mosiac", "Did you mean mosaic?"),
        ("mosiac:0.5", "Did you mean mosaic?"),
        ("26", "There is no style called '26'"),
        ("nowhere/painting.jpg", "there is no such file"),
        ("painting.jpg:0.5", "there is no such file"),
        ("mosaic:lots", "a number above 0, such as mosaic:0.7"),
        ("mosaic:-1", "a number above 0"),
        ("mosaic:nan", "a number above 0"),
        (",", "--style is empty"),
        ("", "--style is empty"),
    ],
)
def test_what_is_no_style_is_said(text: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError) as caught:
        parse_style(text, KNOWN)
    assert words in str(caught.value)


def test_names_and_paintings_are_not_mixed(tmp_path: Path) -> None:
    path = tmp_path / "painting.png"
    path.touch()
    with pytest.raises(UsageError, match="cannot be mixed"):
        parse_style(f"mosaic:0.5,{path}:0.5", KNOWN)
