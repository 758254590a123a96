/* cli.h: what every demo and tool shares: options, messages, a progress bar, Ctrl-C.
   MIT-0

   Include it first (it asks the system for its clock). C99, also valid as C++11.

       static const cli_option options[] = {
           { 'o', "output", "FILE", "where the sound goes; - is standard output" },
           { 'q', "quiet", NULL, "no progress" },
           { 0, NULL, NULL, NULL } };
       cli c = cli_begin(argc, argv, options);
       int id;
       while ((id = cli_next(&c)) != 0) switch (id) {
           case 'o': output = c.text; break;
           case 'q': quiet = 1; break;
           case CLI_OPERAND: prompt = c.text; break;
       }

   Accepted: -o FILE, -oFILE, -qv (switches in a row), --output FILE, --output=FILE; in
   long names - and _ are equal; after -- everything is an operand; a lone - is an operand
   or a value. Exit status: 0 done, 1 failed at work (cli_fail), 2 wrong usage
   (cli_usage); both print one line on stderr. Every program also knows --completion bash
   and zsh (complete.h). */
#ifndef TANGO_CLI_H
#define TANGO_CLI_H

#if defined __STRICT_ANSI__ && !defined _POSIX_C_SOURCE && !defined _WIN32
#define _POSIX_C_SOURCE 200809L
#endif
#ifdef __MINGW32__
#define __USE_MINGW_ANSI_STDIO 1    /* %zu, %lld also on old systems */
#endif
#ifndef _FILE_OFFSET_BITS
#define _FILE_OFFSET_BITS 64 /* 32-bit systems: large files, 64-bit inode numbers */
#endif
#if !defined TANGO_IMPLEMENTED && !defined TANGO_STATIC
#define TANGO_STATIC /* of the headers only what a program uses is compiled */
#endif
#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#ifdef _WIN32
#include <direct.h>
#include <io.h>
#define CLI_IS_TERMINAL(descriptor) _isatty(descriptor)
#define CLI_MAKE_FOLDER(path) _mkdir(path)
#else
#include <sys/stat.h>
#include <unistd.h>
#define CLI_IS_TERMINAL(descriptor) isatty(descriptor)
#define CLI_MAKE_FOLDER(path) mkdir(path, 0777)
#endif
#ifdef __MINGW32__
#define CLI_PRINTF __MINGW_PRINTF_FORMAT
#else
#define CLI_PRINTF printf
#endif
/* A program's own sums are the same with -march=native. (For Clang each says so itself,
   after the tango headers: they end with its default.) */
#if defined __GNUC__ && !defined __clang__
#pragma GCC optimize("fp-contract=off")
#elif defined __clang__
#pragma STDC FP_CONTRACT OFF
#endif
#ifdef __GNUC__
#define CLI_STOPS __attribute__((noreturn, format(CLI_PRINTF, 1, 2)))
#define CLI_ENDS __attribute__((noreturn))
#define CLI_SAYS __attribute__((format(CLI_PRINTF, 1, 2)))
#else
#define CLI_STOPS
#define CLI_ENDS
#define CLI_SAYS
#endif

enum { CLI_OPERAND = 1, CLI_OPTIONS_MAX = 64 };

/* id is what cli_next returns; from 33 to 126 it is the short option too, so options
   without one take ids from 256. value names the value in the help; NULL makes a switch.
   A zero id ends the list, which is shorter than CLI_OPTIONS_MAX. */
typedef struct cli_option {
    int id;
    const char *name, *value, *help;
} cli_option;

typedef struct cli {
    const char *text;            /* value or operand that cli_next found last */
    const cli_option *option;    /* the option it belongs to */
    const cli_option *options;
    char **argv;
    const char *cluster;         /* letters still to read in an argument such as -qv */
    int argc, at, operands_only;
    unsigned char given[CLI_OPTIONS_MAX];    /* by place in the list of options */
} cli;

/* ---- Messages --------------------------------------------------------------------- */

/* Text from outside, safe for a terminal: bytes beyond printable ASCII become \xHH. */
static inline void cli_print(FILE *out, const char *text)
{
    for (const unsigned char *p = (const unsigned char *)text; *p; p++)
        if (*p >= 32 && *p < 127) fputc(*p, out);
        else fprintf(out, "\\x%02x", (unsigned)*p);
}

