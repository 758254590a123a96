/* relayout.c: small checkpoints in any layout, for tests of convert.               MIT-0

       cc tests/relayout.c -lm -o relayout
       ./relayout IN.bin OUT PREFIX [DROP]   every name gets PREFIX and loses DROP
       ./relayout - OUT PREFIX [DROP] <LIST  the tensors that lines "name 3x8x1" name; an
                                             element depends on its number alone

   OUT is a PyTorch file or, by its name, OUT.safetensors. */
#include "../demo/cli.h"
#define TANGO_IMPLEMENTATION
#include "../tango.h"

enum { MOST = 4000, ROOM = 400 };

static tango_io_torch_item items[MOST];
static char names[MOST][ROOM];

/* The numbers of a view one after the other, as f32. */
static float *numbers_of_view(const tango_io_view *v)
{
    float *out = (float *)malloc((v->count + 1) * sizeof *out);
    if (!out) cli_fail("out of memory");
    tango_io_view_read(out, v, 0, v->count);
    return out;
}

static size_t take(const tango_io_torch *t, const char *prefix, const char *drop)
{
    size_t skip = strlen(drop), n = 0;
    for (size_t i = 0; i < t->count && n < MOST; i++) {
        tango_io_torch_tensor x;
        tango_io_torch_tensor_at(t, i, &x);
        if (strncmp(x.name, drop, skip) != 0) continue;
        snprintf(names[n], ROOM, "%s%s", prefix, x.name + skip);
        items[n].name = names[n];
        items[n].type = TANGO_IO_F32;
        items[n].rank = x.view.rank;
        memcpy(items[n].shape, x.view.shape, sizeof items[n].shape);
        items[n].data = numbers_of_view(&x.view);
        n++;
    }
    return n;
}

static size_t product(const tango_io_torch_item *item)
{
    size_t n = 1;
    for (size_t i = 0; i < item->rank; i++) n *= item->shape[i];
    return n;
}

static void fill(tango_io_torch_item *item)
{
    size_t count = product(item);
    float *numbers = (float *)malloc((count + 1) * sizeof *numbers);
    if (!numbers) cli_fail("out of memory");
    for (size_t i = 0; i < count; i++)
        numbers[i] = (float)((i * 2654435761u >> 7) % 256 + 1) / 1024.0f;
    item->data = numbers;
}

/* "name 3x8x1" a line, at most MOST. */
static size_t read_list(const char *prefix, const char *drop)
{
    char line[ROOM], *at;
    size_t n = 0;
    while (n < MOST && fgets(line, sizeof line, stdin)) {
        tango_io_torch_item *item = &items[n];
        char *space = strchr(line, ' ');
        if (!space || strncmp(line, drop, strlen(drop)) != 0) continue;
        *space = '\0';
        snprintf(names[n], ROOM, "%s%s", prefix, line + strlen(drop));
        item->name = names[n];
        item->type = TANGO_IO_F32;
        for (at = space + 1; *at >= '0' && *at <= '9' && item->rank < 8; at++) {
            item->shape[item->rank++] = strtoul(at, &at, 10);
            if (*at != 'x') break;
        }
        fill(item);
        n++;
    }
    return n;
}

static void put_entry(FILE *f, const tango_io_torch_item *item, size_t at)
{
    fprintf(f, "\"%s\":{\"dtype\":\"F32\",\"shape\":[", item->name);
    for (size_t i = 0; i < item->rank; i++)
        fprintf(f, i ? ",%zu" : "%zu", item->shape[i]);
    fprintf(f, "],\"data_offsets\":[%zu,%zu]}", at, at + 4 * product(item));
}

/* u64 size of the header, the header, the numbers (little-endian machines). */
static void write_safetensors(const char *path, size_t count)
{
    FILE *f = fopen(path, "wb");
    size_t at = 0;
    long end;
    if (!f) cli_fail("%s: cannot be made", path);
    fwrite("\0\0\0\0\0\0\0\0{", 1, 9, f);
    for (size_t i = 0; i < count; i++) {
        if (i) fputc(',', f);
        put_entry(f, &items[i], at);
        at += 4 * product(&items[i]);
    }
    fputc('}', f);
    end = ftell(f);
    for (size_t i = 0; i < count; i++) fwrite(items[i].data, 4, product(&items[i]), f);
    rewind(f);
    for (size_t i = 0, n = (size_t)end - 8; i < 4; i++, n >>= 8) fputc((int)(n & 255), f);
    if (fclose(f) != 0) cli_fail("%s: writing failed", path);
}

static void *archive; /* what the items of one lie in */

static size_t take_file(const char *path, const char *prefix, const char *drop)
{
    tango_io_file file;
    tango_io_torch t;
    tango_error error;
    size_t size = 0;
    if (tango_io_map(&file, path, &error) != TANGO_OK
        || tango_io_torch_work_size(&size, file.data, file.size, &error) != TANGO_OK)
        cli_fail("%s", error.text);
    archive = malloc(size);
    if (!archive) cli_fail("out of memory");
    if (tango_io_torch_open(&t, file.data, file.size, archive, size, &error) != TANGO_OK)
        cli_fail("%s", error.text);
    return take(&t, prefix, drop);
}

int main(int argc, char **argv)
{
    tango_error error;
    tango_io_output *out = (tango_io_output *)malloc(sizeof *out);
    size_t size, count;
    if (argc < 4 || !out) cli_usage("relayout IN OUT PREFIX [DROP]");
    const char *drop = argc > 4 ? argv[4] : "";
    if (strcmp(argv[1], "-") == 0) count = read_list(argv[3], drop);
    else count = take_file(argv[1], argv[3], drop);
    size = strlen(argv[2]);
    if (size > 12 && strcmp(argv[2] + size - 12, ".safetensors") == 0)
        write_safetensors(argv[2], count);
    else if (tango_io_create(out, argv[2], &error) != TANGO_OK
             || tango_io_torch_write_dictionary(out, items, count, &error) != TANGO_OK
             || tango_io_commit(out, &error) != TANGO_OK)
        cli_fail("%s", error.text);
    free(out);
    return 0;
}
