// Vectors of floats in the compiler's own vector types: one source for every instruction set.
//
// This header is compiled once for each of them, in a namespace of its own. It must not use the inline functions of
// the standard library: the linker keeps one copy of those, and it could be one with instructions that another
// processor lacks.
#pragma once

#include <cstdint>
#include <cstring>

#ifndef UNSPOOL_ISA
#error "compile with -DUNSPOOL_ISA=avx512|avx2|base and -DUNSPOOL_LANES=16|8|4"
#endif

#define UNSPOOL_INLINE inline __attribute__((always_inline))

namespace unspool::UNSPOOL_ISA {

constexpr int lanes = UNSPOOL_LANES;

typedef float vec __attribute__((vector_size(lanes * 4)));
typedef int32_t ivec __attribute__((vector_size(lanes * 4)));
typedef float loose_vec __attribute__((vector_size(lanes * 4), aligned(4), may_alias));

UNSPOOL_INLINE vec load(const float* p) { return *reinterpret_cast<const loose_vec*>(p); }
UNSPOOL_INLINE void store(float* p, vec v) { *reinterpret_cast<loose_vec*>(p) = v; }
UNSPOOL_INLINE vec all(float x) { return x - vec{}; }  // x - 0 is x, also for -0

// The first n lanes; the others are 0.
UNSPOOL_INLINE vec load_part(const float* p, int n) {
  if (n >= lanes) return load(p);
  float part[lanes] = {};
  memcpy(part, p, sizeof(float) * n);
  return load(part);
}

UNSPOOL_INLINE void store_part(float* p, vec v, int n) {
  if (n >= lanes) return store(p, v);
  float part[lanes];
  store(part, v);
  memcpy(p, part, sizeof(float) * n);
}

UNSPOOL_INLINE vec clamp(vec x, float low, float high) {
  x = x > high ? all(high) : x;  // comparisons with NaN are false, so NaN stays
  return x < low ? all(low) : x;
}

// exp(x) = 2^n e^r, n = round(x / ln 2); the polynomial for e^r is that of the Cephes library. Relative error 1e-7.
UNSPOOL_INLINE vec exponential(vec x) {
  x = clamp(x, -87.3f, 88.3f);
  const float shift = 12582912.0f;  // 1.5 * 2^23: adding it leaves n in the low bits
  const vec shifted = x * 1.44269504f + shift;
  const vec n = shifted - shift;
  const vec r = x - n * 0.693359375f + n * 2.12194440e-4f;
  vec p = r * 1.9875691500e-4f + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  const vec e = p * (r * r) + r + 1.0f;
  return (vec)((ivec)e + ((ivec)shifted << 23));
}

UNSPOOL_INLINE vec sigmoid(vec x) { return 1.0f / (1.0f + exponential(-x)); }

// Near 0 an odd polynomial (Cephes), which keeps the relative accuracy; beyond, 1 - 2 / (e^2|x| + 1), which is good to
// the last bit where 1 - tanh^2 must be.
UNSPOOL_INLINE vec hyperbolic_tangent(vec x) {
  const vec s = x * x;
  vec p = s * -5.70498872745e-3f + 2.06390887954e-2f;
  p = p * s - 5.37397155531e-2f;
  p = p * s + 1.33314422036e-1f;
  p = p * s - 3.33332819422e-1f;
  const vec near = p * s * x + x;
  const vec size = x < 0.0f ? -x : x;
  const vec far = 1.0f - 2.0f / (exponential(size + size) + 1.0f);
  return size < 0.625f ? near : x < 0.0f ? -far : far;
}

}  // namespace unspool::UNSPOOL_ISA
