/* cc -I.. test_tango_io.c -lm -o t && ./t     prints one line a claim

   Every format is built here byte by byte, so that each rule has a file that breaks it.
   Each format is also cut at every length and damaged at random places (fixed seed): the
   reader must refuse or give a result that is inside the bytes. Inputs lie in blocks of
   exactly their size, so an address sanitizer sees any access outside. The files that the
   file tests make in the current folder begin with "test_tango_io." and are removed. */
#define TANGO_IO_IMPLEMENTATION
#include "../tango_io.h"
#include "bytes.h"
#include "check.h"

/* ---- Tools ------------------------------------------------------------------------ */

static tango_error error;
static uint32_t state = 1;

static uint32_t noise(void)
{
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    return state;
}

static void release(bytes *b)
{
    free(b->p);
    b->p = NULL;
    b->n = b->room = 0;
}

#if defined __has_feature
#if __has_feature(address_sanitizer)
#define TEST_ASAN 1
#endif
#elif defined __SANITIZE_ADDRESS__
#define TEST_ASAN 1
#endif
#ifdef TEST_ASAN
#include <sanitizer/asan_interface.h>
#endif

/* A copy of n bytes at a multiple of 64; what follows is out of bounds for a sanitizer.
   *block is freed. */
static unsigned char *exact(const void *data, size_t n, void **block)
{
    unsigned char *start;
    *block = malloc(n + 128);
    if (!*block) exit(1);
    start = (unsigned char *)*block;
    start += (64 - (uintptr_t)start % 64) % 64;
    if (n) memcpy(start, data, n);
#ifdef TEST_ASAN
    __asan_poison_memory_region(start + n, 64);
#endif
    return start;
}

/* Runs `check` (0: refused, 1: read and walked) on every prefix and on `flips` damaged
   copies of the input. Returns how many prefixes were read. */
typedef int reader(const unsigned char *p, size_t n);

static size_t cut_everywhere(const bytes *b, reader *check)
{
    size_t n, read = 0;
    for (n = 0; n < b->n; n++) {
        unsigned char *copy = (unsigned char *)malloc(n ? n : 1);
        if (!copy) exit(1);
        memcpy(copy, b->p, n);
        if (check(copy, n)) read++;
        else if (!error.text[0]) read++;         /* an error must say something */
        error.text[0] = 0;
        free(copy);
    }
    return read;
}

static void damage(const bytes *b, reader *check, size_t flips)
{
    size_t i, k;
    for (i = 0; i < flips; i++) {
        unsigned char *copy = (unsigned char *)malloc(b->n);
        if (!copy) exit(1);
        memcpy(copy, b->p, b->n);
        for (k = noise() % 3 + 1; k > 0; k--) {
            size_t at = noise() % b->n;
            uint32_t how = noise() % 4;
            copy[at] = (unsigned char)(how == 0 ? noise() : how == 1 ? 0 : how == 2 ? 255
                                       : copy[at] ^ 1u << noise() % 8);
        }
        check(copy, b->n);
        free(copy);
    }
}

static int says(const char *part) { return strstr(error.text, part) != NULL; }

/* ---- 1 error ---------------------------------------------------------------------- */

static void messages_are_formatted_without_stdio(void)
{
    tango_io_fail(&error, TANGO_OK, "%s|%q|%z|%u|%i|%i|%%", "name", "abc", (size_t)2,
                  (size_t)7, UINT64_MAX, INT64_MIN, (int64_t)5);
    CHECK(strcmp(error.text, "name|ab|7|18446744073709551615|-9223372036854775808|5|%") ==
          0);
    CHECK(tango_io_fail(NULL, TANGO_ERROR_DATA, "%s", "x") == TANGO_ERROR_DATA);
}

static void text_in_messages_is_escaped_and_shortened(void)
{
    char longer[201];
    tango_io_fail(&error, TANGO_OK, "%q", "a\n\0\x80\\%s", (size_t)7);
    CHECK(strcmp(error.text, "a\\x0a\\x00\\x80\\x5c%s") == 0);
    memset(longer, 'x', 200);
    longer[0] = 'A';
    longer[199] = 'Z';
    longer[200] = 0;
    tango_io_fail(&error, TANGO_OK, "%s", longer);
    CHECK(strlen(error.text) == 64 && error.text[0] == 'A' && error.text[63] == 'Z');
    CHECK(says("x...x"));
    memset(longer, '\n', 60);
    longer[60] = 0;
    tango_io_fail(&error, TANGO_OK, "%s%s", longer, longer);
    CHECK(strlen(error.text) == sizeof error.text - 1);
}

/* ---- 2 view ----------------------------------------------------------------------- */

typedef struct look { const char *bytes; size_t n; const char *name; } look;

/* A file of another kind is called by its name, whatever it is taken for. */
static void files_of_other_kinds_are_called_by_name(void)
{
    static const look looks[] = {
        { "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 5\n", 65,
          "Git LFS pointer: run git lfs pull" },
        { "<!DOCTYPE html>\n<html>", 22, "HTML page" },
        { "\xef\xbb\xbf\n <HTML>", 11, "HTML page" },
        { "\x40\0\0\0\0\0\0\0{\"a\":", 13, "safetensors" },
        { "\x80\2\x8a\nl\xfc\x9c\x46\xf9 j\xa8P\x19.", 15, "before 1.6" },
        { "\x80\4\x95", 3, "bare pickle" },
        { "GGUF\3\0\0\0", 8, "GGUF" },
        { "\x8\7\x12\7pytorch", 11, "ONNX" },
        { "\xff\xd8\xff\xe0\0\x10JFIF", 10, "JPEG" },
        { "GIF89a", 6, "GIF" },
        { "RIFF\1\2\3\4WEBPVP8", 15, "WebP" },
        { "%PDF-1.4\n", 9, "PDF" },
        { "\x1f\x8b\x8", 3, "gzip" },
        { "\xfd" "7zXZ\0", 6, "xz" },
        { "\x28\xb5\x2f\xfd", 4, "zstd" },
        { "7z\xbc\xaf\x27\x1c", 6, "7z" },
        { "ID3\4\0\0\0\0\0\0\xff\xfb\x90\0", 14, "MP3" },
        { "\xff\xfb\x90\0", 4, "MP3" },
        { "OggS\0\2", 6, "Ogg" },
        { "riff\x2e\x91\xcf\x11\xa5\xd6\x28\xdb", 12, "Wave64" },
        { "\0\0\0\x20" "ftypM4A ", 12, "M4A" },
        { "\xff\xfe" "a\0,\0", 6, "UTF-16" } };
    static unsigned char aligned[128 + 64];
    unsigned char *p = aligned + (64 - (uintptr_t)aligned % 64) % 64;
    size_t i, size;
    for (i = 0; i < sizeof looks / sizeof looks[0]; i++) {
        const look *l = &looks[i];
        tango_io_blob blob;
        tango_io_npy npy;
        tango_io_png png;
        tango_io_csv csv;
        tango_io_spiece spiece;
        tango_io_sound sound;
        memcpy(p, l->bytes, l->n);
        CHECK(strstr(tango_io_looks_like(p, l->n), l->name) != NULL);
#define CALLED(call) \
    (error.text[0] = 0, (call) == TANGO_ERROR_DATA && says(l->name) && says(": not a"))
        CHECK(CALLED(tango_io_blob_open(&blob, p, l->n, &error)));
        CHECK(CALLED(tango_io_npy_parse(&npy, p, l->n, &error)));
        CHECK(CALLED(tango_io_png_open(&png, p, l->n, &error)));
        CHECK(CALLED(tango_io_csv_open(&csv, p, l->n, &error)));
        CHECK(CALLED(tango_io_spiece_open(&spiece, p, l->n, &error)));
        if (strcmp(l->name, "before 1.6") != 0)
            CHECK(CALLED(tango_io_torch_work_size(&size, p, l->n, &error)));
        if (strcmp(l->name, "safetensors") != 0)
            CHECK(CALLED(tango_io_safetensors_work_size(&size, p, l->n, &error)));
        CHECK(CALLED(tango_io_shards_work_size(&size, p, l->n, &error)));
        CHECK(CALLED(tango_io_json_work_size(&size, p, l->n, &error)));
        CHECK(CALLED(tango_io_sound_open_memory(&sound, p, l->n, 0, &error)));
    }
    CHECK(tango_io_looks_like("0", 1) == NULL);
    CHECK(strcmp(tango_io_looks_like(p, 0), "an empty file") == 0);
}

static void types_have_sizes_and_names(void)
{
    CHECK(tango_io_type_size(TANGO_IO_F32) == 4 &&
          tango_io_type_size(TANGO_IO_BOOL) == 1);
    CHECK(tango_io_type_size(TANGO_IO_F64) == 8 &&
          tango_io_type_size((tango_io_type)99) == 0);
    CHECK(strcmp(tango_io_type_name(TANGO_IO_BF16), "bf16") == 0);
    CHECK(strcmp(tango_io_type_name((tango_io_type)99), "?") == 0);
}

static float one(tango_io_type type, uint64_t bits)
{
    unsigned char p[8];
    tango_io_view view;
    float out;
    tango_io__put64(p, bits);
    memset(&view, 0, sizeof view);
    view.data = p;
    view.type = type;
    view.count = 1;
    tango_io_view_read(&out, &view, 0, 1);
    return out;
}

static void every_half_is_read_exactly(void)
{
    uint32_t h;
    int bad = 0;
    for (h = 0; h < 65536; h++) {
        int e = (int)(h >> 10 & 31);
        double f = h & 1023, want = e ? ldexp(1024 + f, e - 25) : ldexp(f, -24);
        float got = one(TANGO_IO_F16, h);
        if (e == 31) want = f > 0 ? (double)NAN : (double)INFINITY;
        if (h >> 15) want = -want;
        if (f > 0 && e == 31) bad += got == got;
        else bad += !((double)got == want) || !signbit(got) != !signbit(want);
    }
    CHECK(bad == 0);
}

static void integers_and_doubles_become_the_nearest_float(void)
{
    CHECK(one(TANGO_IO_I8, 0x80) == -128.0f && one(TANGO_IO_U8, 0x80) == 128.0f);
    CHECK(one(TANGO_IO_I16, 0xffff) == -1.0f && one(TANGO_IO_U16, 0xffff) == 65535.0f);
    CHECK(one(TANGO_IO_I32, 0x80000000u) == -2147483648.0f);
    CHECK(one(TANGO_IO_U32, 0xffffffffu) == 4294967296.0f);
    CHECK(one(TANGO_IO_I64, (uint64_t)1 << 63) == -9223372036854775808.0f);
    CHECK(one(TANGO_IO_I64, UINT64_MAX) == -1.0f && one(TANGO_IO_BOOL, 7) == 1.0f);
    CHECK(one(TANGO_IO_U64, UINT64_MAX) == 18446744073709551616.0f);
    CHECK(one(TANGO_IO_BF16, 0xc049) == -3.140625f);
    CHECK(one(TANGO_IO_F64, UINT64_C(0x47efffffefffffff)) == 3.4028234663852886e38f);
    CHECK(isinf(one(TANGO_IO_F64, UINT64_C(0x47effffff0000000))));
    CHECK(isinf(one(TANGO_IO_F64, UINT64_C(0xffefffffffffffff))));
    CHECK(isnan(one(TANGO_IO_F64, UINT64_C(0x7ff8000000000000))));
}

/* The same floats as a file has them, in file (4 n bytes). */
static const unsigned char *in_file(unsigned char *file, const float *x, size_t n)
{
    size_t i, k;
    for (i = 0; i < n; i++) {
        uint32_t bits;
        memcpy(&bits, x + i, 4);
        for (k = 0; k < 4; k++) file[4 * i + k] = (unsigned char)(bits >> 8 * k);
    }
    return file;
}

static void a_view_gathers_any_range_of_a_transposed_array(void)
{
    float a[2][3][4], out[24];
    unsigned char file[96];
    tango_io_view view;
    size_t i, j, k, first, count, bad = 0;
    for (i = 0; i < 24; i++) (&a[0][0][0])[i] = (float)i;
    memset(&view, 0, sizeof view);
    view.data = in_file(file, &a[0][0][0], 24);
    view.rank = 3;
    view.count = 24;
    view.shape[0] = 4, view.shape[1] = 2, view.shape[2] = 3;
    view.strides[0] = 1, view.strides[1] = 12, view.strides[2] = 4;
    for (first = 0; first < 24; first++) {
        for (count = 0; count <= 24 - first; count++) {
            tango_io_view_read(out, &view, first, count);
            for (i = 0; i < count; i++) {
                k = (first + i) / 6, j = (first + i) % 3;
                bad += out[i] != a[(first + i) / 3 % 2][j][k];
            }
        }
    }
    CHECK(bad == 0);
}

/* ---- 3 checksum ------------------------------------------------------------------- */

static uint64_t checksum(const void *p, size_t n)
{
    tango_io_checksum sum;
    tango_io_checksum_begin(&sum);
    tango_io_checksum_add(&sum, p, n);
    return tango_io_checksum_end(&sum);
}

/* The values are those of an independent program that follows the formula in the
   header. */
static void the_checksum_is_the_documented_one(void)
{
    unsigned char p[100];
    size_t i;
    for (i = 0; i < 100; i++) p[i] = (unsigned char)i;
    CHECK(checksum("", 0) == UINT64_C(0x96493d078ccb35a0));
    CHECK(checksum("a", 1) == UINT64_C(0x46baeef46d21c0d1));
    CHECK(checksum("tango", 5) == UINT64_C(0xe378d28a1e3a92ad));
    CHECK(checksum(p, 32) == UINT64_C(0x59f438b55c61d4cf));
    CHECK(checksum(p, 100) == UINT64_C(0x1e25bca4f0a1beb5));
}

static void sums_do_not_depend_on_the_pieces(void)
{
    unsigned char p[300];
    tango_io_checksum sum;
    tango_io_crc32 table;
    size_t i, n, at;
    uint32_t crc;
    int bad = 0;
    for (i = 0; i < 300; i++) p[i] = (unsigned char)noise();
    tango_io_crc32_begin(&table);
    CHECK(tango_io_crc32_add(&table, 0, "123456789", 9) == 0xcbf43926u);
    for (i = 0; i < 200; i++) {
        tango_io_checksum_begin(&sum);
        for (crc = 0, at = 0; at < 300; at += n) {
            n = noise() % 70;
            if (n > 300 - at) n = 300 - at;
            tango_io_checksum_add(&sum, p + at, n);
            crc = tango_io_crc32_add(&table, crc, p + at, n);
        }
        bad += tango_io_checksum_end(&sum) != checksum(p, 300);
        bad += crc != tango_io_crc32_add(&table, 0, p, 300);
    }
    CHECK(bad == 0);
}

/* Long runs are summed in three lanes; single bytes never are. */
static void long_runs_have_the_sum_of_their_bytes(void)
{
    static unsigned char p[40000];
    tango_io_crc32 table;
    uint32_t one = 7;
    size_t i;
    tango_io_crc32_begin(&table);
    for (i = 0; i < sizeof p; i++) p[i] = (unsigned char)noise();
    for (i = 0; i < sizeof p; i++) {
        one = tango_io_crc32_add(&table, one, p + i, 1);
        if (i % 997 == 0 || i == 12287 || i == 12288 || i == 24575 || i + 1 == sizeof p)
            CHECK(tango_io_crc32_add(&table, 7, p, i + 1) == one);
    }
}

/* Folded or by the table, in one piece or byte by byte, at every length around the steps
   of 16 and 64 bytes and at every alignment: one sum. */
static void folded_sums_are_those_of_the_table(void)
{
    static unsigned char p[1200];
    tango_io_crc32 fast, table;
    size_t i, n, at;
    int bad = 0;
    for (i = 0; i < sizeof p; i++) p[i] = (unsigned char)noise();
    tango_io_crc32_begin(&fast);
    table = fast;
    table.folds = 0;
    for (at = 0; at < 17; at++) {
        uint32_t one = 0x12345678u;
        for (n = 1; n < 1100; n++) {
            one = tango_io_crc32_add(&table, one, p + at + n - 1, 1);
            bad += tango_io_crc32_add(&fast, 0x12345678u, p + at, n) != one;
            bad += tango_io_crc32_add(&table, 0x12345678u, p + at, n) != one;
        }
    }
    CHECK(bad == 0);
    CHECK(fast.by64[0] == (uint64_t)tango_io__crc_power(0x40000000u, 575) << 32);
    for (i = 0; i < sizeof p; i++) p[i] = (unsigned char)(i % 251);
    CHECK(tango_io_crc32_add(&fast, 0, p, 1000) == 0x721746a6u);
    CHECK(tango_io_crc32_add(&table, 0, p, 1000) == 0x721746a6u);
}

/* A sum that is moved on is that of the bytes with zeros behind them. */
static void sums_move_on_by_powers(void)
{
    static const unsigned char zero[300] = { 0 };
    tango_io_crc32 table;
    size_t n;
    int bad = 0;
    tango_io_crc32_begin(&table);
    for (n = 0; n <= sizeof zero; n++) {
        uint32_t power = tango_io__crc_power(TANGO_IO__CRC_X8, n);
        uint32_t moved = ~tango_io_crc32_add(&table, ~0x9abcdef0u, zero, n);
        bad += tango_io__crc_product(power, 0x9abcdef0u) != moved;
    }
    CHECK(bad == 0);
}

/* ---- 4 file ----------------------------------------------------------------------- */

static tango_io_output output;
static const char file_name[] = "test_tango_io.out";

static int file_is(const char *content)
{
    char buffer[64];
    size_t n = 0;
    if (tango_io_load(buffer, sizeof buffer, &n, file_name, &error) != TANGO_OK) return 0;
    return n == strlen(content) && memcmp(buffer, content, n) == 0;
}

