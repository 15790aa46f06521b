// Matrices that are used again and again: packed once, multiplied with a few vectors at a time.
//
// Elements are float32, bfloat16 or bytes, 1, 2 or 4 to a 32-bit word; the words lie as [panels][words][columns]. Every
// sum is one chain of additions in the order of the columns, so that a vector's product is the same, bit by bit,
// however many vectors are multiplied beside it.
#pragma once

#include "kernels.h"
#include "tile.h"
#if defined(__AVX512BW__)
#include <immintrin.h>
#endif

namespace unspool::UNSPOOL_ISA {

typedef ivec loose_ivec __attribute__((aligned(4), may_alias));

struct Matrix {
  int format;         // unspool_weights
  bool dot;           // the processor multiplies bytes by itself
  long depth, words;  // columns of the given matrix, and the words that a row of it fills
  long panels;
  int vectors;        // of a panel
  uint32_t* data;
  float* scale;       // [panels][columns], of bytes
  int32_t* sum;       // [panels][columns], of the bytes of a row

  int per() const { return format == UNSPOOL_FLOAT32 ? 1 : format == UNSPOOL_BFLOAT16 ? 2 : 4; }
  int columns() const { return vectors * lanes; }
  // Vectors times panels whose sums fit into the registers; bytes have two sums each.
  int most() const { return ((lanes == 16 ? 24 : 12) >> (dot ? 1 : 0)) / vectors; }

  // Row i of the product is row `row_of(i)` of the weights, rows `stride` apart; 0 where that is negative.
  template <class Row>
  bool pack(const float* weight, long stride, Row row_of, Memory m) {
    words = (depth + per() - 1) / per();
    data = m.take<uint32_t>(panels * words * columns());
    scale = m.take<float>(panels * columns());
    sum = m.take<int32_t>(panels * columns());
    if (!data || !scale || !sum) return false;
    for (long i = 0; i < panels * columns(); ++i) {
      const long row = row_of(i);
      pack_row_of_words(i, row < 0 ? nullptr : weight + row * stride);
    }
    return true;
  }

 private:
  void pack_row_of_words(long i, const float* row) {
    uint32_t* out = data + i / columns() * words * columns() + i % columns();
    scale[i] = 1, sum[i] = 0;
    if (format == UNSPOOL_INT8) scale[i] = row ? byte_scale(row) : 0;
    const float inverse = scale[i] > 0 && scale[i] < 3e38f ? 1 / scale[i] : 0;
    for (long w = 0; w < words; ++w) {
      uint32_t word = 0;
      for (int j = 0; j < per() && row; ++j) {
        const long k = w * per() + j;
        if (k >= depth) break;
        if (format == UNSPOOL_FLOAT32) memcpy(&word, row + k, sizeof word);
        if (format == UNSPOOL_BFLOAT16) word |= rounded(row[k]) << 16 * j;
        if (format == UNSPOOL_INT8) {
          const int32_t byte = inverse > 0 ? static_cast<int32_t>(__builtin_rintf(row[k] * inverse)) : 0;
          sum[i] += byte;
          word |= (static_cast<uint32_t>(byte) & 255) << 8 * j;
        }
      }
      out[w * columns()] = word;
    }
  }

  // The largest element is 127; not finite where an element is not.
  float byte_scale(const float* row) const {
    float largest = 0, poison = 0;
    for (long k = 0; k < depth; ++k) {
      const float size = row[k] < 0 ? -row[k] : row[k];
      if (size > largest) largest = size;
      poison += row[k] * 0;
    }
    return largest / 127 + poison;
  }

