/* sound: look at, convert and analyse sound files (WAV, FLAC).                      MIT-0

       cc tools/sound.c -lm -o sound && ./sound info dog.flac

       dog.flac: flac 16 bit, 1 channel, 16000 Hz, 80000 frames, 5 s, peak 0.88, rms 0.14

       sound info FILE... [--json] [--loudness] reads and checks whole files
       sound convert IN OUT [options]           cut, fade, channels, rate, level, quantise
       sound mel IN OUT.npy|OUT.png [--recipe tacotron|torchaudio]
       sound stft IN OUT.npy [--complex]
       sound griffin-lim IN.npy OUT [--iterations N] [--seed N]
       sound mix A B OUT

   A sound that is written ends in .wav or .flac, which has 16 or 24 bits. IN and OUT may
   be - for standard input and output (WAV). `info` shows the text in a file (title,
   comment), and `convert` keeps it. Exit status: 0 done, 1 failed, 2
   wrong usage. Output appears whole or not at all. What is too loud for a WAV of whole
   numbers is lowered as a whole, or cut off with --clip; that, and what --level does, is
   said on stderr. */
#include "../demo/cli.h"
#define TANGO_IMPLEMENTATION
#include "../tango.h"
#include "../demo/clip.h"
#include "../demo/finish.h"
#include "../demo/save.h"
#include <float.h>
#include <math.h>

/* A program's own sums are the same with -march=native, as those of the headers. */
#ifdef __clang__
#pragma STDC FP_CONTRACT OFF
#endif

enum { BLOCK = 4096, RATE = 16000, HEAD_MOST = 1 << 25 };

static const char *const examples[] = {
    "sound info *.wav",
    "sound convert dog.wav dog.flac",
    "sound convert dog.flac dog16.wav --rate 16000 --channels mono",
    NULL,
};

static const cli_option options[] = {
    { 256, "json", NULL, "info: one line of JSON a file" },
    { 262, "loudness", NULL, "info: true peak in dBTP and loudness in LUFS, too" },
    { 257, "rate", "R",
      "convert, griffin-lim: sample rate in Hz; that of the input, or 16000" },
    { 258, "bits", "16|24|32|f32|f64",
      "of the samples; convert: the input's, at least 16" },
    { 259, "channels", "mono|first|keep",
      "convert: average, channel 0, or all (if not given)" },
    { 260, "start", "S", "convert: seconds to pass over, 0 if not given" },
    { 261, "seconds", "S", "convert: length; up to the end if not given" },
    FINISH_SHAPE_OPTIONS,
    FINISH_LEVEL_OPTIONS,
    { 269, "no-metadata", NULL, "convert: leave out the text in the input" },
    { 263, "lenient", NULL, "keep what is whole of a damaged sound" },
    { 264, "recipe", "NAME", "mel: tacotron (if not given) or torchaudio" },
    { 265, "complex", NULL, "stft: real and imaginary parts" },
    { 266, "iterations", "N", "griffin-lim: 60 if not given" },
    { 267, "seed", "N", "griffin-lim: of the first phases; 0 if not given" },
    { 'h', "help", NULL, "this text" },
    { 0, NULL, NULL, NULL },
};

typedef enum command_kind { INFO, CONVERT, MEL, STFT, GRIFFINLIM, MIX } command_kind;
static const char *const command_names[] = { "info", "convert", "mel", "stft",
                                             "griffin-lim", "mix", NULL };
/* Options each command knows, by id. */
#define OF_OUTPUTS                                                                       \
    FINISH_TRIM_OPTION, FINISH_FADE_IN_OPTION, FINISH_FADE_OUT_OPTION, LEVEL_OPTION,     \
        LEVEL_LIMIT_OPTION, LEVEL_CLIP_OPTION, FINISH_PLAY_OPTION
static const int known[][16] = { { 256, 262, 263 },
                                 { 257, 258, 259, 260, 261, 263, 269, OF_OUTPUTS },
                                 { 263, 264 }, { 263, 265 },
                                 { 257, 258, 266, 267, OF_OUTPUTS }, { 258, 263 } };

typedef struct settings {
    command_kind command;
    const char **files;
    size_t file_count;
    int json, loudness, lenient, complex, bits; /* bits: tango_io_wav_format, or -1 */
    int untold;                       /* --no-metadata */
    long rate;                        /* 0: the input's */
    size_t channels;                  /* 0 mono, 1 first, 2 keep */
    double start, seconds;            /* seconds < 0: to the end */
    sound_finish finish;
    tango_audio_recipe recipe;
    size_t iterations;
    uint64_t seed;
} settings;

/* ---- Messages and memory ---------------------------------------------------------- */

CLI_STOPS static void fail(const char *format, ...);

static void fail(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    cli_message("error: ", format, arguments);
    va_end(arguments);
    exit(1);
}

static void need(tango_result r, const char *path, const tango_error *error)
{
    if (r == TANGO_OK) return;
    cli_fail_file(path, error->text);
}

/* The file at hand, for messages. */
static const char *subject = "";

static void *room(size_t count, size_t size)
{
    size_t bytes = 0;
    void *p = tango_mul_ok(count, size, &bytes) ? malloc(bytes ? bytes : 1) : NULL;
    if (!p) fail("%s: no memory for %zu times %zu bytes", subject, count, size);
    return p;
}

static void check_growth(const char *path, uint64_t from, uint64_t to, size_t rate)
{
    if (!cli_growth_ok(from, to, rate))
        fail("%s: %llu samples are too long for a rate of %zu Hz", path,
             (unsigned long long)from, rate);
}

static float *floats(size_t count) { return (float *)room(count, sizeof(float)); }

/* ---- Sources ---------------------------------------------------------------------- */

/* A sound file that can be read from its start again. Standard input is kept in memory
   for that, as far as it has been read, unless nobody will ask; up to the first sample in
   any case, for the text that is there. */
typedef struct input_sound {
    const char *path;
    int lenient, standard, keep, head, slurped;
    tango_io_input input;
    tango_io_sound sound;
    void *work;
    unsigned char *bytes; /* of standard input */
    size_t size, capacity;
} input_sound;

static tango_result source_keep(input_sound *s, const void *bytes, size_t size)
{
    if (s->head && s->size > HEAD_MOST) { /* no text, then */
        s->keep = 0;
        s->size = 0;
        return TANGO_OK;
    }
    if (size > s->capacity - s->size) {
        size_t larger = 2 * s->capacity + size;
        unsigned char *p = larger > s->capacity
                               ? (unsigned char *)realloc(s->bytes, larger)
                               : NULL;
        if (!p) return TANGO_ERROR_MEMORY;
        s->bytes = p;
        s->capacity = larger;
    }
    if (size) memcpy(s->bytes + s->size, bytes, size);
    s->size += size;
    return TANGO_OK;
}

