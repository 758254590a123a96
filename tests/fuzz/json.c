/* clang -g -O1 -fsanitize=fuzzer,address,undefined -I../.. json.c -o fuzz_json
   ./fuzz_json -max_total_time=60 -max_len=4096 */
#define TANGO_IO_IMPLEMENTATION
#include "../../tango_io.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    tango_io_json json;
    tango_error error;
    size_t need, i, item;
    char text[64];
    double number;
    int64_t integer;
    void *work;
    if (tango_io_json_work_size(&need, data, size, &error) != TANGO_OK) return 0;
    work = malloc(need);
    if (work && tango_io_json_parse(&json, data, size, work, need, &error) == TANGO_OK) {
        for (i = 0; i < json.count; i++) {
            if (tango_io_json_string(&json, i, text, sizeof text) &&
                !tango_io_json_equal(&json, i, text)) __builtin_trap();
            if (tango_io_json_number(&json, i, &number) && !tango_io__finite(number))
                __builtin_trap();
            tango_io_json_i64(&json, i, &integer);
            tango_io_json_find(&json, i, "a");
            for (item = tango_io_json_first(&json, i); item;
                 item = tango_io_json_next(&json, i, item)) {
                if (item <= i || item >= json.count) __builtin_trap();
            }
        }
    }
    free(work);
    return 0;
}
