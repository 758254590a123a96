/* cc -I.. test_tango_io_weights.c -lm -o t && ./t     prints one line a claim

   Files of weights as the packages write them: safetensors, lists of shards, what
   tests/oracle/make_weights.py made with torch and lightning; and mappings whose pages
   are given back. Inputs lie in blocks of exactly their size, so an address sanitizer
   sees any access outside. A file in the current folder begins with
   "test_tango_io_weights." and is removed. */
#define TANGO_IO_IMPLEMENTATION
#include "../tango_io.h"
#include "bytes.h"
#include "check.h"

/* ---- Tools ------------------------------------------------------------------------ */

static const char file_name[] = "test_tango_io_weights.out";
static tango_error error;

static int says(const char *part) { return strstr(error.text, part) != NULL; }

static void *block(size_t size)
{
    void *p = malloc(size ? size : 1);
    if (!p) exit(1);
    return p;
}

static bytes copy_of(const void *data, size_t n)
{
    bytes b;
    b.p = (unsigned char *)block(n);
    b.n = b.room = n;
    if (n) memcpy(b.p, data, n);
    return b;
}

static bytes golden(const char *name)
{
    char path[200] = "golden/weights/";
    tango_io_file file;
    bytes b;
    if (tango_io_map(&file, strcat(path, name), &error) != TANGO_OK) {
        printf("    %s\n", error.text);
        return copy_of("", 0);
    }
    b = copy_of(file.data, file.size);
    tango_io_unmap(&file);
    return b;
}

/* 1 if read, 0 if refused with a message. */
typedef int reader(const unsigned char *p, size_t n);

/* Reads every prefix, and every copy with one bit changed; returns how many were read. */
static size_t damaged(const bytes *b, reader *check, int cut)
{
    size_t i, read = 0, count = cut ? b->n : 8 * b->n;
    for (i = 0; i < count; i++) {
        bytes c = copy_of(b->p, cut ? i : b->n);
        if (!cut) c.p[i / 8] = (unsigned char)(c.p[i / 8] ^ 1u << i % 8);
        error.text[0] = 0;
        if (check(c.p, c.n)) read++; else CHECK(error.text[0] != 0);
        free(c.p);
    }
    return read;
}

/* Number i of a tensor of the golden files. */
static double expected(tango_io_type type, size_t i)
{
    const double v = (double)(i * 7 % 11);
    switch (type) {
    case TANGO_IO_F32: case TANGO_IO_F16: case TANGO_IO_BF16: case TANGO_IO_F64:
        return (v - 5) / 4;
    case TANGO_IO_I8: case TANGO_IO_I16: case TANGO_IO_I32: case TANGO_IO_I64:
        return v - 5;
    case TANGO_IO_BOOL: return (double)(i % 2);
    default: return v;
    }
}

static int is_golden(const tango_io_view *view)
{
    float x;
    size_t i;
    for (i = 0; i < view->count; i++) {
        tango_io_view_read(&x, view, i, 1);
        if ((double)x != expected(view->type, i)) return 0;
    }
    return 1;
}

/* ---- 8 safetensors ---------------------------------------------------------------- */

static bytes safetensors(const char *header, size_t numbers)
{
    bytes b = { NULL, 0, 0 };
    number(&b, strlen(header), 8);
    text(&b, header);
    for (size_t i = 0; i < numbers; i++) number(&b, i & 255, 1);
    return b;
}

static void *work;

static tango_result open_file(tango_io_safetensors *file, const unsigned char *p,
                              size_t n)
{
    size_t need = 0;
    tango_result r = tango_io_safetensors_work_size(&need, p, n, &error);
    free(work);
    work = NULL;
    if (r != TANGO_OK) return r;
    CHECK(need <= 4 * n + 64);
    work = block(need);
    return tango_io_safetensors_open(file, p, n, work, need, &error);
}

/* Walks all that is in the file. */
static int reads(const unsigned char *p, size_t n)
{
    tango_io_safetensors file;
    tango_io_safetensor t;
    const char *key, *value, *last = "";
    float x;
    size_t i;
    if (open_file(&file, p, n) != TANGO_OK) return 0;
    for (i = 0; i < file.count; i++) {
        tango_io_safetensors_at(&file, i, &t);
        CHECK(strcmp(last, t.name) < 0);
        last = t.name;
        CHECK(t.size == t.view.count * tango_io_type_size(t.view.type));
        CHECK(t.view.data >= p + 8 && t.view.data + t.size <= p + n);
        CHECK(tango_io_safetensors_find(&file, last, &t) && t.name == last);
        if (t.view.count > 0) tango_io_view_read(&x, &t.view, t.view.count - 1, 1);
    }
    for (i = 0; i < file.metadata_count; i++) {
        tango_io_safetensors_metadata_at(&file, i, &key, &value);
        CHECK(tango_io_safetensors_metadata(&file, key) == value);
    }
    return 1;
}

