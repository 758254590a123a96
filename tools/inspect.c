/* inspect.c: lists a weights blob: values, tensors, statistics, checksums.        MIT-0

       cc tools/inspect.c -lm -o inspect
       ./inspect demo/tiny.tango                   everything
       ./inspect demo/tiny.tango unet.conv         only names that contain unet.conv
       ./inspect --json demo/tiny.tango            for programs
       ./inspect --no-check demo/tiny.tango        header only: no tensor data is read

   Exit status: 0 all is well, 1 the file is damaged (each bad tensor is named on stderr),
   2 wrong usage. */
#include "../demo/cli.h"
#include <math.h>
#define TANGO_IO_IMPLEMENTATION
#include "../tango_io.h"

enum { NO_CHECK = 256, CHECK, JSON };

static const cli_option options[] = {
    { JSON, "json", NULL, "one JSON object instead of tables" },
    { CHECK, "check", NULL, "read all data: statistics and checksums (the default)" },
    { NO_CHECK, "no-check", NULL, "read the header only" },
    { 'h', "help", NULL, "this text" },
    { 0, NULL, NULL, NULL }
};

typedef struct settings {
    const char *path, *filter;
    int json, check;
} settings;

typedef struct totals {
    size_t tensors, bytes, bad;
    double numbers;
} totals;

/* What a look at every element of a tensor gives. */
typedef struct statistics {
    double low, high, norm; /* norm = square root of the sum of squares */
    int finite;
} statistics;

/* ---- Reading ---------------------------------------------------------------------- */

static double element_count(const tango_io_tensor *t)
{
    double n = 1.0;
    for (size_t i = 0; i < t->rank; i++) n *= (double)t->shape[i];
    return n;
}

/* The data as one row of numbers, in the order in which they are stored. */
static tango_io_view stored_numbers(const tango_io_tensor *t)
{
    tango_io_view v;
    memset(&v, 0, sizeof v);
    v.data = (const unsigned char *)t->data;
    v.type = t->type;
    v.rank = 1;
    v.count = v.shape[0] = t->size / tango_io_type_size(t->type);
    v.strides[0] = 1;
    return v;
}

/* Columns beyond the outputs of the last panel are padding and do not count. */
static statistics measure(const tango_io_tensor *t)
{
    statistics s = { HUGE_VAL, -HUGE_VAL, 0.0, 1 };
    tango_io_view v = stored_numbers(t);
    float chunk[64 * TANGO_IO_PANEL];
    int panels = t->layout == TANGO_IO_PANELS;
    size_t panel_size = panels ? TANGO_IO_PANEL * t->shape[1] * t->shape[2] : 1;
    for (size_t at = 0; at < v.count;) {
        size_t n = v.count - at, most = sizeof chunk / sizeof chunk[0];
        if (n > most) n = most;
        tango_io_view_read(chunk, &v, at, n);
        for (size_t i = 0; i < n; i++, at++) {
            double x = (double)chunk[i];
            size_t column = at / panel_size * TANGO_IO_PANEL + at % TANGO_IO_PANEL;
            if (panels && column >= t->shape[0]) continue;
            if (!(fabs(x) <= 1e300)) s.finite = 0;
            s.low = x < s.low ? x : s.low;
            s.high = x > s.high ? x : s.high;
            s.norm += x * x;
        }
    }
    s.norm = sqrt(s.norm);
    return s;
}

/* ---- Tables for people ------------------------------------------------------------ */

/* 5 B, 12.3 KB, 4.56 MB: three digits, powers of 1000. */
static const char *bytes_text(char out[32], double bytes)
{
    static const char *const unit[] = { "B", "KB", "MB", "GB", "TB" };
    size_t i = 0;
    for (; bytes >= 999.5 && i + 1 < sizeof unit / sizeof unit[0]; i++) bytes /= 1000.0;
    int decimals = i == 0 || bytes >= 99.95 ? 0 : bytes >= 9.995 ? 1 : 2;
    snprintf(out, 32, "%.*f %s", decimals, bytes, unit[i]);
    return out;
}

/* At most `room` bytes of the text, escaped; if it is longer, its size. */
static void print_text(const char *text, size_t count, size_t room)
{
    char part[128], size[32];
    size_t n = count < room ? count : room;
    memcpy(part, text, n);
    part[n] = '\0';
    putchar('"');
    cli_print(stdout, part);
    if (n < count) printf("...\" (%s)", bytes_text(size, (double)count));
    else putchar('"');
}

