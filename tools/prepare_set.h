/* prepare_set.h: the output folder: what lies where, the journal, the manifest.   MIT-0

   OUT/.prepare/set.json           what the set is: layout and parameters; a run with
                                   others stops before it changes anything
   OUT/.prepare/journal-I-of-N.jsonl   of shard I of N, append-only:
       {"total": 1303, "metadata": "...", "round": 1}    a generation: what records there
                                   are; metadata that replace others take a higher round
       {"begin": "000001"}         a name of which there may be outputs from now on
       {"index": 0, "hash": "...", "id": ..., "seconds": 3.0, "sizes": [...]}       done
       {"carried": 1}              the lines taken over from older metadata are all there
       {"index": 1, "hash": "...", "id": ..., "reason": "missing", "message": ...}
   OUT/.prepare/tmp-I-of-N/        files being written; emptied at the next start
   OUT/.prepare/lock               byte 0: set.json; byte 1 + 2^20 N + I: that shard; the
                                   system gives locks back when a process dies

   A line counts from the moment its line feed is written. It counts for a record if it
   belongs to the last generation, and if its hash is that of the record. To merge, only
   journals with the metadata of the highest round count. */
#ifndef TANGO_PREPARE_SET_H
#define TANGO_PREPARE_SET_H

#include "prepare_index.h"

/* ---- What lies where -------------------------------------------------------------- */

enum { OUT_CAPTION, OUT_MEL, OUT_IMAGE, OUT_LATENT, OUT_LATENT_PT, OUT_AUDIO, OUTPUTS };

static const char *const output_keys[OUTPUTS] = { "caption_file", "mel", "mel_image",
                                                  "latent", "latent", "audio" };

static int is_written(const settings *s, int output)
{
    if (output == OUT_MEL) return s->layout != WAVCAPS;
    if (output == OUT_LATENT) return (s->latents & LATENT_NPY) != 0;
    if (output == OUT_LATENT_PT) return (s->latents & LATENT_PT) != 0;
    return 1;
}

static const char *output_folder(layout_kind l, int output)
{
    static const char *const wavcaps[] = { "captions", "mel_spectrograms",
        "mel_spectrograms", "latent_vectors", "latent_vectors", "original_wavs" };
    static const char *const other[] = { "caption", "mel-spectrogram", "mel-spectrogram",
        "latent-vector", "latent-vector", "original-audio" };
    return (l == WAVCAPS ? wavcaps : other)[output];
}

/* FOLDER/STEM.SUFFIX below the output folder. `link` is the sound's own path: the suffix
   of a link in original_wavs. */
static void output_name(text *t, const settings *s, const char *stem, int output,
                        const char *link)
{
    static const char *const suffix[] = { ".txt", ".npy", ".png", ".npy", ".pt", ".wav" };
    const int flac = s->layout == WAVCAPS ? ends_with(link, ".flac") : s->flac != 0;
    text_put(t, output_folder(s->layout, output));
    text_put(t, "/");
    text_put(t, stem);
    text_put(t, flac && output == OUT_AUDIO ? ".flac" : suffix[output]);
}

/* ---- One line of a journal -------------------------------------------------------- */

typedef struct line {
    size_t index;
    uint64_t hash;
    const char *id, *caption, *message, *link, *stem;
    reason_kind reason;
    split_kind split;
    double seconds;
    uint64_t sizes[OUTPUTS];
    uint32_t size;              /* bytes in its journal, without the line feed */
    text room, work, bytes;
} line;

static void line_free(line *l)
{
    text_free(&l->room);
    text_free(&l->work);
    text_free(&l->bytes);
}

static void write_line(text *t, const line *l)
{
    tango_io_json_writer w;
    char hash[20];
    size_t most = 1024 + 6 * (strlen(l->id) + strlen(l->stem)
                              + (l->reason ? strlen(l->message)
                                           : strlen(l->caption) + strlen(l->link)));
    snprintf(hash, sizeof hash, "%016llx", (unsigned long long)l->hash);
    json_start(&w, t, most);
    tango_io_json_open_object(&w);
    json_count(&w, "index", l->index);
    json_member(&w, "hash", hash);
    json_member(&w, "id", l->id);
    json_member(&w, "split", split_names[l->split]);
    json_member(&w, "stem", l->stem);
    if (l->reason) {
        json_member(&w, "reason", reason_names[l->reason]);
        json_member(&w, "message", l->message);
    } else {
        json_member(&w, "caption", l->caption);
        json_number(&w, "seconds", l->seconds);
        json_member(&w, "link", l->link);
        tango_io_json_put_key(&w, "sizes");
        tango_io_json_open_array(&w);
        for (int i = 0; i < OUTPUTS; i++) tango_io_json_put_u64(&w, l->sizes[i]);
        tango_io_json_close(&w);
    }
    tango_io_json_close(&w);
    json_finish(&w, t);
    text_put(t, "\n");
}

