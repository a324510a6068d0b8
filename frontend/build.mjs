// Builds what the pages load: `node build.mjs` once, `node build.mjs --watch` while working.
// One file per entry below, into hearthline/static/build; no page loads anything from another host.
import { existsSync, mkdirSync, readdirSync, watch, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import * as esbuild from "esbuild";
import * as sass from "sass";

const here = dirname(fileURLToPath(import.meta.url));
const out = join(here, "..", "hearthline", "static", "build");

// src/app.ts is on every page; each folder below has one entry per page in its `pages` folder.
const entries = { app: join(here, "src", "app.ts") };
for (const area of readdirSync(join(here, "src"), { withFileTypes: true })) {
  if (!area.isDirectory()) continue;
  const pages = join(here, "src", area.name, "pages");
  if (!existsSync(pages)) continue;
  for (const file of readdirSync(pages, { withFileTypes: true })) {
    if (file.name.endsWith(".ts")) entries[file.name.slice(0, -3)] = join(pages, file.name);
  }
}

function styles() {
  const result = sass.compile(join(here, "styles", "app.scss"), {
    loadPaths: [join(here, "node_modules")],
    style: "compressed",
    quietDeps: true,
    silenceDeprecations: ["import", "global-builtin", "color-functions", "if-function"], // Bootstrap 5.3 is written so
  });
  mkdirSync(out, { recursive: true });
  writeFileSync(join(out, "app.css"), result.css);
}

const context = await esbuild.context({
  entryPoints: entries,
  outdir: out,
  bundle: true,
  splitting: true,
  format: "esm",
  target: ["chrome110", "firefox115", "safari16.4"],
  minify: true,
  sourcemap: "linked",
  chunkNames: "chunk-[hash]",
  logLevel: "info",
});
styles();
if (process.argv.includes("--watch")) {
  await context.watch();
  watch(join(here, "styles"), { recursive: true }, () => styles());
} else {
  await context.rebuild();
  await context.dispose();
}
