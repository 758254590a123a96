/* cc -I.. test_tango_io_sound.c -lm -o t && ./t     prints one line a claim
   Reading sound: WAV files of every kind are built here; golden/sound holds files of the
   flac tool (oracle/sound.py), whose samples follow a formula. */
#define TANGO_IO_IMPLEMENTATION
#include "../tango_io.h"
#include "check.h"
#include <stdlib.h>
#include <string.h>

static tango_io_sound sound;
static tango_error error;
static unsigned char file[1 << 16];
static size_t size;
static double values[1 << 16];
static int32_t numbers[1 << 16];

/* ---- Helpers ---------------------------------------------------------------------- */

static void put(const void *bytes, size_t n)
{
    memcpy(file + size, bytes, n);
    size += n;
}

static void put_number(uint64_t value, size_t bytes)
{
    for (; bytes > 0; bytes--, value >>= 8) file[size++] = (unsigned char)(value & 255);
}

/* A format of 16 bytes. */
static void put_fmt(unsigned codec, unsigned channels, unsigned container, unsigned bits)
{
    put("fmt ", 4);
    put_number(16, 4);
    put_number(codec, 2);
    put_number(channels, 2);
    put_number(16000, 4);
    put_number(16000 * channels * container, 4);
    put_number(channels * container, 2);
    put_number(bits, 2);
}

static void put_extensible(unsigned codec, unsigned channels, unsigned bits,
                           unsigned valid)
{
    put_fmt(0xfffe, channels, bits / 8, bits);
    file[size - 20] = 40;
    put_number(22, 2);
    put_number(valid, 2);
    put_number(3, 4);
    put_number(codec, 2);
    put("\0\0\0\0\x10\0\x80\0\0\xaa\0\x38\x9b\x71", 14);
}

static void put_riff(void)
{
    size = 0;
    put("RIFF", 4);
    put_number(0xdeadbeef, 4);          /* the size is ignored */
    put("WAVE", 4);
}

static void put_data(const void *bytes, size_t n)
{
    put("data", 4);
    put_number(n, 4);
    put(bytes, n);
    if (n & 1) put_number(0, 1);
}

typedef struct source { size_t at, step; } source;

static tango_result give(void *context, void *buffer, size_t n, size_t *got,
                         tango_error *why)
{
    source *s = (source *)context;
    (void)why;
    if (n > s->step) n = s->step;
    if (n > size - s->at) n = size - s->at;
    memcpy(buffer, file + s->at, n);
    s->at += n;
    *got = n;
    return TANGO_OK;
}

static tango_result start(void)
{
    static uint64_t work[1 << 19];
    size_t need = tango_io_sound_work_size(&sound);
    if (need > sizeof work) return TANGO_ERROR_MEMORY;
    return tango_io_sound_start(&sound, work, need, &error);
}

/* All samples as double, a few frames at a time; *n is their number. */
static tango_result read_all(size_t *n)
{
    size_t got = 7, channels = sound.info.channels;
    tango_result r = start();
    for (*n = 0; r == TANGO_OK && got == 7 && *n < 60000; *n += got * channels) {
        r = tango_io_sound_read_double(&sound, values + *n, 7, &got, &error);
        if (r != TANGO_OK) break;
    }
    return r;
}

/* From memory, then byte by byte from a reader of unknown length: the same. */
static tango_result read_file(int keep, size_t *n)
{
    static double first[1 << 16];
    source s = { 0, 1 };
    size_t count = 0;
    tango_result r, again;
    r = tango_io_sound_open_memory(&sound, file, size, keep, &error);
    if (r == TANGO_OK) r = read_all(&count);
    memcpy(first, values, count * sizeof(double));
    again = tango_io_sound_open(&sound, give, &s, UINT64_MAX, keep, &error);
    if (again == TANGO_OK) again = read_all(n);
    CHECK(r == again);
    if (r == TANGO_OK) {
        CHECK(*n == count);
        CHECK(memcmp(first, values, count * sizeof(double)) == 0);
    }
    return again;
}

static void refuses(const char *text)
{
    size_t n;
    tango_result r;
    error.text[0] = 0;
    r = read_file(0, &n);
    CHECK(r == TANGO_ERROR_DATA || r == TANGO_ERROR_UNSUPPORTED);
    CHECK(strstr(error.text, text) != NULL);
    CHECK(strstr(error.text, "offset") != NULL);
    if (!strstr(error.text, text)) printf("    said: %s\n", error.text);
}

/* ---- WAV -------------------------------------------------------------------------- */

static const unsigned char ramp[24] = { 0, 0, 0, 128, 1, 2, 255, 127, 0, 64, 0, 192,
                                        255, 255, 1, 0, 0, 128, 3, 4, 5, 6, 7, 8 };

