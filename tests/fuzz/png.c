/* clang -g -O1 -fsanitize=fuzzer,address,undefined -I../.. png.c -o fuzz_png
   ./fuzz_png -max_total_time=60 -max_len=2048

   Each input is tried as a file, then as the parts of one: 5 bytes of shape, 12 of a
   palette, the rest the compressed samples, with or without their zlib head. The sums of
   the chunks are right, so the decompressor is reached. */
#define TANGO_IO_IMPLEMENTATION
#include "../../tango_io.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

static void read_png(const unsigned char *data, size_t size)
{
    tango_io_png png;
    tango_error error;
    unsigned char *pixels, *work;
    if (tango_io_png_open(&png, data, size, &error) != TANGO_OK) return;
    if (png.size > 1 << 22 || png.work_size > 1 << 22) return;
    pixels = (unsigned char *)malloc(png.size);
    work = (unsigned char *)malloc(png.work_size);
    if (pixels && work) tango_io_png_read(pixels, &png, work, png.work_size, &error);
    free(pixels);
    free(work);
}

static void chunk(unsigned char *out, size_t *n, const char *name,
                  const unsigned char *data, size_t size)
{
    static tango_io_crc32 table;
    unsigned char *p = out + *n;
    if (table.table[0][1] == 0) tango_io_crc32_begin(&table);
    tango_io__putbig(p, (uint32_t)size);
    tango_io__copy(p + 4, name, 4);
    tango_io__copy(p + 8, data, size);
    tango_io__putbig(p + 8 + size, tango_io_crc32_add(&table, 0, p + 4, 4 + size));
    *n += 12 + size;
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    static const unsigned char colours[8] = { 0, 2, 3, 4, 6, 0, 3, 2 };
    static unsigned char file[8192], stream[4096 + 2];
    unsigned char head[13] = { 0 };
    size_t n = 8, half, cut;
    read_png(data, size);
    if (size < 18 || size > 4096) return 0;
    head[3] = (unsigned char)(data[0] % 40 + 1);
    head[7] = (unsigned char)(data[1] % 20 + 1);
    head[8] = (unsigned char)(1 << data[2] % 5);
    head[9] = colours[data[3] % 8];
    head[12] = data[4] & 1;
    tango_io__copy(file, tango_io__png_magic, 8);
    chunk(file, &n, "IHDR", head, sizeof head);
    if (head[9] == 3) chunk(file, &n, "PLTE", data + 5, 12);
    if (head[9] == 3 && (data[4] & 2)) chunk(file, &n, "tRNS", data + 5, 3);
    stream[0] = 0x78;
    stream[1] = 0x9c;
    half = data[4] & 4 ? 2 : 0;
    tango_io__copy(stream + half, data + 17, size - 17);
    cut = (half + size - 17) / (data[4] & 8 ? 2 : 1);
    chunk(file, &n, "IDAT", stream, cut);
    if (cut < half + size - 17)
        chunk(file, &n, "IDAT", stream + cut, half + size - 17 - cut);
    chunk(file, &n, "IEND", NULL, 0);
    read_png(file, n);
    return 0;
}
