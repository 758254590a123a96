/* cc -I.. test_tango_dataset.c -lm -o t && ./t     prints one line a claim

   The loader of prepared sets. golden/dataset holds sets that numpy, torch, PIL and
   soundfile wrote, and the batches that PyTorch makes of them (oracle/dataset.py). What
   is hostile is a copy of such a set with something changed, in a temporary folder that
   goes away. Memory is given in blocks of exactly the size that was asked for, so an
   address sanitizer sees any access outside. */
#define _XOPEN_SOURCE 700
#define TANGO_IMPLEMENTATION
#define TANGO_STATIC /* what is not called is left out: builds in half of the time */
#include "../tango.h"
#include "check.h"
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define GOLDEN "golden/dataset"
enum { MEL = TANGO_BATCH_MEL, LATENT = TANGO_BATCH_LATENT, AUDIO = TANGO_BATCH_AUDIO };
enum { IMAGE = TANGO_BATCH_IMAGE | TANGO_BATCH_MEL };

/* ---- Files ------------------------------------------------------------------------ */

typedef struct bytes { char *p; size_t n; } bytes;

static char place[512];                 /* the temporary folder */
static tango_error error;

static void stop(const char *what)
{
    printf("FAIL  %s\n", what);
    exit(1);
}

static void *room(size_t size)
{
    void *p = malloc(size ? size : 1);
    if (p == NULL) stop("no memory");
    return p;
}

/* "folder/name", one of four that are valid at a time. */
static const char *join(const char *folder, const char *name)
{
    static char text[4][1024];
    static int turn;
    char *out = text[turn++ & 3];
    if (strlen(folder) + strlen(name) + 2 > sizeof text[0]) stop("a path is too long");
    sprintf(out, "%s/%s", folder, name);
    return out;
}

static const char *in(const char *name) { return join(place, name); }

static bytes slurp(const char *path)
{
    bytes b = { NULL, 0 };
    FILE *f = fopen(path, "rb");
    long n = 0;
    if (f == NULL || fseek(f, 0, SEEK_END) != 0 || (n = ftell(f)) < 0) stop(path);
    b.p = (char *)room((size_t)n + 1);
    rewind(f);
    b.n = fread(b.p, 1, (size_t)n, f);
    b.p[b.n] = 0;
    if (b.n != (size_t)n) stop(path);
    fclose(f);
    return b;
}

static void spill(const char *path, const void *data, size_t n)
{
    FILE *f;
    unlink(path);
    f = fopen(path, "wb");
    if (f == NULL || (n > 0 && fwrite(data, 1, n, f) != n) || fclose(f) != 0) stop(path);
}

static int big_endian(void)
{
    const uint16_t one = 1;
    return *(const unsigned char *)&one == 0;
}

/* n numbers of `size` bytes from this machine's order to the files', or back. */
static void swap_numbers(void *out, const void *numbers, size_t size, size_t n)
{
    const unsigned char *from = (const unsigned char *)numbers;
    unsigned char *to = (unsigned char *)out;
    size_t i, k;
    for (i = 0; i < n; i++, from += size, to += size)
        for (k = 0; k < size; k++) to[k] = from[big_endian() ? size - 1 - k : k];
}

/* For each entry of a folder. */
static void walk(const char *folder, void (*visit)(const char *folder, const char *name))
{
    struct dirent *e;
    DIR *d = opendir(folder);
    if (d == NULL) return;
    while ((e = readdir(d)) != NULL)
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
            visit(folder, e->d_name);
    closedir(d);
}

static void drop(const char *folder, const char *name)
{
    char path[1024];
    strcpy(path, join(folder, name));
    if (unlink(path) == 0) return;
    walk(path, drop);
    rmdir(path);
}

static char copy_from[512];             /* copies GOLDEN/SET/... to place/... */

static void copy(const char *folder, const char *name)
{
    char from[1024], to[1024];
    struct stat info;
    bytes b;
    strcpy(from, join(folder, name));
    strcpy(to, in(from + strlen(copy_from) + 1));
    if (stat(from, &info) == 0 && S_ISDIR(info.st_mode)) {
        if (mkdir(to, 0755) != 0) stop(to);
        walk(from, copy);
        return;
    }
    b = slurp(from);
    spill(to, b.p, b.n);
    free(b.p);
}

/* ---- Sets ------------------------------------------------------------------------- */

static tango_dataset set;
static void *set_memory, *batch_memory, *item_work;
static tango_batch batch;
static bytes manifest;                  /* of the copied set */

static void shut(void)
{
    tango_dataset_close(&set);
    free(set_memory);
    free(batch_memory);
    free(item_work);
    set_memory = batch_memory = item_work = NULL;
}

static tango_result open_set(const char *root, const char *split)
{
    size_t size;
    tango_result r;
    shut();
    memset(&error, 0, sizeof error);
    r = tango_dataset_memory(&size, root, &error);
    if (r != TANGO_OK) return r;
    set_memory = room(size);
    r = tango_dataset_open(&set, root, split, set_memory, size, &error);
    if (r == TANGO_OK) item_work = room(set.item_work);
    return r;
}

static tango_result item(tango_dataset_item *out, size_t position)
{
    return tango_dataset_read(out, &set, position, item_work, set.item_work, &error);
}

static tango_result read_batch(const uint32_t *positions, size_t n, unsigned what)
{
    size_t size;
    tango_result r = tango_batch_memory(&size, &set, n, what, &error);
    free(batch_memory);
    batch_memory = NULL;
    if (r != TANGO_OK) return r;
    batch_memory = room(size);
    memset(batch_memory, 0x5a, size);
    return tango_batch_read(
        &batch, &set, positions, n, what, batch_memory, size, &error);
}

static tango_result read_one(uint32_t position, unsigned what)
{
    return read_batch(&position, 1, what);
}

/* place becomes a fresh copy of GOLDEN/name. */
static void copy_set(const char *name)
{
    shut();
    walk(place, drop);
    strcpy(copy_from, join(GOLDEN, name));
    walk(copy_from, copy);
    free(manifest.p);
    manifest = slurp(in("dataset_info.json"));
}

/* The manifest with the first `from` replaced. */
static void change(const char *from, const char *to)
{
    char *at = strstr(manifest.p, from);
    bytes b;
    if (at == NULL) stop(from);
    b.n = manifest.n - strlen(from) + strlen(to);
    b.p = (char *)room(b.n + 1);
    sprintf(b.p, "%.*s%s%s", (int)(at - manifest.p), manifest.p, to, at + strlen(from));
    spill(in("dataset_info.json"), b.p, b.n);
    free(b.p);
}

/* 1 if the message is one line that names `file`, and `what`. */
static int says(const char *file, const char *what)
{
    const char *p;
    int ok = strncmp(error.text, file, strlen(file)) == 0
             && strncmp(error.text + strlen(file), ": ", 2) == 0
             && strstr(error.text, what) != NULL;
    for (p = error.text; *p; p++) ok = ok && *p >= ' ' && *p <= '~';
    if (!ok) printf("    \"%s\", expected \"%s: ... %s\"\n", error.text, file, what);
    return ok;
}

