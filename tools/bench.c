/* bench.c: speed of tango_nn.h on the shapes that carry the work of the models, and of
   tango_audio.h beside other libraries.

       cc tools/bench.c -lm -o bench && ./bench
       ./bench --fft
       cc -DTANGO_PTHREADS tools/bench.c -lm -pthread -o bench && ./bench --threads 4

   Each line is a shape with its GFLOP/s (one multiply-add is 2 operations) and its share
   of the machine's peak: what a loop of multiply-adds between registers reaches with the
   same kernels' instructions and as many threads, measured between the shapes. All shapes
   take turns; the medians over the rounds are printed. bench_fft.h describes --fft. */
#include "../demo/cli.h"
#define TANGO_NN_IMPLEMENTATION
#include "../tango_nn.h"

enum { LINEAR, CONV, ATTEND };

/* LINEAR: height rows, channels inputs, outputs. CONV: the usual; a tail of taps - 1 rows
   more than the input where `full` is set (a transposed convolution as tango.h runs it).
   ATTEND: height queries, width keys, channels wide heads, outputs heads. */
typedef struct shape {
    const char *set;
    int kind;
    size_t height, width, channels, outputs, kernel_height, kernel_width, dilation;
    int full;
    float slope;
} shape;

static const shape shapes[] = {
    { "unet", LINEAR, 4096, 1, 320, 320, 1, 1, 1, 0, 0 },
    { "unet", LINEAR, 4096, 1, 320, 2560, 1, 1, 1, 0, 0 },
    { "unet", LINEAR, 4096, 1, 1280, 320, 1, 1, 1, 0, 0 },
    { "unet", LINEAR, 1024, 1, 640, 640, 1, 1, 1, 0, 0 },
    { "unet", LINEAR, 1024, 1, 640, 5120, 1, 1, 1, 0, 0 },
    { "unet", LINEAR, 1024, 1, 2560, 640, 1, 1, 1, 0, 0 },
    { "unet", LINEAR, 256, 1, 1280, 1280, 1, 1, 1, 0, 0 },
    { "unet", LINEAR, 256, 1, 1280, 10240, 1, 1, 1, 0, 0 },
    { "unet", LINEAR, 256, 1, 5120, 1280, 1, 1, 1, 0, 0 },
    { "unet", LINEAR, 2, 1, 1280, 1280, 1, 1, 1, 0, 0 },
    { "unet", CONV, 256, 16, 320, 320, 3, 3, 1, 0, 0 },
    { "unet", CONV, 256, 16, 640, 320, 3, 3, 1, 0, 0 },
    { "unet", CONV, 256, 16, 640, 640, 3, 3, 1, 0, 0 },
    { "unet", CONV, 256, 16, 960, 320, 3, 3, 1, 0, 0 },
    { "unet", CONV, 128, 8, 320, 640, 3, 3, 1, 0, 0 },
    { "unet", CONV, 128, 8, 640, 640, 3, 3, 1, 0, 0 },
    { "unet", CONV, 128, 8, 1280, 1280, 3, 3, 1, 0, 0 },
    { "unet", CONV, 128, 8, 1920, 640, 3, 3, 1, 0, 0 },
    { "unet", CONV, 64, 4, 1280, 1280, 3, 3, 1, 0, 0 },
    { "unet", CONV, 64, 4, 2560, 1280, 3, 3, 1, 0, 0 },
    { "unet", CONV, 32, 2, 1280, 1280, 3, 3, 1, 0, 0 },
    { "unet", ATTEND, 4096, 4096, 64, 5, 1, 1, 1, 0, 0 },
    { "unet", ATTEND, 1024, 1024, 64, 10, 1, 1, 1, 0, 0 },
    { "unet", ATTEND, 256, 256, 64, 20, 1, 1, 1, 0, 0 },
    { "unet", ATTEND, 4096, 64, 64, 5, 1, 1, 1, 0, 0 },
    { "vae", CONV, 256, 16, 512, 512, 3, 3, 1, 0, 0 },
    { "vae", CONV, 512, 32, 256, 256, 3, 3, 1, 0, 0 },
    { "vae", CONV, 512, 32, 512, 512, 3, 3, 1, 0, 0 },
    { "vae", CONV, 512, 32, 512, 256, 3, 3, 1, 0, 0 },
    { "vae", CONV, 1024, 64, 128, 128, 3, 3, 1, 0, 0 },
    { "vae", CONV, 1024, 64, 256, 128, 3, 3, 1, 0, 0 },
    { "vae", ATTEND, 4096, 4096, 512, 1, 1, 1, 1, 0, 0 },
    { "hifigan", CONV, 5121, 1, 512, 512, 11, 1, 1, 0, 0.1f },
    { "hifigan", CONV, 5121, 1, 512, 512, 7, 1, 1, 0, 0.1f },
    { "hifigan", CONV, 5121, 1, 512, 512, 3, 1, 1, 0, 0.1f },
    { "hifigan", CONV, 5121, 1, 512, 512, 11, 1, 5, 0, 0.1f },
    { "hifigan", CONV, 20484, 1, 256, 256, 11, 1, 1, 0, 0.1f },
    { "hifigan", CONV, 20484, 1, 256, 256, 3, 1, 1, 0, 0.1f },
    { "hifigan", CONV, 40968, 1, 128, 128, 11, 1, 1, 0, 0.1f },
    { "hifigan", CONV, 40968, 1, 128, 128, 3, 1, 1, 0, 0.1f },
    { "hifigan", CONV, 81936, 1, 64, 64, 11, 1, 1, 0, 0.1f },
    { "hifigan", CONV, 81936, 1, 64, 64, 3, 1, 1, 0, 0.1f },
    { "hifigan", CONV, 163872, 1, 32, 32, 11, 1, 1, 0, 0.1f },
    { "hifigan", CONV, 163872, 1, 32, 32, 7, 1, 1, 0, 0.1f },
    { "hifigan", CONV, 1024, 1, 1024, 2560, 4, 1, 1, 1, 0.1f },
    { "hifigan", CONV, 5121, 1, 512, 1024, 4, 1, 1, 1, 0.1f },
    { "t5", LINEAR, 64, 1, 1024, 2816, 1, 1, 1, 0, 0 },
    { "t5", LINEAR, 64, 1, 1024, 1024, 1, 1, 1, 0, 0 },
    { "t5", LINEAR, 64, 1, 2816, 1024, 1, 1, 1, 0, 0 },
    { "t5", ATTEND, 64, 64, 64, 16, 1, 1, 1, 0, 0 },
    /* A small model: few channels, so that copying and calls weigh more. */
    { "small", CONV, 64, 16, 32, 32, 3, 3, 1, 0, 0 },
    { "small", CONV, 32, 8, 64, 64, 3, 3, 1, 0, 0 },
    { "small", CONV, 16, 4, 96, 96, 3, 3, 1, 0, 0 },
    { "small", LINEAR, 256, 1, 64, 256, 1, 1, 1, 0, 0 },
    { "small", ATTEND, 256, 256, 32, 2, 1, 1, 1, 0, 0 },
    { "small", CONV, 256, 64, 24, 24, 3, 3, 1, 0, 0 },
    { "small", CONV, 128, 32, 48, 48, 3, 3, 1, 0, 0 },
    { "small", CONV, 1281, 1, 64, 64, 11, 1, 1, 0, 0.1f },
    { "small", CONV, 5124, 1, 32, 32, 7, 1, 3, 0, 0.1f },
    { "small", CONV, 20496, 1, 8, 8, 11, 1, 1, 0, 0.1f },
    { "small", CONV, 40992, 1, 4, 4, 11, 1, 5, 0, 0.1f },
};
enum { SHAPES = sizeof shapes / sizeof shapes[0], ROUNDS = 101 };

