// The next symbol, from scores: src/unspool/draws.py, decode.py and data/utf8.py say what each line must give.
#pragma once

#include <math.h>

#include "kernels.h"
#include "vector.h"

namespace unspool::UNSPOOL_ISA {

// Philox4x64-10: number `step` of a sample's sequence, in [0, 1).
inline double uniform(uint64_t seed, uint64_t sample, uint64_t step) {
  uint64_t counter[4] = {step / 4 + 1, 0, 0, 0}, key[2] = {seed, sample};
  for (int round = 0; round < 10; ++round) {
    const unsigned __int128 a = static_cast<unsigned __int128>(0xD2E7470EE14C6C93u) * counter[0];
    const unsigned __int128 b = static_cast<unsigned __int128>(0xCA5A826395121157u) * counter[2];
    counter[0] = static_cast<uint64_t>(b >> 64) ^ counter[1] ^ key[0];
    counter[2] = static_cast<uint64_t>(a >> 64) ^ counter[3] ^ key[1];
    counter[1] = static_cast<uint64_t>(b);
    counter[3] = static_cast<uint64_t>(a);
    key[0] += 0x9E3779B97F4A7C15u;
    key[1] += 0xBB67AE8584CAA73Bu;
  }
  return static_cast<double>(counter[step % 4] >> 11) * 0x1p-53;
}

// Which byte may follow in UTF-8, kept in one number: bytes still to come, and between which the next must lie.
// 0: a character begins.
struct Utf8 {
  uint32_t* state;

  struct Lead {
    uint8_t first, last, more, low, high;
  };
  static const Lead* lead(int byte) {
    static constexpr Lead leads[] = {
        {0x00, 0x7F, 0, 0x80, 0xBF}, {0xC2, 0xDF, 1, 0x80, 0xBF}, {0xE0, 0xE0, 2, 0xA0, 0xBF},
        {0xE1, 0xEC, 2, 0x80, 0xBF}, {0xED, 0xED, 2, 0x80, 0x9F}, {0xEE, 0xEF, 2, 0x80, 0xBF},
        {0xF0, 0xF0, 3, 0x90, 0xBF}, {0xF1, 0xF3, 3, 0x80, 0xBF}, {0xF4, 0xF4, 3, 0x80, 0x8F},
    };
    for (const Lead& found : leads)
      if (byte >= found.first && byte <= found.last) return &found;
    return nullptr;
  }

  // A character is begun only if it can be finished in the `left` bytes to come, this one among them; -1: no end.
  bool allows(int byte, int64_t left) const {
    const int more = *state & 255;
    if (more) return byte >= static_cast<int>(*state >> 8 & 255) && byte <= static_cast<int>(*state >> 16) &&
                     (left < 0 || left >= more);
    const Lead* found = lead(byte);
    return found && (left < 0 || left > found->more);
  }

  void push(int byte) const {
    const int more = *state & 255;
    if (more) {
      *state = more == 1 ? 0 : static_cast<uint32_t>(more - 1) | 0xBF8000;
    } else {
      const Lead* found = lead(byte);
      *state = found && found->more ? found->more | found->low << 8 | found->high << 16 : 0;
    }
  }
};

// Chooses from `size` scores, with room that is kept between two steps. One for each thread.
struct Sampler {
  long size, padded;
  float *z, *weight;    // [padded] scores, the greatest moved to 0, over the temperature; their exponentials
  double* mass;         // [size] sums of weights from the left
  int32_t *order, *other;  // [size] symbols by falling score

  bool lay(long vocabulary, Memory m) {
    size = vocabulary, padded = (vocabulary + lanes - 1) / lanes * lanes;
    z = m.take<float>(padded);
    weight = m.take<float>(padded);
    mass = m.take<double>(size);
    order = m.take<int32_t>(size);
    other = m.take<int32_t>(size);
    return z && weight && mass && order && other;
  }

  // The greatest score; NaN if one is NaN.
  float greatest(const float* scores) const {
    vec most = all(-INFINITY), poison = {};
    for (long v = 0; v < size; v += lanes) {
      vec s = load_part(scores + v, part(v));
      if (size - v < lanes)
        for (long i = size - v; i < lanes; ++i) s[i] = -INFINITY;
      poison = s == s ? poison : s;
      most = s > most ? s : most;
    }
    float result = -INFINITY;
    for (int i = 0; i < lanes; ++i) {
      if (poison[i] != poison[i]) return poison[i];
      if (most[i] > result) result = most[i];
    }
    return result;
  }

