/* formats: the readers and writers of tango_io.h from the command line, for formats.py.
   cc -I. tests/oracle/formats.c -lm -o formats

   Reading prints one line of JSON about the file, then the numbers as raw bytes:
       npy|pt|safetensors FILE... float32
       png|wav FILE...            samples, doubles (wav and flac)
       json|csv FILE...           the document again, the rows as arrays
   Writing takes raw bytes:
       write npy|pt|png|wav KIND SHAPE... IN OUT   KIND: type, bits or WAV format by number
   Every file ends with the line "ok", or is one line "error TEXT". */
#define TANGO_IO_IMPLEMENTATION
#include "tango_io.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static tango_error error;

static void *room(size_t size)
{
    void *p = malloc(size ? size : 1);
    if (!p) exit(3);
    return p;
}

static void put_view(const char *name, const tango_io_view *v)
{
    float *x = (float *)room(v->count * sizeof *x);
    tango_io_view_read(x, v, 0, v->count);
    printf("{\"name\": \"%s\", \"type\": \"%s\", \"shape\": [", name,
           tango_io_type_name(v->type));
    for (size_t i = 0; i < v->rank; i++) printf("%s%zu", i ? ", " : "", v->shape[i]);
    printf("]}\n");
    fwrite(x, sizeof *x, v->count, stdout);
    free(x);
}

static tango_result read_npy(const tango_io_file *f)
{
    tango_io_npy npy;
    tango_io_view v;
    tango_result r = tango_io_npy_parse(&npy, f->data, f->size, &error);
    if (r != TANGO_OK) return r;
    tango_io_npy_view(&v, &npy);
    put_view("", &v);
    return r;
}

static tango_result read_pt(const tango_io_file *f)
{
    tango_io_torch torch;
    tango_io_torch_tensor t;
    size_t need;
    tango_result r = tango_io_torch_work_size(&need, f->data, f->size, &error);
    if (r != TANGO_OK) return r;
    void *work = room(need);
    r = tango_io_torch_open(&torch, f->data, f->size, work, need, &error);
    for (size_t i = 0; r == TANGO_OK && i < torch.count; i++) {
        tango_io_torch_tensor_at(&torch, i, &t);
        put_view(t.name, &t.view);
    }
    free(work);
    return r;
}

static tango_result read_safetensors(const tango_io_file *f)
{
    tango_io_safetensors s;
    tango_io_safetensor t;
    size_t need;
    tango_result r = tango_io_safetensors_work_size(&need, f->data, f->size, &error);
    if (r != TANGO_OK) return r;
    void *work = room(need);
    r = tango_io_safetensors_open(&s, f->data, f->size, work, need, &error);
    for (size_t i = 0; r == TANGO_OK && i < s.count; i++) {
        tango_io_safetensors_at(&s, i, &t);
        put_view(t.name, &t.view);
    }
    for (size_t i = 0; r == TANGO_OK && i < s.metadata_count; i++) {
        const char *key, *value;
        tango_io_safetensors_metadata_at(&s, i, &key, &value);
        printf("{\"name\": \"%s\", \"type\": \"%s\", \"shape\": [0]}\n", key, value);
    }
    free(work);
    return r;
}

static tango_result read_png(const tango_io_file *f)
{
    tango_io_png png;
    tango_result r = tango_io_png_open(&png, f->data, f->size, &error);
    if (r != TANGO_OK) return r;
    void *work = room(png.work_size), *pixels = room(png.size);
    r = tango_io_png_read(pixels, &png, work, png.work_size, &error);
    if (r == TANGO_OK) {
        printf("{\"shape\": [%u, %u, %u], \"bits\": %u}\n", (unsigned)png.spec.height,
               (unsigned)png.spec.width, (unsigned)png.spec.channels,
               (unsigned)png.spec.bits);
        fwrite(pixels, 1, png.size, stdout);
    }
    free(pixels);
    free(work);
    return r;
}

