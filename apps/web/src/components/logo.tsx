/** The logo: a grid of nine squares, one of which has another color. */
export function Logo() {
  const dots = [0, 1, 2, 3, 4, 5, 6, 7, 8];
  return (
    <svg className="mark" viewBox="0 0 22 22" aria-hidden="true">
      {dots.map((dot) => (
        <rect
          key={dot}
          x={1 + (dot % 3) * 7}
          y={1 + Math.floor(dot / 3) * 7}
          width="5.4"
          height="5.4"
          rx="1.3"
          className={dot === 4 ? 'mark-one' : 'mark-all'}
        />
      ))}
    </svg>
  );
}
