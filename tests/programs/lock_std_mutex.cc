// SPDX-License-Identifier: Apache-2.0

// Contends for a std::mutex, as locks.c does for one of C.
#include <atomic>
#include <chrono>
#include <cstdio>
#include <mutex>
#include <thread>

using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

static std::mutex mutex;
static std::atomic<bool> done;
static std::atomic<long> delay_ns;
static volatile long sink;

[[gnu::noinline]] static void hold_mutex() {
  std::lock_guard<std::mutex> guard(mutex);
  std::this_thread::sleep_for(4ms);
  sink = sink + 1;
}

[[gnu::noinline]] static void want_mutex() {
  auto begun = Clock::now();
  mutex.lock();
  delay_ns += std::chrono::nanoseconds(Clock::now() - begun).count();
  mutex.unlock();
  sink = sink + 1;
}

[[gnu::noinline]] static void hold_mutexes() {
  for (int i = 0; i < 60; i++) {
    hold_mutex();
    std::this_thread::sleep_for(1ms);
  }
  done = true;
}

[[gnu::noinline]] static void want_mutexes() {
  while (!done) {
    want_mutex();
    std::this_thread::sleep_for(500us);
  }
}

int main() {
  std::puts("ready");
  std::fflush(stdout);
  std::getchar();
  std::thread holder(hold_mutexes), waiter(want_mutexes);
  holder.join();
  waiter.join();
  std::printf("{\"delayNs\": %ld}\n", delay_ns.load());
  std::fflush(stdout);
  while (std::getchar() != EOF) {
  }
}
