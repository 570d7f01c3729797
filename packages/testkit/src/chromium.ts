import { existsSync } from 'node:fs';

/** A Chromium, and the flags by which a test starts it: those of Debian's, as root and without anything it would call home for. */
export interface InstalledChromium {
  executablePath: string;
  args: string[];
}

/** Debian's, and where others have theirs. */
const PLACES = ['/usr/bin/chromium', '/usr/bin/google-chrome', '/usr/bin/chromium-browser'];

/**
 * The Chromium of this machine. Null where there is none, which is said on standard error.
 * @throws Error instead, where `MUSTER_TEST_REQUIRE_ALL` is 1.
 */
export function findChromium(): InstalledChromium | null {
  const executablePath = PLACES.find(existsSync);
  if (executablePath === undefined) {
    const unavailable = 'there is no Chromium: apt-get install chromium';
    if (process.env['MUSTER_TEST_REQUIRE_ALL'] === '1') throw new Error(unavailable);
    process.stderr.write(`skipped: ${unavailable}\n`);
    return null;
  }
  const args = [
    ...['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-sync'],
    ...['--disable-background-networking', '--disable-component-update'],
  ];
  return { executablePath, args };
}