static tango_result source_read(void *context, void *buffer, size_t size, size_t *got,
                                tango_error *error)
{
    input_sound *s = (input_sound *)context;
    tango_result r = tango_io_input_read(&s->input, buffer, size, got, error);
    if (r == TANGO_OK && s->keep && source_keep(s, buffer, *got) != TANGO_OK)
        r = tango_io_fail(error, TANGO_ERROR_MEMORY, "no memory for the input");
    return r;
}

/* 1 if the file was opened; error->text otherwise. */
static int source_open(input_sound *s, const char *path, int lenient, int keep,
                       tango_error *error)
{
    size_t work;
    memset(s, 0, sizeof *s);
    s->path = subject = path;
    s->lenient = lenient;
    s->standard = strcmp(path, "-") == 0;
    s->keep = s->standard;
    s->head = !keep;
    if (tango_io_input_open(&s->input, path, error) != TANGO_OK) return 0;
    if (tango_io_sound_open(&s->sound, source_read, s, s->input.size, lenient, error)
        != TANGO_OK) {
        tango_io_input_close(&s->input);
        return 0;
    }
    if (s->head) s->keep = 0;
    work = tango_io_sound_work_size(&s->sound);
    s->work = room(work, 1);
    return tango_io_sound_start(&s->sound, s->work, work, error) == TANGO_OK;
}

/* One line; what can be done, where anything can. */
static void source_message(const input_sound *s, const char *path, const char *text)
{
    if (s->lenient) cli_file_message("error: ", path, text);
    else clip_sound_message(path, text, "--lenient");
}

static void source_need(int ok, const input_sound *s, const char *path,
                        const tango_error *error)
{
    if (ok) return;
    source_message(s, path, error->text);
    exit(1);
}

/* What --lenient left out. */
static void source_warn(const input_sound *s)
{
    if (s->sound.cut) cli_file_message("warning: ", s->path, s->sound.note.text);
}

static void source_close(input_sound *s)
{
    tango_io_input_close(&s->input);
    free(s->work);
    free(s->bytes);
    s->work = NULL;
    s->bytes = NULL;
}

/* To the first sample again. */
static void source_rewind(input_sound *s)
{
    tango_error error = { "" };
    unsigned char part[8192];
    size_t got = 1;
    tango_result r = TANGO_OK;
    if (s->standard) {
        while (r == TANGO_OK && got > 0 && !s->slurped)
            r = source_read(s, part, sizeof part, &got, &error);
        s->slurped = 1;
        if (r == TANGO_OK)
            r = tango_io_sound_open_memory(&s->sound, s->bytes, s->size, s->lenient,
                                           &error);
    } else {
        tango_io_input_close(&s->input);
        r = tango_io_input_open(&s->input, s->path, &error);
        if (r == TANGO_OK)
            r = tango_io_sound_open(&s->sound, source_read, s, s->input.size, s->lenient,
                                    &error);
    }
    need(r, s->path, &error);
    free(s->work);
    s->work = room(tango_io_sound_work_size(&s->sound), 1);
    r = tango_io_sound_start(&s->sound, s->work, tango_io_sound_work_size(&s->sound),
                             &error);
    need(r, s->path, &error);
}

/* Place of the first NaN or infinity; count if there is none. */
static size_t not_finite(const double *x, size_t count)
{
    size_t i = 0;
    while (i < count && fabs(x[i]) <= DBL_MAX) i++;
    return i;
}

/* Up to `frames` frames, all finite. */
static int source_frames(input_sound *s, double *out, size_t frames, size_t *got,
                         tango_error *error)
{
    uint64_t first = s->sound.frame;
    size_t channels = s->sound.info.channels, bad;
    if (tango_io_sound_read_double(&s->sound, out, frames, got, error) != TANGO_OK)
        return 0;
    bad = not_finite(out, *got * channels);
    if (bad == *got * channels) return 1;
    tango_io_fail(error, TANGO_ERROR_NUMBER, "NaN or infinity in frame %u",
                  first + bad / channels);
    return 0;
}

/* ---- Text in sounds --------------------------------------------------------------- */

/* The tags of a source, which point into it: into the file that is mapped, or into what
   is kept of standard input. */
typedef struct tag_list {
    tango_io_file file;
    tango_io_tag *tags;
    size_t count;
} tag_list;

/* Damage in them is said, and leaves none. */
static tag_list read_text(const input_sound *s)
{
    tag_list t;
    tango_io_tags reader, walk;
    tango_io_tag tag;
    tango_error error = { "" };
    const unsigned char *bytes = s->bytes;
    size_t size = s->size;
    memset(&t, 0, sizeof t);
    if (!s->standard) {
        if (tango_io_map(&t.file, s->path, &error) != TANGO_OK) return t;
        bytes = t.file.data;
        size = t.file.size;
    }
    if (size == 0) return t;
    if (tango_io_tags_open(&reader, bytes, size, &error) != TANGO_OK) {
        cli_file_message("warning: ", s->path, error.text);
        return t;
    }
    for (walk = reader; tango_io_tags_next(&walk, &tag);) t.count++;
    t.tags = (tango_io_tag *)room(t.count, sizeof *t.tags);
    for (t.count = 0; tango_io_tags_next(&reader, &tag);) t.tags[t.count++] = tag;
    return t;
}

static void free_text(tag_list *t)
{
    tango_io_unmap(&t->file);
    free(t->tags);
}

/* Leaves what the kind of the output has a place for, and says what is lost. */
static void keep_text(tag_list *t, const char *path, int flac)
{
    size_t i, n = 0;
    for (i = 0; i < t->count; i++) {
        const tango_io_tag *tag = &t->tags[i];
        if (memchr(tag->text, 0, tag->text_size) != NULL)
            cli_note("%s: the text of %.*s holds a NUL and is left out", path,
                     (int)tag->name_size, tag->name);
        else if (flac || tango_io_wav_has(tag->name, tag->name_size))
            t->tags[n++] = *tag;
        else
            cli_note("%s: %s has no place for %.*s, which is left out", path,
                     flac ? "FLAC" : "WAV", (int)tag->name_size, tag->name);
    }
    t->count = n;
}

/* ---- info ------------------------------------------------------------------------- */

