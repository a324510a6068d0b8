// Runs tests/*.test.ts: bundled with esbuild, so that any Node from 20 on can run them, then `node --test`.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import * as esbuild from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const tests = readdirSync(join(here, "tests"), { recursive: true })
  .filter((name) => name.endsWith(".test.ts"))
  .map((name) => join(here, "tests", name));
if (tests.length === 0) throw new Error("there are no tests in frontend/tests");

const out = mkdtempSync(join(here, "node_modules", ".tests-")); // inside, so that packages are found
let status = 1;
try {
  await esbuild.build({
    entryPoints: tests,
    outdir: out,
    outbase: join(here, "tests"),
    outExtension: { ".js": ".mjs" },
    bundle: true,
    packages: "external",
    platform: "node",
    format: "esm",
    target: "node20",
    sourcemap: "inline",
    logLevel: "warning",
  });
  const built = readdirSync(out, { recursive: true })
    .filter((name) => name.endsWith(".test.mjs"))
    .map((name) => join(out, name));
  status = spawnSync(process.execPath, ["--enable-source-maps", "--test", ...built], { stdio: "inherit" }).status ?? 1;
} finally {
  rmSync(out, { recursive: true, force: true });
}
process.exit(status);
