// Placeholder art until a film has a poster: two hues and large initials, stable per name.

import { h } from "../dom";
import { hash, initials } from "../format";

export function art(name: string): HTMLElement {
  const seed = hash(name);
  const hue = seed % 360;
  const other = (hue + 40 + ((seed >>> 9) % 70)) % 360;
  const angle = 105 + ((seed >>> 17) % 70);
  const x = 15 + ((seed >>> 5) % 70);
  const picture = h("span", { class: "art", "aria-hidden": "true" });
  picture.style.backgroundImage = [
    `radial-gradient(circle at ${x}% 0%, hsl(${other} 80% 62% / .75), transparent 62%)`,
    `radial-gradient(circle at ${100 - x}% 110%, hsl(${(other + 60) % 360} 75% 38% / .7), transparent 58%)`,
    `linear-gradient(${angle}deg, hsl(${hue} 58% 30%), hsl(${other} 62% 17%))`,
  ].join(",");
  picture.append(h("span", { class: "initials" }, initials(name)));
  return picture;
}
