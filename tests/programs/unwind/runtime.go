// SPDX-License-Identifier: Apache-2.0

// Goroutines that are in Go's runtime most of the time, each in a part of it that leaves the goroutine's stack.
package main

import (
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"syscall"
	"time"
)

var sink int64

// Calls the kernel's own code in the process, on the thread's stack.
//
//go:noinline
func clocks() {
	for i := 0; i < 3000; i++ {
		sink += time.Now().UnixNano()
	}
}

// Is set aside and taken up again.
//
//go:noinline
func yields() {
	for i := 0; i < 3000; i++ {
		runtime.Gosched()
	}
	sink++
}

// Is interrupted by signals, and goes on where it was.
//
//go:noinline
func signals() {
	for i := 0; i < 300; i++ {
		syscall.Kill(os.Getpid(), syscall.SIGUSR1)
	}
	sink++
}

// Faults at the first instruction of this one, of which the runtime makes a call.
//
//go:noinline
func load(at *int64) int64 {
	return *at
}

//go:noinline
func faults() {
	defer func() { recover() }()
	sink += load(nil)
}

func main() {
	runtime.GOMAXPROCS(2)
	heard := make(chan os.Signal, 1)
	signal.Notify(heard, syscall.SIGUSR1)
	fmt.Println("ready")
	for {
		clocks()
		yields()
		signals()
		for i := 0; i < 300; i++ {
			faults()
		}
	}
}
