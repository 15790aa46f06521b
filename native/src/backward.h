// A layer over time, backward.
//
// From the last step to the first: dh_t = dy_t + what the cell passes on + delta_{t+1} W_hh, then the cell's pointwise half
// gives delta_t, the derivatives of the gates' sums. After each chunk of steps, while its deltas are in the cache: dx, and
// the chunk's share of the weights' gradients.
#pragma once

#include "cells.h"
#include "layout.h"
#include "weights.h"

namespace unspool::UNSPOOL_ISA {

template <class Cell, class Number = Single>
struct Backward : Job {
  static constexpr long chunk_entries = 512;  // steps times sequences of a chunk
  static constexpr int kinds = Cell::own ? 1 + Cell::passes : 1;

  unspool_layer layer;
  unspool_gradients given;
  long across;                    // between two rows of y and dy
  int threads;
  Order order;
  Split split;
  long groups, padded;
  long chunk, slots;              // steps of a chunk; slots of the deltas, one more
  Deltas<Number> deltas[kinds];           // of the input's share, and of each pass's recurrent share where it is another one
  Factors<Number> inputs, states, resets; // what the weights multiplied
  long* index;                    // [entries] row of the deltas
  const float **x, **h, **r;      // [entries] rows of inputs, states and reset states
  float* weight_h[Cell::passes];  // packed to carry deltas back to h
  float* weight_x;                // and to x
  float *dh, *dmemory;            // [B][padded] by position
  float *reset, *dreset;          // [slots][B][padded] r * h; [B][padded] its derivative
  float *peephole, *dpeephole;    // [3][padded]; [threads][3][padded]
  float* zeros;

  static Job* prepare(const unspool_layer& l, const unspool_gradients& g, Memory m) {
    auto* b = m.take<Backward>(1);
    if (!b) return nullptr;
    *b = {};
    b->Job::run = [](Job* job, const Team& team) { static_cast<Backward*>(job)->run_alone(team); };
    b->layer = l, b->given = g, b->threads = l.threads, b->across = l.hidden;
    return b->lay(m) ? b : nullptr;
  }

  bool lay(Memory m) {
    const long B = layer.batch, H = layer.hidden;
    split = Split::of(layer, threads);
    groups = up(H, lanes), padded = up(H, wide) * wide;
    chunk = chunk_entries / (B > 0 ? B : 1);
    chunk = chunk < 1 ? 1 : least(chunk, layer.steps);
    slots = chunk + 1;
    const long most = chunk * B;
    if (!order.lay(layer, split.blocks, m)) return false;
    if (!inputs.lay(layer.input, most, m) || !states.lay(H, most, m)) return false;
    if (!resets.lay(Cell::passes > 1 ? H : 0, most, m)) return false;
    if (!deltas[0].lay({0, Cell::gates, H}, slots * B, most, threads, m)) return false;
    for (int k = 1; k < kinds; ++k)
      if (!deltas[k].lay({Cell::first[k - 1], Cell::count[k - 1], H}, slots * B, most, threads, m)) return false;
    if (!join(deltas[0], inputs, given.dweight_ih, m)) return false;
    for (int p = 0; p < Cell::passes; ++p)
      if (!join(recurrent(p), p == 0 ? states : resets, given.dweight_hh, m)) return false;
    index = m.take<long>(most);
    x = m.take<const float*>(most), h = m.take<const float*>(most), r = m.take<const float*>(most);
    for (int p = 0; p < Cell::passes; ++p) {
      weight_h[p] = m.take<float>(up(H, wide) * recurrent(p).depth * wide);
      if (!weight_h[p]) return false;
    }
    weight_x = m.take<float>(up(layer.input, wide) * deltas[0].depth * wide);
    dh = m.take<float>(B * padded), dmemory = m.take<float>(Cell::memory ? B * padded : 0);
    reset = m.take<float>(Cell::passes > 1 ? slots * B * padded : 0);
    dreset = m.take<float>(Cell::passes > 1 ? B * padded : 0);
    peephole = m.take<float>(3 * padded), dpeephole = m.take<float>(threads * 3 * padded);
    zeros = m.take<float>(H);
    return index && x && h && r && weight_x && dh && dmemory && reset && dreset && peephole && dpeephole && zeros;
  }

