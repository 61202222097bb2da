// SPDX-License-Identifier: Apache-2.0

// The same as pool.c, with a sync.Mutex and a channel: goroutines wait for both without the kernel, whose threads have
// nothing to do then.
package main

import (
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

var (
	contended sync.Mutex
	waited    int64
)

//go:noinline
func contend(group *sync.WaitGroup) {
	defer group.Done()
	for i := 0; i < 40; i++ {
		begun := time.Now()
		contended.Lock()
		atomic.AddInt64(&waited, int64(time.Since(begun)))
		time.Sleep(2 * time.Millisecond)
		contended.Unlock()
		time.Sleep(100 * time.Microsecond)
	}
}

func work(jobs <-chan int, group *sync.WaitGroup) {
	defer group.Done()
	for range jobs {
	}
}

func main() {
	fmt.Println("ready")
	line := make([]byte, 1)
	os.Stdin.Read(line)
	var workers, contenders sync.WaitGroup
	jobs := make(chan int)
	for i := 0; i < 3; i++ {
		workers.Add(1)
		go work(jobs, &workers)
	}
	for i := 0; i < 2; i++ {
		contenders.Add(1)
		go contend(&contenders)
	}
	for i := 0; i < 60; i++ {
		jobs <- i
		time.Sleep(3 * time.Millisecond)
	}
	contenders.Wait()
	close(jobs)
	workers.Wait()
	fmt.Printf("{\"delayNs\": %d}\n", waited)
	os.Stdin.Read(line)
}
