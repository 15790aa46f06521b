// How a call lies in memory: which thread has which sequences and units, and matrices packed into panels.
#pragma once

#include "kernels.h"
#include "tile.h"

namespace unspool::UNSPOOL_ISA {

constexpr int wide = 4 * lanes;  // columns of the panels that are not cut into gates

UNSPOOL_INLINE long up(long n, long unit) { return (n + unit - 1) / unit; }
UNSPOOL_INLINE long least(long a, long b) { return a < b ? a : b; }

struct Range {
  long begin, end;
};

// Part `index` of `parts` nearly equal ones of 0 ... count - 1.
UNSPOOL_INLINE Range share(long count, int index, int parts) {
  return {count * index / parts, count * (index + 1) / parts};
}

// The sequences in the order in which they are computed. With unequal lengths the longest come first, dealt in turn to
// the blocks, so that those alive at a step are the first ones of each block, and all blocks have as many.
struct Order {
  const unspool_layer* layer;
  long* row;     // [B] position -> sequence
  long* length;  // [B] by position
  long* start;   // [blocks + 1] first position of each block
  long longest;

  bool lay(const unspool_layer& l, int blocks, Memory memory) {
    layer = &l;
    const long batch = l.batch;
    row = memory.take<long>(batch);
    length = memory.take<long>(batch);
    start = memory.take<long>(blocks + 1);
    long* sorted = memory.take<long>(batch);
    long* seat = memory.take<long>(l.steps + 2);
    if (!row || !length || !start || !sorted || !seat) return false;
    for (int b = 0; b <= blocks; ++b) start[b] = batch * b / blocks;
    if (!l.lengths) {
      for (long i = 0; i < batch; ++i) row[i] = i, length[i] = l.steps;
      longest = l.steps;
      return true;
    }
    // counting sort, by falling length
    for (long n = 0; n <= l.steps + 1; ++n) seat[n] = 0;
    for (long i = 0; i < batch; ++i) ++seat[l.steps - l.lengths[i] + 1];
    for (long n = 0; n <= l.steps; ++n) seat[n + 1] += seat[n];
    for (long i = 0; i < batch; ++i) sorted[seat[l.steps - l.lengths[i]]++] = i;
    long taken = 0;
    for (long turn = 0; taken < batch; ++turn)
      for (int b = 0; b < blocks; ++b)
        if (start[b] + turn < start[b + 1]) row[start[b] + turn] = sorted[taken++];
    for (long i = 0; i < batch; ++i) length[i] = l.lengths[row[i]];
    longest = batch ? l.lengths[sorted[0]] : 0;
    return true;
  }

  // How many sequences of a block are alive at a step.
  long alive(int block, long step) const {
    long low = start[block], high = start[block + 1];
    while (low < high) {
      const long middle = (low + high) / 2;
      if (length[middle] > step) low = middle + 1;
      else high = middle;
    }
    return low - start[block];
  }

  // Where a sequence's step lies in arrays [T, B, ...], in rows.
  long place(long position, long step) const {
    const long t = layer->reverse ? length[position] - 1 - step : step;
    return t * layer->batch + row[position];
  }
};

// How the threads share the work. By sequences: none waits for another. By units, where there are few sequences: all
// meet after each product, but each reads its own part of the weights only, which may then stay in its cache. No thread
// is left over.
struct Split {
  int blocks, units;

