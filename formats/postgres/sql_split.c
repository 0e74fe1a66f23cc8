#include "formats/postgres/sql_split.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

static bool is_word_start(char c)
{
    return isalpha((unsigned char)c) || c == '_' || (unsigned char)c >= 0x80;
}

static bool is_word(char c)
{
    return is_word_start(c) || isdigit((unsigned char)c) || c == '$';
}

static bool starts(const char *at, const char *end, const char *text)
{
    size_t len = strlen(text);

    return (size_t)(end - at) >= len && memcmp(at, text, len) == 0;
}

/* Behind a comment that begins at at; NULL when it never ends. */
static const char *skip_comment(const char *at, const char *end)
{
    int depth = 0;

    if (*at == '-') {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        return newline ? newline + 1 : end;
    }
    while (at < end) {
        if (starts(at, end, "/*")) {
            depth++;
            at += 2;
        } else if (starts(at, end, "*/")) {
            at += 2;
            if (--depth == 0)
                return at;
        } else {
            at++;
        }
    }
    return NULL;
}

/* Past blanks and comments; NULL when a comment never ends. */
static const char *skip_blank(const char *at, const char *end)
{
    while (at && at < end) {
        if (isspace((unsigned char)*at))
            at++;
        else if (starts(at, end, "--") || starts(at, end, "/*"))
            at = skip_comment(at, end);
        else
            break;
    }
    return at;
}

/* Behind the closing quote of what at opens; NULL when there is none. */
static const char *skip_quoted(const char *at, const char *end, bool backslashes)
{
    char quote = *at++;

    while (at < end) {
        bool pair =
            at + 1 < end && ((backslashes && *at == '\\') || (*at == quote && at[1] == quote));

        if (!pair && *at == quote)
            return at + 1;
        at += pair ? 2 : 1;
    }
    return NULL;
}

/* The length of "$tag$" at at, 0 when there is none. */
static size_t dollar_tag(const char *at, const char *end)
{
    const char *p = at + 1;

    if (p < end && *p != '$' && !is_word_start(*p))
        return 0;
    while (p < end && *p != '$' && is_word(*p))
        p++;
    return p < end && *p == '$' ? (size_t)(p - at) + 1 : 0;
}

static const char *skip_dollar(const char *at, const char *end, size_t tag)
{
    for (const char *p = at + tag; (size_t)(end - p) >= tag; p++)
        if (*p == '$' && memcmp(p, at, tag) == 0)
            return p + tag;
    return NULL;
}

/* A word, or a string with a letter in front of it (E'', B'', X'', N''). */
static const char *skip_word(const char *at, const char *end, enum hf_sql_token_kind *kind)
{
    const char *p = at + 1;

    if (p < end && *p == '\'' && strchr("eEbBxXnN", *at)) {
        *kind = HF_SQL_STRING;
        return skip_quoted(p, end, *at == 'e' || *at == 'E');
    }
    while (p < end && is_word(*p))
        p++;
    *kind = HF_SQL_WORD;
    return p;
}

static const char *skip_number(const char *at, const char *end)
{
    while (at < end && (isalnum((unsigned char)*at) || *at == '.' || *at == '_'))
        at++;
    return at;
}

/* Behind the token that begins at at; NULL when it never ends. */
static const char *skip_token(const char *at, const char *end, enum hf_sql_token_kind *kind)
{
    size_t tag;

    if (*at == '\'' || *at == '"') {
        *kind = *at == '"' ? HF_SQL_NAME : HF_SQL_STRING;
        return skip_quoted(at, end, false);
    }
    if (*at == '$' && (tag = dollar_tag(at, end)) > 0) {
        *kind = HF_SQL_STRING;
        return skip_dollar(at, end, tag);
    }
    if (is_word_start(*at))
        return skip_word(at, end, kind);
    if (isdigit((unsigned char)*at)) {
        *kind = HF_SQL_NUMBER;
        return skip_number(at, end);
    }
    *kind = HF_SQL_SYMBOL;
    return at + (starts(at, end, "::") ? 2 : 1);
}

/* False when a quote or comment never ends; the token then goes to the end. */
static bool lex(const char **at, const char *end, struct hf_sql_token *out)
{
    const char *begin = skip_blank(*at, end);
    const char *behind;

    *out = (struct hf_sql_token){.kind = HF_SQL_END, .at = end};
    if (!begin || begin == end) {
        *at = end;
        return begin != NULL;
    }
    behind = skip_token(begin, end, &out->kind);
    out->at = begin;
    out->len = (size_t)((behind ? behind : end) - begin);
    *at = begin + out->len;
    return behind != NULL;
}

struct hf_sql_token hf_sql_token_next(const char **at, const char *end)
{
    struct hf_sql_token token;

    (void)lex(at, end, &token);
    return token;
}

bool hf_sql_token_is(const struct hf_sql_token *token, const char *word)
{
    return token->kind == HF_SQL_WORD && strlen(word) == token->len &&
           strncasecmp(token->at, word, token->len) == 0;
}

enum hf_status hf_sql_token_name(const struct hf_sql_token *token, struct hf_buf *out,
                                 struct hf_error *err)
{
    const char *at = token->at;
    const char *end = at + token->len;
    bool quoted = token->kind == HF_SQL_NAME;
    const char *text;

    if (quoted) {
        at++;
        end -= end > at && end[-1] == '"';
    }
    for (; at < end; at++) {
        char c = *at;

        if (quoted && c == '"' && at + 1 < end)
            at++;
        if (!quoted && c >= 'A' && c <= 'Z')
            c = (char)(c - 'A' + 'a');
        HF_TRY(hf_buf_u8(out, (uint8_t)c, err));
    }
    return hf_buf_cstr(out, &text, err);
}

void hf_sql_script_init(struct hf_sql_script *script, const char *text)
{
    *script = (struct hf_sql_script){.at = text, .end = text + strlen(text), .line = 1};
}

static void count_lines(struct hf_sql_script *script, const char *upto)
{
    for (; script->at < upto; script->at++)
        script->line += *script->at == '\n';
}

/* Past blanks, comments, empty statements and psql's own lines, which begin with a backslash. */
static bool skip_to_statement(struct hf_sql_script *script)
{
    const char *end = script->end;

    for (;;) {
        const char *at = skip_blank(script->at, end);

        if (!at)
            return false;
        count_lines(script, at);
        if (at < end && *at == ';') {
            script->at++;
        } else if (at < end && *at == '\\') {
            const char *newline = memchr(at, '\n', (size_t)(end - at));
            count_lines(script, newline ? newline + 1 : end);
        } else {
            return true;
        }
    }
}

static enum hf_status endless(const struct hf_sql_script *script, struct hf_error *err)
{
    return hf_error_set(err, HF_DAMAGED,
                        "a quote or comment that begins in or after line %zu never ends",
                        script->line);
}

enum hf_status hf_sql_script_next(struct hf_sql_script *script, const char **out, size_t *out_len,
                                  struct hf_error *err)
{
    const char *begin;
    const char *at;
    struct hf_sql_token token;

    if (!skip_to_statement(script))
        return endless(script, err);
    begin = at = script->at;
    do {
        if (!lex(&at, script->end, &token))
            return endless(script, err);
    } while (token.kind != HF_SQL_END && !(token.kind == HF_SQL_SYMBOL && *token.at == ';'));
    *out = begin;
    *out_len = (size_t)(token.at - begin);
    count_lines(script, at);
    return HF_OK;
}