static void a_file_of_the_package_is_read(void)
{
    static const char *const names[] = { "bf16", "bool", "empty", "f16", "f32", "f64",
                                         "i16", "i32", "i64", "i8", "scalar", "u16",
                                         "u32", "u64", "u8" };
    bytes b = golden("state.safetensors");
    tango_io_safetensors file;
    tango_io_safetensor t;
    const char *value;
    CHECK(open_file(&file, b.p, b.n) == TANGO_OK);
    if (!work) return;
    CHECK(file.count == 15 && file.metadata_count == 3);
    for (size_t i = 0; i < file.count && i < 15; i++) {
        tango_io_safetensors_at(&file, i, &t);
        CHECK(strcmp(t.name, names[i]) == 0);
        if (i != 2 && i != 10)
            CHECK(strcmp(t.name, tango_io_type_name(t.view.type)) == 0);
        CHECK(is_golden(&t.view));
    }
    CHECK(tango_io_safetensors_find(&file, "f32", &t) && t.size == 48);
    CHECK(t.view.rank == 2 && t.view.shape[0] == 3 && t.view.shape[1] == 4);
    CHECK(t.view.strides[0] == 4 && t.view.strides[1] == 1);
    CHECK(tango_io_safetensors_find(&file, "scalar", &t) && t.view.rank == 0);
    CHECK(tango_io_safetensors_find(&file, "empty", &t) && t.size == 0);
    CHECK(!tango_io_safetensors_find(&file, "f3", &t));
    CHECK(!tango_io_safetensors_find(&file, "", &t));
    value = tango_io_safetensors_metadata(&file, "note");
    CHECK(value && strcmp(value, "\xc3\xa4\"\\\n") == 0);
    value = tango_io_safetensors_metadata(&file, "shared.weight");
    CHECK(value && strcmp(value, "encoder.embed_tokens.weight") == 0);
    CHECK(tango_io_safetensors_metadata(&file, "shared") == NULL);
    free(b.p);
}

#define T(type, shape, ends) \
    "{\"dtype\":\"" type "\",\"shape\":[" shape "],\"data_offsets\":[" ends "]}"

/* What the package reads though a strict reader might not. */
static void files_of_any_order_and_alignment_are_read(void)
{
    static const struct { const char *header; size_t numbers; } files[] = {
        { "{}", 0 }, { "{}   ", 0 }, { "{ }", 0 },
        { "{\"__metadata__\":{}}", 0 }, { "{\"__metadata__\":null}", 0 },
        { "{\"a\":" T("F32", "1", "2,6") ",\"b\":" T("U8", "2", "0,2") "}", 6 },
        { "{\"a\":" T("U8", "0", "0,0") ",\"b\":" T("F64", "0, 5", "0,0") "}", 0 },
        { "{\"a\":" T("U8", "0", "2,2") ",\"b\":" T("U8", "2", "0,2") "}", 2 },
        { "{\"a\" :\n{ \"data_offsets\" : [ 0 , 4 ] , \"shape\" :\t[ ] , \"dtype\"\r:"
          "\"F32\" } , \"__metadata__\" : { \"a\" : \"b\" } }", 4 },
        { "{\"a\":{\"x\":[{\"y\":[1,2.5e3,true,null]}],\"dtype\":\"BOOL\",\"shape\":"
          "[1,1,1,1,1,1,1,1],\"data_offsets\":[0,1]}}", 1 },
        { "{\"a\":" T("I\\u0038", "3", "0,3") ",\"\\u00e4\":" T("U8", "1", "3,4") "}",
          4 },
    };
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        bytes b = safetensors(files[i].header, files[i].numbers);
        int good = reads(b.p, b.n);
        if (!good) printf("    %s: %s\n", files[i].header, error.text);
        CHECK(good);
        free(b.p);
    }
}

static int refuses(const char *header, size_t numbers, const char *words)
{
    bytes b = safetensors(header, numbers);
    int refused;
    error.text[0] = 0;
    refused = !reads(b.p, b.n) && says(words) && says("offset");
    if (!refused) printf("    %s: %s\n", header, error.text);
    free(b.p);
    return refused;
}