static tango_result read_wav(const tango_io_file *f)
{
    tango_io_sound s;
    size_t got = 512, frames = 0, need;
    tango_result r = tango_io_sound_open_memory(&s, f->data, f->size, 0, &error);
    if (r != TANGO_OK) return r;
    need = tango_io_sound_work_size(&s);
    void *work = room(need);
    double *x = (double *)room(512 * s.info.channels * sizeof *x), *all = NULL;
    r = tango_io_sound_start(&s, work, need, &error);
    while (r == TANGO_OK && got == 512) {
        r = tango_io_sound_read_double(&s, x, 512, &got, &error);
        if (r != TANGO_OK) break;
        all = (double *)realloc(all, (frames + 512) * s.info.channels * sizeof *x);
        if (!all) exit(3);
        memcpy(all + frames * s.info.channels, x, got * s.info.channels * sizeof *x);
        frames += got;
    }
    if (r == TANGO_OK) {
        printf("{\"shape\": [%zu, %zu], \"rate\": %u, \"bits\": %u, \"floats\": %d}\n",
               frames, s.info.channels, (unsigned)s.info.rate, s.info.bits,
               s.info.floats);
        fwrite(all, sizeof *all, frames * s.info.channels, stdout);
    }
    free(all);
    free(x);
    free(work);
    return r;
}

/* Writes node `at` again; returns the node behind it. */
static size_t again(tango_io_json_writer *w, const tango_io_json *j, size_t at)
{
    const tango_io_json_node *n = &j->nodes[at];
    char *text = (char *)room((size_t)n->size + 1);
    double number = 0.0;
    int64_t whole;
    uint64_t large;
    int yes = 0;
    size_t next = at + 1;
    switch (n->type) {
    case TANGO_IO_JSON_OBJECT:
        tango_io_json_open_object(w);
        while (next < n->next) {
            char *key = (char *)room((size_t)j->nodes[next].size + 1);
            if (!tango_io_json_string(j, next, key, (size_t)j->nodes[next].size + 1)) {
                strcpy(key, "NUL");
            }
            tango_io_json_put_key(w, key);
            free(key);
            next = again(w, j, next + 1);
        }
        tango_io_json_close(w);
        break;
    case TANGO_IO_JSON_ARRAY:
        tango_io_json_open_array(w);
        while (next < n->next) next = again(w, j, next);
        tango_io_json_close(w);
        break;
    case TANGO_IO_JSON_STRING:
        if (!tango_io_json_string(j, at, text, (size_t)n->size + 1)) strcpy(text, "NUL");
        tango_io_json_put_string(w, text);
        break;
    case TANGO_IO_JSON_NUMBER:
        if (tango_io_json_i64(j, at, &whole)) {
            tango_io_json_put_i64(w, whole);
        } else if (tango_io_json_u64(j, at, &large)) {
            tango_io_json_put_u64(w, large);
        } else {
            tango_io_json_number(j, at, &number);
            tango_io_json_put_number(w, number);
        }
        break;
    case TANGO_IO_JSON_BOOL:
        tango_io_json_bool(j, at, &yes);
        tango_io_json_put_bool(w, yes);
        break;
    default: tango_io_json_put_null(w);
    }
    free(text);
    return next;
}

static tango_result read_json(const tango_io_file *f)
{
    tango_io_json j;
    tango_io_json_writer w;
    size_t need, most = 64 + 32 * f->size;
    tango_result r = tango_io_json_work_size(&need, f->data, f->size, &error);
    if (r != TANGO_OK) return r;
    void *work = room(need);
    char *text = (char *)room(most);
    r = tango_io_json_parse(&j, f->data, f->size, work, need, &error);
    if (r == TANGO_OK) {
        tango_io_json_begin(&w, text, most);
        again(&w, &j, 0);
        if (tango_io_json_end(&w) == 0) exit(4);
        puts(text);
    }
    free(text);
    free(work);
    return r;
}

