// The weights of a generator, packed: what stays the same from step to step.
#pragma once

#include "cells.h"
#include "layout.h"
#include "matrix.h"

namespace unspool {
struct Network {};
}  // namespace unspool

namespace unspool::UNSPOOL_ISA {

struct Generation;

// The gates that one product with a state gives.
struct PackedPass {
  Gates gates;
  Matrix below, own;  // weights of the layer below and of the layer itself
  Matrix input;       // of the numbers that are fed, where no symbol is
  float* table;       // [rows][panels][columns]
  float* bias;        // [panels][columns], where the cell splits the shares
};

struct PackedLayer {
  int cell;
  bool memory, below, input;
  long hidden, groups, padded;  // units, groups of them, and room for them
  long rows;                    // of the tables
  long saved;                   // vectors a group that a cell keeps within a step
  int passes;
  PackedPass pass[2];
  float* peephole;              // [3][padded]
  void (*advance[2])(Generation&, long layer, const Team&);
};

struct PackedNetwork : Network {
  long vocabulary, layers, first_read;  // the output layer reads the layers from `first_read` on
  long state_size, bytes;
  PackedLayer* layer;
  Matrix* output;  // [layers]
  float* bias;     // [panels][columns] of the output layer
  long input;      // numbers that are fed to every layer, 0 where symbols are
  long symbols, components;  // of the window of a pen, 0 without one
  Matrix window;
  float* window_bias;        // [panels][columns]
};

// What the numbers that are fed are multiplied with in a layer, [G*H, columns].
struct Fed {
  const float* weight;
  long columns;
};

template <class Cell, int P>
void advance(Generation& g, long layer, const Team& team);

// Columns of the panels of a pass, in unit groups.
template <class Cell, int P>
constexpr int groups_of_panel = Cell::count[P] >= 3 ? 1 : 4 / Cell::count[P];

inline Matrix empty_matrix(const unspool_plan& plan, bool dot, long depth, long panels, int vectors) {
  return {plan.weights, dot && plan.weights == UNSPOOL_INT8 && lanes == 16, depth, 0, panels, vectors, nullptr, nullptr,
          nullptr};
}

template <class Cell, int P>
bool pack_pass(PackedLayer& layer, const unspool_plan& plan, const unspool_plan_layer& given, long below, Fed fed,
               bool dot, Memory m) {
  constexpr int vectors = Cell::count[P] * groups_of_panel<Cell, P>;
  PackedPass& pass = layer.pass[P];
  pass.gates = {Cell::first[P], Cell::count[P], given.hidden};
  const Gates gates = pass.gates;
  const auto row_of = [gates](long i) { return i < gates.width() ? gates.row(i) : -1; };
  const long panels = up(layer.groups, groups_of_panel<Cell, P>), columns = vectors * lanes, width = panels * columns;
  pass.below = empty_matrix(plan, dot, below, panels, vectors);
  pass.own = empty_matrix(plan, dot, given.hidden, panels, vectors);
  if (layer.below && !pass.below.pack(given.weight_below, below, row_of, m)) return false;
  pass.input = empty_matrix(plan, dot, fed.columns, panels, vectors);
  if (layer.input && !pass.input.pack(fed.weight, fed.columns, row_of, m)) return false;
  if (!pass.own.pack(given.weight_hh, given.hidden, row_of, m)) return false;
  pass.table = m.take<float>(given.rows * width);
  pass.bias = m.take<float>(width);
  if (!pass.table || !pass.bias) return false;
  const long gates_wide = Cell::gates * given.hidden;
  for (long r = 0; r < given.rows; ++r)
    for (long i = 0; i < width; ++i)
      pass.table[r * width + i] = row_of(i) < 0 ? 0 : given.table[r * gates_wide + row_of(i)];
  for (long i = 0; i < width; ++i)
    pass.bias[i] = row_of(i) < 0 || !Cell::split || !given.bias_hh ? 0 : given.bias_hh[row_of(i)];
  layer.advance[P] = advance<Cell, P>;
  return true;
}

template <class Cell>
bool pack_layer(PackedLayer& layer, const unspool_plan& plan, const unspool_plan_layer& given, long below, Fed fed,
                bool dot, Memory m) {
  layer = {};
  layer.cell = given.cell, layer.memory = Cell::memory, layer.below = given.weight_below != nullptr;
  layer.input = fed.weight != nullptr;
  layer.hidden = given.hidden, layer.groups = up(given.hidden, lanes), layer.padded = up(given.hidden, wide) * wide;
  layer.rows = given.rows, layer.saved = Cell::saved, layer.passes = Cell::passes;
  layer.peephole = m.take<float>(3 * layer.padded);
  if (!layer.peephole) return false;
  for (long u = 0; u < 3 * layer.padded; ++u) {
    const bool there = Cell::peephole && u % layer.padded < given.hidden;
    layer.peephole[u] = there ? given.peephole[u / layer.padded * given.hidden + u % layer.padded] : 0;
  }
  if (!pack_pass<Cell, 0>(layer, plan, given, below, fed, dot, m)) return false;
  if constexpr (Cell::passes > 1) return pack_pass<Cell, 1>(layer, plan, given, below, fed, dot, m);
  return true;
}

inline long packed_bytes(const Matrix& m) { return m.panels * m.words * m.columns() * 4; }

inline bool pack_output(PackedNetwork& n, const unspool_plan& plan, bool dot, Memory m) {
  const long panels = up(n.vocabulary, wide);
  n.output = m.take<Matrix>(n.layers);
  n.bias = m.take<float>(panels * wide);
  if (!n.output || !n.bias) return false;
  for (long i = 0; i < panels * wide; ++i) n.bias[i] = i < n.vocabulary ? plan.bias[i] : 0;
  long stride = 0, column = 0;
  for (long l = n.first_read; l < n.layers; ++l) stride += n.layer[l].hidden;
  for (long l = n.first_read; l < n.layers; column += n.layer[l++].hidden) {
    n.output[l] = empty_matrix(plan, dot, n.layer[l].hidden, panels, 4);
    const auto row_of = [&n](long i) { return i < n.vocabulary ? i : -1; };
    if (!n.output[l].pack(plan.weight + column, stride, row_of, m)) return false;
    n.bytes += packed_bytes(n.output[l]);
  }
  return true;
}

inline Network* pack_network(const unspool_plan& plan, bool dot, Memory m, const float* const* weight_input = nullptr,
                             long input = 0) {
  auto* n = m.take<PackedNetwork>(1);
  if (!n) return nullptr;
  *n = {};
  n->vocabulary = plan.vocabulary, n->layers = plan.layers, n->first_read = plan.skip ? 0 : plan.layers - 1;
  n->input = input;
  n->layer = m.take<PackedLayer>(plan.layers);
  if (!n->layer) return nullptr;
  for (long l = 0; l < plan.layers; ++l) {
    const unspool_plan_layer& given = plan.layer[l];
    PackedLayer& layer = n->layer[l];
    const long below = l ? plan.layer[l - 1].hidden : 0;
    const Fed fed = {weight_input ? weight_input[l] : nullptr, input};
    const bool packed = with_cell(given.cell, false, [&](auto cell) {
      return pack_layer<decltype(cell)>(layer, plan, given, below, fed, dot, m);
    });
    if (!packed) return nullptr;
    n->state_size += layer.hidden * (layer.memory ? 2 : 1);
    for (int p = 0; p < layer.passes; ++p)
      n->bytes += packed_bytes(layer.pass[p].own) + (layer.below ? packed_bytes(layer.pass[p].below) : 0) +
                  (layer.input ? packed_bytes(layer.pass[p].input) : 0);
  }
  return pack_output(*n, plan, dot, m) ? n : nullptr;
}

}  // namespace unspool::UNSPOOL_ISA
