/* clang -g -O1 -fsanitize=fuzzer,address,undefined -I../.. spiece.c -o fuzz_spiece
   ./fuzz_spiece -max_total_time=60 -max_len=8192

   A model that opens is walked: all pieces, and the trie over the input itself. */
#define TANGO_IO_IMPLEMENTATION
#include "../../tango_io.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    tango_io_spiece s;
    tango_io_piece piece;
    tango_error error;
    size_t cursor = 0, count = 0, i, k, p;
    static uint32_t work[8192];
    if (tango_io_spiece_open(&s, data, size, &error) != TANGO_OK) return 0;
    while (tango_io_spiece_next(&s, &cursor, &piece)) count++;
    if (count != s.piece_count) __builtin_trap();
    tango_io_spiece_unique(&s, work, 8192, &error);
    for (i = 0; s.trie && i < size; i++) {
        uint32_t u = tango_io__u32(s.trie);
        p = (size_t)(u >> 10) << ((u & 0x200) >> 6);
        for (k = i; k < size; k++) {
            p ^= data[k];
            u = tango_io__u32(s.trie + 4 * p);
            if ((u & 0x800000ff) != data[k]) break;
            p ^= (size_t)(u >> 10) << ((u & 0x200) >> 6);
            if (u >> 8 & 1)
                count += tango_io__length(s.strings +
                                          (tango_io__u32(s.trie + 4 * p) & 0x7fffffff));
        }
    }
    return count == (size_t)-1;
}