typedef struct bench {
    tango_nn_context c;
    tango_nn_type type;
    float *x, *out;
    void *panels;
    int level; /* 0 reference, 1 avx2, 2 avx512 */
} bench;

static void describe(const shape *s, char *text, size_t size)
{
    if (s->kind == LINEAR) {
        snprintf(text, size, "%s linear %zu x %zu->%zu", s->set, s->height, s->channels,
                 s->outputs);
    } else if (s->kind == ATTEND) {
        snprintf(text, size, "%s attention %zu x %zu keys, %zu heads of %zu", s->set,
                 s->height, s->width, s->outputs, s->channels);
    } else if (s->width == 1) {
        snprintf(text, size, "%s conv k%zu d%zu %zu x %zu->%zu%s", s->set,
                 s->kernel_height, s->dilation, s->height, s->channels, s->outputs,
                 s->full ? " (transposed)" : "");
    } else {
        snprintf(text, size, "%s conv %zux%zu %zux%zu x %zu->%zu", s->set,
                 s->kernel_height, s->kernel_width, s->height, s->width, s->channels,
                 s->outputs);
    }
}

static size_t input_rows(const shape *s)
{
    /* q, k and v of an attention lie behind one another. */
    return s->kind == ATTEND ? s->height + 2 * s->width : s->height * s->width;
}

