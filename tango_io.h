/* tango_io.h - bytes from outside: weights blobs, PyTorch, safetensors, JSON,
   SentencePiece, NPY, PNG, CSV, WAV, FLAC

   Version 0.1.0                                          SPDX-License-Identifier: MIT-0

   Quick example: the names and shapes of the tensors in a weights blob.

       #define TANGO_IO_IMPLEMENTATION
       #include "tango_io.h"
       #include <stdio.h>

       int main(int argc, char **argv)
       {
           tango_io_file file;
           tango_io_blob blob;
           tango_io_tensor tensor;
           tango_error error;
           size_t i, k;
           if (argc != 2) return 2;
           if (tango_io_map(&file, argv[1], &error) != TANGO_OK ||
               tango_io_blob_open(&blob, file.data, file.size, &error) != TANGO_OK) {
               fprintf(stderr, "%s: %s\n", argv[1], error.text);
               return 1;
           }
           for (i = 0; i < tango_io_blob_tensor_count(&blob); i++) {
               tango_io_blob_tensor(&blob, i, &tensor);
               printf("%s %s", tensor.name, tango_io_type_name(tensor.type));
               for (k = 0; k < tensor.rank; k++)
                   printf(" %lu", (unsigned long)tensor.shape[k]);
               printf("\n");
           }
           tango_io_unmap(&file);
           return 0;
       }

   WHAT IT DOES
   Every byte that comes from a file is read here, and every reader treats its input as
   hostile: it returns a complete, checked result, or one error that names the part of the
   file and the byte offset. Readers work on bytes in memory (a mapping, a buffer, flash)
   and return pointers into them; nothing is copied that can be used in place.
     blob         the weights file of tango models, read and written; drawn in room 5
     torch        state dictionaries and tensors of torch.save (zip archives), both ways
     json         RFC 8259, strict; written on one line
     safetensors  tensors and metadata; lists of shards
     spiece       SentencePiece unigram models with their normalisation trie
     bpe          byte-level BPE vocabularies of CLIP and RoBERTa; tokenizer.json
     npy          NumPy arrays: versions 1.0 to 3.0 read, 1.0 written
     png          pictures of 8 and 16 bits, exact both ways; matrices drawn in colours
     csv          RFC 4180, row by row
     wav          written: 16, 24, 32 bits, float and double, RF64, also to a pipe
     sound        read: WAV of integers and floats, and FLAC, as a stream in a few
                  kilobytes; the text in both (title, comment)
     flac         written: 16 and 24 bits, 1 to 8 channels
     file         read-only mapping, and output that appears whole or not at all

   WHAT IT DOES NOT
   It never executes what a pickle asks for: the few names a state dictionary needs are
   compared, all others fail the file. It does not unpack compressed archives, follow
   links, or guess at damaged input. It knows nothing of networks or of sound.

   GLOSSARY
   blob     one file with all weights and settings of a model
   record   one stored file inside a zip archive
   storage  the raw numbers behind one or several torch tensors (one record)
   view     element type, shape and strides over bytes: how a tensor lies in its storage
   panel    16 columns of a weight matrix, interleaved for the matrix product
   trie     double array that maps byte strings to replacement texts (charsmap)

   LAYOUT
   Views count strides in elements; elements are little-endian. tango_io_view_read
   delivers any range of elements in row-major order (last index fastest) as float.

   MEMORY
   Nothing is allocated. What needs room (torch, json, safetensors, FLAC) has a twin
   ..._work_size that computes it from the bytes, with checked arithmetic; a block one
   byte too small is TANGO_ERROR_MEMORY. Results point into the input and into the block:
   keep both, unchanged, while results are in use. Structures hold no other resources,
   except tango_io_file and tango_io_output, which are released by tango_io_unmap and by
   commit or abandon.

   ERRORS
   Functions that can fail return tango_result and leave their outputs untouched on
   failure. The optional tango_error receives one line of printable ASCII; text from files
   is escaped.

   THREADS
   There is no global state. One structure belongs to one thread while it is written;
   opened readers are constant and may be shared.

   BUILD OPTIONS
   TANGO_IO_IMPLEMENTATION  in one .c file: also compile the functions (default: off)
   TANGO_IMPLEMENTATION     the same for all tango headers (default: off)
   TANGO_STATIC             all functions static; only beside the implementation
   TANGO_API                what stands before each public function instead of extern:
                            visibility, dllexport; in C++ with extern "C"
   TANGO_NO_OPTIMIZE        GCC's options stay as they are: for stepping in a debugger
   TANGO_ASSERT(c)          check of caller mistakes (default: assert, nothing if NDEBUG)
   TANGO_NO_STDIO           no files: leaves out room 4 and its users (default: off)
   TANGO_IO_NO_SIMD         CRC-32 by its table alone, without vector instructions and the
                            choice between both (default: off)
   TANGO_IO_NO_POSIX        room 4 by <stdio.h> alone, as on systems that are neither
                            POSIX nor Windows: reading without mappings, and no output.
                            ISO C cannot keep what tango_io_output promises, so the type
                            and all that writes are left out, and a program that needs
                            them does not compile (default: off)
   On 32-bit systems the file with the implementation defines _FILE_OFFSET_BITS=64:
   without it files over 2 GiB, and folders on file systems with 64-bit inode numbers,
   give errors. A system header that is included before takes that away; then define it
   above that.

   CONTENTS
    1 >>error        Messages
    2 >>view         Element types and strided arrays
    3 >>checksum     Checksum of the blob, CRC-32
    4 >>file         Mapping, loading, output that appears whole
    5 >>blob         Weights blob
    6 >>torch        PyTorch archives
    7 >>json         JSON
    8 >>safetensors  safetensors files, lists of shards
    9 >>spiece       SentencePiece models
   10 >>bpe          Byte-level BPE vocabularies, tokenizer.json
   11 >>npy          NumPy arrays
   12 >>wav          WAV
   13 >>png          PNG pictures
   14 >>csv          Tables of RFC 4180
   15 >>sound        Reading WAV and FLAC
   16 >>flac         Writing FLAC
   private:
   17 >>bytes        Cursor, little-endian numbers, UTF-8, sorting
   18 >>zip          Stored zip archives
   19 >>pickle       The part of pickle that torch.save uses
   20 >>deflate      Compression of RFC 1950 and 1951
   21 >>stream       Buffered input of the sound readers
   22 >>decoder      The FLAC decoder
*/
/* Only beside the implementation: in a program's other files off_t is its own affair. */
#if (defined TANGO_IO_IMPLEMENTATION || defined TANGO_IMPLEMENTATION) && \
    !defined TANGO_IO_IMPLEMENTED && !defined _FILE_OFFSET_BITS
#define _FILE_OFFSET_BITS 64
#endif

#ifndef TANGO_IO_H
#define TANGO_IO_H

/* ---- prelude begin (identical text in every tango header) ---------------- */
#ifndef TANGO_PRELUDE
#define TANGO_PRELUDE 1
#define TANGO_VERSION "0.1.0"
#include <stddef.h>
#include <stdint.h>
#ifdef __cplusplus
#define TANGO_RESTRICT
#define TANGO__EXTERN extern "C"
#else
#define TANGO_RESTRICT restrict
#define TANGO__EXTERN extern
#endif
#ifdef TANGO_API
#elif defined TANGO_STATIC && defined __GNUC__
#define TANGO_API static __attribute__((unused))
#elif defined TANGO_STATIC
#define TANGO_API static
#else
#define TANGO_API TANGO__EXTERN
#endif
#if defined __GNUC__ && !defined __clang__ && !defined __OPTIMIZE__
#define TANGO__PLAIN 1 /* without -O; pop_options leaves __OPTIMIZE__ defined */
#endif
#ifdef TANGO_ASSERT
#elif defined NDEBUG || (defined __STDC_HOSTED__ && __STDC_HOSTED__ == 0)
#define TANGO_ASSERT(condition) ((void)0)
#else
#include <assert.h>
#define TANGO_ASSERT(condition) assert(condition)
#endif

/* What a function that can fail returns. The message beside it says where and why. */
typedef enum tango_result {
    TANGO_OK = 0,
    TANGO_ERROR_ARGUMENT,    /* a parameter out of its documented range */
    TANGO_ERROR_MEMORY,      /* the caller's block is too small */
    TANGO_ERROR_DATA,        /* damaged or malformed bytes */
    TANGO_ERROR_UNSUPPORTED, /* well-formed, but of a kind this library does not read */
    TANGO_ERROR_FILE,        /* opening, reading or writing failed */
    TANGO_ERROR_NUMBER,      /* NaN, infinity or silence where sound was expected */
    TANGO_ERROR_CANCELLED    /* the caller's progress callback asked to stop */
} tango_result;
/* One line: the thing, the place, expected, found. NUL-terminated, printable ASCII. */
typedef struct tango_error { char text[160]; } tango_error;
/* *sum = a + b and *product = a * b; return 0 and leave the result alone on overflow. */
static inline int tango_add_ok(size_t a, size_t b, size_t *sum)
{
    if (b > SIZE_MAX - a) return 0;
    *sum = a + b;
    return 1;
}
static inline int tango_mul_ok(size_t a, size_t b, size_t *product)
{
    if (a != 0 && b > SIZE_MAX / a) return 0;
    *product = a * b;
    return 1;
}
#endif
/* ---- prelude end --------------------------------------------------------- */

/* ==== 1 >>error ==== Messages ======================================================= */

/* Writes one line into error->text (error may be NULL) and returns `result`, so that a
   failing function reads `return tango_io_fail(error, TANGO_ERROR_DATA, "...", ...);`.
   Conversions, independent of stdio and locale:
       %s  text up to its NUL          %q  text and its size_t length (may hold anything)
       %z  size_t                      %u  uint64_t
       %i  int64_t                     %%  a percent sign
   Texts are escaped to printable ASCII and shortened in the middle beyond 64
   characters. */
TANGO_API tango_result tango_io_fail(tango_error *error, tango_result result,
                                     const char *format, ...);

/* What a file that begins so looks like, for messages: "a Git LFS pointer: run git lfs
   pull", "a safetensors file", "a JPEG picture" and about 40 others; NULL if nothing is
   known. The readers below say it where a file is not theirs. */
TANGO_API const char *tango_io_looks_like(const void *data, size_t size);

/* ==== 2 >>view ==== Element types and strided arrays ================================ */

#define TANGO_IO_RANK_MAX 8

/* The first two agree with tango_nn_type. The numbers are part of the blob format. */
typedef enum tango_io_type {
    TANGO_IO_F32 = 0,
    TANGO_IO_F16 = 1,
    TANGO_IO_BF16 = 2,
    TANGO_IO_I8 = 3,
    TANGO_IO_I16 = 4,
    TANGO_IO_I32 = 5,
    TANGO_IO_I64 = 6,
    TANGO_IO_U8 = 7,
    TANGO_IO_U16 = 8,
    TANGO_IO_U32 = 9,
    TANGO_IO_U64 = 10,
    TANGO_IO_F64 = 11,
    TANGO_IO_BOOL = 12,
    TANGO_IO_STRING = 13,   /* of blob values only: UTF-8 text */
    TANGO_IO_BYTES = 14     /* of blob values only */
} tango_io_type;

/* Bytes of one element: 1, 2, 4 or 8; 1 for STRING and BYTES; 0 for an unknown number. */
TANGO_API size_t tango_io_type_size(tango_io_type type);
/* "f32", "f16", "bf16", "i8", ..., "bool", "string", "bytes"; "?" for an unknown
   number. */
TANGO_API const char *tango_io_type_name(tango_io_type type);

/* Element (i0, i1, ...) lies at data + size * (i0*strides[0] + i1*strides[1] + ...).
   Rank 0 is one number. The readers that make views guarantee that all of it is
   inside. */
typedef struct tango_io_view {
    const unsigned char *data;
    tango_io_type type;
    size_t rank;
    size_t shape[TANGO_IO_RANK_MAX];
    size_t strides[TANGO_IO_RANK_MAX];
    size_t count;                       /* product of shape */
} tango_io_view;

/* out[j] = element number first + j in row-major order, j < count, converted to float:
   f16 and bf16 exactly, f64 and integers to the nearest (f64 beyond the range to
   infinity), bool to 0 or 1. first + count must not exceed view->count. */
TANGO_API void tango_io_view_read(float *out, const tango_io_view *view, size_t first,
                                  size_t count);

/* ==== 3 >>checksum ==== Checksum of the blob, CRC-32 ================================ */

/* The blob's 64-bit checksum. The bytes, padded with zeros to a multiple of 32, are
   little-endian words w[0], w[1], ... of 64 bits, dealt to four lanes:
       lane[i mod 4] = rotate_left(lane[i mod 4] xor w[i], 29) * M        (mod 2^64)
   with M = 0x9e3779b97f4a7c15 and lane[k] = k * M at the start. The result:
       h = size in bytes;   for k = 0..3:  h = rotate_left(h xor lane[k], 29) * M
       h = h xor (h >> 32);   h = h * M;   h = h xor (h >> 29)
   Every step is invertible, so a change inside one word always changes the result. It
   finds damage; it does not resist forgery. Bytes may be added in pieces of any size. */
typedef struct tango_io_checksum {
    uint64_t lane[4], size;
    unsigned char tail[32];
} tango_io_checksum;

TANGO_API void tango_io_checksum_begin(tango_io_checksum *sum);
TANGO_API void tango_io_checksum_add(tango_io_checksum *sum, const void *data,
                                     size_t size);
TANGO_API uint64_t tango_io_checksum_end(const tango_io_checksum *sum);

/* CRC-32 of zip, gzip and PNG (polynomial 0xedb88320, reflected). The table is the
   caller's: no globals. crc = 0 at the start; later calls take the value of the one
   before. Where the processor multiplies without carries the bytes are folded 64 at a
   time (Gopal et al., "Fast CRC Computation for Generic Polynomials Using PCLMULQDQ
   Instruction", 2009); tango_io_crc32_begin finds out. The sum is the same either way. */
typedef struct tango_io_crc32 {
    uint32_t table[8][256];
    uint32_t lane;                      /* private: moves a sum past a lane of bytes */
    int folds;                          /* 1: folded; 0 after begin: by the table alone */
    uint64_t by64[2], by16[2];          /* private: move 16 bytes on by 64 and by 16 */
} tango_io_crc32;

TANGO_API void tango_io_crc32_begin(tango_io_crc32 *table);
TANGO_API uint32_t tango_io_crc32_add(const tango_io_crc32 *table, uint32_t crc,
                                      const void *data, size_t size);

/* ==== 4 >>file ==== Mapping, loading, output that appears whole ===================== */

/* What a reader takes its bytes from. Puts up to `size` bytes (1 or more are asked for)
   into `buffer` and their number into *got; 0 means the end. Fewer than asked are
   normal. */
typedef tango_result tango_io_reader(void *context, void *buffer, size_t size,
                                     size_t *got, tango_error *error);

#ifndef TANGO_NO_STDIO

#ifndef TANGO_IO_NO_POSIX
#if defined _WIN32
#define TANGO_IO__WINDOWS 1
#elif defined __unix__ || defined __APPLE__
#define TANGO_IO__POSIX 1
#endif
#endif
#if defined TANGO_IO__POSIX || defined TANGO_IO__WINDOWS
#define TANGO_IO__WRITES 1
#endif

#define TANGO_IO_PATH_MAX 4096

/* A file in memory, read-only. data is never NULL and 64-byte aligned while mapped. */
typedef struct tango_io_file {
    const unsigned char *data;
    size_t size;
    void *mapping;                      /* private */
} tango_io_file;

/* Maps the regular file `path` for reading. Other kinds of file, files that do not fit
   the address space and systems without mappings are errors. Writing over a mapped file
   in place changes the bytes under the reader; replacing it by a rename, as
   tango_io_commit does, is safe. */
TANGO_API tango_result tango_io_map(tango_io_file *file, const char *path,
                                    tango_error *error);
/* The same for a path that comes from a file's text: it stays below the folder `root`.
   TANGO_ERROR_ARGUMENT: the path is empty, absolute, over 4096 bytes, has a part that is
   empty, "." or "..", a backslash or a control character, or leads through a link.
   TANGO_ERROR_FILE: there is no such file. TANGO_ERROR_UNSUPPORTED: it is there but no
   regular file (a link is none), it cannot be opened or mapped, or this system lacks
   openat. `root` may be a link. */
TANGO_API tango_result tango_io_map_below(tango_io_file *file, const char *root,
                                          const char *path, tango_error *error);
/* Gives memory back that the bytes [data, data + size) of a mapping take, page by page
   where all of a page is in that range; of other bytes nothing happens. They may be read
   again, from the file. What is read once, weights that are converted or a stage that is
   done, so leaves no trace in the size of the process. Does nothing for what is not
   mapped, and on systems that have no way (strict C99 hides it: _DEFAULT_SOURCE). */
TANGO_API void tango_io_forget(const tango_io_file *file, const void *data, size_t size);
/* The bytes [data, data + size) of a mapping are needed soon: a system that can begins to
   read them from the disk meanwhile. Of other bytes, and elsewhere, nothing happens. */
TANGO_API void tango_io_expect(const tango_io_file *file, const void *data, size_t size);
/* Gives the mapping back. Twice is safe, and so is a structure of zeros. */
TANGO_API void tango_io_unmap(tango_io_file *file);

/* Reads the whole regular file `path` into `buffer`; *size receives its size. A file
   larger than `capacity` is TANGO_ERROR_MEMORY. Works on every system with <stdio.h>. */
TANGO_API tango_result tango_io_load(void *buffer, size_t capacity, size_t *size,
                                     const char *path, tango_error *error);

#ifdef TANGO_IO__WRITES

/* Output that appears under its name only when it is complete. The bytes go to a new file
   in the same folder (mode 0644); tango_io_commit synchronises it to the disk and renames
   it over `path`; any failure, and tango_io_abandon, removes it and leaves an old `path`
   as it was. The paths "-" and "/dev/stdout" (a link, which must not be replaced) are
   standard output: bytes go straight through, and there is no seeking. A reader of a pipe
   that goes away raises SIGPIPE unless the program ignores that signal; ignored, it is an
   error here. The path must be new or a regular file; a link is replaced, not followed.
   On Windows paths are in the code page of the process, and a file that is open or mapped
   somewhere cannot be replaced: that is a failure. */
typedef struct tango_io_output {
    uint64_t at;                        /* position of the next byte */
    int state, descriptor;              /* private, as all that follows */
    void *stream;
    char path[TANGO_IO_PATH_MAX + 1];
    char temporary[TANGO_IO_PATH_MAX + 1];
} tango_io_output;

TANGO_API tango_result tango_io_create(tango_io_output *output, const char *path,
                                       tango_error *error);
/* The same with the name of the temporary file chosen by the caller, on the same file
   system; nothing may be there. A program that was killed finds its remains again. */
TANGO_API tango_result tango_io_create_by(tango_io_output *output, const char *path,
                                          const char *temporary, tango_error *error);
/* All bytes or an error; after an error only tango_io_abandon is left. */
TANGO_API tango_result tango_io_write(tango_io_output *output, const void *data,
                                      size_t size, tango_error *error);
/* Moves to an absolute position; on standard output only to where it is. */
TANGO_API tango_result tango_io_seek(tango_io_output *output, uint64_t position,
                                     tango_error *error);
/* Completes the file. On failure the temporary file is gone and `path` is as it was. One
   failure comes later, and its message says that the file is complete: the disk fails
   while the folder, which holds the new name, is synchronised. Folders that the system
   cannot synchronise (some network file systems) or that may not be read are written to
   all the same; there the system alone decides when the name is on the disk. */
TANGO_API tango_result tango_io_commit(tango_io_output *output, tango_error *error);
/* Closes the file and leaves it, complete, under its temporary name: a program that
   writes thousands of files synchronises and renames them together. */
TANGO_API tango_result tango_io_leave(tango_io_output *output, tango_error *error);
/* Puts the names in a folder on the disk, after renames of files that were left. Folders
   are passed over as tango_io_commit documents it; on Windows all are. */
TANGO_API tango_result tango_io_sync_folder(const char *folder, tango_error *error);
/* Drops the file. Safe at any time after tango_io_create, also twice and after a
   commit. */
TANGO_API void tango_io_abandon(tango_io_output *output);

/* What a program asks before its work begins: can `path` become an output of a run that
   also reads or writes the `count` files `others` (NULL entries are passed over)?
   TANGO_ERROR_ARGUMENT: it is one of these, by device and inode, so also through links,
   as a hard link or in another spelling; files that are not there yet are the same if
   their folders are and their last names have the same bytes, also where the file system
   would ignore case. As `path` "-" is standard output, among `others` standard input;
   only regular files are compared. TANGO_ERROR_FILE: it is no regular file, or nothing
   can be made in its folder. */
TANGO_API tango_result tango_io_output_check(const char *path, const char *const *others,
                                             size_t count, tango_error *error);

#endif /* TANGO_IO__WRITES */

/* Input in order, for readers that need little memory: a regular file, or standard input
   for the path "-". */
typedef struct tango_io_input {
    uint64_t size;                      /* bytes in all; UINT64_MAX: not known (a pipe) */
    uint64_t at;                        /* position of the next byte */
    int state, descriptor;              /* private, as all that follows */
    void *stream;
} tango_io_input;

TANGO_API tango_result tango_io_input_open(tango_io_input *input, const char *path,
                                           tango_error *error);
/* A regular file below the folder `root`, under the rules of tango_io_map_below and with
   its errors. A file that another process cuts short ends early; nothing is mapped. */
TANGO_API tango_result tango_io_input_open_below(tango_io_input *input, const char *root,
                                                 const char *path, tango_error *error);
/* A tango_io_reader whose context is the tango_io_input. */
TANGO_API tango_result tango_io_input_read(void *input, void *buffer, size_t size,
                                           size_t *got, tango_error *error);
/* All of [offset, offset + size) of a file, whatever was read in order; several threads
   may ask at once. TANGO_ERROR_FILE: it is not all there, the input is no file, or this
   system lacks pread, as it lacks openat for tango_io_map_below. */
TANGO_API tango_result tango_io_input_read_at(const tango_io_input *input,
                                              uint64_t offset, void *buffer, size_t size,
                                              tango_error *error);
/* Twice is safe, and so is a structure of zeros. */
TANGO_API void tango_io_input_close(tango_io_input *input);

#endif /* TANGO_NO_STDIO */

/* ==== 5 >>blob ==== Weights blob ==================================================== */

/* FORMAT, version 1. All numbers are little-endian and unsigned unless marked; sizes and
   offsets are in bytes, offsets count from the start of the file.

       offset size  head
            0    8  magic: 54 41 4e 47 4f 00 0d 0a  ("TANGO", NUL, CR, LF)
            8    4  version: 1
           12    4  zero
           16    8  header size: head, tables, pool; a multiple of 64
           24    8  total size of the file
           32    4  V, number of values
           36    4  N, number of tensors
           40    8  checksum of the header (room 3), taken with this field as zero
           48   16  zero

                    table of values, at 64: V records, keys in strictly rising byte order
            0    4  offset of the key              16    8  offset of the value
            4    4  length of the key              24    8  count
            8    4  type: U64, F64, STRING, BYTES
           12    4  zero

                    table of tensors, after it: N records, names in strictly rising order
            0    4  offset of the name             16   64  shape[8], zero beyond the rank
            4    4  length of the name             80    8  offset of the data
            8    2  type of the elements           88    8  size of the data
           10    2  layout: 0, 1, 2, below         96    8  checksum of the data (room 3)
           12    4  rank, 0 to 8

                    pool, after it, without gaps and in this order:
                    for each value: key, NUL, zeros to a multiple of 8, then
                        U64, F64: count numbers of 8 bytes (F64: IEEE, finite)
                        STRING:   count bytes of UTF-8, NUL     (NUL not in count)
                        BYTES:    count bytes
                      and zeros to a multiple of 8;
                    for each tensor: name, NUL;
                    zeros to the header size

                    data, from the header size on, in the order of the table:
                    each tensor's bytes, then zeros to a multiple of 64

   Keys and names are valid UTF-8 of 1 to 4096 bytes without control characters. Nothing
   may overlap, and there is no gap and no tail: each offset is the only possible one.
   PLAIN data is row-major. PANELS holds a matrix of shape (outputs, taps, channels) in
   the order of the matrix product: panel p, inner index k = tap*channels + channel,
   column c:
       element (p, k, c) = w[output 16p + c, tap, channel],   zero where 16p + c >=
       outputs
   so its size is ceil(outputs/16) * 16 * taps * channels elements.
   BLOCKS holds such a matrix in integers, type I16 or I8. Each panel is cut along k into
   blocks of 128, the last one as long as what is left, to an even number. A block is
       16 scales, F32: one for each column c
       for each pair of inner indices k, k + 1, k even: for each column c the integers
           q(k, c), q(k + 1, c)
   with element (p, k, c) = scale(c) q(k, c), zero beyond the outputs and the last k. A
   panel takes 64 ceil(K/128) + 64 ceil(K/2) bytes (I8: 32 ceil(K/2)), K = taps *
   channels. Scales are finite and not negative, which tango_io_blob_check looks at. */

typedef enum tango_io_layout {
    TANGO_IO_PLAIN = 0,
    TANGO_IO_PANELS = 1,
    TANGO_IO_BLOCKS = 2
} tango_io_layout;

#define TANGO_IO_NAME_MAX 4096          /* bytes of a key, tensor name or archive path */
#define TANGO_IO_PANEL 16               /* columns of a panel */
#define TANGO_IO_BLOCK 128              /* inner indices of a block of BLOCKS */

typedef struct tango_io_tensor {
    const char *name;                   /* NUL-terminated */
    tango_io_type type;
    tango_io_layout layout;
    size_t rank;
    size_t shape[TANGO_IO_RANK_MAX];
    const void *data;                   /* 64-byte aligned, numbers little-endian */
    size_t size;                        /* bytes */
    uint64_t checksum;
} tango_io_tensor;

typedef struct tango_io_value {
    const char *key;                    /* NUL-terminated */
    int type;                           /* TANGO_IO_U64, _F64, _STRING or _BYTES */
    size_t count;                       /* numbers; bytes, for STRING without the NUL */
    const void *data;                   /* numbers: read them by the functions below */
} tango_io_value;

typedef struct tango_io_blob {
    const unsigned char *data;
    size_t size, header_size, value_count, tensor_count;
} tango_io_blob;

/* Checks head, tables, pool and header checksum of the blob in data[0..size) and fills
   *blob. No tensor data is read, nothing is copied. `data` must be 64-byte aligned
   (mappings are) and stay unchanged while the blob is used. */
TANGO_API tango_result tango_io_blob_open(tango_io_blob *blob, const void *data,
                                          size_t size, tango_error *error);

TANGO_API size_t tango_io_blob_tensor_count(const tango_io_blob *blob);
/* Tensor number `index` < tensor_count, in order of name. */
TANGO_API void tango_io_blob_tensor(const tango_io_blob *blob, size_t index,
                                    tango_io_tensor *out);
/* 1 and *out if there is a tensor `name`, else 0. Binary search. */
TANGO_API int tango_io_blob_find(const tango_io_blob *blob, const char *name,
                                 tango_io_tensor *out);
/* Compares the data of tensor `index` with its checksum, and its padding with zero; of
   BLOCKS, all scales must be finite and not negative. */
TANGO_API tango_result tango_io_blob_check(const tango_io_blob *blob, size_t index,
                                           tango_error *error);

TANGO_API size_t tango_io_blob_value_count(const tango_io_blob *blob);
/* Value number `index` < value_count, in order of key. */
TANGO_API void tango_io_blob_value_at(const tango_io_blob *blob, size_t index,
                                      tango_io_value *out);
/* 1 and *out if there is a value `key`, else 0. Binary search. */
TANGO_API int tango_io_blob_value(const tango_io_blob *blob, const char *key,
                                  tango_io_value *out);
/* Number i < count of a U64 or an F64 value. */
TANGO_API uint64_t tango_io_value_u64(const tango_io_value *value, size_t i);
TANGO_API double tango_io_value_f64(const tango_io_value *value, size_t i);

#ifdef TANGO_IO__WRITES

/* Writing: size, begin, data in pieces, end, tango_io_commit. The data of tensors[0],
   [1], ... is streamed in the order that begin sorts them into; pieces may be of any size
   and may span tensors. Nothing larger than the header is ever held. */
typedef struct tango_io_blob_writer {
    tango_io_output *output;
    unsigned char *header;
    size_t header_size, value_count;
    size_t tensor_count, index;         /* tensors in all, and complete ones */
    uint64_t left;                      /* bytes still missing in tensors[index] */
    tango_io_checksum sum;
    unsigned char number[8];            /* big-endian machines: the number that a piece */
    size_t number_size, held;           /* has left incomplete, low byte first */
    size_t panel_size, panel_at;        /* there, of BLOCKS: a panel, and the place */
} tango_io_blob_writer;

/* *size = bytes of work (the header) that tango_io_blob_write_begin needs. Of each tensor
   name, type, layout, rank and shape are read. */
TANGO_API tango_result tango_io_blob_write_size(size_t *size,
                                                const tango_io_value *values,
                                                size_t value_count,
                                                const tango_io_tensor *tensors,
                                                size_t tensor_count, tango_error *error);
/* Sorts `values` by key and `tensors` by name, fills in each tensor's size, and starts
   the file. Numbers of U64 and F64 values are uint64_t and double in memory. `output`
   must be a file, freshly created. Bad names, duplicates and impossible shapes are
   TANGO_ERROR_ARGUMENT. */
TANGO_API tango_result tango_io_blob_write_begin(
    tango_io_blob_writer *writer, tango_io_output *output, tango_io_value *values,
    size_t value_count, tango_io_tensor *tensors, size_t tensor_count, void *work,
    size_t work_size, tango_error *error);
/* Numbers of the tensor's type as they lie in memory; the file has them little-endian on
   every machine. */
TANGO_API tango_result tango_io_blob_write_data(tango_io_blob_writer *writer,
                                                const void *data, size_t size,
                                                tango_error *error);
/* Writes the header with all checksums. All data must have come. */
TANGO_API tango_result tango_io_blob_write_end(tango_io_blob_writer *writer,
                                               tango_error *error);

#endif /* TANGO_IO__WRITES */

/* ==== 6 >>torch ==== PyTorch archives =============================================== */

/* Files of torch.save: a zip archive ROOT/data.pkl (which names, shapes and storages),
   ROOT/data/KEY (the numbers of one storage each), ROOT/version, with torch 2 also
   ROOT/byteorder and some bookkeeping; or, as before torch 1.6, pickles and then numbers
   without an archive (drawn in the implementation). A pickle is read by a table of
   opcodes and a short list of names; nothing in it is executed. Any other opcode or name
   fails the file.

   The top object is a dictionary of tensors (a state dictionary, plain or ordered, with
   or without _metadata), or one bare tensor. Parameters, buffers and tensors that carry
   attributes are tensors. Entries that are neither tensors nor numbers are passed over; a
   dictionary inside one is reached by tango_io_torch_enter. What training frameworks
   write beside the weights (pytorch_lightning, lightning, omegaconf, torch.optim,
   argparse, NumPy's numbers and arrays, and the plain types that these mention) is read
   over as inert. */

#define TANGO_IO_TORCH_OBJECTS_MAX 1000000  /* objects and references in a pickle */

typedef struct tango_io_torch {
    size_t count;                       /* tensors in the current dictionary */
    size_t dictionaries;                /* dictionaries in it, by names */
    size_t numbers;                     /* Python's numbers in it, by names */
    int summed;                         /* 0: saved without checksums, or without zip;
                                           damage to numbers cannot be noticed */
    size_t stored;                      /* records of the archive; 0 without zip */
    const unsigned char *data;          /* the rest is private */
    const void *objects, *entries, *records, *items;
    const char *names;
    size_t entry_count, first, pickle;
    uint32_t dictionary;
} tango_io_torch;

typedef struct tango_io_torch_tensor {
    const char *name;                   /* NUL-terminated; "" for a bare tensor */
    tango_io_view view;                 /* ready to be read; may be unaligned */
    size_t storage;                     /* file offset of it: shared storages agree */
    size_t storage_size;                /* bytes of it */
    size_t storage_offset;              /* of the first element in it, in elements; 0 if
                                           there is none */
} tango_io_torch_tensor;

/* *size = bytes of work that tango_io_torch_open needs for this file: about 0.3 MB for a
   large model, never over 4 times the pickle plus 40 MiB. */
TANGO_API tango_result tango_io_torch_work_size(size_t *size, const void *data,
                                                size_t data_size, tango_error *error);
/* Reads the file in data[0..data_size), a mapping for example, checks every byte that is
   no number (of an archive the CRC-32 of all records, unless it was saved without any,
   headers twice told; ranges of all tensors) and fills *torch, which points into `data`
   and into `work`. */
TANGO_API tango_result tango_io_torch_open(tango_io_torch *torch, const void *data,
                                           size_t data_size, void *work, size_t work_size,
                                           tango_error *error);
#ifndef TANGO_NO_STDIO
/* The same for a mapping, whose pages are given back (tango_io_forget) as soon as their
   CRC-32 is known: a file of gigabytes then takes no memory of that size. */
TANGO_API tango_result tango_io_torch_open_file(tango_io_torch *torch,
                                                const tango_io_file *file, void *work,
                                                size_t work_size, tango_error *error);
#endif
#ifndef TANGO_NO_STDIO
/* A record of an archive as its directory describes it. */
typedef struct tango_io_torch_record {
    const char *name;                   /* name_size bytes of clean UTF-8, not ended */
    size_t name_size;
    size_t offset, size;                /* of its data in the file */
    uint32_t crc;                       /* of its data, if torch->summed is set */
} tango_io_torch_record;

/* The same, but the CRC-32 of records that hold numbers (ROOT/data/KEY) is not looked
   at: who so reads a file of gigabytes once compares them itself while the numbers pass,
   and keeps nothing of a file that is damaged. */
TANGO_API tango_result tango_io_torch_open_unsummed(tango_io_torch *torch,
                                                    const tango_io_file *file,
                                                    void *work, size_t work_size,
                                                    tango_error *error);
/* Record number `index` < torch->stored, in order of name. */
TANGO_API void tango_io_torch_record_at(const tango_io_torch *torch, size_t index,
                                        tango_io_torch_record *out);
#endif
/* Tensor number `index` < torch->count, in order of name. */
TANGO_API void tango_io_torch_tensor_at(const tango_io_torch *torch, size_t index,
                                        tango_io_torch_tensor *out);
/* 1 and *out if the current dictionary has a tensor `name`, else 0. */
TANGO_API int tango_io_torch_find(const tango_io_torch *torch, const char *name,
                                  tango_io_torch_tensor *out);
/* Name of dictionary number `index` < torch->dictionaries, in order of name. */
TANGO_API const char *tango_io_torch_dictionary_at(const tango_io_torch *torch,
                                                   size_t index);
/* Makes the dictionary `key` of the current dictionary the current one ("state_dict" of a
   training checkpoint). Returns 0 and changes nothing if there is none. */
TANGO_API int tango_io_torch_enter(tango_io_torch *torch, const char *key);
/* 1 and *out if the current dictionary has a number `key` of Python (an int of 64 bits, a
   float, True or False), as the nearest double; else 0. A tensor of rank 0 is none: it is
   found among the tensors. */
TANGO_API int tango_io_torch_number(const tango_io_torch *torch, const char *key,
                                    double *out);
#ifndef TANGO_NO_STDIO
/* 1 and *crc = the CRC-32 of the whole mapping that was opened, put together from those
   of its records, which are not read again; 0 if it was saved without any, or without
   zip. Pages that were read are given back. */
TANGO_API int tango_io_torch_sum(const tango_io_torch *torch, const tango_io_file *file,
                                 uint32_t *crc);
#endif

#ifdef TANGO_IO__WRITES
/* Element (i0, i1, ...) of a tensor to be written lies in row-major order at data, in the
   machine's byte order. */
typedef struct tango_io_torch_item {
    const char *name;                   /* 1 to TANGO_IO_NAME_MAX bytes of clean UTF-8 */
    tango_io_type type;                 /* a number or BOOL */
    size_t rank;
    size_t shape[TANGO_IO_RANK_MAX];
    const void *data;
} tango_io_torch_item;

/* Writes a file that torch.load(path, weights_only=True) gives as one bare tensor. Equal
   arguments give equal bytes: no times, no random ids. The numbers start at a multiple of
   64, as torch has them. A file is at most 4 GiB - 1. */
TANGO_API tango_result tango_io_torch_write(tango_io_output *output, tango_io_type type,
                                            const void *data, const size_t *shape,
                                            size_t rank, tango_error *error);
/* The same for a dictionary of up to 10000 tensors, in the order given. Equal names are
   an error. */
TANGO_API tango_result tango_io_torch_write_dictionary(tango_io_output *output,
                                                       const tango_io_torch_item *items,
                                                       size_t count, tango_error *error);
#endif

/* ==== 7 >>json ==== JSON ============================================================ */

/* RFC 8259 and two things that programs write beside it: one byte order mark in front of
   the text, and the words NaN, Infinity and -Infinity, with which Python stands for
   numbers that JSON lacks (nodes of their own type, which no reader of numbers takes). No
   comments, no trailing commas, UTF-8 only. Errors are also: equal keys in one object
   (after unescaping), escapes of half a surrogate pair, numbers beyond double, nesting
   over 64, more than 4 GiB.

   The parsed text is an array of nodes in document order: a container is followed by its
   contents, an object's members by key and value in turn. `next` is the index after all
   of a node's contents. Node 0 is the whole document, so 0 also means "none":

       {"a": [1, 2]}      0 OBJECT next 5   1 STRING "a"   2 ARRAY next 5   3 NUMBER   4
       NUMBER

       size_t member = tango_io_json_find(&json, 0, "a"), item;
       for (item = tango_io_json_first(&json, member); item;
            item = tango_io_json_next(&json, member, item)) { ... } */

#define TANGO_IO_JSON_DEPTH_MAX 64

typedef enum tango_io_json_type {
    TANGO_IO_JSON_NULL,
    TANGO_IO_JSON_BOOL,
    TANGO_IO_JSON_NUMBER,
    TANGO_IO_JSON_STRING,
    TANGO_IO_JSON_ARRAY,
    TANGO_IO_JSON_OBJECT,
    TANGO_IO_JSON_NONFINITE             /* NaN, Infinity, -Infinity */
} tango_io_json_type;

typedef struct tango_io_json_node {
    uint32_t type;                      /* tango_io_json_type */
    uint32_t at; /* offset of the text; of a string after its quote */
    uint32_t size;                      /* bytes, without quotes; items of a container */
    uint32_t next;
} tango_io_json_node;

typedef struct tango_io_json {
    const char *text;
    const tango_io_json_node *nodes;
    size_t count;
} tango_io_json;

/* *size = bytes of work that tango_io_json_parse needs: 16 a node, 4 a member. */
TANGO_API tango_result tango_io_json_work_size(size_t *size, const void *text,
                                               size_t text_size, tango_error *error);
/* `text` need not end with NUL. *json points into `text` and `work`. */
TANGO_API tango_result tango_io_json_parse(tango_io_json *json, const void *text,
                                           size_t text_size, void *work, size_t work_size,
                                           tango_error *error);

/* Value of member `key` of an object; 0 if there is none or `object` is none. */
TANGO_API size_t tango_io_json_find(const tango_io_json *json, size_t object,
                                    const char *key);
/* First item of an array, or first key of an object (its value is the node after it). */
TANGO_API size_t tango_io_json_first(const tango_io_json *json, size_t container);
/* Item or key after `item`; 0 after the last. */
TANGO_API size_t tango_io_json_next(const tango_io_json *json, size_t container,
                                    size_t item);

TANGO_API tango_io_json_type tango_io_json_type_of(const tango_io_json *json,
                                                   size_t node);
/* These return 0 and leave *out alone if the node is of another type or out of range.
   Numbers are the double nearest to the decimal text; integers are plain decimals,
   without fraction or exponent. */
TANGO_API int tango_io_json_number(const tango_io_json *json, size_t node, double *out);
TANGO_API int tango_io_json_u64(const tango_io_json *json, size_t node, uint64_t *out);
TANGO_API int tango_io_json_i64(const tango_io_json *json, size_t node, int64_t *out);
TANGO_API int tango_io_json_bool(const tango_io_json *json, size_t node, int *out);
/* Unescaped text with a NUL at the end into out[0..capacity). 0 if the node is no string,
   if it holds a NUL itself or does not fit. Node size + 1 bytes always suffice. */
TANGO_API int tango_io_json_string(const tango_io_json *json, size_t node, char *out,
                                   size_t capacity);
/* 1 if the node is a string equal to `text`. */
TANGO_API int tango_io_json_equal(const tango_io_json *json, size_t node,
                                  const char *text);

/* A document too large for nodes is read item by item. All of this is only for text that
   tango_io_json_work_size has accepted: then quotes and brackets tell where values end.
   Equal keys are found when an item is parsed on its own. */

/* text[*begin .. *end) is the value of member `key` of the object that the text is; 0 if
   there is none. The key must stand in the text without escapes. A byte order mark in
   front of the object is skipped. */
TANGO_API int tango_io_json_span(size_t *begin, size_t *end, const void *text,
                                 size_t text_size, const char *key);
/* text[*begin .. *end) is the next item of the array whose bracket is text[*cursor] at
   the first call; 0 after the last. */
TANGO_API int tango_io_json_item(size_t *begin, size_t *end, size_t *cursor,
                                 const void *text, size_t text_size);

/* Writing: one document, on one line, into the caller's memory. Separators are ", " and
   ": ". Texts are escaped as needed and malformed UTF-8 in them becomes U+FFFD. A double
   is written with the fewest digits that read back as the same double, as Python does
   (10.24, 4.0, 1e-05); NaN and infinity, for which JSON has no word, become null.

       tango_io_json_writer w;
       tango_io_json_begin(&w, line, sizeof line);
       tango_io_json_open_object(&w);
       tango_io_json_put_key(&w, "seconds");
       tango_io_json_put_number(&w, 10.24);
       tango_io_json_close(&w);
       size = tango_io_json_end(&w);               {"seconds": 10.24} */
typedef struct tango_io_json_writer {
    char *text;
    size_t capacity, size;              /* size: bytes so far, also beyond capacity */
    size_t depth;                       /* private, as all that follows */
    int bad;
    unsigned char state[TANGO_IO_JSON_DEPTH_MAX + 1];
} tango_io_json_writer;

TANGO_API void tango_io_json_begin(tango_io_json_writer *writer, char *text,
                                   size_t capacity);
TANGO_API void tango_io_json_open_object(tango_io_json_writer *writer);
TANGO_API void tango_io_json_open_array(tango_io_json_writer *writer);
/* Closes the object or array opened last. */
TANGO_API void tango_io_json_close(tango_io_json_writer *writer);
/* In an object each value is preceded by its key; keys that differ are up to the
   caller. */
TANGO_API void tango_io_json_put_key(tango_io_json_writer *writer, const char *key);
TANGO_API void tango_io_json_put_string(tango_io_json_writer *writer, const char *text);
TANGO_API void tango_io_json_put_text(tango_io_json_writer *writer, const char *text,
                                      size_t size);
TANGO_API void tango_io_json_put_number(tango_io_json_writer *writer, double value);
TANGO_API void tango_io_json_put_u64(tango_io_json_writer *writer, uint64_t value);
TANGO_API void tango_io_json_put_i64(tango_io_json_writer *writer, int64_t value);
TANGO_API void tango_io_json_put_bool(tango_io_json_writer *writer, int value);
TANGO_API void tango_io_json_put_null(tango_io_json_writer *writer);
/* The number of bytes of the document, a NUL behind them not counted. 0 if they did not
   fit (writer->size + 1 bytes are needed) or if calls were missing or out of place. */
TANGO_API size_t tango_io_json_end(tango_io_json_writer *writer);

/* ==== 8 >>safetensors ==== safetensors files, lists of shards ======================= */

/* FORMAT. All numbers are little-endian.

       offset size
            0    8  N, size of the header, at most 100,000,000
            8    N  header: JSON that begins with `{`; spaces may follow it
          8+N       the tensors' numbers, to the end of the file

       {"__metadata__": {"format": "pt"},
        "shared.weight": {"dtype": "F16", "shape": [32128, 768],
                          "data_offsets": [0, 49348608]}, ...}

   Offsets count from the end of the header. The ranges, sorted, follow each other without
   hole and overlap and end with the file; each has the size that type and shape say; they
   need not be aligned. Read as the package safetensors 0.8 reads them: members in any
   order, members of a tensor that are not known (passed over), `__metadata__` null.
   Refused, though the package takes them: one name twice, white space that is no space or
   stands before the `{`, names that are empty, over 4096 bytes or have control
   characters, rank over 8. The types F8, F6, F4 and C64 are refused by name.

   SHARDS. A large model is split into several files beside a list, X.index.json:
       {"metadata": {"total_size": 9}, "weight_map": {"shared.weight": "X-00001-of-00002.
       safetensors", ...}}
   The map alone counts: metadata may be absent, and its size wrong. */

typedef struct tango_io_safetensors {
    size_t count;                       /* tensors */
    size_t metadata_count;              /* pairs in __metadata__ */
    const unsigned char *data;          /* private: the file's numbers */
    const void *entries, *pairs;
    const char *names;
} tango_io_safetensors;

typedef struct tango_io_safetensor {
    const char *name;                   /* NUL-terminated */
    tango_io_view view;                 /* row-major; view.data may be unaligned */
    size_t size;                        /* bytes, all in a row from view.data on */
} tango_io_safetensor;

/* *size = bytes of work that tango_io_safetensors_open needs for this file: under 4 times
   the header. */
TANGO_API tango_result tango_io_safetensors_work_size(size_t *size, const void *data,
                                                      size_t data_size,
                                                      tango_error *error);
/* Reads the file in data[0..data_size), a mapping for example: checks the header and that
   the ranges fill the file, and fills *file, which points into `data` and `work`. No
   tensor's numbers are read. */
TANGO_API tango_result tango_io_safetensors_open(tango_io_safetensors *file,
                                                 const void *data, size_t data_size,
                                                 void *work, size_t work_size,
                                                 tango_error *error);
/* Tensor number `index` < file->count, in order of name. */
TANGO_API void tango_io_safetensors_at(const tango_io_safetensors *file, size_t index,
                                       tango_io_safetensor *out);
/* 1 and *out if there is a tensor `name`, else 0. Binary search. */
TANGO_API int tango_io_safetensors_find(const tango_io_safetensors *file,
                                        const char *name, tango_io_safetensor *out);
/* The text beside `key` in __metadata__, NULL if there is none. A tensor that is stored
   under one of its names alone has the others here: "lm_head.weight" beside the key
   "shared.weight" says which one to take. Files of PyTorch say "pt" beside "format". */
TANGO_API const char *tango_io_safetensors_metadata(const tango_io_safetensors *file,
                                                    const char *key);
/* Pair number `index` < metadata_count, in order of key. */
TANGO_API void tango_io_safetensors_metadata_at(const tango_io_safetensors *file,
                                                size_t index, const char **key,
                                                const char **value);

typedef struct tango_io_shards {
    size_t count;                       /* tensors */
    size_t file_count;                  /* files, each counted once */
    const void *pairs, *files;          /* private */
    const char *names;
} tango_io_shards;

/* *size = bytes of work that tango_io_shards_open needs for this list: under 4 times the
   text. */
TANGO_API tango_result tango_io_shards_work_size(size_t *size, const void *text,
                                                 size_t text_size, tango_error *error);
/* Reads a list of shards. Names of files are plain: one that is empty, over 4096 bytes,
   begins with a dot or has a slash, a backslash, a colon or a control character is an
   error. */
TANGO_API tango_result tango_io_shards_open(tango_io_shards *shards, const void *text,
                                            size_t text_size, void *work,
                                            size_t work_size, tango_error *error);
/* Name of file number `index` < file_count, in byte order. */
TANGO_API const char *tango_io_shards_file(const tango_io_shards *shards, size_t index);
/* Tensor number `index` < count, in order of name, and the file that holds it. */
TANGO_API const char *tango_io_shards_at(const tango_io_shards *shards, size_t index,
                                         const char **file);
/* The file that holds the tensor `name`; NULL if the list has none. */
TANGO_API const char *tango_io_shards_find(const tango_io_shards *shards,
                                           const char *name);

/* ==== 9 >>spiece ==== SentencePiece models ========================================== */

/* A SentencePiece model is a protobuf message (sentencepiece_model.proto):
       1 pieces, repeated { 1 text, 2 score (float), 3 type (1 if absent) }
       2 trainer { 3 model_type, 24 treat_whitespace_as_suffix, 35 byte_fallback,
                   40 unk_id, 41 bos_id, 42 eos_id, 43 pad_id }
       3 normalizer { 1 name, 2 charsmap, 3 add_dummy_prefix, 4 remove_extra_whitespaces,
                      5 escape_whitespaces }
   Only unigram models (model_type 1, also if absent) are read, without byte fallback and
   with white space as prefix.

   charsmap is: size of the trie in bytes (32-bit little-endian), the trie, then
   replacement texts, each with a NUL at its end, of up to TANGO_IO_PIECE_MAX bytes, which
   bounds what a byte can become. The trie is a double array of 32-bit
   little-endian units:
       label = u & 0x800000ff     leaf = u >> 8 & 1     value = u & 0x7fffffff
       offset = (u >> 10) << ((u & 0x200) >> 6)
   Walk: p = offset(unit[0]); for each byte c: p ^= c; u = unit[p]; stop if label(u) != c;
   p ^= offset(u); if leaf(u), unit[p] has the value: the replacement starts at
   strings + value. Opening checks that every such walk stays inside, for all bytes, and
   that every value is the start of a UTF-8 character inside `strings`, whose last byte is
   NUL; so the walk needs no checks of its own. */

/* Bytes of a piece: trainers allow 512 characters. A text is tried against pieces at each
   of its bytes, so this bounds the time that a byte takes. */
#define TANGO_IO_PIECE_MAX 2048

typedef enum tango_io_piece_type {
    TANGO_IO_PIECE_NORMAL = 1,
    TANGO_IO_PIECE_UNKNOWN = 2,
    TANGO_IO_PIECE_CONTROL = 3,
    TANGO_IO_PIECE_USER = 4,
    TANGO_IO_PIECE_UNUSED = 5,
    TANGO_IO_PIECE_BYTE = 6
} tango_io_piece_type;

typedef struct tango_io_piece {
    const char *text;                   /* `length` bytes of UTF-8, no NUL at the end */
    size_t length;
    float score;
    tango_io_piece_type type;
} tango_io_piece;

typedef struct tango_io_spiece {
    const unsigned char *data;
    size_t size, piece_count;
    size_t unknown;                     /* index of the one piece of type UNKNOWN */
    int32_t unk_id, bos_id, eos_id, pad_id; /* of the trainer; 0, 1, 2, -1 if absent */
    int add_dummy_prefix, remove_extra_whitespaces, escape_whitespaces;
    const unsigned char *trie; /* 32-bit little-endian units; NULL: no charsmap */
    size_t trie_units;
    const char *strings;                /* replacement texts */
    size_t strings_size;
    const unsigned char *name;          /* normaliser, e.g. "nmt_nfkc" */
    size_t name_size;
} tango_io_spiece;

/* Checks the model in data[0..size) and fills *spiece; nothing is copied. Checked is all
   but the uniqueness of pieces, which needs room: tango_io_spiece_unique. */
TANGO_API tango_result tango_io_spiece_open(tango_io_spiece *spiece, const void *data,
                                            size_t size, tango_error *error);
/* Visits the pieces in order of id: start with *cursor = 0. 1 and *piece, or 0 at the
   end. */
TANGO_API int tango_io_spiece_next(const tango_io_spiece *spiece, size_t *cursor,
                                   tango_io_piece *piece);
/* Error if two pieces have the same text. `work` holds 2 * piece_count numbers: then the
   offset in the file and the length of each piece, in byte order of their texts. */
TANGO_API tango_result tango_io_spiece_unique(const tango_io_spiece *spiece,
                                              uint32_t *work, size_t work_count,
                                              tango_error *error);

/* ==== 10 >>bpe ==== Byte-level BPE vocabularies, tokenizer.json ===================== */

/* The vocabularies of CLIP and of RoBERTa (GPT-2) are byte-level: a text's UTF-8 bytes
   are its first symbols, and merges join neighbours, the earlier rule first. Two kinds of
   file hold one:
       vocab.json, merges.txt   {"text": id, ...}, and a line "left right" for each merge
       tokenizer.json           of the tokenizers package: both, the tokens that stand for
                                themselves in a text, and how a text is split
   In both each byte is written as a letter: 33-126, 161-172 and 174-255 as the code point
   of that number, the others in order as U+0100 and up (a space is U+0120). Each becomes
   one table that needs no text:

       offset bytes                                       all numbers little-endian
            0    8  magic "TANGOBPE"
            8    4  version, 1                    28    4  id in front of every text
           12    4  kind: 1 CLIP, 2 RoBERTa       32    4  id at its end
           16    4  N entries: ids are below      36    4  id that pads
           20    4  M merges                      40    4  id of an unknown byte, or -1
           24    4  S special tokens              44    4  flags, bit 0: <|startoftext|>
                                                           and <|endoftext|> are words of
                                                           the regular expression
           48 1024  id of each byte, or -1 where the byte's symbol is no entry
         1072 1024  id of each byte at the end of a word (CLIP: with "</w>"), or -1
         2096 12*M  merges, the one that goes first in front: left, right, result
           ..  4*M  their numbers in order of (left, right)
           ..       special tokens: id, flags (1 takes the space before it, 2 the space
                    behind it, 4 is looked for in the normalised text), bytes, then the
                    text, filled up with NUL to a multiple of 4

   Errors beside those of all formats: ids that are not 0 to N - 1, each once; a merge
   whose parts or result are no entries, or that comes twice; bytes behind the table. */

#define TANGO_IO_BPE_SPECIALS_MAX 256   /* special tokens of one vocabulary */
#define TANGO_IO_BPE_SPECIAL_MAX 64     /* bytes of one */

typedef enum tango_io_bpe_kind {
    TANGO_IO_BPE_CLIP = 1,
    TANGO_IO_BPE_ROBERTA = 2
} tango_io_bpe_kind;

enum { TANGO_IO_BPE_WORDS = 1 };        /* bits of tango_io_bpe.flags */

enum {                                  /* bits of tango_io_bpe_special.flags */
    TANGO_IO_BPE_LSTRIP = 1,
    TANGO_IO_BPE_RSTRIP = 2,
    TANGO_IO_BPE_NORMALISED = 4
};

typedef struct tango_io_bpe_special {
    const char *text;                   /* `length` bytes of UTF-8, no NUL at the end */
    size_t length;
    int32_t id;
    uint32_t flags;
} tango_io_bpe_special;

typedef struct tango_io_bpe {
    tango_io_bpe_kind kind;
    uint32_t flags;
    size_t entries, merges, specials;
    int32_t begin, end, pad, unknown;   /* unknown: -1 if such bytes are left out */
    const unsigned char *inside, *last; /* ids of bytes: 32-bit little-endian */
    const unsigned char *rules, *order, *special, *end_of_table;
} tango_io_bpe;

/* Checks the table in data[0..size) and fills *bpe; nothing is copied. */
TANGO_API tango_result tango_io_bpe_open(tango_io_bpe *bpe, const void *data, size_t size,
                                         tango_error *error);
/* Id of a byte's symbol within a word or (last) at its end; -1 if it is no entry. */
TANGO_API int32_t tango_io_bpe_byte(const tango_io_bpe *bpe, unsigned char byte,
                                    int last);
/* The merge of two ids: 1, *rank (the smaller goes first) and *result; 0 if there is
   none. */
TANGO_API int tango_io_bpe_merge(const tango_io_bpe *bpe, int32_t left, int32_t right,
                                 uint32_t *rank, int32_t *result);
/* Visits the special tokens: start with *cursor = 0. 1 and *special, or 0 at the end. */
TANGO_API int tango_io_bpe_special_next(const tango_io_bpe *bpe, size_t *cursor,
                                        tango_io_bpe_special *special);

/* What a table is made of: a tokenizer.json, or else a vocab.json and its merges.txt.
   `config` is the tokenizer_config.json or special_tokens_map.json of the same folder;
   it names the tokens that begin, end and pad a text. What is absent is NULL with
   size 0. */
typedef struct tango_io_bpe_files {
    const void *json, *vocab, *merges, *config;
    size_t json_size, vocab_size, merges_size, config_size;
} tango_io_bpe_files;

/* Makes a table; the size function tells how many bytes it takes at most, and how many of
   work. *size receives its true size. tango_io_bpe_open then tells the kind, for the name
   "clip" or "roberta".
   The vocabulary that holds <|startoftext|> is CLIP's, the one with <s> RoBERTa's; others
   are refused, as is whatever in a tokenizer.json changes ids (another normaliser or
   regular expression, dropout, byte fallback, ...), by name. Its `truncation`, `padding`
   and `decoder` are ignored: they are left from the last call before it was saved.
   Without a tokenizer.json and a config the special tokens are
       CLIP     <|startoftext|> <|endoftext|>, which also pads
       RoBERTa  <s> </s> <pad> <unk> <mask>
   as for CLIPTokenizer(vocab, merges) and RobertaTokenizer(vocab, merges) of transformers
   5.24. A config that pads with "!" (Stable Diffusion 2.1) makes "!" special wherever it
   stands in a text, as there. */
TANGO_API tango_result tango_io_bpe_from_files_size(size_t *table, size_t *work,
                                                    const tango_io_bpe_files *files,
                                                    tango_error *error);
TANGO_API tango_result tango_io_bpe_from_files(void *table, size_t capacity, size_t *size,
                                               const tango_io_bpe_files *files,
                                               void *work, size_t work_size,
                                               tango_error *error);

/* *unigram = 1 if a tokenizer.json holds a Unigram model (then make a spiece.model of
   it), 0 if a BPE model (then a table). Others are refused by name. */
TANGO_API tango_result tango_io_tokenizer_json(int *unigram, const void *text,
                                               size_t text_size, tango_error *error);

/* Makes a spiece.model (room 8) of a tokenizer.json with a Unigram model (T5): pieces in
   order of id, special tokens as control pieces, the charsmap as it is. Special tokens at
   the end of the vocabulary (<extra_id_99> to <extra_id_0>) are left out, as in T5's own
   model. */
TANGO_API tango_result tango_io_spiece_from_json_size(size_t *model, size_t *work,
                                                      const void *text, size_t text_size,
                                                      tango_error *error);
TANGO_API tango_result tango_io_spiece_from_json(void *model, size_t capacity,
                                                 size_t *size, const void *text,
                                                 size_t text_size, void *work,
                                                 size_t work_size, tango_error *error);

/* ==== 11 >>npy ==== NumPy arrays ==================================================== */

/* NPY files, versions 1.0, 2.0 and 3.0: little-endian f2 f4 f8 i1 i2 i4 i8 u1 u2 u4 u8
   b1, both orders, rank up to 8, header up to 10000 bytes. The header is read by a strict
   grammar, never evaluated. The array must end where the file ends. */

#define TANGO_IO_NPY_HEADER_MAX 256

typedef struct tango_io_npy {
    tango_io_type type;
    int fortran;                        /* 1: first index fastest */
    size_t rank;
    size_t shape[TANGO_IO_RANK_MAX];
    size_t count;                       /* elements */
    const unsigned char *data;          /* at any alignment */
    size_t size;                        /* bytes */
} tango_io_npy;

/* Checks the file in bytes[0..size) and fills *npy, which points into it. */
TANGO_API tango_result tango_io_npy_parse(tango_io_npy *npy, const void *bytes,
                                          size_t size, tango_error *error);
/* The array as a view, for tango_io_view_read: any range, row-major, as float. */
TANGO_API void tango_io_npy_view(tango_io_view *view, const tango_io_npy *npy);
/* Header of a version 1.0 file in C order into out[0..TANGO_IO_NPY_HEADER_MAX). Returns
   its size, a multiple of 64 as numpy writes it; 0 for a rank over 8 or a type that NPY
   lacks. */
TANGO_API size_t tango_io_npy_header(unsigned char *out, tango_io_type type,
                                     const size_t *shape, size_t rank);
#ifdef TANGO_IO__WRITES
/* Header and elements (row-major, as they lie in memory) of a whole file. */
TANGO_API tango_result tango_io_npy_write(tango_io_output *output, tango_io_type type,
                                          const void *data, const size_t *shape,
                                          size_t rank, tango_error *error);
#endif

/* ==== 12 >>wav ==== WAV ============================================================= */

/* Writing only. Files whose sizes pass 32 bits become RF64 (EBU Tech 3306); the number of
   frames is told at the start, so the header is final and a pipe will do.

   Tags are text beside the sound, in a LIST chunk of type INFO in front of the samples.
   Other programs' readers stop at a long one, so those over 2000 bytes come last.

   Samples are floats, full scale 1. To PCM of n bits: x * 2^(n-1), toward zero (round 0,
   as the reference program casts) or to the nearest, ties to even (round 1), then clamped
   to [-2^(n-1), 2^(n-1) - 1]. NaN and infinity are TANGO_ERROR_NUMBER. */

typedef enum tango_io_wav_format {
    TANGO_IO_WAV_PCM16 = 0,
    TANGO_IO_WAV_PCM24,
    TANGO_IO_WAV_PCM32,
    TANGO_IO_WAV_FLOAT32,
    TANGO_IO_WAV_FLOAT64
} tango_io_wav_format;

/* A name as Vorbis comments have it, "TITLE" or "COMMENT", and a text in UTF-8. What is
   no UTF-8 in a text is written as U+FFFD; a NUL in it, or a name that is empty or has
   other characters than U+0020 to U+007D without "=", is an error. */
typedef struct tango_io_tag {
    const char *name, *text;            /* no NUL is needed behind them */
    size_t name_size, text_size;        /* bytes */
} tango_io_tag;

/* 1 if WAV has a place for a tag of that name: TITLE, ARTIST, ALBUM, COMMENT, COPYRIGHT,
   DATE, GENRE, TRACKNUMBER, ENCODER, in any case, or an identifier of INFO itself, four
   characters that begin with "I". Others are an error there. */
TANGO_API int tango_io_wav_has(const char *name, size_t name_size);

typedef struct tango_io_wav_spec {
    size_t channels;                    /* 1 to 256 */
    uint32_t rate;                      /* 1 to 1000000 Hz */
    tango_io_wav_format format;
    int round;                          /* 0 toward zero, 1 to the nearest */
    uint64_t frames;
    const tango_io_tag *tags;           /* in use by begin; NULL for none */
    size_t tag_count;
} tango_io_wav_spec;

#define TANGO_IO_WAV_HEADER_MAX 128

/* Header without tags into out[0..TANGO_IO_WAV_HEADER_MAX). Returns its size, 0 if the
   spec is impossible. */
TANGO_API size_t tango_io_wav_header(unsigned char *out, const tango_io_wav_spec *spec);
/* Bytes of one sample. */
TANGO_API size_t tango_io_wav_sample_size(tango_io_wav_format format);
/* Converts `count` samples to the bytes of a file. Returns the number converted: less
   than `count` if the next one is not finite. */
TANGO_API size_t tango_io_wav_encode(unsigned char *out, const float *samples,
                                     size_t count, const tango_io_wav_spec *spec);
TANGO_API size_t tango_io_wav_encode_double(unsigned char *out, const double *samples,
                                            size_t count, const tango_io_wav_spec *spec);

#ifdef TANGO_IO__WRITES

typedef struct tango_io_wav {
    tango_io_output *output;
    tango_io_wav_spec spec;
    uint64_t frames;                    /* written so far */
} tango_io_wav;

/* begin, frames as often as needed, end, tango_io_commit. Samples are interleaved: frame
   after frame, `channels` floats each. */
TANGO_API tango_result tango_io_wav_begin(tango_io_wav *wav, tango_io_output *output,
                                          const tango_io_wav_spec *spec,
                                          tango_error *error);
TANGO_API tango_result tango_io_wav_frames(tango_io_wav *wav, const float *samples,
                                           uint64_t frames, tango_error *error);
TANGO_API tango_result tango_io_wav_frames_double(tango_io_wav *wav,
                                                  const double *samples, uint64_t frames,
                                                  tango_error *error);
/* All frames must have come. */
TANGO_API tango_result tango_io_wav_end(tango_io_wav *wav, tango_error *error);
/* The three at once: spec->frames frames. */
TANGO_API tango_result tango_io_wav_write(tango_io_output *output, const float *samples,
                                          const tango_io_wav_spec *spec,
                                          tango_error *error);

#endif

/* ==== 13 >>png ==== PNG pictures ==================================================== */

/* Samples are unsigned numbers of 8 or 16 bits, row after row from the top, pixel after
   pixel from the left, channel after channel: 1 grey, 2 grey and alpha, 3 RGB, 4 RGBA.
   Samples of 16 bits lie in the machine's byte order (uint16_t). Values are exact both
   ways: no gamma, no colour management. (PNG, third edition; RFC 1950, RFC 1951.) */

typedef struct tango_io_png_spec {
    uint32_t width, height;             /* 1 to 2^31 - 1 */
    uint32_t channels;                  /* 1 to 4 */
    uint32_t bits;                      /* 8 or 16 */
} tango_io_png_spec;

/* A file that tango_io_png_open has checked. All kinds of PNG are read: 1, 2, 4, 8 and 16
   bits, grey, RGB and palettes, with alpha or without, plain and interlaced. Samples
   under 8 bits arrive as 8 bits (x * 255 / most), palettes as RGB, or RGBA where the
   file gives them transparency. A transparent colour of other files is passed over. */
typedef struct tango_io_png {
    tango_io_png_spec spec;             /* of the samples as they arrive */
    size_t size;                        /* bytes of all samples */
    size_t work_size;                   /* bytes of work that tango_io_png_read needs */
    const unsigned char *data;          /* private, as all that follows */
    size_t first, palette, palette_size, alpha, alpha_size;
    unsigned depth, colour, interlaced;
} tango_io_png;

/* Checks the file in data[0..size) but for the compressed samples: all CRC-32, the order
   of the parts, that so small a file can hold so large a picture. */
TANGO_API tango_result tango_io_png_open(tango_io_png *png, const void *data, size_t size,
                                         tango_error *error);
/* Samples into pixels[0..png->size). After an error `pixels` holds part of them. */
TANGO_API tango_result tango_io_png_read(void *pixels, const tango_io_png *png,
                                         void *work, size_t work_size,
                                         tango_error *error);

#ifdef TANGO_IO__WRITES
/* *size = bytes of work that tango_io_png_write needs: about 0.45 MB and 4 rows. */
TANGO_API tango_result tango_io_png_write_work_size(size_t *size,
                                                    const tango_io_png_spec *spec,
                                                    tango_error *error);
/* Writes a whole file. Each row takes the filter with the least sum of differences; the
   stream is deflate with Huffman codes made for it. Equal pixels give equal bytes. */
TANGO_API tango_result tango_io_png_write(tango_io_output *output, const void *pixels,
                                          const tango_io_png_spec *spec, void *work,
                                          size_t work_size, tango_error *error);
#endif

/* Colours of matplotlib's maps, exactly. */
typedef enum tango_io_colours {
    TANGO_IO_MAGMA = 0,                 /* black, violet, orange, pale yellow */
    TANGO_IO_VIRIDIS,                   /* violet, blue, green, yellow */
    TANGO_IO_GREYS                      /* black to white */
} tango_io_colours;

/* rgb = the colour at x: the first up to 0, the last from 1 on. NaN is the first. */
TANGO_API void tango_io_colour(unsigned char *rgb, tango_io_colours colours, double x);

/* A mark on an axis: `at` values from its start, with a short text: digits . - + space
   and the letters of "kHz", "s", "dB"; other characters stay empty. */
typedef struct tango_io_tick {
    double at;
    const char *text;
} tango_io_tick;

/* A matrix as a picture: one column of values after the other, each from the bottom up,
   as a log-mel (T, 64) lies in memory. low and high are the values of the first and the
   last colour. With ticks the picture gets white margins with them below or on the
   left. */
typedef struct tango_io_plot {
    const float *values;                /* (columns, rows) */
    size_t columns, rows;
    size_t scale;                       /* pixels a value, each way; 0 means 1 */
    tango_io_colours colours;
    double low, high;
    const tango_io_tick *x_ticks, *y_ticks;
    size_t x_count, y_count;
} tango_io_plot;

/* Size of the picture: RGB of 8 bits. 0 if a side would be 0 or over 65535 pixels. */
TANGO_API int tango_io_plot_size(tango_io_png_spec *spec, const tango_io_plot *plot);
/* Draws into pixels[0 .. 3 * width * height). */
TANGO_API void tango_io_plot_draw(unsigned char *pixels, const tango_io_plot *plot);

/* ==== 14 >>csv ==== Tables of RFC 4180 ============================================== */

/* Rows are read one by one from bytes in memory; a table of any length needs no room but
   the fields of one row. The first row names the columns; a column may have no name (as
   the index that pandas writes), named ones differ. Lines end with LF or CRLF, the last
   may end with the file; a byte order mark may stand first. Empty lines are skipped.
   Errors are: another number of fields than the header, a quote inside a plain field,
   anything but a comma or a line end behind a quoted one, a quote that is never closed, a
   lone CR outside quotes, NUL, malformed UTF-8, a field over 1 MiB.

   A broken row is one error, and the next call goes on behind it. Where the fields can be
   told apart that is behind the whole row. Otherwise it is the first line end after the
   start of the field at fault: a quote that is opened by mistake then costs its own line,
   not those up to the next quote. The price: lines of a quoted field that is broken
   further on are looked at as rows of their own.

       tango_io_csv csv;
       tango_io_csv_field row[TANGO_IO_CSV_COLUMNS_MAX];
       int more;
       if (tango_io_csv_open(&csv, file.data, file.size, &error) != TANGO_OK) ...
       caption = tango_io_csv_column(&csv, "caption");       SIZE_MAX if there is none
       do {
           r = tango_io_csv_next(&csv, row, &more, &error);
           if (r != TANGO_OK) fprintf(stderr, "skipped: %s\n", error.text);
           else if (more) tango_io_csv_text(&row[caption], text, sizeof text);
       } while (more); */

#define TANGO_IO_CSV_COLUMNS_MAX 64
#define TANGO_IO_CSV_FIELD_MAX ((size_t)1 << 20)

/* A field as it stands in the file, without its outer quotes. */
typedef struct tango_io_csv_field {
    const char *text;
    size_t size;
    size_t offset;                      /* of text in the file, for messages */
    int escaped;                        /* 1: "" inside stands for one quote */
} tango_io_csv_field;

typedef struct tango_io_csv {
    size_t columns;
    size_t row;                         /* rows delivered so far, without the header */
    uint64_t wanted;                    /* bit i: column i must be clean text, others may
                                           hold anything; all bits after opening */
    const unsigned char *data;          /* private, as all that follows */
    size_t size, at;
    size_t line, line_at;               /* number of the line that begins at line_at */
    tango_io_csv_field header[TANGO_IO_CSV_COLUMNS_MAX];
} tango_io_csv;

/* Reads the header of the table in data[0..size). */
TANGO_API tango_result tango_io_csv_open(tango_io_csv *csv, const void *data, size_t size,
                                         tango_error *error);
/* *more = 1 and the next row in fields[0..csv->columns), or *more = 0 after the last.
   TANGO_ERROR_DATA: the row is broken (the message names the line where it begins and the
   offset of the fault). Then *more = 1, the fields are void, and the next call goes on
   behind the row. */
TANGO_API tango_result tango_io_csv_next(tango_io_csv *csv, tango_io_csv_field *fields,
                                         int *more, tango_error *error);
/* Index of the column with this name, SIZE_MAX if there is none. */
TANGO_API size_t tango_io_csv_column(const tango_io_csv *csv, const char *name);
/* The field's text with a NUL behind it; returns 0 and writes nothing if it does not fit.
   field->size + 1 bytes always do. */
TANGO_API int tango_io_csv_text(const tango_io_csv_field *field, char *out,
                                size_t capacity);
/* 1 and *out if the field is a decimal number of digits only, up to 2^64 - 1. */
TANGO_API int tango_io_csv_u64(const tango_io_csv_field *field, uint64_t *out);

/* ==== 15 >>sound ==== Reading WAV and FLAC ========================================== */

/* Sound files are read as a stream, frame after frame, from a reader or from memory, and
   the kind is known by the first bytes. A frame is one sample of each channel.

     WAV   RIFF, RF64 and BW64; integers of 8 to 32 bits, floats of 32 and 64, also as
           WAVE_FORMAT_EXTENSIBLE. Integers take whole bytes; those of 12 or 20 bits stand
           at the top of 16 or 24 and are read as such. A frame must be as long as its
           samples, the byte rate 0 or right. Other chunks are skipped. A data size of
           0x7ffff000 or more that reaches past the end of a RIFF file is what a pipe left
           behind: the data goes to the end. Sizes of 0 before samples are damage: a
           recording that was not finished.
     FLAC  the native format of RFC 9639: 4 to 32 bits, 1 to 8 channels. Every CRC, and
           at the end the length and the MD5 sum of STREAMINFO are checked, where they
           are given. ID3 tags around the stream are skipped.

       tango_io_sound_open(&sound, tango_io_input_read, &input, input.size, 0, &error)
       size = tango_io_sound_work_size(&sound)            0 for WAV
       tango_io_sound_start(&sound, work, size, &error)
       tango_io_sound_read_float(&sound, frames, 1024, &got, &error)   until got < 1024

   Integers of n bits become x / 2^(n-1), so full scale is 1; both float types hold
   them exactly up to 24 bits. NaN and infinity of float files are delivered as they are.
   After a failure a sound cannot be read on. */

#define TANGO_IO_SOUND_UNKNOWN UINT64_MAX
#define TANGO_IO_SOUND_CHANNELS_MAX 256
#define TANGO_IO_SOUND_BUFFER 8192

typedef enum tango_io_sound_format {
    TANGO_IO_SOUND_WAV = 0,
    TANGO_IO_SOUND_FLAC = 1
} tango_io_sound_format;

typedef struct tango_io_sound_info {
    tango_io_sound_format format;
    int floats;                         /* 1: IEEE floats; 0: integers */
    unsigned bits;                      /* of a sample: WAV 8 to 64, FLAC 4 to 32 */
    unsigned valid;                     /* of them, from the top; WAV may use fewer */
    size_t channels;                    /* 1 to 256 */
    uint32_t rate;                      /* 1 to 1048575 Hz */
    uint64_t frames;                    /* as the file says; or TANGO_IO_SOUND_UNKNOWN */
} tango_io_sound_info;

/* Private: the CRC-16 and the MD5 sum of a FLAC file. */
typedef struct tango_io_flac_sums {
    uint32_t crc;
    uint32_t md5[4];                    /* so far, of md5_size bytes */
    uint64_t md5_size;
    unsigned char block[64];
    uint16_t table[8][256];             /* of the CRC-16 */
} tango_io_flac_sums;

/* Private: where a FLAC decoder stands. */
typedef struct tango_io_flac_state {
    int32_t *samples;                   /* (channels, block_max), in the caller's work */
    int64_t *wide;                      /* (block_max), only for 32-bit stereo */
    size_t block_max, length, next;     /* longest block; this one; samples taken of it */
    size_t first, last;                 /* lengths of the first block and of the last */
    uint64_t total, decoded, frames;    /* samples: promised (0: unknown), got; blocks */
    size_t crc_from;                    /* where in the buffer the CRC-16 goes on */
    unsigned variable;                  /* blocking strategy */
    unsigned summed;                    /* 1: there is an MD5 sum to check */
    unsigned char md5[16];              /* promised */
    tango_io_flac_sums sums;
} tango_io_flac_state;

typedef struct tango_io_sound {
    tango_io_sound_info info;
    uint64_t frame;                     /* number of the next frame */
    int cut;                            /* with keep: 1 once damage has ended the sound */
    tango_error note;                   /* then the reason, otherwise empty */
    /* private: */
    tango_io_reader *reader;
    void *context;
    const unsigned char *memory;        /* instead of a reader: what is left of it */
    size_t memory_size;
    uint64_t size, base;                /* of the file; file offset of buffer[0] */
    uint64_t left;                      /* WAV: frames to come, or UNKNOWN */
    size_t at, end;                     /* unread part of the buffer */
    size_t container;                   /* WAV: bytes of a sample */
    int keep, state, ended;
    tango_io_flac_state flac;
    unsigned char buffer[TANGO_IO_SOUND_BUFFER];
} tango_io_sound;

/* Reads up to the first sample and fills sound->info. `size` is the number of bytes the
   reader will give, or UINT64_MAX. With keep = 1 a damaged or cut file is no error once
   samples have been reached: the sound ends with the last whole frame (FLAC: the last
   whole block), and cut and note tell. Nor is a wrong byte rate of a WAV file. */
TANGO_API tango_result tango_io_sound_open(tango_io_sound *sound, tango_io_reader *reader,
                                           void *context, uint64_t size, int keep,
                                           tango_error *error);
/* The same over data[0..size), which stays the caller's and must stay. */
TANGO_API tango_result tango_io_sound_open_memory(tango_io_sound *sound, const void *data,
                                                  size_t size, int keep,
                                                  tango_error *error);
/* Bytes of work that reading needs: 0 for WAV; for FLAC 4 x channels x block length, 144
   KiB for CD sound as usually coded, 2.5 MiB at most. */
TANGO_API size_t tango_io_sound_work_size(const tango_io_sound *sound);
/* Comes between opening and the first frame. The block (8-byte aligned) is in use as long
   as the sound is read; for WAV it may be NULL. */
TANGO_API tango_result tango_io_sound_start(tango_io_sound *sound, void *work,
                                            size_t work_size, tango_error *error);

/* The next frames, interleaved: out (frames, channels). *got < frames only at the end. On
   failure *got is untouched and `out` holds nothing of use. */
TANGO_API tango_result tango_io_sound_read_float(tango_io_sound *sound, float *out,
                                                 size_t frames, size_t *got,
                                                 tango_error *error);
TANGO_API tango_result tango_io_sound_read_double(tango_io_sound *sound, double *out,
                                                  size_t frames, size_t *got,
                                                  tango_error *error);
/* The integers themselves; 8-bit WAV as -128 to 127. Refused for float files. */
TANGO_API tango_result tango_io_sound_read_int(tango_io_sound *sound, int32_t *out,
                                               size_t frames, size_t *got,
                                               tango_error *error);
/* The tags of a WAV or FLAC file whose bytes begin with data[0..size): of FLAC the
   comment blocks, of WAV the LIST chunks of type INFO, whose identifiers get the names
   that tango_io_wav_has lists, or stay. Bytes behind the start may be missing, and with
   them the tags that come there. Opening checks all of it: lengths that leave their block
   or chunk are TANGO_ERROR_DATA; comments without a name are passed over. A text may be
   any bytes. Sounds are read whatever their tags are like. */
typedef struct tango_io_tags {
    tango_io_sound_format format;
    const unsigned char *begin, *end;   /* private, as all that follows */
    const unsigned char *block;         /* the next block or chunk */
    const unsigned char *at, *stop;     /* what is left of this one */
    uint64_t data;                      /* RF64: bytes of the data chunk */
    uint32_t count;                     /* FLAC: comments to come in it */
    int last;                           /* FLAC: 1 behind the last block */
} tango_io_tags;

TANGO_API tango_result tango_io_tags_open(tango_io_tags *tags, const void *data,
                                          size_t size, tango_error *error);
/* 1 and the next tag, in the order of the file; 0 at the end. Name and text point into
   the file's bytes, but for names of that list. */
TANGO_API int tango_io_tags_next(tango_io_tags *tags, tango_io_tag *tag);

/* Moves forward. *skipped < frames only at the end. */
TANGO_API tango_result tango_io_sound_skip(tango_io_sound *sound, uint64_t frames,
                                           uint64_t *skipped, tango_error *error);

/* ==== 16 >>flac ==== Writing FLAC =================================================== */

#ifdef TANGO_IO__WRITES

/* FLAC (RFC 9639) keeps every bit of a sound in about half the bytes of WAV. Spec and
   samples are those of room 12, as are their rounding and their errors, with PCM16 or
   PCM24 as format, up to 8 channels and 2^36 - 1 frames. Blocks have 4096 frames; each
   channel is coded by the cheapest of a constant, the fixed predictors of order 0 to 4,
   linear predictors of order 1 to 8, and plain numbers; of two channels one may be their
   difference, or their mean. The same samples give the same bytes on every machine.

   STREAMINFO has the number of frames from the start. A file gets the MD5 sum of the
   samples and the sizes of its frames at the end; on standard output, which cannot go
   back, both stay 0, which means that they are not known. */

typedef struct tango_io_flac {
    tango_io_output *output;
    tango_io_wav_spec spec;
    uint64_t frames;                    /* taken so far */
    /* private: */
    uint64_t start;                     /* where the file begins in the output */
    uint32_t blocks, smallest, largest; /* coded; bytes of a frame */
    size_t held;                        /* frames of the next block */
    int32_t *lines;                     /* (channels + 2, 4096), the last mid and side */
    int32_t *residual;                  /* (4096) */
    double *windowed;                   /* (8 + 4096) */
    unsigned char *bytes;               /* one frame of the file */
    tango_io_flac_sums sums;
} tango_io_flac;

/* Bytes of work (8-byte aligned) that writing needs, 127 KiB for one channel of 16 bits;
   0 if the spec is none that FLAC holds. */
TANGO_API size_t tango_io_flac_work_size(const tango_io_wav_spec *spec);
/* begin, frames as often as needed, end, tango_io_commit, as with tango_io_wav_begin. The
   work is in use until the end. */
TANGO_API tango_result tango_io_flac_begin(tango_io_flac *flac, tango_io_output *output,
                                           const tango_io_wav_spec *spec, void *work,
                                           size_t work_size, tango_error *error);
TANGO_API tango_result tango_io_flac_frames(tango_io_flac *flac, const float *samples,
                                            uint64_t frames, tango_error *error);
TANGO_API tango_result tango_io_flac_frames_double(tango_io_flac *flac,
                                                   const double *samples, uint64_t frames,
                                                   tango_error *error);
/* All frames must have come. */
TANGO_API tango_result tango_io_flac_end(tango_io_flac *flac, tango_error *error);
/* The three at once: spec->frames frames. */
TANGO_API tango_result tango_io_flac_write(tango_io_output *output, const float *samples,
                                           const tango_io_wav_spec *spec, void *work,
                                           size_t work_size, tango_error *error);

#endif

#endif /* TANGO_IO_H */

/* ==================================================================================== */
/* Implementation                                                                       */
/* ==================================================================================== */

#if (defined TANGO_IO_IMPLEMENTATION || defined TANGO_IMPLEMENTATION) && \
    !defined TANGO_IO_IMPLEMENTED
#define TANGO_IO_IMPLEMENTED 1

#include <stdarg.h>
#ifndef TANGO_NO_STDIO
#include <stdio.h>
#ifdef TANGO_IO__POSIX
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>
#endif
#ifdef TANGO_IO__WINDOWS
#ifndef WIN32_LEAN_AND_MEAN
#define WIN32_LEAN_AND_MEAN
#endif
#ifndef NOMINMAX
#define NOMINMAX
#endif
#include <windows.h>
#include <fcntl.h>
#include <io.h>
#include <process.h>
#include <share.h>
#include <sys/stat.h>
#endif
#endif

#if !defined TANGO_IO_NO_SIMD && defined __GNUC__ && defined __x86_64__ && \
    __STDC_HOSTED__ == 1
#define TANGO_IO__PCLMUL TANGO_IO__HOT __attribute__((target("pclmul")))
#include <cpuid.h>
#include <wmmintrin.h>
#endif

/* A plain `cc` build runs the loops below at full speed; Clang takes -O2 from its user.
   GCC optimises what is marked HOT fully, the rest as far as it costs no time, and leaves
   out what nobody calls; with -O all fully, but for -Os. The helpers of hot loops are
   inlined by request, since -O0 keeps GCC from doing it. */
#define TANGO_IO__HOT
#if defined __GNUC__ && !defined __clang__
#pragma GCC push_options
#ifdef TANGO_NO_OPTIMIZE
#elif defined TANGO__PLAIN
#pragma GCC optimize("Og")
#pragma GCC optimize("toplevel-reorder") /* without it GCC writes what nobody calls */
#undef TANGO_IO__HOT
#define TANGO_IO__HOT \
    __attribute__((optimize("O3", "fp-contract=off", "no-trapping-math")))
#elif !defined __OPTIMIZE_SIZE__
#pragma GCC optimize("O3")
#endif
#pragma GCC optimize("fp-contract=off")
/* Values stay as they are; loops with comparisons become vector code. */
#pragma GCC optimize("no-trapping-math")
#endif
#if defined __clang__
#pragma STDC FP_CONTRACT OFF
#endif
#if defined __GNUC__
#define TANGO_IO__INLINE static inline __attribute__((always_inline))
#else
#define TANGO_IO__INLINE static inline
#endif

/* ==== 17 >>bytes ==== Cursor, little-endian numbers, UTF-8, sorting ================= */

TANGO_IO__INLINE void tango_io__copy(void *to, const void *from, size_t size)
{
    unsigned char *out = (unsigned char *)to;
    const unsigned char *in = (const unsigned char *)from;
    size_t i;
    for (i = 0; i < size; i++) out[i] = in[i];
}

static void tango_io__zero(void *to, size_t size)
{
    unsigned char *out = (unsigned char *)to;
    size_t i;
    for (i = 0; i < size; i++) out[i] = 0;
}

static size_t tango_io__length(const char *text)
{
    size_t n = 0;
    while (text[n] && n < SIZE_MAX - 1) n++;    /* two exits, or it becomes a call */
    return n;
}

/* Byte order; a text that ends first is the smaller. Returns -1, 0 or 1. */
static int tango_io__compare(const void *a, size_t a_size, const void *b, size_t b_size)
{
    const unsigned char *x = (const unsigned char *)a, *y = (const unsigned char *)b;
    size_t i, n = a_size < b_size ? a_size : b_size;
    for (i = 0; i < n; i++) {
        if (x[i] != y[i]) return x[i] < y[i] ? -1 : 1;
    }
    return a_size == b_size ? 0 : a_size < b_size ? -1 : 1;
}

/* 1 if the bytes are exactly `text`. */
static int tango_io__equal(const void *bytes, size_t size, const char *text)
{
    return tango_io__compare(bytes, size, text, tango_io__length(text)) == 0;
}

TANGO_IO__INLINE uint32_t tango_io__u16(const unsigned char *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8;
}

TANGO_IO__INLINE uint32_t tango_io__u32(const unsigned char *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 |
           (uint32_t)p[3] << 24;
}

TANGO_IO__INLINE uint64_t tango_io__u64(const unsigned char *p)
{
    return (uint64_t)tango_io__u32(p) | (uint64_t)tango_io__u32(p + 4) << 32;
}

TANGO_IO__INLINE void tango_io__put16(unsigned char *p, uint32_t v)
{
    p[0] = (unsigned char)(v & 0xff);
    p[1] = (unsigned char)(v >> 8 & 0xff);
}

TANGO_IO__INLINE void tango_io__put32(unsigned char *p, uint32_t v)
{
    tango_io__put16(p, v & 0xffff);
    tango_io__put16(p + 2, v >> 16);
}

TANGO_IO__INLINE void tango_io__put64(unsigned char *p, uint64_t v)
{
    tango_io__put32(p, (uint32_t)(v & 0xffffffff));
    tango_io__put32(p + 4, (uint32_t)(v >> 32));
}

TANGO_IO__INLINE void tango_io__putbig(unsigned char *p, uint32_t v)
{
    p[0] = (unsigned char)(v >> 24);
    p[1] = (unsigned char)(v >> 16 & 0xff);
    p[2] = (unsigned char)(v >> 8 & 0xff);
    p[3] = (unsigned char)(v & 0xff);
}

TANGO_IO__INLINE float tango_io__float(uint32_t bits)
{
    float value;
    tango_io__copy(&value, &bits, sizeof value);
    return value;
}

TANGO_IO__INLINE double tango_io__double(uint64_t bits)
{
    double value;
    tango_io__copy(&value, &bits, sizeof value);
    return value;
}

TANGO_IO__INLINE uint64_t tango_io__double_bits(double value)
{
    uint64_t bits;
    tango_io__copy(&bits, &value, sizeof bits);
    return bits;
}

/* 1 unless the exponent is all ones, which means infinity or NaN. */
TANGO_IO__INLINE int tango_io__finite(double value)
{
    return (tango_io__double_bits(value) >> 52 & 0x7ff) != 0x7ff;
}

/* The one reader that moves. begin stays at the start of the whole input, so that
   at - begin is the byte offset for messages; narrowing moves only `end`. */
typedef struct tango_io__cursor {
    const unsigned char *begin, *at, *end;
} tango_io__cursor;

static tango_io__cursor tango_io__cursor_over(const void *data, size_t size)
{
    tango_io__cursor c;
    c.begin = c.at = (const unsigned char *)data;
    c.end = c.begin + size;
    return c;
}

static size_t tango_io__left(const tango_io__cursor *c)
{
    return (size_t)(c->end - c->at);
}

static size_t tango_io__offset(const tango_io__cursor *c)
{
    return (size_t)(c->at - c->begin);
}

/* The next n bytes, or NULL (and no movement) if there are fewer. */
static const unsigned char *tango_io__take(tango_io__cursor *c, uint64_t n)
{
    const unsigned char *p = c->at;
    if (n > tango_io__left(c)) return NULL;
    c->at += (size_t)n;
    return p;
}

/* Bytes (1 to 4) of the UTF-8 character at p, 0 if it is malformed: overlong forms,
   surrogates and numbers above U+10FFFF are. */
TANGO_IO__HOT
static size_t tango_io__utf8(const unsigned char *p, size_t size)
{
    size_t n, i;
    if (size == 0) return 0;
    if (p[0] < 0x80) return 1;
    n = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
    if (p[0] < 0xc2 || p[0] > 0xf4 || n > size) return 0;
    for (i = 1; i < n; i++) {
        if ((p[i] & 0xc0) != 0x80) return 0;
    }
    if (p[0] == 0xe0 && p[1] < 0xa0) return 0;      /* overlong */
    if (p[0] == 0xed && p[1] > 0x9f) return 0;      /* surrogates */
    if (p[0] == 0xf0 && p[1] < 0x90) return 0;      /* overlong */
    if (p[0] == 0xf4 && p[1] > 0x8f) return 0;      /* above U+10FFFF */
    return n;
}

/* Bytes of the byte order mark in front of a text: 3 or 0. */
static size_t tango_io__mark(const void *text, size_t size)
{
    return size >= 3 && tango_io__equal(text, 3, "\xef\xbb\xbf") ? 3 : 0;
}

/* Offset of the first byte that is not UTF-8; `size` if all is well. */
TANGO_IO__HOT
static size_t tango_io__utf8_bad(const unsigned char *p, size_t size)
{
    size_t at = 0;
    while (at < size) {
        size_t n = tango_io__utf8(p + at, size - at);
        if (n == 0) return at;
        at += n;
    }
    return size;
}

/* A key or name: 1 to TANGO_IO_NAME_MAX bytes of UTF-8 without control characters
   (U+0000 to U+001F, U+007F to U+009F). */
static int tango_io__name_ok(const unsigned char *p, size_t size)
{
    size_t i;
    if (size == 0 || size > TANGO_IO_NAME_MAX) return 0;
    if (tango_io__utf8_bad(p, size) != size) return 0;
    for (i = 0; i < size; i++) {
        if (p[i] < 0x20 || p[i] == 0x7f) return 0;
        if (p[i] == 0xc2 && p[i + 1] < 0xa0) return 0;  /* valid UTF-8: p[i + 1] exists */
    }
    return 1;
}

/* Multiplies dimensions; 0 if the product of those that are not 0 exceeds 2^63 - 1.
   *count receives the product of all. */
static int tango_io__count(uint64_t *count, const uint64_t *shape, size_t rank)
{
    uint64_t product = 1;
    size_t i;
    int empty = 0;
    for (i = 0; i < rank; i++) {
        if (shape[i] == 0) { empty = 1; continue; }
        if (product > (uint64_t)INT64_MAX / shape[i]) return 0;
        product *= shape[i];
    }
    *count = empty ? 0 : product;
    return 1;
}

static size_t tango_io__put_string(unsigned char *out, size_t at, const char *text)
{
    size_t n = tango_io__length(text);
    tango_io__copy(out + at, text, n);
    return at + n;
}

/* Whether numbers lie in memory as they lie in files. */
TANGO_IO__INLINE int tango_io__is_little(void)
{
    const uint16_t one = 1;
    unsigned char first;
    tango_io__copy(&first, &one, 1);
    return first == 1;
}

#ifdef TANGO_IO__WRITES

/* `count` numbers of 1, 2, 4 or 8 bytes from the machine's byte order to
   little-endian. */
static void tango_io__little(unsigned char *out, const unsigned char *in, size_t size,
                             size_t count)
{
    size_t i;
    for (i = 0; i < count; i++, in += size, out += size) {
        uint16_t h;
        uint32_t w;
        uint64_t d;
        if (size == 2) {
            tango_io__copy(&h, in, 2);
            tango_io__put16(out, h);
        } else if (size == 4) {
            tango_io__copy(&w, in, 4);
            tango_io__put32(out, w);
        } else if (size == 8) {
            tango_io__copy(&d, in, 8);
            tango_io__put64(out, d);
        } else {
            *out = *in;
        }
    }
}

#endif

typedef int tango_io__order(const void *context, const void *a, const void *b);

TANGO_IO__HOT
static void tango_io__swap(unsigned char *a, unsigned char *b, size_t size)
{
    size_t i;
    for (i = 0; i < size; i++) {
        unsigned char t = a[i];
        a[i] = b[i];
        b[i] = t;
    }
}

/* Heap sort: in place, n log n comparisons for any input, so a hostile order costs
   nothing. */
TANGO_IO__HOT
static void tango_io__sort(void *base, size_t count, size_t size, tango_io__order *order,
                           const void *context)
{
    unsigned char *v = (unsigned char *)base;
    size_t start = count / 2, end = count, root, child;
    while (end > 1) {
        if (start > 0) {
            start--;
        } else {
            end--;
            tango_io__swap(v, v + end * size, size);
        }
        for (root = start; root < end / 2; root = child) {  /* then 2*root + 1 < end */
            child = 2 * root + 1;
            if (child + 1 < end &&
                order(context, v + child * size, v + (child + 1) * size) < 0)
                child++;
            if (order(context, v + root * size, v + child * size) >= 0) break;
            tango_io__swap(v + root * size, v + child * size, size);
        }
    }
}

/* ==== 1 >>error ==== Messages ======================================================= */

static void tango_io__put_char(tango_error *error, size_t *at, char c)
{
    if (*at + 1 < sizeof error->text) error->text[(*at)++] = c;
}

static void tango_io__put_number(tango_error *error, size_t *at, uint64_t value)
{
    char digits[20];
    size_t n = 0;
    do {
        digits[n++] = (char)('0' + (int)(value % 10));
        value /= 10;
    } while (value != 0);
    while (n > 0) tango_io__put_char(error, at, digits[--n]);
}

/* Text of any origin: beyond 64 characters the first 40 and the last 21 remain. */
static void tango_io__put_text(tango_error *error, size_t *at, const char *text,
                               size_t size)
{
    static const char hex[] = "0123456789abcdef";
    size_t i;
    for (i = 0; i < size; i++) {
        unsigned char c = (unsigned char)text[i];
        if (size > 64 && i == 40) {
            tango_io__put_char(error, at, '.');
            tango_io__put_char(error, at, '.');
            tango_io__put_char(error, at, '.');
            i = size - 22;
            continue;
        }
        if (c >= 0x20 && c < 0x7f && c != '\\') {
            tango_io__put_char(error, at, (char)c);
        } else {
            tango_io__put_char(error, at, '\\');
            tango_io__put_char(error, at, 'x');
            tango_io__put_char(error, at, hex[c >> 4]);
            tango_io__put_char(error, at, hex[c & 15]);
        }
    }
}

TANGO_API tango_result tango_io_fail(tango_error *error, tango_result result,
                                     const char *format, ...)
{
    va_list args;
    size_t at = 0;
    const char *text;
    if (!error) return result;
    va_start(args, format);
    for (; *format; format++) {
        if (*format != '%' || format[1] == 0) {
            tango_io__put_char(error, &at, *format);
            continue;
        }
        format++;
        if (*format == 's') {
            text = va_arg(args, const char *);
            tango_io__put_text(error, &at, text, tango_io__length(text));
        } else if (*format == 'q') {
            text = va_arg(args, const char *);
            tango_io__put_text(error, &at, text, va_arg(args, size_t));
        } else if (*format == 'z') {
            tango_io__put_number(error, &at, (uint64_t)va_arg(args, size_t));
        } else if (*format == 'u') {
            tango_io__put_number(error, &at, va_arg(args, uint64_t));
        } else if (*format == 'i') {
            int64_t value = va_arg(args, int64_t);
            if (value < 0) tango_io__put_char(error, &at, '-');
            tango_io__put_number(error, &at, value < 0 ? 0 - (uint64_t)value
                                                       : (uint64_t)value);
        } else {
            tango_io__put_char(error, &at, *format);
        }
    }
    va_end(args);
    error->text[at] = 0;
    return result;
}

/* First bytes of files; the more telling stand first. */
typedef struct tango_io__look {
    unsigned char at, size;                     /* where `bytes` stand, how many */
    char bytes[24];
    const char *name;                           /* at most 64 bytes, or it is shortened */
} tango_io__look;

static const tango_io__look tango_io__looks[] = {
    { 0, 23, "version https://git-lfs", "a Git LFS pointer: run git lfs pull" },
    { 0, 14, "\x80\2\x8a\nl\xfc\x9c\x46\xf9 j\xa8P\x19",
      "a PyTorch file of before 1.6" },
    { 0, 2, "\x80\2", "a bare pickle, no archive" },
    { 0, 2, "\x80\3", "a bare pickle, no archive" },
    { 0, 2, "\x80\4", "a bare pickle, no archive" },
    { 0, 2, "\x80\5", "a bare pickle, no archive" },
    { 0, 8, "TANGO\0\r\n", "a tango model" },
    { 0, 4, "PK\3\4", "a zip archive" },
    { 0, 6, "\x93NUMPY", "a NumPy array" },
    { 0, 4, "GGUF", "a GGUF model" },
    { 4, 4, "TFL3", "a TensorFlow Lite model" },
    { 0, 4, "\x89HDF", "an HDF5 file" },
    { 0, 8, "\x89PNG\r\n\x1a\n", "a PNG picture" },
    { 0, 3, "\xff\xd8\xff", "a JPEG picture" },
    { 0, 6, "GIF87a", "a GIF picture" },
    { 0, 6, "GIF89a", "a GIF picture" },
    { 8, 4, "WEBP", "a WebP picture" },
    { 0, 4, "II*\0", "a TIFF picture" },
    { 0, 4, "MM\0*", "a TIFF picture" },
    { 0, 5, "%PDF-", "a PDF document" },
    { 0, 2, "\x1f\x8b", "compressed by gzip" },
    { 0, 6, "\xfd" "7zXZ", "compressed by xz" },
    { 0, 4, "\x28\xb5\x2f\xfd", "compressed by zstd" },
    { 0, 4, "BZh9", "compressed by bzip2" },
    { 0, 6, "7z\xbc\xaf\x27\x1c", "a 7z archive" },
    { 0, 4, "Rar!", "a RAR archive" },
    { 0, 4, "RIFX", "a WAV sound of big-endian numbers" },
    { 8, 4, "WAVE", "a WAV sound" },
    { 8, 4, "AVI ", "an AVI film" },
    { 0, 4, "fLaC", "a FLAC sound" },
    { 0, 4, "ID3\2", "an MP3 sound" },
    { 0, 4, "ID3\3", "an MP3 sound" },
    { 0, 4, "ID3\4", "an MP3 sound" },
    { 0, 2, "\xff\xfb", "an MP3 sound" },
    { 0, 2, "\xff\xfa", "an MP3 sound" },
    { 0, 2, "\xff\xf3", "an MP3 sound" },
    { 0, 2, "\xff\xf2", "an MP3 sound" },
    { 0, 2, "\xff\xf1", "an AAC sound" },
    { 0, 2, "\xff\xf9", "an AAC sound" },
    { 0, 5, "OggS\0", "an Ogg sound" },
    { 4, 4, "ftyp", "an MP4 or M4A file" },
    { 8, 4, "AIFF", "an AIFF sound" },
    { 8, 4, "AIFC", "an AIFF sound" },
    { 0, 5, ".snd\0", "an AU sound" },
    { 0, 8, "riff\x2e\x91\xcf\x11", "a Wave64 sound" },
    { 0, 4, "wvpk", "a WavPack sound" },
    { 0, 4, "caff", "a CAF sound" },
    { 0, 4, "\x30\x26\xb2\x75", "a WMA sound" },
    { 0, 4, "\x1a\x45\xdf\xa3", "a Matroska or WebM file" },
    { 0, 2, "\xff\xfe", "text in UTF-16: save it as UTF-8" },
    { 0, 2, "\xfe\xff", "text in UTF-16: save it as UTF-8" }
};

/* Kinds that no fixed bytes tell: a length and `{`; a first field, then a short name. */
static const char *tango_io__looks_inside(const unsigned char *p, size_t size)
{
    static const char html[][10] = { "<!doctype", "<html", "<head", "<?xml" };
    size_t at = tango_io__mark(p, size), i, k;
    if (size >= 9 && tango_io__u64(p) <= 100000000 && p[8] == '{')
        return "a safetensors file";
    if (size >= 5 && p[0] == 8 && p[1] > 0 && p[1] < 32 && p[2] == 0x12 && p[3] < 64 &&
        p[4] >= 'A' && p[4] <= 'z')
        return "an ONNX model";
    if (size >= 263 && tango_io__equal(p + 257, 5, "ustar")) return "a tar archive";
    while (at < size && (p[at] == ' ' || p[at] == '\n' || p[at] == '\r')) at++;
    for (i = 0; i < sizeof html / sizeof html[0]; i++) {
        for (k = 0; html[i][k] && at + k < size; k++) {
            unsigned char c = p[at + k];
            if ((c >= 'A' && c <= 'Z' ? c + 32 : c) != html[i][k]) break;
        }
        if (!html[i][k]) return "an HTML page, perhaps of a download that failed";
    }
    return NULL;
}

TANGO_API const char *tango_io_looks_like(const void *data, size_t size)
{
    const unsigned char *p = (const unsigned char *)data;
    size_t i;
    if (!data || size == 0) return "an empty file";
    for (i = 0; i < sizeof tango_io__looks / sizeof tango_io__looks[0]; i++) {
        const tango_io__look *look = &tango_io__looks[i];
        if (size >= (size_t)look->at + look->size &&
            tango_io__compare(p + look->at, look->size, look->bytes, look->size) == 0)
            return look->name;
    }
    return tango_io__looks_inside(p, size);
}

/* The bytes are not `wanted`: says what they are instead, as far as that is known. */
static tango_result tango_io__foreign(tango_error *error, const char *reader,
                                      const char *wanted, const void *data, size_t size)
{
    const char *found = tango_io_looks_like(data, size);
    return tango_io_fail(error, TANGO_ERROR_DATA, "%s: not %s%s%s (offset 0)", reader,
                         wanted, found ? " but " : "", found ? found : "");
}

/* ==== 2 >>view ==== Element types and strided arrays ================================ */

TANGO_API size_t tango_io_type_size(tango_io_type type)
{
    static const unsigned char size[] = { 4, 2, 2, 1, 2, 4, 8, 1, 2, 4, 8, 8, 1, 1, 1 };
    return (size_t)type < sizeof size ? size[type] : 0;
}

TANGO_API const char *tango_io_type_name(tango_io_type type)
{
    static const char name[][8] = { "f32", "f16", "bf16", "i8",     "i16",
                                    "i32", "i64", "u8",   "u16",    "u32",
                                    "u64", "f64", "bool", "string", "bytes" };
    return (size_t)type < sizeof name / sizeof name[0] ? name[type] : "?";
}

/* IEEE half: 1 sign, 5 exponent, 10 fraction bits. Every half is a float. */
TANGO_IO__INLINE float tango_io__half(uint32_t h)
{
    uint32_t sign = (h & 0x8000) << 16, exponent = h >> 10 & 31, fraction = h & 0x3ff;
    if (exponent == 31) return tango_io__float(sign | 0x7f800000 | fraction << 13);
    if (exponent == 0) {                            /* zero, denormal: fraction * 2^-24 */
        float value = (float)fraction * (1.0f / 16777216.0f);
        return sign ? -value : value;
    }
    return tango_io__float(sign | (exponent + 112) << 23 | fraction << 13);
}

/* Nearest float. A double at or beyond 2^128 - 2^103 rounds to infinity; the conversion
   of such a value is undefined in C, so it is not left to a cast. */
TANGO_IO__INLINE float tango_io__narrow(double value)
{
    const double limit = 340282356779733661637539395458142568448.0;
    if (value >= limit) return tango_io__float(0x7f800000);
    if (value <= -limit) return tango_io__float(0xff800000);
    return (float)value;
}

TANGO_IO__INLINE float tango_io__element(const unsigned char *p, tango_io_type type)
{
    switch (type) {
    case TANGO_IO_F32: return tango_io__float(tango_io__u32(p));
    case TANGO_IO_F16: return tango_io__half(tango_io__u16(p));
    case TANGO_IO_BF16: return tango_io__float(tango_io__u16(p) << 16);
    case TANGO_IO_I8: return (float)(p[0] < 128 ? (int)p[0] : (int)p[0] - 256);
    case TANGO_IO_U8: return (float)p[0];
    case TANGO_IO_U16: return (float)tango_io__u16(p);
    case TANGO_IO_U32: return (float)tango_io__u32(p);
    case TANGO_IO_U64: return (float)tango_io__u64(p);
    case TANGO_IO_F64: return tango_io__narrow(tango_io__double(tango_io__u64(p)));
    case TANGO_IO_BOOL: return p[0] ? 1.0f : 0.0f;
    case TANGO_IO_I16: {
        int32_t v = (int32_t)tango_io__u16(p);
        return (float)(v < 32768 ? v : v - 65536);
    }
    case TANGO_IO_I32: {
        int64_t v = (int64_t)tango_io__u32(p);
        return (float)(v < INT64_C(2147483648) ? v : v - INT64_C(4294967296));
    }
    case TANGO_IO_I64: {
        uint64_t v = tango_io__u64(p);                  /* -v without signed overflow */
        return v >> 63 ? -(float)(0 - v) : (float)v;
    }
    case TANGO_IO_STRING: case TANGO_IO_BYTES: break;
    }
    return 0.0f;
}

/* One run along the last axis; step in bytes. The type that weights have gets its own
   loop. */
TANGO_IO__HOT
static void tango_io__row(float *out, const unsigned char *p, tango_io_type type,
                          size_t step, size_t count)
{
    size_t i;
    if (type == TANGO_IO_F32) {
        for (i = 0; i < count; i++) out[i] = tango_io__float(tango_io__u32(p + i * step));
    } else {
        for (i = 0; i < count; i++) out[i] = tango_io__element(p + i * step, type);
    }
}

TANGO_API TANGO_IO__HOT
void tango_io_view_read(float *out, const tango_io_view *view, size_t first,
                        size_t count)
{
    size_t size = tango_io_type_size(view->type), axis, rest, at, run, last;
    TANGO_ASSERT(first <= view->count && count <= view->count - first);
    if (view->rank == 0) {
        if (count) out[0] = tango_io__element(view->data, view->type);
        return;
    }
    last = view->rank - 1;
    while (count > 0) {                                 /* here no dimension is 0 */
        size_t column = first % view->shape[last];
        rest = first / view->shape[last];
        at = column * view->strides[last];
        for (axis = last; axis-- > 0;) {
            at += rest % view->shape[axis] * view->strides[axis];
            rest /= view->shape[axis];
        }
        run = view->shape[last] - column;
        if (run > count) run = count;
        tango_io__row(out, view->data + at * size, view->type, view->strides[last] * size,
                      run);
        out += run;
        first += run;
        count -= run;
    }
}

/* ==== 3 >>checksum ==== Checksum of the blob, CRC-32 ================================ */

#define TANGO_IO__MULTIPLIER UINT64_C(0x9e3779b97f4a7c15)

TANGO_IO__INLINE uint64_t tango_io__mix(uint64_t h, uint64_t word)
{
    h ^= word;
    return (h << 29 | h >> 35) * TANGO_IO__MULTIPLIER;
}

TANGO_IO__HOT
static void tango_io__checksum_blocks(uint64_t *lane, const unsigned char *p,
                                      size_t blocks)
{
    uint64_t a = lane[0], b = lane[1], c = lane[2], d = lane[3];
    for (; blocks > 0; blocks--, p += 32) {
        a = tango_io__mix(a, tango_io__u64(p));
        b = tango_io__mix(b, tango_io__u64(p + 8));
        c = tango_io__mix(c, tango_io__u64(p + 16));
        d = tango_io__mix(d, tango_io__u64(p + 24));
    }
    lane[0] = a;
    lane[1] = b;
    lane[2] = c;
    lane[3] = d;
}

TANGO_API void tango_io_checksum_begin(tango_io_checksum *sum)
{
    unsigned k;
    for (k = 0; k < 4; k++) sum->lane[k] = k * TANGO_IO__MULTIPLIER;
    sum->size = 0;
    tango_io__zero(sum->tail, sizeof sum->tail);
}

TANGO_API TANGO_IO__HOT
void tango_io_checksum_add(tango_io_checksum *sum, const void *data,
                           size_t size)
{
    const unsigned char *p = (const unsigned char *)data;
    size_t held = (size_t)(sum->size % 32), take;
    sum->size += size;
    if (held > 0) {
        take = size < 32 - held ? size : 32 - held;
        tango_io__copy(sum->tail + held, p, take);
        p += take;
        size -= take;
        if (held + take < 32) return;
        tango_io__checksum_blocks(sum->lane, sum->tail, 1);
    }
    tango_io__checksum_blocks(sum->lane, p, size / 32);
    tango_io__copy(sum->tail, p + size / 32 * 32, size % 32);
}

TANGO_API uint64_t tango_io_checksum_end(const tango_io_checksum *sum)
{
    uint64_t lane[4], h = sum->size;
    unsigned char block[32];
    size_t held = (size_t)(sum->size % 32), k;
    for (k = 0; k < 4; k++) lane[k] = sum->lane[k];
    if (held > 0) {
        tango_io__zero(block, sizeof block);
        tango_io__copy(block, sum->tail, held);
        tango_io__checksum_blocks(lane, block, 1);
    }
    for (k = 0; k < 4; k++) h = tango_io__mix(h, lane[k]);
    h ^= h >> 32;
    h *= TANGO_IO__MULTIPLIER;
    return h ^ h >> 29;
}

/* table[0][b] is the CRC of byte b; table[k][b] that of b followed by k zero bytes. Eight
   look-ups then advance eight bytes at once, because the CRC is linear. Each step waits
   for the one before; so long runs are cut into three lanes whose steps take turns. The
   sum of lanes one behind the other is the first one's, moved past a lane of zeros, plus
   the second's: as polynomials, sum * x^(8 * bytes) + sum. */
enum { TANGO_IO__CRC_LANE = 4096 };
#define TANGO_IO__CRC_X8 0x00800000u            /* x^8 */

/* a * b modulo the polynomial; bit 31 is x^0. */
static uint32_t tango_io__crc_product(uint32_t a, uint32_t b)
{
    uint32_t bit, product = 0;
    for (bit = 0x80000000u; bit; bit >>= 1) {
        if (a & bit) product ^= b;
        b = b & 1 ? b >> 1 ^ 0xedb88320u : b >> 1;
    }
    return product;
}

/* base^n modulo the polynomial. */
static uint32_t tango_io__crc_power(uint32_t base, size_t n)
{
    uint32_t power = 0x80000000u;                                       /* 1 */
    for (; n > 0; n >>= 1) {
        if (n & 1) power = tango_io__crc_product(power, base);
        base = tango_io__crc_product(base, base);
    }
    return power;
}

TANGO_IO__INLINE uint32_t tango_io__crc_eight(const tango_io_crc32 *table, uint32_t c,
                                              const unsigned char *p)
{
    const uint32_t a = tango_io__u32(p) ^ c, b = tango_io__u32(p + 4);
    return table->table[7][a & 255] ^ table->table[6][a >> 8 & 255] ^
           table->table[5][a >> 16 & 255] ^ table->table[4][a >> 24] ^
           table->table[3][b & 255] ^ table->table[2][b >> 8 & 255] ^
           table->table[1][b >> 16 & 255] ^ table->table[0][b >> 24];
}

/* c is the inverted sum so far, as in the definition: the first four bytes meet it. */
TANGO_IO__HOT
static uint32_t tango_io__crc_ref(const tango_io_crc32 *table, uint32_t c,
                                  const unsigned char *p, size_t size)
{
    const size_t lane = TANGO_IO__CRC_LANE;
    size_t i;
    for (; size >= 3 * lane; size -= 3 * lane, p += 3 * lane) {
        uint32_t second = 0, third = 0;
        for (i = 0; i < lane; i += 8) {
            c = tango_io__crc_eight(table, c, p + i);
            second = tango_io__crc_eight(table, second, p + lane + i);
            third = tango_io__crc_eight(table, third, p + 2 * lane + i);
        }
        c = tango_io__crc_product(table->lane, c) ^ second;
        c = tango_io__crc_product(table->lane, c) ^ third;
    }
    for (; size >= 8; size -= 8, p += 8) c = tango_io__crc_eight(table, c, p);
    for (; size > 0; size--, p++) c = c >> 8 ^ table->table[0][(c ^ *p) & 255];
    return c;
}

/* Sixteen bytes are a polynomial F * x^64 + S of two words: the first one in memory, F,
   has the higher powers, and in each word bit 63 is x^0. The sum of bytes far ahead does
   not change if they are moved on by n bits, onto bytes that lie there:
       F * (x^(64 + n) mod P) + S * (x^n mod P),   at most 96 bits each
   The product of two words without carries has 127 bits and so stands one bit below where
   128 bits put it: it comes out times x. The constants take that x and lie in the upper
   half of their word:  { x^(64 + n - 1) mod P, x^(n - 1) mod P } * 2^32. */
static void tango_io__crc_constants(uint64_t out[2], size_t n)
{
    const uint32_t x = 0x40000000u;
    out[0] = (uint64_t)tango_io__crc_power(x, 64 + n - 1) << 32;
    out[1] = (uint64_t)tango_io__crc_power(x, n - 1) << 32;
}

#ifdef TANGO_IO__PCLMUL

static int tango_io__crc_folds(void)
{
    unsigned a, b, c, d;
    return __get_cpuid(1, &a, &b, &c, &d) && (c >> 1 & 1);
}

TANGO_IO__INLINE TANGO_IO__PCLMUL __m128i tango_io__crc_load(const void *p)
{
    return _mm_loadu_si128((const __m128i *)p);
}

/* x moved on by what the constants k say, onto y. */
TANGO_IO__INLINE TANGO_IO__PCLMUL __m128i tango_io__crc_onto(__m128i x, __m128i k,
                                                             __m128i y)
{
    const __m128i first = _mm_clmulepi64_si128(x, k, 0x00);
    const __m128i second = _mm_clmulepi64_si128(x, k, 0x11);
    return _mm_xor_si128(_mm_xor_si128(first, second), y);
}

/* Four sums of 16 bytes take turns, because each step waits for the one before; they fold
   into one, and the table makes 32 bits of what is left. size >= 64. */
TANGO_IO__PCLMUL static uint32_t tango_io__crc_fold(const tango_io_crc32 *table,
                                                    uint32_t c, const unsigned char *p,
                                                    size_t size)
{
    const __m128i by64 = tango_io__crc_load(table->by64);
    const __m128i by16 = tango_io__crc_load(table->by16);
    unsigned char rest[16];
    __m128i a = _mm_xor_si128(tango_io__crc_load(p), _mm_cvtsi32_si128((int)c));
    __m128i b = tango_io__crc_load(p + 16);
    __m128i d = tango_io__crc_load(p + 32), e = tango_io__crc_load(p + 48);
    for (p += 64, size -= 64; size >= 64; p += 64, size -= 64) {
        a = tango_io__crc_onto(a, by64, tango_io__crc_load(p));
        b = tango_io__crc_onto(b, by64, tango_io__crc_load(p + 16));
        d = tango_io__crc_onto(d, by64, tango_io__crc_load(p + 32));
        e = tango_io__crc_onto(e, by64, tango_io__crc_load(p + 48));
    }
    b = tango_io__crc_onto(a, by16, b);
    d = tango_io__crc_onto(b, by16, d);
    e = tango_io__crc_onto(d, by16, e);
    _mm_storeu_si128((__m128i *)(void *)rest, e);
    return tango_io__crc_ref(table, tango_io__crc_ref(table, 0, rest, 16), p, size);
}

#endif

TANGO_API TANGO_IO__HOT
void tango_io_crc32_begin(tango_io_crc32 *table)
{
    uint32_t b, c, k;
    for (b = 0; b < 256; b++) {
        c = b;
        for (k = 0; k < 8; k++) c = c & 1 ? c >> 1 ^ 0xedb88320u : c >> 1;
        table->table[0][b] = c;
    }
    for (k = 1; k < 8; k++) {
        for (b = 0; b < 256; b++) {
            c = table->table[k - 1][b];
            table->table[k][b] = c >> 8 ^ table->table[0][c & 255];
        }
    }
    table->lane = tango_io__crc_power(TANGO_IO__CRC_X8, TANGO_IO__CRC_LANE);
    tango_io__crc_constants(table->by64, 8 * 64);
    tango_io__crc_constants(table->by16, 8 * 16);
    table->folds = 0;
#ifdef TANGO_IO__PCLMUL
    table->folds = tango_io__crc_folds();
#endif
}

TANGO_API uint32_t tango_io_crc32_add(const tango_io_crc32 *table, uint32_t crc,
                                      const void *data, size_t size)
{
    const unsigned char *p = (const unsigned char *)data;
#ifdef TANGO_IO__PCLMUL
    if (table->folds && size >= 64) return ~tango_io__crc_fold(table, ~crc, p, size);
#endif
    return ~tango_io__crc_ref(table, ~crc, p, size);
}

/* ==== 4 >>file ==== Mapping, loading, output that appears whole ===================== */

#ifndef TANGO_NO_STDIO

enum {
    TANGO_IO__CLOSED = 0,
    TANGO_IO__FILE = 1,
    TANGO_IO__STANDARD = 2,
    TANGO_IO__FAILED = 3
};

/* Where the completion of a file ended: nothing changed; the new file stands under its
   name; it does, but a crash of the system may yet undo that. */
typedef enum tango_io__step {
    TANGO_IO__UNDONE,
    TANGO_IO__DONE,
    TANGO_IO__IN_DOUBT
} tango_io__step;


static int tango_io__is_standard(const char *path)
{
    return path[0] == '-' && !path[1];
}

static tango_result tango_io__path_ok(const char *path, tango_error *error)
{
    size_t n = tango_io__length(path);
    if (n == 0) return tango_io_fail(error, TANGO_ERROR_FILE, "empty file name");
    if (n > TANGO_IO_PATH_MAX)
        return tango_io_fail(error, TANGO_ERROR_FILE,
                             "%s: file name of %z bytes, at most %u allowed", path, n,
                             (uint64_t)TANGO_IO_PATH_MAX);
    return TANGO_OK;
}

/* The rule for paths that come from files, as tango_io_map_below documents it. */
static tango_result tango_io__below_ok(const char *path, tango_error *error)
{
    size_t i, start = 0, n = tango_io__length(path);
    int good = n > 0 && n <= TANGO_IO_PATH_MAX;
    for (i = 0; good && i <= n; i++) {
        unsigned char c = (unsigned char)path[i];
        if (c == '\\' || (c != 0 && c < 32) || c == 127) good = 0;
        if (c != '/' && c != 0) continue;
        if (i == start || (i == start + 1 && path[start] == '.') ||
            (i == start + 2 && path[start] == '.' && path[start + 1] == '.'))
            good = 0;
        start = i + 1;
    }
    if (good) return TANGO_OK;
    return tango_io_fail(error, TANGO_ERROR_ARGUMENT,
                         "%s: expected a relative path without .. of at most %u bytes",
                         path, (uint64_t)TANGO_IO_PATH_MAX);
}

#ifdef TANGO_IO__WRITES

/* Both kinds of system work on descriptors. Here stands what they call differently. */

#ifdef TANGO_IO__POSIX

typedef struct stat tango_io__stat;

static int tango_io__stat_path(tango_io__stat *info, const char *path)
{
    return stat(path, info) == 0;
}

static int tango_io__stat_file(tango_io__stat *info, int fd)
{
    return fstat(fd, info) == 0;
}

static int tango_io__is_regular(const tango_io__stat *info)
{
    return S_ISREG(info->st_mode);
}

static int tango_io__is_separator(char c) { return c == '/'; }

static int tango_io__open(const char *path, int flags, unsigned mode)
{
    int fd;
#ifdef O_CLOEXEC
    flags |= O_CLOEXEC;
#endif
    fd = open(path, flags, mode);
#ifndef O_CLOEXEC
    if (fd >= 0) fcntl(fd, F_SETFD, FD_CLOEXEC);        /* strict C99 hides O_CLOEXEC */
#endif
    return fd;
}

/* O_NONBLOCK: opening a named pipe must not wait. */
static int tango_io__open_read(const char *path)
{
    return tango_io__open(path, O_RDONLY | O_NONBLOCK, 0);
}

static int tango_io__open_new(const char *path)
{
    return tango_io__open(path, O_WRONLY | O_CREAT | O_EXCL, 0644);
}

static int tango_io__close(int fd) { return close(fd) == 0; }

/* Bytes done, at most 1 GiB at once; -1 on failure. */
static int64_t tango_io__read_some(int fd, void *buffer, size_t size)
{
    return read(fd, buffer, size < ((size_t)1 << 30) ? size : (size_t)1 << 30);
}

static int64_t tango_io__write_some(int fd, const void *data, size_t size)
{
    return write(fd, data, size < ((size_t)1 << 30) ? size : (size_t)1 << 30);
}

static void tango_io__make_binary(int fd) { (void)fd; }

static void *tango_io__map_view(int fd, size_t size)
{
    void *view = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
    return view == MAP_FAILED ? NULL : view;
}

static void tango_io__unmap_view(void *view, size_t size) { munmap(view, size); }

static size_t tango_io__page(void)
{
    const long page = sysconf(_SC_PAGESIZE);
    return page > 0 ? (size_t)page : 0;
}

/* Whole pages. posix_madvise would be the portable name; with glibc it does nothing. */
static void tango_io__drop_view(unsigned char *view, size_t size)
{
#ifdef MADV_DONTNEED
    madvise((void *)view, size, MADV_DONTNEED);
#else
    (void)view;
    (void)size;
#endif
}

static void tango_io__expect_view(unsigned char *view, size_t size)
{
#ifdef MADV_WILLNEED
    madvise((void *)view, size, MADV_WILLNEED);
#else
    (void)view;
    (void)size;
#endif
}

static uint64_t tango_io__process(void) { return (uint64_t)getpid(); }

static int tango_io__move(int fd, uint64_t position)
{
    off_t to = (off_t)position;
    if (to < 0 || (uint64_t)to != position) return 0;
    return lseek(fd, to, SEEK_SET) == to;
}

static void tango_io__remove(const char *path) { unlink(path); }

/* 1 if files can be made in the folder. */
static int tango_io__folder_takes(const char *folder)
{
    struct stat info;
    return stat(folder, &info) == 0 && S_ISDIR(info.st_mode) &&
           access(folder, W_OK | X_OK) == 0;
}

/* Who a path or, with NULL, an open descriptor is. */
static int tango_io__identity(uint64_t id[2], const char *path, int fd)
{
    struct stat info;
    if ((path ? stat(path, &info) : fstat(fd, &info)) != 0) return 0;
    id[0] = (uint64_t)info.st_dev;
    id[1] = (uint64_t)info.st_ino;
    return S_ISREG(info.st_mode) || S_ISDIR(info.st_mode);
}

/* Opens a folder to synchronise it; one that may not be read gives -1 and is no failure,
   for it cannot be synchronised. */
static int tango_io__open_names(int *fd, const char *folder)
{
    *fd = tango_io__open(folder, O_RDONLY, 0);
    return *fd >= 0 || errno == EACCES || errno == EPERM;
}

/* Network file systems say in several ways that they do not do this. */
static int tango_io__sync_names(int fd)
{
    int ok = fd < 0 || fsync(fd) == 0 || errno == EINVAL || errno == EBADF ||
             errno == ENOTSUP || errno == EOPNOTSUPP || errno == ENOSYS;
    if (fd >= 0) close(fd);
    return ok;
}

static int tango_io__sync_folder_at(const char *folder)
{
    int fd;
    return tango_io__open_names(&fd, folder) && tango_io__sync_names(fd);
}

/* Renaming is durable once the folder is synchronised. Whatever can fail without harm
   does so before the new name stands. */
static tango_io__step tango_io__publish(int fd, const char *temporary, const char *path,
                                        const char *folder)
{
    int ok = fsync(fd) == 0, names;
    ok = close(fd) == 0 && ok;
    if (!ok || !tango_io__open_names(&names, folder)) return TANGO_IO__UNDONE;
    if (rename(temporary, path) != 0) {
        if (names >= 0) close(names);
        return TANGO_IO__UNDONE;
    }
    return tango_io__sync_names(names) ? TANGO_IO__DONE : TANGO_IO__IN_DOUBT;
}

#else /* Windows */

typedef struct _stat64 tango_io__stat;

/* A handle that can only be asked what it is. */
static HANDLE tango_io__peek(const char *path)
{
    return CreateFileA(path, 0, FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE,
                       NULL, OPEN_EXISTING, FILE_FLAG_BACKUP_SEMANTICS, NULL);
}

/* Names such as NUL are devices in every folder; stat does not tell. */
static int tango_io__stat_path(tango_io__stat *info, const char *path)
{
    HANDLE file = tango_io__peek(path);
    int device = file != INVALID_HANDLE_VALUE && GetFileType(file) != FILE_TYPE_DISK,
        found = _stat64(path, info) == 0;
    if (file != INVALID_HANDLE_VALUE) CloseHandle(file);
    if (device) info->st_mode = _S_IFCHR;
    return found || device;
}

static int tango_io__stat_file(tango_io__stat *info, int fd)
{
    return _fstat64(fd, info) == 0;
}

static int tango_io__is_regular(const tango_io__stat *info)
{
    return (info->st_mode & _S_IFMT) == _S_IFREG;
}

static int tango_io__is_separator(char c) { return c == '/' || c == '\\' || c == ':'; }

static int tango_io__open(const char *path, int flags)
{
    int fd = -1;
    flags |= _O_BINARY | _O_NOINHERIT;
    return _sopen_s(&fd, path, flags, _SH_DENYNO, _S_IREAD | _S_IWRITE) == 0 ? fd : -1;
}

static int tango_io__open_read(const char *path)
{
    return tango_io__open(path, _O_RDONLY);
}

static int tango_io__open_new(const char *path)
{
    return tango_io__open(path, _O_WRONLY | _O_CREAT | _O_EXCL);
}

static int tango_io__close(int fd) { return _close(fd) == 0; }

static int64_t tango_io__read_some(int fd, void *buffer, size_t size)
{
    return _read(fd, buffer, size < ((size_t)1 << 30) ? (unsigned)size : 1u << 30);
}

/* In pieces that a pipe takes at once. */
static int64_t tango_io__write_some(int fd, const void *data, size_t size)
{
    return _write(fd, data, size < ((size_t)1 << 15) ? (unsigned)size : 1u << 15);
}

/* Standard streams begin as text, in which line feeds change. */
static void tango_io__make_binary(int fd) { _setmode(fd, _O_BINARY); }

static void *tango_io__map_view(int fd, size_t size)
{
    void *view = NULL;
    HANDLE map = CreateFileMappingA((HANDLE)_get_osfhandle(fd), NULL, PAGE_READONLY, 0, 0,
                                    NULL);
    if (map) view = MapViewOfFile(map, FILE_MAP_READ, 0, 0, size);
    if (map) CloseHandle(map);
    return view;
}

static void tango_io__unmap_view(void *view, size_t size)
{
    (void)size;
    UnmapViewOfFile(view);
}

static size_t tango_io__page(void)
{
    SYSTEM_INFO info;
    GetSystemInfo(&info);
    return (size_t)info.dwPageSize;
}

/* Unlocking pages that are not locked takes them out of the working set. */
static void tango_io__drop_view(unsigned char *view, size_t size)
{
    VirtualUnlock(view, size);
}

static void tango_io__expect_view(unsigned char *view, size_t size)
{
    (void)view;                                 /* Windows 8 has PrefetchVirtualMemory */
    (void)size;
}

static uint64_t tango_io__process(void) { return GetCurrentProcessId(); }

static int tango_io__move(int fd, uint64_t position)
{
    return position <= INT64_MAX &&
           _lseeki64(fd, (int64_t)position, SEEK_SET) == (int64_t)position;
}

static void tango_io__remove(const char *path) { DeleteFileA(path); }

static int tango_io__folder_takes(const char *folder)
{
    DWORD attributes = GetFileAttributesA(folder);
    return attributes != INVALID_FILE_ATTRIBUTES &&
           (attributes & FILE_ATTRIBUTE_DIRECTORY) != 0;
}

static int tango_io__identity(uint64_t id[2], const char *path, int fd)
{
    BY_HANDLE_FILE_INFORMATION info;
    HANDLE file = path ? tango_io__peek(path) : (HANDLE)_get_osfhandle(fd);
    int known;
    if (file == INVALID_HANDLE_VALUE) return 0;
    known = GetFileType(file) == FILE_TYPE_DISK &&
            GetFileInformationByHandle(file, &info);
    if (path) CloseHandle(file);
    if (!known) return 0;
    id[0] = info.dwVolumeSerialNumber;
    id[1] = (uint64_t)info.nFileIndexHigh << 32 | info.nFileIndexLow;
    return 1;
}

static int tango_io__sync_folder_at(const char *folder)
{
    (void)folder;
    return 1;
}

/* The system moves the name at once and returns when it is on the disk. */
static tango_io__step tango_io__publish(int fd, const char *temporary, const char *path,
                                        const char *folder)
{
    int ok = _commit(fd) == 0;
    (void)folder;
    ok = _close(fd) == 0 && ok;
    return ok && MoveFileExA(temporary, path,
                             MOVEFILE_REPLACE_EXISTING | MOVEFILE_WRITE_THROUGH)
               ? TANGO_IO__DONE : TANGO_IO__UNDONE;
}

#endif

/* Opens a regular file for reading. */
static tango_result tango_io__open_regular(int *fd, size_t *size, const char *path,
                                           tango_error *error)
{
    tango_io__stat info;
    tango_result r = tango_io__path_ok(path, error);
    if (r != TANGO_OK) return r;
    *fd = tango_io__open_read(path);
    if (*fd < 0) {
        if (!tango_io__stat_path(&info, path))
            return tango_io_fail(error, TANGO_ERROR_FILE, "%s: no such file", path);
        return tango_io_fail(error, TANGO_ERROR_FILE, "%s: %s", path,
                             tango_io__is_regular(&info)
                                 ? "cannot be opened for reading"
                                 : "not a regular file");
    }
    if (!tango_io__stat_file(&info, *fd)) {
        r = tango_io_fail(error, TANGO_ERROR_FILE, "%s: its size cannot be read", path);
    } else if (!tango_io__is_regular(&info)) {
        r = tango_io_fail(error, TANGO_ERROR_FILE, "%s: not a regular file", path);
    } else if (info.st_size < 0 || (uint64_t)info.st_size > SIZE_MAX / 2) {
        r = tango_io_fail(error, TANGO_ERROR_FILE,
                          "%s: %i bytes are too many for this system", path,
                          (int64_t)info.st_size);
    } else {
        *size = (size_t)info.st_size;
        return TANGO_OK;
    }
    tango_io__close(*fd);
    return r;
}

/* Maps an open regular file and closes the descriptor; the mapping stays. */
static tango_result tango_io__map_open(tango_io_file *file, int fd, size_t size,
                                       const char *path, tango_error *error)
{
    static const unsigned char nothing[64] = { 0 };     /* one of its bytes is aligned */
    void *mapping = NULL;
    if (size > 0) mapping = tango_io__map_view(fd, size);
    tango_io__close(fd);
    if (size > 0 && !mapping)
        return tango_io_fail(error, TANGO_ERROR_FILE, "%s: %z bytes cannot be mapped",
                             path, size);
    file->data = mapping ? (const unsigned char *)mapping
                         : nothing + (size_t)(0 - (uintptr_t)nothing) % 64;
    file->size = size;
    file->mapping = mapping;
    return TANGO_OK;
}

TANGO_API tango_result tango_io_map(tango_io_file *file, const char *path,
                                    tango_error *error)
{
    int fd;
    size_t size = 0; /* GCC does not see that it is set */
    tango_result r = tango_io__open_regular(&fd, &size, path, error);
    if (r != TANGO_OK) return r;
    return tango_io__map_open(file, fd, size, path, error);
}

TANGO_API void tango_io_forget(const tango_io_file *file, const void *data, size_t size)
{
    const size_t page = tango_io__page();
    const uintptr_t begin = (uintptr_t)file->data, at = (uintptr_t)data;
    size_t first, end;
    if (!file->mapping || page == 0 || at < begin || at - begin > file->size) return;
    first = (size_t)(at - begin);
    end = size < file->size - first ? first + size : file->size;
    if (end < file->size) end -= end % page;    /* of the last page nothing lies behind */
    if (first % page != 0) {
        if (page - first % page >= file->size - first) return;
        first += page - first % page;
    }
    if (first < end)
        tango_io__drop_view((unsigned char *)file->mapping + first, end - first);
}

TANGO_API void tango_io_expect(const tango_io_file *file, const void *data, size_t size)
{
    const size_t page = tango_io__page();
    const uintptr_t begin = (uintptr_t)file->data, at = (uintptr_t)data;
    size_t first, end;
    if (!file->mapping || page == 0 || at < begin || at - begin > file->size) return;
    first = (size_t)(at - begin);
    end = size < file->size - first ? first + size : file->size;
    if (first < end)
        tango_io__expect_view((unsigned char *)file->mapping + (first - first % page),
                              end - (first - first % page));
}

TANGO_API void tango_io_unmap(tango_io_file *file)
{
    if (file->mapping) tango_io__unmap_view(file->mapping, file->size);
    file->data = NULL;
    file->size = 0;
    file->mapping = NULL;
}

#if defined TANGO_IO__POSIX && defined O_NOFOLLOW && defined O_DIRECTORY && \
    defined O_CLOEXEC
#define TANGO_IO__MAPS_BELOW 1
enum {
    TANGO_IO__NO_LINK = O_NOFOLLOW | O_CLOEXEC | O_RDONLY,
    TANGO_IO__FOLDER = O_DIRECTORY | O_CLOEXEC | O_RDONLY
};
#define TANGO_IO__OPENAT openat
#define TANGO_IO__PREAD pread
typedef off_t tango_io__place;
#elif defined TANGO_IO__POSIX && defined __GLIBC__ && defined __O_NOFOLLOW && \
    defined __O_DIRECTORY && defined __O_CLOEXEC
/* -std=c99 hides them from a program that asks for no POSIX in front of its first header.
   The C library has them all the same; these two names fit every width of off_t. */
#define TANGO_IO__MAPS_BELOW 1
enum {
    TANGO_IO__NO_LINK = __O_NOFOLLOW | __O_CLOEXEC | O_RDONLY,
    TANGO_IO__FOLDER = __O_DIRECTORY | __O_CLOEXEC | O_RDONLY
};
#define TANGO_IO__OPENAT openat64
#define TANGO_IO__PREAD pread64
typedef __off64_t tango_io__place;
extern int openat64(int folder, const char *path, int flags, ...);
extern ssize_t pread64(int file, void *buffer, size_t size, __off64_t offset);
#endif

#ifdef TANGO_IO__MAPS_BELOW

/* 1 if the last part of `path` is a link: that is how opening it fails. */
static int tango_io__is_link(int folder, const char *path)
{
    const int fd = TANGO_IO__OPENAT(folder, path, TANGO_IO__NO_LINK | O_NONBLOCK);
    if (fd >= 0) close(fd);
    return fd < 0 && (errno == ELOOP || errno == EMLINK);
}

/* Opens the folder that holds the last part of `path`, part by part from `root`, through
   no link. *name is where that last part begins; -1 if some part is not there. */
static int tango_io__open_folder(const char *root, const char *path, size_t *name,
                                 int *through_link)
{
    char part[TANGO_IO_PATH_MAX + 1];
    int fd = open(root, TANGO_IO__FOLDER);
    size_t at = 0, n;
    *through_link = 0;
    for (;;) {
        int next;
        for (n = 0; path[at + n] && path[at + n] != '/'; n++) part[n] = path[at + n];
        *name = at;
        if (fd < 0 || !path[at + n]) return fd;
        part[n] = 0;
        next = TANGO_IO__OPENAT(fd, part, TANGO_IO__FOLDER | TANGO_IO__NO_LINK);
        if (next < 0) *through_link = tango_io__is_link(fd, part);
        close(fd);
        fd = next;
        at += n + 1;
    }
}

/* Opens a regular file below `root` for reading. */
static tango_result tango_io__open_below(int *opened, size_t *size, const char *root,
                                         const char *path, tango_error *error)
{
    struct stat info;
    size_t name;
    int link, folder, fd, why;
    tango_result r = tango_io__below_ok(path, error);
    if (r != TANGO_OK) return r;
    folder = tango_io__open_folder(root, path, &name, &link);
    if (link)
        return tango_io_fail(error, TANGO_ERROR_ARGUMENT, "%s: leads through a link",
                             path);
    if (folder < 0)
        return tango_io_fail(error, TANGO_ERROR_FILE, "%s: no such file", path);
    /* O_NONBLOCK: a named pipe must not wait. What was opened is what is looked at. */
    fd = TANGO_IO__OPENAT(folder, path + name, TANGO_IO__NO_LINK | O_NONBLOCK);
    why = errno;
    close(folder);
    if (fd < 0 && (why == ENOENT || why == ENOTDIR || why == ENAMETOOLONG))
        return tango_io_fail(error, TANGO_ERROR_FILE, "%s: no such file", path);
    if (fd < 0)
        return tango_io_fail(error, TANGO_ERROR_UNSUPPORTED, "%s: %s", path,
                             why == ELOOP || why == EMLINK
                                 ? "a link, not a regular file"
                                 : "cannot be opened for reading");
    if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode) || info.st_size < 0 ||
        (uint64_t)info.st_size > SIZE_MAX / 2) {
        close(fd);
        return tango_io_fail(error, TANGO_ERROR_UNSUPPORTED, "%s: not a regular file",
                             path);
    }
    *opened = fd;
    *size = (size_t)info.st_size;
    return TANGO_OK;
}

TANGO_API tango_result tango_io_map_below(tango_io_file *file, const char *root,
                                          const char *path, tango_error *error)
{
    int fd = -1;
    size_t size = 0;
    tango_result r = tango_io__open_below(&fd, &size, root, path, error);
    if (r != TANGO_OK) return r;
    r = tango_io__map_open(file, fd, size, path, error);
    return r == TANGO_OK ? r : TANGO_ERROR_UNSUPPORTED;
}

TANGO_API tango_result tango_io_input_open_below(tango_io_input *input, const char *root,
                                                 const char *path, tango_error *error)
{
    int fd = -1;
    size_t size = 0;
    tango_result r = tango_io__open_below(&fd, &size, root, path, error);
    if (r != TANGO_OK) return r;
    input->size = size;
    input->at = 0;
    input->state = TANGO_IO__FILE;
    input->descriptor = fd;
    input->stream = NULL;
    return TANGO_OK;
}

static int tango_io__receive_at(const tango_io_input *input, uint64_t offset,
                                unsigned char *buffer, size_t size)
{
    while (size > 0) {
        size_t chunk = size < ((size_t)1 << 30) ? size : (size_t)1 << 30;
        tango_io__place at = (tango_io__place)offset;
        ssize_t n;
        if (at < 0 || (uint64_t)at != offset) return 0;
        n = TANGO_IO__PREAD(input->descriptor, buffer, chunk, at);
        if (n <= 0) return 0;
        buffer += n;
        offset += (uint64_t)n;
        size -= (size_t)n;
    }
    return 1;
}

#endif

TANGO_API tango_result tango_io_load(void *buffer, size_t capacity, size_t *size,
                                     const char *path, tango_error *error)
{
    int fd;
    size_t need, done = 0;
    tango_result r = tango_io__open_regular(&fd, &need, path, error);
    if (r != TANGO_OK) return r;
    if (need > capacity) {
        tango_io__close(fd);
        return tango_io_fail(error, TANGO_ERROR_MEMORY, "%s: %z bytes, room for %z", path,
                             need, capacity);
    }
    while (done < need) {
        int64_t got = tango_io__read_some(fd, (char *)buffer + done, need - done);
        if (got <= 0) break;
        done += (size_t)got;
    }
    tango_io__close(fd);
    if (done < need)
        return tango_io_fail(error, TANGO_ERROR_FILE,
                             "%s: reading failed at offset %z of %z", path, done, need);
    *size = need;
    return TANGO_OK;
}

TANGO_API tango_result tango_io_input_open(tango_io_input *input, const char *path,
                                           tango_error *error)
{
    size_t size;
    int fd;
    tango_result r;
    input->at = 0;
    input->size = UINT64_MAX;
    input->state = TANGO_IO__CLOSED;
    input->descriptor = 0;
    input->stream = NULL;
    if (tango_io__is_standard(path)) {
        tango_io__make_binary(0);
        input->state = TANGO_IO__STANDARD;
        return TANGO_OK;
    }
    r = tango_io__open_regular(&fd, &size, path, error);
    if (r != TANGO_OK) return r;
    input->state = TANGO_IO__FILE;
    input->size = size;
    input->descriptor = fd;
    return TANGO_OK;
}

static int tango_io__receive(tango_io_input *input, void *buffer, size_t size,
                             size_t *got)
{
    int64_t n = tango_io__read_some(input->descriptor, buffer, size);
    if (n < 0) return 0;
    *got = (size_t)n;
    return 1;
}

TANGO_API void tango_io_input_close(tango_io_input *input)
{
    if (input->state == TANGO_IO__FILE) tango_io__close(input->descriptor);
    input->state = TANGO_IO__CLOSED;
}

#else /* plain stdio */

TANGO_API tango_result tango_io_map(tango_io_file *file, const char *path,
                                    tango_error *error)
{
    (void)file;
    return tango_io_fail(error, TANGO_ERROR_UNSUPPORTED, "%s: no mappings on this system",
                         path);
}

TANGO_API void tango_io_forget(const tango_io_file *file, const void *data, size_t size)
{
    (void)file;                                 /* it was loaded, not mapped */
    (void)data;
    (void)size;
}

TANGO_API void tango_io_expect(const tango_io_file *file, const void *data, size_t size)
{
    (void)file;
    (void)data;
    (void)size;
}

TANGO_API void tango_io_unmap(tango_io_file *file)
{
    file->data = NULL;
    file->size = 0;
}

TANGO_API tango_result tango_io_load(void *buffer, size_t capacity, size_t *size,
                                     const char *path, tango_error *error)
{
    FILE *stream;
    size_t done;
    int more, failed;
    tango_result r = tango_io__path_ok(path, error);
    if (r != TANGO_OK) return r;
    stream = fopen(path, "rb");
    if (!stream)
        return tango_io_fail(error, TANGO_ERROR_FILE, "%s: cannot be opened", path);
    done = fread(buffer, 1, capacity, stream);
    more = done == capacity && fgetc(stream) != EOF;
    failed = ferror(stream);
    fclose(stream);
    if (failed)
        return tango_io_fail(error, TANGO_ERROR_FILE, "%s: reading failed at offset %z",
                             path, done);
    if (more)
        return tango_io_fail(error, TANGO_ERROR_MEMORY,
                             "%s: larger than the room for %z bytes", path, capacity);
    *size = done;
    return TANGO_OK;
}

TANGO_API tango_result tango_io_input_open(tango_io_input *input, const char *path,
                                           tango_error *error)
{
    tango_result r = tango_io__path_ok(path, error);
    input->at = 0;
    input->size = UINT64_MAX;
    input->state = TANGO_IO__CLOSED;
    input->descriptor = 0;
    input->stream = NULL;
    if (r != TANGO_OK) return r;
    if (tango_io__is_standard(path)) {
        input->state = TANGO_IO__STANDARD;
        return TANGO_OK;
    }
    input->stream = fopen(path, "rb");
    if (!input->stream)
        return tango_io_fail(error, TANGO_ERROR_FILE, "%s: cannot be opened", path);
    input->state = TANGO_IO__FILE;
    return TANGO_OK;
}

static int tango_io__receive(tango_io_input *input, void *buffer, size_t size,
                             size_t *got)
{
    FILE *stream = input->stream ? (FILE *)input->stream : stdin;
    *got = fread(buffer, 1, size, stream);
    return *got > 0 || !ferror(stream);
}

TANGO_API void tango_io_input_close(tango_io_input *input)
{
    if (input->state == TANGO_IO__FILE) fclose((FILE *)input->stream);
    input->stream = NULL;
    input->state = TANGO_IO__CLOSED;
}

#endif /* TANGO_IO__WRITES */

#ifndef TANGO_IO__MAPS_BELOW
static int tango_io__receive_at(const tango_io_input *input, uint64_t offset,
                                unsigned char *buffer, size_t size)
{
    (void)input;
    (void)offset;
    (void)buffer;
    return size == 0;
}

TANGO_API tango_result tango_io_map_below(tango_io_file *file, const char *root,
                                          const char *path, tango_error *error)
{
    tango_result r = tango_io__below_ok(path, error);
    (void)file;
    if (r != TANGO_OK) return r;
    return tango_io_fail(error, TANGO_ERROR_UNSUPPORTED,
                         "%s: this build cannot stay below the folder %s", path, root);
}

TANGO_API tango_result tango_io_input_open_below(tango_io_input *input, const char *root,
                                                 const char *path, tango_error *error)
{
    tango_io_file none;
    (void)input;
    return tango_io_map_below(&none, root, path, error);
}
#endif

TANGO_API tango_result tango_io_input_read_at(const tango_io_input *input,
                                              uint64_t offset, void *buffer, size_t size,
                                              tango_error *error)
{
    if (input->state == TANGO_IO__FILE &&
        tango_io__receive_at(input, offset, (unsigned char *)buffer, size))
        return TANGO_OK;
    return tango_io_fail(error, TANGO_ERROR_FILE, "reading %z bytes failed at offset %u",
                         size, offset);
}

TANGO_API tango_result tango_io_input_read(void *input, void *buffer, size_t size,
                                           size_t *got, tango_error *error)
{
    tango_io_input *in = (tango_io_input *)input;
    size_t n = 0;
    if (in->state == TANGO_IO__CLOSED)
        return tango_io_fail(error, TANGO_ERROR_FILE,
                             "reading an input that is not open");
    if (!tango_io__receive(in, buffer, size, &n))
        return tango_io_fail(error, TANGO_ERROR_FILE, "reading failed at offset %u",
                             in->at);
    in->at += n;
    *got = n;
    return TANGO_OK;
}

#ifdef TANGO_IO__WRITES

static int tango_io__is_output(const char *path)
{
    return tango_io__is_standard(path) ||
           tango_io__equal(path, tango_io__length(path), "/dev/stdout");
}

/* Length of the folder part of a path, with its slash; 0 if there is none. */
static size_t tango_io__folder(const char *path)
{
    size_t i, n = 0;
    for (i = 0; path[i]; i++) {
        if (tango_io__is_separator(path[i])) n = i + 1;
    }
    return n;
}

/* The folder part of a path that is short enough, "." if there is none. */
static void tango_io__folder_of(char out[TANGO_IO_PATH_MAX + 1], const char *path)
{
    size_t n = tango_io__folder(path);
    tango_io__copy(out, n ? path : ".", n ? n : 1);
    out[n ? n : 1] = 0;
}

/* An output has a name that is new or that of a regular file. */
static tango_result tango_io__target_ok(const char *path, tango_error *error)
{
    tango_io__stat info;
    tango_result r = tango_io__path_ok(path, error);
    if (r != TANGO_OK || tango_io__is_output(path)) return r;
    if (path[tango_io__folder(path)] != 0 &&
        (!tango_io__stat_path(&info, path) || tango_io__is_regular(&info)))
        return TANGO_OK;
    return tango_io_fail(error, TANGO_ERROR_FILE, "%s: not a regular file", path);
}

static tango_result tango_io__folder_fails(const char *path, tango_error *error)
{
    size_t n = tango_io__folder(path);
    return tango_io_fail(error, TANGO_ERROR_FILE,
                         "%s: cannot create a file in the folder %q", path,
                         n ? path : ".", n ? n : (size_t)1);
}

/* Who a path leads to: an existing file by its numbers, another by those of its folder
   and its name there. 0: no file, or none that can be told. */
static int tango_io__who(uint64_t id[2], const char **name, const char *path,
                         int standard)
{
    char folder[TANGO_IO_PATH_MAX + 1];
    tango_io__stat info;
    *name = "";
    if (tango_io__path_ok(path, NULL) != TANGO_OK) return 0;
    if (tango_io__is_standard(path)) {
        return tango_io__stat_file(&info, standard) && tango_io__is_regular(&info) &&
               tango_io__identity(id, NULL, standard);
    }
    if (tango_io__stat_path(&info, path))
        return tango_io__is_regular(&info) && tango_io__identity(id, path, -1);
    *name = path + tango_io__folder(path);
    tango_io__folder_of(folder, path);
    return tango_io__identity(id, folder, -1);
}

TANGO_API tango_result tango_io_output_check(const char *path, const char *const *others,
                                             size_t count, tango_error *error)
{
    char folder[TANGO_IO_PATH_MAX + 1];
    uint64_t id[2] = { 0, 0 }, other[2] = { 0, 0 };
    const char *name, *other_name;
    size_t i;
    tango_result r = tango_io__target_ok(path, error);
    if (r != TANGO_OK) return r;
    tango_io__folder_of(folder, path);
    if (!tango_io__is_output(path) && !tango_io__folder_takes(folder))
        return tango_io__folder_fails(path, error);
    if (!tango_io__who(id, &name, path, 1)) return TANGO_OK;
    for (i = 0; i < count; i++) {
        if (!others[i] || !tango_io__who(other, &other_name, others[i], 0)) continue;
        if (id[0] == other[0] && id[1] == other[1] &&
            tango_io__equal(name, tango_io__length(name), other_name))
            return tango_io_fail(error, TANGO_ERROR_ARGUMENT,
                                 "%s: the same file as %s",
                                 tango_io__is_output(path) ? "standard output" : path,
                                 tango_io__is_standard(others[i]) ? "standard input"
                                                                  : others[i]);
    }
    return TANGO_OK;
}

TANGO_API tango_result tango_io_create(tango_io_output *output, const char *path,
                                       tango_error *error)
{
    return tango_io_create_by(output, path, NULL, error);
}

/* folder of path + ".tango-<process>-<try>.tmp"; 0 if that is too long. */
static int tango_io__temporary(char *out, const char *path, uint64_t process,
                               uint64_t attempt)
{
    tango_error name;
    size_t folder = tango_io__folder(path), n;
    tango_io_fail(&name, TANGO_OK, ".tango-%u-%u.tmp", process, attempt);
    n = tango_io__length(name.text);
    if (folder + n > TANGO_IO_PATH_MAX) return 0;
    tango_io__copy(out, path, folder);
    tango_io__copy(out + folder, name.text, n + 1);
    return 1;
}

/* Opens a new file under the temporary name given, or under one of 100 of its own. */
static int tango_io__start(tango_io_output *output, const char *temporary)
{
    uint64_t attempt, attempts = temporary ? 1 : 100;
    for (attempt = 0; attempt < attempts; attempt++) {
        if (temporary)
            tango_io__copy(output->temporary, temporary, tango_io__length(temporary) + 1);
        else if (!tango_io__temporary(output->temporary, output->path,
                                      tango_io__process(), attempt))
            return 0;
        output->descriptor = tango_io__open_new(output->temporary);
        if (output->descriptor >= 0) return 1;
    }
    return 0;
}

TANGO_API tango_result tango_io_create_by(tango_io_output *output, const char *path,
                                          const char *temporary, tango_error *error)
{
    tango_result r = tango_io__target_ok(path, error);
    if (r == TANGO_OK && temporary) r = tango_io__path_ok(temporary, error);
    output->at = 0;
    output->state = TANGO_IO__CLOSED;
    output->descriptor = -1;
    output->temporary[0] = 0;
    if (r != TANGO_OK) return r;
    tango_io__copy(output->path, path, tango_io__length(path) + 1);
    if (tango_io__is_output(path)) {
        tango_io__make_binary(1);
        output->state = TANGO_IO__STANDARD;
        output->descriptor = 1;
        return TANGO_OK;
    }
    if (!tango_io__start(output, temporary)) return tango_io__folder_fails(path, error);
    output->state = TANGO_IO__FILE;
    return TANGO_OK;
}

static void tango_io__drop(tango_io_output *output)
{
    if (output->descriptor >= 0) tango_io__close(output->descriptor);
    output->descriptor = -1;
    tango_io__remove(output->temporary);
}

/* Removes the temporary file and leaves an output that refuses all further work. */
static tango_result tango_io__output_failed(tango_io_output *output, tango_error *error,
                                            const char *what)
{
    if (output->state == TANGO_IO__FILE) tango_io__drop(output);
    output->state = TANGO_IO__FAILED;
    return tango_io_fail(error, TANGO_ERROR_FILE, "%s: %s at offset %u",
                         tango_io__is_output(output->path) ? "standard output"
                                                           : output->path,
                         what, output->at);
}

static int tango_io__send(int fd, const unsigned char *p, size_t size)
{
    while (size > 0) {
        int64_t sent = tango_io__write_some(fd, p, size);
        if (sent <= 0) return 0;
        p += sent;
        size -= (size_t)sent;
    }
    return 1;
}

TANGO_API tango_result tango_io_write(tango_io_output *output, const void *data,
                                      size_t size, tango_error *error)
{
    if (output->state != TANGO_IO__FILE && output->state != TANGO_IO__STANDARD)
        return tango_io_fail(error, TANGO_ERROR_FILE,
                             "writing to an output that is not open");
    if (!tango_io__send(output->descriptor, (const unsigned char *)data, size))
        return tango_io__output_failed(output, error,
                                       output->state == TANGO_IO__FILE
                                           ? "writing failed (disk full?)"
                                           : "writing failed (reader gone, disk full?)");
    output->at += size;
    return TANGO_OK;
}

TANGO_API tango_result tango_io_seek(tango_io_output *output, uint64_t position,
                                     tango_error *error)
{
    if (output->state != TANGO_IO__FILE && output->state != TANGO_IO__STANDARD)
        return tango_io_fail(error, TANGO_ERROR_FILE,
                             "seeking in an output that is not open");
    if (position == output->at) return TANGO_OK;
    if (output->state == TANGO_IO__STANDARD)
        return tango_io_fail(error, TANGO_ERROR_UNSUPPORTED,
                             "standard output cannot go from offset %u to %u", output->at,
                             position);
    if (!tango_io__move(output->descriptor, position))
        return tango_io__output_failed(output, error, "seeking failed");
    output->at = position;
    return TANGO_OK;
}

TANGO_API tango_result tango_io_commit(tango_io_output *output, tango_error *error)
{
    char folder[TANGO_IO_PATH_MAX + 1];
    tango_io__step step;
    if (output->state == TANGO_IO__STANDARD) {
        output->state = TANGO_IO__CLOSED;
        return TANGO_OK;
    }
    if (output->state != TANGO_IO__FILE)
        return tango_io_fail(error, TANGO_ERROR_FILE,
                             "completing an output that is not open");
    tango_io__folder_of(folder, output->path);
    step = tango_io__publish(output->descriptor, output->temporary, output->path, folder);
    output->descriptor = -1;
    if (step == TANGO_IO__UNDONE)
        return tango_io__output_failed(output, error, "completing the file failed");
    output->state = TANGO_IO__CLOSED;
    if (step == TANGO_IO__DONE) return TANGO_OK;
    return tango_io_fail(error, TANGO_ERROR_FILE,
                         "%s: complete, but synchronising its folder failed",
                         output->path);
}

TANGO_API tango_result tango_io_leave(tango_io_output *output, tango_error *error)
{
    int fd = output->descriptor;
    if (output->state != TANGO_IO__FILE)
        return tango_io_fail(error, TANGO_ERROR_FILE,
                             "completing an output that is no open file");
    output->descriptor = -1;
    if (!tango_io__close(fd))
        return tango_io__output_failed(output, error, "completing the file failed");
    output->state = TANGO_IO__CLOSED;
    return TANGO_OK;
}

TANGO_API tango_result tango_io_sync_folder(const char *folder, tango_error *error)
{
    if (tango_io__sync_folder_at(folder)) return TANGO_OK;
    return tango_io_fail(error, TANGO_ERROR_FILE, "%s: synchronising the folder failed",
                         folder);
}

TANGO_API void tango_io_abandon(tango_io_output *output)
{
    if (output->state == TANGO_IO__FILE) tango_io__drop(output);
    output->state = TANGO_IO__CLOSED;
}

/* Small pieces on their way to an output: collected, counted, summed. With output NULL
   they are only counted. The first failure stays in `result`; what follows is
   dropped. */
typedef struct tango_io__sink {
    tango_io_output *output;
    const tango_io_crc32 *table;        /* NULL: no sum */
    uint32_t crc;
    uint64_t size;
    size_t fill;
    tango_result result;
    tango_error *error;
    unsigned char buffer[2048];
} tango_io__sink;

static void tango_io__sink_begin(tango_io__sink *s, tango_io_output *output,
                                 const tango_io_crc32 *table, tango_error *error)
{
    s->output = output;
    s->table = table;
    s->crc = 0;
    s->size = 0;
    s->fill = 0;
    s->result = TANGO_OK;
    s->error = error;
}

static tango_result tango_io__sink_end(tango_io__sink *s)
{
    if (s->table) s->crc = tango_io_crc32_add(s->table, s->crc, s->buffer, s->fill);
    if (s->output && s->result == TANGO_OK)
        s->result = tango_io_write(s->output, s->buffer, s->fill, s->error);
    s->fill = 0;
    return s->result;
}

static void tango_io__sink_put(tango_io__sink *s, const void *data, size_t size)
{
    const unsigned char *p = (const unsigned char *)data;
    s->size += size;
    while (size > 0) {
        size_t n = sizeof s->buffer - s->fill;
        if (n > size) n = size;
        tango_io__copy(s->buffer + s->fill, p, n);
        s->fill += n;
        p += n;
        size -= n;
        if (s->fill == sizeof s->buffer) tango_io__sink_end(s);
    }
}

static void tango_io__sink_text(tango_io__sink *s, const char *text)
{
    tango_io__sink_put(s, text, tango_io__length(text));
}

#endif /* TANGO_IO__WRITES */

#endif /* TANGO_NO_STDIO */

/* ==== 5 >>blob ==== Weights blob ==================================================== */

enum {
    TANGO_IO__BLOB_HEAD = 64,
    TANGO_IO__BLOB_VALUE = 32,
    TANGO_IO__BLOB_TENSOR = 104,
    TANGO_IO__BLOB_ALIGN = 64,
    TANGO_IO__BLOB_VERSION = 1
};

static const unsigned char tango_io__blob_magic[8] = { 0x54, 0x41, 0x4e, 0x47,
                                                       0x4f, 0,    13,   10 };

/* Round up to a multiple of the power of two `to`; 0 on overflow of 64 bits. */
static int tango_io__round_up(uint64_t *out, uint64_t n, uint64_t to)
{
    if (n > UINT64_MAX - (to - 1)) return 0;
    *out = (n + to - 1) / to * to;
    return 1;
}

/* Bytes of a panel of BLOCKS over k inner indices, of integers of `size` bytes; 0 on
   overflow, and for k 0. */
static uint64_t tango_io__panel_bytes(uint64_t k, size_t size)
{
    if (k > (uint64_t)INT64_MAX / 64) return 0;
    return 64 * (k / TANGO_IO_BLOCK + (k % TANGO_IO_BLOCK != 0))
           + 32 * size * (k / 2 + k % 2);
}

/* Bytes of a whole block. */
static size_t tango_io__block_bytes(size_t size)
{
    return (size_t)tango_io__panel_bytes(TANGO_IO_BLOCK, size);
}

/* Bytes of a tensor's data; 0 if the shape is impossible: layout, type and rank do not
   agree, a product over 2^63 - 1, or a size that this machine cannot address. */
static int tango_io__blob_data_size(uint64_t *size, tango_io_type type, uint32_t layout,
                                    const uint64_t *shape, size_t rank)
{
    uint64_t whole[TANGO_IO_RANK_MAX], count;
    size_t i, element = tango_io_type_size(type);
    for (i = 0; i < rank; i++) {
        whole[i] = shape[i];
        if (shape[i] > (uint64_t)INT64_MAX || shape[i] > SIZE_MAX) return 0;
    }
    if (layout == TANGO_IO_PANELS) {
        if (rank != 3 || !tango_io__round_up(&whole[0], whole[0], TANGO_IO_PANEL))
            return 0;
    } else if (layout == TANGO_IO_BLOCKS) {
        if (rank != 3 || (type != TANGO_IO_I16 && type != TANGO_IO_I8)) return 0;
        if (!tango_io__count(&count, whole, 3)) return 0;
        tango_io__count(&count, whole + 1, 2);
        whole[0] = whole[0] / TANGO_IO_PANEL + (whole[0] % TANGO_IO_PANEL != 0);
        whole[1] = tango_io__panel_bytes(count, element) / element;
        whole[2] = 1;
        if (whole[1] == 0 && count > 0) return 0;
    } else if (layout != TANGO_IO_PLAIN) {
        return 0;
    }
    if (!tango_io__count(&count, whole, rank)) return 0;
    if (count > (uint64_t)INT64_MAX / element || count > SIZE_MAX / element) return 0;
    *size = count * element;
    return 1;
}

/* Checksum of a header whose field at 40..47 counts as zero. */
static uint64_t tango_io__blob_header_sum(const unsigned char *header, size_t size)
{
    static const unsigned char zero[8] = { 0 };
    tango_io_checksum sum;
    tango_io_checksum_begin(&sum);
    tango_io_checksum_add(&sum, header, 40);
    tango_io_checksum_add(&sum, zero, 8);
    tango_io_checksum_add(&sum, header + 48, size - 48);
    return tango_io_checksum_end(&sum);
}

/* Takes zeros up to the next multiple of `to`. */
static tango_result tango_io__blob_pad(tango_io__cursor *c, size_t to, tango_error *error)
{
    while (tango_io__offset(c) % to != 0) {
        const unsigned char *p = tango_io__take(c, 1);
        if (!p)
            return tango_io_fail(error, TANGO_ERROR_DATA,
                                 "blob pool ends early at offset %z",
                                 tango_io__offset(c));
        if (*p)
            return tango_io_fail(error, TANGO_ERROR_DATA,
                                 "blob padding is not zero at offset %z",
                                 tango_io__offset(c) - 1);
    }
    return TANGO_OK;
}

/* The key or name that the record at `record` refers to: it must come next in the pool,
   be well-formed, end with NUL and be greater than the one before. */
static tango_result tango_io__blob_name(tango_io__cursor *c, size_t record,
                                        const char *what, const unsigned char **last,
                                        size_t *last_size, tango_error *error)
{
    size_t at = tango_io__offset(c);
    uint32_t offset = tango_io__u32(c->begin + record);
    size_t size = tango_io__u32(c->begin + record + 4);
    const unsigned char *p;
    if (offset != at)
        return tango_io_fail(error, TANGO_ERROR_DATA,
                             "blob %s: offset %u, expected %z (offset %z)", what,
                             (uint64_t)offset, at, record);
    p = size < SIZE_MAX ? tango_io__take(c, (uint64_t)size + 1) : NULL;
    if (!p || p[size] != 0)
        return tango_io_fail(
            error, TANGO_ERROR_DATA,
            "blob %s: %z bytes do not end with NUL in the pool (offset %z)", what, size,
            record + 4);
    if (!tango_io__name_ok(p, size))
        return tango_io_fail(
            error, TANGO_ERROR_DATA,
            "blob %s %q: empty, too long, or not clean UTF-8 (offset %z)", what, p, size,
            at);
    if (*last && tango_io__compare(*last, *last_size, p, size) >= 0)
        return tango_io_fail(error, TANGO_ERROR_DATA,
                             "blob %s %q: duplicate or not in order (offset %z)", what, p,
                             size, at);
    *last = p;
    *last_size = size;
    return TANGO_OK;
}

static tango_result tango_io__blob_open_value(tango_io__cursor *c, size_t record,
                                              tango_error *error)
{
    const unsigned char *r = c->begin + record, *p;
    uint32_t type = tango_io__u32(r + 8);
    uint64_t offset = tango_io__u64(r + 16), count = tango_io__u64(r + 24), size = count,
             i;
    size_t at, bad;
    tango_result result = tango_io__blob_pad(c, 8, error);
    if (result != TANGO_OK) return result;
    at = tango_io__offset(c);
    if (type != TANGO_IO_U64 && type != TANGO_IO_F64 && type != TANGO_IO_STRING &&
        type != TANGO_IO_BYTES)
        return tango_io_fail(error, TANGO_ERROR_UNSUPPORTED,
                             "blob value: unknown type %u (offset %z)", (uint64_t)type,
                             record + 8);
    if (tango_io__u32(r + 12) != 0 || offset != at)
        return tango_io_fail(error, TANGO_ERROR_DATA,
                             "blob value: offset %u, expected %z (offset %z)", offset, at,
                             record + 12);
    if (count > tango_io__left(c))
        return tango_io_fail(error, TANGO_ERROR_DATA,
                             "blob value: count %u passes the header (offset %z)", count,
                             record + 24);
    if (type == TANGO_IO_U64 || type == TANGO_IO_F64) size = count * 8;
    if (type == TANGO_IO_STRING) size = count + 1;
    p = tango_io__take(c, size);
    if (!p)
        return tango_io_fail(error, TANGO_ERROR_DATA,
                             "blob value: count %u passes the header (offset %z)", count,
                             record + 24);
    for (i = 0; type == TANGO_IO_F64 && i < count; i++) {
        if (!tango_io__finite(tango_io__double(tango_io__u64(p + i * 8))))
            return tango_io_fail(error, TANGO_ERROR_DATA,
                                 "blob value: number %u is not finite (offset %u)", i,
                                 (uint64_t)at + i * 8);
    }
    if (type == TANGO_IO_STRING) {
        bad = tango_io__utf8_bad(p, (size_t)count);
        for (i = 0; i < bad && p[i] != 0; i++) {}
        if (i < count || p[count] != 0)
            return tango_io_fail(
                error, TANGO_ERROR_DATA,
                "blob value: text is not UTF-8 ending with NUL (offset %u)",
                (uint64_t)at + i);
    }
    return tango_io__blob_pad(c, 8, error);
}

/* Checks the record of a tensor; *end is the end of the data before, and moves. */
static tango_result tango_io__blob_open_tensor(const unsigned char *begin, size_t record,
                                               uint64_t total, uint64_t *end,
                                               tango_error *error)
{
    const unsigned char *r = begin + record;
    tango_io_type type = (tango_io_type)tango_io__u16(r + 8);
    uint32_t layout = tango_io__u16(r + 10), rank = tango_io__u32(r + 12), i;
    uint64_t shape[TANGO_IO_RANK_MAX], offset = tango_io__u64(r + 80), size;
    if (type > TANGO_IO_BOOL || layout > TANGO_IO_BLOCKS)
        return tango_io_fail(error, TANGO_ERROR_UNSUPPORTED,
                             "blob tensor: unknown type %u or layout %u (offset %z)",
                             (uint64_t)type, (uint64_t)layout, record + 8);
    if (rank > TANGO_IO_RANK_MAX)
        return tango_io_fail(error, TANGO_ERROR_DATA,
                             "blob tensor: rank %u, at most 8 allowed (offset %z)",
                             (uint64_t)rank, record + 12);
    for (i = 0; i < TANGO_IO_RANK_MAX; i++) {
        shape[i] = tango_io__u64(r + 16 + 8 * i);
        if (i >= rank && shape[i] != 0)
            return tango_io_fail(error, TANGO_ERROR_DATA,
                                 "blob tensor: dimension beyond the rank (offset %z)",
                                 record + 16 + 8 * i);
    }
    if (!tango_io__blob_data_size(&size, type, layout, shape, rank))
        return tango_io_fail(error, TANGO_ERROR_DATA,
                             "blob tensor: impossible shape (offset %z)", record + 16);
    if (size != tango_io__u64(r + 88))
        return tango_io_fail(error, TANGO_ERROR_DATA,
                             "blob tensor: size %u, expected %u by its shape (offset %z)",
                             tango_io__u64(r + 88), size, record + 88);
    if (offset != *end)
        return tango_io_fail(error, TANGO_ERROR_DATA,
                             "blob tensor: data at %u, expected at %u (offset %z)",
                             offset, *end, record + 80);
    if (size > total - offset ||
        !tango_io__round_up(end, offset + size, TANGO_IO__BLOB_ALIGN) || *end > total)
        return tango_io_fail(error, TANGO_ERROR_DATA,
                             "blob tensor: %u bytes of data pass the end (offset %z)",
                             size, record + 88);
    return TANGO_OK;
}

/* Fixed part of the header: everything that can be said before the tables are read. */
static tango_result tango_io__blob_open_head(tango_io_blob *blob, const unsigned char *p,
                                             size_t size, tango_error *error)
{
    uint64_t header, total, values, tensors;
    uint32_t version;
    if (size < 8 || tango_io__compare(p, 8, tango_io__blob_magic, 8) != 0)
        return tango_io__foreign(error, "blob", "a tango blob", p, size);
    if (size < TANGO_IO__BLOB_HEAD)
        return tango_io_fail(error, TANGO_ERROR_DATA,
                             "blob: %z bytes, a header has at least 64 (offset 0)", size);
    version = tango_io__u32(p + 8);
    if (version != TANGO_IO__BLOB_VERSION)
        return tango_io_fail(error, TANGO_ERROR_UNSUPPORTED,
                             "blob: version %u, expected 1 (offset 8)",
                             (uint64_t)version);
    header = tango_io__u64(p + 16);
    total = tango_io__u64(p + 24);
    values = tango_io__u32(p + 32);
    tensors = tango_io__u32(p + 36);
    if (total != size)
        return tango_io_fail(error, TANGO_ERROR_DATA,
                             "blob: its size is %u, the file has %z bytes (offset 24)",
                             total, size);
    if (header % TANGO_IO__BLOB_ALIGN != 0 || header < TANGO_IO__BLOB_HEAD ||
        header > size || header > INT32_MAX)
        return tango_io_fail(error, TANGO_ERROR_DATA,
                             "blob: impossible header size %u (offset 16)", header);
    if (TANGO_IO__BLOB_HEAD + values * TANGO_IO__BLOB_VALUE +
        tensors * TANGO_IO__BLOB_TENSOR > header)
        return tango_io_fail(error, TANGO_ERROR_DATA,
                             "blob: %u values and %u tensors pass the header (offset 32)",
                             values, tensors);
    if (tango_io__u32(p + 12) || tango_io__u64(p + 48) || tango_io__u64(p + 56))
        return tango_io_fail(error, TANGO_ERROR_DATA, "blob: unknown fields (offset 12)");
    if (tango_io__blob_header_sum(p, (size_t)header) != tango_io__u64(p + 40))
        return tango_io_fail(error, TANGO_ERROR_DATA,
                             "blob: the header does not match its checksum (offset 40)");
    blob->data = p;
    blob->size = size;
    blob->header_size = (size_t)header;
    blob->value_count = (size_t)values;
    blob->tensor_count = (size_t)tensors;
    return TANGO_OK;
}

static size_t tango_io__blob_value_record(const tango_io_blob *blob, size_t index)
{
    (void)blob;
    return TANGO_IO__BLOB_HEAD + index * TANGO_IO__BLOB_VALUE;
}

static size_t tango_io__blob_tensor_record(const tango_io_blob *blob, size_t index)
{
    return tango_io__blob_value_record(blob, blob->value_count) +
           index * TANGO_IO__BLOB_TENSOR;
}

TANGO_API tango_result tango_io_blob_open(tango_io_blob *blob, const void *data,
                                          size_t size, tango_error *error)
{
    tango_io_blob b;
    tango_io__cursor c;
    const unsigned char *last = NULL;
    size_t i, last_size = 0;
    uint64_t end;
    tango_result r;
    if (!data || (uintptr_t)data % TANGO_IO__BLOB_ALIGN != 0)
        return tango_io_fail(error, TANGO_ERROR_ARGUMENT,
                             "blob: the bytes are not at a multiple of 64");
    r = tango_io__blob_open_head(&b, (const unsigned char *)data, size, error);
    if (r != TANGO_OK) return r;
    c = tango_io__cursor_over(data, b.header_size);
    tango_io__take(&c, tango_io__blob_tensor_record(&b, b.tensor_count));
    for (i = 0; i < b.value_count && r == TANGO_OK; i++) {
        size_t record = tango_io__blob_value_record(&b, i);
        r = tango_io__blob_name(&c, record, "key", &last, &last_size, error);
        if (r == TANGO_OK) r = tango_io__blob_open_value(&c, record, error);
    }
    last = NULL;
    end = b.header_size;
    for (i = 0; i < b.tensor_count && r == TANGO_OK; i++) {
        size_t record = tango_io__blob_tensor_record(&b, i);
        r = tango_io__blob_name(&c, record, "tensor", &last, &last_size, error);
        if (r == TANGO_OK)
            r = tango_io__blob_open_tensor(c.begin, record, size, &end, error);
    }
    if (r == TANGO_OK) r = tango_io__blob_pad(&c, TANGO_IO__BLOB_ALIGN, error);
    if (r != TANGO_OK) return r;
    if (tango_io__left(&c) > 0)
        return tango_io_fail(error, TANGO_ERROR_DATA,
                             "blob: bytes left in the header (offset %z)",
                             tango_io__offset(&c));
    if (end != size)
        return tango_io_fail(error, TANGO_ERROR_DATA,
                             "blob: bytes left after the data (offset %u)", end);
    *blob = b;
    return TANGO_OK;
}

/* Bytes [offset, offset + size) of the file, or NULL. tango_io_blob_open has checked
   every record; checking again means that a file changed under its mapping gives an empty
   result, never an access outside. */
static const unsigned char *tango_io__blob_range(const tango_io_blob *blob,
                                                 uint64_t offset, uint64_t size)
{
    if (offset > blob->size || size > blob->size - offset) return NULL;
    return blob->data + (size_t)offset;
}

/* The NUL-terminated key or name of a record, "" if the file has changed. */
static const char *tango_io__blob_text(const tango_io_blob *blob,
                                       const unsigned char *record, size_t *size)
{
    uint32_t n = tango_io__u32(record + 4);
    const unsigned char *p = tango_io__blob_range(blob, tango_io__u32(record),
                                                  (uint64_t)n + 1);
    *size = 0;
    if (!p || p[n] != 0) return "";
    *size = n;
    return (const char *)p;
}

/* Index of the record with this name in a table, or count. */
static size_t tango_io__blob_search(const tango_io_blob *blob, size_t first, size_t step,
                                    size_t count, const char *name)
{
    size_t low = 0, high = count, size = tango_io__length(name), n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const char *text = tango_io__blob_text(blob, blob->data + first + middle * step,
                                               &n);
        int order = tango_io__compare(text, n, name, size);
        if (order == 0) return middle;
        if (order < 0) low = middle + 1; else high = middle;
    }
    return count;
}

TANGO_API size_t tango_io_blob_tensor_count(const tango_io_blob *blob)
{
    return blob->tensor_count;
}

TANGO_API void tango_io_blob_tensor(const tango_io_blob *blob, size_t index,
                                    tango_io_tensor *out)
{
    const unsigned char *r = blob->data + tango_io__blob_tensor_record(blob, index);
    uint64_t size = tango_io__u64(r + 88);
    size_t i, n;
    TANGO_ASSERT(index < blob->tensor_count);
    out->name = tango_io__blob_text(blob, r, &n);
    out->type = (tango_io_type)tango_io__u16(r + 8);
    out->layout = (tango_io_layout)tango_io__u16(r + 10);
    out->rank = tango_io__u32(r + 12);
    if (out->rank > TANGO_IO_RANK_MAX) out->rank = TANGO_IO_RANK_MAX;
    for (i = 0; i < TANGO_IO_RANK_MAX; i++)
        out->shape[i] = (size_t)tango_io__u64(r + 16 + 8 * i);
    out->data = tango_io__blob_range(blob, tango_io__u64(r + 80), size);
    out->size = out->data ? (size_t)size : 0;
    out->checksum = tango_io__u64(r + 96);
}

TANGO_API int tango_io_blob_find(const tango_io_blob *blob, const char *name,
                                 tango_io_tensor *out)
{
    size_t i = tango_io__blob_search(blob, tango_io__blob_tensor_record(blob, 0),
                                     TANGO_IO__BLOB_TENSOR, blob->tensor_count, name);
    if (i == blob->tensor_count) return 0;
    tango_io_blob_tensor(blob, i, out);
    return 1;
}

/* Offset of the first scale of BLOCKS that is negative, infinite or NaN, or the size. */
static size_t tango_io__bad_scale(const tango_io_tensor *t)
{
    const size_t size = tango_io_type_size(t->type), whole = tango_io__block_bytes(size);
    const size_t panel = (size_t)tango_io__panel_bytes((uint64_t)t->shape[1] *
                                                           t->shape[2], size);
    const unsigned char *p = (const unsigned char *)t->data;
    size_t from, block, i;
    for (from = 0; panel > 0 && from < t->size; from += panel)
        for (block = 0; block < panel; block += whole)
            for (i = 0; i < 64; i += 4)
                if (tango_io__u32(p + from + block + i) >= 0x7f800000u)
                    return from + block + i;
    return t->size;
}

TANGO_API tango_result tango_io_blob_check(const tango_io_blob *blob, size_t index,
                                           tango_error *error)
{
    tango_io_tensor tensor;
    tango_io_checksum sum;
    const unsigned char *p;
    size_t end;
    if (index >= blob->tensor_count)
        return tango_io_fail(error, TANGO_ERROR_ARGUMENT, "blob: no tensor number %z",
                             index);
    tango_io_blob_tensor(blob, index, &tensor);
    p = (const unsigned char *)tensor.data;
    if (!p)
        return tango_io_fail(error, TANGO_ERROR_DATA,
                             "blob tensor %s: changed while in use", tensor.name);
    tango_io_checksum_begin(&sum);
    tango_io_checksum_add(&sum, p, tensor.size);
    if (tango_io_checksum_end(&sum) != tensor.checksum)
        return tango_io_fail(
            error, TANGO_ERROR_DATA,
            "blob tensor %s: data does not match its checksum (offset %z)", tensor.name,
            (size_t)(p - blob->data));
    end = (size_t)(p - blob->data) + tensor.size;
    for (; end % TANGO_IO__BLOB_ALIGN != 0 && end < blob->size; end++) {
        if (blob->data[end] != 0)
            return tango_io_fail(error, TANGO_ERROR_DATA,
                                 "blob tensor %s: padding is not zero (offset %z)",
                                 tensor.name, end);
    }
    end = tensor.layout == TANGO_IO_BLOCKS ? tango_io__bad_scale(&tensor) : tensor.size;
    if (end < tensor.size)
        return tango_io_fail(error, TANGO_ERROR_DATA,
                             "blob tensor %s: a scale is negative or not finite "
                             "(offset %z)",
                             tensor.name, (size_t)(p - blob->data) + end);
    return TANGO_OK;
}

TANGO_API size_t tango_io_blob_value_count(const tango_io_blob *blob)
{
    return blob->value_count;
}

TANGO_API void tango_io_blob_value_at(const tango_io_blob *blob, size_t index,
                                      tango_io_value *out)
{
    const unsigned char *r = blob->data + tango_io__blob_value_record(blob, index);
    uint64_t count = tango_io__u64(r + 24), size = count;
    size_t n;
    TANGO_ASSERT(index < blob->value_count);
    out->key = tango_io__blob_text(blob, r, &n);
    out->type = (int)tango_io__u32(r + 8);
    if (count > blob->size) count = size = blob->size;
    if (out->type == TANGO_IO_U64 || out->type == TANGO_IO_F64) size = count * 8;
    if (out->type == TANGO_IO_STRING) size = count + 1;
    out->data = tango_io__blob_range(blob, tango_io__u64(r + 16), size);
    out->count = out->data ? (size_t)count : 0;
}

TANGO_API int tango_io_blob_value(const tango_io_blob *blob, const char *key,
                                  tango_io_value *out)
{
    size_t i = tango_io__blob_search(blob, tango_io__blob_value_record(blob, 0),
                                     TANGO_IO__BLOB_VALUE, blob->value_count, key);
    if (i == blob->value_count) return 0;
    tango_io_blob_value_at(blob, i, out);
    return 1;
}

TANGO_API uint64_t tango_io_value_u64(const tango_io_value *value, size_t i)
{
    TANGO_ASSERT(value->type == TANGO_IO_U64 && i < value->count);
    return tango_io__u64((const unsigned char *)value->data + i * 8);
}

TANGO_API double tango_io_value_f64(const tango_io_value *value, size_t i)
{
    TANGO_ASSERT(value->type == TANGO_IO_F64 && i < value->count);
    return tango_io__double(tango_io__u64((const unsigned char *)value->data + i * 8));
}

#ifdef TANGO_IO__WRITES

/* Bytes of a value to be written, without the NUL of a STRING; 0 if it cannot be
   written. */
static int tango_io__blob_value_size(size_t *size, const tango_io_value *value)
{
    size_t i;
    const unsigned char *p = (const unsigned char *)value->data;
    if (!p && value->count > 0) return 0;
    if (value->type == TANGO_IO_U64 || value->type == TANGO_IO_F64) {
        if (!tango_mul_ok(value->count, 8, size)) return 0;
        for (i = 0; value->type == TANGO_IO_F64 && i < value->count; i++) {
            double number;
            tango_io__copy(&number, p + i * 8, 8);
            if (!tango_io__finite(number)) return 0;
        }
        return 1;
    }
    *size = value->count;
    if (value->type != TANGO_IO_STRING) return value->type == TANGO_IO_BYTES;
    for (i = 0; i < value->count && p[i] != 0; i++) {}
    return i == value->count && (i == 0 || tango_io__utf8_bad(p, i) == i);
}

/* Adds `more` bytes and padding to *size; keeps it below 2^31, the limit of header
   offsets. */
static int tango_io__blob_grow(size_t *size, size_t more, size_t to)
{
    if (more > INT32_MAX || *size + more > INT32_MAX - to) return 0;
    *size = (*size + more + to - 1) / to * to;
    return 1;
}

TANGO_API tango_result tango_io_blob_write_size(size_t *size,
                                                const tango_io_value *values,
                                                size_t value_count,
                                                const tango_io_tensor *tensors,
                                                size_t tensor_count, tango_error *error)
{
    size_t i, n, bytes, total = TANGO_IO__BLOB_HEAD;
    int ok = value_count <= INT32_MAX / TANGO_IO__BLOB_VALUE &&
             tensor_count <= INT32_MAX / TANGO_IO__BLOB_TENSOR &&
             tango_io__blob_grow(&total, value_count * TANGO_IO__BLOB_VALUE, 1) &&
             tango_io__blob_grow(&total, tensor_count * TANGO_IO__BLOB_TENSOR, 1);
    for (i = 0; i < value_count && ok; i++) {
        n = tango_io__length(values[i].key);
        if (!tango_io__name_ok((const unsigned char *)values[i].key, n) ||
            !tango_io__blob_value_size(&bytes, &values[i]))
            return tango_io_fail(error, TANGO_ERROR_ARGUMENT,
                                 "blob: value %s cannot be written", values[i].key);
        ok = tango_io__blob_grow(&total, n + 1, 8) &&
             tango_io__blob_grow(&total, bytes, 1) &&
             tango_io__blob_grow(&total, values[i].type == TANGO_IO_STRING, 8);
    }
    for (i = 0; i < tensor_count && ok; i++) {
        n = tango_io__length(tensors[i].name);
        if (!tango_io__name_ok((const unsigned char *)tensors[i].name, n))
            return tango_io_fail(error, TANGO_ERROR_ARGUMENT, "blob: bad tensor name %s",
                                 tensors[i].name);
        ok = tango_io__blob_grow(&total, n + 1, 1);
    }
    ok = ok && tango_io__blob_grow(&total, 0, TANGO_IO__BLOB_ALIGN);
    if (!ok)
        return tango_io_fail(error, TANGO_ERROR_ARGUMENT, "blob: a header over 2 GiB");
    *size = total;
    return TANGO_OK;
}

static int tango_io__value_order(const void *context, const void *a, const void *b)
{
    const char *x = ((const tango_io_value *)a)->key,
               *y = ((const tango_io_value *)b)->key;
    (void)context;
    return tango_io__compare(x, tango_io__length(x), y, tango_io__length(y));
}

static int tango_io__tensor_order(const void *context, const void *a, const void *b)
{
    const char *x = ((const tango_io_tensor *)a)->name,
               *y = ((const tango_io_tensor *)b)->name;
    (void)context;
    return tango_io__compare(x, tango_io__length(x), y, tango_io__length(y));
}

/* Puts a value's record and its place in the pool; *at moves to the end of it. */
static void tango_io__blob_put_value(unsigned char *header, size_t record, size_t *at,
                                     const tango_io_value *value)
{
    size_t n = tango_io__length(value->key), i;
    unsigned char *r = header + record;
    const unsigned char *from = (const unsigned char *)value->data;
    tango_io__put32(r, (uint32_t)*at);
    tango_io__put32(r + 4, (uint32_t)n);
    tango_io__put32(r + 8, (uint32_t)value->type);
    tango_io__copy(header + *at, value->key, n);
    *at = (*at + n + 8) / 8 * 8;                        /* NUL and padding are there */
    tango_io__put64(r + 16, *at);
    tango_io__put64(r + 24, value->count);
    if (value->type == TANGO_IO_U64 || value->type == TANGO_IO_F64) {
        for (i = 0; i < value->count; i++) { /* from the machine's byte order */
            uint64_t bits;
            tango_io__copy(&bits, from + i * 8, 8);
            tango_io__put64(header + *at + i * 8, bits);
        }
        *at += value->count * 8;
    } else {
        tango_io__copy(header + *at, from, value->count);
        *at = (*at + value->count + (value->type == TANGO_IO_STRING) + 7) / 8 * 8;
    }
}

/* Puts a tensor's record except for the checksum; fills in tensor->size. *end is the end
   of the data so far. 0 if the shape is impossible. */
static int tango_io__blob_put_tensor(unsigned char *header, size_t record, size_t *at,
                                     uint64_t *end, tango_io_tensor *tensor)
{
    size_t n = tango_io__length(tensor->name), i;
    unsigned char *r = header + record;
    uint64_t shape[TANGO_IO_RANK_MAX], size;
    if (tensor->rank > TANGO_IO_RANK_MAX || tensor->type > TANGO_IO_BOOL) return 0;
    for (i = 0; i < tensor->rank; i++) {
        shape[i] = tensor->shape[i];
        tango_io__put64(r + 16 + 8 * i, shape[i]);
    }
    if (!tango_io__blob_data_size(&size, tensor->type, (uint32_t)tensor->layout, shape,
                                  tensor->rank))
        return 0;
    tensor->size = (size_t)size;
    tango_io__put32(r, (uint32_t)*at);
    tango_io__put32(r + 4, (uint32_t)n);
    tango_io__put16(r + 8, (uint32_t)tensor->type);
    tango_io__put16(r + 10, (uint32_t)tensor->layout);
    tango_io__put32(r + 12, (uint32_t)tensor->rank);
    tango_io__put64(r + 80, *end);
    tango_io__put64(r + 88, size);
    tango_io__copy(header + *at, tensor->name, n);
    *at += n + 1;
    if (size > UINT64_MAX - *end) return 0;
    return tango_io__round_up(end, *end + size, TANGO_IO__BLOB_ALIGN);
}

/* tensors[index] begins: what its record says is expected. */
static void tango_io__blob_expect(tango_io_blob_writer *w)
{
    const unsigned char *record = w->header + TANGO_IO__BLOB_HEAD +
                                  w->value_count * TANGO_IO__BLOB_VALUE +
                                  w->index * TANGO_IO__BLOB_TENSOR;
    w->left = tango_io__u64(record + 88);
    w->number_size = tango_io_type_size((tango_io_type)tango_io__u16(record + 8));
    w->held = 0;
    w->panel_size = w->panel_at = 0;
    if (tango_io__u16(record + 10) == TANGO_IO_BLOCKS)
        w->panel_size = (size_t)tango_io__panel_bytes(tango_io__u64(record + 24) *
                                                          tango_io__u64(record + 32),
                                                      w->number_size);
}

/* Moves on to the next tensor that has data, storing the checksums of those that end
   here. */
static tango_result tango_io__blob_next(tango_io_blob_writer *w, tango_error *error)
{
    static const unsigned char zero[TANGO_IO__BLOB_ALIGN] = { 0 };
    while (w->left == 0 && w->index < w->tensor_count) {
        size_t record = TANGO_IO__BLOB_HEAD + w->value_count * TANGO_IO__BLOB_VALUE +
                        w->index * TANGO_IO__BLOB_TENSOR;
        size_t padding = (size_t)((0 - w->output->at) % TANGO_IO__BLOB_ALIGN);
        tango_result r = tango_io_write(w->output, zero, padding, error);
        if (r != TANGO_OK) return r;
        tango_io__put64(w->header + record + 96, tango_io_checksum_end(&w->sum));
        tango_io_checksum_begin(&w->sum);
        w->index++;
        if (w->index < w->tensor_count) tango_io__blob_expect(w);
    }
    return TANGO_OK;
}

static tango_result tango_io__blob_put(tango_io_blob_writer *w, const void *data,
                                       size_t size, tango_error *error)
{
    tango_io_checksum_add(&w->sum, data, size);
    return tango_io_write(w->output, data, size, error);
}

/* Bytes of the number that comes next: a block of BLOCKS begins with its scales. */
static size_t tango_io__blob_number(const tango_io_blob_writer *w)
{
    const size_t block = tango_io__block_bytes(w->number_size);
    if (w->panel_size == 0) return w->number_size;
    return w->panel_at % w->panel_size % block < 64 ? 4 : w->number_size;
}

/* On a big-endian machine: each number is turned; a piece may end inside of one. */
static tango_result tango_io__blob_turn(tango_io_blob_writer *w, const unsigned char *p,
                                        size_t size, tango_error *error)
{
    unsigned char turned[512];
    size_t i, k, n = 0;
    tango_result r = TANGO_OK;
    for (i = 0; i < size && r == TANGO_OK; i++) {
        const size_t number = tango_io__blob_number(w);
        w->number[number - ++w->held] = p[i];
        if (w->held < number) continue;
        for (k = 0; k < w->held; k++) turned[n++] = w->number[k];
        w->panel_at += w->held;
        w->held = 0;
        if (n + 8 <= sizeof turned) continue;
        r = tango_io__blob_put(w, turned, n, error);
        n = 0;
    }
    return r == TANGO_OK ? tango_io__blob_put(w, turned, n, error) : r;
}

TANGO_API tango_result tango_io_blob_write_begin(
    tango_io_blob_writer *writer, tango_io_output *output, tango_io_value *values,
    size_t value_count, tango_io_tensor *tensors, size_t tensor_count, void *work,
    size_t work_size, tango_error *error)
{
    unsigned char *header = (unsigned char *)work;
    size_t size, i, record, at;
    uint64_t end;
    tango_result r = tango_io_blob_write_size(&size, values, value_count, tensors,
                                              tensor_count, error);
    if (r != TANGO_OK) return r;
    if (work_size < size)
        return tango_io_fail(error, TANGO_ERROR_MEMORY,
                             "blob: the header takes %z bytes, not %z", size, work_size);
    tango_io__sort(values, value_count, sizeof *values, tango_io__value_order, NULL);
    tango_io__sort(tensors, tensor_count, sizeof *tensors, tango_io__tensor_order, NULL);
    for (i = 1; i < value_count; i++) {
        if (tango_io__value_order(NULL, &values[i - 1], &values[i]) == 0)
            return tango_io_fail(error, TANGO_ERROR_ARGUMENT, "blob: two values %s",
                                 values[i].key);
    }
    for (i = 1; i < tensor_count; i++) {
        if (tango_io__tensor_order(NULL, &tensors[i - 1], &tensors[i]) == 0)
            return tango_io_fail(error, TANGO_ERROR_ARGUMENT, "blob: two tensors %s",
                                 tensors[i].name);
    }
    tango_io__zero(header, size);
    tango_io__copy(header, tango_io__blob_magic, 8);
    tango_io__put32(header + 8, TANGO_IO__BLOB_VERSION);
    tango_io__put64(header + 16, size);
    tango_io__put32(header + 32, (uint32_t)value_count);
    tango_io__put32(header + 36, (uint32_t)tensor_count);
    record = TANGO_IO__BLOB_HEAD;
    at = record + value_count * TANGO_IO__BLOB_VALUE +
         tensor_count * TANGO_IO__BLOB_TENSOR;
    for (i = 0; i < value_count; i++, record += TANGO_IO__BLOB_VALUE)
        tango_io__blob_put_value(header, record, &at, &values[i]);
    end = size;
    for (i = 0; i < tensor_count; i++, record += TANGO_IO__BLOB_TENSOR) {
        if (!tango_io__blob_put_tensor(header, record, &at, &end, &tensors[i]))
            return tango_io_fail(error, TANGO_ERROR_ARGUMENT,
                                 "blob: tensor %s has an impossible shape or type",
                                 tensors[i].name);
    }
    tango_io__put64(header + 24, end);
    writer->output = output;
    writer->header = header;
    writer->header_size = size;
    writer->value_count = value_count;
    writer->tensor_count = tensor_count;
    writer->index = 0;
    writer->left = 0;
    if (tensor_count) tango_io__blob_expect(writer);
    tango_io_checksum_begin(&writer->sum);
    /* The header is written twice: now to hold its place, at the end with the
       checksums. */
    r = tango_io_write(output, header, size, error);
    return r == TANGO_OK ? tango_io__blob_next(writer, error) : r;
}

TANGO_API tango_result tango_io_blob_write_data(tango_io_blob_writer *writer,
                                                const void *data, size_t size,
                                                tango_error *error)
{
    const unsigned char *p = (const unsigned char *)data;
    tango_result r = TANGO_OK;
    while (size > 0 && r == TANGO_OK) {
        size_t part = size < writer->left ? size : (size_t)writer->left;
        if (writer->left == 0)
            return tango_io_fail(error, TANGO_ERROR_ARGUMENT,
                                 "blob: %z bytes more than all tensors take", size);
        r = tango_io__is_little() ? tango_io__blob_put(writer, p, part, error)
                                  : tango_io__blob_turn(writer, p, part, error);
        if (r != TANGO_OK) return r;
        p += part;
        size -= part;
        writer->left -= part;
        r = tango_io__blob_next(writer, error);
    }
    return r;
}

TANGO_API tango_result tango_io_blob_write_end(tango_io_blob_writer *writer,
                                               tango_error *error)
{
    tango_result r;
    if (writer->index < writer->tensor_count)
        return tango_io_fail(error, TANGO_ERROR_ARGUMENT,
                             "blob: data of tensor %z of %z is missing", writer->index,
                             writer->tensor_count);
    tango_io__put64(writer->header + 40,
                    tango_io__blob_header_sum(writer->header, writer->header_size));
    r = tango_io_seek(writer->output, 0, error);
    if (r != TANGO_OK) return r;
    return tango_io_write(writer->output, writer->header, writer->header_size, error);
}

#endif /* TANGO_IO__WRITES */

/* ==== 18 >>zip ==== Stored zip archives ============================================= */

/* Read from the end: end record (22 bytes, no comment), before it, if the archive is
   large or its writer likes it, zip64 locator (20) and zip64 end record (56), before them
   the central directory. Local headers and data must fill the bytes from 0 to the
   directory without gap and without overlap. Fields: APPNOTE.TXT 6.3, sections 4.3 and
   4.5.3. */

typedef struct tango_io__record {
    size_t name, name_size;     /* in the central directory */
    size_t header, data, size;  /* file offsets and bytes */
    uint32_t crc;
    unsigned char described;    /* flag bit 3: a descriptor may follow the data */
    unsigned char type;         /* set by the pickle: 1 + element type */
} tango_io__record;

typedef struct tango_io__zip {
    const unsigned char *data;
    size_t size, directory, directory_size, count;
    int summed;                 /* an entry states a CRC-32 that is not 0 */
    int later;                  /* numbers are not summed here */
    const void *file;           /* tango_io_file whose pages are given back, or NULL */
} tango_io__zip;

static tango_result tango_io__zip_bad(tango_error *error, const char *what, size_t offset)
{
    return tango_io_fail(error, TANGO_ERROR_DATA, "zip: %s (offset %z)", what, offset);
}

/* zip64 end record and locator that end at `end`. They replace the 16- and 32-bit fields
   of the end record, which must be saturated or agree. */
static tango_result tango_io__zip_end64(const unsigned char *data, size_t end,
                                        uint64_t *count, uint64_t *size, uint64_t *offset,
                                        size_t *start, tango_error *error)
{
    const unsigned char *l = data + end - 20, *r;
    uint64_t at = tango_io__u64(l + 8);
    if (end < 76 || at != end - 76 || tango_io__u32(data + end - 76) != 0x06064b50)
        return tango_io__zip_bad(error, "zip64 end record is not where expected",
                                 end - 20);
    r = data + end - 76;
    if (tango_io__u32(l + 4) != 0 || tango_io__u32(l + 16) > 1 ||
        tango_io__u64(r + 4) != 44 || tango_io__u32(r + 16) != 0 ||
        tango_io__u32(r + 20) != 0 || tango_io__u64(r + 24) != tango_io__u64(r + 32))
        return tango_io__zip_bad(error, "zip64 end record is damaged or multi-part",
                                 end - 76);
    if ((*count != 0xffff && *count != tango_io__u64(r + 32)) ||
        (*size != 0xffffffff && *size != tango_io__u64(r + 40)) ||
        (*offset != 0xffffffff && *offset != tango_io__u64(r + 48)))
        return tango_io__zip_bad(error, "zip64 and plain end record disagree", end - 76);
    *count = tango_io__u64(r + 32);
    *size = tango_io__u64(r + 40);
    *offset = tango_io__u64(r + 48);
    *start = end - 76;
    return TANGO_OK;
}

static tango_result tango_io__zip_open(tango_io__zip *zip, const unsigned char *data,
                                       size_t size, tango_error *error)
{
    const unsigned char *e;
    uint64_t count, bytes, offset;
    size_t start;
    tango_result r;
    if (!data || size < 4 || tango_io__u32(data) != 0x04034b50)
        return tango_io__foreign(error, "zip", "an archive with entries", data, size);
    start = size < 22 ? 0 : size - 22;
    e = data + start;
    if (size < 22 || tango_io__u32(e) != 0x06054b50 || tango_io__u16(e + 20) != 0)
        return tango_io__zip_bad(error,
                                 "no end record at the end: truncated, or a comment",
                                 start);
    if (tango_io__u16(e + 4) != 0 || tango_io__u16(e + 6) != 0 ||
        tango_io__u16(e + 8) != tango_io__u16(e + 10))
        return tango_io__zip_bad(error, "multi-part archive", start);
    count = tango_io__u16(e + 10);
    bytes = tango_io__u32(e + 12);
    offset = tango_io__u32(e + 16);
    if (start >= 20 && tango_io__u32(e - 20) == 0x07064b50) {
        r = tango_io__zip_end64(data, start, &count, &bytes, &offset, &start, error);
        if (r != TANGO_OK) return r;
    }
    if (offset > start || bytes != start - offset)
        return tango_io__zip_bad(
            error, "directory does not end where the end record starts", start);
    if (count == 0 || count > bytes / 46)
        return tango_io__zip_bad(error, "impossible number of entries", start);
    zip->data = data;
    zip->size = size;
    zip->directory = (size_t)offset;
    zip->directory_size = (size_t)bytes;
    zip->count = (size_t)count;
    return TANGO_OK;
}

/* Extra fields: a row of id, size, bytes. Finds the zip64 field (id 1); with `values` > 0
   the first that many 64-bit numbers of it are read, in place of saturated fields. */
static tango_result tango_io__zip_extra(const unsigned char *data, size_t at, size_t size,
                                        uint64_t **fields, size_t values,
                                        tango_error *error)
{
    const unsigned char *found = NULL;
    size_t end = at + size, n, i, found_size = 0;
    while (at < end) {
        if (end - at < 4 || (n = tango_io__u16(data + at + 2)) > end - at - 4)
            return tango_io__zip_bad(error, "damaged extra field", at);
        if (tango_io__u16(data + at) == 1) {
            if (found) return tango_io__zip_bad(error, "two zip64 fields", at);
            found = data + at + 4;
            found_size = n;
        }
        at += 4 + n;
    }
    if (values > 0 && found_size / 8 < values)
        return tango_io__zip_bad(error, "missing or short zip64 field", end);
    for (i = 0; i < values; i++) *fields[i] = tango_io__u64(found + 8 * i);
    return TANGO_OK;
}

/* Relative path without empty, "." or ".." parts and without backslashes. */
static int tango_io__zip_name_ok(const unsigned char *p, size_t size)
{
    size_t i, part = 0;
    if (!tango_io__name_ok(p, size)) return 0;
    for (i = 0; i <= size; i++) {
        if (i < size && p[i] == '\\') return 0;
        if (i < size && p[i] != '/') continue;
        if (i == part || (i == part + 1 && p[part] == '.') ||
            (i == part + 2 && p[part] == '.' && p[part + 1] == '.'))
            return 0;
        part = i + 1;
    }
    return 1;
}

/* Local header of a record against its central header: all that both state must agree.
   With flag bit 3 the local CRC and sizes may be zero; the descriptor after the data has
   them. Header and data lie before `end`: where records are given their own room, time is
   linear also if all central headers point to one place. */
static tango_result tango_io__zip_local(const tango_io__zip *zip,
                                        tango_io__record *record, size_t end,
                                        tango_error *error)
{
    const unsigned char *l = zip->data + record->header;
    const unsigned char *central = zip->data + record->name - 46;
    size_t room = end - record->header, names, extra;
    uint64_t size, packed, *fields[2];
    tango_result r;
    if (room < 30 || tango_io__u32(l) != 0x04034b50)
        return tango_io__zip_bad(error, "no local header", record->header);
    names = tango_io__u16(l + 26);
    extra = tango_io__u16(l + 28);
    if (names + extra > room - 30)
        return tango_io__zip_bad(error, "local header overlaps what follows",
                                 record->header);
    packed = tango_io__u32(l + 18);
    size = tango_io__u32(l + 22);
    fields[0] = &size;
    fields[1] = &packed;
    /* Writers of streams put other numbers into the zip64 field where both are zero. */
    r = tango_io__zip_extra(zip->data, record->header + 30 + names, extra, fields,
                            size == 0xffffffff || packed == 0xffffffff ? 2 : 0, error);
    if (r != TANGO_OK) return r;
    if (tango_io__compare(l + 6, 8, central + 8, 8) != 0) /* flags, method, time, date */
        return tango_io__zip_bad(error, "local and central header disagree",
                                 record->header + 6);
    if (tango_io__compare(l + 30, names, zip->data + record->name, record->name_size) !=
        0)
        return tango_io__zip_bad(error, "local and central name disagree",
                                 record->header + 30);
    if (!(record->described && size == 0 && packed == 0 && tango_io__u32(l + 14) == 0) &&
        (size != record->size || packed != size || tango_io__u32(l + 14) != record->crc))
        return tango_io__zip_bad(error, "local and central size or CRC disagree",
                                 record->header + 14);
    record->data = record->header + 30 + names + extra;
    if (record->size > end - record->data)
        return tango_io__zip_bad(error, "data overlaps what follows", record->header);
    return TANGO_OK;
}

/* Takes one central header from the directory. */
static tango_result tango_io__zip_next(const tango_io__zip *zip, tango_io__cursor *c,
                                       tango_io__record *record, tango_error *error)
{
    size_t at = tango_io__offset(c), names, extra, comment, values = 0;
    const unsigned char *p = tango_io__take(c, 46), *name;
    uint64_t size, packed, header, *fields[3];
    uint32_t flags, mode;
    tango_result r;
    if (!p || tango_io__u32(p) != 0x02014b50)
        return tango_io__zip_bad(error, "no central header", at);
    names = tango_io__u16(p + 28);
    extra = tango_io__u16(p + 30);
    comment = tango_io__u16(p + 32);
    name = tango_io__take(c, names + extra + comment);
    if (!name) return tango_io__zip_bad(error, "central header passes the directory", at);
    flags = tango_io__u16(p + 8);
    if (tango_io__u16(p + 10) != 0)
        return tango_io_fail(
            error, TANGO_ERROR_UNSUPPORTED,
            "zip: entry %q is compressed: unpack the archive first (offset %z)", name,
            names, at);
    if (flags & ~0x0808u)                       /* bit 3: descriptor, bit 11: UTF-8 */
        return tango_io_fail(error, TANGO_ERROR_UNSUPPORTED,
                             "zip: entry %q is encrypted or patched (offset %z)", name,
                             names, at + 8);
    if (names > 0 && name[names - 1] == '/' && tango_io__zip_name_ok(name, names - 1))
        return tango_io_fail(
            error, TANGO_ERROR_UNSUPPORTED,
            "zip: entry %q is a folder: unpack the archive first (offset %z)", name,
            names, at);
    if (!tango_io__zip_name_ok(name, names))
        return tango_io_fail(error, TANGO_ERROR_DATA,
                             "zip: unsafe entry name %q (offset %z)", name, names,
                             at + 46);
    mode = tango_io__u32(p + 38) >> 16 & 0xf000;    /* Unix file type: none or regular */
    if (comment != 0 || tango_io__u16(p + 34) != 0 || (mode != 0 && mode != 0x8000) ||
        (tango_io__u32(p + 38) & 0x10))
        return tango_io_fail(
            error, TANGO_ERROR_DATA,
            "zip: entry %q is a link or folder, or has a comment (offset %z)", name,
            names, at);
    packed = tango_io__u32(p + 20);
    size = tango_io__u32(p + 24);
    header = tango_io__u32(p + 42);
    if (size == 0xffffffff) fields[values++] = &size;
    if (packed == 0xffffffff) fields[values++] = &packed;
    if (header == 0xffffffff) fields[values++] = &header;
    r = tango_io__zip_extra(zip->data, at + 46 + names, extra, fields, values, error);
    if (r != TANGO_OK) return r;
    if (packed != size || header > zip->directory || size > zip->directory)
        return tango_io__zip_bad(error, "impossible size or place of an entry", at + 20);
    record->name = at + 46;
    record->name_size = names;
    record->header = (size_t)header;
    record->size = (size_t)size;
    record->crc = tango_io__u32(p + 16);
    record->described = (flags & 8) != 0;
    record->type = 0;
    return TANGO_OK;
}

/* The `gap` bytes between a record's data and what follows: nothing, or (flag bit 3) a
   descriptor: perhaps a signature, CRC, both sizes in 4 or in 8 bytes. */
static tango_result tango_io__zip_descriptor(const tango_io__zip *zip,
                                             const tango_io__record *record, size_t gap,
                                             tango_error *error)
{
    size_t at = record->data + record->size;
    const unsigned char *p = zip->data + at;
    if (gap == 0 && (!record->described || record->size == 0)) return TANGO_OK;
    if (record->described && (gap == 16 || gap == 24)) {
        if (tango_io__u32(p) != 0x08074b50)
            return tango_io__zip_bad(error, "no data descriptor", at);
        p += 4;
        gap -= 4;
    }
    if (record->described && tango_io__u32(p) == record->crc) {
        if (gap == 12 && tango_io__u32(p + 4) == record->size &&
            tango_io__u32(p + 8) == record->size)
            return TANGO_OK;
        if (gap == 20 && tango_io__u64(p + 4) == record->size &&
            tango_io__u64(p + 12) == record->size)
            return TANGO_OK;
    }
    return tango_io__zip_bad(error, "gap, or a data descriptor that disagrees", at);
}

static int tango_io__record_place(const void *context, const void *a, const void *b)
{
    size_t x = ((const tango_io__record *)a)->header,
           y = ((const tango_io__record *)b)->header;
    (void)context;
    return x == y ? 0 : x < y ? -1 : 1;
}

static int tango_io__record_name(const void *context, const void *a, const void *b)
{
    const unsigned char *data = (const unsigned char *)context;
    const tango_io__record *x = (const tango_io__record *)a,
                           *y = (const tango_io__record *)b;
    return tango_io__compare(data + x->name, x->name_size, data + y->name, y->name_size);
}

/* The CRC-32 of a record's data, in pieces; those of a mapping are given back. */
static uint32_t tango_io__zip_sum(const tango_io__zip *zip, const tango_io_crc32 *table,
                                  const tango_io__record *record)
{
    const size_t piece = (size_t)16 << 20;
    uint32_t crc = 0;
    size_t at, n;
    for (at = 0; at < record->size; at += n) {
        const unsigned char *p = zip->data + record->data + at;
        n = record->size - at < piece ? record->size - at : piece;
        crc = tango_io_crc32_add(table, crc, p, n);
#ifndef TANGO_NO_STDIO
        if (zip->file) tango_io_forget((const tango_io_file *)zip->file, p, n);
#endif
    }
    return crc;
}

/* Compares a record with its CRC-32. */
static tango_result tango_io__zip_check(const tango_io__zip *zip,
                                        const tango_io_crc32 *table,
                                        const tango_io__record *record,
                                        tango_error *error)
{
    if (!zip->summed || tango_io__zip_sum(zip, table, record) == record->crc)
        return TANGO_OK;
    return tango_io_fail(error, TANGO_ERROR_DATA,
                         "zip: data of entry %q does not match its CRC-32 (offset %z)",
                         zip->data + record->name, record->name_size, record->data);
}

/* Whether the record is ROOT/data/KEY: numbers, of which only views are made. */
static int tango_io__zip_numbers(const tango_io__zip *zip, const tango_io__record *record)
{
    const unsigned char *name = zip->data + record->name;
    size_t n = record->name_size, root = 0;
    while (root < n && name[root] != '/') root++;
    return n - root > 6 && tango_io__equal(name + root, 6, "/data/");
}

/* Reads the whole directory into records[0..zip->count), checks that they fill the file,
   their CRC-32 (of numbers not if it is for later), and that names are unique; leaves
   them sorted by name. torch can save without checksums (set_crc32_options): then all of
   them are 0. */
static tango_result tango_io__zip_records(tango_io__zip *zip,
                                          tango_io__record *records, tango_error *error)
{
    tango_io__cursor c = tango_io__cursor_over(zip->data,
                                               zip->directory + zip->directory_size);
    tango_io_crc32 table;
    size_t i, n = zip->count, at = 0, next;
    tango_result r = TANGO_OK;
    tango_io__take(&c, zip->directory);
    zip->summed = 0;
    for (i = 0; i < n && r == TANGO_OK; i++) {
        r = tango_io__zip_next(zip, &c, &records[i], error);
        if (r == TANGO_OK && records[i].crc != 0) zip->summed = 1;
    }
    if (r != TANGO_OK) return r;
    if (tango_io__left(&c) > 0)
        return tango_io__zip_bad(error, "bytes left in the directory",
                                 tango_io__offset(&c));
    tango_io__sort(records, n, sizeof *records, tango_io__record_place, NULL);
    tango_io_crc32_begin(&table);
    for (i = 0; i < n; i++) {
        if (records[i].header != at)
            return tango_io__zip_bad(error, "gap or overlap before a local header",
                                     records[i].header);
        next = i + 1 < n ? records[i + 1].header : zip->directory;
        if (next == at) return tango_io__zip_bad(error, "entries overlap", at);
        r = tango_io__zip_local(zip, &records[i], next, error);
        if (r != TANGO_OK) return r;
        r = tango_io__zip_descriptor(zip, &records[i],
                                     next - records[i].data - records[i].size, error);
        if (r != TANGO_OK) return r;
        if (!zip->later || !tango_io__zip_numbers(zip, &records[i]))
            r = tango_io__zip_check(zip, &table, &records[i], error);
        if (r != TANGO_OK) return r;
        at = next;
    }
    tango_io__sort(records, n, sizeof *records, tango_io__record_name, zip->data);
    for (i = 1; i < n; i++) {
        if (tango_io__record_name(zip->data, &records[i - 1], &records[i]) == 0)
            return tango_io_fail(
                error, TANGO_ERROR_DATA, "zip: two entries %q (offset %z)",
                zip->data + records[i].name, records[i].name_size, records[i].name);
    }
    return TANGO_OK;
}

/* ==== 19 >>pickle ==== The part of pickle that torch.save uses ====================== */

/* A pickle is a program for a stack machine. Here it builds small typed records
   ("objects"), no more: names are compared with a list, calls are recognised by that
   name, arguments by their types.

   No cycle can arise, without a search: an object is sealed when it becomes part of
   another, and a sealed object takes no more members. Then every link of a cycle would
   have to be older than the next one, all around. For the same reason a part's depth is
   final when the whole takes it over. Inert objects keep no links to what they are made
   of, so they end every cycle: the settings of omegaconf, whose parts know the whole,
   may take members at any time. */

typedef enum tango_io__kind {
    TANGO_IO__NONE,
    TANGO_IO__BOOL,
    TANGO_IO__INT,          /* a, b = low and high half of the two's complement */
    TANGO_IO__FLOAT,        /* a, b = low and high half of the double */
    TANGO_IO__STRING,       /* a = offset in the pickle, b = bytes */
    TANGO_IO__TUPLE,        /* a = first of b items */
    TANGO_IO__LIST,
    TANGO_IO__DICT,         /* a = members */
    TANGO_IO__ORDERED,      /* collections.OrderedDict */
    TANGO_IO__NAME,         /* a = one of tango_io__names */
    TANGO_IO__STORAGE,      /* a = record; type = element type */
    TANGO_IO__TENSOR,       /* a = storage, b = tuple of arguments */
    TANGO_IO__OPAQUE,       /* large integer */
    TANGO_IO__INERT         /* objects of training frameworks */
} tango_io__kind;

enum {
    TANGO_IO__SEALED = 1,
    TANGO_IO__NAMED = 2,
    TANGO_IO__PICKLE_DEPTH_MAX = 64,
    TANGO_IO__STORAGE_KEY_MAX = 64      /* torch numbers its storages: a few digits */
};

typedef struct tango_io__object {
    unsigned char kind, type;
    unsigned char flags;    /* SEALED; NAMED: a key whose text lies among the names */
    unsigned char level;    /* containers nested here, with this one; 0: it is none */
    uint32_t at;            /* offset in the pickle */
    uint32_t a, b;
} tango_io__object;

typedef struct tango_io__entry { uint32_t dictionary, key, value; } tango_io__entry;
/* A place of the memo. The keys are known before the program runs: sorted by them, each
   is found by halving, whatever numbers a file chooses. Those of torch are 0, 1, 2, and
   so on. */
typedef struct tango_io__memo { uint32_t key, object; } tango_io__memo;

typedef struct tango_io__pickle_need {
    size_t objects, pushes, keys, memos, strings;
    size_t texts, storages;             /* opcodes BINUNICODE and BINPERSID */
} tango_io__pickle_need;

typedef struct tango_io__pickle {
    tango_io__cursor c;
    size_t base, size;                  /* file offset and bytes of the pickle */
    tango_io__pickle_need max;
    tango_io__object *objects;
    uint32_t *stack;                    /* grows up; tuple items grow down from its end */
    tango_io__entry *entries;
    tango_io__memo *memos;
    tango_io__record *records;          /* sorted by name */
    size_t record_count, object_count, depth, items, entry_count, memo_count;
    uint64_t key_bytes;                 /* text of all keys, each as often as it is one */
    size_t root;                        /* bytes of the archive's root name, with slash */
    int legacy;                         /* of a file without zip: see the room torch */
    size_t size_max;                    /* bytes of that file */
    const char *label;                  /* what messages call the pickle */
    tango_error *error;
} tango_io__pickle;

#define TANGO_IO__MARK UINT32_MAX
#define TANGO_IO__UNUSED UINT32_MAX
enum { TANGO_IO__MEMO_MAX = 1 << 24, TANGO_IO__KEYS_MAX = 4 << 20 };

/* The opcodes that a checkpoint may use, by their names in Python's pickletools. */
enum {
    TANGO_IO__OP_PROTO = 0x80, TANGO_IO__OP_STOP = '.', TANGO_IO__OP_MARK = '(',
    TANGO_IO__OP_EMPTY_DICT = '}', TANGO_IO__OP_EMPTY_LIST = ']',
    TANGO_IO__OP_EMPTY_TUPLE = ')', TANGO_IO__OP_TUPLE = 't', TANGO_IO__OP_TUPLE1 = 0x85,
    TANGO_IO__OP_TUPLE2 = 0x86, TANGO_IO__OP_TUPLE3 = 0x87,
    TANGO_IO__OP_APPEND = 'a', TANGO_IO__OP_APPENDS = 'e', TANGO_IO__OP_SETITEM = 's',
    TANGO_IO__OP_SETITEMS = 'u',
    TANGO_IO__OP_NONE = 'N', TANGO_IO__OP_NEWTRUE = 0x88, TANGO_IO__OP_NEWFALSE = 0x89,
    TANGO_IO__OP_BININT = 'J', TANGO_IO__OP_BININT1 = 'K', TANGO_IO__OP_BININT2 = 'M',
    TANGO_IO__OP_LONG1 = 0x8a, TANGO_IO__OP_BINFLOAT = 'G', TANGO_IO__OP_BINUNICODE = 'X',
    TANGO_IO__OP_GLOBAL = 'c',
    TANGO_IO__OP_REDUCE = 'R', TANGO_IO__OP_NEWOBJ = 0x81, TANGO_IO__OP_BUILD = 'b',
    TANGO_IO__OP_BINPERSID = 'Q', TANGO_IO__OP_BINGET = 'h',
    TANGO_IO__OP_LONG_BINGET = 'j', TANGO_IO__OP_BINPUT = 'q',
    TANGO_IO__OP_LONG_BINPUT = 'r'
};

/* Arguments: a digit for that many bytes, 's' text with a 32-bit length, 'l' bytes with
   an 8-bit length, 'g' two lines. Effects: 'o' a new object, 'k' the same, and it may
   become a key, 'p' only a reference is pushed, 'm' memo. */
static const struct {
    unsigned char code;
    char argument, effect;
} tango_io__opcodes[] = {
    { TANGO_IO__OP_PROTO, '1', '-' }, { TANGO_IO__OP_STOP, '0', '-' },
    { TANGO_IO__OP_MARK, '0', 'p' }, { TANGO_IO__OP_EMPTY_DICT, '0', 'o' },
    { TANGO_IO__OP_EMPTY_LIST, '0', 'o' }, { TANGO_IO__OP_EMPTY_TUPLE, '0', 'o' },
    { TANGO_IO__OP_TUPLE, '0', 'o' }, { TANGO_IO__OP_TUPLE1, '0', 'o' },
    { TANGO_IO__OP_TUPLE2, '0', 'o' }, { TANGO_IO__OP_TUPLE3, '0', 'o' },
    { TANGO_IO__OP_APPEND, '0', '-' }, { TANGO_IO__OP_APPENDS, '0', '-' },
    { TANGO_IO__OP_SETITEM, '0', '-' }, { TANGO_IO__OP_SETITEMS, '0', '-' },
    { TANGO_IO__OP_NONE, '0', 'k' }, { TANGO_IO__OP_NEWTRUE, '0', 'k' },
    { TANGO_IO__OP_NEWFALSE, '0', 'k' }, { TANGO_IO__OP_BININT, '4', 'k' },
    { TANGO_IO__OP_BININT1, '1', 'k' }, { TANGO_IO__OP_BININT2, '2', 'k' },
    { TANGO_IO__OP_LONG1, 'l', 'k' }, { TANGO_IO__OP_BINFLOAT, '8', 'k' },
    { TANGO_IO__OP_BINUNICODE, 's', 'k' }, { TANGO_IO__OP_GLOBAL, 'g', 'k' },
    { TANGO_IO__OP_REDUCE, '0', 'o' }, { TANGO_IO__OP_NEWOBJ, '0', 'o' },
    { TANGO_IO__OP_BUILD, '0', '-' }, { TANGO_IO__OP_BINPERSID, '0', 'o' },
    { TANGO_IO__OP_BINGET, '1', 'k' }, { TANGO_IO__OP_LONG_BINGET, '4', 'k' },
    { TANGO_IO__OP_BINPUT, '1', 'm' }, { TANGO_IO__OP_LONG_BINPUT, '4', 'm' }
};

static tango_result tango_io__pickle_bad(const tango_io__pickle *p, size_t at,
                                         const char *what)
{
    return tango_io_fail(p->error, TANGO_ERROR_DATA, "%s: %s (offset %z)", p->label, what,
                         p->base + at);
}

/* Offset in the pickle of what comes next. */
static size_t tango_io__pickle_at(const tango_io__pickle *p)
{
    return tango_io__offset(&p->c) - p->base;
}

/* End of the line at the cursor, which moves behind its newline. */
static const unsigned char *tango_io__pickle_line(tango_io__cursor *c)
{
    size_t n, left = tango_io__left(c);
    for (n = 0; n < left && n <= TANGO_IO_NAME_MAX; n++) {
        if (c->at[n] == '\n') return tango_io__take(c, n + 1) + n;
    }
    return NULL;
}

typedef struct tango_io__op {
    unsigned code;
    char effect;
    const unsigned char *argument;
    size_t size, at;                    /* of the argument; offset in the pickle */
} tango_io__op;

/* Takes one opcode and its argument. */
static tango_result tango_io__pickle_opcode(tango_io__pickle *p, tango_io__op *op)
{
    size_t i, count = sizeof tango_io__opcodes / sizeof tango_io__opcodes[0];
    const unsigned char *code, *length;
    char form;
    op->at = tango_io__pickle_at(p);
    code = tango_io__take(&p->c, 1);
    if (!code) return tango_io__pickle_bad(p, op->at, "ends without STOP");
    for (i = 0; i < count && tango_io__opcodes[i].code != *code; i++) {}
    if (i == count)
        return tango_io_fail(p->error, TANGO_ERROR_UNSUPPORTED,
                             "%s: opcode %u is not allowed (offset %z)", p->label,
                             (uint64_t)*code, p->base + op->at);
    form = tango_io__opcodes[i].argument;
    op->code = *code;
    op->effect = tango_io__opcodes[i].effect;
    op->argument = p->c.at;
    if (form == 'g') {
        if (!tango_io__pickle_line(&p->c) || !tango_io__pickle_line(&p->c))
            return tango_io__pickle_bad(p, op->at, "name without its two lines");
        op->size = (size_t)(p->c.at - op->argument);
        return TANGO_OK;
    }
    op->size = form == 's' ? 4 : form == 'l' ? 1 : (size_t)(form - '0');
    length = tango_io__take(&p->c, op->size);
    if (length && (form == 's' || form == 'l')) {
        op->size = form == 's' ? tango_io__u32(length) : *length;
        op->argument = p->c.at;
        length = tango_io__take(&p->c, op->size);
    }
    if (!length) return tango_io__pickle_bad(p, op->at, "argument passes the end");
    return TANGO_OK;
}

/* First pass: walks the opcodes up to STOP, where it leaves the cursor, and counts what
   the second will need at most. */
static tango_result tango_io__pickle_scan(tango_io__pickle *p,
                                          tango_io__pickle_need *need)
{
    tango_io__op op;
    size_t keys = 0;
    tango_result r;
    tango_io__zero(need, sizeof *need);
    if (tango_io__left(&p->c) < 2 || p->c.at[0] != 0x80 || p->c.at[1] != 2)
        return tango_io__pickle_bad(p, 0, "does not start with protocol 2");
    tango_io__take(&p->c, 2);
    do {
        r = tango_io__pickle_opcode(p, &op);
        if (r != TANGO_OK) return r;
        if (op.code == TANGO_IO__OP_PROTO)
            return tango_io__pickle_bad(p, op.at, "second protocol opcode");
        if (op.effect == 'm') need->memos++;
        if (op.effect == 'o' || op.effect == 'k') need->objects++;
        if (op.effect == 'k' || op.effect == 'r') keys++;
        if (op.effect != 'm' && op.effect != '-') need->pushes++;
        if (op.code == TANGO_IO__OP_BINUNICODE) need->strings += op.size + 1;
        if (op.code == TANGO_IO__OP_BINUNICODE) need->texts++;
        if (op.code == TANGO_IO__OP_BINPERSID) need->storages++;
        if (need->pushes > TANGO_IO_TORCH_OBJECTS_MAX ||
            need->memos > TANGO_IO_TORCH_OBJECTS_MAX)
            return tango_io__pickle_bad(p, op.at, "more than 1000000 objects");
    } while (op.code != TANGO_IO__OP_STOP);
    need->keys = keys < need->pushes / 2 ? keys : need->pushes / 2;
    return TANGO_OK;
}

/* New object on the stack; NULL (message written) if the counted room is full, which
   cannot happen unless the file changes between the passes. */
static tango_io__object *tango_io__pickle_push(tango_io__pickle *p, tango_io__kind kind,
                                               size_t at)
{
    tango_io__object *o;
    if (p->object_count == p->max.objects || p->depth == p->items) {
        tango_io__pickle_bad(p, at, "changed while it was read");
        return NULL;
    }
    p->stack[p->depth++] = (uint32_t)p->object_count;
    o = &p->objects[p->object_count++];
    tango_io__zero(o, sizeof *o);
    o->kind = (unsigned char)kind;
    o->level = kind == TANGO_IO__TUPLE || kind == TANGO_IO__LIST
               || kind == TANGO_IO__DICT || kind == TANGO_IO__INERT;
    o->at = (uint32_t)at;
    return o;
}

/* `part` becomes part of a whole that nests *level deep so far. */
static tango_result tango_io__pickle_seal(tango_io__pickle *p, tango_io__object *part,
                                          unsigned char *level, size_t at)
{
    part->flags |= TANGO_IO__SEALED;
    if (part->level >= TANGO_IO__PICKLE_DEPTH_MAX)
        return tango_io__pickle_bad(p, at, "nested over 64 deep");
    if (part->level >= *level) *level = (unsigned char)(part->level + 1);
    return TANGO_OK;
}

/* The object `below` places under the top; NULL if a mark or nothing is there. */
static tango_io__object *tango_io__pickle_top(const tango_io__pickle *p, size_t below)
{
    if (below >= p->depth || p->stack[p->depth - 1 - below] == TANGO_IO__MARK)
        return NULL;
    return &p->objects[p->stack[p->depth - 1 - below]];
}

/* Number of objects above the topmost mark; 0 and *found = 0 if there is no mark. */
static size_t tango_io__pickle_marked(const tango_io__pickle *p, int *found)
{
    size_t n = 0;
    while (n < p->depth && p->stack[p->depth - 1 - n] != TANGO_IO__MARK) n++;
    *found = n < p->depth;
    return n;
}

static const tango_io__object *tango_io__item(const tango_io__pickle *p,
                                              const tango_io__object *tuple, size_t i)
{
    return &p->objects[p->stack[tuple->a + i]];
}

static uint64_t tango_io__int(const tango_io__object *o)
{
    return (uint64_t)o->b << 32 | o->a;
}

/* 1 if the object is an integer from 0 to 2^63 - 1. */
static int tango_io__is_size(const tango_io__object *o)
{
    return o->kind == TANGO_IO__INT && o->b < 0x80000000u;
}

/* Tuple of the n topmost objects (with their mark, if `marked`). The items move to the
   low end of the upper region, last one first: the regions may touch but never cross. */
static tango_result tango_io__pickle_tuple(tango_io__pickle *p, size_t n, int marked,
                                           size_t at)
{
    tango_io__object *o;
    unsigned char level = 1;
    size_t i, first;
    for (i = 0; i < n; i++) {
        o = tango_io__pickle_top(p, i);
        if (!o) return tango_io__pickle_bad(p, at, "tuple of more than the stack holds");
        if (tango_io__pickle_seal(p, o, &level, at) != TANGO_OK) return TANGO_ERROR_DATA;
    }
    first = p->items - n;
    for (i = n; i-- > 0;) p->stack[first + i] = p->stack[p->depth - n + i];
    p->depth -= n + (marked ? 1 : 0);
    p->items = first;
    o = tango_io__pickle_push(p, TANGO_IO__TUPLE, at);
    if (!o) return TANGO_ERROR_DATA;
    o->level = level;
    o->a = (uint32_t)first;
    o->b = (uint32_t)n;
    return TANGO_OK;
}

/* n objects above a list, n = 2k objects (key, value, ...) above a dictionary: they
   become its members. Below them, if `marked`, lies a mark. */
static tango_result tango_io__pickle_fill(tango_io__pickle *p, size_t n, int marked,
                                          int pairs, size_t at)
{
    size_t under = n + (marked ? 1 : 0), i;
    uint32_t index;
    tango_io__object *target = tango_io__pickle_top(p, under), *o;
    int dictionary;
    if (!target) return tango_io__pickle_bad(p, at, "nothing to put members into");
    index = p->stack[p->depth - 1 - under];
    dictionary = target->kind == TANGO_IO__DICT || target->kind == TANGO_IO__ORDERED;
    if (target->kind != TANGO_IO__INERT &&
        !(pairs ? dictionary : target->kind == TANGO_IO__LIST))
        return tango_io__pickle_bad(p, at, pairs ? "items set on what is no dictionary"
                                                 : "items appended to what is no list");
    if (pairs && n % 2 != 0) return tango_io__pickle_bad(p, at, "key without a value");
    if ((target->flags & TANGO_IO__SEALED) && target->kind != TANGO_IO__INERT)
        return tango_io__pickle_bad(p, at, "members added to a used object");
    for (i = 0; i < n; i++) {
        o = tango_io__pickle_top(p, i);
        if (!o || o == target)
            return tango_io__pickle_bad(p, at, "object put into itself");
        if (tango_io__pickle_seal(p, o, &target->level, at) != TANGO_OK)
            return TANGO_ERROR_DATA;
    }
    for (i = p->depth - n; pairs && dictionary && i < p->depth; i += 2) {
        o = &p->objects[p->stack[i]];
        if (o->kind == TANGO_IO__LIST || o->kind == TANGO_IO__DICT ||
            o->kind == TANGO_IO__ORDERED)
            return tango_io__pickle_bad(p, at, "key that is a list or dictionary");
        if (p->entry_count == p->max.keys)
            return tango_io__pickle_bad(p, at, "keys that are no text, number or name");
        /* Keys are sorted by their text: one text in many dictionaries must not cost
           more than the file is long. */
        if (o->kind == TANGO_IO__STRING) p->key_bytes += o->b;
        if (p->key_bytes / 4 > p->size + TANGO_IO__KEYS_MAX)
            return tango_io__pickle_bad(p, at, "keys repeated too often");
        p->entries[p->entry_count].dictionary = index;
        p->entries[p->entry_count].key = p->stack[i];
        p->entries[p->entry_count++].value = p->stack[i + 1];
        target->a++;
    }
    p->depth -= under;
    return TANGO_OK;
}

static int tango_io__memo_order(const void *context, const void *a, const void *b)
{
    uint32_t x = ((const tango_io__memo *)a)->key, y = ((const tango_io__memo *)b)->key;
    (void)context;
    return x == y ? 0 : x < y ? -1 : 1;
}

/* Collects the keys of all places by a walk of its own; the cursor stays. */
static tango_result tango_io__pickle_memos(tango_io__pickle *p)
{
    const tango_io__cursor start = p->c;
    tango_io__op op = { 0, 0, NULL, 0, 0 };
    int rising = 1;
    tango_result r;
    tango_io__take(&p->c, 2);
    do {
        tango_io__memo *m = &p->memos[p->memo_count];
        r = tango_io__pickle_opcode(p, &op);
        if (r != TANGO_OK) return r;
        if (op.effect != 'm') continue;
        if (p->memo_count++ == p->max.memos)
            return tango_io__pickle_bad(p, op.at, "changed while it was read");
        m->key = op.code == TANGO_IO__OP_BINPUT ? op.argument[0]
                                                : tango_io__u32(op.argument);
        m->object = TANGO_IO__UNUSED;
        if (p->memo_count > 1 && m->key <= m[-1].key) rising = 0;
        if (m->key >= TANGO_IO__MEMO_MAX)
            return tango_io__pickle_bad(p, op.at, "memo index over 2^24");
    } while (op.code != TANGO_IO__OP_STOP);
    if (!rising)
        tango_io__sort(p->memos, p->memo_count, sizeof *p->memos, tango_io__memo_order,
                       NULL);
    p->c = start;
    return TANGO_OK;
}

/* The place of this key, NULL if there is none. */
static tango_io__memo *tango_io__pickle_slot(const tango_io__pickle *p, uint32_t key)
{
    size_t low = 0, high = p->memo_count;
    if (key < high && p->memos[key].key == key) return &p->memos[key];
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (p->memos[middle].key < key) low = middle + 1; else high = middle;
    }
    return low < p->memo_count && p->memos[low].key == key ? &p->memos[low] : NULL;
}

static tango_result tango_io__pickle_put(tango_io__pickle *p, uint32_t key, size_t at)
{
    tango_io__memo *slot = tango_io__pickle_slot(p, key);
    if (!tango_io__pickle_top(p, 0))
        return tango_io__pickle_bad(p, at, "nothing to remember");
    if (!slot) return tango_io__pickle_bad(p, at, "changed while it was read");
    if (slot->object != TANGO_IO__UNUSED)
        return tango_io__pickle_bad(p, at, "memo index set twice");
    slot->object = p->stack[p->depth - 1];
    return TANGO_OK;
}

static tango_result tango_io__pickle_get(tango_io__pickle *p, uint32_t key, size_t at)
{
    const tango_io__memo *slot = tango_io__pickle_slot(p, key);
    if (!slot || slot->object == TANGO_IO__UNUSED)
        return tango_io__pickle_bad(p, at, "memo index never set");
    if (p->depth == p->items)
        return tango_io__pickle_bad(p, at, "changed while it was read");
    p->stack[p->depth++] = slot->object;
    return TANGO_OK;
}

/* Names that a pickle may mention: those with a meaning, ... */
enum {
    TANGO_IO__ORDERED_DICT,
    TANGO_IO__REBUILD_PARAMETER,
    TANGO_IO__REBUILD_STATE,            /* the same with attributes */
    TANGO_IO__REBUILD_TENSOR,
    TANGO_IO__REBUILD_TYPED,            /* of bytes, with the element type beside them */
    TANGO_IO__REBUILD_CLASS,            /* one of these four, then class and attributes */
    TANGO_IO__STORAGES,                 /* from here on in the order of tango_io_type */
    TANGO_IO__UNTYPED = TANGO_IO__STORAGES + TANGO_IO_BOOL + 1,
    TANGO_IO__TYPES                     /* from here on U16 and what follows */
};

static const char *const tango_io__names[] = {
    "collections.OrderedDict",
    "torch._utils._rebuild_parameter",
    "torch._utils._rebuild_parameter_with_state",
    "torch._utils._rebuild_tensor_v2",
    "torch._utils._rebuild_tensor_v3",
    "torch._tensor._rebuild_from_type_v2",
    "torch.FloatStorage",
    "torch.HalfStorage",
    "torch.BFloat16Storage",
    "torch.CharStorage",
    "torch.ShortStorage",
    "torch.IntStorage",
    "torch.LongStorage",
    "torch.ByteStorage",
    "torch.UInt16Storage",
    "torch.UInt32Storage",
    "torch.UInt64Storage",
    "torch.DoubleStorage",
    "torch.BoolStorage",
    "torch.storage.UntypedStorage",
    "torch.uint16",
    "torch.uint32",
    "torch.uint64"
};

/* ... and those that stay inert; with a dot at the end, all that begin so. What training
   frameworks write beside the weights: settings (omegaconf and its plain types, paths,
   devices), states of schedules and of callbacks, NumPy's numbers and arrays. */
static const char *const tango_io__inert[] = {
    "pytorch_lightning.",
    "lightning.",
    "omegaconf.",
    "torch.optim.",
    "argparse.Namespace",
    "numpy.dtype",
    "numpy.ndarray",
    "numpy.core.multiarray.scalar",
    "numpy.core.multiarray._reconstruct",
    "numpy._core.multiarray.scalar",
    "numpy._core.multiarray._reconstruct",
    "_codecs.encode",
    "collections.Counter",
    "collections.defaultdict",
    "typing.Any",
    "pathlib.PosixPath",
    "pathlib.WindowsPath",
    "torch.Tensor",
    "torch.nn.parameter.Parameter",
    "torch.nn.parameter.Buffer",
    "torch.Size",
    "torch.device",
    "torch.float64",
    "torch.float32",
    "torch.float16",
    "torch.bfloat16",
    "torch.int64",
    "torch.int32",
    "torch.int16",
    "torch.int8",
    "torch.uint8",
    "torch.bool",
    "__builtin__.bool",
    "__builtin__.bytearray",
    "__builtin__.complex",
    "__builtin__.dict",
    "__builtin__.float",
    "__builtin__.frozenset",
    "__builtin__.int",
    "__builtin__.list",
    "__builtin__.long",
    "__builtin__.object",
    "__builtin__.set",
    "__builtin__.str",
    "__builtin__.tuple",
    "__builtin__.unicode"
};

/* Opcode GLOBAL: text is module, newline, name, newline. The dotted name is compared. */
static tango_result tango_io__pickle_name(tango_io__pickle *p, const unsigned char *text,
                                          size_t size, size_t at)
{
    tango_io__object *o;
    size_t i, k, n, dot, count = sizeof tango_io__names / sizeof tango_io__names[0];
    size_t inert = sizeof tango_io__inert / sizeof tango_io__inert[0];
    for (dot = 0; text[dot] != '\n'; dot++) {}  /* there are two newlines */
    size--;                                     /* without the last newline */
    for (i = 0; i < count + inert; i++) {
        const char *name = i < count ? tango_io__names[i] : tango_io__inert[i - count];
        n = tango_io__length(name);
        if (i >= count && name[n - 1] == '.' ? size <= n : size != n) continue;
        for (k = 0; k < n && name[k] == (text[k] == '\n' ? '.' : (char)text[k]); k++) {}
        if (k == n) break;
    }
    for (k = 0; k < size; k++) { /* identifiers; no dot after the newline */
        unsigned char c = text[k];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
              (c >= '0' && c <= '9') || c == '_' || c == '\n' || (c == '.' && k < dot)))
            i = count + inert;
    }
    if (i == count + inert)
        return tango_io_fail(p->error, TANGO_ERROR_UNSUPPORTED,
                             "%s: name %q.%q is not allowed (offset %z)%s", p->label,
                             text, dot, text + dot + 1, size - dot - 1, p->base + at,
                             tango_io__equal(text, dot, "torch")    /* an element type */
                                 ? "" : ": save the state_dict alone");
    o = tango_io__pickle_push(p, i < count ? TANGO_IO__NAME : TANGO_IO__INERT, at);
    if (!o) return TANGO_ERROR_DATA;
    o->a = (uint32_t)i;
    return TANGO_OK;
}

static tango_result tango_io__pickle_number(tango_io__pickle *p, uint64_t value,
                                            size_t at)
{
    tango_io__object *o = tango_io__pickle_push(p, TANGO_IO__INT, at);
    if (!o) return TANGO_ERROR_DATA;
    o->a = (uint32_t)(value & 0xffffffff);
    o->b = (uint32_t)(value >> 32);
    return TANGO_OK;
}

/* BINFLOAT: 8 bytes, the high one first. */
static tango_result tango_io__pickle_float(tango_io__pickle *p,
                                           const unsigned char *bytes, size_t at)
{
    tango_io__object *o = tango_io__pickle_push(p, TANGO_IO__FLOAT, at);
    uint64_t bits = 0;
    size_t i;
    if (!o) return TANGO_ERROR_DATA;
    for (i = 0; i < 8; i++) bits = bits << 8 | bytes[i];
    o->a = (uint32_t)(bits & 0xffffffff);
    o->b = (uint32_t)(bits >> 32);
    return TANGO_OK;
}

/* LONG1: n bytes, two's complement. Beyond 8 bytes the value is of no use here. */
static tango_result tango_io__pickle_long(tango_io__pickle *p, const unsigned char *bytes,
                                          size_t n, size_t at)
{
    uint64_t value = n > 0 && bytes[n - 1] >= 0x80 ? UINT64_MAX : 0;
    if (n > 8)
        return tango_io__pickle_push(p, TANGO_IO__OPAQUE, at) ? TANGO_OK
                                                              : TANGO_ERROR_DATA;
    while (n-- > 0) value = value << 8 | bytes[n];
    return tango_io__pickle_number(p, value, at);
}

static tango_result tango_io__pickle_string(tango_io__pickle *p,
                                            const unsigned char *text, size_t size,
                                            size_t at)
{
    tango_io__object *o;
    size_t bad = tango_io__utf8_bad(text, size);
    size_t start = (size_t)(text - p->c.begin) - p->base;
    if (bad != size) return tango_io__pickle_bad(p, start + bad, "text is not UTF-8");
    o = tango_io__pickle_push(p, TANGO_IO__STRING, at);
    if (!o) return TANGO_ERROR_DATA;
    o->a = (uint32_t)start;
    o->b = (uint32_t)size;
    return TANGO_OK;
}

static const unsigned char *tango_io__text(const tango_io__pickle *p,
                                           const tango_io__object *o)
{
    return p->c.begin + p->base + o->a;
}

/* Index of the record ROOT/FOLDER NAME in the sorted records, or record_count. */
static size_t tango_io__record_find(const tango_io__pickle *p, const char *folder,
                                    const unsigned char *name, size_t size)
{
    size_t low = 0, high = p->record_count, n = tango_io__length(folder);
    while (low < high) {
        size_t middle = low + (high - low) / 2,
               length = p->records[middle].name_size - p->root;
        const unsigned char *text = p->c.begin + p->records[middle].name + p->root;
        int order = tango_io__compare(text, length < n ? length : n, folder, n);
        if (order == 0) order = tango_io__compare(text + n, length - n, name, size);
        if (order == 0) return middle;
        if (order < 0) low = middle + 1; else high = middle;
    }
    return p->record_count;
}

/* The record of a storage; record_count (message written) if there is none. */
static size_t tango_io__storage_record(const tango_io__pickle *p,
                                       const tango_io__object *key, size_t at)
{
    const char *folder = p->legacy ? "" : "data/";
    size_t record;
    if (key->b > TANGO_IO__STORAGE_KEY_MAX) {
        tango_io__pickle_bad(p, at, "storage key over 64 bytes");
        return p->record_count;
    }
    record = tango_io__record_find(p, folder, tango_io__text(p, key), key->b);
    if (record == p->record_count)
        tango_io_fail(p->error, TANGO_ERROR_DATA, "%s: no %s %s%q (offset %z)", p->label,
                      p->legacy ? "storage" : "record", folder, tango_io__text(p, key),
                      (size_t)key->b, p->base + at);
    return record;
}

/* BINPERSID on ("storage", torch.XStorage, key, location, elements): the record data/KEY
   of exactly that many elements; of bytes, if the storage is an untyped one. In a file
   without zip a sixth item follows, None, and the storage is first heard of here. */
static tango_result tango_io__pickle_storage(tango_io__pickle *p, size_t at)
{
    tango_io__object *id = tango_io__pickle_top(p, 0), *o;
    const size_t count = p->legacy ? 6 : 5;
    const tango_io__object *item[6];
    tango_io__record *found;
    size_t i, record, element;
    tango_io_type type;
    if (!id || id->kind != TANGO_IO__TUPLE || id->b != count)
        return tango_io__pickle_bad(p, at, p->legacy ? "storage is not a tuple of 6"
                                                     : "storage is not a tuple of 5");
    for (i = 0; i < count; i++) item[i] = tango_io__item(p, id, i);
    if (item[0]->kind != TANGO_IO__STRING ||
        !tango_io__equal(tango_io__text(p, item[0]), item[0]->b, "storage") ||
        item[1]->kind != TANGO_IO__NAME || item[1]->a < TANGO_IO__STORAGES ||
        item[1]->a > TANGO_IO__UNTYPED ||
        item[2]->kind != TANGO_IO__STRING || item[3]->kind != TANGO_IO__STRING ||
        !tango_io__is_size(item[4]) || (p->legacy && item[5]->kind != TANGO_IO__NONE))
        return tango_io__pickle_bad(p, at, "storage has arguments of other types");
    record = tango_io__storage_record(p, item[2], at);
    if (record == p->record_count) return TANGO_ERROR_DATA;
    found = &p->records[record];
    type = item[1]->a == TANGO_IO__UNTYPED
               ? TANGO_IO_BYTES
               : (tango_io_type)(item[1]->a - TANGO_IO__STORAGES);
    element = tango_io_type_size(type);
    if (p->legacy && found->type == 0) {
        if (tango_io__int(item[4]) > p->size_max / element)
            return tango_io__pickle_bad(p, at, "storage larger than the file: truncated");
        found->size = (size_t)tango_io__int(item[4]) * element;
    }
    if (found->size % element != 0 || found->size / element != tango_io__int(item[4]))
        return tango_io_fail(
            p->error, TANGO_ERROR_DATA,
            "%s: %u elements of %z bytes, record has %z (offset %z)", p->label,
            tango_io__int(item[4]), element, found->size, p->base + at);
    if (found->type != 0 && found->type != 1 + (size_t)type)
        return tango_io__pickle_bad(p, at, "one storage with two element types");
    found->type = (unsigned char)(1 + type);
    p->depth--;
    o = tango_io__pickle_push(p, TANGO_IO__STORAGE, at);
    if (!o) return TANGO_ERROR_DATA;
    o->a = (uint32_t)record;
    o->type = (unsigned char)type;
    return TANGO_OK;
}

/* 1 if every element that shape and strides reach lies in a storage of `room`
   elements. */
static int tango_io__fits(const uint64_t *shape, const uint64_t *strides, size_t rank,
                          uint64_t offset, uint64_t room)
{
    uint64_t count, rest;
    size_t i;
    if (!tango_io__count(&count, shape, rank) || count > SIZE_MAX) return 0;
    if (count == 0) return 1;               /* torch lets these begin anywhere */
    if (offset >= room) return 0;
    rest = room - 1 - offset; /* how far the last element may lie from the first */
    for (i = 0; i < rank; i++) {
        if (shape[i] == 1 || strides[i] == 0) continue;
        if (strides[i] > rest / (shape[i] - 1)) return 0;
        rest -= strides[i] * (shape[i] - 1);
    }
    return 1;
}

/* _rebuild_tensor_v2(storage, offset, size, stride, requires_grad, hooks[, metadata]);
   _rebuild_tensor_v3 takes an untyped storage and the type, behind the hooks. */
static tango_result tango_io__pickle_tensor(tango_io__pickle *p, int typed,
                                            const tango_io__object *args, size_t at,
                                            tango_io__object *out)
{
    const tango_io__object *item[8];
    uint64_t shape[TANGO_IO_RANK_MAX], strides[TANGO_IO_RANK_MAX];
    const size_t known = typed ? 7 : 6;
    size_t i, element, room;
    for (i = 0; i < 8 && i < args->b; i++) item[i] = tango_io__item(p, args, i);
    if (args->b < known || args->b > known + 1 || item[0]->kind != TANGO_IO__STORAGE ||
        !tango_io__is_size(item[1]) || item[2]->kind != TANGO_IO__TUPLE ||
        item[3]->kind != TANGO_IO__TUPLE || item[4]->kind != TANGO_IO__BOOL ||
        (item[5]->kind != TANGO_IO__ORDERED && item[5]->kind != TANGO_IO__NONE) ||
        (item[0]->type == TANGO_IO_BYTES) != typed ||
        (typed && (item[6]->kind != TANGO_IO__NAME || item[6]->a < TANGO_IO__TYPES)))
        return tango_io__pickle_bad(p, at, "tensor has arguments of other types");
    if (args->b > known && item[known]->kind != TANGO_IO__NONE &&
        (item[known]->kind != TANGO_IO__DICT || item[known]->a != 0))
        return tango_io_fail(p->error, TANGO_ERROR_UNSUPPORTED,
                             "%s: tensor with metadata (offset %z)", p->label,
                             p->base + at);
    if (item[2]->b > TANGO_IO_RANK_MAX || item[3]->b != item[2]->b)
        return tango_io__pickle_bad(p, at,
                                    "tensor of rank over 8, or strides of another rank");
    for (i = 0; i < item[2]->b; i++) {
        const tango_io__object *n = tango_io__item(p, item[2], i);
        const tango_io__object *s = tango_io__item(p, item[3], i);
        if (!tango_io__is_size(n) || !tango_io__is_size(s))
            return tango_io__pickle_bad(p, at, "size or stride is no number from 0 on");
        shape[i] = tango_io__int(n);
        strides[i] = tango_io__int(s);
    }
    out->type = typed ? (unsigned char)(item[6]->a - TANGO_IO__TYPES + TANGO_IO_U16)
                      : item[0]->type;
    element = tango_io_type_size((tango_io_type)out->type);
    room = p->records[item[0]->a].size / element;
    if (!tango_io__fits(shape, strides, item[2]->b, tango_io__int(item[1]), room))
        return tango_io__pickle_bad(p, at, "tensor reaches outside its storage");
    out->kind = TANGO_IO__TENSOR;
    out->a = p->stack[args->a];
    return TANGO_OK;
}

/* _rebuild_parameter(tensor, grad, hooks), and with the attributes behind them. */
static tango_result tango_io__pickle_parameter(const tango_io__pickle *p, size_t count,
                                               const tango_io__object *args, size_t at,
                                               tango_io__object *out)
{
    if (args->b != count || tango_io__item(p, args, 0)->kind != TANGO_IO__TENSOR ||
        tango_io__item(p, args, 1)->kind != TANGO_IO__BOOL ||
        (tango_io__item(p, args, 2)->kind != TANGO_IO__ORDERED &&
         tango_io__item(p, args, 2)->kind != TANGO_IO__NONE))
        return tango_io__pickle_bad(p, at, "parameter has arguments of other types");
    *out = *tango_io__item(p, args, 0);
    return TANGO_OK;
}

/* The function with this name, called on a tuple, which is object number `index`. */
static tango_result tango_io__pickle_made(tango_io__pickle *p, uint32_t name,
                                          uint32_t index, size_t at,
                                          tango_io__object *out)
{
    const tango_io__object *args = &p->objects[index], *inner;
    if (name == TANGO_IO__ORDERED_DICT) {
        out->kind = TANGO_IO__ORDERED;
        if (args->b == 0) return TANGO_OK;
        return tango_io__pickle_bad(p, at, "OrderedDict with arguments");
    }
    if (name == TANGO_IO__REBUILD_CLASS) {      /* function, class, its tuple, state */
        inner = args->b == 4 ? tango_io__item(p, args, 0) : args;
        if (inner->kind != TANGO_IO__NAME || inner->a < TANGO_IO__REBUILD_PARAMETER ||
            inner->a >= TANGO_IO__REBUILD_CLASS ||
            tango_io__item(p, args, 2)->kind != TANGO_IO__TUPLE)
            return tango_io__pickle_bad(p, at, "tensor of a class is made otherwise");
        name = inner->a;
        index = p->stack[args->a + 2];
        args = &p->objects[index];
    }
    if (name == TANGO_IO__REBUILD_PARAMETER || name == TANGO_IO__REBUILD_STATE)
        return tango_io__pickle_parameter(
            p, name == TANGO_IO__REBUILD_STATE ? 4 : 3, args, at, out);
    out->b = index;
    return tango_io__pickle_tensor(p, name == TANGO_IO__REBUILD_TYPED, args, at, out);
}

/* REDUCE and NEWOBJ: callable, tuple -> result. */
static tango_result tango_io__pickle_call(tango_io__pickle *p, unsigned code, size_t at)
{
    tango_io__object *args = tango_io__pickle_top(p, 0), *f = tango_io__pickle_top(p, 1),
                     *o;
    tango_io__object made;
    tango_result r = TANGO_OK;
    if (!args || !f || args->kind != TANGO_IO__TUPLE)
        return tango_io__pickle_bad(p, at, "call without a name and a tuple");
    if (f->kind != TANGO_IO__INERT &&
        (f->kind != TANGO_IO__NAME || code != TANGO_IO__OP_REDUCE ||
         f->a >= TANGO_IO__STORAGES))
        return tango_io__pickle_bad(p, at, "call of what cannot be called");
    tango_io__zero(&made, sizeof made);
    made.kind = TANGO_IO__INERT;
    if (f->kind == TANGO_IO__NAME)
        r = tango_io__pickle_made(p, f->a, p->stack[p->depth - 1], at, &made);
    if (made.level == 0) made.level = 1;
    if (r == TANGO_OK) r = tango_io__pickle_seal(p, args, &made.level, at);
    if (r != TANGO_OK) return r;
    p->depth -= 2;
    o = tango_io__pickle_push(p, TANGO_IO__NONE, at);
    if (!o) return TANGO_ERROR_DATA;
    made.at = o->at;
    made.flags = 0;
    *o = made;
    return TANGO_OK;
}

/* BUILD: an ordered dictionary gets attributes (_metadata), which nobody needs. */
static tango_result tango_io__pickle_build(tango_io__pickle *p, size_t at)
{
    tango_io__object *state = tango_io__pickle_top(p, 0), *o = tango_io__pickle_top(p, 1);
    if (!state || !o || state == o)
        return tango_io__pickle_bad(p, at, "attributes without an object");
    if (o->kind != TANGO_IO__INERT &&
        (o->kind != TANGO_IO__ORDERED || state->kind != TANGO_IO__DICT))
        return tango_io__pickle_bad(p, at, "attributes set on what takes none");
    if ((o->flags & TANGO_IO__SEALED) && o->kind != TANGO_IO__INERT)
        return tango_io__pickle_bad(p, at, "attributes added to a used object");
    p->depth--;
    return tango_io__pickle_seal(p, state, &o->level, at);
}

/* What holds no argument: None, a boolean, an empty dictionary or list. */
static tango_result tango_io__pickle_constant(tango_io__pickle *p, unsigned code,
                                              size_t at)
{
    const tango_io__kind kind = code == TANGO_IO__OP_EMPTY_DICT   ? TANGO_IO__DICT
                                : code == TANGO_IO__OP_EMPTY_LIST ? TANGO_IO__LIST
                                : code == TANGO_IO__OP_NONE       ? TANGO_IO__NONE
                                                                  : TANGO_IO__BOOL;
    tango_io__object *o = tango_io__pickle_push(p, kind, at);
    if (!o) return TANGO_ERROR_DATA;
    o->a = code == TANGO_IO__OP_NEWTRUE;
    return TANGO_OK;
}

static tango_result tango_io__pickle_mark(tango_io__pickle *p, size_t at)
{
    if (p->depth == p->items)
        return tango_io__pickle_bad(p, at, "changed while it was read");
    p->stack[p->depth++] = TANGO_IO__MARK;
    return TANGO_OK;
}

/* All that lies above the topmost mark becomes a tuple, or members of what lies below. */
static tango_result tango_io__pickle_gather(tango_io__pickle *p, unsigned code, size_t at)
{
    int found;
    const size_t n = tango_io__pickle_marked(p, &found);
    if (!found) return tango_io__pickle_bad(p, at, "no mark");
    if (code == TANGO_IO__OP_TUPLE) return tango_io__pickle_tuple(p, n, 1, at);
    return tango_io__pickle_fill(p, n, 1, code == TANGO_IO__OP_SETITEMS, at);
}

/* Does to the stack what one opcode says; PROTO and STOP do not come here. */
static tango_result tango_io__pickle_step(tango_io__pickle *p, const tango_io__op *op)
{
    const unsigned char *argument = op->argument;
    const size_t at = op->at;
    switch (op->code) {
    case TANGO_IO__OP_BININT1: return tango_io__pickle_number(p, argument[0], at);
    case TANGO_IO__OP_BININT2:
        return tango_io__pickle_number(p, tango_io__u16(argument), at);
    case TANGO_IO__OP_BININT: return tango_io__pickle_long(p, argument, 4, at);
    case TANGO_IO__OP_LONG1: return tango_io__pickle_long(p, argument, op->size, at);
    case TANGO_IO__OP_BINFLOAT: return tango_io__pickle_float(p, argument, at);
    case TANGO_IO__OP_BINUNICODE:
        return tango_io__pickle_string(p, argument, op->size, at);
    case TANGO_IO__OP_GLOBAL: return tango_io__pickle_name(p, argument, op->size, at);

    case TANGO_IO__OP_EMPTY_TUPLE: return tango_io__pickle_tuple(p, 0, 0, at);
    case TANGO_IO__OP_TUPLE1: return tango_io__pickle_tuple(p, 1, 0, at);
    case TANGO_IO__OP_TUPLE2: return tango_io__pickle_tuple(p, 2, 0, at);
    case TANGO_IO__OP_TUPLE3: return tango_io__pickle_tuple(p, 3, 0, at);
    case TANGO_IO__OP_APPEND: return tango_io__pickle_fill(p, 1, 0, 0, at);
    case TANGO_IO__OP_SETITEM: return tango_io__pickle_fill(p, 2, 0, 1, at);
    case TANGO_IO__OP_MARK: return tango_io__pickle_mark(p, at);
    case TANGO_IO__OP_TUPLE:
    case TANGO_IO__OP_APPENDS:
    case TANGO_IO__OP_SETITEMS: return tango_io__pickle_gather(p, op->code, at);

    case TANGO_IO__OP_REDUCE:
    case TANGO_IO__OP_NEWOBJ: return tango_io__pickle_call(p, op->code, at);
    case TANGO_IO__OP_BUILD: return tango_io__pickle_build(p, at);
    case TANGO_IO__OP_BINPERSID: return tango_io__pickle_storage(p, at);

    case TANGO_IO__OP_BINGET: return tango_io__pickle_get(p, argument[0], at);
    case TANGO_IO__OP_LONG_BINGET:
        return tango_io__pickle_get(p, tango_io__u32(argument), at);
    case TANGO_IO__OP_BINPUT: return tango_io__pickle_put(p, argument[0], at);
    case TANGO_IO__OP_LONG_BINPUT:
        return tango_io__pickle_put(p, tango_io__u32(argument), at);
    default: return tango_io__pickle_constant(p, op->code, at);
    }
}

/* Order of entries: dictionary, then key: by kind, then text, number or (for names and
   the like) identity. Two entries that compare equal are a duplicate. */
static int tango_io__entry_key(const void *context, const void *a, const void *b)
{
    const tango_io__pickle *p = (const tango_io__pickle *)context;
    const tango_io__entry *x = (const tango_io__entry *)a,
                          *y = (const tango_io__entry *)b;
    const tango_io__object *k = &p->objects[x->key], *l = &p->objects[y->key];
    uint64_t m, n;
    if (x->dictionary != y->dictionary) return x->dictionary < y->dictionary ? -1 : 1;
    if (x->key == y->key) return 0;
    if (k->kind != l->kind) return k->kind < l->kind ? -1 : 1;
    if (k->kind == TANGO_IO__STRING)
        return tango_io__compare(tango_io__text(p, k), k->b, tango_io__text(p, l), l->b);
    m = k->kind == TANGO_IO__INT || k->kind == TANGO_IO__BOOL ? tango_io__int(k) : x->key;
    n = l->kind == TANGO_IO__INT || l->kind == TANGO_IO__BOOL ? tango_io__int(l) : y->key;
    if (k->kind == TANGO_IO__NONE) m = n;
    return m == n ? 0 : m < n ? -1 : 1;
}

/* 0 for a tensor with a name, 1 for a dictionary, 2 for a number, 3 for the rest. */
static int tango_io__entry_class(const tango_io__object *objects,
                                 const tango_io__entry *entry)
{
    unsigned char kind = objects[entry->value].kind;
    if (objects[entry->key].kind != TANGO_IO__STRING) return 3;
    if (kind == TANGO_IO__TENSOR) return 0;
    if (kind == TANGO_IO__DICT || kind == TANGO_IO__ORDERED) return 1;
    return kind == TANGO_IO__BOOL || kind == TANGO_IO__INT || kind == TANGO_IO__FLOAT
           ? 2 : 3;
}

/* Final order: dictionary, class, key. */
static int tango_io__entry_order(const void *context, const void *a, const void *b)
{
    const tango_io__pickle *p = (const tango_io__pickle *)context;
    const tango_io__entry *x = (const tango_io__entry *)a,
                          *y = (const tango_io__entry *)b;
    int k = tango_io__entry_class(p->objects, x),
        l = tango_io__entry_class(p->objects, y);
    if (x->dictionary == y->dictionary && k != l) return k < l ? -1 : 1;
    return tango_io__entry_key(context, a, b);
}

/* Second pass: runs the program; *top is the object it leaves. */
static tango_result tango_io__pickle_run(tango_io__pickle *p, uint32_t *top)
{
    tango_io__op op;
    size_t i;
    tango_result r;
    r = tango_io__pickle_memos(p);
    if (r != TANGO_OK) return r;
    tango_io__take(&p->c, 2);
    for (;;) {
        r = tango_io__pickle_opcode(p, &op);
        if (r != TANGO_OK) return r;
        if (op.code == TANGO_IO__OP_STOP) break;
        r = tango_io__pickle_step(p, &op);
        if (r != TANGO_OK) return r;
    }
    if (p->depth != 1 || !tango_io__pickle_top(p, 0))
        return tango_io__pickle_bad(p, op.at, "STOP with other than one object");
    *top = p->stack[0];
    tango_io__sort(p->entries, p->entry_count, sizeof *p->entries, tango_io__entry_key,
                   p);
    for (i = 1; i < p->entry_count; i++) {
        if (tango_io__entry_key(p, &p->entries[i - 1], &p->entries[i]) == 0)
            return tango_io__pickle_bad(p, p->objects[p->entries[i].key].at,
                                        "duplicate key in a dictionary");
    }
    tango_io__sort(p->entries, p->entry_count, sizeof *p->entries, tango_io__entry_order,
                   p);
    return TANGO_OK;
}

/* ==== 6 >>torch ==== PyTorch archives =============================================== */

/* Content of a small record, e.g. "3\n": decimal digits and perhaps a newline. */
static int tango_io__torch_version_ok(const unsigned char *p, size_t size)
{
    if (size > 0 && p[size - 1] == '\n') size--;
    if (size == 1) return p[0] >= '1' && p[0] <= '9';
    return size == 2 && p[0] == '1' && p[1] == '0';
}

/* One root for all, no code; version and byte order as expected. Records are sorted. */
static tango_result tango_io__torch_layout(tango_io__pickle *p, const unsigned char *data,
                                           tango_error *error)
{
    const unsigned char *first = data + p->records[0].name;
    size_t i, n = p->records[0].name_size;
    while (p->root < n && first[p->root] != '/') p->root++;
    if (p->root++ == n)
        return tango_io_fail(error, TANGO_ERROR_DATA,
                             "zip: entry %q has no root (offset %z)", first, n,
                             p->records[0].name);
    for (i = 0; i < p->record_count; i++) {
        const unsigned char *name = data + p->records[i].name;
        n = p->records[i].name_size;
        if (n <= p->root || tango_io__compare(name, p->root, first, p->root) != 0)
            return tango_io_fail(error, TANGO_ERROR_DATA,
                                 "zip: entry %q is not under the root %q (offset %z)",
                                 name, n, first, p->root, p->records[i].name);
        name += p->root;
        n -= p->root;
        if ((n >= 5 && tango_io__equal(name, 5, "code/")) ||
            tango_io__equal(name, n, "constants.pkl"))
            return tango_io_fail(error, TANGO_ERROR_UNSUPPORTED,
                                 "zip: entry %q: programs are not read (offset %z)", name,
                                 n, p->records[i].name);
    }
    i = tango_io__record_find(p, "", (const unsigned char *)"version", 7);
    if (i == p->record_count)
        return tango_io_fail(error, TANGO_ERROR_DATA, "zip: no entry version (offset 0)");
    if (!tango_io__torch_version_ok(data + p->records[i].data, p->records[i].size))
        return tango_io_fail(error, TANGO_ERROR_UNSUPPORTED,
                             "version: %q, expected 1 to 10 (offset %z)",
                             data + p->records[i].data, p->records[i].size,
                             p->records[i].data);
    i = tango_io__record_find(p, "", (const unsigned char *)"byteorder", 9);
    if (i < p->record_count &&
        !tango_io__equal(data + p->records[i].data, p->records[i].size, "little"))
        return tango_io_fail(error, TANGO_ERROR_UNSUPPORTED,
                             "byteorder: %q, expected little (offset %z)",
                             data + p->records[i].data, p->records[i].size,
                             p->records[i].data);
    return TANGO_OK;
}

/* Puts the pickle's cursor at `at` and its end at `end`; nothing is on its stack. */
static void tango_io__pickle_begin(tango_io__pickle *p, const unsigned char *data,
                                   size_t at, size_t end)
{
    p->c = tango_io__cursor_over(data, end);
    tango_io__take(&p->c, at);
    p->base = at;
    p->size = end - at;
    p->object_count = p->depth = p->entry_count = p->memo_count = 0;
    p->items = p->max.pushes;
    p->key_bytes = 0;
}

/* FILES WITHOUT ZIP, written before torch 1.6, and later with
   _use_new_zipfile_serialization=False. Five pickles, one behind the other:
       1950a86a20f9469cfc6c      the long number of 10 bytes that marks the kind
       1001                      version
       {"protocol_version": 1001, "little_endian": True, "type_sizes": {...}}
       the object                storages are ("storage", torch.XStorage, key, location,
                                 elements, None)
       [key, ...]                the keys of all storages
   and then, for each key in the order of that list, a 64-bit number of elements and the
   numbers themselves, to the end of the file. There are no checksums. */
typedef struct tango_io__legacy {
    size_t system, object, keys, numbers;       /* where the parts begin */
    size_t count;                               /* storages */
} tango_io__legacy;

static const unsigned char tango_io__legacy_magic[21] = {
    0x80, 2, 0x8a, 10, 'l', 0xfc, 0x9c, 0x46, 0xf9, ' ', 'j', 0xa8, 'P', 0x19, '.',
    0x80, 2, 'M', 0xe9, 3, '.'
};

/* 1 if the file begins with the first of the five pickles. */
static int tango_io__legacy_is(const void *data, size_t size)
{
    return data && size >= 15 && tango_io__compare(data, 15, tango_io__legacy_magic, 15)
           == 0;
}

/* Walks the pickle at *at, at most 2 GiB of it, and moves *at behind it. */
static tango_result tango_io__legacy_scan(tango_io__pickle *p, size_t *at, size_t size,
                                          tango_io__pickle_need *need)
{
    const unsigned char *data = p->c.begin;
    const size_t end = size - *at > INT32_MAX ? *at + INT32_MAX : size;
    tango_result r;
    tango_io__pickle_begin(p, data, *at, end);
    r = tango_io__pickle_scan(p, need);
    *at = tango_io__offset(&p->c);
    return r;
}

static size_t tango_io__larger(size_t a, size_t b) { return a > b ? a : b; }

/* Finds the parts of the file: how much of everything there is. */
static tango_result tango_io__legacy_measure(tango_io__legacy *l,
                                             tango_io__pickle_need *need,
                                             const void *data, size_t size,
                                             tango_error *error)
{
    const size_t start = sizeof tango_io__legacy_magic;
    tango_io__pickle_need system, keys;
    tango_io__pickle p;
    size_t at = start;
    tango_result r;
    if (size < start ||
        tango_io__compare(data, start, tango_io__legacy_magic, start) != 0)
        return tango_io_fail(error, TANGO_ERROR_UNSUPPORTED,
                             "pickle: version is not 1001 (offset 15)");
    tango_io__zero(&p, sizeof p);
    p.c.begin = (const unsigned char *)data;
    p.label = "pickle";
    p.error = error;
    l->system = at;
    r = tango_io__legacy_scan(&p, &at, size, &system);
    l->object = at;
    if (r == TANGO_OK) r = tango_io__legacy_scan(&p, &at, size, need);
    l->keys = at;
    if (r == TANGO_OK) r = tango_io__legacy_scan(&p, &at, size, &keys);
    if (r != TANGO_OK) return r;
    l->numbers = at;
    l->count = keys.texts;
    if (keys.texts > need->storages || keys.texts > (size - at) / 8)
        return tango_io_fail(error, TANGO_ERROR_DATA,
                             "pickle: %z storages are listed, %z used, %z bytes left "
                             "for them (offset %z)",
                             keys.texts, need->storages, size - at, l->keys);
    need->objects = tango_io__larger(need->objects, system.objects);
    need->pushes = tango_io__larger(need->pushes, system.pushes);
    need->keys = tango_io__larger(need->keys, system.keys);
    need->memos = tango_io__larger(need->memos, system.memos);
    return TANGO_OK;
}

/* What the writer's machine was like: its numbers are little-endian. */
static tango_result tango_io__legacy_system(tango_io__pickle *p,
                                            const tango_io__legacy *l)
{
    const unsigned char *data = p->c.begin;
    const tango_io__object *key, *value;
    uint32_t top = 0;
    size_t i;
    int version = 0, little = 0;
    tango_result r;
    tango_io__pickle_begin(p, data, l->system, l->object);
    r = tango_io__pickle_run(p, &top);
    if (r != TANGO_OK) return r;
    for (i = 0; i < p->entry_count; i++) {
        if (p->entries[i].dictionary != top) continue;
        key = &p->objects[p->entries[i].key];
        value = &p->objects[p->entries[i].value];
        if (key->kind != TANGO_IO__STRING) continue;
        if (tango_io__equal(tango_io__text(p, key), key->b, "protocol_version"))
            version = value->kind == TANGO_IO__INT && tango_io__int(value) == 1001;
        if (tango_io__equal(tango_io__text(p, key), key->b, "little_endian"))
            little = value->kind == TANGO_IO__BOOL && value->a == 1;
    }
    if (version && little) return TANGO_OK;
    return tango_io_fail(p->error, TANGO_ERROR_UNSUPPORTED,
                         "pickle: not of version 1001 and little-endian (offset %z)",
                         l->system);
}

/* Steps through the list of keys, from its PROTO opcode: *op is the next text, or STOP.
   *open: 1 in a row that APPENDS will end, 2 after a text that APPEND has to follow. */
static tango_result tango_io__legacy_key(tango_io__pickle *p, tango_io__op *op, int *open)
{
    const int first = tango_io__pickle_at(p) == 0;
    tango_result r = TANGO_OK;
    if (first) tango_io__take(&p->c, 2);
    for (;;) {
        int right = 0;
        r = tango_io__pickle_opcode(p, op);
        if (r != TANGO_OK) return r;
        switch (op->code) {
        case TANGO_IO__OP_EMPTY_LIST: right = first && op->at == 2; break;
        case TANGO_IO__OP_MARK: right = *open == 0; *open = 1; break;
        case TANGO_IO__OP_APPENDS: right = *open == 1; *open = 0; break;
        case TANGO_IO__OP_APPEND: right = *open == 2; *open = 0; break;
        case TANGO_IO__OP_BINPUT: case TANGO_IO__OP_LONG_BINPUT: right = 1; break;
        case TANGO_IO__OP_STOP: right = *open == 0; break;
        case TANGO_IO__OP_BINUNICODE:
            right = *open < 2;
            if (*open == 0) *open = 2;
            break;
        default: break;
        }
        if ((op->at == 2) != (op->code == TANGO_IO__OP_EMPTY_LIST)) right = 0;
        if (!right) return tango_io__pickle_bad(p, op->at, "no plain list of keys");
        if (op->code == TANGO_IO__OP_BINUNICODE || op->code == TANGO_IO__OP_STOP)
            return TANGO_OK;
    }
}

/* A record for each key, sorted by it. Sizes come from the object, places from the end of
   the file. */
static tango_result tango_io__legacy_records(tango_io__pickle *p,
                                             const tango_io__legacy *l)
{
    const unsigned char *data = p->c.begin;
    tango_io__op op;
    size_t i, n = 0;
    int open = 0;
    tango_result r;
    tango_io__pickle_begin(p, data, l->keys, l->numbers);
    for (;;) {
        r = tango_io__legacy_key(p, &op, &open);
        if (r != TANGO_OK) return r;
        if (op.code == TANGO_IO__OP_STOP) break;
        if (n == p->record_count)
            return tango_io__pickle_bad(p, op.at, "changed while it was read");
        tango_io__zero(&p->records[n], sizeof *p->records);
        p->records[n].name = (size_t)(op.argument - data);
        p->records[n++].name_size = op.size;
    }
    if (n != p->record_count)
        return tango_io__pickle_bad(p, op.at, "changed while it was read");
    tango_io__sort(p->records, n, sizeof *p->records, tango_io__record_name, data);
    for (i = 1; i < n; i++) {
        if (tango_io__record_name(data, &p->records[i - 1], &p->records[i]) == 0)
            return tango_io__pickle_bad(p, p->records[i].name - p->base,
                                        "one storage is listed twice");
    }
    return TANGO_OK;
}

/* Walks the numbers in the order of the list: each storage is where it says, and no byte
   is left. */
static tango_result tango_io__legacy_numbers(tango_io__pickle *p,
                                             const tango_io__legacy *l, size_t size)
{
    tango_io__cursor c = tango_io__cursor_over(p->c.begin, size);
    tango_io__op op;
    int open = 0;
    tango_result r;
    tango_io__pickle_begin(p, c.begin, l->keys, l->numbers);
    tango_io__take(&c, l->numbers);
    for (;;) {
        const unsigned char *count;
        tango_io__record *record;
        size_t i, element;
        r = tango_io__legacy_key(p, &op, &open);
        if (r != TANGO_OK) return r;
        if (op.code == TANGO_IO__OP_STOP) break;
        i = tango_io__record_find(p, "", op.argument, op.size);
        if (i == p->record_count)
            return tango_io__pickle_bad(p, op.at, "changed while it was read");
        record = &p->records[i];
        if (record->type == 0)
            return tango_io__pickle_bad(p, op.at, "storage that no tensor has");
        element = tango_io_type_size((tango_io_type)(record->type - 1));
        record->header = tango_io__offset(&c);
        count = tango_io__take(&c, 8);
        if (count && tango_io__u64(count) != record->size / element)
            return tango_io_fail(p->error, TANGO_ERROR_DATA,
                                 "storage %q: %u elements, expected %z (offset %z)",
                                 op.argument, op.size, tango_io__u64(count),
                                 record->size / element, record->header);
        record->data = tango_io__offset(&c);
        if (!count || !tango_io__take(&c, record->size))
            return tango_io_fail(p->error, TANGO_ERROR_DATA,
                                 "storage %q: passes the end of the file: truncated "
                                 "(offset %z)", op.argument, op.size, record->header);
    }
    if (tango_io__left(&c) > 0)
        return tango_io_fail(p->error, TANGO_ERROR_DATA,
                             "torch: %z bytes after the last storage (offset %z)",
                             tango_io__left(&c), tango_io__offset(&c));
    return TANGO_OK;
}

/* What was measured of a file of either kind. */
typedef struct tango_io__torch_file {
    tango_io__zip zip;
    tango_io__legacy legacy;
    int is_legacy;
    size_t records;
    tango_io__pickle_need need;
} tango_io__torch_file;

/* Archive directory and a first walk over the pickle: how much of everything there is. */
static tango_result tango_io__torch_directory(tango_io__torch_file *f, const void *data,
                                              size_t size, tango_error *error)
{
    tango_io__zip *zip = &f->zip;
    tango_io__cursor c;
    tango_io__record record;
    tango_io__pickle p;
    size_t i;
    tango_result r = tango_io__zip_open(zip, (const unsigned char *)data, size, error);
    if (r != TANGO_OK) return r;
    f->records = zip->count;
    c = tango_io__cursor_over(zip->data, zip->directory + zip->directory_size);
    tango_io__take(&c, zip->directory);
    for (i = 0; i < zip->count; i++) {
        size_t at, root = 0;
        r = tango_io__zip_next(zip, &c, &record, error);
        if (r != TANGO_OK) return r;
        for (at = 0; at < record.name_size && root == 0; at++) {
            if (zip->data[record.name + at] == '/') root = at + 1;
        }
        if (!tango_io__equal(zip->data + record.name + root, record.name_size - root,
                             "data.pkl"))
            continue;
        r = tango_io__zip_local(zip, &record, zip->directory, error);
        if (r != TANGO_OK) return r;
        if (record.size > INT32_MAX)
            return tango_io_fail(error, TANGO_ERROR_UNSUPPORTED,
                                 "data.pkl: %z bytes, at most 2 GiB allowed (offset %z)",
                                 record.size, record.data);
        tango_io__zero(&p, sizeof p);
        p.label = "data.pkl";
        p.error = error;
        tango_io__pickle_begin(&p, zip->data, record.data, record.data + record.size);
        r = tango_io__pickle_scan(&p, &f->need);
        if (r == TANGO_OK && tango_io__left(&p.c) > 0)
            r = tango_io__pickle_bad(&p, tango_io__pickle_at(&p), "bytes after STOP");
        return r;
    }
    return tango_io_fail(error, TANGO_ERROR_DATA, "zip: no entry data.pkl (offset 0)");
}

static tango_result tango_io__torch_measure(tango_io__torch_file *f, const void *data,
                                            size_t size, tango_error *error)
{
    tango_result r;
    f->is_legacy = tango_io__legacy_is(data, size);
    if (!f->is_legacy) return tango_io__torch_directory(f, data, size, error);
    r = tango_io__legacy_measure(&f->legacy, &f->need, data, size, error);
    f->records = f->legacy.count;
    return r;
}

/* The parts of the work block, each aligned to 8; *total = bytes of all. With `block`
   NULL it only adds up. Counts are bounded: no sum here can pass 2^63, but it may pass
   size_t. */
static int tango_io__torch_divide(unsigned char *block, size_t records,
                                  const tango_io__pickle_need *need, void **part,
                                  size_t *total)
{
    size_t size[6], count[6], i, bytes, sum = 0;
    size[0] = sizeof(tango_io__record);
    count[0] = records;
    size[1] = sizeof(tango_io__object);
    count[1] = need->objects;
    size[2] = sizeof(uint32_t);
    count[2] = need->pushes;
    size[3] = sizeof(tango_io__entry);
    count[3] = need->keys;
    size[4] = sizeof(tango_io__memo);
    count[4] = need->memos;
    size[5] = 1;
    count[5] = need->strings;
    for (i = 0; i < 6; i++) {
        part[i] = block ? block + sum : NULL;
        if (!tango_mul_ok(size[i], count[i], &bytes) || !tango_add_ok(bytes, 7, &bytes) ||
            !tango_add_ok(sum, bytes / 8 * 8, &sum))
            return 0;
    }
    *total = sum;
    return 1;
}

TANGO_API tango_result tango_io_torch_work_size(size_t *size, const void *data,
                                                size_t data_size, tango_error *error)
{
    tango_io__torch_file f;
    void *part[6];
    size_t total;
    tango_result r = tango_io__torch_measure(&f, data, data_size, error);
    if (r != TANGO_OK) return r;
    if (!tango_io__torch_divide(NULL, f.records, &f.need, part, &total) ||
        !tango_add_ok(total, 7, size))          /* 7: the block itself may be unaligned */
        return tango_io_fail(error, TANGO_ERROR_MEMORY,
                             "torch: too large for this system");
    return TANGO_OK;
}

/* Copies the names of tensors, dictionaries and numbers, NUL-terminated; string objects
   then refer to the copy. A name used in several dictionaries is copied once. */
static tango_result tango_io__torch_names(tango_io__pickle *p, char *names)
{
    size_t i, at = 0;
    for (i = 0; i < p->entry_count; i++) {
        tango_io__object *key = &p->objects[p->entries[i].key];
        int class_of = tango_io__entry_class(p->objects, &p->entries[i]);
        if (class_of == 3) continue;
        if (class_of == 0 &&
            !tango_io__name_ok(key->flags & TANGO_IO__NAMED
                                   ? (const unsigned char *)names + key->a
                                   : tango_io__text(p, key),
                               key->b))
            return tango_io__pickle_bad(p, key->at,
                                        "name of a tensor is empty or not clean");
        if (key->flags & TANGO_IO__NAMED) continue;
        if (at + key->b + 1 > p->max.strings)
            return tango_io__pickle_bad(p, key->at, "changed while it was read");
        tango_io__copy(names + at, tango_io__text(p, key), key->b);
        names[at + key->b] = 0;
        key->a = (uint32_t)at;
        key->flags |= TANGO_IO__NAMED;
        at += key->b + 1;
    }
    return TANGO_OK;
}

/* Makes the dictionary with this object number the current one. */
static void tango_io__torch_select(tango_io_torch *torch, uint32_t dictionary)
{
    const tango_io__entry *entries = (const tango_io__entry *)torch->entries;
    const tango_io__object *objects = (const tango_io__object *)torch->objects;
    size_t first = 0, high = torch->entry_count, n;
    while (first < high) {                      /* entries are sorted by dictionary */
        const size_t middle = first + (high - first) / 2;
        if (entries[middle].dictionary < dictionary) first = middle + 1;
        else high = middle;
    }
    torch->count = torch->dictionaries = torch->numbers = 0;
    for (n = first; n < torch->entry_count && entries[n].dictionary == dictionary; n++) {
        const int class_of = tango_io__entry_class(objects, &entries[n]);
        if (class_of == 0) torch->count++;
        if (class_of == 1) torch->dictionaries++;
        if (class_of == 2) torch->numbers++;
    }
    torch->dictionary = dictionary;
    torch->first = first;
}

/* Reads the records and runs the pickle: *top is the object it leaves. */
static tango_result tango_io__torch_run(tango_io__pickle *p, tango_io__torch_file *f,
                                        size_t size, uint32_t *top)
{
    const unsigned char *data = p->c.begin;
    size_t i;
    tango_result r;
    if (f->is_legacy) {
        p->legacy = 1;
        p->size_max = size;
        p->label = "pickle";
        r = tango_io__legacy_system(p, &f->legacy);
        if (r == TANGO_OK) r = tango_io__legacy_records(p, &f->legacy);
        if (r != TANGO_OK) return r;
        tango_io__pickle_begin(p, data, f->legacy.object, f->legacy.keys);
        return tango_io__pickle_run(p, top);
    }
    p->label = "data.pkl";
    r = tango_io__zip_records(&f->zip, p->records, p->error);
    if (r == TANGO_OK) r = tango_io__torch_layout(p, data, p->error);
    if (r != TANGO_OK) return r;
    i = tango_io__record_find(p, "", (const unsigned char *)"data.pkl", 8);
    if (i == p->record_count)
        return tango_io_fail(p->error, TANGO_ERROR_DATA,
                             "zip: no entry data.pkl (offset 0)");
    tango_io__pickle_begin(p, data, p->records[i].data,
                           p->records[i].data + p->records[i].size);
    return tango_io__pickle_run(p, top);
}

static tango_result tango_io__torch_open(tango_io_torch *torch, const void *file,
                                         int later, const void *data, size_t data_size,
                                         void *work, size_t work_size, tango_error *error)
{
    tango_io__torch_file f;
    tango_io__pickle p;
    void *part[6];
    size_t total, skip = (size_t)((0 - (uintptr_t)work) % 8);
    uint32_t top = 0;
    tango_io_torch t;
    tango_result r = tango_io__torch_measure(&f, data, data_size, error);
    if (r != TANGO_OK) return r;
    if (!work || work_size < skip ||
        !tango_io__torch_divide((unsigned char *)work + skip, f.records, &f.need, part,
                                &total) ||
        total > work_size - skip)
        return tango_io_fail(error, TANGO_ERROR_MEMORY,
                             "torch: %z bytes of work are not enough", work_size);
    f.zip.file = file;
    f.zip.later = later;
    tango_io__zero(&p, sizeof p);
    p.max = f.need;
    p.records = (tango_io__record *)part[0];
    p.objects = (tango_io__object *)part[1];
    p.stack = (uint32_t *)part[2];
    p.entries = (tango_io__entry *)part[3];
    p.memos = (tango_io__memo *)part[4];
    p.record_count = f.records;
    p.c.begin = (const unsigned char *)data;
    p.error = error;
    r = tango_io__torch_run(&p, &f, data_size, &top);
    if (r == TANGO_OK) r = tango_io__torch_names(&p, (char *)part[5]);
    if (r != TANGO_OK) return r;
    if (p.objects[top].kind != TANGO_IO__DICT &&
        p.objects[top].kind != TANGO_IO__ORDERED &&
        p.objects[top].kind != TANGO_IO__TENSOR)
        return tango_io__pickle_bad(&p, p.objects[top].at,
                                    "top object is no dictionary or tensor");
    t.data = (const unsigned char *)data;
    t.objects = p.objects;
    t.entries = p.entries;
    t.records = p.records;
    t.items = p.stack;
    t.names = (const char *)part[5];
    t.entry_count = p.entry_count;
    t.pickle = p.base;
    t.summed = !f.is_legacy && f.zip.summed;
    t.stored = f.is_legacy ? 0 : f.records;
    if (f.is_legacy) r = tango_io__legacy_numbers(&p, &f.legacy, data_size);
    if (r != TANGO_OK) return r;
    tango_io__torch_select(&t, top);
    if (p.objects[top].kind == TANGO_IO__TENSOR) t.count = 1;
    *torch = t;
    return TANGO_OK;
}

TANGO_API tango_result tango_io_torch_open(tango_io_torch *torch, const void *data,
                                           size_t data_size, void *work, size_t work_size,
                                           tango_error *error)
{
    return tango_io__torch_open(torch, NULL, 0, data, data_size, work, work_size, error);
}

#ifndef TANGO_NO_STDIO
TANGO_API tango_result tango_io_torch_open_file(tango_io_torch *torch,
                                                const tango_io_file *file, void *work,
                                                size_t work_size, tango_error *error)
{
    return tango_io__torch_open(torch, file, 0, file->data, file->size, work, work_size,
                                error);
}

TANGO_API tango_result tango_io_torch_open_unsummed(tango_io_torch *torch,
                                                    const tango_io_file *file,
                                                    void *work, size_t work_size,
                                                    tango_error *error)
{
    return tango_io__torch_open(torch, file, 1, file->data, file->size, work, work_size,
                                error);
}

TANGO_API void tango_io_torch_record_at(const tango_io_torch *torch, size_t index,
                                        tango_io_torch_record *out)
{
    const tango_io__record *record = (const tango_io__record *)torch->records + index;
    TANGO_ASSERT(index < torch->stored);
    out->name = (const char *)torch->data + record->name;
    out->name_size = record->name_size;
    out->offset = record->data;
    out->size = record->size;
    out->crc = record->crc;
}
#endif

TANGO_API void tango_io_torch_tensor_at(const tango_io_torch *torch, size_t index,
                                        tango_io_torch_tensor *out)
{
    const tango_io__object *objects = (const tango_io__object *)torch->objects, *o, *args;
    const tango_io__entry *entries = (const tango_io__entry *)torch->entries;
    const uint32_t *items = (const uint32_t *)torch->items;
    const tango_io__record *record;
    const tango_io__object *shape, *strides;
    size_t i;
    TANGO_ASSERT(index < torch->count);
    o = &objects[torch->dictionary];
    out->name = "";
    if (o->kind != TANGO_IO__TENSOR) {
        const tango_io__entry *entry = &entries[torch->first + index];
        out->name = torch->names + objects[entry->key].a;
        o = &objects[entry->value];
    }
    args = &objects[o->b];                      /* checked in tango_io__pickle_tensor */
    shape = &objects[items[args->a + 2]];
    strides = &objects[items[args->a + 3]];
    record = (const tango_io__record *)torch->records + objects[o->a].a;
    out->storage = record->data;
    out->storage_size = record->size;
    out->view.type = (tango_io_type)o->type;
    out->view.rank = shape->b;
    out->view.count = 1;
    for (i = 0; i < TANGO_IO_RANK_MAX; i++) {
        out->view.shape[i] = out->view.strides[i] = 0;
        if (i >= shape->b) continue;
        out->view.shape[i] = (size_t)tango_io__int(&objects[items[shape->a + i]]);
        out->view.strides[i] = (size_t)tango_io__int(&objects[items[strides->a + i]]);
        out->view.count *= out->view.shape[i];
    }
    out->storage_offset = 0;                    /* the file's may lie anywhere */
    if (out->view.count > 0)
        out->storage_offset = (size_t)tango_io__int(&objects[items[args->a + 1]]);
    out->view.data = torch->data + record->data +
                     out->storage_offset * tango_io_type_size(out->view.type);
}

/* Index of the entry with this name in the sorted run [first, first + count), or
   count. */
static size_t tango_io__torch_search(const tango_io_torch *torch, size_t first,
                                     size_t count, const char *name)
{
    const tango_io__object *objects = (const tango_io__object *)torch->objects;
    const tango_io__entry *entries = (const tango_io__entry *)torch->entries + first;
    size_t low = 0, high = count, size = tango_io__length(name);
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const tango_io__object *key = &objects[entries[middle].key];
        int order = tango_io__compare(torch->names + key->a, key->b, name, size);
        if (order == 0) return middle;
        if (order < 0) low = middle + 1; else high = middle;
    }
    return count;
}

TANGO_API int tango_io_torch_find(const tango_io_torch *torch, const char *name,
                                  tango_io_torch_tensor *out)
{
    const tango_io__object *objects = (const tango_io__object *)torch->objects;
    size_t i;
    if (objects[torch->dictionary].kind == TANGO_IO__TENSOR) return 0;
    i = tango_io__torch_search(torch, torch->first, torch->count, name);
    if (i == torch->count) return 0;
    tango_io_torch_tensor_at(torch, i, out);
    return 1;
}

TANGO_API const char *tango_io_torch_dictionary_at(const tango_io_torch *torch,
                                                   size_t index)
{
    const tango_io__object *objects = (const tango_io__object *)torch->objects;
    const tango_io__entry *entries = (const tango_io__entry *)torch->entries;
    TANGO_ASSERT(index < torch->dictionaries);
    return torch->names + objects[entries[torch->first + torch->count + index].key].a;
}

TANGO_API int tango_io_torch_enter(tango_io_torch *torch, const char *key)
{
    const tango_io__object *objects = (const tango_io__object *)torch->objects;
    const tango_io__entry *entries = (const tango_io__entry *)torch->entries;
    const size_t first = torch->first + torch->count, n = torch->dictionaries;
    size_t i;
    if (objects[torch->dictionary].kind == TANGO_IO__TENSOR) return 0;
    i = tango_io__torch_search(torch, first, n, key);
    if (i == n) return 0;
    tango_io__torch_select(torch, entries[first + i].value);
    return 1;
}

#ifndef TANGO_NO_STDIO
/* CRC-32 of A followed by B, out of both: A's times x^(8 * size of B), plus B's, modulo
   the polynomial of the sum. */
static uint32_t tango_io__crc_both(uint32_t a, uint32_t b, size_t size_of_b)
{
    return tango_io__crc_product(tango_io__crc_power(TANGO_IO__CRC_X8, size_of_b), a) ^ b;
}

TANGO_API int tango_io_torch_sum(const tango_io_torch *torch, const tango_io_file *file,
                                 uint32_t *crc)
{
    tango_io__zip zip;
    tango_io__cursor c;
    tango_io__record record;
    tango_io_crc32 table;
    uint32_t sum = 0;
    size_t i, at = 0;
    tango_io__zero(&zip, sizeof zip);
    if (!torch->summed ||
        tango_io__zip_open(&zip, torch->data, file->size, NULL) != TANGO_OK)
        return 0;
    tango_io_crc32_begin(&table);
    c = tango_io__cursor_over(zip.data, zip.directory + zip.directory_size);
    tango_io__take(&c, zip.directory);
    for (i = 0; i < zip.count; i++) {   /* torch lists records in the order of the file */
        if (tango_io__zip_next(&zip, &c, &record, NULL) != TANGO_OK ||
            record.header < at ||
            tango_io__zip_local(&zip, &record, zip.directory, NULL) != TANGO_OK)
            return 0;
        sum = tango_io_crc32_add(&table, sum, zip.data + at, record.data - at);
        sum = tango_io__crc_both(sum, record.crc, record.size);
        tango_io_forget(file, zip.data + at, record.data + record.size - at);
        at = record.data + record.size;
    }
    *crc = tango_io_crc32_add(&table, sum, zip.data + at, file->size - at);
    return 1;
}
#endif

TANGO_API int tango_io_torch_number(const tango_io_torch *torch, const char *key,
                                    double *out)
{
    const tango_io__object *objects = (const tango_io__object *)torch->objects, *o;
    const tango_io__entry *entries = (const tango_io__entry *)torch->entries;
    const size_t first = torch->first + torch->count + torch->dictionaries;
    uint64_t bits;
    size_t i;
    if (objects[torch->dictionary].kind == TANGO_IO__TENSOR) return 0;
    i = tango_io__torch_search(torch, first, torch->numbers, key);
    if (i == torch->numbers) return 0;
    o = &objects[entries[first + i].value];
    bits = tango_io__int(o);
    if (o->kind == TANGO_IO__FLOAT) *out = tango_io__double(bits);
    else *out = bits >> 63 ? -(double)(0 - bits) : (double)bits;
    return 1;
}

#ifdef TANGO_IO__WRITES

/* Writing. Each record is produced by one function (tango_io__torch_body) into a sink
   that counts or writes. Its size and CRC-32 are needed twice, before the data and in the
   directory; producing the record again costs less than a table would. */

typedef struct tango_io__torch_writer {
    const tango_io_torch_item *items;
    size_t count;
    int bare;
    tango_io_crc32 table;
    tango_io__sink out;
} tango_io__torch_writer;

typedef struct tango_io__torch_head {
    char name[48];
    size_t name_size, padding;
    uint64_t header, size;
    uint32_t crc;
} tango_io__torch_head;

/* A number from 0 on, by the shortest opcode. */
static void tango_io__pickle_write_size(tango_io__sink *s, uint64_t value)
{
    unsigned char op[12];
    tango_io__zero(op, sizeof op);
    if (value <= 0xff) {
        op[0] = 'K';
        op[1] = (unsigned char)value;
        tango_io__sink_put(s, op, 2);
    } else if (value <= 0xffff) {
        op[0] = 'M';
        tango_io__put16(op + 1, (uint32_t)value);
        tango_io__sink_put(s, op, 3);
    } else if (value <= 0x7fffffff) {
        op[0] = 'J';
        tango_io__put32(op + 1, (uint32_t)value);
        tango_io__sink_put(s, op, 5);
    } else {                                    /* LONG1: 9 bytes keep the sign clear */
        op[0] = 0x8a;
        op[1] = 9;
        tango_io__put64(op + 2, value);
        tango_io__sink_put(s, op, 11);
    }
}

static void tango_io__pickle_write_text(tango_io__sink *s, const char *text)
{
    unsigned char op[5] = { 'X', 0, 0, 0, 0 };
    size_t size = tango_io__length(text);       /* at most TANGO_IO_NAME_MAX */
    tango_io__put32(op + 1, (uint32_t)size);
    tango_io__sink_put(s, op, 5);
    tango_io__sink_put(s, text, size);
}

/* Elements of the whole tensor and its contiguous strides. */
static size_t tango_io__torch_strides(const tango_io_torch_item *item, size_t *strides)
{
    size_t i, stride = 1, count = 1;
    for (i = item->rank; i-- > 0;) {            /* checked: products fit */
        strides[i] = stride;
        count *= item->shape[i];
        stride *= item->shape[i] ? item->shape[i] : 1;
    }
    return count;
}

static void tango_io__pickle_write_tuple(tango_io__sink *s, const size_t *values,
                                         size_t count)
{
    size_t i;
    tango_io__sink_text(s, "(");
    for (i = 0; i < count; i++) tango_io__pickle_write_size(s, values[i]);
    tango_io__sink_text(s, "t");
}

/* Opcode GLOBAL: the last dot stands between module and name. */
static void tango_io__pickle_write_name(tango_io__sink *s, const char *name)
{
    size_t dot = tango_io__length(name);
    while (name[--dot] != '.') {}
    tango_io__sink_text(s, "c");
    tango_io__sink_put(s, name, dot);
    tango_io__sink_text(s, "\n");
    tango_io__sink_text(s, name + dot + 1);
    tango_io__sink_text(s, "\n");
}

/* _rebuild_tensor_v2(storage, 0, shape, strides, False, OrderedDict()); torch has no
   storages of unsigned numbers over 8 bits: those are bytes and _rebuild_tensor_v3. */
static void tango_io__pickle_write_tensor(tango_io__sink *s,
                                          const tango_io_torch_item *item, size_t index)
{
    size_t strides[TANGO_IO_RANK_MAX], count = tango_io__torch_strides(item, strides);
    const int typed = item->type >= TANGO_IO_U16 && item->type <= TANGO_IO_U64;
    tango_error number;
    tango_io_fail(&number, TANGO_OK, "%z", index);
    tango_io__pickle_write_name(s, tango_io__names[typed ? TANGO_IO__REBUILD_TYPED
                                                         : TANGO_IO__REBUILD_TENSOR]);
    tango_io__sink_text(s, "((");
    tango_io__pickle_write_text(s, "storage");
    tango_io__pickle_write_name(
        s, tango_io__names[typed ? (size_t)TANGO_IO__UNTYPED
                                 : TANGO_IO__STORAGES + (size_t)item->type]);
    tango_io__pickle_write_text(s, number.text);
    tango_io__pickle_write_text(s, "cpu");
    tango_io__pickle_write_size(s,
                                typed ? count * tango_io_type_size(item->type) : count);
    tango_io__sink_text(s, "tQ");
    tango_io__pickle_write_size(s, 0);
    tango_io__pickle_write_tuple(s, item->shape, item->rank);
    tango_io__pickle_write_tuple(s, strides, item->rank);
    tango_io__sink_text(s, "\x89" "ccollections\nOrderedDict\n)R");
    if (typed)
        tango_io__pickle_write_name(
            s, tango_io__names[TANGO_IO__TYPES + (size_t)(item->type - TANGO_IO_U16)]);
    tango_io__sink_text(s, "tR");
}

static void tango_io__torch_body(const tango_io__torch_writer *w, tango_io__sink *s,
                                 size_t record)
{
    size_t strides[TANGO_IO_RANK_MAX], count, size, n, i;
    unsigned char buffer[2048];
    const tango_io_torch_item *item;
    const unsigned char *p;
    if (record == 0) {
        tango_io__sink_text(s, w->bare ? "\x80\x02" : "\x80\x02}(");
        for (i = 0; i < w->count; i++) {
            if (!w->bare) tango_io__pickle_write_text(s, w->items[i].name);
            tango_io__pickle_write_tensor(s, &w->items[i], i);
        }
        tango_io__sink_text(s, w->bare ? "." : "u.");
    } else if (record == 1) {
        tango_io__sink_text(s, "little");
    } else if (record == w->count + 2) {
        tango_io__sink_text(s, "3\n");
    } else {
        item = &w->items[record - 2];
        count = tango_io__torch_strides(item, strides);
        size = tango_io_type_size(item->type);
        for (p = (const unsigned char *)item->data; count > 0; p += n * size) {
            n = count < sizeof buffer / size ? count : sizeof buffer / size;
            tango_io__little(buffer, p, size, n);
            tango_io__sink_put(s, buffer, n * size);
            count -= n;
        }
    }
}

/* Name, size, CRC-32 and padding of a record whose local header stands at `header`. */
static void tango_io__torch_head_of(const tango_io__torch_writer *w, size_t record,
                                    uint64_t header, tango_io__torch_head *h)
{
    tango_io__sink count;
    tango_error number;
    const char *name = record == 0 ? "data.pkl" : record == 1 ? "byteorder"
                     : record == w->count + 2 ? "version" : number.text;
    size_t room;
    if (name == number.text) tango_io_fail(&number, TANGO_OK, "data/%z", record - 2);
    h->name_size = tango_io__put_string((unsigned char *)h->name, 0, "archive/");
    h->name_size = tango_io__put_string((unsigned char *)h->name, h->name_size, name);
    tango_io__sink_begin(&count, NULL, &w->table, NULL);
    tango_io__torch_body(w, &count, record);
    tango_io__sink_end(&count);
    h->header = header;
    h->size = count.size;
    h->crc = count.crc;
    room = (size_t)(header + 30 + h->name_size + 4) % 64;
    h->padding = 4 + (64 - room) % 64;          /* extra field: 4 bytes of head */
}

/* The fields that local and central header share, from the version needed on. */
static void tango_io__torch_fields(unsigned char *out, const tango_io__torch_head *h)
{
    tango_io__zero(out, 26);
    tango_io__put16(out + 8, 0x21);             /* 1 January 1980, the zero of zip */
    tango_io__put32(out + 10, h->crc);
    tango_io__put32(out + 14, (uint32_t)h->size);
    tango_io__put32(out + 18, (uint32_t)h->size);
    tango_io__put16(out + 22, (uint32_t)h->name_size);
}

/* Local header, name, padding, data. */
static void tango_io__torch_put_record(tango_io__torch_writer *w, size_t record,
                                       const tango_io__torch_head *h)
{
    unsigned char head[30], extra[68];
    size_t i;
    tango_io__put32(head, 0x04034b50);
    tango_io__torch_fields(head + 4, h);
    tango_io__put16(head + 28, (uint32_t)h->padding);
    for (i = 0; i < h->padding; i++) extra[i] = 'Z';
    tango_io__put16(extra, 0x4246);             /* "FB", the field that torch uses */
    tango_io__put16(extra + 2, (uint32_t)h->padding - 4);
    tango_io__sink_put(&w->out, head, 30);
    tango_io__sink_put(&w->out, h->name, h->name_size);
    tango_io__sink_put(&w->out, extra, h->padding);
    tango_io__torch_body(w, &w->out, record);
}

static void tango_io__torch_put_central(tango_io__torch_writer *w,
                                        const tango_io__torch_head *h)
{
    unsigned char head[46];
    tango_io__zero(head, sizeof head);
    tango_io__put32(head, 0x02014b50);
    tango_io__torch_fields(head + 6, h);
    tango_io__put32(head + 42, (uint32_t)h->header);
    tango_io__sink_put(&w->out, head, 46);
    tango_io__sink_put(&w->out, h->name, h->name_size);
}

static tango_result tango_io__torch_check_item(const tango_io_torch_item *item,
                                               tango_error *error)
{
    size_t i, count = tango_io_type_size(item->type);
    if (item->type > TANGO_IO_BOOL || item->rank > TANGO_IO_RANK_MAX)
        return tango_io_fail(error, TANGO_ERROR_ARGUMENT,
                             "torch: type or rank that cannot be written");
    for (i = 0; i < item->rank; i++) {          /* strides are products without zeros */
        if (!tango_mul_ok(count, item->shape[i] ? item->shape[i] : 1, &count))
            return tango_io_fail(error, TANGO_ERROR_ARGUMENT, "torch: impossible shape");
    }
    return TANGO_OK;
}

static tango_result tango_io__torch_put(tango_io__torch_writer *w,
                                        tango_io_output *output, tango_error *error)
{
    tango_io__torch_head h;
    unsigned char end[22];
    uint64_t at = 0, directory = 0;
    size_t i, pass, records = w->count + 3;
    tango_io_crc32_begin(&w->table);
    tango_io__sink_begin(&w->out, output, NULL, error);
    for (pass = 0; pass < 2 && w->out.result == TANGO_OK; pass++) {
        for (i = 0, at = 0; i < records && w->out.result == TANGO_OK; i++) {
            tango_io__torch_head_of(w, i, at, &h);
            if (h.size > 0xffffffff || at > 0xffffffff - h.size - 256)
                return tango_io_fail(error, TANGO_ERROR_UNSUPPORTED,
                                     "torch: archives over 4 GiB are not written");
            at += 30 + h.name_size + h.padding + h.size;
            if (pass == 0) tango_io__torch_put_record(w, i, &h);
            else tango_io__torch_put_central(w, &h);
            directory += 46 + h.name_size;
        }
        if (pass == 0 && directory > 0xffffffff - at)
            return tango_io_fail(error, TANGO_ERROR_UNSUPPORTED,
                                 "torch: archives over 4 GiB are not written");
        if (pass == 0) directory = 0;
    }
    tango_io__zero(end, sizeof end);
    tango_io__put32(end, 0x06054b50);
    tango_io__put16(end + 8, (uint32_t)records);
    tango_io__put16(end + 10, (uint32_t)records);
    tango_io__put32(end + 12, (uint32_t)directory);
    tango_io__put32(end + 16, (uint32_t)at);
    tango_io__sink_put(&w->out, end, sizeof end);
    return tango_io__sink_end(&w->out);
}

TANGO_API tango_result tango_io_torch_write(tango_io_output *output, tango_io_type type,
                                            const void *data, const size_t *shape,
                                            size_t rank, tango_error *error)
{
    tango_io__torch_writer w;
    tango_io_torch_item item;
    size_t i;
    tango_result r;
    item.name = "";
    item.type = type;
    item.rank = rank;
    item.data = data;
    for (i = 0; i < TANGO_IO_RANK_MAX; i++) item.shape[i] = i < rank ? shape[i] : 0;
    w.items = &item;
    w.count = 1;
    w.bare = 1;
    r = tango_io__torch_check_item(&item, error);
    return r == TANGO_OK ? tango_io__torch_put(&w, output, error) : r;
}

TANGO_API tango_result tango_io_torch_write_dictionary(tango_io_output *output,
                                                       const tango_io_torch_item *items,
                                                       size_t count, tango_error *error)
{
    tango_io__torch_writer w;
    size_t i, k;
    tango_result r;
    if (count > 10000)
        return tango_io_fail(error, TANGO_ERROR_ARGUMENT,
                             "torch: %z tensors, at most 10000 can be written", count);
    for (i = 0; i < count; i++) {
        const char *name = items[i].name;
        size_t size = name ? tango_io__length(name) : 0;
        if (!name || !tango_io__name_ok((const unsigned char *)name, size))
            return tango_io_fail(error, TANGO_ERROR_ARGUMENT,
                                 "torch: tensor %z has no clean name", i);
        for (k = 0; k < i; k++) {
            if (tango_io__equal(items[k].name, tango_io__length(items[k].name), name))
                return tango_io_fail(error, TANGO_ERROR_ARGUMENT,
                                     "torch: two tensors named %s", name);
        }
        r = tango_io__torch_check_item(&items[i], error);
        if (r != TANGO_OK) return r;
    }
    w.items = items;
    w.count = count;
    w.bare = 0;
    return tango_io__torch_put(&w, output, error);
}

#endif

/* ==== 7 >>json ==== JSON ============================================================ */

/* Decimal to binary without <stdlib.h>, whose strtod depends on the locale. The number is
   a row of decimal digits, value = 0.d0 d1 d2 ... * 10^point * 2^scale; shifting the
   digits by powers of two brings it into [1/2, 1), 53 more bits give the mantissa. Exact:
   what falls off the end of the row is remembered in `rest`, and no double needs more
   than 767 digits. */

enum { TANGO_IO__DIGITS = 800 };

typedef struct tango_io__decimal {
    unsigned char d[TANGO_IO__DIGITS + 20];
    int count, point, rest, negative;
} tango_io__decimal;

/* Reads a number that the grammar has accepted. Exponents are held to +-100000, far
   beyond anything that is not 0 or infinity. */
TANGO_IO__HOT
static void tango_io__decimal_read(tango_io__decimal *x, const char *text, size_t size)
{
    size_t i = 0;
    int64_t point = 0, exponent = 0;
    int seen = 0, sign = 1;
    x->count = x->rest = 0;
    x->negative = text[0] == '-';
    for (i = (size_t)x->negative; i < size && text[i] != 'e' && text[i] != 'E'; i++) {
        if (text[i] == '.') { seen = 1; continue; }
        if (!seen && (x->count > 0 || text[i] != '0')) point++;
        if (seen && x->count == 0 && text[i] == '0') point--;
        if (x->count == 0 && text[i] == '0') continue;      /* leading zeros */
        if (x->count < TANGO_IO__DIGITS)
            x->d[x->count++] = (unsigned char)(text[i] - '0');
        else if (text[i] != '0')
            x->rest = 1;
    }
    for (i++; i < size; i++) {
        if (text[i] == '-') sign = -1;
        if (text[i] >= '0' && text[i] <= '9' && exponent < 100000)
            exponent = exponent * 10 + (text[i] - '0');
    }
    point += sign * exponent;
    x->point = point > 100000 ? 100000 : point < -100000 ? -100000 : (int)point;
}

TANGO_IO__HOT
static void tango_io__decimal_trim(tango_io__decimal *x)
{
    while (x->count > 0 && x->d[x->count - 1] == 0) x->count--;
    if (x->count == 0) x->point = 0;
}

/* Divides by 2^bits, bits <= 59. Digits come in from the left, quotient digits leave. */
TANGO_IO__HOT
static void tango_io__decimal_right(tango_io__decimal *x, int bits)
{
    uint64_t n = 0, mask = ((uint64_t)1 << bits) - 1;
    int from = 0, to = 0;
    while (n >> bits == 0) {
        n = n * 10 + (from < x->count ? x->d[from] : 0u);
        from++;
    }
    x->point -= from - 1;
    while (from < x->count || n > 0) {
        unsigned char digit = (unsigned char)(n >> bits);
        if (to < TANGO_IO__DIGITS) x->d[to++] = digit; else if (digit) x->rest = 1;
        n = (n & mask) * 10;
        if (from < x->count) n += x->d[from];
        from++;
    }
    x->count = to;
    tango_io__decimal_trim(x);
}

/* Multiplies by 2^bits, bits <= 59: from the last digit, carrying. The result is built at
   the end of the row, 20 places longer, and moved to its start. */
TANGO_IO__HOT
static void tango_io__decimal_left(tango_io__decimal *x, int bits)
{
    const int end = TANGO_IO__DIGITS + 20;
    uint64_t n = 0;
    int i, to = end, more;
    for (i = x->count; i-- > 0;) {              /* to > i always: 20 places of distance */
        n += (uint64_t)x->d[i] << bits;
        x->d[--to] = (unsigned char)(n % 10);
        n /= 10;
    }
    for (; n > 0; n /= 10) x->d[--to] = (unsigned char)(n % 10);
    more = end - to - x->count;
    x->point += more;
    x->count = 0;
    for (i = to; i < end; i++) {
        if (x->count < TANGO_IO__DIGITS) x->d[x->count++] = x->d[i];
        else if (x->d[i]) x->rest = 1;
    }
    tango_io__decimal_trim(x);
}

/* The mantissa: integer part of the number, rounded half to even. */
static uint64_t tango_io__decimal_round(const tango_io__decimal *x)
{
    uint64_t m = 0;
    int i, up = 0;
    for (i = 0; i < x->point; i++) m = m * 10 + (i < x->count ? x->d[i] : 0u);
    if (x->point >= 0 && x->point < x->count) {
        int next = x->d[x->point];
        up = next > 5 || (next == 5 && (x->point + 1 < x->count || x->rest || (m & 1)));
    }
    return m + (up ? 1 : 0);
}

/* Nearest double, ties to even; infinity if too large. */
static double tango_io__decimal_double(tango_io__decimal *x)
{
    /* 10^n >= 2^step[n]: after such a shift the number is still not smaller than
       needed. */
    static const unsigned char step[] = { 0, 3, 6, 9, 13, 16, 19, 23, 26, 29 };
    uint64_t sign = x->negative ? (uint64_t)1 << 63 : 0, m;
    int scale = 0, k;
    tango_io__decimal_trim(x);
    if (x->count == 0 || x->point < -330) return tango_io__double(sign);
    if (x->point > 310) return tango_io__double(sign | (uint64_t)0x7ff << 52);
    while (x->point > 0) {
        k = step[x->point < 9 ? x->point : 9];
        tango_io__decimal_right(x, k);
        scale += k;
    }
    while (x->point < 0 || x->d[0] < 5) {
        k = x->point == 0 ? 1 : step[x->point > -9 ? -x->point : 9];
        tango_io__decimal_left(x, k);
        scale -= k;
    }
    /* Value = x * 2^scale, 1/2 <= x < 1. Below 2^-1022 the mantissa gets shorter. */
    for (k = -1021 - scale; k > 0; k -= 59) tango_io__decimal_right(x, k < 59 ? k : 59);
    if (scale < -1021) scale = -1021;
    tango_io__decimal_left(x, 53);
    m = tango_io__decimal_round(x);
    if (m >> 53) {                              /* rounded up to 2^53 */
        m >>= 1;
        scale++;
    }
    if (scale > 1024) return tango_io__double(sign | (uint64_t)0x7ff << 52);
    if (m >> 52 == 0) return tango_io__double(sign | m);        /* denormal, exponent 0 */
    return tango_io__double(sign | (uint64_t)(scale + 1022) << 52 |
                            (m & (((uint64_t)1 << 52) - 1)));
}

/* 1 if the number does not round to infinity: if it is below 2^1024 - 2^970, half way
   between the largest double and the next. Comparing digits is much faster than
   converting. */
static int tango_io__decimal_finite(const tango_io__decimal *x)
{
    static const char limit[] =
        "17976931348623158079372897140530341507993413271003782693617377898044496829276475"
        "09466490179775872070963302864166928879109465555478519404026306574886715058206819"
        "08902000708383676273854845817711531764475730270069855571366959622842914819860834"
        "936475292719074168444365510704342711559699508093042880177904174497792";
    int i, digit;
    if (x->count == 0 || x->point < 309) return 1;
    if (x->point > 309) return 0;
    for (i = 0; i < 309; i++) {
        digit = i < x->count ? x->d[i] : 0;
        if (digit != limit[i] - '0') return digit < limit[i] - '0';
    }
    return 0;
}

/* Parser. With nodes == NULL it checks the grammar and counts; with room for `names`, the
   offsets of keys in the objects that are open, it also finds equal keys, as each object
   closes. */
typedef struct tango_io__json {
    tango_io__cursor c;
    tango_io_json_node *nodes;
    size_t count, max, keys;
    uint32_t *names;
    size_t name_count, name_max;
    int finite;                                 /* 1: NaN and the like are no values */
    tango_error *error;
} tango_io__json;

static tango_result tango_io__json_bad(const tango_io__json *j, const char *what)
{
    return tango_io_fail(j->error, TANGO_ERROR_DATA, "json: %s (offset %z)", what,
                         tango_io__offset(&j->c));
}

/* Next byte without moving; 0 at the end (a NUL in the text is never legal either). */
static unsigned char tango_io__json_peek(const tango_io__json *j)
{
    return tango_io__left(&j->c) ? *j->c.at : 0;
}

TANGO_IO__HOT
static void tango_io__json_space(tango_io__json *j)
{
    unsigned char c;
    while ((c = tango_io__json_peek(j)) == ' ' || c == '\t' || c == '\n' || c == '\r')
        tango_io__take(&j->c, 1);
}

/* Adds a node that starts at the cursor. The index is right even when only counting. */
TANGO_IO__HOT
static tango_result tango_io__json_node(tango_io__json *j, tango_io_json_type type)
{
    tango_io_json_node *node;
    if (j->nodes) {
        if (j->count == j->max)
            return tango_io_fail(j->error, TANGO_ERROR_MEMORY,
                                 "json: room for %z nodes is not enough (offset %z)",
                                 j->max, tango_io__offset(&j->c));
        node = &j->nodes[j->count];
        node->type = (uint32_t)type;
        node->at = (uint32_t)tango_io__offset(&j->c);
        node->size = 0;
        node->next = (uint32_t)j->count + 1;
    }
    j->count++;
    return TANGO_OK;
}

/* Value of 4 hexadecimal digits at the cursor; -1 if they are none. */
static int32_t tango_io__json_hex(tango_io__cursor *c)
{
    const unsigned char *p = tango_io__take(c, 4);
    int32_t value = 0;
    int i;
    for (i = 0; p && i < 4; i++) {
        int digit = p[i] >= '0' && p[i] <= '9' ? p[i] - '0'
                  : p[i] >= 'a' && p[i] <= 'f' ? p[i] - 'a' + 10
                  : p[i] >= 'A' && p[i] <= 'F' ? p[i] - 'A' + 10 : -1;
        if (digit < 0) return -1;
        value = value * 16 + digit;
    }
    return p ? value : -1;
}

/* One character of a string: as it stands, or an escape, written as UTF-8 into out[0..4).
   Returns its size, 0 if it is malformed. */
TANGO_IO__HOT
static size_t tango_io__json_char(tango_io__cursor *c, unsigned char *out)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    size_t i, n = tango_io__utf8(c->at, tango_io__left(c));
    const unsigned char *p;
    uint32_t code;
    int32_t high, low;
    if (n == 0 || *c->at < 0x20) return 0;
    p = tango_io__take(c, n);
    if (*p != '\\') {
        for (i = 0; i < n; i++) out[i] = p[i];
        return n;
    }
    p = tango_io__take(c, 1);
    if (!p) return 0;
    if (*p != 'u') {
        for (i = 0; from[i] && from[i] != (char)*p; i++) {}
        out[0] = (unsigned char)to[i];
        return from[i] ? 1 : 0;
    }
    high = tango_io__json_hex(c);
    if (high < 0 || (high >= 0xdc00 && high <= 0xdfff)) return 0;
    code = (uint32_t)high;
    if (high >= 0xd800 && high <= 0xdbff) {             /* the other half must follow */
        p = tango_io__take(c, 2);
        low = p && p[0] == '\\' && p[1] == 'u' ? tango_io__json_hex(c) : -1;
        if (low < 0xdc00 || low > 0xdfff) return 0;
        code = 0x10000 + ((uint32_t)(high - 0xd800) << 10) + (uint32_t)(low - 0xdc00);
    }
    if (code < 0x80) {
        out[0] = (unsigned char)code;
        return 1;
    }
    n = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    for (i = n; i-- > 1; code >>= 6) out[i] = (unsigned char)(0x80 | (code & 0x3f));
    out[0] = (unsigned char)((n == 2 ? 0xc0u : n == 3 ? 0xe0u : 0xf0u) | code);
    return n;
}

TANGO_IO__HOT
static tango_result tango_io__json_string(tango_io__json *j)
{
    unsigned char out[4];
    size_t index = j->count, start;
    tango_result r;
    if (tango_io__json_peek(j) != '"') return tango_io__json_bad(j, "expected a string");
    tango_io__take(&j->c, 1);
    r = tango_io__json_node(j, TANGO_IO_JSON_STRING);
    if (r != TANGO_OK) return r;
    start = tango_io__offset(&j->c);
    while (tango_io__json_peek(j) != '"') {
        if (tango_io__left(&j->c) == 0)
            return tango_io__json_bad(j, "string without an end");
        if (tango_io__json_char(&j->c, out) == 0)
            return tango_io__json_bad(j, "bad character or escape in a string");
    }
    if (j->nodes) j->nodes[index].size = (uint32_t)(tango_io__offset(&j->c) - start);
    tango_io__take(&j->c, 1);
    return TANGO_OK;
}

TANGO_IO__HOT
static size_t tango_io__json_digits(tango_io__json *j)
{
    size_t n = 0;
    while (tango_io__json_peek(j) >= '0' && tango_io__json_peek(j) <= '9') {
        tango_io__take(&j->c, 1);
        n++;
    }
    return n;
}

/* -? (0 | [1-9][0-9]*) (. [0-9]+)? ([eE] [+-]? [0-9]+)? */
TANGO_IO__HOT
static tango_result tango_io__json_number(tango_io__json *j)
{
    tango_io__decimal x;
    size_t index = j->count, start = tango_io__offset(&j->c), size;
    int zero, ok;
    tango_result r = tango_io__json_node(j, TANGO_IO_JSON_NUMBER);
    if (r != TANGO_OK) return r;
    if (tango_io__json_peek(j) == '-') tango_io__take(&j->c, 1);
    zero = tango_io__json_peek(j) == '0';
    if (zero) tango_io__take(&j->c, 1);
    ok = zero || tango_io__json_digits(j) > 0;
    if (ok && tango_io__json_peek(j) == '.') {
        tango_io__take(&j->c, 1);
        ok = tango_io__json_digits(j) > 0;
    }
    if (ok && (tango_io__json_peek(j) == 'e' || tango_io__json_peek(j) == 'E')) {
        tango_io__take(&j->c, 1);
        if (tango_io__json_peek(j) == '+' || tango_io__json_peek(j) == '-')
            tango_io__take(&j->c, 1);
        ok = tango_io__json_digits(j) > 0;
    }
    if (!ok) return tango_io__json_bad(j, "expected a value, or a malformed number");
    size = tango_io__offset(&j->c) - start;
    tango_io__decimal_read(&x, (const char *)j->c.begin + start, size);
    if (!tango_io__decimal_finite(&x))
        return tango_io__json_bad(j, "number is not finite");
    if (j->nodes) j->nodes[index].size = (uint32_t)size;
    return TANGO_OK;
}

static tango_result tango_io__json_word(tango_io__json *j, const char *word,
                                        tango_io_json_type type)
{
    size_t n = tango_io__length(word), index = j->count;
    tango_result r = tango_io__json_node(j, type);
    if (r != TANGO_OK) return r;
    if (tango_io__left(&j->c) < n || !tango_io__equal(j->c.at, n, word))
        return tango_io__json_bad(j, "expected a value");
    tango_io__take(&j->c, n);
    if (j->nodes) j->nodes[index].size = (uint32_t)n;
    return TANGO_OK;
}

/* A string, number or word, or the opening of a container (which stays to be filled). */
TANGO_IO__HOT
static tango_result tango_io__json_value(tango_io__json *j)
{
    unsigned char c = tango_io__json_peek(j);
    if (c == '"') return tango_io__json_string(j);
    if (c == 't') return tango_io__json_word(j, "true", TANGO_IO_JSON_BOOL);
    if (c == 'f') return tango_io__json_word(j, "false", TANGO_IO_JSON_BOOL);
    if (c == 'n') return tango_io__json_word(j, "null", TANGO_IO_JSON_NULL);
    if (c == 'N' && !j->finite)
        return tango_io__json_word(j, "NaN", TANGO_IO_JSON_NONFINITE);
    if (c == 'I' && !j->finite)
        return tango_io__json_word(j, "Infinity", TANGO_IO_JSON_NONFINITE);
    if (c == '-' && !j->finite && tango_io__left(&j->c) > 1 && j->c.at[1] == 'I')
        return tango_io__json_word(j, "-Infinity", TANGO_IO_JSON_NONFINITE);
    if (c != '{' && c != '[') return tango_io__json_number(j);
    return tango_io__json_node(j, c == '{' ? TANGO_IO_JSON_OBJECT : TANGO_IO_JSON_ARRAY);
}

/* The containers that are open, innermost last. */
typedef struct tango_io__json_open {
    size_t node, names;
    uint32_t items;
    unsigned char end;                          /* '}' or ']' */
} tango_io__json_open;

/* Key and colon, if the container is an object. */
TANGO_IO__HOT
static tango_result tango_io__json_key(tango_io__json *j, const tango_io__json_open *open)
{
    size_t start;
    tango_result r;
    if (open->end != '}') return TANGO_OK;
    tango_io__json_space(j);
    start = tango_io__offset(&j->c) + 1;
    r = tango_io__json_string(j);
    if (r != TANGO_OK) return r;
    if (j->names && j->name_count == j->name_max)
        return tango_io__json_bad(j, "changed while it was read");
    if (j->names) j->names[j->name_count++] = (uint32_t)start;
    tango_io__json_space(j);
    if (tango_io__json_peek(j) != ':') return tango_io__json_bad(j, "expected a colon");
    tango_io__take(&j->c, 1);
    j->keys++;
    return TANGO_OK;
}

/* Order of two checked strings by their unescaped bytes, from behind their quotes on. It
   looks no further than the first difference: a long name among many costs nothing. */
TANGO_IO__HOT
static int tango_io__json_compare(tango_io__cursor x, tango_io__cursor y)
{
    while (*x.at != '"' && *y.at != '"') {
        unsigned char p[4], q[4];
        size_t m = tango_io__json_char(&x, p), n = tango_io__json_char(&y, q);
        int order = tango_io__compare(p, m, q, n);
        if (order != 0) return order;
    }
    return *x.at == *y.at ? 0 : *x.at == '"' ? -1 : 1;
}

/* Cursor over the text from `at` on. */
static tango_io__cursor tango_io__json_from(const tango_io__json *j, size_t at)
{
    tango_io__cursor c = j->c;
    c.at = c.begin + at;
    return c;
}

/* Cursor over the inside of a checked string that starts behind its quote, at `at`. */
static tango_io__cursor tango_io__json_literal(const tango_io__json *j, size_t at)
{
    const unsigned char *p = j->c.begin + at, *end = p;
    while (*end != '"') end += *end == '\\' ? 2 : 1;
    return tango_io__cursor_over(p, (size_t)(end - p));
}

TANGO_IO__HOT
static int tango_io__json_name_order(const void *context, const void *a, const void *b)
{
    const tango_io__json *j = (const tango_io__json *)context;
    return tango_io__json_compare(tango_io__json_from(j, *(const uint32_t *)a),
                                  tango_io__json_from(j, *(const uint32_t *)b));
}

/* The object that closes has the names from number `first` on: looks for equal ones and
   forgets them. */
static tango_result tango_io__json_distinct(tango_io__json *j, size_t first)
{
    uint32_t *names = j->names + first;
    size_t n = j->name_count - first, i;
    tango_io__sort(names, n, sizeof *names, tango_io__json_name_order, j);
    for (i = 1; i < n; i++) {
        uint32_t later = names[i] > names[i - 1] ? names[i] : names[i - 1];
        tango_io__cursor text;
        if (tango_io__json_name_order(j, &names[i - 1], &names[i]) != 0) continue;
        text = tango_io__json_literal(j, later);
        return tango_io_fail(j->error, TANGO_ERROR_DATA,
                             "json: two members %q (offset %z)", text.at,
                             tango_io__left(&text), (size_t)later - 1);
    }
    j->name_count = first;
    return TANGO_OK;
}

/* After a value: closes containers and takes one comma. *depth = 0 when all is closed. */
TANGO_IO__HOT
static tango_result tango_io__json_after(tango_io__json *j, tango_io__json_open *open,
                                         size_t *depth)
{
    while (*depth > 0) {
        tango_io__json_open *inner = &open[*depth - 1];
        unsigned char c;
        tango_io__json_space(j);
        c = tango_io__json_peek(j);
        if (c == ',' && inner->items > 0) {
            tango_io__take(&j->c, 1);
            inner->items++;
            return tango_io__json_key(j, inner);
        }
        if (c != inner->end)
            return tango_io__json_bad(j, "expected a comma or the end of a container");
        tango_io__take(&j->c, 1);
        if (j->nodes) {
            j->nodes[inner->node].size = inner->items;
            j->nodes[inner->node].next = (uint32_t)j->count;
        }
        (*depth)--;
        if (j->names && inner->end == '}') {
            tango_result r = tango_io__json_distinct(j, inner->names);
            if (r != TANGO_OK) return r;
        }
    }
    return TANGO_OK;
}

/* One value with all that it contains. */
TANGO_IO__HOT
static tango_result tango_io__json_one(tango_io__json *j)
{
    tango_io__json_open open[TANGO_IO_JSON_DEPTH_MAX];
    size_t depth = 0, node;
    tango_result r;
    do {
        unsigned char c;
        tango_io__json_space(j);
        c = tango_io__json_peek(j);
        node = j->count;
        r = tango_io__json_value(j);
        if (r != TANGO_OK) return r;
        if (c == '{' || c == '[') {
            if (depth == TANGO_IO_JSON_DEPTH_MAX)
                return tango_io__json_bad(j, "nested over 64 deep");
            tango_io__take(&j->c, 1);
            open[depth].node = node;
            open[depth].items = 0;
            open[depth].names = j->name_count;
            open[depth++].end = c == '{' ? '}' : ']';
            tango_io__json_space(j);
            if (tango_io__json_peek(j) != open[depth - 1].end) {
                open[depth - 1].items = 1;
                r = tango_io__json_key(j, &open[depth - 1]);
                if (r != TANGO_OK) return r;
                continue;
            }
        }
        r = tango_io__json_after(j, open, &depth);
        if (r != TANGO_OK) return r;
    } while (depth > 0);
    return TANGO_OK;
}

static tango_result tango_io__json_document(tango_io__json *j)
{
    tango_result r = tango_io__json_one(j);
    if (r != TANGO_OK) return r;
    tango_io__json_space(j);
    if (tango_io__left(&j->c) > 0) return tango_io__json_bad(j, "bytes after the value");
    return TANGO_OK;
}

/* Cursor over the inside of a string node. */
static tango_io__cursor tango_io__json_inside(const tango_io_json *json, size_t node)
{
    const tango_io_json_node *n = &json->nodes[node];
    return tango_io__cursor_over(json->text + n->at, n->size);
}

static int tango_io__json_order(const void *context, const void *a, const void *b)
{
    const tango_io_json *json = (const tango_io_json *)context;
    return tango_io__json_compare(tango_io__json_inside(json, *(const uint32_t *)a),
                                  tango_io__json_inside(json, *(const uint32_t *)b));
}

/* Sorts the keys of each object in `scratch` and looks for equal neighbours. */
static tango_result tango_io__json_unique(const tango_io_json *json, uint32_t *scratch,
                                          tango_error *error)
{
    size_t object, key, n, i;
    for (object = 0; object < json->count; object++) {
        if (json->nodes[object].type != TANGO_IO_JSON_OBJECT) continue;
        n = 0;
        for (key = tango_io_json_first(json, object); key;
             key = tango_io_json_next(json, object, key))
            scratch[n++] = (uint32_t)key;
        tango_io__sort(scratch, n, sizeof *scratch, tango_io__json_order, json);
        for (i = 1; i < n; i++) {
            uint32_t later = scratch[i] > scratch[i - 1] ? scratch[i] : scratch[i - 1];
            const tango_io_json_node *node = &json->nodes[later];
            if (tango_io__json_order(json, &scratch[i - 1], &scratch[i]) == 0)
                return tango_io_fail(
                    error, TANGO_ERROR_DATA, "json: two members %q (offset %z)",
                    json->text + node->at, (size_t)node->size, (size_t)node->at - 1);
        }
    }
    return TANGO_OK;
}

static tango_result tango_io__json_start(tango_io__json *j, const void *text, size_t size,
                                         tango_error *error)
{
    static const char empty[1] = { 0 };
    j->c = tango_io__cursor_over(size ? text : empty, size);
    tango_io__take(&j->c, tango_io__mark(text, size));
    j->nodes = NULL;
    j->names = NULL;
    j->count = j->max = j->keys = j->name_count = j->name_max = 0;
    j->finite = 0;
    j->error = error;
    if (size >= UINT32_MAX)
        return tango_io_fail(error, TANGO_ERROR_UNSUPPORTED,
                             "json: %z bytes, at most 4 GiB allowed (offset 0)", size);
    return TANGO_OK;
}

/* Walks the whole text; what fails at its first bytes may be a file of another kind. */
static tango_result tango_io__json_whole(tango_io__json *j)
{
    const size_t size = (size_t)(j->c.end - j->c.begin);
    tango_result r = tango_io__json_document(j);
    if (r != TANGO_ERROR_DATA || tango_io__offset(&j->c) > 16 || size == 0 ||
        !tango_io_looks_like(j->c.begin, size))
        return r;
    return tango_io__foreign(j->error, "json", "a JSON text", j->c.begin, size);
}

TANGO_API tango_result tango_io_json_work_size(size_t *size, const void *text,
                                               size_t text_size, tango_error *error)
{
    tango_io__json j;
    size_t bytes;
    tango_result r = tango_io__json_start(&j, text, text_size, error);
    if (r == TANGO_OK) r = tango_io__json_whole(&j);
    if (r != TANGO_OK) return r;
    if (!tango_mul_ok(j.count, sizeof(tango_io_json_node), &bytes) ||
        !tango_add_ok(bytes, j.keys * sizeof(uint32_t) + 3, size))
        return tango_io_fail(error, TANGO_ERROR_MEMORY,
                             "json: too large for this system");
    return TANGO_OK;
}

TANGO_API tango_result tango_io_json_parse(tango_io_json *json, const void *text,
                                           size_t text_size, void *work, size_t work_size,
                                           tango_error *error)
{
    tango_io__json j;
    tango_io_json out;
    size_t skip = (size_t)((0 - (uintptr_t)work) % 4);
    tango_result r = tango_io__json_start(&j, text, text_size, error);
    if (r != TANGO_OK) return r;
    if (!work || work_size < skip)
        return tango_io_fail(error, TANGO_ERROR_MEMORY,
                             "json: no room for nodes (offset 0)");
    j.nodes = (tango_io_json_node *)(void *)((unsigned char *)work + skip);
    j.max = (work_size - skip) / sizeof(tango_io_json_node);
    r = tango_io__json_whole(&j);
    if (r != TANGO_OK) return r;
    if (j.keys >
        (work_size - skip - j.count * sizeof(tango_io_json_node)) / sizeof(uint32_t))
        return tango_io_fail(error, TANGO_ERROR_MEMORY,
                             "json: %z bytes of work are not enough", work_size);
    out.text = (const char *)text;
    out.nodes = j.nodes;
    out.count = j.count;
    r = tango_io__json_unique(&out, (uint32_t *)(void *)(j.nodes + j.count), error);
    if (r == TANGO_OK) *json = out;
    return r;
}

TANGO_API tango_io_json_type tango_io_json_type_of(const tango_io_json *json, size_t node)
{
    TANGO_ASSERT(node < json->count);
    return (tango_io_json_type)json->nodes[node].type;
}

TANGO_API size_t tango_io_json_first(const tango_io_json *json, size_t container)
{
    const tango_io_json_node *n = &json->nodes[container];
    int holds = n->type == TANGO_IO_JSON_ARRAY || n->type == TANGO_IO_JSON_OBJECT;
    return holds && n->size > 0 ? container + 1 : 0;
}

TANGO_API size_t tango_io_json_next(const tango_io_json *json, size_t container,
                                    size_t item)
{
    size_t next = json->nodes[item].next;
    if (json->nodes[container].type == TANGO_IO_JSON_OBJECT)
        next = json->nodes[next].next;
    return next < json->nodes[container].next ? next : 0;
}

TANGO_API int tango_io_json_equal(const tango_io_json *json, size_t node,
                                  const char *text)
{
    tango_io__cursor c;
    size_t n, i, at = 0, size = tango_io__length(text);
    unsigned char out[4];
    if (json->nodes[node].type != TANGO_IO_JSON_STRING) return 0;
    c = tango_io__json_inside(json, node);
    while (tango_io__left(&c) > 0) {
        n = tango_io__json_char(&c, out);
        if (n == 0 || n > size - at) return 0;
        for (i = 0; i < n; i++) {
            if (out[i] != (unsigned char)text[at++]) return 0;
        }
    }
    return at == size;
}

TANGO_API size_t tango_io_json_find(const tango_io_json *json, size_t object,
                                    const char *key)
{
    size_t item;
    if (json->nodes[object].type != TANGO_IO_JSON_OBJECT) return 0;
    for (item = tango_io_json_first(json, object); item;
         item = tango_io_json_next(json, object, item)) {
        if (tango_io_json_equal(json, item, key)) return item + 1;
    }
    return 0;
}

TANGO_API int tango_io_json_number(const tango_io_json *json, size_t node, double *out)
{
    tango_io__decimal x;
    const tango_io_json_node *n = &json->nodes[node];
    if (n->type != TANGO_IO_JSON_NUMBER) return 0;
    tango_io__decimal_read(&x, json->text + n->at, n->size);
    *out = tango_io__decimal_double(&x);
    return 1;
}

/* Magnitude of a plain decimal. */
static int tango_io__json_integer(const tango_io_json *json, size_t node, uint64_t *out,
                                  int *negative)
{
    const tango_io_json_node *n = &json->nodes[node];
    const char *p = json->text + n->at;
    uint64_t value = 0;
    size_t i;
    if (n->type != TANGO_IO_JSON_NUMBER) return 0;
    *negative = p[0] == '-';
    for (i = (size_t)*negative; i < n->size; i++) {
        uint64_t digit = (uint64_t)(unsigned char)p[i] - '0';
        if (digit > 9 || value > (UINT64_MAX - digit) / 10) return 0;
        value = value * 10 + digit;
    }
    *out = value;
    return 1;
}

TANGO_API int tango_io_json_u64(const tango_io_json *json, size_t node, uint64_t *out)
{
    uint64_t value;
    int negative;
    if (!tango_io__json_integer(json, node, &value, &negative)) return 0;
    if (negative && value > 0) return 0;
    *out = value;
    return 1;
}

TANGO_API int tango_io_json_i64(const tango_io_json *json, size_t node, int64_t *out)
{
    uint64_t value;
    int negative;
    if (!tango_io__json_integer(json, node, &value, &negative)) return 0;
    if (value > (uint64_t)INT64_MAX + (negative ? 1u : 0u)) return 0;
    if (negative && value > 0)
        *out = -(int64_t)(value - 1) - 1;               /* also for -2^63 */
    else
        *out = (int64_t)value;
    return 1;
}

TANGO_API int tango_io_json_bool(const tango_io_json *json, size_t node, int *out)
{
    const tango_io_json_node *n = &json->nodes[node];
    if (n->type != TANGO_IO_JSON_BOOL) return 0;
    *out = json->text[n->at] == 't';
    return 1;
}

TANGO_API int tango_io_json_string(const tango_io_json *json, size_t node, char *out,
                                   size_t capacity)
{
    tango_io__cursor c;
    unsigned char bytes[4];
    size_t n, at = 0, i;
    int write;
    if (json->nodes[node].type != TANGO_IO_JSON_STRING) return 0;
    for (write = 0; write < 2; write++) {               /* measure first, then write */
        c = tango_io__json_inside(json, node);
        for (at = 0; tango_io__left(&c) > 0; at += n) {
            n = tango_io__json_char(&c, bytes);
            if (n == 0 || bytes[0] == 0) return 0;
            for (i = 0; write && i < n; i++) out[at + i] = (char)bytes[i];
        }
        if (at >= capacity) return 0;
    }
    out[at] = 0;
    return 1;
}

/* Where the value at text[at] ends: at its last bracket or quote, or before the sign that
   follows a number or a word. Never moves beyond the text, whatever it holds. */
TANGO_IO__HOT
static size_t tango_io__json_value_end(const unsigned char *text, size_t size, size_t at)
{
    size_t depth = 0;
    int quoted = 0;
    for (; at < size; at++) {
        const unsigned char c = text[at];
        if (quoted) {
            if (c == '\\') at++;
            quoted = c != '"';
        } else if (c == '"') {
            quoted = 1;
        } else if (c == '{' || c == '[') {
            depth++;
            continue;
        } else if (c == '}' || c == ']') {
            if (depth == 0) return at;
            depth--;
        } else if (depth == 0 && (c == ',' || c <= ' ')) {
            return at;
        } else {
            continue;
        }
        if (!quoted && depth == 0) return at + 1;
    }
    return size;
}

/* Past white space, and past one of the signs `,`, `:` if it stands there. */
TANGO_IO__HOT
static size_t tango_io__json_between(const unsigned char *text, size_t size, size_t at)
{
    while (at < size && (text[at] <= ' ' || text[at] == ',' || text[at] == ':')) at++;
    return at;
}

TANGO_API TANGO_IO__HOT
int tango_io_json_item(size_t *begin, size_t *end, size_t *cursor,
                       const void *text, size_t text_size)
{
    const unsigned char *p = (const unsigned char *)text;
    size_t at = *cursor;
    if (at < text_size && (p[at] == '[' || p[at] == '{')) at++;
    at = tango_io__json_between(p, text_size, at);
    if (at >= text_size || p[at] == ']' || p[at] == '}') return 0;
    *begin = at;
    *end = tango_io__json_value_end(p, text_size, at);
    /* The cursor stands on what follows the item, never on a bracket that opens. */
    *cursor = *end;
    return 1;
}

TANGO_API int tango_io_json_span(size_t *begin, size_t *end, const void *text,
                                 size_t text_size, const char *key)
{
    const unsigned char *p = (const unsigned char *)text;
    size_t at = tango_io__json_between(p, text_size, tango_io__mark(text, text_size));
    size_t first, last;
    if (at >= text_size || p[at] != '{') return 0;
    while (tango_io_json_item(&first, &last, &at, text, text_size)) {
        const int found = last - first >= 2 &&
                          tango_io__equal(p + first + 1, last - first - 2, key);
        if (!tango_io_json_item(&first, &last, &at, text, text_size)) return 0;
        if (!found) continue;
        *begin = first;
        *end = last;
        return 1;
    }
    return 0;
}

/* Writer. State of each open level: what it is and what may come next. */
enum {
    TANGO_IO__JSON_OBJECT = 1,
    TANGO_IO__JSON_MORE = 2,            /* something stands before: a comma is due */
    TANGO_IO__JSON_KEYED = 4            /* a key stands before: a value is due */
};

static void tango_io__json_byte(tango_io_json_writer *w, char c)
{
    if (w->size < w->capacity) w->text[w->size] = c;
    if (w->size < SIZE_MAX - 1) w->size++;
}

static void tango_io__json_raw(tango_io_json_writer *w, const char *text)
{
    for (; *text; text++) tango_io__json_byte(w, *text);
}

/* What precedes a value: a comma, or nothing behind a key. */
static void tango_io__json_value_due(tango_io_json_writer *w)
{
    unsigned char *state = &w->state[w->depth];
    if (*state & TANGO_IO__JSON_OBJECT) {
        if (!(*state & TANGO_IO__JSON_KEYED)) w->bad = 1;
        *state = TANGO_IO__JSON_OBJECT | TANGO_IO__JSON_MORE;
        return;
    }
    if (*state & TANGO_IO__JSON_MORE) {
        if (w->depth == 0) w->bad = 1;          /* a second document */
        tango_io__json_raw(w, ", ");
    }
    *state |= TANGO_IO__JSON_MORE;
}

TANGO_IO__HOT
static void tango_io__json_quoted(tango_io_json_writer *w, const char *text, size_t size)
{
    static const char hex[] = "0123456789abcdef", special[] = "\"\\\b\f\n\r\t",
                      letter[] = "\"\\bfnrt";
    const unsigned char *p = (const unsigned char *)text;
    size_t i, n, k;
    tango_io__json_byte(w, '"');
    for (i = 0; i < size; i += n) {
        n = tango_io__utf8(p + i, size - i);
        for (k = 0; special[k] && p[i] != (unsigned char)special[k]; k++) {}
        if (n == 0) {
            tango_io__json_raw(w, "\xef\xbf\xbd");
            n = 1;
        } else if (special[k]) {
            tango_io__json_byte(w, '\\');
            tango_io__json_byte(w, letter[k]);
        } else if (p[i] < 0x20 || p[i] == 0x7f) {
            tango_io__json_raw(w, "\\u00");
            tango_io__json_byte(w, hex[p[i] >> 4]);
            tango_io__json_byte(w, hex[p[i] & 15]);
        } else {
            for (k = 0; k < n; k++) tango_io__json_byte(w, text[i + k]);
        }
    }
    tango_io__json_byte(w, '"');
}

TANGO_API void tango_io_json_begin(tango_io_json_writer *writer, char *text,
                                   size_t capacity)
{
    writer->text = text;
    writer->capacity = capacity;
    writer->size = writer->depth = 0;
    writer->bad = 0;
    writer->state[0] = 0;
}

static void tango_io__json_nest(tango_io_json_writer *w, char c, int state)
{
    tango_io__json_value_due(w);
    tango_io__json_byte(w, c);
    if (w->depth == TANGO_IO_JSON_DEPTH_MAX) w->bad = 1; else w->depth++;
    w->state[w->depth] = (unsigned char)state;
}

TANGO_API void tango_io_json_open_object(tango_io_json_writer *writer)
{
    tango_io__json_nest(writer, '{', TANGO_IO__JSON_OBJECT);
}

TANGO_API void tango_io_json_open_array(tango_io_json_writer *writer)
{
    tango_io__json_nest(writer, '[', 0);
}

TANGO_API void tango_io_json_close(tango_io_json_writer *writer)
{
    int state = writer->state[writer->depth];
    if (writer->depth == 0 || (state & TANGO_IO__JSON_KEYED)) {
        writer->bad = 1;
        return;
    }
    tango_io__json_byte(writer, state & TANGO_IO__JSON_OBJECT ? '}' : ']');
    writer->depth--;
}

TANGO_API void tango_io_json_put_key(tango_io_json_writer *writer, const char *key)
{
    unsigned char *state = &writer->state[writer->depth];
    if (!(*state & TANGO_IO__JSON_OBJECT) || (*state & TANGO_IO__JSON_KEYED))
        writer->bad = 1;
    if (*state & TANGO_IO__JSON_MORE) tango_io__json_raw(writer, ", ");
    tango_io__json_quoted(writer, key, tango_io__length(key));
    tango_io__json_raw(writer, ": ");
    *state |= TANGO_IO__JSON_KEYED;
}

TANGO_API void tango_io_json_put_text(tango_io_json_writer *writer, const char *text,
                                      size_t size)
{
    tango_io__json_value_due(writer);
    tango_io__json_quoted(writer, text, size);
}

TANGO_API void tango_io_json_put_string(tango_io_json_writer *writer, const char *text)
{
    tango_io_json_put_text(writer, text, tango_io__length(text));
}

/* x = |value| as an exact row of digits (beyond 800 digits: as `rest`). */
static void tango_io__decimal_of(tango_io__decimal *x, double value)
{
    uint64_t bits = tango_io__double_bits(value), m = bits & (((uint64_t)1 << 52) - 1);
    int exponent = (int)(bits >> 52 & 0x7ff), k;
    tango_error digits;
    size_t at = 0;
    if (exponent) m |= (uint64_t)1 << 52; else exponent = 1;
    tango_io__put_number(&digits, &at, m);
    tango_io__decimal_read(x, digits.text, at);
    if (m == 0) return;
    exponent -= 1075;                           /* value = m * 2^exponent */
    for (; exponent > 0; exponent -= k) {
        k = exponent < 59 ? exponent : 59;
        tango_io__decimal_left(x, k);
    }
    for (; exponent < 0; exponent += k) {
        k = exponent > -59 ? -exponent : 59;
        tango_io__decimal_right(x, k);
    }
}

/* Rounds to `count` digits, half to even. */
static void tango_io__decimal_cut(tango_io__decimal *x, int count)
{
    int i = count, up;
    if (x->count <= count) return;
    up = x->d[i] > 5 ||
         (x->d[i] == 5 && (x->count > i + 1 || x->rest || (x->d[i - 1] & 1)));
    x->count = count;
    x->rest = 0;
    while (up && i > 0 && x->d[i - 1] == 9) i--;
    if (up && i == 0) {                         /* 999 -> 1000 */
        x->d[0] = 1;
        x->point++;
        x->count = 1;
    } else if (up) {
        x->d[i - 1]++;
        x->count = i;
    }
    tango_io__decimal_trim(x);
}

/* The fewest digits that read back as `value`. Where 15 digits do, the zeros behind them
   are cut off: no two decimals of up to 15 digits share a double. 17 always do. */
static void tango_io__decimal_shortest(tango_io__decimal *x, double value)
{
    tango_io__decimal exact, back;
    int digits;
    tango_io__decimal_of(&exact, value);
    /* Below 2^-1022 doubles are sparse, and fewer digits may do. */
    for (digits = value < 2.2250738585072014e-308 ? 1 : 15; digits <= 17; digits++) {
        *x = exact;
        tango_io__decimal_cut(x, digits);
        back = *x;
        if (tango_io__double_bits(tango_io__decimal_double(&back)) ==
            tango_io__double_bits(value))
            break;
    }
}

TANGO_API void tango_io_json_put_number(tango_io_json_writer *writer, double value)
{
    tango_io__decimal x;
    uint64_t bits = tango_io__double_bits(value);
    int i, point, exponent;
    if (!tango_io__finite(value)) {
        tango_io_json_put_null(writer);
        return;
    }
    tango_io__json_value_due(writer);
    if (bits >> 63) tango_io__json_byte(writer, '-');
    tango_io__decimal_shortest(&x, tango_io__double(bits & ~((uint64_t)1 << 63)));
    if (x.count == 0) x.d[x.count++] = 0, x.point = 1;
    exponent = x.point - 1;
    point = exponent >= -4 && exponent < 16 ? x.point : 1;
    if (point <= 0) tango_io__json_byte(writer, '0');
    for (i = point < 0 ? point : 0; i < x.count || i < point; i++) {
        if (i == (point < 0 ? point : 0) && point <= 0) tango_io__json_byte(writer, '.');
        if (i > 0 && i == point) tango_io__json_byte(writer, '.');
        tango_io__json_byte(writer, (char)('0' + (i < 0 || i >= x.count ? 0 : x.d[i])));
    }
    if (point == x.point) {                     /* 4 is written 4.0 */
        if (point >= x.count) tango_io__json_raw(writer, ".0");
        return;
    }
    tango_io__json_raw(writer, exponent < 0 ? "e-" : "e+");
    if (exponent < 0) exponent = -exponent;
    if (exponent >= 100) tango_io__json_byte(writer, (char)('0' + exponent / 100));
    tango_io__json_byte(writer, (char)('0' + exponent / 10 % 10));
    tango_io__json_byte(writer, (char)('0' + exponent % 10));
}

TANGO_API void tango_io_json_put_u64(tango_io_json_writer *writer, uint64_t value)
{
    tango_error number;
    tango_io_fail(&number, TANGO_OK, "%u", value);
    tango_io__json_value_due(writer);
    tango_io__json_raw(writer, number.text);
}

TANGO_API void tango_io_json_put_i64(tango_io_json_writer *writer, int64_t value)
{
    tango_error number;
    tango_io_fail(&number, TANGO_OK, "%i", value);
    tango_io__json_value_due(writer);
    tango_io__json_raw(writer, number.text);
}

TANGO_API void tango_io_json_put_bool(tango_io_json_writer *writer, int value)
{
    tango_io__json_value_due(writer);
    tango_io__json_raw(writer, value ? "true" : "false");
}

TANGO_API void tango_io_json_put_null(tango_io_json_writer *writer)
{
    tango_io__json_value_due(writer);
    tango_io__json_raw(writer, "null");
}

TANGO_API size_t tango_io_json_end(tango_io_json_writer *writer)
{
    if (writer->bad || writer->depth != 0 || writer->size >= writer->capacity) return 0;
    writer->text[writer->size] = 0;
    return writer->size;
}

/* ==== 8 >>safetensors ==== safetensors files, lists of shards ======================= */

/* The JSON is walked several times and no tree is made of it: its nodes would take more
   memory than the rules allow. One walk checks the grammar, one counts, one finds equal
   keys, and the last, over a text known to be good, gathers what is wanted. */

enum { TANGO_IO__HEADER_MAX = 100000000 };

typedef struct tango_io__range {
    uint64_t begin, end;                /* of the numbers, from the header's end */
    uint64_t shape[TANGO_IO_RANK_MAX];
    uint32_t name, at;                  /* among the names; in the file, for messages */
    unsigned char type, rank;
} tango_io__range;

/* Two texts, NUL-terminated among the names. */
typedef struct tango_io__pair { uint32_t key, value; } tango_io__pair;

typedef struct tango_io__members {
    tango_io__json j;
    tango_io__range *ranges;            /* in use: range_count of range_max; and so on */
    tango_io__pair *pairs;
    uint32_t *files;
    char *names;
    size_t range_count, range_max, pair_count, pair_max, file_count;
    size_t name_size, name_max;
    const char *what;                   /* "safetensors" or "index" */
} tango_io__members;

static tango_result tango_io__members_bad(const tango_io__members *m, const char *what,
                                          size_t offset)
{
    return tango_io_fail(m->j.error, TANGO_ERROR_DATA, "%s: %s (offset %z)", m->what,
                         what, offset);
}

static tango_result tango_io__members_changed(const tango_io__members *m)
{
    return tango_io__members_bad(m, "changed while it was read",
                                 tango_io__offset(&m->j.c));
}

/* Steps through the members of an object that is known to be good: from its `{`, and then
   from behind each member's value. 1 with the cursor at the next value and *key the
   inside of its key; 0, behind the `}`, if there is none. */
static int tango_io__member(tango_io__json *j, tango_io__cursor *key)
{
    const unsigned char *first;
    tango_io__json_space(j);
    first = tango_io__take(&j->c, 1);
    tango_io__json_space(j);
    if (!first || (*first != '{' && *first != ',')) return 0;
    if (tango_io__json_peek(j) == '}') {
        tango_io__take(&j->c, 1);
        return 0;
    }
    *key = tango_io__json_literal(j, tango_io__offset(&j->c) + 1);
    if (tango_io__json_string(j) != TANGO_OK) return 0;
    tango_io__json_space(j);
    tango_io__take(&j->c, 1);                           /* the colon */
    tango_io__json_space(j);
    return 1;
}

/* 1 if the inside of a string, unescaped, is `text`. */
static int tango_io__json_is(tango_io__cursor inside, const char *text)
{
    unsigned char out[4];
    size_t n, i;
    while (tango_io__left(&inside) > 0) {
        n = tango_io__json_char(&inside, out);
        for (i = 0; i < n; i++, text++) {
            if (*text == 0 || (unsigned char)*text != out[i]) return 0;
        }
    }
    return *text == 0;
}

/* Copies the inside of a string, unescaped and NUL-terminated, behind the other names;
   *at is where it stands. */
static tango_result tango_io__members_text(tango_io__members *m, tango_io__cursor inside,
                                           uint32_t *at)
{
    const size_t offset = (size_t)(inside.at - m->j.c.begin);
    unsigned char out[4];
    *at = (uint32_t)m->name_size;
    while (tango_io__left(&inside) > 0) {
        const size_t n = tango_io__json_char(&inside, out);
        if (n >= m->name_max - m->name_size) return tango_io__members_changed(m);
        if (n == 1 && out[0] == 0)
            return tango_io__members_bad(m, "text with a NUL", offset);
        tango_io__copy(m->names + m->name_size, out, n);
        m->name_size += n;
    }
    if (m->name_size == m->name_max) return tango_io__members_changed(m);
    m->names[m->name_size++] = 0;
    return TANGO_OK;
}

/* The same for a name, which is clean. */
static tango_result tango_io__members_name(tango_io__members *m, tango_io__cursor inside,
                                           uint32_t *at)
{
    const size_t offset = (size_t)(inside.at - m->j.c.begin);
    const unsigned char *name;
    tango_result r = tango_io__members_text(m, inside, at);
    if (r != TANGO_OK) return r;
    name = (const unsigned char *)m->names + *at;
    if (!tango_io__name_ok(name, m->name_size - 1 - *at))
        return tango_io__members_bad(m, "name is empty, too long or not clean", offset);
    return TANGO_OK;
}

/* An object of names and texts: metadata, or the map of an index. */
static tango_result tango_io__members_pairs(tango_io__members *m)
{
    tango_io__cursor key, value;
    tango_io__json *j = &m->j;
    if (tango_io__json_peek(j) != '{')
        return tango_io__members_bad(m, "an object of texts was expected",
                                     tango_io__offset(&j->c));
    while (tango_io__member(j, &key)) {
        tango_io__pair *pair = &m->pairs[m->pair_count];
        tango_result r;
        if (m->pair_count == m->pair_max) return tango_io__members_changed(m);
        if (tango_io__json_peek(j) != '"')
            return tango_io__members_bad(m, "a text was expected",
                                         tango_io__offset(&j->c));
        value = tango_io__json_literal(j, tango_io__offset(&j->c) + 1);
        r = tango_io__members_name(m, key, &pair->key);
        if (r == TANGO_OK) r = tango_io__members_text(m, value, &pair->value);
        if (r == TANGO_OK) r = tango_io__json_string(j);
        if (r != TANGO_OK) return r;
        m->pair_count++;
    }
    return TANGO_OK;
}

/* [n, n, ...]: up to `max` plain decimals below 2^64; *count receives their number. */
static tango_result tango_io__members_numbers(tango_io__members *m, uint64_t *out,
                                              size_t max, size_t *count)
{
    tango_io__json *j = &m->j;
    const size_t start = tango_io__offset(&j->c);
    size_t n = 0;
    unsigned char c = tango_io__json_peek(j);
    if (c != '[') return tango_io__members_bad(m, "a row of numbers was expected", start);
    tango_io__take(&j->c, 1);
    tango_io__json_space(j);
    for (; tango_io__json_peek(j) != ']'; n++) {
        uint64_t value = 0;
        const size_t at = tango_io__offset(&j->c);
        if (n == max) return tango_io__members_bad(m, "a row of too many numbers", start);
        for (; (c = tango_io__json_peek(j)) >= '0' && c <= '9';
             tango_io__take(&j->c, 1)) {
            if (value > (UINT64_MAX - (unsigned)(c - '0')) / 10)
                return tango_io__members_bad(m, "number beyond 2^64", at);
            value = value * 10 + (unsigned)(c - '0');
        }
        tango_io__json_space(j);
        c = tango_io__json_peek(j);
        if (tango_io__offset(&j->c) == at || (c != ',' && c != ']'))
            return tango_io__members_bad(m, "a plain number was expected", at);
        if (c == ',') tango_io__take(&j->c, 1);
        tango_io__json_space(j);
        out[n] = value;
    }
    tango_io__take(&j->c, 1);
    *count = n;
    return TANGO_OK;
}

/* The value of "dtype". */
static tango_result tango_io__range_type(tango_io__members *m, tango_io__range *range)
{
    static const char *const types[] = { "F32", "F16", "BF16", "I8", "I16", "I32", "I64",
                                         "U8", "U16", "U32", "U64", "F64", "BOOL" };
    tango_io__json *j = &m->j;
    const char *name = m->names + range->name;
    const size_t at = tango_io__offset(&j->c);
    tango_io__cursor text;
    size_t i, n = sizeof types / sizeof types[0];
    if (tango_io__json_peek(j) != '"')
        return tango_io__members_bad(m, "dtype is no text", at);
    text = tango_io__json_literal(j, at + 1);
    for (i = 0; i < n && !tango_io__json_is(text, types[i]); i++) {}
    if (i == n)
        return tango_io_fail(
            j->error, TANGO_ERROR_UNSUPPORTED,
            "safetensors: tensor %s is of type %q, which is not read (offset %z)", name,
            text.at, tango_io__left(&text), at);
    range->type = (unsigned char)i;
    return tango_io__json_string(j);
}

static tango_result tango_io__range_bad(const tango_io__members *m,
                                        const tango_io__range *range, const char *what)
{
    return tango_io_fail(m->j.error, TANGO_ERROR_DATA,
                         "safetensors: tensor %s: %s (offset %z)", m->names + range->name,
                         what, (size_t)range->at);
}

/* One tensor: {"dtype": ..., "shape": ..., "data_offsets": ...}, in any order. */
static tango_result tango_io__range_read(tango_io__members *m, tango_io__range *range)
{
    tango_io__cursor key;
    tango_io__json *j = &m->j;
    uint64_t ends[2], count;
    size_t n = 0, i;
    int seen = 0;                               /* 1: dtype, 2: shape, 4: data_offsets */
    tango_result r = TANGO_OK;
    if (tango_io__json_peek(j) != '{')
        return tango_io__range_bad(m, range, "an object was expected");
    while (r == TANGO_OK && tango_io__member(j, &key)) {
        if (tango_io__json_is(key, "dtype")) {
            seen |= 1;
            r = tango_io__range_type(m, range);
        } else if (tango_io__json_is(key, "shape")) {
            seen |= 2;
            r = tango_io__members_numbers(m, range->shape, TANGO_IO_RANK_MAX, &n);
            if (r == TANGO_OK) range->rank = (unsigned char)n;
        } else if (tango_io__json_is(key, "data_offsets")) {
            r = tango_io__members_numbers(m, ends, 2, &n);
            if (r != TANGO_OK) return r;
            if (n != 2) return tango_io__range_bad(m, range, "one offset instead of two");
            seen |= 4;
            range->begin = ends[0];
            range->end = ends[1];
        } else {
            r = tango_io__json_one(j);
        }
    }
    if (r != TANGO_OK) return r;
    if (seen != 7)
        return tango_io__range_bad(m, range, "dtype, shape or data_offsets is missing");
    if (!tango_io__count(&count, range->shape, range->rank))
        return tango_io__range_bad(m, range, "shape of more than 2^63 - 1 numbers");
    for (i = 0; i < range->rank; i++) {
        if (range->shape[i] > SIZE_MAX)
            return tango_io__range_bad(m, range, "shape too large for this system");
    }
    n = tango_io_type_size((tango_io_type)range->type);
    if (range->begin > range->end || (range->end - range->begin) % n != 0 ||
        (range->end - range->begin) / n != count)
        return tango_io__range_bad(m, range, "data_offsets do not fit type and shape");
    return TANGO_OK;
}

static int tango_io__range_place(const void *context, const void *a, const void *b)
{
    const tango_io__range *x = (const tango_io__range *)a,
                          *y = (const tango_io__range *)b;
    (void)context;
    if (x->begin != y->begin) return x->begin < y->begin ? -1 : 1;
    return x->end == y->end ? 0 : x->end < y->end ? -1 : 1;
}

/* Order of two texts, which looks no further than their first difference. */
static int tango_io__text_order(const char *a, const char *b)
{
    while (*a && *a == *b) { a++; b++; }
    if (*a == *b) return 0;
    return (unsigned char)*a < (unsigned char)*b ? -1 : 1;
}

static int tango_io__range_name(const void *context, const void *a, const void *b)
{
    const char *names = (const char *)context;
    return tango_io__text_order(names + ((const tango_io__range *)a)->name,
                                names + ((const tango_io__range *)b)->name);
}

static int tango_io__pair_order(const void *context, const void *a, const void *b)
{
    const char *names = (const char *)context;
    return tango_io__text_order(names + ((const tango_io__pair *)a)->key,
                                names + ((const tango_io__pair *)b)->key);
}

static int tango_io__file_order(const void *context, const void *a, const void *b)
{
    const char *names = (const char *)context;
    return tango_io__text_order(names + *(const uint32_t *)a,
                                names + *(const uint32_t *)b);
}

/* All tensors and the metadata; then the ranges side by side. `size` bytes of numbers. */
static tango_result tango_io__ranges_read(tango_io__members *m, uint64_t size)
{
    tango_io__cursor key;
    tango_io__json *j = &m->j;
    uint64_t at = 0;
    size_t i;
    tango_result r = TANGO_OK;
    while (r == TANGO_OK && tango_io__member(j, &key)) {
        if (tango_io__json_is(key, "__metadata__")) {
            r = tango_io__json_peek(j) == 'n' ? tango_io__json_one(j)
                                              : tango_io__members_pairs(m);
        } else {
            tango_io__range *range = &m->ranges[m->range_count];
            if (m->range_count == m->range_max) return tango_io__members_changed(m);
            tango_io__zero(range, sizeof *range);
            range->at = (uint32_t)((size_t)(key.at - j->c.begin) - 1);
            r = tango_io__members_name(m, key, &range->name);
            if (r == TANGO_OK) r = tango_io__range_read(m, range);
            m->range_count++;
        }
    }
    if (r != TANGO_OK) return r;
    tango_io__sort(m->ranges, m->range_count, sizeof *m->ranges, tango_io__range_place,
                   NULL);
    for (i = 0; i < m->range_count; i++) {
        const tango_io__range *range = &m->ranges[i];
        if (range->begin != at)
            return tango_io__range_bad(m, range, range->begin > at
                                                     ? "a hole lies before its numbers"
                                                     : "its numbers overlap others");
        if (range->end > size)
            return tango_io__range_bad(m, range,
                                       "its numbers pass the end: truncated file");
        at = range->end;
    }
    if (at != size)
        return tango_io_fail(j->error, TANGO_ERROR_DATA,
                             "safetensors: %u bytes after the last tensor (offset %u)",
                             size - at, (uint64_t)tango_io__offset(&j->c) + at);
    tango_io__sort(m->ranges, m->range_count, sizeof *m->ranges, tango_io__range_name,
                   m->names);
    tango_io__sort(m->pairs, m->pair_count, sizeof *m->pairs, tango_io__pair_order,
                   m->names);
    return TANGO_OK;
}

/* Bounds of the header; *m begins its walk. Spaces at its end are left out. */
static tango_result tango_io__header_start(tango_io__members *m, const void *data,
                                           size_t size, tango_error *error)
{
    const unsigned char *p = (const unsigned char *)data;
    uint64_t n = size < 8 ? 0 : tango_io__u64(p);
    tango_io__zero(m, sizeof *m);
    m->what = "safetensors";
    m->j.error = error;
    m->j.finite = 1;
    if (size < 9 || n > TANGO_IO__HEADER_MAX || p[8] != '{') {
        if (size < 9 || tango_io_looks_like(p, size) || n <= TANGO_IO__HEADER_MAX)
            return tango_io__foreign(error, "safetensors", "a size and a header of JSON",
                                     data, size);
        return tango_io_fail(error, TANGO_ERROR_DATA,
                             "safetensors: header of %u bytes, at most 100000000 allowed "
                             "(offset 0)", n);
    }
    if (n > size - 8)
        return tango_io_fail(error, TANGO_ERROR_DATA,
                             "safetensors: header of %u bytes, the file has %z more: "
                             "truncated (offset 0)", n, size - 8);
    m->j.c = tango_io__cursor_over(p, 8 + (size_t)n);
    while (m->j.c.end > p + 9 && m->j.c.end[-1] == ' ') m->j.c.end--;
    tango_io__take(&m->j.c, 8);
    if (m->j.c.end[-1] != '}')
        return tango_io__members_bad(m, "header does not end with a brace and spaces",
                                     (size_t)(m->j.c.end - 1 - p));
    return TANGO_OK;
}

/* Counts the members of an object that is known to be good, and passes behind it. */
static size_t tango_io__members_in(tango_io__json *j)
{
    tango_io__cursor key;
    size_t n = 0;
    while (tango_io__member(j, &key) && tango_io__json_one(j) == TANGO_OK) n++;
    return n;
}

/* First walk: the grammar; then what there is of everything. `texts`: a list of shards,
   which has pairs and no ranges. The cursor stays at the start. */
static tango_result tango_io__members_measure(tango_io__members *m, int texts)
{
    const tango_io__cursor start = m->j.c;
    const char *pairs = texts ? "weight_map" : "__metadata__";
    tango_io__cursor key;
    tango_result r = texts ? tango_io__json_whole(&m->j) : tango_io__json_document(&m->j);
    if (r != TANGO_OK) return r;
    m->j.name_max = m->j.keys;
    m->name_max = tango_io__left(&start);       /* a NUL takes less than two quotes */
    m->j.c = start;
    tango_io__json_space(&m->j);
    if (tango_io__json_peek(&m->j) != '{')
        return tango_io__members_bad(m, "not an object", tango_io__offset(&m->j.c));
    while (tango_io__member(&m->j, &key)) {
        const int wanted = tango_io__json_is(key, pairs);
        if (wanted && tango_io__json_peek(&m->j) == '{') {
            m->pair_max += tango_io__members_in(&m->j);
        } else {
            m->range_max += !texts && !wanted;
            r = tango_io__json_one(&m->j);
            if (r != TANGO_OK) return r;
        }
    }
    m->j.c = start;
    return TANGO_OK;
}

/* The parts of the work block, each aligned to 8: ranges, pairs, files, keys, names. */
static int tango_io__members_divide(tango_io__members *m, unsigned char *block, int texts,
                                    size_t *total)
{
    size_t bytes[5], sum = 0, i;
    unsigned char *part[5];
    if (!tango_mul_ok(m->range_max, sizeof(tango_io__range), &bytes[0]) ||
        !tango_mul_ok(m->pair_max, sizeof(tango_io__pair), &bytes[1]) ||
        !tango_mul_ok(texts ? m->pair_max : 0, sizeof(uint32_t), &bytes[2]) ||
        !tango_mul_ok(m->j.name_max, sizeof(uint32_t), &bytes[3]))
        return 0;
    bytes[4] = m->name_max;
    for (i = 0; i < 5; i++) {
        part[i] = block ? block + sum : NULL;
        if (!tango_add_ok(bytes[i], 7, &bytes[i]) ||
            !tango_add_ok(sum, bytes[i] / 8 * 8, &sum))
            return 0;
    }
    m->ranges = (tango_io__range *)(void *)part[0];
    m->pairs = (tango_io__pair *)(void *)part[1];
    m->files = (uint32_t *)(void *)part[2];
    m->j.names = (uint32_t *)(void *)part[3];
    m->names = (char *)part[4];
    *total = sum;
    return 1;
}

static tango_result tango_io__members_size(size_t *size, tango_io__members *m, int texts)
{
    size_t total;
    tango_result r = tango_io__members_measure(m, texts);
    if (r != TANGO_OK) return r;
    if (!tango_io__members_divide(m, NULL, texts, &total) ||
        !tango_add_ok(total, 7, size))          /* 7: the block itself may be unaligned */
        return tango_io_fail(m->j.error, TANGO_ERROR_MEMORY,
                             "%s: too large for this system", m->what);
    return TANGO_OK;
}

/* Measures again, divides the caller's block and makes the second walk, for equal keys.
   The cursor stays at the start. */
static tango_result tango_io__members_start(tango_io__members *m, int texts, void *work,
                                            size_t work_size)
{
    const tango_io__cursor start = m->j.c;
    const size_t skip = (size_t)((0 - (uintptr_t)work) % 8);
    size_t total;
    tango_result r = tango_io__members_measure(m, texts);
    if (r != TANGO_OK) return r;
    if (!work || work_size < skip ||
        !tango_io__members_divide(m, (unsigned char *)work + skip, texts, &total) ||
        total > work_size - skip)
        return tango_io_fail(m->j.error, TANGO_ERROR_MEMORY,
                             "%s: %z bytes of work are not enough", m->what, work_size);
    r = tango_io__json_document(&m->j);
    m->j.names = NULL;
    m->j.c = start;
    return r;
}

TANGO_API tango_result tango_io_safetensors_work_size(size_t *size, const void *data,
                                                      size_t data_size,
                                                      tango_error *error)
{
    tango_io__members m;
    tango_result r = tango_io__header_start(&m, data, data_size, error);
    return r == TANGO_OK ? tango_io__members_size(size, &m, 0) : r;
}

TANGO_API tango_result tango_io_safetensors_open(tango_io_safetensors *file,
                                                 const void *data, size_t data_size,
                                                 void *work, size_t work_size,
                                                 tango_error *error)
{
    const unsigned char *p = (const unsigned char *)data;
    tango_io__members m;
    size_t header;
    tango_result r = tango_io__header_start(&m, data, data_size, error);
    if (r == TANGO_OK) r = tango_io__members_start(&m, 0, work, work_size);
    if (r != TANGO_OK) return r;
    header = 8 + (size_t)tango_io__u64(p);
    r = tango_io__ranges_read(&m, data_size - header);
    if (r != TANGO_OK) return r;
    file->count = m.range_count;
    file->metadata_count = m.pair_count;
    file->data = p + header;
    file->entries = m.ranges;
    file->pairs = m.pairs;
    file->names = m.names;
    return TANGO_OK;
}

TANGO_API void tango_io_safetensors_at(const tango_io_safetensors *file, size_t index,
                                       tango_io_safetensor *out)
{
    const tango_io__range *range = (const tango_io__range *)file->entries + index;
    size_t i, count = 1;
    TANGO_ASSERT(index < file->count);
    tango_io__zero(&out->view, sizeof out->view);
    out->name = file->names + range->name;
    out->size = (size_t)(range->end - range->begin);
    out->view.data = file->data + range->begin;
    out->view.type = (tango_io_type)range->type;
    out->view.rank = range->rank;
    for (i = range->rank; i-- > 0;) {           /* strides beside a 0 may wrap: unused */
        out->view.shape[i] = (size_t)range->shape[i];
        out->view.strides[i] = count;
        count *= out->view.shape[i];
    }
    out->view.count = count;
}

/* Index of the pair with this key, or `count`. */
static size_t tango_io__pair_find(const void *pairs, size_t count, const char *names,
                                  const char *key)
{
    const tango_io__pair *pair = (const tango_io__pair *)pairs;
    size_t low = 0, high = count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        const int order = tango_io__text_order(names + pair[middle].key, key);
        if (order == 0) return middle;
        if (order < 0) low = middle + 1; else high = middle;
    }
    return count;
}

TANGO_API int tango_io_safetensors_find(const tango_io_safetensors *file,
                                        const char *name, tango_io_safetensor *out)
{
    const tango_io__range *range = (const tango_io__range *)file->entries;
    size_t low = 0, high = file->count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        const int order = tango_io__text_order(file->names + range[middle].name, name);
        if (order == 0) {
            tango_io_safetensors_at(file, middle, out);
            return 1;
        }
        if (order < 0) low = middle + 1; else high = middle;
    }
    return 0;
}

TANGO_API const char *tango_io_safetensors_metadata(const tango_io_safetensors *file,
                                                    const char *key)
{
    const size_t i = tango_io__pair_find(file->pairs, file->metadata_count, file->names,
                                         key);
    if (i == file->metadata_count) return NULL;
    return file->names + ((const tango_io__pair *)file->pairs)[i].value;
}

TANGO_API void tango_io_safetensors_metadata_at(const tango_io_safetensors *file,
                                                size_t index, const char **key,
                                                const char **value)
{
    const tango_io__pair *pair = (const tango_io__pair *)file->pairs + index;
    TANGO_ASSERT(index < file->metadata_count);
    *key = file->names + pair->key;
    *value = file->names + pair->value;
}

/* A name that may be put behind a folder and a slash. */
static int tango_io__file_name_ok(const char *name)
{
    const size_t size = tango_io__length(name);
    size_t i;
    if (!tango_io__name_ok((const unsigned char *)name, size) || name[0] == '.') return 0;
    for (i = 0; i < size; i++) {
        if (name[i] == '/' || name[i] == '\\' || name[i] == ':') return 0;
    }
    return 1;
}

static void tango_io__index_start(tango_io__members *m, tango_error *error)
{
    tango_io__zero(m, sizeof *m);
    m->what = "index";
    m->j.error = error;
}

TANGO_API tango_result tango_io_shards_work_size(size_t *size, const void *text,
                                                 size_t text_size, tango_error *error)
{
    tango_io__members m;
    tango_result r;
    tango_io__index_start(&m, error);
    r = tango_io__json_start(&m.j, text, text_size, error);
    return r == TANGO_OK ? tango_io__members_size(size, &m, 1) : r;
}

/* The map of names and files; all else is passed over. */
static tango_result tango_io__index_read(tango_io__members *m)
{
    tango_io__cursor key;
    size_t i, n = 0;
    int seen = 0;
    tango_result r = TANGO_OK;
    tango_io__json_space(&m->j);
    while (r == TANGO_OK && tango_io__member(&m->j, &key)) {
        const int wanted = tango_io__json_is(key, "weight_map");
        r = wanted ? tango_io__members_pairs(m) : tango_io__json_one(&m->j);
        seen |= wanted;
    }
    if (r != TANGO_OK) return r;
    if (!seen) return tango_io__members_bad(m, "no member weight_map", 0);
    for (i = 0; i < m->pair_count; i++) {
        const char *name = m->names + m->pairs[i].value;
        if (!tango_io__file_name_ok(name))
            return tango_io_fail(m->j.error, TANGO_ERROR_DATA,
                                 "index: tensor %s is in %s, which is no plain file name",
                                 m->names + m->pairs[i].key, name);
        m->files[i] = m->pairs[i].value;
    }
    tango_io__sort(m->pairs, m->pair_count, sizeof *m->pairs, tango_io__pair_order,
                   m->names);
    tango_io__sort(m->files, m->pair_count, sizeof *m->files, tango_io__file_order,
                   m->names);
    for (i = 0; i < m->pair_count; i++) {       /* each file once */
        if (i == 0 || tango_io__text_order(m->names + m->files[n - 1],
                                           m->names + m->files[i]) != 0)
            m->files[n++] = m->files[i];
    }
    m->file_count = n;
    return TANGO_OK;
}

TANGO_API tango_result tango_io_shards_open(tango_io_shards *shards, const void *text,
                                            size_t text_size, void *work,
                                            size_t work_size, tango_error *error)
{
    tango_io__members m;
    tango_result r;
    tango_io__index_start(&m, error);
    r = tango_io__json_start(&m.j, text, text_size, error);
    if (r == TANGO_OK) r = tango_io__members_start(&m, 1, work, work_size);
    if (r == TANGO_OK) r = tango_io__index_read(&m);
    if (r != TANGO_OK) return r;
    shards->count = m.pair_count;
    shards->file_count = m.file_count;
    shards->pairs = m.pairs;
    shards->files = m.files;
    shards->names = m.names;
    return TANGO_OK;
}

TANGO_API const char *tango_io_shards_file(const tango_io_shards *shards, size_t index)
{
    TANGO_ASSERT(index < shards->file_count);
    return shards->names + ((const uint32_t *)shards->files)[index];
}

TANGO_API const char *tango_io_shards_at(const tango_io_shards *shards, size_t index,
                                         const char **file)
{
    const tango_io__pair *pair = (const tango_io__pair *)shards->pairs + index;
    TANGO_ASSERT(index < shards->count);
    *file = shards->names + pair->value;
    return shards->names + pair->key;
}

TANGO_API const char *tango_io_shards_find(const tango_io_shards *shards,
                                           const char *name)
{
    const size_t i = tango_io__pair_find(shards->pairs, shards->count, shards->names,
                                         name);
    if (i == shards->count) return NULL;
    return shards->names + ((const tango_io__pair *)shards->pairs)[i].value;
}

/* ==== 9 >>spiece ==== SentencePiece models ========================================== */

/* One field of a protobuf message. Wire types: 0 varint, 1 eight bytes, 2 bytes with a
   length in front, 5 four bytes. */
typedef struct tango_io__field {
    uint32_t number, wire;
    uint64_t value;                     /* varint; bits of wire types 1 and 5 */
    const unsigned char *bytes;
    size_t size, at;                    /* of the bytes; offset of the field */
} tango_io__field;

static tango_result tango_io__spiece_bad(tango_error *error, const char *what,
                                         size_t offset)
{
    return tango_io_fail(error, TANGO_ERROR_DATA, "spiece: %s (offset %z)", what, offset);
}

/* At most 10 bytes and 64 bits, low 7 bits first. 0 if malformed. */
static int tango_io__varint(tango_io__cursor *c, uint64_t *out)
{
    uint64_t value = 0;
    unsigned shift;
    for (shift = 0; shift < 70; shift += 7) {
        const unsigned char *p = tango_io__take(c, 1);
        if (!p || (shift == 63 && *p > 1)) return 0;
        value |= (uint64_t)(*p & 0x7f) << shift;
        if (*p < 0x80) {
            *out = value;
            return 1;
        }
    }
    return 0;
}

static tango_result tango_io__field_next(tango_io__cursor *c, tango_io__field *field,
                                         tango_error *error)
{
    uint64_t tag;
    tango_io__zero(field, sizeof *field);
    field->at = tango_io__offset(c);
    if (!tango_io__varint(c, &tag) || tag >> 3 == 0 || tag >> 3 > 0x1fffffff)
        return tango_io__spiece_bad(error, "impossible field tag", field->at);
    field->number = (uint32_t)(tag >> 3);
    field->wire = (uint32_t)(tag & 7);
    field->size = field->wire == 1 ? 8 : field->wire == 5 ? 4 : 0;
    if (field->wire == 0) {
        if (!tango_io__varint(c, &field->value))
            return tango_io__spiece_bad(error, "varint over 64 bits or cut off",
                                        field->at);
        return TANGO_OK;
    }
    if (field->wire == 2) {
        if (!tango_io__varint(c, &field->value) || field->value > tango_io__left(c))
            return tango_io__spiece_bad(error, "field passes the end of its message",
                                        field->at);
        field->size = (size_t)field->value;
    } else if (field->size == 0) {
        return tango_io__spiece_bad(error, "group or unknown wire type", field->at);
    }
    field->bytes = tango_io__take(c, field->size);
    if (!field->bytes)
        return tango_io__spiece_bad(error, "field passes the end of its message",
                                    field->at);
    if (field->wire == 1) field->value = tango_io__u64(field->bytes);
    if (field->wire == 5) field->value = tango_io__u32(field->bytes);
    return TANGO_OK;
}

/* A known field: it must have its wire type and come once. `seen` has one bit a field. */
static tango_result tango_io__field_known(const tango_io__field *field, uint32_t wire,
                                          uint64_t *seen, tango_error *error)
{
    uint64_t bit = (uint64_t)1 << (field->number & 63);
    if (field->wire != wire)
        return tango_io__spiece_bad(error, "field of another type", field->at);
    if (*seen & bit) return tango_io__spiece_bad(error, "duplicate field", field->at);
    *seen |= bit;
    return TANGO_OK;
}

static tango_io__cursor tango_io__field_inside(const tango_io__cursor *outer,
                                               const tango_io__field *field)
{
    tango_io__cursor c = *outer;
    c.at = field->bytes;
    c.end = field->bytes + field->size;
    return c;
}

static tango_result tango_io__spiece_piece(tango_io__cursor c, tango_io_piece *piece,
                                           tango_error *error)
{
    tango_io__field field;
    uint64_t seen = 0;
    size_t i, start = tango_io__offset(&c);
    tango_result r = TANGO_OK;
    piece->text = NULL;
    piece->length = 0;
    piece->score = 0.0f;
    piece->type = TANGO_IO_PIECE_NORMAL;
    while (tango_io__left(&c) > 0) {
        r = tango_io__field_next(&c, &field, error);
        if (r == TANGO_OK && field.number >= 1 && field.number <= 3)
            r = tango_io__field_known(&field, field.number == 1   ? 2u
                                              : field.number == 2 ? 5u
                                                                  : 0u, &seen, error);
        if (r != TANGO_OK) return r;
        if (field.number == 1) {
            piece->text = (const char *)field.bytes;
            piece->length = field.size;
        } else if (field.number == 2) {
            piece->score = tango_io__float((uint32_t)field.value);
            if ((field.value >> 23 & 0xff) == 0xff)
                return tango_io__spiece_bad(error, "score is not finite", field.at);
        } else if (field.number == 3) {
            if (field.value < TANGO_IO_PIECE_NORMAL || field.value > TANGO_IO_PIECE_BYTE)
                return tango_io__spiece_bad(error, "piece of unknown type", field.at);
            if (field.value == TANGO_IO_PIECE_BYTE)
                return tango_io__spiece_bad(error, "byte piece without byte fallback",
                                            field.at);
            piece->type = (tango_io_piece_type)field.value;
        }
    }
    if (piece->length == 0) return tango_io__spiece_bad(error, "empty piece", start);
    if (piece->length > TANGO_IO_PIECE_MAX)
        return tango_io__spiece_bad(error, "piece over 2048 bytes", start);
    for (i = 0; i < piece->length && piece->text[i]; i++) {}
    if (i < piece->length ||
        tango_io__utf8_bad((const unsigned char *)piece->text, i) != i)
        return tango_io__spiece_bad(error, "piece with NUL or not UTF-8", start);
    return TANGO_OK;
}

/* Trainer settings that matter. Ids are int32, written as 64-bit varints when
   negative. */
static tango_result tango_io__spiece_trainer(tango_io__cursor c, tango_io_spiece *s,
                                             tango_error *error)
{
    tango_io__field field;
    uint64_t seen = 0;
    tango_result r;
    while (tango_io__left(&c) > 0) {
        uint32_t n;
        r = tango_io__field_next(&c, &field, error);
        if (r != TANGO_OK) return r;
        n = field.number;
        if (n != 3 && n != 24 && n != 35 && !(n >= 40 && n <= 43)) continue;
        r = tango_io__field_known(&field, 0, &seen, error);
        if (r != TANGO_OK) return r;
        if (n == 3 && field.value != 1)
            return tango_io_fail(error, TANGO_ERROR_UNSUPPORTED,
                                 "spiece: model type %u, expected 1, unigram (offset %z)",
                                 field.value, field.at);
        if ((n == 24 || n == 35) && field.value != 0)
            return tango_io_fail(error, TANGO_ERROR_UNSUPPORTED, "spiece: %s (offset %z)",
                                 n == 24 ? "white space as suffix" : "byte fallback",
                                 field.at);
        if (n >= 40) {
            int32_t id = field.value == UINT64_MAX ? -1
                                                   : (int32_t)(field.value & 0x7fffffff);
            if (id != -1 && (uint64_t)id != field.value)
                return tango_io__spiece_bad(error, "impossible id", field.at);
            if (n == 40) s->unk_id = id;
            if (n == 41) s->bos_id = id;
            if (n == 42) s->eos_id = id;
            if (n == 43) s->pad_id = id;
        }
    }
    return TANGO_OK;
}

/* Checks every unit of the double array, reachable or not: units with the top bit hold
   values and no label matches them; any other may be walked to. A step from unit i reads
   one of the 256 units that share the high bits of i ^ offset, so the last of those must
   exist. */
static tango_result tango_io__spiece_trie(const tango_io_spiece *s, tango_error *error)
{
    size_t i, at = (size_t)(s->trie - s->data);
    for (i = 0; i < s->trie_units; i++) {
        uint32_t u = tango_io__u32(s->trie + 4 * i), value;
        uint64_t to = i ^ (uint64_t)(u >> 10) << ((u & 0x200) >> 6);
        if (u >> 31) {
            if (i > 0) continue;
            return tango_io__spiece_bad(error, "charsmap: the root is a value", at);
        }
        if ((to | 0xff) >= s->trie_units)
            return tango_io__spiece_bad(error, "charsmap: link outside the trie",
                                        at + 4 * i);
        if ((u >> 8 & 1) == 0) continue;            /* unit 0 may be walked to as well */
        value = tango_io__u32(s->trie + 4 * (size_t)to) & 0x7fffffff;
        if (value >= s->strings_size || (s->strings[value] & 0xc0) == 0x80)
            return tango_io__spiece_bad(error, "charsmap: text outside the texts",
                                        at + 4 * (size_t)to);
    }
    return TANGO_OK;
}

static tango_result tango_io__spiece_charsmap(const tango_io__field *field,
                                              tango_io_spiece *s, tango_error *error)
{
    size_t at = (size_t)(field->bytes - s->data), bytes, bad, i, length = 0;
    if (field->size == 0) return TANGO_OK;
    if (field->size < 4 || (bytes = tango_io__u32(field->bytes)) == 0 || bytes % 4 != 0 ||
        bytes > field->size - 4)
        return tango_io__spiece_bad(error, "charsmap: impossible size of the trie", at);
    s->trie = field->bytes + 4;
    s->trie_units = bytes / 4;
    s->strings = (const char *)s->trie + bytes;
    s->strings_size = field->size - 4 - bytes;
    if (s->strings_size == 0 || s->strings[s->strings_size - 1] != 0)
        return tango_io__spiece_bad(error, "charsmap: texts do not end with NUL",
                                    at + field->size);
    bad = tango_io__utf8_bad((const unsigned char *)s->strings, s->strings_size);
    if (bad != s->strings_size)
        return tango_io__spiece_bad(error, "charsmap: text is not UTF-8",
                                    at + 4 + bytes + bad);
    for (i = 0; i < s->strings_size; i++) {
        length = s->strings[i] ? length + 1 : 0;
        if (length > TANGO_IO_PIECE_MAX)
            return tango_io__spiece_bad(error, "charsmap: text over 2048 bytes",
                                        at + 4 + bytes + i);
    }
    return tango_io__spiece_trie(s, error);
}

static tango_result tango_io__spiece_normalizer(tango_io__cursor c, tango_io_spiece *s,
                                                tango_error *error)
{
    tango_io__field field;
    uint64_t seen = 0;
    tango_result r;
    while (tango_io__left(&c) > 0) {
        r = tango_io__field_next(&c, &field, error);
        if (r != TANGO_OK) return r;
        if (field.number > 5) continue;
        r = tango_io__field_known(&field, field.number <= 2 ? 2 : 0, &seen, error);
        if (r != TANGO_OK) return r;
        if (field.number > 2 && field.value > 1)
            return tango_io__spiece_bad(error, "flag that is neither 0 nor 1", field.at);
        if (field.number == 1) {
            s->name = field.bytes;
            s->name_size = field.size;
            if (tango_io__utf8_bad(s->name, s->name_size) != s->name_size)
                return tango_io__spiece_bad(error, "name is not UTF-8", field.at);
        }
        if (field.number == 2) r = tango_io__spiece_charsmap(&field, s, error);
        if (field.number == 3) s->add_dummy_prefix = field.value == 1;
        if (field.number == 4) s->remove_extra_whitespaces = field.value == 1;
        if (field.number == 5) s->escape_whitespaces = field.value == 1;
        if (r != TANGO_OK) return r;
    }
    return TANGO_OK;
}

/* One field of the model. */
static tango_result tango_io__spiece_field(const tango_io__cursor *c, tango_io_spiece *s,
                                           const tango_io__field *field, uint64_t *seen,
                                           tango_error *error)
{
    tango_io_piece piece;
    tango_result r;
    if (field->number > 3) return TANGO_OK;
    if (field->number == 1) *seen &= ~(uint64_t)2;      /* pieces are repeated */
    r = tango_io__field_known(field, 2, seen, error);
    if (r != TANGO_OK) return r;
    if (field->number == 2)
        return tango_io__spiece_trainer(tango_io__field_inside(c, field), s, error);
    if (field->number == 3)
        return tango_io__spiece_normalizer(tango_io__field_inside(c, field), s, error);
    r = tango_io__spiece_piece(tango_io__field_inside(c, field), &piece, error);
    if (r != TANGO_OK) return r;
    if (piece.type == TANGO_IO_PIECE_UNKNOWN) {
        if (s->unknown != SIZE_MAX)
            return tango_io__spiece_bad(error, "second unknown piece", field->at);
        s->unknown = s->piece_count;
    }
    s->piece_count++;
    return TANGO_OK;
}

TANGO_API tango_result tango_io_spiece_open(tango_io_spiece *spiece, const void *data,
                                            size_t size, tango_error *error)
{
    tango_io_spiece s;
    tango_io__cursor c;
    tango_io__field field;
    uint64_t seen = 0;
    tango_result r;
    tango_io__zero(&s, sizeof s);
    if (tango_io_looks_like(data, size))
        return tango_io__foreign(error, "spiece", "a SentencePiece model", data, size);
    if (size > INT32_MAX)
        return tango_io_fail(error, TANGO_ERROR_UNSUPPORTED,
                             "spiece: %z bytes, at most 2 GiB allowed (offset 0)", size);
    s.data = (const unsigned char *)data;
    s.size = size;
    s.unknown = SIZE_MAX;
    s.bos_id = 1;
    s.eos_id = 2;
    s.pad_id = -1;
    s.add_dummy_prefix = s.remove_extra_whitespaces = s.escape_whitespaces = 1;
    c = tango_io__cursor_over(data, size);
    while (tango_io__left(&c) > 0) {
        r = tango_io__field_next(&c, &field, error);
        if (r == TANGO_OK) r = tango_io__spiece_field(&c, &s, &field, &seen, error);
        if (r != TANGO_OK) return r;
    }
    if (s.unknown == SIZE_MAX)
        return tango_io__spiece_bad(error, "no unknown piece", size);
    *spiece = s;
    return TANGO_OK;
}

TANGO_API int tango_io_spiece_next(const tango_io_spiece *spiece, size_t *cursor,
                                   tango_io_piece *piece)
{
    tango_io__cursor c = tango_io__cursor_over(spiece->data, spiece->size);
    tango_io__field field;
    if (!tango_io__take(&c, *cursor)) return 0;
    while (tango_io__left(&c) > 0) {
        if (tango_io__field_next(&c, &field, NULL) != TANGO_OK) return 0;
        if (field.number != 1 || field.wire != 2) continue;
        if (tango_io__spiece_piece(tango_io__field_inside(&c, &field), piece, NULL) !=
            TANGO_OK)
            return 0;
        *cursor = tango_io__offset(&c);
        return 1;
    }
    return 0;
}

typedef struct tango_io__span { uint32_t at, size; } tango_io__span;

static int tango_io__span_order(const void *context, const void *a, const void *b)
{
    const unsigned char *data = (const unsigned char *)context;
    const tango_io__span *x = (const tango_io__span *)a, *y = (const tango_io__span *)b;
    return tango_io__compare(data + x->at, x->size, data + y->at, y->size);
}

TANGO_API tango_result tango_io_spiece_unique(const tango_io_spiece *spiece,
                                              uint32_t *work, size_t work_count,
                                              tango_error *error)
{
    tango_io_piece piece;
    tango_io__span x, y;
    size_t cursor = 0, n = 0, i;
    while (tango_io_spiece_next(spiece, &cursor, &piece)) {
        if (n == work_count / 2)
            return tango_io_fail(error, TANGO_ERROR_MEMORY,
                                 "spiece: room for %z pieces, there are %z", n,
                                 spiece->piece_count);
        work[2 * n] = (uint32_t)(piece.text - (const char *)spiece->data);
        work[2 * n++ + 1] = (uint32_t)piece.length;
    }
    tango_io__sort(work, n, 2 * sizeof *work, tango_io__span_order, spiece->data);
    for (i = 1; i < n; i++) {
        x.at = work[2 * i - 2];
        x.size = work[2 * i - 1];
        y.at = work[2 * i];
        y.size = work[2 * i + 1];
        if (tango_io__span_order(spiece->data, &x, &y) == 0)
            return tango_io_fail(error, TANGO_ERROR_DATA,
                                 "spiece: two pieces %q (offset %z)", spiece->data + y.at,
                                 (size_t)y.size, (size_t)y.at);
    }
    return TANGO_OK;
}

/* ==== 10 >>bpe ==== Byte-level BPE vocabularies, tokenizer.json ===================== */

#define TANGO_IO__BPE_HEAD 48           /* bytes in front of the ids of bytes */
#define TANGO_IO__BPE_RULES 2096        /* offset of the merges */
#define TANGO_IO__BPE_RULE 12

static int32_t tango_io__bpe_id(const unsigned char *p)
{
    const uint32_t id = tango_io__u32(p);
    return id > INT32_MAX ? -1 : (int32_t)id;
}

static tango_result tango_io__bpe_bad(tango_error *error, const char *what, size_t offset)
{
    return tango_io_fail(error, TANGO_ERROR_DATA, "bpe: %s (offset %z)", what, offset);
}

TANGO_API int32_t tango_io_bpe_byte(const tango_io_bpe *bpe, unsigned char byte, int last)
{
    return tango_io__bpe_id((last ? bpe->last : bpe->inside) + 4 * (size_t)byte);
}

/* Left and right id of rule `number` as one number, by which rules are ordered. */
TANGO_IO__HOT
static uint64_t tango_io__bpe_pair(const unsigned char *rules, size_t number)
{
    const unsigned char *p = rules + TANGO_IO__BPE_RULE * number;
    return (uint64_t)tango_io__u32(p) << 32 | tango_io__u32(p + 4);
}

TANGO_API int tango_io_bpe_merge(const tango_io_bpe *bpe, int32_t left, int32_t right,
                                 uint32_t *rank, int32_t *result)
{
    const uint64_t pair = (uint64_t)(uint32_t)left << 32 | (uint32_t)right;
    size_t low = 0, high = bpe->merges;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        const uint32_t number = tango_io__u32(bpe->order + 4 * middle);
        const uint64_t found = tango_io__bpe_pair(bpe->rules, number);
        if (found == pair) {
            *rank = number;
            *result = tango_io__bpe_id(bpe->rules + TANGO_IO__BPE_RULE * number + 8);
            return 1;
        }
        if (found < pair) low = middle + 1;
        else high = middle;
    }
    return 0;
}

TANGO_API int tango_io_bpe_special_next(const tango_io_bpe *bpe, size_t *cursor,
                                        tango_io_bpe_special *special)
{
    const unsigned char *p = bpe->special + *cursor;
    if (p == bpe->end_of_table) return 0;
    special->id = tango_io__bpe_id(p);
    special->flags = tango_io__u32(p + 4);
    special->length = tango_io__u32(p + 8);
    special->text = (const char *)p + 12;
    *cursor += 12 + (special->length + 3) / 4 * 4;
    return 1;
}

/* Special tokens: whole, of known flags, without control characters, each once, no space
   in front or behind. */
static tango_result tango_io__bpe_specials(const tango_io_bpe *b,
                                           const unsigned char *data, tango_error *error)
{
    tango_io__cursor c = tango_io__cursor_over(data, (size_t)(b->end_of_table - data));
    tango_io_bpe_special one, other;
    size_t i, k, cursor, earlier;
    c.at = b->special;
    for (i = 0; i < b->specials; i++) {
        const size_t at = tango_io__offset(&c);
        const unsigned char *p = tango_io__take(&c, 12);
        const uint32_t length = p ? tango_io__u32(p + 8) : 0;
        if (length == 0 || length > TANGO_IO_BPE_SPECIAL_MAX ||
            !tango_io__take(&c, (length + 3) / 4 * 4) ||
            !tango_io__name_ok(p + 12, length))
            return tango_io__bpe_bad(error, "special token is cut off or no text", at);
        if (tango_io__u32(p) >= b->entries || tango_io__u32(p + 4) > 7)
            return tango_io__bpe_bad(error, "special token has no such id or flag", at);
        if (p[12] == ' ' || p[12 + length - 1] == ' ')
            return tango_io__bpe_bad(error, "special token begins or ends with a space",
                                     at);
        for (k = length; k % 4; k++)
            if (p[12 + k])
                return tango_io__bpe_bad(error, "padding is not NUL", at + 12 + k);
        cursor = at - (size_t)(b->special - data);
        tango_io_bpe_special_next(b, &cursor, &one);
        for (earlier = 0; earlier + (size_t)(b->special - data) < at;) {
            tango_io_bpe_special_next(b, &earlier, &other);
            if (tango_io__compare(one.text, one.length, other.text, other.length) == 0)
                return tango_io__bpe_bad(error, "two special tokens of one text", at);
        }
    }
    return tango_io__left(&c) == 0
               ? TANGO_OK
               : tango_io__bpe_bad(error, "bytes behind the table", tango_io__offset(&c));
}

/* Ids of bytes, merges and their order. */
static tango_result tango_io__bpe_rules(const tango_io_bpe *b, const unsigned char *data,
                                        tango_error *error)
{
    uint64_t before = 0, pair;
    size_t i;
    for (i = 0; i < 512; i++) {
        const uint32_t id = tango_io__u32(b->inside + 4 * i);
        if (id >= b->entries && id != UINT32_MAX)
            return tango_io__bpe_bad(error, "byte has no such id",
                                     TANGO_IO__BPE_HEAD + 4 * i);
    }
    for (i = 0; i < 3 * b->merges; i++)
        if (tango_io__u32(b->rules + 4 * i) >= b->entries)
            return tango_io__bpe_bad(error, "merge has no such id",
                                     TANGO_IO__BPE_RULES + 4 * i);
    for (i = 0; i < b->merges; i++, before = pair) {
        const uint32_t number = tango_io__u32(b->order + 4 * i);
        const size_t at = (size_t)(b->order - data) + 4 * i;
        if (number >= b->merges) return tango_io__bpe_bad(error, "no such merge", at);
        pair = tango_io__bpe_pair(b->rules, number);
        if (i > 0 && pair <= before)
            return tango_io__bpe_bad(error, "merges are not in order, each once", at);
    }
    return TANGO_OK;
}

TANGO_API tango_result tango_io_bpe_open(tango_io_bpe *bpe, const void *data, size_t size,
                                         tango_error *error)
{
    const unsigned char *p = (const unsigned char *)data;
    tango_io_bpe b;
    tango_result r;
    size_t i;
    tango_io__zero(&b, sizeof b);
    if (size < 8 || !tango_io__equal(p, 8, "TANGOBPE"))
        return tango_io__foreign(error, "bpe", "a BPE table", data, size);
    if (size < TANGO_IO__BPE_RULES)
        return tango_io__bpe_bad(error, "table is cut off", size);
    if (tango_io__u32(p + 8) != 1 || tango_io__u32(p + 12) - 1 > 1 ||
        tango_io__u32(p + 44) > TANGO_IO_BPE_WORDS)
        return tango_io_fail(error, TANGO_ERROR_UNSUPPORTED,
                             "bpe: unknown version, kind or flags (offset 8)");
    b.kind = (tango_io_bpe_kind)tango_io__u32(p + 12);
    b.entries = tango_io__u32(p + 16);
    b.merges = tango_io__u32(p + 20);
    b.specials = tango_io__u32(p + 24);
    b.flags = tango_io__u32(p + 44);
    if (b.entries > INT32_MAX) return tango_io__bpe_bad(error, "too many entries", 16);
    if (b.merges > (size - TANGO_IO__BPE_RULES) / (TANGO_IO__BPE_RULE + 4))
        return tango_io__bpe_bad(error, "merges pass the end", 20);
    if (b.specials > TANGO_IO_BPE_SPECIALS_MAX)
        return tango_io__bpe_bad(error, "over 256 special tokens", 24);
    for (i = 28; i < 44; i += 4)
        if (tango_io__u32(p + i) >= b.entries &&
            (i != 40 || tango_io__u32(p + i) != UINT32_MAX))
            return tango_io__bpe_bad(error, "no such id", i);
    b.begin = tango_io__bpe_id(p + 28);
    b.end = tango_io__bpe_id(p + 32);
    b.pad = tango_io__bpe_id(p + 36);
    b.unknown = tango_io__bpe_id(p + 40);
    b.inside = p + TANGO_IO__BPE_HEAD;
    b.last = b.inside + 1024;
    b.rules = p + TANGO_IO__BPE_RULES;
    b.order = b.rules + TANGO_IO__BPE_RULE * b.merges;
    b.special = b.order + 4 * b.merges;
    b.end_of_table = p + size;
    r = tango_io__bpe_rules(&b, p, error);
    if (r == TANGO_OK) r = tango_io__bpe_specials(&b, p, error);
    if (r == TANGO_OK) *bpe = b;
    return r;
}

/* Work in pieces. */
typedef struct tango_io__room {
    unsigned char *at;
    size_t left;
} tango_io__room;

/* Room for count * size bytes at a multiple of 8; NULL if there is none. */
static void *tango_io__room_take(tango_io__room *room, size_t count, size_t size)
{
    const size_t skip = (8 - (size_t)((uintptr_t)room->at & 7)) & 7;
    size_t bytes;
    unsigned char *p = room->at;
    if (!tango_mul_ok(count, size, &bytes) || skip > room->left ||
        bytes > room->left - skip)
        return NULL;
    p += skip;
    room->at = p + bytes;
    room->left -= skip + bytes;
    return p;
}

/* *json = the text parsed in `room`. */
static tango_result tango_io__room_json(tango_io_json *json, tango_io__room *room,
                                        const void *text, size_t size, tango_error *error)
{
    void *nodes;
    size_t need = 0;
    tango_result r = tango_io_json_work_size(&need, text, size, error);
    if (r != TANGO_OK) return r;
    nodes = tango_io__room_take(room, need, 1);
    if (!nodes)
        return tango_io_fail(error, TANGO_ERROR_MEMORY, "tokenizer: no room for work");
    return tango_io_json_parse(json, text, size, nodes, need, error);
}

/* What fails a tokenizer.json: a part that is not supported, with its text. */
static tango_result tango_io__json_refuse(const tango_io_json *json, const char *what,
                                          size_t node, tango_error *error)
{
    const tango_io_json_node *n = &json->nodes[node];
    const int deep = n->type == TANGO_IO_JSON_ARRAY || n->type == TANGO_IO_JSON_OBJECT;
    if (node == 0)
        return tango_io_fail(error, TANGO_ERROR_UNSUPPORTED,
                             "tokenizer.json: no %s, which one of these kinds has", what);
    return tango_io_fail(error, TANGO_ERROR_UNSUPPORTED,
                         "tokenizer.json: %s '%q' is not supported (offset %z)", what,
                         deep ? "{...}" : json->text + n->at, deep ? 5 : (size_t)n->size,
                         (size_t)n->at);
}

/* 1 if a setting is absent, null, false, 0 or "". */
static int tango_io__json_off(const tango_io_json *json, size_t node)
{
    double number;
    int on;
    if (node == 0 || json->nodes[node].type == TANGO_IO_JSON_NULL) return 1;
    if (tango_io_json_bool(json, node, &on)) return !on;
    if (tango_io_json_number(json, node, &number)) return number == 0.0;
    return tango_io_json_equal(json, node, "");
}

/* Value of member `key`; 0 if there is none or `object` is 0. */
static size_t tango_io__json_member(const tango_io_json *json, size_t object,
                                    const char *key)
{
    return object ? tango_io_json_find(json, object, key) : 0;
}

/* 1 if member `key` is the word true; `absent` if there is none. */
static int tango_io__json_true(const tango_io_json *json, size_t object, const char *key,
                               int absent)
{
    const size_t node = tango_io__json_member(json, object, key);
    int on = absent;
    return node == 0 || tango_io_json_bool(json, node, &on) ? on : 0;
}

static int tango_io__node_is(const tango_io_json *json, size_t object, const char *key,
                             const char *text)
{
    const size_t node = tango_io__json_member(json, object, key);
    return node != 0 && tango_io_json_equal(json, node, text);
}

/* Item `index` of an array; 0 if there is none. */
static size_t tango_io__json_at(const tango_io_json *json, size_t array, size_t index)
{
    size_t item = array ? tango_io_json_first(json, array) : 0;
    if (array == 0 || json->nodes[array].type != TANGO_IO_JSON_ARRAY) return 0;
    while (item && index-- > 0) item = tango_io_json_next(json, array, item);
    return item;
}

/* Items of the list `key` in an object of type Sequence. */
static size_t tango_io__json_sequence(const tango_io_json *json, size_t object,
                                      const char *key)
{
    if (!tango_io__node_is(json, object, "type", "Sequence")) return 0;
    return tango_io_json_find(json, object, key);
}

/* 1 if a Replace or Split looks for exactly this regular expression. */
static int tango_io__json_regex(const tango_io_json *json, size_t object,
                                const char *regex)
{
    return tango_io__node_is(json, tango_io__json_member(json, object, "pattern"),
                             "Regex", regex);
}

TANGO_API tango_result tango_io_tokenizer_json(int *unigram, const void *text,
                                               size_t text_size, tango_error *error)
{
    size_t need, begin, end, at, stop;
    const char *p = (const char *)text;
    tango_result r = tango_io_json_work_size(&need, text, text_size, error);
    if (r != TANGO_OK) return r;
    if (!tango_io_json_span(&begin, &end, text, text_size, "model") ||
        !tango_io_json_span(&at, &stop, p + begin, end - begin, "type"))
        return tango_io_fail(error, TANGO_ERROR_DATA,
                             "tokenizer.json: no model, or none with a type");
    p += begin + at;
    if (!tango_io__equal(p, stop - at, "\"BPE\"") &&
        !tango_io__equal(p, stop - at, "\"Unigram\""))
        return tango_io_fail(error, TANGO_ERROR_UNSUPPORTED,
                             "tokenizer.json: model '%q', BPE or Unigram expected", p,
                             stop - at);
    *unigram = p[1] == 'U';
    return TANGO_OK;
}

/* A vocabulary's texts: entry `id` is text[of[id].at ...]; `sorted` has the ids in byte
   order of their texts. */
typedef struct tango_io__vocab {
    unsigned char *text;
    tango_io__span *of;
    uint32_t *sorted;
    size_t count, room, used;           /* entries; of those; bytes of text */
} tango_io__vocab;

typedef struct tango_io__bpe_maker {
    tango_io_json json, config;         /* json: tokenizer.json, or vocab.json */
    int whole, has_config;              /* whole: json is a tokenizer.json */
    size_t model;                       /* node of its model */
    tango_io__vocab vocab;
    unsigned char *out;
    size_t capacity, at;
    uint32_t *order;
    size_t merges, merges_max, specials;
    tango_io_bpe_kind kind;
    tango_error *error;
} tango_io__bpe_maker;

static int tango_io__vocab_order(const void *context, const void *a, const void *b)
{
    const tango_io__vocab *v = (const tango_io__vocab *)context;
    return tango_io__span_order(v->text, &v->of[*(const uint32_t *)a],
                                &v->of[*(const uint32_t *)b]);
}

/* -1, 0, 1 as a followed by b is below, equal to or above an entry's text. */
TANGO_IO__HOT
static int tango_io__vocab_compare(const tango_io__vocab *v, const void *a, size_t a_size,
                                   const void *b, size_t b_size, uint32_t id)
{
    const unsigned char *text = v->text + v->of[id].at;
    const size_t size = v->of[id].size, head = a_size < size ? a_size : size;
    const int order = tango_io__compare(a, a_size, text, head);
    return order ? order : tango_io__compare(b, b_size, text + head, size - head);
}

/* Id of the entry whose text is a followed by b, or -1. */
TANGO_IO__HOT
static int32_t tango_io__vocab_find(const tango_io__vocab *v, const void *a,
                                    size_t a_size, const void *b, size_t b_size)
{
    size_t low = 0, high = v->count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        const uint32_t id = v->sorted[middle];
        const int order = tango_io__vocab_compare(v, a, a_size, b, b_size, id);
        if (order == 0) return (int32_t)id;
        if (order > 0) low = middle + 1;
        else high = middle;
    }
    return -1;
}

static int32_t tango_io__vocab_named(const tango_io__vocab *v, const char *name)
{
    return tango_io__vocab_find(v, name, tango_io__length(name), "", 0);
}

/* Appends the text of a JSON string to the texts, not counted as used yet. Its raw form
   is never shorter, and its quotes leave room for the NUL. *size = its bytes. */
static int tango_io__vocab_text(tango_io__vocab *v, const tango_io_json *json,
                                size_t node, size_t skip, size_t *size)
{
    char *to = (char *)v->text + v->used + skip;
    if (!tango_io_json_string(json, node, to, (size_t)json->nodes[node].size + 1))
        return 0;
    *size = tango_io__length(to);
    return 1;
}

/* Entry `id` (a node) gets the text of `node`. */
static tango_result tango_io__vocab_add(tango_io__bpe_maker *m, size_t node, size_t id)
{
    tango_io__vocab *v = &m->vocab;
    const tango_io_json_node *n = &m->json.nodes[node];
    uint64_t number;
    size_t size;
    if (!tango_io__vocab_text(v, &m->json, node, 0, &size) || size == 0)
        return tango_io_fail(m->error, TANGO_ERROR_DATA,
                             "vocabulary: entry '%q' is empty or holds NUL (offset %z)",
                             m->json.text + n->at, (size_t)n->size, (size_t)n->at);
    if (!tango_io_json_u64(&m->json, id, &number) || number >= v->room)
        return tango_io_fail(m->error, TANGO_ERROR_DATA,
                             "vocabulary: entry '%q' has no id of 0 to %z (offset %z)",
                             m->json.text + n->at, (size_t)n->size, v->room - 1,
                             (size_t)n->at);
    if (v->of[number].size == 0) {
        v->of[number].at = (uint32_t)v->used;
        v->of[number].size = (uint32_t)size;
        v->used += size;
        v->count++;
        return TANGO_OK;
    }
    /* A special token of tokenizer.json may stand in the vocabulary too. */
    if (tango_io__compare(v->text + v->of[number].at, v->of[number].size,
                          v->text + v->used, size) == 0)
        return TANGO_OK;
    return tango_io_fail(m->error, TANGO_ERROR_DATA,
                         "vocabulary: '%q' and '%q' both have id %u (offset %z)",
                         v->text + v->of[number].at, (size_t)v->of[number].size,
                         v->text + v->used, size, number, (size_t)n->at);
}

/* Entries from object `node`, then those that only the list `added` names. */
static tango_result tango_io__vocab_read(tango_io__bpe_maker *m, size_t node,
                                         size_t added, tango_io__room *room, size_t bytes)
{
    tango_io__vocab *v = &m->vocab;
    const tango_io_json *json = &m->json;
    tango_result r = TANGO_OK;
    size_t item, i;
    if (json->nodes[node].type != TANGO_IO_JSON_OBJECT || json->nodes[node].size == 0)
        return tango_io_fail(m->error, TANGO_ERROR_DATA,
                             "vocabulary: not an object of texts and ids");
    v->room = json->nodes[node].size + (added ? json->nodes[added].size : 0);
    v->of = (tango_io__span *)tango_io__room_take(room, v->room, sizeof *v->of);
    v->sorted = (uint32_t *)tango_io__room_take(room, v->room, sizeof *v->sorted);
    v->text = (unsigned char *)tango_io__room_take(room, bytes, 1);
    if (!v->of || !v->sorted || !v->text)
        return tango_io_fail(m->error, TANGO_ERROR_MEMORY, "tokenizer: no room for work");
    tango_io__zero(v->of, v->room * sizeof *v->of);
    for (item = tango_io_json_first(json, node); item && r == TANGO_OK;
         item = tango_io_json_next(json, node, item))
        r = tango_io__vocab_add(m, item, item + 1);
    if (r == TANGO_OK && v->count < json->nodes[node].size)
        return tango_io_fail(m->error, TANGO_ERROR_DATA, "vocabulary: two equal ids");
    for (item = added ? tango_io_json_first(json, added) : 0; item && r == TANGO_OK;
         item = tango_io_json_next(json, added, item)) {
        const size_t content = tango_io_json_find(json, item, "content");
        const size_t id = tango_io_json_find(json, item, "id");
        if (!content || !id)
            return tango_io__json_refuse(json, "added token without text or id", item,
                                         m->error);
        r = tango_io__vocab_add(m, content, id);
    }
    if (r != TANGO_OK) return r;
    for (i = 0; i < v->count; i++) {
        v->sorted[i] = (uint32_t)i;
        if (v->of[i].size == 0)
            return tango_io_fail(m->error, TANGO_ERROR_DATA,
                                 "vocabulary: %z entries, but none has id %z", v->count,
                                 i);
    }
    tango_io__sort(v->sorted, v->count, sizeof *v->sorted, tango_io__vocab_order, v);
    for (i = 1; i < v->count; i++)
        if (tango_io__vocab_order(v, &v->sorted[i - 1], &v->sorted[i]) == 0)
            return tango_io_fail(m->error, TANGO_ERROR_DATA,
                                 "vocabulary: ids %z and %z are both '%q'",
                                 (size_t)v->sorted[i - 1], (size_t)v->sorted[i],
                                 v->text + v->of[v->sorted[i]].at,
                                 (size_t)v->of[v->sorted[i]].size);
    return TANGO_OK;
}

/* The rule that joins left and right. */
TANGO_IO__HOT
static tango_result tango_io__bpe_rule(tango_io__bpe_maker *m, const void *left,
                                       size_t left_size, const void *right,
                                       size_t right_size)
{
    const tango_io__vocab *v = &m->vocab;
    const int32_t a = tango_io__vocab_find(v, left, left_size, "", 0);
    const int32_t b = tango_io__vocab_find(v, right, right_size, "", 0);
    const int32_t both = tango_io__vocab_find(v, left, left_size, right, right_size);
    if (left_size == 0 || right_size == 0 || a < 0 || b < 0 || both < 0)
        return tango_io_fail(m->error, TANGO_ERROR_DATA,
                             "merges: rule %z, '%q' '%q': a part or the whole is no "
                             "entry of the vocabulary", m->merges, left, left_size, right,
                             right_size);
    if (m->merges == m->merges_max || m->capacity - m->at < TANGO_IO__BPE_RULE)
        return tango_io_fail(m->error, TANGO_ERROR_MEMORY,
                             "tokenizer: no room for %z merges", m->merges + 1);
    tango_io__put32(m->out + m->at, (uint32_t)a);
    tango_io__put32(m->out + m->at + 4, (uint32_t)b);
    tango_io__put32(m->out + m->at + 8, (uint32_t)both);
    m->at += TANGO_IO__BPE_RULE;
    m->order[m->merges] = (uint32_t)m->merges;
    m->merges++;
    return TANGO_OK;
}

/* "left right": one space, no other. */
static tango_result tango_io__bpe_line(tango_io__bpe_maker *m, const unsigned char *line,
                                       size_t size)
{
    size_t space = 0, i;
    while (space < size && line[space] != ' ') space++;
    for (i = space + 1; i < size && line[i] != ' '; i++) {}
    if (space == size || i < size)
        return tango_io_fail(m->error, TANGO_ERROR_DATA,
                             "merges: rule %z, '%q', is not two texts with a space "
                             "between", m->merges, line, size);
    return tango_io__bpe_rule(m, line, space, line + space + 1, size - space - 1);
}

/* merges.txt: a first line "#version: ..." and empty lines are skipped. */
static tango_result tango_io__bpe_text(tango_io__bpe_maker *m, const void *text,
                                       size_t size)
{
    const unsigned char *p = (const unsigned char *)text;
    size_t at = tango_io__mark(text, size), bad = tango_io__utf8_bad(p, size), end, line;
    tango_result r = TANGO_OK;
    if (tango_io_looks_like(text, size))
        return tango_io__foreign(m->error, "merges", "merges.txt", text, size);
    if (bad != size)
        return tango_io_fail(m->error, TANGO_ERROR_DATA,
                             "merges: not UTF-8 (offset %z)", bad);
    for (; at < size && r == TANGO_OK; at = end + 1) {
        for (end = at; end < size && p[end] != '\n'; end++) {}
        line = end - at;
        if (line > 0 && p[end - 1] == '\r') line--;
        if (line == 0 || (line >= 8 && tango_io__equal(p + at, 8, "#version"))) continue;
        r = tango_io__bpe_line(m, p + at, line);
    }
    return r;
}

/* Merges of tokenizer.json: ["left", "right"], in older files "left right". */
static tango_result tango_io__bpe_list(tango_io__bpe_maker *m, size_t list)
{
    tango_io__vocab *v = &m->vocab;
    const tango_io_json *json = &m->json;
    size_t item, left, right;
    tango_result r = TANGO_OK;
    if (list == 0 || json->nodes[list].type != TANGO_IO_JSON_ARRAY)
        return tango_io_fail(m->error, TANGO_ERROR_DATA,
                             "tokenizer.json: the model has no list of merges");
    for (item = tango_io_json_first(json, list); item && r == TANGO_OK;
         item = tango_io_json_next(json, list, item)) {
        const unsigned char *text = v->text + v->used;
        if (tango_io__vocab_text(v, json, item, 0, &left)) {
            r = tango_io__bpe_line(m, text, left);
            continue;
        }
        if (json->nodes[item].type != TANGO_IO_JSON_ARRAY ||
            json->nodes[item].size != 2 ||
            !tango_io__vocab_text(v, json, item + 1, 0, &left) ||
            !tango_io__vocab_text(v, json, tango_io_json_next(json, item, item + 1),
                                  left + 1, &right))
            return tango_io_fail(m->error, TANGO_ERROR_DATA,
                                 "merges: rule %z is not two texts (offset %z)",
                                 m->merges, (size_t)json->nodes[item].at);
        r = tango_io__bpe_rule(m, text, left, text + left + 1, right);
    }
    return r;
}

/* By pair; equal rules as they are. */
static int tango_io__bpe_order(const void *context, const void *a, const void *b)
{
    const unsigned char *rules = (const unsigned char *)context;
    const uint64_t x = tango_io__bpe_pair(rules, *(const uint32_t *)a);
    const uint64_t y = tango_io__bpe_pair(rules, *(const uint32_t *)b);
    if (x != y) return x < y ? -1 : 1;
    return *(const uint32_t *)a < *(const uint32_t *)b ? -1 : 1;
}

/* Writes the numbers of the merges in order. */
static tango_result tango_io__bpe_sort(tango_io__bpe_maker *m)
{
    const unsigned char *rules = m->out + TANGO_IO__BPE_RULES;
    size_t i;
    tango_io__sort(m->order, m->merges, sizeof *m->order, tango_io__bpe_order, rules);
    if (m->merges > (m->capacity - m->at) / 4)
        return tango_io_fail(m->error, TANGO_ERROR_MEMORY,
                             "tokenizer: no room for %z merges", m->merges);
    for (i = 0; i < m->merges; i++, m->at += 4) {
        if (i > 0 && tango_io__bpe_pair(rules, m->order[i - 1]) ==
                         tango_io__bpe_pair(rules, m->order[i]))
            return tango_io_fail(m->error, TANGO_ERROR_DATA,
                                 "merges: rules %z and %z are the same",
                                 (size_t)m->order[i - 1], (size_t)m->order[i]);
        tango_io__put32(m->out + m->at, m->order[i]);
    }
    return TANGO_OK;
}

/* The letter for a byte, in UTF-8; returns its bytes (1 or 2). */
TANGO_IO__HOT
static size_t tango_io__bpe_letter(unsigned char letter[2], unsigned byte)
{
    unsigned code = byte;
    if (byte < 33) code = 256 + byte;
    else if (byte >= 127 && byte < 161) code = 289 + byte - 127;
    else if (byte == 173) code = 323;
    letter[0] = (unsigned char)code;
    if (code < 128) return 1;
    letter[0] = (unsigned char)(0xc0 | code >> 6);
    letter[1] = (unsigned char)(0x80 | (code & 63));
    return 2;
}

/* Ids of bytes. A table without any would make every text empty. */
static tango_result tango_io__bpe_bytes(tango_io__bpe_maker *m)
{
    const size_t end = m->kind == TANGO_IO_BPE_CLIP ? 4 : 0;
    unsigned char letter[2];
    unsigned byte;
    int any = 0;
    for (byte = 0; byte < 256; byte++) {
        const size_t n = tango_io__bpe_letter(letter, byte);
        const int32_t inside = tango_io__vocab_find(&m->vocab, letter, n, "", 0);
        const int32_t last = tango_io__vocab_find(&m->vocab, letter, n, "</w>", end);
        unsigned char *p = m->out + TANGO_IO__BPE_HEAD + 4 * byte;
        any |= last >= 0;
        tango_io__put32(p, inside < 0 ? UINT32_MAX : (uint32_t)inside);
        tango_io__put32(p + 1024, last < 0 ? UINT32_MAX : (uint32_t)last);
    }
    if (any) return TANGO_OK;
    return tango_io_fail(m->error, TANGO_ERROR_UNSUPPORTED,
                         "vocabulary: no entry for any byte%s: it is not byte-level",
                         end ? " with </w>" : "");
}

/* Appends a special token; one that is there already stays as it is. */
static tango_result tango_io__bpe_special_add(tango_io__bpe_maker *m, const void *text,
                                              size_t size, uint32_t flags)
{
    const unsigned char *p = (const unsigned char *)text, *before;
    const int32_t id = tango_io__vocab_find(&m->vocab, text, size, "", 0);
    const size_t start = TANGO_IO__BPE_RULES + (TANGO_IO__BPE_RULE + 4) * m->merges;
    unsigned char *to = m->out + m->at;
    size_t i, plain = size > 0 && p[0] != ' ' && p[size - 1] != ' ';
    for (before = m->out + start; before < to;) {
        const size_t n = tango_io__u32(before + 8);
        if (tango_io__compare(before + 12, n, text, size) == 0) return TANGO_OK;
        before += 12 + (n + 3) / 4 * 4;
    }
    if (id < 0)
        return tango_io_fail(m->error, TANGO_ERROR_DATA,
                             "tokenizer: special token '%q' is no entry of the "
                             "vocabulary", text, size);
    /* The normaliser of CLIP must leave the text as it is. */
    for (i = 0; m->kind == TANGO_IO_BPE_CLIP && (flags & TANGO_IO_BPE_NORMALISED) &&
                i < size; i++)
        plain = plain && p[i] < 0x80 && !(p[i] >= 'A' && p[i] <= 'Z') &&
                !(p[i] == ' ' && p[i - 1] == ' ');
    if (!plain || size > TANGO_IO_BPE_SPECIAL_MAX || !tango_io__name_ok(p, size) ||
        m->specials == TANGO_IO_BPE_SPECIALS_MAX)
        return tango_io_fail(m->error, TANGO_ERROR_UNSUPPORTED,
                             "tokenizer: special token '%q': over 64 bytes, changed by "
                             "the normaliser, with spaces outside, or one of over 256",
                             text, size);
    if (m->capacity - m->at < 12 + (size + 3) / 4 * 4)
        return tango_io_fail(m->error, TANGO_ERROR_MEMORY,
                             "tokenizer: no room for special tokens");
    tango_io__zero(to, 12 + (size + 3) / 4 * 4);
    tango_io__put32(to, (uint32_t)id);
    tango_io__put32(to + 4, flags);
    tango_io__put32(to + 8, (uint32_t)size);
    tango_io__copy(to + 12, text, size);
    m->at += 12 + (size + 3) / 4 * 4;
    m->specials++;
    return TANGO_OK;
}

/* The special token of a node: a text, or an object with one and with settings. *id
   receives its id; *id is left alone for null. */
static tango_result tango_io__bpe_token(tango_io__bpe_maker *m, const tango_io_json *json,
                                        size_t node, int32_t *id)
{
    static const char *const settings[] = { "lstrip", "rstrip", "normalized" };
    char text[TANGO_IO_BPE_SPECIAL_MAX + 1];
    uint32_t flags = 0;                 /* bits in that order */
    size_t size, i;
    if (node == 0 || json->nodes[node].type == TANGO_IO_JSON_NULL) return TANGO_OK;
    if (json->nodes[node].type == TANGO_IO_JSON_OBJECT) {
        if (tango_io__json_true(json, node, "single_word", 0))
            return tango_io__json_refuse(json, "special token with single_word", node,
                                         m->error);
        for (i = 0; i < 3; i++)
            if (tango_io__json_true(json, node, settings[i], 0)) flags |= 1u << i;
        node = tango_io_json_find(json, node, "content");
    }
    if (node == 0 || !tango_io_json_string(json, node, text, sizeof text))
        return tango_io_fail(m->error, TANGO_ERROR_DATA,
                             "tokenizer: a special token is no text of up to 64 bytes");
    size = tango_io__length(text);
    if (id) *id = tango_io__vocab_find(&m->vocab, text, size, "", 0);
    return tango_io__bpe_special_add(m, text, size, flags);
}

/* Ids that the header holds, by their keys in a config. */
enum { TANGO_IO__BEGIN, TANGO_IO__END, TANGO_IO__PAD, TANGO_IO__UNKNOWN };

/* Special tokens of the config and of the kind, for files without a tokenizer.json. In
   such files RoBERTa's unknown token stands for nothing: unknown bytes are left out. */
static tango_result tango_io__bpe_named(tango_io__bpe_maker *m, int32_t ids[4])
{
    static const char *const keys[] = { "bos_token", "eos_token", "pad_token",
                                        "unk_token", "cls_token", "sep_token",
                                        "mask_token" };
    static const char *const names[2][5] = {
        { "<|startoftext|>", "<|endoftext|>", "<|endoftext|>", "<|endoftext|>", NULL },
        { "<s>", "</s>", "<pad>", "<unk>", "<mask>" }
    };
    const int roberta = m->kind == TANGO_IO_BPE_ROBERTA;
    tango_result r = TANGO_OK;
    size_t i;
    for (i = 0; m->has_config && i < 7 && r == TANGO_OK; i++) {
        /* RoBERTa begins and ends with cls_token and sep_token. */
        const int to = i < 4 ? (int)i : i < 6 && roberta ? (int)i - 4 : -1;
        r = tango_io__bpe_token(m, &m->config,
                                tango_io_json_find(&m->config, 0, keys[i]),
                                to < 0 ? NULL : &ids[to]);
    }
    for (i = 0; i < 5 && names[roberta][i] && r == TANGO_OK; i++) {
        const char *name = names[roberta][i];
        if (i < 4 && ids[i] >= 0) continue;
        if (i == 4 && tango_io__vocab_named(&m->vocab, name) < 0) continue;
        r = tango_io__bpe_special_add(m, name, tango_io__length(name), 0);
        if (i < 4) ids[i] = tango_io__vocab_named(&m->vocab, name);
    }
    if (roberta) ids[TANGO_IO__UNKNOWN] = -1;
    return r;
}

/* What a tokenizer.json puts in front of a text and behind it. */
static tango_result tango_io__bpe_ends(tango_io__bpe_maker *m, int32_t ids[4])
{
    const tango_io_json *json = &m->json;
    const size_t post = tango_io_json_find(json, 0, "post_processor");
    size_t node[2] = { 0, 0 }, i, size;
    if (tango_io__node_is(json, post, "type", "RobertaProcessing")) {
        node[0] = tango_io__json_at(json, tango_io_json_find(json, post, "cls"), 0);
        node[1] = tango_io__json_at(json, tango_io_json_find(json, post, "sep"), 0);
    } else if (tango_io__node_is(json, post, "type", "TemplateProcessing")) {
        const size_t single = tango_io_json_find(json, post, "single");
        for (i = 0; i < 2 && single && json->nodes[single].size == 3; i++)
            node[i] = tango_io__json_member(
                json, tango_io__json_member(json, tango_io__json_at(json, single, 2 * i),
                                            "SpecialToken"), "id");
    }
    for (i = 0; i < 2; i++) {
        if (!node[i] || !tango_io__vocab_text(&m->vocab, json, node[i], 0, &size))
            return tango_io__json_refuse(json, "post_processor", post, m->error);
        ids[i] = tango_io__vocab_find(&m->vocab, m->vocab.text + m->vocab.used, size, "",
                                      0);
        if (ids[i] < 0) return tango_io__json_refuse(json, "token", node[i], m->error);
    }
    return TANGO_OK;
}

/* Special tokens of a tokenizer.json. The config, if there is one, names the padding. */
static tango_result tango_io__bpe_added(tango_io__bpe_maker *m, int32_t ids[4])
{
    const tango_io_json *json = &m->json;
    const size_t list = tango_io_json_find(json, 0, "added_tokens");
    const size_t unknown = tango_io_json_find(json, m->model, "unk_token");
    tango_result r = tango_io__bpe_ends(m, ids);
    size_t item, size;
    for (item = list ? tango_io_json_first(json, list) : 0; item && r == TANGO_OK;
         item = tango_io_json_next(json, list, item))
        r = tango_io__bpe_token(m, json, item, NULL);
    if (r == TANGO_OK && unknown && tango_io__vocab_text(&m->vocab, json, unknown, 0,
                                                         &size)) {
        ids[TANGO_IO__UNKNOWN] = tango_io__vocab_find(
            &m->vocab, m->vocab.text + m->vocab.used, size, "", 0);
        if (ids[TANGO_IO__UNKNOWN] < 0)
            return tango_io__json_refuse(json, "unk_token", unknown, m->error);
    }
    if (r == TANGO_OK && m->has_config)
        r = tango_io__bpe_token(m, &m->config,
                                tango_io_json_find(&m->config, 0, "pad_token"),
                                &ids[TANGO_IO__PAD]);
    if (ids[TANGO_IO__PAD] < 0)
        ids[TANGO_IO__PAD] = tango_io__vocab_named(&m->vocab, "<pad>");
    if (ids[TANGO_IO__PAD] < 0) ids[TANGO_IO__PAD] = ids[TANGO_IO__END];
    return r;
}

/* The three steps of CLIP's normaliser, in order. */
static int tango_io__bpe_normal(const tango_io_json *json, size_t node)
{
    const size_t list = tango_io__json_sequence(json, node, "normalizers");
    const size_t space = tango_io__json_at(json, list, 1);
    return list && json->nodes[list].size == 3 &&
           tango_io__node_is(json, tango_io__json_at(json, list, 0), "type", "NFC") &&
           tango_io__node_is(json, space, "type", "Replace") &&
           tango_io__json_regex(json, space, "\\s+") &&
           tango_io__node_is(json, space, "content", " ") &&
           tango_io__node_is(json, tango_io__json_at(json, list, 2), "type", "Lowercase");
}

static int tango_io__bpe_level(const tango_io_json *json, size_t node)
{
    return node && tango_io__node_is(json, node, "type", "ByteLevel") &&
           !tango_io__json_true(json, node, "add_prefix_space", 1) &&
           tango_io__json_true(json, node, "use_regex", 1);
}

/* CLIP's regular expression: 1 or 2 (with the special tokens as words), 0 if another. */
static int tango_io__bpe_split(const tango_io_json *json, size_t node)
{
    const size_t list = tango_io__json_sequence(json, node, "pretokenizers");
    const size_t split = tango_io__json_at(json, list, 0);
    if (!list || json->nodes[list].size != 2 ||
        !tango_io__bpe_level(json, tango_io__json_at(json, list, 1)) ||
        !tango_io__node_is(json, split, "type", "Split") ||
        !tango_io__node_is(json, split, "behavior", "Removed") ||
        !tango_io__json_true(json, split, "invert", 0))
        return 0;
    if (tango_io__json_regex(json, split, "'s|'t|'re|'ve|'m|'ll|'d|[\\p{L}]+|[\\p{N}]|"
                                          "[^\\s\\p{L}\\p{N}]+"))
        return 1;
    return tango_io__json_regex(json, split, "<\\|startoftext\\|>|<\\|endoftext\\|>|"
                                             "'s|'t|'re|'ve|'m|'ll|'d|[\\p{L}]+|[\\p{N}]|"
                                             "[^\\s\\p{L}\\p{N}]+") ? 2 : 0;
}

/* Finds the kind of a tokenizer.json and refuses all that would give other ids. */
static tango_result tango_io__bpe_kind_of(tango_io__bpe_maker *m, uint32_t *flags)
{
    static const char *const off[] = { "dropout", "continuing_subword_prefix", "fuse_unk",
                                       "byte_fallback", "ignore_merges" };
    const tango_io_json *json = &m->json;
    const size_t normal = tango_io_json_find(json, 0, "normalizer"),
                 split = tango_io_json_find(json, 0, "pre_tokenizer");
    const size_t suffix = tango_io_json_find(json, m->model, "end_of_word_suffix");
    size_t i;
    if (!m->model || !tango_io__node_is(json, m->model, "type", "BPE"))
        return tango_io__json_refuse(json, "model", m->model, m->error);
    for (i = 0; i < sizeof off / sizeof *off; i++) {
        const size_t node = tango_io_json_find(json, m->model, off[i]);
        if (!tango_io__json_off(json, node))
            return tango_io__json_refuse(json, off[i], node, m->error);
    }
    *flags = 0;
    m->kind = TANGO_IO_BPE_ROBERTA;
    if (tango_io__json_off(json, suffix)) {
        if (!tango_io__json_off(json, normal))
            return tango_io__json_refuse(json, "normalizer", normal, m->error);
        return tango_io__bpe_level(json, split)
                   ? TANGO_OK
                   : tango_io__json_refuse(json, "pre_tokenizer", split, m->error);
    }
    m->kind = TANGO_IO_BPE_CLIP;
    if (!tango_io_json_equal(json, suffix, "</w>"))
        return tango_io__json_refuse(json, "end_of_word_suffix", suffix, m->error);
    if (!tango_io__bpe_normal(json, normal))
        return tango_io__json_refuse(json, "normalizer", normal, m->error);
    if (tango_io__bpe_split(json, split) == 0)
        return tango_io__json_refuse(json, "pre_tokenizer", split, m->error);
    if (tango_io__bpe_split(json, split) == 2) *flags = TANGO_IO_BPE_WORDS;
    return TANGO_OK;
}

/* Parses the files and reads the vocabulary; *flags as in the header. */
static tango_result tango_io__bpe_start(tango_io__bpe_maker *m, uint32_t *flags,
                                        const tango_io_bpe_files *f, tango_io__room *room)
{
    const void *text = f->json ? f->json : f->vocab;
    const size_t size = f->json ? f->json_size : f->vocab_size;
    tango_result r = tango_io__room_json(&m->json, room, text, size, m->error);
    size_t vocab = 0, added = 0;
    if (r == TANGO_OK && f->config) {
        m->has_config = 1;
        r = tango_io__room_json(&m->config, room, f->config, f->config_size, m->error);
    }
    if (r != TANGO_OK) return r;
    m->whole = f->json != NULL;
    if (m->whole) {
        m->model = tango_io_json_find(&m->json, 0, "model");
        r = tango_io__bpe_kind_of(m, flags);
        if (r != TANGO_OK) return r;
        vocab = tango_io_json_find(&m->json, m->model, "vocab");
        added = tango_io_json_find(&m->json, 0, "added_tokens");
        if (!vocab || (added && m->json.nodes[added].type != TANGO_IO_JSON_ARRAY))
            return tango_io__json_refuse(&m->json, vocab ? "added_tokens" : "vocab",
                                         added, m->error);
    }
    r = tango_io__vocab_read(m, vocab, added, room, size);
    if (r != TANGO_OK || m->whole) return r;
    *flags = TANGO_IO_BPE_WORDS;
    m->kind = TANGO_IO_BPE_CLIP;
    if (tango_io__vocab_named(&m->vocab, "<|startoftext|>") >= 0) return TANGO_OK;
    *flags = 0;
    m->kind = TANGO_IO_BPE_ROBERTA;
    if (m->has_config && tango_io__json_true(&m->config, 0, "add_prefix_space", 0))
        return tango_io_fail(m->error, TANGO_ERROR_UNSUPPORTED,
                             "tokenizer: add_prefix_space true is not supported");
    if (tango_io__vocab_named(&m->vocab, "<s>") >= 0) return TANGO_OK;
    return tango_io_fail(m->error, TANGO_ERROR_UNSUPPORTED,
                         "vocabulary: %z entries, neither <|startoftext|> (CLIP) nor <s> "
                         "(RoBERTa) among them", m->vocab.count);
}

/* Bytes of the table and of work. An entry takes two nodes of 16 bytes, a merge one. */
static tango_result tango_io__bpe_sizes(size_t *table, size_t *work, size_t *merges,
                                        const tango_io_bpe_files *f, tango_error *error)
{
    const size_t size = f->json ? f->json_size : f->vocab_size;
    size_t nodes = 0, config = 0, entries, i, sum;
    tango_result r;
    if (!f->json && (!f->vocab || !f->merges))
        return tango_io_fail(error, TANGO_ERROR_ARGUMENT,
                             "tokenizer: neither tokenizer.json nor vocab.json with "
                             "merges.txt");
    if (f->merges_size > UINT32_MAX / 4)
        return tango_io_fail(error, TANGO_ERROR_UNSUPPORTED, "merges: over 1 GiB");
    r = tango_io_json_work_size(&nodes, f->json ? f->json : f->vocab, size, error);
    if (r == TANGO_OK && f->config)
        r = tango_io_json_work_size(&config, f->config, f->config_size, error);
    if (r != TANGO_OK) return r;
    entries = nodes / sizeof(tango_io_json_node);
    *merges = entries;
    for (i = 0, sum = 1; !f->json && i < f->merges_size; i++)
        sum += ((const unsigned char *)f->merges)[i] == '\n';
    if (!f->json) *merges = sum;
    if (!tango_mul_ok(*merges, TANGO_IO__BPE_RULE + 4, table) ||
        !tango_add_ok(*table, TANGO_IO__BPE_RULES + (size_t)TANGO_IO_BPE_SPECIALS_MAX *
                                  (12 + TANGO_IO_BPE_SPECIAL_MAX), table) ||
        !tango_mul_ok(entries, sizeof(tango_io__span) + 4, work) ||
        !tango_add_ok(*work, 4 * *merges, work) || !tango_add_ok(*work, nodes, work) ||
        !tango_add_ok(*work, config, work) || !tango_add_ok(*work, size + 64, work))
        return tango_io_fail(error, TANGO_ERROR_MEMORY,
                             "tokenizer: too large for this system");
    return TANGO_OK;
}

TANGO_API tango_result tango_io_bpe_from_files_size(size_t *table, size_t *work,
                                                    const tango_io_bpe_files *files,
                                                    tango_error *error)
{
    size_t table_size = 0, work_size = 0, merges = 0;
    tango_result r = tango_io__bpe_sizes(&table_size, &work_size, &merges, files, error);
    if (r != TANGO_OK) return r;
    *table = table_size;
    *work = work_size;
    return TANGO_OK;
}

static void tango_io__bpe_head(tango_io__bpe_maker *m, const int32_t ids[4],
                               uint32_t flags)
{
    unsigned char *p = m->out;
    size_t i;
    tango_io__copy(p, "TANGOBPE", 8);
    tango_io__put32(p + 8, 1);
    tango_io__put32(p + 12, (uint32_t)m->kind);
    tango_io__put32(p + 16, (uint32_t)m->vocab.count);
    tango_io__put32(p + 20, (uint32_t)m->merges);
    tango_io__put32(p + 24, (uint32_t)m->specials);
    for (i = 0; i < 4; i++) tango_io__put32(p + 28 + 4 * i, (uint32_t)ids[i]);
    tango_io__put32(p + 44, flags);
}

TANGO_API tango_result tango_io_bpe_from_files(void *table, size_t capacity, size_t *size,
                                               const tango_io_bpe_files *files,
                                               void *work, size_t work_size,
                                               tango_error *error)
{
    tango_io__bpe_maker m;
    tango_io__room room;
    tango_io_bpe check;
    int32_t ids[4] = { -1, -1, -1, -1 };
    uint32_t flags = 0;
    size_t table_size = 0, need = 0;
    tango_result r;
    tango_io__zero(&m, sizeof m);
    m.error = error;
    m.out = (unsigned char *)table;
    m.capacity = capacity;
    m.at = TANGO_IO__BPE_RULES;
    r = tango_io__bpe_sizes(&table_size, &need, &m.merges_max, files, error);
    if (r != TANGO_OK) return r;
    if (work_size < need || capacity < TANGO_IO__BPE_RULES)
        return tango_io_fail(error, TANGO_ERROR_MEMORY,
                             "tokenizer: %z bytes of work, %z needed", work_size, need);
    room.at = (unsigned char *)work;
    room.left = work_size;
    m.order = (uint32_t *)tango_io__room_take(&room, m.merges_max, sizeof *m.order);
    if (!m.order)
        return tango_io_fail(error, TANGO_ERROR_MEMORY, "tokenizer: no room for work");
    r = tango_io__bpe_start(&m, &flags, files, &room);
    if (r == TANGO_OK) r = tango_io__bpe_bytes(&m);
    if (r == TANGO_OK && m.whole)
        r = tango_io__bpe_list(&m, tango_io_json_find(&m.json, m.model, "merges"));
    else if (r == TANGO_OK)
        r = tango_io__bpe_text(&m, files->merges, files->merges_size);
    if (r == TANGO_OK) r = tango_io__bpe_sort(&m);
    if (r == TANGO_OK) r = m.whole ? tango_io__bpe_added(&m, ids)
                                   : tango_io__bpe_named(&m, ids);
    if (r != TANGO_OK) return r;
    tango_io__bpe_head(&m, ids, flags);
    r = tango_io_bpe_open(&check, table, m.at, error);
    if (r == TANGO_OK) *size = m.at;
    return r;
}

/* Unigram. ------------------------------------------------------------------------- */

/* Value of a base64 digit, or 64. */
static unsigned tango_io__base64(unsigned char c)
{
    if (c >= 'A' && c <= 'Z') return (unsigned)c - 'A';
    if (c >= 'a' && c <= 'z') return (unsigned)c - 'a' + 26;
    if (c >= '0' && c <= '9') return (unsigned)c - '0' + 52;
    return c == '+' ? 62u : c == '/' ? 63u : 64u;
}

/* Decodes base64 (RFC 4648, section 4) as it stands in a JSON text. Bytes written to out
   (3 of every 4 of `size`), or SIZE_MAX if it is none. */
TANGO_IO__HOT
static size_t tango_io__base64_read(unsigned char *out, const char *text, size_t size)
{
    size_t i, k, at = 0, tail = 0;
    if (size % 4 != 0) return SIZE_MAX;
    while (tail < 2 && tail < size && text[size - 1 - tail] == '=') tail++;
    for (i = 0; i < size; i += 4) {
        const size_t digits = i + 4 == size ? 4 - tail : 4;
        uint32_t bits = 0;
        for (k = 0; k < 4; k++) {
            const unsigned v = k < digits ? tango_io__base64((unsigned char)text[i + k])
                                          : 0u;
            if (v > 63) return SIZE_MAX;
            bits = bits << 6 | v;
        }
        if (bits & (digits == 2 ? 0xffffu : digits == 3 ? 0xffu : 0u)) return SIZE_MAX;
        for (k = 0; k + 1 < digits; k++)
            out[at++] = (unsigned char)(bits >> (16 - 8 * k) & 0xff);
    }
    return at;
}

/* Writes a protobuf message; what does not fit is counted all the same. */
typedef struct tango_io__proto {
    unsigned char *out;
    size_t capacity, at;
} tango_io__proto;

static void tango_io__proto_byte(tango_io__proto *p, unsigned char byte)
{
    if (p->at < p->capacity) p->out[p->at] = byte;
    p->at++;
}

static void tango_io__proto_varint(tango_io__proto *p, uint64_t value)
{
    for (; value > 127; value >>= 7)
        tango_io__proto_byte(p, (unsigned char)(value & 127) | 128);
    tango_io__proto_byte(p, (unsigned char)value);
}

static size_t tango_io__varint_size(uint64_t value)
{
    size_t n = 1;
    for (; value > 127; value >>= 7) n++;
    return n;
}

static void tango_io__proto_number(tango_io__proto *p, uint32_t field, uint64_t value)
{
    tango_io__proto_varint(p, field << 3);
    tango_io__proto_varint(p, value);
}

static void tango_io__proto_bytes(tango_io__proto *p, uint32_t field, const void *bytes,
                                  size_t size)
{
    const unsigned char *from = (const unsigned char *)bytes;
    size_t i;
    tango_io__proto_varint(p, field << 3 | 2);
    tango_io__proto_varint(p, size);
    for (i = 0; bytes && i < size; i++) tango_io__proto_byte(p, from[i]);
}

/* One piece: text, score, type if it is not NORMAL. */
static void tango_io__proto_piece(tango_io__proto *p, const void *text, size_t size,
                                  float score, tango_io_piece_type type)
{
    const size_t tail = type == TANGO_IO_PIECE_NORMAL ? 5 : 7;
    unsigned char bits[4];
    uint32_t number;
    size_t i;
    tango_io__copy(&number, &score, 4);
    tango_io__put32(bits, number);
    tango_io__proto_bytes(p, 1, NULL, 1 + tango_io__varint_size(size) + size + tail);
    tango_io__proto_bytes(p, 1, text, size);
    tango_io__proto_byte(p, 2 << 3 | 5);
    for (i = 0; i < 4; i++) tango_io__proto_byte(p, bits[i]);
    if (type != TANGO_IO_PIECE_NORMAL) tango_io__proto_number(p, 3, (uint64_t)type);
}

typedef struct tango_io__unigram {
    tango_io_json json;
    size_t model, vocab, count;
    unsigned char *types;               /* (count) tango_io_piece_type */
    char *text;
    const char *charsmap;               /* base64 */
    size_t charsmap_size;
    uint64_t unknown;
    tango_error *error;
} tango_io__unigram;

static int tango_io__unigram_metaspace(const tango_io_json *json, size_t node)
{
    const size_t scheme = tango_io_json_find(json, node, "prepend_scheme");
    return node && tango_io__node_is(json, node, "type", "Metaspace") &&
           tango_io__node_is(json, node, "replacement", "\xe2\x96\x81") &&
           (scheme ? tango_io_json_equal(json, scheme, "always")
                   : tango_io__json_true(json, node, "add_prefix_space", 1)) &&
           tango_io__json_true(json, node, "split", 1);
}

/* What is done to a text first: the charsmap, then perhaps spaces at the end go and runs
   of them become one. *squeezed says whether. */
static tango_result tango_io__unigram_normal(tango_io__unigram *u, int *squeezed)
{
    const tango_io_json *json = &u->json;
    const size_t node = tango_io_json_find(json, 0, "normalizer");
    const size_t list = tango_io__json_sequence(json, node, "normalizers");
    size_t item = list ? tango_io_json_first(json, list) : node;
    *squeezed = 0;
    if (tango_io__json_off(json, node)) return TANGO_OK;
    for (; item; item = list ? tango_io_json_next(json, list, item) : 0) {
        const size_t map = tango_io_json_find(json, item, "precompiled_charsmap");
        if (tango_io__node_is(json, item, "type", "Precompiled") && map &&
            json->nodes[map].type == TANGO_IO_JSON_STRING && !u->charsmap && !*squeezed) {
            u->charsmap = json->text + json->nodes[map].at;
            u->charsmap_size = json->nodes[map].size;
        } else if (tango_io__node_is(json, item, "type", "Replace") &&
                   tango_io__json_regex(json, item, " {2,}") &&
                   (tango_io__node_is(json, item, "content", " ") ||
                    tango_io__node_is(json, item, "content", "\xe2\x96\x81"))) {
            *squeezed = 1;
        } else if (!tango_io__node_is(json, item, "type", "Strip")) {
            return tango_io__json_refuse(json, "normalizer",
                                         tango_io_json_find(json, item, "type"),
                                         u->error);
        }
    }
    return TANGO_OK;
}

/* Refuses all that would give other ids than SentencePiece's own algorithm. */
static tango_result tango_io__unigram_check(tango_io__unigram *u)
{
    const tango_io_json *json = &u->json;
    const size_t split = tango_io_json_find(json, 0, "pre_tokenizer"),
                 post = tango_io_json_find(json, 0, "post_processor"),
                 single = tango_io_json_find(json, post ? post : 0, "single"),
                 bytes = tango_io_json_find(json, u->model, "byte_fallback"),
                 list = tango_io__json_sequence(json, split, "pretokenizers");
    size_t end;
    int squeezed;
    tango_result r = tango_io__unigram_normal(u, &squeezed);
    if (r != TANGO_OK) return r;
    if (!tango_io__json_off(json, bytes))
        return tango_io__json_refuse(json, "byte_fallback", bytes, u->error);
    /* Spaces are one each: by the normaliser, or by splitting at them. */
    if (!(squeezed && tango_io__unigram_metaspace(json, split)) &&
        !(list && json->nodes[list].size == 2 &&
          tango_io__node_is(json, tango_io__json_at(json, list, 0), "type",
                            "WhitespaceSplit") &&
          tango_io__unigram_metaspace(json, tango_io__json_at(json, list, 1))))
        return tango_io__json_refuse(json, "pre_tokenizer", split, u->error);
    if (!tango_io__node_is(json, post, "type", "TemplateProcessing") || !single ||
        json->nodes[single].size != 2)
        return tango_io__json_refuse(json, "post_processor", post, u->error);
    end = tango_io_json_find(json, tango_io__json_at(json, single, 1), "SpecialToken");
    if (!end || !tango_io__node_is(json, end, "id", "</s>"))
        return tango_io__json_refuse(json, "post_processor", post, u->error);
    return TANGO_OK;
}

/* Node of the text of piece `item`, checked to be [text, score]. */
static size_t tango_io__unigram_text(const tango_io__unigram *u, size_t item,
                                     double *score)
{
    const tango_io_json *json = &u->json;
    const size_t text = tango_io__json_at(json, item, 0);
    if (!text || json->nodes[item].size != 2 ||
        json->nodes[text].type != TANGO_IO_JSON_STRING ||
        !tango_io_json_number(json, tango_io_json_next(json, item, text), score) ||
        *score > 3.0e38 || *score < -3.0e38)
        return 0;
    return text;
}

/* Types of the pieces: added tokens are control pieces, or unused if they are no part of
   T5's own model. */
static tango_result tango_io__unigram_types(tango_io__unigram *u)
{
    const tango_io_json *json = &u->json;
    const size_t added = tango_io_json_find(json, 0, "added_tokens");
    size_t i, item;
    for (i = 0; i < u->count; i++) u->types[i] = TANGO_IO_PIECE_NORMAL;
    if (!tango_io_json_u64(json, tango_io_json_find(json, u->model, "unk_id"),
                           &u->unknown) || u->unknown >= u->count)
        return tango_io__json_refuse(json, "unk_id",
                                     tango_io_json_find(json, u->model, "unk_id"),
                                     u->error);
    for (item = added ? tango_io_json_first(json, added) : 0; item;
         item = tango_io_json_next(json, added, item)) {
        const size_t content = tango_io_json_find(json, item, "content");
        uint64_t id;
        if (!content || !tango_io__json_true(json, item, "special", 0) ||
            !tango_io_json_u64(json, tango_io_json_find(json, item, "id"), &id))
            return tango_io__json_refuse(json, "added token that is not special", content,
                                         u->error);
        if (id >= u->count) continue;
        u->types[id] = TANGO_IO_PIECE_CONTROL;
        if (json->nodes[content].size > 10 &&
            tango_io__equal(json->text + json->nodes[content].at, 10, "<extra_id_"))
            u->types[id] = TANGO_IO_PIECE_UNUSED;
    }
    u->types[u->unknown] = TANGO_IO_PIECE_UNKNOWN;
    while (u->types[u->count - 1] == TANGO_IO_PIECE_UNUSED) u->count--;
    return TANGO_OK;
}

/* Pieces in order of id; ends[0] is that of </s>, ends[1] that of <pad>, or SIZE_MAX. */
static tango_result tango_io__unigram_pieces(const tango_io__unigram *u,
                                             tango_io__proto *p, size_t ends[2])
{
    const tango_io_json *json = &u->json;
    size_t item = tango_io_json_first(json, u->vocab), id, normal = 0;
    ends[0] = ends[1] = SIZE_MAX;
    for (id = 0; id < u->count; id++, item = tango_io_json_next(json, u->vocab, item)) {
        double score = 0.0;
        const size_t text = tango_io__unigram_text(u, item, &score);
        if (!text || !tango_io_json_string(json, text, u->text,
                                           (size_t)json->nodes[text].size + 1))
            return tango_io_fail(u->error, TANGO_ERROR_DATA,
                                 "tokenizer.json: piece %z is no text with a score "
                                 "(offset %z)", id, (size_t)json->nodes[item].at);
        if (tango_io_json_equal(json, text, "</s>")) ends[0] = id;
        if (tango_io_json_equal(json, text, "<pad>")) ends[1] = id;
        tango_io__proto_piece(p, u->text, tango_io__length(u->text), (float)score,
                              (tango_io_piece_type)u->types[id]);
        normal += u->types[id] == TANGO_IO_PIECE_NORMAL;
    }
    if (ends[0] == SIZE_MAX || u->types[ends[0]] != TANGO_IO_PIECE_CONTROL || !normal)
        return tango_io_fail(u->error, TANGO_ERROR_DATA,
                             "tokenizer.json: no special token '</s>', or no piece that "
                             "is not special");
    return TANGO_OK;
}

static void tango_io__unigram_trainer(const tango_io__unigram *u, tango_io__proto *p,
                                      const size_t ends[2])
{
    unsigned char bytes[64];
    tango_io__proto t;
    t.out = bytes;
    t.capacity = sizeof bytes;
    t.at = 0;
    tango_io__proto_number(&t, 3, 1);
    tango_io__proto_number(&t, 40, u->unknown);
    tango_io__proto_number(&t, 41, UINT64_MAX);
    tango_io__proto_number(&t, 42, ends[0] == SIZE_MAX ? UINT64_MAX : ends[0]);
    tango_io__proto_number(&t, 43, ends[1] == SIZE_MAX ? UINT64_MAX : ends[1]);
    tango_io__proto_bytes(p, 2, bytes, t.at);
}

TANGO_API tango_result tango_io_spiece_from_json_size(size_t *model, size_t *work,
                                                      const void *text, size_t text_size,
                                                      tango_error *error)
{
    size_t nodes = 0, sum, twice;
    tango_result r = tango_io_json_work_size(&nodes, text, text_size, error);
    if (r != TANGO_OK) return r;
    /* A piece adds at most 13 bytes to its text and in JSON at least 7. Work: the nodes,
       for each of them a type and a span, one text or the charsmap. */
    if (!tango_mul_ok(text_size, 2, &twice) || !tango_add_ok(twice, 256, &twice) ||
        !tango_add_ok(nodes, nodes / 16 * (1 + sizeof(tango_io__span)), &sum) ||
        !tango_add_ok(sum, text_size + 64, &sum))
        return tango_io_fail(error, TANGO_ERROR_MEMORY,
                             "tokenizer.json: too large for this system");
    *model = twice;
    *work = sum;
    return TANGO_OK;
}

/* Parses, checks, and divides the work. *spans: two numbers a piece. */
static tango_result tango_io__unigram_start(tango_io__unigram *u, uint32_t **spans,
                                            const void *text, size_t text_size,
                                            tango_io__room room)
{
    tango_result r = tango_io__room_json(&u->json, &room, text, text_size, u->error);
    if (r != TANGO_OK) return r;
    u->model = tango_io_json_find(&u->json, 0, "model");
    if (!u->model || !tango_io__node_is(&u->json, u->model, "type", "Unigram"))
        return tango_io__json_refuse(&u->json, "model", u->model, u->error);
    u->vocab = tango_io_json_find(&u->json, u->model, "vocab");
    if (!u->vocab || u->json.nodes[u->vocab].type != TANGO_IO_JSON_ARRAY)
        return tango_io__json_refuse(&u->json, "vocab", 0, u->error);
    u->count = u->json.nodes[u->vocab].size;
    *spans = (uint32_t *)tango_io__room_take(&room, u->count, 2 * sizeof **spans);
    u->types = (unsigned char *)tango_io__room_take(&room, u->count, 1);
    u->text = (char *)tango_io__room_take(&room, text_size, 1);
    if (!*spans || !u->types || !u->text)
        return tango_io_fail(u->error, TANGO_ERROR_MEMORY, "tokenizer: no room for work");
    r = tango_io__unigram_check(u);
    return r == TANGO_OK ? tango_io__unigram_types(u) : r;
}

TANGO_API tango_result tango_io_spiece_from_json(void *model, size_t capacity,
                                                 size_t *size, const void *text,
                                                 size_t text_size, void *work,
                                                 size_t work_size, tango_error *error)
{
    tango_io__unigram u;
    tango_io__proto p;
    tango_io__room room;
    tango_io_spiece check;
    size_t ends[2], map = 0;
    uint32_t *spans = NULL;
    tango_result r;
    tango_io__zero(&u, sizeof u);
    u.error = error;
    p.out = (unsigned char *)model;
    p.capacity = capacity;
    p.at = 0;
    room.at = (unsigned char *)work;
    room.left = work_size;
    r = tango_io__unigram_start(&u, &spans, text, text_size, room);
    if (r == TANGO_OK) r = tango_io__unigram_pieces(&u, &p, ends);
    if (r != TANGO_OK) return r;
    tango_io__unigram_trainer(&u, &p, ends);
    if (u.charsmap) {
        map = tango_io__base64_read((unsigned char *)u.text, u.charsmap, u.charsmap_size);
        if (map == SIZE_MAX)
            return tango_io_fail(error, TANGO_ERROR_DATA,
                                 "tokenizer.json: the charsmap is no base64 (offset %z)",
                                 (size_t)(u.charsmap - (const char *)text));
    }
    /* Inside the normaliser the charsmap is all that has a length. */
    tango_io__proto_bytes(&p, 3, NULL, u.charsmap
                                           ? 1 + tango_io__varint_size(map) + map : 0);
    if (u.charsmap) tango_io__proto_bytes(&p, 2, u.text, map);
    if (p.at > capacity)
        return tango_io_fail(error, TANGO_ERROR_MEMORY,
                             "tokenizer.json: the model takes %z bytes, there are %z",
                             p.at, capacity);
    r = tango_io_spiece_open(&check, model, p.at, error);
    if (r == TANGO_OK) r = tango_io_spiece_unique(&check, spans, 2 * u.count, error);
    if (r == TANGO_OK) *size = p.at;
    return r;
}

/* ==== 11 >>npy ==== NumPy arrays ==================================================== */

/* NumPy's letter and digit of each element type. bf16 has none. */
static const char tango_io__npy_types[][3] = { "f4", "f2", "",   "i1", "i2", "i4", "i8",
                                               "u1", "u2", "u4", "u8", "f8", "b1" };

static tango_result tango_io__npy_bad(const tango_io__cursor *c, tango_error *error,
                                      const char *what)
{
    return tango_io_fail(error, TANGO_ERROR_DATA, "npy: %s (offset %z)", what,
                         tango_io__offset(c));
}

/* Skips blanks, then takes `word` if it is next. */
static int tango_io__npy_word(tango_io__cursor *c, const char *word)
{
    size_t n = tango_io__length(word);
    while (tango_io__left(c) > 0 && (*c->at == ' ' || *c->at == '\n'))
        tango_io__take(c, 1);
    if (tango_io__left(c) < n || !tango_io__equal(c->at, n, word)) return 0;
    tango_io__take(c, n);
    return 1;
}

/* A string in single or double quotes, without escapes. 0 if there is none. */
static int tango_io__npy_string(tango_io__cursor *c, const unsigned char **text,
                                size_t *size)
{
    unsigned char quote;
    size_t n = 0, left;
    if (!tango_io__npy_word(c, "'") && !tango_io__npy_word(c, "\"")) return 0;
    quote = c->at[-1];
    left = tango_io__left(c);
    while (n < left && c->at[n] != quote && c->at[n] != '\\' && c->at[n] >= 0x20) n++;
    if (n == left || c->at[n] != quote) return 0;
    *text = tango_io__take(c, n + 1);
    *size = n;
    return 1;
}

static tango_result tango_io__npy_descr(tango_io__cursor *c, tango_io_npy *npy,
                                        tango_error *error)
{
    const unsigned char *text = NULL;
    size_t size = 0, i,
           count = sizeof tango_io__npy_types / sizeof tango_io__npy_types[0];
    if (!tango_io__npy_string(c, &text, &size))
        return tango_io__npy_bad(c, error, "descr is not a plain string");
    for (i = 0; i < count && size == 3; i++) {
        const char *name = tango_io__npy_types[i];
        if (!name[0] || !tango_io__equal(text + 1, 2, name)) continue;
        if (text[0] != '<' && (text[0] != '|' || name[1] != '1')) continue;
        npy->type = (tango_io_type)i;
        return TANGO_OK;
    }
    return tango_io_fail(error, TANGO_ERROR_UNSUPPORTED,
                         "npy: element type %q is not read (offset %z)", text, size,
                         (size_t)(text - c->begin));
}

/* (), (n,), (n, m) or (n, m,) with plain decimals. */
static tango_result tango_io__npy_shape(tango_io__cursor *c, tango_io_npy *npy,
                                        tango_error *error)
{
    uint64_t shape[TANGO_IO_RANK_MAX], count;
    int comma = 1;
    size_t i;
    npy->rank = 0;
    if (!tango_io__npy_word(c, "("))
        return tango_io__npy_bad(c, error, "shape is no tuple");
    while (!tango_io__npy_word(c, ")")) {
        uint64_t n = 0;
        const unsigned char *start = c->at;
        if (!comma) return tango_io__npy_bad(c, error, "shape without a comma");
        if (npy->rank == TANGO_IO_RANK_MAX)
            return tango_io__npy_bad(c, error, "rank over 8");
        while (tango_io__left(c) > 0 && *c->at >= '0' && *c->at <= '9') {
            uint64_t digit = (uint64_t)*tango_io__take(c, 1) - '0';
            if (n > ((uint64_t)INT64_MAX - digit) / 10)
                return tango_io__npy_bad(c, error, "dimension over 2^63 - 1");
            n = n * 10 + digit;
        }
        if (c->at == start || (*start == '0' && c->at - start > 1))
            return tango_io__npy_bad(c, error, "dimension is no plain decimal");
        shape[npy->rank++] = n;
        comma = tango_io__npy_word(c, ",");
    }
    if (npy->rank == 1 && !comma) return tango_io__npy_bad(c, error, "shape is no tuple");
    if (!tango_io__count(&count, shape, npy->rank) || count > SIZE_MAX)
        return tango_io__npy_bad(c, error, "more elements than this machine can address");
    npy->count = (size_t)count;
    for (i = 0; i < TANGO_IO_RANK_MAX; i++)
        npy->shape[i] = i < npy->rank ? (size_t)shape[i] : 0;
    return TANGO_OK;
}

/* {'descr': ..., 'fortran_order': ..., 'shape': ...} in any order, then only blanks. */
static tango_result tango_io__npy_dictionary(tango_io__cursor *c, tango_io_npy *npy,
                                             tango_error *error)
{
    unsigned seen = 0, bit;
    int comma = 1;
    tango_result r;
    if (!tango_io__npy_word(c, "{"))
        return tango_io__npy_bad(c, error, "header is no dictionary");
    while (!tango_io__npy_word(c, "}")) {
        const unsigned char *key = NULL;
        size_t size = 0;
        if (!comma || !tango_io__npy_string(c, &key, &size) ||
            !tango_io__npy_word(c, ":"))
            return tango_io__npy_bad(c, error, "expected a key, a colon or a comma");
        bit = tango_io__equal(key, size, "descr") ? 1u
            : tango_io__equal(key, size, "fortran_order") ? 2u
            : tango_io__equal(key, size, "shape") ? 4u : 0u;
        if (bit == 0 || (seen & bit))
            return tango_io__npy_bad(c, error, "unknown or duplicate key");
        seen |= bit;
        r = TANGO_OK;
        if (bit == 1) {
            r = tango_io__npy_descr(c, npy, error);
        } else if (bit == 4) {
            r = tango_io__npy_shape(c, npy, error);
        } else if (tango_io__npy_word(c, "True")) {
            npy->fortran = 1;
        } else if (!tango_io__npy_word(c, "False")) {
            return tango_io__npy_bad(c, error, "fortran_order is neither True nor False");
        }
        if (r != TANGO_OK) return r;
        comma = tango_io__npy_word(c, ",");
    }
    tango_io__npy_word(c, "");                  /* the padding */
    if (seen != 7 || tango_io__left(c) > 0)
        return tango_io__npy_bad(c, error, "missing key, or bytes after the dictionary");
    return TANGO_OK;
}

TANGO_API tango_result tango_io_npy_parse(tango_io_npy *npy, const void *bytes,
                                          size_t size, tango_error *error)
{
    static const unsigned char magic[6] = { 0x93, 'N', 'U', 'M', 'P', 'Y' };
    const unsigned char *p = (const unsigned char *)bytes;
    tango_io__cursor c;
    tango_io_npy out;
    size_t prefix, length, element;
    tango_result r;
    if (!p || size < 6 || tango_io__compare(p, 6, magic, 6) != 0)
        return tango_io__foreign(error, "npy", "an NPY file", p, size);
    if (size < 10)
        return tango_io_fail(error, TANGO_ERROR_DATA,
                             "npy: the header is cut off (offset 6)");
    if (p[6] < 1 || p[6] > 3 || p[7] != 0)
        return tango_io_fail(error, TANGO_ERROR_UNSUPPORTED,
                             "npy: version %u.%u, expected 1.0, 2.0 or 3.0 (offset 6)",
                             (uint64_t)p[6], (uint64_t)p[7]);
    prefix = p[6] == 1 ? 10 : 12;
    if (size < prefix)
        return tango_io_fail(error, TANGO_ERROR_DATA,
                             "npy: the header is cut off (offset 8)");
    length = p[6] == 1 ? tango_io__u16(p + 8) : tango_io__u32(p + 8);
    if (length > 10000 || length > size - prefix)
        return tango_io_fail(error, TANGO_ERROR_DATA,
                             "npy: header of %z bytes, limit 10000, file %z (offset 8)",
                             length, size);
    tango_io__zero(&out, sizeof out);
    c = tango_io__cursor_over(p, prefix + length);
    tango_io__take(&c, prefix);
    r = tango_io__npy_dictionary(&c, &out, error);
    if (r != TANGO_OK) return r;
    element = tango_io_type_size(out.type);
    out.data = c.end;
    out.size = size - prefix - length;
    if (out.size % element != 0 || out.size / element != out.count)
        return tango_io_fail(
            error, TANGO_ERROR_DATA,
            "npy: %z elements of %z bytes expected, %z bytes found (offset %z)",
            out.count, element, out.size, prefix + length);
    *npy = out;
    return TANGO_OK;
}

TANGO_API void tango_io_npy_view(tango_io_view *view, const tango_io_npy *npy)
{
    size_t i, axis, stride = 1;
    view->data = npy->data;
    view->type = npy->type;
    view->rank = npy->rank;
    view->count = npy->count;
    for (i = 0; i < TANGO_IO_RANK_MAX; i++) {
        view->shape[i] = npy->shape[i];
        view->strides[i] = 0;
    }
    for (i = 0; i < npy->rank; i++) { /* with a 0 in the shape nothing is read */
        axis = npy->fortran ? i : npy->rank - 1 - i;
        view->strides[axis] = stride;
        stride *= npy->shape[axis];
    }
}

TANGO_API size_t tango_io_npy_header(unsigned char *out, tango_io_type type,
                                     const size_t *shape, size_t rank)
{
    size_t at, i;
    tango_error number;
    if (rank > TANGO_IO_RANK_MAX || type > TANGO_IO_BOOL || type == TANGO_IO_BF16)
        return 0;
    at = tango_io__put_string(out, 0, "\x93NUMPY\x01");
    for (i = 0; i < 3; i++) out[at++] = 0;              /* minor version, length */
    at = tango_io__put_string(out, at, "{'descr': '");
    out[at++] = tango_io_type_size(type) == 1 ? '|' : '<';
    at = tango_io__put_string(out, at, tango_io__npy_types[type]);
    at = tango_io__put_string(out, at, "', 'fortran_order': False, 'shape': (");
    for (i = 0; i < rank; i++) {                        /* at most 8 * 22 bytes */
        tango_io_fail(&number, TANGO_OK, i + 1 < rank ? "%z, " : rank == 1 ? "%z," : "%z",
                      shape[i]);
        at = tango_io__put_string(out, at, number.text);
    }
    at = tango_io__put_string(out, at, "), }");
    while (at % 64 != 63) out[at++] = ' ';
    out[at++] = '\n';
    tango_io__put16(out + 8, (uint32_t)(at - 10));
    return at;
}

#ifdef TANGO_IO__WRITES

TANGO_API tango_result tango_io_npy_write(tango_io_output *output, tango_io_type type,
                                          const void *data, const size_t *shape,
                                          size_t rank, tango_error *error)
{
    unsigned char buffer[4096];
    const unsigned char *p = (const unsigned char *)data;
    size_t n = tango_io_npy_header(buffer, type, shape, rank), i, count = 1, size;
    tango_result r;
    if (n == 0)
        return tango_io_fail(error, TANGO_ERROR_ARGUMENT,
                             "npy: rank or type that NPY lacks");
    size = tango_io_type_size(type);
    for (i = 0; i < rank; i++) {
        if (!tango_mul_ok(count, shape[i], &count))
            return tango_io_fail(error, TANGO_ERROR_ARGUMENT, "npy: impossible shape");
    }
    r = tango_io_write(output, buffer, n, error);
    if (r == TANGO_OK && count > 0 && tango_io__is_little())
        return tango_io_write(output, p, count * size, error);
    while (count > 0 && r == TANGO_OK) {
        n = count < sizeof buffer / size ? count : sizeof buffer / size;
        tango_io__little(buffer, p, size, n);
        r = tango_io_write(output, buffer, n * size, error);
        p += n * size;
        count -= n;
    }
    return r;
}

#endif

/* ==== 12 >>wav ==== WAV ============================================================= */

TANGO_API size_t tango_io_wav_sample_size(tango_io_wav_format format)
{
    static const unsigned char size[] = { 2, 3, 4, 4, 8 };
    return (size_t)format < sizeof size ? size[format] : 0;
}

/* What INFO calls the names of Vorbis comments. */
static const char tango_io__wav_names[][2][12] = {
    { "INAM", "TITLE" },   { "IART", "ARTIST" },      { "IPRD", "ALBUM" },
    { "ICMT", "COMMENT" }, { "ICOP", "COPYRIGHT" },   { "ICRD", "DATE" },
    { "IGNR", "GENRE" },   { "ITRK", "TRACKNUMBER" }, { "ISFT", "ENCODER" },
};

/* 1 if the name has characters, all of them allowed. */
static int tango_io__tag_named(const tango_io_tag *tag)
{
    size_t i;
    for (i = 0; i < tag->name_size; i++)
        if (tag->name[i] < 0x20 || tag->name[i] > 0x7d || tag->name[i] == '=') return 0;
    return i > 0;
}

/* 1 if the name is `word`, in capitals, whatever its case. */
static int tango_io__tag_is(const char *name, size_t size, const char *word)
{
    size_t i;
    for (i = 0; i < size && word[i]; i++) {
        char c = name[i];
        if (c >= 'a' && c <= 'z') c = (char)(c - 'a' + 'A');
        if (c != word[i]) return 0;
    }
    return i == size && !word[i];
}

/* The four characters of INFO for a name, or NULL. */
static const char *tango_io__wav_id(const char *name, size_t size)
{
    const size_t count = sizeof tango_io__wav_names / sizeof tango_io__wav_names[0];
    size_t i;
    for (i = 0; i < count; i++)
        if (tango_io__tag_is(name, size, tango_io__wav_names[i][1]))
            return tango_io__wav_names[i][0];
    return size == 4 && name[0] == 'I' ? name : NULL;
}

TANGO_API int tango_io_wav_has(const char *name, size_t name_size)
{
    return tango_io__wav_id(name, name_size) != NULL;
}

/* Chunk head: four letters and a size. Returns the offset behind it. */
static size_t tango_io__wav_chunk(unsigned char *out, size_t at, const char *name,
                                  uint64_t size)
{
    at = tango_io__put_string(out, at, name);
    tango_io__put32(out + at, size > 0xffffffff ? 0xffffffffu : (uint32_t)size);
    return at + 4;
}

/* The same with room for `more` bytes of chunks before the last one, data, whose head is
   the last 8 bytes. */
static size_t tango_io__wav_header(unsigned char *out, const tango_io_wav_spec *spec,
                                   uint64_t more)
{
    size_t sample = tango_io_wav_sample_size(spec->format),
           frame = sample * spec->channels;
    int floats = spec->format >= TANGO_IO_WAV_FLOAT32, large;
    uint64_t data, riff;
    size_t at, fmt = floats ? 18 : 16;
    if (sample == 0 || spec->channels < 1 || spec->channels > 256 || spec->rate < 1 ||
        spec->rate > 1000000 || spec->frames > ((uint64_t)INT64_MAX - 256) / frame)
        return 0;
    data = spec->frames * frame;
    riff = 4 + 8 + fmt + (floats ? 12 : 0) + more + 8 + data + (data & 1);
    large = riff > 0xffffffff;
    at = tango_io__wav_chunk(out, 0, large ? "RF64" : "RIFF", large ? UINT64_MAX : riff);
    at = tango_io__put_string(out, at, "WAVE");
    if (large) {                                /* the sizes that 32 bits do not hold */
        at = tango_io__wav_chunk(out, at, "ds64", 28);
        tango_io__put64(out + at, riff + 36);
        tango_io__put64(out + at + 8, data);
        tango_io__put64(out + at + 16, spec->frames);
        tango_io__put32(out + at + 24, 0);      /* no table of further chunks */
        at += 28;
    }
    at = tango_io__wav_chunk(out, at, "fmt ", fmt);
    tango_io__put16(out + at, floats ? 3 : 1);  /* IEEE float, PCM */
    tango_io__put16(out + at + 2, (uint32_t)spec->channels);
    tango_io__put32(out + at + 4, spec->rate);
    tango_io__put32(out + at + 8, (uint32_t)(spec->rate * frame));
    tango_io__put16(out + at + 12, (uint32_t)frame);
    tango_io__put16(out + at + 14, (uint32_t)(8 * sample));
    if (floats) tango_io__put16(out + at + 16, 0);      /* no extension */
    at += fmt;
    if (floats) {
        at = tango_io__wav_chunk(out, at, "fact", 4);
        tango_io__put32(out + at,
                        spec->frames > 0xffffffff ? 0xffffffffu : (uint32_t)spec->frames);
        at += 4;
    }
    return tango_io__wav_chunk(out, at, "data", large ? UINT64_MAX : data);
}

TANGO_API size_t tango_io_wav_header(unsigned char *out, const tango_io_wav_spec *spec)
{
    return tango_io__wav_header(out, spec, 0);
}

/* x * 2^bits as an integer, clamped to [-2^bits, 2^bits - 1]; rounded half to even or cut
   toward zero. The product is exact in double; it is clamped before the cast, which would
   be undefined out of range. NaN counts as the least number. */
TANGO_IO__INLINE int32_t tango_io__wav_integer(double x, int bits, int round)
{
    const double limit = (double)((int64_t)1 << bits);
    double part;
    int32_t n, odd;
    x *= limit;
    x = x > -limit ? x : -limit;
    x = x < limit - 1.0 ? x : limit - 1.0;
    n = (int32_t)x;                             /* toward zero */
    if (!round) return n;
    odd = n & 1;
    part = x - (double)n;
    return n + ((part > 0.5) | ((part >= 0.5) & odd))
        - ((part < -0.5) | ((part <= -0.5) & odd));
}

/* One sample; 0 if it is not finite in the format. */
TANGO_IO__INLINE int tango_io__wav_put(unsigned char *out, double x,
                                       const tango_io_wav_spec *spec)
{
    uint32_t bits;
    float single;
    if (!tango_io__finite(x)) return 0;
    switch (spec->format) {
    case TANGO_IO_WAV_PCM16:
        bits = (uint32_t)tango_io__wav_integer(x, 15, spec->round);
        tango_io__put16(out, bits & 0xffff);
        break;
    case TANGO_IO_WAV_PCM24:
        bits = (uint32_t)tango_io__wav_integer(x, 23, spec->round);
        tango_io__put16(out, bits & 0xffff);
        out[2] = (unsigned char)(bits >> 16 & 0xff);
        break;
    case TANGO_IO_WAV_PCM32:
        tango_io__put32(out, (uint32_t)tango_io__wav_integer(x, 31, spec->round));
        break;
    case TANGO_IO_WAV_FLOAT32:
        single = tango_io__narrow(x);
        if (!tango_io__finite((double)single)) return 0;
        tango_io__copy(&bits, &single, 4);
        tango_io__put32(out, bits);
        break;
    case TANGO_IO_WAV_FLOAT64: tango_io__put64(out, tango_io__double_bits(x)); break;
    }
    return 1;
}

/* tango_io__wav_integer for the usual format, in float: x 2^15 and what is left of it are
   exact there too. An odd n has |x| >= 1, so that `part` is a multiple of 2^-23: with the
   limit a little lower, half counts as more. Returns 1 if all samples are finite, else
   `out` means nothing. */
TANGO_IO__HOT
static int tango_io__wav_pcm16(unsigned char *out, const float *samples, size_t count)
{
    const float step = 1.0f / 33554432.0f;      /* 2^-25, between floats below 0.5 */
    int finite = 1;
    size_t i;
    for (i = 0; i < count; i++) {
        float x = samples[i] * 32768.0f, part, limit;
        int32_t n;
        finite &= samples[i] - samples[i] == 0.0f;
        x = x > -32768.0f ? x : -32768.0f;
        x = x < 32767.0f ? x : 32767.0f;
        n = (int32_t)x;                         /* toward zero */
        part = x - (float)n;
        limit = 0.5f - (float)(n & 1) * step;
        n += (part > limit) - (part < -limit);
        out[2 * i] = (unsigned char)(n & 0xff);
        out[2 * i + 1] = (unsigned char)(n >> 8 & 0xff);
    }
    return finite;
}

TANGO_API TANGO_IO__HOT
size_t tango_io_wav_encode(unsigned char *out, const float *samples,
                           size_t count, const tango_io_wav_spec *spec)
{
    size_t i, size = tango_io_wav_sample_size(spec->format);
    if (spec->format == TANGO_IO_WAV_PCM16 && spec->round &&
        tango_io__wav_pcm16(out, samples, count)) return count;
    for (i = 0; i < count; i++, out += size) {
        if (!tango_io__wav_put(out, (double)samples[i], spec)) return i;
    }
    return count;
}

TANGO_API TANGO_IO__HOT
size_t tango_io_wav_encode_double(unsigned char *out, const double *samples,
                                  size_t count, const tango_io_wav_spec *spec)
{
    size_t i, size = tango_io_wav_sample_size(spec->format);
    for (i = 0; i < count; i++, out += size) {
        if (!tango_io__wav_put(out, samples[i], spec)) return i;
    }
    return count;
}

#ifdef TANGO_IO__WRITES

/* ---- Tags ------------------------------------------------------------------------- */

static tango_result tango_io__tag_check(const tango_io_tag *tag, tango_error *error)
{
    size_t i;
    if (!tango_io__tag_named(tag))
        return tango_io_fail(error, TANGO_ERROR_ARGUMENT, "tags: %q is no name",
                             tag->name, tag->name_size);
    for (i = 0; i < tag->text_size; i++)
        if (!tag->text[i])
            return tango_io_fail(error, TANGO_ERROR_ARGUMENT,
                                 "tags: %q has a NUL at byte %z", tag->name,
                                 tag->name_size, i);
    return TANGO_OK;
}

/* Bytes of the text as it is written; to `output` too unless that is NULL. */
static tango_result tango_io__tag_text(uint64_t *size, const tango_io_tag *tag,
                                       tango_io_output *output, tango_error *error)
{
    const unsigned char *p = (const unsigned char *)tag->text;
    size_t left = tag->text_size, good, bad;
    tango_result r = TANGO_OK;
    for (*size = 0; left > 0 && r == TANGO_OK; p += good + bad, left -= good + bad) {
        good = tango_io__utf8_bad(p, left);
        bad = good < left;
        *size += good + 3 * bad;
        if (output) r = tango_io_write(output, p, good, error);
        if (output && bad && r == TANGO_OK)
            r = tango_io_write(output, "\xef\xbf\xbd", 3, error);
    }
    return r;
}

/* Bytes of the LIST chunk with its head, 0 without tags. Each entry: identifier, size,
   text, NUL, and a zero where that is odd. */
static tango_result tango_io__wav_tags_size(uint64_t *size, const tango_io_wav_spec *spec,
                                            tango_error *error)
{
    size_t i;
    uint64_t text;
    *size = 0;
    for (i = 0; i < spec->tag_count; i++) {
        const tango_io_tag *tag = spec->tags + i;
        tango_result r = tango_io__tag_check(tag, error);
        if (r != TANGO_OK) return r;
        if (!tango_io_wav_has(tag->name, tag->name_size))
            return tango_io_fail(error, TANGO_ERROR_ARGUMENT,
                                 "wav: INFO has no place for %q", tag->name,
                                 tag->name_size);
        tango_io__tag_text(&text, tag, NULL, NULL);
        *size += 8 + text + 1 + ((text + 1) & 1);
        if (*size > 0x7fffffff)
            return tango_io_fail(error, TANGO_ERROR_ARGUMENT, "wav: tags beyond 2 GiB");
    }
    if (*size > 0) *size += 12;
    return TANGO_OK;
}

static tango_result tango_io__wav_put_tags(tango_io_wav *wav, uint64_t size,
                                           tango_error *error)
{
    static const unsigned char zeros[2] = { 0, 0 };
    unsigned char head[12];
    size_t i;
    int pass;
    uint64_t text;
    tango_result r;
    tango_io__put_string(head, tango_io__wav_chunk(head, 0, "LIST", size - 8), "INFO");
    r = tango_io_write(wav->output, head, 12, error);
    for (pass = 0; pass < 2; pass++)
        for (i = 0; i < wav->spec.tag_count && r == TANGO_OK; i++) {
            const tango_io_tag *tag = wav->spec.tags + i;
            tango_io__tag_text(&text, tag, NULL, NULL);
            if ((text > 2000) != pass) continue;
            tango_io__copy(head, tango_io__wav_id(tag->name, tag->name_size), 4);
            tango_io__put32(head + 4, (uint32_t)(text + 1));
            r = tango_io_write(wav->output, head, 8, error);
            if (r == TANGO_OK) r = tango_io__tag_text(&text, tag, wav->output, error);
            if (r == TANGO_OK)
                r = tango_io_write(wav->output, zeros, 1 + (size_t)((text + 1) & 1),
                                   error);
        }
    return r;
}

/* ---- Stream ----------------------------------------------------------------------- */

TANGO_API tango_result tango_io_wav_begin(tango_io_wav *wav, tango_io_output *output,
                                          const tango_io_wav_spec *spec,
                                          tango_error *error)
{
    unsigned char header[TANGO_IO_WAV_HEADER_MAX];
    uint64_t info = 0;
    size_t n;
    tango_result r = tango_io__wav_tags_size(&info, spec, error);
    if (r != TANGO_OK) return r;
    n = tango_io__wav_header(header, spec, info);
    if (n == 0)
        return tango_io_fail(error, TANGO_ERROR_ARGUMENT,
                             "wav: %z channels, %u Hz, %u frames cannot be written",
                             spec->channels, (uint64_t)spec->rate, spec->frames);
    wav->output = output;
    wav->spec = *spec;
    wav->frames = 0;
    r = tango_io_write(output, header, n - 8, error);
    if (r == TANGO_OK && info > 0) r = tango_io__wav_put_tags(wav, info, error);
    return r == TANGO_OK ? tango_io_write(output, header + n - 8, 8, error) : r;
}

/* One of the two is NULL. */
static tango_result tango_io__wav_frames(tango_io_wav *wav, const float *floats,
                                         const double *doubles, uint64_t frames,
                                         tango_error *error)
{
    unsigned char buffer[8 * 1024];
    size_t channels = wav->spec.channels, n, done, at = 0;
    size_t size = tango_io_wav_sample_size(wav->spec.format) *
                  channels; /* at most 2048 */
    tango_result r;
    if (frames > wav->spec.frames - wav->frames)
        return tango_io_fail(error, TANGO_ERROR_ARGUMENT,
                             "wav: more than the %u frames announced", wav->spec.frames);
    for (; frames > 0; frames -= n, at += n * channels) {
        n = sizeof buffer / size;
        if (n > frames) n = (size_t)frames;
        done = floats ? tango_io_wav_encode(buffer, floats + at, n * channels, &wav->spec)
                      : tango_io_wav_encode_double(buffer, doubles + at, n * channels,
                                                   &wav->spec);
        if (done < n * channels)
            return tango_io_fail(error, TANGO_ERROR_NUMBER,
                                 "wav: sample is not finite (frame %u)",
                                 wav->frames + done / channels);
        r = tango_io_write(wav->output, buffer, n * size, error);
        if (r != TANGO_OK) return r;
        wav->frames += n;
    }
    return TANGO_OK;
}

TANGO_API tango_result tango_io_wav_frames(tango_io_wav *wav, const float *samples,
                                           uint64_t frames, tango_error *error)
{
    return tango_io__wav_frames(wav, samples, NULL, frames, error);
}

TANGO_API tango_result tango_io_wav_frames_double(tango_io_wav *wav,
                                                  const double *samples, uint64_t frames,
                                                  tango_error *error)
{
    return tango_io__wav_frames(wav, NULL, samples, frames, error);
}

TANGO_API tango_result tango_io_wav_end(tango_io_wav *wav, tango_error *error)
{
    static const unsigned char zero[1] = { 0 };
    size_t size = tango_io_wav_sample_size(wav->spec.format) * wav->spec.channels;
    if (wav->frames != wav->spec.frames)
        return tango_io_fail(error, TANGO_ERROR_ARGUMENT,
                             "wav: %u frames came, %u were announced", wav->frames,
                             wav->spec.frames);
    return tango_io_write(wav->output, zero, (size_t)(wav->frames * size & 1), error);
}

TANGO_API tango_result tango_io_wav_write(tango_io_output *output, const float *samples,
                                          const tango_io_wav_spec *spec,
                                          tango_error *error)
{
    tango_io_wav wav;
    tango_result r = tango_io_wav_begin(&wav, output, spec, error);
    if (r == TANGO_OK) r = tango_io_wav_frames(&wav, samples, spec->frames, error);
    if (r == TANGO_OK) r = tango_io_wav_end(&wav, error);
    return r;
}

#endif

/* ==== 20 >>deflate ==== Compression of RFC 1950 and 1951 ============================ */

/* A zlib stream is a row of blocks; a block is a row of symbols, each written with a
   prefix code: a byte (0 to 255), the end (256), or a length (257 to 285) that a distance
   symbol follows, "copy so many bytes from so far back". Lengths and distances beyond the
   first few come in groups with extra bits:

       symbol 257 + k: length from tango_io__length_base[k] on, that many extra bits
       symbol k:       distance from tango_io__distance_base[k] on

   A prefix code is told by the length of each symbol's code word alone (0: unused): words
   of one length are consecutive numbers in the order of the symbols, shorter ones come
   first (RFC 1951, 3.2.2). */

static const uint16_t tango_io__length_base[29] = {
    3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99,
    115, 131, 163, 195, 227, 258 };
static const unsigned char tango_io__length_extra[29] = {
    0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5,
    0 };
static const uint16_t tango_io__distance_base[30] = {
    1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025,
    1537, 2049, 3073, 4097, 6145, 8193, 12289, 16385, 24577 };
static const unsigned char tango_io__distance_extra[30] = {
    0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12,
    12, 13, 13 };
/* The order in which the lengths of the code for code lengths are sent. */
static const unsigned char tango_io__deflate_order[19] = {
    16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15 };

/* Adler-32 of zlib; 1 at the start. 5552 bytes are the most that cannot overflow. */
TANGO_IO__HOT
static uint32_t tango_io__adler(uint32_t adler, const unsigned char *p, size_t size)
{
    uint32_t a = adler & 0xffff, b = adler >> 16;
    while (size > 0) {
        size_t n = size < 5552 ? size : 5552, i;
        for (i = 0; i < n; i++) {
            a += p[i];
            b += a;
        }
        a %= 65521;
        b %= 65521;
        p += n;
        size -= n;
    }
    return b << 16 | a;
}

#ifdef TANGO_IO__WRITES

/* Writer: greedy matches from hash chains, blocks of up to 16384 symbols, each with its
   own codes. Output bytes gather in `out`, which `flush` empties. */

enum {
    TANGO_IO__WINDOW = 32768,           /* farthest distance */
    TANGO_IO__MATCH = 258,              /* longest match */
    TANGO_IO__SHORT = 4,                /* shortest one that is looked for */
    TANGO_IO__ENTER = 16,               /* of longer ones only the start is remembered */
    TANGO_IO__TOKENS = 16384,
    TANGO_IO__CHAIN = 16                /* candidates looked at */
};

typedef struct tango_io__deflate {
    unsigned char window[2 * TANGO_IO__WINDOW];
    uint32_t head[32768];               /* 1 + position of the newest with this hash */
    uint32_t previous[TANGO_IO__WINDOW];
    uint16_t length[TANGO_IO__TOKENS];  /* of a match, or a byte where distance is 0 */
    uint16_t distance[TANGO_IO__TOKENS];
    unsigned char out[32768];
    size_t tokens, out_size, fill, at;  /* at: next byte of the window to be coded */
    size_t missed;                      /* bytes since the last match */
    uint32_t base;                      /* position of window[0], modulo 2^32 */
    uint32_t adler;
    uint64_t bits;
    unsigned bit_count;
    void *context;
    void (*flush)(void *context, const unsigned char *data, size_t size);
} tango_io__deflate;

typedef struct tango_io__huffman {
    uint16_t code[288];
    unsigned char length[288];
} tango_io__huffman;

TANGO_IO__INLINE void tango_io__deflate_bits(tango_io__deflate *d, uint32_t value,
                                             unsigned count)
{
    d->bits |= (uint64_t)value << d->bit_count;
    d->bit_count += count;
    if (d->bit_count < 32) return;
    tango_io__put32(d->out + d->out_size, (uint32_t)(d->bits & 0xffffffffu));
    d->out_size += 4;                           /* `out` is a multiple of 4 long */
    d->bits >>= 32;
    d->bit_count -= 32;
    if (d->out_size < sizeof d->out) return;
    d->flush(d->context, d->out, d->out_size);
    d->out_size = 0;
}

typedef struct tango_io__symbol { uint32_t weight, index; } tango_io__symbol;

static int tango_io__symbol_order(const void *context, const void *a, const void *b)
{
    const tango_io__symbol *x = (const tango_io__symbol *)a,
                           *y = (const tango_io__symbol *)b;
    (void)context;
    if (x->weight != y->weight) return x->weight < y->weight ? -1 : 1;
    return x->index == y->index ? 0 : x->index < y->index ? -1 : 1;
}

/* Huffman's tree over symbols sorted by weight: always the two lightest join. Leaves and
   joined nodes each come in rising order, so two queues do. depth[k] counts the leaves at
   depth k; those deeper than `limit` are counted there, and Kraft's sum is repaired by
   pushing leaves of the next shorter kind down. */
TANGO_IO__HOT
static void tango_io__huffman_depths(const tango_io__symbol *leaf, size_t n,
                                     unsigned limit, size_t *depth)
{
    uint32_t weight[288], parent[576];
    unsigned level[576];
    size_t leaves = 0, joined = 0, made, i, k, total = 0;
    for (made = 0; made + 1 < n; made++) {
        weight[made] = 0;
        for (k = 0; k < 2; k++) {
            if (leaves < n && (joined == made || leaf[leaves].weight <= weight[joined])) {
                weight[made] += leaf[leaves].weight;
                parent[leaves++] = (uint32_t)(n + made);
            } else {
                weight[made] += weight[joined];
                parent[n + joined++] = (uint32_t)(n + made);
            }
        }
    }
    for (k = 0; k <= limit; k++) depth[k] = 0;
    level[n + n - 2] = 0;                       /* the root */
    for (i = n + n - 2; i-- > 0;) {
        level[i] = level[parent[i]] + 1;
        if (i < n) depth[level[i] < limit ? level[i] : limit]++;
    }
    for (k = 1; k <= limit; k++) total += depth[k] << (limit - k);
    for (; total > (size_t)1 << limit; total--) {
        for (k = limit - 1; depth[k] == 0; k--) {}
        depth[k]--;
        depth[k + 1] += 2;
        depth[limit]--;
    }
}

/* Code words from lengths, bits reversed: deflate sends them from the top bit on. */
TANGO_IO__HOT
static void tango_io__huffman_words(tango_io__huffman *h, size_t count)
{
    uint32_t next = 0, word, reversed;
    unsigned length, k;
    size_t i;
    for (length = 1; length <= 15; length++, next <<= 1) {
        for (i = 0; i < count; i++) {
            if (h->length[i] != length) continue;
            word = next++;
            for (k = 0, reversed = 0; k < length; k++, word >>= 1)
                reversed = reversed << 1 | (word & 1);
            h->code[i] = (uint16_t)reversed;
        }
    }
}

/* A code of at most `limit` bits for symbols with these weights; at least one is used. */
static void tango_io__huffman_make(tango_io__huffman *h, const uint32_t *weights,
                                   size_t count, unsigned limit)
{
    tango_io__symbol leaf[288];
    size_t depth[16], i, n = 0, k;
    for (i = 0; i < count; i++) {
        h->length[i] = 0;
        h->code[i] = 0;
        if (weights[i] == 0) continue;
        leaf[n].weight = weights[i];
        leaf[n++].index = (uint32_t)i;
    }
    if (n == 1) {
        h->length[leaf[0].index] = 1;
        return;
    }
    tango_io__sort(leaf, n, sizeof *leaf, tango_io__symbol_order, NULL);
    tango_io__huffman_depths(leaf, n, limit, depth);
    for (i = 0, k = limit; i < n; i++) {        /* the lightest get the longest */
        while (depth[k] == 0) k--;
        depth[k]--;
        h->length[leaf[i].index] = (unsigned char)k;
    }
    tango_io__huffman_words(h, count);
}

/* Group of a length or a distance: the last whose base is not above it. */
static size_t tango_io__deflate_group(const uint16_t *base, size_t count, size_t value)
{
    size_t low = 0, high = count;
    while (high - low > 1) {
        size_t middle = (low + high) / 2;
        if (base[middle] <= value) low = middle; else high = middle;
    }
    return low;
}

/* Runs of equal code lengths: symbol 16 repeats the last one 3 to 6 times, 17 and 18 are
   3 to 10 and 11 to 138 zeros. out[i] = symbol | extra << 8; returns how many. */
static size_t tango_io__deflate_runs(uint16_t *out, const unsigned char *lengths,
                                     size_t count)
{
    size_t i = 0, n = 0, run, most;
    while (i < count) {
        most = lengths[i] ? 7 : 138;
        for (run = 1; run < most && i + run < count && lengths[i + run] == lengths[i];)
            run++;
        if (lengths[i] == 0 && run >= 3) {
            out[n++] = (uint16_t)(run < 11 ? 17 | (run - 3) << 8 : 18 | (run - 11) << 8);
            i += run;
        } else if (lengths[i] != 0 && run >= 4) {
            out[n++] = lengths[i];
            out[n++] = (uint16_t)(16 | (run - 4) << 8);
            i += run;
        } else {
            out[n++] = lengths[i++];
        }
    }
    return n;
}

/* Block header: the two codes, themselves coded. */
TANGO_IO__HOT
static void tango_io__deflate_codes(tango_io__deflate *d,
                                    const tango_io__huffman *literal,
                                    const tango_io__huffman *distance)
{
    static const unsigned char extra[3] = { 2, 3, 7 };
    tango_io__huffman code;
    unsigned char lengths[288 + 32];
    uint16_t run[288 + 32];
    uint32_t weights[19];
    size_t literals = 286, distances = 30, i, n, sent = 19;
    while (literals > 257 && literal->length[literals - 1] == 0) literals--;
    while (distances > 1 && distance->length[distances - 1] == 0) distances--;
    tango_io__copy(lengths, literal->length, literals);
    tango_io__copy(lengths + literals, distance->length, distances);
    n = tango_io__deflate_runs(run, lengths, literals + distances);
    for (i = 0; i < 19; i++) weights[i] = 0;
    for (i = 0; i < n; i++) weights[run[i] & 0xff]++;
    tango_io__huffman_make(&code, weights, 19, 7);
    while (sent > 4 && code.length[tango_io__deflate_order[sent - 1]] == 0) sent--;
    tango_io__deflate_bits(d, (uint32_t)(literals - 257), 5);
    tango_io__deflate_bits(d, (uint32_t)(distances - 1), 5);
    tango_io__deflate_bits(d, (uint32_t)(sent - 4), 4);
    for (i = 0; i < sent; i++)
        tango_io__deflate_bits(d, code.length[tango_io__deflate_order[i]], 3);
    for (i = 0; i < n; i++) {
        size_t symbol = run[i] & 0xff;
        tango_io__deflate_bits(d, code.code[symbol], code.length[symbol]);
        if (symbol >= 16) tango_io__deflate_bits(d, run[i] >> 8, extra[symbol - 16]);
    }
}

/* Symbol of a byte or of a match's length. */
TANGO_IO__HOT
static size_t tango_io__deflate_symbol(const tango_io__deflate *d, size_t i)
{
    if (d->distance[i] == 0) return d->length[i];
    return 257 + tango_io__deflate_group(tango_io__length_base, 29, d->length[i]);
}

/* Writes the gathered symbols as one block. */
TANGO_IO__HOT
static void tango_io__deflate_block(tango_io__deflate *d, int last)
{
    tango_io__huffman literal, distance;
    uint32_t literals[286], distances[30];
    size_t i, k;
    for (i = 0; i < 286; i++) literals[i] = 0;
    for (i = 0; i < 30; i++) distances[i] = 0;
    literals[256] = 1;
    for (i = 0; i < d->tokens; i++) {
        literals[tango_io__deflate_symbol(d, i)]++;
        if (d->distance[i] == 0) continue;
        distances[tango_io__deflate_group(tango_io__distance_base, 30, d->distance[i])]++;
    }
    for (i = 0, k = 0; i < 30; i++) k += distances[i];
    if (k == 0) distances[0] = 1;               /* some decoders want at least one */
    tango_io__huffman_make(&literal, literals, 286, 15);
    tango_io__huffman_make(&distance, distances, 30, 15);
    tango_io__deflate_bits(d, (last ? 1u : 0u) | 2u << 1, 3);
    tango_io__deflate_codes(d, &literal, &distance);
    for (i = 0; i < d->tokens; i++) {
        k = d->distance[i] ? tango_io__deflate_symbol(d, i) : d->length[i];
        tango_io__deflate_bits(d, literal.code[k], literal.length[k]);
        if (d->distance[i] == 0) continue;
        tango_io__deflate_bits(d, (uint32_t)d->length[i] - tango_io__length_base[k - 257],
                               tango_io__length_extra[k - 257]);
        k = tango_io__deflate_group(tango_io__distance_base, 30, d->distance[i]);
        tango_io__deflate_bits(d, distance.code[k], distance.length[k]);
        tango_io__deflate_bits(d,
                               (uint32_t)d->distance[i] - tango_io__distance_base[k],
                               tango_io__distance_extra[k]);
    }
    tango_io__deflate_bits(d, literal.code[256], literal.length[256]);
    d->tokens = 0;
}

TANGO_IO__INLINE size_t tango_io__deflate_hash(const unsigned char *p)
{
    uint32_t v = (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16
               | (uint32_t)p[3] << 24;
    return v * 0x9e3779b1u >> 17;               /* 15 bits */
}

/* Enters window[at], of which 4 bytes exist, into its chain. */
TANGO_IO__INLINE void tango_io__deflate_enter(tango_io__deflate *d, size_t at)
{
    uint32_t position = d->base + (uint32_t)at;
    size_t hash = tango_io__deflate_hash(d->window + at);
    d->previous[position % TANGO_IO__WINDOW] = d->head[hash];
    d->head[hash] = position + 1;
}

/* How many of the first `room` bytes at p are those `back` before. */
TANGO_IO__INLINE size_t tango_io__deflate_equal(const unsigned char *p, size_t back,
                                                size_t room)
{
    size_t n;
    for (n = 0; n + 8 <= room; n += 8) {
        uint64_t a, b;
        tango_io__copy(&a, p + n, 8);
        tango_io__copy(&b, p + n - back, 8);
        if (a != b) break;
    }
    while (n < room && p[n] == *(p + n - back)) n++;
    return n;
}

/* Longest match for window[at], of at most `room` bytes; 0 if none of 4 or more. Entries
   of a chain lead back in the stream; the first out of reach ends it. */
TANGO_IO__HOT
static size_t tango_io__deflate_match(const tango_io__deflate *d, size_t at, size_t room,
                                      size_t *distance)
{
    const unsigned char *p = d->window + at;
    uint32_t position = d->base + (uint32_t)at,
             entry = d->head[tango_io__deflate_hash(p)];
    size_t best = TANGO_IO__SHORT - 1, last = 0, back, n, tries;
    for (tries = 0; tries < TANGO_IO__CHAIN && entry != 0; tries++) {
        back = (size_t)(position - (entry - 1));
        if (back <= last || back > at || back > TANGO_IO__WINDOW - 1) break;
        last = back;
        if (p[best] == *(p + best - back)) {
            n = tango_io__deflate_equal(p, back, room);
            if (n > best) {
                best = n;
                *distance = back;
                if (n == room) break;
            }
        }
        entry = d->previous[(entry - 1) % TANGO_IO__WINDOW];
    }
    return best < TANGO_IO__SHORT ? 0 : best;
}

/* Codes the window up to its fill; unless `all`, leaves a longest match of lookahead.
   Bytes without a match are looked up more and more rarely: noise has none. */
TANGO_IO__HOT
static void tango_io__deflate_code(tango_io__deflate *d, int all)
{
    size_t n, distance = 0, room, k;
    while (d->at < d->fill && (all || d->fill - d->at > TANGO_IO__MATCH)) {
        int look = d->missed < 64 || d->at % (d->missed < 1024 ? 4 : 16) == 0;
        room = d->fill - d->at;
        if (room > TANGO_IO__MATCH) room = TANGO_IO__MATCH;
        n = !look || room < TANGO_IO__SHORT ? 0
            : tango_io__deflate_match(d, d->at, room, &distance);
        d->missed = n ? 0 : d->missed + 1;
        d->length[d->tokens] = (uint16_t)(n ? n : d->window[d->at]);
        d->distance[d->tokens++] = (uint16_t)(n ? distance : 0);
        if (n == 0) n = 1;
        for (k = 0; look && k < n && k < TANGO_IO__ENTER; k++)
            if (d->fill - d->at >= k + TANGO_IO__SHORT)
                tango_io__deflate_enter(d, d->at + k);
        d->at += n;
        if (d->tokens == TANGO_IO__TOKENS) tango_io__deflate_block(d, 0);
    }
}

static void tango_io__deflate_begin(tango_io__deflate *d, void *context,
                                    void (*flush)(void *, const unsigned char *, size_t))
{
    tango_io__zero(d->head, sizeof d->head);
    d->tokens = d->out_size = d->fill = d->at = d->missed = 0;
    d->base = 0;
    d->adler = 1;
    d->bits = 0;
    d->bit_count = 0;
    d->context = context;
    d->flush = flush;
    tango_io__deflate_bits(d, 0x9c78, 16);      /* zlib: window 32 KiB, no dictionary */
}

TANGO_IO__HOT
static void tango_io__deflate_add(tango_io__deflate *d, const unsigned char *p,
                                  size_t size)
{
    d->adler = tango_io__adler(d->adler, p, size);
    while (size > 0) {
        size_t n = sizeof d->window - d->fill;
        if (n > size) n = size;
        tango_io__copy(d->window + d->fill, p, n);
        d->fill += n;
        p += n;
        size -= n;
        if (d->fill < sizeof d->window) continue;
        tango_io__deflate_code(d, 0);           /* then at > fill - 259 > WINDOW */
        tango_io__copy(d->window, d->window + TANGO_IO__WINDOW, TANGO_IO__WINDOW);
        d->base += TANGO_IO__WINDOW;
        d->at -= TANGO_IO__WINDOW;
        d->fill -= TANGO_IO__WINDOW;
    }
}

static void tango_io__deflate_end(tango_io__deflate *d)
{
    unsigned char sum[4];
    size_t i;
    tango_io__deflate_code(d, 1);
    tango_io__deflate_block(d, 1);
    tango_io__deflate_bits(d, 0, (8 - d->bit_count % 8) % 8);
    tango_io__putbig(sum, d->adler);
    for (i = 0; i < 4; i++) tango_io__deflate_bits(d, sum[i], 8);
    for (; d->bit_count > 0; d->bit_count -= 8, d->bits >>= 8)      /* 3 bytes at most */
        d->out[d->out_size++] = (unsigned char)(d->bits & 0xff);
    d->flush(d->context, d->out, d->out_size);
    d->out_size = 0;
}

#endif

/* Reader. A word of up to 10 bits is found by one look-up, a longer one bit by bit. */

typedef struct tango_io__inflate_code {
    uint16_t fast[1024];                /* symbol << 4 | length; 0: longer or no word */
    uint16_t count[16];                 /* words of each length */
    uint16_t symbol[288];               /* in the order of their words */
} tango_io__inflate_code;

typedef struct tango_io__inflate {
    const unsigned char *at, *end;      /* input at hand */
    uint64_t bits;
    unsigned bit_count;
    size_t fill, sent;                  /* of the window: filled, handed on */
    uint32_t adler;
    const char *what;                   /* of the first failure */
    void *context;
    int (*more)(void *context, const unsigned char **at, const unsigned char **end);
    int (*take)(void *context, const unsigned char *data, size_t size);
    tango_io__inflate_code literal, distance;
    unsigned char window[65536 + 512];
} tango_io__inflate;

static int tango_io__inflate_bad(tango_io__inflate *d, const char *what)
{
    if (!d->what) d->what = what;
    return 0;
}

/* As many bits as fit, or all that are left. */
TANGO_IO__HOT
static void tango_io__inflate_refill(tango_io__inflate *d)
{
    while (d->bit_count <= 48) {
        if (d->at == d->end && !d->more(d->context, &d->at, &d->end)) return;
        d->bits |= (uint64_t)*d->at++ << d->bit_count;
        d->bit_count += 8;
    }
}

/* The next `count` <= 16 bits; 0 with a failure noted if there are fewer. */
TANGO_IO__HOT
static uint32_t tango_io__inflate_bits(tango_io__inflate *d, unsigned count)
{
    uint32_t value;
    if (d->bit_count < count) tango_io__inflate_refill(d);
    if (d->bit_count < count) {
        tango_io__inflate_bad(d, "compressed data ends early");
        return 0;
    }
    value = (uint32_t)(d->bits & (((uint64_t)1 << count) - 1));
    d->bits >>= count;
    d->bit_count -= count;
    return value;
}

/* The code with these word lengths. Too many words are an error, and so are too few
   unless it is no word or one of one bit. */
TANGO_IO__HOT
static int tango_io__inflate_build(tango_io__inflate_code *code,
                                   const unsigned char *lengths, size_t count)
{
    uint32_t next[16], left = 1, word, reversed;
    uint16_t place[16];
    size_t i, k, used = 0;
    for (i = 0; i < 16; i++) code->count[i] = 0;
    for (i = 0; i < 1024; i++) code->fast[i] = 0;
    for (i = 0; i < count; i++) code->count[lengths[i]]++;
    code->count[0] = 0;
    next[0] = 0;
    place[0] = 0;
    for (i = 1; i < 16; i++) {
        left *= 2;
        if (code->count[i] > left) return 0;
        left -= code->count[i];
        used += code->count[i];
        next[i] = (next[i - 1] + code->count[i - 1]) * 2;
        place[i] = (uint16_t)(place[i - 1] + code->count[i - 1]);
    }
    if (left > 0 && used > 0 && !(used == 1 && code->count[1] == 1)) return 0;
    for (i = 0; i < count; i++) {
        unsigned length = lengths[i];
        if (length == 0) continue;
        code->symbol[place[length]++] = (uint16_t)i;
        word = next[length]++;
        if (length > 10) continue;
        for (k = 0, reversed = 0; k < length; k++, word >>= 1)
            reversed = reversed << 1 | (word & 1);
        for (k = reversed; k < 1024; k += (size_t)1 << length)
            code->fast[k] = (uint16_t)(i << 4 | length);
    }
    return 1;
}

/* The next symbol; UINT32_MAX with a failure noted if there is none. */
TANGO_IO__INLINE uint32_t tango_io__inflate_symbol(tango_io__inflate *d,
                                                   const tango_io__inflate_code *code)
{
    uint32_t entry, word = 0, first = 0, index = 0;
    unsigned length;
    if (d->bit_count < 15) tango_io__inflate_refill(d);
    entry = code->fast[d->bits & 1023];
    length = entry & 15;
    entry >>= 4;
    if (length == 0) {
        for (length = 1; length < 16; length++) {
            word = word << 1 | (uint32_t)(d->bits >> (length - 1) & 1);
            if (word - first < code->count[length]) break;
            index += code->count[length];
            first = (first + code->count[length]) << 1;
        }
        if (length == 16) {
            tango_io__inflate_bad(d, "no such code word");
            return UINT32_MAX;
        }
        entry = code->symbol[index + word - first];
    }
    if (length > d->bit_count) {
        tango_io__inflate_bad(d, "compressed data ends early");
        return UINT32_MAX;
    }
    d->bits >>= length;
    d->bit_count -= length;
    return entry;
}

/* Hands on what is new in the window. */
static int tango_io__inflate_send(tango_io__inflate *d)
{
    const unsigned char *p = d->window + d->sent;
    size_t n = d->fill - d->sent;
    d->adler = tango_io__adler(d->adler, p, n);
    d->sent = d->fill;
    return d->take(d->context, p, n) || tango_io__inflate_bad(d, NULL);
}

/* Room for one longest match; the last 32 KiB stay in reach. */
static int tango_io__inflate_room(tango_io__inflate *d)
{
    if (d->fill <= sizeof d->window - 258) return 1;
    if (!tango_io__inflate_send(d)) return 0;
    tango_io__copy(d->window, d->window + d->fill - 32768, 32768);
    d->fill = d->sent = 32768;
    return 1;
}

TANGO_IO__HOT
static int tango_io__inflate_stored(tango_io__inflate *d)
{
    uint32_t size, check;
    tango_io__inflate_bits(d, d->bit_count % 8);
    size = tango_io__inflate_bits(d, 16);
    check = tango_io__inflate_bits(d, 16);
    if (d->what || size != (check ^ 0xffff))
        return tango_io__inflate_bad(d, "stored block with a wrong size");
    for (; size > 0; size--) {
        if (!tango_io__inflate_room(d)) return 0;
        d->window[d->fill++] = (unsigned char)tango_io__inflate_bits(d, 8);
        if (d->what) return 0;
    }
    return 1;
}

/* Block header: two codes by their word lengths, which come in runs under a third. */
TANGO_IO__HOT
static int tango_io__inflate_codes(tango_io__inflate *d)
{
    unsigned char lengths[288 + 32] = { 0 };
    uint32_t literals = 257 + tango_io__inflate_bits(d, 5),
             distances = 1 + tango_io__inflate_bits(d, 5),
             sent = 4 + tango_io__inflate_bits(d, 4), symbol, run, i;
    for (i = 0; i < 19; i++) lengths[i] = 0;
    for (i = 0; i < sent; i++)
        lengths[tango_io__deflate_order[i]] =
            (unsigned char)tango_io__inflate_bits(d, 3);
    if (d->what) return 0;
    if (literals > 286 || distances > 30 ||
        !tango_io__inflate_build(&d->literal, lengths, 19))
        return tango_io__inflate_bad(d, "impossible code in a block header");
    for (i = 0; i < literals + distances;) {
        unsigned char value = 0;
        symbol = tango_io__inflate_symbol(d, &d->literal);
        if (symbol == UINT32_MAX) return 0;
        if (symbol < 16) {
            lengths[i++] = (unsigned char)symbol;
            continue;
        }
        run = symbol == 16 ? 3 + tango_io__inflate_bits(d, 2)
            : symbol == 17 ? 3 + tango_io__inflate_bits(d, 3)
                           : 11 + tango_io__inflate_bits(d, 7);
        if (d->what) return 0;
        if ((symbol == 16 && i == 0) || run > literals + distances - i)
            return tango_io__inflate_bad(d, "impossible run in a block header");
        if (symbol == 16) value = lengths[i - 1];
        while (run-- > 0) lengths[i++] = value;
    }
    if (lengths[256] == 0 || !tango_io__inflate_build(&d->literal, lengths, literals) ||
        !tango_io__inflate_build(&d->distance, lengths + literals, distances))
        return tango_io__inflate_bad(d, "impossible code in a block");
    return 1;
}

/* The code of blocks without a header. Symbols beyond the last group are refused where
   they appear. */
static void tango_io__inflate_fixed(tango_io__inflate *d)
{
    unsigned char lengths[288];
    size_t i;
    for (i = 0; i < 288; i++)
        lengths[i] = i < 144 ? 8 : i < 256 ? 9 : i < 280 ? 7 : 8;
    tango_io__inflate_build(&d->literal, lengths, 288);
    for (i = 0; i < 32; i++) lengths[i] = 5;
    tango_io__inflate_build(&d->distance, lengths, 32);
}

static int tango_io__inflate_block(tango_io__inflate *d)
{
    for (;;) {
        uint32_t symbol, length, distance;
        const unsigned char *from;
        if (!tango_io__inflate_room(d)) return 0;
        symbol = tango_io__inflate_symbol(d, &d->literal);
        if (symbol < 256) {
            d->window[d->fill++] = (unsigned char)symbol;
            continue;
        }
        if (symbol == 256) return 1;
        if (symbol > 285) return tango_io__inflate_bad(d, "no such length");
        length = tango_io__length_base[symbol - 257];
        length += tango_io__inflate_bits(d, tango_io__length_extra[symbol - 257]);
        symbol = tango_io__inflate_symbol(d, &d->distance);
        if (symbol > 29) return tango_io__inflate_bad(d, "no such distance");
        distance = tango_io__distance_base[symbol];
        distance += tango_io__inflate_bits(d, tango_io__distance_extra[symbol]);
        if (d->what) return 0;
        if (distance > d->fill)
            return tango_io__inflate_bad(d, "distance before the start");
        from = d->window + d->fill - distance;
        for (; length > 0; length--) d->window[d->fill++] = *from++;    /* may overlap */
    }
}

/* A whole zlib stream: `more` gives its input, `take` its output. 0 if `what` is wrong
   (NULL: `take` refused). Nothing may follow the stream. */
static int tango_io__inflate_run(tango_io__inflate *d)
{
    uint32_t last, kind, sum = 0, i;
    d->at = d->end = NULL;
    d->bits = 0;
    d->bit_count = 0;
    d->fill = d->sent = 0;
    d->adler = 1;
    d->what = NULL;
    kind = tango_io__inflate_bits(d, 8);
    i = tango_io__inflate_bits(d, 8);
    if (d->what || (kind & 15) != 8 || kind > 0x78 || (i & 32) || (kind * 256 + i) % 31)
        return tango_io__inflate_bad(d, "not a zlib stream");
    do {
        last = tango_io__inflate_bits(d, 1);
        kind = tango_io__inflate_bits(d, 2);
        if (d->what) return 0;
        if (kind == 3) return tango_io__inflate_bad(d, "no such kind of block");
        if (kind == 1) tango_io__inflate_fixed(d);
        if (kind == 2 && !tango_io__inflate_codes(d)) return 0;
        if (!(kind == 0 ? tango_io__inflate_stored(d) : tango_io__inflate_block(d)))
            return 0;
    } while (!last);
    if (!tango_io__inflate_send(d)) return 0;
    tango_io__inflate_bits(d, d->bit_count % 8);
    for (i = 0; i < 4; i++) sum = sum << 8 | tango_io__inflate_bits(d, 8);
    if (d->what) return 0;
    if (sum != d->adler)
        return tango_io__inflate_bad(d, "data do not match their Adler-32");
    tango_io__inflate_refill(d);
    return d->bit_count == 0 || tango_io__inflate_bad(d, "bytes behind the stream");
}

/* ==== 13 >>png ==== PNG pictures ==================================================== */

static const unsigned char tango_io__png_magic[8] = { 137, 80, 78, 71, 13, 10, 26, 10 };

/* Paeth: of left, up and up-left the one nearest to left + up - up-left. 16 bits are
   enough, and twice as many go into a vector. */
TANGO_IO__INLINE unsigned char tango_io__png_paeth(uint32_t a, uint32_t b, uint32_t c)
{
    int16_t x = (int16_t)((int32_t)b - (int32_t)c),
            y = (int16_t)((int32_t)a - (int32_t)c), z = (int16_t)(x + y);
    int16_t pa = (int16_t)(x < 0 ? -x : x), pb = (int16_t)(y < 0 ? -y : y),
            pc = (int16_t)(z < 0 ? -z : z);
    int16_t other = (int16_t)(pb <= pc ? b : c);
    return (unsigned char)(((pa <= pb) & (pa <= pc)) ? a : (uint32_t)other);
}

#ifdef TANGO_IO__WRITES

typedef struct tango_io__png_writer {
    tango_io__deflate deflate;
    tango_io_crc32 table;
    tango_io_output *output;
    tango_error *error;
    tango_result result;
} tango_io__png_writer;

/* Length, name, data, CRC-32 of the last two. */
static void tango_io__png_chunk(tango_io__png_writer *w, const char *name,
                                const unsigned char *data, size_t size)
{
    unsigned char head[8], tail[4];
    if (w->result != TANGO_OK) return;
    tango_io__putbig(head, (uint32_t)size);     /* at most 32768 */
    tango_io__copy(head + 4, name, 4);
    tango_io__putbig(tail, tango_io_crc32_add(
        &w->table, tango_io_crc32_add(&w->table, 0, head + 4, 4), data, size));
    w->result = tango_io_write(w->output, head, 8, w->error);
    if (w->result == TANGO_OK)
        w->result = tango_io_write(w->output, data, size, w->error);
    if (w->result == TANGO_OK)
        w->result = tango_io_write(w->output, tail, 4, w->error);
}

static void tango_io__png_data(void *context, const unsigned char *data, size_t size)
{
    if (size > 0)
        tango_io__png_chunk((tango_io__png_writer *)context, "IDAT", data, size);
}

/* One byte: what is left after the guess of filter `kind` from the bytes at the left,
   above, and above left. */
TANGO_IO__INLINE unsigned char tango_io__png_rest(unsigned char byte, uint32_t a,
                                                  uint32_t b, uint32_t c, int kind)
{
    uint32_t guess = kind == 0 ? 0 : kind == 1 ? a : kind == 2 ? b
                   : kind == 3 ? (a + b) / 2 : tango_io__png_paeth(a, b, c);
    return (unsigned char)((byte - guess) & 0xff);
}

/* The body of tango_io__png_filter; `kind` is a constant, so each filter has its loop. */
TANGO_IO__INLINE uint64_t tango_io__png_filter_as(unsigned char *out,
                                                  const unsigned char *row,
                                                  const unsigned char *above, size_t size,
                                                  size_t step, int kind)
{
    uint64_t sum = 0;
    size_t i, n;
    for (i = 0; i < step && i < size; i++)
        out[i] = tango_io__png_rest(row[i], 0, above[i], 0, kind);
    for (; i < size; i++)
        out[i] = tango_io__png_rest(row[i], row[i - step], above[i], above[i - step],
                                    kind);
    for (i = 0; i < size; i += n) {             /* 256 times 128 fits 16 bits */
        uint16_t part = 0;
        size_t k;
        n = size - i < 256 ? size - i : 256;
        for (k = i; k < i + n; k++)
            part = (uint16_t)(part + (out[k] < 128 ? out[k] : 256 - out[k]));
        sum += part;
    }
    return sum;
}

/* out[i] = row[i] minus what filter `kind` predicts from the pixel to the left (`step`
   bytes before; 0 at the edge), above and above left. Returns the sum of the differences
   as signed numbers, without sign. */
TANGO_IO__HOT
static uint64_t tango_io__png_filter(unsigned char *out, const unsigned char *row,
                                     const unsigned char *above, size_t size, size_t step,
                                     int kind)
{
    switch (kind) {
    case 0: return tango_io__png_filter_as(out, row, above, size, step, 0);
    case 1: return tango_io__png_filter_as(out, row, above, size, step, 1);
    case 2: return tango_io__png_filter_as(out, row, above, size, step, 2);
    case 3: return tango_io__png_filter_as(out, row, above, size, step, 3);
    default: return tango_io__png_filter_as(out, row, above, size, step, 4);
    }
}

/* Bytes of a pixel and of a row; 0 if the picture is impossible. */
static int tango_io__png_sizes(const tango_io_png_spec *spec, size_t *step, size_t *row)
{
    if (spec->width < 1 || spec->width > INT32_MAX || spec->height < 1 ||
        spec->height > INT32_MAX || spec->channels < 1 || spec->channels > 4 ||
        (spec->bits != 8 && spec->bits != 16))
        return 0;
    *step = (size_t)spec->channels * spec->bits / 8;
    return tango_mul_ok(*step, spec->width, row);
}

TANGO_API tango_result tango_io_png_write_work_size(size_t *size,
                                                    const tango_io_png_spec *spec,
                                                    tango_error *error)
{
    size_t step, row, rows;
    if (!tango_io__png_sizes(spec, &step, &row))
        return tango_io_fail(error, TANGO_ERROR_ARGUMENT,
                             "png: %u x %u pixels of %u x %u bits cannot be written",
                             (uint64_t)spec->width, (uint64_t)spec->height,
                             (uint64_t)spec->channels, (uint64_t)spec->bits);
    if (!tango_mul_ok(row, 4, &rows) ||
        !tango_add_ok(rows, sizeof(tango_io__png_writer) + 8, size))
        return tango_io_fail(error, TANGO_ERROR_MEMORY,
                             "png: too large for this system");
    return TANGO_OK;
}

/* Samples in the order of the file: the high byte first. */
TANGO_IO__HOT
static void tango_io__png_pack(unsigned char *out, const unsigned char *pixels,
                               size_t size, uint32_t bits)
{
    size_t i;
    uint16_t v;
    if (bits == 8) {
        tango_io__copy(out, pixels, size);
        return;
    }
    for (i = 0; i < size; i += 2) {
        tango_io__copy(&v, pixels + i, 2);
        out[i] = (unsigned char)(v >> 8);
        out[i + 1] = (unsigned char)(v & 0xff);
    }
}

TANGO_API tango_result tango_io_png_write(tango_io_output *output, const void *pixels,
                                          const tango_io_png_spec *spec, void *work,
                                          size_t work_size, tango_error *error)
{
    static const unsigned char colour[5] = { 0, 0, 4, 2, 6 };
    unsigned char head[13], *row[4], *swap, kind;
    const unsigned char *in = (const unsigned char *)pixels;
    size_t skip = (size_t)((0 - (uintptr_t)work) % 8), step = 0, size = 0, need, i;
    tango_io__png_writer *w;
    uint32_t y;
    tango_result r = tango_io_png_write_work_size(&need, spec, error);
    if (r != TANGO_OK) return r;
    if (!work || work_size < need)
        return tango_io_fail(error, TANGO_ERROR_MEMORY,
                             "png: %z bytes of work, %z needed", work_size, need);
    tango_io__png_sizes(spec, &step, &size);
    w = (tango_io__png_writer *)(void *)((unsigned char *)work + skip);
    for (i = 0; i < 4; i++) row[i] = (unsigned char *)(w + 1) + i * size;
    w->output = output;
    w->error = error;
    w->result = tango_io_write(output, tango_io__png_magic, 8, error);
    tango_io_crc32_begin(&w->table);
    tango_io__zero(head, sizeof head);
    tango_io__putbig(head, spec->width);
    tango_io__putbig(head + 4, spec->height);
    head[8] = (unsigned char)spec->bits;
    head[9] = colour[spec->channels];
    tango_io__png_chunk(w, "IHDR", head, sizeof head);
    tango_io__deflate_begin(&w->deflate, w, tango_io__png_data);
    tango_io__zero(row[0], size);               /* the row above the first */
    for (y = 0; y < spec->height && w->result == TANGO_OK; y++, in += size) {
        uint64_t sum, best = UINT64_MAX;
        int k;
        tango_io__png_pack(row[1], in, size, spec->bits);
        for (k = 0, kind = 0; k < 5; k++) {     /* row[2] keeps the best, row[3] tries */
            sum = tango_io__png_filter(row[3], row[1], row[0], size, step, k);
            if (sum >= best) continue;
            best = sum;
            kind = (unsigned char)k;
            swap = row[2];
            row[2] = row[3];
            row[3] = swap;
        }
        tango_io__deflate_add(&w->deflate, &kind, 1);
        tango_io__deflate_add(&w->deflate, row[2], size);
        swap = row[0];
        row[0] = row[1];
        row[1] = swap;
    }
    tango_io__deflate_end(&w->deflate);
    tango_io__png_chunk(w, "IEND", NULL, 0);
    return w->result;
}

#endif

static tango_result tango_io__png_bad(tango_error *error, const char *what, size_t offset)
{
    return tango_io_fail(error, TANGO_ERROR_DATA, "png: %s (offset %z)", what, offset);
}

static uint32_t tango_io__png_u32(const unsigned char *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* Adam7: seven passes over a grid of 8 by 8. Pass 7 of the table is the whole picture. */
static const unsigned char tango_io__png_passes[8][4] = {   /* x0, y0, dx, dy */
    { 0, 0, 8, 8 }, { 4, 0, 8, 8 }, { 0, 4, 4, 8 }, { 2, 0, 4, 4 }, { 0, 2, 2, 4 },
    { 1, 0, 2, 2 }, { 0, 1, 1, 2 }, { 0, 0, 1, 1 } };

/* Pixels of a pass along one axis. */
static size_t tango_io__png_steps(uint32_t size, unsigned first, unsigned step)
{
    return size > first ? ((size_t)size - first + step - 1) / step : 0;
}

/* Bytes of a row of `width` pixels as the file has it, without its filter byte. */
static int tango_io__png_row(const tango_io_png *png, size_t width, size_t *size)
{
    static const unsigned char samples[7] = { 1, 0, 3, 1, 2, 0, 4 };
    size_t bits = (size_t)samples[png->colour] * png->depth;
    if (!tango_mul_ok(width, bits, size) || *size > SIZE_MAX - 7) return 0;
    *size = (*size + 7) / 8;
    return 1;
}

static tango_result tango_io__png_head(tango_io_png *png, const unsigned char *p,
                                       tango_error *error)
{
    static const unsigned char channels[7] = { 1, 0, 3, 3, 2, 0, 4 },
                               depths[7] = { 31, 0, 24, 15, 24, 0, 24 };
    size_t row, count;
    png->spec.width = tango_io__png_u32(p);
    png->spec.height = tango_io__png_u32(p + 4);
    png->depth = p[8];
    png->colour = p[9];
    png->interlaced = p[12];
    if (png->spec.width < 1 || png->spec.width > INT32_MAX || png->spec.height < 1 ||
        png->spec.height > INT32_MAX)
        return tango_io__png_bad(error, "width or height out of range", 16);
    if (p[8] < 1 || p[8] > 16 || (p[8] & (p[8] - 1)) || p[9] > 6 ||
        !(depths[p[9]] & p[8]))
        return tango_io__png_bad(error, "no such bits or colour type", 24);
    if (p[10] != 0 || p[11] != 0 || p[12] > 1)
        return tango_io__png_bad(error, "no such compression, filter or interlace", 26);
    png->spec.channels = channels[png->colour];
    png->spec.bits = png->depth == 16 ? 16 : 8;
    if (!tango_io__png_row(png, png->spec.width, &row) || row > SIZE_MAX / 4 ||
        !tango_mul_ok(png->spec.width, png->spec.height, &count) ||
        !tango_mul_ok(count, (size_t)4 * png->spec.bits / 8, &count) ||
        count > SIZE_MAX / 2)
        return tango_io_fail(error, TANGO_ERROR_MEMORY,
                             "png: too large for this system (offset 16)");
    return TANGO_OK;
}

/* PLTE and tRNS; other chunks that may be skipped are. */
static tango_result tango_io__png_extra(tango_io_png *png, const unsigned char *p,
                                        size_t size, size_t at, tango_error *error)
{
    if (tango_io__equal(p, 4, "PLTE")) {
        if (png->palette || png->first || png->alpha || png->colour == 0 ||
            png->colour == 4 || size % 3 || size == 0 || size > 768 ||
            (png->colour == 3 && size / 3 > (size_t)1 << png->depth))
            return tango_io__png_bad(error, "PLTE out of place or of a wrong size", at);
        png->palette = at + 8;
        png->palette_size = size / 3;
    } else if (tango_io__equal(p, 4, "tRNS")) {
        if (png->alpha || png->first || png->colour >= 4 ||
            (png->colour == 0 && size != 2) || (png->colour == 2 && size != 6) ||
            (png->colour == 3 && (size > png->palette_size || size == 0)))
            return tango_io__png_bad(error, "tRNS out of place or of a wrong size", at);
        png->alpha = at + 8;
        png->alpha_size = size;
        if (png->colour == 3) png->spec.channels = 4;
    } else if (!(p[0] & 0x20)) {                /* an upper-case letter: must be known */
        return tango_io_fail(error, TANGO_ERROR_UNSUPPORTED,
                             "png: unknown chunk %q (offset %z)", p, (size_t)4, at);
    }
    return TANGO_OK;
}

/* All chunks: length, name, data, CRC-32. *packed = bytes of the compressed samples. */
static tango_result tango_io__png_chunks(tango_io_png *png, size_t data_size,
                                         uint64_t *packed, tango_error *error)
{
    tango_io_crc32 table;
    size_t at = 8, size = 0, i;
    int closed = 0;
    tango_result r = TANGO_OK;
    tango_io_crc32_begin(&table);
    *packed = 0;
    for (; at < data_size; at += 12 + size) {
        const unsigned char *p = png->data + at;
        if (data_size - at < 12 || tango_io__png_u32(p) > data_size - at - 12)
            return tango_io__png_bad(error, "chunk passes the end of the file", at);
        size = tango_io__png_u32(p);
        for (i = 4; i < 8; i++) {
            if ((p[i] | 0x20) < 'a' || (p[i] | 0x20) > 'z')
                return tango_io__png_bad(error, "name of a chunk is no letters", at + 4);
        }
        if (tango_io_crc32_add(&table, 0, p + 4, 4 + size) !=
            tango_io__png_u32(p + 8 + size))
            return tango_io__png_bad(error, "chunk does not match its CRC-32", at);
        if ((at == 8) != tango_io__equal(p + 4, 4, "IHDR") || (at == 8 && size != 13))
            return tango_io__png_bad(error, "IHDR missing, of a wrong size or again", at);
        if (tango_io__equal(p + 4, 4, "IEND")) {
            if (size != 0 || !png->first)
                return tango_io__png_bad(error, "IEND with data or before IDAT", at);
            if (data_size - at != 12)
                return tango_io__png_bad(error, "bytes behind IEND", at + 12);
            return TANGO_OK;
        }
        if (tango_io__equal(p + 4, 4, "IDAT")) {
            if (closed || (png->colour == 3 && !png->palette))
                return tango_io__png_bad(error, "IDAT out of place", at);
            if (!png->first) png->first = at;
            *packed += size;
            continue;
        }
        closed = png->first != 0;
        r = at == 8 ? tango_io__png_head(png, p + 8, error)
                    : tango_io__png_extra(png, p + 4, size, at, error);
        if (r != TANGO_OK) return r;
    }
    return tango_io__png_bad(error, "no IEND: the file is cut off", at);
}

typedef struct tango_io__png_reader {
    tango_io__inflate inflate;
    const tango_io_png *png;
    unsigned char *pixels, *row, *above;
    size_t next;                        /* chunk that the input goes on with */
    size_t width, height, x, y;         /* of the pass; y = row that is coming */
    size_t size, fill;                  /* bytes of a row, bytes of it that have come */
    size_t step;                        /* bytes from a sample to the one on its left */
    unsigned pass;
    int filter;                         /* -1: the filter byte comes next */
    const char *what;
} tango_io__png_reader;

TANGO_API tango_result tango_io_png_open(tango_io_png *png, const void *data, size_t size,
                                         tango_error *error)
{
    tango_io_png out;
    uint64_t packed = 0, raw = 0;
    size_t row = 0;
    unsigned pass;
    tango_result r;
    tango_io__zero(&out, sizeof out);
    if (!data || size < 8 || tango_io__compare(data, 8, tango_io__png_magic, 8) != 0)
        return tango_io__foreign(error, "png", "a PNG file", data, size);
    out.data = (const unsigned char *)data;
    r = tango_io__png_chunks(&out, size, &packed, error);
    if (r != TANGO_OK) return r;
    for (pass = out.interlaced ? 0 : 7; pass < (out.interlaced ? 7u : 8u); pass++) {
        const unsigned char *grid = tango_io__png_passes[pass];
        size_t width = tango_io__png_steps(out.spec.width, grid[0], grid[2]);
        size_t height = tango_io__png_steps(out.spec.height, grid[1], grid[3]);
        if (width > 0 && tango_io__png_row(&out, width, &row))
            raw += ((uint64_t)row + 1) * height;        /* under 2^63 + 2^34 */
    }
    if (raw / 1032 > packed)                    /* deflate shrinks 1032 to 1 at best */
        return tango_io__png_bad(error, "too few data for a picture of this size",
                                 out.first);
    tango_io__png_row(&out, out.spec.width, &row);
    out.size = (size_t)out.spec.width * out.spec.height * out.spec.channels *
               (out.spec.bits / 8);             /* checked for 4 channels */
    out.work_size = sizeof(tango_io__png_reader) + 8 + 2 * row;
    *png = out;
    return TANGO_OK;
}

/* Input of the decompressor: the data of the next IDAT that has any. */
static int tango_io__png_more(void *context, const unsigned char **at,
                              const unsigned char **end)
{
    tango_io__png_reader *r = (tango_io__png_reader *)context;
    const unsigned char *p = r->png->data + r->next;
    size_t size;
    for (;; p = r->png->data + r->next) {       /* checked; IEND is always there */
        if (!tango_io__equal(p + 4, 4, "IDAT")) return 0;
        size = tango_io__png_u32(p);
        r->next += 12 + size;
        *at = p + 8;
        *end = p + 8 + size;
        if (size > 0) return 1;
    }
}

/* Starts the next pass that has pixels; height 0 if there is none. */
static void tango_io__png_pass(tango_io__png_reader *r)
{
    const unsigned char *grid;
    unsigned last = r->png->interlaced ? 7 : 8;
    for (r->height = 0; r->pass < last; r->pass++) {
        grid = tango_io__png_passes[r->pass];
        r->width = tango_io__png_steps(r->png->spec.width, grid[0], grid[2]);
        r->height = tango_io__png_steps(r->png->spec.height, grid[1], grid[3]);
        if (r->width > 0 && r->height > 0) break;
        r->height = 0;
    }
    r->y = r->fill = 0;
    r->filter = -1;
    if (r->height == 0) return;
    tango_io__png_row(r->png, r->width, &r->size);
    tango_io__zero(r->above, r->size);
}

/* The inverse of tango_io__png_filter, in place. */
TANGO_IO__HOT
static void tango_io__png_unfilter(unsigned char *row, const unsigned char *above,
                                   size_t size, size_t step, int kind)
{
    size_t i;
    for (i = 0; kind > 0 && i < size; i++) {
        uint32_t a = i < step ? 0u : row[i - step], b = above[i],
                 c = i < step ? 0u : above[i - step];
        uint32_t guess = kind == 1 ? a : kind == 2 ? b : kind == 3 ? (a + b) / 2
                       : tango_io__png_paeth(a, b, c);
        row[i] = (unsigned char)((row[i] + guess) & 0xff);
    }
}

/* Sample number i of the row, of `depth` bits. */
TANGO_IO__HOT
static uint32_t tango_io__png_sample(const tango_io__png_reader *r, size_t i)
{
    unsigned depth = r->png->depth, shift;
    if (depth == 16) return (uint32_t)r->row[2 * i] << 8 | r->row[2 * i + 1];
    if (depth == 8) return r->row[i];
    shift = 8 - depth - (unsigned)(i % (8 / depth)) * depth;    /* from the top bits */
    return (uint32_t)r->row[i / (8 / depth)] >> shift & ((1u << depth) - 1);
}

/* The finished row into the picture. */
TANGO_IO__HOT
static int tango_io__png_deliver(tango_io__png_reader *r)
{
    const tango_io_png *png = r->png;
    const unsigned char *grid = tango_io__png_passes[r->pass];
    size_t channels = png->spec.channels, bytes = png->spec.bits / 8, i, k;
    for (i = 0; i < r->width; i++) {
        size_t x = grid[0] + i * grid[2], y = grid[1] + r->y * grid[3];
        unsigned char *out = r->pixels + (y * png->spec.width + x) * channels * bytes;
        if (png->colour == 3) {
            uint32_t index = tango_io__png_sample(r, i);
            if (index >= png->palette_size) {
                r->what = "pixel beyond the palette";
                return 0;
            }
            tango_io__copy(out, png->data + png->palette + (size_t)3 * index, 3);
            if (channels == 4)
                out[3] = index < png->alpha_size ? png->data[png->alpha + index] : 255;
            continue;
        }
        for (k = 0; k < channels; k++) {
            uint32_t v = tango_io__png_sample(r, i * channels + k);
            uint16_t wide = (uint16_t)v;
            if (bytes == 2) tango_io__copy(out + 2 * k, &wide, 2);
            else out[k] = (unsigned char)(v * 255 / ((1u << png->depth) - 1));
        }
    }
    return 1;
}

/* Output of the decompressor: filter byte, row, filter byte, row ... */
static int tango_io__png_take(void *context, const unsigned char *data, size_t size)
{
    tango_io__png_reader *r = (tango_io__png_reader *)context;
    while (size > 0) {
        size_t n = r->size - r->fill;
        unsigned char *swap = r->row;
        if (r->height == 0) {
            r->what = "more data than the picture has";
            return 0;
        }
        if (r->filter < 0) {
            r->filter = *data++;
            size--;
            if (r->filter <= 4) continue;
            r->what = "no such filter";
            return 0;
        }
        if (n > size) n = size;
        tango_io__copy(r->row + r->fill, data, n);
        r->fill += n;
        data += n;
        size -= n;
        if (r->fill < r->size) continue;
        tango_io__png_unfilter(r->row, r->above, r->size, r->step, r->filter);
        if (!tango_io__png_deliver(r)) return 0;
        r->row = r->above;
        r->above = swap;
        r->fill = 0;
        r->filter = -1;
        if (++r->y == r->height) {
            r->pass++;
            tango_io__png_pass(r);
        }
    }
    return 1;
}

TANGO_API tango_result tango_io_png_read(void *pixels, const tango_io_png *png,
                                         void *work, size_t work_size,
                                         tango_error *error)
{
    size_t skip = (size_t)((0 - (uintptr_t)work) % 8), row = 0;
    tango_io__png_reader *r;
    const unsigned char *at;
    if (!work || work_size < png->work_size)
        return tango_io_fail(error, TANGO_ERROR_MEMORY,
                             "png: %z bytes of work, %z needed", work_size,
                             png->work_size);
    r = (tango_io__png_reader *)(void *)((unsigned char *)work + skip);
    tango_io__png_row(png, png->spec.width, &row);
    r->png = png;
    r->pixels = (unsigned char *)pixels;
    r->row = (unsigned char *)(r + 1);
    r->above = r->row + row;
    r->next = png->first;
    r->pass = png->interlaced ? 0 : 7;
    r->what = NULL;
    tango_io__png_row(png, 8, &r->step);        /* 8 pixels fill whole bytes */
    r->step = r->step < 8 ? 1 : r->step / 8;
    tango_io__png_pass(r);
    r->inflate.context = r;
    r->inflate.more = tango_io__png_more;
    r->inflate.take = tango_io__png_take;
    if (!tango_io__inflate_run(&r->inflate)) {
        at = r->inflate.at ? r->inflate.at : png->data + png->first;
        return tango_io__png_bad(error, r->what ? r->what : r->inflate.what,
                                 (size_t)(at - png->data));
    }
    if (r->height > 0)
        return tango_io__png_bad(error, "fewer data than the picture has", r->next);
    return TANGO_OK;
}

/* magma and viridis by Nathaniel J. Smith, Stefan van der Walt and Eric Firing (CC0), as
   0xRRGGBB. */
static const uint32_t tango_io__magma[256] = {
    0x000003, 0x000004, 0x000006, 0x010007, 0x010109, 0x01010b, 0x02020d, 0x02020f,
    0x030311, 0x040313, 0x040415, 0x050417, 0x060519, 0x07051b, 0x08061d, 0x09071f,
    0x0a0722, 0x0b0824, 0x0c0926, 0x0d0a28, 0x0e0a2a, 0x0f0b2c, 0x100c2f, 0x110c31,
    0x120d33, 0x140d35, 0x150e38, 0x160e3a, 0x170f3c, 0x180f3f, 0x1a1041, 0x1b1044,
    0x1c1046, 0x1e1049, 0x1f114b, 0x20114d, 0x221150, 0x231152, 0x251155, 0x261157,
    0x281159, 0x2a115c, 0x2b115e, 0x2d1060, 0x2f1062, 0x301065, 0x321067, 0x341068,
    0x350f6a, 0x370f6c, 0x390f6e, 0x3b0f6f, 0x3c0f71, 0x3e0f72, 0x400f73, 0x420f74,
    0x430f75, 0x450f76, 0x470f77, 0x481078, 0x4a1079, 0x4b1079, 0x4d117a, 0x4f117b,
    0x50127b, 0x52127c, 0x53137c, 0x55137d, 0x57147d, 0x58157e, 0x5a157e, 0x5b167e,
    0x5d177e, 0x5e177f, 0x60187f, 0x61187f, 0x63197f, 0x651a80, 0x661a80, 0x681b80,
    0x691c80, 0x6b1c80, 0x6c1d80, 0x6e1e81, 0x6f1e81, 0x711f81, 0x731f81, 0x742081,
    0x762181, 0x772181, 0x792281, 0x7a2281, 0x7c2381, 0x7e2481, 0x7f2481, 0x812581,
    0x822581, 0x842681, 0x852681, 0x872781, 0x892881, 0x8a2881, 0x8c2980, 0x8d2980,
    0x8f2a80, 0x912a80, 0x922b80, 0x942b80, 0x952c80, 0x972c7f, 0x992d7f, 0x9a2d7f,
    0x9c2e7f, 0x9e2e7e, 0x9f2f7e, 0xa12f7e, 0xa3307e, 0xa4307d, 0xa6317d, 0xa7317d,
    0xa9327c, 0xab337c, 0xac337b, 0xae347b, 0xb0347b, 0xb1357a, 0xb3357a, 0xb53679,
    0xb63679, 0xb83778, 0xb93778, 0xbb3877, 0xbd3977, 0xbe3976, 0xc03a75, 0xc23a75,
    0xc33b74, 0xc53c74, 0xc63c73, 0xc83d72, 0xca3e72, 0xcb3e71, 0xcd3f70, 0xce4070,
    0xd0416f, 0xd1426e, 0xd3426d, 0xd4436d, 0xd6446c, 0xd7456b, 0xd9466a, 0xda4769,
    0xdc4869, 0xdd4968, 0xde4a67, 0xe04b66, 0xe14c66, 0xe24d65, 0xe44e64, 0xe55063,
    0xe65162, 0xe75262, 0xe85461, 0xea5560, 0xeb5660, 0xec585f, 0xed595f, 0xee5b5e,
    0xee5d5d, 0xef5e5d, 0xf0605d, 0xf1615c, 0xf2635c, 0xf3655c, 0xf3675b, 0xf4685b,
    0xf56a5b, 0xf56c5b, 0xf66e5b, 0xf6705b, 0xf7715b, 0xf7735c, 0xf8755c, 0xf8775c,
    0xf9795c, 0xf97b5d, 0xf97d5d, 0xfa7f5e, 0xfa805e, 0xfa825f, 0xfb8460, 0xfb8660,
    0xfb8861, 0xfb8a62, 0xfc8c63, 0xfc8e63, 0xfc9064, 0xfc9265, 0xfc9366, 0xfd9567,
    0xfd9768, 0xfd9969, 0xfd9b6a, 0xfd9d6b, 0xfd9f6c, 0xfda16e, 0xfda26f, 0xfda470,
    0xfea671, 0xfea873, 0xfeaa74, 0xfeac75, 0xfeae76, 0xfeaf78, 0xfeb179, 0xfeb37b,
    0xfeb57c, 0xfeb77d, 0xfeb97f, 0xfebb80, 0xfebc82, 0xfebe83, 0xfec085, 0xfec286,
    0xfec488, 0xfec689, 0xfec78b, 0xfec98d, 0xfecb8e, 0xfdcd90, 0xfdcf92, 0xfdd193,
    0xfdd295, 0xfdd497, 0xfdd698, 0xfdd89a, 0xfdda9c, 0xfddc9d, 0xfddd9f, 0xfddfa1,
    0xfde1a3, 0xfce3a5, 0xfce5a6, 0xfce6a8, 0xfce8aa, 0xfceaac, 0xfcecae, 0xfceeb0,
    0xfcf0b1, 0xfcf1b3, 0xfcf3b5, 0xfcf5b7, 0xfbf7b9, 0xfbf9bb, 0xfbfabd, 0xfbfcbf };

static const uint32_t tango_io__viridis[256] = {
    0x440154, 0x440255, 0x440357, 0x450558, 0x45065a, 0x45085b, 0x46095c, 0x460b5e,
    0x460c5f, 0x460e61, 0x470f62, 0x471163, 0x471265, 0x471466, 0x471567, 0x471669,
    0x47186a, 0x48196b, 0x481a6c, 0x481c6e, 0x481d6f, 0x481e70, 0x482071, 0x482172,
    0x482273, 0x482374, 0x472575, 0x472676, 0x472777, 0x472878, 0x472a79, 0x472b7a,
    0x472c7b, 0x462d7c, 0x462f7c, 0x46307d, 0x46317e, 0x45327f, 0x45347f, 0x453580,
    0x453681, 0x443781, 0x443982, 0x433a83, 0x433b83, 0x433c84, 0x423d84, 0x423e85,
    0x424085, 0x414186, 0x414286, 0x404387, 0x404487, 0x3f4587, 0x3f4788, 0x3e4888,
    0x3e4989, 0x3d4a89, 0x3d4b89, 0x3d4c89, 0x3c4d8a, 0x3c4e8a, 0x3b508a, 0x3b518a,
    0x3a528b, 0x3a538b, 0x39548b, 0x39558b, 0x38568b, 0x38578c, 0x37588c, 0x37598c,
    0x365a8c, 0x365b8c, 0x355c8c, 0x355d8c, 0x345e8d, 0x345f8d, 0x33608d, 0x33618d,
    0x32628d, 0x32638d, 0x31648d, 0x31658d, 0x31668d, 0x30678d, 0x30688d, 0x2f698d,
    0x2f6a8d, 0x2e6b8e, 0x2e6c8e, 0x2e6d8e, 0x2d6e8e, 0x2d6f8e, 0x2c708e, 0x2c718e,
    0x2c728e, 0x2b738e, 0x2b748e, 0x2a758e, 0x2a768e, 0x2a778e, 0x29788e, 0x29798e,
    0x287a8e, 0x287a8e, 0x287b8e, 0x277c8e, 0x277d8e, 0x277e8e, 0x267f8e, 0x26808e,
    0x26818e, 0x25828e, 0x25838d, 0x24848d, 0x24858d, 0x24868d, 0x23878d, 0x23888d,
    0x23898d, 0x22898d, 0x228a8d, 0x228b8d, 0x218c8d, 0x218d8c, 0x218e8c, 0x208f8c,
    0x20908c, 0x20918c, 0x1f928c, 0x1f938b, 0x1f948b, 0x1f958b, 0x1f968b, 0x1e978a,
    0x1e988a, 0x1e998a, 0x1e998a, 0x1e9a89, 0x1e9b89, 0x1e9c89, 0x1e9d88, 0x1e9e88,
    0x1e9f88, 0x1ea087, 0x1fa187, 0x1fa286, 0x1fa386, 0x20a485, 0x20a585, 0x21a685,
    0x21a784, 0x22a784, 0x23a883, 0x23a982, 0x24aa82, 0x25ab81, 0x26ac81, 0x27ad80,
    0x28ae7f, 0x29af7f, 0x2ab07e, 0x2bb17d, 0x2cb17d, 0x2eb27c, 0x2fb37b, 0x30b47a,
    0x32b57a, 0x33b679, 0x35b778, 0x36b877, 0x38b976, 0x39b976, 0x3bba75, 0x3dbb74,
    0x3ebc73, 0x40bd72, 0x42be71, 0x44be70, 0x45bf6f, 0x47c06e, 0x49c16d, 0x4bc26c,
    0x4dc26b, 0x4fc369, 0x51c468, 0x53c567, 0x55c666, 0x57c665, 0x59c764, 0x5bc862,
    0x5ec961, 0x60c960, 0x62ca5f, 0x64cb5d, 0x67cc5c, 0x69cc5b, 0x6bcd59, 0x6dce58,
    0x70ce56, 0x72cf55, 0x74d054, 0x77d052, 0x79d151, 0x7cd24f, 0x7ed24e, 0x81d34c,
    0x83d34b, 0x86d449, 0x88d547, 0x8bd546, 0x8dd644, 0x90d643, 0x92d741, 0x95d73f,
    0x97d83e, 0x9ad83c, 0x9dd93a, 0x9fd938, 0xa2da37, 0xa5da35, 0xa7db33, 0xaadb32,
    0xaddc30, 0xafdc2e, 0xb2dd2c, 0xb5dd2b, 0xb7dd29, 0xbade27, 0xbdde26, 0xbfdf24,
    0xc2df22, 0xc5df21, 0xc7e01f, 0xcae01e, 0xcde01d, 0xcfe11c, 0xd2e11b, 0xd4e11a,
    0xd7e219, 0xdae218, 0xdce218, 0xdfe318, 0xe1e318, 0xe4e318, 0xe7e419, 0xe9e419,
    0xece41a, 0xeee51b, 0xf1e51c, 0xf3e51e, 0xf6e61f, 0xf8e621, 0xfae622, 0xfde724 };

TANGO_API void tango_io_colour(unsigned char *rgb, tango_io_colours colours, double x)
{
    uint32_t i = x >= 1.0 ? 255 : x > 0.0 ? (uint32_t)(x * 256.0) : 0, colour;
    if (i > 255) i = 255;
    colour = colours == TANGO_IO_MAGMA ? tango_io__magma[i]
           : colours == TANGO_IO_VIRIDIS ? tango_io__viridis[i] : i * 0x010101;
    rgb[0] = (unsigned char)(colour >> 16);
    rgb[1] = (unsigned char)(colour >> 8 & 255);
    rgb[2] = (unsigned char)(colour & 255);
}

/* Letters of 5 by 7 pixels, column after column from the left, lowest bit on top. */
static const char tango_io__letters[] = "0123456789.-+kHzsdB";
static const unsigned char tango_io__font[19][5] = {
    { 62, 81, 73, 69, 62 }, { 0, 66, 127, 64, 0 }, { 66, 97, 81, 73, 70 },
    { 34, 65, 73, 73, 54 }, { 24, 20, 18, 127, 16 }, { 39, 69, 69, 69, 57 },
    { 60, 74, 73, 73, 48 }, { 1, 113, 9, 5, 3 }, { 54, 73, 73, 73, 54 },
    { 6, 73, 73, 41, 30 }, { 0, 96, 96, 0, 0 }, { 8, 8, 8, 8, 8 }, { 8, 8, 62, 8, 8 },
    { 127, 16, 40, 68, 0 }, { 127, 8, 8, 8, 127 }, { 68, 100, 84, 76, 68 },
    { 72, 84, 84, 84, 36 }, { 56, 68, 68, 72, 127 }, { 127, 73, 73, 73, 54 } };

enum { TANGO_IO__LETTER = 6, TANGO_IO__TICK = 4, TANGO_IO__MARGIN = 8 };

/* Where the matrix lies in the picture, and the picture's size. */
typedef struct tango_io__frame {
    size_t scale, left, top, width, height;
} tango_io__frame;

static tango_io__frame tango_io__plot_frame(const tango_io_plot *plot)
{
    tango_io__frame f;
    size_t i, longest = 0, below = 0;
    int axes = plot->x_count > 0 || plot->y_count > 0;
    f.scale = plot->scale ? plot->scale : 1;
    for (i = 0; i < plot->y_count; i++) {
        size_t n = tango_io__length(plot->y_ticks[i].text);
        if (n > longest) longest = n;
    }
    if (longest > 64) longest = 64;
    f.top = axes ? TANGO_IO__MARGIN : 0;
    f.left = f.top;
    if (plot->y_count) f.left += TANGO_IO__LETTER * longest + TANGO_IO__TICK + 1;
    if (plot->x_count) below = 7 + TANGO_IO__TICK + 1;
    f.width = f.height = 0;
    if (plot->columns == 0 || plot->rows == 0 || plot->columns > 65535 / f.scale ||
        plot->rows > 65535 / f.scale)
        return f;
    f.width = f.left + plot->columns * f.scale + (axes ? TANGO_IO__MARGIN * 2 : 0);
    f.height = f.top + plot->rows * f.scale + (axes ? TANGO_IO__MARGIN : 0) + below;
    if (f.width > 65535 || f.height > 65535) f.width = f.height = 0;
    return f;
}

TANGO_API int tango_io_plot_size(tango_io_png_spec *spec, const tango_io_plot *plot)
{
    tango_io__frame f = tango_io__plot_frame(plot);
    if (f.width == 0) return 0;
    spec->width = (uint32_t)f.width;
    spec->height = (uint32_t)f.height;
    spec->channels = 3;
    spec->bits = 8;
    return 1;
}

/* A black rectangle, cut at the picture's edge. */
static void tango_io__plot_bar(unsigned char *pixels, const tango_io__frame *f, size_t x,
                               size_t y, size_t width, size_t height)
{
    size_t i, k;
    for (k = y; k < y + height && k < f->height; k++) {
        for (i = x; i < x + width && i < f->width; i++)
            tango_io__zero(pixels + 3 * (k * f->width + i), 3);
    }
}

static void tango_io__plot_text(unsigned char *pixels, const tango_io__frame *f, size_t x,
                                size_t y, const char *text)
{
    size_t i, k, n = 0, bit;
    for (; n < 64 && text[n]; n++, x += TANGO_IO__LETTER) {
        for (i = 0; tango_io__letters[i] && tango_io__letters[i] != text[n]; i++) {}
        if (!tango_io__letters[i]) continue;
        for (k = 0; k < 5; k++) {
            for (bit = 0; bit < 7; bit++) {
                if (tango_io__font[i][k] >> bit & 1)
                    tango_io__plot_bar(pixels, f, x + k, y + bit, 1, 1);
            }
        }
    }
}

/* Pixels from the start of an axis of `count` values to a tick; SIZE_MAX if outside. */
TANGO_IO__HOT
static size_t tango_io__plot_place(const tango_io_tick *tick, size_t count, size_t scale)
{
    if (!(tick->at >= 0.0 && tick->at <= (double)count)) return SIZE_MAX;
    return (size_t)(tick->at * (double)scale);
}

static void tango_io__plot_axes(unsigned char *pixels, const tango_io__frame *f,
                                const tango_io_plot *plot)
{
    size_t bottom = f->top + plot->rows * f->scale, i, at, half;
    for (i = 0; i < plot->x_count; i++) {
        const char *text = plot->x_ticks[i].text;
        at = tango_io__plot_place(&plot->x_ticks[i], plot->columns, f->scale);
        if (at == SIZE_MAX) continue;
        at += f->left;
        half = tango_io__length(text) * TANGO_IO__LETTER / 2;
        tango_io__plot_bar(pixels, f, at, bottom, 1, TANGO_IO__TICK);
        tango_io__plot_text(pixels, f, at > half ? at - half : 0,
                            bottom + TANGO_IO__TICK + 2, text);
    }
    for (i = 0; i < plot->y_count; i++) {
        const char *text = plot->y_ticks[i].text;
        at = tango_io__plot_place(&plot->y_ticks[i], plot->rows, f->scale);
        half = tango_io__length(text) * TANGO_IO__LETTER + TANGO_IO__TICK + 1;
        if (at == SIZE_MAX) continue;
        at = bottom - at;                       /* top is at least 8: room for a text */
        if (at > f->top) at--;
        tango_io__plot_bar(pixels, f, f->left - TANGO_IO__TICK, at, TANGO_IO__TICK, 1);
        tango_io__plot_text(pixels, f, f->left > half ? f->left - half : 0, at - 3, text);
    }
}

TANGO_API void tango_io_plot_draw(unsigned char *pixels, const tango_io_plot *plot)
{
    tango_io__frame f = tango_io__plot_frame(plot);
    size_t x, y, i, size = 3 * f.width * f.height;
    double range = plot->high - plot->low;
    for (i = 0; i < size; i++) pixels[i] = 255;
    for (y = 0; f.width > 0 && y < plot->rows * f.scale; y++) {
        unsigned char *out = pixels + 3 * ((f.top + y) * f.width + f.left);
        size_t row = plot->rows - 1 - y / f.scale;
        for (x = 0; x < plot->columns * f.scale; x++, out += 3) {
            double v = (double)plot->values[x / f.scale * plot->rows + row];
            tango_io_colour(out, plot->colours, (v - plot->low) / range);
        }
    }
    if (f.width > 0) tango_io__plot_axes(pixels, &f, plot);
}

/* ==== 14 >>csv ==== Tables of RFC 4180 ============================================== */

/* The first fault of a row, if there is one. */
typedef struct tango_io__csv_fault { const char *what; size_t at; } tango_io__csv_fault;

/* Returns 0, for a field whose end cannot be told. */
static int tango_io__csv_bad(tango_io__csv_fault *fault, const char *what, size_t at)
{
    if (fault->what) return 0;
    fault->what = what;
    fault->at = at;
    return 0;
}

/* Offset behind the first line end from `at` on; the size if there is none. */
TANGO_IO__HOT
static size_t tango_io__csv_line_end(const tango_io_csv *csv, size_t at)
{
    while (at < csv->size && csv->data[at] != '\n') at++;
    return at < csv->size ? at + 1 : at;
}

/* Number of the line that begins at `at`, counted on from the last one asked for. */
static size_t tango_io__csv_line(tango_io_csv *csv, size_t at)
{
    for (; csv->line_at < at; csv->line_at = tango_io__csv_line_end(csv, csv->line_at))
        csv->line++;
    return csv->line;
}

/* Finds the end of the field at csv->at: *end is behind its text, at most 1 MiB long. */
TANGO_IO__HOT
static int tango_io__csv_delimit(const tango_io_csv *csv, tango_io_csv_field *field,
                                 size_t *end, tango_io__csv_fault *fault)
{
    const unsigned char *p = csv->data;
    size_t at = csv->at, n = csv->size;
    int quoted = at < n && p[at] == '"';
    if (quoted) at++;
    field->text = (const char *)p + at;
    field->offset = at;
    field->escaped = 0;
    for (;; at++) {
        if (at - field->offset > TANGO_IO_CSV_FIELD_MAX)
            return tango_io__csv_bad(fault, "field over 1 MiB", field->offset);
        if (at == n) break;
        if (quoted) {
            if (p[at] != '"') continue;
            if (at + 1 == n || p[at + 1] != '"') break;
            field->escaped = 1;
            at++;
        } else if (p[at] == '"') {
            return tango_io__csv_bad(fault, "quote inside a plain field", at);
        } else if (p[at] == ',' || p[at] == '\n' || p[at] == '\r') {
            break;
        }
    }
    if (quoted && at == n)
        return tango_io__csv_bad(fault, "quote never closed", field->offset - 1);
    field->size = at - field->offset;
    *end = quoted ? at + 1 : at;
    return 1;
}

/* One field from csv->at on, which moves behind it and its comma, LF or CR LF. *last = 1
   if it ends its row: there is no comma. */
static int tango_io__csv_field(tango_io_csv *csv, tango_io_csv_field *field, int *last,
                               tango_io__csv_fault *fault)
{
    const unsigned char *p = csv->data;
    const size_t n = csv->size;
    size_t at;
    if (!tango_io__csv_delimit(csv, field, &at, fault)) return 0;
    *last = at == n || p[at] != ',';
    if (at < n && p[at] == '\r') {
        at++;
        if (at == n || p[at] != '\n')
            return tango_io__csv_bad(fault, "CR without LF", at - 1);
    }
    if (at < n && p[at] != ',' && p[at] != '\n')
        return tango_io__csv_bad(fault, "text behind a quoted field", at);
    csv->at = at < n ? at + 1 : n;
    return 1;
}

TANGO_IO__HOT
static void tango_io__csv_clean(const tango_io_csv_field *field,
                                tango_io__csv_fault *fault)
{
    const unsigned char *p = (const unsigned char *)field->text;
    size_t i, bad = tango_io__utf8_bad(p, field->size);
    for (i = 0; i < bad && p[i] != 0; i++) {}
    if (i < bad) tango_io__csv_bad(fault, "NUL", field->offset + i);
    else if (bad < field->size)
        tango_io__csv_bad(fault, "malformed UTF-8", field->offset + bad);
}

static void tango_io__csv_skip_empty(tango_io_csv *csv)
{
    const unsigned char *p = csv->data;
    for (; csv->at < csv->size; csv->at++) {
        if (p[csv->at] == '\r' && csv->at + 1 < csv->size && p[csv->at + 1] == '\n')
            csv->at++;
        if (p[csv->at] != '\n') return;
    }
}

/* A whole row, of which the first `room` fields are kept; csv->at moves behind it also if
   it is broken. Only a field whose end cannot be told is looked at twice. */
static tango_result tango_io__csv_row(tango_io_csv *csv, tango_io_csv_field *fields,
                                      size_t room, size_t *count, tango_error *error)
{
    tango_io__csv_fault fault = { NULL, 0 };
    tango_io_csv_field spare;
    const size_t start = csv->at;
    size_t n;
    int last = 0;
    for (n = 0; !last; n++) {
        tango_io_csv_field *field = n < room ? &fields[n] : &spare;
        const size_t from = csv->at;
        if (!tango_io__csv_field(csv, field, &last, &fault)) {
            csv->at = tango_io__csv_line_end(csv, from);
            break;
        }
        if (n < room && csv->wanted >> n & 1) tango_io__csv_clean(field, &fault);
    }
    *count = n;
    if (!fault.what) return TANGO_OK;
    return tango_io_fail(error, TANGO_ERROR_DATA, "csv: line %z: %s (offset %z)",
                         tango_io__csv_line(csv, start), fault.what, fault.at);
}

static tango_result tango_io__csv_names(const tango_io_csv *csv, tango_error *error)
{
    const tango_io_csv_field *h = csv->header;
    const char *what = NULL;
    size_t i, k;
    for (i = 0; i < csv->columns; i++) {
        if (h[i].size == 0) continue;
        if (!tango_io__name_ok((const unsigned char *)h[i].text, h[i].size))
            what = "name of a column is not clean";
        for (k = 0; k < i; k++) {
            if (tango_io__compare(h[i].text, h[i].size, h[k].text, h[k].size) == 0)
                what = "two columns of one name";
        }
        if (what)
            return tango_io_fail(error, TANGO_ERROR_DATA, "csv: header: %s (offset %z)",
                                 what, h[i].offset);
    }
    return TANGO_OK;
}

TANGO_API tango_result tango_io_csv_open(tango_io_csv *csv, const void *data, size_t size,
                                         tango_error *error)
{
    tango_io_csv c;
    tango_result r;
    c.columns = c.row = c.line_at = 0;
    c.line = 1;
    c.wanted = UINT64_MAX;
    c.data = (const unsigned char *)data;
    c.size = size;
    c.at = tango_io__mark(data, size);
    tango_io__csv_skip_empty(&c);
    if (c.at == size)
        return tango_io_fail(error, TANGO_ERROR_DATA, "csv: no header (offset %z)", c.at);
    r = tango_io__csv_row(&c, c.header, TANGO_IO_CSV_COLUMNS_MAX, &c.columns, error);
    /* A pointer or a page may pass for a table of one column. */
    if ((r != TANGO_OK || c.columns == 1) && tango_io_looks_like(data, size))
        return tango_io__foreign(error, "csv", "a table", data, size);
    if (r != TANGO_OK) return r;
    if (c.columns > TANGO_IO_CSV_COLUMNS_MAX)
        return tango_io_fail(error, TANGO_ERROR_DATA,
                             "csv: header: %z columns, at most %z are read (offset 0)",
                             c.columns, (size_t)TANGO_IO_CSV_COLUMNS_MAX);
    r = tango_io__csv_names(&c, error);
    if (r == TANGO_OK) *csv = c;
    return r;
}

TANGO_API tango_result tango_io_csv_next(tango_io_csv *csv, tango_io_csv_field *fields,
                                         int *more, tango_error *error)
{
    size_t count, start;
    tango_result r;
    tango_io__csv_skip_empty(csv);
    start = csv->at;
    *more = start < csv->size;
    if (!*more) return TANGO_OK;
    r = tango_io__csv_row(csv, fields, csv->columns, &count, error);
    if (r != TANGO_OK) return r;
    if (count != csv->columns)
        return tango_io_fail(error, TANGO_ERROR_DATA,
                             "csv: line %z: %z fields, %z columns (offset %z)",
                             tango_io__csv_line(csv, start), count, csv->columns, start);
    csv->row++;
    return TANGO_OK;
}

/* Bytes of the field after unescaping; written to `out` unless it is NULL. */
static size_t tango_io__csv_plain(const tango_io_csv_field *field, char *out)
{
    size_t i, n = 0;
    for (i = 0; i < field->size; i++, n++) {
        if (field->escaped && field->text[i] == '"') i++;       /* the second of a pair */
        if (out) out[n] = field->text[i];
    }
    return n;
}

TANGO_API size_t tango_io_csv_column(const tango_io_csv *csv, const char *name)
{
    size_t i;
    for (i = 0; i < csv->columns; i++) {
        if (!csv->header[i].escaped &&
            tango_io__equal(csv->header[i].text, csv->header[i].size, name))
            return i;
    }
    return SIZE_MAX;
}

TANGO_API int tango_io_csv_text(const tango_io_csv_field *field, char *out,
                                size_t capacity)
{
    size_t n = tango_io__csv_plain(field, NULL);
    if (n >= capacity) return 0;
    tango_io__csv_plain(field, out);
    out[n] = 0;
    return 1;
}

TANGO_API int tango_io_csv_u64(const tango_io_csv_field *field, uint64_t *out)
{
    uint64_t value = 0;
    size_t i;
    if (field->size == 0) return 0;
    for (i = 0; i < field->size; i++) {
        uint64_t digit = (uint64_t)(unsigned char)field->text[i] - '0';
        if (digit > 9 || value > (UINT64_MAX - digit) / 10) return 0;
        value = value * 10 + digit;
    }
    *out = value;
    return 1;
}

/* ==== 21 >>stream ==== Buffered input of the sound readers ========================== */

enum {
    TANGO_IO__SOUND_OPEN = 1,           /* opened, not yet started */
    TANGO_IO__SOUND_READY = 2,
    TANGO_IO__SOUND_FAILED = 3
};

static uint64_t tango_io__sound_offset(const tango_io_sound *s)
{
    return s->base + s->at;
}

/* Asks for up to `size` bytes; *got = 0 at the end. */
static tango_result tango_io__sound_more(tango_io_sound *s, unsigned char *to,
                                         size_t size, size_t *got, tango_error *error)
{
    tango_result r;
    *got = 0;
    if (s->reader) {
        r = s->reader(s->context, to, size, got, error);
        if (r == TANGO_OK && *got > size)
            r = tango_io_fail(error, TANGO_ERROR_ARGUMENT,
                              "sound: a reader gave %z bytes, %z were asked for", *got,
                              size);
        return r;
    }
    *got = size < s->memory_size ? size : s->memory_size;
    tango_io__copy(to, s->memory, *got);
    s->memory += *got;
    s->memory_size -= *got;
    return TANGO_OK;
}

/* Moves what is unread to the front of the buffer and reads on until `need` bytes (at
   most the buffer's size) stand there or the input ends. */
static tango_result tango_io__sound_fill(tango_io_sound *s, size_t need,
                                         tango_error *error)
{
    size_t got;
    if (s->end - s->at >= need || s->ended) return TANGO_OK;
    tango_io__copy(s->buffer, s->buffer + s->at, s->end - s->at);   /* forward: safe */
    s->base += s->at;
    s->end -= s->at;
    s->at = 0;
    while (s->end < need && !s->ended) {
        tango_result r = tango_io__sound_more(s, s->buffer + s->end,
                                              sizeof s->buffer - s->end, &got, error);
        if (r != TANGO_OK) return r;
        s->end += got;
        s->ended = got == 0;
    }
    return TANGO_OK;
}

/* `need` bytes of a header, or an error that says what they were for. */
static tango_result tango_io__sound_need(tango_io_sound *s, size_t need, const char *what,
                                         tango_error *error)
{
    tango_result r = tango_io__sound_fill(s, need, error);
    if (r == TANGO_OK && s->end - s->at < need)
        return tango_io_fail(error, TANGO_ERROR_DATA,
                             "%s: %z bytes expected at offset %u, the file ends at %u",
                             what, need, tango_io__sound_offset(s), s->base + s->end);
    return r;
}

/* Passes over n bytes that must be there. */
static tango_result tango_io__sound_pass(tango_io_sound *s, uint64_t n, const char *what,
                                         tango_error *error)
{
    uint64_t from = tango_io__sound_offset(s), want = n;
    while (n > 0) {
        size_t step = s->end - s->at;
        tango_result r;
        if (step > n) step = (size_t)n;
        s->at += step;
        n -= step;
        if (n == 0) break;
        r = tango_io__sound_fill(s, 1, error);
        if (r != TANGO_OK) return r;
        if (s->at == s->end)
            return tango_io_fail(error, TANGO_ERROR_DATA,
                                 "%s: %u bytes expected at offset %u, the file ends at "
                                 "%u", what, want, from, s->base + s->end);
    }
    return TANGO_OK;
}

/* Damage behind the first sample: an error, or with keep the end of the sound. */
static tango_result tango_io__sound_cut(tango_io_sound *s, const tango_error *why,
                                        tango_error *error)
{
    if (!s->keep) {
        if (error) *error = *why;
        return TANGO_ERROR_DATA;
    }
    s->cut = 1;
    s->note = *why;
    s->left = 0;
    return TANGO_OK;
}

/* Two's complement; compilers see that nothing happens. */
TANGO_IO__INLINE int32_t tango_io__signed(uint32_t bits)
{
    return bits >> 31 ? -(int32_t)~bits - 1 : (int32_t)bits;
}

/* Where samples go: one of the three, or nowhere. */
typedef struct tango_io__sound_out {
    double scale;                       /* 2^(1-bits) */
    float *floats;
    double *doubles;
    int32_t *integers;
} tango_io__sound_out;

/* float(x) scale = float(x scale): the scale is a power of two. */
TANGO_IO__INLINE void tango_io__sound_put(tango_io__sound_out *out, size_t i, int32_t x)
{
    if (out->floats) out->floats[i] = (float)((double)x * out->scale);
    else if (out->doubles) out->doubles[i] = (double)x * out->scale;
    else if (out->integers) out->integers[i] = x;
}

static void tango_io__sound_advance(tango_io__sound_out *out, size_t count)
{
    if (out->floats) out->floats += count;
    if (out->doubles) out->doubles += count;
    if (out->integers) out->integers += count;
}

/* ==== 22 >>decoder ==== The FLAC decoder ============================================ */

/* A FLAC file (RFC 9639) is "fLaC", metadata blocks, then frames. Numbers are big-endian,
   bits come from the top of each byte.

       frame      sync 14 bits, 0, variable 1, block length 4, rate 4, channels 4, bits 3,
                  0, number coded like UTF-8, then 1 or 2 bytes of length and of rate
                  where the codes ask for them, CRC-8; a subframe for each channel; zeros
                  up to a byte; CRC-16 of all of it
       subframe   0, type 6 bits, 1 bit: wasted bits follow, in unary; then by type
                  0 constant   1 verbatim   8-12 fixed predictor of order 0-4
                  32-63 linear predictor of order 1-32: warm-up samples, precision 4,
                  shift 5, coefficients; then the residual in 2^p Rice-coded partitions

   A sample is x[t] = residual[t] + (sum_j coefficient[j] x[t-1-j] >> shift); the fixed
   predictors are differences of their order. */

/* ---- MD5 (RFC 1321) --------------------------------------------------------------- */

TANGO_IO__INLINE uint32_t tango_io__md5_step(uint32_t a, uint32_t b, uint32_t f,
                                             uint32_t x, unsigned rotate)
{
    uint32_t sum = a + f + x;
    return b + (sum << rotate | sum >> (32 - rotate));
}

/* One block of 64 bytes. k[i] = floor(2^32 |sin(i + 1)|). */
TANGO_IO__HOT
static void tango_io__md5_block(uint32_t *state, const unsigned char *p)
{
    static const uint32_t k[64] = {
        0xd76aa478, 0xe8c7b756, 0x242070db, 0xc1bdceee, 0xf57c0faf, 0x4787c62a,
        0xa8304613, 0xfd469501, 0x698098d8, 0x8b44f7af, 0xffff5bb1, 0x895cd7be,
        0x6b901122, 0xfd987193, 0xa679438e, 0x49b40821, 0xf61e2562, 0xc040b340,
        0x265e5a51, 0xe9b6c7aa, 0xd62f105d, 0x02441453, 0xd8a1e681, 0xe7d3fbc8,
        0x21e1cde6, 0xc33707d6, 0xf4d50d87, 0x455a14ed, 0xa9e3e905, 0xfcefa3f8,
        0x676f02d9, 0x8d2a4c8a, 0xfffa3942, 0x8771f681, 0x6d9d6122, 0xfde5380c,
        0xa4beea44, 0x4bdecfa9, 0xf6bb4b60, 0xbebfbc70, 0x289b7ec6, 0xeaa127fa,
        0xd4ef3085, 0x04881d05, 0xd9d4d039, 0xe6db99e5, 0x1fa27cf8, 0xc4ac5665,
        0xf4292244, 0x432aff97, 0xab9423a7, 0xfc93a039, 0x655b59c3, 0x8f0ccc92,
        0xffeff47d, 0x85845dd1, 0x6fa87e4f, 0xfe2ce6e0, 0xa3014314, 0x4e0811a1,
        0xf7537e82, 0xbd3af235, 0x2ad7d2bb, 0xeb86d391,
    };
    uint32_t a = state[0], b = state[1], c = state[2], d = state[3], x[16];
    unsigned i;
    for (i = 0; i < 16; i++) x[i] = tango_io__u32(p + 4 * i);
    for (i = 0; i < 16; i += 4) {
        a = tango_io__md5_step(a, b, d ^ (b & (c ^ d)), x[i] + k[i], 7);
        d = tango_io__md5_step(d, a, c ^ (a & (b ^ c)), x[i + 1] + k[i + 1], 12);
        c = tango_io__md5_step(c, d, b ^ (d & (a ^ b)), x[i + 2] + k[i + 2], 17);
        b = tango_io__md5_step(b, c, a ^ (c & (d ^ a)), x[i + 3] + k[i + 3], 22);
    }
    for (i = 16; i < 32; i += 4) {
        a = tango_io__md5_step(a, b, (b & d) | (c & ~d), x[(5 * i + 1) & 15] + k[i], 5);
        d = tango_io__md5_step(d, a, (a & c) | (b & ~c), x[(5 * i + 6) & 15] + k[i + 1],
                               9);
        c = tango_io__md5_step(c, d, (d & b) | (a & ~b), x[(5 * i + 11) & 15] + k[i + 2],
                               14);
        b = tango_io__md5_step(b, c, (c & a) | (d & ~a), x[(5 * i) & 15] + k[i + 3], 20);
    }
    for (i = 32; i < 48; i += 4) {
        a = tango_io__md5_step(a, b, b ^ c ^ d, x[(3 * i + 5) & 15] + k[i], 4);
        d = tango_io__md5_step(d, a, a ^ b ^ c, x[(3 * i + 8) & 15] + k[i + 1], 11);
        c = tango_io__md5_step(c, d, d ^ a ^ b, x[(3 * i + 11) & 15] + k[i + 2], 16);
        b = tango_io__md5_step(b, c, c ^ d ^ a, x[(3 * i + 14) & 15] + k[i + 3], 23);
    }
    for (i = 48; i < 64; i += 4) {
        a = tango_io__md5_step(a, b, c ^ (b | ~d), x[(7 * i) & 15] + k[i], 6);
        d = tango_io__md5_step(d, a, b ^ (a | ~c), x[(7 * i + 7) & 15] + k[i + 1], 10);
        c = tango_io__md5_step(c, d, a ^ (d | ~b), x[(7 * i + 14) & 15] + k[i + 2], 15);
        b = tango_io__md5_step(b, c, d ^ (c | ~a), x[(7 * i + 5) & 15] + k[i + 3], 21);
    }
    state[0] += a;
    state[1] += b;
    state[2] += c;
    state[3] += d;
}

static void tango_io__md5_begin(tango_io_flac_sums *f)
{
    f->md5[0] = 0x67452301;
    f->md5[1] = 0xefcdab89;
    f->md5[2] = 0x98badcfe;
    f->md5[3] = 0x10325476;
    f->md5_size = 0;
}

TANGO_IO__HOT
static void tango_io__md5_add(tango_io_flac_sums *f, const unsigned char *p, size_t size)
{
    size_t used = (size_t)(f->md5_size & 63), n;
    f->md5_size += size;
    for (; size > 0; p += n, size -= n) {
        if (used == 0 && size >= 64) {
            n = 64;
            tango_io__md5_block(f->md5, p);
            continue;
        }
        n = 64 - used < size ? 64 - used : size;
        tango_io__copy(f->block + used, p, n);
        used = (used + n) & 63;
        if (used == 0) tango_io__md5_block(f->md5, f->block);
    }
}

/* 0x80, zeros up to 56 modulo 64, the number of bits. */
static void tango_io__md5_end(unsigned char *out, tango_io_flac_sums *f)
{
    unsigned char tail[72];
    uint64_t bits = f->md5_size * 8;
    size_t pad = 64 - (size_t)((f->md5_size + 8) & 63), i;
    tango_io__zero(tail, sizeof tail);
    tail[0] = 0x80;
    tango_io__put64(tail + pad, bits);
    tango_io__md5_add(f, tail, pad + 8);
    for (i = 0; i < 4; i++) tango_io__put32(out + 4 * i, f->md5[i]);
}

/* ---- Bits and sums ---------------------------------------------------------------- */

/* CRC-16 with the polynomial 0x8005, from the top bit; table[k][b] is the sum of byte b
   and k zeros behind it. */
TANGO_IO__HOT
static void tango_io__crc16_begin(tango_io_flac_sums *f)
{
    uint32_t b, k;
    for (b = 0; b < 256; b++) {
        uint32_t c = b << 8;
        for (k = 0; k < 8; k++) c = c & 0x8000 ? c << 1 ^ 0x8005 : c << 1;
        f->table[0][b] = (uint16_t)(c & 0xffff);
    }
    for (k = 1; k < 8; k++)
        for (b = 0; b < 256; b++) {
            uint32_t c = f->table[k - 1][b];
            f->table[k][b] = (uint16_t)((c << 8 & 0xffff) ^ f->table[0][c >> 8]);
        }
}

TANGO_IO__HOT
static void tango_io__crc16_add(tango_io_flac_sums *f, const unsigned char *p,
                                size_t size)
{
    uint32_t c = f->crc;
    for (; size >= 8; size -= 8, p += 8)
        c = (uint32_t)f->table[7][p[0] ^ c >> 8] ^ f->table[6][p[1] ^ (c & 255)] ^
            f->table[5][p[2]] ^ f->table[4][p[3]] ^ f->table[3][p[4]] ^
            f->table[2][p[5]] ^ f->table[1][p[6]] ^ f->table[0][p[7]];
    for (; size > 0; size--, p++) c = (c << 8 & 0xffff) ^ f->table[0][c >> 8 ^ *p];
    f->crc = c;
}

/* The bits of a frame. The cache holds `count` unread bits at its top; below them may
   stand bits that `at` has not passed yet. Behind the end of the input zeros come, and
   `over` counts their bytes. */
typedef struct tango_io__bits {
    uint64_t cache;
    unsigned count;
    size_t over;
    const unsigned char *at, *end;
    tango_io_sound *s;
    tango_result result;                /* of the reader */
    tango_error *error;
} tango_io__bits;

static void tango_io__bits_begin(tango_io__bits *b, tango_io_sound *s, tango_error *error)
{
    b->cache = 0;
    b->count = 0;
    b->over = 0;
    b->at = s->buffer + s->at;
    b->end = s->buffer + s->end;
    b->s = s;
    b->result = TANGO_OK;
    b->error = error;
}

/* Reads on. The last 8 bytes stay, as they may stand in the cache and yet belong to what
   follows the frame; all before them go into the CRC. */
static void tango_io__bits_fill(tango_io__bits *b)
{
    tango_io_sound *s = b->s;
    tango_io_flac_state *f = &s->flac;
    size_t passed = (size_t)(b->at - s->buffer), from = f->crc_from, got = 0;
    if (passed > from + 8) from = passed - 8;
    tango_io__crc16_add(&f->sums, s->buffer + f->crc_from, from - f->crc_from);
    tango_io__copy(s->buffer, s->buffer + from, s->end - from);
    s->base += from;
    s->end -= from;
    f->crc_from = 0;
    b->result = tango_io__sound_more(s, s->buffer + s->end, sizeof s->buffer - s->end,
                                     &got, b->error);
    if (b->result != TANGO_OK || got == 0) s->ended = 1;
    else s->end += got;
    b->at = s->buffer + (passed - from);
    b->end = s->buffer + s->end;
}

/* 57 bits or more. */
TANGO_IO__HOT
static void tango_io__bits_refill_slowly(tango_io__bits *b)
{
    while (b->count <= 56) {
        uint64_t byte = 0;
        if (b->at == b->end && !b->s->ended) tango_io__bits_fill(b);
        if (b->at < b->end) byte = *b->at++;
        else b->over++;
        b->cache |= byte << (56 - b->count);
        b->count += 8;
    }
}

TANGO_IO__INLINE void tango_io__bits_refill(tango_io__bits *b)
{
    const unsigned char *p = b->at;
    if (b->count > 56) return;
    if (b->end - p < 8) {
        tango_io__bits_refill_slowly(b);
        return;
    }
    b->cache |= ((uint64_t)p[0] << 56 | (uint64_t)p[1] << 48 | (uint64_t)p[2] << 40 |
                 (uint64_t)p[3] << 32 | (uint64_t)p[4] << 24 | (uint64_t)p[5] << 16 |
                 (uint64_t)p[6] << 8 | (uint64_t)p[7]) >> b->count;
    b->at += (63 - b->count) >> 3;
    b->count |= 56;                     /* whole bytes more: 56 to 63 */
}

/* The next n <= 33 bits. */
TANGO_IO__INLINE uint64_t tango_io__bits_take(tango_io__bits *b, unsigned n)
{
    uint64_t value;
    if (b->count < n) tango_io__bits_refill(b);
    value = b->cache >> 1 >> (63 - n);
    b->cache <<= n;
    b->count -= n;
    return value;
}

/* The same as a number in two's complement. */
TANGO_IO__INLINE int64_t tango_io__bits_signed(tango_io__bits *b, unsigned n)
{
    uint64_t half = n ? (uint64_t)1 << (n - 1) : 0;
    return (int64_t)(tango_io__bits_take(b, n) ^ half) - (int64_t)half;
}

/* Zeros before the next one. `value` must not be 0. */
TANGO_IO__INLINE unsigned tango_io__leading(uint64_t value)
{
#if defined __GNUC__
    return (unsigned)__builtin_clzll(value);
#else
    unsigned n = 0;
    if (value >> 32 == 0) { n += 32; value <<= 32; }
    if (value >> 48 == 0) { n += 16; value <<= 16; }
    if (value >> 56 == 0) { n += 8; value <<= 8; }
    if (value >> 60 == 0) { n += 4; value <<= 4; }
    if (value >> 62 == 0) { n += 2; value <<= 2; }
    return n + (value >> 63 == 0);
#endif
}

/* Zeros before the next one, which is taken too; `limit` + 1 where there are more. */
TANGO_IO__HOT
static uint64_t tango_io__bits_unary(tango_io__bits *b, uint64_t limit)
{
    uint64_t zeros = 0;
    for (;;) {
        unsigned n;
        tango_io__bits_refill(b);
        n = b->cache ? tango_io__leading(b->cache) : 64;
        if (n < b->count) {
            b->cache = b->cache << n << 1;
            b->count -= n + 1;
            zeros += n;
            return zeros <= limit ? zeros : limit + 1;
        }
        zeros += b->count;
        b->cache = 0;
        b->count = 0;
        if (zeros > limit || b->over > 8) return limit + 1;
    }
}

/* ---- Subframes -------------------------------------------------------------------- */

/* Rice codes: quotient in unary, k low bits; even numbers are 0, 1, 2, odd -1, -2, ...
   Returns 0 if a number needs more than 32 bits. */
TANGO_IO__HOT
static int tango_io__flac_rice(tango_io__bits *bits, int32_t *out, size_t count,
                               unsigned k)
{
    tango_io__bits b = *bits;
    uint64_t wide = 0;
    size_t i;
    for (i = 0; i < count; i++) {
        uint64_t u;
        unsigned q = tango_io__leading(b.cache | 1);
        if (q + 1 + k > b.count) {
            tango_io__bits_refill(&b);
            q = tango_io__leading(b.cache | 1);
        }
        if (q + 1 + k <= b.count) {
            b.cache = b.cache << q << 1;
            u = (uint64_t)q << k | b.cache >> 1 >> (63 - k);
            b.cache <<= k;
            b.count -= q + 1 + k;
        } else {
            u = tango_io__bits_unary(&b, 0xffffffff >> k) << k;
            u |= tango_io__bits_take(&b, k);
        }
        wide |= u >> 32;
        out[i] = tango_io__signed((uint32_t)(u >> 1 & 0x7fffffff) ^
                                  (0u - (uint32_t)(u & 1)));
    }
    *bits = b;
    return wide == 0;
}

/* out[order..n). Returns what is wrong, or NULL. */
TANGO_IO__HOT
static const char *tango_io__flac_residual(tango_io__bits *b, int32_t *out, size_t n,
                                           size_t order)
{
    unsigned method = (unsigned)tango_io__bits_take(b, 2);
    unsigned log = (unsigned)tango_io__bits_take(b, 4), size = method ? 5 : 4;
    size_t part, length = n >> log, at = order;
    if (method > 1) return "reserved residual coding";
    if (length << log != n || length < order) return "impossible partition order";
    for (part = 0; part >> log == 0; part++) {
        size_t count = part ? length : length - order;
        unsigned k = (unsigned)tango_io__bits_take(b, size);
        if (b->over > 8) return NULL;           /* the caller sees the missing bytes */
        if (k < (1u << size) - 1) {
            if (!tango_io__flac_rice(b, out + at, count, k))
                return "residual beyond 32 bits";
            at += count;
            continue;
        }
        k = (unsigned)tango_io__bits_take(b, 5);    /* escape: plain numbers of k bits */
        for (; count > 0; count--) out[at++] = (int32_t)tango_io__bits_signed(b, k);
    }
    return NULL;
}

/* The fixed predictors are exact modulo 2^32, so wrapping sums give the sample. */
TANGO_IO__HOT
static void tango_io__flac_fixed(int32_t *out, size_t n, size_t order)
{
    uint32_t a = 0, b = 0, c = 0, d = 0;        /* differences of order 0 to 3 */
    size_t t, j;
    for (j = 0; j < order; j++) {               /* from the warm-up samples */
        uint32_t x = (uint32_t)out[j], a1 = x - a, b1 = a1 - b, c1 = b1 - c;
        if (j == 0) a1 = b1 = c1 = 0;
        if (j == 1) b1 = c1 = 0;
        if (j == 2) c1 = 0;
        a = x;
        b = a1;
        c = b1;
        d = c1;
    }
    for (t = order; t < n; t++) {
        uint32_t e = (uint32_t)out[t];
        if (order == 4) e = d += e;
        if (order >= 3) e = c += e;
        if (order >= 2) e = b += e;
        if (order >= 1) a += e;
        else a = e;
        out[t] = tango_io__signed(a);
    }
}

/* Sums that fit 32 bits: exact for valid files, wrapping without harm for others. */
TANGO_IO__INLINE void tango_io__flac_lpc32(int32_t *x, size_t n, size_t order,
                                           const int32_t *coefficient, unsigned shift)
{
    size_t t, j;
    for (t = order; t < n; t++) {
        uint32_t sum = 0;
        for (j = 0; j < order; j++)
            sum += (uint32_t)coefficient[j] * (uint32_t)x[t - 1 - j];
        x[t] = tango_io__signed((uint32_t)x[t] +
                                (uint32_t)(tango_io__signed(sum) >> shift));
    }
}

/* |coefficient| <= 2^14, |x| <= 2^31, 32 terms: below 2^50. */
TANGO_IO__INLINE void tango_io__flac_lpc64(int32_t *x, size_t n, size_t order,
                                           const int32_t *coefficient, unsigned shift)
{
    size_t t, j;
    for (t = order; t < n; t++) {
        int64_t sum = 0;
        for (j = 0; j < order; j++) sum += (int64_t)coefficient[j] * x[t - 1 - j];
        x[t] = tango_io__signed((uint32_t)x[t] + (uint32_t)(uint64_t)(sum >> shift));
    }
}

/* The orders that encoders choose get loops of fixed length. */
TANGO_IO__HOT
static void tango_io__flac_lpc(int32_t *x, size_t n, size_t order,
                               const int32_t *coefficient, unsigned shift, int narrow)
{
#define TANGO_IO__LPC(k) \
    case k: \
        if (narrow) tango_io__flac_lpc32(x, n, k, coefficient, shift); \
        else tango_io__flac_lpc64(x, n, k, coefficient, shift); \
        break
    switch (order) {
        TANGO_IO__LPC(1);
        TANGO_IO__LPC(2);
        TANGO_IO__LPC(3);
        TANGO_IO__LPC(4);
        TANGO_IO__LPC(5);
        TANGO_IO__LPC(6);
        TANGO_IO__LPC(7);
        TANGO_IO__LPC(8);
        TANGO_IO__LPC(9);
        TANGO_IO__LPC(10);
        TANGO_IO__LPC(11);
        TANGO_IO__LPC(12);
    default:
        if (narrow) tango_io__flac_lpc32(x, n, order, coefficient, shift);
        else tango_io__flac_lpc64(x, n, order, coefficient, shift);
    }
#undef TANGO_IO__LPC
}

/* The side channel of 32-bit stereo has 33 bits: residuals in x[order..n), samples of
   `size` bits, the wasted ones not counted, in wide. Returns 0 if one does not fit. */
TANGO_IO__HOT
static int tango_io__flac_wide(int64_t *wide, const int32_t *x, size_t n, size_t order,
                               const int32_t *coefficient, unsigned shift, unsigned size)
{
    const int64_t limit = (int64_t)1 << (size - 1);
    size_t t, j;
    for (t = order; t < n; t++) {
        int64_t sum = 0;
        for (j = 0; j < order; j++) sum += coefficient[j] * wide[t - 1 - j];
        sum = x[t] + (sum >> shift);
        if (sum < -limit || sum >= limit) return 0;
        wide[t] = sum;
    }
    return 1;
}

/* Samples of `size` bits that a predictor starts from, or all of a verbatim subframe. */
TANGO_IO__HOT
static void tango_io__flac_plain(tango_io__bits *b, int32_t *out, int64_t *wide, size_t n,
                                 unsigned size)
{
    size_t i;
    for (i = 0; i < n; i++) {
        int64_t value = tango_io__bits_signed(b, size);
        if (wide) wide[i] = value;
        else out[i] = (int32_t)value;
    }
}

TANGO_IO__HOT
static const char *tango_io__flac_predicted(tango_io__bits *b, int32_t *out,
                                            int64_t *wide, size_t n, unsigned size,
                                            unsigned type)
{
    static const int32_t fixed[5][4] = { { 0, 0, 0, 0 }, { 1, 0, 0, 0 }, { 2, -1, 0, 0 },
                                         { 3, -3, 1, 0 }, { 4, -6, 4, -1 } };
    int32_t coefficient[32];
    size_t order = type >= 32 ? type - 31 : type - 8, j;
    unsigned precision = 0, shift = 0, log = 0;
    const char *wrong;
    if (order > n) return "more warm-up samples than the block has";
    tango_io__flac_plain(b, out, wide, order, size);
    for (j = 0; j < order; j++) coefficient[j] = type < 32 ? fixed[order][j] : 0;
    if (type >= 32) {
        precision = (unsigned)tango_io__bits_take(b, 4) + 1;
        shift = (unsigned)tango_io__bits_take(b, 5);
        if (precision > 15) return "reserved coefficient precision";
        if (shift > 15) return "negative shift";
        for (j = 0; j < order; j++)
            coefficient[j] = (int32_t)tango_io__bits_signed(b, precision);
    }
    wrong = tango_io__flac_residual(b, out, n, order);
    if (wrong) return wrong;
    while ((size_t)1 << log < order) log++;
    if (wide) {
        if (!tango_io__flac_wide(wide, out, n, order, coefficient, shift, size))
            return "sample beyond its bits";
    } else if (type < 32) {
        tango_io__flac_fixed(out, n, order);
    } else {
        tango_io__flac_lpc(out, n, order, coefficient, shift,
                           size + precision + log <= 32);
    }
    return NULL;
}

/* n samples of `size` bits into out; into wide instead where it is not NULL. */
TANGO_IO__HOT
static const char *tango_io__flac_subframe(tango_io__bits *b, int32_t *out, int64_t *wide,
                                           size_t n, unsigned size)
{
    unsigned head = (unsigned)tango_io__bits_take(b, 8), type = head >> 1 & 63;
    unsigned wasted = 0;
    size_t i;
    const char *wrong = NULL;
    if (head & 0x80) return "subframe without its zero bit";
    if (head & 1) wasted = 1 + (unsigned)tango_io__bits_unary(b, 33);
    if (wasted >= size) return "no bits left of a sample";
    size -= wasted;
    if (type == 0) {
        tango_io__flac_plain(b, out, wide, 1, size);
        for (i = 1; i < n; i++) {
            if (wide) wide[i] = wide[0];
            else out[i] = out[0];
        }
    } else if (type == 1) {
        tango_io__flac_plain(b, out, wide, n, size);
    } else if ((type >= 8 && type <= 12) || type >= 32) {
        wrong = tango_io__flac_predicted(b, out, wide, n, size, type);
    } else {
        wrong = "reserved subframe type";
    }
    if (wrong || wasted == 0) return wrong;
    for (i = 0; i < n; i++) {
        if (wide) wide[i] *= (int64_t)1 << wasted;
        else out[i] = tango_io__signed((uint32_t)out[i] << wasted);
    }
    return NULL;
}

/* ---- Frames ----------------------------------------------------------------------- */

typedef struct tango_io__flac_head {
    size_t length;                      /* frames in the block */
    unsigned channels;                  /* the code: 0-7 independent, 8-10 stereo modes */
    unsigned bits;                      /* 0: as STREAMINFO says, as with the rate */
    uint32_t rate;
    unsigned variable;                  /* 1: blocks of any length, each numbered ... */
    uint64_t number;                    /* ... by its first sample; 0: frames counted */
    size_t size;                        /* bytes with the CRC-8 */
} tango_io__flac_head;

/* CRC-8 with the polynomial 0x07. */
TANGO_IO__HOT
static uint32_t tango_io__crc8(const unsigned char *p, size_t size)
{
    uint32_t c = 0, k;
    for (; size > 0; size--, p++) {
        c ^= *p;
        for (k = 0; k < 8; k++) c = c & 0x80 ? (c << 1 ^ 0x107) : c << 1;
    }
    return c;
}

/* The number of a frame or sample: like UTF-8, up to 7 bytes and 36 bits, no longer than
   it must be. Returns its bytes, 0 if it is none. */
static size_t tango_io__flac_number(const unsigned char *p, uint64_t *number)
{
    size_t n = 1, i;
    if (p[0] < 0x80) {
        *number = p[0];
        return 1;
    }
    while (n < 8 && p[0] << n & 0x80) n++;
    if (n < 2 || n > 7) return 0;
    *number = n < 7 ? p[0] & (0x7fu >> n) : 0;
    for (i = 1; i < n; i++) {
        if ((p[i] & 0xc0) != 0x80) return 0;
        *number = *number << 6 | (p[i] & 0x3f);
    }
    return *number >> (n == 2 ? 7 : 5 * n - 4) != 0 ? n : 0;
}

/* The rates that have codes; 0 means that of STREAMINFO. */
static const uint32_t tango_io__flac_rates[12] = { 0, 88200, 176400, 192000, 8000, 16000,
                                                   22050, 24000, 32000, 44100, 48000,
                                                   96000 };

/* Block length and rate from their codes; `p` points behind the number. Returns the bytes
   that the codes take there. */
static size_t tango_io__flac_codes(const unsigned char *p, unsigned block, unsigned rate,
                                   size_t *length, uint32_t *hertz)
{
    size_t n = 0;
    if (block == 1) *length = 192;
    else if (block <= 5) *length = (size_t)576 << (block - 2);
    else if (block >= 8) *length = (size_t)256 << (block - 8);
    else if (block == 6) *length = (size_t)p[n++] + 1;
    else {
        *length = ((size_t)p[0] << 8 | p[1]) + 1;
        n = 2;
    }
    if (rate < 12) *hertz = tango_io__flac_rates[rate];
    else if (rate == 12) *hertz = (uint32_t)p[n++] * 1000;
    else {
        *hertz = ((uint32_t)p[n] << 8 | p[n + 1]) * (rate == 14 ? 10 : 1);
        n += 2;
    }
    return n;
}

/* The head of a frame from p[0..16), of which `size` bytes are in the file:

       byte 0, 1   11111111 1111100v    sync code, v: variable block lengths
       byte 2      bbbbrrrr             codes of block length and rate
       byte 3      ccccddd0             channels, code of the depth
       then        the number (1 to 7 bytes), what the two codes leave open, the CRC-8

   Returns what is wrong, or NULL.                              (RFC 9639, section 9.1) */
static const char *tango_io__flac_header(const unsigned char *p, size_t size,
                                         tango_io__flac_head *head)
{
    static const unsigned char depths[8] = { 0, 8, 12, 0, 16, 20, 24, 32 };
    const unsigned block = p[2] >> 4, rate = p[2] & 15, depth = p[3] >> 1 & 7;
    size_t number_size, n = 4;
    if (p[0] != 0xff || (p[1] & 0xfe) != 0xf8) return "no sync code";
    if (block == 0 || rate == 15 || depth == 3 || (p[3] & 1))
        return "reserved header code";
    head->variable = p[1] & 1;
    head->bits = depths[depth];
    head->channels = p[3] >> 4;
    if (head->channels > 10) return "reserved channel assignment";
    number_size = tango_io__flac_number(p + n, &head->number);
    if (number_size == 0) return "malformed frame number";
    n += number_size;
    n += tango_io__flac_codes(p + n, block, rate, &head->length, &head->rate);
    if (n >= size) return "missing bytes";
    if (tango_io__crc8(p, n) != p[n]) return "wrong CRC-8";
    head->size = n + 1;
    return NULL;
}

/* What is wrong with a frame behind those before it and under STREAMINFO, or NULL. */
static const char *tango_io__flac_misfit(const tango_io_sound *s,
                                         const tango_io__flac_head *head)
{
    const tango_io_flac_state *f = &s->flac;
    const unsigned channels = head->channels < 8 ? head->channels + 1 : 2;
    if (head->number != (head->variable ? f->decoded : f->frames))
        return "unexpected number";
    if (f->frames > 0 && f->variable != head->variable)
        return "change of blocking strategy";
    if (f->frames > 0 && !head->variable && f->last != f->first)
        return "block behind a short one";
    if (head->length > f->block_max) return "block longer than STREAMINFO says";
    if (head->rate != 0 && head->rate != s->info.rate)
        return "rate other than in STREAMINFO";
    if (head->bits != 0 && head->bits != s->info.bits)
        return "bits other than in STREAMINFO";
    if (channels != s->info.channels) return "channels other than in STREAMINFO";
    if (f->total != 0 && head->length > f->total - f->decoded)
        return "more samples than STREAMINFO says";
    return NULL;
}

/* Left and right from what was coded. */
TANGO_IO__HOT
static void tango_io__flac_stereo(int32_t *a, int32_t *b, size_t n, unsigned mode)
{
    size_t i;
    for (i = 0; i < n; i++) {
        uint32_t x = (uint32_t)a[i], y = (uint32_t)b[i];
        if (mode == 8) {                        /* left, side = left - right */
            b[i] = tango_io__signed(x - y);
        } else if (mode == 9) {                 /* side, right */
            a[i] = tango_io__signed(x + y);
        } else {                                /* mid = (left + right) >> 1, side */
            uint32_t mid = x << 1 | (y & 1);
            a[i] = tango_io__signed(mid + y) >> 1;
            b[i] = tango_io__signed(mid - y) >> 1;
        }
    }
}

/* The same with a side of 33 bits. Returns 0 if left or right do not fit 32. */
TANGO_IO__HOT
static int tango_io__flac_stereo_wide(int32_t *a, int32_t *b, const int64_t *side,
                                      size_t n, unsigned mode)
{
    uint64_t beyond = 0;
    size_t i;
    for (i = 0; i < n; i++) {
        int64_t left = a[i], right = b[i], mid = 2 * left + (side[i] & 1);
        if (mode == 8) {
            right = left - side[i];
        } else if (mode == 9) {
            left = right + side[i];
        } else {
            left = (mid + side[i]) / 2;
            right = (mid - side[i]) / 2;
        }
        beyond |= ((uint64_t)left + 0x80000000u) | ((uint64_t)right + 0x80000000u);
        a[i] = tango_io__signed((uint32_t)(uint64_t)left);
        b[i] = tango_io__signed((uint32_t)(uint64_t)right);
    }
    return beyond >> 32 == 0;
}

/* 1 if all samples fit the depth of the file. */
TANGO_IO__HOT
static int tango_io__flac_fits(const int32_t *x, size_t n, unsigned bits)
{
    uint32_t half = (uint32_t)1 << (bits - 1), beyond = 0;
    size_t i;
    if (bits == 32) return 1;
    for (i = 0; i < n; i++) beyond |= ((uint32_t)x[i] + half) >> bits;
    return beyond == 0;
}

static const char *tango_io__flac_subframes(tango_io__bits *b, tango_io_sound *s,
                                            const tango_io__flac_head *head)
{
    tango_io_flac_state *f = &s->flac;
    unsigned mode = head->channels, bits = s->info.bits;
    size_t c, n = head->length;
    int64_t *wide = bits == 32 && mode >= 8 ? f->wide : NULL;
    const char *wrong;
    for (c = 0; c < s->info.channels; c++) {
        /* The side channel has one bit more. */
        unsigned side = (mode == 9 && c == 0) || ((mode == 8 || mode == 10) && c == 1);
        wrong = tango_io__flac_subframe(b, f->samples + c * f->block_max,
                                        side ? wide : NULL, n, bits + side);
        if (wrong || b->over > 8) return wrong;
    }
    if (wide) {
        if (!tango_io__flac_stereo_wide(f->samples, f->samples + f->block_max, wide, n,
                                        mode))
            return "sample beyond its bits";
    } else if (mode >= 8) {
        tango_io__flac_stereo(f->samples, f->samples + f->block_max, n, mode);
    }
    for (c = 0; c < s->info.channels; c++) {
        if (!tango_io__flac_fits(f->samples + c * f->block_max, n, bits))
            return "sample beyond its bits";
    }
    return NULL;
}

/* Decodes one frame into f->samples and passes it, or says what is wrong. */
static const char *tango_io__flac_frame(tango_io_sound *s, tango_io__bits *b)
{
    tango_io_flac_state *f = &s->flac;
    tango_io__flac_head head;
    unsigned char start[16];
    size_t n = s->end - s->at < 16 ? s->end - s->at : 16, unread;
    const char *wrong;
    tango_io__zero(start, sizeof start);
    tango_io__copy(start, s->buffer + s->at, n);
    wrong = tango_io__flac_header(start, n, &head);
    if (!wrong) wrong = tango_io__flac_misfit(s, &head);
    if (wrong) return n < 16 ? "missing bytes" : wrong;
    f->sums.crc = 0;
    f->crc_from = s->at;
    s->at += head.size;
    tango_io__bits_begin(b, s, b->error);
    wrong = tango_io__flac_subframes(b, s, &head);
    if (!wrong && tango_io__bits_take(b, b->count & 7) != 0) wrong = "padding of ones";
    if (!wrong) tango_io__bits_take(b, 16);     /* the CRC, which makes the sum zero */
    if (b->over * 8 > b->count) return "missing bytes";
    if (wrong) return wrong;
    unread = b->count / 8 - b->over;
    s->at = (size_t)(b->at - s->buffer) - unread;
    tango_io__crc16_add(&f->sums, s->buffer + f->crc_from, s->at - f->crc_from);
    if (f->sums.crc != 0) return "wrong CRC-16";
    if (f->frames == 0) f->first = head.length;
    f->last = head.length;
    f->variable = head.variable;
    f->length = head.length;
    f->frames++;
    f->decoded += head.length;
    return NULL;
}

/* ---- Stream ----------------------------------------------------------------------- */

/* Adds n frames to the MD5 sum: interleaved, in as many bytes as their bits need. The
   samples of channel c are x[c * stride ...]. */
TANGO_IO__HOT
static void tango_io__flac_sum(tango_io_flac_sums *sums, const int32_t *x, size_t stride,
                               size_t n, size_t channels, unsigned bits)
{
    unsigned char part[4096];
    size_t i, c, at = 0, bytes = (bits + 7) / 8;
    for (i = 0; i < n; i++) {
        if (at + 32 > sizeof part) {
            tango_io__md5_add(sums, part, at);
            at = 0;
        }
        for (c = 0; c < channels; c++, at += bytes) {
            uint32_t value = (uint32_t)x[c * stride + i];
            part[at] = (unsigned char)(value & 0xff);
            if (bytes > 1) part[at + 1] = (unsigned char)(value >> 8 & 0xff);
            if (bytes > 2) part[at + 2] = (unsigned char)(value >> 16 & 0xff);
            if (bytes > 3) part[at + 3] = (unsigned char)(value >> 24);
        }
    }
    tango_io__md5_add(sums, part, at);
}

/* Behind the last frame: nothing but perhaps an ID3v1 tag, 128 bytes that begin with
   "TAG". */
static int tango_io__flac_at_end(const tango_io_sound *s)
{
    size_t rest = s->end - s->at;
    return s->ended && (rest == 0 || (rest == 128 &&
                                      tango_io__equal(s->buffer + s->at, 3, "TAG")));
}

/* All samples are there: does the rest agree? */
static tango_result tango_io__flac_finish(tango_io_sound *s, tango_error *error)
{
    tango_io_flac_state *f = &s->flac;
    unsigned char sum[16];
    tango_error why;
    s->left = 0;
    if (!tango_io__flac_at_end(s)) {
        tango_io_fail(&why, TANGO_ERROR_DATA,
                      "flac: bytes left at offset %u, behind all %u frames",
                      tango_io__sound_offset(s), f->decoded);
        return tango_io__sound_cut(s, &why, error);
    }
    if (!f->summed) return TANGO_OK;
    tango_io__md5_end(sum, &f->sums);
    if (tango_io__compare(sum, 16, f->md5, 16) == 0) return TANGO_OK;
    tango_io_fail(&why, TANGO_ERROR_DATA,
                  "flac: the samples before offset %u do not have the MD5 sum of "
                  "STREAMINFO", tango_io__sound_offset(s));
    return tango_io__sound_cut(s, &why, error);
}

/* The next block, or s->left = 0. */
static tango_result tango_io__flac_next(tango_io_sound *s, tango_error *error)
{
    tango_io_flac_state *f = &s->flac;
    tango_io__bits b;
    tango_error why;
    uint64_t at;
    const char *wrong;
    tango_result r = tango_io__sound_fill(s, 129, error);
    if (r != TANGO_OK) return r;
    at = tango_io__sound_offset(s);
    f->length = f->next = 0;
    if (f->total == 0 && f->frames > 0 && tango_io__flac_at_end(s))
        return tango_io__flac_finish(s, error);
    if (f->total == 0 && f->frames == 0 && s->ended && s->at == s->end)
        return tango_io__flac_finish(s, error);
    b.result = TANGO_OK;
    b.error = error;
    wrong = tango_io__flac_frame(s, &b);
    if (b.result != TANGO_OK) return b.result;
    if (wrong) {
        f->length = 0;
        tango_io_fail(&why, TANGO_ERROR_DATA, "flac: %s in the block at offset %u", wrong,
                      at);
        return tango_io__sound_cut(s, &why, error);
    }
    if (f->summed)
        tango_io__flac_sum(&f->sums, f->samples, f->block_max, f->length,
                           s->info.channels, s->info.bits);
    if (f->total == 0 || f->decoded < f->total) return TANGO_OK;
    r = tango_io__sound_fill(s, 129, error);
    return r == TANGO_OK ? tango_io__flac_finish(s, error) : r;
}

static tango_result tango_io__flac_read(tango_io_sound *s, tango_io__sound_out *out,
                                        uint64_t frames, uint64_t *got,
                                        tango_error *error)
{
    tango_io_flac_state *f = &s->flac;
    size_t channels = s->info.channels, n, i, c;
    for (*got = 0; *got < frames; *got += n) {
        n = 0;
        if (f->next == f->length) {
            tango_result r;
            if (s->left == 0) return TANGO_OK;
            r = tango_io__flac_next(s, error);
            if (r != TANGO_OK) return r;
            continue;
        }
        n = f->length - f->next;
        if (n > frames - *got) n = (size_t)(frames - *got);
        for (c = 0; c < channels && (out->floats || out->doubles || out->integers); c++) {
            const int32_t *x = f->samples + c * f->block_max + f->next;
            for (i = 0; i < n; i++) tango_io__sound_put(out, i * channels + c, x[i]);
        }
        tango_io__sound_advance(out, n * channels);
        f->next += n;
        s->frame += n;
    }
    return TANGO_OK;
}

/* STREAMINFO: 16 bits shortest and longest block, 24 bits smallest and largest frame in
   bytes, 20 rate, 3 channels - 1, 5 bits - 1, 36 number of samples, 128 MD5. */
static tango_result tango_io__flac_streaminfo(tango_io_sound *s, tango_error *error)
{
    tango_io_flac_state *f = &s->flac;
    const unsigned char *p = s->buffer + s->at;
    uint64_t at = tango_io__sound_offset(s);
    size_t shortest = (size_t)p[0] << 8 | p[1], i;
    f->block_max = (size_t)p[2] << 8 | p[3];
    s->info.rate = (uint32_t)p[10] << 12 | (uint32_t)p[11] << 4 | p[12] >> 4;
    s->info.channels = (p[12] >> 1 & 7) + 1u;
    s->info.valid = s->info.bits = ((p[12] & 1u) << 4 | p[13] >> 4) + 1u;
    s->info.floats = 0;
    f->total = (uint64_t)(p[13] & 15) << 32 | (uint64_t)p[14] << 24 |
               (uint64_t)p[15] << 16 | (uint64_t)p[16] << 8 | p[17];
    s->info.frames = f->total ? f->total : TANGO_IO_SOUND_UNKNOWN;
    tango_io__copy(f->md5, p + 18, 16);
    for (i = 0; i < 16; i++) f->summed |= f->md5[i] != 0;
    s->at += 34;
    if (shortest < 16 || f->block_max < shortest)
        return tango_io_fail(error, TANGO_ERROR_DATA,
                             "flac: blocks of %z to %z samples in STREAMINFO, offset %u",
                             shortest, f->block_max, at);
    if (s->info.rate == 0 || s->info.bits < 4)
        return tango_io_fail(error, TANGO_ERROR_DATA,
                             "flac: rate %u and %u bits in STREAMINFO at offset %u",
                             (uint64_t)s->info.rate, (uint64_t)s->info.bits, at + 10);
    return TANGO_OK;
}

/* Bytes of an ID3v2 tag that begins with p[0..10): 28 bits in 4 bytes, without its head
   and perhaps a foot. */
static size_t tango_io__id3_size(const unsigned char *p)
{
    uint32_t size = (uint32_t)(p[6] & 127) << 21 | (uint32_t)(p[7] & 127) << 14 |
                    (uint32_t)(p[8] & 127) << 7 | (p[9] & 127);
    return (size_t)size + (p[5] & 0x10 ? 20 : 10);
}

/* Such a tag before the stream. */
static tango_result tango_io__flac_id3(tango_io_sound *s, tango_error *error)
{
    tango_result r = tango_io__sound_pass(s, tango_io__id3_size(s->buffer + s->at),
                                          "ID3 tag", error);
    return r == TANGO_OK ? tango_io__sound_need(s, 4, "flac: signature", error) : r;
}

/* Each metadata block: 1 bit "last", 7 bits type, 24 bits size. */
static tango_result tango_io__flac_open(tango_io_sound *s, tango_error *error)
{
    tango_io_flac_state *f = &s->flac;
    int last = 0, first = 1;
    tango_result r = TANGO_OK;
    s->info.format = TANGO_IO_SOUND_FLAC;
    s->left = TANGO_IO_SOUND_UNKNOWN;
    s->at += 4;
    for (; !last && r == TANGO_OK; first = 0) {
        const unsigned char *p;
        uint64_t at = tango_io__sound_offset(s);
        unsigned type;
        uint32_t size;
        r = tango_io__sound_need(s, 4, "flac: metadata block", error);
        if (r != TANGO_OK) break;
        p = s->buffer + s->at;
        last = p[0] >> 7;
        type = p[0] & 127;
        size = (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
        s->at += 4;
        if (first ? type != 0 || size != 34 : type == 0 || type == 127)
            return tango_io_fail(error, TANGO_ERROR_DATA,
                                 "flac: metadata block of type %u with %u bytes, offset "
                                 "%u, %s", (uint64_t)type, (uint64_t)size, at,
                                 first ? "STREAMINFO (0) with 34 expected"
                                       : "STREAMINFO comes once and 127 never");
        if (first) {
            r = tango_io__sound_need(s, 34, "flac: STREAMINFO", error);
            if (r == TANGO_OK) r = tango_io__flac_streaminfo(s, error);
        } else {
            r = tango_io__sound_pass(s, size, "flac: metadata block", error);
        }
    }
    tango_io__crc16_begin(&f->sums);
    tango_io__md5_begin(&f->sums);
    return r;
}

/* ==== 15 >>sound ==== Reading WAV and FLAC ========================================== */

/* ---- WAV -------------------------------------------------------------------------- */

/* The 40 bytes of an extensible format end in a GUID: two bytes of format, then these. */
static int tango_io__wav_guid(const unsigned char *p)
{
    static const unsigned char rest[14] = { 0x00, 0x00, 0x00, 0x00, 0x10, 0x00, 0x80,
                                            0x00, 0x00, 0xaa, 0x00, 0x38, 0x9b, 0x71 };
    return tango_io__compare(p + 2, 14, rest, 14) == 0;
}

static tango_result tango_io__wav_codec(tango_io_sound *s, const unsigned char *p,
                                        uint32_t size, tango_error *error)
{
    uint64_t at = tango_io__sound_offset(s);
    uint32_t codec = tango_io__u16(p), bits = tango_io__u16(p + 14), valid = bits;
    if (codec == 0xfffe) {
        if (size < 40)
            return tango_io_fail(error, TANGO_ERROR_DATA,
                                 "wav: extensible fmt of %u bytes at offset %u, at least "
                                 "40 expected", (uint64_t)size, at);
        codec = tango_io__wav_guid(p + 24) ? tango_io__u16(p + 24) : 0xfffe;
        valid = tango_io__u16(p + 18);
        if (valid > bits)
            return tango_io_fail(error, TANGO_ERROR_DATA,
                                 "wav: %u valid bits of %u at offset %u", (uint64_t)valid,
                                 (uint64_t)bits, at + 18);
    }
    if (codec != 1 && codec != 3)
        return tango_io_fail(error, TANGO_ERROR_UNSUPPORTED,
                             "wav: codec %u at offset %u, only PCM (1) and float (3) are "
                             "read", (uint64_t)codec, at);
    s->info.floats = codec == 3;
    s->info.bits = codec == 3 ? bits : (bits + 7) / 8 * 8;
    s->info.valid = valid > 0 && codec != 3 ? valid : s->info.bits;
    if (codec == 3 ? bits != 32 && bits != 64 : bits < 8 || bits > 32)
        return tango_io_fail(error, TANGO_ERROR_UNSUPPORTED,
                             "wav: %s samples of %u bits at offset %u are not read",
                             codec == 3 ? "float" : "PCM", (uint64_t)bits, at + 14);
    return TANGO_OK;
}

/* The numbers that follow from others: bytes of a frame and a second. Were a frame held
   to be longer than its samples, some would be passed over. Recorders leave the byte rate
   0; with `keep` it may be wrong, since nothing is computed from it. */
static tango_result tango_io__wav_sizes(const tango_io_sound *s, const unsigned char *p,
                                        uint64_t at, tango_error *error)
{
    const uint64_t frame = s->container * s->info.channels;
    const uint64_t rate = s->info.rate * frame;     /* at most 2.1e9 */
    if (tango_io__u16(p + 12) != frame)
        return tango_io_fail(error, TANGO_ERROR_DATA,
                             "wav: frames of %u bytes at offset %u, %u expected for %z "
                             "channels of %u bits", (uint64_t)tango_io__u16(p + 12),
                             at + 12, frame, s->info.channels, (uint64_t)s->info.bits);
    if (!s->keep && tango_io__u32(p + 8) != 0 && tango_io__u32(p + 8) != rate)
        return tango_io_fail(error, TANGO_ERROR_DATA,
                             "wav: %u bytes a second at offset %u, %u expected for "
                             "%u-byte frames", (uint64_t)tango_io__u32(p + 8), at + 8,
                             rate, frame);
    return TANGO_OK;
}

/* Bytes of fmt: 0 codec, 2 channels, 4 rate, 8 byte rate, 12 bytes of a frame, 14 bits of
   a sample as it lies in the file; extensible: 16 size of what follows, 18 valid bits
   (the upper ones of a sample), 20 speakers, 24 GUID. */
static tango_result tango_io__wav_fmt(tango_io_sound *s, uint32_t size,
                                      tango_error *error)
{
    uint64_t at = tango_io__sound_offset(s);
    const unsigned char *p;
    tango_result r;
    if (size < 16)
        return tango_io_fail(error, TANGO_ERROR_DATA,
                             "wav: fmt chunk of %u bytes at offset %u, at least 16 "
                             "expected", (uint64_t)size, at);
    r = tango_io__sound_need(s, size < 40 ? size : 40, "wav: fmt chunk", error);
    if (r != TANGO_OK) return r;
    p = s->buffer + s->at;
    r = tango_io__wav_codec(s, p, size, error);
    if (r != TANGO_OK) return r;
    s->info.channels = tango_io__u16(p + 2);
    s->info.rate = tango_io__u32(p + 4);
    if (s->info.channels < 1 || s->info.channels > TANGO_IO_SOUND_CHANNELS_MAX)
        return tango_io_fail(error, TANGO_ERROR_DATA,
                             "wav: %z channels at offset %u, 1 to 256 expected",
                             s->info.channels, at + 2);
    if (s->info.rate < 1 || s->info.rate > 1000000)
        return tango_io_fail(error, TANGO_ERROR_DATA,
                             "wav: rate %u at offset %u, 1 to 1000000 expected",
                             (uint64_t)s->info.rate, at + 4);
    s->container = s->info.bits / 8;
    r = tango_io__wav_sizes(s, p, at, error);
    if (r != TANGO_OK) return r;
    return tango_io__sound_pass(s, (uint64_t)size + (size & 1), "wav: fmt chunk", error);
}

/* ds64: 8 bytes each of RIFF size, data size, frames, then a table of further sizes.
   *data, *frames: the second and third. */
static tango_result tango_io__wav_ds64(tango_io_sound *s, uint32_t size, uint64_t *data,
                                       uint64_t *frames, tango_error *error)
{
    uint64_t at = tango_io__sound_offset(s);
    const unsigned char *p;
    tango_result r;
    if (size < 28)
        return tango_io_fail(error, TANGO_ERROR_DATA,
                             "wav: ds64 chunk of %u bytes at offset %u, at least 28 "
                             "expected", (uint64_t)size, at);
    r = tango_io__sound_need(s, 28, "wav: ds64 chunk", error);
    if (r != TANGO_OK) return r;
    p = s->buffer + s->at;
    *data = tango_io__u64(p + 8);
    *frames = tango_io__u64(p + 16);
    if (tango_io__u32(p + 24) > (size - 28) / 12)
        return tango_io_fail(error, TANGO_ERROR_DATA,
                             "wav: table of %u sizes at offset %u does not fit its ds64 "
                             "chunk", (uint64_t)tango_io__u32(p + 24), at + 24);
    return tango_io__sound_pass(s, (uint64_t)size + (size & 1), "wav: ds64 chunk", error);
}

/* Stands at the first sample. `size` is what the chunk says; `open` is 1 where it may
   mean "to the end". */
static tango_result tango_io__wav_data(tango_io_sound *s, uint64_t size, int open,
                                       tango_error *error)
{
    uint64_t at = tango_io__sound_offset(s), frame = s->container * s->info.channels;
    uint64_t there = s->size == UINT64_MAX ? UINT64_MAX : s->size - at;
    tango_error why;
    s->left = s->info.frames = size / frame;
    if (open && (size == 0x7ffff000 || size == 0x7fffffff || size >= 0xfffff000 ||
                 there == UINT64_MAX || size > there)) {
        s->left = TANGO_IO_SOUND_UNKNOWN;
        s->info.frames = there == UINT64_MAX ? TANGO_IO_SOUND_UNKNOWN : there / frame;
        return TANGO_OK;
    }
    if (size > there) {
        tango_io_fail(&why, TANGO_ERROR_DATA,
                      "wav: data chunk of %u bytes at offset %u, the file ends at %u",
                      size, at, s->size);
        if (s->keep) s->info.frames = there / frame;
    } else if (size % frame != 0) {
        tango_io_fail(&why, TANGO_ERROR_DATA,
                      "wav: data chunk of %u bytes at offset %u is no whole number of "
                      "%u-byte frames", size, at, frame);
    } else {
        return TANGO_OK;
    }
    if (tango_io__sound_cut(s, &why, error) != TANGO_OK) return TANGO_ERROR_DATA;
    s->left = s->info.frames;
    return TANGO_OK;
}

/* The data size of ds64, without the zero that pads an odd one: FFmpeg counts it. */
static uint64_t tango_io__wav_unpadded(const tango_io_sound *s, uint64_t data,
                                       uint64_t frames)
{
    uint64_t frame = s->container * s->info.channels;
    int padded = data > 0 && data % 2 == 0 && (data - 1) % frame == 0 &&
                 (data - 1) / frame == frames;
    return data - (padded ? 1 : 0);
}

/* Whether what comes is the head of a chunk: four printable characters, and a size that
   the file has room for. */
static int tango_io__wav_is_chunk(const tango_io_sound *s)
{
    const unsigned char *p = s->buffer + s->at;
    const uint64_t at = tango_io__sound_offset(s);
    size_t i;
    if (s->end - s->at < 8) return 0;
    for (i = 0; i < 4; i++)
        if (p[i] < 0x20 || p[i] > 0x7e) return 0;
    return s->size == UINT64_MAX || tango_io__u32(p + 4) <= s->size - at - 8;
}

/* A recorder writes its sizes when it stops. One that lost power leaves none: no data by
   the file's own words, then samples. They are behind all that a RIFF size counts, or it
   is that of a pipe, or they look like no chunk. */
static tango_result tango_io__wav_unfinished(tango_io_sound *s, uint32_t riff,
                                             tango_error *error)
{
    uint64_t at = tango_io__sound_offset(s), frame = s->container * s->info.channels;
    size_t need = frame > 8 ? (size_t)frame : 8;
    tango_error why;
    tango_result r = tango_io__sound_fill(s, need, error);
    if (r != TANGO_OK) return r;
    s->left = s->info.frames = 0;
    if (s->end - s->at < frame) return TANGO_OK;
    if (riff < 0x7ffff000 && (uint64_t)riff + 8 > at && tango_io__wav_is_chunk(s))
        return TANGO_OK;
    tango_io_fail(&why, TANGO_ERROR_DATA,
                  "wav: data size 0 at offset %u, but samples follow (a recording that "
                  "was not finished)", at - 4);
    if (tango_io__sound_cut(s, &why, error) != TANGO_OK) return TANGO_ERROR_DATA;
    s->left = TANGO_IO_SOUND_UNKNOWN;
    s->info.frames = s->size == UINT64_MAX ? TANGO_IO_SOUND_UNKNOWN
                                           : (s->size - at) / frame;
    return TANGO_OK;
}

static tango_result tango_io__wav_open(tango_io_sound *s, tango_error *error)
{
    int large = s->buffer[s->at + 1] != 'I', seen = 0, first = 1;
    const uint32_t riff = tango_io__u32(s->buffer + s->at + 4);
    uint64_t data = 0, frames = 0;
    tango_result r = TANGO_OK;
    s->info.format = TANGO_IO_SOUND_WAV;
    s->at += 12;
    for (; r == TANGO_OK; first = 0) {
        const unsigned char *p;
        uint32_t size;
        uint64_t at = tango_io__sound_offset(s);
        r = tango_io__sound_need(s, 8, "wav: chunk, none with data came yet", error);
        if (r != TANGO_OK) break;
        p = s->buffer + s->at;
        size = tango_io__u32(p + 4);
        s->at += 8;
        if (first && large && !tango_io__equal(p, 4, "ds64"))
            return tango_io_fail(error, TANGO_ERROR_DATA,
                                 "wav: RF64 without ds64 at offset %u", at);
        if (large && tango_io__equal(p, 4, "ds64")) {
            if (!first)
                return tango_io_fail(error, TANGO_ERROR_DATA,
                                     "wav: second ds64 chunk at offset %u", at);
            r = tango_io__wav_ds64(s, size, &data, &frames, error);
        } else if (tango_io__equal(p, 4, "fmt ")) {
            if (seen)
                return tango_io_fail(error, TANGO_ERROR_DATA,
                                     "wav: second fmt chunk at offset %u", at);
            seen = 1;
            r = tango_io__wav_fmt(s, size, error);
        } else if (tango_io__equal(p, 4, "data")) {
            if (!seen)
                return tango_io_fail(error, TANGO_ERROR_DATA,
                                     "wav: data chunk before fmt at offset %u", at);
            if (large && size == 0xffffffff)
                return tango_io__wav_data(s, tango_io__wav_unpadded(s, data, frames), 0,
                                          error);
            if (size == 0 && !large) return tango_io__wav_unfinished(s, riff, error);
            return tango_io__wav_data(s, size, !large && size >= 0x7ffff000, error);
        } else {
            r = tango_io__sound_pass(s, (uint64_t)size + (size & 1), "wav: chunk", error);
        }
    }
    return r;
}

/* Bytes of the file to integers, one loop a size: vector code. */
TANGO_IO__HOT
static void tango_io__wav_integers(int32_t *out, const unsigned char *p, size_t count,
                                   const tango_io_sound *s)
{
    size_t i;
    if (s->container == 1)
        for (i = 0; i < count; i++) out[i] = (int32_t)p[i] - 128;
    if (s->container == 2)
        for (i = 0; i < count; i++)
            out[i] = (int32_t)(tango_io__u16(p + 2 * i) ^ 0x8000) - 0x8000;
    if (s->container == 3)
        for (i = 0; i < count; i++, p += 3)
            out[i] = (int32_t)((tango_io__u16(p) | (uint32_t)p[2] << 16) ^ 0x800000) -
                     0x800000;
    if (s->container == 4)
        for (i = 0; i < count; i++) out[i] = tango_io__signed(tango_io__u32(p + 4 * i));
}

TANGO_IO__HOT
static void tango_io__wav_samples(tango_io__sound_out *out, const unsigned char *p,
                                  size_t count, const tango_io_sound *s)
{
    int32_t part[512];
    size_t i, n;
    for (; count > 0; count -= n, p += n * s->container) {
        n = count < 512 ? count : 512;
        if (!s->info.floats) {
            tango_io__wav_integers(part, p, n, s);
            for (i = 0; i < n; i++) tango_io__sound_put(out, i, part[i]);
        } else if (out->doubles) {
            for (i = 0; i < n; i++)
                out->doubles[i] = s->info.bits == 64
                                      ? tango_io__double(tango_io__u64(p + 8 * i))
                                      : (double)tango_io__float(tango_io__u32(p + 4 * i));
        } else {
            for (i = 0; i < n && out->floats; i++)
                out->floats[i] =
                    s->info.bits == 64
                        ? tango_io__narrow(tango_io__double(tango_io__u64(p + 8 * i)))
                        : tango_io__float(tango_io__u32(p + 4 * i));
        }
        tango_io__sound_advance(out, n);
    }
}

/* The input has ended inside or before a frame. */
static tango_result tango_io__wav_ended(tango_io_sound *s, tango_error *error)
{
    size_t rest = s->end - s->at, frame = s->container * s->info.channels;
    tango_error why;
    if (s->left == TANGO_IO_SOUND_UNKNOWN) {
        /* A writer pads an odd number of bytes with a zero, also behind a pipe. */
        int padded = rest == 1 && s->buffer[s->at] == 0 && (s->frame & frame & 1);
        s->left = 0;
        if (rest == 0 || padded) return TANGO_OK;
    }
    tango_io_fail(&why, TANGO_ERROR_DATA,
                  "wav: the file ends at offset %u, inside or before frame %u",
                  s->base + s->end, s->frame);
    return tango_io__sound_cut(s, &why, error);
}

/* out may be empty: then frames are passed over. */
static tango_result tango_io__wav_read(tango_io_sound *s, tango_io__sound_out *out,
                                       uint64_t frames, uint64_t *got, tango_error *error)
{
    size_t frame = s->container * s->info.channels, n;
    for (*got = 0; *got < frames && s->left > 0; *got += n) {
        tango_result r = tango_io__sound_fill(s, frame, error);
        if (r != TANGO_OK) return r;
        n = (s->end - s->at) / frame;
        if (n == 0) {
            r = tango_io__wav_ended(s, error);
            if (r != TANGO_OK) return r;
            continue;
        }
        if (n > frames - *got) n = (size_t)(frames - *got);
        if (n > s->left) n = (size_t)s->left;
        tango_io__wav_samples(out, s->buffer + s->at, n * s->info.channels, s);
        s->at += n * frame;
        s->frame += n;
        if (s->left != TANGO_IO_SOUND_UNKNOWN) s->left -= n;
    }
    return TANGO_OK;
}

/* ---- Both ------------------------------------------------------------------------- */

/* The first 12 bytes. */
static int tango_io__is_wave(const unsigned char *p)
{
    return tango_io__equal(p + 8, 4, "WAVE") &&
           (tango_io__equal(p, 4, "RIFF") || tango_io__equal(p, 4, "RF64") ||
            tango_io__equal(p, 4, "BW64"));
}

static tango_result tango_io__sound_opened(tango_io_sound *s, tango_result r)
{
    if (r == TANGO_OK) s->state = TANGO_IO__SOUND_OPEN;
    return r;
}

static tango_result tango_io__sound_begin(tango_io_sound *s, int keep, tango_error *error)
{
    const unsigned char *p;
    tango_result r;
    s->frame = 0;
    s->cut = 0;
    s->note.text[0] = 0;
    s->base = s->left = 0;
    tango_io__zero(&s->flac, sizeof s->flac);
    s->at = s->end = s->container = 0;
    s->keep = keep;
    s->state = TANGO_IO__SOUND_FAILED;
    s->ended = 0;
    r = tango_io__sound_fill(s, 12, error);
    if (r != TANGO_OK) return r;
    p = s->buffer + s->at;
    if (s->end - s->at >= 12 && tango_io__is_wave(p))
        return tango_io__sound_opened(s, tango_io__wav_open(s, error));
    if (s->end - s->at >= 10 && tango_io__equal(p, 3, "ID3"))
        r = tango_io__flac_id3(s, error);
    if (r != TANGO_OK) return r;
    p = s->buffer + s->at;
    if (s->end - s->at >= 4 && tango_io__equal(p, 4, "fLaC"))
        return tango_io__sound_opened(s, tango_io__flac_open(s, error));
    return tango_io__foreign(error, "sound", "a WAV or FLAC file", p, s->end - s->at);
}

TANGO_API tango_result tango_io_sound_open(tango_io_sound *sound, tango_io_reader *reader,
                                           void *context, uint64_t size, int keep,
                                           tango_error *error)
{
    sound->reader = reader;
    sound->context = context;
    sound->memory = NULL;
    sound->memory_size = 0;
    sound->size = size;
    return tango_io__sound_begin(sound, keep, error);
}

TANGO_API tango_result tango_io_sound_open_memory(tango_io_sound *sound, const void *data,
                                                  size_t size, int keep,
                                                  tango_error *error)
{
    sound->reader = NULL;
    sound->context = NULL;
    sound->memory = (const unsigned char *)data;
    sound->memory_size = size;
    sound->size = size;
    return tango_io__sound_begin(sound, keep, error);
}

TANGO_API size_t tango_io_sound_work_size(const tango_io_sound *sound)
{
    size_t n = sound->flac.block_max, size = 4 * sound->info.channels * n;
    if (sound->info.format != TANGO_IO_SOUND_FLAC) return 0;
    return sound->info.bits == 32 && sound->info.channels == 2 ? size + 8 * n : size;
}

TANGO_API tango_result tango_io_sound_start(tango_io_sound *sound, void *work,
                                            size_t work_size, tango_error *error)
{
    size_t need = tango_io_sound_work_size(sound);
    if (sound->state != TANGO_IO__SOUND_OPEN)
        return tango_io_fail(error, TANGO_ERROR_ARGUMENT,
                             "sound: started twice, or not open");
    if (work_size < need || (need > 0 && !work))
        return tango_io_fail(error, TANGO_ERROR_MEMORY,
                             "sound: %z bytes of work, %z expected", work_size, need);
    if (need > 0) {
        TANGO_ASSERT((uintptr_t)work % 8 == 0);
        sound->flac.wide = (int64_t *)work;     /* first, for its alignment */
        sound->flac.samples = (int32_t *)work;
        if (need > 4 * sound->info.channels * sound->flac.block_max)
            sound->flac.samples += 2 * sound->flac.block_max;
    }
    sound->state = TANGO_IO__SOUND_READY;
    return TANGO_OK;
}

static tango_result tango_io__sound_read(tango_io_sound *s, tango_io__sound_out out,
                                         uint64_t frames, uint64_t *got,
                                         tango_error *error)
{
    tango_result r;
    if (s->state != TANGO_IO__SOUND_READY)
        return tango_io_fail(error, TANGO_ERROR_ARGUMENT,
                             "sound: read before it was started or after a failure");
    out.scale = 1.0 / (double)((uint64_t)1 << (s->info.bits - 1));
    r = s->info.format == TANGO_IO_SOUND_FLAC
            ? tango_io__flac_read(s, &out, frames, got, error)
            : tango_io__wav_read(s, &out, frames, got, error);
    if (r != TANGO_OK) s->state = TANGO_IO__SOUND_FAILED;
    return r;
}

TANGO_API tango_result tango_io_sound_read_float(tango_io_sound *sound, float *out,
                                                 size_t frames, size_t *got,
                                                 tango_error *error)
{
    tango_io__sound_out to = { 0.0, NULL, NULL, NULL };
    uint64_t n;
    tango_result r;
    to.floats = out;
    r = tango_io__sound_read(sound, to, frames, &n, error);
    if (r == TANGO_OK) *got = (size_t)n;
    return r;
}

TANGO_API tango_result tango_io_sound_read_double(tango_io_sound *sound, double *out,
                                                  size_t frames, size_t *got,
                                                  tango_error *error)
{
    tango_io__sound_out to = { 0.0, NULL, NULL, NULL };
    uint64_t n;
    tango_result r;
    to.doubles = out;
    r = tango_io__sound_read(sound, to, frames, &n, error);
    if (r == TANGO_OK) *got = (size_t)n;
    return r;
}

TANGO_API tango_result tango_io_sound_read_int(tango_io_sound *sound, int32_t *out,
                                               size_t frames, size_t *got,
                                               tango_error *error)
{
    tango_io__sound_out to = { 0.0, NULL, NULL, NULL };
    uint64_t n;
    tango_result r;
    if (sound->info.floats)
        return tango_io_fail(error, TANGO_ERROR_UNSUPPORTED,
                             "sound: float samples are not read as integers");
    to.integers = out;
    r = tango_io__sound_read(sound, to, frames, &n, error);
    if (r == TANGO_OK) *got = (size_t)n;
    return r;
}

TANGO_API tango_result tango_io_sound_skip(tango_io_sound *sound, uint64_t frames,
                                           uint64_t *skipped, tango_error *error)
{
    tango_io__sound_out nowhere = { 0.0, NULL, NULL, NULL };
    uint64_t n;
    tango_result r = tango_io__sound_read(sound, nowhere, frames, &n, error);
    if (r == TANGO_OK) *skipped = n;
    return r;
}

/* ---- Tags ------------------------------------------------------------------------- */

static tango_result tango_io__tags_cut(const tango_io_tags *tags, const char *what,
                                       const unsigned char *at, uint64_t size,
                                       tango_error *error)
{
    return tango_io_fail(error, TANGO_ERROR_DATA,
                         "%s: a %s of %u bytes at offset %z does not fit",
                         tags->format == TANGO_IO_SOUND_FLAC ? "flac" : "wav", what, size,
                         (size_t)(at - tags->begin));
}

/* Sets tags->at and stop to the comments of the next block of type 4, or both to the end.
   Blocks that are not all there end the search. */
static tango_result tango_io__tags_flac(tango_io_tags *tags, tango_error *error)
{
    tags->at = tags->stop = tags->end;
    while (!tags->last && tags->end - tags->block >= 4) {
        const unsigned char *p = tags->block;
        uint32_t size = (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3], program;
        if ((size_t)(tags->end - p) - 4 < size) return TANGO_OK;
        tags->last = p[0] >> 7;
        tags->block = p + 4 + size;
        if ((p[0] & 127) != 4) continue;
        if (size < 8) return tango_io__tags_cut(tags, "comment block", p, size, error);
        program = tango_io__u32(p + 4);
        if (program > size - 8)
            return tango_io__tags_cut(tags, "program name", p + 4, program, error);
        tags->at = p + 8 + program;
        tags->count = tango_io__u32(tags->at);
        tags->at += 4;
        tags->stop = tags->block;
        return TANGO_OK;
    }
    return TANGO_OK;
}

/* The same for the next LIST chunk of type INFO. */
static void tango_io__tags_wav(tango_io_tags *tags)
{
    tags->at = tags->stop = tags->end;
    while (tags->end - tags->block >= 8) {
        const unsigned char *p = tags->block;
        uint64_t size = tango_io__u32(p + 4), left = (uint64_t)(tags->end - p) - 8;
        if (size == 0xffffffff && tags->data > 0 && tango_io__equal(p, 4, "data"))
            size = tags->data;
        if (size > left) return;
        if (tango_io__equal(p, 4, "ds64") && size >= 16)
            tags->data = tango_io__u64(p + 16);
        tags->block = p + 8 + (size_t)size + (size < left ? size & 1 : 0);
        if (!tango_io__equal(p, 4, "LIST") || size < 4 ||
            !tango_io__equal(p + 8, 4, "INFO"))
            continue;
        tags->at = p + 12;
        tags->stop = p + 8 + (size_t)size;
        return;
    }
}

/* One comment; tag->name_size is 0 if it has no name. */
static tango_result tango_io__tag_flac(tango_io_tags *tags, tango_io_tag *tag,
                                       tango_error *error)
{
    const unsigned char *p = tags->at;
    const size_t left = (size_t)(tags->stop - p);
    uint32_t size, i;
    if (left < 4)
        return tango_io_fail(error, TANGO_ERROR_DATA,
                             "flac: %u comments are missing at offset %z",
                             (uint64_t)tags->count, (size_t)(p - tags->begin));
    size = tango_io__u32(p);
    if (size > left - 4) return tango_io__tags_cut(tags, "comment", p, size, error);
    tags->at = p + 4 + size;
    tags->count--;
    for (i = 0; i < size && p[4 + i] != '='; i++) {}
    tag->name = (const char *)p + 4;
    tag->name_size = i;
    tag->text = (const char *)p + 4 + i + (i < size);
    tag->text_size = size - i - (i < size);
    if (i == size || !tango_io__tag_named(tag)) tag->name_size = 0;
    return TANGO_OK;
}

/* One entry of INFO. A size may count the NUL behind the text, or not; the zero behind an
   odd one is left out by some. */
static tango_result tango_io__tag_wav(tango_io_tags *tags, tango_io_tag *tag,
                                      tango_error *error)
{
    const size_t names = sizeof tango_io__wav_names / sizeof tango_io__wav_names[0];
    const unsigned char *p = tags->at;
    const size_t left = (size_t)(tags->stop - p);
    size_t size, i;
    if (left < 8) return tango_io__tags_cut(tags, "rest of INFO", p, left, error);
    size = tango_io__u32(p + 4);
    if (size > left - 8)
        return tango_io__tags_cut(tags, "text in INFO", p, size, error);
    tags->at = p + 8 + size;
    if ((size & 1) && size < left - 8 && *tags->at == 0) tags->at++;
    tag->name = (const char *)p;
    tag->name_size = 4;
    for (i = 0; i < names; i++) {
        if (!tango_io__equal(p, 4, tango_io__wav_names[i][0])) continue;
        tag->name = tango_io__wav_names[i][1];
        tag->name_size = tango_io__length(tag->name);
    }
    tag->text = (const char *)p + 8;
    while (size > 0 && p[7 + size] == 0) size--;
    tag->text_size = size;
    if (!tango_io__tag_named(tag)) tag->name_size = 0;
    return TANGO_OK;
}

/* The next tag with a name; *found is 0 behind the last. */
static tango_result tango_io__tags_step(tango_io_tags *tags, tango_io_tag *tag,
                                        int *found, tango_error *error)
{
    const int flac = tags->format == TANGO_IO_SOUND_FLAC;
    tango_result r = TANGO_OK;
    *found = 0;
    while (r == TANGO_OK && !*found) {
        if (flac ? tags->count > 0 : tags->at < tags->stop) {
            r = flac ? tango_io__tag_flac(tags, tag, error)
                     : tango_io__tag_wav(tags, tag, error);
            *found = r == TANGO_OK && tag->name_size > 0;
        } else {
            if (flac) r = tango_io__tags_flac(tags, error);
            else tango_io__tags_wav(tags);
            if (tags->at == tags->end && tags->count == 0) break;
        }
    }
    return r;
}

TANGO_API tango_result tango_io_tags_open(tango_io_tags *tags, const void *data,
                                          size_t size, tango_error *error)
{
    const unsigned char *p = (const unsigned char *)data;
    tango_io_tags walk, start;
    tango_io_tag tag;
    tango_result r;
    size_t at = 0;
    int found = 1;
    tango_io__zero(&walk, sizeof walk);
    walk.begin = p;
    walk.end = p + size;
    if (size >= 10 && tango_io__equal(p, 3, "ID3")) at = tango_io__id3_size(p);
    if (size >= 12 && tango_io__is_wave(p)) {
        walk.format = TANGO_IO_SOUND_WAV;
        walk.block = p + 12;
    } else if (at <= size && size - at >= 4 && tango_io__equal(p + at, 4, "fLaC")) {
        walk.format = TANGO_IO_SOUND_FLAC;
        walk.block = p + at + 4;
    } else {
        return tango_io__foreign(error, "tags", "a WAV or FLAC file", p, size);
    }
    walk.at = walk.stop = walk.end;
    start = walk;
    for (r = TANGO_OK; r == TANGO_OK && found;)
        r = tango_io__tags_step(&walk, &tag, &found, error);
    if (r == TANGO_OK) *tags = start;
    return r;
}

TANGO_API int tango_io_tags_next(tango_io_tags *tags, tango_io_tag *tag)
{
    tango_io_tag next;
    int found = 0;
    if (tango_io__tags_step(tags, &next, &found, NULL) != TANGO_OK || !found) return 0;
    *tag = next;
    return 1;
}

/* ==== 16 >>flac ==== Writing FLAC =================================================== */

#ifdef TANGO_IO__WRITES

enum {
    TANGO_IO__FLAC_BLOCK = 4096,
    TANGO_IO__FLAC_ORDER = 8,           /* highest, of linear predictors */
    TANGO_IO__FLAC_PARTS = 32           /* most partitions of a residual */
};

/* How one channel of a block is coded. Fixed predictors are linear ones of whole
   coefficients, with shift 0. */
typedef struct tango_io__flac_plan {
    unsigned type;                      /* of the subframe, as room 22 lists them */
    unsigned size, wasted;              /* bits of a sample; zeros below, shifted out */
    size_t order;
    int32_t coefficient[TANGO_IO__FLAC_ORDER];
    unsigned precision, shift;
    unsigned log;                       /* 2^log partitions, each of one Rice parameter */
    unsigned char rice[TANGO_IO__FLAC_PARTS];
    uint64_t bits;                      /* of the subframe */
} tango_io__flac_plan;

/* ---- Predictors ------------------------------------------------------------------- */

/* out[8 + t] = window(t) x[t], behind 8 zeros. The window rises over the first quarter as
   u^2 (3 - 2u) and falls likewise over the last: nearly a Tukey window. */
TANGO_IO__HOT
static void tango_io__flac_window(double *out, const int32_t *x, size_t n)
{
    size_t t, quarter = n / 4;
    for (t = 0; t < TANGO_IO__FLAC_ORDER; t++) out[t] = 0.0;
    out += TANGO_IO__FLAC_ORDER;
    for (t = 0; t < n; t++) out[t] = (double)x[t];
    for (t = 0; t < quarter; t++) {
        double u = ((double)t + 0.5) / (double)quarter, w = u * u * (3.0 - 2.0 * u);
        out[t] *= w;
        out[n - 1 - t] *= w;
    }
}

/* r[k] = sum_t x[t] x[t - k], k <= 8, in one fixed order; x begins with 8 zeros. */
TANGO_IO__HOT
static void tango_io__flac_correlate(double *r, const double *x, size_t n)
{
    double sum[TANGO_IO__FLAC_ORDER + 1];
    size_t t, k;
    for (k = 0; k <= TANGO_IO__FLAC_ORDER; k++) sum[k] = 0.0;
    for (t = TANGO_IO__FLAC_ORDER; t < n + TANGO_IO__FLAC_ORDER; t++)
        for (k = 0; k <= TANGO_IO__FLAC_ORDER; k++) sum[k] += x[t] * x[t - k];
    for (k = 0; k <= TANGO_IO__FLAC_ORDER; k++) r[k] = sum[k];
}

/* Levinson and Durbin's recursion: predictor[m - 1] holds the m coefficients of order m,
   x[t] ~ sum_j predictor[m - 1][j] x[t - 1 - j]. Returns the highest order found: at most
   8, less where nothing is left to predict. */
static size_t tango_io__flac_levinson(
    double predictor[TANGO_IO__FLAC_ORDER][TANGO_IO__FLAC_ORDER], const double *r)
{
    double a[TANGO_IO__FLAC_ORDER], next[TANGO_IO__FLAC_ORDER], error = r[0];
    size_t m, j;
    for (m = 0; m < TANGO_IO__FLAC_ORDER && error > 0.0; m++) {
        double k = r[m + 1];
        for (j = 0; j < m; j++) k -= a[j] * r[m - j];
        k /= error;
        for (j = 0; j < m; j++) next[j] = a[j] - k * a[m - 1 - j];
        next[m] = k;
        for (j = 0; j <= m; j++) predictor[m][j] = a[j] = next[j];
        error *= 1.0 - k * k;
    }
    return m;
}

/* Whole coefficients of `precision` bits, c[j] 2^shift with the largest shift that fits;
   what rounding takes from one the next one gets. 0 if they do not fit. */
static int tango_io__flac_quantise(tango_io__flac_plan *plan, const double *c)
{
    const double limit = (double)((1u << (plan->precision - 1)) - 1u);
    double largest = 0.0, carried = 0.0;
    size_t j;
    for (j = 0; j < plan->order; j++) {
        double size = c[j] < 0.0 ? -c[j] : c[j];
        if (!tango_io__finite(size)) return 0;
        if (size > largest) largest = size;
    }
    plan->shift = 15;
    while (plan->shift > 0 && largest * (double)(1u << plan->shift) > limit)
        plan->shift--;
    if (largest * (double)(1u << plan->shift) > limit) return 0;
    for (j = 0; j < plan->order; j++) {
        double x = c[j] * (double)(1u << plan->shift) + carried;
        x = x > limit ? limit : x < -limit ? -limit : x;
        plan->coefficient[j] = (int32_t)(x < 0.0 ? x - 0.5 : x + 0.5);
        carried = x - (double)plan->coefficient[j];
    }
    return 1;
}

/* out[t] = x[t] - (sum_j coefficient[j] x[t-1-j] >> shift). Sums fit 32 bits: 17 of a
   side, 12 of a coefficient, 3 of the order. */
TANGO_IO__HOT
static void tango_io__flac_differ32(int32_t *out, const int32_t *x, size_t n,
                                    const tango_io__flac_plan *plan)
{
    const int32_t *c = plan->coefficient;
    size_t t, j;
    for (t = plan->order; t < n; t++) out[t] = 0;
    for (j = 0; j < plan->order; j++)           /* over t: vector code */
        for (t = plan->order; t < n; t++) out[t] += c[j] * x[t - 1 - j];
    for (t = plan->order; t < n; t++) out[t] = x[t] - (out[t] >> plan->shift);
}

/* The same for up to 25 bits. 0 if a residual needs more than 31. */
TANGO_IO__HOT
static int tango_io__flac_differ64(int32_t *out, const int32_t *x, size_t n,
                                   const tango_io__flac_plan *plan)
{
    const int32_t *c = plan->coefficient;
    uint64_t beyond = 0;
    size_t t, j;
    for (t = plan->order; t < n; t++) {
        int64_t sum = 0;
        for (j = 0; j < plan->order; j++) sum += (int64_t)c[j] * x[t - 1 - j];
        sum = x[t] - (sum >> plan->shift);
        beyond |= (uint64_t)sum + 0x40000000u;
        out[t] = (int32_t)(sum & 0x3fffffff) - (int32_t)(sum & 0x40000000);
    }
    return beyond >> 31 == 0;
}

static int tango_io__flac_differ(int32_t *out, const int32_t *x, size_t n,
                                 const tango_io__flac_plan *plan)
{
    if (plan->size > 17) return tango_io__flac_differ64(out, x, n, plan);
    tango_io__flac_differ32(out, x, n, plan);
    return 1;
}

/* ---- Residuals -------------------------------------------------------------------- */

/* What a Rice code is made of: 0, -1, 1, -2, ... become 0, 1, 2, 3, ... */
TANGO_IO__INLINE uint32_t tango_io__flac_fold(int32_t x)
{
    return (uint32_t)x << 1 ^ (0u - ((uint32_t)x >> 31));
}

/* About how many bits `count` numbers of this sum take with parameter k: each gives up
   (2^k - 1) / 2 of it to its low bits. */
static uint64_t tango_io__flac_rice_bits(uint64_t sum, uint64_t count, unsigned k)
{
    uint64_t low = count * (((uint64_t)1 << k) - 1) / 2;
    return count * (k + 1) + ((sum > low ? sum - low : 0) >> k);
}

/* Sums of the folded residual over 2^log equal parts of the block. */
TANGO_IO__HOT
static void tango_io__flac_parts(uint64_t *sums, const int32_t *residual, size_t n,
                                 size_t order, unsigned log)
{
    size_t part, t = order, length = n >> log;
    for (part = 0; part >> log == 0; part++) {
        uint64_t sum = 0;
        for (; t < (part + 1) * length; t++) sum += tango_io__flac_fold(residual[t]);
        sums[part] = sum;
    }
}

/* Chooses partitions and parameters for a residual and sets plan->bits, nearly exact.
   `sums` come from 32 parts, or as many as the block's length and order allow, and are
   added in pairs. */
static void tango_io__flac_partition(tango_io__flac_plan *plan, const int32_t *residual,
                                     size_t n)
{
    const unsigned width = plan->size > 17 ? 5 : 4;     /* bits of a parameter */
    uint64_t sums[TANGO_IO__FLAC_PARTS], best = UINT64_MAX;
    unsigned log = 5;
    while (log > 0 && (n >> log << log != n || n >> log <= plan->order)) log--;
    tango_io__flac_parts(sums, residual, n, plan->order, log);
    for (;; log--) {
        unsigned char rice[TANGO_IO__FLAC_PARTS];
        uint64_t bits = 6;
        size_t part;
        for (part = 0; part >> log == 0; part++) {
            uint64_t count = (n >> log) - (part ? 0 : plan->order);
            unsigned k = 0;
            while (k + 2 < 1u << width &&
                   tango_io__flac_rice_bits(sums[part], count, k + 1) <
                       tango_io__flac_rice_bits(sums[part], count, k))
                k++;
            rice[part] = (unsigned char)k;
            bits += width + tango_io__flac_rice_bits(sums[part], count, k);
        }
        if (bits < best) {
            best = bits;
            plan->log = log;
            tango_io__copy(plan->rice, rice, part);
        }
        if (log == 0) break;
        for (part = 0; part >> (log - 1) == 0; part++)
            sums[part] = sums[2 * part] + sums[2 * part + 1];
    }
    plan->bits = best;
}

/* The bits that the plan's residual takes, to the last one. */
TANGO_IO__HOT
static uint64_t tango_io__flac_exact(const tango_io__flac_plan *plan,
                                     const int32_t *residual, size_t n)
{
    const unsigned width = plan->size > 17 ? 5 : 4;
    uint64_t bits = 6;
    size_t part, t = plan->order, length = n >> plan->log;
    for (part = 0; part >> plan->log == 0; part++) {
        unsigned k = plan->rice[part];
        bits += width + (k + 1) * (uint64_t)((part + 1) * length - t);
        for (; t < (part + 1) * length; t++)
            bits += tango_io__flac_fold(residual[t]) >> k;
    }
    return bits;
}

/* ---- Subframes -------------------------------------------------------------------- */

/* Bits of a subframe before its residual, without the wasted ones. */
static uint64_t tango_io__flac_fore(const tango_io__flac_plan *plan)
{
    return 8 + plan->order * plan->size +
           (plan->type >= 32 ? 9 + plan->order * plan->precision : 0);
}

/* Puts `attempt` in the place of *best if it is cheaper. */
static void tango_io__flac_try(tango_io__flac_plan *best, tango_io__flac_plan *attempt,
                               int32_t *residual, const int32_t *x, size_t n)
{
    if (attempt->order >= n || !tango_io__flac_differ(residual, x, n, attempt)) return;
    tango_io__flac_partition(attempt, residual, n);
    attempt->bits += tango_io__flac_fore(attempt);
    if (attempt->bits < best->bits) *best = *attempt;
}

/* The cheapest way to code x (n), whose plan holds size and wasted bits. */
static void tango_io__flac_choose(tango_io__flac_plan *plan, tango_io_flac *flac,
                                  const int32_t *x, size_t n)
{
    static const int32_t fixed[5][4] = { { 0, 0, 0, 0 }, { 1, 0, 0, 0 }, { 2, -1, 0, 0 },
                                         { 3, -3, 1, 0 }, { 4, -6, 4, -1 } };
    double r[TANGO_IO__FLAC_ORDER + 1],
        predictor[TANGO_IO__FLAC_ORDER][TANGO_IO__FLAC_ORDER];
    const uint64_t plain = 8 + (uint64_t)n * plan->size;
    tango_io__flac_plan attempt = *plan;
    size_t order, orders;
    plan->type = 1;
    plan->bits = plain;
    attempt.shift = 0;
    for (order = 0; order <= 4; order++) {
        attempt.type = 8 + (unsigned)order;
        attempt.order = order;
        tango_io__copy(attempt.coefficient, fixed[order], sizeof fixed[order]);
        tango_io__flac_try(plan, &attempt, flac->residual, x, n);
    }
    tango_io__flac_window(flac->windowed, x, n);
    tango_io__flac_correlate(r, flac->windowed, n);
    orders = tango_io__flac_levinson(predictor, r);
    attempt.precision = plan->size > 17 ? 15 : 12;
    for (order = 1; order <= orders; order++) {
        attempt.type = 31 + (unsigned)order;
        attempt.order = order;
        if (tango_io__flac_quantise(&attempt, predictor[order - 1]))
            tango_io__flac_try(plan, &attempt, flac->residual, x, n);
    }
    if (plan->type == 1) return;
    tango_io__flac_differ(flac->residual, x, n, plan);
    plan->bits = tango_io__flac_fore(plan) +
                 tango_io__flac_exact(plan, flac->residual, n);
    if (plan->bits < plain) return;
    plan->type = 1;
    plan->bits = plain;
}

/* Plans x (n), whose samples have `size` bits: a constant, or the choice above once the
   zeros that all samples end in are shifted out. */
TANGO_IO__HOT
static void tango_io__flac_plan_line(tango_io__flac_plan *plan, tango_io_flac *flac,
                                     int32_t *x, size_t n, unsigned size)
{
    uint32_t all = 0, changes = 0;
    size_t t;
    tango_io__zero(plan, sizeof *plan);
    plan->size = size;
    for (t = 0; t < n; t++) {
        all |= (uint32_t)x[t];
        changes |= (uint32_t)x[t] ^ (uint32_t)x[0];
    }
    plan->bits = 8 + size;
    if (changes == 0) return;
    while ((all >> plan->wasted & 1) == 0) plan->wasted++;
    for (t = 0; t < n && plan->wasted > 0; t++) x[t] >>= plan->wasted;
    plan->size -= plan->wasted;
    tango_io__flac_choose(plan, flac, x, n);
    plan->bits += plan->wasted;
}

/* ---- Frames ----------------------------------------------------------------------- */

/* Bits on their way into bytes, the first at the top. */
typedef struct tango_io__bit_writer {
    unsigned char *at;
    uint64_t cache;                     /* its low `count` < 8 bits wait */
    unsigned count;
} tango_io__bit_writer;

/* The low n <= 32 bits of value. */
TANGO_IO__INLINE void tango_io__bits_put(tango_io__bit_writer *w, uint32_t value,
                                         unsigned n)
{
    w->cache = w->cache << n | (value & (((uint64_t)1 << n) - 1));
    for (w->count += n; w->count >= 8; w->count -= 8)
        *w->at++ = (unsigned char)(w->cache >> (w->count - 8) & 0xff);
}

TANGO_IO__HOT
static void tango_io__flac_put_residual(tango_io__bit_writer *writer,
                                        const tango_io__flac_plan *plan,
                                        const int32_t *residual, size_t n)
{
    const unsigned wide = plan->size > 17;
    tango_io__bit_writer w = *writer;
    size_t part, t = plan->order, length = n >> plan->log;
    tango_io__bits_put(&w, wide, 2);
    tango_io__bits_put(&w, plan->log, 4);
    for (part = 0; part >> plan->log == 0; part++) {
        unsigned k = plan->rice[part];
        tango_io__bits_put(&w, k, wide ? 5 : 4);
        for (; t < (part + 1) * length; t++) {
            uint32_t code = tango_io__flac_fold(residual[t]), quotient = code >> k;
            for (; quotient >= 32; quotient -= 32) tango_io__bits_put(&w, 0, 32);
            tango_io__bits_put(&w, 1, quotient + 1);
            tango_io__bits_put(&w, code, k);
        }
    }
    *writer = w;
}

static void tango_io__flac_put_line(tango_io__bit_writer *w, tango_io_flac *flac,
                                    const tango_io__flac_plan *plan, const int32_t *x,
                                    size_t n)
{
    size_t t, plain = plan->type == 0 ? 1 : plan->type == 1 ? n : plan->order;
    tango_io__bits_put(w, plan->type << 1 | (plan->wasted > 0), 8);
    if (plan->wasted > 0) tango_io__bits_put(w, 1, plan->wasted);
    for (t = 0; t < plain; t++) tango_io__bits_put(w, (uint32_t)x[t], plan->size);
    if (plan->type < 8) return;
    if (plan->type >= 32) {
        tango_io__bits_put(w, plan->precision - 1, 4);
        tango_io__bits_put(w, plan->shift, 5);
        for (t = 0; t < plan->order; t++)
            tango_io__bits_put(w, (uint32_t)plan->coefficient[t], plan->precision);
    }
    tango_io__flac_differ(flac->residual, x, n, plan);
    tango_io__flac_put_residual(w, plan, flac->residual, n);
}

/* A number as in UTF-8: 6 bits in each byte behind the first. Returns its bytes. */
static size_t tango_io__flac_put_number(unsigned char *out, uint32_t number)
{
    unsigned more = 0, at = 0;
    if (number >= 0x80)
        for (more = 1; number >> (5 * more + 6) != 0; more++) {}
    out[at++] = (unsigned char)(more ? (0xff80u >> more & 0xff) | number >> (6 * more)
                                     : number);
    while (more-- > 0) out[at++] = (unsigned char)(0x80 | (number >> (6 * more) & 0x3f));
    return at;
}

/* The frame's head, up to its CRC-8. Returns its size, 14 bytes at most. */
static size_t tango_io__flac_put_head(const tango_io_flac *flac, unsigned char *out,
                                      size_t n, unsigned mode)
{
    const unsigned whole = n == TANGO_IO__FLAC_BLOCK;
    const unsigned depth = flac->spec.format == TANGO_IO_WAV_PCM16 ? 8 : 12;
    unsigned rate = 11;
    size_t at = 4;
    while (rate > 0 && tango_io__flac_rates[rate] != flac->spec.rate) rate--;
    out[0] = 0xff;
    out[1] = 0xf8;
    out[2] = (unsigned char)((whole ? 12u : 7u) << 4 | rate);   /* 0: of STREAMINFO */
    out[3] = (unsigned char)(mode << 4 | depth);
    at += tango_io__flac_put_number(out + at, flac->blocks);
    if (!whole) {
        out[at++] = (unsigned char)((n - 1) >> 8);
        out[at++] = (unsigned char)((n - 1) & 0xff);
    }
    out[at] = (unsigned char)tango_io__crc8(out, at);
    return at + 1;
}

/* Which two of left, right, mid, side cost least: their lines, and the mode. */
static unsigned tango_io__flac_pair(tango_io_flac *flac, tango_io__flac_plan *plans,
                                    size_t n, unsigned bits, size_t *lines)
{
    static const unsigned char pairs[4][3] = { { 1, 0, 1 }, { 8, 0, 3 }, { 9, 3, 1 },
                                               { 10, 2, 3 } };
    int32_t *left = flac->lines, *right = left + TANGO_IO__FLAC_BLOCK,
            *mid = right + TANGO_IO__FLAC_BLOCK, *side = mid + TANGO_IO__FLAC_BLOCK;
    size_t t, i, best = 0;
    for (t = 0; t < n; t++) {
        mid[t] = (left[t] + right[t]) >> 1;
        side[t] = left[t] - right[t];
    }
    for (i = 0; i < 4; i++)
        tango_io__flac_plan_line(plans + i, flac, left + i * TANGO_IO__FLAC_BLOCK, n,
                                 bits + (i == 3));
    for (i = 1; i < 4; i++)
        if (plans[pairs[i][1]].bits + plans[pairs[i][2]].bits <
            plans[pairs[best][1]].bits + plans[pairs[best][2]].bits)
            best = i;
    lines[0] = pairs[best][1];
    lines[1] = pairs[best][2];
    return pairs[best][0];
}

/* Codes the frames that are held, and writes them. */
static tango_result tango_io__flac_put_frame(tango_io_flac *flac, tango_error *error)
{
    const unsigned bits = flac->spec.format == TANGO_IO_WAV_PCM16 ? 16 : 24;
    const size_t n = flac->held, channels = flac->spec.channels;
    size_t c, size, lines[8] = { 0, 1, 2, 3, 4, 5, 6, 7 };
    unsigned mode = (unsigned)channels - 1;
    tango_io__flac_plan plans[8];
    tango_io__bit_writer w = { NULL, 0, 0 };
    tango_io__flac_sum(&flac->sums, flac->lines, TANGO_IO__FLAC_BLOCK, n, channels, bits);
    if (channels == 2) mode = tango_io__flac_pair(flac, plans, n, bits, lines);
    for (c = 0; c < channels && channels != 2; c++)
        tango_io__flac_plan_line(plans + c, flac, flac->lines + c * TANGO_IO__FLAC_BLOCK,
                                 n, bits);
    w.at = flac->bytes + tango_io__flac_put_head(flac, flac->bytes, n, mode);
    for (c = 0; c < channels; c++)
        tango_io__flac_put_line(&w, flac, plans + lines[c],
                                flac->lines + lines[c] * TANGO_IO__FLAC_BLOCK, n);
    tango_io__bits_put(&w, 0, (8 - w.count) & 7);
    flac->sums.crc = 0;
    tango_io__crc16_add(&flac->sums, flac->bytes, (size_t)(w.at - flac->bytes));
    tango_io__bits_put(&w, flac->sums.crc, 16);
    size = (size_t)(w.at - flac->bytes);
    if (flac->blocks == 0 || size < flac->smallest) flac->smallest = (uint32_t)size;
    if (size > flac->largest) flac->largest = (uint32_t)size;
    flac->blocks++;
    flac->held = 0;
    return tango_io_write(flac->output, flac->bytes, size, error);
}

/* ---- Stream ----------------------------------------------------------------------- */

TANGO_API size_t tango_io_flac_work_size(const tango_io_wav_spec *spec)
{
    const size_t lines = spec->channels == 2 ? 4 : spec->channels,
                 sample = tango_io_wav_sample_size(spec->format);
    if (spec->format != TANGO_IO_WAV_PCM16 && spec->format != TANGO_IO_WAV_PCM24)
        return 0;
    if (spec->channels < 1 || spec->channels > 8 || spec->rate < 1 ||
        spec->rate > 1000000 || spec->frames >> 36 != 0)
        return 0;
    /* The longest frame holds plain numbers, with one bit more for those of a side. */
    return (TANGO_IO__FLAC_ORDER + TANGO_IO__FLAC_BLOCK) * sizeof(double) +
           (lines + 1) * TANGO_IO__FLAC_BLOCK * sizeof(int32_t) +
           (8 * sample * spec->channels + 1) * TANGO_IO__FLAC_BLOCK / 8 + 64;
}

/* The signature and STREAMINFO, 42 bytes. md5 may be NULL, as long as it is not known. */
static void tango_io__flac_put_info(const tango_io_flac *flac, unsigned char *out,
                                    const unsigned char *md5)
{
    const tango_io_wav_spec *spec = &flac->spec;
    const uint32_t depth = spec->format == TANGO_IO_WAV_PCM16 ? 15 : 23;
    const uint32_t block = TANGO_IO__FLAC_BLOCK;
    tango_io__zero(out, 42);
    tango_io__put_string(out, 0, "fLaC");
    out[7] = 34;                                /* type 0, more blocks, 34 bytes */
    tango_io__putbig(out + 8, block << 16 | block);
    tango_io__putbig(out + 18, spec->rate << 12 | ((uint32_t)spec->channels - 1) << 9 |
                                   depth << 4 | (uint32_t)(spec->frames >> 32));
    tango_io__putbig(out + 22, (uint32_t)(spec->frames & 0xffffffff));
    if (!md5) return;
    tango_io__putbig(out + 12, flac->smallest << 8 | flac->largest >> 16);
    out[16] = (unsigned char)(flac->largest >> 8 & 0xff);
    out[17] = (unsigned char)(flac->largest & 0xff);
    tango_io__copy(out + 26, md5, 16);
}

/* The comment block, the last one before the frames: sizes little-endian, unlike all
   else. Program, number of comments, then each as NAME=text. */
static tango_result tango_io__flac_put_tags(tango_io_flac *flac, tango_error *error)
{
    static const char program[] = "tango " TANGO_VERSION;
    const tango_io_wav_spec *spec = &flac->spec;
    unsigned char head[16 + sizeof program];
    uint64_t size = 8 + sizeof program - 1, text;
    size_t i, at;
    tango_result r = TANGO_OK;
    for (i = 0; i < spec->tag_count && r == TANGO_OK; i++) {
        r = tango_io__tag_check(spec->tags + i, error);
        tango_io__tag_text(&text, spec->tags + i, NULL, NULL);
        size += 4 + spec->tags[i].name_size + 1 + text;
        if (r == TANGO_OK && size > 0xffffff)
            r = tango_io_fail(error, TANGO_ERROR_ARGUMENT, "flac: tags beyond 16 MiB");
    }
    if (r != TANGO_OK) return r;
    tango_io__putbig(head, 0x84000000u | (uint32_t)size);       /* type 4, the last */
    tango_io__put32(head + 4, (uint32_t)sizeof program - 1);
    at = tango_io__put_string(head, 8, program);
    tango_io__put32(head + at, (uint32_t)spec->tag_count);
    r = tango_io_write(flac->output, head, at + 4, error);
    for (i = 0; i < spec->tag_count && r == TANGO_OK; i++) {
        const tango_io_tag *tag = spec->tags + i;
        tango_io__tag_text(&text, tag, NULL, NULL);
        tango_io__put32(head, (uint32_t)(tag->name_size + 1 + text));
        r = tango_io_write(flac->output, head, 4, error);
        if (r == TANGO_OK)
            r = tango_io_write(flac->output, tag->name, tag->name_size, error);
        if (r == TANGO_OK) r = tango_io_write(flac->output, "=", 1, error);
        if (r == TANGO_OK) r = tango_io__tag_text(&text, tag, flac->output, error);
    }
    return r;
}

TANGO_API tango_result tango_io_flac_begin(tango_io_flac *flac, tango_io_output *output,
                                           const tango_io_wav_spec *spec, void *work,
                                           size_t work_size, tango_error *error)
{
    const size_t need = tango_io_flac_work_size(spec),
                 lines = spec->channels == 2 ? 4 : spec->channels;
    unsigned char info[42];
    tango_result r;
    if (need == 0)
        return tango_io_fail(error, TANGO_ERROR_ARGUMENT,
                             "flac: %z channels of %z bytes, %u Hz, %u frames cannot be "
                             "written: 1 to 8 of 16 or 24 bits are", spec->channels,
                             tango_io_wav_sample_size(spec->format),
                             (uint64_t)spec->rate, spec->frames);
    if (work_size < need || !work)
        return tango_io_fail(error, TANGO_ERROR_MEMORY,
                             "flac: %z bytes of work, %z expected", work_size, need);
    TANGO_ASSERT((uintptr_t)work % 8 == 0);
    tango_io__zero(flac, sizeof *flac);
    flac->output = output;
    flac->spec = *spec;
    flac->start = output->at;
    flac->windowed = (double *)work;
    flac->lines = (int32_t *)(flac->windowed + TANGO_IO__FLAC_ORDER +
                              TANGO_IO__FLAC_BLOCK);
    flac->residual = flac->lines + lines * TANGO_IO__FLAC_BLOCK;
    flac->bytes = (unsigned char *)(flac->residual + TANGO_IO__FLAC_BLOCK);
    tango_io__crc16_begin(&flac->sums);
    tango_io__md5_begin(&flac->sums);
    tango_io__flac_put_info(flac, info, NULL);
    r = tango_io_write(output, info, sizeof info, error);
    return r == TANGO_OK ? tango_io__flac_put_tags(flac, error) : r;
}

/* One of the two is NULL. */
static tango_result tango_io__flac_frames(tango_io_flac *flac, const float *floats,
                                          const double *doubles, uint64_t frames,
                                          tango_error *error)
{
    const int bits = flac->spec.format == TANGO_IO_WAV_PCM16 ? 15 : 23;
    const size_t channels = flac->spec.channels;
    size_t at = 0, c;
    if (frames > flac->spec.frames - flac->frames)
        return tango_io_fail(error, TANGO_ERROR_ARGUMENT,
                             "flac: more than the %u frames announced",
                             flac->spec.frames);
    for (; frames > 0; frames--, flac->frames++) {
        int32_t *to = flac->lines + flac->held;
        for (c = 0; c < channels; c++, at++, to += TANGO_IO__FLAC_BLOCK) {
            double x = floats ? (double)floats[at] : doubles[at];
            if (!tango_io__finite(x))
                return tango_io_fail(error, TANGO_ERROR_NUMBER,
                                     "flac: sample is not finite (frame %u)",
                                     flac->frames);
            *to = tango_io__wav_integer(x, bits, flac->spec.round);
        }
        if (++flac->held == TANGO_IO__FLAC_BLOCK) {
            tango_result r = tango_io__flac_put_frame(flac, error);
            if (r != TANGO_OK) return r;
        }
    }
    return TANGO_OK;
}

TANGO_API tango_result tango_io_flac_frames(tango_io_flac *flac, const float *samples,
                                            uint64_t frames, tango_error *error)
{
    return tango_io__flac_frames(flac, samples, NULL, frames, error);
}

TANGO_API tango_result tango_io_flac_frames_double(tango_io_flac *flac,
                                                   const double *samples, uint64_t frames,
                                                   tango_error *error)
{
    return tango_io__flac_frames(flac, NULL, samples, frames, error);
}

TANGO_API tango_result tango_io_flac_end(tango_io_flac *flac, tango_error *error)
{
    unsigned char info[42], md5[16];
    uint64_t end;
    tango_result r = TANGO_OK;
    if (flac->frames != flac->spec.frames)
        return tango_io_fail(error, TANGO_ERROR_ARGUMENT,
                             "flac: %u frames came, %u were announced", flac->frames,
                             flac->spec.frames);
    if (flac->held > 0) r = tango_io__flac_put_frame(flac, error);
    if (r != TANGO_OK || flac->output->state == TANGO_IO__STANDARD) return r;
    tango_io__md5_end(md5, &flac->sums);
    tango_io__flac_put_info(flac, info, md5);
    end = flac->output->at;
    r = tango_io_seek(flac->output, flac->start, error);
    if (r == TANGO_OK) r = tango_io_write(flac->output, info, sizeof info, error);
    return r == TANGO_OK ? tango_io_seek(flac->output, end, error) : r;
}

TANGO_API tango_result tango_io_flac_write(tango_io_output *output, const float *samples,
                                           const tango_io_wav_spec *spec, void *work,
                                           size_t work_size, tango_error *error)
{
    tango_io_flac flac;
    tango_result r = tango_io_flac_begin(&flac, output, spec, work, work_size, error);
    if (r == TANGO_OK) r = tango_io_flac_frames(&flac, samples, spec->frames, error);
    if (r == TANGO_OK) r = tango_io_flac_end(&flac, error);
    return r;
}

#endif

#if defined __GNUC__ && !defined __clang__
#pragma GCC pop_options
#elif defined __clang__
#pragma STDC FP_CONTRACT DEFAULT
#endif

#endif /* TANGO_IO_IMPLEMENTATION */

/*
   MIT No Attribution

   Copyright 2026 the tango authors

   Permission is hereby granted, free of charge, to any person obtaining a copy of
   this software and associated documentation files (the "Software"), to deal in the
   Software without restriction, including without limitation the rights to use,
   copy, modify, merge, publish, distribute, sublicense, and/or sell copies of the
   Software, and to permit persons to whom the Software is furnished to do so.

   THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED,
   INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY, FITNESS FOR A
   PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR COPYRIGHT
   HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION
   OF CONTRACT, TORT OR OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE
   SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.
*/
