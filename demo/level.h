/* level.h: how loud a sound is written. MIT-0. Include after cli.h and tango.h (with its
   implementation).

   A sound stays as it is, unless whole numbers cannot hold it: then it is lowered as a
   whole. --level asks for more, always by one factor for all of a sound:

       peak[=DB]     its true peak becomes -1 dBTP, or DB
       rms[=DB]      its root mean square -20 dBFS (a sine of full scale has -3.01)
       lufs[=LUFS]   its loudness by BS.1770-4, gated, -16 LUFS
       none          it stays, and what is too loud is cut off, as with --clip

   By rms and lufs no sound gets louder than the true peak of --limit, -1 dBTP. One that is
   shorter than 400 ms is one block of the loudness; a silent one (a true peak under -120
   dBTP), or by lufs one that has no block over -70 LUFS, stays as it is. */
#ifndef TANGO_LEVEL_H
#define TANGO_LEVEL_H

#include <float.h>

/* A program's own sums are the same with -march=native, as those of the headers. */
#ifdef __clang__
#pragma STDC FP_CONTRACT OFF
#endif

enum { LEVEL_OPTION = 600, LEVEL_LIMIT_OPTION, LEVEL_CLIP_OPTION };

#define LEVEL_OPTIONS                                                                    \
    { LEVEL_OPTION, "level", "RULE[=DB]",                                                \
        "peak (-1 dBTP if not given), rms (-20 dBFS), lufs (-16), or none: one factor "  \
        "for all of a sound" },                                                          \
    { LEVEL_LIMIT_OPTION, "limit", "DB",                                                 \
        "true peak that --level rms and lufs keep to; -1 if not given" },                \
    { LEVEL_CLIP_OPTION, "clip", NULL,                                                   \
        "cut off what is too loud instead of lowering all" }

/* The rules from LEVEL_PEAK on measure. */
typedef enum level_kind {
    LEVEL_FIT,
    LEVEL_NONE,
    LEVEL_PEAK,
    LEVEL_RMS,
    LEVEL_LUFS
} level_kind;

/* What the user asks for; zero is LEVEL_FIT. */
typedef struct level_rule {
    level_kind kind;
    double target, limit; /* dB */
    int limited, clip;    /* --limit and --clip were given */
} level_rule;

/* A sound as it comes, and what becomes of it. */
typedef struct sound_level {
    level_rule rule;
    const char *path;         /* for messages */
    double peak;              /* largest |x| */
    unsigned long long over;  /* samples with |x| > 1 */
    tango_audio_meter meter;
    void *memory;             /* its own; NULL: nothing is measured */
    double factor;
    double reached;           /* dB of the rule, behind the factor */
    int silent, held;         /* no level; less than asked for, by the limit */
} sound_level;

/* ---- Options ---------------------------------------------------------------------- */

static const char *const level_names[] = { "fit", "none", "peak", "rms", "lufs" };
static const char *const level_units[] = { "", "", "dBTP", "dBFS", "LUFS" };

/* Takes an option of LEVEL_OPTIONS; 0 if it is another. */
static inline int level_read(level_rule *rule, const cli *c, int id)
{
    static const double usual[] = { 0, 0, -1, -20, -16 };
    const size_t n = id == LEVEL_OPTION ? strcspn(c->text, "=") : 0;
    const char *end = c->text;
    int kind = LEVEL_NONE;
    if (id == LEVEL_CLIP_OPTION) rule->clip = 1;
    else if (id == LEVEL_LIMIT_OPTION) {
        rule->limit = cli_number(c, -60, 0);
        rule->limited = 1;
    } else if (id == LEVEL_OPTION) {
        while (kind <= LEVEL_LUFS
               && (strlen(level_names[kind]) != n
                   || strncmp(level_names[kind], c->text, n) != 0))
            kind++;
        if (kind > LEVEL_LUFS || (kind == LEVEL_NONE && c->text[n] != '\0'))
            cli_usage("--level: expected peak, rms or lufs, with =DB or without, or none, "
                      "found \"%.60s\"", c->text);
        rule->kind = (level_kind)kind;
        rule->target = usual[kind];
        if (c->text[n] == '=' && !cli_plain(&rule->target, c->text + n + 1, '\0', &end,
                kind == LEVEL_PEAK ? -60 : -70, 0))
            cli_usage("--level: expected %s=DB with DB from %d to 0, found \"%.60s\"",
                level_names[kind], kind == LEVEL_PEAK ? -60 : -70, c->text);
    } else return 0;
    return 1;
}

/* Behind all options. */
static inline void level_check(level_rule *rule)
{
    if (rule->clip && rule->kind > LEVEL_NONE)
        cli_usage("--clip contradicts --level %s, which leaves nothing to cut off",
            level_names[rule->kind]);
    if (rule->limited && rule->kind != LEVEL_RMS && rule->kind != LEVEL_LUFS)
        cli_usage("--limit is of --level rms and lufs");
    if (rule->clip) rule->kind = LEVEL_NONE;
    if (!rule->limited) rule->limit = -1.0;
}

static inline int level_measures(const level_rule *rule)
{
    return rule->kind >= LEVEL_PEAK;
}

/* ---- Measuring -------------------------------------------------------------------- */

