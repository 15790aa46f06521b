// A layer over time, forward.
//
// For each step and pass: sums = bias + x_t W_ih + h_{t-1} W_hh for a tile of sequences and all gates of a few groups of
// units, then the cell's pointwise half on what is still in the nearest cache.
#pragma once

#include "cells.h"
#include "layout.h"

namespace unspool::UNSPOOL_ISA {

template <class Cell, class Number = Single>
struct Forward : Job {
  unspool_layer layer;
  float *y, *hn, *cn, *saved;
  long across;             // between two rows of y
  Order order;
  Split split;
  long groups, padded;     // groups of units, and units they have room for
  long saved_row;          // floats of `saved` for one step of one sequence
  long saved_step;         // between two steps; 0 where only the latest is kept
  struct Pass {
    Gates gates;
    int panel_groups;
    long panels;
    float *x, *h;          // packed weights
    float *bias, *bias_h;  // [panels][columns]; bias_h only where the cell splits the shares
  } pass[Cell::passes];
  float *memory, *reset;   // [B][padded] by position
  long depth_x, depth_h;   // words of a row of inputs and of states
  const float *inputs, *weight_ih, *weight_hh;  // the layer's own, or as words
  float* states;           // as words: [2][B][padded], the latest two steps by position
  float* reset_words;      // [B][padded]
  float* peephole;         // [3][padded]
  float* zeros;            // a row of h0 where there is none

  static constexpr int columns(int p) { return panel_groups(p) * Cell::count[p] * lanes; }
  static constexpr int panel_groups(int p) { return Cell::count[p] >= 3 ? 1 : 4 / Cell::count[p]; }

  static Job* prepare(const unspool_layer& l, float* y, float* hn, float* cn, float* saved, Memory m) {
    auto* f = m.take<Forward>(1);
    if (!f) return nullptr;
    *f = {};
    f->Job::run = [](Job* job, const Team& team) { static_cast<Forward*>(job)->work(team, [](int, long, long, int) {}); };
    f->y = y, f->hn = hn, f->cn = cn, f->saved = saved, f->across = l.hidden;
    return f->lay(l, m) ? f : nullptr;
  }

  bool lay(const unspool_layer& l, Memory m) {
    layer = l;
    split = Split::of(l, l.threads);
    groups = up(l.hidden, lanes), padded = up(l.hidden, wide) * wide;
    saved_row = groups * Cell::saved * lanes;
    saved_step = saved ? l.batch * saved_row : 0;
    if (!order.lay(layer, split.blocks, m)) return false;
    if (!saved) saved = m.take<float>(l.batch * saved_row);
    memory = m.take<float>(Cell::memory ? l.batch * padded : 0);
    reset = m.take<float>(Cell::passes > 1 ? l.batch * padded : 0);
    peephole = m.take<float>(3 * padded);
    zeros = m.take<float>(l.hidden);
    if (!saved || !memory || !reset || !peephole || !zeros) return false;
    depth_x = words<Number>(l.input), depth_h = words<Number>(l.hidden);
    inputs = l.x, weight_ih = l.weight_ih, weight_hh = l.weight_hh;
    states = reset_words = reset;
    if (Number::per_word > 1) {
      inputs = m.take<float>(l.steps * l.batch * depth_x);
      weight_ih = m.take<float>(Cell::gates * l.hidden * depth_x);
      weight_hh = m.take<float>(Cell::gates * l.hidden * depth_h);
      states = m.take<float>(2 * l.batch * padded);
      reset_words = m.take<float>(Cell::passes > 1 ? l.batch * padded : 0);
      if (!inputs || !weight_ih || !weight_hh || !states || !reset_words) return false;
    }
    for (int p = 0; p < Cell::passes; ++p) {
      Pass& s = pass[p];
      s.gates = {Cell::first[p], Cell::count[p], l.hidden};
      s.panel_groups = panel_groups(p);
      s.panels = up(groups, s.panel_groups);
      s.x = m.take<float>(s.panels * depth_x * columns(p));
      s.h = m.take<float>(s.panels * depth_h * columns(p));
      s.bias = m.take<float>(s.panels * columns(p));
      s.bias_h = m.take<float>(s.panels * columns(p));
      if (!s.x || !s.h || !s.bias || !s.bias_h) return false;
    }
    return true;
  }

