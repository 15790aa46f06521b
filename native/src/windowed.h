// A layer over time that reads its input beside a window on a text, forward and backward.
//
// Forward: after each step of the cell the window moves on, and what it shows is written into the input of the next
// step. Backward: before each step of the cell, the window's derivatives are turned into their share of dh.
#pragma once

#include "backward.h"
#include "forward.h"
#include "window.h"

namespace unspool::UNSPOOL_ISA {

// What both directions know of the texts, and room for one sequence of each thread.
struct Reading {
  unspool_windowed call;
  int32_t* ids;   // [B][U]
  float* room;    // [threads][room_row]
  long room_row;

  bool lay(const unspool_windowed& c, Memory m) {
    call = c;
    ids = m.take<int32_t>(c.layer.batch * c.texts);
    const long shapes = up(3 * c.components, thin) * thin;
    room_row = tile_rows<2> * shapes + whole(c.texts + 1) + whole(c.symbols);
    room = m.take<float>(c.layer.threads * room_row);
    return ids && room;
  }

  void find_ids(const Team& team) const {
    const Range mine = share(call.layer.batch, team.index, team.size);
    for (long row = mine.begin; row < mine.end; ++row) text(row).find_ids();
  }

  Text text(long row) const {
    return {call.values + row * call.texts * call.symbols, ids + row * call.texts, static_cast<long>(call.ends[row]),
            static_cast<long>(call.symbols)};
  }
};

template <class Cell, class Number = Single>
struct WindowedForward : Forward<Cell, Number> {
  Reading reading;
  unspool_windowed_results out;
  long depth, panels;     // H; panels of the window's weights
  float *weight, *bias;   // [panels][H][thin], [panels][thin]
  float* kappa;           // [B][K] by position

  static Job* prepare(const unspool_windowed& w, const unspool_windowed_results& out, Memory m) {
    auto* f = m.take<WindowedForward>(1);
    if (!f) return nullptr;
    *f = {};
    f->Job::run = [](Job* job, const Team& team) { static_cast<WindowedForward*>(job)->read(team); };
    f->y = out.y + w.symbols, f->across = w.symbols + w.layer.hidden;
    f->hn = out.hn, f->cn = out.cn, f->saved = out.saved, f->out = out;
    if (!f->lay(w.layer, m) || !f->reading.lay(w, m)) return nullptr;
    f->depth = w.layer.hidden, f->panels = up(3 * w.components, thin);
    f->weight = m.take<float>(f->panels * f->depth * thin);
    f->bias = m.take<float>(f->panels * thin);
    f->kappa = m.take<float>(w.layer.batch * w.components);
    return f->weight && f->bias && f->kappa ? f : nullptr;
  }

  void read(const Team& team) {
    enter(team);
    if (Number::per_word > 1) team.wait();  // what it wrote becomes words
    this->work(team, [&](int block, long alive, long step, int part) {
      move(block, alive, step, part, team.index);
      if (this->split.units > 1) team.wait();
    });
    if (team.index < this->split.blocks * this->split.units && team.index % this->split.units == 0)
      leave(team.index / this->split.units);
  }

 private:
  // The window's share of the input of a step.
  float* shown(long position, long step) const {
    const unspool_windowed& w = reading.call;
    return out.x + (this->order.place(position, step) + 1) * w.layer.input - w.symbols;
  }

  void enter(const Team& team) {
    const unspool_windowed& w = reading.call;
    const long K = w.components, V = w.symbols, rows = 3 * K;
    reading.find_ids(team);
    Range mine = share(panels, team.index, team.size);
    for (long p = mine.begin; p < mine.end; ++p) {
      const float* columns[thin];
      for (int c = 0; c < thin; ++c) {
        const long row = p * thin + c;
        columns[c] = row < rows ? w.weight + row * depth : nullptr;
        bias[row] = row < rows ? w.bias[row] : 0;
      }
      pack_columns(weight + p * depth * thin, depth, thin, columns);
    }
    mine = share(w.layer.batch, team.index, team.size);
    for (long i = mine.begin; i < mine.end; ++i) {
      const long row = this->order.row[i];
      for (long k = 0; k < K; ++k) kappa[i * K + k] = w.kappa0 ? w.kappa0[row * K + k] : 0;
      float* first = shown(i, 0);
      for (long v = 0; v < V && this->order.length[i] > 0; ++v) first[v] = w.window0 ? w.window0[row * V + v] : 0;
    }
  }

