// The library: header, scan line, grid, paging.

import { type Listing, listFiles, type MediaFile, type ScanStatus } from "../api";
import { h, replace } from "../dom";
import { remember } from "../known";
import { strings } from "../strings";
import { card, skeleton } from "./card";
import { header } from "./header";
import { moveWithArrows } from "./keys";
import { followScan } from "./scan";
import * as states from "./states";

const PAGE = 48;
const text = strings.browse;

// Kept while a film plays, so that going back lands where one was.
const kept = { listing: { q: "", sort: "name" } as Listing, count: 0, scroll: 0 };

export function browse(root: HTMLElement): () => void {
  document.title = strings.name;
  let next: string | null = null;
  let loading: AbortController | null = null;
  let scanning = false;
  let shown: MediaFile[] = [];
  const cards = new Map<string, { facts: string; element: HTMLElement }>();

  const grid = h("div", { class: "grid" });
  const state = h("div", { class: "states" });
  const line = h("p", { class: "scanning", role: "status", hidden: true });
  const tail = h("div", { class: "tail", "aria-hidden": "true" });
  const top = header(kept.listing, (listing) => {
    if (listing.q === kept.listing.q && listing.sort === kept.listing.sort) return;
    kept.listing = listing;
    void load();
  });
  const main = h("main", { "aria-label": text.list }, line, state, grid, tail);
  replace(root, top.element, main);
  moveWithArrows(grid, () => top.search.focus());
  top.search.addEventListener("keydown", (event) => {
    if (event.key !== "ArrowDown") return;
    event.preventDefault();
    grid.querySelector<HTMLElement>("[data-card]")?.focus();
  });

  const show = (files: MediaFile[]) => {
    shown = files;
    remember(files);
    kept.count = files.length;
    const wanted = files.map((file) => {
      const facts = JSON.stringify(file);
      const known = cards.get(file.id);
      if (known?.facts === facts) return known.element;
      const element = card(file);
      if (known?.element === document.activeElement) queueMicrotask(() => element.focus());
      cards.set(file.id, { facts, element });
      return element;
    });
    const wantedSet = new Set<Element>(wanted);
    for (const old of Array.from(grid.children)) if (!wantedSet.has(old)) old.remove();
    wanted.forEach((element, i) => {
      if (grid.children[i] !== element) grid.insertBefore(element, grid.children[i] ?? null);
    });
    if (files.length) replace(state);
    else if (kept.listing.q) replace(state, states.noMatch(kept.listing.q, clear));
    else replace(state, scanning ? states.emptyWhileScanning() : states.empty(() => scan.start()));
  };

  const clear = () => {
    top.search.value = "";
    kept.listing = { ...kept.listing, q: "" };
    top.search.focus();
    void load();
  };

  /** Loads the list from its start, `count` films of it. */
  const load = async (count = PAGE) => {
    loading?.abort();
    const mine = new AbortController();
    loading = mine;
    grid.setAttribute("aria-busy", "true");
    try {
      const page = await listFiles(kept.listing, null, Math.min(1000, Math.max(PAGE, count)), mine.signal);
      next = page.next ?? null;
      show(page.files);
    } catch (error) {
      if (mine.signal.aborted) return;
      if (!shown.length) {
        replace(grid);
        replace(
          state,
          states.failed(message(error), () => void start()),
        );
      }
    } finally {
      if (loading === mine) {
        loading = null;
        grid.removeAttribute("aria-busy");
      }
    }
  };

  const more = async () => {
    if (!next || loading) return;
    const mine = new AbortController();
    loading = mine;
    try {
      const page = await listFiles(kept.listing, next, PAGE, mine.signal);
      next = page.next ?? null;
      const known = new Set(shown.map((file) => file.id));
      show([...shown, ...page.files.filter((file) => !known.has(file.id))]);
      watchTail();
    } catch {
      if (!mine.signal.aborted) window.setTimeout(watchTail, 3_000);
    } finally {
      if (loading === mine) loading = null;
    }
  };
  // An observer only tells of changes: after each page it looks anew, as the tail may still be in sight.
  const watchTail = () => {
    observer.unobserve(tail);
    if (tail.isConnected) observer.observe(tail);
  };
  const observer = new IntersectionObserver(
    (entries) => {
      if (entries.some((entry) => entry.isIntersecting)) void more();
    },
    { rootMargin: "800px" },
  );

  const start = async () => {
    const { count, scroll } = kept;
    replace(state);
    if (!shown.length) replace(grid, ...Array.from({ length: 12 }, skeleton));
    await load(count);
    if (scroll) window.scrollTo(0, scroll);
    watchTail();
  };

  const onStatus = (status: ScanStatus) => {
    const now = status.state === "scanning";
    line.hidden = !now;
    if (now) line.textContent = text.scanning(status.candidates ?? 0, status.scanned_paths ?? 0);
    if (now !== scanning) {
      scanning = now;
      if (!shown.length && !loading && !state.querySelector("[role=alert]")) show([]);
    }
  };
  const scan = followScan(onStatus, () => void load(shown.length));

  void start();
  return () => {
    kept.scroll = window.scrollY;
    observer.disconnect();
    loading?.abort();
    scan.stop();
  };
}

function message(error: unknown): string {
  if (error instanceof TypeError) return strings.player.network;
  return error instanceof Error ? error.message : String(error);
}
