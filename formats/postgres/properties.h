/*
 * The properties of a snapshot of PostgreSQL, as they stand in its manifest:
 *
 * {
 *   "server": {"version": "15.20 (Debian …)", "version_num": 150020, "standby": false,
 *              "system_identifier": "7…" or null (where the role may not know)},
 *   "pg_dump": "15.20",
 *   "globals": true,               whether there is a stream of that name
 *   "role_passwords": true,        whether it holds the roles' password hashes
 *   "databases": [{
 *     "name": "app", "encoding": "UTF8",
 *     "locale_provider": "libc" | "icu" | "builtin",
 *     "collate": "C.UTF-8", "ctype": "C.UTF-8",
 *     "locale": null, "icu_rules": null,          of the provider, where it is not libc
 *     "collation_version": null, "collation_version_actual": null,
 *     "owner": "app", "acl": ["app=CTc/app", …] or null for the default, "tablespace":
 * "pg_default", "connection_limit": -1, "is_template": false, "comment": null, "security_labels":
 * [{"provider": "…", "label": "…"}], "settings": [{"role": null or "app", "settings":
 * ["work_mem=64MB", …]}], "roles": ["app", …],        all that own or are granted something in it
 *     "extensions": [{"name": "citext", "version": "1.6", "schema": "public"}],
 *     "size": 123,                bytes on disk
 *     "snapshot": "00000003-0000001B-1",
 *     "partial": false,           schemas or tables were chosen or left out
 *     "large_objects": true,      false when they were left out
 *     "tables": 12, "rows": 3456, "bytes": 7890     captured
 *   }]
 * }
 *
 * Strings are UTF-8. Data streams are in the database's encoding, everything else is UTF-8 (the
 * schema archive says its own).
 */
#ifndef HF_POSTGRES_PROPERTIES_H
#define HF_POSTGRES_PROPERTIES_H

#include "formats/postgres/connection.h"

#include <jansson.h>

/* {"version", "version_num", "standby", "system_identifier"} */
enum hf_status hf_pg_properties_server(struct hf_pg *pg, json_t **out,
                                       struct hf_error *err) HF_WARN_UNUSED;
/* One entry of "databases", for the database connected to, without what is known only after the
 * capture (snapshot to bytes, but size). */
enum hf_status hf_pg_properties_database(struct hf_pg *pg, json_t **out,
                                         struct hf_error *err) HF_WARN_UNUSED;
/* A field as a JSON string, or null. HF_UNSUPPORTED when it is not UTF-8, which happens in
 * SQL_ASCII databases only. */
enum hf_status hf_pg_json_field(const PGresult *result, int row, const char *column, json_t **out,
                                struct hf_error *err) HF_WARN_UNUSED;

#endif
