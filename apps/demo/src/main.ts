import { runProgram } from '@muster/fleet/command-line';
import { demo } from './command.js';

process.exitCode = await runProgram(demo);
