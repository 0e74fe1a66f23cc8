-- Objects of every other kind, and the options of those there are: run by zoo.sql, in its search path.

-- Types of our own making: base type, domains over domains and composites, ranges of collated text.
CREATE TYPE own_text;
CREATE FUNCTION own_in(cstring) RETURNS own_text LANGUAGE internal IMMUTABLE STRICT AS 'textin';
CREATE FUNCTION own_out(own_text) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS 'textout';
CREATE TYPE own_text (INPUT = own_in, OUTPUT = own_out, STORAGE = extended, CATEGORY = 'S',
                      COLLATABLE = true, DEFAULT = 'nothing');
CREATE DOMAIN small_posint AS posint CHECK (VALUE < 1000) NOT NULL;
CREATE DOMAIN a_pair AS pair CHECK ((VALUE).a > 0);
CREATE DOMAIN c_text AS text COLLATE "C" DEFAULT 'c';
CREATE TYPE textrange AS RANGE (subtype = text, collation = "C");
CREATE TABLE own_types (o own_text, d small_posint, p a_pair, c c_text, r textrange);
INSERT INTO own_types VALUES (E'tab\tand \\', 999, ROW(1, 'x'), 'ü', '[a,b)');
ALTER DOMAIN c_text ADD CONSTRAINT short CHECK (length(VALUE) < 1) NOT VALID;

-- Text search.
CREATE TEXT SEARCH PARSER own_parser (START = prsd_start, GETTOKEN = prsd_nexttoken, END = prsd_end,
                                      LEXTYPES = prsd_lextype, HEADLINE = prsd_headline);
CREATE TEXT SEARCH TEMPLATE own_template (INIT = dsimple_init, LEXIZE = dsimple_lexize);
CREATE TEXT SEARCH DICTIONARY own_words (TEMPLATE = own_template, ACCEPT = false);
CREATE TEXT SEARCH CONFIGURATION own_search (PARSER = own_parser);
ALTER TEXT SEARCH CONFIGURATION own_search ADD MAPPING FOR asciiword, word, int WITH own_words, simple;
CREATE TABLE searched (t text, v tsvector GENERATED ALWAYS AS (to_tsvector('kinds.own_search', t)) STORED);
INSERT INTO searched VALUES ('a fat cat'), ('42 Mäuse');
CREATE INDEX searched_v ON searched USING gin (v);

-- Operator families and classes, languages, access methods, conversions, transforms, aggregates.
CREATE FUNCTION back_cmp(integer, integer) RETURNS integer LANGUAGE sql IMMUTABLE AS
    'SELECT pg_catalog.btint4cmp($2, $1)';
CREATE OPERATOR FAMILY backwards USING btree;
CREATE OPERATOR CLASS back_ops FOR TYPE integer USING btree FAMILY backwards AS
    OPERATOR 1 >, OPERATOR 2 >=, OPERATOR 3 =, OPERATOR 4 <=, OPERATOR 5 <,
    FUNCTION 1 back_cmp(integer, integer);
CREATE INDEX node_back ON node (id back_ops);
CREATE FUNCTION own_handler() RETURNS language_handler LANGUAGE c AS '$libdir/plpgsql', 'plpgsql_call_handler';
CREATE TRUSTED LANGUAGE own_language HANDLER own_handler;
CREATE ACCESS METHOD own_heap TYPE TABLE HANDLER heap_tableam_handler;
CREATE TABLE in_own_heap (a integer) USING own_heap;
INSERT INTO in_own_heap VALUES (1), (2);
CREATE CONVERSION own_conversion FOR 'UTF8' TO 'LATIN1' FROM utf8_to_iso8859_1;
CREATE TRANSFORM FOR integer LANGUAGE sql (FROM SQL WITH FUNCTION prsd_lextype(internal),
                                           TO SQL WITH FUNCTION int4recv(internal));