static void output_appears_only_when_committed(void)
{
    remove(file_name);
    CHECK(tango_io_create(&output, file_name, &error) == TANGO_OK);
    CHECK(tango_io_write(&output, "old one", 7, &error) == TANGO_OK);
    CHECK(!file_is("old one"));
    CHECK(tango_io_seek(&output, 4, &error) == TANGO_OK && output.at == 4);
    CHECK(tango_io_write(&output, "ONE", 3, &error) == TANGO_OK);
    CHECK(tango_io_commit(&output, &error) == TANGO_OK);
    CHECK(file_is("old ONE"));
    CHECK(tango_io_write(&output, "x", 1, &error) == TANGO_ERROR_FILE);
    tango_io_abandon(&output);
    CHECK(file_is("old ONE"));
}

static void an_abandoned_output_leaves_the_old_file(void)
{
    CHECK(tango_io_create(&output, file_name, &error) == TANGO_OK);
    CHECK(tango_io_write(&output, "new", 3, &error) == TANGO_OK);
    tango_io_abandon(&output);
    tango_io_abandon(&output);
    CHECK(file_is("old ONE"));
    CHECK(tango_io_commit(&output, &error) == TANGO_ERROR_FILE);
    CHECK(remove(output.temporary) != 0);               /* it is gone already */
}

static void a_mapping_shows_the_file_and_is_released_twice(void)
{
    tango_io_file file;
    memset(&file, 0, sizeof file);
    tango_io_unmap(&file);
    CHECK(tango_io_map(&file, file_name, &error) == TANGO_OK);
    CHECK(file.size == 7 && memcmp(file.data, "old ONE", 7) == 0);
    tango_io_unmap(&file);
    tango_io_unmap(&file);
    CHECK(tango_io_map(&file, ".", &error) == TANGO_ERROR_FILE && says("not a regular"));
    CHECK(tango_io_map(&file, "test_tango_io.none", &error) == TANGO_ERROR_FILE);
    CHECK(says("test_tango_io.none"));
    CHECK(tango_io_map(&file, "", &error) == TANGO_ERROR_FILE);
}

static void loading_respects_the_capacity(void)
{
    char buffer[7];
    size_t n = 99;
    CHECK(tango_io_load(buffer, 6, &n, file_name, &error) == TANGO_ERROR_MEMORY &&
          n == 99);
    CHECK(tango_io_load(buffer, 7, &n, file_name, &error) == TANGO_OK && n == 7);
}

static void impossible_outputs_are_refused(void)
{
    char path[TANGO_IO_PATH_MAX + 10];
    memset(path, 'a', sizeof path - 1);
    path[sizeof path - 1] = 0;
    CHECK(tango_io_create(&output, path, &error) == TANGO_ERROR_FILE);
    CHECK(tango_io_create(&output, "", &error) == TANGO_ERROR_FILE);
    CHECK(tango_io_create(&output, "no/such/folder/x", &error) == TANGO_ERROR_FILE);
    CHECK(tango_io_create(&output, ".", &error) == TANGO_ERROR_FILE);
    CHECK(tango_io_create(&output, "./", &error) == TANGO_ERROR_FILE);
    CHECK(remove(file_name) == 0);
}

/* ---- 5 blob ----------------------------------------------------------------------- */

static const uint64_t blob_numbers[3] = { 1, 2, UINT64_MAX };
static const double blob_reals[2] = { 0.5, -0.1 };

/* Writes a small blob through a file and returns its bytes. */
static bytes blob_bytes(void)
{
    tango_io_value values[5] = { { "text.type", TANGO_IO_STRING, 2, "t5" },
                                 { "numbers", TANGO_IO_U64, 3, blob_numbers },
                                 { "reals", TANGO_IO_F64, 2, blob_reals },
                                 { "raw", TANGO_IO_BYTES, 5, "ab\0cd" },
                                 { "none", TANGO_IO_U64, 0, NULL } };
    tango_io_tensor tensors[4];
    tango_io_blob_writer writer;
    unsigned char work[2048], data[1024], whole[4096];
    size_t i, need = 0, n = 0, total = 0, at;
    bytes b = { NULL, 0, 0 };
    memset(tensors, 0, sizeof tensors);
    tensors[0].name = "z.bias", tensors[0].rank = 1, tensors[0].shape[0] = 5;
    tensors[1].name = "m.weight", tensors[1].type = TANGO_IO_F16;
    tensors[1].layout = TANGO_IO_PANELS, tensors[1].rank = 3;
    tensors[1].shape[0] = 17, tensors[1].shape[1] = 2, tensors[1].shape[2] = 3;
    tensors[2].name = "empty", tensors[2].rank = 2, tensors[2].shape[1] = 7;
    tensors[3].name = "scalar", tensors[3].type = TANGO_IO_I8;
    for (i = 0; i < sizeof data; i++) data[i] = (unsigned char)(i * 7);
    CHECK(tango_io_blob_write_size(&need, values, 5, tensors, 4, &error) == TANGO_OK);
    CHECK(tango_io_create(&output, file_name, &error) == TANGO_OK);
    CHECK(tango_io_blob_write_begin(&writer, &output, values, 5, tensors, 4, work,
                                    need - 1, &error) == TANGO_ERROR_MEMORY);
    CHECK(tango_io_blob_write_begin(&writer, &output, values, 5, tensors, 4, work, need,
                                    &error) == TANGO_OK);
    CHECK(strcmp(tensors[0].name, "empty") == 0 && strcmp(values[0].key, "none") == 0);
    for (i = 0; i < 4; i++) total += tensors[i].size;
    CHECK(total == 5 * 4 + 32 * 6 * 2 + 0 + 1);
    CHECK(tango_io_blob_write_end(&writer, &error) == TANGO_ERROR_ARGUMENT);
    for (at = 0; at < total; at += n) {                 /* pieces that span tensors */
        n = total - at < 13 ? total - at : 13;
        CHECK(tango_io_blob_write_data(&writer, data + at, n, &error) == TANGO_OK);
    }
    CHECK(tango_io_blob_write_data(&writer, data, 1, &error) == TANGO_ERROR_ARGUMENT);
    CHECK(tango_io_blob_write_end(&writer, &error) == TANGO_OK);
    CHECK(tango_io_commit(&output, &error) == TANGO_OK);
    CHECK(tango_io_load(whole, sizeof whole, &n, file_name, &error) == TANGO_OK);
    add(&b, whole, n);
    remove(file_name);
    return b;
}

/* Whatever the machine, and where a piece ends inside of a number too. */
static void the_numbers_of_a_blob_are_little_endian(void)
{
    static const unsigned char want[8] = { 0, 0, 0x80, 0x3f, 0, 0, 0x20, 0xc0 };
    const float x[2] = { 1.0f, -2.5f };
    tango_io_tensor t;
    tango_io_view view;
    tango_io_blob_writer writer;
    tango_io_blob blob;
    unsigned char work[512];
    float out[2];
    size_t n = 0, i;
    void *block;
    unsigned char *p;
    memset(&t, 0, sizeof t);
    t.name = "x", t.rank = 1, t.shape[0] = 2;
    CHECK(tango_io_create(&output, file_name, &error) == TANGO_OK);
    CHECK(tango_io_blob_write_begin(&writer, &output, NULL, 0, &t, 1, work, sizeof work,
                                    &error) == TANGO_OK);
    for (i = 0; i < 8; i += n) {
        n = i < 6 ? 3 : 2;
        CHECK(tango_io_blob_write_data(&writer, (const unsigned char *)x + i, n,
                                       &error) == TANGO_OK);
    }
    CHECK(tango_io_blob_write_end(&writer, &error) == TANGO_OK);
    CHECK(tango_io_commit(&output, &error) == TANGO_OK);
    CHECK(tango_io_load(work, sizeof work, &n, file_name, &error) == TANGO_OK);
    remove(file_name);
    p = exact(work, n, &block);
    CHECK(tango_io_blob_open(&blob, p, n, &error) == TANGO_OK);
    CHECK(tango_io_blob_check(&blob, 0, &error) == TANGO_OK);
    tango_io_blob_tensor(&blob, 0, &t);
    CHECK(t.size == 8 && memcmp(t.data, want, 8) == 0);
    memset(&view, 0, sizeof view);
    view.data = (const unsigned char *)t.data;
    view.rank = 1, view.count = view.shape[0] = 2, view.strides[0] = 1;
    tango_io_view_read(out, &view, 0, 2);
    CHECK(out[0] == x[0] && out[1] == x[1]);
    free(block);
}

static void a_blob_comes_back_as_it_was_written(void)
{
    bytes b = blob_bytes();
    void *block;
    unsigned char *p = exact(b.p, b.n, &block);
    tango_io_blob blob;
    tango_io_tensor t;
    tango_io_value v;
    uint16_t number;
    size_t i;
    CHECK(tango_io_blob_open(&blob, p, b.n, &error) == TANGO_OK);
    CHECK(tango_io_blob_tensor_count(&blob) == 4 &&
          tango_io_blob_value_count(&blob) == 5);
    for (i = 0; i < 4; i++) CHECK(tango_io_blob_check(&blob, i, &error) == TANGO_OK);
    CHECK(tango_io_blob_find(&blob, "m.weight", &t) == 1);
    CHECK(t.type == TANGO_IO_F16 && t.layout == TANGO_IO_PANELS && t.rank == 3);
    CHECK(t.shape[0] == 17 && t.shape[1] == 2 && t.shape[2] == 3 && t.size == 384);
    memcpy(&number, "\016\025", 2);                     /* the second, as it was given */
    CHECK((uintptr_t)t.data % 64 == 0 &&
          ((const unsigned char *)t.data)[2] == number % 256);
    CHECK(tango_io_blob_find(&blob, "m.weigh", &t) == 0);
    CHECK(tango_io_blob_find(&blob, "zz", &t) == 0 &&
          tango_io_blob_find(&blob, "", &t) == 0);
    tango_io_blob_tensor(&blob, 3, &t);
    CHECK(strcmp(t.name, "z.bias") == 0 && t.size == 20);
    CHECK(tango_io_blob_value(&blob, "numbers", &v) == 1 && v.count == 3);
    CHECK(tango_io_value_u64(&v, 2) == UINT64_MAX);
    CHECK(tango_io_blob_value(&blob, "reals", &v) == 1);
    CHECK(tango_io_value_f64(&v, 1) == -0.1);
    CHECK(tango_io_blob_value(&blob, "text.type", &v) == 1 && v.type == TANGO_IO_STRING);
    CHECK(v.count == 2 && strcmp((const char *)v.data, "t5") == 0);
    CHECK(tango_io_blob_value(&blob, "raw", &v) == 1 && memcmp(v.data, "ab\0cd", 5) == 0);
    CHECK(tango_io_blob_value(&blob, "rax", &v) == 0);
    CHECK(tango_io_blob_open(&blob, p + 8, b.n - 8, &error) == TANGO_ERROR_ARGUMENT);
    free(block);
    release(&b);
}

/* Opens a copy at an aligned place and touches everything it offers. */
static int blob_reads(const unsigned char *data, size_t n)
{
    void *block;
    unsigned char *p = exact(data, n, &block);
    tango_io_blob blob;
    size_t i, sum = 0;
    int ok = tango_io_blob_open(&blob, p, n, &error) == TANGO_OK;
    for (i = 0; ok && i < tango_io_blob_tensor_count(&blob); i++) {
        tango_io_tensor t;
        tango_io_blob_tensor(&blob, i, &t);
        sum += strlen(t.name);
        if (t.size) sum += ((const unsigned char *)t.data)[t.size - 1];
        if ((const unsigned char *)t.data + t.size > p + n) sum += (size_t)1 << 30;
        tango_io_blob_check(&blob, i, &error);
    }
    for (i = 0; ok && i < tango_io_blob_value_count(&blob); i++) {
        tango_io_value v;
        tango_io_blob_value_at(&blob, i, &v);
        sum += strlen(v.key);
        if (v.type == TANGO_IO_U64 && v.count)
            sum += (size_t)tango_io_value_u64(&v, v.count - 1);
    }
    free(block);
    return ok && sum < SIZE_MAX;
}

/* Puts the right checksum into a changed header. */
static void blob_seal(unsigned char *p)
{
    tango_io__put64(p + 40, tango_io__blob_header_sum(p, (size_t)tango_io__u64(p + 16)));
}

static void a_blob_cut_anywhere_is_refused(void)
{
    bytes b = blob_bytes();
    CHECK(cut_everywhere(&b, blob_reads) == 0);
    number(&b, 0, 8);
    CHECK(!blob_reads(b.p, b.n));                       /* and with a tail, too */
    release(&b);
}

static void every_flipped_bit_of_a_blob_is_found(void)
{
    bytes b = blob_bytes();
    tango_io_blob blob;
    void *block;
    unsigned char *p = exact(b.p, b.n, &block);
    size_t at, i, bad = 0, found;
    for (at = 0; at < 8 * b.n; at++) {
        p[at / 8] ^= (unsigned char)(1 << at % 8);
        found = tango_io_blob_open(&blob, p, b.n, &error) != TANGO_OK;
        for (i = 0; i < 4 && !found; i++)
            found = tango_io_blob_check(&blob, i, &error) != TANGO_OK;
        bad += !found;
        p[at / 8] ^= (unsigned char)(1 << at % 8);
    }
    CHECK(bad == 0);
    free(block);
    release(&b);
}

/* The checksum only finds accidents. With it repaired, the rules must hold on their
   own. */
static void a_forged_header_cannot_reach_outside(void)
{
    bytes b = blob_bytes();
    void *block;
    unsigned char *p = exact(b.p, b.n, &block);
    size_t header = (size_t)tango_io__u64(p + 16), at, i, read = 0;
    static const unsigned char odd[] = { 0, 1, 0x7f, 0x80, 0xff };
    for (at = 0; at < header; at++) {
        if (at >= 16 && at < 24) continue;              /* the header size itself */
        for (i = 0; i < sizeof odd; i++) {
            unsigned char old = p[at];
            p[at] = odd[i];
            blob_seal(p);
            read += (size_t)blob_reads(p, b.n) && odd[i] != old;
            p[at] = old;
        }
    }
    CHECK(read > 0 && read < 700); /* changed numbers and letters are legal, no more */
    for (i = 0; i < 20000; i++) {
        size_t k;
        memcpy(p, b.p, b.n);
        for (k = noise() % 4 + 1; k > 0; k--) {
            at = 8 + noise() % (header - 8);
            if (at >= 16 && at < 24) continue;
            p[at] = odd[noise() % 5];
        }
        blob_seal(p);
        blob_reads(p, b.n);
    }
    free(block);
    release(&b);
}

/* Writes `size` bytes of v at `at` of a good blob, seals it: 1 if refused with these
   words. */
static int blob_refuses(size_t at, uint64_t v, size_t size, const char *words)
{
    bytes b = blob_bytes();
    unsigned char out[8];
    int refused;
    tango_io__put64(out, v);
    memcpy(b.p + at, out, size);
    blob_seal(b.p);
    refused = !blob_reads(b.p, b.n) && says(words) && says("offset");
    if (!refused) printf("    at %u: %s\n", (unsigned)at, error.text);
    release(&b);
    return refused;
}

static void each_rule_of_the_blob_has_its_message(void)
{
    enum { VALUES = 64, TENSORS = 64 + 5 * 32, POOL = TENSORS + 4 * 104 };
    CHECK(blob_refuses(0, 'X', 1, "not a tango blob"));
    CHECK(blob_refuses(8, 2, 4, "version 2"));
    CHECK(blob_refuses(12, 1, 4, "unknown fields"));
    CHECK(blob_refuses(63, 1, 1, "unknown fields"));
    CHECK(blob_refuses(24, 100, 8, "its size is 100"));
    CHECK(blob_refuses(32, 1000000, 4, "pass the header"));
    CHECK(blob_refuses(36, UINT32_MAX, 4, "pass the header"));
    CHECK(blob_refuses(36, 3, 4, "offset"));
    CHECK(blob_refuses(VALUES, 1, 4, "key: offset 1"));
    CHECK(blob_refuses(VALUES + 4, 0xffffffff, 4, "do not end with NUL"));
    CHECK(blob_refuses(VALUES + 4, 0, 4, "NUL"));
    CHECK(blob_refuses(VALUES + 8, 99, 4, "unknown type"));
    CHECK(blob_refuses(VALUES + 12, 1, 4, "offset"));
    CHECK(blob_refuses(VALUES + 24, UINT64_MAX, 8, "passes the header"));
    CHECK(blob_refuses(VALUES + 24, UINT64_MAX / 8 + 1, 8, "passes the header"));
    CHECK(blob_refuses(TENSORS + 8, 13, 2, "unknown type"));
    CHECK(blob_refuses(TENSORS + 10, 3, 2, "layout 3"));
    CHECK(blob_refuses(TENSORS + 10, 1, 2, "impossible shape"));
    CHECK(blob_refuses(TENSORS + 10, 2, 2, "impossible shape"));
    CHECK(blob_refuses(TENSORS + 12, 9, 4, "rank 9"));
    CHECK(blob_refuses(TENSORS + 24, (uint64_t)1 << 63, 8, "impossible shape"));
    CHECK(blob_refuses(TENSORS + 32, 1, 8, "beyond the rank"));
    CHECK(blob_refuses(TENSORS + 88, 1, 8, "expected 0 by its shape"));
    CHECK(blob_refuses(TENSORS + 104 + 80, 0, 8, "data at 0"));
    CHECK(blob_refuses(TENSORS + 104 + 16, 33, 8, "by its shape"));
    CHECK(blob_refuses(POOL, '\n', 1, "not clean UTF-8"));
    CHECK(blob_refuses(POOL, 0xff, 1, "not clean UTF-8"));
    CHECK(blob_refuses(POOL, 'z', 1, "not in order"));
    CHECK(blob_refuses(POOL + 5, 1, 1, "padding is not zero"));
}

/* A blob of one matrix in blocks of integers, 17 outputs of 131 inputs: two panels of a
   block of 128 and one of 3. scale: of every column. */
