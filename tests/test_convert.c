/* test_convert.c: the formulas of tools/convert.c.

       cc tests/test_convert.c -lm -o t && ./t          prints one line a claim */
#include "../demo/cli.h"
#define TANGO_STATIC /* what is not called is left out: builds in half of the time */
/* Problems are kept, not printed. */
static char message[4096];
static void keep_message(const char *kind, const char *format, va_list arguments)
{
    (void)kind;
    vsnprintf(message, sizeof message, format, arguments);
}
#define cli_message keep_message
#define main convert_main
#include "../tools/convert.c"
#undef main
#include "check.h"
#include <unistd.h>

/* 16 kHz, 1024 points, 64 bands: the values of librosa 0.11.0. */
static void mel_matrix_is_librosas(void)
{
    static const double row0[5] = { 0.007255641, 0.014511282, 0.021331152, 0.014075512,
                                    0.00681987 };
    tango_audio_parameters a = { 16000, 1024, 160, 1024, 64, 0.0, 8000.0,
                                 TANGO_AUDIO_TACOTRON };
    double sum = 0.0, largest = 0.0;
    int count = 0;
    for (size_t band = 0; band < 64; band++) {
        for (size_t bin = 0; bin < 513; bin++) {
            double w = mel_weight(&a, band, bin);
            sum += w;
            count += w > 0.0;
            if (w > largest) largest = w;
        }
    }
    CHECK(count == 997);
    CHECK_NEAR(sum, 4.09588, 5e-6);
    CHECK_NEAR(largest, 0.021331152, 1e-9);
    for (size_t i = 0; i < 5; i++) CHECK_NEAR(mel_weight(&a, 0, i + 1), row0[i], 1e-8);
}

/* The sum over rows of inverse[row][m] forward[row][n] is hop / fft on the diagonal,
   times
   both windows, and zero elsewhere: that makes it the pseudo-inverse. */
static void inverse_basis_inverts_the_forward_basis(void)
{
    tango_audio_parameters a = { 16000, 16, 4, 12, 8, 0.0, 8000.0,
                                 TANGO_AUDIO_TACOTRON };
    for (size_t m = 0; m < 16; m++) {
        for (size_t n = 0; n < 16; n++) {
            double sum = 0.0;
            for (size_t row = 0; row < 18; row++)
                sum += inverse_weight(&a, row, m) * forward_weight(&a, row, n);
            double window = window_at(&a, m) * window_at(&a, n);
            CHECK_NEAR(sum, m == n ? 0.25 * window : 0.0, 1e-14);
        }
    }
    CHECK(window_at(&a, 1) == 0.0 && window_at(&a, 14) == 0.0);
    CHECK_NEAR(window_at(&a, 8), 1.0, 1e-15);
}

/* A transposed convolution computed by its definition, and by the columns that the blob
   gets: kernel 7, rate 3, 2 inputs, 2 outputs. */
static void transposed_columns_are_an_ordinary_convolution(void)
{
    enum {
        IN = 2,
        OUT = 2,
        SIZE = 7,
        RATE = 3,
        PAD = (SIZE - RATE) / 2,
        TAPS = 3,
        T = 5
    };
    float w[IN * OUT * SIZE], x[IN][T], column[IN * TAPS];
    for (size_t i = 0; i < IN * OUT * SIZE; i++) w[i] = (float)((i * 37 + 5) % 17) - 8.0f;
    for (size_t i = 0; i < IN * T; i++)
        x[i / T][i % T] = (float)((i * 11 + 3) % 7) - 3.0f;
    weight t;
    memset(&t, 0, sizeof t);
    t.kind = TRANSPOSED;
    t.rate = RATE;
    shape(&t, 3, IN, OUT, SIZE, 1);
    tensor whole;
    tango_io_view view = { (const unsigned char *)w, TANGO_IO_F32,   3, { IN, OUT, SIZE },
                           { OUT * SIZE, SIZE, 1 },  IN * OUT * SIZE };
    t.view = view;
    static const source nothing_mapped;
    memset(&whole, 0, sizeof whole);
    whole.file = &nothing_mapped;
    t.at.t = &whole;
    job j;
    memset(&j, 0, sizeof j);
    for (size_t o = 0; o < OUT; o++) {
        for (size_t s = 0; s < (T - 1) * RATE + SIZE - 2 * PAD; s++) {
            float direct = 0.0f, ordinary = 0.0f;
            for (size_t c = 0; c < IN; c++)
                for (size_t i = 0; i < T; i++) /* s = RATE*i + k - PAD */
                    if (s + PAD >= RATE * i && s + PAD - RATE * i < SIZE)
                        direct += x[c][i] * w[(c * OUT + o) * SIZE + s + PAD - RATE * i];
            size_t row = (s + PAD) / RATE, phase = (s + PAD) % RATE;
            CHECK(fetch_transposed_column(&j, &t, phase * OUT + o, column));
            for (size_t c = 0; c < IN; c++)
                for (size_t tap = 0; tap < TAPS; tap++)
                    if (row + tap >= TAPS - 1 && row + tap - (TAPS - 1) < T)
                        ordinary += x[c][row + tap - (TAPS - 1)] * column[c * TAPS + tap];
            CHECK(direct == ordinary);
        }
    }
}

/* ---- Checkpoints of golden/wrapped ------------------------------------------------ */

/* Opens golden/wrapped/NAME and looks for a (2, 3) and b (4). 1 if both are there, and
   nothing else. */
static int finds_both(const char *name)
{
    static const size_t a[2] = { 2, 3 }, b[1] = { 4 };
    file_list files;
    memset(&files, 0, sizeof files);
    problems = 0;
    message[0] = '\0';
    store *s = open_store(&files, "golden/wrapped", name, name);
    tensor *t = find(s, "a"), *u = find(s, "b");
    int found_both = problems == 0 && t && u && fits(t, "a", a, 2, 0)
                     && fits(u, "b", b, 1, 0) && s->count == 2;
    close_stores(s);
    close_sources(&files);
    return found_both;
}

