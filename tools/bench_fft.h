/* bench_fft.h: the part of bench for tango_audio.h: transforms, the log-mel of 10 s of
   sound, resampling, on one thread.                                                MIT-0

   Other libraries stand beside ours where there are any. FFTW is looked for when the
   program runs (libfftw3f.so.3; Debian: libfftw3-single3), with plans of its two usual
   kinds. pffft is compiled in by
       cc -DBENCH_PFFFT='"DIR/pffft.h"' tools/bench.c DIR/pffft.c DIR/pffft_common.c -lm
   All transform from one array into another, except our complex ones, which work in
   place; both others have real and imaginary parts in turns, ours apart. */
#ifndef TANGO_BENCH_FFT_H
#define TANGO_BENCH_FFT_H

#define TANGO_AUDIO_IMPLEMENTATION
#include "../tango_audio.h"
#ifdef BENCH_PFFFT
#include BENCH_PFFFT
#endif
#if defined __unix__ || defined __APPLE__
#include <dlfcn.h>
#define BENCH_FFTW 1
#ifdef __GNUC__ /* older systems keep dlopen in a library of its own: then without FFTW */
#pragma weak dlopen
#pragma weak dlsym
#endif
#endif

enum { OURS, FFTW_ESTIMATED, FFTW_MEASURED, PFFFT, LIBRARIES };
static const char *const library_names[] = { "tango_audio", "fftw estimate",
                                             "fftw measure", "pffft" };
enum { FFT_LINES = 13 }; /* real and complex of 5 sizes, log-mel, two rate pairs */

/* What one library does for one line. run is NULL where the library is missing. */
typedef struct task {
    void (*run)(const struct task *);
    size_t n;
    float *x, *y, *work;
    tango_audio_fft fft;
    tango_audio_front *front;
    tango_audio_resampler resampler;
    void *plan;
    double rates[ROUNDS];
} task;

/* work is what a task does once: operations, seconds of sound, samples; scale makes its
   rate the unit that is printed. */
typedef struct line {
    char text[48];
    const char *unit;
    double work, scale;
    task *tasks; /* (LIBRARIES) */
} line;

/* ---- Ours ------------------------------------------------------------------------- */

static void run_real(const task *t)
{
    tango_audio_fft_real(t->y, t->y + t->n, t->x, &t->fft, t->work);
}

static void run_complex(const task *t)
{
    tango_audio_fft_complex(t->y, t->y + t->n, &t->fft, t->work);
}

static void run_log_mel(const task *t)
{
    tango_audio_log_mel(t->y, t->x, t->n, 0, tango_audio_frame_count(t->n, t->front),
                        t->front, t->work);
}

static void run_resample(const task *t)
{
    tango_audio_resample(t->y, t->x, t->n, &t->resampler);
}

static void ours(task *t, int is_complex)
{
    const size_t size = tango_audio_fft_size(t->n);
    t->work = (float *)take(tango_audio_fft_work_size(t->n));
    (void)tango_audio_fft_init(&t->fft, t->n, take(size), size, NULL);
    t->run = is_complex ? run_complex : run_real;
}

/* ---- FFTW ------------------------------------------------------------------------- */

#ifdef BENCH_FFTW
static struct {
    void *(*real)(int n, float *x, float *y, unsigned flags);
    void *(*complex_)(int n, float *x, float *y, int sign, unsigned flags);
    void (*execute)(void *plan);
} fftw;

/* *function = the address of a name; 0 if there is none. */
static int fftw_find(void *library, const char *name, void *function)
{
    void *found = dlsym(library, name);
    memcpy(function, &found, sizeof found);
    return found != NULL;
}

static int fftw_open(void)
{
    void *library = NULL;
#ifdef __GNUC__
    if (!dlopen || !dlsym) return 0;
#endif
    library = dlopen("libfftw3f.so.3", RTLD_NOW);
    if (!library) library = dlopen("libfftw3f.3.dylib", RTLD_NOW);
    return library && fftw_find(library, "fftwf_plan_dft_r2c_1d", &fftw.real)
        && fftw_find(library, "fftwf_plan_dft_1d", &fftw.complex_)
        && fftw_find(library, "fftwf_execute", &fftw.execute);
}