static void blocks_of(bytes *b, tango_io_type type, float scale, unsigned piece)
{
    tango_io_tensor t;
    tango_io_blob_writer writer;
    unsigned char work[512], whole[16384];
    float scales[16];
    int16_t numbers[64 * 32];
    size_t n = 0, i, panel;
    memset(&t, 0, sizeof t);
    t.name = "w", t.type = type, t.layout = TANGO_IO_BLOCKS, t.rank = 3;
    t.shape[0] = 17, t.shape[1] = 1, t.shape[2] = 131;
    for (i = 0; i < 16; i++) scales[i] = scale;
    for (i = 0; i < 64 * 32; i++) numbers[i] = (int16_t)(i * 31 - 30000);
    for (i = 0; i < sizeof numbers && type == TANGO_IO_I8; i++) /* bytes in one order */
        ((unsigned char *)numbers)[i] = i % 2 ? 0x8a : 0xd0;
    CHECK(tango_io_create(&output, file_name, &error) == TANGO_OK);
    CHECK(tango_io_blob_write_begin(&writer, &output, NULL, 0, &t, 1, work, sizeof work,
                                    &error) == TANGO_OK);
    const size_t pair = type == TANGO_IO_I8 ? 32 : 64;
    CHECK(t.size == 2 * (64 + 64 * pair + 64 + 2 * pair));
    for (panel = 0; panel < 2; panel++) {
        const void *parts[4] = { scales, numbers, scales, numbers };
        const size_t sizes[4] = { 64, 64 * pair, 64, 2 * pair };
        for (i = 0; i < 4; i++) {
            const char *p = (const char *)parts[i];
            size_t at, step;
            for (at = 0; at < sizes[i]; at += step) {
                step = sizes[i] - at < piece ? sizes[i] - at : piece;
                CHECK(tango_io_blob_write_data(&writer, p + at, step, &error)
                      == TANGO_OK);
            }
        }
    }
    CHECK(tango_io_blob_write_end(&writer, &error) == TANGO_OK);
    CHECK(tango_io_commit(&output, &error) == TANGO_OK);
    CHECK(tango_io_load(whole, sizeof whole, &n, file_name, &error) == TANGO_OK);
    add(b, whole, n);
    remove(file_name);
}

static void blocks_of_integers_are_written_and_their_scales_checked(void)
{
    const float bad[] = { NAN, INFINITY, -INFINITY, -1.0f };
    size_t i;
    for (i = 0; i < 12; i++) {
        const tango_io_type type = i < 6 ? TANGO_IO_I16 : TANGO_IO_I8;
        const size_t whole = i < 6 ? 4160 : 2112, all = i < 6 ? 4352 : 2240;
        bytes b = { NULL, 0, 0 };
        tango_io_blob blob;
        tango_io_tensor t;
        const unsigned char *p;
        unsigned char *from;
        void *block;
        blocks_of(&b, type, i % 6 < 4 ? bad[i % 6] : 0.5f, i % 6 < 5 ? 5000 : 3);
        from = exact(b.p, b.n, &block);
        CHECK(tango_io_blob_open(&blob, from, b.n, &error) == TANGO_OK);
        CHECK(tango_io_blob_find(&blob, "w", &t) == 1 && t.layout == TANGO_IO_BLOCKS);
        if (i % 6 < 4) {
            CHECK(tango_io_blob_check(&blob, 0, &error) == TANGO_ERROR_DATA);
            CHECK(strstr(error.text, "w: a scale is negative or not finite") != NULL);
        } else {
            p = (const unsigned char *)t.data;
            CHECK(tango_io_blob_check(&blob, 0, &error) == TANGO_OK);
            CHECK(p[0] == 0 && p[2] == 0 && p[3] == 0x3f); /* 0.5 */
            CHECK(p[64] == 0xd0 && p[65] == 0x8a);         /* -30000, or two bytes */
            CHECK(p[whole + 3] == 0x3f && p[all + 64] == 0xd0);
        }
        free(block);
        release(&b);
    }
}

/* A product of dimensions over 2^63 - 1 is refused beside a 0, too. */
static void blocks_of_too_many_elements_are_refused(void)
{
    bytes b = { NULL, 0, 0 };
    tango_io_blob blob;
    unsigned char *p;
    void *block;
    blocks_of(&b, TANGO_IO_I16, 1.0f, 5000);
    memset(b.p + 64 + 16, 0, 24); /* the shape */
    b.p[64 + 16 + 3] = b.p[64 + 32 + 3] = 0x40;
    b.p[64 + 16] = 3; /* 2^30 + 3, 0, 2^30: allowed as such */
    blob_seal(b.p);
    p = exact(b.p, b.n, &block);
    CHECK(tango_io_blob_open(&blob, p, b.n, &error) != TANGO_OK);
    CHECK(strstr(error.text, "by its shape") != NULL);
    free(block);
    b.p[64 + 16 + 7] = b.p[64 + 32 + 7] = 0x40;
    blob_seal(b.p);
    p = exact(b.p, b.n, &block);
    CHECK(tango_io_blob_open(&blob, p, b.n, &error) != TANGO_OK);
    CHECK(strstr(error.text, "impossible shape") != NULL);
    free(block);
    release(&b);
}

/* Only I16 and I8 and three dimensions have blocks, and their size follows. */
static void blocks_of_another_kind_are_refused(void)
{
    static const struct { size_t at; unsigned value; const char *words; } wrong[] = {
        { 8, TANGO_IO_F32, "impossible shape" }, { 8, TANGO_IO_I8, "by its shape" },
        { 10, 3, "layout 3" }, { 12, 2, "beyond the rank" }, { 24, 2, "by its shape" },
        { 88, 1, "by its shape" },
    };
    size_t i;
    for (i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        bytes b = { NULL, 0, 0 };
        tango_io_blob blob;
        unsigned char *p;
        void *block;
        blocks_of(&b, TANGO_IO_I16, 1.0f, 5000);
        b.p[64 + wrong[i].at] = (unsigned char)wrong[i].value;
        blob_seal(b.p);
        p = exact(b.p, b.n, &block);
        CHECK(tango_io_blob_open(&blob, p, b.n, &error) != TANGO_OK);
        CHECK(says(wrong[i].words));
        free(block);
        release(&b);
    }
}

static void a_blob_with_impossible_contents_is_not_written(void)
{
    tango_io_value value = { "k", TANGO_IO_F64, 1, NULL };
    tango_io_tensor tensor[2];
    tango_io_blob_writer writer;
    unsigned char work[1024];
    double nan_value = (double)NAN;
    size_t need;
    memset(tensor, 0, sizeof tensor);
    CHECK(tango_io_blob_write_size(&need, &value, 1, tensor, 0, &error) != TANGO_OK);
    value.data = &nan_value;
    CHECK(tango_io_blob_write_size(&need, &value, 1, tensor, 0, &error) != TANGO_OK);
    value.type = TANGO_IO_STRING, value.data = "\xff";
    CHECK(tango_io_blob_write_size(&need, &value, 1, tensor, 0, &error) != TANGO_OK);
    value.type = TANGO_IO_F32, value.data = "x";
    CHECK(tango_io_blob_write_size(&need, &value, 1, tensor, 0, &error) != TANGO_OK);
    value.type = TANGO_IO_BYTES, value.key = "a\nb";
    CHECK(tango_io_blob_write_size(&need, &value, 1, tensor, 0, &error) != TANGO_OK);
    CHECK(tango_io_create(&output, file_name, &error) == TANGO_OK);
    tensor[0].name = tensor[1].name = "same";
    CHECK(tango_io_blob_write_begin(&writer, &output, &value, 0, tensor, 2, work,
                                    sizeof work, &error) == TANGO_ERROR_ARGUMENT &&
          says("two tensors"));
    tensor[0].rank = 9;
    CHECK(tango_io_blob_write_begin(&writer, &output, &value, 0, tensor, 1, work,
                                    sizeof work, &error) == TANGO_ERROR_ARGUMENT);
    tensor[0].rank = 2, tensor[0].shape[0] = tensor[0].shape[1] = SIZE_MAX / 2;
    CHECK(tango_io_blob_write_begin(&writer, &output, &value, 0, tensor, 1, work,
                                    sizeof work, &error) == TANGO_ERROR_ARGUMENT);
    tango_io_abandon(&output);
}

/* ---- 6 torch ---------------------------------------------------------------------- */

/* A zip archive under construction. Style 0 is that of torch 1.13 (descriptors, padding
   in the extra field, zip64 end record, no byteorder), 1 that of plain zip writers (sizes
   in the local header, no zip64), 2 that of streams (descriptors of 64 bits, without
   their signature, zip64 fields in both headers). */
typedef struct zip { bytes b, directory; size_t count; int style; } zip;

static tango_io_crc32 crc_table;

static void zip_header(bytes *b, const zip *z, const char *name, size_t n, uint32_t crc,
                       int local, size_t extra)
{
    int hide = z->style != 1 && local && n > 0;
    number(b, z->style == 1 || n == 0 ? 0x0800 : 0x0808, 2);
    number(b, 0, 2);                                    /* stored */
    number(b, 0, 4);                                    /* time, date */
    number(b, hide ? 0 : crc, 4);
    number(b, z->style == 2 ? 0xffffffff : hide ? 0 : n, 4);
    number(b, z->style == 2 ? 0xffffffff : hide ? 0 : n, 4);
    number(b, strlen(name), 2);
    number(b, extra, 2);
}

static void zip_add(zip *z, const char *name, const void *data, size_t n)
{
    uint32_t crc = tango_io_crc32_add(&crc_table, 0, data, n);
    size_t at = z->b.n, pad;
    text(&z->b, "PK\3\4");
    number(&z->b, 0, 2);
    pad = z->style == 0 ? (64 - (z->b.n + 24 + strlen(name) + 4) % 64) % 64 : 0;
    zip_header(&z->b, z, name, n, crc, 1,
               z->style == 0   ? 4 + pad
               : z->style == 2 ? 20
                               : 0);
    text(&z->b, name);
    if (z->style == 0) {
        text(&z->b, "FB");
        number(&z->b, pad, 2);
        while (pad-- > 0) text(&z->b, "Z");
    }
    if (z->style == 2) {
        number(&z->b, 1, 2);
        number(&z->b, 16, 2);
        number(&z->b, n > 0 ? 0 : n, 8);
        number(&z->b, n > 0 ? 0 : n, 8);
    }
    add(&z->b, data, n);
    if (z->style != 1 && n > 0) {
        if (z->style == 0) text(&z->b, "PK\7\10");
        number(&z->b, crc, 4);
        number(&z->b, n, z->style == 0 ? 4 : 8);
        number(&z->b, n, z->style == 0 ? 4 : 8);
    }
    text(&z->directory, "PK\1\2");
    number(&z->directory, 0x031e, 2);                   /* made by Unix */
    number(&z->directory, 0, 2);
    zip_header(&z->directory, z, name, n, crc, 0, z->style == 2 ? 28 : 0);
    number(&z->directory, 0, 2);                        /* comment */
    number(&z->directory, 0, 2);                        /* disk */
    number(&z->directory, 0, 2);
    number(&z->directory, z->style == 1 ? 0x81a40000 : 0, 4);
    number(&z->directory, z->style == 2 ? 0xffffffff : at, 4);
    text(&z->directory, name);
    if (z->style == 2) {
        number(&z->directory, 1, 2);
        number(&z->directory, 24, 2);
        number(&z->directory, n, 8);
        number(&z->directory, n, 8);
        number(&z->directory, at, 8);
    }
    z->count++;
}

static bytes zip_end(zip *z)
{
    size_t at = z->b.n, n = z->directory.n;
    if (n) add(&z->b, z->directory.p, n);
    if (z->style != 1) {
        text(&z->b, "PK\6\6");
        number(&z->b, 44, 8);
        number(&z->b, 0, 4);
        number(&z->b, 0, 8);                            /* disks */
        number(&z->b, z->count, 8);
        number(&z->b, z->count, 8);
        number(&z->b, n, 8);
        number(&z->b, at, 8);
        text(&z->b, "PK\6\7");
        number(&z->b, 0, 4);
        number(&z->b, at + n, 8);
        number(&z->b, 1, 4);
    }
    text(&z->b, "PK\5\6");
    number(&z->b, 0, 4);
    number(&z->b, z->style == 2 ? 0xffff : z->count, 2);
    number(&z->b, z->style == 2 ? 0xffff : z->count, 2);
    number(&z->b, z->style == 2 ? 0xffffffff : n, 4);
    number(&z->b, z->style == 2 ? 0xffffffff : at, 4);
    number(&z->b, 0, 2);
    release(&z->directory);
    return z->b;
}

/* Pickle from a short text: one letter an opcode, as below; blanks are skipped.
       'word'   BINUNICODE            123     BININT1, BININT2 or BININT
       <a b>    GLOBAL a, b           @7      BINGET 7            =7   BINPUT 7
       N T F ( ) { } [ ] t a s u e R b Q     the opcodes; } is EMPTY_DICT, ] EMPTY_LIST,
       1 2 3 after ^: TUPLE1, 2, 3    !XX     a byte in hexadecimal */
static bytes pickle(const char *p)
{
    bytes b = { NULL, 0, 0 };
    add(&b, "\x80\2", 2);
    for (; *p; p++) {
        if (*p == ' ') continue;
        if (*p == '\'') {
            size_t n = strcspn(p + 1, "'");
            text(&b, "X");
            number(&b, n, 4);
            add(&b, p + 1, n);
            p += n + 1;
        } else if (*p == '<') {
            size_t n = strcspn(p, " "), m = strcspn(p, ">");
            text(&b, "c");
            add(&b, p + 1, n - 1);
            text(&b, "\n");
            add(&b, p + n + 1, m - n - 1);
            text(&b, "\n");
            p += m;
        } else if (*p == '@' || *p == '=') {
            text(&b, *p == '@' ? "h" : "q");
            number(&b, strtoul(p + 1, NULL, 10), 1);
            p += strspn(p + 1, "0123456789");
        } else if (*p >= '0' && *p <= '9') {
            unsigned long v = strtoul(p, NULL, 10);
            text(&b, v < 256 ? "K" : v < 65536 ? "M" : "J");
            number(&b, v, v < 256 ? 1 : v < 65536 ? 2 : 4);
            p += strspn(p, "0123456789") - 1;
        } else if (*p == '^') {
            number(&b, 0x84u + (unsigned)(*++p - '0'), 1);
        } else if (*p == '!') {
            char hex[3] = { p[1], p[2], 0 };
            number(&b, strtoul(hex, NULL, 16), 1);
            p += 2;
        } else if (*p == 'T' || *p == 'F') {
            number(&b, *p == 'T' ? 0x88 : 0x89, 1);
        } else {
            add(&b, p, 1);
        }
    }
    return b;
}

/* Storage KEY of COUNT elements of torch.TYPE. */
#define STORAGE(type, key, count)                                                        \
    "('storage' <torch " type "> '" key "' 'cpu' " count " t Q "
#define SIX STORAGE("FloatStorage", "0", "6")
/* Arguments of _rebuild_tensor_v2 after the storage, and its call. */
#define TENSOR(storage, offset, shape, strides) \
    "<torch._utils _rebuild_tensor_v2> (" storage offset " (" shape " t (" strides \
    " t F <collections OrderedDict> ) R t R "

/* A state dictionary: a 2 x 3 matrix, its transpose in the same storage, its second row,
   a parameter of halves, an empty tensor, a number, and things that are no tensors. */
static const char good_pickle[] =
    "<collections OrderedDict> =0 ) R =1 ( "
    "'a' " TENSOR(SIX, "0", "2 3", "3 1")
    "'b.t' " TENSOR(SIX, "0", "3 2", "1 3")
    "'c.row' " TENSOR(SIX, "3", "3", "1")
    "'p' <torch._utils _rebuild_parameter> "
    TENSOR(STORAGE("HalfStorage", "1", "4"), "1", "2", "2") "T @0 ) R ^3 R =9 "
    "'tied' @9 "
    "'e' " TENSOR(STORAGE("LongStorage", "2", "0"), "0", "0 3", "3 1")
    "'x' " TENSOR(STORAGE("DoubleStorage", "3", "1"), "0", "", "")
    "'steps' 1000000 'list' ] ( 1 2 e 'none' N "
    "'inner' } ( 'w' " TENSOR(SIX, "5", "1", "1") "1 2 u "
    "'args' <argparse Namespace> ) !81 } 'k' 1 s b "
    "u } '_metadata' @0 ) R '' } 'version' 1 s s s b .";

static const float matrix[6] = { 0, 1, 2, 3, 4, 5 };
static const unsigned char matrix_file[24] = { 0, 0, 0,    0,    0, 0, 0x80, 0x3f,
                                               0, 0, 0,    0x40, 0, 0, 0x40, 0x40,
                                               0, 0, 0x80, 0x40, 0, 0, 0xa0, 0x40 };
static const unsigned char halves[8] = { 0, 0x3c, 0, 0x40, 0, 0x42, 0, 0x44 };
static const double third = 1.0 / 3.0;
static const unsigned char third_file[8] = { 0x55, 0x55, 0x55, 0x55,
                                             0x55, 0x55, 0xd5, 0x3f };

static bytes archive(const char *program, int style)
{
    zip z;
    bytes p = pickle(program);
    memset(&z, 0, sizeof z);
    z.style = style;
    tango_io_crc32_begin(&crc_table);
    zip_add(&z, "m/data.pkl", p.p, p.n);
    if (style != 0) zip_add(&z, "m/byteorder", "little", 6);
    zip_add(&z, "m/data/0", matrix_file, 24);
    zip_add(&z, "m/data/1", halves, 8);
    zip_add(&z, "m/data/2", "", 0);
    zip_add(&z, "m/data/3", third_file, 8);
    zip_add(&z, "m/version", "3\n", 2);
    if (style == 2) zip_add(&z, "m/.data/serialization_id", "0123", 4);
    release(&p);
    return zip_end(&z);
}

static void *torch_work;

static tango_result torch_open(tango_io_torch *torch, const unsigned char *p, size_t n)
{
    size_t need;
    tango_result r = tango_io_torch_work_size(&need, p, n, &error);
    free(torch_work);
    torch_work = NULL;
    if (r != TANGO_OK) return r;
    torch_work = malloc(need);
    if (!torch_work) exit(1);
    return tango_io_torch_open(torch, p, n, torch_work, need, &error);
}

