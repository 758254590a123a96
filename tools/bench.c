/* bench.c: speed of tango_nn.h on the shapes that carry the work of the models, of the
   stages of a model, and of tango_audio.h beside other libraries.

       cc tools/bench.c -lm -o bench && ./bench
       ./bench --stages --model demo/tiny.tango
       ./bench --fft
       cc -DTANGO_PTHREADS tools/bench.c -lm -pthread -o bench && ./bench --threads 4

   Each line is a shape or a stage with its GFLOP/s and its share of the machine's peak.
   Operations are those of the formula, one multiply-add is 2: an algorithm with fewer
   multiplications (Winograd's convolutions) may come out above the peak. The peak is what
   a loop of multiply-adds between registers reaches with the same kernels' instructions,
   factors of the same width and as many threads, measured between the shapes (peak.h).
   All lines take turns; the medians over the rounds are printed. */
#include "../demo/cli.h"
#define TANGO_IMPLEMENTATION
#include "../tango.h"
#include "../demo/peak.h"
#include "bench_shapes.h"
#include "bench_stages.h"

enum { ROUNDS = 101 };

/* Types of weights, and the bits of the factors that kernels multiply. */
typedef struct bench_type { const char *name; tango_nn_type type; int bits; } bench_type;
static const bench_type bench_types[] = {
    { "f32", TANGO_NN_F32, 32 },
    { "f16", TANGO_NN_F16, 32 }, /* widened to floats first */
    { "bf16", TANGO_NN_BF16, 32 },
    { "i16", TANGO_NN_I16, 16 },
    { "i8", TANGO_NN_I8, 16 }, /* multiplied as 16 bits */
};
enum { TYPES = sizeof bench_types / sizeof bench_types[0] };

typedef struct bench {
    tango_nn_context c;
    const bench_type *type;
    float *x, *out, *w; /* w: weights of one panel, before they are packed */
    unsigned char *panels;
    const peak *limit;
    double seconds;     /* for all lines together; at least 3 rounds, or one if quick */
    int quick, json;
} bench;

static void *take(size_t bytes)
{
    char *block = (char *)malloc(bytes + 64);
    if (!block) cli_fail("%zu bytes of memory are not to be had", bytes);
    return block + (64 - (uintptr_t)block % 64); /* kept until the program ends */
}

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

/* Small numbers of both signs, the same each time. */
static void fill(float *values, size_t count, tango_nn_type type)
{
    (void)type;
    stages_fill(values, count);
}

#include "bench_fft.h"

/* ---- Shapes ----------------------------------------------------------------------- */

/* Panels of a shape: one of random weights, as often as there are panels. */
static void pack(const bench *b, const shape *s)
{
    const size_t all = tango_nn_panels_size(s->outputs, inputs(s), b->type->type),
                 count = (s->outputs + 15) / 16, one = all / count;
    const size_t outputs = s->outputs < 16 ? s->outputs : 16;
    tango_nn_pack_panel(b->panels, b->type->type, b->w, outputs, s->channels,
                        s->kernel_height * s->kernel_width);
    for (size_t i = 1; i < count; i++) memcpy(b->panels + i * one, b->panels, one);
}

static void attend(const bench *b, const shape *s)
{
    const size_t row = s->channels * s->outputs;
    const float *k = b->x + s->height * row, *v = k + s->width * row;
    tango_nn_attention a;
    memset(&a, 0, sizeof a);
    a.batch = 1;
    a.queries = s->height;
    a.keys = s->width;
    a.heads = s->outputs;
    a.width = s->channels;
    a.scale = 0.125f;
    tango_nn_attend(&b->c, b->out, b->x, k, v, &a);
}