  void move(int block, long alive, long step, int part, int thread) {
    constexpr int most = tile_rows<2>;
    const unspool_windowed& w = reading.call;
    const Range mine = share(alive, part, this->split.units);
    const long begin = this->order.start[block] + mine.begin, end = this->order.start[block] + mine.end;
    const long shapes = panels * thin;
    float* room = reading.room + thread * reading.room_row;
    float* phi = room + most * shapes;
    for (long first = begin; first < end;) {
      const int rows = next_rows<2>(end - first);
      const float* h[most];
      for (int i = 0; i < rows; ++i) h[i] = this->before(first + i, step + 1);
      for (long p = 0; p < panels; ++p)
        product<Single, 2>(rows, Pointers{h}, depth, weight + p * depth * thin, room + p * thin, shapes, Start::row,
                           bias + p * thin);
      for (int i = 0; i < rows; ++i) {
        const long position = first + i, K = w.components;
        const Text text = reading.text(this->order.row[position]);
        float *shape = room + i * shapes, *place = kappa + position * K;
        slide(shape, place, K, text.length + 1, phi);
        float* window = out.y + this->order.place(position, step) * this->across;
        text.show(phi, window);
        if (step + 1 < this->order.length[position]) show(position, step + 1, window);
        if (!out.trail) continue;
        float* trail = out.trail + this->order.place(position, step) * 4 * K;
        memcpy(trail, shape, sizeof(float) * 3 * K);
        memcpy(trail + 3 * K, place, sizeof(float) * K);
      }
      first += rows;
    }
  }

  // Writes a window into the input of a step.
  void show(long position, long step, const float* window) const {
    const unspool_windowed& w = reading.call;
    memcpy(shown(position, step), window, sizeof(float) * w.symbols);
    if constexpr (Number::per_word > 1) {
      const long place = this->order.place(position, step), size = w.layer.input;
      this->row_to_words(const_cast<float*>(this->inputs) + place * this->depth_x, out.x + place * size, size);
    }
  }

  void leave(int block) {
    const unspool_windowed& w = reading.call;
    const long K = w.components, V = w.symbols;
    for (long i = this->order.start[block]; i < this->order.start[block + 1]; ++i) {
      const long row = this->order.row[i], length = this->order.length[i];
      for (long k = 0; k < K; ++k) out.kappan[row * K + k] = kappa[i * K + k];
      const float* last = length > 0 ? out.y + this->order.place(i, length - 1) * this->across
                          : w.window0 ? w.window0 + row * V
                                      : nullptr;
      for (long v = 0; v < V; ++v) out.windown[row * V + v] = last ? last[v] : 0;
    }
  }
};

template <class Cell, class Number = Single>
struct WindowedBackward : Backward<Cell, Number> {
  Reading reading;
  unspool_windowed_gradients out;
  long width;             // room for the V derivatives of a window
  float* weight_w;        // packed to carry deltas back to the window
  float* weight;          // [panels of H][3K][wide], to carry those of the window's shape back to h
  float *dwindow, *dkappa;  // [B][width], [B][K] by position

  static Job* prepare(const unspool_windowed& w, const unspool_windowed_gradients& g, Memory m) {
    auto* b = m.take<WindowedBackward>(1);
    if (!b) return nullptr;
    *b = {};
    b->Job::run = [](Job* job, const Team& team) { static_cast<WindowedBackward*>(job)->read(team); };
    b->layer = w.layer, b->given = g.layer, b->threads = w.layer.threads, b->out = g;
    b->given.y += w.symbols, b->given.dy += w.symbols, b->across = w.symbols + w.layer.hidden;
    if (!b->lay(m) || !b->reading.lay(w, m)) return nullptr;
    b->width = up(w.symbols, wide) * wide;
    b->weight_w = m.take<float>(b->width * b->deltas[0].depth);
    b->weight = m.take<float>(b->padded * 3 * w.components);
    b->dwindow = m.take<float>(w.layer.batch * b->width);
    b->dkappa = m.take<float>(w.layer.batch * w.components);
    return b->weight_w && b->weight && b->dwindow && b->dkappa ? b : nullptr;
  }

