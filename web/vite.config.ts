import { defineConfig } from "vite";

// Relative URLs everywhere, so that the page also works behind a sub-path.
export default defineConfig({
  base: "./",
  build: {
    target: "es2019",
    outDir: "dist",
    emptyOutDir: true,
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 900,
  },
  server: {
    proxy: Object.fromEntries(
      ["/api", "/dash", "/hls", "/media", "/live", "/direct"].map((path) => [
        path,
        process.env.MILLRACE_URL ?? "http://localhost:8484",
      ]),
    ),
  },
});