/* 1 if the set with this manifest is refused with a message that names an offset. */
static int refused(const char *from, const char *to, const char *what)
{
    change(from, to);
    if (open_set(place, NULL) == TANGO_OK) {
        printf("    \"%s\" was accepted\n", to);
        return 0;
    }
    return says("dataset_info.json", what) && says("dataset_info.json", "offset ");
}

/* Elements of an .npy file of 4 bytes each. */
static const void *array(const char *name)
{
    static bytes kept[4];
    static int turn;
    bytes *b = &kept[turn++ & 3];
    size_t header;
    free(b->p);
    *b = slurp(join(GOLDEN "/expected", name));
    header = 10 + (size_t)(unsigned char)b->p[8] + 256 * (size_t)(unsigned char)b->p[9];
    swap_numbers(b->p, b->p + header, 4, (b->n - header) / 4);
    return b->p;
}

/* ---- Splits, random access -------------------------------------------------------- */

static void splits_are_those_of_the_manifest(void)
{
    tango_dataset_item it;
    CHECK(open_set(GOLDEN "/audiocaps", "train") == TANGO_OK && set.count == 2);
    CHECK(set.frames == 12 && set.power == 1);
    CHECK(item(&it, 0) == TANGO_OK && it.index == 0 && it.frames == 8);
    CHECK(item(&it, 1) == TANGO_OK && it.index == 5 && it.frames == 12);
    CHECK(open_set(GOLDEN "/audiocaps", "test") == TANGO_OK && set.count == 1);
    CHECK(set.frames == 4 && item(&it, 0) == TANGO_OK && it.index == 2);
    CHECK(open_set(GOLDEN "/audiocaps", "val") == TANGO_OK && set.count == 0);
    CHECK(open_set(GOLDEN "/audiocaps", NULL) == TANGO_OK && set.count == 3);
    CHECK(open_set(GOLDEN "/wavcaps", NULL) == TANGO_OK && set.count == 2);
    CHECK(set.power == 0 && set.png_high == 4.0);
    CHECK_NEAR(set.png_low, log(1e-5), 1e-15);
}

static void another_split_is_refused(void)
{
    CHECK(open_set(GOLDEN "/audiocaps", "trian") == TANGO_ERROR_ARGUMENT);
    CHECK(says("trian", "expected the split train, val or test"));
    CHECK(open_set(GOLDEN "/audiocaps", "") == TANGO_ERROR_ARGUMENT);
}

static void items_are_read_in_any_order(void)
{
    static const size_t positions[] = { 2, 0, 1, 1, 0, 2 };
    static const size_t indices[] = { 0, 2, 5 }, frames[] = { 8, 4, 12 };
    tango_dataset_item it;
    size_t i;
    CHECK(open_set(GOLDEN "/audiocaps", NULL) == TANGO_OK);
    for (i = 0; i < 6; i++) {
        const size_t p = positions[i];
        CHECK(item(&it, p) == TANGO_OK && it.index == indices[p]
              && it.frames == frames[p]);
        CHECK_NEAR(it.seconds, (double)frames[p] / 100, 1e-15);
    }
    CHECK(strcmp(it.id, "000005") == 0 && strcmp(it.split, "train") == 0);
    CHECK(strcmp(it.mel, "mel-spectrogram/000005.npy") == 0);
    CHECK(strcmp(it.mel_image, "mel-spectrogram/000005.png") == 0);
    CHECK(strcmp(it.latent, "latent-vector/000005.npy") == 0);
    CHECK(strcmp(it.audio, "original-audio/000005.wav") == 0);
    CHECK(open_set(GOLDEN "/wavcaps", NULL) == TANGO_OK);
    CHECK(item(&it, 0) == TANGO_OK && it.mel == NULL && strcmp(it.id, "Yab-_.c") == 0);
}

static void positions_beyond_the_set_are_refused(void)
{
    tango_dataset_item it;
    CHECK(open_set(GOLDEN "/audiocaps", "train") == TANGO_OK);
    it.index = 77;
    CHECK(item(&it, 2) == TANGO_ERROR_ARGUMENT && it.index == 77);
    CHECK(item(&it, SIZE_MAX) == TANGO_ERROR_ARGUMENT);
    CHECK(read_one(2, MEL) == TANGO_ERROR_ARGUMENT);
    CHECK(tango_dataset_read(&it, &set, 0, item_work, set.item_work - 1, &error)
          == TANGO_ERROR_MEMORY);
}

static void closing_twice_is_safe(void)
{
    tango_dataset none;
    memset(&none, 0, sizeof none);
    tango_dataset_close(&none);
    CHECK(open_set(GOLDEN "/audiocaps", NULL) == TANGO_OK);
    tango_dataset_close(&set);
    tango_dataset_close(&set);
    CHECK(set.count == 0);
}

/* ---- Order ------------------------------------------------------------------------ */

static void an_order_is_a_permutation(void)
{
    static uint32_t order[1001];
    static unsigned char seen[1001];
    static const size_t counts[] = { 0, 1, 2, 3, 11, 1000 };
    size_t k, i;
    for (k = 0; k < 6; k++) {
        const size_t n = counts[k];
        memset(seen, 0, sizeof seen);
        order[n] = 12345;
        tango_dataset_order(order, n, 9, k);
        for (i = 0; i < n; i++) CHECK(order[i] < n && !seen[order[i]]++);
        CHECK(order[n] == 12345);
    }
}

static void a_seed_repeats_its_order(void)
{
    uint32_t a[100], b[100];
    tango_dataset_order(a, 100, 3, 7);
    tango_dataset_order(b, 100, 4, 7);
    CHECK(memcmp(a, b, sizeof a) != 0);
    tango_dataset_order(b, 100, 3, 7);
    CHECK(memcmp(a, b, sizeof a) == 0);
}

static void epochs_differ(void)
{
    static uint32_t order[40][20];
    size_t seed, epoch, i, k;
    for (seed = 0; seed < 4; seed++)
        for (epoch = 0; epoch < 10; epoch++)
            tango_dataset_order(order[10 * seed + epoch], 20, seed, epoch);
    for (i = 0; i < 40; i++)
        for (k = 0; k < i; k++) CHECK(memcmp(order[i], order[k], sizeof order[i]) != 0);
}

static void all_permutations_are_as_likely(void)
{
    size_t seen[6] = { 0 }, i;
    uint32_t o[3];
    for (i = 0; i < 6000; i++) {
        tango_dataset_order(o, 3, i / 60, i % 60);
        seen[2 * o[0] + (o[1] > o[2])]++;
    }
    for (i = 0; i < 6; i++) CHECK_NEAR(seen[i], 1000, 120); /* 4 standard deviations */
}

static void an_order_is_that_of_the_script(void)
{
    static const uint64_t seeds[] = { 0, 1, UINT64_MAX };
    const char *expected = (const char *)array("order.npy");
    uint32_t order[11];
    size_t i;
    for (i = 0; i < 6; i++) {
        tango_dataset_order(order, 11, seeds[i / 2], i % 2);
        CHECK(memcmp(order, expected + i * sizeof order, sizeof order) == 0);
    }
}

