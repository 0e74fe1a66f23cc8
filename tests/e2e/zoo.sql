-- One of everything that a database can hold, for round trips. psql, as superuser, into an empty
-- UTF-8 database of PostgreSQL 13 or newer.
\set ON_ERROR_STOP on
\set QUIET on
SET client_min_messages = error;
SELECT current_setting('server_version_num')::int >= 140000 AS v14,
       current_setting('server_version_num')::int >= 150000 AS v15,
       current_setting('server_version_num')::int >= 160000 AS v16,
       current_setting('server_version_num')::int >= 170000 AS v17,
       current_setting('server_version_num')::int >= 180000 AS v18 \gset

DO $$
DECLARE r text;
BEGIN
    FOREACH r IN ARRAY ARRAY['zoo_owner', 'zoo_reader', 'Zoo "Röle"'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = r) THEN
            EXECUTE format('CREATE ROLE %I', r);
        END IF;
    END LOOP;
END $$;
GRANT zoo_reader TO zoo_owner;

CREATE SCHEMA kinds AUTHORIZATION zoo_owner;
CREATE SCHEMA "Sch ema.with ""quotes"" / and % signs";
CREATE SCHEMA parts;
CREATE SCHEMA "Öäü";
CREATE SCHEMA ext;
COMMENT ON SCHEMA kinds IS 'a comment with ''quotes'', "double ones" and a
line end';

-- Extensions, one with configuration tables: a condition, none, and a sequence.
CREATE EXTENSION hstore SCHEMA ext;
CREATE EXTENSION citext SCHEMA ext;
CREATE EXTENSION hf_zoo SCHEMA ext;
INSERT INTO ext.hf_settings VALUES ('mine', 'kept', false), ('null', NULL, false);
INSERT INTO ext.hf_words VALUES ('one'), (''), (NULL), (E'tab\there');
SELECT setval('ext.hf_counter', 4711) \g /dev/null
-- A row the extension shipped and the user changed is not configuration by its own condition.
UPDATE ext.hf_settings SET value = 'changed here' WHERE name = 'shipped';

-- Types.
SET search_path = kinds, ext, public;
CREATE TYPE mood AS ENUM ('sad', 'ok', 'it''s "great"');
ALTER TYPE mood ADD VALUE 'between' BEFORE 'ok';
CREATE DOMAIN posint AS integer CHECK (VALUE > 0);
CREATE DOMAIN email AS citext CONSTRAINT has_at CHECK (VALUE ~ '@') DEFAULT 'nobody@example.org';
CREATE TYPE pair AS (a integer, b text);
CREATE TYPE nested AS (p pair, list text[], d posint);
CREATE TYPE floatrange AS RANGE (subtype = float8, subtype_diff = float8mi);

CREATE TABLE scalars (
    id serial PRIMARY KEY,
    i2 smallint, i4 integer, i8 bigint, num numeric, num102 numeric(10, 2),
    f4 real, f8 double precision, b boolean, c char(5), vc varchar(10), t text, n name, ch "char",
    by bytea, d date, tm time, tmz timetz, ts timestamp, tsz timestamptz, iv interval,
    u uuid, j json, jb jsonb, x xml, ip inet, net cidr, mac macaddr, mac8 macaddr8,
    bits bit(4), vbits varbit, m money, pt point, ln line, sg lseg, bx box, pth path, pg polygon,
    ci circle, tsv tsvector, tsq tsquery, lsn pg_lsn, xid_ xid, o oid, rc regclass, em mood,
    pi posint, ea email, hs hstore
);
INSERT INTO scalars VALUES (DEFAULT,
    -32768, -2147483648, -9223372036854775808, 'NaN', -12345678.91,
    'NaN', 'Infinity', true, 'ab', 'varchar', E'tab\t nl\n cr\r bs\\ bell\x07 \\. end', 'name', 'x',
    '\x00ff5c0a0d27', '4713-01-01 BC', '24:00:00', '12:00:00.123456+05:30', 'infinity',
    '-infinity', '-1 year 2 mons -3 days 04:05:06.789',
    'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '{"a" :  1, "a": 2}', '{"b": [1, 2.50, null, "ü\u0001"]}',
    '<a>&amp;<b/></a>', '::1/128', '10.0.0.0/8', '08:00:2b:01:02:03', '08:00:2b:01:02:03:04:05',
    B'1010', B'1', '-$1,234.56', '(1,2)', '{1,-1,0}', '[(0,0),(1,1)]', '((1,1),(0,0))',
    '[(0,0),(1,0),(1,1)]', '((0,0),(1,0),(1,1))', '<(0,0),1e-300>', 'a fat cat:3A', 'fat & !cat',
    '16/B374D848', '42', 4294967295, 'pg_class', 'between', 1, 'Someone@Example.org',
    'a=>1, "b c"=>NULL, d=>""');
