// Runs the generator on random networks, for the sanitizers: all memory is poisoned with NaN, every instruction set
// must give the numbers of plain loops in double precision, and a row must be the same, bit by bit, alone and among
// others. Exits with 1 and a line for each difference.
#include <cstdio>
#include <cstdlib>
#include <limits>

#include "random.h"
#include "reference.h"

namespace {

using namespace unspool::tests;

int wrong = 0;

// Everything that a plan points to.
struct Network {
  unspool_plan plan{};
  std::vector<unspool_plan_layer> layers;
  std::vector<Floats> held;

  // Of the largest value. Beside bytes, vectors are rounded to sixteen bits.
  double bound() const { return plan.weights == UNSPOOL_INT8 ? 1e-4 : 1e-5; }

  const float* hold(Floats values) {
    held.push_back(std::move(values));
    return held.back().data();
  }
};

Network make(int cell, int weights, bool bytes) {
  Network n;
  const long V = bytes ? 256 : draw(1, 90), layers = draw(1, 3), skip = draw(0, 1), large = draw(1, 4) == 1;
  const long gates = cell >= UNSPOOL_GRU_AFTER ? 3 : cell >= UNSPOOL_LSTM ? 4 : 1;
  long below = 0, read = 0;
  for (long l = 0; l < layers; ++l) {
    const long H = large ? draw(120, 210) : draw(1, 70), rows = l == 0 || skip ? V : 1;  // large: worth two threads
    const float scale = 1 / std::sqrt(static_cast<float>(H));
    unspool_plan_layer layer{cell, H, rows, n.hold(normal(rows * gates * H)), nullptr, nullptr, nullptr, nullptr};
    if (l) layer.weight_below = n.hold(normal(gates * H * below, 1 / std::sqrt(static_cast<float>(below))));
    layer.weight_hh = n.hold(normal(gates * H * H, scale));
    if (cell == UNSPOOL_GRU_AFTER) layer.bias_hh = n.hold(normal(gates * H));
    if (cell == UNSPOOL_LSTM_PEEPHOLE) layer.peephole = n.hold(normal(3 * H));
    n.layers.push_back(layer);
    below = H;
    read = skip ? read + H : H;
  }
  const float* weight = n.hold(normal(V * read, 3 / std::sqrt(static_cast<float>(read))));
  n.plan = {V, layers, n.layers.data(), static_cast<int32_t>(skip), weight, n.hold(normal(V)), weights};
  return n;
}

// What a run starts from and what it comes to: B rows of everything.
struct Rows {
  long batch;
  Floats state, scores;
  std::vector<uint64_t> samples;
  std::vector<uint32_t> utf8;
  std::vector<int64_t> ids;
  Doubles log_probs;
};

void report(const char* what, const char* isa, const Network& n, const Rows& rows, double error) {
  std::printf("%s: %s off by %g (cell %d, weights %d, V %ld, %ld layers, H %ld, skip %d, %ld rows)\n", isa, what, error,
              n.layers[0].cell, n.plan.weights, static_cast<long>(n.plan.vocabulary), static_cast<long>(n.plan.layers),
              static_cast<long>(n.layers[0].hidden), n.plan.skip, rows.batch);
  ++wrong;
}

// Largest difference over the largest value or 1; infinite where one is no number.
template <class Found>
double difference(const Found* found, const double* expected, long count) {
  double error = 0, largest = 1;
  for (long i = 0; i < count; ++i) largest = std::fmax(largest, std::fabs(expected[i]));
  for (long i = 0; i < count; ++i) {
    const double off = std::fabs(found[i] - expected[i]);
    if (!(off <= std::numeric_limits<double>::max())) return INFINITY;
    error = std::fmax(error, off / largest);
  }
  return error;
}

// Random symbols, one step after the other.
void check_steps(const unspool_generator* g, const Reference& reference, const Network& n, Rows& rows,
                 const char* isa) {
  const long V = n.plan.vocabulary, S = reference.state_size;
  Doubles exact(rows.state.begin(), rows.state.end()), expected;
  for (int step = 0; step < 4; ++step) {
    std::vector<int64_t> ids;
    expected.clear();
    for (long b = 0; b < rows.batch; ++b) {
      ids.push_back(draw(0, V - 1));
      const Doubles scores = reference.step(ids[b], &exact[b * S]);
      expected.insert(expected.end(), scores.begin(), scores.end());
    }
    rows.scores = poison(rows.batch * V);
    const int32_t threads = static_cast<int32_t>(draw(1, 3));
    if (unspool_step(g, rows.batch, ids.data(), rows.state.data(), rows.scores.data(), threads)) std::abort();
    const double scores = difference(rows.scores.data(), expected.data(), rows.batch * V);
    const double state = difference(rows.state.data(), exact.data(), rows.batch * S);
    if (!(scores <= n.bound())) return report("scores of a step", isa, n, rows, scores);
    if (!(state <= n.bound())) return report("state of a step", isa, n, rows, state);
  }
}

void write(const unspool_generator* g, Rows& rows, long V, unspool_sampling sampling, long steps, int64_t left) {
  rows.ids.assign(steps * rows.batch, -7);
  rows.log_probs.assign(steps * rows.batch, std::nan(""));
  const unspool_generation call = {rows.batch, steps, rows.state.data(), rows.scores.data(), sampling,
                                   rows.samples.data(), 3, left, V == 256 ? rows.utf8.data() : nullptr, rows.ids.data(),
                                   rows.log_probs.data(), static_cast<int32_t>(draw(1, 3))};
  if (unspool_generate(g, &call)) std::abort();
}

// Whether the filters let this symbol pass, give or take `slack`: a bound may be met by a hair.
bool allowed(const Doubles& scores, int64_t id, const unspool_sampling& s, double slack) {
  const double greatest = *std::max_element(scores.begin(), scores.end());
  if (s.temperature == 0) return scores[id] >= greatest - slack;
  Doubles falling = scores;
  std::sort(falling.rbegin(), falling.rend());
  if (s.top_k > 0) falling.resize(std::min<size_t>(falling.size(), s.top_k));
  double sum = 0, before = 0;
  size_t above = 0;
  for (double score : falling) {
    const double weight = std::exp((score - greatest) / s.temperature);
    sum += weight;
    if (score > scores[id] + slack) before += weight, ++above;
  }
  return above < falling.size() && (s.top_p == 1 || before < (s.top_p + slack) * sum) &&
         (s.min_p == 0 || scores[id] + slack >= greatest + s.temperature * std::log(s.min_p));
}

// Symbols that it chooses itself.
void check_writing(const unspool_generator* g, const Reference& reference, const Network& n, Rows& rows,
                   const char* isa) {
  const long V = n.plan.vocabulary, S = reference.state_size, steps = draw(1, 9);
  const double temperatures[] = {0, 0.5, 1, 1.7};
  const unspool_sampling sampling = {temperatures[draw(0, 3)], draw(0, 1) ? 1 : 0.8, draw(0, 1) ? 0 : 0.05,
                                     draw(0, 1) ? 0 : draw(1, V), static_cast<uint64_t>(draw(0, 1 << 30))};
  const bool bytes = V == 256, ends = draw(0, 1);
  const Rows start = rows;
  write(g, rows, V, sampling, steps, ends ? steps : -1);
  for (long b = 0; b < rows.batch; ++b) {
    Doubles exact(start.state.begin() + b * S, start.state.begin() + (b + 1) * S);
    Doubles scores(start.scores.begin() + b * V, start.scores.begin() + (b + 1) * V);
    for (long t = 0; t < steps; ++t) {
      const int64_t id = rows.ids[t * rows.batch + b];
      if (id < 0 || id >= V) return report("a symbol", isa, n, rows, static_cast<double>(id));
      const double slack = 20 * n.bound(), greatest = *std::max_element(scores.begin(), scores.end());
      double sum = 0;
      for (double score : scores) sum += std::exp(score - greatest);
      const double log_prob = scores[id] - greatest - std::log(sum), found = rows.log_probs[t * rows.batch + b];
      if (!(std::fabs(found - log_prob) <= slack)) return report("a log-probability", isa, n, rows, found - log_prob);
      if (!bytes && !allowed(scores, id, sampling, slack))
        return report("a choice", isa, n, rows, scores[id] - greatest);
      scores = reference.step(id, exact.data());
    }
    const double error = std::fmax(difference(&rows.state[b * S], exact.data(), S),
                                   difference(&rows.scores[b * V], scores.data(), V));
    if (!(error <= 10 * n.bound())) return report("what is left after writing", isa, n, rows, error);
    if (bytes && ends && rows.utf8[b]) return report("the last character", isa, n, rows, rows.utf8[b]);
  }
  const long b = draw(0, rows.batch - 1);
  Rows alone{1, {}, {}, {start.samples[b]}, {0}, {}, {}};
  alone.state.assign(&start.state[b * S], &start.state[b * S] + S);
  alone.scores.assign(&start.scores[b * V], &start.scores[b * V] + V);
  write(g, alone, V, sampling, steps, ends ? steps : -1);
  bool same = !std::memcmp(alone.state.data(), &rows.state[b * S], sizeof(float) * S);
  for (long t = 0; t < steps; ++t) same &= alone.ids[t] == rows.ids[t * rows.batch + b];
  if (!same) report("a row alone", isa, n, rows, 0);
}

// A row whose scores are no numbers has no choice; its neighbours do not notice.
void check_poisoned(const unspool_generator* g, const Network& n, Rows rows, const char* isa) {
  const long V = n.plan.vocabulary;
  rows.scores[draw(0, V - 1)] = std::nanf("");
  write(g, rows, V, {1, 1, 0, 0, 1}, 1, -1);
  if (rows.ids[0] != -1) report("a choice among NaN", isa, n, rows, static_cast<double>(rows.ids[0]));
  for (long b = 1; b < rows.batch; ++b)
    if (rows.ids[b] < 0) report("a neighbour of NaN", isa, n, rows, static_cast<double>(rows.ids[b]));
}

void check(int cell, int weights, bool bytes) {
  Network n = make(cell, weights, bytes);
  const Reference reference(n.plan);
  const long B = draw(1, 5), S = reference.state_size;
  Rows start{B, normal(B * S, 0.5f), {}, {}, std::vector<uint32_t>(B, 0), {}, {}};
  for (long b = 0; b < B; ++b) start.samples.push_back(static_cast<uint64_t>(draw(0, 1 << 30)));
  const char* const isas[] = {"base", "avx2", "avx512"};
  unspool_generator* made[3] = {};
  for (int i = 0; i < 3; ++i) {
    if (unspool_use_isa(isas[i])) continue;
    made[i] = unspool_generator_create(&n.plan);
    if (!made[i] || unspool_generator_bytes(made[i]) <= 0) std::abort();
  }
  n.held.clear();  // nothing of a plan is needed any more
  for (int i = 0; i < 3; ++i) {
    if (!made[i]) continue;
    Rows rows = start;
    check_steps(made[i], reference, n, rows, isas[i]);
    check_poisoned(made[i], n, rows, isas[i]);
    check_writing(made[i], reference, n, rows, isas[i]);
    unspool_generator_free(made[i]);
  }
}

}  // namespace

int main(int count, char** arguments) {
  const int rounds = count > 1 ? std::atoi(arguments[1]) : 10;
  for (int round = 0; round < rounds; ++round)
    for (int cell = UNSPOOL_RNN_TANH; cell <= UNSPOOL_GRU_BEFORE; ++cell)
      for (int weights : {UNSPOOL_FLOAT32, UNSPOOL_BFLOAT16, UNSPOOL_INT8}) check(cell, weights, draw(0, 3) == 0);
  std::printf("%d rounds, %d wrong\n", rounds, wrong);
  return wrong > 0;
}
