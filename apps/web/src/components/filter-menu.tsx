import type { ReactNode } from 'react';
import { Icon } from './icons';
import { Menu } from './menu';

/** The menu that adds filters to a list. */
export function FilterMenu({ children }: { children: ReactNode }) {
  return (
    <Menu
      align="start"
      trigger={
        <button type="button" className="chip">
          <Icon name="add" />
          Filter
        </button>
      }
    >
      {children}
    </Menu>
  );
}