static void each_rule_of_safetensors_has_its_message(void)
{
#define ONE(type, shape, ends) "{\"a\":" T(type, shape, ends) "}"
    CHECK(refuses(ONE("F32", "1", "0,4"), 5, "1 bytes after the last tensor"));
    CHECK(refuses(ONE("F32", "1", "0,4"), 3, "tensor a: its numbers pass the end"));
    CHECK(refuses(ONE("F32", "1", "1,5"), 5, "a hole lies before its numbers"));
    CHECK(refuses("{\"a\":" T("U8", "2", "0,2") ",\"b\":" T("U8", "2", "1,3") "}", 3,
                  "tensor b: its numbers overlap"));
    CHECK(refuses("{\"a\":" T("U8", "2", "0,2") ",\"b\":" T("U8", "2", "0,2") "}", 2,
                  "overlap"));
    CHECK(refuses("{\"a\":" T("U8", "2", "0,2") ",\"b\":" T("U8", "0", "1,1") "}", 2,
                  "overlap"));
    CHECK(refuses("{\"a\":" T("U8", "2", "0,2") ",\"b\":" T("U8", "0", "3,3") "}", 2,
                  "hole"));
    CHECK(refuses("{\"a\":" T("U8", "1", "0,1") ",\"a\":" T("U8", "1", "1,2") "}", 2,
                  "two members a"));
    CHECK(refuses("{\"a\":" T("U8", "1", "0,1") ",\"\\u0061\":" T("U8", "1", "0,1") "}",
                  1, "two members"));
    CHECK(refuses("{\"__metadata__\":{\"a\":\"1\",\"a\":\"2\"}}", 0, "two members a"));
    CHECK(refuses("{\"a\":{\"shape\":[],\"shape\":[],\"dtype\":\"U8\",\"data_offsets\":"
                  "[0,1]}}", 1, "two members shape"));
    CHECK(refuses("{\"a\":{\"x\":{\"y\":1,\"y\":1},\"shape\":[],\"dtype\":\"U8\","
                  "\"data_offsets\":[0,1]}}", 1, "two members y"));
    CHECK(refuses(ONE("F32", "2", "0,4"), 4, "do not fit type and shape"));
    CHECK(refuses(ONE("F32", "1", "4,0"), 4, "do not fit"));
    CHECK(refuses(ONE("F32", "1", "0,3"), 3, "do not fit"));
    CHECK(refuses(ONE("F8_E4M3", "1", "0,1"), 1, "tensor a is of type F8_E4M3"));
    CHECK(refuses(ONE("F8_E5M2", "1", "0,1"), 1, "tensor a is of type F8_E5M2"));
    CHECK(refuses(ONE("F6_E2M3", "4", "0,3"), 3, "tensor a is of type F6_E2M3"));
    CHECK(refuses(ONE("F4", "2", "0,1"), 1, "tensor a is of type F4"));
    CHECK(refuses(ONE("C64", "1", "0,8"), 8, "tensor a is of type C64"));
    CHECK(refuses(ONE("f32", "1", "0,4"), 4, "of type f32"));
    CHECK(refuses(ONE("F32", "1.0", "0,4"), 4, "plain number"));
    CHECK(refuses(ONE("F32", "1e0", "0,4"), 4, "plain number"));
    CHECK(refuses(ONE("F32", "-1", "0,4"), 4, "plain number"));
    CHECK(refuses(ONE("F32", "-0", "0,0"), 0, "plain number"));
    CHECK(refuses(ONE("F32", "\\\"1\\\"", "0,4"), 4, ""));
    CHECK(refuses(ONE("F32", "null", "0,4"), 4, "plain number"));
    CHECK(refuses(ONE("F32", "[1]", "0,4"), 4, "plain number"));
    CHECK(refuses(ONE("F32", "NaN", "0,4"), 4, "json"));
    CHECK(refuses("{\"a\":{\"x\":NaN,\"dtype\":\"U8\",\"shape\":[],\"data_offsets\":[0,1]"
                  "}}", 1, "json"));
    CHECK(refuses(ONE("F32", "01", "0,4"), 4, "json"));
    CHECK(refuses(ONE("U8", "18446744073709551616", "0,4"), 4, "beyond 2^64"));
    CHECK(refuses(ONE("U8", "9223372036854775808", "0,4"), 4, "2^63 - 1"));
    CHECK(refuses(ONE("U8", "0,4294967296,4294967296", "0,0"), 0, "2^63 - 1"));
    CHECK(refuses(ONE("U8", "1,1,1,1,1,1,1,1,1", "0,1"), 1, "too many numbers"));
    CHECK(refuses(ONE("U8", "1", "0,1,2"), 1, "too many numbers"));
    CHECK(refuses(ONE("U8", "1", "1"), 1, "one offset"));
    CHECK(refuses(ONE("U8", "1", "0,18446744073709551615"), 1, "do not fit"));
    CHECK(refuses("{\"a\":{\"dtype\":\"U8\",\"shape\":[]}}", 1, "is missing"));
    CHECK(refuses("{\"a\":{\"dtype\":\"U8\",\"data_offsets\":[0,1]}}", 1, "is missing"));
    CHECK(refuses("{\"a\":{\"shape\":[],\"data_offsets\":[0,1]}}", 1, "is missing"));
    CHECK(refuses("{\"a\":{\"dtype\":3,\"shape\":[],\"data_offsets\":[0,1]}}", 1,
                  "dtype is no text"));
    CHECK(refuses("{\"a\":{\"dtype\":\"U8\",\"shape\":3,\"data_offsets\":[0,1]}}", 1,
                  "row of numbers"));
    CHECK(refuses("{\"a\":[]}", 0, "an object was expected"));
    CHECK(refuses("{\"\":" T("U8", "1", "0,1") "}", 1, "name is empty"));
    CHECK(refuses("{\"a\\n\":" T("U8", "1", "0,1") "}", 1, "not clean"));
    CHECK(refuses("{\"a\\u0000\":" T("U8", "1", "0,1") "}", 1, "NUL"));
    CHECK(refuses("{\"__metadata__\":{\"a\":1}}", 0, "a text was expected"));
    CHECK(refuses("{\"__metadata__\":{\"a\":null}}", 0, "a text was expected"));
    CHECK(refuses("{\"__metadata__\":{\"a\":\"\\u0000\"}}", 0, "NUL"));
    CHECK(refuses("{\"__metadata__\":[]}", 0, "an object of texts"));
    CHECK(refuses("{}\n", 0, "brace and spaces"));
    CHECK(refuses("{} x", 0, "brace and spaces"));
    CHECK(refuses("{}}", 0, "bytes after"));
    CHECK(refuses(" {}", 0, "not a size and a header"));
    CHECK(refuses("[]", 0, "not a size and a header"));
    CHECK(refuses("{\"a\xff\":1}", 0, "json"));
    CHECK(refuses("{\"a\":1,}", 0, "json"));
}

