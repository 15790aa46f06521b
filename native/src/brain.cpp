// The sequence kernels with bfloat16 factors, for processors that multiply them; compiled for those alone.
#include "backward.h"
#include "forward.h"

namespace unspool::UNSPOOL_ISA {
namespace {

Job* prepare_forward(const unspool_layer& l, float* y, float* hn, float* cn, float* saved, Memory m) {
  return with_cell(l.cell, static_cast<Job*>(nullptr), [&](auto cell) {
    return Forward<decltype(cell), Brain>::prepare(l, y, hn, cn, saved, m);
  });
}

Job* prepare_backward(const unspool_layer& l, const unspool_gradients& g, Memory m) {
  return with_cell(l.cell, static_cast<Job*>(nullptr), [&](auto cell) {
    return Backward<decltype(cell), Brain>::prepare(l, g, m);
  });
}

const BrainKernels table = {prepare_forward, prepare_backward};

}  // namespace

const BrainKernels* brain_kernels() { return &table; }

}  // namespace unspool::UNSPOOL_ISA