static const char *line_text(line *l, const tango_io_json *j, const char *key)
{
    size_t node = tango_io_json_find(j, 0, key);
    if (!node) return NULL;
    size_t room = (size_t)j->nodes[node].size + 1;
    char *p = l->room.data + l->room.size;
    if (!tango_io_json_string(j, node, p, room)) return NULL;
    l->room.size += room;
    return p;
}

static size_t word_index(const char *word, const char *const *words, size_t otherwise)
{
    for (size_t i = 0; word && words[i]; i++) if (strcmp(word, words[i]) == 0) return i;
    return otherwise;
}

static int read_sizes(line *l, const tango_io_json *j)
{
    size_t list = tango_io_json_find(j, 0, "sizes"), item = tango_io_json_first(j, list);
    for (int i = 0; list && i < OUTPUTS; i++, item = tango_io_json_next(j, list, item))
        if (!item || !tango_io_json_u64(j, item, &l->sizes[i])) return 0;
    return list && !item;
}

/* 1 if the object says all that a line has to say. */
static int read_line(line *l, const tango_io_json *j, size_t size)
{
    uint64_t index;
    l->room.size = 0;
    text_reserve(&l->room, size + 16);
    const char *hash = line_text(l, j, "hash"), *why = line_text(l, j, "reason");
    const char *which = line_text(l, j, "split");
    if (!hash || strlen(hash) != 16
        || !tango_io_json_u64(j, tango_io_json_find(j, 0, "index"), &index)) return 0;
    l->index = (size_t)index;
    l->hash = strtoull(hash, NULL, 16);
    l->id = line_text(l, j, "id");
    l->stem = line_text(l, j, "stem");
    l->split = (split_kind)word_index(which, split_names, SPLITS);
    if (!l->id || !l->stem || l->split == SPLITS) return 0;
    l->reason = why ? (reason_kind)word_index(why, reason_names, REASONS) : NO_REASON;
    if (l->reason) {
        l->message = line_text(l, j, "message");
        return l->message && l->reason != REASONS;
    }
    l->caption = line_text(l, j, "caption");
    l->link = line_text(l, j, "link");
    return l->caption && l->link && read_sizes(l, j)
        && tango_io_json_number(j, tango_io_json_find(j, 0, "seconds"), &l->seconds);
}

/* ---- The set ---------------------------------------------------------------------- */

typedef struct journal {
    char name[64];
    int fd;                     /* -1: opened when it is needed */
    size_t size, whole;         /* up to the last line feed; of the file */
    size_t shard, shards, total;
    uint64_t fingerprint, round;    /* of the last generation */
    size_t generation, before;  /* offsets of the last header and of the one before */
    int carried;                /* lines of `before` are not needed any more */
} journal;

typedef struct set {
    const settings *s;
    text parameters;            /* the JSON object of the manifest */
    text description;           /* set.json */
    journal *journals;
    size_t journal_count;
    int lock, out;              /* descriptors; out: own journal */
    char own[64], temporary[64];    /* names below .prepare */
    size_t written;             /* bytes of the own journal */
} set;

/* OUT/A or OUT/A/B; the caller frees the text. */
static text path_of(const settings *s, const char *a, const char *b)
{
    text t = { NULL, 0, 0 };
    text_put(&t, s->output);
    if (*a) text_put(&t, "/");
    text_put(&t, a);
    if (*b) text_put(&t, "/");
    text_put(&t, b);
    return t;
}

/* ---- Parameters ------------------------------------------------------------------- */

static void describe_parameters(text *t, const settings *s, double scale)
{
    const int torchaudio = s->mel == TANGO_AUDIO_TORCHAUDIO;
    tango_io_json_writer w;
    json_start(&w, t, 2048);
    tango_io_json_open_object(&w);
    json_count(&w, "sample_rate", 16000);
    json_number(&w, "seconds", s->seconds);
    json_count(&w, "frames", s->frames);
    json_count(&w, "n_fft", 1024);
    json_count(&w, "hop_length", 160);
    json_count(&w, "n_mels", 64);
    json_member(&w, "mel", torchaudio ? "torchaudio" : "tacotron");
    json_member(&w, "channels", s->channels == TANGO_AUDIO_MONO ? "mono" : "first");
    json_member(&w, "latents", s->latents == 0 ? "none" : s->latents == LATENT_NPY
                ? "npy" : s->latents == LATENT_PT ? "pt" : "both");
    json_member(&w, "latent_order", s->frequency_first ? "8,16,T" : "8,T,16");
    json_member(&w, "posterior", "mean");
    tango_io_json_put_key(&w, "scale_factor");
    if (s->latents) tango_io_json_put_number(&w, scale);
    else tango_io_json_put_null(&w);
    json_count(&w, "png_bits", 16);
    json_number(&w, "png_low", torchaudio ? -100.0 : log(1e-5));
    json_number(&w, "png_high", torchaudio ? 70.0 : 4.0);
    if (s->flac) json_count(&w, "flac", (uint64_t)s->flac);
    if (s->level.kind != LEVEL_FIT) json_member(&w, "level", level_names[s->level.kind]);
    if (level_measures(&s->level)) {
        json_number(&w, "level_target", s->level.target);
        json_number(&w, "limit", s->level.limit);
    }
    tango_io_json_close(&w);
    json_finish(&w, t);
}

