"""The studies that edgehar grew from: their tables, each beside the published one. Their fits are in `training.studies`."""
