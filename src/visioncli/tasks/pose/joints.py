"""COCO's keypoints of a person: their names, the limbs between them, and the angles that limbs make."""

KEYPOINT_NAMES = (
    *("nose", "left_eye", "right_eye", "left_ear", "right_ear"),
    *("left_shoulder", "right_shoulder", "left_elbow", "right_elbow", "left_wrist", "right_wrist"),
    *("left_hip", "right_hip", "left_knee", "right_knee", "left_ankle", "right_ankle"),
)
"""COCO's 17 keypoints in their order."""

SKELETON = (
    *((15, 13), (13, 11), (16, 14), (14, 12), (11, 12), (5, 11), (6, 12), (5, 6), (5, 7), (6, 8)),
    *((7, 9), (8, 10), (1, 2), (0, 1), (0, 2), (1, 3), (2, 4), (3, 5), (4, 6)),
)
"""COCO's limbs as pairs of keypoint indices, from 0."""

ANGLES = {
    f"{side}_{joint}": tuple(KEYPOINT_NAMES.index(f"{side}_{part}") for part in parts)
    for side in ("left", "right")
    for joint, parts in {
        "elbow": ("shoulder", "elbow", "wrist"),
        "knee": ("hip", "knee", "ankle"),
        "shoulder": ("elbow", "shoulder", "hip"),
        "hip": ("shoulder", "hip", "knee"),
    }.items()
}
"""For each angle the three keypoints it lies between, the joint in the middle."""
