/* vocab: makes a tokenizer's file as the converter does.    cc -I. tests/oracle/vocab.c -lm -o vocab
   ./vocab OUT JSON [CONFIG]   or   ./vocab OUT VOCAB MERGES [CONFIG]: a tokenizer.json, or
   vocab.json and merges.txt, becomes a BPE table or a spiece.model. */
#define TANGO_IO_IMPLEMENTATION
#include "tango_io.h"
#include <stdlib.h>

static const void *map(const char *name, size_t *size, tango_error *error)
{
    tango_io_file file;
    if (tango_io_map(&file, name, error) != TANGO_OK) {
        fprintf(stderr, "%s\n", error->text);
        exit(1);
    }
    *size = file.size;
    return file.data;
}

int main(int argc, char **argv)
{
    tango_io_bpe_files f = { NULL, NULL, NULL, NULL, 0, 0, 0, 0 };
    tango_error error;
    size_t size, room = 0, need = 0, begin, end;
    tango_result r;
    int unigram = 0, whole;
    void *out, *work;
    FILE *to;
    if (argc < 3) return 2;
    f.json = map(argv[2], &f.json_size, &error);
    whole = tango_io_json_span(&begin, &end, f.json, f.json_size, "model")
            && ((const char *)f.json)[begin] == '{';
    if (whole && tango_io_tokenizer_json(&unigram, f.json, f.json_size, &error) != TANGO_OK) goto bad;
    if (!whole) {
        f.vocab = f.json, f.vocab_size = f.json_size, f.json = NULL;
        f.merges = map(argv[3], &f.merges_size, &error);
    }
    if (argc > 4 - whole) f.config = map(argv[4 - whole], &f.config_size, &error);
    r = unigram ? tango_io_spiece_from_json_size(&room, &need, f.json, f.json_size, &error)
                : tango_io_bpe_from_files_size(&room, &need, &f, &error);
    if (r != TANGO_OK) goto bad;
    out = malloc(room);
    work = malloc(need);
    if (!out || !work) return 2;
    r = unigram ? tango_io_spiece_from_json(out, room, &size, f.json, f.json_size, work, need, &error)
                : tango_io_bpe_from_files(out, room, &size, &f, work, need, &error);
    if (r != TANGO_OK) goto bad;
    to = fopen(argv[1], "wb");
    if (!to || fwrite(out, 1, size, to) != size || fclose(to)) return 1;
    printf("%lu bytes, room for %lu, work %lu\n", (unsigned long)size, (unsigned long)room, (unsigned long)need);
    free(out);
    free(work);
    return 0;
bad:
    fprintf(stderr, "%s\n", error.text);
    return 1;
}
