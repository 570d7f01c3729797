import type { HostProblem } from '@muster/contracts';
import { IsolatedText } from '../../components/isolated-text';
import { Age } from '../../components/time';
import { PROBLEM_TITLES } from '../../lib/format-problem';
import { isSevereProblem } from '../../lib/severity';

/** A host's problems, each with its name, start time and message. Renders nothing if there are no problems. */
export function HostProblems({ problems }: { problems: readonly HostProblem[] }) {
  if (problems.length === 0) return null;
  return (
    <ul className="problems" aria-label="Problems">
      {problems.map(({ code, message, since }) => (
        <li key={code} className={isSevereProblem(code) ? 'note note-trouble' : 'note note-warning'}>
          <p>
            <strong>{PROBLEM_TITLES[code]}</strong> since <Age at={since} />.{' '}
            <span className="break">
              <IsolatedText text={message} />
            </span>
          </p>
        </li>
      ))}
    </ul>
  );
}
