// The player's surface: picture, title, words in the middle, and the bar that hides itself.

import { button, h, icon, replace } from "../dom";
import { icons } from "../icons";
import { strings } from "../strings";
import type { Trouble } from "./trouble";

const text = strings.player;
const IDLE_MS = 3_000;
const WORD_DELAY_MS = 200;

export interface Stage {
  element: HTMLElement;
  /** Where subtitles are written: above the bar while that is there. */
  captions: HTMLElement;
  title(name: string): void;
  /** A word for what is waited on; null when nothing is. */
  waiting(word: string | null): void;
  trouble(trouble: Trouble | null, onRetry?: () => void): void;
  askToPlay(ask: boolean): void;
  notice(words: string): void;
  /** Shows the bar; it hides again unless `mayHide` says no. */
  wake(): void;
  destroy(): void;
}

export function stage(
  video: HTMLVideoElement,
  bar: HTMLElement,
  onPlay: () => void,
  mayHide: () => boolean,
): Stage {
  const title = h("h1", {});
  const back = h("a", { class: "back", href: "#/" }, icon(icons.back), h("span", {}, text.back));
  const word = h("span", { class: "word" });
  const waiting = h(
    "div",
    { class: "waiting", role: "status", hidden: true },
    h("span", { class: "ring" }),
    word,
  );
  const play = button(text.play, { class: "big-play", hidden: true }, onPlay, icon(icons.play));
  const trouble = h("div", { class: "trouble", role: "alert", hidden: true });
  const notice = h("p", { class: "notice", role: "status", hidden: true });
  const head = h("header", { class: "head" }, back, title);
  const captions = h("div", { class: "captions" });
  const element = h("main", { class: "stage" }, video, captions, head, waiting, play, trouble, notice, bar);

  let idleTimer = 0;
  let wordTimer = 0;
  const wake = () => {
    element.classList.remove("idle");
    window.clearTimeout(idleTimer);
    idleTimer = window.setTimeout(() => {
      if (mayHide()) element.classList.add("idle");
      else wake();
    }, IDLE_MS);
  };
  for (const name of ["pointermove", "pointerdown", "keydown", "focusin"] as const) {
    element.addEventListener(name, wake);
  }
  wake();

  return {
    element,
    captions,
    title(name) {
      title.textContent = name;
      document.title = `${name} – ${strings.name}`;
    },
    waiting(next) {
      window.clearTimeout(wordTimer);
      if (next === null) {
        waiting.hidden = true;
        return;
      }
      word.textContent = next;
      wordTimer = window.setTimeout(
        () => {
          waiting.hidden = false;
        },
        next === text.starting ? 0 : WORD_DELAY_MS,
      );
    },
    trouble(what, onRetry) {
      trouble.hidden = what === null;
      element.classList.toggle("broken", what !== null);
      if (!what) return;
      replace(
        trouble,
        h("span", { class: "sign" }, icon(icons.warning)),
        h("h2", {}, text.failed),
        h("p", {}, what.detail),
        what.small ? h("p", { class: "small" }, what.small) : null,
        onRetry ? button(text.retry, { class: "action" }, onRetry) : null,
      );
    },
    askToPlay(ask) {
      play.hidden = !ask;
      element.classList.toggle("asking", ask);
      if (ask) play.focus();
    },
    notice(words) {
      notice.textContent = words;
      notice.hidden = false;
      window.setTimeout(() => {
        notice.hidden = true;
      }, 4_000);
    },
    wake,
    destroy() {
      window.clearTimeout(idleTimer);
      window.clearTimeout(wordTimer);
    },
  };
}