/* As "tags": names and texts in their order; a name may come twice. */
static void put_text(tango_io_json_writer *w, const tag_list *t)
{
    size_t i;
    tango_io_json_put_key(w, "tags");
    tango_io_json_open_array(w);
    for (i = 0; i < t->count; i++) {
        tango_io_json_open_object(w);
        tango_io_json_put_key(w, "name");
        tango_io_json_put_text(w, t->tags[i].name, t->tags[i].name_size);
        tango_io_json_put_key(w, "text");
        tango_io_json_put_text(w, t->tags[i].text, t->tags[i].text_size);
        tango_io_json_close(w);
    }
    tango_io_json_close(w);
}

/* As cli_print. */
static void print_bytes(const char *bytes, size_t size)
{
    char one[2] = { 0, 0 };
    size_t i;
    for (i = 0; i < size; i++) {
        one[0] = bytes[i];
        if (*one) cli_print(stdout, one);
        else printf("\\x00");
    }
}

/* dB, or what says that there are none: null, none. */
static void put_decibel(tango_io_json_writer *w, const char *key, double value)
{
    tango_io_json_put_key(w, key);
    if (value < -200.0) tango_io_json_put_null(w);
    else tango_io_json_put_number(w, value);
}

static void print_decibel(double value, const char *unit)
{
    if (value < -200.0) printf(", no %s", unit);
    else printf(", %.1f %s", value, unit);
}

/* What is measured of a sound. */
typedef struct measures {
    double peak, rms, true_peak, loudness; /* the last two in dB, of --loudness */
} measures;

static const char *encoding_of(const tango_io_sound_info *info)
{
    return info->format == TANGO_IO_SOUND_FLAC ? "flac" : info->floats ? "float" : "pcm";
}

static const char *format_of(const tango_io_sound_info *info)
{
    return info->format == TANGO_IO_SOUND_FLAC ? "flac" : "wav";
}

static void print_json(const settings *set, const char *path,
                       const tango_io_sound_info *info, uint64_t frames,
                       const measures *of, const tag_list *tags)
{
    size_t size = 6 * strlen(path) + 1024, i;
    char *line;
    tango_io_json_writer w;
    for (i = 0; i < tags->count; i++)
        size += 6 * (tags->tags[i].name_size + tags->tags[i].text_size) + 32;
    line = (char *)room(size, 1);
    tango_io_json_begin(&w, line, size);
    tango_io_json_open_object(&w);
    tango_io_json_put_key(&w, "file");
    tango_io_json_put_string(&w, path);
    tango_io_json_put_key(&w, "format");
    tango_io_json_put_string(&w, format_of(info));
    tango_io_json_put_key(&w, "encoding");
    tango_io_json_put_string(&w, encoding_of(info));
    tango_io_json_put_key(&w, "bits");
    tango_io_json_put_u64(&w, info->bits);
    tango_io_json_put_key(&w, "channels");
    tango_io_json_put_u64(&w, info->channels);
    tango_io_json_put_key(&w, "rate");
    tango_io_json_put_u64(&w, info->rate);
    tango_io_json_put_key(&w, "frames");
    tango_io_json_put_u64(&w, frames);
    tango_io_json_put_key(&w, "seconds");
    tango_io_json_put_number(&w, (double)frames / (double)info->rate);
    tango_io_json_put_key(&w, "peak");
    tango_io_json_put_number(&w, of->peak);
    tango_io_json_put_key(&w, "rms");
    tango_io_json_put_number(&w, of->rms);
    if (set->loudness) {
        put_decibel(&w, "true_peak_db", of->true_peak);
        put_decibel(&w, "lufs", of->loudness);
    }
    tango_io_json_put_key(&w, "valid_bits");
    tango_io_json_put_u64(&w, info->valid);
    put_text(&w, tags);
    tango_io_json_close(&w);
    if (tango_io_json_end(&w) > 0) puts(line);
    free(line);
}

static void print_info(const settings *set, const char *path,
                       const tango_io_sound_info *info, uint64_t frames,
                       const measures *of, const tag_list *tags)
{
    const char *format = format_of(info), *encoding = encoding_of(info);
    size_t i;
    if (set->json) {
        print_json(set, path, info, frames, of, tags);
        return;
    }
    cli_print(stdout, path);
    printf(": %s", format);
    if (strcmp(format, encoding) != 0) printf(" %s", encoding);
    printf(" %u bit", info->bits);
    if (info->valid != info->bits) printf(" (%u used)", info->valid);
    printf(", %zu channel%s, %lu Hz, %llu frames, %.6g s, peak %.6g, rms %.6g",
           info->channels, info->channels == 1 ? "" : "s", (unsigned long)info->rate,
           (unsigned long long)frames, (double)frames / (double)info->rate, of->peak,
           of->rms);
    if (set->loudness) {
        print_decibel(of->true_peak, "dBTP");
        print_decibel(of->loudness, "LUFS");
    }
    printf("\n");
    for (i = 0; i < tags->count; i++) {
        const tango_io_tag *tag = &tags->tags[i];
        printf("    %.*s: ", (int)tag->name_size, tag->name);
        print_bytes(tag->text, tag->text_size);
        printf("\n");
    }
}

/* Reads a whole file. 1 if all is well. */
static int look_at(const settings *set, const char *path)
{
    input_sound s;
    tango_error error = { "" };
    size_t got = BLOCK, i;
    static const level_rule lufs = { LEVEL_LUFS, 0.0, 0.0, 0, 0 },
                            none = { LEVEL_FIT, 0.0, 0.0, 0, 0 };
    double square = 0.0, *x;
    sound_level level;
    measures of;
    uint64_t count;
    tag_list tags;
    if (!source_open(&s, path, set->lenient, 0, &error)) {
        source_message(&s, path, error.text);
        return 0;
    }
    x = (double *)room((size_t)BLOCK * s.sound.info.channels, sizeof(double));
    level_begin(&level,
                set->loudness && s.sound.info.rate >= 8000
                        && tango_audio_meter_size(s.sound.info.channels) > 0
                    ? &lufs : &none,
                path, s.sound.info.rate, s.sound.info.channels);
    while (got == BLOCK) {
        if (!source_frames(&s, x, BLOCK, &got, &error)) {
            source_message(&s, path, error.text);
            free(level.memory);
            free(x);
            source_close(&s);
            return 0;
        }
        level_feed(&level, x, got * s.sound.info.channels);
        for (i = 0; i < got * s.sound.info.channels; i++) square += x[i] * x[i];
    }
    source_warn(&s);
    count = s.sound.frame * s.sound.info.channels;
    tags = read_text(&s);
    of.peak = level.peak;
    of.rms = count ? sqrt(square / (double)count) : 0.0;
    of.true_peak = of.loudness = -1000.0;
    if (level.memory != NULL) {
        of.true_peak = 20.0 * log10(tango_audio_meter_true_peak(&level.meter) + 1e-300);
        of.loudness = tango_audio_meter_loudness(&level.meter);
    }
    print_info(set, path, &s.sound.info, s.sound.frame, &of, &tags);
    free(level.memory);
    free_text(&tags);
    free(x);
    source_close(&s);
    return 1;
}

