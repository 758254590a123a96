/* save.h: sounds become WAV or FLAC files, by the ending of their names. MIT-0. Include
   after finish.h. */
#ifndef TANGO_SAVE_H
#define TANGO_SAVE_H

/* A program's own sums are the same with -march=native, as those of the headers. */
#ifdef __clang__
#pragma STDC FP_CONTRACT OFF
#endif

/* 1 if the two words are equal, whatever their case; `small` has small letters. */
static inline int save_ends_so(const char *text, const char *small)
{
    size_t i;
    for (i = 0; text[i] && small[i]; i++) {
        char c = text[i];
        if (c >= 'A' && c <= 'Z') c = (char)(c - 'A' + 'a');
        if (c != small[i]) return 0;
    }
    return text[i] == small[i];
}

/* 1 for a FLAC file, 0 for WAV, which standard output and names without an ending are,
   too. Any other ending is wrong usage. */
static inline int save_is_flac(const char *path)
{
    const char *slash = strrchr(path, '/'), *dot = strrchr(slash ? slash : path, '.');
    if (dot == NULL || save_ends_so(dot, ".wav")) return 0;
    if (!save_ends_so(dot, ".flac"))
        cli_usage("a sound is written to a name that ends in .wav or .flac, found "
                  "\"%.200s\"", path);
    return 1;
}

/* What can be said of an output before the work: another ending, no player for --play. */
static inline int save_check(const char *path, const sound_finish *f)
{
    const int flac = save_is_flac(path);
    if (f->plays) play_find(flac);
    return flac;
}

/* A sound that is being written: save_begin, save_frames as often as needed, save_end. */
typedef struct save_file {
    int flac;
    tango_io_wav wav;
    tango_io_flac coder;
    void *work;
} save_file;

/* The output is open, the spec as of tango_io_wav_begin. */
static inline tango_result save_begin(save_file *s, tango_io_output *out, int flac,
    const tango_io_wav_spec *spec, tango_error *error)
{
    const size_t size = flac ? tango_io_flac_work_size(spec) : 0;
    s->flac = flac;
    s->work = flac ? malloc(size + 1) : NULL;
    if (!flac) return tango_io_wav_begin(&s->wav, out, spec, error);
    if (s->work == NULL)
        return tango_io_fail(error, TANGO_ERROR_MEMORY, "flac: no memory for %z bytes",
            size);
    return tango_io_flac_begin(&s->coder, out, spec, s->work, size, error);
}

static inline tango_result save_frames(
    save_file *s, const float *x, size_t count, tango_error *error)
{
    return s->flac ? tango_io_flac_frames(&s->coder, x, count, error)
                   : tango_io_wav_frames(&s->wav, x, count, error);
}

static inline tango_result save_frames_double(
    save_file *s, const double *x, size_t count, tango_error *error)
{
    return s->flac ? tango_io_flac_frames_double(&s->coder, x, count, error)
                   : tango_io_wav_frames_double(&s->wav, x, count, error);
}

static inline tango_result save_end(save_file *s, tango_error *error)
{
    const tango_result r = s->flac ? tango_io_flac_end(&s->coder, error)
                                   : tango_io_wav_end(&s->wav, error);
    free(s->work);
    s->work = NULL;
    return r;
}

/* The three at once: spec->frames frames. */
static inline tango_result save_whole(tango_io_output *out, int flac, const float *x,
    const tango_io_wav_spec *spec, tango_error *error)
{
    save_file s;
    tango_result r = save_begin(&s, out, flac, spec, error);
    if (r == TANGO_OK) r = save_frames(&s, x, (size_t)spec->frames, error);
    if (r == TANGO_OK) return save_end(&s, error);
    free(s.work);
    return r;
}

/* One channel of 16 bits becomes the file `path`, finished as the user asks, and is heard.
   Ends the program if that fails; says what was written unless quiet. */
static inline void save_clip(const char *path, float *x, size_t count, size_t rate,
    const sound_finish *f, int quiet, tango_error *error)
{
    const int flac = save_is_flac(path);
    finished s = finish_sound(f, path, x, count, rate, 1, error);
    tango_io_wav_spec spec;
    tango_io_output out;
    char level[LEVEL_TEXT];
    level_text(&s.level, level, sizeof level);
    memset(&spec, 0, sizeof spec);
    spec.channels = 1;
    spec.rate = (uint32_t)s.rate;
    spec.frames = s.count;
    cli_catch_interrupts();
    if (tango_io_create(&out, path, error) != TANGO_OK) cli_fail_file(path, error->text);
    clip_commit(&out, save_whole(&out, flac, s.x, &spec, error), path, error);
    free(s.memory);
    if (!quiet)
        fprintf(stderr, "wrote   %s  %.3f s  %zu Hz%s%s\n", path,
            (double)s.count / (double)s.rate, s.rate, *level ? "  " : "", level);
    if (f->plays && play_file(path, flac) != 0) exit(1);
}

#endif