CREATE AGGREGATE moving (integer) (SFUNC = int4pl, STYPE = integer, INITCOND = '0', COMBINEFUNC = int4pl,
    MSFUNC = int4pl, MINVFUNC = int4mi, MSTYPE = integer, MINITCOND = '0', PARALLEL = SAFE);

-- Functions with all their attributes, procedures, bodies that the server parses.
CREATE FUNCTION set_of(OUT a integer, OUT b text) RETURNS SETOF record LANGUAGE sql
    IMMUTABLE LEAKPROOF PARALLEL SAFE ROWS 5 COST 7 AS $$ VALUES (1, 'x;'), (2, '$') $$;
CREATE FUNCTION with_settings(VARIADIC list integer[] DEFAULT '{1}') RETURNS text LANGUAGE sql
    SECURITY DEFINER SET search_path = kinds, pg_temp SET work_mem = '2MB' AS
    'SELECT current_setting(''work_mem'')';
CREATE FUNCTION in_own_language() RETURNS integer LANGUAGE own_language AS 'BEGIN RETURN 1; END';
CREATE PROCEDURE count_up(INOUT a integer) LANGUAGE plpgsql AS 'BEGIN a := a + 1; COMMIT; END';
\if :v14
CREATE FUNCTION atomic(x integer) RETURNS integer LANGUAGE sql
    BEGIN ATOMIC SELECT 1; SELECT id FROM kinds.node WHERE id = x; END;
CREATE PROCEDURE atomic_note() LANGUAGE sql
    BEGIN ATOMIC INSERT INTO kinds.audit VALUES ('p', CASE WHEN true THEN ';' END); END;
\endif

-- Triggers of every kind; on a partitioned table, and off for one of its partitions.
CREATE CONSTRAINT TRIGGER late AFTER INSERT OR UPDATE OF r ON left_t DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (NEW.r > 10) EXECUTE FUNCTION note();
CREATE TRIGGER with_tables AFTER UPDATE ON watched REFERENCING OLD TABLE AS was NEW TABLE AS is_now
    FOR EACH STATEMENT EXECUTE FUNCTION note();
CREATE TRIGGER off BEFORE DELETE ON watched FOR EACH ROW EXECUTE FUNCTION note();
CREATE TRIGGER replica_only BEFORE DELETE ON watched FOR EACH ROW EXECUTE FUNCTION note();
ALTER TABLE watched DISABLE TRIGGER off, ENABLE REPLICA TRIGGER replica_only;
CREATE VIEW editable AS SELECT * FROM watched;
CREATE TRIGGER instead INSTEAD OF INSERT ON editable FOR EACH ROW EXECUTE FUNCTION note();
CREATE TRIGGER on_log AFTER INSERT ON log FOR EACH ROW EXECUTE FUNCTION note();
ALTER TABLE log_2020 DISABLE TRIGGER on_log;

-- Views that go round in circles, need a primary key, recurse, or are barriers; rules.
CREATE VIEW roundabout AS SELECT id FROM node;
CREATE FUNCTION of_roundabout(roundabout) RETURNS integer LANGUAGE sql STABLE AS 'SELECT $1.id';
CREATE OR REPLACE VIEW roundabout AS SELECT id FROM node WHERE of_roundabout(ROW(id)::roundabout) > 0;
CREATE VIEW by_key AS SELECT id, name FROM node GROUP BY id;
CREATE MATERIALIZED VIEW mat_by_key AS SELECT id, name, count(*) AS n FROM node GROUP BY id;
CREATE UNIQUE INDEX mat_by_key_id ON mat_by_key (id);
CREATE VIEW on_mat_by_key AS SELECT sum(n) FROM mat_by_key;
CREATE RECURSIVE VIEW counted (n) AS VALUES (1) UNION ALL SELECT n + 1 FROM counted WHERE n < 5;
CREATE VIEW barrier WITH (security_barrier) AS SELECT a FROM guarded;
CREATE RULE also AS ON INSERT TO no_columns DO ALSO (INSERT INTO audit VALUES ('rule', 'a;b'); NOTIFY seen);
\if :v15
CREATE VIEW invoker WITH (security_invoker = true) AS SELECT a FROM guarded;
\endif

