/* cc -I.. test_tango_io_vocab.c -lm -o t && ./t     prints one line a claim

   Vocabularies: vocab.json and merges.txt, tokenizer.json, and the tables and
   spiece.models made of them. Inputs and work lie in blocks of exactly their size, so an
   address sanitizer sees any access outside. The file that the tests make in the current
   folder is test_tango_io_vocab.out, and is removed. */
#define TANGO_IMPLEMENTATION
#include "../tango.h"
#include "bytes.h"
#include "check.h"

static tango_error error;

static int says(const char *part) { return strstr(error.text, part) != NULL; }

static void *room(size_t size)
{
    void *p = malloc(size ? size : 1);
    if (!p) exit(1);
    return p;
}

static bytes copy_of(const void *data, size_t n)
{
    bytes b = { NULL, 0, 0 };
    b.p = (unsigned char *)room(n);
    b.n = b.room = n;
    if (n) memcpy(b.p, data, n);
    return b;
}

/* `from`, wherever it stands in a text, becomes `to`. */
static bytes changed(const char *whole, const char *from, const char *to)
{
    bytes b = { NULL, 0, 0 };
    const char *at;
    while (from && (at = strstr(whole, from)) != NULL) {
        add(&b, whole, (size_t)(at - whole));
        text(&b, to);
        whole = at + strlen(from);
    }
    text(&b, whole);
    return b;
}

/* ---- The small files --------------------------------------------------------------- */

#define CLIP_WORDS "\"a\":0,\"b\":1,\"a</w>\":2,\"b</w>\":3,\"aa\":4,\"ab</w>\":5,"
static const char clip_vocab[] =
    "{" CLIP_WORDS "\"<|startoftext|>\":6,\"<|endoftext|>\":7}";
static const char clip_merges[] = "#version: 0.2\na a\na b</w>\n";

static const char roberta_vocab[] =
    "{\"<s>\":0,\"<pad>\":1,\"</s>\":2,\"<unk>\":3,\"a\":4,\"b\":5,\"\\u0120\":6,"
    "\"\\u0120a\":7,\"ab\":8,\"<mask>\":9}";

static const char clip_json[] =
    "{\"version\":\"1.0\",\"truncation\":{\"max_length\":3},\"padding\":null,"
    "\"added_tokens\":[{\"id\":6,\"content\":\"<|startoftext|>\",\"single_word\":false,"
    "\"lstrip\":false,\"rstrip\":false,\"normalized\":false,\"special\":true},"
    "{\"id\":7,\"content\":\"<|endoftext|>\",\"single_word\":false,\"lstrip\":false,"
    "\"rstrip\":false,\"normalized\":false,\"special\":true}],"
    "\"normalizer\":{\"type\":\"Sequence\",\"normalizers\":[{\"type\":\"NFC\"},"
    "{\"type\":\"Replace\",\"pattern\":{\"Regex\":\"\\\\s+\"},\"content\":\" \"},"
    "{\"type\":\"Lowercase\"}]},\"pre_tokenizer\":{\"type\":\"Sequence\","
    "\"pretokenizers\":[{\"type\":\"Split\",\"pattern\":{\"Regex\":"
    "\"'s|'t|'re|'ve|'m|'ll|'d|[\\\\p{L}]+|[\\\\p{N}]|[^\\\\s\\\\p{L}\\\\p{N}]+\"},"
    "\"behavior\":\"Removed\",\"invert\":true},{\"type\":\"ByteLevel\","
    "\"add_prefix_space\":false,\"trim_offsets\":true}]},"
    "\"post_processor\":{\"type\":\"RobertaProcessing\",\"sep\":[\"<|endoftext|>\",7],"
    "\"cls\":[\"<|startoftext|>\",6]},\"decoder\":null,\"model\":{\"type\":\"BPE\","
    "\"dropout\":null,\"unk_token\":\"<|endoftext|>\",\"continuing_subword_prefix\":\"\","
    "\"end_of_word_suffix\":\"</w>\",\"fuse_unk\":false,\"vocab\":{" CLIP_WORDS
    "\"<|startoftext|>\":6},\"merges\":[\"a a\",[\"a\",\"b</w>\"]]}}";

static const char roberta_json[] =
    "{\"added_tokens\":[{\"id\":9,\"content\":\"<mask>\",\"lstrip\":true}],"
    "\"normalizer\":null,\"pre_tokenizer\":{\"type\":\"ByteLevel\","
    "\"add_prefix_space\":false,\"use_regex\":true},\"post_processor\":{\"type\":"
    "\"TemplateProcessing\",\"single\":[{\"SpecialToken\":{\"id\":\"<s>\",\"type_id\":0}}"
    ",{\"Sequence\":{\"id\":\"A\",\"type_id\":0}},{\"SpecialToken\":{\"id\":\"</s>\","
    "\"type_id\":0}}]},\"model\":{\"type\":\"BPE\",\"unk_token\":null,\"vocab\":{"
    "\"<s>\":0,\"<pad>\":1,\"</s>\":2,\"<unk>\":3,\"a\":4,\"b\":5,\"\\u0120\":6,"
    "\"\\u0120a\":7,\"ab\":8},\"merges\":[[\"\\u0120\",\"a\"],[\"a\",\"b\"]]}}";