static void convolve(const bench *b, const shape *s, const tango_nn_matrix *w)
{
    tango_nn_conv c;
    memset(&c, 0, sizeof c);
    c.batch = 1;
    c.height = s->height;
    c.width = s->width;
    c.channels = s->channels;
    c.kernel_height = s->kernel_height;
    c.kernel_width = s->kernel_width;
    c.stride = s->stride;
    c.dilation = s->dilation;
    c.out_height = s->stride > 1 ? s->height / 2 : s->height;
    c.out_width = s->stride > 1 ? s->width / 2 : s->width;
    c.pad_top = s->kernel_height / 2 * s->dilation;
    c.pad_left = s->kernel_width / 2;
    c.slope = s->slope;
    if (s->full) {
        c.out_height = s->height + s->kernel_height - 1;
        c.pad_top = s->kernel_height - 1;
    }
    tango_nn_conv2d(&b->c, b->out, b->x, &c, w, NULL);
}

static void run(const bench *b, const shape *s)
{
    tango_nn_matrix w;
    memset(&w, 0, sizeof w);
    w.panels = b->panels;
    w.outputs = s->outputs;
    w.inputs = inputs(s);
    w.type = b->type->type;
    if (s->kind == LINEAR) tango_nn_linear(&b->c, b->out, b->x, s->height, &w, NULL);
    else if (s->kind == ATTEND) attend(b, s);
    else convolve(b, s, &w);
}

static size_t larger(size_t a, size_t b) { return a > b ? a : b; }

static void prepare(bench *b, const unsigned char *chosen)
{
    size_t x = 0, out = 0, panels = 0, w = 0;
    for (size_t i = 0; i < SHAPES; i++) {
        const shape *s = &shapes[i];
        const size_t heads = s->kind == ATTEND ? s->outputs : 1;
        if (!chosen[i]) continue;
        x = larger(x, input_rows(s) * s->channels * heads);
        out = larger(out, output_rows(s) * s->outputs
                              * (s->kind == ATTEND ? s->channels : 1));
        panels = larger(panels,
                        tango_nn_panels_size(s->outputs, inputs(s), b->type->type));
        w = larger(w, 16 * inputs(s));
    }
    b->x = (float *)take(x * sizeof(float));
    b->out = (float *)take(out * sizeof(float));
    b->w = (float *)take(w * sizeof(float));
    b->panels = (unsigned char *)take(panels);
    stages_fill(b->x, x);
    stages_fill(b->w, w);
}

/* Rate of one shape, in operations per second. Small shapes run several times for one
   reading of the clock. */
static double measure(const bench *b, const shape *s)
{
    size_t runs = 0;
    double start, spent;
    if (s->kind != ATTEND) pack(b, s);
    start = cli_seconds();
    do {
        run(b, s);
        runs++;
        spent = cli_seconds() - start;
    } while (spent < 0.01 && !b->quick);
    return operations(s) * (double)runs / spent;
}

static int go_on(const bench *b, size_t rounds, double start)
{
    if (b->quick) return rounds < 1;
    return rounds < ROUNDS && (rounds < 3 || cli_seconds() - start < b->seconds);
}

static void report_begin(const bench *b, double top, size_t rounds, const char *what)
{
    const char *instruction = b->limit ? b->limit->instruction : "unknown";
    const char *kernels = tango_nn_kernels_name(b->c.kernels);
    if (b->json) {
        printf("{\"kernels\": \"%s\", \"type\": \"%s\", \"threads\": %zu, ", kernels,
               b->type->name, b->c.threads);
        printf("\"rounds\": %zu, \"instruction\": \"%s\", \"peak_gflops\": %.1f, "
               "\"%ss\": [", rounds, instruction, top * 1e-9, what);
        return;
    }
    printf("%s, %s weights, %zu thread%s, peak %.1f GFLOP/s (%s), medians of %zu "
           "round%s\n", kernels, b->type->name, b->c.threads,
           b->c.threads == 1 ? "" : "s", top * 1e-9, instruction, rounds,
           rounds == 1 ? "" : "s");
    printf("%-52s %11s %9s %7s\n", what, "ms", "GFLOP/s", "peak");
}

