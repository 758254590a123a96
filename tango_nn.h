/*
tango_nn.h  Arithmetic of neural networks on float arrays, for inference on a CPU.
Version 0.1, MIT-0 licence (text at the end).

QUICK EXAMPLE
    A linear layer of 3 inputs and 2 outputs on one row, printed as 2.5 -2.

        #define TANGO_NN_IMPLEMENTATION
        #include "tango_nn.h"
        #include <stdio.h>
        #include <stdlib.h>

        int main(void)
        {
            const float w[6] = { 1, 2, 3, 0, 1, -1 }, bias[2] = { 0.5f, 0 };
            const float x[3] = { 1, -1, 1 };
            float out[2], panel[3 * 16];
            tango_nn_matrix matrix = { panel, 2, 3, TANGO_NN_F32 };
            tango_nn_epilogue epilogue = { 0 };
            tango_nn_context c = { 0 };
            c.kernels = tango_nn_detect();
            c.threads = 1;
            c.work_size = tango_nn_work_size(c.threads);
            c.work = malloc(c.work_size);
            if (c.work == NULL) return 1;

            tango_nn_pack_panel(panel, TANGO_NN_F32, w, 2, 3, 1);
            epilogue.bias = bias;
            tango_nn_linear(&c, out, x, 1, &matrix, &epilogue);
            printf("%g %g\n", (double)out[0], (double)out[1]);
            free(c.work);
            return 0;
        }

    It builds as it is: cc example.c -lm -o example && ./example

WHAT IT DOES
    Matrix product, 2-D and 1-D convolution (strided, dilated, unevenly padded, enlarging
    its input), group, layer and RMS normalisation, multi-head attention with a streaming
    softmax, activations, softmax, table look-up. Weights are f32, f16, bf16 (bfloat16,
    which only stores: products are of floats) or integers of 16 or 8 bits with scales,
    activations f32.
    Kernels are plain C, AVX2 with FMA, and AVX-512 with and without VNNI; the best one
    that the machine has is chosen at run time, so that no compiler flag is needed.

WHAT IT DOES NOT
    Training, products of 8-bit activations, GPUs, automatic differentiation, shape
    inference. It reads no files and knows no model: callers pass arrays and sizes.

GLOSSARY
    panel       16 columns of a weight matrix, stored together so that one row of a panel
                is one cache line: the order in which the kernels read weights
    tile        the part of a product that one kernel call keeps in registers
    epilogue    what is done to a sum before it is stored: bias, activation, residual
    tap         one position of a convolution kernel
    context     the kernels to use, the threads and the scratch memory of one caller
    task        a part of a layer that one thread does alone; tasks are cut by the shape
                of the layer only, never by the number of threads

LETTERS OF SHAPES
    B batch   T time or tokens   C channels   D model width   N heads   K kernel taps
    H height (time)   W width (frequency)   V vocabulary

LAYOUT
    Row-major, last index fastest, channels last everywhere. A sequence is (T, C), an
    image (H*W, C), a batch of images (B, H*W, C). A weight matrix (outputs, inputs) is
    stored as panels; panel p holds outputs 16p .. 16p+15, columns beyond the last output
    are zero:

        panel 0                          panel 1
        w[0..15][0]                      w[16..31][0]
        w[0..15][1]                      w[16..31][1]
        ...                              ...
        w[0..15][inputs-1]               w[16..31][inputs-1]

    Panels of 16-bit integers are cut into blocks of 128 inputs, the last one as long as
    what is left, to the next even number, with zeros. A block begins with its 16 scales,
    a float for each output; then follow its integers in pairs of inputs,

        q[0][k] q[0][k+1]  q[1][k] q[1][k+1]  ...  q[15][k] q[15][k+1]     k even

    and w[o][k] = scale[o] q[o][k]. How the scales are chosen stands in room 9. Panels of
    8-bit integers are the same with a byte for each. Products have inputs of 16 bits with
    weights of either.

    The inputs of a convolution count tap by tap: input k = tap*channels + channel, and
    tap = ky*kernel_width + kx.

MEMORY
    Nothing is allocated. Layers take scratch memory from context.work, of
    tango_nn_work_size(threads) bytes (about 2 MiB a thread), 64-byte aligned where speed
    matters, as malloc aligns otherwise. It holds nothing between two calls. Panels are
    best 64-byte aligned too. Activations, biases and outputs have the alignment of
    float.

ERRORS
    Layers return nothing: sizes come from a caller who has checked them, and broken
    preconditions are caught by TANGO_ASSERT. Sizes of 0 are allowed wherever a comment
    does not exclude them, and then nothing is written. NaN and infinity are never
    trapped: NaN in, NaN out; tango_nn_all_finite finds them.

NUMBERS
    Sums run in an order that depends on the shape only. With one kernel table, results
    are bit-identical for any number of threads. Tables differ by rounding. On x86
    denormal numbers count as zero inside the layers (FTZ and DAZ are set around each task
    and restored), so that silence costs no time. Statistics of norms are sums of double.

THREADS
    No globals. A context belongs to one caller at a time; weights and kernels are shared
    freely. Work is spread by context.parallel_for, a callback that must run
    task(data, index, worker) once for each index below count, in any order, on workers
    numbered below context.threads, with no two tasks on one worker at a time, and return
    when all are done. The pool of room 7 (with TANGO_PTHREADS) is one.

BUILD OPTIONS (macros, before the first include; default off)
    TANGO_NN_IMPLEMENTATION     compile the functions here (in one file of the program)
    TANGO_IMPLEMENTATION        the same for every tango header
    TANGO_STATIC                all functions static; only beside the implementation
    TANGO_API                   what stands before each public function instead of extern:
                                visibility, dllexport; in C++ with extern "C"
    TANGO_NO_OPTIMIZE           GCC's options stay as they are: for stepping in a debugger
    TANGO_QUIET                 no message when Clang compiles without optimisation
    TANGO_PTHREADS              the thread pool of room 7 (link with -pthread)
    TANGO_NN_NO_SIMD            plain C only, no intrinsics, no FTZ (always so in
                                freestanding builds)
    TANGO_NN_SMALL              one tile for every height instead of one for each: the
                                same numbers from less code, slower; a build under
                                sanitizers takes a fraction of its time
    TANGO_ASSERT(condition)     assert of <assert.h>; nothing with NDEBUG or freestanding
    TANGO_EXPF(x), TANGO_ERFF(x), TANGO_TANHF(x)   expf, erff, tanhf of <math.h>
    TANGO_SQRT(x)               sqrt of <math.h>, on double
                                (when all four are defined, <math.h> is not included)
    memcpy and memset are the only other functions of libc that are called.
    GCC: the implementation raises its own optimisation level when the program is built
    without -O. Clang ignores that: give it -O2.

CONTENTS
    Public
        1 >>context     kernels, threads, scratch memory
        2 >>weights     panels, floats of 16 bits
        3 >>product     linear layers and convolutions
        4 >>norms       group, layer, RMS
        5 >>attention   streaming softmax
        6 >>elements    activations, sums, softmax, look-up
        7 >>pool        threads for parallel_for
    Private
        8 >>platform    compilers, denormals
        9 >>reference   kernels in plain C
       10 >>avx2        kernels for AVX2, FMA and F16C
       11 >>avx512      kernels for AVX-512
       12 >>vnni        kernels for AVX-512 with VNNI
       13 >>winograd    convolutions of few multiplications
       and the implementation of rooms 1 to 7
*/
#ifndef TANGO_NN_H
#define TANGO_NN_H

/* ---- prelude begin (identical text in every tango header) ---------------- */
#ifndef TANGO_PRELUDE
#define TANGO_PRELUDE 1
#define TANGO_VERSION "0.1.0"
#include <stddef.h>
#include <stdint.h>
#ifdef __cplusplus
#define TANGO_RESTRICT
#define TANGO__EXTERN extern "C"
#else
#define TANGO_RESTRICT restrict
#define TANGO__EXTERN extern
#endif
#ifdef TANGO_API
#elif defined TANGO_STATIC && defined __GNUC__
#define TANGO_API static __attribute__((unused))
#elif defined TANGO_STATIC
#define TANGO_API static
#else
#define TANGO_API TANGO__EXTERN
#endif
#if defined __GNUC__ && !defined __clang__ && !defined __OPTIMIZE__
#define TANGO__PLAIN 1 /* without -O; pop_options leaves __OPTIMIZE__ defined */
#endif
#ifdef TANGO_ASSERT
#elif defined NDEBUG || (defined __STDC_HOSTED__ && __STDC_HOSTED__ == 0)
#define TANGO_ASSERT(condition) ((void)0)
#else
#include <assert.h>
#define TANGO_ASSERT(condition) assert(condition)
#endif

/* What a function that can fail returns. The message beside it says where and why. */
typedef enum tango_result {
    TANGO_OK = 0,
    TANGO_ERROR_ARGUMENT,    /* a parameter out of its documented range */
    TANGO_ERROR_MEMORY,      /* the caller's block is too small */
    TANGO_ERROR_DATA,        /* damaged or malformed bytes */
    TANGO_ERROR_UNSUPPORTED, /* well-formed, but of a kind this library does not read */
    TANGO_ERROR_FILE,        /* opening, reading or writing failed */
    TANGO_ERROR_NUMBER,      /* NaN, infinity or silence where sound was expected */
    TANGO_ERROR_CANCELLED    /* the caller's progress callback asked to stop */
} tango_result;
/* One line: the thing, the place, expected, found. NUL-terminated, printable ASCII. */
typedef struct tango_error { char text[160]; } tango_error;
/* *sum = a + b and *product = a * b; return 0 and leave the result alone on overflow. */
static inline int tango_add_ok(size_t a, size_t b, size_t *sum)
{
    if (b > SIZE_MAX - a) return 0;
    *sum = a + b;
    return 1;
}
static inline int tango_mul_ok(size_t a, size_t b, size_t *product)
{
    if (a != 0 && b > SIZE_MAX / a) return 0;
    *product = a * b;
    return 1;
}
#endif
/* ---- prelude end --------------------------------------------------------- */

/* ==== 1 >>context ==== Kernels, threads, scratch memory ==================== */

/* Element types of weights. I16 and I8 are for matrices only: blocks of integers with
   scales (see LAYOUT). */
typedef enum tango_nn_type {
    TANGO_NN_F32 = 0,
    TANGO_NN_F16 = 1,
    TANGO_NN_BF16 = 2,
    TANGO_NN_I16 = 3,
    TANGO_NN_I8 = 4
} tango_nn_type;

/* Functions of one number, with the names of torch.nn.functional:
   SILU       x / (1 + exp(-x))
   GELU       x/2 (1 + erf(x / sqrt 2))                          (exact gelu)
   GELU_TANH  x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3)))      (gelu_new of T5)
   TANH       tanh(x)
   QUICK_GELU x / (1 + exp(-1.702 x))                            (of the first CLIP)
   RELU       x where it is above 0, else 0 */
typedef enum tango_nn_activation {
    TANGO_NN_NONE,
    TANGO_NN_SILU,
    TANGO_NN_GELU,
    TANGO_NN_GELU_TANH,
    TANGO_NN_TANH,
    TANGO_NN_QUICK_GELU,
    TANGO_NN_RELU
} tango_nn_activation;

/* One part of a layer: index < count, worker < threads. */
typedef void tango_nn_task(void *data, size_t index, size_t worker);

/* The function table of one instruction set; its fields are private. */
typedef struct tango_nn_kernels tango_nn_kernels;

/* What every layer needs. Only `work` is written to. */
typedef struct tango_nn_context tango_nn_context;
struct tango_nn_conv;
struct tango_nn_matrix;
struct tango_nn_context {
    const tango_nn_kernels *kernels; /* of tango_nn_detect or tango_nn_kernels_named */
    void (*parallel_for)(void *pool, size_t count, tango_nn_task *task, void *data);
                                     /* NULL: the caller's thread does all */
    void *pool;                      /* passed to parallel_for */
    size_t threads;                  /* workers that parallel_for uses; 1 without it */
    void *work;                      /* tango_nn_work_size(threads) bytes */
    size_t work_size;
    void (*observe)(void *observer, const tango_nn_context *c, const float *x,
                    const struct tango_nn_conv *shape, const struct tango_nn_matrix *w);
                    /* NULL; or called before each product and convolution, which may
                       compute with *c itself: what measures layers. Where layers run
                       inside of tasks, by several threads at a time */
    void *observer;
};

/* Bytes of scratch memory for a number of threads; 0 if they do not fit in size_t. */
TANGO_API size_t tango_nn_work_size(size_t threads);

/* The fastest kernels that this CPU and operating system can run: "vnni" (AVX-512 with
   its integer products), "avx512", "avx2" or "reference". Features decide, never the
   model of the CPU. */
TANGO_API const tango_nn_kernels *tango_nn_detect(void);

/* The kernels in plain C, which the others are tested against. */
TANGO_API const tango_nn_kernels *tango_nn_reference(void);

/* Kernels by name; NULL if this build or this CPU lacks them. */
TANGO_API const tango_nn_kernels *tango_nn_kernels_named(const char *name);
TANGO_API const char *tango_nn_kernels_name(const tango_nn_kernels *kernels);

/* ==== 2 >>weights ==== Panels, floats of 16 bits =========================== */

/* A weight matrix in panel order (see LAYOUT). */
typedef struct tango_nn_matrix {
    const void *panels;     /* (ceil(outputs/16), inputs, 16) of `type` */
    size_t outputs, inputs; /* inputs = taps * channels, tap-major */
    tango_nn_type type;
} tango_nn_matrix;

/* Bytes of ceil(outputs/16) panels; 0 if they do not fit in size_t. I16: each panel has
   64 ceil(inputs/128) + 64 ceil(inputs/2) bytes, I8: 32 instead of the second 64. */
TANGO_API size_t tango_nn_panels_size(size_t outputs, size_t inputs, tango_nn_type type);

/* Packs one panel from the order of torch:
       panel[(tap*channels + channel)*16 + o] = w[(o*channels + channel)*taps + tap]
   panel (taps*channels, 16) of `type`   w (outputs, channels, taps), outputs <= 16.
   I16, I8: the blocks of LAYOUT, whose values differ from w by at most half a scale; a
   block with NaN or infinity gets the scale NaN.
   Columns from `outputs` on become zero. For panel p of a larger matrix pass
   w + 16*p*channels*taps and the number of rows left, at most 16. */
TANGO_API void tango_nn_pack_panel(void *panel, tango_nn_type type, const float *w,
                                   size_t outputs, size_t channels, size_t taps);
/* The same bytes, turned by the kernels' transpose: what packs gigabytes calls this. */
TANGO_API void tango_nn_pack_panel_by(const tango_nn_kernels *kernels, void *panel,
                                      tango_nn_type type, const float *w, size_t outputs,
                                      size_t channels, size_t taps);

/* IEEE binary16. Every half is exact in float; a signalling NaN becomes quiet. Float to
   half rounds to nearest even, overflow gives infinity, NaN stays NaN. */
TANGO_API float tango_nn_half_to_float(uint16_t half);
TANGO_API uint16_t tango_nn_float_to_half(float value);
/* bfloat16, the upper half of a float, alike; there any NaN keeps its bits. */
TANGO_API float tango_nn_bf16_to_float(uint16_t bf16);
TANGO_API uint16_t tango_nn_float_to_bf16(float value);

/* ==== 3 >>product ==== Linear layers and convolutions ====================== */

/* What happens to each sum before it is stored. All zero: nothing.
       v = sum + bias[column] + image_bias[row / image_rows][column]
       v = activation(v)
       v = v * multiply[row][column]
       v = v + add[row][column]
   multiply and add may be the output array itself: each element is read before it is
   written. Other overlaps with the output are not allowed. */
typedef struct tango_nn_epilogue {
    const float *bias;       /* (outputs) or NULL */
    const float *image_bias; /* (ceil(rows/image_rows), outputs) or NULL */
    size_t image_rows;       /* rows that share a row of image_bias; > 0 if it is given */
    tango_nn_activation activation;
    const float *multiply;   /* (rows, outputs) or NULL */
    const float *add;        /* (rows, outputs) or NULL */
} tango_nn_epilogue;

/* out = epilogue(x w^T).                                        (torch.nn.Linear)
   out (rows, w->outputs)   x (rows, w->inputs)   e may be NULL.
   out must not overlap x. With w->inputs 0 the sums are 0. */
TANGO_API void tango_nn_linear(const tango_nn_context *c, float *out, const float *x,
                               size_t rows, const tango_nn_matrix *w,
                               const tango_nn_epilogue *e);

/* The shape of a convolution. 1-D convolutions have width = kernel_width = out_width = 1
   and time as height. Inputs outside the image are zero; the padding at the bottom and
   on the right is what out_height and out_width need. */
typedef struct tango_nn_conv {
    size_t batch, height, width, channels, out_height, out_width;
    size_t kernel_height, kernel_width;
    size_t stride, dilation;    /* in both axes; 0 means 1 */
    size_t pad_top, pad_left;
    size_t source_height, source_width; /* not 0: x is smaller, (B, source_height *
                                   source_width, channels), and is enlarged to height x
                                   width: row y reads row y*source_height/height, rounded
                                   down, columns alike (nearest of torch) */
    float slope;                /* not 0: x passes a leaky ReLU of this slope first */
} tango_nn_conv;

/* out[b, oy, ox] = epilogue(sum over ky, kx of x[b, iy, ix] w[ky, kx]^T)
       iy = oy*stride + ky*dilation - pad_top,   ix alike        (torch.nn.Conv2d)
   x (B, height*width, channels)   out (B, out_height*out_width, w->outputs)
   w->inputs = kernel_height*kernel_width*channels. The rows of the epilogue are the
   B*out_height*out_width positions. out must not overlap x. e may be NULL. */
TANGO_API void tango_nn_conv2d(const tango_nn_context *c, float *out, const float *x,
                               const tango_nn_conv *shape, const tango_nn_matrix *w,
                               const tango_nn_epilogue *e);

/* Outputs of a 1-D convolution that belong together, counted from output 0: computed in
   parts that begin at multiples of it, each with all inputs that it reads, a convolution
   gives the same numbers as in one piece, whatever the lengths of the parts. */
TANGO_API size_t tango_nn_conv_grid(const tango_nn_conv *shape);
/* How many inputs behind the last one under an output's taps it reads too: transforms
   read them, and what they add is only rounding. */
TANGO_API size_t tango_nn_conv_ahead(const tango_nn_conv *shape);

/* ==== 4 >>norms ==== Group, layer, RMS ===================================== */

/* out = activation((x - mean) / sqrt(variance + eps) * weight + bias), with mean and
   (biased) variance over the rows and the channels/groups channels of each group of each
   image.                                                     (torch.nn.GroupNorm)
   x, out (B, rows, channels)   weight, bias (channels) or NULL for 1 and 0.
   groups divides channels, at most 16384 groups. activation: NONE or SILU. out may be
   x. */
TANGO_API void tango_nn_group_norm(const tango_nn_context *c, float *out, const float *x,
                                   size_t batch, size_t rows, size_t channels,
                                   size_t groups, float eps, const float *weight,
                                   const float *bias, tango_nn_activation activation);

/* The same of one image in two parts, so that each can follow the layer that makes x, or
   go before the one that reads out, a strip of rows at a time.
   sums: sums[group] += (sum of x, sum of x^2) over the rows given.   sums (groups, 2)
   apply: out as above from the sums over `count` values of each group.
   x, out (rows, channels); out may be x. */
TANGO_API void tango_nn_group_sums(const tango_nn_context *c, double *sums,
                                   const float *x, size_t rows, size_t channels,
                                   size_t groups);
TANGO_API void tango_nn_group_apply(const tango_nn_context *c, float *out, const float *x,
                                    size_t rows, size_t channels, size_t groups,
                                    const double *sums, size_t count, float eps,
                                    const float *weight, const float *bias,
                                    tango_nn_activation activation);

/* out = (x - mean) / sqrt(variance + eps) * weight + bias, over each row of `channels`
   values.                                                    (torch.nn.LayerNorm)
   x, out (rows, channels)   weight, bias (channels) or NULL. out may be x. */
TANGO_API void tango_nn_layer_norm(const tango_nn_context *c, float *out, const float *x,
                                   size_t rows, size_t channels, float eps,
                                   const float *weight, const float *bias);

/* out = x / sqrt(mean(x^2) + eps) * weight, over each row.    (T5LayerNorm)
   x, out (rows, channels)   weight (channels) or NULL. out may be x. */
TANGO_API void tango_nn_rms_norm(const tango_nn_context *c, float *out, const float *x,
                                 size_t rows, size_t channels, float eps,
                                 const float *weight);

/* ==== 5 >>attention ==== Streaming softmax ================================= */

typedef struct tango_nn_attention {
    size_t batch, queries, keys, heads, width;
    float scale;             /* 1 for T5, width^-0.5 elsewhere */
    size_t context_repeat;   /* batch row b reads k and v of row b / context_repeat;
                                0 means 1 */
    const size_t *key_count; /* (B_context) or NULL: only the first key_count[row] keys
                                take part, at least 1 and at most `keys` */
    const float *bias;       /* (heads, queries, keys), added to the scores, or NULL */
    int causal;              /* not 0: query i sees the keys 0 .. i only */
} tango_nn_attention;

/* out[i] = sum_j softmax_j(scale q_i . k_j + bias_ij) v_j for each head.
   (torch.nn.functional.scaled_dot_product_attention; the score matrix is never stored:
   maximum and sum are carried from one block of keys to the next)
   out, q (B, queries, heads*width)   k, v (B_context, keys, heads*width)
   keys >= 1, 1 <= width <= 65536. out must not overlap k and v; out may be q. A bias of
   minus infinity takes a key out; a query without any key gives zeros, as there. With
   `causal` the sums run over j <= i only (is_causal there). */
TANGO_API void tango_nn_attend(const tango_nn_context *c, float *out, const float *q,
                               const float *k, const float *v,
                               const tango_nn_attention *shape);

/* ==== 6 >>elements ==== Activations, sums, softmax, look-up ================ */

/* out = activation(x), `count` values. out may be x. */
TANGO_API void tango_nn_activate(const tango_nn_context *c, float *out, const float *x,
                                 size_t count, tango_nn_activation activation);

/* out = x >= 0 ? x : slope*x. out may be x.        (torch.nn.functional.leaky_relu) */
TANGO_API void tango_nn_leaky_relu(const tango_nn_context *c, float *out, const float *x,
                                   size_t count, float slope);

/* out = (a + b) * scale. out may be a or b. */
TANGO_API void tango_nn_add(const tango_nn_context *c, float *out, const float *a,
                            const float *b, size_t count, float scale);

/* out = exp(x - max) / sum(exp(x - max)) over each row. x, out (rows, columns); out may
   be x. A row of minus infinity alone gives NaN. (torch.softmax over the last axis) */
TANGO_API void tango_nn_softmax(const tango_nn_context *c, float *out, const float *x,
                                size_t rows, size_t columns);

/* out[i] = table[ids[i]].                                      (torch.nn.Embedding)
   out (count, width)   table (vocabulary, width) of `type`, row-major. The caller has
   checked that 0 <= ids[i] < vocabulary. */
TANGO_API void tango_nn_gather(float *out, const void *table, tango_nn_type type,
                               const int32_t *ids, size_t count, size_t width);

/* 1 if no value is NaN or infinite (also for count 0), else 0. */
TANGO_API int tango_nn_all_finite(const float *x, size_t count);

/* ==== 7 >>pool ==== Threads for parallel_for =============================== */

#ifdef TANGO_PTHREADS
/* A pool of threads that sleep between layers. The thread that calls parallel_for works
   too, so `threads` counts it. One caller at a time. */
typedef struct tango_nn_pool tango_nn_pool;

/* Bytes of memory for a pool; 0 if they do not fit in size_t. */
TANGO_API size_t tango_nn_pool_size(size_t threads);

/* Starts threads - 1 threads in the memory of tango_nn_pool_size(threads) bytes, aligned
   as malloc does. Goes on with fewer if the system gives fewer; NULL if it gives none
   (and threads > 1), then nothing needs to be stopped. */
TANGO_API tango_nn_pool *tango_nn_pool_start(void *memory, size_t threads);

/* Ends the threads and waits for them. NULL is fine. The memory is the caller's again. */
TANGO_API void tango_nn_pool_stop(tango_nn_pool *pool);

/* Fits context.parallel_for, with the pool as context.pool. */
TANGO_API void tango_nn_pool_for(void *pool, size_t count, tango_nn_task *task,
                                 void *data);
#endif

#endif /* TANGO_NN_H */

/* ========================================================================== */
/* Implementation                                                             */
/* ========================================================================== */
#if (defined TANGO_NN_IMPLEMENTATION || defined TANGO_IMPLEMENTATION) \
    && !defined TANGO_NN_IMPLEMENTED
#define TANGO_NN_IMPLEMENTED

/* ==== 8 >>platform ==== Compilers, denormals =============================== */

#if !defined TANGO_EXPF || !defined TANGO_ERFF || !defined TANGO_TANHF \
    || !defined TANGO_SQRT
#include <math.h>
#endif
#ifndef TANGO_EXPF
#define TANGO_EXPF(x) expf(x)
#endif
#ifndef TANGO_ERFF
#define TANGO_ERFF(x) erff(x)
#endif
#ifndef TANGO_TANHF
#define TANGO_TANHF(x) tanhf(x)
#endif
#ifndef TANGO_SQRT
#define TANGO_SQRT(x) sqrt(x)
#endif
#if defined __STDC_HOSTED__ && __STDC_HOSTED__ == 0
#ifdef __cplusplus
extern "C" {
#endif
void *memcpy(void *to, const void *from, size_t count);
void *memset(void *to, int value, size_t count);
#ifdef __cplusplus
}
#endif
#else
#include <string.h>
#endif
#ifdef TANGO_PTHREADS
#include <pthread.h>
#include <sched.h>
#endif

#if !defined TANGO_NN_NO_SIMD && defined __GNUC__ && defined __x86_64__ \
    && __STDC_HOSTED__ == 1
#define TANGO_NN__X86 1
#include <cpuid.h>
#include <immintrin.h>
#endif

/* Without -O a plain build would run several times slower. GCC can be told to optimise
   these functions nevertheless: those marked HOT fully; those marked FAST, which are
   written with intrinsics, as far as that serves them; the others as far as it costs the
   compiler no time, and what nobody calls is left out. With -O all is optimised fully,
   but for -Os. Contraction of a*b + c into one rounding is off: fma is used only where
   the code says so. */
#define TANGO_NN__HOT
#define TANGO_NN__FAST
#if defined __GNUC__ && !defined __clang__
#pragma GCC push_options
#ifdef TANGO_NO_OPTIMIZE
#elif defined TANGO__PLAIN
#pragma GCC optimize("Og")
#pragma GCC optimize("toplevel-reorder") /* without it GCC writes what nobody calls */
#undef TANGO_NN__HOT
#undef TANGO_NN__FAST
#define TANGO_NN__HOT \
    __attribute__((optimize("O3", "align-loops=64", "fp-contract=off")))
#define TANGO_NN__FAST \
    __attribute__((optimize("O2", "align-loops=64", "fp-contract=off")))
#elif !defined __OPTIMIZE_SIZE__
#pragma GCC optimize("O3")
#pragma GCC optimize("align-loops=64") /* 1 to 5 % on small layers */
#endif
#pragma GCC optimize("fp-contract=off")
#elif defined __clang__
#pragma STDC FP_CONTRACT OFF
#if !defined __OPTIMIZE__ && !defined TANGO_QUIET
#pragma message("tango_nn.h runs several times slower without -O2 under Clang")
#endif
#endif

/* Without -O GCC inlines only what it must: small helpers of hot loops are marked. */
#if defined __GNUC__
#define TANGO_NN__INLINE static inline __attribute__((always_inline))
#define TANGO_NN__TARGET(features) TANGO_NN__FAST __attribute__((target(features)))
#else
#define TANGO_NN__INLINE static inline
#define TANGO_NN__TARGET(features)
#endif

/* Sizes of the blocked product. A block of rows, its K block and its sums lie in the
   second-level cache, one pair of panels of a K block in the first. */
#define TANGO_NN__PANEL 16u    /* columns of a panel */
#define TANGO_NN__DEPTH 256u   /* inputs of a K block */
#define TANGO_NN__STRIDE 272u  /* floats between gathered rows: a constant, so that the
                                  rows of a tile are constant offsets; DEPTH + 16 keeps
                                  them in different cache sets */
#define TANGO_NN__ROWS 210u    /* rows of a block at most: whole tiles of 14 and of 6 */
#define TANGO_NN__COLUMNS 512u /* columns of a block at most */
#define TANGO_NN__IN_PLACE 320u /* inputs of a K block of rows that are not gathered: the
                                  widths of the models are its multiples; 20 KiB a panel
                                  leave room for the rows of a tile */
#define TANGO_NN__GRID 4u      /* outputs that a transform makes at once, d apart where
                                  the dilation is d */
#define TANGO_NN__TASKS 32u    /* a layer is cut into about this many tasks or more */

/* Integers: a block has one scale. */
#define TANGO_NN__BLOCK 128u    /* inputs of a block */
#define TANGO_NN__SCALES 64u    /* bytes of the 16 scales of a block of weights */
#define TANGO_NN__INT_DEPTH 640u /* inputs of a K block, a whole number of blocks: 20 KiB
                                   a panel, and the widths of the models are multiples */
#define TANGO_NN__INT_ROWS 126u /* rows of a block at most */
#define TANGO_NN__WIDE 20800u  /* bytes of a panel of a K block in 16 bits */
#define TANGO_NN__INTEGERS 656u /* 16-bit integers between quantised rows, 16 more */
#define TANGO_NN__INT_SUMS 528u /* floats between rows of their sums, COLUMNS + 16 */
#define TANGO_NN__STEP 42u      /* rows whose sums meet their epilogue in the first-level
                                   cache: whole tiles of 6 and of 14 */

/* Scratch memory: one part that all tasks share, then one for each worker. */
#define TANGO_NN__SHARED ((size_t)1 << 18)
#define TANGO_NN__WORKER ((size_t)1 << 21)

/* The transforms of room 13 by name: of inputs, of weights, of sums; the numbers of
   outputs and taps of the convolution; TALL where rows are summed up first, LINE along
   one axis, where inputs pass a leaky ReLU first, LESS without the last tap, which is
   zero. */
