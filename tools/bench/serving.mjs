// Segments that are stored, served over loopback beside nginx with the same files.
import { execFileSync, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sleep } from "./service.mjs";
import { row, sideBySide } from "./table.mjs";

const [CONNECTIONS, SECONDS, THREADS] = [64, 4, 2];

// Set up for static files as its documentation recommends, a worker per core.
const CONFIGURATION = (folder, port) => `
daemon off; pid ${folder}/pid; error_log ${folder}/error.log; worker_processes ${THREADS};
events { worker_connections 1024; }
http {
    access_log off; sendfile on; tcp_nopush on; tcp_nodelay on;
    keepalive_requests 1000000000; open_file_cache max=1000 inactive=60s;
    types { video/mp4 m4s; }
    client_body_temp_path ${folder}/t1; proxy_temp_path ${folder}/t2; fastcgi_temp_path ${folder}/t3;
    uwsgi_temp_path ${folder}/t4; scgi_temp_path ${folder}/t5;
    server { listen 127.0.0.1:${port}; root ${folder}/files; }
}`;

async function freePort() {
    const server = createServer();
    await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address();
    await new Promise((resolve) => server.close(resolve));
    return port;
}

class Nginx {
    static async start() {
        const nginx = new Nginx();
        nginx.folder = mkdtempSync(join(tmpdir(), "millrace-nginx-"));
        // Its workers run as another user.
        execFileSync("chmod", ["755", nginx.folder]);
        mkdirSync(join(nginx.folder, "files"));
        nginx.port = await freePort();
        writeFileSync(join(nginx.folder, "nginx.conf"), CONFIGURATION(nginx.folder, nginx.port));
        nginx.child = spawn("nginx", ["-p", nginx.folder, "-c", join(nginx.folder, "nginx.conf"), "-e", join(nginx.folder, "error.log")]);
        nginx.ended = new Promise((resolve) => nginx.child.once("exit", resolve));
        await sleep(500);
        return nginx;
    }

    async stop() {
        this.child.kill("SIGTERM");
        await this.ended;
        rmSync(this.folder, { recursive: true, force: true });
    }
}

// Each connection asks for all of them in turn. Requests and bytes per second.
function load(port, paths) {
    const folder = mkdtempSync(join(tmpdir(), "millrace-wrk-"));
    const script = join(folder, "paths.lua");
    writeFileSync(script, `
        local paths = { ${paths.map((path) => JSON.stringify(path)).join(", ")} }
        local at = 0
        function request()
            at = at % #paths + 1
            return wrk.format("GET", paths[at])
        end
        function done(summary, latency, requests)
            local errors = summary.errors
            io.write(string.format("RESULT %f %f %d\\n", summary.requests / summary.duration * 1e6,
                summary.bytes / summary.duration * 1e6,
                errors.connect + errors.read + errors.write + errors.status + errors.timeout))
        end`);
    return new Promise((resolve, reject) => {
        const child = spawn("wrk", [`-t${THREADS}`, `-c${CONNECTIONS}`, `-d${SECONDS}s`, "--timeout", "60s", "-s", script, `http://127.0.0.1:${port}`]);
        let said = "";
        child.stdout.on("data", (data) => (said += data));
        child.once("error", reject);
        child.once("exit", () => {
            rmSync(folder, { recursive: true });
            const found = /RESULT (\S+) (\S+) (\d+)/.exec(said);
            if (!found || found[3] !== "0") reject(new Error(`wrk: ${said}`));
            else resolve({ requests: Number(found[1]), megabytes: Number(found[2]) / 1e6 });
        });
    });
}

export async function cachedSegments({ service, films }) {
    const film = films.long;
    const audio = Object.keys(film.renditions).find((kind) => kind.startsWith("a"));
    await service.rest(film);
    const nginx = await Nginx.start();
    try {
        for (const [kind, count, what] of [
            [audio, 16, "sound"],
            ["v1080", 16, "picture"],
            ["vcopy", 100, "picture, more of them than are kept in memory"],
        ]) {
            const paths = Array.from({ length: count }, (_, segment) => service.segmentPath(film, kind, segment));
            let bytes = 0;
            for (const path of paths) {
                const segment = await service.bytes("GET", path);
                bytes += segment.length;
                mkdirSync(join(nginx.folder, "files", path, ".."), { recursive: true });
                writeFileSync(join(nginx.folder, "files", path), segment);
            }
            const average = Math.round(bytes / count / 1000);
            // What the heads still make ahead is none of the servers' work.
            await service.halt(film);
            const measured = await sideBySide(() => load(service.port, paths), () => load(nginx.port, paths));
            const each = (unit) => ({ ours: measured.ours.map((run) => run[unit]), rival: measured.rival.map((run) => run[unit]) });
            const text = `Stored segments, ${average} kB of ${what}, ${CONNECTIONS} connections, beside nginx`;
            row(text, { ...each("requests"), unit: "requests/s", target: { share: 0.8 } });
            row(`${text}: bytes`, { ...each("megabytes"), unit: "MB/s", target: { share: 0.8 } });
        }
    } finally {
        await nginx.stop();
    }
    await service.rest(film);
}
