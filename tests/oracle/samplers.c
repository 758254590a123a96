/* samplers: runs of the samplers on a fixed function, for samplers.py.
   cc -I. tests/oracle/samplers.c -lm -o samplers

   Reads lines "NAME STEPS PREDICTION SPACING OFFSET FINAL KARRAS STRENGTH FILE", with
   numbers of the enums. FILE holds rows of 16 floats: x at the start, the noise of each
   call. Answers "ok" and for each call its timestep and x behind it, or "no" and why. */
#define TANGO_IMPLEMENTATION
#include "tango.h"
#include <stdio.h>
#include <stdlib.h>

enum { COUNT = 16, MEMORY = 1 << 20 };

static void run_all(tango_sampling *run, FILE *file)
{
    float x[COUNT], in[COUNT], noise[COUNT];
    size_t i;
    if (fread(x, sizeof x, 1, file) != 1) exit(3);
    printf("ok");
    while (run->index < run->calls) {
        const double time = (double)run->timesteps[run->index];
        if (fread(noise, sizeof noise, 1, file) != 1) exit(3);
        tango_sampling_input(run, in, x);
        for (i = 0; i < COUNT; i++) in[i] = 0.8f * tanhf(0.7f * in[i]) - 0.1f;
        tango_sampling_step(run, x, in, noise);
        printf(" %.9g", time);
        for (i = 0; i < COUNT; i++) printf(" %.9g", (double)x[i]);
    }
    printf("\n");
}

int main(void)
{
    char name[16], path[1024];
    int prediction, spacing, final, karras;
    size_t steps, offset;
    double strength;
    void *memory = malloc(MEMORY);
    while (memory != NULL
           && scanf("%15s %zu %d %d %zu %d %d %lf %1023s", name, &steps, &prediction,
                  &spacing, &offset, &final, &karras, &strength, path)
                  == 9) {
        tango_schedule_config c;
        tango_sampling_params p;
        tango_sampling run;
        tango_arena arena;
        tango_error error;
        FILE *file = fopen(path, "rb");
        if (file == NULL) return 3;
        memset(&c, 0, sizeof c);
        c.train_steps = 1000;
        c.beta_start = 0.00085;
        c.beta_end = 0.012;
        c.scaled_linear = c.lower_order_final = 1;
        c.prediction = (tango_prediction)prediction;
        c.spacing = (tango_spacing)spacing;
        c.offset = offset;
        memset(&p, 0, sizeof p);
        p.sampler = tango_sampler_named(name);
        p.steps = steps;
        p.final_sigma = (tango_final)final;
        p.sigmas = (tango_sigmas)karras;
        p.strength = strength;
        p.images = 1;
        p.count = COUNT;
        tango__arena_over(&arena, memory, MEMORY);
        if (tango_sampling_begin(&run, &c, &p, &arena, &error) == TANGO_OK)
            run_all(&run, file);
        else printf("no %s\n", error.text);
        fflush(stdout);
        tango__arena_close(&arena);
        fclose(file);
    }
    return 0;
}