static void describe_set(set *x, uint64_t model)
{
    tango_io_json_writer w;
    char hash[20];
    snprintf(hash, sizeof hash, "%016llx", (unsigned long long)model);
    text_put(&x->description, "{\"format\": \"tango-prepare\", \"version\": 1, "
                              "\"parameters\": ");
    text_add(&x->description, x->parameters.data, x->parameters.size);
    text_put(&x->description, ", \"more\": ");
    json_start(&w, &x->description, 512);
    tango_io_json_open_object(&w);
    json_member(&w, "layout", layout_names[x->s->layout]);
    json_member(&w, "model", hash);
    json_number(&w, "min_seconds", x->s->min_seconds);
    json_number(&w, "max_seconds", x->s->max_seconds);
    tango_io_json_close(&w);
    json_finish(&w, &x->description);
    text_put(&x->description, "}\n");
}

/* Names the first place where two descriptions differ. */
static void fail_other_parameters(const settings *s, const char *old, const char *now)
{
    size_t at = 0, start = 0, quotes = 0;
    while (old[at] && old[at] == now[at]) {
        if (old[at] == '"' && ++quotes % 2 == 1) start = at;
        at++;
    }
    while (start > 0 && old[start] != ',' && old[start] != '{') start--;
    size_t a = strcspn(old + start + 1, "}"), b = strcspn(now + start + 1, "}");
    cli_fail("%s: made with other parameters: there%.*s, now%.*s; nothing was changed",
             s->output, (int)(a < 60 ? a : 60), old + start + 1, (int)(b < 60 ? b : 60),
             now + start + 1);
}

/* 1 if the set has this description, 0 if it has none yet. */
static int compare_description(const set *x)
{
    text path = path_of(x->s, ".prepare", "set.json"), old = { NULL, 0, 0 };
    tango_error error;
    const int there = is_there(x->s->output, ".prepare/set.json");
    if (there && load_file(&old, path.data, &error) != TANGO_OK)
        cli_fail("%s", error.text);
    if (there && strcmp(old.data, x->description.data) != 0)
        fail_other_parameters(x->s, old.data, x->description.data);
    text_free(&old);
    text_free(&path);
    return there;
}

/* ---- Folders and locks ------------------------------------------------------------ */

static void make_folder(const char *path, int links)
{
    struct stat info;
    if (mkdir(path, 0755) != 0 && errno != EEXIST)
        cli_fail("%s: cannot be made: %s", path, strerror(errno));
    if ((links ? stat(path, &info) : lstat(path, &info)) != 0 || !S_ISDIR(info.st_mode))
        cli_fail("%s: expected a folder", path);
}

/* The folder and those above it. */
static void make_folders(const char *path)
{
    text t = { NULL, 0, 0 };
    text_put(&t, path);
    for (size_t i = 1; i < t.size; i++) {
        if (t.data[i] != '/') continue;
        t.data[i] = '\0';
        make_folder(t.data, 1);
        t.data[i] = '/';
    }
    make_folder(t.data, 1);
    text_free(&t);
}

/* Locks one byte for this process; 0 if another holds it. */
static int lock_byte(int fd, size_t byte, int wait)
{
    struct flock l;
    memset(&l, 0, sizeof l);
    l.l_type = F_WRLCK;
    l.l_whence = SEEK_SET;
    l.l_start = (off_t)byte;
    l.l_len = 1;
    while (fcntl(fd, wait ? F_SETLKW : F_SETLK, &l) != 0) {
        if (errno == EINTR && stop_signal) exit(128 + (int)stop_signal);
        if (errno == EINTR) continue;
        if (errno == EACCES || errno == EAGAIN) return 0;
        cli_fail("locking failed: %s", strerror(errno));
    }
    return 1;
}

static void unlock_byte(int fd, size_t byte)
{
    struct flock l;
    memset(&l, 0, sizeof l);
    l.l_type = F_UNLCK;
    l.l_whence = SEEK_SET;
    l.l_start = (off_t)byte;
    l.l_len = 1;
    fcntl(fd, F_SETLK, &l);
}

