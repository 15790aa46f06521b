// A soft window on a text: where it stands after a step, what it shows, and the derivatives of both; one sequence at a
// time. Graves (2013), Generating Sequences With Recurrent Neural Networks, (46)-(51).
#pragma once

#include <math.h>

#include "layout.h"

namespace unspool::UNSPOOL_ISA {

constexpr int thin = 2 * lanes;  // columns of a panel of the window's weights

UNSPOOL_INLINE long whole(long n) { return up(n, lanes) * lanes; }

UNSPOOL_INLINE vec counting() {
  vec v{};
  for (int i = 0; i < lanes; ++i) v[i] = static_cast<float>(i);
  return v;
}

UNSPOOL_INLINE float sum_of(vec v) {
  float sum = 0;
  for (int i = 0; i < lanes; ++i) sum += v[i];
  return sum;
}

// A text of `length` symbols of size `size`.
struct Text {
  const float* values;  // [length][size]
  int32_t* ids;         // [length], the place of the only 1 where all else is 0, or -1
  long length, size;

  void find_ids() const {
    for (long u = 0; u < length; ++u) {
      const float* symbol = values + u * size;
      long found = -1, others = 0;
      for (long v = 0; v < size; ++v) {
        if (symbol[v] == 1) found = v;
        if (symbol[v] != 0) ++others;
      }
      ids[u] = others == 1 ? static_cast<int32_t>(found) : -1;
    }
  }

  // out [size] = sum_u weight[u] c_u
  void show(const float* weight, float* out) const {
    for (long v = 0; v < size; ++v) out[v] = 0;
    for (long u = 0; u < length; ++u) {
      if (ids[u] >= 0) {
        out[ids[u]] += weight[u];
        continue;
      }
      for (long v = 0; v < size; ++v) out[v] += weight[u] * values[u * size + v];
    }
  }

  // out [whole(length)] = c_u . row, zeros behind the text
  void ask(const float* row, float* out) const {
    for (long u = 0; u < length; ++u) {
      out[u] = ids[u] >= 0 ? row[ids[u]] : 0;
      for (long v = 0; v < size && ids[u] < 0; ++v) out[u] += row[v] * values[u * size + v];
    }
    for (long u = length; u < whole(length); ++u) out[u] = 0;
  }
};

// The vectors of places, of the first `places`, at which a bell is not 0: beyond, beta (kappa - u)^2 is more than 88.
UNSPOOL_INLINE Range band(float kappa, float beta, long places) {
  const float reach = sqrtf(88 / beta), last = static_cast<float>(places);
  float low = kappa - reach - 1, high = kappa + reach;
  if (!(low > 0)) low = 0;  // no number: all of them
  if (!(high < last)) high = last;
  if (low >= last || high < 0) return {0, 0};
  return {static_cast<long>(low) / lanes, up(static_cast<long>(high) + 1 < places ? static_cast<long>(high) + 1 : places, lanes)};
}

// One step. shape [3][K] holds alpha^, beta^, kappa^, and afterwards their exponentials; kappa [K] moves on;
// phi [whole(places)] at the places 1 ... `places`, zeros behind them. shape has room for whole vectors.
inline void slide(float* shape, float* kappa, long components, long places, float* phi) {
  for (long k = 0; k < 3 * components; k += lanes) store(shape + k, exponential(load(shape + k)));
  for (long u = 0; u < places; u += lanes) store(phi + u, vec{});
  const vec first = counting() + 1.0f;
  for (long k = 0; k < components; ++k) {
    const float alpha = shape[k], beta = shape[components + k];
    kappa[k] += shape[2 * components + k];
    const Range near = band(kappa[k], beta, places);
    for (long n = near.begin; n < near.end; ++n) {
      const vec distance = kappa[k] - (first + static_cast<float>(n * lanes));
      store(phi + n * lanes, load(phi + n * lanes) + alpha * exponential(-beta * distance * distance));
    }
  }
  for (long u = places; u < whole(places); ++u) phi[u] = 0;
}

// Its derivatives. trail [4][K]: alpha, beta, the advance and kappa of this step; asked [whole(length)], the derivative
// of phi; dkappa [K] that of kappa, in for this step's and out for the one before; dshape [3][K] of what goes into exp.
inline void slide_back(const float* trail, const float* asked, long components, long length, float* dkappa,
                       float* dshape) {
  const float *beta = trail + components, *advance = beta + components, *kappa = advance + components;
  const vec first = counting() + 1.0f;
  for (long k = 0; k < components; ++k) {
    vec bell{}, slope{}, spread{};
    const Range near = band(kappa[k], beta[k], length);
    for (long n = near.begin; n < near.end; ++n) {
      const vec distance = kappa[k] - (first + static_cast<float>(n * lanes));
      const vec g = load(asked + n * lanes) * exponential(-beta[k] * distance * distance);
      bell += g;
      slope += g * distance;
      spread += g * distance * distance;
    }
    const float alpha = trail[k];
    dkappa[k] -= 2 * alpha * beta[k] * sum_of(slope);
    dshape[k] = alpha * sum_of(bell);
    dshape[components + k] = -alpha * beta[k] * sum_of(spread);
    dshape[2 * components + k] = dkappa[k] * advance[k];
  }
}

}  // namespace unspool::UNSPOOL_ISA
