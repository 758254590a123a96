/* convert_base.h: what the parts of convert share: problems, memory, values of the blob.
                                                                                  MIT-0 */
#ifndef TANGO_CONVERT_BASE_H
#define TANGO_CONVERT_BASE_H

#include "../demo/cli.h"
#include <float.h>
#include <math.h>
#include <sys/stat.h>
#ifndef _WIN32
#define TANGO_PTHREADS /* one thread writes what another makes */
#endif
#define TANGO_IMPLEMENTATION
#include "../tango.h"

/* A plain `cc` build runs the loops of this program at full speed too, and its sums are
   the same with -march=native, as those of the headers. */
#if defined __GNUC__ && !defined __clang__ && !defined __OPTIMIZE_SIZE__
#pragma GCC optimize("O3")
#pragma GCC optimize("fp-contract=off")
#pragma GCC optimize("no-trapping-math") /* comparisons in loops may become masks */
#elif defined __clang__
#pragma STDC FP_CONTRACT OFF
#endif

#define CONVERT_VERSION "0.2.0"
#define PROBLEMS_SHOWN 100
#define DILATIONS 3  /* of each residual kernel of the vocoder */
#define LIST_MAX (DILATIONS * TANGO_LEVELS_MAX) /* numbers in one value */
#define NAME_ROOM 320 /* for the name of a tensor */

#ifndef S_ISDIR
#define S_ISDIR(mode) (((mode)&S_IFMT) == S_IFDIR)
#endif

/* What a blob is made of; the order of the bits TANGO_PART_TEXT and so on. */
typedef enum part_id { TEXT, UNET, VAE, VOCODER, RANK, PARTS } part_id;
static const char *const part_names[] = { "text", "unet", "vae", "vocoder", "rank",
                                          NULL };

/* ---- Problems and memory ---------------------------------------------------------- */

static size_t problems; /* how many were found so far */

/* One line on stderr, and the work goes on: all that is wrong is listed at once. */
static void problem(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    if (problems < PROBLEMS_SHOWN) cli_message("error: ", format, arguments);
    va_end(arguments);
    problems++;
}

static void *resized(void *memory, size_t count, size_t size)
{
    size_t bytes = 0;
    int fits = tango_mul_ok(count, size, &bytes);
    memory = fits ? realloc(memory, bytes ? bytes : 1) : NULL;
    if (!memory) cli_fail("out of memory (%zu times %zu bytes)", count, size);
    return memory;
}

static void *copied(const void *data, size_t size)
{
    char *memory = (char *)resized(NULL, size + 1, 1);
    if (size) memcpy(memory, data, size);
    memory[size] = '\0';
    return memory;
}

/* PLACE.name followed by ending, or name and ending if the place is empty. */
static char *joined(const char *place, const char *name, const char *ending)
{
    size_t size = strlen(place) + strlen(name) + strlen(ending) + 2;
    char *text = (char *)resized(NULL, size, 1);
    snprintf(text, size, "%s%s%s%s", place, *place ? "." : "", name, ending);
    return text;
}

/* ---- Values of the blob ------------------------------------------------------------ */

typedef struct values {
    tango_io_value *list;
    size_t count, capacity;
} values;

/* Keeps a copy of the data, so that callers may pass what lies on their stack. */
static void put(values *v, const char *key, int type, const void *data, size_t count,
                size_t size)
{
    if (v->count == v->capacity) {
        v->capacity = v->capacity ? 2 * v->capacity : 64;
        v->list = (tango_io_value *)resized(v->list, v->capacity, sizeof *v->list);
    }
    tango_io_value *value = &v->list[v->count++];
    value->key = key;
    value->type = type;
    value->count = count;
    value->data = copied(data, count * size);
}

/* Numbers as the blob has them under this key: whole or real. */
static void put_numbers(values *v, const char *key, const double *numbers, size_t count)
{
    uint64_t wide[LIST_MAX];
    const tango_limit *limit = tango_limit_of(key);
    if (!limit) cli_fail("no blob has a value %s", key);
    if (limit->type == TANGO_IO_F64) {
        put(v, key, TANGO_IO_F64, numbers, count, sizeof *numbers);
        return;
    }
    for (size_t i = 0; i < count; i++) wide[i] = (uint64_t)numbers[i];
    put(v, key, TANGO_IO_U64, wide, count, sizeof *wide);
}

static void put_number(values *v, const char *key, double number)
{
    put_numbers(v, key, &number, 1);
}

static void put_text(values *v, const char *key, const char *text)
{
    put(v, key, TANGO_IO_STRING, text, strlen(text), 1);
}

static int has(const values *v, const char *key)
{
    for (size_t i = 0; i < v->count; i++)
        if (strcmp(v->list[i].key, key) == 0) return 1;
    return 0;
}

/* A number or a text that no configuration named. */
static void put_absent(values *v, const char *key, double number)
{
    if (!has(v, key)) put_number(v, key, number);
}

static void put_absent_text(values *v, const char *key, const char *text)
{
    if (!has(v, key)) put_text(v, key, text);
}

static void put_absent_list(values *v, const char *key, const double *list, size_t count)
{
    if (!has(v, key) && count > 0) put_numbers(v, key, list, count);
}

/* The numbers of a value that is there already, at most LIST_MAX; how many they are. */
static size_t list_of(const values *v, const char *key, double *out)
{
    for (size_t i = 0; i < v->count; i++) {
        const tango_io_value *value = &v->list[i];
        if (strcmp(value->key, key) != 0) continue;
        for (size_t k = 0; k < value->count; k++) {
            uint64_t whole = 0;
            double real = 0.0;
            memcpy(&whole, (const char *)value->data + 8 * k, 8);
            memcpy(&real, &whole, 8);
            out[k] = value->type == TANGO_IO_F64 ? real : (double)whole;
        }
        return value->count;
    }
    return 0;
}

/* The first of them; 0 if there are none. */
static double number_of(const values *v, const char *key)
{
    double list[LIST_MAX];
    return list_of(v, key, list) > 0 ? list[0] : 0.0;
}

/* Whether the value is this text. */
static int text_is(const values *v, const char *key, const char *text)
{
    for (size_t i = 0; i < v->count; i++)
        if (strcmp(v->list[i].key, key) == 0)
            return strcmp((const char *)v->list[i].data, text) == 0;
    return *text == '\0';
}

#endif
