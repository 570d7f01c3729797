import { toTerminalJson, toTerminalText } from '@muster/contracts';
import { ExitCodes, type ExitCode } from '../exit.js';

/** The result of one check. `advice` is the fix, or null if there is nothing to fix. */
export interface Finding {
  check: string;
  verdict: 'ok' | 'warning' | 'failed' | 'skipped';
  found: string;
  advice: string | null;
}

/** One check. `run` throws if the check fails, and the error's message becomes the finding. */
export interface Check {
  name: string;
  /** Names of the checks that must pass first. If one of them does not pass, this check is skipped. */
  needs: readonly string[];
  /**
   * `warning` is the fix for a problem that does not stop the agent from working. `isSkipped` means that nothing could
   * be checked here, and that another check reports the reason.
   */
  run(signal: AbortSignal): Promise<{ found: string; warning?: string; isSkipped?: true }>;
  /** The fix for an error without its own advice. */
  advice: string;
}

/** Thrown by a check that knows the fix. */
export class CheckError extends Error {
  override readonly name = 'CheckError';

  constructor(
    message: string,
    readonly advice: string,
  ) {
    super(message);
  }
}

/** Runs all checks in order, one at a time. Throws only on abort. */
export async function runChecks(checks: readonly Check[], signal: AbortSignal): Promise<Finding[]> {
  const findings: Finding[] = [];
  const passed = new Set<string>();
  for (const check of checks) {
    const missing = check.needs.find((name) => !passed.has(name));
    if (missing !== undefined) {
      findings.push({ check: check.name, verdict: 'skipped', found: `needs: ${missing}`, advice: null });
      continue;
    }
    try {
      const { found, warning = null, isSkipped = false } = await check.run(signal);
      passed.add(check.name);
      const verdict = isSkipped ? 'skipped' : warning === null ? 'ok' : 'warning';
      findings.push({ check: check.name, verdict, found, advice: warning });
    } catch (error) {
      signal.throwIfAborted();
      const advice = error instanceof CheckError ? error.advice : check.advice;
      findings.push({ check: check.name, verdict: 'failed', found: (error as Error).message, advice });
    }
  }
  return findings;
}

const VERDICT_LABELS = { ok: 'ok  ', warning: 'warn', failed: 'FAIL', skipped: 'skip' } as const;

/**
 * Formats the findings as JSON or as text, with one line per finding and the advice below it. The exit code is 0 if no
 * check failed and none was skipped.
 */
export function formatFindings(findings: readonly Finding[], json: boolean): { text: string; exitCode: ExitCode } {
  const exitCode = findings.every(({ verdict }) => verdict === 'ok' || verdict === 'warning')
    ? ExitCodes.ok
    : ExitCodes.failed;
  if (json) return { text: `${toTerminalJson(JSON.stringify(findings, null, 2))}\n`, exitCode };
  const lines = findings.flatMap(({ check, verdict, found, advice }) => [
    `${VERDICT_LABELS[verdict]}  ${check.padEnd(12)}  ${toTerminalText(found)}`,
    ...(advice === null ? [] : [`${' '.repeat(20)}→ ${toTerminalText(advice)}`]),
  ]);
  return { text: `${lines.join('\n')}\n`, exitCode };
}
