/* clang -g -O1 -fsanitize=fuzzer,address,undefined -I../.. csv.c -o fuzz_csv
   ./fuzz_csv -max_total_time=60 -max_len=1024 */
#define TANGO_IO_IMPLEMENTATION
#include "../../tango_io.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    tango_io_csv csv;
    tango_io_csv_field row[TANGO_IO_CSV_COLUMNS_MAX];
    tango_error error;
    size_t i, rows = 0, at;
    uint64_t number;
    int more = 1;
    char *text;
    if (tango_io_csv_open(&csv, data, size, &error) != TANGO_OK) return 0;
    text = (char *)malloc(size + 1);
    while (text && more) {
        tango_result r;
        at = csv.at;
        r = tango_io_csv_next(&csv, row, &more, &error);
        if (more && csv.at <= at) __builtin_trap();
        if (r != TANGO_OK || !more) continue;
        if (csv.row != ++rows || rows > size) __builtin_trap();
        for (i = 0; i < csv.columns; i++) {
            if (row[i].offset + row[i].size > size) __builtin_trap();
            if (!tango_io_csv_text(&row[i], text, row[i].size + 1)) __builtin_trap();
            tango_io_csv_u64(&row[i], &number);
        }
    }
    free(text);
    return 0;
}
