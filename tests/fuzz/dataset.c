/* clang -g -O1 -fsanitize=fuzzer,address,undefined -I../.. dataset.c -lm -o fuzz_dataset
   ./fuzz_dataset -max_total_time=60 -max_len=4096

   TANGO_STATIC leaves out what is not called, which builds in a third of the time.
   Input that begins with a bracket or a space is a manifest, whose file is taken as
   mapped; anything else is the file of a clip of 4 to 64 frames, of each kind in turn. */
#define _POSIX_C_SOURCE 200809L
#define TANGO_IMPLEMENTATION
#define TANGO_STATIC
#define TANGO_NN_NO_SIMD
#include "../../tango.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

static void check_item(const tango_dataset *set, size_t position, void *work)
{
    tango_dataset_item item;
    tango_error error;
    if (tango_dataset_read(&item, set, position, work, set->item_work, &error)
        != TANGO_OK)
        __builtin_trap();               /* all items were read once */
    if (item.frames == 0 || item.frames > set->frames) __builtin_trap();
    if (strlen(item.id) + strlen(item.caption) > set->item_text) __builtin_trap();
}

/* tango_dataset_open without the files that the manifest names. */
static void read_manifest(tango_io_file file)
{
    static const char *const splits[] = { NULL, "train", "val", "test" };
    size_t need = 0, longest = 0, all = 0, count = 0, i, k;
    tango__manifest m;
    tango_dataset set;
    tango_error error;
    void *memory, *work;
    if (tango__manifest_measure(&m, &file, &error) != TANGO_OK) return;
    if (tango__manifest_memory(&need, &m, &error) != TANGO_OK) return;
    if (need > 4 * file.size + ((size_t)16 << 20)) __builtin_trap();
    memory = malloc(need);
    for (k = 0; memory != NULL && k < 4; k++) {
        memset(&set, 0, sizeof set);
        set.file = file;
        if (tango__dataset_parse(&set, &m, splits[k], memory, need - 1, &longest, &error)
            != TANGO_ERROR_MEMORY) __builtin_trap();
        if (tango__dataset_parse(&set, &m, splits[k], memory, need, &longest, &error)
            != TANGO_OK) {
            if (k > 0) __builtin_trap();        /* the same manifest for each split */
            break;
        }
        if (k == 0) all = set.count;
        else count += set.count;
        if (set.count > 0 && longest >= set.count) __builtin_trap();
        work = malloc(set.item_work);
        for (i = 0; work != NULL && i < set.count; i++) check_item(&set, i, work);
        free(work);
    }
    if (count != all) __builtin_trap();
    free(memory);
}

/* The file as each kind of a clip in a batch of one; `frames` and `order` are free. */
static void read_clip(tango_io_file file, size_t frames, int order)
{
    static tango__fill *const fills[] = { tango__fill_array, tango__fill_picture,
        tango__fill_latent, tango__fill_audio };
    static unsigned char memory[1 << 21]; /* the arena has guard gaps */
    tango__batch_parts parts;
    tango_dataset set;
    tango_arena arena;
    tango_error error;
    tango__clip clip;
    size_t need = 0, i, k;
    memset(&set, 0, sizeof set);
    set.frames = frames;
    set.frequency_first = order;
    set.power = order;
    set.png_low = -100.0;
    set.png_high = 70.0;
    if (tango_batch_memory(&need, &set, 1, 7, &error) != TANGO_OK
        || need > sizeof memory) __builtin_trap();
    tango__arena_over(&arena, memory, need);
    if (!tango__batch_divide(&arena, &parts, &set, 1, 7)) __builtin_trap();
    for (i = 0; i < 4; i++) {
        float *const outs[] = { parts.mel, parts.mel, parts.latent, parts.audio };
        const size_t counts[] = { 64 * frames, 64 * frames, frames / 4 * 128, 0 };
        memset(&clip, 0, sizeof clip);
        clip.set = &set;
        clip.parts = &parts;
        clip.frames = clip.stride = frames;
        clip.what = "clip";
        clip.out = outs[i];
        clip.error = &error;
        if (fills[i](&clip, &file) != TANGO_OK) continue;
        for (k = 0; k < counts[i] + clip.got; k++)
            if (!(clip.out[k] - clip.out[k] == 0.0f)) __builtin_trap();
    }
    tango__arena_close(&arena);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    tango_io_file file;
    memset(&file, 0, sizeof file);
    file.data = data;
    file.size = size;
    if (size == 0) return 0;
    if (data[0] == '{' || data[0] == ' ') {
        read_manifest(file);
        return 0;
    }
    read_clip(file, 4, 0);
    read_clip(file, 8, 1);
    if (size % 16 == 0) read_clip(file, 64, size % 32 == 0);
    return 0;
}
