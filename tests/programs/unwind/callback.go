// SPDX-License-Identifier: Apache-2.0

// A goroutine that calls C code, which works for itself, and calls Go.
package main

/*
static volatile long sink;

static void __attribute__((noinline)) works(long n)
{
	for (long i = 0; i < n; i++)
		sink += i;
}

extern void calledBack(int);

static void __attribute__((noinline)) calls_back(int n)
{
	works(300000);
	calledBack(n);
	sink++;
}
*/
import "C"

import "fmt"

//go:noinline
func spin(n int) int {
	x := 0
	for i := 0; i < n; i++ {
		x += i & 3
	}
	return x
}

//go:noinline
func inner(n int) {
	spin(1000000 + n)
}

//export calledBack
func calledBack(n C.int) {
	inner(int(n))
}

//go:noinline
func calls() {
	C.calls_back(1)
}

func main() {
	done := make(chan bool)
	go func() {
		fmt.Println("ready")
		for {
			calls()
		}
	}()
	<-done
}