  // To the nearest bfloat16, of two the even one; NaN stays.
  static uint32_t rounded(float x) {
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    if (x != x) return bits >> 16 | 0x40;
    return (bits + 0x7fff + (bits >> 16 & 1)) >> 16;
  }
};

// A vector to be multiplied. With byte weights value = scale * (256 * (high - 128) + low): sixteen bits in two bytes,
// whose error vanishes beside that of the weights.
struct Left {
  const float* value;
  const uint8_t *high, *low;  // [4 * words]
  float scale;
};

// Room for both bytes of a vector.
UNSPOOL_INLINE long split_size(long depth) { return 2 * ((depth + lanes - 1) / lanes * lanes); }

inline Left split(const float* value, long depth, uint8_t* room) {
  typedef uint8_t bytes __attribute__((vector_size(lanes)));
  vec largest = {}, poison = {};
  for (long k = 0; k < depth; k += lanes) {
    const vec x = load_part(value + k, depth - k < lanes ? static_cast<int>(depth - k) : lanes);
    const vec size = x < 0.0f ? -x : x;
    largest = size > largest ? size : largest;
    poison += x * 0.0f;
  }
  float most = 0;
  for (int i = 0; i < lanes; ++i) most = (largest[i] > most ? largest[i] : most) + poison[i];
  const Left left = {value, room, room + split_size(depth) / 2, most / 32767};
  const float inverse = most > 0 ? 32767 / most : 0;
  for (long k = 0; k < depth; k += lanes) {
    const vec x = load_part(value + k, depth - k < lanes ? static_cast<int>(depth - k) : lanes);
    const float shift = 12582912.0f;  // 1.5 * 2^23: adding it leaves the nearest integer in the low bits
    const ivec whole = (ivec)(x * inverse + shift) - 0x4b400000 + 32768;
    const bytes high = __builtin_convertvector(whole >> 8, bytes), low = __builtin_convertvector(whole & 255, bytes);
    memcpy(const_cast<uint8_t*>(left.high) + k, &high, lanes);
    memcpy(const_cast<uint8_t*>(left.low) + k, &low, lanes);
  }
  return left;
}

// How the elements of a word become floats.
struct Floats {
  static constexpr int per = 1;
  static UNSPOOL_INLINE vec element(ivec word, int) { return (vec)word; }
};
struct Halves {
  static constexpr int per = 2;
  static UNSPOOL_INLINE vec element(ivec word, int j) { return (vec)(j == 0 ? word << 16 : word & -65536); }
};
struct Bytes {
  static constexpr int per = 4;
  static UNSPOOL_INLINE vec element(ivec word, int j) {
    return __builtin_convertvector((word << (24 - 8 * j)) >> 24, vec);
  }
};

// out[i][p][v] += sum_k left[i][k] * panel[p][k][v]
template <class Format, int Rows, int Panels, int Vectors>
inline void words_tile(const Matrix& m, const Left* left, long panel, float* out) {
  const uint32_t* right[Panels];
  const float* x[Rows];
  for (int p = 0; p < Panels; ++p) right[p] = m.data + (panel + p) * m.words * Vectors * lanes;
  for (int i = 0; i < Rows; ++i) x[i] = left[i].value;
  vec sum[Rows][Panels][Vectors] = {};
  for (long w = 0; w < m.words; ++w)
#pragma GCC unroll 4
    for (int j = 0; j < Format::per; ++j) {
      vec a[Rows];
#pragma GCC unroll 8
      for (int i = 0; i < Rows; ++i) a[i] = all(x[i][w * Format::per + j]);
#pragma GCC unroll 8
      for (int p = 0; p < Panels; ++p)
#pragma GCC unroll 4
        for (int v = 0; v < Vectors; ++v) {
          const ivec word = *reinterpret_cast<const loose_ivec*>(right[p] + (w * Vectors + v) * lanes);
          const vec b = Format::element(word, j);
#pragma GCC unroll 8
          for (int i = 0; i < Rows; ++i) sum[i][p][v] += a[i] * b;
        }
    }
  const float* scale = m.scale + panel * Vectors * lanes;
  for (int i = 0; i < Rows; ++i)
    for (int p = 0; p < Panels; ++p)
      for (int v = 0; v < Vectors; ++v) {
        float* to = out + ((i * Panels + p) * Vectors + v) * lanes;
        store(to, load(to) + sum[i][p][v] * load(scale + (p * Vectors + v) * lanes));
      }
}

#if defined(__AVX512BW__)
// The same with bytes on both sides, four products and their sum in one instruction.
template <int Rows, int Panels, int Vectors>
__attribute__((target("avx512vnni"))) inline void dot_tile(const Matrix& m, const Left* left, long panel, float* out) {
  ivec high[Rows][Panels][Vectors] = {}, low[Rows][Panels][Vectors] = {};
  const uint32_t* right[Panels];
  for (int p = 0; p < Panels; ++p) right[p] = m.data + (panel + p) * m.words * Vectors * lanes;
  for (long w = 0; w < m.words; ++w) {
    ivec a[Rows], b[Rows];
#pragma GCC unroll 8
    for (int i = 0; i < Rows; ++i) {
      int32_t four[2];
      memcpy(&four[0], left[i].high + 4 * w, 4);
      memcpy(&four[1], left[i].low + 4 * w, 4);
      a[i] = ivec{} + four[0], b[i] = ivec{} + four[1];
    }
#pragma GCC unroll 8
    for (int p = 0; p < Panels; ++p)
#pragma GCC unroll 4
      for (int v = 0; v < Vectors; ++v) {
        const ivec word = *reinterpret_cast<const loose_ivec*>(right[p] + (w * Vectors + v) * lanes);
#pragma GCC unroll 8
        for (int i = 0; i < Rows; ++i) {
          high[i][p][v] = (ivec)_mm512_dpbusd_epi32((__m512i)high[i][p][v], (__m512i)a[i], (__m512i)word);
          low[i][p][v] = (ivec)_mm512_dpbusd_epi32((__m512i)low[i][p][v], (__m512i)b[i], (__m512i)word);
        }
      }
  }
  for (int i = 0; i < Rows; ++i)
    for (int p = 0; p < Panels; ++p)
      for (int v = 0; v < Vectors; ++v) {
        const long at = ((panel + p) * Vectors + v) * lanes;
        const ivec sum = *reinterpret_cast<const loose_ivec*>(m.sum + at);
        const vec upper = __builtin_convertvector(high[i][p][v] - sum * 128, vec);
        const vec lower = __builtin_convertvector(low[i][p][v], vec);
        float* to = out + ((i * Panels + p) * Vectors + v) * lanes;
        store(to, load(to) + (upper * 256.0f + lower) * (load(m.scale + at) * left[i].scale));
      }
}
#endif

enum class Way { floats, halves, bytes, dot };

template <Way W, int Rows, int Panels, int Vectors>
inline void matrix_tile(const Matrix& m, const Left* left, long panel, float* out) {
#if defined(__AVX512BW__)
  if constexpr (W == Way::dot) return dot_tile<Rows, Panels, Vectors>(m, left, panel, out);
#endif
  if constexpr (W == Way::floats) words_tile<Floats, Rows, Panels, Vectors>(m, left, panel, out);
  if constexpr (W == Way::halves) words_tile<Halves, Rows, Panels, Vectors>(m, left, panel, out);
  if constexpr (W == Way::bytes) words_tile<Bytes, Rows, Panels, Vectors>(m, left, panel, out);
}

// For numbers of vectors and panels that are known at run time only: one of the two is 1, and both at most m.most().
template <Way W, int Vectors, int Rows = (lanes == 16 ? 24 : 12) / (W == Way::dot ? 2 : 1) / Vectors>
inline void choose_tile(const Matrix& m, const Left* left, int rows, long panel, int panels, float* out) {
  if constexpr (Rows > 1) {
    if (rows == 1 && panels == Rows) return matrix_tile<W, 1, Rows, Vectors>(m, left, panel, out);
    if (rows < Rows) return choose_tile<W, Vectors, Rows - 1>(m, left, rows, panel, panels, out);
  }
  matrix_tile<W, Rows, 1, Vectors>(m, left, panel, out);
}

// out [rows][panels][columns] += vectors times panels.
template <int Vectors>
inline void multiply(const Matrix& m, const Left* left, int rows, long panel, int panels, float* out) {
  if (m.format == UNSPOOL_FLOAT32) return choose_tile<Way::floats, Vectors>(m, left, rows, panel, panels, out);
  if (m.format == UNSPOOL_BFLOAT16) return choose_tile<Way::halves, Vectors>(m, left, rows, panel, panels, out);
#if defined(__AVX512BW__)
  if (m.dot) return choose_tile<Way::dot, Vectors>(m, left, rows, panel, panels, out);
#endif
  choose_tile<Way::bytes, Vectors>(m, left, rows, panel, panels, out);
}

}  // namespace unspool::UNSPOOL_ISA