  static bool join(Deltas<Number>& d, const Factors<Number>& f, float* gradient, Memory m) {
    return d.outer[d.outers++].lay(&f, gradient, d.gates, m);
  }

  Deltas<Number>& recurrent(int p) { return deltas[Cell::own ? 1 + p : 0]; }

  void run_alone(const Team& team) {
    work(team, [this](int block, long step, int part) { carry(block, step, part); });
  }

  // `complete(block, step, part)` completes dh but for what flows directly to h: carry(), and what someone adds to it.
  template <class Complete>
  void work(const Team& team, Complete complete) {
    const Tiles<Number> tiles;
    pack(team);
    team.wait();
    bool first = true;
    for (long end = order.longest; end > 0;) {
      const long begin = end > chunk ? end - chunk : 0;
      const bool working = team.index < split.blocks * split.units;
      const int block = team.index / split.units, part = team.index % split.units;
      for (long step = end - 1; step >= begin; --step) {
        if (working) complete(block, step, part);
        if (working) points(block, step, part, team.index);
        if (split.units > 1) team.wait();
        if constexpr (Cell::passes > 1) {
          if (working) points_reset(block, step, part, team.index);
          if (split.units > 1) team.wait();
        }
        for (int k = 0; k < kinds; ++k) deltas[k].collect_bias(team.index);
      }
      const long entries = team.index == 0 ? enter(begin, end) : 0;
      if (team.index == 0) entered = entries;
      team.wait();
      collect(first, team);
      team.wait();  // before the next chunk overwrites what was collected
      first = false;
      end = begin;
    }
    finish(!first, team);
  }

  long entered;  // entries of the chunk

  void pack(const Team& team) {
    const long B = layer.batch, H = layer.hidden;
    for (int p = 0; p < Cell::passes; ++p)
      pack_transposed<Number>(weight_h[p], layer.weight_hh, H, H, recurrent(p).gates, share(up(H, wide), team.index, team.size));
    if (given.dx)
      pack_transposed<Number>(weight_x, layer.weight_ih, layer.input, layer.input, deltas[0].gates,
                      share(up(layer.input, wide), team.index, team.size));
    for (int k = 0; k < kinds; ++k) deltas[k].clear_bias(team.index);
    for (long u = 0; u < 3 * padded; ++u) dpeephole[team.index * 3 * padded + u] = 0;
    const Range mine = share(B, team.index, team.size);
    for (long i = mine.begin; i < mine.end; ++i)
      for (long u = 0; u < padded; ++u) {
        const long at = order.row[i] * H + u;
        dh[i * padded + u] = u < H && given.dhn ? given.dhn[at] : 0;
        if (Cell::memory) dmemory[i * padded + u] = u < H && given.dcn ? given.dcn[at] : 0;
      }
    if (team.index > 0) return;
    for (long u = 0; u < H; ++u) zeros[u] = 0;
    for (long u = 0; u < 3 * padded && Cell::peephole; ++u)
      peephole[u] = u % padded < H ? layer.peephole[u / padded * H + u % padded] : 0;
  }

  const float* before(long position, long step) const {
    if (step > 0) return given.y + order.place(position, step - 1) * across;
    return layer.h0 ? layer.h0 + order.row[position] * layer.hidden : zeros;
  }

  const float* saved_at(long position, long step) const {
    return given.saved + (step * layer.batch + order.row[position]) * groups * Cell::saved * lanes;
  }

  long slot(long position, long step) const { return step % slots * layer.batch + position; }

  // out [B][padded] += delta of `step` times packed weights, for the sequences of a block alive at that step.
  void flow(int block, long step, int part, const Deltas<Number>& d, const float* weight, float* out, Start start) {
    flow(block, step, part, d, weight, out, start, padded);
  }

