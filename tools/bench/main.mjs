import { copyFileSync, existsSync, linkSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { cpus, homedir, loadavg, release } from "node:os";
import { basename, join, resolve } from "node:path";
import { media } from "./media.mjs";
import { COPY, ENCODE, HLS, ffmpegFirstSegment, gstreamerPipeline, gstreamerSeconds } from "./rivals.mjs";
import { Service, residentMegabytes, sleep } from "./service.mjs";

const RUNS = 5;
const BINARY = resolve(process.env.CARGO_TARGET_DIR ?? "target", "release/millrace");
const CACHE = join(process.env.XDG_CACHE_HOME ?? join(homedir(), ".cache"), "millrace-bench");
const RESULTS = "docs/benchmarks.md";
const [BEGIN, END] = ["<!-- measured: begin -->", "<!-- measured: end -->"];
const options = process.argv.slice(2);
const only = options.includes("--only") ? options[options.indexOf("--only") + 1] : "";

const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];
const rows = [];

// One row of the table: medians, with the spread of ours.
function row(what, { ours, rival, target, unit = "s", better = "less" }) {
    const digits = unit === "s" ? 3 : unit === "MB" ? 0 : 1;
    const text = (value) => `${value.toFixed(digits)} ${unit}`;
    const mine = median(ours);
    const spread = ours.length > 1 ? ` (${Math.min(...ours).toFixed(digits)}–${Math.max(...ours).toFixed(digits)})` : "";
    const theirs = rival && median(rival);
    const held = target && (better === "less" ? mine <= target.limit : mine / theirs >= target.limit);
    const wanted = target ? (better === "less" ? `≤ ${target.limit} ${unit}` : `≥ ${target.limit}×`) : "";
    const verdict = target ? (held ? "met" : "**missed**") : "";
    const ratio = rival ? `${(mine / theirs).toFixed(2)}` : "";
    rows.push([what, text(mine) + spread, theirs === undefined ? "" : text(theirs), ratio, wanted, verdict]);
    console.error(rows.at(-1).join(" | "));
}

async function repeat(measure) {
    const values = [];
    for (let run = 0; run < RUNS; run += 1) values.push(await measure());
    return values;
}

// Ours and the rival's in turn, so that a noisy moment meets both.
async function sideBySide(ours, rival) {
    const [mine, theirs] = [[], []];
    for (let run = 0; run < RUNS; run += 1) {
        mine.push(await ours());
        theirs.push(await rival());
    }
    return { ours: mine, rival: theirs };
}

async function firstFragments(service, films, paths) {
    for (const [name, kind, codecs, limit, what] of [
        ["h264", "vcopy", COPY, 0.1, "H.264, pass-through"],
        ["h264", "v1080", ENCODE, 0.3, "H.264, transcode to 1080p"],
        ["hevc10", "v1080", ENCODE, 0.45, "10-bit HEVC, transcode to 1080p"],
    ]) {
        const film = films[name];
        const path = service.segmentPath(film, kind, 0);
        const ours = async () => {
            await service.rest(film);
            return service.firstFragment(path);
        };
        const measured = await sideBySide(ours, () => ffmpegFirstSegment(paths[name], codecs));
        await service.rest(film);
        row(`First fragment: ${what}`, { ...measured, target: { limit } });
    }
}

async function seeks(service, films, paths) {
    const film = films.long;
    for (const [kind, codecs, limit, what] of [
        ["vcopy", COPY, 0.1, "pass-through"],
        // Segments of both kinds begin at keyframes of this film: no frame is decoded in vain.
        ["v1080", ENCODE, 0.35, "transcode"],
    ]) {
        const { segments, cut_list: cuts } = film.renditions[kind];
        const segment = Math.floor(segments * 0.9);
        const from = (cuts.duration_s * segment) / segments;
        const path = service.segmentPath(film, kind, segment);
        const alone = async () => {
            await service.rest(film);
            return service.firstFragment(path);
        };
        const measured = await sideBySide(alone, () => ffmpegFirstSegment(paths.long, codecs, from));
        row(`Seek to 90 % of ten minutes: ${what}, nothing else running`, { ...measured, target: { limit } });
        const besides = async () => {
            await service.rest(film);
            const viewer = service.watch(film, kind);
            while (viewer.segments < 1) await sleep(5);
            const seconds = await service.firstFragment(path);
            await viewer.stop();
            return seconds;
        };
        const ours = await repeat(besides);
        await service.rest(film);
        row(`Seek to 90 %: ${what}, another viewer reads from the start as fast as it can`, { ours, target: { limit } });
    }
}

