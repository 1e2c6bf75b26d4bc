"""Names of the styles of the network `multistyle26`, by the number that it knows them by.

Its makers gave them numbers alone. These names say what the paintings look like, not whose they are.
"""

STYLES: tuple[tuple[int, str], ...] = (
    (0, "gouache"),
    (1, "comic"),
    (2, "ink"),
    (3, "tangle"),
    (4, "poster"),
    (5, "fauve"),
    (6, "dots"),
    (7, "airbrush"),
    (8, "candy"),
    (9, "mosaic"),
    (10, "copper"),
    (11, "engraving"),
    (12, "pastel"),
    (13, "jungle"),
    (14, "frost"),
    (15, "stained-glass"),
    (16, "crayon"),
    (17, "bricks"),
    (18, "woodcut"),
    (19, "starry"),
    (20, "ember"),
    (21, "pop"),
    (22, "enamel"),
    (23, "dusk"),
    (24, "wave"),
    (25, "tapestry"),
)
DEFAULT = "starry"
"""The style where none is named."""
