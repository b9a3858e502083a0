"""DuckDB: a relation scored, and a scorer as a function of SQL."""

import duckdb
import pyarrow as pa
from texts import TEXTS, show

import curate

relation = duckdb.from_arrow(pa.table({"text": TEXTS}))
scored = curate.score_table(relation, scorer="edu")
from_table = [row[0] for row in scored.project("edu_score").fetchall()]

scorer = curate.load_scorer("edu")
connection = duckdb.connect()
connection.create_function(
    "edu_score", lambda texts: pa.array(scorer.score(texts)), ["VARCHAR"], "FLOAT", type="arrow"
)
connection.register("pages", pa.table({"text": TEXTS}))
from_sql = [row[0] for row in connection.execute("SELECT edu_score(text) FROM pages").fetchall()]
if from_sql != from_table:
    raise SystemExit("the two ways differ")
show(from_table)