  // After each step, `after(block, alive, step, part)`.
  template <class After>
  void work(const Team& team, After after) {
    const Tiles<Number> tiles;
    if constexpr (Number::per_word > 1) {
      convert(team);
      team.wait();
    }
    pack(team);
    team.wait();
    if (team.index >= split.blocks * split.units) return;
    const int block = team.index / split.units, part = team.index % split.units;
    for (long step = 0; step < order.longest; ++step) {
      const long alive = order.alive(block, step);
      if (alive == 0 && split.units == 1) break;
      advance<0>(block, alive, step, part);
      if (split.units > 1) team.wait();
      if constexpr (Cell::passes > 1) {
        advance<1>(block, alive, step, part);
        if (split.units > 1) team.wait();
      }
      after(block, alive, step, part);
    }
    if (part == 0) finish(block);
  }

  // What the products read, as words.
  void convert(const Team& team) {
    rows_to_words(inputs, layer.x, layer.steps * layer.batch, layer.input, depth_x, team);
    rows_to_words(weight_ih, layer.weight_ih, Cell::gates * layer.hidden, layer.input, depth_x, team);
    rows_to_words(weight_hh, layer.weight_hh, Cell::gates * layer.hidden, layer.hidden, depth_h, team);
    const Range mine = share(layer.batch, team.index, team.size);
    for (long i = mine.begin; i < mine.end; ++i)
      for (long u = 0; u < layer.hidden; u += lanes) {
        const int units = static_cast<int>(least(lanes, layer.hidden - u));
        const float* from = layer.h0 ? layer.h0 + order.row[i] * layer.hidden + u : nullptr;
        keep_words(states_at(i, -1) + u / Number::per_word, from ? load_part(from, units) : vec{});
      }
  }

  static void rows_to_words(const float* out, const float* rows, long count, long size, long depth, const Team& team) {
    const Range mine = share(count, team.index, team.size);
    for (long i = mine.begin; i < mine.end; ++i) row_to_words(const_cast<float*>(out) + i * depth, rows + i * size, size);
  }

  static void row_to_words(float* out, const float* row, long size) {
    float some[2 * lanes];
    for (long k = 0; k < size; k += lanes) {
      const int n = static_cast<int>(least(lanes, size - k));
      keep_words(some, load_part(row + k, n));
      memcpy(out + k / Number::per_word, some, sizeof(float) * words<Number>(n));
    }
  }

  static UNSPOOL_INLINE void keep_words(float* out, vec v) {
    if constexpr (Number::per_word > 1) Number::neighbours(out, v);
  }

  // The words of the state after a step; those before the first lie at step -1.
  float* states_at(long position, long step) const {
    return states + (((step + 2) % 2) * layer.batch + position) * padded;
  }

  void pack(const Team& team) {
    for (int p = 0; p < Cell::passes; ++p) {
      Pass& s = pass[p];
      const Range mine = share(s.panels, team.index, team.size);
      pack_gates(s.x, weight_ih, depth_x, s.gates, s.panel_groups, mine);
      pack_gates(s.h, weight_hh, depth_h, s.gates, s.panel_groups, mine);
      for (long i = mine.begin * columns(p); i < mine.end * columns(p); ++i) {
        const long row = i < s.gates.width() ? s.gates.row(i) : -1;
        const float a = row < 0 || !layer.bias_ih ? 0 : layer.bias_ih[row];
        const float b = row < 0 || !layer.bias_hh ? 0 : layer.bias_hh[row];
        s.bias[i] = Cell::split ? a : a + b;
        s.bias_h[i] = b;
      }
    }
    if (Cell::memory) {
      const Range mine = share(layer.batch, team.index, team.size);
      for (long i = mine.begin; i < mine.end; ++i)
        for (long u = 0; u < padded; ++u)
          memory[i * padded + u] = u < layer.hidden && layer.c0 ? layer.c0[order.row[i] * layer.hidden + u] : 0;
    }
    if (team.index > 0) return;
    for (long u = 0; u < layer.hidden; ++u) zeros[u] = 0;
    for (long u = 0; u < 3 * padded && Cell::peephole; ++u)
      peephole[u] = u % padded < layer.hidden ? layer.peephole[u / padded * layer.hidden + u % padded] : 0;
  }

