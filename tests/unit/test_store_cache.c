#include "storage/cache/cache.h"

#include "base/buffer.h"
#include "base/pool.h"
#include "base/text.h"

#include <dirent.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>

#include <cmocka.h>

#include "tests/support/check.h"
#include "tests/support/counting_store.h"
#include "tests/support/memory_store.h"
#include "tests/support/store_conformance.h"

#define REPOSITORY "0123456789abcdef0123456789abcdef"
#define OTHER "ffffffffffffffffffffffffffffffff"
#define PROOF "proofs/" REPOSITORY "/20261121T020000.123456Z"

enum { PATH = 512, OBJECT_MAX = 1 << 20 };

struct world {
    char folder[CHECK_PATH];
    struct hf_store *memory;
    struct hf_store *counting; /* around memory */
    struct hf_store *cache;    /* around counting */
    struct hf_observer observer;
    atomic_uint notes;
    char note[256];
};

static void take_note(void *ctx, enum hf_note_level level, const char *text)
{
    struct world *world = ctx;
    (void)level;
    atomic_fetch_add(&world->notes, 1);
    (void)snprintf(world->note, sizeof world->note, "%s", text);
}

/* Opened anew, as the next process does. */
static void open_cache(struct world *world, const char *folder, const char *repository,
                       uint64_t most, bool refresh)
{
    struct hf_error err = HF_ERROR_INIT;
    const struct hf_cache_options options = {.folder = folder,
                                             .repository = repository,
                                             .most = most,
                                             .refresh = refresh,
                                             .level = HF_NOTE_WARNING,
                                             .observer = &world->observer};
    if (world->cache)
        hf_store_close(world->cache);
    assert_ok(hf_counting_store_new(world->memory, &world->counting, &err), &err);
    assert_ok(hf_cache_open(world->counting, &world->cache, &err), &err);
    hf_cache_attach(world->cache, &options);
}

static void reopen(struct world *world)
{
    open_cache(world, world->folder, REPOSITORY, 0, false);
}

static int set_up(void **state)
{
    struct hf_error err = HF_ERROR_INIT;
    struct world *world = calloc(1, sizeof *world);
    assert_non_null(world);
    check_folder(world->folder);
    world->observer = (struct hf_observer){.ctx = world, .note = take_note};
    assert_ok(hf_memory_store_new(&world->memory, &err), &err);
    reopen(world);
    *state = world;
    return 0;
}

static void remove_below(const char *path)
{
    DIR *dir = opendir(path);
    if (!dir) {
        (void)unlink(path);
        return;
    }
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        char child[PATH];
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        (void)snprintf(child, sizeof child, "%s/%s", path, entry->d_name);
        remove_below(child);
    }
    (void)closedir(dir);
    assert_int_equal(rmdir(path), 0);
}

static int tear_down(void **state)
{
    struct world *world = *state;
    hf_store_close(world->cache);
    hf_store_close(world->memory);
    remove_below(world->folder);
    free(world);
    return 0;
}

/* "index/<its hash>" */
static const char *name_of(const char *content, char key[HF_STORE_KEY_MAX])
{
    uint8_t hash[32];
    assert_int_equal(EVP_Digest(content, strlen(content), hash, NULL, EVP_sha256(), NULL), 1);
    memcpy(key, "index/", sizeof "index/");
    hf_hex(key + 6, hash, sizeof hash);
    return key;
}

static void put(struct hf_store *store, const char *key, const char *content)
{
    struct hf_error err = HF_ERROR_INIT;
    assert_ok(hf_store_put(store, key, content, strlen(content), HF_PUT_CREATE, &err), &err);
}

static void assert_get(struct hf_store *store, const char *key, const char *content)
{
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO(hf_buf) got = HF_BUF_INIT;
    assert_ok(hf_buf_append_str(&got, "before", &err), &err);
    assert_ok(hf_store_get_all(store, key, OBJECT_MAX, &got, &err), &err);
    assert_int_equal(got.len, 6 + strlen(content));
    assert_memory_equal(got.data, "before", 6);
    assert_memory_equal(got.data + 6, content, strlen(content));
}

