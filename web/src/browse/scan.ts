// Follows a scan while one runs: a line of text, and a call whenever the library has changed.

import { type ScanStatus, scanStatus, startScan } from "../api";

export interface ScanFollower {
  start(): void;
  stop(): void;
}

export function followScan(onStatus: (status: ScanStatus) => void, onChange: () => void): ScanFollower {
  const abort = new AbortController();
  let timer = 0;
  let seen = "";

  const look = async () => {
    window.clearTimeout(timer);
    let wait = 15_000;
    try {
      const status = await scanStatus(abort.signal);
      const now = [status.state, status.indexed, status.probed, status.candidates].join();
      if (seen && seen !== now) onChange();
      seen = now;
      onStatus(status);
      if (status.state === "scanning") wait = 1_000;
    } catch {
      if (abort.signal.aborted) return;
    }
    timer = window.setTimeout(look, wait);
  };
  void look();

  return {
    start() {
      startScan().then(look, look);
    },
    stop() {
      abort.abort();
      window.clearTimeout(timer);
    },
  };
}
