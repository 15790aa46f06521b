// The plain C interface: chooses the instruction set, gives memory, and starts the threads.
#include <cstring>

#if defined(__x86_64__)
#include <cpuid.h>
#endif
#if defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>
#endif

#include "kernels.h"
#include "memory.h"
#include "threads.h"

namespace unspool {
namespace {

#if defined(UNSPOOL_HAS_TILES)
// float32 as with AVX-512, bfloat16 in tiles.
const Kernels* tiled() {
  static const Kernels found = [] {
    Kernels kernels = *avx512::kernels();
    kernels.name = "amx";
    return kernels;
  }();
  return &found;
}

// Whether there are tiles for bfloat16, and the system lets this process have them.
bool has_tiles() {
#if defined(__linux__)
  static const bool found = [] {
    constexpr int request_permission = 0x1023, tile_data = 18;  // ARCH_REQ_XCOMP_PERM
    unsigned a, b, c, d = 0;
    return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (d >> 22 & 1) && (d >> 24 & 1) &&
           syscall(SYS_arch_prctl, request_permission, tile_data) == 0;
  }();
  return found;
#else
  return false;
#endif
}
#endif

const Kernels* const known[] = {
#if defined(UNSPOOL_HAS_TILES)
    tiled(),
#endif
#if defined(__x86_64__)
    avx512::kernels(), avx2::kernels(),
#endif
    base::kernels()};

bool supported(const char* name) {
#if defined(__x86_64__)
  __builtin_cpu_init();
#if defined(UNSPOOL_HAS_TILES)
  if (!strcmp(name, "amx")) return supported("avx512") && __builtin_cpu_supports("avx512bf16") && has_tiles();
#endif
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

// The kernels with bfloat16 factors, NULL where they cannot run.
const BrainKernels* brain() {
#if defined(UNSPOOL_HAS_TILES)
  if (!strcmp(chosen->name, "amx")) return amx::brain_kernels();
#endif
#if defined(UNSPOOL_HAS_BFLOAT16)
  static const bool there = __builtin_cpu_supports("avx512bf16");
  if (there && !strcmp(chosen->name, "avx512")) return avx512_bf16::brain_kernels();
#endif
  return nullptr;
}

}  // namespace

const Kernels& current_kernels() { return *chosen; }

}  // namespace unspool

using namespace unspool;

extern "C" {

int64_t unspool_saved_size(const unspool_layer* layer) { return chosen->saved_size(*layer); }

int unspool_forward(const unspool_layer* layer, float* y, float* hn, float* cn, float* saved) {
  unspool_layer l = *layer;
  if (chosen->saved_size(l) < 0 || (l.bfloat16 && !brain())) return UNSPOOL_UNKNOWN;
  return call(l.threads, [&](int team) {
    Arena& arena = Arena::of_this_thread();
    arena.rewind();
    l.threads = team;
    const auto prepare = l.bfloat16 ? brain()->prepare_forward : chosen->prepare_forward;
    return prepare(l, y, hn, cn, saved, arena.memory());
  });
}

int unspool_backward(const unspool_layer* layer, const unspool_gradients* gradients) {
  unspool_layer l = *layer;
  if (chosen->saved_size(l) < 0 || (l.bfloat16 && !brain())) return UNSPOOL_UNKNOWN;
  return call(l.threads, [&](int team) {
    Arena& arena = Arena::of_this_thread();
    arena.rewind();
    l.threads = team;
    const auto prepare = l.bfloat16 ? brain()->prepare_backward : chosen->prepare_backward;
    return prepare(l, *gradients, arena.memory());
  });
}

int unspool_windowed_forward(const unspool_windowed* windowed, const unspool_windowed_results* results) {
  unspool_windowed w = *windowed;
  if (w.layer.cell != UNSPOOL_LSTM && w.layer.cell != UNSPOOL_LSTM_PEEPHOLE) return UNSPOOL_UNKNOWN;
  if (w.layer.bfloat16 && !brain()) return UNSPOOL_UNKNOWN;
  return call(w.layer.threads, [&](int team) {
    Arena& arena = Arena::of_this_thread();
    arena.rewind();
    w.layer.threads = team;
    const auto prepare = w.layer.bfloat16 ? brain()->prepare_windowed_forward : chosen->prepare_windowed_forward;
    return prepare(w, *results, arena.memory());
  });
}

int unspool_windowed_backward(const unspool_windowed* windowed, const unspool_windowed_gradients* gradients) {
  unspool_windowed w = *windowed;
  if (w.layer.cell != UNSPOOL_LSTM && w.layer.cell != UNSPOOL_LSTM_PEEPHOLE) return UNSPOOL_UNKNOWN;
  if (w.layer.bfloat16 && !brain()) return UNSPOOL_UNKNOWN;
  return call(w.layer.threads, [&](int team) {
    Arena& arena = Arena::of_this_thread();
    arena.rewind();
    w.layer.threads = team;
    const auto prepare = w.layer.bfloat16 ? brain()->prepare_windowed_backward : chosen->prepare_windowed_backward;
    return prepare(w, *gradients, arena.memory());
  });
}

const char* unspool_isa(void) { return chosen->name; }
int unspool_has_bfloat16(void) { return brain() != nullptr; }
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
