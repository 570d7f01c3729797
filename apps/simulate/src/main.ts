import { runProgram } from '@muster/fleet/command-line';
import { simulator } from './command.js';

process.exitCode = await runProgram(simulator);