static void print_value(const tango_io_value *v, int width)
{
    char size[32];
    printf("  %-*s  %-6s  ", width, v->key, tango_io_type_name((tango_io_type)v->type));
    switch (v->type) {
    case TANGO_IO_STRING: print_text((const char *)v->data, v->count, 60); break;
    case TANGO_IO_BYTES: fputs(bytes_text(size, (double)v->count), stdout); break;
    default:
        for (size_t i = 0; i < v->count && i < 64; i++) {
            if (i) putchar(' ');
            if (v->type == TANGO_IO_F64) printf("%.10g", tango_io_value_f64(v, i));
            else printf("%llu", (unsigned long long)tango_io_value_u64(v, i));
        }
        if (v->count > 64) printf(" ... (%zu)", v->count);
    }
    putchar('\n');
}

static void print_tensor(const tango_io_tensor *t, int width, int check, int bad)
{
    char shape[160] = "", size[32];
    for (size_t i = 0; i < t->rank; i++) {
        size_t n = strlen(shape);
        snprintf(shape + n, sizeof shape - n, i ? " x %zu" : "%zu", t->shape[i]);
    }
    printf("  %-*s  %-16s  %-4s  %-6s  %9s", width, t->name, shape,
           tango_io_type_name(t->type), t->layout == TANGO_IO_PANELS ? "panels" : "plain",
           bytes_text(size, (double)t->size));
    if (check) {
        statistics s = measure(t);
        printf("  %11.4g  %11.4g  %11.4g  %s%s", s.low, s.high, s.norm,
               bad ? "DAMAGED" : "ok", s.finite ? "" : " NOT FINITE");
    }
    putchar('\n');
}

/* ---- JSON ------------------------------------------------------------------------- */

/* Keys, names and texts of a blob are valid UTF-8, which JSON takes as it is. */
static void json_text(const char *text)
{
    putchar('"');
    for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
        if (*p == '"' || *p == '\\') printf("\\%c", *p);
        else if (*p < 32 || *p == 127) printf("\\u%04x", (unsigned)*p);
        else putchar(*p);
    }
    putchar('"');
}

static void json_number(const char *key, double x)
{
    if (fabs(x) <= 1e300) printf(", \"%s\": %.9g", key, x);
    else printf(", \"%s\": null", key); /* JSON has no word for NaN and infinity */
}

static void json_value(const tango_io_value *v)
{
    json_text(v->key);
    fputs(": ", stdout);
    if (v->type == TANGO_IO_STRING) {
        json_text((const char *)v->data);
        return;
    }
    if (v->type == TANGO_IO_BYTES) {
        printf("{\"bytes\": %zu}", v->count);
        return;
    }
    if (v->count != 1) putchar('[');
    for (size_t i = 0; i < v->count; i++) {
        if (i) fputs(", ", stdout);
        if (v->type == TANGO_IO_F64) printf("%.17g", tango_io_value_f64(v, i));
        else printf("%llu", (unsigned long long)tango_io_value_u64(v, i));
    }
    if (v->count != 1) putchar(']');
}

static void json_tensor(const tango_io_blob *b, const tango_io_tensor *t, int check,
                        int bad)
{
    fputs("{\"name\": ", stdout);
    json_text(t->name);
    printf(", \"type\": \"%s\", \"layout\": \"%s\", \"shape\": [",
           tango_io_type_name(t->type),
           t->layout == TANGO_IO_PANELS ? "panels" : "plain");
    for (size_t i = 0; i < t->rank; i++) printf(i ? ", %zu" : "%zu", t->shape[i]);
    printf("], \"offset\": %zu, \"size\": %zu",
           ((const unsigned char *)t->data - b->data), t->size);
    if (check) {
        statistics s = measure(t);
        json_number("min", s.low);
        json_number("max", s.high);
        json_number("norm", s.norm);
        printf(", \"finite\": %s, \"ok\": %s", s.finite ? "true" : "false",
               bad ? "false" : "true");
    }
    putchar('}');
}

/* ---- The whole listing ------------------------------------------------------------ */

static int wanted(const settings *s, const char *name)
{
    return !s->filter || strstr(name, s->filter) != NULL;
}

