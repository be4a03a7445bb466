// What stands in the grid's place when there is nothing to list.

import { button, h, icon } from "../dom";
import { icons } from "../icons";
import { strings } from "../strings";

const text = strings.browse;

export function empty(onScan: () => void): HTMLElement {
  return h(
    "section",
    { class: "state" },
    wheel(),
    h("h2", {}, text.empty),
    h("p", {}, text.emptyHint),
    h("p", { class: "label" }, text.emptyConfig),
    h("pre", {}, text.emptyConfigSample),
    h("p", { class: "label" }, text.emptyRun),
    h("pre", {}, text.emptyRunSample),
    button(text.rescan, { class: "action" }, onScan),
  );
}

export function emptyWhileScanning(): HTMLElement {
  return h(
    "section",
    { class: "state" },
    wheel("turning"),
    h("h2", {}, text.emptyScanning),
    h("p", {}, text.emptyScanningHint),
  );
}

export function noMatch(q: string, onClear: () => void): HTMLElement {
  return h(
    "section",
    { class: "state" },
    h("h2", {}, text.noMatch(q)),
    h("p", {}, text.noMatchHint),
    button(text.clear, { class: "action" }, onClear),
  );
}

export function failed(detail: string, onRetry: () => void): HTMLElement {
  return h(
    "section",
    { class: "state", role: "alert" },
    h("span", { class: "sign" }, icon(icons.warning)),
    h("h2", {}, text.failed),
    h("p", {}, detail),
    button(text.retry, { class: "action" }, onRetry),
  );
}

function wheel(extra = ""): HTMLElement {
  return h("img", { class: `wheel ${extra}`, src: "./logo.svg", alt: "", width: 96, height: 96 });
}