static int run_info(const settings *set)
{
    int bad = 0;
    size_t i;
    for (i = 0; i < set->file_count; i++) bad |= !look_at(set, set->files[i]);
    cli_flush();
    return bad;
}

/* ---- convert ---------------------------------------------------------------------- */

/* Cut, channels, resampling as a stream: from the source to blocks of frames. */
typedef struct pipeline {
    input_sound source;
    size_t channels;            /* of the output */
    int average;
    uint64_t start, length;     /* frames of the source that are wanted */
    uint64_t total;             /* frames of the output */
    tango_audio_resampler resampler;
    int resamples;
    void *memory;
    double *raw;                /* (BLOCK, channels of the source) */
    double *held;               /* (channels, held_room): source frames for resampling */
    size_t held_room, held_count;
    uint64_t held_first;
    double *line;               /* (BLOCK): one channel of the output */
    uint64_t taken, made;       /* frames from the source, of the output, in this pass */
} pipeline;

/* Frames that the source holds, by reading all of it. */
static uint64_t count_frames(pipeline *p)
{
    tango_error error = { "" };
    uint64_t n = 0;
    source_need(tango_io_sound_skip(&p->source.sound, UINT64_MAX, &n, &error) == TANGO_OK,
                &p->source, p->source.path, &error);
    source_warn(&p->source);
    source_rewind(&p->source);
    return n;
}

static void skip_to_start(pipeline *p)
{
    tango_error error = { "" };
    uint64_t n = 0;
    source_need(tango_io_sound_skip(&p->source.sound, p->start, &n, &error) == TANGO_OK,
                &p->source, p->source.path, &error);
    if (n < p->start) fail("%s: ends at frame %llu", p->source.path,
                           (unsigned long long)n);
    p->taken = p->made = 0;
    p->held_first = 0;
    p->held_count = 0;
}

/* The next n <= BLOCK wanted frames with the channels of the output, interleaved. */
static void take(pipeline *p, double *out, size_t n)
{
    tango_error error = { "" };
    size_t in = p->source.sound.info.channels, got = 0, i, c;
    source_need(source_frames(&p->source, p->raw, n, &got, &error), &p->source,
                p->source.path, &error);
    if (got < n) fail("%s: ends before frame %llu", p->source.path,
                      (unsigned long long)(p->start + p->taken + n));
    for (i = 0; i < n; i++) {
        const double *x = p->raw + i * in;
        if (p->average) {
            double sum = 0.0;
            for (c = 0; c < in; c++) sum += x[c];
            out[i] = sum / (double)in;
        } else {
            for (c = 0; c < p->channels; c++) out[i * p->channels + c] = x[c];
        }
    }
    p->taken += n;
}

/* Source frames up to `end` into p->held; those before `first` are dropped. */
static void hold(pipeline *p, double *scratch, uint64_t first, uint64_t end)
{
    size_t c, i, n;
    if (first > p->held_first) {
        size_t drop = first - p->held_first < p->held_count
                          ? (size_t)(first - p->held_first)
                          : p->held_count;
        for (c = 0; c < p->channels; c++) {
            double *line = p->held + c * p->held_room;
            memmove(line, line + drop, (p->held_count - drop) * sizeof *line);
        }
        p->held_first += drop;
        p->held_count -= drop;
    }
    while (p->taken < end) {
        n = end - p->taken < BLOCK ? (size_t)(end - p->taken) : (size_t)BLOCK;
        take(p, scratch, n);
        for (c = 0; c < p->channels; c++)
            for (i = 0; i < n; i++)
                p->held[c * p->held_room + p->held_count + i] =
                    scratch[i * p->channels + c];
        p->held_count += n;
    }
}

/* The next block of the output: up to BLOCK frames, 0 at the end. */
static size_t next_block(pipeline *p, double *out)
{
    uint64_t left = p->total - p->made;
    size_t n = left < BLOCK ? (size_t)left : (size_t)BLOCK, c, i, first, count;
    if (n == 0) return 0;
    if (!p->resamples) {
        take(p, out, n);
        p->made += n;
        return n;
    }
    tango_audio_resample_span(&first, &count, (size_t)p->made, n, &p->resampler);
    if (first > p->length) first = (size_t)p->length;
    if (count > p->length - first) count = (size_t)(p->length - first);
    hold(p, out, first, first + count);
    for (c = 0; c < p->channels; c++) {
        tango_audio_resample_part_double(p->line, (size_t)p->made, n,
                                         p->held + c * p->held_room,
                                         (size_t)p->held_first, p->held_count,
                                         &p->resampler);
        for (i = 0; i < n; i++) out[i * p->channels + c] = p->line[i];
    }
    p->made += n;
    return n;
}

/* Takes silence from both ends of the wanted frames, by two passes: for the peak of all
   channels, and for the first and the last frame that count. */
static void trim(pipeline *p)
{
    double *block = (double *)room(BLOCK, p->channels * sizeof(double)), peak = 0.0;
    uint64_t first = p->length, last = 0, at;
    size_t n, i, pass;
    for (pass = 0; pass < 2; pass++) {
        skip_to_start(p);
        for (at = 0; at < p->length; at += n) {
            n = p->length - at < BLOCK ? (size_t)(p->length - at) : (size_t)BLOCK;
            take(p, block, n);
            for (i = 0; i < n * p->channels; i++) {
                const uint64_t frame = at + i / p->channels;
                if (pass == 0) peak = fabs(block[i]) > peak ? fabs(block[i]) : peak;
                else if (!finish_is_silence(block[i], peak)) {
                    if (frame < first) first = frame;
                    last = frame;
                }
            }
        }
        source_rewind(&p->source);
    }
    free(block);
    if (p->length == 0) return;
    p->start += first;
    p->length = last + 1 - first;
}