static void wrapped_checkpoints_are_unwrapped(void)
{
    CHECK(finds_both("flat.bin"));
    CHECK(finds_both("nested.bin"));
    CHECK(finds_both("twice.bin"));
    CHECK(finds_both("prefixed.bin"));
}

static void ambiguous_checkpoints_are_refused(void)
{
    CHECK(!finds_both("both.bin"));
    CHECK(strstr(message, "holds state_dict and model") != NULL);
    CHECK(!finds_both("none.bin"));
    CHECK(strstr(message, "no tensors: expected a state dictionary") != NULL);
    CHECK(!finds_both("mixed.bin"));
    CHECK(strstr(message, "1 of 2 names begin with module.") != NULL);
}

static void other_prefixes_are_named(void)
{
    static tensor list[2];
    store s = { NULL, "x.bin", list, 2, 2, 0.0 };
    list[0].name = "net.unet.a";
    list[1].name = "unet.b";
    CHECK(other_prefix(&s, "unet.a"));
    CHECK(strstr(message, "net.unet.a: names begin with net.; expected") != NULL);
    CHECK(!other_prefix(&s, "unet.b"));
    CHECK(!other_prefix(&s, "c"));
}

/* Neither a stride of 0 nor rows that overlap make more numbers than the file has. */
static void views_that_repeat_numbers_are_refused(void)
{
    CHECK(!finds_both("expanded.bin"));
    CHECK(strstr(message, "a: 6 numbers are shown in the room of 3") != NULL);
    CHECK(!finds_both("overlapping.bin"));
    CHECK(strstr(message, "a: 6 numbers are shown in the room of 4") != NULL);
}

/* Views that each are whole but lie in one storage: the sum counts. */
static void shared_storages_are_summed(void)
{
    weight list[3];
    plan p = { list, 3, 3, UNET, "", 0 };
    source file;
    tensor t;
    memset(list, 0, sizeof list);
    memset(&file, 0, sizeof file);
    memset(&t, 0, sizeof t);
    t.file = &file;
    for (size_t i = 0; i < 3; i++) {
        list[i].at.t = &t;
        list[i].view.type = TANGO_IO_F32;
        list[i].view.count = 100;
    }
    file.label = (char *)(size_t)"main";
    file.size = 1200;
    problems = 0;
    check_sum(&file, &p);
    CHECK(problems == 0);
    file.size = 1199;
    check_sum(&file, &p);
    CHECK(problems == 1);
    CHECK(strstr(message, "1200 bytes in a file of 1199") != NULL);
}

/* Numbers are summed as they pass, in order and once; what did not pass is summed when it
   is asked for. A damaged record is told once. */
static void records_are_summed_as_they_are_read(void)
{
    file_list files;
    memset(&files, 0, sizeof files);
    problems = 0;
    store *s = open_store(&files, "golden/wrapped", "flat.bin", "flat.bin");
    source *f = files.first;
    const tensor *a = find(s, "a"), *b = find(s, "b");
    CHECK(a && b && f->records && problems == 0);
    if (!a || !b || !f->records) return;
    record *r = record_of(f, b->view.data);
    CHECK(r != record_of(f, a->view.data) && r->is.size == 16);
    sum_along(f, b->view.data + 4, 4);
    CHECK(r->summed == 0); /* not the next ones */
    sum_along(f, b->view.data, 20);
    CHECK(r->summed == 0); /* not all of this record */
    sum_along(f, b->view.data, 4);
    sum_along(f, b->view.data, 4);
    CHECK(r->summed == 4);
    sum_along(f, b->view.data + 4, 8);
    CHECK(r->summed == 12);
    CHECK(check_numbers(f, b->view.data + 8) && r->summed == 16);
    CHECK(check_file(f) && problems == 0);
    r->sum ^= 1;
    CHECK(!check_numbers(f, b->view.data) && problems == 1);
    CHECK(strstr(message, "data/") && strstr(message, "does not match its CRC-32"));
    CHECK(!check_file(f) && problems == 1);
    problems = 0;
    close_stores(s);
    close_sources(&files);
}

/* The sum of an archive is put together from those of its records. */
static void sums_of_archives_are_those_of_their_bytes(void)
{
    static const char *const names[] = { "flat.bin", "nested.bin", "twice.bin" };
    tango_io_crc32 table;
    tango_io_crc32_begin(&table);
    for (size_t i = 0; i < 3; i++) {
        file_list files;
        memset(&files, 0, sizeof files);
        store *s = open_store(&files, "golden/wrapped", names[i], names[i]);
        const source *f = files.first;
        CHECK(f->torch.summed);
        CHECK(file_sum(&table, f) == tango_io_crc32_add(&table, 0, f->text, f->size));
        close_stores(s);
        close_sources(&files);
    }
}

/* ---- Names ------------------------------------------------------------------------ */

/* What a table makes of a name. */
static const char *turned(const rename_row *rows, const char *name, const char *prefix)
{
    static spot p;
    store empty = { NULL, "", NULL, 0, 0, 0.0 };
    naming n;
    memset(&n, 0, sizeof n);
    n.rows = rows;
    n.prefix = prefix;
    n.sizes.number[SIGN_N] = 2;
    n.sizes.number[SIGN_M] = 3;
    n.sizes.number[SIGN_L] = 2;
    p = spot_of(&n, &empty, name);
    return p.name;
}

