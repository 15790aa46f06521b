// Runs every kernel on random sizes, for the sanitizers: all memory is poisoned with NaN, and every instruction set
// must give the numbers of the first. Exits with 1 and a line for each difference.
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "ways.h"

namespace {

using namespace unspool::tests;

struct Case {
  unspool_layer layer{};
  std::vector<int64_t> lengths;
  Floats x, h0, c0, weight_ih, weight_hh, bias_ih, bias_hh, peephole, dy, dhn, dcn;
  long gates = 0;
  bool memory = false;
};

Case make(int cell) {
  Case c;
  c.gates = cell >= UNSPOOL_GRU_AFTER ? 3 : cell >= UNSPOOL_LSTM ? 4 : 1;
  c.memory = cell == UNSPOOL_LSTM || cell == UNSPOOL_LSTM_PEEPHOLE;
  const long T = draw(1, 9), B = draw(1, 20), I = draw(1, 70), H = draw(1, 4) == 1 ? draw(256, 300) : draw(1, 80);
  const float scale = 1 / std::sqrt(static_cast<float>(H));
  c.x = normal(T * B * I), c.h0 = normal(B * H), c.c0 = normal(B * H), c.dy = normal(T * B * H);
  c.dhn = normal(B * H), c.dcn = normal(B * H), c.peephole = normal(3 * H);
  c.weight_ih = normal(c.gates * H * I, scale), c.weight_hh = normal(c.gates * H * H, scale);
  c.bias_ih = normal(c.gates * H), c.bias_hh = normal(c.gates * H);
  unspool_layer& l = c.layer;
  l = {cell, static_cast<int32_t>(draw(0, 1)), T, B, I, H, nullptr, c.x.data(), c.h0.data(), c.c0.data(),
       c.weight_ih.data(), c.weight_hh.data(), c.bias_ih.data(), c.bias_hh.data(), c.peephole.data(),
       static_cast<int32_t>(draw(1, 3))};
  if (draw(0, 1)) {
    for (long b = 0; b < B; ++b) c.lengths.push_back(draw(0, T));
    l.lengths = c.lengths.data();
    for (long b = 0; b < B; ++b)
      for (long t = c.lengths[b]; t < T; ++t)
        for (long i = 0; i < I; ++i) c.x[(t * B + b) * I + i] = std::nanf("");
  }
  if (draw(0, 3) == 0) l.h0 = l.c0 = nullptr;
  if (draw(0, 3) == 0) l.bias_ih = l.bias_hh = nullptr;
  return c;
}

// All results of a forward and a backward pass.
Parts run(const Case& c) {
  const unspool_layer& l = c.layer;
  const long T = l.steps, B = l.batch, I = l.input, H = l.hidden;
  Floats y = poison(T * B * H), hn = poison(B * H), cn = poison(B * H), saved = poison(unspool_saved_size(&l));
  Floats dx = poison(T * B * I), dh0 = poison(B * H), dc0 = poison(B * H), dih = poison(c.gates * H * I);
  Floats dhh = poison(c.gates * H * H), dbi = poison(c.gates * H), dbh = poison(c.gates * H), dp = poison(3 * H);
  if (unspool_forward(&l, y.data(), hn.data(), cn.data(), nullptr)) std::abort();  // as for inference
  const Floats quiet = y;
  if (unspool_forward(&l, y.data(), hn.data(), cn.data(), saved.data())) std::abort();
  if (std::memcmp(quiet.data(), y.data(), sizeof(float) * y.size())) std::puts("saving changes the output");
  const unspool_gradients g = {y.data(), saved.data(), c.dy.data(), c.dhn.data(), c.dcn.data(), dx.data(), dh0.data(),
                               dc0.data(), dih.data(), dhh.data(), dbi.data(), dbh.data(), dp.data()};
  if (unspool_backward(&l, &g)) std::abort();
  if (!c.memory) cn.clear(), dc0.clear();
  if (l.cell != UNSPOOL_LSTM_PEEPHOLE) dp.clear();
  for (long b = 0; b < B && l.lengths; ++b)  // beyond the lengths nothing is written
    for (long t = l.lengths[b]; t < T; ++t) {
      for (long u = 0; u < H; ++u) {
        if (!std::isnan(y[(t * B + b) * H + u])) std::puts("written beyond a length");
        y[(t * B + b) * H + u] = 0;
      }
      for (long i = 0; i < I; ++i) dx[(t * B + b) * I + i] = 0;
    }
  return {y, hn, cn, dx, dh0, dc0, dih, dhh, dbi, dbh, dp};
}

}  // namespace

int main(int count, char** arguments) {
  const int rounds = count > 1 ? std::atoi(arguments[1]) : 20;
  int wrong = 0;
  for (int round = 0; round < rounds; ++round)
    for (int cell = UNSPOOL_RNN_TANH; cell <= UNSPOOL_GRU_BEFORE; ++cell) {
      Case c = make(cell);
      Parts first;
      for (const Way& way : ways) {
        if (!go(way)) continue;
        c.layer.bfloat16 = way.bfloat16;
        const Parts results = run(c);
        if (first.empty()) first = results;
        if (way.bfloat16 && cell == UNSPOOL_RNN_RELU) continue;  // whose slope jumps where a sum is near 0
        const float off = error(results, first);
        if (off <= bound(way)) continue;
        std::printf("cell %d, %s, bfloat16 %d: error %g (T %ld B %ld I %ld H %ld, %d threads)\n", cell, way.isa,
                    way.bfloat16, off, c.layer.steps, c.layer.batch, c.layer.input, c.layer.hidden, c.layer.threads);
        ++wrong;
      }
    }
  std::printf("%d rounds, %d wrong\n", rounds, wrong);
  return wrong > 0;
}
