/* The table of commands (options.h). */
#include "agent/cli/options.h"

#define BIT HF_OPTION_BIT
#define CREDENTIAL                                                                                 \
    (BIT(HF_OPT_PASSPHRASE_FILE) | BIT(HF_OPT_PASSPHRASE_COMMAND) | BIT(HF_OPT_IDENTITY_FILE) |    \
     BIT(HF_OPT_FINGERPRINT) | BIT(HF_OPT_NO_CACHE))
#define REPOSITORY (BIT(HF_OPT_REPOSITORY) | CREDENTIAL)
#define PARTS                                                                                      \
    (BIT(HF_OPT_DATABASE) | BIT(HF_OPT_SCHEMA) | BIT(HF_OPT_TABLE) | BIT(HF_OPT_LARGE_OBJECTS) |   \
     BIT(HF_OPT_NO_LARGE_OBJECTS))

static const struct hf_command commands[HF_COMMAND_COUNT] = {
    [HF_COMMAND_INIT] =
        {.name = "init",
         .operands = "",
         .summary = "Make a repository",
         .about =
             "Makes an encrypted repository in an empty directory or bucket. Its first key opens "
             "everything; it is wrapped under the passphrase, which is asked for twice when "
             "it is not given otherwise. Nothing in the repository can be read without "
             "it: keep a copy where you would still find it after losing this machine.\n\n"
             "The fingerprint that is printed identifies the repository; put it into the "
             "configuration to refuse any other.\n\n"
             "With --replica-of it gets the keys of another repository, and nothing else of "
             "it: it is opened with the same passphrases and identities, and \"holdfast "
             "copy\" moves snapshots between the two as they are sealed. A writer key of "
             "the other one is enough.",
         .examples = "holdfast init --repository /var/lib/holdfast\n"
                     "holdfast init --repository 's3://acme-backups/prod?region=eu-central-1'\n"
                     "holdfast init --repository offsite --replica-of local",
         .options = REPOSITORY | BIT(HF_OPT_CIPHER) | BIT(HF_OPT_REPLICA_OF)},
    [HF_COMMAND_BACKUP] =
        {.name = "backup",
         .operands = "[JOB|SOURCE|URL...]",
         .summary = "Back up sources into a repository",
         .about = "Backs up the sources of the jobs, or the sources, that are named; without a "
                  "name all jobs of the configuration, or all its sources where it has no jobs. "
                  "A postgresql:// URL is a source of its own: it needs no configuration, only "
                  "--repository; without a database in it, it means every database of the "
                  "server. So is a directory, written with its path (/srv/uploads, ./data): a "
                  "volume.\n\n"
                  "A snapshot appears only when everything was captured and is durable. A run "
                  "that was killed leaves no snapshot; the next one finds what was stored and "
                  "does not send it again.\n\n"
                  "A job is run once at a time on a machine. Where \"holdfast agent\" runs, it "
                  "is asked for the job: one that is running is waited for, else it is run as soon "
                  "as it may. Exits with 5 when the job is being run without the agent.\n\n"
                  "The options that choose databases, schemas and tables, and --name, --bin-dir, "
                  "--split and --lock-timeout, are for a URL, --exclude, --include, "
                  "--all-file-systems and --skip-unreadable for a directory; a source of the "
                  "configuration has them there.",
         .examples = "holdfast backup\n"
                     "holdfast backup nightly\n"
                     "holdfast backup postgresql://backup@db/app --repository /srv/backups\n"
                     "holdfast backup /srv/uploads --exclude 'tmp/' --repository /srv/backups",
         .recorded = true,
         .options = REPOSITORY | PARTS | BIT(HF_OPT_NAME) | BIT(HF_OPT_EXCLUDE_SCHEMA) |
                    BIT(HF_OPT_EXCLUDE_TABLE) | BIT(HF_OPT_EXCLUDE_DATA) | BIT(HF_OPT_BIN_DIR) |
                    BIT(HF_OPT_SPLIT) | BIT(HF_OPT_EXCLUDE) | BIT(HF_OPT_INCLUDE) |
                    BIT(HF_OPT_ALL_FILE_SYSTEMS) | BIT(HF_OPT_SKIP_UNREADABLE) |
                    BIT(HF_OPT_LOCK_TIMEOUT) | BIT(HF_OPT_TAG) | BIT(HF_OPT_JOBS) |
                    BIT(HF_OPT_MEMORY) | BIT(HF_OPT_THREADS) | BIT(HF_OPT_LEVEL),
         .max_operands = HF_OPERANDS_MAX},
    [HF_COMMAND_RESTORE] =
        {.name = "restore",
         .operands = "SNAPSHOT|JOB",
         .summary = "Restore a snapshot or a job, and compare it",
         .about = "Restores a database into a new one and a volume into a new directory, under a "
                  "temporary name, which gets its real name when it is complete and what was "
                  "read back from it equals what was fed to it. The snapshot then counts as "
                  "proven. If the name is taken, that is refused, or with --replace the old "
                  "database or directory is renamed aside and kept. Redis is restored into an "
                  "empty server (redis://...), read back and compared likewise, or to a new "
                  ".rdb file.\n\n"
                  "SNAPSHOT is SOURCE@latest, SOURCE@TIME (such as app@2026-11-21 or "
                  "app@2026-11-21T02:00, UTC: the newest within it), an id, or the beginning of "
                  "one.\n\n"
                  "A snapshot of a whole PostgreSQL server is restored with a URL without a "
                  "database, or one database of it with --database.\n\n"
                  "Of a JOB, JOB@latest or JOB@TIME every source is restored, from the snapshots "
                  "of its last run (before the end of that time), each compared and "
                  "reported; one that fails leaves the others alone. --to same restores each to "
                  "where it was, --to _restored beside it, --to SOURCE=TARGET one of them "
                  "elsewhere; they can be given together.",
         .examples = "holdfast restore app@latest --to app_restored\n"
                     "holdfast restore cache@latest --to redis://new:6379\n"
                     "holdfast restore uploads@latest --to /srv/uploads_restored\n"
                     "holdfast restore app@2026-11-21 --to postgresql://admin@db2/app --jobs 4\n"
                     "holdfast restore app@latest --to app_orders --table 'public.orders*'\n"
                     "holdfast restore nightly@latest --to same\n"
                     "holdfast restore nightly --to _restored --to cache=redis://new:6379",
         .recorded = true,
         .options = REPOSITORY | BIT(HF_OPT_FROM) | PARTS | BIT(HF_OPT_MATCH) | BIT(HF_OPT_TO) |
                    BIT(HF_OPT_REPLACE) | BIT(HF_OPT_NO_OWNER) | BIT(HF_OPT_NO_ACL) |
                    BIT(HF_OPT_NO_COMPARE) | BIT(HF_OPT_PATH) | BIT(HF_OPT_NUMERIC_OWNER) |
                    BIT(HF_OPT_BIN_DIR) | BIT(HF_OPT_JOBS) | BIT(HF_OPT_MEMORY) |
                    BIT(HF_OPT_THREADS),
         .required = BIT(HF_OPT_TO),
         .min_operands = 1,
         .max_operands = 1},
    [HF_COMMAND_LIST] = {.name = "list",
                         .operands = "[SOURCE|SNAPSHOT]",
                         .summary = "List the snapshots of a repository, or files of one",
                         .about = "Lists snapshots, oldest first: id, time, source, state, how "
                                  "much was read and how much of it was new to the repository. A "
                                  "snapshot is stored, then checked (every byte read back and "
                                  "authenticated), then proven (restored and compared).\n\n"
                                  "Below that, each source: when a snapshot of it was last checked "
                                  "and proven, and an alarm where that is longer ago than its job "
                                  "allows (proven_within).\n\n"
                                  "Of a snapshot of a volume, named as uploads@latest, lists the "
                                  "files; --path chooses.",
                         .examples = "holdfast list app\n"
                                     "holdfast list uploads@latest --path 'img/**'",
                         .options = REPOSITORY | BIT(HF_OPT_PATH) | BIT(HF_OPT_TAG) |
                                    BIT(HF_OPT_JOB) | BIT(HF_OPT_ALARMS),
                         .max_operands = 1},
    [HF_COMMAND_SHOW] = {.name = "show",
                         .operands = "SNAPSHOT",
                         .summary = "Show what a snapshot holds",
                         .about = "Shows a snapshot's properties, databases, and tables with "
                                  "their rows and sizes.",
                         .examples = "holdfast show app@latest",
                         .options = REPOSITORY | BIT(HF_OPT_FROM),
                         .min_operands = 1,
                         .max_operands = 1},
    [HF_COMMAND_CHECK] =
        {.name = "check",
         .operands = "",
         .summary = "Check a repository, and repair its index",
         .about = "Checks header, keys, index, manifests, reference lists and packs. With "
                  "--read-data every frame is read, opened and verified, which needs a reader "
                  "key. With --no-key no passphrase is needed: objects named by their hash are "
                  "read and hashed.\n\n"
                  "--repair rebuilds a lost or damaged index from the packs, drops damaged packs "
                  "from it (the next backup stores their content again), and says which "
                  "snapshots they cost. With --from a replica, what is missing or damaged (packs, "
                  "manifests, keys) is put back from there first, each object hashed against its "
                  "name. Exits with 3 when something is damaged and not put back.",
         .examples = "holdfast check --read-data=10%\n"
                     "holdfast check --repository local --repair --read-data --from offsite",
         .recorded = true,
         .options = REPOSITORY | BIT(HF_OPT_FROM) | BIT(HF_OPT_READ_DATA) | BIT(HF_OPT_REPAIR) |
                    BIT(HF_OPT_NO_KEY)},
    [HF_COMMAND_DRILL] =
        {.name = "drill",
         .recorded = true,
         .operands = "[JOB|SOURCE|SNAPSHOT...]",
         .summary = "Try backups: restore, compare, and remove it again",
         .about = "Restores the newest snapshot of each source of a job, or the snapshots that are "
                  "named, into a scratch target: an own temporary PostgreSQL or Redis, a "
                  "temporary directory, or new databases on a server that the job's drill names. "
                  "Compares what was restored, asks the assertions of the job's drill, measures "
                  "recovery time and recovery point, removes the target, and records the snapshot "
                  "as proven. Without a name, drills every job that has a \"drill\" in the "
                  "configuration; with --all-jobs, every job.\n\n"
                  "The target is removed whatever happens. What a drill left that was killed "
                  "with -9 is removed by the next one.\n\n"
                  "Exits with 0 when all is proven; 3 when a backup is bad (missing, damaged, not "
                  "equal, or an assertion does not hold); 4 when only the place where it should "
                  "have been tried is, which says nothing about the backup; 1 when it restores "
                  "and is equal, but rto or rpo is missed. Of several sources, 3 goes before 4.",
         .examples = "holdfast drill nightly\n"
                     "holdfast drill app@latest uploads@2026-11-21\n"
                     "holdfast drill --all-jobs --json\n"
                     "holdfast drill nightly --junit drill.xml --html drill.html",
         .options = REPOSITORY | BIT(HF_OPT_FROM) | BIT(HF_OPT_ALL_JOBS) | BIT(HF_OPT_JOBS) |
                    BIT(HF_OPT_MEMORY) | BIT(HF_OPT_THREADS) | BIT(HF_OPT_JUNIT) | BIT(HF_OPT_HTML),
         .max_operands = HF_OPERANDS_MAX},
    [HF_COMMAND_EXPORT] =
        {.name = "export",
         .operands = "SNAPSHOT",
         .summary = "Write a snapshot as plain SQL, .rdb or .tar",
         .about = "Writes, to standard output or to a new file, what other tools restore on their "
                  "own: of PostgreSQL a script for psql -v ON_ERROR_STOP=1, of Redis a dump that "
                  "a server loads, of a volume a tar archive. Of a snapshot with several "
                  "databases, the script makes them all in an empty server, with its roles; "
                  "--database picks one.",
         .examples = "holdfast export app@latest | psql -v ON_ERROR_STOP=1 -d empty_database\n"
                     "holdfast export server@latest | psql -v ON_ERROR_STOP=1 -d postgres\n"
                     "holdfast export uploads@latest | tar -tv",
         .options = REPOSITORY | BIT(HF_OPT_FROM) | PARTS | BIT(HF_OPT_NO_OWNER) |
                    BIT(HF_OPT_NO_ACL) | BIT(HF_OPT_MATCH) | BIT(HF_OPT_PATH) |
                    BIT(HF_OPT_BIN_DIR) | BIT(HF_OPT_OUTPUT) | BIT(HF_OPT_MEMORY) |
                    BIT(HF_OPT_THREADS),
         .min_operands = 1,
         .max_operands = 1},
    [HF_COMMAND_COPY] =
        {.name = "copy",
         .operands = "FROM TO [SNAPSHOT...]",
         .summary = "Copy snapshots from one repository to another",
         .about = "Copies what TO lacks of the snapshots that are named, or of all: sealed packs "
                  "as they are, each hashed on its way, newest snapshots first. A snapshot "
                  "appears in TO when all of it is there; proofs of checks and restores go along, "
                  "and keys that were added or rotated in FROM. Nothing is opened, so a "
                  "writer key is enough. A copy that was killed is gone on with by the next one."
                  "\n\n"
                  "TO must be a replica of FROM (\"holdfast init --replica-of\"), or the other "
                  "way round. FROM and TO are names of the configuration, or places; options "
                  "that say how a repository is opened count for both.\n\n"
                  "Exits with 3 when snapshots could not be copied because something of them is "
                  "damaged in FROM; all others were.",
         .examples = "holdfast copy local offsite\n"
                     "holdfast copy local /mnt/usb/holdfast app@latest",
         .recorded = true,
         .options = CREDENTIAL | BIT(HF_OPT_MEMORY) | BIT(HF_OPT_THREADS),
         .min_operands = 2,
         .max_operands = HF_OPERANDS_MAX},
    [HF_COMMAND_PRUNE] =
        {.name = "prune",
         .operands = "[JOB|SOURCE...]",
         .summary = "Let go of what no rule keeps, and free the room",
         .about =
             "Removes the snapshots that the \"keep\" rules of jobs do not keep, in every "
             "repository of the jobs, or in --repository, and then frees the room of what no "
             "snapshot needs. With --dry-run it changes nothing, and says of every snapshot "
             "whether it stays or goes, and why.\n\n"
             "A snapshot is judged by the rules of the job that made it; one of no job by those of "
             "all jobs that have its source. Never removed are the newest snapshot of a source, "
             "the newest proven one, and pinned ones. Sources that no job stores in a repository, "
             "and snapshots of jobs that are not in the configuration, are left alone unless the "
             "source is named. What is dated wrongly, or empty, does not count for the others.\n\n"
             "Room is freed in two runs: packs in which nothing is needed are marked, and removed "
             "by a run after the grace period. Packs that are mostly dead are repacked. Other "
             "hosts may go on backing up. A writer key is enough. What the store has locked is "
             "left for another time.",
         .examples = "holdfast prune --dry-run\n"
                     "holdfast prune nightly\n"
                     "holdfast prune old_app --keep last=1 --repository offsite",
         .recorded = true,
         .options = REPOSITORY | BIT(HF_OPT_DRY_RUN) | BIT(HF_OPT_KEEP) | BIT(HF_OPT_GRACE) |
                    BIT(HF_OPT_MEMORY),
         .max_operands = HF_OPERANDS_MAX},
    [HF_COMMAND_FORGET] =
        {.name = "forget",
         .operands = "SNAPSHOT|JOB...",
         .summary = "Remove snapshots without freeing their room yet",
         .about =
             "Removes the snapshots that are named, from every repository of the "
             "configuration that holds them, or from --repository. Of a job, removes what its "
             "rules do not keep, as \"holdfast prune\" does. What they alone needed is removed "
             "by \"holdfast prune\".\n\n"
             "Refused before anything is removed: pinned ones, and without --force the newest "
             "snapshot of a source and the newest proven one. With --force and its whole id, "
             "a snapshot that cannot be read is removed too.",
         .examples = "holdfast forget app@2026-11-21T02:00\n"
                     "holdfast forget --dry-run 3f2a81c09d44\n"
                     "holdfast forget nightly",
         .options = REPOSITORY | BIT(HF_OPT_DRY_RUN) | BIT(HF_OPT_FORCE),
         .min_operands = 1,
         .max_operands = HF_OPERANDS_MAX},
    [HF_COMMAND_PIN] =
        {.name = "pin",
         .operands = "SNAPSHOT...",
         .summary = "Keep snapshots whatever the rules say",
         .about =
             "Pins the snapshots that are named, in every repository of the configuration that "
             "holds them, or in --repository: neither \"prune\" nor \"forget\" removes them. "
             "Pinned again, the new reason and end count. Copies take pins along.",
         .examples = "holdfast pin app@2026-11-21 --reason 'before the migration' --until 90d",
         .options = REPOSITORY | BIT(HF_OPT_REASON) | BIT(HF_OPT_UNTIL),
         .min_operands = 1,
         .max_operands = HF_OPERANDS_MAX},
    [HF_COMMAND_UNPIN] = {.name = "unpin",
                          .operands = "SNAPSHOT...",
                          .summary = "Take pins away",
                          .about = "Takes the pins of the snapshots away, in every repository of "
                                   "the configuration that holds them, or in --repository.",
                          .examples = "holdfast unpin app@2026-11-21",
                          .options = REPOSITORY,
                          .min_operands = 1,
                          .max_operands = HF_OPERANDS_MAX},
    [HF_COMMAND_AGENT] =
        {.name = "agent",
         .operands = "",
         .service = true,
         .summary = "Run the jobs by their schedules, for good",
         .about = "Runs what the jobs of the configuration say, when they say it: backups, their "
                  "retention and prune, drills. Each run is a process of its own. A run that was "
                  "missed is made up once; what can pass is tried again.\n\n"
                  "While it runs, \"holdfast backup JOB\" asks it for a run, and waits for its "
                  "end. SIGHUP has the configuration read again, whole or not at all. SIGTERM and "
                  "SIGINT end it: runs have the configured stop_timeout to end (8 seconds), and "
                  "are made up when the agent is back.\n\n"
                  "Exits with 5 when an agent runs already with the same state directory.",
         .examples = "holdfast agent --config /etc/holdfast/holdfast.yaml"},
    [HF_COMMAND_KEY_LIST] = {.name = "key list",
                             .operands = "",
                             .summary = "List the keys of a repository",
                             .about = "Lists the ways in: id, label, kind (passphrase or "
                                      "recipient), role (reader or writer) and age.",
                             .options = REPOSITORY},
    [HF_COMMAND_KEY_ADD] =
        {.name = "key add",
         .operands = "",
         .summary = "Add a passphrase or a recipient",
         .about = "Adds a key. Needs a reader key. With --writer the new key can back up, list "
                  "and check, but not read data: whoever breaks into a host that has only "
                  "it cannot read the backups. The passphrase is asked for twice, or read from "
                  "--new-passphrase-file; with --recipient there is none.",
         .examples = "holdfast key add --writer --label web1 --new-passphrase-file web1.pass\n"
                     "holdfast key add --label offline --recipient holdfast-recipient-1...",
         .options = REPOSITORY | BIT(HF_OPT_WRITER) | BIT(HF_OPT_LABEL) |
                    BIT(HF_OPT_NEW_PASSPHRASE_FILE) | BIT(HF_OPT_RECIPIENT)},
    [HF_COMMAND_KEY_REMOVE] = {.name = "key remove",
                               .operands = "KEY",
                               .summary = "Remove a key",
                               .about = "Removes a key by its id or the beginning of it. The last "
                                        "reader key cannot be removed. Who had the key may have "
                                        "copied what it opened: run \"key rotate\" to keep "
                                        "what is written from now on from him.",
                               .options = REPOSITORY,
                               .min_operands = 1,
                               .max_operands = 1},
    [HF_COMMAND_KEY_ROTATE] = {.name = "key rotate",
                               .operands = "",
                               .summary = "Begin a new generation of keys",
                               .about = "What is written from now on is sealed with new keys, "
                                        "which every key of the repository is granted. Nothing "
                                        "is rewritten.",
                               .options = REPOSITORY},
    [HF_COMMAND_KEY_EXPORT] = {.name = "key export",
                               .operands = "KEY",
                               .summary = "Write a key's record, still wrapped",
                               .about = "Writes the record as it is stored: still protected by "
                                        "its passphrase, so safe to keep elsewhere. Put back as "
                                        "keys/ID it opens the repository again.",
                               .options = REPOSITORY | BIT(HF_OPT_OUTPUT),
                               .min_operands = 1,
                               .max_operands = 1},
    [HF_COMMAND_KEY_IDENTITY] = {.name = "key identity",
                                 .operands = "",
                                 .summary = "Make an identity and its recipient",
                                 .about = "Makes an identity: a secret that opens repositories "
                                          "without a passphrase, and its recipient, which is "
                                          "public and given to \"key add --recipient\". With "
                                          "--output the identity goes to that file and the "
                                          "recipient to standard output.",
                                 .examples = "holdfast key identity --output offline.identity",
                                 .options = BIT(HF_OPT_OUTPUT)},
    [HF_COMMAND_CONFIG_CHECK] = {.name = "config check",
                                 .operands = "",
                                 .summary = "Check the configuration file",
                                 .about = "Reads the configuration as strictly as every command "
                                          "does, connects to nothing, and shows when each job "
                                          "that has a schedule will run next."},
    [HF_COMMAND_DOCTOR] = {.name = "doctor",
                           .operands = "[SOURCE...]",
                           .summary = "Find out what is missing",
                           .about = "Looks at everything a backup needs: the configuration, the "
                                    "repository and its key, each server, its version, the right "
                                    "pg_dump, privileges. Says in plain words what to do. Exits "
                                    "with 4 if something is missing.",
                           .options = REPOSITORY,
                           .max_operands = HF_OPERANDS_MAX},
    [HF_COMMAND_HISTORY] =
        {.name = "history",
         .operands = "[JOB|SOURCE|RUN]",
         .summary = "Show what ran, and how it ended",
         .about =
             "Lists the runs of this machine, newest first: backups, restores, checks, drills, "
             "prunes and copies, by hand or by the agent. Of one run, named by its id or the "
             "beginning of it, shows the parts, the steps, the warnings and the error.\n\n"
             "The history is in the state directory, not in a repository; it is not needed "
             "to restore. A run that was killed is shown as that.",
         .examples = "holdfast history nightly --since 7d\n"
                     "holdfast history --failed\n"
                     "holdfast history 4f21c0de",
         .options = BIT(HF_OPT_LIMIT) | BIT(HF_OPT_FAILED) | BIT(HF_OPT_SINCE),
         .max_operands = 1},
    [HF_COMMAND_VERSION] = {.name = "version",
                            .operands = "",
                            .summary = "Show the version",
                            .about = "Shows the version of the program and of the repository "
                                     "format it writes."},
    [HF_COMMAND_HELP] = {.name = "help",
                         .operands = "[COMMAND]",
                         .summary = "Show help for a command",
                         .about = "The same as COMMAND --help.",
                         .max_operands = 2},
};

const struct hf_command *hf_command(enum hf_command_id id)
{
    return &commands[id];
}
