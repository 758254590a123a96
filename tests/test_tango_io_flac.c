/* cc -I.. test_tango_io_flac.c -lm -o t && ./t     prints one line a claim
   Writing FLAC, and text beside the sound of WAV and FLAC: what is written is read back
   by room 15, whose own tests read files of the flac tool. */
#define TANGO_IO_IMPLEMENTATION
#include "../tango_io.h"
#include "check.h"
#include <stdlib.h>
#include <string.h>
#if defined __unix__ || defined __APPLE__
#include <unistd.h>
#endif

enum { MOST = 3 * 4096, CHANNELS = 8 };

static tango_io_sound sound;
static tango_io_output output;
static tango_error error;
static tango_io_file file;
static uint64_t work[1 << 17];
static float samples[MOST * CHANNELS];
static int32_t want[MOST * CHANNELS], found[MOST * CHANNELS];
static const char *const path = "test_flac.tmp.flac";

/* ---- Helpers ---------------------------------------------------------------------- */

static tango_io_wav_spec spec_of(size_t channels, unsigned bits, uint64_t frames)
{
    tango_io_wav_spec spec;
    memset(&spec, 0, sizeof spec);
    spec.channels = channels;
    spec.rate = 16000;
    spec.format = bits == 16 ? TANGO_IO_WAV_PCM16 : TANGO_IO_WAV_PCM24;
    spec.round = 1;
    spec.frames = frames;
    return spec;
}

static tango_result write_file(const tango_io_wav_spec *spec)
{
    tango_result r = tango_io_create(&output, path, &error);
    if (r == TANGO_OK)
        r = tango_io_flac_write(&output, samples, spec, work, sizeof work, &error);
    if (r == TANGO_OK) r = tango_io_commit(&output, &error);
    tango_io_abandon(&output);
    return r;
}

/* All samples of bytes[0..size) into found; *got frames. */
static tango_result read_bytes(const void *bytes, size_t size, size_t *got)
{
    static uint64_t room[1 << 16];
    tango_result r = tango_io_sound_open_memory(&sound, bytes, size, 0, &error);
    if (r == TANGO_OK) r = tango_io_sound_start(&sound, room, sizeof room, &error);
    if (r == TANGO_OK) r = tango_io_sound_read_int(&sound, found, MOST, got, &error);
    return r;
}

static uint32_t state;

static uint32_t next(void)
{
    state = state * 1664525 + 1013904223;
    return state >> 8;
}

/* Kinds of sound: the sample of frame t, as an integer of `bits` bits. */
static int32_t sample_of(int kind, size_t t, size_t c, unsigned bits)
{
    const int32_t half = (int32_t)1 << (bits - 1);
    switch (kind) {
    case 0: return 0;
    case 1: return (int32_t)c - 3;                              /* constant */
    case 2: return (int32_t)(0.4 * half * sin(0.05 * (double)(t + 9 * c)));
    case 3: return (int32_t)(next() & (2 * (uint32_t)half - 1)) - half;
    case 4: return (t + c) & 1 ? -half : half - 1;              /* the largest side */
    case 5: return (int32_t)((next() & 63) << 5) - 1024;        /* wasted bits */
    case 6: return (int32_t)(t * 7 % 4000) - 2000 + (c ? (int32_t)(next() & 1) : 0);
    case 7: return t % 1000 == 0 ? half - 1 : 0;                /* clicks */
    default: return (int32_t)(0.3 * half * sin(0.1 * (double)t)) + (int32_t)(next() & 15);
    }
}

enum { KINDS = 9 };

static void make(int kind, size_t channels, unsigned bits, size_t frames)
{
    size_t t, c;
    state = 1;
    for (t = 0; t < frames; t++)
        for (c = 0; c < channels; c++) {
            int32_t x = sample_of(kind, t, c, bits);
            want[t * channels + c] = x;
            samples[t * channels + c] =
                (float)((double)x / (double)((int32_t)1 << (bits - 1)));
        }
}