  // The same for weights of `width` columns, a multiple of a panel's.
  void flow(int block, long step, int part, const Deltas<Number>& d, const float* weight, float* out, Start start,
            long width) {
    constexpr int most = tile_rows<4, Number>;
    const Range mine = share(width / wide, part, split.units);
    const long begin = order.start[block], end = begin + order.alive(block, step);
    for (long panel = mine.begin; panel < mine.end; ++panel)
      for (long first = begin; first < end;) {
        const int rows = next_rows<4, Number>(end - first);
        const float* left[most];
        for (int i = 0; i < rows; ++i) left[i] = d.flowing + slot(first + i, step) * d.depth;
        product<Number, 4>(rows, Pointers{left}, d.depth, weight + panel * d.depth * wide,
                           out + first * width + panel * wide, width, start);
        first += rows;
      }
  }

  void carry(int block, long step, int part) {
    if (step + 1 < order.longest) flow(block, step + 1, part, recurrent(0), weight_h[0], dh, Start::out);
  }

  UNSPOOL_INLINE vec memory_before(long position, long step, long group, int units) const {
    if (!Cell::memory) return vec{};
    if (step > 0) return load(saved_at(position, step - 1) + group * Cell::saved * lanes + 4 * lanes);
    return layer.c0 ? load_part(layer.c0 + order.row[position] * layer.hidden + group * lanes, units) : vec{};
  }

  UNSPOOL_INLINE Back at(long position, long step, long group, int thread) {
    const long unit = group * lanes;
    const int units = static_cast<int>(least(lanes, layer.hidden - unit));
    Back s;
    s.before = load_part(before(position, step) + unit, units);
    s.memory = memory_before(position, step, group, units);
    s.dmemory = dmemory + (Cell::memory ? position * padded + unit : 0);
    s.peephole = peephole + unit;
    s.dpeephole = dpeephole + thread * 3 * padded + unit;
    s.stride = padded;
    s.saved = saved_at(position, step) + group * Cell::saved * lanes;
    s.x = deltas[0].values + slot(position, step) * deltas[0].width + group * Cell::gates * lanes;
    for (int p = 0; p < Cell::passes; ++p)
      s.h[p] = recurrent(p).values + slot(position, step) * recurrent(p).width + group * Cell::count[p] * lanes;
    s.reset = reset + (Cell::passes > 1 ? slot(position, step) * padded + unit : 0);
    return s;
  }

  void points(int block, long step, int part, int thread) {
    const Range mine = share(up(layer.hidden, wide), part, split.units);
    const long begin = order.start[block], end = begin + order.alive(block, step);
    for (long i = begin; i < end; ++i) {
      const float* dy = given.dy + order.place(i, step) * across;
      for (long group = 4 * mine.begin; group < least(4 * mine.end, groups); ++group) {
        const int units = static_cast<int>(least(lanes, layer.hidden - group * lanes));
        float* flowing = dh + i * padded + group * lanes;
        Back s = at(i, step, group, thread);
        s.dh = load(flowing) + load_part(dy + group * lanes, units);
        store(flowing, Cell::backward(s));
        const int last = Cell::passes - 1;  // the pass whose deltas are finished here
        if (Cell::passes == 1) keep(deltas[0], s.x, Cell::gates, i, step, group, thread);
        if (Cell::own) keep(recurrent(last), s.h[last], Cell::count[last], i, step, group, thread);
      }
    }
  }

  void points_reset(int block, long step, int part, int thread) {
    if constexpr (Cell::passes > 1) {
      flow(block, step, part, recurrent(1), weight_h[1], dreset, Start::zero);
      const Range mine = share(up(layer.hidden, wide), part, split.units);
      const long begin = order.start[block], end = begin + order.alive(block, step);
      for (long i = begin; i < end; ++i)
        for (long group = 4 * mine.begin; group < least(4 * mine.end, groups); ++group) {
          float* flowing = dh + i * padded + group * lanes;
          Back s = at(i, step, group, thread);
          s.dh = load(dreset + i * padded + group * lanes);
          store(flowing, load(flowing) + Cell::backward_reset(s));
          keep(deltas[0], s.x, Cell::gates, i, step, group, thread);
          keep(recurrent(0), s.h[0], Cell::count[0], i, step, group, thread);
        }
    }
  }

