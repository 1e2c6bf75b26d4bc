"""Learning boxes, and the masks or keypoints inside them."""