async function encodeSpeed(service, films, paths) {
    const [film, seconds] = [films.short, 20];
    const { segments, cut_list: cuts, frame_rate: rate } = film.renditions.v1080;
    const frames = Math.round(cuts.duration_s * rate);
    const values = { width: 1920, height: 1080, kbps: 6000, bps: 6000000, level: 4 };
    const pipeline = gstreamerPipeline("pipelines/software.toml", paths.short, values);
    const workers = [];
    const ours = async () => {
        await service.rest(film);
        const begin = performance.now();
        for (let segment = 0; segment < segments; segment += 1) {
            await service.bytes("GET", service.segmentPath(film, "v1080", segment));
            workers.push(Math.max(...service.workers().map(residentMegabytes)));
        }
        return frames / ((performance.now() - begin) / 1000);
    };
    const rival = async () => frames / (await gstreamerSeconds(pipeline));
    const measured = await sideBySide(ours, rival);
    await service.rest(film);
    row(`Encode speed: ${seconds} s of 1080p H.264, all segments in turn, beside gst-launch-1.0`, {
        ...measured, unit: "frames/s", better: "more", target: { limit: 0.95 },
    });
    row("Memory: worker that encodes 1080p, the most", { ours: [Math.max(...workers)], unit: "MB", target: { limit: 200 } });
    return pipeline;
}

// A service that has just started and has never looked into the film: playlist and first fragment.
async function unprobed(path) {
    const folder = mkdtempSync(join(CACHE, "library-"));
    place(path, folder);
    const ours = await repeat(async () => {
        const service = await Service.start(BINARY, folder);
        let files = [];
        while (files.length === 0) ({ files } = await service.json("GET", "/api/files"));
        const begin = performance.now();
        const playlist = (await service.bytes("GET", `/hls/${files[0].id}/index.m3u8`)).toString();
        const rendition = /\/(vcopy[^/]*)\//.exec(playlist)[1];
        await service.firstFragment(`/media/${files[0].id}/${rendition}/0.m4s`);
        const seconds = (performance.now() - begin) / 1000;
        await service.stop();
        return seconds;
    });
    rmSync(folder, { recursive: true });
    row("Playlist and first fragment of a film never looked into, just after the service started: H.264, pass-through", { ours });
}

// Into a library: as a hard link where that can be.
function place(path, folder) {
    try {
        linkSync(path, join(folder, basename(path)));
    } catch {
        copyFileSync(path, join(folder, basename(path)));
    }
}

async function main() {
    if (!existsSync(BINARY)) throw new Error(`${BINARY} is not there: make build`);
    const paths = media(CACHE);
    const load = loadavg()[0];
    const library = mkdtempSync(join(CACHE, "library-"));
    for (const path of Object.values(paths)) place(path, library);
    const service = await Service.start(BINARY, library);
    let pipeline = "";
    try {
        await service.settled(Object.keys(paths).length);
        const films = {};
        for (const [name, path] of Object.entries(paths)) films[name] = await service.film(basename(path));
        await sleep(1000);
        const idle = residentMegabytes(service.pid);
        const spare = Math.max(...service.workers().map(residentMegabytes));
        const wanted = (group) => group.includes(only);
        if (wanted("first")) await firstFragments(service, films, paths);
        if (wanted("unprobed")) await unprobed(paths.h264);
        if (wanted("seek")) await seeks(service, films, paths);
        if (wanted("speed")) pipeline = await encodeSpeed(service, films, paths);
        if (wanted("memory")) {
            row("Memory: service idle, library scanned", { ours: [idle], unit: "MB", target: { limit: 40 } });
            row("Memory: service idle, after all of the above", { ours: [residentMegabytes(service.pid)], unit: "MB", target: { limit: 40 } });
            row("Memory: spare worker, of two", { ours: [spare], unit: "MB" });
        }
    } finally {
        await service.stop();
        rmSync(library, { recursive: true });
    }
    const text = report(load, pipeline.replaceAll(CACHE, "…"));
    console.log(text);
    if (options.includes("--write")) write(text);
}

function report(load, pipeline) {
    const processors = cpus();
    const date = new Date().toISOString().slice(0, 10);
    const lines = [
        `Measured ${date} on ${processors.length} cores of ${processors[0].model.trim()}, Linux ${release()}; load average at the `
            + `beginning ${load.toFixed(1)}, at the end ${loadavg()[0].toFixed(1)}. Medians of ${RUNS}, of ours also the least and the most.`,
        "",
        "| what | Millrace | beside it | ratio | target | |",
        "|---|---|---|---|---|---|",
        ...rows.map((cells) => `| ${cells.join(" | ")} |`),
        "",
        "Beside first fragments and seeks stands plain ffmpeg, from its start to the moment its playlist names a segment "
            + "(for seeks with `-ss`):",
        "",
        "```sh", `ffmpeg -i FILM ${COPY} ${HLS} …`, `ffmpeg -i FILM ${ENCODE} ${HLS} …`, "```",
    ];
    if (pipeline) lines.push("", "Beside the encode speed:", "", "```sh", `gst-launch-1.0 ${pipeline}`, "```");
    return lines.join("\n");
}

function write(text) {
    const page = readFileSync(RESULTS, "utf8");
    const [before, rest] = page.split(BEGIN);
    const after = rest.split(END)[1];
    writeFileSync(RESULTS, `${before}${BEGIN}\n${text}\n${END}${after}`);
}

await main();