static int torch_reads(const unsigned char *p, size_t n)
{
    tango_io_torch torch;
    tango_io_torch_tensor t;
    size_t i, k;
    float x;
    if (torch_open(&torch, p, n) != TANGO_OK) return 0;
    for (i = 0; i < torch.count; i++) {
        tango_io_torch_tensor_at(&torch, i, &t);
        k = strlen(t.name);
        if (t.view.count == 0) continue;
        tango_io_view_read(&x, &t.view, 0, 1);
        tango_io_view_read(&x, &t.view, t.view.count - 1, 1);
        if (k && !tango_io_torch_find(&torch, t.name, &t)) return 0;
    }
    tango_io_torch_enter(&torch, "inner");
    return 1;
}

static void archives_of_three_writers_give_the_same_tensors(void)
{
    int style;
    for (style = 0; style < 3; style++) {
        bytes b = archive(good_pickle, style);
        tango_io_torch torch;
        tango_io_torch_tensor t;
        float out[6];
        size_t i;
        CHECK(torch_open(&torch, b.p, b.n) == TANGO_OK);
        CHECK(torch.count == 7);
        CHECK(tango_io_torch_find(&torch, "b.t", &t) == 1 && t.view.rank == 2);
        CHECK(t.view.shape[0] == 3 && t.view.shape[1] == 2 && t.view.strides[1] == 3);
        tango_io_view_read(out, &t.view, 0, 6);
        for (i = 0; i < 6; i++) CHECK(out[i] == matrix[i / 2 + i % 2 * 3]);
        CHECK(tango_io_torch_find(&torch, "c.row", &t) == 1 && t.storage_offset == 3);
        CHECK(t.storage_size == 24 && memcmp(b.p + t.storage, matrix_file, 24) == 0);
        tango_io_view_read(out, &t.view, 0, 3);
        CHECK(out[0] == 3 && out[2] == 5);
        CHECK(tango_io_torch_find(&torch, "tied", &t) == 1 &&
              t.view.type == TANGO_IO_F16);
        tango_io_view_read(out, &t.view, 0, 2);
        CHECK(out[0] == 2.0f && out[1] == 4.0f);
        CHECK(tango_io_torch_find(&torch, "x", &t) == 1 && t.view.rank == 0);
        tango_io_view_read(out, &t.view, 0, 1);
        CHECK(out[0] == (float)third);
        CHECK(tango_io_torch_find(&torch, "e", &t) == 1 && t.view.count == 0);
        CHECK(tango_io_torch_find(&torch, "steps", &t) == 0);
        CHECK(tango_io_torch_enter(&torch, "a") == 0 && torch.count == 7);
        CHECK(tango_io_torch_enter(&torch, "inner") == 1 && torch.count == 1);
        tango_io_torch_tensor_at(&torch, 0, &t);
        CHECK(strcmp(t.name, "w") == 0);
        release(&b);
    }
}

static void a_bare_tensor_is_a_file_too(void)
{
    bytes b = archive(TENSOR(SIX, "0", "6", "1") ".", 0);
    tango_io_torch torch;
    tango_io_torch_tensor t;
    CHECK(torch_open(&torch, b.p, b.n) == TANGO_OK && torch.count == 1);
    tango_io_torch_tensor_at(&torch, 0, &t);
    CHECK(t.name[0] == 0 && t.view.count == 6);
    CHECK(tango_io_torch_enter(&torch, "x") == 0 &&
          tango_io_torch_find(&torch, "", &t) == 0);
    release(&b);
}

/* Offsets of the CRC-32 of local headers and descriptors in torch's style, and of central
   ones. */
static void archives_without_checksums_say_so(void)
{
    bytes b = archive(good_pickle, 0);
    tango_io_torch torch;
    size_t i, last = 0;
    CHECK(torch_open(&torch, b.p, b.n) == TANGO_OK && torch.summed);
    for (i = 0; i + 4 < b.n; i++) {
        size_t at = memcmp(b.p + i, "PK\3\4", 4) == 0   ? 14u
                    : memcmp(b.p + i, "PK\7\10", 4) == 0 ? 4u
                    : memcmp(b.p + i, "PK\1\2", 4) == 0  ? 16u : 0;
        if (at == 16) last = i + at;
        if (at) memset(b.p + i + at, 0, 4);
    }
    CHECK(torch_open(&torch, b.p, b.n) == TANGO_OK && !torch.summed && torch.count == 7);
    b.p[last] = 1;                                      /* one is stated: all count */
    CHECK(torch_open(&torch, b.p, b.n) == TANGO_ERROR_DATA);
    release(&b);
}

static void dictionaries_inside_are_listed(void)
{
    bytes b = archive("} ( 'b' } ( 'x' } 'w' " TENSOR(SIX, "0", "6", "1") "u 'a' } 'c' 1 "
                      "'t' " TENSOR(SIX, "0", "6", "1") "u .", 0);
    tango_io_torch torch;
    CHECK(torch_open(&torch, b.p, b.n) == TANGO_OK);
    CHECK(torch.count == 1 && torch.dictionaries == 2);
    CHECK(strcmp(tango_io_torch_dictionary_at(&torch, 0), "a") == 0);
    CHECK(strcmp(tango_io_torch_dictionary_at(&torch, 1), "b") == 0);
    CHECK(tango_io_torch_enter(&torch, "b") && torch.dictionaries == 1);
    CHECK(torch.count == 1);
    CHECK(tango_io_torch_enter(&torch, "x") && torch.dictionaries == 0);
    CHECK(torch.count == 0);
    release(&b);
}

static void one_byte_less_of_work_is_an_error(void)
{
    bytes b = archive(good_pickle, 0);
    size_t need = 0, n;
    tango_io_torch torch;
    CHECK(tango_io_torch_work_size(&need, b.p, b.n, &error) == TANGO_OK);
    for (n = 0; n < need - 7; n += n < 64 ? 1 : 97) {   /* 7 bytes are for alignment */
        void *work = malloc(n ? n : 1);
        CHECK(tango_io_torch_open(&torch, b.p, b.n, work, n, &error) ==
              TANGO_ERROR_MEMORY);
        free(work);
    }
    CHECK(tango_io_torch_open(&torch, b.p, b.n, NULL, 0, &error) == TANGO_ERROR_MEMORY);
    release(&b);
}

/* 1 if the archive with this pickle is refused with these words. */
static int torch_refuses(const char *program, const char *words)
{
    bytes b = archive(program, 0);
    int refused;
    error.text[0] = 0;
    refused = !torch_reads(b.p, b.n) && says(words) && says("offset");
    if (!refused) printf("    %s: %s\n", program, error.text);
    release(&b);
    return refused;
}

/* Numbers of types without a storage class: bytes, and the type as a seventh argument. */
#define TYPED(storage, offset, shape, strides, type)                                     \
    "<torch._utils _rebuild_tensor_v3> (" storage offset " (" shape " t (" strides      \
    " t F <collections OrderedDict> ) R <torch " type "> t R "
#define UNTYPED(key, count) \
    "('storage' <torch.storage UntypedStorage> '" key "' 'cpu' " count " t Q "

static void unsigned_numbers_lie_in_untyped_storages(void)
{
    bytes b = archive("} ( 'a' " TYPED(UNTYPED("1", "8"), "1", "3", "1", "uint16")
                      "'b' " TYPED(UNTYPED("1", "8"), "0", "2 1", "1 2", "uint32")
                      "'c' " TYPED(UNTYPED("3", "8"), "0", "", "", "uint64") "u .", 0);
    tango_io_torch torch;
    tango_io_torch_tensor t;
    float out[3];
    CHECK(torch_open(&torch, b.p, b.n) == TANGO_OK && torch.count == 3);
    CHECK(tango_io_torch_find(&torch, "a", &t) && t.view.type == TANGO_IO_U16);
    tango_io_view_read(out, &t.view, 0, 3);
    CHECK(out[0] == 0x4000 && out[2] == 0x4400 && t.storage_offset == 1);
    CHECK(tango_io_torch_find(&torch, "b", &t) && t.view.type == TANGO_IO_U32);
    tango_io_view_read(out, &t.view, 1, 1);
    CHECK(out[0] == (float)0x44004200);
    CHECK(tango_io_torch_find(&torch, "c", &t) && t.view.type == TANGO_IO_U64);
    release(&b);
    CHECK(torch_refuses(TYPED(UNTYPED("1", "8"), "2", "3", "1", "uint16") ".",
                        "outside"));
    CHECK(torch_refuses(TYPED(UNTYPED("1", "4"), "0", "2", "1", "uint16") ".", "has 8"));
    CHECK(torch_refuses(TYPED(SIX, "0", "2", "1", "uint16") ".", "other types"));
    CHECK(torch_refuses(TENSOR(UNTYPED("1", "8"), "0", "2", "1") ".", "other types"));
    CHECK(torch_refuses(TYPED(UNTYPED("1", "8"), "0", "2", "1", "FloatStorage") ".",
                        "other types"));
    CHECK(torch_refuses(TYPED(UNTYPED("1", "8"), "0", "2", "1", "float8_e5m2") ".",
                        "torch.float8_e5m2 is not allowed"));
    CHECK(torch_refuses("} ( 'a' " TYPED(UNTYPED("1", "8"), "0", "2", "1", "uint16")
                        "'b' " TENSOR(STORAGE("HalfStorage", "1", "4"), "1", "2", "2")
                        "u .", "two element types"));
}

/* torch.zeros(0, 4)[:, 2:] is saved with the offset 2 into a storage of nothing. */
static void tensors_of_no_elements_may_begin_anywhere(void)
{
    bytes b = archive("} ( 'a' " TENSOR(STORAGE("LongStorage", "2", "0"), "2", "0 2",
                                        "4 1")
                      "'b' " TENSOR(SIX, "!8a!08!ff!ff!ff!ff!ff!ff!ff!7f", "0", "1")
                      "u .", 0);
    tango_io_torch torch;
    tango_io_torch_tensor t;
    CHECK(torch_open(&torch, b.p, b.n) == TANGO_OK && torch.count == 2);
    CHECK(tango_io_torch_find(&torch, "a", &t) && t.view.count == 0);
    CHECK(t.view.data == b.p + t.storage && t.view.rank == 2 && t.view.shape[1] == 2);
    CHECK(tango_io_torch_find(&torch, "b", &t) && t.view.data == b.p + t.storage);
    release(&b);
}

static void scalars_of_both_numpy_spellings_are_inert(void)
{
    static const char *const spelling[] = { "<numpy.core", "<numpy._core" };
    char program[200];
    size_t i;
    for (i = 0; i < 2; i++) {
        bytes b;
        tango_io_torch torch;
        sprintf(program, "} ( 'a' " TENSOR(SIX, "0", "6", "1")
                "'b' %s.multiarray scalar> ) R u .", spelling[i]);
        b = archive(program, 0);
        CHECK(torch_open(&torch, b.p, b.n) == TANGO_OK && torch.count == 1);
        release(&b);
    }
}

static void pickles_outside_the_table_are_refused(void)
{
    CHECK(torch_refuses("", "ends without STOP"));
    CHECK(torch_refuses("} . N", "bytes after STOP"));
    CHECK(torch_refuses("}", "ends without STOP"));
    CHECK(torch_refuses(".", "other than one"));
    CHECK(torch_refuses("} } .", "other than one"));
    CHECK(torch_refuses("( .", "other than one"));
    CHECK(torch_refuses("1 .", "no dictionary or tensor"));
    CHECK(torch_refuses("!80!02 } .", "second protocol"));
    CHECK(torch_refuses("i .", "opcode 105 is not allowed"));
    CHECK(torch_refuses("!8c!01a .", "opcode 140"));
    CHECK(torch_refuses("} !95 .", "opcode 149"));
    CHECK(torch_refuses("<os system> 'id' ^1 R .", "os.system is not allowed"));
    CHECK(says("save the state_dict alone"));
    CHECK(torch_refuses("} 'x' <builtins eval> s .", "builtins.eval"));
    CHECK(torch_refuses("<posix system> .", "posix.system"));
    CHECK(torch_refuses("<torch _utils._rebuild_tensor_v2> .", "not allowed"));
    CHECK(torch_refuses("<torch FloatStorage2> .", "not allowed"));
    CHECK(torch_refuses("<torch.optimx y> .", "not allowed"));
    CHECK(torch_refuses("<torch optim.> .", "not allowed"));
    CHECK(torch_refuses("<omegaconf a;b> .", "not allowed"));
    CHECK(torch_refuses("<collections OrderedDict.x> .", "not allowed"));
    CHECK(torch_refuses("cos", "two lines"));
    CHECK(torch_refuses("X!ff!ff!ff!7fabc", "argument passes"));
    CHECK(torch_refuses("!8a!09!01", "argument passes"));
    CHECK(torch_refuses("X!01!00!00!00!ff .", "not UTF-8"));
    CHECK(torch_refuses("X!03!00!00!00!ed!a0!80 .", "not UTF-8"));
}

static void pickles_with_operands_of_other_types_are_refused(void)
{
    CHECK(torch_refuses("1 2 s .", "nothing to put members into"));
    CHECK(torch_refuses("] 1 2 s .", "no dictionary"));
    CHECK(torch_refuses("} 1 a .", "no list"));
    CHECK(torch_refuses("} ( 1 u .", "without a value"));
    CHECK(torch_refuses("} 1 u .", "no mark"));
    CHECK(torch_refuses("e .", "no mark"));
    CHECK(torch_refuses("t .", "no mark"));
    CHECK(torch_refuses("^2 .", "more than the stack"));
    CHECK(torch_refuses("( 1 ^2 .", "more than the stack"));
    CHECK(torch_refuses("1 1 R .", "call without"));
    CHECK(torch_refuses("} ] 1 s .", "key that is a list"));
    CHECK(torch_refuses("} ( 'k' 1 } 2 u .", "key that is a list or dictionary"));
    CHECK(torch_refuses("1 ) R .", "cannot be called"));
    CHECK(torch_refuses("<torch FloatStorage> ) R .", "cannot be called"));
    CHECK(torch_refuses("<collections OrderedDict> ) !81 .", "cannot be called"));
    CHECK(torch_refuses("<collections OrderedDict> 1 ^1 R .", "with arguments"));
    CHECK(torch_refuses("} } b .", "takes none"));
    CHECK(torch_refuses("<collections OrderedDict> ) R 1 b .", "takes none"));
    CHECK(torch_refuses("b .", "without an object"));
    CHECK(torch_refuses("Q .", "not a tuple of 5"));
    CHECK(torch_refuses("1 ^1 Q .", "not a tuple of 5"));
    CHECK(torch_refuses(TENSOR("1 ", "0", "6", "1") ".", "other types"));
    CHECK(torch_refuses("<torch._utils _rebuild_tensor_v2> ) R .", "other types"));
    CHECK(torch_refuses("<torch._utils _rebuild_parameter> ) R .", "other types"));
}

static void memo_and_cycles_are_guarded(void)
{
    CHECK(torch_refuses("@0 .", "never set"));
    CHECK(torch_refuses("j!ff!ff!ff!ff .", "never set"));
    CHECK(torch_refuses("=0 .", "nothing to remember"));
    CHECK(torch_refuses("( =0 .", "nothing to remember"));
    CHECK(torch_refuses("} =0 =0 .", "set twice"));
    CHECK(torch_refuses("} r!00!00!00!01 .", "over 2^24"));
    CHECK(torch_refuses("} r!ff!ff!ff!ff .", "over 2^24"));
    CHECK(torch_refuses("] =0 @0 a .", "into itself"));
    CHECK(torch_refuses("} =0 'k' @0 s .", "into itself"));
    CHECK(torch_refuses("} =0 'k' ] =1 @0 a s @0 'l' @1 s .", "used object"));
    CHECK(torch_refuses("] =0 ^1 =1 0 @0 @1 a .", "used object"));
    CHECK(torch_refuses("<collections OrderedDict> ) R =0 } 'x' @0 s b .", ""));
    CHECK(torch_refuses("} ( 'a' 1 'b' 2 'a' 3 u .", "duplicate key"));
    CHECK(torch_refuses("} 'in' } ( 1 1 2 2 1 3 u s .", "duplicate key"));
    CHECK(torch_refuses("} ( N 1 N 2 u .", "duplicate key"));
}

/* Settings of omegaconf: each part's state has the whole beside its own. The whole is
   built when the parts already know it. */
static void inert_objects_may_know_each_other(void)
{
    tango_io_torch torch;
    bytes b = archive(
        "} ( 'hyper_parameters' <omegaconf.dictconfig DictConfig> ) !81 =1 } ( "
        "'_content' } 'a' <omegaconf.nodes AnyNode> ) !81 } ( '_parent' @1 '_val' 1 u b "
        "s '_metadata' <omegaconf.base ContainerMetadata> ) !81 } ( "
        "'ref_type' <typing Any> 'object_type' <__builtin__ dict> "
        "'resolver_cache' <collections defaultdict> <__builtin__ dict> ^1 R u b u b "
        "'state_dict' } 'w' "
        TENSOR(SIX, "0", "6", "1") "s "
        "'callbacks' } <pytorch_lightning.callbacks.model_checkpoint ModelCheckpoint> } "
        "( 'best_model_score' " TENSOR(SIX, "0", "", "") "'dirpath' 'a' u s "
        "'hparams_type' <omegaconf.dictconfig DictConfig> "
        "'lr_schedulers' ] } 'milestones' <collections Counter> } 2 1 s ^1 R s a u .", 0);
    CHECK(torch_open(&torch, b.p, b.n) == TANGO_OK);
    CHECK(torch.count == 0 && torch.dictionaries == 2);
    CHECK(tango_io_torch_enter(&torch, "state_dict") && torch.count == 1);
    release(&b);
    CHECK(torch_refuses("<omegaconf A> ) !81 =0 } 'k' @0 s =1 b @1 'l' @1 s .",
                        "used object"));
    CHECK(torch_refuses("} 'a' <__builtin__ eval> s .", "name __builtin__.eval"));
    CHECK(torch_refuses("} 'a' <builtins dict> s .", "name builtins.dict"));
    CHECK(torch_refuses("} 'a' <typing AnyStr> s .", "name typing.AnyStr"));
}