/* Writes and reads back; the size of the file, 0 if anything differs. */
static size_t round_trip(int kind, size_t channels, unsigned bits, size_t frames)
{
    tango_io_wav_spec spec = spec_of(channels, bits, frames);
    size_t got = 0, size;
    int same;
    make(kind, channels, bits, frames);
    if (write_file(&spec) != TANGO_OK || tango_io_map(&file, path, &error) != TANGO_OK) {
        printf("    %s\n", error.text);
        return 0;
    }
    same = read_bytes(file.data, file.size, &got) == TANGO_OK && got == frames &&
           sound.info.bits == bits && sound.info.rate == 16000 &&
           sound.info.channels == channels &&
           memcmp(found, want, frames * channels * sizeof *want) == 0;
    if (frames > 0) same &= sound.info.frames == frames;
    if (!same)
        printf("    kind %d, %u channels, %u bits, %u frames\n", kind, (unsigned)channels,
               bits, (unsigned)frames);
    size = file.size;
    tango_io_unmap(&file);
    return same ? size : 0;
}

/* ---- FLAC ------------------------------------------------------------------------- */

static void every_sound_comes_back_bit_for_bit(void)
{
    static const size_t lengths[] = { 0,  1,    2,    4,    5,    8,    9,   15,
                                      16, 17,   31,   33,   255,  256,  257, 4095,
                                      4096, 4097, 8192, 12287, 12288 };
    size_t i;
    int kind;
    for (kind = 0; kind < KINDS; kind++)
        for (i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
            CHECK(round_trip(kind, 1, 16, lengths[i]) > 0);
            CHECK(round_trip(kind, 2, 16, lengths[i]) > 0);
            CHECK(round_trip(kind, 2, 24, lengths[i]) > 0);
        }
    for (kind = 0; kind < KINDS; kind++)
        for (i = 1; i <= CHANNELS; i++) {
            CHECK(round_trip(kind, i, 16, 4097) > 0);
            CHECK(round_trip(kind, i, 24, 4097) > 0);
        }
}

/* A channel of a block takes a handful of bytes if it is constant, and 2 or 3 bytes a
   sample and a handful if nothing can be predicted. */
static void sizes_are_those_of_the_right_predictor(void)
{
    const size_t head = 42 + 4 + 8 + strlen("tango " TANGO_VERSION), n = 4096;
    CHECK(round_trip(0, 1, 16, n) <= head + 12);
    CHECK(round_trip(1, 2, 16, n) <= head + 16);
    CHECK(round_trip(3, 1, 16, n) <= head + 2 * n + 12);
    CHECK(round_trip(3, 2, 24, n) <= head + 6 * n + 16);
    CHECK(round_trip(2, 1, 16, n) < n);
    CHECK(round_trip(2, 1, 24, n) < n + n / 2);
    CHECK(round_trip(5, 1, 16, n) < n);             /* 6 bits of 16 */
    CHECK(round_trip(7, 1, 16, n) < n / 2);
    /* Right is left and a little more: the side pays. */
    CHECK(round_trip(6, 2, 16, n) < round_trip(6, 1, 16, n) + n / 4);
}

static void samples_are_those_of_wav(void)
{
    static unsigned char bytes[2048];
    tango_io_wav_spec spec = spec_of(1, 16, 300);
    size_t i, got;
    for (spec.round = 0; spec.round < 2; spec.round++) {
        for (i = 0; i < 300; i++)
            samples[i] = ((float)i - 150.0f) * (float)(0.5 / 32768.0) + (i > 290) * 2.0f;
        CHECK(tango_io_wav_encode(bytes, samples, 300, &spec) == 300);
        CHECK(write_file(&spec) == TANGO_OK);
        CHECK(tango_io_map(&file, path, &error) == TANGO_OK);
        CHECK(read_bytes(file.data, file.size, &got) == TANGO_OK && got == 300);
        for (i = 0; i < 300; i++)
            CHECK((uint16_t)found[i] == (bytes[2 * i] | bytes[2 * i + 1] << 8));
        tango_io_unmap(&file);
    }
}

static void pieces_and_doubles_give_the_same_file(void)
{
    static unsigned char whole[1 << 16];
    static double wide[2 * 5000];
    tango_io_wav_spec spec = spec_of(2, 24, 5000);
    tango_io_flac flac;
    size_t i, size = 0;
    make(8, 2, 24, 5000);
    for (i = 0; i < 10000; i++) wide[i] = (double)samples[i];
    CHECK(write_file(&spec) == TANGO_OK);
    CHECK(tango_io_load(whole, sizeof whole, &size, path, &error) == TANGO_OK);
    CHECK(tango_io_create(&output, path, &error) == TANGO_OK);
    CHECK(tango_io_flac_begin(&flac, &output, &spec, work, sizeof work, &error)
          == TANGO_OK);
    for (i = 0; i < 5000; i += 125)
        CHECK(tango_io_flac_frames_double(&flac, wide + 2 * i, 125, &error) == TANGO_OK);
    CHECK(tango_io_flac_end(&flac, &error) == TANGO_OK);
    CHECK(output.at == size && tango_io_commit(&output, &error) == TANGO_OK);
    CHECK(tango_io_map(&file, path, &error) == TANGO_OK && file.size == size);
    CHECK(memcmp(file.data, whole, size) == 0);
    tango_io_unmap(&file);
}

