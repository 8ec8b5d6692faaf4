"""Reachability along given hops by networkx or by recursive SQL, for row P6.

    python reachability.py networkx|sql FOLDER

FOLDER/hops.tsv holds a hop a line, FOLDER/sources.tsv a source, FOLDER/sample.tsv some of these.
SQL runs by psql in the database of the URL that SV0_POSTGRES_OWNER holds.

Prints the seconds that all sources took together, the number of pairs (source, what it reaches
within 8 hops), and a digest of the pairs of the sample.
"""

import hashlib
import os
import pathlib
import subprocess
import sys
import time
import urllib.parse

MAXIMUM_HOPS = 8

peer, folder = sys.argv[1], pathlib.Path(sys.argv[2])


def lines(name):
    return (folder / name).read_text().splitlines()


def by_networkx():
    import networkx

    graph = networkx.DiGraph()
    graph.add_edges_from(line.split("\t") for line in lines("hops.tsv"))
    sources, sample = lines("sources.tsv"), set(lines("sample.tsv"))
    graph.add_nodes_from(sources)
    start, count, kept = time.monotonic(), 0, []
    for source in sources:
        reached = networkx.single_source_shortest_path_length(graph, source, cutoff=MAXIMUM_HOPS)
        count += len(reached) - 1
        if source in sample:
            kept += [f"{source}\t{end}" for end in reached if end != source]
    return time.monotonic() - start, count, kept


def sql(text, *options):
    url = urllib.parse.urlsplit(os.environ["SV0_POSTGRES_OWNER"])
    server = {
        "PGHOST": url.hostname,
        "PGPORT": str(url.port),
        "PGUSER": url.username,
        "PGPASSWORD": url.password,
        "PGDATABASE": url.path.lstrip("/"),
    }
    command = ["psql", "--no-psqlrc", "--quiet", "--tuples-only", "--no-align", *options]
    done = subprocess.run(
        [*command, "--set", "ON_ERROR_STOP=1"],
        input=text,
        capture_output=True,
        text=True,
        env=os.environ | server,
    )
    if done.returncode != 0:
        sys.exit(done.stderr)
    return done.stdout


def by_sql():
    sql(
        f"""
        DROP TABLE IF EXISTS hops, sources, sample, pairs;
        CREATE TABLE hops (from_id text COLLATE "C" NOT NULL, to_id text COLLATE "C" NOT NULL);
        CREATE TABLE sources (id text COLLATE "C" NOT NULL);
        CREATE TABLE sample (id text COLLATE "C" NOT NULL);
        \\copy hops FROM '{folder}/hops.tsv'
        \\copy sources FROM '{folder}/sources.tsv'
        \\copy sample FROM '{folder}/sample.tsv'
        CREATE INDEX ON hops (from_id, to_id);
        ANALYZE;
        """
    )
    start = time.monotonic()
    sql(
        f"""
        SET work_mem = '256MB';
        CREATE UNLOGGED TABLE pairs AS
        WITH RECURSIVE reached (source, id, depth) AS (
          SELECT id, id, 0 FROM sources
          UNION
          SELECT source, to_id, depth + 1 FROM reached JOIN hops ON from_id = id
          WHERE depth < {MAXIMUM_HOPS}
        )
        SELECT DISTINCT source, id FROM reached WHERE source <> id;
        """
    )
    seconds = time.monotonic() - start
    count = int(sql("SELECT count(*) FROM pairs"))
    kept = sql("SELECT source, pairs.id FROM pairs JOIN sample ON sample.id = source", "-F", "\t")
    return seconds, count, kept.splitlines()


seconds, count, kept = by_networkx() if peer == "networkx" else by_sql()
digest = hashlib.sha256("\n".join(sorted(kept)).encode()).hexdigest()
print(seconds, count, digest)
