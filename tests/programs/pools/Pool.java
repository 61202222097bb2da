// SPDX-License-Identifier: Apache-2.0

import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;

/** The same as pool.c: two threads contend for a monitor, beside a pool of java.util.concurrent. */
public class Pool {
  private static final Object CONTENDED = new Object();
  private static final AtomicLong WAITED = new AtomicLong();

  private static void sleepMicros(long micros) {
    try {
      TimeUnit.MICROSECONDS.sleep(micros);
    } catch (InterruptedException error) {
      throw new IllegalStateException(error);
    }
  }

  private static void contend() {
    for (int i = 0; i < 40; i++) {
      long begun = System.nanoTime();
      synchronized (CONTENDED) {
        WAITED.addAndGet(System.nanoTime() - begun);
        sleepMicros(2000);
      }
      sleepMicros(100);
    }
  }

  public static void main(String[] arguments) throws Exception {
    System.out.println("ready");
    System.in.read();
    ExecutorService workers = Executors.newFixedThreadPool(3);
    Thread[] contenders = {new Thread(Pool::contend), new Thread(Pool::contend)};
    for (Thread thread : contenders) thread.start();
    for (int i = 0; i < 60; i++) {
      workers.submit(() -> {});
      sleepMicros(3000);
    }
    for (Thread thread : contenders) thread.join();
    workers.shutdown();
    System.out.println("{\"delayNs\": " + WAITED.get() + "}");
    System.in.read();
  }
}