static void integers_of_every_size(void)
{
    size_t n, i, bytes;
    for (bytes = 1; bytes <= 4; bytes++) {
        put_riff();
        put_fmt(1, 1, (unsigned)bytes, (unsigned)(8 * bytes));
        put_data(ramp, 24);
        CHECK(read_file(0, &n) == TANGO_OK);
        CHECK(n == 24 / bytes);
        CHECK(sound.info.bits == 8 * bytes && sound.info.rate == 16000);
        CHECK(sound.info.frames == 24 / bytes && !sound.info.floats);
        for (i = 0; i < n; i++) {
            int64_t want = 0;
            size_t k;
            for (k = bytes; k-- > 0;) want = want * 256 + ramp[i * bytes + k];
            if (bytes == 1) want -= 128;
            else if (want >> (8 * bytes - 1)) want -= (int64_t)1 << (8 * bytes);
            CHECK_NEAR(values[i], (double)want / ldexp(1.0, (int)(8 * bytes - 1)), 0.0);
        }
    }
}

/* Numbers as a file has them, low byte first. */
static void put_numbers(const void *numbers, size_t width, size_t count)
{
    const uint16_t one = 1;
    const int little = *(const unsigned char *)&one;
    unsigned char bytes[24];
    size_t i;
    for (i = 0; i < width * count; i++)
        bytes[i] = ((const unsigned char *)numbers)[little ? i : i ^ (width - 1)];
    put_data(bytes, width * count);
}

static void floats_of_both_sizes(void)
{
    const float single[3] = { 1.0f, -0.25f, 3e38f };
    const double twice[3] = { 1.0, -1e-300, 1e300 };
    float narrow[3];
    size_t n, i, got;
    put_riff();
    put_fmt(3, 3, 4, 32);
    put_numbers(single, 4, 3);
    CHECK(read_file(0, &n) == TANGO_OK && n == 3);
    for (i = 0; i < 3; i++) CHECK_NEAR(values[i], (double)single[i], 0.0);
    put_riff();
    put_fmt(3, 1, 8, 64);
    put_numbers(twice, 8, 3);
    CHECK(read_file(0, &n) == TANGO_OK && n == 3);
    for (i = 0; i < 3; i++) CHECK_NEAR(values[i], twice[i], 0.0);
    CHECK(tango_io_sound_open_memory(&sound, file, size, 0, &error) == TANGO_OK);
    CHECK(start() == TANGO_OK);
    CHECK(tango_io_sound_read_int(&sound, numbers, 3, &got, &error) ==
          TANGO_ERROR_UNSUPPORTED);
    CHECK(tango_io_sound_read_float(&sound, narrow, 3, &got, &error) == TANGO_OK);
    CHECK(got == 3 && narrow[0] == 1.0f && narrow[1] == 0.0f && narrow[2] > 3.4e38f);
}

static void extensible_files(void)
{
    size_t n, guid;
    put_riff();
    put_extensible(1, 2, 24, 20);
    guid = size - 16;
    put_data(ramp, 24);
    CHECK(read_file(0, &n) == TANGO_OK && n == 8 && sound.info.bits == 24);
    file[guid + 15] = 0x72;
    refuses("codec");
    file[guid + 15] = 0x71;
    file[guid] = 2;
    refuses("codec 2");
    put_riff();
    put_extensible(1, 2, 24, 25);
    put_data(ramp, 24);
    refuses("valid bits");
}

/* Samples of fewer bits than they take stand in the upper ones. */
static void wide_containers(void)
{
    const unsigned char bytes[8] = { 9, 0, 0, 0x40, 9, 0, 0, 0xc0 };
    size_t n;
    put_riff();
    put_extensible(1, 1, 32, 24);
    put_data(bytes, 8);
    CHECK(read_file(0, &n) == TANGO_OK && n == 2);
    CHECK_NEAR(values[0], 0.5, 1e-8);
    CHECK_NEAR(values[1], -0.5, 1e-8);
}

/* { 1, 4, 16 } is a file of a recording program, mono with the frames of stereo: every
   second sample was passed over. */
static void frames_have_the_size_of_their_samples(void)
{
    static const unsigned shape[][3] = {    /* channels, bytes a sample, bits */
        { 1, 4, 24 }, { 2, 1, 16 }, { 1, 4, 16 }, { 3, 3, 16 }, { 1, 9, 16 } };
    size_t i;
    for (i = 0; i < sizeof shape / sizeof shape[0]; i++) {
        put_riff();
        put_fmt(1, shape[i][0], shape[i][1], shape[i][2]);
        put_data(ramp, 24);
        refuses("wav: frames of");
    }
    CHECK(strstr(error.text, "of 9 bytes at offset 32, 2 expected for 1 channels") != 0);
    put_riff();
    put_fmt(3, 1, 8, 32);
    put_data(ramp, 24);
    refuses("wav: frames of 8");
}

