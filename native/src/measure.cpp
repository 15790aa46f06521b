// What this machine can do at most, in operations and bytes a second, to hold the kernels against.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>

#include "kernels.h"
#include "memory.h"
#include "threads.h"

namespace unspool {
namespace {

constexpr int repeats = 5;  // the best of them is what the machine can do when nothing disturbs it

// What a team does a second, where each thread returns what it did.
template <class Work>
double rate(int threads, Work work) {
  struct Context {
    Work& work;
    std::atomic<double> done{0};
  } context{work};
  const auto begin = std::chrono::steady_clock::now();
  on_threads(
      threads,
      [](void* shared, const Team& team) {
        auto* context = static_cast<Context*>(shared);
        const double mine = context->work(team);
        double before = context->done.load();
        while (!context->done.compare_exchange_weak(before, before + mine)) {
        }
      },
      &context);
  return context.done / std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

}  // namespace
}  // namespace unspool

using namespace unspool;

extern "C" {

double unspool_peak_operations(int threads) {
  double best = 0;
  for (int repeat = 0; repeat < repeats; ++repeat)
    best = std::max(best, rate(threads, [](const Team&) {
                      alignas(64) float out[32] = {};
                      return current_kernels().multiply_add(2000000, out);
                    }));
  return best;
}

double unspool_peak_bandwidth(int threads, int64_t bytes) {
  const long count = bytes / static_cast<long>(sizeof(float));
  Arena& arena = Arena::of_this_thread();
  arena.rewind();
  float* data = arena.memory().take<float>(count);
  if (!data) return 0;
  std::memset(data, 0, count * sizeof(float));
  const int sweeps = static_cast<int>(std::max<int64_t>(1, (int64_t{1} << 30) / std::max<int64_t>(bytes, 1)));
  double best = 0;
  for (int repeat = 0; repeat < repeats; ++repeat)
    best = std::max(best, rate(threads, [&](const Team& team) {
                      float out[16];
                      const long begin = count * team.index / team.size, end = count * (team.index + 1) / team.size;
                      for (int sweep = 0; sweep < sweeps; ++sweep)
                        current_kernels().read_all(data + begin, end - begin, out);
                      return static_cast<double>(end - begin) * sizeof(float) * sweeps;
                    }));
  return best;
}

}  // extern "C"
