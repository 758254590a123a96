/* cc -I.. test_linear.c -lm -o t && ./t     prints one line a claim

   Time grows as the input does, also for inputs that somebody chose: each is read at one
   size and at four times that size. Linear code takes 4 times as long, quadratic code 16
   times; the bound is 9, and a claim has several tries, for the sake of busy machines. */
#define TANGO_IMPLEMENTATION
#include "../tango.h"
#include "check.h"
#include <stdlib.h>
#include <string.h>
#include <time.h>

static tango_error error;

static void *room(size_t size)
{
    void *p = malloc(size ? size : 1);
    if (!p) exit(1);
    return p;
}

/* A growing row of bytes. */
typedef struct bytes { unsigned char *p; size_t n, room; } bytes;

static void add(bytes *b, const void *data, size_t n)
{
    if (b->n + n > b->room) {
        b->room = 2 * (b->n + n) + 64;
        b->p = (unsigned char *)realloc(b->p, b->room);
        if (!b->p) exit(1);
    }
    if (n) memcpy(b->p + b->n, data, n);
    b->n += n;
}

static void text(bytes *b, const char *s) { add(b, s, strlen(s)); }

/* `size` bytes of a little-endian number. */
static void number(bytes *b, uint64_t v, size_t size)
{
    unsigned char out[8];
    tango_io__put64(out, v);
    add(b, out, size);
}

static void fill(bytes *b, char c, size_t n)
{
    while (n-- > 0) add(b, &c, 1);
}

/* Makes an input of size n; reads it: 1 if it is read or refused as the test expects. */
typedef bytes maker(size_t n);
typedef int reader(const unsigned char *p, size_t n);

/* The least of three runs; a huge number if it is not read as expected. */
static double seconds(maker *make, reader *read, size_t n)
{
    double least = 1e9;
    int ok = 1;
    bytes b = make(n);
    for (int i = 0; ok && i < 3; i++) {
        clock_t start = clock();
        ok = read(b.p, b.n);
        double taken = (double)(clock() - start) / CLOCKS_PER_SEC;
        if (taken < least) least = taken;
    }
    free(b.p);
    if (!ok) printf("    %zu: %s\n", n, error.text);
    return ok ? least : 1e9;
}

static int linear(maker *make, reader *read, size_t n)
{
    double one = 0, four = 0;
    for (int tries = 0; tries < 6 && four < 2; tries++) {
        one = seconds(make, read, n);
        four = one < 1e9 ? seconds(make, read, 4 * n) : one;
        if (four <= 9 * one + 0.002 && four < 2) return 1;
    }
    printf("    %zu: %.4f s, %zu: %.4f s\n", n, one, 4 * n, four);
    return 0;
}

/* ---- torch ------------------------------------------------------------------------ */

typedef struct zip { bytes b, directory; size_t count; } zip;

static void zip_add(zip *z, const char *name, size_t header, uint32_t crc, size_t size)
{
    text(&z->directory, "PK\1\2");
    number(&z->directory, 0, 8);
    number(&z->directory, 0, 4);
    number(&z->directory, crc, 4);
    number(&z->directory, size, 4);
    number(&z->directory, size, 4);
    number(&z->directory, strlen(name), 2);
    number(&z->directory, 0, 8);
    number(&z->directory, 0, 4);
    number(&z->directory, header, 4);
    text(&z->directory, name);
    z->count++;
}

static void zip_put(zip *z, const char *name, const void *data, size_t n, size_t extra)
{
    tango_io_crc32 table;
    tango_io_crc32_begin(&table);
    uint32_t crc = tango_io_crc32_add(&table, 0, data, n);
    zip_add(z, name, z->b.n, crc, n);
    text(&z->b, "PK\3\4");
    number(&z->b, 0, 2);
    number(&z->b, 0, 8);
    number(&z->b, crc, 4);
    number(&z->b, n, 4);
    number(&z->b, n, 4);
    number(&z->b, strlen(name), 2);
    number(&z->b, extra * 4, 2);
    text(&z->b, name);
    for (; extra > 0; extra--) number(&z->b, 2, 4);     /* empty fields */
    add(&z->b, data, n);
}

static bytes zip_end(zip *z)
{
    size_t at = z->b.n, n = z->directory.n;
    add(&z->b, z->directory.p, n);
    text(&z->b, "PK\6\6");
    number(&z->b, 44, 8);
    number(&z->b, 0, 8);
    number(&z->b, 0, 4);
    number(&z->b, z->count, 8);
    number(&z->b, z->count, 8);
    number(&z->b, n, 8);
    number(&z->b, at, 8);
    text(&z->b, "PK\6\7");
    number(&z->b, 0, 4);
    number(&z->b, at + n, 8);
    number(&z->b, 1, 4);
    text(&z->b, "PK\5\6");
    number(&z->b, 0, 4);
    number(&z->b, 0xffff, 2);
    number(&z->b, 0xffff, 2);
    number(&z->b, 0xffffffff, 4);
    number(&z->b, 0xffffffff, 4);
    number(&z->b, 0, 2);
    free(z->directory.p);
    return z->b;
}