-- Tables and their options.
CREATE TYPE row_of AS (a integer, b text);
CREATE TABLE typed OF row_of (a WITH OPTIONS PRIMARY KEY, b WITH OPTIONS DEFAULT 'x' NOT NULL);
INSERT INTO typed VALUES (1, DEFAULT), (2, 'y');
CREATE TABLE tuned (a integer PRIMARY KEY, b text NOT NULL, c text, UNIQUE (b) INCLUDE (c))
    WITH (fillfactor = 70, autovacuum_enabled = false, toast.autovacuum_enabled = false);
ALTER TABLE tuned ALTER COLUMN b SET STATISTICS 500, ALTER COLUMN b SET (n_distinct = -0.5),
    ALTER COLUMN c SET STORAGE MAIN, CLUSTER ON tuned_pkey;
CREATE UNIQUE INDEX tuned_b ON tuned (b) WITH (fillfactor = 50);
ALTER TABLE tuned REPLICA IDENTITY USING INDEX tuned_b;
ALTER TABLE no_key REPLICA IDENTITY FULL;
CREATE INDEX tuned_length ON tuned (length(c) DESC NULLS LAST);
ALTER INDEX tuned_length ALTER COLUMN 1 SET STATISTICS 300;
CREATE SEQUENCE owned OWNED BY tuned.a;
INSERT INTO tuned VALUES (1, 'b', 'c'), (2, 'bb', NULL);
CREATE TABLE second_parent (b text DEFAULT 'second', CONSTRAINT only_here CHECK (b <> 'x') NO INHERIT,
                            CONSTRAINT below CHECK (b <> 'y'));
CREATE TABLE heir (own integer) INHERITS (parent, second_parent);
ALTER TABLE heir ALTER COLUMN b SET DEFAULT 'heir';
INSERT INTO heir VALUES (7, 'of two', 8);
CREATE TABLE dated (id integer, day date, PRIMARY KEY (id, day)) PARTITION BY RANGE (day);
CREATE TABLE dated_1 PARTITION OF dated FOR VALUES FROM (MINVALUE) TO ('2020-01-01');
CREATE TABLE dated_2 PARTITION OF dated FOR VALUES FROM ('2020-01-01') TO (MAXVALUE);
CREATE TABLE of_dated (id integer, day date, n integer DEFAULT 1,
    FOREIGN KEY (id, day) REFERENCES dated ON DELETE CASCADE) PARTITION BY HASH (id);
CREATE TABLE of_dated_0 PARTITION OF of_dated (n DEFAULT 2, CHECK (n > 0)) FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE of_dated_1 PARTITION OF of_dated FOR VALUES WITH (MODULUS 2, REMAINDER 1);
INSERT INTO dated SELECT i, date '2019-12-25' + i FROM generate_series(1, 20) i;
INSERT INTO of_dated SELECT id, day FROM dated;
CREATE TABLE by_expression (k text, v integer) PARTITION BY RANGE (lower(k), v);
CREATE TABLE by_expression_a PARTITION OF by_expression FOR VALUES FROM ('a', MINVALUE) TO ('m', 5);
CREATE TABLE by_expression_rest PARTITION OF by_expression DEFAULT;
INSERT INTO by_expression VALUES ('B', 1), ('Z', 2), (NULL, NULL);
CREATE TABLE no_partitions (a integer) PARTITION BY LIST (a);
\if :v14
ALTER TABLE tuned ALTER COLUMN c SET COMPRESSION pglz;
CREATE STATISTICS expression_stats ON (a % 10), (lower(b)) FROM many_rows;
\endif
\if :v15
CREATE TABLE nulls (a integer UNIQUE NULLS NOT DISTINCT);
INSERT INTO nulls VALUES (1), (NULL);
\endif
\if :v16
CREATE COLLATION ruled (provider = icu, locale = 'und', rules = '&a < g');
\endif
\if :v17
CREATE TABLE counted_parts (id bigint GENERATED ALWAYS AS IDENTITY, k integer) PARTITION BY LIST (k);
CREATE TABLE counted_parts_1 PARTITION OF counted_parts FOR VALUES IN (1);
INSERT INTO counted_parts (k) VALUES (1), (1);
CREATE COLLATION of_the_server (provider = builtin, locale = 'C.UTF-8');
GRANT MAINTAIN ON many_rows TO zoo_reader;
\endif
\if :v18
CREATE TABLE not_nulls (a integer CONSTRAINT a_is_there NOT NULL, b integer,
                        c integer CONSTRAINT c_here NOT NULL NO INHERIT);
