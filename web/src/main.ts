// Two routes in the hash: `#/` is the library, `#/play/{id}` plays a film.

import "./styles/base.css";
import "./styles/browse.css";
import "./styles/player.css";
import { browse } from "./browse/page";
import { play } from "./player/page";

const root = document.getElementById("app") as HTMLElement;
let leave: (() => void) | null = null;

function route(): void {
  leave?.();
  const playing = /^#\/play\/([^/?]+)/.exec(window.location.hash);
  document.documentElement.classList.toggle("playing", playing !== null);
  leave = playing?.[1] ? play(root, decodeURIComponent(playing[1])) : browse(root);
}

window.addEventListener("hashchange", route);
route();