static void sizes_of_headers_have_limits(void)
{
    bytes b = safetensors("{}", 0);
    CHECK(reads(b.p, b.n));
    tango_io__put64(b.p, 100000001);
    CHECK(!reads(b.p, b.n) && says("header of 100000001 bytes, at most 100000000"));
    tango_io__put64(b.p, UINT64_MAX);
    CHECK(!reads(b.p, b.n) && says("at most 100000000"));
    tango_io__put64(b.p, 3);
    CHECK(!reads(b.p, b.n) && says("the file has 2 more: truncated"));
    tango_io__put64(b.p, 1);
    CHECK(!reads(b.p, b.n));
    tango_io__put64(b.p, 0);
    CHECK(!reads(b.p, b.n));
    free(b.p);
    CHECK(!reads((const unsigned char *)"", 0) && says("an empty file"));
    CHECK(!reads((const unsigned char *)"<!DOCTYPE html><html>", 21) && says("HTML"));
    b = copy_of("version https://git-lfs.github.com/spec/v1\n", 43);
    CHECK(!reads(b.p, b.n) && says("a Git LFS pointer: run git lfs pull"));
    free(b.p);
}

static void a_safetensors_file_cut_or_changed_anywhere_is_refused_or_whole(void)
{
    bytes b = golden("state.safetensors");
    CHECK(b.n > 0 && reads(b.p, b.n));
    CHECK(damaged(&b, reads, 1) == 0);
    CHECK(damaged(&b, reads, 0) < 8 * b.n);
    text(&b, "x");
    CHECK(!reads(b.p, b.n) && says("after the last tensor"));
    free(b.p);
}

static void safetensors_need_exactly_the_work_they_ask_for(void)
{
    bytes b = golden("state.safetensors");
    tango_io_safetensors file;
    size_t need = 0, n;
    CHECK(tango_io_safetensors_work_size(&need, b.p, b.n, &error) == TANGO_OK);
    for (n = 0; n + 7 < need; n++) {                    /* 7 bytes are for alignment */
        void *less = block(n);
        CHECK(tango_io_safetensors_open(&file, b.p, b.n, less, n, &error) ==
              TANGO_ERROR_MEMORY);
        free(less);
    }
    CHECK(tango_io_safetensors_open(&file, b.p, b.n, NULL, 0, &error) ==
          TANGO_ERROR_MEMORY);
    for (n = 0; n < 8; n++) {                           /* a block at any address */
        unsigned char *room = (unsigned char *)block(need + n);
        CHECK(tango_io_safetensors_open(&file, b.p, b.n, room + n, need, &error) ==
              TANGO_OK);
        CHECK(file.count == 15);
        free(room);
    }
    free(b.p);
}

