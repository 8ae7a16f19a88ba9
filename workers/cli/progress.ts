// A progress bar on a terminal, nothing where nobody watches.

import cliProgress from 'cli-progress';

export interface Progress {
  readonly advance: (by: number) => void;
  readonly done: () => void;
}

export function startProgress(label: string, total: number): Progress {
  const bar = new cliProgress.SingleBar(
    {
      format: `${label} {bar} {percentage}% {value}/{total}, {eta_formatted} left`,
      stream: process.stderr,
      noTTYOutput: false,
      hideCursor: true,
    },
    cliProgress.Presets.shades_classic,
  );
  bar.start(total, 0);
  return { advance: (by) => bar.increment(by), done: () => bar.stop() };
}
