/* golden.h: arrays, comparisons and runs for golden.c and its parts. Include it after the
   implementation of tango.h. */
#ifndef TANGO_GOLDEN_H
#define TANGO_GOLDEN_H

#include "check.h"
#include <stdlib.h>

/* ---- Memory, files, arrays -------------------------------------------------------- */

static const char *folder;       /* golden/ */

/* What take() gave, newest first; release() frees what came after `keep`. */
typedef struct block { struct block *next; double alignment; } block;
static block *blocks;

#ifdef __GNUC__
static void stop(const char *what, const char *why) __attribute__((noreturn));
#endif

static void stop(const char *what, const char *why)
{
    printf("%s: %s\n", what, why);
    exit(1);
}

static void *take(size_t bytes)
{
    block *b = (block *)malloc(sizeof *b + bytes);
    if (b == NULL) stop("golden", "no memory");
    b->next = blocks;
    blocks = b;
    return b + 1;
}

static float *floats(size_t count)
{
    return (float *)take((count + 1) * sizeof(float));
}

static void release(const block *keep)
{
    while (blocks != keep) {
        block *next = blocks->next;
        free(blocks);
        blocks = next;
    }
}

/* An arena over taken memory. */
static tango_arena arena_of(size_t size)
{
    tango_arena arena;
    tango__arena_over(&arena, take(size), size);
    return arena;
}

/* A .npy file as float, in torch's order. Ids are exact: they are far below 2^24. */
typedef struct array { float *values; size_t rank, shape[8], count; } array;

/* golden/WHERE/NAME.npy, or an array without values if there is no such file. */
static array load(const char *where, const char *name)
{
    char path[1024];
    tango_io_file file;
    tango_io_npy npy;
    tango_io_view view;
    tango_error error;
    array a;
    memset(&a, 0, sizeof a);
    snprintf(path, sizeof path, "%s/%s/%s.npy", folder, where, name);
    if (tango_io_map(&file, path, &error) != TANGO_OK) return a;
    if (tango_io_npy_parse(&npy, file.data, file.size, &error) != TANGO_OK)
        stop(path, error.text);
    tango_io_npy_view(&view, &npy);
    a.rank = npy.rank;
    memcpy(a.shape, npy.shape, sizeof a.shape);
    a.count = npy.count;
    a.values = floats(npy.count);
    tango_io_view_read(a.values, &view, 0, npy.count);
    tango_io_unmap(&file);
    return a;
}

static array must_load(const char *where, const char *name)
{
    array a = load(where, name);
    if (a.values == NULL) stop(name, "missing from the golden vectors");
    return a;
}

/* A whole file in taken memory, 64-byte aligned, so that it may be changed. */
static unsigned char *writable(const void *data, size_t size)
{
    unsigned char *copy = (unsigned char *)take(size + 64);
    copy += (64 - (uintptr_t)copy % 64) % 64;
    memcpy(copy, data, size);
    return copy;
}

/* Parsed golden/PATH. */
static tango_io_json load_json(const char *path)
{
    char full[1024];
    tango_io_file file;
    tango_io_json json;
    tango_error error;
    size_t work;
    const void *text;
    snprintf(full, sizeof full, "%s/%s", folder, path);
    if (tango_io_map(&file, full, &error) != TANGO_OK) stop("golden", error.text);
    text = writable(file.data, file.size);
    if (tango_io_json_work_size(&work, text, file.size, &error) != TANGO_OK
        || tango_io_json_parse(&json, text, file.size, take(work), work, &error)
               != TANGO_OK)
        stop(full, error.text);
    tango_io_unmap(&file);
    return json;
}

static double number(const tango_io_json *json, size_t object, const char *key,
    double absent)
{
    double value = absent;
    int flag;
    size_t node = tango_io_json_find(json, object, key);
    if (tango_io_json_bool(json, node, &flag)) return flag;
    tango_io_json_number(json, node, &value);
    return value;
}

static const char *text_of(const tango_io_json *json, size_t object, const char *key)
{
    size_t node = tango_io_json_find(json, object, key);
    char *out = (char *)take(1024);
    return tango_io_json_string(json, node, out, 1024) ? out : "";
}

/* ---- Comparison ------------------------------------------------------------------- */

typedef struct difference { double most, relative; } difference;

