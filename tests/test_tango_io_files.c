/* cc -I.. test_tango_io_files.c -lm -o t && ./t     prints one line a claim

   PNG, CSV, .pt and JSON as they are written and read. Inputs lie in blocks of exactly
   their size, so an address sanitizer sees any access outside. The file that the tests
   make in the current folder begins with "test_tango_io_files." and is removed. */
#define TANGO_IO_IMPLEMENTATION
#include "../tango_io.h"
#include "check.h"
#include <stdlib.h>
#include <string.h>

/* ---- Tools ------------------------------------------------------------------------ */

static const char file_name[] = "test_tango_io_files.out";
static tango_error error;
static uint32_t state = 1;

static uint32_t noise(void)
{
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    return state;
}

static int says(const char *part) { return strstr(error.text, part) != NULL; }

typedef struct bytes { unsigned char *p; size_t n; } bytes;

static void *room(size_t size)
{
    void *p = malloc(size ? size : 1);
    if (!p) exit(1);
    return p;
}

static bytes copy_of(const void *data, size_t n)
{
    bytes b;
    b.p = (unsigned char *)room(n);
    b.n = n;
    if (n) memcpy(b.p, data, n);
    return b;
}

/* Commits the output and returns what the file holds. */
static bytes written(tango_io_output *output, tango_result r)
{
    tango_io_file file;
    bytes b = { NULL, 0 };
    CHECK(r == TANGO_OK && tango_io_commit(output, &error) == TANGO_OK);
    if (r != TANGO_OK) tango_io_abandon(output);
    if (tango_io_map(&file, file_name, &error) != TANGO_OK) return copy_of("", 0);
    b = copy_of(file.data, file.size);
    tango_io_unmap(&file);
    remove(file_name);
    return b;
}

/* ---- PNG -------------------------------------------------------------------------- */

static bytes png_written(const void *pixels, uint32_t width, uint32_t height,
                         uint32_t channels, uint32_t bits)
{
    tango_io_png_spec spec;
    tango_io_output output;
    size_t size = 0;
    void *work;
    bytes b;
    spec.width = width;
    spec.height = height;
    spec.channels = channels;
    spec.bits = bits;
    CHECK(tango_io_png_write_work_size(&size, &spec, &error) == TANGO_OK);
    work = room(size);
    CHECK(tango_io_create(&output, file_name, &error) == TANGO_OK);
    b = written(&output, tango_io_png_write(&output, pixels, &spec, work, size, &error));
    free(work);
    return b;
}

/* The file's samples, NULL if it is refused. */
static void *png_pixels(const unsigned char *data, size_t n, tango_io_png *png)
{
    void *pixels, *work;
    tango_result r;
    if (tango_io_png_open(png, data, n, &error) != TANGO_OK) return NULL;
    if (png->size > 1 << 24) return NULL;
    pixels = room(png->size);
    work = room(png->work_size);
    r = tango_io_png_read(pixels, png, work, png->work_size, &error);
    free(work);
    if (r == TANGO_OK) return pixels;
    free(pixels);
    return NULL;
}

static int png_reads(const unsigned char *data, size_t n)
{
    tango_io_png png;
    void *pixels;
    error.text[0] = 0;
    pixels = png_pixels(data, n, &png);
    free(pixels);
    return pixels != NULL;
}

static void round_trip(uint32_t width, uint32_t height, uint32_t channels, uint32_t bits,
                       uint32_t smooth)
{
    size_t n = (size_t)width * height * channels, size = n * bits / 8, i;
    unsigned char *a = (unsigned char *)room(size), *back;
    tango_io_png png;
    bytes b;
    uint32_t v = 0;
    for (i = 0; i < n; i++) {
        uint16_t wide;
        v = smooth ? v + noise() % smooth : noise();
        wide = (uint16_t)(v & 0xffff);
        if (bits == 16) memcpy(a + 2 * i, &wide, 2); else a[i] = (unsigned char)(v & 255);
    }
    b = png_written(a, width, height, channels, bits);
    back = (unsigned char *)png_pixels(b.p, b.n, &png);
    CHECK(back != NULL && png.size == size && memcmp(a, back, size) == 0);
    CHECK(b.n < size + size / 50 + 200);                /* noise grows by 2 % at most */
    free(back);
    free(b.p);
    free(a);
}

static void pixels_come_back_as_they_were(void)
{
    static const uint32_t sides[][2] = { { 1, 1 }, { 1, 70 }, { 257, 3 }, { 1024, 64 } };
    uint32_t channels, k;
    for (k = 0; k < 4; k++) {
        for (channels = 1; channels <= 4; channels++) {
            round_trip(sides[k][0], sides[k][1], channels, 8, 0);
            round_trip(sides[k][0], sides[k][1], channels, 8, 3);
            round_trip(sides[k][0], sides[k][1], channels, 16, 0);
            round_trip(sides[k][0], sides[k][1], channels, 16, 500);
        }
    }
}

