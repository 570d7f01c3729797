import { runProgram } from '@muster/fleet/command-line';
import { faults } from './command.js';

process.exitCode = await runProgram(faults);
