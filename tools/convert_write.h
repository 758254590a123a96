/* convert_write.h: the check of the Fourier transform, and writing tensors.      MIT-0 */
#ifndef TANGO_CONVERT_WRITE_H
#define TANGO_CONVERT_WRITE_H

#include "convert_belt.h"
#include "convert_plan.h"

/* The largest number that each type holds. */
static double most_of(tango_io_type type)
{
    if (type == TANGO_IO_F16) return 65504.0;
    return type == TANGO_IO_BF16 ? 3.3895313892515355e38 : (double)FLT_MAX;
}

#define PI 3.14159265358979323846

/* ---- The short-time Fourier transform --------------------------------------------- */

/* Slaney's mel scale: linear below 1000 Hz, logarithmic above (librosa's default). */
static double mel_to_hertz(double mel)
{
    return mel < 15.0 ? mel * 200.0 / 3.0 : 1000.0 * exp((mel - 15.0) * log(6.4) / 27.0);
}

static double hertz_to_mel(double hertz)
{
    return hertz < 1000.0 ? hertz * 3.0 / 200.0
                          : 15.0 + 27.0 * log(hertz / 1000.0) / log(6.4);
}

/* Element (band, bin) of the mel matrix: a triangle over three neighbouring corners,
   scaled to area 1 (librosa.filters.mel with htk=False, norm="slaney"). */
static double mel_weight(const tango_audio_parameters *a, size_t band, size_t bin)
{
    double low = hertz_to_mel(a->fmin), step = hertz_to_mel(a->fmax) - low, corner[3];
    for (size_t i = 0; i < 3; i++)
        corner[i] = mel_to_hertz(low + step * (double)(band + i) / (double)(a->mels + 1));
    double f = (double)bin * (double)a->rate / (double)a->fft;
    double up = (f - corner[0]) / (corner[1] - corner[0]);
    double down = (corner[2] - f) / (corner[2] - corner[1]);
    double height = up < down ? up : down;
    return height > 0.0 ? height * 2.0 / (corner[2] - corner[0]) : 0.0;
}

/* The periodic Hann window, centred in the transform when it is shorter. */
static double window_at(const tango_audio_parameters *a, size_t n)
{
    size_t left = (a->fft - a->window) / 2;
    if (n < left || n >= left + a->window) return 0.0;
    return 0.5 - 0.5 * cos(2.0 * PI * (double)(n - left) / (double)a->window);
}

/* Row k < bins is the windowed cosine of frequency k, row bins + k the negative sine. */
static double forward_weight(const tango_audio_parameters *a, size_t row, size_t n)
{
    size_t bins = a->fft / 2 + 1, k = row < bins ? row : row - bins;
    double angle = 2.0 * PI * (double)(k * n % a->fft) / (double)a->fft;
    if (row >= bins && (k == 0 || k == bins - 1)) return 0.0; /* sin of multiples of pi */
    return (row < bins ? cos(angle) : -sin(angle)) * window_at(a, n);
}

/* The pseudo-inverse of those rows (without window, times fft / hop) is the inverse
   Fourier transform: each row divided by fft, twice over except at both ends of the
   spectrum. */
static double inverse_weight(const tango_audio_parameters *a, size_t row, size_t n)
{
    size_t bins = a->fft / 2 + 1, k = row % bins;
    double twice = k == 0 || k == bins - 1 ? 1.0 : 2.0;
    return forward_weight(a, row, n) * twice / (double)a->fft * (double)a->hop /
           (double)a->fft;
}

typedef double stft_weight(const tango_audio_parameters *a, size_t row, size_t column);