/* ---- Batches ---------------------------------------------------------------------- */

/* mel (B, T, 64) against (B, 64, T). step 0: equal; else within half a step of pictures,
   in decibels where mels are powers. */
static void check_mel(const float *expected, double step)
{
    size_t b, c, t, bad = 0;
    for (b = 0; b < batch.count; b++)
        for (c = 0; c < 64; c++)
            for (t = 0; t < batch.frames; t++) {
                double got = (double)batch.mel[(b * batch.frames + t) * 64 + c];
                double want = (double)expected[(b * 64 + c) * batch.frames + t];
                if (!(step > 0) || t >= batch.lengths[b]) {
                    bad += !(got == want);
                    continue;
                }
                if (set.power) got = 10 * log10(got), want = 10 * log10(want);
                bad += !(fabs(got - want) <= 0.5 * step + 1e-6);
            }
    CHECK(bad == 0);
}

static void check_set(const char *name, size_t count, unsigned what)
{
    static const uint32_t all[] = { 0, 1, 2 };
    const int pictures = (what & IMAGE) == IMAGE || strcmp(name, "wavcaps") == 0;
    char path[64];
    const int32_t *lengths;
    const float *expected;
    size_t i, t, longest = 0;
    CHECK(open_set(join(GOLDEN, name), NULL) == TANGO_OK);
    CHECK(read_batch(all, count, what) == TANGO_OK && batch.count == count);
    if (check_bad) return;
    sprintf(path, "%s_lengths.npy", name);
    lengths = (const int32_t *)array(path);
    for (i = 0; i < count; i++) {
        CHECK(batch.lengths[i] == (size_t)lengths[i]);
        if (batch.lengths[i] > longest) longest = batch.lengths[i];
    }
    CHECK(batch.frames == longest);
    sprintf(path, "%s_mel.npy", name);
    check_mel((const float *)array(path),
        pictures ? (set.png_high - set.png_low) / 65535 : 0.0);
    sprintf(path, "%s_latent.npy", name);
    expected = (const float *)array(path);
    CHECK(!(what & LATENT)
          || memcmp(batch.latent, expected, count * longest * 32 * sizeof(float)) == 0);
    CHECK((batch.latent != NULL) == ((what & LATENT) != 0));
    CHECK((batch.audio != NULL) == ((what & AUDIO) != 0));
    if (!(what & AUDIO)) return;
    expected = (const float *)array("audiocaps_audio.npy");
    CHECK(batch.samples == 160 * longest);
    for (i = 0; i < count; i++)         /* the longest sound has 90 samples */
        for (t = 0; t < batch.samples; t++)
            CHECK(batch.audio[i * batch.samples + t]
                  == (t < 90 ? expected[90 * i + t] : 0.0f));
}

static void batches_of_arrays_are_those_of_pytorch(void)
{
    check_set("audiocaps", 3, MEL | LATENT | AUDIO);
    CHECK(batch.audio_lengths[0] == 90 && batch.audio_lengths[1] == 41
          && batch.audio_lengths[2] == 64);
    CHECK(batch.indices[0] == 0 && batch.indices[1] == 2 && batch.indices[2] == 5);
}

static void pictures_beside_arrays_are_within_half_a_step(void)
{
    check_set("audiocaps", 3, IMAGE | LATENT);
}

static void batches_of_pictures_and_archives_are_those_of_pytorch(void)
{
    check_set("wavcaps", 2, MEL | LATENT);
    check_set("wavcaps", 2, IMAGE);
}

static void other_forms_of_arrays_are_those_of_pytorch(void)
{
    check_set("folder", 2, MEL | LATENT);
}

static void captions_are_those_of_the_files(void)
{
    static const char *const names[] = { "audiocaps/caption/000000.txt",
        "audiocaps/caption/000002.txt", "audiocaps/caption/000005.txt",
        "wavcaps/captions/Yab-_.c.txt", "wavcaps/captions/7.txt",
        "folder/caption/000000.txt", "folder/caption/000001.txt" };
    static const uint32_t all[] = { 0, 1, 2 };
    static const char *const sets[] = { "audiocaps", "wavcaps", "folder" };
    static const size_t counts[] = { 3, 2, 2 };
    size_t s, i, n = 0;
    for (s = 0; s < 3; s++) {
        CHECK(open_set(join(GOLDEN, sets[s]), NULL) == TANGO_OK);
        CHECK(read_batch(all, counts[s], 0) == TANGO_OK && batch.mel == NULL);
        for (i = 0; i < counts[s]; i++) {
            bytes b = slurp(join(GOLDEN, names[n++]));
            CHECK(strlen(b.p) == b.n && strcmp(batch.captions[i], b.p) == 0);
            free(b.p);
        }
    }
}

static void a_clip_is_the_same_in_any_company(void)
{
    static const uint32_t some[] = { 2, 0, 2, 1, 1 };
    static float alone[3][12 * 64];
    size_t i, n;
    CHECK(open_set(GOLDEN "/audiocaps", NULL) == TANGO_OK);
    for (i = 0; i < 3; i++) {
        CHECK(read_one((uint32_t)i, MEL) == TANGO_OK);
        CHECK(batch.frames == batch.lengths[0]);
        memcpy(alone[i], batch.mel, batch.frames * 64 * sizeof(float));
    }
    CHECK(read_batch(some, 5, MEL) == TANGO_OK && batch.frames == 12);
    for (i = 0; i < 5; i++) {
        n = batch.lengths[i] * 64;
        CHECK(memcmp(batch.mel + i * 12 * 64, alone[some[i]], n * sizeof(float)) == 0);
        for (; n < 12 * 64; n++) CHECK(batch.mel[i * 12 * 64 + n] == 0.0f);
    }
}

/* One clip of 64 frames whose latent is (8, 16, 16): its elements
   are their own numbers. */
static void only_the_manifest_can_tell_a_square_latent(void)
{
    static const char *const orders[] = { "8,T,16", "8,16,T" };
    static const size_t shape[] = { 8, 16, 16 }, mel[] = { 64, 64 };
    static unsigned char file[256 + 64 * 64 * 4];
    size_t k, c, i, n;
    for (k = 0; k < 2; k++) {
        char head[] = "\"latent_order\": \"8,T,16\"";
        copy_set("audiocaps");
        change("\"frames\": 8", "\"frames\": 64");
        memcpy(head + 17, orders[k], 6);
        free(manifest.p);
        manifest = slurp(in("dataset_info.json"));
        change("\"latent_order\": \"8,T,16\"", head);
        memset(file, 0, sizeof file);
        n = tango_io_npy_header(file, TANGO_IO_F32, mel, 2);
        spill(in("mel-spectrogram/000000.npy"), file, n + 64 * 64 * 4);
        n = tango_io_npy_header(file, TANGO_IO_F32, shape, 3);
        for (i = 0; i < 8 * 256; i++) {
            float v = (float)i;
            swap_numbers(file + n + 4 * i, &v, 4, 1);
        }
        spill(in("latent-vector/000000.npy"), file, n + 8 * 256 * 4);
        CHECK(open_set(place, "train") == TANGO_OK && read_one(0, LATENT) == TANGO_OK);
        if (check_bad) return;
        for (c = 0; c < 8; c++)
            for (i = 0; i < 256; i++)
                CHECK(batch.latent[c * 256 + i]
                      == (float)(c * 256 + (k ? i % 16 * 16 + i / 16 : i)));
    }
}