static void run_fftw(const task *t) { fftw.execute(t->plan); }

static void fftw_plan(task *t, int is_complex, int measured)
{
    const unsigned flags = (measured ? 0u : 1u << 6) | 1u << 4; /* the input is kept */
    t->plan = is_complex ? fftw.complex_((int)t->n, t->x, t->y, -1, flags)
                         : fftw.real((int)t->n, t->x, t->y, flags);
    if (t->plan) t->run = run_fftw;
}
#endif

/* ---- pffft ------------------------------------------------------------------------ */

#ifdef BENCH_PFFFT
static void run_pffft(const task *t)
{
    pffft_transform_ordered((PFFFT_Setup *)t->plan, t->x, t->y, t->work, PFFFT_FORWARD);
}

static void pffft_plan(task *t, int is_complex)
{
    t->work = (float *)take(2 * t->n * sizeof(float));
    t->plan = pffft_new_setup((int)t->n, is_complex ? PFFFT_COMPLEX : PFFFT_REAL);
    if (t->plan) t->run = run_pffft;
}
#endif

/* ---- Lines ------------------------------------------------------------------------ */

static void arrays(task *t, size_t n, size_t x, size_t y)
{
    t->n = n;
    t->x = (float *)take(x * sizeof(float));
    t->y = (float *)take(y * sizeof(float));
    memset(t->x, 0, x * sizeof(float));
    memset(t->y, 0, y * sizeof(float));
}

/* By the custom of such tables 5 n log2 n operations, half of them if real. The arrays
   hold zeros, as transforms in place, repeated, would make other numbers overflow. */
static void transform_line(line *l, size_t n, int is_complex, int with_fftw)
{
    double log2n = 0;
    for (size_t k = n; k > 1; k /= 2) log2n++;
    snprintf(l->text, sizeof l->text, "%s transform of %zu",
             is_complex ? "complex" : "real", n);
    l->unit = "GFLOP/s";
    l->work = (is_complex ? 5 : 2.5) * (double)n * log2n;
    l->scale = 1e-9;
    for (int i = 0; i < LIBRARIES; i++) arrays(&l->tasks[i], n, 2 * n, 2 * n + 32);
    ours(&l->tasks[OURS], is_complex);
#ifdef BENCH_FFTW
    if (with_fftw) {
        fftw_plan(&l->tasks[FFTW_ESTIMATED], is_complex, 0);
        fftw_plan(&l->tasks[FFTW_MEASURED], is_complex, 1);
    }
#else
    (void)with_fftw;
#endif
#ifdef BENCH_PFFFT
    pffft_plan(&l->tasks[PFFFT], is_complex);
#endif
}

/* 10 s at 16 kHz, 1001 frames. */
static void log_mel_line(line *l)
{
    const size_t size = tango_audio_front_size(NULL), samples = 160000;
    task *t = &l->tasks[OURS];
    snprintf(l->text, sizeof l->text, "log-mel of 10 s, 1024/160/64");
    l->unit = "s of sound/s";
    l->work = 10;
    l->scale = 1;
    arrays(t, samples, samples, 1001 * 64);
    fill(t->x, samples, TANGO_NN_F32);
    t->front = (tango_audio_front *)take(sizeof *t->front);
    t->work = (float *)take(tango_audio_frame_work_size(NULL));
    (void)tango_audio_front_init(t->front, NULL, take(size), size, NULL);
    t->run = run_log_mel;
}