static unsigned asked(struct world *world)
{
    return hf_counting_store_take(world->counting).all;
}

static enum hf_status see(void *ctx, const char *key, const struct hf_store_stat *stat,
                          struct hf_error *err)
{
    size_t *count = ctx;
    (void)key;
    (void)stat;
    (void)err;
    (*count)++;
    return HF_OK;
}

static size_t list(struct hf_store *store, const char *prefix)
{
    size_t count = 0;
    struct hf_error err = HF_ERROR_INIT;
    assert_ok(hf_store_list(store, prefix, see, &count, &err), &err);
    return count;
}

/* The copy of a key. */
static void copy_path(const struct world *world, const char *key, char path[PATH])
{
    (void)snprintf(path, PATH, "%s/%s/%s", world->folder, REPOSITORY, key);
    for (char *at = path + strlen(path) - strlen(key); *at; at++)
        *at = *at == '/' ? ',' : *at;
}

static size_t copies(const struct world *world, const char *repository)
{
    char path[PATH];
    size_t count = 0;
    (void)snprintf(path, sizeof path, "%s/%s", world->folder, repository);
    DIR *dir = opendir(path);
    for (struct dirent *entry; dir && (entry = readdir(dir)) != NULL;)
        count += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    if (dir)
        (void)closedir(dir);
    return count;
}

static void store_cache_conforms(void **state)
{
    (void)state;
    for (size_t i = 0; i < hf_store_tests_count; i++) {
        void *world = NULL;
        print_message("  %s\n", hf_store_tests[i].name);
        assert_int_equal(set_up(&world), 0);
        hf_store_tests[i].run(((struct world *)world)->cache);
        assert_int_equal(tear_down(&world), 0);
    }
}

static void get_second_time_asks_nothing(void **state)
{
    struct world *world = *state;
    struct hf_cache_counts counts;
    char key[HF_STORE_KEY_MAX];
    put(world->memory, name_of("an index", key), "an index");
    put(world->memory, PROOF, "a proof");
    put(world->memory, "packs/ab/cd", "a pack");
    for (unsigned round = 0; round < 3; round++) {
        assert_get(world->cache, key, "an index");
        assert_get(world->cache, PROOF, "a proof");
        assert_get(world->cache, "packs/ab/cd", "a pack");
        assert_int_equal(asked(world), round == 0 ? 3 : 1);
        hf_cache_count(world->cache, &counts);
        assert_int_equal(counts.misses, round == 0 ? 2 : 0);
        assert_int_equal(counts.hits, round == 0 ? 0 : 2);
        reopen(world);
    }
    assert_int_equal(world->notes, 0);
}

static void put_is_kept(void **state)
{
    struct world *world = *state;
    char key[HF_STORE_KEY_MAX];
    put(world->cache, name_of("new", key), "new");
    assert_int_equal(asked(world), 1);
    assert_get(world->cache, key, "new");
    assert_int_equal(asked(world), 0);
}

static void remove_takes_the_copy_along(void **state)
{
    struct world *world = *state;
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO(hf_buf) got = HF_BUF_INIT;
    char key[HF_STORE_KEY_MAX];
    put(world->cache, name_of("new", key), "new");
    assert_ok(hf_store_delete(world->cache, key, &err), &err);
    assert_fails(hf_store_get_all(world->cache, key, 100, &got, &err), HF_NOT_FOUND, &err);
    assert_int_equal(copies(world, REPOSITORY), 0);
}

