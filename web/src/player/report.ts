// Tells the server how far a film was watched, and once that it was watched at all.

import { postView, putPosition } from "../api";

const EVERY_MS = 10_000;
const VIEW_SHARE = 0.15;

/** Returns the function that ends it. */
export function report(file: string, video: HTMLVideoElement, duration: () => number): () => void {
  let told = -1;
  let watched = 0;
  let last = 0;
  let viewed = false;

  const tell = () => {
    const at = video.currentTime;
    if (!video.readyState || at < 1 || Math.abs(at - told) < 1) return;
    told = at;
    putPosition(file, at).catch(() => {});
  };
  const onTime = () => {
    const step = video.currentTime - last;
    last = video.currentTime;
    if (video.seeking || step <= 0 || step > 2) return;
    watched += step;
    if (!viewed && duration() > 0 && watched >= duration() * VIEW_SHARE) {
      viewed = true;
      postView(file).catch(() => {});
    }
  };
  const onHidden = () => {
    if (document.visibilityState === "hidden") tell();
  };

  const timer = window.setInterval(() => {
    if (!video.paused) tell();
  }, EVERY_MS);
  video.addEventListener("pause", tell);
  video.addEventListener("timeupdate", onTime);
  window.addEventListener("pagehide", tell);
  document.addEventListener("visibilitychange", onHidden);

  return () => {
    tell();
    window.clearInterval(timer);
    video.removeEventListener("pause", tell);
    video.removeEventListener("timeupdate", onTime);
    window.removeEventListener("pagehide", tell);
    document.removeEventListener("visibilitychange", onHidden);
  };
}
