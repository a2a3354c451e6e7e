"""Polars, lazy and streaming, with two threads. Records per queue domain and type."""
import os
import sys

os.environ["POLARS_MAX_THREADS"] = "2"
import polars as pl

counts = (
    pl.scan_csv(sys.argv[1], infer_schema=False)
    .group_by(pl.col("queue").str.split_exact("/", 1).struct.field("field_0").alias("domain"), "type")
    .agg(pl.len())
    .collect(engine="streaming")
)
counts.write_csv(sys.stdout.buffer, separator="\t", include_header=False)