static void names_are_turned_by_rows(void)
{
    static const struct {
        const rename_row *rows;
        const char *from, *to;
    } pairs[] = {
        { names_unet_ldm, "down_blocks.2.resnets.1.norm1.bias",
          "input_blocks.8.0.in_layers.0.bias" },
        { names_unet_ldm, "down_blocks.1.downsamplers.0.conv.weight",
          "input_blocks.6.0.op.weight" },
        { names_unet_ldm, "up_blocks.3.attentions.2.proj_in.weight",
          "output_blocks.11.1.proj_in.weight" },
        { names_unet_ldm, "up_blocks.0.upsamplers.0.conv.bias",
          "output_blocks.2.1.conv.bias" },
        { names_unet_ldm, "mid_block.attentions.0.transformer_blocks.0.norm1.weight",
          "middle_block.1.transformer_blocks.0.norm1.weight" },
        { names_unet, "x.ff.net.0.gate.weight", "x.ff.net.0.proj.weight" },
        { names_vae_diffusers, "decoder.up.0.block.2.nin_shortcut.weight",
          "decoder.up_blocks.2.resnets.2.conv_shortcut.weight" },
        { names_vae_diffusers, "encoder.mid.block_2.norm1.bias",
          "encoder.mid_block.resnets.1.norm1.bias" },
        { names_vae_diffusers, "encoder.mid.attn_1.proj_out.bias",
          "encoder.mid_block.attentions.0.to_out.0.bias" },
        { names_clap_laion,
          "audio_model.audio_encoder.layers.1.blocks.0.attention.self.key.bias",
          "audio_branch.layers.1.blocks.0.attn.qkv.bias" },
        { names_clap_laion, "text_projection.linear2.bias", "text_projection.2.bias" },
        { names_clap_laion, "text_model.pooler.dense.bias",
          "text_branch.pooler.dense.bias" },
        { names_vocoder_transformers, "ups.4.weight", "upsampler.4.weight" },
        { names_same, "a.b", "a.b" },
    };
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
        CHECK(strcmp(turned(pairs[i].rows, pairs[i].from, ""), pairs[i].to) == 0);
    CHECK(strcmp(turned(names_unet_ldm, "conv_in.weight", "model."),
                 "model.input_blocks.0.0.weight") == 0);
}

/* ---- What a family does when nothing else is asked --------------------------------- */

static void families_have_their_defaults(void)
{
    static const struct {
        const char *guidance, *sampler;
        layout_id layout;
        double vector, steps, scale, eta, crop, centre; /* 0: not there */
    } list[] = {
        { "", "ddpm", LAYOUT_TANGO, 0, 0, 3, 0, 0, 0 },
        { "", "ddpm", LAYOUT_DIFFUSERS, 0, 0, 3, 0, 0, 0 },
        { "", "ddim", LAYOUT_AUDIOLDM, 512, 200, 2.5, 1, 0, 0 },
        { "", "ddim", LAYOUT_DIFFUSERS, 512, 200, 2.5, 1, 600, 0 },
        { "fourier", "consistency", LAYOUT_CONSISTENCY, 0, 1, 4, 0, 9.5, 1 },
        { "ctm", "ctm", LAYOUT_CTM, 0, 2, 3.5, 0, 0, 0 },
    };
    for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
        values v = { NULL, 0, 0 };
        if (list[i].vector > 0.0) put_number(&v, "unet.class_dim", list[i].vector);
        if (*list[i].guidance) put_text(&v, "unet.guidance", list[i].guidance);
        publish_defaults(&v, list[i].layout);
        CHECK(text_is(&v, "default.sampler", list[i].sampler));
        CHECK_NEAR(number_of(&v, "default.steps"), list[i].steps, 0.0);
        CHECK_NEAR(number_of(&v, "default.guidance"), list[i].scale, 0.0);
        CHECK_NEAR(number_of(&v, "default.eta"), list[i].eta, 0.0);
        CHECK_NEAR(number_of(&v, "default.crop"), list[i].crop, 0.0);
        CHECK_NEAR(number_of(&v, "wave.center"), list[i].centre, 0.0);
        for (size_t k = 0; k < v.count; k++) free((void *)v.list[k].data);
        free(v.list);
    }
}

/* ---- Names of whole published files ----------------------------------------------- */

static const tango_unet_config tango_unet = {
    8, 8, 2, 32, 4, 1024, 0, TANGO_GUIDANCE_NONE, 0, { 320, 640, 1280, 1280 },
    { 5, 10, 20, 20 }, { 1, 1, 1, 0 }, { 0, 1, 1, 1 }, 1, 0, 1e-5f, 0.0f
};
static const tango_vocoder_config audioldm_vocoder = {
    64, 1024, 5, { 5, 4, 2, 2, 2 }, { 16, 16, 8, 4, 4 }, 3, { 3, 7, 11 }, { { 0 } }
};

/* Sizes of the published models: kind 0 Tango, 1 XL, 2 with adapters, 3 ConsistencyTTA,
   4 AudioLDM. */
static void publish(build *b, size_t kind)
{
    static const size_t light[4] = { 256, 512, 1024, 1024 };
    static const size_t film[4] = { 128, 256, 384, 640 };
    static const size_t heads[4] = { 4, 8, 12, 20 };
    static const int down[4] = { 0, 1, 1, 1 }, up[4] = { 1, 1, 1, 0 };
    tango_unet_config *u = &b->model.unet;
    *u = tango_unet;
    b->linear_projection = kind != 4;
    if (kind == 1) u->cross_width = 2048;
    if (kind == 2) u->in_channels = u->out_channels = 4;
    u->adapters = kind == 2;
    if (kind == 3) {
        memcpy(u->channels, light, sizeof light);
        u->guidance = TANGO_GUIDANCE_FOURIER;
        u->guidance_width = 512;
    }
    if (kind != 4) return;
    memcpy(u->channels, film, sizeof film);
    memcpy(u->heads, heads, sizeof heads);
    memcpy(u->down_attention, down, sizeof down);
    memcpy(u->up_attention, up, sizeof up);
    u->cross_width = 0;
    u->class_width = 512;
}

/* T5 small, base, large, xl; CLIP of Stable Diffusion 2.1; CLAP. */
static void publish_text(build *b, size_t kind)
{
    static const size_t sizes[6][5] = { { 32128, 512, 1024, 8, 6 },
        { 32128, 768, 2048, 12, 12 }, { 32128, 1024, 2816, 24, 16 },
        { 32128, 2048, 5120, 24, 32 }, { 49408, 1024, 4096, 23, 16 },
        { 50265, 768, 3072, 12, 12 } };
    tango_text_config *t = &b->model.text;
    t->type = kind < 4 ? TANGO_TEXT_T5 : kind == 4 ? TANGO_TEXT_CLIP : TANGO_TEXT_CLAP;
    t->vocab = sizes[kind][0];
    t->width = sizes[kind][1];
    t->hidden = sizes[kind][2];
    t->layers = sizes[kind][3];
    t->heads = sizes[kind][4];
    t->head_width = 64;
    t->buckets = 32;
    t->positions = kind == 4 ? 77 : 514;
    t->projection = 512;
}

