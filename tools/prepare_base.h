/* prepare_base.h: what the parts of prepare share: options, reasons, growing text, files
   read as a whole, JSON, sets of hashes, lists of names.                       MIT-0

   Nothing that another process may write is mapped: a file that is cut short while it is
   read is an error, never a signal. */
#ifndef TANGO_PREPARE_BASE_H
#define TANGO_PREPARE_BASE_H

#if defined __linux__ && !defined _GNU_SOURCE
#define _GNU_SOURCE             /* sync_file_range */
#elif !defined _XOPEN_SOURCE
#define _XOPEN_SOURCE 700       /* POSIX 2008 with realpath, also under -std=c99 */
#define _DARWIN_C_SOURCE        /* there MAP_ANON too */
#endif
#include "../demo/cli.h"
#include <dirent.h>
#include <fcntl.h>
#include <math.h>
#include <pthread.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>
#define TANGO_PTHREADS
#define TANGO_IMPLEMENTATION
#include "../tango.h"
#include "../demo/clip.h"
#include "../demo/finish.h"
#include "../demo/save.h"

/* A plain `cc` build runs the loops of this program at full speed too. */
#if defined __GNUC__ && !defined __clang__ && !defined __OPTIMIZE_SIZE__
#pragma GCC optimize("O3")
#pragma GCC optimize("fp-contract=off")
#pragma GCC optimize("no-trapping-math")    /* comparisons in loops may become masks */
#elif defined __clang__
#pragma STDC FP_CONTRACT OFF
#endif

/* ---- Words ------------------------------------------------------------------------ */

typedef enum layout_kind { WAVCAPS, AUDIOCAPS, FOLDER } layout_kind;
static const char *const layout_names[] = { "wavcaps", "audiocaps", "folder", NULL };

typedef enum split_kind { TRAIN, VAL, TEST, SPLITS } split_kind;
static const char *const split_names[] = { "train", "val", "test", NULL };

/* Why a record is not in the set. From DUPLICATE on it does not count as a failure.
   VANISHED is an index that no record has any more, below that of a kept item. */
typedef enum reason_kind {
    NO_REASON, MISSING, UNREADABLE, SILENT, TOO_SHORT, BAD_ID, BAD_PATH, NO_CAPTION,
    BAD_RECORD, DUPLICATE, BLACKLISTED, EXCLUDED, VANISHED, REASONS
} reason_kind;
static const char *const reason_names[] = { "", "missing", "unreadable", "silent",
    "too_short", "bad_id", "bad_path", "no_caption", "bad_record", "duplicate",
    "blacklisted", "excluded", "vanished", NULL };

enum { LATENT_NPY = 1, LATENT_PT = 2 };

typedef struct settings {
    layout_kind layout;
    const char *input;          /* --audio_dir, --root_dir or --input_dir */
    const char *json_dir, *output, *model, **blacklists;
    size_t blacklist_count, shard, shards, threads;
    int sharded, dry_run, json;
    int prune;                  /* outputs that the input no longer has may go */
    int latents;                /* LATENT_NPY | LATENT_PT, or 0 */
    int frequency_first;        /* latents as (8, 16, T) instead of (8, T, 16) */
    tango_audio_recipe mel;
    tango_audio_channels channels;
    level_rule level;           /* LEVEL_FIT: that of the training script */
    int flac;                   /* bits of FLAC in original-audio; 0: WAV of 16 */
    double seconds, min_seconds, max_seconds;   /* the last two 0: no limit */
    size_t frames, cut;         /* mel frames T, samples of original-audio */
} settings;

/* SIGINT or SIGTERM, once it came. */
static volatile sig_atomic_t stop_signal;

/* Between pieces of work that leave nothing half written. */
static void stop_here(void)
{
    if (stop_signal) exit(128 + (int)stop_signal);
}

/* ---- Growing text ----------------------------------------------------------------- */

typedef struct text { char *data; size_t size, room; } text;

static void *need_memory(void *block)
{
    if (!block) cli_fail("out of memory");
    return block;
}

/* Room for `more` bytes and a NUL behind what is there. */
static void text_reserve(text *t, size_t more)
{
    size_t wanted, room = t->room ? t->room : 256;
    if (!tango_add_ok(t->size, more, &wanted) || !tango_add_ok(wanted, 1, &wanted))
        cli_fail("out of memory");
    while (room < wanted) room = room > SIZE_MAX / 2 ? wanted : room * 2;
    if (room == t->room) return;
    t->data = (char *)need_memory(realloc(t->data, room));
    t->room = room;
}

static void text_add(text *t, const void *bytes, size_t size)
{
    text_reserve(t, size);
    if (size) memcpy(t->data + t->size, bytes, size);
    t->size += size;
    t->data[t->size] = '\0';
}

static void text_put(text *t, const char *string) { text_add(t, string, strlen(string)); }

