// What products multiply: float32, or pairs of bfloat16 summed in float32, a pair to a 32-bit word. The latter also in
// the processor's tiles, where it has them (AMX).
#pragma once

#include "vector.h"
#if defined(__AVX512BF16__)
#include <immintrin.h>
#endif

namespace unspool::UNSPOOL_ISA {

struct Single {
  static constexpr int per_word = 1;
  static constexpr bool tiled = false;
  static UNSPOOL_INLINE vec multiply_add(vec sum, vec a, vec b) { return sum + a * b; }
};

#if defined(__AVX512BF16__)

// The words travel as floats that nobody looks at.
struct Brain {
  static constexpr int per_word = 2;
  static constexpr bool tiled = false;

  static UNSPOOL_INLINE vec multiply_add(vec sum, vec a, vec b) {
    return (vec)_mm512_dpbf16_ps((__m512)sum, (__m512bh)(__m512)a, (__m512bh)(__m512)b);
  }

  static UNSPOOL_INLINE __m256i rounded(vec v) { return (__m256i)_mm512_cvtneps_pbh((__m512)v); }

  // Neighbours of one row.
  static UNSPOOL_INLINE void neighbours(float* out, vec v) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(out), rounded(v));
  }

  // Element by element of two rows.
  static UNSPOOL_INLINE vec couple(vec a, vec b) {
    const __m512i low = _mm512_cvtepu16_epi32(rounded(a)), high = _mm512_cvtepu16_epi32(rounded(b));
    return (vec)_mm512_or_si512(low, _mm512_slli_epi32(high, 16));
  }
};

#endif

#if defined(__AMX_BF16__)
struct Tiled : Brain {
  static constexpr bool tiled = true;
};
#endif

// Words that hold so many numbers.
template <class Number>
constexpr long words(long count) {
  return (count + Number::per_word - 1) / Number::per_word;
}

// A row of numbers as words of neighbours, with room for whole vectors.
template <class Number>
inline void to_words(float* out, const float* row, long count) {
  for (long i = 0; i < count; i += lanes) {
    const vec v = load_part(row + i, static_cast<int>(count - i < lanes ? count - i : lanes));
    if constexpr (Number::per_word == 1) store(out + i, v);
    else Number::neighbours(out + i / 2, v);
  }
}

}  // namespace unspool::UNSPOOL_ISA
