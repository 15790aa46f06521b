// The loop of generation: choose, feed back, one step of every layer, scores; all threads run it together.
//
// The units of a layer and the symbols of the output are shared among the threads, which meet after each product.
#pragma once

#include "network.h"
#include "sampler.h"

namespace unspool::UNSPOOL_ISA {

// A layer's state during a call. The h of a step is written beside that of the step before.
struct Place {
  float* h[2];    // [B][padded]
  float* memory;  // c [B][padded]
  float* saved;   // [B][groups][saved][lanes]
  float* reset;   // [B][padded]
};

struct Generation : Job {
  const PackedNetwork* network;
  unspool_generation call;
  const int64_t* given;  // the symbols of the one step that is made, where nothing is to be chosen
  Place* place;
  int now = 0;           // which h is the new one
  int64_t* ids;          // [B], what is fed
  float* scores;         // [B][padded vocabulary]
  long scores_row;
  float* inputs;         // [B][inputs_row], the numbers that are fed, where no symbols are; padding is 0
  long inputs_row;
  struct Own {           // of each thread
    Left *below, *own, *input;  // [B]
    uint8_t *room[3];    // for vectors split into bytes
    long room_row;
    Sampler sampler;
    float* masked;       // [V]
    int now;
  }* own;

  static Job* prepare(const Network& network, const unspool_generation& call, const int64_t* ids, Memory m);
  void work(const Team& team);

