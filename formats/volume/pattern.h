/*
 * Patterns for paths, as gitignore understands them: one a line, later ones win, "!" takes back, a
 * slash at the beginning or in the middle ties a pattern to the root, one at the end makes it match
 * directories only, "*" and "?" stop at slashes, "**" does not. Lines that are empty or begin with
 * "#" are comments. Constant once made; any thread.
 */
#ifndef HF_VOLUME_PATTERN_H
#define HF_VOLUME_PATTERN_H

#include "base/text.h"

struct hf_vol_patterns;

/* No lines: *out is NULL, which every function below takes as a list that matches nothing. HF_USAGE
 * names a pattern that is none. */
enum hf_status hf_vol_patterns_new(const struct hf_strings *lines, struct hf_vol_patterns **out,
                                   struct hf_error *err) HF_WARN_UNUSED;
void hf_vol_patterns_free(struct hf_vol_patterns *patterns); /* takes NULL */
HF_DEFINE_AUTO_PTR(hf_vol_patterns, hf_vol_patterns_free)

enum hf_vol_match { HF_VOL_NO_MATCH, HF_VOL_MATCH, HF_VOL_TAKEN_BACK };

/* What the last pattern says that matches exactly this path. */
enum hf_vol_match hf_vol_patterns_match(const struct hf_vol_patterns *patterns, const char *path,
                                        bool is_directory);
/* Whether the path or, by a directory that it is in, all of that is matched and not taken back
 * further down. */
bool hf_vol_patterns_cover(const struct hf_vol_patterns *patterns, const char *path,
                           bool is_directory);

#endif