static tango_result read_csv(const tango_io_file *f)
{
    tango_io_csv csv;
    tango_io_csv_field row[TANGO_IO_CSV_COLUMNS_MAX];
    tango_io_json_writer w;
    size_t most = 64 + 16 * f->size;
    int more = 1;
    tango_result r = tango_io_csv_open(&csv, f->data, f->size, &error);
    if (r != TANGO_OK) return r;
    char *text = (char *)room(most), *field = (char *)room(f->size + 1);
    tango_io_json_begin(&w, text, most);
    tango_io_json_open_array(&w);
    while ((r = tango_io_csv_next(&csv, row, &more, &error)) == TANGO_OK && more) {
        tango_io_json_open_array(&w);
        for (size_t i = 0; i < csv.columns; i++) {
            if (!tango_io_csv_text(&row[i], field, f->size + 1)) exit(4);
            tango_io_json_put_string(&w, field);
        }
        tango_io_json_close(&w);
    }
    tango_io_json_close(&w);
    if (tango_io_json_end(&w) == 0) exit(4);
    if (r == TANGO_OK) puts(text);
    free(field);
    free(text);
    return r;
}

static tango_result write_file(const char *format, int kind, const size_t *shape,
                               size_t rank, const tango_io_file *in, const char *to)
{
    tango_io_output out;
    tango_result r = tango_io_create(&out, to, &error);
    if (r != TANGO_OK) return r;
    if (strcmp(format, "npy") == 0) {
        r = tango_io_npy_write(&out, (tango_io_type)kind, in->data, shape, rank, &error);
    } else if (strcmp(format, "pt") == 0) {
        r = tango_io_torch_write(&out, (tango_io_type)kind, in->data, shape, rank,
                                 &error);
    } else if (strcmp(format, "png") == 0) {
        tango_io_png_spec s = { (uint32_t)shape[1], (uint32_t)shape[0],
                                (uint32_t)shape[2], (uint32_t)kind };
        size_t need;
        r = tango_io_png_write_work_size(&need, &s, &error);
        void *work = room(need);
        if (r == TANGO_OK) r = tango_io_png_write(&out, in->data, &s, work, need, &error);
        free(work);
    } else {
        tango_io_wav wav;
        tango_io_wav_spec s = { shape[1], (uint32_t)shape[2], (tango_io_wav_format)kind,
                                1, shape[0], NULL, 0 };
        r = tango_io_wav_begin(&wav, &out, &s, &error);
        if (r == TANGO_OK)
            r = tango_io_wav_frames_double(&wav, (const double *)(const void *)in->data,
                                           shape[0], &error);
        if (r == TANGO_OK) r = tango_io_wav_end(&wav, &error);
    }
    if (r == TANGO_OK) r = tango_io_commit(&out, &error);
    if (r != TANGO_OK) tango_io_abandon(&out);
    return r;
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        tango_result (*read)(const tango_io_file *);
    } readers[] = { { "npy", read_npy }, { "pt", read_pt }, { "png", read_png },
                    { "wav", read_wav }, { "json", read_json }, { "csv", read_csv },
                    { "safetensors", read_safetensors } };
    size_t shape[TANGO_IO_RANK_MAX], rank = 0, k = 0;
    tango_io_file file;
    if (argc < 3) return 2;
    if (strcmp(argv[1], "write") == 0) {
        if (argc < 6 || argc - 6 > TANGO_IO_RANK_MAX) return 2;
        for (int i = 4; i < argc - 2; i++) shape[rank++] = strtoul(argv[i], NULL, 10);
        tango_result r = tango_io_map(&file, argv[argc - 2], &error);
        if (r == TANGO_OK) {
            r = write_file(argv[2], atoi(argv[3]), shape, rank, &file, argv[argc - 1]);
            tango_io_unmap(&file);
        }
        puts(r == TANGO_OK ? "ok" : error.text);
        return r != TANGO_OK;
    }
    const size_t count = sizeof readers / sizeof readers[0];
    while (k < count && strcmp(argv[1], readers[k].name) != 0) k++;
    if (k == count) return 2;
    for (int i = 2; i < argc; i++) {
        tango_result r = tango_io_map(&file, argv[i], &error);
        if (r == TANGO_OK) {
            r = readers[k].read(&file);
            tango_io_unmap(&file);
        }
        if (r == TANGO_OK) puts("ok");
        else printf("error %s\n", error.text);
    }
    return 0;
}