/* Compares a matrix with its formula, within rounding of its largest element. */
static void check_stft_tensor(store *s, const tango_audio_parameters *a, const char *key,
                              const size_t *shape, size_t rank, stft_weight *expected)
{
    char text[128];
    double worst = 0.0, largest = 0.0;
    size_t columns = shape[rank - 1];
    tensor *t = find(s, key);
    if (!t)
        problem("%s: %s is missing, expected %s", s->label, key,
                shape_text(text, shape, rank));
    if (!t || !fits(t, key, shape, rank, 0)) return;
    t->used = 1;
    if (!check_numbers(t->file, t->view.data)) return;
    float *row = (float *)resized(NULL, columns, sizeof *row);
    for (size_t r = 0; r < shape[0]; r++) {
        tango_io_view_read(row, &t->view, r * columns, columns);
        for (size_t i = 0; i < columns; i++) {
            double want = expected(a, r, i), off = fabs((double)row[i] - want);
            if (!(off <= worst)) worst = off <= 1e30 ? off : 1e30; /* NaN is far off */
            if (fabs(want) > largest) largest = fabs(want);
        }
    }
    free(row);
    if (worst > 2e-6 * largest)
        problem(
            "%s: %s does not follow from stft_config.json: off by %g where the largest "
            "number is %g",
            s->label, key, worst, largest);
}

/* All of pytorch_model_stft.bin follows from stft_config.json; none of it is stored. */
static void check_stft(store *s, const tango_model *m)
{
    const tango_audio_parameters parameters = {
        m->rate, m->fft, m->hop, m->window, m->mels, m->mel_low, m->mel_high,
        TANGO_AUDIO_TACOTRON
    };
    const tango_audio_parameters *a = &parameters;
    char text[128];
    size_t bins = a->fft / 2 + 1, basis[3] = { 2 * bins, 1, a->fft }, mel[2];
    mel[0] = a->mels;
    mel[1] = bins;
    check_stft_tensor(s, a, "mel_basis", mel, 2, mel_weight);
    check_stft_tensor(s, a, "stft_fn.forward_basis", basis, 3, forward_weight);
    check_stft_tensor(s, a, "stft_fn.inverse_basis", basis, 3, inverse_weight);
    for (size_t i = 0; i < s->count; i++)
        if (!s->list[i].used)
            problem("%s: %s %s is superfluous: the configuration has no such tensor",
                    s->label, s->list[i].name,
                    shape_text(text, s->list[i].view.shape, s->list[i].view.rank));
}

/* ---- Writing the tensors ---------------------------------------------------------- */

/* CRC-32 of all bytes of a file; pages that were read are given back. */
static uint32_t sum_of(const tango_io_crc32 *table, const source *s)
{
    const size_t most = (size_t)16 << 20;
    uint32_t crc = 0;
    for (size_t at = 0, n; at < s->size; at += n) {
        n = s->size - at < most ? s->size - at : most;
        crc = tango_io_crc32_add(table, crc, s->text + at, n);
        tango_io_forget(&s->file, s->text + at, n);
    }
    return crc;
}

/* CRC-32 of a file. Of an archive it follows from those of its records, which are compared
   with the numbers until the blob is written. */
static uint32_t file_sum(const tango_io_crc32 *table, const source *s)
{
    uint32_t crc;
    if (s->torch.data && tango_io_torch_sum(&s->torch, &s->file, &crc)) return crc;
    return sum_of(table, s);
}

/* Which bytes this blob was made of: a line for each file. */
static void put_provenance(values *v, const file_list *files, tango_io_type type)
{
    size_t count = 1, n;
    for (const source *s = files->first; s; s = s->next) count++;
    char *text = (char *)resized(NULL, count, 400);
    tango_io_crc32 *table = (tango_io_crc32 *)resized(NULL, 1, sizeof *table);
    n = (size_t)snprintf(text, 400, "convert %s, matrices in %s\n", CONVERT_VERSION,
                         tango_io_type_name(type));
    tango_io_crc32_begin(table);
    for (const source *s = files->first; s; s = s->next) {
        uint32_t crc = file_sum(table, s);
        n += (size_t)snprintf(text + n, 400, "%.256s, %zu bytes, CRC-32 %08lx\n",
                              s->label, s->size, (unsigned long)crc);
    }
    put_text(v, "tango.provenance", text);
    free(table);
    free(text);
}

