/* inspect.c: lists what is in a weights blob, .npy, .pt or .png file.             MIT-0

       cc tools/inspect.c -lm -o inspect
       ./inspect demo/tiny.tango                   everything
       ./inspect demo/tiny.tango unet.conv         only names that contain unet.conv
       ./inspect --json demo/tiny.tango            for programs
       ./inspect --no-check demo/tiny.tango        header only: no tensor data is read
       ./inspect mel.npy                           shape, type, range; so with .pt, .png

   The kind of a file is known by its first bytes, not by its name. A blob that is whole
   but no model that generate would take is listed, and stderr says why.
   Exit status: 0 all is well, 1 the file is damaged (bad tensors are marked, the first is
   named on stderr) or no model, 2 wrong usage. */
#include "../demo/cli.h"
#include <float.h>
#include <math.h>
#define TANGO_IMPLEMENTATION
#include "../tango.h"
#include "../demo/clip.h"

enum { NO_CHECK = 256, CHECK, JSON };

static const char *const examples[] = {
    "inspect demo/tiny.tango",
    "inspect demo/tiny.tango vocoder --no-check",
    "inspect dog.npy --json",
    NULL,
};

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
    size_t left; /* numbers of arrays still to measure */
} settings;

typedef struct totals {
    size_t tensors, bytes, bad;
    double numbers;
    tango_error first; /* damage */
} totals;

/* What a look at every element of a tensor gives. */
typedef struct statistics {
    double low, high, norm; /* norm = square root of the sum of squares */
    int finite;
    uint64_t least, most; /* 64-bit integers, exact: bits with the sign bit turned */
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

static void add_number(statistics *s, double x)
{
    if (!(fabs(x) <= 1e300)) s->finite = 0;
    s->low = x < s->low ? x : s->low;
    s->high = x > s->high ? x : s->high;
    s->norm += x * x;
}

static unsigned long little(const unsigned char *p, size_t size)
{
    unsigned long bits = 0;
    while (size-- > 0) bits = bits << 8 | p[size];
    return bits;
}

/* Number (p, k, c) of blocks of integers: a scale times an integer. */
static double block_number(const tango_io_tensor *t, size_t panel, size_t k,
                           size_t column)
{
    size_t inputs = t->shape[1] * t->shape[2], size = tango_io_type_size(t->type);
    size_t blocks = (inputs + TANGO_IO_BLOCK - 1) / TANGO_IO_BLOCK;
    size_t bytes = 64 * blocks + 32 * size * ((inputs + 1) / 2);
    const unsigned char *block = (const unsigned char *)t->data + panel * bytes
                                 + k / TANGO_IO_BLOCK
                                       * (64 + 32 * size * (TANGO_IO_BLOCK / 2));
    size_t at = 64 + size * (k % TANGO_IO_BLOCK / 2 * 32 + column * 2 + k % 2);
    uint32_t bits = (uint32_t)little(block + column * 4, 4);
    long q = (long)little(block + at, size), half = size == 1 ? 128 : 32768;
    float scale;
    memcpy(&scale, &bits, sizeof scale);
    return (double)scale * (double)(q < half ? q : q - 2 * half);
}

/* Columns beyond the outputs of the last panel are padding and do not count. */
static statistics measure(const tango_io_tensor *t)
{
    statistics s = { HUGE_VAL, -HUGE_VAL, 0.0, 1, 0, 0 };
    if (t->layout == TANGO_IO_BLOCKS) {
        const size_t inputs = t->shape[1] * t->shape[2];
        for (size_t o = 0; inputs > 0 && o < t->shape[0]; o++)
            for (size_t k = 0; k < inputs; k++)
                add_number(&s, block_number(t, o / 16, k, o % 16));
        s.norm = sqrt(s.norm);
        return s;
    }
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
            add_number(&s, x);
        }
    }
    s.norm = sqrt(s.norm);
    return s;
}

static const char *layout_name(const tango_io_tensor *t)
{
    static const char *const names[] = { "plain", "panels", "blocks" };
    return names[t->layout];
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
           tango_io_type_name(t->type), layout_name(t),
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
           tango_io_type_name(t->type), layout_name(t));
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