static void list_removes_what_is_not_there_any_more(void **state)
{
    struct world *world = *state;
    struct hf_error err = HF_ERROR_INIT;
    char one[HF_STORE_KEY_MAX], two[HF_STORE_KEY_MAX];
    put(world->cache, name_of("one", one), "one");
    put(world->cache, name_of("two", two), "two");
    put(world->cache, PROOF, "a proof");
    assert_ok(hf_store_delete(world->memory, one, &err), &err);
    assert_ok(hf_store_delete(world->memory, PROOF, &err), &err);
    assert_int_equal(copies(world, REPOSITORY), 3);
    assert_int_equal(list(world->cache, "snapshots/"), 0);
    assert_int_equal(copies(world, REPOSITORY), 3);
    assert_int_equal(list(world->cache, "index/"), 1);
    assert_int_equal(copies(world, REPOSITORY), 2);
    assert_int_equal(list(world->cache, "proofs/" OTHER "/"), 0);
    assert_int_equal(copies(world, REPOSITORY), 2);
    assert_int_equal(list(world->cache, "proofs/" REPOSITORY "/"), 0);
    assert_int_equal(copies(world, REPOSITORY), 1);
    (void)asked(world);
    assert_get(world->cache, two, "two");
    assert_int_equal(asked(world), 0);
}

static void list_that_fails_removes_nothing(void **state)
{
    struct world *world = *state;
    struct hf_error err = HF_ERROR_INIT;
    char key[HF_STORE_KEY_MAX];
    size_t count = 0;
    put(world->cache, name_of("one", key), "one");
    hf_memory_store_fail(world->memory, 1, HF_FAULT_BEFORE, HF_UNREACHABLE);
    assert_fails(hf_store_list(world->cache, "index/", see, &count, &err), HF_UNREACHABLE, &err);
    assert_int_equal(copies(world, REPOSITORY), 1);
}

static void write_file(const char *path, const void *data, size_t len)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, data, len), (ssize_t)len);
    assert_int_equal(close(fd), 0);
}

static void get_damaged_copy_is_fetched_again_and_replaced(void **state)
{
    struct world *world = *state;
    struct hf_error err = HF_ERROR_INIT;
    char path[PATH], key[HF_STORE_KEY_MAX];
    uint8_t whole[256];
    put(world->memory, name_of("an index object", key), "an index object");
    copy_path(world, key, path);
    assert_get(world->cache, key, "an index object");
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t len = read(fd, whole, sizeof whole);
    assert_int_equal(len, 15 + 32);
    assert_int_equal(close(fd), 0);
    for (size_t i = 0; i < (size_t)len; i++) {
        whole[i] ^= 0x10;
        write_file(path, whole, (size_t)len);
        whole[i] ^= 0x10;
        (void)asked(world);
        assert_get(world->cache, key, "an index object");
        assert_int_equal(asked(world), 1);
        assert_get(world->cache, key, "an index object");
        assert_int_equal(asked(world), 0);
    }
    for (size_t cut = 0; cut < (size_t)len; cut++) {
        write_file(path, whole, cut);
        assert_get(world->cache, key, "an index object");
        assert_int_equal(asked(world), 1);
    }
    /* Larger than the object may be: what the store says is what counts. */
    HF_AUTO(hf_buf) got = HF_BUF_INIT;
    assert_fails(hf_store_get_all(world->cache, key, 14, &got, &err), HF_DAMAGED, &err);
    assert_int_equal(world->notes, 0);
}

static void get_something_else_in_a_copys_place_is_harmless(void **state)
{
    struct world *world = *state;
    char path[PATH], key[HF_STORE_KEY_MAX];
    put(world->memory, name_of("content", key), "content");
    copy_path(world, key, path);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_get(world->cache, key, "content");
    assert_get(world->cache, key, "content");
    assert_int_equal(unlink(path), 0);
    assert_int_equal(symlink("/etc/passwd", path), 0);
    assert_get(world->cache, key, "content");
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_get(world->cache, key, "content");
    assert_get(world->cache, key, "content");
}

