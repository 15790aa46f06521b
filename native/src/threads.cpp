#include "threads.h"

#include <unistd.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

#if defined(__x86_64__)
#include <immintrin.h>
#endif
#if defined(__linux__)
#include <sched.h>
#include <sys/syscall.h>
#endif

namespace unspool {
namespace {

// Flushes denormals for as long as it lives.
class NoDenormals {
 public:
#if defined(__x86_64__)
  NoDenormals() : before_(_mm_getcsr()) { _mm_setcsr(before_ | 0x8040); }  // FTZ and DAZ
  ~NoDenormals() { _mm_setcsr(before_); }

 private:
  unsigned before_;
#elif defined(__aarch64__)
  NoDenormals() {
    asm volatile("mrs %0, fpcr" : "=r"(before_));
    asm volatile("msr fpcr, %0" ::"r"(before_ | (1ull << 24)));
  }
  ~NoDenormals() { asm volatile("msr fpcr, %0" ::"r"(before_)); }

 private:
  uint64_t before_;
#endif
};

void pause() {
#if defined(__x86_64__)
  _mm_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

// Waits by looking, for a moment; then lets others have the processor, for the thread that is late may need it.
class Barrier {
 public:
  void wait(int size) {
    const unsigned round = round_.load(std::memory_order_acquire);
    if (arrived_.fetch_add(1, std::memory_order_acq_rel) + 1 == size) {
      arrived_.store(0, std::memory_order_relaxed);
      round_.store(round + 1, std::memory_order_release);
      return;
    }
    for (int spins = 0; round_.load(std::memory_order_acquire) == round; ++spins) {
      if (spins < 4000) pause();
      else std::this_thread::yield();
    }
  }

  static void meet(void* barrier, int size) { static_cast<Barrier*>(barrier)->wait(size); }

 private:
  alignas(64) std::atomic<int> arrived_{0};
  alignas(64) std::atomic<unsigned> round_{0};
};

// After a pause a helper may be woken on its caller's own processor, where the two wait for each other until the scheduler
// moves one: ten times the time of a short call. So for the first call after a pause helpers are kept off that processor.
class Apart {
#if defined(__linux__)
 public:
  Apart() {
    if (now() - last_.load(std::memory_order_relaxed) < kPause || !(mine_ = take())) return;
    const int here = sched_getcpu();
    for (auto& helper : helpers_) {
      pid_t thread = helper.load(std::memory_order_relaxed);
      if (!thread || here < 0) continue;
      if (syscall(SYS_tgkill, getpid(), thread, 0)) {  // it has ended, or is of the process that this one was forked from
        helper.compare_exchange_strong(thread, 0);
        continue;
      }
      Kept& kept = kept_[count_];
      if (sched_getaffinity(thread, sizeof kept.before, &kept.before)) continue;
      kept.others = kept.before;
      CPU_CLR(here, &kept.others);
      if (!CPU_COUNT(&kept.others) || sched_setaffinity(thread, sizeof kept.others, &kept.others)) continue;
      kept.thread = thread, ++count_;
    }
  }

  ~Apart() {
    for (int i = 0; i < count_; ++i) {
      const Kept& kept = kept_[i];
      cpu_set_t found;  // not what was set here, if somebody has meanwhile chosen processors for this thread
      if (sched_getaffinity(kept.thread, sizeof found, &found) || !CPU_EQUAL(&found, &kept.others)) continue;
      sched_setaffinity(kept.thread, sizeof kept.before, &kept.before);
    }
    if (mine_) caller_.store(0, std::memory_order_release);
    last_.store(now(), std::memory_order_relaxed);
  }

  // Called by every helper: the pool that it belongs to may have been made anew since the last call.
  static void helps(int index) {
    static thread_local const pid_t self = static_cast<pid_t>(syscall(SYS_gettid));
    if (index <= kHelpers) helpers_[index - 1].store(self, std::memory_order_relaxed);
  }

 private:
  static constexpr int kHelpers = 15;
  static constexpr int64_t kPause = 2'000'000;  // ns; helpers that wait for less have not gone to sleep

  static int64_t now() { return std::chrono::steady_clock::now().time_since_epoch().count(); }

  // One caller at a time: a second would take the masks that the first has set for those to go back to.
  static bool take() {
    pid_t holder = caller_.load(std::memory_order_relaxed);
    const pid_t process = getpid();  // what another process took before the fork, nobody here gives back
    return holder != process && caller_.compare_exchange_strong(holder, process, std::memory_order_acquire);
  }

  struct Kept {
    pid_t thread;
    cpu_set_t before, others;
  };
  Kept kept_[kHelpers];
  int count_ = 0;
  bool mine_ = false;
  static inline std::atomic<pid_t> helpers_[kHelpers] = {};
  static inline std::atomic<int64_t> last_{0};
  static inline std::atomic<pid_t> caller_{0};  // the process whose thread has set masks; 0: none
#else
 public:
  static void helps(int) {}
#endif
};

struct Call {
  void (*work)(void*, const Team&);
  void* context;
  Barrier* barrier;

  void run(int index, int size) const {
    if (index) Apart::helps(index);
    NoDenormals flush;
    work(context, Team{index, size, Barrier::meet, barrier});
  }
};

// Threads that sleep between calls. A pool belongs to the process that made it: a forked child has none of its threads.
class Pool {
 public:
  explicit Pool(int helpers) : owner_(getpid()) {
    for (int i = 1; i <= helpers; ++i) threads_.emplace_back([this, i] { serve(i); });
  }

  int helpers() const { return static_cast<int>(threads_.size()); }

  void run(const Call& call, int size) {
    {
      std::lock_guard<std::mutex> lock(mutex_);
      call_ = &call, size_ = size, left_ = size - 1, ++turn_;
    }
    wake_.notify_all();
    call.run(0, size);
    std::unique_lock<std::mutex> lock(mutex_);
    done_.wait(lock, [this] { return left_ == 0; });
  }

  bool ours() const { return owner_ == getpid(); }

  ~Pool() {
    {
      std::lock_guard<std::mutex> lock(mutex_);
      size_ = -1, ++turn_;
    }
    wake_.notify_all();
    for (auto& thread : threads_) thread.join();
  }

 private:
  void serve(int index) {
    unsigned turn = 0;
    std::unique_lock<std::mutex> lock(mutex_);
    for (;;) {
      wake_.wait(lock, [&] { return turn_ != turn; });
      turn = turn_;
      if (size_ < 0) return;
      if (index >= size_) continue;
      const Call* call = call_;
      const int size = size_;
      lock.unlock();
      call->run(index, size);
      lock.lock();
      if (--left_ == 0) done_.notify_one();
    }
  }

  const pid_t owner_;
  std::vector<std::thread> threads_;
  std::mutex mutex_;
  std::condition_variable wake_, done_;
  const Call* call_ = nullptr;
  int size_ = 0, left_ = 0;
  unsigned turn_ = 0;
};

void in_own_pool(const Call& call, int size) {
  static std::mutex busy;
  static Pool* pool = nullptr;  // never deleted at exit: its threads may outlive what they need
  std::unique_lock<std::mutex> lock(busy, std::try_to_lock);
  if (!lock.owns_lock()) return call.run(0, 1);  // another thread of the program has it
  if (pool && !pool->ours()) pool = nullptr;  // the parent's; there is nothing in it to be joined
  if (!pool || pool->helpers() < size - 1) {
    delete pool;
    pool = new Pool(size - 1);
  }
  pool->run(call, size);
}

void (*gomp_parallel)(void (*)(void*), void*, unsigned, unsigned) = nullptr;
int (*omp_thread_num)() = nullptr;
int (*omp_num_threads)() = nullptr;
pid_t openmp_owner = 0;  // libgomp does not survive a fork either

}  // namespace

void use_openmp(void* parallel, void* thread_num, void* num_threads) {
  gomp_parallel = reinterpret_cast<decltype(gomp_parallel)>(parallel);
  omp_thread_num = reinterpret_cast<decltype(omp_thread_num)>(thread_num);
  omp_num_threads = reinterpret_cast<decltype(omp_num_threads)>(num_threads);
  openmp_owner = getpid();
}

void on_threads(int threads, void (*work)(void*, const Team&), void* context) {
  Barrier barrier;
  Call call{work, context, &barrier};
  if (threads <= 1) return call.run(0, 1);
  Apart apart;
  if (!gomp_parallel || openmp_owner != getpid()) return in_own_pool(call, threads);
  gomp_parallel([](void* shared) { static_cast<Call*>(shared)->run(omp_thread_num(), omp_num_threads()); }, &call,
                static_cast<unsigned>(threads), 0);
}

}  // namespace unspool