/* The charsmap: a trie of 256 units with no rule, then one empty text. */
static const char unigram_json[] =
    "{\"added_tokens\":[{\"id\":0,\"content\":\"<pad>\",\"special\":true},{\"id\":1,"
    "\"content\":\"</s>\",\"special\":true},{\"id\":2,\"content\":\"<unk>\",\"special\":"
    "true},{\"id\":6,\"content\":\"<extra_id_0>\",\"special\":true}],\"normalizer\":{"
    "\"type\":\"Precompiled\",\"precompiled_charsmap\":\"MAP\"},\"pre_tokenizer\":{"
    "\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":\"WhitespaceSplit\"},{\"type\":"
    "\"Metaspace\",\"replacement\":\"\\u2581\",\"prepend_scheme\":\"always\",\"split\":"
    "true}]},\"post_processor\":{\"type\":\"TemplateProcessing\",\"single\":[{"
    "\"Sequence\":{\"id\":\"A\"}},{\"SpecialToken\":{\"id\":\"</s>\"}}]},\"model\":{"
    "\"type\":\"Unigram\",\"unk_id\":2,\"vocab\":[[\"<pad>\",0.0],[\"</s>\",0.0],"
    "[\"<unk>\",0.0],[\"\\u2581\",-2.5],[\"a\",-3.25],[\"\\u2581ab\",-1],"
    "[\"<extra_id_0>\",0]],\"byte_fallback\":false}}";

/* That file with its charsmap: 00 04 00 00, 1024 NUL, one NUL more. */
static bytes unigram(void)
{
    char map[1380];
    bytes b = { NULL, 0, 0 };
    memset(map, 'A', sizeof map);
    memcpy(map, "AAQAAA", 6);
    memcpy(map + 1368, "AAAAAA==", 9);
    const char *at = strstr(unigram_json, "MAP");
    add(&b, unigram_json, (size_t)(at - unigram_json));
    text(&b, map);
    text(&b, at + 3);
    return b;
}

/* ---- Making and using tables ------------------------------------------------------ */

/* A table of the files, or an empty one and a message. Size and work are exactly what the
   size function says; a byte less is an error. */
static bytes made(const tango_io_bpe_files *f)
{
    bytes table = { NULL, 0, 0 };
    size_t most, need, size = 7;
    void *work;
    error.text[0] = 0;
    if (tango_io_bpe_from_files_size(&most, &need, f, &error) != TANGO_OK) {
        CHECK(error.text[0] != 0);
        return table;
    }
    work = room(need);
    table.p = (unsigned char *)room(most);
    if (tango_io_bpe_from_files(table.p, most, &size, f, work, need, &error)
        != TANGO_OK) {
        CHECK(error.text[0] != 0 && size == 7);
    } else {
        bytes exact = copy_of(table.p, size);
        CHECK(size <= most);
        CHECK(tango_io_bpe_from_files(table.p, most, &size, f, work, need - 1, &error)
              == TANGO_ERROR_MEMORY);
        CHECK(tango_io_bpe_from_files(exact.p, exact.n - 1, &size, f, work, need, &error)
              == TANGO_ERROR_MEMORY);
        free(exact.p);
        exact = copy_of(table.p, size);
        free(table.p);
        free(work);
        return exact;
    }
    free(table.p);
    free(work);
    table.p = NULL;
    return table;
}

static tango_io_bpe_files pair(const void *vocab, size_t vocab_size, const void *merges,
    size_t merges_size)
{
    tango_io_bpe_files f;
    memset(&f, 0, sizeof f);
    f.vocab = vocab, f.vocab_size = vocab_size;
    f.merges = merges, f.merges_size = merges_size;
    return f;
}

static tango_io_bpe_files whole(const void *json, size_t size)
{
    tango_io_bpe_files f;
    memset(&f, 0, sizeof f);
    f.json = json, f.json_size = size;
    return f;
}

static bytes table_of(const char *vocab, const char *merges)
{
    tango_io_bpe_files f = pair(vocab, strlen(vocab), merges, strlen(merges));
    return made(&f);
}

/* The ids of `line` as text; "" if the table does not open. */
static const char *ids_of(const bytes *table, const char *line, size_t capacity, int *cut)
{
    static char out[1024];
    const size_t length = strlen(line), size = (1 << 17) + 256 * length;
    tango_tokenizer t;
    tango_arena arena, measure;
    int32_t ids[512];
    size_t count = 0, at = 0, i;
    void *block = room(size + 64);
    memset(&arena, 0, sizeof arena);
    memset(&measure, 0, sizeof measure);
    measure.size = SIZE_MAX / 2;
    out[0] = 0;
    if (tango_tokenizer_open(&t, table->p, table->n, &measure, &error) == TANGO_OK
        && tango_tokenize(
               &t, NULL, capacity, &count, NULL, line, length, &measure, &error)
               == TANGO_OK) {
        CHECK(measure.peak <= size);
        arena.size = measure.peak; /* exactly what was measured is enough */
        arena.base = (unsigned char *)block + (64 - (uintptr_t)block % 64) % 64;
        CHECK(tango_tokenizer_open(&t, table->p, table->n, &arena, &error) == TANGO_OK);
        CHECK(tango_tokenize(&t, ids, capacity, &count, cut, line, length, &arena, &error)
              == TANGO_OK);
        CHECK(count <= capacity && count <= tango__tokens_bound(&t, line, length));
        for (i = 0; i < count && at < sizeof out - 16; i++)
            at += (size_t)sprintf(out + at, "%s%d", i ? " " : "", (int)ids[i]);
    }
    free(block);
    return out;
}

