// Memory for calls, kept between them: fresh pages are dear, and a training asks for the same sizes again and again.
#pragma once

#include "kernels.h"

namespace unspool {

// One for each calling thread. What it gave out is valid until `rewind`.
class Arena {
 public:
  static Arena& of_this_thread();

  void rewind();
  Memory memory() {
    return {[](void* owner, size_t bytes) { return static_cast<Arena*>(owner)->allocate(bytes); }, this};
  }
  ~Arena();

 private:
  struct Block {
    char* data;
    size_t size;
  };
  static constexpr int most = 128;

  void* allocate(size_t bytes);

  Block blocks_[most] = {};
  int count_ = 0;
  size_t used_ = 0;  // of all blocks, in order
};

}  // namespace unspool
