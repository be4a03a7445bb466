// The player's keys.

export interface KeyActions {
  toggle(): void;
  skip(seconds: number): void;
  louder(step: number): void;
  fullscreen(): void;
  mute(): void;
  leave(): void;
}

/** Returns the function that stops listening. */
export function listenForKeys(actions: KeyActions): () => void {
  const onKey = (event: KeyboardEvent) => {
    if (event.altKey || event.ctrlKey || event.metaKey || event.defaultPrevented) return;
    const on = event.target;
    const pressesButton = on instanceof Element && on.closest("button, a") !== null;
    switch (event.key) {
      case " ":
      case "Enter":
        if (pressesButton || event.key === "Enter") return;
        if (!event.repeat) actions.toggle();
        break;
      case "k":
        actions.toggle();
        break;
      case "ArrowLeft":
        actions.skip(-10);
        break;
      case "ArrowRight":
        actions.skip(10);
        break;
      case "ArrowUp":
        actions.louder(0.1);
        break;
      case "ArrowDown":
        actions.louder(-0.1);
        break;
      case "f":
        actions.fullscreen();
        break;
      case "m":
        actions.mute();
        break;
      case "Escape":
        if (document.fullscreenElement) return;
        actions.leave();
        break;
      default:
        return;
    }
    event.preventDefault();
  };
  document.addEventListener("keydown", onKey);
  return () => document.removeEventListener("keydown", onKey);
}