static size_t output_rows(const shape *s)
{
    if (s->kind == ATTEND) return s->height;
    return (s->height + (s->full ? s->kernel_height - 1 : 0)) * s->width;
}

static size_t inputs(const shape *s)
{
    return s->kernel_height * s->kernel_width * s->channels;
}

static double operations(const shape *s)
{
    if (s->kind == ATTEND) {
        return 4.0 * (double)(s->height * s->width) * (double)(s->channels * s->outputs);
    }
    return 2.0 * (double)output_rows(s) * (double)inputs(s) * (double)s->outputs;
}

static void run(const bench *b, const shape *s)
{
    tango_nn_matrix w = { b->panels, s->outputs, inputs(s), b->type };
    if (s->kind == LINEAR) {
        tango_nn_linear(&b->c, b->out, b->x, s->height, &w, NULL);
    } else if (s->kind == ATTEND) {
        const size_t row = s->channels * s->outputs;
        const float *k = b->x + s->height * row, *v = k + s->width * row;
        tango_nn_attention a = { 1, s->height, s->width, s->outputs, s->channels, 0.125f,
                                 1, NULL, NULL, 0 };
        tango_nn_attend(&b->c, b->out, b->x, k, v, &a);
    } else {
        tango_nn_conv conv = { 1, s->height, s->width, s->channels, s->height, s->width,
                               s->kernel_height, s->kernel_width, 1, s->dilation,
                               s->kernel_height / 2 * s->dilation, s->kernel_width / 2,
                               0, 0, s->slope };
        if (s->full) {
            conv.out_height = s->height + s->kernel_height - 1;
            conv.pad_top = s->kernel_height - 1;
        }
        tango_nn_conv2d(&b->c, b->out, b->x, &conv, &w, NULL);
    }
}

/* ---- Peak ------------------------------------------------------------------------- */

#define PEAK_LOOPS 1000000

/* 12 independent chains of multiply-adds between registers, in assembly so that no
   compiler option changes them; returns floating-point operations. */
static double peak_loop(int level)
{
#if defined __GNUC__ && defined __x86_64__
    size_t count = PEAK_LOOPS;
#define FMA(r, i) "vfmadd231ps %%" r "12, %%" r "13, %%" r i "\n\t"
#define FMA12(r) FMA(r, "0") FMA(r, "1") FMA(r, "2") FMA(r, "3") FMA(r, "4") FMA(r, "5") \
                 FMA(r, "6") FMA(r, "7") FMA(r, "8") FMA(r, "9") FMA(r, "10") FMA(r, "11")
#define CHANGED "+r"(count)::"xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", \
                "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "cc"
    if (level == 2) {
        __asm__ volatile("vzeroall\n\t1:\n\t" FMA12("zmm") "dec %0\n\tjnz 1b\n\t"
                         "vzeroupper" : CHANGED);
        return 12.0 * 32 * PEAK_LOOPS;
    }
    if (level == 1) {
        __asm__ volatile("vzeroall\n\t1:\n\t" FMA12("ymm") "dec %0\n\tjnz 1b\n\t"
                         "vzeroupper" : CHANGED);
        return 12.0 * 16 * PEAK_LOOPS;
    }
    /* The reference kernels have SSE2 only: multiplications and additions in turn. */
    __asm__ volatile("xorps %%xmm12, %%xmm12\n\t1:\n\t"
                     "mulps %%xmm12, %%xmm0\n\taddps %%xmm12, %%xmm6\n\t"
                     "mulps %%xmm12, %%xmm1\n\taddps %%xmm12, %%xmm7\n\t"
                     "mulps %%xmm12, %%xmm2\n\taddps %%xmm12, %%xmm8\n\t"
                     "mulps %%xmm12, %%xmm3\n\taddps %%xmm12, %%xmm9\n\t"
                     "mulps %%xmm12, %%xmm4\n\taddps %%xmm12, %%xmm10\n\t"
                     "mulps %%xmm12, %%xmm5\n\taddps %%xmm12, %%xmm11\n\t"
                     "dec %0\n\tjnz 1b" : CHANGED);
    return 12.0 * 4 * PEAK_LOOPS;
#else
    (void)level;
    return 0;
#endif
}