/* Unless both axes are 16, the file's own shape counts. */
static void other_latents_tell_their_order(void)
{
    static const uint32_t both[] = { 0, 1 };
    const void *expected = array("wavcaps_latent.npy");
    copy_set("wavcaps");
    change("8,16,T", "8,T,16");
    CHECK(open_set(place, NULL) == TANGO_OK && read_batch(both, 2, LATENT) == TANGO_OK);
    CHECK(!check_bad && memcmp(batch.latent, expected, 2 * 8 * 2 * 16 * 4) == 0);
}

static void pictures_may_have_8_bits(void)
{
    tango_io_png_spec spec = { 8, 64, 1, 8 };
    static unsigned char pixels[64 * 8];
    tango_io_output output;
    size_t size = 0, b, t;
    void *work;
    copy_set("audiocaps");
    for (b = 0; b < 64 * 8; b++) pixels[b] = (unsigned char)(b % 256);
    CHECK(tango_io_png_write_work_size(&size, &spec, &error) == TANGO_OK);
    work = room(size);
    CHECK(tango_io_create(&output, in("mel-spectrogram/000000.png"), &error) == TANGO_OK);
    CHECK(tango_io_png_write(&output, pixels, &spec, work, size, &error) == TANGO_OK);
    CHECK(tango_io_commit(&output, &error) == TANGO_OK);
    free(work);
    CHECK(open_set(place, NULL) == TANGO_OK && read_one(0, IMAGE) == TANGO_OK);
    if (check_bad) return;
    for (b = 0; b < 64; b++)
        for (t = 0; t < 8; t++)
            CHECK_NEAR(10 * log10((double)batch.mel[t * 64 + b]),
                -100.0 + 170.0 * pixels[(63 - b) * 8 + t] / 255, 1e-5);
}

/* ---- Memory ----------------------------------------------------------------------- */

static void one_byte_too_little_memory_is_an_error(void)
{
    static const unsigned whats[] = { 0, MEL, LATENT, AUDIO, MEL | LATENT | AUDIO,
        IMAGE };
    static const uint32_t all[] = { 2, 1, 0 };
    size_t size, i, shift;
    char *block;
    tango_dataset other;
    CHECK(tango_dataset_memory(&size, GOLDEN "/audiocaps", &error) == TANGO_OK);
    for (shift = 0; shift < 3; shift++) {
        block = (char *)room(size + shift);
        CHECK(tango_dataset_open(&other, GOLDEN "/audiocaps", NULL, block + shift,
                  size - 1, &error) == TANGO_ERROR_MEMORY);
        CHECK(tango_dataset_open(&other, GOLDEN "/audiocaps", NULL, block + shift, size,
                  &error) == TANGO_OK && other.count == 3);
        tango_dataset_close(&other);
        free(block);
    }
    CHECK(tango_dataset_open(&other, GOLDEN "/audiocaps", NULL, NULL, size, &error)
          == TANGO_ERROR_MEMORY);
    CHECK(open_set(GOLDEN "/audiocaps", NULL) == TANGO_OK);
    for (i = 0; i < 6; i++)
        for (shift = 0; shift < 3; shift++) {
            CHECK(tango_batch_memory(&size, &set, 3, whats[i], &error) == TANGO_OK);
            block = (char *)room(size + shift);
            CHECK(tango_batch_read(&batch, &set, all, 3, whats[i], block + shift,
                      size - 1, &error) == TANGO_ERROR_MEMORY);
            CHECK(tango_batch_read(&batch, &set, all, 3, whats[i], block + shift, size,
                      &error) == TANGO_OK);
            free(block);
        }
}

static void impossible_batches_are_refused(void)
{
    size_t size = 7;
    CHECK(open_set(GOLDEN "/audiocaps", NULL) == TANGO_OK);
    CHECK(tango_batch_memory(&size, &set, 0, MEL, &error) == TANGO_ERROR_ARGUMENT);
    CHECK(tango_batch_memory(&size, &set, SIZE_MAX, MEL, &error) != TANGO_OK);
    CHECK(tango_batch_memory(&size, &set, SIZE_MAX / 64, MEL, &error) != TANGO_OK);
    CHECK(tango_batch_memory(&size, &set, 1, 16, &error) == TANGO_ERROR_ARGUMENT);
    CHECK(size == 7);
}

static void frames_that_no_file_has_are_refused(void)
{
    copy_set("audiocaps");
    change("\"frames\": 8", "\"frames\": 131072");
    CHECK(open_set(place, NULL) == TANGO_ERROR_DATA);
    CHECK(says("mel-spectrogram/000000.npy", "131072 frames (offset 0)"));
    CHECK(open_set(place, "test") == TANGO_OK); /* not of this split */
    copy_set("wavcaps");
    change("\"frames\": 8", "\"frames\": 131072");
    CHECK(open_set(place, NULL) == TANGO_ERROR_DATA);
    CHECK(says("mel_spectrograms/7.png", "131072 frames (offset 0)"));
}

/* ---- Manifests -------------------------------------------------------------------- */

static void cut_manifests_are_refused(void)
{
    size_t n;
    copy_set("audiocaps");
    for (n = manifest.n - 2; n + 1 > 0; n--) {
        if (truncate(in("dataset_info.json"), (off_t)n) != 0) stop("truncate");
        CHECK(open_set(place, NULL) == TANGO_ERROR_DATA);
        CHECK(says("dataset_info.json", "offset "));
    }
}

