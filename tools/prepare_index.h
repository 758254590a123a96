/* prepare_index.h: from metadata to records. A record is 40 bytes, and in one pool the
   text that its clip needs: id, caption, where the sound may lie. The metadata itself is
   read once and forgotten, so it may change while the clips are worked on.     MIT-0 */
#ifndef TANGO_PREPARE_INDEX_H
#define TANGO_PREPARE_INDEX_H

#include "prepare_base.h"

typedef struct record {
    uint64_t at;                /* offset of its text in the pool */
    uint64_t hash;              /* of all that the metadata says */
    uint64_t line;              /* offset of its line in that journal, plus 1; 0: none */
    uint32_t line_size, journal;
    unsigned char split, reason; /* reason: known without opening the sound */
    unsigned char kept;         /* an item of the set that the input no longer has */
} record;

typedef struct database {
    const settings *s;
    text pool;
    record *records;
    size_t count, room;
    size_t kept;                /* records of that kind */
    names files;                /* of metadata, as they were opened */
    hashes seen, here;          /* names so far; names that the input really has */
    hashes listed;              /* sounds that a line of a folder names */
    hashes blacklist;           /* of names without suffix */
    uint64_t fingerprint;       /* of all records */
} database;

enum { PLACES_MAX = 8, ITEM_MAX = 1 << 24 };

/* What a record says. While it is read from its source the strings lie in `room`, later
   in the pool. */
typedef struct entry {
    const char *id, *caption;   /* caption NULL: none */
    const char *name;           /* id without suffix */
    const char *message;        /* of a record that is not whole */
    char stem[256];             /* name of the outputs: name, or the index */
    const char *places[PLACES_MAX];     /* where the sound may be, below the input */
    size_t place_count;
    int id_ok;
    split_kind split;
    text room, work;
} entry;

static void entry_free(entry *e) { text_free(&e->room); text_free(&e->work); }

/* Nothing yet, with room for what is made of `size` bytes of text. */
static void entry_begin(entry *e, size_t size)
{
    e->id = e->name = "";
    e->caption = NULL;
    e->place_count = 0;
    e->id_ok = 0;
    e->split = TRAIN;
    e->room.size = 0;
    text_reserve(&e->room, 24 * (size + 64));
}

/* Space for `size` bytes that stays where it is: entry_begin reserved enough. */
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
    static const char *const file[] = { "file", "location", "file_name", NULL };
    static const char *const caption[] = { "caption", "captions", "text", NULL };
    const size_t id = tango_io_json_find(j, 0, "id");
    size_t at = 0;
    for (int i = 0; file[i] && !at; i++) at = tango_io_json_find(j, 0, file[i]);
    const char *place = json_text(e, j, at);
    if (!place) place = "";
    e->id = id ? json_text(e, j, id) : entry_join(e, place, stem_size(place), "");
    if (!e->id) e->id = "";
    e->name = entry_join(e, e->id, stem_size(e->id), "");
    e->id_ok = !id || path_id_ok(e->id);    /* what comes from a path is judged as one */
    for (int i = 0; caption[i] && !e->caption; i++)
        e->caption = json_caption(e, j, caption[i]);
    e->split = split_named(json_text(e, j, tango_io_json_find(j, 0, "split")));
    entry_place(e, place, "");
}