typedef enum tango_nn__transform {
    TANGO_NN__INPUT_2_3, TANGO_NN__INPUT_4_3,
    TANGO_NN__INPUT_4_3_LINE, TANGO_NN__INPUT_4_4_LINE,
    TANGO_NN__WEIGHT_2_3, TANGO_NN__WEIGHT_4_3, TANGO_NN__WEIGHT_4_4,
    TANGO_NN__WEIGHT_4_4_LESS,
    TANGO_NN__WEIGHT_2_3_TALL, TANGO_NN__WEIGHT_4_3_TALL,
    TANGO_NN__OUTPUT_2_3, TANGO_NN__OUTPUT_4_3, TANGO_NN__OUTPUT_4_4,
    TANGO_NN__TRANSFORMS /* how many there are */
} tango_nn__transform;

/* The function table. All counts may be 0; pointers need the alignment of float.

   tile: sum (rows, 16*panels) = a b of one K block, added to sum if accumulate is set.
         a (rows, depth) with rows a_stride apart, 0 < rows <= tile_rows; b: panels of
         (depth, 16), b_stride numbers apart, 0 < panels <= tile_panels. Each sum runs
         over k in order, from 0.
   finish: the epilogue for (rows, columns) sums, to out[row + r][column + c]; out has
         e's row length `stride`.
   gather: rows of `count` numbers of x, `step` apart, through the leaky ReLU if slope is
         not 0, to rows TANGO_NN__STRIDE apart; up to 15 more of each may be overwritten.
   maximum: the largest of x; count > 0.
   exponentials: out = exp(x - shift), x <= shift; returns the sum of out.
   moments: adds the sum and the sum of squares of one row to sums[0], sums[1].
   column_moments: the same for each of `columns` columns, over rows `stride` apart.
   normalize: out = activation((x - mean[i]) * scale[i] + shift[i]).
   center: out = (x - high - low) * scale * weight[i] + bias[i]; weight, bias may be NULL.
   transpose: panel (depth, 16) = the transpose of x (rows <= 16, depth), rows `stride`
         apart; further columns are zero.

   Of integers:
   quantize: q (rows, depth), rows TANGO_NN__INTEGERS apart, and scales[r]: row r of x as
         one block of integers (room 9). depth <= 128, a multiple of 16; x rows
         x_stride apart.
   tile_i16: sum (rows, 16*panels) = a w^T of one K block, added to sum if accumulate is
         set. a (rows, depth) with rows TANGO_NN__INTEGERS apart, the scale of row r in
         its block i at scales[i*TANGO_NN__ROWS + r], rows <= TANGO_NN__ROWS, panels <=
         tile_panels. Gives the same bytes in every table.
   widen_blocks: to (depth, 16) = the weights of inputs k .. k + depth - 1 of a panel, I16
         or I8.
   stretch: `depth` inputs of a panel of I8, from the start of a block on, become what
         they are in I16.

   Of room 13:
   blend: row n of to = the sum of coef[t] * row n of x[t], `terms` of them, of `count`
         numbers each; zeros without terms; terms <= 6. Rows of to are TANGO_NN__STRIDE
         apart, those of x `step`.
   transform: one of the transforms of Winograd's convolutions, on `count` columns:
         to[p*to_step + i] = sum over j < m->inputs of m[p][j] * v[j][i],
         v[j][i] = sum over y < rows of coef[y] * x[y*row_step + j*step + i],
         with the matrix m and the number of rows of `kind`; if that is 1, v = x, through
         the leaky ReLU of slope coef[0] if the kind has one. x are numbers of `type`, F32
         or, of weights, F16.
   widen: to = `count` weights of `type`, no integers, from number `at` on. */
struct tango_nn_kernels {
    const char *name;
    size_t tile_rows, tile_panels;
    void (*tile)(float *sum, size_t sum_stride, const float *a, size_t a_stride,
                 const float *b, size_t b_stride, size_t rows, size_t panels,
                 size_t depth, int accumulate);
    void (*finish)(const tango_nn_epilogue *e, float *out, size_t stride, size_t row,
                   size_t column, size_t rows, size_t columns, const float *sum,
                   size_t sum_stride);
    void (*activate)(float *out, const float *x, size_t count,
                     tango_nn_activation activation);
    void (*leaky_relu)(float *out, const float *x, size_t count, float slope);
    void (*add)(float *out, const float *a, const float *b, size_t count, float scale);
    void (*scale)(float *out, const float *x, size_t count, float factor);
    void (*gather)(float *to, const float *x, size_t rows, size_t step, size_t count,
                   float slope);
    float (*maximum)(const float *x, size_t count);
    float (*exponentials)(float *out, const float *x, size_t count, float shift);
    void (*moments)(double *sums, const float *x, size_t count);
    void (*column_moments)(double *sum, double *square, const float *x, size_t rows,
                           size_t stride, size_t columns);
    void (*normalize)(float *out, const float *x, size_t count, const float *mean,
                      const float *scale, const float *shift,
                      tango_nn_activation activation);
    void (*center)(float *out, const float *x, size_t count, float high, float low,
                   float scale, const float *weight, const float *bias);
    void (*transpose)(float *panel, const float *x, size_t stride, size_t rows,
                      size_t depth);
    /* integers */
    void (*quantize)(int16_t *q, float *scales, const float *x, size_t x_stride,
                     size_t rows, size_t depth);
    void (*tile_i16)(float *sum, size_t sum_stride, const int16_t *a, const float *scales,
                     const void *b, size_t b_stride, size_t rows, size_t panels,
                     size_t depth, int accumulate);
    void (*widen_blocks)(float *to, const void *panel, tango_nn_type type, size_t k,
                         size_t depth);
    void (*stretch)(void *to, const void *from, size_t depth);
    /* room 13 */
    void (*blend)(float *to, const float *const *x, const float *coef, size_t terms,
                  size_t rows, size_t step, size_t count);
    void (*transform)(tango_nn__transform kind, float *to, size_t to_step, const void *x,
                      tango_nn_type type, size_t row_step, size_t step,
                      const float *coef, size_t count);
    void (*widen)(float *to, const void *from, size_t at, tango_nn_type type,
                  size_t count);
};

TANGO_NN__INLINE size_t tango_nn__min(size_t a, size_t b) { return a < b ? a : b; }

/* a / b rounded up, without overflow; b > 0. */
TANGO_NN__INLINE size_t tango_nn__ceil(size_t a, size_t b)
{
    return a / b + (a % b != 0);
}

/* Bytes of a pair of inputs in a panel of integers. */
TANGO_NN__INLINE size_t tango_nn__pair_bytes(tango_nn_type type)
{
    return type == TANGO_NN_I8 ? 32 : 64;
}

/* Bytes from the start of a panel of integers to the block of input k, a multiple of
   TANGO_NN__BLOCK: what k inputs take. */
TANGO_NN__INLINE size_t tango_nn__block_at(size_t k, tango_nn_type type)
{
    return k / TANGO_NN__BLOCK
           * (TANGO_NN__SCALES + TANGO_NN__BLOCK / 2 * tango_nn__pair_bytes(type));
}

/* Denormals as zero, as a result (FTZ, bit 15) and as an operand (DAZ, bit 6). Returns
   the control word to restore. */
static unsigned tango_nn__flush_begin(void)
{
#ifdef TANGO_NN__X86
    unsigned control = _mm_getcsr();
    _mm_setcsr(control | 0x8040u);
    return control;
#else
    return 0;
#endif
}

static void tango_nn__flush_end(unsigned control)
{
#ifdef TANGO_NN__X86
    _mm_setcsr(control);
#else
    (void)control;
#endif
}

/* ==== 9 >>reference ==== Kernels in plain C ================================ */

TANGO_NN__INLINE float tango_nn__activate_one(float x, tango_nn_activation activation)
{
    const float root_half = 0.707106781f, root_2_pi = 0.797884561f;
    switch (activation) {
    case TANGO_NN_NONE: return x;
    case TANGO_NN_SILU: return x / (1.0f + TANGO_EXPF(-x));
    case TANGO_NN_GELU: return 0.5f * x * (1.0f + TANGO_ERFF(x * root_half));
    case TANGO_NN_GELU_TANH:
        /* x (1 + 0.044715 x^2) first: x^3 would overflow long before tanh is 1. */
        return 0.5f * x
               * (1.0f + TANGO_TANHF(root_2_pi * x * (1.0f + 0.044715f * x * x)));
    case TANGO_NN_TANH: return TANGO_TANHF(x);
    case TANGO_NN_QUICK_GELU: return x / (1.0f + TANGO_EXPF(-1.702f * x));
    case TANGO_NN_RELU: return x < 0.0f ? 0.0f : x; /* NaN stays */
    }
    return x;
}

TANGO_NN__HOT
static void tango_nn__tile_ref(float *sum, size_t sum_stride, const float *a,
                               size_t a_stride, const float *b, size_t b_stride,
                               size_t rows, size_t panels, size_t depth, int accumulate)
{
    for (size_t p = 0; p < panels; p++, b += b_stride, sum += TANGO_NN__PANEL) {
        for (size_t r = 0; r < rows; r++) {
            float acc[TANGO_NN__PANEL] = { 0 }, *to = sum + r * sum_stride;
            for (size_t k = 0; k < depth; k++) {
                const float x = a[r * a_stride + k], *w = b + k * TANGO_NN__PANEL;
                for (size_t i = 0; i < TANGO_NN__PANEL; i++) acc[i] += x * w[i];
            }
            for (size_t i = 0; i < TANGO_NN__PANEL; i++) {
                to[i] = accumulate ? to[i] + acc[i] : acc[i];
            }
        }
    }
}

TANGO_NN__HOT
static void tango_nn__finish_ref(const tango_nn_epilogue *e, float *out, size_t stride,
                                 size_t row, size_t column, size_t rows, size_t columns,
                                 const float *sum, size_t sum_stride)
{
    for (size_t r = 0; r < rows; r++) {
        const size_t at = (row + r) * stride + column;
        const size_t image = e->image_bias ? (row + r) / e->image_rows : 0;
        for (size_t i = 0; i < columns; i++) {
            float v = sum[r * sum_stride + i];
            if (e->bias) v += e->bias[column + i];
            if (e->image_bias) v += e->image_bias[image * stride + column + i];
            v = tango_nn__activate_one(v, e->activation);
            if (e->multiply) v *= e->multiply[at + i];
            if (e->add) v += e->add[at + i];
            out[at + i] = v;
        }
    }
}

TANGO_NN__HOT
static void tango_nn__activate_ref(float *out, const float *x, size_t count,
                                   tango_nn_activation activation)
{
    for (size_t i = 0; i < count; i++) out[i] = tango_nn__activate_one(x[i], activation);
}

TANGO_NN__HOT
static void tango_nn__leaky_relu_ref(float *out, const float *x, size_t count,
                                     float slope)
{
    for (size_t i = 0; i < count; i++) out[i] = x[i] >= 0.0f ? x[i] : slope * x[i];
}

TANGO_NN__HOT
static void tango_nn__add_ref(float *out, const float *a, const float *b, size_t count,
                              float scale)
{
    for (size_t i = 0; i < count; i++) out[i] = (a[i] + b[i]) * scale;
}

TANGO_NN__HOT
static void tango_nn__scale_ref(float *out, const float *x, size_t count, float factor)
{
    for (size_t i = 0; i < count; i++) out[i] = x[i] * factor;
}

TANGO_NN__HOT
static void tango_nn__gather_ref(float *to, const float *x, size_t rows, size_t step,
                                 size_t count, float slope)
{
    for (size_t r = 0; r < rows; r++, to += TANGO_NN__STRIDE, x += step) {
        if (slope != 0.0f) tango_nn__leaky_relu_ref(to, x, count, slope);
        else memcpy(to, x, count * sizeof *to);
    }
}

TANGO_NN__HOT
static float tango_nn__maximum_ref(const float *x, size_t count)
{
    float largest = x[0];
    for (size_t i = 1; i < count; i++) {
        if (x[i] > largest) largest = x[i];
    }
    return largest;
}

TANGO_NN__HOT
static float tango_nn__exponentials_ref(float *out, const float *x, size_t count,
                                        float shift)
{
    float sum = 0;
    for (size_t i = 0; i < count; i++) {
        out[i] = TANGO_EXPF(x[i] - shift);
        sum += out[i];
    }
    return sum;
}

/* The square of a float is exact in double, so the variance of a large mean survives. */
TANGO_NN__HOT
static void tango_nn__moments_ref(double *sums, const float *x, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        sums[0] += (double)x[i];
        sums[1] += (double)x[i] * (double)x[i];
    }
}

TANGO_NN__HOT
static void tango_nn__column_moments_ref(double *sum, double *square, const float *x,
                                         size_t rows, size_t stride, size_t columns)
{
    for (size_t r = 0; r < rows; r++) {
        for (size_t i = 0; i < columns; i++) {
            const double v = (double)x[r * stride + i];
            sum[i] += v;
            square[i] += v * v;
        }
    }
}

TANGO_NN__HOT
static void tango_nn__normalize_ref(float *out, const float *x, size_t count,
                                    const float *mean, const float *scale,
                                    const float *shift, tango_nn_activation activation)
{
    for (size_t i = 0; i < count; i++) {
        out[i] = tango_nn__activate_one((x[i] - mean[i]) * scale[i] + shift[i],
                                        activation);
    }
}

TANGO_NN__HOT
static void tango_nn__center_ref(float *out, const float *x, size_t count, float high,
                                 float low, float scale, const float *weight,
                                 const float *bias)
{
    for (size_t i = 0; i < count; i++) {
        float v = ((x[i] - high) - low) * scale;
        if (weight) v *= weight[i];
        if (bias) v += bias[i];
        out[i] = v;
    }
}

TANGO_NN__HOT
static void tango_nn__transpose_ref(float *panel, const float *x, size_t stride,
                                    size_t rows, size_t depth)
{
    for (size_t k = 0; k < depth; k++) {
        for (size_t r = 0; r < TANGO_NN__PANEL; r++) {
            panel[k * TANGO_NN__PANEL + r] = r < rows ? x[r * stride + k] : 0.0f;
        }
    }
}

/* Blocks of integers. A block of n <= 128 numbers x becomes q = round(x / scale) with
   |q[i]| <= 32767 and a 2-norm |q| <= sqrt(2^31 - 1) = 46340.95. By Cauchy and Schwarz
   every partial sum of the product of two blocks is at most |q_a| |q_w| <= 2^31 - 1: it
   is exact in 32 bits, in any order. x / scale has a norm of at most 46334: rounding to
   integers adds at most sqrt(128) / 2 < 5.66 to it, and the rounding of norm, factor and
   product in float less than 12 units of 2^-24, 0.04 at that size: 46339.7 in all.
   Weights of 8 bits have a norm below 128 sqrt(128) < 1449, whatever a file holds.

   The scale is a function of the numbers alone, by exactly rounded operations in a fixed
   order, so that every table finds the same integers. The largest number is found on the
   bits without sign, where NaN > infinity > all else. */
#define TANGO_NN__NORM 46334.0f
#define TANGO_NN__LARGEST 32767.0f
#define TANGO_NN__SMALLEST 0x0d800000u /* bits of 2^-100: a block below it is zero */
#define TANGO_NN__INFINITE 0x7f800000u /* bits of infinity */

TANGO_NN__INLINE float tango_nn__from_bits(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* The power of two that brings a number of these bits into [1, 4), where squares of a
   block neither overflow nor vanish. Multiplying by it is exact. */
TANGO_NN__INLINE float tango_nn__block_power(uint32_t largest)
{
    const uint32_t exponent = largest >> 23;
    return tango_nn__from_bits((254u - (exponent < 253u ? exponent : 253u)) << 23);
}

/* 1 / scale of a block from the bits of its largest number, that power and the norm of
   the block times the power. */
TANGO_NN__INLINE float tango_nn__block_factor(uint32_t largest, float power, float norm)
{
    const float by_norm = TANGO_NN__NORM / norm;
    const float by_most = TANGO_NN__LARGEST / (tango_nn__from_bits(largest) * power);
    return (by_norm < by_most ? by_norm : by_most) * power;
}

/* To the nearest integer, ties to even; |x| < 2^31. */
TANGO_NN__INLINE int32_t tango_nn__round(float x)
{
    const int32_t down = (int32_t)x; /* towards zero */
    const float rest = x - (float)down, size = rest < 0.0f ? -rest : rest;
    if (size < 0.5f || (size == 0.5f && down % 2 == 0)) return down;
    return x < 0.0f ? down - 1 : down + 1;
}

/* q = one block of x; returns its scale. Squares are summed in 16 lanes, halves last. */
static float tango_nn__quantize_block(int16_t *q, const float *x, size_t depth)
{
    uint32_t largest = 0;
    float lane[16] = { 0 }, power, factor;
    for (size_t i = 0; i < depth; i++) {
        uint32_t bits;
        memcpy(&bits, x + i, sizeof bits);
        bits &= 0x7fffffffu;
        if (bits > largest) largest = bits;
    }
    if (largest < TANGO_NN__SMALLEST || largest >= TANGO_NN__INFINITE) {
        memset(q, 0, depth * sizeof *q);
        return largest < TANGO_NN__SMALLEST ? 0.0f : tango_nn__from_bits(0x7fc00000u);
    }
    power = tango_nn__block_power(largest);
    for (size_t i = 0; i < depth; i++) {
        const float v = x[i] * power;
        lane[i % 16] += v * v;
    }
    for (size_t half = 8; half > 0; half /= 2) {
        for (size_t i = 0; i < half; i++) lane[i] += lane[i + half];
    }
    factor = tango_nn__block_factor(largest, power,
                                    (float)TANGO_SQRT((double)lane[0]));
    for (size_t i = 0; i < depth; i++) q[i] = (int16_t)tango_nn__round(x[i] * factor);
    return 1.0f / factor;
}

TANGO_NN__HOT
static void tango_nn__quantize_ref(int16_t *q, float *scales, const float *x,
                                   size_t x_stride, size_t rows, size_t depth)
{
    for (size_t r = 0; r < rows; r++, q += TANGO_NN__INTEGERS, x += x_stride) {
        scales[r] = tango_nn__quantize_block(q, x, depth);
    }
}

/* sum of the products of two pairs, in two's complement: weights from a damaged file may
   break the bound, and wrap as the instructions do. */
TANGO_NN__INLINE uint32_t tango_nn__pair(const int16_t *a, const int16_t *b)
{
    return (uint32_t)((int32_t)a[0] * b[0]) + (uint32_t)((int32_t)a[1] * b[1]);
}

/* The 32 bits of a two's complement number. */
TANGO_NN__INLINE int32_t tango_nn__signed(uint32_t bits)
{
    return bits <= 0x7fffffffu ? (int32_t)bits : -(int32_t)(0xffffffffu - bits) - 1;
}

/* One row of a block: to (16) = or += the exact sums times scale_a scale_w. */
static void tango_nn__tile_row_i16(float *to, const int16_t *a, float scale,
                                   const char *block, size_t depth, int accumulate)
{
    float scales[TANGO_NN__PANEL];
    int16_t w[2 * TANGO_NN__PANEL];
    uint32_t acc[TANGO_NN__PANEL] = { 0 };
    memcpy(scales, block, sizeof scales);
    block += TANGO_NN__SCALES;
    for (size_t k = 0; k < depth; k += 2, block += sizeof w) {
        memcpy(w, block, sizeof w);
        for (size_t i = 0; i < TANGO_NN__PANEL; i++) {
            acc[i] += tango_nn__pair(a + k, w + 2 * i);
        }
    }
    for (size_t i = 0; i < TANGO_NN__PANEL; i++) {
        const float v = (float)tango_nn__signed(acc[i]) * (scale * scales[i]);
        to[i] = accumulate ? to[i] + v : v;
    }
}

/* Integer number `at` of an array. */
TANGO_NN__INLINE int16_t tango_nn__integer(const char *q, tango_nn_type type, size_t at)
{
    int16_t value;
    if (type == TANGO_NN_I8) return ((const signed char *)q)[at];
    memcpy(&value, q + at * sizeof value, sizeof value);
    return value;
}

TANGO_NN__HOT
static void tango_nn__widen_blocks_ref(float *to, const void *panel, tango_nn_type type,
                                       size_t k, size_t depth)
{
    for (size_t i = 0; i < depth; i++, k++) {
        const size_t n = k % TANGO_NN__BLOCK;
        const char *block = (const char *)panel + tango_nn__block_at(k - n, type);
        const char *pairs =
            block + TANGO_NN__SCALES + n / 2 * tango_nn__pair_bytes(type);
        for (size_t o = 0; o < TANGO_NN__PANEL; o++) {
            float scale;
            memcpy(&scale, block + o * sizeof scale, sizeof scale);
            *to++ = (float)tango_nn__integer(pairs, type, 2 * o + k % 2) * scale;
        }
    }
}

TANGO_NN__HOT
static void tango_nn__stretch_ref(void *to, const void *from, size_t depth)
{
    const char *x = (const char *)from;
    char *out = (char *)to;
    for (size_t k = 0; k < depth; k += TANGO_NN__BLOCK) {
        const size_t n = tango_nn__ceil(tango_nn__min(TANGO_NN__BLOCK, depth - k), 2);
        memcpy(out, x, TANGO_NN__SCALES);
        out += TANGO_NN__SCALES;
        x += TANGO_NN__SCALES;
        for (size_t i = 0; i < n * 2 * TANGO_NN__PANEL; i++) {
            const int16_t q = tango_nn__integer(x, TANGO_NN_I8, i);
            memcpy(out + i * sizeof q, &q, sizeof q);
        }
        out += n * 64;
        x += n * 32;
    }
}

TANGO_NN__HOT
static void tango_nn__tile_i16_ref(float *sum, size_t sum_stride, const int16_t *a,
                                   const float *scales, const void *b, size_t b_stride,
                                   size_t rows, size_t panels, size_t depth,
                                   int accumulate)
{
    for (size_t k = 0; k < depth; k += TANGO_NN__BLOCK, scales += TANGO_NN__ROWS) {
        const size_t n = tango_nn__min(TANGO_NN__BLOCK, depth - k);
        const char *block = (const char *)b + tango_nn__block_at(k, TANGO_NN_I16);
        for (size_t p = 0; p < panels; p++, block += b_stride) {
            for (size_t r = 0; r < rows; r++) {
                tango_nn__tile_row_i16(sum + r * sum_stride + p * TANGO_NN__PANEL,
                                       a + r * TANGO_NN__INTEGERS + k, scales[r], block,
                                       n, accumulate || k > 0);
            }
        }
    }
}

/* Matrices of Winograd's convolutions F(outputs, taps) in one dimension, of the points
   0, 1, -1, 1/2, -2, (2,) infinity (0, 1, -1, infinity for two outputs). With the values
   a of the points, `output` holds the powers of a, `weight` the powers of a over the
   product of its distances to the other points, and `input` the coefficients of the
   polynomial that is zero at the other points; a power of two moves from each row of
   `weight` to `input`, so that the numbers of `input` are short.
   (Lavin and Gray 2015; the points of Barabasz et al. 2020) */
static const float tango_nn__input_2_3[] = {
    1, 0, -1, 0,
    0, 1, 1, 0,
    0, -1, 1, 0,
    0, -1, 0, 1
};
static const float tango_nn__weight_2_3[] = {
    1, 0, 0,
    0.5f, 0.5f, 0.5f,
    0.5f, -0.5f, 0.5f,
    0, 0, 1
};
static const float tango_nn__output_2_3[] = {
    1, 1, 1, 0,
    0, 1, -1, 1
};
static const float tango_nn__input_4_3[] = {
    1, -1.5f, -2, 1.5f, 1, 0,
    0, -1, 0.5f, 2.5f, 1, 0,
    0, 1, -2.5f, 0.5f, 1, 0,
    0, -2, -1, 2, 1, 0,
    0, 1, -2, -1, 2, 0,
    0, 1, -1.5f, -2, 1.5f, 1
};
static const float tango_nn__weight_4_3[] = {
    1, 0, 0,
    1 / 3.0f, 1 / 3.0f, 1 / 3.0f,
    -1 / 3.0f, 1 / 3.0f, -1 / 3.0f,
    -16 / 15.0f, -8 / 15.0f, -4 / 15.0f,
    1 / 30.0f, -2 / 30.0f, 4 / 30.0f,
    0, 0, 1
};
static const float tango_nn__output_4_3[] = {
    1, 1, 1, 1, 1, 0,
    0, 1, -1, 0.5f, -2, 0,
    0, 1, 1, 0.25f, 4, 0,
    0, 1, -1, 0.125f, -8, 1
};
static const float tango_nn__input_4_4[] = {
    -1, 2, 1.25f, -2.5f, -0.25f, 0.5f, 0,
    0, 1, -1, -2.25f, 0.25f, 0.5f, 0,
    0, -1, 3, -1.75f, -0.75f, 0.5f, 0,
    0, 2, 0, -2.5f, 0, 0.5f, 0,
    0, -1, 2.5f, 0, -2.5f, 1, 0,
    0, 1, -1.5f, -2, 1.5f, 1, 0,
    0, -1, 2, 1.25f, -2.5f, -0.25f, 0.5f
};
static const float tango_nn__weight_4_4[] = {
    -1, 0, 0, 0,
    -2 / 3.0f, -2 / 3.0f, -2 / 3.0f, -2 / 3.0f,
    2 / 9.0f, -2 / 9.0f, 2 / 9.0f, -2 / 9.0f,
    64 / 45.0f, 32 / 45.0f, 16 / 45.0f, 8 / 45.0f,
    -1 / 60.0f, 2 / 60.0f, -4 / 60.0f, 8 / 60.0f,
    1 / 36.0f, 2 / 36.0f, 4 / 36.0f, 8 / 36.0f,
    0, 0, 0, 2
};
static const float tango_nn__weight_4_4_less[] = {
    -1, 0, 0,
    -2 / 3.0f, -2 / 3.0f, -2 / 3.0f,
    2 / 9.0f, -2 / 9.0f, 2 / 9.0f,
    64 / 45.0f, 32 / 45.0f, 16 / 45.0f,
    -1 / 60.0f, 2 / 60.0f, -4 / 60.0f,
    1 / 36.0f, 2 / 36.0f, 4 / 36.0f,
    0, 0, 0
};
static const float tango_nn__output_4_4[] = {
    1, 1, 1, 1, 1, 1, 0,
    0, 1, -1, 0.5f, -2, 2, 0,
    0, 1, 1, 0.25f, 4, 4, 0,
    0, 1, -1, 0.125f, -8, 8, 1
};

/* A transform: its matrix (outputs, inputs), and the rows summed up before. */
typedef struct tango_nn__matrices {
    const float *matrix;
    size_t outputs, inputs, rows;
    int is_leaky;
} tango_nn__matrices;

/* In the order of tango_nn__transform. */
static const tango_nn__matrices tango_nn__transforms[] = {
    { tango_nn__input_2_3, 4, 4, 1, 0 },  { tango_nn__input_4_3, 6, 6, 1, 0 },
    { tango_nn__input_4_3, 6, 6, 1, 1 },
    { tango_nn__input_4_4, 7, 7, 1, 1 },  { tango_nn__weight_2_3, 4, 3, 1, 0 },
    { tango_nn__weight_4_3, 6, 3, 1, 0 }, { tango_nn__weight_4_4, 7, 4, 1, 0 },
    { tango_nn__weight_4_4_less, 7, 3, 1, 0 },
    { tango_nn__weight_2_3, 4, 3, 3, 0 }, { tango_nn__weight_4_3, 6, 3, 3, 0 },
    { tango_nn__output_2_3, 2, 4, 1, 0 }, { tango_nn__output_4_3, 4, 6, 1, 0 },
    { tango_nn__output_4_4, 4, 7, 1, 0 }
};

TANGO_NN__HOT
static void tango_nn__blend_ref(float *to, const float *const *x, const float *coef,
                                size_t terms, size_t rows, size_t step, size_t count)
{
    for (size_t n = 0; n < rows; n++, to += TANGO_NN__STRIDE) {
        for (size_t i = 0; i < count; i++) {
            float sum = 0;
            for (size_t t = 0; t < terms; t++) sum += coef[t] * x[t][n * step + i];
            to[i] = sum;
        }
    }
}

/* Number `at` of an array of floats of `type`. */
TANGO_NN__INLINE float tango_nn__number(const void *x, tango_nn_type type, size_t at)
{
    if (type == TANGO_NN_F32) return ((const float *)x)[at];
    if (type == TANGO_NN_BF16) return tango_nn_bf16_to_float(((const uint16_t *)x)[at]);
    return tango_nn_half_to_float(((const uint16_t *)x)[at]);
}

TANGO_NN__HOT
static void tango_nn__transform_ref(tango_nn__transform kind, float *to, size_t to_step,
                                    const void *x, tango_nn_type type, size_t row_step,
                                    size_t step, const float *coef, size_t count)
{
    const tango_nn__matrices *t = &tango_nn__transforms[kind];
    for (size_t i = 0; i < count; i++) {
        float v[7];
        for (size_t j = 0; j < t->inputs; j++) {
            const size_t at = j * step + i;
            v[j] = t->rows == 1 ? tango_nn__number(x, type, at) : 0.0f;
            if (t->is_leaky && v[j] < 0.0f) v[j] *= coef[0];
            for (size_t y = 0; t->rows > 1 && y < t->rows; y++) {
                v[j] += coef[y] * tango_nn__number(x, type, y * row_step + at);
            }
        }
        for (size_t p = 0; p < t->outputs; p++) {
            float sum = 0;
            for (size_t j = 0; j < t->inputs; j++) {
                sum += t->matrix[p * t->inputs + j] * v[j];
            }
            to[p * to_step + i] = sum;
        }
    }
}

TANGO_NN__HOT
static void tango_nn__widen_ref(float *to, const void *from, size_t at,
                                tango_nn_type type, size_t count)
{
    for (size_t i = 0; i < count; i++) to[i] = tango_nn__number(from, type, at + i);
}

static const tango_nn_kernels tango_nn__kernels_ref = {
    "reference", 4, 1,
    tango_nn__tile_ref,      tango_nn__finish_ref,       tango_nn__activate_ref,
    tango_nn__leaky_relu_ref, tango_nn__add_ref,         tango_nn__scale_ref,
    tango_nn__gather_ref,     tango_nn__maximum_ref,      tango_nn__exponentials_ref,
    tango_nn__moments_ref,   tango_nn__column_moments_ref, tango_nn__normalize_ref,
    tango_nn__center_ref,    tango_nn__transpose_ref,
    tango_nn__quantize_ref,  tango_nn__tile_i16_ref,
    tango_nn__widen_blocks_ref, tango_nn__stretch_ref,
    tango_nn__blend_ref,     tango_nn__transform_ref,    tango_nn__widen_ref
};

/* ==== 10 >>avx2 ==== Kernels for AVX2, FMA and F16C ======================== */

#ifdef TANGO_NN__X86
#define TANGO_NN__AVX2 TANGO_NN__TARGET("avx2,fma,f16c")
#define TANGO_NN__AVX512 TANGO_NN__TARGET("avx512f,avx512dq,avx512bw,avx2,fma,f16c")
#ifdef TANGO_NN_SMALL
#define TANGO_NN__UNROLL
#elif defined __clang__
#define TANGO_NN__UNROLL _Pragma("unroll")
#else
#define TANGO_NN__UNROLL _Pragma("GCC unroll 16")
#endif

/* 3 if AVX-512 with VNNI, 2 if AVX-512, 1 if AVX2 with FMA and F16C can be used, else 0.
   The operating system must save the registers too: XCR0 says so. */
static int tango_nn__cpu_level(void)
{
    unsigned a, b, c, d, saved, features;
    if (!__get_cpuid(1, &a, &b, &c, &d)) return 0;
    features = c;
    if (!(features >> 27 & 1)) return 0; /* OSXSAVE: XCR0 can be read */
    __asm__ volatile("xgetbv" : "=a"(saved), "=d"(d) : "c"(0));
    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d)) return 0;
    if ((saved & 0x06) != 0x06) return 0; /* SSE and AVX registers */
    if (!(features >> 12 & 1) || !(features >> 29 & 1) || !(b >> 5 & 1)) return 0;
    if ((saved & 0xe6) != 0xe6) return 1; /* mask registers, upper halves, 16..31 */
    if (!(b >> 16 & 1) || !(b >> 17 & 1) || !(b >> 30 & 1)) return 1; /* F, DQ, BW */
    return c >> 11 & 1 ? 3 : 2;
}