static int gives(const bytes *table, const char *line, const char *ids)
{
    const char *got = ids_of(table, line, 77, NULL);
    if (strcmp(got, ids) == 0) return 1;
    printf("    '%s': got %s, expected %s\n", line, got, ids);
    return 0;
}

/* ---- Claims ----------------------------------------------------------------------- */

static void clip_files_become_a_table(void)
{
    bytes t = table_of(clip_vocab, clip_merges);
    tango_io_bpe bpe;
    uint32_t rank;
    int32_t result;
    CHECK(tango_io_bpe_open(&bpe, t.p, t.n, &error) == TANGO_OK);
    CHECK(bpe.kind == TANGO_IO_BPE_CLIP && bpe.entries == 8 && bpe.merges == 2);
    CHECK(bpe.begin == 6 && bpe.end == 7 && bpe.pad == 7 && bpe.unknown == 7);
    CHECK(tango_io_bpe_byte(&bpe, 'a', 0) == 0 && tango_io_bpe_byte(&bpe, 'a', 1) == 2);
    CHECK(tango_io_bpe_byte(&bpe, 'c', 0) == -1);
    CHECK(tango_io_bpe_merge(&bpe, 0, 3, &rank, &result) && rank == 1 && result == 5);
    CHECK(!tango_io_bpe_merge(&bpe, 3, 0, &rank, &result));
    CHECK(gives(&t, "", "6 7"));
    CHECK(gives(&t, "aab", "6 4 3 7"));        /* "a a" goes first */
    CHECK(gives(&t, "aaab", "6 4 5 7"));       /* the leftmost of two */
    CHECK(gives(&t, " A\t\n ab  ", "6 2 5 7")); /* small letters, spaces left out */
    CHECK(gives(&t, "ac", "6 0 7 7"));         /* c is unknown */
    CHECK(gives(&t, "a<|endoftext|>b", "6 2 7 3 7"));
    CHECK(gives(&t, "a\xff", "6 2 7 7 7 7"));  /* as U+FFFD, three bytes */
    free(t.p);
}

static void roberta_files_become_a_table(void)
{
    bytes merges = { NULL, 0, 0 }, t;
    tango_io_bpe bpe;
    text(&merges, "\xc4\xa0 a\r\na b\r\n\r\n");
    number(&merges, 0, 1);
    t = table_of(roberta_vocab, (const char *)merges.p);
    CHECK(tango_io_bpe_open(&bpe, t.p, t.n, &error) == TANGO_OK);
    CHECK(bpe.kind == TANGO_IO_BPE_ROBERTA && bpe.entries == 10 && bpe.specials == 5);
    CHECK(bpe.begin == 0 && bpe.end == 2 && bpe.pad == 1 && bpe.unknown == -1);
    CHECK(gives(&t, "", "0 2"));
    CHECK(gives(&t, "ab a", "0 8 7 2"));
    CHECK(gives(&t, " ab", "0 7 5 2"));        /* the space goes with a first */
    CHECK(gives(&t, "acb", "0 8 2")); /* c is no entry: as if it were not there */
    CHECK(gives(&t, "a <mask> b", "0 4 6 9 6 5 2"));
    CHECK(gives(&t, "a</s>b", "0 4 2 5 2"));
    free(t.p);
    free(merges.p);
}

static void a_tokenizer_json_becomes_a_table(void)
{
    tango_io_bpe_files f = whole(clip_json, strlen(clip_json));
    bytes t = made(&f), r;
    int is_unigram = 7;
    CHECK(gives(&t, "aab <|endoftext|>c", "6 4 3 7 7 7"));
    CHECK(tango_io_tokenizer_json(&is_unigram, f.json, f.json_size, &error) == TANGO_OK);
    CHECK(is_unigram == 0);
    f = whole(roberta_json, strlen(roberta_json));
    r = made(&f);
    CHECK(gives(&r, "a  <mask> b", "0 4 9 6 5 2")); /* it takes the spaces before it */
    CHECK(gives(&r, "a</s>", "0 4 2"));             /* no added token here: left out */
    free(t.p);
    free(r.p);
}

static void a_config_names_the_padding_and_the_settings_of_tokens(void)
{
    static const char vocab[] =
        "{\"!\":0,\"!</w>\":1,\"a</w>\":2,\"<|startoftext|>\":3,\"<|endoftext|>\":4}";
    static const char config[] =
        "{\"pad_token\":\"!\",\"eos_token\":{\"content\":\"<|endoftext|>\","
        "\"normalized\":true},\"mask_token\":null,\"model_max_length\":77}";
    tango_io_bpe_files f = pair(vocab, strlen(vocab), "#version: 0.2\n", 14);
    bytes t = made(&f);
    tango_io_bpe bpe;
    CHECK(gives(&t, "a!", "3 2 1 4"));
    CHECK(gives(&t, "a<|X|>", "3 2 4 4 4 4 4 4"));
    free(t.p);
    f.config = config, f.config_size = strlen(config);
    t = made(&f);
    CHECK(tango_io_bpe_open(&bpe, t.p, t.n, &error) == TANGO_OK && bpe.pad == 0);
    CHECK(gives(&t, "a!", "3 2 0 4"));
    CHECK(gives(&t, "a<|ENDOFTEXT|>", "3 2 4 4"));
    free(t.p);
}

