import { Link } from '@tanstack/react-router';
import { IsolatedText } from '../../components/isolated-text';
import { toPlainText } from '../../lib/plain-text';

/** A container's labels. Each label links to all containers that have it. */
export function Labels({ labels }: { labels: Readonly<Record<string, string>> }) {
  const entries = Object.entries(labels).sort(([a], [b]) => a.localeCompare(b));
  return (
    <section className="card" aria-labelledby="labels-title">
      <h2 id="labels-title" className="card-title">
        Labels
      </h2>
      {entries.length === 0 && <p className="soft">No labels</p>}
      <ul className="labels">
        {entries.map(([key, value]) => (
          <li key={key}>
            <Link
              to="/containers"
              search={{ label: [`${key}=${value}`] }}
              className="label code"
              title={toPlainText(`Containers with ${key}=${value}`)}
            >
              <span className="label-key">
                <IsolatedText text={key} />
              </span>
              <span className="label-value">{value === '' ? '(empty)' : <IsolatedText text={value} />}</span>
            </Link>
          </li>
        ))}
      </ul>
    </section>
  );
}