/* One line; operations 0 where nobody counts them. */
static void print_line(const bench *b, const char *what, const char *text, double top,
                      double seconds, double operations_, const char *comma)
{
    const double rate = operations_ / seconds, share = top > 0 ? rate / top : 0;
    if (b->json)
        printf("%s\n{\"%s\": \"%s\", \"ms\": %.4f, \"gflops\": %.2f, \"share\": %.4f}",
               comma, what, text, seconds * 1e3, rate * 1e-9, share);
    else if (operations_ > 0 && top > 0)
        printf("%-52s %11.3f %9.1f %5.1f %%\n", text, seconds * 1e3, rate * 1e-9,
               100 * share);
    else if (operations_ > 0)
        printf("%-52s %11.3f %9.1f\n", text, seconds * 1e3, rate * 1e-9);
    else
        printf("%-52s %11.3f\n", text, seconds * 1e3);
}

/* The small shapes alone, where a test only wants to see that all runs. */
static size_t choose(const bench *b, const char *filter, unsigned char *chosen)
{
    char text[96];
    size_t count = 0;
    for (size_t i = 0; i < SHAPES; i++) {
        describe(&shapes[i], text, sizeof text);
        chosen[i] = strstr(text, filter) != NULL
                 && (!b->quick || operations(&shapes[i]) < 1e8);
        count += chosen[i];
    }
    return count;
}

static void bench_shapes(bench *b, const char *filter)
{
    static double *rates[SHAPES], peak_rates[ROUNDS];
    static unsigned char chosen[SHAPES];
    const size_t count = choose(b, filter, chosen);
    size_t rounds = 0;
    double start, top;
    char text[96];
    const char *comma = "";
    cli_progress progress;
    if (count == 0) cli_usage("no shape contains \"%.60s\"", filter);
    for (size_t i = 0; i < SHAPES; i++)
        rates[i] = (double *)take(ROUNDS * sizeof(double));
    prepare(b, chosen);
    start = cli_seconds();
    progress = cli_progress_begin(b->json);
    for (; go_on(b, rounds, start); rounds++) {
        for (size_t i = 0, done = 0; i < SHAPES; i++) {
            if (!chosen[i]) continue;
            rates[i][rounds] = measure(b, &shapes[i]);
            cli_progress_step(&progress, ++done, count + 1);
        }
        peak_rates[rounds] = peak_rate(&b->c, b->limit);
    }
    cli_progress_end(&progress);
    top = median(peak_rates, rounds);
    report_begin(b, top, rounds, "shape");
    for (size_t i = 0; i < SHAPES; i++) {
        if (!chosen[i]) continue;
        describe(&shapes[i], text, sizeof text);
        print_line(b, "shape", text, top,
                    operations(&shapes[i]) / median(rates[i], rounds),
                    operations(&shapes[i]), comma);
        comma = ",";
    }
    if (b->json) printf("\n]}\n");
}

/* Runs the shape of each line on standard input and says the seconds, so that others can
   take turns with us; lines are as --list prints them. */
static void answer(bench *b)
{
    static unsigned char chosen[SHAPES];
    char asked[128], text[96];
    memset(chosen, 1, sizeof chosen);
    prepare(b, chosen);
    printf("ready\n");
    fflush(stdout);
    while (fgets(asked, sizeof asked, stdin)) {
        size_t i = 0;
        asked[strcspn(asked, "\n")] = 0;
        for (text[0] = 0; i < SHAPES && strcmp(asked, text) != 0; i++)
            describe(&shapes[i], text, sizeof text);
        if (strcmp(asked, text) != 0) printf("none\n");
        else printf("%.9f\n", operations(&shapes[i - 1]) / measure(b, &shapes[i - 1]));
        fflush(stdout);
    }
}

static void list(const bench *b, const char *filter)
{
    static unsigned char chosen[SHAPES];
    char text[96];
    (void)choose(b, filter, chosen);
    for (size_t i = 0; i < SHAPES; i++) {
        if (!chosen[i]) continue;
        describe(&shapes[i], text, sizeof text);
        puts(text);
    }
}

/* ---- Stages ----------------------------------------------------------------------- */

static double bench_seconds(void *user)
{
    (void)user;
    return cli_seconds();
}

