// A layer over time, forward.
//
// For each step and pass: sums = bias + x_t W_ih + h_{t-1} W_hh for a tile of sequences and all gates of a few groups of
// units, then the cell's pointwise half on what is still in the nearest cache.
#pragma once

#include "cells.h"
#include "layout.h"

namespace unspool::UNSPOOL_ISA {

template <class Cell>
struct Forward : Job {
  unspool_layer layer;
  float *y, *hn, *cn, *saved;
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
  float* peephole;         // [3][padded]
  float* zeros;            // a row of h0 where there is none

  static constexpr int columns(int p) { return panel_groups(p) * Cell::count[p] * lanes; }
  static constexpr int panel_groups(int p) { return Cell::count[p] >= 3 ? 1 : 4 / Cell::count[p]; }

  static Job* prepare(const unspool_layer& l, float* y, float* hn, float* cn, float* saved, Memory m) {
    auto* f = m.take<Forward>(1);
    if (!f) return nullptr;
    *f = {};
    f->Job::run = [](Job* job, const Team& team) { static_cast<Forward*>(job)->work(team); };
    f->layer = l;
    f->y = y, f->hn = hn, f->cn = cn, f->saved = saved;
    f->split = Split::of(l, l.threads);
    f->groups = up(l.hidden, lanes), f->padded = up(l.hidden, wide) * wide;
    f->saved_row = f->groups * Cell::saved * lanes;
    f->saved_step = saved ? l.batch * f->saved_row : 0;
    if (!f->order.lay(f->layer, f->split.blocks, m)) return nullptr;
    if (!saved) f->saved = m.take<float>(l.batch * f->saved_row);
    f->memory = m.take<float>(Cell::memory ? l.batch * f->padded : 0);
    f->reset = m.take<float>(Cell::passes > 1 ? l.batch * f->padded : 0);
    f->peephole = m.take<float>(3 * f->padded);
    f->zeros = m.take<float>(l.hidden);
    if (!f->saved || !f->memory || !f->reset || !f->peephole || !f->zeros) return nullptr;
    for (int p = 0; p < Cell::passes; ++p) {
      Pass& s = f->pass[p];
      s.gates = {Cell::first[p], Cell::count[p], l.hidden};
      s.panel_groups = panel_groups(p);
      s.panels = up(f->groups, s.panel_groups);
      s.x = m.take<float>(s.panels * l.input * columns(p));
      s.h = m.take<float>(s.panels * l.hidden * columns(p));
      s.bias = m.take<float>(s.panels * columns(p));
      s.bias_h = m.take<float>(s.panels * columns(p));
      if (!s.x || !s.h || !s.bias || !s.bias_h) return nullptr;
    }
    return f;
  }

  void work(const Team& team) {
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
    }
    if (part == 0) finish(block);
  }

  void pack(const Team& team) {
    for (int p = 0; p < Cell::passes; ++p) {
      Pass& s = pass[p];
      const Range mine = share(s.panels, team.index, team.size);
      pack_gates(s.x, layer.weight_ih, layer.input, s.gates, s.panel_groups, mine);
      pack_gates(s.h, layer.weight_hh, layer.hidden, s.gates, s.panel_groups, mine);
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
    if (step > 0) return y + order.place(position, step - 1) * layer.hidden;
    return layer.h0 ? layer.h0 + order.row[position] * layer.hidden : zeros;
  }

  float* saved_at(long position, long step) const {
    return saved + step * saved_step + order.row[position] * saved_row;
  }

  template <int P>
  void advance(int block, long alive, long step, int part) {
    constexpr int vectors = Cell::count[P] * panel_groups(P), most = tile_rows<vectors>;
    const Pass& s = pass[P];
    const Range mine = share(s.panels, part, split.units);
    const long begin = order.start[block], end = begin + alive;
    float sums[most * vectors * lanes], shares[Cell::split ? most * vectors * lanes : 1];
    for (long panel = mine.begin; panel < mine.end; ++panel) {
      const float* wx = s.x + panel * layer.input * columns(P);
      const float* wh = s.h + panel * layer.hidden * columns(P);
      for (long first = begin; first < end;) {
        const int rows = next_rows<vectors>(end - first);
        const float *x[most], *h[most];
        for (int i = 0; i < rows; ++i) {
          x[i] = layer.x + order.place(first + i, step) * layer.input;
          h[i] = P == 0 ? before(first + i, step) : reset + (first + i) * padded;
        }
        product<vectors>(rows, Pointers{x}, layer.input, wx, sums, columns(P), Start::row, s.bias + panel * columns(P));
        if (Cell::split)
          product<vectors>(rows, Pointers{h}, layer.hidden, wh, shares, columns(P), Start::row,
                           s.bias_h + panel * columns(P));
        else
          product<vectors>(rows, Pointers{h}, layer.hidden, wh, sums, columns(P), Start::out);
        for (int i = 0; i < rows; ++i)
          point<P>(first + i, step, panel, sums + i * columns(P), shares + (Cell::split ? i * columns(P) : 0));
        first += rows;
      }
    }
  }

  template <int P>
  UNSPOOL_INLINE void point(long position, long step, long panel, const float* sums, const float* shares) {
    const float* h_before = before(position, step);
    float* out = y + order.place(position, step) * layer.hidden;
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
      if constexpr (P + 1 < Cell::passes) Cell::forward_reset(at);
      else store_part(out + unit, Cell::forward(at), units);
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