static void publish_rest(build *b)
{
    static const size_t dims[4] = { 96, 192, 384, 768 }, depths[4] = { 2, 2, 6, 2 };
    static const size_t heads[4] = { 4, 8, 16, 32 };
    tango_vae_config *v = &b->model.vae;
    tango_rank_config *r = &b->model.rank;
    v->channels = 128;
    v->levels = 3;
    for (size_t i = 0; i < 3; i++) v->multiples[i] = (size_t)1 << i;
    v->res_blocks = 2;
    v->latent_channels = v->embedding = 8;
    v->in_channels = v->out_channels = 1;
    b->model.vocoder = audioldm_vocoder;
    r->levels = 4;
    memcpy(r->dims, dims, sizeof dims);
    memcpy(r->depths, depths, sizeof depths);
    memcpy(r->heads, heads, sizeof heads);
    r->window = 8;
    r->patch = 4;
    r->projection = 512;
    r->mels = 64;
}

static int compare_texts(const void *a, const void *b)
{
    return strcmp((const char *)a, (const char *)b);
}

/* Names that have a row of their own where they are there: AudioLDM's upsamplers. */
static const char *const alternatives[] = {
    "model.diffusion_model.output_blocks.2.2.conv.bias",
    "model.diffusion_model.output_blocks.2.2.conv.weight",
    "model.diffusion_model.output_blocks.5.2.conv.bias",
    "model.diffusion_model.output_blocks.5.2.conv.weight",
    "model.diffusion_model.output_blocks.8.2.conv.bias",
    "model.diffusion_model.output_blocks.8.2.conv.weight",
    "model_ema.diffusion_modeloutput_blocks22convbias",
    "model_ema.diffusion_modeloutput_blocks22convweight",
    "model_ema.diffusion_modeloutput_blocks52convbias",
    "model_ema.diffusion_modeloutput_blocks52convweight",
    "model_ema.diffusion_modeloutput_blocks82convbias",
    "model_ema.diffusion_modeloutput_blocks82convweight"
};
enum { ALTERNATIVES = sizeof alternatives / sizeof *alternatives };

/* "key 320x8x3x3" of a weight, axes of 1 at the end left out. */
static void name_line(char out[NAME_ROOM], const weight *w, const naming *n,
                      const char *blob_prefix)
{
    tensor list[ALTERNATIVES];
    store few = { NULL, "", list, ALTERNATIVES, ALTERNATIVES, 0.0 };
    for (size_t i = 0; i < ALTERNATIVES; i++) list[i].name = alternatives[i];
    size_t skip = strlen(blob_prefix), rank = w->rank, size;
    int inside = strncmp(w->name, blob_prefix, skip) == 0;
    spot at = spot_of(n, &few, w->name + (inside ? skip : 0));
    const char *name = inside ? at.name : w->name;
    size = (size_t)snprintf(out, NAME_ROOM, "%s %zu", name, w->shape[0] * at.parts);
    while (rank > 1 && w->shape[rank - 1] == 1) rank--;
    for (size_t i = 1; i < rank; i++)
        size += (size_t)snprintf(out + size, NAME_ROOM - size, "x%zu", w->shape[i]);
    snprintf(out + size, NAME_ROOM - size, "\n");
}

/* CRC-32 and number of all names and shapes that a published part has in a layout. */
static uint32_t names_sum(const build *b, const naming *n, size_t part, size_t *count)
{
    static char lines[1200][NAME_ROOM];
    tango_io_crc32 table;
    plan p;
    uint32_t crc = 0;
    size_t all = 0;
    memset(&p, 0, sizeof p);
    make_plan(&p, b);
    for (size_t i = 0; i < p.count; i++) {
        if ((size_t)p.list[i].part == part)
            name_line(lines[all++], &p.list[i], n, blob_prefixes[part]);
        free(p.list[i].name);
    }
    qsort(lines, all, NAME_ROOM, compare_texts);
    tango_io_crc32_begin(&table);
    *count = 0;
    for (size_t i = 0; i < all; i++) {
        if (i > 0 && strcmp(lines[i], lines[i - 1]) == 0) continue; /* parts of one */
        crc = tango_io_crc32_add(&table, crc, lines[i], strlen(lines[i]));
        ++*count;
    }
    free(p.list);
    return crc;
}

/* The numbers on the right are what tests/oracle/layouts.py names computes from lists of
   the tensors that the published files have. */
