// Arrow keys over the grid. The columns are read from where the cards are.

const STEPS: Record<string, [number, number]> = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
};

export function moveWithArrows(grid: HTMLElement, leaveUp: () => void): void {
  grid.addEventListener("keydown", (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
    const cards = Array.from(grid.querySelectorAll<HTMLElement>("[data-card]"));
    const at = cards.indexOf(document.activeElement as HTMLElement);
    if (at < 0) return;
    let target: number;
    const step = STEPS[event.key];
    if (step) target = at + step[0] + step[1] * columns(cards);
    else if (event.key === "Home") target = 0;
    else if (event.key === "End") target = cards.length - 1;
    else return;
    event.preventDefault();
    if (target < 0 && event.key === "ArrowUp") leaveUp();
    const lastRow = event.key === "ArrowDown" && target >= cards.length ? cards.length - 1 : target;
    const card = cards[lastRow];
    card?.focus({ preventScroll: true });
    card?.scrollIntoView({ block: "nearest" });
  });
}

function columns(cards: HTMLElement[]): number {
  const top = cards[0]?.offsetTop;
  const next = cards.findIndex((card) => card.offsetTop !== top);
  return next < 0 ? cards.length : next;
}