static void byte_rates_are_right_or_absent(void)
{
    size_t n;
    put_riff();
    put_fmt(1, 2, 2, 16);
    put_data(ramp, 24);
    memcpy(file + 28, "\0\0\0\0", 4);
    CHECK(read_file(0, &n) == TANGO_OK && n == 12);
    memcpy(file + 28, "\1\372\0\0", 4);
    refuses("64001 bytes a second at offset 28, 64000 expected");
    CHECK(read_file(1, &n) == TANGO_OK && n == 12);
}

static void other_chunks_are_skipped(void)
{
    size_t n;
    put_riff();
    put("LIST\3\0\0\0abc\0", 12);
    put("odd \1\0\0\0x\0", 10);
    put_fmt(1, 1, 2, 16);
    put("bext\0\0\0\0", 8);
    put_data(ramp, 24);
    put("garbage", 7);                  /* behind the data all is ignored */
    CHECK(read_file(0, &n) == TANGO_OK && n == 12);
    put_riff();
    put("LIST\xff\xff\0\0abc\0", 12);
    refuses("wav: chunk");
}

static void rf64_takes_its_sizes_from_ds64(void)
{
    size_t n, ds64;
    for (ds64 = 0; ds64 < 2; ds64++) {
        size = 0;
        put(ds64 ? "BW64" : "RF64", 4);
        put_number(0xffffffff, 4);
        put("WAVEds64", 8);
        put_number(40, 4);
        put_number(0, 8);
        put_number(24, 8);
        put_number(0, 8);
        put_number(1, 4);
        put("abcd\0\0\0\0\0\0\0\0", 12);
        put_fmt(1, 1, 2, 16);
        put("data\xff\xff\xff\xff", 8);
        put(ramp, 24);
        put("LIST", 4);
        CHECK(read_file(0, &n) == TANGO_OK && n == 12);
    }
    file[44] = 2;                       /* a table of two does not fit */
    refuses("table");
    file[44] = 1;
    file[28] = 254;                     /* data beyond the file */
    refuses("ends");
    put_riff();
    memcpy(file, "RF64", 4);
    put_fmt(1, 1, 2, 16);
    put_data(ramp, 24);
    refuses("without ds64");
}

/* FFmpeg counts the byte that pads an odd number of bytes as data of an RF64 file; its
   number of frames is right. */
static void a_counted_padding_byte_is_no_sample(void)
{
    size_t n, bytes;
    for (bytes = 1; bytes <= 3; bytes += 2) {
        size = 0;
        put("RF64\xff\xff\xff\xffWAVEds64", 16);
        put_number(28, 4);
        put_number(0, 8);
        put_number(5 * bytes + 1, 8);
        put_number(5, 8);
        put_number(0, 4);
        put_fmt(1, 1, (unsigned)bytes, 8 * (unsigned)bytes);
        put("data\xff\xff\xff\xff", 8);
        put(ramp, 5 * bytes);
        put("", 1);
        CHECK(read_file(0, &n) == TANGO_OK && n == 5);
    }
    file[36] = 4;                       /* another number of frames tells nothing */
    refuses("no whole number of 3-byte frames");
}

static void a_data_size_of_zero_before_samples_is_damage(void)
{
    static const uint32_t riffs[] = { 0, 36, 0x7ffff024, 0xffffffff };
    size_t n, i;
    for (i = 0; i < sizeof riffs / sizeof riffs[0]; i++) {
        put_riff();
        size = 4;
        put_number(riffs[i], 4);
        put("WAVE", 4);
        put_fmt(1, 1, 2, 16);
        put("data\0\0\0\0", 8);
        CHECK(read_file(0, &n) == TANGO_OK && n == 0);
        put(ramp, 24);
        refuses("not finished");
        CHECK(read_file(1, &n) == TANGO_OK && n == 12 && sound.cut);
    }
}

/* The RIFF size is right, and what follows no data is a chunk, or samples. */
static void chunks_behind_no_data_are_no_samples(void)
{
    size_t n;
    put_riff();
    put_fmt(1, 1, 2, 16);
    put("data\0\0\0\0", 8);
    put("LIST\4\0\0\0INFO", 12);
    file[4] = (unsigned char)(size - 8), file[5] = file[6] = file[7] = 0;
    CHECK(read_file(0, &n) == TANGO_OK && n == 0);
    file[size - 12] = 1;                /* no name of a chunk */
    refuses("not finished");
    CHECK(read_file(1, &n) == TANGO_OK && n == 6 && sound.cut);
    file[size - 12] = 'L';
    file[size - 8] = 5;                 /* nor one that fits; a pipe would not know */
    CHECK(tango_io_sound_open_memory(&sound, file, size, 0, &error) == TANGO_ERROR_DATA);
}

