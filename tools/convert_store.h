/* convert_store.h: files that were opened, and stores: tensors by name out of any set of
   files, whatever format these have.                                             MIT-0 */
#ifndef TANGO_CONVERT_STORE_H
#define TANGO_CONVERT_STORE_H

#include "convert_base.h"

/* ---- Files ------------------------------------------------------------------------ */

/* A record of an archive. Its numbers are compared with its CRC-32 before they are used,
   or while they are written: damage found later takes the output back. */
typedef struct record {
    tango_io_torch_record is;
    size_t summed; /* bytes of it */
    uint32_t sum;  /* their CRC-32 */
    int told;      /* that it is damaged, or its sum was interrupted */
} record;

/* A file of a checkpoint. label is how messages name it. A text that is built in has no
   path. */
typedef struct source {
    struct source *next;
    char *path, *label;
    tango_io_file file;
    const unsigned char *text; /* = file.data, or what is built in */
    size_t size;
    void *work; /* of its parser */
    tango_io_json json;
    tango_io_torch torch;
    tango_io_safetensors safetensors;
    tango_io_shards shards;
    record *records;       /* of an archive, in the order of the file */
    tango_io_crc32 *table; /* for their sums */
    double scale;    /* the number scale_factor beside the tensors; 0: there is none */
} source;

/* All files of a run in the order in which they were opened, and the paths where files of
   checkpoints were found, read or not. */
typedef struct file_list {
    source *first, *last;
    char **paths;
    size_t path_count, path_capacity;
} file_list;

static int is_folder(const char *path)
{
    struct stat s;
    return stat(path, &s) == 0 && S_ISDIR(s.st_mode);
}

/* A link that leads nowhere is there, and what cannot be asked may be. */
static int is_there(const char *path)
{
    struct stat s;
#ifdef _WIN32
    return stat(path, &s) == 0 || errno != ENOENT;
#else
    return lstat(path, &s) == 0 || (errno != ENOENT && errno != ENOTDIR);
#endif
}

/* "c" of "a/b/c". */
static const char *last_part(const char *path)
{
    const char *name = path;
    for (; *path; path++)
        if (*path == '/' || *path == '\\') name = path + 1;
    return name;
}

static void path_of(char out[TANGO_IO_PATH_MAX + 1], const char *folder,
                    const char *name)
{
    const char *slash = *folder ? "/" : "";
    int n = snprintf(out, TANGO_IO_PATH_MAX + 1, "%s%s%s", folder, slash, name);
    if (n < 0 || n > TANGO_IO_PATH_MAX) cli_fail("%s: the path is too long", folder);
}

/* 1 if FOLDER/name is there; its path is then kept: no output may take its place. */
static int is_in(file_list *files, const char *folder, const char *name)
{
    char path[TANGO_IO_PATH_MAX + 1];
    path_of(path, folder, name);
    if (!is_there(path)) return 0;
    if (files->path_count == files->path_capacity) {
        files->path_capacity = files->path_capacity ? 2 * files->path_capacity : 64;
        files->paths =
            (char **)resized(files->paths, files->path_capacity, sizeof *files->paths);
    }
    files->paths[files->path_count++] = (char *)copied(path, strlen(path));
    return 1;
}

static source *new_source(file_list *files, const char *path, const char *label)
{
    source *s = (source *)resized(NULL, 1, sizeof *s);
    memset(s, 0, sizeof *s);
    s->path = (char *)copied(path, strlen(path));
    s->label = (char *)copied(label, strlen(label));
    if (files->last) files->last->next = s;
    else files->first = s;
    files->last = s;
    return s;
}

/* Maps FOLDER/name, which is there. A failure is a problem, and the file is empty. */
static source *open_source(file_list *files, const char *folder, const char *name,
                           const char *label)
{
    char path[TANGO_IO_PATH_MAX + 1];
    tango_error error;
    path_of(path, folder, name);
    source *s = new_source(files, path, label);
    if (tango_io_map(&s->file, path, &error) != TANGO_OK) problem("%s", error.text);
    s->text = s->file.data;
    s->size = s->file.size;
    return s;
}

static void close_sources(file_list *files)
{
    source *s = files->first, *next;
    for (; s; s = next) {
        next = s->next;
        tango_io_unmap(&s->file);
        free(s->work);
        free(s->records);
        free(s->table);
        free(s->path);
        free(s->label);
        free(s);
    }
    for (size_t i = 0; i < files->path_count; i++) free(files->paths[i]);
    free(files->paths);
}

