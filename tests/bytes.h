/* bytes.h: a growing row of bytes, for tests that build files byte by byte. Include it
   after the header under test, whose little-endian numbers it takes. */
#ifndef TANGO_TEST_BYTES_H
#define TANGO_TEST_BYTES_H

#include <stdlib.h>
#include <string.h>

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
#endif