static void malformed_manifests_are_refused(void)
{
    static const char *const cases[][3] = {
        { "\"tango-dataset\"", "\"tango-dataseT\"", "no tango-dataset of version 1" },
        { "\"version\": 1", "\"version\": 2", "no tango-dataset of version 1" },
        { "\"version\": 1", "\"version\": 1.0", "no tango-dataset of version 1" },
        { "\"version\"", "\"edition\"", "no tango-dataset of version 1" },
        { "\"version\": 1", "\"version\": 1, \"version\": 1", "two members of one name" },
        { "\"version\": 1", "\"version\": 1, \"v\\u0065rsion\": 1", "two members" },
        { "\"missing\": 1", "\"a\": 1, \"a\": 1", "two members of one name" },
        { "\"total\": 6", "\"total\": {\"a\": {\"b\": {\"c\": 1, \"c\": 1}}}", "two" },
        { "\"val\": []", "\"val\": [], \"val\": []", "two members of one name" },
        { "\"parameters\"", "\"parameter\"", "no parameters" },
        { "\"parameters\": {", "\"parameters\": 5, \"p\": {", "not 64 mels" },
        { "16000", "22050", "not 64 mels each 160 samples at 16 kHz" },
        { "\"n_mels\": 64", "\"n_mels\": 80", "not 64 mels" },
        { "\"hop_length\": 160", "\"hop_length\": 256", "not 64 mels" },
        { "\"mel\": \"torchaudio\"", "\"mel\": \"other\"", "parameters missing or out" },
        { "8,T,16", "T,8,16", "parameters missing or out of range" },
        { "\"latent_order\"", "\"latent order\"", "parameters missing or out of range" },
        { "-100.0", "-1e300", "parameters missing or out of range" },
        { "-100.0", "70.0", "parameters missing or out of range" },
        { "-100.0", "1e999", "not finite" },
        { "70.0", "\"70\"", "parameters missing or out of range" },
        { "\"png_high\": 70.0", "\"png_high\": 3e38", "parameters missing or out" },
        { "\"items\"", "\"item\"", "no list of items" },
        { "\"items\": [", "\"items\": {}, \"old\": [", "no list of items" },
        { "\"items\": [", "\"items\": [5, ", "item is no object" },
        { "\"items\": [", "\"items\": [[], ", "item is no object" },
        { "\"items\": [", "\"items\": [{}, ", "incomplete item" },
        { "\"index\": 0", "\"index\": 0, \"index\": 0", "two members of one name in an" },
        { "\"index\": 0", "\"index\": -1", "incomplete item" },
        { "\"index\": 0", "\"index\": 0.0", "incomplete item" },
        { "\"index\": 0", "\"index\": 18446744073709551615", "incomplete item" },
        { "\"index\": 0", "\"index\": 18446744073709551616", "incomplete item" },
        { "\"frames\": 8", "\"frames\": 0", "incomplete item" },
        { "\"frames\": 8", "\"frames\": 131073", "incomplete item" },
        { "\"frames\": 8", "\"frames\": 1e1", "incomplete item" },
        { "\"seconds\": 0.08", "\"seconds\": \"0.08\"", "incomplete item" },
        { "\"id\"", "\"name\"", "incomplete item" },
        { "\"id\": \"000000\"", "\"id\": 0", "incomplete item" },
        { "\"caption\"", "\"capt\"", "incomplete item" },
        { "\"mel\": \"mel-", "\"mel\": 5, \"m\": \"mel-", "incomplete item" },
        { "\"mel\": \"mel-", "\"mel\": null, \"m\": \"mel-", "incomplete item" },
        { "000000.npy", "000000.npy\\u0000", "incomplete item" },
        { "\"audio\": \"", "\"audio\": false, \"a\": \"", "incomplete item" },
        { "\"split\": \"train\"", "\"split\": \"dev\"", "not as split_indices says" },
        { "\"split\": \"train\"", "\"split\": \"val\"", "not as split_indices says" },
        { "[0, 5]", "[5, 0]", "not as split_indices says" },
        { "[0, 5]", "[0]", "not as split_indices says" },
        { "[0, 5]", "[]", "not as split_indices says" },
        { "[0, 5]", "{}", "not as split_indices says" },
        { "[0, 5]", "[0, \"5\"]", "not as split_indices says" },
        { "[0, 5]", "[0, 99999999999999999999999]", "not as split_indices says" },
        { "[0, 5]", "[0, 5, 6]", "no item of this index" },
        { "\"split_indices\"", "\"splits\"", "not as split_indices says" },
        { "\"total\": 6", "\"total\": 06", "expected a comma" },
        { "a, quoted", "\xc0\xaf", "bad character" },
        { "a, quoted", "\n", "bad character" },
        { "a, quoted", "\\ud800", "bad character" },
        { "]}\n", "]}}", "bytes after" },
        { "]}\n", "]} x", "bytes after" },
        { "{", "[", "expected a" },
    };
    size_t i;
    copy_set("audiocaps");
    for (i = 0; i < sizeof cases / sizeof cases[0]; i++)
        CHECK(refused(cases[i][0], cases[i][1], cases[i][2]));
}

static void items_out_of_order_are_refused(void)
{
    copy_set("audiocaps");
    change("[0, 5]", "[3, 5]");
    free(manifest.p);
    manifest = slurp(in("dataset_info.json"));
    CHECK(refused("\"index\": 0", "\"index\": 3", "items out of order of index"));
}

/* The set with `begin`, n times `unit` and `end` in place of `from`. */
static tango_result with_many(
    const char *from, const char *begin, const char *unit, size_t n, const char *end)
{
    const size_t size = strlen(unit);
    char *text = (char *)room(strlen(begin) + n * size + strlen(end) + 1), *p = text;
    for (p += sprintf(p, "%s", begin); n > 0; n--, p += size) memcpy(p, unit, size);
    strcpy(p, end);
    change(from, text);
    free(text);
    return open_set(place, NULL);
}

static void large_and_deep_manifests_stay_small(void)
{
    static const char t[] = "\"total\": 6", i[] = "\"index\": 0";
    static const char name[] = "dataset_info.json";
    char closed[4][128];
    size_t k, size = 0;
    for (k = 0; k < 4; k++) {           /* 7]]] and 7}}} */
        memset(closed[k], k % 2 ? '}' : ']', sizeof closed[k]);
        closed[k][0] = '7';
        closed[k][(k < 2 ? 63 : 64) + 1] = 0;
    }
    copy_set("audiocaps");
    CHECK(with_many(t, "\"x\": ", "[", 63, closed[0]) == TANGO_OK);
    CHECK(with_many(t, "\"x\": ", "[", 64, closed[2]) == TANGO_ERROR_DATA);
    CHECK(says(name, "nested over 64 deep (offset "));
    CHECK(with_many(t, "\"x\": ", "{\"a\": ", 63, closed[1]) == TANGO_OK);
    CHECK(with_many(t, "\"x\": ", "{\"a\": ", 64, closed[3]) == TANGO_ERROR_DATA);
    CHECK(says(name, "nested over 64 deep (offset "));
    CHECK(with_many(t, "\"x\": ", "[", 1000000, "") == TANGO_ERROR_DATA);
    /* Unknown members may be long, if they have no thousand members of their own. */
    CHECK(with_many(t, "\"x\": [", "{\"]\": 0}, ", 100000, "7]") == TANGO_OK);
    CHECK(with_many(t, "\"x\": \"", "\\\"] ", 100000, "\"") == TANGO_OK);
    CHECK(tango_dataset_memory(&size, place, &error) == TANGO_OK && size < 1 << 18);
    CHECK(with_many(t, "\"", "long", 3000, "\": 1") == TANGO_ERROR_DATA);
    CHECK(says(name, "too much besides its items (offset 0)"));
    CHECK(with_many(i, "\"index\": 0, \"x\": [", "0, ", 60000, "7]") == TANGO_OK);
    CHECK(with_many(i, "\"index\": 0, \"x\": [", "0, ", 70000, "7]") != TANGO_OK);
    CHECK(says(name, "item of too many members (offset "));
}

/* ---- Files of clips --------------------------------------------------------------- */