static void long_texts_are_cut_in_front_of_the_last_id(void)
{
    bytes t = table_of(clip_vocab, clip_merges);
    int cut = 7;
    CHECK(strcmp(ids_of(&t, "a b a b", 6, &cut), "6 2 3 2 3 7") == 0 && cut == 0);
    CHECK(strcmp(ids_of(&t, "a b a b a", 6, &cut), "6 2 3 2 3 7") == 0 && cut == 1);
    CHECK(strcmp(ids_of(&t, "a", 2, &cut), "6 7") == 0 && cut == 1);
    CHECK(strcmp(ids_of(&t, "a", 1, &cut), "") == 0 && says("room for 1 ids"));
    free(t.p);
}

static void refused(const char *vocab, const char *merges, const char *message)
{
    bytes t = table_of(vocab, merges);
    CHECK(t.p == NULL);
    if (!says(message)) printf("    %s\n", error.text);
    CHECK(says(message));
    free(t.p);
}

static void bad_vocabularies_are_refused_by_name(void)
{
    const char *v = clip_vocab, *m = clip_merges;
    bytes b;
    refused("{\"a\":0}", "\n", "neither <|startoftext|> (CLIP) nor <s> (RoBERTa)");
    refused("[1]", m, "not an object");
    refused("{}", m, "not an object");
    refused("{\"a\":0,\"b\":2}", m, "'b' has no id of 0 to 1");
    refused("{\"a\":0,\"b\":-1}", m, "'b' has no id");
    refused("{\"a\":0,\"b\":0}", m, "both have id 0");
    refused("{\"a\":0,\"\":1}", m, "is empty");
    refused("{\"a\":0,\"a\":1}", m, "two members");
    refused("{\"<s>\":0}", "\n", "no entry for any byte");
    refused(v, "a c\n", "rule 0, 'a' 'c': a part or the whole is no entry");
    refused(v, "a a\nb a\n", "rule 1, 'b' 'a'");
    refused(v, "a a\na a\n", "rules 0 and 1 are the same");
    refused(v, "", "empty file");
    refused(v, "a  a\n", "is not two texts");
    refused(v, "aa\n", "is not two texts");
    refused(v, " a\n", "no entry");
    refused(v, "a \xff\n", "merges: not UTF-8 (offset 2)");
    refused(v, "version https://git-lfs.github.com/spec/v1\n", "Git LFS pointer");
    refused("version https://git-lfs.github.com/spec/v1\n", m, "Git LFS pointer");
    b = changed(v, "<|endoftext|>", "<|end|>");
    add(&b, "", 1);
    refused((const char *)b.p, m, "'<|endoftext|>' is no entry of the vocabulary");
    free(b.p);
}

/* A tokenizer.json with one part changed is refused, and says which. */
static void json_refused(const char *json, const char *from, const char *to,
    const char *message)
{
    bytes b = changed(json, from, to), t;
    tango_io_bpe_files f = whole(b.p, b.n);
    t = made(&f);
    CHECK(t.p == NULL);
    if (t.p || !says(message)) printf("    %s -> %s: %s\n", from, to, error.text);
    CHECK(says(message));
    free(t.p);
    free(b.p);
}

static void what_changes_ids_is_refused_by_name(void)
{
    const char *c = clip_json, *r = roberta_json;
    json_refused(c, "\"dropout\":null", "\"dropout\":0.1", "dropout '0.1'");
    json_refused(c, "\"fuse_unk\":false", "\"fuse_unk\":true", "fuse_unk 'true'");
    json_refused(c, "\"fuse_unk\":", "\"byte_fallback\":true,\"fuse_unk\":",
                 "byte_fallback");
    json_refused(c, "\"fuse_unk\":", "\"ignore_merges\":true,\"fuse_unk\":",
                 "ignore_merges");
    json_refused(c, "subword_prefix\":\"\"", "subword_prefix\":\"#\"",
                 "continuing_subword_prefix '#'");
    json_refused(c, "\"</w>\",\"fuse", "\"</x>\",\"fuse", "end_of_word_suffix '</x>'");
    json_refused(c, "NFC", "NFKC", "normalizer");
    json_refused(c, "Lowercase", "Strip", "normalizer");
    json_refused(c, "[\\\\p{N}]|", "[\\\\p{N}]+|", "pre_tokenizer");
    json_refused(c, "\"invert\":true", "\"invert\":false", "pre_tokenizer");
    json_refused(c, "\"add_prefix_space\":false", "\"add_prefix_space\":true",
                 "pre_tokenizer");
    json_refused(c, "RobertaProcessing", "BertProcessing", "post_processor");
    json_refused(c, "\"type\":\"BPE\"", "\"type\":\"WordPiece\"", "model");
    json_refused(c, "\"single_word\":false", "\"single_word\":true", "single_word");
    json_refused(c, "\"<|startoftext|>\":6}", "\"<|startoftext|>\":5}", "both have id 5");
    json_refused(c, "\"id\":7", "\"id\":8", "has id 7");
    json_refused(c, "[\"a\",\"b</w>\"]", "[\"a\"]", "rule 1 is not two texts");
    json_refused(r, "\"normalizer\":null", "\"normalizer\":{\"type\":\"NFC\"}",
                 "normalizer");
    json_refused(r, "\"use_regex\":true", "\"use_regex\":false", "pre_tokenizer");
    json_refused(r, "{\"Sequence\":{\"id\":\"A\",\"type_id\":0}},", "", "post_processor");
    json_refused(r, "\"model\"", "\"modell\"", "no model");
    json_refused(r, "\"<mask>\"", "\" <mask>\"", "spaces outside");
}

