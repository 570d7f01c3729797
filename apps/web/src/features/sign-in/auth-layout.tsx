import type { ReactNode } from 'react';
import { Logo } from '../../components/logo';

/** The layout of the pages that need no session: sign-in, setup and invitation. */
export function AuthLayout({ title, children }: { title: ReactNode; children: ReactNode }) {
  return (
    <main className="auth">
      <div className="auth-card">
        <p className="auth-brand">
          <Logo />
          Muster
        </p>
        <h1>{title}</h1>
        {children}
      </div>
      <p className="auth-tagline">Every container on every host, present and accounted for.</p>
    </main>
  );
}
