/* ggml_shapes.c: layers in ggml, run as often as another program asks.

       cc -IGGML/include tests/peers/ggml_shapes.c -LGGML/lib -lggml -lggml-cpu -lggml-base \
           -lm -Wl,-rpath,GGML/lib -o ggml_shapes
       ./ggml_shapes THREADS

   GGML is where `cmake --install` of ggml put it (any sdist that carries it, such as that of
   ggml-python). A line on standard input is one of
       linear ROWS INPUTS OUTPUTS
       conv HEIGHT WIDTH INPUTS OUTPUTS KERNEL_HEIGHT KERNEL_WIDTH STRIDE DILATION
       attend QUERIES KEYS HEADS WIDTH
   and asks for one run; its seconds are printed, or "none" where ggml has no such layer.
   Weights of convolutions are f16, which its im2col asks for; all else is f32. */
#include <ggml-cpu.h>
#include <ggml.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static struct ggml_tensor *filled(struct ggml_context *c, enum ggml_type type, long long a,
                                  long long b, long long d, long long e)
{
    struct ggml_tensor *t = ggml_new_tensor_4d(c, type, a, b, d, e);
    unsigned state = 1;
    for (long long i = 0; i < ggml_nelements(t); i++) {
        state = state * 1664525u + 1013904223u;
        const float v = (float)(state >> 8) / 8388608.0f - 1.0f;
        if (type == GGML_TYPE_F16) ((ggml_fp16_t *)t->data)[i] = ggml_fp32_to_fp16(v);
        else ((float *)t->data)[i] = v;
    }
    return t;
}

/* The layer that a line asks for, on fresh tensors; NULL: none. */
static struct ggml_tensor *layer(struct ggml_context *c, const char *line)
{
    long long a, b, d, e, kh, kw, stride, dilation;
    if (sscanf(line, "linear %lld %lld %lld", &a, &b, &d) == 3)
        return ggml_mul_mat(c, filled(c, GGML_TYPE_F32, b, d, 1, 1),
                            filled(c, GGML_TYPE_F32, b, a, 1, 1));
    if (sscanf(line, "conv %lld %lld %lld %lld %lld %lld %lld %lld", &a, &b, &d, &e, &kh,
               &kw, &stride, &dilation) == 8) {
        struct ggml_tensor *w = filled(c, GGML_TYPE_F16, kw, kh, d, e);
        return ggml_conv_2d(c, w, filled(c, GGML_TYPE_F32, b, a, d, 1), (int)stride,
                            (int)stride, (int)(kw / 2), (int)(kh / 2 * dilation), 1,
                            (int)dilation);
    }
    if (sscanf(line, "attend %lld %lld %lld %lld", &a, &b, &d, &e) == 4) {
        struct ggml_tensor *q = filled(c, GGML_TYPE_F32, e, a, d, 1);
        struct ggml_tensor *k = filled(c, GGML_TYPE_F16, e, b, d, 1);
        return ggml_flash_attn_ext(c, q, k, filled(c, GGML_TYPE_F16, e, b, d, 1), NULL,
                                   0.125f, 0.0f, 0.0f);
    }
    return NULL;
}

int main(int argc, char **argv)
{
    const int threads = argc > 1 ? atoi(argv[1]) : 1;
    char line[256], last[256] = "";
    struct ggml_context *c = NULL;
    struct ggml_cgraph *graph = NULL;
    struct ggml_cplan plan;
    memset(&plan, 0, sizeof plan);
    ggml_cpu_init();
    printf("ready\n");
    fflush(stdout);
    while (fgets(line, sizeof line, stdin)) {
        if (strcmp(line, last) != 0) {
            const struct ggml_init_params p = { (size_t)4 << 30, NULL, false };
            struct ggml_tensor *out;
            if (c) ggml_free(c);
            free(plan.work_data);
            plan.work_data = NULL;
            c = ggml_init(p);
            graph = ggml_new_graph(c);
            out = layer(c, line);
            strcpy(last, line);
            if (out) {
                ggml_build_forward_expand(graph, out);
                plan = ggml_graph_plan(graph, threads, NULL);
                plan.work_data = malloc(plan.work_size + 1);
                ggml_graph_compute(graph, &plan);
            } else {
                last[0] = 0;
                graph = NULL;
            }
        }
        if (!graph) {
            printf("none\n");
        } else {
            const double start = seconds();
            ggml_graph_compute(graph, &plan);
            printf("%.6f\n", seconds() - start);
        }
        fflush(stdout);
    }
    return 0;
}
