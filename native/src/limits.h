// What this machine can do at most, measured by the instructions that the kernels use.
#pragma once

#include "vector.h"

namespace unspool::UNSPOOL_ISA {

// Multiplies and adds in registers only; returns the operations that it did. `out` keeps the sums alive.
inline double multiply_add(long rounds, float* out) {
  constexpr int chains = lanes == 16 ? 24 : 12;
  vec sum[chains];
  for (int i = 0; i < chains; ++i) sum[i] = all(static_cast<float>(i));
  const vec a = load(out), b = load(out + lanes);
  for (long r = 0; r < rounds; ++r)
#pragma GCC unroll 24
    for (int i = 0; i < chains; ++i) sum[i] = sum[i] * a + b;
  vec total{};
  for (int i = 0; i < chains; ++i) total += sum[i];
  store(out, total);
  return 2.0 * rounds * chains * lanes;
}

// Reads floats and adds them up.
inline void read_all(const float* data, long count, float* out) {
  vec sum[8] = {};
  for (long i = 0; i + 8 * lanes <= count; i += 8 * lanes)
#pragma GCC unroll 8
    for (int v = 0; v < 8; ++v) sum[v] += load(data + i + v * lanes);
  vec total{};
  for (int v = 0; v < 8; ++v) total += sum[v];
  store(out, total);
}

}  // namespace unspool::UNSPOOL_ISA
