// SPDX-License-Identifier: Apache-2.0

// Contends for a sync.Mutex, as locks.c does for one of C. The goroutine that waits has a thread for itself: the
// others wait without the kernel, which sees only threads.
package main

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

var (
	mutex   sync.Mutex
	done    int32
	delayNs int64
)

//go:noinline
func holdMutex() {
	mutex.Lock()
	time.Sleep(4 * time.Millisecond)
	mutex.Unlock()
}

//go:noinline
func wantMutex() {
	begun := time.Now()
	mutex.Lock()
	atomic.AddInt64(&delayNs, int64(time.Since(begun)))
	mutex.Unlock()
}

func holdMutexes() {
	for i := 0; i < 60; i++ {
		holdMutex()
		time.Sleep(time.Millisecond)
	}
	atomic.StoreInt32(&done, 1)
}

func wantMutexes() {
	runtime.LockOSThread()
	for atomic.LoadInt32(&done) == 0 {
		wantMutex()
		time.Sleep(500 * time.Microsecond)
	}
}

func main() {
	fmt.Println("ready")
	os.Stdin.Read(make([]byte, 1))
	var group sync.WaitGroup
	for _, run := range []func(){holdMutexes, wantMutexes} {
		group.Add(1)
		go func(run func()) {
			defer group.Done()
			run()
		}(run)
	}
	group.Wait()
	fmt.Printf("{\"delayNs\": %d}\n", delayNs)
	io.Copy(io.Discard, os.Stdin)
}