static void plan_resampling(pipeline *p, const settings *set)
{
    uint32_t from = p->source.sound.info.rate;
    tango_error error = { "" };
    size_t size, first, count, most;
    p->total = p->length;
    if (set->rate == 0 || (uint32_t)set->rate == from) return;
    size = tango_audio_resampler_size(from, (size_t)set->rate);
    p->memory = room(size, 1);
    need(tango_audio_resampler_init(&p->resampler, from, (size_t)set->rate, p->memory,
                                    size, &error), p->source.path, &error);
    p->resamples = 1;
    if (p->length > SIZE_MAX / 2) fail("%s: too long to resample", p->source.path);
    p->total = tango_audio_resampled_count((size_t)p->length, &p->resampler);
    if (p->total == 0 && p->length > 0) fail("%s: too long to resample", p->source.path);
    check_growth(p->source.path, p->length, p->total, (size_t)set->rate);
    /* Far from the start, so that the span is not cut there; one block may be longer than
       another by the rounding of both ends. */
    most = p->resampler.target;
    tango_audio_resample_span(&first, &count, most * 64, BLOCK, &p->resampler);
    p->held_room = count + 2 * p->resampler.taps + 2 * p->resampler.source + 2 * BLOCK;
    p->held = (double *)room(p->held_room, p->channels * sizeof(double));
    p->line = (double *)room(BLOCK, sizeof(double));
}

static void plan(pipeline *p, const settings *set)
{
    const tango_io_sound_info *info = &p->source.sound.info;
    uint64_t frames = info->frames;
    double start = floor(set->start * (double)info->rate + 0.5),
           length = floor(set->seconds * (double)info->rate + 0.5);
    p->average = set->channels == 0;
    p->channels = set->channels == 2 ? info->channels : 1;
    p->raw = (double *)room(BLOCK, info->channels * sizeof(double));
    if (frames == TANGO_IO_SOUND_UNKNOWN || set->lenient) frames = count_frames(p);
    if (start > (double)frames)
        fail("%s: starts at %g s, but only has %g s", p->source.path, set->start,
             (double)frames / (double)info->rate);
    p->start = (uint64_t)start;
    p->length = frames - p->start;
    if (set->seconds >= 0.0 && length < (double)p->length) p->length = (uint64_t)length;
    if (set->finish.trims) trim(p);
    plan_resampling(p, set);
    skip_to_start(p);
}

static int is_float(tango_io_wav_format format)
{
    return format == TANGO_IO_WAV_FLOAT32 || format == TANGO_IO_WAV_FLOAT64;
}

/* Whether the factor is known only after a pass over the output: whole numbers stay
   within full scale until they are resampled. */
static int needs_measuring(const settings *set, const tango_io_sound_info *info,
                           tango_io_wav_format format)
{
    if (set->finish.level.kind != LEVEL_FIT) return level_measures(&set->finish.level);
    return !is_float(format)
           && (info->floats || (set->rate != 0 && (uint32_t)set->rate != info->rate));
}

/* As next_block, with fades. */
static size_t next_faded(pipeline *p, const settings *set, size_t rate, double *block)
{
    const size_t n = next_block(p, block);
    const size_t first = (size_t)p->made - n;
    size_t i, c;
    for (i = 0; i < n && finish_has_fades(&set->finish); i++) {
        const double factor =
            finish_fades(&set->finish, first + i, (size_t)p->total, rate);
        for (c = 0; c < p->channels; c++) block[i * p->channels + c] *= factor;
    }
    return n;
}

/* A pass over the output. */
static void measure(
    pipeline *p, const settings *set, size_t rate, double *block, sound_level *level)
{
    size_t n;
    while ((n = next_faded(p, set, rate, block)) > 0)
        level_feed(level, block, n * p->channels);
    source_rewind(&p->source);
    skip_to_start(p);
}

/* What was done to the level is said, if there is anything. */
static void say_level(const char *path, const sound_level *level)
{
    char line[LEVEL_TEXT];
    if (*level_text(level, line, sizeof line)) cli_file_message("", path, line);
}

/* A part, or resampling, may need less than all frames; the rest of the file is checked
   even so, and with it the sums at its end. */
static void check_rest(pipeline *p)
{
    tango_error error = { "" };
    uint64_t n = 0;
    source_need(tango_io_sound_skip(&p->source.sound, UINT64_MAX, &n, &error) == TANGO_OK,
                &p->source, p->source.path, &error);
}

/* FLAC has 16 or 24 bits; what that takes from an input is said. */
static tango_io_wav_format same_format(const tango_io_sound_info *info, int flac)
{
    if (flac && info->bits > 16) {
        if (info->bits > 24)
            cli_note("24 bits, the most of FLAC, hold less than the input's %s",
                     info->floats ? "floats" : "whole numbers");
        return TANGO_IO_WAV_PCM24;
    }
    if (info->floats) return info->bits == 64 ? TANGO_IO_WAV_FLOAT64
                                              : TANGO_IO_WAV_FLOAT32;
    return info->bits <= 16   ? TANGO_IO_WAV_PCM16
           : info->bits <= 24 ? TANGO_IO_WAV_PCM24
                              : TANGO_IO_WAV_PCM32;
}

/* Large: a path of 4 KiB twice. */
static tango_io_output output;

static void give_up(const char *path, const tango_error *error)
{
    tango_io_abandon(&output);
    need(TANGO_ERROR_FILE, path, error);
}

static void abandon_at_exit(void) { tango_io_abandon(&output); }

static void create(const char *path)
{
    tango_error error = { "" };
    atexit(abandon_at_exit);
    cli_catch_interrupts();
    if (tango_io_create(&output, path, &error) != TANGO_OK)
        need(TANGO_ERROR_FILE, path, &error);
}

static void commit(const char *path)
{
    tango_error error = { "" };
    if (cli_interrupted()) exit(130);
    if (tango_io_commit(&output, &error) != TANGO_OK) give_up(path, &error);
}

/* All blocks at their level; what --clip cuts off is counted. */
static void write_blocks(pipeline *p, const settings *set, size_t rate,
                         save_file *writer, double *block, sound_level *level)
{
    const char *to = set->files[1];
    tango_error error = { "" };
    size_t n, i;
    while ((n = next_faded(p, set, rate, block)) > 0) {
        if (cli_interrupted()) exit(130);
        for (i = 0; i < n * p->channels && level->factor != 1.0; i++)
            block[i] *= level->factor;
        if (level->rule.kind == LEVEL_NONE) level_feed(level, block, n * p->channels);
        if (save_frames_double(writer, block, n, &error) != TANGO_OK)
            give_up(to, &error);
    }
}

