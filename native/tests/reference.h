// A generator in plain loops and double precision: what each line of the fast one must give.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <vector>

#include "unspool_native.h"

namespace unspool::tests {

using Doubles = std::vector<double>;

// A number as a format keeps it. Bytes have one scale for a row, its largest element being 127.
inline float bfloat16(float x) {
  uint32_t bits;
  std::memcpy(&bits, &x, sizeof bits);
  bits = (bits + 0x7fff + (bits >> 16 & 1)) & 0xffff0000u;
  std::memcpy(&x, &bits, sizeof bits);
  return x;
}

// A matrix after conversion: rows of `depth` numbers, `stride` apart.
struct Converted {
  long depth = 0;
  Doubles value;

  Converted() = default;
  Converted(const float* weight, long rows, long columns, long stride, int format) : depth(columns) {
    for (long r = 0; r < rows; ++r) {
      const float* row = weight + r * stride;
      float largest = 0;
      for (long k = 0; k < depth; ++k) largest = std::max(largest, std::fabs(row[k]));
      const float scale = largest / 127, inverse = scale > 0 ? 1 / scale : 0;
      for (long k = 0; k < depth; ++k)
        value.push_back(format == UNSPOOL_FLOAT32    ? row[k]
                        : format == UNSPOOL_BFLOAT16 ? bfloat16(row[k])
                                                     : double(scale) * std::rint(row[k] * inverse));
    }
  }

  double times(long row, const double* x) const {
    double sum = 0;
    for (long k = 0; k < depth; ++k) sum += value[row * depth + k] * x[k];
    return sum;
  }
};

class Reference {
 public:
  long state_size = 0;

  explicit Reference(const unspool_plan& plan) : vocabulary_(plan.vocabulary) {
    long read = 0, column = 0;
    for (long l = 0; l < plan.layers; ++l) {
      const unspool_plan_layer& given = plan.layer[l];
      const long H = given.hidden, gates = given.cell >= UNSPOOL_GRU_AFTER ? 3 : given.cell >= UNSPOOL_LSTM ? 4 : 1;
      const bool memory = given.cell == UNSPOOL_LSTM || given.cell == UNSPOOL_LSTM_PEEPHOLE;
      Layer layer{given.cell, H, gates * H, given.rows, memory, {}, {}, {}, {}, {}, {}};
      layer.table.assign(given.table, given.table + given.rows * layer.width);
      const long below = l ? plan.layer[l - 1].hidden : 0;
      if (l) layer.below = Converted(given.weight_below, layer.width, below, below, plan.weights);
      layer.own = Converted(given.weight_hh, layer.width, H, H, plan.weights);
      layer.bias.assign(layer.width, 0);
      if (given.cell == UNSPOOL_GRU_AFTER) layer.bias.assign(given.bias_hh, given.bias_hh + layer.width);
      layer.peephole.assign(3 * H, 0);
      if (given.cell == UNSPOOL_LSTM_PEEPHOLE) layer.peephole.assign(given.peephole, given.peephole + 3 * H);
      layers_.push_back(layer);
      state_size += H * (memory ? 2 : 1);
      if (plan.skip || l + 1 == plan.layers) read += H;
    }
    for (long l = plan.skip ? 0 : plan.layers - 1; l < plan.layers; column += layers_[l++].hidden)
      layers_[l].output = Converted(plan.weight + column, vocabulary_, layers_[l].hidden, read, plan.weights);
    bias_.assign(plan.bias, plan.bias + vocabulary_);
  }

  // One step of one row: its state in and out; returns its scores.
  Doubles step(long symbol, double* state) const {
    Doubles scores = bias_;
    const double* below = nullptr;
    for (const Layer& layer : layers_) {
      layer.advance(layer.rows > 1 ? symbol : 0, below, state);
      for (long v = 0; layer.output.depth && v < vocabulary_; ++v) scores[v] += layer.output.times(v, state);
      below = state;
      state += layer.hidden * (layer.memory ? 2 : 1);
    }
    return scores;
  }

 private:
  static double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

  struct Layer {
    int cell;
    long hidden, width, rows;
    bool memory;
    Doubles table;
    Converted below, own, output;
    Doubles bias, peephole;

    void advance(long row, const double* from, double* h) const {
      const long H = hidden;
      double* c = h + H;
      Doubles x(width), u(width), before(h, h + H), reset(H);
      for (long i = 0; i < width; ++i) {
        x[i] = table[row * width + i] + (from ? below.times(i, from) : 0);
        u[i] = own.times(i, before.data()) + bias[i];
      }
      if (cell == UNSPOOL_GRU_BEFORE) {
        for (long j = 0; j < H; ++j) reset[j] = sigmoid(x[j] + u[j]) * before[j];
        for (long j = 0; j < H; ++j) u[2 * H + j] = own.times(2 * H + j, reset.data());
      }
      for (long j = 0; j < H; ++j) {
        const double a = x[j] + u[j];
        if (cell == UNSPOOL_RNN_TANH) h[j] = std::tanh(a);
        else if (cell == UNSPOOL_RNN_RELU) h[j] = std::max(a, 0.0);
        else if (cell == UNSPOOL_RNN_SIGMOID) h[j] = sigmoid(a);
        else if (memory) {
          const double i = sigmoid(a + peephole[j] * c[j]);
          const double f = sigmoid(x[H + j] + u[H + j] + peephole[H + j] * c[j]);
          c[j] = f * c[j] + i * std::tanh(x[2 * H + j] + u[2 * H + j]);
          h[j] = sigmoid(x[3 * H + j] + u[3 * H + j] + peephole[2 * H + j] * c[j]) * std::tanh(c[j]);
        } else {
          const double z = sigmoid(x[H + j] + u[H + j]), r = cell == UNSPOOL_GRU_AFTER ? sigmoid(a) : 1;
          h[j] = (1 - z) * std::tanh(x[2 * H + j] + r * u[2 * H + j]) + z * before[j];
        }
      }
    }
  };

  long vocabulary_;
  std::vector<Layer> layers_;
  Doubles bias_;
};

}  // namespace unspool::tests
