"""A camera, whose frames MoveNet turns into keypoints; no frame leaves the process."""