/* Weights of the model, each counted once. */
static size_t parameter_count(const plan *p)
{
    size_t sum = 0;
    for (size_t i = 0; i < p->count; i++) {
        const weight *w = &p->list[i];
        sum += w->shape[0] * w->shape[1] * w->shape[2] * w->shape[3];
    }
    return sum;
}

#define PIECE 16384 /* numbers read at a time from tensors that keep their order */

typedef struct job {
    tango_io_type type; /* of matrices and, if no integers, the embedding */
    tango_io_blob_writer writer;
    const tango_nn_kernels *kernels; /* that turn matrices */
    float *numbers; /* PIECE, or 16 rows of the widest matrix */
    belt out;       /* blocks of as many */
} job;

/* (outputs, taps, channels) of a matrix: how the blob describes it. */
static void matrix_shape(const weight *w, size_t out[3])
{
    int transposed = w->kind == TRANSPOSED;
    out[0] = transposed ? w->rate * w->shape[1] : w->shape[0];
    out[1] =
        transposed ? (w->shape[2] + w->rate - 1) / w->rate : w->shape[2] * w->shape[3];
    out[2] = transposed ? w->shape[0] : w->shape[1];
}

static int is_matrix(const weight *w)
{
    return w->kind == MATRIX || w->kind == TRANSPOSED;
}

/* The first and the last layer of a network, next to sound and noise, stay floats. */
static int is_at_the_border(const char *name)
{
    static const char *const names[] = { "conv_in.weight",   "conv_out.weight",
                                         "conv_pre.weight",  "conv_post.weight",
                                         "quant_conv.weight" }; /* post_quant_conv too */
    size_t n = strlen(name);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        size_t m = strlen(names[i]);
        if (n >= m && strcmp(name + n - m, names[i]) == 0) return 1;
    }
    return 0;
}

static tango_io_type type_of(const weight *w, tango_io_type type)
{
    if (type == TANGO_IO_I16) {
        return is_matrix(w) && !is_at_the_border(w->name) ? TANGO_IO_I16 : TANGO_IO_F32;
    }
    return is_matrix(w) || w->kind == EMBEDDING ? type : TANGO_IO_F32;
}

/* The same type of a matrix as the kernels name it. */
static tango_nn_type matrix_type(const weight *w, tango_io_type type)
{
    switch (type_of(w, type)) {
    case TANGO_IO_I16: return TANGO_NN_I16;
    case TANGO_IO_F16: return TANGO_NN_F16;
    case TANGO_IO_BF16: return TANGO_NN_BF16;
    default: return TANGO_NN_F32;
    }
}

/* How tensor w appears in the blob. */
static void describe(const weight *w, tango_io_type type, tango_io_tensor *t)
{
    memset(t, 0, sizeof *t);
    t->name = w->name;
    t->type = type_of(w, type);
    t->layout = is_matrix(w) ? TANGO_IO_PANELS : TANGO_IO_PLAIN;
    if (t->type == TANGO_IO_I16) t->layout = TANGO_IO_BLOCKS;
    t->rank = is_matrix(w) ? 3 : w->rank;
    if (is_matrix(w)) {
        matrix_shape(w, t->shape);
    } else {
        for (size_t i = 0; i < w->rank; i++) t->shape[i] = w->shape[i];
        t->shape[0] = w->shape[0] * w->rate;
    }
}

/* Weight normalisation, w = v g / |v|: g / |v| for each index of the first axis. */
static void find_factors(weight *w)
{
    const tango_io_view *v = &w->view;
    size_t rows = v->shape[0], width = v->count / rows;
    float *row = (float *)resized(NULL, width, sizeof *row), g;
    w->factors = (double *)resized(NULL, rows, sizeof *w->factors);
    for (size_t r = 0; r < rows; r++) {
        double sum = 0.0;
        tango_io_view_read(row, v, r * width, width);
        for (size_t i = 0; i < width; i++) sum += (double)row[i] * (double)row[i];
        tango_io_view_read(&g, &w->at.factor->view, r, 1);
        w->factors[r] = (double)g / sqrt(sum); /* of a row of zeros: not finite */
    }
    free(row);
}