/* The first n of 8 lanes. Rows end in the middle of a vector; nothing beyond the end may
   be touched. */
TANGO_NN__INLINE TANGO_NN__AVX2 __m256i tango_nn__mask8(size_t n)
{
    const __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)tango_nn__min(n, 8)), lane);
}

TANGO_NN__INLINE TANGO_NN__AVX2 __m256 tango_nn__load8(const float *x, size_t n)
{
    return n >= 8 ? _mm256_loadu_ps(x) : _mm256_maskload_ps(x, tango_nn__mask8(n));
}

TANGO_NN__INLINE TANGO_NN__AVX2 void tango_nn__store8(float *out, __m256 v, size_t n)
{
    if (n >= 8) {
        _mm256_storeu_ps(out, v);
    } else {
        _mm256_maskstore_ps(out, tango_nn__mask8(n), v);
    }
}

/* a x + b. Polynomials are made of these, paired by powers of x^2: one fma behind the
   other, each waiting for the last, would take most of the time. */
TANGO_NN__INLINE TANGO_NN__AVX2 __m256 tango_nn__line8(__m256 x, float a, float b)
{
    return _mm256_fmadd_ps(_mm256_set1_ps(a), x, _mm256_set1_ps(b));
}

/* 2^t = 2^n 2^r, n = round(t), |r| <= 1/2; 2^r = 1 + r q(r), q a minimax polynomial
   (2e-9). Adding 1.5 * 2^23 rounds to an integer, which then stands in the low bits: with
   127 more it is the exponent of 2^n. Exponents 0 and 255 are the numbers 0, which all t
   below -127 get, and infinity. t < 128.5. NaN passes: max and min return their second
   operand then. */
TANGO_NN__INLINE TANGO_NN__AVX2 __m256 tango_nn__power8(__m256 t)
{
    const __m256 whole = _mm256_set1_ps(12582912.0f + 127.0f);
    __m256 n, r, s, q;
    __m256i power;
    t = _mm256_max_ps(_mm256_set1_ps(-127.0f), t);
    n = _mm256_add_ps(t, whole);
    power = _mm256_slli_epi32(_mm256_castps_si256(n), 23);
    r = _mm256_sub_ps(t, _mm256_sub_ps(n, whole));
    s = _mm256_mul_ps(r, r);
    q = tango_nn__line8(r, 1.339887445e-3f, 9.618437358e-3f);
    q = _mm256_fmadd_ps(_mm256_set1_ps(1.535336199e-4f), s, q);
    q = _mm256_fmadd_ps(q, s, tango_nn__line8(r, 5.550332471e-2f, 2.402264791e-1f));
    q = _mm256_fmadd_ps(q, s, tango_nn__line8(r, 6.931472029e-1f, 1.0f));
    return _mm256_mul_ps(q, _mm256_castsi256_ps(power));
}

/* exp(x) for x <= 0, with the relative error |x| 6e-8 of the product besides: less than
   4e-8 of 1. */
TANGO_NN__INLINE TANGO_NN__AVX2 __m256 tango_nn__decay8(__m256 x)
{
    return tango_nn__power8(_mm256_mul_ps(x, _mm256_set1_ps(1.44269504f)));
}

/* The same for every x. */
TANGO_NN__INLINE TANGO_NN__AVX2 __m256 tango_nn__exp8(__m256 x)
{
    return tango_nn__decay8(_mm256_min_ps(_mm256_set1_ps(89.0f), x));
}

/* tanh(x) = x + x^3 q(x^2) below 0.625, above 1 - 2/(exp(2|x|) + 1) with the sign of
   x. */
TANGO_NN__INLINE TANGO_NN__AVX2 __m256 tango_nn__tanh8(__m256 x)
{
    const __m256 sign = _mm256_set1_ps(-0.0f), one = _mm256_set1_ps(1.0f);
    const __m256 a = _mm256_andnot_ps(sign, x), s = _mm256_mul_ps(x, x);
    __m256 q = _mm256_set1_ps(-5.717036314e-3f), large;
    q = _mm256_fmadd_ps(q, s, _mm256_set1_ps(2.065057866e-2f));
    q = _mm256_fmadd_ps(q, s, _mm256_set1_ps(-5.374349654e-2f));
    q = _mm256_fmadd_ps(q, s, _mm256_set1_ps(1.333149076e-1f));
    q = _mm256_fmadd_ps(q, s, _mm256_set1_ps(-3.333328366e-1f));
    q = _mm256_fmadd_ps(_mm256_mul_ps(q, s), x, x);
    large = _mm256_add_ps(tango_nn__exp8(_mm256_add_ps(a, a)), one);
    large = _mm256_sub_ps(one, _mm256_div_ps(_mm256_set1_ps(2.0f), large));
    large = _mm256_or_ps(large, _mm256_and_ps(sign, x));
    return _mm256_blendv_ps(large, q,
                            _mm256_cmp_ps(a, _mm256_set1_ps(0.625f), _CMP_LT_OQ));
}

/* x times the normal distribution's share below x. The share above |x| is 2^l(|x|), l a
   polynomial that is off by less than 2.4e-8 / (max(|x|, 1) 2^l) on [0, 14], where the
   share has become 0. */
TANGO_NN__INLINE TANGO_NN__AVX2 __m256 tango_nn__gelu8(__m256 x)
{
    const __m256 size = _mm256_min_ps(_mm256_set1_ps(14.0f),
                                      _mm256_andnot_ps(_mm256_set1_ps(-0.0f), x));
    const __m256 s = _mm256_mul_ps(size, size), s2 = _mm256_mul_ps(s, s);
    __m256 l = tango_nn__line8(size, 1.189161417e-7f, -3.588827538e-6f), share, other;
    other = tango_nn__line8(size, 3.846625822e-5f, -1.679030333e-4f);
    other = _mm256_fmadd_ps(
        other, s, tango_nn__line8(size, -1.941738696e-4f, 7.143958293e-3f));
    l = _mm256_fmadd_ps(l, s2, other);
    other = tango_nn__line8(size, -5.255176662e-2f, -4.591905544e-1f);
    other = _mm256_fmadd_ps(other, s, tango_nn__line8(size, -1.151107278f, -1.0f));
    share = tango_nn__power8(_mm256_fmadd_ps(l, s2, other));
    other = _mm256_sub_ps(_mm256_set1_ps(1.0f), share);
    return _mm256_mul_ps(x, _mm256_blendv_ps(other, share, x));
}

TANGO_NN__INLINE TANGO_NN__AVX2 __m256 tango_nn__activate8(__m256 x,
                                                           tango_nn_activation activation)
{
    const __m256 one = _mm256_set1_ps(1.0f), half = _mm256_set1_ps(0.5f);
    __m256 y;
    switch (activation) {
    case TANGO_NN_NONE: return x;
    case TANGO_NN_SILU:
        y = tango_nn__exp8(_mm256_xor_ps(x, _mm256_set1_ps(-0.0f)));
        return _mm256_div_ps(x, _mm256_add_ps(one, y));
    case TANGO_NN_GELU: return tango_nn__gelu8(x);
    case TANGO_NN_GELU_TANH:
        y = _mm256_mul_ps(_mm256_mul_ps(_mm256_set1_ps(0.044715f), x), x);
        y = _mm256_mul_ps(_mm256_mul_ps(_mm256_set1_ps(0.797884561f), x),
                          _mm256_add_ps(one, y));
        y = tango_nn__tanh8(y);
        return _mm256_mul_ps(_mm256_mul_ps(half, x), _mm256_add_ps(one, y));
    case TANGO_NN_TANH: return tango_nn__tanh8(x);
    case TANGO_NN_QUICK_GELU:
        y = tango_nn__exp8(_mm256_mul_ps(x, _mm256_set1_ps(-1.702f)));
        return _mm256_div_ps(x, _mm256_add_ps(one, y));
    case TANGO_NN_RELU: return _mm256_max_ps(_mm256_setzero_ps(), x); /* NaN stays */
    }
    return x;
}

/* Weights 8i .. 8i+7 of input k of a panel. */
TANGO_NN__INLINE TANGO_NN__AVX2 __m256 tango_nn__weights8(const void *panel, size_t at,
                                                          int is_half)
{
    return is_half ? _mm256_cvtph_ps(_mm_loadu_si128(
                         (const __m128i *)(const void *)((const uint16_t *)panel + at)))
                   : _mm256_loadu_ps((const float *)panel + at);
}

/* The same of bfloat16: the upper halves of floats. */
TANGO_NN__INLINE TANGO_NN__AVX2 __m256 tango_nn__bf16_8(const void *panel, size_t at)
{
    const __m128i v = _mm_loadu_si128(
        (const __m128i *)(const void *)((const uint16_t *)panel + at));
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(v), 16));
}

/* Hides from the compiler where a pointer comes from: of rows a constant distance apart
   it would keep four addresses each, and fetch them from the stack again and again. */
#define TANGO_NN__OPAQUE(pointer) __asm__("" : "+r"(pointer))

/* One input: acc += x b for the rows of a tile. */
TANGO_NN__INLINE TANGO_NN__AVX2 void tango_nn__rows8(__m256 acc[][2],
                                                     const float *const *row, size_t k,
                                                     const float *b, const size_t height)
{
    const __m256 b0 = _mm256_loadu_ps(b), b1 = _mm256_loadu_ps(b + 8);
    TANGO_NN__UNROLL
    for (size_t r = 0; r < height; r++) {
        const __m256 x = _mm256_broadcast_ss(row[r] + k);
        acc[r][0] = _mm256_fmadd_ps(x, b0, acc[r][0]);
        acc[r][1] = _mm256_fmadd_ps(x, b1, acc[r][1]);
    }
}

/* The tile for a constant height, rows rounded up to an even number: 2 accumulators a
   row stay in registers, 12 of 16 for the full height; of an odd number of rows the last
   is computed twice. Inlined for each height. A turn takes a cache line of each row, and
   asks for that of the rows behind, which the next tile reads: 4 to 8 % where rows are
   320 floats long. Rows a multiple of 2 KiB apart lie in the same few sets of the
   first-level cache, and twice as many of them would drive each other out: -11 %. */
TANGO_NN__INLINE TANGO_NN__AVX2 void tango_nn__tile8(float *sum, size_t sum_stride,
                                                     const float *a, size_t a_stride,
                                                     const float *b, size_t rows,
                                                     size_t depth, int accumulate,
                                                     const size_t height)
{
    const size_t ahead = a_stride % 512 != 0 ? height * a_stride : 0;
    const float *row[6];
    __m256 acc[6][2];
    size_t k = 0;
    TANGO_NN__UNROLL
    for (size_t r = 0; r < height; r++) {
        row[r] = a + tango_nn__min(r, rows - 1) * a_stride;
        TANGO_NN__OPAQUE(row[r]);
        acc[r][0] = acc[r][1] = _mm256_setzero_ps();
    }
    for (; k + 16 <= depth; k += 16) {
        TANGO_NN__UNROLL
        for (size_t r = 0; r < height; r++) {
            __builtin_prefetch(row[r] + ahead);
        }
        TANGO_NN__UNROLL
        for (size_t i = 0; i < 16; i++, b += TANGO_NN__PANEL) {
            tango_nn__rows8(acc, row, i, b, height);
        }
        TANGO_NN__UNROLL
        for (size_t r = 0; r < height; r++) {
            row[r] += 16;
            TANGO_NN__OPAQUE(row[r]);
        }
    }
    for (size_t i = 0; k < depth; k++, i++, b += TANGO_NN__PANEL) {
        tango_nn__rows8(acc, row, i, b, height);
    }
    if (accumulate) {
        TANGO_NN__UNROLL
        for (size_t r = 0; r < height; r++) {
            const float *from = sum + (r + 1 < height ? r : rows - 1) * sum_stride;
            acc[r][0] = _mm256_add_ps(_mm256_loadu_ps(from), acc[r][0]);
            acc[r][1] = _mm256_add_ps(_mm256_loadu_ps(from + 8), acc[r][1]);
        }
    }
    TANGO_NN__UNROLL
    for (size_t r = 0; r < height; r++) {
        float *to = sum + (r + 1 < height ? r : rows - 1) * sum_stride;
        _mm256_storeu_ps(to, acc[r][0]);
        _mm256_storeu_ps(to + 8, acc[r][1]);
    }
}

TANGO_NN__AVX2 static void tango_nn__tile_avx2(float *sum, size_t sum_stride,
                                               const float *a, size_t a_stride,
                                               const float *b, size_t b_stride,
                                               size_t rows, size_t panels, size_t depth,
                                               int accumulate)
{
    (void)b_stride;
    (void)panels; /* always 1 */
#ifdef TANGO_NN_SMALL
    tango_nn__tile8(sum, sum_stride, a, a_stride, b, rows, depth, accumulate, rows);
#else
    if (rows > 4) {
        tango_nn__tile8(sum, sum_stride, a, a_stride, b, rows, depth, accumulate, 6);
    } else if (rows > 2) {
        tango_nn__tile8(sum, sum_stride, a, a_stride, b, rows, depth, accumulate, 4);
    } else {
        tango_nn__tile8(sum, sum_stride, a, a_stride, b, rows, depth, accumulate, 2);
    }
#endif
}

/* The epilogue of whole vectors in the plain case. */
TANGO_NN__INLINE TANGO_NN__AVX2 void tango_nn__store_rows8(
    const tango_nn_epilogue *e, float *out, size_t stride, size_t at, size_t rows,
    const float *sum, size_t sum_stride, __m256 bias)
{
    for (size_t r = 0; r < rows; r++, at += stride, sum += sum_stride) {
        __m256 v = _mm256_add_ps(_mm256_loadu_ps(sum), bias);
        if (e->multiply) v = _mm256_mul_ps(v, _mm256_loadu_ps(e->multiply + at));
        if (e->add) v = _mm256_add_ps(v, _mm256_loadu_ps(e->add + at));
        _mm256_storeu_ps(out + at, v);
    }
}

/* The epilogue of eight columns from `column` on, or the first n of them. */
TANGO_NN__INLINE TANGO_NN__AVX2 void tango_nn__finish_rows8(
    const tango_nn_epilogue *e, float *out, size_t stride, size_t row, size_t column,
    size_t rows, size_t n, const float *sum, size_t sum_stride, __m256 bias,
    const tango_nn_activation activation)
{
    size_t at = row * stride + column, image = 0, left = rows;
    if (e->image_bias) {
        image = row / e->image_rows * stride + column;
        left = e->image_rows - row % e->image_rows;
    }
    for (size_t r = 0; r < rows; r++, at += stride, sum += sum_stride) {
        __m256 v = _mm256_add_ps(_mm256_loadu_ps(sum), bias);
        if (e->image_bias) {
            if (left-- == 0) {
                image += stride;
                left = e->image_rows - 1;
            }
            v = _mm256_add_ps(v, tango_nn__load8(e->image_bias + image, n));
        }
        v = tango_nn__activate8(v, activation);
        if (e->multiply) v = _mm256_mul_ps(v, tango_nn__load8(e->multiply + at, n));
        if (e->add) v = _mm256_add_ps(v, tango_nn__load8(e->add + at, n));
        tango_nn__store8(out + at, v, n);
    }
}

/* GELU, which follows the widest layers, has a loop of its own: the constants stay in
   registers, and the steps of more vectors overlap. */
TANGO_NN__AVX2 static void tango_nn__finish_avx2(const tango_nn_epilogue *e, float *out,
                                                 size_t stride, size_t row, size_t column,
                                                 size_t rows, size_t columns,
                                                 const float *sum, size_t sum_stride)
{
    for (size_t i = 0; i < columns; i += 8) {
        const size_t n = columns - i, at = column + i;
        __m256 bias = _mm256_setzero_ps();
        if (e->bias) bias = tango_nn__load8(e->bias + at, n);
        if (n >= 8 && !e->image_bias && e->activation == TANGO_NN_NONE) {
            tango_nn__store_rows8(e, out, stride, row * stride + at, rows, sum + i,
                                  sum_stride, bias);
        } else if (e->activation == TANGO_NN_GELU) {
            tango_nn__finish_rows8(e, out, stride, row, at, rows, n, sum + i, sum_stride,
                                   bias, TANGO_NN_GELU);
        } else {
            tango_nn__finish_rows8(e, out, stride, row, at, rows, n, sum + i, sum_stride,
                                   bias, e->activation);
        }
    }
}

TANGO_NN__AVX2 static void tango_nn__activate_avx2(float *out, const float *x,
                                                   size_t count,
                                                   tango_nn_activation activation)
{
    for (size_t i = 0; i < count; i += 8) {
        const __m256 v = tango_nn__load8(x + i, count - i);
        tango_nn__store8(out + i, tango_nn__activate8(v, activation), count - i);
    }
}

TANGO_NN__AVX2 static void tango_nn__leaky_relu_avx2(float *out, const float *x,
                                                     size_t count, float slope)
{
    const __m256 factor = _mm256_set1_ps(slope), zero = _mm256_setzero_ps();
    for (size_t i = 0; i < count; i += 8) {
        const __m256 v = tango_nn__load8(x + i, count - i);
        const __m256 positive = _mm256_cmp_ps(v, zero, _CMP_GE_OQ);
        const __m256 y = _mm256_blendv_ps(_mm256_mul_ps(v, factor), v, positive);
        tango_nn__store8(out + i, y, count - i);
    }
}

TANGO_NN__AVX2 static void tango_nn__add_avx2(float *out, const float *a, const float *b,
                                              size_t count, float scale)
{
    const __m256 factor = _mm256_set1_ps(scale);
    for (size_t i = 0; i < count; i += 8) {
        const size_t n = count - i;
        const __m256 v = _mm256_add_ps(tango_nn__load8(a + i, n),
                                       tango_nn__load8(b + i, n));
        tango_nn__store8(out + i, _mm256_mul_ps(v, factor), n);
    }
}

TANGO_NN__AVX2 static void tango_nn__scale_avx2(float *out, const float *x, size_t count,
                                                float factor)
{
    const __m256 f = _mm256_set1_ps(factor);
    for (size_t i = 0; i < count; i += 8) {
        const __m256 v = tango_nn__load8(x + i, count - i);
        tango_nn__store8(out + i, _mm256_mul_ps(v, f), count - i);
    }
}

TANGO_NN__AVX2 static void tango_nn__gather_avx2(float *to, const float *x, size_t rows,
                                                 size_t step, size_t count, float slope)
{
    const __m256 factor = _mm256_set1_ps(slope != 0.0f ? slope : 1.0f);
    for (size_t r = 0; r < rows; r++, to += TANGO_NN__STRIDE, x += step) {
        for (size_t i = 0; i < count; i += 8) {
            const __m256 v = tango_nn__load8(x + i, count - i);
            const __m256 negative = _mm256_mul_ps(v, factor);
            /* The sign of v chooses: zeros of either sign stay what they are. */
            _mm256_storeu_ps(to + i, _mm256_blendv_ps(v, negative, v));
        }
    }
}

TANGO_NN__AVX2 static float tango_nn__maximum_avx2(const float *x, size_t count)
{
    __m256 m0 = _mm256_set1_ps(x[0]), m1 = m0, m2 = m0, m3 = m0;
    __m128 m;
    float largest;
    size_t i = 0;
    for (; i + 32 <= count; i += 32) {
        m0 = _mm256_max_ps(m0, _mm256_loadu_ps(x + i));
        m1 = _mm256_max_ps(m1, _mm256_loadu_ps(x + i + 8));
        m2 = _mm256_max_ps(m2, _mm256_loadu_ps(x + i + 16));
        m3 = _mm256_max_ps(m3, _mm256_loadu_ps(x + i + 24));
    }
    for (; i + 8 <= count; i += 8) m0 = _mm256_max_ps(m0, _mm256_loadu_ps(x + i));
    m0 = _mm256_max_ps(_mm256_max_ps(m0, m1), _mm256_max_ps(m2, m3));
    m = _mm_max_ps(_mm256_castps256_ps128(m0), _mm256_extractf128_ps(m0, 1));
    m = _mm_max_ps(m, _mm_movehl_ps(m, m));
    largest = _mm_cvtss_f32(_mm_max_ss(m, _mm_movehdup_ps(m)));
    for (; i < count; i++) {
        if (x[i] > largest) largest = x[i];
    }
    return largest;
}

TANGO_NN__AVX2 static float tango_nn__exponentials_avx2(float *out, const float *x,
                                                        size_t count, float shift)
{
    const __m256 s = _mm256_set1_ps(shift);
    __m256 sum = _mm256_setzero_ps(), other = sum;
    float lanes[8];
    size_t i = 0;
    for (; i + 16 <= count; i += 16) {
        const __m256 v = tango_nn__decay8(_mm256_sub_ps(_mm256_loadu_ps(x + i), s));
        const __m256 w = tango_nn__decay8(_mm256_sub_ps(_mm256_loadu_ps(x + i + 8), s));
        _mm256_storeu_ps(out + i, v);
        _mm256_storeu_ps(out + i + 8, w);
        sum = _mm256_add_ps(sum, v);
        other = _mm256_add_ps(other, w);
    }
    for (; i < count; i += 8) {
        const size_t n = count - i;
        __m256 v = tango_nn__decay8(_mm256_sub_ps(tango_nn__load8(x + i, n), s));
        tango_nn__store8(out + i, v, n);
        if (n < 8) v = _mm256_and_ps(v, _mm256_castsi256_ps(tango_nn__mask8(n)));
        sum = _mm256_add_ps(sum, v);
    }
    _mm256_storeu_ps(lanes, _mm256_add_ps(sum, other));
    return ((lanes[0] + lanes[4]) + (lanes[1] + lanes[5]))
           + ((lanes[2] + lanes[6]) + (lanes[3] + lanes[7]));
}

/* sum += v and square += v^2 in double, for the lower and the upper four lanes. */
TANGO_NN__INLINE TANGO_NN__AVX2 void tango_nn__moments8(__m256d sum[2], __m256d square[2],
                                                        __m256 v)
{
    const __m256d low = _mm256_cvtps_pd(_mm256_castps256_ps128(v));
    const __m256d high = _mm256_cvtps_pd(_mm256_extractf128_ps(v, 1));
    sum[0] = _mm256_add_pd(sum[0], low);
    sum[1] = _mm256_add_pd(sum[1], high);
    square[0] = _mm256_fmadd_pd(low, low, square[0]);
    square[1] = _mm256_fmadd_pd(high, high, square[1]);
}

TANGO_NN__AVX2 static void tango_nn__moments_avx2(double *sums, const float *x,
                                                  size_t count)
{
    __m256d sum[2], square[2];
    double lanes[4];
    sum[0] = sum[1] = square[0] = square[1] = _mm256_setzero_pd();
    for (size_t i = 0; i < count; i += 8) {
        tango_nn__moments8(sum, square, tango_nn__load8(x + i, count - i));
    }
    _mm256_storeu_pd(lanes, _mm256_add_pd(sum[0], sum[1]));
    sums[0] += (lanes[0] + lanes[2]) + (lanes[1] + lanes[3]);
    _mm256_storeu_pd(lanes, _mm256_add_pd(square[0], square[1]));
    sums[1] += (lanes[0] + lanes[2]) + (lanes[1] + lanes[3]);
}

/* Eight rows at a time: the sums are loaded and stored once for them, and memory is read
   as eight forward streams. */
TANGO_NN__AVX2 static void tango_nn__column_moments_avx2(double *sum, double *square,
                                                         const float *x, size_t rows,
                                                         size_t stride, size_t columns)
{
    const size_t whole = columns / 8 * 8;
    for (size_t first = 0; first < rows; first += 8) {
        const size_t height = tango_nn__min(8, rows - first);
        const float *from = x + first * stride;
        for (size_t i = 0; i < whole; i += 8) {
            __m256d s[2], q[2];
            s[0] = _mm256_loadu_pd(sum + i);
            s[1] = _mm256_loadu_pd(sum + i + 4);
            q[0] = _mm256_loadu_pd(square + i);
            q[1] = _mm256_loadu_pd(square + i + 4);
            for (size_t r = 0; r < height; r++) {
                tango_nn__moments8(s, q, _mm256_loadu_ps(from + r * stride + i));
            }
            _mm256_storeu_pd(sum + i, s[0]);
            _mm256_storeu_pd(sum + i + 4, s[1]);
            _mm256_storeu_pd(square + i, q[0]);
            _mm256_storeu_pd(square + i + 4, q[1]);
        }
        tango_nn__column_moments_ref(sum + whole, square + whole, from + whole, height,
                                     stride, columns - whole);
    }
}

TANGO_NN__INLINE TANGO_NN__AVX2 void tango_nn__normalize8(
    float *out, const float *x, size_t count, const float *mean, const float *scale,
    const float *shift, const tango_nn_activation activation)
{
    for (size_t i = 0; i < count; i += 8) {
        const size_t n = count - i;
        __m256 v = _mm256_sub_ps(tango_nn__load8(x + i, n), tango_nn__load8(mean + i, n));
        v = _mm256_fmadd_ps(v, tango_nn__load8(scale + i, n),
                            tango_nn__load8(shift + i, n));
        tango_nn__store8(out + i, tango_nn__activate8(v, activation), n);
    }
}

TANGO_NN__AVX2 static void tango_nn__normalize_avx2(float *out, const float *x,
                                                    size_t count, const float *mean,
                                                    const float *scale,
                                                    const float *shift,
                                                    tango_nn_activation activation)
{
    if (activation == TANGO_NN_SILU) {
        tango_nn__normalize8(out, x, count, mean, scale, shift, TANGO_NN_SILU);
    } else {
        tango_nn__normalize8(out, x, count, mean, scale, shift, TANGO_NN_NONE);
    }
}

TANGO_NN__AVX2 static void tango_nn__center_avx2(float *out, const float *x, size_t count,
                                                 float high, float low, float scale,
                                                 const float *weight, const float *bias)
{
    const __m256 h = _mm256_set1_ps(high), l = _mm256_set1_ps(low);
    const __m256 factor = _mm256_set1_ps(scale);
    for (size_t i = 0; i < count; i += 8) {
        const size_t n = count - i;
        __m256 v = _mm256_sub_ps(_mm256_sub_ps(tango_nn__load8(x + i, n), h), l);
        v = _mm256_mul_ps(v, factor);
        if (weight) v = _mm256_mul_ps(v, tango_nn__load8(weight + i, n));
        if (bias) v = _mm256_add_ps(v, tango_nn__load8(bias + i, n));
        tango_nn__store8(out + i, v, n);
    }
}

/* The transpose of 8 rows of 8, in three rounds of exchanges: pairs, fours, halves. */
TANGO_NN__INLINE TANGO_NN__AVX2 void tango_nn__transpose8(float *panel, const float *x,
                                                          size_t stride)
{
    __m256 a[8], b[8];
    TANGO_NN__UNROLL
    for (size_t i = 0; i < 8; i++) a[i] = _mm256_loadu_ps(x + i * stride);
    TANGO_NN__UNROLL
    for (size_t i = 0; i < 8; i += 2) {
        b[i] = _mm256_unpacklo_ps(a[i], a[i + 1]);
        b[i + 1] = _mm256_unpackhi_ps(a[i], a[i + 1]);
    }
    TANGO_NN__UNROLL
    for (size_t i = 0; i < 8; i += 4) {
        a[i] = _mm256_shuffle_ps(b[i], b[i + 2], 0x44);
        a[i + 1] = _mm256_shuffle_ps(b[i], b[i + 2], 0xee);
        a[i + 2] = _mm256_shuffle_ps(b[i + 1], b[i + 3], 0x44);
        a[i + 3] = _mm256_shuffle_ps(b[i + 1], b[i + 3], 0xee);
    }
    TANGO_NN__UNROLL
    for (size_t i = 0; i < 4; i++) {
        _mm256_storeu_ps(panel + i * TANGO_NN__PANEL,
                         _mm256_permute2f128_ps(a[i], a[i + 4], 0x20));
        _mm256_storeu_ps(panel + (i + 4) * TANGO_NN__PANEL,
                         _mm256_permute2f128_ps(a[i], a[i + 4], 0x31));
    }
}

TANGO_NN__AVX2 static void tango_nn__transpose_avx2(float *panel, const float *x,
                                                    size_t stride, size_t rows,
                                                    size_t depth)
{
    size_t k = 0;
    if (rows < TANGO_NN__PANEL) {
        tango_nn__transpose_ref(panel, x, stride, rows, depth);
        return;
    }
    for (; k + 8 <= depth; k += 8) {
        tango_nn__transpose8(panel + k * TANGO_NN__PANEL, x + k, stride);
        tango_nn__transpose8(panel + k * TANGO_NN__PANEL + 8, x + 8 * stride + k, stride);
    }
    tango_nn__transpose_ref(panel + k * TANGO_NN__PANEL, x + k, stride, rows, depth - k);
}

