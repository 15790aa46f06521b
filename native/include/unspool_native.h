/* The whole of what the native engine offers, as plain C. It knows neither Python nor torch.
 *
 * Arrays are dense float32, the last dimension contiguous: T steps, B sequences, I inputs, H units, G gates.
 * Functions return 0, or UNSPOOL_NO_MEMORY. */
#ifndef UNSPOOL_NATIVE_H
#define UNSPOOL_NATIVE_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define UNSPOOL_API __attribute__((visibility("default")))
#define UNSPOOL_NO_MEMORY 1
#define UNSPOOL_UNKNOWN 2 /* a cell or instruction set that this library does not have */

typedef enum {
  UNSPOOL_RNN_TANH,
  UNSPOOL_RNN_RELU,
  UNSPOOL_RNN_SIGMOID,
  UNSPOOL_LSTM,
  UNSPOOL_LSTM_PEEPHOLE,
  UNSPOOL_GRU_AFTER,
  UNSPOOL_GRU_BEFORE,
} unspool_cell;

/* One layer in one direction. Gates lie under each other as in torch: i f g o, r z n. */
typedef struct {
  int32_t cell;
  int32_t reverse; /* from the end of each sequence to its beginning */
  int64_t steps, batch, input, hidden;
  const int64_t *lengths; /* [B], each from 0 to T; NULL: all T */
  const float *x;         /* [T, B, I] */
  const float *h0, *c0;   /* [B, H], NULL: zeros */
  const float *weight_ih; /* [G*H, I] */
  const float *weight_hh; /* [G*H, H] */
  const float *bias_ih, *bias_hh; /* [G*H], NULL: zeros */
  const float *peephole;          /* [3, H]: i f o; only UNSPOOL_LSTM_PEEPHOLE */
  int32_t threads;
  int32_t bfloat16; /* factors of the matrix products rounded to bfloat16, sums in float32 */
} unspool_layer;

/* What backward needs of forward, in floats; its layout belongs to the library. */
UNSPOOL_API int64_t unspool_saved_size(const unspool_layer *layer);

/* y [T, B, H], of which only steps inside the lengths are written; hn and cn [B, H]; saved may be NULL. */
UNSPOOL_API int unspool_forward(const unspool_layer *layer, float *y, float *hn, float *cn, float *saved);

typedef struct {
  const float *y, *saved;      /* of forward */
  const float *dy;             /* [T, B, H] */
  const float *dhn, *dcn;      /* [B, H], NULL: zeros */
  float *dx;                   /* [T, B, I], written inside the lengths; NULL: not wanted */
  float *dh0, *dc0;            /* [B, H] */
  float *dweight_ih, *dweight_hh, *dbias_ih, *dbias_hh, *dpeephole;
} unspool_gradients;

UNSPOOL_API int unspool_backward(const unspool_layer *layer, const unspool_gradients *gradients);

/* ---- Generation: a stack of cells that is fed its own choices. ----
 *
 * S, the size of a state: for each layer h [H], then, for an LSTM, c [H]. V symbols. */
typedef enum { UNSPOOL_FLOAT32, UNSPOOL_BFLOAT16, UNSPOOL_INT8 } unspool_weights;

typedef struct {
  int32_t cell;
  int64_t hidden;
  int64_t rows;              /* of table: V where the symbol reaches this layer, else 1 */
  const float *table;        /* [rows, G*H], a symbol's share of the gates with all biases but bias_hh */
  const float *weight_below; /* [G*H, hidden of the layer below]; NULL: nothing comes from below */
  const float *weight_hh;    /* [G*H, H] */
  const float *bias_hh;      /* [G*H]; only UNSPOOL_GRU_AFTER, which multiplies a part of it */
  const float *peephole;     /* [3, H]: i f o; only UNSPOOL_LSTM_PEEPHOLE */
} unspool_plan_layer;

typedef struct {
  int64_t vocabulary, layers;
  const unspool_plan_layer *layer;
  int32_t skip;        /* the output layer reads [h of layer 0; ...; h of the last], not the last alone */
  const float *weight; /* [V, units read] */
  const float *bias;   /* [V] */
  int32_t weights;     /* unspool_weights: what the weights are converted to; tables and biases stay float32 */
} unspool_plan;

/* The converted weights; nothing of a plan is needed after it was made. It may be used by several threads at once. */
typedef struct unspool_generator unspool_generator;

/* NULL: no memory, or a cell that is not known. */
UNSPOOL_API unspool_generator *unspool_generator_create(const unspool_plan *plan);
UNSPOOL_API void unspool_generator_free(unspool_generator *generator);
/* Bytes of weights that a step reads. */
UNSPOOL_API int64_t unspool_generator_bytes(const unspool_generator *generator);

/* Temperature 0 takes the likeliest; top_k 0, top_p 1 and min_p 0 keep all. */
typedef struct {
  double temperature, top_p, min_p;
  int64_t top_k;
  uint64_t seed;
} unspool_sampling;

typedef struct {
  int64_t batch, steps;
  float *state;            /* [B, S], in and out */
  float *scores;           /* [B, V], in: of the first symbol to be chosen; out: of the one after the last */
  unspool_sampling sampling;
  const uint64_t *samples; /* [B], the number of each sample */
  uint64_t first;          /* how many symbols of these samples were chosen before */
  int64_t left;            /* symbols to come, those of this call among them; -1: no end */
  uint32_t *utf8;          /* [B], 0 at the start of a sample: keeps 256 byte symbols valid UTF-8; NULL: any */
  int64_t *ids;            /* [steps, B] out; -1 where the scores have no finite maximum */
  double *log_probs;       /* [steps, B] out, nats under softmax(scores) */
  int32_t threads;
} unspool_generation;

/* Chooses a symbol and feeds it back, `steps` times. A row depends on nothing of the others, bit by bit. */
UNSPOOL_API int unspool_generate(const unspool_generator *generator, const unspool_generation *generation);

/* One step: ids [B], state [B, S] in and out, scores [B, V] out. */
UNSPOOL_API int unspool_step(const unspool_generator *generator, int64_t batch, const int64_t *ids, float *state,
                             float *scores, int32_t threads);

/* ---- The library itself. ---- */

/* What this machine can do at most: float32 operations a second, and bytes read a second from that much memory. */
UNSPOOL_API double unspool_peak_operations(int threads);
UNSPOOL_API double unspool_peak_bandwidth(int threads, int64_t bytes);

/* "avx512", "avx2" or "base": what is used, and what this processor could use. */
UNSPOOL_API const char *unspool_isa(void);
UNSPOOL_API const char *unspool_best_isa(void);
UNSPOOL_API int unspool_has_bfloat16(void); /* with the instructions in use */
UNSPOOL_API int unspool_use_isa(const char *name);

/* Run in the thread pool that is there already, libgomp's: its three functions, or NULL for a pool of our own. */
UNSPOOL_API void unspool_use_openmp(void *gomp_parallel, void *omp_get_thread_num, void *omp_get_num_threads);

#ifdef __cplusplus
}
#endif
#endif
