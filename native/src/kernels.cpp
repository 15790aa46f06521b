// The kernels of one instruction set; this file is compiled once for each.
#include "backward.h"
#include "forward.h"

namespace unspool::UNSPOOL_ISA {
namespace {

// Calls `use` with the cell of a layer; gives `otherwise` for one that is not known.
template <class Result, class Use>
Result with_cell(int cell, Result otherwise, Use use) {
  switch (cell) {
    case UNSPOOL_RNN_TANH: return use(Rnn<Function::tanh>());
    case UNSPOOL_RNN_RELU: return use(Rnn<Function::relu>());
    case UNSPOOL_RNN_SIGMOID: return use(Rnn<Function::sigmoid>());
    case UNSPOOL_LSTM: return use(Lstm<false>());
    case UNSPOOL_LSTM_PEEPHOLE: return use(Lstm<true>());
    case UNSPOOL_GRU_AFTER: return use(GruAfter());
    case UNSPOOL_GRU_BEFORE: return use(GruBefore());
    default: return otherwise;
  }
}

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

#define UNSPOOL_TEXT_(x) #x
#define UNSPOOL_TEXT(x) UNSPOOL_TEXT_(x)
const Kernels table = {UNSPOOL_TEXT(UNSPOOL_ISA), saved_size, prepare_forward, prepare_backward};

}  // namespace

const Kernels* kernels() { return &table; }

}  // namespace unspool::UNSPOOL_ISA
