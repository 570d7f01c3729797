// Preloaded into a process: its wall clock is wrong by so many milliseconds as the file named by WRONG_CLOCK_FILE
// holds, at its start and from each SIGUSR2 on. A time namespace has no wall clock of its own.
import { readFileSync } from 'node:fs';

const RealDate = Date;
const readError = () => Number(readFileSync(process.env.WRONG_CLOCK_FILE, 'utf8'));
let errorMs = readError();
process.on('SIGUSR2', () => {
  errorMs = readError();
});

globalThis.Date = class extends RealDate {
  constructor(...given) {
    if (given.length === 0) super(RealDate.now() + errorMs);
    else super(...given);
  }

  static now() {
    return RealDate.now() + errorMs;
  }
};
