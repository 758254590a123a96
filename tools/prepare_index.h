/* prepare_index.h: from metadata to records. A record is 40 bytes that say where its text
   lies in a mapped file; the text itself is read again when it is needed, so memory grows
   by the record only.                                                          MIT-0 */
#ifndef TANGO_PREPARE_INDEX_H
#define TANGO_PREPARE_INDEX_H

#include "prepare_base.h"

typedef struct record {
    uint64_t at;                /* offset of its text in its source */
    uint32_t size;              /* bytes of it */
    uint16_t source;
    unsigned char split, reason; /* reason: known without opening the sound */
    uint64_t hash;              /* of all that the metadata says */
    uint64_t line;              /* offset of its line in that journal, plus 1; 0: none */
    uint32_t journal;
    uint32_t unused;
} record;

typedef enum source_kind { JSON_ITEMS, CSV_ROWS, PATHS } source_kind;

typedef struct source {
    source_kind kind;
    const char *path;           /* of the metadata, for messages; owned */
    tango_io_file file;
    tango_io_csv csv;           /* CSV_ROWS: the header */
    size_t columns[4];          /* audiocap_id, youtube_id, start_time, caption */
    split_kind split;
} source;

typedef struct database {
    const settings *s;
    source *sources;
    size_t source_count;
    record *records;
    size_t count, room;
    names paths;                /* PATHS: sound files without metadata */
    hashes blacklist;           /* of names without suffix */
    uint64_t fingerprint;       /* of all records */
} database;

enum { PLACES_MAX = 8 };

/* What a record says, read from its source. Strings lie in `room`. */
typedef struct entry {
    const char *id, *caption;   /* caption NULL: none */
    const char *name;           /* id without suffix, by which blacklists compare */
    char stem[256];             /* name of the outputs: name, or the index */
    const char *places[PLACES_MAX];     /* where the sound may be, below the input */
    size_t place_count;
    int id_ok;
    split_kind split;
    text room, work;
} entry;

static void entry_free(entry *e) { text_free(&e->room); text_free(&e->work); }

/* Space for `size` bytes that stays where it is: read_record reserved enough. */
static char *entry_space(entry *e, size_t size)
{
    char *p = e->room.data + e->room.size;
    if (size > e->room.room - e->room.size) cli_fail("a record does not fit its room");
    e->room.size += size;
    return p;
}

static const char *entry_join(entry *e, const char *a, size_t a_size, const char *b)
{
    char *p = entry_space(e, a_size + strlen(b) + 1);
    memcpy(p, a, a_size);
    strcpy(p + a_size, b);
    return p;
}

static void entry_place(entry *e, const char *base, const char *suffix)
{
    e->places[e->place_count++] = entry_join(e, base, strlen(base), suffix);
}

/* ---- Rules for names -------------------------------------------------------------- */