static int run_convert(const settings *set)
{
    static pipeline p;
    const char *to = set->files[1];
    const int flac = save_is_flac(to);
    tango_error error = { "" };
    save_file writer;
    tango_io_wav_spec spec;
    sound_level level;
    double *block;
    int measured, whole;
    tag_list tags;
    source_need(source_open(&p.source, set->files[0], set->lenient, 1, &error), &p.source,
                set->files[0], &error);
    memset(&spec, 0, sizeof spec);
    spec.format = set->bits >= 0 ? (tango_io_wav_format)set->bits
                                 : same_format(&p.source.sound.info, flac);
    whole = !is_float(spec.format);
    if (set->bits < 0 && !whole && set->finish.level.clip)
        cli_note("clipping has no effect: the output has floats, as the input");
    measured = needs_measuring(set, &p.source.sound.info, spec.format);
    if (p.source.sound.info.frames != TANGO_IO_SOUND_UNKNOWN && !set->lenient &&
        !measured && !set->finish.trims)
        p.source.keep = 0; /* one pass will do */
    plan(&p, set);
    block = (double *)room(BLOCK, p.channels * sizeof(double));
    spec.channels = p.channels;
    spec.rate = set->rate ? (uint32_t)set->rate : p.source.sound.info.rate;
    level_begin(&level, &set->finish.level, set->files[0], spec.rate, p.channels);
    if (measured) measure(&p, set, spec.rate, block, &level);
    level_end(&level, whole);
    spec.round = 1;
    spec.frames = p.total;
    memset(&tags, 0, sizeof tags);
    if (!set->untold) tags = read_text(&p.source);
    keep_text(&tags, to, flac);
    spec.tags = tags.tags;
    spec.tag_count = tags.count;
    create(to);
    if (save_begin(&writer, &output, flac, &spec, &error) != TANGO_OK)
        give_up(to, &error);
    write_blocks(&p, set, spec.rate, &writer, block, &level);
    check_rest(&p);
    if (save_end(&writer, &error) != TANGO_OK) give_up(to, &error);
    commit(to);
    level_end(&level, whole);
    say_level(to, &level);
    free_text(&tags);
    free(block);
    free(p.raw);
    free(p.held);
    free(p.line);
    free(p.memory);
    source_close(&p.source);
    return set->finish.plays ? play_file(to, flac) : 0;
}

/* ---- Clips in memory -------------------------------------------------------------- */

/* Channel 0 at 16 kHz in float, as the encoders take it. */
static float *load(const settings *set, const char *path, size_t *count)
{
    static input_sound s;
    tango_error error = { "" };
    tango_audio_resampler r;
    size_t got = BLOCK, n = 0, capacity = 0, size, i, channels;
    float *x = NULL, *y;
    double *block;
    void *memory;
    source_need(source_open(&s, path, set->lenient, 0, &error), &s, path, &error);
    channels = s.sound.info.channels;
    block = (double *)room(BLOCK, channels * sizeof(double));
    for (; got == BLOCK; n += got) {
        source_need(source_frames(&s, block, BLOCK, &got, &error), &s, path, &error);
        if (got > capacity - n) { /* grows with what is there, not with what is said */
            capacity = 2 * capacity + BLOCK;
            x = (float *)realloc(x, capacity * sizeof *x);
            if (!x) fail("%s: no memory for %zu samples", path, capacity);
        }
        for (i = 0; i < got; i++) {
            double v = block[i * channels];
            if (fabs(v) > (double)FLT_MAX)
                fail("%s: %g in frame %zu is too large", path, v, n + i);
            x[n + i] = (float)v;
        }
    }
    free(block);
    source_warn(&s);
    size = tango_audio_resampler_size(s.sound.info.rate, RATE);
    memory = room(size, 1);
    need(tango_audio_resampler_init(&r, s.sound.info.rate, RATE, memory, size, &error),
         path, &error);
    *count = tango_audio_resampled_count(n, &r);
    check_growth(path, n, *count, RATE);
    y = floats(*count);
    tango_audio_resample(y, x, n, &r);
    free(memory);
    free(x);
    source_close(&s);
    return y;
}

typedef struct analysis {
    tango_audio_front front;
    void *memory, *work;
} analysis;

static analysis analyse(tango_audio_recipe recipe)
{
    analysis a;
    tango_audio_parameters p;
    tango_error error = { "" };
    size_t size;
    memset(&a, 0, sizeof a);
    memset(&p, 0, sizeof p);
    p.recipe = recipe;
    size = tango_audio_front_size(&p);
    a.memory = room(size, 1);
    a.work = room(tango_audio_frame_work_size(&p), 1);
    need(tango_audio_front_init(&a.front, &p, a.memory, size, &error), "analysis",
         &error);
    return a;
}

static float *load_for_frames(const settings *set, size_t *count)
{
    const char *path = set->files[0];
    float *x = load(set, path, count);
    if (*count < 513)
        fail("%s: %zu samples at 16 kHz, at least 513 expected", path, *count);
    return x;
}

/* part (n, width) becomes columns at .. at+n-1 of out (width, total). */
static void turn(float *out, const float *part, size_t n, size_t width, size_t at,
                 size_t total)
{
    size_t i, k;
    for (k = 0; k < width; k++)
        for (i = 0; i < n; i++) out[k * total + at + i] = part[i * width + k];
}

static int ends_in(const char *path, const char *suffix)
{
    size_t n = strlen(path), m = strlen(suffix);
    return n > m && strcmp(path + n - m, suffix) == 0;
}

static void write_npy(const char *path, const float *data, const size_t *shape,
                      size_t rank)
{
    tango_error error = { "" };
    create(path);
    if (tango_io_npy_write(&output, TANGO_IO_F32, data, shape, rank, &error) != TANGO_OK)
        give_up(path, &error);
    commit(path);
}

/* One channel at 16 kHz, finished as the user asks; the exit status. */
static int write_sound(const settings *set, const char *path, float *x, size_t count)
{
    const int flac = save_is_flac(path);
    tango_error error = { "" };
    tango_io_wav_spec spec;
    finished s;
    memset(&spec, 0, sizeof spec);
    spec.format = set->bits >= 0 ? (tango_io_wav_format)set->bits : TANGO_IO_WAV_PCM16;
    s = finish_sound(&set->finish, path, x, count, RATE, !is_float(spec.format), &error);
    spec.channels = 1;
    spec.rate = (uint32_t)s.rate;
    spec.round = 1;
    spec.frames = s.count;
    create(path);
    if (save_whole(&output, flac, s.x, &spec, &error) != TANGO_OK) give_up(path, &error);
    commit(path);
    say_level(path, &s.level);
    free(s.memory);
    return set->finish.plays ? play_file(path, flac) : 0;
}

/* ---- mel and stft ----------------------------------------------------------------- */

/* 16-bit grey, low bands at the bottom. tacotron: ln 1e-5 .. 4; torchaudio: -100 .. 70
   dB. */
