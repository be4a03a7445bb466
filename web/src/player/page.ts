// The player: wires session, stage, bar and keys together.

import { h } from "../dom";
import { clock } from "../format";
import { recall } from "../known";
import { strings } from "../strings";
import type { Quality } from "./choice";
import { controls } from "./controls";
import type { Choice } from "./engine";
import { listenForKeys } from "./keys";
import { report } from "./report";
import { Session } from "./session";
import { stage } from "./stage";
import { inWords } from "./trouble";

const text = strings.player;

interface AppleVideo extends HTMLVideoElement {
  webkitEnterFullscreen?(): void;
}

export function play(root: HTMLElement, id: string): () => void {
  const video: AppleVideo = h("video", { playsinline: true, preload: "auto" });
  const duration = () =>
    Number.isFinite(video.duration) && video.duration > 0 ? video.duration : (session.file?.duration_s ?? 0);
  let starting = true;
  let broken = false;

  const toggle = () => {
    if (video.paused) void tryToPlay();
    else video.pause();
  };
  const seek = (at: number) => {
    video.currentTime = Math.min(Math.max(0, at), Math.max(0, duration() - 0.2));
  };
  const skip = (seconds: number) => seek(video.currentTime + seconds);
  const mute = () => {
    video.muted = !video.muted;
  };
  const volume = (level: number) => {
    video.muted = false;
    video.volume = Math.min(1, Math.max(0, level));
  };
  const fullscreen = () => {
    if (document.fullscreenElement) void document.exitFullscreen();
    else if (view.element.requestFullscreen) view.element.requestFullscreen().catch(() => {});
    else video.webkitEnterFullscreen?.();
  };
  const pip = () => {
    const done = document.pictureInPictureElement
      ? document.exitPictureInPicture()
      : video.requestPictureInPicture();
    done.catch(() => {});
  };

  const bar = controls({ toggle, skip, seek, mute, volume, pip, fullscreen });
  const view = stage(
    video,
    bar.element,
    () => void tryToPlay(),
    () => !video.paused && !bar.audio.open && !bar.texts.open && !bar.quality.open,
  );

  const tryToPlay = async () => {
    view.askToPlay(false);
    try {
      await video.play();
    } catch (error) {
      if (error instanceof DOMException && error.name === "NotAllowedError") view.askToPlay(true);
    }
  };

  const closeMenus = () => [bar.audio, bar.texts, bar.quality].some((menu) => menu.close());

  const qualityLabel = (quality: Quality) =>
    quality.copy === "only"
      ? `${text.original}${quality.height ? ` · ${quality.height}p` : ""}`
      : `${quality.height}p`;
  const fillMenus = () => {
    const filledAgain = (choice: Choice) => ({
      ...choice,
      choose: () => {
        choice.choose();
        window.setTimeout(fillMenus, 100);
      },
    });
    bar.audio.show((session.engine?.sounds() ?? []).map(filledAgain));
    bar.texts.show((session.engine?.texts() ?? []).map(filledAgain));
    bar.quality.show(
      session.choices.map((quality) => ({
        label: qualityLabel(quality),
        active: session.quality?.copy === quality.copy && session.quality.height === quality.height,
        choose: () => void session.choose(quality).then(fillMenus),
      })),
    );
  };

  const session = new Session(id, video, view.captions, {
    file: (file) => {
      view.title(file.name);
      update();
    },
    loading: () => {
      starting = true;
      broken = false;
      view.trouble(null);
      view.element.classList.add("starting");
      view.waiting(text.starting);
    },
    ready: (resumedAt) => {
      starting = false;
      fillMenus();
      if (resumedAt) view.notice(text.resumed(clock(resumedAt)));
      void tryToPlay();
      view.element.classList.remove("starting");
    },
    failed: (error) => {
      broken = true;
      const at = video.currentTime;
      video.pause();
      view.waiting(null);
      view.askToPlay(false);
      view.trouble(inWords(error), () => void session.start(at || undefined));
      view.wake();
    },
  });

  const update = () => bar.update(video, duration());
  const wait = () => {
    if (broken || starting) return;
    const hungry = video.seeking || (video.readyState < 3 && !video.paused && !video.ended);
    view.waiting(hungry ? (video.seeking ? text.seeking : text.buffering) : null);
  };
  for (const name of [
    "timeupdate",
    "progress",
    "play",
    "pause",
    "volumechange",
    "durationchange",
    "seeked",
  ]) {
    video.addEventListener(name, update);
  }
  for (const name of ["waiting", "playing", "seeking", "seeked", "canplay", "timeupdate", "ended"]) {
    video.addEventListener(name, wait);
  }
  for (const name of ["pause", "ended"]) video.addEventListener(name, view.wake);
  video.addEventListener("play", () => view.askToPlay(false));
  document.addEventListener("fullscreenchange", update);

  // A mouse press plays and pauses; a finger first brings the bar back.
  let wasIdle = false;
  let finger = false;
  video.addEventListener("pointerdown", (event) => {
    finger = event.pointerType === "touch";
    wasIdle = view.element.classList.contains("idle");
  });
  video.addEventListener("click", () => {
    if (closeMenus()) return;
    if (finger) view.element.classList.toggle("idle", !wasIdle && !video.paused);
    else toggle();
  });
  video.addEventListener("dblclick", fullscreen);

  const stopKeys = listenForKeys({
    toggle,
    skip,
    louder: (step) => volume(video.volume + step),
    fullscreen,
    mute,
    leave: () => {
      if (closeMenus()) return;
      window.location.hash = "#/";
    },
  });
  const stopReport = report(id, video, duration);

  root.textContent = "";
  root.append(view.element);
  view.title(recall(id)?.name ?? "");
  update();
  window.scrollTo(0, 0);
  void session.start();

  return () => {
    stopReport();
    stopKeys();
    document.removeEventListener("fullscreenchange", update);
    if (document.fullscreenElement) void document.exitFullscreen();
    session.destroy();
    view.destroy();
    video.pause();
  };
}
