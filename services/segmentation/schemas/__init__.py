"""HTTP bodies of the segmentation service."""