INSERT INTO scalars (i2, t, by, vc, c, f4, f8, num, d, ts, iv) VALUES
    (32767, '', '', '', '', '-Infinity', '-0', 1e-30, 'infinity', '0001-01-01 00:00:00', '0'),
    (0, NULL, NULL, NULL, NULL, 1.17549e-38, 4.9e-324, 1e131071 / 1e131000, '5874897-12-31',
     '294276-12-31 23:59:59.999999', '178000000 years'),
    (1, '\N', '\x5c4e', 'NULL', '\.', 3.4028235e38, 1.7976931348623157e308, 0.10, '2000-02-29',
     '1999-12-31 23:59:60', 'P1Y2M3DT4H5M6S'),
    (2, E'\\.', '\x5c2e', E'\\\\', NULL, 0.1, 0.1 + 0.2, -0.0, '1582-10-15', NULL, NULL);
INSERT INTO scalars (t) SELECT string_agg(chr(c), '' ORDER BY c) FROM generate_series(1, 500) c;
INSERT INTO scalars (t) VALUES ('😀 𝄞 ﷽ é e' || chr(769) || ' ' || chr(8232) || chr(1114109));
\if :v14
CREATE TABLE newer (inf numeric, mr int4multirange, x xid8);
INSERT INTO newer VALUES ('Infinity', '{[1,3),[7,9)}', '18446744073709551615'), ('-Infinity', '{}', '0');
\endif

CREATE TABLE arrays (
    a1 integer[], a2 text[][], a3 mood[], a4 pair[], a5 numeric[], a6 bytea[], a7 jsonb[], a8 posint[]
);
INSERT INTO arrays VALUES
    ('{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}'),
    ('[0:2]={1,NULL,3}', '{{a,"b c"},{NULL,"NULL"}}', '{sad,between}', '{"(1,x)","(,)"}',
     '{NaN,0.00}', '{"\\x00","\\x"}', '{"{\"a\": \"\\\"\"}"}', '{1}'),
    (NULL, '{"","{","\\","\""}', NULL, NULL, NULL, NULL, NULL, NULL);

CREATE TABLE composites (n nested, p pair, r int4range, tr tstzrange, fr floatrange, dr daterange);
INSERT INTO composites VALUES
    (ROW(ROW(1, 'a,"b)'), ARRAY['x', NULL, ''], 5), ROW(NULL, ''), '[1,5]', '(,2020-01-01)',
     '[0.1,Infinity]', 'empty'),
    (ROW(NULL, NULL, NULL), NULL, '(,)', 'empty', '(,)', '[2020-01-01,2020-02-01)');

-- Columns: dropped ones, generated, identity, defaults, none at all.
CREATE TABLE dropped (a integer, gone1 text, b text, gone2 integer, c integer);
INSERT INTO dropped VALUES (1, 'x', 'one', 9, 10), (2, 'y', 'two', 8, 20);
ALTER TABLE dropped DROP COLUMN gone1, DROP COLUMN gone2;
ALTER TABLE dropped ADD COLUMN added text DEFAULT 'later';
INSERT INTO dropped VALUES (3, 'three', 30, NULL);

CREATE TABLE generated (
    a integer,
    id_always bigint GENERATED ALWAYS AS IDENTITY (START 100 INCREMENT 10),
    twice integer GENERATED ALWAYS AS (a * 2) STORED,
    id_default integer GENERATED BY DEFAULT AS IDENTITY
);
INSERT INTO generated (a) SELECT generate_series(1, 5);
INSERT INTO generated (a, id_default) VALUES (6, 1000);
\if :v18
CREATE TABLE virtual_columns (a integer, v integer GENERATED ALWAYS AS (a + 1) VIRTUAL);
INSERT INTO virtual_columns VALUES (1), (2);
\endif