/* ---- Arrays of other files -------------------------------------------------------- */

/* Byte offset of element number i, counted in row-major order. */
static size_t element_at(const tango_io_view *v, size_t i)
{
    size_t at = 0;
    for (size_t axis = v->rank; axis-- > 0; i /= v->shape[axis])
        at += i % v->shape[axis] * v->strides[axis];
    return at * tango_io_type_size(v->type);
}

/* One element of a type that float does not hold exactly. */
static double wide_element(const tango_io_view *v, size_t i, statistics *s)
{
    const unsigned char *p = v->data + element_at(v, i);
    uint64_t bits = 0, turned;
    double x;
    for (size_t k = tango_io_type_size(v->type); k-- > 0;) bits = bits << 8 | p[k];
    turned = v->type == TANGO_IO_I64 ? bits ^ (uint64_t)1 << 63 : bits;
    if (turned < s->least) s->least = turned;
    if (turned > s->most) s->most = turned;
    switch (v->type) {
    case TANGO_IO_I32: return (double)(int32_t)(uint32_t)bits;
    case TANGO_IO_I64: return (double)(int64_t)bits;
    case TANGO_IO_F64: memcpy(&x, &bits, sizeof x); return x;
    default: return (double)bits;
    }
}

static int is_wide(tango_io_type type)
{
    return type == TANGO_IO_I32 || type == TANGO_IO_I64 || type == TANGO_IO_U32
        || type == TANGO_IO_U64 || type == TANGO_IO_F64;
}

/* Whether an array is measured: all those of a .pt file together have at most as many
   numbers as it has bytes. A small one whose tensors show the same numbers over and over
   (expanded tensors have strides of 0) is no work without end. */
static int can_measure(settings *s, const tango_io_view *v)
{
    if (!s->check || v->count == 0 || v->count > s->left) return 0;
    s->left -= v->count;
    return 1;
}

static statistics measure_view(const tango_io_view *v)
{
    statistics s = { HUGE_VAL, -HUGE_VAL, 0.0, 1, UINT64_MAX, 0 };
    float chunk[1024];
    int wide = is_wide(v->type);
    for (size_t at = 0; at < v->count;) {
        size_t n = v->count - at < 1024 ? v->count - at : 1024;
        if (!wide) tango_io_view_read(chunk, v, at, n);
        for (size_t i = 0; i < n; i++) {
            double x = wide ? wide_element(v, at + i, &s) : (double)chunk[i];
            if (!(fabs(x) <= DBL_MAX)) s.finite = 0;
            s.low = x < s.low ? x : s.low;
            s.high = x > s.high ? x : s.high;
            s.norm += x * x;
        }
        at += n;
    }
    s.norm = sqrt(s.norm);
    return s;
}

/* A range's end: as many digits as the type has. */
static const char *number_text(char out[40], tango_io_type type, double x,
                               uint64_t turned)
{
    tango_io_json_writer w;
    tango_io_json_begin(&w, out, 40);
    if (type == TANGO_IO_I64)
        tango_io_json_put_i64(&w, (int64_t)(turned ^ (uint64_t)1 << 63));
    else if (type == TANGO_IO_U64) tango_io_json_put_u64(&w, turned);
    else tango_io_json_put_number(&w, x);
    if ((type == TANGO_IO_F64 && fabs(x) <= DBL_MAX) || type == TANGO_IO_I64
        || type == TANGO_IO_U64)
        tango_io_json_end(&w);
    else snprintf(out, 40, is_wide(type) ? "%.10g" : "%.9g", x);
    return out;
}

static void json_range(const char *key, tango_io_type type, double x, uint64_t turned)
{
    char text[40];
    int finite = fabs(x) <= DBL_MAX;
    printf(", \"%s\": %s", key, finite ? number_text(text, type, x, turned) : "null");
}

