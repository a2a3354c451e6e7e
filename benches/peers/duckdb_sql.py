"""DuckDB with two threads. Records per queue domain and type."""
import sys

import duckdb

base = duckdb.connect(config={"threads": 2})
base.execute(
    """SELECT split_part(queue, '/', 1) AS domain, type, count(*)
       FROM read_csv(?, header = true, delim = ',', quote = '"', escape = '"', all_varchar = true)
       GROUP BY ALL""",
    [sys.argv[1]],
)
sys.stdout.write("".join(f"{domain}\t{kind}\t{number}\n" for domain, kind, number in base.fetchall()))