static void equal_pixels_give_equal_and_small_files(void)
{
    uint16_t *a = (uint16_t *)room(2 * 64 * 1024);
    bytes b, c;
    size_t i;
    for (i = 0; i < 64 * 1024; i++) a[i] = (uint16_t)(i / 1024 * 900);
    b = png_written(a, 1024, 64, 1, 16);
    c = png_written(a, 1024, 64, 1, 16);
    CHECK(b.n == c.n && memcmp(b.p, c.p, b.n) == 0);
    CHECK(b.n < 1000);
    free(b.p);
    free(c.p);
    free(a);
}

/* Made by zlib: 2 bits with a palette of 4, two of them transparent, interlaced; 16 bits
   in stored blocks; 8 bits with the fixed code. */
static const unsigned char palette_png[131] = {
    137, 80, 78, 71, 13, 10, 26, 10, 0, 0, 0, 13, 73, 72, 68, 82, 0, 0, 0, 5, 0, 0, 0,
    3, 2, 3, 0, 0, 1, 81, 95, 29, 253, 0, 0, 0, 3, 116, 69, 88, 116, 97, 0, 98, 220, 73,
    162, 59, 0, 0, 0, 12, 80, 76, 84, 69, 255, 0, 0, 0, 255, 0, 0, 0, 255, 9, 8, 7, 162,
    210, 98, 192, 0, 0, 0, 2, 116, 82, 78, 83, 0, 128, 155, 43, 78, 24, 0, 0, 0, 21, 73,
    68, 65, 84, 120, 156, 99, 96, 0, 130, 6, 134, 14, 134, 2, 134, 11, 12, 57, 14, 0,
    16, 71, 2, 245, 3, 109, 150, 125, 0, 0, 0, 0, 73, 69, 78, 68, 174, 66, 96, 130 };

static const unsigned char stored_png[97] = {
    137, 80, 78, 71, 13, 10, 26, 10, 0, 0, 0, 13, 73, 72, 68, 82, 0, 0, 0, 3, 0, 0, 0,
    2, 16, 0, 0, 0, 0, 232, 143, 229, 133, 0, 0, 0, 3, 116, 69, 88, 116, 97, 0, 98, 220,
    73, 162, 59, 0, 0, 0, 25, 73, 68, 65, 84, 120, 1, 1, 14, 0, 241, 255, 1, 0, 7, 3,
    232, 4, 232, 1, 11, 191, 4, 232, 4, 232, 24, 193, 4, 131, 160, 213, 193, 23, 0, 0,
    0, 0, 73, 69, 78, 68, 174, 66, 96, 130 };

static const unsigned char fixed_png[93] = {
    137, 80, 78, 71, 13, 10, 26, 10, 0, 0, 0, 13, 73, 72, 68, 82, 0, 0, 0, 60, 0, 0, 0,
    4, 8, 0, 0, 0, 0, 247, 190, 3, 110, 0, 0, 0, 3, 116, 69, 88, 116, 97, 0, 98, 220,
    73, 162, 59, 0, 0, 0, 21, 73, 68, 65, 84, 120, 1, 99, 98, 160, 0, 48, 157, 160, 0,
    48, 81, 100, 51, 37, 154, 1, 243, 189, 46, 233, 141, 206, 54, 8, 0, 0, 0, 0, 73, 69,
    78, 68, 174, 66, 96, 130 };

static void files_of_other_writers_are_read(void)
{
    static const unsigned char colours[4][4] = {
        { 255, 0, 0, 0 }, { 0, 255, 0, 128 }, { 0, 0, 255, 255 }, { 9, 8, 7, 255 } };
    tango_io_png png;
    unsigned char *p = (unsigned char *)png_pixels(palette_png, sizeof palette_png, &png);
    uint16_t *wide;
    size_t x, y, i;
    CHECK(p && png.spec.width == 5 && png.spec.height == 3 && png.spec.channels == 4);
    for (y = 0; p && y < 3; y++) {
        for (x = 0; x < 5; x++)
            CHECK(memcmp(p + 4 * (5 * y + x), colours[(x + y) % 4], 4) == 0);
    }
    free(p);
    wide = (uint16_t *)png_pixels(stored_png, sizeof stored_png, &png);
    CHECK(wide && png.spec.bits == 16 && png.spec.channels == 1);
    for (i = 0; wide && i < 6; i++) CHECK(wide[i] == 1000 * i + 7);
    free(wide);
    p = (unsigned char *)png_pixels(fixed_png, sizeof fixed_png, &png);
    CHECK(p != NULL);
    for (i = 0; p && i < 240; i++) CHECK(p[i] == (i < 60 ? 0 : 200));
    free(p);
}

static void a_png_cut_anywhere_or_with_any_byte_changed_is_refused(void)
{
    static const unsigned char *const file[3] = { palette_png, stored_png, fixed_png };
    static const size_t size[3] = { sizeof palette_png, sizeof stored_png,
                                    sizeof fixed_png };
    size_t k, i, read = 0;
    for (k = 0; k < 3; k++) {
        for (i = 0; i < size[k]; i++) {
            bytes b = copy_of(file[k], i), c = copy_of(file[k], size[k]);
            if (png_reads(b.p, b.n) || !error.text[0]) read++;
            c.p[i] = (unsigned char)(c.p[i] ^ (1u << noise() % 8));
            if (png_reads(c.p, c.n) || !error.text[0]) read++;
            free(b.p);
            free(c.p);
        }
        CHECK(png_reads(file[k], size[k]));
    }
    CHECK(read == 0);
}

