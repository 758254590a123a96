/* finish.h: what becomes of a sound between its model and its file: trimmed, faded, at
   another rate, levelled, in this order; and heard. MIT-0. Include after clip.h. */
#ifndef TANGO_FINISH_H
#define TANGO_FINISH_H

#include "level.h"
#include "play.h"

/* A program's own sums are the same with -march=native, as those of the headers. */
#ifdef __clang__
#pragma STDC FP_CONTRACT OFF
#endif

enum { FINISH_RATE_OPTION = 610, FINISH_FADE_IN_OPTION, FINISH_FADE_OUT_OPTION,
    FINISH_TRIM_OPTION, FINISH_PLAY_OPTION };

#define FINISH_SHAPE_OPTIONS                                                             \
    { FINISH_TRIM_OPTION, "trim", NULL,                                                  \
        "cut off silence at both ends: what lies 60 dB under the peak" },                \
    { FINISH_FADE_IN_OPTION, "fade-in", "S", "rise from silence in so many seconds" },   \
    { FINISH_FADE_OUT_OPTION, "fade-out", "S", "fall into silence in the last seconds" }

#define FINISH_LEVEL_OPTIONS                                                             \
    LEVEL_OPTIONS,                                                                       \
    { FINISH_PLAY_OPTION, "play", NULL,                                                  \
        "then hear it, by aplay, paplay, afplay or ffplay" }

#define FINISH_OPTIONS                                                                   \
    FINISH_SHAPE_OPTIONS,                                                                \
    { FINISH_RATE_OPTION, "rate", "HZ",                                                  \
        "16000, 22050, 44100 or 48000; the model's if not given" },                      \
    FINISH_LEVEL_OPTIONS

/* What the user asks for; zero is nothing. */
typedef struct sound_finish {
    int trims, loop;          /* loop: the end goes on with the beginning */
    double fade_in, fade_out; /* seconds */
    size_t rate;              /* 0: its own */
    level_rule level;
    int plays;
} sound_finish;

/* What comes of it. */
typedef struct finished {
    float *x, *memory; /* memory is its own */
    size_t count, rate;
    sound_level level;
} finished;

/* Takes an option of FINISH_OPTIONS; 0 if it is another. */
static inline int finish_read(sound_finish *f, const cli *c, int id)
{
    static const char *const rates[] = { "16000", "22050", "44100", "48000", NULL };
    static const size_t numbers[] = { 16000, 22050, 44100, 48000 };
    switch (id) {
    case FINISH_TRIM_OPTION: f->trims = 1; break;
    case FINISH_FADE_IN_OPTION: f->fade_in = cli_number(c, 0, 600); break;
    case FINISH_FADE_OUT_OPTION: f->fade_out = cli_number(c, 0, 600); break;
    case FINISH_PLAY_OPTION: f->plays = 1; break;
    case FINISH_RATE_OPTION: f->rate = numbers[cli_choice(c, rates)]; break;
    default: return level_read(&f->level, c, id);
    }
    return 1;
}

/* Behind all options: what they cannot mean together. */
static inline void finish_check(sound_finish *f, const cli *c, const char *output)
{
    static const int of_ends[] = { FINISH_TRIM_OPTION, FINISH_FADE_IN_OPTION,
        FINISH_FADE_OUT_OPTION, 0 };
    static const int of_files[] = { FINISH_PLAY_OPTION, 0 };
    level_check(&f->level);
    if (f->loop) cli_refuse(c, of_ends, "--loop");
    if (strcmp(output, "-") == 0) cli_refuse(c, of_files, "-o -");
}

static inline int finish_has_fades(const sound_finish *f)
{
    return f->fade_in > 0.0 || f->fade_out > 0.0;
}

/* Whether a sound of this rate must be there as a whole before its first sample can be
   written. */
static inline int finish_waits(const sound_finish *f, size_t rate)
{
    return f->trims || finish_has_fades(f) || (f->rate != 0 && f->rate != rate)
        || level_measures(&f->level);
}

/* Whether --trim takes x for silence: 60 dB under the peak. No sample of silence is. */
static inline int finish_is_silence(double x, double peak)
{
    return fabs(x) < peak / 1000.0;
}

/* The part *first .. *first + *count of x, at least one sample, without silence at its
   ends. */
static inline void finish_trim(const float *x, size_t *first, size_t *count)
{
    const double peak = (double)tango_audio_peak(x, *count);
    size_t from = 0, to = *count;
    while (from + 1 < to && finish_is_silence((double)x[from], peak)) from++;
    while (to > from + 1 && finish_is_silence((double)x[to - 1], peak)) to--;
    *first = from;
    *count = to - from;
}

/* Factor of sample i of a fade over n samples: sin^2(pi/2 (i + 1/2)/n), 1 behind it. */
static inline double finish_fade(size_t i, size_t n)
{
    const double half_pi = 1.57079632679489661923;
    const double s = i < n ? sin(half_pi * ((double)i + 0.5) / (double)n) : 1.0;
    return s * s;
}

/* Samples of a fade of so many seconds; no more than there are. */
static inline size_t finish_fade_count(double seconds, size_t rate, size_t count)
{
    const double n = floor(seconds * (double)rate + 0.5);
    return n < (double)count ? (size_t)n : count;
}

/* x (count) at `from` Hz -> at `to` Hz, to be freed. A loop is given a second of itself on
   both sides, which is taken away again, so that it stays one. */
static inline float *finish_resample(const char *path, const float *x, size_t *count,
    size_t from, size_t to, int loop, tango_error *error)
{
    const size_t margin = loop ? from : 0;
    const uint64_t scaled = (uint64_t)*count * to; /* of at most some hours */
    size_t wide = *count + 2 * margin, i;
    float *y = (float *)clip_room(wide, sizeof *y, path);
    if (loop && scaled % from != 0)
        cli_fail("%s: a loop of %zu samples has no whole number of them at %zu Hz", path,
            *count, to);
    for (i = 0; i < wide; i++)
        y[i] = loop ? x[(i + *count - margin % *count) % *count] : x[i];
    y = clip_resample(path, y, &wide, from, to, error);
    if (loop) {
        *count = (size_t)(scaled / from);
        memmove(y, y + to, *count * sizeof *y);
    } else *count = wide;
    return y;
}

/* Factor of sample i of `count` by both fades. */
static inline double finish_fades(
    const sound_finish *f, size_t i, size_t count, size_t rate)
{
    return finish_fade(i, finish_fade_count(f->fade_in, rate, count))
        * finish_fade(count - 1 - i, finish_fade_count(f->fade_out, rate, count));
}

/* Finishes x (count, at least 1), which is changed, for a file of whole numbers or of
   floats. The path is for messages. */
static inline finished finish_sound(const sound_finish *f, const char *path, float *x,
    size_t count, size_t rate, int whole, tango_error *error)
{
    finished s;
    size_t first = 0, i;
    memset(&s, 0, sizeof s);
    if (f->trims) finish_trim(x, &first, &count);
    s.x = x + first;
    for (i = 0; i < count && finish_has_fades(f); i++)
        s.x[i] = (float)((double)s.x[i] * finish_fades(f, i, count, rate));
    s.count = count;
    s.rate = f->rate != 0 ? f->rate : rate;
    if (s.rate != rate)
        s.x = s.memory =
            finish_resample(path, s.x, &s.count, rate, s.rate, f->loop, error);
    level_fit(&s.level, &f->level, path, s.x, s.count, s.rate, whole);
    return s;
}

#endif