/* level_begin, level_feed for all frames in their order, level_end. */
static inline void level_begin(sound_level *l, const level_rule *rule, const char *path,
    size_t rate, size_t channels)
{
    const size_t size = tango_audio_meter_size(channels);
    tango_error error;
    memset(l, 0, sizeof *l);
    l->rule = *rule;
    l->path = path;
    l->factor = 1.0;
    if (!level_measures(rule)) return;
    l->memory = malloc(size + 1);
    if (l->memory == NULL) cli_fail("%s: no memory for %zu bytes", path, size);
    if (tango_audio_meter_init(&l->meter, rate, channels, l->memory, size, &error)
        != TANGO_OK)
        cli_fail_file(path, error.text);
}

/* x (count), channels interleaved, whole frames. */
static inline void level_feed(sound_level *l, const double *x, size_t count)
{
    float part[840]; /* whole frames of 1 to 8 channels */
    size_t i, n;
    for (i = 0; i < count; i++) {
        if (fabs(x[i]) > l->peak) l->peak = fabs(x[i]);
        l->over += fabs(x[i]) > 1.0;
        if (l->memory != NULL && !(fabs(x[i]) <= (double)FLT_MAX))
            cli_fail_file(l->path, "NaN, infinity or a sample over 3.4e38: no level");
    }
    for (; l->memory != NULL && count > 0; x += n, count -= n) {
        n = count < 840 ? count : 840;
        for (i = 0; i < n; i++) part[i] = (float)x[i];
        tango_audio_meter_feed(&l->meter, part, n / l->meter.channels);
    }
}

/* The factor of a rule that measures, from what the meter has seen. */
static inline void level_aim(sound_level *l)
{
    const tango_audio_meter *m = &l->meter;
    const double true_peak = 20.0 * log10(tango_audio_meter_true_peak(m) + 1e-300),
                 values = (double)m->frames * (double)m->channels;
    double now = true_peak, gain;
    if (l->rule.kind == LEVEL_RMS)
        now = 10.0 * log10(m->square / (values + 1e-300) + 1e-300);
    if (l->rule.kind == LEVEL_LUFS) now = tango_audio_meter_loudness(m);
    l->silent = true_peak < -120.0 || (l->rule.kind == LEVEL_LUFS && now < -70.0);
    if (l->silent) return;
    gain = l->rule.target - now;
    l->held = l->rule.kind != LEVEL_PEAK && gain + true_peak > l->rule.limit;
    if (l->held) gain = l->rule.limit - true_peak;
    l->reached = now + gain;
    l->factor = pow(10.0, gain / 20.0);
}

/* `whole`: the file has whole numbers, which hold no more than -1 .. 1. To be called again
   behind what comes later, by rules that measure nothing. */
static inline void level_end(sound_level *l, int whole)
{
    if (l->memory != NULL) level_aim(l);
    else if (whole && l->rule.kind == LEVEL_FIT && l->over > 0)
        l->factor = 32767.0 / 32768.0 / l->peak; /* the largest number of 16 bits */
    if (!whole) l->over = 0;
    free(l->memory);
    l->memory = NULL;
}

/* All of it for one channel that lies in memory: x is changed. */
static inline void level_fit(sound_level *l, const level_rule *rule, const char *path,
    float *x, size_t count, size_t rate, int whole)
{
    double part[512];
    size_t i, k, n;
    level_begin(l, rule, path, rate, 1);
    for (i = 0; i < count; i += n) {
        n = count - i < 512 ? count - i : 512;
        for (k = 0; k < n; k++) part[k] = (double)x[i + k];
        level_feed(l, part, n);
    }
    level_end(l, whole);
    for (i = 0; i < count && l->factor != 1.0; i++)
        x[i] = (float)(l->factor * (double)x[i]);
}

/* ---- Words ------------------------------------------------------------------------ */

static inline double level_gain(const sound_level *l) { return 20.0 * log10(l->factor); }

/* "1,234 samples clipped" */
static inline void level_count_text(unsigned long long count, char *text, size_t size)
{
    char digits[24];
    size_t i, at = 0;
    const size_t n = (size_t)snprintf(digits, sizeof digits, "%llu", count);
    *text = '\0';
    if (n + n / 3 + 18 > size) return;
    for (i = 0; i < n; i++) {
        if (i && (n - i) % 3 == 0) text[at++] = ',';
        text[at++] = digits[i];
    }
    snprintf(text + at, size - at, count == 1 ? " sample clipped" : " samples clipped");
}

/* What was done, in one line of less than LEVEL_TEXT bytes; "" for nothing where nothing
   was asked for. */
enum { LEVEL_TEXT = 128 };

static inline const char *level_text(const sound_level *l, char *text, size_t size)
{
    const double gain = level_gain(l), by = fabs(gain);
    const char *way = gain < 0.0 ? "lowered" : "raised";
    size_t n = 0;
    *text = '\0';
    if (l->silent)
        snprintf(text, size, "%s: its level stays",
            l->rule.kind == LEVEL_LUFS && l->peak > 1e-6 ? "under -70 LUFS" : "silent");
    if (l->rule.kind == LEVEL_NONE && l->over > 0) level_count_text(l->over, text, size);
    if (l->silent || l->rule.kind == LEVEL_NONE) return text;
    if (by >= 0.005)
        n = (size_t)snprintf(
            text, size, by < 9.95 ? "%s by %.2g dB" : "%s by %.0f dB", way, by);
    if (!level_measures(&l->rule)) return text;
    n += (size_t)snprintf(text + n, size - n, "%s %.1f %s", n > 0 ? " to" : "at",
        l->reached, level_units[l->rule.kind]);
    if (l->held)
        snprintf(text + n, size - n, ", held back by the limit of %g dBTP",
            l->rule.limit);
    return text;
}

#endif