/* Copies of one key in the place of another. */
static void get_copy_of_another_key_is_none(void **state)
{
    struct world *world = *state;
    char from[PATH], to[PATH];
    put(world->cache, PROOF, "a proof");
    put(world->memory, PROOF "2", "another");
    copy_path(world, PROOF, from);
    copy_path(world, PROOF "2", to);
    assert_int_equal(link(from, to), 0);
    assert_get(world->cache, PROOF "2", "another");
}

static void get_object_that_is_not_what_its_name_says_is_not_kept(void **state)
{
    struct world *world = *state;
    char key[HF_STORE_KEY_MAX];
    put(world->memory, name_of("right", key), "wrong");
    for (unsigned round = 0; round < 2; round++) {
        assert_get(world->cache, key, "wrong");
        assert_int_equal(asked(world), 1);
    }
    assert_true(hf_memory_store_overwrite(world->memory, key, "right", 5));
    assert_get(world->cache, key, "right");
    assert_get(world->cache, key, "right");
    assert_int_equal(asked(world), 1);
}

static void refresh_reads_the_store_and_mends_the_copies(void **state)
{
    struct world *world = *state;
    put(world->cache, PROOF, "damaged");
    assert_true(hf_memory_store_overwrite(world->memory, PROOF, "mended!", 7));
    assert_get(world->cache, PROOF, "damaged");
    open_cache(world, world->folder, REPOSITORY, 0, true);
    assert_get(world->cache, PROOF, "mended!");
    reopen(world);
    assert_get(world->cache, PROOF, "mended!");
    assert_int_equal(asked(world), 0);
}

static void attach_several_repositories_share_a_folder(void **state)
{
    struct world *world = *state;
    put(world->cache, PROOF, "of the one");
    open_cache(world, world->folder, OTHER, 0, false);
    assert_true(hf_memory_store_overwrite(world->memory, PROOF, "of the other", 12));
    assert_get(world->cache, PROOF, "of the other");
    assert_int_equal(list(world->cache, "index/"), 0);
    reopen(world);
    assert_get(world->cache, PROOF, "of the one");
    assert_int_equal(asked(world), 0);
}