CREATE TABLE no_columns ();
INSERT INTO no_columns DEFAULT VALUES;
INSERT INTO no_columns DEFAULT VALUES;
INSERT INTO no_columns DEFAULT VALUES;
CREATE TABLE all_generated (g integer GENERATED ALWAYS AS (42) STORED);
INSERT INTO all_generated DEFAULT VALUES;
INSERT INTO all_generated DEFAULT VALUES;
CREATE TABLE empty_table (a integer PRIMARY KEY, b text NOT NULL);
CREATE UNLOGGED TABLE unlogged (a integer, b text);
INSERT INTO unlogged SELECT i, 'u' || i FROM generate_series(1, 100) i;
CREATE TABLE no_key (a integer, b text);
INSERT INTO no_key SELECT i % 3, 'same' FROM generate_series(1, 30) i;

-- Names that need quoting, or look like something else.
CREATE TABLE "Sch ema.with ""quotes"" / and % signs"."Tab.le ""quoted"" / % 😀" (
    "Col umn" integer PRIMARY KEY, "select" text, "a""b" text, "c\d" text, "e,f" text, "é" text);
INSERT INTO "Sch ema.with ""quotes"" / and % signs"."Tab.le ""quoted"" / % 😀"
    VALUES (1, 'a', 'b', 'c', 'd', 'e'), (2, NULL, '', '\', ',', 'é');
CREATE SEQUENCE "Sch ema.with ""quotes"" / and % signs"."Seq uence""" START 7;
CREATE TABLE "Öäü"."select" ("from" integer, "where" text);
INSERT INTO "Öäü"."select" VALUES (1, 'order');
CREATE TABLE "Öäü"."Case" (a integer);
CREATE TABLE "Öäü"."case" (a text);
INSERT INTO "Öäü"."Case" VALUES (1);
INSERT INTO "Öäü"."case" VALUES ('one');
CREATE TABLE "Öäü".a_name_that_is_exactly_as_long_as_postgresql_will_ever_allow_it (a int);
INSERT INTO "Öäü".a_name_that_is_exactly_as_long_as_postgresql_will_ever_allow_it VALUES (1);

-- Inheritance and partitions: children in other schemas, with other column orders, several levels,
-- an attached one with a dropped column, a default partition.
CREATE TABLE parent (a integer, b text);
CREATE TABLE child (extra date) INHERITS (parent);
CREATE TABLE parts.child2 (a integer, b text, more integer);
ALTER TABLE parts.child2 INHERIT parent;
INSERT INTO parent VALUES (1, 'parent');
INSERT INTO child VALUES (2, 'child', '2020-01-01');
INSERT INTO parts.child2 VALUES (3, 'child2', 5);

CREATE TABLE log (at date NOT NULL, kind text, value integer) PARTITION BY RANGE (at);
CREATE TABLE log_2020 PARTITION OF log FOR VALUES FROM ('2020-01-01') TO ('2021-01-01');
CREATE TABLE parts.log_2021 (value integer, gone integer, kind text, at date NOT NULL);
ALTER TABLE parts.log_2021 DROP COLUMN gone;
ALTER TABLE log ATTACH PARTITION parts.log_2021 FOR VALUES FROM ('2021-01-01') TO ('2022-01-01');
CREATE TABLE parts.log_2022 PARTITION OF log FOR VALUES FROM ('2022-01-01') TO ('2023-01-01')
    PARTITION BY LIST (kind);
CREATE TABLE parts.log_2022_a PARTITION OF parts.log_2022 FOR VALUES IN ('a');
CREATE TABLE parts."log 2022 rest" PARTITION OF parts.log_2022 DEFAULT;
CREATE TABLE log_default PARTITION OF log DEFAULT;
INSERT INTO log SELECT date '2019-12-01' + i * 7, chr(97 + i % 3), i FROM generate_series(0, 170) i;
CREATE INDEX log_value ON log (value);
CREATE TABLE hashed (k text PRIMARY KEY, v integer) PARTITION BY HASH (k);
CREATE TABLE hashed_0 PARTITION OF hashed FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE hashed_1 PARTITION OF hashed FOR VALUES WITH (MODULUS 2, REMAINDER 1);
INSERT INTO hashed SELECT 'k' || i, i FROM generate_series(1, 100) i;
-- TOAST-heavy, compressible and not; large enough to be cut with a small split size.
CREATE TABLE toasted (id integer PRIMARY KEY, plain text, packed bytea);
ALTER TABLE toasted ALTER COLUMN plain SET STORAGE EXTERNAL;
INSERT INTO toasted
    SELECT i, repeat(md5(i::text), 200), decode(string_agg(md5((i * 1000 + k)::text), ''), 'hex')
    FROM generate_series(1, 150) i, generate_series(1, 200) k GROUP BY i;
INSERT INTO toasted VALUES (1000, repeat('abc', 2000000), NULL);
CREATE TABLE many_rows (id bigint PRIMARY KEY, a integer, b text, c timestamptz);
INSERT INTO many_rows SELECT i, i % 97, md5(i::text), timestamptz '2020-01-01 00:00Z' + i * interval '1 s'
    FROM generate_series(1, 40000) i;
DELETE FROM many_rows WHERE id % 10 = 3;

-- Sequences in every state.
CREATE SEQUENCE never_called;
CREATE SEQUENCE called START 5; SELECT nextval('called') \g /dev/null
CREATE SEQUENCE set_false; SELECT setval('set_false', 17, false) \g /dev/null
CREATE SEQUENCE descending INCREMENT -5 MAXVALUE -1 MINVALUE -1000 START -1 CYCLE;
SELECT nextval('descending'), nextval('descending') \g /dev/null
CREATE SEQUENCE small AS smallint MAXVALUE 10 CACHE 3; SELECT nextval('small') \g /dev/null
\if :v15
CREATE UNLOGGED SEQUENCE unlogged_seq; SELECT nextval('unlogged_seq') \g /dev/null
\endif

-- Constraints, also ones that would not hold while rows arrive in the wrong order.
CREATE TABLE node (id integer PRIMARY KEY, parent integer REFERENCES node DEFERRABLE, name text UNIQUE);
INSERT INTO node VALUES (1, NULL, 'root'), (3, 1, 'c'), (2, 3, 'b');
UPDATE node SET parent = 2 WHERE id = 3;
CREATE TABLE left_t (id integer PRIMARY KEY, r integer);
CREATE TABLE right_t (id integer PRIMARY KEY, l integer REFERENCES left_t);
ALTER TABLE left_t ADD FOREIGN KEY (r) REFERENCES right_t DEFERRABLE INITIALLY DEFERRED;
BEGIN;
INSERT INTO left_t VALUES (1, 1);
INSERT INTO right_t VALUES (1, 1);
COMMIT;
CREATE TABLE bad_rows (a integer);
INSERT INTO bad_rows VALUES (-1), (1);
ALTER TABLE bad_rows ADD CONSTRAINT positive CHECK (a > 0) NOT VALID;
CREATE TABLE excluded (during tsrange, EXCLUDE USING gist (during WITH &&));
INSERT INTO excluded VALUES ('[2020-01-01,2020-01-02)'), ('[2020-01-02,2020-01-03)');

-- Functions, triggers (which must not fire during a restore), rules, views, row security.
CREATE TABLE audit (who text, what text);
CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO kinds.audit VALUES (current_user, TG_OP);
    RETURN NEW;
END $$;
CREATE TABLE watched (a integer);
CREATE TRIGGER watch BEFORE INSERT ON watched FOR EACH ROW EXECUTE FUNCTION note();
INSERT INTO watched VALUES (1), (2);
CREATE TRIGGER always_watch BEFORE INSERT ON no_key FOR EACH ROW EXECUTE FUNCTION note();
ALTER TABLE no_key ENABLE ALWAYS TRIGGER always_watch;
CREATE VIEW seen AS SELECT a, b FROM parent WHERE a > 0 WITH CHECK OPTION;
CREATE FUNCTION guarded_by(integer) RETURNS integer LANGUAGE sql STABLE AS
    'SELECT count(*)::integer FROM kinds.node WHERE id <= $1';
CREATE TABLE guarded (a integer CHECK (a > 0), owner name DEFAULT current_user);
INSERT INTO guarded VALUES (1, 'zoo_owner'), (2, 'zoo_reader');
ALTER TABLE guarded ENABLE ROW LEVEL SECURITY;
ALTER TABLE guarded FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON guarded USING (owner = current_user);
CREATE RULE no_delete AS ON DELETE TO guarded DO INSTEAD NOTHING;
CREATE AGGREGATE concat_all (text) (SFUNC = textcat, STYPE = text, INITCOND = '');
CREATE FUNCTION same_pair(pair, pair) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT $1 = $2';
CREATE OPERATOR === (LEFTARG = pair, RIGHTARG = pair, FUNCTION = same_pair);
CREATE CAST (mood AS integer) WITH INOUT;
CREATE COLLATION nocase (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE TABLE collated (t text COLLATE nocase UNIQUE, c text COLLATE "C");
INSERT INTO collated VALUES ('Straße', 'a'), ('b', 'B');
CREATE STATISTICS many_stats ON a, b FROM many_rows;
CREATE INDEX many_expression ON many_rows ((a + 1), lower(b)) WHERE a > 5;
CREATE INDEX scalars_gin ON scalars USING gin (jb);
CREATE FUNCTION on_ddl() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN RETURN; END';
CREATE EVENT TRIGGER watch_ddl ON ddl_command_end EXECUTE FUNCTION on_ddl();

-- Materialized views: on top of each other, populated or not, one on top of one that is not.
CREATE MATERIALIZED VIEW mat_base AS SELECT a, count(*) AS n FROM many_rows GROUP BY a;
CREATE UNIQUE INDEX mat_base_a ON mat_base (a);
CREATE MATERIALIZED VIEW a_mat_on_mat AS SELECT sum(n) AS n FROM mat_base;
CREATE MATERIALIZED VIEW mat_empty AS SELECT * FROM many_rows WITH NO DATA;
CREATE VIEW view_on_mat AS SELECT * FROM a_mat_on_mat;
CREATE MATERIALIZED VIEW a_mat_on_view AS SELECT n + 1 AS n FROM view_on_mat;

-- Large objects: empty, with holes, of several pages, with owner, rights and comment.
SELECT lo_create(90001) \g /dev/null
SELECT lo_from_bytea(90002, decode(string_agg(md5(i::text), ''), 'hex'))
    FROM generate_series(1, 20000) i \g /dev/null
SELECT lo_from_bytea(90003, '\x000102ff5c') \g /dev/null
SELECT lo_from_bytea(90004, 'start') \g /dev/null
SELECT lo_put(90004, 100000, 'after a hole') \g /dev/null
ALTER LARGE OBJECT 90002 OWNER TO zoo_owner;
GRANT SELECT ON LARGE OBJECT 90002 TO zoo_reader;
GRANT SELECT, UPDATE ON LARGE OBJECT 90003 TO PUBLIC;
ALTER LARGE OBJECT 90004 OWNER TO "Zoo ""Röle""";
COMMENT ON LARGE OBJECT 90003 IS 'five bytes, isn''t it';

-- Owners, rights, default rights, comments, a publication, a foreign server.
ALTER TABLE many_rows OWNER TO zoo_owner;
ALTER TABLE no_key OWNER TO "Zoo ""Röle""";
ALTER MATERIALIZED VIEW mat_base OWNER TO zoo_owner;
GRANT SELECT (a, b) ON dropped TO zoo_reader;
GRANT SELECT ON scalars TO "Zoo ""Röle""" WITH GRANT OPTION;
GRANT USAGE ON SCHEMA kinds TO zoo_reader;
REVOKE EXECUTE ON FUNCTION guarded_by(integer) FROM PUBLIC;
ALTER DEFAULT PRIVILEGES FOR ROLE zoo_owner IN SCHEMA kinds GRANT SELECT ON TABLES TO zoo_reader;
COMMENT ON TABLE many_rows IS E'several\nlines; with \\ and ''quotes''';
COMMENT ON COLUMN dropped.b IS 'a column';
CREATE PUBLICATION some_tables FOR TABLE many_rows, scalars;
CREATE FOREIGN DATA WRAPPER nowhere;
CREATE SERVER elsewhere FOREIGN DATA WRAPPER nowhere OPTIONS (host 'nowhere');
CREATE FOREIGN TABLE far_away (a integer) SERVER elsewhere;
CREATE TABLE public.plain (id integer PRIMARY KEY, t text);
INSERT INTO public.plain SELECT i, 'row ' || i FROM generate_series(1, 1000) i;

\ir zoo_objects.sql

RESET search_path;