/* 12 and 20 bits stand at the top of 2 and 3 bytes. */
static void bits_that_fill_no_bytes(void)
{
    size_t n;
    put_riff();
    put_fmt(1, 1, 2, 12);
    put_data("\0\100\0\300\360\177", 6);
    CHECK(read_file(0, &n) == TANGO_OK && n == 3);
    CHECK(sound.info.bits == 16 && sound.info.valid == 12);
    CHECK(values[0] == 0.5 && values[1] == -0.5 && values[2] == 2047.0 / 2048);
    put_riff();
    put_fmt(1, 1, 3, 20);
    put_data("\0\0\100\0\0\300\360\377\177", 9);
    CHECK(read_file(0, &n) == TANGO_OK && n == 3);
    CHECK(sound.info.bits == 24 && sound.info.valid == 20);
    CHECK(values[0] == 0.5 && values[1] == -0.5 && values[2] == 524287.0 / 524288);
    put_riff();
    put_extensible(1, 1, 16, 12);
    put_data("\0\100", 2);
    CHECK(read_file(0, &n) == TANGO_OK && n == 1 && values[0] == 0.5);
    CHECK(sound.info.bits == 16 && sound.info.valid == 12);
    put_riff();
    put_fmt(1, 1, 3, 12);               /* in more bytes than they take */
    put_data("\0\0\100", 3);
    refuses("frames of 3 bytes");
    put_riff();
    put_fmt(1, 1, 1, 7);
    put_data("\100", 1);
    refuses("7 bits");
    put_riff();
    put_fmt(1, 1, 5, 33);
    put_data("\100\0\0\0\0", 5);
    refuses("33 bits");
}

static void sizes_of_pipes_mean_the_rest(void)
{
    const uint32_t sizes[3] = { 0x7ffff000, 0xffffffff, 0x80000000 };
    size_t n, i;
    for (i = 0; i < 3; i++) {
        put_riff();
        put_fmt(1, 1, 2, 16);
        put("data", 4);
        put_number(sizes[i], 4);
        put(ramp, 24);
        CHECK(read_file(0, &n) == TANGO_OK && n == 12);
        CHECK(tango_io_sound_open_memory(&sound, file, size, 0, &error) == TANGO_OK);
        CHECK(sound.info.frames == 12);
        size--;
        refuses("ends at offset");
    }
    put_riff();
    put_fmt(1, 1, 2, 16);
    put("data", 4);
    put_number(0x7fffeffe, 4);
    put(ramp, 24);
    refuses("ends at");
}

static void headers_out_of_range_are_refused(void)
{
    static const unsigned char bad[][2] = {   /* offset in the file, value */
        { 16, 15 }, { 20, 2 }, { 22, 0 }, { 23, 2 },
        { 26, 255 }, { 32, 9 }, { 32, 1 }, { 34, 40 },
        { 34, 64 } };
    size_t i;
    for (i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        put_riff();
        put_fmt(1, 1, 2, 16);
        put_data(ramp, 24);
        file[bad[i][0]] = bad[i][1];
        refuses("wav:");
    }
    put_riff();
    put_fmt(1, 1, 2, 16);
    put_fmt(1, 1, 2, 16);
    put_data(ramp, 24);
    refuses("second fmt");
    put_riff();
    put_data(ramp, 24);
    refuses("before fmt");
    put_riff();
    put_fmt(1, 1, 2, 16);
    refuses("none with data");
    put_riff();
    put_fmt(1, 2, 2, 16);
    put_data(ramp, 22);
    refuses("whole number");
    put_riff();
    memcpy(file, "RIFX", 4);
    refuses("not a WAV or FLAC file but a WAV sound of big-endian numbers");
}

static void no_frames_are_a_sound(void)
{
    size_t n;
    put_riff();
    put_fmt(1, 256, 2, 16);
    put_data(ramp, 0);
    CHECK(read_file(0, &n) == TANGO_OK && n == 0 && sound.info.channels == 256);
}