static void age(const char *path, int days)
{
    struct timespec times[2] = {{.tv_sec = time(NULL) - (time_t)days * 86400}};
    times[1] = times[0];
    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

static void attach_removes_folders_that_nobody_uses(void **state)
{
    struct world *world = *state;
    char path[PATH];
    put(world->cache, PROOF, "a proof");
    (void)snprintf(path, sizeof path, "%s/%s", world->folder, REPOSITORY);
    age(path, HF_CACHE_UNUSED_DAYS - 1);
    open_cache(world, world->folder, OTHER, 0, false);
    assert_int_equal(copies(world, REPOSITORY), 1);
    age(path, HF_CACHE_UNUSED_DAYS + 1);
    open_cache(world, world->folder, OTHER, 0, false);
    assert_int_equal(access(path, F_OK), -1);
}

static void attach_removes_what_a_killed_process_left(void **state)
{
    struct world *world = *state;
    char path[PATH], fresh[PATH];
    (void)snprintf(path, sizeof path, "%s/%s/.new-1-ab", world->folder, REPOSITORY);
    (void)snprintf(fresh, sizeof fresh, "%s/%s/.new-2-ab", world->folder, REPOSITORY);
    write_file(path, "half", 4);
    write_file(fresh, "half", 4);
    age(path, 1);
    reopen(world);
    assert_int_equal(access(path, F_OK), -1);
    assert_int_equal(access(fresh, F_OK), 0);
}

static void files_are_the_owners_alone(void **state)
{
    struct world *world = *state;
    char path[PATH];
    struct stat st;
    mode_t mask = umask(0);
    (void)snprintf(path, sizeof path, "%s/deep/er", world->folder);
    open_cache(world, path, REPOSITORY, 0, false);
    put(world->cache, PROOF, "a proof");
    (void)umask(mask);
    static const struct {
        const char *name;
        mode_t mode;
    } cases[] = {{"deep", 0700},
                 {"deep/er", 0700},
                 {"deep/er/CACHEDIR.TAG", 0600},
                 {"deep/er/" REPOSITORY, 0700},
                 {"deep/er/" REPOSITORY "/proofs," REPOSITORY ",20261121T020000.123456Z", 0600}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        (void)snprintf(path, sizeof path, "%s/%s", world->folder, cases[i].name);
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(st.st_mode & 07777, cases[i].mode);
    }
}

/* Works as without a cache, and says so once. */
static void assert_done_without(struct world *world)
{
    char key[HF_STORE_KEY_MAX], other[HF_STORE_KEY_MAX];
    put(world->cache, name_of("content", key), "content");
    put(world->cache, name_of("more", other), "more");
    assert_get(world->cache, key, "content");
    assert_get(world->cache, other, "more");
    assert_int_equal(list(world->cache, "index/"), 2);
    assert_int_equal(asked(world), 5);
    assert_int_equal(world->notes, 1);
    assert_contains(world->note, "done without");
}

static void attach_no_folder_to_be_had_is_done_without(void **state)
{
    struct world *world = *state;
    open_cache(world, "/proc/self/holdfast-cache", REPOSITORY, 0, false);
    assert_done_without(world);
}

static void attach_a_file_in_the_folders_place_is_done_without(void **state)
{
    struct world *world = *state;
    char path[PATH];
    (void)snprintf(path, sizeof path, "%s/file", world->folder);
    write_file(path, "", 0);
    open_cache(world, path, REPOSITORY, 0, false);
    assert_done_without(world);
}

static void write_folder_gone_is_done_without(void **state)
{
    struct world *world = *state;
    char path[PATH];
    (void)snprintf(path, sizeof path, "%s/%s", world->folder, REPOSITORY);
    remove_below(path);
    assert_done_without(world);
}

/* A write that fails half-way, as on a full disk. */
static void write_that_fails_is_done_without(void **state)
{
    struct world *world = *state;
    struct rlimit before, none;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    none = before;
    none.rlim_cur = 2;
    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &none), 0);
    assert_done_without(world);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    (void)signal(SIGXFSZ, handler);
    assert_int_equal(copies(world, REPOSITORY), 0);
}

static void write_beyond_the_size_is_not_kept(void **state)
{
    struct world *world = *state;
    struct hf_error err = HF_ERROR_INIT;
    char one[HF_STORE_KEY_MAX], two[HF_STORE_KEY_MAX];
    open_cache(world, world->folder, REPOSITORY, 50, false);
    put(world->cache, name_of("ten bytes.", one), "ten bytes.");
    put(world->cache, name_of("and ten more", two), "and ten more");
    assert_int_equal(copies(world, REPOSITORY), 1);
    open_cache(world, world->folder, REPOSITORY, 50, false);
    assert_get(world->cache, one, "ten bytes.");
    assert_int_equal(asked(world), 0);
    assert_get(world->cache, two, "and ten more");
    assert_int_equal(copies(world, REPOSITORY), 1);
    /* What the repository does not list any more makes room. */
    assert_ok(hf_store_delete(world->memory, one, &err), &err);
    assert_int_equal(list(world->cache, "index/"), 1);
    assert_get(world->cache, two, "and ten more");
    (void)asked(world);
    assert_get(world->cache, two, "and ten more");
    assert_int_equal(asked(world), 0);
    assert_int_equal(world->notes, 0);
}

enum { OBJECTS = 40, THREADS = 4, ROUNDS = 10 };

