// SPDX-License-Identifier: Apache-2.0
/**
 * Programs of the field, as Debian has them, and what has each of them busy for some seconds.
 *
 * @module
 */

import { compile } from "../tasks/compile.ts";

/** Is a program that is busy with something of its own. */
export interface NameLoad {
  readonly name: string;
  /** Programs that it needs; where one is missing, it is not run. */
  readonly needs: readonly string[];
  /** The threads that count are called so. */
  readonly comm: RegExp;
  /** Makes what `script` uses. @default nothing is needed */
  readonly prepare?: (folder: string) => Promise<void>;
  /** Runs in a shell, whose `$DIR` is the folder, until that has a file `stop`. */
  readonly script: string;
}

/** Not what has the load going: shells, and perf. */
const ITS_OWN = /^(?!(perf|bash|sh|sleep|mkfifo)$)/;
const PROGRAMS = new URL("../tests/programs/", import.meta.url).pathname;
/** Debian's PostgreSQL is not on the path; it does not run as root. */
const AS_POSTGRES = "setpriv --reuid=postgres --regid=postgres --clear-groups";

const GO = `package main

import ("crypto/sha256"; "encoding/json"; "sort"; "strconv"; "time")

func sum[T int | float64](xs []T) T { var s T; for _, x := range xs { s += x }; return s }

func work() int {
	m := map[string]int{}
	for i := 0; i < 300; i++ { m["k"+strconv.Itoa(i)] = i }
	text, _ := json.Marshal(m)
	hash := sha256.Sum256(text)
	xs := make([]int, 3000)
	for i := range xs { xs[i] = (i*7919 + int(hash[0])) % 2003 }
	sort.Slice(xs, func(a, b int) bool { return xs[a] < xs[b] })
	return sum(xs)
}

func main() {
	go func() { for { work() } }()
	for end := time.Now().Add(time.Hour); time.Now().Before(end); { work() }
}
`;

const OCAML = `module M = Map.Make (Int)
let rec fib n = if n < 2 then n else fib (n - 1) + fib (n - 2)
let fill n = let rec go m i = if i = n then m else go (M.add (i * 7919 mod 2003) i m) (i + 1) in go M.empty 0
let () = while true do ignore (fib 22); ignore (M.fold (fun k v s -> k + v + s) (fill 2000) 0) done
`;

const CXX = `#include <map>
#include <regex>
#include <string>
int main() { std::map<std::string, std::regex> all; all.emplace("a", std::regex("b+")); return all.size() - 1; }
`;

const PHP =
  `class Basket { private $items = []; function add($k, $v) { $this->items[$k] = ($this->items[$k] ?? 0) + $v; } }
function fib($n) { return $n < 2 ? $n : fib($n - 1) + fib($n - 2); }
while (true) { fib(18); $b = new Basket; for ($i = 0; $i < 5000; $i++) $b->add("k" . ($i % 500), $i);
$x = range(1, 2000); usort($x, fn($p, $q) => $q <=> $p); }`;

const RUBY = `def fib(n) n < 2 ? n : fib(n - 1) + fib(n - 2) end
def hashes; h = {}; 5000.times { |i| h["k#{i % 500}"] = i }; h.values.sum end
loop { fib(16); hashes; (1..3000).to_a.sort_by { |x| x * 7919 % 10007 } }`;

const LUA = `local function fib(n) if n < 2 then return n end return fib(n - 1) + fib(n - 2) end
local function texts(n) local t = {} for i = 1, n do t[#t + 1] = string.format("%d:%s", i, "x") end return #t end
while true do fib(20) texts(2000) end`;

const NGINX = `daemon off; worker_processes 2; error_log stderr crit; pid nginx.pid;
events {}
http { access_log off; gzip on; gzip_comp_level 6; gzip_types *;
server { listen unix:nginx.sock; root .; location / { try_files $uri =404; } } }
`;

/** Sends requests by a socket, one after the other. */
const ASK = `import socket
while True:
    s = socket.socket(socket.AF_UNIX); s.connect("nginx.sock")
    s.sendall(b"GET /text HTTP/1.1\\r\\nHost: a\\r\\nAccept-Encoding: gzip\\r\\nConnection: close\\r\\n\\r\\n")
    while s.recv(1 << 16): pass
    s.close()
`;

const ASK_CACHE = `import socket
s = socket.socket(socket.AF_UNIX); s.connect("cache.sock"); f = s.makefile("rb")
i = 0
while True:
    i += 1
    s.sendall(b"".join(b"set k%d 0 0 200\\r\\n%s\\r\\nget k%d k%d\\r\\n" % (j % 997, b"x" * 200, j % 991, i % 7)
        for j in range(i, i + 50)))
    for _ in range(50):
        f.readline()
        while f.readline() != b"END\\r\\n": pass
`;

