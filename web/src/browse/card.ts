// One film of the grid: a link when it can be played, a note with the reason when it cannot.

import type { MediaFile } from "../api";
import { h, icon } from "../dom";
import { bytes, codecName, length } from "../format";
import { icons } from "../icons";
import { strings } from "../strings";
import { art } from "./art";

const text = strings.browse;

export function card(file: MediaFile): HTMLElement {
  const picture = art(file.name);
  picture.append(badges(file));
  if (file.duration_s) picture.append(h("span", { class: "badge length" }, length(file.duration_s)));
  const watched = progress(file);
  if (watched > 0) picture.append(bar(watched));

  const trouble = file.state === "offline" || file.state === "broken";
  const body = [picture, h("span", { class: "title" }, file.name), trouble ? reason(file) : details(file)];
  if (trouble) {
    return h("div", { class: `card ${file.state}`, tabindex: 0, role: "group", "data-card": true }, ...body);
  }
  picture.append(h("span", { class: "play-hint" }, icon(icons.play)));
  return h(
    "a",
    {
      class: "card",
      href: `#/play/${encodeURIComponent(file.id)}`,
      "data-card": true,
    },
    ...body,
  );
}

export function skeleton(): HTMLElement {
  return h(
    "div",
    { class: "card skeleton", "aria-hidden": "true" },
    h("span", { class: "art" }),
    h("span", { class: "title" }),
    h("span", { class: "details" }),
  );
}

function badges(file: MediaFile): HTMLElement {
  const video = file.video;
  const shown = h("span", { class: "badges" });
  const add = (label: string, kind = "") => shown.append(h("span", { class: `badge ${kind}` }, label));
  if (file.state === "unprobed") add(text.unprobed, "new");
  if (video?.height) add(video.height >= 2160 ? "4K" : `${video.height}p`);
  if (video?.codec) add(codecName(video.codec));
  if (video?.hdr) add(typeof video.hdr === "string" && video.hdr.length < 8 ? video.hdr : "HDR", "hdr");
  return shown;
}

function progress(file: MediaFile): number {
  if (!file.position_s || !file.duration_s || file.position_s < 10) return 0;
  return Math.min(1, file.position_s / file.duration_s);
}

function bar(share: number): HTMLElement {
  const percent = Math.round(share * 100);
  const filled = h("span", {});
  filled.style.width = `${percent}%`;
  return h("span", { class: "watched", title: text.watched(percent) }, filled);
}

function details(file: MediaFile): HTMLElement {
  const parts = [file.library, file.size ? bytes(file.size) : ""].filter(Boolean);
  return h("span", { class: "details" }, parts.join(" · "));
}

function reason(file: MediaFile): HTMLElement {
  const offline = file.state === "offline";
  return h(
    "span",
    { class: "details reason" },
    h("strong", {}, offline ? text.offline : text.broken),
    ` — ${file.reason || (offline ? text.offlineReason : text.brokenReason)}`,
  );
}
