/* profile.h: a tango_profile as a table or as JSON, beside what the machine's peak would
   allow. MIT-0. Include after cli.h, tango.h and peak.h. */
#ifndef TANGO_PROFILE_H
#define TANGO_PROFILE_H

/* The clock of a tango_profile. */
static inline double profile_seconds(void *user)
{
    (void)user;
    return cli_seconds();
}

/* Sums over the layers of one part, or over all (part = TANGO_PROFILE_PARTS). */
static inline void profile_sums(
    const tango_profile *p, size_t part, double *spent, double *operations)
{
    *spent = *operations = 0;
    for (size_t i = 0; i < TANGO_PROFILE_PARTS; i++)
        for (size_t k = 0; k < TANGO_LAYERS; k++) {
            if (part != TANGO_PROFILE_PARTS && part != i) continue;
            *spent += p->spent[i][k];
            *operations += p->operations[i][k];
        }
}

/* "text    product                 3.1 %    0.012 s     1.25 GFLOP   104.2 GFLOP/s  68 %" */
static inline void profile_line(const char *part, const char *layer, double spent,
    double operations, double all, double top)
{
    fprintf(stderr, "%-8s%-18s%6.2f %%%10.3f s", part, layer,
        all > 0 ? 100 * spent / all : 0, spent);
    if (operations > 0 && spent > 0) {
        fprintf(stderr, "%12.2f GFLOP%8.1f GFLOP/s", operations * 1e-9,
            operations * 1e-9 / spent);
        if (top > 0) fprintf(stderr, "%5.0f %%", 100 * operations / spent / top);
    }
    fputc('\n', stderr);
}

/* What each kind of layer took, on stderr. `top` is the peak in operations per second, 0
   if unknown. Algorithms with fewer multiplications than the formula can be above it. */
static inline void profile_print(
    const tango_profile *p, const char *instruction, size_t threads, double top)
{
    double all, operations, spent, part_operations;
    profile_sums(p, TANGO_PROFILE_PARTS, &all, &operations);
    for (size_t i = 0; i < TANGO_PROFILE_PARTS; i++) {
        profile_sums(p, i, &spent, &part_operations);
        if (!(spent > 0)) continue;
        for (size_t k = 0; k < TANGO_LAYERS; k++)
            if (p->spent[i][k] > 0)
                profile_line(tango_part_name(1u << i), tango_layer_name((tango_layer)k),
                    p->spent[i][k], p->operations[i][k], all, top);
        profile_line(
            tango_part_name(1u << i), "(all)", spent, part_operations, all, top);
    }
    profile_line("total", "", all, operations, all, top);
    if (top > 0)
        fprintf(stderr,
            "peak    %.1f GFLOP/s (%s, %zu thread%s): all products and convolutions by "
            "their formulas would take %.3f s\n",
            top * 1e-9, instruction, threads, threads == 1 ? "" : "s", operations / top);
}

/* The same as members of a JSON object: "profile": {...}. */
static inline void profile_json(
    const tango_profile *p, const char *instruction, double top)
{
    double all, operations;
    const char *comma = "";
    profile_sums(p, TANGO_PROFILE_PARTS, &all, &operations);
    printf("\"profile\": {\"seconds\": %.6f, \"gflop\": %.6f, ", all, operations * 1e-9);
    printf("\"instruction\": \"%s\", \"peak_gflops\": %.1f, \"layers\": [", instruction,
        top * 1e-9);
    for (size_t i = 0; i < TANGO_PROFILE_PARTS; i++)
        for (size_t k = 0; k < TANGO_LAYERS; k++) {
            if (!(p->spent[i][k] > 0)) continue;
            printf("%s{\"part\": \"%s\", \"layer\": \"%s\", \"seconds\": %.6f, "
                   "\"percent\": %.4f, \"gflop\": %.6f}",
                comma, tango_part_name(1u << i), tango_layer_name((tango_layer)k),
                p->spent[i][k], all > 0 ? 100 * p->spent[i][k] / all : 0,
                p->operations[i][k] * 1e-9);
            comma = ", ";
        }
    printf("]}");
}

#endif
