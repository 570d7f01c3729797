import { runProgram } from '@muster/fleet/command-line';
import { bench } from './command.js';

process.exitCode = await runProgram(bench);
