\echo Use "CREATE EXTENSION hf_zoo" to load this file. \quit

CREATE TABLE hf_settings (name text PRIMARY KEY, value text, builtin boolean NOT NULL DEFAULT false);
INSERT INTO hf_settings VALUES ('shipped', 'by the extension', true);
SELECT pg_extension_config_dump('hf_settings', 'WHERE NOT builtin');

CREATE TABLE hf_words (word text);
SELECT pg_extension_config_dump('hf_words', '');

CREATE SEQUENCE hf_counter;
SELECT pg_extension_config_dump('hf_counter', '');

-- Not configuration: belongs to the extension, is not dumped.
CREATE TABLE hf_internal (n integer);
INSERT INTO hf_internal VALUES (1), (2);

CREATE FUNCTION hf_double(integer) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT $1 * 2';
