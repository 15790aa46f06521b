// The kernels of one instruction set; this file is compiled once for each.
#include "backward.h"
#include "forward.h"
#include "generate.h"
#include "limits.h"

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

long network_bytes(const Network& network) { return static_cast<const PackedNetwork&>(network).bytes; }

#define UNSPOOL_TEXT_(x) #x
#define UNSPOOL_TEXT(x) UNSPOOL_TEXT_(x)
const Kernels table = {UNSPOOL_TEXT(UNSPOOL_ISA), saved_size, prepare_forward, prepare_backward, multiply_add, read_all,
                       pack_network, network_bytes, Generation::prepare};

}  // namespace

const Kernels* kernels() { return &table; }

}  // namespace unspool::UNSPOOL_ISA
