"""What local-bigquery 0.4.0 lacks, added as Google documents it for BigQuery.

Each repair replaces private functions, so the version is pinned exactly; drop one when a newer
version passes without it. A repair's docstring says what is wrong without it.
"""
