/* clang -g -O1 -fsanitize=fuzzer,address,undefined -I../.. npy.c -o fuzz_npy
   ./fuzz_npy -max_total_time=60 -max_len=1024 */
#define TANGO_IO_IMPLEMENTATION
#include "../../tango_io.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    tango_io_npy npy;
    tango_io_view view;
    tango_error error;
    float x[16];
    size_t first, n;
    if (tango_io_npy_parse(&npy, data, size, &error) != TANGO_OK) return 0;
    tango_io_npy_view(&view, &npy);
    for (first = 0; first < view.count; first += n) {
        n = view.count - first < 16 ? view.count - first : 16;
        tango_io_view_read(x, &view, first, n);
    }
    return 0;
}