static size_t shard_byte(size_t shard, size_t shards)
{
    return 1 + ((size_t)1 << 20) * shards + shard;
}

/* 1 if some process works on the set. */
static int is_busy(int fd)
{
    struct flock l;
    memset(&l, 0, sizeof l);
    l.l_type = F_WRLCK;
    l.l_whence = SEEK_SET;
    l.l_start = 1;
    return fcntl(fd, F_GETLK, &l) == 0 && l.l_type != F_UNLCK;
}

static void open_lock(set *x)
{
    text path = path_of(x->s, ".prepare", "lock");
    x->lock = open(path.data, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (x->lock < 0) cli_fail("%s: %s", path.data, strerror(errno));
    text_free(&path);
}

/* Removes what a killed run left behind. */
static void empty_temporary(const set *x)
{
    text path = path_of(x->s, ".prepare", x->temporary);
    const struct dirent *e;
    DIR *d = opendir(path.data);
    if (!d) cli_fail("%s: cannot be read", path.data);
    while ((e = next_name(d, path.data)) != NULL)
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
            unlinkat(dirfd(d), e->d_name, 0);
    closedir(d);
    text_free(&path);
}

static void remove_temporary(const set *x)
{
    text path = path_of(x->s, ".prepare", x->temporary);
    empty_temporary(x);
    rmdir(path.data);
    text_free(&path);
}

/* ---- Whole small files ------------------------------------------------------------ */

/* Writes OUT/name unless it holds these bytes already. A link is replaced. */
static void write_whole(const set *x, const char *name, const text *bytes)
{
    text temporary = path_of(x->s, ".prepare", x->temporary);
    text path = path_of(x->s, name, "");
    tango_io_output out;
    text old = { NULL, 0, 0 };
    tango_error error;
    text_put(&temporary, "/whole");
    const int same = load_below(&old, x->s->output, name, NULL) == TANGO_OK
        && old.size == bytes->size && memcmp(old.data, bytes->data, old.size) == 0;
    text_free(&old);
    if (!same && (tango_io_create_by(&out, path.data, temporary.data, &error) != TANGO_OK
                  || tango_io_write(&out, bytes->data, bytes->size, &error) != TANGO_OK
                  || tango_io_commit(&out, &error) != TANGO_OK)) {
        tango_io_abandon(&out);
        cli_fail("%s", error.text);
    }
    text_free(&path);
    text_free(&temporary);
}

/* ---- Reading journals ------------------------------------------------------------- */

/* Called for each line of the last generation; `at` is the offset of the line. */
typedef void line_reader(void *user, journal *j, size_t number, line *l, size_t at);

static void fail_journal(const set *x, const journal *j, size_t at)
{
    cli_fail("%s/.prepare/%s: damaged at offset %zu", x->s->output, j->name, at);
}

static int open_journal(const set *x, const journal *j)
{
    text path = path_of(x->s, ".prepare", j->name);
    const int fd = open(path.data, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0) cli_fail("%s: %s", path.data, strerror(errno));
    text_free(&path);
    return fd;
}

/* out = bytes [from, to) of a journal. */
static void journal_bytes(const set *x, const journal *j, size_t from, size_t to,
                          text *out)
{
    const int fd = j->fd >= 0 ? j->fd : open_journal(x, j);
    text_clear(out);
    text_reserve(out, to - from);
    while (out->size < to - from) {
        const size_t left = to - from - out->size;
        ssize_t n = pread(fd, out->data + out->size, left < 1 << 26 ? left : 1 << 26,
                          (off_t)(from + out->size));
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) fail_journal(x, j, from + out->size);
        out->size += (size_t)n;
    }
    out->data[out->size] = '\0';
    if (fd != j->fd) close(fd);
}

/* A generation's header goes into *j. */
static void read_header(const set *x, journal *j, const tango_io_json *json, line *l,
                        size_t at)
{
    uint64_t total;
    const size_t round = tango_io_json_find(json, 0, "round");
    const char *hash = line_text(l, json, "metadata");
    if (!tango_io_json_u64(json, tango_io_json_find(json, 0, "total"), &total) || !hash
        || !round || !tango_io_json_u64(json, round, &j->round)) fail_journal(x, j, at);
    j->total = (size_t)total;
    j->fingerprint = strtoull(hash, NULL, 16);
    if (j->carried) j->before = j->generation;
    j->carried = 0;
    j->generation = at;
}

/* A pass over the whole lines in [from, to) of a journal: without a reader for what the
   headers say, with one for the lines of a generation. */