static void check_output(const char *output, const file_list *files)
{
    tango_error error;
    for (size_t i = 0; i <= files->path_count; i++) {
        const char *path = i < files->path_count ? files->paths[i] : NULL;
        if (tango_io_output_check(output, &path, 1, &error) != TANGO_OK)
            cli_fail_file(output, error.text);
    }
}

/* ---- Tensors by name -------------------------------------------------------------- */

typedef struct tensor {
    const char *name; /* without what wrappers put before all names */
    tango_io_view view;
    const source *file;
    int used;
} tensor;

typedef struct store {
    struct store *next;
    const char *label; /* of its only file, or of the index of its files */
    tensor *list;      /* in order of name */
    size_t count, capacity;
    double scale; /* the number scale_factor beside the tensors; 0: there is none */
} store;

static int compare_tensors(const void *a, const void *b)
{
    return strcmp(((const tensor *)a)->name, ((const tensor *)b)->name);
}

static tensor *find(const store *s, const char *name)
{
    tensor key;
    key.name = name;
    if (s->count == 0) return NULL;
    return (tensor *)bsearch(&key, s->list, s->count, sizeof *s->list, compare_tensors);
}

static void add_tensor(store *s, const source *file, const char *name,
                       const tango_io_view *view)
{
    if (s->count == s->capacity) {
        s->capacity = s->capacity ? 2 * s->capacity : 1024;
        s->list = (tensor *)resized(s->list, s->capacity, sizeof *s->list);
    }
    tensor *t = &s->list[s->count++];
    t->name = name;
    t->view = *view;
    t->file = file;
    t->used = 0;
}

/* "[320, 8, 3, 3]" */
static const char *shape_text(char out[128], const size_t *shape, size_t rank)
{
    size_t n = 1;
    memcpy(out, "[", 2);
    for (size_t i = 0; i < rank && n < 100; i++)
        n += (size_t)snprintf(out + n, 128 - n, i ? ", %zu" : "%zu", shape[i]);
    memcpy(out + n, "]", 2);
    return out;
}

/* ---- PyTorch files ---------------------------------------------------------------- */

static int compare_records(const void *a, const void *b)
{
    size_t x = ((const record *)a)->is.offset, y = ((const record *)b)->is.offset;
    return x < y ? -1 : x > y;
}

static void list_records(source *s)
{
    size_t count = s->torch.stored;
    if (count == 0) return;
    s->records = (record *)resized(NULL, count, sizeof *s->records);
    s->table = (tango_io_crc32 *)resized(NULL, 1, sizeof *s->table);
    memset(s->records, 0, count * sizeof *s->records);
    tango_io_crc32_begin(s->table);
    for (size_t i = 0; i < count; i++) {
        record *r = &s->records[i];
        tango_io_torch_record_at(&s->torch, i, &r->is);
        r->summed = s->torch.summed ? 0 : r->is.size; /* nothing to compare with */
        r->sum = s->torch.summed ? 0 : r->is.crc;
    }
    qsort(s->records, count, sizeof *s->records, compare_records);
}

/* The record in which the bytes at `data` lie; NULL if the file is no archive. */
static record *record_of(const source *s, const unsigned char *data)
{
    size_t low = 0, high = s->torch.stored, at = (size_t)(data - s->text);
    while (low < high) { /* the first record that begins behind them */
        size_t middle = low + (high - low) / 2;
        if (s->records[middle].is.offset <= at) low = middle + 1;
        else high = middle;
    }
    return low == 0 ? NULL : &s->records[low - 1];
}

/* Adds the next bytes of a record to its sum. */
static void sum_next(const source *s, record *r, size_t size)
{
    const unsigned char *data = s->text + r->is.offset + r->summed;
    r->sum = tango_io_crc32_add(s->table, r->sum, data, size);
    r->summed += size;
}

/* Sums bytes that are about to be read, if they follow those of their record that were
   summed before. What is left over is for check_record. */
static void sum_along(const source *s, const unsigned char *data, size_t size)
{
    record *r = record_of(s, data);
    if (!r || (size_t)(data - s->text) != r->is.offset + r->summed) return;
    if (size <= r->is.size - r->summed) sum_next(s, r, size);
}

/* 1 if the record has the CRC-32 that the archive states; else 0, and a problem. Pages of
   large records are given back. */