/* Sums every chunk anew, as far as there are chunks. */
static void png_seal(unsigned char *p, size_t n)
{
    tango_io_crc32 table;
    size_t at, size;
    tango_io_crc32_begin(&table);
    for (at = 8; n - at >= 12; at += 12 + size) {
        size = tango_io__png_u32(p + at);
        if (size > n - at - 12) return;
        tango_io__putbig(p + at + 8 + size,
                         tango_io_crc32_add(&table, 0, p + at + 4, 4 + size));
    }
}

static void damage_under_right_sums_is_refused_or_read_inside(void)
{
    size_t i, k;
    for (i = 0; i < 6000; i++) {
        bytes b = i % 3 == 0 ? copy_of(palette_png, sizeof palette_png)
                : i % 3 == 1 ? copy_of(stored_png, sizeof stored_png)
                             : copy_of(fixed_png, sizeof fixed_png);
        for (k = 0; k <= i % 4; k++) {
            size_t at = 16 + noise() % (b.n - 16);
            b.p[at] = (unsigned char)noise();
        }
        png_seal(b.p, b.n);
        png_reads(b.p, b.n);
        free(b.p);
    }
    CHECK(1);
}

static int png_refuses(const unsigned char *file, size_t n, size_t at, unsigned char v,
                       const char *words)
{
    bytes b = copy_of(file, n);
    int read;
    b.p[at] = v;
    png_seal(b.p, b.n);
    read = png_reads(b.p, b.n);
    free(b.p);
    if (!read && says(words)) return 1;
    printf("    %s instead of %s\n", error.text, words);
    return 0;
}

static void each_rule_of_png_has_its_message(void)
{
    const unsigned char *f = fixed_png;
    const size_t n = sizeof fixed_png, idat = 8 + 25 + 15;      /* IHDR, tEXt */
    size_t packed = tango_io__png_u32(f + idat);
    CHECK(png_refuses(f, n, 0, 0, "not a PNG file (offset 0)"));
    CHECK(png_refuses(f, n, 24, 3, "no such bits"));
    CHECK(png_refuses(f, n, 25, 1, "no such bits"));
    CHECK(png_refuses(palette_png, sizeof palette_png, 24, 1, "PLTE out of place"));
    CHECK(png_refuses(f, n, 26, 1, "no such compression"));
    CHECK(png_refuses(f, n, 28, 2, "interlace"));
    CHECK(png_refuses(f, n, 16, 0x80, "out of range"));
    CHECK(png_refuses(f, n, 16, 0x7f,                   /* a row of 2 GB */
                      sizeof(size_t) < 8 ? "too large for this system" : "too few data"));
    CHECK(png_refuses(f, n, 23, 5, "fewer data"));
    CHECK(png_refuses(f, n, 23, 3, "more data"));
    CHECK(png_refuses(f, n, 8 + 25 + 4, 'T', "unknown chunk TEXt"));
    CHECK(png_refuses(f, n, idat + 8, 0x79, "not a zlib stream"));
    CHECK(png_refuses(f, n, idat + 10, 7, "no such kind of block"));
    CHECK(png_refuses(f, n, idat + 7 + packed,
                      (unsigned char)((f[idat + 7 + packed] + 1) & 255), "Adler-32"));
    CHECK(png_refuses(f, n, idat + 7, 'S', "unknown chunk IDAS"));
    CHECK(png_refuses(stored_png, sizeof stored_png, idat + 8 + 7, 9, "no such filter"));
    CHECK(png_refuses(stored_png, sizeof stored_png, idat + 8 + 4, 1, "wrong size"));
}

static void png_needs_all_the_work_it_asks_for(void)
{
    tango_io_png png;
    tango_io_png_spec spec = { 5, 4, 1, 8 };
    tango_io_output output;
    unsigned char pixels[240];
    size_t size = 0;
    void *work;
    CHECK(tango_io_png_open(&png, fixed_png, sizeof fixed_png, &error) == TANGO_OK);
    work = room(png.work_size);
    CHECK(tango_io_png_read(pixels, &png, work, png.work_size - 1, &error) ==
          TANGO_ERROR_MEMORY);
    free(work);
    CHECK(tango_io_png_write_work_size(&size, &spec, &error) == TANGO_OK);
    work = room(size);
    CHECK(tango_io_create(&output, file_name, &error) == TANGO_OK);
    CHECK(tango_io_png_write(&output, pixels, &spec, work, size - 1, &error) ==
          TANGO_ERROR_MEMORY);
    spec.channels = 5;
    CHECK(tango_io_png_write_work_size(&size, &spec, &error) == TANGO_ERROR_ARGUMENT);
    tango_io_abandon(&output);
    free(work);
}