/* The largest of 8 lanes. */
TANGO_NN__INLINE TANGO_NN__AVX2 uint32_t tango_nn__largest8(__m256i v)
{
    __m128i m = _mm_max_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
    m = _mm_max_epi32(m, _mm_shuffle_epi32(m, 0x4e));
    m = _mm_max_epi32(m, _mm_shuffle_epi32(m, 0xb1));
    return (uint32_t)_mm_cvtsi128_si32(m);
}

/* The bits without sign of the largest number of a block, and the sum of its squares in
   the order of tango_nn__quantize_block, all numbers times a power of two. */
TANGO_NN__INLINE TANGO_NN__AVX2 uint32_t tango_nn__squares8(float *squares,
                                                            const float *x, size_t depth,
                                                            float power)
{
    const __m256i sign = _mm256_set1_epi32(0x7fffffff);
    const __m256 factor = _mm256_set1_ps(power);
    __m256i m0 = _mm256_setzero_si256(), m1 = m0;
    __m256 s0 = _mm256_setzero_ps(), s1 = s0;
    __m128 s;
    for (size_t i = 0; i < depth; i += 16) {
        __m256 v0 = _mm256_loadu_ps(x + i), v1 = _mm256_loadu_ps(x + i + 8);
        m0 = _mm256_max_epi32(m0, _mm256_and_si256(_mm256_castps_si256(v0), sign));
        m1 = _mm256_max_epi32(m1, _mm256_and_si256(_mm256_castps_si256(v1), sign));
        v0 = _mm256_mul_ps(v0, factor);
        v1 = _mm256_mul_ps(v1, factor);
        s0 = _mm256_add_ps(s0, _mm256_mul_ps(v0, v0));
        s1 = _mm256_add_ps(s1, _mm256_mul_ps(v1, v1));
    }
    s0 = _mm256_add_ps(s0, s1);
    s = _mm_add_ps(_mm256_castps256_ps128(s0), _mm256_extractf128_ps(s0, 1));
    s = _mm_add_ps(s, _mm_movehl_ps(s, s));
    *squares = _mm_cvtss_f32(_mm_add_ss(s, _mm_movehdup_ps(s)));
    return tango_nn__largest8(_mm256_max_epi32(m0, m1));
}

/* q = x * factor, rounded. */
TANGO_NN__INLINE TANGO_NN__AVX2 void tango_nn__round8(int16_t *q, const float *x,
                                                      size_t depth, float factor)
{
    const __m256 f = _mm256_set1_ps(factor);
    for (size_t i = 0; i < depth; i += 16) {
        const __m256 low = _mm256_mul_ps(_mm256_loadu_ps(x + i), f);
        const __m256 high = _mm256_mul_ps(_mm256_loadu_ps(x + i + 8), f);
        const __m256i v = _mm256_packs_epi32(_mm256_cvtps_epi32(low),
                                             _mm256_cvtps_epi32(high));
        _mm256_storeu_si256((__m256i *)(void *)(q + i),
                            _mm256_permute4x64_epi64(v, 0xd8));
    }
}

/* 1 / scale of a block, or 0 where it has none. Within 2^-40 and 2^40 squares neither
   overflow nor vanish: a power of two changes no digit of their sum, so that 1 serves and
   one pass over x finds all; other blocks take a second one. */
TANGO_NN__INLINE TANGO_NN__AVX2 float tango_nn__factor8(const float *x, size_t depth)
{
    float squares, power = 1.0f;
    const uint32_t largest = tango_nn__squares8(&squares, x, depth, power);
    if (largest < TANGO_NN__SMALLEST || largest >= TANGO_NN__INFINITE) return 0.0f;
    if (largest < 0x2b800000u || largest >= 0x53800000u) {
        power = tango_nn__block_power(largest);
        tango_nn__squares8(&squares, x, depth, power);
    }
    squares = _mm_cvtss_f32(_mm_sqrt_ss(_mm_set_ss(squares)));
    return tango_nn__block_factor(largest, power, squares);
}

/* First the factors of several rows: what one waits for, others fill. */
TANGO_NN__AVX2 static void tango_nn__quantize_avx2(int16_t *q, float *scales,
                                                   const float *x, size_t x_stride,
                                                   size_t rows, size_t depth)
{
    for (size_t first = 0; first < rows; first += 16) {
        const size_t n = tango_nn__min(16, rows - first);
        float factor[16];
        for (size_t r = 0; r < n; r++) {
            factor[r] = tango_nn__factor8(x + r * x_stride, depth);
            scales[first + r] = 1.0f / factor[r];
        }
        for (size_t r = 0; r < n; r++, x += x_stride, q += TANGO_NN__INTEGERS) {
            if (factor[r] > 0.0f) tango_nn__round8(q, x, depth, factor[r]);
            else scales[first + r] = tango_nn__quantize_block(q, x, depth);
        }
    }
}

/* Two inputs of eight columns in 16 bits. */
TANGO_NN__INLINE TANGO_NN__AVX2 __m256i tango_nn__pairs8(const char *pairs,
                                                         const int is_byte)
{
    if (!is_byte) return _mm256_loadu_si256((const __m256i *)(const void *)pairs);
    return _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)(const void *)pairs));
}

/* Two inputs of eight columns as floats times their scales; the second one only where
   there is one. */
TANGO_NN__INLINE TANGO_NN__AVX2 void tango_nn__widen_pair8(float *to, const char *pairs,
                                                           __m256 scale, int both,
                                                           const int is_byte)
{
    const __m256i v = tango_nn__pairs8(pairs, is_byte);
    const __m256i even = _mm256_srai_epi32(_mm256_slli_epi32(v, 16), 16);
    _mm256_storeu_ps(to, _mm256_mul_ps(_mm256_cvtepi32_ps(even), scale));
    if (!both) return;
    _mm256_storeu_ps(to + TANGO_NN__PANEL,
                     _mm256_mul_ps(_mm256_cvtepi32_ps(_mm256_srai_epi32(v, 16)), scale));
}

TANGO_NN__INLINE TANGO_NN__AVX2 void tango_nn__widen_blocks8(
    float *to, const void *panel, tango_nn_type type, size_t k, size_t depth,
    const int is_byte)
{
    const size_t end = k + depth, bytes = tango_nn__pair_bytes(type);
    if (k % 2 == 1 && depth > 0) { /* the second of a pair */
        tango_nn__widen_blocks_ref(to, panel, type, k, 1);
        k++;
        to += TANGO_NN__PANEL;
    }
    while (k < end) {
        const size_t first = k / TANGO_NN__BLOCK * TANGO_NN__BLOCK;
        const size_t stop = tango_nn__min(first + TANGO_NN__BLOCK, end);
        const char *block = (const char *)panel + tango_nn__block_at(first, type);
        const char *pairs = block + TANGO_NN__SCALES + (k - first) / 2 * bytes;
        const __m256 s0 = _mm256_loadu_ps((const float *)(const void *)block);
        const __m256 s1 = _mm256_loadu_ps((const float *)(const void *)block + 8);
        for (; k < stop; k += 2, pairs += bytes, to += 2 * TANGO_NN__PANEL) {
            tango_nn__widen_pair8(to, pairs, s0, k + 1 < stop, is_byte);
            tango_nn__widen_pair8(to + 8, pairs + bytes / 2, s1, k + 1 < stop, is_byte);
        }
    }
}

TANGO_NN__AVX2 static void tango_nn__widen_blocks_avx2(float *to, const void *panel,
                                                       tango_nn_type type, size_t k,
                                                       size_t depth)
{
    if (type == TANGO_NN_I8) tango_nn__widen_blocks8(to, panel, type, k, depth, 1);
    else tango_nn__widen_blocks8(to, panel, type, k, depth, 0);
}

TANGO_NN__AVX2 static void tango_nn__stretch_avx2(void *to, const void *from,
                                                  size_t depth)
{
    const char *x = (const char *)from;
    char *out = (char *)to;
    for (size_t k = 0; k < depth; k += TANGO_NN__BLOCK) {
        const size_t n = tango_nn__ceil(tango_nn__min(TANGO_NN__BLOCK, depth - k), 2);
        memcpy(out, x, TANGO_NN__SCALES);
        out += TANGO_NN__SCALES;
        x += TANGO_NN__SCALES;
        for (size_t i = 0; i < n; i++, x += 32, out += 64) {
            _mm256_storeu_si256((__m256i *)(void *)out, tango_nn__pairs8(x, 1));
            _mm256_storeu_si256((__m256i *)(void *)(out + 32),
                                tango_nn__pairs8(x + 16, 1));
        }
    }
}

/* Accumulators are vectors of unsigned numbers: sums of weights from a damaged file wrap.
   As __m256i they would be numbers of 64 bits to the compiler, which then copies them. */
typedef uint32_t tango_nn__sums8 __attribute__((vector_size(32)));

/* One pair of inputs: acc += x b for a constant number of rows. In assembly, since GCC
   would gather the sums of several pairs first, for which there are no registers. */
TANGO_NN__INLINE TANGO_NN__AVX2 void tango_nn__pair_i16_8(tango_nn__sums8 acc[][2],
                                                          const int16_t *a, const char *w,
                                                          const size_t rows)
{
    const __m256i b0 = _mm256_loadu_si256((const __m256i *)(const void *)w);
    const __m256i b1 = _mm256_loadu_si256((const __m256i *)(const void *)(w + 32));
    TANGO_NN__UNROLL
    for (size_t r = 0; r < rows; r++) {
        int32_t pair;
        __m256i x, y;
        memcpy(&pair, a + r * TANGO_NN__INTEGERS, sizeof pair);
        x = _mm256_set1_epi32(pair);
        __asm__("vpmaddwd %4, %2, %3\n\tvpmaddwd %5, %2, %2\n\t"
                "vpaddd %3, %0, %0\n\tvpaddd %2, %1, %1"
                : "+x"(acc[r][0]), "+x"(acc[r][1]), "+x"(x), "=&x"(y)
                : "x"(b0), "x"(b1));
    }
}

/* One block for a constant number of rows; registers as in tango_nn__tile8. */
TANGO_NN__INLINE TANGO_NN__AVX2 void tango_nn__tile_i16_8(
    float *sum, size_t sum_stride, const int16_t *a, const float *scales,
    const char *block, size_t depth, int accumulate, const size_t rows)
{
    const char *w = block + TANGO_NN__SCALES;
    tango_nn__sums8 acc[6][2];
    __m256 s0, s1;
    size_t k = 0;
    TANGO_NN__UNROLL
    for (size_t r = 0; r < rows; r++) {
        acc[r][0] = acc[r][1] = (tango_nn__sums8)_mm256_setzero_si256();
    }
    for (; k + 8 <= depth; k += 8, w += 4 * 64) {
        tango_nn__pair_i16_8(acc, a + k, w, rows);
        tango_nn__pair_i16_8(acc, a + k + 2, w + 64, rows);
        tango_nn__pair_i16_8(acc, a + k + 4, w + 2 * 64, rows);
        tango_nn__pair_i16_8(acc, a + k + 6, w + 3 * 64, rows);
    }
    for (; k < depth; k += 2, w += 64) tango_nn__pair_i16_8(acc, a + k, w, rows);
    s0 = _mm256_loadu_ps((const float *)(const void *)block);
    s1 = _mm256_loadu_ps((const float *)(const void *)block + 8);
    TANGO_NN__UNROLL
    for (size_t r = 0; r < rows; r++) {
        const __m256 scale = _mm256_set1_ps(scales[r]);
        float *to = sum + r * sum_stride;
        __m256 v0 = _mm256_mul_ps(_mm256_cvtepi32_ps((__m256i)acc[r][0]),
                                  _mm256_mul_ps(scale, s0));
        __m256 v1 = _mm256_mul_ps(_mm256_cvtepi32_ps((__m256i)acc[r][1]),
                                  _mm256_mul_ps(scale, s1));
        if (accumulate) {
            v0 = _mm256_add_ps(_mm256_loadu_ps(to), v0);
            v1 = _mm256_add_ps(_mm256_loadu_ps(to + 8), v1);
        }
        _mm256_storeu_ps(to, v0);
        _mm256_storeu_ps(to + 8, v1);
    }
}

/* The blocks of a K block, one after the other, for a constant number of rows. */
TANGO_NN__INLINE TANGO_NN__AVX2 void tango_nn__blocks_i16_8(
    float *sum, size_t sum_stride, const int16_t *a, const float *scales, const void *b,
    size_t depth, int accumulate, const size_t rows)
{
    for (size_t k = 0; k < depth; k += TANGO_NN__BLOCK, scales += TANGO_NN__ROWS) {
        tango_nn__tile_i16_8(sum, sum_stride, a + k, scales,
                             (const char *)b + tango_nn__block_at(k, TANGO_NN_I16),
                             tango_nn__min(TANGO_NN__BLOCK, depth - k),
                             accumulate || k > 0, rows);
    }
}

/* Tiles of 6 rows, and of what is left, in nearly equal heights. */
TANGO_NN__AVX2 static void tango_nn__tile_i16_avx2(float *sum, size_t sum_stride,
                                                   const int16_t *a, const float *scales,
                                                   const void *b, size_t b_stride,
                                                   size_t rows, size_t panels,
                                                   size_t depth, int accumulate)
{
    const size_t tiles = tango_nn__ceil(rows, 6);
    (void)b_stride;
    (void)panels; /* always 1 */
    for (size_t t = 0; t < tiles; t++) {
        const size_t r = t * rows / tiles, height = (t + 1) * rows / tiles - r;
        float *to = sum + r * sum_stride;
        const int16_t *from = a + r * TANGO_NN__INTEGERS;
        const float *scale = scales + r;
#ifdef TANGO_NN_SMALL
        tango_nn__blocks_i16_8(to, sum_stride, from, scale, b, depth, accumulate, height);
#else
#define TANGO_NN__HEIGHT(n)                                                             \
    case n:                                                                             \
        tango_nn__blocks_i16_8(to, sum_stride, from, scale, b, depth, accumulate, n);    \
        break;
        switch (height) {
            TANGO_NN__HEIGHT(1)
            TANGO_NN__HEIGHT(2)
            TANGO_NN__HEIGHT(3)
            TANGO_NN__HEIGHT(4)
            TANGO_NN__HEIGHT(5)
            TANGO_NN__HEIGHT(6)
        default: break;
        }
#undef TANGO_NN__HEIGHT
#endif
    }
}

/* Column `at` and seven more of a blend, or the first n of them. */
TANGO_NN__INLINE TANGO_NN__AVX2 void tango_nn__blend_step8(float *to,
                                                           const float *const *row,
                                                           const __m256 *c, size_t at,
                                                           size_t n, const size_t terms)
{
    __m256 sum = _mm256_mul_ps(c[0], tango_nn__load8(row[0] + at, n));
    if (terms > 1) sum = _mm256_fmadd_ps(c[1], tango_nn__load8(row[1] + at, n), sum);
    if (terms > 2) sum = _mm256_fmadd_ps(c[2], tango_nn__load8(row[2] + at, n), sum);
    if (terms > 3) sum = _mm256_fmadd_ps(c[3], tango_nn__load8(row[3] + at, n), sum);
    if (terms > 4) sum = _mm256_fmadd_ps(c[4], tango_nn__load8(row[4] + at, n), sum);
    if (terms > 5) sum = _mm256_fmadd_ps(c[5], tango_nn__load8(row[5] + at, n), sum);
    tango_nn__store8(to + at, sum, n);
}

/* A blend of a constant number of terms, at least 1: the factors stay in registers. */
TANGO_NN__INLINE TANGO_NN__AVX2 void tango_nn__blend8(float *to, const float *const *x,
                                                      const float *coef, size_t rows,
                                                      size_t step, size_t count,
                                                      const size_t terms)
{
    const float *row[6];
    __m256 c[6];
    TANGO_NN__UNROLL
    for (size_t t = 0; t < terms; t++) c[t] = _mm256_set1_ps(coef[t]);
    memcpy(row, x, terms * sizeof *row); /* `to` cannot change these */
    for (size_t n = 0; n < rows; n++, to += TANGO_NN__STRIDE) {
        size_t i = 0;
        for (; i + 8 <= count; i += 8) tango_nn__blend_step8(to, row, c, i, 8, terms);
        if (i < count) tango_nn__blend_step8(to, row, c, i, count - i, terms);
        TANGO_NN__UNROLL
        for (size_t t = 0; t < terms; t++) row[t] += step;
    }
}

TANGO_NN__AVX2 static void tango_nn__blend_avx2(float *to, const float *const *x,
                                                const float *coef, size_t terms,
                                                size_t rows, size_t step, size_t count)
{
#define TANGO_NN__TERMS(n)                                                              \
    case n: tango_nn__blend8(to, x, coef, rows, step, count, n); break;
    switch (terms) {
        TANGO_NN__TERMS(1)
        TANGO_NN__TERMS(2)
        TANGO_NN__TERMS(3)
        TANGO_NN__TERMS(4)
        TANGO_NN__TERMS(5)
        TANGO_NN__TERMS(6)
    default: tango_nn__blend_ref(to, x, coef, terms, rows, step, count); break;
    }
#undef TANGO_NN__TERMS
}

/* sum over j of m[j] * v[j], m known to the compiler: zeros cost nothing. */
TANGO_NN__INLINE TANGO_NN__AVX2 __m256 tango_nn__weigh8(const float *m, const __m256 *v,
                                                        const size_t count)
{
    __m256 sum = _mm256_setzero_ps();
    int any = 0;
    TANGO_NN__UNROLL
    for (size_t j = 0; j < count; j++) {
        if (m[j] == 0.0f) continue;
        if (any) sum = _mm256_fmadd_ps(_mm256_set1_ps(m[j]), v[j], sum);
        else sum = m[j] == 1.0f ? v[j] : _mm256_mul_ps(_mm256_set1_ps(m[j]), v[j]);
        any = 1;
    }
    return sum;
}

/* The last `count` columns, from `at` on, fewer than a vector: by a kernel for whole
   vectors, through rooms of 16 columns. */
static void tango_nn__transform_rest(
    void (*transform)(tango_nn__transform kind, float *to, size_t to_step, const void *x,
                      tango_nn_type type, size_t row_step, size_t step,
                      const float *coef, size_t count),
    tango_nn__transform kind, float *to, size_t to_step, const void *x,
    tango_nn_type type, size_t at, size_t row_step, size_t step, const float *coef,
    size_t count)
{
    const tango_nn__matrices *t = &tango_nn__transforms[kind];
    float in[6 * 7 * 16] = { 0 }, out[7 * 16];
    for (size_t r = 0; r < t->rows * t->inputs; r++) {
        const size_t from = at + r / t->inputs * row_step + r % t->inputs * step;
        for (size_t i = 0; i < count; i++) {
            in[r * 16 + i] = tango_nn__number(x, type, from + i);
        }
    }
    transform(kind, out, 16, in, TANGO_NN_F32, t->inputs * 16, 16, coef, 16);
    for (size_t p = 0; p < t->outputs; p++) {
        memcpy(to + p * to_step, out + p * 16, count * sizeof *to);
    }
}

/* Eight columns of a transform, from `at` on. */
TANGO_NN__INLINE TANGO_NN__AVX2 void tango_nn__transform8(
    const float *m, float *to, size_t to_step, const void *x, size_t at, size_t row_step,
    size_t step, const float *coef, const size_t outputs, const size_t inputs,
    const size_t rows, const int is_leaky, const int is_half)
{
    __m256 v[7], c = _mm256_setzero_ps();
    if (rows > 1 || is_leaky) c = _mm256_set1_ps(coef[0]);
    TANGO_NN__UNROLL
    for (size_t j = 0; j < inputs; j++) {
        v[j] = tango_nn__weights8(x, at + j * step, is_half);
        if (rows > 1) v[j] = _mm256_mul_ps(c, v[j]);
        if (is_leaky) v[j] = _mm256_blendv_ps(v[j], _mm256_mul_ps(c, v[j]), v[j]);
    }
    for (size_t y = 1; y < rows; y++) {
        c = _mm256_set1_ps(coef[y]);
        TANGO_NN__UNROLL
        for (size_t j = 0; j < inputs; j++) {
            const size_t from = at + y * row_step + j * step;
            v[j] = _mm256_fmadd_ps(c, tango_nn__weights8(x, from, is_half), v[j]);
        }
    }
    TANGO_NN__UNROLL
    for (size_t p = 0; p < outputs; p++) {
        _mm256_storeu_ps(to + at + p * to_step,
                         tango_nn__weigh8(m + p * inputs, v, inputs));
    }
}

/* Every transform: name, matrix, its rows and columns, rows of `rows`, whether it has the
   leaky ReLU, whether x are halves. */
#define TANGO_NN__TRANSFORM_CASES(CASE)                   \
    CASE(INPUT_2_3, input_2_3, 4, 4, 1, 0, 0)             \
    CASE(INPUT_4_3, input_4_3, 6, 6, 1, 0, 0)             \
    CASE(INPUT_4_3_LINE, input_4_3, 6, 6, 1, 1, 0)        \
    CASE(INPUT_4_4_LINE, input_4_4, 7, 7, 1, 1, 0)        \
    CASE(WEIGHT_2_3, weight_2_3, 4, 3, 1, 0, 0)           \
    CASE(WEIGHT_2_3, weight_2_3, 4, 3, 1, 0, 1)           \
    CASE(WEIGHT_4_3, weight_4_3, 6, 3, 1, 0, 0)           \
    CASE(WEIGHT_4_3, weight_4_3, 6, 3, 1, 0, 1)           \
    CASE(WEIGHT_4_4, weight_4_4, 7, 4, 1, 0, 0)           \
    CASE(WEIGHT_4_4, weight_4_4, 7, 4, 1, 0, 1)           \
    CASE(WEIGHT_4_4_LESS, weight_4_4_less, 7, 3, 1, 0, 0) \
    CASE(WEIGHT_4_4_LESS, weight_4_4_less, 7, 3, 1, 0, 1) \
    CASE(WEIGHT_2_3_TALL, weight_2_3, 4, 3, 3, 0, 0)      \
    CASE(WEIGHT_2_3_TALL, weight_2_3, 4, 3, 3, 0, 1)      \
    CASE(WEIGHT_4_3_TALL, weight_4_3, 6, 3, 3, 0, 0)      \
    CASE(WEIGHT_4_3_TALL, weight_4_3, 6, 3, 3, 0, 1)      \
    CASE(OUTPUT_2_3, output_2_3, 2, 4, 1, 0, 0)           \
    CASE(OUTPUT_4_3, output_4_3, 4, 6, 1, 0, 0)           \
    CASE(OUTPUT_4_4, output_4_4, 4, 7, 1, 0, 0)

TANGO_NN__AVX2 static void tango_nn__transform_avx2(tango_nn__transform kind, float *to,
                                                    size_t to_step, const void *x,
                                                    tango_nn_type type, size_t row_step,
                                                    size_t step, const float *coef,
                                                    size_t count)
{
#define TANGO_NN__CASE(name, matrix, outputs, inputs, rows, is_leaky, is_half)          \
    case TANGO_NN__##name + is_half * TANGO_NN__TRANSFORMS:                             \
        for (size_t i = 0; i < whole; i += 8) {                                         \
            tango_nn__transform8(tango_nn__##matrix, to, to_step, x, i, row_step, step, \
                                 coef, outputs, inputs, rows, is_leaky, is_half);       \
        }                                                                               \
        break;
    const size_t whole = count / 8 * 8;
    switch ((int)kind + (type == TANGO_NN_F16 ? TANGO_NN__TRANSFORMS : 0)) {
        TANGO_NN__TRANSFORM_CASES(TANGO_NN__CASE)
    default: break;
    }
#undef TANGO_NN__CASE
    if (whole < count) {
        tango_nn__transform_rest(tango_nn__transform_avx2, kind, to + whole, to_step,
                                 x, type, whole, row_step, step, coef, count - whole);
    }
}

TANGO_NN__AVX2 static void tango_nn__widen_avx2(float *to, const void *from, size_t at,
                                                tango_nn_type type, size_t count)
{
    const size_t whole = count / 8 * 8;
    for (size_t i = 0; i < whole; i += 8) {
        _mm256_storeu_ps(to + i, type == TANGO_NN_BF16
                                     ? tango_nn__bf16_8(from, at + i)
                                     : tango_nn__weights8(from, at + i,
                                                          type == TANGO_NN_F16));
    }
    tango_nn__widen_ref(to + whole, from, at + whole, type, count - whole);
}

static const tango_nn_kernels tango_nn__kernels_avx2 = {
    "avx2", 6, 1,
    tango_nn__tile_avx2,       tango_nn__finish_avx2,       tango_nn__activate_avx2,
    tango_nn__leaky_relu_avx2, tango_nn__add_avx2,          tango_nn__scale_avx2,
    tango_nn__gather_avx2,     tango_nn__maximum_avx2,      tango_nn__exponentials_avx2,
    tango_nn__moments_avx2,    tango_nn__column_moments_avx2, tango_nn__normalize_avx2,
    tango_nn__center_avx2,     tango_nn__transpose_avx2,
    tango_nn__quantize_avx2,   tango_nn__tile_i16_avx2,
    tango_nn__widen_blocks_avx2, tango_nn__stretch_avx2,
    tango_nn__blend_avx2,      tango_nn__transform_avx2,    tango_nn__widen_avx2
};

/* ==== 11 >>avx512 ==== Kernels for AVX-512 ================================= */

/* Only what computes much for each byte is written again with 16 lanes; functions that
   wait for memory are those of AVX2. */

/* All 16 lanes. Some plain intrinsics of GCC pass on an uninitialised vector and cause a
   warning; those that zero the other lanes, of which there are none, do the same. */
#define TANGO_NN__ALL ((__mmask16)0xffff)

/* The first n of 16 lanes. */
TANGO_NN__INLINE TANGO_NN__AVX512 __mmask16 tango_nn__mask16(size_t n)
{
    return (__mmask16)(n >= 16 ? 0xffffu : (1u << n) - 1u);
}

/* The sum of 16 lanes, halves first. */
TANGO_NN__INLINE TANGO_NN__AVX512 float tango_nn__sum16(__m512 v)
{
    float lane[16];
    _mm512_storeu_ps(lane, v);
    for (size_t half = 8; half > 0; half /= 2) {
        for (size_t i = 0; i < half; i++) lane[i] += lane[i + half];
    }
    return lane[0];
}

TANGO_NN__INLINE TANGO_NN__AVX512 __m512 tango_nn__line16(__m512 x, float a, float b)
{
    return _mm512_fmadd_ps(_mm512_set1_ps(a), x, _mm512_set1_ps(b));
}

/* See tango_nn__power8. scalef multiplies by 2^n and over- and underflows by itself. */
TANGO_NN__INLINE TANGO_NN__AVX512 __m512 tango_nn__power16(__m512 t)
{
    const __m512 whole = _mm512_set1_ps(12582912.0f);
    __m512 n, r, s, q;
    t = _mm512_maskz_max_ps(TANGO_NN__ALL, _mm512_set1_ps(-150.0f), t);
    t = _mm512_maskz_min_ps(TANGO_NN__ALL, _mm512_set1_ps(129.0f), t);
    n = _mm512_sub_ps(_mm512_add_ps(t, whole), whole);
    r = _mm512_sub_ps(t, n);
    s = _mm512_mul_ps(r, r);
    q = tango_nn__line16(r, 1.339887445e-3f, 9.618437358e-3f);
    q = _mm512_fmadd_ps(_mm512_set1_ps(1.535336199e-4f), s, q);
    q = _mm512_fmadd_ps(q, s, tango_nn__line16(r, 5.550332471e-2f, 2.402264791e-1f));
    q = _mm512_fmadd_ps(q, s, tango_nn__line16(r, 6.931472029e-1f, 1.0f));
    return _mm512_maskz_scalef_ps(TANGO_NN__ALL, q, n);
}

TANGO_NN__INLINE TANGO_NN__AVX512 __m512 tango_nn__exp16(__m512 x)
{
    return tango_nn__power16(_mm512_mul_ps(x, _mm512_set1_ps(1.44269504f)));
}

/* `value` with the sign of x; value >= 0. */
TANGO_NN__INLINE TANGO_NN__AVX512 __m512 tango_nn__sign16(__m512 value, __m512 x)
{
    return _mm512_or_ps(value, _mm512_and_ps(x, _mm512_set1_ps(-0.0f)));
}

/* See tango_nn__tanh8. */
TANGO_NN__INLINE TANGO_NN__AVX512 __m512 tango_nn__tanh16(__m512 x)
{
    const __m512 one = _mm512_set1_ps(1.0f);
    const __m512 a = _mm512_andnot_ps(_mm512_set1_ps(-0.0f), x), s = _mm512_mul_ps(x, x);
    __m512 q = _mm512_set1_ps(-5.717036314e-3f), large;
    q = _mm512_fmadd_ps(q, s, _mm512_set1_ps(2.065057866e-2f));
    q = _mm512_fmadd_ps(q, s, _mm512_set1_ps(-5.374349654e-2f));
    q = _mm512_fmadd_ps(q, s, _mm512_set1_ps(1.333149076e-1f));
    q = _mm512_fmadd_ps(q, s, _mm512_set1_ps(-3.333328366e-1f));
    q = _mm512_fmadd_ps(_mm512_mul_ps(q, s), x, x);
    large = _mm512_add_ps(tango_nn__exp16(_mm512_add_ps(a, a)), one);
    large = _mm512_sub_ps(one, _mm512_div_ps(_mm512_set1_ps(2.0f), large));
    return _mm512_mask_blend_ps(
        _mm512_cmplt_ps_mask(a, _mm512_set1_ps(0.625f)),
        tango_nn__sign16(large, x), q);
}

