/* clang -g -O1 -fsanitize=fuzzer,address,undefined -I../.. wav.c -o fuzz_wav
   ./fuzz_wav -max_total_time=60 -max_len=4096 */
#define TANGO_IO_IMPLEMENTATION
#include "../../tango_io.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

/* A reader that gives a few bytes at a time. */
typedef struct source { const unsigned char *at; size_t left, step; } source;

static tango_result give(void *context, void *buffer, size_t size, size_t *got,
                         tango_error *error)
{
    source *from = (source *)context;
    size_t i;
    (void)error;
    if (size > from->step) size = from->step;
    if (size > from->left) size = from->left;
    for (i = 0; i < size; i++) ((unsigned char *)buffer)[i] = from->at[i];
    from->at += size;
    from->left -= size;
    *got = size;
    return TANGO_OK;
}

static void drain(tango_io_sound *sound, int how)
{
    static double out[64 * 256];
    tango_error error;
    size_t size = tango_io_sound_work_size(sound), got = 0;
    uint64_t skipped;
    void *work = malloc(size ? size : 1);
    tango_result r = tango_io_sound_start(sound, work, size, &error);
    if (how == 1) r = tango_io_sound_skip(sound, 100, &skipped, &error);
    while (r == TANGO_OK) {
        if (how == 0) r = tango_io_sound_read_double(sound, out, 64, &got, &error);
        else if (how == 1)
            r = tango_io_sound_read_float(sound, (float *)out, 64, &got, &error);
        else r = tango_io_sound_read_int(sound, (int32_t *)out, 64, &got, &error);
        if (r == TANGO_OK && got < 64) break;
    }
    free(work);
}

/* Every tag lies in the file. */
static void read_tags(const unsigned char *data, size_t size)
{
    tango_io_tags tags;
    tango_io_tag tag;
    tango_error error;
    if (tango_io_tags_open(&tags, data, size, &error) != TANGO_OK) return;
    while (tango_io_tags_next(&tags, &tag)) {
        const unsigned char *text = (const unsigned char *)tag.text;
        if (tag.name_size == 0 || text < data || text > data + size ||
            tag.text_size > (size_t)(data + size - text))
            abort();
    }
}

static void try_all(const unsigned char *data, size_t size)
{
    static tango_io_sound sound;
    tango_error error;
    source from = { data, size, 3 };
    read_tags(data, size);
    if (tango_io_sound_open_memory(&sound, data, size, 0, &error) == TANGO_OK)
        drain(&sound, 0);
    if (tango_io_sound_open_memory(&sound, data, size, 1, &error) == TANGO_OK)
        drain(&sound, 1);
    if (tango_io_sound_open(&sound, give, &from, UINT64_MAX, 1, &error) == TANGO_OK)
        drain(&sound, 2);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    try_all(data, size);
    return 0;
}
