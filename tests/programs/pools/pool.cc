// SPDX-License-Identifier: Apache-2.0

// The same as pool.c, with the locks of absl.
#include <atomic>
#include <chrono>
#include <cstdio>
#include <deque>
#include <thread>
#include <vector>

#include "absl/synchronization/mutex.h"

static constexpr int kWorkers = 3, kJobs = 60, kRounds = 40;

static absl::Mutex queue_mutex;
static absl::CondVar given;
static int jobs;
static bool closed;
static absl::Mutex contended;
static std::atomic<long> waited;

static void sleep_us(long us) { std::this_thread::sleep_for(std::chrono::microseconds(us)); }

static void work()
{
	absl::MutexLock lock(&queue_mutex);
	while (!closed) {
		if (jobs > 0)
			jobs--;
		else
			given.Wait(&queue_mutex);
	}
}

static void contend()
{
	for (int i = 0; i < kRounds; i++) {
		auto begun = std::chrono::steady_clock::now();
		absl::MutexLock lock(&contended);
		waited += (std::chrono::steady_clock::now() - begun).count();
		sleep_us(2000);
	}
}

int main()
{
	std::vector<std::thread> workers, contenders;

	puts("ready");
	fflush(stdout);
	getchar();
	for (int i = 0; i < kWorkers; i++)
		workers.emplace_back(work);
	for (int i = 0; i < 2; i++)
		contenders.emplace_back(contend);
	for (int i = 0; i < kJobs; i++) {
		{
			absl::MutexLock lock(&queue_mutex);
			jobs++;
			given.Signal();
		}
		sleep_us(3000);
	}
	for (auto &thread : contenders)
		thread.join();
	{
		absl::MutexLock lock(&queue_mutex);
		closed = true;
		given.SignalAll();
	}
	for (auto &thread : workers)
		thread.join();
	printf("{\"delayNs\": %ld}\n", waited.load());
	fflush(stdout);
	getchar();
}