/* See tango_nn__gelu8. */
TANGO_NN__INLINE TANGO_NN__AVX512 __m512 tango_nn__gelu16(__m512 x)
{
    const __mmask16 negative = _mm512_movepi32_mask(_mm512_castps_si512(x));
    const __m512 size =
        _mm512_maskz_min_ps(TANGO_NN__ALL, _mm512_set1_ps(14.0f),
                            _mm512_andnot_ps(_mm512_set1_ps(-0.0f), x));
    const __m512 s = _mm512_mul_ps(size, size), s2 = _mm512_mul_ps(s, s);
    __m512 l = tango_nn__line16(size, 1.189161417e-7f, -3.588827538e-6f), share, other;
    other = tango_nn__line16(size, 3.846625822e-5f, -1.679030333e-4f);
    other = _mm512_fmadd_ps(
        other, s, tango_nn__line16(size, -1.941738696e-4f, 7.143958293e-3f));
    l = _mm512_fmadd_ps(l, s2, other);
    other = tango_nn__line16(size, -5.255176662e-2f, -4.591905544e-1f);
    other = _mm512_fmadd_ps(other, s, tango_nn__line16(size, -1.151107278f, -1.0f));
    share = tango_nn__power16(_mm512_fmadd_ps(l, s2, other));
    other = _mm512_sub_ps(_mm512_set1_ps(1.0f), share);
    return _mm512_mul_ps(x, _mm512_mask_blend_ps(negative, other, share));
}

TANGO_NN__INLINE TANGO_NN__AVX512 __m512 tango_nn__activate16(
    __m512 x, tango_nn_activation activation)
{
    const __m512 one = _mm512_set1_ps(1.0f), half = _mm512_set1_ps(0.5f);
    __m512 y;
    switch (activation) {
    case TANGO_NN_NONE: return x;
    case TANGO_NN_SILU:
        y = tango_nn__exp16(_mm512_xor_ps(x, _mm512_set1_ps(-0.0f)));
        return _mm512_div_ps(x, _mm512_add_ps(one, y));
    case TANGO_NN_GELU: return tango_nn__gelu16(x);
    case TANGO_NN_GELU_TANH:
        y = _mm512_mul_ps(_mm512_mul_ps(_mm512_set1_ps(0.044715f), x), x);
        y = _mm512_mul_ps(_mm512_mul_ps(_mm512_set1_ps(0.797884561f), x),
                          _mm512_add_ps(one, y));
        y = tango_nn__tanh16(y);
        return _mm512_mul_ps(_mm512_mul_ps(half, x), _mm512_add_ps(one, y));
    case TANGO_NN_TANH: return tango_nn__tanh16(x);
    case TANGO_NN_QUICK_GELU:
        y = tango_nn__exp16(_mm512_mul_ps(x, _mm512_set1_ps(-1.702f)));
        return _mm512_div_ps(x, _mm512_add_ps(one, y));
    case TANGO_NN_RELU: /* NaN stays; g++ warns of the form without a mask */
        return _mm512_maskz_max_ps(TANGO_NN__ALL, _mm512_setzero_ps(), x);
    }
    return x;
}

/* See tango_nn__rows8. `second` is the panel behind b; with one panel it is not read. */
TANGO_NN__INLINE TANGO_NN__AVX512 void tango_nn__rows16(
    __m512 acc[][2], const float *a, size_t a_stride, size_t last, const float *b,
    const float *second, const size_t height, const size_t panels)
{
    const __m512 b0 = _mm512_loadu_ps(b);
    const __m512 b1 = panels > 1 ? _mm512_loadu_ps(second) : b0;
    TANGO_NN__UNROLL
    for (size_t r = 0; r < height; r++) {
        const __m512 x = _mm512_set1_ps(a[r + 1 < height ? r * a_stride : last]);
        acc[r][0] = _mm512_fmadd_ps(x, b0, acc[r][0]);
        if (panels > 1) acc[r][1] = _mm512_fmadd_ps(x, b1, acc[r][1]);
    }
}

/* The tile for a constant height, rows rounded up to an even number, and a constant
   number of panels: 28 of 32 registers are accumulators for 14 rows of 2 panels. Each
   broadcast of x serves two multiplications, so that the two load ports keep up with the
   two multipliers. */
TANGO_NN__INLINE TANGO_NN__AVX512 void tango_nn__tile16(
    float *sum, size_t sum_stride, const float *a, size_t a_stride, const float *b,
    size_t b_stride, size_t rows, size_t depth, int accumulate, const size_t height,
    const size_t panels)
{
    const size_t last = (rows - 1) * a_stride;
    __m512 acc[14][2];
    TANGO_NN__UNROLL
    for (size_t r = 0; r < height; r++) acc[r][0] = acc[r][1] = _mm512_setzero_ps();
    for (size_t k = 0; k < depth; k++, a++, b += TANGO_NN__PANEL) {
        tango_nn__rows16(acc, a, a_stride, last, b, b + b_stride, height, panels);
    }
    if (accumulate) {
        TANGO_NN__UNROLL
        for (size_t r = 0; r < height; r++) {
            const float *from = sum + (r + 1 < height ? r : rows - 1) * sum_stride;
            acc[r][0] = _mm512_add_ps(_mm512_loadu_ps(from), acc[r][0]);
            if (panels == 1) continue;
            from += TANGO_NN__PANEL;
            acc[r][1] = _mm512_add_ps(_mm512_loadu_ps(from), acc[r][1]);
        }
    }
    TANGO_NN__UNROLL
    for (size_t r = 0; r < height; r++) {
        float *to = sum + (r + 1 < height ? r : rows - 1) * sum_stride;
        _mm512_storeu_ps(to, acc[r][0]);
        if (panels > 1) _mm512_storeu_ps(to + TANGO_NN__PANEL, acc[r][1]);
    }
}

#ifndef TANGO_NN_SMALL
/* Chooses the tile of constant height. */
TANGO_NN__INLINE TANGO_NN__AVX512 void tango_nn__heights16(
    float *sum, size_t sum_stride, const float *a, size_t a_stride, const float *b,
    size_t b_stride, size_t rows, size_t depth, int accumulate, const size_t panels)
{
#define TANGO_NN__HEIGHT(n)                                                             \
    case n:                                                                             \
        tango_nn__tile16(sum, sum_stride, a, a_stride, b, b_stride, rows, depth,        \
                         accumulate, n, panels);                                        \
        break;
    switch (rows + rows % 2) {
        TANGO_NN__HEIGHT(2)
        TANGO_NN__HEIGHT(4)
        TANGO_NN__HEIGHT(6)
        TANGO_NN__HEIGHT(8)
        TANGO_NN__HEIGHT(10)
        TANGO_NN__HEIGHT(12)
        TANGO_NN__HEIGHT(14)
    default: break;
    }
#undef TANGO_NN__HEIGHT
}
#endif

TANGO_NN__AVX512 static void tango_nn__tile_avx512(float *sum, size_t sum_stride,
                                                   const float *a, size_t a_stride,
                                                   const float *b, size_t b_stride,
                                                   size_t rows, size_t panels,
                                                   size_t depth, int accumulate)
{
#ifdef TANGO_NN_SMALL
    tango_nn__tile16(sum, sum_stride, a, a_stride, b, b_stride, rows, depth, accumulate,
                     rows, panels);
#else
    if (panels == 2) {
        tango_nn__heights16(sum, sum_stride, a, a_stride, b, b_stride, rows, depth,
                            accumulate, 2);
    } else {
        tango_nn__heights16(sum, sum_stride, a, a_stride, b, b_stride, rows, depth,
                            accumulate, 1);
    }
#endif
}

TANGO_NN__AVX512 static void tango_nn__finish_avx512(
    const tango_nn_epilogue *e, float *out, size_t stride, size_t row, size_t column,
    size_t rows, size_t columns, const float *sum, size_t sum_stride)
{
    for (size_t i = 0; i < columns; i += 16) {
        const __mmask16 m = tango_nn__mask16(columns - i);
        size_t at = row * stride + column + i, image = 0, left = 0;
        __m512 bias = _mm512_setzero_ps();
        if (e->bias) bias = _mm512_maskz_loadu_ps(m, e->bias + column + i);
        if (e->image_bias) {
            image = row / e->image_rows * stride + column + i;
            left = e->image_rows - row % e->image_rows;
        }
        for (size_t r = 0; r < rows; r++, at += stride) {
            __m512 v = _mm512_add_ps(_mm512_loadu_ps(sum + r * sum_stride + i), bias);
            if (e->image_bias) {
                if (left-- == 0) {
                    image += stride;
                    left = e->image_rows - 1;
                }
                v = _mm512_add_ps(v, _mm512_maskz_loadu_ps(m, e->image_bias + image));
            }
            v = tango_nn__activate16(v, e->activation);
            if (e->multiply) {
                v = _mm512_mul_ps(v, _mm512_maskz_loadu_ps(m, e->multiply + at));
            }
            if (e->add) v = _mm512_add_ps(v, _mm512_maskz_loadu_ps(m, e->add + at));
            if (m == TANGO_NN__ALL) _mm512_storeu_ps(out + at, v);
            else _mm512_mask_storeu_ps(out + at, m, v);
        }
    }
}

TANGO_NN__AVX512 static void tango_nn__activate_avx512(float *out, const float *x,
                                                       size_t count,
                                                       tango_nn_activation activation)
{
    for (size_t i = 0; i < count; i += 16) {
        const __mmask16 m = tango_nn__mask16(count - i);
        const __m512 v = _mm512_maskz_loadu_ps(m, x + i);
        _mm512_mask_storeu_ps(out + i, m, tango_nn__activate16(v, activation));
    }
}

/* to = x of `lanes`, negative numbers times `factor`. */
TANGO_NN__INLINE TANGO_NN__AVX512 void tango_nn__leak16(float *to, const float *x,
                                                        __mmask16 lanes, __m512 factor)
{
    const __m512 v = _mm512_maskz_loadu_ps(lanes, x);
    const __mmask16 sign = _mm512_movepi32_mask(_mm512_castps_si512(v));
    _mm512_storeu_ps(to, _mm512_mask_mul_ps(v, sign, v, factor));
}

TANGO_NN__AVX512 static void tango_nn__gather_avx512(float *to, const float *x,
                                                     size_t rows, size_t step,
                                                     size_t count, float slope)
{
    const __m512 factor = _mm512_set1_ps(slope);
    const size_t whole = count / 16 * 16;
    const __mmask16 rest = tango_nn__mask16(count - whole);
    for (size_t r = 0; r < rows; r++, to += TANGO_NN__STRIDE, x += step) {
        if (slope == 0.0f) {
            for (size_t i = 0; i < whole; i += 16) {
                _mm512_storeu_ps(to + i, _mm512_loadu_ps(x + i));
            }
            if (!rest) continue;
            _mm512_storeu_ps(to + whole, _mm512_maskz_loadu_ps(rest, x + whole));
        } else {
            for (size_t i = 0; i < whole; i += 16) {
                tango_nn__leak16(to + i, x + i, TANGO_NN__ALL, factor);
            }
            if (rest) tango_nn__leak16(to + whole, x + whole, rest, factor);
        }
    }
}

TANGO_NN__AVX512 static float tango_nn__exponentials_avx512(float *out, const float *x,
                                                            size_t count, float shift)
{
    const __m512 s = _mm512_set1_ps(shift);
    __m512 sum = _mm512_setzero_ps();
    for (size_t i = 0; i < count; i += 16) {
        const __mmask16 m = tango_nn__mask16(count - i);
        const __m512 v = _mm512_maskz_loadu_ps(m, x + i);
        const __m512 y = tango_nn__exp16(_mm512_sub_ps(v, s));
        _mm512_mask_storeu_ps(out + i, m, y);
        sum = _mm512_mask_add_ps(sum, m, sum, y);
    }
    return tango_nn__sum16(sum);
}

TANGO_NN__AVX512 static void tango_nn__normalize_avx512(float *out, const float *x,
                                                        size_t count, const float *mean,
                                                        const float *scale,
                                                        const float *shift,
                                                        tango_nn_activation activation)
{
    for (size_t i = 0; i < count; i += 16) {
        const __mmask16 m = tango_nn__mask16(count - i);
        __m512 v = _mm512_maskz_loadu_ps(m, x + i);
        v = _mm512_sub_ps(v, _mm512_maskz_loadu_ps(m, mean + i));
        v = _mm512_fmadd_ps(v, _mm512_maskz_loadu_ps(m, scale + i),
                            _mm512_maskz_loadu_ps(m, shift + i));
        _mm512_mask_storeu_ps(out + i, m, tango_nn__activate16(v, activation));
    }
}

typedef uint32_t tango_nn__sums16 __attribute__((vector_size(64)));

/* The pair of 16-bit integers at p in all lanes. */
TANGO_NN__INLINE TANGO_NN__AVX512 __m512i tango_nn__pair16(const int16_t *p)
{
    int32_t pair;
    memcpy(&pair, p, sizeof pair);
    return _mm512_set1_epi32(pair);
}

/* to (rows, 16*panels) = or += the exact sums of a block, times both scales. */
TANGO_NN__INLINE TANGO_NN__AVX512 void tango_nn__scale_i16_16(
    float *to, size_t stride, tango_nn__sums16 acc[14][2], const char *block,
    size_t b_stride, const float *scales, int accumulate, const size_t rows,
    const size_t panels)
{
    TANGO_NN__UNROLL
    for (size_t r = 0; r < rows; r++) {
        const __m512 scale = _mm512_set1_ps(scales[r]);
        TANGO_NN__UNROLL
        for (size_t p = 0; p < panels; p++) {
            const __m512 s = _mm512_loadu_ps((const void *)(block + p * b_stride));
            __m512 v = _mm512_maskz_cvtepi32_ps(TANGO_NN__ALL, (__m512i)acc[r][p]);
            float *at = to + r * stride + p * TANGO_NN__PANEL;
            v = _mm512_mul_ps(v, _mm512_mul_ps(scale, s));
            if (accumulate) v = _mm512_add_ps(_mm512_loadu_ps(at), v);
            _mm512_storeu_ps(at, v);
        }
    }
}

/* sum += the products of pairs. vpdpwssd is one instruction for two; as an intrinsic of
   64-bit numbers it would make GCC copy each sum twice. */
TANGO_NN__INLINE TANGO_NN__AVX512 tango_nn__sums16 tango_nn__pairs16(tango_nn__sums16 sum,
                                                                     __m512i x, __m512i b,
                                                                     const int is_vnni)
{
    if (!is_vnni) return sum + (tango_nn__sums16)_mm512_madd_epi16(x, b);
    __asm__("vpdpwssd %2, %1, %0" : "+v"(sum) : "v"(x), "v"(b));
    return sum;
}

/* The blocks of a K block, one after the other, for a constant number of rows and panels;
   registers as in tango_nn__tile16. */
TANGO_NN__INLINE TANGO_NN__AVX512 void tango_nn__blocks_i16_16(
    float *sum, size_t sum_stride, const int16_t *a, const float *scales, const void *b,
    size_t b_stride, size_t depth, int accumulate, const size_t rows, const size_t panels,
    const int is_vnni)
{
    for (size_t done = 0; done < depth; done += TANGO_NN__BLOCK) {
        const char *block =
            (const char *)b + tango_nn__block_at(done, TANGO_NN_I16);
        const char *w = block + TANGO_NN__SCALES, *second = w + (panels - 1) * b_stride;
        const size_t n = tango_nn__min(TANGO_NN__BLOCK, depth - done);
        tango_nn__sums16 acc[14][2];
        TANGO_NN__UNROLL
        for (size_t r = 0; r < rows; r++) {
            acc[r][0] = acc[r][1] = (tango_nn__sums16)_mm512_setzero_si512();
        }
        for (size_t k = 0; k < n; k += 2, w += 64, second += 64) {
            const __m512i b0 = _mm512_loadu_si512((const void *)w);
            const __m512i b1 = panels > 1 ? _mm512_loadu_si512((const void *)second) : b0;
            TANGO_NN__UNROLL
            for (size_t r = 0; r < rows; r++) {
                const __m512i x = tango_nn__pair16(a + r * TANGO_NN__INTEGERS + done + k);
                acc[r][0] = tango_nn__pairs16(acc[r][0], x, b0, is_vnni);
                if (panels > 1) acc[r][1] = tango_nn__pairs16(acc[r][1], x, b1, is_vnni);
            }
        }
        tango_nn__scale_i16_16(sum, sum_stride, acc, block, b_stride, scales,
                               accumulate || done > 0, rows, panels);
        scales += TANGO_NN__ROWS;
    }
}

/* Tiles of 14 rows, then of what is left, largest first. */
TANGO_NN__INLINE TANGO_NN__AVX512 void tango_nn__tile_i16_16(
    float *sum, size_t sum_stride, const int16_t *a, const float *scales, const void *b,
    size_t b_stride, size_t rows, size_t panels, size_t depth, int accumulate,
    const int is_vnni)
{
    while (rows > 0) {
        size_t n;
#define TANGO_NN__HEIGHT(height)                                                        \
    n = height;                                                                         \
    if (panels == 2) {                                                                  \
        tango_nn__blocks_i16_16(sum, sum_stride, a, scales, b, b_stride, depth,         \
                                accumulate, height, 2, is_vnni);                        \
    } else {                                                                            \
        tango_nn__blocks_i16_16(sum, sum_stride, a, scales, b, b_stride, depth,         \
                                accumulate, height, 1, is_vnni);                        \
    }
        if (rows >= 14) {
            TANGO_NN__HEIGHT(14)
        } else if (rows >= 7) {
            TANGO_NN__HEIGHT(7)
        } else if (rows >= 3) {
            TANGO_NN__HEIGHT(3)
        } else {
            TANGO_NN__HEIGHT(1)
        }
#undef TANGO_NN__HEIGHT
        rows -= n;
        sum += n * sum_stride;
        a += n * TANGO_NN__INTEGERS;
        scales += n;
    }
}

TANGO_NN__AVX512 static void tango_nn__tile_i16_avx512(
    float *sum, size_t sum_stride, const int16_t *a, const float *scales, const void *b,
    size_t b_stride, size_t rows, size_t panels, size_t depth, int accumulate)
{
    tango_nn__tile_i16_16(sum, sum_stride, a, scales, b, b_stride, rows, panels, depth,
                          accumulate, 0);
}

TANGO_NN__AVX512 static void tango_nn__blend_avx512(float *to, const float *const *x,
                                                    const float *coef, size_t terms,
                                                    size_t rows, size_t step,
                                                    size_t count)
{
    for (size_t n = 0; n < rows; n++, to += TANGO_NN__STRIDE) {
        for (size_t i = 0; i < count; i += 16) {
            const __mmask16 lanes = tango_nn__mask16(count - i);
            __m512 sum = _mm512_setzero_ps();
            for (size_t t = 0; t < terms; t++) {
                const __m512 v = _mm512_maskz_loadu_ps(lanes, x[t] + n * step + i);
                sum = _mm512_fmadd_ps(_mm512_set1_ps(coef[t]), v, sum);
            }
            _mm512_mask_storeu_ps(to + i, lanes, sum);
        }
    }
}

TANGO_NN__INLINE TANGO_NN__AVX512 __m512 tango_nn__weigh16(const float *m,
                                                           const __m512 *v,
                                                           const size_t count)
{
    __m512 sum = _mm512_setzero_ps();
    int any = 0;
    TANGO_NN__UNROLL
    for (size_t j = 0; j < count; j++) {
        if (m[j] == 0.0f) continue;
        if (any) sum = _mm512_fmadd_ps(_mm512_set1_ps(m[j]), v[j], sum);
        else sum = m[j] == 1.0f ? v[j] : _mm512_mul_ps(_mm512_set1_ps(m[j]), v[j]);
        any = 1;
    }
    return sum;
}

/* 16 numbers of a transform's input from `at` on, or those of `lanes`. */
TANGO_NN__INLINE TANGO_NN__AVX512 __m512 tango_nn__numbers16(const void *x, size_t at,
                                                             __mmask16 lanes,
                                                             const int is_half)
{
    const uint16_t *half = (const uint16_t *)x + at;
    if (!is_half) return _mm512_maskz_loadu_ps(lanes, (const float *)x + at);
    return _mm512_maskz_cvtph_ps(
        TANGO_NN__ALL, _mm256_loadu_si256((const __m256i *)(const void *)half));
}

/* See tango_nn__transform8. */
TANGO_NN__INLINE TANGO_NN__AVX512 void tango_nn__transform16(
    const float *m, float *to, size_t to_step, const void *x, size_t at, size_t row_step,
    size_t step, const float *coef, __mmask16 lanes, const size_t outputs,
    const size_t inputs, const size_t rows, const int is_leaky, const int is_half)
{
    __m512 v[7], c = _mm512_setzero_ps();
    if (rows > 1 || is_leaky) c = _mm512_set1_ps(coef[0]);
    TANGO_NN__UNROLL
    for (size_t j = 0; j < inputs; j++) {
        v[j] = tango_nn__numbers16(x, at + j * step, lanes, is_half);
        if (rows > 1) v[j] = _mm512_mul_ps(c, v[j]);
        if (is_leaky) {
            const __mmask16 sign = _mm512_movepi32_mask(_mm512_castps_si512(v[j]));
            v[j] = _mm512_mask_mul_ps(v[j], sign, v[j], c);
        }
    }
    for (size_t y = 1; y < rows; y++) {
        c = _mm512_set1_ps(coef[y]);
        TANGO_NN__UNROLL
        for (size_t j = 0; j < inputs; j++) {
            const size_t from = at + y * row_step + j * step;
            v[j] = _mm512_fmadd_ps(c, tango_nn__numbers16(x, from, lanes, is_half), v[j]);
        }
    }
    TANGO_NN__UNROLL
    for (size_t p = 0; p < outputs; p++) {
        _mm512_mask_storeu_ps(to + at + p * to_step, lanes,
                              tango_nn__weigh16(m + p * inputs, v, inputs));
    }
}

TANGO_NN__AVX512 static void tango_nn__transform_avx512(
    tango_nn__transform kind, float *to, size_t to_step, const void *x,
    tango_nn_type type, size_t row_step, size_t step, const float *coef, size_t count)
{
#define TANGO_NN__CASE(name, matrix, outputs, inputs, rows, is_leaky, is_half)           \
    case TANGO_NN__##name + is_half * TANGO_NN__TRANSFORMS:                              \
        for (size_t i = 0; i < count; i += 16) {                                         \
            tango_nn__transform16(tango_nn__##matrix, to, to_step, x, i, row_step, step, \
                                  coef, tango_nn__mask16(count - i), outputs, inputs,    \
                                  rows, is_leaky, is_half);                              \
        }                                                                                \
        break;
    switch ((int)kind + (type == TANGO_NN_F16 ? TANGO_NN__TRANSFORMS : 0)) {
        TANGO_NN__TRANSFORM_CASES(TANGO_NN__CASE)
    default: break;
    }
#undef TANGO_NN__CASE
}

static const tango_nn_kernels tango_nn__kernels_avx512 = {
    "avx512", 14, 2,
    tango_nn__tile_avx512,     tango_nn__finish_avx512,       tango_nn__activate_avx512,
    tango_nn__leaky_relu_avx2, tango_nn__add_avx2,            tango_nn__scale_avx2,
    tango_nn__gather_avx512,   tango_nn__maximum_avx2,
    tango_nn__exponentials_avx512, tango_nn__moments_avx2,
    tango_nn__column_moments_avx2, tango_nn__normalize_avx512,
    tango_nn__center_avx2,     tango_nn__transpose_avx2,
    tango_nn__quantize_avx2,   tango_nn__tile_i16_avx512,
    tango_nn__widen_blocks_avx2, tango_nn__stretch_avx2,
    tango_nn__blend_avx512,    tango_nn__transform_avx512,    tango_nn__widen_avx2
};

/* ==== 12 >>vnni ==== Kernels for AVX-512 with VNNI ========================= */

/* Products of integers only: vpdpwssd multiplies pairs and adds them to the sums in one
   instruction. All else is that of AVX-512. */

TANGO_NN__AVX512 static void tango_nn__tile_i16_vnni(
    float *sum, size_t sum_stride, const int16_t *a, const float *scales, const void *b,
    size_t b_stride, size_t rows, size_t panels, size_t depth, int accumulate)
{
    tango_nn__tile_i16_16(sum, sum_stride, a, scales, b, b_stride, rows, panels, depth,
                          accumulate, 1);
}

static const tango_nn_kernels tango_nn__kernels_vnni = {
    "vnni", 14, 2,
    tango_nn__tile_avx512,     tango_nn__finish_avx512,       tango_nn__activate_avx512,
    tango_nn__leaky_relu_avx2, tango_nn__add_avx2,            tango_nn__scale_avx2,
    tango_nn__gather_avx512,   tango_nn__maximum_avx2,
    tango_nn__exponentials_avx512, tango_nn__moments_avx2,
    tango_nn__column_moments_avx2, tango_nn__normalize_avx512,
    tango_nn__center_avx2,     tango_nn__transpose_avx2,
    tango_nn__quantize_avx2,   tango_nn__tile_i16_vnni,
    tango_nn__widen_blocks_avx2, tango_nn__stretch_avx2,
    tango_nn__blend_avx512,    tango_nn__transform_avx512,    tango_nn__widen_avx2
};
#endif /* TANGO_NN__X86 */

/* ==== 1 >>context ==== Kernels, threads, scratch memory ==================== */

TANGO_API size_t tango_nn_work_size(size_t threads)
{
    size_t bytes;
    if (!tango_mul_ok(threads ? threads : 1, TANGO_NN__WORKER, &bytes)) return 0;
    return tango_add_ok(bytes, TANGO_NN__SHARED, &bytes) ? bytes : 0;
}

TANGO_API const tango_nn_kernels *tango_nn_reference(void)
{
    return &tango_nn__kernels_ref;
}

TANGO_API const tango_nn_kernels *tango_nn_detect(void)
{
#ifdef TANGO_NN__X86
    const int level = tango_nn__cpu_level();
    if (level >= 3) return &tango_nn__kernels_vnni;
    if (level >= 2) return &tango_nn__kernels_avx512;
    if (level >= 1) return &tango_nn__kernels_avx2;
#endif
    return &tango_nn__kernels_ref;
}

static int tango_nn__same(const char *a, const char *b)
{
    while (*a && *a == *b) a++, b++;
    return *a == *b;
}

TANGO_API const tango_nn_kernels *tango_nn_kernels_named(const char *name)
{
    if (name == NULL) return NULL;
    if (tango_nn__same(name, "reference")) return &tango_nn__kernels_ref;
#ifdef TANGO_NN__X86
    const int level = tango_nn__cpu_level();
    if (level >= 1 && tango_nn__same(name, "avx2")) return &tango_nn__kernels_avx2;
    if (level >= 2 && tango_nn__same(name, "avx512")) return &tango_nn__kernels_avx512;
    if (level >= 3 && tango_nn__same(name, "vnni")) return &tango_nn__kernels_vnni;
#endif
    return NULL;
}

TANGO_API const char *tango_nn_kernels_name(const tango_nn_kernels *kernels)
{
    return kernels ? kernels->name : "none";
}

static void *tango_nn__shared(const tango_nn_context *c)
{
    return c->work;
}

static float *tango_nn__scratch(const tango_nn_context *c, size_t worker)
{
    TANGO_ASSERT(worker < (c->threads ? c->threads : 1));
    return (float *)(void *)((char *)c->work + TANGO_NN__SHARED
                             + worker * TANGO_NN__WORKER);
}

typedef struct tango_nn__job {
    tango_nn_task *task;
    void *data;
} tango_nn__job;

static void tango_nn__job_task(void *data, size_t index, size_t worker)
{
    const tango_nn__job *job = (const tango_nn__job *)data;
    const unsigned control = tango_nn__flush_begin();
    job->task(job->data, index, worker);
    tango_nn__flush_end(control);
}

/* Runs all tasks of a layer. The one way to threads, and the one place where the
   treatment of denormals changes. */
static void tango_nn__run(const tango_nn_context *c, size_t count, tango_nn_task *task,
                          void *data)
{
    tango_nn__job job;
    TANGO_ASSERT(c->kernels && c->work);
    TANGO_ASSERT(c->work_size >= tango_nn_work_size(c->threads));
    job.task = task;
    job.data = data;
    if (c->parallel_for && c->threads > 1 && count > 1) {
        c->parallel_for(c->pool, count, tango_nn__job_task, &job);
        return;
    }
    for (size_t i = 0; i < count; i++) tango_nn__job_task(&job, i, 0);
}

/* ==== 2 >>weights ==== Panels, floats of 16 bits =========================== */

TANGO_API float tango_nn_half_to_float(uint16_t half)
{
    const uint32_t sign = (uint32_t)(half & 0x8000u) << 16;
    uint32_t exponent = (half >> 10) & 31u, fraction = half & 0x3ffu, bits;
    float value;
    if (exponent == 31u) { /* infinity, NaN (made quiet) */
        bits = 0x7f800000u | fraction << 13 | (fraction ? 0x400000u : 0u);
    } else if (exponent != 0) {
        bits = (exponent + 112u) << 23 | fraction << 13;
    } else if (fraction != 0) { /* denormal: shift the leading 1 to its place */
        exponent = 113u;
        while (!(fraction & 0x400u)) {
            fraction <<= 1;
            exponent--;
        }
        bits = exponent << 23 | (fraction & 0x3ffu) << 13;
    } else {
        bits = 0;
    }
    bits |= sign;
    memcpy(&value, &bits, sizeof value);
    return value;
}

TANGO_API uint16_t tango_nn_float_to_half(float value)
{
    uint32_t bits, sign, rest, shift, half;
    memcpy(&bits, &value, sizeof bits);
    sign = bits >> 16 & 0x8000u;
    bits &= 0x7fffffffu;
    if (bits > 0x7f800000u) { /* NaN: keep the upper payload, quiet */
        return (uint16_t)(sign | 0x7e00u | (bits >> 13 & 0x3ffu));
    }
    if (bits >= 0x477ff000u) return (uint16_t)(sign | 0x7c00u); /* 65520 and above */
    if (bits < 0x33000000u) return (uint16_t)sign;              /* below 2^-25 */
    if (bits < 0x38800000u) { /* denormal half: units of 2^-24 */
        shift = 126u - (bits >> 23);
        bits = (bits & 0x7fffffu) | 0x800000u;
    } else {
        shift = 13;
        bits -= 112u << 23;
    }
    /* Nearest, ties to even; a carry into the exponent is right. */
    half = bits >> shift;
    rest = bits & (((uint32_t)1 << shift) - 1u);
    if (rest > (uint32_t)1 << (shift - 1u)
        || (rest == (uint32_t)1 << (shift - 1u) && (half & 1u))) {
        half++;
    }
    return (uint16_t)(sign | half);
}

TANGO_API float tango_nn_bf16_to_float(uint16_t bf16)
{
    return tango_nn__from_bits((uint32_t)bf16 << 16);
}

