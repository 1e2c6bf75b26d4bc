"""Boxes, masks and keypoints as arrays: overlap, run lengths, similarity; numpy and pycocotools, nothing of ours."""
