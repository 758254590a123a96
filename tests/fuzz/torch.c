/* clang -g -O1 -fsanitize=fuzzer,address,undefined -I../.. torch.c -o fuzz_torch
   ./fuzz_torch -max_total_time=60 -max_len=8192 [folder with .pt files]

   Each input is tried as an archive, and as the pickle of one with right CRC-32. */
#define TANGO_IO_IMPLEMENTATION
#include "../../tango_io.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

/* Appends a stored entry to the archive (at *n) and to its directory (at *m). */
static void entry(unsigned char *zip, size_t *n, unsigned char *directory, size_t *m,
                  const char *name, const unsigned char *data, size_t size)
{
    size_t length = tango_io__length(name), at = *n;
    tango_io_crc32 table;
    unsigned char *p = zip + at, *d = directory + *m;
    tango_io_crc32_begin(&table);
    tango_io__zero(p, 30);
    tango_io__zero(d, 46);
    tango_io__put32(p, 0x04034b50);
    tango_io__put32(p + 14, tango_io_crc32_add(&table, 0, data, size));
    tango_io__put32(p + 18, (uint32_t)size);
    tango_io__put32(p + 22, (uint32_t)size);
    tango_io__put32(p + 26, (uint32_t)length);
    tango_io__put32(d, 0x02014b50);
    tango_io__copy(d + 10, p + 8, 22);
    tango_io__put32(d + 42, (uint32_t)at);
    tango_io__copy(p + 30, name, length);
    tango_io__copy(d + 46, name, length);
    tango_io__copy(p + 30 + length, data, size);
    *n += 30 + length + size;
    *m += 46 + length;
}

static void read_archive(const unsigned char *p, size_t size)
{
    tango_io_torch torch;
    tango_io_torch_tensor t;
    tango_error error;
    size_t need, i;
    float x[2];
    void *work;
    if (tango_io_torch_work_size(&need, p, size, &error) != TANGO_OK) return;
    if (need > 4 * size + ((size_t)40 << 20)) __builtin_trap();
    work = malloc(need);
    if (work && tango_io_torch_open(&torch, p, size, work, need, &error) == TANGO_OK) {
        for (i = 0; i < torch.count; i++) {
            tango_io_torch_tensor_at(&torch, i, &t);
            if (t.view.count == 0) continue;
            tango_io_view_read(x, &t.view, 0, 1);
            tango_io_view_read(x, &t.view, t.view.count - 1, 1);
            if (t.name[0] && !tango_io_torch_find(&torch, t.name, &t)) __builtin_trap();
        }
        tango_io_torch_enter(&torch, "a");
    }
    free(work);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    static const unsigned char numbers[16] = { 1, 2, 3, 4, 5, 6, 7, 8, 9 };
    static unsigned char zip[65536], directory[1024];
    size_t n = 0, m = 0;
    read_archive(data, size);
    if (size > 60000) return 0;
    entry(zip, &n, directory, &m, "m/data.pkl", data, size);
    entry(zip, &n, directory, &m, "m/data/0", numbers, sizeof numbers);
    entry(zip, &n, directory, &m, "m/version", (const unsigned char *)"3\n", 2);
    tango_io__copy(zip + n, directory, m);
    tango_io__zero(zip + n + m, 22);
    tango_io__put32(zip + n + m, 0x06054b50);
    tango_io__put16(zip + n + m + 8, 3);
    tango_io__put16(zip + n + m + 10, 3);
    tango_io__put32(zip + n + m + 12, (uint32_t)m);
    tango_io__put32(zip + n + m + 16, (uint32_t)n);
    read_archive(zip, n + m + 22);
    return 0;
}