TANGO_API uint16_t tango_nn_float_to_bf16(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    if ((bits & 0x7fffffffu) > 0x7f800000u) return (uint16_t)(bits >> 16 | 0x40u);
    /* Nearest, ties to even; a carry into the exponent is right. */
    return (uint16_t)((bits + 0x7fffu + (bits >> 16 & 1u)) >> 16);
}

/* Bytes of a float of `type`. */
static size_t tango_nn__type_size(tango_nn_type type)
{
    return type == TANGO_NN_F32 ? 4 : 2;
}

TANGO_API size_t tango_nn_panels_size(size_t outputs, size_t inputs, tango_nn_type type)
{
    size_t bytes;
    const size_t panels = tango_nn__ceil(outputs, TANGO_NN__PANEL);
    if (type >= TANGO_NN_I16) {
        const size_t pair = tango_nn__pair_bytes(type);
        if (inputs > SIZE_MAX / 64) return 0;
        bytes = tango_nn__ceil(inputs, TANGO_NN__BLOCK) * TANGO_NN__SCALES
                + tango_nn__ceil(inputs, 2) * pair;
        return tango_mul_ok(bytes, panels, &bytes) ? bytes : 0;
    }
    if (!tango_mul_ok(panels, inputs, &bytes)) return 0;
    if (!tango_mul_ok(bytes, TANGO_NN__PANEL * tango_nn__type_size(type), &bytes)) {
        return 0;
    }
    return bytes;
}

/* q = a block of 8-bit integers, |q| <= 127; returns its scale. */
static float tango_nn__quantize_bytes(signed char *q, const float *x)
{
    int16_t wide[TANGO_NN__BLOCK]; /* says what is zero, and what is no number */
    float scale = tango_nn__quantize_block(wide, x, TANGO_NN__BLOCK), most = 0;
    memset(q, 0, TANGO_NN__BLOCK);
    if (!(scale > 0.0f)) return scale;
    for (size_t i = 0; i < TANGO_NN__BLOCK; i++) {
        const float size = x[i] < 0.0f ? -x[i] : x[i];
        if (size > most) most = size;
    }
    scale = most / 127.0f;
    for (size_t i = 0; i < TANGO_NN__BLOCK; i++)
        q[i] = (signed char)tango_nn__round(x[i] / scale);
    return scale;
}

/* Block `k` to k + depth - 1 of a panel of integers, from the order of torch. */
static void tango_nn__pack_block(char *block, tango_nn_type type, const float *w,
                                 size_t outputs, size_t channels, size_t taps, size_t k,
                                 size_t depth)
{
    const size_t bytes = tango_nn__pair_bytes(type);
    signed char bytes_of[TANGO_NN__BLOCK];
    float x[TANGO_NN__BLOCK] = { 0 }, scale;
    int16_t q[TANGO_NN__BLOCK];
    for (size_t o = 0; o < TANGO_NN__PANEL; o++) {
        for (size_t i = 0; i < depth; i++) {
            const size_t tap = (k + i) / channels, channel = (k + i) % channels;
            x[i] = o < outputs ? w[(o * channels + channel) * taps + tap] : 0.0f;
        }
        scale = type == TANGO_NN_I8 ? tango_nn__quantize_bytes(bytes_of, x)
                                    : tango_nn__quantize_block(q, x, TANGO_NN__BLOCK);
        memcpy(block + o * sizeof scale, &scale, sizeof scale);
        for (size_t i = 0; i < depth; i += 2) {
            char *to = block + TANGO_NN__SCALES + (i / 2 * TANGO_NN__PANEL + o) * bytes
                                                      / TANGO_NN__PANEL;
            if (type == TANGO_NN_I8) memcpy(to, bytes_of + i, 2);
            else memcpy(to, q + i, 4);
        }
    }
}

TANGO_API void tango_nn_pack_panel(void *panel, tango_nn_type type, const float *w,
                                   size_t outputs, size_t channels, size_t taps)
{
    const size_t inputs = taps * channels;
    TANGO_ASSERT(outputs <= TANGO_NN__PANEL);
    for (size_t k = 0; type >= TANGO_NN_I16 && k < inputs; k += TANGO_NN__BLOCK) {
        tango_nn__pack_block((char *)panel + tango_nn__block_at(k, type), type, w,
                             outputs, channels, taps, k,
                             tango_nn__min(TANGO_NN__BLOCK, inputs - k));
    }
    if (type >= TANGO_NN_I16) return;
    for (size_t tap = 0; tap < taps; tap++) {
        for (size_t channel = 0; channel < channels; channel++) {
            const size_t to = (tap * channels + channel) * TANGO_NN__PANEL;
            for (size_t o = 0; o < TANGO_NN__PANEL; o++) {
                const float v =
                    o < outputs ? w[(o * channels + channel) * taps + tap] : 0.0f;
                if (type == TANGO_NN_F16) {
                    ((uint16_t *)panel)[to + o] = tango_nn_float_to_half(v);
                } else if (type == TANGO_NN_BF16) {
                    ((uint16_t *)panel)[to + o] = tango_nn_float_to_bf16(v);
                } else {
                    ((float *)panel)[to + o] = v;
                }
            }
        }
    }
}

/* Rows of a piece of w become rows of a panel, all taps of a channel behind one another;
   from there each goes to its tap. */
TANGO_API void tango_nn_pack_panel_by(const tango_nn_kernels *kernels, void *panel,
                                      tango_nn_type type, const float *w, size_t outputs,
                                      size_t channels, size_t taps)
{
    enum { ROWS = 256 };
    float turned[ROWS * TANGO_NN__PANEL];
    const size_t step = taps > 0 && taps <= ROWS ? ROWS / taps : 0;
    TANGO_ASSERT(outputs <= TANGO_NN__PANEL);
    if (step == 0 || type != TANGO_NN_F32) {
        tango_nn_pack_panel(panel, type, w, outputs, channels, taps);
        return;
    }
    if (taps == 1) {
        kernels->transpose((float *)panel, w, channels, outputs, channels);
        return;
    }
    for (size_t first = 0; first < channels; first += step) {
        const size_t count = channels - first < step ? channels - first : step;
        float *to = (float *)panel + first * TANGO_NN__PANEL;
        kernels->transpose(turned, w + first * taps, channels * taps, outputs,
                           count * taps);
        for (size_t tap = 0; tap < taps; tap++, to += channels * TANGO_NN__PANEL) {
            const float *from = turned + tap * TANGO_NN__PANEL;
            for (size_t c = 0; c < count; c++)
                memcpy(to + c * TANGO_NN__PANEL, from + c * taps * TANGO_NN__PANEL,
                       TANGO_NN__PANEL * sizeof(float));
        }
    }
}

/* ==== 3 >>product ==== Linear layers and convolutions ====================== */

/* Where an output row reads: image b, and the input row and column of tap (0, 0), which
   wrap below zero in the padding. */
typedef struct tango_nn__place {
    const float *image;
    size_t y, x;
} tango_nn__place;

/* A linear layer is the 1x1 convolution of an image of width 1. */
typedef struct tango_nn__product {
    const tango_nn_context *c;
    const tango_nn_kernels *kernels;
    float *out;
    const float *x;
    const tango_nn_matrix *w;
    const tango_nn_epilogue *e;
    tango_nn_conv shape; /* with all defaults filled in */
    size_t rows;
    size_t row_block, row_blocks, column_block, column_blocks;
} tango_nn__product;

/* Cuts the output into blocks: as large as the scratch memory allows, smaller where that
   would give too few tasks for many threads. A function of the shape alone. */
static void tango_nn__cut(tango_nn__product *p)
{
    const size_t outputs = p->w->outputs;
    const int integers = p->w->type >= TANGO_NN_I16;
    size_t rows = integers ? TANGO_NN__INT_ROWS : TANGO_NN__ROWS;
    size_t columns = TANGO_NN__COLUMNS;
    /* With a single K block no sums are kept, and a row is quantised less often. */
    if (integers && p->w->inputs <= TANGO_NN__INT_DEPTH) columns *= 4;
    if (tango_nn__ceil(p->rows, rows) * tango_nn__ceil(outputs, columns)
        < TANGO_NN__TASKS) {
        rows = 126; /* whole tiles, and weights are still used 126 times a load */
    }
    /* Quantising a row costs as much as 30 of its columns: integers have wide
       blocks. */
    while (integers && rows > TANGO_NN__STEP
           && tango_nn__ceil(p->rows, rows) * tango_nn__ceil(outputs, columns)
                  < TANGO_NN__TASKS / 2) {
        rows -= TANGO_NN__STEP;
    }
    p->row_blocks = tango_nn__ceil(p->rows, rows);
    /* Narrow blocks gather the same rows again: 256 columns hide that, 128 cost a few
       per cent, less only pay while there are few rows. */
    while (columns > 64) {
        const size_t tasks = p->row_blocks * tango_nn__ceil(outputs, columns);
        if (tasks >= (columns > 256 ? TANGO_NN__TASKS : TANGO_NN__TASKS / 2)) break;
        if (columns <= (integers ? 512 : 128) && p->rows > 32) break;
        columns /= 2;
    }
    p->row_block = tango_nn__ceil(p->rows, p->row_blocks);
    p->column_blocks = tango_nn__ceil(outputs, columns);
    columns = tango_nn__ceil(outputs, p->column_blocks);
    p->column_block = tango_nn__ceil(columns, 2 * TANGO_NN__PANEL) * 2 * TANGO_NN__PANEL;
}

static void tango_nn__find_places(const tango_nn__product *p, tango_nn__place *places,
                                  size_t first, size_t rows)
{
    const tango_nn_conv *s = &p->shape;
    const size_t image_size = s->source_height * s->source_width * s->channels;
    const size_t positions = s->out_height * s->out_width;
    size_t image = first / positions;
    size_t y = first % positions / s->out_width, x = first % s->out_width;
    for (size_t r = 0; r < rows; r++) {
        places[r].image = p->x + image * image_size;
        places[r].y = y * s->stride - s->pad_top;
        places[r].x = x * s->stride - s->pad_left;
        if (++x < s->out_width) continue;
        x = 0;
        if (++y < s->out_height) continue;
        y = 0;
        image++;
    }
}

/* The index that an enlarged axis reads. */
TANGO_NN__INLINE size_t tango_nn__nearest(size_t i, size_t source, size_t size)
{
    if (size == source) return i;
    if (size == 2 * source) return i / 2;
    return i * source / size;
}

/* to = x, through the leaky ReLU if there is one; zeros for x NULL. */
TANGO_NN__INLINE void tango_nn__gather_run(const tango_nn__product *p, float *to,
                                           const float *x, size_t count)
{
    if (x == NULL) {
        memset(to, 0, count * sizeof *to);
    } else if (p->shape.slope != 0.0f) {
        p->kernels->leaky_relu(to, x, count, p->shape.slope);
    } else {
        memcpy(to, x, count * sizeof *to);
    }
}

/* `count` inputs of one row, from a channel of the tap at column x on, all of kernel row
   ky. The taps that follow lie behind one another in memory where they are all inside
   the image; otherwise they are read one by one. Coordinates left of and above the image
   have wrapped to huge ones. */
TANGO_NN__INLINE void tango_nn__gather_row(const tango_nn__product *p, float *to,
                                           const tango_nn__place *place, size_t ky,
                                           size_t kx, size_t channel, size_t count)
{
    const tango_nn_conv *s = &p->shape;
    const size_t taps = tango_nn__ceil(channel + count, s->channels);
    const float *row = NULL;
    size_t y = place->y + ky * s->dilation, x = place->x + kx * s->dilation;
    if (y < s->height) {
        y = tango_nn__nearest(y, s->source_height, s->height);
        row = place->image + y * s->source_width * s->channels;
    }
    if (row == NULL) {
        tango_nn__gather_run(p, to, NULL, count);
        return;
    }
    if (x < s->width && (taps == 1 || (s->source_width == s->width && s->dilation == 1
                                       && taps <= s->width - x))) {
        x = tango_nn__nearest(x, s->source_width, s->width);
        tango_nn__gather_run(p, to, row + x * s->channels + channel, count);
        return;
    }
    while (count > 0) {
        const size_t run = tango_nn__min(s->channels - channel, count);
        const size_t from = tango_nn__nearest(x, s->source_width, s->width);
        tango_nn__gather_run(
            p, to, x < s->width ? row + from * s->channels + channel : NULL, run);
        to += run;
        count -= run;
        channel = 0;
        x += s->dilation;
    }
}

/* How many rows from `place` on, `most` at most, read the same image row at taps that are
   all inside the image: one call gathers them. */
TANGO_NN__INLINE size_t tango_nn__regular(const tango_nn_conv *s,
                                          const tango_nn__place *place, size_t ky,
                                          size_t kx, size_t taps, size_t most)
{
    const size_t x = place->x + kx * s->dilation;
    size_t left;
    if (s->source_width != s->width || s->source_height != s->height
        || place->y + ky * s->dilation >= s->height || x >= s->width
        || taps > s->width - x) {
        return 0;
    }
    left = s->out_width - (place->x + s->pad_left) / s->stride;
    return tango_nn__min(most,
                         tango_nn__min(left, (s->width - x - taps) / s->stride + 1));
}

/* a (rows, depth) = inputs first .. first + depth - 1 of the rows; padding, enlarging and
   the leaky ReLU happen here. */
TANGO_NN__HOT
static void tango_nn__gather_rows(const tango_nn__product *p, float *a,
                                  const tango_nn__place *places, size_t rows,
                                  size_t first, size_t depth)
{
    const tango_nn_conv *s = &p->shape;
    const size_t kernel_row = s->kernel_width * s->channels;
    /* Inputs of one row of the output that lie behind one another in memory. */
    const size_t unit = s->dilation == 1 ? kernel_row : s->channels;
    for (size_t done = 0; done < depth;) {
        const size_t ky = (first + done) / kernel_row, at = (first + done) % kernel_row;
        const size_t kx = at / s->channels, channel = at % s->channels;
        const size_t count = tango_nn__min(unit - at % unit, depth - done);
        const size_t taps = tango_nn__ceil(channel + count, s->channels);
        for (size_t r = 0, n; r < rows; r += n) {
            const tango_nn__place *place = places + r;
            float *to = a + r * TANGO_NN__STRIDE + done;
            n = tango_nn__regular(s, place, ky, kx, taps, rows - r);
            if (n > 0) {
                const size_t y = place->y + ky * s->dilation;
                const size_t x = place->x + kx * s->dilation;
                const size_t from = (y * s->width + x) * s->channels + channel;
                p->kernels->gather(to, place->image + from, n, s->stride * s->channels,
                                   count, s->slope);
            } else {
                tango_nn__gather_row(p, to, place, ky, kx, channel, count);
                n = 1;
            }
        }
        done += count;
    }
}

/* Asks for the cache lines of `bytes` bytes, which are needed soon. */
TANGO_NN__INLINE void tango_nn__fetch(const void *p, size_t bytes)
{
#ifdef __GNUC__
    for (size_t i = 0; i < bytes; i += 64) __builtin_prefetch((const char *)p + i, 0, 2);
#else
    (void)p;
    (void)bytes;
#endif
}

/* What the epilogue of a tile will touch: memory that nobody has used for long. */
TANGO_NN__INLINE void tango_nn__fetch_rows(const tango_nn__product *p, size_t row,
                                           size_t column, size_t rows)
{
    const size_t outputs = p->w->outputs;
    for (size_t r = row; r < row + rows; r++) {
        tango_nn__fetch(p->out + r * outputs + column, 1);
        if (p->e->multiply) tango_nn__fetch(p->e->multiply + r * outputs + column, 1);
        if (p->e->add) tango_nn__fetch(p->e->add + r * outputs + column, 1);
    }
}

/* The rows of a block as tiles of nearly equal height, as a last one of few rows would be
   slow: tile t begins at row tango_nn__tile_row. All heights are even but the last. */
typedef struct tango_nn__tiling {
    size_t rows, tiles;
    size_t pairs, more; /* of rows in a tile; the first `more` tiles have one more */
} tango_nn__tiling;

TANGO_NN__INLINE tango_nn__tiling tango_nn__tile_rows(size_t rows, size_t height)
{
    tango_nn__tiling t;
    t.rows = rows;
    t.tiles = tango_nn__ceil(rows, height);
    t.pairs = t.more = 0;
    if (rows == 0) return t;
    t.pairs = tango_nn__ceil(rows, 2) / t.tiles;
    t.more = tango_nn__ceil(rows, 2) % t.tiles;
    return t;
}

TANGO_NN__INLINE size_t tango_nn__tile_row(const tango_nn__tiling *t, size_t tile)
{
    return tango_nn__min(2 * (tile * t->pairs + tango_nn__min(tile, t->more)), t->rows);
}

/* One K block of a block of the output: all panels, and for each all row tiles, so that
   a panel stays in the first-level cache. The panel that follows is fetched to the
   second-level cache meanwhile, an equal part before each tile; so are the sums of a
   tile and what its epilogue touches. After the last K block the epilogue follows while
   the tile is still there. a (rows, depth), rows a_stride apart;
   wide: for a K block of panels that are not float. */
static void tango_nn__multiply(const tango_nn__product *p, float *sums, float *wide,
                               const float *a, size_t a_stride, size_t row, size_t rows,
                               size_t column, size_t columns, size_t k, size_t depth)
{
    const tango_nn_kernels *kernels = p->kernels;
    const size_t inputs = p->w->inputs;
    const size_t line = TANGO_NN__PANEL * tango_nn__type_size(p->w->type);
    const tango_nn__tiling tiling = tango_nn__tile_rows(rows, kernels->tile_rows);
    const size_t width = kernels->tile_panels * TANGO_NN__PANEL;
    const size_t slice = tango_nn__ceil(depth, tiling.tiles) * line;
    const int last = k + depth >= inputs;
    for (size_t at = 0; at < columns; at += width) {
        const size_t count = tango_nn__min(width, columns - at);
        const size_t panels = tango_nn__ceil(count, TANGO_NN__PANEL);
        const char *from = (const char *)p->w->panels
                           + ((column + at) / TANGO_NN__PANEL * inputs + k) * line;
        const char *next = at + width < columns && tiling.tiles > 1
                               ? from + panels * inputs * line : NULL;
        const float *b = (const float *)(const void *)from;
        size_t b_stride = inputs * TANGO_NN__PANEL;
        if (p->w->type != TANGO_NN_F32) { /* once for all rows */
            b_stride = depth * TANGO_NN__PANEL;
            for (size_t i = 0; i < panels; i++) {
                kernels->widen(wide + i * b_stride, from + i * inputs * line, 0,
                               p->w->type, b_stride);
            }
            b = wide;
        }
        for (size_t t = 0; t < tiling.tiles; t++) {
            const size_t r = tango_nn__tile_row(&tiling, t);
            const size_t height = tango_nn__tile_row(&tiling, t + 1) - r;
            /* With a single K block no sum is kept: one place serves all tiles. */
            float *sum = depth == inputs ? sums : sums + at * rows + r * width;
            if (next) tango_nn__fetch(next + t * slice, slice);
            if (last) tango_nn__fetch_rows(p, row + r, column + at, height);
            kernels->tile(sum, width, a + r * a_stride, a_stride, b, b_stride, height,
                          panels, depth, k > 0);
            if (!last) continue;
            kernels->finish(p->e, p->out, p->w->outputs, row + r, column + at, height,
                            count, sum, width);
        }
    }
}

/* Inputs of a K block: nearly equal blocks of at most `most`. */
static size_t tango_nn__depth(size_t inputs, size_t most)
{
    const size_t blocks = tango_nn__ceil(inputs, most);
    return blocks > 1 ? tango_nn__ceil(tango_nn__ceil(inputs, blocks), 16) * 16 : most;
}

/* Whether the rows of the product are those of x, so that none must be gathered. */
static int tango_nn__is_direct(const tango_nn__product *p)
{
    const tango_nn_conv *s = &p->shape;
    return s->kernel_height == 1 && s->kernel_width == 1 && s->stride == 1
           && s->pad_top == 0 && s->pad_left == 0 && s->slope == 0.0f
           && s->out_height == s->height && s->source_height == s->height
           && s->out_width == s->width && s->source_width == s->width;
}

static void tango_nn__product_task(void *data, size_t index, size_t worker)
{
    const tango_nn__product *p = (const tango_nn__product *)data;
    const size_t row = index % p->row_blocks * p->row_block;
    const size_t column = index / p->row_blocks * p->column_block;
    const size_t inputs = p->w->inputs;
    const size_t columns = tango_nn__min(p->column_block, p->w->outputs - column);
    const int direct = tango_nn__is_direct(p);
    const size_t block =
        tango_nn__depth(inputs, direct ? TANGO_NN__IN_PLACE : TANGO_NN__DEPTH);
    size_t rows, k = 0;
    float *a = tango_nn__scratch(p->c, worker);
    float *sums = a + TANGO_NN__ROWS * TANGO_NN__STRIDE;
    float *wide = sums + TANGO_NN__ROWS * TANGO_NN__COLUMNS;
    tango_nn__place *places =
        (tango_nn__place *)(void *)(wide + 2 * TANGO_NN__PANEL * TANGO_NN__IN_PLACE);
    if (row >= p->rows) return; /* rounding up the block can leave the last one empty */
    rows = tango_nn__min(p->row_block, p->rows - row);
    if (!direct) tango_nn__find_places(p, places, row, rows);
    do { /* once even without inputs, for the epilogue */
        const size_t depth = tango_nn__min(block, inputs - k);
        const float *x = direct ? p->x + row * inputs + k : a;
        if (!direct) tango_nn__gather_rows(p, a, places, rows, k, depth);
        tango_nn__multiply(p, sums, wide, x, direct ? inputs : TANGO_NN__STRIDE, row,
                           rows, column, columns, k, depth);
        k += depth;
    } while (k < inputs);
}

/* The same for weights of integers. Rows are gathered a few at a time and
   quantised while they are in the first-level cache. */
#define TANGO_NN__GATHERED 14u

/* q (rows, depth) and its scales: inputs k .. k + depth - 1 of the rows from `row` on.
   Rows of x serve as they are where they are whole vectors; else strip (GATHERED, STRIDE)
   holds them in between, with zeros up to whole vectors. depth <= DEPTH. */
static void tango_nn__quantize_rows(const tango_nn__product *p, int16_t *q, float *scales,
                                    float *strip, const tango_nn__place *places,
                                    size_t row, size_t rows, size_t k, size_t depth)
{
    const size_t whole = tango_nn__ceil(depth, 16) * 16, inputs = p->w->inputs;
    const int direct = inputs % 16 == 0 && tango_nn__is_direct(p);
    for (size_t r = 0; r < rows; r += TANGO_NN__GATHERED) {
        const size_t n = tango_nn__min(TANGO_NN__GATHERED, rows - r);
        const float *x = direct ? p->x + (row + r) * inputs + k : strip;
        if (!direct) tango_nn__gather_rows(p, strip, places + r, n, k, depth);
        for (size_t i = 0; i < n && whole > depth; i++) {
            memset(strip + i * TANGO_NN__STRIDE + depth, 0,
                   (whole - depth) * sizeof *strip);
        }
        for (size_t at = 0; at < whole; at += TANGO_NN__BLOCK) {
            p->kernels->quantize(q + r * TANGO_NN__INTEGERS + at,
                                 scales + at / TANGO_NN__BLOCK * TANGO_NN__ROWS + r,
                                 x + at, direct ? inputs : TANGO_NN__STRIDE, n,
                                 tango_nn__min(TANGO_NN__BLOCK, whole - at));
        }
    }
}

/* See tango_nn__multiply. All row tiles of a step are one call. Weights of 8 bits are
   stretched to `wide` once for all of them. */
static void tango_nn__multiply_i16(const tango_nn__product *p, float *sums, char *wide,
                                   const int16_t *q, const float *scales, size_t row,
                                   size_t rows, size_t column, size_t columns, size_t k,
                                   size_t depth)
{
    const tango_nn_kernels *kernels = p->kernels;
    const size_t inputs = p->w->inputs;
    const size_t panel_size = tango_nn_panels_size(1, inputs, p->w->type);
    const size_t width = kernels->tile_panels * TANGO_NN__PANEL;
    const int last = k + depth >= inputs;
    for (size_t at = 0; at < columns; at += width) {
        const size_t count = tango_nn__min(width, columns - at);
        const size_t panels = tango_nn__ceil(count, TANGO_NN__PANEL);
        const char *b = (const char *)p->w->panels
                        + (column + at) / TANGO_NN__PANEL * panel_size
                        + tango_nn__block_at(k, p->w->type);
        size_t b_stride = panel_size;
        if (p->w->type == TANGO_NN_I8) {
            b_stride = TANGO_NN__WIDE;
            for (size_t i = 0; i < panels; i++) {
                kernels->stretch(wide + i * b_stride, b + i * panel_size, depth);
            }
            b = wide;
        }
        for (size_t r = 0; r < rows; r += TANGO_NN__STEP) {
            const size_t n = tango_nn__min(TANGO_NN__STEP, rows - r);
            /* With a single K block no sum is kept: one place serves all. */
            float *sum = depth == inputs ? sums : sums + r * TANGO_NN__INT_SUMS + at;
            if (last) tango_nn__fetch_rows(p, row + r, column + at, n);
            kernels->tile_i16(sum, TANGO_NN__INT_SUMS, q + r * TANGO_NN__INTEGERS,
                              scales + r, b, b_stride, n, panels, depth, k > 0);
            if (!last) continue;
            kernels->finish(p->e, p->out, p->w->outputs, row + r, column + at, n, count,
                            sum, TANGO_NN__INT_SUMS);
        }
    }
}

static void tango_nn__product_i16_task(void *data, size_t index, size_t worker)
{
    const tango_nn__product *p = (const tango_nn__product *)data;
    const size_t row = index % p->row_blocks * p->row_block;
    const size_t column = index / p->row_blocks * p->column_block;
    const size_t inputs = p->w->inputs;
    const size_t columns = tango_nn__min(p->column_block, p->w->outputs - column);
    float *strip = tango_nn__scratch(p->c, worker);
    float *scales = strip + TANGO_NN__GATHERED * TANGO_NN__STRIDE;
    float *sums = scales + TANGO_NN__INT_DEPTH / TANGO_NN__BLOCK * TANGO_NN__ROWS;
    int16_t *q = (int16_t *)(void *)(sums + TANGO_NN__INT_ROWS * TANGO_NN__INT_SUMS);
    char *wide = (char *)(q + TANGO_NN__INT_ROWS * TANGO_NN__INTEGERS);
    tango_nn__place *places = (tango_nn__place *)(void *)(wide + 2 * TANGO_NN__WIDE);
    size_t rows, depth;
    if (row >= p->rows) return;
    rows = tango_nn__min(p->row_block, p->rows - row);
    if (inputs == 0) memset(sums, 0, rows * TANGO_NN__INT_SUMS * sizeof *sums);
    tango_nn__find_places(p, places, row, rows);
    for (size_t k = 0; k < inputs || k == 0; k += depth) {
        depth = tango_nn__min(TANGO_NN__INT_DEPTH, inputs - k);
        for (size_t at = 0; at < depth; at += TANGO_NN__DEPTH) {
            tango_nn__quantize_rows(p, q + at, scales + at / TANGO_NN__BLOCK
                                                            * TANGO_NN__ROWS, strip,
                                    places, row, rows, k + at,
                                    tango_nn__min(TANGO_NN__DEPTH, depth - at));
        }
        tango_nn__multiply_i16(p, sums, wide, q, scales, row, rows, column, columns, k,
                               depth);
        if (inputs == 0) break;
    }
}

/* Turns a 1-D convolution, whose time is the height, on its side: along the width the
   inputs of neighbouring taps are gathered in one run. */
static void tango_nn__lay_flat(tango_nn_conv *s)
{
    if (s->width != 1 || s->kernel_width != 1 || s->out_width != 1 || s->pad_left != 0) {
        return;
    }
    if (s->source_width != 1) return;
    s->width = s->height;
    s->kernel_width = s->kernel_height;
    s->out_width = s->out_height;
    s->pad_left = s->pad_top;
    s->source_width = s->source_height;
    s->height = s->kernel_height = s->out_height = s->source_height = 1;
    s->pad_top = 0;
}

/* The product of a layer, with all defaults of the shape filled in. */
static void tango_nn__fill(tango_nn__product *p, const tango_nn_context *c, float *out,
                           const float *x, const tango_nn_conv *shape,
                           const tango_nn_matrix *w, const tango_nn_epilogue *e)
{
    static const tango_nn_epilogue none = { NULL, NULL, 0, TANGO_NN_NONE, NULL, NULL };
    TANGO_ASSERT(w->inputs
                 == shape->kernel_height * shape->kernel_width * shape->channels);
    TANGO_ASSERT(!e || !e->image_bias || e->image_rows > 0);
    p->c = c;
    p->kernels = c->kernels;
    p->out = out;
    p->x = x;
    p->w = w;
    p->e = e ? e : &none;
    p->shape = *shape;
    if (p->shape.stride == 0) p->shape.stride = 1;
    if (p->shape.dilation == 0) p->shape.dilation = 1;
    if (p->shape.source_height == 0) p->shape.source_height = shape->height;
    if (p->shape.source_width == 0) p->shape.source_width = shape->width;
    tango_nn__lay_flat(&p->shape);
    p->rows = shape->batch * shape->out_height * shape->out_width;
}

/* Room 13: does the convolution and returns 1 if the shape is one for it, else 0. */
static int tango_nn__winograd_run(const tango_nn__product *p);

TANGO_API void tango_nn_conv2d(const tango_nn_context *c, float *out, const float *x,
                               const tango_nn_conv *shape, const tango_nn_matrix *w,
                               const tango_nn_epilogue *e)
{
    tango_nn__product p;
    tango_nn__fill(&p, c, out, x, shape, w, e);
    if (p.rows == 0 || w->outputs == 0) return;
    if (c->observe) c->observe(c->observer, c, x, shape, w);
    if (tango_nn__winograd_run(&p)) return;
    tango_nn__cut(&p);
    tango_nn__run(c, p.row_blocks * p.column_blocks,
                  w->type >= TANGO_NN_I16 ? tango_nn__product_i16_task
                                          : tango_nn__product_task,
                  &p);
}

TANGO_API size_t tango_nn_conv_grid(const tango_nn_conv *shape)
{
    return TANGO_NN__GRID * (shape->dilation ? shape->dilation : 1);
}