static void print_array(settings *s, const char *name, const tango_io_view *v)
{
    char shape[256] = "", size[32];
    for (size_t i = 0; i < v->rank; i++) {
        size_t n = strlen(shape);
        snprintf(shape + n, sizeof shape - n, i ? " x %zu" : "%zu", v->shape[i]);
    }
    fputs("  ", stdout);
    if (name[0]) {
        cli_print(stdout, name);
        fputs("  ", stdout);
    }
    printf("%s  %s  %s", v->rank ? shape : "scalar", tango_io_type_name(v->type),
           bytes_text(size, (double)v->count * (double)tango_io_type_size(v->type)));
    if (can_measure(s, v)) {
        statistics r = measure_view(v);
        char low[40], high[40];
        printf("  min %s  max %s  norm %.9g%s", number_text(low, v->type, r.low, r.least),
               number_text(high, v->type, r.high, r.most), r.norm,
               r.finite ? "" : "  NOT FINITE");
    } else if (s->check && v->count > 0) {
        fputs("  not measured: it shows some numbers again", stdout);
    }
    putchar('\n');
}

static void json_array(settings *s, const char *name, const tango_io_view *v)
{
    fputs("{\"name\": ", stdout);
    json_text(name);
    printf(", \"type\": \"%s\", \"shape\": [", tango_io_type_name(v->type));
    for (size_t i = 0; i < v->rank; i++) printf(i ? ", %zu" : "%zu", v->shape[i]);
    putchar(']');
    if (can_measure(s, v)) {
        statistics r = measure_view(v);
        json_range("min", v->type, r.low, r.least);
        json_range("max", v->type, r.high, r.most);
        json_number("norm", r.norm);
        printf(", \"finite\": %s", r.finite ? "true" : "false");
    }
    putchar('}');
}

/* The line above the arrays, and the one below (format NULL). */
static void frame_arrays(const settings *s, const char *format, const char *note,
                         size_t size)
{
    char text[32];
    if (s->json && format)
        printf("{\"format\": \"%s\", \"size\": %zu, \"arrays\": [", format, size);
    else if (s->json) puts("]}");
    else if (format) {
        cli_print(stdout, s->path);
        printf("  %s%s  %s\n", format, note, bytes_text(text, (double)size));
    }
}

static void list_array(settings *s, const char *name, const tango_io_view *v,
                       int first)
{
    if (!s->json) {
        print_array(s, name, v);
        return;
    }
    fputs(first ? "\n  " : ",\n  ", stdout);
    json_array(s, name, v);
}

static void inspect_npy(settings *s, const tango_io_file *file)
{
    tango_io_npy npy;
    tango_io_view view;
    tango_error error;
    if (tango_io_npy_parse(&npy, file->data, file->size, &error) != TANGO_OK)
        cli_fail_file(s->path, error.text);
    tango_io_npy_view(&view, &npy);
    frame_arrays(s, "npy", npy.fortran ? ", fortran order" : "", file->size);
    list_array(s, "", &view, 1);
    frame_arrays(s, NULL, "", 0);
}

static void *room(const settings *s, size_t size)
{
    void *block = malloc(size ? size : 1);
    if (!block) cli_fail("%s: no memory for %zu bytes", s->path, size);
    return block;
}

static void inspect_torch(settings *s, const tango_io_file *file)
{
    tango_io_torch torch;
    tango_io_torch_tensor t;
    tango_error error;
    size_t size, first = 1;
    if (tango_io_torch_work_size(&size, file->data, file->size, &error) != TANGO_OK)
        cli_fail_file(s->path, error.text);
    void *work = room(s, size);
    if (tango_io_torch_open(&torch, file->data, file->size, work, size, &error)
        != TANGO_OK)
        cli_fail_file(s->path, error.text);
    if (torch.count == 0) tango_io_torch_enter(&torch, "state_dict");
    s->left = file->size;
    frame_arrays(s, "torch", "", file->size);
    for (size_t i = 0; i < torch.count; i++) {
        tango_io_torch_tensor_at(&torch, i, &t);
        if (s->filter && !strstr(t.name, s->filter)) continue;
        list_array(s, t.name, &t.view, first != 0);
        first = 0;
    }
    frame_arrays(s, NULL, "", 0);
    free(work);
}