/* Where in a file of command lines the message comes from, or NULL. */
static const char *cli_place;

static inline void cli_message(const char *kind, const char *format, va_list arguments)
{
    char line[2048];
    vsnprintf(line, sizeof line, format, arguments);
    fflush(stdout);
    fputs(kind, stderr);
    if (cli_place != NULL) {
        cli_print(stderr, cli_place);
        fputs(": ", stderr);
    }
    cli_print(stderr, line);
    fputc('\n', stderr);
}

CLI_STOPS static inline void cli_usage(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    cli_message("usage error: ", format, arguments);
    va_end(arguments);
    exit(2);
}

CLI_STOPS static inline void cli_fail(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    cli_message("error: ", format, arguments);
    va_end(arguments);
    exit(1);
}

/* What is no error, but not what the user may think. */
CLI_SAYS static inline void cli_note(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    cli_message("note: ", format, arguments);
    va_end(arguments);
}

/* What a library message says behind the file's name, which it begins with or, if that is
   long, with the first 40 and the last 21 characters. */
static inline const char *cli_reason(const char *path, const char *text)
{
    const size_t n = strlen(path), size = strlen(text);
    if (size >= n + 2 && memcmp(text, path, n) == 0 && memcmp(text + n, ": ", 2) == 0)
        return text + n + 2;
    if (n > 64 && size >= 66 && memcmp(text, path, 40) == 0
        && memcmp(text + 40, "...", 3) == 0 && memcmp(text + 43, path + n - 21, 21) == 0
        && memcmp(text + 64, ": ", 2) == 0)
        return text + 66;
    return text;
}

/* A line of stderr about a file, whose name is printed whole. */
static inline void cli_file_message(const char *kind, const char *path, const char *text)
{
    fflush(stdout);
    fputs(kind, stderr);
    if (cli_place != NULL) {
        cli_print(stderr, cli_place);
        fputs(": ", stderr);
    }
    if (strcmp(path, "-") != 0 || strncmp(text, "standard ", 9) != 0) {
        cli_print(stderr, path);
        fputs(": ", stderr);
    }
    cli_print(stderr, cli_reason(path, text));
    fputc('\n', stderr);
}

CLI_ENDS static inline void cli_fail_file(const char *path, const char *text)
{
    cli_file_message("error: ", path, text);
    exit(1);
}

/* Everything that was printed has arrived, or the program ends. */
static inline void cli_flush(void)
{
    if (fflush(stdout) != 0 || ferror(stdout))
        cli_fail("standard output: writing failed");
}

/* ---- Options ---------------------------------------------------------------------- */

#include "complete.h"

static inline cli cli_begin(int argc, char **argv, const cli_option *options)
{
    cli c;
    memset(&c, 0, sizeof c);
    c.argc = argc; c.argv = argv; c.options = options; c.at = 1;
#ifdef SIGPIPE
    signal(SIGPIPE, SIG_IGN);    /* a closed pipe is a failed write, reported as such */
#endif
#ifdef SIGXFSZ
    signal(SIGXFSZ, SIG_IGN);    /* and so is a limit on file sizes */
#endif
    return c;
}

static inline int cli_same_name(const char *name, const char *given, size_t length)
{
    size_t i;
    for (i = 0; i < length && name[i]; i++) {
        char a = name[i] == '_' ? '-' : name[i], b = given[i] == '_' ? '-' : given[i];
        if (a != b) return 0;
    }
    return i == length && name[i] == '\0';
}

static inline void cli_found(cli *c, const cli_option *o)
{
    c->option = o;
    c->given[o - c->options] = 1;
}

/* How many letters differ between two words: put in, left out or another one.
   (Levenshtein 1966) */
static inline size_t cli_word_distance(const char *a, const char *b, size_t length)
{
    size_t row[64], i, k;
    const size_t n = strlen(a);
    if (n > 63 || length > 63) return 64;
    for (i = 0; i <= n; i++) row[i] = i;
    for (k = 1; k <= length; k++) {
        size_t left_above = row[0];
        row[0] = k;
        for (i = 1; i <= n; i++) {
            const size_t above = row[i];
            size_t best = left_above
                + (a[i - 1] != (b[k - 1] == '_' ? '-' : b[k - 1]));
            if (above + 1 < best) best = above + 1;
            if (row[i - 1] + 1 < best) best = row[i - 1] + 1;
            left_above = above;
            row[i] = best;
        }
    }
    return row[n];
}