TANGO_API size_t tango_nn_conv_ahead(const tango_nn_conv *shape)
{
    /* More than 3 taps are cut into parts of 4, the last filled with zeros; the last
       input of a transform meets only the last tap. */
    const size_t taps = shape->kernel_height, zeros = tango_nn__ceil(taps, 4) * 4 - taps;
    if (taps <= 3 || zeros == 0) return 0;
    return (zeros - 1) * (shape->dilation ? shape->dilation : 1);
}

TANGO_API void tango_nn_linear(const tango_nn_context *c, float *out, const float *x,
                               size_t rows, const tango_nn_matrix *w,
                               const tango_nn_epilogue *e)
{
    tango_nn_conv shape;
    memset(&shape, 0, sizeof shape);
    shape.batch = shape.width = shape.out_width = 1;
    shape.height = shape.out_height = rows;
    shape.channels = w->inputs;
    shape.kernel_height = shape.kernel_width = 1;
    tango_nn_conv2d(c, out, x, &shape, w, e);
}

/* ==== 13 >>winograd ==== Convolutions of few multiplications =============== */

/* Winograd's convolutions of stride 1. F(m, r) computes m neighbouring outputs of r taps
   from m + r - 1 products ("points") instead of m*r:
       out = A (sum over channels of (G w) * (B x))
   with B, G, A the matrices `input`, `weight`, `output` of room 9. Along two axes the
   transforms are done along both and the points multiply: F(4x4, 3x3) has 36 products for
   144. For each point, the sum over channels of all tiles and all outputs is a product of
   matrices, which the kernel `tile` does.
     3x3 kernels         F(4, 3) along the height; along the width too, or F(2, 3) where
                         the width is 2 or less
     1-D, 3 taps         F(4, 3), dilated ones each phase of the dilation for itself
     1-D, more taps      F(4, 4) of parts of 4 taps, whose sums meet before `output`: part
                         c of tile t reads what part 0 of tile t + c does, so that the
                         rows t .. t + parts - 1 of V, end to end, are the row of a tile
   A task does a block of tiles and of output columns. For each block of channels and each
   row of points it transforms the inputs once, V, from scratch memory into which
   tango_nn__winograd_bring has brought them, or along one axis, away from the borders,
   from where they lie; then for each panel the weights, U, which stay in the second-level
   cache; then multiplies both point by point into the sums M. What is read often is
   small: V and U of one row of points. Each output is a sum in an order that depends on
   the shape only. An infinite input makes its whole tile NaN. */

#define TANGO_NN__TILES 64u  /* tiles of a block at most: weights are transformed again
                                for each */
#define TANGO_NN__RUN 16u    /* tiles of a run of inputs brought into scratch at a time */
#define TANGO_NN__PARTS 4u   /* parts of a 1-D kernel at most */
#define TANGO_NN__M_SIZE (36u * TANGO_NN__TILES * 128u) /* floats of M, without gaps */
#define TANGO_NN__GAP 16u    /* floats between points, against clashes in the caches */

typedef struct tango_nn__axis {
    size_t outputs, taps, points;
    tango_nn__transform input, weight, output;
    tango_nn__transform weight_less; /* of one row of the kernel alone; along one axis,
                                        of a part without its last tap */
} tango_nn__axis;

static const tango_nn__axis tango_nn__axis_2_3_tall = {
    2, 3, 4, TANGO_NN__INPUT_2_3, TANGO_NN__WEIGHT_2_3_TALL, TANGO_NN__OUTPUT_2_3,
    TANGO_NN__WEIGHT_2_3
};
static const tango_nn__axis tango_nn__axis_4_3_tall = {
    4, 3, 6, TANGO_NN__INPUT_4_3, TANGO_NN__WEIGHT_4_3_TALL, TANGO_NN__OUTPUT_4_3,
    TANGO_NN__WEIGHT_4_3
};
static const tango_nn__axis tango_nn__axis_4_3 = {
    4, 3, 6, TANGO_NN__INPUT_4_3_LINE, TANGO_NN__WEIGHT_4_3, TANGO_NN__OUTPUT_4_3,
    TANGO_NN__WEIGHT_4_3
};
static const tango_nn__axis tango_nn__axis_4_4 = {
    4, 4, 7, TANGO_NN__INPUT_4_4_LINE, TANGO_NN__WEIGHT_4_4, TANGO_NN__OUTPUT_4_4,
    TANGO_NN__WEIGHT_4_4_LESS
};

/* A line is a sequence of tiles: a row of them in one image, or, of a 1-D convolution,
   every dilation-th position of one. Blocks of tiles cross from line to line. */
typedef struct tango_nn__winograd {
    const tango_nn__product *p;
    const tango_nn__axis *axis;   /* along the width */
    size_t tall;                  /* outputs of a tile along the height: 4 or 1 */
    size_t rows;                  /* rows of points: 6 or 1 */
    size_t parts;
    size_t lines, line_tiles;
    size_t tile_block, tile_blocks, column_block, column_blocks;
    size_t block_rows;            /* rows of M for a block: its tiles, and parts - 1 that
                                     no tile has where a line ends inside */
    size_t depth;                 /* channels of a block */
    size_t v_step, u_step, m_step; /* floats between points */
} tango_nn__winograd;

/* Chooses the algorithm for the shape; 0 if there is none. */
static int tango_nn__winograd_fits(tango_nn__winograd *g)
{
    const tango_nn_conv *s = &g->p->shape;
    size_t positions = s->out_width;
    if (s->stride != 1 || s->channels < 16) return 0;
    if (s->kernel_height == 3 && s->kernel_width == 3 && s->dilation == 1
        && s->slope == 0.0f) {
        g->axis = s->out_width > 2 ? &tango_nn__axis_4_3_tall : &tango_nn__axis_2_3_tall;
        g->tall = 4;
        g->rows = 6;
        g->parts = 1;
        g->lines = s->batch * tango_nn__ceil(s->out_height, g->tall);
    } else if (s->height == 1 && s->kernel_height == 1 && s->out_height == 1
               && s->pad_top == 0 && g->p->w->outputs >= 16 && s->kernel_width >= 3
               && s->kernel_width <= 4 * TANGO_NN__PARTS) {
        g->axis = s->kernel_width == 3 ? &tango_nn__axis_4_3 : &tango_nn__axis_4_4;
        g->tall = g->rows = 1;
        g->parts = tango_nn__ceil(s->kernel_width, g->axis->taps);
        g->lines = s->batch * s->dilation;
        positions = tango_nn__ceil(positions, s->dilation);
    } else {
        return 0;
    }
    g->line_tiles = tango_nn__ceil(positions, g->axis->outputs);
    return 1;
}

/* Channels of a block at most; those of all parts are one sum. Along two axes A takes
   differences of large sums, which must be more exact: short sums, added up, are. With
   256 channels the error would be twice that with 128; where an input is enlarged,
   neighbours are equal and it doubles once more. */
static size_t tango_nn__winograd_depth(const tango_nn__winograd *g)
{
    const tango_nn_conv *s = &g->p->shape;
    if (g->rows == 1) return TANGO_NN__DEPTH / g->parts;
    return s->source_height == s->height && s->source_width == s->width ? 128 : 64;
}

/* Floats between rows of V: those of several parts lie end to end. */
static size_t tango_nn__winograd_row(const tango_nn__winograd *g, size_t depth)
{
    return g->parts > 1 ? depth : TANGO_NN__STRIDE;
}

/* Cuts the layer into tasks: blocks of tiles as large as M allows, blocks of columns as
   wide, but of about 16 tasks or more. A function of the shape alone. */
static void tango_nn__winograd_cut(tango_nn__winograd *g)
{
    const size_t outputs = g->p->w->outputs, channels = g->p->shape.channels;
    const size_t points = g->rows * g->axis->points, pair = 2 * TANGO_NN__PANEL;
    const size_t tiles = g->lines * g->line_tiles;
    size_t columns, most, blocks;
    g->tile_block = tango_nn__ceil(tiles, tango_nn__ceil(tiles, TANGO_NN__TILES));
    g->tile_blocks = tango_nn__ceil(tiles, g->tile_block);
    g->block_rows = g->tile_block
                    + (g->parts - 1) * tango_nn__ceil(g->tile_block - 1, g->line_tiles);
    most = TANGO_NN__M_SIZE / (points * g->block_rows) / pair * pair;
    most = tango_nn__min(most, TANGO_NN__COLUMNS);
    columns = outputs / tango_nn__ceil(16, g->tile_blocks);
    columns = columns < 64 ? 64 : tango_nn__min(columns, most);
    blocks = tango_nn__ceil(outputs, columns);
    g->column_block = tango_nn__ceil(tango_nn__ceil(outputs, blocks), pair) * pair;
    g->column_block = tango_nn__min(g->column_block, most);
    g->column_blocks = tango_nn__ceil(outputs, g->column_block);
    blocks = tango_nn__ceil(channels, tango_nn__winograd_depth(g));
    g->depth = tango_nn__min(tango_nn__ceil(tango_nn__ceil(channels, blocks), 8) * 8,
                             channels);
    g->v_step = (g->block_rows + g->parts - 1) * tango_nn__winograd_row(g, g->depth)
                + TANGO_NN__GAP;
    g->u_step = g->parts * g->depth * TANGO_NN__PANEL + TANGO_NN__GAP;
    g->m_step = g->block_rows * g->column_block + TANGO_NN__GAP;
}

/* Whether that pays. Costs count in multiply-adds of the product: a number of B x costs
   about 8 and is made again for each block of columns, one of G w 3 and for each block of
   tiles, one of A's operands 5. Along one axis the rule is that of one full block,
   whatever the length: parts of a convolution then give the numbers of the whole. */
static int tango_nn__winograd_pays(const tango_nn__winograd *g)
{
    const int line = g->rows == 1;
    const double channels = (double)g->p->shape.channels;
    const double outputs = /* a panel that is not full costs as much */
        (double)(tango_nn__ceil(g->p->w->outputs, TANGO_NN__PANEL) * TANGO_NN__PANEL);
    const double tiles = line ? TANGO_NN__TILES : (double)(g->lines * g->line_tiles);
    const double points = (double)(g->rows * g->axis->points);
    const double multiply = tiles * (double)g->parts * channels * outputs;
    const double input = 8 * tiles * channels * (line ? 1 : (double)g->column_blocks);
    const double weight =
        3 * (double)(g->parts * (line ? 1 : g->tile_blocks)) * channels * outputs;
    const double rows = line ? tiles * (double)g->axis->outputs : (double)g->p->rows;
    const double direct = rows * (double)g->p->w->inputs * outputs;
    return points * (multiply + input + weight + 5 * tiles * outputs) < 0.9 * direct;
}

/* strip[n] (depth), `count` rows TANGO_NN__STRIDE apart, = column first + n of the line,
   as the transform along the width reads it: channels `channel` and on of the input
   row, or its sum over six rows for row `row` of the points. Padding and enlarging happen
   here. */
static void tango_nn__winograd_bring(const tango_nn__winograd *g, float *strip,
                                     size_t line, size_t row, size_t first, size_t count,
                                     size_t channel, size_t depth)
{
    const tango_nn_conv *s = &g->p->shape;
    const size_t per_image = g->lines / s->batch, image = line / per_image;
    const size_t place = line % per_image; /* row of tiles, or phase of the dilation */
    const float *matrix = g->rows > 1 ? tango_nn__input_4_3 + row * 6 : NULL;
    const float *rows[6], *x[6];
    float coef[6] = { 1, 0, 0, 0, 0, 0 };
    size_t terms = 0;
    for (size_t i = 0; i < g->rows; i++) {
        /* Above the image y wraps to a huge number. */
        size_t y = g->rows > 1 ? place * g->tall + i - s->pad_top : 0;
        if (y >= s->height || (matrix && matrix[i] == 0.0f)) continue;
        if (matrix) coef[terms] = matrix[i];
        y = image * s->source_height + tango_nn__nearest(y, s->source_height, s->height);
        rows[terms++] = g->p->x + y * s->source_width * s->channels + channel;
    }
    for (size_t n = 0, run; n < count; n += run, strip += run * TANGO_NN__STRIDE) {
        size_t at = (first + n) * s->dilation + (g->rows > 1 ? 0 : place) - s->pad_left;
        run = 1;
        if (at >= s->width) {
            memset(strip, 0, depth * sizeof *strip);
            continue;
        }
        if (s->source_width == s->width) {
            run = tango_nn__min(count - n, tango_nn__ceil(s->width - at, s->dilation));
        }
        at = tango_nn__nearest(at, s->source_width, s->width) * s->channels;
        for (size_t i = 0; i < terms; i++) x[i] = rows[i] + at;
        g->p->kernels->blend(strip, x, coef, terms, run, s->dilation * s->channels,
                             depth);
    }
}

/* Where column `first` of the line lies in x, if the `count` columns from there on all
   do, dilation * channels floats apart: along one axis, away from its ends; else NULL. */
static const float *tango_nn__winograd_in_place(const tango_nn__winograd *g, size_t line,
                                                size_t first, size_t count,
                                                size_t channel)
{
    const tango_nn_conv *s = &g->p->shape;
    const size_t from = first * s->dilation + line % s->dilation - s->pad_left;
    if (g->rows > 1 || s->source_width != s->width || from >= s->width
        || (count - 1) * s->dilation >= s->width - from) {
        return NULL;
    }
    return g->p->x + (line / s->dilation * s->width + from) * s->channels + channel;
}

/* V[point] (rows, depth) = B x of the tiles of a block, and of the parts - 1 that follow
   the last one of a line; returns the rows of M that belong to them. */
static size_t tango_nn__winograd_inputs(const tango_nn__winograd *g, float *v,
                                        float *strip, size_t line, size_t tile,
                                        size_t tiles, size_t row, size_t channel,
                                        size_t depth)
{
    const tango_nn__axis *axis = g->axis;
    const tango_nn_conv *s = &g->p->shape;
    const size_t more = g->parts - 1, v_row = tango_nn__winograd_row(g, depth);
    const float slope = s->slope != 0.0f ? s->slope : 1.0f;
    size_t rows = 0;
    for (size_t left = tiles, here; left > 0; left -= here, tile = 0, line++) {
        here = tango_nn__min(left, g->line_tiles - tile);
        for (size_t t = 0, n; t < here + more; t += n) {
            const size_t first = (tile + t) * axis->outputs;
            const float *x;
            size_t step = s->dilation * s->channels, count;
            n = tango_nn__min(TANGO_NN__RUN, here + more - t);
            count = (n - 1) * axis->outputs + axis->points;
            x = tango_nn__winograd_in_place(g, line, first, count, channel);
            if (x == NULL) {
                tango_nn__winograd_bring(g, strip, line, row, first, count, channel,
                                         depth);
                x = strip;
                step = TANGO_NN__STRIDE;
            }
            for (size_t i = 0; i < n; i++, rows++, x += axis->outputs * step) {
                g->p->kernels->transform(axis->input, v + rows * v_row, g->v_step, x,
                                         TANGO_NN_F32, 0, step, &slope, depth);
            }
        }
    }
    return rows - more;
}

/* U[point] (depth, 16) = row `row` of G w of one panel and one part. What the transforms
   do not read, and parts with several taps beyond the kernel, pass through `wide`. */
static void tango_nn__winograd_weights(const tango_nn__winograd *g, float *u, float *wide,
                                       size_t panel, size_t part, size_t row,
                                       size_t channel, size_t depth)
{
    const tango_nn_matrix *w = g->p->w;
    const size_t channels = g->p->shape.channels, kernel = w->inputs / channels;
    const size_t height = g->rows > 1 ? 3 : 1, taps = g->axis->taps;
    const size_t first = part * taps, count = depth * TANGO_NN__PANEL;
    const size_t from = ((panel * kernel + first) * channels + channel) * TANGO_NN__PANEL;
    /* Of two axes, the outermost points see one row of the kernel only. */
    const int less = height > 1 ? row == 0 || row == 5 : first + taps == kernel + 1;
    size_t step = channels * TANGO_NN__PANEL;
    tango_nn_type type = w->type;
    const char *x = (const char *)w->panels;
    if (type < TANGO_NN_I16) x += from * tango_nn__type_size(type);
    if (type > TANGO_NN_F16 || first + taps * height > kernel + 1) {
        for (size_t i = 0; i < height * taps; i++) {
            if (first + i >= kernel) {
                memset(wide + i * count, 0, count * sizeof *wide);
            } else if (type >= TANGO_NN_I16) {
                g->p->kernels->widen_blocks(
                    wide + i * count,
                    x + panel * tango_nn_panels_size(1, w->inputs, type), type,
                    (first + i) * channels + channel, depth);
            } else {
                g->p->kernels->widen(wide + i * count, x, i * step, type, count);
            }
        }
        step = count;
        type = TANGO_NN_F32;
        x = (const char *)wide;
    }
    if (less) {
        x += row / 5 * 2 * taps * step * tango_nn__type_size(type);
        g->p->kernels->transform(g->axis->weight_less, u, g->u_step, x, type, 0, step,
                                 NULL, count);
    } else {
        g->p->kernels->transform(g->axis->weight, u, g->u_step, x, type, taps * step,
                                 step, tango_nn__weight_4_3 + row * 3, count);
    }
}

/* M[point] (rows, columns) += V U for the points of one row: weights panel by panel, and
   for each all points and rows. */
static void tango_nn__winograd_multiply(const tango_nn__winograd *g, float *m,
                                        const float *v, float *u, float *wide,
                                        size_t rows, size_t column, size_t columns,
                                        size_t row, size_t channel, size_t depth)
{
    const tango_nn_kernels *kernels = g->p->kernels;
    const size_t points = g->axis->points, u_panel = points * g->u_step;
    const tango_nn__tiling tiling = tango_nn__tile_rows(rows, kernels->tile_rows);
    const size_t v_row = tango_nn__winograd_row(g, depth);
    const size_t all = tango_nn__ceil(columns, TANGO_NN__PANEL);
    for (size_t panel = 0, n; panel < all; panel += n) {
        n = tango_nn__min(kernels->tile_panels, all - panel);
        for (size_t i = 0; i < n * g->parts; i++) {
            const size_t at = i / g->parts, part = i % g->parts;
            tango_nn__winograd_weights(
                g, u + at * u_panel + part * depth * TANGO_NN__PANEL, wide,
                column / TANGO_NN__PANEL + panel + at, part, row, channel, depth);
        }
        for (size_t j = 0, t = 0; j < points;) {
            const size_t r = tango_nn__tile_row(&tiling, t);
            kernels->tile(m + j * g->m_step + r * g->column_block
                              + panel * TANGO_NN__PANEL,
                          g->column_block, v + j * g->v_step + r * v_row, v_row,
                          u + j * g->u_step, u_panel,
                          tango_nn__tile_row(&tiling, t + 1) - r, n, g->parts * depth,
                          channel > 0);
            if (++t == tiling.tiles) t = 0, j++;
        }
    }
}

/* out = epilogue(A M) for one tile. sums: room for (outputs of a tile, column_block); of
   two axes A is taken along the height first, `tall` (4, points, column_block). */
static void tango_nn__winograd_finish(const tango_nn__winograd *g, float *sums,
                                      float *tall, const float *m, size_t line,
                                      size_t tile, size_t column, size_t columns)
{
    const tango_nn__product *p = g->p;
    const tango_nn_conv *s = &p->shape;
    const size_t per_image = g->lines / s->batch, image = line / per_image;
    const size_t place = line % per_image, count = g->axis->outputs;
    const size_t padded = tango_nn__ceil(columns, TANGO_NN__PANEL) * TANGO_NN__PANEL;
    const size_t points = g->axis->points, step = points * g->column_block;
    for (size_t j = 0; j < points && g->rows > 1; j++) {
        p->kernels->transform(TANGO_NN__OUTPUT_4_3, tall + j * g->column_block, step,
                              m + j * g->m_step, TANGO_NN_F32, 0, points * g->m_step,
                              NULL, padded);
    }
    for (size_t i = 0; i < g->tall; i++) {
        const size_t y = g->rows > 1 ? place * g->tall + i : 0;
        const size_t phase = g->rows > 1 ? 0 : place;
        const size_t first = phase + tile * count * s->dilation;
        const size_t row = (image * s->out_height + y) * s->out_width + first;
        if (y >= s->out_height || first >= s->out_width) break;
        p->kernels->transform(g->axis->output, sums, g->column_block,
                              g->rows > 1 ? tall + i * step : m, TANGO_NN_F32, 0,
                              g->rows > 1 ? g->column_block : g->m_step, NULL, padded);
        if (s->dilation == 1) {
            p->kernels->finish(p->e, p->out, p->w->outputs, row, column,
                               tango_nn__min(count, s->out_width - first), columns, sums,
                               g->column_block);
            continue;
        }
        for (size_t n = 0; n < count && first + n * s->dilation < s->out_width; n++) {
            p->kernels->finish(p->e, p->out, p->w->outputs, row + n * s->dilation, column,
                               1, columns, sums + n * g->column_block, g->column_block);
        }
    }
}

static void tango_nn__winograd_task(void *data, size_t index, size_t worker)
{
    const tango_nn__winograd *g = (const tango_nn__winograd *)data;
    const size_t block = index % g->tile_blocks, outputs = g->p->w->outputs;
    const size_t column = index / g->tile_blocks * g->column_block;
    const size_t columns = tango_nn__min(g->column_block, outputs - column);
    const size_t first = block * g->tile_block, channels = g->p->shape.channels;
    const size_t tiles = tango_nn__min(g->tile_block, g->lines * g->line_tiles - first);
    const size_t points = g->axis->points;
    size_t line = first / g->line_tiles, tile = first % g->line_tiles;
    float *m = tango_nn__scratch(g->p->c, worker);
    float *v = m + g->rows * points * g->m_step, *u = v + points * g->v_step;
    float *wide = u + g->p->kernels->tile_panels * points * g->u_step;
    float *strip = wide + 9 * g->depth * TANGO_NN__PANEL;
    TANGO_ASSERT((size_t)(strip - m)
                 + 4 * (TANGO_NN__RUN + TANGO_NN__PARTS) * TANGO_NN__STRIDE
                 <= TANGO_NN__WORKER / sizeof *m);
    for (size_t k = 0; k < channels; k += g->depth) {
        const size_t depth = tango_nn__min(g->depth, channels - k);
        for (size_t row = 0; row < g->rows; row++) {
            const size_t rows = tango_nn__winograd_inputs(g, v, strip, line, tile, tiles,
                                                          row, k, depth);
            tango_nn__winograd_multiply(g, m + row * points * g->m_step, v, u, wide, rows,
                                        column, columns, row, k, depth);
        }
    }
    for (size_t t = 0; t < tiles; t++, m += g->column_block) {
        tango_nn__winograd_finish(g, strip, strip + 4 * g->column_block, m, line, tile,
                                  column, columns);
        if (++tile < g->line_tiles) continue;
        tile = 0;
        line++;
        m += (g->parts - 1) * g->column_block;
    }
}

static int tango_nn__winograd_run(const tango_nn__product *p)
{
    tango_nn__winograd g;
    g.p = p;
    if (!tango_nn__winograd_fits(&g)) return 0;
    tango_nn__winograd_cut(&g);
    if (!tango_nn__winograd_pays(&g)) return 0;
    tango_nn__run(p->c, g.tile_blocks * g.column_blocks, tango_nn__winograd_task, &g);
    return 1;
}

/* ==== 4 >>norms ==== Group, layer, RMS ===================================== */

#define TANGO_NN__STRIP 4096u /* channels that a task treats at a time */
#define TANGO_NN__CHUNKS 64u  /* parts of the rows of an image, at most */
#define TANGO_NN__CHUNK 8192u /* values of a part at least: what a part prepares for each
                                 channel costs little beside them */

typedef struct tango_nn__group_norm {
    const tango_nn_context *c;
    float *out;
    const float *x;
    double *partials; /* (images, chunks, groups, 2): sum and sum of squares */
    size_t rows, channels, groups, chunks;
    float eps;
    const float *weight, *bias;
    tango_nn_activation activation;
} tango_nn__group_norm;

/* Rows [from, to) of a chunk: nearly equal parts. */
static size_t tango_nn__chunk(const tango_nn__group_norm *g, size_t chunk)
{
    return g->rows / g->chunks * chunk + tango_nn__min(g->rows % g->chunks, chunk);
}

TANGO_NN__HOT
static void tango_nn__group_moments_task(void *data, size_t index, size_t worker)
{
    const tango_nn__group_norm *g = (const tango_nn__group_norm *)data;
    const size_t chunk = index % g->chunks, image = index / g->chunks;
    const size_t from = tango_nn__chunk(g, chunk), to = tango_nn__chunk(g, chunk + 1);
    const size_t per_group = g->channels / g->groups;
    size_t left = per_group; /* channels of the group at `partial` */
    double *sum = (double *)(void *)tango_nn__scratch(g->c, worker);
    double *square = sum + TANGO_NN__STRIP;
    double *partial = g->partials + index * g->groups * 2;
    memset(partial, 0, g->groups * 2 * sizeof *partial);
    for (size_t first = 0; first < g->channels; first += TANGO_NN__STRIP) {
        const size_t count = tango_nn__min(TANGO_NN__STRIP, g->channels - first);
        memset(sum, 0, count * sizeof *sum);
        memset(square, 0, count * sizeof *square);
        g->c->kernels->column_moments(
            sum, square, g->x + (image * g->rows + from) * g->channels + first, to - from,
            g->channels, count);
        for (size_t i = 0; i < count; i++) {
            if (left == 0) partial += 2, left = per_group;
            left--;
            partial[0] += sum[i];
            partial[1] += square[i];
        }
    }
}

/* mean and 1/sqrt(variance + eps) from the sums of `count` values. */
static void tango_nn__statistics(const double *sums, size_t count, float eps,
                                 double *mean, double *scale)
{
    double variance;
    *mean = sums[0] / (double)count;
    variance = sums[1] / (double)count - *mean * *mean;
    if (variance < 0.0) variance = 0.0; /* rounding; NaN stays */
    *scale = 1.0 / TANGO_SQRT(variance + (double)eps);
}

/* Replaces the sums of the first chunk by mean and scale of the whole image. */
static void tango_nn__group_merge(const tango_nn__group_norm *g, size_t image)
{
    double *first = g->partials + image * g->chunks * g->groups * 2;
    const size_t count = g->rows * (g->channels / g->groups);
    for (size_t group = 0; group < g->groups; group++) {
        double *sums = first + group * 2;
        for (size_t chunk = 1; chunk < g->chunks; chunk++) {
            sums[0] += sums[chunk * g->groups * 2];
            sums[1] += sums[chunk * g->groups * 2 + 1];
        }
        tango_nn__statistics(sums, count, g->eps, &sums[0], &sums[1]);
    }
}

/* The constants of `count` channels, `first` and on. The mean is split into a float and
   its remainder: x - high is exact where x is near the mean, so a large mean costs no
   digits. */
TANGO_NN__HOT
static void tango_nn__group_constants(const tango_nn__group_norm *g, float *mean,
                                      float *scale, float *shift,
                                      const double *statistics, size_t first,
                                      size_t count)
{
    const size_t per_group = g->channels / g->groups;
    const double *of_group = statistics + first / per_group * 2;
    size_t left = per_group - first % per_group;
    for (size_t i = 0; i < count; i++) {
        const double weight = g->weight ? (double)g->weight[first + i] : 1.0;
        const double bias = g->bias ? (double)g->bias[first + i] : 0.0;
        if (left == 0) of_group += 2, left = per_group;
        left--;
        mean[i] = (float)of_group[0];
        scale[i] = (float)(of_group[1] * weight);
        shift[i] = (float)(bias - (of_group[0] - (double)mean[i]) * of_group[1] * weight);
    }
}

static void tango_nn__group_normalize_task(void *data, size_t index, size_t worker)
{
    const tango_nn__group_norm *g = (const tango_nn__group_norm *)data;
    const size_t chunk = index % g->chunks, image = index / g->chunks;
    const size_t from = tango_nn__chunk(g, chunk), to = tango_nn__chunk(g, chunk + 1);
    const double *statistics = g->partials + image * g->chunks * g->groups * 2;
    float *mean = tango_nn__scratch(g->c, worker);
    float *scale = mean + TANGO_NN__STRIP, *shift = scale + TANGO_NN__STRIP;
    /* Rows of few channels are computed several at a time, with repeated constants. */
    const size_t together = g->channels < 256 ? 512 / g->channels : 1;
    for (size_t first = 0; first < g->channels; first += TANGO_NN__STRIP) {
        const size_t count = tango_nn__min(TANGO_NN__STRIP, g->channels - first);
        tango_nn__group_constants(g, mean, scale, shift, statistics, first, count);
        for (size_t i = 1; i < together; i++) {
            memcpy(mean + i * count, mean, count * sizeof *mean);
            memcpy(scale + i * count, scale, count * sizeof *scale);
            memcpy(shift + i * count, shift, count * sizeof *shift);
        }
        for (size_t r = from; r < to; r += together) {
            const size_t at = (image * g->rows + r) * g->channels + first;
            g->c->kernels->normalize(g->out + at, g->x + at,
                                     tango_nn__min(together, to - r) * count, mean,
                                     scale, shift, g->activation);
        }
    }
}

/* What all parts of a norm need. */
static tango_nn__group_norm tango_nn__group_of(const tango_nn_context *c, const float *x,
                                               size_t rows, size_t channels,
                                               size_t groups)
{
    const size_t room = TANGO_NN__SHARED / (2 * sizeof(double)); /* pairs of sums */
    tango_nn__group_norm g;
    TANGO_ASSERT(groups > 0 && groups <= room && channels % groups == 0);
    memset(&g, 0, sizeof g);
    g.c = c;
    g.x = x;
    g.partials = (double *)tango_nn__shared(c);
    g.rows = rows;
    g.channels = channels;
    g.groups = groups;
    g.chunks = tango_nn__min(tango_nn__ceil(rows, 16), TANGO_NN__CHUNKS);
    g.chunks = tango_nn__min(g.chunks, tango_nn__ceil(rows * channels, TANGO_NN__CHUNK));
    g.chunks = tango_nn__min(g.chunks, room / groups);
    return g;
}

TANGO_API void tango_nn_group_sums(const tango_nn_context *c, double *sums,
                                   const float *x, size_t rows, size_t channels,
                                   size_t groups)
{
    tango_nn__group_norm g = tango_nn__group_of(c, x, rows, channels, groups);
    if (rows == 0 || channels == 0) return;
    tango_nn__run(c, g.chunks, tango_nn__group_moments_task, &g);
    for (size_t i = 0; i < g.chunks * groups * 2; i++) {
        sums[i % (groups * 2)] += g.partials[i];
    }
}

