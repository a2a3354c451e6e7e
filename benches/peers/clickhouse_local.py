"""ClickHouse-local (chdb) with two threads. Records per queue domain and type."""
import sys

import chdb

answer = chdb.query(
    f"""SELECT splitByChar('/', queue)[1] AS domain, type, count()
        FROM file('{sys.argv[1]}', 'CSVWithNames', 'type String, queue String')
        GROUP BY domain, type
        SETTINGS max_threads = 2, input_format_skip_unknown_fields = 1""",
    "TabSeparated",
)
sys.stdout.write(answer.data() if isinstance(answer.data(), str) else answer.data().decode())
