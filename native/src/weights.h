// Gradients of weights: sums over all steps and sequences of delta times what the weight multiplied.
//
// The steps come in chunks that are still in the cache. Left operand: the deltas, in blocks of as many columns as a tile
// has rows. Right operand: the rows that were multiplied (inputs or states), in wide panels.
#pragma once

#include "layout.h"

namespace unspool::UNSPOOL_ISA {

// The right operand: rows of `size` floats each.
template <class Number>
struct Factors {
  long size, panels;
  float* packed;  // [panels][words of entries][wide]

  bool lay(long columns, long most, Memory m) {
    size = columns, panels = up(columns, wide);
    packed = m.take<float>(panels * words<Number>(most) * wide);
    return packed != nullptr;
  }

  // rows[e] is entry e of `entries`; the caller's part of their words is packed.
  void pack(const float* const* rows, long entries, const Team& team) {
    const long depth = words<Number>(entries);
    const Range mine = share(depth, team.index, team.size);
    for (long p = 0; p < panels; ++p)
      for (long k = mine.begin; k < mine.end; ++k) {
        const float* some[Number::per_word];
        for (int j = 0; j < Number::per_word; ++j) {
          const long e = k * Number::per_word + j;
          some[j] = e < entries ? rows[e] + p * wide : nullptr;
        }
        pack_rows<Number>(packed + (p * depth + k) * wide, some, size - p * wide);
      }
  }
};

// One sum of outer products, sum_e delta[e] factor[e]^T, kept in tiles [blocks][panels][tall][wide].
template <class Number>
struct Outer {
  static constexpr int tall = tile_rows<4, Number>;  // columns of a block of deltas
  const Factors<Number>* factors;
  float* sums;
  float* gradient;  // the weight's gradient, [G*H][factors->size]

  bool lay(const Factors<Number>* f, float* out, Gates gates, Memory m) {
    factors = f, gradient = out;
    sums = m.take<float>(up(gates.width(), tall) * f->panels * tall * wide);
    return sums != nullptr;
  }
};

// The deltas of some gates over a chunk, and the sums that they enter: with the inputs, with the states, or both.
template <class Number>
struct Deltas {
  static constexpr int tall = Outer<Number>::tall;
  Gates gates;
  long width, depth;  // numbers of a row, and the words that hold them
  float* values;      // [slots][B][width], by slot and position
  float* flowing;     // [slots][B][depth], the same as words, for products with the weights
  float* blocks;      // [up(width, tall)][words of entries][tall], packed for the product; tiles: [tall][words]
  float* bias;        // [threads][width], each thread's own sum over a step
  double* bias_sum;   // [threads][width], over all steps: long sums in float32 would lose digits
  Outer<Number> outer[2];
  int outers;

  bool lay(Gates g, long rows, long most, int threads, Memory m) {
    gates = g, width = g.width(), depth = words<Number>(width), outers = 0;
    values = m.take<float>(rows * width);
    flowing = Number::per_word == 1 ? values : m.take<float>(rows * depth);
    blocks = m.take<float>(up(width, tall) * words<Number>(most) * tall);
    bias = m.take<float>(threads * width);
    bias_sum = m.take<double>(threads * width);
    return values && flowing && blocks && bias && bias_sum;
  }

  long count() const { return up(width, tall); }

  void clear_bias(int thread) {
    for (long i = thread * width; i < (thread + 1) * width; ++i) bias[i] = 0, bias_sum[i] = 0;
  }

  void collect_bias(int thread) {
    for (long i = thread * width; i < (thread + 1) * width; ++i) bias_sum[i] += bias[i], bias[i] = 0;
  }

  // Adds a chunk: index[e] says which row of `values` belongs to entry e.
  void add(const long* index, long entries, bool first, const Team& team) {
    const Range mine = share(count(), team.index, team.size);
    const long steps = words<Number>(entries);
    const float* columns[tall];
    for (long b = mine.begin; b < mine.end; ++b) pack_block(b, index, entries);
    for (int o = 0; o < outers; ++o)
      for (long p = 0; p < outer[o].factors->panels; ++p)  // a panel stays in the second cache for all blocks
        for (long b = mine.begin; b < mine.end; ++b)
          product<Number, 4>(static_cast<int>(least(tall, width - b * tall)), block(b, steps, columns), steps,
                             outer[o].factors->packed + p * steps * wide,
                             outer[o].sums + (b * outer[o].factors->panels + p) * tall * wide, wide,
                             first ? Start::zero : Start::out);
  }

  // A packed block as a left operand; tiles read it column by column.
  UNSPOOL_INLINE auto block(long b, long steps, const float** columns) const {
    const float* packed = blocks + b * steps * tall;
    if constexpr (Number::tiled) {
      for (int i = 0; i < tall; ++i) columns[i] = packed + i * steps;
      return Pointers{columns};
    } else {
      (void)columns;
      return Packed{packed};
    }
  }

  void pack_block(long b, const long* index, long entries) {
    const long rows = least(tall, width - b * tall);
    float* out = blocks + b * words<Number>(entries) * tall;
    if constexpr (Number::tiled) {
      const long steps = words<Number>(entries);
      for (long k = 0; k < steps; k += lanes) {
        vec square[lanes];
        for (long j = 0; j < lanes; ++j) square[j] = coupled(b, index, 2 * (k + j), entries);
        transpose(square);
        for (long i = 0; i < rows; ++i) store_part(out + i * steps + k, square[i], static_cast<int>(least(lanes, steps - k)));
      }
    } else if constexpr (Number::per_word == 1) {
      for (long e = 0; e < entries; ++e)
        memcpy(out + e * rows, values + index[e] * width + b * tall, sizeof(float) * rows);
    } else {
      for (long e = 0; e < entries; e += 2, out += rows)
        store_part(out, coupled(b, index, e, entries), static_cast<int>(rows));
    }
  }

  // A block's columns of two entries as words, 0 behind the last.
  UNSPOOL_INLINE vec coupled(long b, const long* index, long e, long entries) const {
    vec pair[2];
    for (int j = 0; j < 2; ++j)
      pair[j] = e + j < entries ? load_part(values + index[e + j] * width + b * tall,
                                            static_cast<int>(least(tall, width - b * tall)))
                                : vec{};
    return Number::couple(pair[0], pair[1]);
  }

  // Writes the finished sums of this thread's blocks, zeros where there was no chunk at all.
  void finish(bool any, const Team& team) {
    const Range mine = share(count(), team.index, team.size);
    for (int o = 0; o < outers; ++o) {
      const Factors<Number>& f = *outer[o].factors;
      for (long i = mine.begin * tall; i < least(mine.end * tall, width); ++i) {
        const long row = gates.row(i);
        if (row < 0) continue;
        for (long p = 0; p < f.panels; ++p) {
          const float* from = outer[o].sums + ((i / tall * f.panels + p) * tall + i % tall) * wide;
          for (long n = 0; n < least(wide, f.size - p * wide); ++n)
            outer[o].gradient[row * f.size + p * wide + n] = any ? from[n] : 0;
        }
      }
    }
  }

  void finish_bias(float* gradient, int threads) const {
    for (long i = 0; i < width && gradient; ++i) {
      if (gates.row(i) < 0) continue;
      double sum = 0;
      for (int t = 0; t < threads; ++t) sum += bias_sum[t * width + i];
      gradient[gates.row(i)] = static_cast<float>(sum);
    }
  }
};

}  // namespace unspool::UNSPOOL_ISA