static void scan_journal(const set *x, journal *j, size_t number, size_t from, size_t to,
                         line *l, line_reader *reader, void *user)
{
    text all = { NULL, 0, 0 };
    tango_io_json json;
    tango_error error;
    journal_bytes(x, j, from, to, &all);
    for (size_t i = 0, n; i < all.size; i += n + 1) {
        const char *p = all.data + i;
        const char *end = (const char *)memchr(p, '\n', all.size - i);
        n = end ? (size_t)(end - p) : 0;
        if (!end || n > UINT32_MAX
            || json_read(&json, &l->work, p, n, &error) != TANGO_OK)
            fail_journal(x, j, from + i);
        l->room.size = 0;
        l->size = (uint32_t)n;
        text_reserve(&l->room, n + 16);
        if (tango_io_json_find(&json, 0, "carried")) {
            if (!reader) j->carried = 1;
        } else if (tango_io_json_find(&json, 0, "total")) {
            if (!reader) read_header(x, j, &json, l, from + i);
        } else if (reader && tango_io_json_find(&json, 0, "begin")) {
            l->index = SIZE_MAX;            /* of no record: it only counts as a name */
            l->reason = NO_REASON;
            l->stem = line_text(l, &json, "begin");
            if (!l->stem) fail_journal(x, j, from + i);
            reader(user, j, number, l, from + i);
        } else if (reader) {
            if (!read_line(l, &json, n)) fail_journal(x, j, from + i);
            reader(user, j, number, l, from + i);
        }
    }
    text_free(&all);
}

enum { JOURNALS_OPEN = 200 };

/* Its size, up to the last line feed. */
static void measure_journal(const set *x, journal *j)
{
    struct stat info;
    text tail = { NULL, 0, 0 };
    j->fd = open_journal(x, j);
    if (fstat(j->fd, &info) != 0 || !S_ISREG(info.st_mode)
        || (uint64_t)info.st_size > SIZE_MAX / 4) fail_journal(x, j, 0);
    for (j->size = j->whole = (size_t)info.st_size; j->size > 0; j->size -= tail.size) {
        const size_t from = j->size > 4096 ? j->size - 4096 : 0;
        journal_bytes(x, j, from, j->size, &tail);
        while (tail.size > 0 && tail.data[tail.size - 1] != '\n') tail.size--, j->size--;
        if (tail.size > 0) break;
    }
    text_free(&tail);
}

/* Opens every journal of the set and finds its last generation. */
static void open_journals(set *x, line *l)
{
    text folder = path_of(x->s, ".prepare", "");
    names list;
    memset(&list, 0, sizeof list);
    names_in_folder(&list, folder.data, ".jsonl");
    x->journals = (journal *)need_memory(calloc(list.count + 1, sizeof *x->journals));
    for (size_t i = 0; i < list.count; i++) {
        journal *j = &x->journals[x->journal_count];
        const char *name = name_at(&list, i);
        if (strlen(name) >= sizeof j->name
            || sscanf(name, "journal-%zu-of-%zu.jsonl", &j->shard, &j->shards) != 2)
            continue;
        strcpy(j->name, name);
        measure_journal(x, j);
        j->generation = j->before = SIZE_MAX;
        x->journal_count++;
        scan_journal(x, j, x->journal_count - 1, 0, j->size, l, NULL, NULL);
        if (x->journal_count <= JOURNALS_OPEN) continue;
        close(j->fd);
        j->fd = -1;
    }
    names_free(&list);
    text_free(&folder);
}

static void close_journals(set *x)
{
    for (size_t i = 0; i < x->journal_count; i++)
        if (x->journals[i].fd >= 0) close(x->journals[i].fd);
    free(x->journals);
    x->journals = NULL;
    x->journal_count = 0;
}

/* The bytes of the line that a record points to, without the line feed. */
static void line_bytes(const set *x, const record *r, text *out)
{
    const size_t at = (size_t)(r->line - 1);
    journal_bytes(x, &x->journals[r->journal], at, at + r->line_size, out);
}

/* Reads the line that a record points to. */
static void line_of(const set *x, const record *r, line *l)
{
    tango_io_json json;
    tango_error error;
    line_bytes(x, r, &l->bytes);
    if (json_read(&json, &l->work, l->bytes.data, l->bytes.size, &error) != TANGO_OK
        || !read_line(l, &json, l->bytes.size))
        fail_journal(x, &x->journals[r->journal], (size_t)(r->line - 1));
}

/* Whether these are the bytes of the line that a record points to. */
static int is_old_line(const set *x, const record *r, const text *now)
{
    text old = { NULL, 0, 0 };
    line_bytes(x, r, &old);
    const int same = old.size + 1 == now->size
        && memcmp(old.data, now->data, old.size) == 0;
    text_free(&old);
    return same;
}