static void list_values(const settings *s, const tango_io_blob *b)
{
    tango_io_value v;
    int width = 0, first = 1;
    size_t count = tango_io_blob_value_count(b);
    for (size_t i = 0; i < count; i++) {
        tango_io_blob_value_at(b, i, &v);
        if (wanted(s, v.key) && (int)strlen(v.key) > width) width = (int)strlen(v.key);
    }
    for (size_t i = 0; i < count; i++) {
        tango_io_blob_value_at(b, i, &v);
        if (!wanted(s, v.key)) continue;
        if (s->json) {
            fputs(first ? "\n  " : ",\n  ", stdout);
            json_value(&v);
        } else print_value(&v, width);
        first = 0;
    }
}

static totals list_tensors(const settings *s, const tango_io_blob *b)
{
    totals sum = { 0, 0, 0, 0.0 };
    tango_io_tensor t;
    tango_error error;
    int width = 6;
    size_t count = tango_io_blob_tensor_count(b);
    for (size_t i = 0; i < count; i++) { /* the widest name sets the columns */
        tango_io_blob_tensor(b, i, &t);
        if (wanted(s, t.name) && (int)strlen(t.name) > width) width = (int)strlen(t.name);
    }
    if (!s->json) {
        printf("\n  %-*s  %-16s  %-4s  %-6s  %9s", width, "tensor", "shape", "type",
               "layout", "size");
        puts(s->check ? "          min          max         norm  check" : "");
    }
    for (size_t i = 0; i < count; i++) {
        tango_io_blob_tensor(b, i, &t);
        if (!wanted(s, t.name)) continue;
        int bad = s->check && tango_io_blob_check(b, i, &error) != TANGO_OK;
        if (s->json) fputs(sum.tensors ? ",\n  " : "\n  ", stdout);
        if (s->json) json_tensor(b, &t, s->check, bad);
        else print_tensor(&t, width, s->check, bad);
        if (bad) {
            fflush(stdout);
            fprintf(stderr, "error: %s\n", error.text);
        }
        sum.tensors++;
        sum.bytes += t.size;
        sum.bad += (size_t)bad;
        sum.numbers += element_count(&t);
    }
    return sum;
}

static totals list(const settings *s, const tango_io_blob *b)
{
    char size[32];
    totals sum;
    if (s->json) {
        printf("{\"size\": %zu,\n \"values\": {", b->size);
        list_values(s, b);
        fputs("},\n \"tensors\": [", stdout);
        sum = list_tensors(s, b);
        printf("],\n \"numbers\": %.0f, \"damaged\": %zu}\n", sum.numbers, sum.bad);
        return sum;
    }
    cli_print(stdout, s->path);
    printf("  %s, %zu values, %zu tensors\n\n", bytes_text(size, (double)b->size),
           tango_io_blob_value_count(b), tango_io_blob_tensor_count(b));
    list_values(s, b);
    sum = list_tensors(s, b);
    printf("\n  %zu tensors, %.0f numbers, %s", sum.tensors, sum.numbers,
           bytes_text(size, (double)sum.bytes));
    if (s->check) printf(", %zu damaged", sum.bad);
    putchar('\n');
    return sum;
}

int main(int argc, char **argv)
{
    settings s = { NULL, NULL, 0, 1 };
    cli c = cli_begin(argc, argv, options);
    for (int id = cli_next(&c); id; id = cli_next(&c)) {
        switch (id) {
        case JSON: s.json = 1; break;
        case CHECK: s.check = 1; break;
        case NO_CHECK: s.check = 0; break;
        case 'h':
            cli_help(
                "inspect FILE.tango [FILTER] [options]",
                "Lists what a weights blob holds, or only names that contain FILTER.",
                options);
            return 0;
        default:
            if (!s.path) s.path = c.text;
            else if (!s.filter) s.filter = c.text;
            else cli_usage("one file and one filter, please; found \"%.60s\"", c.text);
        }
    }
    if (!s.path) cli_usage("no file given; -h lists the options");

    tango_io_file file;
    tango_io_blob blob;
    tango_error error;
    if (tango_io_map(&file, s.path, &error) != TANGO_OK) cli_fail("%s", error.text);
    if (tango_io_blob_open(&blob, file.data, file.size, &error) != TANGO_OK)
        cli_fail("%s: %s", s.path, error.text);
    totals sum = list(&s, &blob);
    tango_io_unmap(&file);
    if (fflush(stdout) != 0 || ferror(stdout))
        cli_fail("standard output: writing failed");
    return sum.bad != 0;
}