/* The reader compares what is there: the sum of the samples, the number of frames. */
static void sums_and_sizes_are_stated(void)
{
    static unsigned char bytes[1 << 16];
    const tango_io_wav_spec spec = spec_of(1, 16, 5000);
    size_t size = 0, got, i, least, most;
    make(8, 1, 16, 5000);
    CHECK(write_file(&spec) == TANGO_OK);
    CHECK(tango_io_load(bytes, sizeof bytes, &size, path, &error) == TANGO_OK);
    least = (size_t)bytes[12] << 16 | (size_t)bytes[13] << 8 | bytes[14];
    most = (size_t)bytes[15] << 16 | (size_t)bytes[16] << 8 | bytes[17];
    CHECK(least > 0 && most > least);
    CHECK(least + most + 42 + 12 + strlen("tango " TANGO_VERSION) == size);
    CHECK(read_bytes(bytes, size, &got) == TANGO_OK && got == 5000);
    for (i = 26; i < 42; i++) {
        bytes[i] ^= 1;
        CHECK(read_bytes(bytes, size, &got) == TANGO_ERROR_DATA);
        CHECK(strstr(error.text, "MD5") != NULL);
        bytes[i] ^= 1;
    }
    bytes[25]++;
    CHECK(read_bytes(bytes, size, &got) == TANGO_ERROR_DATA);
}

static void what_flac_does_not_hold_is_refused(void)
{
    const tango_io_wav_spec good = spec_of(2, 16, 100);
    const size_t need = tango_io_flac_work_size(&good);
    tango_io_wav_spec spec = good;
    tango_io_flac flac;
    tango_io_create(&output, path, &error);
    CHECK(need > 0 && need < sizeof work);
#define REFUSED(change)                                                                  \
    spec = good;                                                                         \
    change;                                                                              \
    CHECK(tango_io_flac_work_size(&spec) == 0);                                          \
    CHECK(tango_io_flac_begin(&flac, &output, &spec, work, sizeof work, &error) ==       \
          TANGO_ERROR_ARGUMENT)
    REFUSED(spec.channels = 0);
    REFUSED(spec.channels = 9);
    REFUSED(spec.rate = 0);
    REFUSED(spec.rate = 1000001);
    REFUSED(spec.format = TANGO_IO_WAV_PCM32);
    REFUSED(spec.format = TANGO_IO_WAV_FLOAT32);
    REFUSED(spec.frames = (uint64_t)1 << 36);
#undef REFUSED
    CHECK(output.at == 0);
    CHECK(tango_io_flac_begin(&flac, &output, &good, work, need - 1, &error) ==
          TANGO_ERROR_MEMORY);
    CHECK(tango_io_flac_begin(&flac, &output, &good, work, need, &error) == TANGO_OK);
    CHECK(tango_io_flac_frames(&flac, samples, 60, &error) == TANGO_OK);
    CHECK(tango_io_flac_frames(&flac, samples, 41, &error) == TANGO_ERROR_ARGUMENT);
    CHECK(tango_io_flac_end(&flac, &error) == TANGO_ERROR_ARGUMENT);
    CHECK(strstr(error.text, "60 frames came") != NULL);
    samples[7] = (float)INFINITY;
    CHECK(tango_io_flac_frames(&flac, samples, 40, &error) == TANGO_ERROR_NUMBER);
    CHECK(strstr(error.text, "frame 63") != NULL);
    tango_io_abandon(&output);
}

