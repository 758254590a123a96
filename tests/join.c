/* join: one blob out of several.      cc tests/join.c -lm -o join && ./join OUT A B ...

   What A describes, and of B and those after it the values and tensors whose names do not
   stand in an earlier one. For tests that need a model with one part more. */
#define TANGO_IO_IMPLEMENTATION
#include "../tango_io.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FILES = 8, VALUES = 1000, TENSORS = 5000 };

static tango_io_value values[VALUES];
static tango_io_tensor tensors[TENSORS];
static size_t value_count, tensor_count;

static int fail(const char *what, const char *why)
{
    fprintf(stderr, "join: %s: %s\n", what, why);
    return 1;
}

static void add(const tango_io_blob *b)
{
    const size_t old_values = value_count, old_tensors = tensor_count;
    size_t i, k;
    for (i = 0; i < tango_io_blob_value_count(b) && value_count < VALUES; i++) {
        tango_io_blob_value_at(b, i, &values[value_count]);
        for (k = 0; k < old_values; k++)
            if (strcmp(values[k].key, values[value_count].key) == 0) break;
        if (k == old_values) value_count++;
    }
    for (i = 0; i < tango_io_blob_tensor_count(b) && tensor_count < TENSORS; i++) {
        tango_io_blob_tensor(b, i, &tensors[tensor_count]);
        for (k = 0; k < old_tensors; k++)
            if (strcmp(tensors[k].name, tensors[tensor_count].name) == 0) break;
        if (k == old_tensors) tensor_count++;
    }
}

int main(int argc, char **argv)
{
    static tango_io_file files[FILES];
    tango_io_blob blob;
    tango_io_blob_writer writer;
    tango_io_output out;
    tango_error error;
    size_t size, i;
    void *work;
    if (argc < 3 || argc > FILES + 2) return fail("usage", "join OUT A B ...");
    for (i = 2; i < (size_t)argc; i++) {
        tango_io_file *f = &files[i - 2];
        if (tango_io_map(f, argv[i], &error) != TANGO_OK
            || tango_io_blob_open(&blob, f->data, f->size, &error) != TANGO_OK)
            return fail(argv[i], error.text);
        add(&blob);
    }
    if (tango_io_blob_write_size(
            &size, values, value_count, tensors, tensor_count, &error) != TANGO_OK)
        return fail(argv[1], error.text);
    work = malloc(size);
    if (work == NULL) return fail(argv[1], "no memory");
    if (tango_io_create(&out, argv[1], &error) != TANGO_OK
        || tango_io_blob_write_begin(&writer, &out, values, value_count, tensors,
               tensor_count, work, size, &error) != TANGO_OK)
        return fail(argv[1], error.text);
    for (i = 0; i < tensor_count; i++)
        if (tango_io_blob_write_data(
                &writer, tensors[i].data, tensors[i].size, &error) != TANGO_OK)
            return fail(argv[1], error.text);
    if (tango_io_blob_write_end(&writer, &error) != TANGO_OK
        || tango_io_commit(&out, &error) != TANGO_OK)
        return fail(argv[1], error.text);
    free(work);
    for (i = 2; i < (size_t)argc; i++) tango_io_unmap(&files[i - 2]);
    return 0;
}