/* What may become the name of a file: A-Z a-z 0-9 . _ -, no leading dot. */
static int name_ok(const char *name)
{
    static const char good[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                               "0123456789._-";
    size_t n = strlen(name);
    return n > 0 && n <= 200 && name[0] != '.' && strspn(name, good) == n;
}

static int digits_ok(const char *s) { return *s && strspn(s, "0123456789") == strlen(s); }

/* The ids of a folder are not names of files, but they look like paths: none that could
   lead a reader elsewhere. */
static int path_id_ok(const char *id)
{
    size_t n = strlen(id);
    if (n == 0 || n > 4096 || *id == '/') return 0;
    for (const char *p = id; *p; p++) {
        unsigned char c = (unsigned char)*p;
        if (c < 32 || c == 127 || c == '\\') return 0;
        if ((p == id || p[-1] == '/') && p[0] == '.' && p[1] == '.'
            && (p[2] == '/' || p[2] == '\0')) return 0;
    }
    return 1;
}

/* ---- Reading one record ----------------------------------------------------------- */

/* Text of a JSON node (a whole number counts as text); NULL if it is none. */
static const char *json_text(entry *e, const tango_io_json *j, size_t node)
{
    uint64_t number;
    if (node == 0) return NULL;
    if (tango_io_json_type_of(j, node) == TANGO_IO_JSON_STRING) {
        size_t most = j->nodes[node].size + 1;
        char *p = entry_space(e, most);
        return tango_io_json_string(j, node, p, most) ? p : NULL;
    }
    if (!tango_io_json_u64(j, node, &number)) return NULL;
    char *p = entry_space(e, 24);
    snprintf(p, 24, "%llu", (unsigned long long)number);
    return p;
}

/* A caption, or the first of a list of them. */
static const char *json_caption(entry *e, const tango_io_json *j, const char *key)
{
    size_t node = tango_io_json_find(j, 0, key);
    if (node && tango_io_json_type_of(j, node) == TANGO_IO_JSON_ARRAY)
        node = tango_io_json_first(j, node);
    if (!node || tango_io_json_type_of(j, node) != TANGO_IO_JSON_STRING) return NULL;
    const char *caption = json_text(e, j, node);
    return caption && *caption ? caption : NULL;
}

static void read_wavcaps(entry *e, const tango_io_json *j)
{
    const char *id = json_text(e, j, tango_io_json_find(j, 0, "id"));
    e->id = id ? id : "";
    e->name = entry_join(e, e->id, stem_size(e->id), "");
    e->id_ok = name_ok(e->id) && name_ok(e->name);
    e->caption = json_caption(e, j, "caption");
    if (!e->caption) e->caption = json_caption(e, j, "caption_1");
    snprintf(e->stem, sizeof e->stem, "%.200s", e->name);
    if (strlen(e->name) != strlen(e->id)) entry_place(e, e->id, "");
    entry_place(e, e->name, ".wav");
    entry_place(e, e->name, ".flac");
}

/* The split named by a line of a folder; SPLITS if there is no such split. */
static split_kind split_named(const char *name)
{
    if (!name || strcmp(name, "train") == 0) return TRAIN;
    if (strcmp(name, "test") == 0) return TEST;
    return strcmp(name, "val") == 0 || strcmp(name, "valid") == 0
        || strcmp(name, "validation") == 0 || strcmp(name, "dev") == 0 ? VAL : SPLITS;
}

static void read_folder_line(entry *e, const tango_io_json *j)
{
    size_t at = tango_io_json_find(j, 0, "file"), id = tango_io_json_find(j, 0, "id");
    const char *place = json_text(e, j, at ? at : tango_io_json_find(j, 0, "location"));
    if (!place) place = "";
    e->id = id ? json_text(e, j, id) : entry_join(e, place, stem_size(place), "");
    if (!e->id) e->id = "";
    e->name = entry_join(e, e->id, stem_size(e->id), "");
    e->id_ok = !id || path_id_ok(e->id);    /* what comes from a path is judged as one */
    e->caption = json_caption(e, j, "caption");
    if (!e->caption) e->caption = json_caption(e, j, "captions");
    e->split = split_named(json_text(e, j, tango_io_json_find(j, 0, "split")));
    entry_place(e, place, "");
}

static void read_csv_row(entry *e, const source *from, const tango_io_csv_field *row)
{
    static const char *const suffix[] = { ".wav", ".flac" };
    const char *value[4], *base[4];
    for (size_t i = 0; i < 4; i++) {
        const tango_io_csv_field *f = &row[from->columns[i]];
        char *p = entry_space(e, f->size + 1);
        tango_io_csv_text(f, p, f->size + 1);
        value[i] = p;
    }
    e->id = e->name = value[0];
    e->id_ok = digits_ok(value[0]) && digits_ok(value[2]) && strlen(value[0]) <= 20
        && strlen(value[1]) == 11 && strlen(value[2]) <= 20
        && strspn(value[1], "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                            "0123456789_-") == 11;
    e->caption = *value[3] ? value[3] : NULL;
    e->split = from->split;
    if (!e->id_ok) return;
    const char *in = entry_join(e, split_names[e->split], strlen(split_names[e->split]),
                                "/");
    base[0] = entry_join(e, in, strlen(in), value[0]);
    base[2] = entry_join(e, in, strlen(in), value[1]);
    base[1] = entry_join(e, entry_join(e, base[2], strlen(base[2]), "_"),
                         strlen(base[2]) + 1, value[2]);
    base[3] = entry_join(e, entry_join(e, in, strlen(in), "Y"), strlen(in) + 1, value[1]);
    for (size_t i = 0; i < 8; i++) entry_place(e, base[i / 2], suffix[i % 2]);
}

/* A sound file without metadata: its caption stands in NAME.txt beside it. */
static void read_path(entry *e, const settings *s, const char *path)
{
    size_t n = strlen(path), stem = n - (ends_with(path, ".wav")
                                         || ends_with(path, ".WAV") ? 4 : 5);
    const char *beside = entry_join(e, path, stem, ".txt");
    tango_io_file file;
    e->id = e->name = entry_join(e, path, stem, "");
    e->id_ok = 1;
    entry_place(e, path, "");
    if (tango_io_map_below(&file, s->input, beside, NULL) != TANGO_OK) return;
    size_t size = file.size;
    if (size > 0 && file.data[size - 1] == '\n') size--;
    if (size < file.size && size > 0 && file.data[size - 1] == '\r') size--;
    if (size > 0 && size <= (1u << 20) && !memchr(file.data, 0, size)
        && utf8_valid((const char *)file.data, size)) {
        text_clear(&e->work);
        text_add(&e->work, file.data, size);
        e->caption = e->work.data;
    }
    tango_io_unmap(&file);
}

/* Reads record i; what the sources said when they were indexed still holds. */
static void read_record(const database *d, size_t i, entry *e)
{
    const record *r = &d->records[i];
    const source *from = &d->sources[r->source];
    const char *at = from->kind == PATHS ? d->paths.pool.data + r->at
                                         : (const char *)from->file.data + r->at;
    tango_error error;
    tango_io_json json;
    e->id = e->name = "";
    e->caption = NULL;
    e->place_count = 0;
    e->id_ok = 0;
    e->split = TRAIN;
    e->room.size = 0;
    text_reserve(&e->room, 24 * ((size_t)r->size + 64));
    if (d->s->layout != WAVCAPS) snprintf(e->stem, sizeof e->stem, "%06zu", i);
    if (from->kind == PATHS) {
        read_path(e, d->s, at);
    } else if (from->kind == CSV_ROWS) {
        tango_io_csv csv = from->csv;
        tango_io_csv_field row[TANGO_IO_CSV_COLUMNS_MAX];
        int more;
        csv.at = (size_t)r->at;             /* back to where the row began */
        if (tango_io_csv_next(&csv, row, &more, &error) != TANGO_OK || !more)
            cli_fail("%s: %s", from->path, error.text);
        read_csv_row(e, from, row);
    } else {
        if (json_read(&json, &e->work, at, r->size, &error) != TANGO_OK
            || tango_io_json_type_of(&json, 0) != TANGO_IO_JSON_OBJECT)
            cli_fail("%s: no proper object at offset %llu", from->path,
                     (unsigned long long)r->at);
        if (d->s->layout == WAVCAPS) read_wavcaps(e, &json);
        else read_folder_line(e, &json);
    }
}

/* ---- Sources ---------------------------------------------------------------------- */

static source *add_source(database *d, source_kind kind, const char *folder,
                          const char *name)
{
    tango_error error;
    if (d->source_count == 65535) cli_fail("%s: over 65535 metadata files", folder);
    d->sources = (source *)need_memory(
        realloc(d->sources, (d->source_count + 1) * sizeof *d->sources));
    source *s = &d->sources[d->source_count++];
    memset(s, 0, sizeof *s);
    s->kind = kind;
    if (kind == PATHS) return s;
    text path = { NULL, 0, 0 };
    text_put(&path, folder);
    text_put(&path, "/");
    text_put(&path, name);
    s->path = path.data;
    if (tango_io_map(&s->file, s->path, &error) != TANGO_OK) cli_fail("%s", error.text);
    return s;
}

static void add_record(database *d, size_t at, size_t size)
{
    if (d->count == d->room) {
        d->room = d->room ? d->room + d->room / 2 : 1024;
        d->records = (record *)need_memory(
            realloc(d->records, d->room * sizeof *d->records));
    }
    if (d->count == UINT32_MAX || size > UINT32_MAX / 32)
        cli_fail("%s: a record of %zu bytes is too long",
                 d->sources[d->source_count - 1].path, size);
    record *r = &d->records[d->count++];
    memset(r, 0, sizeof *r);
    r->at = at;
    r->size = (uint32_t)size;
    r->source = (uint16_t)(d->source_count - 1);
}

/* Equal keys of the outermost object; those further in are found record by record. */
static void check_keys(const source *s, size_t at)
{
    const char *p = (const char *)s->file.data;
    hashes seen = { NULL, 0, 0 };
    text work = { NULL, 0, 0 }, key = { NULL, 0, 0 };
    size_t begin, end;
    for (int value = 0; tango_io_json_item(&begin, &end, &at, p, s->file.size);
         value = !value) {
        tango_io_json json;
        tango_error error;
        if (value) continue;
        key.size = 0;
        text_reserve(&key, end - begin);
        if (json_read(&json, &work, p + begin, end - begin, &error) != TANGO_OK
            || !tango_io_json_string(&json, 0, key.data, key.room)) continue;
        if (!hashes_add(&seen, hash_of(key.data, strlen(key.data))))
            cli_fail("%s: a key stands twice (offset %zu)", s->path, begin);
    }
    hashes_free(&seen);
    text_free(&work);
    text_free(&key);
}

/* {"data": [{...}, ...]} or [{...}, ...] */
static void index_json(database *d, const char *name)
{
    source *s = add_source(d, JSON_ITEMS, d->s->json_dir, name);
    const char *p = (const char *)s->file.data;
    size_t size = s->file.size, need, begin = 0, end = size, item, cursor;
    tango_error error;
    if (tango_io_json_work_size(&need, p, size, &error) != TANGO_OK)
        cli_fail("%s: %s", s->path, error.text);
    while (p[begin] <= ' ') begin++;        /* the text is valid: there is something */
    if (p[begin] == '{') check_keys(s, begin);
    if (p[begin] != '[' && !tango_io_json_span(&begin, &end, p, size, "data"))
        cli_fail("%s: expected a list \"data\" of clips", s->path);
    if (p[begin] != '[') cli_fail("%s: \"data\" is no list (offset %zu)", s->path, begin);
    for (cursor = begin; tango_io_json_item(&item, &end, &cursor, p, size);)
        add_record(d, item, end - item);
}

/* One object a line. */
static void index_lines(database *d, const char *name)
{
    source *s = add_source(d, JSON_ITEMS, d->s->input, name);
    const char *p = (const char *)s->file.data;
    for (size_t at = 0, n; at < s->file.size; at += n + 1) {
        const char *end = (const char *)memchr(p + at, '\n', s->file.size - at);
        n = end ? (size_t)(end - (p + at)) : s->file.size - at;
        size_t blank = 0;
        while (blank < n && (p[at + blank] == ' ' || p[at + blank] == '\r'
                             || p[at + blank] == '\t')) blank++;
        if (blank < n) add_record(d, at, n);
    }
}

static int index_csv(database *d, split_kind which)
{
    static const char *const column[] = { "audiocap_id", "youtube_id", "start_time",
                                          "caption" };
    char name[16];
    tango_io_csv_field row[TANGO_IO_CSV_COLUMNS_MAX];
    tango_error error;
    struct stat info;
    text path = { NULL, 0, 0 };
    int more = 1;
    snprintf(name, sizeof name, "%s.csv", split_names[which]);
    text_put(&path, d->s->input);
    text_put(&path, "/");
    text_put(&path, name);
    int there = stat(path.data, &info) == 0;
    text_free(&path);
    if (!there) return 0;
    source *s = add_source(d, CSV_ROWS, d->s->input, name);
    s->split = which;
    if (tango_io_csv_open(&s->csv, s->file.data, s->file.size, &error) != TANGO_OK)
        cli_fail("%s: %s", s->path, error.text);
    for (size_t i = 0; i < 4; i++) {
        s->columns[i] = tango_io_csv_column(&s->csv, column[i]);
        if (s->columns[i] == SIZE_MAX)
            cli_fail("%s: no column %s (offset 0)", s->path, column[i]);
    }
    tango_io_csv csv = s->csv;
    while (more) {
        size_t at = csv.at;
        if (tango_io_csv_next(&csv, row, &more, &error) != TANGO_OK)
            cli_fail("%s: %s", s->path, error.text);
        if (more) add_record(d, at, csv.at - at);
    }
    return 1;
}

/* ---- A folder of sounds ----------------------------------------------------------- */

typedef struct walk {
    names *found;
    const hashes *listed;
    dev_t output_device;
    ino_t output_inode;
    int has_output;
} walk;

static int is_sound(const char *name)
{
    return ends_with(name, ".wav") || ends_with(name, ".flac") || ends_with(name, ".WAV")
        || ends_with(name, ".FLAC");
}

/* Follows no links into folders, and stays out of the output folder. */
static void walk_folder(walk *w, int fd, text *path, int depth)
{
    DIR *d = fdopendir(fd);
    const struct dirent *e;
    struct stat info;
    if (!d) cli_fail("%s: cannot be read", path->data);
    while ((e = readdir(d)) != NULL) {
        size_t before = path->size;
        if (e->d_name[0] == '.') continue;
        if (fstatat(dirfd(d), e->d_name, &info, AT_SYMLINK_NOFOLLOW) != 0) continue;
        text_put(path, before ? "/" : "");
        text_put(path, e->d_name);
        if (S_ISDIR(info.st_mode) && !(w->has_output && info.st_dev == w->output_device
                                       && info.st_ino == w->output_inode)) {
            if (depth == 64) cli_fail("%s: folders nested over 64 deep", path->data);
            int next = openat(dirfd(d), e->d_name,
                              O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
            if (next < 0) cli_fail("%s: cannot be read", path->data);
            walk_folder(w, next, path, depth + 1);
        } else if (!S_ISDIR(info.st_mode) && is_sound(e->d_name)
                   && !hashes_have(w->listed, hash_of(path->data, path->size))) {
            names_add(w->found, path->data);
        }
        path->size = before;
        path->data[before] = '\0';
    }
    closedir(d);
}

static void index_paths(database *d)
{
    hashes listed = { NULL, 0, 0 };
    entry e;
    memset(&e, 0, sizeof e);
    for (size_t i = 0; i < d->count; i++) {
        read_record(d, i, &e);
        hashes_add(&listed, hash_of(e.places[0], strlen(e.places[0])));
    }
    entry_free(&e);
    walk w = { &d->paths, &listed, 0, 0, 0 };
    struct stat info;
    if (stat(d->s->output, &info) == 0) {
        w.output_device = info.st_dev;
        w.output_inode = info.st_ino;
        w.has_output = 1;
    }
    text path = { NULL, 0, 0 };
    text_put(&path, "");
    int fd = open(d->s->input, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) cli_fail("%s: no such folder, or it cannot be read", d->s->input);
    walk_folder(&w, fd, &path, 0);
    text_free(&path);
    hashes_free(&listed);
    names_sort(&d->paths);
    add_source(d, PATHS, "", "");
    for (size_t i = 0; i < d->paths.count; i++)
        add_record(d, d->paths.at[i], strlen(name_at(&d->paths, i)));
}

/* ---- Blacklists ------------------------------------------------------------------- */

static void blacklist_name(database *d, const char *name)
{
    hashes_add(&d->blacklist, hash_of(name, stem_size(name)));
}

/* Every text in lists: ["a", ...] or {"FreeSound": ["a", ...], ...}; else one a line. */
static void read_blacklist(database *d, const char *path)
{
    tango_io_file file;
    tango_error error;
    tango_io_json json;
    text work = { NULL, 0, 0 }, name = { NULL, 0, 0 };
    if (tango_io_map(&file, path, &error) != TANGO_OK) cli_fail("%s", error.text);
    const char *p = (const char *)file.data;
    size_t first = 0;
    while (first < file.size && (unsigned char)p[first] <= ' ') first++;
    if (first < file.size && (p[first] == '[' || p[first] == '{')) {
        if (json_read(&json, &work, p, file.size, &error) != TANGO_OK)
            cli_fail("%s: %s", path, error.text);
        /* Keys are names of sources; taking them along does no harm. */
        for (size_t node = 1; node < json.count; node++) {
            uint64_t number;
            name.size = 0;
            text_reserve(&name, (size_t)json.nodes[node].size + 32);
            if (tango_io_json_u64(&json, node, &number))
                snprintf(name.data, name.room, "%llu", (unsigned long long)number);
            else if (!tango_io_json_string(&json, node, name.data, name.room)) continue;
            blacklist_name(d, name.data);
        }
    } else {
        for (size_t at = 0, n; at < file.size; at += n + 1) {
            const char *end = (const char *)memchr(p + at, '\n', file.size - at);
            size_t kept = n = end ? (size_t)(end - (p + at)) : file.size - at;
            if (kept && p[at + kept - 1] == '\r') kept--;
            name.size = 0;
            text_add(&name, p + at, kept);
            if (kept) blacklist_name(d, name.data);
        }
    }
    text_free(&work);
    text_free(&name);
    tango_io_unmap(&file);
}

/* ---- All of it -------------------------------------------------------------------- */

static void hash_text(tango_io_checksum *sum, const char *value)
{
    tango_io_checksum_add(sum, value ? value : "", value ? strlen(value) + 1 : 0);
    tango_io_checksum_add(sum, value ? "+" : "-", 1);
}

/* Reasons that need no sound, the hash of each record and of all. */
static void judge_records(database *d)
{
    hashes seen = { NULL, 0, 0 };
    tango_io_checksum all;
    entry e;
    memset(&e, 0, sizeof e);
    tango_io_checksum_begin(&all);
    for (size_t i = 0; i < d->count; i++) {
        record *r = &d->records[i];
        tango_io_checksum one;
        read_record(d, i, &e);
        if (e.split == SPLITS)
            cli_fail("%s: a split that is none of train, val, test at offset %llu",
                     d->sources[r->source].path, (unsigned long long)r->at);
        r->split = (unsigned char)e.split;
        text key = { NULL, 0, 0 };
        text_put(&key, d->s->layout == AUDIOCAPS ? split_names[e.split] : "");
        text_put(&key, d->s->layout == AUDIOCAPS ? "/" : "");
        text_put(&key, e.name);
        if (!e.id_ok) r->reason = BAD_ID;
        else if (!hashes_add(&seen, hash_of(key.data, key.size))) r->reason = DUPLICATE;
        else if (hashes_have(&d->blacklist, hash_of(e.name, strlen(e.name))))
            r->reason = BLACKLISTED;
        else if (!e.caption) r->reason = NO_CAPTION;
        text_free(&key);
        if (r->reason == DUPLICATE && d->s->layout == AUDIOCAPS)
            cli_fail("%s: audiocap_id %s stands twice (offset %llu)",
                     d->sources[r->source].path, e.id, (unsigned long long)r->at);
        tango_io_checksum_begin(&one);
        hash_text(&one, e.id);
        hash_text(&one, e.caption);
        hash_text(&one, split_names[e.split]);
        hash_text(&one, reason_names[r->reason]);
        for (size_t k = 0; k < e.place_count; k++) hash_text(&one, e.places[k]);
        r->hash = tango_io_checksum_end(&one);
        tango_io_checksum_add(&all, &r->hash, sizeof r->hash);
    }
    d->fingerprint = tango_io_checksum_end(&all);
    hashes_free(&seen);
    entry_free(&e);
}

static void build_database(database *d, const settings *s)
{
    names list;
    memset(&list, 0, sizeof list);
    memset(d, 0, sizeof *d);
    d->s = s;
    for (size_t i = 0; i < s->blacklist_count; i++) read_blacklist(d, s->blacklists[i]);
    if (s->layout == WAVCAPS) {
        names_in_folder(&list, s->json_dir, ".json");
        if (list.count == 0) cli_fail("%s: no *.json in it", s->json_dir);
        for (size_t i = 0; i < list.count; i++) index_json(d, name_at(&list, i));
    } else if (s->layout == AUDIOCAPS) {
        int found = 0;
        for (int i = 0; i < SPLITS; i++) found += index_csv(d, (split_kind)i);
        if (!found) cli_fail("%s: no train.csv, val.csv or test.csv in it", s->input);
    } else {
        names_in_folder(&list, s->input, ".jsonl");
        for (size_t i = 0; i < list.count; i++) index_lines(d, name_at(&list, i));
        index_paths(d);
    }
    names_free(&list);
    judge_records(d);
}

static void free_database(database *d)
{
    for (size_t i = 0; i < d->source_count; i++) {
        tango_io_unmap(&d->sources[i].file);
        free((void *)(uintptr_t)d->sources[i].path);
    }
    free(d->sources);
    free(d->records);
    names_free(&d->paths);
    hashes_free(&d->blacklist);
}
#endif
