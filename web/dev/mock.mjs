// A stand-in for the server, to work on the page without one: node dev/mock.mjs [PORT] [MEDIA_DIR]
// Serves dist/ and made-up answers under /api; MEDIA_DIR/manifest.mpd, if given, is what every film plays.
// Add ?mock=empty, ?mock=error or ?mock=scanning to the page's address to see those states.
import { createReadStream, existsSync, statSync } from "node:fs";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";

const port = Number(process.argv[2] ?? 8485);
const media = process.argv[3];
const dist = fileURLToPath(new URL("../dist", import.meta.url));
const types = {
  ".html": "text/html",
  ".js": "text/javascript",
  ".css": "text/css",
  ".svg": "image/svg+xml",
  ".mpd": "application/dash+xml",
  ".m4s": "video/iso.segment",
  ".mp4": "video/mp4",
};
const policy =
  "default-src 'self'; img-src 'self' data:; media-src 'self' blob:; worker-src 'self' blob:; connect-src 'self'; script-src 'self'; style-src 'self'";

const named = [
  ["Big Buck Bunny (2008).mkv", "h264", 1080, 596],
  ["Sintel.2010.2160p.HDR10.mkv", "hevc", 2160, 888, "HDR10"],
  [
    "Tears of Steel – Director's Commentary and an unusually long file name, part two.mov",
    "prores",
    2160,
    734,
  ],
  ["Ferien 1994 (VHS).avi", "mpeg4", 576, 5520],
  ["東京物語.mp4", "h264", 1080, 8160],
  ["Cosmos Laundromat.webm", "vp9", 1440, 730],
  ["Метрополис.mkv", "av1", 1080, 8990],
  ["The Third Man.ts", "mpeg2video", 720, 6280],
  ["Agent 327.mkv", "av1", 2160, 231, true],
];
const films = named.map(([name, codec, height, duration_s, hdr], i) => ({
  id: `f${i}`,
  name,
  library: i % 2 ? "Series" : "Films",
  size: 700_000_000 * (i + 1),
  duration_s,
  state: "ready",
  video: { codec, height, width: Math.round((height * 16) / 9), hdr: hdr ?? false },
  position_s: [0, 400, 0, 2000][i % 4] % duration_s,
}));
films.push(
  {
    id: "off",
    name: "Playtime.mkv",
    state: "offline",
    reason: "The library “NAS” at /mnt/nas is not mounted.",
    duration_s: 7400,
    video: { codec: "h264", height: 1080 },
  },
  { id: "bad", name: "Unfinished download.mp4", state: "broken", reason: "The file ends before its index." },
  { id: "new", name: "Just copied.mkv", state: "unprobed", library: "Films", size: 12_000_000_000 },
);
for (let i = 0; i < 120; i += 1) {
  films.push({
    ...films[i % 9],
    id: `n${i}`,
    name: `Home video ${String(i + 1).padStart(3, "0")}.mp4`,
    position_s: 0,
  });
}

const renditions = [
  { id: "v-copy", kind: "video", copied: true, codec_string: "hvc1.2.4.L150.B0", height: 2160 },
  { id: "v-1080", kind: "video", copied: false, codec_string: "avc1.4d4028", height: 1080 },
  { id: "v-720", kind: "video", copied: false, codec_string: "avc1.4d401f", height: 720 },
  { id: "v-360", kind: "video", copied: false, codec_string: "avc1.4d401e", height: 360 },
  { id: "a-0", kind: "audio", copied: false, codec_string: "mp4a.40.2", language: "en", label: "English" },
];

function api(request, url) {
  const state = new URL(request.headers.referer ?? "http://x").searchParams.get("mock");
  if (url.pathname === "/api/files") {
    if (state === "error")
      return [500, { title: "Trouble", detail: "The catalogue is locked by another process." }];
    if (state === "empty" || state === "emptyscan") return [200, { files: [], next: null }];
    const q = (url.searchParams.get("q") ?? "").toLowerCase();
    const found = films.filter((film) => film.name.toLowerCase().includes(q));
    const from = Number(url.searchParams.get("cursor") ?? 0);
    const to = from + Number(url.searchParams.get("limit") ?? 100);
    return [200, { files: found.slice(from, to), next: to < found.length ? String(to) : null }];
  }
  if (url.pathname === "/api/scan/status") {
    const running = state === "scanning" || state === "emptyscan";
    return [
      200,
      { state: running ? "scanning" : "idle", candidates: 129, scanned_paths: 4213, indexed: 129 },
    ];
  }
  const film = films.find((one) => url.pathname.split("/").includes(one.id));
  if (film && url.pathname === `/api/files/${film.id}`) return [200, { ...film, renditions }];
  if (film || url.pathname === "/api/scan") return [200, {}];
  return [404, { title: "Not found", detail: "There is no such film.", request_id: "01J9MOCK" }];
}

function sendFile(response, path) {
  if (!existsSync(path) || !statSync(path).isFile()) return sendJson(response, 404, { title: "Not found" });
  response.writeHead(200, {
    "Content-Type": types[extname(path)] ?? "application/octet-stream",
    "Content-Security-Policy": policy,
  });
  return createReadStream(path).pipe(response);
}

function sendJson(response, status, body) {
  response.writeHead(status, {
    "Content-Type": status < 400 ? "application/json" : "application/problem+json",
  });
  response.end(JSON.stringify(body));
}

createServer((request, response) => {
  const url = new URL(request.url, "http://x");
  const path = normalize(decodeURIComponent(url.pathname));
  if (request.method !== "GET" || path.includes("manifest")) {
    console.log(request.method, request.url);
  }
  if (path.startsWith("/api/")) return sendJson(response, ...api(request, url));
  const inDash = /^\/dash\/[^/]+\/(.+)$/.exec(path);
  if (inDash && media) return sendFile(response, join(media, inDash[1]));
  return sendFile(response, join(dist, path === "/" ? "index.html" : path));
}).listen(port, () => console.log(`http://localhost:${port}/`));