/* Wherever a file is cut: an error, or with keep the frames that are whole. */
static void cut_wav_files(void)
{
    size_t n, all;
    put_riff();
    put("LIST\3\0\0\0abc\0", 12);
    put_fmt(1, 1, 3, 24);
    put_data(ramp, 24);
    all = size;
    for (size = 0; size < all; size++) {
        CHECK(read_file(0, &n) == TANGO_ERROR_DATA);
        if (size < all - 24) {
            CHECK(read_file(1, &n) == TANGO_ERROR_DATA);
        } else {
            CHECK(read_file(1, &n) == TANGO_OK && n == (24 - (all - size)) / 3);
            CHECK(sound.cut == 1 && strstr(sound.note.text, "ends at") != NULL);
        }
    }
}

static void skipping_equals_reading(void)
{
    float two[2];
    uint64_t skipped;
    size_t got;
    put_riff();
    put_fmt(1, 1, 2, 16);
    put_data(ramp, 24);
    CHECK(tango_io_sound_open_memory(&sound, file, size, 0, &error) == TANGO_OK);
    CHECK(tango_io_sound_skip(&sound, 1, &skipped, &error) == TANGO_ERROR_ARGUMENT);
    CHECK(start() == TANGO_OK);
    CHECK(tango_io_sound_skip(&sound, 4, &skipped, &error) == TANGO_OK && skipped == 4);
    CHECK(tango_io_sound_read_float(&sound, two, 2, &got, &error) == TANGO_OK);
    CHECK(got == 2 && two[0] == 0.5f && two[1] == -0.5f && sound.frame == 6);
    CHECK(tango_io_sound_skip(&sound, 99, &skipped, &error) == TANGO_OK && skipped == 6);
}

static void what_is_written_from_doubles_comes_back(void)
{
    const double x[4] = { 0.123456789, -1.0, 0.87654321, 1e-9 };
    size_t i, k, n, got;
    tango_io_wav_spec spec;
    memset(&spec, 0, sizeof spec);
    spec.channels = 2;
    spec.rate = 44100;
    spec.round = 1;
    spec.frames = 2;
    for (k = 0; k < 5; k++) {
        spec.format = (tango_io_wav_format)k;
        size = tango_io_wav_header(file, &spec);
        n = tango_io_wav_encode_double(file + size, x, 4, &spec);
        CHECK(n == 4);
        size += 4 * tango_io_wav_sample_size(spec.format);
        CHECK(read_file(0, &got) == TANGO_OK && got == 4);
        for (i = 0; i < 4; i++)
            CHECK_NEAR(values[i], x[i], k == 0   ? 0.5 / 32768
                                        : k == 4 ? 0.0
                                        : k == 2 ? 0.6 / 2147483648.0
                                                 : 0.5 / 8388608);
    }
}

/* ---- FLAC ------------------------------------------------------------------------- */

typedef struct golden {
    const char *name;
    unsigned bits, wasted, channels, frames, rate;
} golden;

static const golden goldens[] = {
    { "stereo16", 16, 0, 2, 1200, 44100 }, { "left16", 16, 0, 2, 300, 16000 },
    { "mono24", 24, 0, 1, 500, 96000 },    { "eight8", 8, 0, 8, 200, 8000 },
    { "stereo32", 32, 0, 2, 300, 48000 },  { "wasted16", 12, 4, 1, 400, 22050 } };

enum { GOLDENS = sizeof goldens / sizeof goldens[0] };

static void load_golden(const golden *g)
{
    char path[64];
    snprintf(path, sizeof path, "golden/sound/%s.flac", g->name);
    CHECK(tango_io_load(file, sizeof file, &size, path, &error) == TANGO_OK);
}

/* The formula of oracle/sound.py. */
static void make_golden(int32_t *out, const golden *g)
{
    uint32_t random = 1;
    unsigned t, c;
    for (t = 0; t < g->frames; t++)
        for (c = 0; c < g->channels; c++) {
            int64_t x = (int64_t)(37 * (c + 1) * t % 4096) - 2048;
            random = random * 1664525u + 1013904223u;
            x = (x < 0 ? -x : x) - 1024;
            if (g->bits >= 12) x *= (int64_t)1 << (g->bits - 12);
            else x = (x + 1024) / (1 << (12 - g->bits)) - 1024 / (1 << (12 - g->bits));
            x += (int64_t)(random >> 28) - 8;
            *out++ = (int32_t)(x * ((int64_t)1 << g->wasted));
        }
}