/* A PNG as an array (height, width) or (height, width, channels). */
static void inspect_png(settings *s, const tango_io_file *file)
{
    tango_io_png png;
    tango_io_view v;
    tango_error error;
    if (tango_io_png_open(&png, file->data, file->size, &error) != TANGO_OK)
        cli_fail_file(s->path, error.text);
    unsigned char *pixels = (unsigned char *)room(s, s->check ? png.size : 1);
    void *work = room(s, png.work_size);
    if (s->check
        && tango_io_png_read(pixels, &png, work, png.work_size, &error) != TANGO_OK)
        cli_fail_file(s->path, error.text);
    memset(&v, 0, sizeof v);
    v.data = pixels;
    v.type = png.spec.bits == 16 ? TANGO_IO_U16 : TANGO_IO_U8;
    v.rank = png.spec.channels == 1 ? 2 : 3;
    v.shape[0] = png.spec.height;
    v.shape[1] = png.spec.width;
    v.shape[2] = v.rank == 3 ? png.spec.channels : 0;
    v.count = png.size / tango_io_type_size(v.type);
    v.strides[0] = v.count / v.shape[0];
    v.strides[1] = png.spec.channels;
    v.strides[2] = v.rank == 3;
    for (size_t i = 0; s->check && v.type == TANGO_IO_U16 && i < v.count; i++) {
        uint16_t sample;                 /* views are little-endian, samples are not */
        memcpy(&sample, pixels + 2 * i, 2);
        pixels[2 * i] = (unsigned char)(sample & 255);
        pixels[2 * i + 1] = (unsigned char)(sample >> 8);
    }
    frame_arrays(s, "png", "", file->size);
    list_array(s, "", &v, 1);
    frame_arrays(s, NULL, "", 0);
    free(work);
    free(pixels);
}

/* 1 if the file is one of these and has been listed; 0: then it should be a blob. */
static int inspect_other(settings *s, const tango_io_file *file)
{
    if (file->size >= 6 && memcmp(file->data, "\x93NUMPY", 6) == 0)
        inspect_npy(s, file);
    else if (file->size >= 4 && memcmp(file->data, "PK\3\4", 4) == 0)
        inspect_torch(s, file);
    else if (file->size >= 8 && memcmp(file->data, "\x89PNG\r\n\x1a\n", 8) == 0)
        inspect_png(s, file);
    else return 0;
    return 1;
}

/* ---- What kind of model it is ----------------------------------------------------- */

/* What inspect says of a model before its values and tensors. */
typedef struct part_sums { unsigned part; size_t tensors; double numbers; } part_sums;

static part_sums sum_part(const tango_io_blob *b, unsigned part)
{
    part_sums sum = { part, 0, 0.0 };
    tango_io_tensor t;
    for (size_t i = 0; i < tango_io_blob_tensor_count(b); i++) {
        tango_io_blob_tensor(b, i, &t);
        if (tango_part_of(t.name) != part) continue;
        sum.tensors++;
        sum.numbers += element_count(&t);
    }
    return sum;
}

/* The text of a string value; "" where there is none. */
static const char *string_of(const tango_io_blob *b, const char *key)
{
    tango_io_value v;
    if (!tango_io_blob_value(b, key, &v) || v.type != TANGO_IO_STRING) return "";
    return (const char *)v.data;
}

/* What stands behind a part's name: the kind of network. */
static void part_kind(char *out, size_t size, const tango_model *m, unsigned part)
{
    const char *const type = string_of(&m->blob, "text.type");
    const tango_unet_config *u = &m->unet;
    *out = '\0';
    if (part == TANGO_PART_TEXT)
        snprintf(out, size, "%s, %zu layers, width %zu", *type ? type : "t5",
                 m->text.layers, m->text.width);
    else if (part == TANGO_PART_UNET)
        snprintf(out, size, "%zu to %zu channels%s%s", u->channels[0],
                 u->channels[u->levels - 1],
                 u->class_width ? ", film" : u->adapters ? ", adapters" : "",
                 u->guidance == TANGO_GUIDANCE_NONE ? "" : ", guidance is an input");
    else if (part == TANGO_PART_VAE)
        snprintf(out, size, "%zu latent channels", m->vae.latent_channels);
    else if (part == TANGO_PART_VOCODER)
        snprintf(out, size, "HiFi-GAN, %zu mels", m->vocoder.mels);
    else if (part == TANGO_PART_RANK)
        snprintf(out, size, "CLAP, %zu Hz", m->rank.rate);
}