/* A spiece.model of a tokenizer.json; empty if it is refused. */
static bytes spiece(const bytes *json)
{
    bytes model = { NULL, 0, 0 }, exact = { NULL, 0, 0 };
    size_t most, need, size = 7;
    void *work;
    error.text[0] = 0;
    if (tango_io_spiece_from_json_size(&most, &need, json->p, json->n, &error)
        != TANGO_OK) {
        CHECK(error.text[0] != 0);
        return model;
    }
    work = room(need);
    model.p = (unsigned char *)room(most);
    if (tango_io_spiece_from_json(
            model.p, most, &size, json->p, json->n, work, need, &error) == TANGO_OK) {
        exact = copy_of(model.p, size);
        CHECK(tango_io_spiece_from_json(exact.p, size - 1, &size, json->p, json->n, work,
                  need, &error) == TANGO_ERROR_MEMORY);
        memcpy(exact.p, model.p, size);
    } else CHECK(error.text[0] != 0 && size == 7);
    free(work);
    free(model.p);
    return exact;
}

static void a_unigram_tokenizer_json_becomes_a_spiece_model(void)
{
    bytes json = unigram(), model = spiece(&json);
    tango_io_spiece s;
    tango_io_piece piece;
    size_t cursor = 0, i;
    int is_unigram = 0;
    CHECK(tango_io_tokenizer_json(&is_unigram, json.p, json.n, &error) == TANGO_OK);
    CHECK(is_unigram == 1);
    CHECK(tango_io_spiece_open(&s, model.p, model.n, &error) == TANGO_OK);
    CHECK(s.piece_count == 6 && s.unknown == 2 && s.trie_units == 256); /* no extra id */
    CHECK(s.eos_id == 1 && s.pad_id == 0 && s.bos_id == -1 && s.unk_id == 2);
    for (i = 0; i < 5; i++) tango_io_spiece_next(&s, &cursor, &piece);
    CHECK(piece.length == 1 && piece.text[0] == 'a' && piece.type == 1);
    CHECK_NEAR(piece.score, -3.25, 0.0);
    CHECK(gives(&model, "ab a", "5 3 4 1"));
    free(json.p);
    free(model.p);
}

static void unigram_refused(const char *from, const char *to, const char *message)
{
    bytes json = unigram(), other, model;
    add(&json, "", 1);
    other = changed((const char *)json.p, from, to);
    model = spiece(&other);
    CHECK(model.p == NULL);
    if (model.p || !says(message)) printf("    %s -> %s: %s\n", from, to, error.text);
    CHECK(says(message));
    free(json.p);
    free(other.p);
    free(model.p);
}

static void bad_unigrams_are_refused_by_name(void)
{
    bytes json, other, model;
    unigram_refused("\"byte_fallback\":false", "\"byte_fallback\":true", "byte_fallback");
    unigram_refused("Precompiled", "NFKC", "normalizer 'NFKC'");
    unigram_refused("WhitespaceSplit", "Whitespace", "pre_tokenizer");
    unigram_refused("\"always\"", "\"never\"", "pre_tokenizer");
    unigram_refused("\"id\":\"</s>\"", "\"id\":\"<unk>\"", "post_processor");
    unigram_refused("\"unk_id\":2", "\"unk_id\":7", "unk_id");
    unigram_refused("\"unk_id\":2", "\"unk_id\":null", "unk_id");
    unigram_refused("\"<pad>\",\"special\":true", "\"<pad>\",\"special\":false",
                    "not special");
    unigram_refused("AAQAAA", "AAQ*AA", "no base64");
    unigram_refused("AAQAAA", "AAQAA", "no base64");
    unigram_refused("AAQAAA", "AAQBAA", "charsmap");
    unigram_refused("-3.25", "1e300", "piece 4 is no text with a score");
    unigram_refused("\"a\",-3.25", "\"\\u2581\",-3.25", "two pieces");
    unigram_refused("Unigram", "BPE", "model");
    unigram_refused("[\"</s>\",0.0]", "[\"<e>\",0.0]", "no special token '</s>'");
    /* What was written by older versions: the normaliser squeezes spaces. */
    json = unigram();
    add(&json, "", 1);
    other = changed((const char *)json.p, "{\"type\":\"Precompiled\"",
                    "{\"type\":\"Sequence\",\"normalizers\":[{\"type\":\"Replace\","
                    "\"pattern\":{\"Regex\":\" {2,}\"},\"content\":\"\\u2581\"}],"
                    "\"x\":\"Precompiled\"");
    model = spiece(&other);
    CHECK(gives(&model, "ab a", "5 3 4 1"));
    free(other.p);
    free(model.p);
    /* Older names of the same settings. */
    other = changed((const char *)json.p, "\"prepend_scheme\":\"always\",\"split\":true",
                    "\"str_rep\":\"\\u2581\",\"add_prefix_space\":true");
    model = spiece(&other);
    CHECK(gives(&model, "ab a", "5 3 4 1"));
    free(json.p);
    free(other.p);
    free(model.p);
}