/* Standard output: the sum and the sizes of frames stay 0, the length is there. */
static void a_pipe_gets_all_but_the_sum(void)
{
#if defined __unix__ || defined __APPLE__
    static unsigned char bytes[1 << 16];
    const tango_io_wav_spec spec = spec_of(1, 16, 300);
    int ends[2], old = dup(1);
    size_t got = 0, i, all = 0;
    long size;
    tango_result r;
    make(8, 1, 16, 300);
    CHECK(pipe(ends) == 0);
    fflush(stdout);
    dup2(ends[1], 1);
    r = tango_io_create(&output, "-", &error);
    if (r == TANGO_OK)
        r = tango_io_flac_write(&output, samples, &spec, work, sizeof work, &error);
    tango_io_commit(&output, &error);
    dup2(old, 1);
    size = (long)read(ends[0], bytes, sizeof bytes);
    CHECK(r == TANGO_OK && size > 42);
    for (i = 26; i < 42; i++) all |= bytes[i];
    CHECK(all == 0);
    CHECK(read_bytes(bytes, (size_t)size, &got) == TANGO_OK && got == 300);
    CHECK(sound.info.frames == 300 && memcmp(found, want, 300 * sizeof *want) == 0);
    close(ends[0]);
    close(ends[1]);
    close(old);
#endif
}

/* ---- Tags ------------------------------------------------------------------------- */

static unsigned char bytes[1 << 16];
static size_t size;

static tango_io_tag tag_of(const char *name, const char *text)
{
    tango_io_tag tag;
    tag.name = name;
    tag.name_size = strlen(name);
    tag.text = text;
    tag.text_size = strlen(text);
    return tag;
}

static int is(const tango_io_tag *tag, const char *name, const char *text)
{
    return tag->name_size == strlen(name) && memcmp(tag->name, name, strlen(name)) == 0 &&
           tag->text_size == strlen(text) && memcmp(tag->text, text, strlen(text)) == 0;
}

/* A sound of 3 samples with these tags into bytes. */
static tango_result write_tags(int flac, const tango_io_tag *tags, size_t count)
{
    tango_io_wav_spec spec = spec_of(1, 24, 3);
    tango_result r = tango_io_create(&output, path, &error);
    spec.tags = tags;
    spec.tag_count = count;
    make(8, 1, 24, 3);
    if (r == TANGO_OK)
        r = flac ? tango_io_flac_write(&output, samples, &spec, work, sizeof work, &error)
                 : tango_io_wav_write(&output, samples, &spec, &error);
    if (r == TANGO_OK) r = tango_io_commit(&output, &error);
    tango_io_abandon(&output);
    if (r != TANGO_OK) return r;
    return tango_io_load(bytes, sizeof bytes, &size, path, &error);
}

static void tags_come_back_from_both(void)
{
    static char big[2002];
    tango_io_tag tags[4], tag;
    tango_io_tags reader;
    size_t got;
    int flac;
    memset(big, 'x', 2001);
    tags[0] = tag_of("Comment", big);
    tags[1] = tag_of("TITLE", "even");
    tags[2] = tag_of("ENCODER", "odd");
    tags[3] = tag_of("IKEY", "caf\xe9\xc3\xa9\xff");
    for (flac = 0; flac < 2; flac++) {
        CHECK(write_tags(flac, tags, 4) == TANGO_OK);
        CHECK(read_bytes(bytes, size, &got) == TANGO_OK && got == 3);
        CHECK(memcmp(found, want, 3 * sizeof *want) == 0);
        CHECK(tango_io_tags_open(&reader, bytes, size, &error) == TANGO_OK);
        /* WAV: the long one last */
        if (flac) CHECK(tango_io_tags_next(&reader, &tag) && is(&tag, "Comment", big));
        CHECK(tango_io_tags_next(&reader, &tag) && is(&tag, "TITLE", "even"));
        CHECK(tango_io_tags_next(&reader, &tag) && is(&tag, "ENCODER", "odd"));
        CHECK(tango_io_tags_next(&reader, &tag) &&
              is(&tag, "IKEY", "caf\xef\xbf\xbd\xc3\xa9\xef\xbf\xbd"));
        if (!flac) CHECK(tango_io_tags_next(&reader, &tag) && is(&tag, "COMMENT", big));
        CHECK(!tango_io_tags_next(&reader, &tag) && !tango_io_tags_next(&reader, &tag));
    }
    CHECK(write_tags(0, tags, 0) == TANGO_OK && size == 44 + 9 + 1);
}

