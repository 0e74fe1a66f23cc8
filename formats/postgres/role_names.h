/*
 * Which roles a schema speaks of: owners, those that grants, default privileges, policies and
 * user mappings name. Pure; works on the archive's table of contents.
 */
#ifndef HF_POSTGRES_ROLE_NAMES_H
#define HF_POSTGRES_ROLE_NAMES_H

#include "base/text.h"
#include "formats/postgres/selection.h"
#include "formats/postgres/toc.h"

/* Appends the owners of the included entries, each once. */
enum hf_status hf_pg_roles_owning(const struct hf_pg_toc *toc,
                                  const struct hf_pg_selection *selection, struct hf_strings *out,
                                  struct hf_error *err) HF_WARN_UNUSED;

/* Appends the roles that definitions of included entries name, each once; those of ACLs and
 * default privileges only with with_acl. */
enum hf_status hf_pg_roles_named(const struct hf_pg_toc *toc,
                                 const struct hf_pg_selection *selection, bool with_acl,
                                 struct hf_strings *out, struct hf_error *err) HF_WARN_UNUSED;

/* Appends who is granted something, and who grants it, by an aclitem ("app=CTc/postgres", names
 * quoted where needed), or by an array of them as text ("{app=r/app,…}"); each once. PUBLIC is
 * none. */
enum hf_status hf_pg_roles_in_aclitem(const char *item, struct hf_strings *out,
                                      struct hf_error *err) HF_WARN_UNUSED;
enum hf_status hf_pg_roles_in_acl(const char *array, struct hf_strings *out,
                                  struct hf_error *err) HF_WARN_UNUSED;

/* Adds a name that is not there yet and not empty. */
enum hf_status hf_pg_roles_add(struct hf_strings *list, const char *name,
                               struct hf_error *err) HF_WARN_UNUSED;

#endif
