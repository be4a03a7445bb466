// A button of the bar that opens a list to choose one from.

import { button, h, icon, replace } from "../dom";

export interface Option {
  label: string;
  active: boolean;
  choose(): void;
}

export interface Menu {
  element: HTMLElement;
  readonly open: boolean;
  show(options: Option[]): void;
  close(): boolean;
}

export function menu(label: string, path: string): Menu {
  const list = h("div", { class: "menu", role: "menu", "aria-label": label, hidden: true });
  const opener = button(
    label,
    { class: "control", "aria-haspopup": "menu", "aria-expanded": "false" },
    () => toggle(list.hidden),
    icon(path),
  );
  // After a press with the mouse the keys go back to the film, else to the button.
  let byKeyboard = false;
  opener.addEventListener("click", (event) => {
    byKeyboard = event.detail === 0;
  });
  const element = h("div", { class: "has-menu", hidden: true }, opener, list);

  const toggle = (open: boolean) => {
    list.hidden = !open;
    opener.setAttribute("aria-expanded", String(open));
    if (open) (list.querySelector<HTMLElement>("[aria-checked=true]") ?? items()[0])?.focus();
  };
  const items = () => Array.from(list.querySelectorAll<HTMLElement>("button"));
  const close = () => {
    if (list.hidden) return false;
    if (list.contains(document.activeElement)) {
      if (byKeyboard) opener.focus();
      else (document.activeElement as HTMLElement).blur();
    }
    toggle(false);
    return true;
  };

  list.addEventListener("keydown", (event) => {
    const step = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
    if (step) {
      const all = items();
      const at = all.indexOf(document.activeElement as HTMLElement);
      all[(at + step + all.length) % all.length]?.focus();
      event.preventDefault();
    }
    if (event.key !== "Escape") event.stopPropagation();
  });
  element.addEventListener("focusout", (event) => {
    const to = event.relatedTarget;
    if (to instanceof Node && !element.contains(to)) toggle(false);
  });

  return {
    element,
    get open() {
      return !list.hidden;
    },
    show(options) {
      element.hidden = options.length < 2;
      const rows = options.map((option) =>
        button(option.label, { role: "menuitemradio", "aria-checked": String(option.active) }, () => {
          close();
          if (!option.active) option.choose();
        }),
      );
      replace(list, ...rows);
    },
    close,
  };
}
