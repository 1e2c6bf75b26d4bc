"""How well boxes, masks, keypoints and label maps match: numpy and pycocotools, never torch."""