  const float* before(long position, long step) const {
    if (step > 0) return y + order.place(position, step - 1) * across;
    return layer.h0 ? layer.h0 + order.row[position] * layer.hidden : zeros;
  }

  float* saved_at(long position, long step) const {
    return saved + step * saved_step + order.row[position] * saved_row;
  }

  template <int P>
  void advance(int block, long alive, long step, int part) {
    constexpr int vectors = Cell::count[P] * panel_groups(P), most = tile_rows<vectors, Number>;
    const Pass& s = pass[P];
    const Range mine = share(s.panels, part, split.units);
    const long begin = order.start[block], end = begin + alive;
    float sums[most * vectors * lanes], shares[Cell::split ? most * vectors * lanes : 1];
    for (long panel = mine.begin; panel < mine.end; ++panel) {
      const float* wx = s.x + panel * depth_x * columns(P);
      const float* wh = s.h + panel * depth_h * columns(P);
      for (long first = begin; first < end;) {
        const int rows = next_rows<vectors, Number>(end - first);
        const float *x[most], *h[most];
        for (int i = 0; i < rows; ++i) {
          x[i] = inputs + order.place(first + i, step) * depth_x;
          h[i] = P > 0                  ? reset_words + (first + i) * padded
                 : Number::per_word > 1 ? states_at(first + i, step - 1)
                                        : before(first + i, step);
        }
        product<Number, vectors>(rows, Pointers{x}, depth_x, wx, sums, columns(P), Start::row,
                                 s.bias + panel * columns(P));
        if (Cell::split)
          product<Number, vectors>(rows, Pointers{h}, depth_h, wh, shares, columns(P), Start::row,
                                   s.bias_h + panel * columns(P));
        else
          product<Number, vectors>(rows, Pointers{h}, depth_h, wh, sums, columns(P), Start::out);
        for (int i = 0; i < rows; ++i)
          point<P>(first + i, step, panel, sums + i * columns(P), shares + (Cell::split ? i * columns(P) : 0));
        first += rows;
      }
    }
  }

  template <int P>
  UNSPOOL_INLINE void point(long position, long step, long panel, const float* sums, const float* shares) {
    const float* h_before = before(position, step);
    float* out = y + order.place(position, step) * across;
    for (int i = 0; i < panel_groups(P); ++i) {
      const long group = panel * panel_groups(P) + i, unit = group * lanes;
      if (group >= groups) break;
      const int units = static_cast<int>(least(lanes, layer.hidden - unit));
      const Ahead at = {sums + i * Cell::count[P] * lanes,
                        shares + (Cell::split ? i * Cell::count[P] * lanes : 0),
                        load_part(h_before + unit, units),
                        memory + (Cell::memory ? position * padded + unit : 0),
                        peephole + unit,
                        padded,
                        saved_at(position, step) + group * Cell::saved * lanes,
                        reset + (Cell::passes > 1 ? position * padded + unit : 0)};
      if constexpr (P + 1 < Cell::passes) {
        Cell::forward_reset(at);
        keep_words(reset_words + position * padded + unit / Number::per_word, load(at.reset));
      } else {
        const vec h = Cell::forward(at);
        store_part(out + unit, h, units);
        keep_words(states_at(position, step) + unit / Number::per_word, h);
      }
    }
  }

  void finish(int block) {
    const long H = layer.hidden;
    for (long i = order.start[block]; i < order.start[block + 1]; ++i) {
      const long row = order.row[i];
      const float* last = before(i, order.length[i]);
      for (long u = 0; u < H; ++u) hn[row * H + u] = last[u];
      for (long u = 0; u < H && Cell::memory; ++u) cn[row * H + u] = memory[i * padded + u];
    }
  }
};

}  // namespace unspool::UNSPOOL_ISA
