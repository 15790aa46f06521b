// The kernels of one instruction set; this file is compiled once for each.
#include "backward.h"
#include "forward.h"
#include "generate.h"
#include "limits.h"
#include "pen.h"
#include "windowed.h"

namespace unspool::UNSPOOL_ISA {
namespace {

long saved_size(const unspool_layer& l) {
  return with_cell(l.cell, -1L, [&](auto cell) {
    return l.steps * l.batch * up(l.hidden, lanes) * decltype(cell)::saved * lanes;
  });
}

Job* prepare_forward(const unspool_layer& l, float* y, float* hn, float* cn, float* saved, Memory m) {
  return with_cell(l.cell, static_cast<Job*>(nullptr), [&](auto cell) {
    return Forward<decltype(cell)>::prepare(l, y, hn, cn, saved, m);
  });
}

Job* prepare_backward(const unspool_layer& l, const unspool_gradients& g, Memory m) {
  return with_cell(l.cell, static_cast<Job*>(nullptr), [&](auto cell) {
    return Backward<decltype(cell)>::prepare(l, g, m);
  });
}

// Only an LSTM reads a text.
Job* prepare_windowed_forward(const unspool_windowed& w, const unspool_windowed_results& out, Memory m) {
  if (w.layer.cell == UNSPOOL_LSTM_PEEPHOLE) return WindowedForward<Lstm<true>>::prepare(w, out, m);
  return WindowedForward<Lstm<false>>::prepare(w, out, m);
}

Job* prepare_windowed_backward(const unspool_windowed& w, const unspool_windowed_gradients& g, Memory m) {
  if (w.layer.cell == UNSPOOL_LSTM_PEEPHOLE) return WindowedBackward<Lstm<true>>::prepare(w, g, m);
  return WindowedBackward<Lstm<false>>::prepare(w, g, m);
}

Network* pack_symbols(const unspool_plan& plan, bool dot, Memory m) { return pack_network(plan, dot, m); }

long network_bytes(const Network& network) { return static_cast<const PackedNetwork&>(network).bytes; }

#define UNSPOOL_TEXT_(x) #x
#define UNSPOOL_TEXT(x) UNSPOOL_TEXT_(x)
const Kernels table = {UNSPOOL_TEXT(UNSPOOL_ISA), saved_size, prepare_forward, prepare_backward, multiply_add, read_all,
                       pack_symbols, network_bytes, Generation::prepare, prepare_windowed_forward,
                       prepare_windowed_backward, pack_pen, Writing::prepare};

}  // namespace

const Kernels* kernels() { return &table; }

}  // namespace unspool::UNSPOOL_ISA