  // Fills z and weight. Beyond `size` and where a score is -inf, a weight is 0.
  void weigh(const float* scores, float peak, float temperature) {
    for (long v = 0; v < size; v += lanes) {
      const vec s = load_part(scores + v, part(v)) - peak;
      const vec x = temperature == 1 ? s : s / temperature;
      store(z + v, x);
      store(weight + v, x < -87.0f ? vec{} : exponential(x));
    }
    for (long v = size; v < padded; ++v) weight[v] = 0;
  }

  double total() const {
    double sum[4] = {};
    for (long v = 0; v < padded; v += 4)
      for (int i = 0; i < 4; ++i) sum[i] += weight[v + i];
    return (sum[0] + sum[1]) + (sum[2] + sum[3]);
  }

  // Sorts the symbols whose weight is not 0 and gives their number; of equal scores the first stays first.
  long sort() {
    long count = 0;
    for (long v = 0; v < size; ++v)
      if (weight[v] > 0) order[count++] = static_cast<int32_t>(v);
    for (long width = 1; width < count; width *= 2) {
      for (long begin = 0; begin < count; begin += 2 * width) {
        const long middle = begin + width < count ? begin + width : count;
        const long end = middle + width < count ? middle + width : count;
        for (long a = begin, b = middle, to = begin; to < end; ++to)
          other[to] = a < middle && (b >= end || z[order[a]] >= z[order[b]]) ? order[a++] : order[b++];
      }
      int32_t* swap = order;
      order = other, other = swap;
    }
    return count;
  }

  // Top-k, then top-p: both keep the first of the sorted symbols.
  void cut(long top_k, double top_p) {
    const long count = sort();
    long kept = top_k > 0 && top_k < count ? top_k : count;
    if (top_p < 1) {
      double sum = 0, before = 0;
      for (long j = 0; j < kept; ++j) sum += weight[order[j]];
      long stays = 0;
      for (; stays < kept && (stays == 0 || before < top_p * sum); ++stays) before += weight[order[stays]];
      kept = stays;
    }
    for (long j = kept; j < count; ++j) weight[order[j]] = 0;
  }

  // The symbol that a uniform number stands for.
  int64_t pick(double number) {
    double sum = 0;
    for (long v = 0; v < size; ++v) mass[v] = sum += weight[v];
    const double height = number * sum;
    for (long v = 0; v < size; ++v)
      if (mass[v] > height) return v;
    return -1;
  }

  int64_t likeliest(const float* scores, float peak) const {
    for (long v = 0; v < size; ++v)
      if (scores[v] == peak) return v;
    return -1;
  }

  // The choice of one step and its log-probability; -1 where the scores have no finite maximum.
  int64_t choose(const float* scores, float* masked, const unspool_sampling& s, double number, const Utf8* utf8,
                 int64_t left, double* log_prob) {
    float peak = greatest(scores);
    if (!(peak - peak == 0)) return -1;
    weigh(scores, peak, 1);
    const double norm = peak + log(total());
    const float* options = scores;
    if (utf8->state) {
      for (long v = 0; v < size; ++v) masked[v] = utf8->allows(static_cast<int>(v), left) ? scores[v] : -INFINITY;
      options = masked;
      peak = greatest(masked);
      if (!(peak > -INFINITY)) return -1;
    }
    int64_t id;
    if (s.temperature == 0) {
      id = likeliest(options, peak);
    } else {
      if (options != scores || s.temperature != 1) weigh(options, peak, finite(s.temperature));
      if ((s.top_k > 0 && s.top_k < size) || s.top_p < 1) cut(s.top_k, s.top_p);
      if (s.min_p > 0) {
        const double least = log(s.min_p);
        for (long v = 0; v < size; ++v)
          if (z[v] < least) weight[v] = 0;
      }
      id = pick(number);
    }
    if (id >= 0) *log_prob = scores[id] - norm;
    if (id >= 0 && utf8->state) utf8->push(static_cast<int>(id));
    return id;
  }

 private:
  // 0 / 0 and infinity / infinity would be no numbers.
  static float finite(double temperature) {
    return temperature < 1.2e-38 ? 1.2e-38f : temperature > 3e38 ? 3e38f : static_cast<float>(temperature);
  }

  int part(long v) const { return size - v < lanes ? static_cast<int>(size - v) : lanes; }
};

}  // namespace unspool::UNSPOOL_ISA
