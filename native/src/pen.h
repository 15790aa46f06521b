// The loop of handwriting: a point, one step of every layer and of the window, a mixture, the next point; all threads run
// it together. Graves (2013), section 5; heads/mixture.py and nets/window.py say what each line must give.
#pragma once

#include "generate.h"
#include "window.h"

namespace unspool::UNSPOOL_ISA {

constexpr int point_size = 3;  // dx, dy, end of stroke
constexpr int uniforms = 4;    // of a point

// A point of the mixture that `raw` stands for; NaN where none can be picked.
inline void sample_point(const float* raw, long components, double sharpness, const double* number, float* point) {
  const long M = components;
  const float *weight = raw + 1, *mean = weight + M, *scale = mean + 2 * M, *slopes = scale + 2 * M;
  double most = -INFINITY, sum = 0, total = 0, cumulative = 0;
  for (long m = 0; m < M; ++m)
    if (!(sharpness * weight[m] <= most)) most = sharpness * weight[m];  // NaN stays, and nothing is picked
  for (long m = 0; m < M; ++m) sum += exp(sharpness * weight[m] - most);
  const double log_sum = most + log(sum);
  for (long m = 0; m < M; ++m) total += exp(sharpness * weight[m] - log_sum);
  long picked = 0;
  for (; picked < M; ++picked) {
    cumulative += exp(sharpness * weight[picked] - log_sum);
    if (cumulative > number[0] * total) break;
  }
  if (picked == M) {
    for (int i = 0; i < point_size; ++i) point[i] = NAN;
    return;
  }
  const double steepest = 8, raw_slope = slopes[picked];
  const double slope = raw_slope > steepest ? steepest : raw_slope < -steepest ? -steepest : raw_slope;
  const double steep = fabs(slope), complement = M_LN2 - steep - log1p(exp(-2 * steep));
  const double length = sqrt(-2 * log1p(-number[1])), turn = 2 * M_PI * number[2];
  const double a = length * cos(turn), b = length * sin(turn);
  const double z[] = {a, tanh(slope) * a + exp(complement) * b};
  for (int i = 0; i < 2; ++i)
    point[i] = static_cast<float>(mean[i * M + picked] + exp(scale[i * M + picked] - (sharpness - 1)) * z[i]);
  point[2] = number[3] < 1 / (1 + exp(static_cast<double>(raw[0]))) ? 1 : 0;
}

struct Writing : Generation {
  unspool_pen_call pen;
  int32_t* symbols;  // [B][U]
  float* kappa;      // [B][K]
  float* phi;        // [B][places_row]
  float* shape;      // [B][shape_row]
  long places_row, shape_row;

  static Job* prepare(const Network& network, const unspool_pen_call& call, Memory m) {
    auto* w = m.take<Writing>(1);
    if (!w) return nullptr;
    *w = {};
    w->Job::run = [](Job* job, const Team& team) { static_cast<Writing*>(job)->write(team); };
    w->network = static_cast<const PackedNetwork*>(&network), w->pen = call;
    w->call = {};
    w->call.batch = call.batch, w->call.state = call.state, w->call.threads = call.threads;
    return w->lay_pen(m) ? w : nullptr;
  }

 private:
  bool lay_pen(Memory m) {
    const long B = pen.batch;
    places_row = whole(pen.texts + 1), shape_row = up(3 * network->components, wide) * wide;
    symbols = m.take<int32_t>(B * pen.texts);
    kappa = m.take<float>(B * network->components);
    phi = m.take<float>(B * places_row);
    shape = m.take<float>(B * shape_row);
    return symbols && kappa && phi && shape && lay(m);
  }

  Text text(long b) const {
    const long V = network->symbols;
    return {pen.values + b * pen.texts * V, symbols + b * pen.texts, static_cast<long>(pen.ends[b]), V};
  }

  void write(const Team& team) {
    const Range mine = share(pen.batch, team.index, team.size);
    for (long b = mine.begin; b < mine.end; ++b) open(b);
    own[team.index].now = 0;
    enter_states(mine);
    team.wait();
    for (int64_t step = 0; step < pen.steps; ++step) {
      own[team.index].now ^= 1;
      for (long l = 0; l < network->layers; ++l) {
        advance_layer(l, team);
        if (l > 0 || !network->components) continue;
        for (long b = mine.begin; b < mine.end; ++b) move_window(b, step);
        team.wait();
      }
      score(team);
      team.wait();
      for (long b = mine.begin; b < mine.end; ++b) choose_point(b, step);
      team.wait();
      if (all_finished()) break;
    }
    copy_state(mine, own[team.index].now, false);
    for (long b = mine.begin; b < mine.end; ++b) close(b);
  }