static void numbers_beside_tensors_are_read(void)
{
    tango_io_torch torch;
    double x = 0;
    bytes b = archive("} ( 'state_dict' } 'w' " TENSOR(SIX, "0", "6", "1") "s "
                      "'scale_factor' G!3f!ed!70!a3!d7!0a!3d!71 'epoch' J!fd!ff!ff!ff "
                      "'big' !8a!08!ff!ff!ff!ff!ff!ff!ff!7f 'ema' T "
                      "'wide' !8a!09!ff!ff!ff!ff!ff!ff!ff!ff!00 "
                      "'text' '1' 7 7 'none' N u .", 0);
    CHECK(torch_open(&torch, b.p, b.n) == TANGO_OK);
    CHECK(torch.count == 0 && torch.dictionaries == 1 && torch.numbers == 4);
    CHECK(tango_io_torch_number(&torch, "scale_factor", &x) && x == 0.92);
    CHECK(tango_io_torch_number(&torch, "epoch", &x) && x == -3);
    CHECK(tango_io_torch_number(&torch, "big", &x) && x == 9223372036854775807.0);
    CHECK(tango_io_torch_number(&torch, "ema", &x) && x == 1);
    CHECK(!tango_io_torch_number(&torch, "wide", &x) && x == 1);
    CHECK(!tango_io_torch_number(&torch, "text", &x));
    CHECK(!tango_io_torch_number(&torch, "none", &x));
    CHECK(!tango_io_torch_number(&torch, "state_dict", &x));
    CHECK(!tango_io_torch_number(&torch, "", &x));
    CHECK(tango_io_torch_enter(&torch, "state_dict") && torch.numbers == 0);
    CHECK(!tango_io_torch_number(&torch, "w", &x));
    release(&b);
    b = archive(TENSOR(SIX, "0", "6", "1") ".", 0);
    CHECK(torch_open(&torch, b.p, b.n) == TANGO_OK && torch.numbers == 0);
    CHECK(!tango_io_torch_number(&torch, "", &x));
    release(&b);
}

/* Tensors that carry attributes of Python, and those of torch.nn.Buffer. */
static void tensors_of_a_class_are_tensors(void)
{
#define CLASSY(state) \
    "<torch._tensor _rebuild_from_type_v2> ( <torch._utils _rebuild_tensor_v2> " \
    "<torch Tensor> (" SIX "0 (2 3 t (3 1 t F <collections OrderedDict> ) R t " state \
    " t R "
    tango_io_torch torch;
    tango_io_torch_tensor t;
    float x[6];
    bytes b = archive("} ( 'a' " CLASSY("} 'note' 'x' s") "'b' " CLASSY("} N ^2")
                      "'c' <torch._utils _rebuild_parameter_with_state> ("
                      TENSOR(SIX, "0", "2 3", "3 1") "T <collections OrderedDict> ) R "
                      "} 'note' 1 s t R u .", 0);
    CHECK(torch_open(&torch, b.p, b.n) == TANGO_OK && torch.count == 3);
    for (size_t i = 0; i < torch.count; i++) {
        tango_io_torch_tensor_at(&torch, i, &t);
        CHECK(t.view.rank == 2 && t.view.count == 6);
        tango_io_view_read(x, &t.view, 0, 6);
        CHECK(memcmp(x, matrix, sizeof x) == 0);
    }
    release(&b);
    CHECK(torch_refuses("<torch._tensor _rebuild_from_type_v2> ) R .", "otherwise"));
    CHECK(torch_refuses("<torch._tensor _rebuild_from_type_v2> ( <collections "
                        "OrderedDict> <torch Tensor> ) } t R .", "otherwise"));
    CHECK(torch_refuses("<torch._tensor _rebuild_from_type_v2> ( <torch._tensor "
                        "_rebuild_from_type_v2> <torch Tensor> ) } t R .", "otherwise"));
    CHECK(torch_refuses("<torch._tensor _rebuild_from_type_v2> ( <torch._utils "
                        "_rebuild_tensor_v2> <torch Tensor> ) } t R .", "other types"));
    CHECK(torch_refuses("<torch._utils _rebuild_parameter_with_state> ) R .",
                        "other types"));
}

static void pickles_nest_64_deep_at_most(void)
{
    char text[400], tuples[400] = "} 'k' )", lists[400] = "} 'k' ]";
    bytes b;
    size_t i;
    for (i = 0; i < 62; i++) strcat(tuples, " ^1");
    for (i = 0; i < 62; i++) strcat(lists, " ]");
    for (i = 0; i < 62; i++) strcat(lists, " a");
    b = archive(strcat(strcpy(text, tuples), " s ."), 0);
    CHECK(torch_reads(b.p, b.n));
    release(&b);
    b = archive(strcat(strcpy(text, lists), " s ."), 0);
    CHECK(torch_reads(b.p, b.n));
    release(&b);
    CHECK(torch_refuses(strcat(tuples, " ^1 s ."), "nested over 64"));
    CHECK(torch_refuses(strcat(lists, " ^1 s ."), "nested over 64"));
}

static void tensors_stay_inside_their_storages(void)
{
    CHECK(torch_refuses(TENSOR(STORAGE("FloatStorage", "9", "6"), "0", "6", "1") ".",
                        "no record"));
    CHECK(torch_refuses(TENSOR(STORAGE("FloatStorage", "0", "5"), "0", "5", "1") ".",
                        "record has 24"));
    CHECK(torch_refuses(TENSOR(STORAGE("HalfStorage", "0", "6"), "0", "6", "1") ".",
                        "record has 24"));
    CHECK(torch_refuses(TENSOR(SIX, "0", "7", "1") ".", "outside"));
    CHECK(torch_refuses(TENSOR(SIX, "1", "6", "1") ".", "outside"));
    CHECK(torch_refuses(TENSOR(SIX, "7", "1", "0") ".", "outside"));
    CHECK(torch_refuses(TENSOR(SIX, "0", "2 3", "4 1") ".", "outside"));
    CHECK(torch_refuses(TENSOR(SIX, "0", "2 3", "3") ".", "another rank"));
    CHECK(torch_refuses(TENSOR(SIX, "0", "1 1 1 1 1 1 1 1 1",
                               "1 1 1 1 1 1 1 1 1") ".", "rank over 8"));
    CHECK(torch_refuses(TENSOR(SIX, "J!ff!ff!ff!ff", "1", "1") ".",
                        "other types"));
    CHECK(torch_refuses(TENSOR(SIX, "0", "J!ff!ff!ff!ff", "1") ".",
                        "from 0 on"));
    CHECK(torch_refuses(TENSOR(SIX, "0", "2", "J!ff!ff!ff!ff") ".",
                        "from 0 on"));
    /* 2^62 * 4 elements beside a zero, and a stride that wraps */
    CHECK(torch_refuses(TENSOR(SIX, "0",
                               "!8a!08!00!00!00!00!00!00!00!40 4 0", "0 0 0") ".",
                        "outside"));
    CHECK(torch_refuses(TENSOR(SIX, "0", "5",
                               "!8a!08!00!00!00!00!00!00!00!40") ".", "outside"));
    CHECK(torch_refuses("} ( 'a' " TENSOR(SIX, "0", "6", "1") "'b' "
                        TENSOR(STORAGE("IntStorage", "0", "6"), "0", "6", "1") "u .",
                        "two element types"));
    CHECK(torch_refuses("} '' " TENSOR(SIX, "0", "6", "1") "s .",
                        "empty or not clean"));
    CHECK(torch_refuses("} 'a\nb' " TENSOR(SIX, "0", "6", "1")
                        "s .", "empty or not clean"));
}

static void too_many_objects_are_refused(void)
{
    char *program = (char *)malloc(1000002);
    memset(program, '}', 1000001);
    program[1000001] = 0;
    CHECK(torch_refuses(program, "more than 1000000 objects"));
    program[1000000] = 0;
    CHECK(torch_refuses(program, "ends without STOP"));
    free(program);
}

static void a_cut_archive_is_refused(void)
{
    int style;
    for (style = 0; style < 3; style++) {
        bytes b = archive(good_pickle, style);
        CHECK(cut_everywhere(&b, torch_reads) == 0);
        text(&b, "x");
        CHECK(!torch_reads(b.p, b.n));
        damage(&b, torch_reads, 4000);
        release(&b);
    }
}

/* Damage inside the pickle, with its CRC-32 made right again. */
static void a_damaged_pickle_is_refused_or_harmless(void)
{
    bytes p = pickle(good_pickle);
    size_t i, k, read = 0;
    for (i = 0; i < 30000; i++) {
        zip z;
        bytes b;
        unsigned char *copy = (unsigned char *)malloc(p.n);
        memcpy(copy, p.p, p.n);
        memset(&z, 0, sizeof z);
        z.style = 1;
        for (k = noise() % 3 + 1; k > 0; k--) {
            size_t at = 2 + noise() % (p.n - 2), from = 2 + noise() % (p.n - 2);
            copy[at] = noise() % 2 ? copy[from] : (unsigned char)noise();
        }
        zip_add(&z, "m/data.pkl", copy, p.n);
        zip_add(&z, "m/data/0", matrix_file, 24);
        zip_add(&z, "m/data/1", halves, 8);
        zip_add(&z, "m/data/2", "", 0);
        zip_add(&z, "m/data/3", third_file, 8);
        zip_add(&z, "m/version", "3\n", 2);
        b = zip_end(&z);
        read += (size_t)torch_reads(b.p, b.n);
        release(&b);
        free(copy);
    }
    CHECK(read < 30000);
    release(&p);
}

/* ---- 6 torch: files without zip --------------------------------------------------- */

#define SYSTEM(little) "} ( 'protocol_version' 1001 'little_endian' " little \
    " 'type_sizes' } ( 'short' 2 'int' 4 'long' 4 u u ."
#define OLD(type, key, count) \
    "('storage' <torch " type "> '" key "' 'cpu' " count " N t Q "

/* The five pickles; the numbers follow. */
static bytes legacy_start(const char *system, const char *object, const char *keys)
{
    static const char magic[] = "\x80\2\x8a\nl\xfc\x9c\x46\xf9 j\xa8P\x19.\x80\2M\xe9\3.";
    const char *const parts[3] = { system, object, keys };
    bytes b = { NULL, 0, 0 };
    add(&b, magic, sizeof magic - 1);
    for (size_t i = 0; i < 3; i++) {
        bytes p = pickle(parts[i]);
        add(&b, p.p, p.n);
        release(&p);
    }
    return b;
}

static void legacy_storage(bytes *b, uint64_t count, const void *data, size_t n)
{
    number(b, count, 8);
    add(b, data, n);
}

static const char legacy_object[] =
    "<collections OrderedDict> ) R ( "
    "'a' " TENSOR(OLD("FloatStorage", "94", "6"), "0", "2 3", "3 1")
    "'b' " TENSOR(OLD("FloatStorage", "94", "6"), "3", "3", "1")
    "'h' <torch._utils _rebuild_parameter> "
    TENSOR(OLD("HalfStorage", "11", "4"), "1", "2", "2") "T N ^3 R "
    "'n' " TENSOR(OLD("LongStorage", "57", "0"), "0", "0 3", "3 1") "'steps' 3 u .";

/* The list need not be sorted. */
static bytes legacy_file(const char *keys)
{
    bytes b = legacy_start(SYSTEM("T"), legacy_object, keys);
    legacy_storage(&b, 6, matrix_file, 24);
    legacy_storage(&b, 4, halves, 8);
    legacy_storage(&b, 0, "", 0);
    return b;
}

static void files_without_zip_are_read(void)
{
    static const char *const lists[3] = { "] =0 ( '94' =1 '11' '57' e .",
                                          "] '94' a '11' a ( '57' e .",
                                          "] ( '94' '11' e ( e '57' =9 a ." };
    for (size_t i = 0; i < 3; i++) {
        bytes b = legacy_file(lists[i]);
        tango_io_torch torch;
        tango_io_torch_tensor t;
        float x[6];
        double steps = 0;
        CHECK(torch_open(&torch, b.p, b.n) == TANGO_OK);
        CHECK(torch.count == 4 && torch.summed == 0);
        CHECK(tango_io_torch_find(&torch, "a", &t) && t.storage_size == 24);
        tango_io_view_read(x, &t.view, 0, 6);
        CHECK(memcmp(x, matrix, sizeof x) == 0);
        CHECK(memcmp(b.p + t.storage, matrix_file, 24) == 0);
        CHECK(tango_io_torch_find(&torch, "b", &t) && t.storage_offset == 3);
        tango_io_view_read(x, &t.view, 0, 3);
        CHECK(memcmp(x, matrix + 3, 12) == 0);
        CHECK(tango_io_torch_find(&torch, "h", &t) && t.view.type == TANGO_IO_F16);
        tango_io_view_read(x, &t.view, 0, 2);
        CHECK(x[0] == 2 && x[1] == 4);
        CHECK(tango_io_torch_find(&torch, "n", &t) && t.view.count == 0);
        CHECK(tango_io_torch_number(&torch, "steps", &steps) && steps == 3);
        release(&b);
    }
}

/* 1 if the file, of one storage "0" of 6 floats, is refused with these words. */
static int legacy_refuses(const char *system, const char *object, const char *keys,
                          uint64_t count, const char *words)
{
    bytes b = legacy_start(system, object, keys);
    int refused;
    legacy_storage(&b, count, matrix_file, 24);
    error.text[0] = 0;
    refused = !torch_reads(b.p, b.n) && says(words) && says("offset");
    if (!refused) printf("    %s: %s\n", object, error.text);
    release(&b);
    return refused;
}

static void each_rule_of_files_without_zip_has_its_message(void)
{
#define OLD_FLOATS(count, offset) \
    TENSOR(OLD("FloatStorage", "0", count), offset, "6", "1")
#define OLD_SIX OLD_FLOATS("6", "0") "."
#define LIST "] '0' a ."
#define REFUSES(object, keys, count, words) \
    CHECK(legacy_refuses(SYSTEM("T"), object, keys, count, words))
    static const char integers[] =
        "} ( 'a' " OLD_FLOATS("6", "0") "'b' "
        TENSOR(OLD("IntStorage", "0", "6"), "0", "6", "1") "u .";
    static const char twice[] =
        "} ( 'a' " OLD_FLOATS("6", "0") "'b' " OLD_FLOATS("6", "0") "u .";
    CHECK(legacy_refuses(SYSTEM("F"), OLD_SIX, LIST, 6, "little-endian"));
    CHECK(legacy_refuses("} 'little_endian' T s .", OLD_SIX, LIST, 6, "version 1001"));
    CHECK(legacy_refuses("} ( 'protocol_version' 1000 'little_endian' T u .", OLD_SIX,
                         LIST, 6, "version 1001"));
    CHECK(legacy_refuses("1 .", OLD_SIX, LIST, 6, "version 1001"));
    CHECK(legacy_refuses("<os system> .", OLD_SIX, LIST, 6, "os.system is not"));
    REFUSES("<os system> .", "] .", 6, "os.system is not");
    REFUSES(OLD_SIX, "<os system> .", 6, "no plain list");
    REFUSES(OLD_SIX, LIST, 5, "5 elements, expected 6");
    REFUSES(OLD_SIX, LIST, UINT64_MAX, "elements, expected");
    REFUSES(OLD_SIX, "] '1' a .", 6, "no storage 0");
    REFUSES(OLD_SIX, "] .", 6, "no storage 0");
    REFUSES(OLD_SIX, "] ( '0' '1' e .", 6, "2 storages");
    REFUSES(OLD_SIX, "( '0' t .", 6, "no plain list");
    REFUSES(OLD_SIX, "] ( '0' .", 6, "no plain list");
    REFUSES(OLD_SIX, "] '0' .", 6, "no plain list");
    REFUSES(OLD_SIX, "] '0' ( e a .", 6, "no plain list");
    REFUSES(OLD_SIX, "] '0' e .", 6, "no plain list");
    REFUSES(OLD_SIX, "] ( ] '0' e .", 6, "no plain list");
    REFUSES(OLD_SIX, "} '0' 1 s .", 6, "no plain list");
    REFUSES(OLD_SIX, "] 1 a .", 6, "no plain list");
    REFUSES("} .", "] .", 6, "after the last storage");
    REFUSES(OLD_FLOATS("7", "0") ".", LIST, 6, "6 elements, expected 7");
    REFUSES(OLD_FLOATS("7", "0") ".", LIST, 7, "truncated");
    REFUSES(OLD_FLOATS("70000", "0") ".", LIST, 7, "larger than the file");
    REFUSES(OLD_FLOATS("6", "1") ".", LIST, 6, "outside its storage");
    REFUSES(TENSOR(SIX, "0", "6", "1") ".", LIST, 6, "tuple of 6");
    REFUSES("('storage' <torch FloatStorage> '0' 'cpu' 6 ('1' 0 6 t t Q .", LIST, 6,
            "other types");
    REFUSES(integers, LIST, 6, "two element types");
    REFUSES(twice, "] ( '0' '0' e .", 6, "listed twice");
}

static void a_file_without_zip_cut_anywhere_is_refused(void)
{
    bytes b = legacy_file("] ( '94' '11' '57' e ."), c;
    size_t need = 0;
    tango_io_torch torch;
    void *work;
    CHECK(torch_reads(b.p, b.n));
    CHECK(cut_everywhere(&b, torch_reads) == 0);
    damage(&b, torch_reads, 8000);
    CHECK(tango_io_torch_work_size(&need, b.p, b.n, &error) == TANGO_OK);
    work = malloc(need);
    if (!work) exit(1);
    CHECK(tango_io_torch_open(&torch, b.p, b.n, work, need - 8, &error) ==
          TANGO_ERROR_MEMORY);
    free(work);
    c = legacy_file("] ( '94' '11' '57' e .");
    text(&c, "x");
    CHECK(!torch_reads(c.p, c.n) && says("1 bytes after the last storage"));
    release(&c);
    b.p[17] = 'K';
    CHECK(!torch_reads(b.p, b.n) && says("version is not 1001"));
    release(&b);
}