/* 10 s of one rate into 16 kHz; its samples are counted. */
static void resample_line(line *l, size_t rate)
{
    const size_t size = tango_audio_resampler_size(rate, 16000);
    task *t = &l->tasks[OURS];
    snprintf(l->text, sizeof l->text, "resampling %zu to 16000", rate);
    l->unit = "Msamples/s";
    l->work = 10.0 * (double)rate;
    l->scale = 1e-6;
    arrays(t, 10 * rate, 10 * rate, 160000);
    fill(t->x, 10 * rate, TANGO_NN_F32);
    (void)tango_audio_resampler_init(&t->resampler, rate, 16000, take(size), size, NULL);
    t->run = run_resample;
}

static void make_lines(line *lines)
{
    size_t at = 0;
    int with_fftw = 0;
#ifdef BENCH_FFTW
    with_fftw = fftw_open();
#endif
    for (size_t i = 0; i < FFT_LINES; i++) {
        const size_t bytes = LIBRARIES * sizeof(task);
        memset(&lines[i], 0, sizeof lines[i]);
        lines[i].tasks = (task *)take(bytes);
        memset(lines[i].tasks, 0, bytes);
    }
    for (int is_complex = 0; is_complex < 2; is_complex++)
        for (size_t n = 256; n <= 4096; n *= 2)
            transform_line(&lines[at++], n, is_complex, with_fftw);
    log_mel_line(&lines[at++]);
    resample_line(&lines[at++], 44100);
    resample_line(&lines[at++], 48000);
}

/* ---- Measuring, printing ---------------------------------------------------------- */

/* A reading takes a millisecond if it can: others who share the machine then mostly fall
   between readings. */
static double measure_task(const task *t, double work)
{
    const size_t step = t->n > 4096 ? 1 : 8;
    size_t runs = 0;
    const double start = cli_seconds();
    double spent;
    do {
        for (size_t i = 0; i < step; i++) t->run(t);
        runs += step;
        spent = cli_seconds() - start;
    } while (spent < 0.001);
    return work * (double)runs / spent;
}

static void report_line(const line *l, size_t rounds, int json)
{
    double rate = median(l->tasks[OURS].rates, rounds), best = 0;
    if (json) printf("{\"line\": \"%s\", \"unit\": \"%s\"", l->text, l->unit);
    else printf("%-30s %-13s", l->text, l->unit);
    for (int i = 0; i < LIBRARIES; i++) {
        const task *t = &l->tasks[i];
        const double its = t->run ? median(l->tasks[i].rates, rounds) : 0;
        if (i != OURS && its > best) best = its;
        if (json && t->run) printf(", \"%s\": %.2f", library_names[i], its * l->scale);
        if (!json && t->run) printf(" %13.1f", its * l->scale);
        if (!json && !t->run) printf(" %13s", "-");
    }
    if (json) printf("}");
    else if (best > 0) printf(" %8.2f\n", rate / best);
    else if (l->work == 10) printf("  %.2f ms\n", 1e4 / rate);
    else printf("\n");
}

static void bench_fft(double seconds, int json)
{
    static line lines[FFT_LINES];
    size_t rounds = 0;
    double start;
    make_lines(lines);
    start = cli_seconds();
    cli_progress progress = cli_progress_begin(json);
    while (rounds < ROUNDS && (rounds < 3 || cli_seconds() - start < seconds)) {
        for (size_t i = 0; i < FFT_LINES; i++) {
            for (int k = 0; k < LIBRARIES; k++) {
                task *t = &lines[i].tasks[k];
                if (t->run) t->rates[rounds] = measure_task(t, lines[i].work);
            }
            cli_progress_step(&progress, i + 1, FFT_LINES + 1);
        }
        rounds++;
    }
    cli_progress_end(&progress);
    if (json) printf("{\"rounds\": %zu, \"lines\": [\n", rounds);
    else {
        printf("one thread, medians of %zu rounds; the last column is ours over the best"
               " other\n%-44s", rounds, "");
        for (int i = 0; i < LIBRARIES; i++) printf(" %13s", library_names[i]);
        printf("\n");
    }
    for (size_t i = 0; i < FFT_LINES; i++) {
        report_line(&lines[i], rounds, json);
        if (json) printf("%s\n", i + 1 < FFT_LINES ? "," : "]}");
    }
}

#endif