/* What a run does that says nothing; 0 where the model has no such part. */
static int default_params(tango_params *out, const tango_model *m)
{
    tango_params p;
    tango_plan plan;
    tango_error error;
    memset(&p, 0, sizeof p);
    p.prompt = "";
    if (tango_check_parts(m, TANGO_PART_TEXT | TANGO_PART_UNET | TANGO_PART_VAE, &error)
        != TANGO_OK)
        return 0;
    if (!(m->parts & TANGO_PART_VOCODER)) p.vocoder = TANGO_GRIFFIN_LIM;
    if (tango_prepare(&plan, m, &p, &error) != TANGO_OK) return 0;
    *out = plan.params;
    return 1;
}

static void print_model(const tango_model *m)
{
    tango_params p;
    char kind[96];
    const char *const layout = string_of(&m->blob, "tango.layout");
    if (*layout) printf("  layout    %s\n", layout);
    for (unsigned part = 1; *tango_part_name(part); part <<= 1) {
        part_sums sum = sum_part(&m->blob, part);
        if (!(m->parts & part)) continue;
        part_kind(kind, sizeof kind, m, part);
        printf("  %-8s  %s, %.4g M numbers in %zu tensors\n", tango_part_name(part), kind,
               sum.numbers / 1e6, sum.tensors);
    }
    if (!default_params(&p, m)) return;
    printf("  defaults  %s, %zu steps, guidance %g", tango_sampler_name(p.sampler),
           p.steps, p.guidance);
    if (p.rescale > 0.0) printf(" rescaled %g", p.rescale);
    if (p.sampler == TANGO_DDIM) printf(", eta %g", p.eta > 0.0 ? p.eta : 0.0);
    printf(", %g s", p.seconds);
    if (p.crop > 0.0) printf(" cut to %g s", p.crop);
    printf(", %s\n", tango_vocoder_name(p.vocoder));
}

static void json_model(const tango_model *m)
{
    tango_params p;
    char kind[96];
    int first = 1;
    printf(" \"model\": {\"layout\": ");
    json_text(string_of(&m->blob, "tango.layout"));
    printf(", \"parts\": {");
    for (unsigned part = 1; *tango_part_name(part); part <<= 1) {
        part_sums sum = sum_part(&m->blob, part);
        if (!(m->parts & part)) continue;
        part_kind(kind, sizeof kind, m, part);
        printf("%s\"%s\": {\"kind\": ", first ? "" : ", ", tango_part_name(part));
        json_text(kind);
        printf(", \"tensors\": %zu, \"numbers\": %.0f}", sum.tensors, sum.numbers);
        first = 0;
    }
    printf("}, \"defaults\": ");
    if (default_params(&p, m))
        printf("{\"sampler\": \"%s\", \"steps\": %zu, \"guidance\": %.17g, "
               "\"rescale\": %.17g, \"eta\": %.17g, \"seconds\": %.17g, "
               "\"crop\": %.17g, \"vocoder\": \"%s\"}",
               tango_sampler_name(p.sampler), p.steps, p.guidance,
               p.rescale > 0.0 ? p.rescale : 0.0, p.eta > 0.0 ? p.eta : 0.0, p.seconds,
               p.crop > 0.0 ? p.crop : 0.0, tango_vocoder_name(p.vocoder));
    else printf("null");
    puts("},");
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
    totals sum = { 0, 0, 0, 0.0, { "" } };
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
        if (bad && sum.bad == 0) sum.first = error;
        sum.tensors++;
        sum.bytes += t.size;
        sum.bad += (size_t)bad;
        sum.numbers += element_count(&t);
    }
    return sum;
}

