/* poison.c: overwrites one number of one tensor in a torch archive, and makes the archive
   consistent again, so that only the number is wrong.                             MIT-0

       cc poison.c -o poison
       ./poison IN.bin OUT.bin TENSOR ELEMENT VALUE        VALUE may be nan or inf */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#define TANGO_IO_IMPLEMENTATION
#include "../tango_io.h"

static tango_io_crc32 table;

static int fail(const char *what)
{
    fprintf(stderr, "poison: %s\n", what);
    return 1;
}

/* The CRC-32 of a stored record stands in its local header or data descriptor and in the
   central directory: every place that holds the old one gets the new one. */
static void replace(unsigned char *bytes, size_t size, uint32_t from, uint32_t to)
{
    unsigned char old[4], new_[4];
    for (int i = 0; i < 4; i++) {
        old[i] = (unsigned char)(from >> 8 * i);
        new_[i] = (unsigned char)(to >> 8 * i);
    }
    for (size_t i = 0; i + 4 <= size; i++)
        if (memcmp(bytes + i, old, 4) == 0) memcpy(bytes + i, new_, 4);
}

int main(int argc, char **argv)
{
    tango_io_file file;
    tango_io_torch torch;
    tango_io_torch_tensor t;
    tango_error error;
    size_t work_size, at;
    if (argc != 6) return fail("IN OUT TENSOR ELEMENT VALUE");
    if (tango_io_map(&file, argv[1], &error) != TANGO_OK) return fail(error.text);
    if (tango_io_torch_work_size(&work_size, file.data, file.size, &error) != TANGO_OK)
        return fail(error.text);
    void *work = malloc(work_size);
    unsigned char *copy = (unsigned char *)malloc(file.size);
    if (!work || !copy) return fail("no memory");
    if (tango_io_torch_open(&torch, file.data, file.size, work, work_size, &error) !=
        TANGO_OK)
        return fail(error.text);
    if (!tango_io_torch_find(&torch, argv[3], &t)) return fail("no such tensor");

    float value = strtof(argv[5], NULL); /* tensors of these tests are contiguous f32 */
    at = (size_t)(t.view.data - file.data) + 4 * (size_t)strtoul(argv[4], NULL, 10);
    if (t.view.type != TANGO_IO_F32 || at + 4 > file.size)
        return fail("not such a number");
    tango_io_crc32_begin(&table);
    memcpy(copy, file.data, file.size);
    uint32_t before = tango_io_crc32_add(&table, 0, copy + t.storage, t.storage_size);
    memcpy(copy + at, &value, 4);
    replace(copy, file.size, before,
            tango_io_crc32_add(&table, 0, copy + t.storage, t.storage_size));

    FILE *out = fopen(argv[2], "wb");
    if (!out || fwrite(copy, 1, file.size, out) != file.size || fclose(out) != 0)
        return fail("writing failed");
    free(copy);
    free(work);
    tango_io_unmap(&file);
    return 0;
}
