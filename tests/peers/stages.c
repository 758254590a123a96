/* stages.c: one stage of a model, run as often as another program asks.

       cc -DTANGO_H_FILE='"TREE/tango.h"' tests/peers/stages.c -lm -pthread -o stages
       ./stages MODEL STAGE THREADS SECONDS [KERNELS]

   Every line on standard input asks for one run; its seconds are printed. At the end of
   the input the program ends. So builds of several versions, and other libraries, take
   turns, and none loads its weights more than once. STAGE is a name of bench_stages.h;
   "prepare" runs the stage's first run and prints "ready". */
#include "../../demo/cli.h"
#ifndef _WIN32
#define TANGO_PTHREADS
#endif
#define TANGO_IMPLEMENTATION
#ifdef TANGO_H_FILE
#include TANGO_H_FILE
#else
#include "../../tango.h"
#endif
#include "../../tools/bench_stages.h"

/* Waits for the next line; 0 at the end of the input. */
static int asked(void)
{
    int c = getchar();
    while (c != EOF && c != '\n') c = getchar();
    return c != EOF;
}

static void say(double seconds)
{
    printf("%.6f\n", seconds);
    fflush(stdout);
}

/* The first step is not timed; all others are, one a line. */
static int behind_step(stages *s, size_t done)
{
    if (done == 1) printf("ready\n");
    if (done > 1) say(s->spent);
    fflush(stdout);
    return done > 0 && !asked();
}

static void threads(tango_params *p, size_t count)
{
    p->threads = count;
#ifdef TANGO_PTHREADS
    if (count < 2) return;
    p->pool = tango_nn_pool_start(stages_take(1, tango_nn_pool_size(count)), count);
    if (p->pool == NULL) cli_fail("no thread could be started");
    p->parallel_for = tango_nn_pool_for;
#else
    if (count > 1) cli_fail("built without threads");
#endif
}

int main(int argc, char **argv)
{
    static stages s;
    tango_io_file file;
    tango_model model;
    tango_encoding e;
    int stage = 0;
    if (argc < 5) cli_fail("stages MODEL STAGE THREADS SECONDS [KERNELS]");
    while (stage < STAGES && strcmp(stage_names[stage], argv[2]) != 0) stage++;
    if (stage == STAGES) cli_fail("no stage is called \"%.60s\"", argv[2]);
    memset(&e, 0, sizeof e);
    if (tango_io_map(&file, argv[1], &s.error) != TANGO_OK
        || tango_open(&model, file.data, file.size, &s.error) != TANGO_OK)
        cli_fail("%s: %s", argv[1], s.error.text);
    threads(&s.params, (size_t)atoi(argv[3]));
    s.params.kernels = argc > 5 ? tango_nn_kernels_named(argv[5]) : tango_nn_detect();
    if (s.params.kernels == NULL) cli_fail("this machine cannot run \"%s\"", argv[5]);
    stages_begin(&s, &model, atof(argv[4]));
    if (!stages_has(&s, stage)) cli_fail("the model has no part for this stage");
    if (stage == STAGE_UNET) {
        s.behind_step = behind_step;
        while (!feof(stdin)) stages_time(&s, stage, &e);
        return 0;
    }
    stages_time(&s, stage, &e);
    printf("ready\n");
    fflush(stdout);
    while (asked()) say(stages_time(&s, stage, &e));
    return 0;
}