  void open(long b) {
    const long K = network->components, V = network->symbols;
    float* input = inputs + b * inputs_row;
    for (long i = 0; i < inputs_row; ++i) input[i] = 0;
    memcpy(input, pen.point + b * point_size, sizeof(float) * point_size);
    pen.count[b] = 0;
    if (!K) return;
    text(b).find_ids();
    memcpy(input + point_size, pen.window + b * V, sizeof(float) * V);
    memcpy(kappa + b * K, pen.kappa + b * K, sizeof(float) * K);
  }

  void close(long b) {
    const long K = network->components, V = network->symbols;
    const float* input = inputs + b * inputs_row;
    memcpy(pen.point + b * point_size, input, sizeof(float) * point_size);
    if (!K) return;
    memcpy(pen.window + b * V, input + point_size, sizeof(float) * V);
    memcpy(pen.kappa + b * K, kappa + b * K, sizeof(float) * K);
  }

  void move_window(long b, int64_t step) {
    const Matrix& m = network->window;
    const PackedLayer& lowest = network->layer[0];
    const Place& at = place[0];
    const float* h = at.h[own_now()] + b * lowest.padded;
    float* row = shape + b * shape_row;
    memcpy(row, network->window_bias, sizeof(float) * shape_row);
    const Left left = {h, nullptr, nullptr, 1};
    for (long p = 0; p < m.panels; ++p) multiply<4>(m, &left, 1, p, 1, row + p * wide);
    const Text read = text(b);
    slide(row, kappa + b * network->components, network->components, read.length + 1, phi + b * places_row);
    read.show(phi + b * places_row, inputs + b * inputs_row + point_size);
    float* out = pen.phi + (step * pen.batch + b) * (pen.texts + 1);
    for (long u = 0; u <= pen.texts; ++u) out[u] = u <= read.length ? phi[b * places_row + u] : 0;
  }

  int own_now() const { return own[0].now; }  // the same for all threads between two meetings

  // The rule of section 5.3: phi behind the text is more than on each of its symbols.
  bool ends(long b) const {
    const float* weight = phi + b * places_row;
    const long length = pen.ends[b];
    for (long u = 0; u < length; ++u)
      if (!(weight[length] > weight[u])) return false;
    return true;
  }

  void choose_point(long b, int64_t step) {
    if (pen.finished[b]) return;
    const uint64_t number = pen.first + step;
    if (network->components && number > 0 && ends(b)) {
      pen.finished[b] = 1;
      return;
    }
    double drawn[uniforms];
    for (int i = 0; i < uniforms; ++i) drawn[i] = uniform(pen.seed, pen.samples[b], uniforms * number + i);
    float* input = inputs + b * inputs_row;
    sample_point(scores + b * scores_row, (network->vocabulary - 1) / 6, pen.sharpness, drawn, input);
    memcpy(pen.points + (step * pen.batch + b) * point_size, input, sizeof(float) * point_size);
    pen.count[b] = step + 1;
  }

  bool all_finished() const {
    for (long b = 0; b < pen.batch; ++b)
      if (!pen.finished[b]) return false;
    return true;
  }
};

// Packs the network of a pen: that of its plan, and what the points and the window are multiplied with.
inline Network* pack_pen(const unspool_pen_plan& plan, bool dot, Memory m) {
  auto* n = static_cast<PackedNetwork*>(pack_network(plan.plan, dot, m, plan.weight_input, point_size + plan.symbols));
  if (!n) return nullptr;
  n->symbols = plan.symbols, n->components = plan.components;
  if (!plan.components) return n;
  unspool_plan single = plan.plan;
  single.weights = UNSPOOL_FLOAT32;
  const long rows = 3 * plan.components, panels = up(rows, wide);
  n->window = empty_matrix(single, false, n->layer[0].hidden, panels, 4);
  const auto row_of = [rows](long i) { return i < rows ? i : -1; };
  if (!n->window.pack(plan.weight, n->layer[0].hidden, row_of, m)) return nullptr;
  n->window_bias = m.take<float>(panels * wide);
  if (!n->window_bias) return nullptr;
  for (long i = 0; i < panels * wide; ++i) n->window_bias[i] = i < rows ? plan.bias[i] : 0;
  n->bytes += packed_bytes(n->window);
  return n;
}

}  // namespace unspool::UNSPOOL_ISA