static void text_clear(text *t) { t->size = 0; text_reserve(t, 0); t->data[0] = '\0'; }

static void text_free(text *t) { free(t->data); memset(t, 0, sizeof *t); }

static void text_format(text *t, const char *format, ...)
{
    char part[512];
    va_list arguments;
    va_start(arguments, format);
    int n = vsnprintf(part, sizeof part, format, arguments);
    va_end(arguments);
    if (n < 0 || (size_t)n >= sizeof part) cli_fail("a text of %d bytes is too long", n);
    text_add(t, part, (size_t)n);
}

/* FOLDER/NAME; the caller frees the text. */
static text path_in(const char *folder, const char *name)
{
    text t = { NULL, 0, 0 };
    text_put(&t, folder);
    text_put(&t, "/");
    text_put(&t, name);
    return t;
}

/* Bytes of the UTF-8 character at p, 0 if it is malformed, overlong or a surrogate. */
static size_t utf8_size(const unsigned char *p, size_t left)
{
    static const unsigned char first[] = { 0, 0, 0xc2, 0xe0, 0xf0 };
    size_t n = p[0] < 0x80 ? 1 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
    if (n == 1) return 1;
    if (n > left || p[0] < first[n] || p[0] > 0xf4) return 0;
    for (size_t i = 1; i < n; i++) if ((p[i] & 0xc0) != 0x80) return 0;
    if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f)) return 0;
    if ((p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f)) return 0;
    return n;
}

static int utf8_valid(const char *bytes, size_t size)
{
    for (size_t at = 0, n; at < size; at += n) {
        n = utf8_size((const unsigned char *)bytes + at, size - at);
        if (n == 0) return 0;
    }
    return 1;
}

/* ---- Files ------------------------------------------------------------------------ */

/* Reads an open input to the end that it had when it was opened, and closes it. */
static tango_result load_input(text *t, tango_io_input *in, const char *path,
                               tango_error *error)
{
    tango_result r = TANGO_OK;
    text_clear(t);
    while (r == TANGO_OK && t->size < in->size) {
        const uint64_t left = in->size - t->size;
        size_t got = 0;
        stop_here();
        text_reserve(t, 65536);
        r = tango_io_input_read(in, t->data + t->size,
                                left < 65536 ? (size_t)left : 65536, &got, error);
        if (r != TANGO_OK || got == 0)
            r = tango_io_fail(error, TANGO_ERROR_FILE, "%s: reading failed at offset %z "
                              "of %u", path, t->size, in->size);
        t->size += got;
    }
    t->data[t->size] = '\0';
    tango_io_input_close(in);
    return r;
}

static tango_result load_file(text *t, const char *path, tango_error *error)
{
    tango_io_input in;
    /* Its "-" is standard input; here it is a file. */
    tango_result r = tango_io_input_open(&in, strcmp(path, "-") == 0 ? "./-" : path,
                                         error);
    return r == TANGO_OK ? load_input(t, &in, path, error) : r;
}

/* The same for a path below `root` that comes from a file's text. */
static tango_result load_below(text *t, const char *root, const char *path,
                               tango_error *error)
{
    tango_io_input in;
    tango_result r = tango_io_input_open_below(&in, root, path, error);
    return r == TANGO_OK ? load_input(t, &in, path, error) : r;
}

/* After a failure: what the disk does not tell is no answer, and a file that is there
   must not look lost. */
static void must_be_answer(const char *path)
{
    if (errno != ENOENT && errno != ENOTDIR) cli_fail("%s: %s", path, strerror(errno));
}

/* The next name in a folder. What cannot be read on is no end: it ends the program, so
   that no listing ever looks complete that is not. */
static const struct dirent *next_name(DIR *d, const char *folder)
{
    errno = 0;
    const struct dirent *e = readdir(d);
    if (!e && errno != 0) cli_fail("%s: cannot be listed: %s", folder, strerror(errno));
    return e;
}

/* ---- Small pieces of JSON --------------------------------------------------------- */

/* A document behind what is in `t`, of at most `most` bytes. */
static void json_start(tango_io_json_writer *w, text *t, size_t most)
{
    text_reserve(t, most);
    tango_io_json_begin(w, t->data + t->size, t->room - t->size);
}

static void json_finish(tango_io_json_writer *w, text *t)
{
    size_t n = tango_io_json_end(w);
    if (n == 0) cli_fail("a JSON text came out too long");
    t->size += n;
    t->data[t->size] = '\0';
}

static void json_member(tango_io_json_writer *w, const char *key, const char *value)
{
    tango_io_json_put_key(w, key);
    tango_io_json_put_string(w, value);
}

static void json_count(tango_io_json_writer *w, const char *key, size_t value)
{
    tango_io_json_put_key(w, key);
    tango_io_json_put_u64(w, value);
}