static void a_matrix_is_drawn_with_its_first_row_at_the_bottom(void)
{
    static const float values[6] = { 0.0f, 0.5f, 1.0f, 0.0f, -9.0f, 9.0f };
    static const tango_io_tick ticks[1] = { { 1.0, "1s" } };
    tango_io_plot plot;
    tango_io_png_spec spec;
    unsigned char pixels[3 * 6], *large;
    memset(&plot, 0, sizeof plot);
    plot.values = values;
    plot.columns = 2;
    plot.rows = 3;
    plot.high = 1.0;
    plot.colours = TANGO_IO_GREYS;
    CHECK(tango_io_plot_size(&spec, &plot) && spec.width == 2 && spec.height == 3);
    tango_io_plot_draw(pixels, &plot);
    CHECK(pixels[0] == 255 && pixels[3] == 255);        /* top: third values */
    CHECK(pixels[6] == 128 && pixels[9] == 0);
    CHECK(pixels[12] == 0 && pixels[15] == 0);
    plot.x_ticks = ticks;
    plot.x_count = 1;
    plot.scale = 10;
    CHECK(tango_io_plot_size(&spec, &plot) && spec.width > 20 && spec.height > 30);
    large = (unsigned char *)room((size_t)3 * spec.width * spec.height);
    tango_io_plot_draw(large, &plot);
    CHECK(large[0] == 255);
    free(large);
    plot.columns = 70000;
    CHECK(!tango_io_plot_size(&spec, &plot));
}

static void the_colour_maps_begin_and_end_as_documented(void)
{
    unsigned char c[3];
    tango_io_colour(c, TANGO_IO_MAGMA, -1.0);
    CHECK(c[0] == 0 && c[1] == 0 && c[2] == 3);
    tango_io_colour(c, TANGO_IO_MAGMA, 2.0);
    CHECK(c[0] == 251 && c[1] == 252 && c[2] == 191);
    tango_io_colour(c, TANGO_IO_VIRIDIS, 0.0);
    CHECK(c[0] == 68 && c[1] == 1 && c[2] == 84);
    tango_io_colour(c, TANGO_IO_VIRIDIS, (double)NAN);
    CHECK(c[0] == 68);
}

/* ---- CSV -------------------------------------------------------------------------- */

/* All fields of all rows, joined as [a|b][c|d], with "!" for each broken row; `error` has
   the last message. A header that is refused gives "!!". */
static const char *csv_all(const char *text, size_t n)
{
    static char out[4096];
    char field[512];
    tango_io_csv csv;
    tango_io_csv_field row[TANGO_IO_CSV_COLUMNS_MAX];
    size_t i;
    int more = 1;
    bytes b = copy_of(text, n);
    out[0] = 0;
    if (tango_io_csv_open(&csv, b.p, b.n, &error) != TANGO_OK) {
        strcpy(out, "!!");
        more = 0;
    }
    while (more) {
        tango_result r = tango_io_csv_next(&csv, row, &more, &error);
        if (r != TANGO_OK || !more) {
            if (r != TANGO_OK) strcat(out, "!");
            continue;
        }
        strcat(out, "[");
        for (i = 0; i < csv.columns; i++) {
            CHECK(tango_io_csv_text(&row[i], field, sizeof field));
            strcat(strcat(out, i ? "|" : ""), field);
        }
        strcat(out, "]");
    }
    free(b.p);
    return out;
}

static int csv_gives(const char *text, const char *want)
{
    const char *got = csv_all(text, strlen(text));
    if (strcmp(got, want) == 0) return 1;
    printf("    %s instead of %s\n", got, want);
    return 0;
}

/* A broken row between two good ones costs itself alone; its message has `words`. */
static int csv_skips(const char *row, const char *words)
{
    char table[256];
    sprintf(table, "a,b\n1,2\n%s\n3,4\n", row);
    error.text[0] = 0;
    if (csv_gives(table, "[1|2]![3|4]") && says(words)) return 1;
    printf("    %s\n", error.text);
    return 0;
}

static void tables_of_every_style_are_read(void)
{
    CHECK(csv_gives("a,b\n1,2\n3,4\n", "[1|2][3|4]"));
    CHECK(csv_gives("a,b\r\n1,2\r\n3,4", "[1|2][3|4]"));
    CHECK(csv_gives("\xef\xbb\xbf" "a,b\n,\n", "[|]"));
    CHECK(csv_gives("a,b\n\"x, \"\"y\"\"\",\"two\nlines\"\n", "[x, \"y\"|two\nlines]"));
    CHECK(csv_gives("a,b\n\"\",\"\"\"\"\n", "[|\"]"));
    CHECK(csv_gives("a\n\"\"\n", "[]"));
    CHECK(csv_gives("a,b", ""));
    CHECK(csv_gives("id,youtube_id\n7,-0Gj8-vB1q4\n", "[7|-0Gj8-vB1q4]"));
}

static void empty_lines_and_names_are_allowed(void)
{
    CHECK(csv_gives("\n\r\na,b\n\n1,2\n\r\n\n3,4\n\n", "[1|2][3|4]"));
    CHECK(csv_gives("a\n\n", ""));
    CHECK(csv_gives("\n\n", "!!") && says("no header"));
    CHECK(csv_gives(",a\n0,x\n", "[0|x]"));
    CHECK(csv_gives(",a,,\"\"\n0,x,,1\n", "[0|x||1]"));
    CHECK(csv_gives("a,a\n", "!!") && says("header: two columns of one name (offset 2)"));
    CHECK(csv_gives("a,\x7f\n", "!!") && says("name of a column"));
}