/* ---- Damage ----------------------------------------------------------------------- */

/* Opens and uses what comes out of damaged files: a table or a model always works. */
static void use(const bytes *made_of_it)
{
    if (made_of_it->p) ids_of(made_of_it, "a ab c<mask>\xc3\xa4", 77, NULL);
    free(made_of_it->p);
}

typedef void reader(const bytes *b);

static void read_vocab(const bytes *b)
{
    tango_io_bpe_files f = pair(b->p, b->n, clip_merges, strlen(clip_merges));
    bytes t = made(&f);
    use(&t);
}

static void read_merges(const bytes *b)
{
    tango_io_bpe_files f = pair(clip_vocab, strlen(clip_vocab), b->p, b->n);
    bytes t = made(&f);
    use(&t);
}

static void read_config(const bytes *b)
{
    tango_io_bpe_files f = pair(clip_vocab, strlen(clip_vocab), clip_merges,
                                strlen(clip_merges));
    bytes t;
    f.config = b->p, f.config_size = b->n;
    t = made(&f);
    use(&t);
}

static void read_json(const bytes *b)
{
    tango_io_bpe_files f = whole(b->p, b->n);
    bytes t = made(&f);
    int is_unigram;
    tango_io_tokenizer_json(&is_unigram, b->p, b->n, &error);
    use(&t);
}

static void read_unigram(const bytes *b)
{
    bytes t = spiece(b);
    use(&t);
}

static void read_table(const bytes *b)
{
    tango_io_bpe bpe;
    error.text[0] = 0;
    if (tango_io_bpe_open(&bpe, b->p, b->n, &error) == TANGO_OK)
        ids_of(b, "a ab c<mask>\xc3\xa4", 77, NULL);
    else CHECK(error.text[0] != 0);
}

/* Every prefix, and every bit of the file flipped, but for those from byte `from` to
   `to`, which are all alike. */
static void damage_but(
    const void *data, size_t size, size_t from, size_t to, reader *read)
{
    size_t i;
    for (i = 0; i < size; i++) {
        bytes b = copy_of(data, i);
        read(&b);
        free(b.p);
    }
    for (i = 0; i < 8 * size; i = i + 1 == 8 * from ? 8 * to : i + 1) {
        bytes b = copy_of(data, size);
        b.p[i / 8] ^= (unsigned char)(1u << i % 8);
        read(&b);
        free(b.p);
    }
}

static void damage(const void *data, size_t size, reader *read)
{
    damage_but(data, size, size, size, read);
}

static void damaged_vocabularies_are_harmless(void)
{
    static const char config[] = "{\"pad_token\":{\"content\":\"a\",\"lstrip\":true}}";
    damage(clip_vocab, strlen(clip_vocab), read_vocab);
    damage(clip_merges, strlen(clip_merges), read_merges);
    damage(config, strlen(config), read_config);
}

static void damaged_tokenizer_jsons_are_harmless(void)
{
    bytes b = unigram();
    const size_t map = (size_t)(strstr(unigram_json, "MAP") - unigram_json);
    damage(clip_json, strlen(clip_json), read_json);
    damage(roberta_json, strlen(roberta_json), read_json);
    damage_but(b.p, b.n, map + 40, map + 1340, read_unigram);
    free(b.p);
}

static void damaged_tables_are_harmless(void)
{
    bytes t = table_of(clip_vocab, clip_merges);
    damage_but(t.p, t.n, 48 + 4 * 100, 2096 - 4 * 10, read_table); /* no letters there */
    free(t.p);
}

static void bad_tables_are_refused(void)
{
    static const struct { size_t at; uint32_t value; const char *message; } bad[] = {
        { 8, 2, "version" },     { 12, 3, "kind" },          { 16, 5, "no such id" },
        { 20, 9, "pass the end" }, { 24, 1, "behind the table" }, { 24, 3, "cut off" },
        { 28, 8, "no such id" }, { 44, 2, "flags" },         { 48, 8, "byte has no" },
        { 2100, 8, "merge has" }, { 2120, 1, "order" },      { 2124, 7, "no such merge" },
        { 2128, 8, "no such id or flag" }, { 2132, 8, "no such id or flag" }
    };
    bytes t = table_of(clip_vocab, clip_merges);
    tango_io_bpe bpe;
    size_t i;
    CHECK(t.n == 2096 + 2 * 16 + 2 * 12 + 16 + 16);
    for (i = 0; i < sizeof bad / sizeof *bad; i++) {
        bytes b = copy_of(t.p, t.n);
        tango_io__put32(b.p + bad[i].at, bad[i].value);
        CHECK(tango_io_bpe_open(&bpe, b.p, b.n, &error) != TANGO_OK);
        if (!says(bad[i].message)) printf("    %zu: %s\n", bad[i].at, error.text);
        CHECK(says(bad[i].message));
        free(b.p);
    }
    CHECK(tango_io_bpe_open(&bpe, "PK\3\4", 4, &error) != TANGO_OK && says("zip"));
    free(t.p);
}

