"""The fits of the studies that edgehar grew from. Their tables are in `evaluation.studies`."""