static void json_number(tango_io_json_writer *w, const char *key, double value)
{
    tango_io_json_put_key(w, key);
    tango_io_json_put_number(w, value);
}

/* Parses into `work`, which grows. */
static tango_result json_read(tango_io_json *json, text *work, const char *bytes,
                              size_t size, tango_error *error)
{
    size_t need = 0;
    tango_result r = tango_io_json_work_size(&need, bytes, size, error);
    if (r != TANGO_OK) return r;
    work->size = 0;
    text_reserve(work, need);
    return tango_io_json_parse(json, bytes, size, work->data, work->room, error);
}

/* ---- Sets of hashes --------------------------------------------------------------- */

/* Texts are told apart by 64 bits: among a million the chance of a false match is below
   one in ten million. */
static uint64_t hash_of(const void *bytes, size_t size)
{
    tango_io_checksum sum;
    tango_io_checksum_begin(&sum);
    tango_io_checksum_add(&sum, bytes, size);
    uint64_t h = tango_io_checksum_end(&sum);
    return h ? h : 1;
}

typedef struct hashes { uint64_t *slots; size_t count, room; } hashes; /* room: 2^n */

static size_t hashes_slot(const hashes *h, uint64_t value)
{
    size_t at = (size_t)value & (h->room - 1);
    while (h->slots[at] && h->slots[at] != value) at = (at + 1) & (h->room - 1);
    return at;
}

static int hashes_have(const hashes *h, uint64_t value)
{
    return h->room && h->slots[hashes_slot(h, value)];
}

/* 1 if the value is new. */
static int hashes_add(hashes *h, uint64_t value)
{
    if (h->count * 2 >= h->room) {
        hashes old = *h;
        h->room = old.room ? old.room * 2 : 1024;
        h->slots = (uint64_t *)need_memory(calloc(h->room, sizeof *h->slots));
        for (size_t i = 0; i < old.room; i++)
            if (old.slots[i]) h->slots[hashes_slot(h, old.slots[i])] = old.slots[i];
        free(old.slots);
    }
    size_t at = hashes_slot(h, value);
    if (h->slots[at]) return 0;
    h->slots[at] = value;
    h->count++;
    return 1;
}

static void hashes_free(hashes *h) { free(h->slots); memset(h, 0, sizeof *h); }

/* ---- Lists of names --------------------------------------------------------------- */

typedef struct names { text pool; size_t *at; size_t count, room; } names;

static const char *name_at(const names *n, size_t i) { return n->pool.data + n->at[i]; }

static void names_add(names *n, const char *name)
{
    if (n->count == n->room) {
        n->room = n->room ? n->room * 2 : 64;
        n->at = (size_t *)need_memory(realloc(n->at, n->room * sizeof *n->at));
    }
    n->at[n->count++] = n->pool.size;
    text_add(&n->pool, name, strlen(name) + 1);
}

static void names_free(names *n)
{
    text_free(&n->pool);
    free(n->at);
    memset(n, 0, sizeof *n);
}

/* Byte order, by merging: qsort has no place for the pool. `spare` has room for count. */
static void names_merge(const names *n, size_t *at, size_t *spare, size_t count)
{
    size_t half = count / 2, a = 0, b = half;
    if (count < 2) return;
    names_merge(n, at, spare, half);
    names_merge(n, at + half, spare, count - half);
    for (size_t i = 0; i < count; i++) {
        int left = b == count || (a < half && strcmp(n->pool.data + at[a],
                                                     n->pool.data + at[b]) <= 0);
        spare[i] = left ? at[a++] : at[b++];
    }
    memcpy(at, spare, count * sizeof *at);
}

static void names_sort(names *n)
{
    size_t *spare = (size_t *)need_memory(malloc((n->count + 1) * sizeof *spare));
    names_merge(n, n->at, spare, n->count);
    free(spare);
}

static int ends_with(const char *name, const char *suffix)
{
    size_t n = strlen(name), m = strlen(suffix);
    return n >= m && strcmp(name + n - m, suffix) == 0;
}

/* The names in `folder` that end with `suffix` and do not begin with a dot, sorted. */
static void names_in_folder(names *n, const char *folder, const char *suffix)
{
    DIR *d = opendir(folder);
    const struct dirent *e;
    if (!d) cli_fail("%s: no such folder, or it cannot be read", folder);
    while ((e = next_name(d, folder)) != NULL)
        if (e->d_name[0] != '.' && ends_with(e->d_name, suffix)) names_add(n, e->d_name);
    closedir(d);
    names_sort(n);
}

/* Bytes of a name without a final .wav or .flac. */
static size_t stem_size(const char *name)
{
    size_t n = strlen(name);
    return n - (ends_with(name, ".wav") ? 4 : ends_with(name, ".flac") ? 5 : 0);
}
#endif
