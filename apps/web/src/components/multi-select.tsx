import { removeValue } from '../lib/search-params';
import { IsolatedText } from './isolated-text';
import { MenuCheckbox, MenuLabel } from './menu';

/** A menu section in which any number of options can be checked. If no option is checked, no filter applies. */
export function MultiSelect<T extends string>({
  label,
  options,
  selected,
  onChange,
  labelOf,
}: {
  label: string;
  options: readonly T[];
  selected: readonly T[] | undefined;
  onChange: (selected: T[] | undefined) => void;
  labelOf: (option: T) => string;
}) {
  return (
    <>
      <MenuLabel>{label}</MenuLabel>
      {options.map((option) => (
        <MenuCheckbox
          key={option}
          checked={selected?.includes(option) ?? false}
          onChange={(checked) => onChange(checked ? [...(selected ?? []), option] : removeValue(selected, option))}
        >
          <IsolatedText text={labelOf(option)} />
        </MenuCheckbox>
      ))}
    </>
  );
}