static void each_rule_of_csv_has_its_message(void)
{
    CHECK(csv_gives("", "!!") && says("no header"));
    CHECK(csv_gives("\xef\xbb\xbf", "!!") && says("no header"));
    CHECK(csv_skips("1", "line 3: 1 fields, 2 columns (offset 8)"));
    CHECK(csv_skips("1,2,3", "line 3: 3 fields, 2 columns (offset 8)"));
    CHECK(csv_skips("1,x\"y", "line 3: quote inside a plain field (offset 11)"));
    CHECK(csv_skips("1,\"y\"z", "line 3: text behind a quoted field (offset 13)"));
    CHECK(csv_skips("1,\"y", "line 3: quote never closed (offset 10)"));
    CHECK(csv_skips("1,2\r3,4", "line 3: CR without LF (offset 11)"));
    CHECK(csv_skips("1,\xff", "line 3: malformed UTF-8 (offset 10)"));
    CHECK(strcmp(csv_all("a\n1\0\n2\n", 7), "![2]") == 0 && says("NUL (offset 3)"));
}

static void a_broken_row_costs_no_other(void)
{
    /* A quote too much is found at the next one, rows later. */
    CHECK(csv_gives("a,b\n1,\"x\n2,y\n3,\"z\"\n4,w\n", "![2|y][3|z][4|w]"));
    CHECK(says("line 2: text behind a quoted field"));
    /* Fields of several lines in front of the fault are not taken apart. */
    CHECK(csv_gives("a,b\n\"1\n2,3\n\",\"x\"y\n4,5\n", "![4|5]"));
    CHECK(csv_gives("a,b\n\"1\n2,3\n\",\"\xff\n\"\n4,5\n", "![4|5]"));
    CHECK(csv_gives("a,b\n1,2,\"3\n4,5\"\n6,7\n", "![6|7]"));
    /* A caption broken over two lines, as AudioCaps 2.0 had it. */
    CHECK(csv_gives("a,b\n\n1,x\ny\n2,z\n", "[1|x]![2|z]") && says("line 4: 1 fields"));
    CHECK(csv_gives("a,b\n1\n2\n3,4", "!![3|4]") && says("line 3"));
}

static void columns_that_nobody_wants_may_hold_anything(void)
{
    static const char text[] = "a,b\n\xff,1\n\xff,\xff\n2,\"\0\"\n";
    tango_io_csv csv;
    tango_io_csv_field row[TANGO_IO_CSV_COLUMNS_MAX];
    int more = 0;
    CHECK(tango_io_csv_open(&csv, text, sizeof text - 1, &error) == TANGO_OK);
    csv.wanted = 2;
    CHECK(tango_io_csv_next(&csv, row, &more, &error) == TANGO_OK && *row[1].text == '1');
    CHECK(tango_io_csv_next(&csv, row, &more, &error) == TANGO_ERROR_DATA && more);
    CHECK(says("line 3: malformed UTF-8 (offset 10)"));
    csv.wanted = 1;
    CHECK(tango_io_csv_next(&csv, row, &more, &error) == TANGO_OK && *row[0].text == '2');
    CHECK(csv.row == 2);
}

static void long_fields_and_many_columns_have_limits(void)
{
    size_t n = TANGO_IO_CSV_FIELD_MAX + 3, i;
    bytes b;
    tango_io_csv csv;
    tango_io_csv_field row[TANGO_IO_CSV_COLUMNS_MAX];
    char text[200] = "";
    int more = 0;
    b.p = (unsigned char *)room(n);
    memset(b.p, 'x', n);
    b.p[1] = '\n';
    CHECK(tango_io_csv_open(&csv, b.p, n, &error) == TANGO_OK);
    CHECK(tango_io_csv_next(&csv, row, &more, &error) == TANGO_ERROR_DATA);
    CHECK(says("over 1 MiB") && more);
    CHECK(tango_io_csv_next(&csv, row, &more, &error) == TANGO_OK && !more);
    CHECK(tango_io_csv_open(&csv, b.p, n - 1, &error) == TANGO_OK);
    CHECK(tango_io_csv_next(&csv, row, &more, &error) == TANGO_OK && more);
    free(b.p);
    for (i = 0; i < TANGO_IO_CSV_COLUMNS_MAX + 1; i++) {
        char name[3] = { (char)('a' + i % 26), (char)('a' + i / 26), 0 };
        strcat(strcat(text, i ? "," : ""), name);
    }
    CHECK(tango_io_csv_open(&csv, text, strlen(text), &error) == TANGO_ERROR_DATA);
}

