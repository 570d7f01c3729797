import { homedir } from 'node:os';

/** Returns the user's home directory, or `/` if the user has no HOME and no entry in `/etc/passwd`. */
export function homeDirectory(): string {
  try {
    return homedir();
  } catch {
    return '/';
  }
}
