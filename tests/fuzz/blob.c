/* clang -g -O1 -fsanitize=fuzzer,address,undefined -I../.. blob.c -o fuzz_blob
   ./fuzz_blob -max_total_time=60 -max_len=4096

   The header checksum is repaired first, or the fuzzer would never get past it. */
#define TANGO_IO_IMPLEMENTATION
#include "../../tango_io.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    void *block = NULL;
    unsigned char *p;
    tango_io_blob blob;
    tango_error error;
    size_t i, header, sum = 0;
    if (size < 64 || posix_memalign(&block, 64, size) != 0) return 0;
    p = (unsigned char *)block;
    tango_io__copy(p, data, size);
    header = (size_t)tango_io__u64(p + 16);
    if (header >= 48 && header <= size)
        tango_io__put64(p + 40, tango_io__blob_header_sum(p, header));
    if (tango_io_blob_open(&blob, p, size, &error) != TANGO_OK)
        blob.tensor_count = blob.value_count = 0;
    for (i = 0; i < tango_io_blob_tensor_count(&blob); i++) {
        tango_io_tensor t;
        tango_io_blob_tensor(&blob, i, &t);
        if (!tango_io_blob_find(&blob, t.name, &t)) __builtin_trap();
        if ((const unsigned char *)t.data + t.size > p + size) __builtin_trap();
        tango_io_blob_check(&blob, i, &error);
    }
    for (i = 0; i < tango_io_blob_value_count(&blob); i++) {
        tango_io_value v;
        tango_io_blob_value_at(&blob, i, &v);
        if (!tango_io_blob_value(&blob, v.key, &v)) __builtin_trap();
        if (v.type == TANGO_IO_U64 && v.count > 0)
            sum += tango_io_value_u64(&v, v.count - 1) & 1;
        if (v.type == TANGO_IO_STRING) sum += tango_io__length((const char *)v.data);
    }
    free(block);
    return sum == (size_t)-1;
}