/* ---- In a model ------------------------------------------------------------------- */

#ifdef TANGO_IO__WRITES
static const char blob_name[] = "test_tango_io_vocab.out";

/* The small CLIP encoder of golden/text, its numbers all 0, with a BPE table, written to
   a file. */
static int write_blob(const bytes *table, const char *type)
{
    static unsigned char zeros[65536];
    static uint64_t numbers[512];
    tango_io_value values[64];
    tango_io_tensor tensors[128];
    tango_io_blob_writer writer;
    tango_io_output output;
    tango_io_file file;
    tango_io_blob blob;
    size_t count = 0, used = 0, need, i, k;
    if (tango_io_map(&file, "golden/text/clip.tango", &error) != TANGO_OK ||
        tango_io_blob_open(&blob, file.data, file.size, &error) != TANGO_OK)
        return 0;
    for (i = 0; i < tango_io_blob_value_count(&blob); i++) {
        tango_io_value *v = &values[count++];
        tango_io_blob_value_at(&blob, i, v);
        if (strcmp(v->key, "tokenizer.type") == 0)
            v->data = type, v->count = strlen(type);
        if (strcmp(v->key, "tokenizer.spiece") == 0) {
            v->key = "tokenizer.bpe";
            v->data = table->p, v->count = table->n;
        }
        for (k = 0; v->type < TANGO_IO_STRING && k < v->count; k++, used++) {
            const double real = v->type == TANGO_IO_F64 ? tango_io_value_f64(v, k) : 0.0;
            if (v->type == TANGO_IO_F64) memcpy(&numbers[used], &real, 8);
            else numbers[used] = tango_io_value_u64(v, k);
        }
        if (v->type < TANGO_IO_STRING) v->data = &numbers[used - v->count];
    }
    for (i = 0; i < tango_io_blob_tensor_count(&blob); i++)
        tango_io_blob_tensor(&blob, i, &tensors[i]);
    tango_io_blob_write_size(&need, values, count, tensors, i, &error);
    void *work = room(need);
    int ok = tango_io_create(&output, blob_name, &error) == TANGO_OK &&
             tango_io_blob_write_begin(&writer, &output, values, count, tensors, i, work,
                                       need, &error) == TANGO_OK;
    for (k = 0; ok && k < i; k++)
        ok = tango_io_blob_write_data(&writer, zeros, tensors[k].size, &error)
             == TANGO_OK;
    ok = ok && tango_io_blob_write_end(&writer, &error) == TANGO_OK &&
         tango_io_commit(&output, &error) == TANGO_OK;
    tango_io_unmap(&file);
    free(work);
    return ok;
}

/* 1 if the model opens; its prompt then has these ids, padded to `length`. */
static int prompt_has(const bytes *table, const char *type, const char *prompt,
    const int32_t *ids, size_t length)
{
    tango_io_file file;
    tango_model model;
    tango_arena arena;
    tango_plan plan;
    tango__net net;
    tango__tokens tokens;
    int ok, opens;
    if (!write_blob(table, type)) return -1;
    if (tango_io_map(&file, blob_name, &error) != TANGO_OK) return -1;
    remove(blob_name);
    opens = tango_open(&model, file.data, file.size, &error) == TANGO_OK;
    ok = opens;
    memset(&arena, 0, sizeof arena);
    memset(&plan, 0, sizeof plan);
    memset(&net, 0, sizeof net);
    arena.size = 1 << 20;
    void *block = room(arena.size + 64);
    arena.base = (unsigned char *)block + (64 - (uintptr_t)block % 64) % 64;
    plan.params.prompt = prompt;
    plan.params.negative = "";
    plan.params.guidance = 1.0;
    net.model = &model;
    net.arena = &arena;
    net.error = &error;
    if (opens) {
        tango__read_prompt(&net, &plan, &tokens);
        ok = net.result == TANGO_OK && tokens.length == length && tokens.counts[0] == 2 &&
             memcmp(tokens.ids + length, ids, length * sizeof *ids) == 0 &&
             tokens.ids[2] == (int32_t)model.text.pad;
    }
    free(block);
    tango_io_unmap(&file);
    return ok;
}

static void a_model_reads_its_prompt_by_its_table(void)
{
    static const int32_t ids[] = { 6, 4, 3, 3, 7 };
    static const char more[] =
        "{\"<s>\":0,\"<pad>\":1,\"</s>\":2,\"<unk>\":3,\"a\":4,\"b\":5,\"c\":6,\"d\":7,"
        "\"e\":8,\"f\":9,\"g\":10,\"h\":11,\"i\":12,\"j\":13,\"k\":14,\"l\":15,\"m\":16,"
        "\"n\":17,\"o\":18,\"p\":19,\"q\":20,\"r\":21,\"s\":22,\"t\":23,\"u\":24,"
        "\"v\":25,\"w\":26,\"x\":27,\"y\":28,\"z\":29,\"A\":30}";
    bytes t = table_of(clip_vocab, clip_merges), large = table_of(more, "\n");
    CHECK(prompt_has(&t, "clip", "AAB b", ids, 5) == 1);
    CHECK(prompt_has(&t, "roberta", "", ids, 0) == 0 && says("tokenizer.type"));
    CHECK(prompt_has(&large, "roberta", "", ids, 0) == 0 && says("at least 31"));
    t.n--;
    CHECK(prompt_has(&t, "clip", "", ids, 0) == 0 && says("bpe: "));
    free(t.p);
    free(large.p);
}
#endif