/* The densest headers there are: no tree of them would fit. */
static void dense_headers_need_little_memory(void)
{
    static const char *const ones[] = { "0", "\"\"", "[]", "{}", "null" };
    for (size_t i = 0; i < 5; i++) {
        bytes b = { NULL, 0, 0 };
        size_t need = 0;
        number(&b, 0, 8);
        text(&b, "{\"a\":{\"dtype\":\"U8\",\"shape\":[],\"data_offsets\":[0,1],\"x\":[");
        for (size_t k = 0; k < 100000; k++) {
            if (k) text(&b, ",");
            text(&b, ones[i]);
        }
        text(&b, "]}}");
        tango_io__put64(b.p, b.n - 8);
        text(&b, "x");
        CHECK(tango_io_safetensors_work_size(&need, b.p, b.n, &error) == TANGO_OK);
        CHECK(need <= 4 * b.n && reads(b.p, b.n));
        free(b.p);
    }
}

/* ---- 8 shards --------------------------------------------------------------------- */

static tango_result open_shards(tango_io_shards *shards, const char *p, size_t n)
{
    size_t need = 0;
    tango_result r = tango_io_shards_work_size(&need, p, n, &error);
    free(work);
    work = NULL;
    if (r != TANGO_OK) return r;
    CHECK(need <= 4 * n + 64);
    work = block(need);
    return tango_io_shards_open(shards, p, n, work, need, &error);
}

static int shards_read(const unsigned char *p, size_t n)
{
    tango_io_shards shards;
    const char *name, *file, *last = "";
    size_t i;
    if (open_shards(&shards, (const char *)p, n) != TANGO_OK) return 0;
    for (i = 0; i < shards.count; i++) {
        name = tango_io_shards_at(&shards, i, &file);
        CHECK(strcmp(last, name) < 0 && tango_io_shards_find(&shards, name) == file);
        CHECK(strchr(file, '/') == NULL && file[0] != '.' && file[0] != 0);
        last = name;
    }
    for (i = 0, last = ""; i < shards.file_count; i++) {
        file = tango_io_shards_file(&shards, i);
        CHECK(strcmp(last, file) < 0);
        last = file;
    }
    return 1;
}

static const char index_text[] =
    "{\n  \"metadata\": {\n    \"total_size\": 12,\n    \"x\": NaN\n  },\n"
    "  \"weight_map\": {\n    \"b\": \"m-00002-of-00002.safetensors\",\n"
    "    \"a.weight\": \"m-00001-of-00002.safetensors\",\n"
    "    \"c\": \"m-00002-of-00002.safetensors\"\n  }\n}\n";

static void lists_of_shards_are_read(void)
{
    static const char escaped[] = "{\"weight_map\":{\"\\u0061\":\"x\"}}";
    static const char empty[] = "{\"weight_map\":{}}";
    tango_io_shards shards;
    const char *file;
    CHECK(open_shards(&shards, index_text, strlen(index_text)) == TANGO_OK);
    CHECK(shards.count == 3 && shards.file_count == 2);
    CHECK(strcmp(tango_io_shards_file(&shards, 0), "m-00001-of-00002.safetensors") == 0);
    CHECK(strcmp(tango_io_shards_file(&shards, 1), "m-00002-of-00002.safetensors") == 0);
    CHECK(strcmp(tango_io_shards_at(&shards, 1, &file), "b") == 0);
    CHECK(strcmp(file, "m-00002-of-00002.safetensors") == 0);
    file = tango_io_shards_find(&shards, "a.weight");
    CHECK(file && strcmp(file, "m-00001-of-00002.safetensors") == 0);
    CHECK(tango_io_shards_find(&shards, "a") == NULL);
    CHECK(open_shards(&shards, escaped, strlen(escaped)) == TANGO_OK);
    file = tango_io_shards_find(&shards, "a");
    CHECK(file && strcmp(file, "x") == 0);
    CHECK(open_shards(&shards, empty, strlen(empty)) == TANGO_OK);
    CHECK(shards.count == 0 && shards.file_count == 0);
}

