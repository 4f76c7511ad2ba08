"""XMask3D: labels of points from masks in camera views and features of the points."""
