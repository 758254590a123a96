/* rank: the audio tower of CLAP from the command line, for rank.py.
   cc -I. tests/oracle/rank.c -lm -o rank

       rank MODEL.tango wave RATE WAVES.npy OUT.npy   (n, samples) -> vectors (n, P)
       rank MODEL.tango mel MELS.npy OUT.npy          (n, frames, mels) -> vectors (n, P)
       rank MODEL.tango score RATE WAVES.npy OUT.npy PROMPT         -> scores (n)

   Prints the bytes of memory that each took. */
#define TANGO_IMPLEMENTATION
#include "tango.h"
#include <stdio.h>
#include <stdlib.h>

static tango_error error;

static void stop(const char *what)
{
    fprintf(stderr, "rank: %s: %s\n", what, error.text);
    exit(1);
}

static void *room(size_t size)
{
    void *p = malloc(size ? size : 1);
    if (!p) exit(3);
    return p;
}

static float *load(const char *path, tango_io_npy *npy)
{
    tango_io_file file;
    tango_io_view view;
    float *x;
    if (tango_io_map(&file, path, &error) != TANGO_OK
        || tango_io_npy_parse(npy, file.data, file.size, &error) != TANGO_OK)
        stop(path);
    tango_io_npy_view(&view, npy);
    x = (float *)room(npy->count * sizeof *x);
    tango_io_view_read(x, &view, 0, npy->count);
    return x;
}

static void save(const char *path, const float *x, size_t n, size_t width)
{
    const size_t shape[2] = { n, width };
    tango_io_output out;
    if (tango_io_create(&out, path, &error) != TANGO_OK
        || tango_io_npy_write(&out, TANGO_IO_F32, x, shape, 2, &error) != TANGO_OK
        || tango_io_commit(&out, &error) != TANGO_OK)
        stop(path);
}

/* Vectors of waves or, where samples is 0, of mels. */
static void vectors(float *out, const float *x, const tango_model *m, tango_ranking *r)
{
    const size_t mels = m->rank.frames * m->rank.mels;
    const tango_params p = { 0 };
    float *mel = (float *)room(mels * sizeof *mel);
    for (size_t i = 0; i < r->count; i++) {
        unsigned char *memory = NULL;
        tango_arena arena = { 0 };
        tango__net net;
        for (size_t size = 0;; size = arena.peak + 64) {
            if (size != 0) memory = (unsigned char *)room(size);
            if (size != 0) tango__arena_over(&arena, memory, size);
            tango__net_begin(&net, m, &p, &arena, &error);
            if (r->samples == 0) memcpy(mel, x + i * mels, mels * sizeof *mel);
            else tango__rank_features(&net, mel, x + i * r->samples, r);
            tango__rank_vector(&net, out + i * m->rank.projection, mel);
            if (net.result != TANGO_OK) stop("the tower");
            if (memory != NULL) break;
        }
        if (i == 0) printf("%zu bytes\n", arena.peak);
        free(memory);
    }
    free(mel);
}

int main(int argc, char **argv)
{
    tango_io_file file;
    tango_model m;
    tango_io_npy npy;
    tango_ranking r = { 0 };
    float *x, *out;
    const int waves = argc > 2 && argv[2][0] != 'm';
    if (argc < 5 + waves) return 2;
    if (tango_io_map(&file, argv[1], &error) != TANGO_OK
        || tango_open(&m, file.data, file.size, &error) != TANGO_OK)
        stop(argv[1]);
    x = load(argv[3 + waves], &npy);
    r.count = npy.shape[0];
    if (waves) r.samples = npy.shape[1], r.rate = (size_t)atoi(argv[3]);
    out = (float *)room(r.count * m.rank.projection * sizeof *out);
    if (argv[2][0] == 's') {
        size_t size = 0;
        r.prompt = argv[6];
        if (argc != 7 || tango_rank_memory(&size, &m, &r, &error) != TANGO_OK
            || tango_rank(out, x, &m, &r, room(size), size, &error) != TANGO_OK)
            stop("scores");
        printf("%zu bytes\n", size);
        save(argv[5], out, r.count, 1);
        return 0;
    }
    vectors(out, x, &m, &r);
    save(argv[4 + waves], out, r.count, m.rank.projection);
    return 0;
}