TANGO_API void tango_nn_group_apply(const tango_nn_context *c, float *out, const float *x,
                                    size_t rows, size_t channels, size_t groups,
                                    const double *sums, size_t count, float eps,
                                    const float *weight, const float *bias,
                                    tango_nn_activation activation)
{
    tango_nn__group_norm g = tango_nn__group_of(c, x, rows, channels, groups);
    if (rows == 0 || channels == 0) return;
    g.out = out;
    g.eps = eps;
    g.weight = weight;
    g.bias = bias;
    g.activation = activation;
    for (size_t i = 0; i < groups * 2; i += 2) {
        tango_nn__statistics(sums + i, count, eps, &g.partials[i], &g.partials[i + 1]);
    }
    tango_nn__run(c, g.chunks, tango_nn__group_normalize_task, &g);
}

TANGO_API void tango_nn_group_norm(const tango_nn_context *c, float *out, const float *x,
                                   size_t batch, size_t rows, size_t channels,
                                   size_t groups, float eps, const float *weight,
                                   const float *bias, tango_nn_activation activation)
{
    tango_nn__group_norm g = tango_nn__group_of(c, x, rows, channels, groups);
    const size_t room = TANGO_NN__SHARED / (2 * sizeof(double)); /* pairs of sums */
    size_t wave;
    if (batch == 0 || rows == 0 || channels == 0) return;
    g.eps = eps;
    g.weight = weight;
    g.bias = bias;
    g.activation = activation;
    wave = room / (groups * g.chunks); /* images whose sums fit at a time */
    for (size_t image = 0; image < batch; image += wave) {
        const size_t images = tango_nn__min(wave, batch - image);
        g.x = x + image * rows * channels;
        g.out = out + image * rows * channels;
        tango_nn__run(c, images * g.chunks, tango_nn__group_moments_task, &g);
        for (size_t i = 0; i < images; i++) tango_nn__group_merge(&g, i);
        tango_nn__run(c, images * g.chunks, tango_nn__group_normalize_task, &g);
    }
}

typedef struct tango_nn__row_norm {
    const tango_nn_context *c;
    float *out;
    const float *x;
    size_t rows, channels, block;
    float eps;
    const float *weight, *bias;
    int rms; /* no mean is taken away */
} tango_nn__row_norm;

static void tango_nn__row_norm_task(void *data, size_t index, size_t worker)
{
    const tango_nn__row_norm *n = (const tango_nn__row_norm *)data;
    const size_t last = tango_nn__min(n->rows, (index + 1) * n->block);
    (void)worker;
    for (size_t r = index * n->block; r < last; r++) {
        const float *x = n->x + r * n->channels;
        double sums[2] = { 0, 0 }, mean, scale;
        float high;
        n->c->kernels->moments(sums, x, n->channels);
        if (n->rms) sums[0] = 0;
        tango_nn__statistics(sums, n->channels, n->eps, &mean, &scale);
        high = (float)mean;
        n->c->kernels->center(n->out + r * n->channels, x, n->channels, high,
                              (float)(mean - (double)high), (float)scale, n->weight,
                              n->bias);
    }
}

static void tango_nn__row_norm_run(tango_nn__row_norm *n)
{
    if (n->rows == 0 || n->channels == 0) return;
    n->block = 1 + 16384u / n->channels; /* rows of a task */
    tango_nn__run(n->c, tango_nn__ceil(n->rows, n->block), tango_nn__row_norm_task, n);
}

TANGO_API void tango_nn_layer_norm(const tango_nn_context *c, float *out, const float *x,
                                   size_t rows, size_t channels, float eps,
                                   const float *weight, const float *bias)
{
    tango_nn__row_norm n;
    n.c = c;
    n.out = out;
    n.x = x;
    n.rows = rows;
    n.channels = channels;
    n.eps = eps;
    n.weight = weight;
    n.bias = bias;
    n.rms = 0;
    tango_nn__row_norm_run(&n);
}

TANGO_API void tango_nn_rms_norm(const tango_nn_context *c, float *out, const float *x,
                                 size_t rows, size_t channels, float eps,
                                 const float *weight)
{
    tango_nn__row_norm n;
    n.c = c;
    n.out = out;
    n.x = x;
    n.rows = rows;
    n.channels = channels;
    n.eps = eps;
    n.weight = weight;
    n.bias = NULL;
    n.rms = 1;
    tango_nn__row_norm_run(&n);
}

/* ==== 5 >>attention ==== Streaming softmax ================================= */

#define TANGO_NN__FLOAT_MAX 3.40282347e+38f

#define TANGO_NN__KEYS 256u       /* keys of a block at most */
#define TANGO_NN__QUERIES 384u    /* queries of a task at most */
#define TANGO_NN__GROUP 28u       /* queries whose scores stay in the first-level cache */
#define TANGO_NN__PART 1024u      /* of wider heads, so many numbers are packed at once */
#define TANGO_NN__PACKED 65536u   /* numbers of a block of keys or values */
#define TANGO_NN__SCORES 272u     /* floats between rows of scores, KEYS + 16 */

typedef struct tango_nn__attend {
    const tango_nn_context *c;
    float *out;
    const float *q, *k, *v;
    tango_nn_attention shape;
    size_t stride;              /* floats between rows of q, k, v and out */
    size_t padded;              /* head width in whole panels */
    size_t parts;               /* of the head width */
    size_t block, query_blocks; /* queries of a task, tasks of a head */
    size_t key_block;
} tango_nn__attend;

/* The work of one task. */
typedef struct tango_nn__attend_state {
    float *keys, *values; /* (PACKED) each: a block in panel order, of one part */
    float *scores;        /* (GROUP, SCORES) */
    float *queries;       /* (block, padded), scaled */
    float *sums;          /* (block, padded): of exp(score - largest) * v so far */
    float *largest;       /* (block) */
    float *total;         /* (block) sums of exp(score - largest) so far */
    size_t query, count;  /* the first query of this task, and how many */
} tango_nn__attend_state;

/* sum (rows, 16*panels) = or += a b, for any number of rows and panels. */
static void tango_nn__tiles(const tango_nn_kernels *kernels, float *sum,
                            size_t sum_stride, const float *a, size_t a_stride,
                            const float *b, size_t rows, size_t panels, size_t depth,
                            int accumulate)
{
    const tango_nn__tiling tiling = tango_nn__tile_rows(rows, kernels->tile_rows);
    const size_t b_stride = depth * TANGO_NN__PANEL;
    for (size_t p = 0; p < panels; p += kernels->tile_panels) {
        for (size_t t = 0; t < tiling.tiles; t++) {
            const size_t r = tango_nn__tile_row(&tiling, t);
            kernels->tile(sum + r * sum_stride + p * TANGO_NN__PANEL, sum_stride,
                          a + r * a_stride, a_stride, b + p * b_stride, b_stride,
                          tango_nn__tile_row(&tiling, t + 1) - r,
                          tango_nn__min(kernels->tile_panels, panels - p), depth,
                          accumulate);
        }
    }
}

/* Part `part` of the keys of a block, transposed: panels of 16 keys. */
static void tango_nn__pack_keys(const tango_nn__attend *d, float *panels, const float *k,
                                size_t keys, size_t part)
{
    const size_t first = part * TANGO_NN__PART;
    const size_t depth = tango_nn__min(TANGO_NN__PART, d->shape.width - first);
    for (size_t at = 0; at < keys; at += TANGO_NN__PANEL) {
        d->c->kernels->transpose(panels + at * depth, k + at * d->stride + first,
                                 d->stride, tango_nn__min(TANGO_NN__PANEL, keys - at),
                                 depth);
    }
}

/* Part `part` of the values of a block: panels of 16 numbers of the head. */
static void tango_nn__pack_values(const tango_nn__attend *d, float *panels,
                                  const float *v, size_t keys, size_t part)
{
    const size_t first = part * TANGO_NN__PART;
    const size_t width = tango_nn__min(TANGO_NN__PART, d->shape.width - first);
    for (size_t at = 0; at < width; at += TANGO_NN__PANEL) {
        const size_t columns = tango_nn__min(TANGO_NN__PANEL, width - at);
        const float *x = v + first + at;
        for (size_t r = 0; r < keys; r++, panels += TANGO_NN__PANEL, x += d->stride) {
            if (columns == TANGO_NN__PANEL) { /* a constant size becomes a few moves */
                memcpy(panels, x, TANGO_NN__PANEL * sizeof *panels);
            } else {
                memset(panels, 0, TANGO_NN__PANEL * sizeof *panels);
                memcpy(panels, x, columns * sizeof *panels);
            }
        }
    }
}

/* How many of the `keys` keys from `at` on a query sees. */
static size_t tango_nn__seen(const tango_nn__attend *d, size_t query, size_t at,
                             size_t keys)
{
    if (!d->shape.causal) return keys;
    return query < at ? 0 : tango_nn__min(query + 1 - at, keys);
}

/* scores = exp(scores - largest) of queries `first` .. first + rows - 1 and of the keys
   from `at` on; 0 of those that a query does not see. Where the maximum grows, what was
   summed with the old one shrinks by exp(old - new). bias: that of the task's first query
   and of key `at`, or NULL. */
static void tango_nn__soften(const tango_nn__attend *d, tango_nn__attend_state *s,
                             size_t first, size_t rows, const float *bias, size_t at,
                             size_t keys)
{
    const tango_nn_kernels *kernels = d->c->kernels;
    for (size_t i = first; i < first + rows; i++) {
        float *row = s->scores + (i - first) * TANGO_NN__SCORES, largest, shift;
        const size_t seen = tango_nn__seen(d, s->query + i, at, keys);
        memset(row + seen, 0, (keys - seen) * sizeof *row);
        if (seen == 0) continue; /* never the first block: each query sees key 0 */
        if (bias) kernels->add(row, row, bias + i * d->shape.keys, seen, 1.0f);
        largest = kernels->maximum(row, seen);
        if (at == 0) {
            s->total[i] = 0;
        } else if (largest > s->largest[i]) {
            const float shrink = TANGO_EXPF(s->largest[i] - largest);
            float *sums = s->sums + i * d->padded;
            s->total[i] *= shrink;
            kernels->scale(sums, sums, d->padded, shrink);
        } else {
            largest = s->largest[i];
        }
        s->largest[i] = largest;
        /* Where all keys so far are taken out, -inf - -inf would be NaN. */
        shift = largest < -TANGO_NN__FLOAT_MAX ? 0 : largest;
        s->total[i] += kernels->exponentials(row, row, seen, shift);
    }
}

/* One block of keys for all queries of a task, a group after another. A head of one part
   is packed once for all groups. k and v point at key `at`. */
static void tango_nn__attend_keys(const tango_nn__attend *d, tango_nn__attend_state *s,
                                  const float *k, const float *v, const float *bias,
                                  size_t at, size_t keys)
{
    const tango_nn_kernels *kernels = d->c->kernels;
    const size_t group = TANGO_NN__GROUP / kernels->tile_rows * kernels->tile_rows;
    for (size_t first = 0; first < s->count; first += group) {
        const size_t rows = tango_nn__min(group, s->count - first);
        const int pack = first == 0 || d->parts > 1;
        const float *queries = s->queries + first * d->padded;
        float *sums = s->sums + first * d->padded;
        for (size_t part = 0; part < d->parts; part++) {
            const size_t from = part * TANGO_NN__PART;
            if (pack) tango_nn__pack_keys(d, s->keys, k, keys, part);
            tango_nn__tiles(kernels, s->scores, TANGO_NN__SCORES, queries + from,
                            d->padded, s->keys, rows,
                            tango_nn__ceil(keys, TANGO_NN__PANEL),
                            tango_nn__min(TANGO_NN__PART, d->shape.width - from),
                            part > 0);
        }
        tango_nn__soften(d, s, first, rows, bias, at, keys);
        for (size_t part = 0; part < d->parts; part++) {
            const size_t from = part * TANGO_NN__PART;
            const size_t width = tango_nn__min(TANGO_NN__PART, d->shape.width - from);
            if (pack) tango_nn__pack_values(d, s->values, v, keys, part);
            tango_nn__tiles(kernels, sums + from, d->padded, s->scores, TANGO_NN__SCORES,
                            s->values, rows, tango_nn__ceil(width, TANGO_NN__PANEL), keys,
                            at > 0);
        }
    }
}

/* Cuts the scratch memory of a worker into what a task needs. */
static void tango_nn__attend_room(const tango_nn__attend *d, tango_nn__attend_state *s,
                                  size_t worker)
{
    s->keys = tango_nn__scratch(d->c, worker);
    s->values = s->keys + TANGO_NN__PACKED;
    s->scores = s->values + TANGO_NN__PACKED;
    s->queries = s->scores + TANGO_NN__GROUP * TANGO_NN__SCORES;
    s->sums = s->queries + d->block * d->padded;
    s->largest = s->sums + d->block * d->padded;
    s->total = s->largest + d->block;
}

/* How many keys of a context the queries of a task see together. */
static size_t tango_nn__keys_seen(const tango_nn__attend *d,
                                  const tango_nn__attend_state *s, size_t context)
{
    const tango_nn_attention *shape = &d->shape;
    const size_t keys = shape->key_count ? shape->key_count[context] : shape->keys;
    TANGO_ASSERT(keys > 0 && keys <= shape->keys);
    return shape->causal ? tango_nn__min(keys, s->query + s->count) : keys;
}

/* The rows of one head lie far apart, where no CPU expects the next one. */
#define TANGO_NN__AHEAD 6u

static void tango_nn__load_queries(const tango_nn__attend *d, tango_nn__attend_state *s,
                                   const float *q)
{
    const size_t width = d->shape.width;
    for (size_t r = 0; r < s->count; r++, q += d->stride) {
        if (r + TANGO_NN__AHEAD < s->count) {
            tango_nn__fetch(q + TANGO_NN__AHEAD * d->stride, width * sizeof *q);
        }
        d->c->kernels->scale(s->queries + r * d->padded, q, width, d->shape.scale);
    }
}

/* out = the weighted sums over the sum of the weights; 0 for a query without any key. */
static void tango_nn__store_means(const tango_nn__attend *d,
                                  const tango_nn__attend_state *s, float *out)
{
    const size_t width = d->shape.width;
    for (size_t r = 0; r < s->count; r++, out += d->stride) {
        if (r + TANGO_NN__AHEAD < s->count) {
            tango_nn__fetch(out + TANGO_NN__AHEAD * d->stride, width * sizeof *out);
        }
        d->c->kernels->scale(out, s->sums + r * d->padded, width,
                             s->total[r] == 0 ? 0 : 1.0f / s->total[r]);
    }
}

/* Some queries of one head of one image. Between two blocks of keys, sums and total of a
   query are those over the keys so far, with weights exp(score - largest). */
static void tango_nn__attend_task(void *data, size_t index, size_t worker)
{
    const tango_nn__attend *d = (const tango_nn__attend *)data;
    const tango_nn_attention *shape = &d->shape;
    const size_t head = index / d->query_blocks % shape->heads;
    const size_t image = index / d->query_blocks / shape->heads;
    const size_t context = image / shape->context_repeat;
    const size_t first_column = head * shape->width;
    size_t row, seen;
    tango_nn__attend_state s;
    s.query = index % d->query_blocks * d->block;
    s.count = tango_nn__min(d->block, shape->queries - s.query);
    row = (image * shape->queries + s.query) * d->stride + first_column;
    seen = tango_nn__keys_seen(d, &s, context);
    tango_nn__attend_room(d, &s, worker);
    tango_nn__load_queries(d, &s, d->q + row);
    for (size_t j = 0; j < seen; j += d->key_block) {
        const size_t key = (context * shape->keys + j) * d->stride + first_column;
        const float *bias = shape->bias;
        if (bias) bias += (head * shape->queries + s.query) * shape->keys + j;
        tango_nn__attend_keys(d, &s, d->k + key, d->v + key, bias, j,
                              tango_nn__min(d->key_block, seen - j));
    }
    tango_nn__store_means(d, &s, d->out + row);
}

TANGO_API void tango_nn_attend(const tango_nn_context *c, float *out, const float *q,
                               const float *k, const float *v,
                               const tango_nn_attention *shape)
{
    tango_nn__attend d;
    size_t room;
    if (shape->batch == 0 || shape->queries == 0 || shape->heads == 0) return;
    TANGO_ASSERT(shape->keys > 0 && shape->width > 0 && shape->width <= 65536);
    d.c = c;
    d.out = out;
    d.q = q;
    d.k = k;
    d.v = v;
    d.shape = *shape;
    if (d.shape.context_repeat == 0) d.shape.context_repeat = 1;
    d.stride = shape->heads * shape->width;
    d.padded = tango_nn__ceil(shape->width, TANGO_NN__PANEL) * TANGO_NN__PANEL;
    d.parts = tango_nn__ceil(shape->width, TANGO_NN__PART);
    d.key_block = TANGO_NN__PACKED / tango_nn__min(d.padded, TANGO_NN__PART);
    d.key_block = tango_nn__min(d.key_block / TANGO_NN__PANEL * TANGO_NN__PANEL,
                                TANGO_NN__KEYS);
    /* A query takes itself, its sums, largest and total. */
    room = TANGO_NN__WORKER / sizeof(float) - 2 * TANGO_NN__PACKED
           - TANGO_NN__GROUP * TANGO_NN__SCORES;
    d.block = tango_nn__min(room / (2 * d.padded + 2), TANGO_NN__QUERIES);
    d.query_blocks = tango_nn__ceil(shape->queries, d.block);
    d.block = tango_nn__ceil(shape->queries, d.query_blocks);
    d.query_blocks = tango_nn__ceil(shape->queries, d.block);
    tango_nn__run(c, shape->batch * shape->heads * d.query_blocks, tango_nn__attend_task,
                  &d);
}

/* ==== 6 >>elements ==== Activations, sums, softmax, look-up ================ */

#define TANGO_NN__ELEMENTS 16384u /* values of a task */

typedef struct tango_nn__elements {
    const tango_nn_kernels *kernels;
    float *out;
    const float *a, *b;
    size_t count, columns;
    float number; /* slope or scale */
    tango_nn_activation activation;
} tango_nn__elements;

static void tango_nn__activate_task(void *data, size_t index, size_t worker)
{
    const tango_nn__elements *d = (const tango_nn__elements *)data;
    const size_t at = index * TANGO_NN__ELEMENTS;
    (void)worker;
    d->kernels->activate(d->out + at, d->a + at,
                         tango_nn__min(TANGO_NN__ELEMENTS, d->count - at), d->activation);
}

static void tango_nn__leaky_relu_task(void *data, size_t index, size_t worker)
{
    const tango_nn__elements *d = (const tango_nn__elements *)data;
    const size_t at = index * TANGO_NN__ELEMENTS;
    (void)worker;
    d->kernels->leaky_relu(d->out + at, d->a + at,
                           tango_nn__min(TANGO_NN__ELEMENTS, d->count - at), d->number);
}

static void tango_nn__add_task(void *data, size_t index, size_t worker)
{
    const tango_nn__elements *d = (const tango_nn__elements *)data;
    const size_t at = index * TANGO_NN__ELEMENTS;
    (void)worker;
    d->kernels->add(d->out + at, d->a + at, d->b + at,
                    tango_nn__min(TANGO_NN__ELEMENTS, d->count - at), d->number);
}

/* Here `count` is rows; a task has about as many values as the others. */
static size_t tango_nn__softmax_rows(size_t columns)
{
    return 1 + TANGO_NN__ELEMENTS / columns;
}

static void tango_nn__softmax_task(void *data, size_t index, size_t worker)
{
    const tango_nn__elements *d = (const tango_nn__elements *)data;
    const size_t rows = tango_nn__softmax_rows(d->columns);
    const size_t last = tango_nn__min((index + 1) * rows, d->count);
    (void)worker;
    for (size_t r = index * rows; r < last; r++) {
        const float *x = d->a + r * d->columns;
        float *out = d->out + r * d->columns;
        const float largest = d->kernels->maximum(x, d->columns);
        const float sum = d->kernels->exponentials(out, x, d->columns, largest);
        d->kernels->scale(out, out, d->columns, 1.0f / sum);
    }
}

static void tango_nn__elements_run(const tango_nn_context *c, tango_nn__elements *d,
                                   tango_nn_task *task)
{
    d->kernels = c->kernels;
    tango_nn__run(c, tango_nn__ceil(d->count, TANGO_NN__ELEMENTS), task, d);
}

TANGO_API void tango_nn_activate(const tango_nn_context *c, float *out, const float *x,
                                 size_t count, tango_nn_activation activation)
{
    tango_nn__elements d;
    memset(&d, 0, sizeof d);
    d.out = out;
    d.a = x;
    d.count = count;
    d.activation = activation;
    tango_nn__elements_run(c, &d, tango_nn__activate_task);
}

TANGO_API void tango_nn_leaky_relu(const tango_nn_context *c, float *out, const float *x,
                                   size_t count, float slope)
{
    tango_nn__elements d;
    memset(&d, 0, sizeof d);
    d.out = out;
    d.a = x;
    d.count = count;
    d.number = slope;
    tango_nn__elements_run(c, &d, tango_nn__leaky_relu_task);
}

TANGO_API void tango_nn_add(const tango_nn_context *c, float *out, const float *a,
                            const float *b, size_t count, float scale)
{
    tango_nn__elements d;
    memset(&d, 0, sizeof d);
    d.out = out;
    d.a = a;
    d.b = b;
    d.count = count;
    d.number = scale;
    tango_nn__elements_run(c, &d, tango_nn__add_task);
}

TANGO_API void tango_nn_softmax(const tango_nn_context *c, float *out, const float *x,
                                size_t rows, size_t columns)
{
    tango_nn__elements d;
    if (rows == 0 || columns == 0) return;
    memset(&d, 0, sizeof d);
    d.kernels = c->kernels;
    d.out = out;
    d.a = x;
    d.count = rows;
    d.columns = columns;
    tango_nn__run(c, tango_nn__ceil(rows, tango_nn__softmax_rows(columns)),
                  tango_nn__softmax_task, &d);
}

TANGO_API void tango_nn_gather(float *out, const void *table, tango_nn_type type,
                               const int32_t *ids, size_t count, size_t width)
{
    for (size_t i = 0; i < count; i++) {
        const size_t from = (size_t)ids[i] * width;
        TANGO_ASSERT(ids[i] >= 0);
        for (size_t j = 0; j < width; j++) {
            out[i * width + j] = tango_nn__number(table, type, from + j);
        }
    }
}

/* A value is finite if its exponent is not all ones; tested on the bits, so that no
   compiler option can change the answer. */
TANGO_API int tango_nn_all_finite(const float *x, size_t count)
{
    unsigned found = 0;
    for (size_t i = 0; i < count; i++) {
        uint32_t bits;
        memcpy(&bits, x + i, sizeof bits);
        found |= (bits & 0x7f800000u) == 0x7f800000u;
    }
    return !found;
}

/* ==== 7 >>pool ==== Threads for parallel_for =============================== */

#ifdef TANGO_PTHREADS
enum { TANGO_NN__PAUSES = 1000, TANGO_NN__YIELDS = 100 }; /* before a thread sleeps */

struct tango_nn_pool {
    pthread_mutex_t mutex;
    pthread_cond_t work, done; /* a layer has come; the last worker has left it */
    tango_nn_task *task;
    void *data;
    size_t count, next;        /* tasks of the layer, and the first not yet taken */
    size_t busy;               /* workers inside the layer, without the caller */
    size_t round;              /* number of the layer; workers wait for it to change */
    size_t threads;            /* started */
    int stop;
};

/* What a thread needs to know at its start; the array lies behind the pool. */
typedef struct tango_nn__worker {
    tango_nn_pool *pool;
    size_t number;
    pthread_t thread;
} tango_nn__worker;

static size_t tango_nn__pool_head(void)
{
    return (sizeof(tango_nn_pool) + 63u) / 64u * 64u;
}

static tango_nn__worker *tango_nn__pool_workers(tango_nn_pool *pool)
{
    return (tango_nn__worker *)(void *)((char *)pool + tango_nn__pool_head());
}

TANGO_API size_t tango_nn_pool_size(size_t threads)
{
    size_t bytes;
    if (!tango_mul_ok(threads, sizeof(tango_nn__worker), &bytes)) return 0;
    return tango_add_ok(bytes, tango_nn__pool_head(), &bytes) ? bytes : 0;
}

/* Takes tasks until none is left. Called and left with the mutex held. */
static void tango_nn__pool_work(tango_nn_pool *pool, size_t worker)
{
    while (pool->next < pool->count) {
        const size_t index = pool->next++;
        pthread_mutex_unlock(&pool->mutex);
        pool->task(pool->data, index, worker);
        pthread_mutex_lock(&pool->mutex);
    }
}

/* A hint to the CPU that this thread waits: it leaves its core to a sibling. */
static void tango_nn__pause(void)
{
#ifdef TANGO_NN__X86
    _mm_pause();
#elif defined __GNUC__ && defined __aarch64__
    __asm__ volatile("yield");
#endif
}

/* Waits a moment for *place to differ from `value`, without the mutex. Layers follow one
   another within microseconds; to sleep and be woken takes longer than that. So first the
   thread keeps its core, for some 10 to 50 microseconds: on a busy machine a yielded core
   is gone for milliseconds. Then it yields, since where two threads share a core the
   other one must work; then the caller sleeps. */
static void tango_nn__pool_spin(const size_t *place, size_t value)
{
#if defined __GNUC__
    for (int i = 0; i < TANGO_NN__PAUSES + TANGO_NN__YIELDS; i++) {
        if (__atomic_load_n(place, __ATOMIC_ACQUIRE) != value) return;
        if (i < TANGO_NN__PAUSES) tango_nn__pause();
        else sched_yield();
    }
#else
    (void)place;
    (void)value;
#endif
}

/* Writes what a spinning thread reads. The mutex is held. */
static void tango_nn__pool_set(size_t *place, size_t value)
{
#if defined __GNUC__
    __atomic_store_n(place, value, __ATOMIC_RELEASE);
#else
    *place = value;
#endif
}

static void *tango_nn__pool_main(void *argument)
{
    const tango_nn__worker *self = (const tango_nn__worker *)argument;
    tango_nn_pool *pool = self->pool;
    size_t round = 0;
    for (;;) {
        tango_nn__pool_spin(&pool->round, round);
        pthread_mutex_lock(&pool->mutex);
        while (pool->round == round && !pool->stop) {
            pthread_cond_wait(&pool->work, &pool->mutex);
        }
        if (pool->stop) break;
        round = pool->round;
        tango_nn__pool_set(&pool->busy, pool->busy + 1);
        tango_nn__pool_work(pool, self->number);
        tango_nn__pool_set(&pool->busy, pool->busy - 1);
        if (pool->busy == 0) pthread_cond_signal(&pool->done);
        pthread_mutex_unlock(&pool->mutex);
    }
    pthread_mutex_unlock(&pool->mutex);
    return NULL;
}

TANGO_API void tango_nn_pool_for(void *pool_pointer, size_t count, tango_nn_task *task,
                                 void *data)
{
    tango_nn_pool *pool = (tango_nn_pool *)pool_pointer;
    size_t busy;
    pthread_mutex_lock(&pool->mutex);
    pool->task = task;
    pool->data = data;
    pool->count = count;
    pool->next = 0;
    tango_nn__pool_set(&pool->round, pool->round + 1);
    if (count > 1) pthread_cond_broadcast(&pool->work);
    tango_nn__pool_work(pool, 0);
    /* Threads that wake late find no task and leave at once. */
    while ((busy = pool->busy) > 0) {
        pthread_mutex_unlock(&pool->mutex);
        tango_nn__pool_spin(&pool->busy, busy);
        pthread_mutex_lock(&pool->mutex);
        if (pool->busy == busy) pthread_cond_wait(&pool->done, &pool->mutex);
    }
    pthread_mutex_unlock(&pool->mutex);
}

TANGO_API tango_nn_pool *tango_nn_pool_start(void *memory, size_t threads)
{
    tango_nn_pool *pool = (tango_nn_pool *)memory;
    tango_nn__worker *workers;
    if (memory == NULL || threads == 0) return NULL;
    memset(pool, 0, sizeof *pool);
    if (pthread_mutex_init(&pool->mutex, NULL) != 0) return NULL;
    if (pthread_cond_init(&pool->work, NULL) != 0) goto no_work;
    if (pthread_cond_init(&pool->done, NULL) != 0) goto no_done;
    workers = tango_nn__pool_workers(pool);
    while (pool->threads + 1 < threads) {
        tango_nn__worker *worker = workers + pool->threads;
        worker->pool = pool;
        worker->number = pool->threads + 1;
        if (pthread_create(&worker->thread, NULL, tango_nn__pool_main, worker) != 0) {
            break;
        }
        pool->threads++;
    }
    if (pool->threads > 0 || threads == 1) return pool;
    pthread_cond_destroy(&pool->done);
no_done:
    pthread_cond_destroy(&pool->work);
no_work:
    pthread_mutex_destroy(&pool->mutex);
    return NULL;
}

TANGO_API void tango_nn_pool_stop(tango_nn_pool *pool)
{
    if (pool == NULL) return;
    pthread_mutex_lock(&pool->mutex);
    pool->stop = 1;
    pthread_cond_broadcast(&pool->work);
    pthread_mutex_unlock(&pool->mutex);
    for (size_t i = 0; i < pool->threads; i++) {
        pthread_join(tango_nn__pool_workers(pool)[i].thread, NULL);
    }
    pthread_cond_destroy(&pool->done);
    pthread_cond_destroy(&pool->work);
    pthread_mutex_destroy(&pool->mutex);
}
#endif /* TANGO_PTHREADS */

#if defined __GNUC__ && !defined __clang__
#pragma GCC pop_options
#elif defined __clang__
#pragma STDC FP_CONTRACT DEFAULT
#endif
#endif /* TANGO_NN_IMPLEMENTED */

/*
LICENCE

MIT No Attribution

Copyright 2026 the tango authors

Permission is hereby granted, free of charge, to any person obtaining a copy of
this software and associated documentation files (the "Software"), to deal in the
Software without restriction, including without limitation the rights to use,
copy, modify, merge, publish, distribute, sublicense, and/or sell copies of the
Software, and to permit persons to whom the Software is furnished to do so.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED,
INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY, FITNESS FOR A
PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR COPYRIGHT
HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION
OF CONTRACT, TORT OR OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE
SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.
*/
