// Random sizes and numbers for the checks, from one seed.
#pragma once

#include <cmath>
#include <random>
#include <vector>

namespace unspool::tests {

using Floats = std::vector<float>;

inline std::mt19937 generator(7);

inline long draw(long low, long high) { return std::uniform_int_distribution<long>(low, high)(generator); }

inline Floats normal(long count, float scale = 1) {
  std::normal_distribution<float> one(0, scale);
  Floats values(count);
  for (float& value : values) value = one(generator);
  return values;
}

inline Floats poison(long count) { return Floats(count, std::nanf("")); }

}  // namespace unspool::tests
