// Gradients of weights: sums over all steps and sequences of delta times what the weight multiplied.
//
// The steps come in chunks that are still in the cache. Left operand: the deltas, in blocks of as many columns as a tile
// has rows. Right operand: the rows that were multiplied (inputs or states), in wide panels.
#pragma once

#include "layout.h"

namespace unspool::UNSPOOL_ISA {

constexpr int tall = tile_rows<4>;  // columns of a block of deltas

// The right operand: rows of `size` floats each.
struct Factors {
  long size, panels;
  float* packed;  // [panels][entries][wide]

  bool lay(long columns, long most, Memory m) {
    size = columns, panels = up(columns, wide);
    packed = m.take<float>(panels * most * wide);
    return packed != nullptr;
  }

  // rows[e] is entry e of `entries`; the caller's part of them is packed.
  void pack(const float* const* rows, long entries, Range mine) {
    for (long p = 0; p < panels; ++p)
      for (long e = mine.begin; e < mine.end; ++e)
        pack_row(packed + (p * entries + e) * wide, rows[e] + p * wide, size - p * wide);
  }
};

// One sum of outer products, sum_e delta[e] factor[e]^T, kept in tiles [blocks][panels][tall][wide].
struct Outer {
  const Factors* factors;
  float* sums;
  float* gradient;  // the weight's gradient, [G*H][factors->size]

  bool lay(const Factors* f, float* out, Gates gates, Memory m) {
    factors = f, gradient = out;
    sums = m.take<float>(up(gates.width(), tall) * f->panels * tall * wide);
    return sums != nullptr;
  }
};

// The deltas of some gates over a chunk, and the sums that they enter: with the inputs, with the states, or both.
struct Deltas {
  Gates gates;
  long width;
  float* values;  // [slots][B][width], by slot and position
  float* blocks;  // [up(width, tall)][entries][tall], packed for the product
  float* bias;    // [threads][width], each thread its own sum
  Outer outer[2];
  int outers;

  bool lay(Gates g, long rows, long most, int threads, Memory m) {
    gates = g, width = g.width(), outers = 0;
    values = m.take<float>(rows * width);
    blocks = m.take<float>(up(width, tall) * most * tall);
    bias = m.take<float>(threads * width);
    return values && blocks && bias;
  }

  long count() const { return up(width, tall); }

  void clear_bias(int thread) {
    for (long i = 0; i < width; ++i) bias[thread * width + i] = 0;
  }

  // Adds a chunk: index[e] says which row of `values` belongs to entry e.
  void add(const long* index, long entries, bool first, const Team& team) {
    const Range mine = share(count(), team.index, team.size);
    for (long b = mine.begin; b < mine.end; ++b) {
      const long rows = least(tall, width - b * tall);
      float* out = blocks + b * entries * tall;
      for (long e = 0; e < entries; ++e)
        memcpy(out + e * rows, values + index[e] * width + b * tall, sizeof(float) * rows);
    }
    for (int o = 0; o < outers; ++o)
      for (long p = 0; p < outer[o].factors->panels; ++p)  // a panel stays in the second cache for all blocks
        for (long b = mine.begin; b < mine.end; ++b)
          product<4>(static_cast<int>(least(tall, width - b * tall)), Packed{blocks + b * entries * tall}, entries,
                     outer[o].factors->packed + p * entries * wide,
                     outer[o].sums + (b * outer[o].factors->panels + p) * tall * wide, wide,
                     first ? Start::zero : Start::out);
  }

  // Writes the finished sums of this thread's blocks, zeros where there was no chunk at all.
  void finish(bool any, const Team& team) {
    const Range mine = share(count(), team.index, team.size);
    for (int o = 0; o < outers; ++o) {
      const Factors& f = *outer[o].factors;
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
      float sum = 0;
      for (int t = 0; t < threads; ++t) sum += bias[t * width + i];
      gradient[gates.row(i)] = sum;
    }
  }
};

}  // namespace unspool::UNSPOOL_ISA
