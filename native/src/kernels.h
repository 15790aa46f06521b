// What a kernel gets from the core, and what the core gets from the kernels of one instruction set.
#pragma once

#include <cstddef>

#include "unspool_native.h"

namespace unspool {

// One of the threads that run a kernel together.
struct Team {
  int index, size;
  void (*meet)(void*, int);  // returns when all threads of the team have called it
  void* barrier;
  void wait() const {
    if (size > 1) meet(barrier, size);
  }
};

// Memory for one call; what it gives out is not initialised. Gives NULL when there is no more.
struct Memory {
  void* (*allocate)(void*, size_t bytes);
  void* owner;
  template <class T>
  T* take(long count) {
    return static_cast<T*>(allocate(owner, sizeof(T) * (count > 0 ? count : 1)));
  }
};

// A call whose memory is laid out; every thread of the team runs it.
struct Job {
  void (*run)(Job*, const Team&);
};

// The packed weights of a plan; what is in it each instruction set knows for itself.
struct Network;

// A table of functions for each instruction set.
struct Kernels {
  const char* name;
  long (*saved_size)(const unspool_layer&);
  Job* (*prepare_forward)(const unspool_layer&, float* y, float* hn, float* cn, float* saved, Memory);
  Job* (*prepare_backward)(const unspool_layer&, const unspool_gradients&, Memory);
  double (*multiply_add)(long rounds, float* out);  // limits.h
  void (*read_all)(const float* data, long count, float* out);
  // `dot`: this processor multiplies bytes (AVX512-VNNI).
  Network* (*pack_network)(const unspool_plan&, bool dot, Memory);
  long (*network_bytes)(const Network&);
  // With `ids` one step is made and nothing is chosen.
  Job* (*prepare_generation)(const Network&, const unspool_generation&, const int64_t* ids, Memory);
  Job* (*prepare_windowed_forward)(const unspool_windowed&, const unspool_windowed_results&, Memory);
  Job* (*prepare_windowed_backward)(const unspool_windowed&, const unspool_windowed_gradients&, Memory);
  Network* (*pack_pen)(const unspool_pen_plan&, bool dot, Memory);
  Job* (*prepare_writing)(const Network&, const unspool_pen_call&, Memory);
};

// The same with bfloat16 factors: AVX-512 only, and what is saved lies as there.
struct BrainKernels {
  Job* (*prepare_forward)(const unspool_layer&, float* y, float* hn, float* cn, float* saved, Memory);
  Job* (*prepare_backward)(const unspool_layer&, const unspool_gradients&, Memory);
  Job* (*prepare_windowed_forward)(const unspool_windowed&, const unspool_windowed_results&, Memory);
  Job* (*prepare_windowed_backward)(const unspool_windowed&, const unspool_windowed_gradients&, Memory);
};

// The one that is used.
const Kernels& current_kernels();

namespace avx512 {
const Kernels* kernels();
}
namespace avx512_bf16 {
const BrainKernels* brain_kernels();
}
namespace amx {
const BrainKernels* brain_kernels();
}
namespace avx2 {
const Kernels* kernels();
}
namespace base {
const Kernels* kernels();
}

}  // namespace unspool
