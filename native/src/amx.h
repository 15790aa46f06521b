// The inner loop in the processor's tiles (AMX): 16 rows of 16 words times 16 words of 16 columns in one instruction.
#pragma once

#include "numbers.h"

namespace unspool::UNSPOOL_ISA {

// Left operands: rows wherever they are in memory.
struct Pointers {
  const float* const* row;
  long begin = 0;
  Pointers from(long k, int) const { return {row, begin + k}; }
};

// What is added to the sums: nothing, a row that is the same for all (a bias), or what `out` holds.
enum class Start { zero, row, out };

// Holds the tiles of a thread while it lives.
template <class Number>
struct Tiles {
  Tiles() {}
};

// out[i][v] = start + sum_k left[i][k] panel[k][v], as tile() has it; depth counts the words.
template <int Vectors>
void tiled_product(int rows, Pointers left, long depth, const float* panel, float* out, long stride, Start start,
                   const float* first);

#if defined(__AMX_BF16__)

// The instructions of tiles read memory, which not every compiler's header tells it: what was stored before is there.
inline void stored() { asm volatile("" ::: "memory"); }

// The shapes of the tiles in use. 0 to 3 are sums, 4 and 5 the left and the right operand, 6 and 7 the same where the
// depth ends, with fewer words.
struct TileShapes {
  alignas(64) uint8_t bytes[64];
  int rows, rest;

  void forget() { rows = rest = 0; }

  void need(int some_rows, int some_rest) {
    if (some_rows == rows && (some_rest == rest || some_rest == 0)) return;
    rows = some_rows, rest = some_rest > 0 ? some_rest : lanes;
    memset(bytes, 0, sizeof bytes);
    bytes[0] = 1;  // palette
    for (int t = 0; t < 8; ++t) {
      const bool left = t == 4 || t == 6, right = t == 5 || t == 7;
      const int words = t == 6 ? rest : lanes, deep = t == 7 ? rest : lanes;
      bytes[16 + 2 * t] = static_cast<uint8_t>(4 * (left ? words : lanes));
      bytes[48 + t] = static_cast<uint8_t>(right ? deep : rows);
    }
    stored();
    _tile_loadconfig(bytes);
  }
};

inline thread_local TileShapes shapes;

template <>
struct Tiles<Tiled> {
  Tiles() { shapes.forget(); }  // others may have used them since
  ~Tiles() { _tile_release(), shapes.forget(); }
};

// Rows that lie in memory as far from each other: the first, and the words to the next; else a copy of 16 words of each.
struct EvenRows {
  const float* first;
  long stride;
  bool even;

  EvenRows(Pointers left, int rows) : first(left.row[0] + left.begin), stride(lanes), even(true) {
    if (rows > 1) stride = left.row[1] - left.row[0];
    for (int i = 2; i < rows; ++i) even &= left.row[i] - left.row[i - 1] == stride;
    even &= stride >= 0;
  }
};

// The instructions have the numbers of their tiles in their text, where no loop can set them. A left tile times a right
// one of each vector, added to its sums.
#define UNSPOOL_ADD_TILE(sum, left, right)            \
  if constexpr (Vectors > sum) {                      \
    _tile_loadd(right, panel + sum * lanes, down);    \
    _tile_dpbf16ps(sum, left, right);                 \
  }
#define UNSPOOL_ADD_TILES(left, right)                \
  _tile_loadd(left, from, apart);                     \
  UNSPOOL_ADD_TILE(0, left, right)                    \
  UNSPOOL_ADD_TILE(1, left, right)                    \
  UNSPOOL_ADD_TILE(2, left, right)                    \
  UNSPOOL_ADD_TILE(3, left, right)

template <int Vectors>
void tiled_product(int rows, Pointers left, long depth, const float* panel, float* out, long stride, Start start,
                   const float* first) {
  static_assert(Vectors >= 1 && Vectors <= 4 && lanes == 16);
  const int rest = static_cast<int>(depth % lanes);
  shapes.need(rows, rest);
  if (start == Start::row)
    for (int i = 0; i < rows; ++i)
      for (int v = 0; v < Vectors; ++v) store(out + i * stride + v * lanes, load(first + v * lanes));
  stored();
  const long across = stride * static_cast<long>(sizeof(float));
  if (start == Start::zero) {
    _tile_zero(0);
    if constexpr (Vectors > 1) _tile_zero(1);
    if constexpr (Vectors > 2) _tile_zero(2);
    if constexpr (Vectors > 3) _tile_zero(3);
  } else {
    _tile_loadd(0, out, across);
    if constexpr (Vectors > 1) _tile_loadd(1, out + lanes, across);
    if constexpr (Vectors > 2) _tile_loadd(2, out + 2 * lanes, across);
    if constexpr (Vectors > 3) _tile_loadd(3, out + 3 * lanes, across);
  }
  const EvenRows source(left, rows);
  float copy[16 * lanes];
  constexpr long down = Vectors * lanes * static_cast<long>(sizeof(float));
  for (long k = 0; k < depth; k += lanes, panel += lanes * Vectors * lanes) {
    const float* from = source.first + k;
    long apart = source.stride * static_cast<long>(sizeof(float));
    const bool whole = k + lanes <= depth;
    if (!source.even) {
      for (int i = 0; i < rows; ++i)
        store(copy + i * lanes, load_part(left.row[i] + left.begin + k, whole ? lanes : rest));
      stored();
      from = copy, apart = lanes * sizeof(float);
    }
    if (whole) {
      UNSPOOL_ADD_TILES(4, 5)
    } else {
      UNSPOOL_ADD_TILES(6, 7)
    }
  }
  _tile_stored(0, out, across);
  if constexpr (Vectors > 1) _tile_stored(1, out + lanes, across);
  if constexpr (Vectors > 2) _tile_stored(2, out + 2 * lanes, across);
  if constexpr (Vectors > 3) _tile_stored(3, out + 3 * lanes, across);
}

#undef UNSPOOL_ADD_TILES
#undef UNSPOOL_ADD_TILE

#endif

}  // namespace unspool::UNSPOOL_ISA
