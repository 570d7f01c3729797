import { Link } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { Empty } from '../components/empty';

/** Where an address leads nowhere. */
export function NotFound(): ReactNode {
  return (
    <div className="page">
      <Empty title="There is nothing at this address">
        <p>
          It may be an old link, or a typo. <Link to="/">Back to the fleet</Link>
        </p>
      </Empty>
    </div>
  );
}