static void flac_files_hold_the_samples_of_their_formula(void)
{
    static int32_t want[8 * 1200];
    size_t i, k, n, got;
    for (i = 0; i < GOLDENS; i++) {
        const golden *g = &goldens[i];
        n = g->channels * g->frames;
        make_golden(want, g);
        load_golden(g);
        CHECK(tango_io_sound_open_memory(&sound, file, size, 0, &error) == TANGO_OK);
        CHECK(sound.info.format == TANGO_IO_SOUND_FLAC && sound.info.rate == g->rate);
        CHECK(sound.info.bits == g->bits + g->wasted);
        CHECK(sound.info.channels == g->channels && sound.info.frames == g->frames);
        CHECK(start() == TANGO_OK);
        CHECK(tango_io_sound_read_int(&sound, numbers, 5000, &got, &error) == TANGO_OK);
        CHECK(got == g->frames);
        CHECK(memcmp(numbers, want, n * sizeof want[0]) == 0);
        CHECK(read_file(0, &got) == TANGO_OK && got == n);
        for (k = 0; k < n; k++)
            CHECK(values[k] == want[k] / ldexp(1.0, (int)(g->bits + g->wasted) - 1));
    }
}

static void flac_is_skipped_by_samples(void)
{
    static int32_t want[2 * 1200];
    uint64_t skipped;
    size_t got;
    load_golden(&goldens[0]);
    make_golden(want, &goldens[0]);
    CHECK(tango_io_sound_open_memory(&sound, file, size, 0, &error) == TANGO_OK);
    CHECK(tango_io_sound_start(&sound, NULL, 0, &error) == TANGO_ERROR_MEMORY);
    CHECK(start() == TANGO_OK);
    CHECK(tango_io_sound_skip(&sound, 700, &skipped, &error) == TANGO_OK);
    CHECK(tango_io_sound_read_int(&sound, numbers, 10, &got, &error) == TANGO_OK);
    CHECK(got == 10 && memcmp(numbers, want + 1400, 20 * sizeof want[0]) == 0);
}

/* A cut is an error; with keep whole blocks remain. */
static void cut_flac_files(void)
{
    size_t i, n, all, most;
    for (i = 0; i < GOLDENS; i += 3) {
        load_golden(&goldens[i]);
        all = size;
        most = 0;
        for (size = 0; size < all; size++) {
            CHECK(read_file(0, &n) == TANGO_ERROR_DATA);
            if (read_file(1, &n) != TANGO_OK) continue;
            CHECK(sound.cut == 1);
            CHECK(n >= most);
            most = n;
        }
        CHECK(most > 0 && most < goldens[i].channels * goldens[i].frames);
    }
}

/* Any byte of the frames, and of what STREAMINFO says of the samples, is guarded. */
static void damaged_flac_files(void)
{
    size_t i, at, n, bit;
    for (i = 0; i < GOLDENS; i += 2) {
        load_golden(&goldens[i]);
        for (at = 0; at < size; at++) {
            tango_result r;
            bit = (at * 7 + i) & 7;
            file[at] ^= (unsigned char)(1 << bit);
            r = read_file(0, &n);
            if (r == TANGO_OK) CHECK(at >= 8 && at < 86);   /* block sizes, comments */
            file[at] ^= (unsigned char)(1 << bit);
        }
        CHECK(read_file(0, &n) == TANGO_OK);
    }
}

static void flac_sums_and_lengths_must_agree(void)
{
    size_t n, all;
    load_golden(&goldens[2]);
    all = size;
    file[26] ^= 1;
    refuses("MD5");
    CHECK(read_file(1, &n) == TANGO_OK && n == 500 && sound.cut == 1);
    memset(file + 26, 0, 16);           /* no MD5 */
    CHECK(read_file(0, &n) == TANGO_OK && n == 500);
    file[25]++;                         /* one more sample */
    refuses("missing bytes");
    file[25] = (unsigned char)(file[25] - 2);
    refuses("more samples");
    memset(file + 22, 0, 4);            /* unknown length */
    CHECK(read_file(0, &n) == TANGO_OK && n == 500);
    CHECK(sound.info.frames == TANGO_IO_SOUND_UNKNOWN);
    file[size++] = 0;
    refuses("block at offset");
    load_golden(&goldens[2]);
    file[size++] = 0;
    refuses("bytes left");
    size = all;
    memset(file + size, 0, 128);
    memcpy(file + size, "TAG", 3);
    size += 128;
    CHECK(read_file(0, &n) == TANGO_OK && n == 500);
    memmove(file + 15, file, size);
    memcpy(file, "ID3\4\0\0\0\0\0\5abcde", 15);
    size += 15;
    CHECK(read_file(0, &n) == TANGO_OK && n == 500);
}