static void read_csv_row(entry *e, split_kind split, const size_t *columns,
                         const tango_io_csv_field *row)
{
    static const char *const suffix[] = { ".wav", ".flac" };
    const char *value[4], *base[4];
    for (size_t i = 0; i < 4; i++) {
        const tango_io_csv_field *f = &row[columns[i]];
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
    e->split = split;
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

/* A file that is there but cannot be opened is no file less. */
static void check_no_file(const settings *s, const char *name)
{
    struct stat info;
    text path = path_in(s->input, name);
    if (lstat(path.data, &info) != 0) must_be_answer(path.data);
    else if (S_ISREG(info.st_mode)) cli_fail("%s: cannot be read", path.data);
    text_free(&path);
}

/* A sound file without metadata: its caption stands in NAME.txt beside it. */
static void read_path(entry *e, const settings *s, const char *path)
{
    size_t n = strlen(path), stem = n - (ends_with(path, ".wav")
                                         || ends_with(path, ".WAV") ? 4 : 5);
    const char *beside = entry_join(e, path, stem, ".txt");
    tango_io_input in;
    text *t = &e->work;
    e->id = e->name = entry_join(e, path, stem, "");
    e->id_ok = 1;
    entry_place(e, path, "");
    tango_error error;
    if (tango_io_input_open_below(&in, s->input, beside, NULL) != TANGO_OK) {
        check_no_file(s, beside);
        return;
    }
    if (in.size > (1u << 20) + 2) { tango_io_input_close(&in); return; }
    if (load_input(t, &in, beside, &error) != TANGO_OK) cli_fail("%s", error.text);
    const size_t all = t->size;
    if (t->size > 0 && t->data[t->size - 1] == '\n') t->size--;
    if (t->size < all && t->size > 0 && t->data[t->size - 1] == '\r') t->size--;
    t->data[t->size] = '\0';
    if (t->size > 0 && t->size <= (1u << 20) && !memchr(t->data, 0, t->size)
        && utf8_valid(t->data, t->size)) e->caption = t->data;
}

/* ---- Records ---------------------------------------------------------------------- */

static void hash_text(tango_io_checksum *sum, const char *value)
{
    tango_io_checksum_add(sum, value ? value : "", value ? strlen(value) + 1 : 0);
    tango_io_checksum_add(sum, value ? "+" : "-", 1);
}

/* What makes two records the same item: the id without suffix, in audiocaps within its
   file. */
static uint64_t key_of(layout_kind layout, split_kind split, const char *id)
{
    tango_io_checksum sum;
    tango_io_checksum_begin(&sum);
    if (layout == AUDIOCAPS) hash_text(&sum, split_names[split]);
    tango_io_checksum_add(&sum, id, stem_size(id));
    uint64_t key = tango_io_checksum_end(&sum);
    return key ? key : 1;
}

/* The name of a record's outputs: in wavcaps its id without suffix. */
static void name_outputs(char *stem, size_t room, layout_kind layout, const char *id,
                         size_t index)
{
    const size_t n = stem_size(id);
    if (layout != WAVCAPS) snprintf(stem, room, "%06zu", index);
    else snprintf(stem, room, "%.*s", n < 200 ? (int)n : 200, id);
}

/* Text of a record: id, caption or message, number of places, places. */
static void store_text(database *d, const entry *e, const char *caption)
{
    const char count = (char)('0' + e->place_count);
    text_add(&d->pool, e->id, strlen(e->id) + 1);
    text_add(&d->pool, caption ? caption : "", (caption ? strlen(caption) : 0) + 1);
    text_add(&d->pool, &count, 1);
    for (size_t i = 0; i < e->place_count; i++)
        text_add(&d->pool, e->places[i], strlen(e->places[i]) + 1);
}

static record *new_record(database *d)
{
    if (d->count == d->room) {
        d->room = d->room ? d->room + d->room / 2 : 1024;
        d->records = (record *)need_memory(
            realloc(d->records, d->room * sizeof *d->records));
    }
    if (d->count == UINT32_MAX) cli_fail("%s: too many records", d->s->input);
    record *r = &d->records[d->count++];
    memset(r, 0, sizeof *r);
    r->at = d->pool.size;
    return r;
}

/* The reason that needs no sound. */
static reason_kind judge(database *d, const entry *e, uint64_t key)
{
    if (!e->id_ok) return BAD_ID;
    if (!hashes_add(&d->seen, key)) return DUPLICATE;
    if (hashes_have(&d->blacklist, hash_of(e->name, strlen(e->name))))
        return BLACKLISTED;
    return e->caption ? NO_REASON : NO_CAPTION;
}

static void add_record(database *d, const entry *e, reason_kind reason)
{
    record *r = new_record(d);
    const char *caption = reason == BAD_RECORD ? e->message : e->caption;
    tango_io_checksum sum;
    stop_here();
    r->split = (unsigned char)e->split;
    r->reason = (unsigned char)reason;
    if (reason == NO_REASON || reason == BLACKLISTED)
        hashes_add(&d->here, key_of(d->s->layout, e->split, e->id));
    tango_io_checksum_begin(&sum);
    hash_text(&sum, e->id);
    hash_text(&sum, caption);
    hash_text(&sum, split_names[e->split]);
    hash_text(&sum, reason_names[reason]);
    for (size_t k = 0; k < e->place_count; k++) hash_text(&sum, e->places[k]);
    r->hash = tango_io_checksum_end(&sum);
    store_text(d, e, caption);
}

/* A record that cannot be used as it stands; the message names file and place. */
static void add_bad(database *d, entry *e, const char *file, const char *unit,
                    size_t number, size_t offset, const char *what)
{
    char message[512];
    snprintf(message, sizeof message, "%.250s: %s %zu (offset %zu): %.159s", file, unit,
             number, offset, what);
    e->message = message;
    e->place_count = 0;
    if (e->split == SPLITS) e->split = TRAIN;
    add_record(d, e, BAD_RECORD);
}

/* Where record i lies in the pool. */
static const char *text_of(const database *d, size_t i)
{
    return d->pool.data + d->records[i].at;
}

static uint64_t record_key(const database *d, size_t i)
{
    return key_of(d->s->layout, (split_kind)d->records[i].split, text_of(d, i));
}

/* Reads record i from the pool. */
static void read_record(const database *d, size_t i, entry *e)
{
    const char *p = text_of(d, i);
    e->split = (split_kind)d->records[i].split;
    e->id = p;
    p += strlen(p) + 1;
    e->message = p;
    e->caption = *p ? p : NULL;
    p += strlen(p) + 1;
    e->place_count = (size_t)(*p++ - '0');
    for (size_t k = 0; k < e->place_count; k++, p += strlen(p) + 1) e->places[k] = p;
    name_outputs(e->stem, sizeof e->stem, d->s->layout, e->id, i);
}

static void set_fingerprint(database *d)
{
    tango_io_checksum all;
    tango_io_checksum_begin(&all);
    for (size_t i = 0; i < d->count; i++)
        tango_io_checksum_add(&all, &d->records[i].hash, sizeof d->records[i].hash);
    d->fingerprint = tango_io_checksum_end(&all);
}

/* ---- Sources ---------------------------------------------------------------------- */

/* A metadata file, without its byte order mark. */
static text load_source(database *d, const char *folder, const char *name)
{
    text path = path_in(folder, name), file = { NULL, 0, 0 };
    tango_error error;
    if (load_file(&file, path.data, &error) != TANGO_OK) cli_fail("%s", error.text);
    names_add(&d->files, path.data);
    text_free(&path);
    return file;
}

/* One object of a list or line: a record, whatever is wrong with it. */
static void add_object(database *d, entry *e, const char *at, size_t size,
                       const char *file, const char *unit, size_t number, size_t offset)
{
    tango_io_json json;
    tango_error error;
    const char *what = NULL;
    entry_begin(e, size < ITEM_MAX ? size : 0);
    if (size >= ITEM_MAX) what = "over 16 MiB";
    else if (json_read(&json, &e->work, at, size, &error) != TANGO_OK) what = error.text;
    else if (tango_io_json_type_of(&json, 0) != TANGO_IO_JSON_OBJECT) what = "no object";
    else if (d->s->layout == WAVCAPS) read_wavcaps(e, &json);
    else read_folder_line(e, &json);
    if (e->split == SPLITS) what = "a split that is none of train, val, test";
    if (what) {
        add_bad(d, e, file, unit, number, offset, what);
        return;
    }
    if (d->s->layout == FOLDER)
        hashes_add(&d->listed, hash_of(e->places[0], strlen(e->places[0])));
    add_record(d, e, judge(d, e, key_of(d->s->layout, e->split, e->id)));
}

/* Equal keys of the outermost object; those further in are found record by record. */
static void check_keys(const char *path, const char *p, size_t size, size_t at)
{
    hashes seen = { NULL, 0, 0 };
    text work = { NULL, 0, 0 }, key = { NULL, 0, 0 };
    size_t begin, end;
    for (int value = 0; tango_io_json_item(&begin, &end, &at, p, size); value = !value) {
        tango_io_json json;
        tango_error error;
        if (value) continue;
        key.size = 0;
        text_reserve(&key, end - begin);
        if (json_read(&json, &work, p + begin, end - begin, &error) != TANGO_OK
            || !tango_io_json_string(&json, 0, key.data, key.room)) continue;
        if (!hashes_add(&seen, hash_of(key.data, strlen(key.data))))
            cli_fail("%s: a key stands twice (offset %zu)", path, begin);
    }
    hashes_free(&seen);
    text_free(&work);
    text_free(&key);
}

/* 1 if the text is JSON but for what stands inside the items of the list at `list`: with
   0 for each of them it is. Then the damage is that of single records. */
static int is_whole_around(const char *p, size_t size, size_t list)
{
    text outline = { NULL, 0, 0 };
    size_t begin, end = 0, cursor = list, need;
    size_t last = 0;
    for (; tango_io_json_item(&begin, &end, &cursor, p, size); last = end) {
        text_add(&outline, p + last, begin - last);
        text_put(&outline, "0");
    }
    text_add(&outline, p + end, size - end);
    const int whole = tango_io_json_work_size(&need, outline.data, outline.size, NULL)
        == TANGO_OK;
    text_free(&outline);
    return whole;
}

/* {"data": [{...}, ...]} or [{...}, ...] */
static void index_json(database *d, entry *e, const char *name)
{
    text file = load_source(d, d->s->json_dir, name);
    const char *p = file.data, *path = name_at(&d->files, d->files.count - 1);
    size_t need, begin = 0, end, item, number = 0, list;
    tango_error error;
    const int valid = tango_io_json_work_size(&need, p, file.size, &error) == TANGO_OK;
    if (file.size >= 3 && memcmp(p, "\xef\xbb\xbf", 3) == 0) begin = 3;
    while (begin < file.size && (unsigned char)p[begin] <= ' ') begin++;
    list = begin;
    if (p[begin] != '[' && !tango_io_json_span(&list, &end, p, file.size, "data")) {
        if (!valid) cli_fail("%s: %s", path, error.text);
        cli_fail("%s: expected a list \"data\" of clips", path);
    }
    if (!valid && (p[list] != '[' || !is_whole_around(p, file.size, list)))
        cli_fail("%s: %s", path, error.text);
    if (p[begin] == '{') check_keys(path, p, file.size, begin);
    if (p[list] != '[') cli_fail("%s: \"data\" is no list (offset %zu)", path, list);
    for (size_t cursor = list; tango_io_json_item(&item, &end, &cursor, p, file.size);)
        add_object(d, e, p + item, end - item, name, "item", ++number, item);
    text_free(&file);
}

/* One object a line. */
static void index_lines(database *d, entry *e, const char *name)
{
    text file = load_source(d, d->s->input, name);
    const char *p = file.data;
    size_t number = 0;
    for (size_t at = 0, n; at < file.size; at += n + 1) {
        const char *end = (const char *)memchr(p + at, '\n', file.size - at);
        n = end ? (size_t)(end - (p + at)) : file.size - at;
        number++;
        if (strspn(p + at, " \t\r") < n)
            add_object(d, e, p + at, n, name, "line", number, at);
    }
    text_free(&file);
}

/* 1 if there is such a file. What cannot be asked is no answer. */
static int is_there(const char *folder, const char *name)
{
    struct stat info;
    text path = path_in(folder, name);
    const int there = stat(path.data, &info) == 0;
    if (!there) must_be_answer(path.data);
    text_free(&path);
    return there;
}

/* A second row of one number contradicts the first: it is no duplicate that two lists
   may share. */
/* A row that is whole so far: a row behind it may be the rest of its caption. */
typedef struct held_row {
    tango_io_csv_field fields[TANGO_IO_CSV_COLUMNS_MAX];
    size_t columns[4], number;      /* number: 0 if there is no row */
    int cut;
} held_row;

static void add_row(database *d, entry *e, split_kind split, held_row *held,
                    const char *file)
{
    const tango_io_csv_field *row = held->fields;
    const char *wrong = held->cut ? "its caption goes on in the next line, without quotes"
                                  : NULL;
    size_t size = 0;
    if (held->number == 0) return;
    for (size_t i = 0; i < 4; i++) size += row[held->columns[i]].size;
    entry_begin(e, size);
    read_csv_row(e, split, held->columns, row);
    const uint64_t key = key_of(AUDIOCAPS, split, e->id);
    if (!wrong && e->id_ok && hashes_have(&d->seen, key))
        wrong = "an earlier row has this audiocap_id";
    if (wrong) add_bad(d, e, file, "row", held->number, row[0].offset, wrong);
    else add_record(d, e, judge(d, e, key));
    held->number = 0;
    held->cut = 0;
}

/* Whether the broken row at `at` may be the rest of the caption of the row before it:
   there rows end, and this one does not begin as they do, with a number. */
static int goes_on(const tango_io_csv *csv, const held_row *held, const text *file,
                   size_t at)
{
    const char *p = file->data + at + strspn(file->data + at, "\r\n");
    const size_t quote = *p == '"', digits = strspn(p + quote, "0123456789");
    if (held->number == 0 || held->columns[0] != 0
        || held->columns[3] + 1 != csv->columns) return 0;
    return digits == 0 || p[quote + digits + quote] != ',';
}

static int index_csv(database *d, entry *e, split_kind which)
{
    static const char *const column[] = { "audiocap_id", "youtube_id", "start_time",
                                          "caption" };
    char name[16];
    tango_io_csv_field row[TANGO_IO_CSV_COLUMNS_MAX];
    held_row held;
    tango_io_csv csv;
    tango_error error;
    size_t number = 0;
    int more;
    snprintf(name, sizeof name, "%s.csv", split_names[which]);
    if (!is_there(d->s->input, name)) return 0;
    text file = load_source(d, d->s->input, name);
    if (tango_io_csv_open(&csv, file.data, file.size, &error) != TANGO_OK)
        cli_fail("%s/%s: %s", d->s->input, name, error.text);
    csv.wanted = 0;
    held.number = 0;
    held.cut = 0;
    for (size_t i = 0; i < 4; i++) {
        held.columns[i] = tango_io_csv_column(&csv, column[i]);
        if (held.columns[i] == SIZE_MAX)
            cli_fail("%s/%s: no column %s (offset 0)", d->s->input, name, column[i]);
        csv.wanted |= (uint64_t)1 << held.columns[i];
    }
    do {
        const size_t at = csv.at;
        const int ok = tango_io_csv_next(&csv, row, &more, &error) == TANGO_OK;
        if (!ok && goes_on(&csv, &held, &file, at)) {
            held.cut = 1;
            continue;
        }
        add_row(d, e, which, &held, name);
        number++;
        if (!ok) {
            entry_begin(e, 0);
            e->split = which;
            add_bad(d, e, name, "row", number, at, error.text);
        } else if (more) {
            memcpy(held.fields, row, csv.columns * sizeof *row);
            held.number = number;
        }
    } while (more);
    text_free(&file);
    return 1;
}

/* ---- A folder of sounds ----------------------------------------------------------- */

typedef struct walk {
    const settings *s;
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

/* What a name in an open folder is; 0 if it is not there any more. To remove outputs
   because of that would trust a listing that was not of one moment. */
static int look_at(DIR *d, const char *name, const char *path, int prune,
                   struct stat *info)
{
    if (fstatat(dirfd(d), name, info, AT_SYMLINK_NOFOLLOW) == 0) return 1;
    if (errno != ENOENT || prune) cli_fail("%s: %s", path, strerror(errno));
    return 0;
}

/* Follows no links into folders, and stays out of the output folder. */
static void walk_folder(walk *w, int fd, text *path, int depth)
{
    DIR *d = fdopendir(fd);
    const struct dirent *e;
    struct stat info;
    if (!d) cli_fail("%s: cannot be read", path->data);
    while ((e = next_name(d, path->size ? path->data : w->s->input)) != NULL) {
        size_t before = path->size;
        stop_here();
        if (e->d_name[0] == '.') continue;
        text_put(path, before ? "/" : "");
        text_put(path, e->d_name);
        const int there = look_at(d, e->d_name, path->data, w->s->prune, &info);
        if (there && S_ISDIR(info.st_mode)
            && !(w->has_output && info.st_dev == w->output_device
                 && info.st_ino == w->output_inode)) {
            if (depth == 64) cli_fail("%s: folders nested over 64 deep", path->data);
            int next = openat(dirfd(d), e->d_name,
                              O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
            if (next < 0) cli_fail("%s: cannot be read: %s", path->data, strerror(errno));
            walk_folder(w, next, path, depth + 1);
        } else if (there && !S_ISDIR(info.st_mode) && is_sound(e->d_name)
                   && !hashes_have(w->listed, hash_of(path->data, path->size))) {
            names_add(w->found, path->data);
        }
        path->size = before;
        path->data[before] = '\0';
    }
    closedir(d);
}

static void index_paths(database *d, entry *e)
{
    names found;
    struct stat info;
    memset(&found, 0, sizeof found);
    walk w = { d->s, &found, &d->listed, 0, 0, 0 };
    if (stat(d->s->output, &info) == 0) {
        w.output_device = info.st_dev;
        w.output_inode = info.st_ino;
        w.has_output = 1;
    } else if (errno != ENOENT) {
        cli_fail("%s: %s", d->s->output, strerror(errno));
    }
    text path = { NULL, 0, 0 };
    text_put(&path, "");
    int fd = open(d->s->input, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) cli_fail("%s: no such folder, or it cannot be read", d->s->input);
    walk_folder(&w, fd, &path, 0);
    text_free(&path);
    names_sort(&found);
    for (size_t i = 0; i < found.count; i++) {
        entry_begin(e, strlen(name_at(&found, i)));
        read_path(e, d->s, name_at(&found, i));
        add_record(d, e, judge(d, e, key_of(FOLDER, TRAIN, e->id)));
    }
    names_free(&found);
}

/* ---- Blacklists ------------------------------------------------------------------- */

static void blacklist_name(database *d, const char *name)
{
    hashes_add(&d->blacklist, hash_of(name, stem_size(name)));
}

/* Every text in lists: ["a", ...] or {"FreeSound": ["a", ...], ...}; else one a line. */
static void read_blacklist(database *d, const char *path)
{
    tango_error error;
    tango_io_json json;
    text file = { NULL, 0, 0 }, work = { NULL, 0, 0 }, name = { NULL, 0, 0 };
    if (load_file(&file, path, &error) != TANGO_OK) cli_fail("%s", error.text);
    names_add(&d->files, path);
    const char *p = file.data;
    size_t first = file.size >= 3 && memcmp(p, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
    const size_t begin = first;
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
        for (size_t at = begin, n; at < file.size; at += n + 1) {
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
    text_free(&file);
}

/* ---- All of it -------------------------------------------------------------------- */

static void build_database(database *d, const settings *s)
{
    names list;
    entry e;
    memset(&list, 0, sizeof list);
    memset(&e, 0, sizeof e);
    memset(d, 0, sizeof *d);
    d->s = s;
    for (size_t i = 0; i < s->blacklist_count; i++) read_blacklist(d, s->blacklists[i]);
    if (s->layout == WAVCAPS) {
        names_in_folder(&list, s->json_dir, ".json");
        if (list.count == 0) cli_fail("%s: no *.json in it", s->json_dir);
        for (size_t i = 0; i < list.count; i++) index_json(d, &e, name_at(&list, i));
    } else if (s->layout == AUDIOCAPS) {
        int found = 0;
        for (int i = 0; i < SPLITS; i++) found += index_csv(d, &e, (split_kind)i);
        if (!found) cli_fail("%s: no train.csv, val.csv or test.csv in it", s->input);
    } else {
        names_in_folder(&list, s->input, ".jsonl");
        for (size_t i = 0; i < list.count; i++) index_lines(d, &e, name_at(&list, i));
        index_paths(d, &e);
    }
    if (d->count == 0)
        cli_fail("%s: no record in it; is it mounted? Nothing was changed", s->input);
    names_free(&list);
    entry_free(&e);
    set_fingerprint(d);
}

static void free_database(database *d)
{
    hashes *const sets[] = { &d->seen, &d->here, &d->listed, &d->blacklist };
    for (size_t i = 0; i < sizeof sets / sizeof sets[0]; i++) hashes_free(sets[i]);
    text_free(&d->pool);
    free(d->records);
    names_free(&d->files);
}
#endif
