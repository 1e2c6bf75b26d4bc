import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from sinks.samples import failed, folder, outcome, record, ring, segment
from visioncli.errors import OutputError
from visioncli.inputs.sources import Item
from visioncli.results import Record
from visioncli.runner import Outcome
from visioncli.sinks.geojson import GeoJsonDocument, GeoJsonSink
from visioncli.sinks.map_features import Shapes

EXACT = Shapes()


def picture(tmp_path: Path, name: str, world: str | None = None, epsg: int | None = None) -> Record:
    """A picture with a ring as its mask, and the record that a run makes of it."""
    path = tmp_path / "photos" / name
    path.parent.mkdir(exist_ok=True)
    Image.new("RGB", (120, 100)).save(path)
    if world is not None:
        path.with_suffix(".wld").write_text(world)
    if epsg is not None:
        path.with_suffix(".prj").write_text(f'PROJCS["here",AUTHORITY["EPSG","{epsg}"]]')
    body = record("segment", name, segment(ring()))
    return Record("segment", str(path), *(120, 100), body.model, body.predictions, output=name)


def run(tmp_path: Path, *records: Record) -> tuple[dict[str, Any], GeoJsonDocument]:
    """Writes the pictures' files and the document, as a run does. The document as JSON, and its sink."""
    out = folder(tmp_path)
    pictures, document = GeoJsonSink(EXACT), GeoJsonDocument(out, EXACT)
    for body in records:
        if body.ok:
            files = pictures.write(Outcome(Item(body.input, body.output or ""), body), out, body.output or "")
            body.files.update(files)
        document.write(body)
    document.close()
    return json.loads((tmp_path / "out" / "predictions.geojson").read_text()), document


def test_a_picture_has_a_file_of_its_own_that_its_record_names(tmp_path: Path) -> None:
    body = picture(tmp_path, "a.png")
    files = GeoJsonSink(EXACT).write(Outcome(Item(body.input, "a.png"), body), folder(tmp_path), "a.png")
    assert files == {"geojson": str(tmp_path / "out" / "a.png.geojson")}
    data = json.loads(Path(files["geojson"]).read_text())
    assert (data["type"], data["crs"], data["coordinates"]) == ("FeatureCollection", None, "pixels")
    assert len(data["features"]) == 2


def test_the_document_holds_the_shapes_of_all_pictures(tmp_path: Path) -> None:
    one, other = picture(tmp_path, "a.png"), picture(tmp_path, "b.png")
    data, sink = run(tmp_path, one, failed("segment", "broken.png"), other)
    assert [f["properties"]["input"] for f in data["features"]] == [one.input] * 2 + [other.input] * 2
    assert sink.remark is None


def test_without_a_picture_it_is_an_empty_collection(tmp_path: Path) -> None:
    data, _ = run(tmp_path, failed("segment", "broken.png"))
    assert data == {"type": "FeatureCollection", "crs": None, "coordinates": "pixels", "features": []}


def test_pictures_of_another_reference_system_are_left_out_and_named(tmp_path: Path) -> None:
    here = picture(tmp_path, "a.png", "1\n0\n0\n-1\n0\n0\n", 32633)
    there = picture(tmp_path, "b.png", "1\n0\n0\n-1\n0\n0\n", 32634)
    also_here = picture(tmp_path, "c.png", "2\n0\n0\n-2\n50\n0\n", 32633)
    nowhere = picture(tmp_path, "d.png")
    data, sink = run(tmp_path, here, there, also_here, nowhere)
    assert {f["properties"]["input"] for f in data["features"]} == {here.input, also_here.input}
    assert data["crs"]["properties"]["name"].endswith(":32633")
    assert sink.remark is not None
    assert "2 pictures have another reference system" in sink.remark and "b.png" in sink.remark
    assert json.loads((tmp_path / "out" / "b.png.geojson").read_text())["crs"]["properties"]["name"].endswith("32634")


def test_on_standard_output_it_is_made_of_the_records(
    tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    one, other = picture(tmp_path, "a.png"), picture(tmp_path, "b.png", "1\n0\n0\n-1\n0\n0\n")
    sink = GeoJsonDocument(None, EXACT)
    for body in (one, other):
        sink.write(body)
    sink.close()
    data = json.loads(capfdbinary.readouterr().out)
    assert len(data["features"]) == 2
    assert sink.remark is not None and "Give a folder" in sink.remark


def test_a_broken_world_file_leaves_no_file_behind(tmp_path: Path) -> None:
    body = picture(tmp_path, "a.png", "1\n2\n")
    out = folder(tmp_path)
    with pytest.raises(OutputError, match="six numbers"):
        GeoJsonSink(EXACT).write(Outcome(Item(body.input, "a.png"), body), out, "a.png")
    assert not (tmp_path / "out" / "a.png.geojson").exists()


def test_a_document_is_not_seen_before_it_is_whole(tmp_path: Path) -> None:
    out = folder(tmp_path)
    sink = GeoJsonDocument(out, EXACT)
    assert not (tmp_path / "out" / "predictions.geojson").exists()
    sink.close()
    assert json.loads((tmp_path / "out" / "predictions.geojson").read_text())["features"] == []


def test_names_that_are_not_text_are_escaped(tmp_path: Path) -> None:
    body = record("segment", "a\udcff\n.png", segment(np.ones((100, 120), bool)))
    out = folder(tmp_path)
    files = GeoJsonSink(EXACT).write(outcome(body), out, "a.png")
    (feature,) = json.loads(Path(files["geojson"]).read_text())["features"]
    assert feature["properties"]["input"] == "photos/a\udcff\n.png"
