/* cc -I.. test_linear.c -lm -o t && ./t     prints one line a claim

   Time grows as the input does, also for inputs that somebody chose: each is read at one
   size and at four times that size. Linear code takes 4 times as long, quadratic code 16
   times; the bound is 9, and a claim has several tries, for the sake of busy machines. */
#define TANGO_IMPLEMENTATION
#define TANGO_STATIC /* what is not called is left out: builds in half of the time */
#include "../tango.h"
#include "bytes.h"
#include "check.h"
#include <time.h>

static tango_error error;

static void *room(size_t size)
{
    void *p = malloc(size ? size : 1);
    if (!p) exit(1);
    return p;
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

/* A file without zip: n storages of nothing, listed in falling order. */
static bytes many_storages(size_t n)
{
    static const char start[] = "\x80\2\x8a\nl\xfc\x9c\x46\xf9 j\xa8P\x19.\x80\2M\xe9\3."
                                "\x80\2}(X\x10\0\0\0protocol_versionM\xe9\3"
                                "X\r\0\0\0little_endian\x88u.\x80\2]q\1(";
    bytes b = { NULL, 0, 0 };
    add(&b, start, sizeof start - 1);
    b.p[b.n - 4] = '}';                         /* the object: a dictionary by numbers */
    for (size_t i = 0; i < n; i++) {
        char key[16];
        sprintf(key, "%06zu", i);
        text(&b, "J");
        number(&b, i, 4);
        text(&b, "(X");
        number(&b, 7, 4);
        text(&b, "storagectorch\nFloatStorage\nX");
        number(&b, 6, 4);
        text(&b, key);
        text(&b, "X");
        number(&b, 0, 4);
        add(&b, "K\0NtQ", 5);
    }
    text(&b, "u.\x80\2](");
    for (size_t i = n; i-- > 0;) {
        char key[16];
        sprintf(key, "%06zu", i);
        text(&b, "X");
        number(&b, 6, 4);
        text(&b, key);
    }
    text(&b, "e.");
    for (size_t i = 0; i < n; i++) number(&b, 0, 8);
    return b;
}

static void archives_take_linear_time(void)
{
    CHECK(linear(many_storages, torch_opens, 5000));
    CHECK(linear(memo_of_chosen_keys, torch_opens, 20000));
    CHECK(linear(memo_in_falling_order, torch_opens, 20000));
    CHECK(linear(long_keys_of_many_dictionaries, torch_ends, 4000));
    CHECK(linear(tuples_and_lists, torch_opens, 50000));
    CHECK(linear(entries_of_one_place, torch_ends, 1000));
    CHECK(linear(many_entries, torch_opens, 5000));
}

/* ---- JSON and CSV ----------------------------------------------------------------- */

static int json_ends(const unsigned char *p, size_t n)
{
    tango_io_json json;
    size_t need, at = 0, begin, end;
    error.text[0] = 0;
    if (tango_io_json_work_size(&need, p, n, &error) != TANGO_OK) return 0;
    void *work = room(need);
    tango_result r = tango_io_json_parse(&json, p, n, work, need, &error);
    free(work);
    while (tango_io_json_item(&begin, &end, &at, p, n)) {}
    tango_io_json_span(&begin, &end, p, n, "absent");
    return r == TANGO_OK;
}

static bytes members_of_one_prefix(size_t n)
{
    bytes b = { NULL, 0, 0 };
    text(&b, "{\"z\":0");
    for (size_t i = 0; i < n; i++) {
        char key[64];
        sprintf(key, ",\"\\u0061aaaaaaaaaaaaaaaaaaaaaaaa%zx\":1", (i * 7919) % n);
        text(&b, key);
    }
    text(&b, "}");
    return b;
}

static bytes brackets_and_digits(size_t n)
{
    bytes b = { NULL, 0, 0 };
    text(&b, "[0");
    for (size_t i = 0; i < n; i++) {
        text(&b, ",");
        fill(&b, '[', 60);
        fill(&b, ']', 60);
    }
    text(&b, ",\"");
    for (size_t i = 0; i < n; i++) text(&b, "\\ud83d\\ude00\\\"");
    text(&b, "\",0.");
    fill(&b, '3', 20 * n);
    text(&b, "]");
    return b;
}

static int csv_ends(const unsigned char *p, size_t n)
{
    tango_io_csv csv;
    tango_io_csv_field row[TANGO_IO_CSV_COLUMNS_MAX];
    int more = 1;
    if (tango_io_csv_open(&csv, p, n, &error) != TANGO_OK) return 0;
    while (more) tango_io_csv_next(&csv, row, &more, &error);
    return 1;
}

/* Each line opens a quote that the next one closes; then an open quote and plain rows. */
static bytes quotes_out_of_place(size_t n)
{
    bytes b = { NULL, 0, 0 };
    text(&b, "a,b\n\"\n");
    for (size_t i = 0; i < n; i++) text(&b, "\",\"\n");
    for (size_t i = 0; i < n; i++) text(&b, i % 64 ? "1,2\n" : "1,\"\n");
    for (size_t i = 0; i < n; i++) text(&b, "\"\"\"\n\n1\n\xff,\"\n");
    return b;
}

static int safetensors_end(const unsigned char *p, size_t n)
{
    tango_io_safetensors file;
    tango_io_safetensor t;
    size_t need;
    int ok = 1;
    if (tango_io_safetensors_work_size(&need, p, n, &error) != TANGO_OK) return 0;
    void *work = room(need);
    if (tango_io_safetensors_open(&file, p, n, work, need, &error) != TANGO_OK) ok = 0;
    for (size_t i = 0; ok && i < file.count; i++) {
        tango_io_safetensors_at(&file, i, &t);
        ok = tango_io_safetensors_find(&file, t.name, &t);
    }
    free(work);
    return ok;
}

/* n tensors of nothing, whose names begin alike; one name of 4 n bytes among them. */
static bytes tensors_of_one_prefix(size_t n)
{
    bytes b = { NULL, 0, 0 };
    number(&b, 0, 8);
    text(&b, "{\"__metadata__\":{\"x\":\"");
    fill(&b, 'x', n);
    text(&b, "\"},\"z\":{\"");
    fill(&b, '0', 4 * n);
    text(&b, "\":0,\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]");
    for (size_t i = 0; i < n; i++) {
        char key[64];
        sprintf(key, ",\"%zx\":[{}]", 1 + (i * 7919) % n);
        text(&b, key);
    }
    text(&b, "}");
    for (size_t i = 0; i < n; i++) {
        char key[120];
        sprintf(key, ",\"\\u0061aaaaaaaaaaaaaaaaaaaa%zx\":{\"dtype\":\"F32\",\"shape\":"
                     "[0],\"data_offsets\":[0,0]}", (i * 7919) % n);
        text(&b, key);
    }
    text(&b, "}");
    tango_io__put64(b.p, b.n - 8);
    return b;
}

static int shards_end(const unsigned char *p, size_t n)
{
    tango_io_shards shards;
    size_t need;
    if (tango_io_shards_work_size(&need, p, n, &error) != TANGO_OK) return 0;
    void *work = room(need);
    tango_result r = tango_io_shards_open(&shards, p, n, work, need, &error);
    free(work);
    return r == TANGO_OK;
}

static bytes list_of_one_prefix(size_t n)
{
    bytes b = { NULL, 0, 0 };
    text(&b, "{\"weight_map\":{\"z\":\"z\"");
    for (size_t i = 0; i < n; i++) {
        char row[120];
        sprintf(row, ",\"aaaaaaaaaaaaaaa%zx\":\"model-0000%zx.safetensors\"",
                (i * 7919) % n, i * 7919 % 1000);
        text(&b, row);
    }
    text(&b, "}}");
    return b;
}

static void texts_take_linear_time(void)
{
    CHECK(linear(tensors_of_one_prefix, safetensors_end, 5000));
    CHECK(linear(list_of_one_prefix, shards_end, 10000));
    CHECK(linear(members_of_one_prefix, json_ends, 10000));
    CHECK(linear(brackets_and_digits, json_ends, 2000));
    CHECK(linear(quotes_out_of_place, csv_ends, 20000));
}

/* ---- Tokenizer -------------------------------------------------------------------- */

static void put_piece(bytes *b, const char *s, size_t n, unsigned type)
{
    text(b, "\n");
    number(b, n + 9, 1);                        /* two bytes each of text and type, ... */
    text(b, "\n");
    number(b, n, 1);
    add(b, s, n);
    number(b, 0x15, 1);                         /* ... five of the score */
    number(b, 0xbf800000, 4);
    number(b, 0x18, 1);
    number(b, type, 1);
}

/* Pieces whose FNV-1a ends in zeros: neighbours in a table of powers of two. */
static bytes pieces_of_one_slot(size_t n)
{
    bytes b = { NULL, 0, 0 };
    uint32_t mask = 2;
    size_t count = 0;
    while (mask < 2 * n) mask *= 2;
    put_piece(&b, "<unk>", 5, 2);
    put_piece(&b, "</s>", 4, 3);
    for (uint32_t i = 0; count < n; i++) {
        char s[16];
        uint32_t hash = 2166136261u, k = 0;
        sprintf(s, "%x", i);
        for (; s[k]; k++) hash = (hash ^ (unsigned char)s[k]) * 16777619u;
        if ((hash & (mask - 1)) > mask / 8) continue;
        put_piece(&b, s, k, 1);
        count++;
    }
    return b;
}

static int tokenizer_ends(const unsigned char *p, size_t n)
{
    static const char words[] = "0123456789abcdef0123 fedcba98765432100";
    tango_tokenizer t;
    tango_arena arena;
    int32_t ids[64];
    size_t count;
    memset(&arena, 0, sizeof arena);
    arena.size = 16 * n + 65536;
    void *block = room(arena.size + 64);
    arena.base = (unsigned char *)block + (64 - (uintptr_t)block % 64) % 64;
    tango_result r = tango_tokenizer_open(&t, p, n, &arena, &error);
    if (r == TANGO_OK)
        r = tango_tokenize(&t, ids, 64, &count, NULL, words, sizeof words - 1, &arena,
                           &error);
    free(block);
    return r == TANGO_OK;
}

/* A vocabulary of CLIP's kind in which runs of a join again and again. */
static const char run_vocab[] =
    "{\"a\":0,\"a</w>\":1,\"aa\":2,\"aaaa\":3,\"aaaaaaaa\":4,\"aaa\":5,"
    "\"<|startoftext|>\":6,\"<|endoftext|>\":7}";
static const char run_merges[] = "aa aa\naaaa aaaa\na a\naa a\n";

static int text_is_spelt(const unsigned char *p, size_t n)
{
    tango_io_bpe_files f;
    tango_tokenizer t;
    tango_arena arena;
    int32_t ids[77];
    size_t most = 0, need = 0, size = 0, count;
    memset(&f, 0, sizeof f);
    f.vocab = run_vocab, f.vocab_size = sizeof run_vocab - 1;
    f.merges = run_merges, f.merges_size = sizeof run_merges - 1;
    tango_io_bpe_from_files_size(&most, &need, &f, &error);
    void *table = room(most), *work = room(need);
    memset(&arena, 0, sizeof arena);
    arena.size = 160 * n + (1 << 18);
    void *block = room(arena.size + 64);
    arena.base = (unsigned char *)block + (64 - (uintptr_t)block % 64) % 64;
    tango_result r = tango_io_bpe_from_files(table, most, &size, &f, work, need, &error);
    if (r == TANGO_OK) r = tango_tokenizer_open(&t, table, size, &arena, &error);
    if (r == TANGO_OK)
        r = tango_tokenize(&t, ids, 77, &count, NULL, (const char *)p, n, &arena, &error);
    free(block);
    free(work);
    free(table);
    return r == TANGO_OK;
}

static bytes one_word(size_t n)
{
    bytes b = { NULL, 0, 0 };
    fill(&b, 'a', n);
    return b;
}

/* Marks that all have to change places, behind one letter. */
static bytes marks_in_disorder(size_t n)
{
    bytes b = { NULL, 0, 0 };
    text(&b, "a");
    for (size_t i = 0; i < n; i++) text(&b, i % 2 ? "\xcc\xa3" : "\xcc\x81");
    return b;
}

static bytes spaces_before_special_tokens(size_t n)
{
    bytes b = { NULL, 0, 0 };
    fill(&b, ' ', n / 2);
    for (size_t i = 0; i < n / 2; i++) text(&b, "<|endoftext|");
    return b;
}

/* n entries of one beginning, and the merges that make each of the one before it. */
static bytes merges_of_one_beginning(size_t n)
{
    bytes b = { NULL, 0, 0 };
    char line[64];
    text(&b, "{\"added_tokens\":[{\"id\":0,\"content\":\"<s>\"},{\"id\":1,\"content\":"
             "\"</s>\"}],\"normalizer\":null,\"pre_tokenizer\":{\"type\":\"ByteLevel\","
             "\"add_prefix_space\":false},\"post_processor\":{\"type\":"
             "\"RobertaProcessing\",\"cls\":[\"<s>\",0],\"sep\":[\"</s>\",1]},"
             "\"model\":{\"type\":\"BPE\",\"vocab\":{\"<s>\":0,\"</s>\":1");
    for (size_t i = 0; i < n; i++) {
        snprintf(line, sizeof line, ",\"abcdefghij%07zu\":%zu", i, 2 * i + 2);
        text(&b, line);
        snprintf(line, sizeof line, ",\"abcdefghij%07zua\":%zu", i, 2 * i + 3);
        text(&b, line);
    }
    snprintf(line, sizeof line, ",\"a\":%zu},\"merges\":[", 2 * n + 2);
    text(&b, line);
    for (size_t i = 0; i < n; i++) {
        snprintf(line, sizeof line, "%s\"abcdefghij%07zu a\"", i ? "," : "", n - 1 - i);
        text(&b, line);
    }
    text(&b, "]}}");
    return b;
}

static int vocabulary_is_read(const unsigned char *p, size_t n)
{
    tango_io_bpe_files f;
    size_t most = 0, need = 0, size = 0;
    memset(&f, 0, sizeof f);
    f.json = p, f.json_size = n;
    if (tango_io_bpe_from_files_size(&most, &need, &f, &error) != TANGO_OK) return 0;
    void *table = room(most), *work = room(need);
    const int ok =
        tango_io_bpe_from_files(table, most, &size, &f, work, need, &error) == TANGO_OK;
    free(table);
    free(work);
    return ok;
}

static void tokenizers_take_linear_time(void)
{
    CHECK(linear(pieces_of_one_slot, tokenizer_ends, 20000));
    CHECK(linear(one_word, text_is_spelt, 25000));
    CHECK(linear(marks_in_disorder, text_is_spelt, 12500));
    CHECK(linear(spaces_before_special_tokens, text_is_spelt, 5000));
    CHECK(linear(merges_of_one_beginning, vocabulary_is_read, 2500));
}

/* ---- Sounds and pictures ---------------------------------------------------------- */

static int sound_ends(const unsigned char *p, size_t n)
{
    tango_io_sound sound;
    error.text[0] = 0;
    return tango_io_sound_open_memory(&sound, p, n, 1, &error) == TANGO_OK ||
           error.text[0] != 0;
}

static bytes chunks_before_the_data(size_t n)
{
    bytes b = { NULL, 0, 0 };
    text(&b, "RIFF----WAVE");
    for (size_t i = 0; i < n; i++) {
        text(&b, "junk");
        number(&b, 1, 4);
        number(&b, 0, 2);
    }
    return b;
}

static bytes blocks_before_the_frames(size_t n)
{
    bytes b = { NULL, 0, 0 };
    add(&b, "fLaC\0\0\0\42\0\20\0\20\0\0\0\0\0\0\3\350\2\360\0\0\0\20", 26);
    fill(&b, 0, 16);
    for (size_t i = 0; i < n; i++) add(&b, "\1\0\0\1\0", 5);
    return b;
}

/* n < 65536 frames of 16 equal samples; the length is promised. */
static bytes frames_of_one_value(size_t n)
{
    static tango_io_flac_sums sums;
    bytes b = { NULL, 0, 0 };
    unsigned char total[4];
    tango_io__crc16_begin(&sums);
    tango_io__putbig(total, (uint32_t)(16 * n));
    add(&b, "fLaC\x80\0\0\42\0\20\0\20\0\0\0\0\0\0\3\350\0\360", 22);
    add(&b, total, 4);
    fill(&b, 0, 16);
    for (size_t i = 0; i < n; i++) {
        const size_t at = b.n;
        add(&b, "\377\370\x60\x08", 4);
        if (i >= 2048) number(&b, 0xe0 | i >> 12, 1);           /* as UTF-8 */
        else if (i >= 128) number(&b, 0xc0 | i >> 6, 1);
        if (i >= 2048) number(&b, 0x80 | (i >> 6 & 63), 1);
        number(&b, i < 128 ? i : 0x80 | (i & 63), 1);
        number(&b, 15, 1);
        number(&b, tango_io__crc8(b.p + at, b.n - at), 1);
        add(&b, "\0\1\2", 3);
        sums.crc = 0;
        tango_io__crc16_add(&sums, b.p + at, b.n - at);
        number(&b, sums.crc >> 8, 1);
        number(&b, sums.crc & 255, 1);
    }
    return b;
}

static int frames_are_read(const unsigned char *p, size_t n)
{
    static tango_io_sound sound;
    float out[1024];
    size_t got = 1024;
    if (tango_io_sound_open_memory(&sound, p, n, 0, &error) != TANGO_OK) return 0;
    const size_t size = tango_io_sound_work_size(&sound);
    void *work = room(size);
    tango_result r = tango_io_sound_start(&sound, work, size, &error);
    while (r == TANGO_OK && got == 1024)
        r = tango_io_sound_read_float(&sound, out, 1024, &got, &error);
    free(work);
    return r == TANGO_OK && sound.frame == sound.info.frames;
}

static int png_ends(const unsigned char *p, size_t n)
{
    tango_io_png png;
    error.text[0] = 0;
    return tango_io_png_open(&png, p, n, &error) == TANGO_OK || error.text[0] != 0;
}

static void put_chunk(bytes *b, const char *type, const void *data, size_t n)
{
    tango_io_crc32 table;
    unsigned char size[4];
    size_t at;
    tango_io__putbig(size, (uint32_t)n);
    add(b, size, 4);
    at = b->n;
    text(b, type);
    add(b, data, n);
    tango_io_crc32_begin(&table);
    tango_io__putbig(size, tango_io_crc32_add(&table, 0, b->p + at, n + 4));
    add(b, size, 4);
}

static bytes chunks_of_nothing(size_t n)
{
    bytes b = { NULL, 0, 0 };
    text(&b, "\x89PNG\r\n\x1a\n");
    put_chunk(&b, "IHDR", "\0\0\0\1\0\0\0\1\10\0\0\0\0", 13);
    for (size_t i = 0; i < n; i++) put_chunk(&b, "tEXt", "a", 1);
    for (size_t i = 0; i < n; i++) put_chunk(&b, "IDAT", "x", i % 2);
    put_chunk(&b, "IEND", "", 0);
    return b;
}

static void sounds_and_pictures_take_linear_time(void)
{
    CHECK(linear(chunks_before_the_data, sound_ends, 50000));
    CHECK(linear(blocks_before_the_frames, sound_ends, 50000));
    CHECK(linear(frames_of_one_value, frames_are_read, 10000));
    CHECK(linear(chunks_of_nothing, png_ends, 500));
}

/* ---- Blobs and arrays ------------------------------------------------------------- */

/* n values without numbers, whose keys differ at their end. */
static bytes values_of_one_prefix(size_t n)
{
    bytes b = { NULL, 0, 0 };
    const size_t pool = 64 + 32 * n, size = (pool + 64 * n + 63) / 64 * 64;
    text(&b, "TANGO");
    add(&b, "\0\r\n\1\0\0\0\0\0\0\0", 11);
    number(&b, size, 8);
    number(&b, size, 8);
    number(&b, n, 4);
    fill(&b, 0, 64 - b.n);
    for (size_t i = 0; i < n; i++) {
        number(&b, pool + 64 * i, 4);
        number(&b, 50, 4);
        number(&b, TANGO_IO_BYTES, 8);
        number(&b, pool + 64 * i + 56, 8);
        number(&b, 8, 8);
    }
    for (size_t i = 0; i < n; i++) {
        char key[57] = "";
        sprintf(key, "%050zu", i);
        add(&b, key, 56);
        fill(&b, 'x', 8);
    }
    fill(&b, 0, size - b.n);
    tango_io__put64(b.p + 40, tango_io__blob_header_sum(b.p, size));
    return b;
}

static int values_are_found(const unsigned char *p, size_t n)
{
    tango_io_blob blob;
    tango_io_value value;
    unsigned char *block = (unsigned char *)room(n + 64), *at = block;
    while ((uintptr_t)at % 64 != 0) at++;
    memcpy(at, p, n);
    int ok = tango_io_blob_open(&blob, at, n, &error) == TANGO_OK;
    for (size_t i = 0; ok && i < blob.value_count; i++) {
        tango_io_blob_value_at(&blob, i, &value);
        ok = tango_io_blob_value(&blob, value.key, &value);
    }
    free(block);
    return ok;
}

/* A header is 10000 bytes at most. */
static bytes header_of_spaces(size_t n)
{
    bytes b = { NULL, 0, 0 };
    add(&b, "\x93NUMPY\1\0", 8);
    number(&b, n, 2);
    text(&b, "{'descr': '<f4', 'fortran_order': False, 'shape': (1,");
    fill(&b, ' ', 10 + n - 3 - b.n);
    text(&b, ")}\n");
    fill(&b, 0, 4);
    return b;
}

static int array_is_read(const unsigned char *p, size_t n)
{
    tango_io_npy npy;
    int ok = 1;
    for (int i = 0; ok && i < 200; i++)
        ok = tango_io_npy_parse(&npy, p, n, &error) == TANGO_OK;
    return ok;
}

static void blobs_and_arrays_take_linear_time(void)
{
    CHECK(linear(values_of_one_prefix, values_are_found, 20000));
    CHECK(linear(header_of_spaces, array_is_read, 2500));
}

int main(void)
{
    RUN(blobs_and_arrays_take_linear_time);
    RUN(texts_take_linear_time);
    RUN(tokenizers_take_linear_time);
    RUN(sounds_and_pictures_take_linear_time);
    RUN(archives_take_linear_time);
    return CHECK_DONE();
}
