"""A training without Ray: files or a bucket, a head that speaks the Jobs API, and who comes."""