/* Whether the tensor is an array of floats of this machine as it lies in its file. */
static int is_array(const tango_io_view *v)
{
    const uint16_t one = 1;
    size_t run = 1;
    int in_a_row = v->type == TANGO_IO_F32 && *(const unsigned char *)&one == 1
                   && (uintptr_t)v->data % sizeof(float) == 0;
    for (size_t i = v->rank; in_a_row && i-- > 0; run *= v->shape[i])
        in_a_row = v->strides[i] == run || v->shape[i] == 1;
    return in_a_row;
}

/* Names the first number that cannot be kept. */
static void refuse_number(const weight *w, const float *numbers, size_t first,
                          size_t count, tango_io_type type)
{
    double most = most_of(type);
    size_t i = 0;
    while (i + 1 < count && fabs((double)numbers[i]) <= most) i++;
    double x = (double)numbers[i];
    if (fabs(x) <= (double)FLT_MAX)
        problem("%s: %s: element %zu is %g, too large for %s; use -t f32",
                w->at.t->file->label, w->at.name, first + i, x,
                tango_io_type_name(type));
    else
        problem("%s: %s: element %zu is not a finite number", w->at.t->file->label,
                w->at.name, first + i);
}

/* Numbers first .. first + count of the checkpoint's tensor: where they lie in the file,
   or read into `room`. NULL, and a problem, if one of them cannot be kept. */
static const float *fetch(const job *j, const weight *w, float *room, size_t first,
                          size_t count)
{
    const float *x = room;
    tango_io_type type = type_of(w, j->type);
    const float limit = (float)most_of(type);
    size_t width = w->view.count / (w->view.shape[0] ? w->view.shape[0] : 1);
    unsigned bad = 0;
    if (cli_interrupted()) {
        problem("interrupted");
        return NULL;
    }
    if (!w->factors && is_array(&w->view)) {
        x = (const float *)(const void *)w->view.data + first;
        sum_along(w->at.t->file, w->view.data + first * sizeof *x, count * sizeof *x);
    } else tango_io_view_read(room, &w->view, first, count);
    for (size_t i = 0; w->factors && i < count; i++)
        room[i] = (float)((double)room[i] * w->factors[(first + i) / width]);
    for (size_t i = 0; i < count; i++) /* NaN is neither */
        bad |= (unsigned)!(x[i] <= limit) | (unsigned)!(x[i] >= -limit);
    if (bad && check_numbers(w->at.t->file, w->view.data)) /* not damage, but so saved */
        refuse_number(w, x, first, count, type);
    return bad ? NULL : x;
}

/* Vectors, tables, the embedding: number after number; `rate` times over. */
static int write_plain(job *j, const weight *w)
{
    size_t row = w->rank == 2 ? w->shape[1] : 1, end = (w->first + w->shape[0]) * row;
    tango_io_type type = type_of(w, j->type);
    for (size_t turn = 0; turn < w->rate; turn++) {
        for (size_t at = w->first * row; at < end; at += PIECE) {
            size_t n = end - at < PIECE ? end - at : PIECE;
            size_t bytes = n * tango_io_type_size(type);
            const float *x = fetch(j, w, j->numbers, at, n);
            void *to = x ? belt_room(&j->out, bytes) : NULL;
            if (!to) return 0;
            if (type == TANGO_IO_F32) memcpy(to, x, bytes);
            for (size_t i = 0; type != TANGO_IO_F32 && i < n; i++)
                ((uint16_t *)to)[i] = type == TANGO_IO_F16 ? tango_nn_float_to_half(x[i])
                                                           : tango_nn_float_to_bf16(x[i]);
            belt_add(&j->out, bytes);
        }
    }
    return 1;
}

