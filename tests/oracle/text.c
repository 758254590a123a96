/* text: states of a blob's text encoder, for text.py.    cc -I. tests/oracle/text.c -lm -o text
   ./text BLOB IN OUT: IN is batch, tokens, a count for each row, then the ids, all int32; OUT the states as float32. */
#define TANGO_IMPLEMENTATION
#include "tango.h"
#include <stdio.h>
#include <stdlib.h>

static int failed(const char *what)
{
    fprintf(stderr, "%s\n", what);
    return 1;
}

int main(int argc, char **argv)
{
    tango_io_file file, in;
    tango_model model;
    tango_error error;
    tango_arena arena;
    tango_params p;
    tango__net net;
    FILE *to;
    if (argc != 4) return 2;
    if (tango_io_map(&file, argv[1], &error) != TANGO_OK || tango_io_map(&in, argv[2], &error) != TANGO_OK) return failed(error.text);
    if (tango_open(&model, file.data, file.size, &error) != TANGO_OK) return failed(error.text);
    const int32_t *head = (const int32_t *)(const void *)in.data;
    const size_t batch = (size_t)head[0], tokens = (size_t)head[1];
    const int clap = model.text.type == TANGO_TEXT_CLAP;
    const size_t total = batch * (clap ? model.text.projection : tokens * model.text.width);
    float *out = (float *)malloc(total * sizeof *out);
    size_t counts[16];
    for (size_t b = 0; b < batch; b++) counts[b] = (size_t)head[2 + b];
    memset(&p, 0, sizeof p);
    memset(&arena, 0, sizeof arena);
    for (int real = 0; real < 2; real++) { /* measured first */
        if (real) tango__arena_over(&arena, malloc(arena.peak + 4096), arena.peak + 4096);
        tango__net_begin(&net, &model, &p, &arena, &error);
        tango__encode_text(&net, real ? out : NULL, real ? head + 2 + batch : NULL, batch, tokens, counts);
        if (net.result != TANGO_OK) return failed(error.text);
    }
    to = fopen(argv[3], "wb");
    if (to == NULL || fwrite(out, sizeof *out, total, to) != total || fclose(to) != 0) return failed(argv[3]);
    return 0;
}
