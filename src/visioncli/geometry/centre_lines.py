"""Masks of thin things, such as roads -> the lines along their middle, joined where they cross."""

import heapq
import math
from collections import defaultdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from visioncli.errors import missing_extra
from visioncli.geometry.simplify import simplified_line


def centre_lines(mask: np.ndarray, tolerance: float = 1.0) -> list[np.ndarray]:
    """The middle of a `(H, W)` mask as lines `(N, 2) float64` x y, in pixels from the upper left corner.

    The skeleton (Zhang and Suen 1984, by scikit-image) as a graph: lines end where three or more meet, and share that
    point. Spurs and single pieces shorter than the mask is wide, there or on the whole, are left out, crossings that
    are nearer to each other than it is wide there are one, and holes smaller than the square of its width are filled.
    Free ends go on straight to the mask's end. Lines are simplified within `tolerance` pixels.
    Raises ModelUnavailable where the libraries of the extra `lines` are not installed.
    """
    libraries = _Libraries()
    mask = np.asarray(mask) != 0  # also of bytes of 255 that Pillow calls bool, on which scikit-image crashes
    rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    if not len(rows):
        return []
    # With what is beside it, as far as the picture goes: its border is no end of a road.
    top, left = max(int(rows[0]) - 1, 0), max(int(columns[0]) - 1, 0)
    mask = mask[top : rows[-1] + 2, left : columns[-1] + 2]
    found = libraries.skeleton(mask)
    if found is None:
        return []
    skeleton, radius = found
    width = 2 * float((radius**2).sum() / radius.sum())
    filled = _without_small_holes(mask, width * width, libraries)
    if filled is not mask:
        mask = filled
        if (found := libraries.skeleton(mask)) is None:
            return []
        skeleton, radius = found
    graph = SkeletonGraph(skeleton, radius, width)
    graph.prune()
    graph.join_near_crossings()
    lines = [_to_the_end(*line, mask) for line in graph.lines()]
    return [simplified_line(line, tolerance) + np.array([left, top]) for line in lines]


def check_libraries() -> None:
    """Raises ModelUnavailable where the libraries of the extra `lines` are not installed."""
    _Libraries()


