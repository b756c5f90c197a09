// Pins the Node packages anew, `npm run pin`: versions and integrity hashes, and no address of any kind.
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';

const LOCK = new URL('package-lock.json', import.meta.url);

execFileSync('npm', ['install', '--package-lock-only'], { stdio: 'inherit' });
const lock = JSON.parse(readFileSync(LOCK));
for (const pinned of Object.values(lock.packages)) {
  delete pinned.resolved;
  delete pinned.funding;
}
writeFileSync(LOCK, `${JSON.stringify(lock, null, 2)}\n`);
