// The pointwise halves of each cell, forward and backward, for one row and one group of `lanes` units.
//
// The equations are those of src/unspool/cells; what multiplies matrices is in sequence.h.
#pragma once

#include "unspool_native.h"
#include "vector.h"

namespace unspool::UNSPOOL_ISA {

// Forward: sums of the gates in, h_t out.
struct Ahead {
  const float* x;        // [count][lanes], the input's share; where a cell does not split them, the recurrent too
  const float* h;        // [count][lanes], the recurrent share
  vec before;            // h_{t-1}
  float* memory;         // c, updated in place
  const float* peephole; // of this group; the next of the three lies `stride` floats on
  long stride;
  float* saved;          // [saved][lanes]: what backward needs, and the next pass of the same step
  float* reset;          // r * h_{t-1}, for a second pass
};

// Backward: d means the derivative of the loss.
struct Back {
  vec dh;                // complete
  vec before;            // h_{t-1}
  vec memory;            // c_{t-1}
  float* dmemory;        // dc_t in, dc_{t-1} out
  const float* peephole;
  float* dpeephole;      // added to
  long stride;
  const float* saved;
  float* x;              // [gates][lanes] out: derivatives of the input's share
  float* h[2];           // out: of the recurrent share, pass by pass, where it is another one
  float* reset;          // out: r * h_{t-1}
};

UNSPOOL_INLINE vec get(const float* p, int i) { return load(p + i * lanes); }
UNSPOOL_INLINE void put(float* p, int i, vec v) { store(p + i * lanes, v); }

// A cell has `gates`, `saved` vectors a unit, and one or two passes, each a product with a state: of the gates from
// `first` on, `count` of them. `split` keeps the two shares apart, `own` gives the recurrent share derivatives of its own.
enum class Function { tanh, relu, sigmoid };

template <Function F>
struct Rnn {
  static constexpr int gates = 1, saved = 1, passes = 1, first[] = {0}, count[] = {1};
  static constexpr bool split = false, own = false, memory = false, peephole = false;

  static UNSPOOL_INLINE vec forward(const Ahead& s) {
    const vec a = get(s.x, 0);
    const vec h = F == Function::tanh ? hyperbolic_tangent(a) : F == Function::relu ? (a < 0.0f ? vec{} : a) : sigmoid(a);
    put(s.saved, 0, h);
    return h;
  }

  // Returns what flows to h_{t-1} beside the recurrent product.
  static UNSPOOL_INLINE vec backward(const Back& s) {
    const vec h = get(s.saved, 0);
    const vec slope = F == Function::tanh ? 1.0f - h * h : F == Function::relu ? (h > 0.0f ? all(1) : vec{}) : h * (1.0f - h);
    put(s.x, 0, s.dh * slope);
    return vec{};
  }
};

template <bool Peephole>
struct Lstm {
  static constexpr int gates = 4, saved = 5, passes = 1, first[] = {0}, count[] = {4};
  static constexpr bool split = false, own = false, memory = true, peephole = Peephole;

  static UNSPOOL_INLINE vec forward(const Ahead& s) {
    vec i = get(s.x, 0), f = get(s.x, 1), o = get(s.x, 3);
    const vec before = load(s.memory);
    if (Peephole) {
      i += load(s.peephole) * before;
      f += load(s.peephole + s.stride) * before;
    }
    i = sigmoid(i);
    f = sigmoid(f);
    const vec g = hyperbolic_tangent(get(s.x, 2));
    const vec c = f * before + i * g;
    if (Peephole) o += load(s.peephole + 2 * s.stride) * c;
    o = sigmoid(o);
    store(s.memory, c);
    put(s.saved, 0, i);
    put(s.saved, 1, f);
    put(s.saved, 2, g);
    put(s.saved, 3, o);
    put(s.saved, 4, c);
    return o * hyperbolic_tangent(c);
  }