/* One output column of the convolution that equals a transposed one of stride `rate`.
   Output sample s = rate*t + phase - padding of a transposed convolution is the sum over
   inputs t - i of w[c, o, phase + rate*i]: row t of an ordinary convolution over the last
   `taps` inputs, whose columns are the `rate` samples of all output channels. Column
   phase*outputs + o, tap (the oldest input first) and channel c take w[c, o, index] with
   index = phase + rate*(taps - 1 - tap), zero beyond the kernel.      out (Cin, taps) */
static int fetch_transposed_column(const job *j, const weight *w, size_t column,
                                   float *out)
{
    size_t inputs = w->shape[0], outputs = w->shape[1], size = w->shape[2];
    size_t taps = (size + w->rate - 1) / w->rate;
    size_t phase = column / outputs, o = column % outputs;
    float room[KERNEL_MAX];
    for (size_t c = 0; c < inputs; c++) {
        const float *kernel = fetch(j, w, room, (c * outputs + o) * size, size);
        if (!kernel) return 0;
        for (size_t tap = 0; tap < taps; tap++) {
            size_t index = phase + w->rate * (taps - 1 - tap);
            out[c * taps + tap] = index < size ? kernel[index] : 0.0f;
        }
    }
    return 1;
}

/* Matrices: 16 outputs at a time. */
static int write_panels(job *j, const weight *w)
{
    size_t dims[3];
    matrix_shape(w, dims);
    size_t inputs = dims[1] * dims[2];
    tango_nn_type type = matrix_type(w, j->type);
    size_t bytes = tango_nn_panels_size(TANGO_IO_PANEL, inputs, type);
    for (size_t first = 0; first < dims[0]; first += TANGO_IO_PANEL) {
        size_t n = dims[0] - first < TANGO_IO_PANEL ? dims[0] - first : TANGO_IO_PANEL;
        const float *x = j->numbers;
        if (w->kind == MATRIX) {
            x = fetch(j, w, j->numbers, (w->first + first) * inputs, n * inputs);
            if (!x) return 0;
        } else {
            for (size_t i = 0; i < n; i++)
                if (!fetch_transposed_column(j, w, first + i, j->numbers + i * inputs))
                    return 0;
        }
        void *to = belt_room(&j->out, bytes);
        if (!to) return 0;
        tango_nn_pack_panel_by(j->kernels, to, type, x, n, dims[2], dims[1]);
        belt_add(&j->out, bytes);
    }
    return 1;
}

static int compare_weights(const void *a, const void *b)
{
    return strcmp(((const weight *)a)->name, ((const weight *)b)->name);
}

static int compare_name(const void *name, const void *w)
{
    return strcmp((const char *)name, ((const weight *)w)->name);
}

static size_t size_of(const weight *w)
{
    return extent(&w->view) * tango_io_type_size(w->view.type);
}

/* Gives the pages of a tensor back that was written, and those around it: a system maps
   up to 2 MiB about a byte that is read. What is read again is only slower. */
static void forget(const weight *w)
{
    const size_t around = (size_t)2 << 20;
    const source *s = w->at.t->file;
    size_t size = size_of(w), at, end;
    if (!s->file.mapping) return;
    at = (size_t)(w->view.data - s->text);
    end = s->size - at - size < around ? s->size : at + size + around;
    at = at < around ? 0 : at - around;
    tango_io_forget(&s->file, s->text + at, end - at);
}

static weight *weight_named(const plan *p, const char *name)
{
    return (weight *)bsearch(name, p->list, p->count, sizeof *p->list, compare_name);
}

#define AHEAD ((size_t)64 << 20) /* bytes that the disk may read before they are used */

/* Asks for tensors *next and on until AHEAD bytes are on their way; `now` is the tensor
   whose turn it is, *ahead what was asked for from there on. */
static void expect(const plan *p, const tango_io_tensor *t, size_t now, size_t *next,
                   size_t *ahead)
{
    for (; *next < p->count && *ahead < AHEAD; ++*next) {
        const weight *w = weight_named(p, t[*next].name);
        tango_io_expect(&w->at.t->file->file, w->view.data, size_of(w));
        *ahead += size_of(w);
    }
    *ahead -= size_of(weight_named(p, t[now].name));
}