/* 1 if every output of a finished clip is there with its size. */
static int outputs_whole(const settings *s, const line *l)
{
    int whole = 1;
    text name = { NULL, 0, 0 };
    for (int i = 0; i < OUTPUTS && whole; i++) {
        struct stat info;
        if (!is_written(s, i)) continue;
        text_clear(&name);
        text_put(&name, s->output);
        text_put(&name, "/");
        output_name(&name, s, l->stem, i, l->link);
        whole = lstat(name.data, &info) == 0;
        if (!whole) must_be_answer(name.data);
        if (whole && s->layout == WAVCAPS && i == OUT_AUDIO) {
            char target[TANGO_IO_PATH_MAX + 1];
            ssize_t n = S_ISLNK(info.st_mode)
                ? readlink(name.data, target, sizeof target) : 0;
            if (n < 0) must_be_answer(name.data);
            whole = n > 0 && (size_t)n == strlen(l->link)
                && memcmp(target, l->link, (size_t)n) == 0;
        } else if (whole) {
            whole = S_ISREG(info.st_mode) && (uint64_t)info.st_size == l->sizes[i];
        }
    }
    text_free(&name);
    return whole;
}

/* Whether the caption in the set is that of the line. It is the first file of a clip that
   is replaced: another one tells of a clip whose replacement was cut off. */
static int caption_is(const settings *s, const line *l)
{
    text name = { NULL, 0, 0 }, now = { NULL, 0, 0 };
    output_name(&name, s, l->stem, OUT_CAPTION, l->link);
    const int same = load_below(&now, s->output, name.data, NULL) == TANGO_OK
        && now.size == strlen(l->caption) && memcmp(now.data, l->caption, now.size) == 0;
    text_free(&now);
    text_free(&name);
    return same;
}

/* 2: finished and whole; 1: not in the set; 0: files of it are lost. */
static int line_rank(const settings *s, const line *l)
{
    if (l->reason) return 1;
    return name_ok(l->stem) && outputs_whole(s, l) ? 2 : 0;
}

/* The record takes this line. Of two journals none is the later one, so what is on
   the disk decides between their lines, and between equals the own journal. */
static void take_line(const set *x, record *r, size_t number, const line *l, size_t at)
{
    if (r->line && r->journal != number) {
        line other;
        memset(&other, 0, sizeof other);
        line_of(x, r, &other);
        const int was = line_rank(x->s, &other), now = line_rank(x->s, l);
        line_free(&other);
        if (now < was) return;
        if (now == was && strcmp(x->journals[r->journal].name, x->own) == 0) return;
    }
    r->line = at + 1;
    r->line_size = l->size;
    r->journal = (uint32_t)number;
}

/* A clip that is not in the set leaves nothing in it. */
static void remove_outputs(const settings *s, const char *stem)
{
    static const char *const links[] = { ".wav", ".flac" };
    text name = { NULL, 0, 0 };
    for (int i = 0; i <= OUTPUTS; i++) {
        text_clear(&name);
        text_put(&name, s->output);
        text_put(&name, "/");
        output_name(&name, s, stem, i < OUTPUTS ? i : OUT_AUDIO,
                    links[i == OUTPUTS]);
        unlink(name.data);
    }
    text_free(&name);
}

/* ---- Publication ------------------------------------------------------------------ */

/* Where an output waits until its block is on the disk. */
static text waiting_name(const set *x, size_t slot, int output)
{
    char last[40];
    text t = path_of(x->s, ".prepare", x->temporary);
    snprintf(last, sizeof last, "/%zu-%d", slot, output);
    text_put(&t, last);
    return t;
}

/* One pass over the files that wait: 1 starts their writing, where that can be asked for,
   2 waits for them. */
