import { toTerminalJson, toTerminalText } from '@muster/contracts';
import { ExitCodes, type ExitCode } from '../exit.js';

/** What one check found. `advice`: what to do about it, where there is something to do. */
export interface Finding {
  check: string;
  verdict: 'ok' | 'warning' | 'failed' | 'skipped';
  found: string;
  advice: string | null;
}

/** A thing to look at. It throws where the thing is not as it must be: its message is what was found. */
export interface Check {
  name: string;
  /** Checks that must have passed, or there is nothing to look at. */
  needs: readonly string[];
  look(signal: AbortSignal): Promise<{ found: string; warning?: string }>;
  /** What to do where it throws. */
  advice(error: Error): string;
}

/** Looks at everything, one after the other, in this order. Throws on abort alone. */
export async function examine(checks: readonly Check[], signal: AbortSignal): Promise<Finding[]> {
  const findings: Finding[] = [];
  const passed = new Set<string>();
  for (const check of checks) {
    const missing = check.needs.find((name) => !passed.has(name));
    if (missing !== undefined) {
      findings.push({ check: check.name, verdict: 'skipped', found: `needs: ${missing}`, advice: null });
      continue;
    }
    try {
      const { found, warning = null } = await check.look(signal);
      passed.add(check.name);
      findings.push({ check: check.name, verdict: warning === null ? 'ok' : 'warning', found, advice: warning });
    } catch (error) {
      signal.throwIfAborted();
      const { message } = error as Error;
      findings.push({ check: check.name, verdict: 'failed', found: message, advice: check.advice(error as Error) });
    }
  }
  return findings;
}

const MARKS = { ok: 'ok  ', warning: 'warn', failed: 'FAIL', skipped: 'skip' } as const;

/** The findings, a line each with the advice under it, and whether all is well. */
export function report(findings: readonly Finding[], json: boolean): { text: string; exitCode: ExitCode } {
  const exitCode = findings.every(({ verdict }) => verdict === 'ok' || verdict === 'warning')
    ? ExitCodes.ok
    : ExitCodes.failed;
  if (json) return { text: `${toTerminalJson(JSON.stringify(findings, null, 2))}\n`, exitCode };
  const lines = findings.flatMap(({ check, verdict, found, advice }) => [
    `${MARKS[verdict]}  ${check.padEnd(12)}  ${toTerminalText(found)}`,
    ...(advice === null ? [] : [`${' '.repeat(20)}→ ${toTerminalText(advice)}`]),
  ]);
  return { text: `${lines.join('\n')}\n`, exitCode };
}