 protected:
  bool lay(Memory m);
  bool lay_thread(Own& mine, long deepest, Memory m);
  void enter(const Team& team);
  void enter_states(Range rows);
  void leave(const Team& team);
  void copy_state(Range rows, int side, bool in);
  void choose(int64_t step, const Team& team);
  void advance_layer(long layer, const Team& team);
  void advance_all(const Team& team);
  void score(const Team& team);
};

// What a matrix multiplies: rows of h, split into bytes where it needs them.
inline void vectors_for(const Matrix& m, const float* rows, long stride, long batch, uint8_t* room, long room_row,
                        Left* out) {
  for (long b = 0; b < batch; ++b) {
    if (m.dot) out[b] = split(rows + b * stride, m.depth, room + b * room_row);
    else out[b] = {rows + b * stride, nullptr, nullptr, 1};
  }
}

// The rows and panels of a tile: a few rows of one panel, or one row of a few panels.
struct Tile {
  int rows, panels;
};

inline Tile next_tile(const Matrix& m, long rows, bool alone, long panels) {
  const long most = m.most();
  if (alone) return {1, static_cast<int>(least(panels, least(most, 4)))};
  const long tiles = (rows + most - 1) / most;
  return {static_cast<int>((rows + tiles - 1) / tiles), 1};
}

template <class Cell, int P>
UNSPOOL_INLINE void point(const PackedLayer& layer, const Place& place, int now, long row, long panel,
                          const float* sums, const float* shares) {
  constexpr int count = Cell::count[P];
  for (int i = 0; i < groups_of_panel<Cell, P>; ++i) {
    const long group = panel * groups_of_panel<Cell, P> + i, unit = group * lanes;
    if (group >= layer.groups) break;
    const Ahead at = {sums + i * count * lanes,
                      shares + i * count * lanes,
                      load(place.h[1 - now] + row * layer.padded + unit),
                      place.memory + (Cell::memory ? row * layer.padded + unit : 0),
                      layer.peephole + unit,
                      layer.padded,
                      place.saved + (row * layer.groups + group) * Cell::saved * lanes,
                      place.reset + (Cell::passes > 1 ? row * layer.padded + unit : 0)};
    if constexpr (P + 1 < Cell::passes) Cell::forward_reset(at);
    else store(place.h[now] + row * layer.padded + unit, Cell::forward(at));
  }
}

// One pass of one layer for all rows and the caller's share of the units.
template <class Cell, int P>
void advance(Generation& g, long index, const Team& team) {
  constexpr int vectors = Cell::count[P] * groups_of_panel<Cell, P>, columns = vectors * lanes;
  const PackedLayer& layer = g.network->layer[index];
  const PackedPass& pass = layer.pass[P];
  const Place& place = g.place[index];
  Generation::Own& own = g.own[team.index];
  const int now = own.now;
  const long batch = g.call.batch, width = pass.own.panels * columns;
  const Range mine = share(pass.own.panels, team.index, team.size);
  if (mine.begin == mine.end) return;
  const float* recurrent = P == 0 ? place.h[1 - now] : place.reset;
  vectors_for(pass.own, recurrent, layer.padded, batch, own.room[0], own.room_row, own.own);
  if (layer.below)
    vectors_for(pass.below, g.place[index - 1].h[now], g.network->layer[index - 1].padded, batch, own.room[1],
                own.room_row, own.below);
  if (layer.input) vectors_for(pass.input, g.inputs, g.inputs_row, batch, own.room[2], own.room_row, own.input);
  float sums[24 * lanes], shares[24 * lanes];
  for (long panel = mine.begin; panel < mine.end;) {
    Tile tile{};
    for (long row = 0; row < batch; row += tile.rows) {
      tile = next_tile(pass.own, batch - row, batch == 1, mine.end - panel);
      const int size = tile.panels * columns;
      for (int i = 0; i < tile.rows; ++i) {
        const long symbol = layer.rows > 1 ? g.ids[row + i] : 0;
        memcpy(sums + i * size, pass.table + symbol * width + panel * columns, sizeof(float) * size);
        if (Cell::split) memcpy(shares + i * size, pass.bias + panel * columns, sizeof(float) * size);
      }
      if (layer.input) multiply<vectors>(pass.input, own.input + row, tile.rows, panel, tile.panels, sums);
      if (layer.below) multiply<vectors>(pass.below, own.below + row, tile.rows, panel, tile.panels, sums);
      multiply<vectors>(pass.own, own.own + row, tile.rows, panel, tile.panels, Cell::split ? shares : sums);
      for (int i = 0; i < tile.rows; ++i)
        for (int p = 0; p < tile.panels; ++p)
          point<Cell, P>(layer, place, now, row + i, panel + p, sums + i * size + p * columns,
                         shares + i * size + p * columns);
    }
    panel += tile.panels;
  }
}

inline void Generation::score(const Team& team) {
  const long batch = call.batch;
  Own& here = own[team.index];
  const Range mine = share(up(network->vocabulary, wide), team.index, team.size);
  if (mine.begin == mine.end) return;
  for (long b = 0; b < batch; ++b)
    memcpy(scores + b * scores_row + mine.begin * wide, network->bias + mine.begin * wide,
           sizeof(float) * (mine.end - mine.begin) * wide);
  float sums[24 * lanes];
  for (long l = network->first_read; l < network->layers; ++l) {
    const Matrix& m = network->output[l];
    vectors_for(m, place[l].h[here.now], network->layer[l].padded, batch, here.room[0], here.room_row,
                here.own);
    for (long panel = mine.begin; panel < mine.end;) {
      Tile tile{};
      for (long row = 0; row < batch; row += tile.rows) {
        tile = next_tile(m, batch - row, batch == 1, mine.end - panel);
        const int size = tile.panels * wide;
        float* out = scores + row * scores_row + panel * wide;
        for (int i = 0; i < tile.rows; ++i) memcpy(sums + i * size, out + i * scores_row, sizeof(float) * size);
        multiply<4>(m, here.own + row, tile.rows, panel, tile.panels, sums);
        for (int i = 0; i < tile.rows; ++i) memcpy(out + i * scores_row, sums + i * size, sizeof(float) * size);
      }
      panel += tile.panels;
    }
  }
}

inline void Generation::advance_layer(long layer, const Team& team) {
  for (int p = 0; p < network->layer[layer].passes; ++p) {
    network->layer[layer].advance[p](*this, layer, team);
    team.wait();
  }
}

inline void Generation::advance_all(const Team& team) {
  own[team.index].now ^= 1;
  for (long l = 0; l < network->layers; ++l) advance_layer(l, team);
  score(team);
  team.wait();
}

// Each thread chooses for some of the rows.
inline void Generation::choose(int64_t step, const Team& team) {
  Own& mine = own[team.index];
  for (long b = team.index; b < call.batch; b += team.size) {
    const Utf8 utf8{call.utf8 ? call.utf8 + b : nullptr};
    const double number = uniform(call.sampling.seed, call.samples[b], call.first + step);
    const int64_t left = call.left < 0 ? -1 : call.left - step;
    double log_prob = 0;
    const int64_t id =
        mine.sampler.choose(scores + b * scores_row, mine.masked, call.sampling, number, &utf8, left, &log_prob);
    call.ids[step * call.batch + b] = id;
    call.log_probs[step * call.batch + b] = log_prob;
    ids[b] = id < 0 ? 0 : id;
  }
  team.wait();
}

inline void Generation::work(const Team& team) {
  enter(team);
  team.wait();
  if (given) advance_all(team);
  for (int64_t step = 0; step < call.steps && !given; ++step) {
    choose(step, team);
    advance_all(team);
  }
  leave(team);
}

// Between the caller's state and ours; padding is 0.
inline void Generation::copy_state(Range rows, int side, bool in) {
  for (long b = rows.begin; b < rows.end; ++b) {
    float* outside = call.state + b * network->state_size;
    for (long l = 0; l < network->layers; ++l) {
      const PackedLayer& layer = network->layer[l];
      float* parts[] = {place[l].h[side], place[l].memory};
      for (int p = 0; p < (layer.memory ? 2 : 1); ++p) {
        float* inside = parts[p] + b * layer.padded;
        for (long u = 0; in && u < layer.padded; ++u) inside[u] = u < layer.hidden ? outside[u] : 0;
        if (!in) memcpy(outside, inside, sizeof(float) * layer.hidden);
        outside += layer.hidden;
      }
    }
  }
}

inline void Generation::enter_states(Range rows) {
  copy_state(rows, 0, true);
  for (long b = rows.begin; b < rows.end; ++b)
    for (long l = 0; l < network->layers; ++l) {
      const long padded = network->layer[l].padded;
      for (long u = 0; u < padded; ++u) place[l].h[1][b * padded + u] = place[l].reset[b * padded + u] = 0;
    }
}

inline void Generation::enter(const Team& team) {
  const Range rows = share(call.batch, team.index, team.size);
  own[team.index].now = 0;
  enter_states(rows);
  for (long b = rows.begin; b < rows.end; ++b) {
    if (given) ids[b] = given[b];
    else memcpy(scores + b * scores_row, call.scores + b * network->vocabulary, sizeof(float) * network->vocabulary);
  }
}

inline void Generation::leave(const Team& team) {
  const Range rows = share(call.batch, team.index, team.size);
  copy_state(rows, own[team.index].now, false);
  for (long b = rows.begin; b < rows.end; ++b)
    memcpy(call.scores + b * network->vocabulary, scores + b * scores_row, sizeof(float) * network->vocabulary);
}

inline bool Generation::lay_thread(Own& mine, long deepest, Memory m) {
  mine.room_row = split_size(deepest);
  mine.below = m.take<Left>(call.batch);
  mine.own = m.take<Left>(call.batch);
  mine.input = m.take<Left>(call.batch);
  for (uint8_t*& room : mine.room)
    if (!(room = m.take<uint8_t>(call.batch * mine.room_row))) return false;
  mine.masked = m.take<float>(network->vocabulary);
  return mine.below && mine.own && mine.input && mine.masked && mine.sampler.lay(network->vocabulary, m);
}

inline bool Generation::lay(Memory m) {
  const long batch = call.batch;
  long deepest = network->input;
  place = m.take<Place>(network->layers);
  if (!place) return false;
  for (long l = 0; l < network->layers; ++l) {
    const PackedLayer& layer = network->layer[l];
    Place& at = place[l];
    float** const rooms[] = {&at.h[0], &at.h[1], &at.memory, &at.reset};
    for (float** room : rooms)
      if (!(*room = m.take<float>(batch * layer.padded))) return false;
    at.saved = m.take<float>(batch * layer.groups * layer.saved * lanes);
    if (!at.saved) return false;
    if (layer.hidden > deepest) deepest = layer.hidden;
  }
  scores_row = up(network->vocabulary, wide) * wide;
  scores = m.take<float>(batch * scores_row);
  inputs_row = up(network->input, wide) * wide;
  inputs = m.take<float>(batch * inputs_row);
  ids = m.take<int64_t>(batch);
  own = m.take<Own>(call.threads);
  if (!scores || !inputs || !ids || !own) return false;
  for (int t = 0; t < call.threads; ++t)
    if (!lay_thread(own[t], deepest, m)) return false;
  return true;
}

inline Job* Generation::prepare(const Network& network, const unspool_generation& call, const int64_t* ids, Memory m) {
  auto* g = m.take<Generation>(1);
  if (!g) return nullptr;
  *g = {};
  g->Job::run = [](Job* job, const Team& team) { static_cast<Generation*>(job)->work(team); };
  g->network = static_cast<const PackedNetwork*>(&network);
  g->call = call, g->given = ids;
  return g->lay(m) ? g : nullptr;
}

}  // namespace unspool::UNSPOOL_ISA