/* What was computed so far; the profile starts anew. */
static double counted(tango_profile *p)
{
    double sum = 0;
    for (size_t i = 0; i < TANGO_PROFILE_PARTS; i++)
        for (size_t k = 0; k < TANGO_LAYERS; k++) sum += p->operations[i][k];
    memset(p->spent, 0, sizeof p->spent);
    memset(p->operations, 0, sizeof p->operations);
    return sum;
}

/* Operations of the second step alone are those of any but the first. */
static int second_step(stages *s, size_t done)
{
    if (done < 2 && s->stage == STAGE_UNET) (void)counted(s->params.profile);
    return s->stage == STAGE_TEXT || done == 2;
}

static void open_model(bench *b, stages *s, tango_io_file *file, tango_model *m,
                       const char *name, double seconds)
{
    tango_io_tensor t;
    if (tango_io_map(file, name, &s->error) != TANGO_OK)
        cli_fail_file(name, s->error.text);
    if (tango_open(m, file->data, file->size, &s->error) != TANGO_OK)
        cli_fail_file(name, s->error.text);
    for (size_t i = 0; i < tango_io_blob_tensor_count(&m->blob); i++) {
        tango_io_blob_tensor(&m->blob, i, &t);
        /* Of the printed line and the peak; tango.h looks at each tensor itself. */
        if (t.layout == TANGO_IO_PLAIN) continue;
        for (size_t j = 1; j < TYPES; j++)
            if (strcmp(tango_io_type_name(t.type), bench_types[j].name) == 0)
                b->type = &bench_types[j];
    }
    b->limit = peak_of(tango_nn_kernels_name(b->c.kernels), b->type->bits);
    if (seconds <= 0) seconds = m->defaults.seconds > 0 ? m->defaults.seconds : 10.24;
    if (b->quick) seconds = 0.64;
    s->params.kernels = b->c.kernels;
    s->params.parallel_for = b->c.parallel_for;
    s->params.pool = b->c.pool;
    s->params.threads = b->c.threads;
    s->behind_step = second_step;
    stages_begin(s, m, seconds);
}

static void bench_stages(bench *b, const char *name, const char *filter, double length)
{
    static stages s;
    static tango_model model;
    static double times[STAGES][ROUNDS], peak_rates[ROUNDS];
    double work[STAGES] = { 0 }, start, top;
    tango_io_file file;
    tango_profile profile;
    tango_encoding e;
    size_t rounds = 0;
    const char *comma = "";
    memset(&profile, 0, sizeof profile);
    memset(&e, 0, sizeof e);
    profile.seconds = bench_seconds;
    s.params.profile = e.profile = &profile;
    open_model(b, &s, &file, &model, name, length);
    start = cli_seconds();
    for (; go_on(b, rounds, start); rounds++) {
        for (int i = 0; i < STAGES; i++) {
            if (!stages_has(&s, i) || !strstr(stage_names[i], filter)) continue;
            (void)counted(&profile);
            times[i][rounds] = stages_time(&s, i, &e);
            work[i] = counted(&profile);
        }
        peak_rates[rounds] = peak_rate(&b->c, b->limit);
    }
    top = median(peak_rates, rounds);
    report_begin(b, top, rounds, "stage");
    for (int i = 0; i < STAGES; i++) {
        if (!stages_has(&s, i) || !strstr(stage_names[i], filter)) continue;
        print_line(b, "stage", stage_names[i], top, median(times[i], rounds), work[i],
                    comma);
        comma = ",";
    }
    if (b->json) printf("\n]}\n");
    tango_io_unmap(&file);
}

/* ---- Main ------------------------------------------------------------------------- */

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
    cli_usage("more than one thread needs a build with -DTANGO_PTHREADS -pthread");
#endif
}

static const char *const examples[] = {
    "bench",
    "bench --stages -m demo/tiny.tango -t 2",
    "bench --fft --json",
    NULL,
};