static void published_files_have_these_names(void)
{
    static const struct {
        const char *name;
        unsigned part;
        size_t kind;
        const rename_row *rows;
        const char *prefix;
        size_t count;
        uint32_t sum;
    } files[] = {
        { "tango", TANGO_PART_UNET, 0, names_unet, "unet.", 686,
          0x00896ea7u },
        { "tango xl", TANGO_PART_UNET, 1, names_unet, "unet.", 686,
          0x06e633beu },
        { "adapters", TANGO_PART_UNET, 2, names_unet, "unet.", 694,
          0x7af2cc83u },
        { "light", TANGO_PART_UNET, 3, names_unet, "", 691,
          0x585af133u },
        { "average", TANGO_PART_UNET, 4, names_unet_ldm, "model_ema.diffusion_model", 690,
          0xc7d8d1b3u },
        { "ckpt unet", TANGO_PART_UNET, 4, names_unet_ldm, "model.diffusion_model.", 690,
          0x4b77faabu },
        { "film", TANGO_PART_UNET, 4, names_unet, "", 690,
          0x0a1940bbu },
        { "vae", TANGO_PART_VAE, 0, names_same, "", 204,
          0x06fd585du },
        { "ckpt vae", TANGO_PART_VAE, 0, names_same, "first_stage_model.", 204,
          0xf4a3b3c9u },
        { "kl", TANGO_PART_VAE, 0, names_vae_diffusers, "", 204,
          0x0e25c687u },
        { "ckpt vocoder", TANGO_PART_VOCODER, 0, names_vocoder,
          "first_stage_model.vocoder.", 194, 0x3505ce55u },
        { "hifigan", TANGO_PART_VOCODER, 0, names_vocoder_transformers, "", 194,
          0xf6e511eeu },
        { "small", TANGO_PART_TEXT, 0, names_t5, "", 75,
          0x96230909u },
        { "base", TANGO_PART_TEXT, 1, names_t5, "", 111,
          0x666db9e8u },
        { "large", TANGO_PART_TEXT, 2, names_t5, "", 219,
          0x8394abbbu },
        { "xl", TANGO_PART_TEXT, 3, names_t5, "", 219,
          0xfd74deb1u },
        { "clip", TANGO_PART_TEXT, 4, names_clip, "", 372,
          0x356338c5u },
        { "clap", TANGO_PART_TEXT, 5, names_same, "", 203,
          0x6db06f75u },
        { "ckpt clap", TANGO_PART_TEXT, 5, names_clap_laion,
          "cond_stage_model.model.", 203, 0x1c9621adu },
        { "htsat", TANGO_PART_RANK, 0, names_clap_laion, "cond_stage_model.model.", 179,
          0xff51b5cfu },
    };
    static build b;
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        size_t count = 0, part = 0;
        naming n;
        memset(&b, 0, sizeof b);
        memset(&n, 0, sizeof n);
        n.rows = files[i].rows;
        n.prefix = files[i].prefix;
        n.dotless = strcmp(files[i].name, "average") == 0;
        n.sizes.number[SIGN_N] = n.sizes.number[SIGN_L] = 2;
        n.sizes.number[SIGN_M] = 3;
        publish(&b, files[i].kind);
        if (files[i].part == TANGO_PART_TEXT) publish_text(&b, files[i].kind);
        publish_rest(&b);
        b.model.parts = files[i].part;
        b.model.rank.shares_text = 1; /* the text tower is another list */
        while (!(files[i].part >> part & 1)) part++;
        uint32_t sum = names_sum(&b, &n, part, &count);
        int same = count == files[i].count && sum == files[i].sum;
        if (!same) printf("    %s: %zu names, 0x%08lx\n", files[i].name, count,
                          (unsigned long)sum);
        CHECK(same);
    }
}

/* A pattern matches whole names only; numbers are digits; two signs for any text. */
static void patterns_match_whole_names(void)
{
    enum { SIGN_I = 'i' };
    binding b;
    CHECK(matches("a.{i}.*", "a.12.x.y", &b) && b.number[SIGN_I] == 12 && b.size[0] == 3);
    CHECK(matches("*.b.*", "a.b.b.c", &b) && b.size[0] == 1 && b.size[1] == 3);
    CHECK(matches("*", "", &b) && b.size[0] == 0);
    CHECK(!matches("a.{i}", "a.", &b));
    CHECK(!matches("a.{i}", "a.b", &b));
    CHECK(!matches("a", "ab", &b));
    CHECK(!matches("ab", "a", &b));
}

/* ---- Configurations --------------------------------------------------------------- */