static void write_mel_png(const settings *set, const char *path, const float *mel,
                          size_t mels, size_t frames)
{
    int db = set->recipe == TANGO_AUDIO_TORCHAUDIO;
    double low = db ? -100.0 : log(1e-5), high = db ? 70.0 : 4.0;
    uint16_t *pixels = (uint16_t *)room(mels * frames, sizeof *pixels);
    tango_io_png_spec spec;
    tango_error error = { "" };
    size_t size, m, t;
    void *work;
    for (m = 0; m < mels; m++)
        for (t = 0; t < frames; t++) {
            double v = (double)mel[m * frames + t];
            if (db) v = 10.0 * log10(v > 1e-10 ? v : 1e-10);
            v = floor((v - low) / (high - low) * 65535.0 + 0.5);
            v = v < 0.0 ? 0.0 : v > 65535.0 ? 65535.0 : v;
            pixels[(mels - 1 - m) * frames + t] = (uint16_t)v;
        }
    if (frames > 0x7fffffff) fail("%s: too long for a picture", path);
    spec.width = (uint32_t)frames;
    spec.height = (uint32_t)mels;
    spec.channels = 1;
    spec.bits = 16;
    need(tango_io_png_write_work_size(&size, &spec, &error), path, &error);
    work = room(size, 1);
    create(path);
    if (tango_io_png_write(&output, pixels, &spec, work, size, &error) != TANGO_OK)
        give_up(path, &error);
    commit(path);
    free(work);
    free(pixels);
}

static int run_mel(const settings *set)
{
    const char *to = set->files[1];
    int png = ends_in(to, ".png");
    size_t count, frames, t, n, shape[2];
    float *x, *mel, *part;
    analysis a;
    if (!png && !ends_in(to, ".npy"))
        cli_usage("mel: expected an output .npy or .png, found \"%.60s\"", to);
    x = load_for_frames(set, &count);
    a = analyse(set->recipe);
    frames = tango_audio_frame_count(count, &a.front);
    shape[0] = a.front.parameters.mels;
    shape[1] = frames;
    mel = floats(shape[0] * frames);
    part = floats(64 * shape[0]);
    for (t = 0; t < frames; t += n) {
        n = frames - t < 64 ? frames - t : 64;
        if (set->recipe == TANGO_AUDIO_TACOTRON)
            tango_audio_log_mel(part, x, count, t, n, &a.front, a.work);
        else
            tango_audio_mel(part, x, count, t, n, &a.front, a.work);
        turn(mel, part, n, shape[0], t, frames);
    }
    if (png) write_mel_png(set, to, mel, shape[0], frames);
    else write_npy(to, mel, shape, 2);
    free(part);
    free(mel);
    free(x);
    free(a.memory);
    free(a.work);
    return 0;
}

static int run_stft(const settings *set)
{
    const char *to = set->files[1];
    size_t count, frames, t, n, bins, shape[3], parts = set->complex ? 2 : 1;
    float *x, *all, *re, *im;
    analysis a;
    if (!ends_in(to, ".npy"))
        cli_usage("stft: expected an output .npy, found \"%.60s\"", to);
    x = load_for_frames(set, &count);
    a = analyse(TANGO_AUDIO_TACOTRON);
    bins = a.front.bins;
    frames = tango_audio_frame_count(count, &a.front);
    if (frames > SIZE_MAX / (8 * bins)) fail("%s: too long", set->files[0]);
    all = floats(parts * bins * frames);
    re = floats(64 * bins);
    im = floats(64 * bins);
    for (t = 0; t < frames; t += n) {
        n = frames - t < 64 ? frames - t : 64;
        if (set->complex) {
            tango_audio_stft(re, im, x, count, t, n, &a.front, a.work);
            turn(all + bins * frames, im, n, bins, t, frames);
        } else {
            tango_audio_magnitude(re, x, count, t, n, &a.front, a.work);
        }
        turn(all, re, n, bins, t, frames);
    }
    shape[0] = 2;
    shape[1] = bins;
    shape[2] = frames;
    write_npy(to, all, set->complex ? shape : shape + 1, 1 + parts);
    free(re);
    free(im);
    free(all);
    free(x);
    free(a.memory);
    free(a.work);
    return 0;
}

/* ---- griffin-lim and mix ---------------------------------------------------------- */

/* A tacotron mel (64, T) as (T, 64); also (T, 64) itself, and a leading axis of 1. */
static float *load_mel(const char *path, size_t *frames)
{
    tango_io_file file;
    tango_io_npy npy;
    tango_io_view view;
    tango_error error = { "" };
    const size_t *shape;
    float *x, *mel;
    subject = path;
    need(tango_io_map(&file, path, &error), path, &error);
    need(tango_io_npy_parse(&npy, file.data, file.size, &error), path, &error);
    shape = npy.shape + (npy.rank == 3 && npy.shape[0] == 1);
    if (npy.rank < 2 || npy.rank > 3 || (npy.rank == 3 && npy.shape[0] != 1) ||
        (shape[0] != 64 && shape[1] != 64))
        fail("%s: expected a mel of the shape (64, T)", path);
    if (npy.type != TANGO_IO_F16 && npy.type != TANGO_IO_F32 && npy.type != TANGO_IO_F64)
        fail("%s: expected floats, found %s", path, tango_io_type_name(npy.type));
    *frames = shape[0] == 64 ? shape[1] : shape[0];
    if (*frames < 2) fail("%s: %zu frames, at least 2 expected", path, *frames);
    tango_io_npy_view(&view, &npy);
    x = floats(npy.count);
    tango_io_view_read(x, &view, 0, npy.count);
    tango_io_unmap(&file);
    if (npy.shape[npy.rank - 2] != 64) return x;
    mel = floats(npy.count);
    turn(mel, x, 64, *frames, 0, 64);
    free(x);
    return mel;
}

/* The bar of griffin-lim: rounds of the inversion and of Griffin-Lim itself. */
typedef struct rounds { cli_progress bar; size_t all; } rounds;

static int show_rounds(void *user, double share)
{
    rounds *r = (rounds *)user;
    cli_progress_step(&r->bar, (size_t)(share * (double)r->all), r->all);
    return 0; /* Ctrl-C ends the program: nothing is written before the end */
}

