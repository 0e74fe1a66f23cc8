-- The package database of this Debian machine as a relational schema. psql, into an empty database;
-- raw_status and raw_file hold dpkg's own files, line by line.
\set ON_ERROR_STOP on
SET client_min_messages = warning;

CREATE TYPE relation AS ENUM ('Depends', 'Pre-Depends', 'Recommends', 'Suggests', 'Breaks',
    'Conflicts', 'Replaces', 'Provides', 'Enhances');
CREATE DOMAIN package_name AS text CHECK (VALUE ~ '^[a-z0-9][a-z0-9+.-]+$');

CREATE TABLE maintainer (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL,
    email text UNIQUE
);
CREATE TABLE section (name text PRIMARY KEY, packages integer NOT NULL DEFAULT 0);
CREATE TABLE package (
    id integer PRIMARY KEY,
    name package_name NOT NULL,
    architecture text NOT NULL,
    version text NOT NULL,
    section text NOT NULL REFERENCES section,
    maintainer integer NOT NULL REFERENCES maintainer,
    installed_kib bigint,
    installed_bytes bigint GENERATED ALWAYS AS (installed_kib * 1024) STORED,
    fields jsonb NOT NULL,
    description text,
    words tsvector GENERATED ALWAYS AS (to_tsvector('english', description)) STORED,
    changed timestamptz NOT NULL DEFAULT now(),
    UNIQUE (name, architecture)
);
CREATE TABLE dependency (
    package integer NOT NULL REFERENCES package ON DELETE CASCADE,
    kind relation NOT NULL,
    position integer NOT NULL,
    alternative integer NOT NULL,
    target text NOT NULL,
    constraint_text text,
    PRIMARY KEY (package, kind, position, alternative)
);
CREATE TABLE file (
    package integer NOT NULL REFERENCES package ON DELETE CASCADE,
    top text NOT NULL,
    path text NOT NULL,
    PRIMARY KEY (path, top, package)
) PARTITION BY LIST (top);
CREATE TABLE file_share PARTITION OF file FOR VALUES IN ('/usr/share');
CREATE TABLE file_lib PARTITION OF file FOR VALUES IN ('/usr/lib', '/lib');
CREATE TABLE file_bin PARTITION OF file FOR VALUES IN ('/usr/bin', '/usr/sbin', '/bin', '/sbin');
CREATE TABLE file_other PARTITION OF file DEFAULT;
CREATE TABLE licence (name text PRIMARY KEY, body oid NOT NULL); -- a large object
CREATE TABLE history (at timestamptz NOT NULL, package integer, old text, new text);

CREATE FUNCTION remember_version() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO history VALUES (now(), NEW.id, OLD.version, NEW.version);
    NEW.changed := now();
    RETURN NEW;
END $$;
CREATE FUNCTION count_section() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE section SET packages = packages + 1 WHERE name = NEW.section;
    RETURN NULL;
END $$;

-- The fields of each paragraph; a line that begins with a space continues the one before.
CREATE TEMPORARY TABLE fields AS
WITH numbered AS (
    SELECT n, line, count(*) FILTER (WHERE line IS NULL OR line = '') OVER (ORDER BY n) AS paragraph,
           count(*) FILTER (WHERE line !~ '^ ') OVER (ORDER BY n) AS field
    FROM raw_status
), joined AS (
    SELECT paragraph, string_agg(line, E'\n' ORDER BY n) AS text
    FROM numbered WHERE line <> '' GROUP BY paragraph, field
)
SELECT paragraph::integer, split_part(text, ':', 1) AS name,
       btrim(substr(text, strpos(text, ':') + 1)) AS value
FROM joined;
CREATE TEMPORARY TABLE stanza AS
SELECT paragraph, jsonb_object_agg(name, value) AS f FROM fields GROUP BY paragraph;
DELETE FROM stanza WHERE f ->> 'Status' NOT LIKE '% installed' OR NOT f ? 'Version';

INSERT INTO section (name) SELECT DISTINCT coalesce(f ->> 'Section', 'unknown') FROM stanza;
INSERT INTO maintainer (name, email)
SELECT min(split_part(m, ' <', 1)), nullif(rtrim(split_part(m, '<', 2), '>'), '')
FROM (SELECT coalesce(f ->> 'Maintainer', 'nobody') AS m FROM stanza) s
GROUP BY 2;
CREATE TRIGGER count_section AFTER INSERT ON package
    FOR EACH ROW EXECUTE FUNCTION count_section();
INSERT INTO package (id, name, architecture, version, section, maintainer, installed_kib, fields,
                     description)
SELECT paragraph, f ->> 'Package', f ->> 'Architecture', f ->> 'Version',
       coalesce(f ->> 'Section', 'unknown'), m.id, (f ->> 'Installed-Size')::bigint,
       f - 'Description', f ->> 'Description'
FROM stanza JOIN maintainer m ON m.email IS NOT DISTINCT FROM
    nullif(rtrim(split_part(coalesce(f ->> 'Maintainer', 'nobody'), '<', 2), '>'), '');
CREATE TRIGGER remember_version BEFORE UPDATE OF version ON package
    FOR EACH ROW EXECUTE FUNCTION remember_version();

INSERT INTO dependency
SELECT p.id, k::relation, d.position, a.position, split_part(btrim(a.text), ' ', 1),
       substring(a.text FROM '\((.*)\)')
FROM package p,
     unnest(enum_range(NULL::relation)::text[]) k,
     string_to_table(p.fields ->> k, ',') WITH ORDINALITY d (text, position),
     string_to_table(d.text, '|') WITH ORDINALITY a (text, position);
INSERT INTO file
SELECT p.id, '/' || split_part(r.path, '/', 2)
       || CASE WHEN r.path LIKE '/usr/_%' THEN '/' || split_part(r.path, '/', 3) ELSE '' END, r.path
FROM raw_file r JOIN package p
    ON p.name = split_part(r.package, ':', 1)
   AND (p.architecture = split_part(r.package, ':', 2) OR split_part(r.package, ':', 2) = '')
WHERE r.path <> '/.' AND r.path <> ''
ON CONFLICT DO NOTHING;
DROP TABLE raw_status, raw_file;

CREATE INDEX ON package USING gin (words);
CREATE INDEX ON package USING gin (fields jsonb_path_ops);
CREATE INDEX ON dependency (target);
CREATE INDEX ON file (package);

CREATE VIEW wanted AS
SELECT target, count(DISTINCT package) AS by_packages FROM dependency
WHERE kind IN ('Depends', 'Pre-Depends') GROUP BY target;
CREATE FUNCTION needs(package_name) RETURNS SETOF package LANGUAGE sql STABLE AS $$
    WITH RECURSIVE reached AS (
        SELECT id, name FROM package WHERE name = $1
        UNION
        SELECT p.id, p.name FROM reached r
        JOIN dependency d ON d.package = r.id AND d.kind IN ('Depends', 'Pre-Depends')
        JOIN package p ON p.name = d.target
    )
    SELECT p.* FROM package p JOIN reached USING (id)
$$;
CREATE MATERIALIZED VIEW heaviest_section AS
SELECT section, count(*) AS packages, sum(installed_bytes) AS bytes FROM package GROUP BY section;
CREATE UNIQUE INDEX ON heaviest_section (section);
COMMENT ON TABLE file IS 'Every path that a package owns, by its place in the tree';
ANALYZE;