/* The smallest model that has every part. */
static const struct {
    config_kind file;
    const char *inside, *key, *value;
} micro[] = {
    { UNET_CONFIG, "", "in_channels", "2" },
    { UNET_CONFIG, "", "out_channels", "2" },
    { UNET_CONFIG, "", "block_out_channels", "[4, 8]" },
    { UNET_CONFIG, "", "attention_head_dim", "[1, 2]" },
    { UNET_CONFIG, "", "down_block_types",
      "[\"DownBlock2D\", \"CrossAttnDownBlock2D\"]" },
    { UNET_CONFIG, "", "up_block_types", "[\"CrossAttnUpBlock2D\", \"UpBlock2D\"]" },
    { UNET_CONFIG, "", "layers_per_block", "1" },
    { UNET_CONFIG, "", "norm_num_groups", "2" },
    { UNET_CONFIG, "", "cross_attention_dim", "6" },
    { UNET_CONFIG, "", "norm_eps", "1e-5" },
    { UNET_CONFIG, "", "freq_shift", "0" },
    { UNET_CONFIG, "", "flip_sin_to_cos", "true" },
    { UNET_CONFIG, "", "center_input_sample", "false" },
    { UNET_CONFIG, "", "mid_block_scale_factor", "1" },
    { UNET_CONFIG, "", "use_linear_projection", "true" },
    { UNET_CONFIG, "", "mid_block_type", "\"UNetMidBlock2DCrossAttn\"" },
    { T5_CONFIG, "", "model_type", "\"t5\"" },
    { T5_CONFIG, "", "feed_forward_proj", "\"gated-gelu\"" },
    { T5_CONFIG, "", "vocab_size", "8" },
    { T5_CONFIG, "", "d_model", "6" },
    { T5_CONFIG, "", "d_kv", "3" },
    { T5_CONFIG, "", "d_ff", "8" },
    { T5_CONFIG, "", "num_layers", "1" },
    { T5_CONFIG, "", "num_heads", "2" },
    { T5_CONFIG, "", "relative_attention_num_buckets", "8" },
    { T5_CONFIG, "", "relative_attention_max_distance", "16" },
    { T5_CONFIG, "", "layer_norm_epsilon", "1e-6" },
    { VAE_CONFIG, "", "embed_dim", "2" },
    { VAE_CONFIG, "", "scale_factor", "0.9" },
    { VAE_CONFIG, "ddconfig", "ch", "4" },
    { VAE_CONFIG, "ddconfig", "ch_mult", "[1, 2]" },
    { VAE_CONFIG, "ddconfig", "num_res_blocks", "1" },
    { VAE_CONFIG, "ddconfig", "z_channels", "2" },
    { VAE_CONFIG, "ddconfig", "in_channels", "1" },
    { VAE_CONFIG, "ddconfig", "out_ch", "1" },
    { VAE_CONFIG, "ddconfig", "num_groups", "2" },
    { LDM_VOCODER_CONFIG, "vocoder", "num_mels", "8" },
    { LDM_VOCODER_CONFIG, "vocoder", "upsample_initial_channel", "8" },
    { LDM_VOCODER_CONFIG, "vocoder", "upsample_rates", "[4, 4]" },
    { LDM_VOCODER_CONFIG, "vocoder", "upsample_kernel_sizes", "[8, 7]" },
    { LDM_VOCODER_CONFIG, "vocoder", "resblock_kernel_sizes", "[3]" },
    { LDM_VOCODER_CONFIG, "vocoder", "resblock_dilation_sizes", "[[1, 3, 5]]" },
    { STFT_CONFIG, "", "sampling_rate", "1600" },
    { STFT_CONFIG, "", "filter_length", "64" },
    { STFT_CONFIG, "", "hop_length", "16" },
    { STFT_CONFIG, "", "win_length", "64" },
    { STFT_CONFIG, "", "n_mel_channels", "8" },
    { STFT_CONFIG, "", "mel_fmin", "0" },
    { STFT_CONFIG, "", "mel_fmax", "800" },
    { SCHEDULE_CONFIG, "", "_class_name", "\"DDIMScheduler\"" },
    { SCHEDULE_CONFIG, "", "num_train_timesteps", "100" },
    { SCHEDULE_CONFIG, "", "beta_start", "0.001" },
    { SCHEDULE_CONFIG, "", "beta_end", "0.05" },
    { SCHEDULE_CONFIG, "", "beta_schedule", "\"scaled_linear\"" },
    { SCHEDULE_CONFIG, "", "prediction_type", "\"v_prediction\"" },
    { SCHEDULE_CONFIG, "", "timestep_spacing", "\"leading\"" },
    { SCHEDULE_CONFIG, "", "steps_offset", "1" },
    { SCHEDULE_CONFIG, "", "clip_sample", "false" },
    { SCHEDULE_CONFIG, "", "clip_sample_range", "1.0" },
    { SCHEDULE_CONFIG, "", "thresholding", "false" },
    { SCHEDULE_CONFIG, "", "dynamic_thresholding_ratio", "0.995" },
    { SCHEDULE_CONFIG, "", "sample_max_value", "1.0" },
    { SCHEDULE_CONFIG, "", "set_alpha_to_one", "false" },
    { SCHEDULE_CONFIG, "", "variance_type", "\"fixed_small\"" },
    { SCHEDULE_CONFIG, "", "final_sigmas_type", "\"zero\"" },
    { SCHEDULE_CONFIG, "", "lower_order_final", "true" },
    { SCHEDULE_CONFIG, "", "solver_order", "2" },
    { SCHEDULE_CONFIG, "", "use_karras_sigmas", "false" },
    { SCHEDULE_CONFIG, "", "rescale_betas_zero_snr", "false" },
    { SCHEDULE_CONFIG, "", "trained_betas", "null" },
    { DEFAULTS, "", "name", "\"micro\"" },
    { DEFAULTS, "", "steps", "2" },
    { DEFAULTS, "", "guidance", "3.0" },
    { DEFAULTS, "", "seconds", "0.1" },
    { DEFAULTS, "", "sampler", "\"dpm\"" },
    { DEFAULTS, "", "vocoder", "\"hifigan\"" }
};
enum { KEYS = sizeof micro / sizeof *micro, ROOM = 4096 };

/* Pieces <unk> <s> </s> and "_a" with the mark of a space, as protobuf. */
static const char pieces[] = "\n\x0e\n\x05<unk>\x15\0\0\0\0\x18\x02"
                             "\n\x0c\n\x03<s>\x15\0\0\0\0\x18\x03"
                             "\n\x0d\n\x04</s>\x15\0\0\0\0\x18\x03"
                             "\n\x0b\n\x04\xe2\x96\x81" "a\x15\0\0\x80\xbf";

/* The files of the micro model; key number `mutant` has another value. */
typedef struct folder {
    source s[CONFIGS], spiece;
    char text[CONFIGS][ROOM];
    origin o;
    build b;
    plan p;
    store nothing;
} folder;

static void add_text(char *out, const char *text)
{
    size_t n = strlen(out);
    snprintf(out + n, ROOM - n, "%s", text);
}

/* The keys of one object of one file. */
static void add_keys(char *out, config_kind file, const char *inside, size_t mutant,
                     const char *value)
{
    add_text(out, "{");
    for (size_t i = 0, first = 1; i < KEYS; i++) {
        if (micro[i].file != file || strcmp(micro[i].inside, inside) != 0) continue;
        add_text(out, first ? "\"" : ", \"");
        add_text(out, micro[i].key);
        add_text(out, "\": ");
        add_text(out, i == mutant ? value : micro[i].value);
        first = 0;
    }
}

/* Which object of a file has the keys of a configuration. */
static void compose_file(folder *f, config_kind kind, size_t mutant, const char *value)
{
    char *out = f->text[kind];
    add_keys(out, kind, "", mutant, value);
    if (kind == VAE_CONFIG) {
        add_text(out, ", \"ddconfig\": ");
        add_keys(out, VAE_CONFIG, "ddconfig", mutant, value);
        add_text(out, "}, \"vocoder\": ");
        add_keys(out, LDM_VOCODER_CONFIG, "vocoder", mutant, value);
        add_text(out, "}");
    }
    add_text(out, "}");
}

