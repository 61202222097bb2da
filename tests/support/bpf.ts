/**
 * BPF objects for tests, compiled on the spot.
 *
 * @module
 */

const ROOT = new URL("../..", import.meta.url).pathname;

/** A BPF object made of `source`, which may include what is in `bpf/`; gone when it is disposed of. */
export async function compileBpf(source: string): Promise<{ path: string } & Disposable> {
  const folder = await Deno.makeTempDir({ prefix: "aperture-bpf-" });
  await Deno.writeTextFile(`${folder}/test.bpf.c`, source);
  const path = `${folder}/test.bpf.o`;
  const arch = Deno.build.arch === "aarch64" ? "arm64" : "x86";
  const flags = ["-O2", "-g", "-mcpu=v2", "-target", "bpf", `-D__TARGET_ARCH_${arch}`, `-I${ROOT}bpf`];
  const { success, stderr } = await new Deno.Command("clang", {
    args: [...flags, "-c", `${folder}/test.bpf.c`, "-o", path],
  }).output();
  if (!success) throw new Error(`Cannot compile: ${new TextDecoder().decode(stderr)}`);
  return { path, [Symbol.dispose]: () => Deno.removeSync(folder, { recursive: true }) };
}