static enum hf_status work(void *arg, size_t index, struct hf_error *err)
{
    struct world *world = arg;
    struct hf_store *counting, *cache;
    const struct hf_cache_options options = {.folder = world->folder, .repository = REPOSITORY};
    HF_TRY(hf_counting_store_new(world->memory, &counting, err));
    HF_TRY(hf_cache_open(counting, &cache, err));
    hf_cache_attach(cache, &options);
    for (unsigned round = 0; round < ROUNDS * OBJECTS; round++) {
        char content[32], key[HF_STORE_KEY_MAX];
        (void)snprintf(content, sizeof content, "object %u",
                       (round * 7 + (unsigned)index) % OBJECTS);
        assert_get(cache, name_of(content, key), content);
        if (round % OBJECTS == index)
            (void)list(cache, "index/");
    }
    hf_store_close(cache);
    return HF_OK;
}

static void several_at_once_each_get_the_right_bytes(void **state)
{
    struct world *world = *state;
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO_PTR(hf_cancel) cancel = NULL;
    struct hf_pool *pool;
    for (unsigned i = 0; i < OBJECTS; i++) {
        char content[32], key[HF_STORE_KEY_MAX];
        (void)snprintf(content, sizeof content, "object %u", i);
        put(world->memory, name_of(content, key), content);
    }
    assert_ok(hf_cancel_new(&cancel, &err), &err);
    assert_ok(hf_pool_start(THREADS, work, NULL, world, cancel, &pool, &err), &err);
    assert_ok(hf_pool_join(pool, &err), &err);
    assert_int_equal(copies(world, REPOSITORY), OBJECTS);
}

static void default_folder_follows_the_environment(void **state)
{
    (void)state;
    struct hf_error err = HF_ERROR_INIT;
    static const struct {
        const char *xdg, *home, *folder;
    } cases[] = {{"/x", "/h", "/x/holdfast"},
                 {"relative", "/h", "/h/.cache/holdfast"},
                 {"", "/h", "/h/.cache/holdfast"},
                 {NULL, "/h", "/h/.cache/holdfast"},
                 {NULL, NULL, NULL}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        HF_AUTO_FREE char *folder = NULL;
        assert_int_equal(unsetenv("XDG_CACHE_HOME") + unsetenv("HOME"), 0);
        if (cases[i].xdg)
            assert_int_equal(setenv("XDG_CACHE_HOME", cases[i].xdg, 1), 0);
        if (cases[i].home)
            assert_int_equal(setenv("HOME", cases[i].home, 1), 0);
        if (!cases[i].folder) {
            assert_fails(hf_cache_default_folder(&folder, &err), HF_NOT_FOUND, &err);
            continue;
        }
        assert_ok(hf_cache_default_folder(&folder, &err), &err);
        assert_string_equal(folder, cases[i].folder);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(store_cache_conforms),
        TEST(get_second_time_asks_nothing),
        TEST(put_is_kept),
        TEST(remove_takes_the_copy_along),
        TEST(list_removes_what_is_not_there_any_more),
        TEST(list_that_fails_removes_nothing),
        TEST(get_damaged_copy_is_fetched_again_and_replaced),
        TEST(get_something_else_in_a_copys_place_is_harmless),
        TEST(get_copy_of_another_key_is_none),
        TEST(get_object_that_is_not_what_its_name_says_is_not_kept),
        TEST(refresh_reads_the_store_and_mends_the_copies),
        TEST(attach_several_repositories_share_a_folder),
        TEST(attach_removes_folders_that_nobody_uses),
        TEST(attach_removes_what_a_killed_process_left),
        TEST(files_are_the_owners_alone),
        TEST(attach_no_folder_to_be_had_is_done_without),
        TEST(attach_a_file_in_the_folders_place_is_done_without),
        TEST(write_folder_gone_is_done_without),
        TEST(write_that_fails_is_done_without),
        TEST(write_beyond_the_size_is_not_kept),
        TEST(several_at_once_each_get_the_right_bytes),
        cmocka_unit_test(default_folder_follows_the_environment),
    };
    return cmocka_run_group_tests_name("store_cache", tests, NULL, NULL);
}
