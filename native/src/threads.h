// Runs a function on several threads at once: in the OpenMP pool that is there already, or in a pool of our own.
#pragma once

#include "kernels.h"

namespace unspool {

// Calls work(context, team) on at most `threads` threads, and returns when all are done. How many there are, the team
// says. While it runs, denormal numbers count as 0 in these threads: they would cost a hundred times the time.
void on_threads(int threads, void (*work)(void* context, const Team& team), void* context);

// Lays a call out where its team is known, and runs it there.
template <class Prepare>
inline int call(int threads, Prepare prepare) {
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

void use_openmp(void* gomp_parallel, void* thread_num, void* num_threads);

}  // namespace unspool
