// Runs a function on several threads at once: in the OpenMP pool that is there already, or in a pool of our own.
#pragma once

#include "kernels.h"

namespace unspool {

// Calls work(context, team) on at most `threads` threads, and returns when all are done. How many there are, the team
// says. While it runs, denormal numbers count as 0 in these threads: they would cost a hundred times the time.
void on_threads(int threads, void (*work)(void* context, const Team& team), void* context);

void use_openmp(void* gomp_parallel, void* thread_num, void* num_threads);

}  // namespace unspool