CLI_ENDS static inline void cli_unknown(const cli *c, const char *given, size_t length)
{
    const cli_option *o, *best = NULL;
    size_t least = length < 6 ? 3 : 4; /* one or two letters in a short word, else three */
    for (o = c->options; o->id; o++) {
        const size_t n = cli_word_distance(o->name, given, length);
        const int starts = length > 1 && strlen(o->name) > length
            && strncmp(o->name, given, length) == 0;
        if (!starts && n >= least) continue;
        best = o;
        least = starts ? 1 : n;
    }
    if (best == NULL) cli_usage("unknown option --%.60s; -h lists the options", given);
    cli_usage("unknown option --%.60s; did you mean --%s?", given, best->name);
}

static inline void cli_complete(const cli *c, const char *shell)
{
    const char *name = cli_program_name(c->argv[0]);
    if (shell && strcmp(shell, "bash") == 0) cli_complete_bash(name, c->options);
    else if (shell && strcmp(shell, "zsh") == 0) cli_complete_zsh(name, c->options);
    else cli_usage("--completion: expected bash or zsh");
    cli_flush();
    exit(0);
}

static inline int cli_next_long(cli *c, const char *given)
{
    size_t length = strcspn(given, "=");
    const cli_option *o = c->options;
    while (o->id && !(o->name && cli_same_name(o->name, given, length))) o++;
    if (!o->id && cli_same_name("completion", given, length))
        cli_complete(c, given[length]   ? given + length + 1
                        : c->at < c->argc ? c->argv[c->at]
                                          : NULL);
    if (!o->id) cli_unknown(c, given, length);
    cli_found(c, o);
    c->text = given[length] ? given + length + 1 : NULL;
    if (!o->value && c->text) cli_usage("option --%s takes no value", o->name);
    if (!o->value || c->text) return o->id;
    if (c->at >= c->argc) cli_usage("option --%s needs a value", o->name);
    c->text = c->argv[c->at++];
    return o->id;
}

static inline int cli_next_short(cli *c)
{
    int letter = (unsigned char)*c->cluster++;
    const cli_option *o = c->options;
    while (o->id && !(o->id == letter && letter > 32 && letter < 127)) o++;
    if (!o->id) cli_usage("unknown option -%c; -h lists the options", letter);
    cli_found(c, o);
    c->text = NULL;
    if (!o->value) return o->id;
    if (!*c->cluster && c->at >= c->argc) cli_usage("option -%c needs a value", letter);
    c->text = *c->cluster ? c->cluster : c->argv[c->at++];
    c->cluster = "";
    return o->id;
}

/* The next option's id or CLI_OPERAND, with c->text its value; 0 at the end. */
static inline int cli_next(cli *c)
{
    if (c->cluster && *c->cluster) return cli_next_short(c);
    if (c->at >= c->argc) return 0;
    const char *word = c->argv[c->at++];
    if (!c->operands_only && word[0] == '-' && word[1]) {
        if (word[1] != '-') { c->cluster = word + 1; return cli_next_short(c); }
        if (word[2]) return cli_next_long(c, word + 2);
        c->operands_only = 1;
        return cli_next(c);
    }
    c->option = NULL;
    c->text = word;
    return CLI_OPERAND;
}

static inline int cli_given(const cli *c, int id)
{
    const cli_option *o = c->options;
    while (o->id && o->id != id) o++;
    return o->id && c->given[o - c->options];
}

/* Names those options of the list `ids`, which 0 ends, that were given and change
   nothing. */
static inline void cli_idle(const cli *c, const int *ids, const char *reason)
{
    for (const cli_option *o = c->options; o->id; o++)
        for (const int *id = ids; *id; id++)
            if (*id == o->id && cli_given(c, *id))
                cli_note("--%s has no effect: %s", o->name, reason);
}

