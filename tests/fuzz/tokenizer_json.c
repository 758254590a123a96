/* clang -g -O1 -fsanitize=fuzzer,address,undefined -I../.. tokenizer_json.c -o fuzz
   ./fuzz -max_total_time=60 -max_len=4096

   A tokenizer.json that becomes a table or a spiece.model can be opened. */
#define TANGO_IO_IMPLEMENTATION
#include "../../tango_io.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

static void as_table(const unsigned char *data, size_t size)
{
    tango_io_bpe_files f = { data, NULL, NULL, NULL, size, 0, 0, 0 };
    tango_io_bpe bpe;
    tango_error error;
    size_t most, need, written = 0;
    if (tango_io_bpe_from_files_size(&most, &need, &f, &error) != TANGO_OK) return;
    void *table = malloc(most), *work = malloc(need);
    if (tango_io_bpe_from_files(table, most, &written, &f, work, need, &error) ==
            TANGO_OK &&
        (written > most || tango_io_bpe_open(&bpe, table, written, &error) != TANGO_OK))
        __builtin_trap();
    free(table);
    free(work);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    tango_io_spiece spiece;
    tango_error error;
    size_t most, need, written = 0;
    int unigram;
    as_table(data, size);
    tango_io_tokenizer_json(&unigram, data, size, &error);
    if (tango_io_spiece_from_json_size(&most, &need, data, size, &error) != TANGO_OK)
        return 0;
    void *model = malloc(most), *work = malloc(need);
    if (tango_io_spiece_from_json(model, most, &written, data, size, work, need,
                                  &error) == TANGO_OK &&
        (written > most ||
         tango_io_spiece_open(&spiece, model, written, &error) != TANGO_OK))
        __builtin_trap();
    free(model);
    free(work);
    return 0;
}
