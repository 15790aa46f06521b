// The plain C interface: chooses the instruction set, gives memory, and starts the threads.
#include <cstring>

#include "kernels.h"
#include "memory.h"
#include "threads.h"

namespace unspool {
namespace {

const Kernels* const known[] = {
#if defined(__x86_64__)
    avx512::kernels(), avx2::kernels(),
#endif
    base::kernels()};

bool supported(const char* name) {
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (!strcmp(name, "avx512"))
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("fma");
  if (!strcmp(name, "avx2")) return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#endif
  return !strcmp(name, "base");
}

const Kernels* best() {
  for (const Kernels* kernels : known)
    if (supported(kernels->name)) return kernels;
  return nullptr;
}

const Kernels* chosen = best();

// Lays a call out where its team is known, and runs it there.
template <class Prepare>
int call(int threads, Prepare prepare) {
  struct Context {
    Prepare& prepare;
    Job* job;
  } context{prepare, nullptr};
  on_threads(
      threads,
      [](void* shared, const Team& team) {
        auto* context = static_cast<Context*>(shared);
        if (team.index == 0) context->job = context->prepare(team.size);
        team.wait();
        if (context->job) context->job->run(context->job, team);
      },
      &context);
  return context.job ? 0 : UNSPOOL_NO_MEMORY;
}

}  // namespace
}  // namespace unspool

using namespace unspool;

extern "C" {

int64_t unspool_saved_size(const unspool_layer* layer) { return chosen->saved_size(*layer); }

int unspool_forward(const unspool_layer* layer, float* y, float* hn, float* cn, float* saved) {
  unspool_layer l = *layer;
  if (chosen->saved_size(l) < 0) return UNSPOOL_UNKNOWN;
  return call(l.threads, [&](int team) {
    Arena& arena = Arena::of_this_thread();
    arena.rewind();
    l.threads = team;
    return chosen->prepare_forward(l, y, hn, cn, saved, arena.memory());
  });
}

int unspool_backward(const unspool_layer* layer, const unspool_gradients* gradients) {
  unspool_layer l = *layer;
  if (chosen->saved_size(l) < 0) return UNSPOOL_UNKNOWN;
  return call(l.threads, [&](int team) {
    Arena& arena = Arena::of_this_thread();
    arena.rewind();
    l.threads = team;
    return chosen->prepare_backward(l, *gradients, arena.memory());
  });
}

const char* unspool_isa(void) { return chosen->name; }
const char* unspool_best_isa(void) { return best()->name; }

int unspool_use_isa(const char* name) {
  for (const Kernels* kernels : known)
    if (!strcmp(kernels->name, name) && supported(name)) {
      chosen = kernels;
      return 0;
    }
  return UNSPOOL_UNKNOWN;
}

void unspool_use_openmp(void* gomp_parallel, void* thread_num, void* num_threads) {
  use_openmp(gomp_parallel, thread_num, num_threads);
}

}  // extern "C"
