// The one inner loop: a few rows times a panel of a packed matrix, all sums in registers.
#pragma once

#include "amx.h"
#include "numbers.h"

namespace unspool::UNSPOOL_ISA {

// Rows of a tile whose sums fit into the registers beside the panel's vectors and one broadcast: 32 registers with
// AVX-512, 16 otherwise. Those that are tiles have 16 rows.
template <int Vectors, class Number = Single>
constexpr int tile_rows = Number::tiled ? 16 : (lanes == 16 ? 24 : 12) / Vectors;

struct Packed {
  const float* block;
  Packed from(long k, int rows) const { return {block + k * rows}; }
};

template <int Rows, class Left>
struct Reader;
template <int Rows>
struct Reader<Rows, Pointers> {
  const float* row[Rows];
  UNSPOOL_INLINE explicit Reader(Pointers left) {
    for (int i = 0; i < Rows; ++i) row[i] = left.row[i] + left.begin;
  }
  UNSPOOL_INLINE vec at(int i, long k) const { return all(row[i][k]); }
};
template <int Rows>
struct Reader<Rows, Packed> {
  const float* block;
  UNSPOOL_INLINE explicit Reader(Packed left) : block(left.block) {}
  UNSPOOL_INLINE vec at(int i, long k) const { return all(block[k * Rows + i]); }
};

// out[i][v] = start + sum_k left[i][k] panel[k][v], panel [depth][Vectors * lanes], rows of out `stride` apart. With pairs
// for numbers, depth counts the words.
template <class Number, int Rows, int Vectors, class Left>
UNSPOOL_INLINE void tile(Left left, long depth, const float* panel, float* out, long stride, Start start,
                         const float* first) {
  constexpr int chains = Rows * Vectors < 8 ? 2 : 1;  // too few sums would wait for each other's additions
  const Reader<Rows, Left> rows(left);
  vec sum[chains][Rows][Vectors];
#pragma GCC unroll 8
  for (int i = 0; i < Rows; ++i)
#pragma GCC unroll 4
    for (int v = 0; v < Vectors; ++v) {
      sum[0][i][v] = vec{};
      sum[chains - 1][i][v] = vec{};
    }
  long k = 0;
  for (; k + chains <= depth; k += chains) {
#pragma GCC unroll 2
    for (int c = 0; c < chains; ++c) {
      vec right[Vectors];
#pragma GCC unroll 4
      for (int v = 0; v < Vectors; ++v) right[v] = load(panel + (k + c) * Vectors * lanes + v * lanes);
#pragma GCC unroll 8
      for (int i = 0; i < Rows; ++i) {
        const vec a = rows.at(i, k + c);
#pragma GCC unroll 4
        for (int v = 0; v < Vectors; ++v) sum[c][i][v] = Number::multiply_add(sum[c][i][v], a, right[v]);
      }
    }
  }
  for (; k < depth; ++k)
    for (int i = 0; i < Rows; ++i)
      for (int v = 0; v < Vectors; ++v)
        sum[0][i][v] = Number::multiply_add(sum[0][i][v], rows.at(i, k), load(panel + k * Vectors * lanes + v * lanes));
#pragma GCC unroll 8
  for (int i = 0; i < Rows; ++i)
#pragma GCC unroll 4
    for (int v = 0; v < Vectors; ++v) {
      vec total = chains > 1 ? sum[0][i][v] + sum[chains - 1][i][v] : sum[0][i][v];
      if (start == Start::row) total += load(first + v * lanes);
      if (start == Start::out) total += load(out + i * stride + v * lanes);
      store(out + i * stride + v * lanes, total);
    }
}

// The same for a number of rows that is known at run time only, at most tile_rows<Vectors, Number>.
template <class Number, int Vectors, int Rows = tile_rows<Vectors, Number>, class Left>
inline void some_product(int rows, Left left, long depth, const float* panel, float* out, long stride, Start start,
                         const float* first) {
  if constexpr (Rows > 1)
    if (rows < Rows) return some_product<Number, Vectors, Rows - 1>(rows, left, depth, panel, out, stride, start, first);
  tile<Number, Rows, Vectors>(left, depth, panel, out, stride, start, first);
}

// The same in pieces of some hundred products, whose sums are then added: a float32 that takes up a thousand products one by
// one loses digits.
template <class Number, int Vectors, class Left>
inline void product(int rows, Left left, long depth, const float* panel, float* out, long stride, Start start,
                    const float* first = nullptr) {
  constexpr long piece = 192;
  if constexpr (Number::tiled) {
    tiled_product<Vectors>(rows, left, depth, panel, out, stride, start, first);
  } else {
    if (!first) first = out;
    for (long k = 0; k < depth || k == 0; k += piece) {
      const long some = depth - k < piece ? depth - k : piece;
      some_product<Number, Vectors>(rows, left.from(k, rows), some, panel + k * Vectors * lanes, out, stride,
                                    k == 0 ? start : Start::out, first);
    }
  }
}

// How many rows the next tile takes of those that are left: as equal as can be, never 6, 6, 6 and then 1.
template <int Vectors, class Number = Single>
inline int next_rows(int left) {
  constexpr int most = tile_rows<Vectors, Number>;
  const int tiles = (left + most - 1) / most;
  return (left + tiles - 1) / tiles;
}

}  // namespace unspool::UNSPOOL_ISA
