// How long a viewer in Chromium looks at nothing: from telling a player what to play to its first picture. Beside it what
// the player alone takes, when everything is there.
import { browsers, serveStage } from "../../tests/players/stage.mjs";
import { RUNS, row } from "./table.mjs";

// What nginx-vod-module took on an MP4, measured once on such a machine, is the limit for what goes through as it is.
const STARTS = [
    ["copy", "hls.js", "hls", "index.m3u8", 0.34],
    ["copy", "Shaka", "dash", "manifest.mpd", 0.28],
    ["copy", "native", "hls", "index.m3u8", 0.24],
    ["transcode", "Shaka", "dash", "manifest.mpd", 0.6],
    ["transcode", "hls.js", "hls", "index.m3u8", 1.0],
];
const FORMS = { copy: ["only", "pass-through"], transcode: ["none", "transcode to 1080p"] };
const SCRIPTS = { "hls.js": "hls.js/dist/hls.js", Shaka: "shaka-player/dist/shaka-player.compiled.js" };
const CONTAINERS = { h264mp4: "MP4", h264: "Matroska" };
const NAMES = { "hls.js": "hls.js", Shaka: "Shaka, DASH", native: "the browser's own HLS" };

async function firstPicture(stage, browser, player, address) {
    const tab = await browser.open(stage.url);
    await tab.evaluate("reads = false");
    if (player in SCRIPTS) await tab.evaluate(`script('/modules/${SCRIPTS[player]}')`);
    const milliseconds = await tab.evaluate(`new Promise((shown, failed) => {
        const begin = performance.now();
        setTimeout(() => failed(new Error(errors.join() || 'no picture')), 30_000);
        video.requestVideoFrameCallback(now => shown(now - begin));
        start(${[player, address].map((text) => JSON.stringify(text))});
    })`);
    await tab.close();
    return milliseconds / 1000;
}

export async function startsInChromium({ service, films }) {
    const stage = await serveStage();
    const browser = await browsers.Chromium();
    try {
        for (const [form, player, protocol, file, limit] of STARTS) {
            const [copy, what] = FORMS[form];
            for (const [name, container] of Object.entries(CONTAINERS)) {
                const film = films[name];
                const address = `http://127.0.0.1:${service.port}/${protocol}/${film.id}/${file}?copy=${copy}`;
                const look = () => firstPicture(stage, browser, player, address);
                const [ours, rival] = [[], []];
                // The first of a browser's pages also starts its processes.
                await look();
                for (let run = 0; run < RUNS; run += 1) {
                    await service.rest(film);
                    ours.push(await look());
                    // A player that has seen a fast network asks for more than it did at first: so the third time all is there.
                    await look();
                    await service.halt(film);
                    rival.push(await look());
                }
                await service.rest(film);
                row(`First picture in Chromium, ${NAMES[player]}: H.264 in ${container}, ${what}, beside all of it made before`, {
                    ours, rival, target: { limit },
                });
            }
        }
    } finally {
        await browser.close();
        await stage.close();
    }
}