static void paths_that_leave_the_set_are_refused(void)
{
    static const char *const paths[] = { "/etc/passwd", "../x.npy", "..", ".", "",
        "mel-spectrogram/../../x.npy", "mel-spectrogram/..", "mel-spectrogram/", "/",
        "./mel-spectrogram/000000.npy", "mel-spectrogram//000000.npy", "a\\\\..\\\\b",
        "mel-spectrogram/000000.npy\\n", "\\u007f" };
    static const char *const kinds[] = { "mel\": \"mel-spectrogram/000000.npy",
        "latent\": \"latent-vector/000000.npy", "audio\": \"original-audio/000000.wav",
        "mel_image\": \"mel-spectrogram/000000.png" };
    static const unsigned whats[] = { MEL, LATENT, AUDIO, IMAGE };
    char from[64], to[128];
    size_t i, k;
    copy_set("audiocaps");
    for (k = 0; k < 4; k++)
        for (i = 0; i < sizeof paths / sizeof paths[0]; i++) {
            sprintf(from, "\"%s\"", kinds[k]);
            sprintf(to, "\"%.*s%s\"", (int)(strchr(kinds[k], ' ') - kinds[k]) + 2,
                kinds[k], paths[i]);
            change(from, to);
            /* 12 frames are the longest: the set opens, the batch does not. */
            CHECK(open_set(place, NULL) == TANGO_OK);
            CHECK(read_one(0, whats[k]) == TANGO_ERROR_ARGUMENT);
            CHECK(read_one(1, whats[k]) == TANGO_OK);
        }
}

static void links_are_not_followed(void)
{
    static const char *const files[] = { "mel-spectrogram/000000.npy",
        "latent-vector/000000.npy", "original-audio/000000.wav",
        "mel-spectrogram/000000.png" };
    static const char *const folders[] = { "mel-spectrogram", "latent-vector",
        "original-audio" };
    static const unsigned whats[] = { MEL, LATENT, AUDIO, IMAGE };
    char kept[1024], target[1024];
    size_t k, way;
    for (k = 0; k < 4; k++)
        for (way = 0; way < 2; way++) { /* to a good file, from inside and outside */
            copy_set("audiocaps");
            strcpy(kept, in("kept"));
            strcpy(target, way ? kept : "../kept");
            CHECK(rename(in(files[k]), kept) == 0 && symlink(target, in(files[k])) == 0);
            CHECK(open_set(place, NULL) == TANGO_OK);
            CHECK(read_one(0, whats[k]) == TANGO_ERROR_UNSUPPORTED);
            CHECK(says(files[k], "a link, not a regular file"));
            CHECK(read_one(1, whats[k]) == TANGO_OK);
        }
    for (k = 0; k < 3; k++) {
        copy_set("audiocaps");
        CHECK(open_set(place, NULL) == TANGO_OK && read_one(0, whats[k]) == TANGO_OK);
        CHECK(rename(in(folders[k]), in("kept")) == 0
              && symlink("kept", in(folders[k])) == 0);
        CHECK(read_one(0, whats[k]) == TANGO_ERROR_ARGUMENT);
        CHECK(says(files[k], "leads through a link"));
    }
    copy_set("audiocaps");
    CHECK(rename(in("dataset_info.json"), in("kept")) == 0
          && symlink("kept", in("dataset_info.json")) == 0);
    CHECK(open_set(place, NULL) == TANGO_ERROR_UNSUPPORTED);
}

/* Nothing stays mapped: a manifest that is cut is an error, never a signal. */
static void a_manifest_cut_under_an_open_set_is_an_error(void)
{
    tango_dataset_item it;
    copy_set("audiocaps");
    CHECK(open_set(place, NULL) == TANGO_OK && item(&it, 2) == TANGO_OK);
    CHECK(strcmp(it.caption_file, "caption/000005.txt") == 0);
    CHECK(truncate(in("dataset_info.json"), 0) == 0);
    CHECK(item(&it, 2) == TANGO_ERROR_FILE);
    CHECK(says("dataset_info.json", "reading "));
}

static void missing_and_odd_files_are_errors(void)
{
    copy_set("audiocaps");
    unlink(in("latent-vector/000000.npy"));
    unlink(in("original-audio/000000.wav"));
    unlink(in("mel-spectrogram/000002.npy"));
    CHECK(open_set(place, NULL) == TANGO_OK);
    CHECK(read_one(0, MEL) == TANGO_OK && read_one(0, LATENT) == TANGO_ERROR_FILE);
    CHECK(says("latent-vector/000000.npy", "no such file"));
    CHECK(mkfifo(in("original-audio/000000.wav"), 0644) == 0);
    CHECK(read_one(0, AUDIO) == TANGO_ERROR_UNSUPPORTED);
    CHECK(mkdir(in("mel-spectrogram/000002.npy"), 0755) == 0);
    CHECK(read_one(1, MEL) == TANGO_ERROR_UNSUPPORTED);
    CHECK(says("mel-spectrogram/000002.npy", "not a regular file"));
    unlink(in("mel-spectrogram/000005.npy"));
    CHECK(open_set(place, NULL) == TANGO_ERROR_FILE);
    CHECK(says("mel-spectrogram/000005.npy", "no such file"));
    change("\"latent\"", "\"l\"");
    CHECK(open_set(place, "test") == TANGO_ERROR_UNSUPPORTED);
    CHECK(open_set(join(place, "nothing"), NULL) == TANGO_ERROR_FILE);
    CHECK(says("dataset_info.json", "no such file"));
    copy_set("audiocaps");
    change("\"latent\"", "\"l\"");
    CHECK(open_set(place, NULL) == TANGO_OK);
    CHECK(read_one(0, LATENT) == TANGO_ERROR_ARGUMENT);
    CHECK(says("dataset_info.json", "clip 0 has no latent"));
    CHECK(tango_dataset_open(&set, GOLDEN "/nothing", NULL, set_memory, 1 << 20, NULL)
          == TANGO_ERROR_FILE);
}

/* Every prefix of the file of the clip at position 0 is an error of its own. */
static void check_cuts(const char *name, const char *path, unsigned what)
{
    bytes b;
    size_t n;
    copy_set(name);
    CHECK(open_set(place, NULL) == TANGO_OK && read_one(0, what) == TANGO_OK);
    b = slurp(in(path));
    for (n = b.n - 1; n + 1 > 0; n--) {
        if (truncate(in(path), (off_t)n) != 0) stop(path);
        CHECK(read_one(0, what) == TANGO_ERROR_DATA);
        CHECK(says(path, "offset "));
    }
    if (!(what & AUDIO)) {              /* behind the data of a WAV all is ignored */
        b.p[b.n] = 0;
        spill(in(path), b.p, b.n + 1);
        CHECK(read_one(0, what) == TANGO_ERROR_DATA && says(path, "offset "));
    }
    free(b.p);
}

static void cut_arrays_are_refused(void)
{
    check_cuts("audiocaps", "mel-spectrogram/000000.npy", MEL);
    check_cuts("audiocaps", "latent-vector/000000.npy", LATENT);
}

static void cut_pictures_are_refused(void)
{
    check_cuts("audiocaps", "mel-spectrogram/000000.png", IMAGE);
    check_cuts("wavcaps", "mel_spectrograms/Yab-_.c.png", MEL);
}

