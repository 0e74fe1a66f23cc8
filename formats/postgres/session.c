#include "formats/postgres/connection.h"

/*
 * The text form of values must not depend on how a server, database or role is set up, and
 * capture, restore and read-back must agree on it. lc_monetary is for the type money; xmloption
 * for reading XML back. The timeouts keep the snapshot alive. Plans in parallel would return rows
 * in another order every time.
 */
struct setting {
    int since; /* server version number */
    const char *sql;
};

static const struct setting settings[] = {
    {0, "SET standard_conforming_strings = on;\n"},
    {0, "SET DateStyle = 'ISO, MDY';\n"},
    {0, "SET IntervalStyle = 'postgres';\n"},
    {0, "SET extra_float_digits = 3;\n"},
    {0, "SET bytea_output = 'hex';\n"},
    {0, "SET TimeZone = 'UTC';\n"},
    {0, "SET lc_monetary = 'C';\n"},
    {0, "SET xmloption = content;\n"},
    {0, "SET search_path = '';\n"},
    {0, "SET row_security = off;\n"},
    {0, "SET check_function_bodies = off;\n"},
    {0, "SET client_min_messages = warning;\n"},
    {0, "SET synchronize_seqscans = off;\n"},
    {0, "SET max_parallel_workers_per_gather = 0;\n"},
    {0, "SET jit = off;\n"},
    {0, "SET statement_timeout = 0;\n"},
    {0, "SET lock_timeout = 0;\n"},
    {0, "SET idle_in_transaction_session_timeout = 0;\n"},
    {140000, "SET idle_session_timeout = 0;\n"},
    {170000, "SET transaction_timeout = 0;\n"},
};

enum hf_status hf_pg_session_settings(int version, const char *encoding, struct hf_buf *out,
                                      struct hf_error *err)
{
    HF_TRY(hf_buf_printf(out, err, "SET client_encoding = '%s';\n", encoding));
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
        if (version >= settings[i].since)
            HF_TRY(hf_buf_append_str(out, settings[i].sql, err));
    }
    return HF_OK;
}