INSERT INTO not_nulls VALUES (1, NULL, 1), (2, 2, 2);
ALTER TABLE not_nulls ADD CONSTRAINT b_is_there NOT NULL b NOT VALID;
CREATE TABLE not_enforced (a integer CONSTRAINT positive CHECK (a > 0) NOT ENFORCED,
                           n integer REFERENCES node NOT ENFORCED);
INSERT INTO not_enforced VALUES (-1, 99);
CREATE TABLE rooms (room int4range, during daterange, PRIMARY KEY (room, during WITHOUT OVERLAPS));
CREATE TABLE stays (room int4range, during daterange,
                    FOREIGN KEY (room, PERIOD during) REFERENCES rooms (room, PERIOD during));
INSERT INTO rooms VALUES ('[1,1]', '[2020-01-01,2021-01-01)'), ('[1,1]', '[2021-01-01,2022-01-01)');
INSERT INTO stays VALUES ('[1,1]', '[2020-12-01,2021-02-01)');
CREATE TABLE virtual_parts (a integer, v text GENERATED ALWAYS AS ('v' || a) VIRTUAL, b integer)
    PARTITION BY LIST (a);
CREATE TABLE virtual_parts_1 PARTITION OF virtual_parts FOR VALUES IN (1);
INSERT INTO virtual_parts VALUES (1, DEFAULT, 2);
ALTER DEFAULT PRIVILEGES FOR ROLE zoo_owner GRANT SELECT ON LARGE OBJECTS TO zoo_reader;
\endif