static const cli_option options[] = {
    { 't', "threads", "N", "threads, 1 to 256 (TANGO_THREADS, else 1)" },
    { 'k', "kernels", "NAME", "as tango_nn_kernels_named (the best of this machine)" },
    { 'T', "type", "TYPE", "type of weights: f32, f16, bf16, i16 or i8 (f32)" },
    { 'f', "filter", "TEXT", "only shapes or stages whose line contains TEXT" },
    { 's', "seconds", "S", "time for all lines together (30); at least 3 rounds" },
    { 'S', "stages", NULL, "the stages of a model instead" },
    { 'm', "model", "FILE", "of --stages (demo/tiny.tango)" },
    { 'l', "length", "S", "seconds of sound of --stages (the model's own)" },
    { 'F', "fft", NULL, "tango_audio.h instead: transforms, mel, resampling" },
    { 'Q', "quick", NULL, "one round of what is small, to see that it runs" },
    { 'L', "list", NULL, "only the shapes' lines, no measurement" },
    { 'A', "ask", NULL, "run the shape of each line on standard input, say the seconds" },
    { 'j', "json", NULL, "print JSON" },
    { 'h', "help", NULL, "print this" },
    { 0, NULL, NULL, NULL }
};

static const bench_type *type_named(const cli *c)
{
    const char *words[TYPES + 1] = { NULL };
    for (size_t i = 0; i < TYPES; i++) words[i] = bench_types[i].name;
    return &bench_types[cli_choice(c, words)];
}

int main(int argc, char **argv)
{
    static const int of_products[] = { 't', 'k', 'T', 'f', 0 },
                     of_stages[] = { 'm', 'l', 0 }, of_shapes[] = { 'T', 0 };
    cli c = cli_begin(argc, argv, options);
    const char *filter = "", *model = "demo/tiny.tango";
    size_t threads = 0;
    double length = 0;
    int id, fft = 0, by_stage = 0, only_list = 0, ask = 0;
    static bench b; /* keeps its blocks until the program ends */
    memset(&b, 0, sizeof b);
    b.c.kernels = tango_nn_detect();
    b.type = bench_types;
    b.seconds = 30;
    while ((id = cli_next(&c)) != 0) switch (id) {
        case 't': threads = (size_t)cli_integer(&c, 1, 256); break;
        case 'k': b.c.kernels = tango_nn_kernels_named(c.text);
                  if (!b.c.kernels)
                      cli_fail("this machine cannot run \"%.60s\"", c.text);
                  break;
        case 'T': b.type = type_named(&c); break;
        case 'f': filter = c.text; break;
        case 's': b.seconds = cli_number(&c, 0, 1e6); break;
        case 'S': by_stage = 1; break;
        case 'm': model = c.text; break;
        case 'l': length = cli_number(&c, 0.1, TANGO_SECONDS_MAX); break;
        case 'F': fft = 1; break;
        case 'Q': b.quick = 1; break;
        case 'L': only_list = 1; break;
        case 'A': ask = 1; break;
        case 'j': b.json = 1; break;
        case 'h': cli_help("bench [options]",
                           "Speed of tango_nn.h on the shapes of the models, of a "
                           "model's stages, and of tango_audio.h.", examples, options);
                  return 0;
        default: cli_usage("no operand is expected, found \"%.60s\"", c.text);
    }
    if (!by_stage) cli_idle(&c, of_stages, "only --stages runs a model");
    if (fft) {
        cli_idle(&c, of_products, "--fft measures tango_audio.h");
        bench_fft(b.quick ? 0 : b.seconds, b.json);
        cli_flush();
        return 0;
    }
    start_threads(&b, threads != 0 ? threads : cli_threads(256, 1));
    if (by_stage) cli_idle(&c, of_shapes, "a model has the types that it has");
    b.limit = peak_of(tango_nn_kernels_name(b.c.kernels), b.type->bits);
    if (only_list) list(&b, filter);
    else if (ask) answer(&b);
    else if (by_stage) bench_stages(&b, model, filter, length);
    else bench_shapes(&b, filter);
#ifdef TANGO_PTHREADS
    tango_nn_pool_stop((tango_nn_pool *)b.c.pool);
#endif
    cli_flush();
    return 0;
}
