/* clang -g -O1 -fsanitize=fuzzer,address,undefined -I../.. vocab.c -o fuzz_vocab
   ./fuzz_vocab -max_total_time=60 -max_len=4096

   A text, up to its first NUL, then vocab.json up to the next, merges.txt, and a config.
   If they make a table it is used on the text, and so is the input itself if it is a
   table. */
#define TANGO_IMPLEMENTATION
#include "../../tango.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

static void spell(const void *table, size_t size, const void *text, size_t length)
{
    tango_arena arena;
    tango_tokenizer t;
    tango_error error;
    int32_t ids[512];
    size_t count = 0, i;
    memset(&arena, 0, sizeof arena);
    arena.size = 160 * length + (1 << 18);
    void *block = malloc(arena.size + 64);
    arena.base = (unsigned char *)block + (64 - (uintptr_t)block % 64) % 64;
    if (tango_tokenizer_open(&t, table, size, &arena, &error) == TANGO_OK && t.kind) {
        if (tango_tokenize(&t, ids, t.most, &count, NULL, (const char *)text, length,
                           &arena, &error) != TANGO_OK ||
            count < 2 || count > t.most)
            __builtin_trap();
        for (i = 0; i < count; i++)
            if (ids[i] < 0 || (size_t)ids[i] >= t.bpe.entries) __builtin_trap();
    }
    free(block);
}

/* The part up to a NUL; moves behind it. */
static const void *part(const unsigned char **data, size_t *size, size_t *length)
{
    const unsigned char *begin = *data;
    for (*length = 0; *length < *size && begin[*length]; (*length)++) {}
    const size_t step = *length + (*length < *size);
    *data += step;
    *size -= step;
    return begin;
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    tango_io_bpe_files f;
    tango_error error;
    size_t length, most, need, written = 0;
    const void *text;
    spell(data, size, "a b\xcc\x81<s> \xc3\xa4", 10);
    memset(&f, 0, sizeof f);
    text = part(&data, &size, &length);
    f.vocab = part(&data, &size, &f.vocab_size);
    f.merges = part(&data, &size, &f.merges_size);
    if (size > 0) f.config = data, f.config_size = size;
    if (tango_io_bpe_from_files_size(&most, &need, &f, &error) != TANGO_OK) return 0;
    void *table = malloc(most), *work = malloc(need);
    if (tango_io_bpe_from_files(table, most, &written, &f, work, need, &error) ==
        TANGO_OK)
        spell(table, written, text, length);
    free(table);
    free(work);
    return 0;
}
