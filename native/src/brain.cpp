// The kernels with bfloat16 factors, for processors that multiply them, in vectors or in tiles; compiled for those alone.
#include "backward.h"
#include "forward.h"
#include "windowed.h"

namespace unspool::UNSPOOL_ISA {
namespace {

#if defined(__AMX_BF16__)
using Number = Tiled;
#else
using Number = Brain;
#endif

Job* prepare_forward(const unspool_layer& l, float* y, float* hn, float* cn, float* saved, Memory m) {
  return with_cell(l.cell, static_cast<Job*>(nullptr), [&](auto cell) {
    return Forward<decltype(cell), Number>::prepare(l, y, hn, cn, saved, m);
  });
}

Job* prepare_backward(const unspool_layer& l, const unspool_gradients& g, Memory m) {
  return with_cell(l.cell, static_cast<Job*>(nullptr), [&](auto cell) {
    return Backward<decltype(cell), Number>::prepare(l, g, m);
  });
}

Job* prepare_windowed_forward(const unspool_windowed& w, const unspool_windowed_results& out, Memory m) {
  if (w.layer.cell == UNSPOOL_LSTM_PEEPHOLE) return WindowedForward<Lstm<true>, Number>::prepare(w, out, m);
  return WindowedForward<Lstm<false>, Number>::prepare(w, out, m);
}

Job* prepare_windowed_backward(const unspool_windowed& w, const unspool_windowed_gradients& g, Memory m) {
  if (w.layer.cell == UNSPOOL_LSTM_PEEPHOLE) return WindowedBackward<Lstm<true>, Number>::prepare(w, g, m);
  return WindowedBackward<Lstm<false>, Number>::prepare(w, g, m);
}

const BrainKernels table = {prepare_forward, prepare_backward, prepare_windowed_forward, prepare_windowed_backward};

}  // namespace

const BrainKernels* brain_kernels() { return &table; }

}  // namespace unspool::UNSPOOL_ISA
