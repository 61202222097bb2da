// SPDX-License-Identifier: Apache-2.0
/** Spins in compiled methods that a method calls which is interpreted for ever, as it runs once. */
public class Spin {
  static volatile long sink;

  interface Work {
    long run(long n);
  }

  static class Inner implements Work {
    public long run(long n) {
      return middle(n) ^ 5;
    }
  }

  static long leaf(long n) {
    long s = n;
    for (int i = 0; i < 20000; i++) s = s * 31 + (s >>> 7);
    return s;
  }

  static long middle(long n) {
    return leaf(n) + 1;
  }

  static void pump() {
    Work[] all = {new Inner(), x -> middle(x) + 2};
    while (true) for (Work work : all) sink += work.run(sink);
  }

  public static void main(String[] args) {
    System.out.println("ready");
    pump();
  }
}