  // What is left to do with the finished deltas of a group: the sums for the biases, and words for the products.
  UNSPOOL_INLINE void keep(Deltas<Number>& d, const float* values, int count, long position, long step, long group,
                           int thread) {
    float* to = d.bias + thread * d.width + group * count * lanes;
    for (int g = 0; g < count; ++g) store(to + g * lanes, load(to + g * lanes) + load(values + g * lanes));
    if constexpr (Number::per_word > 1)
      to_words<Number>(d.flowing + slot(position, step) * d.depth + group * count * lanes / Number::per_word, values,
                       count * lanes);
  }

  // Lists the living steps of a chunk.
  long enter(long begin, long end) {
    long e = 0;
    for (long step = begin; step < end; ++step)
      for (int block = 0; block < split.blocks; ++block)
        for (long i = order.start[block]; i < order.start[block] + order.alive(block, step); ++i, ++e) {
          index[e] = slot(i, step);
          x[e] = layer.x + order.place(i, step) * layer.input;
          h[e] = before(i, step);
          r[e] = reset + index[e] * (Cell::passes > 1 ? padded : 0);
        }
    return e;
  }

  void collect(bool first, const Team& team) {
    const Range mine = share(entered, team.index, team.size);
    inputs.pack(x, entered, team);
    states.pack(h, entered, team);
    if (Cell::passes > 1) resets.pack(r, entered, team);
    if (given.dx) input_gradient(mine);
    team.wait();
    for (int k = 0; k < kinds; ++k) deltas[k].add(index, entered, first, team);
  }

  void input_gradient(Range mine) {
    constexpr int most = tile_rows<4, Number>;
    const Deltas<Number>& d = deltas[0];
    float sums[most * wide];
    for (long panel = 0; panel < up(layer.input, wide); ++panel)
      for (long e = mine.begin; e < mine.end;) {
        const int rows = next_rows<4, Number>(mine.end - e);
        const float* left[most];
        for (int i = 0; i < rows; ++i) left[i] = d.flowing + index[e + i] * d.depth;
        product<Number, 4>(rows, Pointers{left}, d.depth, weight_x + panel * d.depth * wide, sums, wide, Start::zero);
        for (int i = 0; i < rows; ++i) {
          float* out = given.dx + (x[e + i] - layer.x) + panel * wide;
          const long n = least(wide, layer.input - panel * wide);
          for (int v = 0; v < 4 && v * lanes < n; ++v)
            store_part(out + v * lanes, load(sums + i * wide + v * lanes), static_cast<int>(least(lanes, n - v * lanes)));
        }
        e += rows;
      }
  }

  void finish(bool any, const Team& team) {
    if (any && team.index < split.blocks * split.units)
      flow(team.index / split.units, 0, team.index % split.units, recurrent(0), weight_h[0], dh, Start::out);
    for (int k = 0; k < kinds; ++k) deltas[k].finish(any, team);
    team.wait();
    const long H = layer.hidden;
    const Range mine = share(layer.batch, team.index, team.size);
    for (long i = mine.begin; i < mine.end; ++i)
      for (long u = 0; u < H; ++u) {
        given.dh0[order.row[i] * H + u] = dh[i * padded + u];
        if (Cell::memory) given.dc0[order.row[i] * H + u] = dmemory[i * padded + u];
      }
    if (team.index > 0) return;
    deltas[0].finish_bias(given.dbias_ih, team.size);
    for (int p = 0; p < Cell::passes; ++p) recurrent(p).finish_bias(given.dbias_hh, team.size);
    for (long u = 0; u < 3 * padded && Cell::peephole; ++u) {
      if (u % padded >= H) continue;
      float sum = 0;
      for (int t = 0; t < team.size; ++t) sum += dpeephole[t * 3 * padded + u];
      given.dpeephole[u / padded * H + u % padded] = sum;
    }
  }
};

}  // namespace unspool::UNSPOOL_ISA