/* RIFF counts the LIST chunk, and every entry begins at an even place. */
static void list_chunks_lie_before_the_samples(void)
{
    static const char list[] = "LIST\032\0\0\0INFOINAM\2\0\0\0a\0ISFT\3\0\0\0ab\0\0data";
    tango_io_tag tags[2];
    tags[0] = tag_of("title", "a");
    tags[1] = tag_of("encoder", "ab");
    CHECK(write_tags(0, tags, 2) == TANGO_OK && size == 44 + 34 + 10);
    CHECK(memcmp(bytes + 36, list, sizeof list - 1) == 0);
    CHECK(bytes[4] == size - 8 && bytes[74] == 9);
}

static void names_and_texts_are_checked(void)
{
    tango_io_tag tag = tag_of("TITLE", "text");
    int flac;
    for (flac = 0; flac < 2; flac++) {
        static const char *const bad[] = { "", "a=b", "tab\t", "caf\xc3\xa9", "~" };
        size_t i;
        for (i = 0; i < sizeof bad / sizeof bad[0]; i++) {
            tag = tag_of(bad[i], "text");
            CHECK(write_tags(flac, &tag, 1) == TANGO_ERROR_ARGUMENT);
            CHECK(strstr(error.text, "is no name") != NULL);
        }
        tag = tag_of("TITLE", "text");
        tag.text = "te\0t";
        CHECK(write_tags(flac, &tag, 1) == TANGO_ERROR_ARGUMENT);
        CHECK(strstr(error.text, "a NUL at byte 2") != NULL);
    }
    tag = tag_of("LICENSE", "text");
    CHECK(!tango_io_wav_has("LICENSE", 7) && tango_io_wav_has("dAte", 4));
    CHECK(write_tags(1, &tag, 1) == TANGO_OK);
    CHECK(write_tags(0, &tag, 1) == TANGO_ERROR_ARGUMENT);
    CHECK(strstr(error.text, "no place for LICENSE") != NULL);
}

static size_t count_tags(void)
{
    tango_io_tags reader;
    tango_io_tag tag;
    size_t n = 0;
    if (tango_io_tags_open(&reader, bytes, size, &error) != TANGO_OK) return SIZE_MAX;
    while (tango_io_tags_next(&reader, &tag)) {
        CHECK((const unsigned char *)tag.text >= bytes &&
              (const unsigned char *)tag.text + tag.text_size <= bytes + size);
        n++;
    }
    return n;
}

static void put(const char *text, size_t n)
{
    memcpy(bytes + size, text, n);
    size += n;
}

static void comments_that_leave_their_block_are_damage(void)
{
    static const char head[] = "fLaC\0\0\0\42abcdefghijklmnopqrstuvwxyz01234567";
    static const struct { const char *block; size_t n; const char *says; } bad[] = {
        { "\204\0\0\7\0\0\0\0\0\0\0", 11, "comment block" },
        { "\204\0\0\10\1\0\0\0\0\0\0\0", 12, "program name" },
        { "\204\0\0\10\377\377\377\377\0\0\0\0", 12, "program name" },
        { "\204\0\0\10\0\0\0\0\1\0\0\0", 12, "1 comments are missing" },
        { "\204\0\0\10\0\0\0\0\377\377\377\377", 12, "4294967295 comments" },
        { "\204\0\0\17\0\0\0\0\1\0\0\0\4\0\0\0a=b", 19, "comment of 4 bytes" },
        { "\204\0\0\17\0\0\0\0\1\0\0\0\377\377\377\377a=b", 19, "4294967295 bytes" },
        { "\204\0\0\17\0\0\0\0\2\0\0\0\3\0\0\0a=b", 19, "1 comments are missing" } };
    size_t i;
    for (i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        size = 0;
        put(head, 42);
        put(bad[i].block, bad[i].n);
        CHECK(count_tags() == SIZE_MAX && strstr(error.text, bad[i].says) != NULL);
        CHECK(strstr(error.text, "offset") != NULL);
    }
    size = 0;                           /* no name, no "=", an empty text: one of three */
    put(head, 42);
    put("\204\0\0\33\0\0\0\0\3\0\0\0\2\0\0\0=b\3\0\0\0abc\2\0\0\0a=", 31);
    CHECK(count_tags() == 1);
    size -= 1;                          /* a block that is cut off is not searched */
    CHECK(count_tags() == 0);
    size = 0;                           /* behind an ID3 tag of 3 bytes */
    put("ID3\3\0\0\0\0\0\3xyz", 13);
    put(head, 42);
    put("\204\0\0\17\0\0\0\0\1\0\0\0\3\0\0\0a=b", 19);
    CHECK(count_tags() == 1);
}