  static Split of(const unspool_layer& l, int threads) {
    if (threads <= 1) return {1, 1};
    if (l.batch >= 12L * threads) return {threads, 1};
    if (l.hidden >= 1L * wide * threads) return {1, threads};
    return {static_cast<int>(least(l.batch, threads)), 1};
  }
};

// A square of vectors on its side: swaps its blocks off the diagonal, at every scale.
UNSPOOL_INLINE void transpose(vec (&square)[lanes]) {
#pragma GCC unroll 4
  for (int half = lanes / 2; half > 0; half /= 2) {
    ivec low, high;
    for (int e = 0; e < lanes; ++e) {
      low[e] = e & half ? lanes + e - half : e;
      high[e] = e & half ? lanes + e : e + half;
    }
#pragma GCC unroll 16
    for (int i = 0; i < lanes; ++i) {
      if (i & half) continue;
      const vec a = square[i], b = square[i + half];
      square[i] = __builtin_shuffle(a, b, low);
      square[i + half] = __builtin_shuffle(a, b, high);
    }
  }
}

// out [depth][columns]: column c is the row at rows[c], depth floats of it; NULL gives zeros.
inline void pack_columns(float* out, long depth, int columns, const float* const* rows) {
  for (int c = 0; c < columns; c += lanes) {
    bool whole = true;
    for (int i = 0; i < lanes; ++i) whole &= rows[c + i] != nullptr;
    long k = 0;
    for (; whole && k + lanes <= depth; k += lanes) {
      vec square[lanes];
#pragma GCC unroll 16
      for (int i = 0; i < lanes; ++i) square[i] = load(rows[c + i] + k);
      transpose(square);
#pragma GCC unroll 16
      for (int i = 0; i < lanes; ++i) store(out + (k + i) * columns + c, square[i]);
    }
    for (; k < depth; ++k)
      for (int i = 0; i < lanes; ++i) out[k * columns + c + i] = rows[c + i] ? rows[c + i][k] : 0;
  }
}

// One row of a wide panel: n floats of it, then zeros; NULL gives zeros.
inline void pack_row(float* out, const float* row, long n) {
  n = row ? least(n, wide) : 0;
  if (n == wide) {
    for (int v = 0; v < 4; ++v) store(out + v * lanes, load(row + v * lanes));
    return;
  }
  for (long i = 0; i < wide; ++i) out[i] = i < n ? row[i] : 0;
}

// The gates `first` ... `first + count - 1` of a layer's weights, unit groups side by side.
struct Gates {
  int first, count;
  long hidden;

  long groups() const { return up(hidden, lanes); }
  long width() const { return groups() * count * lanes; }
  // The weight row of column i of [groups][count][lanes], -1 beyond the last unit.
  long row(long i) const {
    const long unit = i / (count * lanes) * lanes + i % lanes;
    return unit < hidden ? (first + i / lanes % count) * hidden + unit : -1;
  }
};

// Weights as a right operand for sums of gates: panels [depth][panel_groups * count * lanes].
inline void pack_gates(float* out, const float* weight, long depth, Gates gates, int panel_groups, Range panels) {
  const int columns = panel_groups * gates.count * lanes;
  const float* rows[wide];
  for (long p = panels.begin; p < panels.end; ++p) {
    for (int c = 0; c < columns; ++c) {
      const long i = p * columns + c, row = i < gates.width() ? gates.row(i) : -1;
      rows[c] = row < 0 ? nullptr : weight + row * depth;
    }
    pack_columns(out + p * depth * columns, depth, columns, rows);
  }
}

// `per_word` rows as one, at row[0], row[1].
template <class Number>
inline void pack_rows(float* out, const float* const* row, long n) {
  pack_row(out, row[0], n);
  if constexpr (Number::per_word == 2) {
    float second[wide];
    pack_row(second, row[1], n);
    for (int v = 0; v < 4; ++v) store(out + v * lanes, Number::couple(load(out + v * lanes), load(second + v * lanes)));
  }
}

// Weights as a right operand for what flows back: panels [words of gates.width()][wide] of `columns` columns, rows of
// the weights `stride` apart.
template <class Number>
inline void pack_transposed(float* out, const float* weight, long stride, long columns, Gates gates, Range panels) {
  const long depth = words<Number>(gates.width());
  for (long p = panels.begin; p < panels.end; ++p)
    for (long k = 0; k < depth; ++k) {
      const float* rows[Number::per_word];
      for (int j = 0; j < Number::per_word; ++j) {
        const long row = gates.row(k * Number::per_word + j);
        rows[j] = row < 0 ? nullptr : weight + row * stride + p * wide;
      }
      pack_rows<Number>(out + (p * depth + k) * wide, rows, columns - p * wide);
    }
}

}  // namespace unspool::UNSPOOL_ISA
