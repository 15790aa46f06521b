// Generation in the plain C interface: owns the packed weights and decides how many threads a step is worth.
#include "kernels.h"
#include "memory.h"
#include "threads.h"

struct unspool_generator {
  const unspool::Kernels* kernels;
  unspool::Arena arena;
  unspool::Network* network;
  int64_t bytes;
};

namespace unspool {
namespace {

bool multiplies_bytes() {
#if defined(__x86_64__)
  __builtin_cpu_init();
  return __builtin_cpu_supports("avx512vnni");
#else
  return false;
#endif
}

// A second thread gains nothing below this many bytes of weights a step: meeting costs as much as the half is worth.
constexpr int64_t bytes_of_a_thread = 150 << 10;
constexpr int64_t rows_that_cost_as_much = 4;  // as reading the weights

int worthwhile(const unspool_generator& generator, int64_t batch, int32_t asked) {
  const int64_t rows = (batch + rows_that_cost_as_much - 1) / rows_that_cost_as_much;
  const int64_t threads = generator.bytes * rows / bytes_of_a_thread;
  return static_cast<int>(threads < 1 ? 1 : threads < asked ? threads : asked);
}

int run(const unspool_generator& generator, unspool_generation g, const int64_t* ids) {
  return call(worthwhile(generator, g.batch, g.threads), [&](int team) {
    Arena& arena = Arena::of_this_thread();
    arena.rewind();
    g.threads = team;
    return generator.kernels->prepare_generation(*generator.network, g, ids, arena.memory());
  });
}

template <class Plan>
unspool_generator* create(Network* (*Kernels::*pack)(const Plan&, bool, Memory), const Plan& plan) {
  auto* generator = new unspool_generator{&current_kernels(), {}, nullptr, 0};
  generator->network = (generator->kernels->*pack)(plan, multiplies_bytes(), generator->arena.memory());
  if (!generator->network) {
    delete generator;
    return nullptr;
  }
  generator->bytes = generator->kernels->network_bytes(*generator->network);
  return generator;
}

}  // namespace
}  // namespace unspool

using namespace unspool;

extern "C" {

unspool_generator* unspool_generator_create(const unspool_plan* plan) { return create(&Kernels::pack_network, *plan); }

unspool_generator* unspool_pen_create(const unspool_pen_plan* plan) { return create(&Kernels::pack_pen, *plan); }

void unspool_generator_free(unspool_generator* generator) { delete generator; }

int64_t unspool_generator_bytes(const unspool_generator* generator) { return generator->bytes; }

int unspool_generate(const unspool_generator* generator, const unspool_generation* generation) {
  return run(*generator, *generation, nullptr);
}

int unspool_step(const unspool_generator* generator, int64_t batch, const int64_t* ids, float* state, float* scores,
                 int32_t threads) {
  unspool_generation one = {};
  one.batch = batch, one.steps = 1, one.state = state, one.scores = scores, one.threads = threads;
  return run(*generator, one, ids);
}

int unspool_pen_write(const unspool_generator* generator, const unspool_pen_call* given) {
  unspool_pen_call pen = *given;
  return call(worthwhile(*generator, pen.batch, pen.threads), [&](int team) {
    Arena& arena = Arena::of_this_thread();
    arena.rewind();
    pen.threads = team;
    return generator->kernels->prepare_writing(*generator->network, pen, arena.memory());
  });
}

}  // extern "C"
