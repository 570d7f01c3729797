import type { AuditEntry } from '@muster/contracts';
import { useInfiniteQuery } from '@tanstack/react-query';
import { auditQuery } from '../../lib/api/queries';
import { EmptyState } from '../../components/empty-state';
import { IsolatedText } from '../../components/isolated-text';
import { ListStates } from '../../components/list-states';
import { Age } from '../../components/time';
import { toPlainText } from '../../lib/plain-text';

/** The audit log: the actions of users, API keys and enrollments, newest first. */
export function AuditLog() {
  const list = useInfiniteQuery(auditQuery());
  return (
    <ListStates list={list} what="entries" empty={<EmptyState title="No entries yet" />}>
      {(items) => (
        <div className="table" tabIndex={0} role="region" aria-label="Audit log">
          <table>
            <thead>
              <tr>
                <th scope="col">Time</th>
                <th scope="col">Actor</th>
                <th scope="col">Action</th>
                <th scope="col">Target</th>
                <th scope="col">Details</th>
              </tr>
            </thead>
            <tbody>
              {items.map((entry) => (
                <AuditRow key={entry.id} entry={entry} />
              ))}
            </tbody>
          </table>
        </div>
      )}
    </ListStates>
  );
}

function AuditRow({ entry: { at, actor, action, target, details } }: { entry: AuditEntry }) {
  return (
    <tr>
      <td>
        <Age at={at} />
      </td>
      <td>
        <AuditReference reference={actor} />
      </td>
      <td>{action.replaceAll(/[._]/g, ' ')}</td>
      <td>
        <AuditReference reference={target} name={typeof details['name'] === 'string' ? details['name'] : undefined} />
      </td>
      <td>
        <div className="audit-details">
          {Object.entries(details).map(([key, value]) => (
            <span key={key} className="code soft">
              <IsolatedText text={key} />{' '}
              <IsolatedText text={typeof value === 'string' ? value : JSON.stringify(value)} />
            </span>
          ))}
        </div>
      </td>
    </tr>
  );
}

/**
 * An actor or target such as `host:0198…`, shown as its kind and its name. Without a name, the start of its ID is shown
 * instead.
 */
function AuditReference({ reference, name }: { reference: string; name?: string | undefined }) {
  const [kind = '', id = ''] = reference.split(':', 2);
  return (
    <span title={toPlainText(reference)}>
      <IsolatedText text={kind.replaceAll('_', ' ')} />{' '}
      {name === undefined ? (
        <code className="soft">
          <IsolatedText text={id.slice(0, 8)} />
        </code>
      ) : (
        <IsolatedText text={name} />
      )}
    </span>
  );
}
