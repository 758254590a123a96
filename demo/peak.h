/* peak.h: what a machine's multiply-add instructions reach at most, for programs that say
   how near a computation comes to it. MIT-0. Include after cli.h and tango_nn.h.

   A loop of such instructions between registers, in assembly so that no compiler option
   changes it, runs on every thread at once. One multiply-add counts as 2 operations.
   Other processors than x86-64, and other compilers than GCC and Clang, have no loop: all
   rates are 0 there. */
#ifndef TANGO_PEAK_H
#define TANGO_PEAK_H

#define PEAK_LOOPS 1000000
#define PEAK_THREADS ((size_t)256)

typedef struct peak {
    const char *kernels;     /* of tango_nn_kernels_name */
    int bits;                /* of the factors: 32 floats, 16 and 8 integers */
    const char *instruction; /* as people call it */
    double operations;       /* of one of them; sums of pairs in full */
} peak;

static const peak peaks[] = {
    { "reference", 32, "mulps+addps", 4 }, /* 4 of either, half of a multiply-add each */
    { "avx2", 32, "vfmaddps ymm", 16 },
    { "avx2", 16, "vpmaddwd+vpaddd ymm", 32 },
    { "avx512", 32, "vfmaddps zmm", 32 },
    { "avx512", 16, "vpmaddwd+vpaddd zmm", 64 },
    { "vnni", 32, "vfmaddps zmm", 32 },
    { "vnni", 16, "vpdpwssd zmm", 64 },
    { "vnni", 8, "vpdpbusd zmm", 128 },
};
enum { PEAKS = sizeof peaks / sizeof peaks[0] };

/* The loop for a kernel table and factors of so many bits; where the table has no
   instruction of its own for 8 bits it computes with 16. NULL: none. */
static inline const peak *peak_of(const char *kernels, int bits)
{
    const peak *wider = NULL;
    for (size_t i = 0; i < PEAKS; i++) {
        if (strcmp(peaks[i].kernels, kernels) != 0) continue;
        if (peaks[i].bits == bits) return &peaks[i];
        if (peaks[i].bits == 16 && bits == 8) wider = &peaks[i];
    }
    return wider;
}

#if defined __GNUC__ && defined __x86_64__ && !defined TANGO_NN_NO_SIMD
#define PEAK_CHANGED "+r"(count)::"xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", \
    "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", \
    "xmm14", "xmm15", "cc"
#define PEAK_EACH(DO, r) DO(r, "0") DO(r, "1") DO(r, "2") DO(r, "3") DO(r, "4") DO(r, "5") \
    DO(r, "6") DO(r, "7") DO(r, "8") DO(r, "9") DO(r, "10") DO(r, "11")
/* 12 sums that do not wait for each other. */
#define PEAK_RUN(DO, r) __asm__ volatile("vzeroall\n\t1:\n\t" PEAK_EACH(DO, r) \
    "dec %0\n\tjnz 1b\n\tvzeroupper" : PEAK_CHANGED)
#define PEAK_FMA(r, i) "vfmadd231ps %%" r "12, %%" r "13, %%" r i "\n\t"
#define PEAK_MADD(r, i) "vpmaddwd %%" r "12, %%" r "12, %%" r "13\n\t" \
    "vpaddd %%" r "13, %%" r i ", %%" r i "\n\t"
#define PEAK_WORDS(r, i) "vpdpwssd %%" r "12, %%" r "13, %%" r i "\n\t"
#define PEAK_BYTES(r, i) "vpdpbusd %%" r "12, %%" r "13, %%" r i "\n\t"
#define PEAK_MUL_ADD(i, j) "mulps %%xmm12, %%xmm" i "\n\taddps %%xmm12, %%xmm" j "\n\t"

/* Runs PEAK_LOOPS times 12 of them; returns the operations. */
static double peak_loop(const peak *p)
{
    size_t count = PEAK_LOOPS;
    switch (p - peaks) {
    case 1: PEAK_RUN(PEAK_FMA, "ymm"); break;
    case 2: PEAK_RUN(PEAK_MADD, "ymm"); break;
    case 3: case 5: PEAK_RUN(PEAK_FMA, "zmm"); break;
    case 4: PEAK_RUN(PEAK_MADD, "zmm"); break;
    case 6: PEAK_RUN(PEAK_WORDS, "zmm"); break;
    case 7: PEAK_RUN(PEAK_BYTES, "zmm"); break;
    default:
        __asm__ volatile("xorps %%xmm12, %%xmm12\n\t1:\n\t" PEAK_MUL_ADD("0", "6")
                         PEAK_MUL_ADD("1", "7") PEAK_MUL_ADD("2", "8")
                         PEAK_MUL_ADD("3", "9") PEAK_MUL_ADD("4", "10")
                         PEAK_MUL_ADD("5", "11") "dec %0\n\tjnz 1b" : PEAK_CHANGED);
    }
    return 12.0 * PEAK_LOOPS * p->operations;
}
#else
static double peak_loop(const peak *p)
{
    (void)p;
    return 0;
}
#endif

typedef struct peak_run {
    const peak *what;
    double operations[PEAK_THREADS]; /* of each task */
} peak_run;

static void peak_task(void *data, size_t index, size_t worker)
{
    peak_run *run = (peak_run *)data;
    (void)worker;
    run->operations[index] = peak_loop(run->what);
}

/* Operations per second of all threads of a context together; 0 where there is no loop.
   Takes about two milliseconds. */
static inline double peak_rate(const tango_nn_context *c, const peak *what)
{
    const size_t threads = c->threads < PEAK_THREADS ? c->threads : PEAK_THREADS;
    peak_run run = { what, { 0 } };
    double sum = 0, start;
    if (what == NULL) return 0;
    start = cli_seconds();
    if (c->parallel_for) c->parallel_for(c->pool, threads, peak_task, &run);
    else peak_task(&run, 0, 0);
    for (size_t i = 0; i < threads; i++) sum += run.operations[i];
    return sum > 0 ? sum / (cli_seconds() - start) : 0;
}

/* The best of several rates: whatever else runs can only lower one. */
static inline double peak_best(const tango_nn_context *c, const peak *what, int tries)
{
    double best = 0, rate;
    for (int i = 0; i < tries; i++) {
        rate = peak_rate(c, what);
        if (rate > best) best = rate;
    }
    return best;
}

#endif
