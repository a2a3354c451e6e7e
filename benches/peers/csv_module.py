"""Python's csv module: what most people write first. Records per queue domain and type."""
import csv
import sys
from collections import Counter

counts = Counter()
with open(sys.argv[1], newline="", encoding="utf-8", errors="replace") as file:
    rows = csv.reader(file)
    header = next(rows)
    kind, queue = header.index("type"), header.index("queue")
    for row in rows:
        counts[row[queue].partition("/")[0], row[kind]] += 1
for (domain, kind), number in counts.items():
    print(domain, kind, number, sep="\t")
