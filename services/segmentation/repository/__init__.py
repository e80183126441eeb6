"""Every statement of the segmentation service."""