static void columns_and_numbers_are_found(void)
{
    static const char text[] = "id,name\n18446744073709551615,\"a\"\"b\"\n-1,\n";
    tango_io_csv csv;
    tango_io_csv_field row[TANGO_IO_CSV_COLUMNS_MAX];
    uint64_t v = 0;
    char out[4];
    int more = 0;
    CHECK(tango_io_csv_open(&csv, text, strlen(text), &error) == TANGO_OK);
    CHECK(csv.columns == 2 && tango_io_csv_column(&csv, "name") == 1);
    CHECK(tango_io_csv_column(&csv, "Name") == SIZE_MAX);
    CHECK(tango_io_csv_next(&csv, row, &more, &error) == TANGO_OK && more);
    CHECK(tango_io_csv_u64(&row[0], &v) && v == UINT64_MAX);
    CHECK(!tango_io_csv_text(&row[1], out, 3) && tango_io_csv_text(&row[1], out, 4));
    CHECK(strcmp(out, "a\"b") == 0);
    CHECK(tango_io_csv_next(&csv, row, &more, &error) == TANGO_OK && csv.row == 2);
    CHECK(!tango_io_csv_u64(&row[0], &v) && !tango_io_csv_u64(&row[1], &v));
    CHECK(tango_io_csv_next(&csv, row, &more, &error) == TANGO_OK && !more);
}

static void a_table_cut_or_damaged_anywhere_is_read_inside(void)
{
    static const char text[] = "\xef\xbb\xbf" "a,b\r\n\"x\"\"\xc3\xa9\",2\r\n3,\"\n\"\n";
    char copy[sizeof text];
    size_t i, n = sizeof text - 1;
    for (i = 0; i <= n; i++) csv_all(text, i);
    for (i = 0; i < 5000; i++) {
        memcpy(copy, text, sizeof text);
        copy[noise() % n] = ",\"\n\r\0x\xff\xef"[noise() % 8];
        csv_all(copy, n);
    }
    CHECK(1);
}

/* ---- torch ------------------------------------------------------------------------ */

/* Opens and walks a .pt; the number of tensors, or SIZE_MAX if it is refused. */
static size_t torch_reads(const bytes *b, float *first)
{
    tango_io_torch torch;
    tango_io_torch_tensor t;
    size_t size, count = SIZE_MAX, i;
    void *work;
    error.text[0] = 0;
    if (tango_io_torch_work_size(&size, b->p, b->n, &error) != TANGO_OK) return SIZE_MAX;
    work = room(size);
    if (tango_io_torch_open(&torch, b->p, b->n, work, size, &error) == TANGO_OK) {
        count = torch.count;
        for (i = 0; i < count; i++) {
            tango_io_torch_tensor_at(&torch, i, &t);
            if (t.view.count && i == 0) tango_io_view_read(first, &t.view, 0, 1);
        }
    }
    free(work);
    return count;
}

static bytes torch_written(void)
{
    static const float x[6] = { 1.5f, 2, 3, 4, 5, 6 };
    static const size_t shape[3] = { 2, 3, 1 };
    tango_io_output output;
    CHECK(tango_io_create(&output, file_name, &error) == TANGO_OK);
    return written(&output, tango_io_torch_write(&output, TANGO_IO_F32, x, shape, 3,
                                                 &error));
}

static void a_bare_tensor_comes_back_from_equal_bytes(void)
{
    bytes a = torch_written(), b = torch_written();
    tango_io_torch torch;
    tango_io_torch_tensor t;
    size_t size = 0;
    float out[6];
    void *work;
    CHECK(a.n == b.n && memcmp(a.p, b.p, a.n) == 0);
    CHECK(tango_io_torch_work_size(&size, a.p, a.n, &error) == TANGO_OK);
    work = room(size);
    CHECK(tango_io_torch_open(&torch, a.p, a.n, work, size, &error) == TANGO_OK);
    CHECK(torch.count == 1);
    tango_io_torch_tensor_at(&torch, 0, &t);
    CHECK(t.name[0] == 0 && t.view.rank == 3 && t.view.shape[1] == 3);
    CHECK(t.storage % 64 == 0 && t.storage_size == 24);
    tango_io_view_read(out, &t.view, 0, 6);
    CHECK(out[0] == 1.5f && out[5] == 6.0f);
    free(work);
    free(a.p);
    free(b.p);
}

static void a_pt_cut_anywhere_is_refused_and_damage_is_read_inside(void)
{
    bytes a = torch_written();
    size_t i, read = 0;
    float first = 0;
    for (i = 0; i < a.n; i++) {
        bytes b = copy_of(a.p, i);
        if (torch_reads(&b, &first) != SIZE_MAX || !error.text[0]) read++;
        free(b.p);
    }
    CHECK(read == 0);
    for (i = 0; i < 8 * a.n; i++) {
        bytes b = copy_of(a.p, a.n);
        b.p[i / 8] = (unsigned char)(b.p[i / 8] ^ 1u << i % 8);
        if (torch_reads(&b, &first) != SIZE_MAX && first != 1.5f) read++;
        free(b.p);
    }
    CHECK(read == 0);                           /* what is read still has its number */
    free(a.p);
}