static int sync_pass(DIR *d, int pass)
{
    const struct dirent *e;
    int ok = 1;
    rewinddir(d);
    while (ok && (errno = 0, e = readdir(d)) != NULL) {
        struct stat info;
        if (fstatat(dirfd(d), e->d_name, &info, AT_SYMLINK_NOFOLLOW) != 0
            || !S_ISREG(info.st_mode)) continue;
        int file = openat(dirfd(d), e->d_name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
        ok = file >= 0;
#ifdef __linux__
        if (ok && pass == 1) sync_file_range(file, 0, 0, SYNC_FILE_RANGE_WRITE);
#endif
        if (ok && pass == 2) ok = fsync(file) == 0;
        if (file >= 0) close(file);
    }
    return ok && errno == 0;
}

/* Puts everything that waits on the disk. Files whose writing has begun share the commits
   of the file system's journal: together they take half the time. */
static int sync_waiting(const set *x)
{
    text folder = path_of(x->s, ".prepare", x->temporary);
    int fd = open(folder.data, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    text_free(&folder);
    if (!d) return 0;
    const int ok = sync_pass(d, 1) && sync_pass(d, 2);
    closedir(d);
    return ok;
}

/* Renames the outputs of one clip to where they belong. */
static int publish_clip(const set *x, size_t slot, const line *l)
{
    int ok = 1;
    for (int i = 0; i < OUTPUTS && ok; i++) {
        text name = { NULL, 0, 0 };
        if (!is_written(x->s, i)) continue;
        output_name(&name, x->s, l->stem, i, l->link);
        text from = waiting_name(x, slot, i), to = path_of(x->s, name.data, "");
        ok = rename(from.data, to.data) == 0;
        if (ok && x->s->layout == WAVCAPS && i == OUT_AUDIO) {
            /* The sound was found under its other suffix before. */
            text_clear(&to);
            text_clear(&name);
            output_name(&name, x->s, l->stem, i,
                        ends_with(l->link, ".flac") ? ".wav" : ".flac");
            text_put(&to, x->s->output);
            text_put(&to, "/");
            text_put(&to, name.data);
            unlink(to.data);
        }
        text_free(&name);
        text_free(&from);
        text_free(&to);
    }
    return ok;
}

/* The renames of a block, too. */
static int sync_folders(const set *x)
{
    int ok = 1;
    for (int i = 0; i < OUTPUTS; i++) {
        if (!is_written(x->s, i)) continue;
        text folder = path_of(x->s, output_folder(x->s->layout, i), "");
        ok = tango_io_sync_folder(folder.data, NULL) == TANGO_OK && ok;
        text_free(&folder);
    }
    return ok;
}

/* ---- The own journal -------------------------------------------------------------- */

/* Appends whole lines; after a failure the journal is as long as before. */
static int append_journal(set *x, const char *bytes, size_t size)
{
    for (size_t done = 0; done < size;) {
        ssize_t n = write(x->out, bytes + done, size - done);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) {
            int ignored = ftruncate(x->out, (off_t)x->written);
            (void)ignored;
            return 0;
        }
        done += (size_t)n;
    }
    x->written += size;
    return 1;
}

/* Opens it for appending, without a torn last line. */
static void open_own_journal(set *x)
{
    text path = path_of(x->s, ".prepare", x->own);
    size_t size = 0, there = 0;
    for (size_t i = 0; i < x->journal_count; i++) {
        if (strcmp(x->journals[i].name, x->own) != 0) continue;
        size = x->journals[i].size;
        there = x->journals[i].whole;
    }
    x->out = open(path.data, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW,
                  0644);
    if (x->out < 0 || (size < there && ftruncate(x->out, (off_t)size) != 0))
        cli_fail("%s: %s", path.data, strerror(errno));
    x->written = size;
    text_free(&path);
}

/* ---- The manifest ----------------------------------------------------------------- */

/* What is counted, for the summary and the exit status. */
typedef struct tally_counts {
    size_t total, written, kept, reasons[REASONS];
    size_t without_input;       /* of the whole set: items that the input no longer has */
} tally_counts;

static size_t tally_skipped(const tally_counts *t)
{
    size_t n = 0;
    for (int i = 1; i < DUPLICATE; i++) n += t->reasons[i];
    return n;
}

static size_t tally_excluded(const tally_counts *t)
{
    return t->reasons[BLACKLISTED] + t->reasons[EXCLUDED] + t->reasons[VANISHED];
}

static void write_item(text *t, const settings *s, const line *l)
{
    tango_io_json_writer w;
    text name = { NULL, 0, 0 };
    json_start(&w, t, 4096 + 6 * (strlen(l->id) + strlen(l->caption)
                                  + 8 * strlen(l->stem)));
    tango_io_json_open_object(&w);
    json_count(&w, "index", l->index);
    json_member(&w, "id", l->id);
    json_member(&w, "split", split_names[l->split]);
    json_member(&w, "caption", l->caption);
    json_count(&w, "frames", s->frames);
    json_number(&w, "seconds", l->seconds);
    for (int i = 0; i < OUTPUTS; i++) {
        if (!is_written(s, i) || (i == OUT_LATENT_PT && is_written(s, OUT_LATENT)))
            continue;
        text_clear(&name);
        output_name(&name, s, l->stem, i, l->link);
        json_member(&w, output_keys[i], name.data);
    }
    tango_io_json_close(&w);
    json_finish(&w, t);
    text_free(&name);
}

static void write_skip(text *t, const line *l)
{
    tango_io_json_writer w;
    json_start(&w, t, 512 + 6 * (strlen(l->id) + strlen(l->message)));
    tango_io_json_open_object(&w);
    json_count(&w, "index", l->index);
    json_member(&w, "id", l->id);
    json_member(&w, "reason", reason_names[l->reason]);
    json_member(&w, "message", l->message);
    tango_io_json_close(&w);
    json_finish(&w, t);
    text_put(t, "\n");
}

/* A file that is written in pieces beside the old one, and replaces it if it differs. */
typedef struct big_file {
    const set *x;
    const char *name;
    tango_io_output out;
    text buffer, before;
    tango_io_input old;
    int same;                   /* all bytes so far are those of the old file */
} big_file;

static void big_fail(const big_file *b, const tango_error *error)
{
    remove_temporary(b->x);
    cli_fail("%s", error->text);
}

static void big_begin(big_file *b, const set *x, const char *name)
{
    text temporary = path_of(x->s, ".prepare", x->temporary);
    text path = path_of(x->s, name, "");
    tango_error error;
    memset(b, 0, sizeof *b);
    text_put(&temporary, "/");
    text_put(&temporary, name);
    b->x = x;
    b->name = name;
    b->same = tango_io_input_open_below(&b->old, x->s->output, name, NULL) == TANGO_OK;
    if (tango_io_create_by(&b->out, path.data, temporary.data, &error) != TANGO_OK)
        big_fail(b, &error);
    text_free(&path);
    text_free(&temporary);
}

/* Whether the old file goes on with the bytes of the buffer. */
static int big_compare(big_file *b)
{
    size_t got = 1;
    text_clear(&b->before);
    text_reserve(&b->before, b->buffer.size);
    while (got > 0 && b->before.size < b->buffer.size) {
        if (tango_io_input_read(&b->old, b->before.data + b->before.size,
                                b->buffer.size - b->before.size, &got, NULL) != TANGO_OK)
            return 0;
        b->before.size += got;
    }
    return b->before.size == b->buffer.size
        && memcmp(b->before.data, b->buffer.data, b->buffer.size) == 0;
}

static void big_flush(big_file *b, size_t limit)
{
    tango_error error;
    if (b->buffer.size <= limit) return;
    if (stop_signal) {
        tango_io_abandon(&b->out);
        remove_temporary(b->x);
        stop_here();
    }
    if (b->same) b->same = big_compare(b);
    if (tango_io_write(&b->out, b->buffer.data, b->buffer.size, &error) != TANGO_OK)
        big_fail(b, &error);
    text_clear(&b->buffer);
}

static void big_end(big_file *b)
{
    tango_error error;
    big_flush(b, 0);
    if (b->same && b->out.at == b->old.size) tango_io_abandon(&b->out);
    else if (tango_io_commit(&b->out, &error) != TANGO_OK) big_fail(b, &error);
    tango_io_input_close(&b->old);
    text_free(&b->before);
    text_free(&b->buffer);
}

static void write_splits(big_file *b, const record *records, size_t total)
{
    text_put(&b->buffer, "\"split_indices\": {");
    for (int which = 0; which < SPLITS; which++) {
        const char *between = "";
        text_format(&b->buffer, "%s\"%s\": [", which ? ", " : "", split_names[which]);
        for (size_t i = 0; i < total; i++) {
            if (records[i].split != which) continue;
            if (records[i].reason) continue;
            text_format(&b->buffer, "%s%zu", between, i);
            between = ", ";
            big_flush(b, 65536);
        }
        text_put(&b->buffer, "]");
    }
    text_put(&b->buffer, "},\n");
}

/* dataset_info.json and skipped.jsonl from the journals: records need `line`, `reason`
   and `split` only. */
static void write_manifest(const set *x, const record *records, size_t total,
                           const tally_counts *t)
{
    big_file info, skipped;
    line l;
    const char *between = "";
    memset(&l, 0, sizeof l);
    big_begin(&skipped, x, "skipped.jsonl");
    big_begin(&info, x, "dataset_info.json");
    text_format(&info.buffer, "{\"format\": \"tango-dataset\", \"version\": 1,\n"
                "\"layout\": \"%s\", \"total\": %zu,\n\"parameters\": ",
                layout_names[x->s->layout], total);
    text_add(&info.buffer, x->parameters.data, x->parameters.size);
    text_put(&info.buffer, ",\n");
    write_splits(&info, records, total);
    text_put(&info.buffer, "\"skipped\": {");
    for (int i = 1; i < REASONS; i++) {
        if (t->reasons[i] == 0) continue;
        text_format(&info.buffer, "%s\"%s\": %zu", between, reason_names[i],
                    t->reasons[i]);
        between = ", ";
    }
    text_put(&info.buffer, "},\n\"items\": [");
    between = "\n";
    for (size_t i = 0; i < total; i++) {
        line_of(x, &records[i], &l);
        if (l.reason) {
            write_skip(&skipped.buffer, &l);
        } else {
            text_put(&info.buffer, between);
            write_item(&info.buffer, x->s, &l);
            between = ",\n";
        }
        big_flush(&skipped, 65536);
        big_flush(&info, 65536);
    }
    text_put(&info.buffer, "\n]}\n");
    big_end(&skipped);
    big_end(&info);
    line_free(&l);
}
#endif