/* Largest |got - want|, and that over the largest |want|. NaN anywhere is infinite. */
static difference compare(const float *got, const float *want, size_t count)
{
    difference d = { 0, 0 };
    double top = 0;
    for (size_t i = 0; i < count; i++) {
        double away = fabs((double)got[i] - (double)want[i]);
        if (!(away <= d.most)) d.most = away == away ? away : HUGE_VAL;
        if (fabs((double)want[i]) > top) top = fabs((double)want[i]);
    }
    d.relative = d.most > 0 ? d.most / (top > 1e-30 ? top : 1e-30) : 0;
    return d;
}

static void table_head(const char *what)
{
    printf("\n%-22s %-14s %10s %10s %10s\n", what, "stage", "max error", "relative",
        "tolerance");
}

static int table_row(const char *name, const char *stage, difference d, double tolerance)
{
    int ok = d.relative <= tolerance;
    printf("%-22s %-14s %10.2e %10.2e %10.0e%s\n", name, stage, d.most, d.relative,
        tolerance, ok ? "" : "  FAIL");
    return ok;
}

/* ---- Kernel levels, order of axes ------------------------------------------------- */

static const char *const level_names[] = { "reference", "avx2", "avx512", "vnni" };
static tango_nn_context contexts[4]; /* one for each level of this machine */
static size_t levels;

static void start_levels(void)
{
    for (size_t i = 0; i < 4; i++) {
        tango_nn_context *c = &contexts[levels];
        c->kernels = tango_nn_kernels_named(level_names[i]);
        if (c->kernels == NULL) continue;
        c->threads = 1;
        c->work_size = tango_nn_work_size(1);
        c->work = malloc(c->work_size);
        if (c->work == NULL) stop("golden", "no memory");
        levels++;
    }
}

/* out (B, rows, C) = x (B, C, rows), and back. */
static float *channels_last(const array *x)
{
    const size_t channels = x->shape[1], rows = x->count / (x->shape[0] * channels);
    float *out = floats(x->count);
    for (size_t b = 0; b < x->shape[0]; b++)
        for (size_t c = 0; c < channels; c++)
            for (size_t r = 0; r < rows; r++)
                out[(b * rows + r) * channels + c] =
                    x->values[(b * channels + c) * rows + r];
    return out;
}

static float *channels_first(const float *x, const array *like)
{
    const size_t channels = like->shape[1],
                 rows = like->count / (like->shape[0] * channels);
    float *out = floats(like->count);
    for (size_t b = 0; b < like->shape[0]; b++)
        for (size_t c = 0; c < channels; c++)
            for (size_t r = 0; r < rows; r++)
                out[(b * channels + c) * rows + r] =
                    x[(b * rows + r) * channels + c];
    return out;
}

/* ---- Whole runs ------------------------------------------------------------------- */

/* One finished run; wave is taken memory. */
typedef struct sound {
    float *wave;
    size_t bytes;
    tango_result result;
    tango_error error;
} sound;

/* Runs in a block that lies `shift` bytes off, filled with `fill`, `missing` bytes short;
   the bytes behind it must survive. */
static sound generate_in(const tango_model *m, const tango_params *p, size_t shift,
    int fill, size_t missing)
{
    enum { GUARD = 64 };
    tango_plan plan;
    sound s;
    unsigned char *memory;
    memset(&s, 0, sizeof s);
    s.result = tango_prepare(&plan, m, p, &s.error);
    if (s.result != TANGO_OK) return s;
    s.bytes = plan.params.samples * plan.samples * sizeof(float);
    s.wave = floats(s.bytes / sizeof(float));
    memory = (unsigned char *)malloc(plan.memory + shift + GUARD);
    if (memory == NULL) stop("golden", "no memory");
    memset(memory, fill, plan.memory + shift);
    memset(memory + shift + plan.memory - missing, 0x5a, GUARD);
    memset(s.wave, fill, s.bytes);
    s.result = tango_generate(
        s.wave, m, p, memory + shift, plan.memory - missing, &s.error);
    for (size_t i = 0; i < GUARD; i++)
        CHECK(memory[shift + plan.memory - missing + i] == 0x5a);
    free(memory);
    return s;
}

static sound generate(const tango_model *m, const tango_params *p)
{
    return generate_in(m, p, 0, 0, 0);
}

static int same_sound(sound a, sound b)
{
    return a.result == TANGO_OK && b.result == TANGO_OK && a.bytes == b.bytes
           && memcmp(a.wave, b.wave, a.bytes) == 0;
}

static int begins(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

#endif