static void dictionaries_of_all_types_come_back(void)
{
    static const tango_io_type types[13] = {
        TANGO_IO_F32, TANGO_IO_F16, TANGO_IO_BF16, TANGO_IO_I8, TANGO_IO_I16,
        TANGO_IO_I32, TANGO_IO_I64, TANGO_IO_U8, TANGO_IO_F64, TANGO_IO_BOOL,
        TANGO_IO_U16, TANGO_IO_U32, TANGO_IO_U64 };
    static const unsigned char zero[700 * 8] = { 0 };
    tango_io_torch_item item[13];
    tango_io_output output;
    char name[13][4];
    bytes b;
    size_t i;
    float first = 1;
    memset(item, 0, sizeof item);
    for (i = 0; i < 13; i++) {
        name[i][0] = 't';
        name[i][1] = (char)('0' + i);
        name[i][2] = 0;
        item[i].name = name[i];
        item[i].type = types[i];
        item[i].rank = i < 3 ? i : 2;           /* a number, a row, matrices */
        item[i].shape[0] = 7;
        item[i].shape[1] = i == 9 ? 0 : 100;
        item[i].data = zero;
    }
    CHECK(tango_io_create(&output, file_name, &error) == TANGO_OK);
    b = written(&output, tango_io_torch_write_dictionary(&output, item, 13, &error));
    CHECK(torch_reads(&b, &first) == 13 && first == 0.0f);
    free(b.p);
}

/* The pickle is the one of torch.save(torch.arange(8).to(torch.uint16).reshape(2, 4)) of
   torch 2.13 without its memo: there are no storages of these types. */
static void unsigned_numbers_are_written_as_torch_does(void)
{
    static const char pickle[] =
        "\x80\2ctorch._utils\n_rebuild_tensor_v3\n((X\7\0\0\0storage"
        "ctorch.storage\nUntypedStorage\nX\1\0\0\0" "0X\3\0\0\0cpuK\20tQ"
        "K\0(K\2K\4t(K\4K\1t\x89"
        "ccollections\nOrderedDict\n)Rctorch\nuint16\ntR.";
    static const uint16_t x[8] = { 0, 1, 2, 3, 4, 5, 6, 7 };
    static const size_t shape[2] = { 2, 4 };
    tango_io_output output;
    size_t at;
    float first = 1;
    bytes b;
    CHECK(tango_io_create(&output, file_name, &error) == TANGO_OK);
    b = written(&output,
                tango_io_torch_write(&output, TANGO_IO_U16, x, shape, 2, &error));
    for (at = 0; at + sizeof pickle < b.n && b.p[at] != 0x80; at++) {}
    CHECK(at % 64 == 0 && memcmp(b.p + at, pickle, sizeof pickle - 1) == 0);
    CHECK(torch_reads(&b, &first) == 1 && first == 0);
    free(b.p);
}

static void impossible_tensors_are_not_written(void)
{
    tango_io_torch_item item[2];
    tango_io_output output;
    size_t shape[9] = { SIZE_MAX, 2, 1, 1, 1, 1, 1, 1, 1 };
    memset(item, 0, sizeof item);
    item[0].name = item[1].name = "same";
    item[0].data = item[1].data = shape;
    CHECK(tango_io_create(&output, file_name, &error) == TANGO_OK);
    CHECK(tango_io_torch_write(&output, TANGO_IO_F32, shape, shape, 2, &error) ==
          TANGO_ERROR_ARGUMENT);
    CHECK(tango_io_torch_write(&output, TANGO_IO_STRING, shape, shape, 0, &error) ==
          TANGO_ERROR_ARGUMENT);
    CHECK(tango_io_torch_write(&output, TANGO_IO_F32, shape, shape, 9, &error) ==
          TANGO_ERROR_ARGUMENT);
    CHECK(tango_io_torch_write_dictionary(&output, item, 2, &error) ==
          TANGO_ERROR_ARGUMENT);
    CHECK(says("two tensors named same"));
    item[0].name = "a\nb";
    CHECK(tango_io_torch_write_dictionary(&output, item, 1, &error) ==
          TANGO_ERROR_ARGUMENT);
    CHECK(output.at == 0);                      /* nothing was written meanwhile */
    tango_io_abandon(&output);
}

/* ---- JSON writer ------------------------------------------------------------------ */

static void documents_are_written_on_one_line(void)
{
    tango_io_json_writer w;
    char text[256], small[8];
    size_t n;
    tango_io_json_begin(&w, text, sizeof text);
    tango_io_json_open_object(&w);
    tango_io_json_put_key(&w, "a\"\n\x01");
    tango_io_json_open_array(&w);
    tango_io_json_put_u64(&w, UINT64_MAX);
    tango_io_json_put_i64(&w, INT64_MIN);
    tango_io_json_put_bool(&w, 1);
    tango_io_json_put_null(&w);
    tango_io_json_close(&w);
    tango_io_json_put_key(&w, "b");
    tango_io_json_put_text(&w, "x\xff\xc3\xa9\0", 5);
    tango_io_json_put_key(&w, "c");
    tango_io_json_open_object(&w);
    tango_io_json_close(&w);
    tango_io_json_close(&w);
    n = tango_io_json_end(&w);
    CHECK(n == strlen(text));
    CHECK(strcmp(text, "{\"a\\\"\\n\\u0001\": [18446744073709551615, "
                       "-9223372036854775808, true, null], "
                       "\"b\": \"x\xef\xbf\xbd\xc3\xa9\\u0000\", \"c\": {}}") == 0);
    tango_io_json_begin(&w, small, 6);
    tango_io_json_put_string(&w, "four");
    CHECK(tango_io_json_end(&w) == 0 && w.size == 6);
    tango_io_json_begin(&w, small, 7);
    tango_io_json_put_string(&w, "four");
    CHECK(tango_io_json_end(&w) == 6 && strcmp(small, "\"four\"") == 0);
}

