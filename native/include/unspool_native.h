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

/* ---- A layer that slides a soft window over a text: Graves (2013), section 5.1. ----
 *
 * Its input is [x_t; w_{t-1}], I numbers of which the last V are the window's, its output [w_t; h_t]. K components. */
typedef struct {
  unspool_layer layer;     /* an LSTM; x [T, B, I], the windows in it written by forward */
  int64_t symbols, components, texts; /* V, K, and U, the symbols of the longest text */
  const float *values;     /* [B, U, V], the texts */
  const int64_t *ends;     /* [B], symbols of each text, from 1 to U */
  const float *kappa0, *window0;      /* [B, K] and [B, V], NULL: zeros */
  const float *weight, *bias;         /* [3K, H] and [3K]: alpha^, beta^, kappa^ */
} unspool_windowed;

typedef struct {
  float *x;                /* the layer's own: its windows are written inside the lengths */
  float *y;                /* [T, B, V + H], written inside the lengths */
  float *hn, *cn, *kappan, *windown;  /* [B, H], [B, H], [B, K], [B, V] */
  float *saved, *trail;    /* what backward needs, of unspool_saved_size(layer), and [T, B, 4K]; NULL: nothing */
} unspool_windowed_results;

UNSPOOL_API int unspool_windowed_forward(const unspool_windowed *windowed, const unspool_windowed_results *results);

typedef struct {
  unspool_gradients layer; /* y and dy [T, B, V + H]; dx of the whole input, the windows' part of it meaning nothing */
  const float *trail;
  const float *dkappan, *dwindown;    /* NULL: zeros */
  float *dkappa0, *dwindow0;
  float *dshape;           /* [T, B, 3K], of alpha^, beta^ and kappa^, written inside the lengths */
} unspool_windowed_gradients;

UNSPOOL_API int unspool_windowed_backward(const unspool_windowed *windowed,
                                          const unspool_windowed_gradients *gradients);

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

/* ---- Handwriting: a stack of cells that is fed its own points. ----
 *
 * Every layer reads the point before, the window if there is one (the lowest layer that of the step before), and the
 * layer below; all layers reach the output, which is raw numbers of a mixture of M bivariate normal distributions:
 * end of stroke, M weights, M means of x, M of y, M scales of x, M of y, M correlations. */
typedef struct {
  unspool_plan plan;          /* vocabulary: 6M + 1; skip: 1; tables of one row, the biases */
  int64_t symbols, components;        /* V and K; 0 without a window */
  const float *const *weight_input;   /* of each layer [G*H, 3 + V] */
  const float *weight, *bias;         /* of the window: [3K, H of the lowest layer] and [3K] */
} unspool_pen_plan;

/* To be freed by unspool_generator_free. */
UNSPOOL_API unspool_generator *unspool_pen_create(const unspool_pen_plan *plan);

typedef struct {
  int64_t batch, steps, texts; /* U */
  const float *values;     /* [B, U, V] */
  const int64_t *ends;     /* [B], symbols of each text */
  float *state;            /* [B, S], in and out; of the cells alone */
  float *kappa, *window;   /* [B, K] and [B, V], in and out */
  float *point;            /* [B, 3], in: the last point, out: the last one written */
  double sharpness;        /* 1 + the bias of section 5.4 */
  uint64_t seed;
  const uint64_t *samples; /* [B], the number of each sample */
  uint64_t first;          /* how many points of these samples were written before */
  float *points;           /* [steps, B, 3] out */
  float *phi;              /* [steps, B, U + 1] out, 0 behind the place behind the text */
  int64_t *count;          /* [B] out: points written in this call */
  int32_t *finished;       /* [B], in and out: by the stop rule of section 5.3; such a row writes no more */
  int32_t threads;
} unspool_pen_call;

/* Writes `steps` points of each sample, or fewer where its text is finished. A row depends on nothing of the others,
 * bit by bit. A point after which nothing can be picked is NaN. */
UNSPOOL_API int unspool_pen_write(const unspool_generator *generator, const unspool_pen_call *call);

/* ---- The library itself. ---- */

/* What this machine can do at most: float32 operations a second, and bytes read a second from that much memory. */
UNSPOOL_API double unspool_peak_operations(int threads);
UNSPOOL_API double unspool_peak_bandwidth(int threads, int64_t bytes);

/* "amx", "avx512", "avx2" or "base": what is used, and what this processor could use. */
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