  void read(const Team& team) {
    const Tiles<Number> tiles;
    enter(team);
    this->work(team, [&](int block, long step, int part) {
      const bool together = this->split.units > 1;
      this->carry(block, step, part);
      if (step + 1 < this->order.longest) carry_window(block, step + 1, part);
      if (together) team.wait();
      move(block, step, part, team.index);
      if (together) team.wait();
      carry_shape(block, step, part);
    });
    leave(team);
  }

 private:
  void enter(const Team& team) {
    const unspool_windowed& w = reading.call;
    const long K = w.components, V = w.symbols, H = w.layer.hidden;
    reading.find_ids(team);
    pack_transposed<Number>(weight_w, w.layer.weight_ih + w.layer.input - V, w.layer.input, V, this->deltas[0].gates,
                            share(width / wide, team.index, team.size));
    const Range panels = share(this->padded / wide, team.index, team.size);
    for (long p = panels.begin; p < panels.end; ++p)
      for (long k = 0; k < 3 * K; ++k)
        pack_row(weight + (p * 3 * K + k) * wide, w.weight + k * H + p * wide, H - p * wide);
    const Range mine = share(w.layer.batch, team.index, team.size);
    for (long i = mine.begin; i < mine.end; ++i) {
      const long row = this->order.row[i];
      for (long v = 0; v < width; ++v) dwindow[i * width + v] = v < V && out.dwindown ? out.dwindown[row * V + v] : 0;
      for (long k = 0; k < K; ++k) dkappa[i * K + k] = out.dkappan ? out.dkappan[row * K + k] : 0;
    }
  }

  void carry_window(int block, long step, int part) {
    this->flow(block, step, part, this->deltas[0], weight_w, dwindow, Start::out, width);
  }

  // The derivatives of what moves the windows of a step, from those of what they showed.
  void move(int block, long step, int part, int thread) {
    const unspool_windowed& w = reading.call;
    const long K = w.components, V = w.symbols, start = this->order.start[block];
    const Range mine = share(this->order.alive(block, step), part, this->split.units);
    float* asked = reading.room + thread * reading.room_row;
    for (long i = start + mine.begin; i < start + mine.end; ++i) {
      const long place = this->order.place(i, step);
      const float* dy = out.layer.dy + place * this->across;
      float* window = dwindow + i * width;
      for (long v = 0; v < V; ++v) window[v] += dy[v];
      const Text text = reading.text(this->order.row[i]);
      text.ask(window, asked);
      slide_back(out.trail + place * 4 * K, asked, K, text.length, dkappa + i * K, out.dshape + place * 3 * K);
      for (long v = 0; v < V; ++v) window[v] = 0;
    }
  }

  void carry_shape(int block, long step, int part) {
    constexpr int most = tile_rows<4>;
    const long depth = 3 * reading.call.components, begin = this->order.start[block];
    const long end = begin + this->order.alive(block, step);
    const Range mine = share(this->padded / wide, part, this->split.units);
    for (long panel = mine.begin; panel < mine.end; ++panel)
      for (long first = begin; first < end;) {
        const int rows = next_rows<4>(end - first);
        const float* left[most];
        for (int i = 0; i < rows; ++i) left[i] = out.dshape + this->order.place(first + i, step) * depth;
        product<Single, 4>(rows, Pointers{left}, depth, weight + panel * depth * wide,
                           this->dh + first * this->padded + panel * wide, this->padded, Start::out);
        first += rows;
      }
  }

  void leave(const Team& team) {
    const unspool_windowed& w = reading.call;
    const long K = w.components, V = w.symbols;
    const int blocks = this->split.blocks, units = this->split.units;
    if (team.index < blocks * units && this->order.longest > 0) carry_window(team.index / units, 0, team.index % units);
    team.wait();
    const Range mine = share(w.layer.batch, team.index, team.size);
    for (long i = mine.begin; i < mine.end; ++i) {
      const long row = this->order.row[i];
      for (long v = 0; v < V; ++v) out.dwindow0[row * V + v] = dwindow[i * width + v];
      for (long k = 0; k < K; ++k) out.dkappa0[row * K + k] = dkappa[i * K + k];
    }
  }
};

}  // namespace unspool::UNSPOOL_ISA