-- Rights: by others than the owner, on all kinds, on what extensions and the server brought.
GRANT USAGE ON SCHEMA kinds TO "Zoo ""Röle""";
SET ROLE "Zoo ""Röle""";
GRANT SELECT ON kinds.scalars TO zoo_reader;
RESET ROLE;
GRANT USAGE ON TYPE mood TO zoo_reader;
REVOKE USAGE ON DOMAIN posint FROM PUBLIC;
GRANT USAGE, UPDATE ON SEQUENCE called TO zoo_reader;
GRANT EXECUTE ON PROCEDURE count_up(integer) TO zoo_reader WITH GRANT OPTION;
GRANT USAGE ON LANGUAGE own_language TO zoo_owner;
GRANT SELECT ON ext.hf_words TO zoo_reader;
REVOKE EXECUTE ON FUNCTION ext.hf_double(integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION pg_catalog.pg_ls_waldir() TO zoo_reader;
GRANT SELECT (rolname) ON pg_catalog.pg_authid TO zoo_reader;
GRANT CREATE ON SCHEMA public TO zoo_owner;
ALTER DEFAULT PRIVILEGES FOR ROLE zoo_owner REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
ALTER DEFAULT PRIVILEGES FOR ROLE zoo_owner GRANT USAGE ON SCHEMAS TO zoo_reader;
CREATE POLICY writing ON guarded AS RESTRICTIVE FOR INSERT TO zoo_reader, "Zoo ""Röle""" WITH CHECK (a > 5);

-- Foreign data, publications.
GRANT USAGE ON FOREIGN DATA WRAPPER nowhere TO zoo_owner;
GRANT USAGE ON FOREIGN SERVER elsewhere TO zoo_reader;
CREATE USER MAPPING FOR zoo_reader SERVER elsewhere OPTIONS (user 'x', password 'it''s');
CREATE USER MAPPING FOR PUBLIC SERVER elsewhere;
ALTER FOREIGN TABLE far_away ALTER COLUMN a OPTIONS (ADD name 'b');
CREATE TABLE far_log (at date, v integer) PARTITION BY RANGE (at);
CREATE TABLE far_log_here PARTITION OF far_log FOR VALUES FROM ('2020-01-01') TO ('2021-01-01');
CREATE FOREIGN TABLE far_log_there PARTITION OF far_log FOR VALUES FROM ('2030-01-01') TO ('2031-01-01')
    SERVER elsewhere;
INSERT INTO far_log VALUES ('2020-02-02', 1);
CREATE PUBLICATION of_all FOR ALL TABLES WITH (publish = 'insert', publish_via_partition_root = true);
\if :v15
CREATE PUBLICATION of_schema FOR TABLES IN SCHEMA parts;
CREATE PUBLICATION of_some FOR TABLE tuned (a, b) WHERE (a > 0);
\endif
ALTER EVENT TRIGGER watch_ddl OWNER TO CURRENT_USER;
CREATE EVENT TRIGGER watch_drops ON sql_drop WHEN TAG IN ('DROP TABLE') EXECUTE FUNCTION on_ddl();
ALTER EVENT TRIGGER watch_drops DISABLE;

-- Comments on as many kinds.
COMMENT ON SCHEMA public IS 'ours';
COMMENT ON EXTENSION hf_zoo IS 'an extension';
COMMENT ON TYPE mood IS 'a type';
COMMENT ON DOMAIN posint IS 'a domain';
COMMENT ON CONSTRAINT has_at ON DOMAIN email IS 'a check';
COMMENT ON CONSTRAINT positive ON bad_rows IS 'another';
COMMENT ON INDEX tuned_b IS 'an index';
COMMENT ON SEQUENCE called IS 'a sequence';
COMMENT ON VIEW barrier IS 'a view';
COMMENT ON MATERIALIZED VIEW mat_by_key IS 'a materialized view';
COMMENT ON FUNCTION note() IS 'a function';
COMMENT ON PROCEDURE count_up(integer) IS 'a procedure';
COMMENT ON AGGREGATE moving(integer) IS 'an aggregate';
COMMENT ON TRIGGER watch ON watched IS 'a trigger';
COMMENT ON RULE also ON no_columns IS 'a rule';
COMMENT ON POLICY own ON guarded IS 'a policy';
COMMENT ON OPERATOR === (pair, pair) IS 'an operator';
COMMENT ON OPERATOR CLASS back_ops USING btree IS 'a class';
COMMENT ON CAST (mood AS integer) IS 'a cast';
COMMENT ON COLLATION nocase IS 'a collation';
COMMENT ON CONVERSION own_conversion IS 'a conversion';
COMMENT ON STATISTICS many_stats IS 'statistics';
COMMENT ON TEXT SEARCH CONFIGURATION own_search IS 'a configuration';
COMMENT ON LANGUAGE own_language IS 'a language';
COMMENT ON ACCESS METHOD own_heap IS 'an access method';
COMMENT ON FOREIGN DATA WRAPPER nowhere IS 'a wrapper';
COMMENT ON SERVER elsewhere IS 'a server';
COMMENT ON PUBLICATION of_all IS 'a publication';
COMMENT ON EVENT TRIGGER watch_ddl IS 'an event trigger';
