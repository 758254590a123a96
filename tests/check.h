/* check.h: the whole test framework. A test is a static void function; RUN names it.
   CHECK_* record a failure and go on. main ends with `return CHECK_DONE();`, which prints
   "N passed, N failed" (one count per RUN) and gives the exit status. */
#ifndef TANGO_CHECK_H
#define TANGO_CHECK_H

#include <math.h>
#include <stdio.h>

static int check_bad, check_passed, check_failed;

#define CHECK(condition) \
    ((condition) ? (void)0                                                               \
                 : (void)(check_bad++,                                                   \
                     printf("    %s:%d: %s\n", __FILE__, __LINE__, #condition)))
/* Written so that NaN fails. */
#define CHECK_NEAR(got, want, tolerance) \
    check_near((double)(got), (double)(want), (double)(tolerance), __FILE__, __LINE__)
#define RUN(test) check_run(#test, test)
#define CHECK_DONE()                                                                     \
    (printf("%d passed, %d failed\n", check_passed, check_failed), check_failed != 0)

static void check_near(
    double got, double want, double tolerance, const char *file, int line)
{
    if (!(fabs(got - want) <= tolerance)) {
        check_bad++;
        printf("    %s:%d: got %.9g, expected %.9g within %.3g\n", file, line, got, want,
            tolerance);
    }
}

static void check_run(const char *name, void (*test)(void))
{
    check_bad = 0;
    test();
    if (check_bad) check_failed++; else check_passed++;
    printf("%s  %s\n", check_bad ? "FAIL" : "pass", name);
    (void)check_near;
}
#endif
