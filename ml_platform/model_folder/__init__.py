"""A data scientist's folder: read as a value, checked without training, and scaffolded."""
