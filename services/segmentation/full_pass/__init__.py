"""The full re-cut at any size: customers and purchases go out of the database as Parquet, one expression over them finds everybody's scores
and the cut points, on DuckDB in bounded memory or on Spark, and the points come back as a re-cut like every other."""