static void peak_task(void *data, size_t index, size_t worker)
{
    double *results = (double *)data;
    (void)worker;
    results[index + 1] = peak_loop((int)results[0]);
}

/* Operations per second of all threads together. */
static double peak(const bench *b)
{
    double results[257] = { 0 }, sum = 0, start = cli_seconds();
    results[0] = b->level;
    if (b->c.parallel_for) {
        b->c.parallel_for(b->c.pool, b->c.threads, peak_task, results);
    } else {
        peak_task(results, 0, 0);
    }
    for (size_t i = 1; i <= b->c.threads; i++) sum += results[i];
    return sum / (cli_seconds() - start);
}

/* ---- Main ------------------------------------------------------------------------- */

static int ascending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values, size_t count)
{
    qsort(values, count, sizeof *values, ascending);
    return values[count / 2];
}

static void *take(size_t bytes)
{
    char *block = (char *)malloc(bytes + 64);
    if (!block) cli_fail("%zu bytes of memory are not to be had", bytes);
    return block + (64 - (uintptr_t)block % 64); /* kept until the program ends */
}

/* Small numbers of both signs, the same each time. */
static void fill(void *values, size_t count, tango_nn_type type)
{
    uint32_t state = 1;
    for (size_t i = 0; i < count; i++) {
        state = state * 1664525u + 1013904223u;
        const float v = (float)(state >> 8) / 8388608.0f - 1.0f;
        if (type == TANGO_NN_F16) {
            ((uint16_t *)values)[i] = tango_nn_float_to_half(v);
        } else {
            ((float *)values)[i] = v;
        }
    }
}

#include "bench_fft.h"

static size_t larger(size_t a, size_t b) { return a > b ? a : b; }

static void prepare(bench *b, const unsigned char *chosen)
{
    size_t x = 0, out = 0, panels = 0;
    for (size_t i = 0; i < SHAPES; i++) {
        const shape *s = &shapes[i];
        const size_t heads = s->kind == ATTEND ? s->outputs : 1;
        const size_t size = tango_nn_panels_size(s->outputs, inputs(s), b->type);
        if (!chosen[i]) continue;
        x = larger(x, input_rows(s) * s->channels * heads);
        out = larger(out, output_rows(s) * s->outputs
                              * (s->kind == ATTEND ? s->channels : 1));
        panels = larger(panels, size);
    }
    b->x = (float *)take(x * sizeof(float));
    b->out = (float *)take(out * sizeof(float));
    b->panels = take(panels);
    fill(b->x, x, TANGO_NN_F32);
    fill(b->panels, panels / (b->type == TANGO_NN_F16 ? 2 : 4), b->type);
}

/* Rates of one shape per round, in operations per second. Small shapes run several times
   for one reading of the clock. */
static double measure(const bench *b, const shape *s)
{
    size_t runs = 0;
    const double start = cli_seconds();
    double spent;
    do {
        run(b, s);
        runs++;
        spent = cli_seconds() - start;
    } while (spent < 0.01);
    return operations(s) * (double)runs / spent;
}

static void start_threads(bench *b, size_t threads)
{
    b->c.threads = threads;
    b->c.work_size = tango_nn_work_size(threads);
    b->c.work = take(b->c.work_size);
    if (threads == 1) return;
#ifdef TANGO_PTHREADS
    b->c.pool = tango_nn_pool_start(take(tango_nn_pool_size(threads)), threads);
    if (!b->c.pool) cli_fail("no thread could be started");
    b->c.parallel_for = tango_nn_pool_for;
#else
    cli_usage("--threads needs a build with -DTANGO_PTHREADS -pthread");
#endif
}

static void report(const bench *b, double *rates[], double *peaks, size_t rounds,
                   const unsigned char *chosen, int json)
{
    const double top = median(peaks, rounds);
    const char *type = b->type == TANGO_NN_F16 ? "f16" : "f32", *comma = "";
    char text[96];
    if (json) {
        printf("{\"kernels\": \"%s\", \"type\": \"%s\", \"threads\": %zu, ",
               tango_nn_kernels_name(b->c.kernels), type, b->c.threads);
        printf("\"rounds\": %zu, \"peak_gflops\": %.1f, \"shapes\": [", rounds,
               top * 1e-9);
    } else {
        printf("%s, %s weights, %zu thread%s, peak %.1f GFLOP/s, medians of %zu rounds\n",
               tango_nn_kernels_name(b->c.kernels), type, b->c.threads,
               b->c.threads == 1 ? "" : "s", top * 1e-9, rounds);
        printf("%-52s %9s %7s\n", "shape", "GFLOP/s", "peak");
    }
    for (size_t i = 0; i < SHAPES; i++) {
        if (!chosen[i]) continue;
        const double rate = median(rates[i], rounds), share = top > 0 ? rate / top : 0;
        describe(&shapes[i], text, sizeof text);
        if (json) {
            printf("%s\n{\"shape\": \"%s\", \"gflops\": %.2f, \"share\": %.4f}", comma,
                   text, rate * 1e-9, share);
            comma = ",";
        } else {
            printf("%-52s %9.1f %5.1f %%\n", text, rate * 1e-9, 100 * share);
        }
    }
    if (json) printf("\n]}\n");
}