static void cut_archives_are_refused(void)
{
    check_cuts("wavcaps", "latent_vectors/Yab-_.c.pt", LATENT);
}

static void cut_sounds_are_refused(void)
{
    check_cuts("audiocaps", "original-audio/000000.wav", AUDIO);
}

static void put_array(const char *path, tango_io_type type, const size_t *shape,
    size_t rank, const void *data, size_t size)
{
    unsigned char *file = (unsigned char *)room(size + 256);
    size_t n = tango_io_npy_header(file, type, shape, rank);
    swap_numbers(
        file + n, data, tango_io_type_size(type), size / tango_io_type_size(type));
    spill(in(path), file, n + size);
    free(file);
}

static void wrong_shapes_are_refused(void)
{
    static const char mel[] = "mel-spectrogram/000000.npy",
                      latent[] = "latent-vector/000000.npy";
    static const size_t mels[][3] = { { 64, 7 }, { 64, 9 }, { 63, 8 }, { 512 },
        { 1, 64, 8 }, { 32, 16 }, { 0, 8 }, { 64, 0 } };
    static const size_t mel_ranks[] = { 2, 2, 2, 1, 3, 2, 2, 2 };
    static const size_t latents[][5] = { { 8, 2, 15 }, { 8, 3, 16 }, { 4, 2, 16 },
        { 8, 32 }, { 2, 8, 2, 16 }, { 1, 1, 8, 2, 16 }, { 16, 2, 8 }, { 8, 4, 8 },
        { 256 }, { 0, 2, 16 }, { 1, 0, 2, 16 } };
    static const size_t latent_ranks[] = { 3, 3, 3, 2, 4, 5, 3, 3, 1, 3, 4 };
    static const float numbers[1024] = { 0 };
    size_t i, k, n;
    copy_set("audiocaps");
    CHECK(open_set(place, NULL) == TANGO_OK);
    for (i = 0; i < 8; i++) {
        for (n = 1, k = 0; k < mel_ranks[i]; k++) n *= mels[i][k];
        put_array(mel, TANGO_IO_F32, mels[i], mel_ranks[i], numbers, n * sizeof(float));
        CHECK(read_one(0, MEL) == TANGO_ERROR_DATA);
        CHECK(says(mel, "not the shape of a mel of 8 frames (offset 0)"));
    }
    for (i = 0; i < 11; i++) {
        for (n = 1, k = 0; k < latent_ranks[i]; k++) n *= latents[i][k];
        put_array(latent, TANGO_IO_F32, latents[i], latent_ranks[i], numbers,
            n * sizeof(float));
        CHECK(read_one(0, LATENT) == TANGO_ERROR_DATA);
        CHECK(says(latent, "not the shape of a latent of 8 frames (offset 0)"));
    }
    CHECK(rename(in("mel-spectrogram/000002.png"), in("mel-spectrogram/000000.png"))
          == 0);
    CHECK(read_one(0, IMAGE) == TANGO_ERROR_DATA);
    CHECK(says("mel-spectrogram/000000.png", "not the shape of a mel of 8 frames"));
    /* 5 frames have no latent. */
    change("\"frames\": 8", "\"frames\": 5");
    CHECK(open_set(place, NULL) == TANGO_OK && read_one(0, LATENT) == TANGO_ERROR_DATA);
}

static void files_of_another_kind_are_refused(void)
{
    static const char *const paths[] = { "mel-spectrogram/000000.npy",
        "mel-spectrogram/000000.png", "latent-vector/000000.npy",
        "original-audio/000000.wav", "dataset_info.json" };
    static const unsigned whats[] = { MEL, IMAGE, LATENT, AUDIO };
    size_t i, k;
    for (i = 0; i < 4; i++)
        for (k = 0; k < 5; k++) {
            bytes b;
            if (i == k) continue;
            copy_set("audiocaps");
            CHECK(open_set(place, NULL) == TANGO_OK);
            b = slurp(in(paths[k]));
            spill(in(paths[i]), b.p, b.n);
            free(b.p);
            CHECK(read_one(0, whats[i]) != TANGO_OK && says(paths[i], "offset "));
        }
}

/* Finite numbers but one; it stands at `bad` in the file's own order. */
static void numbers_that_are_none_are_errors(void)
{
    static const float none[] = { NAN, INFINITY, -INFINITY };
    static const size_t mel[] = { 64, 8 }, latent[] = { 8, 2, 16 };
    float x[512] = { 0 };
    char offset[32];
    size_t i, bad;
    copy_set("audiocaps");
    CHECK(open_set(place, NULL) == TANGO_OK);
    for (i = 0; i < 3; i++)
        for (bad = 0; bad < 512; bad += 73) {
            x[bad] = none[i];
            put_array("mel-spectrogram/000000.npy", TANGO_IO_F32, mel, 2, x, sizeof x);
            sprintf(offset, "(offset %u)", 128 + 4 * (unsigned)bad);
            CHECK(read_one(0, MEL) == TANGO_ERROR_NUMBER);
            CHECK(says("mel-spectrogram/000000.npy", offset));
            if (bad < 256) {
                put_array("latent-vector/000000.npy", TANGO_IO_F32, latent, 3, x, 1024);
                CHECK(read_one(0, LATENT) == TANGO_ERROR_NUMBER);
                CHECK(says("latent-vector/000000.npy", offset));
            }
            x[bad] = 0.0f;
        }
}

static void doubles_beyond_float_are_errors(void)
{
    static const size_t mel[] = { 8, 64 };
    double x[512] = { 0 };
    copy_set("audiocaps");
    CHECK(open_set(place, NULL) == TANGO_OK);
    put_array("mel-spectrogram/000000.npy", TANGO_IO_F64, mel, 2, x, sizeof x);
    CHECK(read_one(0, MEL) == TANGO_OK);
    x[100] = 1e39;
    put_array("mel-spectrogram/000000.npy", TANGO_IO_F64, mel, 2, x, sizeof x);
    CHECK(read_one(0, MEL) == TANGO_ERROR_NUMBER);
    CHECK(says("mel-spectrogram/000000.npy", "(offset 928)"));
}

static void put_archive(
    const char *path, const float *x, const size_t *shape, size_t rank)
{
    tango_io_output output;
    CHECK(tango_io_create(&output, in(path), &error) == TANGO_OK);
    CHECK(tango_io_torch_write(&output, TANGO_IO_F32, x, shape, rank, &error)
          == TANGO_OK);
    CHECK(tango_io_commit(&output, &error) == TANGO_OK);
}

static void archives_are_checked_alike(void)
{
    static const char pt[] = "latent_vectors/Yab-_.c.pt";
    static const size_t good[] = { 8, 16, 1 }, wrong[] = { 8, 16, 2 };
    float x[256] = { 0 };
    copy_set("wavcaps");
    CHECK(open_set(place, NULL) == TANGO_OK);
    put_archive(pt, x, good, 3);
    CHECK(read_one(0, LATENT) == TANGO_OK);
    put_archive(pt, x, wrong, 3);
    CHECK(read_one(0, LATENT) == TANGO_ERROR_DATA && says(pt, "not the shape"));
    x[5] = NAN;
    put_archive(pt, x, good, 3);
    CHECK(read_one(0, LATENT) == TANGO_ERROR_NUMBER && says(pt, "(offset "));
}

