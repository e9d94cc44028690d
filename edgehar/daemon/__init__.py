"""`edgehar run`: wearers, their sources and pipelines, the publishers, and what watches over them."""