static void compose(folder *f, size_t mutant, const char *value)
{
    static const config_kind kinds[] = { UNET_CONFIG, T5_CONFIG, VAE_CONFIG, STFT_CONFIG,
                                         SCHEDULE_CONFIG, DEFAULTS };
    static const char *const names[] = { "unet_config.json", "text_encoder_config.json",
        "vae_config.json", "stft_config.json", "scheduler_config.json", "defaults.json" };
    static const signature *signs[PARTS];
    memset(f, 0, sizeof *f);
    problems = 0;
    for (size_t i = 0; i < 6; i++) {
        source *s = &f->s[kinds[i]];
        compose_file(f, kinds[i], mutant, value);
        s->label = (char *)(size_t)names[i];
        s->text = (const unsigned char *)f->text[kinds[i]];
        s->size = strlen(f->text[kinds[i]]);
        parse_json(s);
        f->b.configs[kinds[i]].file = s;
    }
    f->b.configs[LDM_VOCODER_CONFIG].file = &f->s[VAE_CONFIG];
    f->spiece.label = (char *)(size_t)"spiece.model";
    f->spiece.text = (const unsigned char *)pieces;
    f->spiece.size = sizeof pieces - 1;
    f->b.tokens.spiece = &f->spiece;
    for (size_t i = 0; i < sizeof signatures / sizeof *signatures; i++) {
        const signature *sign = &signatures[i];
        if (sign->layout == LAYOUT_TANGO && (sign->part != TEXT || sign->text == T5))
            signs[sign->part] = sign;
    }
    for (size_t i = 0; i < PARTS; i++) {
        piece *p = &f->o.pieces[i];
        if (i != RANK) f->b.from[i] = &f->o;
        p->sign = signs[i];
        p->tensors = &f->nothing;
        p->names.rows = names_same;
        p->names.prefix = "";
    }
}

/* 1 if convert takes this configuration, which is then planned. */
static int accepts(folder *f, size_t mutant, const char *value)
{
    compose(f, mutant, value);
    if (problems == 0) read_configuration(&f->b);
    int taken = problems == 0;
    if (taken) make_plan(&f->p, &f->b);
    problems = 0;
    return taken;
}

static void give_back(folder *f)
{
    for (size_t i = 0; i < CONFIGS; i++) free(f->s[i].work);
    release(&f->b, &f->p);
}

/* ---- Models ----------------------------------------------------------------------- */

static char blob_path[512];

/* Writes the planned model; all its weights are the same noise. */
static void write_model(folder *f)
{
    static float noise[1 << 19];
    static tensor whole;
    static source nothing_mapped;
    const file_list no_files = { NULL, NULL, NULL, 0, 0 };
    job j;
    memset(&j, 0, sizeof j);
    for (size_t i = 0; i < 1 << 19; i++)
        noise[i] = 0.4f * ((float)(i * 2654435761u % 65536) / 65536.0f - 0.5f);
    for (size_t i = 0; i < f->p.count; i++) {
        weight *w = &f->p.list[i];
        tango_io_view *v = &w->view;
        v->data = (const unsigned char *)noise;
        v->type = TANGO_IO_F32;
        v->rank = w->rank;
        v->count = 1;
        w->at.t = &whole;
        whole.file = &nothing_mapped;
        for (size_t k = w->rank; k-- > 0;) {
            v->shape[k] = w->shape[k];
            v->strides[k] = v->count;
            v->count *= w->shape[k];
        }
    }
    j.type = TANGO_IO_F32;
    write_blob(blob_path, &j, &f->p, &f->b.v, &no_files, 1);
}

/* Runs the model once with a sampler and a vocoder. A refusal before the work is fine,
   after it is not. Returns 0 if it ran or was refused. */
static int fails(const tango_model *m, tango_sampler sampler, tango_vocoder vocoder)
{
    tango_params p;
    tango_plan plan;
    tango_error error;
    int bad;
    memset(&p, 0, sizeof p);
    p.prompt = "a";
    p.sampler = sampler;
    p.vocoder = vocoder;
    p.steps = m->defaults.steps < 4 ? m->defaults.steps : 1;
    p.guidance = 1.0;
    if (m->defaults.seconds > 0.5 || m->hop * 40 < m->rate / 10) p.seconds = 0.01;
    if (tango_prepare(&plan, m, &p, &error) != TANGO_OK)
        return error.text[0] == '\0' || strncmp(error.text, "memory", 6) == 0;
    if (plan.memory > 100 << 20 || plan.samples > 1 << 20) return 0;
    void *memory = malloc(plan.memory);
    float *wave = (float *)malloc(plan.samples * sizeof *wave);
    bad = tango_generate(wave, m, &p, memory, plan.memory, &error) != TANGO_OK;
    if (bad) printf("    %s\n", error.text);
    free(memory);
    free(wave);
    return bad;
}

static int encode_fails(const tango_model *m)
{
    const size_t factor = (size_t)1 << (m->vae.levels - 1), frames = factor * 2;
    tango_encoding e;
    tango_error error;
    size_t size = 0;
    memset(&e, 0, sizeof e);
    e.batch = 1;
    e.frames = frames;
    if (tango_encode_memory(&size, m, &e, &error) != TANGO_OK) return 1;
    if (size > 100 << 20) return 0;
    void *memory = malloc(size);
    float *mel = (float *)calloc(frames * m->mels, sizeof *mel);
    float *latent = (float *)calloc(frames * m->mels * m->vae.embedding, sizeof *latent);
    int bad = tango_encode(latent, NULL, NULL, mel, m, &e, memory, size, &error)
              != TANGO_OK;
    free(memory);
    free(mel);
    free(latent);
    return bad;
}

/* 1, and a line, unless the blob opens and runs. */
static int model_fails(const char *key, const char *value)
{
    tango_io_file file;
    tango_model m;
    tango_error error = { "" };
    int bad = tango_io_map(&file, blob_path, &error) != TANGO_OK;
    if (!bad) bad = tango_open(&m, file.data, file.size, &error) != TANGO_OK;
    if (!bad)
        bad = fails(&m, TANGO_SAMPLER_DEFAULT, TANGO_VOCODER_DEFAULT)
              || fails(&m, TANGO_DDPM, TANGO_GRIFFIN_LIM) || encode_fails(&m);
    if (bad) printf("    %s = %s: %s\n", key, value, error.text);
    tango_io_unmap(&file);
    return bad;
}

static const char *const nasty[] = { "0", "1", "2", "3", "5", "6", "7", "16", "60", "100",
    "4096", "1000000", "18446744073709551615", "-1", "0.5", "-0.5", "1e-300", "1e-9",
    "1e-7", "0.999", "1e300", "NaN", "Infinity", "true", "false", "null", "\"\"", "\"x\"",
    "\"linear\"", "\"epsilon\"", "\"trailing\"", "\"linspace\"", "\"euler\"", "\"unipc\"",
    "\"griffin-lim\"", "\"DownBlock2D\"", "{}", "[]", "[1]", "[2]", "[8, 2]", "[2, 8]",
    "[16]", "[1, 16]", "[3, 5]", "[0, 1]", "[64, 64]", "[1, 1, 1]", "[2, 2, 4, 1]",
    "[2, 2, 2, 2, 2, 2, 2, 2]",
    "[1, 1, 1, 1, 1, 1, 1, 1, 1]", "[[1, 1, 1], [1, 2, 3]]", "[[64, 1, 64]]", "[null]" };