static void put_sound(
    const char *path, size_t channels, uint32_t rate, const float *x, size_t frames)
{
    static unsigned char file[65536];
    tango_io_wav_spec spec;
    size_t n;
    memset(&spec, 0, sizeof spec);
    spec.channels = channels;
    spec.rate = rate;
    spec.format = TANGO_IO_WAV_FLOAT32;
    spec.frames = frames;
    n = tango_io_wav_header(file, &spec);
    swap_numbers(file + n, x, 4, channels * frames);
    spill(in(path), file, n + 4 * channels * frames);
}

static void sounds_must_fit_their_clip(void)
{
    static const char wav[] = "original-audio/000002.wav";
    static float x[1282];
    size_t i;
    copy_set("audiocaps");
    CHECK(open_set(place, NULL) == TANGO_OK);
    put_sound(wav, 1, 16000, x, 640);
    CHECK(read_one(1, AUDIO) == TANGO_OK && batch.audio_lengths[0] == 640);
    put_sound(wav, 1, 16000, x, 0);
    CHECK(read_one(1, AUDIO) == TANGO_OK && batch.audio_lengths[0] == 0);
    put_sound(wav, 1, 16000, x, 641);
    for (i = 0; i < 2; i++) {           /* alone, and beside a longer clip */
        const uint32_t both[] = { 1, 2 };
        CHECK(read_batch(both, i + 1, AUDIO) == TANGO_ERROR_DATA);
        CHECK(says(wav, "not the shape of a sound of 4 frames"));
    }
    put_sound(wav, 2, 16000, x, 10);
    CHECK(read_one(1, AUDIO) == TANGO_ERROR_DATA && says(wav, "2 channels of 16000 Hz"));
    put_sound(wav, 1, 44100, x, 10);
    CHECK(read_one(1, AUDIO) == TANGO_ERROR_DATA && says(wav, "1 channels of 44100 Hz"));
    x[7] = INFINITY;
    put_sound(wav, 1, 16000, x, 10);
    CHECK(read_one(1, AUDIO) == TANGO_ERROR_NUMBER && says(wav, "at sample 7"));
}

static void long_names_leave_room_for_the_offset(void)
{
    static char to[512], name[256];
    size_t i;
    for (i = 0; i < 80; i++) memcpy(name + 2 * i, "\xc3\xa9", 2);
    sprintf(to, "\"latent-vector/%s\"", name);
    copy_set("audiocaps");
    change("\"latent-vector/000000.npy\"", to);
    spill(join(in("latent-vector"), name), "\x93NUMPY\1\0\377\377", 10);
    CHECK(open_set(place, NULL) == TANGO_OK);
    CHECK(read_one(0, LATENT) == TANGO_ERROR_DATA);
    CHECK(strncmp(error.text, "latent-vector/\\xc3\\xa9", 22) == 0);
    CHECK(strstr(error.text, ": npy: header of 65535 bytes") != NULL);
    CHECK(strstr(error.text, "(offset 8)") != NULL && strlen(error.text) < 160);
}

/* A batch that fails leaves the structure alone. */
static void failures_leave_the_batch_alone(void)
{
    tango_batch before;
    copy_set("audiocaps");
    CHECK(open_set(place, NULL) == TANGO_OK && read_one(0, MEL) == TANGO_OK);
    before = batch;
    unlink(in("mel-spectrogram/000000.npy"));
    CHECK(read_one(0, MEL) == TANGO_ERROR_FILE);
    CHECK(memcmp(&before, &batch, sizeof batch) == 0);
}

/* ---- Models ----------------------------------------------------------------------- */

/* Weights are used where they lie, in the file's order. */
static void a_model_opens_where_numbers_are_little_endian(void)
{
    tango_model model;
    tango_io_file file;
    CHECK(tango_io_map(&file, "../demo/tiny.tango", &error) == TANGO_OK);
    if (check_bad) return;
    if (big_endian()) {
        CHECK(tango_open(&model, file.data, file.size, &error)
              == TANGO_ERROR_UNSUPPORTED);
        CHECK(strstr(error.text, "this machine is big-endian") != NULL);
    } else {
        CHECK(tango_open(&model, file.data, file.size, &error) == TANGO_OK);
    }
    tango_io_unmap(&file);
}

int main(void)
{
    const char *folder = getenv("TMPDIR");
    strcpy(place, join(folder != NULL ? folder : "/tmp", "tango.XXXXXX"));
    if (mkdtemp(place) == NULL) stop("no temporary folder");
    RUN(splits_are_those_of_the_manifest);
    RUN(another_split_is_refused);
    RUN(items_are_read_in_any_order);
    RUN(positions_beyond_the_set_are_refused);
    RUN(closing_twice_is_safe);
    RUN(an_order_is_a_permutation);
    RUN(a_seed_repeats_its_order);
    RUN(epochs_differ);
    RUN(all_permutations_are_as_likely);
    RUN(an_order_is_that_of_the_script);
    RUN(batches_of_arrays_are_those_of_pytorch);
    RUN(pictures_beside_arrays_are_within_half_a_step);
    RUN(batches_of_pictures_and_archives_are_those_of_pytorch);
    RUN(other_forms_of_arrays_are_those_of_pytorch);
    RUN(captions_are_those_of_the_files);
    RUN(a_clip_is_the_same_in_any_company);
    RUN(only_the_manifest_can_tell_a_square_latent);
    RUN(other_latents_tell_their_order);
    RUN(pictures_may_have_8_bits);
    RUN(one_byte_too_little_memory_is_an_error);
    RUN(impossible_batches_are_refused);
    RUN(frames_that_no_file_has_are_refused);
    RUN(cut_manifests_are_refused);
    RUN(malformed_manifests_are_refused);
    RUN(items_out_of_order_are_refused);
    RUN(large_and_deep_manifests_stay_small);
    RUN(paths_that_leave_the_set_are_refused);
    RUN(links_are_not_followed);
    RUN(a_manifest_cut_under_an_open_set_is_an_error);
    RUN(missing_and_odd_files_are_errors);
    RUN(cut_arrays_are_refused);
    RUN(cut_pictures_are_refused);
    RUN(cut_archives_are_refused);
    RUN(cut_sounds_are_refused);
    RUN(wrong_shapes_are_refused);
    RUN(files_of_another_kind_are_refused);
    RUN(numbers_that_are_none_are_errors);
    RUN(doubles_beyond_float_are_errors);
    RUN(archives_are_checked_alike);
    RUN(sounds_must_fit_their_clip);
    RUN(long_names_leave_room_for_the_offset);
    RUN(failures_leave_the_batch_alone);
    RUN(a_model_opens_where_numbers_are_little_endian);
    shut();
    free(manifest.p);
    walk(place, drop);
    rmdir(place);
    return CHECK_DONE();
}