static void each_rule_of_lists_has_its_message(void)
{
    static const char *const rows[][2] = {
        { "{}", "no member weight_map" },
        { "[]", "not an object" },
        { "3", "not an object" },
        { "{\"weight_map\":[]}", "an object of texts" },
        { "{\"weight_map\":{\"a\":1}}", "a text was expected" },
        { "{\"weight_map\":{\"a\":\"x\",\"a\":\"x\"}}", "two members a" },
        { "{\"weight_map\":{},\"weight_map\":{}}", "two members weight_map" },
        { "{\"metadata\":{\"a\":1,\"a\":1},\"weight_map\":{}}", "two members a" },
        { "{\"weight_map\":{\"a\":\"\"}}", "no plain file name" },
        { "{\"weight_map\":{\"a\":\"../x\"}}", "no plain file name" },
        { "{\"weight_map\":{\"a\":\"..\"}}", "no plain file name" },
        { "{\"weight_map\":{\"a\":\".x\"}}", "no plain file name" },
        { "{\"weight_map\":{\"a\":\"/x\"}}", "no plain file name" },
        { "{\"weight_map\":{\"a\":\"x/y\"}}", "no plain file name" },
        { "{\"weight_map\":{\"a\":\"x\\\\y\"}}", "no plain file name" },
        { "{\"weight_map\":{\"a\":\"c:y\"}}", "no plain file name" },
        { "{\"weight_map\":{\"a\":\"x\\n\"}}", "no plain file name" },
        { "{\"weight_map\":{\"a\":\"x\\u0000\"}}", "NUL" },
        { "{\"weight_map\":{\"\":\"x\"}}", "name is empty" },
        { "{\"weight_map\":{\"a\":\"x\"}} x", "json" },
        { "version https://git-lfs.github.com/spec/v1\n", "a Git LFS pointer" },
        { "", "json" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        bytes b = copy_of(rows[i][0], strlen(rows[i][0]));
        int refused = !shards_read(b.p, b.n) && says(rows[i][1]);
        if (!refused) printf("    %s: %s\n", rows[i][0], error.text);
        CHECK(refused);
        free(b.p);
    }
}

static void a_list_cut_or_changed_anywhere_is_refused_or_whole(void)
{
    bytes b = copy_of(index_text, strlen(index_text));
    tango_io_shards shards;
    size_t need = 0, n;
    CHECK(shards_read(b.p, b.n));
    CHECK(damaged(&b, shards_read, 1) == 1);            /* all but the last newline */
    CHECK(damaged(&b, shards_read, 0) < 8 * b.n);
    CHECK(tango_io_shards_work_size(&need, b.p, b.n, &error) == TANGO_OK);
    for (n = 0; n + 7 < need; n++) {
        void *less = block(n);
        CHECK(tango_io_shards_open(&shards, b.p, b.n, less, n, &error) ==
              TANGO_ERROR_MEMORY);
        free(less);
    }
    free(b.p);
}

/* ---- 6 torch: what the packages write --------------------------------------------- */

static tango_result open_torch(tango_io_torch *torch, const unsigned char *p, size_t n)
{
    size_t need = 0;
    tango_result r = tango_io_torch_work_size(&need, p, n, &error);
    free(work);
    work = NULL;
    if (r != TANGO_OK) return r;
    work = block(need);
    return tango_io_torch_open(torch, p, n, work, need, &error);
}

static int torch_reads(const unsigned char *p, size_t n)
{
    tango_io_torch torch;
    tango_io_torch_tensor t;
    float x;
    if (open_torch(&torch, p, n) != TANGO_OK) return 0;
    tango_io_torch_enter(&torch, "state_dict");
    for (size_t i = 0; i < torch.count; i++) {
        tango_io_torch_tensor_at(&torch, i, &t);
        CHECK(t.storage + t.storage_size <= n);
        if (t.view.count > 0) tango_io_view_read(&x, &t.view, t.view.count - 1, 1);
    }
    return 1;
}

/* A dictionary with "state_dict", of 18 tensors, and three numbers. */
static void is_state(const char *name, int summed)
{
    bytes b = golden(name);
    tango_io_torch torch;
    tango_io_torch_tensor t, whole;
    float x[12], y[12];
    double scale = 0, epoch = 0, ema = 0;
    size_t i;
    CHECK(open_torch(&torch, b.p, b.n) == TANGO_OK && torch.summed == summed);
    if (!work) return;
    CHECK(torch.count == 0 && torch.dictionaries == 1 && torch.numbers == 3);
    CHECK(tango_io_torch_number(&torch, "scale_factor", &scale) && scale == 0.92);
    CHECK(tango_io_torch_number(&torch, "epoch", &epoch) && epoch == -3);
    CHECK(tango_io_torch_number(&torch, "ema", &ema) && ema == 1);
    CHECK(tango_io_torch_enter(&torch, "state_dict") && torch.count == 18);
    for (i = 0; i < torch.count; i++) {
        tango_io_torch_tensor_at(&torch, i, &t);
        if (strcmp(t.name, "f32.t") != 0 && strcmp(t.name, "f32.row") != 0)
            CHECK(is_golden(&t.view));
    }
    CHECK(tango_io_torch_find(&torch, "f32", &whole));
    tango_io_view_read(x, &whole.view, 0, 12);
    CHECK(tango_io_torch_find(&torch, "f32.t", &t) && t.storage == whole.storage);
    tango_io_view_read(y, &t.view, 0, 12);
    for (i = 0; i < 12; i++) CHECK(y[i] == x[i % 3 * 4 + i / 3]);
    CHECK(tango_io_torch_find(&torch, "f32.row", &t) && t.view.count == 3);
    tango_io_view_read(y, &t.view, 0, 3);
    CHECK(memcmp(y, x + 5, 12) == 0);
    CHECK(tango_io_torch_find(&torch, "noted", &t) && t.view.count == 6);
    CHECK(tango_io_torch_find(&torch, "buffer", &t) && t.view.count == 6);
    free(b.p);
}

static void states_of_torch_are_read_with_and_without_zip(void)
{
    is_state("state.pt", 1);
    is_state("state.bin", 0);
}

static void a_checkpoint_of_lightning_is_read(void)
{
    bytes b = golden("lightning.ckpt");
    tango_io_torch torch;
    tango_io_torch_tensor t;
    double x = 0;
    float scale = 0;
    CHECK(open_torch(&torch, b.p, b.n) == TANGO_OK);
    if (!work) return;
    CHECK(tango_io_torch_number(&torch, "epoch", &x) && x == 1);
    CHECK(tango_io_torch_enter(&torch, "state_dict") && torch.count == 2);
    CHECK(tango_io_torch_find(&torch, "layer.weight", &t) && is_golden(&t.view));
    CHECK(tango_io_torch_find(&torch, "scale_factor", &t) && t.view.rank == 0);
    tango_io_view_read(&scale, &t.view, 0, 1);
    CHECK(scale == 0.92f);
    free(b.p);
}

/* Without checksums damage to numbers is no error: the file is read inside its bounds. */
static void states_cut_or_changed_anywhere_are_refused_or_read_inside(void)
{
    static const char *const names[] = { "state.bin", "lightning.ckpt" };
    for (size_t i = 0; i < 2; i++) {
        bytes b = golden(names[i]);
        CHECK(b.n > 0 && torch_reads(b.p, b.n));
        CHECK(damaged(&b, torch_reads, 1) == 0);
        if (i == 0) CHECK(damaged(&b, torch_reads, 0) < 2 * b.n);
        free(b.p);
    }
}

/* ---- 4 file: pages given back ----------------------------------------------------- */

static uint32_t sum_of(const tango_io_file *file)
{
    uint32_t sum = 0;
    for (size_t i = 0; i < file->size; i++) sum = sum * 31 + file->data[i];
    return sum;
}

/* Kilobytes of the process that are in memory; 0 where that cannot be known. */
static long resident(void)
{
    long pages = 0;
#if defined __linux__ && defined __x86_64__ && defined MADV_DONTNEED
    FILE *f = fopen("/proc/self/statm", "r");
    if (f && fscanf(f, "%*d %ld", &pages) != 1) pages = 0;
    if (f) fclose(f);
#endif
    return pages * 4;
}

#ifdef TANGO_IO__WRITES
static int write_megabytes(size_t count)
{
    static unsigned char part[1 << 20];
    tango_io_output output;
    tango_result r = tango_io_create(&output, file_name, &error);
    for (size_t i = 0; i < sizeof part; i++) part[i] = (unsigned char)(i * 7 % 251);
    for (; r == TANGO_OK && count > 0; count--)
        r = tango_io_write(&output, part, sizeof part, &error);
    if (r == TANGO_OK) r = tango_io_write(&output, part, 1000, &error);
    if (r == TANGO_OK) return tango_io_commit(&output, &error) == TANGO_OK;
    tango_io_abandon(&output);
    return 0;
}

static void pages_that_are_given_back_can_be_read_again(void)
{
    tango_io_file file;
    uint32_t sum;
    long before, after;
    CHECK(write_megabytes(8));
    CHECK(tango_io_map(&file, file_name, &error) == TANGO_OK);
    sum = sum_of(&file);
    before = resident();
    tango_io_forget(&file, file.data, file.size);
    after = resident();
    CHECK(before == 0 || before - after >= 8000);
    CHECK(sum_of(&file) == sum);
    tango_io_forget(&file, file.data + 1, 100);         /* less than a page */
    tango_io_forget(&file, file.data + 5000, file.size - 5001);
    tango_io_forget(&file, file.data + file.size - 1, 1);
    tango_io_forget(&file, file.data + file.size, 0);
    tango_io_forget(&file, file.data, SIZE_MAX);
    tango_io_forget(&file, file.data + 4096, SIZE_MAX);
    tango_io_forget(&file, file_name, sizeof file_name);        /* not of the mapping */
    tango_io_forget(&file, NULL, 100);
    CHECK(sum_of(&file) == sum);
    tango_io_expect(&file, file.data, file.size);
    tango_io_expect(&file, file.data + 4097, SIZE_MAX);
    tango_io_expect(&file, file.data + file.size, 1);
    tango_io_expect(&file, file_name, sizeof file_name);        /* not of the mapping */
    tango_io_expect(&file, NULL, 100);
    CHECK(sum_of(&file) == sum);
    tango_io_unmap(&file);
    tango_io_forget(&file, NULL, 0);
    tango_io_expect(&file, NULL, 0);
    remove(file_name);
}

/* The CRC-32 of all records is checked; the file then takes no memory. */
static void an_archive_is_checked_without_keeping_its_pages(void)
{
    const size_t count = (size_t)5 << 20, shape[1] = { count };
    float *numbers = (float *)calloc(count, sizeof *numbers);
    tango_io_output output;
    tango_io_file file;
    tango_io_torch torch;
    size_t need = 0;
    long before, after;
    if (!numbers) exit(1);
    CHECK(tango_io_create(&output, file_name, &error) == TANGO_OK);
    CHECK(tango_io_torch_write(&output, TANGO_IO_F32, numbers, shape, 1, &error) ==
          TANGO_OK);
    CHECK(tango_io_commit(&output, &error) == TANGO_OK);
    free(numbers);
    CHECK(tango_io_map(&file, file_name, &error) == TANGO_OK);
    CHECK(tango_io_torch_work_size(&need, file.data, file.size, &error) == TANGO_OK);
    free(work);
    work = block(need);
    before = resident();
    CHECK(tango_io_torch_open_file(&torch, &file, work, need, &error) == TANGO_OK);
    after = resident();
    CHECK(torch.count == 1 && torch.summed);
    CHECK(before == 0 || after - before < 4000);        /* of 20 MB */
    tango_io_unmap(&file);
    remove(file_name);
}

/* Every byte of an archive changed in turn: where it is no number both ways of opening
   agree; a number is found by who compares the sum of its record. */
static void numbers_can_be_summed_by_who_reads_them(void)
{
    static const float numbers[40] = { 1.0f, -2.0f };
    static unsigned char p[4096];
    const size_t shape[1] = { 40 };
    tango_io_output output;
    tango_io_file file = { p, 0, NULL };
    tango_io_torch torch;
    tango_io_torch_record record = { NULL, 0, 0, 0, 0 };
    tango_io_crc32 table;
    size_t need = 0, i, at, inside = 0;
    int bad = 0;
    tango_io_crc32_begin(&table);
    CHECK(tango_io_create(&output, file_name, &error) == TANGO_OK);
    CHECK(tango_io_torch_write(&output, TANGO_IO_F32, numbers, shape, 1, &error) ==
          TANGO_OK);
    CHECK(tango_io_commit(&output, &error) == TANGO_OK);
    CHECK(tango_io_load(p, sizeof p, &file.size, file_name, &error) == TANGO_OK);
    remove(file_name);
    CHECK(open_torch(&torch, p, file.size) == TANGO_OK && torch.stored >= 3);
    for (i = 0; i < torch.stored; i++) {
        tango_io_torch_record_at(&torch, i, &record);
        CHECK(tango_io_crc32_add(&table, 0, p + record.offset, record.size) ==
              record.crc);
        if (record.size == sizeof numbers && record.name[record.name_size - 1] == '0')
            inside = record.offset;
    }
    CHECK(inside > 0);
    for (at = 0; at < file.size; at++) {
        int number = at >= inside && at < inside + sizeof numbers;
        p[at] ^= 0x10;
        tango_result r = open_torch(&torch, p, file.size);
        if (tango_io_torch_work_size(&need, p, file.size, &error) == TANGO_OK) {
            free(work);
            work = block(need);
            tango_result later =
                tango_io_torch_open_unsummed(&torch, &file, work, need, &error);
            bad += number ? r == TANGO_OK || later != TANGO_OK : r != later;
        }
        p[at] ^= 0x10;
    }
    CHECK(bad == 0);
}
#endif

int main(void)
{
    RUN(a_file_of_the_package_is_read);
    RUN(files_of_any_order_and_alignment_are_read);
    RUN(each_rule_of_safetensors_has_its_message);
    RUN(sizes_of_headers_have_limits);
    RUN(a_safetensors_file_cut_or_changed_anywhere_is_refused_or_whole);
    RUN(safetensors_need_exactly_the_work_they_ask_for);
    RUN(dense_headers_need_little_memory);
    RUN(lists_of_shards_are_read);
    RUN(each_rule_of_lists_has_its_message);
    RUN(a_list_cut_or_changed_anywhere_is_refused_or_whole);
    RUN(states_of_torch_are_read_with_and_without_zip);
    RUN(a_checkpoint_of_lightning_is_read);
    RUN(states_cut_or_changed_anywhere_are_refused_or_read_inside);
#ifdef TANGO_IO__WRITES
    RUN(pages_that_are_given_back_can_be_read_again);
    RUN(an_archive_is_checked_without_keeping_its_pages);
    RUN(numbers_can_be_summed_by_who_reads_them);
#endif
    free(work);
    return CHECK_DONE();
}
