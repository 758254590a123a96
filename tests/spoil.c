/* spoil.c: overwrites numbers at the start of a tensor in a blob, and makes the sums of
   the blob right again, so that only the numbers are wrong.                        MIT-0

       cc spoil.c -o spoil
       ./spoil IN.tango OUT.tango TENSOR COUNT VALUE        VALUE may be nan or inf */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#define TANGO_IO_IMPLEMENTATION
#include "../tango_io.h"

static int fail(const char *what)
{
    fprintf(stderr, "spoil: %s\n", what);
    return 1;
}

static uint64_t sum_of(const unsigned char *bytes, size_t size)
{
    tango_io_checksum sum;
    tango_io_checksum_begin(&sum);
    tango_io_checksum_add(&sum, bytes, size);
    return tango_io_checksum_end(&sum);
}

static uint64_t number(const unsigned char *p, size_t bytes)
{
    uint64_t value = 0;
    while (bytes-- > 0) value = value << 8 | p[bytes];
    return value;
}

static void put(unsigned char *p, uint64_t value)
{
    for (int i = 0; i < 8; i++) p[i] = (unsigned char)(value >> 8 * i);
}

int main(int argc, char **argv)
{
    tango_io_file file;
    tango_io_blob blob;
    tango_io_tensor t;
    tango_error error;
    if (argc != 6) return fail("IN OUT TENSOR COUNT VALUE");
    if (tango_io_map(&file, argv[1], &error) != TANGO_OK) return fail(error.text);
    if (tango_io_blob_open(&blob, file.data, file.size, &error) != TANGO_OK)
        return fail(error.text);
    if (!tango_io_blob_find(&blob, argv[3], &t)) return fail("no such tensor");
    unsigned char *copy = (unsigned char *)malloc(file.size);
    if (!copy) return fail("no memory");
    memcpy(copy, file.data, file.size);
    const size_t at = (size_t)((const unsigned char *)t.data - file.data);
    const size_t count = (size_t)strtoul(argv[4], NULL, 10);
    const float value = strtof(argv[5], NULL);
    if (count > (size_t)t.size / 4) return fail("not so many numbers");
    for (size_t i = 0; i < count; i++) memcpy(copy + at + 4 * i, &value, 4);
    /* The records of tensors stand behind those of values (format: tango_io.h). */
    const size_t header = (size_t)number(copy + 16, 8);
    unsigned char *record = copy + 64 + 32 * (size_t)number(copy + 32, 4);
    while (number(record + 80, 8) != at) record += 104;
    put(record + 96, sum_of(copy + at, (size_t)t.size));
    put(copy + 40, 0);
    put(copy + 40, sum_of(copy, header));
    FILE *out = fopen(argv[2], "wb");
    if (!out || fwrite(copy, 1, file.size, out) != file.size || fclose(out) != 0)
        return fail("writing failed");
    free(copy);
    tango_io_unmap(&file);
    return 0;
}