/* refusal: why it is no model, or "" and the model. */
static totals list(const settings *s, const tango_io_blob *b, const tango_model *model,
                   const char *refusal)
{
    char size[32];
    totals sum;
    if (s->json) {
        printf("{\"size\": %zu,\n", b->size);
        if (*refusal == '\0') json_model(model);
        fputs(" \"values\": {", stdout);
        list_values(s, b);
        fputs("},\n \"tensors\": [", stdout);
        sum = list_tensors(s, b);
        printf("],\n \"numbers\": %.0f, \"damaged\": %zu, \"refused\": ", sum.numbers,
               sum.bad);
        json_text(refusal);
        puts("}");
        return sum;
    }
    cli_print(stdout, s->path);
    printf("  %s, %zu values, %zu tensors\n\n", bytes_text(size, (double)b->size),
           tango_io_blob_value_count(b), tango_io_blob_tensor_count(b));
    if (*refusal == '\0' && !s->filter) {
        print_model(model);
        putchar('\n');
    }
    list_values(s, b);
    sum = list_tensors(s, b);
    printf("\n  %zu tensors, %.0f numbers, %s", sum.tensors, sum.numbers,
           bytes_text(size, (double)sum.bytes));
    if (s->check) printf(", %zu damaged", sum.bad);
    putchar('\n');
    return sum;
}

/* What was asked for and changes nothing. */
static void note_idle(const settings *s, const cli *c, const tango_io_file *file)
{
    static const int check[] = { CHECK, 0 }, no_check[] = { NO_CHECK, 0 };
    const int nameless =        /* .npy and .png by their first byte */
        file->size > 0 && (file->data[0] == 0x93 || file->data[0] == 0x89);
    if (cli_given(c, CHECK) && cli_given(c, NO_CHECK))
        cli_idle(c, s->check ? no_check : check, "its opposite comes later");
    if (s->filter && nameless)
        cli_note("the filter has no effect: this file holds one array without a name");
}

int main(int argc, char **argv)
{
    settings s = { NULL, NULL, 0, 1, SIZE_MAX };
    cli c = cli_begin(argc, argv, options);
    for (int id = cli_next(&c); id; id = cli_next(&c)) {
        switch (id) {
        case JSON: s.json = 1; break;
        case CHECK: s.check = 1; break;
        case NO_CHECK: s.check = 0; break;
        case 'h':
            cli_help(
                "inspect FILE [FILTER] [options]",
                "Lists what a weights blob, .npy, .pt or .png file holds, or standard "
                "input, -,\nor only names that contain FILTER.",
                examples, options);
            return 0;
        default:
            if (!s.path) s.path = c.text;
            else if (!s.filter) s.filter = c.text;
            else cli_usage("one file and one filter, please; found \"%.60s\"", c.text);
        }
    }
    if (!s.path) cli_usage("no file given; -h lists the options");

    clip_bytes bytes;
    tango_io_blob blob;
    tango_model model;
    tango_error error, refusal = { "" };
    clip_open_bytes(&bytes, s.path, &error);
    const tango_io_file file = bytes.file;
    totals sum = { 0, 0, 0, 0.0, { "" } };
    note_idle(&s, &c, &file);
    if (!inspect_other(&s, &file)) {
        if (tango_io_blob_open(&blob, file.data, file.size, &error) != TANGO_OK)
            cli_fail_file(s.path, error.text);
        if (tango_open(&model, file.data, file.size, &error) != TANGO_OK) refusal = error;
        sum = list(&s, &blob, &model, refusal.text);
    }
    clip_close_bytes(&bytes);
    cli_flush();
    if (sum.bad > 1)
        cli_fail("%s: %s, and %zu more tensors", s.path, sum.first.text, sum.bad - 1);
    if (sum.bad == 1) cli_fail_file(s.path, sum.first.text);
    if (refusal.text[0]) cli_fail_file(s.path, refusal.text);
    return 0;
}