enum { NASTY = sizeof nasty / sizeof *nasty };

static void what_convert_takes_runs(void)
{
    static folder f;
    size_t taken = 0, refused = 0;
    for (size_t i = 0; i <= KEYS; i++) {
        for (size_t k = 0; k < (i < KEYS ? NASTY : 1); k++) {
            int is_taken = accepts(&f, i, nasty[k]);
            taken += (size_t)is_taken;
            refused += (size_t)!is_taken;
            if (is_taken && parameter_count(&f.p) < 1 << 18) {
                write_model(&f);
                CHECK(!model_fails(i < KEYS ? micro[i].key : "", nasty[k]));
            }
            give_back(&f);
        }
    }
    printf("    %zu taken, %zu refused\n", taken, refused);
    CHECK(taken > 200 && refused > 2000);
}

static const double odd[] = { 0.0, 1.0, 2.0, 3.0, 5.0, 16.0, 100.0, 65536.0, 1e6, 1e18,
    -1.0, 0.5, 1e-300, 1e-9, 1e-7, 0.999, 1e300 };

/* Puts a number in place of one of the metadata and mends the header's checksum. */
static void patch(unsigned char *blob, size_t header, const tango_io_value *v, size_t at,
                  double number)
{
    unsigned char *p = (unsigned char *)(size_t)v->data + 8 * at;
    uint64_t whole = number < 0.0 || number > 1e18 ? UINT64_MAX : (uint64_t)number;
    if (v->type == TANGO_IO_F64) memcpy(&whole, &number, 8);
    tango_io__put64(p, whole);
    tango_io__put64(blob + 40, tango_io__blob_header_sum(blob, header));
}

static void what_opens_runs(void)
{
    static folder f;
    tango_io_file file;
    tango_io_blob b;
    tango_io_value v;
    tango_model m;
    tango_error error;
    size_t opened = 0, count = sizeof odd / sizeof *odd;
    CHECK(accepts(&f, KEYS, ""));
    write_model(&f);
    give_back(&f);
    CHECK(tango_io_map(&file, blob_path, &error) == TANGO_OK);
    CHECK(tango_io_blob_open(&b, file.data, file.size, &error) == TANGO_OK);
    unsigned char *room = (unsigned char *)malloc(b.size + 64), *blob = room;
    while ((size_t)blob % 64) blob++;
    for (size_t i = 0; i < b.value_count; i++) {
        for (size_t k = 0; k < count * 24; k++) {
            memcpy(blob, file.data, b.size);
            tango_io_blob copy = b;
            copy.data = blob;
            tango_io_blob_value_at(&copy, i, &v);
            int is_number = v.type == TANGO_IO_U64 || v.type == TANGO_IO_F64;
            if (!is_number || k / count >= v.count) break;
            patch(blob, b.header_size, &v, k / count, odd[k % count]);
            if (tango_open(&m, blob, b.size, &error) != TANGO_OK) continue;
            opened++;
            tango_sampler sampler = (tango_sampler)(1 + k % 5);
            int bad = fails(&m, sampler, TANGO_VOCODER_DEFAULT)
                      || fails(&m, TANGO_SAMPLER_DEFAULT, TANGO_GRIFFIN_LIM);
            if (bad) printf("    %s[%zu] = %g\n", v.key, k / count, odd[k % count]);
            CHECK(!bad);
        }
    }
    printf("    %zu opened\n", opened);
    CHECK(opened > 100);
    free(room);
    tango_io_unmap(&file);
}

/* Without -t matrices get the type that all of them have, else f32; vectors do not
   count. */
static void the_type_is_the_checkpoints(void)
{
    weight list[3];
    plan p;
    memset(&p, 0, sizeof p);
    memset(list, 0, sizeof list);
    p.list = list;
    CHECK(type_of_checkpoint(&p) == TANGO_IO_F32);
    p.count = 3;
    list[0].kind = VECTOR;
    list[1].kind = MATRIX;
    list[2].kind = EMBEDDING;
    list[0].view.type = TANGO_IO_F32;
    for (int type = 0; type <= TANGO_IO_F64; type++) {
        list[1].view.type = list[2].view.type = (tango_io_type)type;
        const int kept = type == TANGO_IO_F16 || type == TANGO_IO_BF16;
        CHECK(type_of_checkpoint(&p) == (kept ? (tango_io_type)type : TANGO_IO_F32));
    }
    list[1].view.type = TANGO_IO_F16;
    list[2].view.type = TANGO_IO_BF16;
    CHECK(type_of_checkpoint(&p) == TANGO_IO_F32);
}

int main(void)
{
    RUN(mel_matrix_is_librosas);
    RUN(inverse_basis_inverts_the_forward_basis);
    RUN(transposed_columns_are_an_ordinary_convolution);
    RUN(sums_of_archives_are_those_of_their_bytes);
    RUN(records_are_summed_as_they_are_read);
    RUN(names_are_turned_by_rows);
    RUN(families_have_their_defaults);
    RUN(published_files_have_these_names);
    RUN(patterns_match_whole_names);
    RUN(wrapped_checkpoints_are_unwrapped);
    RUN(other_prefixes_are_named);
    RUN(ambiguous_checkpoints_are_refused);
    RUN(views_that_repeat_numbers_are_refused);
    RUN(shared_storages_are_summed);
    snprintf(blob_path, sizeof blob_path, "%s/tango_convert.%ld.tango",
             getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp", (long)getpid());
    RUN(what_convert_takes_runs);
    RUN(what_opens_runs);
    RUN(the_type_is_the_checkpoints);
    remove(blob_path);
    return CHECK_DONE();
}