static int check_record(const source *s, record *r)
{
    const size_t most = (size_t)16 << 20, large = (size_t)256 << 20;
    tango_error error;
    while (r->summed < r->is.size) {
        const unsigned char *data = s->text + r->is.offset + r->summed;
        size_t left = r->is.size - r->summed, n = left < most ? left : most;
        if (cli_interrupted()) {
            if (!r->told) problem("interrupted");
            r->told = 1;
            return 0;
        }
        sum_next(s, r, n);
        if (r->is.size > large) tango_io_forget(&s->file, data, n);
    }
    if (r->sum == r->is.crc) return 1;
    if (!r->told) {
        tango_io_fail(&error, TANGO_ERROR_DATA,
                      "zip: data of entry %q does not match its CRC-32 (offset %z)",
                      r->is.name, r->is.name_size, r->is.offset);
        problem("%s: %s", s->label, error.text);
    }
    r->told = 1;
    return 0;
}

/* The same for the record in which numbers at `data` lie. */
static int check_numbers(const source *s, const unsigned char *data)
{
    record *r = record_of(s, data);
    return !r || check_record(s, r);
}

/* The same for all records: a damaged file makes no blob, whatever is damaged in it. */
static int check_file(const source *s)
{
    int ok = 1;
    for (size_t i = 0; i < s->torch.stored && !(cli_interrupted() && !ok); i++) {
        const tango_io_torch_record *is = &s->records[i].is;
        ok &= check_record(s, &s->records[i]);
        tango_io_forget(&s->file, s->text + is->offset, is->size);
    }
    return ok;
}

static int has_dictionary(const tango_io_torch *torch, const char *key)
{
    tango_io_torch t = *torch;
    return tango_io_torch_enter(&t, key);
}

/* A latent scale that is kept beside the tensors, as a number or as a tensor of one. */
static void take_scale(source *s)
{
    tango_io_torch_tensor t;
    float x = 0.0f;
    if (tango_io_torch_number(&s->torch, "scale_factor", &s->scale)) return;
    if (!tango_io_torch_find(&s->torch, "scale_factor", &t) || t.view.count != 1) return;
    if (!check_numbers(s, t.view.data)) return;
    tango_io_view_read(&x, &t.view, 0, 1);
    s->scale = (double)x;
}

/* Enters the one dictionary that holds the tensors, where the top object has none but a
   scale_factor. */
static void enter_dictionary(source *s)
{
    static const char *const keys[] = { "state_dict", "model", "module", "generator" };
    for (size_t depth = 0; depth < 3; depth++) {
        const char *first = NULL;
        take_scale(s);
        if (s->torch.count > 1 || (s->torch.count == 1 && s->scale == 0.0)) break;
        for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
            if (!has_dictionary(&s->torch, keys[i])) continue;
            if (first)
                problem("%s: holds %s and %s: which of them is meant is not known",
                        s->label, first, keys[i]);
            first = keys[i];
        }
        if (!first) break;
        tango_io_torch_enter(&s->torch, first);
    }
    if (s->torch.count == 0)
        problem("%s: no tensors: expected a state dictionary, or one under state_dict, "
                "model, module or generator",
                s->label);
}

static size_t names_with(const store *s, size_t first, const char *prefix)
{
    size_t count = 0;
    for (size_t i = first; i < s->count; i++)
        count += strncmp(s->list[i].name, prefix, strlen(prefix)) == 0;
    return count;
}

/* What wrappers of a model put before every name: of DistributedDataParallel, of
   torch.compile, of a training class. The names of a file, from number `first` on, lose
   it. */
static void drop_prefix(store *to, const source *s, size_t first)
{
    static const char *const words[] = { "module.", "_orig_mod.", "model." };
    const size_t kinds = sizeof words / sizeof *words, all = to->count - first;
    for (size_t i = 0; i < kinds; i++) {
        size_t count = names_with(to, first, words[i]);
        if (count > 0 && count < all && i + 1 < kinds)
            problem("%s: %zu of %zu names begin with %s; expected all or none", s->label,
                    count, all, words[i]);
        if (count == 0 || count < all) continue;
        for (size_t k = first; k < to->count; k++) to->list[k].name += strlen(words[i]);
        i = (size_t)-1; /* one wrapper within another: from the first word again */
    }
}

static void add_torch(store *to, source *s)
{
    size_t size = 0, first = to->count;
    tango_error error;
    tango_result r = tango_io_torch_work_size(&size, s->text, s->size, &error);
    if (r == TANGO_OK) {
        s->work = resized(NULL, size, 1);
        r = tango_io_torch_open_unsummed(&s->torch, &s->file, s->work, size, &error);
    }
    if (r != TANGO_OK) {
        problem("%s: %s", s->label, error.text);
        return;
    }
    list_records(s);
    enter_dictionary(s);
    for (size_t i = 0; i < s->torch.count; i++) {
        tango_io_torch_tensor t;
        tango_io_torch_tensor_at(&s->torch, i, &t);
        add_tensor(to, s, t.name, &t.view);
    }
    drop_prefix(to, s, first);
    if (s->scale != 0.0) to->scale = s->scale;
}

