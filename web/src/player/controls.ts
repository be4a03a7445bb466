// The bar below the picture.

import { button, h, icon, replace } from "../dom";
import { clock } from "../format";
import { icons } from "../icons";
import { strings } from "../strings";
import { type Menu, menu } from "./menu";
import { seekbar } from "./seekbar";

const text = strings.player;

export interface Actions {
  toggle(): void;
  skip(seconds: number): void;
  seek(time: number): void;
  mute(): void;
  volume(level: number): void;
  pip(): void;
  fullscreen(): void;
}

export interface Controls {
  element: HTMLElement;
  audio: Menu;
  texts: Menu;
  quality: Menu;
  update(video: HTMLVideoElement, duration: number): void;
}

/** Sets a button's icon and its name, which says what a press would do. */
function face(element: HTMLButtonElement, label: string, path: string): void {
  if (element.getAttribute("aria-label") === label) return;
  element.setAttribute("aria-label", label);
  element.title = label;
  replace(element, icon(path));
}

export function controls(actions: Actions): Controls {
  const control = { class: "control" };
  const play = button(text.play, { class: "control toggle" }, actions.toggle, icon(icons.play));
  const back = button(text.back10, control, () => actions.skip(-10), icon(icons.back10));
  const forward = button(text.forward10, control, () => actions.skip(10), icon(icons.forward10));
  const mute = button(text.mute, control, actions.mute, icon(icons.volume));
  const volume = h("input", {
    type: "range",
    class: "volume",
    min: 0,
    max: 1,
    step: 0.05,
    "aria-label": text.volume,
  });
  volume.addEventListener("input", () => actions.volume(volume.valueAsNumber));
  const now = h("span", { class: "now" });
  const total = h("span", { class: "total" });
  const time = h("span", { class: "time" }, now, h("span", { class: "of" }, " / "), total);
  const audio = menu(text.audio, icons.audio);
  const texts = menu(text.subtitles, icons.subtitles);
  const quality = menu(text.quality, icons.quality);
  const pip = button(text.pip, { class: "control pip" }, actions.pip, icon(icons.pip));
  pip.hidden = !document.pictureInPictureEnabled;
  const full = button(text.fullscreen, control, actions.fullscreen, icon(icons.fullscreen));
  const line = seekbar(actions.seek, (at) => {
    now.textContent = clock(at);
  });

  const row = h(
    "div",
    { class: "row" },
    play,
    back,
    forward,
    h("span", { class: "sound" }, mute, volume),
    time,
    h("span", { class: "space" }),
    audio.element,
    texts.element,
    quality.element,
    pip,
    full,
  );
  // A press with the mouse must not take the keyboard away from the film.
  row.addEventListener("mousedown", (event) => {
    if (event.target instanceof Element && event.target.closest(".control")) event.preventDefault();
  });

  return {
    element: h("div", { class: "bar" }, line.element, row),
    audio,
    texts,
    quality,
    update(video, duration) {
      face(play, video.paused ? text.play : text.pause, video.paused ? icons.play : icons.pause);
      const silent = video.muted || video.volume === 0;
      face(mute, silent ? text.unmute : text.mute, silent ? icons.muted : icons.volume);
      const level = silent ? 0 : video.volume;
      if (document.activeElement !== volume) volume.value = String(level);
      volume.style.setProperty("--level", `${level * 100}%`);
      const whole = document.fullscreenElement !== null;
      face(full, whole ? text.exitFullscreen : text.fullscreen, whole ? icons.shrink : icons.fullscreen);
      if (!line.dragging) now.textContent = clock(video.currentTime);
      total.textContent = clock(duration);
      line.update(video.currentTime, duration, video.buffered);
    },
  };
}