static const cli_option options[] = {
    { 't', "threads", "N", "threads, 1 to 256 (1)" },
    { 'k', "kernels", "NAME", "reference, avx2 or avx512 (the best of this machine)" },
    { 'T', "type", "TYPE", "weights of f32 or f16 (f32)" },
    { 'f', "filter", "TEXT", "only shapes whose line contains TEXT" },
    { 's', "seconds", "S", "time for all shapes together (30); at least 3 rounds" },
    { 'F', "fft", NULL, "tango_audio.h instead: transforms, mel, resampling" },
    { 'j', "json", NULL, "print JSON" },
    { 'h', "help", NULL, "print this" },
    { 0, NULL, NULL, NULL }
};

int main(int argc, char **argv)
{
    static const char *const levels[] = { "reference", "avx2", "avx512", NULL };
    static const char *const types[] = { "f32", "f16", NULL };
    static double *rates[SHAPES], peaks[ROUNDS];
    static unsigned char chosen[SHAPES];
    static const int of_products[] = { 't', 'k', 'T', 'f', 0 };
    cli c = cli_begin(argc, argv, options);
    const char *filter = "";
    size_t threads = 1, rounds = 0, count = 0;
    double seconds = 30, start;
    int id, json = 0, fft = 0;
    char text[96];
    bench b;
    memset(&b, 0, sizeof b);
    b.c.kernels = tango_nn_detect();
    while ((id = cli_next(&c)) != 0) switch (id) {
        case 't': threads = (size_t)cli_integer(&c, 1, 256); break;
        case 'k': b.c.kernels = tango_nn_kernels_named(levels[cli_choice(&c, levels)]);
                  if (!b.c.kernels) cli_fail("this machine cannot run %s", c.text);
                  break;
        case 'T': b.type = cli_choice(&c, types) ? TANGO_NN_F16 : TANGO_NN_F32; break;
        case 'f': filter = c.text; break;
        case 's': seconds = cli_number(&c, 0, 1e6); break;
        case 'F': fft = 1; break;
        case 'j': json = 1; break;
        case 'h': cli_help("bench [options]",
                           "Speed of tango_nn.h on the shapes of the models, and of "
                           "tango_audio.h.", options);
                  return 0;
        default: cli_usage("no operand is expected, found \"%.60s\"", c.text);
    }
    if (fft) {
        cli_idle(&c, of_products, "--fft measures tango_audio.h");
        bench_fft(seconds, json);
        return 0;
    }
    while (levels[b.level + 1] && strcmp(levels[b.level],
                                         tango_nn_kernels_name(b.c.kernels)) != 0) {
        b.level++;
    }
    for (size_t i = 0; i < SHAPES; i++) {
        describe(&shapes[i], text, sizeof text);
        chosen[i] = strstr(text, filter) != NULL;
        count += chosen[i];
        rates[i] = (double *)take(ROUNDS * sizeof(double));
    }
    if (count == 0) cli_usage("no shape contains \"%.60s\"", filter);
    start_threads(&b, threads);
    prepare(&b, chosen);
    start = cli_seconds();
    cli_progress progress = cli_progress_begin(json);
    while (rounds < ROUNDS && (rounds < 3 || cli_seconds() - start < seconds)) {
        for (size_t i = 0, done = 0; i < SHAPES; i++) {
            if (!chosen[i]) continue;
            rates[i][rounds] = measure(&b, &shapes[i]);
            cli_progress_step(&progress, ++done, count + 1);
        }
        peaks[rounds++] = peak(&b);
    }
    cli_progress_end(&progress);
    report(&b, rates, peaks, rounds, chosen, json);
#ifdef TANGO_PTHREADS
    tango_nn_pool_stop((tango_nn_pool *)b.c.pool);
#endif
    return 0;
}