/* Each length holds what the one before cannot, and nothing else. */
static void flac_numbers_are_no_longer_than_they_must_be(void)
{
    static const char *const first[] = { "\xc2\x80", "\xe0\xa0\x80", "\xf0\x90\x80\x80",
        "\xf8\x88\x80\x80\x80", "\xfc\x84\x80\x80\x80\x80",
        "\xfe\x82\x80\x80\x80\x80\x80" };
    static const char *const longer[] = { "\xc1\xbf", "\xe0\x9f\xbf", "\xf0\x8f\xbf\xbf",
        "\xf8\x87\xbf\xbf\xbf", "\xfc\x83\xbf\xbf\xbf\xbf",
        "\xfe\x81\xbf\xbf\xbf\xbf\xbf" };
    static const unsigned bits[] = { 7, 11, 16, 21, 26, 31 };
    uint64_t number;
    size_t i;
    for (i = 0; i < 6; i++) {
        CHECK(tango_io__flac_number((const unsigned char *)first[i], &number) == i + 2);
        CHECK(number == (uint64_t)1 << bits[i]);
        CHECK(tango_io__flac_number((const unsigned char *)longer[i], &number) == 0);
    }
}

static void streaminfo_comes_first_and_once(void)
{
    load_golden(&goldens[2]);
    file[4] = 4;
    refuses("STREAMINFO");
    file[4] = 0;
    file[42] = 0;
    refuses("STREAMINFO comes once");
    file[42] = 127;
    refuses("127");
    load_golden(&goldens[2]);
    file[10] = file[11] = 0;
    refuses("blocks of");
}

/* ---- A frame by hand -------------------------------------------------------------- */

static unsigned bit_at;

static void put_bits(uint64_t value, unsigned n)
{
    for (; n > 0; n--) {
        if (bit_at == 0) file[size++] = 0;
        file[size - 1] |= (unsigned char)((value >> (n - 1) & 1) << (7 - bit_at));
        bit_at = (bit_at + 1) & 7;
    }
}

/* `code` is how the channels are coded. */
static size_t begin_coded(unsigned code, unsigned channels, unsigned bits)
{
    size_t from;
    size = 0;
    bit_at = 0;
    put("fLaC\x80\0\0\x22\0\x10\0\x10\0\0\0\0\0\0", 18);
    put_bits(16000, 20);
    put_bits(channels - 1, 3);
    put_bits(bits - 1, 5);
    put_bits(16, 36);
    put_bits(0, 64);
    put_bits(0, 64);
    from = size;
    put_bits(0xfff8, 16);
    put_bits(0x60, 8);                  /* length in 8 bits, rate of STREAMINFO */
    put_bits(code, 4);
    put_bits(0, 4);                     /* bits of STREAMINFO */
    put_bits(0, 8);                     /* number 0 */
    put_bits(15, 8);                    /* 16 samples */
    put_bits(tango_io__crc8(file + from, size - from), 8);
    return from;
}

static size_t begin_frame(unsigned channels)
{
    return begin_coded(channels - 1, channels, 16);
}

static void end_frame(size_t from)
{
    static tango_io_flac_sums sums;
    bit_at = 0;
    tango_io__crc16_begin(&sums);
    sums.crc = 0;
    tango_io__crc16_add(&sums, file + from, size - from);
    put_bits(sums.crc, 16);
}

/* Order 1, two partitions without Rice codes: of 6 bits, and of none at all. */
static void escaped_partitions(void)
{
    size_t n, i, from = begin_frame(1);
    int32_t x = 1000;
    put_bits(9 << 1, 8);                /* fixed, order 1 */
    put_bits(1000, 16);
    put_bits(1, 2);                     /* parameters of 5 bits */
    put_bits(1, 4);
    put_bits(31, 5);
    put_bits(6, 5);
    for (i = 1; i < 8; i++) put_bits((uint64_t)(i * 4 - 20) & 63, 6);
    put_bits(31, 5);
    put_bits(0, 5);
    end_frame(from);
    CHECK(read_file(0, &n) == TANGO_OK && n == 16);
    for (i = 0; i < 16; i++) {
        if (i > 0 && i < 8) x += (int32_t)i * 4 - 20;
        CHECK_NEAR(values[i] * 32768, x, 0.0);
    }
}

/* Left is 0; the side has `wasted` bits at the end and rises by `step` at each sample. */
static void put_side(unsigned wasted, uint32_t step)
{
    size_t i, from = begin_coded(8, 2, 32);
    put_bits(0, 8);                             /* constant */
    put_bits(0, 32);
    put_bits(wasted ? 0x13 : 0x12, 8);          /* predicted by the sample before */
    put_bits(1, wasted);
    put_bits(0, 33 - wasted);
    put_bits(15, 10);                           /* one partition of plain numbers ... */
    put_bits(31, 5);                            /* of 31 bits */
    for (i = 0; i < 15; i++) put_bits(i < 4 ? step : 0, 31);
    end_frame(from);
}