/* Writes a tensor. Arrays are summed as they are read, in order and once; the CRC-32 of
   others is compared first. */
static int write_weight(job *j, weight *w)
{
    const spot *at = &w->at;
    int ok = 1;
    if (at->factor || w->kind == TRANSPOSED || !is_array(&w->view))
        ok = check_numbers(at->t->file, w->view.data);
    if (ok && at->factor) ok = check_numbers(at->factor->file, at->factor->view.data);
    if (!ok) return 0;
    if (at->factor) find_factors(w);
    ok = is_matrix(w) ? write_panels(j, w) : write_plain(j, w);
    ok = ok && belt_send(&j->out); /* the next tensor begins on a multiple of 64 */
    free(w->factors);
    w->factors = NULL;
    forget(w);
    return ok;
}

/* Every tensor in the order of the blob's index. t is what describe made, then sorted, as
   the plan is. */
static int write_all(job *j, const plan *p, const tango_io_tensor *t, int quiet)
{
    cli_progress progress = cli_progress_begin(quiet);
    size_t next = 0, ahead = 0;
    int ok = 1;
    for (size_t i = 0; ok && i < p->count; i++) {
        weight *w = weight_named(p, t[i].name);
        expect(p, t, i, &next, &ahead);
        ok = write_weight(j, w);
        if (ok) cli_progress_step(&progress, i + 1, p->count);
    }
    cli_progress_end(&progress);
    return ok;
}

/* Room for PIECE numbers, or 16 rows of the widest matrix; how many these are. */
static size_t make_room(job *j, const plan *p)
{
    size_t most = PIECE, dims[3];
    for (size_t i = 0; i < p->count; i++) {
        if (!is_matrix(&p->list[i])) continue;
        matrix_shape(&p->list[i], dims);
        size_t numbers = TANGO_IO_PANEL * dims[1] * dims[2];
        if (numbers > most) most = numbers;
    }
    j->numbers = (float *)resized(NULL, most, sizeof(float));
    return most;
}

/* What was not summed so far is, and all is compared: a damaged file makes no blob. */
static int check_files(const file_list *files)
{
    for (const source *s = files->first; s; s = s->next)
        if (!check_file(s)) return 0;
    return 1;
}

/* All memory is asked for before the output exists, so that running out of it leaves
   nothing behind. */
static void write_blob(const char *path, job *j, const plan *p, values *v,
                       const file_list *files, int quiet)
{
    tango_error error;
    tango_io_output *out = (tango_io_output *)resized(NULL, 1, sizeof *out);
    tango_io_tensor *t = (tango_io_tensor *)resized(NULL, p->count, sizeof *t);
    void *header = NULL;
    size_t size = 0;
    qsort(p->list, p->count, sizeof *p->list, compare_weights);
    for (size_t i = 0; i < p->count; i++) describe(&p->list[i], j->type, &t[i]);
    j->kernels = tango_nn_detect();
    belt_begin(&j->out, &j->writer, make_room(j, p) * sizeof(float));
    tango_result r =
        tango_io_blob_write_size(&size, v->list, v->count, t, p->count, &error);
    if (r == TANGO_OK) header = resized(NULL, size, 1);
    if (r == TANGO_OK) r = tango_io_create(out, path, &error);
    if (r == TANGO_OK) {
        r = tango_io_blob_write_begin(&j->writer, out, v->list, v->count, t, p->count,
                                      header, size, &error);
        int ok = r == TANGO_OK && write_all(j, p, t, quiet) && check_files(files);
        tango_result sent = belt_end(&j->out, &error);
        if (r == TANGO_OK) r = sent;
        if (ok && r == TANGO_OK) r = tango_io_blob_write_end(&j->writer, &error);
        if (ok && r == TANGO_OK) r = tango_io_commit(out, &error);
        tango_io_abandon(out);
    } else belt_end(&j->out, &error);
    if (r != TANGO_OK) problem("%s", error.text);
    free(j->numbers);
    free(header);
    free(t);
    free(out);
}

#endif
