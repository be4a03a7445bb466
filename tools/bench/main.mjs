import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { cpus, loadavg, release } from "node:os";
import { basename, join, resolve } from "node:path";
import * as encoding from "./encoding.mjs";
import { CACHE, media, place } from "./media.mjs";
import { COPY, ENCODE, HLS, ON_DEMAND } from "./rivals.mjs";
import { Service, residentMegabytes, sleep } from "./service.mjs";
import { cachedSegments } from "./serving.mjs";
import { manifests } from "./manifests.mjs";
import { startsInChromium } from "./players.mjs";
import { joins, manyViewers, twoRungs } from "./sharing.mjs";
import { RUNS, rows } from "./table.mjs";
import { memory, restart } from "./upkeep.mjs";

const BINARY = resolve(process.env.CARGO_TARGET_DIR ?? "target", "release/millrace");
const RESULTS = "docs/benchmarks.md";
const [BEGIN, END] = ["<!-- measured: begin -->", "<!-- measured: end -->"];
// In the order of the table. `--only` takes one by its name.
const GROUPS = {
    first: encoding.firstFragments,
    unprobed: encoding.unprobed,
    players: startsInChromium,
    seek: encoding.seeks,
    playing: encoding.seeksBesideAPlayer,
    govod: encoding.seeksOfAnother,
    speed: encoding.encodeSpeed,
    viewers: manyViewers,
    rungs: twoRungs,
    join: joins,
    serving: cachedSegments,
    manifests,
    memory,
    restart,
};
const options = process.argv.slice(2);

function chosen() {
    if (!options.includes("--only")) return Object.values(GROUPS);
    const name = options[options.indexOf("--only") + 1];
    if (!(name in GROUPS)) throw new Error(`--only takes one of ${Object.keys(GROUPS).join(", ")}`);
    return [GROUPS[name]];
}

async function main() {
    const groups = chosen();
    if (!existsSync(BINARY)) throw new Error(`${BINARY} is not there: make build`);
    const paths = media();
    const load = loadavg()[0];
    const library = mkdtempSync(join(CACHE, "library-"));
    for (const path of Object.values(paths)) place(path, library);
    const service = await Service.start(BINARY, library);
    const report = {};
    try {
        await service.settled(Object.keys(paths).length);
        const films = {};
        for (const [name, path] of Object.entries(paths)) films[name] = await service.film(basename(path));
        await sleep(1000);
        const idle = residentMegabytes(service.pid);
        const spare = Math.max(...service.workers().map(residentMegabytes));
        const measured = { service, films, paths, binary: BINARY, library, idle, spare, report };
        for (const measure of groups) await measure(measured);
    } finally {
        await service.stop();
        rmSync(library, { recursive: true });
    }
    const text = table(load, report.pipeline);
    console.log(text);
    if (options.includes("--write")) write(text);
}

function table(load, pipeline) {
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
            + "(for seeks with `-ss`); the last one is go-vod's, from its start to the chunk of the position:",
        "",
        "```sh", `ffmpeg -i FILM ${COPY} ${HLS} …`, `ffmpeg -i FILM ${ENCODE} ${HLS} …`, `ffmpeg -ss … -i FILM ${ON_DEMAND} …`, "```",
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