static bytes archive(bytes *pickle)
{
    zip z = { { NULL, 0, 0 }, { NULL, 0, 0 }, 0 };
    text(pickle, ".");
    zip_put(&z, "m/data.pkl", pickle->p, pickle->n, 0);
    zip_put(&z, "m/version", "3", 1, 0);
    free(pickle->p);
    return zip_end(&z);
}

static int torch_ends(const unsigned char *p, size_t n)
{
    tango_io_torch torch;
    size_t need;
    error.text[0] = 0;
    if (tango_io_torch_work_size(&need, p, n, &error) != TANGO_OK)
        return error.text[0] != 0;
    void *work = room(need);
    tango_result r = tango_io_torch_open(&torch, p, n, work, need, &error);
    free(work);
    return r == TANGO_OK || error.text[0] != 0;
}

static int torch_opens(const unsigned char *p, size_t n)
{
    error.text[0] = 0;
    return torch_ends(p, n) && error.text[0] == 0;
}

/* Keys that a table of 1.5 n places, filled by multiplication, would put side by side. */
static bytes memo_of_chosen_keys(size_t n)
{
    bytes b = { NULL, 0, 0 };
    uint64_t slots = n + n / 2 + 1;
    size_t count = 0;
    text(&b, "\x80\2}");
    for (uint32_t key = 0; key < 1 << 24 && count < n; key++) {
        if ((key * 2654435761u) % slots > slots / 8) continue;
        text(&b, "r");
        number(&b, key, 4);
        count++;
    }
    return archive(&b);
}

static bytes memo_in_falling_order(size_t n)
{
    bytes b = { NULL, 0, 0 };
    text(&b, "\x80\2}");
    while (n-- > 0) {
        text(&b, "r");
        number(&b, n, 4);
    }
    return archive(&b);
}

/* Two long names that differ at their end, as keys of n dictionaries. */
static bytes long_keys_of_many_dictionaries(size_t n)
{
    bytes b = { NULL, 0, 0 };
    text(&b, "\x80\2}(");
    for (int i = 0; i < 2; i++) {
        text(&b, "X");
        number(&b, 4 * n, 4);
        fill(&b, 'k', 4 * n - 1);
        number(&b, 'a' + (unsigned)i, 1);
        number(&b, 'q', 1);
        number(&b, (unsigned)i, 1);
        text(&b, "}");
    }
    for (size_t i = 0; i < n; i++) {
        number(&b, 'M', 1);
        number(&b, i, 2);
        text(&b, "}(h");
        number(&b, 0, 1);
        text(&b, "Nh");
        number(&b, 1, 1);
        text(&b, "Nu");
    }
    text(&b, "u");
    return archive(&b);
}

static bytes tuples_and_lists(size_t n)
{
    bytes b = { NULL, 0, 0 };
    text(&b, "\x80\2}N](");
    for (size_t i = 0; i < n; i++) text(&b, i % 3 ? "N" : "(NNt");
    text(&b, "es");
    return archive(&b);
}

/* n entries that all point to one local header with 4 n extra fields, 16000 at most. */
static bytes entries_of_one_place(size_t n)
{
    zip z = { { NULL, 0, 0 }, { NULL, 0, 0 }, 0 };
    zip_put(&z, "a", "3", 1, 4 * n);
    for (size_t i = 0; i < n; i++) zip_add(&z, "a", 0, 0, 1);
    return zip_end(&z);
}

static bytes many_entries(size_t n)
{
    zip z = { { NULL, 0, 0 }, { NULL, 0, 0 }, 0 };
    zip_put(&z, "m/data.pkl", "\x80\2}.", 4, 0);
    zip_put(&z, "m/version", "3", 1, 0);
    for (size_t i = 0; i < n; i++) {
        char name[32];
        sprintf(name, "m/data/%zu", (i * 7919) % n);
        zip_put(&z, name, "", 0, 1);
    }
    return zip_end(&z);
}

static void archives_take_linear_time(void)
{
    CHECK(linear(memo_of_chosen_keys, torch_opens, 20000));
    CHECK(linear(memo_in_falling_order, torch_opens, 20000));
    CHECK(linear(long_keys_of_many_dictionaries, torch_ends, 4000));
    CHECK(linear(tuples_and_lists, torch_opens, 50000));
    CHECK(linear(entries_of_one_place, torch_ends, 1000));
    CHECK(linear(many_entries, torch_opens, 5000));
}

int main(void)
{
    RUN(archives_take_linear_time);
    return CHECK_DONE();
}
