// The ways in which a layer is computed, and how far their results lie apart.
#pragma once

#include "random.h"
#include "unspool_native.h"

namespace unspool::tests {

struct Way {
  const char* isa;
  int bfloat16;  // whether factors are rounded to it
};

inline const Way ways[] = {{"base", 0}, {"avx2", 0}, {"avx512", 0}, {"avx512", 1}, {"amx", 1}};

// Whether this processor can go it; then it is the way from now on.
inline bool go(const Way& way) { return !unspool_use_isa(way.isa) && (!way.bfloat16 || unspool_has_bfloat16()); }

inline float bound(const Way& way) { return way.bfloat16 ? 5e-2f : 1e-3f; }

using Parts = std::vector<Floats>;

// The largest error of a part, over the part's largest value; what is smaller than a tenth counts as a tenth.
inline float error(const Parts& found, const Parts& first) {
  float worst = 0;
  for (size_t p = 0; p < found.size(); ++p) {
    float largest = 0.1f, error = 0;
    for (size_t i = 0; i < found[p].size(); ++i) {
      largest = std::fmax(largest, std::fabs(first[p][i]));
      const float off = std::fabs(found[p][i] - first[p][i]);
      error = std::isnan(off) ? INFINITY : std::fmax(error, off);
    }
    worst = std::fmax(worst, error / largest);
  }
  return worst;
}

}  // namespace unspool::tests