/* Every bit of the pickles and of the counts: refused, or tensors inside the file. */
static void every_flipped_bit_of_a_file_without_zip_is_harmless(void)
{
    bytes b = legacy_file("] ( '94' '11' '57' e .");
    size_t i, read = 0;
    for (i = 0; i < 8 * b.n; i++) {
        b.p[i / 8] = (unsigned char)(b.p[i / 8] ^ 1u << i % 8);
        error.text[0] = 0;
        if (torch_reads(b.p, b.n)) read++; else CHECK(error.text[0] != 0);
        b.p[i / 8] = (unsigned char)(b.p[i / 8] ^ 1u << i % 8);
    }
    CHECK(read > 32 * 8 && read < 2 * b.n);     /* numbers have no checksum */
    release(&b);
}

/* An archive of style 1 whose entries are given: 1 if refused with these words. */
static int zip_refuses(const char *const *names, const char *words)
{
    zip z;
    bytes b, p = pickle("} .");
    int refused;
    memset(&z, 0, sizeof z);
    z.style = 1;
    for (; *names; names += 2) {
        if (strcmp(names[1], "pickle") == 0) zip_add(&z, names[0], p.p, p.n);
        else zip_add(&z, names[0], names[1], strlen(names[1]));
    }
    b = zip_end(&z);
    error.text[0] = 0;
    refused = !torch_reads(b.p, b.n) && says(words) && says("offset");
    if (!refused) printf("    expected %s, got: %s\n", words, error.text);
    release(&b);
    release(&p);
    return refused;
}

static void archives_have_one_root_and_safe_names(void)
{
    static const char *const two[] = { "m/data.pkl", "pickle", "m/version", "3",
                                       "n/x",        "",       NULL };
    static const char *const none[] = { "data.pkl", "pickle", "version", "3", NULL };
    static const char *const up[] = { "m/../x", "", "m/data.pkl", "pickle", NULL };
    static const char *const dot[] = { "m/./x", "", "m/data.pkl", "pickle", NULL };
    static const char *const empty[] = { "m//x", "", "m/data.pkl", "pickle", NULL };
    static const char *const absolute[] = { "/m/x", "", "m/data.pkl", "pickle", NULL };
    static const char *const folder[] = { "m/", "", "m/data.pkl", "pickle", NULL };
    static const char *const back[] = { "m/a\\b", "", "m/data.pkl", "pickle", NULL };
    static const char *const control[] = { "m/a\nb", "", "m/data.pkl", "pickle", NULL };
    static const char *const latin[] = { "m/\xe9", "", "m/data.pkl", "pickle", NULL };
    static const char *const twice[] = { "m/data.pkl", "pickle", "m/version", "3", "m/a",
                                         "",           "m/a",    "",          NULL };
    static const char *const code[] = { "m/data.pkl", "pickle", "m/version", "3",
                                        "m/code/x",   "",       NULL };
    static const char *const constants[] = { "m/data.pkl", "pickle", "m/version", "3",
                                             "m/constants.pkl", "", NULL };
    static const char *const big[] = { "m/data.pkl",  "pickle", "m/version", "3",
                                       "m/byteorder", "big",    NULL };
    static const char *const eleven[] = { "m/data.pkl", "pickle", "m/version", "11",
                                          NULL };
    static const char *const zero[] = { "m/data.pkl", "pickle", "m/version", "0", NULL };
    static const char *const lacks[] = { "m/data.pkl", "pickle", NULL };
    static const char *const nothing[] = { "m/version", "3", NULL };
    CHECK(zip_refuses(two, "not under the root"));
    CHECK(zip_refuses(none, "no root"));
    CHECK(zip_refuses(up, "unsafe entry name"));
    CHECK(zip_refuses(dot, "unsafe entry name"));
    CHECK(zip_refuses(empty, "unsafe entry name"));
    CHECK(zip_refuses(absolute, "unsafe entry name"));
    CHECK(zip_refuses(folder, "m/ is a folder: unpack the archive first"));
    CHECK(zip_refuses(back, "unsafe entry name"));
    CHECK(zip_refuses(control, "unsafe entry name"));
    CHECK(zip_refuses(latin, "unsafe entry name"));
    CHECK(zip_refuses(twice, "two entries"));
    CHECK(zip_refuses(code, "programs are not read"));
    CHECK(zip_refuses(constants, "programs are not read"));
    CHECK(zip_refuses(big, "byteorder: big"));
    CHECK(zip_refuses(eleven, "version: 11"));
    CHECK(zip_refuses(zero, "version: 0"));
    CHECK(zip_refuses(lacks, "no entry version"));
    CHECK(zip_refuses(nothing, "no entry data.pkl"));
}

/* Puts `size` bytes of v at `at` behind the first `mark` of a style-1 archive. */
static int zip_field_refused(const char *mark, size_t at, uint64_t v, size_t size,
                             const char *words)
{
    bytes b = archive("} .", 1);
    unsigned char out[8];
    size_t i = 0;
    int refused;
    while (memcmp(b.p + i, mark, 4) != 0) i++;
    tango_io__put64(out, v);
    memcpy(b.p + i + at, out, size);
    error.text[0] = 0;
    refused = !torch_reads(b.p, b.n) && says(words) && says("offset");
    if (!refused) printf("    %s at %u: %s\n", words, (unsigned)at, error.text);
    release(&b);
    return refused;
}

static void local_and_central_headers_must_agree(void)
{
    CHECK(zip_field_refused("PK\3\4", 6, 0, 2, "disagree"));
    CHECK(zip_field_refused("PK\3\4", 8, 8, 2, "disagree"));
    CHECK(zip_field_refused("PK\3\4", 14, 1, 4, "disagree"));
    CHECK(zip_field_refused("PK\3\4", 22, 1, 4, "disagree"));
    CHECK(zip_field_refused("PK\3\4", 30, 'n', 1, "name disagree"));
    CHECK(zip_field_refused("PK\3\4", 40, 0, 1, "protocol 2"));
    CHECK(zip_field_refused("PK\3\4", 42, 0, 1, ""));
    CHECK(zip_field_refused("PK\1\2", 8, 0x0801, 2, "encrypted"));
    CHECK(zip_field_refused("PK\1\2", 10, 8, 2, "compressed: unpack the archive"));
    CHECK(zip_field_refused("PK\1\2", 24, 0xfffffff0, 4, "impossible size"));
    CHECK(zip_field_refused("PK\1\2", 32, 1, 2, "comment"));
    CHECK(zip_field_refused("PK\1\2", 38, 0xa1ff0000, 4, "link"));
    CHECK(zip_field_refused("PK\1\2", 38, 0x10, 4, "folder"));
    CHECK(zip_field_refused("PK\1\2", 42, 5, 4, "no local header"));
    CHECK(zip_field_refused("PK\5\6", 4, 1, 2, "multi-part"));
    CHECK(zip_field_refused("PK\5\6", 10, 2, 2, "multi-part"));
    CHECK(zip_field_refused("PK\5\6", 12, 1, 4, "directory does not end"));
    CHECK(zip_field_refused("PK\5\6", 16, 1, 4, "directory does not end"));
    CHECK(zip_field_refused("PK\5\6", 20, 1, 2, "comment"));
}

static void gaps_and_overlaps_in_archives_are_refused(void)
{
    zip z;
    bytes b, p = pickle("} .");
    memset(&z, 0, sizeof z);
    z.style = 1;
    zip_add(&z, "m/data.pkl", p.p, p.n);
    text(&z.b, "gap");
    zip_add(&z, "m/version", "3", 1);
    b = zip_end(&z);
    CHECK(!torch_reads(b.p, b.n) && says("gap"));
    release(&b);
    memset(&z, 0, sizeof z);
    z.style = 1;
    zip_add(&z, "m/data.pkl", p.p, p.n);
    zip_add(&z, "m/version", "3", 1);
    z.count++;                                          /* the same entry once more */
    add(&z.directory, z.directory.p, 46 + 10);
    b = zip_end(&z);
    CHECK(!torch_reads(b.p, b.n) && says("overlap"));
    release(&b);
    memset(&z, 0, sizeof z);
    z.style = 1;
    zip_add(&z, "m/data.pkl", p.p, p.n);
    zip_add(&z, "m/version", "3", 1);
    z.b.p[z.b.n - 1] = '4';                             /* data changed after its CRC */
    b = zip_end(&z);
    CHECK(!torch_reads(b.p, b.n) && says("CRC-32"));
    release(&b);
    release(&p);
}

/* ---- 7 json ----------------------------------------------------------------------- */

static void *json_work;

static tango_result json_open(tango_io_json *json, const char *p, size_t n)
{
    size_t need;
    tango_result r = tango_io_json_work_size(&need, p, n, &error);
    free(json_work);
    json_work = NULL;
    if (r != TANGO_OK) return r;
    json_work = malloc(need);
    return tango_io_json_parse(json, p, n, json_work, need, &error);
}

static const char good_json[] =
    "{\"name\": \"caf\\u00e9 \\ud83d\\ude00\\n\",\n"
    " \"list\": [1, -2.5e-3, true, false, null, []],\n"
    " \"inner\": {\"\": {}, \"big\": 18446744073709551615,\n"
    " \"low\": -9223372036854775808},\n"
    " \"\xe6\x97\xa5\": \"\\\"\\\\\\/\\b\\f\\r\\t\", \"nul\": \"a\\u0000b\"}";

/* 2^1024 - 2^970: this and all above round to infinity, what is below does not. */
#define LIMIT                                                                            \
    "17976931348623158079372897140530341507993413271003782693617377898044496829276475"   \
    "09466490179775872070963302864166928879109465555478519404026306574886715058206819"   \
    "08902000708383676273854845817711531764475730270069855571366959622842914819860834"   \
    "93647529271907416844436551070434271155969950809304288017790417449779"

static void json_values_are_found_and_converted(void)
{
    tango_io_json j;
    size_t node, item, count = 0;
    char out[32];
    double d;
    uint64_t u;
    int64_t s;
    int flag;
    CHECK(json_open(&j, good_json, strlen(good_json)) == TANGO_OK);
    node = tango_io_json_find(&j, 0, "name");
    CHECK(tango_io_json_string(&j, node, out, sizeof out) == 1);
    CHECK(strcmp(out, "caf\xc3\xa9 \xf0\x9f\x98\x80\n") == 0);
    CHECK(tango_io_json_string(&j, node, out, 11) == 0);
    CHECK(tango_io_json_string(&j, node, out, 12) == 1);
    CHECK(tango_io_json_equal(&j, node, "caf\xc3\xa9 \xf0\x9f\x98\x80\n") == 1);
    CHECK(tango_io_json_equal(&j, node, "caf\xc3\xa9 \xf0\x9f\x98\x80") == 0);
    node = tango_io_json_find(&j, 0, "list");
    for (item = tango_io_json_first(&j, node); item;
         item = tango_io_json_next(&j, node, item))
        count++;
    CHECK(count == 6 && tango_io_json_type_of(&j, node) == TANGO_IO_JSON_ARRAY);
    item = tango_io_json_next(&j, node, tango_io_json_first(&j, node));
    CHECK(tango_io_json_number(&j, item, &d) == 1 && d == -2.5e-3);
    CHECK(tango_io_json_u64(&j, item, &u) == 0 &&
          tango_io_json_bool(&j, item, &flag) == 0);
    item = tango_io_json_next(&j, node, item);
    CHECK(tango_io_json_bool(&j, item, &flag) == 1 && flag == 1);
    node = tango_io_json_find(&j, 0, "inner");
    CHECK(tango_io_json_u64(&j, tango_io_json_find(&j, node, "big"), &u) == 1);
    CHECK(u == UINT64_MAX &&
          tango_io_json_i64(&j, tango_io_json_find(&j, node, "big"), &s) == 0);
    CHECK(tango_io_json_i64(&j, tango_io_json_find(&j, node, "low"), &s) == 1);
    CHECK(s == INT64_MIN &&
          tango_io_json_u64(&j, tango_io_json_find(&j, node, "low"), &u) == 0);
    CHECK(tango_io_json_first(&j, tango_io_json_find(&j, node, "")) == 0);
    CHECK(tango_io_json_find(&j, 0, "absent") == 0 &&
          tango_io_json_find(&j, node + 2, "x") == 0);
    CHECK(tango_io_json_equal(&j, tango_io_json_find(&j, 0, "\xe6\x97\xa5"),
                              "\"\\/\b\f\r\t"));
    CHECK(tango_io_json_string(&j, tango_io_json_find(&j, 0, "nul"), out, sizeof out) ==
          0);
}

static int json_reads(const unsigned char *p, size_t n)
{
    tango_io_json j;
    size_t i;
    char out[64];
    double d;
    if (json_open(&j, (const char *)p, n) != TANGO_OK) return 0;
    for (i = 0; i < j.count; i++) {
        tango_io_json_string(&j, i, out, sizeof out);
        tango_io_json_number(&j, i, &d);
        tango_io_json_find(&j, i, "name");
    }
    return 1;
}

static int json_refuses(const char *p, const char *words)
{
    int refused;
    error.text[0] = 0;
    refused = !json_reads((const unsigned char *)p, strlen(p)) && says(words) &&
              says("offset");
    if (!refused) printf("    %s: %s\n", p, error.text);
    return refused;
}

static void json_is_strict(void)
{
    static const char *const bad[] = {
        "", " ", "01", "1.", ".5", "-", "+1", "1e", "1e+", "tru", "truee", "nul", "[1,]",
        "[,1]", "{\"a\":1,}", "{\"a\"}", "{a:1}", "{\"a\":1 \"b\":2}", "[1 2]", "\"\1\"",
        "\"\\x\"", "\"\\u12\"", "\"\\u+123\"", "\"abc", "[1", "{\"a\":1", "1 1",
        "\xef\xbb\xbf", "\xef\xbb\xbf\xef\xbb\xbf{}", " \xef\xbb\xbf{}", "\xef\xbb{}",
        "nan", "NAN", "Nan", "inf", "Inf", "+Infinity", "-NaN", "- Infinity", "-Inf",
        "[1}", "{\"a\":1]", "//\n1",
        "'a'", "\"\t\"", "0x10", "1_0", "]", "}", ",", ":", "{\"a\"::1}", "{1:1}", "[[]",
        "\f1"
    };
    char deep[131];
    size_t i;
    for (i = 0; i < sizeof bad / sizeof bad[0]; i++) CHECK(json_refuses(bad[i], "json"));
    CHECK(json_refuses("\"\\ud800\"", "escape") && json_refuses("\"\\udc00\"", "escape"));
    CHECK(json_refuses("\"\\ud800\\u0041\"", "escape"));
    CHECK(json_refuses("\"\xff\"", "bad character") &&
          json_refuses("\"\xc0\x80\"", "bad character"));
    CHECK(json_refuses("\"\xed\xa0\x80\"", "bad") &&
          json_refuses("\"\xf4\x90\x80\x80\"", "bad"));
    CHECK(json_refuses("{\"a\":1,\"b\":2,\"a\":3}", "two members a"));
    CHECK(json_refuses("{\"a\":1,\"\\u0061\":2}", "two members"));
    CHECK(json_refuses("[{\"x\":{\"k\":1,\"k\":1}}]", "two members k (offset 13)"));
    CHECK(json_refuses(LIMIT "2", "not finite") && json_refuses("2e308", "not finite"));
    CHECK(json_reads((const unsigned char *)LIMIT "1.999", 313));
    CHECK(json_reads((const unsigned char *)"1e308", 5));
    CHECK(json_refuses("1e309", "not finite") &&
          json_refuses("[-1e99999999999]", "not finite"));
    memset(deep, '[', 65);
    memset(deep + 65, ']', 65);
    deep[130] = 0;
    CHECK(json_refuses(deep, "nested over 64"));
    deep[129] = 0;
    CHECK(json_reads((const unsigned char *)deep + 1, 128));
}

static void words_of_python_are_read_but_are_no_numbers(void)
{
    static const char record[] =
        "\xef\xbb\xbf{\"a\": NaN, \"b\": [Infinity, -Infinity], \"c\": 1}";
    tango_io_json j;
    size_t node, begin, end, at;
    double d = 7;
    uint64_t u = 7;
    int64_t s = 7;
    CHECK(json_open(&j, record, strlen(record)) == TANGO_OK);
    node = tango_io_json_find(&j, 0, "a");
    CHECK(tango_io_json_type_of(&j, node) == TANGO_IO_JSON_NONFINITE);
    CHECK(!tango_io_json_number(&j, node, &d) && !tango_io_json_u64(&j, node, &u));
    CHECK(!tango_io_json_i64(&j, node, &s) && d == 7 && u == 7 && s == 7);
    node = tango_io_json_first(&j, tango_io_json_find(&j, 0, "b"));
    CHECK(tango_io_json_type_of(&j, node) == TANGO_IO_JSON_NONFINITE);
    CHECK(tango_io_json_type_of(&j, node + 1) == TANGO_IO_JSON_NONFINITE);
    CHECK(j.nodes[node + 1].size == 9 && j.nodes[node + 1].at == 30);
    CHECK(tango_io_json_number(&j, tango_io_json_find(&j, 0, "c"), &d) && d == 1);
    CHECK(tango_io_json_span(&begin, &end, record, strlen(record), "b"));
    CHECK(end - begin == 21 && record[begin] == '[');
    at = begin;
    CHECK(tango_io_json_item(&begin, &end, &at, record, strlen(record)));
    CHECK(end - begin == 8 && memcmp(record + begin, "Infinity", 8) == 0);
    CHECK(tango_io_json_item(&begin, &end, &at, record, strlen(record)));
    CHECK(end - begin == 9 && !tango_io_json_item(&begin, &end, &at, record, end));
}