  static UNSPOOL_INLINE vec backward(const Back& s) {
    const vec i = get(s.saved, 0), f = get(s.saved, 1), g = get(s.saved, 2), o = get(s.saved, 3), c = get(s.saved, 4);
    const vec t = hyperbolic_tangent(c);
    const vec d_o = s.dh * t * o * (1.0f - o);
    vec dc = load(s.dmemory) + s.dh * o * (1.0f - t * t);
    if (Peephole) dc += d_o * load(s.peephole + 2 * s.stride);
    const vec d_i = dc * g * i * (1.0f - i);
    const vec d_f = dc * s.memory * f * (1.0f - f);
    vec flow = dc * f;
    if (Peephole) {
      flow += d_i * load(s.peephole) + d_f * load(s.peephole + s.stride);
      store(s.dpeephole, load(s.dpeephole) + d_i * s.memory);
      store(s.dpeephole + s.stride, load(s.dpeephole + s.stride) + d_f * s.memory);
      store(s.dpeephole + 2 * s.stride, load(s.dpeephole + 2 * s.stride) + d_o * c);
    }
    store(s.dmemory, flow);
    put(s.x, 0, d_i);
    put(s.x, 1, d_f);
    put(s.x, 2, dc * i * (1.0f - g * g));
    put(s.x, 3, d_o);
    return vec{};
  }
};

struct GruAfter {
  static constexpr int gates = 3, saved = 4, passes = 1, first[] = {0}, count[] = {3};
  static constexpr bool split = true, own = true, memory = false, peephole = false;

  static UNSPOOL_INLINE vec forward(const Ahead& s) {
    const vec r = sigmoid(get(s.x, 0) + get(s.h, 0));
    const vec z = sigmoid(get(s.x, 1) + get(s.h, 1));
    const vec u = get(s.h, 2);
    const vec n = hyperbolic_tangent(get(s.x, 2) + r * u);
    put(s.saved, 0, r);
    put(s.saved, 1, z);
    put(s.saved, 2, n);
    put(s.saved, 3, u);
    return (1.0f - z) * n + z * s.before;
  }

  static UNSPOOL_INLINE vec backward(const Back& s) {
    const vec r = get(s.saved, 0), z = get(s.saved, 1), n = get(s.saved, 2), u = get(s.saved, 3);
    const vec dn = s.dh * (1.0f - z) * (1.0f - n * n);
    const vec dr = dn * u * r * (1.0f - r);
    const vec dz = s.dh * (s.before - n) * z * (1.0f - z);
    put(s.x, 0, dr);
    put(s.x, 1, dz);
    put(s.x, 2, dn);
    put(s.h[0], 0, dr);
    put(s.h[0], 1, dz);
    put(s.h[0], 2, dn * r);
    return s.dh * z;
  }
};

struct GruBefore {
  static constexpr int gates = 3, saved = 3, passes = 2, first[] = {0, 2}, count[] = {2, 1};
  static constexpr bool split = false, own = true, memory = false, peephole = false;

  static UNSPOOL_INLINE void forward_reset(const Ahead& s) {
    const vec r = sigmoid(get(s.x, 0));
    put(s.saved, 0, r);
    put(s.saved, 1, sigmoid(get(s.x, 1)));
    store(s.reset, r * s.before);
  }

  static UNSPOOL_INLINE vec forward(const Ahead& s) {
    const vec z = get(s.saved, 1), n = hyperbolic_tangent(get(s.x, 0));
    put(s.saved, 2, n);
    return (1.0f - z) * n + z * s.before;
  }

  static UNSPOOL_INLINE vec backward(const Back& s) {
    const vec r = get(s.saved, 0), z = get(s.saved, 1), n = get(s.saved, 2);
    const vec dn = s.dh * (1.0f - z) * (1.0f - n * n);
    const vec dz = s.dh * (s.before - n) * z * (1.0f - z);
    put(s.x, 1, dz);
    put(s.x, 2, dn);
    put(s.h[0], 1, dz);
    put(s.h[1], 0, dn);
    store(s.reset, r * s.before);
    return s.dh * z;
  }

  // dh is here the derivative of r * h_{t-1}; returns what flows to h_{t-1} through it.
  static UNSPOOL_INLINE vec backward_reset(const Back& s) {
    const vec r = get(s.saved, 0);
    const vec dr = s.dh * s.before * r * (1.0f - r);
    put(s.x, 0, dr);
    put(s.h[0], 0, dr);
    return s.dh * r;
  }
};

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

}  // namespace unspool::UNSPOOL_ISA
