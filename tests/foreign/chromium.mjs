// Unpacks the Chromium that a package brings along, and the libraries that a small machine may lack, beside
// what npm has installed: node_modules/.chromium/chromium and node_modules/.chromium/al2023/lib.
import { mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
// The package unpacks where temporary files are.
process.env.TMPDIR = join(here, "node_modules", ".chromium");
mkdirSync(process.env.TMPDIR, { recursive: true });
const { default: chromium, inflate } = await import("@sparticuz/chromium");
await chromium.executablePath();
await inflate(join(here, "node_modules", "@sparticuz", "chromium", "bin", "al2023.tar.br"));
