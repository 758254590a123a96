/* clang -g -O1 -fsanitize=fuzzer,address,undefined -I../.. safetensors.c -o fuzz_st
   ./fuzz_st -max_total_time=60 -max_len=4096 [folder with .safetensors files]

   Each input is tried as a file, as the header of one with a right size, and as a list of
   shards. */
#define TANGO_IO_IMPLEMENTATION
#include "../../tango_io.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

static void read_file(const unsigned char *p, size_t size)
{
    tango_io_safetensors file;
    tango_io_safetensor t;
    tango_error error;
    const char *key, *value;
    size_t need, i;
    float x;
    void *work;
    if (tango_io_safetensors_work_size(&need, p, size, &error) != TANGO_OK) return;
    if (need > 4 * size + 64) __builtin_trap();
    work = malloc(need);
    if (work &&
        tango_io_safetensors_open(&file, p, size, work, need, &error) == TANGO_OK) {
        for (i = 0; i < file.count; i++) {
            tango_io_safetensors_at(&file, i, &t);
            if (!tango_io_safetensors_find(&file, t.name, &t)) __builtin_trap();
            if (t.view.data < p || t.size > size) __builtin_trap();
            if (t.view.data + t.size > p + size) __builtin_trap();
            if (t.view.count > 0) tango_io_view_read(&x, &t.view, t.view.count - 1, 1);
        }
        for (i = 0; i < file.metadata_count; i++) {
            tango_io_safetensors_metadata_at(&file, i, &key, &value);
            if (tango_io_safetensors_metadata(&file, key) != value) __builtin_trap();
        }
    }
    free(work);
}

static void read_shards(const unsigned char *p, size_t size)
{
    tango_io_shards shards;
    tango_error error;
    const char *name, *file;
    size_t need, i;
    void *work;
    if (tango_io_shards_work_size(&need, p, size, &error) != TANGO_OK) return;
    if (need > 4 * size + 64) __builtin_trap();
    work = malloc(need);
    if (work && tango_io_shards_open(&shards, p, size, work, need, &error) == TANGO_OK) {
        for (i = 0; i < shards.count; i++) {
            name = tango_io_shards_at(&shards, i, &file);
            if (tango_io_shards_find(&shards, name) != file) __builtin_trap();
        }
        for (i = 0; i < shards.file_count; i++) {
            file = tango_io_shards_file(&shards, i);
            if (file[0] == '.' || file[0] == 0) __builtin_trap();
            for (; *file; file++) {
                if (*file == '/') __builtin_trap();
            }
        }
    }
    free(work);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    unsigned char *copy = (unsigned char *)malloc(8 + size + 16);
    read_file(data, size);
    read_shards(data, size);
    if (!copy) return 0;
    tango_io__zero(copy, 8 + size + 16);
    tango_io__put64(copy, size);
    tango_io__copy(copy + 8, data, size);
    read_file(copy, 8 + size + 16);
    free(copy);
    return 0;
}
