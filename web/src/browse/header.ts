// The bar above the grid: name, search, order.

import type { Listing } from "../api";
import { h, icon } from "../dom";
import { icons } from "../icons";
import { strings } from "../strings";

const text = strings.browse;

export interface Header {
  element: HTMLElement;
  search: HTMLInputElement;
}

export function header(listing: Listing, onChange: (listing: Listing) => void): Header {
  const search = h("input", {
    type: "search",
    placeholder: text.searchHint,
    "aria-label": text.search,
    autocomplete: "off",
    spellcheck: "false",
    enterkeyhint: "search",
    value: listing.q,
  });
  const sort = h("select", { "aria-label": text.sort });
  for (const [value, label] of Object.entries(text.sorts)) {
    sort.append(h("option", { value, selected: value === listing.sort }, label));
  }

  let timer = 0;
  const tell = () => {
    window.clearTimeout(timer);
    onChange({ q: search.value.trim(), sort: sort.value });
  };
  search.addEventListener("input", () => {
    window.clearTimeout(timer);
    timer = window.setTimeout(tell, 250);
  });
  search.addEventListener("keydown", (event) => {
    if (event.key === "Enter") tell();
  });
  sort.addEventListener("change", tell);

  const element = h(
    "header",
    { class: "top" },
    h(
      "a",
      { class: "brand", href: "#/" },
      h("img", { src: "./logo.svg", alt: "", width: 36, height: 36 }),
      h("span", {}, strings.name),
    ),
    h("label", { class: "search" }, icon(icons.search), search),
    h("span", { class: "sort" }, sort),
  );
  return { element, search };
}