/* ---- Unicode ---------------------------------------------------------------------- */

/* Normal form C of code points, as text of hexadecimal numbers. */
static const char *composed(const uint32_t *in, size_t count)
{
    static uint32_t tables[TANGO__UNICODE_SIZE];
    static char out[256];
    uint32_t codes[64], spare[64];
    size_t at = 0, i, n;
    tango__unicode_read(tables);
    memcpy(codes, in, count * sizeof *codes);
    n = tango__normal_form_c(tables, codes, count, spare);
    out[0] = 0;
    for (i = 0; i < n; i++)
        at += (size_t)sprintf(out + at, "%s%x", i ? " " : "", (unsigned)codes[i]);
    return out;
}

static void letters_and_marks_are_put_together(void)
{
    static const uint32_t plain[] = { 'e', 0x301 }, twice[] = { 'u', 0x308, 0x304 },
        order[] = { 'a', 0x301, 0x323 }, kept[] = { 'a', 0x301, 0x301 },
        blocked[] = { 'a', 0x305, 0x301 }, hangul[] = { 0x1112, 0x1161, 0x11ab },
        two[] = { 0xd55c, 0x11ab }, single[] = { 0x212b, 0x2126 },
        excluded[] = { 0x958 }, mark_first[] = { 0x301, 'a' };
    CHECK(strcmp(composed(plain, 2), "e9") == 0);
    CHECK(strcmp(composed(twice, 3), "1d6") == 0);
    CHECK(strcmp(composed(order, 3), "1ea1 301") == 0);
    CHECK(strcmp(composed(kept, 3), "e1 301") == 0);
    CHECK(strcmp(composed(blocked, 3), "61 305 301") == 0);
    CHECK(strcmp(composed(hangul, 3), "d55c") == 0);
    CHECK(strcmp(composed(two, 2), "d55c 11ab") == 0);
    CHECK(strcmp(composed(single, 2), "c5 3a9") == 0);
    CHECK(strcmp(composed(excluded, 1), "915 93c") == 0);
    CHECK(strcmp(composed(mark_first, 2), "301 61") == 0);
}

static void characters_have_their_class_and_small_letter(void)
{
    static uint32_t u[TANGO__UNICODE_SIZE];
    static const struct { uint32_t code, kind, small; } is[] = {
        { 'A', TANGO__LETTER, 'a' },        { 'z', TANGO__LETTER, 'z' },
        { '7', TANGO__NUMBER, '7' },        { '_', TANGO__OTHER, '_' },
        { ' ', TANGO__SPACE, ' ' },         { 0x85, TANGO__SPACE, 0x85 },
        { 0x200b, TANGO__OTHER, 0x200b },   { 0x180e, TANGO__OTHER, 0x180e },
        { 0xc9, TANGO__LETTER, 0xe9 },      { 0xd7, TANGO__OTHER, 0xd7 },
        { 0x178, TANGO__LETTER, 0xff },     { 0x1c5, TANGO__LETTER, 0x1c6 },
        { 0x3a3, TANGO__LETTER, 0x3c3 },    { 0x2167, TANGO__NUMBER, 0x2177 },
        { 0x1f600, TANGO__OTHER, 0x1f600 }, { 0x4e00, TANGO__LETTER, 0x4e00 },
        { 0x10ffff, TANGO__OTHER, 0x10ffff }, { 0, TANGO__OTHER, 0 }
    };
    size_t i;
    tango__unicode_read(u);
    for (i = 0; i < sizeof is / sizeof *is; i++) {
        CHECK(tango__unicode_class(u, is[i].code) == is[i].kind);
        CHECK(tango__unicode_small(u, is[i].code) == is[i].small);
    }
}

int main(void)
{
#ifdef TANGO_IO__WRITES
    const uint16_t one = 1;
#endif
    RUN(clip_files_become_a_table);
    RUN(roberta_files_become_a_table);
    RUN(a_tokenizer_json_becomes_a_table);
    RUN(a_config_names_the_padding_and_the_settings_of_tokens);
    RUN(long_texts_are_cut_in_front_of_the_last_id);
    RUN(bad_vocabularies_are_refused_by_name);
    RUN(what_changes_ids_is_refused_by_name);
    RUN(a_unigram_tokenizer_json_becomes_a_spiece_model);
    RUN(bad_unigrams_are_refused_by_name);
    RUN(damaged_vocabularies_are_harmless);
    RUN(damaged_tokenizer_jsons_are_harmless);
    RUN(damaged_tables_are_harmless);
    RUN(bad_tables_are_refused);
#ifdef TANGO_IO__WRITES
    if (*(const unsigned char *)&one == 1) /* big-endian machines open no model */
        RUN(a_model_reads_its_prompt_by_its_table);
#endif
    RUN(letters_and_marks_are_put_together);
    RUN(characters_have_their_class_and_small_letter);
    return CHECK_DONE();
}
