/* cc -I.. test_model.c -lm -o t && ./t     prints one line a claim

   What a blob's metadata may say, on the made-up models of fuzz/model.c: these have all
   tensors that tango.h asks for. */
#define TANGO_STATIC /* what is not called is left out: builds in half of the time */
#include "fuzz/model.c"
#include "check.h"

static tango_model model;
static tango_error error;

static void set(const char *key, uint64_t x)
{
    drop(key);
    put_integer(key, x);
}

static int refused(const char *words)
{
    const tango_result r = opened(&model, &error);
    if (r == TANGO_ERROR_DATA && strstr(error.text, words) != NULL) return 1;
    printf("    %d: %s\n", (int)r, r == TANGO_OK ? "" : error.text);
    return 0;
}

/* Each part is used as far as the others let it; fuzz/model.c traps what goes wrong. */
static void any_parts_make_a_model(void)
{
    for (size_t kind = 0; kind < 3; kind++)
        for (unsigned without = 0; without < 32; without++) {
            build(kind, without);
            if (without == 31) CHECK(refused("no text encoder"));
            else CHECK(opened(&model, &error) == TANGO_OK);
            if (without == 31) continue;
            CHECK(model.parts == (31u ^ without));
            generate(&model, without % 8, SIZE_MAX);
            encode(&model);
            judge(&model, 100, 1500);
        }
}

/* T5 and CLIP make states, CLAP a vector: a UNet that wants the other has nothing. */
static void a_unet_gets_what_its_text_encoder_makes(void)
{
    for (size_t kind = 0; kind < 3; kind++) {
        build(kind, 0);
        if (kind == 2) set("unet.cross_dim", 8);
        else set("unet.class_dim", 8);
        CHECK(refused(kind == 2 ? "'unet.cross_dim' is 8, expected 0"
                                : "'unet.class_dim' is 8, expected 0"));
        build(kind, 0);
        if (kind == 2) set("unet.class_dim", 0);
        else set("unet.cross_dim", 0);
        CHECK(refused(kind == 2 ? "'unet.class_dim' is 0, expected 8"
                                : "'unet.cross_dim' is 0, expected 8"));
    }
}

static void a_text_has_room_for_both_its_ends(void)
{
    static const char *const keys[2][2] = { { "text.positions", "text.pad" },
        { "rank_text.positions", "rank_text.pad" } };
    for (size_t i = 0; i < 2; i++) {
        build(i == 0 ? 2 : 0, 0);
        set(keys[i][1], 37);
        CHECK(opened(&model, &error) == TANGO_OK);
        generate(&model, 0, SIZE_MAX);
        judge(&model, 100, 1500);
        set(keys[i][1], 38);
        CHECK(refused(keys[i][0]) && strstr(error.text, "3 more than 38") != NULL);
        set(keys[i][1], 299);
        CHECK(refused(keys[i][0]));
    }
}

/* Whatever stands beside the table that the type names is nobody's. */
static void the_type_names_the_table(void)
{
    build(1, 0);
    put("tokenizer.spiece", TANGO_IO_BYTES, "none", 4);
    CHECK(opened(&model, &error) == TANGO_OK);
    generate(&model, 0, SIZE_MAX);
    build(0, 0);
    put("tokenizer.bpe", TANGO_IO_BYTES, "none", 4);
    CHECK(opened(&model, &error) == TANGO_OK);
    generate(&model, 0, SIZE_MAX);
    build(2, 0); /* one table for the prompt and for the ranking, which wants its own kind */
    set_word("tokenizer.type", "sentencepiece");
    put("tokenizer.spiece", TANGO_IO_BYTES, "none", 4);
    CHECK(opened(&model, &error) != TANGO_OK);
    build(2, 16);
    set_word("tokenizer.type", "clip");
    CHECK(opened(&model, &error) != TANGO_OK);
}

static void a_unet_with_adapters_needs_no_vae(void)
{
    build(0, TANGO_PART_VAE);
    set("unet.adapters", 1);
    CHECK(opened(&model, &error) == TANGO_OK);
    build(0, 0);
    set("unet.adapters", 1);
    CHECK(refused("'vae.embed_dim' is 4, expected 8"));
}

int main(void)
{
    RUN(any_parts_make_a_model);
    RUN(a_unet_gets_what_its_text_encoder_makes);
    RUN(a_text_has_room_for_both_its_ends);
    RUN(the_type_names_the_table);
    RUN(a_unet_with_adapters_needs_no_vae);
    return CHECK_DONE();
}