/* A usage error if one of the list `ids`, which 0 ends, was given. */
static inline void cli_refuse(const cli *c, const int *ids, const char *reason)
{
    for (const cli_option *o = c->options; o->id; o++)
        for (const int *id = ids; *id; id++)
            if (*id == o->id && cli_given(c, *id))
                cli_usage("--%s contradicts %s", o->name, reason);
}

/* Plain decimal: no spaces, inf or nan, nothing else up to the character `stop`, which
   *end receives. 0 if there is no such number in low .. high. */
static inline int cli_plain(double *value, const char *text, int stop, const char **end,
                            double low, double high)
{
    size_t n = strspn(text, "0123456789+-.eE");
    char *behind = NULL;
    *value = strtod(text, &behind);
    *end = text + n;
    return n > 0 && behind == text + n && *behind == stop && *value >= low
        && *value <= high;
}

/* The option's value as a number in low .. high. */
static inline double cli_number(const cli *c, double low, double high)
{
    const char *end;
    double value;
    if (!cli_plain(&value, c->text, '\0', &end, low, high))
        cli_usage("--%s: expected a number from %g to %g, found \"%.60s\"",
                  c->option->name, low, high, c->text);
    return value;
}

/* The option's value as two numbers A,B or A:B, as it names them, in low .. high. */
static inline void cli_two_numbers(const cli *c, double *a, double *b, double low,
                                   double high)
{
    const char *end;
    double first, second;
    if (!cli_plain(&first, c->text, c->option->value[strcspn(c->option->value, ",:")],
            &end, low, high)
        || !cli_plain(&second, end + 1, '\0', &end, low, high))
        cli_usage("--%s: expected %s, two numbers from %g to %g, found \"%.60s\"",
                  c->option->name, c->option->value, low, high, c->text);
    *a = first;
    *b = second;
}

static inline long long cli_integer(const cli *c, long long low, long long high)
{
    const char *digits = c->text + (*c->text == '-');
    int plain = *digits && strspn(digits, "0123456789") == strlen(digits);
    errno = 0;
    long long value = strtoll(c->text, NULL, 10);
    if (!plain || errno == ERANGE || value < low || value > high)
        cli_usage("--%s: expected a whole number from %lld to %lld, found \"%.60s\"",
                  c->option->name, low, high, c->text);
    return value;
}

/* The system's processors, from 1 to `most`. */
static inline size_t cli_processors(size_t most)
{
#ifdef _SC_NPROCESSORS_ONLN
    long n = sysconf(_SC_NPROCESSORS_ONLN);
    return n < 1 ? 1 : (size_t)n > most ? most : (size_t)n;
#else
    return most < 1 ? 0 : 1;
#endif
}

/* Threads where the command line names none: what TANGO_THREADS in the environment says,
   1 to `most`; `otherwise` if it is not there or empty. */
static inline size_t cli_threads(size_t most, size_t otherwise)
{
    const char *text = getenv("TANGO_THREADS");
    size_t value = 0, i;
    if (text == NULL || *text == '\0') return otherwise;
    for (i = 0; text[i] >= '0' && text[i] <= '9' && value <= most; i++)
        value = 10 * value + (size_t)(text[i] - '0');
    if (text[i] != '\0' || value < 1 || value > most)
        cli_usage("TANGO_THREADS: expected a whole number from 1 to %llu, found "
                  "\"%.60s\"",
                  (unsigned long long)most, text);
    return value;
}

/* The value's place in a list of words that NULL ends. */
static inline size_t cli_choice(const cli *c, const char *const *words)
{
    char list[256] = "";
    for (size_t i = 0; words[i]; i++) {
        if (strcmp(words[i], c->text) == 0) return i;
        if (strlen(list) + strlen(words[i]) + 3 > sizeof list) continue;
        strcat(strcat(list, i ? ", " : ""), words[i]);
    }
    cli_usage("--%s: expected one of %s, found \"%.60s\"", c->option->name, list,
              c->text);
}

/* The text of -h on standard output: examples, a list that NULL ends; what the program
   takes and does; the options. */