static void decimals_become_the_nearest_double(void)
{
    static const struct { const char *text; double value;
    } cases[] = { { "0", 0.0 },
                  { "-0", -0.0 },
                  { "0e5", 0.0 },
                  { "0.9227914214134216", 0.9227914214134216 },
                  { "0.00085", 0.00085 },
                  { "9007199254740993", 9007199254740992.0 },
                  { "9007199254740993.0000000000000000001", 9007199254740994.0 },
                  { "1.7976931348623157e308", 1.7976931348623157e308 },
                  { "5e-324", 4.9406564584124654e-324 },
                  { "2.4703282292062327e-324", 0.0 },
                  { "2.4703282292062328e-324", 4.9406564584124654e-324 },
                  { "2.2250738585072011e-308", 2.2250738585072011e-308 },
                  { "1e23", 1e23 },
                  { "123456789012345678901234567890", 123456789012345678901234567890.0 },
                  { "1E+2", 100.0 },
                  { "1e-99999999999999999999", 0.0 },
                  { "0.000000000000000000000000001e27", 1.0 } };
    size_t i, bad = 0;
    for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        tango_io_json j;
        double d = 1;
        CHECK(json_open(&j, cases[i].text, strlen(cases[i].text)) == TANGO_OK);
        CHECK(tango_io_json_number(&j, 0, &d) == 1);
        CHECK(d == cases[i].value && !signbit(d) == !signbit(cases[i].value));
    }
    for (i = 0; i < 20000; i++) {                       /* against the C library */
        char text_of[64];
        tango_io_json j;
        double d;
        uint64_t bits = (uint64_t)noise() << 32 | noise();
        d = tango_io__double(bits);
        if (!tango_io__finite(d)) continue;
        snprintf(text_of, sizeof text_of, "%.*e", (int)(noise() % 20), d);
        if (!tango_io__finite(strtod(text_of, NULL))) continue;
        bad += json_open(&j, text_of, strlen(text_of)) != TANGO_OK;
        tango_io_json_number(&j, 0, &d);
        bad += d != strtod(text_of, NULL);
    }
    CHECK(bad == 0);
}

static void cut_or_damaged_json_is_refused_or_whole(void)
{
    bytes b = { NULL, 0, 0 };
    text(&b, good_json);
    CHECK(cut_everywhere(&b, json_reads) == 0);
    damage(&b, json_reads, 30000);
    release(&b);
}

static void json_needs_exactly_the_work_it_asks_for(void)
{
    size_t need = 0, n, bad = 0;
    tango_io_json j;
    CHECK(tango_io_json_work_size(&need, good_json, strlen(good_json), &error) ==
          TANGO_OK);
    for (n = 0; n < need - 3; n++) {                    /* 3 bytes are for alignment */
        void *work = malloc(n ? n : 1);
        tango_result r = tango_io_json_parse(&j, good_json, strlen(good_json), work, n,
                                             &error);
        bad += r != TANGO_ERROR_MEMORY;
        free(work);
    }
    CHECK(bad == 0);
}

/* ---- 8 spiece --------------------------------------------------------------------- */

static void varint(bytes *b, uint64_t v)
{
    for (; v >= 128; v >>= 7) number(b, (v & 127) | 128, 1);
    number(b, v, 1);
}

static void field_int(bytes *b, unsigned field, uint64_t v)
{
    varint(b, field << 3);
    varint(b, v);
}

static void field_bytes(bytes *b, unsigned field, const void *data, size_t n)
{
    varint(b, field << 3 | 2);
    varint(b, n);
    add(b, data, n);
}

static void piece(bytes *b, const char *s, float score, unsigned type)
{
    bytes p = { NULL, 0, 0 };
    uint32_t bits;
    memcpy(&bits, &score, 4);
    field_bytes(&p, 1, s, strlen(s));
    varint(&p, 2 << 3 | 5);
    number(&p, bits, 4);
    if (type != 1) field_int(&p, 3, type);
    field_bytes(b, 1, p.p, p.n);
    release(&p);
}

/* A trie of 256 units that maps "A" to "a" and "AB" to "b\xc3\xa9". From the root, offset
   1: "A" lies at 1 ^ 'A' = 0x40, with its value at 0x40 ^ 0xc0 = 0x80 and "AB" at 0x80 ^
   'B' = 0xc2, whose value lies at 0xc2 ^ 0x31 = 0xf3. */
static bytes charsmap(void)
{
    static const char texts[] = "a\0b\xc3\xa9";
    uint32_t unit[256] = { 0 };
    bytes b = { NULL, 0, 0 };
    size_t i;
    unit[0] = 1u << 10;
    unit[0x40] = 0xc0u << 10 | 1u << 8 | 'A';
    unit[0x80] = 0x80000000u | 0;
    unit[0xc2] = 0x31u << 10 | 1u << 8 | 'B';
    unit[0xf3] = 0x80000000u | 2;
    number(&b, sizeof unit, 4);
    for (i = 0; i < 256; i++) number(&b, unit[i], 4);
    add(&b, texts, sizeof texts);
    return b;
}

static bytes spiece_model(const bytes *map)
{
    bytes b = { NULL, 0, 0 }, t = { NULL, 0, 0 }, n = { NULL, 0, 0 };
    piece(&b, "<pad>", 0, 3);
    piece(&b, "</s>", 0, 3);
    piece(&b, "<unk>", 0, 2);
    piece(&b, "\xe2\x96\x81" "the", -3.5f, 1);
    piece(&b, "x", -10, 4);
    field_bytes(&t, 1, "input.txt", 9);
    field_bytes(&t, 1, "more.txt", 8);
    field_int(&t, 3, 1);
    field_int(&t, 40, 2);
    field_int(&t, 41, UINT64_MAX);
    field_int(&t, 42, 1);
    field_int(&t, 43, 0);
    field_bytes(&b, 2, t.p, t.n);
    field_bytes(&n, 1, "nmt_nfkc", 8);
    if (map) field_bytes(&n, 2, map->p, map->n);
    field_int(&n, 4, 0);
    field_bytes(&b, 3, n.p, n.n);
    field_bytes(&b, 200, "unknown", 7);
    release(&t);
    release(&n);
    return b;
}

/* Longest replacement at the start of the text, as the format comment walks. */
static const char *normalised(const tango_io_spiece *s, const char *from, size_t *used)
{
    uint32_t u = tango_io__u32(s->trie);
    size_t p = (size_t)(u >> 10) << ((u & 0x200) >> 6), i;
    const char *found = NULL;
    for (i = 0; from[i]; i++) {
        p ^= (unsigned char)from[i];
        u = tango_io__u32(s->trie + 4 * p);
        if ((u & 0x800000ff) != (unsigned char)from[i]) break;
        p ^= (size_t)(u >> 10) << ((u & 0x200) >> 6);
        if (u >> 8 & 1) {
            found = s->strings + (tango_io__u32(s->trie + 4 * p) & 0x7fffffff);
            *used = i + 1;
        }
    }
    return found;
}

static void a_sentencepiece_model_is_read(void)
{
    bytes map = charsmap(), b = spiece_model(&map);
    tango_io_spiece s;
    tango_io_piece p;
    uint32_t work[10];
    size_t cursor = 0, n = 0, used = 0;
    CHECK(tango_io_spiece_open(&s, b.p, b.n, &error) == TANGO_OK);
    CHECK(s.piece_count == 5 && s.unknown == 2);
    CHECK(s.unk_id == 2 && s.bos_id == -1 && s.eos_id == 1 && s.pad_id == 0);
    CHECK(s.add_dummy_prefix && !s.remove_extra_whitespaces && s.escape_whitespaces);
    CHECK(s.name_size == 8 && memcmp(s.name, "nmt_nfkc", 8) == 0);
    while (tango_io_spiece_next(&s, &cursor, &p)) {
        if (n == 3)
            CHECK(p.length == 6 && p.score == -3.5f && p.type == TANGO_IO_PIECE_NORMAL);
        if (n == 4) CHECK(p.type == TANGO_IO_PIECE_USER && *p.text == 'x');
        n++;
    }
    CHECK(n == 5 && s.trie_units == 256);
    CHECK(strcmp(normalised(&s, "AB", &used), "b\xc3\xa9") == 0 && used == 2);
    CHECK(strcmp(normalised(&s, "AC", &used), "a") == 0 && used == 1);
    CHECK(normalised(&s, "B", &used) == NULL);
    CHECK(tango_io_spiece_unique(&s, work, 10, &error) == TANGO_OK);
    CHECK(tango_io_spiece_unique(&s, work, 9, &error) == TANGO_ERROR_MEMORY);
    release(&b);
    b = spiece_model(NULL);
    CHECK(tango_io_spiece_open(&s, b.p, b.n, &error) == TANGO_OK && s.trie == NULL);
    piece(&b, "x", 0, 1);
    CHECK(tango_io_spiece_open(&s, b.p, b.n, &error) == TANGO_OK);
    {
        uint32_t more[12];
        CHECK(tango_io_spiece_unique(&s, more, 12, &error) == TANGO_ERROR_DATA);
        CHECK(says("two pieces x"));
    }
    release(&b);
    release(&map);
}

static int spiece_reads(const unsigned char *data, size_t n)
{
    tango_io_spiece s;
    tango_io_piece p;
    size_t cursor = 0, count = 0, used, i;
    if (tango_io_spiece_open(&s, data, n, &error) != TANGO_OK) return 0;
    while (tango_io_spiece_next(&s, &cursor, &p)) count += p.length > 0;
    if (count != s.piece_count) return 0;
    for (i = 0; s.trie && i < 200; i++) {
        char input[8];
        const char *out;
        size_t k;
        for (k = 0; k < 7; k++)
            input[k] = (char)(noise() % 3 ? 'A' + (int)(noise() % 2) : (int)noise());
        input[7] = 0;
        out = normalised(&s, input, &used);
        if (out) count += strlen(out);
    }
    return 1;
}

static int spiece_refuses(bytes *b, const char *words)
{
    int refused;
    error.text[0] = 0;
    refused = !spiece_reads(b->p, b->n) && says(words) && says("offset");
    if (!refused) printf("    expected %s, got: %s\n", words, error.text);
    release(b);
    return refused;
}

/* A good model and one field more. */
static int spiece_field_refused(unsigned field, unsigned wire, const char *data, size_t n,
                                const char *words)
{
    bytes b = spiece_model(NULL);
    varint(&b, (uint64_t)field << 3 | wire);
    if (wire == 2) varint(&b, n);
    add(&b, data, n);
    return spiece_refuses(&b, words);
}

static void malformed_models_are_refused(void)
{
    bytes b = { NULL, 0, 0 };
    piece(&b, "a", 0, 1);
    CHECK(spiece_refuses(&b, "no unknown piece"));
    b = spiece_model(NULL);
    piece(&b, "u", 0, 2);
    CHECK(spiece_refuses(&b, "second unknown"));
    b = spiece_model(NULL);
    piece(&b, "", 0, 1);
    CHECK(spiece_refuses(&b, "empty piece"));
    b = spiece_model(NULL);
    piece(&b, "\xff", 0, 1);
    CHECK(spiece_refuses(&b, "not UTF-8"));
    b = spiece_model(NULL);
    piece(&b, "n", INFINITY, 1);
    CHECK(spiece_refuses(&b, "not finite"));
    b = spiece_model(NULL);
    piece(&b, "n", 0, 7);
    CHECK(spiece_refuses(&b, "unknown type"));
    b = spiece_model(NULL);
    piece(&b, "<0x41>", 0, 6);
    CHECK(spiece_refuses(&b, "without byte fallback"));
    CHECK(spiece_field_refused(1, 2, "\12\1a\12\1b", 6, "duplicate field"));
    CHECK(spiece_field_refused(1, 2, "\12\3a\0b", 5, "NUL"));
    CHECK(spiece_field_refused(1, 2, "\10\1", 2, "another type"));
    CHECK(spiece_field_refused(1, 2, "\12\5a", 3, "passes the end"));
    CHECK(spiece_field_refused(1, 0, "\1", 1, "another type"));
    CHECK(spiece_field_refused(2, 2, "", 0, "duplicate field"));
    CHECK(spiece_field_refused(0, 0, "\1", 1, "impossible field tag"));
    CHECK(spiece_field_refused(9, 3, "", 0, "group"));
    CHECK(spiece_field_refused(9, 4, "", 0, "group"));
    CHECK(spiece_field_refused(9, 6, "", 0, "group"));
    CHECK(spiece_field_refused(9, 1, "1234567", 7, "passes the end"));
    CHECK(spiece_field_refused(9, 0, "\377\377\377\377\377\377\377\377\377\2", 10,
                               "64 bits"));
    CHECK(spiece_field_refused(9, 0, "\200\200\200\200\200\200\200\200\200\200\0", 11,
                               "64 bits"));
    b = spiece_model(NULL);
    field_bytes(&b, 9, "", 0);                          /* unknown: skipped */
    CHECK(spiece_reads(b.p, b.n));
    release(&b);
}

/* A model of one piece with this trainer message. */
static int trainer_refused(unsigned field, uint64_t v, const char *words)
{
    bytes b = { NULL, 0, 0 }, t = { NULL, 0, 0 };
    piece(&b, "u", 0, 2);
    field_int(&t, field, v);
    field_bytes(&b, 2, t.p, t.n);
    release(&t);
    return spiece_refuses(&b, words);
}

static void other_kinds_of_models_are_refused(void)
{
    CHECK(trainer_refused(3, 2, "model type 2"));
    CHECK(trainer_refused(24, 1, "suffix"));
    CHECK(trainer_refused(35, 1, "byte fallback"));
    CHECK(trainer_refused(40, UINT64_MAX - 1, "impossible id"));
    CHECK(trainer_refused(43, 0x80000000u, "impossible id"));
}

/* Changes one unit (or with `at` below 4 or behind the trie one byte) of the charsmap. */
static int charsmap_refused(size_t at, uint32_t v, size_t size, const char *words)
{
    bytes map = charsmap(), b;
    unsigned char out[8];
    tango_io__put64(out, v);
    memcpy(map.p + at, out, size);
    b = spiece_model(&map);
    release(&map);
    return spiece_refuses(&b, words);
}

static void the_charsmap_cannot_lead_outside(void)
{
    bytes map = charsmap(), b;
    size_t end = map.n - 1;
    CHECK(charsmap_refused(0, 0, 4, "size of the trie"));
    CHECK(charsmap_refused(0, 1022, 4, "size of the trie"));
    CHECK(charsmap_refused(0, 1024 + 8, 4, "size of the trie"));
    CHECK(charsmap_refused(0, 1024 + 4, 4, "charsmap"));
    CHECK(charsmap_refused(0, 1020, 4, "charsmap"));
    CHECK(charsmap_refused(0, UINT32_MAX, 4, "size of the trie"));
    CHECK(charsmap_refused(4, 0x80000000u, 4, "root is a value"));
    CHECK(charsmap_refused(4, 256u << 10, 4, "link outside"));
    CHECK(charsmap_refused(4, 1u << 10 | 0x200, 4, "link outside"));
    CHECK(charsmap_refused(4 + 4 * 0x40, 0x1fffffu << 10 | 'A', 4, "link outside"));
    CHECK(charsmap_refused(4 + 4 * 0x80, 0x80000000u | 6, 4, "text outside"));
    CHECK(charsmap_refused(4 + 4 * 0x80, 0x80000000u | 4, 4, "text outside"));
    CHECK(charsmap_refused(4 + 4 * 0x80, UINT32_MAX, 4, "text outside"));
    /* Unit 0 is a node like others when its label matches: leaf, value in unit 1. */
    tango_io__put32(map.p + 4, 1u << 10 | 1u << 8 | 0x80);
    tango_io__put32(map.p + 8, 0x80000000u | 99);
    b = spiece_model(&map);
    CHECK(spiece_refuses(&b, "text outside"));
    release(&map);
    map = charsmap();
    CHECK(charsmap_refused(end, 'x', 1, "end with NUL"));
    CHECK(charsmap_refused(end - 1, 'x', 1, "not UTF-8"));
    for (map.n = 1; map.n < end; map.n++) {             /* texts cut off, trie cut off */
        b = spiece_model(&map);
        if (map.n != 4 + 1024 + 2) CHECK(spiece_refuses(&b, "charsmap"));
        else release(&b);
    }
    release(&map);
}

/* One byte of a text may become so many bytes and no more: time stays linear. */
static void texts_of_the_charsmap_are_short(void)
{
    for (size_t n = TANGO_IO_PIECE_MAX; n <= TANGO_IO_PIECE_MAX + 1; n++) {
        bytes map = charsmap(), b;
        for (size_t i = 0; i < n; i++) add(&map, "x", 1);
        add(&map, "", 1);
        b = spiece_model(&map);
        release(&map);
        if (n > TANGO_IO_PIECE_MAX) {
            CHECK(spiece_refuses(&b, "text over 2048 bytes"));
        } else {
            CHECK(spiece_reads(b.p, b.n));
            release(&b);
        }
    }
}

static void a_cut_or_damaged_model_is_refused_or_harmless(void)
{
    bytes map = charsmap(), b = spiece_model(&map);
    /* A message may end after any field: only cuts inside one are errors. */
    size_t read = cut_everywhere(&b, spiece_reads);
    CHECK(read > 0 && read < 8);
    damage(&b, spiece_reads, 30000);
    release(&b);
    release(&map);
}

/* ---- 9 npy ------------------------------------------------------------------------ */

static bytes npy(const char *header, unsigned version, size_t data)
{
    bytes b = { NULL, 0, 0 };
    add(&b, "\x93NUMPY", 6);
    number(&b, version, 2);
    number(&b, strlen(header), version == 1 ? 2 : 4);
    text(&b, header);
    while (data-- > 0) number(&b, data, 1);
    return b;
}

static int npy_reads(const unsigned char *p, size_t n)
{
    tango_io_npy a;
    tango_io_view view;
    float x;
    if (tango_io_npy_parse(&a, p, n, &error) != TANGO_OK) return 0;
    tango_io_npy_view(&view, &a);
    if (view.count) {
        tango_io_view_read(&x, &view, 0, 1);
        tango_io_view_read(&x, &view, view.count - 1, 1);
    }
    return 1;
}

