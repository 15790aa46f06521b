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

/* "avx512", "avx2" or "base": what is used, and what this processor could use. */
UNSPOOL_API const char *unspool_isa(void);
UNSPOOL_API const char *unspool_best_isa(void);
UNSPOOL_API int unspool_use_isa(const char *name);

/* Run in the thread pool that is there already, libgomp's: its three functions, or NULL for a pool of our own. */
UNSPOOL_API void unspool_use_openmp(void *gomp_parallel, void *omp_get_thread_num, void *omp_get_num_threads);

#ifdef __cplusplus
}
#endif
#endif