class _Libraries:
    """What is taken from others. Raises ModelUnavailable where it is not installed."""

    def __init__(self) -> None:
        try:
            import shapely  # noqa: F401 - simplifies what comes out
            from scipy import ndimage
            from scipy.spatial import cKDTree
            from skimage.morphology import skeletonize
        except ImportError as problem:
            name = (problem.name or "").partition(".")[0]
            raise missing_extra("scikit-image" if name == "skimage" else name, "lines") from None
        self.ndimage: Any = ndimage
        self._tree: Any = cKDTree
        self._skeletonize: Any = skeletonize

    def skeleton(self, mask: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
        """The skeleton `(H, W) bool` and how far each of its pixels, row by row, is from the mask's edge; None where
        the mask has no edge in the picture."""
        edge = np.stack(np.nonzero(_edge(mask)), axis=1)
        if not len(edge):
            return None
        skeleton: np.ndarray = self._skeletonize(mask)
        distances, _ = self._tree(edge).query(np.stack(np.nonzero(skeleton), axis=1))
        return skeleton, distances + 0.5


def _without_small_holes(mask: np.ndarray, area: float, libraries: _Libraries) -> np.ndarray:
    """The mask with holes filled that have fewer pixels than `area`, so that no line goes around them."""
    # Skeletons pass between pixels that touch at a corner, so what lies behind those is a hole too.
    numbers, count = libraries.ndimage.label(~mask)
    if count < 2:
        return mask
    small = np.bincount(numbers.ravel()) < area
    small[0] = False
    for side in (numbers[0], numbers[-1], numbers[:, 0], numbers[:, -1]):
        small[side] = False  # cut off by the picture's border, not a hole
    if not small.any():
        return mask
    filled: np.ndarray = mask | small[numbers]
    return filled


def _edge(mask: np.ndarray) -> np.ndarray:
    """The mask's pixels beside one that is not of it."""
    edge = np.zeros_like(mask)
    edge[1:] |= mask[1:] & ~mask[:-1]
    edge[:-1] |= mask[:-1] & ~mask[1:]
    edge[:, 1:] |= mask[:, 1:] & ~mask[:, :-1]
    edge[:, :-1] |= mask[:, :-1] & ~mask[:, 1:]
    return edge


class SkeletonGraph:
    """A skeleton's crossings and ends, and the paths of pixels between them.

    `radius` is how far each of its pixels, row by row, is from the mask's edge; `width` is the whole mask's.
    """

    def __init__(self, skeleton: np.ndarray, radius: np.ndarray, width: float) -> None:
        ys, xs = np.nonzero(skeleton)
        self._points = np.stack([xs, ys], axis=1).astype(np.float64)
        self._radius, self._width = radius, width
        self._paths: dict[int, list[int]] = {}
        self._at: dict[int, list[int]] = defaultdict(list)
        self._count = 0
        for path in _paths(_neighbours(skeleton.shape[1], xs, ys)):
            self._add(path)

    def prune(self) -> None:
        """Removes spurs and single pieces that are shorter than the mask is wide, shortest first."""
        queue = [(self._length(path), number) for number, path in self._paths.items()]
        heapq.heapify(queue)
        while queue:
            length, number = heapq.heappop(queue)
            path = self._paths.get(number)
            if path is None:
                continue
            if path[0] == path[-1]:
                if len(self._at[path[0]]) == 2 and length < 2 * self._width:
                    self._remove(number)
                continue
            ends = [len(self._at[end]) for end in (path[0], path[-1])]
            if max(ends) == 1:
                if length < max(2 * self._radius[path].max(), self._width):
                    self._remove(number)
            elif min(ends) == 1:
                crossing = path[0] if ends[0] > 1 else path[-1]
                if length < max(2 * self._radius[crossing], self._width):
                    self._remove(number)
                    if (joined := self._join(crossing)) is not None:
                        heapq.heappush(queue, (self._length(self._paths[joined]), joined))

    def join_near_crossings(self) -> None:
        """Makes one crossing of those that are nearer to each other than the mask is wide, as the halves of an X."""
        for number, path in list(self._paths.items()):
            one, other = path[0], path[-1]
            if one == other or min(len(self._at[one]), len(self._at[other])) < 3:
                continue
            if self._length(path) > 2 * max(self._radius[one], self._radius[other]):
                continue
            self._remove(number)
            self._points[one] = (self._points[one] + self._points[other]) / 2
            self._radius[one] = max(self._radius[one], self._radius[other])
            for moved in self._at.pop(other):
                ends = self._paths[moved]
                ends[0], ends[-1] = (one if end == other else end for end in (ends[0], ends[-1]))
                self._at[one].append(moved)
        for number, path in list(self._paths.items()):
            longest = max(4 * self._radius[path[0]], 2 * self._width)
            if path[0] == path[-1] and len(self._at[path[0]]) > 2 and self._length(path) < longest:
                self._remove(number)
                self._join(path[0])

    def lines(self) -> list[tuple[np.ndarray, float, tuple[bool, bool]]]:
        """Each line's points `(N, 2)` in the middle of pixels, half its width, and which of its ends are free."""
        found = []
        for path in self._paths.values():
            free = (len(self._at[path[0]]) == 1, len(self._at[path[-1]]) == 1)
            found.append((self._points[path] + 0.5, float(np.median(self._radius[path])), free))
        return found

    def _add(self, path: list[int]) -> int:
        number = self._count
        self._count += 1
        self._paths[number] = path
        for end in (path[0], path[-1]):
            self._at[end].append(number)
        return number

    def _remove(self, number: int) -> None:
        path = self._paths.pop(number)
        for end in (path[0], path[-1]):
            self._at[end].remove(number)

    def _join(self, place: int) -> int | None:
        """Makes one path of two that meet where nothing else does."""
        there = self._at[place]
        if len(there) != 2 or there[0] == there[1]:
            return None
        first, second = self._paths[there[0]], self._paths[there[1]]
        for number in list(there):
            self._remove(number)
        first = first if first[-1] == place else first[::-1]
        second = second if second[0] == place else second[::-1]
        return self._add([*first, *second[1:]])

    def _length(self, path: list[int]) -> float:
        return _length(self._points[path])


def _length(points: np.ndarray) -> float:
    return float(np.hypot(*np.diff(points, axis=0).T).sum())


def _neighbours(wide: int, xs: NDArray[np.int64], ys: NDArray[np.int64]) -> list[list[int]]:
    """For each pixel, given row by row, those beside it; diagonal ones only where no third one joins the two."""
    stride = wide + 2  # so that the end of a row is not beside the start of the next
    keys = ys * stride + xs
    found: dict[int, tuple[NDArray[np.int64], NDArray[np.bool_]]] = {}
    for step in (1, -1, stride, -stride, stride + 1, stride - 1):
        place = np.minimum(np.searchsorted(keys, keys + step), max(len(keys) - 1, 0))
        found[step] = place, keys[place] == keys + step
    neighbours: list[list[int]] = [[] for _ in keys]
    for step, between in ((1, ()), (stride, ()), (stride + 1, (1, stride)), (stride - 1, (-1, stride))):
        there, is_there = found[step]
        for third in between:
            is_there = is_there & ~found[third][1]
        one = np.flatnonzero(is_there)
        for a, b in zip(one.tolist(), there[one].tolist(), strict=True):
            neighbours[a].append(b)
            neighbours[b].append(a)
    return neighbours


def _paths(neighbours: list[list[int]]) -> list[list[int]]:
    """The ways between pixels that have not two neighbours, and those that lead round to where they began."""
    paths = []
    passed = bytearray(len(neighbours))
    taken: set[tuple[int, int]] = set()

    def walk(start: int, step: int) -> list[int]:
        path = [start, step]
        while len(neighbours[path[-1]]) == 2 and path[-1] != start:
            passed[path[-1]] = 1
            one, other = neighbours[path[-1]]
            path.append(other if one == path[-2] else one)
        return path

    for start, around in enumerate(neighbours):
        if len(around) == 2:
            continue
        for step in around:
            if (start, step) not in taken:
                path = walk(start, step)
                taken.add((path[-1], path[-2]))
                taken.add((start, step))
                paths.append(path)
    for start, around in enumerate(neighbours):
        if len(around) == 2 and not passed[start]:
            passed[start] = 1
            paths.append(walk(start, around[0]))
    return paths


def _to_the_end(points: np.ndarray, radius: float, free: tuple[bool, bool], mask: np.ndarray) -> np.ndarray:
    """A line whose free ends go on straight to the mask's end, in place of turning into one of its corners."""
    for is_free in free:
        if is_free:
            points = _straightened(points, radius, mask)
        points = points[::-1]
    return points


def _straightened(points: np.ndarray, radius: float, mask: np.ndarray) -> np.ndarray:
    """The line with its first part, two half widths long, in the direction of what follows."""
    along = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(points, axis=0).T))])
    if along[-1] < 4 * radius:
        return points
    anchor, behind = (int(np.searchsorted(along, times * radius)) for times in (2, 4))
    way = points[anchor] - points[behind]
    reach = math.hypot(*way)
    if reach == 0:
        return points
    steps = np.arange(0, 4 * radius + 1, 0.5)[:, None] * way / reach + points[anchor]
    inside = _inside(steps, mask)
    last = len(steps) - 1 if inside.all() else int(np.argmin(inside)) - 1
    beyond = steps[min(last + 1, len(steps) - 1)]
    leaves_picture = bool((beyond < 0).any() or (beyond >= mask.shape[::-1]).any())
    if last * 0.5 < radius and not leaves_picture:
        return points  # the mask turns here
    return np.concatenate([steps[last : last + 1], points[anchor:]])


def _inside(points: np.ndarray, mask: np.ndarray) -> np.ndarray:
    x, y = np.floor(points).astype(np.int64).T
    height, width = mask.shape
    within = (x >= 0) & (y >= 0) & (x < width) & (y < height)
    found = np.zeros(len(points), bool)
    found[within] = mask[y[within], x[within]]
    return found
