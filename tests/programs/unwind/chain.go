// SPDX-License-Identifier: Apache-2.0

// A goroutine some calls deep.
package main

import "fmt"

var sink uint64

//go:noinline
func spin(x uint64) {
	for {
		for i := uint64(0); i < 1000; i++ {
			sink += x * i
		}
	}
}

//go:noinline
func middle(x uint64) {
	var bytes [4096]byte
	bytes[x%4096] = 1
	spin(x + uint64(bytes[0]))
	sink += uint64(bytes[x%7])
}

//go:noinline
func outer(x uint64) {
	middle(x + 1)
	sink++
}

func main() {
	fmt.Println("ready")
	done := make(chan bool)
	go func() {
		outer(1)
		done <- true
	}()
	<-done
}
