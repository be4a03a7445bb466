// The time line: what is played, what is buffered, and where a press would go.

import { h } from "../dom";
import { clock } from "../format";
import { strings } from "../strings";

export interface Seekbar {
  element: HTMLElement;
  readonly dragging: boolean;
  update(time: number, duration: number, buffered: TimeRanges): void;
}

export function seekbar(onSeek: (time: number) => void, onPreview: (time: number) => void): Seekbar {
  const range = h("input", { type: "range", min: 0, max: 1, step: "any", "aria-label": strings.player.seek });
  const tip = h("output", { class: "tip", hidden: true });
  const element = h("div", { class: "seekbar" }, range, tip);
  let dragging = false;
  let length = 0;

  const paint = (time: number) => {
    element.style.setProperty("--played", share(time, length));
    range.setAttribute("aria-valuetext", `${clock(time)} / ${clock(length)}`);
  };
  range.addEventListener("input", () => {
    dragging = true;
    paint(range.valueAsNumber);
    onPreview(range.valueAsNumber);
  });
  range.addEventListener("change", () => {
    dragging = false;
    onSeek(range.valueAsNumber);
  });
  element.addEventListener("pointermove", (event) => {
    const box = range.getBoundingClientRect();
    const at = Math.min(1, Math.max(0, (event.clientX - box.left) / box.width));
    tip.hidden = !length;
    tip.textContent = clock(at * length);
    tip.style.left = `${at * 100}%`;
  });
  element.addEventListener("pointerleave", () => {
    tip.hidden = true;
  });

  return {
    element,
    get dragging() {
      return dragging;
    },
    update(time, duration, buffered) {
      length = duration;
      range.max = String(duration || 1);
      if (!dragging) {
        range.value = String(time);
        paint(time);
      }
      element.style.setProperty("--buffered", share(bufferedUntil(time, buffered), duration));
    },
  };
}

const share = (time: number, whole: number): string =>
  `${whole > 0 ? Math.min(100, (time / whole) * 100).toFixed(3) : 0}%`;

function bufferedUntil(time: number, buffered: TimeRanges): number {
  for (let i = 0; i < buffered.length; i += 1) {
    if (buffered.start(i) <= time + 0.5 && buffered.end(i) > time) return buffered.end(i);
  }
  return time;
}