static int npy_refuses(const char *header, unsigned version, size_t data,
                       const char *words)
{
    bytes b = npy(header, version, data);
    int refused;
    error.text[0] = 0;
    refused = !npy_reads(b.p, b.n) && says(words) && says("offset");
    if (!refused) printf("    %s: %s\n", header, error.text);
    release(&b);
    return refused;
}

static const char good_npy[] =
    "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), } \n";

static void npy_headers_are_a_strict_literal(void)
{
    static const char *const good[] = {
        good_npy, "{\"descr\":\"<i2\",'shape':(2,3,2),'fortran_order':True}",
        "{'fortran_order': False, 'shape': (24,), 'descr': '|i1'}\n",
        "{'fortran_order': False, 'shape': (24,), 'descr': '|b1'}",
        "{'fortran_order': False, 'shape': (3, 0), 'descr': '<f8'}",
        "{'fortran_order':False,'shape':(),'descr':'<f8'}"
    };
    static const size_t room[] = { 24, 24, 24, 24, 0, 8 };
    static const char *const bad[] = {
        "", "{}", "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), ",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), } x",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), 'x': 1}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), 'shape': (2, 3)}",
        "{'descr': '<f4', 'fortran_order': False}",
        "{'descr': '<f4', 'fortran_order': 0, 'shape': (2, 3)}",
        "{'descr': '<f4' 'fortran_order': False, 'shape': (2, 3)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': [2, 3]}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (6)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2 3)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2,,3)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (,)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (-2, -3)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (02, 3)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2L, 3L)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (1+1, 3)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (0x2, 3)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (1,1,1,1,1,1,1,2,3)}",
        "{'d\\x65scr': '<f4', 'fortran_order': False, 'shape': (2, 3)}",
        "('descr': '<f4', 'fortran_order': False, 'shape': (2, 3))",
        "{'descr': ('<f4', (2,)), 'fortran_order': False, 'shape': (2, 3)}"
    };
    size_t i;
    for (i = 0; i < sizeof good / sizeof good[0]; i++) {
        unsigned version;
        for (version = 1; version < 4; version++) {
            bytes b = npy(good[i], version, room[i]);
            CHECK(npy_reads(b.p, b.n));
            release(&b);
        }
    }
    for (i = 0; i < sizeof bad / sizeof bad[0]; i++)
        CHECK(npy_refuses(bad[i], 1, 24, "npy"));
    CHECK(npy_refuses(good_npy, 1, 23, "23 bytes found") &&
          npy_refuses(good_npy, 1, 25, "25 bytes"));
    CHECK(npy_refuses(good_npy, 4, 24, "version 4.0") &&
          npy_refuses(good_npy, 0x101, 24, "1.1"));
}

static void npy_types_and_sizes_are_limited(void)
{
    static const char *const types[] = { ">f4", "=f4", "|f4", "<c8", "<f16",
                                         "|O",  "<U4", "f4",  "" };
    char header[200], *big = (char *)malloc(10002);
    size_t i;
    bytes b;
    for (i = 0; i < sizeof types / sizeof types[0]; i++) {
        snprintf(header, sizeof header,
                 "{'descr': '%s', 'fortran_order': False, 'shape': (2, 3)}", types[i]);
        CHECK(npy_refuses(header, 1, 24, "is not read"));
    }
    CHECK(npy_refuses(
        "{'descr':'<f4','fortran_order':False,'shape':(9223372036854775808,)}", 1, 24,
        "2^63"));
    CHECK(npy_refuses(
        "{'descr':'<f4','fortran_order':False,'shape':(9223372036854775807,2)}", 1, 24,
        "address"));
    CHECK(npy_refuses(
        "{'descr':'<f4','fortran_order':False,'shape':(0,9223372036854775807,2)}", 1, 0,
        "address"));
    CHECK(npy_refuses(
        "{'descr':'<f8','fortran_order':False,'shape':(2305843009213693955,)}", 1, 24,
        sizeof(size_t) < 8 ? "address" : "expected"));
    memset(big, ' ', 10001);
    memcpy(big, good_npy, strlen(good_npy));
    big[10001] = 0;
    CHECK(npy_refuses(big, 2, 24, "limit 10000"));
    big[10000] = 0;
    b = npy(big, 2, 24);
    CHECK(npy_reads(b.p, b.n));
    release(&b);
    free(big);
}

static void npy_orders_are_read_row_major(void)
{
    bytes b = npy("{'descr': '|u1', 'fortran_order': True, 'shape': (2, 3), }", 1, 6);
    tango_io_npy a;
    tango_io_view view;
    float out[6];
    size_t i;
    CHECK(tango_io_npy_parse(&a, b.p, b.n, &error) == TANGO_OK && a.fortran &&
          a.size == 6);
    tango_io_npy_view(&view, &a);
    tango_io_view_read(out, &view, 0, 6);               /* bytes are 5 4 3 2 1 0 */
    for (i = 0; i < 6; i++) CHECK(out[i] == (float)(5 - (i / 3 + i % 3 * 2)));
    release(&b);
}

static void npy_files_come_back(void)
{
    static const float x[6] = { 1, 2, 3, 4, 5, 6 };
    size_t shape[8] = { 2, 3, 1, 1, 1, 1, 1, 1 }, n = 0, rank;
    unsigned char buffer[512], header[TANGO_IO_NPY_HEADER_MAX], file[24];
    tango_io_npy a;
    for (rank = 0; rank <= 8; rank++) {
        size_t h = tango_io_npy_header(header, TANGO_IO_F32, shape, rank);
        CHECK(h > 0 && h % 64 == 0 && header[h - 1] == '\n');
        CHECK(tango_io_create(&output, file_name, &error) == TANGO_OK);
        CHECK(tango_io_npy_write(&output, TANGO_IO_F32, x, shape, rank, &error) ==
              TANGO_OK);
        CHECK(tango_io_commit(&output, &error) == TANGO_OK);
        CHECK(tango_io_load(buffer, sizeof buffer, &n, file_name, &error) == TANGO_OK);
        CHECK(tango_io_npy_parse(&a, buffer, n, &error) == TANGO_OK && a.rank == rank);
        CHECK(a.data == buffer + h &&
              memcmp(a.data, in_file(file, x, a.size / 4), a.size) == 0);
    }
    remove(file_name);
    for (n = 0; n < 8; n++) shape[n] = SIZE_MAX;
    CHECK(tango_io_npy_header(header, TANGO_IO_BOOL, shape, 8) <= sizeof header);
    CHECK(tango_io_npy_header(header, TANGO_IO_BF16, shape, 1) == 0);
    CHECK(tango_io_npy_header(header, TANGO_IO_F32, shape, 9) == 0);
}

static void a_cut_or_damaged_array_is_refused_or_harmless(void)
{
    bytes b = npy(good_npy, 1, 24);
    CHECK(cut_everywhere(&b, npy_reads) == 0);
    damage(&b, npy_reads, 30000);
    release(&b);
}

/* ---- 10 wav ----------------------------------------------------------------------- */

static void wav_headers_are_those_of_the_format(void)
{
    static const unsigned char want[44] = {
        'R', 'I', 'F', 'F', 44, 0, 0,   0,   'W', 'A',  'V',  'E', 'f', 'm', 't',
        ' ', 16,  0,   0,   0,  1, 0,   2,   0,   0x80, 0x3e, 0,   0,   0,   0xfa,
        0,   0,   4,   0,   16, 0, 'd', 'a', 't', 'a',  8,    0,   0,   0
    };
    unsigned char h[TANGO_IO_WAV_HEADER_MAX];
    tango_io_wav_spec spec = { 2, 16000, TANGO_IO_WAV_PCM16, 0, 2, NULL, 0 };
    CHECK(tango_io_wav_header(h, &spec) == 44 && memcmp(h, want, 44) == 0);
    spec.format = TANGO_IO_WAV_FLOAT32;
    CHECK(tango_io_wav_header(h, &spec) == 58 && h[20] == 3 && h[34] == 32);
    CHECK(memcmp(h + 38, "fact\4\0\0\0\2\0\0\0data\20\0\0\0", 20) == 0);
    spec.frames = (uint64_t)1 << 33;
    CHECK(tango_io_wav_header(h, &spec) == 94 &&
          memcmp(h, "RF64\xff\xff\xff\xffWAVEds64", 16) == 0);
    CHECK(tango_io__u64(h + 28) == (uint64_t)8 << 33 &&
          tango_io__u64(h + 36) == spec.frames);
    CHECK(tango_io__u64(h + 20) == 94 - 8 + ((uint64_t)8 << 33));
    spec.frames = UINT64_MAX;
    CHECK(tango_io_wav_header(h, &spec) == 0);
    spec.frames = 1, spec.channels = 257;
    CHECK(tango_io_wav_header(h, &spec) == 0);
    spec.channels = 0;
    CHECK(tango_io_wav_header(h, &spec) == 0);
    spec.channels = 1, spec.rate = 0;
    CHECK(tango_io_wav_header(h, &spec) == 0);
    spec.rate = 1, spec.format = (tango_io_wav_format)5;
    CHECK(tango_io_wav_header(h, &spec) == 0);
}

/* One sample of a format as an integer. */
static int64_t pcm(float x, tango_io_wav_format format, int round)
{
    tango_io_wav_spec spec = { 1, 16000, format, 0, 1, NULL, 0 };
    unsigned char out[8] = { 0 };
    size_t size = tango_io_wav_sample_size(format), i;
    int64_t v = 0;
    spec.round = round;
    if (tango_io_wav_encode(out, &x, 1, &spec) != 1) return INT64_MAX;
    for (i = size; i-- > 0;) v = v * 256 + out[i];
    return v >= (int64_t)1 << (8 * size - 1) ? v - ((int64_t)1 << 8 * size) : v;
}

static void samples_are_cast_toward_zero_and_clamped(void)
{
    float x = 0;
    uint32_t i;
    int bad = 0;
    CHECK(pcm(1.0f, TANGO_IO_WAV_PCM16, 0) == 32767 &&
          pcm(-1.0f, TANGO_IO_WAV_PCM16, 0) == -32768);
    CHECK(pcm(99.0f, TANGO_IO_WAV_PCM16, 1) == 32767 &&
          pcm(-9e9f, TANGO_IO_WAV_PCM16, 1) == -32768);
    CHECK(pcm(0.99999f / 32768, TANGO_IO_WAV_PCM16, 0) == 0);
    CHECK(pcm(-0.99999f / 32768, TANGO_IO_WAV_PCM16, 0) == 0);
    CHECK(pcm(0.5f / 32768, TANGO_IO_WAV_PCM16, 1) == 0 &&
          pcm(1.5f / 32768, TANGO_IO_WAV_PCM16, 1) == 2);
    CHECK(pcm(-0.5f / 32768, TANGO_IO_WAV_PCM16, 1) == 0 &&
          pcm(-2.5f / 32768, TANGO_IO_WAV_PCM16, 1) == -2);
    CHECK(pcm(1.0f, TANGO_IO_WAV_PCM24, 0) == 8388607 &&
          pcm(-0.5f, TANGO_IO_WAV_PCM24, 0) == -4194304);
    CHECK(pcm(1.0f, TANGO_IO_WAV_PCM32, 0) == 2147483647 &&
          pcm(-1.0f, TANGO_IO_WAV_PCM32, 0) == INT32_MIN);
    for (i = 0; i < 100000; i++) {
        x = (float)(int32_t)noise() / 2147483648.0f;
        bad += pcm(x, TANGO_IO_WAV_PCM16, 0) != (int64_t)(int32_t)(x * 32768.0f);
        bad += pcm(x, TANGO_IO_WAV_PCM16, 1) !=
               (int64_t)fmin(rint((double)x * 32768), 32767);
        bad += pcm(x, TANGO_IO_WAV_PCM24, 1) !=
               (int64_t)fmin(rint((double)x * 8388608), 8388607);
    }
    CHECK(bad == 0);
}

static void a_wav_file_needs_all_its_frames_and_no_nan(void)
{
    tango_io_wav wav;
    tango_io_wav_spec spec = { 1, 16000, TANGO_IO_WAV_PCM24, 0, 3, NULL, 0 };
    float x[3] = { 0.5f, -0.5f, 0 };
    unsigned char buffer[128];
    size_t n = 0;
    CHECK(tango_io_create(&output, file_name, &error) == TANGO_OK);
    CHECK(tango_io_wav_begin(&wav, &output, &spec, &error) == TANGO_OK);
    CHECK(tango_io_wav_frames(&wav, x, 2, &error) == TANGO_OK);
    CHECK(tango_io_wav_end(&wav, &error) == TANGO_ERROR_ARGUMENT);
    CHECK(tango_io_wav_frames(&wav, x, 2, &error) == TANGO_ERROR_ARGUMENT);
    x[2] = NAN;
    CHECK(tango_io_wav_frames(&wav, x + 2, 1, &error) == TANGO_ERROR_NUMBER &&
          says("frame 2"));
    x[2] = -INFINITY;
    CHECK(tango_io_wav_frames(&wav, x + 2, 1, &error) == TANGO_ERROR_NUMBER);
    x[2] = 0;
    CHECK(tango_io_wav_frames(&wav, x + 2, 1, &error) == TANGO_OK);
    CHECK(tango_io_wav_end(&wav, &error) == TANGO_OK);
    CHECK(tango_io_commit(&output, &error) == TANGO_OK);
    CHECK(tango_io_load(buffer, sizeof buffer, &n, file_name, &error) == TANGO_OK);
    CHECK(n == 44 + 9 + 1 && memcmp(buffer + 44, "\0\0\x40\0\0\xc0\0\0\0", 10) == 0);
    CHECK(tango_io__u32(buffer + 40) == 9 && tango_io__u32(buffer + 4) == n - 8);
    remove(file_name);
}

int main(void)
{
    RUN(messages_are_formatted_without_stdio);
    RUN(text_in_messages_is_escaped_and_shortened);
    RUN(files_of_other_kinds_are_called_by_name);
    RUN(types_have_sizes_and_names);
    RUN(every_half_is_read_exactly);
    RUN(integers_and_doubles_become_the_nearest_float);
    RUN(a_view_gathers_any_range_of_a_transposed_array);
    RUN(the_checksum_is_the_documented_one);
    RUN(sums_do_not_depend_on_the_pieces);
    RUN(long_runs_have_the_sum_of_their_bytes);
    RUN(folded_sums_are_those_of_the_table);
    RUN(sums_move_on_by_powers);
    RUN(output_appears_only_when_committed);
    RUN(an_abandoned_output_leaves_the_old_file);
    RUN(a_mapping_shows_the_file_and_is_released_twice);
    RUN(loading_respects_the_capacity);
    RUN(impossible_outputs_are_refused);
    RUN(the_numbers_of_a_blob_are_little_endian);
    RUN(a_blob_comes_back_as_it_was_written);
    RUN(a_blob_cut_anywhere_is_refused);
    RUN(every_flipped_bit_of_a_blob_is_found);
    RUN(a_forged_header_cannot_reach_outside);
    RUN(each_rule_of_the_blob_has_its_message);
    RUN(blocks_of_integers_are_written_and_their_scales_checked);
    RUN(blocks_of_too_many_elements_are_refused);
    RUN(blocks_of_another_kind_are_refused);
    RUN(a_blob_with_impossible_contents_is_not_written);
    RUN(archives_of_three_writers_give_the_same_tensors);
    RUN(a_bare_tensor_is_a_file_too);
    RUN(unsigned_numbers_lie_in_untyped_storages);
    RUN(tensors_of_no_elements_may_begin_anywhere);
    RUN(scalars_of_both_numpy_spellings_are_inert);
    RUN(archives_without_checksums_say_so);
    RUN(dictionaries_inside_are_listed);
    RUN(one_byte_less_of_work_is_an_error);
    RUN(pickles_outside_the_table_are_refused);
    RUN(pickles_with_operands_of_other_types_are_refused);
    RUN(memo_and_cycles_are_guarded);
    RUN(inert_objects_may_know_each_other);
    RUN(numbers_beside_tensors_are_read);
    RUN(tensors_of_a_class_are_tensors);
    RUN(pickles_nest_64_deep_at_most);
    RUN(tensors_stay_inside_their_storages);
    RUN(too_many_objects_are_refused);
    RUN(a_cut_archive_is_refused);
    RUN(a_damaged_pickle_is_refused_or_harmless);
    RUN(files_without_zip_are_read);
    RUN(each_rule_of_files_without_zip_has_its_message);
    RUN(a_file_without_zip_cut_anywhere_is_refused);
    RUN(every_flipped_bit_of_a_file_without_zip_is_harmless);
    RUN(archives_have_one_root_and_safe_names);
    RUN(local_and_central_headers_must_agree);
    RUN(gaps_and_overlaps_in_archives_are_refused);
    RUN(json_values_are_found_and_converted);
    RUN(json_is_strict);
    RUN(words_of_python_are_read_but_are_no_numbers);
    RUN(decimals_become_the_nearest_double);
    RUN(cut_or_damaged_json_is_refused_or_whole);
    RUN(json_needs_exactly_the_work_it_asks_for);
    RUN(a_sentencepiece_model_is_read);
    RUN(malformed_models_are_refused);
    RUN(other_kinds_of_models_are_refused);
    RUN(the_charsmap_cannot_lead_outside);
    RUN(texts_of_the_charsmap_are_short);
    RUN(a_cut_or_damaged_model_is_refused_or_harmless);
    RUN(npy_headers_are_a_strict_literal);
    RUN(npy_types_and_sizes_are_limited);
    RUN(npy_orders_are_read_row_major);
    RUN(npy_files_come_back);
    RUN(a_cut_or_damaged_array_is_refused_or_harmless);
    RUN(wav_headers_are_those_of_the_format);
    RUN(samples_are_cast_toward_zero_and_clamped);
    RUN(a_wav_file_needs_all_its_frames_and_no_nan);
    free(torch_work);
    free(json_work);
    return CHECK_DONE();
}