/* ---- Safetensors ------------------------------------------------------------------ */

static void add_safetensors(store *to, source *s)
{
    size_t size = 0, first = to->count;
    tango_error error;
    tango_result r = tango_io_safetensors_work_size(&size, s->text, s->size, &error);
    if (r == TANGO_OK) {
        s->work = resized(NULL, size, 1);
        r = tango_io_safetensors_open(&s->safetensors, s->text, s->size, s->work, size,
                                      &error);
    }
    if (r != TANGO_OK) {
        problem("%s: %s", s->label, error.text);
        return;
    }
    for (size_t i = 0; i < s->safetensors.count; i++) {
        tango_io_safetensor t;
        tango_io_safetensors_at(&s->safetensors, i, &t);
        add_tensor(to, s, t.name, &t.view);
    }
    drop_prefix(to, s, first);
}

static int ends_with(const char *name, const char *ending)
{
    size_t n = strlen(name), tail = strlen(ending);
    return n >= tail && strcmp(name + n - tail, ending) == 0;
}

/* A safetensors file by its name, or by the brace with which its header begins. */
static int is_safetensors(const source *s)
{
    return ends_with(s->label, ".safetensors")
           || (s->size > 8 && s->text[8] == '{' && memcmp(s->text, "PK", 2) != 0);
}

static void add_file(store *to, source *s)
{
    if (!s->text) return;
    if (is_safetensors(s)) add_safetensors(to, s);
    else add_torch(to, s);
}

/* ---- Opening stores --------------------------------------------------------------- */

/* Puts the tensors in order; two files of one store do not both have a name. */
static void sort_store(store *s)
{
    if (s->count > 0) qsort(s->list, s->count, sizeof *s->list, compare_tensors);
    for (size_t i = 1; i < s->count; i++)
        if (strcmp(s->list[i - 1].name, s->list[i].name) == 0)
            problem("%s: %s is in %s and in %s", s->label, s->list[i].name,
                    s->list[i - 1].file->label, s->list[i].file->label);
}

static store *new_store(const char *label)
{
    store *s = (store *)resized(NULL, 1, sizeof *s);
    memset(s, 0, sizeof *s);
    s->label = label;
    return s;
}

/* The tensors of all files that an index names, each in the file that it says. */
static void add_shards(store *to, file_list *files, source *index, const char *folder)
{
    size_t size = 0, before = problems;
    tango_error error;
    tango_result r = tango_io_shards_work_size(&size, index->text, index->size, &error);
    if (r == TANGO_OK) {
        index->work = resized(NULL, size, 1);
        r = tango_io_shards_open(&index->shards, index->text, index->size, index->work,
                                 size, &error);
    }
    if (r != TANGO_OK) {
        problem("%s: %s", index->label, error.text);
        return;
    }
    for (size_t i = 0; i < index->shards.file_count; i++) {
        char label[300];
        const char *name = tango_io_shards_file(&index->shards, i);
        int n = (int)(last_part(index->label) - index->label);
        snprintf(label, sizeof label, "%.*s%.150s", n < 140 ? n : 140, index->label,
                 name);
        if (is_in(files, folder, name))
            add_file(to, open_source(files, folder, name, label));
        else
            problem("%s: %s is missing: it holds a part of the weights", index->label,
                    name);
    }
    sort_store(to);
    for (size_t i = 0; problems == before && i < index->shards.count; i++) {
        const char *file, *name = tango_io_shards_at(&index->shards, i, &file);
        if (!find(to, name))
            problem("%s: %s is missing in %s", index->label, name, file);
    }
}

/* The tensors of one file, or of those that an index names. */
static store *open_store(file_list *files, const char *folder, const char *name,
                         const char *label)
{
    source *s = open_source(files, folder, name, label);
    store *out = new_store(s->label);
    if (s->text && ends_with(name, ".json")) add_shards(out, files, s, folder);
    else add_file(out, s);
    sort_store(out);
    return out;
}

static void close_stores(store *s)
{
    while (s) {
        store *next = s->next;
        free(s->list);
        free(s);
        s = next;
    }
}

#endif
