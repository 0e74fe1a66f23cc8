/* Volumes, as the agent sees them. */
#include "agent/config/volume.h"
#include "agent/kinds/kind.h"
#include "agent/kinds/restore_report.h"

#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A directory may be given where a source may: an absolute path, or one that says that it is one.
 */
static const char *const schemes[] = {"/", "./", "../", NULL};

static enum hf_status copy_list(const struct hf_args *args, enum hf_option_id id,
                                struct hf_strings *out, struct hf_error *err)
{
    for (size_t i = 0; i < args->values[id].count; i++)
        HF_TRY(hf_strings_add(out, args->values[id].items[i], err));
    return HF_OK;
}

enum hf_status hf_volume_state_dir(char **out, struct hf_error *err)
{
    const char *home = getenv("HOME"), *state = getenv("XDG_STATE_HOME");

    if (geteuid() == 0)
        return hf_text_copy("/var/lib/holdfast-state", out, err);
    if (state && *state)
        return hf_text_format(out, err, "%s/holdfast", state);
    return hf_text_format(out, err, "%s/.holdfast-state", home && *home ? home : "/tmp");
}

static const char *last_part(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

static enum hf_status from_url(const struct hf_session *session, const char *url,
                               struct hf_config_source *out, struct hf_error *err)
{
    const char *name = hf_args_value(session->args, HF_OPT_NAME);
    struct hf_volume_config *config = &out->as.volume;

    config->path = realpath(url, NULL);
    if (!config->path)
        return hf_error_set(err, HF_USAGE, "%.1000s: there is no such directory", url);
    if (!name)
        name = *last_part(config->path) ? last_part(config->path) : "root";
    HF_TRY(hf_kind_check_name(name, err));
    HF_TRY(copy_list(session->args, HF_OPT_EXCLUDE, &config->exclude, err));
    HF_TRY(copy_list(session->args, HF_OPT_INCLUDE, &config->include, err));
    config->all_file_systems = session->args->given[HF_OPT_ALL_FILE_SYSTEMS] > 0;
    config->skip_unreadable = session->args->given[HF_OPT_SKIP_UNREADABLE] > 0;
    return hf_text_copy(name, &out->name, err);
}

static enum hf_status prepare(const struct hf_session *session, struct hf_config_source *source,
                              struct hf_error *err)
{
    struct hf_volume_config *config = &source->as.volume;

    (void)session;
    if (!config->state_dir)
        HF_TRY(hf_volume_state_dir(&config->state_dir, err));
    return HF_OK;
}

void hf_volume_recover_all(const struct hf_session *session)
{
    const struct hf_config *config = session->config;

    for (size_t i = 0; config && i < config->source_count; i++) {
        struct hf_config_source *source = &config->sources[i];
        struct hf_error err = HF_ERROR_INIT;

        if (source->kind == &hf_kind_volume &&
            (prepare(session, source, &err) != HF_OK ||
             hf_volume_recover(source->as.volume.state_dir, hf_output_observer(session->output),
                               &err) != HF_OK))
            hf_output_warning(session->output, "%s", err.text);
    }
}

/* What is made of --to; a Docker volume is looked for at the source's engine. */
static enum hf_status begin_target(const char *name, struct hf_target *out, struct hf_error *err)
{
    out->made.kind = &hf_kind_volume;
    out->source = &out->made;
    return hf_text_copy(name, &out->made.name, err);
}

/* Which engine it is, and what goes with that. */
static enum hf_status copy_engine(const struct hf_volume_config *source,
                                  struct hf_volume_config *out, struct hf_error *err)
{
    if (source->docker_socket)
        HF_TRY(hf_text_copy(source->docker_socket, &out->docker_socket, err));
    if (source->helper_image)
        HF_TRY(hf_text_copy(source->helper_image, &out->helper_image, err));
    return source->state_dir ? hf_text_copy(source->state_dir, &out->state_dir, err) : HF_OK;
}

static enum hf_status target_docker(const struct hf_config_source *source, const char *volume,
                                    const char *suffix, struct hf_target *out, struct hf_error *err)
{
    struct hf_volume_config *made = &out->made.as.volume;

    if (source)
        HF_TRY(copy_engine(&source->as.volume, made, err));
    if (!made->state_dir)
        HF_TRY(hf_volume_state_dir(&made->state_dir, err));
    return hf_text_format(&made->docker, err, "%s%s", volume, suffix);
}

static enum hf_status target_directory(const char *path, const char *suffix, struct hf_target *out,
                                       struct hf_error *err)
{
    struct hf_volume_config *made = &out->made.as.volume;
    size_t len = strlen(path);

    while (*suffix && len > 1 && path[len - 1] == '/')
        len--;
    HF_TRY(hf_text_format(&made->path, err, "%.*s%s", (int)len, path, suffix));
    out->name = made->path;
    return HF_OK;
}

/* --to is a directory, or docker:VOLUME, whether or not the configuration knows the source. */
static enum hf_status target(struct hf_session *session, const char *to, const char *name,
                             struct hf_config_source *source, struct hf_target *out,
                             struct hf_error *err)
{
    static const char docker[] = "docker:";

    (void)session;
    if (strstr(to, "://"))
        return hf_error_set(err, HF_USAGE, "--to takes a directory for a volume, not a URL");
    if (!*to)
        return hf_error_set(err, HF_USAGE, "--to: which directory?");
    HF_TRY(begin_target(name, out, err));
    if (strncmp(to, docker, sizeof docker - 1) == 0)
        return target_docker(source, to + sizeof docker - 1, "", out, err);
    return target_directory(to, "", out, err);
}

static enum hf_status own_target(struct hf_session *session, struct hf_config_source *source,
                                 const char *suffix, struct hf_target *out, struct hf_error *err)
{
    const struct hf_volume_config *config = &source->as.volume;

    (void)session;
    HF_TRY(begin_target(source->name, out, err));
    if (config->docker)
        return target_docker(source, config->docker, suffix, out, err);
    return target_directory(config->path, suffix, out, err);
}

static enum hf_status for_export(const struct hf_session *session,
                                 const struct hf_config_source *source,
                                 struct hf_config_source *out, struct hf_error *err)
{
    (void)session;
    (void)source;
    (void)out;
    (void)err;
    return HF_OK;
}

static json_int_t number_of(const json_t *object, const char *key)
{
    return json_integer_value(json_object_get(object, key));
}

static bool is_true(const json_t *object, const char *key)
{
    return json_is_true(json_object_get(object, key));
}

/* One line for each kind of thing that a person should know of. */
static void write_noted(struct hf_output *output, const json_t *noted, const char *what)
{
    const json_t *paths = json_object_get(noted, "paths");
    json_int_t count = number_of(noted, "count");

    if (count > 0)
        hf_output_text(output, "  %" JSON_INTEGER_FORMAT " %s, %s%s\n", count, what,
                       json_string_value(json_array_get(paths, 0)), count > 1 ? " among them" : "");
}

static const char *verdict(const json_t *report)
{
    if (!is_true(report, "compared"))
        return "not compared";
    return is_true(report, "equal") ? "compared and equal" : "NOT EQUAL to the snapshot";
}

static void report_restore(struct hf_output *output, const json_t *report)
{
    const char *target_name = json_string_value(json_object_get(report, "target"));
    const char *aside = json_string_value(json_object_get(report, "kept_aside"));
    char size[HF_SIZE_TEXT];

    hf_text_format_size(size, (uint64_t)number_of(report, "bytes"));
    hf_output_text(output,
                   "restored into %s: %" JSON_INTEGER_FORMAT " entries, %" JSON_INTEGER_FORMAT
                   " of them files, %s; %s\n",
                   target_name ? target_name : "?", number_of(report, "entries"),
                   number_of(report, "files"), size, verdict(report));
    if (aside)
        hf_output_text(output, "  what was there is kept as %s\n", aside);
    write_noted(output, json_object_get(report, "not_owned"), "owners could not be set");
    write_noted(output, json_object_get(report, "not_set"), "attributes could not be set");
    write_noted(output, json_object_get(report, "not_made"), "devices could not be made");
    hf_restore_report_differences(output, json_object_get(report, "differences"));
}

static enum hf_status show(struct hf_output *output, const struct hf_snapshot_info *info,
                           const struct hf_feed *feed, json_t *event, struct hf_error *err)
{
    const json_t *p = info->properties;
    const char *path = json_string_value(json_object_get(p, "path"));
    char size[HF_SIZE_TEXT], read[HF_SIZE_TEXT];

    (void)feed;
    (void)event;
    (void)err;
    hf_text_format_size(size, (uint64_t)number_of(p, "bytes"));
    hf_text_format_size(read, (uint64_t)number_of(json_object_get(p, "read"), "bytes"));
    hf_output_text(output, "path      %s\n", path ? path : "?");
    hf_output_text(output, "files     %" JSON_INTEGER_FORMAT ", %s\n", number_of(p, "files"), size);
    hf_output_text(output, "read      %" JSON_INTEGER_FORMAT " files, %s; the rest was unchanged\n",
                   number_of(json_object_get(p, "read"), "files"), read);
    hf_output_text(output,
                   "others    %" JSON_INTEGER_FORMAT " directories, %" JSON_INTEGER_FORMAT
                   " symbolic and %" JSON_INTEGER_FORMAT " hard links, %" JSON_INTEGER_FORMAT
                   " devices, %" JSON_INTEGER_FORMAT " FIFOs\n",
                   number_of(p, "directories"), number_of(p, "symlinks"),
                   number_of(p, "hard_links"), number_of(p, "devices"), number_of(p, "fifos"));
    write_noted(output, json_object_get(p, "changed"), "files changed whenever they were read");
    write_noted(output, json_object_get(p, "vanished"), "files vanished while it was read");
    write_noted(output, json_object_get(p, "unreadable"), "files could not be read");
    write_noted(output, json_object_get(p, "sockets"), "sockets were left out");
    return HF_OK;
}

const struct hf_kind hf_kind_volume = {
    .source = &hf_volume_source,
    .noun = "a volume",
    .records = "entries",
    .schemes = schemes,
    .url_options = HF_OPTION_BIT(HF_OPT_NAME) | HF_OPTION_BIT(HF_OPT_EXCLUDE) |
                   HF_OPTION_BIT(HF_OPT_INCLUDE) | HF_OPTION_BIT(HF_OPT_ALL_FILE_SYSTEMS) |
                   HF_OPTION_BIT(HF_OPT_SKIP_UNREADABLE),
    .restore_options = HF_OPTION_BIT(HF_OPT_PATH) | HF_OPTION_BIT(HF_OPT_NUMERIC_OWNER) |
                       HF_OPTION_BIT(HF_OPT_NO_OWNER) | HF_OPTION_BIT(HF_OPT_NO_ACL),
    .read = hf_config_read_volume,
    .done = hf_config_volume_done,
    .from_url = from_url,
    .prepare = prepare,
    .target = target,
    .own_target = own_target,
    .for_export = for_export,
    .report = report_restore,
    .show = show,
};