static void entries_that_leave_info_are_damage(void)
{
    static const char start[] = "RIFF\0\0\0\0WAVELIST";
    size = 0;
    put(start, 16);
    put("\20\0\0\0INFOINAM\3\0\0\0cat\0", 20);
    CHECK(count_tags() == 1);
    bytes[28]++;                        /* one character more: where the zero stood */
    CHECK(count_tags() == 1);
    bytes[28]++;
    CHECK(count_tags() == SIZE_MAX && strstr(error.text, "text in INFO of 5") != NULL);
    bytes[28] = 255, bytes[31] = 255;
    CHECK(count_tags() == SIZE_MAX && strstr(error.text, "offset 24") != NULL);
    size = 0;
    put(start, 16);                     /* an odd text without the zero behind it */
    put("\33\0\0\0INFOINAM\3\0\0\0dogISFT\4\0\0\0abc\0\0", 32);
    CHECK(count_tags() == 2);
    size = 0;
    put(start, 16);
    put("\17\0\0\0INFOINAM\3\0\0\0", 16);
    CHECK(count_tags() == 0);           /* the chunk is cut off */
    size = 0;
    put(start, 16);
    put("\13\0\0\0INFOINAM\0\0\0\0", 16);
    bytes[16] = 8;
    CHECK(count_tags() == SIZE_MAX && strstr(error.text, "rest of INFO") != NULL);
    size = 0;                           /* other lists are not INFO; behind the samples */
    put("RIFF\0\0\0\0WAVEdata\3\0\0\0abc\0LIST\4\0\0\0adtlLIST\16\0\0\0INFOIART"
        "\2\0\0\0me", 58);
    CHECK(count_tags() == 1);
    size = 0;                           /* samples to the end of a pipe */
    put("RIFF\0\0\0\0WAVEdata\377\377\377\377LIST\16\0\0\0INFOIART\2\0\0\0me", 42);
    CHECK(count_tags() == 0);
    size = 0;                           /* RF64: the size of the samples is in ds64 */
    put("RF64\377\377\377\377WAVEds64\34\0\0\0"
        "\0\0\0\0\0\0\0\0\4\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 48);
    put("data\377\377\377\377LISTLIST\16\0\0\0INFOIART\2\0\0\0me", 34);
    CHECK(count_tags() == 1);
}

/* Every bit of the head: the sound and the tags are read or refused, each for itself. */
static void any_bit_may_be_wrong(void)
{
    static unsigned char good[4096];
    tango_io_tag tags[2];
    size_t bit, n, got = 0, whole = 0;
    int flac;
    tags[0] = tag_of("TITLE", "rain");
    tags[1] = tag_of("COMMENT", "on a roof");
    for (flac = 0; flac < 2; flac++) {
        CHECK(write_tags(flac, tags, 2) == TANGO_OK && size < sizeof good);
        n = size;
        memcpy(good, bytes, n);
        for (bit = 0; bit < 8 * n; bit++) {
            bytes[bit / 8] ^= (unsigned char)(1 << bit % 8);
            count_tags();
            if (read_bytes(bytes, size, &got) == TANGO_OK) whole++;
            memcpy(bytes, good, n);
        }
    }
    CHECK(whole > 0);
    CHECK(tango_io_tags_open(NULL, "text", 4, &error) == TANGO_ERROR_UNSUPPORTED ||
          strstr(error.text, "a WAV or FLAC file") != NULL);
}

int main(void)
{
    RUN(every_sound_comes_back_bit_for_bit);
    RUN(sizes_are_those_of_the_right_predictor);
    RUN(samples_are_those_of_wav);
    RUN(pieces_and_doubles_give_the_same_file);
    RUN(sums_and_sizes_are_stated);
    RUN(what_flac_does_not_hold_is_refused);
    RUN(a_pipe_gets_all_but_the_sum);
    RUN(tags_come_back_from_both);
    RUN(list_chunks_lie_before_the_samples);
    RUN(names_and_texts_are_checked);
    RUN(comments_that_leave_their_block_are_damage);
    RUN(entries_that_leave_info_are_damage);
    RUN(any_bit_may_be_wrong);
    remove(path);
    return CHECK_DONE();
}