static void wasted_bits_count_for_the_range_of_a_side(void)
{
    size_t n, got;
    put_side(0, 1000);
    CHECK(read_file(0, &n) == TANGO_OK && n == 32);
    put_side(4, 1000);
    CHECK(read_file(0, &n) == TANGO_OK && n == 32);
    CHECK(tango_io_sound_open_memory(&sound, file, size, 0, &error) == TANGO_OK);
    CHECK(start() == TANGO_OK);
    CHECK(tango_io_sound_read_int(&sound, numbers, 16, &got, &error) == TANGO_OK);
    CHECK(numbers[1] == 0 && numbers[3] == -16000 && numbers[31] == -64000);
    put_side(32, 0x3fffffff);                   /* 1 bit a sample is left */
    refuses("sample beyond its bits");
    put_side(4, 1u << 29);                      /* 2^28 at most */
    refuses("sample beyond its bits");
}

static void left_and_right_of_a_wide_side_fit_32_bits(void)
{
    unsigned mode;
    for (mode = 8; mode <= 10; mode++) {
        size_t from = begin_coded(mode, 2, 32);
        put_bits(0, 8);
        put_bits(mode == 9 ? 0x100000000u : 0x80000000u, mode == 9 ? 33 : 32);
        put_bits(0, 8);
        put_bits(mode == 9 ? 0x80000000u : 0xffffffffu, mode == 9 ? 32 : 33);
        end_frame(from);
        refuses("sample beyond its bits");
    }
}

static void subframes_out_of_range_are_refused(void)
{
    size_t from = begin_frame(1), i;
    put_bits(13 << 1, 8);               /* reserved type */
    for (i = 0; i < 8; i++) put_bits(0, 32);
    end_frame(from);
    refuses("reserved subframe");
    from = begin_frame(1);
    put_bits(0x81, 8);
    for (i = 0; i < 8; i++) put_bits(0, 32);
    end_frame(from);
    refuses("zero bit");
    from = begin_frame(1);
    put_bits(1, 8);                     /* constant, 17 wasted bits of 16 */
    put_bits(1, 17);
    for (i = 0; i < 8; i++) put_bits(0, 32);
    end_frame(from);
    refuses("no bits left");
    from = begin_frame(1);
    put_bits(9 << 1, 8);                /* 30000 + 30000 */
    put_bits(30000, 16);
    put_bits(0, 6);
    put_bits(15, 4);
    put_bits(17, 5);
    for (i = 1; i < 16; i++) put_bits(30000, 17);
    end_frame(from);
    refuses("beyond its bits");
}

/* A quotient that never ends must not hang, and one beyond 32 bits is no number. */
static void endless_rice_codes_are_refused(void)
{
    size_t from = begin_frame(1), i;
    put_bits(8 << 1, 8);                /* fixed, order 0 */
    put_bits(0, 6);
    put_bits(14, 4);
    for (i = 0; i < 10000; i++) put_bits(0, 32);
    end_frame(from);
    refuses("missing bytes");
    from = begin_frame(1);
    put_bits(8 << 1, 8);
    put_bits(1, 2);
    put_bits(0, 4);
    put_bits(30, 5);
    for (i = 0; i < 100; i++) put_bits(1, 20);
    end_frame(from);
    refuses("32 bits");
}

int main(void)
{
    RUN(integers_of_every_size);
    RUN(floats_of_both_sizes);
    RUN(extensible_files);
    RUN(wide_containers);
    RUN(frames_have_the_size_of_their_samples);
    RUN(byte_rates_are_right_or_absent);
    RUN(other_chunks_are_skipped);
    RUN(rf64_takes_its_sizes_from_ds64);
    RUN(a_counted_padding_byte_is_no_sample);
    RUN(a_data_size_of_zero_before_samples_is_damage);
    RUN(chunks_behind_no_data_are_no_samples);
    RUN(bits_that_fill_no_bytes);
    RUN(sizes_of_pipes_mean_the_rest);
    RUN(headers_out_of_range_are_refused);
    RUN(no_frames_are_a_sound);
    RUN(cut_wav_files);
    RUN(skipping_equals_reading);
    RUN(what_is_written_from_doubles_comes_back);
    RUN(flac_files_hold_the_samples_of_their_formula);
    RUN(flac_is_skipped_by_samples);
    RUN(cut_flac_files);
    RUN(damaged_flac_files);
    RUN(flac_sums_and_lengths_must_agree);
    RUN(wasted_bits_count_for_the_range_of_a_side);
    RUN(left_and_right_of_a_wide_side_fit_32_bits);
    RUN(flac_numbers_are_no_longer_than_they_must_be);
    RUN(streaminfo_comes_first_and_once);
    RUN(escaped_partitions);
    RUN(subframes_out_of_range_are_refused);
    RUN(endless_rice_codes_are_refused);
    return CHECK_DONE();
}
