import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

// Built into dist/, which the coordinator serves at /; `npm run dev` talks to a coordinator on port 8080.
export default defineConfig({
  plugins: [react()],
  server: { proxy: { "/api": { target: "http://127.0.0.1:8080", ws: true } } },
  worker: { format: "es" },
  build: { chunkSizeWarningLimit: 1500 },
  // Without a browser's objects a test starts five times as fast; one that needs them says so in its first line.
  test: { environment: "node", include: ["src/**/*.test.ts", "src/**/*.test.tsx"] },
});
