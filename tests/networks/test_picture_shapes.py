from visioncli.networks.picture_shapes import Shape


def test_a_shape_is_read_as_it_is_written() -> None:
    shape = Shape(28, 1, 32, 64)
    assert str(shape) == "28x1x32x64"
    assert Shape.of(str(shape)) == shape


def test_maps_double_where_sides_halve_up_to_a_bound() -> None:
    assert Shape(64, 3, 16, 64).widths == (256, 128, 64, 32, 16)
    assert Shape(64, 3, 128, 64).widths == (512, 512, 512, 256, 128)