const HAPROXY = `global
  nbthread 2
defaults
  mode http
  timeout client 10s
  timeout connect 10s
  timeout server 10s
frontend all
  bind 127.0.0.1:48121
  http-request set-header X-Shape %[path,lower,sha1,hex]
  acl odd path_reg -i ^/(text|html)[0-9]*$
  http-request return status 200 content-type text/plain lf-string "%[req.hdr(X-Shape)] %[date]" if odd
`;

/** Runs `command` until it is to stop. */
function untilStopped(command: string): string {
  return `${command} & load=$!; until [ -e $DIR/stop ]; do sleep 0.2; done; kill -KILL $load; wait $load`;
}

export const NAME_LOADS: readonly NameLoad[] = [
  {
    name: "PostgreSQL",
    needs: ["postgres", "initdb", "pgbench", "setpriv"],
    comm: /^postgres/,
    async prepare(folder) {
      const script = `chown postgres ${folder} && cd ${folder} &&
        ${AS_POSTGRES} initdb -D ${folder}/db -A trust >/dev/null &&
        ${AS_POSTGRES} postgres -D ${folder}/db -k ${folder} -h '' >/dev/null 2>&1 & postgres=$!
        for i in $(seq 100); do pgbench -h ${folder} -U postgres -i -q postgres 2>/dev/null && break; sleep 0.2; done
        kill -INT $postgres; wait $postgres; [ $i -lt 100 ]`;
      await shell(script);
    },
    script: `cd $DIR; ${AS_POSTGRES} postgres -D $DIR/db -k $DIR -h '' -c fsync=off & postgres=$!
      until pg_isready -q -h $DIR; do sleep 0.1; done
      ${untilStopped("pgbench -h $DIR -U postgres -c 4 -M prepared -T 3600 postgres")}
      kill -INT $postgres; wait $postgres`,
  },
  {
    name: "nginx",
    needs: ["nginx", "python3"],
    comm: /^nginx/,
    async prepare(folder) {
      await Deno.writeTextFile(`${folder}/nginx.conf`, NGINX);
      await Deno.writeTextFile(`${folder}/ask.py`, ASK);
      const text = Array.from({ length: 20_000 }, (_, i) => `line ${i * 7919 % 10007}`).join("\n");
      await Deno.writeTextFile(`${folder}/text`, text);
      // The workers are nobody.
      await Deno.chmod(folder, 0o777);
    },
    script: `cd $DIR; nginx -p $DIR -c nginx.conf & nginx=$!
      until [ -S nginx.sock ]; do sleep 0.1; done
      ${untilStopped("python3 ask.py")}; kill $nginx; wait $nginx`,
  },
  {
    name: "redis",
    needs: ["redis-server", "redis-benchmark"],
    comm: /^(redis-server|io_thd|bio_)/,
    script: `cd $DIR; redis-server --port 0 --unixsocket redis.sock --save '' & redis=$!
      until [ -S redis.sock ]; do sleep 0.1; done
      ${
      untilStopped("redis-benchmark -s redis.sock -l -q -P 16 -t set,get,lpush,zadd")
    }; kill $redis; wait $redis`,
  },
  {
    name: "ffmpeg with libx264",
    needs: ["ffmpeg"],
    comm: ITS_OWN,
    script: untilStopped("ffmpeg -v error -f lavfi -i testsrc2=s=640x360 -t 600 -c:v libx264 -f null -"),
  },
  {
    name: "g++",
    needs: ["g++"],
    comm: /^cc1plus$/,
    prepare: (folder) => Deno.writeTextFile(`${folder}/part.cc`, CXX),
    script: untilStopped("sh -c 'while :; do g++ -O2 -c $DIR/part.cc -o $DIR/part.o; done'"),
  },
  {
    name: "Go, stripped",
    needs: ["go"],
    comm: /^program$/,
    async prepare(folder) {
      await Deno.writeTextFile(`${folder}/main.go`, GO);
      await shell(`cd ${folder} && GO111MODULE=off go build -ldflags='-s -w' -o program main.go`);
    },
    script: untilStopped("$DIR/program"),
  },
  {
    name: "Rust",
    needs: ["rustc"],
    comm: /^program/,
    prepare: (folder) => shell(`rustc -O -g -o ${folder}/program ${PROGRAMS}unwind/chain.rs`),
    script: untilStopped("$DIR/program"),
  },
  {
    name: "OCaml",
    needs: ["ocamlopt"],
    comm: /^program$/,
    async prepare(folder) {
      await Deno.writeTextFile(`${folder}/main.ml`, OCAML);
      await shell(`cd ${folder} && ocamlopt -o program main.ml`);
    },
    script: untilStopped("$DIR/program"),
  },
  {
    name: "node",
    needs: ["node"],
    comm: ITS_OWN,
    prepare: (folder) => Deno.copyFile(`${PROGRAMS}script.js`, `${folder}/script.cjs`),
    script: untilStopped("node --perf-basic-prof $DIR/script.cjs"),
  },
  {
    name: "deno",
    needs: ["deno"],
    comm: ITS_OWN,
    prepare: (folder) => Deno.copyFile(`${PROGRAMS}script.js`, `${folder}/script.cjs`),
    script: untilStopped("deno run -A --v8-flags=--perf-basic-prof $DIR/script.cjs"),
  },
  {
    name: "Python",
    needs: ["python3"],
    comm: /^python/,
    script: untilStopped(`python3 ${PROGRAMS}chains.py`),
  },
  {
    name: "a JVM with frame pointers",
    needs: ["java", "javac"],
    comm: ITS_OWN,
    prepare: (folder) => shell(`javac -d ${folder} ${PROGRAMS}Spin.java`),
    script: untilStopped("java -XX:+PreserveFramePointer -cp $DIR Spin"),
  },
  {
    name: "PHP",
    needs: ["php"],
    comm: /^php/,
    prepare: (folder) => Deno.writeTextFile(`${folder}/a.php`, `<?php\n${PHP}`),
    script: untilStopped("php $DIR/a.php"),
  },
  {
    name: "Ruby",
    needs: ["ruby"],
    comm: /^ruby/,
    prepare: (folder) => Deno.writeTextFile(`${folder}/a.rb`, RUBY),
    script: untilStopped("ruby $DIR/a.rb"),
  },
  {
    name: "LuaJIT",
    needs: ["luajit"],
    comm: /^luajit/,
    prepare: (folder) => Deno.writeTextFile(`${folder}/a.lua`, LUA),
    script: untilStopped("luajit $DIR/a.lua"),
  },
  {
    name: "memcached",
    needs: ["memcached", "python3"],
    comm: /^(memcached|mc-)/,
    prepare: (folder) => Deno.writeTextFile(`${folder}/ask.py`, ASK_CACHE),
    script: `cd $DIR; memcached -u root -s $DIR/cache.sock & cache=$!
      until [ -S cache.sock ]; do sleep 0.1; done
      ${untilStopped("python3 ask.py")}; kill $cache; wait $cache`,
  },
  {
    name: "HAProxy",
    needs: ["haproxy", "ab"],
    comm: /^haproxy/,
    prepare: (folder) => Deno.writeTextFile(`${folder}/proxy.cfg`, HAPROXY),
    script: `cd $DIR; haproxy -f proxy.cfg -db & proxy=$!
      ${untilStopped("sh -c 'while :; do ab -q -c 8 -n 100000 http://127.0.0.1:48121/text; done'")}
      kill $proxy; wait $proxy`,
  },
  {
    name: "MariaDB",
    needs: ["mariadbd", "mariadb-install-db", "mariadb-slap", "mariadb-admin"],
    comm: /^(mariadbd|iou_|one_connection)/,
    prepare: (folder) =>
      shell(
        `mariadb-install-db --no-defaults --user=root --datadir=${folder}/db --auth-root-authentication-method=normal \
        >/dev/null 2>&1 </dev/null`,
      ),
    script:
      `cd $DIR; mariadbd --no-defaults --user=root --datadir=$DIR/db --socket=$DIR/db.sock --skip-networking & db=$!
      until mariadb-admin --no-defaults -S $DIR/db.sock -u root ping >/dev/null 2>&1; do sleep 0.2; done
      ${
        untilStopped(
          `mariadb-slap --no-defaults -S $DIR/db.sock -u root -a -x 3 -y 2 --number-of-queries=10000000 \
        --auto-generate-sql-load-type=mixed -c 4`,
        )
      }; kill $db; wait $db`,
  },
  {
    name: "sysbench's mutexes",
    needs: ["sysbench"],
    comm: /^sysbench/,
    script: untilStopped("sysbench --threads=4 --time=600 --events=0 mutex --mutex-locks=100000000 run"),
  },
  {
    name: "sysbench's memory",
    needs: ["sysbench"],
    comm: /^sysbench/,
    script: untilStopped("sysbench --threads=2 --time=600 memory --memory-total-size=100000G run"),
  },
  {
    name: "C without frame pointers",
    needs: ["clang"],
    comm: /^program$/,
    prepare: (folder) =>
      compile(new URL("../tests/programs/unwind/chain.c", import.meta.url), `${folder}/program`, {
        flags: ["-O2", "-fomit-frame-pointer"],
      }),
    script: untilStopped("$DIR/program"),
  },
];

/** Runs a script. @throws {Error} with its words where it fails */
async function shell(script: string): Promise<void> {
  const { success, stderr } = await new Deno.Command("sh", { args: ["-c", script] }).output();
  if (!success) throw new Error(`Cannot prepare: ${new TextDecoder().decode(stderr)}`);
}
