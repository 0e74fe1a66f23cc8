-- Many small tables: psql -v tables=20000, into an empty database.
\set ON_ERROR_STOP on
SET client_min_messages = warning;
SELECT format('CREATE TABLE t%s (id integer PRIMARY KEY, a text, b timestamptz DEFAULT now());'
              ' INSERT INTO t%s (id, a) SELECT g, md5(g::text) FROM generate_series(1, 10) g', n, n)
FROM generate_series(1, :tables) n \gexec