static int number_is(double value, const char *want)
{
    tango_io_json_writer w;
    char text[40];
    tango_io_json_begin(&w, text, sizeof text);
    tango_io_json_put_number(&w, value);
    if (tango_io_json_end(&w) && strcmp(text, want) == 0) return 1;
    printf("    %s instead of %s\n", text, want);
    return 0;
}

static void numbers_have_the_fewest_digits_that_read_back(void)
{
    CHECK(number_is(0.0, "0.0") && number_is(-0.0, "-0.0") && number_is(4.0, "4.0"));
    CHECK(number_is(10.24, "10.24") && number_is(0.1, "0.1") && number_is(-1.5, "-1.5"));
    CHECK(number_is(1e-5, "1e-05") && number_is(1e-4, "0.0001"));
    CHECK(number_is(1e15, "1000000000000000.0") && number_is(1e16, "1e+16"));
    CHECK(number_is(1.0 / 3.0, "0.3333333333333333"));
    CHECK(number_is(5e-324, "5e-324"));
    CHECK(number_is(1.7976931348623157e308, "1.7976931348623157e+308"));
    CHECK(number_is(2.2250738585072014e-308, "2.2250738585072014e-308"));
    CHECK(number_is((double)INFINITY, "null") && number_is((double)NAN, "null"));
}

static void every_number_reads_back_as_itself(void)
{
    size_t i, bad = 0;
    for (i = 0; i < 4000; i++) {
        uint64_t bits = (uint64_t)noise() << 32 | noise(), back;
        double value, read = 0;
        tango_io_json_writer w;
        tango_io_json json;
        tango_io_json_node node[1];
        char text[40];
        size_t n;
        memcpy(&value, &bits, 8);
        if (!tango_io__finite(value)) continue;
        tango_io_json_begin(&w, text, sizeof text);
        tango_io_json_put_number(&w, value);
        n = tango_io_json_end(&w);
        if (tango_io_json_parse(&json, text, n, node, sizeof node, &error) != TANGO_OK ||
            !tango_io_json_number(&json, 0, &read)) bad++;
        memcpy(&back, &read, 8);
        if (back != bits) bad++;
    }
    CHECK(bad == 0);
}

static void calls_out_of_place_are_found(void)
{
    tango_io_json_writer w;
    char text[400];
    size_t i;
    tango_io_json_begin(&w, text, sizeof text);
    CHECK(tango_io_json_end(&w) == 0 || w.size == 0);
    tango_io_json_open_object(&w);
    CHECK(tango_io_json_end(&w) == 0);                  /* still open */
    tango_io_json_put_u64(&w, 1);                       /* without a key */
    tango_io_json_close(&w);
    CHECK(tango_io_json_end(&w) == 0);
    tango_io_json_begin(&w, text, sizeof text);
    tango_io_json_put_key(&w, "a");                     /* outside an object */
    tango_io_json_put_u64(&w, 1);
    CHECK(tango_io_json_end(&w) == 0);
    tango_io_json_begin(&w, text, sizeof text);
    tango_io_json_put_u64(&w, 1);
    tango_io_json_put_u64(&w, 1);                       /* two documents */
    CHECK(tango_io_json_end(&w) == 0);
    tango_io_json_begin(&w, text, sizeof text);
    for (i = 0; i < 70; i++) tango_io_json_open_array(&w);
    for (i = 0; i < 70; i++) tango_io_json_close(&w);   /* deeper than can be read */
    CHECK(tango_io_json_end(&w) == 0);
}

int main(void)
{
    RUN(pixels_come_back_as_they_were);
    RUN(equal_pixels_give_equal_and_small_files);
    RUN(files_of_other_writers_are_read);
    RUN(a_png_cut_anywhere_or_with_any_byte_changed_is_refused);
    RUN(damage_under_right_sums_is_refused_or_read_inside);
    RUN(each_rule_of_png_has_its_message);
    RUN(png_needs_all_the_work_it_asks_for);
    RUN(a_matrix_is_drawn_with_its_first_row_at_the_bottom);
    RUN(the_colour_maps_begin_and_end_as_documented);
    RUN(tables_of_every_style_are_read);
    RUN(empty_lines_and_names_are_allowed);
    RUN(each_rule_of_csv_has_its_message);
    RUN(a_broken_row_costs_no_other);
    RUN(columns_that_nobody_wants_may_hold_anything);
    RUN(long_fields_and_many_columns_have_limits);
    RUN(columns_and_numbers_are_found);
    RUN(a_table_cut_or_damaged_anywhere_is_read_inside);
    RUN(a_bare_tensor_comes_back_from_equal_bytes);
    RUN(a_pt_cut_anywhere_is_refused_and_damage_is_read_inside);
    RUN(dictionaries_of_all_types_come_back);
    RUN(unsigned_numbers_are_written_as_torch_does);
    RUN(impossible_tensors_are_not_written);
    RUN(documents_are_written_on_one_line);
    RUN(numbers_have_the_fewest_digits_that_read_back);
    RUN(every_number_reads_back_as_itself);
    RUN(calls_out_of_place_are_found);
    return CHECK_DONE();
}
