-- The benchmark's data: about 2 GiB of COPY text at scale 1. psql -v scale=1, into an empty database.
-- Everything is computed from row numbers, so that every run has the same.
\set ON_ERROR_STOP on
SELECT (12000000 * :scale)::bigint AS orders, (2400000 * :scale)::bigint AS events,
       (1500000 * :scale)::bigint AS customers, (30000 * :scale)::bigint AS documents \gset

CREATE FUNCTION pick(i bigint, salt integer, n integer) RETURNS integer LANGUAGE sql IMMUTABLE
    PARALLEL SAFE AS 'SELECT (hashint8extended($1, $2) & 2147483647)::integer % $3';

CREATE TABLE customers (
    id bigint, email text, name text, street text, city text, phone text, created timestamptz,
    newsletter boolean, note text);
INSERT INTO customers
SELECT i, 'user' || i || '@mail' || pick(i, 1, 50) || '.example.org',
       (ARRAY['Anna','Ben','Carla','David','Emine','Femi','Grace','Hugo'])[1 + pick(i, 2, 8)] || ' ' ||
       (ARRAY['Schmidt','Okafor','Rossi','Nguyen','Silva','Kowalski','Haddad'])[1 + pick(i, 3, 7)],
       (ARRAY['Main Street','Lindenweg','Rue du Port','Via Roma'])[1 + pick(i, 4, 4)] || ' ' || pick(i, 5, 300),
       (ARRAY['Berlin','Lagos','Torino','Hanoi','Porto','Lyon'])[1 + pick(i, 6, 6)],
       '+49' || (1000000000 + pick(i, 7, 999999999)), timestamptz '2020-01-01 00:00Z' + i * interval '97 s',
       pick(i, 8, 3) = 0, CASE WHEN pick(i, 9, 5) = 0 THEN 'called about order ' || pick(i, 10, 100000) END
FROM generate_series(1, :customers) i;

CREATE TABLE orders (
    id bigint, customer bigint, placed timestamptz, status text, total numeric(10, 2), items integer);
INSERT INTO orders
SELECT i, 1 + pick(i, 11, greatest(:customers, 1)::integer), timestamptz '2021-01-01 00:00Z' + i * interval '9 s',
       (ARRAY['paid','shipped','delivered','returned'])[1 + pick(i, 12, 4)],
       (pick(i, 13, 100000))::numeric / 100, 1 + pick(i, 14, 9)
FROM generate_series(1, :orders) i;

CREATE TABLE events (id bigint, at timestamptz, body jsonb);
INSERT INTO events
SELECT i, timestamptz '2023-01-01 00:00Z' + i * interval '31 s', jsonb_build_object(
    'type', (ARRAY['view','click','cart','purchase','login'])[1 + pick(i, 21, 5)],
    'session', md5((i / 7)::text), 'user', pick(i / 7, 22, greatest(:customers, 1)::integer),
    'ip', '10.' || pick(i / 7, 23, 256) || '.' || pick(i / 7, 24, 256) || '.' || pick(i / 7, 25, 256),
    'path', '/shop/category-' || pick(i, 26, 40) || '/product-' || pick(i, 27, 5000),
    'referrer', 'https://search.example.org/?q=' || pick(i, 28, 10000), 'ms', pick(i, 29, 3000),
    'agent', 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/'
             || 100 + pick(i / 7, 30, 30) || '.0.0.0 Safari/537.36',
    'trace', md5(i::text || 'trace'))
FROM generate_series(1, :events) i;

CREATE TABLE documents (id bigint, title text, body text);
ALTER TABLE documents ALTER COLUMN body SET STORAGE EXTERNAL;
INSERT INTO documents
SELECT i, 'Document ' || i, string_agg(
    (ARRAY['the','repository','holds','sealed','chunks','of','every','stream','and','none'])[1 + pick(i * 1000 + k, 31, 10)]
    || ' ' || pick(i * 1000 + k, 32, 100000), ' ' ORDER BY k)
FROM generate_series(1, :documents) i, generate_series(1, 1000) k GROUP BY i;

ALTER TABLE customers ADD PRIMARY KEY (id);
ALTER TABLE orders ADD PRIMARY KEY (id);
CREATE INDEX ON orders (customer);
ALTER TABLE events ADD PRIMARY KEY (id);
ALTER TABLE documents ADD PRIMARY KEY (id);
