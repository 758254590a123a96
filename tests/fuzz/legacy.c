/* clang -g -O1 -fsanitize=fuzzer,address,undefined -I../.. legacy.c -o fuzz_legacy
   ./fuzz_legacy -max_total_time=60 -max_len=4096 [folder with files of torch before 1.6]

   Each input is tried as a file, and as the object of one with a storage "0" of 4 floats
   behind it. */
#define TANGO_IO_IMPLEMENTATION
#include "../../tango_io.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

static void read_file(const unsigned char *p, size_t size)
{
    tango_io_torch torch;
    tango_io_torch_tensor t;
    tango_error error;
    size_t need, i;
    double number;
    float x[2];
    void *work;
    if (!tango_io__legacy_is(p, size)) return;
    if (tango_io_torch_work_size(&need, p, size, &error) != TANGO_OK) return;
    if (need > 4 * size + ((size_t)40 << 20)) __builtin_trap();
    work = malloc(need);
    if (work && tango_io_torch_open(&torch, p, size, work, need, &error) == TANGO_OK) {
        for (i = 0; i < torch.count; i++) {
            tango_io_torch_tensor_at(&torch, i, &t);
            if (t.storage_size > size || t.storage > size - t.storage_size)
                __builtin_trap();
            if (t.view.count == 0) continue;
            tango_io_view_read(x, &t.view, 0, 1);
            tango_io_view_read(x, &t.view, t.view.count - 1, 1);
            if (t.name[0] && !tango_io_torch_find(&torch, t.name, &t)) __builtin_trap();
        }
        tango_io_torch_number(&torch, "a", &number);
        tango_io_torch_enter(&torch, "a");
    }
    free(work);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    static const char system[] = "\x80\2}(X\x10\0\0\0protocol_versionM\xe9\3"
                                 "X\r\0\0\0little_endian\x88u.";
    static const char keys[] = "\x80\2]X\1\0\0\0" "0a.";
    const size_t magic = sizeof tango_io__legacy_magic;
    unsigned char *file = (unsigned char *)malloc(magic + sizeof system + size + 64), *p;
    read_file(data, size);
    if (!file) return 0;
    tango_io__copy(file, tango_io__legacy_magic, magic);
    p = file + magic;
    tango_io__copy(p, system, sizeof system - 1);
    p += sizeof system - 1;
    if (size) tango_io__copy(p, data, size);
    p += size;
    tango_io__copy(p, keys, sizeof keys - 1);
    p += sizeof keys - 1;
    tango_io__zero(p, 24);
    p[0] = 4;
    read_file(file, (size_t)(p - file) + 24);
    free(file);
    return 0;
}