static int run_griffin_lim(const settings *set)
{
    size_t frames, size, count;
    float *mel = load_mel(set->files[0], &frames), *uniform, *x;
    rounds shown = { cli_progress_begin(0), 60 + set->iterations + 1 };
    const tango_audio_progress progress = { show_rounds, &shown };
    tango_random random;
    tango_error error = { "" };
    void *work;
    int status;
    size = tango_audio_vocode_work_size(frames, NULL);
    if (size == 0 || !tango_mul_ok(frames, 513, &count))
        fail("%s: too long", set->files[0]);
    work = room(size, 1);
    uniform = floats(count);
    count = (frames - 1) * 160;
    x = floats(count);
    tango_random_seed(&random, set->seed);
    tango_rand(&random, uniform, frames * 513);
    need(tango_audio_vocode(x, mel, frames, NULL, set->iterations, uniform, &progress,
                            work, size, &error), set->files[0], &error);
    status = write_sound(set, set->files[1], x, count);
    free(x);
    free(uniform);
    free(work);
    free(mel);
    return status;
}

/* Both clips as the encoders normalise them, mixed half and half, peak 0.5. */
static int run_mix(const settings *set)
{
    const size_t target = 163840;
    float *clip[2];
    size_t i, count;
    void *work = room(tango_audio_loudness_work_size(), 1);
    for (i = 0; i < 2; i++) {
        tango_error error = { "" };
        float *x = load(set, set->files[i], &count);
        clip[i] = floats(target);
        need(tango_audio_normalise(clip[i], x, count, target, TANGO_AUDIO_TANGO, &error),
             set->files[i], &error);
        free(x);
    }
    tango_audio_mix(clip[0], clip[0], clip[1], target, 0.5, RATE, work);
    tango_audio_set_peak(clip[0], target, 0.5f);
    write_sound(set, set->files[2], clip[0], target);
    free(clip[0]);
    free(clip[1]);
    free(work);
    return 0;
}

/* ---- Command line ----------------------------------------------------------------- */

static void help(void)
{
    cli_help("sound info|convert|mel|stft|griffin-lim|mix FILE... [options]",
             "Looks at, converts and analyses WAV and FLAC files.\n"
             "  info FILE...              format, length, peak, rms, text; checks all\n"
             "  convert IN OUT            cut, fade, channels, rate, level, bits\n"
             "  mel IN OUT.npy|OUT.png    mel spectrogram of channel 0 at 16 kHz\n"
             "  stft IN OUT.npy           spectrogram, 513 bins\n"
             "  griffin-lim IN.npy OUT    sound from a tacotron mel\n"
             "  mix A B OUT               two sounds at equal loudness\n"
             "OUT is a .wav or a .flac file where nothing else is said.",
             examples, options);
}

static int is_known(command_kind which, int id)
{
    size_t i;
    for (i = 0; i < sizeof known[0] / sizeof known[0][0]; i++)
        if (known[which][i] == id) return 1;
    return 0;
}

static void set_option(settings *set, const cli *c, int id)
{
    static const char *const bits[] = { "16", "24", "32", "f32", "f64", NULL },
                      *const channels[] = { "mono", "first", "keep", NULL },
                      *const recipes[] = { "tacotron", "torchaudio", NULL };
    if (id != CLI_OPERAND && !is_known(set->command, id))
        cli_usage("%s has no option --%s", command_names[set->command], c->option->name);
    switch (id) {
    case CLI_OPERAND: set->files[set->file_count++] = c->text; break;
    case 256: set->json = 1; break;
    case 262: set->loudness = 1; break;
    case 257:
        set->rate = (long)cli_integer(c, 1, 1000000);
        set->finish.rate = (size_t)set->rate;
        break;
    case 258: set->bits = (int)cli_choice(c, bits); break;
    case 259: set->channels = cli_choice(c, channels); break;
    case 260: set->start = cli_number(c, 0.0, 1e9); break;
    case 261: set->seconds = cli_number(c, 0.0, 1e9); break;
    case 269: set->untold = 1; break;
    case 263: set->lenient = 1; break;
    case 264: set->recipe = (tango_audio_recipe)cli_choice(c, recipes); break;
    case 265: set->complex = 1; break;
    case 266: set->iterations = (size_t)cli_integer(c, 0, 100000); break;
    case 267: set->seed = (uint64_t)cli_integer(c, 0, INT64_MAX); break;
    default: finish_read(&set->finish, c, id);
    }
}

/* The last file is written, those before it are read. */
static void check_output_file(const settings *set)
{
    tango_error error = { "" };
    size_t inputs = set->file_count - 1;
    need(tango_io_output_check(set->files[inputs], set->files, inputs, &error),
         set->files[inputs], &error);
    if (set->command == MEL || set->command == STFT) return;
    if (save_check(set->files[inputs], &set->finish)
        && set->bits > (int)TANGO_IO_WAV_PCM24)
        cli_usage("--bits: FLAC has 16 or 24");
}

/* What was asked for and changes nothing. */
static void note_idle(const settings *set, const cli *c)
{
    static const int clip[] = { LEVEL_CLIP_OPTION, 0 };
    if (set->bits >= 0 && is_float((tango_io_wav_format)set->bits))
        cli_idle(c, clip, "floats hold what is too loud");
}

int main(int argc, char **argv)
{
    static int (*const run[])(const settings *) = { run_info, run_convert, run_mel,
                                                    run_stft, run_griffin_lim, run_mix };
    settings set;
    cli c;
    int id, status;
    size_t want;
    memset(&set, 0, sizeof set);
    set.bits = -1;
    set.channels = 2;
    set.seconds = -1.0;
    set.iterations = 60;
    if (argc < 2) cli_usage("expected info, convert, mel, stft, griffin-lim or mix; -h "
                            "explains");
    if (strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "--help") == 0) {
        help();
        return 0;
    }
    if (strncmp(argv[1], "--completion", 12) == 0) {
        c = cli_begin(argc, argv, options);
        cli_next(&c); /* which knows it */
    }
    while (command_names[set.command] && strcmp(argv[1], command_names[set.command]) != 0)
        set.command = (command_kind)(set.command + 1);
    if (!command_names[set.command])
        cli_usage("unknown command \"%.60s\"; -h lists the commands", argv[1]);
    set.files = (const char **)room((size_t)argc, sizeof *set.files);
    c = cli_begin(argc - 1, argv + 1, options);
    while ((id = cli_next(&c)) != 0) {
        if (id == 'h') {
            help();
            return 0;
        }
        set_option(&set, &c, id);
    }
    want = set.command == INFO ? 0 : set.command == MIX ? 3 : 2;
    if (want ? set.file_count != want : set.file_count == 0)
        cli_usage("%s: expected %s, found %zu files", command_names[set.command],
                  want == 0 ? "at least 1 file" : want == 3 ? "3 files" : "2 files",
                  set.file_count);
    if (want) finish_check(&set.finish, &c, set.files[want - 1]);
    if (want) check_output_file(&set);
    note_idle(&set, &c);
    status = run[set.command](&set);
    free(set.files);
    return status;
}