static inline void cli_help(const char *usage, const char *about,
                            const char *const *examples, const cli_option *options)
{
    for (size_t i = 0; examples[i]; i++)
        printf("%-10s%s\n", i ? "" : "examples:", examples[i]);
    printf("\nusage: %s\n%s\n\n", usage, about);
    for (const cli_option *o = options; o->id; o++) {
        char left[64], letter[8] = "    ";
        if (o->id > 32 && o->id < 127) snprintf(letter, sizeof letter, "-%c, ", o->id);
        snprintf(left, sizeof left, "%s--%s %s", letter, o->name,
                 o->value ? o->value : "");
        printf("  %-26s  %s\n", left, o->help);
    }
    cli_flush();
}

/* Makes a folder for outputs unless it is there. */
static inline void cli_make_folder(const char *path)
{
    if (CLI_MAKE_FOLDER(path) != 0 && errno != EEXIST)
        cli_fail("%s: cannot make this folder: %s", path, strerror(errno));
}

/* ---- Sounds ----------------------------------------------------------------------- */

/* Whether `from` samples may become `to` at `rate` Hz. A few samples at 1 Hz could be
   hours: a sound over 10 minutes grows at most 64 times. */
static inline int cli_growth_ok(unsigned long long from, unsigned long long to,
                                unsigned long long rate)
{
    return to / 64 <= from || to <= 600 * rate;
}

/* ---- Progress and Ctrl-C ---------------------------------------------------------- */

static inline double cli_seconds(void)
{
#ifdef _WIN32
    return (double)clock() / CLOCKS_PER_SEC;    /* of the wall, on that system */
#else
    struct timespec now = { 0, 0 };
#if defined CLOCK_MONOTONIC
    clock_gettime(CLOCK_MONOTONIC, &now);
#elif defined TIME_UTC
    timespec_get(&now, TIME_UTC);
#else
    now.tv_sec = time(NULL);
#endif
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
#endif
}

typedef struct cli_progress { double start, drawn; int on; } cli_progress;

/* Draws only if stderr is a terminal and quiet is 0. The clock starts here. */
static inline cli_progress cli_progress_begin(int quiet)
{
    cli_progress p = { 0.0, 0.0, 0 };
    p.start = cli_seconds();
    p.on = !quiet && CLI_IS_TERMINAL(2);
    return p;
}

/* [#####-----] 5/10  12.4 it/s  ETA 0:03    at most ten times a second and at the end */
static inline void cli_progress_step(cli_progress *p, size_t done, size_t total)
{
    double now = cli_seconds(), spent = now - p->start;
    if (!p->on || total == 0 || (done < total && now - p->drawn < 0.1)) return;
    p->drawn = now;
    char bar[31] = "------------------------------";
    size_t full = done < total ? (size_t)(30.0 * (double)done / (double)total) : 30;
    memset(bar, '#', full);
    fprintf(stderr, "\r[%s] %llu/%llu", bar, (unsigned long long)done,
            (unsigned long long)total);
    if (done > 0 && spent > 0.0) {
        double left = spent / (double)done * (double)(total > done ? total - done : 0);
        unsigned long seconds = left < 1e9 ? (unsigned long)(left + 0.5) : 999999999UL;
        fprintf(stderr, "  %.3g it/s  ETA %lu:%02lu", (double)done / spent, seconds / 60,
                seconds % 60);
    }
    fputs("\033[K", stderr);
    if (done >= total) { fputc('\n', stderr); p->on = 0; }
    fflush(stderr);
}

/* Leaves the line of an unfinished bar, so that a message starts on its own line. */
static inline void cli_progress_end(cli_progress *p)
{
    if (p->on && p->drawn > 0.0) fputc('\n', stderr);
    p->on = 0;
}

static volatile sig_atomic_t cli_interrupt_count;

static void cli_on_interrupt(int number)
{
    signal(number, cli_on_interrupt);    /* System V semantics forget it on delivery */
    cli_interrupt_count = 1;
}

/* From here on Ctrl-C, or the end of the terminal, only sets a flag; ask cli_interrupted()
   between pieces of work. Under nohup the end of the terminal stays without effect. */
static inline void cli_catch_interrupts(void)
{
    signal(SIGINT, cli_on_interrupt);
    signal(SIGTERM, cli_on_interrupt);
#ifdef SIGHUP
    if (signal(SIGHUP, cli_on_interrupt) == SIG_IGN) signal(SIGHUP, SIG_IGN);
#endif
}

static inline int cli_interrupted(void) { return cli_interrupt_count != 0; }

#endif
