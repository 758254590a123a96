/* tokens: ids of length-prefixed lines, for tokens.py.    cc -I. tests/oracle/tokens.c -lm -o tokens
   ./tokens TABLE LINES: for each line (u32 length, bytes) one line of ids, as many as a model of the
   kind takes. TABLE is a spiece.model or a BPE table. */
#define TANGO_IMPLEMENTATION
#include "tango.h"
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
    const size_t room = (size_t)256 << 20;
    tango_io_file spiece, lines;
    tango_tokenizer tokenizer;
    tango_error error;
    tango_arena arena;
    size_t at = 0, count = 0, i;
    memset(&arena, 0, sizeof arena);
    arena.size = room;
    arena.base = (unsigned char *)aligned_alloc(64, room);
    if (argc != 3 || arena.base == NULL) return 2;
    if (tango_io_map(&spiece, argv[1], &error) != TANGO_OK || tango_io_map(&lines, argv[2], &error) != TANGO_OK
        || tango_tokenizer_open(&tokenizer, spiece.data, spiece.size, &arena, &error) != TANGO_OK) {
        fprintf(stderr, "%s\n", error.text);
        return 1;
    }
    while (at + 4 <= lines.size) {
        int32_t ids[TANGO_TOKENS_MAX];
        uint32_t n;
        memcpy(&n, lines.data + at, 4);
        at += 4;
        if (tango_tokenize(&tokenizer, ids, tokenizer.most, &count, NULL, (const char *)lines.data + at, n, &arena, &error) != TANGO_OK) return 1;
        at += n;
        for (i = 0; i < count; i++) printf("%d%c", (int)ids[i], i + 1 == count ? '\n' : ' ');
    }
    free(arena.base);
    return 0;
}
