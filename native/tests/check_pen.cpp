// Runs the layer with a window and the loop of handwriting on random sizes, for the sanitizers: all memory is poisoned
// with NaN, every instruction set must give the numbers of the first, and a row must be the same, bit by bit, alone and
// among others. Exits with 1 and a line for each difference.
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "ways.h"

namespace {

using namespace unspool::tests;

int wrong = 0;

void compare(const char* what, const Way& way, const Parts& found, const Parts& first, float bound) {
  const float off = error(found, first);
  if (off <= bound) return;
  std::printf("%s, %s, bfloat16 %d: error %g\n", what, way.isa, way.bfloat16, off);
  ++wrong;
}

// The texts of B sequences, one-hot or any vectors; what stands behind them is no number.
struct Texts {
  long batch, width, symbols;
  std::vector<int64_t> ends;
  Floats values;

  Texts(long B, long U, long V, bool one_hot) : batch(B), width(U), symbols(V), values(poison(B * U * V)) {
    for (long b = 0; b < B; ++b) {
      ends.push_back(draw(1, U));
      for (long u = 0; u < ends[b]; ++u) {
        const long which = draw(0, V - 1);
        const Floats any = normal(V);
        for (long v = 0; v < V; ++v) values[(b * U + u) * V + v] = one_hot ? v == which : any[v];
      }
    }
  }
};

// All results of a layer, forward and backward.
Parts run(const unspool_windowed& w, Floats x, const Floats& dy, const Floats& dstate) {
  const unspool_layer& l = w.layer;
  const long T = l.steps, B = l.batch, I = l.input, H = l.hidden, V = w.symbols, K = w.components;
  unspool_windowed call = w;
  Floats y = poison(T * B * (V + H)), h = poison(B * H), c = h, kappa = poison(B * K), window = poison(B * V);
  Floats saved = poison(unspool_saved_size(&l)), trail = poison(T * B * 4 * K);
  call.layer.x = x.data();
  unspool_windowed_results out = {x.data(), y.data(), h.data(), c.data(), kappa.data(), window.data(), nullptr, nullptr};
  if (unspool_windowed_forward(&call, &out)) std::abort();  // as for inference
  const Floats quiet = y;
  out.saved = saved.data(), out.trail = trail.data();
  if (unspool_windowed_forward(&call, &out)) std::abort();
  if (std::memcmp(quiet.data(), y.data(), sizeof(float) * y.size())) std::puts("saving changes the output"), ++wrong;
  Floats dx = poison(T * B * I), dh = poison(B * H), dc = dh, dkappa = poison(B * K), dwindow = poison(B * V);
  Floats dih = poison(4 * H * I), dhh = poison(4 * H * H), dbi = poison(4 * H), dbh = dbi, dp(3 * H);
  Floats dshape = poison(T * B * 3 * K);
  const float* d = dstate.data();
  const unspool_gradients layer = {y.data(), saved.data(), dy.data(), d, d, dx.data(), dh.data(), dc.data(),
                                   dih.data(), dhh.data(), dbi.data(), dbh.data(), dp.data()};
  const unspool_windowed_gradients g = {layer, trail.data(), d, d, dkappa.data(), dwindow.data(), dshape.data()};
  if (unspool_windowed_backward(&call, &g)) std::abort();
  for (long b = 0; b < B; ++b)
    for (long t = 0; t < T; ++t) {
      const bool beyond = l.lengths && t >= l.lengths[b];
      for (long i = 0; i < V + H; ++i) {
        float& value = y[(t * B + b) * (V + H) + i];
        if (beyond != std::isnan(value)) std::puts("written beyond a length, or not inside"), ++wrong;
        if (beyond) value = 0;
      }
      for (long i = 0; i < I; ++i)
        if (beyond || i >= I - V) dx[(t * B + b) * I + i] = 0;
      for (long k = 0; k < 3 * K && beyond; ++k) dshape[(t * B + b) * 3 * K + k] = 0;
    }
  return {y, h, c, kappa, window, dx, dh, dc, dkappa, dwindow, dih, dhh, dbi, dp, dshape};
}

void check_layer(bool peephole) {
  const long T = draw(1, 9), B = draw(1, 26), H = draw(1, 4) == 1 ? draw(128, 300) : draw(1, 80);
  const long V = draw(1, 70), K = draw(1, 12), U = draw(1, 50), I = draw(1, 4) + V;
  const float scale = 1 / std::sqrt(static_cast<float>(H));
  const Texts texts(B, U, V, draw(0, 1));
  Floats x = normal(T * B * I);
  const Floats h = normal(B * H), kappa = normal(B * K), window = normal(B * V), bias = normal(4 * H), p = normal(3 * H);
  const Floats ih = normal(4 * H * I, 1 / std::sqrt(static_cast<float>(I))), hh = normal(4 * H * H, scale);
  const Floats weight = normal(3 * K * H, scale), shape = normal(3 * K), dy = normal(T * B * (V + H));
  const Floats dstate = normal(B * (H + K + V));
  std::vector<int64_t> lengths;
  for (long b = 0; b < B && draw(0, 9); ++b) lengths.push_back(draw(0, T));
  if (static_cast<long>(lengths.size()) < B) lengths.clear();
  for (long b = 0; b < B && !lengths.empty(); ++b)
    for (long t = lengths[b]; t < T; ++t)
      for (long i = 0; i < I; ++i) x[(t * B + b) * I + i] = std::nanf("");
  for (long r = 0; r < T * B; ++r)
    for (long v = 0; v < V; ++v) x[(r + 1) * I - 1 - v] = std::nanf("");
  const bool start = draw(0, 2);
  const unspool_layer layer = {peephole ? UNSPOOL_LSTM_PEEPHOLE : UNSPOOL_LSTM, static_cast<int32_t>(draw(0, 1)), T, B, I,
                               H, lengths.empty() ? nullptr : lengths.data(), nullptr, start ? h.data() : nullptr,
                               start ? h.data() : nullptr, ih.data(), hh.data(), bias.data(), bias.data(), p.data(),
                               static_cast<int32_t>(draw(1, 3)), 0};
  unspool_windowed w = {layer, V, K, U, texts.values.data(), texts.ends.data(), start ? kappa.data() : nullptr,
                              start ? window.data() : nullptr, weight.data(), shape.data()};
  Parts firsts[2];  // in float32 and with bfloat16: the window's exponentials make much of a rounding, but ways round alike
  for (const Way& way : ways) {
    if (!go(way)) continue;
    w.layer.bfloat16 = way.bfloat16;
    const Parts found = run(w, x, dy, dstate);
    Parts& first = firsts[way.bfloat16];
    if (first.empty()) first = found;
    compare("a layer with a window", way, found, first, way.bfloat16 ? 1e-2f : 1e-3f);
  }
}

// What a sample wrote, and what it left.
struct Sample {
  Floats all;
  int64_t count;
};

std::vector<Sample> write(const unspool_generator* g, const Texts& texts, long S, long K, const Floats& state,
                          std::vector<uint64_t> samples, long row, long rows) {
  const long B = rows, V = K ? texts.symbols : 0, U = K ? texts.width : 0, steps = 3;
  Floats s(state.begin() + row * S, state.begin() + (row + B) * S), kappa(B * K), window(B * V), point(B * 3);
  Floats points = poison(steps * B * 3), phi = poison(steps * B * (U + 1));
  std::vector<int64_t> count(B, -1);
  std::vector<int32_t> finished(B, 0);
  const unspool_pen_call call = {B, steps, U, K ? texts.values.data() + row * U * V : nullptr,
                                 K ? texts.ends.data() + row : nullptr, s.data(), kappa.data(), window.data(),
                                 point.data(), 1.5, 5, samples.data() + row, 0, points.data(), phi.data(), count.data(),
                                 finished.data(), static_cast<int32_t>(draw(1, 3))};
  if (unspool_pen_write(g, &call)) std::abort();
  std::vector<Sample> found(B);
  for (long b = 0; b < B; ++b) {
    found[b].count = count[b];
    Floats& all = found[b].all;
    for (long t = 0; t < count[b]; ++t) {
      for (long i = 0; i < 3; ++i) all.push_back(points[(t * B + b) * 3 + i]);
      for (long u = 0; u <= U && K; ++u) all.push_back(phi[(t * B + b) * (U + 1) + u]);
    }
  }
  return found;
}

void check_writing(int cell, int weights) {
  const long K = draw(0, 1) ? draw(1, 12) : 0, V = K ? draw(1, 70) : 0, M = draw(1, 20), layers = draw(1, 3), B = draw(1, 5);
  const Texts texts(B, draw(1, 40), V ? V : 1, draw(0, 1));
  const long gates = cell >= UNSPOOL_GRU_AFTER ? 3 : cell >= UNSPOOL_LSTM ? 4 : 1;
  const long memory = cell == UNSPOOL_LSTM || cell == UNSPOOL_LSTM_PEEPHOLE ? 2 : 1;
  std::vector<Floats> held;
  const auto hold = [&held](Floats values) {
    held.push_back(std::move(values));
    return held.back().data();
  };
  std::vector<unspool_plan_layer> planned;
  std::vector<const float*> inputs;
  long below = 0, units = 0;
  for (long l = 0; l < layers; ++l) {
    const long H = draw(1, 4) == 1 ? draw(120, 210) : draw(1, 70);
    unspool_plan_layer layer{cell, H, 1, hold(normal(gates * H)), nullptr, nullptr, nullptr, nullptr};
    if (l) layer.weight_below = hold(normal(gates * H * below, 1 / std::sqrt(static_cast<float>(below))));
    layer.weight_hh = hold(normal(gates * H * H, 1 / std::sqrt(static_cast<float>(H))));
    if (cell == UNSPOOL_GRU_AFTER) layer.bias_hh = hold(normal(gates * H));
    if (cell == UNSPOOL_LSTM_PEEPHOLE) layer.peephole = hold(normal(3 * H));
    planned.push_back(layer);
    inputs.push_back(hold(normal(gates * H * (3 + V), 0.3f)));
    below = H, units += H;
  }
  const float* weight = hold(normal((6 * M + 1) * units, 0.2f / std::sqrt(static_cast<float>(units))));
  const unspool_plan base = {6 * M + 1, layers, planned.data(), 1, weight, hold(normal(6 * M + 1, 0.3f)), weights};
  const unspool_pen_plan plan = {base, V, K, inputs.data(), K ? hold(normal(3 * K * planned[0].hidden, 0.1f)) : nullptr,
                                 K ? hold(normal(3 * K)) : nullptr};
  const Floats state = normal(B * units * memory, 0.5f);
  std::vector<uint64_t> samples;
  for (long b = 0; b < B; ++b) samples.push_back(static_cast<uint64_t>(draw(0, 1 << 30)));
  std::vector<Sample> first;
  for (const Way& way : ways) {
    if (way.bfloat16 || !go(way)) continue;  // those weights are the plan's
    unspool_generator* g = unspool_pen_create(&plan);
    if (!g) std::abort();
    const std::vector<Sample> found = write(g, texts, units * memory, K, state, samples, 0, B);
    if (first.empty()) first = found;
    for (long b = 0; b < B; ++b) {
      const Sample alone = write(g, texts, units * memory, K, state, samples, b, 1)[0];
      const bool same = alone.count == found[b].count &&  // a rectifier may have grown beyond all numbers: bits, not values
                        !std::memcmp(alone.all.data(), found[b].all.data(), sizeof(float) * alone.all.size());
      if (!same) std::printf("%s: a row alone is another (cell %d)\n", way.isa, cell), ++wrong;
      if (found[b].count == first[b].count)  // or a bound was met by a hair
        compare("a sample", way, {found[b].all}, {first[b].all}, 5e-2f);
    }
    unspool_generator_free(g);
  }
}

}  // namespace

int main(int count, char** arguments) {
  const int rounds = count > 1 ? std::atoi(arguments[1]) : 10;
  for (int round = 0; round < rounds; ++round) {
    for (bool peephole : {false, true}) check_layer(peephole);
    for (int cell = UNSPOOL_RNN_TANH; cell <= UNSPOOL_GRU_BEFORE; ++cell)
      for (int weights : {UNSPOOL_FLOAT32, UNSPOOL_BFLOAT16, UNSPOOL_INT8}) check_writing(cell, weights);
  }
  std::printf("%d rounds, %d wrong\n", rounds, wrong);
  return wrong > 0;
}
