import { existsSync } from 'node:fs';
import { isAvailable } from './is-available.js';

const PATHS = ['/usr/bin/chromium', '/usr/bin/google-chrome', '/usr/bin/chromium-browser'];

/**
 * Returns the installed Chromium, and the arguments to start it as root and without calls to the Internet. Returns null
 * if no Chromium is installed. `isAvailable` then reports that it is missing.
 */
export function findChromium(): { executablePath: string; args: string[] } | null {
  const executablePath = PATHS.find(existsSync);
  if (executablePath === undefined) {
    isAvailable('no Chromium is installed: apt-get install chromium');
    return null;
  }
  const args = [
    ...['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-sync'],
    ...['--disable-background-networking', '--disable-component-update'],
  ];
  return { executablePath, args };
}
